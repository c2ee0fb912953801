/* SPDX-License-Identifier: MIT
 *
 * value/value.c: JSON to typed values: everything that can be wrong with a value
 * is found here, before a database is asked.
 */
#include "value/value.h"

#include "value/array.h"
#include "value/calendar.h"
#include "value/coded.h"
#include "value/decimal.h"
#include "value/moment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What all readers get. */
struct ask {
    const struct json *j;
    const struct type *type;
    struct arena *arena;
    const struct json_path *path;
    struct fail *fail;
};

static struct str where(const struct ask *q, char out[320])
{
    return (struct str){out, json_path_write(q->path, out, 320)};
}

static enum err wrong_kind(const struct ask *q)
{
    char path[320];
    return fail_at(q->fail, ERR_TYPE_MISMATCH, where(q, path), "%s is no value of type %s",
                   json_kind_name(q->j), type_kind_name(q->type->kind));
}

static enum err wrong(const struct ask *q, enum err e, const char *why)
{
    char path[320];
    return fail_at(q->fail, e, where(q, path), "%s", why);
}

static enum err no_memory(const struct ask *q)
{
    return fail_set(q->fail, ERR_OUT_OF_MEMORY, "out of memory");
}

static enum err give_text(const struct ask *q, struct value *out, struct str s)
{
    if (s.ptr == NULL) {
        return no_memory(q);
    }
    *out = (struct value){.kind = VALUE_TEXT, .text = s};
    return ERR_OK;
}

/* Copies what was written and frees the buffer. */
static enum err give_buf(const struct ask *q, struct value *out, struct buf *b)
{
    struct str s = b->failed ? (struct str){NULL, 0} : arena_str(q->arena, buf_str(b));
    buf_fini(b);
    return give_text(q, out, s);
}

/* ---- numbers ---- */

static enum err read_bool(const struct ask *q, struct value *out)
{
    if (q->j->kind != JSON_TRUE && q->j->kind != JSON_FALSE) {
        return wrong_kind(q);
    }
    *out = (struct value){.kind = VALUE_BOOL, .boolean = q->j->kind == JSON_TRUE};
    return ERR_OK;
}

/* [ "-" ] 1*DIGIT */
static bool is_whole(struct str s)
{
    size_t from = s.len > 0 && s.ptr[0] == '-', i = from;
    while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9') {
        i++;
    }
    return i == s.len && i > from;
}

static enum err read_integer(const struct ask *q, struct value *out)
{
    if (q->j->kind == JSON_DECIMAL) {
        return wrong(q, ERR_TYPE_MISMATCH, "a whole number is wanted");
    }
    /* Who asked for `"int64":"string"` sends back what it was given. */
    bool text = q->j->kind == JSON_STRING && q->type->kind == TYPE_BIGINT;
    if (q->j->kind != JSON_INTEGER && !text) {
        return wrong_kind(q);
    }
    if (text && !is_whole(json_text(q->j))) {
        return wrong(q, ERR_BAD_VALUE, "not a whole number");
    }
    int64_t n, max = type_holds_64_bits(q->type)     ? INT64_MAX
                     : q->type->kind == TYPE_INTEGER ? INT32_MAX
                                                     : INT16_MAX;
    if (!str_to_i64(json_text(q->j), &n) || n > max || n < -max - 1) {
        char path[320];
        return fail_at(q->fail, ERR_OUT_OF_RANGE, where(q, path),
                       "the number is out of the range of %s", type_kind_name(q->type->kind));
    }
    *out = (struct value){.kind = VALUE_INT, .num = n};
    return ERR_OK;
}

static enum err check_digits(const struct ask *q, const struct decimal *d)
{
    const struct type *t = q->type;
    if (t->precision < 0 || d->exponent != 0) {
        return ERR_OK;
    }
    int32_t scale = t->scale < 0 ? 0 : t->scale;
    if (d->whole.len > (size_t)(t->precision - scale)) {
        char path[320];
        return fail_at(q->fail, ERR_OUT_OF_RANGE, where(q, path),
                       "the number has more digits than numeric(%d,%d) holds", t->precision,
                       scale);
    }
    if (d->fraction.len > (size_t)scale) {
        char path[320];
        return fail_at(q->fail, ERR_BAD_VALUE, where(q, path),
                       "the number has more digits behind the point than numeric(%d,%d) holds",
                       t->precision, scale);
    }
    return ERR_OK;
}

static enum err read_numeric(const struct ask *q, struct value *out)
{
    bool number = q->j->kind == JSON_INTEGER || q->j->kind == JSON_DECIMAL;
    if (!number && q->j->kind != JSON_STRING) {
        return wrong_kind(q);
    }
    struct decimal d;
    struct str text = json_text(q->j);
    if (!decimal_read(text, &d)) {
        return wrong(q, ERR_BAD_VALUE, "not a decimal number");
    }
    struct str plain = decimal_plain(text, &d, q->arena);
    if (plain.ptr != NULL && d.exponent != 0 && !decimal_read(plain, &d)) {
        return wrong(q, ERR_BAD_VALUE, "not a decimal number");
    }
    enum err e = check_digits(q, &d);
    return e == ERR_OK ? give_text(q, out, plain) : e;
}

