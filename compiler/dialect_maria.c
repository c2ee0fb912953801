/* SPDX-License-Identifier: MIT
 *
 * compiler/dialect_maria.c: MariaDB 10.5 and later, with the session settings of
 * backend/driver.h (strict, NO_BACKSLASH_ESCAPES, utf8mb4, UTC) and warnings
 * turned into errors.
 */
#include "compiler/cast.h"
#include "compiler/dialect.h"
#include "compiler/moments.h"
#include "compiler/text_scan.h"

#include <stdio.h>

static const char *type_name(const struct type *t)
{
    (void)t;
    return NULL;
}

/* A column of a recursive query takes the width that its first part has by chance. A
 * length beyond that of text makes a text of any length. */
static bool step_type(const struct type *t, char *out, size_t out_bytes)
{
    const char *name = NULL;
    switch (type_family(t->kind)) {
    case FAMILY_TEXT:
        name = "CHAR(70000)";
        break;
    case FAMILY_BYTES:
        name = "BINARY(70000)";
        break;
    case FAMILY_DATE:
        name = t->kind == TYPE_DATE ? "DATE" : "DATETIME(6)";
        break;
    case FAMILY_TIME:
        name = "TIME(6)";
        break;
    case FAMILY_BOOLEAN:
        name = "SIGNED";
        break;
    case FAMILY_NUMBER:
        name = type_is_integer(t->kind) ? "SIGNED" : "DOUBLE";
        if (t->kind == TYPE_NUMERIC) {
            snprintf(out, out_bytes, "CAST($1 AS DECIMAL(65,%d))", t->scale < 0 ? 0 : t->scale);
            return true;
        }
        break;
    case FAMILY_UUID:
    case FAMILY_INTERVAL:
    case FAMILY_JSON:
    case FAMILY_ARRAY:
    case FAMILY_OPAQUE:
    case FAMILY_UNKNOWN:
        return false;
    }
    snprintf(out, out_bytes, "CAST($1 AS %s)", name);
    return true;
}

/* MariaDB divides with four digits more than the dividend has (div_precision_increment)
 * and cuts the rest off, at nine digits for one. What is cut behind more digits than are
 * wanted does not change how these are rounded. */
static void numeric_divide(int scale, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "round(CAST($1 AS DECIMAL(65,%d)) / $2, %d)", scale, scale);
}

static void numeric_avg(int scale, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "round(avg(#CAST($1 AS DECIMAL(65,%d)))^, %d)", scale, scale);
}

/* MariaDB sorts once for windows whose keys are the beginning of each other's, but with
 * several it takes `()` between `(id)` and `(total)` for one that goes with both.
 * And it drops an ORDER BY that is the GROUP BY although the windows sorted in between. */

#define WORDS(text)                                                                            \
    {                                                                                          \
        .sql = { text, sizeof(text) - 1 }                                                      \
    }
/* A column may be of another character set, and of one that folds accents. */
#define LOWER(x) "lower(CONVERT(" x " USING utf8mb4))"
#define BINARY " COLLATE utf8mb4_bin"
/* LIKE takes a backslash as its escape also with NO_BACKSLASH_ESCAPES, and refuses
 * ESCAPE '' then, so each one in a pattern is doubled. Ranges of an index are still
 * found. */
#define PLAIN(x) "replace(" x ", _utf8mb4 x'5c', _utf8mb4 x'5c5c')"

static const char *const collations[] = {
    "utf8mb4_bin",        "utf8mb4_nopad_bin",      "utf8mb4_general_ci",
    "utf8mb4_unicode_ci", "utf8mb4_unicode_520_ci", NULL};

/* NO_BACKSLASH_ESCAPES is on, ANSI_QUOTES is off. */
static const struct text_rules text_rules = {
    .quotes = "'\"`",
    .foreign_params = "?",
    .hash_comments = true,
    .spaced_dashes = true,
    .executable_comments = true,
};

static const struct moment_sql moments = {
    .in_parts = true,
    .format = BIND_FORMAT_MARIA,
    .move = {"($1 + INTERVAL $2 MICROSECOND)", "($1 - INTERVAL $2 MICROSECOND)"},
    .move_parts = {"($1 + INTERVAL $2 MONTH + INTERVAL $3 DAY + INTERVAL $4 MICROSECOND)",
                   "($1 - INTERVAL $2 MONTH - INTERVAL $3 DAY - INTERVAL $4 MICROSECOND)"},
    .between = "timestampdiff(MICROSECOND, $2, $1)",
    .date = "CAST($1 AS DATE)",
};

