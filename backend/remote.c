/* SPDX-License-Identifier: MIT
 *
 * backend/remote.c: calls for a connection of another loop, posted there and back.
 *
 * Each direction is a set of bits and one task: who sets the first bit posts it.
 * A start takes back what was asked of the run before it, so a late cancel cannot
 * hit the next run. Fields of a message are written before its bit is set, and the
 * other side reads them after it has taken the bit.
 */
#include "backend/remote.h"

#include "base/clock.h"

#include <assert.h>
#include <stddef.h>

/* To the owner. */
enum { ASK_START = 1, ASK_RESUME = 2, ASK_CANCEL = 4, ASK_ABORT = 8, ASK_RETURN = 16 };
/* To the borrower. */
enum { TELL_FLUSH = 1, TELL_DONE = 2, TELL_ENDED = 4 };

#define OWNER(ptr, member)                                                                     \
    ((struct remote *)(void *)((char *)(ptr)-offsetof(struct remote, member)))

static struct remote *of_conn(struct db_conn *c)
{
    return (struct remote *)(void *)c; /* its first member */
}

static void ask(struct remote *m, unsigned what)
{
    if (atomic_fetch_or(&m->to_owner, what) == 0) {
        loop_post(m->owner, &m->owner_task);
    }
}

static void tell(struct remote *m, unsigned what)
{
    if (atomic_fetch_or(&m->to_borrower, what) == 0) {
        loop_post(m->base.loop, &m->borrower_task);
    }
}

/* -- the owner's loop ------------------------------------------------------- */

/* The rows wait at the sink until the borrower says `resume`. */
static bool inner_flush(struct run *inner)
{
    tell(OWNER(inner, inner), TELL_FLUSH);
    return false;
}

static void inner_done(struct run *inner)
{
    struct remote *m = OWNER(inner, inner);
    m->tx = m->real->tx;
    m->broke = m->real->broken;
    tell(m, m->life == REMOTE_ENDING ? TELL_DONE | TELL_ENDED : TELL_DONE);
}

static void start_inner(struct remote *m)
{
    const struct driver *d = m->real->driver;
    switch (m->job) {
    case REMOTE_RUN:
        d->run(m->real, &m->inner);
        return;
    case REMOTE_PING:
        d->ping(m->real, &m->inner);
        return;
    case REMOTE_RESET:
        d->reset(m->real, &m->inner);
        return;
    }
}

static void abort_inner(struct remote *m)
{
    bool runs = m->real->running != NULL;
    m->life = REMOTE_ENDING;
    m->aborted(m);
    if (!runs) {
        tell(m, TELL_ENDED); /* else with its done */
    }
}

static void on_asked(struct task *t)
{
    struct remote *m = OWNER(t, owner_task);
    unsigned what = atomic_exchange(&m->to_owner, 0);
    if ((what & ASK_RETURN) != 0) {
        m->returned(m);
        return;
    }
    if ((what & ASK_START) != 0) {
        start_inner(m);
    }
    if ((what & ASK_RESUME) != 0) {
        m->real->driver->resume(m->real);
    }
    if ((what & ASK_CANCEL) != 0) {
        m->real->driver->cancel(m->real); /* nothing, if its run is over */
    }
    if ((what & ASK_ABORT) != 0) {
        abort_inner(m);
    }
}

/* -- the borrower's loop ---------------------------------------------------- */

/* Its last touch of m: the callback may have returned it. */
static void deliver(struct remote *m)
{
    struct run *r = m->base.running;
    r->err = m->inner.err;
    r->rowcount = m->inner.rowcount;
    r->started_ns = m->inner.started_ns;
    r->ended_ns = m->inner.ended_ns;
    r->maybe_executed = m->inner.maybe_executed;
    m->base.tx = m->tx;
    m->base.broken = m->base.broken || m->broke;
    m->base.running = NULL;
    r->done(r);
}

/* Not if a cancel was faster: then the session may go on without us. */
static void flush(struct remote *m)
{
    struct run *r = m->base.running;
    if (m->flow != REMOTE_FLOWS) {
        return;
    }
    m->flow = REMOTE_PAUSED;
    if (r->flush(r) && m->flow == REMOTE_PAUSED) {
        m->flow = REMOTE_FLOWS;
        ask(m, ASK_RESUME);
    }
}

static void on_told(struct task *t)
{
    struct remote *m = OWNER(t, borrower_task);
    unsigned what = atomic_exchange(&m->to_borrower, 0);
    if ((what & TELL_ENDED) != 0) {
        remote_cb *ended = m->ended;
        if ((what & TELL_DONE) != 0) {
            deliver(m); /* an aborted one cannot be returned in there */
        }
        ended(m);
    } else if ((what & TELL_DONE) != 0) {
        deliver(m);
    } else {
        flush(m);
    }
}

static void start(struct db_conn *c, struct run *r, enum remote_job job)
{
    struct remote *m = of_conn(c);
    assert(c->running == NULL);
    r->err = ERR_OK;
    r->rowcount = 0;
    r->maybe_executed = false;
    r->started_ns = clock_now_ns();
    c->running = r;
    m->flow = REMOTE_FLOWS;
    m->job = job;
    m->inner = *r;
    m->inner.done = inner_done;
    m->inner.flush = r->flush == NULL ? NULL : inner_flush;
    if (atomic_exchange(&m->to_owner, ASK_START) == 0) {
        loop_post(m->owner, &m->owner_task);
    }
}

static void remote_run(struct db_conn *c, struct run *r)
{
    start(c, r, REMOTE_RUN);
}

static void remote_ping(struct db_conn *c, struct run *r)
{
    start(c, r, REMOTE_PING);
}

static void remote_reset(struct db_conn *c, struct run *r)
{
    start(c, r, REMOTE_RESET);
}

static void remote_resume(struct db_conn *c)
{
    struct remote *m = of_conn(c);
    if (m->flow == REMOTE_PAUSED) {
        m->flow = REMOTE_FLOWS;
        ask(m, ASK_RESUME);
    }
}

static void remote_cancel(struct db_conn *c)
{
    struct remote *m = of_conn(c);
    if (c->running != NULL && m->flow != REMOTE_CANCELLED) {
        m->flow = REMOTE_CANCELLED;
        ask(m, ASK_CANCEL);
    }
}

/* -- life ------------------------------------------------------------------- */

void remote_init(struct remote *m, struct db_conn *real, struct loop *borrower)
{
    const struct driver *d = real->driver;
    *m = (struct remote){
        .base = *real,
        .face = {.name = d->name,
                 .kind = d->kind,
                 .default_port = d->default_port,
                 .check = d->check,
                 .library_version = d->library_version,
                 .run = remote_run,
                 .resume = remote_resume,
                 .cancel = remote_cancel,
                 .ping = remote_ping,
                 .reset = remote_reset},
        .real = real,
        .owner = real->loop,
        .owner_task = {.run = on_asked},
        .borrower_task = {.run = on_told},
    };
    m->base.driver = &m->face;
    m->base.loop = borrower;
    m->base.on_idle_broke = NULL;
    m->base.pool_arg = NULL;
    m->base.next = m->base.prev = NULL;
}

struct remote *remote_of(struct db_conn *c)
{
    return c->driver->run == remote_run ? of_conn(c) : NULL;
}

void remote_return(struct remote *m)
{
    assert(m->base.running == NULL);
    ask(m, ASK_RETURN);
}

void remote_abort(struct remote *m)
{
    m->base.broken = true;
    m->flow = REMOTE_CANCELLED; /* the sink is left alone */
    ask(m, ASK_ABORT);
}
