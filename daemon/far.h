/* SPDX-License-Identifier: MIT
 *
 * daemon/far.h: regions of the result cache that are in Redis, shared by all daemons of a
 * group.
 *
 * A result is a blob (cache/blob.h) under a name made of group, region and key. Who finds it
 * decides by the log whether it may be served (cache/ledger.h); nothing is ever deleted
 * because something was written. A Redis that is away, or slow, is a miss. Each worker has
 * a connection of its own to each server. Worker thread.
 */
#ifndef DAEMON_FAR_H
#define DAEMON_FAR_H

#include "backend/redis.h"
#include "base/buf.h"
#include "cache/key.h"
#include "cache/region.h"

#include <stdint.h>

struct conf_cache;
struct conf_region;
struct shared_region;
struct worker;

/* Where a region is; owns its texts. */
struct far_place {
    struct redis_target target;
    struct str prefix; /* of names: group and region */
    char texts[];
};

/* NULL when out of memory. Freed by free. */
struct far_place *far_place_create(const struct conf_cache *conf, const struct conf_region *g);
bool far_place_same(const struct far_place *a, const struct far_place *b);

#define FAR_NAME_MAX 224

/* A lookup. Caller-owned; stays put until done. */
struct far_ask {
    void (*done)(struct far_ask *a); /* once, not within far_find */
    struct shared_region *region;
    struct cache_key key;
    struct buf *out;   /* gets the body of REGION_HIT and REGION_STALE */
    uint64_t ttl_ns;   /* older ones are misses */
    uint64_t lease_ns; /* how long one may take who has to read it again */
    enum region_verdict verdict;
    bool due; /* of REGION_MISS: it is to be read again, by us alone */
    uint64_t age_ns;
    /* far.c's own */
    struct worker *worker;
    struct redis_command life, get, lease;
    uint32_t waits;
    int64_t left_ms; /* of its life */
    char name[FAR_NAME_MAX];
};

/* false: there is no connection; it is a miss, and done is not called. */
bool far_find(struct worker *w, struct far_ask *a);
/* Stores a result, if others can use it. Nobody hears how that went. */
void far_keep(struct worker *w, struct shared_region *region, const struct region_fill *fill);

/* The settings are new: closes what they do not name. */
void far_review(struct worker *w);
/* Closes all; worker_far_gone is called for each that is closed. */
void far_close_all(struct worker *w);

#endif
