/* SPDX-License-Identifier: MIT
 *
 * compiler/dialect_sqlite.c: SQLite 3.39 and later, and the functions that its
 * driver registers for what SQLite itself does not do exactly:
 *
 *   tb_lower(x) tb_upper(x)      Unicode simple case mapping
 *   tb_ilike(pattern, x, escape) LIKE on case-folded text; escape may be NULL
 *   tb_add tb_sub tb_mul (a, b)  integers in 64 bits, overflow is an error; else
 *                                floats, where an infinite result is an error
 *   tb_div(a, b)                 a / b as floats, b = 0 is an error
 *   tb_idiv(a, b) tb_mod(a, b)   truncating, sign of the dividend; b = 0 is an error
 *   tb_dec_add tb_dec_sub tb_dec_mul tb_dec_idiv tb_dec_mod (a, b), tb_dec_div(a, b, n)
 *                                the same for decimals: exact; a result of more than 15
 *                                digits, which a float does not hold, is an error.
 *                                n: digits behind the point, rounded half away from zero
 *   tb_round(x, n) tb_ceil(x) tb_floor(x) tb_sign(x), tb_round_double(x, n)
 *   tb_shl tb_shr (i, n), tb_xor(i, j)   64 bits; n from 0 to 63
 *   tb_sqrt tb_exp tb_ln tb_log10 tb_sin … tb_power tb_atan2   an error outside of their
 *                                domain and where the result is infinite
 *   tb_lpad tb_rpad (x, n[, y]), tb_repeat(x, n), tb_reverse(x), tb_split_part(x, y, n)
 *   tb_md5(x) tb_sha256(x) tb_uuid4() tb_uuid7()
 *   tb_one(count, value)         value, or an error when count is above 1
 *   tb_fit(text, n)              text, or an error when it has more than n characters
 *   tb_range(i, low, high)       i, or an error when it is out of these bounds
 *   tb_mean(sum, count, n)       exact, with n digits behind the point, rounded half
 *                                away from zero
 *   tb_sum(x)                    aggregate: exact decimal sum; what SQLite cannot hold
 *                                exactly is an error
 *   tb_sum_double(x) tb_avg_double(x)
 *                                aggregates: a sum that is not finite is an error
 *   tb_var_pop(x) tb_var_samp(x) tb_stddev_pop(x) tb_stddev_samp(x)
 *                                aggregates: by Welford's method
 *   tb_string_agg(order, s, x, key…)
 *                                aggregate: distinct and in order, as
 *                                compiler/emit_aggregate.c writes it
 *
 *   tb_series(a, b, step)        a table: a, a + step … as far as b in c1, 1, 2 … in c2
 *
 * All give null for a null argument, except the escape and the value of tb_one.
 */
#include "compiler/dialect.h"
#include "compiler/moments.h"
#include "compiler/text_scan.h"

#include <stdio.h>

uint32_t dialect_no_native(const struct type *t)
{
    (void)t;
    return 0;
}

static unsigned integer_rank(enum type_kind k)
{
    return k == TYPE_SMALLINT ? 1 : k == TYPE_INTEGER ? 2 : k == TYPE_BIGINT ? 3 : 0;
}

bool cast_is_free(const struct type *from, const struct type *to)
{
    unsigned a = integer_rank(from->kind), b = integer_rank(to->kind);
    if (a > 0 && b > 0) {
        return a <= b;
    }
    if (from->kind == TYPE_BOOLEAN && (b > 0 || to->kind == TYPE_BOOLEAN)) {
        return true;
    }
    if (from->kind == TYPE_REAL && to->kind == TYPE_DOUBLE) {
        return true;
    }
    if (type_family(from->kind) == FAMILY_DATE && type_family(to->kind) == FAMILY_DATE) {
        return (from->kind == TYPE_DATE) == (to->kind == TYPE_DATE);
    }
    bool plain = type_family(to->kind) != FAMILY_NUMBER && to->kind != TYPE_ARRAY &&
                 to->kind != TYPE_OPAQUE && to->length < 0;
    return from->kind == to->kind && plain;
}

static const char *type_name(const struct type *t)
{
    (void)t;
    return NULL;
}

/* Whether every value of `from` is one of numeric(p,s) as it is. */
static bool numeric_holds(const struct type *from, const struct type *to)
{
    if (to->precision < 0) {
        return true;
    }
    int scale = to->scale < 0 ? 0 : to->scale, whole = to->precision - scale;
    if (from->kind == TYPE_NUMERIC) {
        return from->precision >= 0 && from->scale >= 0 && from->scale <= scale &&
               from->precision - from->scale <= whole;
    }
    unsigned rank = type_holds_64_bits(from) ? 3 : integer_rank(from->kind);
    return rank > 0 && whole >= (rank == 1 ? 5 : rank == 2 ? 10 : 19);
}

