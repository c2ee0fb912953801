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

#include <stddef.h>

#define NS_PER_MS ((uint64_t)1000000)
#define NEVER_NS UINT64_MAX
#define CONTAINER(ptr, type, field) ((type *)(void *)((char *)(ptr)-offsetof(type, field)))

enum {
    OPENS_MAX = 4,    /* connects under way at a time, of one pool */
    PATIENCE_MS = 50, /* a wait longer than this asks other workers for a slot; a
                       * connection idle longer than this is given to who asks; and a
                       * worker's only connection is kept so long against others */
    ALIVE_MS = 1000,  /* a connection that worked so recently says: not down */
};

enum member_state {
    MEMBER_OPENING, /* a connector thread works on it */
    MEMBER_LOOSE,   /* on its way from one state to the next: counted nowhere */
    MEMBER_TESTING, /* ping or reset runs */
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

struct member {
    struct pool *pool;
    struct db_conn *conn; /* NULL while opening */
    enum member_state state;
    enum open_why why;
    enum close_why end;
    enum err err;     /* of the open */
    struct fail fail; /* of open, ping, reset */
    struct connector_job job;
    struct run run; /* ping, reset */
    enum { TEST_PING, TEST_RESET } test;
    struct timer timer;  /* bounds ping and reset */
    uint64_t started_ns; /* of the open */
    uint64_t retire_ns;  /* max_lifetime */
    uint64_t idle_since_ns;
};

enum pool_state { POOL_RUNS, POOL_ENDS };

/* Loop thread, but for what is said below. */
struct pool {
    struct pool_share *share;
    const struct db_target *target;
    const struct driver *driver;
    struct loop *loop;
    struct connector *connector;
    struct log *log;
    enum pool_state state;
    struct db_conn *idle_first, *idle_last; /* the latest returned first */
    uint32_t idle, opening, testing, lent, closing;
    struct pool_wait *wait_first, *wait_last;
    uint32_t waits;
    uint32_t opens_max;   /* 1 after a failed connect, up to OPENS_MAX: slow start */
    struct member *probe; /* the prober's open under way, or NULL */
    uint64_t random;
    uint64_t got_ns;  /* the last connection was opened */
    uint64_t good_ns; /* the last time one of them proved to work */
    uint64_t told_ns; /* the last timeout was logged */
    uint64_t told_skipped;
    struct timer tick; /* the next time something is due without an event */
    struct task end;
    void (*closed)(void *arg);
    void *closed_arg;

    /* any thread */
    struct task look;
    _Atomic bool look_posted;
    _Atomic uint32_t gifts; /* slots given by others, not yet used */

    /* guarded by share->lock */
    struct pool *next, *want_next;
    bool wanting; /* on the want list */
    uint32_t want_has;
};

/* Connections it has or is about to have; a loose one is not counted. */
static inline uint32_t pool_own(const struct pool *p)
{
    return p->idle + p->opening + p->testing + p->lent;
}

/* -- pool.c ---------------------------------------------------------------- */
/* Does what is due: buries the dead, serves waiters, asks for slots and gives them. */
void pool_look(struct pool *p);
/* Makes it look at due_ns at the latest. */
void pool_tick(struct pool *p, uint64_t due_ns);
/* Frees a closed pool once nothing of it is left. */
void pool_try_end(struct pool *p);

/* -- pool_wait.c ----------------------------------------------------------- */
/* Answers with an error, later; w is on no list. */
void wait_refuse(struct pool *p, struct pool_wait *w, enum err e);
/* Answers every waiter with e; f's words if not NULL. */
void wait_refuse_all(struct pool *p, enum err e, const struct fail *f);
/* Takes the head off the queue. */
struct pool_wait *wait_pop(struct pool *p);
/* Hands m to the first waiter. */
void wait_grant(struct pool *p, struct member *m);
/* Lends, pings and opens for the waiters as far as it goes. */
void wait_serve(struct pool *p);

/* -- pool_member.c --------------------------------------------------------- */
static inline struct member *member_of(const struct db_conn *c)
{
    return c->pool_arg;
}
/* m is loose, whole and clean: lent on, kept idle, or closed if there is no room. */
void member_ready(struct member *m, uint64_t now_ns);
/* Takes the newest idle one that may still be lent, or NULL. */
struct member *member_take_idle(struct pool *p, uint64_t now_ns);
/* Whether it has to be replaced before a loan. */
bool member_aged(const struct member *m, uint64_t now_ns);
void member_ping(struct member *m);
void member_reset(struct member *m);
/* m is idle, testing, lent or loose. */
void member_close(struct member *m, enum close_why why);
/* Closes idle ones that are dead or too old. */
void member_purge(struct pool *p, uint64_t now_ns);

/* -- pool_open.c ----------------------------------------------------------- */
/* Starts to connect; the slot is taken already. ERR_OUT_OF_MEMORY gives it back. */
enum err open_start(struct pool *p, enum open_why why) MUST_CHECK;
/* Keeps min_idle. */
void open_warm(struct pool *p);
/* While down: whether a connection of p worked so lately that it is worth waiting
 * for one. */
bool down_alive(const struct pool *p, uint64_t now_ns);
/* While down: answers waiters, probes when due. The next due time, or NEVER_NS. */
uint64_t down_look(struct pool *p, uint64_t now_ns);
/* Copies the words of the failed connect. */
void down_words(struct pool_share *s, struct fail *f);

/* -- pool_slot.c ----------------------------------------------------------- */
bool slot_take(struct pool *p);
/* Gives a slot to the first of the want list, else to the share. */
void slot_give(struct pool_share *s, enum close_why why);
/* Gives unused gifts on. */
void slot_return_gifts(struct pool *p);
/* Puts p on the want list (or moves it); true if there was a free slot, which is
 * p's now. */
bool slot_want(struct pool *p);
void slot_unwant(struct pool *p);
/* Whether p should close a connection for another worker now; then the slot is
 * promised and it must be closed as CLOSE_MOVED. idle_ns: how long that one has
 * been idle, 0: it is being returned. */
bool slot_asked(struct pool *p, uint64_t idle_ns, uint64_t now_ns);
/* When it may say something else for a connection that stays idle. */
static inline uint64_t slot_ask_again(const struct pool *p, uint64_t now_ns)
{
    uint64_t kept_ns = p->got_ns + PATIENCE_MS * NS_PER_MS;
    return kept_ns > now_ns ? kept_ns : now_ns + PATIENCE_MS * NS_PER_MS;
}
/* Joins and leaves the share. */
void slot_join(struct pool *p);
void slot_leave(struct pool *p);
/* Makes the pools of other workers look. */
void slot_wake_others(struct pool *p);
/* Makes p look in the next turn; any thread, p's share locked or p on this thread. */
void slot_wake(struct pool *p);

#endif
