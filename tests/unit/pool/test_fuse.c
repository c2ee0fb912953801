/* SPDX-License-Identifier: MIT
 *
 * Tests of pool/fuse.c: keys of several reads in one statement, and its rows dealt out to
 * those that asked for them. Linked with --wrap=malloc and --wrap=realloc.
 */
#include "pool/fuse.h"
#include "tests/unit/fail_alloc.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { MOST = FUSE_MAX };

/* A read and what it was given. */
struct reader {
    struct row_sink sink; /* first */
    struct run run;
    struct shared_run shared;
    struct fail fail;
    struct value key;
    int rows;
    int64_t cell; /* the first of the last row */
    enum sink_verdict verdict;
};

static struct reader readers[MOST];
static struct fuse fuse;
static struct run out;
static struct fail fail;
static struct statement any, lists[2], plain;
static const struct fusion by_array[] = {{.stmt = &any, .key_column = 1}};
static const struct fusion by_list[] = {{.stmt = &lists[0], .keys = 4, .key_column = 1},
                                        {.stmt = &lists[1], .keys = 16, .key_column = 1}};

static enum sink_verdict on_row(struct row_sink *s, const struct value *cells, struct fail *f)
{
    struct reader *r = (struct reader *)s;
    r->rows++;
    r->cell = cells[0].num;
    if (r->verdict == SINK_FAILED) {
        fail_set(f, ERR_TOO_MANY_ROWS, "enough of it");
    }
    return r->verdict;
}

static void setup(void)
{
    fuse = (struct fuse){0};
    fail_init(&fail);
    plain = (struct statement){
        .id = 1, .param_count = 1, .column_count = 1, .fusions = by_array, .fusion_count = 1};
    memset(readers, 0, sizeof readers);
}

static void teardown(void)
{
    fail_alloc_at(0);
    fuse_fini(&fuse);
}

static struct value integer(int64_t n)
{
    return (struct value){.kind = VALUE_INT, .num = n};
}

static struct value text(const char *s)
{
    return (struct value){.kind = VALUE_TEXT, .text = str_of(s)};
}

static void ask(int i, struct value key)
{
    struct reader *r = &readers[i];
    *r = (struct reader){.sink.row = on_row, .key = key, .verdict = SINK_MORE};
    fail_init(&r->fail);
    r->run = (struct run){
        .stmt = &plain, .params = &r->key, .sets = 1, .sink = &r->sink, .fail = &r->fail};
    r->shared = (struct shared_run){.run = &r->run};
}

static enum err begin(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        readers[i].shared.next = i + 1 < count ? &readers[i + 1].shared : NULL;
    }
    out = (struct run){0};
    return fuse_begin(&fuse, &readers[0].shared, count, &out);
}

static enum sink_verdict give(int64_t cell, struct value key)
{
    struct value cells[] = {integer(cell), key};
    return out.sink->row(out.sink, cells, &fail);
}

START_TEST(rows_go_to_those_who_asked)
{
    for (int i = 0; i < MOST; i++) {
        ask(i, integer((int64_t)i * 4096)); /* alike in their low bits */
    }
    ck_assert_int_eq(begin(MOST), ERR_OK);
    ck_assert_ptr_eq(out.stmt, &any);
    ck_assert_uint_eq(out.sets, MOST);
    for (int i = 0; i < MOST; i++) {
        ck_assert_int_eq(out.params[i].num, (int64_t)i * 4096);
    }
    for (int i = MOST - 1; i >= 0; i -= 2) {
        ck_assert_int_eq(give(i, integer((int64_t)i * 4096)), SINK_MORE);
    }
    for (int i = 0; i < MOST; i++) {
        ck_assert_int_eq(readers[i].rows, i % 2);
        ck_assert_uint_eq(readers[i].run.rowcount, (unsigned)i % 2);
        ck_assert_int_eq(readers[i].cell, i % 2 ? i : 0);
    }
}
END_TEST

START_TEST(few_keys_of_an_array_are_filled_up)
{
    static const struct fusion by_ten[] = {{.stmt = &any, .key_column = 1, .least = 10}};
    plain.fusions = by_ten;
    for (int i = 0; i < 12; i++) {
        ask(i, integer(i));
    }
    ck_assert_int_eq(begin(3), ERR_OK);
    ck_assert_uint_eq(out.sets, 10);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(out.params[i].num, i < 3 ? i : 2);
    }
    ck_assert_int_eq(give(9, integer(2)), SINK_MORE);
    ck_assert_int_eq(readers[2].rows, 1);
    ck_assert_int_eq(begin(12), ERR_OK);
    ck_assert_uint_eq(out.sets, 12);
}
END_TEST

START_TEST(integers_may_come_as_digits)
{
    static const int64_t keys[] = {INT64_MAX, INT64_MIN, 0, -1, INT64_C(9007199254740993)};
    for (int i = 0; i < 5; i++) {
        ask(i, integer(keys[i]));
    }
    ck_assert_int_eq(begin(5), ERR_OK);
    for (int i = 0; i < 5; i++) {
        char digits[24];
        snprintf(digits, sizeof digits, "%lld", (long long)keys[i]);
        ck_assert_int_eq(give(i, text(digits)), SINK_MORE);
        ck_assert_int_eq(readers[i].rows, 1);
        ck_assert_int_eq(readers[i].cell, i);
    }
}
END_TEST

