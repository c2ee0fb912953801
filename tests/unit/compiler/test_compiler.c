/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_compiler.c: the plan cache, sharing of plans, binding,
 * and what never reaches the SQL text.
 */
#include "rig.h"
#include "tests/unit/fail_alloc.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERY(where) "{\"query\":{\"select\":[\"id\"],\"from\":\"users\",\"where\":" where "}}"
#define WITH(where, params)                                                                    \
    "{\"query\":{\"select\":[\"id\"],\"from\":\"users\",\"where\":" where                      \
    "},\"params\":" params "}"

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

/* Whether the second request uses the plan of the first. */
static bool shares(unsigned d, const char *a, const char *b)
{
    bind(d, a);
    bind(d, b);
    return rig.bound.hit;
}

static const struct value *param(uint32_t run, uint32_t i)
{
    return &rig.bound.runs[run].params[i];
}

START_TEST(other_literals_share_a_plan)
{
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        ck_assert(shares(d, QUERY("[\"=\",\"age\",1]"), QUERY("[\"=\",\"age\",2]")));
        ck_assert_int_eq(param(0, 0)->num, 2);
        ck_assert(shares(d, QUERY("[\"=\",\"name\",{\"value\":\"x\"}]"),
                         QUERY("[ \"=\" , \"name\", {\"value\":\"yy\"}]")));
        ck_assert(str_is(param(0, 0)->text, "yy"));
        ck_assert(shares(d, WITH("[\"=\",\"age\",\":p\"]", "{\"p\":1}"),
                         WITH("[\"=\",\"age\",\":p\"]", "{\"p\":7}")));
        ck_assert_int_eq(param(0, 0)->num, 7);
    }
}
END_TEST

START_TEST(what_a_plan_depends_on_is_in_its_key)
{
    static const char *const pairs[][2] = {
        {QUERY("[\"=\",\"age\",1]"), QUERY("[\"=\",\"age\",null]")},
        {QUERY("[\"=\",\"age\",1]"), QUERY("[\"=\",\"age\",{\"value\":null}]")},
        {QUERY("[\"=\",\"age\",1]"), QUERY("[\"=\",\"age\",1.5]")},
        {QUERY("[\"=\",\"age\",1.5]"), QUERY("[\"=\",\"age\",1.55]")},
        {QUERY("[\"=\",\"age\",1]"), QUERY("[\"=\",\"age\",3000000000]")},
        {QUERY("[\"=\",\"age\",1]"), QUERY("[\"=\",\"id\",1]")},
        {QUERY("[\"=\",\"is_active\",true]"), QUERY("[\"=\",\"is_active\",false]")},
        {QUERY("[\"or\",[\"=\",\"age\",1],[\"=\",\"id\",1]]"),
         QUERY("[\"or\",[\"=\",\"age\",1],[\"=\",\"id\",2]]")},
        {QUERY("[\"in\",\"age\",[1]]"), QUERY("[\"in\",\"age\",[1,2]]")},
        {QUERY("[\"in\",\"age\",[1]]"), QUERY("[\"in\",\"age\",[]]")},
        {WITH("[\"in\",\"age\",\":p\"]", "{\"p\":[1]}"),
         WITH("[\"in\",\"age\",\":p\"]", "{\"p\":[]}")},
        {WITH("[\"=\",\"age\",\":p\"]", "{\"p\":1}"),
         WITH("[\"=\",\"age\",\":p\"]", "{\"p\":null}")},
        {"{\"query\":{\"select\":[1]}}", "{\"query\":{\"select\":[1]},\"expect\":\"count\"}"},
        {"{\"query\":{\"select\":[{\"value\":{\"value\":\"a\"}}]}}",
         "{\"query\":{\"select\":[{\"value\":{\"value\":1}}]}}"},
        {"{\"query\":{\"select\":[{\"a\":1}]}}", "{\"query\":{\"select\":[{\"b\":1}]}}"},
        {"{\"query\":{\"insert\":\"users\",\"rows\":[{\"age\":1}]}}",
         "{\"query\":{\"insert\":\"users\",\"rows\":[{\"id\":1}]}}"},
        {"{\"query\":{\"insert\":\"users\",\"rows\":[{\"age\":1}]}}",
         "{\"query\":{\"insert\":\"users\",\"rows\":[{\"age\":1},{\"age\":1}]}}"},
        {"{\"query\":{\"select\":\"*\",\"from\":{\"value\":\"users\"}}}",
         "{\"query\":{\"select\":\"*\",\"from\":{\"value\":\"orders\"}}}"},
        {"{\"query\":{\"select\":[{\"value\":\"id\"}],\"from\":\"users\"}}",
         "{\"query\":{\"select\":[{\"value\":\"age\"}],\"from\":\"users\"}}"},
        {"{\"query\":{\"update\":\"users\",\"set\":{\"value\":1},\"where\":true}}", NULL},
    };
    for (size_t i = 0; pairs[i][1] != NULL; i++) {
        ck_assert_msg(!shares(2, pairs[i][0], pairs[i][1]), "%s\n%s", pairs[i][0], pairs[i][1]);
    }
}
END_TEST

