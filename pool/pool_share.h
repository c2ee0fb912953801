/* SPDX-License-Identifier: MIT
 *
 * pool/pool_share.h: what all workers' pools of one server share: the options, the
 * cap, the counters, and who connects while it is down.
 *
 * Any thread, under the lock where that is said.
 */
#ifndef POOL_POOL_SHARE_H
#define POOL_POOL_SHARE_H

#include "backend/driver.h"
#include "base/err.h"
#include "stats/stats.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pool;

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
    uint32_t max_per_client;  /* 0: no limit; most that one party has at a time */
    uint64_t leak_warning_ms; /* 0 off: a loan that lasts longer is told in the log */
    bool pre_ping;
    bool pipelining;         /* short reads share connections, where the driver can */
    bool fusion;             /* reads of one plan by unique key become one statement */
    uint64_t backoff_min_ms; /* 100 after a failed connect, doubled up to … */
    uint64_t backoff_max_ms; /* 5000 */
};

/* Whether connections are lent (pool_gate.h). */
enum pool_gate { GATE_OPEN, GATE_PAUSED, GATE_DRAINED };

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
    _Atomic uint64_t borrowed; /* loans of another worker's connection */
    _Atomic uint64_t leaks;    /* loans that lasted longer than leak_warning */
    _Atomic uint64_t moved;    /* closed so that another worker may open one */
    _Atomic uint64_t wait_max_ns;
    _Atomic int64_t lanes;       /* of busy: shared by many reads */
    _Atomic uint64_t shared;     /* reads that were run on lanes, … */
    _Atomic uint64_t fused;      /* … of them in one statement with others */
    _Atomic uint64_t fusions;    /* such statements */
    _Atomic uint64_t sent_again; /* reads taken off a lane that did not answer */
    _Atomic uint64_t grouped;    /* writes that were sent in one transaction with others, … */
    _Atomic uint64_t groups;     /* … and such transactions */
    _Atomic uint64_t grouped_again; /* of those writes, run once more, alone */
    _Atomic uint64_t stalled;       /* groups that were ended because they waited */
};

/* One for each database, shared by the workers' pools; must outlive them. */
struct pool_share {
    struct pool_opts opts;
    int32_t cap;                        /* sessions over all workers; INT32_MAX/2: unlimited */
    _Atomic int32_t slots_free;         /* of cap; 0 whenever somebody is on the want list */
    _Atomic int32_t starving;           /* workers that wait for the others */
    _Atomic int32_t down;               /* 1 while the last connect failed */
    _Atomic uint64_t invalid_before_ns; /* what is idle since before then is dead */
    _Atomic int32_t alike;  /* sessions that all pools of this server may open, also those of
                             * other databases; 0: only this one's, or there is no limit */
    _Atomic bool room_told; /* … that they are more than the server allows */
    _Atomic uint64_t gate_turn; /* changes of `gate` so far */
    struct pool_counts counts;

    pthread_mutex_t lock; /* guards what follows */
    enum pool_gate gate;
    struct pool_still *stills; /* who waits until it is still behind the gate */
    struct pool *pools;        /* of the workers that are open */
    struct histogram waited;   /* as of a pool, of those that have closed */
    struct pool *want_list;    /* starving ones, the one whose waiter waits longest first */
    int32_t promised;          /* connections that are being closed for the want list */
    int32_t warming;           /* opens under way for min_idle */
    struct pool *prober;       /* who tries to connect while down, or NULL */
    uint64_t probe_due_ns, backoff_ms, down_since_ns;
    struct fail down_fail; /* the words of the last failed connect */
};

/* Any thread, before the first pool. */
void pool_share_init(struct pool_share *s, const struct pool_opts *opts);
/* After the last pool is closed. */
void pool_share_fini(struct pool_share *s);

#endif
