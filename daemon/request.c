/* SPDX-License-Identifier: MIT
 *
 * daemon/request.c: the life of a request, as a table of states with checked
 * moves. Read req_table from top to bottom; the steps are in step_plan.c and
 * step_run.c.
 *
 * A step returns the next state, or REQ_WAIT once it has started an operation
 * whose callback will move on. Errors travel in r->err and r->fail; who fails
 * goes on to the state that gives back what is held.
 */
#include "daemon/request.h"

#include "base/clock.h"
#include "daemon/batch.h"
#include "daemon/caching.h"
#include "daemon/ops_gate.h"
#include "daemon/reply.h"
#include "daemon/steps.h"
#include "daemon/trace.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FREE_REQS_MAX 1024 /* those that nobody needs are given back within seconds */
#define KEPT_BYTES 4096    /* of each buffer of a free request */
#define TO(state) (UINT32_C(1) << (state))

/* Read top to bottom: it is a request's life. */
static const struct {
    const char *name;
    uint32_t next;
    step_fn *run;
} req_table[REQ_STATE_COUNT] = {
    [REQ_NEW] = {"new", TO(REQ_READ), NULL},
    [REQ_READ] = {"read",
                  TO(REQ_ADMIN) | TO(REQ_WORKERS) | TO(REQ_CATALOG) | TO(REQ_TX_TURN) |
                      TO(REQ_ORDER) | TO(REQ_REPLY),
                  step_read},
    [REQ_ADMIN] = {"admin", TO(REQ_REPLY), step_admin},
    [REQ_WORKERS] = {"workers", TO(REQ_REPLY), step_workers},
    [REQ_TX_TURN] = {"tx_turn",
                     TO(REQ_TX_TURN) | TO(REQ_CATALOG) | TO(REQ_ORDER) | TO(REQ_REPLY),
                     step_tx_turn},
    [REQ_CATALOG] = {"catalog", TO(REQ_PLAN) | TO(REQ_ORDER) | TO(REQ_REFRESH) | TO(REQ_REPLY),
                     step_catalog},
    [REQ_REFRESH] = {"refresh", TO(REQ_PLAN) | TO(REQ_REPLY), step_refresh},
    [REQ_PLAN] = {"plan", TO(REQ_ORDER) | TO(REQ_TX_CATALOG) | TO(REQ_REFRESH) | TO(REQ_REPLY),
                  step_plan},
    [REQ_ORDER] = {"order",
                   TO(REQ_CACHE) | TO(REQ_ROUTE) | TO(REQ_BATCH) | TO(REQ_TX_USE) |
                       TO(REQ_TX_SQL) | TO(REQ_REPLY),
                   step_order},
    [REQ_BATCH] = {"batch", TO(REQ_BATCH) | TO(REQ_REPLY), step_batch},
    [REQ_CACHE] = {"cache", TO(REQ_CACHE) | TO(REQ_ROUTE) | TO(REQ_REPLY), step_cache},
    [REQ_ROUTE] = {"route", TO(REQ_SHARED) | TO(REQ_GROUPED) | TO(REQ_LEND) | TO(REQ_REPLY),
                   step_route},
    [REQ_SHARED] = {"shared", TO(REQ_ROUTE) | TO(REQ_RETURN), step_shared},
    [REQ_GROUPED] = {"grouped", TO(REQ_LEND) | TO(REQ_RETURN), step_grouped},
    [REQ_LEND] = {"lend",
                  TO(REQ_ROUTE) | TO(REQ_CATCH_UP) | TO(REQ_BEGIN) | TO(REQ_RUN) |
                      TO(REQ_TX_SQL) | TO(REQ_REPLY),
                  step_lend},
    [REQ_CATCH_UP] = {"catch_up",
                      TO(REQ_ROUTE) | TO(REQ_BEGIN) | TO(REQ_RUN) | TO(REQ_TX_SQL) |
                          TO(REQ_RETURN),
                      step_catch_up},
    [REQ_BEGIN] = {"begin", TO(REQ_RUN) | TO(REQ_ROLLBACK) | TO(REQ_RETURN), step_begin},
    [REQ_RUN] = {"run",
                 TO(REQ_RUN) | TO(REQ_COMMIT) | TO(REQ_ROLLBACK) | TO(REQ_POSITION) |
                     TO(REQ_RETURN),
                 step_run},
    [REQ_COMMIT] = {"commit", TO(REQ_POSITION) | TO(REQ_RETURN), step_commit},
    [REQ_ROLLBACK] = {"rollback", TO(REQ_RETURN), step_rollback},
    [REQ_POSITION] = {"position", TO(REQ_RETURN), step_position},
    [REQ_RETURN] = {"return", TO(REQ_REPLY) | TO(REQ_REFRESH) | TO(REQ_ROUTE), step_return},
    [REQ_TX_CATALOG] = {"tx_catalog", TO(REQ_PLAN) | TO(REQ_REPLY), step_tx_catalog},
    [REQ_TX_USE] = {"tx_use", TO(REQ_RUN) | TO(REQ_REPLY), step_tx_use},
    [REQ_TX_SQL] = {"tx_sql", TO(REQ_TX_SQL) | TO(REQ_POSITION) | TO(REQ_REPLY), step_tx_sql},
    [REQ_TX_LEAVE] = {"tx_leave",
                      TO(REQ_TX_LEAVE) | TO(REQ_TX_UNDO) | TO(REQ_REFRESH) | TO(REQ_REPLY),
                      step_tx_leave},
    [REQ_TX_UNDO] = {"tx_undo", TO(REQ_TX_LEAVE), step_tx_undo},
    [REQ_REPLY] = {"reply", TO(REQ_TX_LEAVE) | TO(REQ_DONE), step_reply},
    [REQ_DONE] = {"done", 0, NULL},
};

