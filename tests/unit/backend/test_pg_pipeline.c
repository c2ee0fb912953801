/* SPDX-License-Identifier: MIT
 *
 * Tests of backend/pg_pipeline.c: many reads under way on one session of a real server, and
 * writes in one transaction.
 * Linked with --wrap=malloc, calloc and realloc.
 */
#include "backend/pipeline.h"
#include "pg_rig.h"
#include "tests/unit/fail_alloc.h"

#include <stdio.h>
#include <string.h>

enum { MANY = 100 };

static struct rig rig;
static struct job jobs[MANY];
static struct value keys[MANY];
static struct run whole;
static struct fail whole_fail;
static int whole_done;

static const struct pipeline *pipe_of(void)
{
    return driver_pg.pipeline;
}

static void on_whole(struct run *r)
{
    ck_assert_ptr_eq(r, &whole);
    whole_done++;
}

static void enter(void)
{
    whole_done = 0;
    fail_init(&whole_fail);
    whole = (struct run){.done = on_whole, .fail = &whole_fail};
    pipe_of()->enter(rig.conn, &whole);
    ck_assert_int_eq(whole_done, 0);
}

static void setup(void)
{
    rig_init(&rig);
    exec(&rig, "drop table if exists things");
    exec(&rig, "create table things (id bigint primary key, n integer)");
    exec(&rig, "insert into things select i, i from generate_series(0, 99) i");
    enter();
}

static void leave(void)
{
    pipe_of()->leave(rig.conn);
    ck_assert_int_eq(whole_done, 0);
    while (whole_done == 0) {
        loop_turn(&rig.loop);
    }
    ck_assert_int_eq(whole_done, 1);
}

static void teardown(void)
{
    fail_alloc_at(0);
    for (int i = 0; i < MANY; i++) {
        job_fini(&jobs[i]);
    }
    rig_fini(&rig);
}

/* A read of one integer param: the id of its statement, 0 for none, is its name. */
static struct job *make(int i, const char *sql, uint64_t id, int64_t key)
{
    struct job *j = &jobs[i];
    job_fini(j);
    job_init(j, sql, 1);
    j->stmt.id = id;
    j->stmt.read_only = true;
    j->stmt.share = SHARE_READ;
    j->stmt.param_count = 1;
    j->types[0] = type_of(TYPE_BIGINT);
    keys[i] = (struct value){.kind = VALUE_INT, .num = key};
    j->run.params = &keys[i];
    return j;
}

static void queue(int i, const char *sql, uint64_t id, int64_t key)
{
    struct job *j = make(i, sql, id, key);
    enum err e = pipe_of()->queue(rig.conn, &j->run);
    ck_assert_msg(e == ERR_OK, "%s", j->fail.message);
    ck_assert_int_eq(j->done, 0);
}

static void flush(void)
{
    pipe_of()->flush(rig.conn);
}

static void wait_for(int i)
{
    while (jobs[i].done == 0) {
        loop_turn(&rig.loop);
    }
    ck_assert_int_eq(jobs[i].done, 1);
    ck_assert_int_eq(jobs[i].run.err, jobs[i].fail.code);
}

static void expect(int i, const char *rows)
{
    wait_for(i);
    ck_assert_msg(jobs[i].run.err == ERR_OK, "%d: %s", i, jobs[i].fail.message);
    ck_assert_str_eq(text_of(&jobs[i]), rows);
}

static void expect_number(int i, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    expect(i, text);
}

static const char *const N_OF = "select n from things where id = $1";
static const char *const DIVIDED = "select 100 / n from things where id = $1";

/* Nothing is left for the next borrower. */
static void expect_clean(void)
{
    leave();
    ck_assert_int_eq(whole.err, ERR_OK);
    ck_assert(db_conn_clean(rig.conn));
    expect_rows(&rig, "select 'next'", 1, "next");
}

START_TEST(groups_are_answered_in_order)
{
    for (int i = 0; i < MANY; i++) {
        queue(i, N_OF, i % 3 == 0 ? 0 : (uint64_t)(i % 3), i);
        if (i % 7 == 6) {
            flush();
        }
    }
    flush();
    wait_for(MANY - 1);
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(jobs[i].done, 1);
        expect_number(i, i);
        ck_assert_uint_eq(jobs[i].run.rowcount, 1);
    }
    expect_clean();
}
END_TEST

