/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_seen.c: queries that are known by their bytes: what they
 * give is what reading them would give, and near-equal bytes are another query.
 */
#include "compiler/seen.h"
#include "rig.h"
#include "tests/unit/fail_alloc.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define Q1 "{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"=\",\"age\",18]}"
#define QP "{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"=\",\"age\",\":p\"]}"
#define QL "{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"in\",\"age\",\":p\"]}"
#define REQ(q, rest) "{\"query\":" q rest "}"

static struct rig rig;

static void setup(void)
{
    rig_init(&rig, 1 << 20);
}

static void teardown(void)
{
    rig_fini(&rig);
}

static void bind(unsigned d, const char *request)
{
    enum err e = rig_bind(&rig, d, request);
    ck_assert_msg(e == ERR_OK, "%s: %s %s", request, rig.fail.message, rig.fail.path);
}

/* Twice: from then on the query is known. */
static void teach(unsigned d, const char *request)
{
    bind(d, request);
    ck_assert_ptr_null(rig.seen);
    bind(d, request);
    ck_assert_ptr_null(rig.seen);
}

static const struct value *param(uint32_t i)
{
    return &rig.bound.runs[0].params[i];
}

START_TEST(the_third_time_bytes_are_enough)
{
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        rig_fini(&rig);
        rig_init(&rig, 1 << 20);
        teach(d, REQ(Q1, ""));
        bind(d, REQ(Q1, ""));
        ck_assert_ptr_nonnull(rig.seen);
        ck_assert(rig.bound.hit);
        ck_assert_int_eq(param(0)->num, 18);
        ck_assert_uint_eq(compiler_counts(rig.compiler).seen, 1);
    }
}
END_TEST

START_TEST(params_keep_their_own_values_and_forms)
{
    teach(1, REQ(QP, ",\"params\":{\"p\":1}"));
    bind(1, REQ(QP, ",\"params\":{\"p\":7}"));
    ck_assert(rig.seen != NULL && rig.bound.hit);
    ck_assert_int_eq(param(0)->num, 7);
    bind(1, "{\"params\":{\"p\":null},\"query\":" QP "}"); /* another form: another plan */
    ck_assert(rig.seen != NULL && !rig.bound.hit);
    bind(1, REQ(QP, ",\"params\":{\"p\":null}"));
    ck_assert(rig.seen != NULL && rig.bound.hit);
    ck_assert_int_eq(rig_bind(&rig, 1, REQ(QP, ",\"params\":{\"p\":\"x\"}")),
                     ERR_TYPE_MISMATCH);
    ck_assert_str_eq(rig.fail.path, "/query/where/2");
    ck_assert_int_eq(rig_bind(&rig, 1, REQ(QP, "")), ERR_MISSING_PARAM);
    ck_assert_str_eq(rig.fail.path, "/query/where/2");
    ck_assert_int_eq(rig_bind(&rig, 1, REQ(QP, ",\"params\":{\"p\":1,\"q\":2}")),
                     ERR_UNUSED_PARAM);
    ck_assert_str_eq(rig.fail.path, "/params/q");
}
END_TEST

START_TEST(lists_of_other_lengths_have_their_own_plans)
{
    teach(1, REQ(QL, ",\"params\":{\"p\":[1,2,3]}"));
    bind(1, REQ(QL, ",\"params\":{\"p\":[4,5,6,7]}"));
    ck_assert(rig.seen != NULL && rig.bound.hit);
    ck_assert_int_eq(param(3)->num, 7);
    bind(1, REQ(QL, ",\"params\":{\"p\":[4,5,6,7,8]}"));
    ck_assert(rig.seen != NULL && !rig.bound.hit);
    ck_assert_int_eq(param(4)->num, 8);
    bind(1, REQ(QL, ",\"params\":{\"p\":[]}"));
    ck_assert(rig.seen != NULL && !rig.bound.hit);
}
END_TEST

