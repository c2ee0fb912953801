/* SPDX-License-Identifier: MIT
 *
 * test_sqlite_values.c: what goes to SQLite and what comes back: values, settings,
 * files, databases in memory, counts, errors.
 */
#include "sqlite_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- values ---------------------------------------------------------------- */

START_TEST(every_kind_of_value_comes_back)
{
    must("create table t (i integer, r real, x text, b blob, n null)");
    struct exec e;
    exec_init(&e, "insert into t values (?1, ?2, ?3, ?4, ?5)", 0);
    exec_param(&e, TYPE_BIGINT, v_int(INT64_MIN));
    exec_param(&e, TYPE_DOUBLE, v_double(0.1));
    exec_param(&e, TYPE_TEXT, v_text("Zo\xc3\xab \xf0\x9f\x90\x98"));
    exec_param(&e, TYPE_BYTES, v_bytes("\0\xff\x01", 3));
    exec_param(&e, TYPE_TEXT, v_null());
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
    ck_assert_uint_eq(e.run.rowcount, 1);
    exec_fini(&e);
    rows_are(conn, "select * from t", 5,
             "-9223372036854775808|0.10000000000000001d|'Zo\xc3\xab \xf0\x9f\x90\x98'|"
             "x'00ff01'|null\n");
}
END_TEST

START_TEST(empty_texts_and_blobs_are_not_null)
{
    struct exec e;
    exec_init(&e, "select ?1, ?2, ?3, ?4", 4);
    exec_param(&e, TYPE_TEXT, (struct value){.kind = VALUE_TEXT});
    exec_param(&e, TYPE_BYTES, (struct value){.kind = VALUE_BYTES});
    exec_param(&e, TYPE_BOOLEAN, v_bool(true));
    exec_param(&e, TYPE_DOUBLE, v_double(HUGE_VAL));
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
    buf_char(&e.text, '\0');
    must_eq(e.text.ptr, "''|x''|1|infd\n");
    exec_fini(&e);
}
END_TEST

START_TEST(hostile_texts_stay_texts)
{
    static const char *const texts[] = {
        "'; drop table t; --", "\"", "?1", ":a", "\\", "%_", "\n\r", "'''''", "/*", "x'00'"};
    must("create table t (x text)");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct exec e;
        exec_init(&e, "select ?1 = ?2, length(?1)", 2);
        exec_param(&e, TYPE_TEXT, v_text(texts[i]));
        exec_param(&e, TYPE_TEXT, v_text(texts[i]));
        ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
        buf_char(&e.text, '\0');
        char want[32];
        snprintf(want, sizeof want, "1|%zu\n", strlen(texts[i]));
        must_eq(e.text.ptr, want);
        exec_fini(&e);
    }
    struct exec e;
    exec_init(&e, "select ?1 || '.'", 1);
    exec_param(&e, TYPE_TEXT, (struct value){.kind = VALUE_TEXT, .text = {"a\0b", 3}});
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
    ck_assert_uint_eq(e.text.len, 7);
    exec_fini(&e);
}
END_TEST

static const struct {
    enum type_kind kind;
    const char *in, *out;
} texts[] = {
    {TYPE_TIMESTAMP, "2024-01-01 00:00:00", "'2024-01-01 00:00:00.000000'\n"},
    {TYPE_TIMESTAMP, "2024-01-01 00:00:00.25", "'2024-01-01 00:00:00.250000'\n"},
    {TYPE_TIMESTAMP, "2024-01-01 00:00:00.123456", "'2024-01-01 00:00:00.123456'\n"},
    {TYPE_TIMESTAMPTZ, "2024-01-01 00:00:00", "'2024-01-01 00:00:00.000000'\n"},
    {TYPE_TIME, "12:00:00", "'12:00:00.000000'\n"},
    {TYPE_DATE, "2024-01-01", "'2024-01-01'\n"},
    {TYPE_NUMERIC, "12", "12\n"},
    {TYPE_NUMERIC, "-9223372036854775808", "-9223372036854775808\n"},
    {TYPE_NUMERIC, "0.1", "0.10000000000000001d\n"},
    {TYPE_NUMERIC, "-12.50", "-12.5d\n"},
    {TYPE_NUMERIC, "0.00000000000000123456789012345", "1.2345678901234501e-15d\n"},
    {TYPE_NUMERIC, "1000000000000000000000000", "9.9999999999999998e+23d\n"},
    {TYPE_NUMERIC, "123456789.012345", "123456789.012345d\n"},
    {TYPE_UUID, "00000000-0000-0000-0000-000000000001",
     "'00000000-0000-0000-0000-000000000001'\n"},
    {TYPE_JSON, "{\"a\":1}", "'{\"a\":1}'\n"},
};

