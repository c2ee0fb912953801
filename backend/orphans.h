/* SPDX-License-Identifier: MIT
 *
 * backend/orphans.h: sessions that were given up while their statement ran, and that
 * nobody could stop: the server stood still, and may go on some day.
 *
 * A server that computes does not notice that its client is gone, so such a statement
 * would keep its locks for as long as it lasts. Whoever connects next kills it. One list
 * for each server, for all threads, without a lock; zeroed is empty.
 */
#ifndef BACKEND_ORPHANS_H
#define BACKEND_ORPHANS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { ORPHANS_MAX = 256 }; /* more are forgotten */

struct orphan {
    uint64_t id;       /* of the session at the server */
    uint64_t since_ns; /* when it was given up */
    uint16_t port;     /* of our end; 0: no TCP */
};

struct orphans {
    struct {
        _Atomic int state;
        struct orphan orphan;
    } slots[ORPHANS_MAX];
    _Atomic uint32_t count;
};

/* o may be NULL: then nothing is remembered. */
void orphans_add(struct orphans *o, struct orphan it);
/* Takes one out; false if there is none. */
bool orphans_take(struct orphans *o, struct orphan *out);

#endif
