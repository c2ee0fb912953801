/* SPDX-License-Identifier: MIT
 *
 * pool/lanes.c: reads in groups onto lanes, and what becomes of them.
 *
 * Owns flights; borrows the reads. Loop thread. Nothing here calls a borrower from
 * inside a call of the borrower: reads are sent, and refused, from a deferred task.
 */
#include "pool/lanes.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>

static void lane_close_if_over(struct lane *a);

static void send_soon(struct lanes *l)
{
    if (!l->send.queued) {
        loop_defer(l->pool->loop, &l->send);
    }
}

static const struct pipeline *pipeline_of(const struct lane *a)
{
    return a->conn->driver->pipeline;
}

/* -- what is known of statements ------------------------------------------- */

static struct observed *observed_of(struct lanes *l, const struct statement *s)
{
    return &l->observed[s->id % OBSERVED];
}

/* Falls at once and rises slowly: a machine that is busy must not look like a slow
 * statement for long. */
static uint64_t blend(uint64_t was, uint64_t now)
{
    return now < was ? now : was + (now - was) / 16;
}

static void learn_ns(struct lanes *l, const struct statement *s, uint64_t ns)
{
    struct observed *o = observed_of(l, s);
    if (o->id != s->id) {
        *o = (struct observed){.id = s->id};
    }
    o->ns = o->count == 0 ? ns : blend(o->ns, ns);
    o->count++;
}

void shared_learn(struct pool *p, const struct statement *s, uint64_t ns, uint64_t bytes)
{
    struct observed *o = observed_of(p->lanes, s);
    if (ns != 0) {
        learn_ns(p->lanes, s, ns);
    }
    if (o->id == s->id) {
        o->bytes = bytes > o->bytes ? bytes : o->bytes - (o->bytes - bytes) / 16;
    }
}

static bool is_short(const struct lanes *l, const struct statement *s)
{
    const struct observed *o = &l->observed[s->id % OBSERVED];
    return o->id == s->id && o->count > 1 && o->ns < SHORT_NS && o->bytes <= BYTES_MAX;
}

static bool has_few_rows(const struct statement *s, const struct value *params)
{
    if (s->row_bound > 0) {
        return s->row_bound <= ROWS_MAX;
    }
    const struct value *limit = s->limit_param == 0 ? NULL : &params[s->limit_param - 1];
    return limit != NULL && limit->kind == VALUE_INT && limit->num <= ROWS_MAX;
}

static bool may_fuse(const struct pool *p, const struct statement *s)
{
    return p->share->opts.fusion && fuse_may(s);
}

bool shared_takes(const struct pool *p, const struct statement *s, const struct value *params)
{
    if (s->share != SHARE_READ || s->id == 0 || p->state != POOL_RUNS) {
        return false;
    }
    bool way = p->driver->pipeline != NULL ? p->share->opts.pipelining : may_fuse(p, s);
    return way && has_few_rows(s, params) && is_short(p->lanes, s);
}

/* -- the queue ------------------------------------------------------------- */

static void queue_last(struct lanes *l, struct shared_run *s)
{
    s->next = NULL;
    s->prev = l->last;
    *(l->last != NULL ? &l->last->next : &l->first) = s;
    l->last = s;
    l->waiting++;
    s->queued = true;
    s->flight = NULL;
}

static void queue_first(struct lanes *l, struct shared_run *s)
{
    s->prev = NULL;
    s->next = l->first;
    *(l->first != NULL ? &l->first->prev : &l->last) = s;
    l->first = s;
    l->waiting++;
    s->queued = true;
    s->flight = NULL;
}

static void unqueue(struct lanes *l, struct shared_run *s)
{
    *(s->prev != NULL ? &s->prev->next : &l->first) = s->next;
    *(s->next != NULL ? &s->next->prev : &l->last) = s->prev;
    s->next = s->prev = NULL;
    s->queued = false;
    l->waiting--;
}

/* Its borrower has it again. */
static void end(struct shared_run *s, enum err e)
{
    s->flight = NULL;
    s->run->err = e;
    s->run->done(s->run);
}