const char *req_state_name(enum req_state s)
{
    return req_table[s].name;
}

static void finish(struct req *r);

/* Who waits in these is moved on by a callback; all others wait for what req_poke
 * looks at, at the end of a turn of their connection. */
#define CALLED_BACK                                                                            \
    (TO(REQ_CATALOG) | TO(REQ_REFRESH) | TO(REQ_CACHE) | TO(REQ_SHARED) | TO(REQ_GROUPED) |    \
     TO(REQ_LEND) | TO(REQ_CATCH_UP) | TO(REQ_BEGIN) | TO(REQ_RUN) | TO(REQ_COMMIT) |          \
     TO(REQ_ROLLBACK) | TO(REQ_POSITION) | TO(REQ_TX_SQL) | TO(REQ_TX_UNDO) |                  \
     TO(REQ_TX_CATALOG))

static void note_unsettled(struct req *r)
{
    if (!(CALLED_BACK & TO(r->state)) || r->pause != PAUSE_NONE) {
        r->conn->unsettled = true;
    }
}

void req_go(struct req *r, int next)
{
    while (next != REQ_WAIT) {
        assert(req_table[r->state].next & TO(next));
        r->state = (enum req_state)next;
        if (r->state == REQ_DONE) {
            finish(r);
            return;
        }
        next = req_table[next].run(r);
    }
    note_unsettled(r);
}

/* ---- small helpers ---- */

const struct conf *req_conf(const struct req *r)
{
    return settings_conf(r->worker->settings);
}

void req_set_err(struct req *r, enum err e)
{
    if (r->err == ERR_OK && e != ERR_OK) {
        r->err = e;
        fail_set(&r->fail, e, "%s", err_doc(e));
        r->err = r->fail.code;
    }
}

void req_replace_err(struct req *r, enum err e)
{
    fail_init(&r->fail);
    r->err = ERR_OK;
    req_set_err(r, e);
}

int req_fail_to(struct req *r, enum err e, enum req_state next)
{
    req_set_err(r, e);
    return (int)next;
}

bool req_is_read(const struct req *r)
{
    if (r->msg.op == OP_QUERY) {
        return r->bound.plan != NULL && r->bound.plan->kind == PLAN_READ &&
               r->bound.plan->volatility != VOLATILITY_VOLATILE;
    }
    return r->msg.op != OP_SCHEMA_RELOAD && op_way(r->msg.op) != WAY_TX &&
           op_way(r->msg.op) != WAY_BATCH;
}

/* ---- from outside ---- */

