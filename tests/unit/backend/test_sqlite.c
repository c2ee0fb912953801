/* SPDX-License-Identifier: MIT
 *
 * test_sqlite.c: runs on SQLite: bulk writes, streams, cancels, locks, closes, resets.
 */
#include "sqlite_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- bulk ------------------------------------------------------------------ */

enum { BULK = 10000 };

static void bulk(struct exec *e, struct value *values, const char *sql)
{
    exec_init(e, sql, 0);
    exec_param(e, TYPE_INTEGER, v_null());
    exec_param(e, TYPE_TEXT, v_null());
    for (int i = 0; i < BULK; i++) {
        values[2 * i] = v_int(i);
        values[2 * i + 1] = i % 3 == 0 ? v_null() : v_text("name");
    }
    e->run.params = values;
    e->run.sets = BULK;
}

START_TEST(many_sets_are_one_run)
{
    struct value *values = calloc(2 * BULK, sizeof *values);
    struct exec e;
    must("create table t (a integer primary key, b text)");
    bulk(&e, values, "insert into t values (?1, ?2)");
    must("begin");
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
    ck_assert_uint_eq(e.run.rowcount, BULK);
    exec_fini(&e);
    must("commit");
    rows_are(conn, "select count(*), count(b), max(a) from t", 3, "10000|6666|9999\n");
    bulk(&e, values, "insert into t values (?1 + 5000, ?2)");
    must("delete from t where a < 9000");
    must("begin");
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_UNIQUE_VIOLATION);
    exec_fini(&e);
    must("rollback");
    rows_are(conn, "select count(*) from t", 1, "1000\n");
    free(values);
}
END_TEST

START_TEST(many_sets_may_return_rows)
{
    struct value values[4] = {v_int(5), v_text("a"), v_int(6), v_text("b")};
    struct exec e;
    must("create table t (a integer primary key, b text)");
    exec_init(&e, "insert into t values (?1, ?2) returning a, b", 2);
    exec_param(&e, TYPE_INTEGER, v_null());
    exec_param(&e, TYPE_TEXT, v_null());
    e.run.params = values;
    e.run.sets = 2;
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
    ck_assert_uint_eq(e.run.rowcount, 2);
    buf_char(&e.text, '\0');
    must_eq(e.text.ptr, "5|'a'\n6|'b'\n");
    exec_fini(&e);
}
END_TEST

/* -- streams and ends ------------------------------------------------------ */

#define NUMBERS(n)                                                                             \
    "with recursive c(x) as (values (1) union all select x + 1 from c where x < " n            \
    ") select x, 'some text to give the row a body' from c"

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
    struct exec e;
    exec_init(&e, NUMBERS("1000000000"), 2);
    e.enough_after = 3;
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
    ck_assert_uint_eq(e.rows, 3);
    exec_fini(&e);
    exec_init(&e, NUMBERS("1000000000"), 2);
    e.fail_after = 3;
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_TOO_MANY_ROWS);
    exec_fini(&e);
    rows_are(conn, "select 1", 1, "1\n");
}
END_TEST

START_TEST(a_write_is_done_when_enough_rows_came_and_undone_when_the_sink_fails)
{
    struct exec e;
    must("create table t (a)");
    exec_init(&e, "insert into t values (1), (2), (3) returning a", 1);
    e.enough_after = 1;
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
    ck_assert_uint_eq(e.run.rowcount, 3);
    exec_fini(&e);
    rows_are(conn, "select count(*) from t", 1, "3\n");
    exec_init(&e, "insert into t values (1), (2), (3) returning a", 1);
    e.fail_after = 2;
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_TOO_MANY_ROWS);
    exec_fini(&e);
    rows_are(conn, "select count(*) from t", 1, "3\n");
}
END_TEST

