/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_aggregates.c: sums, means and variances where SQLite's own would
 * round, or answer with infinity. Each is also a function of windows: what a frame
 * leaves behind is taken out again.
 *
 * Called on the connection's thread; the state of one group is SQLite's.
 */
#include "backend/sqlite_session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* sqlite_error.c knows these words. */
static void out_of_range(sqlite3_context *ctx)
{
    sqlite3_result_error(ctx, "out of range: SQLite keeps 15 digits of a numeric", -1);
}

static void not_finite(sqlite3_context *ctx)
{
    sqlite3_result_error(ctx, "a number is out of range", -1);
}

/* -- exact decimals -------------------------------------------------------- */

__extension__ typedef __int128 wide;

#define WIDE_MAX (((wide)INT64_MAX << 64) + (wide)UINT64_MAX)
enum { KEPT_DIGITS = 15, MOST_DIGITS = 38 };

/* units / 10^scale */
struct exact {
    wide units;
    int scale;
};

enum exact_verdict { EXACT_OK, EXACT_RANGE, EXACT_BAD };

static enum exact_verdict times_ten(wide *units, int times)
{
    for (; times > 0 && *units != 0; times--) {
        if (*units > WIDE_MAX / 10 || *units < -(WIDE_MAX / 10)) {
            return EXACT_RANGE;
        }
        *units *= 10;
    }
    return EXACT_OK;
}

/* A double stands for the decimal of 15 digits that it was read from. */
static enum exact_verdict read_double(double v, struct exact *out)
{
    char text[40];
    if (!isfinite(v)) {
        return EXACT_RANGE;
    }
    snprintf(text, sizeof text, "%.14e", v); /* [-]d.dddddddddddddde±x */
    char *e = strchr(text, 'e'), *point = strchr(text, '.');
    int exponent = atoi(e + 1);
    memmove(point, point + 1, (size_t)(e - point - 1));
    e[-1] = '\0';
    long long digits = strtoll(text, NULL, 10);
    int scale = KEPT_DIGITS - 1 - exponent;
    for (; digits != 0 && digits % 10 == 0 && scale > 0; scale--) {
        digits /= 10;
    }
    *out = (struct exact){digits, scale > 0 && digits != 0 ? scale : 0};
    if (out->scale > MOST_DIGITS) {
        return EXACT_RANGE;
    }
    return scale < 0 ? times_ten(&out->units, -scale) : EXACT_OK;
}

static enum exact_verdict read_exact(sqlite3_value *v, struct exact *out)
{
    switch (sqlite3_value_numeric_type(v)) {
    case SQLITE_INTEGER:
        *out = (struct exact){sqlite3_value_int64(v), 0};
        return EXACT_OK;
    case SQLITE_FLOAT:
        return read_double(sqlite3_value_double(v), out);
    default:
        return EXACT_BAD;
    }
}

static enum exact_verdict add_exact(struct exact *sum, struct exact x)
{
    int scale = sum->scale > x.scale ? sum->scale : x.scale;
    if (times_ten(&sum->units, scale - sum->scale) != EXACT_OK ||
        times_ten(&x.units, scale - x.scale) != EXACT_OK) {
        return EXACT_RANGE;
    }
    sum->scale = scale;
    bool over =
        x.units > 0 ? sum->units > WIDE_MAX - x.units : sum->units < -WIDE_MAX - x.units;
    if (!over) {
        sum->units += x.units;
    }
    return over ? EXACT_RANGE : EXACT_OK;
}

static unsigned digits_of(wide units)
{
    unsigned n = 0;
    for (; units != 0; units /= 10) {
        n++;
    }
    return n;
}

/* As a whole number where it is one, else as the double nearest to its digits. */
static void give_exact(sqlite3_context *ctx, struct exact x)
{
    while (x.scale > 0 && x.units % 10 == 0) {
        x.units /= 10;
        x.scale--;
    }
    if (x.scale == 0 && x.units >= INT64_MIN && x.units <= INT64_MAX) {
        sqlite3_result_int64(ctx, (sqlite3_int64)x.units);
        return;
    }
    for (; x.units != 0 && x.units % 10 == 0; x.scale--) {
        x.units /= 10;
    }
    if (digits_of(x.units) > KEPT_DIGITS) {
        out_of_range(ctx);
        return;
    }
    char text[64];
    snprintf(text, sizeof text, "%llde%d", (long long)x.units, -x.scale);
    sqlite3_result_double(ctx, strtod(text, NULL));
}

static void give_verdict(sqlite3_context *ctx, enum exact_verdict v)
{
    switch (v) {
    case EXACT_OK:
        return;
    case EXACT_RANGE:
        out_of_range(ctx);
        return;
    case EXACT_BAD:
        sqlite3_result_error(ctx, "bad value: this is no number", -1);
        return;
    }
}

