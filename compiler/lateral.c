/* SPDX-License-Identifier: MIT
 *
 * compiler/lateral.c: subqueries of FROM that see the tables before them.
 *
 * Where the database has no LATERAL, two shapes are written otherwise, exactly:
 *
 *   one row, an aggregate without groups: it is no table in the SQL; each of its
 *   columns is a scalar subquery where it stands;
 *
 *   rows by equality, `where` is conditions of its own and inner = outer: a derived
 *   table with the inner sides as columns more, joined on them. With a limit, the rows
 *   of equal inner sides are numbered in its order, and the join takes the first ones.
 */
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"
#include "compiler/walk.h"

#include <string.h>

/* Columns more than the subquery's own. */
#define MAX_KEYS 16

struct keyed {
    struct expr *inner[MAX_KEYS], *outer[MAX_KEYS];
    uint32_t count;
    struct expr **rest; /* conditions of its own */
    uint32_t rest_count, rest_cap;
    bool fits;
};

static enum err refuse(struct context *c, const struct source *s, const char *why)
{
    enum err e =
        ctx_fail(c, s->src, ERR_UNSUPPORTED_FEATURE,
                 "%s has no lateral subqueries, and this one %s", c->d->words.name, why);
    fail_hint(c->f, "aggregates without group_by, and rows chosen by `=` of their columns and "
                    "the outer ones, are possible");
    return e;
}

/* ---- what is in it ---- */

static bool no_window(const struct expr *e, void *arg)
{
    return e->kind != EXPR_OVER && !expr_is_volatile(e) && expr_children(e, no_window, arg);
}

static bool sees_outside(const struct query *q)
{
    struct expr e = {.kind = EXPR_QUERY};
    memcpy(&e.query, &q, sizeof q); /* it is only looked at */
    return (expr_sources(q, &e) & OUTER_BIT) != 0;
}

static bool joins_see_nothing(const struct query *q, const struct from_node *n)
{
    for (const struct join *j = n->joins; j != NULL; j = j->next) {
        if ((j->on != NULL && (expr_sources(q, j->on) & OUTER_BIT) != 0) ||
            !joins_see_nothing(q, j->right)) {
            return false;
        }
    }
    return n->source->form == NULL;
}

/* Everything but `where`. */
static bool body_sees_nothing(const struct query *q)
{
    for (uint32_t i = 0; i < q->output_count; i++) {
        if ((expr_sources(q, q->outputs[i].expr) & OUTER_BIT) != 0) {
            return false;
        }
    }
    for (uint32_t i = 0; i < q->order_count; i++) {
        if ((expr_sources(q, q->order[i].expr) & OUTER_BIT) != 0) {
            return false;
        }
    }
    return q->from != NULL && joins_see_nothing(q, q->from);
}

static bool one_row(const struct query *q)
{
    return q->kind == QUERY_SELECT && q->aggregated && q->group_count == 0 &&
           q->having == NULL && q->limit == NULL && q->offset == NULL &&
           query_exprs(q, no_window, NULL);
}

/* ---- rows by equality ---- */

static enum err add_rest(struct context *c, struct keyed *k, struct expr *e)
{
    if (!ctx_grow(c, &k->rest, k->rest_count, &k->rest_cap, sizeof(struct expr *))) {
        return ctx_full(c);
    }
    k->rest[k->rest_count++] = e;
    return ERR_OK;
}

static enum err sort_condition(struct context *c, const struct query *q, struct expr *e,
                               struct keyed *k)
{
    enum err err = ERR_OK;
    if (e->kind == EXPR_CALL && str_is(str_of(e->call.op->name), "and")) {
        for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
            err = sort_condition(c, q, e->call.args[i], k);
        }
        return err;
    }
    if ((expr_sources(q, e) & OUTER_BIT) == 0) {
        return add_rest(c, k, e);
    }
    bool equality = e->kind == EXPR_CALL && str_is(str_of(e->call.op->name), "=") &&
                    e->call.count == 2 && k->count < MAX_KEYS;
    for (unsigned side = 0; equality && side < 2; side++) {
        struct expr *a = e->call.args[side], *b = e->call.args[1 - side];
        uint64_t in = expr_sources(q, a);
        if ((in & OUTER_BIT) == 0 && in != 0 && expr_sources(q, b) == OUTER_BIT &&
            !expr_has_query(b) && a->type.kind != TYPE_UNKNOWN) {
            k->inner[k->count] = a;
            k->outer[k->count++] = b;
            return ERR_OK;
        }
    }
    k->fits = false;
    return ERR_OK;
}

