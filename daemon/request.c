/* SPDX-License-Identifier: MIT
 *
 * daemon/request.c: the life of a request, as a table of states with checked
 * moves. Read req_table from top to bottom.
 *
 * A step returns the next state, or REQ_WAIT once it has started an operation
 * whose callback will move on. Errors travel in r->err and r->fail; who fails
 * goes on to the state that gives back what is held.
 */
#include "daemon/request.h"

#include "base/clock.h"
#include "daemon/ops.h"
#include "daemon/reply.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FREE_REQS_MAX 256
#define TO(state) (UINT32_C(1) << (state))

typedef int step_fn(struct req *r);

static step_fn step_read, step_admin, step_catalog, step_refresh, step_plan, step_order,
    step_lend, step_begin, step_run, step_commit, step_rollback, step_return, step_reply;

/* Read top to bottom: it is a request's life. */
static const struct {
    const char *name;
    uint32_t next;
    step_fn *run;
} req_table[REQ_STATE_COUNT] = {
    [REQ_NEW] = {"new", TO(REQ_READ), NULL},
    [REQ_READ] = {"read", TO(REQ_ADMIN) | TO(REQ_CATALOG) | TO(REQ_REPLY), step_read},
    [REQ_ADMIN] = {"admin", TO(REQ_REPLY), step_admin},
    [REQ_CATALOG] = {"catalog", TO(REQ_PLAN) | TO(REQ_REFRESH) | TO(REQ_REPLY), step_catalog},
    [REQ_REFRESH] = {"refresh", TO(REQ_PLAN) | TO(REQ_REPLY), step_refresh},
    [REQ_PLAN] = {"plan", TO(REQ_ORDER) | TO(REQ_REFRESH) | TO(REQ_REPLY), step_plan},
    [REQ_ORDER] = {"order", TO(REQ_LEND) | TO(REQ_REPLY), step_order},
    [REQ_LEND] = {"lend", TO(REQ_BEGIN) | TO(REQ_RUN) | TO(REQ_REPLY), step_lend},
    [REQ_BEGIN] = {"begin", TO(REQ_RUN) | TO(REQ_RETURN), step_begin},
    [REQ_RUN] = {"run", TO(REQ_RUN) | TO(REQ_COMMIT) | TO(REQ_ROLLBACK) | TO(REQ_RETURN),
                 step_run},
    [REQ_COMMIT] = {"commit", TO(REQ_RETURN), step_commit},
    [REQ_ROLLBACK] = {"rollback", TO(REQ_RETURN), step_rollback},
    [REQ_RETURN] = {"return", TO(REQ_REPLY) | TO(REQ_REFRESH), step_return},
    [REQ_REPLY] = {"reply", TO(REQ_DONE), step_reply},
    [REQ_DONE] = {"done", 0, NULL},
};

const char *req_state_name(enum req_state s)
{
    return req_table[s].name;
}

static void finish(struct req *r);

static void req_go(struct req *r, int next)
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
}

/* ---- small helpers ---- */

static const struct conf *conf_of(const struct req *r)
{
    return settings_conf(r->worker->settings);
}

/* The first error wins; its words are in r->fail already or are set here. */
static void set_err(struct req *r, enum err e)
{
    if (r->err == ERR_OK && e != ERR_OK) {
        r->err = e;
        fail_set(&r->fail, e, "%s", err_doc(e));
        r->err = r->fail.code;
    }
}

/* The error is `e`, whatever r->fail says of the database's own words. */
static void replace_err(struct req *r, enum err e)
{
    fail_init(&r->fail);
    r->err = ERR_OK;
    set_err(r, e);
}

static int fail_to(struct req *r, enum err e, enum req_state next)
{
    set_err(r, e);
    return next;
}

bool req_is_read(const struct req *r)
{
    switch (r->msg.op) {
    case OP_QUERY:
        return r->bound.plan != NULL && r->bound.plan->kind == PLAN_READ &&
               r->bound.plan->volatility != VOLATILITY_VOLATILE;
    case OP_SCHEMA_RELOAD:
        return false;
    case OP_HELLO:
    case OP_PING:
    case OP_PREPARE:
    case OP_DEALLOCATE:
    case OP_MORE:
    case OP_CANCEL:
    case OP_COMPILE:
    case OP_STATS:
        break;
    }
    return true;
}

/* ---- read ---- */

