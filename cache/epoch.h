/* SPDX-License-Identifier: MIT
 *
 * cache/epoch.h: when nobody can still see what was taken out of a structure that is
 * read without a lock.
 *
 * Readers are numbered. One announces the epoch when it enters, on a cache line of its
 * own, and takes that back when it leaves; outside it costs nothing and holds nothing
 * up, so it may sleep. Who takes something out of reach notes the epoch then
 * (epoch_now); it may free it once every reader inside has entered later than that
 * (epoch_turn). Keeping what waits, and counting its bytes, is the caller's.
 *
 * All in sequentially consistent order: what is looked at inside must be read by
 * atomic_load, and taken out of reach by atomic_store, for a reader not to see what
 * was out of reach before it announced itself.
 */
#ifndef CACHE_EPOCH_H
#define CACHE_EPOCH_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#define EPOCH_LINE 128 /* two lines of 64 bytes: they are fetched in pairs */

struct epoch_reader {
    alignas(EPOCH_LINE) _Atomic uint64_t inside; /* the epoch it saw; 0: it is outside */
};

struct epoch {
    alignas(EPOCH_LINE) _Atomic uint64_t now; /* from 1 */
    unsigned count;
    struct epoch_reader readers[];
};

/* NULL when out of memory. Readers are 0 … readers - 1, each on one thread at a time. */
struct epoch *epoch_create(unsigned readers);
/* NULL is accepted. Nobody is inside. */
void epoch_destroy(struct epoch *e);

/* Not nested. */
static inline void epoch_enter(struct epoch *e, unsigned reader)
{
    /* An exchange and no store: what is read next must not overtake it. */
    atomic_exchange(&e->readers[reader].inside, atomic_load(&e->now));
}

static inline void epoch_leave(struct epoch *e, unsigned reader)
{
    atomic_store_explicit(&e->readers[reader].inside, 0, memory_order_release);
}

/* The epoch to be noted for what has just been taken out of reach. */
uint64_t epoch_now(const struct epoch *e);
/* Begins the next epoch. What was noted with less than the result is seen by nobody. */
uint64_t epoch_turn(struct epoch *e);

#endif
