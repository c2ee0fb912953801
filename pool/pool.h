/* SPDX-License-Identifier: MIT
 *
 * pool/pool.h: a bounded set of connections to one database, lent one request
 * at a time.
 *
 * A `pool_share` is one for each database: the cap over all workers and the
 * counters (atomics, any thread). A `pool` is one for each database and worker:
 * its connections, its waiters (loop thread only). States and lists:
 * docs/ARCHITECTURE.md "Pool".
 */
#ifndef POOL_POOL_H
#define POOL_POOL_H

#include "backend/driver.h"
#include "base/err.h"
#include "base/log.h"
#include "pool/pool_share.h"

#include <stdbool.h>
#include <stdint.h>

struct pool;
struct pool_wait;
/* conn is NULL on error. Once, never before pool_acquire has returned. */
typedef void pool_wait_cb(struct pool_wait *w, struct db_conn *conn, enum err e);

/* A place in the queue. Caller-owned; zeroed before first use; must stay put
 * until the callback. */
struct pool_wait {
    pool_wait_cb *cb;
    struct fail *fail;
    uint64_t party; /* whom it is for: a client's number. Those who wait take turns party by
                     * party; 0 is for all, and has no limits of its own */
    uint64_t arrived_ns; /* when the request came; 0: now */
    /* the pool's */
    uint64_t since_ns;
    uint64_t due_ns;
    struct pool_wait *next, *prev; /* of all that wait, in order of asking */
    struct party *of;              /* … and of its party, while it waits */
    struct pool_wait *line_next, *line_prev;
    struct task task;
    struct timer timer;
    struct pool *pool;
    struct db_conn *conn;
    enum err err;
    bool queued;
    bool cancelled;
};

/* Borrows everything for its life. Opens nothing by itself unless min_idle says
 * so. NULL when out of memory. */
struct pool *pool_create(struct pool_share *share, const struct db_target *target,
                         struct loop *loop, struct connector *connector, struct log *log);
/* Refuses waiters with ERR_SHUTTING_DOWN, closes idle connections now and busy
 * ones on their return, then calls cb and is gone. */
void pool_close(struct pool *p, void (*cb)(void *arg), void *arg);

/* Asks for a connection, with a deadline (due_ns, 0: none; the pool's own timeout
 * counts from the request's arrival; the earlier wins).
 * Errors: ERR_POOL_TIMEOUT, ERR_OVERLOAD, ERR_CONNECTION_FAILED (at once while the
 * database is known to be down), ERR_SHUTTING_DOWN, ERR_CANCELLED,
 * ERR_OUT_OF_MEMORY; w->fail gets the words. */
void pool_acquire(struct pool *p, struct pool_wait *w, uint64_t due_ns);
/* Gives the place up; the callback still comes, with ERR_CANCELLED unless a
 * connection was granted already (then it must be given back). */
void pool_cancel(struct pool *p, struct pool_wait *w);

enum pool_return {
    POOL_CLEAN,    /* as it was lent */
    POOL_ROLLBACK, /* a transaction may be open; the pool looks in either case, and ends
                    * it before the next loan */
    POOL_DIRTY,    /* changed settings, or who knows: reset before the next loan */
    POOL_BROKEN,   /* close it */
};
/* Gives a connection back. It must have no run. */
void pool_release(struct pool *p, struct db_conn *c, enum pool_return how);
/* Ends the session of a lent connection at once, whatever it does: its run, if one
 * is under way, gets its done, later (ERR_CONNECTION_LOST, unless its answer is in
 * already). The connection is the pool's again and must not be returned. For a
 * database that does not answer a cancel. */
void pool_abort(struct pool *p, struct db_conn *c);
/* Whether a connection that came back now would be lent on at once, by this pool or
 * by another worker's that has too few, or is waited for: the pool is paused or
 * drained. */
bool pool_contended(const struct pool *p);

#endif
