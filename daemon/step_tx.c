/* SPDX-License-Identifier: MIT
 *
 * daemon/step_tx.c: what a request does in its transaction: stands in its queue,
 * begins, marks and ends it, and tells it on leaving how it went. Worker thread.
 *
 * Every request of a transaction passes through REQ_TX_LEAVE when it is its turn, on
 * whatever way it came to its reply: so an error counts at its place in the order.
 */
#include "daemon/steps.h"
#include "protocol/encode.h"

#include <string.h>

/* ---- reading ---- */

/* The database is the transaction's; a request may name it again, but no other. */
static enum err take_backend(struct req *r)
{
    struct tx *t = r->tx;
    if (t->backend == NULL) {
        return ERR_OK; /* its begin failed, and so will r at its turn */
    }
    r->backend = backend_hold(t->backend);
    if (r->msg.db.len > 0 && !str_eq(r->msg.db, t->backend->db->conf->name)) {
        return fail_at(&r->fail, ERR_BAD_REQUEST, STR("/db"),
                       "the transaction is on another database, %.*s",
                       STR_ARG(t->backend->db->conf->name));
    }
    return ERR_OK;
}

static enum err take_options(struct req *r)
{
    struct tx *t = r->tx;
    enum err e = req_find_backend(r);
    if (e != ERR_OK) {
        return e;
    }
    t->backend = backend_hold(r->backend);
    return tx_words_check(r->backend->db->dialect, &t->options, &r->fail);
}

static int to_turn(struct req *r, enum err e)
{
    if (e == ERR_OK && r->backend != NULL) {
        e = req_start_statement_timer(r);
    }
    return e == ERR_OK ? REQ_TX_TURN : req_fail_to(r, e, REQ_REPLY);
}

/* Its handle stands from here on, so that what is behind it in the same write finds it. */
static int read_begin(struct req *r)
{
    struct tx *t = NULL;
    enum err e = r->worker->state == WORKER_RUNNING || r->parent != NULL
                     ? tx_create(r->conn, &r->msg, &t, &r->fail)
                     : fail_set(&r->fail, ERR_SHUTTING_DOWN, "the server is stopping");
    if (e != ERR_OK) {
        /* What is behind it was meant for another transaction than the one there is. */
        t = tx_find(r->conn, &r->msg.tx);
        if (t != NULL) {
            tx_join(t, r);
        }
        return req_fail_to(r, e, REQ_REPLY);
    }
    tx_join(t, r);
    return to_turn(r, take_options(r));
}

int tx_read(struct req *r, enum err e)
{
    if (e == ERR_OK && r->msg.op == OP_BEGIN) {
        return read_begin(r);
    }
    bool step = r->parent != NULL && r->parent->tx != NULL; /* the handle may be free by now */
    struct tx *t = step ? r->parent->tx : tx_find(r->conn, &r->msg.tx);
    if (t == NULL) {
        fail_at(&r->fail, ERR_UNKNOWN_TX, STR("/tx"), "%s", err_doc(ERR_UNKNOWN_TX));
        return req_fail_to(r, r->fail.code, REQ_REPLY);
    }
    tx_join(t, r);
    if (e == ERR_OK && op_ends_tx(r->msg.op)) {
        r->tx_ends = true;
        tx_unname(t);
    }
    return to_turn(r, e != ERR_OK ? e : take_backend(r));
}

/* Whether the line's `tx` could not be read at all. */
static bool is_unreadable(enum err e)
{
    return e == ERR_BAD_JSON || e == ERR_BAD_UTF8 || e == ERR_TOO_DEEP ||
           e == ERR_DUPLICATE_KEY || e == ERR_REQUEST_TOO_LARGE || e == ERR_OUT_OF_MEMORY;
}

static bool contains(struct str line, struct str part)
{
    return memmem(line.ptr, line.len, part.ptr, part.len) != NULL;
}

void tx_misread(struct req *r)
{
    if (r->conn->txs == NULL || !is_unreadable(r->err != ERR_OK ? r->err : r->fail.code) ||
        !contains(r->line, STR("\"tx\""))) {
        return;
    }
    for (struct tx *t = r->conn->txs; t != NULL; t = t->next) {
        if (t->handle.present && contains(r->line, t->handle.text)) {
            t->last_failed = true;
        }
    }
}

/* ---- turn ---- */

