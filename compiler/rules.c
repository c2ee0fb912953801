/* SPDX-License-Identifier: MIT
 *
 * compiler/rules.c: types of calls, one function for each rule of the table of
 * operators. Arguments are resolved before.
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

#include <stdio.h>

typedef enum err rule_fn(struct context *c, struct query *q, struct expr *e);

static bool is_family(const struct expr *e, enum type_family f)
{
    return e->type.kind == TYPE_UNKNOWN || type_family(e->type.kind) == f;
}

static bool is_untyped_value(const struct expr *e)
{
    return e->type.kind == TYPE_UNKNOWN && (e->kind == EXPR_LITERAL || e->kind == EXPR_PARAM);
}

/* A text, settled; the bind of a literal is a text. */
static enum err need_text(struct context *c, struct expr *e, const char *what)
{
    struct type text = type_of(TYPE_TEXT);
    if (!is_family(e, FAMILY_TEXT)) {
        return type_mismatch(c, e, what, "text");
    }
    return settle(c, e, &text, SETTLE_COMPARE);
}

enum err need_boolean(struct context *c, struct expr *e, const char *what)
{
    struct type boolean = type_of(TYPE_BOOLEAN);
    if (!is_family(e, FAMILY_BOOLEAN)) {
        return type_mismatch(c, e, what, "a condition");
    }
    return settle(c, e, &boolean, SETTLE_COMPARE);
}

static bool any_nullable(const struct expr *call)
{
    for (uint32_t i = 0; i < call->call.count; i++) {
        if (call->call.args[i]->nullable) {
            return true;
        }
    }
    return false;
}

static const char *op_name(const struct expr *e)
{
    return e->call.op->name;
}

/* ---- comparisons ---- */

static enum err comparable(struct context *c, struct expr *e, const struct type *common)
{
    enum type_family family = type_family(common->kind);
    if (family == FAMILY_JSON) {
        return ctx_fail(c, e->src, ERR_TYPE_MISMATCH, "`%s` does not compare json", op_name(e));
    }
    return ERR_OK;
}

static enum err compare_args(struct context *c, struct expr *e)
{
    struct type common;
    enum err err = unify(c, e->call.args, e->call.count, op_name(e), &common);
    e->nullable = any_nullable(e);
    return err != ERR_OK ? err : comparable(c, e, &common);
}

/* A literal null on either side asks whether the other one is null; the call
 * keeps one argument then. */
static enum err null_test(struct context *c, struct expr *e)
{
    unsigned other = e->call.args[0]->kind == EXPR_NULL ? 1 : 0;
    e->call.args[0] = e->call.args[other];
    e->call.count = 1;
    e->nullable = false;
    return settle(c, e->call.args[0], NULL, SETTLE_COMPARE);
}

static enum err rule_compare(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_BOOLEAN);
    if (e->call.args[0]->kind == EXPR_NULL || e->call.args[1]->kind == EXPR_NULL) {
        return null_test(c, e);
    }
    return compare_args(c, e);
}

static enum err rule_order(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_BOOLEAN);
    return compare_args(c, e);
}

static enum err rule_distinct(struct context *c, struct query *q, struct expr *e)
{
    enum err err = rule_compare(c, q, e);
    e->nullable = false;
    return err;
}

static enum err rule_logic(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_BOOLEAN);
    e->nullable = any_nullable(e);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        err = need_boolean(c, e->call.args[i], op_name(e));
    }
    return err;
}

/* ---- in ---- */

static enum err in_query(struct context *c, struct expr *e)
{
    struct query *q = e->call.args[1]->query;
    struct type common;
    if (q->output_count != 1) {
        return ctx_fail(c, e->call.args[1]->src, ERR_BAD_QUERY,
                        "the subquery of `%s` must have one column, not %u", op_name(e),
                        q->output_count);
    }
    struct expr *pair[] = {e->call.args[0], q->outputs[0].expr};
    enum err err = unify(c, pair, 2, op_name(e), &common);
    e->call.args[1]->type = pair[1]->type;
    if (err == ERR_OK && pair[1]->type.kind == TYPE_DATE && pair[0]->type.kind != TYPE_DATE &&
        type_family(pair[0]->type.kind) ==
            FAMILY_DATE) { /* only the left side can be dressed */
        err = type_mismatch(c, pair[1], op_name(e), type_word(&pair[0]->type));
        fail_hint(c->f, "cast it: [\"cast\", …, \"%s\"]", type_word(&pair[0]->type));
    }
    return err != ERR_OK ? err : comparable(c, e, &common);
}

