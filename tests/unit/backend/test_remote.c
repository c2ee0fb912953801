/* SPDX-License-Identifier: MIT
 *
 * Tests of backend/remote.c: a connection of another loop behaves as one's own. Both
 * loops are turned by the test's own thread, so that the order of events is the test's.
 */
#include "backend/fake.h"
#include "backend/remote.h"
#include "base/clock.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS ((uint64_t)1000000)
#define GET(x) ((int64_t)atomic_load(&(x)))

enum { OWNER, BORROWER };

static struct fake_db db;
static struct loop loops[2];
static struct db_conn *conn;
static struct remote m;
static int returned, aborted, ended, closed;

struct probe {
    struct run run; /* first */
    struct fail fail;
    struct row_sink sink;
    int done, rows, flushes;
    int full_at;
    bool flush_answer;
};

static void turn_one(int i)
{
    loops[i].now_ns = clock_now_ns();
    uv_run(&loops[i].uv, UV_RUN_NOWAIT);
}

static void turn(void)
{
    turn_one(OWNER);
    turn_one(BORROWER);
    usleep(50);
}

#define UNTIL(cond)                                                                            \
    do {                                                                                       \
        uint64_t end_ns_ = clock_now_ns() + 10000 * MS;                                        \
        while (!(cond)) {                                                                      \
            ck_assert_msg(clock_now_ns() < end_ns_, "never came: %s", #cond);                  \
            turn();                                                                            \
        }                                                                                      \
    } while (0)

static void on_returned(struct remote *r)
{
    ck_assert_ptr_eq(r, &m);
    returned++;
}

static void on_closed(struct db_conn *c, void *arg)
{
    (void)c;
    (void)arg;
    closed++;
}

static void on_aborted(struct remote *r)
{
    ck_assert_ptr_eq(r, &m);
    ck_assert_int_eq(ended, 0);
    aborted++;
    driver_fake.close(conn, on_closed, NULL);
}

static void on_ended(struct remote *r)
{
    ck_assert_ptr_eq(r, &m);
    ended++;
}

static void lend(void)
{
    remote_init(&m, conn, &loops[BORROWER]);
    m.returned = on_returned;
    m.aborted = on_aborted;
    m.ended = on_ended;
}

static void up(void)
{
    struct fail f;
    fail_init(&f);
    fake_init(&db);
    returned = aborted = ended = closed = 0;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(loop_init(&loops[i]), ERR_OK);
    }
    ck_assert_int_eq(driver_fake.open(&db.target, &conn, &f), ERR_OK);
    ck_assert_int_eq(driver_fake.attach(conn, &loops[OWNER], NULL, &f), ERR_OK);
    lend();
}

static void down(void)
{
    if (aborted == 0) {
        driver_fake.close(conn, on_closed, NULL);
    }
    UNTIL(closed == 1);
    for (int i = 0; i < 2; i++) {
        loop_stop(&loops[i]);
        loop_run(&loops[i]);
        loop_fini(&loops[i]);
    }
    fake_fini(&db);
}

static void on_done(struct run *r)
{
    struct probe *p = (struct probe *)r;
    ck_assert_ptr_null(m.base.running);
    p->done++;
}

static enum sink_verdict on_row(struct row_sink *s, const struct value *cells, struct fail *f)
{
    struct probe *p = (struct probe *)(void *)((char *)s - offsetof(struct probe, sink));
    (void)f;
    ck_assert_int_eq(cells[0].num, p->rows);
    p->rows++;
    return p->full_at != 0 && p->rows % p->full_at == 0 ? SINK_FULL : SINK_MORE;
}

static bool on_flush(struct run *r)
{
    struct probe *p = (struct probe *)r;
    p->flushes++;
    return p->flush_answer;
}

static void start(struct probe *p)
{
    static const struct column_info columns[1];
    static const struct statement stmt = {
        .sql = {"select", 6}, .columns = columns, .column_count = 1, .read_only = true};
    fail_init(&p->fail);
    p->sink.row = on_row;
    p->run = (struct run){.stmt = &stmt,
                          .sets = 1,
                          .sink = &p->sink,
                          .flush = on_flush,
                          .done = on_done,
                          .fail = &p->fail};
    m.base.driver->run(&m.base, &p->run);
    ck_assert_int_eq(p->done, 0); /* never from within the call */
}

static enum err run(struct probe *p)
{
    start(p);
    UNTIL(p->done == 1);
    return p->run.err;
}