#define OVER(window)                                                                           \
    "{\"query\":{\"select\":[{\"a\":{\"over\":[\"lag\",\"age\",2]," window "}}],"              \
    "\"from\":\"users\"}}"
#define NAMED(window)                                                                          \
    "{\"query\":{\"select\":[{\"a\":{\"over\":[\"sum\",\"age\"],\"window\":\"w\"}}],"          \
    "\"from\":\"users\",\"window\":{\"w\":{" window "}}}}"

/* Bounds of frames are SQL, everything else in a window that is a value is not. */
START_TEST(windows_share_plans_but_not_frames)
{
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        ck_assert(shares(d, OVER("\"order_by\":[[\"%\",\"id\",3]]"),
                         OVER("\"order_by\":[[\"%\",\"id\",5]]")));
        ck_assert(!shares(d, OVER("\"order_by\":[\"id\"],\"rows\":[-1,0]"),
                          OVER("\"order_by\":[\"id\"],\"rows\":[-2,0]")));
        ck_assert(!shares(d, OVER("\"order_by\":[\"id\"],\"rows\":[-3,0]"),
                          OVER("\"order_by\":[\"id\"],\"range\":[-3,0]")));
        ck_assert(!shares(d, OVER("\"order_by\":[\"id\"],\"rows\":[-4,null]"),
                          OVER("\"order_by\":[\"id\"],\"rows\":[-4,0]")));
        ck_assert(shares(d, NAMED("\"partition_by\":[[\"%\",\"id\",3]],\"rows\":[-1,1]"),
                         NAMED("\"partition_by\":[[\"%\",\"id\",5]],\"rows\":[-1,1]")));
        ck_assert(!shares(d, NAMED("\"rows\":[-1,1]"), NAMED("\"rows\":[-1,2]")));
    }
    /* an alias is no frame */
    ck_assert(shares(2, "{\"query\":{\"select\":[{\"rows\":1,\"over\":2}]}}",
                     "{\"query\":{\"select\":[{\"rows\":3,\"over\":4}]}}"));
}
END_TEST

START_TEST(lists_of_near_lengths_share_a_plan)
{
    ck_assert(
        shares(2, QUERY("[\"in\",\"age\",[1,2,3]]"), QUERY("[\"in\",\"age\",[5,6,7,8]]")));
    ck_assert_int_eq(param(0, 3)->num, 8);
    ck_assert(shares(1, WITH("[\"in\",\"age\",\":p\"]", "{\"p\":[1,2,3,4,5,6,7,8]}"),
                     WITH("[\"in\",\"age\",\":p\"]", "{\"p\":[1,2,3,4,9]}")));
    ck_assert_int_eq(param(0, 4)->num, 9);
    ck_assert_int_eq(param(0, 7)->num, 9);
    ck_assert(shares(0, WITH("[\"in\",\"age\",\":p\"]", "{\"p\":[1]}"),
                     WITH("[\"in\",\"age\",\":p\"]", "{\"p\":[1,2,3,4,9]}")));
    ck_assert_uint_eq(rig.bound.runs[0].params[0].list->count, 5);
}
END_TEST

