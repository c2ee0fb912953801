/* SPDX-License-Identifier: MIT
 *
 * value/rows.c: rows to JSON text, one cell at a time.
 */
#include "value/rows.h"

#include <stdlib.h>
#include <string.h>

static enum err no_memory(struct fail *f)
{
    return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory while encoding rows");
}

/* ---- one row ---- */

/* A stored value that does not fit says where it is. */
static enum sink_verdict cell_failed(const struct column_info *c, struct fail *f)
{
    if (f->table[0] == '\0' && c->table.len > 0) {
        memcpy(f->table, c->table.ptr, utf8_cut(c->table, sizeof f->table - 1));
        f->table[utf8_cut(c->table, sizeof f->table - 1)] = '\0';
    }
    struct str column = c->column.len > 0 ? c->column : c->name;
    if (f->columns[0] == '\0' && column.len > 0) {
        size_t n = utf8_cut(column, sizeof f->columns - 1);
        memcpy(f->columns, column.ptr, n);
        f->columns[n] = '\0';
    }
    return SINK_FAILED;
}

static enum sink_verdict add_cell(struct rows *r, struct buf *b, uint32_t i,
                                  const struct value *cell, struct fail *f)
{
    const struct column_info *c = &r->opts.columns[i];
    if (value_to_json(b, &c->type, cell, r->opts.int64, f) != ERR_OK) {
        return cell_failed(c, f);
    }
    return SINK_MORE;
}

static enum sink_verdict add_array(struct rows *r, const struct value *cells, struct fail *f)
{
    buf_char(&r->out, '[');
    for (uint32_t i = 0; i < r->opts.column_count; i++) {
        if (i > 0) {
            buf_char(&r->out, ',');
        }
        if (add_cell(r, &r->out, i, &cells[i], f) != SINK_MORE) {
            return SINK_FAILED;
        }
    }
    buf_char(&r->out, ']');
    return SINK_MORE;
}

static enum sink_verdict add_object(struct rows *r, const struct value *cells, struct fail *f)
{
    buf_char(&r->out, '{');
    for (uint32_t i = 0; i < r->opts.column_count; i++) {
        if (i > 0) {
            buf_char(&r->out, ',');
        }
        buf_str_add(&r->out, r->keys[i]);
        if (add_cell(r, &r->out, i, &cells[i], f) != SINK_MORE) {
            return SINK_FAILED;
        }
    }
    buf_char(&r->out, '}');
    return SINK_MORE;
}

static enum sink_verdict add_to_columns(struct rows *r, const struct value *cells,
                                        struct fail *f)
{
    for (uint32_t i = 0; i < r->opts.column_count; i++) {
        struct buf *b = &r->by_column[i];
        size_t before = b->len;
        if (before > 0) {
            buf_char(b, ',');
        }
        if (add_cell(r, b, i, &cells[i], f) != SINK_MORE) {
            return SINK_FAILED;
        }
        r->bytes += b->len - before;
        r->out.failed |= b->failed;
    }
    return SINK_MORE;
}

static enum sink_verdict add_row(struct rows *r, const struct value *cells, struct fail *f)
{
    bool follows = r->opts.chunk_rows > 0 ? r->in_chunk > 0 : r->count > 0;
    if (follows && (r->opts.form == ROWS_ARRAYS || r->opts.form == ROWS_OBJECTS ||
                    r->opts.form == ROWS_VALUES)) {
        buf_char(&r->out, ',');
    }
    switch (r->opts.form) {
    case ROWS_ARRAYS:
        return add_array(r, cells, f);
    case ROWS_OBJECTS:
        return add_object(r, cells, f);
    case ROWS_COLUMNS:
        return add_to_columns(r, cells, f);
    case ROWS_VALUES:
        return add_cell(r, &r->out, 0, &cells[0], f);
    case ROWS_COUNTED:
        return SINK_MORE;
    }
    return SINK_MORE;
}

