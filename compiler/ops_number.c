/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_number.c: arithmetic.
 *
 * What is outside a function's domain is an error. MariaDB's functions give null
 * there, so the templates lead to an overflow instead, in a branch that depends on
 * the argument: a constant one would be computed while the statement is planned.
 */
#include "compiler/moments.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

static int16_t product_scale(const struct expr *e)
{
    int scale = 0;
    for (uint32_t i = 0; i < e->call.count; i++) {
        const struct type *t = &e->call.args[i]->type;
        int one = type_is_integer(t->kind) ? 0 : t->scale;
        if (one < 0) {
            return -1;
        }
        scale += one;
    }
    return scale > 1000 ? (int16_t)-1 : (int16_t)scale;
}

/* Where a database would cut digits behind the point. */
static enum err check_scale(struct context *c, const struct expr *e)
{
    if (c->d->most_scale == 0 || e->type.scale <= c->d->most_scale) {
        return ERR_OK;
    }
    enum err err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                            "the result has %d digits behind the point, and %s holds %d",
                            e->type.scale, c->d->words.name, c->d->most_scale);
    fail_hint(c->f, "cast the operands to numeric(p,s) with fewer digits");
    return err;
}

static enum err rule_arith(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    if (has_moments(e)) {
        return rule_moments(c, e);
    }
    enum err err = unify_numbers(c, e, &common);
    e->type = common;
    if (err == ERR_OK && common.kind == TYPE_NUMERIC && call_name(e)[0] == '*') {
        e->type.scale = product_scale(e);
        return check_scale(c, e);
    }
    return err;
}

static enum err rule_divide(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = unify_numbers(c, e, &common);
    if (err != ERR_OK) {
        return err;
    }
    if (common.kind != TYPE_NUMERIC) {
        e->type = type_of(TYPE_DOUBLE);
        return ERR_OK;
    }
    const struct type *dividend = &e->call.args[0]->type;
    int scale = type_is_integer(dividend->kind) ? 0 : dividend->scale;
    if (scale < 0) {
        err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                       "the digits behind the point of this dividend are not known");
        fail_hint(c->f, "cast it to numeric(p,s) or to double");
        return err;
    }
    common.scale = (int16_t)(scale + 6);
    e->type = common;
    return check_scale(c, e);
}

/* The remainder of binary fractions is exact in none of PostgreSQL's functions. */
static enum err rule_remainder(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = unify_numbers(c, e, &e->type);
    if (err == ERR_OK && e->type.kind == TYPE_DOUBLE) {
        err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                       "no database has an exact remainder of floating point numbers");
        fail_hint(c->f, "cast both to numeric(p,s)");
    }
    return err;
}

static enum err rule_whole_quotient(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = unify_numbers(c, e, &common);
    e->type = type_of(TYPE_BIGINT);
    return err;
}

/* 64-bit integers stay so, whatever their column holds. */
static enum err rule_magnitude(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = unify_numbers(c, e, &e->type);
    e->type.precision = -1;
    if (e->type.kind == TYPE_NUMERIC && str_is(str_of(call_name(e)), "sign")) {
        e->type.scale = 0;
    }
    return err;
}

/* Digits as a literal are part of the plan's shape (compiler/shape.c): they say how
 * many the result has. */
static enum err round_digits(struct context *c, struct expr *e)
{
    struct type integer = type_of(TYPE_INTEGER);
    struct expr *digits = e->call.args[1];
    if (!is_untyped_value(digits) && digits->kind != EXPR_NULL) {
        enum err err = ctx_fail(c, digits->src, ERR_UNSUPPORTED_FEATURE,
                                "`round` takes its digits as a literal or a param");
        fail_hint(c->f, "write a case with a branch for each number of digits");
        return err;
    }
    digits->form = BIND_DIGITS;
    if (digits->kind == EXPR_LITERAL && digits->literal.node->kind == JSON_INTEGER &&
        e->type.kind == TYPE_NUMERIC) {
        int64_t n = 0;
        bool small = json_i64(digits->literal.node, &n) && n >= 0 && n <= 30;
        e->type.scale = small ? (int16_t)n : 0;
    }
    return settle(c, digits, &integer, SETTLE_ASSIGN);
}

