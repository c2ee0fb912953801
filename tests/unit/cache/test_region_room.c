/* SPDX-License-Identifier: MIT
 *
 * Tests of cache/region.h: who makes room for whom, and that all its memory is counted
 * and bounded, also when readers stay inside and when there is none.
 */
#include "../fail_alloc.h"
#include "region_rig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MIB (1024 * 1024)

static struct rig g;
static char bytes[256 * 1024];

static struct str body_of(size_t len)
{
    return (struct str){bytes, len};
}

static void up(void)
{
    rig_init(&g, MIB, 2);
}

static void down(void)
{
    rig_fini(&g);
}

/* Puts numbers from … until, as those who missed them would. */
static void fill(uint64_t from, uint64_t until, size_t body_bytes)
{
    for (uint64_t n = from; n < until; n++) {
        if (rig_find(&g, n) == REGION_MISS) {
            ck_assert(rig_put(&g, n, body_of(body_bytes)));
        }
    }
}

static unsigned count_found(uint64_t from, uint64_t until)
{
    unsigned found = 0;
    for (uint64_t n = from; n < until; n++) {
        found += rig_find(&g, n) == REGION_HIT;
    }
    return found;
}

/* ---- who goes ---- */

START_TEST(what_is_used_outlives_a_run_of_strangers)
{
    fill(0, 100, 1000);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(count_found(0, 100), 100);
    }
    fill(1000, 11000, 1000);
    ck_assert_uint_eq(count_found(0, 100), 100);
    ck_assert_uint_gt(region_counts(g.region).evicted, 8000);
}
END_TEST

START_TEST(who_comes_back_soon_is_kept_longer)
{
    fill(0, 2000, 1000); /* the first are gone, unused */
    ck_assert_uint_eq(count_found(0, 1), 0);
    uint64_t back = 2000 - region_counts(g.region).entries - 1;
    ck_assert_uint_eq(count_found(back, back + 1), 0);
    fill(back, back + 1, 1000);
    fill(3000, 5000, 1000); /* enough to wash out whoever is in the small queue */
    ck_assert_uint_eq(count_found(back, back + 1), 1);
    ck_assert_uint_eq(count_found(3000, 3001), 0);
}
END_TEST

START_TEST(what_was_popular_once_goes_in_the_end)
{
    fill(0, 700, 1000);
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(count_found(0, 700), 700);
    }
    for (int round = 0; round < 40; round++) { /* a new set, as large, asked for all the time */
        fill(10000, 10700, 1000);
    }
    ck_assert_uint_eq(count_found(10000, 10700), 700);
}
END_TEST

START_TEST(invalid_ones_go_first)
{
    fill(0, 800, 1000);
    ck_assert_uint_eq(count_found(0, 800), 800);
    ck_assert_uint_eq(count_found(0, 800), 800); /* used often: they would stay */
    for (uint64_t i = 0; i < RIG_TABLES; i += 2) {
        struct slot_set table = rig_table(i);
        versions_bump(g.versions, &table);
    }
    fill(2000, 2300, 1000);
    struct region_counts c = region_counts(g.region);
    ck_assert_uint_gt(c.dropped_invalid, 0);
    unsigned valid = 0;
    for (uint64_t n = 1; n < 800; n += 2) {
        valid += count_found(n, n + 1);
    }
    ck_assert_uint_eq(valid, 400);
}
END_TEST

/* ---- bytes ---- */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *state >> 33;
}

/* Something of everything. */
static void do_something(struct rig *on, uint64_t *random)
{
    char line[64];
    struct rig_key k;
    uint64_t n = next_random(random) % 20000, what = next_random(random) % 1000;
    struct str text = {line, (size_t)snprintf(line, sizeof line, "{\"query\":%llu",
                                              (unsigned long long)(n * 3 + what % 7))};
    rig_key_of(&k, n);
    on->now_ns += 1000;
    on->expires_ns = what % 3 == 0 ? on->now_ns + next_random(random) % 10000000 : UINT64_MAX;
    if (what < 700) {
        size_t len = next_random(random) % (what % 50 == 0 ? 200000 : 10000);
        rig_put_line(on, n, body_of(len), what % 2 == 0 ? text : STR(""));
    } else if (what < 900) {
        rig_find(on, n);
        region_add_line(on->region, k.key, text);
    } else if (what < 950) {
        on->expires_ns = on->now_ns + 1; /* gone when it is next looked at */
        rig_put(on, n, STR("short"));
    } else if (what == 950 && n % 2 == 0) {
        struct slot_set table = rig_table(n);
        versions_bump(on->versions, &table);
    } else if (what < 960) {
        region_tend(on->region, on->now_ns);
    } else if (what == 960 && n % 40 == 0) {
        region_clear(on->region);
    }
}