START_TEST(texts_are_bound_as_their_type_asks)
{
    struct exec e;
    exec_init(&e, "select ?1", 1);
    exec_param(&e, texts[_i].kind, v_text(texts[_i].in));
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
    buf_char(&e.text, '\0');
    must_eq(e.text.ptr, texts[_i].out);
    exec_fini(&e);
}
END_TEST

START_TEST(a_numeric_compares_as_a_number_and_is_kept_by_affinity)
{
    must("create table t (n numeric(10,2), x text); ");
    struct exec e;
    exec_init(&e, "insert into t values (?1, ?2)", 0);
    exec_param(&e, TYPE_NUMERIC, v_text("9.50"));
    exec_param(&e, TYPE_TEXT, v_text("9.50"));
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
    exec_fini(&e);
    exec_init(&e, "select count(*) from t where n < ?1 and n + 0 < ?1 and n > ?2", 1);
    exec_param(&e, TYPE_NUMERIC, v_text("10.0"));
    exec_param(&e, TYPE_NUMERIC, v_text("9.4999"));
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
    buf_char(&e.text, '\0');
    must_eq(e.text.ptr, "1\n");
    exec_fini(&e);
    rows_are(conn, "select n, x from t", 2, "9.5d|'9.50'\n");
}
END_TEST

START_TEST(what_sqlite_cannot_hold_is_refused)
{
    struct exec e;
    exec_init(&e, "select ?1", 1);
    exec_param(&e, TYPE_NUMERIC, v_text("1.234567890123456"));
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OUT_OF_RANGE);
    exec_fini(&e);
    exec_init(&e, "select ?1", 1);
    exec_param(&e, TYPE_DOUBLE, v_double(nan("")));
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_BAD_VALUE);
    exec_fini(&e);
}
END_TEST

/* -- pins ------------------------------------------------------------------ */

START_TEST(a_session_is_pinned)
{
    rows_are(conn, "select * from pragma_journal_mode", 1, "'wal'\n");
    rows_are(conn, "pragma foreign_keys", 1, "1\n");
    rows_are(conn, "pragma trusted_schema", 1, "0\n");
    rows_are(conn, "pragma synchronous", 1, "2\n");
    rows_are(conn, "select 'a' like 'A', 'a' like 'a'", 2, "0|1\n");
    ck_assert_int_ne(rig_do(&rig, conn, "attach ':memory:' as x"), ERR_OK);
    ck_assert_int_ne(rig_do(&rig, conn, "select load_extension('x')"), ERR_OK);
    must("create table t (a)");
    must("pragma writable_schema = on");
    ck_assert_int_ne(rig_do(&rig, conn, "delete from sqlite_schema"), ERR_OK);
    ck_assert_uint_eq(conn->server_version, 3040001);
}
END_TEST

START_TEST(an_unknown_column_in_quotes_is_no_text)
{
    must("create table t (a)");
    must("insert into t values ('secret')");
    ck_assert_int_eq(rig_do(&rig, conn, "select a from t where \"secret\" = 'secret'"),
                     ERR_UNKNOWN_COLUMN);
    ck_assert_int_ne(rig_do(&rig, conn, "create index i on t (\"nothing\")"), ERR_OK);
}
END_TEST

START_TEST(one_run_is_one_statement)
{
    must("create table t (a)");
    ck_assert_int_eq(rig_do(&rig, conn, "insert into t values (1); delete from t"),
                     ERR_BAD_QUERY);
    rows_are(conn, "select count(*) from t", 1, "0\n");
    must("insert into t values (1); -- and a comment ; \n /* two */ ;");
    ck_assert_int_eq(rig_do(&rig, conn, "  -- nothing"), ERR_BAD_QUERY);
}
END_TEST

