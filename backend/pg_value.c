/* SPDX-License-Identifier: MIT
 *
 * backend/pg_value.c: parameters to PostgreSQL's text forms, cells back.
 *
 * Everything travels as text, so that a parameter whose type the server infers
 * means what it says; only bytea with a known type goes as it is. Buffers belong
 * to the connection and are used again. Loop thread.
 */
#include "backend/pg_parts.h"
#include "value/declared.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OID_BOOL = 16, OID_BYTEA = 17 };
enum { PARAMS_MAX = 65535 }; /* the message counts them in 16 bits */
enum { TEXT_KEPT_BYTES = 64 * 1024 };

/* Where a parameter lies in the text, while that may still move. */
struct pg_param {
    size_t offset;
    size_t len;
    enum { PARAM_NULL, PARAM_TEXT, PARAM_BINARY } form;
};

static const char hex_digits[] = "0123456789abcdef";

/* -- to the server --------------------------------------------------------- */

static void put_double(struct buf *b, double v)
{
    if (isnan(v)) {
        BUF_LIT(b, "NaN");
    } else if (isinf(v)) {
        buf_str_add(b, v < 0 ? STR("-Infinity") : STR("Infinity"));
    } else {
        buf_json_double(b, v);
    }
}

static void put_hex(struct buf *b, struct str bytes)
{
    if (!buf_reserve(b, bytes.len * 2 + 2)) {
        return;
    }
    char *out = b->ptr + b->len;
    *out++ = '\\';
    *out++ = 'x';
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        *out++ = hex_digits[c >> 4];
        *out++ = hex_digits[c & 15];
    }
    b->len += bytes.len * 2 + 2;
}

/* A member of an array literal: quoted, with \ before " and \ (manual, 8.15.6). */
static void put_quoted(struct buf *b, struct str s)
{
    buf_char(b, '"');
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\') {
            buf_add(b, s.ptr + from, i - from);
            buf_char(b, '\\');
            from = i;
        }
    }
    buf_add(b, s.ptr + from, s.len - from);
    buf_char(b, '"');
}

static enum err check_text(struct str s, struct fail *f)
{
    if (s.len > 0 && memchr(s.ptr, '\0', s.len) != NULL) {
        return fail_set(f, ERR_BAD_VALUE,
                        "PostgreSQL's texts cannot hold the character U+0000");
    }
    return ERR_OK;
}

static enum err put_member(struct buf *b, const struct value *v, struct fail *f)
{
    switch (v->kind) {
    case VALUE_NULL:
        BUF_LIT(b, "NULL");
        return ERR_OK;
    case VALUE_BOOL:
        buf_str_add(b, v->boolean ? STR("true") : STR("false"));
        return ERR_OK;
    case VALUE_INT:
        buf_i64(b, v->num);
        return ERR_OK;
    case VALUE_DOUBLE:
        put_double(b, v->real);
        return ERR_OK;
    case VALUE_TEXT:
        put_quoted(b, v->text);
        return check_text(v->text, f);
    case VALUE_BYTES:
        BUF_LIT(b, "\"\\"); /* the backslash of \x is itself escaped */
        put_hex(b, v->text);
        buf_char(b, '"');
        return ERR_OK;
    case VALUE_LIST:
        break;
    }
    return fail_set(f, ERR_BAD_VALUE, "a list inside a list");
}

/* count members that lie `stride` values apart. */
static enum err put_array(struct buf *b, const struct value *first, size_t count, size_t stride,
                          struct fail *f)
{
    enum err err = ERR_OK;
    buf_char(b, '{');
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        if (i > 0) {
            buf_char(b, ',');
        }
        err = put_member(b, &first[i * stride], f);
    }
    buf_char(b, '}');
    return err;
}

static enum err put_param(struct pg_params *p, struct pg_param *out, const struct value *v,
                          const struct type *type, struct fail *f)
{
    struct buf *b = &p->text;
    enum err err = ERR_OK;
    out->form = PARAM_TEXT;
    switch (v->kind) {
    case VALUE_NULL:
        out->form = PARAM_NULL;
        break;
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_DOUBLE:
        err = put_member(b, v, f);
        break;
    case VALUE_TEXT:
        buf_str_add(b, v->text);
        err = check_text(v->text, f);
        break;
    case VALUE_BYTES:
        if (type->native == OID_BYTEA) {
            out->form = PARAM_BINARY;
            buf_str_add(b, v->text);
        } else {
            put_hex(b, v->text);
        }
        break;
    case VALUE_LIST:
        err = put_array(b, v->list->items, v->list->count, 1, f);
        break;
    }
    return err;
}