START_TEST(an_error_is_of_its_own_read)
{
    for (int turn = 0; turn < 2; turn++) { /* prepared anew, and known */
        for (int i = 0; i < 20; i++) {
            queue(i, DIVIDED, 9, i % 5);
        }
        flush();
        for (int i = 0; i < 20; i++) {
            wait_for(i);
            if (i % 5 == 0) {
                ck_assert_int_eq(jobs[i].run.err, ERR_DIVISION_BY_ZERO);
                ck_assert_uint_eq(jobs[i].rows, 0);
            } else {
                expect_number(i, 100 / (i % 5));
            }
        }
    }
    expect_clean();
}
END_TEST

START_TEST(a_statement_that_is_no_sql_hurts_nobody)
{
    queue(0, N_OF, 1, 5);
    queue(1, "selct $1", 2, 5);
    queue(2, "selct $1", 2, 5); /* its Parse is the one before */
    queue(3, N_OF, 1, 6);
    flush();
    expect(0, "5");
    expect(3, "6");
    wait_for(1);
    wait_for(2);
    ck_assert_int_ne(jobs[1].run.err, ERR_OK);
    ck_assert_int_ne(jobs[2].run.err, ERR_OK);
    expect_clean();
}
END_TEST

/* Whatever is said beside it. */
static void beside(const char *sql)
{
    struct rig other;
    rig_init(&other);
    exec(&other, sql);
    rig_fini(&other);
}

START_TEST(stale_statements_are_prepared_again)
{
    queue(0, N_OF, 1, 5);
    flush();
    expect(0, "5");
    beside("alter table things alter n type bigint");
    for (int i = 0; i < 10; i++) {
        queue(i, N_OF, 1, i);
    }
    flush();
    for (int i = 0; i < 10; i++) {
        expect_number(i, i);
    }
    beside("alter table things rename to others");
    queue(0, N_OF, 1, 5);
    queue(1, "select 7 + $1", 2, 1);
    flush();
    wait_for(0);
    ck_assert_int_ne(jobs[0].run.err, ERR_OK);
    expect(1, "8");
    beside("alter table others rename to things");
    queue(2, N_OF, 1, 6);
    flush();
    expect(2, "6");
    expect_clean();
}
END_TEST

START_TEST(what_is_dropped_is_not_answered)
{
    for (int i = 0; i < 30; i++) {
        queue(i, i == 7 ? DIVIDED : N_OF, i == 7 ? 2 : 1, i == 7 ? 0 : i);
    }
    pipe_of()->drop(rig.conn, &jobs[3].run);
    flush();
    pipe_of()->drop(rig.conn, &jobs[7].run);
    pipe_of()->drop(rig.conn, &jobs[29].run);
    for (int i = 0; i < 29; i++) {
        if (i != 3 && i != 7) {
            expect_number(i, i);
        }
    }
    expect_clean();
    ck_assert_int_eq(jobs[3].done + jobs[7].done + jobs[29].done, 0);
    ck_assert_uint_eq(jobs[3].rows + jobs[7].rows + jobs[29].rows, 0);
}
END_TEST

START_TEST(a_sink_ends_its_own_read)
{
    static const char *const SERIES = "select i from generate_series(1, $1) i";
    for (int i = 0; i < 3; i++) {
        struct job *j = make(i, SERIES, 0, 5);
        j->fail_at = i == 0 ? 2 : 0;
        j->enough_at = i == 1 ? 3 : 0;
        ck_assert_int_eq(pipe_of()->queue(rig.conn, &j->run), ERR_OK);
    }
    flush();
    wait_for(0);
    ck_assert_int_eq(jobs[0].run.err, ERR_TOO_MANY_ROWS);
    expect(1, "1;2;3");
    expect(2, "1;2;3;4;5");
    expect_clean();
}
END_TEST

