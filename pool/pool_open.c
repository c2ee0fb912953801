/* SPDX-License-Identifier: MIT
 *
 * pool/pool_open.c: connecting, and what happens while a database is down.
 *
 * Loop thread, but for open_work, which runs on a connector thread and touches
 * only its member. A database is down from a failed connect to the next one that
 * succeeds. Meanwhile one pool of the share, the prober, tries again, ever less
 * often; nobody else connects.
 */
#include "base/clock.h"
#include "pool/pool_parts.h"

#include <assert.h>
#include <stdlib.h>

/* -- down ------------------------------------------------------------------ */

static uint64_t longer(const struct pool_opts *o, uint64_t backoff_ms)
{
    uint64_t min_ms = o->backoff_min_ms > 0 ? o->backoff_min_ms : 100;
    uint64_t max_ms = o->backoff_max_ms > 0 ? o->backoff_max_ms : 5000;
    uint64_t ms = backoff_ms == 0 ? min_ms : backoff_ms * 2;
    return ms < max_ms ? ms : max_ms;
}

/* Only the prober's own failures make the wait longer: several connects that were
 * under way fail together. */
static void down_begin(struct pool *p, const struct member *m, uint64_t now_ns)
{
    struct pool_share *s = p->share;
    pthread_mutex_lock(&s->lock);
    bool first = atomic_exchange(&s->down, 1) == 0;
    if (first) {
        s->down_since_ns = now_ns;
        s->backoff_ms = 0;
        s->prober = p;
    }
    s->down_fail = m->fail;
    if (first || m->why == OPEN_PROBE) {
        s->backoff_ms = longer(&s->opts, s->backoff_ms);
        s->probe_due_ns = now_ns + s->backoff_ms * NS_PER_MS;
    }
    uint64_t backoff_ms = s->backoff_ms;
    pthread_mutex_unlock(&s->lock);
    LOG(p->log, LOG_POOL, first ? LOG_WARN : LOG_DEBUG, "connect failed",
        LOG_S("db", s->opts.name), LOG_S("error", str_of(m->fail.message)),
        LOG_I("next_try_ms", backoff_ms), LOG_END);
    slot_wake_others(p);
}

static void down_end(struct pool *p, uint64_t now_ns)
{
    struct pool_share *s = p->share;
    if (atomic_load(&s->down) == 0) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    bool was = atomic_exchange(&s->down, 0) != 0;
    uint64_t since_ns = s->down_since_ns;
    s->prober = NULL;
    pthread_mutex_unlock(&s->lock);
    if (was) {
        LOG(p->log, LOG_POOL, LOG_INFO, "the database is back", LOG_S("db", s->opts.name),
            LOG_I("away_ms", (now_ns - since_ns) / NS_PER_MS), LOG_END);
        slot_wake_others(p);
    }
}

void down_words(struct pool_share *s, struct fail *f)
{
    pthread_mutex_lock(&s->lock);
    *f = s->down_fail;
    pthread_mutex_unlock(&s->lock);
}

bool down_alive(const struct pool *p, uint64_t now_ns)
{
    return p->testing > 0 || (p->lent > 0 && now_ns - p->good_ns < ALIVE_MS * NS_PER_MS);
}

/* When p has to probe, or NEVER_NS if that is another's business. The role is free
 * when its holder has closed. */
static uint64_t probe_due(struct pool *p)
{
    struct pool_share *s = p->share;
    pthread_mutex_lock(&s->lock);
    if (s->prober == NULL) {
        s->prober = p;
    }
    uint64_t due_ns = s->prober == p ? s->probe_due_ns : NEVER_NS;
    pthread_mutex_unlock(&s->lock);
    return due_ns;
}

