/* SPDX-License-Identifier: MIT
 *
 * Tests of pool/pool_loan.c: connections lent to the pool of another worker, and what
 * becomes of a loan when something ends meanwhile. Pool 0 owns, pool 1 borrows.
 */
#include "backend/remote.h"
#include "rig.h"

#include <stdlib.h>

enum { OWNER, BORROWER };

static struct rig rig;

static void up(void)
{
    struct pool_opts o = rig_opts();
    o.size = 1;
    rig_up(&rig, &o, 2);
}

static void down(void)
{
    rig_down(&rig);
}

/* The owner's one connection, in the hands of the other pool. */
static void borrow(struct ask *b)
{
    struct ask a;
    ask_now(&rig, OWNER, &a);
    ask_on(&rig, BORROWER, b);
    FOR_MS(&rig, 2);
    ck_assert_int_eq(b->calls, 0);
    ask_return(&a, POOL_CLEAN);
    ask_get(&rig, b);
    ck_assert_ptr_nonnull(remote_of(b->conn));
    ck_assert_int_eq(GET(rig.share.counts.borrowed), 1);
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
}

struct probe {
    struct run run; /* first */
    struct fail fail;
    int done;
};

static void on_done(struct run *r)
{
    ((struct probe *)r)->done++;
}

static void start(struct db_conn *c, struct probe *p)
{
    static const struct statement stmt = {.sql = {"update", 6}};
    *p = (struct probe){.run = {.stmt = &stmt, .sets = 1, .done = on_done}};
    fail_init(&p->fail);
    p->run.fail = &p->fail;
    c->driver->run(c, &p->run);
}

static enum err run(struct db_conn *c)
{
    struct probe p;
    start(c, &p);
    UNTIL(&rig, p.done == 1);
    return p.run.err;
}