START_TEST(rows_of_any_number_share_a_plan)
{
    ck_assert(shares(0, "{\"query\":{\"insert\":\"users\",\"rows\":[{\"age\":1},{\"age\":2}]}}",
                     "{\"query\":{\"insert\":\"users\",\"rows\":[{\"age\":3},{\"age\":4},"
                     "{\"age\":5}]}}"));
    ck_assert_uint_eq(rig.bound.runs[0].sets, 3);
    ck_assert_int_eq(param(0, 2)->num, 5);
    ck_assert(!rig.bound.needs_tx);
}
END_TEST

START_TEST(rows_are_split_where_their_keys_change)
{
    bind(
        2,
        "{\"query\":{\"insert\":\"users\",\"rows\":\":r\"},\"params\":{\"r\":[{\"age\":1,"
        "\"name\":\"a\"},{\"name\":\"b\",\"age\":2},{\"age\":3},{\"name\":\"d\",\"age\":4}]}}");
    ck_assert_uint_eq(rig.bound.run_count, 3);
    ck_assert_uint_eq(rig.bound.plan->step_count, 2);
    ck_assert_uint_eq(rig.bound.runs[0].sets, 2);
    ck_assert_ptr_eq(rig.bound.runs[0].step, rig.bound.runs[2].step);
    ck_assert_int_eq(param(0, 2)->num, 2);
    ck_assert(str_is(param(0, 3)->text, "b"));
    ck_assert_int_eq(param(2, 0)->num, 4);
    ck_assert(rig.bound.needs_tx);
}
END_TEST

START_TEST(an_insert_of_no_rows_has_no_run)
{
    bind(0, "{\"query\":{\"insert\":\"users\",\"rows\":[]}}");
    ck_assert_uint_eq(rig.bound.run_count, 0);
    ck_assert(!rig.bound.needs_tx);
}
END_TEST

START_TEST(hostile_names_and_values_never_reach_the_sql)
{
    static const char request[] =
        "{\"query\":{\"select\":[{\"HOSTILE\\\"'`;--\":\"HOSTILE\\\"'`;--.name\"}],\"from\":"
        "{\"HOSTILE\\\"'`;--\":\"users\"},\"where\":[\"and\",[\"=\",\"name\",{\"value\":"
        "\"HOSTILE' OR '1'='1\"}],[\"contains\",\"name\",{\"value\":\"HOSTILE\"}],[\"in\","
        "\"city\",[{\"value\":\"HOSTILE\"}]],[\"in\",\"bio\",\":HOSTILE\"]],\"order_by\":"
        "[\"HOSTILE\\\"'`;--\"]},\"params\":{\"HOSTILE\":[\"HOSTILE\"]}}";
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        bind(d, request);
        const char *sql = rig.bound.runs[0].step->stmt.sql.ptr;
        ck_assert_ptr_eq(strstr(sql, "HOSTILE"), NULL);
        ck_assert_ptr_eq(strstr(sql, ";"), NULL);
    }
}
END_TEST

START_TEST(plans_are_evicted_by_bytes_and_live_on_in_use)
{
    struct rig r;
    char request[256];
    rig_init(&r, 64 * 1024);
    for (int i = 0; i < 100; i++) {
        snprintf(request, sizeof request,
                 "{\"query\":{\"select\":[{\"a%d\":\"id\"}],\"from\":"
                 "\"users\"}}",
                 i);
        ck_assert_int_eq(rig_bind(&r, 0, request), ERR_OK);
        ck_assert_uint_le(compiler_counts(r.compiler).bytes, 64 * 1024);
    }
    struct compiler_counts n = compiler_counts(r.compiler);
    ck_assert_uint_gt(n.evicted, 0);
    ck_assert_uint_gt(n.plans, 4);
    ck_assert_uint_eq(n.plans + n.evicted, 100);
    ck_assert_int_eq(rig_bind(&r, 0, request), ERR_OK);
    ck_assert(r.bound.hit);
    rig_fini(&r);
}
END_TEST

