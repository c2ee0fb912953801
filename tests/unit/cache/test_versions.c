/* SPDX-License-Identifier: MIT
 *
 * Tests of cache/versions.h: what a stamp survives.
 */
#include "cache/versions.h"

#include <check.h>
#include <stdlib.h>

static struct versions *v;

static void up(void)
{
    v = versions_create();
    ck_assert_ptr_nonnull(v);
}

static void down(void)
{
    versions_destroy(v);
}

static struct slot_set table(const char *name)
{
    struct str names[] = {STR("main"), STR("public"), str_of(name)};
    struct slot_set s = {0};
    ck_assert(slot_set_add(&s, slot_of(SLOT_TABLE, names, 3)));
    return s;
}

START_TEST(holds_until_something_is_written)
{
    struct slot_set users = table("users"), orders = table("orders");
    struct stamp s;
    ck_assert(versions_stamp(v, &users, &s));
    versions_raise(v, &orders);
    versions_lower(v, &orders);
    ck_assert(versions_hold(v, &s));
    versions_raise(v, &users);
    ck_assert(!versions_hold(v, &s));
    versions_lower(v, &users);
    ck_assert(!versions_hold(v, &s));
}
END_TEST

START_TEST(none_is_taken_beside_a_write)
{
    struct slot_set users = table("users");
    struct stamp s;
    versions_raise(v, &users);
    versions_raise(v, &users);
    ck_assert(!versions_stamp(v, &users, &s));
    versions_lower(v, &users);
    ck_assert(!versions_stamp(v, &users, &s));
    versions_lower(v, &users);
    ck_assert(versions_stamp(v, &users, &s));
    ck_assert(versions_hold(v, &s));
    versions_bump(v, &users);
    ck_assert(!versions_hold(v, &s));
    ck_assert(versions_stamp(v, &users, &s));
}
END_TEST

START_TEST(one_of_several_is_enough)
{
    struct slot_set both = table("users"), orders = table("orders");
    struct stamp s;
    ck_assert(slot_set_add(&both, orders.slots[0]));
    ck_assert_uint_eq(both.count, 2);
    ck_assert(slot_set_add(&both, orders.slots[0]));
    ck_assert_uint_eq(both.count, 2);
    ck_assert(versions_stamp(v, &both, &s));
    versions_bump(v, &orders);
    ck_assert(!versions_hold(v, &s));
}
END_TEST

START_TEST(names_are_kept_apart)
{
    struct str a[] = {STR("ab"), STR("c")}, b[] = {STR("a"), STR("bc")};
    ck_assert_uint_ne(slot_of(SLOT_TABLE, a, 2), slot_of(SLOT_TABLE, b, 2));
    ck_assert_uint_ne(slot_of(SLOT_TABLE, a, 2), slot_of(SLOT_TAG, a, 2));
    ck_assert_uint_ge(slot_of(SLOT_KEY, a, 2), SLOTS_COARSE);
    ck_assert_uint_lt(slot_of(SLOT_KEY, a, 2), SLOT_COUNT);
    ck_assert_uint_lt(slot_of(SLOT_TABLE, a, 2), SLOTS_COARSE);
}
END_TEST

START_TEST(too_many_are_refused)
{
    struct slot_set s = {0};
    for (uint32_t i = 0; i < SLOT_SET_MAX; i++) {
        ck_assert(slot_set_add(&s, i));
    }
    ck_assert(!slot_set_add(&s, SLOT_SET_MAX));
    ck_assert(slot_set_add(&s, 0));
    struct stamp stamp;
    ck_assert(!versions_stamp(v, &s, &stamp));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("versions");
    TCase *t = tcase_create("versions");
    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, holds_until_something_is_written);
    tcase_add_test(t, none_is_taken_beside_a_write);
    tcase_add_test(t, one_of_several_is_enough);
    tcase_add_test(t, names_are_kept_apart);
    tcase_add_test(t, too_many_are_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