static enum sink_verdict keep_mark(struct rows *r, const struct value *cells, struct fail *f)
{
    if (r->opts.mark_count == 0) {
        return SINK_MORE;
    }
    buf_clear(&r->mark);
    for (uint32_t i = 0; i < r->opts.mark_count; i++) {
        const struct rows_mark *m = &r->opts.marks[i];
        buf_char(&r->mark, i == 0 ? '{' : ',');
        buf_json_str(&r->mark, m->name);
        buf_char(&r->mark, ':');
        if (add_cell(r, &r->mark, m->column, &cells[m->column], f) != SINK_MORE) {
            return SINK_FAILED;
        }
    }
    buf_char(&r->mark, '}');
    r->out.failed |= r->mark.failed;
    return SINK_MORE;
}

/* ---- what holds before and after a row ---- */

static enum sink_verdict refuse(struct rows *r, struct fail *f)
{
    if (r->opts.max_rows > 0 && r->count >= r->opts.max_rows) {
        fail_set(f, ERR_TOO_MANY_ROWS, "the answer has more than %llu rows",
                 (unsigned long long)r->opts.max_rows);
        fail_hint(f, "give a limit, or stream it");
        return SINK_FAILED;
    }
    bool one = r->opts.expect == EXPECT_ONE || r->opts.expect == EXPECT_ONE_OR_NONE;
    if (one && r->count >= 1) {
        fail_set(f, ERR_MULTIPLE_RESULTS, "one row was expected and there are more");
        return SINK_FAILED;
    }
    return SINK_MORE;
}

static void begin_chunk_if_due(struct rows *r)
{
    if (r->opts.chunk_rows > 0 && r->in_chunk == 0) {
        r->opts.chunk(r, CHUNK_BEGINS);
        r->chunks++;
        if (r->credit != UINT32_MAX && r->credit > 0) {
            r->credit--;
        }
    }
}

static void end_chunk(struct rows *r)
{
    r->opts.chunk(r, CHUNK_ENDS);
    r->in_chunk = 0;
}

/* A full chunk is a whole line at once: its reader may have to answer `more`. */
static bool end_chunk_if_full(struct rows *r)
{
    r->in_chunk += r->opts.chunk_rows > 0;
    if (r->opts.chunk_rows == 0 || r->in_chunk < r->opts.chunk_rows) {
        return false;
    }
    end_chunk(r);
    return true;
}

/* The row is taken: may the next one come? */
static enum sink_verdict verdict(struct rows *r, size_t before, struct fail *f)
{
    bool chunk_full = end_chunk_if_full(r);
    r->bytes += r->out.len - before;
    if (r->out.failed) {
        no_memory(f);
        return SINK_FAILED;
    }
    if (r->opts.max_bytes > 0 && r->bytes > r->opts.max_bytes) {
        fail_set(f, ERR_REPLY_TOO_LARGE, "the answer has more than %llu bytes",
                 (unsigned long long)r->opts.max_bytes);
        fail_hint(f, "give a limit, or stream it");
        return SINK_FAILED;
    }
    if (r->opts.expect == EXPECT_FIRST) {
        return SINK_ENOUGH;
    }
    if (chunk_full && r->credit == 0) {
        return SINK_FULL;
    }
    return r->opts.full_bytes > 0 && r->out.len >= r->opts.full_bytes ? SINK_FULL : SINK_MORE;
}

static enum sink_verdict rows_row(struct row_sink *s, const struct value *cells, struct fail *f)
{
    struct rows *r = (struct rows *)s;
    if (refuse(r, f) != SINK_MORE) {
        return SINK_FAILED;
    }
    begin_chunk_if_due(r);
    size_t before = r->out.len;
    if (add_row(r, cells, f) != SINK_MORE || keep_mark(r, cells, f) != SINK_MORE) {
        r->out.len = before; /* no half row is left behind */
        return SINK_FAILED;
    }
    r->count++;
    return verdict(r, before, f);
}