static void forget_arrays(struct pg_params *p)
{
    free(p->params);
    free(p->values);
    free(p->lengths);
    free(p->formats);
    free(p->types);
    p->params = NULL;
    p->values = NULL;
    p->lengths = p->formats = NULL;
    p->types = NULL;
    p->cap = 0;
}

static enum err params_begin(struct pg_params *p, const struct statement *s, struct fail *f)
{
    p->count = s->param_count;
    buf_clear(&p->text);
    if (p->count > PARAMS_MAX) {
        return fail_set(f, ERR_TOO_MANY_PARAMS, "PostgreSQL takes at most %d parameters",
                        PARAMS_MAX);
    }
    if (p->count <= p->cap) {
        return ERR_OK;
    }
    forget_arrays(p);
    uint32_t cap = p->count < 16 ? 16 : p->count;
    p->params = calloc(cap, sizeof *p->params);
    p->values = calloc(cap, sizeof *p->values);
    p->lengths = calloc(cap, sizeof *p->lengths);
    p->formats = calloc(cap, sizeof *p->formats);
    p->types = calloc(cap, sizeof *p->types);
    if (p->params == NULL || p->values == NULL || p->lengths == NULL || p->formats == NULL ||
        p->types == NULL) {
        forget_arrays(p);
        return fail_set(f, ERR_OUT_OF_MEMORY, "no memory for parameters");
    }
    p->cap = cap;
    return ERR_OK;
}

/* The text no longer moves: sets what libpq wants to have. */
static enum err params_end(struct pg_params *p, struct fail *f)
{
    if (p->text.failed) {
        buf_fini(&p->text);
        return fail_set(f, ERR_OUT_OF_MEMORY, "no memory for parameters");
    }
    for (uint32_t i = 0; i < p->count; i++) {
        const struct pg_param *a = &p->params[i];
        if (a->len > INT_MAX) {
            return fail_set(f, ERR_BAD_VALUE, "a value of 2 GiB or more");
        }
        p->values[i] = a->form == PARAM_NULL ? NULL : p->text.ptr + a->offset;
        p->lengths[i] = (int)a->len;
        p->formats[i] = a->form == PARAM_BINARY ? FORMAT_BINARY : FORMAT_TEXT;
    }
    return ERR_OK;
}

enum err pg_params_set(struct pg_params *p, const struct statement *s,
                       const struct value *values, struct fail *f)
{
    enum err err = params_begin(p, s, f);
    for (uint32_t i = 0; i < s->param_count && err == ERR_OK; i++) {
        struct pg_param *a = &p->params[i];
        a->offset = p->text.len;
        err = put_param(p, a, &values[i], &s->param_types[i], f);
        a->len = p->text.len - a->offset;
        buf_char(&p->text, '\0');
        p->types[i] = values[i].kind == VALUE_LIST ? 0 : s->param_types[i].native;
    }
    return err == ERR_OK ? params_end(p, f) : err;
}

enum err pg_params_check(const struct statement *s, const struct value *values, uint32_t sets,
                         struct fail *f)
{
    enum err err = ERR_OK;
    size_t count = (size_t)s->param_count * sets;
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        if (values[i].kind == VALUE_TEXT) {
            err = check_text(values[i].text, f);
        }
    }
    return err;
}

enum err pg_params_set_many(struct pg_params *p, const struct statement *s,
                            const struct value *values, uint32_t sets, struct fail *f)
{
    enum err err = params_begin(p, s, f);
    for (uint32_t i = 0; i < s->param_count && err == ERR_OK; i++) {
        struct pg_param *a = &p->params[i];
        a->offset = p->text.len;
        a->form = PARAM_TEXT;
        err = put_array(&p->text, &values[i], sets, s->param_count, f);
        a->len = p->text.len - a->offset;
        buf_char(&p->text, '\0');
        p->types[i] = 0; /* the statement casts */
    }
    return err == ERR_OK ? params_end(p, f) : err;
}

