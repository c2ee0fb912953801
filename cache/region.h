/* SPDX-License-Identifier: MIT
 *
 * cache/region.h: results in memory, within a bound in bytes.
 *
 * Looking up takes no lock and writes to no line of memory that others read: entries
 * are immutable behind an atomic pointer, and freed only when no reader can still see
 * them (cache/epoch.h). Filling, dropping and evicting take the region's one lock, after
 * everything was copied. Admission and eviction: S3-FIFO (Yang et al., "FIFO queues are
 * all you need for cache eviction", SOSP 2023).
 *
 * Any thread; `reader` is the number of the calling one (worker.index).
 */
#ifndef CACHE_REGION_H
#define CACHE_REGION_H

#include "base/err.h"
#include "cache/key.h"
#include "cache/versions.h"

#include <stdbool.h>
#include <stdint.h>

struct region;
struct epoch;

struct region_opts {
    struct str name;        /* copied */
    size_t max_bytes;       /* of all entries with everything that belongs to them */
    size_t max_entry_bytes; /* larger results are not kept */
    uint64_t seed;
    const struct versions *versions; /* outlives the region, and so does epoch */
    struct epoch *epoch;
};

/* A result to be kept. All borrowed. */
struct region_fill {
    struct cache_key key;
    struct str line;     /* the request's bytes by which it is found at once, as conn.c makes
                          * them; empty: it has none */
    struct str body;     /* the reply behind `"cache":"hit",` and with its LF */
    struct stamp stamp;  /* taken before it was read */
    uint64_t read_ns;    /* when it was sent to the database */
    uint64_t expires_ns; /* UINT64_MAX: never */
    uint64_t soft_ns;    /* from here on it is to be read again, but may be served meanwhile */
    uint16_t owner;      /* a number of the caller's, told by who finds it */
};

enum region_verdict {
    REGION_MISS,    /* it is not there, or too old */
    REGION_INVALID, /* something it depends on was written */
    REGION_STALE,   /* behind soft_ns */
    REGION_HIT,
};
#define REGION_VERDICTS ((int)REGION_HIT + 1)
#define REGION_AGES 17

/* What is found. Borrowed until region_leave of the same reader. */
struct region_found {
    enum region_verdict verdict;
    struct str body; /* of REGION_HIT and REGION_STALE */
    uint64_t read_ns;
    uint16_t owner;
};

/* NULL when out of memory. */
struct region *region_create(const struct region_opts *opts);
/* NULL is accepted. Nobody may be inside. */
void region_destroy(struct region *r);

/* Between these two, `reader` may look up. Not nested; must not block. */
void region_enter(struct region *r, unsigned reader);
void region_leave(struct region *r, unsigned reader);
/* Finds by key, or by the bytes of a request (what is no hit by these is not counted:
 * it is looked up by its key then). */
struct region_found region_find(struct region *r, unsigned reader, struct cache_key key,
                                uint64_t now_ns);
struct region_found region_find_line(struct region *r, unsigned reader, struct str line,
                                     uint64_t now_ns);
/* Of an entry that is REGION_STALE: true for one caller only until `until_ns`: that one
 * reads it again. */
bool region_take_lease(struct region *r, struct cache_key key, uint64_t now_ns,
                       uint64_t until_ns);
/* Keeps a copy, in the place of what had that key. false: it was not kept (too large, out
 * of memory, not worth it, or something it depends on was written meanwhile), which is no
 * error. */
bool region_put(struct region *r, const struct region_fill *fill, uint64_t now_ns);
/* Lets an entry be found by these bytes too; nothing happens if it is gone. */
void region_add_line(struct region *r, struct cache_key key, struct str line);
/* Drops all, and gives the memory back to the system once nobody looks at it. */
void region_clear(struct region *r);
/* Once a second, one thread: frees what nobody can see any more, drops what is too old. */
void region_tend(struct region *r, uint64_t now_ns);

struct region_counts {
    uint64_t entries, bytes, max_bytes;
    uint64_t fills, evicted, dropped_old, dropped_invalid, refused; /* since the start */
    uint64_t found[REGION_VERDICTS]; /* lookups, by their verdict */
    uint64_t ages[REGION_AGES];      /* hits and stale ones by their age, as region_age_ms */
};
struct region_counts region_counts(struct region *r);
/* Counts a lookup that was made elsewhere. */
void region_count(struct region *r, unsigned reader, enum region_verdict v, uint64_t age_ns);
/* Above which age an entry is not counted in ages[i] any more: powers of four; the last one
 * is without end (UINT64_MAX). */
uint64_t region_age_ms(unsigned i);
struct str region_name(const struct region *r);

#endif
