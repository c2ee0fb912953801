/* SPDX-License-Identifier: MIT
 *
 * Tests of pool/pool_slot.c: one cap over several workers, and nobody starves.
 * The first half turns both loops in one thread, the second has real threads.
 */
#include "pool/pool_impl.h"
#include "rig.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct rig rig;

static void up(void)
{
    struct pool_opts o = rig_opts();
    o.size = 4;
    rig_up(&rig, &o, 2);
}

static void down(void)
{
    rig_down(&rig);
}

static void take(int pool, struct ask *a, int n)
{
    for (int i = 0; i < n; i++) {
        ask_now(&rig, pool, &a[i]);
    }
}

static void give(struct ask *a, int n)
{
    for (int i = 0; i < n; i++) {
        ask_return(&a[i], POOL_CLEAN);
    }
}

START_TEST(cap_holds_over_both_workers)
{
    struct ask a[4], b;
    take(0, a, 2);
    take(1, &a[2], 2);
    ask_on(&rig, 0, &b);
    FOR_MS(&rig, 60);
    ck_assert_int_eq(b.calls, 0);
    ck_assert_int_eq(GET(rig.db.sessions), 4);
    ask_return(&a[0], POOL_CLEAN);
    ask_get(&rig, &b);
    ck_assert_int_eq(GET(rig.share.counts.opened), 4);
    give(&a[1], 3);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(starving_worker_borrows_an_idle_connection_of_the_other)
{
    struct ask a[4], b;
    take(0, a, 4);
    give(a, 4);
    take(1, &b, 1);
    ck_assert_int_eq(GET(rig.share.counts.borrowed), 1);
    ck_assert_int_eq(GET(rig.share.counts.opened), 4);
    ck_assert_int_eq(GET(rig.share.starving), 0);
    ask_return(&b, POOL_CLEAN);
    UNTIL(&rig, GET(rig.share.counts.idle) == 4);
}
END_TEST

START_TEST(waiters_of_all_workers_are_served_by_age)
{
    struct ask a[4], w[4];
    int pool[4] = {0, 1, 0, 1};
    take(0, a, 4);
    for (int i = 0; i < 4; i++) {
        ask_on(&rig, pool[i], &w[i]);
        FOR_MS(&rig, 2);
    }
    for (int i = 0; i < 4; i++) {
        ask_return(&a[i], POOL_CLEAN);
        ask_get(&rig, &w[i]);
        FOR_MS(&rig, 2);
        ck_assert(i == 3 || w[i + 1].calls == 0);
    }
    ck_assert_int_eq(GET(rig.share.counts.opened), 4);
    ck_assert_int_eq(GET(rig.share.counts.borrowed), 2);
    give(w, 4);
}
END_TEST

START_TEST(only_as_many_are_lent_as_are_needed)
{
    struct ask a[4], b;
    take(0, a, 4);
    ask_on(&rig, 1, &b);
    FOR_MS(&rig, 5);
    give(a, 4);
    ask_get(&rig, &b);
    FOR_MS(&rig, 5);
    ck_assert_int_eq(GET(rig.share.counts.borrowed), 1);
    ck_assert_int_eq(GET(rig.share.counts.idle), 3);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(slot_of_one_who_left_is_given_on)
{
    struct ask a[4], b;
    take(0, a, 4);
    ask_on(&rig, 1, &b);
    UNTIL(&rig, GET(rig.share.starving) == 1);
    pool_cancel(rig.pool[1], &b.w);
    UNTIL(&rig, b.calls == 1);
    ck_assert_int_eq(GET(rig.share.starving), 0);

    give(a, 4);
    FOR_MS(&rig, 5);
    ck_assert_int_eq(GET(rig.share.counts.borrowed), 0);
}
END_TEST

START_TEST(slot_that_arrives_too_late_is_free_again)
{
    struct ask a[4], b, c;
    take(0, a, 4);
    ask_on(&rig, 1, &b);
    UNTIL(&rig, GET(rig.share.starving) == 1);
    ask_return(&a[0], POOL_BROKEN); /* its slot is b's once it is closed */
    pool_cancel(rig.pool[1], &b.w);
    ask_on(&rig, 0, &c);
    ask_get(&rig, &c);
    ask_return(&c, POOL_CLEAN);
    give(&a[1], 3);
}
END_TEST

START_TEST(gift_to_one_who_left_is_given_back)
{
    struct ask a[4], b;
    take(0, a, 4);
    ask_on(&rig, 1, &b);
    UNTIL(&rig, GET(rig.share.starving) == 1);
    ask_return(&a[0], POOL_BROKEN);
    while (GET(rig.share.starving) == 1) {
        rig.loop[0].now_ns = clock_now_ns(); /* the giver's loop alone */
        uv_run(&rig.loop[0].uv, UV_RUN_NOWAIT);
    }
    ck_assert_int_eq(GET(rig.share.slots_free), 0);
    pool_cancel(rig.pool[1], &b.w);
    UNTIL(&rig, GET(rig.share.slots_free) == 1);
    give(&a[1], 3);
}
END_TEST

START_TEST(short_peak_stays_at_home)
{
    struct ask a[2], b[2], w;
    take(0, a, 2);
    take(1, b, 2);
    give(b, 2); /* idle at the other worker */
    ask_on(&rig, 0, &w);
    ask_return(&a[0], POOL_CLEAN);
    ask_get(&rig, &w);
    ck_assert_int_eq(GET(rig.share.counts.borrowed), 0);
    ask_return(&a[1], POOL_CLEAN);
    ask_return(&w, POOL_CLEAN);
}
END_TEST

START_TEST(long_wait_borrows_what_is_idle_elsewhere)
{
    struct ask a[2], b[2], w;
    take(0, a, 2);
    take(1, b, 2);
    give(b, 2);
    ask_on(&rig, 0, &w);
    ask_get(&rig, &w); /* though both of its own are lent all the time */
    ck_assert_int_eq(GET(rig.share.counts.borrowed), 1);
    give(a, 2);
    ask_return(&w, POOL_CLEAN);
}
END_TEST

/* How long one waits at a worker that is busy while another one has idle connections,
 * already (or from then on: late). */
static uint64_t wait_beside_idle_ns(int late)
{
    struct ask a[2], b[2], w;
    take(0, a, 2);
    take(1, b, 2);
    if (!late) {
        give(b, 2);
    }
    uint64_t from_ns = clock_now_ns();
    ask_on(&rig, 0, &w);
    if (late) {
        FOR_MS(&rig, 3);
        give(b, 2);
    }
    ask_get(&rig, &w);
    uint64_t ns = clock_now_ns() - from_ns;
    give(a, 2);
    ask_return(&w, POOL_CLEAN);
    UNTIL(&rig, GET(rig.share.counts.idle) == 4);
    return ns;
}

/* The best of many, since this machine may have other things to do. */
START_TEST(busy_worker_need_not_wait_beside_idle_connections)
{
    uint64_t least_ns = UINT64_MAX;
    for (int i = 0; i < 20; i++) {
        uint64_t ns = wait_beside_idle_ns(_i);
        least_ns = ns < least_ns ? ns : least_ns;
    }
    ck_assert_int_eq(GET(rig.share.counts.borrowed), 20);
    ck_assert_uint_lt(least_ns, PATIENCE_MS * MS);
}
END_TEST

START_TEST(long_wait_borrows_what_was_idle_before_it_was_long)
{
    struct ask a[2], b[2], w;
    take(0, a, 2);
    take(1, b, 2);
    ask_on(&rig, 0, &w);
    FOR_MS(&rig, 5);
    give(b, 2); /* nobody starves yet */
    ask_get(&rig, &w);
    ck_assert_int_eq(GET(rig.share.counts.borrowed), 1);
    give(a, 2);
    ask_return(&w, POOL_CLEAN);
}
END_TEST

START_TEST(second_waiter_grows_impatient_too)
{
    struct ask a[2], b[2], w[2];
    take(0, a, 2);
    take(1, b, 2);
    give(b, 2);
    ask_on(&rig, 0, &w[0]);
    FOR_MS(&rig, 10);
    ask_on(&rig, 0, &w[1]);
    ask_return(&a[0], POOL_BROKEN); /* its place goes to the first */
    ask_get(&rig, &w[0]);
    ask_get(&rig, &w[1]);
    ck_assert_int_eq(GET(rig.share.counts.borrowed), 1);
    ask_return(&a[1], POOL_CLEAN);
    give(w, 2);
}
END_TEST

START_TEST(worker_lends_to_one_that_waits_longer)
{
    struct ask a[3], b, w;
    take(0, a, 3);
    take(1, &b, 1);
    ask_on(&rig, 1, &w);
    UNTIL(&rig, GET(rig.share.starving) == 1);
    struct ask more;
    ask_on(&rig, 0, &more);
    ask_return(&a[0], POOL_CLEAN);
    ask_get(&rig, &w);
    ck_assert_int_eq(GET(rig.share.counts.borrowed), 1);
    give(&a[1], 2);
    ask_get(&rig, &more);
    ask_return(&more, POOL_CLEAN);
    ask_return(&w, POOL_CLEAN);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(one_connection_goes_round_between_two_busy_workers)
{
    rig_down(&rig);
    struct pool_opts o = rig_opts();
    o.size = 1;
    rig_up(&rig, &o, 2);
    struct ask a[2];
    int served[2] = {0, 0};
    ask_on(&rig, 0, &a[0]);
    ask_on(&rig, 1, &a[1]);
    uint64_t end_ns = clock_now_ns() + 800 * MS;
    while (clock_now_ns() < end_ns) {
        rig_turn(&rig);
        for (int i = 0; i < 2; i++) {
            if (a[i].calls > 0) {
                ck_assert_int_eq(a[i].err, ERR_OK);
                served[i]++;
                ask_return(&a[i], POOL_CLEAN);
                ask_on(&rig, i, &a[i]);
            }
        }
    }
    ck_assert_int_gt(served[0], 50);
    ck_assert_int_gt(served[1], 50);
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
    ck_assert_int_le(abs(served[0] - served[1]), 2);
    UNTIL(&rig, a[0].calls > 0 || a[1].calls > 0);
    int first = a[0].calls > 0 ? 0 : 1;
    ask_get(&rig, &a[first]);
    ask_return(&a[first], POOL_CLEAN);
    ask_get(&rig, &a[1 - first]);
    ask_return(&a[1 - first], POOL_CLEAN);
}
END_TEST

START_TEST(both_workers_learn_that_the_database_is_down)
{
    struct ask a, b;
    fake_once(&rig.db, FAKE_OPEN, (struct fake_reply){.act = FAKE_FAIL, .message = "gone"});
    fake_once(&rig.db, FAKE_OPEN, (struct fake_reply){.act = FAKE_HANG});
    ask_on(&rig, 0, &a);
    UNTIL(&rig, a.calls > 0);
    ask_on(&rig, 1, &b);
    UNTIL(&rig, b.calls > 0);
    ck_assert_int_eq(b.err, ERR_CONNECTION_FAILED);
    ck_assert_str_eq(b.fail.message, "gone");
    FOR_MS(&rig, 60);
    ck_assert_int_eq(GET(rig.db.opening_max), 1); /* one prober over both */
    fake_let_go(&rig.db);
    UNTIL(&rig, GET(rig.share.down) == 0);
    take(1, &b, 1);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(waiters_of_the_other_worker_fail_with_the_first)
{
    struct ask a, b;
    fake_once(&rig.db, FAKE_OPEN,
              (struct fake_reply){.act = FAKE_HANG, .err = ERR_CONNECTION_FAILED});
    fake_once(&rig.db, FAKE_OPEN,
              (struct fake_reply){.act = FAKE_FAIL, .delay_ms = 10, .message = "no"});
    ask_on(&rig, 0, &a);
    UNTIL(&rig, GET(rig.db.opening) == 1);
    ask_on(&rig, 1, &b);
    UNTIL(&rig, a.calls > 0 && b.calls > 0);
    ck_assert_int_eq(a.err, ERR_CONNECTION_FAILED);
    ck_assert_str_eq(a.fail.message, "no");
    ck_assert_int_eq(b.err, ERR_CONNECTION_FAILED);
    fake_let_go(&rig.db);
    UNTIL(&rig, GET(rig.share.down) == 0);
}
END_TEST

START_TEST(another_worker_probes_when_the_prober_closes)
{
    struct ask a;
    fake_always(&rig.db, FAKE_OPEN, (struct fake_reply){.act = FAKE_FAIL});
    ask_on(&rig, 0, &a);
    UNTIL(&rig, a.calls > 0);
    ck_assert_ptr_eq(rig.share.prober, rig.pool[0]);
    rig_close_pool(&rig, 0);
    fake_always(&rig.db, FAKE_OPEN, (struct fake_reply){0});
    UNTIL(&rig, GET(rig.share.down) == 0);
    take(1, &a, 1);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(dead_connection_invalidates_the_idle_ones_of_all_workers)
{
    rig_down(&rig);
    struct pool_opts o = rig_opts();
    o.size = 4;
    o.pre_ping = true;
    rig_up(&rig, &o, 2);
    struct ask a[2], b[2];
    take(0, a, 2);
    take(1, b, 2);
    give(a, 2);
    give(b, 2);
    fake_kill_all(&rig.db);
    take(0, a, 1);
    UNTIL(&rig, GET(rig.share.counts.invalidated) == 4);
    ck_assert_int_eq(GET(rig.share.counts.ping_failed), 1);
    ask_return(&a[0], POOL_CLEAN);
}
END_TEST

/* -- threads --------------------------------------------------------------- */

enum { ASKERS = 12, THREADS = 3 };

struct asker {
    struct pool_wait w; /* first */
    struct fail fail;
    struct side *side;
    struct db_conn *conn;
    struct timer hold;
    struct run run;
    struct fail run_fail;
    bool out; /* an answer is awaited */
};

/* One worker: a loop in its own thread and a dozen borrowers. */
struct side {
    struct pool_share *share;
    struct pool *pool;
    struct loop loop;
    pthread_t thread;
    struct asker askers[ASKERS];
    struct timer end;
    unsigned seed;
    uint64_t got, failed, worst_ns;
    int live; /* borrowers that have not stopped */
    bool stopping;
};

static _Atomic int64_t in_use, in_use_max;

static void next_ask(struct asker *a);

static void side_closed(void *arg)
{
    struct side *s = arg;
    loop_stop(&s->loop);
}

static void asker_stops(struct side *s)
{
    if (--s->live == 0) {
        pool_close(s->pool, side_closed, s);
    }
}

static void put_back(struct asker *a, enum pool_return how)
{
    struct db_conn *c = a->conn;
    a->conn = NULL;
    atomic_fetch_sub(&in_use, 1);
    pool_release(a->side->pool, c, how);
    next_ask(a);
}

static void on_run(struct run *r)
{
    struct asker *a = (struct asker *)r->driver_data;
    put_back(a, r->err == ERR_OK ? POOL_CLEAN : POOL_BROKEN);
}

static void on_hold(struct timer *t)
{
    struct asker *a = (struct asker *)(void *)((char *)t - offsetof(struct asker, hold));
    int dice = rand_r(&a->side->seed) % 20;
    if (dice < 5) {
        static const struct statement none;
        fail_init(&a->run_fail);
        a->run = (struct run){.stmt = &none, .sets = 1, .done = on_run, .fail = &a->run_fail};
        a->run.driver_data = a;
        a->conn->driver->run(a->conn, &a->run);
        return;
    }
    put_back(a, dice == 19 ? POOL_BROKEN : dice > 16 ? POOL_DIRTY : POOL_CLEAN);
}

static void on_conn(struct pool_wait *w, struct db_conn *c, enum err e)
{
    struct asker *a = (struct asker *)w;
    struct side *s = a->side;
    ck_assert(a->out);
    a->out = false;
    if (e != ERR_OK) {
        s->failed++;
        next_ask(a);
        return;
    }
    int64_t now = atomic_fetch_add(&in_use, 1) + 1;
    int64_t max = atomic_load(&in_use_max);
    while (now > max && !atomic_compare_exchange_weak(&in_use_max, &max, now)) {
    }
    uint64_t waited_ns = clock_now_ns() - w->since_ns;
    s->worst_ns = waited_ns > s->worst_ns ? waited_ns : s->worst_ns;
    s->got++;
    a->conn = c;
    ck_assert(db_conn_clean(c));
    uint64_t hold_ns = (uint64_t)(rand_r(&s->seed) % 2000) * 1000;
    ck_assert_int_eq(loop_timer_start(&s->loop, &a->hold, clock_now_ns() + hold_ns), ERR_OK);
}

static void next_ask(struct asker *a)
{
    struct side *s = a->side;
    if (s->stopping) {
        asker_stops(s);
        return;
    }
    ck_assert(!a->out);
    a->out = true;
    fail_init(&a->fail);
    memset(&a->w, 0, sizeof a->w);
    a->w.cb = on_conn;
    a->w.fail = &a->fail;
    int dice = rand_r(&s->seed) % 10;
    uint64_t due_ns = dice == 0 ? clock_now_ns() + 2 * MS : 0;
    pool_acquire(s->pool, &a->w, due_ns);
    if (dice == 1) {
        pool_cancel(s->pool, &a->w);
    }
}

static void on_side_end(struct timer *t)
{
    struct side *s = (struct side *)(void *)((char *)t - offsetof(struct side, end));
    s->stopping = true;
}

static void *side_main(void *arg)
{
    struct side *s = arg;
    s->live = ASKERS;
    s->end.fire = on_side_end;
    ck_assert_int_eq(loop_timer_start(&s->loop, &s->end, clock_now_ns() + 2500 * MS), ERR_OK);
    for (int i = 0; i < ASKERS; i++) {
        s->askers[i].side = s;
        s->askers[i].hold.fire = on_hold;
        next_ask(&s->askers[i]);
    }
    loop_run(&s->loop);
    return NULL;
}

static void threads_share(int32_t cap, enum pool_class kind, int failures)
{
    static struct side sides[THREADS];
    rig_down(&rig);
    struct pool_opts o = rig_opts();
    o.size = cap;
    o.kind = kind;
    o.timeout_ms = 20000;
    o.max_lifetime_ms = 300;
    rig_up(&rig, &o, 0);
    for (int i = 0; i < 2 * failures; i++) {
        enum fake_act act = i % 2 == 0 ? FAKE_OK : FAKE_FAIL;
        fake_once(&rig.db, FAKE_OPEN, (struct fake_reply){.act = act});
    }
    memset(sides, 0, sizeof sides);
    for (unsigned i = 0; i < THREADS; i++) {
        struct side *s = &sides[i];
        s->share = &rig.share;
        s->seed = i + 1;
        ck_assert_int_eq(loop_init(&s->loop), ERR_OK);
        s->pool = pool_create(&rig.share, &rig.db.target, &s->loop, rig.connector, NULL);
        ck_assert_ptr_nonnull(s->pool);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&sides[i].thread, NULL, side_main, &sides[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(sides[i].thread, NULL);
        ck_assert_uint_gt(sides[i].got, 30);
        ck_assert_uint_lt(sides[i].worst_ns, 8000 * MS);
        loop_fini(&sides[i].loop);
    }
    ck_assert_int_le(GET(in_use_max), rig.share.cap);
    ck_assert_int_le(GET(rig.db.sessions_max), rig.share.cap);
}

START_TEST(threads_share_more_connections_than_workers)
{
    threads_share(7, POOL_QUEUE, 0);
}
END_TEST

START_TEST(threads_share_fewer_connections_than_workers)
{
    threads_share(2, POOL_QUEUE, 0);
}
END_TEST

START_TEST(threads_share_one_connection)
{
    threads_share(1, POOL_STATIC, 0);
}
END_TEST

START_TEST(threads_share_without_keeping_any)
{
    threads_share(3, POOL_NULL, 0);
}
END_TEST

START_TEST(threads_share_a_database_that_comes_and_goes)
{
    threads_share(3, POOL_QUEUE, 20);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool/slot");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, cap_holds_over_both_workers);
    tcase_add_test(t, starving_worker_borrows_an_idle_connection_of_the_other);
    tcase_add_test(t, waiters_of_all_workers_are_served_by_age);
    tcase_add_test(t, only_as_many_are_lent_as_are_needed);
    tcase_add_test(t, slot_of_one_who_left_is_given_on);
    tcase_add_test(t, slot_that_arrives_too_late_is_free_again);
    tcase_add_test(t, gift_to_one_who_left_is_given_back);
    tcase_add_test(t, short_peak_stays_at_home);
    tcase_add_test(t, long_wait_borrows_what_is_idle_elsewhere);
    tcase_add_loop_test(t, busy_worker_need_not_wait_beside_idle_connections, 0, 2);
    tcase_add_test(t, long_wait_borrows_what_was_idle_before_it_was_long);
    tcase_add_test(t, second_waiter_grows_impatient_too);
    tcase_add_test(t, worker_lends_to_one_that_waits_longer);
    tcase_add_test(t, one_connection_goes_round_between_two_busy_workers);
    tcase_add_test(t, both_workers_learn_that_the_database_is_down);
    tcase_add_test(t, waiters_of_the_other_worker_fail_with_the_first);
    tcase_add_test(t, another_worker_probes_when_the_prober_closes);
    tcase_add_test(t, dead_connection_invalidates_the_idle_ones_of_all_workers);
    tcase_add_test(t, threads_share_more_connections_than_workers);
    tcase_add_test(t, threads_share_fewer_connections_than_workers);
    tcase_add_test(t, threads_share_one_connection);
    tcase_add_test(t, threads_share_without_keeping_any);
    tcase_add_test(t, threads_share_a_database_that_comes_and_goes);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
