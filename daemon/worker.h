/* SPDX-License-Identifier: MIT
 *
 * daemon/worker.h: one event-loop thread with its clients, its compiler and its
 * connections to every database.
 *
 * Everything here belongs to the worker's thread except the functions marked
 * "any thread". A client stays with its worker.
 */
#ifndef DAEMON_WORKER_H
#define DAEMON_WORKER_H

#include "backend/connector.h"
#include "backend/loop.h"
#include "base/err.h"
#include "base/log.h"
#include "compiler/compiler.h"
#include "daemon/counts.h"
#include "daemon/settings.h"
#include "pool/pool.h"

#include <pthread.h>
#include <stdatomic.h>

struct conn;
struct far;
struct flights;
struct touch_held;
struct versions;
struct req;
struct tx;

/* A database as one worker sees it. */
struct backend {
    struct database *db;             /* one reference */
    struct pool *pools[SERVERS_MAX]; /* one for each of db->servers */
    uint32_t pools_open;             /* so many are not closed yet */
    uint32_t turn;                   /* of its replicas, where several are alike */
    struct worker *worker;
    struct catalog *catalog; /* the worker's copy of db->catalog (one reference) or NULL */
    uint32_t users;          /* requests and reflections that hold it */
    struct monitor *monitor; /* that asks its servers over this one, or NULL */
    struct outside *outside; /* that hears over this one what others write, or NULL */
    struct reflection *reflection; /* that reads the catalog over this one, or NULL */
    enum { BACKEND_OPEN, BACKEND_RETIRED, BACKEND_CLOSING } state;
    struct backend *next;
};

enum worker_state { WORKER_RUNNING, WORKER_DRAINING, WORKER_CLOSING };

/* What all workers share; owned by the daemon, outlives them. */
struct worker_shared {
    struct log *log;
    struct connector *connector;
    _Atomic uint64_t next_statement;
    _Atomic uint64_t next_client;
    _Atomic uint64_t request_bytes; /* memory of all requests now */
    uint64_t seed;
    uint64_t started_ns;
    uint64_t deaf_ns;          /* how long a database may take to answer after it was asked to
                                * stop; then its session is given up */
    struct versions *versions; /* of the result cache; NULL in tests of one worker */
    struct touch_held *held;   /* of writes whose outcome is not known; as versions */
    struct flights *flights;   /* reads that others wait for; as versions */
    struct cache_plans *cache_plans;
    struct sharing *sharing; /* with whom they are shared; NULL: nobody */
    struct worker *workers;  /* all of them; NULL in tests of one */
    unsigned worker_count;
    /* Writes the /stats JSON object; any thread. */
    void (*write_stats)(void *arg, struct buf *out);
    void *arg;
};

struct worker {
    struct worker_shared *shared;
    unsigned index;
    pthread_t thread;
    struct loop loop;
    struct settings *settings; /* one reference */
    struct compiler *compiler;
    struct backend *backends;
    struct far *fars; /* connections to regions in Redis */
    struct conn *conns;
    uint64_t untold_bytes; /* of its requests, not yet in shared.request_bytes; wraps */
    struct req *free_reqs;
    uint32_t free_req_count;
    uint32_t free_req_low; /* least of it since the last beat: so many were not needed */
    uint32_t freed;        /* requests and clients freed since memory was given back … */
    uint32_t freed_seen;   /* … of these at the last beat */
    struct tx *tx_oldest, *tx_newest; /* transactions that have begun */
    enum worker_state state;
    pthread_mutex_t post_lock; /* guards post_closed */
    bool post_closed;          /* its loop is about to end */
    struct timer drain_timer;
    struct loop *main_loop;    /* told when the thread has ended … */
    struct task ended;         /* … by this, set by the daemon */
    uint64_t told_ns;          /* the second of the log lines that are limited … */
    uint32_t told;             /* … and how many there were in it */
    uint64_t read_ns;          /* the clock when the line in hand could be read */
    struct buf name;           /* of the line in hand (daemon/quick.h) */
    uint32_t quick_answers;    /* not counted yet */
    struct timer beat;         /* once a second: copies counters of modules for the stats */
    _Atomic uint32_t assigned; /* clients given to this worker and not gone yet */
    struct worker_counts counts;
    char scratch[65536]; /* what a read callback reads into, one client at a time */
};

/* Starts the thread. Any thread. */
enum err worker_start(struct worker *w, struct worker_shared *shared, unsigned index,
                      struct settings *settings, struct fail *f) MUST_CHECK;
/* Gives an accepted socket to the worker; it owns fd from now on, also on error
 * (then it is closed). Any thread. */
enum err worker_give(struct worker *w, int fd) MUST_CHECK;
/* Puts new settings in force; takes a reference. Any thread. */
enum err worker_reload(struct worker *w, struct settings *s) MUST_CHECK;
/* No more requests: those under way end within drain_ms, then everything closes
 * and the thread ends. Any thread. */
enum err worker_drain(struct worker *w, uint64_t drain_ms) MUST_CHECK;
/* Posts t to the worker's loop; false if that is about to end. Any thread. */
bool worker_post(struct worker *w, struct task *t);
/* Waits for the thread and frees. Any thread, after worker_drain. */
void worker_join(struct worker *w);

/* The backend for a database name (empty: the default). NULL if there is none. The
 * caller holds it until backend_release. */
struct backend *worker_backend(struct worker *w, struct str name);
struct backend *backend_hold(struct backend *b);
void backend_release(struct backend *b);
/* The newest catalog that is known, or NULL before the first. Borrowed for this turn. */
struct catalog *backend_catalog(struct backend *b);

/* Counts a change of what its requests hold (it wraps round when that shrinks) in
 * shared.request_bytes, and returns what all hold by now. Small changes are gathered,
 * because all workers write to that place; none is left when no request is. */
uint64_t worker_charge(struct worker *w, uint64_t change_bytes);
/* A connection to a region is closed: called by far. */
void worker_far_gone(struct worker *w);
/* A client is gone: called by conn. */
void worker_conn_gone(struct worker *w);

#endif
