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

struct grouping {
    struct context *c;
    const struct query *q;
    unsigned depth; /* subqueries of q around what is looked at */
};

static enum err check_query(struct grouping *g, const struct query *inner);

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
    if (s->table == NULL || s->table->primary_key.count == 0) {
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

static enum err check_list(struct grouping *g, struct expr *const *list, uint32_t count)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < count && err == ERR_OK; i++) {
        err = check_expr(g, list[i]);
    }
    return err;
}

static enum err check_optional(struct grouping *g, const struct expr *e)
{
    return e == NULL ? ERR_OK : check_expr(g, e);
}

static enum err check_case(struct grouping *g, const struct expr *e)
{
    enum err err = check_optional(g, e->cas.of);
    for (uint32_t i = 0; i < e->cas.count && err == ERR_OK; i++) {
        err = check_expr(g, e->cas.whens[i].cond);
        err = err != ERR_OK ? err : check_expr(g, e->cas.whens[i].then);
    }
    return err != ERR_OK ? err : check_optional(g, e->cas.otherwise);
}

static enum err check_expr(struct grouping *g, const struct expr *e)
{
    if (is_grouped(g->q, e)) {
        return ERR_OK;
    }
    switch (e->kind) {
    case EXPR_NULL:
    case EXPR_BOOL:
    case EXPR_LITERAL:
    case EXPR_PARAM:
    case EXPR_PARAM_LIST:
    case EXPR_STAR:
    case EXPR_DRESSED:
        return ERR_OK;
    case EXPR_NAME:
        return check_name(g, e);
    case EXPR_CALL:
        if ((e->call.op->flags & OP_AGGREGATE) != 0 && g->depth == 0) {
            return ERR_OK;
        }
        return check_list(g, e->call.args, e->call.count);
    case EXPR_CASE:
        return check_case(g, e);
    case EXPR_LIST:
        return e->list.items == NULL ? ERR_OK : check_list(g, e->list.items, e->list.count);
    case EXPR_QUERY:
        return check_query(g, e->query);
    }
    return ERR_OK;
}

static enum err check_joins(struct grouping *g, const struct from_node *n)
{
    enum err err = ERR_OK;
    for (const struct join *j = n->joins; j != NULL && err == ERR_OK; j = j->next) {
        err = check_optional(g, j->on);
        err = err != ERR_OK ? err : check_joins(g, j->right);
    }
    return err;
}

/* A correlated subquery: q's columns in it follow the same rule. */
static enum err check_query(struct grouping *g, const struct query *inner)
{
    g->depth++;
    enum err err = inner->from == NULL ? ERR_OK : check_joins(g, inner->from);
    for (uint32_t i = 0; i < inner->output_count && err == ERR_OK; i++) {
        err = check_expr(g, inner->outputs[i].expr);
    }
    err = err != ERR_OK ? err : check_optional(g, inner->where);
    err = err != ERR_OK ? err : check_optional(g, inner->having);
    err = err != ERR_OK ? err : check_list(g, inner->group, inner->group_count);
    g->depth--;
    return err;
}

enum err check_grouped(struct context *c, const struct query *q)
{
    struct grouping g = {c, q, 0};
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < q->output_count && err == ERR_OK; i++) {
        err = check_expr(&g, q->outputs[i].expr);
    }
    err = err != ERR_OK ? err : check_optional(&g, q->having);
    for (uint32_t i = 0; i < q->order_count && err == ERR_OK; i++) {
        err = check_expr(&g, q->order[i].expr);
    }
    return err;
}
