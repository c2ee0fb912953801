/* SPDX-License-Identifier: MIT
 *
 * compiler/resolve_window.c: aggregates, and what stands beside them.
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"
#include "compiler/walk.h"

/* ---- orders ---- */

/* A key of an order that is not the query's own. */
static enum err resolve_key(struct context *c, struct query *q, struct order *o)
{
    enum err err = resolve_expr(c, q, o->expr);
    if (err == ERR_OK && is_constant(o->expr)) {
        return refuse_constant(c, o->expr, "order_by");
    }
    err = err != ERR_OK ? err : settle(c, o->expr, NULL, SETTLE_COMPARE);
    return err != ERR_OK ? err : refuse_json(c, o->expr, "order_by");
}

static enum err resolve_keys(struct context *c, struct query *q, struct order *list,
                             uint32_t count)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < count && err == ERR_OK; i++) {
        err = resolve_key(c, q, &list[i]);
    }
    return err;
}

/* ---- aggregates ---- */

enum err resolve_extras(struct context *c, struct query *q, struct expr *e)
{
    struct aggregate *a = e->call.aggregate;
    if (a == NULL) {
        return ERR_OK;
    }
    if (a->order_count > 0 && (e->call.op->flags & OP_ORDERED) == 0) {
        return ctx_fail(c, a->order[0].src, ERR_BAD_QUERY, "`%s` is the same in every order",
                        call_name(e));
    }
    enum err err = a->filter == NULL ? ERR_OK : resolve_condition(c, q, a->filter, "filter");
    return err != ERR_OK ? err : resolve_keys(c, q, a->order, a->order_count);
}

enum err check_extras(struct context *c, const struct expr *e)
{
    const struct aggregate *a = e->call.aggregate;
    for (uint32_t i = 0; a != NULL && e->distinct && i < a->order_count; i++) {
        if (!expr_equal(a->order[i].expr, e->call.args[0])) {
            return ctx_fail(c, a->order[i].src, ERR_BAD_QUERY,
                            "with `distinct`, `%s` is ordered by nothing but its argument",
                            call_name(e));
        }
    }
    return ERR_OK;
}
