/* SPDX-License-Identifier: MIT
 *
 * Tests of pool/pool_member.c and pool/pool.c: what becomes of a connection
 * between loans, and the end of a pool.
 */
#include "pool/pool_status.h"
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

static void again(const struct pool_opts *o)
{
    rig_down(&rig);
    rig_up(&rig, o, 1);
}

static void take(struct ask *a, int n)
{
    for (int i = 0; i < n; i++) {
        ask_now(&rig, 0, &a[i]);
    }
}

static void give(struct ask *a, int n, enum pool_return how)
{
    for (int i = 0; i < n; i++) {
        ask_return(&a[i], how);
    }
}

START_TEST(overflow_connections_are_closed_when_they_come_back)
{
    struct pool_opts o = rig_opts();
    o.max_overflow = 3;
    again(&o);
    struct ask a[5], b;
    take(a, 5);
    ck_assert_int_eq(GET(rig.share.slots_free), 0);
    ask_on(&rig, 0, &b);
    give(a, 5, POOL_CLEAN);
    ask_get(&rig, &b);
    UNTIL(&rig, GET(rig.share.counts.closed) == 2);
    ck_assert_int_eq(GET(rig.share.counts.idle), 2);
    ask_return(&b, POOL_CLEAN);
    UNTIL(&rig, GET(rig.share.counts.closed) == 3);
    ck_assert_int_eq(GET(rig.share.counts.idle), 2);
}
END_TEST

START_TEST(size_zero_is_no_limit)
{
    struct pool_opts o = rig_opts();
    o.size = 0;
    again(&o);
    struct ask a[40];
    take(a, 40);
    give(a, 40, POOL_CLEAN);
    FOR_MS(&rig, 5);
    ck_assert_int_eq(GET(rig.share.counts.idle), 40);
}
END_TEST

START_TEST(overflow_minus_one_is_no_limit_but_size_are_kept)
{
    struct pool_opts o = rig_opts();
    o.max_overflow = -1;
    again(&o);
    struct ask a[20];
    take(a, 20);
    give(a, 20, POOL_CLEAN);
    UNTIL(&rig, GET(rig.share.counts.closed) == 18);
    ck_assert_int_eq(GET(rig.share.counts.idle), 2);
}
END_TEST

START_TEST(null_class_opens_for_each_loan_within_the_cap)
{
    struct pool_opts o = rig_opts();
    o.kind = POOL_NULL;
    again(&o);
    struct ask a[3];
    take(a, 2);
    ask_on(&rig, 0, &a[2]);
    FOR_MS(&rig, 5);
    ck_assert_int_eq(a[2].calls, 0);
    give(a, 2, POOL_CLEAN);
    ask_get(&rig, &a[2]);
    ask_return(&a[2], POOL_CLEAN);
    UNTIL(&rig, GET(rig.share.counts.closed) == 3);
    ck_assert_int_eq(GET(rig.share.counts.opened), 3);
}
END_TEST

START_TEST(static_class_has_one_connection_for_everybody)
{
    struct pool_opts o = rig_opts();
    o.kind = POOL_STATIC;
    o.max_overflow = 10;
    o.max_lifetime_ms = 1;
    again(&o);
    struct ask a, b;
    take(&a, 1);
    ask_on(&rig, 0, &b);
    FOR_MS(&rig, 60);
    ck_assert_int_eq(b.calls, 0);
    ask_return(&a, POOL_CLEAN);
    ask_get(&rig, &b);
    ask_return(&b, POOL_CLEAN);
    FOR_MS(&rig, 5);
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
    ck_assert_int_eq(GET(rig.share.counts.idle), 1);
}
END_TEST

