/* SPDX-License-Identifier: MIT
 *
 * Tests of pool/pool_gate.c: paused and drained, over two workers.
 */
#include "pool/pool_gate.h"
#include "pool/pool_status.h"
#include "rig.h"

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

struct watch {
    struct pool_still still; /* first */
    int calls;
};

static void on_still(struct pool_still *w)
{
    ((struct watch *)w)->calls++;
}

static enum pool_gate shut(enum pool_gate g, uint64_t *turn)
{
    uint64_t here;
    return pool_gate_set(&rig.share, g, turn != NULL ? turn : &here);
}

static void watch(struct watch *w)
{
    *w = (struct watch){.still = {.cb = on_still, .loop = &rig.loop[0]}};
    pool_still_wait(&rig.share, &w->still);
    ck_assert_int_eq(w->calls, 0);
}

static void wait_still(void)
{
    struct watch w;
    watch(&w);
    UNTIL(&rig, w.calls == 1);
    ck_assert_int_eq(w.still.err, ERR_OK);
}

START_TEST(pause_waits_for_what_is_lent_and_holds_what_is_asked)
{
    struct ask a[2], b[2];
    struct watch w;
    for (int i = 0; i < 2; i++) {
        ask_now(&rig, i, &a[i]);
    }
    ck_assert_int_eq(shut(GATE_PAUSED, NULL), GATE_OPEN);
    watch(&w);
    FOR_MS(&rig, 5);
    for (int i = 0; i < 2; i++) {
        ask_on(&rig, i, &b[i]);
        ck_assert(pool_contended(rig.pool[i]));
    }
    ask_return(&a[0], POOL_CLEAN);
    FOR_MS(&rig, 70);
    ck_assert_int_eq(w.calls, 0);
    a[1].conn->tx = DB_TX_OPEN;
    ask_return(&a[1], POOL_ROLLBACK); /* comes to rest only behind its rollback */
    UNTIL(&rig, w.calls == 1);
    ck_assert_int_eq(w.still.err, ERR_OK);
    ck_assert_int_eq(GET(rig.share.counts.busy), 0);
    ck_assert_int_eq(GET(rig.share.counts.idle), 2);
    ck_assert_int_eq(GET(rig.share.counts.waiting), 2);
    ck_assert_int_eq(b[0].calls + b[1].calls, 0);
    ck_assert_int_eq(shut(GATE_OPEN, NULL), GATE_PAUSED);
    for (int i = 0; i < 2; i++) {
        ask_get(&rig, &b[i]);
        ask_return(&b[i], POOL_CLEAN);
    }
    ck_assert_int_eq(GET(rig.share.counts.opened), 2);
}
END_TEST

