/* SPDX-License-Identifier: MIT
 *
 * pool/pool_member.c: one connection between loans: kept idle, pinged, rolled
 * back, reset, closed.
 *
 * Loop thread. A member is freed when its close is over, and gives its slot back
 * then, because until then the database still has the session.
 */
#include "base/clock.h"
#include "pool/pool_parts.h"

#include <assert.h>
#include <stdlib.h>

/* -- the idle list --------------------------------------------------------- */

/* Keeps at most `size` idle over all workers. */
static bool idle_room(struct pool *p)
{
    struct pool_share *s = p->share;
    if (s->opts.kind == POOL_NULL || p->state != POOL_RUNS || p->gate == GATE_DRAINED) {
        return false;
    }
    int64_t most = s->opts.kind == POOL_STATIC ? 1 : s->opts.size;
    int64_t was = atomic_fetch_add(&s->counts.idle, 1);
    if (most > 0 && was >= most) {
        atomic_fetch_sub(&s->counts.idle, 1);
        return false;
    }
    return true;
}

/* The idle count of the share was raised by idle_room. */
static void idle_push(struct member *m, uint64_t now_ns)
{
    struct pool *p = m->pool;
    struct db_conn *c = m->conn;
    m->state = MEMBER_IDLE;
    m->idle_since_ns = now_ns;
    c->prev = NULL;
    c->next = p->idle_first;
    if (c->next != NULL) {
        c->next->prev = c;
    } else {
        p->idle_last = c;
    }
    p->idle_first = c;
    p->idle++;
}

static void idle_remove(struct member *m)
{
    struct pool *p = m->pool;
    struct db_conn *c = m->conn;
    *(c->prev != NULL ? &c->prev->next : &p->idle_first) = c->next;
    *(c->next != NULL ? &c->next->prev : &p->idle_last) = c->prev;
    c->next = c->prev = NULL;
    m->state = MEMBER_LOOSE;
    p->idle--;
    atomic_fetch_sub(&p->share->counts.idle, 1);
}

bool member_aged(const struct member *m, uint64_t now_ns)
{
    uint64_t recycle_ms = m->pool->share->opts.recycle_ms;
    return now_ns >= m->retire_ns ||
           (recycle_ms > 0 && now_ns - m->conn->opened_ns >= recycle_ms * NS_PER_MS);
}

/* Broken, or idle since before another one was found dead. */
static bool idle_dead(const struct member *m)
{
    return m->conn->broken ||
           m->idle_since_ns < atomic_load(&m->pool->share->invalid_before_ns);
}

void member_lend(struct member *m)
{
    m->state = MEMBER_LENT;
    m->pool->lent++;
    atomic_fetch_add(&m->pool->share->counts.busy, 1);
    status_lent(m);
}

struct member *member_take_idle(struct pool *p, uint64_t now_ns)
{
    while (p->idle_first != NULL) {
        struct member *m = member_of(p->idle_first);
        if (idle_dead(m)) {
            member_close(m, CLOSE_DEAD);
        } else if (member_aged(m, now_ns)) {
            member_close(m, CLOSE_AGE);
        } else {
            idle_remove(m);
            return m;
        }
    }
    return NULL;
}

void member_purge(struct pool *p, uint64_t now_ns)
{
    struct db_conn *next;
    for (struct db_conn *c = p->idle_first; c != NULL; c = next) {
        next = c->next;
        struct member *m = member_of(c);
        if (p->state != POOL_RUNS || p->gate == GATE_DRAINED) {
            member_close(m, CLOSE_SURPLUS);
        } else if (idle_dead(m)) {
            member_close(m, CLOSE_DEAD);
        } else if (now_ns >= m->retire_ns) {
            member_close(m, CLOSE_AGE);
        }
    }
}

void member_ready(struct member *m, uint64_t now_ns)
{
    struct pool *p = m->pool;
    p->good_ns = now_ns;
    if (p->gate != GATE_OPEN) {
        slot_wake(p); /* somebody may wait for this */
    } else if (p->state == POOL_RUNS && loan_give(m)) {
        return;
    }
    if (p->due > 0 && p->gate == GATE_OPEN) { /* not while it ends */
        member_lend(m);
        wait_grant(p, m->conn);
    } else if (now_ns >= m->retire_ns) {
        member_close(m, CLOSE_AGE);
    } else if (!idle_room(p)) {
        member_close(m, CLOSE_SURPLUS);
    } else {
        idle_push(m, now_ns);
        pool_tick(p, m->retire_ns);
        if (atomic_load(&p->share->starving) > 0) {
            slot_wake(p); /* somebody joined the want list since loan_give looked */
        } else if (atomic_load(&p->share->counts.waiting) > 0) {
            slot_wake_others(p); /* those who wait there need not wait for their own */
        }
    }
}

/* -- tests ----------------------------------------------------------------- */

/* One was found dead although it looked whole: the others that were idle at that
 * time are no better, in all workers. */
static void invalidate_idle(struct pool *p)
{
    LOG(p->log, LOG_POOL, LOG_WARN, "an idle connection was dead: all idle ones are replaced",
        LOG_S("db", p->share->opts.name), LOG_END);
    atomic_store(&p->share->invalid_before_ns, clock_now_ns());
    slot_wake_others(p);
}

