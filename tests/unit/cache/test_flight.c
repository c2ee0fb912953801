/* SPDX-License-Identifier: MIT
 *
 * test_flight.c: who flies, who waits, and what becomes of those who wait.
 */
#include "base/hash.h"
#include "cache/flight.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SEED 7
#define REGION STR("default")

static struct versions *versions;
static struct flights *flights;
static struct slot_set depends;

struct waiter {
    struct flight_wait wait; /* first */
    _Atomic int woken;
};

static void on_wake(struct flight_wait *w)
{
    atomic_fetch_add(&((struct waiter *)w)->woken, 1);
}

static void setup(void)
{
    versions = versions_create();
    flights = flights_create(SEED, versions);
    struct str table = STR("t");
    depends = (struct slot_set){.count = 1, .slots = {slot_of(SLOT_TABLE, &table, 1)}};
}

static void teardown(void)
{
    ck_assert_uint_eq(flights_waiting(flights), 0);
    flights_destroy(flights);
    versions_destroy(versions);
}

static struct cache_key key_of(const char *text)
{
    return (struct cache_key){.bytes = str_of(text), .hash = hash_bytes(str_of(text), SEED)};
}

static enum flight_role join_in(struct str region, const char *key, struct waiter *w,
                                struct flight **out)
{
    struct stamp stamp;
    *w = (struct waiter){.wait = {.wake = on_wake}};
    return flight_join(flights, region, key_of(key), &depends, &w->wait, out, &stamp);
}

static enum flight_role join(const char *key, struct waiter *w, struct flight **out)
{
    return join_in(REGION, key, w, out);
}

static void end(struct flight *f, enum flight_end how, const char *text)
{
    flight_end(flights, f, how, how == FLIGHT_FAILED ? ERR_DIVISION_BY_ZERO : ERR_OK,
               str_of(text));
}

START_TEST(the_first_flies_and_the_others_wait_for_its_result)
{
    struct waiter w[4];
    struct flight *f;
    ck_assert_int_eq(join("k", &w[0], &f), FLIGHT_FLY);
    for (int i = 1; i < 4; i++) {
        struct flight *none;
        ck_assert_int_eq(join("k", &w[i], &none), FLIGHT_WAIT);
    }
    ck_assert_uint_eq(flights_waiting(flights), 3);
    end(f, FLIGHT_LANDED, "body");
    for (int i = 1; i < 4; i++) {
        ck_assert_int_eq(w[i].woken, 1);
        ck_assert_int_eq(w[i].wait.end, FLIGHT_LANDED);
        ck_assert_ptr_eq(w[i].wait.body, w[1].wait.body);
        ck_assert(str_is((struct str){w[i].wait.body->bytes, w[i].wait.body->len}, "body"));
        ck_assert_ptr_null(w[i].wait.words);
    }
    for (int i = 1; i < 4; i++) {
        shared_bytes_unref(w[i].wait.body);
    }
    ck_assert_int_eq(w[0].woken, 0);
    ck_assert_int_eq(join("k", &w[0], &f), FLIGHT_FLY); /* it is over */
    end(f, FLIGHT_LANDED, "");
}
END_TEST

START_TEST(other_keys_and_regions_fly_by_themselves)
{
    struct waiter w[3];
    struct flight *f[3];
    ck_assert_int_eq(join_in(STR("a"), "bk", &w[0], &f[0]), FLIGHT_FLY);
    ck_assert_int_eq(join_in(STR("ab"), "k", &w[1], &f[1]), FLIGHT_FLY);
    ck_assert_int_eq(join_in(STR("a"), "k", &w[2], &f[2]), FLIGHT_FLY);
    for (int i = 0; i < 3; i++) {
        end(f[i], FLIGHT_LANDED, "x");
    }
}
END_TEST

START_TEST(nobody_joins_a_flight_that_began_before_a_write)
{
    struct waiter w[4];
    struct flight *old, *new, *none;
    ck_assert_int_eq(join("k", &w[0], &old), FLIGHT_FLY);
    ck_assert_int_eq(join("k", &w[1], &none), FLIGHT_WAIT);
    versions_raise(versions, &depends);
    ck_assert_int_eq(join("k", &w[2], &none), FLIGHT_ALONE); /* nobody knows what it reads */
    versions_lower(versions, &depends);
    ck_assert_int_eq(join("k", &w[2], &new), FLIGHT_FLY);
    ck_assert_int_eq(join("k", &w[3], &none), FLIGHT_WAIT);
    end(old, FLIGHT_LANDED, "old");
    ck_assert_int_eq(w[1].woken, 1);
    ck_assert_int_eq(w[3].woken, 0);
    end(new, FLIGHT_LANDED, "new");
    ck_assert_int_eq(w[3].woken, 1);
    ck_assert(str_is((struct str){w[3].wait.body->bytes, 3}, "new"));
    shared_bytes_unref(w[1].wait.body);
    shared_bytes_unref(w[3].wait.body);
}
END_TEST

