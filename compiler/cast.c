/* SPDX-License-Identifier: MIT
 *
 * compiler/cast.c: see compiler/cast.h.
 */
#include "compiler/cast.h"

#include <stdio.h>
#include <string.h>

/* ---- casts that are no SQL ---- */

static unsigned integer_rank(const struct type *t)
{
    return type_holds_64_bits(t)      ? 3
           : t->kind == TYPE_INTEGER  ? 2
           : t->kind == TYPE_SMALLINT ? 1
                                      : 0;
}

static bool is_date(enum type_kind k)
{
    return type_family(k) == FAMILY_DATE;
}

/* Whether every value of `from` is one of numeric(p,s) as it is. */
static bool numeric_holds(const struct type *from, const struct type *to)
{
    int scale = to->scale < 0 ? 0 : to->scale, whole = to->precision - scale;
    if (to->precision < 0) {
        return true;
    }
    if (from->kind == TYPE_NUMERIC) {
        return from->precision >= 0 && from->scale >= 0 && from->scale <= scale &&
               from->precision - from->scale <= whole;
    }
    unsigned rank = integer_rank(from);
    return rank > 0 && whole >= (rank == 1 ? 5 : rank == 2 ? 10 : 19);
}

bool cast_is_free(const struct type *from, const struct type *to)
{
    unsigned a = integer_rank(from), b = integer_rank(to);
    if (a > 0 && b > 0) {
        return a <= b;
    }
    if (from->kind == TYPE_BOOLEAN && (b > 0 || to->kind == TYPE_BOOLEAN)) {
        return true;
    }
    if (from->kind == TYPE_REAL && to->kind == TYPE_DOUBLE) {
        return true;
    }
    if (is_date(from->kind) && is_date(to->kind)) {
        return (from->kind == TYPE_DATE) == (to->kind == TYPE_DATE);
    }
    if (type_family(to->kind) == FAMILY_TEXT && type_family(from->kind) == FAMILY_TEXT) {
        return to->length < 0 && to->kind != TYPE_ENUM;
    }
    bool plain = type_family(to->kind) != FAMILY_NUMBER && to->kind != TYPE_ARRAY &&
                 to->kind != TYPE_OPAQUE && to->length < 0;
    return from->kind == to->kind && plain;
}

/* ---- templates ---- */

static enum cast_class class_of(const struct type *t)
{
    if (type_is_integer(t->kind)) {
        return CAST_INTEGER;
    }
    switch (type_family(t->kind)) {
    case FAMILY_BOOLEAN:
        return CAST_BOOLEAN;
    case FAMILY_NUMBER:
        return t->kind == TYPE_NUMERIC ? CAST_NUMERIC : CAST_FLOAT;
    case FAMILY_TEXT:
        return CAST_TEXT;
    case FAMILY_UUID:
        return CAST_UUID;
    case FAMILY_DATE:
        return t->kind == TYPE_DATE        ? CAST_DATE
               : t->kind == TYPE_TIMESTAMP ? CAST_STAMP
                                           : CAST_STAMPTZ;
    case FAMILY_JSON:
        return CAST_JSON;
    case FAMILY_UNKNOWN:
    case FAMILY_BYTES:
    case FAMILY_TIME:
    case FAMILY_INTERVAL:
    case FAMILY_ARRAY:
    case FAMILY_OPAQUE:
        break;
    }
    return CAST_OTHER;
}

struct cast {
    const struct dialect *d;
    const struct type *from, *to;
    enum cast_mode mode;
    char *out;
    size_t size, used;
    bool full;
};

static void put(struct cast *c, const char *text, size_t n)
{
    if (n >= c->size - c->used) {
        c->full = true;
        return;
    }
    memcpy(c->out + c->used, text, n);
    c->used += n;
    c->out[c->used] = '\0';
}

static void put_text(struct cast *c, const char *text)
{
    put(c, text, strlen(text));
}

static void put_number(struct cast *c, long long n)
{
    char text[24];
    put(c, text, (size_t)snprintf(text, sizeof text, "%lld", n));
}

/* -2^63 is no literal anywhere. */
static void put_bound(struct cast *c, bool upper)
{
    static const char *const bounds[][2] = {
        {"-32768", "32767"},
        {"-2147483648", "2147483647"},
        {"-9223372036854775807 - 1", "9223372036854775807"},
    };
    unsigned row = c->to->kind == TYPE_SMALLINT ? 0 : c->to->kind == TYPE_INTEGER ? 1 : 2;
    put_text(c, bounds[row][upper]);
}

/* What is cast, in a type that casts well. */
static void put_operand(struct cast *c)
{
    const char *text =
        c->from->kind == TYPE_REAL && c->to->kind != TYPE_DOUBLE   ? c->d->as_double
        : c->from->kind == TYPE_ENUM && c->d->enum_as_text != NULL ? c->d->enum_as_text
                                                                   : "$1";
    put_text(c, text);
}

static void put_template(struct cast *c, const char *text);

