/* SPDX-License-Identifier: MIT
 *
 * compiler/walk.c: see compiler/walk.h.
 */
#include "compiler/walk.h"

#include "compiler/operators.h"
#include "compiler/write.h"

#include <string.h>

/* ---- what is inside ---- */

static bool visit_list(struct expr *const *list, uint32_t count, expr_visit *visit, void *arg)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!visit(list[i], arg)) {
            return false;
        }
    }
    return true;
}

static bool visit_optional(const struct expr *e, expr_visit *visit, void *arg)
{
    return e == NULL || visit(e, arg);
}

static bool visit_orders(const struct order *list, uint32_t count, expr_visit *visit, void *arg)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!visit(list[i].expr, arg)) {
            return false;
        }
    }
    return true;
}

static bool visit_case(const struct expr *e, expr_visit *visit, void *arg)
{
    for (uint32_t i = 0; i < e->cas.count; i++) {
        if (!visit(e->cas.whens[i].cond, arg) || !visit(e->cas.whens[i].then, arg)) {
            return false;
        }
    }
    return visit_optional(e->cas.of, visit, arg) &&
           visit_optional(e->cas.otherwise, visit, arg);
}

static bool visit_call(const struct expr *e, expr_visit *visit, void *arg)
{
    const struct aggregate *a = e->call.aggregate;
    return visit_list(e->call.args, e->call.count, visit, arg) &&
           (a == NULL || (visit_optional(a->filter, visit, arg) &&
                          visit_orders(a->order, a->order_count, visit, arg) &&
                          visit_orders(a->within, a->within_count, visit, arg)));
}

static bool visit_window(const struct window *w, expr_visit *visit, void *arg)
{
    return visit_list(w->partition, w->partition_count, visit, arg) &&
           visit_orders(w->order, w->order_count, visit, arg);
}

static bool visit_dressed(const struct expr *e, expr_visit *visit, void *arg)
{
    if (e->dressed.of != NULL) {
        return visit(e->dressed.of, arg);
    }
    for (uint32_t i = 0; i < e->dressed.count; i++) {
        if (!visit(e->dressed.parts[i], arg)) {
            return false;
        }
    }
    return true;
}

bool expr_children(const struct expr *e, expr_visit *visit, void *arg)
{
    switch (e->kind) {
    case EXPR_CALL:
        return visit_call(e, visit, arg);
    case EXPR_CASE:
        return visit_case(e, visit, arg);
    case EXPR_LIST:
        return e->list.items == NULL || visit_list(e->list.items, e->list.count, visit, arg);
    case EXPR_OVER:
        return visit(e->over.call, arg) && visit_window(e->over.window, visit, arg);
    case EXPR_NULL:
    case EXPR_BOOL:
    case EXPR_LITERAL:
    case EXPR_PARAM:
    case EXPR_NAME:
    case EXPR_STAR:
    case EXPR_PARAM_LIST:
    case EXPR_QUERY:
    case EXPR_PATH:
    case EXPR_KEYWORD:
        break;
    case EXPR_DRESSED:
        return visit_dressed(e, visit, arg);
    }
    return true;
}

static bool visit_form(const struct table_form *f, expr_visit *visit, void *arg)
{
    return f == NULL ||
           (visit_optional(f->call, visit, arg) && visit_optional(f->percent, visit, arg) &&
            visit_optional(f->seed, visit, arg));
}

static bool visit_joins(const struct from_node *n, expr_visit *visit, void *arg)
{
    if (!visit_form(n->source->form, visit, arg)) {
        return false;
    }
    for (const struct join *j = n->joins; j != NULL; j = j->next) {
        if (!visit_optional(j->on, visit, arg) || !visit_joins(j->right, visit, arg)) {
            return false;
        }
    }
    return true;
}

static bool visit_assigns(const struct write_set *s, expr_visit *visit, void *arg)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (!visit_optional(s->assigns[i].value, visit, arg)) {
            return false;
        }
    }
    return true;
}

static bool visit_write(const struct write *w, expr_visit *visit, void *arg)
{
    const struct upsert *u = w->upsert;
    for (uint32_t i = 0; i < w->set_count; i++) {
        if (!visit_assigns(&w->sets[i], visit, arg)) {
            return false;
        }
    }
    return visit_list(w->values, w->value_rows * w->column_count, visit, arg) &&
           (u == NULL ||
            (visit_assigns(&u->set, visit, arg) && visit_list(u->on, u->on_count, visit, arg) &&
             visit_optional(u->index_where, visit, arg) &&
             visit_optional(u->where, visit, arg)));
}

