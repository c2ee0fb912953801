/* SPDX-License-Identifier: MIT
 *
 * daemon/caching.h: a request and the result cache: docs/CACHE.md, docs/ARCHITECTURE.md
 * "Result cache". Worker thread.
 */
#ifndef DAEMON_CACHING_H
#define DAEMON_CACHING_H

#include "backend/loop.h"
#include "base/err.h"
#include "base/str.h"
#include "cache/flight.h"
#include "cache/key.h"
#include "daemon/regions.h"

struct req;

/* What the reply says where the request asked for the cache. */
enum cache_word {
    CACHE_WORD_NONE,
    CACHE_WORD_HIT,
    CACHE_WORD_MISS,
    CACHE_WORD_STALE,
    CACHE_WORD_BYPASS
};

enum caching_state {
    CACHING_LOOKS, /* it has not been looked for yet */
    CACHING_FAR,   /* it is being looked for in Redis */
    CACHING_LACKS, /* it was not found there */
    CACHING_WAITS, /* another request reads it */
    CACHING_FLIES, /* it reads for all who wait, and keeps the result */
    CACHING_APART, /* it reads for itself, and keeps the result */
    CACHING_ALONE, /* it reads for itself, and keeps nothing */
};

/* How results are kept where it is looked for: of the region, its rule, the request. */
struct cache_terms {
    struct shared_region *region; /* one reference */
    uint64_t ttl_ns;              /* so old may be what is served */
    uint64_t keep_ns;             /* so long it is kept */
    uint64_t soft_ns;             /* 0: none */
    uint64_t negative_ns;         /* of results without a row; 0: they are not kept */
    uint64_t lease_ns;
    uint64_t rule_ttl_ms; /* what its rule says of that; 0: nothing. Results that are kept for
                           * another time are others */
};

/* In the request's arena. */
struct caching {
    struct req *req;
    enum caching_state state;
    struct cache_terms terms;
    struct cache_key key;
    struct stamp stamp;  /* of what it depends on */
    struct stamp absent; /* … and if there is no row, on this too; no slot: nothing more */
    bool absent_known;   /* no write to that was under way */
    uint64_t read_ns;    /* when the stamp was taken */
    struct flight *flight;
    struct flight_wait wait;
    struct task woken;
    struct far_ask far;
};

/* Whether r, whose turn it is, goes by the cache; sets its word if it asked for it. */
bool cache_wants(struct req *r);
/* Whether its answer is put together as a whole, from the primary's rows. */
bool cache_keeps(const struct req *r);
/* r is about to be answered: what it read is kept, and given to those who wait. */
void cache_land(struct req *r);
/* r, if it reads for others, is told to stop, which may take a while: they try again now. */
void cache_yield(struct req *r);
/* r does not read for others any more; they try again. It may still read for itself. */
void cache_abandon(struct req *r);
/* r, which waits in REQ_CACHE, is to end with `why`. */
void cache_stop(struct req *r, enum err why);
/* r is over. */
void cache_forget(struct req *r);
/* The name of r's word, or NULL. */
const char *cache_word_name(const struct req *r);

/* cache_terms.c: where and how r's result is kept, by what it asked or by a rule; false:
 * nowhere. */
bool cache_find_terms(const struct req *r, struct cache_terms *out);
/* Whether the region that r names is there; else the error that says so. */
enum err cache_check_region(struct req *r) MUST_CHECK;

#endif
