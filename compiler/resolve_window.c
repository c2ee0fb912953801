/* SPDX-License-Identifier: MIT
 *
 * compiler/resolve_window.c: what stands beside aggregates, and windows.
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
    bool ordered_set =
        e->call.function != NULL && e->call.function->kind == FUNCTION_ORDERED_SET;
    if (a->within_count > 0 && !ordered_set) {
        enum err err = ctx_fail(c, a->within[0].src, ERR_BAD_QUERY,
                                "this aggregate takes no rows by `within_group`");
        fail_hint(c->f, "those that do are functions of the database, as fn.percentile_cont");
        return err;
    }
    if (a->order_count > 0 && (e->call.op->flags & OP_ORDERED) == 0) {
        return ctx_fail(c, a->order[0].src, ERR_BAD_QUERY, "`%s` is the same in every order",
                        call_name(e));
    }
    enum err err = a->filter == NULL ? ERR_OK : resolve_condition(c, q, a->filter, "filter");
    err = err != ERR_OK ? err : resolve_keys(c, q, a->order, a->order_count);
    return err != ERR_OK ? err : resolve_keys(c, q, a->within, a->within_count);
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

/* ---- windows ---- */

enum err refuse_bare_window(struct context *c, const struct expr *e)
{
    enum err err =
        ctx_fail(c, e->src, ERR_BAD_QUERY, "`%s` stands only in `over`", call_name(e));
    fail_hint(c->f, "write {\"over\":[\"%s\",…],\"order_by\":[…]}", call_name(e));
    return err;
}

/* What w has of its own, with what it extends. PostgreSQL's rules: the base keeps its
 * partition, may leave the order open, and has no frame, unless w is nothing but its
 * name. */
static enum err extend(struct context *c, const struct window *base, struct window *w)
{
    bool bare = w->partition_count == 0 && w->order_count == 0 && w->unit == FRAME_NONE;
    if (w->partition_count > 0) {
        return ctx_fail(c, json_get(w->src, "partition_by"), ERR_BAD_QUERY,
                        "window `%.*s` has its partitions already", STR_ARG(w->base));
    }
    if (w->order_count > 0 && base->order_count > 0) {
        return ctx_fail(c, json_get(w->src, "order_by"), ERR_BAD_QUERY,
                        "window `%.*s` has an order already", STR_ARG(w->base));
    }
    if (base->unit != FRAME_NONE && !bare) {
        return ctx_fail(c, json_get(w->src, "window"), ERR_BAD_QUERY,
                        "window `%.*s` has a frame, so nothing can be added to it",
                        STR_ARG(w->base));
    }
    w->partition = base->partition;
    w->partition_count = base->partition_count;
    if (base->order_count > 0) {
        w->order = base->order;
        w->order_count = base->order_count;
    }
    if (base->unit != FRAME_NONE) {
        w->unit = base->unit;
        w->exclude = base->exclude;
        w->lo = base->lo;
        w->hi = base->hi;
    }
    return ERR_OK;
}

/* Among the first `count` named windows: one may extend only those before it. */
static enum err find_base(struct context *c, const struct query *q, uint32_t count,
                          struct window *w)
{
    struct nearest n;
    if (w->base.len == 0) {
        return ERR_OK;
    }
    nearest_init(&n, w->base);
    for (uint32_t i = 0; i < count; i++) {
        if (str_eq(q->windows[i].name, w->base)) {
            return extend(c, &q->windows[i].window, w);
        }
        nearest_try(&n, q->windows[i].name);
    }
    enum err err = ctx_fail(c, json_get(w->src, "window"), ERR_BAD_QUERY,
                            "the select has no window `%.*s`%s", STR_ARG(w->base),
                            count < q->window_count ? " before this one" : "");
    nearest_hint(&n, c->f);
    return err;
}

static bool has_offset(const struct frame_bound *b)
{
    return !b->unbounded && b->offset != 0;
}