START_TEST(a_cancel_ends_what_hangs)
{
    queue(0, "select pg_sleep(600 + $1)::text", 0, 0);
    flush();
    for (int i = 0; i < 5; i++) {
        uv_run(&rig.loop.uv, UV_RUN_NOWAIT);
    }
    pipe_of()->leave(rig.conn);
    driver_pg.cancel(rig.conn);
    wait_for(0);
    ck_assert_int_eq(jobs[0].run.err, ERR_CANCELLED);
    while (whole_done == 0) {
        loop_turn(&rig.loop);
    }
    ck_assert(db_conn_clean(rig.conn));
    expect_rows(&rig, "select 'next'", 1, "next");
}
END_TEST

START_TEST(a_lost_session_ends_all)
{
    char sql[64];
    snprintf(sql, sizeof sql, "select pg_terminate_backend(%d)", (int)rig.conn->backend_id);
    queue(0, "select pg_sleep(600 + $1)::text", 0, 0);
    for (int i = 1; i < 20; i++) {
        queue(i, N_OF, 1, i);
    }
    flush();
    beside(sql);
    for (int i = 0; i < 20; i++) {
        wait_for(i);
        ck_assert_int_eq(jobs[i].run.err, ERR_CONNECTION_LOST);
    }
    while (whole_done == 0) {
        loop_turn(&rig.loop);
    }
    ck_assert_int_eq(whole_done, 1);
    ck_assert(rig.conn->broken);
}
END_TEST

START_TEST(a_close_ends_all)
{
    for (int i = 0; i < 20; i++) {
        queue(i, N_OF, 1, i);
    }
    flush();
    close_conn(&rig, rig.conn);
    rig.conn = NULL;
    ck_assert_int_eq(whole_done, 1);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(jobs[i].done, 1);
    }
}
END_TEST

START_TEST(leaving_waits_for_what_is_under_way)
{
    for (int i = 0; i < 20; i++) {
        queue(i, N_OF, 1, i);
    }
    expect_clean(); /* not flushed: leaving does */
    for (int i = 0; i < 20; i++) {
        expect_number(i, i);
    }
    enter();
    expect_clean();
    enter();
    queue(0, N_OF, 1, 3);
    flush();
    expect(0, "3");
    expect_clean();
}
END_TEST

START_TEST(more_statements_than_are_kept)
{
    rig.target.statement_cache = 4;
    close_conn(&rig, rig.conn);
    rig.conn = open_conn(&rig);
    enter();
    for (int turn = 0; turn < 5; turn++) {
        for (int i = 0; i < 50; i++) {
            queue(i, N_OF, 1 + (uint64_t)(i * 7 + turn) % 11, i);
            if (i % 6 == 5) {
                flush();
            }
        }
        flush();
        for (int i = 0; i < 50; i++) {
            expect_number(i, i);
        }
    }
    expect_clean();
}
END_TEST

START_TEST(without_memory_one_read_fails)
{
    for (int n = 1;; n++) {
        enum err errs[20];
        for (int i = 0; i < 20; i++) {
            (void)make(i, N_OF, 1, i);
        }
        fail_alloc_at(n);
        for (int i = 0; i < 20; i++) {
            errs[i] = pipe_of()->queue(rig.conn, &jobs[i].run);
        }
        bool failed = fail_alloc_reached();
        fail_alloc_at(0);
        flush();
        for (int i = 0; i < 20; i++) {
            if (errs[i] == ERR_OK) {
                expect_number(i, i);
            } else {
                ck_assert_int_eq(errs[i], ERR_OUT_OF_MEMORY);
                ck_assert_int_eq(jobs[i].done, 0);
            }
        }
        if (!failed) {
            break;
        }
    }
    expect_clean();
}
END_TEST

/* ---- writes ---- */

static const char *const INSERT = "insert into things values ($1, 0)";
static const char *const RETURNING = "insert into things values ($1, 1) returning id";

static struct job *make_write(int i, const char *sql, int64_t key)
{
    struct job *j = make(i, sql, sql == INSERT ? 1 : 2, key);
    j->stmt.read_only = false;
    j->stmt.share = SHARE_WRITE;
    j->stmt.groups = true;
    j->stmt.column_count = sql == INSERT ? 0 : 1;
    j->run.sink = sql == INSERT ? NULL : j->run.sink;
    return j;
}

