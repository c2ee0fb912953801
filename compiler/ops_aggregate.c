/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_aggregate.c: aggregates.
 */
#include "compiler/emit_json.h"
#include "compiler/emit_select.h"
#include "compiler/emit_window.h"
#include "compiler/moments.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"
#include "compiler/walk.h"

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
    enum err err = settle(c, x, NULL, SETTLE_COMPARE);
    return err == ERR_OK && e->distinct ? need_spans(c, x) : err;
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
        err = type_mismatch(c, x, call_name(e), "numbers, texts, dates or times");
        if (f == FAMILY_BOOLEAN) {
            fail_hint(c->f, "bool_and and bool_or are the aggregates of conditions");
        }
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

static enum err rule_bool(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_BOOLEAN);
    return need_boolean(c, e->call.args[0], call_name(e));
}

static enum err rule_spread(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_DOUBLE);
    if (e->distinct) {
        enum err err =
            ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                     "`distinct` in `%s` is not the same on all databases", call_name(e));
        fail_hint(c->f, "take it over a subquery with `distinct`");
        return err;
    }
    return need_number(c, e->call.args[0], call_name(e));
}

static enum err rule_string_agg(struct context *c, struct query *q, struct expr *e)
{
    struct expr *separator = e->call.args[1];
    (void)q;
    e->type = type_of(TYPE_TEXT);
    if (!is_untyped_value(separator)) {
        return not_computed(
            c, separator->src, "the separator of `string_agg`",
            "join what differs from row to row to the text itself, by `concat`");
    }
    enum err err = need_text(c, e->call.args[0], "string_agg");
    return err != ERR_OK ? err : need_text(c, separator, "string_agg");
}

static enum err rule_json(struct context *c, struct query *q, struct expr *e)
{
    struct expr *x = e->call.args[0];
    (void)q;
    e->type = type_of(TYPE_JSON);
    enum err err = need_json_member(c, x, "json_agg");
    if (err == ERR_OK && e->distinct && x->type.kind == TYPE_JSON) {
        err = ctx_fail(c, x->src, ERR_TYPE_MISMATCH, "`distinct` does not compare json");
    }
    return err;
}

static enum err rule_json_object(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_JSON);
    enum err err = need_text(c, e->call.args[0], "json_object_agg");
    return err != ERR_OK ? err : need_json_member(c, e->call.args[1], "json_object_agg");
}

static enum err rule_array(struct context *c, struct query *q, struct expr *e)
{
    struct expr *x = e->call.args[0];
    (void)q;
    enum err err = settle(c, x, NULL, SETTLE_COMPARE);
    if (err != ERR_OK) {
        return err;
    }
    e->type = type_of(TYPE_ARRAY);
    e->type.element = x->type.kind;
    e->type.native = c->d->array_native(&x->type);
    if (e->type.native == 0) {
        err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE, "%s has no arrays of %s",
                       c->d->words.name, type_word(&x->type));
        fail_hint(c->f, "json_agg collects on every database");
    }
    return err;
}

/* ---- emitting ---- */

static bool is_float(const struct expr *e)
{
    return e->type.kind == TYPE_REAL || e->type.kind == TYPE_DOUBLE;
}

/* Sums and means that the plain function does not give: MariaDB and SQLite let doubles
 * overflow silently, SQLite adds exact numbers as doubles. */
static const char *arithmetic_text(const struct emitter *em, const struct expr *call)
{
    static const char *const of_floats[2][DIALECT_COUNT] = {
        {"sum(#$1)^", "(sum(#$1)^ * 1e0)", "tb_<sum_double(#$1)^"},
        {"avg(#$1)^", "(avg(#$1)^ * 1e0)", "tb_<avg_double(#$1)^"}};
    static const char *const of_exact[DIALECT_COUNT] = {"sum(#$1)^", "sum(#$1)^",
                                                        "tb_sum(#$1)^"};
    if (is_float(call->call.args[0])) {
        return of_floats[call->call.op->rule == rule_avg][em->d->column];
    }
    return call->type.kind == TYPE_NUMERIC ? of_exact[em->d->column]
                                           : call->call.op->sql[em->d->column];
}

static enum err emit_aggregate(struct emitter *em, const struct expr *call,
                               const struct expr *const *args, enum emit_place place)
{
    (void)place;
    return emit_aggregate_text(em, call, args, call->call.op->sql[em->d->column]);
}

static enum err emit_arithmetic(struct emitter *em, const struct expr *call,
                                const struct expr *const *args, enum emit_place place)
{
    (void)place;
    char text[256];
    if (call->call.op->rule != rule_avg || call->type.kind != TYPE_NUMERIC) {
        return emit_aggregate_text(em, call, args, arithmetic_text(em, call));
    }
    em->d->numeric_avg(call->type.scale, text, sizeof text);
    return emit_aggregate_text(em, call, args, text);
}

/* SQLite's own neither sorts nor leaves repeats out, but knows windows. */
static enum err emit_string_agg(struct emitter *em, const struct expr *call,
                                const struct expr *const *args, enum emit_place place)
{
    static const char *const plain[DIALECT_COUNT] = {NULL, NULL, "group_concat($1, $2)^"};
    const struct aggregate *a = call->call.aggregate;
    bool collects = call->distinct || (a != NULL && a->order_count > 0);
    if (collects || plain[em->d->column] == NULL) {
        return emit_aggregate(em, call, args, place);
    }
    return emit_aggregate_text(em, call, args, plain[em->d->column]);
}

