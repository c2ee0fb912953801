/* SPDX-License-Identifier: MIT
 *
 * backend/maria_cells.c: rows of the binary protocol to values.
 *
 * Connector/C calls for each cell with a pointer into its packet buffer, so texts
 * and blobs are lent without a copy. The layouts are those of the protocol's
 * "Binary Protocol Resultset Row" (MariaDB knowledge base).
 */
#include "backend/maria.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHARSET_BINARY = 63, BIT_BYTES_MAX = 8 };

void maria_cells_fini(struct maria_cells *c)
{
    free(c->cells);
    free(c->texts);
    free(c->told);
    *c = (struct maria_cells){0};
}

/* -- raw bytes ------------------------------------------------------------- */

/* `n` bytes, little-endian, and moves on. */
static uint64_t take_int(const unsigned char **p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++) {
        v |= (uint64_t)(*p)[i] << (8 * i);
    }
    *p += n;
    return v;
}

/* A length-encoded run of bytes. */
static struct str take_bytes(const unsigned char **p)
{
    unsigned char first = *(*p)++;
    uint64_t n = first;
    if (first >= 0xFC) {
        n = take_int(p, first == 0xFC ? 2 : first == 0xFD ? 3 : 8);
    }
    struct str s = {(const char *)*p, (size_t)n};
    *p += n;
    return s;
}

/* -- one cell -------------------------------------------------------------- */

static void put_int(struct value *v, int64_t n)
{
    *v = (struct value){.kind = VALUE_INT, .num = n};
}

/* Beyond int64 as text. */
static void put_unsigned(struct value *v, uint64_t n, char *text)
{
    if (n <= INT64_MAX) {
        put_int(v, (int64_t)n);
        return;
    }
    int len = snprintf(text, MARIA_TIME_TEXT, "%llu", (unsigned long long)n);
    *v = (struct value){.kind = VALUE_TEXT, .text = {text, (size_t)len}};
}

static void cell_int(struct value *v, const MYSQL_FIELD *f, const unsigned char **p,
                     unsigned bytes, char *text)
{
    uint64_t n = take_int(p, bytes);
    if ((f->flags & UNSIGNED_FLAG) != 0) {
        put_unsigned(v, n, text);
        return;
    }
    uint64_t sign = (uint64_t)1 << (8 * bytes - 1);
    put_int(v, (int64_t)((n ^ sign) - sign));
}

static void cell_double(struct value *v, const unsigned char **p)
{
    uint64_t bits = take_int(p, 8);
    v->kind = VALUE_DOUBLE;
    memcpy(&v->real, &bits, sizeof v->real);
}

static void cell_float(struct value *v, const unsigned char **p)
{
    uint32_t bits = (uint32_t)take_int(p, 4);
    float real;
    memcpy(&real, &bits, sizeof real);
    *v = (struct value){.kind = VALUE_DOUBLE, .real = (double)real};
}

/* length, year (2), month, day, [hour, minute, second, [micros (4)]]; parts that
 * are all zero are left out */
static void cell_datetime(struct value *v, enum type_kind kind, const MYSQL_FIELD *f,
                          const unsigned char **p, char *text)
{
    unsigned len = *(*p)++;
    const unsigned char *at = *p;
    *p += len;
    unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, micros = 0;
    if (len >= 4) {
        year = (unsigned)take_int(&at, 2);
        month = *at++;
        day = *at++;
    }
    if (len >= 7) {
        hour = *at++;
        minute = *at++;
        second = *at++;
    }
    if (len >= 11) {
        micros = (unsigned)take_int(&at, 4);
    }
    int n = snprintf(text, MARIA_TIME_TEXT, "%04u-%02u-%02u", year % 10000, month, day);
    if (f->type != MYSQL_TYPE_DATE && kind != TYPE_DATE) {
        n += snprintf(text + n, MARIA_TIME_TEXT - (size_t)n, " %02u:%02u:%02u", hour, minute,
                      second);
        if (micros != 0) {
            n += snprintf(text + n, MARIA_TIME_TEXT - (size_t)n, ".%06u", micros % 1000000);
        }
    }
    *v = (struct value){.kind = VALUE_TEXT, .text = {text, (size_t)n}};
}

/* length, negative, days (4), hour, minute, second, [micros (4)] */
static void cell_time(struct value *v, const unsigned char **p, char *text)
{
    unsigned len = *(*p)++;
    const unsigned char *at = *p;
    *p += len;
    unsigned negative = 0, days = 0, hour = 0, minute = 0, second = 0, micros = 0;
    if (len >= 8) {
        negative = *at++;
        days = (unsigned)take_int(&at, 4);
        hour = *at++;
        minute = *at++;
        second = *at++;
    }
    if (len >= 12) {
        micros = (unsigned)take_int(&at, 4);
    }
    int n = snprintf(text, MARIA_TIME_TEXT, "%s%02u:%02u:%02u", negative != 0 ? "-" : "",
                     (days % 100) * 24 + hour, minute, second);
    if (micros != 0) {
        n += snprintf(text + n, MARIA_TIME_TEXT - (size_t)n, ".%06u", micros % 1000000);
    }
    *v = (struct value){.kind = VALUE_TEXT, .text = {text, (size_t)n}};
}

