/* SPDX-License-Identifier: MIT
 *
 * cache/epoch.c: the epoch, and the oldest that a reader is in.
 */
#include "cache/epoch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(struct epoch_reader) == EPOCH_LINE, "no two readers share a line");

struct epoch *epoch_create(unsigned readers)
{
    size_t size = sizeof(struct epoch) + readers * sizeof(struct epoch_reader);
    struct epoch *e = aligned_alloc(EPOCH_LINE, size);
    if (e != NULL) {
        memset(e, 0, size);
        e->count = readers;
        atomic_init(&e->now, 1);
    }
    return e;
}

void epoch_destroy(struct epoch *e)
{
    free(e);
}

uint64_t epoch_now(const struct epoch *e)
{
    return atomic_load(&e->now);
}

/* A reader that has read `now` and not yet announced it is not seen here. That does no
 * harm: what it looks at comes after its announcement, and so after everything that is
 * freed because of this turn went out of reach. */
uint64_t epoch_turn(struct epoch *e)
{
    uint64_t oldest = atomic_fetch_add(&e->now, 1) + 1;
    for (unsigned i = 0; i < e->count; i++) {
        uint64_t inside = atomic_load(&e->readers[i].inside);
        if (inside != 0 && inside < oldest) {
            oldest = inside;
        }
    }
    return oldest;
}