void rows_write_columns(struct buf *b, const struct column_info *columns, uint32_t count)
{
    BUF_LIT(b, "\"columns\":[");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_char(b, ',');
        }
        buf_json_str(b, columns[i].name);
    }
    BUF_LIT(b, "],\"types\":[");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_char(b, ',');
        }
        buf_char(b, '"');
        buf_str_add(b, str_of(type_kind_name(columns[i].type.kind)));
        buf_char(b, '"');
    }
    buf_char(b, ']');
}

/* ---- life ---- */

static enum err check_names(const struct rows_opts *o, struct fail *f)
{
    for (uint32_t i = 0; i < o->column_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (str_eq(o->columns[i].name, o->columns[j].name)) {
                fail_set(f, ERR_DUPLICATE_NAME, "two columns of the answer are called %.*s",
                         (int)utf8_cut(o->columns[i].name, 80), o->columns[i].name.ptr);
                fail_hint(f, "name one otherwise by {\"alias\": …}, or ask for \"arrays\"");
                return ERR_DUPLICATE_NAME;
            }
        }
    }
    return ERR_OK;
}

/* `"name":` for each column, in one block behind the array. */
static enum err make_keys(struct rows *r, struct fail *f)
{
    struct buf text;
    buf_init(&text);
    uint32_t n = r->opts.column_count;
    for (uint32_t i = 0; i < n; i++) {
        buf_json_str(&text, r->opts.columns[i].name);
        buf_char(&text, ':');
    }
    r->keys = text.failed ? NULL : malloc(n * sizeof *r->keys + text.len + 1);
    if (r->keys == NULL) {
        buf_fini(&text);
        return no_memory(f);
    }
    char *at = (char *)(r->keys + n);
    memcpy(at, buf_str(&text).ptr, text.len);
    struct buf one;
    bool whole = true;
    buf_init(&one);
    for (uint32_t i = 0; i < n; i++) {
        buf_clear(&one);
        buf_json_str(&one, r->opts.columns[i].name);
        whole = whole && !one.failed;
        r->keys[i] = (struct str){at, one.len + 1};
        at += one.len + 1;
    }
    buf_fini(&text);
    buf_fini(&one);
    return whole ? ERR_OK : no_memory(f);
}

/* What the form needs of the columns. */
static enum err prepare_columns(struct rows *r, struct fail *f)
{
    const struct rows_opts *opts = &r->opts;
    if (opts->form != ROWS_OBJECTS && opts->form != ROWS_COLUMNS) {
        return ERR_OK;
    }
    enum err e = check_names(opts, f);
    if (e != ERR_OK) {
        return e;
    }
    if (opts->form == ROWS_OBJECTS) {
        return make_keys(r, f);
    }
    r->by_column = calloc(opts->column_count + 1, sizeof *r->by_column);
    return r->by_column == NULL ? no_memory(f) : ERR_OK;
}

void rows_fini(struct rows *r)
{
    buf_fini(&r->out);
    buf_fini(&r->mark);
    if (r->by_column != NULL) {
        for (uint32_t i = 0; i < r->opts.column_count; i++) {
            buf_fini(&r->by_column[i]);
        }
        free(r->by_column);
        r->by_column = NULL;
    }
    free(r->keys);
    r->keys = NULL;
    free(r->told);
    r->told = NULL;
}

/* Columns with their names and type names behind them, in one block. */
static struct column_info *copy_columns(const struct column_info *from, uint32_t count)
{
    size_t bytes = count * sizeof *from;
    for (uint32_t i = 0; i < count; i++) {
        bytes += from[i].name.len + from[i].type.name.len;
    }
    struct column_info *to = malloc(bytes + 1);
    char *at = (char *)(to + count);
    for (uint32_t i = 0; to != NULL && i < count; i++) {
        struct str name = from[i].name, type = from[i].type.name;
        to[i] = (struct column_info){.name = {at, name.len}, .type = from[i].type};
        memcpy(at, name.len > 0 ? name.ptr : "", name.len);
        at += name.len;
        to[i].type.name = (struct str){at, type.len};
        memcpy(at, type.len > 0 ? type.ptr : "", type.len);
        at += type.len;
    }
    return to;
}

