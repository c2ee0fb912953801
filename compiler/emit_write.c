/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_write.c: update and delete to SQL.
 */
#include "compiler/emit_write.h"

#include "compiler/emit_with.h"
#include "compiler/resolve.h"
#include "compiler/walk.h"

#include <string.h>

void emit_target(struct emitter *em, const struct write *w)
{
    const struct table *t = w->scope.sources[0]->table;
    if (t->schema.len > 0) {
        emit_name(em, t->schema);
        buf_char(&em->sql, '.');
    }
    emit_name(em, t->name);
}

enum err emit_returning(struct emitter *em, const struct write *w)
{
    enum err e = ERR_OK;
    if (w->scope.output_count == 0 && w->way == WAY_DUPLICATE) {
        emit_text(em, " RETURNING 1");
    }
    for (uint32_t i = 0; i < w->scope.output_count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? " RETURNING " : ", ");
        e = emit_root(em, w->scope.outputs[i].expr);
        if (w->inner) {
            buf_printf(&em->sql, " AS c%u", i + 1);
        }
    }
    return e;
}

/* ---- update ---- */

/* " WHERE a AND b"; either may be NULL. */
static enum err emit_conditions(struct emitter *em, const struct expr *a, const struct expr *b)
{
    if (a == NULL || b == NULL) {
        const struct expr *only = a != NULL ? a : b;
        emit_text(em, only != NULL ? " WHERE " : "");
        return only != NULL ? emit_root(em, only) : ERR_OK;
    }
    emit_text(em, " WHERE ");
    enum err e = emit_expr(em, a);
    emit_text(em, " AND ");
    return e != ERR_OK ? e : emit_expr(em, b);
}

/* ---- what stands beside the target: from, join, using ---- */

static bool is_alone(const struct write *w)
{
    return w->scope.from->joins == NULL;
}

/* The other tables, as they belong to one row of the target. */
static enum err emit_beside_row(struct emitter *em, const struct write *w)
{
    const struct join *first = w->scope.from->joins;
    emit_text(em, " FROM ");
    enum err e = emit_sources(em, first->right);
    for (const struct join *j = first->next; j != NULL && e == ERR_OK; j = j->next) {
        e = emit_join(em, j);
    }
    return e != ERR_OK ? e : emit_conditions(em, first->on, w->scope.where);
}

enum err emit_write_where(struct emitter *em, const struct write *w)
{
    if (is_alone(w)) {
        return emit_conditions(em, w->scope.where, NULL);
    }
    const struct with *held = em->held;
    enum err e = emit_nest(em, NEST_QUERY, w->src);
    emit_text(em, " WHERE EXISTS (");
    e = e != ERR_OK ? e : emit_with_held(em, NULL);
    emit_text(em, "SELECT 1");
    e = e != ERR_OK ? e : emit_beside_row(em, w);
    buf_char(&em->sql, ')');
    em->held = held;
    em->nesting -= NEST_QUERY;
    return e;
}

/* ---- update ---- */

static bool reads_beside(const struct write *w, const struct assign *a)
{
    uint64_t target = 1;
    return a->value != NULL && (expr_sources(&w->scope, a->value) & ~(target | OUTER_BIT)) != 0;
}

/* A value of the rows beside the target's: a scalar subquery, so that a second such
 * row is an error and not a choice of the database. */
static enum err emit_new_value(struct emitter *em, const struct write *w,
                               const struct assign *a)
{
    if (!reads_beside(w, a)) {
        return emit_value(em, a);
    }
    const char *guard = em->d->scalar_guard == NULL ? "$1" : em->d->scalar_guard;
    const char *hole = strstr(guard, "$1");
    const struct with *held = em->held;
    enum err e = emit_nest(em, 2 * NEST_QUERY, a->src);
    buf_add(&em->sql, guard, (size_t)(hole - guard));
    buf_char(&em->sql, '(');
    e = e != ERR_OK ? e : emit_with_held(em, NULL);
    emit_text(em, "SELECT ");
    e = e != ERR_OK ? e : emit_value(em, a);
    emit_text(em, " AS c1");
    e = e != ERR_OK ? e : emit_beside_row(em, w);
    buf_char(&em->sql, ')');
    emit_text(em, hole + 2);
    em->held = held;
    em->nesting -= 2 * NEST_QUERY;
    return e;
}

/* What tells rows apart where the database has row ids. */
static struct str row_id(const struct table *t)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool taken = false;
        for (uint32_t k = 0; k < t->column_count; k++) {
            taken = taken || str_ieq(t->columns[k].name, str_of(names[i]));
        }
        if (!taken) {
            return str_of(names[i]);
        }
    }
    return t->columns[t->primary_key.count > 0 ? t->primary_key.columns[0] : 0].name;
}

/* The columns that name one row: the primary key if it cannot hold nulls. */
static uint32_t row_key(const struct table *t, struct str *out, uint32_t max)
{
    uint32_t n = 0;
    for (; n < t->primary_key.count && n < max; n++) {
        const struct column *c = &t->columns[t->primary_key.columns[n]];
        if (c->nullable && !c->auto_key) {
            n = 0;
            break;
        }
        out[n] = c->name;
    }
    if (n == 0 || n < t->primary_key.count) {
        out[0] = row_id(t);
        n = 1;
    }
    return n;
}