static enum err refuse(struct req *r)
{
    const struct tx *t = r->tx;
    enum err why = t->why == ERR_OK ? ERR_UNKNOWN_TX : t->why;
    fail_at(&r->fail, why, STR("/tx"), "%s", err_doc(why));
    if (why == ERR_TX_ABORTED) {
        fail_hint(&r->fail, t->mark_count > 0 && t->state == TX_FAILED
                                ? "go back to a savepoint with rollback_to, or roll back"
                                : "send rollback");
    }
    return why;
}

/* In which states of its transaction an operation is heard. */
static bool is_heard(enum op op, enum tx_state s)
{
    switch (s) {
    case TX_BEGINS:
        return op == OP_BEGIN;
    case TX_OPEN:
        return op != OP_BEGIN;
    case TX_FAILED:
        return op == OP_ROLLBACK_TO || op == OP_ROLLBACK;
    case TX_GONE:
        return op == OP_ROLLBACK;
    case TX_OVER:
        break;
    }
    return false;
}

/* Beginnings and ends have their effect in order of arrival. An end waits for nothing
 * but its own transaction: those before it may in turn wait for what it ends. */
static bool is_behind_others(const struct req *r)
{
    const struct req *self = r->parent != NULL ? r->parent : r;
    for (const struct req *o = r->conn->first; o != self && r->msg.op == OP_BEGIN;
         o = o->next) {
        if (!o->executed && (o->msg.op == OP_BEGIN || op_ends_tx(o->msg.op))) {
            return true;
        }
    }
    return false;
}

int step_tx_turn(struct req *r)
{
    if (!tx_is_turn(r) || is_behind_others(r)) {
        return REQ_WAIT;
    }
    if (r->tx_behind_failure) {
        tx_fail(r->tx, ERR_TX_ABORTED);
    }
    if (!is_heard(r->msg.op, r->tx->state)) {
        return req_fail_to(r, refuse(r), REQ_REPLY);
    }
    return op_way(r->msg.op) == WAY_CATALOG || r->msg.op == OP_BEGIN ? REQ_CATALOG : REQ_ORDER;
}

/* ---- statements ---- */

static bool only_reads(const struct plan *p)
{
    return p->kind == PLAN_READ || p->effect == TEXT_READS;
}

/* What the database would not do, or would do behind the client's back. */
static enum err check_statement(struct req *r)
{
    const struct plan *p = r->bound.plan;
    if (r->tx->options.read_only && !only_reads(p)) {
        return fail_at(&r->fail, ERR_READ_ONLY, STR("/query"),
                       "the transaction was begun to read only");
    }
    if (p->effect == TEXT_DEFINES && p->dialect == &dialect_maria) {
        fail_at(&r->fail, ERR_UNSUPPORTED_FEATURE, STR("/query/text"),
                "this database would commit the transaction before it changes the schema");
        fail_hint(&r->fail, "send it without tx");
        return ERR_UNSUPPORTED_FEATURE;
    }
    return ERR_OK;
}

int step_tx_use(struct req *r)
{
    enum err e = check_statement(r);
    if (e != ERR_OK) {
        return req_fail_to(r, e, REQ_REPLY);
    }
    r->lease = r->tx->lease;
    r->pool = r->tx->pool;
    r->tx->traces = r->tx->traces || r->bound.plan->leaves_traces;
    touch_note(r->tx, r);
    return REQ_RUN;
}

/* ---- begin, marks, end ---- */

static enum err find_mark(struct req *r, enum tx_mark mark)
{
    struct tx *t = r->tx;
    if (mark == TX_SAVEPOINT) {
        r->tx_mark = tx_mark_add(t, r->msg.name);
        return r->tx_mark != 0 ? ERR_OK
                               : fail_set(&r->fail, ERR_OVERLOAD, "too many savepoints");
    }
    r->tx_mark = tx_mark_find(t, r->msg.name);
    return r->tx_mark != 0 ? ERR_OK
                           : fail_at(&r->fail, ERR_UNKNOWN_SAVEPOINT, STR("/name"), "%s",
                                     err_doc(ERR_UNKNOWN_SAVEPOINT));
}

static enum err say_mark(struct req *r, enum tx_mark mark)
{
    enum err e = find_mark(r, mark);
    r->tx_sql_count = 1;
    return e != ERR_OK ? e : tx_words_mark(mark, r->tx_mark, &r->arena, &r->tx_sql[0]);
}

static enum err say_begin(struct req *r)
{
    r->tx_sql_count =
        tx_words_begin(r->backend->db->dialect, &r->tx->options, &r->arena, r->tx_sql);
    return r->tx_sql_count > 0 ? ERR_OK : ERR_OUT_OF_MEMORY;
}