static enum err in_items(struct context *c, struct expr *e)
{
    struct expr *list = e->call.args[1];
    struct type common;
    struct expr **all = ARENA_ARRAY(c->a, list->list.count + 1, struct expr *);
    if (all == NULL) {
        return ctx_full(c);
    }
    all[0] = e->call.args[0];
    for (uint32_t i = 0; i < list->list.count; i++) {
        all[i + 1] = list->list.items[i];
    }
    enum err err = unify(c, all, list->list.count + 1, op_name(e), &common);
    list->type = common;
    return err != ERR_OK ? err : comparable(c, e, &common);
}

static enum err in_literals(struct context *c, struct expr *e)
{
    struct expr *list = e->call.args[1];
    enum err err =
        settle_list(c, list, (enum json_form)list->list.form, &e->call.args[0]->type);
    return err != ERR_OK ? err : settle(c, e->call.args[0], &list->type, SETTLE_COMPARE);
}

static enum err in_param(struct context *c, struct expr *e)
{
    struct expr *list = e->call.args[1];
    const struct json *value = list->param.value;
    if (value != NULL && value->kind != JSON_ARRAY) {
        return ctx_fail(c, value, ERR_TYPE_MISMATCH,
                        "`%s` takes a list, and param `%.*s` is %s", op_name(e),
                        STR_ARG(list->param.name), json_kind_name(value));
    }
    enum json_form form = value == NULL ? FORM_NONE : json_form_of_list(value);
    enum err err = settle_list(c, list, form, &e->call.args[0]->type);
    return err != ERR_OK ? err : settle(c, e->call.args[0], &list->type, SETTLE_COMPARE);
}

static enum err rule_in(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *list = e->call.args[1];
    struct type common = e->call.args[0]->type;
    e->type = type_of(TYPE_BOOLEAN);
    enum err err = comparable(c, e, &common);
    if (err != ERR_OK) {
        return err;
    }
    if (list->kind == EXPR_QUERY) {
        return in_query(c, e);
    }
    if (list->kind == EXPR_PARAM_LIST) {
        return in_param(c, e);
    }
    return list->list.items != NULL ? in_items(c, e) : in_literals(c, e);
}

/* ---- texts ---- */

static enum err need_escape(struct context *c, struct expr *e)
{
    enum err err = need_text(c, e, "the escape of like");
    if (err != ERR_OK) {
        return err;
    }
    if (e->kind != EXPR_LITERAL && e->kind != EXPR_PARAM) {
        return not_built(c, e->src, "an escape that is not a literal or a param");
    }
    e->form = BIND_ESCAPE;
    return ERR_OK;
}

static enum err rule_like(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_BOOLEAN);
    e->nullable = any_nullable(e);
    enum err err = need_text(c, e->call.args[0], op_name(e));
    err = err != ERR_OK ? err : need_text(c, e->call.args[1], op_name(e));
    return err == ERR_OK && e->call.count == 3 ? need_escape(c, e->call.args[2]) : err;
}

/* startswith, endswith, contains: a value is escaped where it is bound. */
static enum err rule_affix(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[1];
    e->type = type_of(TYPE_BOOLEAN);
    e->nullable = any_nullable(e);
    enum err err = need_text(c, e->call.args[0], op_name(e));
    err = err != ERR_OK ? err : need_text(c, x, op_name(e));
    if (err != ERR_OK || (x->kind != EXPR_LITERAL && x->kind != EXPR_PARAM)) {
        return err;
    }
    const char *name = op_name(e) + ((e->call.op->flags & OP_FOLDED) != 0 ? 1 : 0);
    x->form = name[0] == 's' ? BIND_PREFIX : name[0] == 'e' ? BIND_SUFFIX : BIND_INFIX;
    x->type = type_of(TYPE_TEXT);
    return ERR_OK;
}

static enum err rule_text(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        err = need_text(c, e->call.args[i], op_name(e));
    }
    e->type = type_of(TYPE_TEXT);
    e->nullable = any_nullable(e);
    return err;
}