uint64_t down_look(struct pool *p, uint64_t now_ns)
{
    uint64_t alive_ns = NEVER_NS;
    if (p->waits > 0 && p->idle == 0) {
        if (down_alive(p, now_ns)) {
            alive_ns = p->good_ns + ALIVE_MS * NS_PER_MS;
        } else {
            struct fail f;
            down_words(p->share, &f);
            count_add(&p->share->counts.refused, p->waits);
            wait_refuse_all(p, ERR_CONNECTION_FAILED, &f);
        }
    }
    slot_unwant(p); /* a slot would be of no use */
    uint64_t due_ns = probe_due(p);
    if (due_ns <= now_ns && p->probe == NULL) {
        /* Without a slot or memory: later, the sessions of others may tell more. */
        if (!slot_take(p) || open_start(p, OPEN_PROBE) != ERR_OK) {
            due_ns = now_ns + longer(&p->share->opts, 0) * NS_PER_MS;
        }
    }
    if (p->probe != NULL) {
        due_ns = NEVER_NS; /* its end is an event */
    }
    return due_ns < alive_ns ? due_ns : alive_ns;
}

/* -- opening --------------------------------------------------------------- */

/* On a connector thread. */
static void open_work(struct connector_job *j)
{
    struct member *m = CONTAINER(j, struct member, job);
    m->err = m->pool->driver->open(m->pool->target, &m->conn, &m->fail);
}

static void on_idle_broke(struct db_conn *c, void *arg)
{
    (void)c;
    struct member *m = arg;
    /* Not here: the driver is in the middle of something. A lent one is its
     * borrower's business. */
    if (m->state == MEMBER_IDLE) {
        slot_wake(m->pool);
    }
}

/* max_lifetime ± 10 %, so that connections opened together do not end together. */
static uint64_t retire_time(struct pool *p, uint64_t opened_ns)
{
    const struct pool_opts *o = &p->share->opts;
    if (o->max_lifetime_ms == 0 || o->kind == POOL_STATIC ||
        o->max_lifetime_ms > UINT64_MAX / NS_PER_MS / 4) {
        return NEVER_NS;
    }
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    uint64_t tenth_ns = o->max_lifetime_ms * NS_PER_MS / 10;
    return opened_ns + 9 * tenth_ns + p->random % (2 * tenth_ns + 1);
}

/* The first connection tells how many the server allows. Once for each server: a pool
 * that is too large goes well until it is needed. */
static void check_room(struct pool *p, const struct db_conn *c)
{
    struct pool_share *s = p->share;
    int32_t alike = atomic_load(&s->alike), most = s->cap > alike ? s->cap : alike;
    bool limited = most < INT32_MAX / 2;
    if (c->sessions_max == 0 || !limited || (uint32_t)most <= c->sessions_max ||
        atomic_exchange(&s->room_told, true)) {
        return;
    }
    LOG(p->log, LOG_POOL, LOG_WARN, "the pools of a server may open more than it allows",
        LOG_S("db", s->opts.name), LOG_I("pool", s->cap), LOG_I("all_pools", most),
        LOG_I("max_connections", c->sessions_max), LOG_END);
}

/* The connection is ours: m->conn is set, m loose. */
static void opened(struct member *m, uint64_t now_ns)
{
    struct pool *p = m->pool;
    struct pool_share *s = p->share;
    m->conn->pool_arg = m;
    m->conn->on_idle_broke = on_idle_broke;
    if (m->conn->opened_ns == 0) {
        m->conn->opened_ns = now_ns;
    }
    m->retire_ns = retire_time(p, m->conn->opened_ns);
    p->got_ns = now_ns;
    p->opens_max = p->opens_max < OPENS_MAX ? p->opens_max + 1 : OPENS_MAX;
    count_add(&s->counts.opened, 1);
    LOG(p->log, LOG_POOL, LOG_DEBUG, "connected", LOG_S("db", s->opts.name),
        LOG_I("backend", m->conn->backend_id),
        LOG_I("took_us", (now_ns - m->started_ns) / 1000), LOG_I("open", pool_own(p) + 1),
        LOG_END);
    check_room(p, m->conn);
    down_end(p, now_ns);
    member_ready(m, now_ns);
}

