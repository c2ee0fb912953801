/* SPDX-License-Identifier: MIT
 *
 * daemon/regions.h: the regions of the result cache, as settings name them.
 *
 * A region belongs to settings; one whose place and sizes did not change is carried over
 * to the next settings, with all that is in it. References are counted with atomics, any
 * thread.
 */
#ifndef DAEMON_REGIONS_H
#define DAEMON_REGIONS_H

#include "cache/epoch.h"
#include "cache/region.h"
#include "conf/conf.h"
#include "daemon/far.h"
#include "daemon/settings.h"

#include <stdatomic.h>

/* What the worker's requests count besides what the region itself does. */
struct region_asks {
    _Atomic uint64_t misses;    /* they found nothing that may be served */
    _Atomic uint64_t bypasses;  /* they could not be looked for */
    _Atomic uint64_t joined;    /* they waited for what another one read */
    _Atomic uint64_t alone;     /* they read for themselves, beside a write */
    _Atomic uint64_t refreshes; /* they asked for a new reading, or had the lease */
    _Atomic uint64_t failed;    /* readings that ended with an error */
    _Atomic uint64_t stored;    /* results sent to Redis */
};

struct shared_region {
    _Atomic uint32_t refs;
    struct region *region; /* of one in Redis: it counts, and has nothing in it */
    struct far_place *far; /* where it is in Redis; NULL: in memory */
    size_t max_bytes, max_entry_bytes;
    struct region_asks asks;
};

/* What all regions have in common. Outlives them. */
struct regions_with {
    const struct versions *versions;
    struct epoch *epoch;
    uint64_t seed;
};

/* Makes the regions of s, or takes those of `old` (may be NULL) that can stay. */
enum err regions_open(struct settings *s, const struct settings *old,
                      const struct regions_with *with, struct fail *f) MUST_CHECK;
struct shared_region *region_ref(struct shared_region *r);
/* NULL is accepted. */
void region_unref(struct shared_region *r);
/* The number of the region of that name (empty: the default one) in the settings' conf;
 * -1: there is none. */
int region_number(const struct settings *s, struct str name);

#endif
