/* SPDX-License-Identifier: MIT
 *
 * test_maria_values.c: what goes to a MariaDB server and what comes back: values,
 * settings, errors, prepared statements, bulk packets.
 */
#include "maria_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- values ---------------------------------------------------------------- */

START_TEST(every_type_comes_back)
{
    must("create table t (a tinyint, b tinyint unsigned, c smallint, d mediumint, e int, "
         "f bigint, g bigint unsigned, h float, i double, j decimal(30,10), k bit(9), l year, "
         "m date, n time(6), o datetime(6), p timestamp(6) null, q char(5), r varchar(50), "
         "s text, u varbinary(10), v blob, w json, x enum('x','y'), y set('a','b'), z uuid)");
    must("insert into t values (-128, 255, -32768, -8388608, -2147483648, "
         "-9223372036854775808, 18446744073709551615, 1.5, 0.1, "
         "-12345678901234567890.0123456789, b'101010101', 2024, '2024-02-29', "
         "'12:34:56.000789', '2024-02-29 23:59:59.123456', '2024-02-29 00:00:00', 'ab', "
         "'Zo\xc3\xab', '\xf0\x9f\x90\x98', x'00ff', x'', '{\"a\":1}', 'y', 'a,b', "
         "'123e4567-e89b-12d3-a456-426614174000')");
    must("insert into t (a) values (null)");
    struct exec e;
    exec_init(&e, "select * from t", 25);
    e.columns[19].type.kind = e.columns[20].type.kind = TYPE_BYTES;
    e.columns[24].type.kind = TYPE_UUID;
    runs(conn, &e);
    text_is(&e,
            "-128|255|-32768|-8388608|-2147483648|-9223372036854775808|"
            "'18446744073709551615'|1.5d|0.10000000000000001d|"
            "'-12345678901234567890.0123456789'|341|2024|'2024-02-29'|"
            "'12:34:56.000789'|'2024-02-29 23:59:59.123456'|'2024-02-29 00:00:00'|'ab'|"
            "'Zo\xc3\xab'|'\xf0\x9f\x90\x98'|x'00ff'|x''|'{\"a\":1}'|'y'|'a,b'|"
            "'123e4567-e89b-12d3-a456-426614174000'\n"
            "null|null|null|null|null|null|null|null|null|null|null|null|null|null|null|null|"
            "null|null|null|null|null|null|null|null|null\n");
    ck_assert_uint_eq(e.run.rowcount, 2);
    exec_fini(&e);
}
END_TEST

static const struct {
    enum type_kind kind;
    const char *in, *type, *out;
} params[] = {
    {TYPE_NUMERIC, "123456789012345678901234567890.12", "decimal(40,2)",
     "'123456789012345678901234567890.12'\n"},
    {TYPE_DATE, "2024-02-29", "date", "'2024-02-29'\n"},
    {TYPE_TIMESTAMP, "2024-02-29 01:02:03", "datetime(6)", "'2024-02-29 01:02:03'\n"},
    {TYPE_TIMESTAMP, "2024-02-29 01:02:03.5", "datetime(6)", "'2024-02-29 01:02:03.500000'\n"},
    {TYPE_TIMESTAMPTZ, "2024-02-29 01:02:03.000001", "timestamp(6)",
     "'2024-02-29 01:02:03.000001'\n"},
    {TYPE_TIMESTAMP, "0099-01-01 00:00:00", "datetime", "'0099-01-01 00:00:00'\n"},
    {TYPE_TIME, "23:59:59.999999", "time(6)", "'23:59:59.999999'\n"},
    {TYPE_TEXT, "Zo\xc3\xab \xf0\x9f\x90\x98", "varchar(50)",
     "'Zo\xc3\xab \xf0\x9f\x90\x98'\n"},
    {TYPE_TEXT, "", "varchar(50)", "''\n"},
    {TYPE_JSON, "{\"a\": [1]}", "json", "'{\"a\": [1]}'\n"},
    {TYPE_UUID, "123e4567-e89b-12d3-a456-426614174000", "char(36)",
     "'123e4567-e89b-12d3-a456-426614174000'\n"},
};

