/* SPDX-License-Identifier: MIT
 *
 * Tests of cache/region.h with several threads: what is found belongs to its key, is
 * whole, and is no older than what was written before it was looked for.
 */
#include "base/hash.h"
#include "region_rig.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READERS 2
#define WRITERS 2
#define KEYS 512
#define FILLS 15000 /* of each writer, at least */
#define HITS 1000   /* of all readers, at least */
#define BODY_MAX 3000

/* The database: the serial of each row. Row n belongs to table n % RIG_TABLES. */
struct world {
    struct rig g;
    _Atomic uint64_t rows[KEYS];
    _Atomic unsigned started, done;
    _Atomic uint64_t hits, foreign, torn, stale;
};

struct worker {
    struct world *w;
    unsigned number;
    uint64_t random;
};

struct body_head {
    uint64_t n, serial;
};

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *state >> 33;
}

static size_t body_len(uint64_t n, uint64_t serial)
{
    return sizeof(struct body_head) + (n * 31 + serial * 17) % (BODY_MAX - 100);
}

static struct str write_body(char *out, uint64_t n, uint64_t serial)
{
    struct body_head head = {n, serial};
    size_t len = body_len(n, serial);
    memcpy(out, &head, sizeof head);
    memset(out + sizeof head, (int)((n + serial) & 0xff), len - sizeof head);
    return (struct str){out, len};
}

static struct str line_of(char out[64], uint64_t n)
{
    return (struct str){
        out, (size_t)snprintf(out, 64, "{\"query\":\"thing %llu\"}", (unsigned long long)n)};
}

/* ---- readers ---- */

static void check_body(struct world *w, struct str body, uint64_t n, uint64_t serial_min)
{
    struct body_head head;
    char want[BODY_MAX];
    memcpy(&head, body.ptr, sizeof head);
    if (head.n != n) {
        atomic_fetch_add(&w->foreign, 1);
        return;
    }
    if (head.serial < serial_min) {
        atomic_fetch_add(&w->stale, 1);
    }
    if (!str_eq(body, write_body(want, n, head.serial))) {
        atomic_fetch_add(&w->torn, 1);
    }
}

static void look_up(struct worker *me)
{
    struct world *w = me->w;
    struct rig_key k;
    char line[64];
    uint64_t n = next_random(&me->random) % KEYS;
    uint64_t serial = atomic_load(&w->rows[n]); /* acknowledged before we ask */
    rig_key_of(&k, n);
    region_enter(w->g.region, me->number);
    struct region_found found =
        n % 2 == 0 ? region_find(w->g.region, me->number, k.key, 1000)
                   : region_find_line(w->g.region, me->number, line_of(line, n), 1000);
    if (found.verdict == REGION_HIT) {
        check_body(w, found.body, n, serial);
        atomic_fetch_add(&w->hits, 1);
    }
    region_leave(w->g.region, me->number);
}

static void *read_all_the_time(void *arg)
{
    struct worker *me = arg;
    look_up(me);
    atomic_fetch_add(&me->w->started, 1);
    while (atomic_load(&me->w->done) < WRITERS) {
        look_up(me);
    }
    return NULL;
}

/* ---- writers ---- */

static void fill(struct worker *me, uint64_t n)
{
    struct world *w = me->w;
    struct rig_key k;
    char body[BODY_MAX], line[64];
    struct slot_set depends = rig_table(n);
    rig_key_of(&k, n);
    struct region_fill fill = {
        .key = k.key,
        .line = line_of(line, n),
        .read_ns = 1000,
        .expires_ns = UINT64_MAX,
        .soft_ns = UINT64_MAX,
    };
    if (versions_stamp(w->g.versions, &depends, &fill.stamp)) {
        fill.body = write_body(body, n, atomic_load(&w->rows[n]));
        region_put(w->g.region, &fill, 1000);
    }
}

/* A write that is told as in the daemon: raised before it is visible, lowered before
 * anybody may count on it. Two writers at a row are one after the other in the database. */
static void write_row(struct world *w, uint64_t n)
{
    struct slot_set table = rig_table(n);
    versions_raise(w->g.versions, &table);
    atomic_fetch_add(&w->rows[n], 1);
    versions_lower(w->g.versions, &table);
}

static void change(struct worker *me)
{
    struct world *w = me->w;
    uint64_t n = next_random(&me->random) % KEYS, what = next_random(&me->random) % 1000;
    if (what < 950) {
        fill(me, n);
    } else if (what < 970) {
        write_row(w, n);
    } else if (what < 999) {
        region_tend(w->g.region, 1000);
    } else {
        region_clear(w->g.region);
    }
}

static void *change_all_the_time(void *arg)
{
    struct worker *me = arg;
    while (atomic_load(&me->w->started) < READERS) {
        sched_yield();
    }
    for (int i = 0; i < FILLS || atomic_load(&me->w->hits) < HITS; i++) {
        change(me);
    }
    atomic_fetch_add(&me->w->done, 1);
    return NULL;
}

/* Several keys share a chain, and there is room for about half of them. */
static struct world *world_create(void)
{
    struct world *w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    rig_init(&w->g, 400 * 1024, READERS);
    return w;
}

START_TEST(what_is_found_is_right)
{
    struct world *w = world_create();
    struct worker workers[READERS + WRITERS];
    pthread_t threads[READERS + WRITERS];
    for (unsigned i = 0; i < READERS + WRITERS; i++) {
        workers[i] = (struct worker){w, i, i + 1};
        ck_assert_int_eq(pthread_create(&threads[i], NULL,
                                        i < READERS ? read_all_the_time : change_all_the_time,
                                        &workers[i]),
                         0);
    }
    for (unsigned i = 0; i < READERS + WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_uint_eq(atomic_load(&w->foreign), 0);
    ck_assert_uint_eq(atomic_load(&w->torn), 0);
    ck_assert_uint_eq(atomic_load(&w->stale), 0);
    ck_assert_uint_gt(atomic_load(&w->hits), 0);
    struct region_counts c = region_counts(w->g.region);
    ck_assert_uint_gt(c.evicted, 0);
    ck_assert_uint_eq(c.found[REGION_HIT], atomic_load(&w->hits));
    rig_fini(&w->g);
    free(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("region_threads");
    TCase *t = tcase_create("region_threads");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_is_found_is_right);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