START_TEST(a_cache_without_room_still_compiles)
{
    struct rig r;
    rig_init(&r, 0);
    ck_assert_int_eq(rig_bind(&r, 0, QUERY("[\"=\",\"age\",1]")), ERR_OK);
    ck_assert_int_eq(rig_bind(&r, 0, QUERY("[\"=\",\"age\",1]")), ERR_OK);
    ck_assert(!r.bound.hit);
    ck_assert_uint_eq(compiler_counts(r.compiler).plans, 0);
    rig_fini(&r);
}
END_TEST

START_TEST(a_new_catalog_makes_new_plans_and_the_old_ones_can_go)
{
    const char *q = QUERY("[\"=\",\"age\",1]");
    bind(0, q);
    bind(1, q);
    uint64_t old = catalog_version(rig.catalogs[0]);
    catalog_unref(rig.catalogs[0]);
    rig.catalogs[0] = rig_catalog("public");
    bind(0, q);
    ck_assert(!rig.bound.hit);
    ck_assert_uint_eq(compiler_counts(rig.compiler).plans, 3);
    compiler_forget(rig.compiler, old);
    ck_assert_uint_eq(compiler_counts(rig.compiler).plans, 2);
    bind(1, q);
    ck_assert(rig.bound.hit);
}
END_TEST

START_TEST(statements_have_numbers_of_their_own)
{
    bind(0, QUERY("[\"=\",\"age\",1]"));
    uint64_t a = rig.bound.runs[0].step->stmt.id;
    bind(0, QUERY("[\"=\",\"id\",1]"));
    ck_assert_uint_ne(a, 0);
    ck_assert_uint_ne(a, rig.bound.runs[0].step->stmt.id);
}
END_TEST

START_TEST(a_plan_can_be_had_without_params)
{
    static const char *const requests[] = {
        "{\"query\":{\"select\":[\"id\",\":x\"],\"from\":\"users\",\"where\":[\"and\",[\"=\","
        "\"age\",\":a\"],[\"in\",\"id\",\":l\"]],\"limit\":\":n\"}}",
        "{\"query\":{\"insert\":\"users\",\"rows\":\":rows\"}}",
        "{\"query\":{\"update\":\"users\",\"data\":\":d\",\"set\":{\"age\":1},\"where\":true}}",
    };
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
            struct plan *p;
            enum err e = rig_plan(&rig, d, requests[i], &p);
            ck_assert_msg(e == ERR_OK, "%s: %s", requests[i], rig.fail.message);
            ck_assert_uint_eq(p->step_count, 1);
            ck_assert_uint_gt(p->steps[0].stmt.sql.len, 0);
            plan_unref(p);
        }
    }
}
END_TEST

START_TEST(a_literal_limit_is_never_above_what_is_expected)
{
    bind(1,
         "{\"query\":{\"select\":[\"id\"],\"from\":\"users\",\"limit\":1},\"expect\":\"one\"}");
    ck_assert_int_eq(param(0, 0)->num, 1);
    bind(1,
         "{\"query\":{\"select\":[\"id\"],\"from\":\"users\",\"limit\":9},\"expect\":\"one\"}");
    ck_assert(rig.bound.hit);
    ck_assert_int_eq(param(0, 0)->num, 2);
}
END_TEST