/* bit(n): its bytes, highest first */
static void cell_bit(struct value *v, const unsigned char **p, char *text)
{
    struct str s = take_bytes(p);
    uint64_t n = 0;
    for (size_t i = 0; i < s.len && i < BIT_BYTES_MAX; i++) {
        n = n << 8 | (unsigned char)s.ptr[i];
    }
    put_unsigned(v, n, text);
}

/* The declared type decides what bytes are; without one the character set does. */
static bool is_bytes(enum type_kind kind, const MYSQL_FIELD *f, struct str s)
{
    switch (type_family(kind)) {
    case FAMILY_BYTES:
        return true;
    case FAMILY_UNKNOWN:
    case FAMILY_OPAQUE:
        return f->charsetnr == CHARSET_BINARY && !utf8_valid(s, NULL);
    case FAMILY_BOOLEAN:
    case FAMILY_NUMBER:
    case FAMILY_TEXT:
    case FAMILY_UUID:
    case FAMILY_DATE:
    case FAMILY_TIME:
    case FAMILY_INTERVAL:
    case FAMILY_JSON:
    case FAMILY_ARRAY:
        break;
    }
    return false;
}

static void cell_text(struct value *v, enum type_kind kind, const MYSQL_FIELD *f,
                      const unsigned char **p)
{
    struct str s = take_bytes(p);
    bool bytes = f->type != MYSQL_TYPE_NEWDECIMAL && f->type != MYSQL_TYPE_DECIMAL &&
                 is_bytes(kind, f, s);
    *v = (struct value){.kind = bytes ? VALUE_BYTES : VALUE_TEXT, .text = s};
}

static void read_cell(struct maria_cells *c, unsigned i, const unsigned char **p)
{
    const MYSQL_FIELD *f = &c->fields[i];
    struct value *v = &c->cells[i];
    enum type_kind kind = c->columns == NULL ? TYPE_UNKNOWN : c->columns[i].type.kind;
    switch ((int)f->type) {
    case MYSQL_TYPE_NULL:
        *v = (struct value){.kind = VALUE_NULL};
        return;
    case MYSQL_TYPE_TINY:
        cell_int(v, f, p, 1, c->texts[i]);
        return;
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_YEAR:
        cell_int(v, f, p, 2, c->texts[i]);
        return;
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
        cell_int(v, f, p, 4, c->texts[i]);
        return;
    case MYSQL_TYPE_LONGLONG:
        cell_int(v, f, p, 8, c->texts[i]);
        return;
    case MYSQL_TYPE_FLOAT:
        cell_float(v, p);
        return;
    case MYSQL_TYPE_DOUBLE:
        cell_double(v, p);
        return;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
        cell_datetime(v, kind, f, p, c->texts[i]);
        return;
    case MYSQL_TYPE_TIME:
        cell_time(v, p, c->texts[i]);
        return;
    case MYSQL_TYPE_BIT:
        cell_bit(v, p, c->texts[i]);
        return;
    default:
        cell_text(v, kind, f, p);
        return;
    }
}

/* Connector/C's stack: short, and nothing here may wait. */
static void on_cell(void *arg, unsigned int i, unsigned char **row)
{
    struct maria_cells *c = arg;
    if (row == NULL) {
        c->cells[i] = (struct value){.kind = VALUE_NULL};
        return;
    }
    const unsigned char *p = *row;
    read_cell(c, i, &p);
    *row += p - *row;
}

/* -- a statement ----------------------------------------------------------- */

static enum err room(struct maria_cells *c, uint32_t count)
{
    if (count <= c->cap) {
        return ERR_OK;
    }
    free(c->cells);
    free(c->texts);
    c->cells = calloc(count, sizeof *c->cells);
    c->texts = calloc(count, sizeof *c->texts);
    c->cap = c->cells == NULL || c->texts == NULL ? 0 : count;
    return c->cap == 0 ? ERR_OUT_OF_MEMORY : ERR_OK;
}

