/* SPDX-License-Identifier: MIT
 *
 * test_reflect.c: a schema of odd things in SQLite; rows no database should send;
 * and the want of memory at every point.
 */
#include "../fail_alloc.h"
#include "base/clock.h"
#include "feed.h"
#include "schema/reflect_impl.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const schema[] = {
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(100) NOT NULL UNIQUE,"
    " nick TEXT COLLATE NOCASE UNIQUE, code TEXT COLLATE RTRIM, a INT, b INT DEFAULT 7,"
    " UNIQUE (b, a))",
    "CREATE TABLE types (id INTEGER NOT NULL, fl BOOLEAN, n NUMERIC(10,2), f FLOAT, r REAL,"
    " t TEXT, vc VARCHAR(50), d DATE, dt DATETIME, ts TIMESTAMP, ti TIME, bl BLOB, u UUID,"
    " j JSON, big BIGINT, none, x POINT, gv INT AS (id + 1) VIRTUAL, gs INT AS (id + 2) STORED,"
    " \"odd \"\"name'\" TEXT, PRIMARY KEY (id))",
    "CREATE TABLE nokey (a TEXT)",
    "CREATE TABLE descending (id INTEGER PRIMARY KEY DESC)",
    "CREATE TABLE intkey (id INT PRIMARY KEY)",
    "CREATE TABLE without (a TEXT, b INTEGER, PRIMARY KEY (b, a)) WITHOUT ROWID",
    "CREATE TABLE strictly (id INTEGER PRIMARY KEY, a ANY, b INT, c TEXT) STRICT",
    "CREATE TABLE \"Odd 'table\"\"\" (x INTEGER REFERENCES Users)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES USERS (ID)"
    " ON DELETE CASCADE ON UPDATE SET NULL, x INT, y INT, z INT, w INT REFERENCES nowhere,"
    " v INT REFERENCES without, FOREIGN KEY (x, y) REFERENCES users (b, a),"
    " FOREIGN KEY (z, y) REFERENCES without ON DELETE RESTRICT)",
    "CREATE INDEX plain ON orders (y, x)",
    "CREATE UNIQUE INDEX part ON orders (x) WHERE y > 0",
    "CREATE UNIQUE INDEX expr ON orders (x + 1, y)",
    "CREATE UNIQUE INDEX whole ON orders (user_id, x)",
    "CREATE UNIQUE INDEX finer ON users (code COLLATE BINARY)",
    "CREATE UNIQUE INDEX coarser ON users (email COLLATE NOCASE)",
    "CREATE VIEW broken AS SELECT * FROM gone",
    "CREATE VIEW good AS SELECT id, nick, count(*) AS n FROM users",
    "CREATE VIEW helped AS SELECT id FROM users",
    "CREATE VIEW \"it's\" AS SELECT 1 AS one",
    "CREATE TRIGGER watch AFTER INSERT ON ORDERS BEGIN SELECT 1; END",
    "CREATE TRIGGER help INSTEAD OF INSERT ON helped BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE search USING fts5(body)",
    "CREATE TABLE autoinc (id INTEGER PRIMARY KEY AUTOINCREMENT)",
    "CREATE TEMP TABLE hidden (x)",
};

static sqlite3 *open_db(void)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof schema / sizeof schema[0]; i++) {
        exec_sqlite(db, schema[i]);
    }
    exec_sqlite(db, "PRAGMA case_sensitive_like = ON");
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    return db;
}

static struct catalog *catalog;
static uint32_t skipped;

static void setup(void)
{
    sqlite3 *db = open_db();
    catalog = feed_sqlite(db, &skipped);
    sqlite3_close(db);
}

static void teardown(void)
{
    catalog_unref(catalog);
}

START_TEST(sqlite_types_are_told_or_opaque)
{
    static const struct {
        const char *column, *type;
    } cases[] = {
        {"id", "integer"},   {"fl", "boolean"},   {"n", "numeric(10,2)"},  {"f", "double"},
        {"r", "double"},     {"t", "text"},       {"vc", "varchar(50)"},   {"d", "date"},
        {"dt", "timestamp"}, {"ts", "timestamp"}, {"ti", "time"},          {"bl", "bytes"},
        {"u", "uuid"},       {"j", "json"},       {"big", "bigint"},       {"none", "opaque"},
        {"x", "opaque"},     {"gv", "integer"},   {"odd \"name'", "text"},
    };
    const struct table *t = need_table(catalog, "main", "types");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_type(t, cases[i].column, cases[i].type);
    }
    ck_assert(need_column(t, "gv")->generated && need_column(t, "gs")->generated);
    ck_assert(!need_column(t, "t")->generated);
}
END_TEST