bool query_exprs(const struct query *q, expr_visit *visit, void *arg)
{
    for (uint32_t i = 0; i < q->output_count; i++) {
        if (!visit(q->outputs[i].expr, arg)) {
            return false;
        }
    }
    return (q->write == NULL || visit_write(q->write, visit, arg)) &&
           (q->from == NULL || visit_joins(q->from, visit, arg)) &&
           visit_optional(q->where, visit, arg) && visit_optional(q->having, visit, arg) &&
           visit_list(q->group, q->group_count, visit, arg) &&
           visit_list(q->distinct_on, q->distinct_count, visit, arg) &&
           visit_orders(q->order, q->order_count, visit, arg);
}

bool query_parts(const struct query *q, query_visit *visit, void *arg)
{
    for (uint32_t i = 0; i < q->source_count; i++) {
        const struct source *s = q->sources[i];
        if (s->query != NULL && s->cte == NULL && !visit(s->query, arg)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < q->part_count; i++) {
        if (!visit(q->parts[i], arg)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < q->with.count; i++) {
        if (!visit(q->with.ctes[i].query, arg)) {
            return false;
        }
    }
    return q->write == NULL || q->write->query == NULL || visit(q->write->query, arg);
}

/* ---- equality ---- */

static bool equal_lists(struct expr *const *a, struct expr *const *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!expr_equal(a[i], b[i])) {
            return false;
        }
    }
    return true;
}

static bool equal_optional(const struct expr *a, const struct expr *b)
{
    return a == NULL || b == NULL ? a == b : expr_equal(a, b);
}

static bool equal_cases(const struct expr *a, const struct expr *b)
{
    if (a->cas.count != b->cas.count || !equal_optional(a->cas.of, b->cas.of) ||
        !equal_optional(a->cas.otherwise, b->cas.otherwise)) {
        return false;
    }
    for (uint32_t i = 0; i < a->cas.count; i++) {
        if (!expr_equal(a->cas.whens[i].cond, b->cas.whens[i].cond) ||
            !expr_equal(a->cas.whens[i].then, b->cas.whens[i].then)) {
            return false;
        }
    }
    return true;
}

static bool equal_in_lists(const struct expr *a, const struct expr *b)
{
    if (a->list.items == NULL || b->list.items == NULL) {
        return a->list.items == b->list.items && a->list.first == b->list.first;
    }
    return a->list.count == b->list.count &&
           equal_lists(a->list.items, b->list.items, a->list.count);
}

static bool equal_orders(const struct order *a, const struct order *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (a[i].descending != b[i].descending || a[i].nulls != b[i].nulls ||
            !expr_equal(a[i].expr, b[i].expr)) {
            return false;
        }
    }
    return true;
}

static bool equal_aggregates(const struct aggregate *a, const struct aggregate *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    return a->order_count == b->order_count && a->within_count == b->within_count &&
           equal_optional(a->filter, b->filter) &&
           equal_orders(a->order, b->order, a->order_count) &&
           equal_orders(a->within, b->within, a->within_count);
}

static bool equal_calls(const struct expr *a, const struct expr *b)
{
    return a->call.op == b->call.op && a->distinct == b->distinct &&
           str_eq(a->call.native, b->call.native) && a->call.count == b->call.count &&
           equal_lists(a->call.args, b->call.args, a->call.count) &&
           equal_aggregates(a->call.aggregate, b->call.aggregate);
}

bool windows_sort_alike(const struct window *a, const struct window *b)
{
    return a->partition_count == b->partition_count && a->order_count == b->order_count &&
           equal_lists(a->partition, b->partition, a->partition_count) &&
           equal_orders(a->order, b->order, a->order_count);
}

/* What a base adds is in them when they are resolved. */
static bool equal_windows(const struct window *a, const struct window *b)
{
    return a->unit == b->unit && a->exclude == b->exclude &&
           a->lo.unbounded == b->lo.unbounded && a->lo.offset == b->lo.offset &&
           a->hi.unbounded == b->hi.unbounded && a->hi.offset == b->hi.offset &&
           windows_sort_alike(a, b);
}

