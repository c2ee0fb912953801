/* SPDX-License-Identifier: MIT
 *
 * compiler/parse_window.c: what stands beside an aggregate, and windows.
 *
 *   {"aggregate": E, "filter": E, "order_by": [O…], "within_group": [O…]}
 *   {"over": E, …window}
 *   "window": {name: {…window}, …}                  of a select
 *   window := "partition_by": [E…], "order_by": [O…], "window": "w", "exclude": k,
 *             "rows" | "range" | "groups": [lo, hi]
 *   lo, hi := 0 current row | null unbounded | -n preceding | n following
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/parse.h"

#define KEYS(list) (list), sizeof(list) / sizeof((list)[0])

/* ---- aggregates ---- */

static const struct form_key aggregate_keys[] = {
    {"aggregate", true}, {"filter", true}, {"order_by", true}, {"within_group", true}};

static bool is_aggregate(const struct expr *e)
{
    return e->kind == EXPR_CALL && (e->call.op->flags & OP_AGGREGATE) != 0;
}

static enum err parse_extras(struct context *c, const struct json *j, struct aggregate *a)
{
    const struct json *filter = json_get(j, "filter"), *order = json_get(j, "order_by"),
                      *within = json_get(j, "within_group");
    enum err e = within == NULL
                     ? ERR_OK
                     : parse_orders(c, within, "within_group", &a->within, &a->within_count);
    if (e == ERR_OK && filter != NULL) {
        e = parse_expr(c, filter, &a->filter);
    }
    if (e == ERR_OK && order != NULL) {
        e = parse_orders(c, order, "order_by", &a->order, &a->order_count);
    }
    return e;
}

static enum err refuse_within(struct context *c, const struct json *j)
{
    if (j == NULL || c->d->native_aggregates) {
        return ERR_OK;
    }
    enum err e = ctx_fail(c, j, ERR_UNSUPPORTED_FEATURE, "%s has no ordered-set aggregates",
                          c->d->words.name);
    fail_hint(c->f, "number the rows by row_number in a subquery of `from` and take the middle "
                    "ones; the most frequent is the first by count");
    return e;
}

enum err parse_aggregate(struct context *c, const struct json *j, struct expr **out)
{
    enum err e = check_keys(c, j, KEYS(aggregate_keys), "an aggregate");
    const struct json *call = json_get(j, "aggregate");
    e = e != ERR_OK ? e : refuse_within(c, json_get(j, "within_group"));
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

/* ---- frames ---- */

static const struct {
    const char *key;
    enum frame_unit unit;
} units[] = {{"rows", FRAME_ROWS}, {"range", FRAME_RANGE}, {"groups", FRAME_GROUPS}};

static const struct {
    const char *name;
    enum frame_exclude exclude;
} excludes[] = {{"no_others", EXCLUDE_NOTHING},
                {"current_row", EXCLUDE_ROW},
                {"group", EXCLUDE_GROUP},
                {"ties", EXCLUDE_TIES}};

/* Bounds are code: they are part of the SQL. */
static enum err parse_bound(struct context *c, const struct json *j, struct frame_bound *out)
{
    out->unbounded = j->kind == JSON_NULL;
    if (out->unbounded || (j->kind == JSON_INTEGER && str_to_i64(json_text(j), &out->offset) &&
                           out->offset > INT64_MIN)) {
        return ERR_OK;
    }
    enum err e = ctx_fail(c, j, ERR_BAD_QUERY, "this is no bound of a frame");
    fail_hint(c->f, "0 is the current row, null unbounded, -n n before it, n n behind it");
    return e;
}

static enum err parse_frame(struct context *c, const struct json *j, struct window *w)
{
    if (j->kind != JSON_ARRAY || j->len != 2) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "a frame is [from, to]");
    }
    enum err e = parse_bound(c, j->first, &w->lo);
    e = e != ERR_OK ? e : parse_bound(c, j->first->next, &w->hi);
    if (e == ERR_OK && !w->lo.unbounded && !w->hi.unbounded && w->lo.offset > w->hi.offset) {
        e = ctx_fail(c, j, ERR_BAD_QUERY, "a frame cannot end before it begins");
    }
    return e;
}

static enum err parse_frames(struct context *c, const struct json *j, struct window *w)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < sizeof units / sizeof units[0] && e == ERR_OK; i++) {
        const struct json *frame = json_get(j, units[i].key);
        if (frame != NULL && w->unit != FRAME_NONE) {
            return ctx_fail(c, frame, ERR_BAD_QUERY,
                            "a window has one frame: `rows`, `range` or `groups`");
        }
        if (frame != NULL) {
            w->unit = units[i].unit;
            e = parse_frame(c, frame, w);
        }
    }
    return e;
}

