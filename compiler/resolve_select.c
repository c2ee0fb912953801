/* SPDX-License-Identifier: MIT
 *
 * compiler/resolve_select.c: a select, clause by clause, in the order in which
 * names come into sight.
 */
#include "compiler/resolve_select.h"

#include "compiler/moments.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/types.h"
#include "compiler/walk.h"

/* ---- items ---- */

static enum err add_output(struct context *c, struct query *q, struct output o, uint32_t *cap)
{
    if (q->output_count >= 1600) { /* what PostgreSQL can return */
        return ctx_fail(c, q->src, ERR_QUERY_TOO_LARGE, "more than 1600 columns");
    }
    if (!ctx_grow(c, &q->outputs, q->output_count, cap, sizeof *q->outputs)) {
        return ctx_full(c);
    }
    q->outputs[q->output_count++] = o;
    return ERR_OK;
}

/* "*" and "t.*" */
static enum err add_star(struct context *c, struct query *q, const struct item *item,
                         uint32_t *cap)
{
    struct star list = {0};
    enum err err = star_columns(c, q, item, &list);
    for (uint32_t i = 0; i < list.count && err == ERR_OK; i++) {
        err = add_output(c, q, list.columns[i], cap);
    }
    return err;
}

static struct str default_name(const struct expr *e)
{
    switch (e->kind) {
    case EXPR_NAME:
        return source_column_name(e->name.source, e->name.column);
    case EXPR_CALL:
        return str_of(e->call.op->name);
    case EXPR_CASE:
        return STR("case");
    case EXPR_PARAM:
        return e->param.ref > 0 ? STR("ref") : e->param.name;
    case EXPR_NULL:
    case EXPR_BOOL:
    case EXPR_LITERAL:
    case EXPR_STAR:
    case EXPR_LIST:
    case EXPR_PARAM_LIST:
    case EXPR_QUERY:
    case EXPR_PATH:
    case EXPR_KEYWORD:
    case EXPR_DRESSED:
        break;
    case EXPR_OVER:
        return default_name(e->over.call);
    }
    return STR("value");
}

static enum err add_item(struct context *c, struct query *q, const struct item *item,
                         uint32_t *cap)
{
    if (item->kind != ITEM_EXPR) {
        return add_star(c, q, item, cap);
    }
    bool aliased = item->alias.ptr != NULL, named = item->expr->kind == EXPR_NAME;
    struct output o = {.name = item->alias, .expr = item->expr, .aliased = aliased};
    /* As it is written: a column of `using` may become a call. */
    struct str written = named ? item->expr->name.part[2] : (struct str){NULL, 0};
    enum err err = resolve_expr(c, q, item->expr);
    if (err != ERR_OK) {
        return err;
    }
    if (!aliased) {
        o.name = named ? written : default_name(item->expr);
    }
    return add_output(c, q, o, cap);
}

enum err resolve_items(struct context *c, struct query *q)
{
    uint32_t cap = 0;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < q->item_count && err == ERR_OK; i++) {
        err = add_item(c, q, &q->items[i], &cap);
    }
    return err;
}

/* ---- clauses ---- */

enum err resolve_condition(struct context *c, struct query *q, struct expr *e, const char *what)
{
    struct type boolean = type_of(TYPE_BOOLEAN);
    enum err err = resolve_expr(c, q, e);
    if (err == ERR_OK && e->type.kind != TYPE_UNKNOWN && e->type.kind != TYPE_BOOLEAN) {
        err = type_mismatch(c, e, what, "a condition");
    }
    return err != ERR_OK ? err : settle(c, e, &boolean, SETTLE_COMPARE);
}

bool is_constant(const struct expr *e)
{
    return e->kind == EXPR_NULL || e->kind == EXPR_BOOL || e->kind == EXPR_LITERAL ||
           e->kind == EXPR_PARAM;
}

enum err refuse_constant(struct context *c, const struct expr *e, const char *clause)
{
    enum err err = ctx_fail(c, e->src, ERR_BAD_QUERY, "a constant in `%s`", clause);
    fail_hint(c->f, "databases would take it for a position; name a column");
    return err;
}

/* Fixed while the subquery runs, so as good as a constant; SQLite does not take it. */
enum err refuse_outer(struct context *c, const struct query *q, const struct expr *e,
                      const char *clause)
{
    if ((expr_sources(q, e) & OUTER_BIT) == 0) {
        return ERR_OK;
    }
    enum err err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                            "columns of an outer query in `%s`", clause);
    fail_hint(c->f, "they are the same in every row here: use them outside");
    return err;
}

enum err refuse_json(struct context *c, const struct expr *e, const char *clause)
{
    if (type_family(e->type.kind) != FAMILY_JSON) {
        return need_spans(c, e);
    }
    return ctx_fail(c, e->src, ERR_TYPE_MISMATCH, "`%s` does not compare json", clause);
}

