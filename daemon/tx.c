/* SPDX-License-Identifier: MIT
 *
 * daemon/tx.c: the transactions of one client's connection: handles, queues, time
 * limits, savepoints. What is sent to the database is in step_tx.c. Worker thread.
 */
#include "daemon/tx.h"

#include "base/clock.h"
#include "daemon/conn.h"
#include "daemon/request.h"
#include "protocol/encode.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)
enum { MARKS_MAX = 1000 };

struct savepoint {
    struct savepoint *below;
    uint32_t number;
    size_t len;
    char name[];
};

static const struct conf_limits *limits(const struct tx *t)
{
    return &settings_conf(t->conn->worker->settings)->limits;
}

static struct worker_counts *counts(struct tx *t)
{
    return &t->conn->worker->counts;
}

/* ---- handles ---- */

struct tx *tx_find(const struct conn *c, const struct request_id *handle)
{
    for (struct tx *t = c->txs; t != NULL; t = t->next) {
        if (t->handle.present && str_eq(t->handle.text, handle->text)) {
            return t;
        }
    }
    return NULL;
}

static void free_if_over(struct tx *t);

void tx_unname(struct tx *t)
{
    t->handle.present = false;
    free_if_over(t);
}

static struct tx *make(struct conn *c, struct str handle)
{
    struct tx *t = calloc(1, sizeof *t + handle.len);
    if (t != NULL) {
        char *text = (char *)(t + 1);
        memcpy(text, handle.ptr, handle.len);
        t->handle = (struct request_id){.present = true, .text = {text, handle.len}};
        t->conn = c;
        t->next = c->txs;
        c->txs = t;
    }
    return t;
}

static int64_t count_named(const struct conn *c)
{
    int64_t n = 0;
    for (const struct tx *t = c->txs; t != NULL; t = t->next) {
        n += t->handle.present && !t->silent;
    }
    return n;
}