/* A number whose text has a digit that is not 0: what becomes 0 was too small. */
static bool is_zero(struct str number)
{
    for (size_t i = 0; i < number.len && (number.ptr[i] | 0x20) != 'e'; i++) {
        if (number.ptr[i] >= '1' && number.ptr[i] <= '9') {
            return false;
        }
    }
    return true;
}

static enum err read_number(const struct ask *q, struct value *out)
{
    struct str s = arena_str(q->arena, json_text(q->j)); /* strtod wants a NUL */
    if (s.ptr == NULL) {
        return no_memory(q);
    }
    out->real = strtod(s.ptr, NULL);
    double held = q->type->kind == TYPE_REAL ? (double)strtof(s.ptr, NULL) : out->real;
    if (isinf(held)) {
        return wrong(q, ERR_OUT_OF_RANGE, "the number is too large for its type");
    }
    if (held == 0 && !is_zero(s)) {
        return wrong(q, ERR_OUT_OF_RANGE, "the number is too close to zero for its type");
    }
    return ERR_OK;
}

static enum err read_double(const struct ask *q, struct value *out)
{
    static const struct {
        const char *name;
        double v;
    } special[] = {{"NaN", (double)NAN}, {"Infinity", HUGE_VAL}, {"-Infinity", -HUGE_VAL}};
    *out = (struct value){.kind = VALUE_DOUBLE};
    if (q->j->kind == JSON_STRING) {
        for (size_t i = 0; i < 3; i++) {
            if (json_is(q->j, special[i].name)) {
                out->real = special[i].v;
                return ERR_OK;
            }
        }
    }
    if (q->j->kind != JSON_INTEGER && q->j->kind != JSON_DECIMAL) {
        return wrong_kind(q);
    }
    return read_number(q, out);
}

/* ---- texts ---- */

/* PostgreSQL cannot store it, and SQLite's LIKE ends there: equal on all means no. */
static bool holds_nul(struct str s)
{
    return s.len > 0 && memchr(s.ptr, '\0', s.len) != NULL;
}

static enum err refuse_nul(const struct ask *q)
{
    return wrong(q, ERR_BAD_VALUE, "a text may not hold the character U+0000");
}

static enum err read_text(const struct ask *q, struct value *out)
{
    if (q->j->kind != JSON_STRING) {
        return wrong_kind(q);
    }
    struct str s = json_text(q->j);
    if (holds_nul(s)) {
        return refuse_nul(q);
    }
    if (q->type->length >= 0 && s.len > (size_t)q->type->length &&
        utf8_count(s) > (size_t)q->type->length) {
        char path[320];
        return fail_at(q->fail, ERR_TOO_LONG, where(q, path),
                       "the text is longer than %d characters", q->type->length);
    }
    return give_text(q, out, s);
}

static enum err read_uuid(const struct ask *q, struct value *out)
{
    if (q->j->kind != JSON_STRING) {
        return wrong_kind(q);
    }
    char *text = arena_alloc(q->arena, UUID_TEXT_BYTES);
    if (text == NULL) {
        return no_memory(q);
    }
    if (!uuid_read(json_text(q->j), text)) {
        return wrong(q, ERR_BAD_VALUE, "not a UUID");
    }
    return give_text(q, out, (struct str){text, UUID_TEXT_BYTES});
}

static enum err read_bytes(const struct ask *q, struct value *out)
{
    if (q->j->kind != JSON_STRING) {
        return wrong_kind(q);
    }
    struct str s = json_text(q->j);
    char *bytes = arena_alloc(q->arena, s.len / 4 * 3 + 3);
    size_t n;
    if (bytes == NULL) {
        return no_memory(q);
    }
    if (!base64_decode(s, bytes, &n)) {
        return wrong(q, ERR_BAD_VALUE, "not base64 with padding (RFC 4648)");
    }
    *out = (struct value){.kind = VALUE_BYTES, .text = {bytes, n}};
    return ERR_OK;
}

/* ---- times ---- */

static enum err wrong_moment(const struct ask *q)
{
    enum type_kind kind = q->type->kind;
    const char *form = kind == TYPE_DATE   ? "not a date YYYY-MM-DD"
                       : kind == TYPE_TIME ? "not a time HH:MM:SS[.ffffff]"
                       : kind == TYPE_TIMESTAMP
                           ? "not a timestamp YYYY-MM-DDTHH:MM:SS[.ffffff]"
                           : "not a timestamp with an offset YYYY-MM-DDTHH:MM:SS[.ffffff]Z";
    return wrong(q, ERR_BAD_VALUE, form);
}

static bool moment_fits(struct moment *m, enum type_kind kind)
{
    return kind == TYPE_TIMESTAMPTZ ? m->has_offset && moment_to_utc(m) : !m->has_offset;
}

