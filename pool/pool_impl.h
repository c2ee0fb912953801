/* SPDX-License-Identifier: MIT
 *
 * pool/pool_impl.h: what the files of the pool share among themselves.
 *
 * A member is one connection of a pool, from the decision to open it until its
 * close is over; it holds one slot of the share all that time. A pool does its
 * work in pool_look, which may be called at any time and does whatever is due;
 * the quick ways (an idle connection lent, a returned one lent on) go round it.
 */
#ifndef POOL_POOL_IMPL_H
#define POOL_POOL_IMPL_H

#include "pool/pool.h"
#include "pool/pool_party.h"

#include <stddef.h>

#define NS_PER_MS ((uint64_t)1000000)
#define NEVER_NS UINT64_MAX
#define CONTAINER(ptr, type, field) ((type *)(void *)((char *)(ptr)-offsetof(type, field)))

enum {
    OPENS_MAX = 4,      /* connects under way at a time, of one pool */
    PATIENCE_MS = 50,   /* a worker with connections of its own asks the others' when its
                         * first waiter waits longer than this, and so much longer than
                         * theirs */
    HASTE_MS = 1,       /* … or than this, while another worker has an idle one */
    LOANS_A_MOVE = 100, /* so many loans cost a worker as much as to connect */
    ALIVE_MS = 1000,    /* a connection that worked so recently says: not down */
};

enum member_state {
    MEMBER_OPENING, /* a connector thread works on it */
    MEMBER_LOOSE,   /* on its way from one state to the next: counted nowhere */
    MEMBER_TESTING, /* ping, rollback or reset runs */
    MEMBER_IDLE,    /* on the idle list */
    MEMBER_LENT,    /* granted to a waiter (perhaps not told yet) or in its hands */
    MEMBER_CLOSING, /* waits for the driver's close */
};

/* Why a connection is opened. */
enum open_why { OPEN_WAITER, OPEN_WARM, OPEN_PROBE };

/* Why a connection is closed. */
enum close_why {
    CLOSE_SURPLUS, /* no room among the idle, or the class keeps none */
    CLOSE_AGE,
    CLOSE_DEAD,
    CLOSE_MOVED, /* its slot is promised to another worker */
};

/* What stands between a return, or the idle list, and the next loan. */
enum member_test { TEST_PING, TEST_ROLLBACK, TEST_RESET };

struct member {
    struct pool *pool;
    struct db_conn *conn; /* NULL while opening */
    enum member_state state;
    enum open_why why;
    enum close_why end;
    enum err err;     /* of the open */
    struct fail fail; /* of open and test */
    struct connector_job job;
    struct run run; /* of the test */
    enum member_test test;
    struct timer timer;  /* bounds the test */
    struct loan *loan;   /* for lending it to another worker; NULL while that has it */
    uint64_t started_ns; /* of the open */
    uint64_t retire_ns;  /* max_lifetime */
    struct party *party; /* whose loan it is, if loans are limited; else NULL */
    uint64_t client;     /* … its number, also where they are not; 0: not known */
    uint64_t lent_since_ns;
    bool warned;                /* … that this is long */
    struct member *next, *prev; /* of all of its pool */
    uint64_t idle_since_ns;
};

enum pool_state { POOL_RUNS, POOL_ENDS };

struct groups;
struct lanes;

/* Loop thread, but for what is said below. */
struct pool {
    struct pool_share *share;
    const struct db_target *target;
    const struct driver *driver;
    struct loop *loop;
    struct connector *connector;
    struct log *log;
    enum pool_state state;
    enum pool_gate gate;                    /* what it has seen of the share's */
    struct db_conn *idle_first, *idle_last; /* the latest returned first */
    uint32_t idle, opening, testing, lent, closing;
    uint32_t borrowed;                        /* connections of other workers in its hands */
    struct pool_wait *wait_first, *wait_last; /* in order of asking */
    struct parties parties;
    uint32_t waits;
    uint32_t due;         /* of them: whose party may have one more */
    uint32_t opens_max;   /* 1 after a failed connect, up to OPENS_MAX: slow start */
    struct member *probe; /* the prober's open under way, or NULL */
    uint64_t random;
    struct member *members;
    const char *(*doing)(void *arg, uint64_t client, const struct db_conn *c);
    void *doing_arg;
    uint64_t leaks_due_ns; /* the next look for loans that do not end */
    uint64_t got_ns;       /* the last connection was opened */
    uint64_t good_ns;      /* the last time one of them proved to work */
    uint64_t told_ns;      /* the last timeout was logged */
    uint64_t told_skipped;
    struct timer tick; /* the next time something is due without an event */
    struct task end;
    void (*closed)(void *arg);
    void *closed_arg;
    struct lanes *lanes;   /* connections that many reads share */
    struct groups *groups; /* writes that share a commit */

    /* any thread */
    struct histogram waited; /* of those who did not get a connection at once */
    _Atomic uint64_t told_wait_ns, told_loan_ns; /* since when the longest of them last */
    struct task look;
    _Atomic bool look_posted;
    _Atomic uint32_t gifts;   /* slots given by others, not yet used */
    _Atomic uint32_t offered; /* length of `offers` */

    /* guarded by share->lock */
    struct pool *next, *want_next;
    uint64_t gate_seen;     /* the share's gate_turn that `gate` is of; its own thread writes */
    bool wanting;           /* on the want list */
    uint32_t want_has;      /* its own connections when it joined */
    uint64_t want_since_ns; /* … and since when its first waiter waits */
    struct loan *offers;    /* connections that others lend to it, not yet seen */
    uint32_t loans;         /* lent to it since a slot was moved to it */
};

/* For how long a waiter makes do with the connections of its own worker, none of which is
 * idle. */
static inline uint64_t pool_patience_ns(const struct pool *p)
{
    bool idle_elsewhere = atomic_load(&p->share->counts.idle) > 0;
    return (idle_elsewhere ? HASTE_MS : PATIENCE_MS) * NS_PER_MS;
}

/* Connections it has or is about to have; a loose one is not counted. */
static inline uint32_t pool_own(const struct pool *p)
{
    return p->idle + p->opening + p->testing + p->lent;
}

#endif