bool expr_equal(const struct expr *a, const struct expr *b)
{
    if (a == b) {
        return true;
    }
    if (a->kind != b->kind || a->type.kind != b->type.kind) {
        return false;
    }
    switch (a->kind) {
    case EXPR_NULL:
    case EXPR_STAR:
        return true;
    case EXPR_BOOL:
        return a->boolean == b->boolean;
    case EXPR_LITERAL:
        return a->literal.index == b->literal.index && a->form == b->form;
    case EXPR_PARAM:
    case EXPR_PARAM_LIST:
        return str_eq(a->param.name, b->param.name) && a->param.ref == b->param.ref &&
               a->form == b->form;
    case EXPR_NAME:
        return a->name.source == b->name.source && a->name.column == b->name.column;
    case EXPR_CALL:
        return equal_calls(a, b);
    case EXPR_CASE:
        return equal_cases(a, b);
    case EXPR_LIST:
        return equal_in_lists(a, b);
    case EXPR_OVER:
        return expr_equal(a->over.call, b->over.call) &&
               equal_windows(a->over.window, b->over.window);
    case EXPR_KEYWORD:
        return str_eq(a->keyword, b->keyword);
    case EXPR_PATH:
        return a->literal.index == b->literal.index;
    case EXPR_QUERY: /* by an alias it is the very same one */
        return a->query == b->query;
    case EXPR_DRESSED:
        return false;
    }
    return false;
}

uint32_t output_of(const struct query *q, const struct expr *e)
{
    uint32_t i = 0;
    while (i < q->output_count && !expr_equal(e, q->outputs[i].expr)) {
        i++;
    }
    return i;
}

/* ---- sources ---- */

struct source_walk {
    const struct query *q;
    uint64_t bits;
};

static uint64_t name_source_bit(const struct query *q, const struct source *s)
{
    if (s->owner == q) {
        return (uint64_t)1 << s->bit;
    }
    for (const struct query *up = q->outer; up != NULL; up = up->outer) {
        if (s->owner == up) {
            return OUTER_BIT;
        }
    }
    return 0; /* of a subquery inside */
}

static bool add_sources(const struct expr *e, void *arg);

static bool add_query_sources(const struct query *inner, void *arg)
{
    return query_exprs(inner, add_sources, arg) && query_parts(inner, add_query_sources, arg);
}

static bool add_sources(const struct expr *e, void *arg)
{
    struct source_walk *w = arg;
    if (e->kind == EXPR_NAME) {
        w->bits |= name_source_bit(w->q, e->name.source);
    }
    return e->kind == EXPR_QUERY ? add_query_sources(e->query, arg)
                                 : expr_children(e, add_sources, arg);
}

uint64_t expr_sources(const struct query *q, const struct expr *e)
{
    struct source_walk w = {q, 0};
    add_sources(e, &w);
    return w.bits;
}

static bool is_no_query(const struct expr *e, void *arg)
{
    return e->kind != EXPR_QUERY && expr_children(e, is_no_query, arg);
}

bool expr_has_query(const struct expr *e)
{
    return !is_no_query(e, NULL);
}

static bool is_steady(const struct expr *e, void *arg);

static bool is_steady_query(const struct query *q, void *arg)
{
    return query_exprs(q, is_steady, arg) && query_parts(q, is_steady_query, arg);
}

static bool is_steady(const struct expr *e, void *arg)
{
    if (e->kind == EXPR_CALL && e->call.op->volatility == VOLATILITY_VOLATILE) {
        return false;
    }
    return e->kind == EXPR_QUERY ? is_steady_query(e->query, arg)
                                 : expr_children(e, is_steady, arg);
}

bool expr_is_volatile(const struct expr *e)
{
    return !is_steady(e, NULL);
}

static bool is_no_window(const struct expr *e, void *arg)
{
    return e->kind != EXPR_OVER && expr_children(e, is_no_window, arg);
}

bool expr_has_window(const struct expr *e)
{
    return !is_no_window(e, NULL);
}

bool query_has_windows(const struct query *q)
{
    return !query_exprs(q, is_no_window, NULL);
}

/* Whether the source belongs to q or to a query inside it. A query is known by its
 * node, because what is written may be a copy of it. */
