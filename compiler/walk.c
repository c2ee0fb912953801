/* SPDX-License-Identifier: MIT
 *
 * compiler/walk.c: questions about resolved expressions.
 */
#include "compiler/operators.h"
#include "compiler/resolve.h"

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
        return str_eq(a->param.name, b->param.name) && a->form == b->form;
    case EXPR_NAME:
        return a->name.source == b->name.source && a->name.column == b->name.column;
    case EXPR_CALL:
        return a->call.op == b->call.op && a->distinct == b->distinct &&
               a->call.count == b->call.count &&
               equal_lists(a->call.args, b->call.args, a->call.count);
    case EXPR_CASE:
        return equal_cases(a, b);
    case EXPR_LIST:
        return equal_in_lists(a, b);
    case EXPR_QUERY:
    case EXPR_DRESSED:
        return false;
    }
    return false;
}

/* ---- sources ---- */

static uint64_t list_sources(const struct query *q, struct expr *const *list, uint32_t count)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < count; i++) {
        bits |= expr_sources(q, list[i]);
    }
    return bits;
}

static uint64_t optional_sources(const struct query *q, const struct expr *e)
{
    return e == NULL ? 0 : expr_sources(q, e);
}

static uint64_t join_sources(const struct query *q, const struct from_node *n)
{
    uint64_t bits = 0;
    for (const struct join *j = n->joins; j != NULL; j = j->next) {
        bits |= optional_sources(q, j->on) | join_sources(q, j->right);
    }
    return bits;
}

static uint64_t query_sources(const struct query *q, const struct query *inner)
{
    uint64_t bits = inner->from == NULL ? 0 : join_sources(q, inner->from);
    for (uint32_t i = 0; i < inner->output_count; i++) {
        bits |= expr_sources(q, inner->outputs[i].expr);
    }
    for (uint32_t i = 0; i < inner->order_count; i++) {
        bits |= expr_sources(q, inner->order[i].expr);
    }
    return bits | optional_sources(q, inner->where) | optional_sources(q, inner->having) |
           list_sources(q, inner->group, inner->group_count);
}

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

static uint64_t case_sources(const struct query *q, const struct expr *e)
{
    uint64_t bits = optional_sources(q, e->cas.of) | optional_sources(q, e->cas.otherwise);
    for (uint32_t i = 0; i < e->cas.count; i++) {
        bits |= expr_sources(q, e->cas.whens[i].cond) | expr_sources(q, e->cas.whens[i].then);
    }
    return bits;
}

uint64_t expr_sources(const struct query *q, const struct expr *e)
{
    switch (e->kind) {
    case EXPR_NULL:
    case EXPR_BOOL:
    case EXPR_LITERAL:
    case EXPR_PARAM:
    case EXPR_PARAM_LIST:
    case EXPR_STAR:
    case EXPR_DRESSED:
        return 0;
    case EXPR_NAME:
        return name_source_bit(q, e->name.source);
    case EXPR_CALL:
        return list_sources(q, e->call.args, e->call.count);
    case EXPR_CASE:
        return case_sources(q, e);
    case EXPR_LIST:
        return e->list.items == NULL ? 0 : list_sources(q, e->list.items, e->list.count);
    case EXPR_QUERY:
        return query_sources(q, e->query);
    }
    return 0;
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
