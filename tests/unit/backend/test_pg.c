/* SPDX-License-Identifier: MIT
 *
 * Tests of backend/pg.c: cancelling, loss, closing.
 */
#include "backend/orphans.h"
#include "base/clock.h"
#include "pg_rig.h"

#include <stdio.h>
#include <unistd.h>

/* -- cancelling ------------------------------------------------------------ */

START_TEST(a_cancelled_statement_ends_at_once)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    driver_pg.cancel(g.conn); /* nothing to cancel */
    job_init(&j, "select 1 from pg_sleep(30)", 1);
    uint64_t before = clock_now_ns();
    job_start(&g, &j);
    driver_pg.cancel(g.conn);
    driver_pg.cancel(g.conn);
    job_wait(&g, &j);
    /* The first request often comes before the server has begun. */
    ck_assert_int_eq(j.run.err, ERR_CANCELLED);
    ck_assert_uint_lt(clock_now_ns() - before, 20000000000u);
    ck_assert(db_conn_clean(g.conn));
    job_fini(&j);
    expect_rows(&g, "select 1", 1, "1");
    rig_fini(&g);
}
END_TEST

START_TEST(a_late_cancel_never_hits_the_next_run)
{
    struct rig g;
    rig_init(&g);
    int cancelled = 0, won = 0;
    for (int i = 0; i < 400; i++) {
        struct job j;
        char sql[96];
        snprintf(sql, sizeof sql, "select count(*) from generate_series(1,%d)", i * 60);
        job_init(&j, sql, 1);
        job_start(&g, &j);
        for (int turn = 0; turn < i % 3; turn++) {
            uv_run(&g.loop.uv, UV_RUN_NOWAIT);
        }
        driver_pg.cancel(g.conn);
        job_wait(&g, &j);
        ck_assert(j.run.err == ERR_OK || j.run.err == ERR_CANCELLED);
        cancelled += j.run.err == ERR_CANCELLED;
        won += j.run.err == ERR_OK;
        ck_assert(db_conn_clean(g.conn));
        job_fini(&j);
        expect_rows(&g, "select 1 from pg_sleep(0.0002)", 1, "1");
    }
    ck_assert_int_eq(cancelled + won, 400);
    rig_fini(&g);
}
END_TEST

START_TEST(a_paused_run_can_be_cancelled)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    job_init(&j, "select generate_series(1,10000000) n", 1);
    j.silent = true;
    j.full_every = 100;
    j.pause = true;
    job_start(&g, &j);
    while (!j.paused) {
        loop_turn(&g.loop);
    }
    driver_pg.cancel(g.conn);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CANCELLED);
    ck_assert_uint_eq(j.rows, 100);
    ck_assert(db_conn_clean(g.conn));
    job_fini(&j);

    /* Everything is in the socket already: the rows are lost all the same. */
    job_init(&j, "select n from generate_series(1,200) n", 1);
    j.full_every = 100;
    j.pause = true;
    job_start(&g, &j);
    while (!j.paused) {
        loop_turn(&g.loop);
    }
    driver_pg.cancel(g.conn);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CANCELLED);
    job_fini(&j);
    expect_rows(&g, "select 1", 1, "1");
    rig_fini(&g);
}
END_TEST

/* -- loss ------------------------------------------------------------------ */

static void kill_backend(const struct db_conn *victim)
{
    struct rig g;
    char sql[64];
    rig_init(&g);
    snprintf(sql, sizeof sql, "select pg_terminate_backend(%d)", (int)victim->backend_id);
    expect_rows(&g, sql, 1, "true");
    rig_fini(&g);
}

static void note_idle_broke(struct db_conn *c, void *arg)
{
    ck_assert(c->broken && c->idle_broke);
    *(bool *)arg = true;
}

