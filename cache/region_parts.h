/* SPDX-License-Identifier: MIT
 *
 * cache/region_parts.h: the inside of a region, for region.c (looking up) and
 * region_keep.c (keeping, evicting, dropping).
 */
#ifndef CACHE_REGION_PARTS_H
#define CACHE_REGION_PARTS_H

#include "cache/entry.h"
#include "cache/epoch.h"
#include "cache/ghost.h"
#include "cache/heap.h"

#include <pthread.h>
#include <stdalign.h>

/* Of one reader: it alone writes them, without a locked instruction. */
struct reader_counts {
    alignas(EPOCH_LINE) _Atomic uint64_t found[REGION_VERDICTS];
    _Atomic uint64_t ages[REGION_AGES];
};

/* First in, first out. */
struct queue {
    struct entry *newest, *oldest;
    size_t bytes;
    uint64_t count;
};

struct region {
    /* what readers look at; it stays as it was created */
    struct table table;
    const struct versions *versions;
    struct epoch *epoch;
    uint64_t line_seed;
    size_t max_bytes;
    size_t max_entry_bytes;
    void *range; /* one mapping: chains, ghosts, and the rest for entries and lines */
    size_t range_bytes;
    size_t own_bytes; /* of all but entries, lines and the dead */
    struct str name;

    /* under the lock */
    alignas(EPOCH_LINE) pthread_mutex_t lock;
    struct queue queues[QUEUE_COUNT];
    struct heap heap;
    struct ghost ghost;
    struct item *dead, *last_dead; /* out of reach, oldest first */
    uint64_t dead_count;
    size_t dead_bytes;
    uint64_t fills, evicted, dropped_old, dropped_invalid, refused;
    size_t swept; /* where region_tend goes on */

    struct reader_counts readers[];
};

#endif