START_TEST(options_are_read_and_unknown_ones_refused)
{
    static const struct {
        const char *name, *value;
        enum err err;
    } cases[] = {
        {"timeout", "1.5", ERR_OK},
        {"timeout", "x", ERR_BAD_VALUE},
        {"timeout", "-1", ERR_BAD_VALUE},
        {"timeout", "", ERR_BAD_VALUE},
        {"timeout", "nan", ERR_BAD_VALUE},
        {"mode", "ro", ERR_OK},
        {"mode", "rx", ERR_BAD_VALUE},
        {"journal_mode", "DELETE", ERR_OK},
        {"journal_mode", "off", ERR_BAD_VALUE},
        {"foreign_keys", "off", ERR_OK},
        {"synchronous", "normal", ERR_OK},
        {"sslmode", "require", ERR_UNKNOWN_KEY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct db_option o = {str_of(cases[i].name), str_of(cases[i].value)};
        struct db_target t = file_target;
        struct fail f;
        t.options = &o;
        t.option_count = 1;
        fail_init(&f);
        ck_assert_msg(driver_sqlite.check(&t, &f) == cases[i].err, "%s=%s", cases[i].name,
                      cases[i].value);
    }
}
END_TEST

START_TEST(statements_of_the_conf_run_at_connect_and_after_a_reset)
{
    const struct str on_connect[] = {STR("pragma foreign_keys = off"),
                                     STR("create temp table tt (a)")};
    struct db_target t = file_target;
    t.on_connect = on_connect;
    t.on_connect_count = 2;
    struct db_conn *c = open_conn(&t);
    for (int i = 0; i < 2; i++) {
        rows_are(c, "pragma foreign_keys", 1, "0\n");
        rows_are(c, "select count(*) from tt", 1, "0\n");
        rig_must(&rig, c, "insert into tt values (1)");
        struct exec e;
        exec_init(&e, "", 0);
        exec_start(&rig, c, &e, RIG_RESET);
        ck_assert_int_eq(exec_wait(&e), ERR_OK);
        exec_fini(&e);
    }
    rig_close(&rig, c);
}
END_TEST

/* -- files ----------------------------------------------------------------- */

static enum err open_fails(const char *name, struct fail *f)
{
    struct db_target t = file_target;
    t.database = str_of(name);
    ck_assert_ptr_null(rig_open(&rig, &driver_sqlite, &t, f));
    return f->code;
}

START_TEST(a_file_that_cannot_be_had_is_named_with_its_path)
{
    struct fail f;
    char name[160];
    snprintf(name, sizeof name, "%s/none/x.db", dir);
    ck_assert_int_eq(open_fails(name, &f), ERR_CONNECTION_FAILED);
    ck_assert_ptr_nonnull(strstr(f.message, name));
    ck_assert_int_eq(open_fails(dir, &f), ERR_CONNECTION_FAILED);
    ck_assert_ptr_nonnull(strstr(f.message, dir));
    snprintf(name, sizeof name, "%s/text.db", dir);
    FILE *file = fopen(name, "w");
    for (int i = 0; i < 1000; i++) {
        fputs("this is no database\n", file);
    }
    fclose(file);
    ck_assert_int_eq(open_fails(name, &f), ERR_CONNECTION_FAILED);
    ck_assert_ptr_nonnull(strstr(f.message, name));
    unlink(name);
    ck_assert_int_eq(chdir(dir), 0);
    ck_assert_int_eq(open_fails("none/y.db", &f), ERR_CONNECTION_FAILED);
    snprintf(name, sizeof name, "%s/none/y.db", dir);
    ck_assert_ptr_nonnull(strstr(f.message, name));
}
END_TEST

START_TEST(a_path_is_never_a_uri)
{
    struct db_target t = file_target;
    ck_assert_int_eq(chdir(dir), 0);
    t.database = STR("file:x?mode=memory");
    struct db_conn *c = open_conn(&t);
    rig_must(&rig, c, "create table t (a)");
    rig_close(&rig, c);
    ck_assert_int_eq(access("file:x?mode=memory", F_OK), 0);
    unlink("file:x?mode=memory");
}
END_TEST

START_TEST(read_only_means_it)
{
    struct db_option o = {STR("mode"), STR("ro")};
    struct db_target t = file_target;
    t.options = &o;
    t.option_count = 1;
    must("create table t (a)");
    struct db_conn *c = open_conn(&t);
    rows_are(c, "select count(*) from t", 1, "0\n");
    ck_assert_int_eq(rig_do(&rig, c, "insert into t values (1)"), ERR_DATABASE_ERROR);
    rig_close(&rig, c);
}
END_TEST

START_TEST(connections_may_be_opened_all_at_once)
{
    enum { MANY = 8 };
    struct db_conn *c[MANY];
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < MANY; i++) {
            c[i] = open_conn(&file_target);
        }
        for (int i = 0; i < MANY; i++) {
            rig_close(&rig, c[i]);
        }
    }
}
END_TEST