START_TEST(a_running_statement_can_be_cancelled)
{
    struct exec e;
    exec_init(&e,
              "with recursive c(x) as (values (1) union all select x + 1 from c) "
              "select count(*) from c",
              1);
    exec_start(&rig, conn, &e, RIG_RUN);
    exec_cancel(&e);
    exec_cancel(&e);
    ck_assert_int_eq(exec_wait(&e), ERR_CANCELLED);
    exec_fini(&e);
    rows_are(conn, "select 1", 1, "1\n");
}
END_TEST

START_TEST(a_paused_statement_can_be_cancelled)
{
    struct exec e;
    exec_init(&e, NUMBERS("1000000"), 2);
    e.full_every = 10;
    e.pause = true;
    exec_start(&rig, conn, &e, RIG_RUN);
    exec_wait_for(&e, &e.paused);
    exec_cancel(&e);
    ck_assert_int_eq(exec_wait(&e), ERR_CANCELLED);
    ck_assert_uint_eq(e.rows, 10);
    exec_fini(&e);
    exec_init(&e, "", 0);
    exec_cancel(&(struct exec){.conn = conn, .rig = &rig}); /* idle: nothing */
    exec_fini(&e);
    rows_are(conn, "select 1", 1, "1\n");
}
END_TEST

START_TEST(a_cancelled_write_is_undone)
{
    struct exec e;
    must("create table t (a)");
    exec_init(&e, "insert into t values (1), (2), (3) returning a", 1);
    e.full_every = 1;
    e.pause = true;
    exec_start(&rig, conn, &e, RIG_RUN);
    exec_wait_for(&e, &e.paused);
    exec_cancel(&e);
    ck_assert_int_eq(exec_wait(&e), ERR_CANCELLED);
    exec_fini(&e);
    rows_are(conn, "select count(*) from t", 1, "0\n");
}
END_TEST

/* A cancel that comes at any moment of a short run never ends the next one. */
START_TEST(a_late_cancel_never_hits_the_next_run)
{
    int cancelled = 0;
    for (int i = 0; i < 1500; i++) {
        struct exec e, next;
        exec_init(&e, i % 2 == 0 ? "select 1" : NUMBERS("300"), i % 2 == 0 ? 1 : 2);
        exec_start(&rig, conn, &e, RIG_RUN);
        exec_cancel(&e);
        enum err rc = exec_wait(&e);
        ck_assert(rc == ERR_OK || rc == ERR_CANCELLED);
        cancelled += rc == ERR_CANCELLED;
        exec_fini(&e);
        exec_init(&next, NUMBERS("50"), 2);
        ck_assert_int_eq(exec_run(&rig, conn, &next), ERR_OK);
        ck_assert_uint_eq(next.rows, 50);
        exec_fini(&next);
    }
    ck_assert_int_gt(cancelled, 0);
}
END_TEST

START_TEST(a_lock_is_waited_for_only_so_long)
{
    struct db_option o = {STR("timeout"), STR("0.05")};
    struct db_target t = file_target;
    t.options = &o;
    t.option_count = 1;
    must("create table t (a)");
    struct db_conn *c = open_conn(&t);
    must("begin immediate");
    struct exec e;
    exec_init(&e, "insert into t values (1)", 0);
    ck_assert_int_eq(exec_run(&rig, c, &e), ERR_LOCK_TIMEOUT);
    ck_assert(err_retry(e.fail.code));
    exec_fini(&e);
    must("rollback");
    rig_must(&rig, c, "insert into t values (1)");
    rig_close(&rig, c);
}
END_TEST

START_TEST(waiting_for_a_lock_can_be_cancelled)
{
    must("create table t (a)");
    struct db_conn *c = open_conn(&file_target);
    must("begin immediate");
    struct exec e;
    exec_init(&e, "insert into t values (1)", 0);
    exec_start(&rig, c, &e, RIG_RUN);
    exec_cancel(&e);
    ck_assert_int_eq(exec_wait(&e), ERR_CANCELLED);
    exec_fini(&e);
    rig_close(&rig, c);
    must("rollback");
}
END_TEST

