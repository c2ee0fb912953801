/* SPDX-License-Identifier: MIT
 *
 * compiler/bind_date.c: intervals and formats of dates, as the databases take them.
 */
#include "compiler/bind.h"
#include "compiler/context.h"
#include "value/calendar.h"

#include <string.h>

bool is_interval_form(enum bind_form form)
{
    return form == BIND_MONTHS || form == BIND_DAYS || form == BIND_MICROS ||
           form == BIND_SPAN || form == BIND_STRIDE;
}

/* Beyond the bounds of all series by this much, PostgreSQL still has timestamps. */
#define LONGEST_STRIDE (INT64_C(1700000) * 86400 * 1000000)

/* Months are not of one length: each database would count them from another day. */
static enum err check_stride(struct context *c, const struct json *at, const struct duration *d,
                             int64_t micros)
{
    if (micros == 0) {
        return ctx_fail(c, at, ERR_BAD_VALUE, "a step of 0 leads nowhere");
    }
    if (micros > LONGEST_STRIDE || micros < -LONGEST_STRIDE) {
        return ctx_fail(c, at, ERR_OUT_OF_RANGE, "a step has at most 1700000 days");
    }
    if (d->months == 0) {
        return ERR_OK;
    }
    enum err e = ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE,
                          "`generate_series` has no steps of months or years");
    fail_hint(c->f, "count numbers, and add them: [\"date_add\", \"month\", n, start]");
    return e;
}

enum err bind_interval(struct context *c, const struct json *at, enum bind_form form,
                       struct value *v)
{
    struct duration d;
    int64_t n = 0;
    if (v->kind != VALUE_TEXT) {
        return ERR_OK;
    }
    bool stride = form == BIND_STRIDE || form == BIND_STRIDE_CHECKED;
    bool whole = form == BIND_SPAN || stride;
    bool fits = duration_read(v->text, &d) && (!whole || duration_span(&d, &n));
    if (!fits) {
        return ctx_fail(c, at, ERR_OUT_OF_RANGE, "the duration is too long");
    }
    enum err e = stride ? check_stride(c, at, &d, n) : ERR_OK;
    if (e != ERR_OK || form == BIND_STRIDE_CHECKED) {
        return e;
    }
    n = form == BIND_MONTHS   ? d.months
        : form == BIND_DAYS   ? d.days
        : form == BIND_MICROS ? d.micros
                              : n;
    *v = (struct value){.kind = VALUE_INT, .num = n};
    return ERR_OK;
}

/* format = *( "%" ( "Y" / "m" / "d" / "H" / "M" / "S" / "j" / "%" ) / any other ) */
static const struct {
    char letter;
    const char *maria, *pg;
} parts[] = {
    {'Y', "%Y", "YYYY"}, {'m', "%m", "MM"}, {'d', "%d", "DD"},  {'H', "%H", "HH24"},
    {'M', "%i", "MI"},   {'S', "%s", "SS"}, {'j', "%j", "DDD"}, {'%', "%%", "\"%\""},
};
#define PARTS (sizeof parts / sizeof parts[0])

static const char *part_of(char letter, enum bind_form form)
{
    for (size_t i = 0; i < PARTS; i++) {
        if (parts[i].letter == letter) {
            return form == BIND_FORMAT_PG ? parts[i].pg : parts[i].maria;
        }
    }
    return NULL;
}

static void put_quoted(struct buf *b, struct str text)
{
    buf_char(b, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\') {
            buf_char(b, '\\');
        }
        buf_char(b, text.ptr[i]);
    }
    buf_char(b, '"');
}

/* What stands between two parts: to_char takes letters for patterns, unless they
 * are quoted. */
static void put_plain(struct buf *b, struct str text, enum bind_form form)
{
    if (form != BIND_FORMAT_PG) {
        buf_str_add(b, text);
    } else if (text.len > 0) {
        put_quoted(b, text);
    }
}

static enum err write_format(struct context *c, const struct json *at, enum bind_form form,
                             struct str format, struct buf *b)
{
    size_t from = 0;
    for (size_t i = 0; i < format.len; i++) {
        if (format.ptr[i] != '%') {
            continue;
        }
        const char *part = i + 1 < format.len ? part_of(format.ptr[i + 1], form) : NULL;
        if (part == NULL) {
            enum err e = ctx_fail(c, at, ERR_BAD_VALUE, "a format has no such part");
            fail_hint(c->f, "there are %%Y %%m %%d %%H %%M %%S %%j, and %%%% for %%");
            return e;
        }
        put_plain(b, (struct str){format.ptr + from, i - from}, form);
        buf_add(b, part, strlen(part));
        from = ++i + 1;
    }
    put_plain(b, (struct str){format.ptr + from, format.len - from}, form);
    return ERR_OK;
}

enum err bind_date_format(struct context *c, const struct json *at, enum bind_form form,
                          struct value *v)
{
    struct buf b;
    if (v->kind != VALUE_TEXT) {
        return ERR_OK;
    }
    if (v->text.len == 0) {
        return ctx_fail(c, at, ERR_BAD_VALUE, "a format of nothing");
    }
    buf_init(&b);
    enum err e = write_format(c, at, form, v->text, &b);
    if (e == ERR_OK && form != BIND_FORMAT_CHECKED) {
        v->text = arena_str(c->a, (struct str){b.ptr, b.len});
        e = b.failed || (v->text.ptr == NULL && b.len > 0) ? ctx_full(c) : ERR_OK;
    }
    buf_fini(&b);
    return e;
}