START_TEST(texts_are_bound_as_their_type_asks)
{
    char sql[100];
    struct exec e;
    snprintf(sql, sizeof sql, "create table t (a %s)", params[_i].type);
    must(sql);
    exec_init(&e, "insert into t values (?)", 0);
    exec_param(&e, params[_i].kind, v_text(params[_i].in));
    runs(conn, &e);
    ck_assert_uint_eq(e.run.rowcount, 1);
    exec_fini(&e);
    rows_are(conn, "select a from t", 1, params[_i].out);
    exec_init(&e, "select a from t where a = ?", 1);
    exec_param(&e, params[_i].kind, v_text(params[_i].in));
    runs(conn, &e);
    text_is(&e, params[_i].out);
    exec_fini(&e);
}
END_TEST

START_TEST(other_values_are_bound_as_what_they_are)
{
    struct exec e;
    must("create table t (a bigint, b double, c bool, d varbinary(9), e text, f decimal(5,2))");
    exec_init(&e, "insert into t values (?, ?, ?, ?, ?, ?)", 0);
    exec_param(&e, TYPE_BIGINT, v_int(INT64_MIN));
    exec_param(&e, TYPE_DOUBLE, v_double(-1e-300));
    exec_param(&e, TYPE_BOOLEAN, v_bool(true));
    exec_param(&e, TYPE_BYTES, v_bytes("\0\xff'\\", 4));
    exec_param(&e, TYPE_TEXT, v_null());
    exec_param(&e, TYPE_NUMERIC, v_null());
    runs(conn, &e);
    exec_fini(&e);
    exec_init(&e, "select * from t", 6);
    e.columns[3].type.kind = TYPE_BYTES;
    runs(conn, &e);
    text_is(&e, "-9223372036854775808|-1e-300d|1|x'00ff275c'|null|null\n");
    exec_fini(&e);
    exec_init(&e, "select ?", 1);
    exec_param(&e, TYPE_DOUBLE, v_double(nan("")));
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_BAD_VALUE);
    exec_fini(&e);
    rows_are(conn, "select 1", 1, "1\n");
}
END_TEST

START_TEST(hostile_texts_stay_texts)
{
    static const char *const texts[] = {
        "'; drop table t; --", "\"", "?", "\\", "\\'", "%_", "`", "'''''", "/*", "#"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct exec e;
        char want[32];
        exec_init(&e, "select ? = ?, char_length(?)", 2);
        for (int n = 0; n < 3; n++) {
            exec_param(&e, TYPE_TEXT, v_text(texts[i]));
        }
        runs(conn, &e);
        snprintf(want, sizeof want, "1|%zu\n", strlen(texts[i]));
        text_is(&e, want);
        exec_fini(&e);
    }
}
END_TEST

START_TEST(large_values_pass_both_ways)
{
    size_t n = 9u << 20;
    char *big = malloc(n);
    struct exec e;
    memset(big, 'x', n);
    must("create table t (a longtext)");
    exec_init(&e, "insert into t values (?)", 0);
    exec_param(&e, TYPE_TEXT, (struct value){.kind = VALUE_TEXT, .text = {big, n}});
    runs(conn, &e);
    exec_fini(&e);
    exec_init(&e, "select a, 7 from t", 2);
    runs(conn, &e);
    ck_assert_uint_eq(e.text.len, n + 5);
    ck_assert_int_eq(memcmp(e.text.ptr + 1, big, n), 0);
    ck_assert_int_eq(memcmp(e.text.ptr + 1 + n, "'|7\n", 4), 0);
    exec_fini(&e);
    free(big);
}
END_TEST

START_TEST(values_beyond_the_servers_packet_are_refused_before_they_are_sent)
{
    size_t n = 65u << 20;
    char *big = malloc(n);
    memset(big, 'x', n);
    must("create table t (a longtext)");
    for (uint32_t sets = 1; sets < 3; sets++) {
        struct value values[2] = {v_text("small"), {.kind = VALUE_TEXT, .text = {big, n}}};
        struct exec e;
        exec_init(&e, "insert into t values (?)", 0);
        exec_param(&e, TYPE_TEXT, v_null());
        e.run.params = sets == 1 ? &values[1] : values;
        e.run.sets = sets;
        ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_REQUEST_TOO_LARGE);
        exec_fini(&e);
        ck_assert(!conn->broken);
        rows_are(conn, "select 1", 1, "1\n");
        must("delete from t");
    }
    free(big);
}
END_TEST

/* -- pins ------------------------------------------------------------------ */