/* -- memory ---------------------------------------------------------------- */

START_TEST(connections_in_memory_share_their_database)
{
    struct db_conn *a = open_conn(&memory_target), *b = open_conn(&memory_target);
    struct db_target other = memory_target;
    other.memory_name = STR("other");
    struct db_conn *c = open_conn(&other);
    rig_must(&rig, a, "create table t (x)");
    rig_must(&rig, a, "insert into t values (7)");
    rows_are(b, "select x from t", 1, "7\n");
    ck_assert_int_eq(rig_do(&rig, c, "select x from t"), ERR_UNKNOWN_TABLE);
    rig_close(&rig, a);
    rig_must(&rig, b, "insert into t values (8)");
    rows_are(b, "select count(*) from t", 1, "2\n");
    rig_close(&rig, b);
    rig_close(&rig, c);
}
END_TEST

START_TEST(a_keeper_keeps_what_is_in_memory)
{
    struct sqlite_keeper *k = NULL, *second = NULL, *file = NULL, *none = NULL;
    struct db_target elsewhere = {.kind = DB_PG};
    struct fail f;
    fail_init(&f);
    ck_assert_int_eq(sqlite_keeper_open(&memory_target, &k, &f), ERR_OK);
    ck_assert_ptr_nonnull(k);
    ck_assert_int_eq(sqlite_keeper_open(&elsewhere, &none, &f), ERR_OK);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(sqlite_keeper_open(&file_target, &file, &f), ERR_OK);
    ck_assert_ptr_nonnull(file); /* the locale */
    sqlite_keeper_close(file);
    struct db_conn *c = open_conn(&memory_target);
    rig_must(&rig, c, "create table t (x)");
    rig_close(&rig, c);
    ck_assert_int_eq(sqlite_keeper_open(&memory_target, &second, &f), ERR_OK);
    sqlite_keeper_close(k);
    c = open_conn(&memory_target);
    rows_are(c, "select count(*) from t", 1, "0\n");
    rig_close(&rig, c);
    sqlite_keeper_close(second);
    c = open_conn(&memory_target);
    ck_assert_int_eq(rig_do(&rig, c, "select x from t"), ERR_UNKNOWN_TABLE);
    rig_close(&rig, c);
    sqlite_keeper_close(NULL);
}
END_TEST

START_TEST(a_reset_in_memory_keeps_the_database)
{
    struct db_conn *c = open_conn(&memory_target);
    rig_must(&rig, c, "create table t (x)");
    rig_must(&rig, c, "begin");
    rig_must(&rig, c, "insert into t values (1)");
    ck_assert_int_eq(c->tx, DB_TX_OPEN);
    struct exec e;
    exec_init(&e, "", 0);
    exec_start(&rig, c, &e, RIG_RESET);
    ck_assert_int_eq(exec_wait(&e), ERR_OK);
    exec_fini(&e);
    ck_assert_int_eq(c->tx, DB_TX_NONE);
    rows_are(c, "select count(*) from t", 1, "0\n");
    rig_close(&rig, c);
}
END_TEST

/* Writers and readers in memory shut each other out; all must come through. */
START_TEST(many_connections_in_memory_wait_for_each_other)
{
    enum { MANY = 6, ROUNDS = 60 };
    struct db_conn *c[MANY];
    struct exec e[MANY];
    for (int i = 0; i < MANY; i++) {
        c[i] = open_conn(&memory_target);
    }
    rig_must(&rig, c[0], "create table t (x)");
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < MANY; i++) {
            exec_init(&e[i], i % 2 == 0 ? "insert into t values (1)" : "select count(*) from t",
                      i % 2 == 0 ? 0 : 1);
            exec_start(&rig, c[i], &e[i], RIG_RUN);
        }
        for (int i = 0; i < MANY; i++) {
            ck_assert_int_eq(exec_wait(&e[i]), ERR_OK);
            exec_fini(&e[i]);
        }
    }
    rows_are(c[0], "select count(*) from t", 1, "180\n");
    for (int i = 0; i < MANY; i++) {
        rig_close(&rig, c[i]);
    }
}
END_TEST