/* m has no connection and no slot any more. */
static void open_failed(struct member *m, uint64_t now_ns)
{
    struct pool *p = m->pool;
    count_add(&p->share->counts.open_failed, 1);
    if (p->state == POOL_RUNS) {
        if (m->err == ERR_OUT_OF_MEMORY) {
            /* says nothing about the database */
            wait_refuse_all(p, ERR_OUT_OF_MEMORY, &m->fail);
        } else {
            p->opens_max = 1;
            m->fail.code = ERR_CONNECTION_FAILED;
            down_begin(p, m, now_ns);
        }
    }
}

static void on_detached(struct db_conn *c, void *arg)
{
    (void)c;
    struct member *m = arg;
    struct pool *p = m->pool;
    p->closing--;
    slot_give(p->share, CLOSE_SURPLUS);
    member_free(m);
    pool_look(p);
}

static void open_counted_off(struct member *m)
{
    struct pool *p = m->pool;
    p->opening--;
    atomic_fetch_sub(&p->share->counts.opening, 1);
    if (m == p->probe) {
        p->probe = NULL;
    }
    if (m->why == OPEN_WARM) {
        pthread_mutex_lock(&p->share->lock);
        p->share->warming--;
        pthread_mutex_unlock(&p->share->lock);
    }
    m->state = MEMBER_LOOSE;
}

static void open_done(struct connector_job *j)
{
    struct member *m = CONTAINER(j, struct member, job);
    struct pool *p = m->pool;
    uint64_t now_ns = clock_now_ns();
    open_counted_off(m);
    if (m->err != ERR_OK) {
        slot_give(p->share, CLOSE_SURPLUS);
        open_failed(m, now_ns);
        member_free(m);
        pool_look(p);
        return;
    }
    m->conn->loop = p->loop; /* so that it can be closed even if attach fails */
    m->conn->connector = p->connector;
    m->err = p->driver->attach(m->conn, p->loop, p->connector, &m->fail);
    if (m->err == ERR_OK) {
        opened(m, now_ns);
    } else {
        open_failed(m, now_ns);
        m->state = MEMBER_CLOSING;
        p->closing++;
        p->driver->close(m->conn, on_detached, m);
    }
    pool_look(p);
}

enum err open_start(struct pool *p, enum open_why why)
{
    struct member *m = calloc(1, sizeof *m);
    struct loan *loan = calloc(1, sizeof *loan);
    if (m == NULL || loan == NULL) {
        free(m);
        free(loan);
        slot_give(p->share, CLOSE_SURPLUS);
        return ERR_OUT_OF_MEMORY;
    }
    m->pool = p;
    m->loan = loan;
    m->state = MEMBER_OPENING;
    m->why = why;
    m->started_ns = clock_now_ns();
    member_link(m);
    m->job = (struct connector_job){
        .work = open_work, .done = open_done, .loop = p->loop, .target = p->target};
    fail_init(&m->fail);
    if (why == OPEN_PROBE) {
        p->probe = m;
    }
    p->opening++;
    atomic_fetch_add(&p->share->counts.opening, 1);
    connector_submit(p->connector, &m->job);
    return ERR_OK;
}

/* -- min_idle -------------------------------------------------------------- */

/* Over all workers, so that two of them do not open for the same gap. */
static bool warm_claim(struct pool_share *s)
{
    pthread_mutex_lock(&s->lock);
    bool gap = atomic_load(&s->counts.idle) + s->warming < (int64_t)s->opts.min_idle;
    s->warming += gap ? 1 : 0;
    pthread_mutex_unlock(&s->lock);
    return gap;
}

static void warm_unclaim(struct pool_share *s)
{
    pthread_mutex_lock(&s->lock);
    s->warming--;
    pthread_mutex_unlock(&s->lock);
}

void open_warm(struct pool *p)
{
    struct pool_share *s = p->share;
    if (s->opts.min_idle == 0 || p->due > 0 || p->gate != GATE_OPEN ||
        atomic_load(&s->down) != 0) {
        return;
    }
    while (p->opening < p->opens_max && warm_claim(s)) {
        if (!slot_take(p)) {
            warm_unclaim(s);
            return;
        }
        if (open_start(p, OPEN_WARM) != ERR_OK) {
            warm_unclaim(s);
            return;
        }
    }
}