static void on_refused(struct task *t)
{
    struct shared_run *s = CONTAINER(t, struct shared_run, task);
    end(s, s->run->err);
}

/* Later: s is in a call of its borrower. */
static void refuse(struct lanes *l, struct shared_run *s, enum err e, const char *words)
{
    s->run->err = fail_set(s->run->fail, e, "%s", words);
    s->run->started_ns = s->run->ended_ns = clock_now_ns();
    s->task.run = on_refused;
    loop_defer(l->pool->loop, &s->task);
}

/* Those that came before `before_ns`. */
static void refuse_all(struct lanes *l, const struct fail *f, uint64_t before_ns)
{
    struct shared_run *next;
    for (struct shared_run *s = l->first; s != NULL; s = next) {
        next = s->next;
        if (s->since_ns <= before_ns) {
            unqueue(l, s);
            *s->run->fail = *f;
            refuse(l, s, f->code, f->message);
        }
    }
}

void shared_start(struct pool *p, struct shared_run *s, struct run *r)
{
    struct lanes *l = p->lanes;
    s->run = r;
    s->how = SHARED_ANYHOW;
    s->stopped = false;
    s->since_ns = clock_now_ns();
    s->queued = false;
    s->flight = NULL;
    r->err = ERR_OK;
    r->rowcount = 0;
    count_add(&p->share->counts.shared, 1);
    uint32_t most = p->share->opts.max_waiting;
    if (most > 0 && l->waiting >= most) {
        count_add(&p->share->counts.refused, 1);
        refuse(l, s, ERR_OVERLOAD, "too many requests wait for a connection to this database");
        return;
    }
    queue_last(l, s);
    send_soon(l);
}

/* -- flights --------------------------------------------------------------- */

static struct flight *flight_take(struct lane *a)
{
    struct flight *f = a->lanes->spare;
    if (f != NULL) {
        a->lanes->spare = f->next;
    } else {
        f = calloc(1, sizeof *f);
    }
    if (f != NULL) {
        f->lane = a;
        f->next = f->prev = NULL;
        f->first = NULL;
        f->count = 0;
        f->is_fused = f->ends_group = false;
    }
    return f;
}

static void flight_link(struct flight *f)
{
    struct lane *a = f->lane;
    f->next = NULL;
    f->prev = a->last;
    *(a->last != NULL ? &a->last->next : &a->first) = f;
    a->last = f;
}

/* Off its lane; its reads are somebody else's. */
static void flight_free(struct flight *f)
{
    struct lane *a = f->lane;
    *(f->prev != NULL ? &f->prev->next : &a->first) = f->next;
    *(f->next != NULL ? &f->next->prev : &a->last) = f->prev;
    a->groups -= f->ends_group;
    f->first = NULL;
    f->next = a->lanes->spare;
    a->lanes->spare = f;
}

/* Its reads wait again, ahead of all others. */
static void send_again(struct flight *f, int how)
{
    struct lanes *l = f->lane->lanes;
    struct shared_run *next;
    for (struct shared_run *s = f->first; s != NULL; s = next) {
        next = s->next;
        s->how = how;
        s->run->err = ERR_OK;
        s->run->rowcount = 0;
        fail_init(s->run->fail);
        queue_first(l, s);
    }
    f->first = NULL;
    send_soon(l);
}

/* Each read of a fused one may have failed for itself. */
static void end_reads(struct flight *f, enum err e)
{
    struct run *whole = &f->run;
    struct shared_run *s = f->first;
    f->first = NULL;
    while (s != NULL) {
        struct shared_run *next = s->next;
        struct run *r = s->run;
        r->started_ns = whole->started_ns;
        r->ended_ns = whole->ended_ns;
        r->maybe_executed = whole->maybe_executed;
        s->next = NULL;
        if (f->is_fused && e != ERR_OK) {
            *r->fail = f->fail;
        } else if (!f->is_fused) {
            r->rowcount = whole->rowcount;
        }
        enum err own = f->is_fused && e == ERR_OK ? r->err : e;
        if (s->stopped && own == ERR_OK) {
            own = fail_set(r->fail, ERR_CANCELLED, "cancelled");
        }
        end(s, own);
        s = next;
    }
}

