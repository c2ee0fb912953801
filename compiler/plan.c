/* SPDX-License-Identifier: MIT
 *
 * compiler/plan.c: copies what was emitted into a plan that owns it.
 */
#include "compiler/build.h"
#include "compiler/notes.h"
#include "compiler/parse.h"
#include "compiler/plan_after.h"
#include "compiler/resolve.h"
#include "compiler/text.h"
#include "compiler/walk.h"

#include <stdlib.h>
#include <string.h>

struct plan *plan_ref(struct plan *p)
{
    p->refs++;
    return p;
}

void plan_unref(struct plan *p)
{
    if (p == NULL || --p->refs > 0) {
        return;
    }
    catalog_unref(p->catalog);
    arena_fini(&p->arena);
    free(p);
}

static enum err no_memory(struct context *c)
{
    return ctx_fail(c, NULL, ERR_OUT_OF_MEMORY, "no memory for a plan");
}

/* ---- copies ---- */

static bool copy_str(struct arena *a, struct str *s)
{
    if (s->len == 0) {
        *s = (struct str){"", 0};
        return true;
    }
    *s = arena_str(a, *s);
    return s->ptr != NULL;
}

static bool copy_binds(struct plan *p, const struct emitter *em, struct plan_step *step)
{
    struct plan_bind *binds = ARENA_ARRAY(&p->arena, em->bind_count, struct plan_bind);
    struct type *types = ARENA_ARRAY(&p->arena, em->bind_count, struct type);
    if (binds == NULL || types == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < em->bind_count; i++) {
        binds[i] = em->binds[i];
        if (!copy_str(&p->arena, &binds[i].name) || !copy_str(&p->arena, &binds[i].type.name)) {
            return false;
        }
        types[i] = binds[i].type;
    }
    step->binds = binds;
    step->stmt.param_types = types;
    step->stmt.param_count = em->bind_count;
    return true;
}

static bool copy_column(struct plan *p, const struct output *o, struct column_info *out)
{
    *out = (struct column_info){.name = o->name, .type = o->expr->type};
    if (out->type.kind == TYPE_UNKNOWN) { /* a bare null */
        out->type = type_of(TYPE_TEXT);
    }
    const struct source *s = o->expr->kind == EXPR_NAME ? o->expr->name.source : NULL;
    if (s != NULL && s->table != NULL) {
        out->table = s->table->name;
        out->column = s->table->columns[o->expr->name.column].name;
    }
    return copy_str(&p->arena, &out->name) && copy_str(&p->arena, &out->type.name) &&
           copy_str(&p->arena, &out->table) && copy_str(&p->arena, &out->column);
}

static bool copy_columns(struct plan *p, const struct query *q)
{
    /* and one more, in which fuse.c puts the key */
    struct column_info *columns =
        ARENA_ARRAY(&p->arena, q->output_count + 1, struct column_info);
    if (columns == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < q->output_count; i++) {
        if (!copy_column(p, &q->outputs[i], &columns[i])) {
            return false;
        }
    }
    p->columns = columns;
    p->column_count = q->output_count - q->after.hidden;
    return true;
}

/* Where the reply finds the keys of its last row. */
static bool build_after(struct context *c, struct plan *p, const struct query *q)
{
    struct plan_after *after = ARENA_NEW(&p->arena, struct plan_after);
    struct rows_mark *marks = ARENA_ARRAY(&p->arena, q->order_count, struct rows_mark);
    if (after == NULL || marks == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < q->order_count; i++) {
        marks[i].column = output_of(q, q->order[i].expr);
        if (after_name(c, &q->order[i], &marks[i].name) != ERR_OK ||
            !copy_str(&p->arena, &marks[i].name)) {
            return false;
        }
    }
    *after = (struct plan_after){.marks = marks,
                                 .count = q->order_count,
                                 .hidden = q->after.hidden,
                                 .limit = UINT32_MAX};
    p->after = after;
    return true;
}

uint32_t build_limit_param(const struct query *q, const struct plan_bind *binds, uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; q->limit != NULL && i < count; i++) {
        const struct plan_bind *b = &binds[i];
        bool param = q->limit->kind == EXPR_PARAM && b->source == BIND_PARAM &&
                     str_eq(b->name, q->limit->param.name);
        bool literal = q->limit->kind == EXPR_LITERAL && b->source == BIND_LITERAL &&
                       b->index == q->limit->literal.index;
        found = b->form == BIND_COUNT && (param || literal) ? i + 1 : found;
    }
    return found;
}