START_TEST(what_stands_beside_the_query_counts)
{
    teach(0, REQ(Q1, ""));
    bind(0, REQ(Q1, ",\"expect\":\"count\""));
    ck_assert(rig.seen != NULL && !rig.bound.hit);
    bind(2, REQ(Q1, ""));
    ck_assert(rig.seen != NULL && !rig.bound.hit);
    ck_assert_ptr_eq(rig.bound.plan->dialect, &dialect_sqlite);
    catalog_unref(rig.catalogs[0]);
    rig.catalogs[0] = rig_catalog("public");
    bind(0, REQ(Q1, ""));
    ck_assert(rig.seen != NULL && !rig.bound.hit);
    ck_assert_ptr_eq(rig.bound.plan->catalog, rig.catalogs[0]);
}
END_TEST

START_TEST(rows_in_the_query_are_its_data)
{
    static const char one[] =
        REQ("{\"insert\":\"users\",\"rows\":[{\"age\":1},{\"age\":2}]}", "");
    teach(0, one);
    bind(0, one);
    ck_assert(rig.seen != NULL && rig.bound.hit);
    ck_assert_uint_eq(rig.bound.runs[0].sets, 2);
    ck_assert_int_eq(param(1)->num, 2);
}
END_TEST

START_TEST(rows_in_params_are_looked_at_each_time)
{
#define QR "{\"insert\":\"users\",\"rows\":\":r\"}"
    teach(0, REQ(QR, ",\"params\":{\"r\":[{\"age\":1},{\"age\":2}]}"));
    bind(0, REQ(QR, ",\"params\":{\"r\":[{\"age\":1},{\"age\":2},{\"age\":9}]}"));
    ck_assert(rig.seen != NULL && rig.bound.hit);
    ck_assert_int_eq(param(2)->num, 9);
    bind(0, REQ(QR, ",\"params\":{\"r\":[{\"name\":\"x\"}]}"));
    ck_assert(rig.seen != NULL && !rig.bound.hit);
    ck_assert(str_is(param(0)->text, "x"));
}
END_TEST

START_TEST(near_equal_bytes_are_another_query)
{
    static const char *const others[] = {
        REQ("{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"=\",\"age\",19]}", ""),
        REQ("{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"=\",\"age\", 18]}", ""),
        REQ("{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"=\",\"age\",\"id\"]}", ""),
    };
    teach(0, REQ(Q1, ""));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        bind(0, others[i]);
        ck_assert_ptr_null(rig.seen);
    }
    bind(0, others[0]);
    ck_assert_int_eq(param(0)->num, 19);
}
END_TEST

START_TEST(faults_around_a_known_query_are_still_faults)
{
    static const struct {
        const char *line;
        enum err err;
        long offset;
    } cases[] = {
        {"{\"query\":" Q1 ",\"query\":" Q1 "}", ERR_DUPLICATE_KEY, 66},
        {"{\"query\":" Q1 "x}", ERR_BAD_JSON, 65},
        {"{\"query\":" Q1, ERR_BAD_JSON, 65},
        {"{\"query\":" Q1 "}}", ERR_BAD_JSON, 66},
        {"{\"a\":{\"query\":" Q1 "},\"a\":1}", ERR_DUPLICATE_KEY, 72},
    };
    teach(0, REQ(Q1, ""));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(rig_bind(&rig, 0, cases[i].line), cases[i].err);
        struct fail plain;
        struct json *root;
        struct arena a;
        arena_init(&a, 0);
        fail_init(&plain);
        ck_assert_int_eq(json_parse(&a, str_of(cases[i].line), 64, &root, &plain),
                         cases[i].err);
        ck_assert_int_eq(plain.offset, rig.fail.offset);
        ck_assert_str_eq(plain.message, rig.fail.message);
        ck_assert_str_eq(plain.path, rig.fail.path);
        arena_fini(&a);
    }
}
END_TEST

START_TEST(a_bad_query_is_never_known)
{
    static const char bad[] = REQ("{\"select\":[\"nothing\"],\"from\":\"users\"}", "");
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(rig_bind(&rig, 0, bad), ERR_UNKNOWN_COLUMN);
        ck_assert_ptr_null(rig.seen);
    }
}
END_TEST

START_TEST(depth_is_still_bounded)
{
    struct seen_cache c;
    seen_init(&c, 1 << 16, 1);
    struct seen *s = seen_create(STR(Q1));
    ck_assert_ptr_nonnull(s);
    seen_keep(&c, s);
    ck_assert_ptr_null(seen_find(&c, STR(Q1), 1));
    s = seen_find(&c, STR(Q1), 2);
    ck_assert_ptr_nonnull(s);
    seen_unref(s);
    seen_fini(&c);
}
END_TEST