static void note_time(struct lane *a, const struct flight *f)
{
    const struct run *r = &f->run;
    uint64_t from_ns = r->started_ns > a->heard_ns ? r->started_ns : a->heard_ns;
    uint64_t ns = r->ended_ns > from_ns ? r->ended_ns - from_ns : 1;
    a->heard_ns = r->ended_ns;
    learn_ns(a->lanes, f->stmt, ns / f->count + 1);
}

/* An error of one that was fused with others: who is to blame is found out by sending
 * them singly; so is one that had to be cancelled for another's sake. */
static bool is_sent_again(const struct flight *f, enum err e)
{
    if (e == ERR_OK || e == ERR_CONNECTION_LOST || e == ERR_OUT_OF_MEMORY) {
        return false;
    }
    return f->is_fused;
}

static void on_flight(struct run *run)
{
    struct flight *f = CONTAINER(run, struct flight, run);
    struct lane *a = f->lane;
    enum err e = run->err;
    if (e == ERR_OK) {
        note_time(a, f);
    }
    if (is_sent_again(f, e)) {
        send_again(f, SHARED_UNFUSED);
    } else {
        end_reads(f, e);
    }
    flight_free(f);
    a->alone = a->alone && a->first != NULL;
    if (a->lanes->first != NULL) {
        send_soon(a->lanes);
    }
    lane_close_if_over(a);
}

/* -- a group --------------------------------------------------------------- */

struct group {
    struct lane *lane;
    struct flight *flights[GROUP_FLIGHTS];
    uint32_t count, most;
};

static bool takes_one_more(const struct pool *p, const struct flight *f,
                           const struct shared_run *s)
{
    const struct statement *stmt = s->run->stmt;
    if (f->stmt != stmt || s->how != SHARED_ANYHOW || f->first->how != SHARED_ANYHOW ||
        !may_fuse(p, stmt) || f->count >= fuse_most(stmt)) {
        return false;
    }
    const struct value *key = &s->run->params[0], *other = &f->first->run->params[0];
    return key->kind == other->kind && (key->kind == VALUE_INT || key->kind == VALUE_TEXT);
}

static struct flight *flight_for(struct group *g, const struct shared_run *s)
{
    for (uint32_t i = 0; i < g->count; i++) {
        if (takes_one_more(g->lane->lanes->pool, g->flights[i], s)) {
            return g->flights[i];
        }
    }
    if (g->count == g->most) {
        return NULL;
    }
    struct flight *f = flight_take(g->lane);
    if (f != NULL) {
        g->flights[g->count++] = f;
        f->stmt = s->run->stmt;
    }
    return f;
}

/* The reads that wait, as far as there is room. One that wants to be alone is a group by
 * itself. */
static void gather(struct group *g)
{
    struct lanes *l = g->lane->lanes;
    struct shared_run *next;
    for (struct shared_run *s = l->first; s != NULL; s = next) {
        next = s->next;
        if (s->how == SHARED_ALONE && (g->count > 0 || g->lane->first != NULL)) {
            return;
        }
        struct flight *f = flight_for(g, s);
        if (f == NULL) {
            return;
        }
        unqueue(l, s);
        s->next = f->first;
        f->first = s;
        f->count++;
        s->flight = f;
        if (s->how == SHARED_ALONE) {
            g->lane->alone = true;
            return;
        }
    }
}

static enum err prepare(struct flight *f)
{
    struct run *r = &f->run;
    const struct run *single = f->first->run;
    *r = (struct run){.stmt = f->stmt,
                      .params = single->params,
                      .sets = 1,
                      .sink = single->sink,
                      .done = on_flight,
                      .fail = single->fail};
    f->is_fused = f->count > 1;
    if (!f->is_fused) {
        return ERR_OK;
    }
    fail_init(&f->fail);
    r->fail = &f->fail;
    count_add(&f->lane->lanes->pool->share->counts.fusions, 1);
    count_add(&f->lane->lanes->pool->share->counts.fused, f->count);
    return fuse_begin(&f->fuse, f->first, f->count, r);
}