/* Texts, and whole numbers, which every database writes alike. */
static enum err rule_concat(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type text = type_of(TYPE_TEXT);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        struct expr *x = e->call.args[i];
        enum type_family family = type_family(x->type.kind);
        if (family == FAMILY_BYTES || family == FAMILY_ARRAY || family == FAMILY_JSON) {
            return not_built(c, x->src, "joining bytes, arrays or json");
        }
        if (is_untyped_value(x) || x->kind == EXPR_NULL) {
            err = settle(c, x, &text, SETTLE_COMPARE);
        } else if (!is_family(x, FAMILY_TEXT) && !type_is_integer(x->type.kind)) {
            err = type_mismatch(c, x, op_name(e), "texts and whole numbers");
            fail_hint(c->f, "cast it to text");
        }
    }
    e->type = text;
    e->nullable = any_nullable(e);
    return err;
}

static enum err rule_length(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    e->type = type_of(TYPE_BIGINT);
    e->nullable = x->nullable;
    if (op_name(e)[0] == 'o' && type_family(x->type.kind) == FAMILY_BYTES) {
        return ERR_OK;
    }
    return need_text(c, x, op_name(e));
}

/* A negative start means different things everywhere and is an error here, so
 * it must be known when it is bound. */
static enum err need_position(struct context *c, struct expr *e, enum bind_form form)
{
    struct type integer = type_of(TYPE_INTEGER);
    if (!is_untyped_value(e)) {
        return not_built(c, e->src, "a start or length that is not a literal or a param");
    }
    e->form = form;
    return settle(c, e, &integer, SETTLE_ASSIGN);
}

static enum err rule_substr(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = need_text(c, e->call.args[0], "substr");
    err = err != ERR_OK ? err : need_position(c, e->call.args[1], BIND_START);
    e->type = type_of(TYPE_TEXT);
    e->nullable = any_nullable(e);
    return err == ERR_OK && e->call.count == 3 ? need_position(c, e->call.args[2], BIND_COUNT)
                                               : err;
}

/* ---- numbers ---- */

/* Unifies all arguments as numbers; integers become 64-bit. */
static enum err numbers(struct context *c, struct expr *e, struct type *common)
{
    for (uint32_t i = 0; i < e->call.count; i++) {
        const struct expr *x = e->call.args[i];
        enum type_family family = type_family(x->type.kind);
        if (family == FAMILY_DATE || family == FAMILY_INTERVAL || family == FAMILY_TIME) {
            return not_built(c, x->src, "arithmetic with dates and times");
        }
        if (!is_family(x, FAMILY_NUMBER)) {
            return type_mismatch(c, x, op_name(e), "numbers");
        }
    }
    enum err err = unify(c, e->call.args, e->call.count, op_name(e), common);
    if (err == ERR_OK && type_family(common->kind) != FAMILY_NUMBER &&
        common->kind != TYPE_UNKNOWN) {
        return type_mismatch(c, e->call.args[0], op_name(e), "numbers");
    }
    if (err == ERR_OK && (type_is_integer(common->kind) || common->kind == TYPE_UNKNOWN)) {
        *common = type_of(TYPE_BIGINT);
    }
    if (common->kind == TYPE_REAL) {
        *common = type_of(TYPE_DOUBLE);
    }
    e->nullable = any_nullable(e);
    return err;
}

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
    enum err err = numbers(c, e, &common);
    if (common.kind == TYPE_NUMERIC && op_name(e)[0] == '*') {
        common.scale = product_scale(e);
    }
    e->type = common;
    return err;
}

static enum err rule_divide(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = numbers(c, e, &common);
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
    enum err err = numbers(c, e, &common);
    e->type = common;
    if (err == ERR_OK && common.kind != TYPE_BIGINT) {
        return not_built(c, e->src, "`//` and `%` of numbers with fractions");
    }
    return err;
}