START_TEST(a_session_is_pinned)
{
    rows_are(conn, "select @@time_zone, @@autocommit, @@group_concat_max_len > 1000000", 3,
             "'+00:00'|1|1\n");
    rows_are(conn,
             "select @@character_set_client, @@character_set_results, "
             "@@character_set_connection",
             3, "'utf8mb4'|'utf8mb4'|'utf8mb4'\n");
    rows_are(conn, "select '\\\\n', char_length('\xf0\x9f\x90\x98')", 2, "'\\\\n'|1\n");
    ck_assert_int_eq(rig_do(&rig, conn, "select 1; select 2"), ERR_DATABASE_ERROR);
    must("create table t (a int)");
    ck_assert_int_ne(rig_do(&rig, conn, "load data local infile '/etc/passwd' into table t"),
                     ERR_OK);
    rows_are(conn, "select 1", 1, "1\n");
    ck_assert_uint_ge(conn->server_version, 101100);
    ck_assert_uint_gt(conn->backend_id, 0);
}
END_TEST

START_TEST(options_are_read_and_unknown_ones_refused)
{
    static const struct {
        const char *name, *value;
        enum err err;
    } cases[] = {
        {"ssl_mode", "REQUIRED", ERR_OK},  {"ssl_mode", "maybe", ERR_BAD_VALUE},
        {"charset", "utf8mb4", ERR_OK},    {"charset", "latin1", ERR_BAD_VALUE},
        {"unix_socket", "/x", ERR_OK},     {"local_infile", "1", ERR_UNKNOWN_KEY},
        {"sql_mode", "", ERR_UNKNOWN_KEY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct db_option o = {str_of(cases[i].name), str_of(cases[i].value)};
        struct db_target t = target;
        struct fail f;
        t.options = &o;
        t.option_count = 1;
        fail_init(&f);
        ck_assert_msg(driver_maria.check(&t, &f) == cases[i].err, "%s=%s", cases[i].name,
                      cases[i].value);
    }
}
END_TEST

static enum err open_fails(const struct db_target *t, struct fail *f)
{
    ck_assert_ptr_null(rig_open(&rig, &driver_maria, t, f));
    ck_assert_ptr_null(strstr(f->message, SERVER_PASSWORD));
    ck_assert_str_ne(f->message, "");
    return f->code;
}

START_TEST(a_server_that_refuses_is_a_failed_connection)
{
    struct fail f;
    struct db_target t = target;
    t.password = STR("wrong");
    ck_assert_int_eq(open_fails(&t, &f), ERR_CONNECTION_FAILED);
    ck_assert_int_eq(f.native, 1045);
    t = target;
    t.database = STR("nowhere");
    ck_assert_int_eq(open_fails(&t, &f), ERR_CONNECTION_FAILED);
    t = target;
    t.port = server_free_port();
    ck_assert_int_eq(open_fails(&t, &f), ERR_CONNECTION_FAILED);
    t = target;
    t.host = STR("/nowhere/at/all.sock");
    ck_assert_int_eq(open_fails(&t, &f), ERR_CONNECTION_FAILED);
}
END_TEST

/* Opens with these options; the outcome. */
static enum err open_with(const char *host, const char *mode, const char *ca)
{
    struct db_option o[2] = {{STR("ssl_mode"), str_of(mode)}, {STR("ssl_ca"), str_of(ca)}};
    struct db_target t = target;
    struct fail f;
    t.host = str_of(host);
    t.options = o;
    t.option_count = ca == NULL ? 1 : 2;
    struct db_conn *c = rig_open(&rig, &driver_maria, &t, &f);
    if (c == NULL) {
        return f.code;
    }
    char *cipher = rig_rows(&rig, c, "show status like 'ssl_cipher'", 2);
    bool plain = strcmp(cipher, "'Ssl_cipher'|''\n") == 0;
    ck_assert_msg(plain == (strcmp(mode, "disabled") == 0), "%s: %s", mode, cipher);
    free(cipher);
    rig_close(&rig, c);
    return ERR_OK;
}

START_TEST(tls_is_as_strict_as_asked_for)
{
    ck_assert_int_eq(open_with("127.0.0.1", "disabled", NULL), ERR_OK);
    ck_assert_int_eq(open_with("127.0.0.1", "preferred", NULL), ERR_OK);
    ck_assert_int_eq(open_with("127.0.0.1", "required", NULL), ERR_OK);
    ck_assert_int_eq(open_with("localhost", "verify_identity", ca_path), ERR_OK);
    ck_assert_int_eq(open_with("localhost", "verify_identity", NULL), ERR_CONNECTION_FAILED);
    ck_assert_int_eq(open_with("127.0.0.1", "verify_identity", ca_path), ERR_CONNECTION_FAILED);
}
END_TEST

START_TEST(a_socket_is_as_good_as_a_port)
{
    struct db_target t = target;
    t.host = str_of(server.socket);
    struct db_conn *c = open_conn(&t);
    rows_are(c, "select 1", 1, "1\n");
    rig_close(&rig, c);
    struct db_option o = {STR("unix_socket"), str_of(server.socket)};
    t.host = (struct str){0};
    t.options = &o;
    t.option_count = 1;
    c = open_conn(&t);
    rows_are(c, "select 1", 1, "1\n");
    rig_close(&rig, c);
}
END_TEST

/* -- counts and errors ----------------------------------------------------- */

static uint64_t count_of(const char *sql)
{
    struct exec e;
    exec_init(&e, sql, 0);
    runs(conn, &e);
    exec_fini(&e);
    return e.run.rowcount;
}

START_TEST(rowcount_is_rows_matched_or_written)
{
    must("create table t (a int primary key, b int)");
    ck_assert_uint_eq(count_of("insert into t values (1, 1), (2, 2), (3, 3)"), 3);
    ck_assert_uint_eq(count_of("update t set b = 1 where a < 3"), 2);
    ck_assert_uint_eq(count_of("update t set b = 1 where a < 3"), 2);
    ck_assert_uint_eq(count_of("update t set b = 1 where a > 9"), 0);
    ck_assert_uint_eq(count_of("begin"), 0);
    ck_assert_int_eq(conn->tx, DB_TX_OPEN);
    ck_assert_uint_eq(count_of("delete from t where a = 1"), 1);
    rows_are(conn, "select count(*) from t", 1, "2\n");
    ck_assert_int_eq(conn->tx, DB_TX_OPEN);
    ck_assert_uint_eq(count_of("commit"), 0);
    ck_assert_int_eq(conn->tx, DB_TX_NONE);
    struct exec e;
    exec_init(&e, "insert into t values (?, 5), (8, 6) returning a, b", 2);
    exec_param(&e, TYPE_INTEGER, v_int(7));
    runs(conn, &e);
    ck_assert_uint_eq(e.run.rowcount, 2);
    text_is(&e, "7|5\n8|6\n");
    exec_fini(&e);
    exec_init(&e, "update t set b = ? where a > 6", 0);
    exec_param(&e, TYPE_INTEGER, v_int(5));
    runs(conn, &e);
    ck_assert_uint_eq(e.run.rowcount, 2);
    exec_fini(&e);
}
END_TEST

static const struct {
    const char *sql;
    enum err err;
    int native;
    const char *table, *columns, *constraint;
} errors[] = {
    {"insert into t values (1, 1, 1, 'x')", ERR_UNIQUE_VIOLATION, 1062, "", "", "PRIMARY"},
    {"insert into t values (2, 5, 5, 'for key ''y''')", ERR_UNIQUE_VIOLATION, 1062, "", "",
     "t_d"},
    {"insert into t values (3, null, 3, 'x')", ERR_NOT_NULL_VIOLATION, 1048, "", "b", ""},
    {"insert into t (a) values (3)", ERR_NOT_NULL_VIOLATION, 1364, "", "b", ""},
    {"insert into t values (3, -7, 3, 'x')", ERR_CHECK_VIOLATION, 4025, "t", "", "b_positive"},
    {"insert into k values (99, 1)", ERR_FOREIGN_KEY_VIOLATION, 1452, "k", "t_a", "k_t"},
    {"delete from t where a = 1", ERR_FOREIGN_KEY_VIOLATION, 1451, "k", "t_a", "k_t"},
    {"insert into t values (3, 99999999999, 3, 'x')", ERR_OUT_OF_RANGE, 1264, "", "b", ""},
    {"insert into t values (3, 3, 3, 'much too long')", ERR_TOO_LONG, 1406, "", "d", ""},
    {"insert into t values (3, 'secret', 3, 'x')", ERR_BAD_VALUE, 1366, "", "", ""},
    {"insert into t values (3, 1/0, 3, 'x')", ERR_DIVISION_BY_ZERO, 1365, "", "", ""},
    {"insert into w values ('2024-02-30')", ERR_BAD_VALUE, 1292, "", "", ""},
    {"insert into w values ('0000-00-00')", ERR_BAD_VALUE, 1292, "", "", ""},
    {"select absent from t", ERR_UNKNOWN_COLUMN, 1054, "", "", ""},
    {"select 1 from absent", ERR_UNKNOWN_TABLE, 1146, "", "", ""},
    {"insert into t values (1)", ERR_CATALOG_CHANGED, 1136, "", "", ""},
    {"select absent(1)", ERR_UNKNOWN_OPERATOR, 1305, "", "", ""},
    {"select 9223372036854775807 + 1", ERR_OUT_OF_RANGE, 1690, "", "", ""},
    {"select (select a from t union select 2)", ERR_MULTIPLE_RESULTS, 1242, "", "", ""},
    {"selec 1", ERR_DATABASE_ERROR, 1064, "", "", ""},
};

START_TEST(errors_are_told_in_our_words)
{
    must("drop table if exists w");
    must("create table w (a date)");
    must("create table t (a int primary key, b int not null check (b > -100), c int, d "
         "varchar(12), unique t_d (d), "
         "constraint b_positive check (b > 0))");
    must("create table k (t_a int, n int, constraint k_t foreign key (t_a) references t (a))");
    must("insert into t values (1, 5, 5, 'for key ''y''')");
    must("insert into k values (1, 1)");
    for (int prepared = 0; prepared < 2; prepared++) {
        struct exec e;
        exec_init(&e, errors[_i].sql, 0);
        e.run.sets = 1;
        if (prepared == 1) {
            e.stmt.column_count = 1;
        }
        enum err rc = exec_run(&rig, conn, &e);
        ck_assert_msg(rc == errors[_i].err, "%s: %s: %s", errors[_i].sql, err_wire(rc),
                      e.fail.message);
        ck_assert_int_eq(e.fail.native, errors[_i].native);
        ck_assert_str_eq(e.fail.table, errors[_i].table);
        ck_assert_str_eq(e.fail.columns, errors[_i].columns);
        ck_assert_str_eq(e.fail.constraint, errors[_i].constraint);
        ck_assert_ptr_null(strstr(e.fail.message, "secret"));
        ck_assert_uint_eq(strlen(e.fail.sqlstate), 5);
        exec_fini(&e);
    }
    ck_assert(!conn->broken);
    rows_are(conn, "select count(*) from t", 1, "1\n");
}
END_TEST

/* The table is searched by halves: a number out of order would not be found. */
START_TEST(error_numbers_are_found)
{
    ck_assert_int_eq(maria_err(1020), ERR_SERIALIZATION_FAILURE);
    ck_assert_int_eq(maria_err(1062), ERR_UNIQUE_VIOLATION);
    ck_assert_int_eq(maria_err(1205), ERR_LOCK_TIMEOUT);
    ck_assert_int_eq(maria_err(1213), ERR_DEADLOCK);
    ck_assert_int_eq(maria_err(1461), ERR_OVERLOAD);
    ck_assert_int_eq(maria_err(1927), ERR_CONNECTION_LOST);
    ck_assert_int_eq(maria_err(1969), ERR_TIMEOUT);
    ck_assert_int_eq(maria_err(2013), ERR_CONNECTION_LOST);
    ck_assert_int_eq(maria_err(2057), ERR_CATALOG_CHANGED);
    ck_assert_int_eq(maria_err(3572), ERR_LOCK_TIMEOUT);
    ck_assert_int_eq(maria_err(4025), ERR_CHECK_VIOLATION);
    ck_assert_int_eq(maria_err(5014), ERR_CONNECTION_LOST);
    ck_assert_int_eq(maria_err(0), ERR_DATABASE_ERROR);
    ck_assert_int_eq(maria_err(99999), ERR_DATABASE_ERROR);
}
END_TEST

static enum err proven(const char *sql)
{
    struct exec e;
    exec_init(&e, sql, 1);
    e.stmt.read_only = true;
    enum err rc = exec_run(&rig, conn, &e);
    exec_fini(&e);
    return rc;
}

START_TEST(warnings_of_a_proven_read_are_errors)
{
    ck_assert_int_eq(proven("select 1 / 0"), ERR_DIVISION_BY_ZERO);
    ck_assert_int_eq(proven("select cast('x' as signed)"), ERR_BAD_VALUE);
    ck_assert_int_eq(proven("select 1 / 4"), ERR_OK);
    rows_are(conn, "select 1 / 0", 1, "null\n"); /* text that nobody has proven */
    must("create table t (a int)");
    must("insert into t values (1), (0)");
    ck_assert_int_eq(proven("select 1 / a from t"), ERR_DIVISION_BY_ZERO);
    ck_assert_int_eq(proven("select 1"), ERR_OK);
}
END_TEST

START_TEST(locks_and_deadlocks_are_conflicts)
{
    struct db_conn *b = open_conn(&target);
    must("create table t (a int primary key, b int) engine = innodb");
    must("insert into t values (1, 1), (2, 2)");
    must("set innodb_lock_wait_timeout = 1");
    rig_must(&rig, b, "begin");
    rig_must(&rig, b, "update t set b = 5 where a = 1");
    ck_assert_int_eq(rig_do(&rig, conn, "update t set b = 6 where a = 1"), ERR_LOCK_TIMEOUT);
    must("set innodb_lock_wait_timeout = 50");
    must("begin");
    must("update t set b = 7 where a = 2");
    struct exec e;
    exec_init(&e, "update t set b = 8 where a = 2", 0);
    exec_start(&rig, b, &e, RIG_RUN);
    enum err mine = rig_do(&rig, conn, "update t set b = 9 where a = 1");
    enum err theirs = exec_wait(&e);
    ck_assert((mine == ERR_DEADLOCK) != (theirs == ERR_DEADLOCK));
    exec_fini(&e);
    rig_close(&rig, b);
}
END_TEST

/* -- prepared statements --------------------------------------------------- */

static enum err select_all_prepared(void)
{
    struct exec e;
    exec_init(&e, "select * from t where 1 = ?", 1);
    e.stmt.id = 5;
    exec_param(&e, TYPE_INTEGER, v_int(1));
    enum err rc = exec_run(&rig, conn, &e);
    exec_fini(&e);
    return rc;
}

START_TEST(a_prepared_statement_notices_a_change_that_concerns_it)
{
    must("create table t (a int)");
    must("insert into t values (1)");
    ck_assert_int_eq(select_all_prepared(), ERR_OK);
    must("alter table t modify a varchar(20)");
    ck_assert_int_eq(select_all_prepared(), ERR_OK);
    must("alter table t add column b int");
    ck_assert_int_eq(select_all_prepared(), ERR_CATALOG_CHANGED);
    must("drop table t");
    ck_assert_int_eq(select_all_prepared(), ERR_UNKNOWN_TABLE);
    must("create table t (a int)");
    ck_assert_int_eq(select_all_prepared(), ERR_OK);
    ck_assert(!conn->broken);
}
END_TEST

START_TEST(prepared_statements_are_kept_up_to_the_limit)
{
    struct db_target t = target;
    t.statement_cache = 3;
    struct db_conn *c = open_conn(&t);
    for (int i = 0; i < 40; i++) {
        struct exec e;
        exec_init(&e, "select ?, 'x'", 2);
        e.stmt.id = 1 + (uint64_t)(i % 7);
        exec_param(&e, TYPE_BIGINT, v_int(i));
        char want[32];
        snprintf(want, sizeof want, "%d|'x'\n", i);
        runs(c, &e);
        text_is(&e, want);
        exec_fini(&e);
    }
    /* The statement that asks is prepared too, and not kept. */
    rows_are(c,
             "select variable_value from information_schema.session_status where "
             "variable_name = 'Com_stmt_prepare'",
             1, "'41'\n");
    rows_are(c,
             "select variable_value from information_schema.session_status where "
             "variable_name = 'Com_stmt_close'",
             1, "'38'\n");
    rig_close(&rig, c);
}
END_TEST

START_TEST(room_is_made_when_the_server_takes_no_more_statements)
{
    struct exec e;
    for (uint64_t i = 0; i < 5; i++) {
        exec_init(&e, "select ?", 1);
        e.stmt.id = 1 + i;
        exec_param(&e, TYPE_BIGINT, v_int(1));
        runs(conn, &e);
        exec_fini(&e);
    }
    must("set global max_prepared_stmt_count = 5");
    exec_init(&e, "select ?", 1);
    e.stmt.id = 77;
    exec_param(&e, TYPE_BIGINT, v_int(2));
    enum err rc = exec_run(&rig, conn, &e);
    exec_fini(&e);
    must("set global max_prepared_stmt_count = 16382");
    ck_assert_int_eq(rc, ERR_OK);
}
END_TEST

/* -- bulk ------------------------------------------------------------------ */

enum { BULK = 10000, BULK_COLUMNS = 5 };

static void bulk_values(struct value *v, char (*names)[24])
{
    for (int i = 0; i < BULK; i++, v += BULK_COLUMNS) {
        snprintf(names[i], sizeof names[i], "%d.%02d", i, i % 100);
        v[0] = v_int(i);
        v[1] = i % 3 == 0 ? v_null() : v_text("Zo\xc3\xab");
        v[2] = i % 5 == 0 ? v_null() : v_text(names[i]);
        v[3] = i % 7 == 0 ? v_null() : v_text("2024-02-29 12:00:00.5");
        v[4] = v_null();
    }
}

static void bulk_init(struct exec *e, const struct value *values, const char *sql)
{
    static const enum type_kind kinds[] = {TYPE_INTEGER, TYPE_TEXT, TYPE_NUMERIC,
                                           TYPE_TIMESTAMP, TYPE_DOUBLE};
    exec_init(e, sql, 0);
    for (int i = 0; i < BULK_COLUMNS; i++) {
        exec_param(e, kinds[i], v_null());
    }
    e->run.params = values;
    e->run.sets = BULK;
}

START_TEST(many_sets_are_few_packets)
{
    struct value *values = calloc((size_t)BULK * BULK_COLUMNS, sizeof *values);
    char(*names)[24] = calloc(BULK, sizeof *names);
    struct exec e;
    bulk_values(values, names);
    must(
        "create table t (a int primary key, b text, c decimal(10,2), d datetime(6), e double)");
    bulk_init(&e, values, "insert into t values (?, ?, ?, ?, ?)");
    runs(conn, &e);
    ck_assert_uint_eq(e.run.rowcount, BULK);
    exec_fini(&e);
    rows_are(conn, "select count(*), count(b), count(c), count(d), count(e), sum(c) from t", 6,
             "10000|6666|8000|8571|0|'40004000.00'\n");
    rows_are(conn, "select a, b, c, d from t where a in (0, 11)", 4,
             "0|null|null|null\n11|'Zo\xc3\xab'|'11.11'|'2024-02-29 12:00:00.500000'\n");
    rows_are(conn,
             "select variable_value < 10 from information_schema.session_status where "
             "variable_name = 'Com_stmt_execute'",
             1, "1\n");
    free(values);
    free(names);
}
END_TEST

START_TEST(a_bulk_write_that_fails_leaves_the_transaction_to_its_owner)
{
    struct value *values = calloc((size_t)BULK * BULK_COLUMNS, sizeof *values);
    char(*names)[24] = calloc(BULK, sizeof *names);
    struct exec e;
    bulk_values(values, names);
    must(
        "create table t (a int primary key, b text, c decimal(10,2), d datetime(6), e double)");
    must("insert into t (a) values (9000)");
    must("begin");
    bulk_init(&e, values, "insert into t values (?, ?, ?, ?, ?)");
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_UNIQUE_VIOLATION);
    ck_assert_str_eq(e.fail.constraint, "PRIMARY");
    exec_fini(&e);
    ck_assert_int_eq(conn->tx, DB_TX_OPEN);
    must("rollback");
    rows_are(conn, "select count(*) from t", 1, "1\n");
    free(values);
    free(names);
}
END_TEST

