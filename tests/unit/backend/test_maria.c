/* SPDX-License-Identifier: MIT
 *
 * test_maria.c: runs on a MariaDB server: streams, cancels, closes, resets, and servers
 * that die.
 */
#include "maria_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- streams and ends ------------------------------------------------------ */

#define NUMBERS(n) "select seq, 'some text to give the row a body' from seq_1_to_" n

static void wait_sem(sem_t *s)
{
    while (sem_wait(s) != 0) {
    }
}

START_TEST(a_million_rows_with_pauses_need_little_memory)
{
    struct exec e;
    exec_init(&e, NUMBERS("1000000"), 2);
    e.manner = EXEC_COUNT;
    e.full_every = 1000;
    e.pause = true;
    uint64_t before = rig_rss_bytes();
    exec_start(&rig, conn, &e, RIG_RUN);
    for (int i = 0; i < 1000; i++) {
        exec_wait_for(&e, &e.paused);
        exec_resume(&e);
    }
    ck_assert_int_eq(exec_wait(&e), ERR_OK);
    ck_assert_uint_eq(e.rows, 1000000);
    ck_assert_uint_eq(e.run.rowcount, 1000000);
    ck_assert_uint_eq(atomic_load(&e.flushes), 1000);
    ck_assert(!rig_memory_tells() || rig_rss_bytes() < before + (8u << 20));
    exec_fini(&e);
}
END_TEST

START_TEST(the_sink_may_have_enough)
{
    for (int i = 0; i < 4; i++) {
        struct exec e;
        exec_init(&e, i < 2 ? NUMBERS("1000000000") : NUMBERS("100"), 2);
        e.stmt.read_only = i < 2;
        e.stmt.id = 1 + (uint64_t)(i / 2);
        if (i % 2 == 0) {
            e.enough_after = 3;
        } else {
            e.fail_after = 3;
        }
        ck_assert_int_eq(exec_run(&rig, conn, &e), i % 2 == 0 ? ERR_OK : ERR_TOO_MANY_ROWS);
        ck_assert_uint_eq(e.rows, 3);
        exec_fini(&e);
        rows_are(conn, "select 1", 1, "1\n");
    }
}
END_TEST

START_TEST(a_write_counts_the_rows_that_nobody_wants)
{
    struct exec e;
    must("create table t (a int)");
    exec_init(&e, "insert into t values (1), (2), (3) returning a", 1);
    e.enough_after = 1;
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
    ck_assert_uint_eq(e.run.rowcount, 3);
    exec_fini(&e);
    rows_are(conn, "select count(*) from t", 1, "3\n");
}
END_TEST

START_TEST(a_running_statement_can_be_cancelled)
{
    static const char *const texts[] = {"select sleep(30)",
                                        "select sum(seq % 7) from seq_1_to_2000000000",
                                        "insert into t select seq from seq_1_to_2000000000"};
    must("create table t (a bigint)");
    for (uint32_t i = 0; i < 3; i++) {
        struct exec e;
        exec_init(&e, texts[i], i < 2 ? 1 : 0);
        exec_start(&rig, conn, &e, RIG_RUN);
        exec_cancel(&e);
        exec_cancel(&e);
        enum err rc = exec_wait(&e);
        ck_assert_msg(rc == ERR_CANCELLED, "%s: %s", texts[i], err_wire(rc));
        exec_fini(&e);
        rows_are(conn, "select count(*) from t", 1, "0\n");
    }
}
END_TEST

START_TEST(a_paused_statement_can_be_cancelled)
{
    struct exec e;
    exec_init(&e, NUMBERS("1000000000"), 2);
    e.stmt.read_only = true;
    e.full_every = 10;
    e.pause = true;
    exec_start(&rig, conn, &e, RIG_RUN);
    exec_wait_for(&e, &e.paused);
    exec_cancel(&e);
    ck_assert_int_eq(exec_wait(&e), ERR_CANCELLED);
    ck_assert_uint_eq(e.rows, 10);
    exec_fini(&e);
    exec_cancel(&(struct exec){.conn = conn, .rig = &rig}); /* idle: nothing */
    rows_are(conn, "select 1", 1, "1\n");
}
END_TEST

/* Its rows come when it has been committed: to say "cancelled" would be a lie. */
START_TEST(a_write_that_won_is_no_cancelled_one)
{
    must("create table t (a int)");
    struct exec e;
    exec_init(&e, "insert into t values (1), (2), (3) returning a", 1);
    e.full_every = 1;
    e.pause = true;
    exec_start(&rig, conn, &e, RIG_RUN);
    exec_wait_for(&e, &e.paused);
    exec_cancel(&e);
    ck_assert_int_eq(exec_wait(&e), ERR_OK);
    text_is(&e, "1\n2\n3\n");
    exec_fini(&e);
    rows_are(conn, "select count(*) from t", 1, "3\n");
}
END_TEST

