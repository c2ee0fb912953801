/* SPDX-License-Identifier: MIT
 *
 * pool/grouped.h: inserts of many borrowers in one transaction, so that they share a commit.
 *
 * Who finds the pool's few tracks at work waits for the next group; who does not is sent
 * alone, at once. A group that fails has no effect, and its members are the borrowers'
 * again, to be run singly. How: docs/ARCHITECTURE.md "Write groups". Loop thread of the pool.
 */
#ifndef POOL_GROUPED_H
#define POOL_GROUPED_H

#include "pool/pool.h"

struct track;

/* One write that may go in a group. Caller-owned; zeroed before first use; must stay put
 * until the done of its run. */
struct grouped_run {
    struct run *run;
    struct run own;                  /* what the driver sees */
    struct grouped_run *next, *prev; /* in the queue, or in its group */
    struct track *track;             /* NULL: it waits, or its answer is on the way */
    struct task task;                /* tells the borrower */
    bool queued;
    bool stopped;
    bool answered; /* the database has run it, though nothing is committed */
    bool alone;    /* set before done: it has had no effect, and is to be run on a connection
                    * of its own; the run has no error */
};

/* Whether s may be run so: it is proven, the pool does this at all, and it has not failed
 * or waited for a lock just now. */
bool grouped_takes(const struct pool *p, const struct statement *s);
/* Starts r (stmt, params of one set, sink that never says FULL, or NULL, done, fail are set);
 * its done comes once, later: with what became of the write for certain, with
 * ERR_CONNECTION_LOST and maybe_executed, with ERR_CANCELLED after grouped_cancel (then it
 * had no effect), or with g->alone. */
void grouped_start(struct pool *p, struct grouped_run *g, struct run *r);
/* Asks it to end. One in a group with others is not taken out of it: the group is over
 * soon, and it may have been committed. */
void grouped_cancel(struct pool *p, struct grouped_run *g);
/* The database did not answer that. Its done comes later; what became of it is not known
 * if it was sent. */
void grouped_abort(struct pool *p, struct grouped_run *g);

#endif