static bool is_inside(const struct query *q, const struct source *s)
{
    const struct query *up = s->owner;
    while (up != NULL && up->src != q->src) {
        up = up->holder != NULL ? up->holder : up->outer;
    }
    return up != NULL;
}

static bool is_closed_expr(const struct expr *e, void *arg);

static bool is_closed(const struct query *inner, void *arg)
{
    return query_exprs(inner, is_closed_expr, arg) && query_parts(inner, is_closed, arg);
}

static bool is_closed_expr(const struct expr *e, void *arg)
{
    if (e->kind == EXPR_NAME) {
        return is_inside(arg, e->name.source);
    }
    return e->kind == EXPR_QUERY ? is_closed(e->query, arg)
                                 : expr_children(e, is_closed_expr, arg);
}

bool query_is_closed(const struct query *q)
{
    struct query *root;
    memcpy(&root, &q, sizeof root); /* a visit takes what it is given, and only reads */
    return (q->outer == NULL && q->holder == NULL) || is_closed(q, root);
}

static bool repeats_query(const struct query *q, void *arg);

static bool repeats(const struct expr *e, void *arg)
{
    if (e->kind == EXPR_OVER ||
        (e->kind == EXPR_CALL && e->call.op->volatility == VOLATILITY_VOLATILE)) {
        return false;
    }
    return e->kind == EXPR_QUERY ? repeats_query(e->query, arg)
                                 : expr_children(e, repeats, arg);
}

static bool repeats_query(const struct query *q, void *arg)
{
    return q->limit == NULL && q->offset == NULL && query_exprs(q, repeats, arg) &&
           query_parts(q, repeats_query, arg);
}

bool expr_repeats(const struct expr *e)
{
    return repeats(e, NULL);
}

bool query_repeats(const struct query *q)
{
    return repeats_query(q, NULL);
}

/* ---- what is read of a `with` ---- */

static bool reads_none(const struct query *q, void *arg);

static bool expr_reads_none(const struct expr *e, void *arg)
{
    return e->kind == EXPR_QUERY ? reads_none(e->query, arg)
                                 : expr_children(e, expr_reads_none, arg);
}

static bool reads_none(const struct query *q, void *arg)
{
    const struct with *const *w = arg;
    for (uint32_t i = 0; i < q->source_count; i++) {
        const struct cte *cte = q->sources[i]->cte;
        for (uint32_t k = 0; cte != NULL && k < (*w)->count; k++) {
            if (cte == &(*w)->ctes[k]) {
                return false;
            }
        }
    }
    return query_exprs(q, expr_reads_none, arg) && query_parts(q, reads_none, arg);
}

bool query_reads_with(const struct query *q, const struct with *w)
{
    return !reads_none(q, &w);
}

/* ---- at most one row ---- */

static bool is_fixed(const struct query *q, const struct expr *e)
{
    return e->kind != EXPR_QUERY && (expr_sources(q, e) & ~OUTER_BIT) == 0;
}

/* Collects the columns of the only source that where sets equal to something
 * that does not change from row to row. */
static void fixed_columns(const struct query *q, const struct expr *e, uint32_t *columns,
                          uint32_t *count, uint32_t max)
{
    if (e->kind != EXPR_CALL) {
        return;
    }
    if (str_is(str_of(e->call.op->name), "and")) {
        for (uint32_t i = 0; i < e->call.count; i++) {
            fixed_columns(q, e->call.args[i], columns, count, max);
        }
        return;
    }
    if (!str_is(str_of(e->call.op->name), "=") || e->call.count != 2) {
        return;
    }
    for (unsigned side = 0; side < 2; side++) {
        const struct expr *x = e->call.args[side];
        if (x->kind == EXPR_NAME && x->name.source->owner == q && *count < max &&
            is_fixed(q, e->call.args[1 - side])) {
            columns[(*count)++] = x->name.column;
        }
    }
}

bool query_single_row(const struct query *q)
{
    uint32_t columns[32], count = 0;
    if (q->kind != QUERY_SELECT) {
        return q->part_count == 1;
    }
    if (q->aggregated && q->group_count == 0) {
        return true;
    }
    if (q->source_count == 0) {
        return true;
    }
    const struct table *t = q->sources[0]->table;
    if (q->source_count != 1 || t == NULL || q->where == NULL) {
        return false;
    }
    fixed_columns(q, q->where, columns, &count, 32);
    return count > 0 && table_has_unique(t, columns, count);
}