static void stop_waiting_for_catalog(struct req *r, enum err why)
{
    if (r->defined) {
        return; /* it is done; only its reply waits */
    }
    r->stop = why;
    if (catalog_wait_cancel(r->backend, &r->catalog_wait)) {
        req_set_err(r, r->stop);
        req_go(r, REQ_REPLY);
    }
}

/* The database neither answered nor stopped: the session is given up, and with it
 * comes the end of the run. */
static void on_deaf(struct timer *t)
{
    struct req *r = (struct req *)((char *)t - offsetof(struct req, watch));
    if (r->state == REQ_SHARED) {
        shared_abort(r->pool, &r->shared);
        return;
    }
    if (r->state == REQ_GROUPED) {
        grouped_abort(r->pool, &r->grouped);
        return;
    }
    if (r->lease == NULL) {
        return;
    }
    LOG(r->worker->shared->log, LOG_POOL, LOG_WARN,
        "the database does not answer: its session is given up",
        LOG_S("db", r->backend->db->conf->name), LOG_I("backend", r->lease->backend_id),
        LOG_S("state", str_of(req_state_name(r->state))), LOG_END);
    struct db_conn *c = r->lease;
    r->lease = NULL;
    pool_abort(r->pool, c);
}

/* From here on the database's answer is awaited only so long. */
static void start_watch(struct req *r)
{
    bool lent = r->lease != NULL || r->state == REQ_SHARED || r->state == REQ_GROUPED;
    if (r->watch.slot != 0 || !lent) {
        return;
    }
    uint64_t ns = r->worker->shared->deaf_ns;
    if (r->worker->state != WORKER_RUNNING) {
        ns /= 4; /* the daemon is to stop as well */
    }
    r->watch.fire = on_deaf;
    if (loop_timer_start(&r->worker->loop, &r->watch, clock_now_ns() + ns) != ERR_OK) {
        on_deaf(&r->watch);
    }
}

static void stop_run(struct req *r, enum err why)
{
    r->stop = why;
    start_watch(r);
    if (r->lease != NULL) {
        r->lease->driver->cancel(r->lease);
    }
    reply_unpause(r);
}

/* The end of a transaction and its marks are as good as there. */
static void stop_tx_sql(struct req *r, enum err why)
{
    if (r->msg.op == OP_BEGIN) {
        stop_run(r, why);
    } else {
        start_watch(r);
    }
}

/* It is answered at once; only the end of a transaction, whose handle is free already,
 * waits for its turn to roll back. */
static void stop_in_queue(struct req *r, enum err why)
{
    r->stop = why;
    req_set_err(r, why);
    if (!tx_is_turn(r) && !op_ends_tx(r->msg.op)) {
        tx_skip(r);
    }
    req_go(r, REQ_REPLY);
}

static void stop_at_once(struct req *r, enum err why)
{
    r->stop = why;
    req_set_err(r, why);
    req_go(r, REQ_REPLY);
}

static void stop_waiting_for_loan(struct req *r, enum err why)
{
    r->stop = why;
    pool_cancel(r->pool, &r->pool_wait);
}

static void stop_shared(struct req *r, enum err why)
{
    r->stop = why;
    start_watch(r);
    if (r->state == REQ_SHARED) {
        shared_cancel(r->pool, &r->shared);
    } else {
        grouped_cancel(r->pool, &r->grouped);
    }
}

static void stop_gate(struct req *r, enum err why)
{
    if (r->gate != NULL) { /* else its answer is on the way */
        r->stop = why;
        op_gate_stop(r);
    }
}

