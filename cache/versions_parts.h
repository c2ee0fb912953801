/* SPDX-License-Identifier: MIT
 *
 * cache/versions_parts.h: what versions.c and ledger.c have in common; for them alone.
 */
#ifndef CACHE_VERSIONS_PARTS_H
#define CACHE_VERSIONS_PARTS_H

#include "cache/ledger.h"
#include "cache/versions.h"

#include <stdatomic.h>

#define ONE_VERSION (UINT64_C(1) << 24)
#define IN_FLIGHT (ONE_VERSION - 1)
#define BITS_WORDS (SLOT_COUNT / 64)

/* What was last told of a slot, by us or by others; written by the teller alone. */
struct told {
    _Atomic uint64_t position; /* in the log; TOLD_SOON: on its way */
    _Atomic uint64_t word;     /* what of ours that covers: another word is untold */
};
#define TOLD_SOON UINT64_MAX

#define LINE 64 /* bytes that processors take from each other */

/* What lookups read, what each message writes and what each write does stand apart. */
struct ledger {
    _Atomic bool on;
    _Atomic uint64_t whole_until_ns;
    _Atomic uint64_t epoch, floor;
    _Atomic uint64_t recent_position, recent_ns;
    char apart_1[LINE];
    _Atomic uint64_t position;
    char apart_2[LINE];
    _Atomic bool stirred; /* the teller was woken and has not looked yet */
    void (*wake)(void *arg);
    void *wake_arg;
    char apart_3[LINE];
    _Atomic uint64_t untold[BITS_WORDS];
    struct told told[SLOT_COUNT];
    /* The teller's own. */
    uint64_t under_way[BITS_WORDS]; /* were in flight when they were last told */
    struct ledger_batch batch;
};

struct versions {
    _Atomic uint64_t words[SLOT_COUNT];
    _Atomic uint64_t era, void_ns; /* what was read before is void */
    struct ledger ledger;
};

/* A slot was moved on by this daemon, and others must hear of it. Any thread. */
void ledger_mark(struct versions *v, const struct slot_set *s);

#endif
