/* SPDX-License-Identifier: MIT
 *
 * backend/maria_bind.c: values of a run to parameters of the binary protocol.
 *
 * The wire type of a parameter follows from its declared type, so that a column's
 * index is used and a comparison means what it says: numerics travel as decimals,
 * dates and times as such. Texts are borrowed from the run.
 */
#include "backend/maria.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One bulk packet: well below max_allowed_packet (16 MiB by default), large enough
 * to make round trips cheap. */
enum { BULK_SETS_MAX = 5000, BULK_BYTES_MAX = 1 << 20 };
/* What a value costs besides its text, and a packet besides its values. */
enum { VALUE_OVERHEAD_BYTES = 14, PACKET_OVERHEAD_BYTES = 1024 };

void maria_binds_fini(struct maria_binds *b)
{
    free(b->binds);
    free(b->scalars);
    free(b->lengths);
    *b = (struct maria_binds){.max_bytes = b->max_bytes};
}

static enum err room(struct maria_binds *b, uint32_t count, struct fail *f)
{
    if (count <= b->cap) {
        return ERR_OK;
    }
    maria_binds_fini(b);
    b->binds = calloc(count, sizeof *b->binds);
    b->scalars = calloc(count, sizeof *b->scalars);
    b->lengths = calloc(count, sizeof *b->lengths);
    if (b->binds == NULL || b->scalars == NULL || b->lengths == NULL) {
        maria_binds_fini(b);
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    b->cap = count;
    return ERR_OK;
}

/* -- dates and times ------------------------------------------------------- */

/* Reads `count` digits. */
static bool digits(struct str *s, size_t count, unsigned *out)
{
    *out = 0;
    if (s->len < count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (s->ptr[i] < '0' || s->ptr[i] > '9') {
            return false;
        }
        *out = *out * 10 + (unsigned)(s->ptr[i] - '0');
    }
    *s = (struct str){s->ptr + count, s->len - count};
    return true;
}

static bool character(struct str *s, char c)
{
    if (s->len == 0 || *s->ptr != c) {
        return false;
    }
    *s = (struct str){s->ptr + 1, s->len - 1};
    return true;
}

/* YYYY-MM-DD */
static bool read_date(struct str *s, MYSQL_TIME *t)
{
    return digits(s, 4, &t->year) && character(s, '-') && digits(s, 2, &t->month) &&
           character(s, '-') && digits(s, 2, &t->day);
}

/* HH:MM:SS[.f…], up to six digits behind the point */
static bool read_time(struct str *s, MYSQL_TIME *t)
{
    if (!digits(s, 2, &t->hour) || !character(s, ':') || !digits(s, 2, &t->minute) ||
        !character(s, ':') || !digits(s, 2, &t->second)) {
        return false;
    }
    if (!character(s, '.')) {
        return true;
    }
    unsigned micros = 0, digit, count = 0;
    for (; count < 6 && digits(s, 1, &digit); count++) {
        micros = micros * 10 + digit;
    }
    for (; count > 0 && count < 6; count++) {
        micros *= 10;
    }
    t->second_part = micros;
    return count > 0;
}

static bool read_temporal(enum enum_field_types wire, struct str s, MYSQL_TIME *t)
{
    memset(t, 0, sizeof *t);
    bool ok;
    if (wire == MYSQL_TYPE_TIME) {
        t->time_type = MYSQL_TIMESTAMP_TIME;
        ok = read_time(&s, t);
    } else if (wire == MYSQL_TYPE_DATE) {
        t->time_type = MYSQL_TIMESTAMP_DATE;
        ok = read_date(&s, t);
    } else {
        t->time_type = MYSQL_TIMESTAMP_DATETIME;
        ok = read_date(&s, t) && (s.len == 0 || (character(&s, ' ') && read_time(&s, t)));
    }
    return ok && s.len == 0;
}

/* -- wire types ------------------------------------------------------------ */

static enum enum_field_types wire_of_value(enum value_kind k)
{
    switch (k) {
    case VALUE_BOOL:
        return MYSQL_TYPE_TINY;
    case VALUE_INT:
        return MYSQL_TYPE_LONGLONG;
    case VALUE_DOUBLE:
        return MYSQL_TYPE_DOUBLE;
    case VALUE_BYTES:
        return MYSQL_TYPE_BLOB;
    case VALUE_NULL:
    case VALUE_TEXT:
    case VALUE_LIST:
        break;
    }
    return MYSQL_TYPE_VAR_STRING;
}

static enum enum_field_types wire_of_text(enum type_kind k)
{
    switch ((int)k) {
    case TYPE_NUMERIC:
        return MYSQL_TYPE_NEWDECIMAL;
    case TYPE_DATE:
        return MYSQL_TYPE_DATE;
    case TYPE_TIME:
        return MYSQL_TYPE_TIME;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return MYSQL_TYPE_DATETIME;
    default:
        return MYSQL_TYPE_VAR_STRING;
    }
}

static enum enum_field_types wire_type(enum type_kind k, const struct value *v)
{
    return v->kind == VALUE_TEXT ? wire_of_text(k) : wire_of_value(v->kind);
}

/* The wire type of a column of which only nulls are known. */
static enum enum_field_types wire_of_null(enum type_kind k)
{
    if (type_is_integer(k)) {
        return MYSQL_TYPE_LONGLONG;
    }
    switch ((int)k) {
    case TYPE_BOOLEAN:
        return MYSQL_TYPE_TINY;
    case TYPE_REAL:
    case TYPE_DOUBLE:
        return MYSQL_TYPE_DOUBLE;
    case TYPE_BYTES:
        return MYSQL_TYPE_BLOB;
    default:
        return wire_of_text(k);
    }
}

/* -- one value ------------------------------------------------------------- */

/* Points bind i at v, which is sent as `wire`. false: v cannot be sent. */
static bool put_value(struct maria_binds *b, MYSQL_BIND *bind, uint32_t i,
                      enum enum_field_types wire, const struct value *v)
{
    union maria_scalar *s = &b->scalars[i];
    bind->buffer_type = wire;
    bind->buffer = s;
    switch (v->kind) {
    case VALUE_NULL:
        bind->buffer_type = MYSQL_TYPE_NULL;
        return true;
    case VALUE_BOOL:
        s->tiny = v->boolean;
        return true;
    case VALUE_INT:
        s->num = v->num;
        return true;
    case VALUE_DOUBLE:
        s->real = v->real;
        return isfinite(v->real); /* MariaDB has no NaN and no infinity */
    case VALUE_TEXT:
        if (wire != MYSQL_TYPE_VAR_STRING && wire != MYSQL_TYPE_NEWDECIMAL) {
            return read_temporal(wire, v->text, &s->time);
        }
        break;
    case VALUE_BYTES:
        break;
    case VALUE_LIST:
        return false;
    }
    static const char empty[] = "";
    const char *p = v->text.len == 0 ? empty : v->text.ptr;
    memcpy(&bind->buffer, &p, sizeof p); /* Connector/C only reads it */
    b->lengths[i] = (unsigned long)v->text.len;
    bind->length = &b->lengths[i];
    bind->buffer_length = (unsigned long)v->text.len;
    return true;
}

static enum err refuse(const struct value *v, struct fail *f)
{
    if (v->kind == VALUE_DOUBLE) {
        return fail_set(f, ERR_BAD_VALUE, "MariaDB cannot hold NaN or an infinity");
    }
    if (v->kind == VALUE_LIST) {
        return fail_set(f, ERR_INTERNAL, "a list cannot be bound");
    }
    return fail_set(f, ERR_BAD_VALUE, "a value that its type cannot hold");
}

static size_t set_bytes(const struct run *r, uint32_t set)
{
    const struct value *values = &r->params[(size_t)set * r->stmt->param_count];
    size_t n = 0;
    for (uint32_t i = 0; i < r->stmt->param_count; i++) {
        bool text = values[i].kind == VALUE_TEXT || values[i].kind == VALUE_BYTES;
        n += VALUE_OVERHEAD_BYTES + (text ? values[i].text.len : 0);
    }
    return n;
}

static enum err check_size(const struct maria_binds *b, const struct run *r, uint32_t set)
{
    if (set_bytes(r, set) + PACKET_OVERHEAD_BYTES <= b->max_bytes) {
        return ERR_OK;
    }
    return fail_set(r->fail, ERR_REQUEST_TOO_LARGE,
                    "the values are larger than the server's max_allowed_packet (%llu bytes)",
                    (unsigned long long)b->max_bytes);
}

enum err maria_bind_set(struct maria_binds *b, MYSQL_STMT *st, const struct run *r,
                        uint32_t set)
{
    const struct statement *s = r->stmt;
    const struct value *values = &r->params[(size_t)set * s->param_count];
    enum err e = room(b, s->param_count, r->fail);
    if (e != ERR_OK || s->param_count == 0) {
        return e;
    }
    if ((e = check_size(b, r, set)) != ERR_OK) {
        return e;
    }
    memset(b->binds, 0, s->param_count * sizeof *b->binds);
    for (uint32_t i = 0; i < s->param_count; i++) {
        enum enum_field_types wire = wire_type(s->param_types[i].kind, &values[i]);
        if (!put_value(b, &b->binds[i], i, wire, &values[i])) {
            return refuse(&values[i], r->fail);
        }
    }
    return mysql_stmt_bind_param(st, b->binds) == 0 ? ERR_OK : maria_fail_stmt(r->fail, st);
}

/* -- many sets ------------------------------------------------------------- */

/* The one wire type of parameter i in all sets. */
static enum enum_field_types column_wire(const struct run *r, uint32_t i)
{
    const struct statement *s = r->stmt;
    for (uint32_t set = 0; set < r->sets; set++) {
        const struct value *v = &r->params[(size_t)set * s->param_count + i];
        if (v->kind != VALUE_NULL) {
            return wire_type(s->param_types[i].kind, v);
        }
    }
    return wire_of_null(s->param_types[i].kind);
}

bool maria_bulk_fits(const struct run *r)
{
    const struct statement *s = r->stmt;
    for (uint32_t i = 0; i < s->param_count; i++) {
        enum enum_field_types wire = column_wire(r, i);
        for (uint32_t set = 0; set < r->sets; set++) {
            const struct value *v = &r->params[(size_t)set * s->param_count + i];
            if (v->kind != VALUE_NULL && wire_type(s->param_types[i].kind, v) != wire) {
                return false;
            }
        }
    }
    return s->param_count > 0;
}

static uint32_t chunk_sets(const struct maria_binds *b, const struct run *r, uint32_t first)
{
    size_t max = b->max_bytes / 2 < BULK_BYTES_MAX ? b->max_bytes / 2 : BULK_BYTES_MAX;
    size_t bytes = 0;
    uint32_t n = 0;
    while (first + n < r->sets && n < BULK_SETS_MAX) {
        bytes += set_bytes(r, first + n);
        if (n > 0 && bytes > max) {
            break;
        }
        n++;
    }
    return n;
}

/* Connector/C asks for each set as it writes the packet. */
static my_bool on_set(void *arg, MYSQL_BIND *binds, unsigned int row)
{
    struct maria_binds *b = arg;
    const struct statement *s = b->run->stmt;
    const struct value *values = &b->run->params[(size_t)(b->first_set + row) * s->param_count];
    for (uint32_t i = 0; i < s->param_count; i++) {
        enum enum_field_types wire = wire_type(s->param_types[i].kind, &values[i]);
        if (!put_value(b, &binds[i], i, wire, &values[i])) {
            (void)refuse(&values[i], b->run->fail);
            return 1;
        }
    }
    return 0;
}

enum err maria_bind_bulk(struct maria_binds *b, MYSQL_STMT *st, const struct run *r,
                         uint32_t first, uint32_t *count)
{
    uint32_t params = r->stmt->param_count;
    enum err e = room(b, params, r->fail);
    if (e == ERR_OK) {
        e = check_size(b, r, first); /* a chunk of more is far below the limit */
    }
    if (e != ERR_OK) {
        return e;
    }
    *count = chunk_sets(b, r, first);
    b->run = r;
    b->first_set = first;
    memset(b->binds, 0, params * sizeof *b->binds);
    for (uint32_t i = 0; i < params; i++) {
        b->binds[i].buffer_type = column_wire(r, i);
        b->binds[i].buffer = &b->scalars[i];
    }
    unsigned sets = *count;
    if (mysql_stmt_bind_param(st, b->binds) != 0 ||
        mysql_stmt_attr_set(st, STMT_ATTR_ARRAY_SIZE, &sets) != 0 ||
        mysql_stmt_attr_set(st, STMT_ATTR_CB_USER_DATA, b) != 0) {
        return maria_fail_stmt(r->fail, st);
    }
    st->param_callback = on_set;
    return ERR_OK;
}

void maria_bind_single(MYSQL_STMT *st)
{
    unsigned none = 0;
    (void)mysql_stmt_attr_set(st, STMT_ATTR_ARRAY_SIZE, &none);
    st->param_callback = NULL;
}
