/* SPDX-License-Identifier: MIT
 *
 * compiler/resolve_expr.c: the way down an expression: names, aggregates, cases,
 * subqueries. compiler/ops_….c have the types of calls.
 */
#include "compiler/moments.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/ops_row.h"
#include "compiler/resolve.h"
#include "compiler/types.h"
#include "compiler/walk.h"

static enum err start_aggregate(struct context *c, struct query *q, const struct expr *e)
{
    if (q->in_aggregate) {
        return ctx_fail(c, e->src, ERR_BAD_QUERY, "`%.*s` inside another aggregate",
                        STR_ARG(json_text(e->src->first)));
    }
    if (q->no_aggregates) {
        enum err err = ctx_fail(c, e->src, ERR_BAD_QUERY, "`%.*s` cannot stand here",
                                STR_ARG(json_text(e->src->first)));
        fail_hint(c->f, "a condition on an aggregate belongs in `having`");
        return err;
    }
    q->aggregated = true;
    q->in_aggregate = true;
    return ERR_OK;
}

static enum err end_aggregate(struct context *c, struct query *q, const struct expr *e)
{
    q->in_aggregate = false;
    uint64_t bits = expr_sources(q, e);
    if (bits == OUTER_BIT) {
        enum err err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                                "an aggregate over columns of an outer query alone is that "
                                "query's, and every database sees it differently");
        fail_hint(c->f, "aggregate in the outer query; or, for the rows of this one, use the "
                        "column and [\"count\",\"*\"]: the sum is their product");
        return err;
    }
    return ERR_OK;
}

static enum err resolve_list_items(struct context *c, struct query *q, struct expr *list)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; list->list.items != NULL && i < list->list.count && err == ERR_OK;
         i++) {
        err = resolve_expr(c, q, list->list.items[i]);
    }
    return err;
}

static enum err resolve_subquery(struct context *c, struct query *q, struct expr *e)
{
    e->query->outer = e->query->holder = q;
    return resolve_query(c, e->query);
}

/* A row, or a statement that stands where one does. */
static enum err resolve_row(struct context *c, struct query *q, struct expr *x)
{
    enum err err = ERR_OK;
    if (x->kind == EXPR_QUERY) {
        return resolve_subquery(c, q, x);
    }
    x->resolved = true;
    for (uint32_t i = 0; i < x->call.count && err == ERR_OK; i++) {
        err = resolve_expr(c, q, x->call.args[i]);
    }
    return err;
}

static enum err resolve_list_rows(struct context *c, struct query *q, struct expr *list)
{
    enum err err = ERR_OK;
    list->resolved = true;
    for (uint32_t i = 0; list->list.items != NULL && i < list->list.count && err == ERR_OK;
         i++) {
        struct expr *x = list->list.items[i];
        err = is_row(x) ? resolve_row(c, q, x) : resolve_expr(c, q, x);
    }
    return err;
}

static bool takes_rows(const struct expr *call)
{
    bool takes = (call->call.op->flags & OP_ROWS) != 0;
    return takes && (is_row(call->call.args[0]) || is_row(call->call.args[1]));
}

static enum err resolve_argument(struct context *c, struct query *q, struct expr *call,
                                 uint32_t i)
{
    struct expr *x = call->call.args[i];
    char kind = argument_kind(call->call.op, i);
    bool statement = x->kind == EXPR_QUERY && (kind == 'q' || kind == 'l' || kind == 'm');
    if (statement) {
        return resolve_subquery(c, q, x);
    }
    if (takes_rows(call) && (is_row(x) || x->kind == EXPR_QUERY)) {
        return resolve_row(c, q, x);
    }
    return takes_rows(call) && x->kind == EXPR_LIST ? resolve_list_rows(c, q, x)
                                                    : resolve_expr(c, q, x);
}

enum err resolve_arguments(struct context *c, struct query *q, struct expr *e)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        err = resolve_argument(c, q, e, i);
    }
    return err == ERR_OK ? resolve_extras(c, q, e) : err;
}

