/* SPDX-License-Identifier: MIT
 *
 * pool/groups.c: writes that wait, and the transactions that take them together.
 *
 * What must hold: nobody is told of a success before the commit was answered; what may have
 * been committed is never run again; and nobody waits for long behind a write that waits for
 * a lock, since whoever has that lock may be waiting for him. Borrows the writes. Loop
 * thread. Nothing here calls a borrower from inside a call of the borrower.
 */
#include "pool/groups.h"

#include "base/clock.h"

#include <assert.h>

static const struct pipeline *pipeline_of(const struct track *t)
{
    return t->conn->driver->pipeline;
}

static void send_soon(struct groups *l)
{
    if (!l->send.queued) {
        loop_defer(l->pool->loop, &l->send);
    }
}

/* -- statements that spoil groups ------------------------------------------ */

/* For longer each time that it happens soon again. */
static void note_sour(struct groups *l, const struct statement *stmt, uint64_t least_ns)
{
    struct sour *s = &l->sour[stmt->id % SOURS];
    uint64_t now_ns = clock_now_ns();
    bool often = s->id == stmt->id && now_ns < s->until_ns + 10 * s->ns;
    uint64_t ns = often && 2 * s->ns > least_ns ? 2 * s->ns : least_ns;
    ns = ns < SOUR_MAX_NS ? ns : SOUR_MAX_NS;
    *s = (struct sour){.id = stmt->id, .until_ns = now_ns + ns, .ns = ns};
}

static bool is_sour(const struct groups *l, const struct statement *stmt)
{
    const struct sour *s = &l->sour[stmt->id % SOURS];
    return s->id == stmt->id && clock_now_ns() < s->until_ns;
}

/* -- the end of a write ---------------------------------------------------- */

/* Its borrower has it again: call last. */
static void end_write(struct grouped_run *g, enum err e)
{
    struct run *r = g->run;
    g->track = NULL;
    r->err = e;
    r->rowcount = g->own.rowcount;
    r->started_ns = g->own.started_ns;
    r->ended_ns = g->own.ended_ns;
    r->maybe_executed = g->own.maybe_executed;
    r->done(r);
}

/* Nothing of it is there: as if it had never been sent. */
static void run_alone(struct grouped_run *g)
{
    const struct run *r = g->run;
    if (r->sink != NULL && r->sink->again != NULL) {
        r->sink->again(r->sink);
    }
    fail_init(r->fail);
    g->own.rowcount = 0;
    g->own.maybe_executed = false;
    g->alone = true;
    end_write(g, ERR_OK);
}

static void on_told(struct task *t)
{
    struct grouped_run *g = CONTAINER(t, struct grouped_run, task);
    end_write(g, g->own.err);
}

/* Later: g is in a call of its borrower. */
static void tell_later(struct groups *l, struct grouped_run *g, enum err e, const char *words)
{
    fail_init(g->run->fail);
    g->track = NULL;
    g->own.err = fail_set(g->run->fail, e, "%s", words);
    g->own.rowcount = 0;
    g->own.ended_ns = clock_now_ns();
    g->task.run = on_told;
    loop_defer(l->pool->loop, &g->task);
}

/* -- lists ----------------------------------------------------------------- */

static void append(struct grouped_run **first, struct grouped_run **last, struct grouped_run *g)
{
    g->next = NULL;
    g->prev = *last;
    *(*last != NULL ? &(*last)->next : first) = g;
    *last = g;
}

static void take_out(struct grouped_run **first, struct grouped_run **last,
                     struct grouped_run *g)
{
    *(g->prev != NULL ? &g->prev->next : first) = g->next;
    *(g->next != NULL ? &g->next->prev : last) = g->prev;
    g->next = g->prev = NULL;
}

static void unqueue(struct groups *l, struct grouped_run *g)
{
    take_out(&l->first, &l->last, g);
    l->waiting--;
    g->queued = false;
}

/* No group takes them: each asks for a connection of its own, and hears what it would
 * have heard. */
static void dismiss_waiting(struct groups *l)
{
    struct grouped_run *g;
    for (uint32_t n = l->waiting; n > 0 && (g = l->first) != NULL; n--) {
        unqueue(l, g);
        run_alone(g);
    }
}

