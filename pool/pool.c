/* SPDX-License-Identifier: MIT
 *
 * pool/pool.c: a pool's life, its look at what is due, and connections coming
 * back.
 *
 * Owns its members; borrows the share, the loop and the connector. Loop thread.
 */
#include "pool/pool.h"

#include "base/clock.h"
#include "base/hash.h"
#include "pool/groups.h"
#include "pool/lanes.h"
#include "pool/pool_parts.h"

#include <assert.h>
#include <stdlib.h>

/* -- what is due ----------------------------------------------------------- */

static uint64_t first_retirement(const struct pool *p)
{
    uint64_t first_ns = NEVER_NS;
    for (const struct db_conn *c = p->idle_first; c != NULL; c = c->next) {
        uint64_t retire_ns = member_of(c)->retire_ns;
        first_ns = retire_ns < first_ns ? retire_ns : first_ns;
    }
    return first_ns;
}

/* When the first waiter may ask others for a slot; while it is asking: never. */
static uint64_t impatience(const struct pool *p, uint64_t now_ns)
{
    if (p->wait_first == NULL) {
        return NEVER_NS;
    }
    uint64_t due_ns = p->wait_first->since_ns + pool_patience_ns(p);
    return due_ns > now_ns ? due_ns : NEVER_NS;
}

void pool_tick(struct pool *p, uint64_t due_ns)
{
    if (due_ns == NEVER_NS || (p->tick.slot != 0 && p->tick.due_ns <= due_ns)) {
        return;
    }
    if (loop_timer_start(p->loop, &p->tick, due_ns) != ERR_OK) {
        slot_wake(p); /* no memory for a timer: look in every turn instead */
    }
}

void pool_look(struct pool *p)
{
    uint64_t now_ns = clock_now_ns();
    gate_follow(p);
    if (p->gate == GATE_DRAINED) {
        count_add(&p->share->counts.refused, p->waits);
        wait_refuse_all(p, ERR_DRAINED, NULL);
    }
    member_purge(p, now_ns);
    if (p->state != POOL_RUNS) {
        loan_take(p);
        slot_return_gifts(p);
        pool_try_end(p);
        return;
    }
    wait_serve(p);
    bool down = atomic_load(&p->share->down) != 0 && p->gate == GATE_OPEN;
    uint64_t probe_ns = down ? down_look(p, now_ns) : NEVER_NS;
    if (p->gate == GATE_OPEN) {
        loan_give_idle(p, now_ns);
    }
    open_warm(p);
    slot_return_gifts(p);
    loop_timer_stop(p->loop, &p->tick);
    pool_tick(p, probe_ns);
    pool_tick(p, status_look(p, now_ns));
    pool_tick(p, first_retirement(p));
    pool_tick(p, impatience(p, now_ns));
}

static void on_look(struct task *t)
{
    struct pool *p = CONTAINER(t, struct pool, look);
    atomic_store(&p->look_posted, false);
    pool_look(p);
}

static void on_tick(struct timer *t)
{
    pool_look(CONTAINER(t, struct pool, tick));
}

/* -- life ------------------------------------------------------------------ */

static void on_end(struct task *t)
{
    pool_try_end(CONTAINER(t, struct pool, end));
}

struct pool *pool_create(struct pool_share *share, const struct db_target *target,
                         struct loop *loop, struct connector *connector, struct log *log)
{
    const struct driver *driver = driver_for(target->kind);
    assert(driver != NULL);
    struct pool *p = calloc(1, sizeof *p);
    struct lanes *lanes = calloc(1, sizeof *lanes);
    struct groups *groups = calloc(1, sizeof *groups);
    if (p == NULL || lanes == NULL || groups == NULL) {
        free(p);
        free(lanes);
        free(groups);
        return NULL;
    }
    p->lanes = lanes;
    p->groups = groups;
    lanes_init(lanes, p);
    groups_init(groups, p);
    p->share = share;
    p->target = target;
    p->driver = driver;
    p->loop = loop;
    p->connector = connector;
    p->log = log;
    p->opens_max = OPENS_MAX;
    p->random = hash_seed() | 1;
    party_init(p);
    p->tick.fire = on_tick;
    p->look.run = on_look;
    p->end.run = on_end;
    slot_join(p);
    if (share->opts.min_idle > 0) {
        slot_wake(p);
    }
    return p;
}