/* Even ones return their key. */
static enum err queue_write(int i, int64_t key)
{
    return pipe_of()->queue(rig.conn, &make_write(i, i % 2 ? INSERT : RETURNING, key)->run);
}

static void send_all(void)
{
    pipe_of()->leave(rig.conn);
    pipe_of()->flush(rig.conn);
}

static void send_writes(int count, int64_t first)
{
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(queue_write(i, first + i), ERR_OK);
    }
    send_all();
}

static void wait_for_whole(void)
{
    while (whole_done == 0) {
        loop_turn(&rig.loop);
    }
    ck_assert_int_eq(whole_done, 1);
    ck_assert_int_eq(whole.err, whole_fail.code);
}

static void expect_stored(int64_t from, int count)
{
    struct rig other;
    char sql[96], text[8];
    snprintf(sql, sizeof sql, "select count(*)::text from things where id >= %d", (int)from);
    snprintf(text, sizeof text, "%d", count);
    rig_init(&other);
    expect_rows(&other, sql, 1, text);
    rig_fini(&other);
}

START_TEST(writes_are_one_transaction)
{
    for (int turn = 0; turn < 2; turn++) { /* prepared anew, and known */
        send_writes(40, 1000 + 1000 * turn);
        wait_for_whole();
        for (int i = 0; i < 40; i++) {
            ck_assert_int_eq(jobs[i].done, 1);
            ck_assert_int_eq(jobs[i].run.err, ERR_OK);
            ck_assert_uint_eq(jobs[i].run.rowcount, 1);
            ck_assert_uint_eq(jobs[i].rows, i % 2 ? 0 : 1);
        }
        ck_assert_int_eq(whole.err, ERR_OK);
        ck_assert(db_conn_clean(rig.conn));
        expect_stored(1000 + 1000 * turn, 40);
        enter();
    }
    expect_clean();
}
END_TEST

START_TEST(a_write_that_fails_undoes_all)
{
    for (int turn = 0; turn < 3; turn++) {
        int bad = 7 + turn;
        for (int i = 0; i < 20; i++) {
            ck_assert_int_eq(queue_write(i, i == bad ? 3 : 1000 + i), ERR_OK);
        }
        send_all();
        wait_for_whole();
        ck_assert_int_eq(whole.err, ERR_UNIQUE_VIOLATION);
        for (int i = 0; i < 20; i++) {
            ck_assert_int_eq(jobs[i].done, 1);
            ck_assert((jobs[i].run.err == ERR_OK) == (i < bad));
        }
        ck_assert_int_eq(jobs[bad].run.err, ERR_UNIQUE_VIOLATION);
        ck_assert(db_conn_clean(rig.conn));
        expect_stored(1000, 0);
        enter();
    }
    send_writes(5, 1000);
    wait_for_whole();
    ck_assert_int_eq(whole.err, ERR_OK);
    expect_stored(1000, 5);
}
END_TEST

/* Each was run, and the commit says no. */
START_TEST(a_commit_that_fails_is_told_by_the_whole)
{
    beside("create table if not exists parents (id bigint primary key)");
    beside("alter table things add foreign key (id) references parents deferrable initially"
           " deferred not valid");
    send_writes(10, 1000);
    wait_for_whole();
    ck_assert_int_eq(whole.err, ERR_FOREIGN_KEY_VIOLATION);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(jobs[i].done, 1);
        ck_assert_int_eq(jobs[i].run.err, ERR_OK);
    }
    ck_assert(db_conn_clean(rig.conn));
    expect_stored(1000, 0);
}
END_TEST

/* Somebody else has written key 1003 and not committed. */
static void lock_key(struct rig *other)
{
    rig_init(other);
    exec(other, "begin");
    exec(other, "insert into things values (1003, 0)");
}

START_TEST(a_write_that_waits_is_cancelled)
{
    struct rig other;
    lock_key(&other);
    send_writes(10, 1000);
    driver_pg.cancel(rig.conn);
    wait_for_whole();
    ck_assert_int_eq(whole.err, ERR_CANCELLED);
    ck_assert(db_conn_clean(rig.conn));
    exec(&other, "rollback");
    rig_fini(&other);
    expect_stored(1000, 0);
}
END_TEST