START_TEST(only_a_rowid_alias_is_an_automatic_key)
{
    static const struct {
        const char *table, *column;
        bool auto_key, nullable;
    } cases[] = {
        {"users", "id", true, false},      {"types", "id", true, false},
        {"descending", "id", false, true}, {"intkey", "id", false, true},
        {"without", "a", false, false},    {"strictly", "id", true, false},
        {"strictly", "b", false, true},    {"autoinc", "id", true, false},
        {"nokey", "a", false, true},       {"users", "email", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct column *c =
            need_column(need_table(catalog, "", cases[i].table), cases[i].column);
        ck_assert_msg(c->auto_key == cases[i].auto_key, "%s", cases[i].table);
        ck_assert_msg(c->nullable == cases[i].nullable, "%s", cases[i].table);
        ck_assert_msg(c->has_default == cases[i].auto_key, "%s", cases[i].table);
    }
    const struct table *w = need_table(catalog, "", "without");
    check_columns(w, w->primary_key.columns, w->primary_key.count, "b,a");
    ck_assert(need_column(need_table(catalog, "", "users"), "b")->has_default);
}
END_TEST

START_TEST(sqlite_collations_come_from_the_text_of_the_table)
{
    const struct table *u = need_table(catalog, "", "users");
    ck_assert(need_column(u, "email")->binary_collation);
    ck_assert(!need_column(u, "nick")->binary_collation);
    ck_assert(str_is(need_column(u, "nick")->collation, "NOCASE"));
    ck_assert(!need_column(u, "code")->binary_collation);
    ck_assert(!need_column(need_table(catalog, "", "good"), "nick")->binary_collation);
}
END_TEST

START_TEST(sqlite_keys_that_tell_more_apart_than_the_column_are_not_unique)
{
    const struct table *u = need_table(catalog, "", "users");
    ck_assert(need_index(u, "finer")->has_expressions);
    ck_assert(!need_index(u, "coarser")->has_expressions);
    ck_assert_uint_eq(u->unique_count, 4); /* email twice, nick, (b, a) */
    const struct table *o = need_table(catalog, "", "orders");
    ck_assert(need_index(o, "part")->partial);
    ck_assert(need_index(o, "expr")->has_expressions);
    const struct index_info *x = need_index(o, "plain");
    check_columns(o, x->key.columns, x->key.count, "y,x");
    ck_assert_uint_eq(o->unique_count, 1);
}
END_TEST

START_TEST(sqlite_foreign_keys_find_their_targets)
{
    const struct table *o = need_table(catalog, "", "orders");
    const struct table *u = need_table(catalog, "", "users");
    const struct table *w = need_table(catalog, "", "without");
    const struct foreign_key *k = need_foreign_key(o, "user_id");
    ck_assert_ptr_eq(k->target, u);
    check_columns(u, k->target_columns, k->count, "id");
    ck_assert_int_eq(k->on_delete, FK_CASCADE);
    ck_assert_int_eq(k->on_update, FK_SET_NULL);
    k = need_foreign_key(o, "x,y");
    check_columns(u, k->target_columns, k->count, "b,a");
    k = need_foreign_key(o, "z,y"); /* without columns: the primary key */
    ck_assert_ptr_eq(k->target, w);
    check_columns(w, k->target_columns, k->count, "b,a");
    ck_assert_int_eq(k->on_delete, FK_RESTRICT);
    ck_assert_ptr_null(need_foreign_key(o, "w")->target);
    ck_assert_ptr_null(need_foreign_key(o, "v")->target); /* the key has two columns */
    ck_assert_ptr_nonnull(need_foreign_key(o, "v")->target_columns);
    ck_assert_uint_eq(o->foreign_key_count, 5);
    ck_assert_ptr_eq(need_table(catalog, "", "Odd 'table\"")->foreign_keys[0].target, u);
}
END_TEST

START_TEST(one_broken_view_hides_no_other)
{
    ck_assert_uint_eq(need_table(catalog, "", "good")->column_count, 3);
    check_type(need_table(catalog, "", "good"), "id", "integer");
    ck_assert(!need_table(catalog, "", "good")->writable);
    ck_assert(need_table(catalog, "", "helped")->writable);
    ck_assert_uint_eq(need_table(catalog, "", "it's")->column_count, 1);
    ck_assert_ptr_null(catalog_table(catalog, STR(""), STR("broken")));
    ck_assert_uint_eq(skipped, 1);
    ck_assert(need_table(catalog, "", "orders")->has_triggers);
}
END_TEST

START_TEST(sqlite_shows_neither_its_own_nor_virtual_tables)
{
    static const char *const hidden[] = {"sqlite_schema", "sqlite_sequence", "search",
                                         "search_data", "hidden"};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        ck_assert_ptr_null(catalog_table(catalog, STR(""), str_of(hidden[i])));
    }
    ck_assert_int_eq(catalog_function(catalog, STR("random"))->volatility, VOLATILITY_VOLATILE);
    ck_assert_int_eq(catalog_function(catalog, STR("upper"))->volatility, VOLATILITY_IMMUTABLE);
    ck_assert_int_eq(catalog_function(catalog, STR("date"))->volatility, VOLATILITY_STABLE);
    ck_assert_int_eq(catalog_function(catalog, STR("sum"))->kind, FUNCTION_AGGREGATE);
}
END_TEST

