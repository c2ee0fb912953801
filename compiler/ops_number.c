/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_number.c: arithmetic.
 */
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

static enum err rule_arith(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = unify_numbers(c, e, &common);
    if (common.kind == TYPE_NUMERIC && call_name(e)[0] == '*') {
        common.scale = product_scale(e);
    }
    e->type = common;
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
    return ERR_OK;
}

static enum err rule_integer(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = unify_numbers(c, e, &common);
    e->type = common;
    if (err == ERR_OK && common.kind != TYPE_BIGINT) {
        return not_built(c, e->src, "`//` and `%` of numbers with fractions");
    }
    return err;
}

static enum err rule_round(struct context *c, struct query *q, struct expr *e)
{
    enum err err = rule_number(c, q, e);
    if (err == ERR_OK && (e->type.kind == TYPE_REAL || e->type.kind == TYPE_DOUBLE)) {
        err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                       "the databases round floating point numbers differently");
        fail_hint(c->f, "cast it to numeric(p,s) first");
    }
    return err;
}

static enum err rule_random(struct context *c, struct query *q, struct expr *e)
{
    (void)c;
    (void)q;
    e->type = type_of(TYPE_DOUBLE);
    e->nullable = false;
    return ERR_OK;
}

static enum err emit_arithmetic(struct emitter *em, const struct expr *call,
                                const struct expr *const *args, enum emit_place place)
{
    (void)place;
    char text[256];
    const char *sql = call->call.op->sql[em->d->column];
    if (call->call.op->rule == rule_divide && call->type.kind == TYPE_NUMERIC) {
        em->d->numeric_divide(call->type.scale, text, sizeof text);
        return emit_template(em, text, args, 2);
    }
    if (call->call.count == 1) {
        struct expr zero = {.kind = EXPR_DRESSED, .dressed = {"0", NULL, 0, NULL}};
        const struct expr *pair[] = {&zero, args[0]};
        return emit_template(em, sql, pair, 2);
    }
    return emit_chain(em, sql, args, call->call.count);
}

/* Whole numbers are round already. */
static enum err emit_rounding(struct emitter *em, const struct expr *call,
                              const struct expr *const *args, enum emit_place place)
{
    return type_is_integer(call->call.args[0]->type.kind)
               ? emit_expr(em, args[0])
               : emit_operator(em, call, args, place);
}

#define ARITH(op, least, most, of, how, ...)                                                   \
    {                                                                                          \
        .name = (op), .min_args = (least), .max_args = (most), .rule = (of),                   \
        .emit = emit_arithmetic, .dress = (how), .sql = __VA_ARGS__                            \
    }
#define ROUND(op, of)                                                                          \
    {                                                                                          \
        .name = (op), .min_args = 1, .max_args = 1, .rule = (of), .emit = emit_rounding,       \
        .sql = ALL(op "($1)")                                                                  \
    }

static const struct op_info list[] = {
    ARITH("%", 2, 2, rule_integer, DRESS_INTEGER, {"($1 % $2)", "($1 % $2)", "tb_mod($1, $2)"}),
    PLANNED("&"),
    ARITH("*", 2, ARGS_ANY, rule_arith, DRESS_INTEGER,
          {"($1 * $2)", "($1 * $2)", "tb_mul($1, $2)"}),
    ARITH("+", 2, ARGS_ANY, rule_arith, DRESS_INTEGER,
          {"($1 + $2)", "($1 + $2)", "tb_add($1, $2)"}),
    ARITH("-", 1, ARGS_ANY, rule_arith, DRESS_INTEGER,
          {"($1 - $2)", "($1 - $2)", "tb_sub($1, $2)"}),
    ARITH("/", 2, 2, rule_divide, DRESS_DOUBLE, {"($1 / $2)", "($1 / $2)", "tb_div($1, $2)"}),
    ARITH("//", 2, 2, rule_integer, DRESS_INTEGER,
          {"($1 / $2)", "($1 DIV $2)", "tb_idiv($1, $2)"}),
    PLANNED("<<"),
    PLANNED(">>"),
    PLANNED("^"),
    {.name = "abs", .min_args = 1, .max_args = 1, .rule = rule_number, .sql = ALL("abs($1)")},
    PLANNED("acos"),
    PLANNED("asin"),
    PLANNED("atan"),
    PLANNED("atan2"),
    ROUND("ceil", rule_number),
    PLANNED("cos"),
    PLANNED("exp"),
    ROUND("floor", rule_number),
    PLANNED("ln"),
    PLANNED("log10"),
    ARITH("mod", 2, 2, rule_integer, DRESS_INTEGER,
          {"($1 % $2)", "($1 % $2)", "tb_mod($1, $2)"}),
    PLANNED("pi"),
    PLANNED("power"),
    {.name = "random",
     .volatility = VOLATILITY_VOLATILE,
     .flags = OP_KEEPS_NULL,
     .rule = rule_random,
     .sql = {"random()", "rand()", "((random() & 9007199254740991) / 9007199254740992.0)"}},
    ROUND("round", rule_round),
    PLANNED("sign"),
    PLANNED("sin"),
    PLANNED("sqrt"),
    PLANNED("tan"),
    PLANNED("|"),
    PLANNED("~"),
};

const struct op_table ops_number = OP_TABLE_OF(list);
