/* SPDX-License-Identifier: MIT
 *
 * compiler/star.c: what `*` and `t.*` show: the columns of the sources in their order,
 * and those of `using` once and first.
 */
#include "compiler/names.h"
#include "compiler/resolve.h"
#include "compiler/walk.h"

static enum err add(struct context *c, struct star *list, struct str name, struct expr *e)
{
    if (e == NULL ||
        !ctx_grow(c, &list->columns, list->count, &list->cap, sizeof *list->columns)) {
        return ctx_full(c);
    }
    list->columns[list->count++] = (struct output){.name = name, .expr = e};
    return ERR_OK;
}

static enum err add_source(struct context *c, const struct source *s, const struct json *src,
                           struct star *list)
{
    enum err err = ERR_OK;
    uint32_t n = source_columns(s);
    for (uint32_t i = 0; i < n && err == ERR_OK; i++) {
        struct expr *e = ARENA_NEW(c->a, struct expr);
        if (e != NULL) {
            e->src = src;
            name_column(e, s, i);
        }
        err = add(c, list, source_column_name(s, i), e);
    }
    return err;
}

static enum err add_merged(struct context *c, const struct merged *m, const struct json *src,
                           struct star *list)
{
    struct expr *e = ARENA_NEW(c->a, struct expr);
    if (e != NULL) {
        e->src = src;
        name_merged(e, m);
    }
    return add(c, list, m->name, e);
}

static bool is_merged(const struct join *j, const struct expr *e)
{
    for (uint32_t i = 0; i < j->merged_count; i++) {
        if (expr_equal(e, j->merged[i].left) || expr_equal(e, j->merged[i].right)) {
            return true;
        }
    }
    return false;
}

static enum err add_others(struct context *c, const struct join *j, const struct star *from,
                           struct star *list)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < from->count && err == ERR_OK; i++) {
        const struct output *o = &from->columns[i];
        err = is_merged(j, o->expr) ? ERR_OK : add(c, list, o->name, o->expr);
    }
    return err;
}

static enum err star_of_node(struct context *c, const struct from_node *n,
                             const struct json *src, struct star *list);

static enum err star_of_join(struct context *c, const struct join *j, const struct json *src,
                             struct star *left)
{
    struct star right = {0}, both = {0};
    enum err err = star_of_node(c, j->right, src, &right);
    for (uint32_t i = 0; i < j->merged_count && err == ERR_OK; i++) {
        err = add_merged(c, &j->merged[i], src, &both);
    }
    err = err != ERR_OK ? err : add_others(c, j, left, &both);
    err = err != ERR_OK ? err : add_others(c, j, &right, &both);
    *left = both;
    return err;
}

static enum err star_of_node(struct context *c, const struct from_node *n,
                             const struct json *src, struct star *list)
{
    enum err err = add_source(c, n->source, src, list);
    for (const struct join *j = n->joins; j != NULL && err == ERR_OK; j = j->next) {
        err = star_of_join(c, j, src, list);
    }
    return err;
}

static enum err unknown_star(struct context *c, const struct query *q, const struct item *item)
{
    struct nearest n;
    nearest_init(&n, item->alias);
    for (uint32_t i = 0; i < q->source_count; i++) {
        nearest_try(&n, q->sources[i]->name);
    }
    enum err err = ctx_fail(c, item->src, ERR_UNKNOWN_TABLE,
                            "there is no table or alias `%.*s` in sight", STR_ARG(item->alias));
    nearest_hint(&n, c->f);
    return err;
}

enum err star_columns(struct context *c, const struct query *q, const struct item *item,
                      struct star *out)
{
    if (item->kind == ITEM_ALL && q->from == NULL) {
        return ctx_fail(c, item->src, ERR_BAD_QUERY, "`*` needs a `from`");
    }
    if (item->kind == ITEM_ALL) {
        return star_of_node(c, q->from, item->src, out);
    }
    for (uint32_t i = 0; i < q->source_count; i++) {
        if (str_eq(q->sources[i]->name, item->alias)) {
            return add_source(c, q->sources[i], item->src, out);
        }
    }
    return unknown_star(c, q, item);
}