START_TEST(an_empty_file_is_an_empty_catalog)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
    struct catalog *c = feed_sqlite(db, NULL);
    sqlite3_close(db);
    ck_assert_uint_eq(catalog_table_count(c), 0);
    catalog_unref(c);
}
END_TEST

START_TEST(two_thousand_tables_take_few_statements)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
    exec_sqlite(db, "BEGIN");
    for (int i = 0; i < 2000; i++) {
        char sql[256];
        snprintf(sql, sizeof sql,
                 "CREATE TABLE t%d (id INTEGER PRIMARY KEY, name TEXT UNIQUE, x INT, y DATE)",
                 i);
        exec_sqlite(db, sql);
    }
    exec_sqlite(db, "COMMIT");
    uint64_t from = clock_now_ns();
    struct catalog *c = feed_sqlite(db, NULL);
    printf("2,000 tables of SQLite: %.0f ms\n", (double)(clock_now_ns() - from) / 1e6);
    sqlite3_close(db);
    ck_assert_uint_eq(catalog_table_count(c), 2000);
    ck_assert_uint_eq(need_table(c, "", "t1999")->unique_count, 1);
    catalog_unref(c);
}
END_TEST

/* ---- rows from a peer that means ill ---- */

#define NIL                                                                                    \
    {                                                                                          \
        .kind = VALUE_NULL                                                                     \
    }
#define T(s)                                                                                   \
    {                                                                                          \
        .kind = VALUE_TEXT, .text = {(s), sizeof(s) - 1 }                                      \
    }
#define I(n)                                                                                   \
    {                                                                                          \
        .kind = VALUE_INT, .num = (n)                                                          \
    }

static void give_ok(struct reflect *r, const struct value *cells)
{
    struct fail f;
    fail_init(&f);
    struct row_sink *s = reflect_sink(r);
    ck_assert_int_eq(s->row(s, cells, &f), SINK_MORE);
}