START_TEST(a_connection_that_breaks_while_idle_is_noticed)
{
    struct rig g;
    rig_init(&g);
    bool noticed = false;
    g.conn->on_idle_broke = note_idle_broke;
    g.conn->pool_arg = &noticed;
    kill_backend(g.conn);
    while (!noticed) {
        loop_turn(&g.loop);
    }
    ck_assert(!db_conn_clean(g.conn));
    struct job j;
    job_init(&j, "select 1", 1);
    job_run(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    ck_assert(!j.run.maybe_executed);
    job_fini(&j);
    job_init(&j, "", 0);
    driver_pg.ping(g.conn, &j.run);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(a_loss_under_way_says_that_it_may_have_been_executed)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    job_init(&j, "select 1 from pg_sleep(60)", 1);
    j.stmt.id = 3;
    job_start(&g, &j);
    kill_backend(g.conn);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    ck_assert(j.run.maybe_executed);
    ck_assert(g.conn->broken);
    ck_assert_int_eq(g.conn->tx, DB_TX_UNKNOWN);
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(who_connects_next_ends_what_was_left_behind)
{
    static struct orphans left;
    struct rig g, next;
    struct job j;
    rig_init(&g);
    g.target.orphans = &left;
    job_init(&j, "select 'left behind' from pg_sleep(600)", 1);
    job_start(&g, &j);
    for (int i = 0; i < 30; i++) { /* the server begins */
        uv_run(&g.loop.uv, UV_RUN_NOWAIT);
        usleep(10000);
    }
    close_conn(&g, g.conn);
    g.conn = NULL;
    ck_assert_int_eq(j.done, 1);
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    job_fini(&j);
    ck_assert_uint_eq(atomic_load(&left.count), 1);

    rig_init(&next);
    struct db_conn *c = open_conn(&g);
    ck_assert_uint_eq(atomic_load(&left.count), 0);
    expect_rows(&next,
                "select count(*) from pg_stat_activity where query like '%left behind%' "
                "and pid <> pg_backend_pid() and state = 'active'",
                1, "0");
    close_conn(&g, c);
    rig_fini(&next);
    rig_fini(&g);
}
END_TEST

START_TEST(a_ping_tells_whether_the_session_lives)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    exec(&g, "begin");
    for (int i = 0; i < 3; i++) {
        job_init(&j, "", 0);
        driver_pg.ping(g.conn, &j.run);
        job_wait(&g, &j);
        ck_assert_int_eq(j.run.err, ERR_OK);
        ck_assert_int_eq(g.conn->tx, DB_TX_OPEN);
        job_fini(&j);
    }
    kill_backend(g.conn);
    job_init(&j, "", 0);
    driver_pg.ping(g.conn, &j.run);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    ck_assert(!j.run.maybe_executed);
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(a_rollback_ends_the_transaction_and_no_more)
{
    struct rig g;
    rig_init(&g);
    exec(&g, "create temp table kept (a int)");
    exec(&g, "prepare of_mine as select 1");
    for (int failed = 0; failed < 2; failed++) {
        exec(&g, "begin");
        exec(&g, "insert into kept values (1)");
        if (failed) {
            expect_error(&g, "select 1/0", ERR_DIVISION_BY_ZERO);
        }
        ck_assert_int_eq(g.conn->tx, failed ? DB_TX_FAILED : DB_TX_OPEN);
        struct job j;
        job_init(&j, "", 0);
        driver_pg.rollback(g.conn, &j.run);
        job_wait(&g, &j);
        ck_assert_int_eq(j.run.err, ERR_OK);
        ck_assert(db_conn_clean(g.conn));
        job_fini(&j);
    }
    expect_rows(&g, "select count(*) from kept", 1, "0");
    expect_rows(&g, "select count(*) from pg_prepared_statements where name = 'of_mine'", 1,
                "1");
    exec(&g, "begin");
    kill_backend(g.conn);
    struct job j;
    job_init(&j, "", 0);
    driver_pg.rollback(g.conn, &j.run);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    ck_assert(!db_conn_clean(g.conn));
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(closing_ends_a_run_first)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    job_init(&j, "select 1 from pg_sleep(60)", 1);
    job_start(&g, &j);
    bool closed = false;
    driver_pg.close(g.conn, on_closed, &closed);
    ck_assert(!closed);
    ck_assert_int_eq(j.done, 0);
    while (!closed) {
        loop_turn(&g.loop);
        ck_assert(j.done == 1 || !closed);
    }
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    ck_assert(j.run.maybe_executed);
    job_fini(&j);
    /* While a cancel is on its way, and while paused. */
    for (int round = 0; round < 2; round++) {
        g.conn = open_conn(&g);
        job_init(&j, "select generate_series(1,100000000) n", 1);
        j.silent = true;
        j.full_every = 10;
        j.pause = round == 1;
        job_start(&g, &j);
        while (j.rows < 10) {
            loop_turn(&g.loop);
        }
        if (round == 0) {
            driver_pg.cancel(g.conn);
        }
        close_conn(&g, g.conn);
        ck_assert_int_eq(j.done, 1);
        job_fini(&j);
    }
    g.conn = NULL;
    rig_fini(&g);
}
END_TEST

START_TEST(a_server_that_is_killed_and_started_again)
{
    struct server own;
    struct rig g;
    struct job j;
    struct fail f;
    server_init(&own, SERVER_PG);
    rig_on(&g, &own);
    exec(&g, "create table kept (a int)");
    job_init(&j, "insert into kept select 1 from pg_sleep(60)", 0);
    job_start(&g, &j);
    struct db_conn *busy = g.conn;
    struct db_conn *idle = open_conn(&g);
    server_kill(&own);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    ck_assert(j.run.maybe_executed);
    while (!idle->idle_broke) {
        loop_turn(&g.loop);
    }
    ck_assert_int_eq(try_open(&g.target, &f), ERR_CONNECTION_FAILED);
    server_start(&own);
    close_conn(&g, busy);
    close_conn(&g, idle);
    g.conn = open_conn(&g);
    expect_rows(&g, "select count(*) from kept", 1, "0");
    job_fini(&j);
    rig_fini(&g);
    server_fini(&own);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("pg");
    tcase_add_test(tc, a_cancelled_statement_ends_at_once);
    tcase_add_test(tc, a_late_cancel_never_hits_the_next_run);
    tcase_add_test(tc, a_paused_run_can_be_cancelled);
    tcase_add_test(tc, a_connection_that_breaks_while_idle_is_noticed);
    tcase_add_test(tc, a_loss_under_way_says_that_it_may_have_been_executed);
    tcase_add_test(tc, who_connects_next_ends_what_was_left_behind);
    tcase_add_test(tc, a_ping_tells_whether_the_session_lives);
    tcase_add_test(tc, a_rollback_ends_the_transaction_and_no_more);
    tcase_add_test(tc, closing_ends_a_run_first);
    tcase_add_test(tc, a_server_that_is_killed_and_started_again);
    return pg_rig_main(tc);
}