/* A cancel that comes at any moment of a short run never ends the next one. */
START_TEST(a_late_cancel_never_hits_the_next_run)
{
    int cancelled = 0;
    for (int i = 0; i < 300; i++) {
        struct exec e, next;
        exec_init(&e,
                  i % 3 == 0   ? "select 1"
                  : i % 3 == 1 ? NUMBERS("3000")
                               : "select 1 where sleep(0.002) = 0",
                  i % 3 == 1 ? 2 : 1);
        e.stmt.id = 1 + (uint64_t)(i % 3);
        if (i % 100 == 50) { /* on a slow machine no other one is caught in time */
            exec_fini(&e);
            exec_init(&e, "select sleep(30), 1", 2);
        }
        exec_start(&rig, conn, &e, RIG_RUN);
        exec_cancel(&e);
        enum err rc = exec_wait(&e);
        ck_assert_msg(rc == ERR_OK || rc == ERR_CANCELLED, "%d: %s: %s", i, err_wire(rc),
                      e.fail.message);
        cancelled += rc == ERR_CANCELLED;
        exec_fini(&e);
        exec_init(&next, "select 1 where sleep(0.001) = 0", 1);
        enum err after = exec_run(&rig, conn, &next);
        ck_assert_msg(after == ERR_OK, "%d: %s", i, next.fail.message);
        ck_assert_uint_eq(next.rows, 1); /* a killed sleep gives 1, and so no row */
        exec_fini(&next);
    }
    ck_assert_int_gt(cancelled, 0);
}
END_TEST

START_TEST(closing_ends_a_run_first)
{
    for (int i = 0; i < 3; i++) {
        struct exec e;
        exec_init(&e, i == 0 ? "select sleep(30), 1" : NUMBERS("1000000000"), 2);
        e.manner = EXEC_COUNT;
        e.full_every = i == 2 ? 5 : 0;
        e.pause = true;
        e.stmt.id = (uint64_t)i;
        exec_start(&rig, conn, &e, RIG_RUN);
        if (i > 0) {
            exec_wait_for(&e, i == 1 ? &e.first_row : &e.paused);
        }
        rig_close(&rig, conn);
        ck_assert_int_eq(exec_wait(&e), ERR_CONNECTION_LOST);
        exec_fini(&e);
        conn = open_conn(&target);
    }
}
END_TEST

START_TEST(a_rollback_ends_the_transaction_and_no_more)
{
    struct exec e;
    must("create table t (a int)");
    must("create temporary table tt (a int)");
    must("set @x = 5");
    exec_init(&e, "select ?", 1);
    e.stmt.id = 3;
    exec_param(&e, TYPE_TEXT, v_text("x"));
    runs(conn, &e);
    exec_fini(&e);
    must("begin");
    must("insert into t values (1)");
    ck_assert(!db_conn_clean(conn));
    ck_assert_int_eq(rig_rollback(&rig, conn), ERR_OK);
    ck_assert(db_conn_clean(conn));
    rows_are(conn, "select count(*) from t", 1, "0\n");
    rows_are(conn, "select count(*), @x from tt", 2, "0|5\n");
    exec_init(&e, "select ?", 1);
    e.stmt.id = 3;
    exec_param(&e, TYPE_TEXT, v_text("y"));
    runs(conn, &e);
    text_is(&e, "'y'\n");
    exec_fini(&e);
}
END_TEST

START_TEST(a_reset_leaves_nothing_behind)
{
    struct exec e;
    must("create table t (a int)");
    must("create temporary table tt (a int)");
    must("set time_zone = '+05:00', names latin1");
    must("set @x = 5");
    must("begin");
    must("insert into t values (1)");
    exec_init(&e, "select ?", 1);
    e.stmt.id = 3;
    exec_param(&e, TYPE_TEXT, v_text("x"));
    runs(conn, &e);
    exec_fini(&e);
    exec_init(&e, "", 0);
    exec_start(&rig, conn, &e, RIG_PING);
    ck_assert_int_eq(exec_wait(&e), ERR_OK);
    exec_fini(&e);
    ck_assert(!db_conn_clean(conn));
    exec_init(&e, "", 0);
    exec_start(&rig, conn, &e, RIG_RESET);
    ck_assert_int_eq(exec_wait(&e), ERR_OK);
    exec_fini(&e);
    ck_assert(db_conn_clean(conn));
    rows_are(conn, "select @@time_zone, @@character_set_client, @x", 3,
             "'+00:00'|'utf8mb4'|null\n");
    rows_are(conn, "select count(*) from t", 1, "0\n");
    ck_assert_int_eq(rig_do(&rig, conn, "select * from tt"), ERR_UNKNOWN_TABLE);
    exec_init(&e, "select ?", 1);
    e.stmt.id = 3;
    exec_param(&e, TYPE_TEXT, v_text("Zo\xc3\xab"));
    runs(conn, &e);
    text_is(&e, "'Zo\xc3\xab'\n");
    exec_fini(&e);
}
END_TEST

