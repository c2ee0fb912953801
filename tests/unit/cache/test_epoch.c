/* SPDX-License-Identifier: MIT
 *
 * Tests of cache/epoch.h: what is out of reach is freed when its last reader has left.
 */
#include "cache/epoch.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

START_TEST(nobody_inside_holds_nothing_up)
{
    struct epoch *e = epoch_create(4);
    uint64_t noted = epoch_now(e);
    ck_assert_uint_lt(noted, epoch_turn(e));
    epoch_destroy(e);
}
END_TEST

START_TEST(who_was_inside_before_holds_it_up)
{
    struct epoch *e = epoch_create(4);
    epoch_enter(e, 1);
    uint64_t noted = epoch_now(e);
    ck_assert_uint_ge(noted, epoch_turn(e));
    ck_assert_uint_ge(noted, epoch_turn(e));
    epoch_leave(e, 1);
    ck_assert_uint_lt(noted, epoch_turn(e));
    epoch_destroy(e);
}
END_TEST

START_TEST(who_came_behind_a_turn_does_not)
{
    struct epoch *e = epoch_create(2);
    uint64_t noted = epoch_now(e);
    epoch_turn(e);
    epoch_enter(e, 0);
    ck_assert_uint_lt(noted, epoch_turn(e));
    uint64_t later = epoch_now(e);
    ck_assert_uint_ge(later, epoch_turn(e));
    epoch_enter(e, 1);
    epoch_leave(e, 0);
    ck_assert_uint_lt(later, epoch_turn(e));
    epoch_destroy(e);
}
END_TEST

START_TEST(readers_have_lines_of_their_own)
{
    struct epoch *e = epoch_create(3);
    ck_assert_uint_eq((uintptr_t)&e->readers[0] % EPOCH_LINE, 0);
    ck_assert_uint_eq((uintptr_t)&e->readers[1] - (uintptr_t)&e->readers[0], EPOCH_LINE);
    epoch_destroy(e);
    epoch_destroy(NULL);
}
END_TEST

/* ---- threads: one thing is exchanged again and again beneath readers ---- */

#define READERS 3
#define EXCHANGES 20000

struct thing {
    uint64_t a, b; /* always equal, but of what is freed */
    uint64_t noted;
    struct thing *next_dead;
};

struct shared {
    struct epoch *epoch;
    _Atomic(struct thing *) now;
    _Atomic unsigned torn, started;
    _Atomic int stop;
    struct thing *dead, *last_dead;
};

struct reader {
    struct shared *shared;
    unsigned number;
    uint64_t seen;
};

static void read_once(struct reader *me)
{
    struct shared *s = me->shared;
    epoch_enter(s->epoch, me->number);
    const struct thing *t = atomic_load(&s->now);
    if (t->a != t->b || t->a < me->seen) {
        atomic_fetch_add(&s->torn, 1);
    }
    me->seen = t->a;
    epoch_leave(s->epoch, me->number);
}

static void *read_it(void *arg)
{
    struct reader *me = arg;
    read_once(me);
    atomic_fetch_add(&me->shared->started, 1);
    while (atomic_load(&me->shared->stop) == 0) {
        read_once(me);
    }
    return NULL;
}

static struct thing *thing(uint64_t n)
{
    struct thing *t = malloc(sizeof *t);
    *t = (struct thing){.a = n, .b = n};
    return t;
}

static void bury(struct shared *s, struct thing *t)
{
    t->noted = epoch_now(s->epoch);
    *(s->dead == NULL ? &s->dead : &s->last_dead->next_dead) = t;
    s->last_dead = t;
}

static void collect(struct shared *s)
{
    uint64_t oldest = epoch_turn(s->epoch);
    while (s->dead != NULL && s->dead->noted < oldest) {
        struct thing *t = s->dead;
        s->dead = t->next_dead;
        t->a = UINT64_MAX; /* whoever still looks at it sees that */
        free(t);
    }
}

START_TEST(readers_never_see_what_was_freed)
{
    struct shared s = {.epoch = epoch_create(READERS)};
    struct reader readers[READERS];
    pthread_t threads[READERS];
    atomic_store(&s.now, thing(0));
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){&s, i, 0};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_it, &readers[i]), 0);
    }
    while (atomic_load(&s.started) < READERS) {
        sched_yield();
    }
    for (uint64_t n = 1; n <= EXCHANGES; n++) {
        bury(&s, atomic_exchange(&s.now, thing(n)));
        collect(&s);
    }
    atomic_store(&s.stop, 1);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    collect(&s);
    ck_assert_ptr_null(s.dead);
    ck_assert_uint_eq(atomic_load(&s.torn), 0);
    free(atomic_load(&s.now));
    epoch_destroy(s.epoch);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("epoch");
    TCase *t = tcase_create("epoch");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, nobody_inside_holds_nothing_up);
    tcase_add_test(t, who_was_inside_before_holds_it_up);
    tcase_add_test(t, who_came_behind_a_turn_does_not);
    tcase_add_test(t, readers_have_lines_of_their_own);
    tcase_add_test(t, readers_never_see_what_was_freed);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
