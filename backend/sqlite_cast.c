/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_cast.c: casts that fail where a value is none of the type, or give null
 * (try_cast). The forms of texts are those that the other databases are asked for.
 *
 * Pure functions of their arguments, called on the connection's thread.
 */
#include "backend/sqlite_args.h"
#include "backend/sqlite_decimal.h"
#include "backend/sqlite_session.h"
#include "base/buf.h"
#include "value/coded.h"
#include "value/decimal.h"
#include "value/moment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum verdict { CASTS, IS_BAD, IS_BEYOND };

/* `try` is the last argument of every cast. */
static void refuse(sqlite3_context *ctx, sqlite3_value *try, enum verdict why)
{
    if (sqlite3_value_int(try) != 0) {
        return;
    }
    if (why == IS_BEYOND) {
        sqlite3_result_error(ctx, "a number is out of range of the type", -1);
    } else {
        sqlite3_result_error(ctx, "bad value: it cannot be cast to the type", -1);
    }
}

/* ---- numbers ---- */

static size_t count_digits(struct str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.len && s.ptr[at + n] >= '0' && s.ptr[at + n] <= '9') {
        n++;
    }
    return n;
}

/* The parts of a number in a text, by their lengths. */
struct number_text {
    size_t whole, fraction, exponent;
    bool has_fraction, has_exponent;
};

/* number = [ "+" / "-" ] 1*DIGIT [ "." 1*DIGIT ] [ ( "e" / "E" ) [ "+" / "-" ] 1*DIGIT ] */
static bool read_number(struct str s, struct number_text *out)
{
    size_t at = s.len > 0 && (s.ptr[0] == '+' || s.ptr[0] == '-') ? 1 : 0;
    *out = (struct number_text){.whole = count_digits(s, at)};
    at += out->whole;
    if (at < s.len && s.ptr[at] == '.') {
        out->has_fraction = true;
        out->fraction = count_digits(s, at + 1);
        at += 1 + out->fraction;
    }
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        at += at + 1 < s.len && (s.ptr[at + 1] == '+' || s.ptr[at + 1] == '-') ? 2 : 1;
        out->has_exponent = true;
        out->exponent = count_digits(s, at);
        at += out->exponent;
    }
    return at == s.len && out->whole > 0 && out->has_fraction == (out->fraction > 0) &&
           out->has_exponent == (out->exponent > 0);
}

/* A number without exponent, so far that it can be rounded to `digits` behind the point.
 * Zeros cost nothing. */
static enum verdict decimal_of_text(struct str s, int digits, struct decimal15 *out)
{
    bool point = false;
    int zeros = 0; /* that count once a digit follows */
    *out = (struct decimal15){0, 0};
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            point = point || s.ptr[i] == '.';
            continue;
        }
        if (out->exponent < -digits) {
            break; /* the first digit behind the last one decides about rounding */
        }
        out->exponent -= point;
        zeros++;
        if (s.ptr[i] == '0') {
            continue;
        }
        for (; zeros > 0; zeros--) {
            if (!decimal_times_ten(&out->number)) {
                return IS_BEYOND;
            }
        }
        out->number += s.ptr[i] - '0';
    }
    out->exponent = out->number == 0 ? 0 : out->exponent + zeros;
    out->number = s.ptr[0] == '-' ? -out->number : out->number;
    return CASTS;
}

/* digits: behind the point; 0: a text may have none. */
static enum verdict decimal_of_any(sqlite3_value *v, int digits, struct decimal15 *out)
{
    struct number_text parts;
    if (sqlite3_value_type(v) == SQLITE_INTEGER) {
        *out = (struct decimal15){sqlite3_value_int64(v), 0};
        return CASTS;
    }
    if (sqlite3_value_type(v) == SQLITE_FLOAT) {
        double x = sqlite3_value_double(v);
        if (!isfinite(x)) {
            return IS_BEYOND;
        }
        decimal_shortest(x, out);
        return CASTS;
    }
    struct str s = sqlite_text_arg(v);
    if (s.ptr == NULL || !read_number(s, &parts) || parts.has_exponent || parts.whole > 255 ||
        parts.fraction > 255 || (parts.has_fraction && digits == 0)) {
        return IS_BAD;
    }
    return decimal_of_text(s, digits, out);
}

/* tb_cast_int(x, low, high, try) */
static void tb_cast_int(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct decimal15 d;
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return;
    }
    enum verdict v = decimal_of_any(argv[0], 0, &d);
    if (v == CASTS) {
        decimal_round(&d, 0);
        while (d.exponent > 0 && v == CASTS) {
            v = decimal_times_ten(&d.number) ? CASTS : IS_BEYOND;
            d.exponent--;
        }
    }
    if (v == CASTS &&
        (d.number < sqlite3_value_int64(argv[1]) || d.number > sqlite3_value_int64(argv[2]))) {
        v = IS_BEYOND;
    }
    if (v == CASTS) {
        sqlite3_result_int64(ctx, (int64_t)d.number);
    } else {
        refuse(ctx, argv[3], v);
    }
}

/* Whether |d| < 10^digits. */
static bool is_below(struct decimal15 d, int digits)
{
    wide n = d.number < 0 ? -d.number : d.number;
    for (; n > 0; n /= 10) {
        digits--;
    }
    return d.number == 0 || digits >= d.exponent;
}

static bool has_15_digits(struct decimal15 d)
{
    while (d.number != 0 && d.number % 10 == 0) {
        d.number /= 10;
        d.exponent++;
    }
    struct decimal15 bare = {d.number, 0};
    return is_below(bare, 15) || (d.exponent >= 0 && is_below(d, 18));
}