static enum err read_moment(const struct ask *q, struct value *out)
{
    enum type_kind kind = q->type->kind;
    struct moment m;
    if (q->j->kind != JSON_STRING) {
        return wrong_kind(q);
    }
    struct str s = json_text(q->j);
    bool read = kind == TYPE_DATE   ? moment_read_date(s, &m)
                : kind == TYPE_TIME ? moment_read_time(s, &m)
                                    : moment_read(s, &m);
    if (read && kind == TYPE_TIMESTAMP && m.has_offset) {
        enum err e = wrong(q, ERR_BAD_VALUE, "a timestamp without time zone takes no offset");
        fail_hint(q->fail, "leave the offset out, or use a timestamptz column");
        return e;
    }
    if (!read || !moment_fits(&m, kind)) {
        return wrong_moment(q);
    }
    struct buf b;
    buf_init(&b);
    if (kind != TYPE_TIME) {
        moment_write_date(&b, &m);
    }
    if (kind == TYPE_TIMESTAMP || kind == TYPE_TIMESTAMPTZ) {
        buf_char(&b, ' ');
    }
    if (kind != TYPE_DATE) {
        moment_write_time(&b, &m);
    }
    return give_buf(q, out, &b);
}

static enum err read_interval(const struct ask *q, struct value *out)
{
    if (q->j->kind != JSON_STRING) {
        return wrong_kind(q);
    }
    if (!duration_valid(json_text(q->j))) {
        return wrong(q, ERR_BAD_VALUE, "not an ISO 8601 duration like P1DT2H");
    }
    struct duration d;
    struct buf b;
    if (!duration_read(json_text(q->j), &d)) {
        return wrong(q, ERR_OUT_OF_RANGE, "the duration is too long");
    }
    buf_init(&b);
    duration_write(&b, &d); /* in one spelling on all databases */
    return give_buf(q, out, &b);
}

/* ---- the others ---- */

/* Recurses as deep as a request may be. */
static bool holds_nul_inside(const struct json *j)
{
    if (j->kind == JSON_STRING) {
        return holds_nul(json_text(j));
    }
    const struct json *m = j->kind >= JSON_ARRAY ? j->first : NULL;
    while (m != NULL && !holds_nul(json_key(m)) && !holds_nul_inside(m)) {
        m = m->next;
    }
    return m != NULL;
}

static enum err read_json(const struct ask *q, struct value *out)
{
    struct buf b;
    if (holds_nul_inside(q->j)) {
        return refuse_nul(q);
    }
    buf_init(&b);
    json_write(&b, q->j);
    return give_buf(q, out, &b);
}

static enum err read_array(const struct ask *q, struct value *out)
{
    if (q->j->kind != JSON_ARRAY) {
        return wrong_kind(q);
    }
    struct type element = type_of(q->type->element);
    return array_from_json(q->j, &element, q->arena, q->path, out, q->fail);
}

/* No type is known: the JSON form decides. */
static enum err read_untyped(const struct ask *q, struct value *out)
{
    int64_t n;
    switch ((enum json_kind)q->j->kind) {
    case JSON_TRUE:
    case JSON_FALSE:
        return read_bool(q, out);
    case JSON_INTEGER:
        if (str_to_i64(json_text(q->j), &n)) {
            *out = (struct value){.kind = VALUE_INT, .num = n};
            return ERR_OK;
        }
        return read_numeric(q, out);
    case JSON_DECIMAL:
        return read_numeric(q, out);
    case JSON_STRING:
        return read_text(q, out);
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return wrong_kind(q);
}

enum err value_from_json(const struct json *j, const struct type *type, struct arena *a,
                         const struct json_path *path, struct value *out, struct fail *f)
{
    struct ask q = {j, type, a, path, f};
    if (j->kind == JSON_NULL) {
        *out = (struct value){.kind = VALUE_NULL};
        return ERR_OK;
    }
    switch (type->kind) {
    case TYPE_UNKNOWN:
        return read_untyped(&q, out);
    case TYPE_BOOLEAN:
        return read_bool(&q, out);
    case TYPE_SMALLINT:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
        return read_integer(&q, out);
    case TYPE_NUMERIC:
        return read_numeric(&q, out);
    case TYPE_REAL:
    case TYPE_DOUBLE:
        return read_double(&q, out);
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_CHAR:
    case TYPE_ENUM:
        return read_text(&q, out);
    case TYPE_UUID:
        return read_uuid(&q, out);
    case TYPE_BYTES:
        return read_bytes(&q, out);
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return read_moment(&q, out);
    case TYPE_INTERVAL:
        return read_interval(&q, out);
    case TYPE_JSON:
        return read_json(&q, out);
    case TYPE_ARRAY:
        return read_array(&q, out);
    case TYPE_OPAQUE:
        break;
    }
    return wrong(&q, ERR_TYPE_MISMATCH, "a column of a type that we do not know is read-only");
}