/* -- the end of a group ---------------------------------------------------- */

static void give_back(struct track *t)
{
    struct groups *l = t->groups;
    struct db_conn *c = t->conn;
    t->state = TRACK_FREE;
    t->conn = NULL;
    t->first = t->last = NULL;
    if (!t->given_up) {
        pool_release(l->pool, c, c->broken ? POOL_BROKEN : POOL_CLEAN);
    }
    if (l->first != NULL || l->closing) {
        send_soon(l);
    }
}

static void on_single(struct run *run)
{
    struct grouped_run *g = CONTAINER(run, struct grouped_run, own);
    struct track *t = g->track;
    if (run->err != ERR_OK && !g->stopped) {
        note_sour(t->groups, g->run->stmt, SOUR_MIN_NS);
    }
    give_back(t);
    end_write(g, run->err);
}

/* The others were aborted for it; nobody, if it was the commit that failed. */
static const struct grouped_run *culprit_of(const struct track *t)
{
    const struct grouped_run *g = t->first;
    while (g != NULL && g->answered && g->own.err == ERR_OK) {
        g = g->next;
    }
    return g;
}

static void blame_group(const struct track *t)
{
    const struct grouped_run *culprit = culprit_of(t);
    for (const struct grouped_run *g = t->first; g != NULL; g = g->next) {
        if (g == culprit || (culprit == NULL && !g->stopped)) {
            note_sour(t->groups, g->run->stmt, SOUR_MIN_NS);
        }
    }
}

/* What became of the transaction of several writes. */
enum fate { FATE_COMMITTED, FATE_UNKNOWN, FATE_UNDONE };

static enum fate fate_of(const struct run *whole)
{
    if (whole->err == ERR_OK) {
        return FATE_COMMITTED;
    }
    return whole->err == ERR_CONNECTION_LOST && whole->maybe_executed ? FATE_UNKNOWN
                                                                      : FATE_UNDONE;
}

static void end_member(struct grouped_run *g, enum fate fate, const struct fail *why)
{
    switch (fate) {
    case FATE_COMMITTED:
        end_write(g, g->own.err); /* an error is of its rows, and its own */
        return;
    case FATE_UNKNOWN:
        *g->run->fail = *why;
        g->own.maybe_executed = true;
        end_write(g, ERR_CONNECTION_LOST);
        return;
    case FATE_UNDONE:
        break;
    }
    if (!g->stopped) {
        run_alone(g);
        return;
    }
    fail_init(g->run->fail);
    g->own.rowcount = 0;
    end_write(g, fail_set(g->run->fail, ERR_CANCELLED, "cancelled"));
}

/* The answer to its Sync is in, or never will be. */
static void on_whole(struct run *whole)
{
    struct track *t = CONTAINER(whole, struct track, whole);
    struct pool_counts *counts = &t->groups->pool->share->counts;
    struct grouped_run *g = t->first, *next;
    enum fate fate = fate_of(whole);
    struct fail why = t->fail;
    if (fate == FATE_UNDONE && whole->err != ERR_CONNECTION_LOST && t->state != TRACK_LATE) {
        blame_group(t);
    }
    give_back(t);
    for (; g != NULL; g = next) {
        next = g->next;
        g->own.ended_ns = whole->ended_ns;
        count_add(&counts->grouped_again, fate == FATE_UNDONE && !g->stopped);
        end_member(g, fate, &why);
    }
}

/* It was run; whether it is committed `whole` will tell. */
static void on_member(struct run *run)
{
    struct grouped_run *g = CONTAINER(run, struct grouped_run, own);
    struct track *t = g->track;
    g->answered = true;
    t->running--;
    if (t->running == 0 && t->state == TRACK_RUNS) {
        t->state = TRACK_COMMITS;
    }
}

/* -- sending --------------------------------------------------------------- */