static bool charge(struct req *r)
{
    r->charged_bytes = r->arena.used_bytes;
    uint64_t all = atomic_fetch_add_explicit(&r->worker->shared->request_bytes,
                                             r->charged_bytes, memory_order_relaxed);
    return all + r->charged_bytes <= conf_of(r)->limits.memory_bytes;
}

static enum err parse(struct req *r)
{
    const struct conf_limits *l = &conf_of(r)->limits;
    enum err e = message_parse(r->line, &r->arena, (unsigned)l->depth, &r->msg, &r->fail);
    if (e != ERR_OK) {
        count_add(&r->worker->counts.malformed, 1);
        return e;
    }
    if (!charge(r)) {
        return fail_set(&r->fail, ERR_OUT_OF_MEMORY, "the memory for requests is used up");
    }
    if (r->msg.id.present && conn_find(r->conn, &r->msg.id) != r) {
        return fail_at(&r->fail, ERR_DUPLICATE_ID, STR("/id"),
                       "a request with this id is in flight");
    }
    return ERR_OK;
}

/* `run`: the statement that was prepared under this name. */
static enum err use_prepared(struct req *r)
{
    struct prepared *p = conn_prepared(r->conn, r->msg.run);
    if (p == NULL) {
        return fail_at(&r->fail, ERR_UNKNOWN_STATEMENT, STR("/run"),
                       "no statement is prepared under this name");
    }
    p->refs++;
    r->prepared = p;
    r->msg.query = p->query;
    if (r->msg.db.len == 0) {
        r->msg.db = p->db;
    }
    return ERR_OK;
}

static int step_read(struct req *r)
{
    enum err e = parse(r);
    if (e == ERR_OK) {
        count_add(&r->worker->counts.requests[r->msg.op], 1);
        if (r->msg.run.len > 0) {
            e = use_prepared(r);
        } else if (r->msg.op == OP_PREPARE) {
            e = op_prepare(r);
        }
    }
    if (e != ERR_OK) {
        return fail_to(r, e, REQ_REPLY);
    }
    switch (r->msg.op) {
    case OP_QUERY:
    case OP_PREPARE:
    case OP_COMPILE:
    case OP_SCHEMA_RELOAD:
        return REQ_CATALOG;
    case OP_HELLO:
    case OP_PING:
    case OP_DEALLOCATE:
    case OP_MORE:
    case OP_CANCEL:
    case OP_STATS:
        break;
    }
    return REQ_ADMIN;
}

static int step_admin(struct req *r)
{
    return fail_to(r, op_admin(r), REQ_REPLY);
}

/* ---- catalog ---- */

static void on_timeout(struct timer *t)
{
    req_stop((struct req *)((char *)t - offsetof(struct req, timer)), ERR_TIMEOUT);
}

/* The request's own timeout, else the database's. A stream has none of the latter:
 * it lasts as long as its reader needs. */
static enum err start_timer(struct req *r)
{
    uint64_t ms = r->msg.timeout_ms;
    if (ms == 0 && !r->msg.stream) {
        ms = r->backend->db->conf->pool.statement_timeout_ms;
    }
    r->due_ns = ms == 0 ? UINT64_MAX : r->arrived_ns + ms * 1000000;
    if (ms == 0) {
        return ERR_OK;
    }
    r->timer.fire = on_timeout;
    return loop_timer_start(&r->worker->loop, &r->timer, r->due_ns);
}

static enum err find_backend(struct req *r)
{
    struct str name = r->msg.db.len > 0 ? r->msg.db : r->conn->db;
    r->backend = worker_backend(r->worker, name);
    if (r->backend != NULL) {
        return ERR_OK;
    }
    if (name.len == 0) {
        name = conf_of(r)->default_database;
    }
    if (settings_database(r->worker->settings, name) != NULL) {
        return fail_set(&r->fail, ERR_OUT_OF_MEMORY, "out of memory");
    }
    fail_at(&r->fail, ERR_UNKNOWN_DATABASE, STR("/db"), "no database %.*s", STR_ARG(name));
    for (uint32_t i = 0; i < r->worker->settings->database_count; i++) {
        struct str have = r->worker->settings->databases[i]->conf->name;
        if (str_distance(have, name, 2) <= 2) {
            fail_hint(&r->fail, "did you mean %.*s?", STR_ARG(have));
        }
    }
    return ERR_UNKNOWN_DATABASE;
}

static void on_catalog(struct catalog_wait *w)
{
    struct req *r = (struct req *)((char *)w - offsetof(struct req, catalog_wait));
    enum err e = r->stop != ERR_OK ? r->stop : w->err;
    set_err(r, e);
    req_go(r, r->err == ERR_OK ? REQ_PLAN : REQ_REPLY);
}