/* It was never sent. */
static void fail_flight(struct flight *f, enum err e)
{
    f->run.started_ns = f->run.ended_ns = clock_now_ns();
    if (e == ERR_CONNECTION_LOST) {
        send_again(f, SHARED_ANYHOW); /* the lane's end is on its way */
    } else {
        if (f->run.fail->code == ERR_OK) {
            fail_set(f->run.fail, e, "out of memory");
        }
        end_reads(f, e);
    }
    flight_free(f);
}

/* Statements of one turn, with a Sync behind them. */
static void send_group(struct group *g)
{
    struct lane *a = g->lane;
    const struct pipeline *pipe = pipeline_of(a);
    struct flight *last = NULL;
    uint64_t now_ns = clock_now_ns();
    a->heard_ns = a->first == NULL ? now_ns : a->heard_ns;
    for (uint32_t i = 0; i < g->count; i++) {
        struct flight *f = g->flights[i];
        flight_link(f);
        enum err e = prepare(f);
        if (e == ERR_OK && pipe == NULL) {
            a->conn->driver->run(a->conn, &f->run);
        } else if (e == ERR_OK) {
            e = pipe->queue(a->conn, &f->run);
        }
        if (e == ERR_OK) {
            last = f;
        } else {
            fail_flight(f, e);
        }
    }
    if (last != NULL) {
        last->ends_group = true;
        a->groups++;
    }
    if (pipe != NULL) {
        pipe->flush(a->conn);
    }
}

/* -- lanes ----------------------------------------------------------------- */

static void lane_end(struct lane *a)
{
    struct pool *p = a->lanes->pool;
    struct db_conn *c = a->conn;
    bool given_up = a->given_up;
    assert(a->first == NULL);
    a->state = LANE_FREE;
    a->conn = NULL;
    a->groups = 0;
    atomic_fetch_sub(&p->share->counts.lanes, 1);
    if (a->lanes->first != NULL || a->lanes->closing) {
        send_soon(a->lanes);
    }
    if (!given_up) {
        pool_release(p, c, c->broken ? POOL_BROKEN : POOL_CLEAN);
    }
}

static void on_whole(struct run *run)
{
    lane_end(CONTAINER(run, struct lane, whole));
}

static void lane_leave(struct lane *a)
{
    if (a->state == LANE_OPEN) {
        a->state = LANE_LEAVING;
        a->left_ns = clock_now_ns();
        if (pipeline_of(a) != NULL) {
            pipeline_of(a)->leave(a->conn);
        }
    }
    lane_close_if_over(a);
}

/* Without a pipeline nobody else tells that the last run is done. */
static void lane_close_if_over(struct lane *a)
{
    if (a->conn == NULL || pipeline_of(a) != NULL || a->first != NULL) {
        return;
    }
    if (a->state == LANE_LEAVING || a->conn->broken) {
        lane_end(a);
    }
}

static void lane_give_up(struct lane *a)
{
    a->state = LANE_LEAVING;
    a->given_up = true;
    pool_abort(a->lanes->pool, a->conn);
}

/* A pool that has no connection in time has none for those who waited that long; for the
 * others it is asked again. */
static void lane_refused(struct lane *a, enum err e)
{
    struct lanes *l = a->lanes;
    uint64_t timeout_ns = l->pool->share->opts.timeout_ms * NS_PER_MS;
    a->state = LANE_FREE;
    a->fail.code = e;
    refuse_all(l, &a->fail, e == ERR_POOL_TIMEOUT ? clock_now_ns() - timeout_ns : NEVER_NS);
    if (l->first != NULL || l->closing) {
        send_soon(l);
    }
}

