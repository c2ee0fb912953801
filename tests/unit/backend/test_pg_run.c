/* SPDX-License-Identifier: MIT
 *
 * Tests of backend/pg_run.c: streams, prepared statements, errors, counts.
 */
#include "pg_rig.h"

#include <stdio.h>
#include <sys/resource.h>

/* -- streams --------------------------------------------------------------- */

/* The sanitizers keep freed memory in quarantine. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { GROWTH_KIB = 400 * 1024 };
#else
enum { GROWTH_KIB = 2 * 1024 };
#endif

static long max_rss_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

START_TEST(a_million_rows_flow_with_pauses_in_flat_memory)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    expect_rows(&g, "select 1", 1, "1");
    long before_kib = max_rss_kib();
    job_init(&j, "select n, 'row number ' || n from generate_series(1,1000000) n", 2);
    j.silent = true;
    j.full_every = 5000;
    j.pause = true;
    job_start(&g, &j);
    int pauses = 0;
    while (j.done == 0) {
        if (j.paused) {
            /* Nothing may come while it is paused. */
            uint64_t rows = j.rows;
            for (int i = 0; i < 3; i++) {
                uv_run(&g.loop.uv, UV_RUN_NOWAIT);
            }
            ck_assert_uint_eq(rows, j.rows);
            pauses++;
            j.paused = false;
            driver_pg.resume(g.conn);
            driver_pg.resume(g.conn);
        }
        loop_turn(&g.loop);
    }
    ck_assert_int_eq(j.run.err, ERR_OK);
    ck_assert_uint_eq(j.rows, 1000000);
    ck_assert_uint_eq(j.run.rowcount, 1000000);
    ck_assert_int_eq(pauses, 200);
    ck_assert_int_lt(max_rss_kib() - before_kib, GROWTH_KIB);
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(a_sink_that_has_enough_ends_the_statement_as_a_success)
{
    static const struct {
        const char *sql;
        bool read_only;
    } cases[] = {
        {"select n from generate_series(1,5) n", true},
        {"select generate_series(1,1000000000) n", true}, /* only a cancel ends it */
        {"select n from generate_series(1,100000) n", false},
        {"select 1/(2-n) from generate_series(1,5) n", true},
    };
    struct rig g;
    rig_init(&g);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job j;
        job_init(&j, cases[i].sql, 1);
        j.stmt.read_only = cases[i].read_only;
        j.enough_at = 1;
        job_run(&g, &j);
        ck_assert_msg(j.run.err == ERR_OK, "%s: %s", cases[i].sql, j.fail.message);
        ck_assert_str_eq(text_of(&j), "1");
        ck_assert_uint_eq(j.run.rowcount, 1);
        ck_assert(db_conn_clean(g.conn));
        job_fini(&j);
        expect_rows(&g, "select 'next'", 1, "next");
    }
    exec(&g, "begin");
    struct job j;
    job_init(&j, "select n from generate_series(1,100000) n", 1);
    j.stmt.read_only = true;
    j.enough_at = 1;
    job_run(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_OK);
    ck_assert_int_eq(g.conn->tx, DB_TX_OPEN); /* a cancel would have failed it */
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(a_sink_that_fails_ends_the_statement_with_its_error)
{
    static const char *const cases[] = {"select n from generate_series(1,5) n",
                                        "select generate_series(1,1000000000) n"};
    struct rig g;
    rig_init(&g);
    for (size_t i = 0; i < 2; i++) {
        struct job j;
        job_init(&j, cases[i], 1);
        j.fail_at = 3;
        job_run(&g, &j);
        ck_assert_int_eq(j.run.err, ERR_TOO_MANY_ROWS);
        ck_assert_str_eq(j.fail.message, "enough of it");
        ck_assert_uint_eq(j.rows, 3);
        ck_assert(db_conn_clean(g.conn));
        job_fini(&j);
        expect_rows(&g, "select 'next'", 1, "next");
    }
    rig_fini(&g);
}
END_TEST