static int wait_for_catalog(struct req *r)
{
    r->catalog_wait.cb = on_catalog;
    r->catalog_wait.fail = &r->fail;
    catalog_refresh(r->backend, &r->catalog_wait);
    return REQ_WAIT;
}

static int step_catalog(struct req *r)
{
    enum err e = find_backend(r);
    if (e == ERR_OK) {
        e = start_timer(r);
    }
    if (e != ERR_OK) {
        return fail_to(r, e, REQ_REPLY);
    }
    if (r->msg.op == OP_SCHEMA_RELOAD) {
        return REQ_REFRESH;
    }
    return backend_catalog(r->backend) == NULL ? wait_for_catalog(r) : REQ_PLAN;
}

static int step_refresh(struct req *r)
{
    r->refreshed = true;
    return wait_for_catalog(r);
}

/* ---- plan ---- */

static enum query_expect expect_of(enum expect_mode mode)
{
    switch (mode) {
    case MODE_ALL:
    case MODE_SCALARS:
        return QUERY_ALL;
    case MODE_FIRST:
    case MODE_SCALAR:
        return QUERY_FIRST;
    case MODE_ONE:
    case MODE_ONE_OR_NONE:
        return QUERY_ONE;
    case MODE_COUNT:
        return QUERY_COUNT;
    case MODE_EXISTS:
        return QUERY_EXISTS;
    }
    return QUERY_ALL;
}

struct compile_request req_compile_request(const struct req *r, struct catalog *catalog)
{
    const struct conf_limits *l = &conf_of(r)->limits;
    return (struct compile_request){
        .query = r->msg.query,
        .params = r->msg.params,
        .catalog = catalog,
        .dialect = r->backend->db->dialect,
        .expect = expect_of(r->msg.expect),
        .keys = r->msg.keys == WANT_DEFAULT ? KEYS_DEFAULT
                : r->msg.keys == WANT_YES   ? KEYS_YES
                                            : KEYS_NO,
        .max_params = (uint32_t)l->params,
        .max_sql_bytes = (uint32_t)l->sql_bytes,
        .query_path = "/query",
    };
}

/* prepare: the statement was kept at arrival; here it is found out whether it is
 * one. A bad one is forgotten again. */
static enum err plan_prepared(struct req *r, struct catalog *catalog)
{
    struct compile_request in = req_compile_request(r, catalog);
    struct plan *p;
    bool hit;
    enum err e = compiler_plan(r->worker->compiler, &in, &r->arena, &p, &hit, &r->fail);
    if (e == ERR_OK) {
        op_prepared(r, p);
        plan_unref(p);
    }
    return e;
}

static void forget_prepared(struct req *r)
{
    if (r->msg.op == OP_PREPARE && conn_prepared(r->conn, r->msg.name) == r->prepared) {
        conn_deallocate(r->conn, r->msg.name);
    }
}

static enum err check_stream(struct req *r)
{
    if (!r->msg.stream) {
        return ERR_OK;
    }
    if (r->bound.plan->kind != PLAN_READ) {
        return fail_at(&r->fail, ERR_UNSUPPORTED_FEATURE, STR("/stream"),
                       "only a select can be streamed: a write is told when it is certain");
    }
    return ERR_OK;
}

static enum err plan_query(struct req *r, struct catalog *catalog)
{
    struct compile_request in = req_compile_request(r, catalog);
    enum err e = compiler_bind(r->worker->compiler, &in, &r->arena, &r->bound, &r->fail);
    return e == ERR_OK ? check_stream(r) : e;
}

static enum err plan_op(struct req *r, struct catalog *catalog)
{
    switch (r->msg.op) {
    case OP_PREPARE:
        return plan_prepared(r, catalog);
    case OP_COMPILE:
        return op_compile(r, catalog);
    case OP_SCHEMA_RELOAD:
        op_reloaded(r, catalog);
        return ERR_OK;
    case OP_QUERY:
    case OP_HELLO:
    case OP_PING:
    case OP_DEALLOCATE:
    case OP_MORE:
    case OP_CANCEL:
    case OP_STATS:
        break;
    }
    return plan_query(r, catalog);
}

