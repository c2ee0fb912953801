/* SPDX-License-Identifier: MIT
 *
 * feed.c: rows of three client libraries to a reflection's sink.
 */
#include "feed.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX 32

/* What an operation of a client library did with a statement. */
enum fed { FED, FEED_FAILED };

typedef enum fed feed_fn(void *client, const struct statement *s, struct row_sink *sink);

static void give(struct row_sink *sink, const struct value *cells)
{
    struct fail f;
    fail_init(&f);
    ck_assert_int_eq(sink->row(sink, cells, &f), SINK_MORE);
}

static struct catalog *run_all(enum reflect_source source, void *client, feed_fn *feed,
                               uint32_t *skipped)
{
    struct reflect *r = reflect_create(source, 42);
    ck_assert_ptr_nonnull(r);
    const struct statement *s;
    while ((s = reflect_next(r)) != NULL) {
        ck_assert_uint_le(s->column_count, CELLS_MAX);
        ck_assert_uint_eq(s->param_count, 0);
        ck_assert_uint_eq(s->id, 0);
        ck_assert_int_eq(s->sql.ptr[s->sql.len], '\0');
        if (feed(client, s, reflect_sink(r)) == FEED_FAILED) {
            ck_assert_msg(reflect_failed(r), "%s", s->sql.ptr);
        }
    }
    if (skipped != NULL) {
        *skipped = reflect_skipped(r);
    }
    struct catalog *c = NULL;
    struct fail f;
    fail_init(&f);
    ck_assert_int_eq(reflect_finish(r, &c, &f), ERR_OK);
    reflect_destroy(r);
    return c;
}

static struct value text_value(const char *ptr, size_t len)
{
    if (ptr == NULL) {
        return (struct value){.kind = VALUE_NULL};
    }
    return (struct value){.kind = VALUE_TEXT, .text = {ptr, len}};
}

/* ---- PostgreSQL ---- */

static enum fed pg_statement(void *client, const struct statement *s, struct row_sink *sink)
{
    PGresult *res = PQexec(client, s->sql.ptr);
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s", PQresultErrorMessage(res));
        PQclear(res);
        return FEED_FAILED;
    }
    ck_assert_int_eq(PQnfields(res), (int)s->column_count);
    for (int row = 0; row < PQntuples(res); row++) {
        struct value cells[CELLS_MAX];
        for (int i = 0; i < PQnfields(res); i++) {
            const char *p = PQgetisnull(res, row, i) ? NULL : PQgetvalue(res, row, i);
            cells[i] = text_value(p, (size_t)PQgetlength(res, row, i));
        }
        give(sink, cells);
    }
    PQclear(res);
    return FED;
}

struct catalog *feed_pg(PGconn *c, uint32_t *skipped)
{
    return run_all(REFLECT_PG, c, pg_statement, skipped);
}

void exec_pg(PGconn *c, const char *sql)
{
    PGresult *res = PQexec(c, sql);
    ck_assert_msg(PQresultStatus(res) == PGRES_COMMAND_OK ||
                      PQresultStatus(res) == PGRES_TUPLES_OK,
                  "%s: %s", sql, PQresultErrorMessage(res));
    PQclear(res);
}

/* ---- MariaDB ---- */

static enum fed maria_statement(void *client, const struct statement *s, struct row_sink *sink)
{
    if (mysql_real_query(client, s->sql.ptr, s->sql.len) != 0) {
        fprintf(stderr, "%s\n", mysql_error(client));
        return FEED_FAILED;
    }
    MYSQL_RES *res = mysql_store_result(client);
    ck_assert_ptr_nonnull(res);
    ck_assert_uint_eq(mysql_num_fields(res), s->column_count);
    MYSQL_ROW row;
    while ((row = mysql_fetch_row(res)) != NULL) {
        const unsigned long *len = mysql_fetch_lengths(res);
        struct value cells[CELLS_MAX];
        for (unsigned i = 0; i < s->column_count; i++) {
            cells[i] = text_value(row[i], len[i]);
        }
        give(sink, cells);
    }
    mysql_free_result(res);
    return FED;
}

struct catalog *feed_maria(MYSQL *m, uint32_t *skipped)
{
    return run_all(REFLECT_MARIA, m, maria_statement, skipped);
}

