/* SPDX-License-Identifier: MIT
 *
 * Tests of cache/region.h with one thread: what is found, what is not any more, what
 * makes room for what, and how many bytes it takes.
 */
#include "region_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1024 * 1024)

static struct rig g;

static void up(void)
{
    rig_init(&g, MIB, 2);
}

static void down(void)
{
    rig_fini(&g);
}

START_TEST(finds_what_was_put)
{
    ck_assert_int_eq(rig_find(&g, 1), REGION_MISS);
    ck_assert(rig_put(&g, 1, STR("one")));
    ck_assert(rig_has(&g, 1, STR("one")));
    ck_assert_int_eq(rig_find(&g, 2), REGION_MISS);
    ck_assert(rig_put(&g, 1, STR("another")));
    ck_assert(rig_has(&g, 1, STR("another")));
    struct region_counts c = region_counts(g.region);
    ck_assert_uint_eq(c.entries, 1);
    ck_assert_uint_eq(c.fills, 2);
    ck_assert_uint_eq(c.found[REGION_MISS], 2);
    ck_assert_uint_eq(c.found[REGION_HIT], 2);
    ck_assert(str_is(region_name(g.region), "main"));
}
END_TEST

START_TEST(a_written_table_makes_it_invalid)
{
    ck_assert(rig_put(&g, 1, STR("one")));
    ck_assert(rig_put(&g, 2, STR("two")));
    struct slot_set table = rig_table(1);
    versions_raise(g.versions, &table);
    ck_assert_int_eq(rig_find(&g, 1), REGION_INVALID);
    ck_assert_int_eq(rig_find(&g, 2), REGION_HIT);
    versions_lower(g.versions, &table);
    ck_assert_int_eq(rig_find(&g, 1), REGION_INVALID);
    ck_assert(rig_put(&g, 1, STR("new")));
    ck_assert(rig_has(&g, 1, STR("new")));
}
END_TEST

START_TEST(what_was_read_beside_a_write_is_refused)
{
    struct rig_key k;
    struct slot_set table = rig_table(1);
    rig_key_of(&k, 1);
    struct region_fill fill = {.key = k.key,
                               .body = STR("old"),
                               .read_ns = 1,
                               .expires_ns = UINT64_MAX,
                               .soft_ns = UINT64_MAX};
    ck_assert(versions_stamp(g.versions, &table, &fill.stamp));
    versions_bump(g.versions, &table);
    ck_assert(!region_put(g.region, &fill, g.now_ns));
    ck_assert_int_eq(rig_find(&g, 1), REGION_MISS);
    ck_assert_uint_eq(region_counts(g.region).refused, 1);
}
END_TEST

START_TEST(the_later_read_stays)
{
    ck_assert(rig_put(&g, 1, STR("later")));
    g.now_ns -= 500;
    ck_assert(rig_put(&g, 1, STR("earlier")));
    ck_assert(rig_has(&g, 1, STR("later")));
}
END_TEST

START_TEST(equal_hashes_are_two_keys)
{
    struct rig_key k;
    rig_key_of(&k, 1);
    ck_assert(rig_put(&g, 1, STR("one")));
    struct cache_key other = {STR("something else"), k.key.hash};
    region_enter(g.region, 1);
    ck_assert_int_eq(region_find(g.region, 1, other, g.now_ns).verdict, REGION_MISS);
    region_leave(g.region, 1);
}
END_TEST

START_TEST(old_ones_are_not_found_and_swept)
{
    g.soft_ns = g.now_ns + 100;
    g.expires_ns = g.now_ns + 200;
    ck_assert(rig_put(&g, 1, STR("one")));
    ck_assert_int_eq(rig_find(&g, 1), REGION_HIT);
    g.now_ns += 100;
    ck_assert_int_eq(rig_find(&g, 1), REGION_STALE);
    g.now_ns += 99;
    ck_assert_int_eq(rig_find(&g, 1), REGION_STALE);
    region_tend(g.region, g.now_ns);
    ck_assert_uint_eq(region_counts(g.region).entries, 1);
    g.now_ns += 1;
    ck_assert_int_eq(rig_find(&g, 1), REGION_MISS);
    region_tend(g.region, g.now_ns);
    ck_assert_uint_eq(region_counts(g.region).entries, 0);
    ck_assert_uint_eq(region_counts(g.region).dropped_old, 1);
    ck_assert(!rig_put(&g, 2, STR("too late")));
}
END_TEST