void build_limit(struct plan *p, const struct query *q, const struct emitter *em)
{
    struct plan_after *after;
    memcpy(&after, &p->after, sizeof after); /* made by build_after */
    uint32_t found = after == NULL ? 0 : build_limit_param(q, em->binds, em->bind_count);
    if (found > 0) {
        after->limit = found - 1;
    }
}

static bool one_column(struct plan *p, const char *name, enum type_kind kind)
{
    struct column_info *column = ARENA_NEW(&p->arena, struct column_info);
    if (column == NULL) {
        return false;
    }
    column->name = str_of(name);
    column->type = type_of(kind);
    p->columns = column;
    p->column_count = 1;
    return true;
}

/* ---- building ---- */

struct plan *build_start(struct context *c, enum plan_kind kind, uint32_t steps)
{
    struct plan *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    arena_init(&p->arena, 0);
    p->refs = 1;
    p->kind = kind;
    p->dialect = c->d;
    p->catalog = catalog_ref(c->in->catalog);
    p->volatility = c->volatility;
    p->locks = c->locks;
    p->needs_tx = c->locks && c->d->lock[LOCK_UPDATE] == NULL;
    struct plan_step *list = ARENA_ARRAY(&p->arena, steps, struct plan_step);
    struct plan_table *tables = ARENA_ARRAY(&p->arena, c->table_count, struct plan_table);
    if (list == NULL || tables == NULL) {
        plan_unref(p);
        return NULL;
    }
    if (c->table_count > 0) {
        memcpy(tables, c->tables, c->table_count * sizeof *tables);
    }
    p->tables = tables;
    p->table_count = c->table_count;
    p->steps = list;
    return p;
}

enum err build_columns(struct context *c, struct plan *p, const struct query *q)
{
    bool ok = false;
    enum query_expect expect = p->kind == PLAN_READ ? c->in->expect : QUERY_ALL;
    p->sorted = q->order_count > 0;
    p->single_row = p->kind == PLAN_READ && (query_single_row(q) || expect == QUERY_FIRST);
    switch (expect) {
    case QUERY_ALL:
    case QUERY_FIRST:
    case QUERY_ONE:
        ok = copy_columns(p, q) && (!q->after.replies || build_after(c, p, q));
        break;
    case QUERY_COUNT:
        ok = one_column(p, "count", TYPE_BIGINT);
        p->single_row = true;
        break;
    case QUERY_EXISTS:
        ok = one_column(p, "exists", TYPE_BOOLEAN);
        p->single_row = true;
        break;
    }
    return ok ? ERR_OK : no_memory(c);
}

enum err build_text(struct context *c, struct plan *p, const struct text_statement *t)
{
    struct column_info *columns = ARENA_ARRAY(&p->arena, t->column_count, struct column_info);
    if (columns == NULL) {
        return no_memory(c);
    }
    for (uint32_t i = 0; i < t->column_count; i++) {
        columns[i] =
            (struct column_info){.name = t->columns[i].name, .type = t->columns[i].type};
        if (!copy_str(&p->arena, &columns[i].name)) {
            return no_memory(c);
        }
    }
    p->columns = columns;
    p->column_count = t->column_count;
    p->notes = UINT32_C(1) << NOTE_RAW_SQL;
    p->effect = t->effect;
    p->returns = t->returns || t->column_count > 0;
    p->leaves_traces = !t->clean;
    p->touch.anything = t->effect != TEXT_READS || !t->clean || t->may_call;
    return ERR_OK;
}

/* The columns of the key that WAY_KEYS and WAY_LOOK capture. */
static bool key_columns(struct plan *p, const struct write *w, struct statement *s)
{
    struct column_info *columns = ARENA_ARRAY(&p->arena, w->row_key.count, struct column_info);
    for (uint32_t i = 0; columns != NULL && i < w->row_key.count; i++) {
        const struct column *c = &w->scope.sources[0]->table->columns[w->row_key.columns[i]];
        columns[i] = (struct column_info){.name = c->name, .type = c->type};
        if (!copy_str(&p->arena, &columns[i].name) ||
            !copy_str(&p->arena, &columns[i].type.name)) {
            return false;
        }
    }
    s->columns = columns;
    s->column_count = w->row_key.count;
    return columns != NULL;
}