static enum err parse_exclude(struct context *c, const struct json *j, struct window *w)
{
    if (w->unit == FRAME_NONE) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`exclude` needs `rows`, `range` or `groups`");
    }
    for (size_t i = 0; i < sizeof excludes / sizeof excludes[0]; i++) {
        if (json_is(j, excludes[i].name)) {
            w->exclude = excludes[i].exclude;
            return ERR_OK;
        }
    }
    return ctx_fail(c, j, ERR_BAD_QUERY,
                    "`exclude` is \"no_others\", \"current_row\", \"group\" or \"ties\"");
}

/* ---- windows ---- */

static enum err parse_partition(struct context *c, const struct json *j, struct window *w)
{
    if (j->kind != JSON_ARRAY || j->len == 0 || j->len > MAX_ENTRIES) {
        return ctx_fail(c, j,
                        j->kind == JSON_ARRAY && j->len == 0 ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                        "`partition_by` takes a list of 1 to %d expressions", MAX_ENTRIES);
    }
    w->partition = ARENA_ARRAY(c->a, j->len, struct expr *);
    if (w->partition == NULL) {
        return ctx_full(c);
    }
    enum err e = ERR_OK;
    for (const struct json *m = j->first; m != NULL && e == ERR_OK; m = m->next) {
        e = parse_expr(c, m, &w->partition[w->partition_count++]);
    }
    return e;
}

static enum err parse_window(struct context *c, const struct json *j, struct window *w)
{
    const struct json *partition = json_get(j, "partition_by"),
                      *order = json_get(j, "order_by");
    const struct json *base = json_get(j, "window"), *exclude = json_get(j, "exclude");
    enum err e = ERR_OK;
    w->src = j;
    if (base != NULL && (base->kind != JSON_STRING || base->len == 0)) {
        return ctx_fail(c, base, ERR_BAD_QUERY, "`window` is the name of a window");
    }
    w->base = base == NULL ? (struct str){0} : json_text(base);
    if (partition != NULL) {
        e = parse_partition(c, partition, w);
    }
    if (e == ERR_OK && order != NULL) {
        e = parse_orders(c, order, "order_by", &w->order, &w->order_count);
    }
    e = e != ERR_OK ? e : parse_frames(c, j, w);
    return e == ERR_OK && exclude != NULL ? parse_exclude(c, exclude, w) : e;
}

#define WINDOW_KEYS                                                                            \
    {"partition_by", true}, {"order_by", true}, {"rows", true}, {"range", true},               \
        {"groups", true}, {"exclude", true},                                                   \
    {                                                                                          \
        "window", true                                                                         \
    }

static const struct form_key over_keys[] = {{"over", true}, WINDOW_KEYS};
static const struct form_key window_keys[] = {WINDOW_KEYS};

enum err parse_over(struct context *c, const struct json *j, struct expr **out)
{
    enum err e = check_keys(c, j, KEYS(over_keys), "an over");
    struct expr *x = expr_new(c, EXPR_OVER, j);
    if (e != ERR_OK || x == NULL) {
        return e != ERR_OK ? e : ctx_full(c);
    }
    const struct json *call = json_get(j, "over");
    *out = x;
    e = parse_expr(c, call, &x->over.call);
    if (e == ERR_OK && (x->over.call->kind != EXPR_CALL ||
                        (x->over.call->call.op->flags & (OP_AGGREGATE | OP_WINDOW)) == 0)) {
        e = ctx_fail(c, call, ERR_BAD_QUERY,
                     "`over` takes a call of a window function or an aggregate");
    }
    x->over.window = ARENA_NEW(c->a, struct window);
    if (x->over.window == NULL) {
        return ctx_full(c);
    }
    return e != ERR_OK ? e : parse_window(c, j, x->over.window);
}

enum err parse_windows(struct context *c, const struct json *j, struct query *q)
{
    if (j->kind != JSON_OBJECT || j->len == 0 || j->len > MAX_ENTRIES) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`window` is a map of names to windows");
    }
    q->windows = ARENA_ARRAY(c->a, j->len, struct named_window);
    if (q->windows == NULL) {
        return ctx_full(c);
    }
    enum err e = ERR_OK;
    for (const struct json *m = j->first; m != NULL && e == ERR_OK; m = m->next) {
        struct named_window *w = &q->windows[q->window_count++];
        w->name = json_key(m);
        if (m->kind != JSON_OBJECT) {
            return ctx_fail(c, m, ERR_BAD_QUERY, "a window is an object, not %s",
                            json_kind_name(m));
        }
        e = check_keys(c, m, KEYS(window_keys), "a window");
        e = e != ERR_OK ? e : parse_window(c, m, &w->window);
    }
    return e;
}