START_TEST(invalid_ones_are_swept)
{
    for (uint64_t n = 0; n < 2 * RIG_TABLES; n++) {
        ck_assert(rig_put(&g, n, STR("body")));
    }
    struct slot_set table = rig_table(3);
    versions_bump(g.versions, &table);
    region_tend(g.region, g.now_ns);
    ck_assert_uint_eq(region_counts(g.region).entries, 2 * RIG_TABLES - 2);
    ck_assert_uint_eq(region_counts(g.region).dropped_invalid, 2);
}
END_TEST

START_TEST(one_caller_gets_the_lease)
{
    struct rig_key k;
    rig_key_of(&k, 1);
    ck_assert(!region_take_lease(g.region, k.key, g.now_ns, g.now_ns + 50));
    g.soft_ns = g.now_ns;
    ck_assert(rig_put(&g, 1, STR("one")));
    ck_assert_int_eq(rig_find(&g, 1), REGION_STALE);
    ck_assert(region_take_lease(g.region, k.key, g.now_ns, g.now_ns + 50));
    ck_assert(!region_take_lease(g.region, k.key, g.now_ns, g.now_ns + 50));
    g.now_ns += 50; /* its holder is lost */
    ck_assert(region_take_lease(g.region, k.key, g.now_ns, g.now_ns + 50));
    g.soft_ns = g.now_ns + 10;
    ck_assert(rig_put(&g, 1, STR("new")));
    ck_assert_int_eq(rig_find(&g, 1), REGION_HIT);
    g.now_ns += 10;
    ck_assert(region_take_lease(g.region, k.key, g.now_ns, g.now_ns + 50));
}
END_TEST

START_TEST(drops_what_is_useless_or_all)
{
    struct slot_set table = rig_table(1);
    size_t empty = region_counts(g.region).bytes;
    for (uint64_t n = 0; n < 100; n++) {
        ck_assert(rig_put_line(&g, n, STR("body"), n == 1 ? STR("line") : STR("")));
    }
    versions_bump(g.versions, &table);
    region_tend(g.region, g.now_ns);
    ck_assert_int_eq(rig_find(&g, 1), REGION_MISS);
    ck_assert_int_eq(rig_find_line(&g, STR("line")), REGION_MISS);
    ck_assert_int_eq(rig_find(&g, 2), REGION_HIT);
    region_clear(g.region);
    ck_assert_int_eq(rig_find(&g, 2), REGION_MISS);
    ck_assert_uint_eq(region_counts(g.region).entries, 0);
    ck_assert_uint_eq(region_counts(g.region).bytes, empty);
}
END_TEST

START_TEST(too_large_ones_are_refused)
{
    char *body = calloc(1, MIB);
    ck_assert(!rig_put(&g, 1, (struct str){body, MIB / 4 + 1}));
    ck_assert(rig_put(&g, 1, (struct str){body, MIB / 4}));
    free(body);
}
END_TEST

START_TEST(ages_are_counted)
{
    ck_assert(rig_put(&g, 1, STR("one")));
    ck_assert_int_eq(rig_find(&g, 1), REGION_HIT);
    g.now_ns += 20 * 1000000ull;
    ck_assert_int_eq(rig_find(&g, 1), REGION_HIT);
    g.now_ns += 86400ull * 1000000000ull;
    ck_assert_int_eq(rig_find(&g, 1), REGION_HIT);
    struct region_counts c = region_counts(g.region);
    uint64_t sum = 0;
    for (unsigned i = 0; i < REGION_AGES; i++) {
        sum += c.ages[i];
        ck_assert(i == 0 || region_age_ms(i) > region_age_ms(i - 1));
    }
    ck_assert_uint_eq(sum, 3);
    ck_assert_uint_eq(c.ages[0], 1);
    ck_assert_uint_eq(c.ages[3], 1); /* 16 ms to 64 ms */
    ck_assert_uint_eq(region_age_ms(2), 16);
    ck_assert_uint_eq(region_age_ms(3), 64);
}
END_TEST

