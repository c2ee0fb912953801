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
#include "stats/stats.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum pool_class {
    POOL_QUEUE,  /* keeps up to `size`, opens up to max_overflow more */
    POOL_NULL,   /* opens for each loan, closes after it */
    POOL_STATIC, /* one connection for everybody */
};

/* Names and defaults as SQLAlchemy's QueuePool (features 28–35). */
struct pool_opts {
    struct str name; /* of the database, for the log; borrowed */
    enum pool_class kind;
    int32_t size;             /* 5; 0: no limit */
    int32_t max_overflow;     /* 10; -1: no limit */
    uint64_t timeout_ms;      /* 30 s: longest wait for a connection; 0: no limit */
    uint64_t recycle_ms;      /* 0 off: age since connect at which one is replaced at loan */
    uint64_t max_lifetime_ms; /* 1 h, with ±10 % jitter, closed when idle; 0 off; not
                               * for POOL_STATIC: a database in memory would go */
    uint32_t min_idle;        /* over all workers; at most size */
    uint32_t max_waiting;     /* 0: no limit; more is ERR_OVERLOAD at once */
    bool pre_ping;
    uint64_t backoff_min_ms; /* 100 after a failed connect, doubled up to … */
    uint64_t backoff_max_ms; /* 5000 */
};

/* Counters of one database over all workers; read by the stats from any thread.
 * Sessions = idle + busy + opening + those that are being closed. */
struct pool_counts {
    _Atomic int64_t idle, busy, opening, waiting; /* now; busy: lent, pinged or reset */
    _Atomic uint64_t opened, closed, open_failed, lent;
    _Atomic uint64_t timeouts;    /* waits that ended by their deadline */
    _Atomic uint64_t refused;     /* at once: too many waiting, database down */
    _Atomic uint64_t recycled;    /* closed for their age */
    _Atomic uint64_t invalidated; /* closed because dead, or as old as a dead one */
    _Atomic uint64_t ping_failed, rolled_back, reset;
    _Atomic uint64_t moved; /* closed so that another worker may open one */
    _Atomic uint64_t wait_max_ns;
};

/* One for each database, shared by the workers' pools; must outlive them. */
struct pool_share {
    struct pool_opts opts;
    int32_t cap;                        /* sessions over all workers; INT32_MAX/2: unlimited */
    _Atomic int32_t slots_free;         /* of cap; 0 whenever somebody is on the want list */
    _Atomic int32_t starving;           /* workers that wait for a slot of the others */
    _Atomic int32_t starving_least;     /* fewest connections of any of them, else INT32_MAX */
    _Atomic int32_t down;               /* 1 while the last connect failed */
    _Atomic uint64_t invalid_before_ns; /* what is idle since before then is dead */
    struct pool_counts counts;

    pthread_mutex_t lock;   /* guards what follows */
    struct pool *pools;     /* of the workers that are open */
    struct pool *want_list; /* starving ones, fewest connections first, then FIFO */
    int32_t promised;       /* connections that are being closed for the want list */
    int32_t warming;        /* opens under way for min_idle */
    struct pool *prober;    /* who tries to connect while down, or NULL */
    uint64_t probe_due_ns, backoff_ms, down_since_ns;
    struct fail down_fail; /* the words of the last failed connect */
};

/* Any thread, before the first pool. */
void pool_share_init(struct pool_share *s, const struct pool_opts *opts);
/* After the last pool is closed. */
void pool_share_fini(struct pool_share *s);

struct pool;
struct pool_wait;
/* conn is NULL on error. Once, never before pool_acquire has returned. */
typedef void pool_wait_cb(struct pool_wait *w, struct db_conn *conn, enum err e);

/* A place in the queue. Caller-owned; zeroed before first use; must stay put
 * until the callback. */
struct pool_wait {
    pool_wait_cb *cb;
    struct fail *fail;
    uint64_t party; /* whom it is for, in shares of equal size: a client's number */
    uint64_t since_ns;
    uint64_t due_ns;
    struct pool_wait *next, *prev;
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

/* Asks for a connection, with a deadline that counts from the request's arrival
 * (due_ns, 0: none; the pool's own timeout counts from now; the earlier wins).
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
/* Whether somebody waits for a connection now, of this pool or of another worker's
 * that has too few. */
bool pool_contended(const struct pool *p);

#endif
