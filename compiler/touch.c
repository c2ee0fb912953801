/* SPDX-License-Identifier: MIT
 *
 * compiler/touch.c: what a plan reads and writes (compiler/plan_touch.h).
 *
 * Whatever is not proven is told as the worst: a result that varies, a write of any row.
 */
#include "compiler/build.h"
#include "compiler/operators.h"
#include "compiler/types.h"
#include "compiler/walk.h"
#include "schema/effects.h"

#include <string.h>

/* ---- what varies ---- */

static enum table_shows head_shows(const struct plan *p, uint32_t i)
{
    const struct table *t = p->tables[i].table, *head = table_head(t);
    return t->shows > head->shows ? t->shows : head->shows;
}

static const char *why_varies(const struct context *c, const struct plan *p)
{
    if (p->kind == PLAN_TEXT) {
        return "it is raw SQL";
    }
    if (p->kind != PLAN_READ) {
        return "it writes";
    }
    if (p->locks) {
        return "it locks rows";
    }
    for (uint32_t i = 0; i < p->table_count; i++) {
        if (head_shows(p, i) == SHOWS_CLOCK) {
            return "it reads columns that are computed anew each time";
        }
        if (head_shows(p, i) == SHOWS_AWAY) {
            return "it reads a table whose rows change beside transactions";
        }
    }
    switch (c->varies) {
    case VOLATILITY_IMMUTABLE:
        break;
    case VOLATILITY_STABLE:
        return "it asks for the time";
    case VOLATILITY_VOLATILE:
        return "it asks for something else each time";
    }
    return NULL;
}

/* ---- one value of a unique key ---- */

/* `column = value` of a condition, for each column of one source. */
struct equals {
    const struct source *source;
    uint32_t columns[32];
    const struct expr *values[32];
    uint32_t count;
};

static bool is_value(const struct expr *x)
{
    return (x->kind == EXPR_LITERAL || x->kind == EXPR_PARAM) && x->form == BIND_PLAIN;
}

static void note_equal(struct equals *s, const struct expr *name, const struct expr *value)
{
    if (name->kind != EXPR_NAME || name->name.source != s->source || !is_value(value) ||
        s->count == sizeof s->columns / sizeof s->columns[0]) {
        return;
    }
    const struct column *c = &s->source->table->columns[name->name.column];
    if (types_compare_bytes(c, value->type.kind)) {
        s->columns[s->count] = c->index;
        s->values[s->count++] = value;
    }
}

/* What holds whatever else the condition says. */
static void find_equals(struct equals *s, const struct expr *e)
{
    if (e->kind != EXPR_CALL) {
        return;
    }
    const char *op = e->call.op->name;
    if (strcmp(op, "and") == 0) {
        for (uint32_t i = 0; i < e->call.count; i++) {
            find_equals(s, e->call.args[i]);
        }
    } else if (strcmp(op, "=") == 0 && e->call.count == 2) {
        note_equal(s, e->call.args[0], e->call.args[1]);
        note_equal(s, e->call.args[1], e->call.args[0]);
    }
}

/* One literal may be bound as several types. */
static bool is_bind_of(const struct plan_bind *b, const struct column *c, const struct expr *x)
{
    if (b->form != BIND_PLAIN || !types_compare_bytes(c, b->type.kind)) {
        return false;
    }
    if (x->kind == EXPR_LITERAL) {
        return b->source == BIND_LITERAL && b->index == x->literal.index;
    }
    return x->param.ref > 0 ? b->source == BIND_REF && b->index == x->param.ref - 1
                            : b->source == BIND_PARAM && str_eq(b->name, x->param.name);
}

/* The param of the step that is what c is compared with; stmt.param_count: none is. */
static uint32_t param_of(const struct plan_step *step, const struct equals *s,
                         const struct column *c)
{
    uint32_t n = 0, i = 0;
    while (n < s->count && s->columns[n] != c->index) {
        n++;
    }
    while (i < step->stmt.param_count &&
           (n == s->count || !is_bind_of(&step->binds[i], c, s->values[n]))) {
        i++;
    }
    return i;
}

static bool binds_key(const struct plan_step *step, const struct equals *s, const struct key *k,
                      struct touch_key *out)
{
    for (uint32_t i = 0; i < k->count; i++) {
        out->params[i] = param_of(step, s, &s->source->table->columns[k->columns[i]]);
        if (out->params[i] >= step->stmt.param_count) {
            return false;
        }
    }
    out->key = k;
    return k->count > 0;
}

