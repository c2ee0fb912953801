/* SPDX-License-Identifier: MIT
 *
 * compiler/cache.h: plans by shape: least recently used goes first, bounded in
 * bytes. Keys are compared whole, never by their hash alone.
 *
 * Owns its copies of the keys and one reference to each plan. One thread.
 */
#ifndef COMPILER_CACHE_H
#define COMPILER_CACHE_H

#include "base/hash.h"
#include "compiler/plan.h"

#include <stdint.h>

struct cache_entry;

struct plan_cache {
    struct map map;
    struct cache_entry *newest, *oldest;
    size_t bytes, max_bytes;
    uint64_t evicted;
    uint64_t count;
};

void plan_cache_init(struct plan_cache *c, size_t max_bytes, uint64_t seed);
void plan_cache_fini(struct plan_cache *c);
/* A plan with one more reference, or NULL. */
struct plan *plan_cache_get(struct plan_cache *c, struct str key);
/* Keeps p if there is room for it at all; a failure to keep it is no error. */
void plan_cache_put(struct plan_cache *c, struct str key, struct plan *p);
/* Drops the plans made with this version of a catalog. */
void plan_cache_forget(struct plan_cache *c, uint64_t version);

#endif