START_TEST(recycle_replaces_an_old_connection_at_its_loan)
{
    struct pool_opts o = rig_opts();
    o.recycle_ms = 200;
    again(&o);
    struct ask a;
    take(&a, 1);
    uint64_t first = a.conn->backend_id;
    ask_return(&a, POOL_CLEAN);
    take(&a, 1);
    ck_assert_uint_eq(a.conn->backend_id, first);
    ask_return(&a, POOL_CLEAN);
    FOR_MS(&rig, 220);
    ck_assert_int_eq(GET(rig.share.counts.idle), 1); /* not before it is asked for */
    take(&a, 1);
    ck_assert_uint_ne(a.conn->backend_id, first);
    ck_assert_int_eq(GET(rig.share.counts.recycled), 1);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(recycle_holds_for_a_connection_lent_on_as_well)
{
    struct pool_opts o = rig_opts();
    o.recycle_ms = 30;
    o.size = 1;
    again(&o);
    struct ask a, b;
    take(&a, 1);
    ask_on(&rig, 0, &b);
    FOR_MS(&rig, 40);
    ask_return(&a, POOL_CLEAN);
    ask_get(&rig, &b);
    ck_assert_int_eq(GET(rig.share.counts.recycled), 1);
    ck_assert_uint_eq(b.conn->backend_id, 2);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(max_lifetime_closes_idle_connections)
{
    struct pool_opts o = rig_opts();
    o.max_lifetime_ms = 40;
    again(&o);
    struct ask a[2];
    take(a, 2);
    ask_return(&a[0], POOL_CLEAN);
    UNTIL(&rig, GET(rig.share.counts.recycled) == 1);
    ck_assert_int_eq(GET(rig.share.counts.busy), 1); /* the lent one is left alone */
    FOR_MS(&rig, 20);
    ask_return(&a[1], POOL_CLEAN);
    UNTIL(&rig, GET(rig.share.counts.closed) == 2);
}
END_TEST

START_TEST(ping_replaces_a_dead_connection_unseen)
{
    struct pool_opts o = rig_opts();
    o.pre_ping = true;
    o.size = 3;
    again(&o);
    struct ask a[3], b;
    take(a, 3);
    give(a, 3, POOL_CLEAN);
    fake_kill_all(&rig.db);
    take(&b, 1);
    ck_assert_uint_gt(b.conn->backend_id, 3);
    /* one ping told about all that were idle then */
    ck_assert_int_eq(GET(rig.share.counts.ping_failed), 1);
    UNTIL(&rig, GET(rig.share.counts.closed) == 3);
    ck_assert_int_eq(GET(rig.share.counts.invalidated), 3);
    ask_return(&b, POOL_CLEAN);
    take(&b, 1);
    ck_assert_int_eq(GET(rig.share.counts.opened), 4);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(ping_comes_before_each_loan_of_an_idle_connection)
{
    struct pool_opts o = rig_opts();
    o.pre_ping = true;
    again(&o);
    struct ask a;
    for (int i = 0; i < 4; i++) {
        take(&a, 1);
        ask_return(&a, POOL_CLEAN);
    }
    ck_assert_int_eq(GET(rig.db.calls[FAKE_PING]), 3);
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
}
END_TEST

START_TEST(ping_without_answer_is_given_up)
{
    struct pool_opts o = rig_opts();
    o.pre_ping = true;
    again(&o);
    rig.db.target.connect_timeout_ms = 30;
    struct ask a;
    take(&a, 1);
    ask_return(&a, POOL_CLEAN);
    fake_once(&rig.db, FAKE_PING, (struct fake_reply){.act = FAKE_HANG});
    take(&a, 1);
    ck_assert_uint_eq(a.conn->backend_id, 2);
    ck_assert_int_eq(GET(rig.share.counts.ping_failed), 1);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(dirty_connection_is_reset_before_the_next_loan)
{
    struct ask a, b;
    take(&a, 1);
    a.conn->tx = DB_TX_OPEN;
    fake_once(&rig.db, FAKE_RESET, (struct fake_reply){.delay_ms = 10});
    ask_return(&a, POOL_DIRTY);
    ck_assert_int_eq(GET(rig.share.counts.busy), 1);
    take(&b, 1); /* checks that it is clean */
    ck_assert_int_eq(GET(rig.db.calls[FAKE_RESET]), 1);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(open_transaction_is_rolled_back_whatever_the_borrower_says)
{
    static const enum db_tx left[] = {DB_TX_OPEN, DB_TX_FAILED, DB_TX_OPEN};
    static const enum pool_return said[] = {POOL_CLEAN, POOL_CLEAN, POOL_ROLLBACK};
    for (int i = 0; i < 3; i++) {
        struct ask a;
        take(&a, 1);
        a.conn->tx = left[i];
        ask_return(&a, said[i]);
        UNTIL(&rig, GET(rig.share.counts.idle) == 1);
        ck_assert_int_eq(GET(rig.share.counts.rolled_back), i + 1);
    }
    ck_assert_int_eq(GET(rig.share.counts.reset), 0);
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
}
END_TEST

START_TEST(nothing_is_rolled_back_where_no_transaction_is_open)
{
    struct ask a;
    take(&a, 1);
    ask_return(&a, POOL_ROLLBACK);
    ck_assert_int_eq(GET(rig.share.counts.idle), 1);
    ck_assert_int_eq(GET(rig.db.calls[FAKE_ROLLBACK]), 0);
}
END_TEST

START_TEST(unknown_transaction_state_is_reset)
{
    struct ask a;
    take(&a, 1);
    a.conn->tx = DB_TX_UNKNOWN;
    ask_return(&a, POOL_ROLLBACK);
    UNTIL(&rig, GET(rig.share.counts.idle) == 1);
    ck_assert_int_eq(GET(rig.share.counts.reset), 1);
    ck_assert_int_eq(GET(rig.share.counts.rolled_back), 0);
}
END_TEST

START_TEST(rollback_that_does_not_help_becomes_a_reset)
{
    static const struct fake_reply replies[] = {
        {.act = FAKE_FAIL}, {.tx_after = DB_TX_FAILED}, /* said to be done, and it was not */
    };
    for (int i = 0; i < 2; i++) {
        struct ask a, b;
        take(&a, 1);
        a.conn->tx = DB_TX_OPEN;
        fake_once(&rig.db, FAKE_ROLLBACK, replies[i]);
        ask_return(&a, POOL_ROLLBACK);
        take(&b, 1); /* checks that it is clean */
        ck_assert_int_eq(GET(rig.share.counts.reset), i + 1);
        ask_return(&b, POOL_CLEAN);
    }
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
}
END_TEST

START_TEST(connection_that_breaks_or_hangs_in_its_rollback_is_replaced)
{
    static const enum fake_act acts[] = {FAKE_BREAK, FAKE_HANG};
    rig.db.target.connect_timeout_ms = 30;
    for (int i = 0; i < 2; i++) {
        struct ask a, b;
        take(&a, 1);
        a.conn->tx = DB_TX_OPEN;
        fake_once(&rig.db, FAKE_ROLLBACK, (struct fake_reply){.act = acts[i]});
        ask_return(&a, POOL_ROLLBACK);
        take(&b, 1);
        ck_assert_uint_eq(b.conn->backend_id, (uint64_t)i + 2);
        ask_return(&b, POOL_CLEAN);
    }
    ck_assert_int_eq(GET(rig.share.counts.reset), 0);
}
END_TEST

START_TEST(connection_whose_reset_fails_is_closed)
{
    struct ask a, b;
    take(&a, 1);
    fake_once(&rig.db, FAKE_RESET, (struct fake_reply){.act = FAKE_BREAK});
    ask_return(&a, POOL_DIRTY);
    ask_on(&rig, 0, &b);
    ask_get(&rig, &b);
    ck_assert_uint_eq(b.conn->backend_id, 2);
    UNTIL(&rig, GET(rig.share.counts.invalidated) == 1);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(broken_connection_makes_room_for_a_new_one)
{
    struct ask a[2], b;
    take(a, 2);
    ask_on(&rig, 0, &b);
    ask_return(&a[0], POOL_BROKEN);
    ask_get(&rig, &b);
    ck_assert_uint_eq(b.conn->backend_id, 3);
    a[1].conn->broken = true; /* the driver saw it, the borrower did not */
    ask_return(&a[1], POOL_CLEAN);
    UNTIL(&rig, GET(rig.share.counts.invalidated) == 2);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

static void note_server(void *arg, const struct pool_server_state *s)
{
    struct pool_server_state *list = arg;
    while (list->state != NULL) {
        list++;
    }
    *list = *s;
}

START_TEST(long_loans_are_counted_once_and_members_are_listed)
{
    struct pool_opts o = rig_opts();
    struct ask a, daemons;
    o.leak_warning_ms = 20;
    again(&o);
    ask_for(&rig, 0, &a, 7);
    ask_get(&rig, &a);
    take(&daemons, 1); /* of nobody: not told */
    struct pool_server_state list[3] = {{0}};
    pool_each_server(rig.pool[0], note_server, list);
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(list[i].state, "lent");
        ck_assert_uint_eq(list[i].client, list[i].backend_id == 1 ? 7 : 0);
    }
    UNTIL(&rig, GET(rig.share.counts.leaks) == 1);
    FOR_MS(&rig, 60);
    ck_assert_int_eq(GET(rig.share.counts.leaks), 1);
    ask_return(&daemons, POOL_CLEAN);
    ask_return(&a, POOL_CLEAN);
    ask_for(&rig, 0, &a, 7); /* once for each loan */
    UNTIL(&rig, GET(rig.share.counts.leaks) == 2);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(connection_that_breaks_while_idle_is_not_lent)
{
    struct ask a;
    take(&a, 1);
    struct db_conn *c = a.conn;
    ask_return(&a, POOL_CLEAN);
    fake_break_idle(c);
    take(&a, 1);
    ck_assert_uint_eq(a.conn->backend_id, 2);
    ask_return(&a, POOL_CLEAN);
    UNTIL(&rig, GET(rig.share.counts.closed) == 1);
}
END_TEST

static void count_close(void *arg)
{
    ++*(int *)arg;
}

START_TEST(closing_pool_refuses_new_waiters)
{
    struct ask a, b;
    take(&a, 1);
    int closed = 0;
    pool_close(rig.pool[0], count_close, &closed);
    ask_on(&rig, 0, &b);
    UNTIL(&rig, b.calls > 0);
    ck_assert_int_eq(b.err, ERR_SHUTTING_DOWN);
    rig.pool[0] = NULL;
    ask_return(&a, POOL_CLEAN);
    UNTIL(&rig, closed == 1);
}
END_TEST

START_TEST(close_waits_for_everything_in_flight)
{
    struct pool_opts o = rig_opts();
    o.size = 6;
    again(&o);
    struct ask lent, idle, dirty, opening, waiting;
    take(&lent, 1);
    take(&idle, 1);
    take(&dirty, 1);
    fake_once(&rig.db, FAKE_RESET, (struct fake_reply){.delay_ms = 20});
    ask_return(&dirty, POOL_DIRTY);
    ask_return(&idle, POOL_CLEAN);
    ask_on(&rig, 0, &idle); /* granted, not told yet */
    fake_once(&rig.db, FAKE_OPEN, (struct fake_reply){.act = FAKE_HANG});
    ask_on(&rig, 0, &opening);
    ask_on(&rig, 0, &waiting);
    UNTIL(&rig, GET(rig.db.opening) == 1);
    int closed = 0;
    pool_close(rig.pool[0], count_close, &closed);
    rig.pool[0] = NULL;
    UNTIL(&rig, opening.calls > 0 && waiting.calls > 0 && idle.calls > 0);
    ck_assert_int_eq(opening.err, ERR_SHUTTING_DOWN);
    ck_assert_int_eq(waiting.err, ERR_SHUTTING_DOWN);
    ck_assert_int_eq(idle.err, ERR_OK);
    FOR_MS(&rig, 30); /* the reset is over */
    ck_assert_int_eq(closed, 0);
    ask_return(&idle, POOL_CLEAN);
    fake_let_go(&rig.db);
    FOR_MS(&rig, 20);
    ck_assert_int_eq(closed, 0);
    ask_return(&lent, POOL_DIRTY);
    UNTIL(&rig, closed == 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool/member");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, overflow_connections_are_closed_when_they_come_back);
    tcase_add_test(t, size_zero_is_no_limit);
    tcase_add_test(t, overflow_minus_one_is_no_limit_but_size_are_kept);
    tcase_add_test(t, null_class_opens_for_each_loan_within_the_cap);
    tcase_add_test(t, static_class_has_one_connection_for_everybody);
    tcase_add_test(t, recycle_replaces_an_old_connection_at_its_loan);
    tcase_add_test(t, recycle_holds_for_a_connection_lent_on_as_well);
    tcase_add_test(t, max_lifetime_closes_idle_connections);
    tcase_add_test(t, ping_replaces_a_dead_connection_unseen);
    tcase_add_test(t, ping_comes_before_each_loan_of_an_idle_connection);
    tcase_add_test(t, ping_without_answer_is_given_up);
    tcase_add_test(t, dirty_connection_is_reset_before_the_next_loan);
    tcase_add_test(t, open_transaction_is_rolled_back_whatever_the_borrower_says);
    tcase_add_test(t, nothing_is_rolled_back_where_no_transaction_is_open);
    tcase_add_test(t, unknown_transaction_state_is_reset);
    tcase_add_test(t, rollback_that_does_not_help_becomes_a_reset);
    tcase_add_test(t, connection_that_breaks_or_hangs_in_its_rollback_is_replaced);
    tcase_add_test(t, connection_whose_reset_fails_is_closed);
    tcase_add_test(t, broken_connection_makes_room_for_a_new_one);
    tcase_add_test(t, connection_that_breaks_while_idle_is_not_lent);
    tcase_add_test(t, long_loans_are_counted_once_and_members_are_listed);
    tcase_add_test(t, closing_pool_refuses_new_waiters);
    tcase_add_test(t, close_waits_for_everything_in_flight);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