static int step_plan(struct req *r)
{
    struct catalog *catalog = backend_catalog(r->backend);
    if (catalog == NULL) {
        return fail_to(r, fail_set(&r->fail, ERR_INTERNAL, "the catalog is gone"), REQ_REPLY);
    }
    enum err e = plan_op(r, catalog);
    r->planned_ns = clock_now_ns();
    if ((e == ERR_UNKNOWN_TABLE || e == ERR_UNKNOWN_COLUMN) && !r->refreshed) {
        fail_init(&r->fail); /* perhaps it is new */
        buf_clear(&r->answer);
        return REQ_REFRESH;
    }
    if (e != ERR_OK) {
        forget_prepared(r);
        return fail_to(r, e, REQ_REPLY);
    }
    return r->bound.plan == NULL || r->bound.run_count == 0 ? REQ_REPLY : REQ_ORDER;
}

/* ---- order ---- */

/* Language §2: without id, requests take effect in order; proven reads may
 * overlap, anything else waits for all before it and holds back all after it. */
static bool may_take_effect(const struct req *r)
{
    if (r->msg.id.present) {
        return true;
    }
    bool read = req_is_read(r);
    for (const struct req *o = r->conn->first; o != r; o = o->next) {
        if (!o->msg.id.present && !o->executed && !(read && req_is_read(o))) {
            return false;
        }
    }
    return true;
}

static int step_order(struct req *r)
{
    return may_take_effect(r) ? REQ_LEND : REQ_WAIT;
}

/* ---- lend ---- */

static void on_lease(struct pool_wait *w, struct db_conn *conn, enum err e)
{
    struct req *r = (struct req *)((char *)w - offsetof(struct req, pool_wait));
    r->lease = conn;
    r->lent_ns = clock_now_ns();
    if (r->stop != ERR_OK) {
        if (conn != NULL) {
            pool_release(r->backend->pool, conn, POOL_CLEAN);
            r->lease = NULL;
        }
        replace_err(r, r->stop);
    }
    set_err(r, e);
    if (r->err != ERR_OK) {
        req_go(r, REQ_REPLY);
        return;
    }
    req_go(r, r->bound.needs_tx ? REQ_BEGIN : REQ_RUN);
}

static int step_lend(struct req *r)
{
    r->ordered_ns = clock_now_ns();
    r->pool_wait.cb = on_lease;
    r->pool_wait.fail = &r->fail;
    pool_acquire(r->backend->pool, &r->pool_wait, r->due_ns);
    return REQ_WAIT;
}

/* ---- begin, run, commit, rollback ---- */

static void start_run(struct req *r, struct run run)
{
    r->run = run;
    r->run.fail = &r->fail;
    r->lease->driver->run(r->lease, &r->run);
}

static struct req *of_run(struct run *run)
{
    return (struct req *)((char *)run - offsetof(struct req, run));
}

static void note_time(struct req *r)
{
    r->returned_ns = r->run.ended_ns;
    r->database_ns += r->run.ended_ns - r->run.started_ns;
}

/* The statement was stopped because we asked for it: say why we did. */
static void set_run_err(struct req *r)
{
    if ((r->run.err == ERR_CANCELLED || r->void_rows) && r->stop != ERR_OK) {
        replace_err(r, r->stop);
    } else {
        set_err(r, r->run.err);
    }
}

static void on_begun(struct run *run)
{
    struct req *r = of_run(run);
    note_time(r);
    set_run_err(r);
    req_go(r, r->err == ERR_OK ? REQ_RUN : REQ_RETURN);
}

static int step_begin(struct req *r)
{
    const struct dialect_words *words = dialect_words(r->bound.plan->dialect);
    start_run(r, (struct run){.stmt = &words->begin_write, .sets = 1, .done = on_begun});
    return REQ_WAIT;
}

/* A write on its own whose answer was lost may have happened. */
static void judge_loss(struct req *r)
{
    if (r->run.err == ERR_CONNECTION_LOST && r->run.maybe_executed && !r->bound.needs_tx &&
        !r->run.stmt->read_only) {
        replace_err(r, ERR_COMMIT_UNKNOWN);
    }
}

static int after_run(struct req *r)
{
    bool more = r->at + 1 < r->bound.run_count;
    if (r->err == ERR_OK && r->stop != ERR_OK && r->bound.needs_tx) {
        replace_err(r, r->stop); /* nothing is committed yet: it can still be undone */
    }
    if (r->err == ERR_OK && r->bound.needs_tx && !more) {
        /* a result that fails its own checks must not be committed */
        set_err(r, reply_check(r));
    }
    if (r->err != ERR_OK) {
        return r->bound.needs_tx && !r->lease->broken ? REQ_ROLLBACK : REQ_RETURN;
    }
    if (more) {
        r->at++;
        return REQ_RUN;
    }
    return r->bound.needs_tx ? REQ_COMMIT : REQ_RETURN;
}

