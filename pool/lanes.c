/* SPDX-License-Identifier: MIT
 *
 * pool/lanes.c: reads that wait, and the connections that take them.
 *
 * Borrows the reads. Loop thread. Nothing here calls a borrower from inside a call of the
 * borrower: reads are sent, and refused, from a deferred task.
 */
#include "backend/remote.h"
#include "base/clock.h"
#include "pool/flight.h"

#include <assert.h>
#include <stdlib.h>

void lanes_send_soon(struct lanes *l)
{
    if (!l->send.queued) {
        loop_defer(l->pool->loop, &l->send);
    }
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

void lanes_queue_first(struct lanes *l, struct shared_run *s)
{
    s->prev = NULL;
    s->next = l->first;
    *(l->first != NULL ? &l->first->prev : &l->last) = s;
    l->first = s;
    l->waiting++;
    s->queued = true;
    s->flight = NULL;
}

void lanes_unqueue(struct lanes *l, struct shared_run *s)
{
    *(s->prev != NULL ? &s->prev->next : &l->first) = s->next;
    *(s->next != NULL ? &s->next->prev : &l->last) = s->prev;
    s->next = s->prev = NULL;
    s->queued = false;
    l->waiting--;
}

/* Its borrower has it again. */
void lanes_end_read(struct shared_run *s, enum err e)
{
    s->flight = NULL;
    s->run->err = e;
    s->run->done(s->run);
}

static void on_refused(struct task *t)
{
    struct shared_run *s = CONTAINER(t, struct shared_run, task);
    lanes_end_read(s, s->run->err);
}

/* Later: s is in a call of its borrower. */
void lanes_refuse(struct lanes *l, struct shared_run *s, enum err e, const char *words)
{
    s->next = s->prev = NULL;
    s->flight = NULL;
    s->run->err = fail_set(s->run->fail, e, "%s", words);
    s->run->started_ns = s->run->ended_ns = clock_now_ns();
    s->task.run = on_refused;
    loop_defer(l->pool->loop, &s->task);
}

/* Those that came before `before_ns`. */
static uint32_t refuse_all(struct lanes *l, const struct fail *f, uint64_t before_ns)
{
    uint32_t n = 0;
    struct shared_run *next;
    for (struct shared_run *s = l->first; s != NULL; s = next) {
        next = s->next;
        if (s->since_ns <= before_ns) {
            lanes_unqueue(l, s);
            *s->run->fail = *f;
            lanes_refuse(l, s, f->code, f->message);
            n++;
        }
    }
    return n;
}

void shared_start(struct pool *p, struct shared_run *s, struct run *r)
{
    struct lanes *l = p->lanes;
    s->run = r;
    s->how = SHARED_ANYHOW;
    s->stopped = false;
    s->queued = false;
    s->flight = NULL;
    r->err = ERR_OK;
    r->rowcount = 0;
    l->came++;
    uint32_t most = p->share->opts.max_waiting;
    if (most > 0 && l->waiting >= most) {
        count_add(&p->share->counts.refused, 1);
        lanes_refuse(l, s, ERR_OVERLOAD,
                     "too many requests wait for a connection to this database");
        return;
    }
    queue_last(l, s);
    lanes_send_soon(l);
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
        lanes_send_soon(a->lanes);
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
        if (lane_pipeline(a) != NULL) {
            lane_pipeline(a)->leave(a->conn);
        }
    }
    lane_look(a);
}

