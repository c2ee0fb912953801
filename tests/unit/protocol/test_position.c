/* SPDX-License-Identifier: MIT
 *
 * Tests of protocol/position.c: positions as text and which of two is further.
 */
#include "protocol/position.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct position parsed(const char *text)
{
    struct position p;
    ck_assert_msg(position_parse(str_of(text), &p), "%s", text);
    return p;
}

START_TEST(what_is_written_reads_back)
{
    static const char *const texts[] = {
        "pg:0/0",
        "pg:16/B374D848",
        "pg:FFFFFFFF/FFFFFFFF",
        "maria:0-1-1",
        "maria:0-1-2,5-9-3",
        "maria:4294967295-4294967295-18446744073709551615,1-4294967295-18446744073709551615,"
        "2-4294967295-18446744073709551615,3-4294967295-18446744073709551615"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct position p = parsed(texts[i]);
        char out[POSITION_TEXT_BYTES];
        position_write(&p, out);
        ck_assert_str_eq(out, texts[i]);
    }
}
END_TEST

START_TEST(anything_else_is_refused)
{
    static const char *const texts[] = {"",
                                        "pg",
                                        "pg:",
                                        "pg:0",
                                        "pg:0/",
                                        "pg:/0",
                                        "pg:0/0 ",
                                        " pg:0/0",
                                        "PG:0/0",
                                        "pg:0/100000000",
                                        "pg:0/00000000000000000000000000",
                                        "pg:-1/0",
                                        "pg:0x1/0",
                                        "maria:",
                                        "maria:0-1",
                                        "maria:0-1-",
                                        "maria:0-1-1,",
                                        "maria:,0-1-1",
                                        "maria:0-1-1,0-2-2",
                                        "maria:4294967296-1-1",
                                        "maria:0-1-18446744073709551616",
                                        "maria:a-1-1",
                                        "maria:0-1-1 ",
                                        "maria:0-1-1,1-1-1,2-1-1,3-1-1,4-1-1",
                                        "0-1-1",
                                        "0/0"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct position p;
        ck_assert_msg(!position_parse(str_of(texts[i]), &p), "%s", texts[i]);
    }
}
END_TEST

static void check_covers(const char *have, const char *want, bool covers)
{
    struct position a = parsed(have), b = parsed(want);
    ck_assert_msg(position_covers(&a, &b) == covers, "%s %s", have, want);
}

START_TEST(a_position_covers_what_is_not_behind_it)
{
    check_covers("pg:1/0", "pg:0/FFFFFFFF", true);
    check_covers("pg:1/0", "pg:1/0", true);
    check_covers("pg:0/FFFFFFFF", "pg:1/0", false);
    check_covers("maria:0-1-10", "maria:0-2-9", true);
    check_covers("maria:0-1-9", "maria:0-1-10", false);
    check_covers("maria:0-1-9,1-1-4", "maria:1-1-4", true);
    check_covers("maria:0-1-9", "maria:0-1-9,1-1-1", false);
    check_covers("maria:0-1-9", "pg:0/1", false);
    struct position none = {.kind = POSITION_NONE}, some = parsed("pg:0/1");
    ck_assert(!position_covers(&some, &none));
    ck_assert(!position_covers(&none, &none));
}
END_TEST

START_TEST(raising_never_goes_back)
{
    struct position p = {.kind = POSITION_NONE}, lsn = parsed("pg:0/5"),
                    older = parsed("pg:0/4");
    position_raise(&p, &lsn);
    position_raise(&p, &older);
    ck_assert_uint_eq(p.lsn, 5);
    struct position g = parsed("maria:0-1-5,1-1-5"), other = parsed("maria:0-2-6,1-1-4,2-1-1");
    char out[POSITION_TEXT_BYTES];
    position_raise(&g, &other);
    position_write(&g, out);
    ck_assert_str_eq(out, "maria:0-2-6,1-1-5,2-1-1");
}
END_TEST

START_TEST(a_databases_own_text_has_no_kind_before_it)
{
    struct position p;
    ck_assert(position_read(POSITION_LSN, STR("0/10"), &p));
    ck_assert_uint_eq(p.lsn, 16);
    ck_assert(!position_read(POSITION_GTID, STR(""), &p));
    ck_assert_int_eq(p.kind, POSITION_NONE);
    ck_assert(!position_read(POSITION_NONE, STR("0/10"), &p));
    ck_assert(str_is(position_native("maria:0-1-1"), "0-1-1"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("protocol/position");
    TCase *t = tcase_create("position");
    tcase_add_test(t, what_is_written_reads_back);
    tcase_add_test(t, anything_else_is_refused);
    tcase_add_test(t, a_position_covers_what_is_not_behind_it);
    tcase_add_test(t, raising_never_goes_back);
    tcase_add_test(t, a_databases_own_text_has_no_kind_before_it);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