/* Distances are added to a number, and only one that every database adds alike. */
static enum err check_range(struct context *c, const struct window *w)
{
    const struct json *at = json_get(w->src, "range");
    if (w->order_count != 1) {
        return ctx_fail(c, at != NULL ? at : w->src, ERR_BAD_QUERY,
                        "a range with distances needs an order by one key");
    }
    const struct expr *key = w->order[0].expr;
    if (type_is_integer(key->type.kind) || key->type.kind == TYPE_DOUBLE ||
        (key->type.kind == TYPE_NUMERIC && c->d->exact_ranges)) {
        return ERR_OK;
    }
    enum err err =
        ctx_fail(c, key->src, ERR_UNSUPPORTED_FEATURE,
                 "distances of %s are not the same on all databases", type_word(&key->type));
    fail_hint(c->f, "order by a whole number or a double, or use `rows`");
    return err;
}

static enum err check_frame(struct context *c, const struct window *w)
{
    if (w->unit == FRAME_GROUPS && w->order_count == 0) {
        return ctx_fail(c, w->src, ERR_BAD_QUERY, "`groups` needs `order_by`");
    }
    return w->unit == FRAME_RANGE && (has_offset(&w->lo) || has_offset(&w->hi))
               ? check_range(c, w)
               : ERR_OK;
}

static enum err resolve_window(struct context *c, struct query *q, struct window *w)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < w->partition_count && err == ERR_OK; i++) {
        struct expr *e = w->partition[i];
        if (is_constant(e)) {
            return refuse_constant(c, e, "partition_by");
        }
        err = resolve_expr(c, q, e);
        err = err != ERR_OK ? err : settle(c, e, NULL, SETTLE_COMPARE);
        err = err != ERR_OK ? err : refuse_json(c, e, "partition_by");
    }
    return err != ERR_OK ? err : resolve_keys(c, q, w->order, w->order_count);
}

enum err resolve_windows(struct context *c, struct query *q)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < q->window_count && err == ERR_OK; i++) {
        struct window *w = &q->windows[i].window;
        err = resolve_window(c, q, w);
        err = err != ERR_OK ? err : find_base(c, q, i, w);
        err = err != ERR_OK ? err : check_frame(c, w);
    }
    return err;
}

static enum err refuse_place(struct context *c, const struct expr *e)
{
    enum err err = ctx_fail(c, e->src, ERR_BAD_QUERY, "`over` cannot stand here");
    fail_hint(c->f, "only in the select list and order_by; to use it elsewhere, select it in "
                    "a subquery of `from`");
    return err;
}

static enum err check_call(struct context *c, const struct expr *call)
{
    const struct aggregate *a = call->call.aggregate;
    if (call->distinct) {
        return ctx_fail(c, call->src, ERR_UNSUPPORTED_FEATURE,
                        "no database takes `distinct` over a window");
    }
    if (a != NULL && a->within_count > 0) {
        return ctx_fail(c, a->within[0].src, ERR_UNSUPPORTED_FEATURE,
                        "no database takes `within_group` over a window");
    }
    if (a != NULL && a->order_count > 0) {
        enum err err = ctx_fail(c, a->order[0].src, ERR_UNSUPPORTED_FEATURE,
                                "no database orders an aggregate over a window by itself");
        fail_hint(c->f, "order the window");
        return err;
    }
    return ERR_OK;
}

enum err resolve_over(struct context *c, struct query *q, struct expr *e)
{
    struct expr *call = e->over.call;
    struct window *w = e->over.window;
    if (!q->takes_windows || q->in_aggregate) {
        return refuse_place(c, e);
    }
    q->takes_windows = false; /* not inside each other */
    enum err err = check_call(c, call);
    err = err != ERR_OK ? err : resolve_arguments(c, q, call);
    err = err != ERR_OK ? err : resolve_type(c, q, call);
    err = err != ERR_OK ? err : resolve_window(c, q, w);
    err = err != ERR_OK ? err : find_base(c, q, q->window_count, w);
    err = err != ERR_OK ? err : check_frame(c, w);
    call->resolved = true;
    q->takes_windows = true;
    e->type = call->type;
    e->nullable = call->nullable;
    return err;
}
