/* SPDX-License-Identifier: MIT
 *
 * compiler/joins.c: FROM: sources, conditions of joins, and whether something
 * connects all sources.
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/walk.h"

/* ---- on left out: the one foreign key between the sides ---- */

struct link {
    const struct source *from, *to;
    const struct foreign_key *key;
};

struct link_search {
    struct link found[2];
    uint32_t count; /* all that were seen */
};

static void find_links(const struct source *from, const struct source *to,
                       struct link_search *s)
{
    if (from->table == NULL || to->table == NULL) {
        return;
    }
    for (uint32_t i = 0; i < from->table->foreign_key_count; i++) {
        const struct foreign_key *k = &from->table->foreign_keys[i];
        if (k->target != to->table) {
            continue;
        }
        if (s->count < 2) {
            s->found[s->count] = (struct link){from, to, k};
        }
        s->count++;
    }
}

static void search_links(const struct query *q, uint64_t left, uint64_t right,
                         struct link_search *s)
{
    for (uint32_t a = 0; a < q->source_count; a++) {
        for (uint32_t b = 0; b < q->source_count; b++) {
            if ((left >> a & 1) != 0 && (right >> b & 1) != 0) {
                find_links(q->sources[a], q->sources[b], s);
                find_links(q->sources[b], q->sources[a], s);
            }
        }
    }
}

static void hint_link(struct context *c, const struct link_search *s)
{
    const struct link *a = &s->found[0], *b = &s->found[1];
    struct str x = a->from->table->columns[a->key->columns[0]].name;
    struct str y = b->from->table->columns[b->key->columns[0]].name;
    fail_hint(c->f, "candidates are `%.*s.%.*s` and `%.*s.%.*s`: write `on`",
              STR_ARG(a->from->name), STR_ARG(x), STR_ARG(b->from->name), STR_ARG(y));
}

static struct expr *column_expr(struct context *c, const struct join *j, const struct source *s,
                                uint32_t column)
{
    struct expr *e = ARENA_NEW(c->a, struct expr);
    if (e != NULL) {
        e->src = j->src;
        name_column(e, s, column);
    }
    return e;
}

static struct expr *call_expr(struct context *c, const struct join *j, const char *op,
                              uint32_t count)
{
    struct expr *e = ARENA_NEW(c->a, struct expr);
    struct expr **args = ARENA_ARRAY(c->a, count, struct expr *);
    if (e == NULL || args == NULL) {
        return NULL;
    }
    *e = (struct expr){.kind = EXPR_CALL, .src = j->src, .resolved = true, .nullable = true};
    e->type = type_of(TYPE_BOOLEAN);
    e->call.op = operator_find(str_of(op));
    e->call.args = args;
    e->call.count = count;
    return e;
}

static struct expr *link_condition(struct context *c, const struct join *j,
                                   const struct link *l)
{
    struct expr *all = call_expr(c, j, "and", l->key->count);
    for (uint32_t i = 0; all != NULL && i < l->key->count; i++) {
        struct expr *equal = call_expr(c, j, "=", 2);
        if (equal == NULL) {
            return NULL;
        }
        equal->call.args[0] = column_expr(c, j, l->from, l->key->columns[i]);
        equal->call.args[1] = column_expr(c, j, l->to, l->key->target_columns[i]);
        if (equal->call.args[0] == NULL || equal->call.args[1] == NULL) {
            return NULL;
        }
        all->call.args[i] = equal;
    }
    return all == NULL || l->key->count > 1 ? all : all->call.args[0];
}

static enum err join_by_key(struct context *c, struct query *q, struct join *j, uint64_t left,
                            uint64_t right)
{
    struct link_search s = {.count = 0};
    search_links(q, left, right, &s);
    if (s.count == 1) {
        j->on = link_condition(c, j, &s.found[0]);
        return j->on == NULL ? ctx_full(c) : ERR_OK;
    }
    enum err e = ctx_fail(c, j->src, ERR_AMBIGUOUS_JOIN,
                          "`on` is left out and %u foreign keys connect the sides", s.count);
    if (s.count > 1) {
        hint_link(c, &s);
    } else {
        fail_hint(c->f, "write `on`");
    }
    return e;
}