static enum err rule_number(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = numbers(c, e, &common);
    e->type = e->call.args[0]->type;
    if (e->type.kind == TYPE_NUMERIC && op_name(e)[0] != 'a') {
        e->type.scale = 0;
        e->type.precision = -1;
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

/* ---- others ---- */

static enum err rule_exists(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct query *inner = e->call.args[0]->query;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < inner->output_count && err == ERR_OK; i++) {
        err = settle(c, inner->outputs[i].expr, NULL, SETTLE_COMPARE);
    }
    e->type = type_of(TYPE_BOOLEAN);
    e->nullable = false;
    return err;
}

static enum err rule_common(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = unify(c, e->call.args, e->call.count, op_name(e), &common);
    e->type = common;
    e->nullable = true;
    for (uint32_t i = 0; i < e->call.count; i++) {
        e->nullable = e->nullable && e->call.args[i]->nullable;
    }
    if (err == ERR_OK && op_name(e)[0] != 'c') {
        enum type_family f = type_family(common.kind);
        e->nullable = any_nullable(e);
        if (f != FAMILY_NUMBER && f != FAMILY_TEXT && f != FAMILY_DATE && f != FAMILY_TIME) {
            return type_mismatch(c, e->call.args[0], op_name(e), "numbers, texts or dates");
        }
    }
    return err;
}

static enum err rule_nullif(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = unify(c, e->call.args, 2, op_name(e), &common);
    e->type = e->call.args[0]->type;
    return err != ERR_OK ? err : comparable(c, e, &common);
}

/* A cast of a value is no SQL: the value is read as the type. */
static enum err rule_cast(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    char text[160];
    e->nullable = x->nullable;
    if (x->kind == EXPR_NULL) {
        x->type = e->type;
        return ERR_OK;
    }
    if (is_untyped_value(x)) {
        const struct json *value = x->kind == EXPR_LITERAL ? x->literal.node : x->param.value;
        enum json_form form = value == NULL ? FORM_NONE : json_form_of(value);
        bool text_of_number =
            type_family(e->type.kind) == FAMILY_TEXT && (form == FORM_INT || form == FORM_LONG);
        if (!text_of_number) {
            return settle(c, x, &e->type, SETTLE_ASSIGN);
        }
    }
    enum err err = settle(c, x, NULL, SETTLE_COMPARE);
    if (err != ERR_OK || c->d->cast(&x->type, &e->type, text, sizeof text)) {
        return err;
    }
    err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE, "%s has no exact cast from %s to %s",
                   c->d->words.name, type_word(&x->type), type_word(&e->type));
    fail_hint(c->f, "values can be given as the type: {\"value\":…,\"type\":…}");
    return err;
}

static enum err rule_now(struct context *c, struct query *q, struct expr *e)
{
    (void)c;
    (void)q;
    e->type = type_of(TYPE_TIMESTAMPTZ);
    e->nullable = false;
    return ERR_OK;
}

static enum err rule_date(struct context *c, struct query *q, struct expr *e)
{
    (void)c;
    (void)q;
    e->type = type_of(TYPE_DATE);
    e->nullable = false;
    return ERR_OK;
}

static enum err rule_random(struct context *c, struct query *q, struct expr *e)
{
    (void)c;
    (void)q;
    e->type = type_of(TYPE_DOUBLE);
    e->nullable = false;
    return ERR_OK;
}

/* ---- aggregates ---- */

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

static enum err need_number(struct context *c, struct expr *e, const char *what)
{
    struct type bigint = type_of(TYPE_BIGINT);
    if (!is_family(e, FAMILY_NUMBER)) {
        return type_mismatch(c, e, what, "numbers");
    }
    return settle(c, e, &bigint, SETTLE_COMPARE);
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
        return type_mismatch(c, x, op_name(e), "numbers, texts, dates or times");
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

static enum err rule_planned(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    return not_built(c, e->src, op_name(e));
}

static rule_fn *const rules[] = {
    [RULE_PLANNED] = rule_planned, [RULE_COMPARE] = rule_compare,
    [RULE_ORDER] = rule_order,     [RULE_DISTINCT] = rule_distinct,
    [RULE_LOGIC] = rule_logic,     [RULE_BETWEEN] = rule_order,
    [RULE_IN] = rule_in,           [RULE_LIKE] = rule_like,
    [RULE_AFFIX] = rule_affix,     [RULE_EXISTS] = rule_exists,
    [RULE_ARITH] = rule_arith,     [RULE_NEGATE_OR_MINUS] = rule_arith,
    [RULE_DIVIDE] = rule_divide,   [RULE_INTEGER] = rule_integer,
    [RULE_CONCAT] = rule_concat,   [RULE_COMMON] = rule_common,
    [RULE_NULLIF] = rule_nullif,   [RULE_CAST] = rule_cast,
    [RULE_TEXT] = rule_text,       [RULE_LENGTH] = rule_length,
    [RULE_SUBSTR] = rule_substr,   [RULE_NUMBER] = rule_number,
    [RULE_ROUND] = rule_round,     [RULE_NOW] = rule_now,
    [RULE_DATE] = rule_date,       [RULE_RANDOM] = rule_random,
    [RULE_COUNT] = rule_count,     [RULE_SUM] = rule_sum,
    [RULE_EXTREME] = rule_extreme, [RULE_AVG] = rule_avg,
};

enum err apply_rule(struct context *c, struct query *q, struct expr *e)
{
    return rules[e->call.op->rule](c, q, e);
}
