/* SPDX-License-Identifier: MIT
 *
 * value/value.c: JSON to typed values: everything that can be wrong with a value
 * is found here, before a database is asked.
 */
#include "value/value.h"

#include "value/array.h"
#include "value/decimal.h"
#include "value/moment.h"

#include <errno.h>
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

static enum err read_integer(const struct ask *q, struct value *out)
{
    if (q->j->kind == JSON_DECIMAL) {
        return wrong(q, ERR_TYPE_MISMATCH, "a whole number is wanted");
    }
    if (q->j->kind != JSON_INTEGER) {
        return wrong_kind(q);
    }
    int64_t n, max = q->type->kind == TYPE_SMALLINT  ? INT16_MAX
                     : q->type->kind == TYPE_INTEGER ? INT32_MAX
                                                     : INT64_MAX;
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

static enum err read_double(const struct ask *q, struct value *out)
{
    static const struct {
        const char *name;
        double v;
    } special[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
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
    struct str s = arena_str(q->arena, json_text(q->j));
    if (s.ptr == NULL) {
        return no_memory(q);
    }
    out->real = strtod(s.ptr, NULL);
    bool fits =
        isfinite(out->real) && (q->type->kind != TYPE_REAL || isfinite((float)out->real));
    return fits ? ERR_OK : wrong(q, ERR_OUT_OF_RANGE, "the number is too large for its type");
}

/* ---- texts ---- */

static enum err read_text(const struct ask *q, struct value *out)
{
    if (q->j->kind != JSON_STRING) {
        return wrong_kind(q);
    }
    struct str s = json_text(q->j);
    if (q->type->length >= 0 && s.len > (size_t)q->type->length &&
        utf8_count(s) > (size_t)q->type->length) {
        char path[320];
        return fail_at(q->fail, ERR_TOO_LONG, where(q, path),
                       "the text is longer than %d characters", q->type->length);
    }
    return give_text(q, out, s);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* UUID = 8HEX "-" 4HEX "-" 4HEX "-" 4HEX "-" 12HEX   (RFC 9562 §4); dashes may be
 * left out altogether */
static enum err read_uuid(const struct ask *q, struct value *out)
{
    if (q->j->kind != JSON_STRING) {
        return wrong_kind(q);
    }
    struct str s = json_text(q->j);
    bool dashes = s.len == 36;
    char *text = arena_alloc(q->arena, 36);
    if (text == NULL) {
        return no_memory(q);
    }
    size_t at = 0;
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash && !dashes) {
            text[i] = '-';
            continue;
        }
        if (at >= s.len || (dash ? s.ptr[at] != '-' : !is_hex(s.ptr[at]))) {
            return wrong(q, ERR_BAD_VALUE, "not a UUID");
        }
        char c = s.ptr[at++];
        text[i] = c >= 'A' && c <= 'F' ? (char)(c + 32) : c;
    }
    if (at != s.len) {
        return wrong(q, ERR_BAD_VALUE, "not a UUID");
    }
    return give_text(q, out, (struct str){text, 36});
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 §4, with padding; false if it is not that, or has stray bits. */
static bool base64_decode(struct str s, char *out, size_t *n)
{
    size_t pad = 0;
    while (pad < 2 && pad < s.len && s.ptr[s.len - 1 - pad] == '=') {
        pad++;
    }
    *n = 0;
    if (s.len % 4 != 0) {
        return false;
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < s.len; i++) {
        bool padding = i >= s.len - pad;
        int d = padding ? 0 : base64_digit(s.ptr[i]);
        if (d < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)d;
        if (i % 4 == 3) {
            out[(*n)++] = (char)(bits >> 16);
            out[(*n)++] = (char)(bits >> 8);
            out[(*n)++] = (char)bits;
        }
    }
    uint32_t stray = pad == 1 ? bits & 0xff : pad == 2 ? bits & 0xffff : 0;
    *n -= pad;
    return stray == 0;
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
    return give_text(q, out, json_text(q->j));
}

/* ---- the others ---- */

/* Compact JSON text; the reader bounded the depth. */
static void write_tree(struct buf *b, const struct json *j)
{
    switch ((enum json_kind)j->kind) {
    case JSON_NULL:
        BUF_LIT(b, "null");
        return;
    case JSON_FALSE:
        BUF_LIT(b, "false");
        return;
    case JSON_TRUE:
        BUF_LIT(b, "true");
        return;
    case JSON_INTEGER:
    case JSON_DECIMAL:
        buf_str_add(b, json_text(j));
        return;
    case JSON_STRING:
        buf_json_str(b, json_text(j));
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    buf_char(b, j->kind == JSON_ARRAY ? '[' : '{');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        if (j->kind == JSON_OBJECT) {
            buf_json_str(b, json_key(m));
            buf_char(b, ':');
        }
        write_tree(b, m);
        if (m->next != NULL) {
            buf_char(b, ',');
        }
    }
    buf_char(b, j->kind == JSON_ARRAY ? ']' : '}');
}

static enum err read_json(const struct ask *q, struct value *out)
{
    struct buf b;
    buf_init(&b);
    write_tree(&b, q->j);
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
        return give_text(q, out, json_text(q->j));
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