/* ---- sources ---- */

static enum err resolve_source(struct context *c, struct query *q, struct source *s,
                               uint64_t left)
{
    for (uint32_t i = 0; i < s->bit; i++) {
        if (str_eq(q->sources[i]->name, s->name)) {
            enum err e = ctx_fail(c, s->src, ERR_AMBIGUOUS_TABLE,
                                  "`%.*s` is the name of two tables here", STR_ARG(s->name));
            fail_hint(c->f, "give one of them an alias: {alias: table}");
            return e;
        }
    }
    if (s->form != NULL) {
        return resolve_form(c, q, s, left);
    }
    bool named = false;
    /* what is written is a table, whatever `with` calls so */
    enum err e = s->query == NULL && !s->written ? resolve_cte(c, q, s, &named) : ERR_OK;
    if (e != ERR_OK || named) {
        return e;
    }
    if (s->query == NULL) {
        return resolve_table(c, q, s);
    }
    s->query->holder = q;
    if (s->lateral) {
        e = resolve_lateral(c, q, s, left);
        e = e != ERR_OK ? e : check_names_differ(c, s->query, s->src);
        return e != ERR_OK ? e : name_source(c, q, s);
    }
    e = resolve_query(c, s->query); /* it sees nothing around it but `with` */
    e = e != ERR_OK ? e : check_names_differ(c, s->query, s->src);
    return e != ERR_OK ? e : name_source(c, q, s);
}

static void make_nullable(const struct query *q, uint64_t bits)
{
    for (uint32_t i = 0; i < q->source_count; i++) {
        if ((bits >> i & 1) != 0) {
            q->sources[i]->nullable = true;
        }
    }
}

static enum err resolve_node(struct context *c, struct query *q, struct from_node *n,
                             uint64_t before, uint64_t *bits);

static enum err resolve_on(struct context *c, struct query *q, struct join *j, uint64_t left,
                           uint64_t right)
{
    if (j->using != NULL) {
        return join_using(c, q, j, left);
    }
    if (j->on != NULL) {
        q->visible = left | right;
        return resolve_condition(c, q, j->on, "on");
    }
    if (j->right->source->lateral && j->kind != JOIN_CROSS) {
        return join_always(c, j);
    }
    return j->kind == JOIN_CROSS || j->kind == JOIN_COMMA ? ERR_OK
                                                          : join_by_key(c, q, j, left, right);
}

/* Functions among the sources `right`, in parentheses, that want columns of `outside`. */
static enum err check_nested(struct context *c, const struct query *q, uint64_t right,
                             uint64_t outside)
{
    for (uint32_t i = 0; i < q->source_count && !c->d->nested_sees_out; i++) {
        const struct table_form *f = (right >> i & 1) != 0 ? q->sources[i]->form : NULL;
        if (f != NULL && f->call != NULL && (expr_sources(q, f->call) & outside) != 0) {
            enum err e = ctx_fail(c, f->call->src, ERR_UNSUPPORTED_FEATURE,
                                  "%s has no columns of a table outside a nested join as "
                                  "arguments in it",
                                  c->d->words.name);
            fail_hint(c->f, "join the function behind the nested join");
            return e;
        }
    }
    return ERR_OK;
}

/* A condition sees the sources of both its sides and nothing else. */
static enum err resolve_join(struct context *c, struct query *q, struct join *j,
                             uint64_t before, uint64_t *bits)
{
    uint64_t left = *bits, right = 0;
    bool both = j->kind == JOIN_RIGHT || j->kind == JOIN_FULL;
    enum err e = resolve_node(c, q, j->right, both ? 0 : before | left, &right);
    if (e == ERR_OK && j->right->joins != NULL) {
        e = check_nested(c, q, right, before | left);
    }
    j->bits = *bits = left | right;
    e = e != ERR_OK ? e : resolve_on(c, q, j, left, right);
    e = e != ERR_OK ? e : join_lateral(c, q, j);
    if (e != ERR_OK) {
        return e;
    }
    if (j->kind == JOIN_LEFT || j->kind == JOIN_FULL) {
        make_nullable(q, right);
    }
    if (j->kind == JOIN_RIGHT || j->kind == JOIN_FULL) {
        make_nullable(q, left);
    }
    e = j->kind == JOIN_FULL ? resolve_full(c, q, j, left) : ERR_OK;
    return e != ERR_OK ? e : join_merged(c, q, j);
}

