/* SPDX-License-Identifier: MIT
 *
 * pool/pool_wait.c: the queue of those who want a connection, and how they get
 * their answer.
 *
 * Loop thread. Whose turn it is says pool_party.c. A waiter is not tied to the
 * connection that is opened, pinged or reset for it: whichever is ready first goes to
 * the next in turn. Every answer is a deferred task, so no callback runs inside
 * a call into the pool.
 */
#include "base/clock.h"
#include "pool/lanes.h"
#include "pool/pool_parts.h"

#include <assert.h>
#include <inttypes.h>

/* -- the queue ------------------------------------------------------------- */

/* w's party has let go of it already. */
static void wait_unlink(struct pool *p, struct pool_wait *w)
{
    *(w->prev != NULL ? &w->prev->next : &p->wait_first) = w->next;
    *(w->next != NULL ? &w->next->prev : &p->wait_last) = w->prev;
    w->next = w->prev = NULL;
    w->queued = false;
    loop_timer_stop(p->loop, &w->timer);
    p->waits--;
    atomic_fetch_sub(&p->share->counts.waiting, 1);
}

/* Out of turn. */
static void wait_leave(struct pool *p, struct pool_wait *w)
{
    party_leave(p, w);
    wait_unlink(p, w);
}

/* Him whose turn it is; loan: as of party_turn. */
static struct pool_wait *wait_turn(struct pool *p, struct party **loan)
{
    struct pool_wait *w = party_turn(p, loan);
    wait_unlink(p, w);
    return w;
}

/* w is in its party's line already. */
static void wait_link(struct pool *p, struct pool_wait *w, struct pool_wait *behind)
{
    w->prev = behind;
    w->next = behind != NULL ? behind->next : p->wait_first;
    *(w->prev != NULL ? &w->prev->next : &p->wait_first) = w;
    *(w->next != NULL ? &w->next->prev : &p->wait_last) = w;
    w->queued = true;
    p->waits++;
    atomic_fetch_add(&p->share->counts.waiting, 1);
}

static enum err MUST_CHECK start_deadline(struct pool *p, struct pool_wait *w)
{
    return w->due_ns == NEVER_NS ? ERR_OK : loop_timer_start(p->loop, &w->timer, w->due_ns);
}

/* -- answers --------------------------------------------------------------- */

static const char *refusal(enum err e)
{
    switch ((int)e) {
    case ERR_OVERLOAD:
        return "too many requests wait for a connection to this database";
    case ERR_SHUTTING_DOWN:
        return "the connections to this database are being closed";
    case ERR_DRAINED:
        return "the database was drained by an administrator";
    case ERR_CANCELLED:
        return "cancelled while waiting for a connection";
    default:
        return "out of memory";
    }
}

/* Back to where it was: first in its line, and next in turn. */
static enum err requeue(struct pool *p, struct pool_wait *w)
{
    if (w->cancelled) {
        return ERR_CANCELLED;
    }
    if (p->state != POOL_RUNS) {
        return ERR_SHUTTING_DOWN;
    }
    if (p->gate == GATE_DRAINED) {
        return ERR_DRAINED;
    }
    if (start_deadline(p, w) != ERR_OK || party_reenter(p, w) != ERR_OK) {
        loop_timer_stop(p->loop, &w->timer);
        return ERR_OUT_OF_MEMORY;
    }
    wait_link(p, w, NULL);
    return ERR_OK;
}

/* The connection broke between grant and delivery: true if w waits again. */
static bool granted_in_vain(struct pool_wait *w)
{
    struct pool *p = w->pool;
    if (remote_of(w->conn) != NULL) {
        loan_return(p, w->conn, POOL_BROKEN);
    } else {
        member_close(member_of(w->conn), CLOSE_DEAD);
    }
    w->conn = NULL;
    w->err = requeue(p, w);
    if (w->err != ERR_OK) {
        fail_set(w->fail, w->err, "%s", refusal(w->err));
        return false;
    }
    pool_look(p);
    return true;
}

/* It broke since it was granted, or said what nobody asked for, which would be taken
 * for the answer to the next statement. */
static bool is_lost(const struct db_conn *c)
{
    return c->broken || (c->driver->spoke != NULL && c->driver->spoke(c));
}

/* Touches the pool only while one of its connections is in w's hands: it may be
 * gone otherwise. */
static void deliver(struct task *t)
{
    struct pool_wait *w = CONTAINER(t, struct pool_wait, task);
    if (w->conn != NULL && is_lost(w->conn) && granted_in_vain(w)) {
        return;
    }
    w->cb(w, w->conn, w->err);
}

