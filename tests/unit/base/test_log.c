/* SPDX-License-Identifier: MIT
 *
 * test_log.c: lines as they reach the file.
 */
#include "base/json.h"
#include "base/log.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct log l;
static int ends[2];
static char line[20000];

static void setup(void)
{
    ck_assert_int_eq(pipe(ends), 0);
    log_init(&l, ends[1], LOG_TEXT);
}

static void teardown(void)
{
    close(ends[0]);
    close(ends[1]);
}

/* What was written since, with a NUL; a NUL byte first so that nothing is nothing. */
static const char *written(void)
{
    ck_assert_int_eq(write(ends[1], "", 1), 1);
    ssize_t n = read(ends[0], line, sizeof line - 1);
    ck_assert_int_gt(n, 0);
    line[n] = '\0';
    return line;
}

START_TEST(a_text_line_has_time_level_category_and_fields)
{
    LOG(&l, LOG_POOL, LOG_WARN, "connect failed", LOG_S("db", STR("main")), LOG_I("n", -3),
        LOG_END);
    const char *text = written();
    ck_assert_int_eq(text[4], '-');
    ck_assert_int_eq(text[23], 'Z');
    ck_assert_str_eq(text + 24, " warn  pool    connect failed db=main n=-3\n");
    ck_assert_uint_eq(atomic_load(&l.lines), 1);
}
END_TEST

START_TEST(odd_values_are_quoted_and_lines_stay_whole)
{
    LOG(&l, LOG_CLIENT, LOG_ERROR, "two\nlines\t\x7f", LOG_S("a", STR("b c")),
        LOG_S("q", STR("\"\n")), LOG_S("e", STR("")), LOG_S("eq", STR("a=b")), LOG_END);
    ck_assert_str_eq(written() + 24, " error client  two lines   a=\"b c\" q=\"\\\"\\n\" e=\"\""
                                     " eq=\"a=b\"\n");
}
END_TEST

START_TEST(a_json_line_is_json)
{
    atomic_store(&l.format, LOG_JSON);
    LOG(&l, LOG_SQL, LOG_INFO, "say \"hi\"\n", LOG_S("sql", STR("select '\x01'")),
        LOG_I("ms", 12), LOG_END);
    const char *text = written();
    struct arena a;
    struct json *root;
    arena_init(&a, 0);
    ck_assert_int_eq(json_parse(&a, str_of(text), 4, &root, NULL), ERR_OK);
    ck_assert(json_is(json_get(root, "message"), "say \"hi\"\n"));
    ck_assert(json_is(json_get(root, "level"), "info"));
    ck_assert(json_is(json_get(root, "category"), "sql"));
    ck_assert(json_is(json_get(root, "sql"), "select '\x01'"));
    ck_assert(str_is(json_text(json_get(root, "ms")), "12"));
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    arena_fini(&a);
}
END_TEST

START_TEST(levels_are_kept_by_category)
{
    LOG(&l, LOG_SQL, LOG_DEBUG, "not shown", LOG_END);
    log_set_level(&l, LOG_SQL, LOG_DEBUG);
    log_set_level(&l, LOG_POOL, LOG_OFF);
    LOG(&l, LOG_SQL, LOG_DEBUG, "shown", LOG_END);
    LOG(&l, LOG_CLIENT, LOG_DEBUG, "not shown", LOG_END);
    LOG(&l, LOG_POOL, LOG_ERROR, "not shown", LOG_END);
    ck_assert_str_eq(written() + 24, " debug sql     shown\n");
    ck_assert(!log_on(NULL, LOG_SQL, LOG_ERROR));
    l.fd = -1;
    ck_assert(!log_on(&l, LOG_SQL, LOG_ERROR));
}
END_TEST

START_TEST(long_lines_are_cut)
{
    char text[9000];
    memset(text, 'x', sizeof text);
    LOG(&l, LOG_SQL, LOG_INFO, "m", LOG_S("sql", ((struct str){text, sizeof text})), LOG_END);
    const char *got = written();
    ck_assert_uint_eq(strlen(got), 8192);
    ck_assert_int_eq(got[8191], '\n');
}
END_TEST

START_TEST(levels_and_categories_have_names)
{
    ck_assert_str_eq(log_level_name(LOG_OFF), "off");
    for (int c = 0; c < LOG_CATEGORY_COUNT; c++) {
        ck_assert_uint_gt(strlen(log_category_name((enum log_category)c)), 2);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/log");
    TCase *t = tcase_create("log");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_text_line_has_time_level_category_and_fields);
    tcase_add_test(t, odd_values_are_quoted_and_lines_stay_whole);
    tcase_add_test(t, a_json_line_is_json);
    tcase_add_test(t, levels_are_kept_by_category);
    tcase_add_test(t, long_lines_are_cut);
    tcase_add_test(t, levels_and_categories_have_names);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
