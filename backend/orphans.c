/* SPDX-License-Identifier: MIT
 *
 * backend/orphans.c: slots that are claimed before they are written or read.
 */
#include "backend/orphans.h"

#include <stddef.h>

enum { SLOT_FREE, SLOT_CLAIMED, SLOT_FULL };

/* The number of a slot that was `from` and is claimed now; ORPHANS_MAX: none is. */
static uint32_t claim(struct orphans *o, int from)
{
    uint32_t i = 0;
    for (; i < ORPHANS_MAX; i++) {
        int expected = from;
        if (atomic_compare_exchange_strong(&o->slots[i].state, &expected, SLOT_CLAIMED)) {
            break;
        }
    }
    return i;
}

void orphans_add(struct orphans *o, struct orphan it)
{
    uint32_t i = o == NULL ? ORPHANS_MAX : claim(o, SLOT_FREE);
    if (i < ORPHANS_MAX) {
        o->slots[i].orphan = it;
        atomic_store(&o->slots[i].state, SLOT_FULL);
        atomic_fetch_add(&o->count, 1);
    }
}

bool orphans_take(struct orphans *o, struct orphan *out)
{
    if (o == NULL || atomic_load(&o->count) == 0) {
        return false;
    }
    uint32_t i = claim(o, SLOT_FULL);
    if (i == ORPHANS_MAX) {
        return false;
    }
    *out = o->slots[i].orphan;
    atomic_store(&o->slots[i].state, SLOT_FREE);
    atomic_fetch_sub(&o->count, 1);
    return true;
}