/* Declared columns are what the client counts on. */
static enum err check_declared(const struct rows_opts *o, const struct column_info *columns,
                               uint32_t count, struct fail *f)
{
    if (o->column_count != count) {
        return fail_at(f, ERR_BAD_QUERY, STR("/query/columns"),
                       "the text returns %u columns, %u are declared", count, o->column_count);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!str_eq(o->columns[i].name, columns[i].name)) {
            return fail_at(f, ERR_BAD_QUERY, STR("/query/columns"),
                           "column %u of the text is called \"%.*s\", not \"%.*s\"", i + 1,
                           (int)utf8_cut(columns[i].name, 80), columns[i].name.ptr,
                           (int)utf8_cut(o->columns[i].name, 80), o->columns[i].name.ptr);
        }
    }
    return ERR_OK;
}

static enum err rows_told(struct row_sink *s, const struct column_info *columns, uint32_t count,
                          struct fail *f)
{
    struct rows *r = (struct rows *)s;
    if (!r->opts.told) {
        return ERR_OK;
    }
    if (r->heard) {
        return ERR_OK; /* the statement was prepared anew; nothing was taken yet */
    }
    r->heard = true;
    if (r->opts.column_count > 0) {
        enum err e = check_declared(&r->opts, columns, count, f);
        return e != ERR_OK ? e : prepare_columns(r, f);
    }
    free(r->told);
    r->told = copy_columns(columns, count);
    if (r->told == NULL) {
        return no_memory(f);
    }
    r->opts.columns = r->told;
    r->opts.column_count = count;
    return prepare_columns(r, f);
}

/* Of rows that are no stream. */
static void rows_again(struct row_sink *s)
{
    struct rows *r = (struct rows *)s;
    for (uint32_t i = 0; r->by_column != NULL && i < r->opts.column_count; i++) {
        r->by_column[i].len = 0;
    }
    r->out.len = r->mark.len = 0;
    r->count = r->bytes = 0;
}

enum err rows_init(struct rows *r, const struct rows_opts *opts, struct fail *f)
{
    *r = (struct rows){
        .sink = {rows_row, rows_told, rows_again}, .opts = *opts, .credit = UINT32_MAX};
    return opts->told ? ERR_OK : prepare_columns(r, f);
}

/* "a":[1,2],"b":[3,4] */
static void join_columns(struct rows *r)
{
    for (uint32_t i = 0; i < r->opts.column_count; i++) {
        if (i > 0) {
            buf_char(&r->out, ',');
        }
        buf_json_str(&r->out, r->opts.columns[i].name);
        BUF_LIT(&r->out, ":[");
        buf_str_add(&r->out, buf_str(&r->by_column[i]));
        buf_char(&r->out, ']');
        buf_fini(&r->by_column[i]);
    }
}

enum err rows_finish(struct rows *r, struct fail *f)
{
    if (r->opts.expect == EXPECT_ONE && r->count == 0) {
        return fail_set(f, ERR_NO_RESULT, "one row was expected and there is none");
    }
    if (r->opts.told && !r->heard && r->opts.column_count > 0) {
        return fail_at(f, ERR_BAD_QUERY, STR("/query/columns"),
                       "columns are declared, and the text returns no rows");
    }
    if (r->opts.form == ROWS_COLUMNS && r->by_column != NULL) {
        join_columns(r);
    }
    if (r->in_chunk > 0) {
        end_chunk(r);
    }
    return r->out.failed ? no_memory(f) : ERR_OK;
}