void exec_maria(MYSQL *m, const char *sql)
{
    ck_assert_msg(mysql_real_query(m, sql, strlen(sql)) == 0, "%s: %s", sql, mysql_error(m));
    mysql_free_result(mysql_store_result(m));
}

/* ---- SQLite ---- */

static struct value sqlite_cell(sqlite3_stmt *st, int i)
{
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_INTEGER:
        return (struct value){.kind = VALUE_INT, .num = sqlite3_column_int64(st, i)};
    case SQLITE_NULL:
        return (struct value){.kind = VALUE_NULL};
    default: {
        const char *p = (const char *)sqlite3_column_text(st, i);
        return text_value(p, (size_t)sqlite3_column_bytes(st, i));
    }
    }
}

static enum fed sqlite_statement(void *client, const struct statement *s, struct row_sink *sink)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(client, s->sql.ptr, (int)s->sql.len + 1, &st, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s\n", sqlite3_errmsg(client));
        return FEED_FAILED;
    }
    ck_assert_int_eq(sqlite3_column_count(st), (int)s->column_count);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct value cells[CELLS_MAX];
        for (int i = 0; i < (int)s->column_count; i++) {
            cells[i] = sqlite_cell(st, i);
        }
        give(sink, cells);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? FED : FEED_FAILED;
}

struct catalog *feed_sqlite(sqlite3 *db, uint32_t *skipped)
{
    return run_all(REFLECT_SQLITE, db, sqlite_statement, skipped);
}

void exec_sqlite(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    int rc = sqlite3_exec(db, sql, NULL, NULL, &message);
    ck_assert_msg(rc == SQLITE_OK, "%s: %s", sql, message);
}

/* ---- checks ---- */

const struct table *need_table(const struct catalog *c, const char *schema, const char *name)
{
    const struct table *t = catalog_table(c, str_of(schema), str_of(name));
    ck_assert_msg(t != NULL, "no table %s.%s", schema, name);
    return t;
}

const struct column *need_column(const struct table *t, const char *name)
{
    const struct column *c = table_column(t, str_of(name));
    ck_assert_msg(c != NULL, "no column %.*s.%s", STR_ARG(t->name), name);
    ck_assert_ptr_eq(c, &t->columns[c->index]);
    return c;
}

static void write_columns(const struct table *t, const uint32_t *columns, uint32_t count,
                          char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_uint_lt(columns[i], t->column_count);
        n += (size_t)snprintf(out + n, size - n, "%s%.*s", i > 0 ? "," : "",
                              STR_ARG(t->columns[columns[i]].name));
        ck_assert_uint_lt(n, size);
    }
}

void check_columns(const struct table *t, const uint32_t *columns, uint32_t count,
                   const char *want)
{
    char got[512];
    write_columns(t, columns, count, got, sizeof got);
    ck_assert_str_eq(got, want);
}

const struct index_info *need_index(const struct table *t, const char *name)
{
    for (uint32_t i = 0; i < t->index_count; i++) {
        if (str_is(t->indexes[i].key.name, name)) {
            return &t->indexes[i];
        }
    }
    ck_abort_msg("no index %s", name);
}

const struct foreign_key *need_foreign_key(const struct table *t, const char *columns)
{
    for (uint32_t i = 0; i < t->foreign_key_count; i++) {
        char got[512];
        const struct foreign_key *k = &t->foreign_keys[i];
        write_columns(t, k->columns, k->count, got, sizeof got);
        if (strcmp(got, columns) == 0) {
            return k;
        }
    }
    ck_abort_msg("no foreign key on %s", columns);
}

void check_type(const struct table *t, const char *column, const char *want)
{
    const struct type *y = &need_column(t, column)->type;
    char got[128];
    enum type_kind kind = y->kind == TYPE_ARRAY ? y->element : y->kind;
    int n = snprintf(got, sizeof got, "%s", type_kind_name(kind));
    if (kind == TYPE_NUMERIC && y->precision >= 0) {
        n += snprintf(got + n, sizeof got - (size_t)n, "(%d,%d)", y->precision, y->scale);
    }
    if (y->length >= 0) {
        n += snprintf(got + n, sizeof got - (size_t)n, "(%d)", y->length);
    }
    if (y->kind == TYPE_ARRAY) {
        snprintf(got + n, sizeof got - (size_t)n, "[]");
    }
    ck_assert_msg(strcmp(got, want) == 0, "%s is %s, not %s", column, got, want);
}
