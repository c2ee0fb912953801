/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_insert.c: insert to SQL.
 */
#include "compiler/emit_write.h"
#include "compiler/resolve.h"
#include "compiler/walk.h"

static void emit_columns(struct emitter *em, const struct assign *list, uint32_t count)
{
    emit_text(em, " (");
    for (uint32_t i = 0; i < count; i++) {
        emit_text(em, i > 0 ? ", " : "");
        emit_name(em, list[i].column->name);
    }
    buf_char(&em->sql, ')');
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

/* The rows of from_query: as they are, or each column through its check where the
 * database would store what does not fit. */
static enum err emit_query_rows(struct emitter *em, const struct write *w)
{
    struct source rows = {.query = w->query, .sql_name = STR("q")};
    struct expr *columns = ARENA_ARRAY(em->c->a, w->column_count, struct expr);
    bool fits = true;
    if (columns == NULL) {
        return ctx_full(em->c);
    }
    for (uint32_t i = 0; i < w->column_count; i++) {
        name_column(&columns[i], &rows, i);
        fits = fits && !emit_needs_fit(em, &columns[i], &w->columns[i].column->type);
    }
    emit_target(em, w);
    emit_columns(em, w->columns, w->column_count);
    buf_char(&em->sql, ' ');
    if (fits && w->upsert == NULL) {
        return emit_query(em, w->query, PLACE_TOP);
    }
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < w->column_count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? "SELECT " : ", ");
        e = emit_computed(em, &columns[i], w->columns[i].column);
    }
    emit_text(em, " FROM (");
    e = e != ERR_OK ? e : emit_query(em, w->query, PLACE_DERIVED);
    /* without WHERE, ON would be a join's to SQLite */
    emit_text(em, w->upsert != NULL ? ") AS q WHERE 1 = 1" : ") AS q");
    return e;
}

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

static enum err emit_insert_tail(struct emitter *em, const struct write *w)
{
    enum err e = w->upsert == NULL ? ERR_OK : emit_clash(em, w);
    return e != ERR_OK ? e : emit_returning(em, w);
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
    return em->d->arrays && em->bind_count > 0;
}

/* Whether rows may meet each other in an upsert, and nobody could see it before. */
static bool meets_itself(const struct write *w, const struct write_set *s)
{
    const struct upsert *u = w->upsert;
    bool meets = u != NULL && u->updates && u->key == NULL;
    for (uint32_t i = 0; u != NULL && u->updates && u->key != NULL && i < u->key->count; i++) {
        bool cell = false;
        for (uint32_t k = 0; k < s->count; k++) {
            cell = cell || (s->assigns[k].value == NULL &&
                            s->assigns[k].column->index == u->key->columns[i]);
        }
        meets = meets || !cell;
    }
    return meets;
}

/* Whether the rows may go into one statement: it sees the tables as they were before
 * the first of them, and takes no row twice. */
static bool may_join(const struct emitter *em, const struct write *w, const struct write_set *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->assigns[i].value != NULL && expr_has_query(s->assigns[i].value)) {
            return false;
        }
    }
    bool many = em->c->shape->rows != NULL || em->c->in->param_sets != NULL;
    return many && !meets_itself(w, s);
}

static enum err emit_many(struct emitter *em, const struct write *w, const struct write_set *s,
                          struct buf *many)
{
    if (many == NULL || w->scope.with.count > 0 || !may_join(em, w, s) || !can_unnest(em)) {
        return ERR_OK;
    }
    uint32_t binds = em->bind_count;
    buf_swap(&em->sql, many);
    enum err e = emit_unnest(em, w, s);
    uint32_t written = em->placeholders;
    e = e != ERR_OK ? e : emit_insert_tail(em, w);
    buf_swap(&em->sql, many);
    if (em->placeholders != written) { /* the tail has values of its own, and no rows */
        em->bind_count = binds;
        buf_clear(many);
    }
    return e;
}

enum err emit_insert(struct emitter *em, const struct write *w, uint32_t set, struct buf *many)
{
    enum err e = ERR_OK;
    emit_text(em, "INSERT INTO ");
    if (w->value_rows > 0 || w->query != NULL) {
        e = w->query != NULL ? emit_query_rows(em, w) : emit_value_rows(em, w);
        return e != ERR_OK ? e : emit_insert_tail(em, w);
    }
    const struct write_set *s = &w->sets[set];
    emit_target(em, w);
    if (s->count == 0) {
        emit_text(em, em->d->default_row);
        return emit_insert_tail(em, w);
    }
    emit_columns(em, s->assigns, s->count);
    emit_text(em, " VALUES (");
    e = emit_assigned(em, s);
    buf_char(&em->sql, ')');
    e = e != ERR_OK ? e : emit_many(em, w, s, many);
    return e != ERR_OK ? e : emit_insert_tail(em, w);
}
