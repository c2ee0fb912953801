/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_decimal.c: exact arithmetic with decimals. SQLite keeps them as
 * integers and floats; a float holds 15 decimal digits for certain, so that is
 * how it is read, and a result with more digits is an error.
 *
 * Pure functions of their arguments, called on the connection's thread.
 */
#include "backend/sqlite_decimal.h"

#include "backend/sqlite_session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 15
#define LIMIT ((wide)1000000000000000) /* 10^DIGITS */
#define MOST ((wide)1 << 120)

void decimal_out_of_range(sqlite3_context *ctx)
{
    sqlite3_result_error(ctx, "out of range: SQLite's numerics hold 15 digits", -1);
}

static void strip(struct decimal15 *d)
{
    while (d->number != 0 && d->number % 10 == 0) {
        d->number /= 10;
        d->exponent++;
    }
    if (d->number == 0) {
        d->exponent = 0;
    }
}

/* text = [ "-" ] digit "." digits "e" exponent, as printf writes it. */
static void read_scientific(const char *text, struct decimal15 *out)
{
    bool negative = text[0] == '-', point = false;
    const char *p = text + negative;
    *out = (struct decimal15){0, 0};
    for (; *p != 'e'; p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        out->number = out->number * 10 + (*p - '0');
        out->exponent -= point;
    }
    out->exponent += (int)strtol(p + 1, NULL, 10);
    out->number = negative ? -out->number : out->number;
    strip(out);
}

enum decimal_reading decimal_of(sqlite3_value *v, struct decimal15 *out)
{
    char text[40];
    switch (sqlite3_value_numeric_type(v)) {
    case SQLITE_NULL:
        return READ_NULL;
    case SQLITE_INTEGER:
        *out = (struct decimal15){sqlite3_value_int64(v), 0};
        strip(out);
        return READ_OK;
    default:
        break;
    }
    double x = sqlite3_value_double(v);
    if (!isfinite(x)) {
        return READ_BAD;
    }
    snprintf(text, sizeof text, "%.*e", DIGITS - 1, x);
    read_scientific(text, out);
    return READ_OK;
}

static bool read_two(sqlite3_context *ctx, sqlite3_value **argv, struct decimal15 *a,
                     struct decimal15 *b)
{
    enum decimal_reading x = decimal_of(argv[0], a), y = decimal_of(argv[1], b);
    if (x == READ_BAD || y == READ_BAD) {
        decimal_out_of_range(ctx);
    }
    return x == READ_OK && y == READ_OK;
}

bool decimal_times_ten(wide *n)
{
    if (*n >= MOST / 10 || *n <= -(MOST / 10)) {
        return false;
    }
    *n *= 10;
    return true;
}

/* An integer where it is one, else the float that is nearest to it. */
void decimal_give(sqlite3_context *ctx, struct decimal15 d)
{
    char text[64];
    strip(&d);
    struct decimal15 whole = d;
    while (whole.exponent > 0 && decimal_times_ten(&whole.number)) {
        whole.exponent--;
    }
    if (whole.exponent == 0 && whole.number >= INT64_MIN && whole.number <= INT64_MAX) {
        sqlite3_result_int64(ctx, (int64_t)whole.number);
        return;
    }
    if (d.number >= LIMIT || d.number <= -LIMIT) {
        decimal_out_of_range(ctx);
        return;
    }
    snprintf(text, sizeof text, "%llde%d", (long long)d.number, d.exponent);
    double v = strtod(text, NULL);
    if (isfinite(v)) {
        sqlite3_result_double(ctx, v);
    } else {
        decimal_out_of_range(ctx);
    }
}

/* Brings both to the smaller exponent. */
static bool align(struct decimal15 *a, struct decimal15 *b)
{
    struct decimal15 *high = a->exponent > b->exponent ? a : b;
    int low = high == a ? b->exponent : a->exponent;
    while (high->exponent > low) {
        if (!decimal_times_ten(&high->number)) {
            return false;
        }
        high->exponent--;
    }
    return true;
}

static void give_sum(sqlite3_context *ctx, struct decimal15 a, struct decimal15 b)
{
    if (a.number == 0 || b.number == 0) {
        decimal_give(ctx, a.number == 0 ? b : a);
    } else if (align(&a, &b)) {
        decimal_give(ctx, (struct decimal15){a.number + b.number, a.exponent});
    } else {
        decimal_out_of_range(ctx);
    }
}

