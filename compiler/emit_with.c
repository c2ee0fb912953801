/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_with.c: WITH, where the database takes it.
 */
#include "compiler/emit_with.h"

#include "compiler/walk.h"

static enum err emit_cte(struct emitter *em, const struct cte *cte)
{
    emit_name(em, cte->sql_name);
    emit_text(em, " AS ");
    if (em->d->keeps_ctes && cte->keep != KEEP_DEFAULT) {
        emit_text(em, cte->keep == KEEP_ROWS ? "MATERIALIZED " : "NOT MATERIALIZED ");
    }
    buf_char(&em->sql, '(');
    enum err e = cte->write != NULL ? emit_write(em, cte->write, 0, PART_WHOLE, NULL)
                                    : emit_query(em, cte->query, PLACE_DERIVED);
    buf_char(&em->sql, ')');
    return e;
}

static bool is_recursive(const struct with *w)
{
    bool recursive = false;
    for (uint32_t i = 0; i < w->count; i++) {
        recursive = recursive || w->ctes[i].recursive;
    }
    return recursive;
}

/* The queries of two, whose names differ since they are ours. */
static enum err emit_withs(struct emitter *em, const struct with *first,
                           const struct with *second)
{
    bool recursive = is_recursive(first) || is_recursive(second);
    uint32_t count = first->count + second->count;
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < count && e == ERR_OK; i++) {
        emit_text(em, i > 0 ? ", " : recursive ? "WITH RECURSIVE " : "WITH ");
        e = emit_cte(em, i < first->count ? &first->ctes[i] : &second->ctes[i - first->count]);
    }
    emit_text(em, count > 0 ? " " : "");
    return e;
}

static const struct with no_with;

enum err emit_with(struct emitter *em, const struct with *w)
{
    return emit_withs(em, &no_with, w);
}

/* Two runs of one query of `with` must not differ. */
static enum err check_taken(struct emitter *em, const struct with *held)
{
    em->held_taken++;
    for (uint32_t i = 0; i < held->count && em->held_taken > 1; i++) {
        if (!query_repeats(held->ctes[i].query)) {
            enum err e =
                ctx_fail(em->c, held->ctes[i].src, ERR_UNSUPPORTED_FEATURE,
                         "%s would run this query for each subquery that reads it, and "
                         "with a limit, a window or a volatile function they may differ",
                         em->d->words.name);
            fail_hint(em->c->f, "read it before, in one transaction, or in one place alone");
            return e;
        }
    }
    return ERR_OK;
}

enum err emit_with_held(struct emitter *em, const struct query *q)
{
    const struct with *held = em->held, *own = q == NULL ? &no_with : &q->with;
    if (held == NULL || (q != NULL && !query_reads_with(q, held))) {
        return emit_with(em, own);
    }
    em->held = NULL;
    enum err e = check_taken(em, held);
    return e != ERR_OK ? e : emit_withs(em, held, own);
}
