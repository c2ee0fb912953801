/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_sets.c: rollup, cube and grouping sets.
 *
 * Where the database has no grouping sets, they are one select for each set, put
 * together by UNION ALL. In each, what is grouped by other sets only is null.
 */
#include "compiler/emit_select.h"
#include "compiler/operators.h"
#include "compiler/walk.h"

/* The first expression of group_by that is x; q->group_count: none. */
static uint32_t grouped_at(const struct query *q, const struct expr *x)
{
    uint32_t i = 0;
    while (i < q->group_count && !expr_equal(q->group[i], x)) {
        i++;
    }
    return i;
}

enum set_member set_member(const struct emitter *em, const struct expr *x)
{
    if (em->set == NULL) {
        return SET_OTHER;
    }
    uint32_t i = grouped_at(em->set->q, x);
    if (i == em->set->q->group_count) {
        return SET_OTHER;
    }
    return (em->set->mask >> i & 1) != 0 ? SET_INSIDE : SET_OUTSIDE;
}

enum err emit_grouping_sets(struct emitter *em, const struct query *q)
{
    enum err e = ERR_OK;
    emit_text(em, " GROUP BY GROUPING SETS (");
    for (uint32_t s = 0; s < q->set_count && e == ERR_OK; s++) {
        const char *comma = "";
        emit_text(em, s > 0 ? ", (" : "(");
        for (uint32_t i = 0; i < q->group_count && e == ERR_OK; i++) {
            if ((q->sets[s] >> i & 1) != 0) {
                emit_text(em, comma);
                e = emit_root(em, q->group[i]);
                comma = ", ";
            }
        }
        buf_char(&em->sql, ')');
    }
    buf_char(&em->sql, ')');
    return e;
}

/* The query of one set: its other expressions are not grouped by. */
static enum err one_set(struct emitter *em, const struct query *q, uint64_t mask,
                        struct query *out)
{
    *out = *q;
    out->set_count = 0;
    out->group_count = 0;
    out->group = ARENA_ARRAY(em->c->a, q->group_count + 1, struct expr *);
    for (uint32_t i = 0; out->group != NULL && i < q->group_count; i++) {
        if ((mask >> i & 1) != 0) {
            out->group[out->group_count++] = q->group[i];
        }
    }
    return out->group == NULL ? ctx_full(em->c) : ERR_OK;
}

bool has_empty_set(const struct query *q)
{
    for (uint32_t s = 0; s < q->set_count; s++) {
        if (q->sets[s] == 0) {
            return true;
        }
    }
    return false;
}

enum err emit_each_set(struct emitter *em, const struct query *q)
{
    enum err e = ERR_OK;
    for (uint32_t s = 0; s < q->set_count && e == ERR_OK; s++) {
        struct query part;
        struct set_view view = {q, q->sets[s]};
        e = one_set(em, q, q->sets[s], &part);
        emit_text(em, s > 0 ? " UNION ALL SELECT " : "SELECT ");
        em->set = &view;
        e = e != ERR_OK ? e : emit_items(em, q, PLACE_DERIVED);
        e = e != ERR_OK ? e : emit_keys(em, q);
        em->set = NULL;
        /* makes the set of nothing one row, also where nothing else counts */
        emit_text(em, has_empty_set(q) ? ", count(*) AS n" : "");
        e = e != ERR_OK ? e : emit_from_where(em, q);
        e = e != ERR_OK ? e : emit_group_by(em, &part);
        em->set = &view;
        e = e != ERR_OK ? e : emit_having(em, q);
        em->set = NULL;
    }
    return e;
}

/* The bits of GROUPING(…): 1 for each argument that the set does not group by. */
enum err emit_grouping(struct emitter *em, const struct expr *call,
                       const struct expr *const *args, enum emit_place place)
{
    uint32_t bits = 0;
    if (em->d->grouping_sets) {
        return emit_operator(em, call, args, place);
    }
    for (uint32_t i = 0; i < call->call.count; i++) {
        bits = bits << 1 | (set_member(em, call->call.args[i]) == SET_OUTSIDE);
    }
    buf_printf(&em->sql, "%u", bits);
    return ERR_OK;
}
