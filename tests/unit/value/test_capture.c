/* SPDX-License-Identifier: MIT
 *
 * test_capture.c: rows that are kept: copies, many of them, and no room.
 */
#include "value/capture.h"

#include <check.h>
#include <stdio.h>

static enum sink_verdict give(struct capture *c, int64_t id, struct str name, struct fail *f)
{
    struct value cells[2] = {{.kind = VALUE_INT, .num = id},
                             {.kind = VALUE_TEXT, .text = name}};
    return c->sink.row(&c->sink, cells, f);
}

START_TEST(rows_are_copies)
{
    struct arena a;
    struct capture c;
    struct fail f;
    char text[16];
    fail_init(&f);
    arena_init(&a, 0);
    capture_init(&c, &a, 2);
    for (int i = 0; i < 1000; i++) { /* the driver's buffer is the same for all */
        int n = snprintf(text, sizeof text, "row %d", i);
        ck_assert_int_eq(give(&c, i, (struct str){text, (size_t)n}, &f), SINK_MORE);
    }
    ck_assert_uint_eq(c.count, 1000);
    ck_assert_int_eq(capture_row(&c, 7)[0].num, 7);
    ck_assert(str_is(capture_row(&c, 7)[1].text, "row 7"));
    ck_assert(str_is(capture_row(&c, 999)[1].text, "row 999"));
    arena_fini(&a);
}
END_TEST

START_TEST(empty_texts_and_nulls)
{
    struct arena a;
    struct capture c;
    struct fail f;
    struct value cells[2] = {{.kind = VALUE_NULL}, {.kind = VALUE_BYTES, .text = {NULL, 0}}};
    fail_init(&f);
    arena_init(&a, 0);
    capture_init(&c, &a, 2);
    ck_assert_int_eq(c.sink.row(&c.sink, cells, &f), SINK_MORE);
    ck_assert_int_eq(capture_row(&c, 0)[0].kind, VALUE_NULL);
    ck_assert_int_eq(capture_row(&c, 0)[1].kind, VALUE_BYTES);
    ck_assert_uint_eq(capture_row(&c, 0)[1].text.len, 0);
    arena_fini(&a);
}
END_TEST

START_TEST(the_arena_is_the_bound)
{
    struct arena a;
    struct capture c;
    struct fail f;
    fail_init(&f);
    arena_init(&a, 64 * 1024);
    capture_init(&c, &a, 2);
    enum sink_verdict v = SINK_MORE;
    for (int i = 0; i < 100000 && v == SINK_MORE; i++) {
        v = give(&c, i, STR("some text that is kept"), &f);
    }
    ck_assert_int_eq(v, SINK_FAILED);
    ck_assert_int_eq(f.code, ERR_REQUEST_TOO_LARGE);
    arena_fini(&a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("capture");
    TCase *t = tcase_create("capture");
    tcase_add_test(t, rows_are_copies);
    tcase_add_test(t, empty_texts_and_nulls);
    tcase_add_test(t, the_arena_is_the_bound);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
