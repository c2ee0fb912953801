/* SPDX-License-Identifier: MIT
 *
 * cache/flight.h: one read for all who miss the same result at a time.
 *
 * Who comes first flies: it reads from the database. Who comes later waits for its
 * result, if nothing that it depends on was written since the flight began; else it flies
 * itself, and those behind it wait for it. A flight that ends with an error of the
 * database fails all who wait; one that ended for a reason of its own (cancelled, timed
 * out, its client gone) makes them try again, and the first of them flies.
 *
 * Any thread; one lock for each of a few dozen parts of the table, never held while
 * anything is copied or called.
 */
#ifndef CACHE_FLIGHT_H
#define CACHE_FLIGHT_H

#include "cache/key.h"
#include "cache/versions.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Bytes with atomic references: a result on its way to many. */
struct shared_bytes {
    _Atomic uint32_t refs;
    size_t len;
    char bytes[];
};

/* A copy with one reference; NULL when out of memory. */
struct shared_bytes *shared_bytes_create(struct str s);
struct shared_bytes *shared_bytes_ref(struct shared_bytes *b);
/* NULL is accepted. */
void shared_bytes_unref(struct shared_bytes *b);

struct flights;
struct flight;

enum flight_end {
    FLIGHT_LANDED, /* `body` is the result */
    FLIGHT_FAILED, /* `err` and `words` are the database's: they hold for all */
    FLIGHT_GONE,   /* try again */
};

/* One who waits. Caller-owned; stays put until `wake` was called or flight_leave has said
 * true. */
struct flight_wait {
    /* Once, on the thread of who flew, never inside flight_join: usually posts a task. */
    void (*wake)(struct flight_wait *w);
    enum flight_end end;
    struct shared_bytes *body; /* one reference, the waiter's to give back; or NULL */
    enum err err;
    struct shared_bytes *words;
    /* flight.c's own */
    struct flight *flight;
    struct flight_wait *next, *prev;
    uint32_t part;
};

enum flight_role { FLIGHT_FLY, FLIGHT_WAIT, FLIGHT_ALONE };

/* NULL when out of memory. */
struct flights *flights_create(uint64_t seed, const struct versions *v);
/* NULL is accepted. Nobody flies or waits. */
void flights_destroy(struct flights *f);

/* FLIGHT_FLY: the caller reads, and ends *out by flight_end; *stamp was taken. FLIGHT_WAIT:
 * w is woken. FLIGHT_ALONE: what it depends on is being written just now (or there is no
 * memory): it reads for itself, and keeps nothing. `region` tells regions apart. */
enum flight_role flight_join(struct flights *f, struct str region, struct cache_key key,
                             const struct slot_set *depends, struct flight_wait *w,
                             struct flight **out, struct stamp *stamp);
/* The end of a flight; wakes all, with a copy of `text`: the body of FLIGHT_LANDED, the
 * words of FLIGHT_FAILED. */
void flight_end(struct flights *f, struct flight *flight, enum flight_end end, enum err err,
                struct str text);
/* w does not wait any more; false: it is being woken, and its call is still to come. */
bool flight_leave(struct flights *f, struct flight_wait *w);
/* How many wait now. */
uint64_t flights_waiting(const struct flights *f);

#endif