static enum err rule_round(struct context *c, struct query *q, struct expr *e)
{
    struct expr *x = e->call.args[0];
    (void)q;
    enum err err = need_number(c, x, "round");
    e->nullable = any_nullable(e);
    e->type = x->type.kind == TYPE_REAL ? type_of(TYPE_DOUBLE) : x->type;
    if (err == ERR_OK && e->call.count == 2) {
        if (type_is_integer(e->type.kind)) {
            e->type = type_of(TYPE_BIGINT);
        }
        e->type.precision = -1;
        return round_digits(c, e);
    }
    if (e->type.kind == TYPE_NUMERIC) {
        e->type.scale = 0;
        e->type.precision = -1;
    }
    return err;
}

/* x and a count from 0 to 63. */
static enum err rule_shift(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = need_integer(c, e->call.args[0], call_name(e));
    e->type = type_of(TYPE_BIGINT);
    e->nullable = any_nullable(e);
    return err != ERR_OK ? err : need_bounded(c, e->call.args[1], BIND_SHIFT, call_name(e));
}

static enum err rule_constant(struct context *c, struct query *q, struct expr *e)
{
    (void)c;
    (void)q;
    e->type = type_of(TYPE_DOUBLE);
    e->nullable = false;
    return ERR_OK;
}

/* MariaDB does not see that 0 - x overflows, by one, where x is the least bigint. */
static const char *const negated_whole[DIALECT_COUNT] = {NULL, "(-$1)", NULL};
static const char *const less_whole[DIALECT_COUNT] = {
    NULL, "((CAST($1 AS DECIMAL(20)) - $2) DIV 1)", NULL};

/* Whether one of what is taken off may be the least bigint. */
static bool takes_bigint(const struct expr *call)
{
    for (uint32_t i = 1; i < call->call.count; i++) {
        const struct expr *x = call->call.args[i];
        if (x->type.kind == TYPE_BIGINT) {
            return true;
        }
    }
    return false;
}

static enum err emit_negated(struct emitter *em, const struct expr *call, const char *sql,
                             const struct expr *const *args)
{
    struct expr zero = {.kind = EXPR_DRESSED, .dressed = {"0", NULL, 0, NULL}};
    const struct expr *pair[] = {&zero, args[0]};
    const char *own = negated_whole[em->d->column];
    return own != NULL && number_class(call) == NUMBERS_WHOLE ? emit_template(em, own, args, 1)
                                                              : emit_template(em, sql, pair, 2);
}

static enum err emit_arithmetic(struct emitter *em, const struct expr *call,
                                const struct expr *const *args, enum emit_place place)
{
    (void)place;
    char text[256];
    if (call->call.op->rule == rule_arith && has_moments(call)) {
        return emit_moved(em, call);
    }
    if (call->call.op->rule == rule_divide && call->type.kind == TYPE_NUMERIC) {
        em->d->numeric_divide(call->type.scale, text, sizeof text);
        return emit_template(em, text, args, 2);
    }
    const char *sql = operator_sql(em, call);
    if (call->call.count == 1) {
        return emit_negated(em, call, sql, args);
    }
    const char *own = less_whole[em->d->column];
    if (own != NULL && call_name(call)[0] == '-' && number_class(call) == NUMBERS_WHOLE &&
        takes_bigint(call)) {
        sql = own;
    }
    return emit_chain(em, sql, args, call->call.count);
}

/* Whole numbers are round already. */
static enum err emit_rounding(struct emitter *em, const struct expr *call,
                              const struct expr *const *args, enum emit_place place)
{
    return number_class(call) == NUMBERS_WHOLE ? emit_expr(em, args[0])
                                               : emit_operator(em, call, args, place);
}

/* By the class of the number, without and with digits. Halves go away from zero, and
 * a floating point number is rounded as the shortest decimal that stands for it:
 * 1.005 to 1.01. */
static const char *const round_sql[][2][DIALECT_COUNT] = {
    [NUMBERS_WHOLE] = {ALL("$1"),
                       {"round($1::numeric, $2)::int8",
                        "(round(CAST($1 AS DECIMAL(65)), $2) DIV 1)", "tb_round($1, $2)"}},
    [NUMBERS_EXACT] = {{"round($1)", "round($1)", "tb_round($1, 0)"},
                       {"round($1, $2)", "round($1, $2)", "tb_round($1, $2)"}},
    [NUMBERS_FLOATING] = {{"round($1::text::numeric)::float8",
                           "CASE WHEN abs($1) < 1e34 THEN CAST(round(CAST($1 AS "
                           "DECIMAL(65,30))) AS DOUBLE) ELSE $1 END",
                           "tb_round_double($1, 0)"},
                          {"round($1::text::numeric, $2)::float8",
                           "CASE WHEN abs($1) < 1e34 THEN CAST(round(CAST($1 AS "
                           "DECIMAL(65,30)), $2) AS DOUBLE) ELSE $1 END",
                           "tb_round_double($1, $2)"}},
};