START_TEST(who_waits_where_nobody_will_open_is_refused)
{
    struct ask a, b;
    shut(GATE_PAUSED, NULL);
    wait_still();
    ask_on(&rig, 0, &a);
    ask_on(&rig, 1, &b);
    pool_refuse_held(rig.pool[0]);
    ck_assert_int_eq(a.calls, 0);
    UNTIL(&rig, a.calls == 1);
    ck_assert_int_eq(a.err, ERR_SHUTTING_DOWN);
    ck_assert_int_eq(b.calls, 0);
    shut(GATE_OPEN, NULL);
    ask_get(&rig, &b);
    ask_return(&b, POOL_CLEAN);
    ask_on(&rig, 0, &a);
    pool_refuse_held(rig.pool[0]); /* open: whoever waits is served */
    ask_get(&rig, &a);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(who_asks_right_behind_a_resume_is_served)
{
    struct ask a;
    shut(GATE_DRAINED, NULL);
    wait_still();
    shut(GATE_OPEN, NULL);
    ask_on(&rig, 0, &a); /* before the pool has heard of it */
    ask_get(&rig, &a);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(all_pools_tell_who_waits_and_who_keeps)
{
    struct ask a[4], w;
    struct pool_state_now now;
    pool_now(&rig.share, &now);
    ck_assert(now.gate == GATE_OPEN && now.oldest_wait_ns == 0 && now.longest_loan_ns == 0);
    for (int i = 0; i < 4; i++) {
        ask_for(&rig, 0, &a[i], 7);
        ask_get(&rig, &a[i]);
    }
    pool_now(&rig.share, &now);
    uint64_t waits = histogram_quantile(&now.waited, 1) > 0 ? count_get(&now.waited.count) : 0;
    ask_on(&rig, 1, &w);
    FOR_MS(&rig, 5);
    pool_tell(rig.pool[0]);
    pool_tell(rig.pool[1]);
    pool_now(&rig.share, &now);
    ck_assert_uint_ge(now.oldest_wait_ns, 5 * MS);
    ck_assert_uint_ge(now.longest_loan_ns, now.oldest_wait_ns);
    for (int i = 0; i < 4; i++) {
        ask_return(&a[i], POOL_CLEAN);
    }
    ask_get(&rig, &w);
    ask_return(&w, POOL_CLEAN);
    rig_close_pool(&rig, 1);
    pool_now(&rig.share, &now); /* also of pools that have closed */
    ck_assert_uint_gt(count_get(&now.waited.count), waits);
    ck_assert(now.oldest_wait_ns == 0);
}
END_TEST

START_TEST(paused_waiters_still_have_deadlines_and_may_leave)
{
    struct ask a, b;
    shut(GATE_PAUSED, NULL);
    wait_still();
    ask_until(&rig, 0, &a, clock_now_ns() + 20 * MS);
    ask_on(&rig, 1, &b);
    UNTIL(&rig, a.calls == 1);
    ck_assert_int_eq(a.err, ERR_POOL_TIMEOUT);
    pool_cancel(rig.pool[1], &b.w);
    UNTIL(&rig, b.calls == 1);
    ck_assert_int_eq(b.err, ERR_CANCELLED);
    ck_assert_int_eq(GET(rig.db.calls[FAKE_OPEN]), 0);
}
END_TEST

START_TEST(a_database_that_is_open_again_refuses_nobody)
{
    struct ask a;
    shut(GATE_DRAINED, NULL);
    wait_still();
    ck_assert_int_eq(shut(GATE_OPEN, NULL), GATE_DRAINED);
    ask_on(&rig, 1, &a); /* before its pool has had a turn */
    ask_get(&rig, &a);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(drain_refuses_and_closes_everything)
{
    struct ask a[2], b, c;
    struct watch w;
    ask_now(&rig, 0, &a[0]);
    ask_now(&rig, 1, &a[1]);
    ask_now(&rig, 1, &b);
    ask_return(&b, POOL_CLEAN);
    shut(GATE_PAUSED, NULL);
    ask_on(&rig, 0, &b);
    shut(GATE_DRAINED, NULL);
    watch(&w);
    UNTIL(&rig, b.calls == 1);
    ck_assert_int_eq(b.err, ERR_DRAINED);
    UNTIL(&rig, GET(rig.db.sessions) == 2);
    ask_on(&rig, 1, &c);
    UNTIL(&rig, c.calls == 1);
    ck_assert_int_eq(c.err, ERR_DRAINED);
    ask_return(&a[0], POOL_CLEAN);
    FOR_MS(&rig, 5);
    ck_assert_int_eq(w.calls, 0);
    ask_return(&a[1], POOL_DIRTY);
    UNTIL(&rig, w.calls == 1);
    ck_assert_int_eq(GET(rig.db.sessions), 0);
    ck_assert_int_eq(GET(rig.share.counts.refused), 2);
    shut(GATE_OPEN, NULL);
    FOR_MS(&rig, 5);
    ask_now(&rig, 0, &a[0]);
    ask_return(&a[0], POOL_CLEAN);
}
END_TEST

START_TEST(connect_under_way_is_waited_for)
{
    struct ask a;
    fake_once(&rig.db, FAKE_OPEN, (struct fake_reply){.delay_ms = 30});
    ask_on(&rig, 0, &a);
    shut(GATE_DRAINED, NULL);
    wait_still();
    ck_assert_int_eq(a.err, ERR_DRAINED);
    ck_assert_int_eq(GET(rig.db.sessions), 0);
    ck_assert_int_eq(GET(rig.db.calls[FAKE_OPEN]), 1);
}
END_TEST

START_TEST(neither_min_idle_nor_a_probe_opens_behind_the_gate)
{
    struct pool_opts o = rig_opts();
    struct ask a;
    o.min_idle = 2;
    rig_down(&rig);
    rig_up(&rig, &o, 2);
    UNTIL(&rig, GET(rig.share.counts.idle) == 2);
    shut(GATE_DRAINED, NULL);
    wait_still();
    FOR_MS(&rig, 20);
    ck_assert_int_eq(GET(rig.share.counts.opened), 2);
    fake_always(&rig.db, FAKE_OPEN, (struct fake_reply){.act = FAKE_FAIL});
    shut(GATE_OPEN, NULL);
    UNTIL(&rig, GET(rig.db.open_failed) >= 2);
    shut(GATE_PAUSED, NULL);
    wait_still();
    UNTIL(&rig, GET(rig.share.counts.opening) == 0);
    int64_t tries = GET(rig.db.open_failed);
    ask_on(&rig, 0, &a);
    FOR_MS(&rig, 120);
    ck_assert_int_eq(GET(rig.db.open_failed), tries);
    ck_assert_int_eq(a.calls, 0); /* not refused: it may be up again when the pause ends */
    pool_cancel(rig.pool[0], &a.w);
    fake_always(&rig.db, FAKE_OPEN, (struct fake_reply){.act = FAKE_OK});
    shut(GATE_OPEN, NULL);
    UNTIL(&rig, GET(rig.share.counts.idle) == 2);
}
END_TEST

START_TEST(wait_ends_when_somebody_else_moves_the_gate)
{
    struct ask a;
    struct watch w;
    ask_now(&rig, 0, &a);
    shut(GATE_PAUSED, NULL);
    watch(&w);
    shut(GATE_PAUSED, NULL); /* as it is: nothing changes */
    FOR_MS(&rig, 5);
    ck_assert_int_eq(w.calls, 0);
    shut(GATE_OPEN, NULL);
    UNTIL(&rig, w.calls == 1);
    ck_assert_int_eq(w.still.err, ERR_CANCELLED);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(pause_can_be_given_up_and_undone)
{
    struct ask a, b;
    struct watch w;
    uint64_t first, second;
    ask_now(&rig, 0, &a);
    enum pool_gate was = shut(GATE_PAUSED, &first);
    watch(&w);
    ck_assert(pool_still_cancel(&rig.share, &w.still));
    ck_assert(!pool_still_cancel(&rig.share, &w.still));
    pool_gate_undo(&rig.share, was, first);
    ask_now(&rig, 0, &b);
    ask_return(&b, POOL_CLEAN);
    was = shut(GATE_PAUSED, &first);
    shut(GATE_DRAINED, &second);
    pool_gate_undo(&rig.share, was, first); /* not ours any more */
    ask_on(&rig, 1, &b);
    UNTIL(&rig, b.calls == 1);
    ck_assert_int_eq(b.err, ERR_DRAINED);
    ask_return(&a, POOL_CLEAN);
    wait_still();
    ck_assert_int_eq(w.calls, 0);
}
END_TEST

START_TEST(pool_that_comes_or_goes_behind_the_gate)
{
    struct ask a, b;
    struct watch w;
    ask_now(&rig, 0, &a);
    shut(GATE_PAUSED, NULL);
    watch(&w);
    rig_close_pool(&rig, 1);
    rig.pool[1] =
        pool_create(&rig.share, &rig.db.target, &rig.loop[1], rig.connector, &rig.log);
    ck_assert_ptr_nonnull(rig.pool[1]);
    ask_on(&rig, 1, &b);
    FOR_MS(&rig, 20);
    ck_assert_int_eq(b.calls, 0);
    pool_abort(rig.pool[0], a.conn);
    UNTIL(&rig, w.calls == 1);
    shut(GATE_OPEN, NULL);
    ask_get(&rig, &b);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool/gate");
    TCase *t = tcase_create("gate");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, who_waits_where_nobody_will_open_is_refused);
    tcase_add_test(t, who_asks_right_behind_a_resume_is_served);
    tcase_add_test(t, all_pools_tell_who_waits_and_who_keeps);
    tcase_add_test(t, pause_waits_for_what_is_lent_and_holds_what_is_asked);
    tcase_add_test(t, paused_waiters_still_have_deadlines_and_may_leave);
    tcase_add_test(t, a_database_that_is_open_again_refuses_nobody);
    tcase_add_test(t, drain_refuses_and_closes_everything);
    tcase_add_test(t, connect_under_way_is_waited_for);
    tcase_add_test(t, neither_min_idle_nor_a_probe_opens_behind_the_gate);
    tcase_add_test(t, wait_ends_when_somebody_else_moves_the_gate);
    tcase_add_test(t, pause_can_be_given_up_and_undone);
    tcase_add_test(t, pool_that_comes_or_goes_behind_the_gate);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