/* ---- lines ---- */

START_TEST(lines_lead_to_the_entry)
{
    struct rig_key k;
    rig_key_of(&k, 1);
    region_add_line(g.region, k.key, STR("before it is there"));
    ck_assert_int_eq(rig_find_line(&g, STR("before it is there")), REGION_MISS);
    ck_assert(rig_put_line(&g, 1, STR("one"), STR("a")));
    ck_assert_int_eq(rig_find_line(&g, STR("a")), REGION_HIT);
    region_add_line(g.region, k.key, STR("b"));
    ck_assert_int_eq(rig_find_line(&g, STR("b")), REGION_HIT);
    size_t bytes = region_counts(g.region).bytes;
    region_add_line(g.region, k.key, STR("b"));
    ck_assert_uint_eq(region_counts(g.region).bytes, bytes);
    ck_assert_int_eq(rig_find_line(&g, STR("c")), REGION_MISS);
}
END_TEST

START_TEST(the_last_few_lines_stay)
{
    struct rig_key k;
    char text[2] = "a";
    rig_key_of(&k, 1);
    ck_assert(rig_put(&g, 1, STR("one")));
    for (; *text <= 'f'; ++*text) {
        region_add_line(g.region, k.key, str_of(text));
    }
    ck_assert_int_eq(rig_find_line(&g, STR("a")), REGION_MISS);
    ck_assert_int_eq(rig_find_line(&g, STR("b")), REGION_MISS);
    ck_assert_int_eq(rig_find_line(&g, STR("c")), REGION_HIT);
    ck_assert_int_eq(rig_find_line(&g, STR("f")), REGION_HIT);
}
END_TEST

START_TEST(a_new_version_keeps_the_lines)
{
    ck_assert(rig_put_line(&g, 1, STR("one"), STR("a")));
    struct slot_set table = rig_table(1);
    versions_bump(g.versions, &table);
    ck_assert_int_eq(rig_find_line(&g, STR("a")), REGION_INVALID);
    ck_assert(rig_put(&g, 1, STR("two")));
    ck_assert_int_eq(rig_find_line(&g, STR("a")), REGION_HIT);
}
END_TEST

START_TEST(a_line_may_come_to_lead_elsewhere)
{
    ck_assert(rig_put_line(&g, 1, STR("one"), STR("a")));
    ck_assert(rig_put_line(&g, 1, STR("one"), STR("b")));
    ck_assert(rig_put_line(&g, 2, STR("two"), STR("a")));
    struct slot_set table = rig_table(1);
    versions_bump(g.versions, &table);
    region_tend(g.region, g.now_ns);
    ck_assert_int_eq(rig_find_line(&g, STR("a")), REGION_HIT);
    ck_assert_int_eq(rig_find_line(&g, STR("b")), REGION_MISS);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("region");
    TCase *t = tcase_create("region");
    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, finds_what_was_put);
    tcase_add_test(t, a_written_table_makes_it_invalid);
    tcase_add_test(t, what_was_read_beside_a_write_is_refused);
    tcase_add_test(t, the_later_read_stays);
    tcase_add_test(t, equal_hashes_are_two_keys);
    tcase_add_test(t, old_ones_are_not_found_and_swept);
    tcase_add_test(t, invalid_ones_are_swept);
    tcase_add_test(t, one_caller_gets_the_lease);
    tcase_add_test(t, drops_what_is_useless_or_all);
    tcase_add_test(t, too_large_ones_are_refused);
    tcase_add_test(t, ages_are_counted);
    tcase_add_test(t, lines_lead_to_the_entry);
    tcase_add_test(t, the_last_few_lines_stay);
    tcase_add_test(t, a_new_version_keeps_the_lines);
    tcase_add_test(t, a_line_may_come_to_lead_elsewhere);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