enum err tx_create(struct conn *c, const struct message *m, struct tx **out, struct fail *f)
{
    struct tx *old = tx_find(c, &m->tx);
    int64_t most = settings_conf(c->worker->settings)->limits.transactions;
    if (old != NULL && old->state != TX_GONE) {
        return fail_at(f, ERR_TX_EXISTS, STR("/tx"), "%s", err_doc(ERR_TX_EXISTS));
    }
    if (old != NULL) {
        tx_over(old);
    }
    bool silent = m->tx.text.ptr[0] == BATCH_HANDLE;
    if (!silent && count_named(c) >= most) {
        return fail_at(f, ERR_OVERLOAD, STR("/tx"), "limits.transactions (%lld) is reached",
                       (long long)most);
    }
    struct tx *t = make(c, m->tx.text);
    if (t == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    t->silent = silent;
    t->options = (struct tx_options){m->isolation, m->read_only, m->deferrable};
    *out = t;
    return ERR_OK;
}

bool op_ends_tx(enum op op)
{
    return op == OP_COMMIT || op == OP_ROLLBACK;
}

/* ---- the worker's list, oldest first, for the stats ---- */

static void note_oldest(struct worker *w)
{
    uint64_t ns = w->tx_oldest == NULL ? 0 : w->tx_oldest->begun_ns;
    atomic_store_explicit(&w->counts.tx_oldest_ns, ns, memory_order_relaxed);
}

static void list_add(struct tx *t)
{
    struct worker *w = t->conn->worker;
    t->older = w->tx_newest;
    *(t->older != NULL ? &t->older->newer : &w->tx_oldest) = t;
    w->tx_newest = t;
    note_oldest(w);
}

static void list_remove(struct tx *t)
{
    struct worker *w = t->conn->worker;
    *(t->older != NULL ? &t->older->newer : &w->tx_oldest) = t->newer;
    *(t->newer != NULL ? &t->newer->older : &w->tx_newest) = t->older;
    t->older = t->newer = NULL;
    note_oldest(w);
}

/* ---- its end ---- */

/* The connection goes back; what is still open on it is rolled back by the pool. */
static void give_back(struct tx *t)
{
    struct db_conn *c = t->lease;
    loop_timer_stop(&t->conn->worker->loop, &t->idle);
    loop_timer_stop(&t->conn->worker->loop, &t->total);
    if (t->begun_ns != 0) {
        list_remove(t);
        t->begun_ns = 0;
        count_add(t->committed ? &counts(t)->tx_committed : &counts(t)->tx_rolled_back, 1);
        count_add(&counts(t)->tx_open, UINT64_MAX);
    }
    t->lease = NULL;
    tx_take_catalog(t, NULL);
    tx_mark_drop(t, 0, TX_RELEASE);
    if (c == NULL) {
        return;
    }
    enum pool_return how = c->broken || t->unfit ? POOL_BROKEN
                           : t->traces           ? POOL_DIRTY
                           : c->tx != DB_TX_NONE ? POOL_ROLLBACK
                                                 : POOL_CLEAN;
    pool_release(t->pool, c, how);
}

static void free_if_over(struct tx *t)
{
    if (t->handle.present || t->state < TX_GONE || t->first != NULL) {
        return;
    }
    struct conn *c = t->conn;
    struct tx **at = &c->txs;
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    assert(t->lease == NULL);
    if (t->backend != NULL) {
        backend_release(t->backend);
    }
    touch_forget_tx(t);
    free(t);
    conn_wake(c); /* it may wait for the last of them */
}

void tx_fail(struct tx *t, enum err why)
{
    if (t->state == TX_OPEN) {
        t->state = TX_FAILED;
        t->why = why;
        count_add(&counts(t)->tx_aborted, 1);
    }
}

void tx_take_catalog(struct tx *t, struct catalog *c)
{
    if (t->catalog != NULL) {
        compiler_forget(t->conn->worker->compiler, catalog_version(t->catalog));
        catalog_unref(t->catalog);
    }
    t->catalog = c;
    t->stale = false;
}

void tx_recover(struct tx *t)
{
    if (t->state == TX_FAILED) {
        t->state = TX_OPEN;
        t->why = ERR_OK;
    }
}

void tx_gone(struct tx *t, enum err why)
{
    tx_fail(t, why);
    if (t->state < TX_GONE) {
        t->why = t->state == TX_FAILED ? t->why : why;
        t->state = TX_GONE;
    }
    give_back(t);
    free_if_over(t);
}

void tx_over(struct tx *t)
{
    t->state = TX_OVER;
    t->why = t->why == ERR_OK ? ERR_UNKNOWN_TX : t->why;
    t->handle.present = false;
    t->push_due = false;
    give_back(t);
    free_if_over(t);
}

/* A client that is gone cannot free its handles. */
static bool is_deserted(const struct conn *c)
{
    return c->state >= CONN_ENDED;
}

/* Its batch is under way and ends it, also when its client is gone. */
static bool is_batch(const struct tx *t)
{
    return t->silent && t->conn->first != NULL;
}

void tx_end_all(struct conn *c)
{
    struct tx *next;
    for (struct tx *t = c->txs; t != NULL; t = next) {
        next = t->next;
        if (t->first == NULL && !is_batch(t)) {
            tx_over(t);
        }
    }
}

bool tx_any_open(const struct conn *c)
{
    for (const struct tx *t = c->txs; t != NULL; t = t->next) {
        if (t->state < TX_GONE || t->first != NULL) {
            return true;
        }
    }
    return false;
}

/* ---- time limits ---- */

/* Its time is over. A request under way is stopped, and ends it when it is through. */
static void expire(struct tx *t, const char *what)
{
    struct worker *w = t->conn->worker;
    struct req *r = t->first;
    if (r != NULL && r->state == REQ_TX_SQL && op_ends_tx(r->msg.op)) {
        return; /* it is ending */
    }
    count_add(&w->counts.tx_timeouts, 1);
    LOG(w->shared->log, LOG_CLIENT, LOG_WARN, "a transaction was rolled back",
        LOG_S("limit", str_of(what)), LOG_I("client", t->conn->number),
        LOG_S("db", t->backend->db->conf->name),
        LOG_I("ms", (clock_now_ns() - t->begun_ns) / NS_PER_MS), LOG_END);
    t->push_due = t->handle.present && !t->silent;
    conn_wake(t->conn);
    if (r == NULL) {
        t->state = TX_GONE;
        t->why = ERR_TX_TIMEOUT;
        give_back(t);
        return;
    }
    t->timed_out = true;
    req_stop(r, ERR_TX_TIMEOUT);
}

static void on_idle(struct timer *timer)
{
    expire((struct tx *)((char *)timer - offsetof(struct tx, idle)), "limits.tx_idle");
}

static void on_total(struct timer *timer)
{
    expire((struct tx *)((char *)timer - offsetof(struct tx, total)), "limits.tx_total");
}

/* Nobody uses it at the moment. */
static void rest(struct tx *t)
{
    if (t->lease == NULL || t->first != NULL) {
        return;
    }
    if (is_deserted(t->conn) && !is_batch(t)) {
        conn_wake(t->conn);
        return;
    }
    t->idle.fire = on_idle;
    uint64_t due_ns = clock_now_ns() + limits(t)->tx_idle_ms * NS_PER_MS;
    if (loop_timer_start(&t->conn->worker->loop, &t->idle, due_ns) != ERR_OK) {
        expire(t, "memory");
    }
}

enum err tx_begun(struct tx *t, struct pool *p, struct db_conn *lease)
{
    t->total.fire = on_total;
    uint64_t now_ns = clock_now_ns();
    enum err e = loop_timer_start(&t->conn->worker->loop, &t->total,
                                  now_ns + limits(t)->tx_total_ms * NS_PER_MS);
    t->pool = p;
    t->lease = lease;
    if (e != ERR_OK) {
        return e;
    }
    t->state = TX_OPEN;
    t->begun_ns = now_ns;
    list_add(t);
    count_add(&counts(t)->tx_open, 1);
    count_add(&counts(t)->tx_begun, 1);
    return ERR_OK;
}

void tx_push(struct conn *c)
{
    for (struct tx *t = c->txs; t != NULL; t = t->next) {
        if (t->push_due) {
            t->push_due = false;
            encode_tx_timeout(&c->out, t->handle.text);
        }
    }
}

/* ---- its queue ---- */

void tx_join(struct tx *t, struct req *r)
{
    loop_timer_stop(&t->conn->worker->loop, &t->idle);
    r->tx = t;
    if (r->parent != NULL &&
        r->parent->tx == t) { /* a step: the turn of its batch is its own */
        r->tx_next = t->first;
        t->first = r;
        return;
    }
    r->tx_next = NULL;
    r->tx_behind_failure = t->last_failed;
    t->last_failed = false;
    *(t->last != NULL ? &t->last->tx_next : &t->first) = r;
    t->last = r;
}

bool tx_is_turn(const struct req *r)
{
    return r->tx->first == r;
}

static void unlink_req(struct tx *t, struct req *r)
{
    struct req *before = NULL;
    for (struct req *o = t->first; o != r; o = o->tx_next) {
        before = o;
    }
    *(before != NULL ? &before->tx_next : &t->first) = r->tx_next;
    if (t->last == r) {
        t->last = before;
    }
    r->tx = NULL;
    r->tx_next = NULL;
    conn_wake(t->conn); /* whose turn it is now */
}

void tx_skip(struct req *r)
{
    struct tx *t = r->tx;
    if (r->tx_next != NULL) {
        r->tx_next->tx_behind_failure = true;
    } else {
        t->last_failed = true;
    }
    tx_leave(r);
}

void tx_leave(struct req *r)
{
    struct tx *t = r->tx;
    unlink_req(t, r);
    rest(t);
    free_if_over(t);
}

/* ---- savepoints ---- */

uint32_t tx_mark_add(struct tx *t, struct str name)
{
    struct savepoint *s = t->mark_count < MARKS_MAX ? malloc(sizeof *s + name.len) : NULL;
    if (s == NULL) {
        return 0;
    }
    memcpy(s->name, name.ptr, name.len);
    s->len = name.len;
    s->number = ++t->last_mark;
    s->below = t->marks;
    t->marks = s;
    t->mark_count++;
    return s->number;
}

uint32_t tx_mark_find(const struct tx *t, struct str name)
{
    for (const struct savepoint *s = t->marks; s != NULL; s = s->below) {
        if (str_eq((struct str){s->name, s->len}, name)) {
            return s->number;
        }
    }
    return 0;
}

void tx_mark_drop(struct tx *t, uint32_t number, enum tx_mark how)
{
    while (t->marks != NULL &&
           (t->marks->number > number || (how == TX_RELEASE && t->marks->number == number))) {
        struct savepoint *s = t->marks;
        t->marks = s->below;
        t->mark_count--;
        free(s);
    }
}