START_TEST(many_sets_update_and_delete_too)
{
    struct value values[6] = {v_int(10), v_int(1), v_int(20), v_int(2), v_int(30), v_int(9)};
    struct exec e;
    must("create table t (a int primary key, b int)");
    must("insert into t values (1, 10), (2, 0), (3, 0)");
    exec_init(&e, "update t set b = ? where a = ?", 0);
    exec_param(&e, TYPE_INTEGER, v_null());
    exec_param(&e, TYPE_INTEGER, v_null());
    e.stmt.id = 9;
    e.run.params = values;
    e.run.sets = 3;
    runs(conn, &e);
    ck_assert_uint_eq(e.run.rowcount, 2);
    exec_fini(&e);
    rows_are(conn, "select a, b from t order by a", 2, "1|10\n2|20\n3|0\n");
    /* The same statement, now with one set, then with sets of mixed kinds. */
    exec_init(&e, "update t set b = ? where a = ?", 0);
    exec_param(&e, TYPE_INTEGER, v_int(31));
    exec_param(&e, TYPE_INTEGER, v_int(3));
    e.stmt.id = 9;
    runs(conn, &e);
    ck_assert_uint_eq(e.run.rowcount, 1);
    exec_fini(&e);
    values[2] = v_double(21);
    exec_init(&e, "update t set b = ? where a = ?", 0);
    exec_param(&e, TYPE_INTEGER, v_null());
    exec_param(&e, TYPE_INTEGER, v_null());
    e.stmt.id = 9;
    e.run.params = values;
    e.run.sets = 3;
    runs(conn, &e);
    ck_assert_uint_eq(e.run.rowcount, 2);
    exec_fini(&e);
    rows_are(conn, "select a, b from t order by a", 2, "1|10\n2|21\n3|31\n");
}
END_TEST