START_TEST(one_row_for_all_with_its_key)
{
    static const char *const keys[] = {"a", "b", "a", "", "a ", "A", "a"};
    for (int i = 0; i < 7; i++) {
        ask(i, text(keys[i]));
    }
    ck_assert_int_eq(begin(7), ERR_OK);
    ck_assert_int_eq(give(5, text("a")), SINK_MORE);
    for (int i = 0; i < 7; i++) {
        ck_assert_int_eq(readers[i].rows, strcmp(keys[i], "a") == 0);
    }
    ck_assert_int_eq(give(6, text("")), SINK_MORE);
    ck_assert_int_eq(readers[3].rows, 1);
}
END_TEST

START_TEST(a_key_of_nobody_is_an_error)
{
    struct value strange[] = {integer(3), text("three"), text(""), {.kind = VALUE_NULL}};
    ask(0, integer(1));
    ask(1, integer(2));
    ck_assert_int_eq(begin(2), ERR_OK);
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        fail_init(&fail);
        ck_assert_int_eq(give(1, strange[i]), SINK_FAILED);
        ck_assert_int_eq(fail.code, ERR_INTERNAL);
    }
    ask(0, text("1"));
    ask(1, text("2"));
    ck_assert_int_eq(begin(2), ERR_OK);
    ck_assert_int_eq(give(1, integer(1)), SINK_FAILED);
    ck_assert_int_eq(readers[0].rows, 0);
}
END_TEST

START_TEST(lists_are_filled_with_the_last_key)
{
    plain.fusions = by_list;
    plain.fusion_count = 2;
    ck_assert_uint_eq(fuse_most(&plain), 16);
    for (uint32_t count = 2; count <= 16; count++) {
        for (uint32_t i = 0; i < count; i++) {
            ask((int)i, integer(i));
        }
        ck_assert_int_eq(begin(count), ERR_OK);
        uint32_t keys = count <= 4 ? 4 : 16;
        ck_assert_ptr_eq(out.stmt, count <= 4 ? &lists[0] : &lists[1]);
        ck_assert_uint_eq(out.sets, 1);
        for (uint32_t i = 0; i < keys; i++) {
            ck_assert_int_eq(out.params[i].num, i < count ? i : count - 1);
        }
        ck_assert_int_eq(give(9, integer(count - 1)), SINK_MORE);
        ck_assert_int_eq(readers[count - 1].rows, 1);
    }
}
END_TEST

START_TEST(a_sink_fails_or_has_enough_for_itself)
{
    ask(0, integer(1));
    ask(1, integer(1));
    ask(2, integer(1));
    readers[0].verdict = SINK_FAILED;
    readers[1].verdict = SINK_ENOUGH;
    ck_assert_int_eq(begin(3), ERR_OK);
    ck_assert_int_eq(give(7, integer(1)), SINK_MORE);
    ck_assert_int_eq(give(8, integer(1)), SINK_MORE);
    ck_assert_int_eq(readers[0].run.err, ERR_TOO_MANY_ROWS);
    ck_assert_int_eq(readers[0].rows, 1);
    ck_assert_int_eq(readers[1].run.err, ERR_OK);
    ck_assert_int_eq(readers[1].rows, 1);
    ck_assert_int_eq(readers[2].rows, 2);
}
END_TEST

START_TEST(who_leaves_takes_its_key_along)
{
    char own[] = "key", same[] = "key";
    ask(0, text(own));
    ask(1, text(same));
    ask(2, text("other"));
    ck_assert_int_eq(begin(3), ERR_OK);
    fuse_leave(&fuse, &readers[0].shared);
    memset(own, 'x', 3);
    memset(&readers[0], 0, sizeof readers[0]);
    ck_assert(str_is(out.params[0].text, "key"));
    ck_assert_int_eq(give(7, text("key")), SINK_MORE);
    ck_assert_int_eq(readers[0].rows, 0);
    ck_assert_int_eq(readers[1].rows, 1);
    fuse_leave(&fuse, &readers[1].shared);
    ck_assert_int_eq(give(7, text("key")), SINK_MORE); /* known, though of nobody */
    ck_assert_int_eq(readers[1].rows, 1);
}
END_TEST

START_TEST(without_memory_nothing_begins)
{
    static const uint32_t counts[] = {2, MOST};
    for (int n = 1;; n++) {
        bool reached = false;
        for (size_t k = 0; k < 2; k++) {
            for (uint32_t i = 0; i < counts[k]; i++) {
                ask((int)i, text("some text as a key"));
            }
            fail_alloc_at(n);
            enum err e = begin(counts[k]);
            bool failed = fail_alloc_reached();
            fail_alloc_at(0);
            reached = reached || failed;
            ck_assert_int_eq(e, failed ? ERR_OUT_OF_MEMORY : ERR_OK);
            ck_assert_int_eq(begin(counts[k]), ERR_OK);
            ck_assert_int_eq(give(1, text("some text as a key")), SINK_MORE);
            ck_assert_int_eq(readers[counts[k] - 1].rows, 1);
            fuse_fini(&fuse);
        }
        if (!reached) {
            ck_assert_int_gt(n, 4);
            return;
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool/fuse");
    TCase *tc = tcase_create("fuse");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, rows_go_to_those_who_asked);
    tcase_add_test(tc, few_keys_of_an_array_are_filled_up);
    tcase_add_test(tc, integers_may_come_as_digits);
    tcase_add_test(tc, one_row_for_all_with_its_key);
    tcase_add_test(tc, a_key_of_nobody_is_an_error);
    tcase_add_test(tc, lists_are_filled_with_the_last_key);
    tcase_add_test(tc, a_sink_fails_or_has_enough_for_itself);
    tcase_add_test(tc, who_leaves_takes_its_key_along);
    tcase_add_test(tc, without_memory_nothing_begins);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
