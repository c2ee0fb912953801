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

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/driver.h"
#include "base/err.h"
#include "base/log.h"
#include "stats/stats.h"

enum pool_class {
    POOL_QUEUE,  /* keeps up to `size`, opens up to max_overflow more */
    POOL_NULL,   /* opens for each loan, closes after it */
    POOL_STATIC, /* one connection for everybody */
};

/* Names and defaults as SQLAlchemy's QueuePool (features 28–35). */
struct pool_opts {
    struct str name; /* of the database, for the log; borrowed */
    enum pool_class kind;
    int32_t size;           /* 5; 0: no limit */
    int32_t max_overflow;   /* 10; -1: no limit */
    uint64_t timeout_ms;    /* 30 s: longest wait for a connection */
    uint64_t recycle_ms;    /* 0 off: age since connect at which one is replaced at loan */
    uint64_t max_lifetime_ms; /* 1 h, with ±10 % jitter, closed when idle; 0 off */
    uint32_t min_idle;
    uint32_t max_waiting;   /* 0: no limit; more is ERR_OVERLOAD at once */
    bool pre_ping;
    uint64_t backoff_min_ms; /* 100 after a failed connect, doubled up to … */
    uint64_t backoff_max_ms; /* 5000 */
};

/* Counters of one database over all workers; read by the stats from any thread. */
struct pool_counts {
    _Atomic int64_t idle, busy, opening, waiting; /* now */
    _Atomic uint64_t opened, closed, open_failed, lent, timeouts, refused, recycled,
        invalidated, ping_failed, reset, moved;
    _Atomic uint64_t wait_max_ns;
};

/* One for each database, shared by the workers' pools. */
struct pool_share {
    struct pool_opts opts;
    _Atomic int32_t slots_free; /* of size + max_overflow; INT32_MAX/2 when unlimited */
    _Atomic int32_t starving;   /* workers with waiters and no connection of their own:
                                 * the others then give a slot up on return */
    _Atomic int32_t down;       /* 1 while the last connect failed */
    struct pool_counts counts;
};

void pool_share_init(struct pool_share *s, const struct pool_opts *opts);

struct pool;
struct pool_wait;
/* conn is NULL on error. Once, never before pool_acquire has returned. */
typedef void pool_wait_cb(struct pool_wait *w, struct db_conn *conn, enum err e);

/* A place in the queue. Caller-owned; zeroed before first use; must stay put
 * until the callback. */
struct pool_wait {
    pool_wait_cb *cb;
    struct fail *fail;
    uint64_t since_ns;
    uint64_t due_ns;
    struct pool_wait *next, *prev;
    struct task task;
    struct db_conn *conn;
    enum err err;
    bool queued;
};

/* Borrows everything for its life. Opens nothing by itself unless min_idle says
 * so. NULL when out of memory. */
struct pool *pool_create(struct pool_share *share, const struct db_target *target,
                         struct loop *loop, struct connector *connector, struct log *log);
/* Refuses waiters with ERR_SHUTTING_DOWN, closes idle connections now and busy
 * ones on their return, then calls cb and is gone. */
void pool_close(struct pool *p, void (*cb)(void *arg), void *arg);

/* Asks for a connection, with a deadline that counts from the request's arrival
 * (due_ns; the pool's own timeout counts from now; the earlier wins). Errors:
 * ERR_POOL_TIMEOUT, ERR_OVERLOAD, ERR_CONNECTION_FAILED (at once while the
 * database is known to be down), ERR_SHUTTING_DOWN, ERR_CANCELLED. */
void pool_acquire(struct pool *p, struct pool_wait *w, uint64_t due_ns);
/* Gives the place up; the callback still comes, with ERR_CANCELLED unless a
 * connection was granted already (then it must be given back). */
void pool_cancel(struct pool *p, struct pool_wait *w);

enum pool_return {
    POOL_CLEAN,  /* as it was lent; the pool checks that */
    POOL_DIRTY,  /* an open transaction or changed settings: reset before the next loan */
    POOL_BROKEN, /* close it */
};
/* Gives a connection back. It must have no run. */
void pool_release(struct pool *p, struct db_conn *c, enum pool_return how);
/* Whether somebody waits for a connection of this pool now. */
bool pool_contended(const struct pool *p);

#endif