START_TEST(a_failure_is_told_to_all_and_a_departure_makes_them_try_again)
{
    struct waiter w[2];
    struct flight *f, *none;
    ck_assert_int_eq(join("k", &w[0], &f), FLIGHT_FLY);
    ck_assert_int_eq(join("k", &w[1], &none), FLIGHT_WAIT);
    end(f, FLIGHT_FAILED, "words");
    ck_assert_int_eq(w[1].wait.end, FLIGHT_FAILED);
    ck_assert_int_eq(w[1].wait.err, ERR_DIVISION_BY_ZERO);
    ck_assert_ptr_null(w[1].wait.body);
    ck_assert(str_is((struct str){w[1].wait.words->bytes, 5}, "words"));
    shared_bytes_unref(w[1].wait.words);

    ck_assert_int_eq(join("k", &w[0], &f), FLIGHT_FLY);
    ck_assert_int_eq(join("k", &w[1], &none), FLIGHT_WAIT);
    end(f, FLIGHT_GONE, "");
    ck_assert_int_eq(w[1].wait.end, FLIGHT_GONE);
    ck_assert_ptr_null(w[1].wait.body);
    ck_assert_ptr_null(w[1].wait.words);
    ck_assert_int_eq(join("k", &w[1], &f), FLIGHT_FLY);
    end(f, FLIGHT_GONE, "");
}
END_TEST

START_TEST(who_leaves_is_not_woken)
{
    struct waiter w[4];
    struct flight *f, *none;
    ck_assert_int_eq(join("k", &w[0], &f), FLIGHT_FLY);
    for (int i = 1; i < 4; i++) {
        ck_assert_int_eq(join("k", &w[i], &none), FLIGHT_WAIT);
    }
    ck_assert(flight_leave(flights, &w[2].wait)); /* the middle, the first, the last */
    ck_assert(flight_leave(flights, &w[1].wait));
    ck_assert(flight_leave(flights, &w[3].wait));
    ck_assert_uint_eq(flights_waiting(flights), 0);
    ck_assert_int_eq(join("k", &w[1], &none), FLIGHT_WAIT);
    end(f, FLIGHT_GONE, "");
    ck_assert(!flight_leave(flights, &w[1].wait)); /* too late */
    ck_assert_int_eq(w[1].woken, 1);
    ck_assert_int_eq(w[2].woken + w[3].woken, 0);
}
END_TEST

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 20000
#define KEYS 3

struct runner {
    pthread_t thread;
    unsigned number;
    uint64_t flown, waited, left, alone, landed;
};

static void wait_for(struct runner *r, struct waiter *w)
{
    while (atomic_load(&w->woken) == 0) {
        sched_yield();
    }
    ck_assert(w->wait.end != FLIGHT_LANDED || w->wait.body->len == 4);
    r->landed += w->wait.end == FLIGHT_LANDED;
    shared_bytes_unref(w->wait.body);
    shared_bytes_unref(w->wait.words);
}

static void *run(void *arg)
{
    static const char *const keys[KEYS] = {"a", "b", "c"};
    struct runner *r = arg;
    uint32_t dice = r->number + 1;
    for (int i = 0; i < ROUNDS; i++) {
        struct waiter w;
        struct flight *f;
        dice = dice * 1664525u + 1013904223u;
        switch (join(keys[(dice >> 16) % KEYS], &w, &f)) {
        case FLIGHT_FLY:
            r->flown++;
            if (dice >> 30 == 0) {
                sched_yield();
            }
            end(f, (enum flight_end)((dice >> 20) % 3), "text");
            break;
        case FLIGHT_WAIT:
            if (dice >> 30 == 1 && flight_leave(flights, &w.wait)) {
                r->left++;
            } else {
                r->waited++;
                wait_for(r, &w);
            }
            break;
        case FLIGHT_ALONE:
            r->alone++;
            break;
        }
        if ((dice >> 8) % 64 == 0) {
            versions_raise(versions, &depends);
            versions_lower(versions, &depends);
        }
    }
    return NULL;
}

START_TEST(many_threads_at_once)
{
    struct runner r[THREADS] = {0};
    uint64_t sum = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        r[i].number = i;
        ck_assert_int_eq(pthread_create(&r[i].thread, NULL, run, &r[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(r[i].thread, NULL);
        sum += r[i].flown + r[i].waited + r[i].left + r[i].alone;
    }
    ck_assert_uint_eq(sum, (uint64_t)THREADS * ROUNDS);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("flight");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 100);
    tcase_add_test(t, the_first_flies_and_the_others_wait_for_its_result);
    tcase_add_test(t, other_keys_and_regions_fly_by_themselves);
    tcase_add_test(t, nobody_joins_a_flight_that_began_before_a_write);
    tcase_add_test(t, a_failure_is_told_to_all_and_a_departure_makes_them_try_again);
    tcase_add_test(t, who_leaves_is_not_woken);
    tcase_add_test(t, many_threads_at_once);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