static void put_variable(struct cast *c, char which)
{
    int scale = c->to->scale < 0 ? 0 : c->to->scale;
    switch (which) {
    case 't':
        put_text(c, c->d->type_name(c->to));
        if (c->to->kind == TYPE_NUMERIC && c->to->precision >= 0) {
            put_template(c, "(#p,#s)");
        }
        return;
    case 'l':
        put_bound(c, false);
        return;
    case 'h':
        put_bound(c, true);
        return;
    case 'p':
        put_number(c, c->to->precision);
        return;
    case 's':
        put_number(c, c->to->precision < 0 ? -1 : scale);
        return;
    case 'w':
        put_number(c, c->to->precision - scale);
        return;
    case 'm':
        put_text(c, "1");
        for (int i = 0; i < c->to->precision - scale; i++) {
            put_text(c, "0");
        }
        return;
    case 'n':
        put_number(c, c->to->length);
        return;
    case 'c': /* of MariaDB: casts to it warn of what they cannot read */
        put_text(c, class_of(c->to) <= CAST_FLOAT ? "SIGNED" : "DATE");
        return;
    case 'f':
        put_number(c, c->from->scale);
        return;
    default:
        put_text(c, c->mode == CAST_TRY ? "1" : "0");
        return;
    }
}

static void put_template(struct cast *c, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '#') {
            put_variable(c, *++p);
        } else if (*p == '$') {
            put_operand(c);
            p++;
        } else {
            put(c, p, 1);
        }
    }
}

static const struct cast_row *find_row(const struct cast_table *t, enum cast_class from,
                                       enum cast_class to)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->rows[i].from == from && t->rows[i].to == to) {
            return &t->rows[i];
        }
    }
    return NULL;
}

static void put_row(struct cast *c, const struct cast_row *row, const char *bad)
{
    const char *fits = c->mode == CAST_TRY ? row->fits : NULL;
    if (row->form != NULL) {
        put_text(c, "CASE WHEN ");
        put_template(c, row->form);
        put_text(c, " THEN ");
    }
    if (fits != NULL) {
        put_text(c, "CASE WHEN ");
        put_template(c, fits);
        put_text(c, " THEN ");
    }
    put_template(c, row->cast);
    put_text(c, fits != NULL ? " END" : "");
    if (row->form != NULL && c->mode == CAST_STRICT) {
        put_text(c, " ELSE ");
        put_template(c, bad);
    }
    put_text(c, row->form != NULL ? " END" : "");
}

/* What has no form on this database. */
static bool is_impossible(const struct cast *c)
{
    const struct type *from = c->from, *to = c->to;
    bool digits_unknown =
        class_of(from) == CAST_NUMERIC && class_of(to) == CAST_TEXT && from->scale < 0;
    bool too_wide = to->kind == TYPE_NUMERIC && c->d->most_scale > 0 &&
                    (to->precision < 0 || to->precision > 65 || to->scale > c->d->most_scale);
    bool asks_json = to->kind == TYPE_JSON && c->mode == CAST_TRY; /* PostgreSQL 15 cannot */
    return digits_unknown || too_wide || asks_json || to->kind == TYPE_REAL ||
           to->kind == TYPE_ENUM || (to->kind == TYPE_CHAR && to->length >= 0);
}

/* A text of bounded length: as a text first. */
static bool cast_bounded(struct cast *c)
{
    char inner[CAST_SQL_BYTES];
    struct type text = type_of(TYPE_TEXT);
    if (!cast_sql(c->d, c->from, &text, c->mode, inner, sizeof inner)) {
        return false;
    }
    const struct cast_table *t = c->d->casts;
    const char *outer = c->mode == CAST_TRY ? t->fits_text : t->fit;
    for (const char *p = outer; *p != '\0'; p++) {
        if (*p == '#') {
            put_variable(c, *++p);
        } else if (*p == '$') {
            put_text(c, inner);
            p++;
        } else {
            put(c, p, 1);
        }
    }
    return !c->full;
}

bool cast_sql(const struct dialect *d, const struct type *from, const struct type *to,
              enum cast_mode mode, char *out, size_t out_bytes)
{
    const struct cast_table *t = d->casts;
    struct cast c = {d, from, to, mode, out, out_bytes, 0, false};
    out[0] = '\0';
    bool free = cast_is_free(from, to) ||
                (to->kind == TYPE_NUMERIC && d->most_scale == 0 && numeric_holds(from, to));
    if (t->loose && free) {
        put_text(&c, "$1");
        return true;
    }
    if (is_impossible(&c)) {
        return false;
    }
    if (class_of(to) == CAST_TEXT && to->length >= 0) {
        return cast_bounded(&c);
    }
    const struct cast_row *row = find_row(t, class_of(from), class_of(to));
    if (row == NULL) {
        bool same = from->kind == to->kind && from->kind != TYPE_ARRAY &&
                    from->kind != TYPE_OPAQUE && d->type_name(to) != NULL;
        put_template(&c, same ? "$1::#t" : "");
        return same;
    }
    put_row(&c, row, t->bad);
    return !c.full;
}
