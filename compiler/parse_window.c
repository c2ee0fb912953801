/* SPDX-License-Identifier: MIT
 *
 * compiler/parse_window.c: what stands beside an aggregate.
 *
 *   {"aggregate": E, "filter": E, "order_by": [O…], "within_group": [O…]}
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/parse.h"

#define KEYS(list) (list), sizeof(list) / sizeof((list)[0])

/* ---- aggregates ---- */

static const struct form_key aggregate_keys[] = {
    {"aggregate", true}, {"filter", true}, {"order_by", true}, {"within_group", false}};

static bool is_aggregate(const struct expr *e)
{
    return e->kind == EXPR_CALL && (e->call.op->flags & OP_AGGREGATE) != 0;
}

static enum err parse_extras(struct context *c, const struct json *j, struct aggregate *a)
{
    const struct json *filter = json_get(j, "filter"), *order = json_get(j, "order_by");
    enum err e = ERR_OK;
    if (filter != NULL) {
        e = parse_expr(c, filter, &a->filter);
    }
    if (e == ERR_OK && order != NULL) {
        e = parse_orders(c, order, "order_by", &a->order, &a->order_count);
    }
    return e;
}

enum err parse_aggregate(struct context *c, const struct json *j, struct expr **out)
{
    enum err e = check_keys(c, j, KEYS(aggregate_keys), "an aggregate");
    const struct json *call = json_get(j, "aggregate");
    e = e != ERR_OK ? e : parse_expr(c, call, out);
    if (e != ERR_OK) {
        return e;
    }
    if (!is_aggregate(*out)) {
        e = ctx_fail(c, call, ERR_BAD_QUERY, "`aggregate` takes a call of an aggregate");
        fail_hint(c->f, "such as [\"count\",\"*\"] or [\"sum\",\"total\"]");
        return e;
    }
    if ((*out)->call.aggregate != NULL) {
        return ctx_fail(c, call, ERR_BAD_QUERY, "`aggregate` inside `aggregate`");
    }
    (*out)->call.aggregate = ARENA_NEW(c->a, struct aggregate);
    return (*out)->call.aggregate == NULL ? ctx_full(c)
                                          : parse_extras(c, j, (*out)->call.aggregate);
}