static void take_members(struct track *t)
{
    struct groups *l = t->groups;
    uint32_t most = pipeline_of(t) != NULL ? GROUP_WRITES : 1;
    for (t->count = 0; t->count < most && l->first != NULL; t->count++) {
        struct grouped_run *g = l->first;
        const struct run *r = g->run;
        unqueue(l, g);
        append(&t->first, &t->last, g);
        g->track = t;
        g->own = (struct run){
            .stmt = r->stmt, .params = r->params, .sets = 1, .sink = r->sink, .fail = r->fail};
    }
    t->running = t->count;
}

static void send_single(struct track *t)
{
    t->first->own.done = on_single;
    t->conn->driver->run(t->conn, &t->first->own);
}

/* One that cannot be sent is none of the group. The last call may end all. */
static void send_group(struct track *t)
{
    const struct pipeline *pipe = pipeline_of(t);
    struct pool_counts *counts = &t->groups->pool->share->counts;
    struct grouped_run *next;
    t->whole = (struct run){.done = on_whole, .fail = &t->fail};
    fail_init(&t->fail);
    count_add(&counts->groups, 1);
    count_add(&counts->grouped, t->count);
    pipe->enter(t->conn, &t->whole);
    for (struct grouped_run *g = t->first; g != NULL; g = next) {
        next = g->next;
        g->own.done = on_member;
        if (pipe->queue(t->conn, &g->own) != ERR_OK) {
            take_out(&t->first, &t->last, g);
            t->running--;
            count_add(&counts->grouped_again, 1);
            run_alone(g);
        }
    }
    pipe->leave(t->conn);
    pipe->flush(t->conn);
}

static void on_lent(struct pool_wait *w, struct db_conn *conn, enum err e)
{
    struct track *t = CONTAINER(w, struct track, wait);
    struct groups *l = t->groups;
    (void)e; /* each who waits will hear his own */
    t->conn = conn;
    t->given_up = false;
    if (conn == NULL || l->first == NULL) {
        t->given_up = conn == NULL;
        give_back(t);
        dismiss_waiting(l);
        return;
    }
    take_members(t);
    t->state = TRACK_RUNS;
    t->sent_ns = clock_now_ns();
    if (l->first != NULL) {
        send_soon(l);
    }
    if (t->count == 1) {
        send_single(t);
    } else {
        send_group(t);
    }
}

static struct track *track_in(struct groups *l, enum track_state state)
{
    for (uint32_t i = 0; i < TRACKS; i++) {
        if (l->track[i].state == state) {
            return &l->track[i];
        }
    }
    return NULL;
}

static bool are_all_late(const struct groups *l)
{
    uint32_t late = 0;
    for (uint32_t i = 0; i < TRACKS; i++) {
        late += l->track[i].state == TRACK_LATE;
    }
    return late == TRACKS;
}

static bool watch(struct groups *l)
{
    return l->tick.slot != 0 || loop_timer_start(l->pool->loop, &l->tick,
                                                 clock_now_ns() + GROUP_STALL_NS / 2) == ERR_OK;
}

static void on_send(struct task *task)
{
    struct groups *l = CONTAINER(task, struct groups, send);
    if (l->first == NULL && !l->closing) {
        return;
    }
    if (l->closing || are_all_late(l) || !watch(l)) {
        dismiss_waiting(l);
        if (l->closing) {
            pool_try_end(l->pool);
        }
        return;
    }
    struct track *t = track_in(l, TRACK_ASKED) == NULL ? track_in(l, TRACK_FREE) : NULL;
    if (t != NULL) {
        t->state = TRACK_ASKED;
        fail_init(&t->fail);
        pool_acquire(l->pool, &t->wait, 0);
    }
}

/* -- once in a while ------------------------------------------------------- */

/* A statement of the group waits for a lock, most likely, and who holds it may be waiting
 * for another one of the group, or behind it. A commit waits for nobody of ours, so it is left
 * to its end; a write alone waits as it likes. */