START_TEST(loan_comes_back_and_is_the_owners_again)
{
    struct ask b, a;
    borrow(&b);
    ck_assert_int_eq(run(b.conn), ERR_OK);
    ck_assert_int_eq(GET(rig.share.counts.busy), 1);
    ask_return(&b, POOL_CLEAN);
    UNTIL(&rig, GET(rig.share.counts.idle) == 1);
    ck_assert_int_eq(GET(rig.share.counts.busy), 0);
    ask_now(&rig, OWNER, &a);
    ck_assert_ptr_null(remote_of(a.conn));
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(open_transaction_of_a_loan_is_rolled_back_by_the_owner)
{
    struct ask b, a;
    borrow(&b);
    fake_once(&rig.db, FAKE_RUN, (struct fake_reply){.tx_after = DB_TX_OPEN});
    ck_assert_int_eq(run(b.conn), ERR_OK);
    ck_assert_int_eq(b.conn->tx, DB_TX_OPEN);
    ask_on(&rig, OWNER, &a);
    ask_return(&b, POOL_CLEAN); /* whatever the borrower says */
    ask_get(&rig, &a);
    ck_assert_int_eq(GET(rig.db.calls[FAKE_ROLLBACK]), 1);
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(dirty_loan_is_reset_by_the_owner)
{
    struct ask b, a;
    borrow(&b);
    ask_return(&b, POOL_DIRTY);
    ask_now(&rig, OWNER, &a);
    ck_assert_int_eq(GET(rig.db.calls[FAKE_RESET]), 1);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(session_that_breaks_on_loan_is_closed_and_its_slot_is_free)
{
    struct ask b, a;
    borrow(&b);
    fake_kill_all(&rig.db);
    ck_assert_int_eq(run(b.conn), ERR_CONNECTION_LOST);
    ck_assert(b.conn->broken);
    ask_on(&rig, OWNER, &a);
    ask_return(&b, POOL_CLEAN); /* it knows better */
    ask_get(&rig, &a);
    ck_assert_int_eq(GET(rig.share.counts.opened), 2);
    ck_assert_int_eq(run(a.conn), ERR_OK);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(aborted_loan_answers_its_run_and_frees_the_slot)
{
    struct ask b, a;
    struct probe p;
    borrow(&b);
    fake_once(&rig.db, FAKE_RUN, (struct fake_reply){.act = FAKE_DEAF});
    start(b.conn, &p);
    FOR_MS(&rig, 2);
    ask_on(&rig, OWNER, &a);
    pool_abort(rig.pool[BORROWER], b.conn);
    UNTIL(&rig, p.done == 1);
    ck_assert_int_eq(p.run.err, ERR_CONNECTION_LOST);
    ask_get(&rig, &a);
    ck_assert_int_eq(GET(rig.share.counts.opened), 2);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(borrowers_pool_waits_for_its_loans_when_it_closes)
{
    struct ask b;
    int before = rig.closed;
    borrow(&b);
    struct pool *p = rig.pool[BORROWER];
    if (_i == 0) {
        ask_return(&b, POOL_CLEAN);
        rig_close_pool(&rig, BORROWER);
        ck_assert_int_eq(rig.closed, before + 1);
        UNTIL(&rig, GET(rig.share.counts.idle) == 1); /* the owner keeps it */
        return;
    }
    pool_abort(p, b.conn); /* the other way back */
    rig_close_pool(&rig, BORROWER);
    ck_assert_int_eq(rig.closed, before + 1);
}
END_TEST

static void on_closed(void *arg)
{
    (*(int *)arg)++;
}

START_TEST(owners_pool_waits_for_what_it_has_lent)
{
    struct ask b;
    int closed = 0;
    borrow(&b);
    pool_close(rig.pool[OWNER], on_closed, &closed);
    rig.pool[OWNER] = NULL;
    FOR_MS(&rig, 10);
    ck_assert_int_eq(closed, 0);
    ck_assert_int_eq(run(b.conn), ERR_OK); /* it may end what it began */
    if (_i == 0) {
        ask_return(&b, POOL_CLEAN);
    } else {
        pool_abort(rig.pool[BORROWER], b.conn);
    }
    UNTIL(&rig, closed == 1);
    struct ask again;
    ask_now(&rig, BORROWER, &again); /* with the slot that is free now */
    ck_assert_ptr_null(remote_of(again.conn));
    ask_return(&again, POOL_CLEAN);
}
END_TEST

START_TEST(loan_that_nobody_wants_any_more_goes_back)
{
    struct ask a, b;
    ask_now(&rig, OWNER, &a);
    ask_on(&rig, BORROWER, &b);
    UNTIL(&rig, GET(rig.share.starving) == 1);
    ask_return(&a, POOL_CLEAN);
    while (GET(rig.share.starving) == 1) {
        rig.loop[OWNER].now_ns = clock_now_ns(); /* the owner's loop alone: it is offered */
        uv_run(&rig.loop[OWNER].uv, UV_RUN_NOWAIT);
    }
    pool_cancel(rig.pool[BORROWER], &b.w);
    UNTIL(&rig, b.calls == 1);
    UNTIL(&rig, GET(rig.share.counts.idle) == 1);
    if (b.conn != NULL) {
        ask_return(&b, POOL_CLEAN);
    }
}
END_TEST

START_TEST(cap_holds_through_many_loans)
{
    struct ask ask[2][3] = {0};
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 3; k++) {
            ask_on(&rig, i, &ask[i][k]);
        }
    }
    for (int served = 0; served < 400;) {
        rig_turn(&rig);
        int lent = 0;
        for (int i = 0; i < 6; i++) {
            struct ask *a = &ask[i / 3][i % 3];
            if (a->calls > 0) {
                lent++;
                ck_assert_int_eq(a->err, ERR_OK);
                ask_return(a, served % 7 == 0 ? POOL_DIRTY : POOL_CLEAN);
                ask_on(&rig, i / 3, a);
                served++;
            }
        }
        ck_assert_int_le(lent, 1);
        ck_assert_int_le(GET(rig.db.sessions), 1);
    }
    for (int left = 6; left > 0;) {
        rig_turn(&rig);
        for (int i = 0; i < 6; i++) {
            struct ask *a = &ask[i / 3][i % 3];
            if (a->calls > 0 && a->conn != NULL) {
                ask_return(a, POOL_CLEAN);
                left--;
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool_loan");
    TCase *t = tcase_create("pool_loan");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, loan_comes_back_and_is_the_owners_again);
    tcase_add_test(t, open_transaction_of_a_loan_is_rolled_back_by_the_owner);
    tcase_add_test(t, dirty_loan_is_reset_by_the_owner);
    tcase_add_test(t, session_that_breaks_on_loan_is_closed_and_its_slot_is_free);
    tcase_add_test(t, aborted_loan_answers_its_run_and_frees_the_slot);
    tcase_add_loop_test(t, borrowers_pool_waits_for_its_loans_when_it_closes, 0, 2);
    tcase_add_loop_test(t, owners_pool_waits_for_what_it_has_lent, 0, 2);
    tcase_add_test(t, loan_that_nobody_wants_any_more_goes_back);
    tcase_add_test(t, cap_holds_through_many_loans);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
