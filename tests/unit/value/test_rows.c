/* SPDX-License-Identifier: MIT
 *
 * test_rows.c: rows to text in every form, with limits, chunks and credit.
 */
#include "tests/unit/fail_alloc.h"
#include "value/rows.h"

#include <check.h>
#include <string.h>

#define COLUMNS 2

static struct column_info columns[COLUMNS];
static struct fail fail;

static void setup(void)
{
    columns[0] = (struct column_info){.name = STR("id"), .type = type_of(TYPE_INTEGER)};
    columns[1] = (struct column_info){.name = STR("na\"me"),
                                      .type = type_of(TYPE_TEXT),
                                      .table = STR("users"),
                                      .column = STR("name")};
    fail_init(&fail);
}

static struct rows_opts opts_of(enum rows_form form)
{
    return (struct rows_opts){.columns = columns, .column_count = COLUMNS, .form = form};
}

static enum sink_verdict give(struct rows *r, int64_t id, const char *name)
{
    struct value cells[COLUMNS] = {{.kind = VALUE_INT, .num = id},
                                   {.kind = VALUE_TEXT, .text = str_of(name)}};
    return r->sink.row(&r->sink, cells, &fail);
}

#define ASSERT_OUT(r, want)                                                                    \
    ck_assert_msg(str_is(buf_str(&(r)->out), want), "%.*s is not %s",                          \
                  STR_ARG(buf_str(&(r)->out)), want)

START_TEST(each_form_has_its_text)
{
    static const struct {
        enum rows_form form;
        const char *none;
        const char *two;
    } forms[] = {
        {ROWS_ARRAYS, "", "[1,\"a\"],[2,\"b\"]"},
        {ROWS_OBJECTS, "", "{\"id\":1,\"na\\\"me\":\"a\"},{\"id\":2,\"na\\\"me\":\"b\"}"},
        {ROWS_COLUMNS, "\"id\":[],\"na\\\"me\":[]", "\"id\":[1,2],\"na\\\"me\":[\"a\",\"b\"]"},
        {ROWS_VALUES, "", "1,2"},
        {ROWS_COUNTED, "", ""},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct rows r;
        struct rows_opts o = opts_of(forms[i].form);
        ck_assert_int_eq(rows_init(&r, &o, &fail), ERR_OK);
        ck_assert_int_eq(rows_finish(&r, &fail), ERR_OK);
        ASSERT_OUT(&r, forms[i].none);
        rows_fini(&r);
        ck_assert_int_eq(rows_init(&r, &o, &fail), ERR_OK);
        ck_assert_int_eq(give(&r, 1, "a"), SINK_MORE);
        ck_assert_int_eq(give(&r, 2, "b"), SINK_MORE);
        ck_assert_int_eq(rows_finish(&r, &fail), ERR_OK);
        ASSERT_OUT(&r, forms[i].two);
        ck_assert_uint_eq(r.count, 2);
        rows_fini(&r);
        ck_assert_int_eq(rows_init(&r, &o, &fail), ERR_OK);
        ck_assert_int_eq(give(&r, 7, "other"), SINK_MORE);
        r.sink.again(&r.sink);
        ck_assert_uint_eq(r.count, 0);
        ck_assert_uint_eq(r.bytes, 0);
        ck_assert_int_eq(give(&r, 1, "a"), SINK_MORE);
        ck_assert_int_eq(give(&r, 2, "b"), SINK_MORE);
        ck_assert_int_eq(rows_finish(&r, &fail), ERR_OK);
        ASSERT_OUT(&r, forms[i].two);
        rows_fini(&r);
    }
}
END_TEST

START_TEST(names_that_repeat_cannot_be_keys)
{
    columns[1].name = columns[0].name;
    static const enum rows_form forms[] = {ROWS_ARRAYS, ROWS_VALUES, ROWS_OBJECTS,
                                           ROWS_COLUMNS};
    for (size_t i = 0; i < 4; i++) {
        struct rows r;
        struct rows_opts o = opts_of(forms[i]);
        ck_assert_int_eq(rows_init(&r, &o, &fail), i < 2 ? ERR_OK : ERR_DUPLICATE_NAME);
        rows_fini(&r);
    }
}
END_TEST