static struct expr *call_of(struct context *c, const char *op, const struct source *s,
                            struct expr **args, uint32_t count)
{
    struct expr *e = ARENA_NEW(c->a, struct expr);
    if (e != NULL) {
        *e =
            (struct expr){.kind = EXPR_CALL, .src = s->src, .resolved = true, .nullable = true};
        e->type = type_of(TYPE_BOOLEAN);
        e->call.op = operator_find(str_of(op));
        e->call.args = args;
        e->call.count = count;
    }
    return e;
}

static struct expr *pair_of(struct context *c, const char *op, const struct source *s,
                            struct expr *a, struct expr *b)
{
    struct expr **args = ARENA_ARRAY(c->a, 2, struct expr *);
    if (args == NULL || a == NULL || b == NULL) {
        return NULL;
    }
    args[0] = a;
    args[1] = b;
    return call_of(c, op, s, args, 2);
}

/* A column of the derived table that the statement itself does not know. */
static struct expr *hidden_column(struct context *c, const struct source *s, uint32_t at,
                                  const struct type *t)
{
    struct expr *e = ARENA_NEW(c->a, struct expr);
    if (e != NULL) {
        *e =
            (struct expr){.kind = EXPR_NAME, .src = s->src, .resolved = true, .nullable = true};
        e->type = *t;
        e->name.source = s;
        e->name.column = at;
    }
    return e;
}

/* row_number() over (partition by the inner sides order by its order) */
static struct expr *number_of(struct context *c, const struct source *s, const struct keyed *k)
{
    struct window *w = ARENA_NEW(c->a, struct window);
    struct expr *over = ARENA_NEW(c->a, struct expr);
    struct expr *call = call_of(c, "row_number", s, NULL, 0);
    struct expr **keys = ARENA_ARRAY(c->a, MAX_KEYS, struct expr *);
    if (w == NULL || over == NULL || call == NULL || keys == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < k->count; i++) {
        keys[i] = k->inner[i];
    }
    call->type = type_of(TYPE_BIGINT);
    *w = (struct window){.src = s->src,
                         .partition = keys,
                         .partition_count = k->count,
                         .order = s->query->order,
                         .order_count = s->query->order_count};
    *over = (struct expr){.kind = EXPR_OVER, .src = s->src, .resolved = true};
    over->type = call->type;
    over->over.call = call;
    over->over.window = w;
    return over;
}

static enum err add_condition(struct context *c, struct source *s, struct join *j,
                              struct expr *e)
{
    if (e != NULL && j->on != NULL && j->on->kind != EXPR_BOOL) {
        e = pair_of(c, "and", s, e, j->on);
    }
    j->on = e;
    return e == NULL ? ctx_full(c) : ERR_OK;
}

static enum err add_key(struct context *c, struct source *s, struct join *j, struct query *wide,
                        struct expr *inner, struct expr *outer)
{
    uint32_t at = wide->output_count++;
    wide->outputs[at] = (struct output){.name = STR("key"), .expr = inner};
    struct expr *column = hidden_column(c, s, at, &inner->type);
    return add_condition(c, s, j, pair_of(c, "=", s, column, outer));
}