/* The proof may be older than the table: more rows are no harm. */
START_TEST(few_rows_come_as_one_result)
{
    static const struct {
        const char *sql, *rows;
        uint64_t full_every, enough_at, fail_at;
        enum err err;
        int pauses;
    } cases[] = {
        {"select 1 where false", "", 1, 0, 0, ERR_OK, 0},
        {"select 1", "1", 0, 0, 0, ERR_OK, 0},
        {"select 1", "1", 1, 0, 0, ERR_OK, 1},
        {"select n from generate_series(1,5) n", "1;2;3;4;5", 1, 0, 0, ERR_OK, 1},
        {"select n from generate_series(1,5) n", "1;2", 1, 2, 0, ERR_OK, 0},
        {"select n from generate_series(1,5) n", "1;2", 0, 0, 2, ERR_TOO_MANY_ROWS, 0},
        {"select 1/(2-n) from generate_series(1,5) n", "", 0, 0, 0, ERR_DIVISION_BY_ZERO, 0},
        {"select 1, 2", "", 0, 0, 0, ERR_CATALOG_CHANGED, 0},
    };
    struct rig g;
    rig_init(&g);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job j;
        int pauses = 0;
        job_init(&j, cases[i].sql, 1);
        j.stmt.row_bound = 1;
        j.full_every = cases[i].full_every;
        j.enough_at = cases[i].enough_at;
        j.fail_at = cases[i].fail_at;
        j.pause = true;
        job_start(&g, &j);
        while (j.done == 0) {
            pauses += j.paused;
            if (j.paused) {
                j.paused = false;
                driver_pg.resume(g.conn);
            }
            loop_turn(&g.loop);
        }
        ck_assert_msg(j.run.err == cases[i].err, "%s: %s", cases[i].sql, j.fail.message);
        ck_assert_str_eq(text_of(&j), cases[i].rows);
        ck_assert_int_eq(pauses, cases[i].pauses);
        ck_assert(j.run.err != ERR_OK || j.run.rowcount == j.rows);
        ck_assert(db_conn_clean(g.conn));
        job_fini(&j);
        expect_rows(&g, "select 'next'", 1, "next");
    }
    rig_fini(&g);
}
END_TEST

/* -- prepared statements --------------------------------------------------- */

static void run_prepared(struct rig *g, uint64_t id, const char *sql, const char *rows)
{
    struct job j;
    job_init(&j, sql, 1);
    j.stmt.id = id;
    job_run(g, &j);
    ck_assert_msg(j.run.err == ERR_OK, "%s", j.fail.message);
    ck_assert_str_eq(text_of(&j), rows);
    job_fini(&j);
}

START_TEST(prepared_statements_are_kept_up_to_the_limit)
{
    struct rig g;
    rig_init(&g);
    const char *count = "select count(*) <= 17, count(*) >= 15 from pg_prepared_statements";
    for (int round = 0; round < 3; round++) {
        for (uint64_t id = 1; id <= 100; id++) {
            char sql[64], rows[32];
            snprintf(sql, sizeof sql, "select %d", (int)id);
            snprintf(rows, sizeof rows, "%d", (int)id);
            run_prepared(&g, id, sql, rows);
            run_prepared(&g, 1, "select 1", "1"); /* always the newest: never dropped */
        }
        expect_rows(&g, count, 2, "true,true");
    }
    expect_rows(&g,
                "select generic_plans + custom_plans > 290 from pg_prepared_statements "
                "where statement = 'select 1'",
                1, "true");
    rig_fini(&g);
}
END_TEST

START_TEST(statements_dropped_in_a_transaction_are_deallocated_after_it)
{
    struct rig g;
    rig_init(&g);
    exec(&g, "begin");
    for (uint64_t id = 1; id <= 100; id++) {
        run_prepared(&g, id, "select 7", "7");
    }
    expect_rows(&g, "select count(*) from pg_prepared_statements", 1, "100");
    exec(&g, "commit");
    for (int i = 0; i < 20; i++) {
        run_prepared(&g, 100, "select 7", "7");
    }
    expect_rows(&g, "select count(*) from pg_prepared_statements", 1, "16");
    rig_fini(&g);
}
END_TEST