static enum err say_end(struct req *r, bool commit)
{
    if (r->tx->lease != NULL) {
        const struct dialect_words *words = dialect_words(r->backend->db->dialect);
        r->tx_sql[0] = commit ? words->commit : words->rollback;
        r->tx_sql_count = 1;
    }
    return ERR_OK;
}

static enum err say(struct req *r)
{
    r->tx_sql = ARENA_ARRAY(&r->arena, TX_BEGIN_MAX, struct statement);
    if (r->tx_sql == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    switch ((int)r->msg.op) {
    case OP_BEGIN:
        return say_begin(r);
    case OP_COMMIT:
        return say_end(r, true);
    case OP_ROLLBACK:
        return say_end(r, false);
    case OP_SAVEPOINT:
        return say_mark(r, TX_SAVEPOINT);
    case OP_RELEASE:
        return say_mark(r, TX_RELEASE);
    default:
        return say_mark(r, TX_ROLLBACK_TO);
    }
}

static bool is_lost(const struct req *r)
{
    return r->run.err == ERR_CONNECTION_LOST;
}

static void on_said(struct run *run)
{
    struct req *r = (struct req *)((char *)run - offsetof(struct req, run));
    req_note_run(r);
    if (r->msg.op == OP_COMMIT && is_lost(r) && run->maybe_executed) {
        req_replace_err(r, ERR_COMMIT_UNKNOWN);
    } else if (r->msg.op == OP_ROLLBACK && is_lost(r)) {
        fail_init(&r->fail); /* that undoes it as well */
        r->err = ERR_OK;
    } else if (r->err == ERR_OK && r->stop != ERR_OK) {
        req_replace_err(r, r->stop); /* it was faster, and is undone */
    }
    r->at++;
    if (r->msg.op == OP_COMMIT && !r->tx->options.read_only && route_tells_position(r)) {
        req_go(r, REQ_POSITION);
        return;
    }
    req_go(r, r->err == ERR_OK ? REQ_TX_SQL : REQ_REPLY);
}

int step_tx_sql(struct req *r)
{
    if (r->at == 0) {
        enum err e = say(r);
        if (e != ERR_OK) {
            return req_fail_to(r, e, REQ_REPLY);
        }
    }
    if (r->at == r->tx_sql_count) {
        return REQ_REPLY;
    }
    if (r->msg.op != OP_BEGIN) {
        r->lease = r->tx->lease;
        r->pool = r->tx->pool;
    }
    if (r->msg.op == OP_COMMIT) {
        touch_raise_tx(r->tx);
    }
    req_run(r, (struct run){.stmt = &r->tx_sql[r->at], .sets = 1, .done = on_said});
    return REQ_WAIT;
}

/* ---- leaving ---- */

/* Whose the database connection is, now that r has done with it. */
static void settle_lease(struct req *r)
{
    struct tx *t = r->tx;
    if (t->state == TX_BEGINS && r->lease != NULL) {
        t->pool = r->pool;
        t->lease = r->lease;
        t->traces = r->tx_sql_count > 1; /* what was said first may hold for the next one */
        if (r->err == ERR_OK) {
            t->traces = false;
            req_set_err(r, tx_begun(t, r->pool, r->lease));
        }
    } else if (r->pool != NULL && r->lease == NULL) {
        t->lease = NULL; /* it was given up */
    }
    if (t->lease != NULL && t->lease->broken && r->err == ERR_OK && !r->tx_ends) {
        tx_fail(t, ERR_TX_ABORTED); /* what r did is lost with the rest */
    }
}

/* A server that takes no writes any more is none for the next transaction. */
static void heed_server(struct req *r)
{
    struct tx *t = r->tx;
    bool own = t->options.read_only && r->err == ERR_READ_ONLY;
    if (t->backend != NULL && !own && route_heed(r, r->err)) {
        t->unfit = true;
    }
}

/* A statement that ended the transaction did what is called success. */
static void check_open(struct req *r)
{
    const struct tx *t = r->tx;
    if (t->state == TX_OPEN && !r->tx_ends && r->err == ERR_OK && t->lease != NULL &&
        !t->lease->broken && t->lease->tx == DB_TX_NONE) {
        req_set_err(r, fail_set(&r->fail, ERR_DATABASE_ERROR,
                                "the database ended the transaction with this statement"));
        touch_raise_tx(r->tx); /* perhaps by a commit of its own */
        touch_settle_tx(r->tx, ERR_OK);
    }
}

static bool has_failed(const struct req *r)
{
    return r->err != ERR_OK || r->tx->state == TX_FAILED || r->tx->timed_out;
}

/* What cannot be used any more is rolled back at once and lets others work. With
 * savepoints the client may still go back to one. */
static bool must_undo(const struct req *r)
{
    const struct tx *t = r->tx;
    if (t->lease == NULL || t->lease->broken || t->lease->tx == DB_TX_NONE || r->tx_undone ||
        r->conn->state >= CONN_CLOSING) {
        return false;
    }
    bool no_way = t->mark_count == 0 || t->timed_out || t->state == TX_BEGINS;
    return r->tx_ends || (has_failed(r) && no_way);
}

static void mark_done(struct req *r)
{
    struct tx *t = r->tx;
    bool ok = r->err == ERR_OK;
    switch ((int)r->msg.op) {
    case OP_SAVEPOINT:
        if (!ok && r->tx_mark != 0) {
            tx_mark_drop(t, r->tx_mark, TX_RELEASE);
        }
        break;
    case OP_RELEASE:
        if (ok) {
            tx_mark_drop(t, r->tx_mark, TX_RELEASE);
        }
        break;
    case OP_ROLLBACK_TO:
        if (ok) {
            tx_mark_drop(t, r->tx_mark, TX_ROLLBACK_TO);
            t->stale = t->defines; /* part of what it changed is undone */
            tx_recover(t);
        }
        break;
    default:
        break;
    }
}

/* Tells the transaction how r went. */
static void conclude(struct req *r)
{
    struct tx *t = r->tx;
    if (t->state == TX_BEGINS) {
        t->why = ERR_UNKNOWN_TX;
        tx_over(t);
        return;
    }
    if (r->tx_ends) {
        t->committed = r->msg.op == OP_COMMIT && r->err == ERR_OK;
        tx_over(t);
        return;
    }
    mark_done(r);
    if (r->bound.plan != NULL && r->bound.plan->effect == TEXT_DEFINES && r->err == ERR_OK) {
        t->stale = t->defines = true;
    }
    if (r->err != ERR_OK) {
        tx_fail(t, t->timed_out ? ERR_TX_TIMEOUT : ERR_TX_ABORTED);
    }
    bool dead = t->lease == NULL || t->lease->broken || t->lease->tx == DB_TX_NONE;
    if (t->timed_out) {
        tx_gone(t, ERR_TX_TIMEOUT);
    } else if (dead || (t->state == TX_FAILED && t->mark_count == 0)) {
        tx_gone(t, ERR_TX_ABORTED);
    }
}

/* What others plan by is old until the catalog was read again. */
static void settle_touched(struct req *r)
{
    if (r->tx->defines && r->err == ERR_OK && r->tx->touched.state == TOUCHED_RAISED) {
        touch_take(r, r->tx);
    } else {
        touch_settle_tx(r->tx, r->err);
    }
}

int step_tx_leave(struct req *r)
{
    if (!tx_is_turn(r)) {
        return REQ_WAIT;
    }
    loop_timer_stop(&r->worker->loop, &r->watch);
    if (r->tx_behind_failure) {
        tx_fail(r->tx, ERR_TX_ABORTED);
    }
    settle_lease(r);
    if (r->msg.op == OP_COMMIT) {
        settle_touched(r);
    }
    heed_server(r);
    check_open(r);
    if (must_undo(r)) {
        return REQ_TX_UNDO;
    }
    conclude(r);
    if (r->err == ERR_OK && op_way(r->msg.op) == WAY_TX) {
        encode_ok(&r->answer);
    }
    r->lease = NULL;
    r->defined = r->tx->defines && r->tx->committed;
    tx_leave(r);
    return r->defined ? REQ_REFRESH : REQ_REPLY;
}

/* What becomes of the rollback is the pool's business, which lends no connection with
 * an open transaction: its words must not stand in r's reply. */
static void on_undone(struct run *run)
{
    struct req *r = (struct req *)((char *)run - offsetof(struct req, run));
    req_go(r, REQ_TX_LEAVE);
}

int step_tx_undo(struct req *r)
{
    const struct dialect_words *words = dialect_words(r->tx->backend->db->dialect);
    r->tx_undone = true;
    r->lease = r->tx->lease;
    r->pool = r->tx->pool;
    req_run(r, (struct run){.stmt = &words->rollback, .sets = 1, .done = on_undone});
    return REQ_WAIT;
}