static void on_lent(struct pool_wait *w, struct db_conn *conn, enum err e)
{
    struct lane *a = CONTAINER(w, struct lane, wait);
    struct lanes *l = a->lanes;
    if (conn == NULL) {
        lane_refused(a, e);
        return;
    }
    a->conn = conn;
    a->open_ns = a->heard_ns = clock_now_ns();
    a->state = LANE_OPEN;
    a->alone = a->given_up = false;
    atomic_fetch_add(&l->pool->share->counts.lanes, 1);
    a->whole = (struct run){.done = on_whole, .fail = &a->fail};
    fail_init(&a->fail);
    if (pipeline_of(a) != NULL) {
        pipeline_of(a)->enter(conn, &a->whole);
    }
    if (l->closing) {
        lane_leave(a);
    }
    send_soon(l);
}

static void lane_ask(struct lanes *l)
{
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        struct lane *a = &l->lane[i];
        if (a->state == LANE_FREE) {
            a->state = LANE_ASKED;
            a->lanes = l;
            fail_init(&a->fail);
            a->wait.cb = on_lent;
            a->wait.fail = &a->fail;
            pool_acquire(l->pool, &a->wait, 0);
            return;
        }
    }
}

static bool has_room(const struct lane *a)
{
    if (a->state != LANE_OPEN || a->alone || a->conn->broken) {
        return false;
    }
    return a->groups < (pipeline_of(a) != NULL ? GROUPS_MAX : 1);
}

/* The one with the least under way. */
static struct lane *lane_with_room(struct lanes *l)
{
    struct lane *best = NULL;
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        struct lane *a = &l->lane[i];
        if (has_room(a) && (best == NULL || a->groups < best->groups)) {
            best = a;
        }
    }
    return best;
}

/* Whether it took any. */
static bool lane_fill(struct lane *a)
{
    struct group g = {.lane = a, .most = pipeline_of(a) != NULL ? GROUP_FLIGHTS : 1};
    gather(&g);
    if (g.count > 0) {
        send_group(&g);
    }
    return g.count > 0;
}

/* One lane at first; another when reads wait long, though not while others want the
 * connection more. */
static bool wants_lane(const struct lanes *l, uint64_t now_ns)
{
    uint32_t asked = 0, open = 0;
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        asked += l->lane[i].state == LANE_ASKED;
        open += l->lane[i].state == LANE_OPEN && !l->lane[i].alone;
    }
    if (asked > 0 || l->first == NULL) {
        return false;
    }
    return open == 0 || (now_ns - l->first->since_ns > LATE_NS && !pool_contended(l->pool));
}

static void start_tick(struct lanes *l)
{
    if (l->tick.slot == 0 &&
        loop_timer_start(l->pool->loop, &l->tick, clock_now_ns() + STALL_NS / 2) != ERR_OK) {
        LOG(l->pool->log, LOG_POOL, LOG_WARN, "no memory for a timer: lanes are not watched",
            LOG_END);
    }
}

static void on_send(struct task *t)
{
    struct lanes *l = CONTAINER(t, struct lanes, send);
    struct lane *a;
    if (l->closing) {
        struct fail f;
        fail_init(&f);
        fail_set(&f, ERR_SHUTTING_DOWN, "the connections to this database are being closed");
        refuse_all(l, &f, NEVER_NS);
        pool_try_end(l->pool);
        return;
    }
    while (l->first != NULL && (a = lane_with_room(l)) != NULL && lane_fill(a)) {
    }
    if (wants_lane(l, clock_now_ns())) {
        lane_ask(l);
    }
    start_tick(l);
}

/* -- once in a while ------------------------------------------------------- */

static void take_last(struct lane *a, int how)
{
    struct flight *f = a->last;
    pipeline_of(a)->drop(a->conn, &f->run);
    count_add(&a->lanes->pool->share->counts.sent_again, f->count);
    send_again(f, how);
    flight_free(f);
}

/* What is behind the first group are reads that wait for others: they go elsewhere. Who
 * in the first group is slow cannot be told, since its answers come together: each gets a
 * lane for itself. A statement that is a group alone goes on. */
