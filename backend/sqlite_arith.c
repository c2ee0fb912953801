/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_arith.c: arithmetic that keeps the rules of the language:
 * integers are 64-bit and checked, `/` is true division, `//` and `%` truncate
 * toward zero, and division by zero is an error. SQLite's own operators turn
 * overflow into floats and division by zero into null.
 *
 * Pure functions of their arguments, called on the connection's thread.
 */
#include "backend/sqlite_session.h"

#include <math.h>

struct operands {
    bool integers;
    int64_t a, b;
    double x, y;
};

enum operands_verdict { OPERANDS_OK, OPERANDS_NULL };

/* Texts are taken as the numbers they hold, as SQLite's operators do. */
static enum operands_verdict read_operands(sqlite3_value **argv, struct operands *o)
{
    int ta = sqlite3_value_numeric_type(argv[0]), tb = sqlite3_value_numeric_type(argv[1]);
    if (ta == SQLITE_NULL || tb == SQLITE_NULL) {
        return OPERANDS_NULL; /* and so is the result */
    }
    o->integers = ta == SQLITE_INTEGER && tb == SQLITE_INTEGER;
    o->a = sqlite3_value_int64(argv[0]);
    o->b = sqlite3_value_int64(argv[1]);
    o->x = sqlite3_value_double(argv[0]);
    o->y = sqlite3_value_double(argv[1]);
    return OPERANDS_OK;
}

/* sqlite_error.c knows these words. */
static void overflow(sqlite3_context *ctx)
{
    sqlite3_result_error(ctx, "integer overflow", -1);
}

static void by_zero(sqlite3_context *ctx)
{
    sqlite3_result_error(ctx, "division by zero", -1);
}

static void give_double(sqlite3_context *ctx, double v)
{
    if (isfinite(v)) {
        sqlite3_result_double(ctx, v);
    } else {
        sqlite3_result_error(ctx, "a number is out of range", -1);
    }
}

static void give_i64(sqlite3_context *ctx, bool overflowed, int64_t v)
{
    if (overflowed) {
        overflow(ctx);
    } else {
        sqlite3_result_int64(ctx, v);
    }
}

static void tb_add(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct operands o;
    long long v = 0;
    (void)argc;
    if (read_operands(argv, &o) == OPERANDS_NULL) {
        return;
    }
    if (o.integers) {
        bool over = __builtin_add_overflow(o.a, o.b, &v);
        give_i64(ctx, over, v);
    } else {
        give_double(ctx, o.x + o.y);
    }
}

static void tb_sub(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct operands o;
    long long v = 0;
    (void)argc;
    if (read_operands(argv, &o) == OPERANDS_NULL) {
        return;
    }
    if (o.integers) {
        bool over = __builtin_sub_overflow(o.a, o.b, &v);
        give_i64(ctx, over, v);
    } else {
        give_double(ctx, o.x - o.y);
    }
}

static void tb_mul(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct operands o;
    long long v = 0;
    (void)argc;
    if (read_operands(argv, &o) == OPERANDS_NULL) {
        return;
    }
    if (o.integers) {
        bool over = __builtin_mul_overflow(o.a, o.b, &v);
        give_i64(ctx, over, v);
    } else {
        give_double(ctx, o.x * o.y);
    }
}

/* True division: always a double. */
static void tb_div(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct operands o;
    (void)argc;
    if (read_operands(argv, &o) == OPERANDS_NULL) {
        return;
    }
    if (o.y == 0) {
        by_zero(ctx);
    } else {
        give_double(ctx, o.x / o.y);
    }
}

/* The nearest double to INT64_MAX is 2^63, which is no int64. */
#define TWO_TO_63 9223372036854775808.0

static void tb_idiv(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct operands o;
    (void)argc;
    if (read_operands(argv, &o) == OPERANDS_NULL) {
        return;
    }
    if (o.y == 0) {
        by_zero(ctx);
    } else if (o.integers) {
        bool over = o.a == INT64_MIN && o.b == -1;
        give_i64(ctx, over, over ? 0 : o.a / o.b);
    } else {
        double q = trunc(o.x / o.y);
        bool fits = q >= -TWO_TO_63 && q < TWO_TO_63;
        give_i64(ctx, !fits, fits ? (int64_t)q : 0);
    }
}

static void tb_mod(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct operands o;
    (void)argc;
    if (read_operands(argv, &o) == OPERANDS_NULL) {
        return;
    }
    if (o.y == 0) {
        by_zero(ctx);
    } else if (o.integers) {
        sqlite3_result_int64(ctx, o.b == -1 ? 0 : o.a % o.b);
    } else {
        give_double(ctx, fmod(o.x, o.y));
    }
}

static const struct sqlite_function functions[] = {
    {"tb_add", 2, tb_add, false}, {"tb_sub", 2, tb_sub, false},   {"tb_mul", 2, tb_mul, false},
    {"tb_div", 2, tb_div, false}, {"tb_idiv", 2, tb_idiv, false}, {"tb_mod", 2, tb_mod, false},
};
const struct sqlite_function_table sqlite_arith = SQLITE_TABLE_OF(functions);