static void test_failed(struct member *m)
{
    static const char *const words[] = {
        [TEST_PING] = "ping failed",
        [TEST_ROLLBACK] = "rollback failed",
        [TEST_RESET] = "reset failed",
    };
    struct pool *p = m->pool;
    LOG(p->log, LOG_POOL, LOG_INFO, words[m->test], LOG_S("db", p->share->opts.name),
        LOG_S("error", str_of(m->fail.message)), LOG_END);
    if (m->test == TEST_PING) {
        count_add(&p->share->counts.ping_failed, 1);
        invalidate_idle(p);
    }
    member_close(m, CLOSE_DEAD);
    pool_look(p);
}

static void test_done(struct run *r)
{
    struct member *m = CONTAINER(r, struct member, run);
    struct pool *p = m->pool;
    if (m->state == MEMBER_CLOSING) {
        return; /* closed under it; the close is still to come */
    }
    loop_timer_stop(p->loop, &m->timer);
    bool clean = r->err == ERR_OK && db_conn_clean(m->conn);
    if (!clean && (m->test != TEST_ROLLBACK || m->conn->broken)) {
        test_failed(m);
        return;
    }
    p->testing--;
    atomic_fetch_sub(&p->share->counts.busy, 1);
    m->state = MEMBER_LOOSE;
    if (!clean) {
        member_test(m, TEST_RESET);
        return;
    }
    member_ready(m, clock_now_ns());
    if (p->due > 0) {
        pool_look(p); /* it may have gone to another worker */
    }
}

/* A database that does not answer must not keep a waiter from a better one. */
static void test_late(struct timer *t)
{
    struct member *m = CONTAINER(t, struct member, timer);
    fail_set(&m->fail, ERR_CONNECTION_LOST, "no answer in time");
    test_failed(m);
}

static void test_begin(struct member *m)
{
    struct pool_counts *n = &m->pool->share->counts;
    const struct driver *d = m->pool->driver;
    switch (m->test) {
    case TEST_PING:
        d->ping(m->conn, &m->run);
        return;
    case TEST_ROLLBACK:
        count_add(&n->rolled_back, 1);
        d->rollback(m->conn, &m->run);
        return;
    case TEST_RESET:
        count_add(&n->reset, 1);
        d->reset(m->conn, &m->run);
        return;
    }
}

void member_test(struct member *m, enum member_test what)
{
    struct pool *p = m->pool;
    m->test = what;
    m->state = MEMBER_TESTING;
    p->testing++;
    atomic_fetch_add(&p->share->counts.busy, 1);
    fail_init(&m->fail);
    m->run = (struct run){.sets = 1, .done = test_done, .fail = &m->fail};
    m->timer.fire = test_late;
    uint64_t limit_ms =
        p->target->connect_timeout_ms > 0 ? p->target->connect_timeout_ms : 5000;
    if (loop_timer_start(p->loop, &m->timer, clock_now_ns() + limit_ms * NS_PER_MS) != ERR_OK) {
        member_close(m, CLOSE_DEAD); /* not without a bound */
        return;
    }
    test_begin(m);
}

/* -- closing --------------------------------------------------------------- */

static void on_closed(struct db_conn *c, void *arg)
{
    (void)c;
    struct member *m = arg;
    struct pool *p = m->pool;
    p->closing--;
    count_add(&p->share->counts.closed, 1);
    slot_give(p->share, m->end);
    member_free(m);
    pool_look(p);
}

static void count_close(struct pool *p, enum close_why why)
{
    static const char *const words[] = {
        [CLOSE_SURPLUS] = "closed: not needed",
        [CLOSE_AGE] = "closed: old",
        [CLOSE_DEAD] = "closed: broken",
        [CLOSE_MOVED] = "closed: another worker needs it",
    };
    struct pool_counts *n = &p->share->counts;
    switch (why) {
    case CLOSE_SURPLUS:
        break;
    case CLOSE_AGE:
        count_add(&n->recycled, 1);
        break;
    case CLOSE_DEAD:
        count_add(&n->invalidated, 1);
        break;
    case CLOSE_MOVED:
        count_add(&n->moved, 1);
        break;
    }
    LOG(p->log, LOG_POOL, why == CLOSE_DEAD ? LOG_INFO : LOG_DEBUG, words[why],
        LOG_S("db", p->share->opts.name), LOG_I("open", pool_own(p)), LOG_END);
}

void member_close(struct member *m, enum close_why why)
{
    struct pool *p = m->pool;
    switch (m->state) {
    case MEMBER_IDLE:
        idle_remove(m);
        break;
    case MEMBER_TESTING:
        loop_timer_stop(p->loop, &m->timer);
        p->testing--;
        atomic_fetch_sub(&p->share->counts.busy, 1);
        break;
    case MEMBER_LENT:
        p->lent--;
        atomic_fetch_sub(&p->share->counts.busy, 1);
        party_back(m->pool, &m->party);
        break;
    case MEMBER_LOOSE:
        break;
    case MEMBER_OPENING:
    case MEMBER_CLOSING:
        assert(0);
        return;
    }
    m->state = MEMBER_CLOSING;
    m->end = why;
    p->closing++;
    count_close(p, why);
    m->conn->on_idle_broke = NULL;
    p->driver->close(m->conn, on_closed, m);
}