static void answer(struct pool *p, struct pool_wait *w, struct db_conn *c, enum err e)
{
    w->conn = c;
    w->err = e;
    loop_hurry(p->loop, &w->task);
}

void wait_refuse(struct pool *p, struct pool_wait *w, enum err e)
{
    fail_set(w->fail, e, "%s", refusal(e));
    answer(p, w, NULL, e);
}

void wait_refuse_all(struct pool *p, enum err e, const struct fail *f)
{
    struct pool_wait *w;
    while ((w = p->wait_first) != NULL) {
        wait_leave(p, w);
        if (f != NULL && w->fail != NULL) {
            *w->fail = *f;
        }
        wait_refuse(p, w, e);
    }
    slot_unwant(p);
}

/* w is off the queue, c lent or borrowed. */
static void grant(struct pool *p, struct pool_wait *w, struct db_conn *c)
{
    struct pool_counts *n = &p->share->counts;
    uint64_t now_ns = clock_now_ns();
    uint64_t waited_ns = now_ns - w->since_ns;
    uint64_t max_ns = count_get(&n->wait_max_ns);
    while (waited_ns > max_ns &&
           !atomic_compare_exchange_weak(&n->wait_max_ns, &max_ns, waited_ns)) {
    }
    c->lent_ns = now_ns;
    if (remote_of(c) == NULL) {
        member_of(c)->client = w->party;
    }
    count_add(&n->lent, 1);
    LOG(p->log, LOG_POOL, LOG_DEBUG, "lent", LOG_S("db", p->share->opts.name),
        LOG_I("backend", c->backend_id), LOG_I("waited_us", waited_ns / 1000), LOG_END);
    answer(p, w, c, ERR_OK);
}

void wait_grant(struct pool *p, struct db_conn *c)
{
    struct pool_wait *w = wait_turn(p, loan_party(c));
    histogram_add(&p->waited, clock_now_ns() - w->since_ns);
    grant(p, w, c);
    if (p->due == 0) {
        slot_unwant(p);
    }
}

uint64_t wait_since(const struct pool *p)
{
    const struct party *next = p->parties.turn_first;
    return next == NULL ? NEVER_NS : next->first->since_ns;
}

/* At most one line a second: an exhausted pool times thousands out. */
static void log_timeout(struct pool *p, uint64_t now_ns)
{
    if (p->told_ns != 0 && now_ns - p->told_ns < 1000 * NS_PER_MS) {
        p->told_skipped++;
        return;
    }
    struct pool_share *s = p->share;
    LOG(p->log, LOG_POOL, LOG_WARN, "no connection became free in time",
        LOG_S("db", s->opts.name), LOG_I("size", s->opts.size),
        LOG_I("max_overflow", s->opts.max_overflow),
        LOG_I("busy", atomic_load(&s->counts.busy)),
        LOG_I("waiting", atomic_load(&s->counts.waiting)), LOG_I("more", p->told_skipped),
        LOG_END);
    p->told_ns = now_ns;
    p->told_skipped = 0;
}

static void on_deadline(struct timer *t)
{
    struct pool_wait *w = CONTAINER(t, struct pool_wait, timer);
    struct pool *p = w->pool;
    struct pool_share *s = p->share;
    uint64_t now_ns = clock_now_ns();
    wait_leave(p, w);
    count_add(&s->counts.timeouts, 1);
    log_timeout(p, now_ns);
    fail_set(w->fail, ERR_POOL_TIMEOUT,
             "no connection became free within %" PRIu64 " ms (size %" PRId32
             ", max_overflow %" PRId32 ", %" PRId64 " busy, %" PRId64 " more waiting)",
             (now_ns - w->since_ns) / NS_PER_MS, s->opts.size, s->opts.max_overflow,
             atomic_load(&s->counts.busy), atomic_load(&s->counts.waiting));
    answer(p, w, NULL, ERR_POOL_TIMEOUT);
    if (p->due == 0) {
        slot_unwant(p);
    }
}

/* -- serving --------------------------------------------------------------- */

/* The least number of waiters for whom nothing is under way. */
static uint32_t unserved(const struct pool *p)
{
    uint32_t coming = p->opening + p->testing;
    return p->due > coming ? p->due - coming : 0;
}

static void open_more(struct pool *p)
{
    while (unserved(p) > 0 && p->opening < p->opens_max && slot_take(p)) {
        if (open_start(p, OPEN_WAITER) != ERR_OK) {
            wait_refuse(p, wait_turn(p, NULL), ERR_OUT_OF_MEMORY);
        }
    }
}

/* Somebody waits and all slots are taken. A worker with connections of its own
 * gives them a while to come back before it asks for those of others: work that
 * stays on its thread is cheaper. */