/* tb_cast_numeric(x, p, s, try); p -1: no bounds */
static void tb_cast_numeric(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct decimal15 d;
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return;
    }
    int precision = sqlite3_value_int(argv[1]), scale = sqlite3_value_int(argv[2]);
    enum verdict v = decimal_of_any(argv[0], precision < 0 || scale == 0 ? 30 : scale, &d);
    if (v == CASTS && precision >= 0) {
        decimal_round(&d, scale);
        v = is_below(d, precision - scale) ? CASTS : IS_BEYOND;
    }
    if (v == CASTS && !has_15_digits(d)) {
        decimal_out_of_range(ctx); /* a limit of SQLite's: no null stands for it */
    } else if (v == CASTS) {
        decimal_give(ctx, d);
    } else {
        refuse(ctx, argv[3], v);
    }
}

/* tb_cast_double(text, try) */
static void tb_cast_double(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct number_text parts;
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return;
    }
    struct str s = sqlite_text_arg(argv[0]);
    if (s.ptr == NULL || !read_number(s, &parts) || parts.whole > 200 || parts.fraction > 100 ||
        parts.exponent > 2) {
        refuse(ctx, argv[1], IS_BAD);
    } else {
        sqlite3_result_double(ctx, strtod(s.ptr, NULL));
    }
}

/* tb_numeric_text(x, s): with s digits behind the point */
static void tb_numeric_text(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct buf b;
    (void)argc;
    int type = sqlite3_value_numeric_type(argv[0]), scale = sqlite3_value_int(argv[1]);
    if (type == SQLITE_NULL) {
        return;
    }
    buf_init(&b);
    if (type == SQLITE_INTEGER) {
        decimal_write_int(&b, sqlite3_value_int64(argv[0]), scale);
    } else {
        decimal_write_double(&b, sqlite3_value_double(argv[0]), scale);
    }
    if (b.failed) {
        sqlite3_result_error_nomem(ctx);
    } else {
        sqlite3_result_text64(ctx, b.ptr, b.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    }
    buf_fini(&b);
}

/* ---- booleans, UUIDs ---- */

static void tb_cast_bool(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return;
    }
    struct str s = sqlite_text_arg(argv[0]);
    if (str_is(s, "true") || str_is(s, "false")) {
        sqlite3_result_int(ctx, str_is(s, "true"));
    } else {
        refuse(ctx, argv[1], IS_BAD);
    }
}

static void tb_cast_uuid(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    char out[UUID_TEXT_BYTES];
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return;
    }
    struct str s = sqlite_text_arg(argv[0]);
    if (s.len == sizeof out && uuid_read(s, out)) {
        sqlite3_result_text64(ctx, out, sizeof out, SQLITE_TRANSIENT, SQLITE_UTF8);
    } else {
        refuse(ctx, argv[1], IS_BAD);
    }
}

/* ---- dates ---- */

static void tb_cast_date(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct moment m;
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return;
    }
    struct str s = sqlite_text_arg(argv[0]);
    if (s.len == 10 && moment_read_date(s, &m)) {
        sqlite3_result_text64(ctx, s.ptr, s.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    } else {
        refuse(ctx, argv[1], IS_BAD);
    }
}

enum zone { ZONE_NONE, ZONE_UTC };

/* Stored with a blank and six digits of a fraction, so that texts sort as times. */
static void cast_moment(sqlite3_context *ctx, sqlite3_value **argv, enum zone zone)
{
    struct moment m;
    char text[80];
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return;
    }
    struct str s = sqlite_text_arg(argv[0]);
    bool utc = s.len > 0 && s.ptr[s.len - 1] == 'Z';
    if (s.len < 16 || !moment_read(s, &m) || m.has_offset != utc || utc != (zone == ZONE_UTC)) {
        refuse(ctx, argv[1], IS_BAD);
        return;
    }
    int n = snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d.%06d", m.year, m.month,
                     m.day, m.hour, m.minute, m.second, m.micro);
    sqlite3_result_text64(ctx, text, (sqlite3_uint64)n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void tb_cast_timestamp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    cast_moment(ctx, argv, ZONE_NONE);
}

static void tb_cast_timestamptz(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    cast_moment(ctx, argv, ZONE_UTC);
}

/* tb_timestamp_text(timestamp, zone): as on the wire */
static void tb_timestamp_text(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct moment m;
    struct buf b;
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return;
    }
    if (!moment_read(sqlite_text_arg(argv[0]), &m)) {
        sqlite3_result_error(ctx, "bad value: no timestamp is stored here", -1);
        return;
    }
    buf_init(&b);
    moment_write_date(&b, &m);
    buf_char(&b, 'T');
    moment_write_time(&b, &m);
    buf_str_add(&b, sqlite_text_arg(argv[1]));
    if (b.failed) {
        sqlite3_result_error_nomem(ctx);
    } else {
        sqlite3_result_text64(ctx, b.ptr, b.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    }
    buf_fini(&b);
}

static const struct sqlite_function functions[] = {
    {"tb_cast_bool", 2, tb_cast_bool, false},
    {"tb_cast_date", 2, tb_cast_date, false},
    {"tb_cast_double", 2, tb_cast_double, false},
    {"tb_cast_int", 4, tb_cast_int, false},
    {"tb_cast_numeric", 4, tb_cast_numeric, false},
    {"tb_cast_timestamp", 2, tb_cast_timestamp, false},
    {"tb_cast_timestamptz", 2, tb_cast_timestamptz, false},
    {"tb_cast_uuid", 2, tb_cast_uuid, false},
    {"tb_numeric_text", 2, tb_numeric_text, false},
    {"tb_timestamp_text", 2, tb_timestamp_text, false},
};
const struct sqlite_function_table sqlite_cast = SQLITE_TABLE_OF(functions);