enum err resolve_sort_key(struct context *c, struct query *q, struct expr *e,
                          const char *clause)
{
    if (is_constant(e)) {
        return refuse_constant(c, e, clause);
    }
    enum err err = resolve_expr(c, q, e);
    err = err != ERR_OK ? err : settle(c, e, NULL, SETTLE_COMPARE);
    return err != ERR_OK ? err : refuse_json(c, e, clause);
}

/* An expression that stands in group_by twice is known by its first bit. */
static void share_bits(struct query *q)
{
    for (uint32_t i = 0; q->set_count > 0 && i < q->group_count; i++) {
        uint32_t first = 0;
        while (!expr_equal(q->group[first], q->group[i])) {
            first++;
        }
        for (uint32_t s = 0; first < i && s < q->set_count; s++) {
            if ((q->sets[s] >> i & 1) != 0) {
                q->sets[s] = (q->sets[s] & ~((uint64_t)1 << i)) | (uint64_t)1 << first;
            }
        }
    }
}

/* What some set does not group by is null there. */
static void nulls_of_sets(struct query *q)
{
    for (uint32_t i = 0; q->set_count > 0 && i < q->output_count; i++) {
        q->outputs[i].expr->nullable = true;
    }
}

static enum err resolve_group(struct context *c, struct query *q)
{
    enum err err = ERR_OK;
    q->no_aggregates = true;
    for (uint32_t i = 0; i < q->group_count && err == ERR_OK; i++) {
        err = resolve_sort_key(c, q, q->group[i], "group_by");
        err = err != ERR_OK ? err : refuse_outer(c, q, q->group[i], "group_by");
    }
    q->no_aggregates = false;
    q->aggregated =
        q->aggregated || q->group_count > 0 || q->set_count > 0 || q->having != NULL;
    share_bits(q);
    return err;
}

enum err resolve_order(struct context *c, struct query *q)
{
    enum err err = ERR_OK;
    q->aliases_seen = true;
    q->takes_windows = true;
    q->no_aggregates = !q->aggregated; /* SQLite takes none here alone */
    for (uint32_t i = 0; i < q->order_count && err == ERR_OK; i++) {
        err = resolve_sort_key(c, q, q->order[i].expr, "order_by");
    }
    q->aliases_seen = false;
    q->takes_windows = false;
    q->no_aggregates = false;
    return err;
}

/* Rows that are made one by DISTINCT have no value of their own to sort by. */
static enum err check_distinct(struct context *c, struct query *q)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < q->output_count && err == ERR_OK; i++) {
        err = refuse_json(c, q->outputs[i].expr, "distinct");
    }
    for (uint32_t i = 0; i < q->order_count && err == ERR_OK; i++) {
        bool found = false;
        for (uint32_t k = 0; k < q->output_count; k++) {
            found = found || expr_equal(q->order[i].expr, q->outputs[k].expr);
        }
        if (!found) {
            err = ctx_fail(c, q->order[i].src, ERR_BAD_QUERY,
                           "with `distinct`, `order_by` takes only what is selected");
        }
    }
    return err;
}

static enum err settle_outputs(struct context *c, struct query *q)
{
    enum err err = ERR_OK;
    bool inner = q->outer != NULL || q->is_part; /* its surroundings give the type */
    for (uint32_t i = 0; i < q->output_count && err == ERR_OK && !inner; i++) {
        err = settle(c, q->outputs[i].expr, NULL, SETTLE_COMPARE);
    }
    return err;
}

static enum err resolve_where(struct context *c, struct query *q)
{
    if (q->where == NULL) {
        return ERR_OK;
    }
    q->no_aggregates = true;
    enum err err = resolve_condition(c, q, q->where, "where");
    q->no_aggregates = false;
    return err;
}

enum err resolve_select(struct context *c, struct query *q)
{
    enum err err = resolve_from(c, q);
    err = err != ERR_OK ? err : resolve_where(c, q);
    err = err != ERR_OK ? err : check_connected(c, q);
    err = err != ERR_OK ? err : resolve_group(c, q);
    err = err != ERR_OK ? err : resolve_windows(c, q);
    q->takes_windows = true;
    err = err != ERR_OK ? err : resolve_items(c, q);
    q->takes_windows = false;
    err = err != ERR_OK ? err : settle_outputs(c, q);
    nulls_of_sets(q);
    if (err == ERR_OK && q->having != NULL) {
        err = resolve_condition(c, q, q->having, "having");
    }
    err = err != ERR_OK ? err : resolve_order(c, q);
    if (err == ERR_OK && q->distinct) {
        err = check_distinct(c, q);
    }
    err = err != ERR_OK ? err : resolve_choice(c, q);
    err = err != ERR_OK ? err : resolve_after(c, q);
    return err == ERR_OK && q->aggregated ? check_grouped(c, q) : err;
}