/* ---- tb_sum ---- */

/* SQLite's memory is aligned for 64 bits only, so the 128 of a sum lie in two halves. */
struct exact_sum {
    uint64_t units[2];
    int scale;
    int64_t count;
};

static struct exact load_sum(const struct exact_sum *s)
{
    struct exact x = {.scale = s->scale};
    memcpy(&x.units, s->units, sizeof s->units);
    return x;
}

static void store_sum(struct exact_sum *s, const struct exact *x)
{
    s->scale = x->scale;
    memcpy(s->units, &x->units, sizeof s->units);
}

static void *state_of(sqlite3_context *ctx, size_t size)
{
    void *s = sqlite3_aggregate_context(ctx, (int)size);
    if (s == NULL) {
        sqlite3_result_error_nomem(ctx);
    }
    return s;
}

static void exact_take(sqlite3_context *ctx, sqlite3_value *v, int sign)
{
    struct exact x;
    struct exact_sum *s = state_of(ctx, sizeof *s);
    if (s == NULL || sqlite3_value_type(v) == SQLITE_NULL) {
        return;
    }
    enum exact_verdict verdict = read_exact(v, &x);
    if (verdict == EXACT_OK) {
        struct exact sum = load_sum(s);
        x.units *= sign;
        verdict = add_exact(&sum, x);
        store_sum(s, &sum);
    }
    s->count += sign;
    give_verdict(ctx, verdict);
}

static void tb_sum_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    exact_take(ctx, argv[0], 1);
}

static void tb_sum_inverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    exact_take(ctx, argv[0], -1);
}

static void tb_sum_value(sqlite3_context *ctx)
{
    const struct exact_sum *s = sqlite3_aggregate_context(ctx, 0);
    if (s != NULL && s->count > 0) {
        give_exact(ctx, load_sum(s));
    }
}

/* tb_mean(sum, count, scale) */
static void tb_mean(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct exact x;
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return;
    }
    wide count = sqlite3_value_int64(argv[1]);
    int scale = sqlite3_value_int(argv[2]);
    enum exact_verdict v = read_exact(argv[0], &x);
    if (v == EXACT_OK && (x.scale > scale || count == 0)) {
        v = EXACT_RANGE;
    }
    v = v != EXACT_OK ? v : times_ten(&x.units, scale - x.scale);
    if (v != EXACT_OK) {
        give_verdict(ctx, v);
        return;
    }
    wide quotient = x.units / count, rest = x.units % count;
    if ((rest < 0 ? -rest : rest) >= count - (rest < 0 ? -rest : rest)) {
        quotient += x.units < 0 ? -1 : 1;
    }
    give_exact(ctx, (struct exact){quotient, scale});
}

/* -- doubles --------------------------------------------------------------- */

/* Sums, and variances after Youngs and Cramer as PostgreSQL reckons them: `squares` is
 * the sum of the squares of the distances from the mean. */
struct spread {
    double n, sum, squares;
};

static void add_to(struct spread *s, double x)
{
    s->n += 1;
    s->sum += x;
    if (s->n > 1) {
        double d = x * s->n - s->sum;
        s->squares += d * d / (s->n * (s->n - 1));
    }
}

static void give_finite(sqlite3_context *ctx, double v)
{
    if (isfinite(v)) {
        sqlite3_result_double(ctx, v);
    } else {
        not_finite(ctx);
    }
}

static void give_sum(sqlite3_context *ctx, const struct spread *s)
{
    if (s->n > 0) {
        give_finite(ctx, s->sum);
    }
}

static void give_avg(sqlite3_context *ctx, const struct spread *s)
{
    if (s->n > 0) {
        give_finite(ctx, s->sum / s->n);
    }
}

/* The rows are divided by their number less `less`. */
static void give_variance(sqlite3_context *ctx, const struct spread *s, double less)
{
    if (s->n > less) {
        give_finite(ctx, isfinite(s->sum) ? s->squares / (s->n - less) : s->sum);
    }
}

static void give_deviation(sqlite3_context *ctx, const struct spread *s, double less)
{
    if (s->n > less) {
        give_finite(ctx, isfinite(s->sum) ? sqrt(s->squares / (s->n - less)) : s->sum);
    }
}

static void give_var_pop(sqlite3_context *ctx, const struct spread *s)
{
    give_variance(ctx, s, 0);
}

static void give_var_samp(sqlite3_context *ctx, const struct spread *s)
{
    give_variance(ctx, s, 1);
}

static void give_stddev_pop(sqlite3_context *ctx, const struct spread *s)
{
    give_deviation(ctx, s, 0);
}

