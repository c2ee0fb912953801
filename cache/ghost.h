/* SPDX-License-Identifier: MIT
 *
 * cache/ghost.h: the hashes of what was evicted lately, without what it was: whatever
 * is asked for again soon after it was thrown out has earned a better place.
 *
 * A fixed number of hashes, the oldest of a group of eight making way. May say yes for
 * a stranger, one time in some hundred million. The caller's lock.
 */
#ifndef CACHE_GHOST_H
#define CACHE_GHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ghost {
    uint64_t *slots; /* 32 bits of the hash, and the turn at which it came */
    size_t mask;     /* groups - 1 */
    uint32_t turn;
};

/* `slots` of them (a power of two, 8 or more) in zeroed memory of ghost_bytes(slots), the
 * caller's. */
void ghost_init(struct ghost *g, void *memory, size_t slots);
size_t ghost_bytes(size_t slots);
void ghost_add(struct ghost *g, uint64_t hash);
/* Takes it out; false if it was not among the last `most` that were added. */
bool ghost_take(struct ghost *g, uint64_t hash, uint64_t most);

#endif
