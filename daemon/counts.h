/* SPDX-License-Identifier: MIT
 *
 * daemon/counts.h: what one worker counts. Written by its loop thread, read by
 * the stats at any time (atomics).
 */
#ifndef DAEMON_COUNTS_H
#define DAEMON_COUNTS_H

#include "base/err.h"
#include "protocol/message.h"
#include "stats/stats.h"

#include <stdatomic.h>
#include <stdint.h>

/* Where the time of a request goes, in order. */
enum stage {
    STAGE_QUEUE,    /* arrival → its turn (order of the connection) */
    STAGE_PLAN,     /* reading, compiling, binding */
    STAGE_POOL,     /* waiting for a connection */
    STAGE_DATABASE, /* handed to the database → its last answer */
    STAGE_REPLY,    /* last answer → handed to the socket */
    STAGE_TOTAL,    /* arrival → handed to the socket */
};
#define STAGE_COUNT ((int)STAGE_TOTAL + 1)

/* Wire name of a stage: "queue". */
const char *stage_name(enum stage s);

struct worker_counts {
    _Atomic uint64_t clients;          /* now */
    _Atomic uint64_t clients_accepted; /* ever */
    _Atomic uint64_t clients_foreign;  /* closed at their first byte */
    _Atomic uint64_t in_flight;        /* requests now */
    _Atomic uint64_t requests[OP_COUNT];
    _Atomic uint64_t errors[CLASS_COUNT];
    _Atomic uint64_t malformed; /* lines that were no request */
    _Atomic uint64_t bytes_in, bytes_out, rows_out;
    _Atomic uint64_t paused;     /* replies that had to wait for their reader */
    _Atomic uint64_t slow_ended; /* … and were ended for it */
    _Atomic uint64_t plan_hits, plan_known, plan_misses, plan_evicted, plans, plan_bytes;
    _Atomic uint64_t tx_open;      /* transactions now */
    _Atomic uint64_t tx_oldest_ns; /* when the oldest of them began; 0: there is none */
    /* Those that have begun are open, or committed, or all others. */
    _Atomic uint64_t tx_begun, tx_committed, tx_rolled_back;
    _Atomic uint64_t tx_aborted;  /* a request of it failed */
    _Atomic uint64_t tx_timeouts; /* limits.tx_idle, limits.tx_total */
    _Atomic uint64_t writes_held; /* whose outcome is not known yet, of all workers */
    _Atomic uint64_t loop_turns, loop_lag_max_ns;
    struct histogram stages[STAGE_COUNT];
};

#endif
