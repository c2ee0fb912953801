/* SPDX-License-Identifier: MIT
 *
 * value/encode.c: values of a database as JSON, checked against their type.
 */
#include "value/array.h"
#include "value/calendar.h"
#include "value/coded.h"
#include "value/decimal.h"
#include "value/moment.h"
#include "value/value.h"

#include <float.h>
#include <math.h>

#define GUARD_MAX ((INT64_C(1) << 53) - 1)

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

static bool integer_fits(const struct type *type, int64_t n)
{
    if (type_holds_64_bits(type)) {
        return true;
    }
    int64_t max = type->kind == TYPE_SMALLINT ? INT16_MAX : INT32_MAX;
    return n <= max && n >= -max - 1;
}

static enum err write_number(struct buf *b, const struct type *type, int64_t n,
                             enum int64_form form, struct fail *f)
{
    if (!integer_fits(type, n)) {
        return misfit(type, f);
    }
    if (form == INT64_GUARD && (n > GUARD_MAX || n < -GUARD_MAX)) {
        return fail_set(f, ERR_OUT_OF_RANGE, "a whole number is beyond 2^53-1");
    }
    bool quoted = form == INT64_STRING && type->kind == TYPE_BIGINT;
    if (quoted) {
        buf_char(b, '"');
    }
    buf_i64(b, n);
    if (quoted) {
        buf_char(b, '"');
    }
    return ERR_OK;
}

/* Whether s can be copied as it is: so few digits that they fit the type, without
 * zeros in front, which JSON does not have. */
static bool is_short_integer(struct str s, const struct type *type)
{
    size_t max = type->kind == TYPE_SMALLINT ? 4 : type_holds_64_bits(type) ? 15 : 9;
    size_t from = s.len > 0 && s.ptr[0] == '-';
    if (s.len <= from || s.len - from > max || s.ptr[from] == '0') {
        return false;
    }
    for (size_t i = from; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return true;
}

static enum err write_integer(struct buf *b, const struct type *type, const struct value *v,
                              enum int64_form form, struct fail *f)
{
    int64_t n;
    switch (v->kind) {
    case VALUE_INT:
        return write_number(b, type, v->num, form, f);
    case VALUE_TEXT:
        if (form != INT64_STRING && is_short_integer(v->text, type)) {
            buf_str_add(b, v->text);
            return ERR_OK;
        }
        return str_to_i64(v->text, &n) ? write_number(b, type, n, form, f) : misfit(type, f);
    case VALUE_DOUBLE:
        if (fabs(v->real) < 9.2e18 && v->real == floor(v->real)) {
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
        if (!decimal_read(v->text, &d) || d.exponent != 0) {
            return misfit(type, f);
        }
        buf_char(b, '"');
        decimal_write(b, &d, type->scale);
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

static bool is_not_finite(struct str s)
{
    return str_is(s, "NaN") || str_is(s, "Infinity") || str_is(s, "-Infinity");
}

/* PostgreSQL prints the shortest text that reads back the same: it is copied. */
static enum err write_double_text(struct buf *b, const struct type *type, struct str s,
                                  struct fail *f)
{
    if (json_is_number(s)) {
        buf_str_add(b, s);
        return ERR_OK;
    }
    if (!is_not_finite(s)) {
        return misfit(type, f);
    }
    buf_json_str(b, s);
    return ERR_OK;
}

static enum err write_double(struct buf *b, const struct type *type, const struct value *v,
                             struct fail *f)
{
    switch (v->kind) {
    case VALUE_DOUBLE:
        if (type->kind == TYPE_REAL && fabs(v->real) <= (double)FLT_MAX) {
            buf_json_float(b, (float)v->real);
        } else {
            buf_json_double(b, v->real);
        }
        return ERR_OK;
    case VALUE_INT:
        buf_i64(b, v->num);
        return ERR_OK;
    case VALUE_TEXT:
        return write_double_text(b, type, v->text, f);
    case VALUE_NULL:
    case VALUE_BOOL:
    case VALUE_BYTES:
    case VALUE_LIST:
        break;
    }
    return misfit(type, f);
}

/* Blanks at the end of a char(n) mean nothing: PostgreSQL fills up with them, MariaDB
 * takes them off. */
static struct str without_blanks(struct str s)
{
    while (s.len > 0 && s.ptr[s.len - 1] == ' ') {
        s.len--;
    }
    return s;
}

static enum err write_text(struct buf *b, const struct type *type, const struct value *v,
                           struct fail *f)
{
    switch (v->kind) {
    case VALUE_TEXT:
        if (!buf_json_text(b, type->kind == TYPE_CHAR ? without_blanks(v->text) : v->text)) {
            return fail_set(f, ERR_BAD_STORED_VALUE, "a stored text is not UTF-8");
        }
        return ERR_OK;
    case VALUE_INT: /* SQLite keeps what it was given */
        buf_char(b, '"');
        buf_i64(b, v->num);
        buf_char(b, '"');
        return ERR_OK;
    case VALUE_DOUBLE:
        if (!isfinite(v->real)) {
            return misfit(type, f);
        }
        buf_char(b, '"');
        buf_json_double(b, v->real);
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

/* Other programs keep UUIDs in SQLite and MariaDB without dashes, or as 16 bytes. */
static enum err write_uuid(struct buf *b, const struct type *type, const struct value *v,
                           struct fail *f)
{
    char text[UUID_TEXT_BYTES];
    if (v->kind == VALUE_BYTES && v->text.len == 16) {
        uuid_of_bytes(v->text.ptr, text);
    } else if (v->kind != VALUE_TEXT || !uuid_read(v->text, text)) {
        return misfit(type, f);
    }
    buf_char(b, '"');
    buf_add(b, text, sizeof text);
    buf_char(b, '"');
    return ERR_OK;
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
    int64_t micros = v->num;
    /* what lies between two moments; as a text where it stood beside one */
    if (v->kind == VALUE_INT || (v->kind == VALUE_TEXT && str_to_i64(v->text, &micros))) {
        buf_char(b, '"');
        duration_write_micros(b, micros);
        buf_char(b, '"');
        return ERR_OK;
    }
    if (v->kind != VALUE_TEXT || !duration_valid(v->text)) {
        return misfit(type, f);
    }
    buf_json_str(b, v->text);
    return ERR_OK;
}

static enum err write_json(struct buf *b, const struct type *type, const struct value *v,
                           struct fail *f)
{
    /* A column that SQLite gives NUMERIC affinity turns the text of a number into one. */
    if (v->kind == VALUE_INT || (v->kind == VALUE_DOUBLE && isfinite(v->real))) {
        return write_double(b, type, v, f);
    }
    if (v->kind != VALUE_TEXT || !json_compact(b, v->text)) {
        return misfit(type, f);
    }
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
        return write_text(b, type, v, f);
    case TYPE_UUID:
        return write_uuid(b, type, v, f);
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