START_TEST(a_statement_whose_result_type_changed_is_prepared_again)
{
    struct rig g;
    rig_init(&g);
    exec(&g, "create temp table shape (a int)");
    exec(&g, "insert into shape values (1)");
    run_prepared(&g, 1, "select * from shape", "1");
    exec(&g, "alter table shape alter a type text using 'x' || a");
    run_prepared(&g, 1, "select * from shape", "x1");
    exec(&g, "alter table shape add b int");
    struct job j;
    job_init(&j, "select * from shape", 1);
    j.stmt.id = 1;
    job_run(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CATALOG_CHANGED);
    job_fini(&j);
    exec(&g, "alter table shape drop b");
    run_prepared(&g, 1, "select * from shape", "x1");

    /* In a transaction the server's word is final. */
    exec(&g, "begin");
    exec(&g, "alter table shape alter a type varchar(5)");
    job_init(&j, "select * from shape", 1);
    j.stmt.id = 1;
    job_run(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CATALOG_CHANGED);
    ck_assert_int_eq(g.conn->tx, DB_TX_FAILED);
    job_fini(&j);
    exec(&g, "rollback");
    run_prepared(&g, 1, "select * from shape", "x1");
    rig_fini(&g);
}
END_TEST

START_TEST(a_statement_that_the_session_lost_is_prepared_again)
{
    struct rig g;
    rig_init(&g);
    run_prepared(&g, 1, "select 5", "5");
    exec(&g, "deallocate all");
    run_prepared(&g, 1, "select 5", "5");
    run_prepared(&g, 1, "select 5", "5");
    for (uint64_t id = 2; id < 40; id++) {
        run_prepared(&g, id, "select 6", "6");
    }
    expect_rows(&g, "select count(*) <= 17 from pg_prepared_statements", 1, "true");
    rig_fini(&g);
}
END_TEST

START_TEST(without_a_cache_nothing_is_prepared)
{
    struct rig g = {.target = target_of(&server)};
    g.target.statement_cache = 0;
    ck_assert_int_eq(loop_init(&g.loop), ERR_OK);
    g.connector = connector_create(2);
    g.conn = open_conn(&g);
    for (uint64_t id = 1; id < 5; id++) {
        run_prepared(&g, id, "select 6", "6");
    }
    expect_rows(&g, "select count(*) from pg_prepared_statements", 1, "0");
    rig_fini(&g);
}
END_TEST

/* -- errors ---------------------------------------------------------------- */

