/* SPDX-License-Identifier: MIT
 *
 * test_cache_plans.c: statements get numbers, and what is counted under them is found.
 */
#include "daemon/cache_plans.h"

#include <check.h>
#include <stdio.h>

static struct cache_plans *plans;

static void setup(void)
{
    plans = cache_plans_create(2, 7);
    ck_assert_ptr_nonnull(plans);
}

static void teardown(void)
{
    cache_plans_destroy(plans);
}

START_TEST(equal_statements_of_a_database_have_one_number)
{
    uint16_t a = cache_plans_number(plans, STR("main"), STR("SELECT 1"));
    ck_assert_uint_ne(a, CACHE_PLAN_OTHERS);
    ck_assert_uint_eq(cache_plans_number(plans, STR("main"), STR("SELECT 1")), a);
    ck_assert_uint_ne(cache_plans_number(plans, STR("main"), STR("SELECT 2")), a);
    ck_assert_uint_ne(cache_plans_number(plans, STR("other"), STR("SELECT 1")), a);
    ck_assert_uint_eq(cache_plans_total(plans), 4);
}
END_TEST

START_TEST(counts_are_the_sum_over_workers)
{
    uint16_t a = cache_plans_number(plans, STR("main"), STR("SELECT 1"));
    cache_plans_count(plans, 0, a, CACHE_HITS);
    cache_plans_count(plans, 1, a, CACHE_HITS);
    cache_plans_count(plans, 1, a, CACHE_MISSES);
    struct cache_plan p = cache_plans_get(plans, a);
    ck_assert(str_is(p.db, "main") && str_is(p.sql, "SELECT 1"));
    ck_assert_uint_eq(p.counts[CACHE_HITS], 2);
    ck_assert_uint_eq(p.counts[CACHE_MISSES], 1);
    ck_assert_uint_eq(p.counts[CACHE_STALE], 0);
}
END_TEST

START_TEST(when_all_numbers_are_given_the_rest_share_one)
{
    char sql[32];
    for (unsigned i = 1; i < CACHE_PLANS_MAX; i++) {
        snprintf(sql, sizeof sql, "SELECT %u", i);
        ck_assert_uint_eq(cache_plans_number(plans, STR("main"), str_of(sql)), i);
    }
    ck_assert_uint_eq(cache_plans_number(plans, STR("main"), STR("SELECT x")),
                      CACHE_PLAN_OTHERS);
    ck_assert_uint_eq(cache_plans_number(plans, STR("main"), STR("SELECT 5")), 5);
    ck_assert_uint_eq(cache_plans_get(plans, CACHE_PLAN_OTHERS).sql.len, 0);
}
END_TEST

START_TEST(of_a_long_statement_the_beginning_is_shown)
{
    char sql[5000];
    memset(sql, 'x', sizeof sql);
    struct str text = {sql, sizeof sql};
    uint16_t a = cache_plans_number(plans, STR("main"), text);
    sql[sizeof sql - 1] = 'y';
    ck_assert_uint_ne(cache_plans_number(plans, STR("main"), text), a);
    ck_assert_uint_eq(cache_plans_get(plans, a).sql.len, 1000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cache_plans");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, equal_statements_of_a_database_have_one_number);
    tcase_add_test(t, counts_are_the_sum_over_workers);
    tcase_add_test(t, when_all_numbers_are_given_the_rest_share_one);
    tcase_add_test(t, of_a_long_statement_the_beginning_is_shown);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