/* -- counts and errors ----------------------------------------------------- */

static uint64_t count_of(const char *sql)
{
    struct exec e;
    exec_init(&e, sql, 0);
    enum err rc = exec_run(&rig, conn, &e);
    ck_assert_msg(rc == ERR_OK, "%s: %s", sql, e.fail.message);
    exec_fini(&e);
    return e.run.rowcount;
}

START_TEST(rowcount_is_rows_matched_or_written)
{
    must("create table t (a integer primary key, b)");
    ck_assert_uint_eq(count_of("insert into t values (1, 1), (2, 2), (3, 3)"), 3);
    ck_assert_uint_eq(count_of("update t set b = 1 where a < 3"), 2);
    ck_assert_uint_eq(count_of("update t set b = 1 where a > 9"), 0);
    ck_assert_uint_eq(count_of("create table u (a)"), 0);
    ck_assert_uint_eq(count_of("insert into t values (1, 5) on conflict do nothing"), 0);
    ck_assert_uint_eq(count_of("delete from t"), 3);
    ck_assert_uint_eq(count_of("begin"), 0);
    ck_assert_int_eq(conn->tx, DB_TX_OPEN);
    ck_assert_uint_eq(count_of("commit"), 0);
    ck_assert_int_eq(conn->tx, DB_TX_NONE);
}
END_TEST

static const struct {
    const char *sql;
    enum err err;
    const char *table, *columns, *constraint, *sqlstate;
} errors[] = {
    {"insert into t values (1, 1, 1, 1)", ERR_UNIQUE_VIOLATION, "t", "a", "", "23505"},
    {"insert into t values (2, 2, 3, 1)", ERR_UNIQUE_VIOLATION, "t", "b,c", "", "23505"},
    {"insert into t values (3, null, 3, 1)", ERR_NOT_NULL_VIOLATION, "t", "b", "", "23502"},
    {"insert into t values (3, 7, 3, -1)", ERR_CHECK_VIOLATION, "", "", "d_positive", "23514"},
    {"insert into k values (99)", ERR_FOREIGN_KEY_VIOLATION, "", "", "", "23503"},
    {"insert into x values ('B')", ERR_UNIQUE_VIOLATION, "", "", "x_lower", "23505"},
    {"insert into s values ('text')", ERR_BAD_VALUE, "", "", "", ""},
    {"insert into t values ('x', 9, 9, 9)", ERR_BAD_VALUE, "", "", "", ""},
    {"select abs(-9223372036854775808)", ERR_OUT_OF_RANGE, "", "", "", ""},
    {"select sum(a) from (select 9223372036854775807 as a union all select 1)",
     ERR_OUT_OF_RANGE, "", "", "", ""},
    {"select json_extract('{', '$')", ERR_BAD_VALUE, "", "", "", ""},
    {"select absent from t", ERR_UNKNOWN_COLUMN, "", "", "", ""},
    {"select 1 from absent", ERR_UNKNOWN_TABLE, "", "", "", ""},
    {"insert into t (zz) values (1)", ERR_UNKNOWN_COLUMN, "", "", "", ""},
    {"insert into t values (1)", ERR_CATALOG_CHANGED, "", "", "", ""},
    {"delete from r", ERR_DATABASE_ERROR, "", "", "", ""},
    {"selec 1", ERR_DATABASE_ERROR, "", "", "", ""},
    {"select nofunction(1)", ERR_UNKNOWN_OPERATOR, "", "", "", ""},
};

static void make_constraints(void)
{
    must("create table t (a integer primary key, b integer not null, c, d "
         "constraint d_positive check (d > 0), unique (b, c))");
    must("insert into t values (1, 2, 3, 1)");
    must("create table k (t_id references t (a))");
    must("create table x (n text)");
    must("create unique index x_lower on x (lower(n))");
    must("insert into x values ('b')");
    must("create table s (n integer) strict");
    must("create table r (n)");
    must("insert into r values (1)");
    must("create trigger no_delete before delete on r begin select raise(abort, 'no'); end");
}