START_TEST(expectations_are_checked)
{
    static const struct {
        enum rows_expect expect;
        int rows;
        enum sink_verdict last;
        enum err end;
    } cases[] = {
        {EXPECT_ALL, 0, SINK_MORE, ERR_OK},
        {EXPECT_ALL, 3, SINK_MORE, ERR_OK},
        {EXPECT_FIRST, 0, SINK_MORE, ERR_OK},
        {EXPECT_FIRST, 1, SINK_ENOUGH, ERR_OK},
        {EXPECT_ONE, 0, SINK_MORE, ERR_NO_RESULT},
        {EXPECT_ONE, 1, SINK_MORE, ERR_OK},
        {EXPECT_ONE, 2, SINK_FAILED, ERR_OK},
        {EXPECT_ONE_OR_NONE, 0, SINK_MORE, ERR_OK},
        {EXPECT_ONE_OR_NONE, 1, SINK_MORE, ERR_OK},
        {EXPECT_ONE_OR_NONE, 2, SINK_FAILED, ERR_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rows r;
        struct rows_opts o = opts_of(ROWS_ARRAYS);
        o.expect = cases[i].expect;
        fail_init(&fail);
        ck_assert_int_eq(rows_init(&r, &o, &fail), ERR_OK);
        enum sink_verdict verdict = SINK_MORE;
        for (int k = 0; k < cases[i].rows; k++) {
            verdict = give(&r, k, "x");
        }
        ck_assert_int_eq(verdict, cases[i].last);
        if (verdict == SINK_FAILED) {
            ck_assert_int_eq(fail.code, ERR_MULTIPLE_RESULTS);
        } else {
            ck_assert_int_eq(rows_finish(&r, &fail), cases[i].end);
        }
        rows_fini(&r);
    }
}
END_TEST

START_TEST(limits_end_the_rows)
{
    struct rows r;
    struct rows_opts o = opts_of(ROWS_ARRAYS);
    o.max_rows = 2;
    ck_assert_int_eq(rows_init(&r, &o, &fail), ERR_OK);
    ck_assert_int_eq(give(&r, 1, "a"), SINK_MORE);
    ck_assert_int_eq(give(&r, 2, "b"), SINK_MORE);
    ck_assert_int_eq(give(&r, 3, "c"), SINK_FAILED);
    ck_assert_int_eq(fail.code, ERR_TOO_MANY_ROWS);
    ck_assert_uint_eq(r.count, 2);
    ASSERT_OUT(&r, "[1,\"a\"],[2,\"b\"]");
    rows_fini(&r);

    static const enum rows_form forms[] = {ROWS_ARRAYS, ROWS_OBJECTS, ROWS_COLUMNS};
    for (size_t i = 0; i < 3; i++) {
        o = opts_of(forms[i]);
        o.max_bytes = 100;
        fail_init(&fail);
        ck_assert_int_eq(rows_init(&r, &o, &fail), ERR_OK);
        enum sink_verdict verdict = SINK_MORE;
        int taken = 0;
        while (verdict == SINK_MORE && taken < 100) {
            verdict = give(&r, 1, "abcdefgh");
            taken++;
        }
        ck_assert_int_eq(verdict, SINK_FAILED);
        ck_assert_int_eq(fail.code, ERR_REPLY_TOO_LARGE);
        ck_assert_int_lt(taken, 10);
        rows_fini(&r);
    }
}
END_TEST

START_TEST(the_sink_is_full_and_goes_on_when_emptied)
{
    struct rows r;
    struct rows_opts o = opts_of(ROWS_ARRAYS);
    o.full_bytes = 20;
    ck_assert_int_eq(rows_init(&r, &o, &fail), ERR_OK);
    ck_assert_int_eq(give(&r, 1, "abc"), SINK_MORE);
    ck_assert_int_eq(give(&r, 2, "abc"), SINK_MORE);
    ck_assert_int_eq(give(&r, 3, "abc"), SINK_FULL);
    ck_assert_int_eq(give(&r, 4, "abc"), SINK_FULL);
    buf_clear(&r.out);
    ck_assert_int_eq(give(&r, 5, "abc"), SINK_MORE);
    ASSERT_OUT(&r, ",[5,\"abc\"]");
    rows_fini(&r);
}
END_TEST

START_TEST(a_value_that_does_not_fit_says_where)
{
    struct rows r;
    struct rows_opts o = opts_of(ROWS_ARRAYS);
    ck_assert_int_eq(rows_init(&r, &o, &fail), ERR_OK);
    ck_assert_int_eq(give(&r, 1, "ok"), SINK_MORE);
    ck_assert_int_eq(give(&r, 2, "\xff"), SINK_FAILED);
    ck_assert_int_eq(fail.code, ERR_BAD_STORED_VALUE);
    ck_assert_str_eq(fail.table, "users");
    ck_assert_str_eq(fail.columns, "name");
    ASSERT_OUT(&r, "[1,\"ok\"]"); /* no half row is left */
    rows_fini(&r);
}
END_TEST

static void chunk_lines(struct rows *r, enum rows_edge edge)
{
    if (edge == CHUNK_BEGINS) {
        buf_printf(&r->out, "<%u:", (unsigned)r->chunks);
    } else {
        BUF_LIT(&r->out, ">");
    }
}

START_TEST(streams_are_cut_into_chunks)
{
    struct rows r;
    struct rows_opts o = opts_of(ROWS_VALUES);
    o.chunk_rows = 2;
    o.chunk = chunk_lines;
    ck_assert_int_eq(rows_init(&r, &o, &fail), ERR_OK);
    for (int i = 1; i <= 5; i++) {
        ck_assert_int_eq(give(&r, i, "x"), SINK_MORE);
    }
    ck_assert_int_eq(rows_finish(&r, &fail), ERR_OK);
    ASSERT_OUT(&r, "<0:1,2><1:3,4><2:5>");
    ck_assert_uint_eq(r.chunks, 3);
    rows_fini(&r);

    ck_assert_int_eq(rows_init(&r, &o, &fail), ERR_OK);
    ck_assert_int_eq(rows_finish(&r, &fail), ERR_OK);
    ASSERT_OUT(&r, ""); /* no rows, no chunk */
    rows_fini(&r);

    ck_assert_int_eq(rows_init(&r, &o, &fail), ERR_OK);
    give(&r, 1, "x");
    give(&r, 2, "x");
    ck_assert_int_eq(rows_finish(&r, &fail), ERR_OK);
    ASSERT_OUT(&r, "<0:1,2>");
    rows_fini(&r);
}
END_TEST

START_TEST(credit_stops_a_stream_at_the_end_of_a_chunk)
{
    struct rows r;
    struct rows_opts o = opts_of(ROWS_VALUES);
    o.chunk_rows = 2;
    o.chunk = chunk_lines;
    ck_assert_int_eq(rows_init(&r, &o, &fail), ERR_OK);
    r.credit = 2;
    ck_assert_int_eq(give(&r, 1, "x"), SINK_MORE);
    ck_assert_int_eq(give(&r, 2, "x"), SINK_MORE);
    ck_assert_int_eq(give(&r, 3, "x"), SINK_MORE);
    ck_assert_int_eq(give(&r, 4, "x"), SINK_FULL);
    ASSERT_OUT(&r, "<0:1,2><1:3,4>");
    r.credit = 1;
    ck_assert_int_eq(give(&r, 5, "x"), SINK_MORE);
    ck_assert_int_eq(give(&r, 6, "x"), SINK_FULL);
    rows_fini(&r);
}
END_TEST

START_TEST(no_memory_is_an_error_in_every_form)
{
    static const enum rows_form forms[] = {ROWS_ARRAYS, ROWS_OBJECTS, ROWS_COLUMNS,
                                           ROWS_VALUES};
    for (size_t i = 0; i < 4; i++) {
        for (long n = 1; n < 60; n++) {
            struct rows r;
            struct rows_opts o = opts_of(forms[i]);
            fail_init(&fail);
            fail_alloc_at(n);
            enum err e = rows_init(&r, &o, &fail);
            bool failed = e != ERR_OK;
            for (int k = 0; k < 50 && !failed; k++) {
                failed = give(&r, k, "some text of some length") == SINK_FAILED;
            }
            failed = failed || rows_finish(&r, &fail) != ERR_OK;
            bool reached = fail_alloc_reached();
            fail_alloc_at(0);
            rows_fini(&r);
            ck_assert_msg(failed == reached, "form %zu, allocation %ld", i, n);
            ck_assert(!failed || fail.code == ERR_OUT_OF_MEMORY);
            if (!reached) {
                break;
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("value/rows");
    TCase *t = tcase_create("rows");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, each_form_has_its_text);
    tcase_add_test(t, names_that_repeat_cannot_be_keys);
    tcase_add_test(t, expectations_are_checked);
    tcase_add_test(t, limits_end_the_rows);
    tcase_add_test(t, the_sink_is_full_and_goes_on_when_emptied);
    tcase_add_test(t, a_value_that_does_not_fit_says_where);
    tcase_add_test(t, streams_are_cut_into_chunks);
    tcase_add_test(t, credit_stops_a_stream_at_the_end_of_a_chunk);
    tcase_add_test(t, no_memory_is_an_error_in_every_form);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