static void on_run(struct run *run)
{
    struct req *r = of_run(run);
    note_time(r);
    loop_timer_stop(&r->worker->loop, &r->pause_timer);
    r->pause = PAUSE_NONE;
    r->rowcount += run->rowcount;
    set_run_err(r);
    judge_loss(r);
    req_go(r, after_run(r));
}

static int step_run(struct req *r)
{
    const struct bound_run *b = &r->bound.runs[r->at];
    enum err e = reply_prepare(r);
    if (e != ERR_OK) {
        set_err(r, e);
        return r->bound.needs_tx ? REQ_ROLLBACK : REQ_RETURN;
    }
    start_run(r, (struct run){
                     .stmt = &b->step->stmt,
                     .params = b->params,
                     .sets = b->sets,
                     .sink = b->step->role == STEP_COUNT ? NULL : &r->rows.sink,
                     .flush = reply_flush,
                     .done = on_run,
                 });
    return REQ_WAIT;
}

static void on_committed(struct run *run)
{
    struct req *r = of_run(run);
    note_time(r);
    if (run->err == ERR_CONNECTION_LOST && run->maybe_executed) {
        replace_err(r, ERR_COMMIT_UNKNOWN);
    } else {
        set_err(r, run->err);
    }
    req_go(r, REQ_RETURN);
}

static int step_commit(struct req *r)
{
    const struct dialect_words *words = dialect_words(r->bound.plan->dialect);
    start_run(r, (struct run){.stmt = &words->commit, .sets = 1, .done = on_committed});
    return REQ_WAIT;
}

static void on_rolled_back(struct run *run)
{
    struct req *r = of_run(run);
    note_time(r);
    req_go(r, REQ_RETURN);
}

static int step_rollback(struct req *r)
{
    /* The client hears of the first error; what becomes of the rollback is the
     * pool's business, which lends no connection with an open transaction. */
    const struct dialect_words *words = dialect_words(r->bound.plan->dialect);
    start_run(r, (struct run){.stmt = &words->rollback, .sets = 1, .done = on_rolled_back});
    return REQ_WAIT;
}

/* ---- return ---- */

/* The statement met a schema that is newer than our catalog, without effect: once
 * more with a new one. */
static bool may_plan_again(const struct req *r)
{
    return r->err == ERR_CATALOG_CHANGED && !r->refreshed && r->stop == ERR_OK &&
           r->phase == REPLY_NONE && r->rows.count == 0;
}

static void forget_plan(struct req *r)
{
    plan_unref(r->bound.plan);
    r->bound = (struct bound){0};
    if (r->rows_ready) {
        rows_fini(&r->rows);
        r->rows_ready = false;
    }
    r->rows.count = 0;
    r->at = 0;
    r->rowcount = 0;
    r->err = ERR_OK;
    fail_init(&r->fail);
}

static int step_return(struct req *r)
{
    enum pool_return how = r->lease->broken             ? POOL_BROKEN
                           : r->lease->tx != DB_TX_NONE ? POOL_DIRTY
                                                        : POOL_CLEAN;
    pool_release(r->backend->pool, r->lease, how);
    r->lease = NULL;
    if (may_plan_again(r)) {
        forget_plan(r);
        return REQ_REFRESH;
    }
    if (r->err == ERR_OK && !r->bound.needs_tx) {
        set_err(r, reply_check(r));
    }
    return REQ_REPLY;
}

/* ---- reply ---- */

static int step_reply(struct req *r)
{
    if (!r->executed) {
        r->executed = true;
        loop_timer_stop(&r->worker->loop, &r->timer);
        conn_wake(r->conn); /* those without id behind us may take effect */
    }
    if (r->conn->state >= CONN_CLOSING) {
        return REQ_DONE;
    }
    if (!conn_may_write(r->conn, r)) {
        return REQ_WAIT;
    }
    reply_write(r);
    return REQ_DONE;
}

/* ---- from outside ---- */

static void stop_waiting_for_catalog(struct req *r)
{
    if (catalog_wait_cancel(r->backend, &r->catalog_wait)) {
        set_err(r, r->stop);
        req_go(r, REQ_REPLY);
    }
}