static bool impatient(const struct pool *p)
{
    return pool_own(p) == 0 || clock_now_ns() - p->wait_first->since_ns >= pool_patience_ns(p);
}

void wait_serve(struct pool *p)
{
    loan_take(p);
    if (p->gate != GATE_OPEN) {
        slot_unwant(p);
        return;
    }
    uint64_t now_ns = clock_now_ns();
    struct member *m;
    while (unserved(p) > 0 && (m = member_take_idle(p, now_ns)) != NULL) {
        if (p->share->opts.pre_ping) {
            member_test(m, TEST_PING);
        } else {
            member_lend(m);
            wait_grant(p, m->conn);
        }
    }
    if (atomic_load(&p->share->down) != 0) {
        return; /* down_look has said what becomes of them */
    }
    open_more(p);
    while (unserved(p) > 0 && p->opening < p->opens_max && impatient(p)) {
        if (!slot_want(p)) {
            return;
        }
        if (open_start(p, OPEN_WAITER) != ERR_OK) {
            wait_refuse(p, wait_turn(p, NULL), ERR_OUT_OF_MEMORY);
        }
    }
    slot_unwant(p);
}

/* -- asking ---------------------------------------------------------------- */

static void refuse_now(struct pool *p, struct pool_wait *w, enum err e)
{
    count_add(&p->share->counts.refused, 1);
    wait_refuse(p, w, e);
}

static uint64_t deadline(const struct pool *p, uint64_t from_ns, uint64_t due_ns)
{
    uint64_t timeout_ms = p->share->opts.timeout_ms;
    uint64_t own_ns = timeout_ms == 0 || timeout_ms > UINT32_MAX
                          ? NEVER_NS
                          : from_ns + timeout_ms * NS_PER_MS;
    return due_ns != 0 && due_ns < own_ns ? due_ns : own_ns;
}

static void enqueue(struct pool *p, struct pool_wait *w)
{
    struct pool_share *s = p->share;
    if (s->opts.max_waiting > 0 &&
        atomic_load(&s->counts.waiting) >= (int64_t)s->opts.max_waiting) {
        refuse_now(p, w, ERR_OVERLOAD);
        return;
    }
    if (start_deadline(p, w) != ERR_OK || party_enter(p, w) != ERR_OK) {
        loop_timer_stop(p->loop, &w->timer);
        refuse_now(p, w, ERR_OUT_OF_MEMORY);
        return;
    }
    wait_link(p, w, p->wait_last);
    lanes_heed(p->lanes);
    if (atomic_load(&s->down) != 0) {
        pool_look(p);
        return;
    }
    wait_serve(p);
    if (w == p->wait_first) {
        pool_tick(p, w->since_ns + pool_patience_ns(p)); /* it may grow impatient */
    }
}

void pool_acquire(struct pool *p, struct pool_wait *w, uint64_t due_ns)
{
    assert(!w->queued && !w->task.queued);
    uint64_t now_ns = clock_now_ns();
    w->pool = p;
    w->conn = NULL;
    w->err = ERR_OK;
    w->cancelled = false;
    w->since_ns = now_ns;
    w->due_ns = deadline(p, w->arrived_ns != 0 ? w->arrived_ns : now_ns, due_ns);
    w->task.run = deliver;
    w->timer.fire = on_deadline;
    if (p->state != POOL_RUNS) {
        wait_refuse(p, w, ERR_SHUTTING_DOWN);
        return;
    }
    if (p->gate != GATE_OPEN) {
        gate_follow(p); /* it may have been opened, and its word not come yet */
    }
    if (p->gate == GATE_DRAINED) {
        gate_follow(p); /* who was told that it is open again need not wait for our look */
    }
    if (p->gate == GATE_DRAINED) {
        refuse_now(p, w, ERR_DRAINED);
        return;
    }
    struct member *m = NULL;
    if (p->due == 0 && p->gate == GATE_OPEN && !p->share->opts.pre_ping &&
        party_has_room(p, w->party) && (m = member_take_idle(p, now_ns)) != NULL) {
        party_lend(p, w->party, &m->party);
        member_lend(m);
        grant(p, w, m->conn);
        return;
    }
    enqueue(p, w);
}

void pool_cancel(struct pool *p, struct pool_wait *w)
{
    w->cancelled = true;
    if (!w->queued) {
        return; /* its answer is on the way */
    }
    wait_leave(p, w);
    wait_refuse(p, w, ERR_CANCELLED);
    if (p->due == 0) {
        slot_unwant(p);
    }
}

bool pool_contended(const struct pool *p)
{
    return p->due > 0 || p->gate != GATE_OPEN || atomic_load(&p->share->starving) > 0;
}
