/* SPDX-License-Identifier: MIT
 *
 * value/encode.c: values of a database as JSON, checked against their type.
 */
#include "value/array.h"
#include "value/decimal.h"
#include "value/moment.h"
#include "value/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GUARD_MAX ((INT64_C(1) << 53) - 1)
#define JSON_DEPTH 256

static enum err misfit(const struct type *type, struct fail *f)
{
    return fail_set(f, ERR_BAD_STORED_VALUE, "a stored value does not fit its type %s",
                    type_kind_name(type->kind));
}

static enum err write_bool(struct buf *b, const struct type *type, const struct value *v,
                           struct fail *f)
{
    int truth = -1;
    if (v->kind == VALUE_BOOL) {
        truth = v->boolean;
    } else if (v->kind == VALUE_INT && (v->num == 0 || v->num == 1)) {
        truth = (int)v->num;
    } else if (v->kind == VALUE_TEXT) {
        struct str s = v->text;
        if (str_is(s, "t") || str_is(s, "1") || str_is(s, "true")) {
            truth = 1;
        } else if (str_is(s, "f") || str_is(s, "0") || str_is(s, "false")) {
            truth = 0;
        }
    }
    if (truth < 0) {
        return misfit(type, f);
    }
    buf_str_add(b, truth ? STR("true") : STR("false"));
    return ERR_OK;
}

static enum err write_number(struct buf *b, const struct type *type, int64_t n,
                             enum int64_form form, struct fail *f)
{
    if (type->kind != TYPE_BIGINT || form == INT64_NUMBER) {
        buf_i64(b, n);
    } else if (form == INT64_STRING) {
        buf_char(b, '"');
        buf_i64(b, n);
        buf_char(b, '"');
    } else if (n > GUARD_MAX || n < -GUARD_MAX) {
        return fail_set(f, ERR_OUT_OF_RANGE, "a bigint is beyond 2^53-1");
    } else {
        buf_i64(b, n);
    }
    return ERR_OK;
}

static enum err write_integer(struct buf *b, const struct type *type, const struct value *v,
                              enum int64_form form, struct fail *f)
{
    int64_t n;
    switch (v->kind) {
    case VALUE_INT:
        return write_number(b, type, v->num, form, f);
    case VALUE_TEXT:
        if (v->text.len < 18 && form == INT64_NUMBER && v->text.len > 0) {
            size_t i = v->text.ptr[0] == '-';
            size_t digits = i;
            while (digits < v->text.len && v->text.ptr[digits] >= '0' &&
                   v->text.ptr[digits] <= '9') {
                digits++;
            }
            if (digits == v->text.len && digits > i) {
                buf_str_add(b, v->text); /* what a database prints has no leading zeros */
                return ERR_OK;
            }
        }
        return str_to_i64(v->text, &n) ? write_number(b, type, n, form, f) : misfit(type, f);
    case VALUE_DOUBLE:
        if (v->real == floor(v->real) && fabs(v->real) < 9.2e18) {
            return write_number(b, type, (int64_t)v->real, form, f);
        }
        return misfit(type, f);
    case VALUE_NULL:
    case VALUE_BOOL:
    case VALUE_BYTES:
    case VALUE_LIST:
        break;
    }
    return misfit(type, f);
}

static bool is_not_a_number(struct str s)
{
    return str_is(s, "NaN") || str_is(s, "Infinity") || str_is(s, "-Infinity");
}