static enum err emit_json_agg(struct emitter *em, const struct expr *call,
                              const struct expr *const *args, enum emit_place place)
{
    const struct expr *members[2] = {args[0], NULL};
    uint32_t last = call->call.count - 1;
    members[last] = json_member(em, args[last]);
    return members[last] == NULL ? ctx_full(em->c) : emit_aggregate(em, call, members, place);
}

#define AGGREGATE(op, of, how, arg, ...)                                                       \
    {                                                                                          \
        .name = (op), .min_args = 1, .max_args = 1, .flags = OP_AGGREGATE, .rule = (of),       \
        .emit = emit_aggregate, .dress = (how), .kinds = (arg), .sql = __VA_ARGS__             \
    }
/* Sums and means. */
#define ARITHMETIC(op, of, how)                                                                \
    {                                                                                          \
        .name = (op), .min_args = 1, .max_args = 1, .flags = OP_AGGREGATE, .rule = (of),       \
        .emit = emit_arithmetic, .dress = (how), .kinds = "a", .sql = ALL(op "(#$1)^")         \
    }
#define SPREAD(op, maria)                                                                      \
    AGGREGATE(op, rule_spread, DRESS_DOUBLE, "a", {op "($1)^", maria, "tb_<" op "($1)^"})

/* Which of its arguments the row's grouping set does not group by, as bits. */
static enum err rule_grouping(struct context *c, struct query *q, struct expr *e)
{
    for (uint32_t i = 0; i < e->call.count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < q->group_count && !found; k++) {
            found = expr_equal(q->group[k], e->call.args[i]);
        }
        if (!found || q->no_aggregates || q->in_aggregate) {
            return ctx_fail(c, e->call.args[i]->src, ERR_BAD_QUERY,
                            "`grouping` takes expressions of `group_by`");
        }
    }
    e->type = type_of(TYPE_INTEGER);
    e->nullable = false;
    return ERR_OK;
}

static const struct op_info list[] = {
    {.name = "array_agg",
     .min_args = 1,
     .max_args = 1,
     .flags = OP_AGGREGATE | OP_ORDERED,
     .rule = rule_array,
     .emit = emit_aggregate,
     .kinds = "a",
     .sql = {"array_agg(#$1%)^"}},
    ARITHMETIC("avg", rule_avg, DRESS_DOUBLE),
    AGGREGATE("bool_and", rule_bool, DRESS_NONE, "a",
              {"bool_and($1)^", "min($1)^", "min($1)^"}),
    AGGREGATE("bool_or", rule_bool, DRESS_NONE, "a", {"bool_or($1)^", "max($1)^", "max($1)^"}),
    {.name = "count",
     .min_args = 1,
     .max_args = 1,
     .flags = OP_AGGREGATE | OP_KEEPS_NULL,
     .rule = rule_count,
     .emit = emit_aggregate,
     .kinds = "s",
     .sql = ALL("count(#$1)^")},
    WORD("distinct", OP_ELSEWHERE,
         "the argument of an aggregate can be [\"distinct\",E]; a select has a key "
         "`distinct`"),
    {.name = "grouping",
     .min_args = 1,
     .max_args = 31,
     .flags = OP_KEEPS_NULL,
     .rule = rule_grouping,
     .emit = emit_grouping,
     .sql = {"GROUPING($*)"}},
    {.name = "json_agg",
     .min_args = 1,
     .max_args = 1,
     .flags = OP_AGGREGATE | OP_ORDERED,
     .dress = DRESS_TEXT,
     .rule = rule_json,
     .emit = emit_json_agg,
     .kinds = "a",
     .sql = {"jsonb_agg(#$1%)^", "concat('[', group_concat(#$1% SEPARATOR ','), ']')",
             "tb_json_agg(~, $1&)|"}},
    /* MariaDB would keep a name as often as it comes. */
    {.name = "json_object_agg",
     .min_args = 2,
     .max_args = 2,
     .flags = OP_AGGREGATE | OP_ORDERED,
     .dress = DRESS_TEXT,
     .rule = rule_json_object,
     .emit = emit_json_agg,
     .kinds = "e",
     .sql = {"jsonb_object_agg($1, $2%)^", NULL, "tb_json_object_agg(~, $1, $2&)|"}},
    AGGREGATE("max", rule_extreme, DRESS_TEXT, "a", ALL("max($1)^")),
    AGGREGATE("min", rule_extreme, DRESS_TEXT, "a", ALL("min($1)^")),
    SPREAD("stddev_pop", "sqrt((var_pop($1)^ * 1e0))"),
    SPREAD("stddev_samp", "sqrt((var_samp($1)^ * 1e0))"),
    {.name = "string_agg",
     .min_args = 2,
     .max_args = 2,
     .flags = OP_AGGREGATE | OP_ORDERED,
     .dress = DRESS_TEXT,
     .rule = rule_string_agg,
     .emit = emit_string_agg,
     .kinds = "ae",
     .sql = {"string_agg(#$1, $2%)^",
             /* its own separator can only be a constant of the SQL */
             "substr(group_concat(#concat(coalesce($2, ''), $1)% SEPARATOR ''), "
             "char_length(coalesce($2, '')) + 1)",
             "tb_string_agg(~, $2, $1&)|"}},
    ARITHMETIC("sum", rule_sum, DRESS_SUM),
    SPREAD("var_pop", "(var_pop($1)^ * 1e0)"),
    SPREAD("var_samp", "(var_samp($1)^ * 1e0)"),
};

const struct op_table ops_aggregate = OP_TABLE_OF(list);