static void stop_in_state(struct req *r, enum err why)
{
    switch (r->state) {
    case REQ_TX_TURN:
        stop_in_queue(r, why);
        return;
    case REQ_CATALOG:
    case REQ_REFRESH:
        stop_waiting_for_catalog(r, why);
        return;
    case REQ_ORDER:
        stop_at_once(r, why);
        return;
    case REQ_LEND:
        stop_waiting_for_loan(r, why);
        return;
    case REQ_TX_SQL:
        stop_tx_sql(r, why);
        return;
    case REQ_BATCH:
        batch_stop(r, why);
        return;
    case REQ_CACHE:
        cache_stop(r, why);
        return;
    case REQ_SHARED:
    case REQ_GROUPED:
        stop_shared(r, why);
        return;
    case REQ_CATCH_UP:
    case REQ_BEGIN:
    case REQ_RUN:
    case REQ_TX_CATALOG:
        stop_run(r, why);
        return;
    case REQ_WORKERS:
        stop_gate(r, why);
        return;
    case REQ_COMMIT:
    case REQ_ROLLBACK:
    case REQ_POSITION:
    case REQ_TX_UNDO:
        start_watch(r); /* the outcome is on its way, but not for ever */
        return;
    case REQ_NEW:
    case REQ_ROUTE:
    case REQ_READ:
    case REQ_ADMIN:
    case REQ_PLAN:
    case REQ_RETURN:
    case REQ_TX_USE:
    case REQ_TX_LEAVE:
    case REQ_REPLY:
    case REQ_DONE:
        return; /* synchronous, or past stopping: the outcome is on its way */
    }
}

void req_stop(struct req *r, enum err why)
{
    if (r->stop == ERR_OK) {
        cache_yield(r);
        stop_in_state(r, why);
    }
}

void req_poke(struct req *r)
{
    note_unsettled(r); /* it may have to wait again */
    if ((r->state == REQ_TX_TURN || r->state == REQ_TX_LEAVE) && tx_is_turn(r)) {
        req_go(r, (int)r->state);
    } else if (r->state == REQ_ORDER && req_may_take_effect(r)) {
        req_go(r, step_order(r));
    } else if (r->state == REQ_REPLY &&
               (r->conn->state >= CONN_CLOSING || conn_may_write(r->conn, r))) {
        if (r->conn->state < CONN_CLOSING) {
            reply_write(r);
        }
        req_go(r, REQ_DONE);
    } else if (r->state == REQ_RUN) {
        reply_unpause(r);
    }
}

void req_add_credit(struct req *r, uint32_t credit)
{
    r->credit_added += credit < UINT32_MAX - r->credit_added ? credit : 0;
    conn_wake(r->conn);
}

/* ---- beginning and end ---- */

static struct req *req_take(struct worker *w)
{
    struct req *r = w->free_reqs;
    if (r != NULL) {
        w->free_reqs = r->next;
        __builtin_prefetch(w->free_reqs); /* most likely the next to be taken */
        w->free_req_count--;
        if (w->free_req_count < w->free_req_low) {
            w->free_req_low = w->free_req_count;
        }
        r->next = NULL;
        return r;
    }
    r = calloc(1, sizeof *r);
    if (r != NULL) {
        fail_init(&r->fail);
    }
    return r;
}

void req_destroy(struct req *r)
{
    arena_fini(&r->arena);
    buf_fini(&r->answer);
    buf_fini(&r->text);
    free(r);
}

void req_trim(struct worker *w)
{
    for (uint32_t n = (w->free_req_low + 1) / 2; n > 0; n--) {
        struct req *r = w->free_reqs;
        w->free_reqs = r->next;
        w->free_req_count--;
        w->freed++;
        req_destroy(r);
    }
    w->free_req_low = w->free_req_count;
}

/* Back to the free list, with its arena's first block. */
static void recycle(struct worker *w, struct req *r)
{
    if (w->free_req_count >= FREE_REQS_MAX || w->state != WORKER_RUNNING) {
        req_destroy(r);
        w->freed++;
        return;
    }
    struct arena arena = r->arena;
    struct buf answer = r->answer, text = r->text;
    arena_reset(&arena);
    buf_shrink(&answer, KEPT_BYTES);
    buf_shrink(&text, KEPT_BYTES);
    memset(r, 0, offsetof(struct req, fail));
    r->arena = arena;
    r->answer = answer;
    r->text = text;
    fail_init(&r->fail);
    r->next = w->free_reqs;
    w->free_reqs = r;
    w->free_req_count++;
}

