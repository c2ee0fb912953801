/* SPDX-License-Identifier: MIT
 *
 * Tests of pool/pool_wait.c: who gets a connection, when, and what the others get.
 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

static struct rig rig;

static void up(void)
{
    struct pool_opts o = rig_opts();
    rig_up(&rig, &o, 1);
}

static void down(void)
{
    rig_down(&rig);
}

START_TEST(first_acquire_opens_a_connection)
{
    struct ask a;
    ask_now(&rig, 0, &a);
    ck_assert_int_eq(GET(rig.db.calls[FAKE_OPEN]), 1);
    ck_assert_int_eq(GET(rig.share.counts.busy), 1);
    ck_assert_int_eq(GET(rig.share.slots_free), 1);
    ask_return(&a, POOL_CLEAN);
    ck_assert_int_eq(GET(rig.share.counts.busy), 0);
    ck_assert_int_eq(GET(rig.share.counts.idle), 1);
}
END_TEST

START_TEST(answer_never_comes_inside_the_call)
{
    struct ask a, b;
    ask_now(&rig, 0, &a);
    ask_return(&a, POOL_CLEAN);
    ask_on(&rig, 0, &b); /* an idle one is there; ask_on checks that nothing was called */
    ask_get(&rig, &b);
    ask_return(&b, POOL_CLEAN);
    ck_assert_int_eq(GET(rig.share.counts.lent), 2);
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
}
END_TEST

START_TEST(newest_idle_connection_is_lent_first)
{
    struct ask a, b, c;
    ask_now(&rig, 0, &a);
    ask_now(&rig, 0, &b);
    struct db_conn *last = b.conn;
    ask_return(&a, POOL_CLEAN);
    ask_return(&b, POOL_CLEAN);
    for (int i = 0; i < 3; i++) {
        ask_now(&rig, 0, &c);
        ck_assert_ptr_eq(c.conn, last);
        ask_return(&c, POOL_CLEAN);
    }
}
END_TEST

START_TEST(waiters_are_served_in_order_of_arrival)
{
    struct ask held[2], w[6];
    ask_now(&rig, 0, &held[0]);
    ask_now(&rig, 0, &held[1]);
    for (int i = 0; i < 6; i++) {
        ask_on(&rig, 0, &w[i]);
    }
    FOR_MS(&rig, 5);
    ck_assert_int_eq(GET(rig.share.counts.waiting), 6);
    ck_assert_int_eq(w[0].calls, 0);
    ask_return(&held[1], POOL_CLEAN);
    for (int i = 0; i < 6; i++) {
        ask_get(&rig, &w[i]);
        ck_assert_int_eq(i == 0 || w[i].order > w[i - 1].order, 1);
        ask_return(&w[i], POOL_CLEAN);
    }
    ask_return(&held[0], POOL_CLEAN);
    ck_assert_int_eq(GET(rig.share.counts.opened), 2);
}
END_TEST

START_TEST(late_comer_does_not_overtake_a_waiter)
{
    struct ask a, first, second;
    fake_always(&rig.db, FAKE_OPEN, (struct fake_reply){.delay_ms = 20});
    ask_now(&rig, 0, &a);
    ask_on(&rig, 0, &first); /* waits for its open */
    ask_return(&a, POOL_CLEAN);
    ask_on(&rig, 0, &second);
    ask_get(&rig, &first);
    ask_get(&rig, &second);
    ck_assert_int_lt(first.order, second.order);
    ask_return(&first, POOL_CLEAN);
    ask_return(&second, POOL_CLEAN);
}
END_TEST

