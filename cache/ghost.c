/* SPDX-License-Identifier: MIT
 *
 * cache/ghost.c: groups of slots, each as large as a cache line.
 */
#include "cache/ghost.h"

#include <assert.h>

#define GROUP 8

size_t ghost_bytes(size_t slots)
{
    return slots * sizeof(uint64_t);
}

void ghost_init(struct ghost *g, void *memory, size_t slots)
{
    assert(slots >= GROUP && (slots & (slots - 1)) == 0);
    *g = (struct ghost){.slots = memory, .mask = slots / GROUP - 1};
}

/* The low bits choose the group, the high ones tell its members apart. 0 is a free slot. */
static uint64_t *group_of(const struct ghost *g, uint64_t hash)
{
    return g->slots + (hash & g->mask) * GROUP;
}

static uint32_t mark_of(uint64_t hash)
{
    uint32_t mark = (uint32_t)(hash >> 32);
    return mark == 0 ? 1 : mark;
}

static uint32_t age_of(const struct ghost *g, uint64_t slot)
{
    return slot == 0 ? UINT32_MAX : g->turn - (uint32_t)slot;
}

void ghost_add(struct ghost *g, uint64_t hash)
{
    uint64_t *group = group_of(g, hash), *oldest = group;
    for (unsigned i = 1; i < GROUP; i++) {
        if (age_of(g, group[i]) > age_of(g, *oldest)) {
            oldest = &group[i];
        }
    }
    g->turn++;
    *oldest = (uint64_t)mark_of(hash) << 32 | g->turn;
}

bool ghost_take(struct ghost *g, uint64_t hash, uint64_t most)
{
    uint64_t *group = group_of(g, hash);
    for (unsigned i = 0; i < GROUP; i++) {
        if (group[i] >> 32 == mark_of(hash)) {
            bool fresh = age_of(g, group[i]) < most;
            group[i] = 0;
            return fresh;
        }
    }
    return false;
}
