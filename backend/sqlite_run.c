/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_run.c: one run on one session: prepare, bind, step, deliver.
 *
 * On the connection's own thread. Statements are kept by id in the session's
 * cache; cells are lent to the sink straight from SQLite's memory.
 */
#include "backend/sqlite_session.h"
#include "value/declared.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* SQLite compares REAL exactly up to here; more digits are refused. */
enum { NUMERIC_DIGITS = 15, NUMERIC_TEXT_MAX = 400, FRACTION_DIGITS = 6 };

/* -- statements ------------------------------------------------------------ */

static void release(struct sqlite_session *s, const struct statement *st, sqlite3_stmt *h)
{
    if (h == NULL) {
        return;
    }
    (void)sqlite3_reset(h);
    (void)sqlite3_clear_bindings(h);
    if (st->id == 0 || prepared_get(&s->cache, st->id) != h) {
        (void)sqlite3_finalize(h);
    }
}

/* Behind one statement only space, comments and semicolons may stand. */
static enum err check_tail(struct sqlite_session *s, const char *tail, struct fail *f)
{
    while (*tail != '\0') {
        sqlite3_stmt *h = NULL;
        int rc = sqlite3_prepare_v2(s->db, tail, -1, &h, &tail);
        (void)sqlite3_finalize(h);
        if (h != NULL || rc != SQLITE_OK) {
            return fail_set(f, ERR_BAD_QUERY, "the text holds more than one statement");
        }
    }
    return ERR_OK;
}

static enum err check_shape(const struct statement *st, sqlite3_stmt *h, struct fail *f)
{
    if (h == NULL) {
        return fail_set(f, ERR_BAD_QUERY, "the text holds no statement");
    }
    if ((uint32_t)sqlite3_bind_parameter_count(h) != st->param_count) {
        return fail_set(f, st->told ? ERR_BAD_QUERY : ERR_INTERNAL,
                        "the statement has %d placeholders, %u are bound",
                        sqlite3_bind_parameter_count(h), st->param_count);
    }
    return ERR_OK;
}

static enum err prepare(struct sqlite_session *s, const struct statement *st,
                        sqlite3_stmt **out, struct fail *f)
{
    unsigned flags = st->id == 0 ? 0 : SQLITE_PREPARE_PERSISTENT;
    const char *tail = "";
    /* With the NUL counted, SQLite does not copy the text. */
    int rc = sqlite3_prepare_v3(s->db, st->sql.ptr, (int)st->sql.len + 1, flags, out, &tail);
    if (rc != SQLITE_OK) {
        return sqlite_error(s, rc, f);
    }
    enum err e = check_shape(st, *out, f);
    return e == ERR_OK ? check_tail(s, tail, f) : e;
}

static enum err acquire(struct sqlite_session *s, const struct statement *st,
                        sqlite3_stmt **out, struct fail *f)
{
    *out = st->id == 0 ? NULL : prepared_get(&s->cache, st->id);
    if (*out != NULL) {
        return ERR_OK;
    }
    enum err e = prepare(s, st, out, f);
    if (e != ERR_OK) {
        (void)sqlite3_finalize(*out);
        *out = NULL;
        return e;
    }
    if (st->id != 0 && s->cache.cap > 0) {
        (void)sqlite3_finalize(prepared_put(&s->cache, st->id, *out));
    }
    return ERR_OK;
}

/* -- binding --------------------------------------------------------------- */

static unsigned significant_digits(struct str t)
{
    unsigned n = 0, zeros = 0;
    for (size_t i = 0; i < t.len; i++) {
        if (t.ptr[i] < '0' || t.ptr[i] > '9') {
            continue;
        }
        if (t.ptr[i] == '0') {
            zeros += n > 0;
        } else {
            n += zeros + 1;
            zeros = 0;
        }
    }
    return n;
}

/* As a number, so that it compares with columns of NUMERIC affinity and with
 * expressions as a number; a TEXT column turns it into text by its affinity. */