START_TEST(readers_go_on_beside_a_writer)
{
    must("create table t (a)");
    struct db_conn *c = open_conn(&file_target);
    must("begin immediate");
    must("insert into t values (1)");
    rows_are(c, "select count(*) from t", 1, "0\n");
    must("commit");
    rows_are(c, "select count(*) from t", 1, "1\n");
    rig_close(&rig, c);
}
END_TEST

START_TEST(a_read_that_wants_to_write_on_old_data_is_a_conflict)
{
    must("create table t (a)");
    struct db_conn *c = open_conn(&file_target);
    rig_must(&rig, c, "begin");
    rows_are(c, "select count(*) from t", 1, "0\n");
    must("insert into t values (1)");
    ck_assert_int_eq(rig_do(&rig, c, "insert into t values (2)"), ERR_SERIALIZATION_FAILURE);
    ck_assert_int_eq(c->tx, DB_TX_OPEN);
    rig_close(&rig, c);
}
END_TEST

START_TEST(closing_ends_a_run_first)
{
    for (int i = 0; i < 2; i++) {
        struct exec e;
        exec_init(&e, NUMBERS("1000000000"), 2);
        e.manner = EXEC_COUNT;
        e.full_every = i == 0 ? 0 : 5;
        e.pause = true;
        exec_start(&rig, conn, &e, RIG_RUN);
        exec_wait_for(&e, i == 0 ? &e.first_row : &e.paused);
        rig_close(&rig, conn);
        ck_assert_int_eq(exec_wait(&e), ERR_CONNECTION_LOST);
        exec_fini(&e);
        conn = open_conn(&file_target);
    }
}
END_TEST

START_TEST(a_reset_leaves_nothing_behind)
{
    must("create table t (a)");
    must("create temp table tt (a)");
    must("pragma foreign_keys = off");
    must("begin immediate");
    must("insert into t values (1)");
    struct exec e;
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
    rows_are(conn, "pragma foreign_keys", 1, "1\n");
    rows_are(conn, "select count(*) from t", 1, "0\n");
    ck_assert_int_eq(rig_do(&rig, conn, "select * from tt"), ERR_UNKNOWN_TABLE);
}
END_TEST

START_TEST(a_rollback_ends_the_transaction_and_no_more)
{
    must("create table t (a)");
    must("create temp table tt (a)");
    must("begin immediate");
    must("insert into t values (1)");
    ck_assert(!db_conn_clean(conn));
    ck_assert_int_eq(rig_rollback(&rig, conn), ERR_OK);
    ck_assert(db_conn_clean(conn));
    rows_are(conn, "select count(*) from t", 1, "0\n");
    rows_are(conn, "select count(*) from tt", 1, "0\n");
    ck_assert_int_eq(rig_rollback(&rig, conn), ERR_OK); /* none is open */
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, many_sets_are_one_run);
    tcase_add_test(tc, many_sets_may_return_rows);
    tcase_add_test(tc, a_million_rows_with_pauses_need_little_memory);
    tcase_add_test(tc, the_sink_may_have_enough);
    tcase_add_test(tc, a_write_is_done_when_enough_rows_came_and_undone_when_the_sink_fails);
    tcase_add_test(tc, a_running_statement_can_be_cancelled);
    tcase_add_test(tc, a_paused_statement_can_be_cancelled);
    tcase_add_test(tc, a_cancelled_write_is_undone);
    tcase_add_test(tc, a_late_cancel_never_hits_the_next_run);
    tcase_add_test(tc, a_lock_is_waited_for_only_so_long);
    tcase_add_test(tc, waiting_for_a_lock_can_be_cancelled);
    tcase_add_test(tc, readers_go_on_beside_a_writer);
    tcase_add_test(tc, a_read_that_wants_to_write_on_old_data_is_a_conflict);
    tcase_add_test(tc, closing_ends_a_run_first);
    tcase_add_test(tc, a_reset_leaves_nothing_behind);
    tcase_add_test(tc, a_rollback_ends_the_transaction_and_no_more);
}

int main(void)
{
    return sqlite_case_main("sqlite", add);
}
