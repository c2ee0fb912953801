/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_steps.c: the statements of a write that takes several:
 *
 *   SELECT t.id FROM t WHERE … FOR UPDATE        which rows; their keys are captured
 *   UPDATE t SET … WHERE t.id = ?                for each of them
 *   SELECT … FROM t WHERE t.id = ?               what `returning` asks for
 *
 * or, where a DELETE takes for null what its condition fails at:
 *
 *   SELECT count(*) FROM t WHERE … FOR UPDATE    fails as it should
 *   DELETE FROM t WHERE …
 */
#include "compiler/emit_write.h"
#include "compiler/resolve.h"

static const struct column *key_column(const struct write *w, const struct key *k, uint32_t i)
{
    return &w->scope.sources[0]->table->columns[k->columns[i]];
}

/* t.a = ? AND t.b = ?: the key that was captured */
static enum err emit_by_key(struct emitter *em, const struct write *w)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < w->row_key.count && e == ERR_OK; i++) {
        const struct column *column = key_column(w, &w->row_key, i);
        struct plan_bind b = {
            .source = BIND_CAPTURED, .index = i, .type = bind_type(em, &column->type)};
        emit_text(em, i == 0 ? " WHERE " : " AND ");
        emit_target_column(em, w, column->name);
        emit_text(em, " = ");
        e = emit_bind(em, &b, w->src);
    }
    return e;
}

/* t.a = …: the row that the proposed one clashes with */
static enum err emit_by_proposed(struct emitter *em, const struct write *w)
{
    const struct source *proposed = w->upsert->scope.sources[1];
    const struct key *k = w->upsert->key;
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < k->count && e == ERR_OK; i++) {
        struct expr column = {.src = w->src};
        name_column(&column, proposed, k->columns[i]);
        emit_text(em, i == 0 ? " WHERE " : " AND ");
        emit_target_column(em, w, key_column(w, k, i)->name);
        emit_text(em, " = ");
        e = emit_root(em, &column);
    }
    return e;
}

static enum err emit_look(struct emitter *em, const struct write *w)
{
    for (uint32_t i = 0; i < w->row_key.count; i++) {
        emit_text(em, i == 0 ? "SELECT " : ", ");
        emit_target_column(em, w, key_column(w, &w->row_key, i)->name);
    }
    emit_text(em, " FROM ");
    emit_target(em, w);
    enum err e = w->way == WAY_LOOK ? emit_by_proposed(em, w) : emit_write_where(em, w);
    emit_text(em, " FOR UPDATE");
    return e;
}

static enum err emit_try(struct emitter *em, const struct write *w)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < w->scope.output_count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? "SELECT " : ", ");
        e = emit_root(em, w->scope.outputs[i].expr);
    }
    emit_text(em, w->scope.output_count > 0 ? " FROM " : "SELECT count(*) FROM ");
    emit_target(em, w);
    e = e != ERR_OK ? e : emit_write_where(em, w);
    emit_text(em, " FOR UPDATE");
    return e;
}

static enum err emit_change(struct emitter *em, const struct write *w)
{
    const struct upsert *u = w->upsert;
    emit_text(em, "UPDATE ");
    emit_target(em, w);
    emit_text(em, u != NULL ? " SET " : "");
    enum err e = u != NULL ? emit_changes(em, u) : emit_write_set(em, w);
    e = e != ERR_OK ? e : emit_by_key(em, w);
    if (e == ERR_OK && u != NULL && u->where != NULL) {
        emit_text(em, " AND ");
        e = emit_expr(em, u->where);
    }
    return e;
}

static enum err emit_read_back(struct emitter *em, const struct write *w)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < w->scope.output_count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? "SELECT " : ", ");
        e = emit_root(em, w->scope.outputs[i].expr);
    }
    emit_text(em, " FROM ");
    emit_target(em, w);
    return e != ERR_OK ? e : emit_by_key(em, w);
}

enum err emit_part(struct emitter *em, const struct write *w, uint32_t set,
                   enum write_part part)
{
    em->proposed = w->way == WAY_LOOK ? &w->sets[set] : NULL;
    switch (part) {
    case PART_TRY:
        return emit_try(em, w);
    case PART_LOOK:
        return emit_look(em, w);
    case PART_CHANGE:
        return emit_change(em, w);
    case PART_READ:
        return emit_read_back(em, w);
    case PART_WHOLE:
        break;
    }
    return ctx_fail(em->c, w->src, ERR_INTERNAL, "a part that is the whole");
}