static void look_at(struct track *t, uint64_t now_ns)
{
    uint64_t ns = now_ns - t->sent_ns;
    if (t->state == TRACK_RUNS && ns > GROUP_STALL_NS) {
        t->state = TRACK_LATE;
        const struct grouped_run *culprit = culprit_of(t);
        if (culprit != NULL) {
            note_sour(t->groups, culprit->run->stmt, SOUR_MAX_NS);
        }
        if (t->count > 1) {
            count_add(&t->groups->pool->share->counts.stalled, 1);
            t->conn->driver->cancel(t->conn);
        }
    } else if (t->state == TRACK_COMMITS && ns > COMMIT_STALL_NS) {
        t->state = TRACK_LATE;
    }
}

static void on_tick(struct timer *timer)
{
    struct groups *l = CONTAINER(timer, struct groups, tick);
    uint64_t now_ns = clock_now_ns();
    bool busy = false;
    for (uint32_t i = 0; i < TRACKS; i++) {
        look_at(&l->track[i], now_ns);
        busy = busy || l->track[i].state != TRACK_FREE;
    }
    if (busy) {
        (void)watch(l); /* out of memory: those that wait are not let in, see on_send */
        send_soon(l);
    }
}

/* -- borrowers ------------------------------------------------------------- */

bool grouped_takes(const struct pool *p, const struct statement *s)
{
    const struct pool_opts *o = &p->share->opts;
    return s->groups && s->id != 0 && p->state == POOL_RUNS && o->pipelining &&
           p->driver->pipeline != NULL && !is_sour(p->groups, s) &&
           (o->max_waiting == 0 || p->groups->waiting < o->max_waiting);
}

void grouped_start(struct pool *p, struct grouped_run *g, struct run *r)
{
    struct groups *l = p->groups;
    *g = (struct grouped_run){.run = r, .queued = true};
    g->own.started_ns = g->own.ended_ns = clock_now_ns();
    r->err = ERR_OK;
    r->rowcount = 0;
    append(&l->first, &l->last, g);
    l->waiting++;
    send_soon(l);
}

/* All in it want it to stop, and it can. */
static bool is_forsaken(const struct track *t)
{
    for (const struct grouped_run *g = t->first; g != NULL; g = g->next) {
        if (!g->stopped) {
            return false;
        }
    }
    return t->count == 1 || t->running > 0;
}

void grouped_cancel(struct pool *p, struct grouped_run *g)
{
    g->stopped = true;
    if (g->queued) {
        unqueue(p->groups, g);
        tell_later(p->groups, g, ERR_CANCELLED, "cancelled while waiting for a connection");
    } else if (g->track != NULL && is_forsaken(g->track)) {
        g->track->conn->driver->cancel(g->track->conn);
    }
}

static void give_up(struct track *t)
{
    if (!t->given_up) {
        t->given_up = true;
        t->state = TRACK_LATE;
        pool_abort(t->groups->pool, t->conn);
    }
}

/* The others of a group may be willing to wait for longer. */
void grouped_abort(struct pool *p, struct grouped_run *g)
{
    struct track *t = g->track;
    if (t == NULL) {
        return;
    }
    if (t->count == 1 || (t->first == g && g->next == NULL)) {
        give_up(t);
        return;
    }
    if (!g->answered) {
        pipeline_of(t)->drop(t->conn, &g->own);
    }
    take_out(&t->first, &t->last, g);
    g->own.maybe_executed = true;
    tell_later(p->groups, g, ERR_CONNECTION_LOST, "the database does not answer");
}

/* -- life ------------------------------------------------------------------ */

void groups_init(struct groups *l, struct pool *p)
{
    l->pool = p;
    l->send.run = on_send;
    l->tick.fire = on_tick;
    for (uint32_t i = 0; i < TRACKS; i++) {
        l->track[i].groups = l;
        l->track[i].wait.cb = on_lent;
        l->track[i].wait.fail = &l->track[i].fail;
    }
}

void groups_close(struct groups *l)
{
    l->closing = true;
    send_soon(l);
}

bool groups_busy(const struct groups *l)
{
    bool busy = l->send.queued || l->first != NULL;
    for (uint32_t i = 0; i < TRACKS; i++) {
        busy = busy || l->track[i].state != TRACK_FREE;
    }
    return busy;
}

void groups_fini(struct groups *l)
{
    loop_timer_stop(l->pool->loop, &l->tick);
}