START_TEST(rows_of_nonsense_are_left_out)
{
    struct reflect *r = reflect_create(REFLECT_PG, 1);
    ck_assert_ptr_nonnull(reflect_next(r));
    static const struct value tables[][16] = {
        {T("s"), T("good"), T("r"), I(1), NIL},
        {T("s"), T("bad\xff"), T("r"), I(1), I(0)},
        {T("s"), NIL, T("r"), I(1), I(0)},
        {T("s"), T(""), NIL, NIL, NIL},
        {NIL, T("x"), T("r"), I(1), I(0)},
        {T("s"), T("good"), T("r"), I(1), I(0)},
        {NIL, NIL, NIL, NIL, NIL},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        give_ok(r, tables[i]);
    }
    ck_assert_ptr_nonnull(reflect_next(r));
    static const struct value columns[][16] = {
        {T("s"), T("good"), T("a"), I(23), T("integer"), T("b"), I(-1)},
        {T("s"), T("good"), T("\xc3"), I(23), T("integer"), T("b"), I(-1)},
        {T("s"), T("good"), T("b"), T("x"), NIL, NIL, T("99999999999")},
        {T("s"), T("good"), T("c"), I(1043), NIL, NIL, I(INT64_MAX)},
        {T("s"), T("good"), T("d"), I(1700), NIL, NIL, I(INT64_MIN)},
        {T("s"), T("none"), T("a"), I(23), T("integer"), T("b"), I(-1)},
        {NIL, NIL, NIL, NIL, NIL, NIL, NIL},
    };
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        give_ok(r, columns[i]);
    }
    ck_assert_ptr_nonnull(reflect_next(r));
    static const struct value keys[][16] = {
        {T("s"), T("good"), T("pk"), I(1), I(1), I(0), T("nope")},
        {T("s"), T("good"), T("k"), I(0), I(1), I(0), T("a")},
        {T("s"), T("good"), T("k"), I(0), I(1), I(0), NIL},
        {T("s"), T("none"), T("k"), I(0), I(1), I(0), T("a")},
        {NIL, NIL, NIL, NIL, NIL, NIL, NIL},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        give_ok(r, keys[i]);
    }
    ck_assert_ptr_nonnull(reflect_next(r));
    static const struct value fks[][16] = {
        {T("s"), T("good"), T("f"), T("nope"), T("s"), T("good"), T("a"), T("c"), T("?")},
        {T("s"), T("good"), T("g"), T("a"), T("s"), T("good"), T("nope"), NIL, T("c")},
        {T("s"), T("good"), T("h"), T("a"), NIL, NIL, NIL, NIL, NIL},
        {NIL, NIL, NIL, NIL, NIL, NIL, NIL, NIL, NIL},
    };
    for (size_t i = 0; i < sizeof fks / sizeof fks[0]; i++) {
        give_ok(r, fks[i]);
    }
    while (reflect_next(r) != NULL) {
    }
    struct catalog *c = NULL;
    ck_assert_int_eq(reflect_finish(r, &c, NULL), ERR_OK);
    ck_assert_uint_ge(reflect_skipped(r), 8);
    reflect_destroy(r);
    ck_assert_uint_eq(catalog_table_count(c), 1);
    const struct table *t = need_table(c, "s", "good");
    ck_assert_uint_eq(t->column_count, 4);
    ck_assert_uint_eq(need_column(t, "d")->index, 3);
    ck_assert_uint_eq(t->primary_key.count, 0);
    ck_assert_uint_eq(t->unique_count, 0);
    ck_assert_uint_eq(t->foreign_key_count, 2);
    ck_assert_ptr_null(t->foreign_keys[0].target);
    catalog_unref(c);
}
END_TEST

START_TEST(rows_of_one_table_in_two_runs_are_joined)
{
    struct reflect *r = reflect_create(REFLECT_PG, 1);
    reflect_next(r);
    static const struct value tables[][16] = {{T("s"), T("x"), T("r"), I(1), I(0)},
                                              {T("s"), T("y"), T("r"), I(1), I(0)}};
    give_ok(r, tables[0]);
    give_ok(r, tables[1]);
    reflect_next(r);
    static const struct value columns[][16] = {
        {T("s"), T("x"), T("a"), I(23), NIL, NIL, I(-1)},
        {T("s"), T("y"), T("b"), I(23), NIL, NIL, I(-1)},
        {T("s"), T("x"), T("c"), I(23), NIL, NIL, I(-1)},
    };
    for (size_t i = 0; i < 3; i++) {
        give_ok(r, columns[i]);
    }
    while (reflect_next(r) != NULL) {
    }
    struct catalog *c = NULL;
    ck_assert_int_eq(reflect_finish(r, &c, NULL), ERR_OK);
    reflect_destroy(r);
    ck_assert_uint_eq(need_table(c, "s", "x")->column_count, 2);
    ck_assert_uint_eq(need_column(need_table(c, "s", "x"), "c")->index, 1);
    catalog_unref(c);
}
END_TEST

START_TEST(a_statement_that_matters_may_not_fail)
{
    struct reflect *r = reflect_create(REFLECT_PG, 1);
    reflect_next(r);
    ck_assert(!reflect_failed(r));
    reflect_destroy(r);
    reflect_destroy(NULL);
}
END_TEST

START_TEST(a_catalog_is_taken_once)
{
    struct reflect *r = reflect_create(REFLECT_MARIA, 1);
    while (reflect_next(r) != NULL) {
    }
    struct catalog *c = NULL, *again = NULL;
    ck_assert_int_eq(reflect_finish(r, &c, NULL), ERR_OK);
    ck_assert_int_eq(reflect_finish(r, &again, NULL), ERR_INTERNAL);
    ck_assert_ptr_null(again);
    reflect_destroy(r);
    catalog_unref(c);
}
END_TEST

/* ---- memory ---- */