static bool cast(const struct type *from, const struct type *to, char *out, size_t out_bytes)
{
    const char *text = NULL;
    bool number = type_family(from->kind) == FAMILY_NUMBER;
    if (cast_is_free(from, to)) {
        text = "$1";
    } else if (to->kind == TYPE_NUMERIC) {
        text = numeric_holds(from, to) ? "$1" : NULL;
    } else if (to->kind == TYPE_BIGINT && from->kind == TYPE_NUMERIC) {
        text = "CAST(round($1) AS INTEGER)";
    } else if (to->kind == TYPE_DOUBLE && number) {
        text = "CAST($1 AS REAL)";
    } else if (type_family(to->kind) == FAMILY_TEXT && to->length < 0 &&
               to->kind != TYPE_ENUM) {
        bool text_already = type_family(from->kind) == FAMILY_TEXT || from->kind == TYPE_UUID ||
                            from->kind == TYPE_DATE;
        text = text_already ? "$1" : type_is_integer(from->kind) ? "CAST($1 AS TEXT)" : NULL;
    } else if (to->kind == TYPE_DATE && type_family(from->kind) == FAMILY_DATE) {
        text = "substr($1, 1, 10)";
    } else if (type_family(to->kind) == FAMILY_DATE && from->kind == TYPE_DATE) {
        text = "($1 || ' 00:00:00.000000')";
    }
    if (text != NULL) {
        snprintf(out, out_bytes, "%s", text);
    }
    return text != NULL;
}

static void numeric_divide(int scale, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "tb_dec_div($1, $2, %d)", scale);
}

static void numeric_avg(int scale, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "tb_mean(tb_sum(#$1)^, count(#$1)^, %d)", scale);
}

#define WORDS(text)                                                                            \
    {                                                                                          \
        .sql = { text, sizeof(text) - 1 }                                                      \
    }

static const char *const collations[] = {"BINARY", "NOCASE", "RTRIM", NULL};

static const struct text_rules text_rules = {
    .quotes = "'\"`[",
    .foreign_params = "?@$",
};

static const struct moment_sql moments = {
    .format = BIND_FORMAT_CHECKED,
    .move = {"tb_move($1, $2, 1)", "tb_move($1, $2, -1)"},
    .between = "tb_date_diff('microsecond', $2, $1)",
    .date = "substr($1, 1, 10)",
};

const struct dialect dialect_sqlite = {
    .words = {.name = "sqlite",
              .begin = WORDS("BEGIN"),
              .begin_write = WORDS("BEGIN IMMEDIATE"),
              .commit = WORDS("COMMIT"),
              .rollback = WORDS("ROLLBACK")},
    .column = COLUMN_SQLITE,
    .moments = &moments,
    .text = &text_rules,
    .quote = '"',
    .lateral_functions = true,
    .nulls_order = true,
    .aggregate_filter = true,
    .frame_groups = true,
    .update_returning = true,
    .on_conflict = true,
    .partial_keys = true,
    .limit_in_subquery = true,
    .rows_are_values = true,
    .values_rows = true,
    .keeps_ctes = true,
    .derived_sees_outer = true,
    .max_nesting = 84,
    .turns_right_joins = true, /* 3.40 loses rows, or finds no plan */
    .true_text = "1",
    .false_text = "0",
    .no_limit = "-1",
    /* A compound has 500 parts at most, VALUES any number of rows. */
    .rows_first = " UNION ALL VALUES (",
    .rows_next = "), (",
    .rows_end = ")",
    /* CROSS JOIN would forbid SQLite to choose the order of its loops. */
    .cross_join = " JOIN ",
    .default_row = " DEFAULT VALUES",
    .scalar_guard = "(SELECT tb_one(count(*), min(q.c1)) FROM $1 AS q)",
    .fit_text = "tb_fit",
    .fit_integer = "tb_range",
    /* A value without affinity beside one with none would compare as text. */
    .numeric_bind = "CAST($1 AS NUMERIC)",
    .date_as_timestamp = "($1 || ' 00:00:00.000000')",
    .as_double = "CAST($1 AS REAL)",
    .like = {{"($1 LIKE $2)", "($1 NOT LIKE $2)"},
             {"tb_ilike($2, $1, NULL)", "(NOT tb_ilike($2, $1, NULL))"}},
    .like_escape = {{"($1 LIKE $2 ESCAPE $3)", "($1 NOT LIKE $2 ESCAPE $3)"},
                    {"tb_ilike($2, $1, $3)", "(NOT tb_ilike($2, $1, $3))"}},
    .joined_bytes = "CAST($1 AS BLOB)",
    .within = "tb_range($1, $2, $3)",
    .collate = "($1 COLLATE $2)",
    .binary_collation = "BINARY",
    .collation_prefix = "",
    .collations = collations,
    .concat = "@ || ",
    .cast = cast,
    .type_native = dialect_no_native,
    .array_native = dialect_no_native,
    .type_name = type_name,
    .numeric_divide = numeric_divide,
    .numeric_avg = numeric_avg,
};