static void tb_dec_add(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct decimal15 a, b;
    (void)argc;
    if (read_two(ctx, argv, &a, &b)) {
        give_sum(ctx, a, b);
    }
}

static void tb_dec_sub(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct decimal15 a, b;
    (void)argc;
    if (read_two(ctx, argv, &a, &b)) {
        b.number = -b.number;
        give_sum(ctx, a, b);
    }
}

static void tb_dec_mul(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct decimal15 a, b;
    wide product = 0;
    (void)argc;
    if (!read_two(ctx, argv, &a, &b)) {
        return;
    }
    if (__builtin_mul_overflow(a.number, b.number, &product)) {
        decimal_out_of_range(ctx);
    } else {
        decimal_give(ctx, (struct decimal15){product, a.exponent + b.exponent});
    }
}

static wide magnitude(wide n)
{
    return n < 0 ? -n : n;
}

struct quotient {
    wide whole, rest; /* rest / divisor is what is left of it */
    wide divisor;
    bool fits;
};

/* a × 10^exponent / b in whole numbers, digit by digit; b is not zero. */
static struct quotient divide(wide a, wide b, int exponent)
{
    struct quotient q = {0, 0, b, true};
    while (exponent < 0 && q.divisor <= a) {
        q.fits = q.fits && decimal_times_ten(&q.divisor);
        exponent++;
        if (!q.fits) {
            return q;
        }
    }
    q.whole = exponent < 0 ? 0 : a / q.divisor;
    q.rest = exponent < 0 ? 0 : a % q.divisor;
    for (; exponent > 0 && q.fits; exponent--) {
        q.rest *= 10;
        q.fits = decimal_times_ten(&q.whole);
        q.whole += q.rest / q.divisor;
        q.rest %= q.divisor;
        if (q.rest == 0 && q.whole == 0) {
            break;
        }
    }
    return q;
}

static void by_zero(sqlite3_context *ctx)
{
    sqlite3_result_error(ctx, "division by zero", -1);
}

/* tb_dec_div(a, b, n): with n digits behind the point. */
static void tb_dec_div(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct decimal15 a, b;
    int scale = sqlite3_value_int(argv[2]);
    (void)argc;
    if (!read_two(ctx, argv, &a, &b)) {
        return;
    }
    if (b.number == 0) {
        by_zero(ctx);
        return;
    }
    bool negative = (a.number < 0) != (b.number < 0);
    struct quotient q =
        divide(magnitude(a.number), magnitude(b.number), a.exponent - b.exponent + scale);
    if (!q.fits) {
        decimal_out_of_range(ctx);
        return;
    }
    q.whole += q.rest * 2 >= q.divisor;
    decimal_give(ctx, (struct decimal15){negative ? -q.whole : q.whole, -scale});
}

static void tb_dec_idiv(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct decimal15 a, b;
    (void)argc;
    if (!read_two(ctx, argv, &a, &b)) {
        return;
    }
    if (b.number == 0) {
        by_zero(ctx);
        return;
    }
    bool negative = (a.number < 0) != (b.number < 0);
    struct quotient q =
        divide(magnitude(a.number), magnitude(b.number), a.exponent - b.exponent);
    wide whole = negative ? -q.whole : q.whole;
    if (!q.fits || whole > INT64_MAX || whole < INT64_MIN) {
        sqlite3_result_error(ctx, "integer overflow", -1);
    } else {
        sqlite3_result_int64(ctx, (int64_t)whole);
    }
}

/* The rest of a × 10^n by b, without the quotient. */
static wide remainder_of(wide a, wide b, int n)
{
    wide rest = a % b;
    for (; n > 0 && rest != 0; n--) {
        rest = rest * 10 % b;
    }
    return rest;
}

static void tb_dec_mod(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct decimal15 a, b;
    (void)argc;
    if (!read_two(ctx, argv, &a, &b)) {
        return;
    }
    if (b.number == 0) {
        by_zero(ctx);
        return;
    }
    wide divisor = magnitude(b.number);
    int exponent = b.exponent, up = a.exponent - b.exponent;
    for (; up < 0 && divisor <= magnitude(a.number); up++) { /* the divisor to a's exponent */
        divisor *= 10;
        exponent--;
    }
    if (up < 0) {
        decimal_give(ctx, a); /* it is less than the divisor */
        return;
    }
    wide rest = remainder_of(magnitude(a.number), divisor, up);
    decimal_give(ctx, (struct decimal15){a.number < 0 ? -rest : rest, exponent});
}