START_TEST(errors_are_told_in_our_words)
{
    make_constraints();
    struct exec e;
    exec_init(&e, errors[_i].sql, 0);
    enum err rc = exec_run(&rig, conn, &e);
    ck_assert_msg(rc == errors[_i].err, "%s: %s: %s", errors[_i].sql, err_wire(rc),
                  e.fail.message);
    must_eq(e.fail.table, errors[_i].table);
    must_eq(e.fail.columns, errors[_i].columns);
    must_eq(e.fail.constraint, errors[_i].constraint);
    must_eq(e.fail.sqlstate, errors[_i].sqlstate);
    exec_fini(&e);
    ck_assert(!conn->broken);
    rows_are(conn, "select count(*) from t", 1, "1\n");
}
END_TEST

static enum err select_all_prepared(void)
{
    struct exec e;
    exec_init(&e, "select * from t", 1);
    e.stmt.id = 5;
    enum err rc = exec_run(&rig, conn, &e);
    exec_fini(&e);
    return rc;
}

START_TEST(a_prepared_statement_notices_only_a_change_that_concerns_it)
{
    must("create table t (a)");
    must("insert into t values (1)");
    ck_assert_int_eq(select_all_prepared(), ERR_OK);
    must("create table u (a)");
    ck_assert_int_eq(select_all_prepared(), ERR_OK);
    must("alter table t add column b");
    ck_assert_int_eq(select_all_prepared(), ERR_CATALOG_CHANGED);
    must("drop table t");
    ck_assert_int_eq(select_all_prepared(), ERR_UNKNOWN_TABLE);
    must("create table t (a)");
    ck_assert_int_eq(select_all_prepared(), ERR_OK);
}
END_TEST

START_TEST(prepared_statements_are_kept_up_to_the_limit)
{
    struct db_target t = file_target;
    t.statement_cache = 3;
    struct db_conn *c = open_conn(&t);
    for (int i = 0; i < 30; i++) {
        struct exec e;
        exec_init(&e, "select 1", 1);
        e.stmt.id = 1 + (uint64_t)(i % 7);
        ck_assert_int_eq(exec_run(&rig, c, &e), ERR_OK);
        exec_fini(&e);
    }
    rows_are(c, "select count(*) from sqlite_stmt where sql = 'select 1'", 1, "3\n");
    rig_close(&rig, c);
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, every_kind_of_value_comes_back);
    tcase_add_test(tc, empty_texts_and_blobs_are_not_null);
    tcase_add_test(tc, hostile_texts_stay_texts);
    tcase_add_loop_test(tc, texts_are_bound_as_their_type_asks, 0,
                        sizeof texts / sizeof texts[0]);
    tcase_add_test(tc, a_numeric_compares_as_a_number_and_is_kept_by_affinity);
    tcase_add_test(tc, what_sqlite_cannot_hold_is_refused);
    tcase_add_test(tc, a_session_is_pinned);
    tcase_add_test(tc, an_unknown_column_in_quotes_is_no_text);
    tcase_add_test(tc, one_run_is_one_statement);
    tcase_add_test(tc, options_are_read_and_unknown_ones_refused);
    tcase_add_test(tc, statements_of_the_conf_run_at_connect_and_after_a_reset);
    tcase_add_test(tc, a_file_that_cannot_be_had_is_named_with_its_path);
    tcase_add_test(tc, a_path_is_never_a_uri);
    tcase_add_test(tc, read_only_means_it);
    tcase_add_test(tc, connections_may_be_opened_all_at_once);
    tcase_add_test(tc, connections_in_memory_share_their_database);
    tcase_add_test(tc, a_keeper_keeps_what_is_in_memory);
    tcase_add_test(tc, a_reset_in_memory_keeps_the_database);
    tcase_add_test(tc, many_connections_in_memory_wait_for_each_other);
    tcase_add_test(tc, rowcount_is_rows_matched_or_written);
    tcase_add_loop_test(tc, errors_are_told_in_our_words, 0, sizeof errors / sizeof errors[0]);
    tcase_add_test(tc, a_prepared_statement_notices_only_a_change_that_concerns_it);
    tcase_add_test(tc, prepared_statements_are_kept_up_to_the_limit);
}

int main(void)
{
    return sqlite_case_main("sqlite_values", add);
}