static enum err write_numeric(struct buf *b, const struct type *type, const struct value *v,
                              struct fail *f)
{
    struct decimal d;
    switch (v->kind) {
    case VALUE_INT:
        buf_char(b, '"');
        decimal_write_int(b, v->num, type->scale);
        buf_char(b, '"');
        return ERR_OK;
    case VALUE_DOUBLE:
        if (!isfinite(v->real) || fabs(v->real) >= 1e300) {
            return misfit(type, f);
        }
        buf_char(b, '"');
        decimal_write_double(b, v->real, type->scale);
        buf_char(b, '"');
        return ERR_OK;
    case VALUE_TEXT:
        if (!is_not_a_number(v->text) && (!decimal_read(v->text, &d) || d.exponent != 0)) {
            return misfit(type, f);
        }
        buf_char(b, '"');
        buf_str_add(b, v->text);
        buf_char(b, '"');
        return ERR_OK;
    case VALUE_NULL:
    case VALUE_BOOL:
    case VALUE_BYTES:
    case VALUE_LIST:
        break;
    }
    return misfit(type, f);
}

static enum err write_double(struct buf *b, const struct type *type, const struct value *v,
                             struct fail *f)
{
    double d;
    if (v->kind == VALUE_DOUBLE) {
        d = v->real;
    } else if (v->kind == VALUE_INT) {
        d = (double)v->num;
    } else {
        char text[64];
        if (v->kind != VALUE_TEXT || v->text.len == 0 || v->text.len >= sizeof text) {
            return misfit(type, f);
        }
        memcpy(text, v->text.ptr, v->text.len);
        text[v->text.len] = '\0';
        char *end;
        d = strtod(text, &end);
        if (*end != '\0') {
            return misfit(type, f);
        }
    }
    if (type->kind == TYPE_REAL) {
        buf_json_float(b, (float)d);
    } else {
        buf_json_double(b, d);
    }
    return ERR_OK;
}

static enum err write_text(struct buf *b, const struct type *type, const struct value *v,
                           struct fail *f)
{
    switch (v->kind) {
    case VALUE_TEXT:
        if (!utf8_valid(v->text, NULL)) {
            return fail_set(f, ERR_BAD_STORED_VALUE, "a stored text is not UTF-8");
        }
        buf_json_str(b, v->text);
        return ERR_OK;
    case VALUE_INT: /* SQLite keeps what it was given */
        buf_char(b, '"');
        buf_i64(b, v->num);
        buf_char(b, '"');
        return ERR_OK;
    case VALUE_DOUBLE:
        buf_char(b, '"');
        decimal_write_double(b, isfinite(v->real) ? v->real : 0, -1);
        buf_char(b, '"');
        return isfinite(v->real) ? ERR_OK : misfit(type, f);
    case VALUE_NULL:
    case VALUE_BOOL:
    case VALUE_BYTES:
    case VALUE_LIST:
        break;
    }
    return misfit(type, f);
}

static enum err write_bytes(struct buf *b, const struct type *type, const struct value *v,
                            struct fail *f)
{
    if (v->kind != VALUE_BYTES && v->kind != VALUE_TEXT) {
        return misfit(type, f);
    }
    buf_json_base64(b, v->text);
    return ERR_OK;
}

/* A type that we do not know: its text, or its bytes in base64. */
static enum err write_opaque(struct buf *b, const struct type *type, const struct value *v,
                             struct fail *f)
{
    bool binary =
        v->kind == VALUE_BYTES || (v->kind == VALUE_TEXT && !utf8_valid(v->text, NULL));
    return binary ? write_bytes(b, type, v, f) : write_text(b, type, v, f);
}

static enum err write_moment(struct buf *b, const struct type *type, const struct value *v,
                             struct fail *f)
{
    struct moment m;
    if (v->kind != VALUE_TEXT) {
        return misfit(type, f);
    }
    bool dated = type->kind != TYPE_TIME;
    bool zoned = type->kind == TYPE_TIMESTAMPTZ;
    if (!(dated ? moment_read(v->text, &m) : moment_read_time(v->text, &m)) ||
        (m.has_offset && (!zoned || !moment_to_utc(&m)))) {
        return misfit(type, f);
    }
    bool midnight = m.hour == 0 && m.minute == 0 && m.second == 0 && m.micro == 0;
    if (type->kind == TYPE_DATE && !midnight) {
        return misfit(type, f);
    }
    buf_char(b, '"');
    if (dated) {
        moment_write_date(b, &m);
    }
    if (dated && type->kind != TYPE_DATE) {
        buf_char(b, 'T');
    }
    if (type->kind != TYPE_DATE) {
        moment_write_time(b, &m);
    }
    buf_str_add(b, zoned ? STR("Z\"") : STR("\""));
    return ERR_OK;
}