static void count_time(struct req *r, uint64_t now)
{
    struct worker_counts *n = &r->worker->counts;
    histogram_add(&n->stages[STAGE_TOTAL], now - r->arrived_ns);
    if (r->planned_ns != 0) {
        histogram_add(&n->stages[STAGE_PLAN], r->planned_ns - r->arrived_ns);
    }
    if (r->lent_ns != 0 && r->ordered_ns != 0) {
        /* Without a plan, as a begin is, it was ready when it came. */
        uint64_t ready_ns = r->planned_ns != 0 ? r->planned_ns : r->arrived_ns;
        histogram_add(&n->stages[STAGE_QUEUE], r->ordered_ns - ready_ns);
        histogram_add(&n->stages[STAGE_POOL], r->lent_ns - r->ordered_ns);
    }
    if (r->database_ns != 0) {
        histogram_add(&n->stages[STAGE_DATABASE], r->database_ns);
        histogram_add(&n->stages[STAGE_REPLY], now - r->returned_ns);
    }
}

static void finish(struct req *r)
{
    struct worker *w = r->worker;
    uint64_t now_ns = clock_now_ns();
    count_time(r, now_ns);
    trace_request(r, now_ns);
    bool told = r->parent == NULL || r->parent->err == ERR_OK; /* else it is its batch's */
    if (r->err != ERR_OK && told) {
        count_add(&w->counts.errors[err_class(r->err)], 1);
    }
    count_own(&w->counts.rows_out, r->rows.count);
    count_own(&w->counts.in_flight, UINT64_MAX); /* one less */
    (void)worker_charge(w, 0 - (uint64_t)r->charged_bytes);
    loop_timer_stop(&w->loop, &r->timer);
    loop_timer_stop(&w->loop, &r->watch);
    if (r->rows_ready) {
        buf_swap(&r->rows.out, &r->text);
        rows_fini(&r->rows);
    }
    cache_forget(r);
    plan_unref(r->bound.plan);
    prepared_unref(r->prepared);
    compiler_seen_done(r->seen);
    if (r->backend != NULL) {
        backend_release(r->backend);
    }
    if (r->parent != NULL) {
        batch_child_done(r);
    } else {
        conn_request_done(r->conn, r);
    }
    recycle(w, r);
}

static void link_last(struct conn *c, struct req *r)
{
    r->prev = c->last;
    *(c->last != NULL ? &c->last->next : &c->first) = r;
    c->last = r;
    c->req_count++;
}

static struct req *begin_of(struct conn *c)
{
    struct worker *w = c->worker;
    struct req *r = req_take(w);
    if (r == NULL) {
        return NULL;
    }
    r->conn = c;
    r->worker = w;
    r->due_ns = UINT64_MAX;
    r->arrived_ns = w->read_ns; /* what came in one read is told apart by step_plan */
    r->arena.limit_bytes = req_conf(r)->limits.request_bytes;
    count_own(&w->counts.in_flight, 1);
    return r;
}

/* NULL: not even an error can be said, so the client loses its connection. */
static struct req *begin(struct conn *c)
{
    struct req *r = begin_of(c);
    if (r == NULL) {
        conn_close(c);
        return NULL;
    }
    link_last(c, r);
    return r;
}

struct req *req_child(struct req *parent, const struct message *m)
{
    struct req *r = begin_of(parent->conn);
    if (r != NULL) {
        r->parent = parent;
        r->line = parent->line;
        r->msg = *m;
    }
    return r;
}

void req_refuse(struct conn *c, enum err e, const char *words)
{
    struct req *r = begin(c);
    if (r != NULL) {
        r->state = REQ_READ;
        count_add(&r->worker->counts.malformed, 1);
        req_set_err(r, fail_set(&r->fail, e, "%s", words));
        req_go(r, REQ_REPLY);
    }
}

void req_start(struct conn *c, struct str line)
{
    struct req *r = begin(c);
    if (r == NULL) {
        return;
    }
    r->line = arena_str(&r->arena, line);
    if (r->line.ptr == NULL) {
        r->state = REQ_READ;
        req_set_err(r, ERR_REQUEST_TOO_LARGE);
        req_go(r, REQ_REPLY);
        return;
    }
    req_go(r, REQ_READ);
}

bool req_charge(struct req *r)
{
    size_t now = r->arena.used_bytes + r->spilled_bytes;
    size_t was = r->charged_bytes;
    if (now == was) {
        return true;
    }
    r->charged_bytes = now;
    uint64_t sum = worker_charge(r->worker, (uint64_t)now - was);
    return now <= was || sum <= req_conf(r)->limits.memory_bytes;
}