static const char *const aggregates[] = {
    "avg",          "bit_and",       "bit_or",         "bit_xor",     "count",
    "group_concat", "json_arrayagg", "json_objectagg", "max",         "min",
    "std",          "stddev",        "stddev_pop",     "stddev_samp", "sum",
    "var_pop",      "var_samp",      "variance",       NULL};

/* Sizes four apart: at most three quarters of the keys are repeats of one. */
static const uint32_t fused_keys[] = {4, 16, 64, 256, 0};

const struct dialect dialect_maria = {
    .words = {.name = "mariadb",
              .begin = WORDS("START TRANSACTION"),
              .begin_write = WORDS("START TRANSACTION"),
              .commit = WORDS("COMMIT"),
              .rollback = WORDS("ROLLBACK"),
              .tx = {.begin = "START TRANSACTION",
                     .begin_read_only = "START TRANSACTION READ ONLY",
                     .level = "SET TRANSACTION ISOLATION LEVEL ",
                     .level_apart = true}},
    .column = COLUMN_MARIA,
    .moments = &moments,
    .aggregates = aggregates,
    .text = &text_rules,
    .quote = '`',
    .fused_keys = fused_keys,
    .most_scale = 38,
    .rows_apart = true,
    .any_query = ANY_EXISTS,
    .full_join = FULL_NONE,
    .true_text = "TRUE",
    .false_text = "FALSE",
    .all_of_sets = true,
    .with_ties = true,
    .order_by_outer = true,
    .parts_in_parentheses = true,
    /* The weaker ones are not there; a stronger one keeps as much. */
    .lock = {[LOCK_UPDATE] = " FOR UPDATE",
             [LOCK_NO_KEY_UPDATE] = " FOR UPDATE",
             [LOCK_SHARE] = " LOCK IN SHARE MODE",
             [LOCK_KEY_SHARE] = " LOCK IN SHARE MODE"},
    .step_type = step_type,
    .no_limit = "18446744073709551615",
    .exact_ranges = true,
    .rows_first = " UNION ALL SELECT ",
    .rows_next = " UNION ALL SELECT ",
    .rows_end = "",
    .nested_sees_out = true,
    .cross_join = " CROSS JOIN ",
    .update_snapshot = true,
    .window_order = " ORDER BY NULL",
    .window_tag = "rand() < -",
    .window_key = "coalesce($1)",
    .window_enum_key = "($1 + 0)",
    .proposed_column = "VALUES($1)",
    .default_row = " () VALUES ()",
    .as_double = "CAST($1 AS DOUBLE)",
    .like = {{"($1 LIKE " PLAIN("$2") ")", "($1 NOT LIKE " PLAIN("$2") ")"},
             {"(" LOWER("$1") BINARY " LIKE " PLAIN(LOWER("$2")) BINARY ")",
              "(" LOWER("$1") BINARY " NOT LIKE " PLAIN(LOWER("$2")) BINARY ")"}},
    .like_escape = {{"($1 LIKE $2 ESCAPE $3)", "($1 NOT LIKE $2 ESCAPE $3)"},
                    {"(" LOWER("$1") BINARY " LIKE " LOWER("$2") BINARY " ESCAPE $3)",
                     "(" LOWER("$1") BINARY " NOT LIKE " LOWER("$2") BINARY " ESCAPE $3)"}},
    .text_as_bytes = "CONVERT($1 USING utf8mb4)",
    .within = WITHIN_BOUNDS,
    .collate = "(CONVERT($1 USING utf8mb4) COLLATE $2)",
    .binary_collation = "utf8mb4_nopad_bin",
    .collation_prefix = "utf8mb4_",
    .collations = collations,
    .concat = "concat($*)",
    .casts = &casts_maria,
    .type_native = dialect_no_native,
    .array_native = dialect_no_native,
    .type_name = type_name,
    .numeric_divide = numeric_divide,
    .numeric_avg = numeric_avg,
};
