/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_math.c: functions of floating point numbers and of bits. SQLite's own
 * give null outside of their domain, and it may be built without them.
 *
 * Pure functions of their arguments, called on the connection's thread.
 */
#include "backend/sqlite_session.h"

#include <math.h>

/* -- floating point -------------------------------------------------------- */

static void give(sqlite3_context *ctx, double v)
{
    if (isnan(v)) {
        sqlite3_result_error(ctx, "outside the domain of the function", -1);
    } else if (isinf(v)) {
        sqlite3_result_error(ctx, "a number is out of range", -1);
    } else {
        sqlite3_result_double(ctx, v);
    }
}

#define ONE(fn)                                                                                \
    static void tb_##fn(sqlite3_context *ctx, int argc, sqlite3_value **argv)                  \
    {                                                                                          \
        (void)argc;                                                                            \
        if (sqlite3_value_type(argv[0]) != SQLITE_NULL) {                                      \
            give(ctx, fn(sqlite3_value_double(argv[0])));                                      \
        }                                                                                      \
    }
#define TWO(name, fn)                                                                          \
    static void name(sqlite3_context *ctx, int argc, sqlite3_value **argv)                     \
    {                                                                                          \
        (void)argc;                                                                            \
        if (sqlite3_value_type(argv[0]) != SQLITE_NULL &&                                      \
            sqlite3_value_type(argv[1]) != SQLITE_NULL) {                                      \
            give(ctx, fn(sqlite3_value_double(argv[0]), sqlite3_value_double(argv[1])));       \
        }                                                                                      \
    }

ONE(acos)
ONE(asin)
ONE(atan)
ONE(cos)
ONE(exp)
ONE(log)
ONE(log10)
ONE(sin)
ONE(sqrt)
ONE(tan)
TWO(tb_atan2, atan2)
TWO(tb_power, pow)

/* -- bits ------------------------------------------------------------------ */

/* The count of a shift; -1: there is none, the answer is given. */
static int read_count(sqlite3_context *ctx, sqlite3_value **argv)
{
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL ||
        sqlite3_value_type(argv[1]) == SQLITE_NULL) {
        return -1;
    }
    int64_t n = sqlite3_value_int64(argv[1]);
    if (n < 0 || n > 63) {
        sqlite3_result_error(ctx, "out of range: bits are shifted by 0 to 63", -1);
        return -1;
    }
    return (int)n;
}

static void tb_shl(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int n = read_count(ctx, argv);
    (void)argc;
    if (n >= 0) {
        uint64_t bits = (uint64_t)sqlite3_value_int64(argv[0]) << n;
        sqlite3_result_int64(ctx, (int64_t)bits);
    }
}

static void tb_shr(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    int n = read_count(ctx, argv);
    (void)argc;
    if (n >= 0) {
        int64_t v = sqlite3_value_int64(argv[0]);
        sqlite3_result_int64(ctx, v < 0 ? ~(~v >> n) : v >> n);
    }
}

static void tb_xor(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    if (sqlite3_value_type(argv[0]) != SQLITE_NULL &&
        sqlite3_value_type(argv[1]) != SQLITE_NULL) {
        sqlite3_result_int64(ctx, sqlite3_value_int64(argv[0]) ^ sqlite3_value_int64(argv[1]));
    }
}

static const struct sqlite_function functions[] = {
    {"tb_acos", 1, tb_acos, false},   {"tb_asin", 1, tb_asin, false},
    {"tb_atan", 1, tb_atan, false},   {"tb_atan2", 2, tb_atan2, false},
    {"tb_cos", 1, tb_cos, false},     {"tb_exp", 1, tb_exp, false},
    {"tb_ln", 1, tb_log, false},      {"tb_log10", 1, tb_log10, false},
    {"tb_power", 2, tb_power, false}, {"tb_shl", 2, tb_shl, false},
    {"tb_shr", 2, tb_shr, false},     {"tb_sin", 1, tb_sin, false},
    {"tb_sqrt", 1, tb_sqrt, false},   {"tb_tan", 1, tb_tan, false},
    {"tb_xor", 2, tb_xor, false},
};
const struct sqlite_function_table sqlite_math = SQLITE_TABLE_OF(functions);
