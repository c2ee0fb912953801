/* SPDX-License-Identifier: MIT
 *
 * compiler/dialect_pg.c: PostgreSQL 12 and later.
 */
#include "compiler/cast.h"
#include "compiler/dialect.h"
#include "compiler/moments.h"
#include "compiler/text_scan.h"

#include <stdio.h>

/* Type OIDs are fixed in PostgreSQL's catalog (pg_type.dat). */
static const struct {
    enum type_kind kind;
    uint32_t oid, array;
    const char *name;
} types[] = {
    {TYPE_BOOLEAN, 16, 1000, "bool"},
    {TYPE_SMALLINT, 21, 1005, "int2"},
    {TYPE_INTEGER, 23, 1007, "int4"},
    {TYPE_BIGINT, 20, 1016, "int8"},
    {TYPE_NUMERIC, 1700, 1231, "numeric"},
    {TYPE_REAL, 700, 1021, "float4"},
    {TYPE_DOUBLE, 701, 1022, "float8"},
    {TYPE_TEXT, 25, 1009, "text"},
    {TYPE_VARCHAR, 1043, 1015, "varchar"},
    {TYPE_CHAR, 1042, 1014, "bpchar"},
    {TYPE_ENUM, 25, 1009, "text"},
    {TYPE_UUID, 2950, 2951, "uuid"},
    {TYPE_BYTES, 17, 1001, "bytea"},
    {TYPE_DATE, 1082, 1182, "date"},
    {TYPE_TIME, 1083, 1183, "time"},
    {TYPE_TIMESTAMP, 1114, 1115, "timestamp"},
    {TYPE_TIMESTAMPTZ, 1184, 1185, "timestamptz"},
    {TYPE_INTERVAL, 1186, 1187, "interval"},
    {TYPE_JSON, 3802, 3807, "jsonb"},
    {TYPE_JSON, 114, 199, "json"},
};
#define TYPE_ROWS (sizeof types / sizeof types[0])

/* A type of the catalog is looked up by its own OID, one of ours by its kind. */
static size_t find_type(const struct type *t)
{
    for (size_t i = 0; i < TYPE_ROWS; i++) {
        bool same = t->native != 0 ? types[i].oid == t->native && t->kind != TYPE_ENUM
                                   : types[i].kind == t->kind;
        if (same) {
            return i;
        }
    }
    return TYPE_ROWS;
}

static uint32_t type_native(const struct type *t)
{
    size_t i = find_type(t);
    return t->native != 0 ? t->native : i < TYPE_ROWS ? types[i].oid : 0;
}

static uint32_t array_native(const struct type *t)
{
    size_t i = find_type(t);
    return i < TYPE_ROWS ? types[i].array : 0;
}

static const char *type_name(const struct type *t)
{
    size_t i = find_type(t);
    return i < TYPE_ROWS ? types[i].name : NULL;
}

/* PostgreSQL rounds a quotient at a number of digits that depends on its size.
 * Forty digits first make the second rounding exact for all real divisors. */
#define FORTY_DIGITS "0.0000000000000000000000000000000000000000"

static void numeric_divide(int scale, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "round(($1 + " FORTY_DIGITS ") / $2, %d)", scale);
}

static void numeric_avg(int scale, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "round((sum(#$1)^ + " FORTY_DIGITS ") / count(#$1)^, %d)", scale);
}

#define WORDS(text)                                                                            \
    {                                                                                          \
        .sql = { text, sizeof(text) - 1 }                                                      \
    }

static const char *const collations[] = {"C", "POSIX", "ucs_basic", NULL};

static const struct text_rules text_rules = {
    .quotes = "'\"",
    .foreign_params = "",
    .nested_comments = true,
    .dollar_quotes = true,
    .escape_strings = true,
};

static const struct moment_sql moments = {
    .intervals = true,
    .format = BIND_FORMAT_PG,
    .move = {PG_BOUNDED("$1 + $2"), PG_BOUNDED("$1 - $2")},
    .between = "($1 - $2)",
    .date = "$1::date",
};

const struct dialect dialect_pg = {
    .words = {.name = "postgresql",
              .begin = WORDS("BEGIN"),
              .begin_write = WORDS("BEGIN"),
              .commit = WORDS("COMMIT"),
              .rollback = WORDS("ROLLBACK"),
              .tx = {.begin = "BEGIN",
                     .begin_read_only = "BEGIN READ ONLY",
                     .level = " ISOLATION LEVEL ",
                     .deferrable = " DEFERRABLE"}},
    .column = COLUMN_PG,
    .moments = &moments,
    .text = &text_rules,
    .quote = '"',
    .quotes_functions = true,
    .numbered = true,
    .arrays = true,
    .nulls_order = true,
    .native_aggregates = true,
    .aggregate_filter = true,
    .aggregate_in = true,
    .window_filter = true,
    .frame_groups = true,
    .exact_ranges = true,
    .update_returning = true,
    .on_conflict = true,
    .expression_keys = true,
    .partial_keys = true,
    .update_snapshot = true,
    .full_join = FULL_EQUALITY,
    .function_columns = true,
    .nested_sees_out = true,
    .lateral = true,
    .lateral_functions = true,
    .samples = true,
    .limit_in_subquery = true,
    .any_query = ANY_NATIVE,
    .delete_strict = true,
    .exists_offset = true,
    .exists_distinct = true,
    .having_outer = true,
    .distinct_offset = true,
    .values_rows = true,
    .all_of_sets = true,
    .keeps_ctes = true,
    .with_before_writes = true,
    .writes_in_with = true,
    .grouping_sets = true,
    .distinct_on = true,
    .with_ties = true,
    .order_by_outer = true,
    .derived_sees_outer = true,
    .row_order = true,
    .nulls_largest = true,
    .lock_of = true,
    .lock = {[LOCK_UPDATE] = " FOR UPDATE",
             [LOCK_NO_KEY_UPDATE] = " FOR NO KEY UPDATE",
             [LOCK_SHARE] = " FOR SHARE",
             [LOCK_KEY_SHARE] = " FOR KEY SHARE"},
    .true_text = "TRUE",
    .false_text = "FALSE",
    .cross_join = " CROSS JOIN ",
    .default_row = " DEFAULT VALUES",
    .enum_as_text = "$1::text",
    .widen_integer = "$1::int8",
    .as_double = "$1::float8",
    .typed_null = "NULL::$1",
    /* Backslash would be the escape character. */
    .like = {{"($1 LIKE $2 ESCAPE '')", "($1 NOT LIKE $2 ESCAPE '')"},
             {"($1 ILIKE $2 ESCAPE '')", "($1 NOT ILIKE $2 ESCAPE '')"}},
    .like_escape = {{"($1 LIKE $2 ESCAPE $3)", "($1 NOT LIKE $2 ESCAPE $3)"},
                    {"($1 ILIKE $2 ESCAPE $3)", "($1 NOT ILIKE $2 ESCAPE $3)"}},
    .text_as_bytes = "convert_to($1::text, 'UTF8')",
    .within = WITHIN_BOUNDS,
    .collate = "($1 COLLATE $2)",
    .binary_collation = "C",
    .collation_prefix = "",
    .collations = collations,
    .folds = "($1 COLLATE \"default\")",
    .concat = "@ || ",
    .casts = &casts_pg,
    .type_native = type_native,
    .array_native = array_native,
    .type_name = type_name,
    .numeric_divide = numeric_divide,
    .numeric_avg = numeric_avg,
};
