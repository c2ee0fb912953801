/* SPDX-License-Identifier: MIT
 *
 * compiler/group.c: which columns a query with aggregates may show.
 *
 * PostgreSQL's rule, because the others answer with the value of any row: a
 * column must be grouped, inside an aggregate, or of a table whose whole primary
 * key is grouped.
 */
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/walk.h"

struct grouping {
    struct context *c;
    const struct query *q;
    unsigned depth;              /* subqueries of q around what is looked at */
    const struct expr *windowed; /* the call of the last window seen: no aggregate of q */
    enum err err;                /* that ended a walk */
};

static bool is_grouped(const struct query *q, const struct expr *e)
{
    for (uint32_t i = 0; i < q->group_count; i++) {
        if (expr_equal(q->group[i], e)) {
            return true;
        }
    }
    return false;
}

static bool groups_column(const struct query *q, const struct source *s, uint32_t column)
{
    for (uint32_t i = 0; i < q->group_count; i++) {
        const struct expr *g = q->group[i];
        if (g->kind == EXPR_NAME && g->name.source == s && g->name.column == column) {
            return true;
        }
    }
    return false;
}

static bool key_is_grouped(const struct query *q, const struct source *s)
{
    /* PostgreSQL knows no key of the derived table that a full join may become. */
    if (q->set_count > 0 || s->in_full || s->table == NULL ||
        s->table->primary_key.count == 0) {
        return false;
    }
    const struct key *k = &s->table->primary_key;
    for (uint32_t i = 0; i < k->count; i++) {
        if (!groups_column(q, s, k->columns[i])) {
            return false;
        }
    }
    return true;
}

static enum err check_name(struct grouping *g, const struct expr *e)
{
    const struct source *s = e->name.source;
    if (s->owner != g->q || key_is_grouped(g->q, s)) {
        return ERR_OK;
    }
    struct str column = source_column_name(s, e->name.column);
    enum err err = ctx_fail(g->c, e->src, ERR_BAD_QUERY,
                            "column `%.*s.%.*s` is neither grouped nor inside an aggregate",
                            STR_ARG(s->name), STR_ARG(column));
    fail_hint(g->c->f, "add it to group_by");
    return err;
}

static enum err check_expr(struct grouping *g, const struct expr *e);

static bool visit_expr(const struct expr *e, void *arg)
{
    struct grouping *g = arg;
    g->err = check_expr(g, e);
    return g->err == ERR_OK;
}

/* A correlated subquery: q's columns in it follow the same rule. */
static bool visit_query(const struct query *inner, void *arg)
{
    struct grouping *g = arg;
    g->depth++;
    bool ok = query_exprs(inner, visit_expr, g) && query_parts(inner, visit_query, g);
    g->depth--;
    return ok;
}

/* What an ordered-set aggregate takes besides its rows is of the group. */
static enum err check_aggregate(struct grouping *g, const struct expr *e)
{
    bool within = e->call.aggregate != NULL && e->call.aggregate->within_count > 0;
    enum err err = ERR_OK;
    for (uint32_t i = 0; within && i < e->call.count && err == ERR_OK; i++) {
        err = check_expr(g, e->call.args[i]);
    }
    return err;
}

static enum err check_expr(struct grouping *g, const struct expr *e)
{
    bool aggregate =
        e->kind == EXPR_CALL && (e->call.op->flags & OP_AGGREGATE) != 0 && e != g->windowed;
    if (is_grouped(g->q, e)) {
        return ERR_OK;
    }
    if (aggregate && g->depth == 0) {
        return check_aggregate(g, e);
    }
    if (e->kind == EXPR_NAME) {
        return check_name(g, e);
    }
    if (e->kind == EXPR_QUERY) {
        return visit_query(e->query, g) ? ERR_OK : g->err;
    }
    if (e->kind == EXPR_OVER) {
        g->windowed = e->over.call;
    }
    return expr_children(e, visit_expr, g) ? ERR_OK : g->err;
}

enum err check_grouped(struct context *c, const struct query *q)
{
    struct grouping g = {.c = c, .q = q};
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < q->output_count && err == ERR_OK; i++) {
        err = check_expr(&g, q->outputs[i].expr);
    }
    err = err != ERR_OK ? err : (q->having == NULL ? ERR_OK : check_expr(&g, q->having));
    for (uint32_t i = 0; i < q->order_count && err == ERR_OK; i++) {
        err = check_expr(&g, q->order[i].expr);
    }
    for (uint32_t i = 0; i < q->distinct_count && err == ERR_OK; i++) {
        err = check_expr(&g, q->distinct_on[i]);
    }
    return err;
}