START_TEST(errors_have_their_codes)
{
    static const struct {
        const char *sql;
        enum err err;
        const char *sqlstate, *table, *constraint, *columns;
    } cases[] = {
        {"insert into kid values (1,1,1)", ERR_UNIQUE_VIOLATION, "23505", "kid", "kid_pkey",
         "id,n"},
        {"insert into kid values (2,99,1)", ERR_FOREIGN_KEY_VIOLATION, "23503", "kid",
         "kid_parent_fkey", "parent"},
        {"delete from dad", ERR_FOREIGN_KEY_VIOLATION, "23503", "kid", "kid_parent_fkey", "id"},
        {"insert into kid values (null,1,1)", ERR_NOT_NULL_VIOLATION, "23502", "kid", "", "id"},
        {"insert into kid values (3,1,-1)", ERR_CHECK_VIOLATION, "23514", "kid", "kid_n_check",
         ""},
        {"insert into kid(id,parent,n,name) values (5,1,1,'too long')", ERR_TOO_LONG, "22001",
         "", "", ""},
        {"select 1/0", ERR_DIVISION_BY_ZERO, "22012", "", "", ""},
        {"select 'x'::int", ERR_BAD_VALUE, "22P02", "", "", ""},
        {"select 99999999999::int", ERR_OUT_OF_RANGE, "22003", "", "", ""},
        {"select '2026-13-01'::date", ERR_OUT_OF_RANGE, "22008", "", "", ""},
        {"select sqrt(-1)", ERR_OUT_OF_RANGE, "2201F", "", "", ""},
        {"select (select n from generate_series(1,2) n)", ERR_MULTIPLE_RESULTS, "21000", "", "",
         ""},
        {"select * from absent", ERR_UNKNOWN_TABLE, "42P01", "", "", ""},
        {"select absent from dad", ERR_UNKNOWN_COLUMN, "42703", "", "", ""},
        {"select absent(1)", ERR_UNKNOWN_OPERATOR, "42883", "", "", ""},
        {"selec 1", ERR_DATABASE_ERROR, "42601", "", "", ""},
        {"select 1; select 2", ERR_DATABASE_ERROR, "42601", "", "", ""},
        {"", ERR_BAD_QUERY, "", "", "", ""},
        {"do $$ begin raise exception using errcode = '40001'; end $$",
         ERR_SERIALIZATION_FAILURE, "40001", "", "", ""},
        {"do $$ begin raise exception using errcode = '40P01'; end $$", ERR_DEADLOCK, "40P01",
         "", "", ""},
        {"do $$ begin raise exception using errcode = '57014'; end $$", ERR_TIMEOUT, "57014",
         "", "", ""},
        {"do $$ begin raise exception using errcode = '55P03'; end $$", ERR_LOCK_TIMEOUT,
         "55P03", "", "", ""},
        {"do $$ begin raise exception 'mine'; end $$", ERR_DATABASE_ERROR, "P0001", "", "", ""},
    };
    struct rig g;
    rig_init(&g);
    exec(&g, "create temp table dad (id int primary key)");
    exec(&g,
         "create temp table kid (id int, parent int constraint kid_parent_fkey references dad, "
         "n int check (n > 0), name varchar(3), primary key (id, n))");
    exec(&g, "insert into dad values (1)");
    exec(&g, "insert into kid values (1,1,1)");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job j;
        job_init(&j, cases[i].sql, 1);
        j.stmt.id = i % 2 == 0 ? i + 1 : 0;
        job_run(&g, &j);
        ck_assert_msg(j.run.err == cases[i].err, "%s: %s", cases[i].sql, err_wire(j.run.err));
        ck_assert_str_eq(j.fail.sqlstate, cases[i].sqlstate);
        ck_assert_str_eq(j.fail.table, cases[i].table);
        ck_assert_str_eq(j.fail.constraint, cases[i].constraint);
        ck_assert_str_eq(j.fail.columns, cases[i].columns);
        ck_assert_str_ne(j.fail.message, "");
        ck_assert(!j.run.maybe_executed);
        ck_assert(db_conn_clean(g.conn));
        job_fini(&j);
    }
    rig_fini(&g);
}
END_TEST

START_TEST(an_error_of_the_commit_is_an_error_of_the_write)
{
    struct rig g;
    rig_init(&g);
    exec(&g, "create temp table late (id int unique deferrable initially deferred)");
    exec(&g, "insert into late values (1)");
    for (uint64_t id = 0; id < 2; id++) {
        struct job j;
        job_init(&j, "insert into late values (1)", 0);
        j.stmt.id = id;
        job_run(&g, &j);
        ck_assert_int_eq(j.run.err, ERR_UNIQUE_VIOLATION);
        ck_assert(db_conn_clean(g.conn));
        job_fini(&j);
    }
    expect_rows(&g, "select count(*) from late", 1, "1");
    rig_fini(&g);
}
END_TEST