/* -- rounding -------------------------------------------------------------- */

/* Half away from zero, to `digits` behind the point. */
void decimal_round(struct decimal15 *d, int digits)
{
    bool negative = d->number < 0, up = false;
    wide n = magnitude(d->number);
    while (d->exponent < -digits && n != 0) {
        up = n % 10 >= 5;
        n /= 10;
        d->exponent++;
    }
    n += up && d->exponent == -digits; /* else it is below a tenth of the last digit */
    d->number = negative ? -n : n;
    d->exponent = n == 0 ? 0 : d->exponent;
}

static void tb_round(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct decimal15 d;
    (void)argc;
    enum decimal_reading r = decimal_of(argv[0], &d);
    if (r == READ_BAD) {
        decimal_out_of_range(ctx);
    }
    if (r != READ_OK || sqlite3_value_type(argv[1]) == SQLITE_NULL) {
        return;
    }
    bool whole = sqlite3_value_numeric_type(argv[0]) == SQLITE_INTEGER;
    decimal_round(&d, sqlite3_value_int(argv[1]));
    while (whole && d.exponent > 0 && decimal_times_ten(&d.number)) {
        d.exponent--;
    }
    if (whole && (d.number > INT64_MAX || d.number < INT64_MIN)) {
        sqlite3_result_error(ctx, "integer overflow", -1);
    } else {
        decimal_give(ctx, d);
    }
}

/* The shortest decimal that reads back as x. */
void decimal_shortest(double x, struct decimal15 *out)
{
    char text[40];
    for (int digits = DIGITS - 1; digits <= 16; digits++) {
        snprintf(text, sizeof text, "%.*e", digits, x);
        if (strtod(text, NULL) == x) {
            break;
        }
    }
    read_scientific(text, out);
}

static void tb_round_double(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    char text[64];
    struct decimal15 d;
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL ||
        sqlite3_value_type(argv[1]) == SQLITE_NULL) {
        return;
    }
    double x = sqlite3_value_double(argv[0]);
    if (!isfinite(x)) {
        sqlite3_result_double(ctx, x);
        return;
    }
    decimal_shortest(x, &d);
    decimal_round(&d, sqlite3_value_int(argv[1]));
    snprintf(text, sizeof text, "%llde%d", (long long)d.number, d.exponent);
    sqlite3_result_double(ctx, strtod(text, NULL));
}

/* direction -1: down, 1: up. Floats and integers alike. */
static void to_whole(sqlite3_context *ctx, sqlite3_value *v, int direction)
{
    int type = sqlite3_value_numeric_type(v);
    if (type == SQLITE_INTEGER) {
        sqlite3_result_int64(ctx, sqlite3_value_int64(v));
    } else if (type != SQLITE_NULL) {
        double x = sqlite3_value_double(v);
        sqlite3_result_double(ctx, (direction < 0 ? floor(x) : ceil(x)) + 0.0);
    }
}

static void tb_ceil(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    to_whole(ctx, argv[0], 1);
}

static void tb_floor(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    to_whole(ctx, argv[0], -1);
}

static void tb_sign(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    if (sqlite3_value_type(argv[0]) != SQLITE_NULL) {
        double x = sqlite3_value_double(argv[0]);
        sqlite3_result_int(ctx, (x > 0) - (x < 0));
    }
}

static const struct sqlite_function functions[] = {
    {"tb_ceil", 1, tb_ceil, false},       {"tb_dec_add", 2, tb_dec_add, false},
    {"tb_dec_div", 3, tb_dec_div, false}, {"tb_dec_idiv", 2, tb_dec_idiv, false},
    {"tb_dec_mod", 2, tb_dec_mod, false}, {"tb_dec_mul", 2, tb_dec_mul, false},
    {"tb_dec_sub", 2, tb_dec_sub, false}, {"tb_floor", 1, tb_floor, false},
    {"tb_round", 2, tb_round, false},     {"tb_round_double", 2, tb_round_double, false},
    {"tb_sign", 1, tb_sign, false},
};
const struct sqlite_function_table sqlite_decimal = SQLITE_TABLE_OF(functions);