START_TEST(own_timeout_ends_the_wait_with_figures)
{
    struct ask a, b, c;
    rig.share.opts.timeout_ms = 30;
    ask_now(&rig, 0, &a);
    ask_now(&rig, 0, &b);
    uint64_t from_ns = clock_now_ns();
    ask_on(&rig, 0, &c);
    UNTIL(&rig, c.calls > 0);
    ck_assert_int_eq(c.err, ERR_POOL_TIMEOUT);
    ck_assert_uint_ge(clock_now_ns() - from_ns, 29 * MS);
    ck_assert_ptr_nonnull(strstr(c.fail.message, "size 2, max_overflow 0, 2 busy, 0 more"));
    ck_assert_int_eq(GET(rig.share.counts.timeouts), 1);
    ask_return(&a, POOL_CLEAN);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(deadline_of_the_request_wins_when_it_is_earlier)
{
    struct ask a, b, c;
    ask_now(&rig, 0, &a);
    ask_now(&rig, 0, &b);
    ask_until(&rig, 0, &c, clock_now_ns() + 20 * MS);
    UNTIL(&rig, c.calls > 0);
    ck_assert_int_eq(c.err, ERR_POOL_TIMEOUT);
    ask_until(&rig, 0, &c, 1); /* long ago */
    UNTIL(&rig, c.calls > 0);
    ck_assert_int_eq(c.err, ERR_POOL_TIMEOUT);
    ask_return(&a, POOL_CLEAN);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(too_many_waiters_are_refused_at_once)
{
    struct ask a, b, w, x;
    rig.share.opts.max_waiting = 1;
    ask_now(&rig, 0, &a);
    ask_now(&rig, 0, &b);
    ask_on(&rig, 0, &w);
    ask_on(&rig, 0, &x);
    UNTIL(&rig, x.calls > 0);
    ck_assert_int_eq(x.err, ERR_OVERLOAD);
    ck_assert_int_eq(w.calls, 0);
    ck_assert_int_eq(GET(rig.share.counts.refused), 1);
    ask_return(&a, POOL_CLEAN);
    ask_get(&rig, &w);
    ask_return(&b, POOL_CLEAN);
    ask_return(&w, POOL_CLEAN);
}
END_TEST

START_TEST(cancelled_waiter_is_told_and_leaves_the_queue)
{
    struct ask a, b, w, x;
    ask_now(&rig, 0, &a);
    ask_now(&rig, 0, &b);
    ask_on(&rig, 0, &w);
    ask_on(&rig, 0, &x);
    pool_cancel(rig.pool[0], &w.w);
    ck_assert_int_eq(w.calls, 0);
    ask_return(&a, POOL_CLEAN);
    ask_get(&rig, &x);
    ck_assert_int_eq(w.calls, 1);
    ck_assert_int_eq(w.err, ERR_CANCELLED);
    ask_return(&b, POOL_CLEAN);
    ask_return(&x, POOL_CLEAN);
}
END_TEST

START_TEST(cancel_after_the_grant_delivers_the_connection)
{
    struct ask a, b;
    ask_now(&rig, 0, &a);
    ask_return(&a, POOL_CLEAN);
    ask_on(&rig, 0, &b);
    pool_cancel(rig.pool[0], &b.w);
    pool_cancel(rig.pool[0], &b.w);
    ask_get(&rig, &b);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(connection_that_breaks_before_delivery_is_replaced)
{
    struct ask a, b;
    ask_now(&rig, 0, &a);
    struct db_conn *c = a.conn;
    ask_return(&a, POOL_CLEAN);
    ask_on(&rig, 0, &b);
    fake_break_idle(c);
    ask_get(&rig, &b);
    ck_assert(!b.conn->broken);
    ck_assert_int_eq(GET(rig.share.counts.invalidated), 1);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(connection_that_speaks_unasked_is_replaced)
{
    struct ask a, b;
    ask_now(&rig, 0, &a);
    struct db_conn *c = a.conn;
    uint64_t id = c->backend_id;
    ask_return(&a, POOL_CLEAN);
    fake_speak(c); /* the driver has not noticed by itself */
    ask_on(&rig, 0, &b);
    ask_get(&rig, &b);
    ck_assert_uint_ne(b.conn->backend_id, id);
    ck_assert_int_eq(GET(rig.share.counts.invalidated), 1);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(broken_before_delivery_and_cancelled_is_cancelled)
{
    struct ask a, b;
    ask_now(&rig, 0, &a);
    struct db_conn *c = a.conn;
    ask_return(&a, POOL_CLEAN);
    ask_on(&rig, 0, &b);
    fake_break_idle(c);
    pool_cancel(rig.pool[0], &b.w);
    UNTIL(&rig, b.calls > 0);
    ck_assert_int_eq(b.err, ERR_CANCELLED);
    ck_assert_int_eq(b.fail.code, ERR_CANCELLED);
}
END_TEST

START_TEST(contended_means_that_somebody_waits)
{
    struct ask a, b, w;
    ask_now(&rig, 0, &a);
    ask_now(&rig, 0, &b);
    ck_assert(!pool_contended(rig.pool[0]));
    ask_on(&rig, 0, &w);
    ck_assert(pool_contended(rig.pool[0]));
    ask_return(&a, POOL_CLEAN);
    ck_assert(!pool_contended(rig.pool[0]));
    ask_get(&rig, &w);
    ask_return(&b, POOL_CLEAN);
    ask_return(&w, POOL_CLEAN);
}
END_TEST

START_TEST(wait_struct_can_be_used_again)
{
    struct ask a;
    memset(&a, 0, sizeof a);
    for (int i = 0; i < 5; i++) {
        ask_now(&rig, 0, &a);
        ask_return(&a, POOL_CLEAN);
    }
    ck_assert_int_eq(GET(rig.share.counts.lent), 5);
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
    ck_assert_uint_gt(count_get(&rig.share.counts.wait_max_ns), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool/wait");
    TCase *t = tcase_create("wait");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, first_acquire_opens_a_connection);
    tcase_add_test(t, answer_never_comes_inside_the_call);
    tcase_add_test(t, newest_idle_connection_is_lent_first);
    tcase_add_test(t, waiters_are_served_in_order_of_arrival);
    tcase_add_test(t, late_comer_does_not_overtake_a_waiter);
    tcase_add_test(t, own_timeout_ends_the_wait_with_figures);
    tcase_add_test(t, deadline_of_the_request_wins_when_it_is_earlier);
    tcase_add_test(t, too_many_waiters_are_refused_at_once);
    tcase_add_test(t, cancelled_waiter_is_told_and_leaves_the_queue);
    tcase_add_test(t, cancel_after_the_grant_delivers_the_connection);
    tcase_add_test(t, connection_that_breaks_before_delivery_is_replaced);
    tcase_add_test(t, connection_that_speaks_unasked_is_replaced);
    tcase_add_test(t, broken_before_delivery_and_cancelled_is_cancelled);
    tcase_add_test(t, contended_means_that_somebody_waits);
    tcase_add_test(t, wait_struct_can_be_used_again);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