/* Without a pipeline nobody else tells that the last run is done. */
void lane_look(struct lane *a)
{
    if (a->conn == NULL || lane_pipeline(a) != NULL || a->first != NULL) {
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

/* Takes reads, or may soon. */
static bool is_of_use(const struct lane *a)
{
    return a->state == LANE_ASKED || (a->state == LANE_OPEN && !a->apart && !a->conn->broken);
}

static bool any_of_use(const struct lanes *l)
{
    bool any = false;
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        any = any || is_of_use(&l->lane[i]);
    }
    return any;
}

/* A pool that has no connection in time has none for those who waited that long; for the
 * others it is asked again. What it says otherwise is for all, unless they have another
 * lane. */
static void lane_refused(struct lane *a, enum err e)
{
    struct lanes *l = a->lanes;
    uint64_t timeout_ns = l->pool->share->opts.timeout_ms * NS_PER_MS;
    a->state = LANE_FREE;
    a->fail.code = e;
    l->refused_ns = clock_now_ns();
    if (e != ERR_POOL_TIMEOUT && any_of_use(l)) {
        return;
    }
    uint64_t before_ns = e == ERR_POOL_TIMEOUT ? l->refused_ns - timeout_ns : NEVER_NS;
    uint32_t n = refuse_all(l, &a->fail, before_ns);
    if (n > 1 && e == ERR_OVERLOAD) {
        count_add(&l->pool->share->counts.refused, n - 1); /* the lane itself was one */
    }
    if (l->first != NULL || l->closing) {
        lanes_send_soon(l);
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
    a->apart = a->given_up = false;
    atomic_fetch_add(&l->pool->share->counts.lanes, 1);
    a->whole = (struct run){.done = on_whole, .fail = &a->fail};
    fail_init(&a->fail);
    if (lane_pipeline(a) != NULL) {
        lane_pipeline(a)->enter(conn, &a->whole);
    }
    if (l->closing) {
        lane_leave(a);
    }
    lanes_send_soon(l);
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
    if (a->state != LANE_OPEN || a->apart || a->conn->broken) {
        return false;
    }
    return a->groups < (lane_pipeline(a) != NULL ? GROUPS_MAX : 1);
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

/* One lane at first; another when reads wait long, though not while others want the
 * connection more. */
static bool wants_lane(const struct lanes *l, uint64_t now_ns)
{
    uint32_t asked = 0, open = 0;
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        asked += l->lane[i].state == LANE_ASKED;
        open += l->lane[i].state == LANE_OPEN && !l->lane[i].apart;
    }
    if (asked > 0 || l->first == NULL) {
        return false;
    }
    const struct pool *p = l->pool;
    uint64_t late_ns = open < LANES_SOON ? LATE_NS : VERY_LATE_NS;
    bool may = (p->idle > 0 || atomic_load(&p->share->slots_free) > 0) &&
               now_ns - l->refused_ns > VERY_LATE_NS;
    return open == 0 || (may && now_ns - l->first->since_ns > late_ns && !pool_contended(p));
}

static void start_tick(struct lanes *l)
{
    if (l->tick.slot == 0 &&
        loop_timer_start(l->pool->loop, &l->tick, clock_now_ns() + STALL_NS / 2) != ERR_OK) {
        LOG(l->pool->log, LOG_POOL, LOG_WARN, "no memory for a timer: lanes are not watched",
            LOG_END);
    }
}

/* Whether anybody but our own lanes waits for a connection. */
static bool others_wait(const struct lanes *l)
{
    uint32_t asked = 0;
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        asked += l->lane[i].state == LANE_ASKED;
    }
    return l->pool->due > asked || (asked == 0 && pool_contended(l->pool));
}

/* While others wait an idle lane goes back at once, a busy one after its turn. One that
 * another worker lent always does: whether others wait there is not known here. */
static void yield_lanes(struct lanes *l)
{
    bool wanted = pool_contended(l->pool) && others_wait(l);
    uint64_t now_ns = clock_now_ns();
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        struct lane *a = &l->lane[i];
        if (a->state != LANE_OPEN || (!wanted && remote_of(a->conn) == NULL)) {
            continue;
        }
        bool idle = a->first == NULL && l->first == NULL;
        if (idle || now_ns - a->open_ns > TURN_NS) {
            lane_leave(a);
        }
    }
}

void lanes_heed(struct lanes *l)
{
    for (uint32_t i = 0; i < LANES_MAX; i++) {
        if (l->lane[i].state == LANE_OPEN) {
            lanes_send_soon(l);
            return;
        }
    }
}

static void on_send(struct task *t)
{
    struct lanes *l = CONTAINER(t, struct lanes, send);
    struct lane *a;
    count_add(&l->pool->share->counts.shared, l->came);
    l->came = 0;
    if (l->closing) {
        struct fail f;
        fail_init(&f);
        fail_set(&f, ERR_SHUTTING_DOWN, "the connections to this database are being closed");
        (void)refuse_all(l, &f, NEVER_NS);
        pool_try_end(l->pool);
        return;
    }
    yield_lanes(l);
    while (l->first != NULL && (a = lane_with_room(l)) != NULL && flight_send_group(a)) {
    }
    if (wants_lane(l, clock_now_ns())) {
        lane_ask(l);
    }
    start_tick(l);
}

/* -- once in a while ------------------------------------------------------- */

static void take_last(struct lane *a, enum shared_how how)
{
    struct flight *f = a->last;
    lane_pipeline(a)->drop(a->conn, &f->run);
    count_add(&a->lanes->pool->share->counts.sent_again, f->count);
    flight_send_again(f, how);
    flight_free(f);
}

/* What is behind the first group are reads that wait for others: they go elsewhere. Who
 * in the first group is slow cannot be told, since its answers come together: each
 * statement gets a lane for itself. One that is a group alone goes on. */
static void take_off(struct lane *a)
{
    struct flight *end = a->first;
    if (lane_pipeline(a) == NULL) {
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
            take_last(a, SHARED_APART);
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
    bool contended = others_wait(l);
    /* One that another worker lent ages there, and is wanted back. */
    bool borrowed = remote_of(a->conn) != NULL;
    bool old = !borrowed && member_aged(member_of(a->conn), now_ns);
    if (a->first == NULL) {
        if (contended || old || borrowed || now_ns - a->heard_ns > LINGER_NS ||
            a->conn->broken) {
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
        lanes_send_soon(l);
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
    const struct pipeline *pipe = lane_pipeline(a);
    if (pipe == NULL) {
        lane_leave(a);
        assert(a->conn != NULL); /* f is under way: it is not given back yet */
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

/* Its rows are dealt on this thread: not so where another worker has the connection. */
static bool is_own(const struct lane *a)
{
    return a->conn->driver == a->lanes->pool->driver;
}

void shared_cancel(struct pool *p, struct shared_run *s)
{
    s->stopped = true;
    if (s->queued) {
        lanes_unqueue(p->lanes, s);
        lanes_refuse(p->lanes, s, ERR_CANCELLED, "cancelled while waiting for a connection");
    } else if (s->flight != NULL && is_forsaken(s->flight)) {
        forsake(s->flight);
    } else if (s->flight != NULL && is_own(s->flight->lane)) {
        flight_part(s);
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
    lanes_send_soon(l);
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