START_TEST(reads_are_proven_and_random_is_not)
{
    bind(0, "{\"query\":{\"select\":[[\"now\"]]}}");
    ck_assert(rig.bound.plan->steps[0].stmt.read_only);
    ck_assert_int_eq(rig.bound.plan->volatility, VOLATILITY_STABLE);
    bind(0, "{\"query\":{\"select\":[[\"random\"]]}}");
    ck_assert(!rig.bound.plan->steps[0].stmt.read_only);
    bind(0, "{\"query\":{\"delete\":\"users\",\"where\":true}}");
    ck_assert(!rig.bound.plan->steps[0].stmt.read_only);
}
END_TEST

/* A request of `head`, then `unit` n times, then `tail`. */
static char *long_request(const char *head, const char *unit, int n, const char *tail)
{
    size_t unit_len = strlen(unit);
    char *out = malloc(strlen(head) + unit_len * (size_t)n + strlen(tail) + 1);
    char *at = stpcpy(out, head);
    for (int i = 0; i < n; i++) {
        at = stpcpy(at, unit);
    }
    stpcpy(at, tail);
    return out;
}

START_TEST(statements_beyond_all_measure_are_refused)
{
    static const struct {
        const char *head, *unit, *tail;
        int n;
        enum err code;
    } cases[] = {
        {"{\"query\":{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"in\",\"id\",[", "1,",
         "1]]}}", 40000, ERR_TOO_MANY_PARAMS},
        {"{\"query\":{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"or\",",
         "\"is_active\",", "true]}}", 120000, ERR_QUERY_TOO_LARGE},
        {"{\"query\":{\"select\":[\"id\"],\"from\":\"users\",\"where\":[\"or\",",
         "\"is_active\",", "true]}}", 60000, ERR_QUERY_TOO_LARGE},
        {"{\"query\":{\"select\":[\"id\"],\"from\":\"users\",\"order_by\":[", "\"id\",",
         "\"id\"]}}", 1000, ERR_QUERY_TOO_LARGE},
        {"{\"query\":{\"select\":[\"id\"],\"from\":\"users\",\"join\":[",
         "{\"cross\":{\"x\":\"users\"}},", "{\"cross\":\"orders\"}]}}", 60,
         ERR_QUERY_TOO_LARGE},
        {"{\"query\":{\"select\":[", "\"*\",", "\"*\"],\"from\":\"users\"}}", 200,
         ERR_QUERY_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = long_request(cases[i].head, cases[i].unit, cases[i].n, cases[i].tail);
        enum err e = rig_bind(&rig, 1, text);
        ck_assert_msg(e == cases[i].code, "%zu: %s %s", i, err_wire(e), rig.fail.message);
        free(text);
    }
}
END_TEST

/* SQLite's parser has a stack of 100 symbols and trees of 1000 levels. */
START_TEST(what_is_refused_for_its_depth_is_refused_by_us)
{
    char *text = long_request("{\"query\":{\"select\":[[\"+\",", "1,", 20, "1]]}}");
    ck_assert_int_eq(rig_bind(&rig, 2, text), ERR_OK);
    free(text);
    text = long_request("{\"query\":{\"select\":[[\"+\",", "1,", 60, "1]]}}");
    ck_assert_int_eq(rig_bind(&rig, 2, text), ERR_QUERY_TOO_LARGE);
    ck_assert_int_eq(rig_bind(&rig, 0, text), ERR_OK);
    free(text);
    text = long_request("{\"query\":{\"select\":[1],\"from\":\"users\",\"where\":[\"or\",",
                        "\"is_active\",", 5000, "true]}}");
    ck_assert_int_eq(rig_bind(&rig, 2, text), ERR_OK);
    ck_assert_ptr_ne(strstr(rig.bound.runs[0].step->stmt.sql.ptr, ") OR ("), NULL);
    free(text);
}
END_TEST

START_TEST(too_many_sets_of_keys_are_refused)
{
    char *text = malloc(64 * 1024), *at = text;
    at += sprintf(at, "{\"query\":{\"insert\":\"users\",\"rows\":[");
    for (int i = 0; i < 300; i++) {
        at += sprintf(at, "%s{\"k%d\":1}", i > 0 ? "," : "", i);
    }
    sprintf(at, "]}}");
    ck_assert_int_eq(rig_bind(&rig, 0, text), ERR_QUERY_TOO_LARGE);
    free(text);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    static const char *const requests[] = {
        WITH("[\"and\",[\"in\",\"id\",\":l\"],[\"contains\",\"name\",\":t\"],[\"<\",\"salary\","
             "[\"+\",1.5,2]]]",
             "{\"l\":[1,2,3],\"t\":\"a%b\"}"),
        "{\"query\":{\"insert\":\"users\",\"rows\":[{\"name\":\"a\"},{\"age\":1},{\"age\":2}],"
        "\"returning\":\"*\"}}",
        "{\"query\":{\"select\":[{\"n\":[\"count\",\"*\"]}],\"from\":\"users\",\"join\":[{"
        "\"left\":"
        "\"orders\"}],\"group_by\":[\"users.id\"],\"order_by\":[\"n\"]}}",
        "{\"query\":{\"select\":[{\"a\":{\"over\":{\"aggregate\":[\"sum\",\"salary\"],"
        "\"filter\":\"is_"
        "active\"},\"window\":\"w\",\"rows\":[-1,0]}},{\"b\":{\"over\":[\"lag\",\"id\",1,0],"
        "\"window\":"
        "\"w\"}}],\"from\":\"users\",\"window\":{\"w\":{\"partition_by\":[\"city\"],\"order_"
        "by\":[{"
        "\"desc\":\"id\",\"nulls\":\"last\"}]}}}}",
        "{\"query\":{\"select\":[{\"a\":{\"aggregate\":[\"string_agg\",\"name\",{\"value\":\","
        "\"}],"
        "\"filter\":\"is_active\",\"order_by\":[\"id\"]}},[\"json_agg\",\"name\"]],\"from\":"
        "\"users\"}}",
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        bool failed = true;
        for (long n = 1; failed && n < 1000; n++) {
            struct rig r;
            rig_init(&r, 1 << 20);
            fail_alloc_at(n);
            enum err e = rig_bind(&r, 0, requests[i]);
            failed = fail_alloc_reached();
            fail_alloc_at(0);
            ck_assert_msg(e == ERR_OK || e == ERR_OUT_OF_MEMORY || e == ERR_REQUEST_TOO_LARGE,
                          "%s: allocation %ld: %s", requests[i], n, err_wire(e));
            rig_fini(&r);
        }
        ck_assert(!failed);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("compiler");
    TCase *tc = tcase_create("plans");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, other_literals_share_a_plan);
    tcase_add_test(tc, what_a_plan_depends_on_is_in_its_key);
    tcase_add_test(tc, windows_share_plans_but_not_frames);
    tcase_add_test(tc, lists_of_near_lengths_share_a_plan);
    tcase_add_test(tc, rows_of_any_number_share_a_plan);
    tcase_add_test(tc, rows_are_split_where_their_keys_change);
    tcase_add_test(tc, an_insert_of_no_rows_has_no_run);
    tcase_add_test(tc, hostile_names_and_values_never_reach_the_sql);
    tcase_add_test(tc, plans_are_evicted_by_bytes_and_live_on_in_use);
    tcase_add_test(tc, a_cache_without_room_still_compiles);
    tcase_add_test(tc, a_new_catalog_makes_new_plans_and_the_old_ones_can_go);
    tcase_add_test(tc, statements_have_numbers_of_their_own);
    tcase_add_test(tc, a_plan_can_be_had_without_params);
    tcase_add_test(tc, a_literal_limit_is_never_above_what_is_expected);
    tcase_add_test(tc, reads_are_proven_and_random_is_not);
    tcase_add_test(tc, statements_beyond_all_measure_are_refused);
    tcase_add_test(tc, what_is_refused_for_its_depth_is_refused_by_us);
    tcase_add_test(tc, too_many_sets_of_keys_are_refused);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
