/* SPDX-License-Identifier: MIT
 *
 * compiler/operators.c: every name of the expression language, in name order.
 *
 * tb_… are functions that the SQLite driver registers (compiler/dialect_sqlite.c
 * says what they do), because SQLite itself turns overflow into floats and
 * division by zero into null.
 */
#include "compiler/operators.h"

#include <string.h>

#define ALL(text)                                                                              \
    {                                                                                          \
        text, text, text                                                                       \
    }
#define NONE                                                                                   \
    {                                                                                          \
        NULL, NULL, NULL                                                                       \
    }
#define IMM VOLATILITY_IMMUTABLE
/* PostgreSQL's and SQLite's functions take no more. */
#define MOST_ARGS 100
#define PLANNED(op)                                                                            \
    {                                                                                          \
        op, 0, ARGS_ANY, 0, RULE_PLANNED, IMM, NONE                                            \
    }

static const struct op_info operators[] = {
    {"!=", 2, 2, 0, RULE_COMPARE, IMM, ALL("($1 <> $2)")},
    {"%", 2, 2, 0, RULE_INTEGER, IMM, {"($1 % $2)", "($1 % $2)", "tb_mod($1, $2)"}},
    PLANNED("&"),
    {"*", 2, ARGS_ANY, 0, RULE_ARITH, IMM, {"($1 * $2)", "($1 * $2)", "tb_mul($1, $2)"}},
    {"+", 2, ARGS_ANY, 0, RULE_ARITH, IMM, {"($1 + $2)", "($1 + $2)", "tb_add($1, $2)"}},
    {"-",
     1,
     ARGS_ANY,
     0,
     RULE_NEGATE_OR_MINUS,
     IMM,
     {"($1 - $2)", "($1 - $2)", "tb_sub($1, $2)"}},
    PLANNED("->"),
    PLANNED("->>"),
    {"/", 2, 2, 0, RULE_DIVIDE, IMM, {"($1 / $2)", "($1 / $2)", "tb_div($1, $2)"}},
    {"//", 2, 2, 0, RULE_INTEGER, IMM, {"($1 / $2)", "($1 DIV $2)", "tb_idiv($1, $2)"}},
    {"<", 2, 2, 0, RULE_ORDER, IMM, ALL("($1 < $2)")},
    PLANNED("<<"),
    {"<=", 2, 2, 0, RULE_ORDER, IMM, ALL("($1 <= $2)")},
    {"=", 2, 2, 0, RULE_COMPARE, IMM, ALL("($1 = $2)")},
    {">", 2, 2, 0, RULE_ORDER, IMM, ALL("($1 > $2)")},
    {">=", 2, 2, 0, RULE_ORDER, IMM, ALL("($1 >= $2)")},
    PLANNED(">>"),
    PLANNED("^"),
    {"abs", 1, 1, 0, RULE_NUMBER, IMM, ALL("abs($1)")},
    PLANNED("acos"),
    PLANNED("age_years"),
    PLANNED("all"),
    {"and", 1, ARGS_ANY, OP_KEEPS_NULL, RULE_LOGIC, IMM, ALL("@ AND ")},
    PLANNED("any"),
    PLANNED("array"),
    PLANNED("array_agg"),
    PLANNED("as_type"),
    PLANNED("asin"),
    PLANNED("atan"),
    PLANNED("atan2"),
    {"avg", 1, 1, OP_AGGREGATE, RULE_AVG, IMM, ALL("avg($1)")},
    {"between", 3, 3, 0, RULE_BETWEEN, IMM, ALL("($1 BETWEEN $2 AND $3)")},
    PLANNED("bool_and"),
    PLANNED("bool_or"),
    {"cast", 2, 2, 0, RULE_CAST, IMM, NONE},
    {"ceil", 1, 1, 0, RULE_NUMBER, IMM, ALL("ceil($1)")},
    PLANNED("clock"),
    {"coalesce", 1, MOST_ARGS, OP_KEEPS_NULL, RULE_COMMON, IMM, ALL("coalesce($*)")},
    PLANNED("collate"),
    {"concat", 1, ARGS_ANY, 0, RULE_CONCAT, IMM, {"@ || ", "concat($*)", "@ || "}},
    {"contains", 2, 2, 0, RULE_AFFIX, IMM, NONE},
    PLANNED("cos"),
    {"count", 1, 1, OP_AGGREGATE | OP_KEEPS_NULL, RULE_COUNT, IMM, ALL("count($1)")},
    PLANNED("cube"),
    PLANNED("cume_dist"),
    {"current_date",
     0,
     0,
     OP_KEEPS_NULL,
     RULE_DATE,
     VOLATILITY_STABLE,
     {"current_date", "utc_date()", "date('now')"}},
    PLANNED("current_time"),
    PLANNED("date_add"),
    PLANNED("date_diff"),
    PLANNED("date_trunc"),
    PLANNED("dense_rank"),
    PLANNED("distinct"),
    {"endswith", 2, 2, 0, RULE_AFFIX, IMM, NONE},
    PLANNED("every"),
    {"exists", 1, 1, OP_KEEPS_NULL, RULE_EXISTS, IMM, NONE},
    PLANNED("exp"),
    PLANNED("extract"),
    PLANNED("first_value"),
    {"floor", 1, 1, 0, RULE_NUMBER, IMM, ALL("floor($1)")},
    PLANNED("format_date"),
    PLANNED("generate_series"),
    {"greatest",
     2,
     MOST_ARGS,
     0,
     RULE_COMMON,
     IMM,
     {"(CASE WHEN num_nulls($*) > 0 THEN NULL ELSE greatest($*) END)", "greatest($*)",
      "max($*)"}},
    PLANNED("grouping"),
    PLANNED("grouping_sets"),
    PLANNED("has"),
    PLANNED("hex"),
    {"icontains", 2, 2, OP_FOLDED, RULE_AFFIX, IMM, NONE},
    {"iendswith", 2, 2, OP_FOLDED, RULE_AFFIX, IMM, NONE},
    {"ilike", 2, 3, OP_FOLDED, RULE_LIKE, IMM, NONE},
    {"in", 2, 2, 0, RULE_IN, IMM, NONE},
    PLANNED("index"),
    PLANNED("iregexp"),
    {"is",
     2,
     2,
     OP_KEEPS_NULL,
     RULE_DISTINCT,
     IMM,
     {"($1 IS NOT DISTINCT FROM $2)", "($1 <=> $2)", "($1 IS $2)"}},
    {"is_not",
     2,
     2,
     OP_KEEPS_NULL,
     RULE_DISTINCT,
     IMM,
     {"($1 IS DISTINCT FROM $2)", "(NOT ($1 <=> $2))", "($1 IS NOT $2)"}},
    {"istartswith", 2, 2, OP_FOLDED, RULE_AFFIX, IMM, NONE},
    PLANNED("json_agg"),
    PLANNED("json_array"),
    PLANNED("json_contains"),
    PLANNED("json_each"),
    PLANNED("json_keys"),
    PLANNED("json_length"),
    PLANNED("json_object"),
    PLANNED("json_object_agg"),
    PLANNED("json_remove"),
    PLANNED("json_set"),
    PLANNED("json_type"),
    PLANNED("lag"),
    PLANNED("last_value"),
    PLANNED("lead"),
    {"least",
     2,
     MOST_ARGS,
     0,
     RULE_COMMON,
     IMM,
     {"(CASE WHEN num_nulls($*) > 0 THEN NULL ELSE least($*) END)", "least($*)", "min($*)"}},
    {"length",
     1,
     1,
     0,
     RULE_LENGTH,
     IMM,
     {"length($1)::int8", "char_length($1)", "length($1)"}},
    {"like", 2, 3, 0, RULE_LIKE, IMM, NONE},
    PLANNED("ln"),
    PLANNED("log10"),
    {"lower", 1, 1, 0, RULE_TEXT, IMM, {"lower($1)", "lower($1)", "tb_lower($1)"}},
    PLANNED("lpad"),
    {"ltrim", 1, 1, 0, RULE_TEXT, IMM, ALL("ltrim($1)")},
    PLANNED("make_date"),
    {"max", 1, 1, OP_AGGREGATE, RULE_EXTREME, IMM, ALL("max($1)")},
    PLANNED("md5"),
    {"min", 1, 1, OP_AGGREGATE, RULE_EXTREME, IMM, ALL("min($1)")},
    {"mod", 2, 2, 0, RULE_INTEGER, IMM, {"($1 % $2)", "($1 % $2)", "tb_mod($1, $2)"}},
    PLANNED("none"),
    {"not", 1, 1, 0, RULE_LOGIC, IMM, ALL("(NOT $1)")},
    {"not_between", 3, 3, 0, RULE_BETWEEN, IMM, ALL("($1 NOT BETWEEN $2 AND $3)")},
    {"not_ilike", 2, 3, OP_FOLDED | OP_NEGATED, RULE_LIKE, IMM, NONE},
    {"not_in", 2, 2, OP_NEGATED, RULE_IN, IMM, NONE},
    {"not_like", 2, 3, OP_NEGATED, RULE_LIKE, IMM, NONE},
    {"now",
     0,
     0,
     OP_KEEPS_NULL,
     RULE_NOW,
     VOLATILITY_STABLE,
     {"now()", "utc_timestamp(6)", "strftime('%Y-%m-%d %H:%M:%f000', 'now')"}},
    PLANNED("nth_value"),
    PLANNED("ntile"),
    {"nullif", 2, 2, OP_KEEPS_NULL, RULE_NULLIF, IMM, ALL("nullif($1, $2)")},
    {"octet_length",
     1,
     1,
     0,
     RULE_LENGTH,
     IMM,
     {"octet_length($1)::int8", "octet_length($1)", "length(CAST($1 AS BLOB))"}},
    PLANNED("op"),
    {"or", 1, ARGS_ANY, OP_KEEPS_NULL, RULE_LOGIC, IMM, ALL("@ OR ")},
    PLANNED("percent_rank"),
    PLANNED("pi"),
    PLANNED("position"),
    PLANNED("power"),
    {"random",
     0,
     0,
     OP_KEEPS_NULL,
     RULE_RANDOM,
     VOLATILITY_VOLATILE,
     {"random()", "rand()", "((random() & 9007199254740991) / 9007199254740992.0)"}},
    PLANNED("rank"),
    PLANNED("ref"),
    PLANNED("regexp"),
    PLANNED("regexp_replace"),
    PLANNED("repeat"),
    {"replace", 3, 3, 0, RULE_TEXT, IMM, ALL("replace($1, $2, $3)")},
    PLANNED("reverse"),
    PLANNED("rollup"),
    {"round", 1, 1, 0, RULE_ROUND, IMM, ALL("round($1)")},
    PLANNED("row_number"),
    PLANNED("rpad"),
    {"rtrim", 1, 1, 0, RULE_TEXT, IMM, ALL("rtrim($1)")},
    PLANNED("sha256"),
    PLANNED("sign"),
    PLANNED("sin"),
    PLANNED("slice"),
    PLANNED("split_part"),
    PLANNED("sqrt"),
    {"startswith", 2, 2, 0, RULE_AFFIX, IMM, NONE},
    PLANNED("stddev_pop"),
    PLANNED("stddev_samp"),
    PLANNED("string_agg"),
    {"substr", 2, 3, 0, RULE_SUBSTR, IMM, ALL("substr($*)")},
    {"sum", 1, 1, OP_AGGREGATE, RULE_SUM, IMM, ALL("sum($1)")},
    PLANNED("tan"),
    PLANNED("to_timestamp"),
    {"trim", 1, 1, 0, RULE_TEXT, IMM, {"btrim($1)", "trim($1)", "trim($1)"}},
    PLANNED("try_cast"),
    PLANNED("tuple"),
    PLANNED("unnest"),
    {"upper", 1, 1, 0, RULE_TEXT, IMM, {"upper($1)", "upper($1)", "tb_upper($1)"}},
    PLANNED("uuid4"),
    PLANNED("uuid7"),
    PLANNED("var_pop"),
    PLANNED("var_samp"),
    PLANNED("|"),
    {"||", 2, ARGS_ANY, 0, RULE_CONCAT, IMM, {"@ || ", "concat($*)", "@ || "}},
    PLANNED("~"),
};

#define OPERATOR_COUNT ((uint32_t)(sizeof operators / sizeof operators[0]))

const struct op_info *operator_at(uint32_t i)
{
    return &operators[i];
}

uint32_t operator_count(void)
{
    return OPERATOR_COUNT;
}

const struct op_info *operator_find(struct str name)
{
    uint32_t lo = 0, hi = OPERATOR_COUNT;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int order = str_cmp(name, str_of(operators[mid].name));
        if (order == 0) {
            return &operators[mid];
        }
        if (order < 0) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return NULL;
}