/* Runs the whole reading with bounded arenas; ERR_OK when they sufficed, ERR_INTERNAL
 * when it went wrong. No ck_assert in here: Check takes memory for it. */
static enum err read_within(sqlite3 *db, size_t catalog_bytes, size_t scratch_bytes)
{
    struct reflect *r = reflect_create(REFLECT_SQLITE, 1);
    if (r == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    r->arena->limit_bytes = catalog_bytes;
    r->scratch.limit_bytes = scratch_bytes;
    const struct statement *s;
    bool failed = false, right = true;
    while (!failed && (s = reflect_next(r)) != NULL) {
        sqlite3_stmt *st = NULL;
        sqlite3_prepare_v2(db, s->sql.ptr, -1, &st, NULL);
        while (!failed && sqlite3_step(st) == SQLITE_ROW) {
            struct value cells[16];
            for (int i = 0; i < (int)s->column_count; i++) {
                const char *p = (const char *)sqlite3_column_text(st, i);
                cells[i] = (struct value){.kind = p == NULL ? VALUE_NULL : VALUE_TEXT,
                                          .text = {p, (size_t)sqlite3_column_bytes(st, i)}};
            }
            struct fail f;
            fail_init(&f);
            failed = reflect_sink(r)->row(reflect_sink(r), cells, &f) == SINK_FAILED;
            right = right && (!failed || f.code == ERR_OUT_OF_MEMORY);
        }
        sqlite3_finalize(st);
    }
    right = right && (!failed || !reflect_failed(r));
    struct catalog *c = NULL;
    enum err e = reflect_finish(r, &c, NULL);
    right = right && (e == ERR_OK) == (c != NULL);
    catalog_unref(c);
    reflect_destroy(r);
    return right ? e : ERR_INTERNAL;
}

START_TEST(want_of_memory_is_told_wherever_it_strikes)
{
    sqlite3 *db = open_db();
    int refused = 0;
    for (size_t bytes = 1; bytes < 120000; bytes += bytes < 4000 ? 499 : 2503) {
        enum err e = read_within(db, bytes, 0);
        ck_assert(e == ERR_OK || e == ERR_OUT_OF_MEMORY);
        refused += e != ERR_OK;
        e = read_within(db, 0, bytes);
        ck_assert(e == ERR_OK || e == ERR_OUT_OF_MEMORY);
        refused += e != ERR_OK;
    }
    ck_assert_int_gt(refused, 15);
    ck_assert_int_eq(read_within(db, 0, 0), ERR_OK);
    sqlite3_close(db);
}
END_TEST

/* Every allocation of ours fails once: arenas, maps, lists, the builder. */
START_TEST(each_allocation_may_fail)
{
    sqlite3 *db = open_db();
    long n = 0;
    bool reached = true;
    while (reached) {
        fail_alloc_at(++n);
        enum err e = read_within(db, 0, 0);
        reached = fail_alloc_reached();
        fail_alloc_at(0);
        ck_assert_int_eq(e, reached ? ERR_OUT_OF_MEMORY : ERR_OK);
    }
    ck_assert_int_gt(n, 20);
    sqlite3_close(db);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reflect");
    TCase *t = tcase_create("sqlite");
    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_add_test(t, sqlite_types_are_told_or_opaque);
    tcase_add_test(t, only_a_rowid_alias_is_an_automatic_key);
    tcase_add_test(t, sqlite_collations_come_from_the_text_of_the_table);
    tcase_add_test(t, sqlite_keys_that_tell_more_apart_than_the_column_are_not_unique);
    tcase_add_test(t, sqlite_foreign_keys_find_their_targets);
    tcase_add_test(t, one_broken_view_hides_no_other);
    tcase_add_test(t, sqlite_shows_neither_its_own_nor_virtual_tables);
    tcase_add_test(t, an_empty_file_is_an_empty_catalog);
    tcase_add_test(t, two_thousand_tables_take_few_statements);
    suite_add_tcase(s, t);
    TCase *rows = tcase_create("rows");
    tcase_set_timeout(rows, 60);
    tcase_add_test(rows, rows_of_nonsense_are_left_out);
    tcase_add_test(rows, rows_of_one_table_in_two_runs_are_joined);
    tcase_add_test(rows, a_statement_that_matters_may_not_fail);
    tcase_add_test(rows, a_catalog_is_taken_once);
    tcase_add_test(rows, want_of_memory_is_told_wherever_it_strikes);
    tcase_add_test(rows, each_allocation_may_fail);
    suite_add_tcase(s, rows);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