/* The derived table: its own columns, the keys, the number. */
static enum err widen(struct context *c, struct source *s, struct join *j,
                      const struct keyed *k)
{
    struct query *q = s->query, *wide = ARENA_NEW(c->a, struct query);
    struct type bigint = type_of(TYPE_BIGINT);
    enum err e = ERR_OK;
    if (wide == NULL) {
        return ctx_full(c);
    }
    *wide = *q;
    wide->outputs = ARENA_ARRAY(c->a, q->output_count + MAX_KEYS + 1, struct output);
    if (wide->outputs == NULL) {
        return ctx_full(c);
    }
    for (uint32_t i = 0; i < q->output_count; i++) {
        wide->outputs[i] = q->outputs[i];
    }
    wide->where = k->rest_count > 1    ? call_of(c, "and", s, k->rest, k->rest_count)
                  : k->rest_count == 1 ? k->rest[0]
                                       : NULL;
    for (uint32_t i = 0; i < k->count && e == ERR_OK; i++) {
        e = add_key(c, s, j, wide, k->inner[i], k->outer[i]);
    }
    if (e == ERR_OK && q->limit != NULL) {
        uint32_t at = wide->output_count++;
        wide->outputs[at] = (struct output){.name = STR("number"), .expr = number_of(c, s, k)};
        e = wide->outputs[at].expr == NULL ? ctx_full(c) : ERR_OK;
        struct expr *number = hidden_column(c, s, at, &bigint);
        e = e != ERR_OK ? e : add_condition(c, s, j, pair_of(c, "<=", s, number, q->limit));
    }
    wide->limit = NULL;
    wide->order_count = 0;
    s->written_as = wide;
    return e;
}

static enum err by_equality(struct context *c, struct source *s, struct join *j)
{
    struct query *q = s->query;
    struct keyed k = {.fits = true};
    if (q->kind != QUERY_SELECT || q->aggregated || q->distinct || q->offset != NULL ||
        q->with.count > 0) {
        return refuse(c, s, "has groups, an offset or distinct rows");
    }
    if (!query_exprs(q, no_window, NULL)) {
        return refuse(c, s, "has windows or volatile functions");
    }
    if (!body_sees_nothing(q)) {
        return refuse(c, s, "uses outer columns outside `where`");
    }
    enum err e = q->where == NULL ? ERR_OK : sort_condition(c, q, q->where, &k);
    if (e == ERR_OK && !k.fits) {
        return refuse(c, s, "compares with outer columns otherwise than by `=`");
    }
    return e != ERR_OK ? e : widen(c, s, j, &k);
}

/* ---- the join ---- */

enum err join_always(struct context *c, struct join *j)
{
    struct expr *e = ARENA_NEW(c->a, struct expr);
    if (e == NULL) {
        return ctx_full(c);
    }
    *e = (struct expr){.kind = EXPR_BOOL, .src = j->src, .resolved = true, .boolean = true};
    e->type = type_of(TYPE_BOOLEAN);
    j->on = e;
    return ERR_OK;
}

uint64_t lateral_bits(const struct query *q, const struct source *s)
{
    struct expr e = {.kind = EXPR_QUERY, .query = s->query};
    return s->lateral ? expr_sources(q, &e) & ~OUTER_BIT : 0;
}

enum err resolve_lateral(struct context *c, struct query *q, struct source *s, uint64_t left)
{
    q->visible = left;
    s->query->outer = q;
    enum err e = resolve_query(c, s->query);
    for (uint32_t i = 0; i < s->query->output_count && e == ERR_OK; i++) {
        e = settle(c, s->query->outputs[i].expr, NULL, SETTLE_COMPARE);
    }
    return e;
}

/* A row that is not there has no columns, but a scalar subquery would count 0. */
enum err check_inlined(struct context *c, const struct query *q)
{
    for (uint32_t i = 0; i < q->source_count; i++) {
        const struct source *s = q->sources[i];
        if (s->inlined && s->nullable) {
            return refuse(c, s, "is on the outer side of a join");
        }
    }
    return ERR_OK;
}

enum err join_lateral(struct context *c, const struct query *q, struct join *j)
{
    struct source *s = j->right->source;
    if (!s->lateral || c->d->lateral || !sees_outside(s->query)) {
        return ERR_OK;
    }
    bool plain = j->on == NULL || (j->on->kind == EXPR_BOOL && j->on->boolean);
    bool alone = j->right->joins == NULL && !q->sources[0]->written;
    if (one_row(s->query) && plain && alone) {
        s->inlined = true;
        j->kind = JOIN_CROSS; /* there is always a row */
        j->on = NULL;
        return ERR_OK;
    }
    j->kind = j->kind == JOIN_CROSS ? JOIN_INNER : j->kind;
    enum err e = j->on == NULL ? join_always(c, j) : ERR_OK;
    return e != ERR_OK ? e : by_equality(c, s, j);
}