static enum err write_interval(struct buf *b, const struct type *type, const struct value *v,
                               struct fail *f)
{
    if (v->kind != VALUE_TEXT || !duration_valid(v->text)) {
        return misfit(type, f);
    }
    buf_json_str(b, v->text);
    return ERR_OK;
}

/* Well-formed JSON goes out as it is; only line ends between tokens are dropped, for
 * a reply is one line. */
static void add_json(struct buf *b, struct str text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n' || text.ptr[i] == '\r') {
            buf_add(b, text.ptr + from, i - from);
            from = i + 1;
        }
    }
    buf_add(b, text.ptr + from, text.len - from);
}

static enum err write_json(struct buf *b, const struct type *type, const struct value *v,
                           struct fail *f)
{
    if (v->kind == VALUE_INT || v->kind == VALUE_DOUBLE) { /* SQLite: a number is JSON */
        return write_double(b, &(struct type){.kind = TYPE_DOUBLE}, v, f);
    }
    if (v->kind != VALUE_TEXT) {
        return misfit(type, f);
    }
    struct arena a;
    struct json *tree;
    arena_init(&a, 0);
    enum err e = json_parse(&a, v->text, JSON_DEPTH, &tree, NULL);
    arena_fini(&a);
    if (e != ERR_OK) {
        return misfit(type, f);
    }
    add_json(b, v->text);
    return ERR_OK;
}

static enum err write_array(struct buf *b, const struct type *type, const struct value *v,
                            enum int64_form int64, struct fail *f)
{
    struct type element = type_of(type->element);
    if (v->kind != VALUE_TEXT) {
        return misfit(type, f);
    }
    return array_to_json(b, v->text, &element, int64, f);
}

static enum err write_untyped(struct buf *b, const struct type *type, const struct value *v,
                              struct fail *f)
{
    switch (v->kind) {
    case VALUE_BOOL:
        return write_bool(b, type, v, f);
    case VALUE_INT:
        buf_i64(b, v->num);
        return ERR_OK;
    case VALUE_DOUBLE:
        return write_double(b, type, v, f);
    case VALUE_TEXT:
    case VALUE_BYTES:
        return write_opaque(b, type, v, f);
    case VALUE_NULL:
    case VALUE_LIST:
        break;
    }
    return misfit(type, f);
}

enum err value_to_json(struct buf *b, const struct type *type, const struct value *v,
                       enum int64_form int64, struct fail *f)
{
    if (v->kind == VALUE_NULL) {
        BUF_LIT(b, "null");
        return ERR_OK;
    }
    switch (type->kind) {
    case TYPE_UNKNOWN:
        return write_untyped(b, type, v, f);
    case TYPE_BOOLEAN:
        return write_bool(b, type, v, f);
    case TYPE_SMALLINT:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
        return write_integer(b, type, v, int64, f);
    case TYPE_NUMERIC:
        return write_numeric(b, type, v, f);
    case TYPE_REAL:
    case TYPE_DOUBLE:
        return write_double(b, type, v, f);
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_CHAR:
    case TYPE_ENUM:
    case TYPE_UUID:
        return write_text(b, type, v, f);
    case TYPE_BYTES:
        return write_bytes(b, type, v, f);
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return write_moment(b, type, v, f);
    case TYPE_INTERVAL:
        return write_interval(b, type, v, f);
    case TYPE_JSON:
        return write_json(b, type, v, f);
    case TYPE_ARRAY:
        return write_array(b, type, v, int64, f);
    case TYPE_OPAQUE:
        return write_opaque(b, type, v, f);
    }
    return misfit(type, f);
}
