/* SPDX-License-Identifier: MIT
 *
 * daemon/cache_plans.h: the statements that went by the result cache, and what came of
 * it, over all workers.
 *
 * Each has a number, which results carry, so that a hit is counted without looking at
 * the statement. Counts are by worker: nobody writes where others do. Any thread.
 */
#ifndef DAEMON_CACHE_PLANS_H
#define DAEMON_CACHE_PLANS_H

#include "base/str.h"

#include <stdint.h>

#define CACHE_PLANS_MAX 1024
#define CACHE_PLAN_OTHERS 0 /* those for whom there was no number left */

enum cache_count { CACHE_HITS, CACHE_STALE, CACHE_MISSES, CACHE_BYPASSES };
#define CACHE_COUNTS ((int)CACHE_BYPASSES + 1)

/* Of one statement, the sum over all workers. Borrowed as long as the plans live. */
struct cache_plan {
    struct str db, sql; /* the beginning of it */
    uint64_t counts[CACHE_COUNTS];
};

struct cache_plans;

/* NULL when out of memory. */
struct cache_plans *cache_plans_create(unsigned workers, uint64_t seed);
/* NULL is accepted. */
void cache_plans_destroy(struct cache_plans *p);
/* The number of a statement of a database. */
uint16_t cache_plans_number(struct cache_plans *p, struct str db, struct str sql);
/* One more; on the thread of the worker. */
void cache_plans_count(struct cache_plans *p, unsigned worker, uint16_t number,
                       enum cache_count what);
/* How many have numbers: 0 … count - 1. */
uint32_t cache_plans_total(struct cache_plans *p);
struct cache_plan cache_plans_get(struct cache_plans *p, uint16_t number);

#endif