START_TEST(many_sets_may_return_rows)
{
    struct value values[2] = {v_int(5), v_int(6)};
    struct exec e;
    must("create table t (id int auto_increment primary key, a int)");
    exec_init(&e, "insert into t (a) values (?) returning id, a", 2);
    exec_param(&e, TYPE_INTEGER, v_null());
    e.run.params = values;
    e.run.sets = 2;
    runs(conn, &e);
    ck_assert_uint_eq(e.run.rowcount, 2);
    text_is(&e, "1|5\n2|6\n");
    exec_fini(&e);
}
END_TEST

START_TEST(a_bad_value_among_many_sets_is_refused)
{
    struct value values[3] = {v_double(1), v_double(HUGE_VAL), v_double(2)};
    struct exec e;
    must("create table t (a double)");
    exec_init(&e, "insert into t values (?)", 0);
    exec_param(&e, TYPE_DOUBLE, v_null());
    e.run.params = values;
    e.run.sets = 3;
    ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_BAD_VALUE);
    exec_fini(&e);
    rows_are(conn, "select count(*) from t", 1, "0\n");
}
END_TEST

static void add_both(TCase *tc)
{
    tcase_add_test(tc, every_type_comes_back);
    tcase_add_loop_test(tc, texts_are_bound_as_their_type_asks, 0,
                        sizeof params / sizeof params[0]);
    tcase_add_test(tc, other_values_are_bound_as_what_they_are);
    tcase_add_test(tc, hostile_texts_stay_texts);
    tcase_add_test(tc, large_values_pass_both_ways);
    tcase_add_test(tc, values_beyond_the_servers_packet_are_refused_before_they_are_sent);
    tcase_add_test(tc, a_session_is_pinned);
    tcase_add_test(tc, rowcount_is_rows_matched_or_written);
    tcase_add_loop_test(tc, errors_are_told_in_our_words, 0, sizeof errors / sizeof errors[0]);
    tcase_add_test(tc, error_numbers_are_found);
    tcase_add_test(tc, warnings_of_a_proven_read_are_errors);
    tcase_add_test(tc, locks_and_deadlocks_are_conflicts);
    tcase_add_test(tc, a_prepared_statement_notices_a_change_that_concerns_it);
    tcase_add_test(tc, prepared_statements_are_kept_up_to_the_limit);
    tcase_add_test(tc, room_is_made_when_the_server_takes_no_more_statements);
    tcase_add_test(tc, many_sets_are_few_packets);
    tcase_add_test(tc, a_bulk_write_that_fails_leaves_the_transaction_to_its_owner);
    tcase_add_test(tc, many_sets_update_and_delete_too);
    tcase_add_test(tc, many_sets_may_return_rows);
    tcase_add_test(tc, a_bad_value_among_many_sets_is_refused);
}

static void add_once(TCase *tc)
{
    tcase_add_test(tc, options_are_read_and_unknown_ones_refused);
    tcase_add_test(tc, a_server_that_refuses_is_a_failed_connection);
    tcase_add_test(tc, tls_is_as_strict_as_asked_for);
    tcase_add_test(tc, a_socket_is_as_good_as_a_port);
}

int main(void)
{
    return maria_case_main("maria_values", add_both, add_once);
}
