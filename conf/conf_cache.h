/* SPDX-License-Identifier: MIT
 *
 * conf/conf_cache.h: what the conf file says of the result cache. Borrows from the
 * conf's arena.
 */
#ifndef CONF_CONF_CACHE_H
#define CONF_CONF_CACHE_H

#include "conf/conf_url.h"

#include <stdbool.h>

/* Where a region of the result cache keeps what it has. */
enum conf_backend { CONF_BACKEND_MEMORY, CONF_BACKEND_REDIS };

#define CONF_REGIONS_MAX 32
#define CONF_RULES_MAX 256

struct conf_region {
    struct str name;
    enum conf_backend backend;
    struct conf_url url; /* of CONF_BACKEND_REDIS */
    uint64_t max_bytes, max_entry_bytes;
    uint64_t ttl_ms, soft_ttl_ms, lease_ms; /* soft_ttl_ms 0: none */
    bool negative;                          /* results without rows are kept too … */
    uint64_t negative_ttl_ms;               /* … so long */
};

enum conf_shape {
    CONF_SHAPE_ANY,
    CONF_SHAPE_KEY, /* reads of one row by a primary or unique key */
};

/* Reads that are cached although they do not ask for it. */
struct conf_rule {
    const struct str *databases; /* none: of any */
    uint32_t database_count;
    const struct str *tables; /* all that it reads are among these; "*" is any */
    uint32_t table_count;
    const struct str *runs; /* by one of these names of prepared statements; none: any */
    uint32_t run_count;
    enum conf_shape shape;
    struct str region; /* empty: the default one */
    uint64_t ttl_ms;   /* 0: the region's */
};

struct conf_cache {
    const struct conf_region *regions;
    uint32_t region_count;
    const struct conf_region *by_default; /* of those who name none; NULL: there is none */
    const struct conf_rule *rules;
    uint32_t rule_count;
    struct conf_url share; /* where daemons tell each other what they wrote; no host: nowhere */
    struct str group;      /* those that do */
    uint64_t forget_ms;
};

#endif