static void take_off(struct lane *a)
{
    struct flight *end = a->first;
    if (pipeline_of(a) == NULL) {
        return;
    }
    while (!end->ends_group && end->next != NULL) {
        end = end->next;
    }
    while (a->last != end) {
        take_last(a, SHARED_ANYHOW);
    }
    if (end != a->first) {
        while (a->first != NULL) {
            take_last(a, SHARED_ALONE);
        }
        lane_leave(a);
        a->conn->driver->cancel(a->conn);
    }
}

static void watch(struct lane *a, uint64_t now_ns)
{
    struct lanes *l = a->lanes;
    if (a->state == LANE_LEAVING && !a->given_up && a->first == NULL &&
        now_ns - a->left_ns > DEAF_NS) {
        lane_give_up(a);
    }
    if (a->state != LANE_OPEN) {
        return;
    }
    bool contended = pool_contended(l->pool);
    bool old = member_aged(member_of(a->conn), now_ns);
    if (a->first == NULL) {
        if (contended || old || now_ns - a->heard_ns > LINGER_NS || a->conn->broken) {
            lane_leave(a);
        }
    } else if (now_ns - a->heard_ns > STALL_NS) {
        take_off(a);
        lane_leave(a);
    } else if (old || (contended && now_ns - a->open_ns > TURN_NS)) {
        lane_leave(a);
    }
}

static void on_tick(struct timer *t)
{
    struct lanes *l = CONTAINER(t, struct lanes, tick);
    uint64_t now_ns = clock_now_ns();
    bool open = false;
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        if (l->lane[i].state != LANE_FREE) {
            watch(&l->lane[i], now_ns);
            open = true;
        }
    }
    if (open || l->first != NULL) {
        start_tick(l);
        send_soon(l);
    }
}

/* -- stopping -------------------------------------------------------------- */

/* All reads of the flight want to stop. */
static bool is_forsaken(const struct flight *f)
{
    for (const struct shared_run *s = f->first; s != NULL; s = s->next) {
        if (!s->stopped) {
            return false;
        }
    }
    return true;
}

/* A read behind others is dropped; the one at the head is cancelled in the database once
 * nothing else is on its lane. */
static void forsake(struct flight *f)
{
    struct lane *a = f->lane;
    const struct pipeline *pipe = pipeline_of(a);
    if (pipe == NULL) {
        lane_leave(a);
        a->conn->driver->cancel(a->conn);
        return;
    }
    while (a->last != f) {
        take_last(a, SHARED_ANYHOW);
    }
    if (a->first == f) {
        lane_leave(a);
        a->conn->driver->cancel(a->conn);
    }
}

void shared_cancel(struct pool *p, struct shared_run *s)
{
    s->stopped = true;
    if (s->queued) {
        unqueue(p->lanes, s);
        refuse(p->lanes, s, ERR_CANCELLED, "cancelled while waiting for a connection");
    } else if (s->flight != NULL && is_forsaken(s->flight)) {
        forsake(s->flight);
    }
}

void shared_abort(struct pool *p, struct shared_run *s)
{
    (void)p;
    if (s->flight != NULL && !s->flight->lane->given_up) {
        lane_give_up(s->flight->lane);
    }
}

/* -- life ------------------------------------------------------------------ */

void lanes_init(struct lanes *l, struct pool *p)
{
    l->pool = p;
    l->send.run = on_send;
    l->tick.fire = on_tick;
}

void lanes_close(struct lanes *l)
{
    l->closing = true;
    loop_timer_stop(l->pool->loop, &l->tick);
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        struct lane *a = &l->lane[i];
        if (a->state == LANE_OPEN) {
            lane_leave(a);
        }
    }
    send_soon(l);
}

bool lanes_busy(const struct lanes *l)
{
    bool busy = l->send.queued || l->first != NULL;
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        busy = busy || l->lane[i].state != LANE_FREE;
    }
    return busy;
}

void lanes_fini(struct lanes *l)
{
    while (l->spare != NULL) {
        struct flight *f = l->spare;
        l->spare = f->next;
        fuse_fini(&f->fuse);
        free(f);
    }
}
