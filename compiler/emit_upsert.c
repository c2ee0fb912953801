/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_upsert.c: ON CONFLICT and ON DUPLICATE KEY UPDATE.
 */
#include "compiler/emit_write.h"

#include <string.h>

/* As the database calls it, or what is given for it. A key column that numbers itself
 * is null: it is like no other. */
enum err emit_proposed(struct emitter *em, const struct column *column)
{
    if (em->proposed == NULL) {
        const char *text = em->d->proposed_column;
        const char *hole = text == NULL ? NULL : strstr(text, "$1");
        emit_text(em, text == NULL ? "excluded." : "");
        buf_add(&em->sql, text, hole == NULL ? 0 : (size_t)(hole - text));
        emit_name(em, column->name);
        emit_text(em, hole == NULL ? "" : hole + 2);
        return ERR_OK;
    }
    for (uint32_t i = 0; i < em->proposed->count; i++) {
        if (em->proposed->assigns[i].column == column) {
            return emit_value(em, &em->proposed->assigns[i]);
        }
    }
    bool fallback = column->has_default && !column->auto_key;
    emit_text(em, fallback ? "DEFAULT(" : "NULL");
    if (fallback) {
        emit_name(em, column->name);
        buf_char(&em->sql, ')');
    }
    return ERR_OK;
}

enum err emit_changes(struct emitter *em, const struct upsert *u)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < u->set.count && e == ERR_OK; i++) {
        emit_text(em, i > 0 ? ", " : "");
        emit_name(em, u->set.assigns[i].column->name);
        emit_text(em, " = ");
        e = emit_value(em, &u->set.assigns[i]);
    }
    return e;
}

/* (a, b) WHERE …: the columns of the key, or what the client says of an index. */
static enum err emit_clash_target(struct emitter *em, const struct write *w)
{
    const struct upsert *u = w->upsert;
    const struct table *t = w->scope.sources[0]->table;
    enum err e = ERR_OK;
    uint32_t n = u->key != NULL ? u->key->count : u->on_count;
    for (uint32_t i = 0; i < n && e == ERR_OK; i++) {
        const struct expr *x = u->key != NULL ? NULL : u->on[i];
        emit_text(em, i == 0 ? " (" : ", ");
        if (x == NULL || x->kind == EXPR_NAME) {
            emit_name(em, t->columns[x == NULL ? u->key->columns[i] : x->name.column].name);
        } else {
            buf_char(&em->sql, '(');
            e = emit_root(em, x);
            buf_char(&em->sql, ')');
        }
    }
    emit_text(em, n > 0 ? ")" : "");
    if (e == ERR_OK && u->index_where != NULL) {
        emit_text(em, " WHERE ");
        e = emit_root(em, u->index_where);
    }
    return e;
}

static enum err emit_on_conflict(struct emitter *em, const struct write *w)
{
    const struct upsert *u = w->upsert;
    emit_text(em, " ON CONFLICT");
    enum err e = emit_clash_target(em, w);
    emit_text(em, u->updates ? " DO UPDATE SET " : " DO NOTHING");
    e = e != ERR_OK ? e : emit_changes(em, u);
    if (e == ERR_OK && u->where != NULL) {
        emit_text(em, " WHERE ");
        e = emit_root(em, u->where);
    }
    return e;
}

enum err emit_clash(struct emitter *em, const struct write *w)
{
    switch (w->way) {
    case WAY_PLAIN:
        return emit_on_conflict(em, w);
    case WAY_DUPLICATE:
        emit_text(em, " ON DUPLICATE KEY UPDATE ");
        return emit_changes(em, w->upsert);
    case WAY_SKIP:
    case WAY_LOOK:
    case WAY_KEYS:
    case WAY_TRIED:
        break;
    }
    return ERR_OK;
}
