/* SPDX-License-Identifier: MIT
 *
 * test_sqlite.c: the SQLite driver on real files and databases in memory.
 */
#include "backend/sqlite.h"
#include "rig.h"

#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct rig rig;
static char dir[64];
static char path[128];
static struct db_target file_target, memory_target;
static struct db_conn *conn;

static void must_eq(const char *got, const char *want)
{
    ck_assert_str_eq(got, want);
}

/* What a query gives, as text. */
static void rows_are(struct db_conn *c, const char *sql, uint32_t columns, const char *want)
{
    char *got = rig_rows(&rig, c, sql, columns);
    must_eq(got, want);
    free(got);
}

static struct db_conn *open_conn(const struct db_target *t)
{
    struct fail f;
    struct db_conn *c = rig_open(&rig, &driver_sqlite, t, &f);
    ck_assert_msg(c != NULL, "%s", f.message);
    return c;
}

static void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/tribikos-sqlite-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/t.db", dir);
    file_target = (struct db_target){.kind = DB_SQLITE,
                                     .database = str_of(path),
                                     .connect_timeout_ms = 5000,
                                     .statement_cache = 16};
    memory_target = (struct db_target){
        .kind = DB_SQLITE, .statement_cache = 16, .memory_name = STR("main")};
    rig_init(&rig);
    conn = open_conn(&file_target);
}