START_TEST(runs_go_there_and_come_back)
{
    fake_always(&db, FAKE_RUN, (struct fake_reply){.rows = 3});
    for (int i = 0; i < 3; i++) {
        struct probe p = {0};
        ck_assert_int_eq(run(&p), ERR_OK);
        ck_assert_int_eq(p.rows, 3);
        ck_assert_uint_eq(p.run.rowcount, 3);
        ck_assert_uint_ge(p.run.ended_ns, p.run.started_ns);
    }
    fake_once(&db, FAKE_RUN,
              (struct fake_reply){.act = FAKE_FAIL, .err = ERR_DIVISION_BY_ZERO});
    struct probe p = {0};
    ck_assert_int_eq(run(&p), ERR_DIVISION_BY_ZERO);
    ck_assert_int_eq(p.fail.code, ERR_DIVISION_BY_ZERO);
    ck_assert(db_conn_clean(&m.base));
    remote_return(&m);
    UNTIL(returned == 1);
    ck_assert_int_eq(ended, 0);
}
END_TEST

START_TEST(transaction_state_is_the_sessions)
{
    fake_once(&db, FAKE_RUN, (struct fake_reply){.tx_after = DB_TX_OPEN});
    fake_once(&db, FAKE_RUN, (struct fake_reply){.tx_after = DB_TX_FAILED});
    fake_once(&db, FAKE_RUN, (struct fake_reply){.tx_after = DB_TX_NONE});
    static const enum db_tx want[] = {DB_TX_OPEN, DB_TX_FAILED, DB_TX_NONE};
    for (int i = 0; i < 3; i++) {
        struct probe p = {0};
        ck_assert_int_eq(run(&p), ERR_OK);
        ck_assert_int_eq(m.base.tx, want[i]);
        ck_assert_int_eq(conn->tx, want[i]);
        ck_assert(db_conn_clean(&m.base) == (want[i] == DB_TX_NONE));
    }
}
END_TEST

START_TEST(full_sink_pauses_the_session_until_resume)
{
    fake_always(&db, FAKE_RUN, (struct fake_reply){.rows = 10});
    struct probe p = {.full_at = 4};
    start(&p);
    UNTIL(p.flushes == 1);
    for (int i = 0; i < 20; i++) {
        turn();
    }
    ck_assert_int_eq(p.rows, 4);
    m.base.driver->resume(&m.base);
    m.base.driver->resume(&m.base); /* once is enough */
    UNTIL(p.flushes == 2);
    ck_assert_int_eq(p.rows, 8);
    m.base.driver->resume(&m.base);
    UNTIL(p.done == 1);
    ck_assert_int_eq(p.rows, 10);

    struct probe flows = {.full_at = 4, .flush_answer = true};
    ck_assert_int_eq(run(&flows), ERR_OK);
    ck_assert_int_eq(flows.rows, 10);
    ck_assert_int_eq(flows.flushes, 2);
}
END_TEST

START_TEST(cancel_ends_a_run_and_a_paused_one)
{
    fake_once(&db, FAKE_RUN, (struct fake_reply){.act = FAKE_HANG});
    struct probe p = {0};
    start(&p);
    for (int i = 0; i < 5; i++) {
        turn();
    }
    m.base.driver->cancel(&m.base);
    m.base.driver->cancel(&m.base);
    UNTIL(p.done == 1);
    ck_assert_int_eq(p.run.err, ERR_CANCELLED);
    ck_assert_int_eq(GET(db.cancels), 1);

    fake_once(&db, FAKE_RUN, (struct fake_reply){.rows = 10});
    struct probe paused = {.full_at = 4};
    start(&paused);
    UNTIL(paused.flushes == 1);
    m.base.driver->cancel(&m.base);
    m.base.driver->resume(&m.base); /* too late: the sink is left alone */
    UNTIL(paused.done == 1);
    ck_assert_int_eq(paused.run.err, ERR_CANCELLED);
    ck_assert_int_eq(paused.rows, 4);
}
END_TEST

/* The owner learns of the cancel of one run only after the next was asked for. */
START_TEST(late_cancel_never_hits_the_next_run)
{
    for (int i = 0; i < 50; i++) {
        struct probe p = {0}, next = {0};
        start(&p);
        while (p.run.err == ERR_OK && p.done == 0) {
            turn_one(OWNER); /* it is through there … */
            if (conn->running == NULL) {
                m.base.driver->cancel(&m.base); /* … and nobody knows here */
                turn_one(BORROWER);
            }
        }
        ck_assert_int_eq(p.done, 1);
        ck_assert_int_eq(p.run.err, ERR_OK);
        fake_once(&db, FAKE_RUN, (struct fake_reply){.delay_ms = 1});
        ck_assert_int_eq(run(&next), ERR_OK);
    }
    ck_assert_int_eq(GET(db.cancels), 0);
}
END_TEST

