/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_write.c: insert, update, delete to SQL.
 */
#include "compiler/emit.h"
#include "compiler/names.h"
#include "compiler/resolve.h"
#include "compiler/walk.h"

static void emit_target(struct emitter *em, const struct write *w)
{
    const struct table *t = w->scope.sources[0]->table;
    if (t->schema.len > 0) {
        emit_name(em, t->schema);
        buf_char(&em->sql, '.');
    }
    emit_name(em, t->name);
}

static void emit_columns(struct emitter *em, const struct assign *list, uint32_t count)
{
    emit_text(em, " (");
    for (uint32_t i = 0; i < count; i++) {
        emit_text(em, i > 0 ? ", " : "");
        emit_name(em, list[i].column->name);
    }
    buf_char(&em->sql, ')');
}

static enum err emit_returning(struct emitter *em, const struct write *w)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < w->scope.output_count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? " RETURNING " : ", ");
        e = emit_root(em, w->scope.outputs[i].expr);
    }
    return e;
}

static enum err emit_assigned(struct emitter *em, const struct write_set *s)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < s->count && e == ERR_OK; i++) {
        emit_text(em, i > 0 ? ", " : "");
        e = emit_value(em, &s->assigns[i]);
    }
    return e;
}

/* ---- insert ---- */

static enum err emit_value_rows(struct emitter *em, const struct write *w)
{
    enum err e = ERR_OK;
    emit_target(em, w);
    emit_columns(em, w->columns, w->column_count);
    emit_text(em, " VALUES ");
    for (uint32_t i = 0; i < w->value_rows * w->column_count && e == ERR_OK; i++) {
        uint32_t column = i % w->column_count;
        emit_text(em, column > 0 ? ", " : i > 0 ? "), (" : "(");
        e = emit_computed(em, w->values[i], w->columns[column].column);
    }
    buf_char(&em->sql, ')');
    return e;
}

/* One array for each column, and the rows in the order they were sent:
 * INSERT INTO t (a, b) SELECT u.c1, u.c2
 *   FROM unnest($1::int4[], $2::text[]) WITH ORDINALITY AS u(c1, c2, n) ORDER BY u.n */
static enum err emit_unnest(struct emitter *em, const struct write *w,
                            const struct write_set *s)
{
    emit_text(em, "INSERT INTO ");
    emit_target(em, w);
    emit_columns(em, s->assigns, s->count);
    emit_text(em, " SELECT ");
    em->from_unnest = true;
    enum err e = emit_assigned(em, s);
    em->from_unnest = false;
    emit_text(em, " FROM unnest(");
    for (uint32_t i = 0; i < em->bind_count; i++) {
        const char *name = em->d->type_name(&em->binds[i].type);
        buf_printf(&em->sql, "%s$%u::%s[]", i > 0 ? ", " : "", i + 1, name);
    }
    emit_text(em, ") WITH ORDINALITY AS u(");
    for (uint32_t i = 0; i < em->bind_count; i++) {
        buf_printf(&em->sql, "c%u, ", i + 1);
    }
    emit_text(em, "n) ORDER BY u.n");
    return e;
}

/* Every value can be an array: then many rows are one statement. */
static bool can_unnest(const struct emitter *em)
{
    for (uint32_t i = 0; i < em->bind_count; i++) {
        if (em->binds[i].type.kind == TYPE_ENUM ||
            em->d->array_native(&em->binds[i].type) == 0 ||
            em->d->type_name(&em->binds[i].type) == NULL) {
            return false;
        }
    }
    return em->d->arrays && em->bind_count > 0 && em->c->shape->rows != NULL;
}

/* The values that returning has are not of a row of data. */
static enum err emit_many(struct emitter *em, const struct write *w, const struct write_set *s,
                          struct buf *many)
{
    if (!can_unnest(em)) {
        return ERR_OK;
    }
    uint32_t binds = em->bind_count;
    buf_swap(&em->sql, many);
    enum err e = emit_unnest(em, w, s);
    e = e != ERR_OK ? e : emit_returning(em, w);
    buf_swap(&em->sql, many);
    if (em->bind_count != binds) { /* returning has values of its own */
        em->bind_count = binds;
        buf_clear(many);
    }
    return e;
}