START_TEST(the_oldest_go_first_and_live_on_in_use)
{
    struct seen_cache c;
    char text[64];
    seen_init(&c, 1 << 16, 1);
    struct seen *used = NULL;
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "{\"select\":[%d]}", i);
        ck_assert(!seen_again(&c, str_of(text)) && seen_again(&c, str_of(text)));
        seen_keep(&c, seen_create(str_of(text)));
        if (i == 0) {
            used = seen_find(&c, str_of(text), 9);
        }
        ck_assert_uint_le(c.bytes, 1 << 16);
    }
    ck_assert_ptr_null(seen_find(&c, STR("{\"select\":[0]}"), 9));
    ck_assert(str_is(used->text, "{\"select\":[0]}"));
    seen_unref(used);
    used = seen_find(&c, STR("{\"select\":[99]}"), 9);
    ck_assert_ptr_nonnull(used);
    seen_unref(used);
    seen_fini(&c);
}
END_TEST

START_TEST(the_end_of_an_object_is_found)
{
    static const struct {
        const char *text;
        size_t bytes;
    } cases[] = {
        {"{}", 2},
        {"{\"a\":[{}]},", 10},
        {"{\"}\":\"]\"}x", 9},
        {"{\"\\\"}\":1}", 9},
        {"{\"\\\\\":{}}}", 9},
        {"{", 0},
        {"{\"a", 0},
        {"{\"\\", 0},
        {"{[}", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(json_object_bytes(str_of(cases[i].text)) == cases[i].bytes, "%s",
                      cases[i].text);
    }
}
END_TEST

/* The only allocation is the first block of the request's arena. */
START_TEST(a_hit_allocates_nothing_outside_the_arena)
{
    static const char request[] =
        REQ("{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"and\",[\"=\",\"age\",\":p\"],"
            "[\"in\",\"id\",\":l\"],[\"startswith\",\"name\",\":t\"]]}",
            ",\"params\":{\"p\":1,\"l\":[1,2,3],\"t\":\"x%\"}");
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        bind(d, request);
        bind(d, request);
        bind(d, request);
        fail_alloc_at(2);
        enum err e = rig_bind(&rig, d, request);
        bool more = fail_alloc_reached();
        fail_alloc_at(0);
        ck_assert_int_eq(e, ERR_OK);
        ck_assert(rig.seen != NULL && rig.bound.hit && !more);
    }
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    for (long n = 1;; n++) {
        struct rig r;
        rig_init(&r, 1 << 20);
        ck_assert_int_eq(rig_bind(&r, 0, REQ(QP, ",\"params\":{\"p\":1}")), ERR_OK);
        fail_alloc_at(n);
        enum err e = rig_bind(&r, 0, REQ(QP, ",\"params\":{\"p\":1}"));
        bool failed = fail_alloc_reached();
        fail_alloc_at(0);
        ck_assert(e == ERR_OK || e == ERR_OUT_OF_MEMORY || e == ERR_REQUEST_TOO_LARGE);
        ck_assert_int_eq(rig_bind(&r, 0, REQ(QP, ",\"params\":{\"p\":1}")), ERR_OK);
        rig_fini(&r);
        if (!failed) {
            return;
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("seen");
    TCase *tc = tcase_create("bytes");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_third_time_bytes_are_enough);
    tcase_add_test(tc, params_keep_their_own_values_and_forms);
    tcase_add_test(tc, lists_of_other_lengths_have_their_own_plans);
    tcase_add_test(tc, what_stands_beside_the_query_counts);
    tcase_add_test(tc, rows_in_the_query_are_its_data);
    tcase_add_test(tc, rows_in_params_are_looked_at_each_time);
    tcase_add_test(tc, near_equal_bytes_are_another_query);
    tcase_add_test(tc, faults_around_a_known_query_are_still_faults);
    tcase_add_test(tc, a_bad_query_is_never_known);
    tcase_add_test(tc, depth_is_still_bounded);
    tcase_add_test(tc, the_oldest_go_first_and_live_on_in_use);
    tcase_add_test(tc, the_end_of_an_object_is_found);
    tcase_add_test(tc, a_hit_allocates_nothing_outside_the_arena);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