static void teardown(void)
{
    if (conn != NULL) {
        rig_close(&rig, conn);
    }
    rig_fini(&rig);
    const char *ends[] = {"", "-wal", "-shm", "-journal"};
    for (int i = 0; i < 4; i++) {
        char name[160];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
    (void)rmdir(dir);
}

static void must(const char *sql)
{
    rig_must(&rig, conn, sql);
}

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
    struct sqlite_keeper *k = NULL, *second = NULL, *none = NULL;
    struct fail f;
    fail_init(&f);
    ck_assert_int_eq(sqlite_keeper_open(&memory_target, &k, &f), ERR_OK);
    ck_assert_ptr_nonnull(k);
    ck_assert_int_eq(sqlite_keeper_open(&file_target, &none, &f), ERR_OK);
    ck_assert_ptr_null(none);
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

/* -- functions ------------------------------------------------------------- */

START_TEST(case_is_unicodes)
{
    rows_are(conn, "select tb_lower('ÀÉÎ ΣΩ ЖЯ I'), tb_upper('àéî ßσω жя i'), tb_lower(null)",
             3, "'àéî σω жя i'|'ÀÉÎ ßΣΩ ЖЯ I'|null\n");
    rows_are(conn, "select tb_lower(cast(x'41ff42c3' as text)), tb_upper('')", 2,
             "'a\xff"
             "b\xc3'|''\n");
}
END_TEST

START_TEST(ilike_folds_case_and_counts_characters)
{
    static const struct {
        const char *pattern, *text, *escape, *want;
    } cases[] = {
        {"%É_", "xxéü", NULL, "1\n"},
        {"_", "\xf0\x9f\x90\x98", NULL, "1\n"},
        {"__", "é", NULL, "0\n"},
        {"ΣΑΣ", "σας", NULL, "1\n"},
        {"ſ", "S", NULL, "1\n"},
        {"K", "\xe2\x84\xaa", NULL, "1\n"},
        {"i", "ı", NULL, "0\n"},
        {"", "", NULL, "1\n"},
        {"%", "", NULL, "1\n"},
        {"_", "", NULL, "0\n"},
        {"a!%", "A%", "!", "1\n"},
        {"a!%", "Ax", "!", "0\n"},
        {"a\\%", "a\\x", NULL, "1\n"},
        {"%a%b%c", "xxAyyBzzc", NULL, "1\n"},
        {"%a%b%c", "xxAyyBzz", NULL, "0\n"},
        {"%%%_%%", "", NULL, "0\n"},
        {"!!", "!", "!", "1\n"},
        {"ab", "abc", NULL, "0\n"},
        {"%aab", "aaaaab", NULL, "1\n"},
        {"é%é%é", "ÉÉxÉ", NULL, "1\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct exec e;
        exec_init(&e, "select tb_ilike(?1, ?2, ?3)", 1);
        exec_param(&e, TYPE_TEXT, v_text(cases[i].pattern));
        exec_param(&e, TYPE_TEXT, v_text(cases[i].text));
        exec_param(&e, TYPE_TEXT, cases[i].escape == NULL ? v_null() : v_text(cases[i].escape));
        ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
        buf_char(&e.text, '\0');
        ck_assert_msg(strcmp(e.text.ptr, cases[i].want) == 0, "%s ilike %s: %s", cases[i].text,
                      cases[i].pattern, e.text.ptr);
        exec_fini(&e);
    }
    rows_are(conn, "select tb_ilike(null, 'a'), tb_ilike('a', null)", 2, "null|null\n");
    ck_assert_int_eq(rig_do(&rig, conn, "select tb_ilike('a!', 'a', '!')"), ERR_BAD_VALUE);
    ck_assert_int_eq(rig_do(&rig, conn, "select tb_ilike('a', 'a', 'xy')"), ERR_BAD_VALUE);
    ck_assert_int_eq(rig_do(&rig, conn, "select tb_ilike('a', 'a', '')"), ERR_BAD_VALUE);
}
END_TEST

static const struct {
    const char *sql, *want; /* want NULL: fails with err */
    enum err err;
} sums[] = {
    {"tb_add(1, 2), tb_sub(1, 2), tb_mul(3, 4)", "3|-1|12\n", ERR_OK},
    {"tb_add(1, 0.5), tb_mul(0.5, 4), tb_sub('3', 1)", "1.5d|2d|2\n", ERR_OK},
    {"tb_div(7, 2), tb_div(6, 2), tb_div(1, 4.0)", "3.5d|3d|0.25d\n", ERR_OK},
    {"tb_idiv(-7, 2), tb_idiv(7, -2), tb_idiv(7.9, 2)", "-3|-3|3\n", ERR_OK},
    {"tb_mod(-7, 2), tb_mod(7, -2), tb_mod(7.5, 2)", "-1|1|1.5d\n", ERR_OK},
    {"tb_mod(-9223372036854775807 - 1, -1), tb_add(null, 1), tb_div(1, null)", "0|null|null\n",
     ERR_OK},
    {"tb_idiv(-9223372036854775807 - 1, 1), 1, 1", "-9223372036854775808|1|1\n", ERR_OK},
    {"tb_idiv(-9223372036854775807 - 1, -1), 1, 1", NULL, ERR_OUT_OF_RANGE},
    {"tb_add(9223372036854775807, 1), 1, 1", NULL, ERR_OUT_OF_RANGE},
    {"tb_sub(-9223372036854775807, 2), 1, 1", NULL, ERR_OUT_OF_RANGE},
    {"tb_mul(4611686018427387904, 2), 1, 1", NULL, ERR_OUT_OF_RANGE},
    {"tb_mul(1e200, 1e200), 1, 1", NULL, ERR_OUT_OF_RANGE},
    {"tb_idiv(1e19, 1), 1, 1", NULL, ERR_OUT_OF_RANGE},
    {"tb_one(1, 'x'), tb_one(0, null), tb_one(null, 1)", "'x'|null|null\n", ERR_OK},
    {"tb_one(2, 'x'), 1, 1", NULL, ERR_MULTIPLE_RESULTS},
    {"tb_div(1, 0), 1, 1", NULL, ERR_DIVISION_BY_ZERO},
    {"tb_idiv(1, 0), 1, 1", NULL, ERR_DIVISION_BY_ZERO},
    {"tb_mod(1.5, 0), 1, 1", NULL, ERR_DIVISION_BY_ZERO},
};

START_TEST(arithmetic_is_checked)
{
    char sql[200];
    struct exec e;
    snprintf(sql, sizeof sql, "select %s", sums[_i].sql);
    exec_init(&e, sql, 3);
    ck_assert_int_eq(exec_run(&rig, conn, &e), sums[_i].err);
    if (sums[_i].want != NULL) {
        buf_char(&e.text, '\0');
        must_eq(e.text.ptr, sums[_i].want);
    }
    exec_fini(&e);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sqlite");
    TCase *tc = tcase_create("sqlite");
    tcase_set_timeout(tc, 90);
    tcase_add_checked_fixture(tc, setup, teardown);
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
    tcase_add_test(tc, case_is_unicodes);
    tcase_add_test(tc, ilike_folds_case_and_counts_characters);
    tcase_add_loop_test(tc, arithmetic_is_checked, 0, sizeof sums / sizeof sums[0]);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