/* -- servers that die ------------------------------------------------------ */

static sem_t broke;

static void on_idle_broke(struct db_conn *c, void *arg)
{
    (void)c;
    (void)arg;
    sem_post(&broke);
}

START_TEST(a_killed_server_is_noticed)
{
    struct server own;
    struct db_target t;
    struct exec e;
    server_init(&own, SERVER_MARIA);
    target_of(&own, &t);
    sem_init(&broke, 0, 0);
    struct db_conn *running = open_conn(&t), *idle = open_conn(&t), *paused = open_conn(&t);
    idle->on_idle_broke = on_idle_broke;
    struct exec p;
    exec_init(&p, NUMBERS("1000000000"), 2);
    p.full_every = 10;
    p.pause = true;
    exec_start(&rig, paused, &p, RIG_RUN);
    exec_wait_for(&p, &p.paused);
    exec_init(&e, "select sleep(30)", 1);
    exec_start(&rig, running, &e, RIG_RUN);
    /* One that is sending: the library then closes its socket by itself. */
    size_t n = 60u << 20;
    char *big = malloc(n);
    memset(big, 'x', n);
    struct db_conn *sending = open_conn(&t);
    struct exec w;
    exec_init(&w, "select length(?)", 1);
    exec_param(&w, TYPE_TEXT, (struct value){.kind = VALUE_TEXT, .text = {big, n}});
    exec_start(&rig, sending, &w, RIG_RUN);
    server_kill(&own);
    enum err sent = exec_wait(&w);
    ck_assert(sent == ERR_CONNECTION_LOST || sent == ERR_OK);
    exec_fini(&w);
    rig_close(&rig, sending);
    free(big);
    ck_assert_int_eq(exec_wait(&e), ERR_CONNECTION_LOST);
    ck_assert(e.run.maybe_executed);
    ck_assert(running->broken);
    exec_fini(&e);
    wait_sem(&broke);
    ck_assert(idle->broken && idle->idle_broke);
    exec_init(&e, "select 1", 1);
    ck_assert_int_eq(exec_run(&rig, idle, &e), ERR_CONNECTION_LOST);
    ck_assert(!e.run.maybe_executed);
    exec_fini(&e);
    p.pause = false;
    exec_resume(&p);
    ck_assert_int_eq(exec_wait(&p), ERR_CONNECTION_LOST);
    exec_fini(&p);
    rig_close(&rig, running);
    rig_close(&rig, idle);
    rig_close(&rig, paused);
    server_start(&own);
    running = open_conn(&t);
    rows_are(running, "select 1", 1, "1\n");
    rig_close(&rig, running);
    server_fini(&own);
}
END_TEST

START_TEST(a_session_that_the_server_ends_is_noticed)
{
    struct db_conn *c = open_conn(&target);
    char sql[64];
    sem_init(&broke, 0, 0);
    c->on_idle_broke = on_idle_broke;
    ck_assert(!c->driver->spoke(c));
    ck_assert_uint_gt(c->sessions_max, 0);
    snprintf(sql, sizeof sql, "kill connection %llu", (unsigned long long)c->backend_id);
    must(sql);
    wait_sem(&broke);
    ck_assert(c->broken && c->driver->spoke(c));
    rig_close(&rig, c);
}
END_TEST

static void add_both(TCase *tc)
{
    tcase_add_test(tc, a_million_rows_with_pauses_need_little_memory);
    tcase_add_test(tc, the_sink_may_have_enough);
    tcase_add_test(tc, a_write_counts_the_rows_that_nobody_wants);
    tcase_add_test(tc, a_running_statement_can_be_cancelled);
    tcase_add_test(tc, a_paused_statement_can_be_cancelled);
    tcase_add_test(tc, a_write_that_won_is_no_cancelled_one);
    tcase_add_test(tc, a_late_cancel_never_hits_the_next_run);
    tcase_add_test(tc, closing_ends_a_run_first);
    tcase_add_test(tc, a_reset_leaves_nothing_behind);
    tcase_add_test(tc, a_rollback_ends_the_transaction_and_no_more);
    tcase_add_test(tc, a_session_that_the_server_ends_is_noticed);
}

static void add_once(TCase *tc)
{
    tcase_add_test(tc, a_killed_server_is_noticed);
}

int main(void)
{
    return maria_case_main("maria", add_both, add_once);
}
