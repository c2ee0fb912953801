/* SPDX-License-Identifier: MIT
 *
 * pool/pool_party.h: who takes turns at a pool's connections; for the pool's own files.
 */
#ifndef POOL_POOL_PARTY_H
#define POOL_POOL_PARTY_H

#include <stdbool.h>
#include <stdint.h>

/* Those who take turns: a client that waits, or has connections that are counted. */
struct party {
    uint64_t number;
    struct pool_wait *first, *last; /* its line, in order of asking */
    uint32_t waits, loans;          /* loans: only where they are limited */
    bool turning;                   /* in the ring: one of its waiters may be served */
    struct party *turn_next, *turn_prev;
    struct party *chain; /* of its bucket, or of the spare ones */
};

enum { PARTY_FEW = 16 };

/* The parties of one pool, by number. */
struct parties {
    struct party **buckets; /* `few`, or allocated */
    uint32_t cap, count;    /* cap: a power of two */
    struct party *few[PARTY_FEW];
    struct party *turn_first, *turn_last; /* the ring: whose turn it is, and who comes last */
    struct party *spare;
    uint32_t spares;
};

#endif