void pool_try_end(struct pool *p)
{
    bool over = pool_own(p) == 0 && p->closing == 0 && p->borrowed == 0 && !p->end.queued &&
                !atomic_load(&p->look_posted);
    if (!over || lanes_busy(p->lanes) || groups_busy(p->groups)) {
        return;
    }
    lanes_fini(p->lanes);
    free(p->lanes);
    groups_fini(p->groups);
    free(p->groups);
    void (*cb)(void *) = p->closed;
    void *arg = p->closed_arg;
    party_fini(p);
    free(p);
    cb(arg);
}

void pool_close(struct pool *p, void (*cb)(void *arg), void *arg)
{
    assert(p->state == POOL_RUNS);
    p->state = POOL_ENDS;
    p->closed = cb;
    p->closed_arg = arg;
    slot_leave(p);
    loop_timer_stop(p->loop, &p->tick);
    wait_refuse_all(p, ERR_SHUTTING_DOWN, NULL);
    lanes_close(p->lanes);
    groups_close(p->groups);
    member_purge(p, clock_now_ns());
    loop_defer(p->loop, &p->end);
}

/* -- coming back ----------------------------------------------------------- */

/* Takes m out of the hands of its borrower. */
static void returned(struct member *m)
{
    m->pool->lent--;
    atomic_fetch_sub(&m->pool->share->counts.busy, 1);
    m->state = MEMBER_LOOSE;
    party_back(m->pool, &m->party);
}

/* A transaction that is known to be open needs no more than its end; what else is
 * amiss, a reset. */
static void clean_up(struct member *m, enum pool_return how, uint64_t now_ns)
{
    enum db_tx tx = m->conn->tx;
    if (how == POOL_DIRTY || tx == DB_TX_UNKNOWN) {
        member_test(m, TEST_RESET);
    } else if (tx != DB_TX_NONE) {
        member_test(m, TEST_ROLLBACK);
    } else {
        member_ready(m, now_ns);
    }
}

/* Nobody else has to do with the waiters of p, and none of them waits for long. */
static bool is_calm(const struct pool *p, uint64_t now_ns)
{
    return p->opening + p->testing == 0 && atomic_load(&p->share->starving) == 0 &&
           atomic_load(&p->share->down) == 0 && impatience(p, now_ns) != NEVER_NS;
}

/* What is left to do when a connection has come back. That it went on to a waiter is all,
 * as a rule, in a pool that is busy. */
static void look_behind(struct pool *p, uint32_t was_due, uint64_t now_ns)
{
    bool open = p->gate == GATE_OPEN;
    if (open && p->due > 0 && p->due < was_due && is_calm(p, now_ns)) {
        pool_tick(p, impatience(p, now_ns));
    } else if (!open || p->due > 0) {
        pool_look(p);
    }
}

void pool_release(struct pool *p, struct db_conn *c, enum pool_return how)
{
    if (remote_of(c) != NULL) {
        loan_return(p, c, how);
        return;
    }
    struct member *m = member_of(c);
    assert(m->pool == p && m->state == MEMBER_LENT && c->running == NULL);
    uint64_t now_ns = clock_now_ns();
    bool aged = member_aged(m, now_ns);
    uint32_t was_due = p->due;
    LOG(p->log, LOG_POOL, LOG_DEBUG, "returned", LOG_S("db", p->share->opts.name),
        LOG_I("backend", c->backend_id), LOG_I("held_us", (now_ns - c->lent_ns) / 1000),
        LOG_END);
    if (how == POOL_BROKEN || c->broken) {
        member_close(m, CLOSE_DEAD);
    } else if (p->state != POOL_RUNS || p->share->opts.kind == POOL_NULL) {
        member_close(m, CLOSE_SURPLUS);
    } else if (aged && p->due > 0) {
        member_close(m, CLOSE_AGE);
    } else {
        returned(m);
        clean_up(m, how, now_ns);
    }
    look_behind(p, was_due, now_ns);
}

void pool_abort(struct pool *p, struct db_conn *c)
{
    if (remote_of(c) != NULL) {
        loan_abort(p, c);
        return;
    }
    struct member *m = member_of(c);
    assert(m->pool == p && m->state == MEMBER_LENT);
    member_close(m, CLOSE_DEAD);
    if (p->due > 0 || p->gate != GATE_OPEN) {
        pool_look(p);
    }
}