void emit_target_column(struct emitter *em, const struct write *w, struct str column)
{
    emit_name(em, w->scope.sources[0]->sql_name);
    buf_char(&em->sql, '.');
    emit_name(em, column);
}

#define MAX_KEY_COLUMNS 32

/* SELECT key…, value… FROM t WHERE …: every row's new values, before any is written. */
static enum err emit_new_rows(struct emitter *em, const struct write *w, const struct str *keys,
                              uint32_t key_count)
{
    const struct write_set *s = &w->sets[0];
    enum err e = ERR_OK;
    emit_text(em, "SELECT ");
    for (uint32_t i = 0; i < key_count; i++) {
        emit_target_column(em, w, keys[i]);
        buf_printf(&em->sql, " AS c%u, ", i + 1);
    }
    for (uint32_t i = 0; i < s->count && e == ERR_OK; i++) {
        emit_text(em, i > 0 ? ", " : "");
        e = emit_new_value(em, w, &s->assigns[i]);
        buf_printf(&em->sql, " AS c%u", key_count + i + 1);
    }
    emit_text(em, " FROM ");
    emit_target(em, w);
    return e != ERR_OK ? e : emit_write_where(em, w);
}

/* UPDATE t SET a = t1.c2 FROM (…) AS t1 WHERE t.id = t1.c1 */
static enum err emit_update_snapshot(struct emitter *em, const struct write *w)
{
    const struct write_set *s = &w->sets[0];
    struct str keys[MAX_KEY_COLUMNS];
    uint32_t key_count = row_key(w->scope.sources[0]->table, keys, MAX_KEY_COLUMNS);
    struct source rows = {.aliased = true};
    struct query none = {.src = w->src};
    enum err e = name_source(em->c, &none, &rows);
    em->c->all_count -= e == ERR_OK ? 1 : 0; /* it lives on the stack */
    for (uint32_t i = 0; i < s->count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? " SET " : ", ");
        emit_name(em, s->assigns[i].column->name);
        emit_text(em, " = ");
        emit_name(em, rows.sql_name);
        buf_printf(&em->sql, ".c%u", key_count + i + 1);
    }
    emit_text(em, " FROM (");
    e = e != ERR_OK ? e : emit_new_rows(em, w, keys, key_count);
    emit_text(em, ") AS ");
    emit_name(em, rows.sql_name);
    for (uint32_t i = 0; i < key_count; i++) {
        emit_text(em, i == 0 ? " WHERE " : " AND ");
        emit_target_column(em, w, keys[i]);
        emit_text(em, " = ");
        emit_name(em, rows.sql_name);
        buf_printf(&em->sql, ".c%u", i + 1);
    }
    return e;
}

enum err emit_write_set(struct emitter *em, const struct write *w)
{
    const struct write_set *s = &w->sets[0];
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < s->count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? " SET " : ", ");
        emit_name(em, s->assigns[i].column->name);
        emit_text(em, " = ");
        e = emit_new_value(em, w, &s->assigns[i]);
    }
    return e;
}

static enum err emit_update_plain(struct emitter *em, const struct write *w)
{
    enum err e = emit_write_set(em, w);
    return e != ERR_OK ? e : emit_write_where(em, w);
}

static enum err emit_update(struct emitter *em, const struct write *w)
{
    bool snapshot = !em->d->update_snapshot && reads_target_again(em->c, w);
    emit_text(em, "UPDATE ");
    emit_target(em, w);
    enum err e = snapshot ? emit_update_snapshot(em, w) : emit_update_plain(em, w);
    return e != ERR_OK ? e : emit_returning(em, w);
}

static enum err emit_delete(struct emitter *em, const struct write *w)
{
    emit_text(em, "DELETE FROM ");
    emit_target(em, w);
    enum err e = emit_write_where(em, w);
    return e != ERR_OK ? e : emit_returning(em, w);
}

static enum err emit_whole(struct emitter *em, const struct write *w, uint32_t set,
                           struct buf *many)
{
    enum err e = em->held == NULL ? emit_with(em, &w->scope.with) : ERR_OK;
    if (e != ERR_OK) {
        return e;
    }
    switch (w->kind) {
    case PLAN_INSERT:
        return emit_insert(em, w, set, many);
    case PLAN_UPDATE:
        return emit_update(em, w);
    case PLAN_DELETE:
        return emit_delete(em, w);
    case PLAN_TEXT:
    case PLAN_MIXED:
    case PLAN_READ:
        break;
    }
    return ctx_fail(em->c, w->src, ERR_INTERNAL, "a read is no write");
}

enum err emit_write(struct emitter *em, const struct write *w, uint32_t set,
                    enum write_part part, struct buf *many)
{
    bool before = em->d->with_before_writes || w->scope.with.count == 0;
    em->held = before ? NULL : &w->scope.with;
    em->held_taken = part == PART_CHANGE ? 1 : 0; /* that runs row by row */
    return part == PART_WHOLE ? emit_whole(em, w, set, many) : emit_part(em, w, set, part);
}