/* before: what a function in it may have columns of. */
static enum err resolve_node(struct context *c, struct query *q, struct from_node *n,
                             uint64_t before, uint64_t *bits)
{
    enum err e = resolve_source(c, q, n->source, before);
    *bits = (uint64_t)1 << n->source->bit;
    for (struct join *j = n->joins; j != NULL && e == ERR_OK; j = j->next) {
        e = resolve_join(c, q, j, before, bits);
    }
    return e;
}

enum err resolve_from(struct context *c, struct query *q)
{
    uint64_t bits;
    enum err e = ERR_OK;
    if (q->from != NULL) {
        q->no_aggregates = true;
        e = resolve_node(c, q, q->from, 0, &bits);
        q->no_aggregates = false;
    }
    q->visible = ~(uint64_t)0;
    return e != ERR_OK ? e : check_inlined(c, q);
}

/* ---- cartesian products ---- */

struct groups {
    const struct query *q;
    uint64_t sets[MAX_SOURCES + 1]; /* disjoint */
    uint32_t count;
};

/* Makes one set of all that `bits` touches. Rows of an outer query are fixed
 * while a correlated subquery runs, so they connect too. */
static void connect(struct groups *g, uint64_t bits)
{
    uint32_t kept = 0;
    if (bits == 0) {
        return;
    }
    for (uint32_t i = 0; i < g->count; i++) {
        if ((g->sets[i] & bits) != 0) {
            bits |= g->sets[i];
        } else {
            g->sets[kept++] = g->sets[i];
        }
    }
    g->sets[kept++] = bits;
    g->count = kept;
}

static void connect_condition(struct groups *g, const struct expr *e)
{
    if (e->kind == EXPR_CALL && str_is(str_of(e->call.op->name), "and")) {
        for (uint32_t i = 0; i < e->call.count; i++) {
            connect_condition(g, e->call.args[i]);
        }
        return;
    }
    connect(g, expr_sources(g->q, e));
}

static uint64_t connect_node(struct groups *g, const struct from_node *n)
{
    uint64_t bits = (uint64_t)1 << n->source->bit;
    const struct table_form *form = n->source->form;
    connect(g, bits);
    connect(g, bits | lateral_bits(g->q, n->source));
    if (form != NULL && form->call != NULL) {
        connect(g, bits | (expr_sources(g->q, form->call) & ~OUTER_BIT));
    }
    for (const struct join *j = n->joins; j != NULL; j = j->next) {
        bits |= connect_node(g, j->right);
        if (j->kind == JOIN_CROSS) {
            connect(g, bits); /* asked for by name */
        } else if (j->on != NULL) {
            connect_condition(g, j->on);
        }
    }
    return bits;
}

enum err check_connected(struct context *c, struct query *q)
{
    struct groups g = {.q = q, .count = 0};
    if (q->from == NULL || q->source_count < 2) {
        return ERR_OK;
    }
    connect_node(&g, q->from);
    if (q->where != NULL) {
        connect_condition(&g, q->where);
    }
    uint64_t first = 0;
    for (uint32_t i = 0; i < g.count; i++) {
        first = (g.sets[i] & 1) != 0 ? g.sets[i] : first;
    }
    for (uint32_t i = 0; i < q->source_count; i++) {
        const struct source *s = q->sources[i];
        if ((first >> i & 1) == 0) {
            enum err e = ctx_fail(c, s->src, ERR_CARTESIAN_PRODUCT,
                                  "nothing connects `%.*s` with `%.*s`", STR_ARG(s->name),
                                  STR_ARG(q->sources[0]->name));
            fail_hint(c->f, "give a condition on both, or say {\"cross\": …}");
            return e;
        }
    }
    return ERR_OK;
}