void req_stop(struct req *r, enum err why)
{
    if (r->stop != ERR_OK) {
        return;
    }
    switch (r->state) {
    case REQ_CATALOG:
    case REQ_REFRESH:
        r->stop = why;
        stop_waiting_for_catalog(r);
        return;
    case REQ_ORDER:
        r->stop = why;
        set_err(r, why);
        req_go(r, REQ_REPLY);
        return;
    case REQ_LEND:
        r->stop = why;
        pool_cancel(r->backend->pool, &r->pool_wait);
        return;
    case REQ_BEGIN:
    case REQ_RUN:
        r->stop = why;
        r->lease->driver->cancel(r->lease);
        reply_unpause(r);
        return;
    case REQ_NEW:
    case REQ_READ:
    case REQ_ADMIN:
    case REQ_PLAN:
    case REQ_COMMIT:
    case REQ_ROLLBACK:
    case REQ_RETURN:
    case REQ_REPLY:
    case REQ_DONE:
        return; /* synchronous, or past stopping: the outcome is on its way */
    }
}

void req_poke(struct req *r)
{
    if (r->state == REQ_ORDER && may_take_effect(r)) {
        req_go(r, REQ_LEND);
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
    r->credit_added = r->credit_added > UINT32_MAX / 2 - credit % (UINT32_MAX / 2)
                          ? UINT32_MAX / 2
                          : r->credit_added + credit % (UINT32_MAX / 2);
    conn_wake(r->conn);
}

/* ---- beginning and end ---- */

static struct req *req_take(struct worker *w)
{
    struct req *r = w->free_reqs;
    if (r != NULL) {
        w->free_reqs = r->next;
        w->free_req_count--;
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
    free(r);
}

/* Back to the free list, with its arena's first block. */
static void recycle(struct worker *w, struct req *r)
{
    if (w->free_req_count >= FREE_REQS_MAX || w->state != WORKER_RUNNING) {
        req_destroy(r);
        return;
    }
    struct arena arena = r->arena;
    struct buf answer = r->answer;
    arena_reset(&arena);
    buf_shrink(&answer, 4096);
    memset(r, 0, sizeof *r);
    r->arena = arena;
    r->answer = answer;
    fail_init(&r->fail);
    r->next = w->free_reqs;
    w->free_reqs = r;
    w->free_req_count++;
}

static void count_time(struct req *r)
{
    struct worker_counts *n = &r->worker->counts;
    uint64_t now = clock_now_ns();
    histogram_add(&n->stages[STAGE_TOTAL], now - r->arrived_ns);
    if (r->planned_ns != 0) {
        histogram_add(&n->stages[STAGE_PLAN], r->planned_ns - r->arrived_ns);
    }
    if (r->lent_ns != 0 && r->ordered_ns != 0) {
        histogram_add(&n->stages[STAGE_QUEUE], r->ordered_ns - r->planned_ns);
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
    count_time(r);
    if (r->err != ERR_OK) {
        count_add(&w->counts.errors[err_class(r->err)], 1);
    }
    count_add(&w->counts.rows_out, r->rows.count);
    atomic_fetch_sub_explicit(&w->counts.in_flight, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&w->shared->request_bytes, r->charged_bytes,
                              memory_order_relaxed);
    loop_timer_stop(&w->loop, &r->timer);
    if (r->rows_ready) {
        rows_fini(&r->rows);
    }
    plan_unref(r->bound.plan);
    prepared_unref(r->prepared);
    if (r->backend != NULL) {
        backend_release(r->backend);
    }
    conn_request_done(r->conn, r);
    recycle(w, r);
}

static void link_last(struct conn *c, struct req *r)
{
    r->prev = c->last;
    *(c->last != NULL ? &c->last->next : &c->first) = r;
    c->last = r;
    c->req_count++;
}

void req_start(struct conn *c, struct str line)
{
    struct worker *w = c->worker;
    struct req *r = req_take(w);
    if (r == NULL) {
        conn_close(c); /* not even an error can be said */
        return;
    }
    r->conn = c;
    r->worker = w;
    r->due_ns = UINT64_MAX;
    r->arrived_ns = clock_now_ns();
    r->arena.limit_bytes = conf_of(r)->limits.request_bytes;
    count_add(&w->counts.in_flight, 1);
    link_last(c, r);
    r->line = arena_str(&r->arena, line);
    if (r->line.ptr == NULL) {
        r->state = REQ_READ;
        set_err(r, ERR_REQUEST_TOO_LARGE);
        req_go(r, REQ_REPLY);
        return;
    }
    req_go(r, REQ_READ);
}
