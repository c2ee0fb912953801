/* SPDX-License-Identifier: MIT
 *
 * pool/shared.h: reads of many borrowers on few connections: pipelined where the driver
 * can, and those of one plan by unique key fused into one statement.
 *
 * A pool keeps some of its connections for this as `lanes`, which it borrows from itself
 * like anybody else. How: docs/ARCHITECTURE.md "Lanes". Loop thread of the pool.
 */
#ifndef POOL_SHARED_H
#define POOL_SHARED_H

#include "pool/pool.h"

struct flight;

/* With whom a read is sent. */
enum shared_how {
    SHARED_ANYHOW,
    SHARED_UNFUSED, /* its statement is its own */
    SHARED_APART,   /* its statement, fused or not, has a lane to itself */
};

/* One read that shares a connection. Caller-owned; zeroed before first use; must stay put
 * until the done of its run. */
struct shared_run {
    struct run *run;
    struct shared_run *next, *prev; /* in the queue, or in its flight */
    struct flight *flight;          /* NULL: it waits to be sent */
    uint64_t since_ns;              /* when it began to wait; the caller's */
    struct task task;               /* tells the borrower */
    enum shared_how how;
    bool queued;
    bool stopped;
    bool sated; /* its sink takes no more rows */
};

/* Whether a statement with these params may be run so: it is a read of few rows, was
 * short so far, and the pool does this at all. */
bool shared_takes(const struct pool *p, const struct statement *s, const struct value *params);
/* Starts r (stmt, params of one set, sink that never says FULL, done, fail are set); its
 * done comes once, later. Errors: those of pool_acquire and of the statement itself. */
void shared_start(struct pool *p, struct shared_run *s, struct run *r);
/* Asks it to end; its done comes, with ERR_CANCELLED unless the answer was faster. */
void shared_cancel(struct pool *p, struct shared_run *s);
/* The database did not answer that: gives up the session it is on, if it is on one. Its
 * done comes later. */
void shared_abort(struct pool *p, struct shared_run *s);
/* Tells how long a statement took on a connection of its own, and how many bytes its rows
 * had (wherever it ran; ns 0: not measured). */
void shared_learn(struct pool *p, const struct statement *s, uint64_t ns, uint64_t bytes);

#endif
