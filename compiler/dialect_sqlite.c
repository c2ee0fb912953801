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
 *   tb_cast_int(x, low, high, try) tb_cast_numeric(x, p, s, try) tb_cast_double(x, try)
 *   tb_cast_bool tb_cast_uuid tb_cast_date tb_cast_timestamp tb_cast_timestamptz (x, try)
 *                                what cannot be cast is an error, or null if try is 1
 *   tb_numeric_text(x, s), tb_timestamp_text(x, zone)
 *   tb_regexp tb_iregexp (x, pattern), tb_regexp_replace tb_iregexp_replace (x, pattern, y)
 *   tb_extract(unit, m) tb_trunc(unit, m) tb_date_add(unit, n, m)
 *   tb_date_diff(unit, m, m) tb_move(m, duration, n) tb_make_date(y, m, d)
 *   tb_to_timestamp(x) tb_format_date(m, format) tb_clock()
 *                                moments as texts; beyond years 1 to 9999 is an error
 *   tb_json_get(j, path) tb_json_text(j, path) tb_json_length(j) tb_json_type(j)
 *   tb_json_keys(j) tb_json_contains(j, j) tb_json_member(letters, x)
 *   tb_json_set(j, path, j) tb_json_remove(j, path)
 *                                what is no JSON is an error
 *   tb_one(count, value)         value, or an error when count is above 1
 *   tb_fit(text, n)              text, or an error when it has more than n characters
 *   tb_range(i, low, high)       i, or an error when it is out of these bounds
 *   tb_mean(sum, count, n)       exact, with n digits behind the point, rounded half
 *                                away from zero
 *   tb_sum(x)                    aggregate: exact decimal sum; what SQLite cannot hold
 *                                exactly is an error
 *   tb_sum_double(x) tb_avg_double(x) tb_var_pop(x) tb_var_samp(x)
 *   tb_stddev_pop(x) tb_stddev_samp(x), and all as tb_moving_…(x)
 *                                aggregates: a result that is not finite is an error;
 *                                moving: over frames whose start moves
 *   tb_string_agg(order, s, x, key…)
 *                                aggregate: distinct and in order, as
 *                                compiler/emit_aggregate.c writes it
 *   tb_json_agg(order, x, key…) tb_json_object_agg(order, name, x, key…)
 *                                aggregates: the same as JSON
 *
 *   tb_json_each(j, 'array')     a table: the members of an array in c1, 1, 2 … in c2
 *   tb_json_each(j, 'object')    a table: names in c1, values in c2; '… text': as ->> does
 *   tb_series(a, b, step)        a table: a, a + step … as far as b in c1, 1, 2 … in c2
 *
 * All give null for a null argument, except the escape and the value of tb_one.
 */
#include "compiler/cast.h"
#include "compiler/dialect.h"
#include "compiler/moments.h"
#include "compiler/text_scan.h"

#include <stdio.h>

uint32_t dialect_no_native(const struct type *t)
{
    (void)t;
    return 0;
}

static const char *type_name(const struct type *t)
{
    (void)t;
    return NULL;
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
    .foreign_params = "?@$#:",
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
              .rollback = WORDS("ROLLBACK"),
              /* A write that began as a read could fail at its first write. */
              .tx = {.begin = "BEGIN IMMEDIATE", .begin_read_only = "BEGIN", .deferrable = ""}},
    .column = COLUMN_SQLITE,
    .moments = &moments,
    .text = &text_rules,
    .quote = '"',
    .lateral_functions = true,
    .nulls_order = true,
    .aggregate_filter = true,
    .aggregate_in = true,
    .frame_groups = true,
    .update_returning = true,
    .on_conflict = true,
    .partial_keys = true,
    .limit_in_subquery = true,
    .rows_are_values = true,
    .values_rows = true,
    .keeps_ctes = true,
    .with_before_writes = true,
    .row_order = true,
    .derived_sees_outer = true,
    .max_nesting = 84,
    .full_join = FULL_OF_TWO,
    .turns_right_joins = true, /* 3.40 loses rows, or finds no plan */
    .delete_strict = true,
    .exists_offset = true,
    .having_outer = true,
    .distinct_offset = true,
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
    /* SQLite compares an integer beyond 2^53 with a double exactly, the others do not. */
    .number_beside_double = "CAST($1 AS REAL)",
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
    .casts = &casts_sqlite,
    .type_native = dialect_no_native,
    .array_native = dialect_no_native,
    .type_name = type_name,
    .numeric_divide = numeric_divide,
    .numeric_avg = numeric_avg,
};
