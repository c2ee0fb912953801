/* SPDX-License-Identifier: MIT
 *
 * schema/effects.c: see schema/effects.h. Stateless; a graph with cycles is walked once
 * for each kind of change, because a change that is known already leads nowhere new.
 */
#include "schema/effects.h"

const struct table *table_head(const struct table *t)
{
    return t->family != NULL ? t->family : t;
}

/* What a foreign key does to the rows that refer to a row that is gone, or has another key
 * by now. */
static unsigned done_by(enum fk_action a, unsigned by_cascade)
{
    switch (a) {
    case FK_NO_ACTION:
    case FK_RESTRICT:
        break;
    case FK_CASCADE:
        return by_cascade;
    case FK_SET_NULL:
    case FK_SET_DEFAULT:
        return ROWS_CHANGED | ROWS_REKEYED;
    }
    return 0;
}

/* What is computed changes with columns that nobody sets by its name. Columns of one member of
 * a family may stand elsewhere in another. */
static bool refers_to(const struct referrer *r, const uint32_t *set, uint32_t count)
{
    const struct foreign_key *k = r->key;
    bool any = k->target == NULL || k->target->family != NULL;
    for (uint32_t i = 0; i < k->count && !any; i++) {
        any = k->target->columns[k->target_columns[i]].generated;
        for (uint32_t n = 0; n < count; n++) {
            any = any || k->target_columns[i] == set[n];
        }
    }
    return any;
}

static bool add(struct effects *e, const struct table *t, unsigned rows, const uint32_t *set,
                uint32_t set_count);

static bool follow(struct effects *e, const struct table *t, unsigned rows, const uint32_t *set,
                   uint32_t set_count)
{
    bool ok = true;
    for (uint32_t i = 0; i < t->referrer_count && ok; i++) {
        const struct referrer *r = &t->referrers[i];
        unsigned then = 0;
        if ((rows & ROWS_REMOVED) != 0) {
            then |= done_by(r->key->on_delete, ROWS_REMOVED);
        }
        if ((rows & ROWS_REKEYED) != 0 ||
            ((rows & ROWS_CHANGED) != 0 && refers_to(r, set, set_count))) {
            then |= done_by(r->key->on_update, ROWS_CHANGED | ROWS_REKEYED);
        }
        ok = then == 0 || add(e, r->table, then, NULL, 0);
    }
    return ok;
}

static bool add(struct effects *e, const struct table *t, unsigned rows, const uint32_t *set,
                uint32_t set_count)
{
    const struct table *head = table_head(t);
    uint32_t i = 0;
    while (i < e->count && e->list[i].table != head) {
        i++;
    }
    if (i == EFFECTS_MAX) {
        return false;
    }
    struct effect *it = &e->list[i];
    if (i == e->count) {
        e->count++;
        *it = (struct effect){.table = head};
    } else {
        it->again = true;
    }
    unsigned fresh = rows & ~it->rows;
    it->rows |= rows;
    /* which columns an earlier change was about is forgotten: it is followed each time */
    fresh |= set_count > 0 ? rows & ROWS_CHANGED : 0;
    return fresh == 0 || follow(e, head, fresh, set, set_count);
}

bool effects_add(struct effects *e, const struct table *t, unsigned rows, const uint32_t *set,
                 uint32_t set_count)
{
    return add(e, t, rows, set, set_count);
}
