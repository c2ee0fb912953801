/* SPDX-License-Identifier: MIT
 *
 * daemon/step_run.c: the second half of a request: its turn, a connection, its
 * statements, and the reply. Worker thread.
 */
#include "base/clock.h"
#include "daemon/batch.h"
#include "daemon/blame.h"
#include "daemon/reply.h"
#include "daemon/steps.h"
#include "daemon/trace.h"

/* ---- order ---- */

/* Language §2: without id, requests take effect in order; proven reads may
 * overlap, anything else waits for all before it and holds back all after it. */
bool req_may_take_effect(const struct req *r)
{
    if (r->msg.id.present || r->parent != NULL) {
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

int step_order(struct req *r)
{
    if (!req_may_take_effect(r)) {
        return REQ_WAIT;
    }
    if (r->batch != NULL) {
        return REQ_BATCH;
    }
    bool cached = r->msg.op == OP_QUERY && cache_wants(r);
    if (r->tx == NULL || r->msg.op == OP_BEGIN) {
        return cached ? REQ_CACHE : REQ_ROUTE;
    }
    return op_way(r->msg.op) == WAY_TX ? REQ_TX_SQL : REQ_TX_USE;
}

static struct req *of_run(struct run *run)
{
    return (struct req *)((char *)run - offsetof(struct req, run));
}

/* ---- lend ---- */

int req_first_use(const struct req *r)
{
    if (r->msg.op == OP_BEGIN) {
        return REQ_TX_SQL;
    }
    return r->bound.needs_tx ? REQ_BEGIN : REQ_RUN;
}

static void on_lease(struct pool_wait *w, struct db_conn *conn, enum err e)
{
    struct req *r = (struct req *)((char *)w - offsetof(struct req, pool_wait));
    r->lease = conn;
    r->lent_ns = clock_now_ns();
    if (r->stop != ERR_OK) {
        if (conn != NULL) {
            pool_release(r->pool, conn, POOL_CLEAN);
            r->lease = NULL;
        }
        req_replace_err(r, r->stop);
    }
    if (e != ERR_OK && route_again(r, e)) {
        fail_init(&r->fail);
        req_go(r, REQ_ROUTE);
        return;
    }
    req_set_err(r, e);
    if (r->err != ERR_OK) {
        req_go(r, REQ_REPLY);
        return;
    }
    req_go(r, r->route.waits ? REQ_CATCH_UP : req_first_use(r));
}

int step_lend(struct req *r)
{
    r->pool_wait.party = r->conn->number;
    r->pool_wait.arrived_ns = r->arrived_ns;
    r->pool_wait.cb = on_lease;
    r->pool_wait.fail = &r->fail;
    pool_acquire(r->pool, &r->pool_wait, r->due_ns);
    return REQ_WAIT;
}

/* ---- begin, run, commit, rollback ---- */

void req_run(struct req *r, struct run run)
{
    r->run = run;
    r->run.fail = &r->fail;
    r->lease->driver->run(r->lease, &r->run);
}

static bool is_lost(const struct req *r)
{
    return r->lease == NULL || r->lease->broken;
}

/* The statement was stopped because we asked for it (or would not stop, and its
 * session was given up): say why we did. */
static void set_run_err(struct req *r)
{
    bool given_up = r->run.err == ERR_CONNECTION_LOST && r->lease == NULL;
    if ((r->run.err == ERR_CANCELLED || r->void_rows || given_up) && r->stop != ERR_OK) {
        req_replace_err(r, r->stop);
    } else {
        req_set_err(r, r->run.err);
    }
}

void req_note_run(struct req *r)
{
    req_note_time(r);
    set_run_err(r);
}

static void on_begun(struct run *run)
{
    struct req *r = of_run(run);
    req_note_time(r);
    set_run_err(r);
    if (r->err == ERR_OK && r->stop != ERR_OK) { /* stopped, but it was faster */
        req_replace_err(r, r->stop);
        req_go(r, is_lost(r) ? REQ_RETURN : REQ_ROLLBACK);
        return;
    }
    req_go(r, r->err == ERR_OK ? REQ_RUN : REQ_RETURN);
}

int step_begin(struct req *r)
{
    const struct dialect_words *words = dialect_words(r->bound.plan->dialect);
    req_run(r, (struct run){.stmt = &words->begin_write, .sets = 1, .done = on_begun});
    return REQ_WAIT;
}

/* A write on its own whose answer was lost may have happened; one in a transaction is
 * undone with it. */
static void judge_loss(struct req *r)
{
    if (r->tx == NULL && r->run.err == ERR_CONNECTION_LOST && r->run.maybe_executed &&
        !r->bound.needs_tx && !r->run.stmt->read_only) {
        req_replace_err(r, ERR_COMMIT_UNKNOWN);
    }
}

static int after_run(struct req *r)
{
    bool more = r->at + 1 < r->bound.run_count;
    if (r->err == ERR_OK && r->stop != ERR_OK && (r->bound.needs_tx || more)) {
        req_replace_err(r, r->stop); /* nothing is committed yet: it can still be undone */
    }
    if (r->err == ERR_OK && r->bound.needs_tx && !more) {
        /* a result that fails its own checks must not be committed */
        req_set_err(r, reply_check(r));
    }
    if (r->err != ERR_OK) {
        return r->bound.needs_tx && !is_lost(r) ? REQ_ROLLBACK : REQ_RETURN;
    }
    if (more) {
        r->at++;
        return REQ_RUN;
    }
    if (r->bound.needs_tx) {
        return REQ_COMMIT;
    }
    return route_tells_position(r) ? REQ_POSITION : REQ_RETURN;
}

/* A row that is not to be written because its key is there. */
static bool is_skipped(const struct req *r)
{
    const struct plan_step *step = r->bound.runs[r->at].step;
    return step->clash == CLASH_SKIPS && r->run.err == ERR_UNIQUE_VIOLATION && !is_lost(r);
}

static void count_rows(struct req *r)
{
    switch (r->bound.runs[r->at].step->role) {
    case STEP_ROWS:
    case STEP_COUNT:
    case STEP_KEYS:
    case STEP_TOLD:
        r->rowcount += r->run.rowcount;
        r->changed = r->run.rowcount;
        break;
    case STEP_QUIET:
        r->changed = r->run.rowcount;
        break;
    case STEP_CAPTURE:
        r->changed = 0;
        break;
    }
}

static void on_run(struct run *run)
{
    struct req *r = of_run(run);
    req_note_time(r);
    loop_timer_stop(&r->worker->loop, &r->pause_timer);
    r->pause = PAUSE_NONE;
    if (is_skipped(r)) {
        run->err = ERR_OK;
        fail_init(&r->fail);
    } else {
        count_rows(r);
    }
    set_run_err(r);
    judge_loss(r);
    if (r->err == ERR_OK && run->stmt->share == SHARE_READ) {
        shared_learn(r->pool, run->stmt, run->ended_ns - run->started_ns, r->rows.bytes);
    }
    blame(r->bound.plan, &r->fail);
    trace_run(r);
    if (route_turn_back(r)) {
        req_go(r, REQ_RETURN);
        return;
    }
    req_go(r, after_run(r));
}

/* Whether there is anything for the run to do, by what those before it met. */
static bool is_due(const struct req *r, const struct bound_run *b)
{
    if (b->step->each && r->capture.count == 0) {
        return false;
    }
    switch (b->step->when) {
    case WHEN_ALWAYS:
        break;
    case WHEN_MISSING:
        return r->capture.count == 0;
    case WHEN_CHANGED:
        return r->changed > 0;
    }
    return true;
}

static struct row_sink *sink_of(struct req *r, const struct bound_run *b)
{
    switch (b->step->role) {
    case STEP_ROWS:
    case STEP_KEYS:
    case STEP_TOLD:
        return &r->rows.sink;
    case STEP_CAPTURE:
        return &r->capture.sink;
    case STEP_COUNT:
    case STEP_QUIET:
        break;
    }
    return NULL;
}

/* The values of the run: those that were bound, or a set for each captured row. */
static enum err find_params(struct req *r, const struct bound_run *b,
                            const struct value **params, uint32_t *sets)
{
    *params = b->params;
    *sets = b->sets;
    if (b->step->role == STEP_CAPTURE) {
        capture_init(&r->capture, &r->arena, b->step->stmt.column_count);
    }
    if (!b->step->each) {
        return ERR_OK;
    }
    *sets = r->capture.count;
    enum err e = compiler_bind_captured(b, &r->capture, &r->arena, params, &r->fail);
    if (e == ERR_OK && !req_charge(r)) {
        e = fail_set(&r->fail, ERR_OUT_OF_MEMORY, "limits.memory is reached");
    }
    return e;
}

int step_run(struct req *r)
{
    const struct bound_run *b = &r->bound.runs[r->at];
    const struct value *params;
    uint32_t sets;
    enum err e = reply_prepare(r);
    if (e == ERR_OK && !is_due(r, b)) {
        return after_run(r);
    }
    e = e != ERR_OK ? e : find_params(r, b, &params, &sets);
    if (e != ERR_OK) {
        req_set_err(r, e);
        return r->bound.needs_tx ? REQ_ROLLBACK : REQ_RETURN;
    }
    if (r->tx == NULL && !r->bound.needs_tx) {
        touch_raise(r);
    }
    req_run(r, (struct run){
                   .stmt = &b->step->stmt,
                   .params = params,
                   .sets = sets,
                   .apart = b->apart,
                   .sink = sink_of(r, b),
                   .flush = reply_flush,
                   .done = on_run,
               });
    return REQ_WAIT;
}

static void on_committed(struct run *run)
{
    struct req *r = of_run(run);
    req_note_time(r);
    if (run->err == ERR_CONNECTION_LOST && run->maybe_executed) {
        req_replace_err(r, ERR_COMMIT_UNKNOWN);
    } else {
        req_set_err(r, run->err);
    }
    req_go(r, route_tells_position(r) ? REQ_POSITION : REQ_RETURN);
}

int step_commit(struct req *r)
{
    const struct dialect_words *words = dialect_words(r->bound.plan->dialect);
    touch_raise(r);
    req_run(r, (struct run){.stmt = &words->commit, .sets = 1, .done = on_committed});
    return REQ_WAIT;
}

static void on_rolled_back(struct run *run)
{
    struct req *r = of_run(run);
    req_note_time(r);
    req_go(r, REQ_RETURN);
}

int step_rollback(struct req *r)
{
    /* The client hears of the first error; what becomes of the rollback is the
     * pool's business, which lends no connection with an open transaction. */
    const struct dialect_words *words = dialect_words(r->bound.plan->dialect);
    req_run(r, (struct run){.stmt = &words->rollback, .sets = 1, .done = on_rolled_back});
    return REQ_WAIT;
}

/* ---- return ---- */

/* The statement met a schema that is newer than our catalog, without effect: once
 * more with a new one. */
static bool may_plan_again(const struct req *r)
{
    return r->err == ERR_CATALOG_CHANGED && !r->refreshed && r->tx == NULL &&
           r->stop == ERR_OK && r->phase == REPLY_NONE && r->rows.count == 0;
}

/* Nothing of what was run so far counts. */
static void forget_run(struct req *r)
{
    if (r->rows_ready) {
        buf_swap(&r->rows.out, &r->text);
        buf_clear(&r->text);
        rows_fini(&r->rows);
        r->rows_ready = false;
    }
    r->rows.count = 0;
    r->capture.count = 0;
    r->at = 0;
    r->rowcount = 0;
    r->err = ERR_OK;
    fail_init(&r->fail);
}

static void forget_plan(struct req *r)
{
    plan_unref(r->bound.plan);
    r->bound = (struct bound){0};
    forget_run(r);
}

static void give_back(struct req *r)
{
    struct db_conn *c = r->lease;
    if (c == NULL) {
        return; /* it was given up */
    }
    r->lease = NULL;
    bool refused = route_heed(r, r->err);
    enum pool_return how = c->broken || refused           ? POOL_BROKEN
                           : r->bound.plan->leaves_traces ? POOL_DIRTY
                           : c->tx != DB_TX_NONE          ? POOL_ROLLBACK
                                                          : POOL_CLEAN;
    pool_release(r->pool, c, how);
}

int step_return(struct req *r)
{
    loop_timer_stop(&r->worker->loop, &r->watch);
    bool defines = r->bound.plan != NULL && r->bound.plan->effect == TEXT_DEFINES;
    if (!defines || r->err != ERR_OK) {
        touch_settle(r); /* else when all others know of it too */
    }
    if (op_way(r->msg.op) == WAY_TX) {
        return REQ_REPLY; /* its connection is its transaction's */
    }
    if (r->tx == NULL) {
        give_back(r);
    }
    if (r->route.again) {
        r->route.again = false;
        forget_run(r);
        return REQ_ROUTE;
    }
    if (may_plan_again(r)) {
        cache_abandon(r);
        forget_plan(r);
        return REQ_REFRESH;
    }
    if (r->err == ERR_OK && !r->bound.needs_tx) {
        req_set_err(r, reply_check(r));
    }
    r->defined = r->tx == NULL && r->err == ERR_OK && r->bound.plan->effect == TEXT_DEFINES;
    return r->defined ? REQ_REFRESH : REQ_REPLY;
}

/* ---- reply ---- */

int step_reply(struct req *r)
{
    touch_settle(r); /* not all ways lead through REQ_RETURN */
    if (r->tx != NULL) {
        return REQ_TX_LEAVE;
    }
    if (r->parent != NULL) {
        batch_take(r);
        return REQ_DONE;
    }
    if (r->caching != NULL) {
        cache_land(r);
    }
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
