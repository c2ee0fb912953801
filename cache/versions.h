/* SPDX-License-Identifier: MIT
 *
 * cache/versions.h: what tells a cached result from a stale one: a version for each
 * thing that a result may depend on, and how many writes to it are under way.
 *
 * Things (a table, a row by its key, a tag) share a fixed array of slots by their
 * hash; two that share a slot only cost a needless miss. A slot is one atomic word,
 * version << 24 | in_flight. A write raises the slots of all that it may change just
 * before it can become visible, and lowers them after its outcome is certain and
 * before that is told; both move the version on. A read takes a stamp of its slots
 * before it is sent. Its result may be kept, or be given to others who ask meanwhile,
 * if no write was under way then, and be served as long as no word has changed: so a
 * result that was read beside a write is never served after that write is
 * acknowledged, and none is served while one is under way (the leases of Nishtala et al.,
 * "Scaling Memcache at Facebook", NSDI 2013, without a server in between).
 *
 * An entry carries its stamp, and it is compared at each lookup: there is nothing to
 * invalidate, and no race between filling and invalidating. Any thread.
 */
#ifndef CACHE_VERSIONS_H
#define CACHE_VERSIONS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* What a slot stands for. */
enum slot_kind {
    SLOT_DATABASE, /* all of a database: raised by whatever may write anywhere */
    SLOT_TABLE,    /* any row of a table */
    SLOT_KEY_SET,  /* rows of a table by one of its unique keys: raised by writes that do
                    * not say which values of that key they touch */
    SLOT_KEY,      /* the row of a table with one value of a unique key */
    SLOT_TAG,      /* what clients gave this tag */
    SLOT_LABEL,    /* what clients called so, in a region */
    SLOT_REGION,   /* all of a region */
};

#define SLOTS_COARSE (UINT32_C(1) << 14)
#define SLOTS_FINE (UINT32_C(1) << 18) /* of SLOT_KEY alone */
#define SLOT_COUNT (SLOTS_COARSE + SLOTS_FINE)

/* The slot of a thing by its names (database; table as schema and name; number of the
 * key; bytes of its value …). The same in every process. */
uint32_t slot_of(enum slot_kind kind, const struct str *names, uint32_t count);

#define SLOT_SET_MAX 64

/* Slots, each at most once. */
struct slot_set {
    uint32_t count;
    uint32_t slots[SLOT_SET_MAX];
};

/* Adds it if it is not there; false if there is no room. */
bool slot_set_add(struct slot_set *s, uint32_t slot);

#define STAMP_MAX 24

/* The words of the slots that a read depends on, as they were before it was sent. */
struct stamp {
    uint32_t count;
    uint32_t slots[STAMP_MAX];
    uint64_t words[STAMP_MAX];
    uint64_t era;
    uint64_t epoch, position; /* where the daemons' log stood (cache/ledger.h) */
};

struct versions;

/* NULL when out of memory. */
struct versions *versions_create(void);
/* NULL is accepted. */
void versions_destroy(struct versions *v);

/* Takes a stamp. false: a write to one of them is under way, or they are more than
 * STAMP_MAX: what is read now may not be kept. */
bool versions_stamp(const struct versions *v, const struct slot_set *s, struct stamp *out);
/* Whether nothing of it was written since. */
bool versions_hold(const struct versions *v, const struct stamp *s);
/* The same of a stamp that is kept elsewhere, in as much room as it needs. */
bool versions_hold_words(const struct versions *v, const uint32_t *slots, const uint64_t *words,
                         uint32_t count);
/* A write to these is about to become visible. */
void versions_raise(struct versions *v, const struct slot_set *s);
/* Its outcome is certain; once for each versions_raise of the same slots. */
void versions_lower(struct versions *v, const struct slot_set *s);
/* Both at once: what is kept of these is not served any more. */
void versions_bump(struct versions *v, const struct slot_set *s);
/* Nothing that was read before is served any more. */
void versions_void(struct versions *v, uint64_t now_ns);
/* What was read before this (by clock_now_ns) must not be served: the last versions_void, or
 * a second ago while other daemons may have written without our knowing. */
uint64_t versions_oldest(const struct versions *v, uint64_t now_ns);

#endif