static void give_stddev_samp(sqlite3_context *ctx, const struct spread *s)
{
    give_deviation(ctx, s, 1);
}

struct double_function {
    const char *name;
    const char *moving; /* over a frame whose start moves */
    void (*give)(sqlite3_context *ctx, const struct spread *s);
};

static void double_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct spread *s = state_of(ctx, sizeof *s);
    (void)argc;
    if (s != NULL && sqlite3_value_type(argv[0]) != SQLITE_NULL) {
        add_to(s, sqlite3_value_double(argv[0]));
    }
}

static void double_value(sqlite3_context *ctx)
{
    const struct double_function *f = sqlite3_user_data(ctx);
    const struct spread *s = sqlite3_aggregate_context(ctx, 0);
    if (s != NULL) {
        f->give(ctx, s);
    }
}

/* SQLite wants one of every function of windows; nothing leaves a frame that begins
 * with its partition. */
static void double_inverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    sqlite3_result_error(ctx, "a row leaves a frame that only grows", -1);
}

/* -- doubles over frames that move ----------------------------------------- */

/* What was added to a double cannot be taken out again exactly, so the values of the
 * frame are kept and reckoned anew, as in PostgreSQL. */
struct moving {
    double *values; /* [first, end) are in the frame */
    uint64_t first, end, cap;
};

static bool make_room(struct moving *m)
{
    if (m->end < m->cap) {
        return true;
    }
    if (m->first > m->cap / 2) {
        memmove(m->values, m->values + m->first, (m->end - m->first) * sizeof *m->values);
        m->end -= m->first;
        m->first = 0;
        return true;
    }
    uint64_t cap = m->cap * 2 + 16;
    double *more = sqlite3_realloc64(m->values, cap * sizeof *more);
    if (more == NULL) {
        return false;
    }
    m->values = more;
    m->cap = cap;
    return true;
}

static void moving_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct moving *m = state_of(ctx, sizeof *m);
    (void)argc;
    if (m == NULL || sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return;
    }
    if (make_room(m)) {
        m->values[m->end++] = sqlite3_value_double(argv[0]);
    } else {
        sqlite3_result_error_nomem(ctx);
    }
}

/* Rows leave in the order they came. */
static void moving_inverse(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct moving *m = state_of(ctx, sizeof *m);
    (void)argc;
    if (m != NULL && sqlite3_value_type(argv[0]) != SQLITE_NULL && m->first < m->end) {
        m->first++;
    }
}

static void moving_value(sqlite3_context *ctx)
{
    const struct double_function *f = sqlite3_user_data(ctx);
    const struct moving *m = sqlite3_aggregate_context(ctx, 0);
    struct spread s = {0};
    for (uint64_t i = m == NULL ? 0 : m->first; m != NULL && i < m->end; i++) {
        add_to(&s, m->values[i]);
    }
    f->give(ctx, &s);
}

static void moving_final(sqlite3_context *ctx)
{
    struct moving *m = sqlite3_aggregate_context(ctx, 0);
    if (m != NULL) {
        moving_value(ctx);
        sqlite3_free(m->values);
    }
}

/* -- the table ------------------------------------------------------------- */

static const struct double_function doubles[] = {
    {"tb_sum_double", "tb_moving_sum_double", give_sum},
    {"tb_avg_double", "tb_moving_avg_double", give_avg},
    {"tb_var_pop", "tb_moving_var_pop", give_var_pop},
    {"tb_var_samp", "tb_moving_var_samp", give_var_samp},
    {"tb_stddev_pop", "tb_moving_stddev_pop", give_stddev_pop},
    {"tb_stddev_samp", "tb_moving_stddev_samp", give_stddev_samp},
};

/* SQLite only hands it back. */
static void *data_of(const struct double_function *f)
{
    union {
        const struct double_function *in;
        void *out;
    } u = {f};
    return u.out;
}

int sqlite_aggregates_register(sqlite3 *db)
{
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int rc =
        sqlite3_create_function_v2(db, "tb_mean", 3, flags, NULL, tb_mean, NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_create_window_function(db, "tb_sum", 1, flags, NULL, tb_sum_step,
                                            tb_sum_value, tb_sum_value, tb_sum_inverse, NULL);
    }
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof doubles / sizeof doubles[0]; i++) {
        rc = sqlite3_create_window_function(db, doubles[i].name, 1, flags, data_of(&doubles[i]),
                                            double_step, double_value, double_value,
                                            double_inverse, NULL);
        if (rc == SQLITE_OK) {
            rc = sqlite3_create_window_function(db, doubles[i].moving, 1, flags,
                                                data_of(&doubles[i]), moving_step, moving_final,
                                                moving_value, moving_inverse, NULL);
        }
    }
    return rc;
}