static bool step_columns(struct plan *p, const struct write *w, enum part_columns which,
                         struct statement *s)
{
    static const struct column_info one = {.type = {.kind = TYPE_INTEGER}};
    switch (which) {
    case COLUMNS_NONE:
        return true;
    case COLUMNS_KEY:
        return key_columns(p, w, s);
    case COLUMNS_TRY:
    case COLUMNS_COUNT:
    case COLUMNS_REPLY:
        break;
    }
    s->columns = p->columns;
    s->column_count = p->column_count + (p->after == NULL ? 0 : p->after->hidden);
    if (which != COLUMNS_REPLY && s->column_count == 0) {
        s->columns = &one;
        s->column_count = 1;
    }
    return true;
}

/* The binds of the key by which rows of an upsert may meet each other. */
static bool find_apart(struct plan *p, const struct write *w, struct plan_step *step)
{
    const struct upsert *u = w == NULL ? NULL : w->upsert;
    if (u == NULL || !u->updates || step->stmt.sql_many.len == 0) {
        return true;
    }
    const struct table *t = w->scope.sources[0]->table;
    uint32_t *found = ARENA_ARRAY(&p->arena, u->key->count, uint32_t);
    for (uint32_t i = 0; found != NULL && i < step->stmt.param_count; i++) {
        const struct plan_bind *b = &step->binds[i];
        for (uint32_t k = 0; b->source == BIND_CELL && k < u->key->count; k++) {
            if (str_eq(b->name, t->columns[u->key->columns[k]].name)) {
                found[step->apart_count++] = i;
            }
        }
    }
    step->apart = found;
    return found != NULL;
}

enum err build_step(struct context *c, struct plan *p, const struct emitter *em,
                    struct str many, const struct write *w, const struct part *part)
{
    struct plan_step step = {.role = p->role};
    enum part_columns columns = part == NULL ? COLUMNS_REPLY : part->columns;
    if (part != NULL) {
        step.role = part->role == STEP_ROWS ? p->role : part->role;
        step.when = part->when;
        step.clash = part->clash;
        step.each = part->each;
    }
    if (em->sql.failed) {
        return no_memory(c);
    }
    if (c->in->max_sql_bytes > 0 && em->sql.len > c->in->max_sql_bytes) {
        return ctx_fail(c, NULL, ERR_QUERY_TOO_LARGE, "the SQL text is longer than %u bytes",
                        c->in->max_sql_bytes);
    }
    step.stmt.sql = arena_str(&p->arena, buf_str(&em->sql));
    step.stmt.sql_many = many;
    if (step.stmt.sql.ptr == NULL || !copy_str(&p->arena, &step.stmt.sql_many) ||
        !copy_binds(p, em, &step) || !step_columns(p, w, columns, &step.stmt) ||
        !find_apart(p, w, &step)) {
        return no_memory(c);
    }
    step.stmt.told = p->kind == PLAN_TEXT;
    step.stmt.sets_apart = c->all_count > 1;
    step.stmt.read_only = p->kind == PLAN_READ && p->volatility != VOLATILITY_VOLATILE;
    step.stmt.heeds_warnings =
        p->kind == PLAN_READ || step.role == STEP_CAPTURE || columns == COLUMNS_TRY;
    /* the array was made by build_start with room for all steps */
    struct plan_step *list;
    memcpy(&list, &p->steps, sizeof list);
    list[p->step_count++] = step;
    return ERR_OK;
}

uint64_t build_id(_Atomic uint64_t *next_statement)
{
    return next_statement == NULL ? 0 : atomic_fetch_add(next_statement, 1) + 1;
}

/* Replies begin with it; without memory each makes it anew. */
static void keep_columns_text(struct plan *p)
{
    struct buf b;
    buf_init(&b);
    rows_write_columns(&b, p->columns, p->column_count);
    struct str kept = b.failed ? (struct str){NULL, 0} : arena_str(&p->arena, buf_str(&b));
    p->columns_text = kept.ptr == NULL ? (struct str){"", 0} : kept;
    buf_fini(&b);
}

void build_finish(struct plan *p, _Atomic uint64_t *next_statement)
{
    struct plan_step *list;
    memcpy(&list, &p->steps, sizeof list);
    for (uint32_t i = 0; i < p->step_count; i++) {
        /* what leaves traces runs once: its session is reset */
        list[i].stmt.id = build_id(p->leaves_traces ? NULL : next_statement);
    }
    keep_columns_text(p);
    p->bytes = sizeof *p + p->arena.used_bytes;
}