START_TEST(writes_of_a_lost_session_are_unknown)
{
    struct rig other;
    char sql[64];
    snprintf(sql, sizeof sql, "select pg_terminate_backend(%d)", (int)rig.conn->backend_id);
    lock_key(&other);
    send_writes(10, 1000);
    exec(&other, sql);
    wait_for_whole();
    ck_assert_int_eq(whole.err, ERR_CONNECTION_LOST);
    ck_assert(whole.maybe_executed);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(jobs[i].done, 1);
    }
    rig_fini(&other);
}
END_TEST

/* There was no Sync, so there is no commit. */
START_TEST(writes_without_a_sync_are_not_there)
{
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(queue_write(i, 1000 + i), ERR_OK);
    }
    close_conn(&rig, rig.conn);
    rig.conn = NULL;
    ck_assert_int_eq(whole_done, 1);
    ck_assert_int_eq(whole.err, ERR_CONNECTION_LOST);
    ck_assert(!whole.maybe_executed);
    rig.conn = open_conn(&rig);
    expect_stored(1000, 0);
    enter();
}
END_TEST

START_TEST(a_row_that_is_not_taken_undoes_nothing)
{
    for (int i = 0; i < 6; i++) {
        struct job *j = make_write(i, RETURNING, 1000 + i);
        j->fail_at = i == 2 ? 1 : 0;
        ck_assert_int_eq(pipe_of()->queue(rig.conn, &j->run), ERR_OK);
    }
    send_all();
    wait_for_whole();
    ck_assert_int_eq(whole.err, ERR_OK);
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(jobs[i].run.err, i == 2 ? ERR_TOO_MANY_ROWS : ERR_OK);
    }
    expect_stored(1000, 6);
}
END_TEST

/* Those that were queued are there, all or none, as the whole says. */
START_TEST(without_memory_writes_are_all_or_none)
{
    bool failed = true;
    for (int n = 1; failed; n++) {
        int queued = 0;
        for (int i = 0; i < 10; i++) {
            (void)make_write(i, i % 2 ? INSERT : RETURNING, 1000 * n + i);
        }
        fail_alloc_at(n);
        for (int i = 0; i < 10; i++) {
            queued += pipe_of()->queue(rig.conn, &jobs[i].run) == ERR_OK;
        }
        send_all();
        failed = fail_alloc_reached();
        fail_alloc_at(0);
        wait_for_whole();
        expect_stored(1000 * n, whole.err == ERR_OK ? queued : 0);
        if (rig.conn->broken) {
            close_conn(&rig, rig.conn);
            rig.conn = open_conn(&rig);
        }
        enter();
    }
    expect_clean();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("pg_pipeline");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, groups_are_answered_in_order);
    tcase_add_test(tc, an_error_is_of_its_own_read);
    tcase_add_test(tc, a_statement_that_is_no_sql_hurts_nobody);
    tcase_add_test(tc, stale_statements_are_prepared_again);
    tcase_add_test(tc, what_is_dropped_is_not_answered);
    tcase_add_test(tc, a_sink_ends_its_own_read);
    tcase_add_test(tc, a_cancel_ends_what_hangs);
    tcase_add_test(tc, a_lost_session_ends_all);
    tcase_add_test(tc, a_close_ends_all);
    tcase_add_test(tc, leaving_waits_for_what_is_under_way);
    tcase_add_test(tc, more_statements_than_are_kept);
    tcase_add_test(tc, without_memory_one_read_fails);
    tcase_add_test(tc, writes_are_one_transaction);
    tcase_add_test(tc, a_write_that_fails_undoes_all);
    tcase_add_test(tc, a_commit_that_fails_is_told_by_the_whole);
    tcase_add_test(tc, a_write_that_waits_is_cancelled);
    tcase_add_test(tc, writes_of_a_lost_session_are_unknown);
    tcase_add_test(tc, writes_without_a_sync_are_not_there);
    tcase_add_test(tc, a_row_that_is_not_taken_undoes_nothing);
    tcase_add_test(tc, without_memory_writes_are_all_or_none);
    return pg_rig_main(tc);
}