START_TEST(cancel_that_waits_at_the_owner_dies_with_the_return)
{
    struct probe p = {0};
    start(&p);
    turn_one(OWNER);
    turn_one(OWNER);
    m.base.driver->cancel(&m.base);
    while (p.done == 0) {
        turn_one(BORROWER);
        turn_one(OWNER);
    }
    remote_return(&m);
    UNTIL(returned == 1);
    ck_assert_ptr_null(conn->running);
}
END_TEST

START_TEST(session_that_breaks_is_broken_here_too)
{
    fake_once(&db, FAKE_RUN, (struct fake_reply){.act = FAKE_BREAK});
    struct probe p = {0};
    ck_assert_int_eq(run(&p), ERR_CONNECTION_LOST);
    ck_assert(m.base.broken);
    ck_assert(!db_conn_clean(&m.base));
    remote_return(&m);
    UNTIL(returned == 1);
    ck_assert(conn->broken);
}
END_TEST

START_TEST(abort_ends_a_run_that_hears_nothing)
{
    fake_once(&db, FAKE_RUN, (struct fake_reply){.act = FAKE_DEAF});
    struct probe p = {0};
    start(&p);
    for (int i = 0; i < 5; i++) {
        turn();
    }
    remote_abort(&m);
    ck_assert_int_eq(p.done, 0);
    UNTIL(ended == 1);
    ck_assert_int_eq(p.done, 1); /* before */
    ck_assert_int_eq(p.run.err, ERR_CONNECTION_LOST);
    ck_assert_int_eq(aborted, 1);
    ck_assert_int_eq(returned, 0);
}
END_TEST

START_TEST(abort_without_a_run_and_right_after_a_start)
{
    if (_i == 0) {
        remote_abort(&m);
        UNTIL(ended == 1);
        ck_assert_int_eq(aborted, 1);
        return;
    }
    fake_once(&db, FAKE_RUN, (struct fake_reply){.act = FAKE_DEAF});
    struct probe p = {0};
    start(&p);
    remote_abort(&m); /* both are in one message */
    UNTIL(ended == 1);
    ck_assert_int_eq(p.done, 1);
}
END_TEST

START_TEST(abort_that_crosses_the_outcome_gives_the_outcome)
{
    struct probe p = {0};
    start(&p);
    while (conn->running != NULL || GET(db.calls[FAKE_RUN]) == 0) {
        turn_one(OWNER);
    }
    remote_abort(&m);
    UNTIL(ended == 1);
    ck_assert_int_eq(p.done, 1);
    ck_assert_int_eq(p.run.err, ERR_OK);
    ck_assert(m.base.broken);
}
END_TEST

START_TEST(ping_and_reset_go_there_too)
{
    struct probe p = {0};
    fail_init(&p.fail);
    p.run = (struct run){.done = on_done, .fail = &p.fail};
    m.base.driver->ping(&m.base, &p.run);
    UNTIL(p.done == 1);
    m.base.driver->reset(&m.base, &p.run);
    UNTIL(p.done == 2);
    ck_assert_int_eq(GET(db.calls[FAKE_PING]), 1);
    ck_assert_int_eq(GET(db.calls[FAKE_RESET]), 1);
    ck_assert_ptr_eq(remote_of(&m.base), &m);
    ck_assert_ptr_null(remote_of(conn));
    ck_assert_str_eq(m.base.driver->name, "fake");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("remote");
    TCase *t = tcase_create("remote");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, runs_go_there_and_come_back);
    tcase_add_test(t, transaction_state_is_the_sessions);
    tcase_add_test(t, full_sink_pauses_the_session_until_resume);
    tcase_add_test(t, cancel_ends_a_run_and_a_paused_one);
    tcase_add_test(t, late_cancel_never_hits_the_next_run);
    tcase_add_test(t, cancel_that_waits_at_the_owner_dies_with_the_return);
    tcase_add_test(t, session_that_breaks_is_broken_here_too);
    tcase_add_test(t, abort_ends_a_run_that_hears_nothing);
    tcase_add_loop_test(t, abort_without_a_run_and_right_after_a_start, 0, 2);
    tcase_add_test(t, abort_that_crosses_the_outcome_gives_the_outcome);
    tcase_add_test(t, ping_and_reset_go_there_too);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