static enum err emit_insert(struct emitter *em, const struct write *w, uint32_t set,
                            struct buf *many)
{
    enum err e = ERR_OK;
    emit_text(em, "INSERT INTO ");
    if (w->value_rows > 0) {
        e = emit_value_rows(em, w);
        return e != ERR_OK ? e : emit_returning(em, w);
    }
    const struct write_set *s = &w->sets[set];
    emit_target(em, w);
    if (s->count == 0) {
        emit_text(em, em->d->default_row);
        return emit_returning(em, w);
    }
    emit_columns(em, s->assigns, s->count);
    emit_text(em, " VALUES (");
    e = emit_assigned(em, s);
    buf_char(&em->sql, ')');
    e = e != ERR_OK ? e : emit_many(em, w, s, many);
    return e != ERR_OK ? e : emit_returning(em, w);
}

/* ---- update ---- */

struct column_read {
    const struct write *w;
    const struct column *column;
};

/* Whether x does not read the column of the row that is written. A case or a
 * subquery that touches the row may read any of its columns. */
static bool spares_column(const struct expr *x, void *arg)
{
    const struct column_read *r = arg;
    if (x->kind == EXPR_NAME) {
        return x->name.source != r->w->scope.sources[0] || x->name.column != r->column->index;
    }
    if (x->kind == EXPR_CASE || x->kind == EXPR_QUERY) {
        return expr_sources(&r->w->scope, x) == 0;
    }
    return expr_children(x, spares_column, arg);
}

static bool reads(const struct write *w, const struct assign *a, const struct assign *b)
{
    struct column_read r = {w, b->column};
    return a != b && a->value != NULL && !spares_column(a->value, &r);
}

/* MariaDB assigns from left to right and reads what it has assigned, so a value
 * that reads a column goes before the assignment to it. ERR_UNSUPPORTED_FEATURE
 * when they read each other. */
static enum err order_assigns(struct emitter *em, const struct write *w, struct write_set *s)
{
    for (uint32_t at = 0; at < s->count; at++) {
        uint32_t pick = s->count;
        for (uint32_t i = at; i < s->count && pick == s->count; i++) {
            bool free = true;
            for (uint32_t k = at; k < s->count && free; k++) {
                free = !reads(w, &s->assigns[k], &s->assigns[i]);
            }
            pick = free ? i : pick;
        }
        if (pick == s->count) {
            return ctx_fail(em->c, s->assigns[at].src, ERR_UNSUPPORTED_FEATURE,
                            "%s cannot set columns from each other in one update",
                            em->d->words.name);
        }
        struct assign moved = s->assigns[pick];
        for (uint32_t i = pick; i > at; i--) {
            s->assigns[i] = s->assigns[i - 1];
        }
        s->assigns[at] = moved;
    }
    return ERR_OK;
}

static enum err emit_where(struct emitter *em, const struct write *w)
{
    if (w->scope.where == NULL) {
        return ERR_OK;
    }
    emit_text(em, " WHERE ");
    return emit_root(em, w->scope.where);
}

static enum err emit_update(struct emitter *em, const struct write *w)
{
    struct write_set *s = &w->sets[0];
    enum err e = em->d->simultaneous_set ? ERR_OK : order_assigns(em, w, s);
    emit_text(em, "UPDATE ");
    emit_target(em, w);
    for (uint32_t i = 0; i < s->count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? " SET " : ", ");
        emit_name(em, s->assigns[i].column->name);
        emit_text(em, " = ");
        e = emit_value(em, &s->assigns[i]);
    }
    e = e != ERR_OK ? e : emit_where(em, w);
    return e != ERR_OK ? e : emit_returning(em, w);
}

static enum err emit_delete(struct emitter *em, const struct write *w)
{
    emit_text(em, "DELETE FROM ");
    emit_target(em, w);
    enum err e = emit_where(em, w);
    return e != ERR_OK ? e : emit_returning(em, w);
}

enum err emit_write(struct emitter *em, const struct write *w, uint32_t set, struct buf *many)
{
    switch (w->kind) {
    case PLAN_INSERT:
        return emit_insert(em, w, set, many);
    case PLAN_UPDATE:
        return emit_update(em, w);
    case PLAN_DELETE:
        return emit_delete(em, w);
    case PLAN_READ:
        break;
    }
    return ctx_fail(em->c, w->src, ERR_INTERNAL, "a read is no write");
}