static bool find_step(const struct plan *p, const struct equals *s, const struct key *k,
                      struct touch_key *out)
{
    for (uint32_t i = 0; i < p->step_count && k->count <= TOUCH_KEY_MAX; i++) {
        if (binds_key(&p->steps[i], s, k, out)) {
            out->step = i;
            return true;
        }
    }
    return false;
}

/* The unique key of `source` whose value q's condition gives, the primary one first. */
static void find_key(const struct plan *p, const struct query *q, const struct source *source,
                     struct touch_key *out)
{
    const struct table *t = source->table;
    struct equals s = {.source = source};
    struct touch_key found = {0};
    if (q->where == NULL || t == NULL || t->kind != TABLE_BASE || t->family != NULL) {
        return;
    }
    find_equals(&s, q->where);
    bool ok = find_step(p, &s, &t->primary_key, &found);
    for (uint32_t i = 0; i < t->unique_count && !ok; i++) {
        ok = find_step(p, &s, &t->uniques[i], &found);
    }
    if (ok) {
        *out = found;
    }
}

/* ---- reads ---- */

static bool is_plain(const struct expr *e, void *arg)
{
    (void)arg;
    return !expr_has_query(e);
}

/* Nothing but the rows of one table, each as it is: what its condition does not let
 * through does not show. */
static bool shows_rows(const struct context *c, const struct query *q)
{
    enum query_expect expect = c->in->expect;
    return expect != QUERY_COUNT && expect != QUERY_EXISTS && q->kind == QUERY_SELECT &&
           q->source_count == 1 && q->with.count == 0 && !q->aggregated &&
           q->group_count == 0 && q->sources[0]->form == NULL && q->sources[0]->cte == NULL &&
           q->sources[0]->query == NULL && query_exprs(q, is_plain, NULL);
}

/* ---- writes ---- */

static enum err keep_set(struct context *c, struct plan *p, const struct write_set *sets,
                         uint32_t count)
{
    uint32_t all = 0, n = 0;
    for (uint32_t i = 0; i < count; i++) {
        all += sets[i].count;
    }
    uint32_t *set = ARENA_ARRAY(&p->arena, all, uint32_t);
    if (set == NULL) {
        return ctx_fail(c, NULL, ERR_OUT_OF_MEMORY, "no memory for a plan");
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < sets[i].count; k++) {
            set[n++] = sets[i].assigns[k].column->index;
        }
    }
    p->touch.set = set;
    p->touch.set_count = n;
    return ERR_OK;
}

static enum err touch_write(struct context *c, struct plan *p, const struct write *w)
{
    struct plan_touch *t = &p->touch;
    t->target = w->scope.sources[0]->table;
    switch ((int)w->kind) {
    case PLAN_INSERT:
        t->rows = ROWS_ADDED;
        if (w->upsert != NULL && w->upsert->updates) {
            t->rows |= ROWS_CHANGED;
            return keep_set(c, p, &w->upsert->set, 1);
        }
        return ERR_OK;
    case PLAN_UPDATE:
        t->rows = ROWS_CHANGED;
        find_key(p, &w->scope, w->scope.sources[0], &t->key);
        return keep_set(c, p, w->sets, w->set_count);
    case PLAN_DELETE:
        t->rows = ROWS_REMOVED;
        find_key(p, &w->scope, w->scope.sources[0], &t->key);
        return ERR_OK;
    default:
        t->target = NULL;
        return ERR_OK;
    }
}

/* ---- functions ---- */

static enum err keep_functions(struct context *c, struct plan *p)
{
    uint32_t n = c->function_count;
    struct touch_function *list = ARENA_ARRAY(&p->arena, n, struct touch_function);
    for (uint32_t i = 0; i < n && list != NULL; i++) {
        list[i] = c->functions[i];
        list[i].name = arena_str(&p->arena, list[i].name);
        list = list[i].name.ptr == NULL ? NULL : list;
    }
    p->touch.functions = list;
    p->touch.function_count = n;
    return list != NULL ? ERR_OK : ctx_fail(c, NULL, ERR_OUT_OF_MEMORY, "no memory for a plan");
}

enum err build_touch(struct context *c, struct plan *p, const struct query *q,
                     const struct write *w)
{
    p->touch.varies = why_varies(c, p);
    enum err e = keep_functions(c, p);
    if (e != ERR_OK || c->mixed || p->kind == PLAN_TEXT) {
        return e;
    }
    if (w != NULL) {
        return touch_write(c, p, w);
    }
    if (p->touch.varies == NULL && shows_rows(c, q)) {
        find_key(p, q, q->sources[0], &p->touch.key);
    }
    return ERR_OK;
}