/* Entries and lines are in the region's own range: malloc is not asked. */
START_TEST(memory_never_passes_the_cap)
{
    const size_t max = 16 * MIB;
    struct rig big;
    uint64_t random = 1;
    size_t most = 0;
    rig_init(&big, max, 2);
    fail_alloc_at(1);
    for (int i = 0; i < 30000; i++) {
        do_something(&big, &random);
        size_t counted = region_counts(big.region).bytes;
        most = counted > most ? counted : most;
    }
    bool asked = fail_alloc_reached();
    fail_alloc_at(0);
    ck_assert(!asked);
    ck_assert_uint_le(most, max);
    ck_assert_uint_ge(most, max / 100 * 97); /* it was full, or nothing was tried */
    rig_fini(&big);
}
END_TEST

/* Small ones by the thousand, and now and then one of a quarter of all. */
START_TEST(a_large_one_finds_room_among_small_ones)
{
    unsigned kept = 0;
    for (uint64_t round = 0; round < 50; round++) {
        fill(round * 1000, round * 1000 + 900, 100 + round * 10);
        kept += rig_put(&g, 1000000 + round, body_of(MIB / 50));
    }
    ck_assert_uint_gt(kept, 40);
    ck_assert(!rig_put(&g, 1, body_of(MIB / 4 + 1)));
}
END_TEST

START_TEST(nothing_is_left_behind)
{
    uint64_t random = 2;
    size_t empty = region_counts(g.region).bytes;
    for (int i = 0; i < 5000; i++) {
        do_something(&g, &random);
    }
    region_clear(g.region);
    ck_assert_uint_eq(region_counts(g.region).bytes, empty);
    ck_assert_uint_eq(region_counts(g.region).entries, 0);
}
END_TEST

START_TEST(a_reader_that_stays_inside_costs_no_memory)
{
    struct rig_key k;
    fill(0, 2000, 1000);
    uint64_t last = 1999;
    rig_key_of(&k, last);
    region_enter(g.region, 1);
    struct region_found found = region_find(g.region, 1, k.key, g.now_ns);
    ck_assert_int_eq(found.verdict, REGION_HIT);
    unsigned refused = 0;
    for (uint64_t n = 3000; n < 6000; n++) {
        refused += !rig_put(&g, n, body_of(1000));
        ck_assert_uint_le(region_counts(g.region).bytes, MIB);
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_gt(region_counts(g.region).entries, 600); /* and the rest stayed */
    ck_assert_int_eq(memcmp(found.body.ptr, bytes, found.body.len), 0);
    region_leave(g.region, 1);
    ck_assert(rig_put(&g, 7000, body_of(1000)));
    ck_assert_int_eq(rig_find(&g, 7000), REGION_HIT);
}
END_TEST

START_TEST(a_cap_below_what_it_needs_itself_keeps_nothing)
{
    struct rig small;
    rig_init(&small, 1024, 1);
    ck_assert(!rig_put(&small, 1, STR("one")));
    ck_assert_int_eq(rig_find(&small, 1), REGION_MISS);
    rig_fini(&small);
}
END_TEST

/* ---- no memory ---- */

/* fail_alloc.c knows malloc and calloc: they are asked on behalf of these. */
static bool fails_now(void)
{
    void *p = malloc(1);
    free(p);
    return p == NULL;
}

void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return fails_now() ? NULL : __real_aligned_alloc(align, size);
}

void *__real_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
    return fails_now() ? MAP_FAILED : __real_mmap64(at, size, prot, flags, fd, offset);
}

START_TEST(creation_survives_every_failure)
{
    struct region_opts opts = {.name = STR("main"),
                               .max_bytes = MIB,
                               .max_entry_bytes = MIB,
                               .versions = g.versions,
                               .epoch = g.epoch};
    for (long n = 1;; n++) {
        fail_alloc_at(n);
        struct region *r = region_create(&opts);
        bool failed = fail_alloc_reached();
        fail_alloc_at(0);
        ck_assert(failed == (r == NULL));
        region_destroy(r);
        if (!failed) {
            ck_assert_int_eq(n, 3);
            break;
        }
    }
    fail_alloc_at(1);
    ck_assert_ptr_null(epoch_create(2));
    fail_alloc_at(0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("region_room");
    TCase *t = tcase_create("region_room");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_is_used_outlives_a_run_of_strangers);
    tcase_add_test(t, who_comes_back_soon_is_kept_longer);
    tcase_add_test(t, what_was_popular_once_goes_in_the_end);
    tcase_add_test(t, invalid_ones_go_first);
    tcase_add_test(t, memory_never_passes_the_cap);
    tcase_add_test(t, a_large_one_finds_room_among_small_ones);
    tcase_add_test(t, nothing_is_left_behind);
    tcase_add_test(t, a_reader_that_stays_inside_costs_no_memory);
    tcase_add_test(t, a_cap_below_what_it_needs_itself_keeps_nothing);
    tcase_add_test(t, creation_survives_every_failure);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