START_TEST(a_commit_that_rolled_back_is_an_error)
{
    struct rig g;
    rig_init(&g);
    static const char *const ends[] = {"COMMIT", " end", "prepare transaction 'x'"};
    for (size_t i = 0; i < 3; i++) {
        exec(&g, "begin");
        ck_assert_int_eq(g.conn->tx, DB_TX_OPEN);
        ck_assert(!db_conn_clean(g.conn));
        expect_error(&g, "select 1/0", ERR_DIVISION_BY_ZERO);
        ck_assert_int_eq(g.conn->tx, DB_TX_FAILED);
        expect_error(&g, "select 1", ERR_DATABASE_ERROR);
        expect_error(&g, ends[i], ERR_DATABASE_ERROR);
        ck_assert_int_eq(g.conn->tx, DB_TX_NONE);
    }
    exec(&g, "begin");
    expect_error(&g, "select 1/0", ERR_DIVISION_BY_ZERO);
    exec(&g, "rollback");
    exec(&g, "begin");
    exec(&g, "savepoint s");
    exec(&g, "rollback to s");
    exec(&g, "commit");
    ck_assert(db_conn_clean(g.conn));
    rig_fini(&g);
}
END_TEST

START_TEST(rows_written_are_counted)
{
    static const struct {
        const char *sql;
        uint64_t rowcount;
        uint32_t columns;
    } cases[] = {
        {"insert into counted select n from generate_series(1,7) n", 7, 0},
        {"update counted set a = a where a < 4", 3, 0},
        {"update counted set a = a where a < 3 returning a", 2, 1},
        {"delete from counted where a > 100", 0, 0},
        {"delete from counted where a > 5 returning a", 2, 1},
        {"select a from counted", 5, 1},
        {"with d as (delete from counted returning a) select a from d", 5, 1},
        {"create temp table other (a int)", 0, 0},
    };
    struct rig g;
    rig_init(&g);
    exec(&g, "create temp table counted (a int)");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job j;
        job_init(&j, cases[i].sql, cases[i].columns);
        job_run(&g, &j);
        ck_assert_msg(j.run.err == ERR_OK, "%s: %s", cases[i].sql, j.fail.message);
        ck_assert_uint_eq(j.run.rowcount, cases[i].rowcount);
        ck_assert_uint_ge(j.run.ended_ns, j.run.started_ns);
        job_fini(&j);
    }
    rig_fini(&g);
}
END_TEST

START_TEST(copy_is_refused_and_closes_the_connection)
{
    static const char *const cases[] = {
        "copy (select 1) to stdout", "copy pg_class from stdin",
        "copy (select * from generate_series(1,1000000)) to stdout"};
    for (size_t i = 0; i < 3; i++) {
        struct rig g;
        rig_init(&g);
        expect_error(&g, cases[i], ERR_UNSUPPORTED_FEATURE);
        ck_assert(g.conn->broken);
        ck_assert(!db_conn_clean(g.conn));
        rig_fini(&g);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("pg_run");
    tcase_add_test(tc, a_million_rows_flow_with_pauses_in_flat_memory);
    tcase_add_test(tc, a_sink_that_has_enough_ends_the_statement_as_a_success);
    tcase_add_test(tc, a_sink_that_fails_ends_the_statement_with_its_error);
    tcase_add_test(tc, few_rows_come_as_one_result);
    tcase_add_test(tc, prepared_statements_are_kept_up_to_the_limit);
    tcase_add_test(tc, statements_dropped_in_a_transaction_are_deallocated_after_it);
    tcase_add_test(tc, a_statement_whose_result_type_changed_is_prepared_again);
    tcase_add_test(tc, a_statement_that_the_session_lost_is_prepared_again);
    tcase_add_test(tc, without_a_cache_nothing_is_prepared);
    tcase_add_test(tc, errors_have_their_codes);
    tcase_add_test(tc, an_error_of_the_commit_is_an_error_of_the_write);
    tcase_add_test(tc, a_commit_that_rolled_back_is_an_error);
    tcase_add_test(tc, rows_written_are_counted);
    tcase_add_test(tc, copy_is_refused_and_closes_the_connection);
    return pg_rig_main(tc);
}