static enum err emit_round(struct emitter *em, const struct expr *call,
                           const struct expr *const *args, enum emit_place place)
{
    (void)place;
    const struct expr *of = call->call.args[0];
    uint32_t count = call->call.count;
    struct expr alone = *call;
    alone.call.count = 1; /* the digits are no number of its class */
    enum number_class class = number_class(&alone);
    const struct expr *dressed[] = {args[0], count == 2 ? args[1] : NULL};
    if (of->type.kind == TYPE_REAL) {
        dressed[0] = dress(em, em->d->as_double, of);
    }
    if (dressed[0] == NULL) {
        return ctx_full(em->c);
    }
    return emit_template(em, round_sql[class][count - 1][em->d->column], dressed, count);
}

#define EXACT(...) .exact = {__VA_ARGS__}
#define FLOATING(...) .floating = {__VA_ARGS__}
#define SUM(op, least, sign, fn)                                                               \
    {                                                                                          \
        .name = (op), .min_args = (least), .max_args = ARGS_ANY, .rule = rule_arith,           \
        .emit = emit_arithmetic, .dress = DRESS_INTEGER,                                       \
        .sql = {"($1 " sign " $2)", "($1 " sign " $2)", "tb_" fn "($1, $2)"},                  \
        EXACT("($1 " sign " $2)", "($1 " sign " $2)", "tb_dec_" fn "($1, $2)")                 \
    }
/* MariaDB's -2 % 0.25 is -0.00, which does not equal 0 before something is added. */
#define REMAINDER(op)                                                                          \
    {                                                                                          \
        .name = (op), .min_args = 2, .max_args = 2, .rule = rule_remainder,                    \
        .dress = DRESS_INTEGER, .sql = {"($1 % $2)", "($1 % $2)", "tb_mod($1, $2)"},           \
        EXACT("($1 % $2)", "(($1 % $2) + 0)", "tb_dec_mod($1, $2)")                            \
    }
#define BITS(op, args, ...)                                                                    \
    {                                                                                          \
        .name = (op), .min_args = (args), .max_args = (args), .rule = rule_integers,           \
        .dress = DRESS_INTEGER, .sql = __VA_ARGS__                                             \
    }
#define SHIFT(op, pg, maria, sqlite)                                                           \
    {                                                                                          \
        .name = (op), .min_args = 2, .max_args = 2, .rule = rule_shift, .emit = emit_bounded,  \
        .dress = DRESS_INTEGER, .sql = {                                                       \
            (pg),                                                                              \
            (maria),                                                                           \
            (sqlite)                                                                           \
        }                                                                                      \
    }
#define ROUND(op)                                                                              \
    {                                                                                          \
        .name = (op), .min_args = 1, .max_args = 1, .rule = rule_number,                       \
        .emit = emit_rounding, .sql = {op "($1)", op "($1)", "tb_" op "($1)"},                 \
        FLOATING("(" op "($1) + 0)", op "($1)", "tb_" op "($1)")                               \
    }
#define DOUBLE(op, args, ...)                                                                  \
    {                                                                                          \
        .name = (op), .min_args = (args), .max_args = (args), .rule = rule_double,             \
        .dress = DRESS_DOUBLE, .sql = __VA_ARGS__                                              \
    }
/* For MariaDB: `call` where `bad` does not hold. */
#define WITHIN(bad, call) "CASE WHEN " bad " THEN exp(710 - 0 * $1) ELSE " call " END"
#define PLAIN(call)                                                                            \
    {                                                                                          \
        call, call, "tb_" call                                                                 \
    }
#define SHIFT_RIGHT_MARIA "CAST(CASE WHEN $1 < 0 THEN ~(~$1 >> $2) ELSE $1 >> $2 END AS SIGNED)"