enum err resolve_type(struct context *c, struct query *q, struct expr *e)
{
    if (e->call.native.len == 0) {
        ctx_varies(c, e->call.op->volatility);
    } else if (e->call.op->volatility > c->volatility) {
        c->volatility = e->call.op->volatility;
    }
    enum err err = e->call.op->rule(c, q, e);
    return err == ERR_OK ? check_extras(c, e) : err;
}

static enum err resolve_call(struct context *c, struct query *q, struct expr *e)
{
    bool aggregate = (e->call.op->flags & OP_AGGREGATE) != 0;
    if ((e->call.op->flags & OP_WINDOW) != 0) {
        return refuse_bare_window(c, e);
    }
    enum err err = aggregate ? start_aggregate(c, q, e) : ERR_OK;
    err = err != ERR_OK ? err : resolve_arguments(c, q, e);
    err = err == ERR_OK && aggregate ? end_aggregate(c, q, e) : err;
    return err != ERR_OK ? err : resolve_type(c, q, e);
}

static enum err case_conditions(struct context *c, struct query *q, struct expr *e)
{
    enum err err = e->cas.of == NULL ? ERR_OK : resolve_expr(c, q, e->cas.of);
    for (uint32_t i = 0; i < e->cas.count && err == ERR_OK; i++) {
        struct expr *cond = e->cas.whens[i].cond;
        struct type common;
        err = resolve_expr(c, q, cond);
        if (err == ERR_OK && e->cas.of == NULL) {
            err = need_boolean(c, cond, "case");
        } else if (err == ERR_OK) {
            struct expr *pair[] = {e->cas.of, cond};
            err = unify(c, pair, 2, "case", &common);
            err = err != ERR_OK ? err : need_spans(c, e->cas.of);
            err = err != ERR_OK ? err : same_intervals(c, pair, 2);
        }
    }
    return err;
}

static enum err resolve_case(struct context *c, struct query *q, struct expr *e)
{
    enum err err = case_conditions(c, q, e);
    struct expr **results = ARENA_ARRAY(c->a, e->cas.count + 1, struct expr *);
    if (err != ERR_OK || results == NULL) {
        return err != ERR_OK ? err : ctx_full(c);
    }
    uint32_t n = 0;
    for (; n < e->cas.count && err == ERR_OK; n++) {
        results[n] = e->cas.whens[n].then;
        err = resolve_expr(c, q, results[n]);
    }
    if (err == ERR_OK && e->cas.otherwise != NULL) {
        results[n++] = e->cas.otherwise;
        err = resolve_expr(c, q, e->cas.otherwise);
    }
    err = err != ERR_OK ? err : unify(c, results, n, "case", &e->type);
    return err != ERR_OK ? err : same_intervals(c, results, n);
}

/* A subquery as a value has one column; for exists and in the rules look. */
static enum err scalar_subquery(struct context *c, struct expr *e)
{
    if (e->query->output_count != 1) {
        return ctx_fail(c, e->src, ERR_BAD_QUERY,
                        "a subquery in an expression must have one column, not %u",
                        e->query->output_count);
    }
    e->type = e->query->outputs[0].expr->type;
    return ERR_OK;
}

enum err resolve_expr(struct context *c, struct query *q, struct expr *e)
{
    enum err err = ERR_OK;
    if (e->resolved) {
        return ERR_OK;
    }
    e->resolved = true;
    switch (e->kind) {
    case EXPR_NULL:
    case EXPR_BOOL:
    case EXPR_LITERAL:
    case EXPR_PARAM:
    case EXPR_PARAM_LIST:
    case EXPR_STAR:
    case EXPR_PATH:
    case EXPR_KEYWORD:
    case EXPR_DRESSED:
        return ERR_OK;
    case EXPR_OVER:
        return resolve_over(c, q, e);
    case EXPR_NAME:
        return resolve_name(c, q, e);
    case EXPR_CALL:
        return resolve_call(c, q, e);
    case EXPR_CASE:
        return resolve_case(c, q, e);
    case EXPR_LIST:
        return resolve_list_items(c, q, e);
    case EXPR_QUERY:
        err = resolve_subquery(c, q, e);
        return err != ERR_OK ? err : scalar_subquery(c, e);
    }
    return ERR_OK;
}
