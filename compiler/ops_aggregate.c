/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_aggregate.c: aggregates.
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

static enum err rule_count(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    e->type = type_of(TYPE_BIGINT);
    e->nullable = false;
    if (x->kind == EXPR_STAR) {
        return ERR_OK;
    }
    if (e->distinct && type_family(x->type.kind) == FAMILY_JSON) {
        return ctx_fail(c, x->src, ERR_TYPE_MISMATCH, "`distinct` does not compare json");
    }
    return settle(c, x, NULL, SETTLE_COMPARE);
}

static enum err rule_sum(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    enum err err = need_number(c, x, "sum");
    struct type t = type_of(TYPE_DOUBLE);
    if (x->type.kind == TYPE_SMALLINT || x->type.kind == TYPE_INTEGER) {
        t = type_of(TYPE_BIGINT);
    } else if (x->type.kind == TYPE_BIGINT || x->type.kind == TYPE_NUMERIC) {
        t = type_of(TYPE_NUMERIC);
        t.scale = x->type.kind == TYPE_BIGINT ? 0 : x->type.scale;
    }
    e->type = t;
    return err;
}

static enum err rule_extreme(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    enum err err = settle(c, x, NULL, SETTLE_COMPARE);
    enum type_family f = type_family(x->type.kind);
    e->type = x->type;
    if (err == ERR_OK && f != FAMILY_NUMBER && f != FAMILY_TEXT && f != FAMILY_DATE &&
        f != FAMILY_TIME) {
        return type_mismatch(c, x, call_name(e), "numbers, texts, dates or times");
    }
    return err;
}

static enum err rule_avg(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    enum err err = need_number(c, x, "avg");
    e->type = type_of(TYPE_DOUBLE);
    if (err != ERR_OK || x->type.kind != TYPE_NUMERIC) {
        return err;
    }
    if (x->type.scale < 0) {
        err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                       "the digits behind the point of these numbers are not known");
        fail_hint(c->f, "cast them to numeric(p,s) or to double");
        return err;
    }
    e->type = type_of(TYPE_NUMERIC);
    e->type.scale = (int16_t)(x->type.scale + 6);
    return ERR_OK;
}

static enum err emit_aggregate(struct emitter *em, const struct expr *call,
                               const struct expr *const *args, enum emit_place place)
{
    (void)place;
    char text[256];
    const struct expr *x = args[0];
    if (x->kind == EXPR_STAR) {
        emit_text(em, "count(*)");
        return ERR_OK;
    }
    if (call->call.op->rule == rule_avg && call->type.kind == TYPE_NUMERIC) {
        if (call->distinct) {
            return not_built(em->c, call->src, "`avg` of distinct exact numbers");
        }
        em->d->numeric_avg(call->type.scale, text, sizeof text);
        return emit_template(em, text, &x, 1);
    }
    emit_text(em, call->call.op->name);
    emit_text(em, call->distinct ? "(DISTINCT " : "(");
    enum err e = emit_expr(em, x);
    buf_char(&em->sql, ')');
    return e;
}

#define AGGREGATE(op, of, how, arg)                                                            \
    {                                                                                          \
        .name = (op), .min_args = 1, .max_args = 1, .flags = OP_AGGREGATE, .rule = (of),       \
        .emit = emit_aggregate, .dress = (how), .kinds = (arg)                                 \
    }

static const struct op_info list[] = {
    PLANNED("array_agg"),
    AGGREGATE("avg", rule_avg, DRESS_DOUBLE, "a"),
    PLANNED("bool_and"),
    PLANNED("bool_or"),
    {.name = "count",
     .min_args = 1,
     .max_args = 1,
     .flags = OP_AGGREGATE | OP_KEEPS_NULL,
     .rule = rule_count,
     .emit = emit_aggregate,
     .kinds = "s"},
    PLANNED("distinct"),
    PLANNED("grouping"),
    PLANNED("json_agg"),
    PLANNED("json_object_agg"),
    AGGREGATE("max", rule_extreme, DRESS_TEXT, "a"),
    AGGREGATE("min", rule_extreme, DRESS_TEXT, "a"),
    PLANNED("stddev_pop"),
    PLANNED("stddev_samp"),
    PLANNED("string_agg"),
    AGGREGATE("sum", rule_sum, DRESS_SUM, "a"),
    PLANNED("var_pop"),
    PLANNED("var_samp"),
};

const struct op_table ops_aggregate = OP_TABLE_OF(list);