static enum err attach(struct maria_cells *c, MYSQL_STMT *st, const struct column_info *columns,
                       uint32_t count)
{
    if (room(c, count) != ERR_OK) {
        return ERR_OUT_OF_MEMORY;
    }
    c->fields = mariadb_stmt_fetch_fields(st);
    c->columns = columns;
    c->count = count;
    if (c->fields == NULL || mysql_stmt_attr_set(st, STMT_ATTR_CB_USER_DATA, c) != 0) {
        return ERR_OUT_OF_MEMORY;
    }
    st->result_callback = on_cell;
    return ERR_OK;
}

enum err maria_cells_attach(struct maria_cells *c, MYSQL_STMT *st, const struct statement *s)
{
    return attach(c, st, s->columns, s->column_count);
}

/* -- columns that the server tells ----------------------------------------- */

static enum type_kind bytes_or(const MYSQL_FIELD *f, enum type_kind text)
{
    return f->charsetnr == CHARSET_BINARY ? TYPE_BYTES : text;
}

/* What the server says of a type beyond the protocol's own types. */
static bool is_called(const MYSQL_FIELD *f, enum mariadb_field_attr_t which, const char *name)
{
    MARIADB_CONST_STRING got;
    return mariadb_field_attr(&got, f, which) == 0 && got.length == strlen(name) &&
           memcmp(got.str, name, got.length) == 0;
}

static enum type_kind told_text_kind(const MYSQL_FIELD *f)
{
    if (is_called(f, MARIADB_FIELD_ATTR_FORMAT_NAME, "json")) {
        return TYPE_JSON;
    }
    if (is_called(f, MARIADB_FIELD_ATTR_DATA_TYPE_NAME, "uuid")) {
        return TYPE_UUID;
    }
    return bytes_or(f, f->type == MYSQL_TYPE_VAR_STRING ? TYPE_VARCHAR
                       : f->type == MYSQL_TYPE_STRING   ? TYPE_CHAR
                                                        : TYPE_TEXT);
}

/* As the catalog tells the same columns. */
static enum type_kind told_kind(const MYSQL_FIELD *f)
{
    bool wide = (f->flags & UNSIGNED_FLAG) != 0;
    if ((f->flags & ENUM_FLAG) != 0) {
        return TYPE_ENUM;
    }
    switch ((int)f->type) {
    case MYSQL_TYPE_TINY:
        return f->length == 1 ? TYPE_BOOLEAN : TYPE_SMALLINT;
    case MYSQL_TYPE_SHORT:
        return wide ? TYPE_INTEGER : TYPE_SMALLINT;
    case MYSQL_TYPE_YEAR:
        return TYPE_SMALLINT;
    case MYSQL_TYPE_INT24:
        return TYPE_INTEGER;
    case MYSQL_TYPE_LONG:
        return wide ? TYPE_BIGINT : TYPE_INTEGER;
    case MYSQL_TYPE_LONGLONG:
        return wide ? TYPE_NUMERIC : TYPE_BIGINT;
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        return TYPE_NUMERIC;
    case MYSQL_TYPE_FLOAT:
        return TYPE_REAL;
    case MYSQL_TYPE_DOUBLE:
        return TYPE_DOUBLE;
    case MYSQL_TYPE_DATE:
        return TYPE_DATE;
    case MYSQL_TYPE_TIME:
        return TYPE_TIME;
    case MYSQL_TYPE_DATETIME:
        return TYPE_TIMESTAMP;
    case MYSQL_TYPE_TIMESTAMP:
        return TYPE_TIMESTAMPTZ;
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
        return told_text_kind(f);
    case MYSQL_TYPE_NULL:
        return TYPE_TEXT;
    default:
        return TYPE_BYTES; /* bit, geometry */
    }
}

static struct type told_type(const MYSQL_FIELD *f)
{
    struct type t = type_of(told_kind(f));
    if (t.kind == TYPE_NUMERIC) {
        t.scale = f->type == MYSQL_TYPE_LONGLONG ? 0 : (int16_t)f->decimals;
    }
    return t;
}

enum err maria_cells_tell(struct maria_cells *c, MYSQL_STMT *st, struct run *r)
{
    uint32_t count = mysql_stmt_field_count(st);
    const MYSQL_FIELD *fields = mariadb_stmt_fetch_fields(st);
    free(c->told);
    c->told = calloc(count, sizeof *c->told);
    if (c->told == NULL || fields == NULL) {
        return fail_set(r->fail, ERR_OUT_OF_MEMORY, "out of memory");
    }
    for (uint32_t i = 0; i < count; i++) {
        c->told[i].name = (struct str){fields[i].name, fields[i].name_length};
        c->told[i].type = told_type(&fields[i]);
    }
    enum err e = r->sink->columns(r->sink, c->told, count, r->fail);
    if (e == ERR_OK && attach(c, st, c->told, count) != ERR_OK) {
        e = fail_set(r->fail, ERR_OUT_OF_MEMORY, "out of memory");
    }
    return e;
}