void pg_params_fini(struct pg_params *p)
{
    forget_arrays(p);
    buf_fini(&p->text);
}

void pg_params_trim(struct pg_params *p)
{
    buf_shrink(&p->text, TEXT_KEPT_BYTES);
}

/* -- from the server ------------------------------------------------------- */

enum pg_cell_form { CELL_TEXT, CELL_BOOL, CELL_BYTES };

enum err pg_cells_shape(struct pg_cells *c, const PGresult *res)
{
    uint32_t count = (uint32_t)PQnfields(res);
    if (count > c->cap) {
        struct value *cells = realloc(c->cells, count * sizeof *cells);
        c->cells = cells != NULL ? cells : c->cells;
        uint8_t *forms = realloc(c->forms, count);
        c->forms = forms != NULL ? forms : c->forms;
        if (cells == NULL || forms == NULL) {
            return ERR_OUT_OF_MEMORY;
        }
        c->cap = count;
    }
    c->count = count;
    c->decoded = 0;
    for (uint32_t i = 0; i < count; i++) {
        Oid type = PQftype(res, (int)i);
        c->forms[i] = type == OID_BOOL ? CELL_BOOL : type == OID_BYTEA ? CELL_BYTES : CELL_TEXT;
        c->decoded += c->forms[i] == CELL_BYTES;
    }
    return ERR_OK;
}

enum err pg_tell_columns(const PGresult *res, struct row_sink *sink, struct fail *f)
{
    uint32_t count = (uint32_t)PQnfields(res);
    struct column_info *columns = calloc(count + 1, sizeof *columns);
    if (columns == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "no memory for the columns");
    }
    for (uint32_t i = 0; i < count; i++) {
        columns[i].name = str_of(PQfname(res, (int)i));
        columns[i].type = pg_result_type(PQftype(res, (int)i), PQfmod(res, (int)i));
    }
    enum err e = sink->columns(sink, columns, count, f);
    free(columns);
    return e;
}

static unsigned nibble(char c)
{
    return c <= '9' ? (unsigned)c - '0' : ((unsigned)c | 32u) - 'a' + 10u;
}

/* bytea_output is pinned to hex: \x and two digits for each byte. */
static struct str take_hex(struct buf *scratch, struct str text)
{
    if (!str_starts(text, STR("\\x"))) {
        return text;
    }
    char *out = scratch->ptr + scratch->len;
    size_t n = (text.len - 2) / 2;
    for (size_t i = 0; i < n; i++) {
        out[i] = (char)(nibble(text.ptr[2 + 2 * i]) << 4 | nibble(text.ptr[3 + 2 * i]));
    }
    scratch->len += n;
    return (struct str){out, n};
}

/* All at once, because decoded cells point into it. */
static bool reserve_scratch(struct pg_cells *c, const PGresult *res, int row)
{
    size_t need = 1;
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->forms[i] == CELL_BYTES) {
            need += (size_t)PQgetlength(res, row, (int)i) / 2;
        }
    }
    buf_clear(&c->scratch);
    return buf_reserve(&c->scratch, need);
}

const struct value *pg_cells_read(struct pg_cells *c, const PGresult *res, int row)
{
    if (c->decoded > 0 && !reserve_scratch(c, res, row)) {
        return NULL;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        struct value *v = &c->cells[i];
        struct str text = {PQgetvalue(res, row, (int)i), (size_t)PQgetlength(res, row, (int)i)};
        /* Only an empty text may be a NULL. */
        if (text.len == 0 && PQgetisnull(res, row, (int)i)) {
            v->kind = VALUE_NULL;
        } else if (c->forms[i] == CELL_BOOL) {
            v->kind = VALUE_BOOL;
            v->boolean = text.ptr[0] == 't';
        } else if (c->forms[i] == CELL_BYTES) {
            v->kind = VALUE_BYTES;
            v->text = take_hex(&c->scratch, text);
        } else {
            v->kind = VALUE_TEXT;
            v->text = text;
        }
    }
    return c->cells;
}

void pg_cells_fini(struct pg_cells *c)
{
    free(c->cells);
    free(c->forms);
    buf_fini(&c->scratch);
}

void pg_cells_trim(struct pg_cells *c)
{
    buf_shrink(&c->scratch, TEXT_KEPT_BYTES);
}