static int bind_numeric(sqlite3_stmt *h, int at, struct str t, enum err *why)
{
    int64_t num;
    char text[NUMERIC_TEXT_MAX];
    if (str_to_i64(t, &num)) {
        return sqlite3_bind_int64(h, at, num);
    }
    if (t.len >= sizeof text || significant_digits(t) > NUMERIC_DIGITS) {
        *why = ERR_OUT_OF_RANGE;
        return SQLITE_RANGE;
    }
    memcpy(text, t.ptr, t.len);
    text[t.len] = '\0';
    return sqlite3_bind_double(h, at, strtod(text, NULL));
}

/* `…HH:MM:SS[.f…]` with always six digits behind the point: columns compare as
 * text, and this is how SQLAlchemy stores them. */
static int bind_time(sqlite3_stmt *h, int at, struct str t)
{
    char text[64];
    ptrdiff_t point = str_find(t, '.', 0);
    size_t have = point < 0 ? 0 : t.len - (size_t)point - 1;
    if (have >= FRACTION_DIGITS || t.len + FRACTION_DIGITS + 1 > sizeof text) {
        return sqlite3_bind_text64(h, at, t.ptr, t.len, SQLITE_STATIC, SQLITE_UTF8);
    }
    size_t n = t.len;
    memcpy(text, t.ptr, n);
    if (point < 0) {
        text[n++] = '.';
    }
    for (; have < FRACTION_DIGITS; have++) {
        text[n++] = '0';
    }
    return sqlite3_bind_text64(h, at, text, n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static int bind_text(sqlite3_stmt *h, int at, enum type_kind kind, struct str t, enum err *why)
{
    t.ptr = t.len == 0 ? "" : t.ptr;
    switch ((int)kind) {
    case TYPE_NUMERIC:
        return bind_numeric(h, at, t, why);
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return bind_time(h, at, t);
    default:
        return sqlite3_bind_text64(h, at, t.ptr, t.len, SQLITE_STATIC, SQLITE_UTF8);
    }
}

static int bind_value(sqlite3_stmt *h, int at, enum type_kind kind, const struct value *v,
                      enum err *why)
{
    switch (v->kind) {
    case VALUE_NULL:
        return sqlite3_bind_null(h, at);
    case VALUE_BOOL:
        return sqlite3_bind_int(h, at, v->boolean);
    case VALUE_INT:
        return sqlite3_bind_int64(h, at, v->num);
    case VALUE_DOUBLE:
        if (isnan(v->real)) { /* SQLite would make it a NULL */
            *why = ERR_BAD_VALUE;
            return SQLITE_RANGE;
        }
        return sqlite3_bind_double(h, at, v->real);
    case VALUE_TEXT:
        return bind_text(h, at, kind, v->text, why);
    case VALUE_BYTES:
        return sqlite3_bind_blob64(h, at, v->text.len == 0 ? "" : v->text.ptr, v->text.len,
                                   SQLITE_STATIC);
    case VALUE_LIST:
        break;
    }
    *why = ERR_INTERNAL;
    return SQLITE_RANGE;
}

static enum err bind_failed(struct sqlite_session *s, int rc, enum err why, struct fail *f)
{
    switch ((int)why) {
    case ERR_OUT_OF_RANGE:
        return fail_set(f, why, "SQLite keeps %d digits of a numeric", NUMERIC_DIGITS);
    case ERR_BAD_VALUE:
        return fail_set(f, why, "SQLite cannot hold NaN");
    case ERR_INTERNAL:
        return fail_set(f, why, "a list cannot be bound");
    default:
        return sqlite_error(s, rc, f);
    }
}

static enum err bind_set(struct sqlite_session *s, sqlite3_stmt *h, const struct run *r,
                         uint32_t set)
{
    const struct statement *st = r->stmt;
    const struct value *values = &r->params[(size_t)set * st->param_count];
    for (uint32_t i = 0; i < st->param_count; i++) {
        enum err why = ERR_OK;
        int rc = bind_value(h, (int)i + 1, st->param_types[i].kind, &values[i], &why);
        if (rc != SQLITE_OK) {
            return bind_failed(s, rc, why, r->fail);
        }
    }
    return ERR_OK;
}

/* -- rows ------------------------------------------------------------------ */

static void read_cell(sqlite3_stmt *h, int at, struct value *v)
{
    switch (sqlite3_column_type(h, at)) {
    case SQLITE_INTEGER:
        *v = (struct value){.kind = VALUE_INT, .num = sqlite3_column_int64(h, at)};
        return;
    case SQLITE_FLOAT:
        *v = (struct value){.kind = VALUE_DOUBLE, .real = sqlite3_column_double(h, at)};
        return;
    case SQLITE_TEXT:
        v->kind = VALUE_TEXT;
        v->text.ptr = (const char *)sqlite3_column_text(h, at);
        break;
    case SQLITE_BLOB:
        v->kind = VALUE_BYTES;
        v->text.ptr = sqlite3_column_blob(h, at);
        break;
    default:
        *v = (struct value){.kind = VALUE_NULL};
        return;
    }
    v->text.len = (size_t)sqlite3_column_bytes(h, at);
    v->text.ptr = v->text.ptr == NULL ? "" : v->text.ptr;
}

static enum err room_for_cells(struct sqlite_session *s, uint32_t count, struct fail *f)
{
    if (count <= s->cell_cap) {
        return ERR_OK;
    }
    struct value *cells = realloc(s->cells, count * sizeof *cells);
    if (cells == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    s->cells = cells;
    s->cell_cap = count;
    return ERR_OK;
}

static uint32_t columns_of(const struct statement *st, sqlite3_stmt *h)
{
    return st->told ? (uint32_t)sqlite3_column_count(h) : st->column_count;
}

/* A column has its declared type; any other has that of its first value. */
static struct type told_type(sqlite3_stmt *h, int at, bool row)
{
    const char *declared = sqlite3_column_decltype(h, at);
    struct type t = sqlite_declared_type(declared == NULL ? STR("") : str_of(declared));
    if (t.kind != TYPE_OPAQUE) {
        return t;
    }
    switch (row ? sqlite3_column_type(h, at) : SQLITE_NULL) {
    case SQLITE_INTEGER:
        return type_of(TYPE_BIGINT);
    case SQLITE_FLOAT:
        return type_of(TYPE_DOUBLE);
    case SQLITE_BLOB:
        return type_of(TYPE_BYTES);
    default:
        return type_of(TYPE_TEXT);
    }
}

/* rc: what the first step said. */
static enum err tell_columns(sqlite3_stmt *h, struct run *r, int rc)
{
    int count = sqlite3_column_count(h);
    if (!r->stmt->told || count == 0 || r->sink == NULL ||
        (rc != SQLITE_ROW && rc != SQLITE_DONE)) {
        return ERR_OK;
    }
    struct column_info *columns = calloc((size_t)count, sizeof *columns);
    if (columns == NULL) {
        return fail_set(r->fail, ERR_OUT_OF_MEMORY, "out of memory");
    }
    for (int i = 0; i < count; i++) {
        const char *name = sqlite3_column_name(h, i);
        columns[i].name = str_of(name == NULL ? "" : name);
        columns[i].type = told_type(h, i, rc == SQLITE_ROW);
    }
    enum err e = r->sink->columns(r->sink, columns, (uint32_t)count, r->fail);
    free(columns);
    return e;
}

enum row_next { ROW_NEXT, ROW_LAST, ROW_FAILED };

static enum row_next deliver(struct sqlite_session *s, sqlite3_stmt *h, struct run *r,
                             struct sqlite_host *host)
{
    r->rowcount++;
    if (r->sink == NULL) {
        return ROW_NEXT;
    }
    uint32_t count = columns_of(r->stmt, h);
    for (uint32_t i = 0; i < count; i++) {
        read_cell(h, (int)i, &s->cells[i]);
    }
    switch (r->sink->row(r->sink, s->cells, r->fail)) {
    case SINK_MORE:
        return ROW_NEXT;
    case SINK_FULL:
        host->flush(host, r);
        return ROW_NEXT;
    case SINK_ENOUGH:
        return ROW_LAST;
    case SINK_FAILED:
        break;
    }
    return ROW_FAILED;
}

/* The shape may only be known after the first step: a statement that was
 * prepared before the schema changed prepares itself anew there. */
static enum err check_columns(struct sqlite_session *s, sqlite3_stmt *h, const struct run *r)
{
    uint32_t want = columns_of(r->stmt, h);
    if (want > 0 && (uint32_t)sqlite3_column_count(h) != want) {
        return fail_set(r->fail, ERR_CATALOG_CHANGED,
                        "the statement gives %d columns, %u were expected",
                        sqlite3_column_count(h), want);
    }
    return room_for_cells(s, want, r->fail);
}

static bool is_stopped(const struct sqlite_session *s)
{
    return atomic_load_explicit(&s->stop, memory_order_relaxed) != STOP_NO;
}

/* Ends a statement whose rows are not wanted. Reset alone would commit a write
 * that returns rows; interrupted, it is undone. In a transaction that would undo
 * the whole of it, which its owner does anyway. */
static void give_up(struct sqlite_session *s, sqlite3_stmt *h)
{
    if (sqlite3_stmt_readonly(h) == 0 && sqlite3_get_autocommit(s->db) != 0) {
        sqlite3_interrupt(s->db);
        (void)sqlite3_step(h);
    }
}

/* Steps one set to its end. */
static enum err step_set(struct sqlite_session *s, sqlite3_stmt *h, struct run *r,
                         struct sqlite_host *host)
{
    int rc = sqlite3_step(h);
    enum err e = rc == SQLITE_ROW ? check_columns(s, h, r) : ERR_OK;
    e = e != ERR_OK ? e : tell_columns(h, r, rc);
    bool rows = columns_of(r->stmt, h) > 0;
    while (e == ERR_OK && rc == SQLITE_ROW) {
        enum row_next next = ROW_NEXT;
        if (rows) {
            next = deliver(s, h, r, host);
        }
        if (next == ROW_FAILED) {
            assert(r->fail->code != ERR_OK);
            give_up(s, h);
            return r->fail->code;
        }
        if (is_stopped(s)) {
            sqlite3_interrupt(s->db); /* the step ends, and undoes what it wrote */
        } else if (next == ROW_LAST) {
            break;
        }
        rc = sqlite3_step(h);
    }
    if (e != ERR_OK) {
        give_up(s, h);
        return e;
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
        return sqlite_error(s, rc, r->fail);
    }
    rc = sqlite3_reset(h); /* commits after ROW_LAST, and counts the changes */
    return rc == SQLITE_OK ? ERR_OK : sqlite_error(s, rc, r->fail);
}

/* The rows that a write touched: sqlite3_changes keeps the figure of an earlier
 * statement when this one was not an insert, update or delete. */
static uint64_t changed(struct sqlite_session *s, sqlite3_int64 total_before)
{
    if (sqlite3_total_changes64(s->db) == total_before) {
        return 0;
    }
    return (uint64_t)sqlite3_changes64(s->db);
}

static enum err run_sets(struct sqlite_session *s, sqlite3_stmt *h, struct run *r,
                         struct sqlite_host *host)
{
    bool writes = sqlite3_stmt_readonly(h) == 0;
    uint64_t written = 0;
    enum err e = ERR_OK;
    for (uint32_t set = 0; e == ERR_OK && set < r->sets; set++) {
        sqlite3_int64 before = sqlite3_total_changes64(s->db);
        if (is_stopped(s)) {
            return sqlite_error(s, SQLITE_INTERRUPT, r->fail);
        }
        e = bind_set(s, h, r, set);
        if (e == ERR_OK) {
            e = step_set(s, h, r, host);
            written += changed(s, before);
        }
    }
    if (writes) {
        r->rowcount = written;
    }
    return e;
}

enum err sqlite_session_run(struct sqlite_session *s, struct run *r, struct sqlite_host *h)
{
    sqlite3_stmt *st = NULL;
    enum err e = acquire(s, r->stmt, &st, r->fail);
    if (e == ERR_OK) {
        e = run_sets(s, st, r, h);
    }
    release(s, r->stmt, st);
    return e;
}

enum err sqlite_session_rollback(struct sqlite_session *s, struct fail *f)
{
    if (s->db == NULL) {
        return fail_set(f, ERR_CONNECTION_LOST, "the database is closed");
    }
    if (sqlite3_get_autocommit(s->db) != 0) {
        return ERR_OK; /* an error may have ended it already */
    }
    int rc = sqlite3_exec(s->db, "rollback", NULL, NULL, NULL);
    return rc == SQLITE_OK ? ERR_OK : sqlite_error(s, rc, f);
}
