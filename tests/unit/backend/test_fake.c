/* SPDX-License-Identifier: MIT
 *
 * Tests of backend/fake.c: the scripted driver keeps the contract of driver.h.
 */
#include "backend/fake.h"
#include "base/clock.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS ((uint64_t)1000000)
#define GET(x) ((int64_t)atomic_load(&(x)))

static struct fake_db db;
static struct loop loop;
static struct db_conn *conn;
static int closed, idle_broke;

struct probe {
    struct run run; /* first */
    struct fail fail;
    struct row_sink sink;
    int done, rows, flushes;
    int full_at;       /* the sink is full after so many rows, 0: never */
    int enough_at;     /* … or has enough */
    int fail_at;       /* … or fails */
    bool flush_answer; /* of flush */
};

static void turn(void)
{
    loop.now_ns = clock_now_ns();
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    usleep(50);
}

#define UNTIL(cond)                                                                            \
    do {                                                                                       \
        uint64_t end_ns_ = clock_now_ns() + 5000 * MS;                                         \
        while (!(cond)) {                                                                      \
            ck_assert_msg(clock_now_ns() < end_ns_, "never came: %s", #cond);                  \
            turn();                                                                            \
        }                                                                                      \
    } while (0)

static void on_idle_broke(struct db_conn *c, void *arg)
{
    ck_assert_ptr_eq(c, conn);
    ck_assert_ptr_eq(arg, &idle_broke);
    idle_broke++;
}

static void on_closed(struct db_conn *c, void *arg)
{
    ck_assert_ptr_eq(arg, &closed);
    ck_assert_ptr_null(c->running);
    closed++;
}

static void open_one(void)
{
    struct fail f;
    fail_init(&f);
    ck_assert_int_eq(driver_fake.open(&db.target, &conn, &f), ERR_OK);
    ck_assert_int_eq(driver_fake.attach(conn, &loop, NULL, &f), ERR_OK);
    conn->on_idle_broke = on_idle_broke;
    conn->pool_arg = &idle_broke;
}

static void close_one(void)
{
    int before = closed;
    driver_fake.close(conn, on_closed, &closed);
    ck_assert_int_eq(closed, before);
    conn = NULL;
    UNTIL(closed > before);
}

static void up(void)
{
    fake_init(&db);
    ck_assert_int_eq(loop_init(&loop), ERR_OK);
    closed = idle_broke = 0;
    open_one();
}

static void down(void)
{
    if (conn != NULL) {
        close_one();
    }
    loop_stop(&loop);
    loop_run(&loop);
    loop_fini(&loop);
    fake_fini(&db);
}

static void on_done(struct run *r)
{
    struct probe *p = (struct probe *)r;
    p->done++;
    if (conn != NULL) {
        ck_assert_ptr_null(conn->running);
    }
}

static enum sink_verdict on_row(struct row_sink *s, const struct value *cells, struct fail *f)
{
    struct probe *p = (struct probe *)(void *)((char *)s - offsetof(struct probe, sink));
    ck_assert_int_eq(cells[1].num, p->rows);
    p->rows++;
    if (p->rows == p->fail_at) {
        fail_set(f, ERR_TOO_MANY_ROWS, "enough");
        return SINK_FAILED;
    }
    return p->rows == p->enough_at                        ? SINK_ENOUGH
           : p->full_at != 0 && p->rows % p->full_at == 0 ? SINK_FULL
                                                          : SINK_MORE;
}

static bool on_flush(struct run *r)
{
    struct probe *p = (struct probe *)r;
    p->flushes++;
    return p->flush_answer;
}

static void start(struct probe *p)
{
    static const struct statement two_columns = {.column_count = 2};
    p->run = (struct run){.stmt = &two_columns,
                          .sets = 1,
                          .sink = &p->sink,
                          .flush = on_flush,
                          .done = on_done,
                          .fail = &p->fail};
    p->sink.row = on_row;
    fail_init(&p->fail);
    driver_fake.run(conn, &p->run);
    ck_assert_int_eq(p->done, 0);
    ck_assert_int_eq(p->rows, 0);
}

static void finish(struct probe *p, enum err e)
{
    UNTIL(p->done > 0);
    turn();
    ck_assert_int_eq(p->done, 1);
    ck_assert_int_eq(p->run.err, e);
}

START_TEST(rows_come_in_order_and_done_once)
{
    struct probe p = {0};
    fake_once(&db, FAKE_RUN, (struct fake_reply){.rows = 5});
    start(&p);
    finish(&p, ERR_OK);
    ck_assert_int_eq(p.rows, 5);
    ck_assert_uint_eq(p.run.rowcount, 5);
    ck_assert_uint_ge(p.run.ended_ns, p.run.started_ns);
}
END_TEST

START_TEST(delay_is_kept)
{
    struct probe p = {0};
    fake_once(&db, FAKE_RUN, (struct fake_reply){.delay_ms = 20});
    uint64_t from_ns = clock_now_ns();
    start(&p);
    finish(&p, ERR_OK);
    ck_assert_uint_ge(clock_now_ns() - from_ns, 20 * MS);
}
END_TEST

START_TEST(full_sink_pauses_until_resume)
{
    struct probe p = {.full_at = 2};
    fake_once(&db, FAKE_RUN, (struct fake_reply){.rows = 5});
    start(&p);
    UNTIL(p.flushes == 1);
    for (int i = 0; i < 5; i++) {
        turn();
    }
    ck_assert_int_eq(p.rows, 2);
    driver_fake.resume(conn);
    ck_assert_int_eq(p.rows, 2);
    UNTIL(p.flushes == 2);
    driver_fake.resume(conn);
    finish(&p, ERR_OK);
    ck_assert_int_eq(p.rows, 5);
}
END_TEST

START_TEST(full_sink_that_is_flushed_goes_on)
{
    struct probe p = {.full_at = 2, .flush_answer = true};
    fake_once(&db, FAKE_RUN, (struct fake_reply){.rows = 6});
    start(&p);
    finish(&p, ERR_OK);
    ck_assert_int_eq(p.rows, 6);
    ck_assert_int_eq(p.flushes, 3);
}
END_TEST

START_TEST(enough_is_success_and_failed_is_the_sinks_error)
{
    struct probe p = {.enough_at = 3}, q = {.fail_at = 2};
    fake_always(&db, FAKE_RUN, (struct fake_reply){.rows = 9});
    start(&p);
    finish(&p, ERR_OK);
    ck_assert_int_eq(p.rows, 3);
    start(&q);
    finish(&q, ERR_TOO_MANY_ROWS);
    ck_assert_int_eq(q.rows, 2);
}
END_TEST

START_TEST(failure_leaves_the_session_alive)
{
    struct probe p = {0}, q = {0};
    fake_once(
        &db, FAKE_RUN,
        (struct fake_reply){.act = FAKE_FAIL, .err = ERR_UNIQUE_VIOLATION, .message = "twice"});
    start(&p);
    finish(&p, ERR_UNIQUE_VIOLATION);
    ck_assert_str_eq(p.fail.message, "twice");
    ck_assert(!conn->broken);
    start(&q);
    finish(&q, ERR_OK);
}
END_TEST

START_TEST(break_ends_the_session)
{
    struct probe p = {0};
    fake_once(&db, FAKE_RUN, (struct fake_reply){.act = FAKE_BREAK});
    start(&p);
    finish(&p, ERR_CONNECTION_LOST);
    ck_assert(conn->broken);
    ck_assert(p.run.maybe_executed);
    ck_assert(!db_conn_clean(conn));
}
END_TEST

START_TEST(cancel_ends_a_hanging_run_later)
{
    struct probe p = {0}, q = {0};
    driver_fake.cancel(conn); /* idle: nothing */
    fake_once(&db, FAKE_RUN, (struct fake_reply){.act = FAKE_HANG});
    start(&p);
    turn();
    driver_fake.cancel(conn);
    driver_fake.cancel(conn);
    ck_assert_int_eq(p.done, 0);
    finish(&p, ERR_CANCELLED);
    ck_assert_int_eq(GET(db.cancels), 1);
    start(&q);
    finish(&q, ERR_OK);
}
END_TEST

START_TEST(cancel_ends_a_paused_run)
{
    struct probe p = {.full_at = 1};
    fake_once(&db, FAKE_RUN, (struct fake_reply){.rows = 9});
    start(&p);
    UNTIL(p.flushes == 1);
    driver_fake.cancel(conn);
    driver_fake.resume(conn);
    finish(&p, ERR_CANCELLED);
    ck_assert_int_eq(p.rows, 1);
}
END_TEST

START_TEST(close_ends_whatever_runs_first)
{
    static const enum fake_act acts[] = {FAKE_HANG, FAKE_OK, FAKE_FAIL};
    for (size_t i = 0; i < 3; i++) {
        struct probe p = {0};
        fake_once(&db, FAKE_RUN,
                  (struct fake_reply){.act = acts[i], .delay_ms = i == 1 ? 50 : 0});
        start(&p);
        driver_fake.close(conn, on_closed, &closed);
        ck_assert_int_eq(p.done, 0);
        conn = NULL;
        finish(&p, ERR_CONNECTION_LOST);
        UNTIL(closed == (int)i + 1);
        open_one();
    }
    ck_assert_int_eq(GET(db.sessions), 1);
    ck_assert_int_eq(GET(db.running), 0);
}
END_TEST

START_TEST(reset_clears_the_transaction_and_ping_does_not)
{
    struct probe p = {0}, q = {0}, r = {0};
    fake_once(&db, FAKE_RUN, (struct fake_reply){.tx_after = DB_TX_OPEN});
    start(&p);
    finish(&p, ERR_OK);
    ck_assert_int_eq(conn->tx, DB_TX_OPEN);
    q.run = (struct run){.done = on_done, .fail = &q.fail};
    driver_fake.ping(conn, &q.run);
    finish(&q, ERR_OK);
    ck_assert_int_eq(conn->tx, DB_TX_OPEN);
    r.run = (struct run){.done = on_done, .fail = &r.fail};
    driver_fake.reset(conn, &r.run);
    finish(&r, ERR_OK);
    ck_assert(db_conn_clean(conn));
}
END_TEST

START_TEST(idle_break_is_told_to_the_owner)
{
    struct probe p = {0};
    fake_once(&db, FAKE_RUN, (struct fake_reply){.act = FAKE_BREAK_IDLE});
    start(&p);
    finish(&p, ERR_OK);
    UNTIL(idle_broke == 1);
    ck_assert(conn->broken && conn->idle_broke);
}
END_TEST

START_TEST(killed_session_is_found_out_by_its_next_user)
{
    struct probe p = {0};
    fake_kill_all(&db);
    turn();
    ck_assert(!conn->broken);
    p.run = (struct run){.done = on_done, .fail = &p.fail};
    fail_init(&p.fail);
    driver_fake.ping(conn, &p.run);
    finish(&p, ERR_CONNECTION_LOST);
    close_one();
    open_one(); /* a new one lives */
    struct probe q = {0};
    start(&q);
    finish(&q, ERR_OK);
}
END_TEST

START_TEST(open_fails_in_the_scripts_words)
{
    struct fail f;
    fail_init(&f);
    struct db_conn *none = NULL;
    fake_once(&db, FAKE_OPEN, (struct fake_reply){.act = FAKE_FAIL, .message = "no such host"});
    ck_assert_int_eq(driver_fake.open(&db.target, &none, &f), ERR_CONNECTION_FAILED);
    ck_assert_str_eq(f.message, "no such host");
    ck_assert_int_eq(GET(db.open_failed), 1);
    ck_assert_int_eq(GET(db.sessions), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("backend/fake");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, rows_come_in_order_and_done_once);
    tcase_add_test(t, delay_is_kept);
    tcase_add_test(t, full_sink_pauses_until_resume);
    tcase_add_test(t, full_sink_that_is_flushed_goes_on);
    tcase_add_test(t, enough_is_success_and_failed_is_the_sinks_error);
    tcase_add_test(t, failure_leaves_the_session_alive);
    tcase_add_test(t, break_ends_the_session);
    tcase_add_test(t, cancel_ends_a_hanging_run_later);
    tcase_add_test(t, cancel_ends_a_paused_run);
    tcase_add_test(t, close_ends_whatever_runs_first);
    tcase_add_test(t, reset_clears_the_transaction_and_ping_does_not);
    tcase_add_test(t, idle_break_is_told_to_the_owner);
    tcase_add_test(t, killed_session_is_found_out_by_its_next_user);
    tcase_add_test(t, open_fails_in_the_scripts_words);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