static const struct op_info list[] = {
    REMAINDER("%"),
    BITS("&", 2, {"($1 & $2)", "CAST($1 & $2 AS SIGNED)", "($1 & $2)"}),
    SUM("*", 2, "*", "mul"),
    SUM("+", 2, "+", "add"),
    SUM("-", 1, "-", "sub"),
    {.name = "/",
     .min_args = 2,
     .max_args = 2,
     .rule = rule_divide,
     .emit = emit_arithmetic,
     .dress = DRESS_DOUBLE,
     .sql = {"($1 / $2)", "($1 / $2)", "tb_div($1, $2)"}},
    {.name = "//",
     .min_args = 2,
     .max_args = 2,
     .rule = rule_whole_quotient,
     .dress = DRESS_INTEGER,
     .sql = {"($1 / $2)", "($1 DIV $2)", "tb_idiv($1, $2)"},
     EXACT("div($1, $2)::int8", "($1 DIV $2)", "tb_dec_idiv($1, $2)"),
     FLOATING("trunc($1 / $2)::int8", "(truncate($1 / $2, 0) DIV 1)", "tb_idiv($1, $2)")},
    SHIFT("<<", "($1 << $2::int4)", "CAST($1 << $2 AS SIGNED)", "tb_shl($1, $2)"),
    SHIFT(">>", "($1 >> $2::int4)", SHIFT_RIGHT_MARIA, "tb_shr($1, $2)"),
    BITS("^", 2, {"($1 # $2)", "CAST($1 ^ $2 AS SIGNED)", "tb_xor($1, $2)"}),
    {.name = "abs",
     .min_args = 1,
     .max_args = 1,
     .rule = rule_magnitude,
     .dress = DRESS_INTEGER,
     .sql = ALL("abs($1)")},
    DOUBLE("acos", 1, {"acos($1)", WITHIN("abs($1) > 1", "acos($1)"), "tb_acos($1)"}),
    DOUBLE("asin", 1, {"asin($1)", WITHIN("abs($1) > 1", "asin($1)"), "tb_asin($1)"}),
    DOUBLE("atan", 1, PLAIN("atan($1)")),
    DOUBLE("atan2", 2, PLAIN("atan2($1, $2)")),
    ROUND("ceil"),
    DOUBLE("cos", 1, PLAIN("cos($1)")),
    DOUBLE("exp", 1, PLAIN("exp($1)")),
    ROUND("floor"),
    DOUBLE("ln", 1, {"ln($1)", WITHIN("$1 <= 0", "ln($1)"), "tb_ln($1)"}),
    DOUBLE("log10", 1, {"log10($1)", WITHIN("$1 <= 0", "log10($1)"), "tb_log10($1)"}),
    REMAINDER("mod"),
    {.name = "pi",
     .rule = rule_constant,
     .sql = {"pi()", "CAST(pi() AS DOUBLE)", "3.141592653589793"}},
    DOUBLE("power", 2, PLAIN("power($1, $2)")),
    {.name = "random",
     .volatility = VOLATILITY_VOLATILE,
     .flags = OP_KEEPS_NULL,
     .rule = rule_constant,
     .sql = {"random()", "rand()", "((random() & 9007199254740991) / 9007199254740992.0)"}},
    {.name = "round", .min_args = 1, .max_args = 2, .rule = rule_round, .emit = emit_round},
    {.name = "sign",
     .min_args = 1,
     .max_args = 1,
     .rule = rule_magnitude,
     .dress = DRESS_INTEGER,
     .sql = {"sign($1)::int8", "sign($1)", "tb_sign($1)"},
     EXACT("sign($1)", "sign($1)", "tb_sign($1)"),
     FLOATING("sign($1)", "CAST(sign($1) AS DOUBLE)", "tb_sign($1)")},
    DOUBLE("sin", 1, PLAIN("sin($1)")),
    DOUBLE("sqrt", 1, {"sqrt($1)", WITHIN("$1 < 0", "sqrt($1)"), "tb_sqrt($1)"}),
    DOUBLE("tan", 1, PLAIN("tan($1)")),
    BITS("|", 2, {"($1 | $2)", "CAST($1 | $2 AS SIGNED)", "($1 | $2)"}),
    BITS("~", 1, {"(~$1)", "CAST(~$1 AS SIGNED)", "(~$1)"}),
};

const struct op_table ops_number = OP_TABLE_OF(list);
