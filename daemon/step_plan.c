/* SPDX-License-Identifier: MIT
 *
 * daemon/step_plan.c: the first half of a request: its line is read, its database
 * and catalog are found, its statement is compiled and bound. Worker thread.
 */
#include "base/clock.h"
#include "daemon/batch.h"
#include "daemon/ops.h"
#include "daemon/ops_gate.h"
#include "daemon/ops_show.h"
#include "daemon/steps.h"

/* ---- read ---- */

static enum err charge(struct req *r)
{
    return req_charge(r) ? ERR_OK
                         : fail_set(&r->fail, ERR_OUT_OF_MEMORY, "limits.memory is reached");
}

struct finder {
    struct json_known known;
    struct req *req;
};

static const struct json *find_seen(struct json_known *k, struct str text, unsigned max_depth)
{
    struct req *r = ((struct finder *)k)->req;
    r->seen = compiler_seen(r->worker->compiler, text, max_depth);
    return r->seen == NULL ? NULL : compiler_seen_tree(r->seen);
}

static const struct json *guess_seen(struct json_known *k, struct str rest, unsigned max_depth,
                                     size_t *bytes)
{
    struct req *r = ((struct finder *)k)->req;
    r->seen = compiler_guess(r->worker->compiler, rest, max_depth);
    if (r->seen == NULL) {
        return NULL;
    }
    *bytes = compiler_seen_bytes(r->seen);
    return compiler_seen_tree(r->seen);
}

static enum err parse(struct req *r)
{
    struct finder f = {.known = {.key = STR("query"), .find = find_seen, .guess = guess_seen},
                       .req = r};
    struct json_opts opts = {.max_depth = (unsigned)req_conf(r)->limits.depth,
                             .known = &f.known};
    enum err e = message_parse(r->line, &r->arena, &opts, &r->msg, &r->fail);
    if (e != ERR_OK) {
        count_add(&r->worker->counts.malformed, 1);
        return e;
    }
    r->id_tag = conn_id_tag(&r->msg.id);
    e = charge(r);
    if (e != ERR_OK) {
        return e;
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

/* Its own timeout is for all of it; without one each step has the database's. */
static enum err read_batch(struct req *r)
{
    enum err e = batch_start(r);
    if (e == ERR_OK && !r->msg.tx.present) {
        e = req_find_backend(r);
    }
    return e != ERR_OK || r->msg.tx.present ? e : req_start_statement_timer(r);
}

int step_read(struct req *r)
{
    enum err e = r->parent != NULL ? ERR_OK : parse(r);
    if (e == ERR_OK) {
        count_own(&r->worker->counts.requests[r->msg.op], r->parent == NULL);
        if (r->msg.run.len > 0) {
            e = use_prepared(r);
        } else if (r->msg.op == OP_PREPARE) {
            e = op_prepare(r);
        } else if (r->msg.op == OP_BATCH) {
            e = read_batch(r);
        }
    }
    e = e != ERR_OK ? e : cache_check_region(r);
    if (e != ERR_OK && !r->msg.tx.present) {
        tx_misread(r);
    }
    if (r->msg.tx.present) {
        return tx_read(r, e);
    }
    if (e == ERR_OK && r->worker->state != WORKER_RUNNING && r->parent == NULL &&
        op_way(r->msg.op) != WAY_HERE) {
        e = fail_set(&r->fail, ERR_SHUTTING_DOWN, "the server is stopping");
    }
    if (e != ERR_OK) {
        return req_fail_to(r, e, REQ_REPLY);
    }
    switch (op_way(r->msg.op)) {
    case WAY_CATALOG:
        return REQ_CATALOG;
    case WAY_WORKERS:
        return REQ_WORKERS;
    case WAY_BATCH:
        return REQ_ORDER;
    case WAY_HERE:
        return r->msg.tables != NULL ? REQ_CATALOG : REQ_ADMIN;
    case WAY_TX:
        break;
    }
    return REQ_ADMIN;
}

int step_admin(struct req *r)
{
    return req_fail_to(r, op_admin(r), REQ_REPLY);
}

int step_workers(struct req *r)
{
    return r->msg.op == OP_SHOW ? op_show(r) : op_gate(r);
}

/* ---- catalog ---- */

static void on_timeout(struct timer *t)
{
    req_stop((struct req *)((char *)t - offsetof(struct req, timer)), ERR_TIMEOUT);
}

enum err req_start_timer(struct req *r, uint64_t ms)
{
    r->due_ns = r->arrived_ns + ms * 1000000;
    r->timer.fire = on_timeout;
    return loop_timer_start(&r->worker->loop, &r->timer, r->due_ns);
}

/* The request's own timeout, else the database's. A stream has none of the latter:
 * it lasts as long as its reader needs; the steps of a batch have their own. */
enum err req_start_statement_timer(struct req *r)
{
    uint64_t ms = r->msg.timeout_ms;
    if (ms == 0 && !r->msg.stream && r->batch == NULL) {
        ms = r->backend->db->conf->pool.statement_timeout_ms;
    }
    return ms == 0 ? ERR_OK : req_start_timer(r, ms);
}

enum err req_find_backend(struct req *r)
{
    struct str name = r->msg.db.len > 0 ? r->msg.db : r->conn->db;
    r->backend = worker_backend(r->worker, name);
    if (r->backend != NULL) {
        return ERR_OK;
    }
    if (name.len == 0) {
        name = req_conf(r)->default_database;
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

/* A transaction holds a connection: whoever is in it must not wait for a catalog that
 * can be read over no other. */
static int after_catalog(const struct req *r)
{
    return r->msg.op == OP_BEGIN ? REQ_ORDER : REQ_PLAN;
}

static void on_catalog(struct catalog_wait *w)
{
    struct req *r = (struct req *)((char *)w - offsetof(struct req, catalog_wait));
    if (r->defined) {
        req_go(r, REQ_REPLY);
        return;
    }
    enum err e = r->stop != ERR_OK ? r->stop : w->err;
    req_set_err(r, e);
    req_go(r, r->err == ERR_OK ? after_catalog(r) : REQ_REPLY);
}

static int wait_for_catalog(struct req *r)
{
    r->catalog_wait.cb = on_catalog;
    r->catalog_wait.fail = r->defined ? NULL : &r->fail;
    r->catalog_wait.urgent = r->defined;
    r->catalog_wait.any = r->state == REQ_CATALOG;
    catalog_refresh(r->backend, &r->catalog_wait);
    return REQ_WAIT;
}

int step_catalog(struct req *r)
{
    enum err e = ERR_OK;
    if (r->tx == NULL) { /* else its transaction has one, and its time runs */
        e = req_find_backend(r);
        e = e != ERR_OK ? e : req_start_statement_timer(r);
    }
    if (e != ERR_OK) {
        return req_fail_to(r, e, REQ_REPLY);
    }
    if (r->msg.op == OP_SCHEMA_RELOAD) {
        return REQ_REFRESH;
    }
    return backend_catalog(r->backend) == NULL ? wait_for_catalog(r) : after_catalog(r);
}

int step_refresh(struct req *r)
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
    const struct conf_limits *l = &req_conf(r)->limits;
    return (struct compile_request){
        .query = r->msg.query,
        .query_text = r->msg.query_text,
        .seen = r->seen,
        .params = r->msg.params,
        .param_sets = r->msg.param_sets,
        .catalog = catalog,
        .dialect = r->backend->db->dialect,
        .expect = expect_of(r->msg.expect),
        .keys = r->msg.keys == WANT_DEFAULT ? KEYS_DEFAULT
                : r->msg.keys == WANT_YES   ? KEYS_YES
                                            : KEYS_NO,
        .functions = r->backend->db->conf->functions,
        .function_count = r->backend->db->conf->function_count,
        .text = r->backend->db->conf->text ? TEXT_ALLOWED : TEXT_REFUSED,
        .max_params = (uint32_t)l->params,
        .max_sql_bytes = (uint32_t)l->sql_bytes,
        .refs = r->refs,
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
    const struct plan *p = r->bound.plan;
    if (p->kind != PLAN_READ && p->effect != TEXT_READS) {
        return fail_at(&r->fail, ERR_UNSUPPORTED_FEATURE, STR("/stream"),
                       "only a select can be streamed: a write is told when it is certain");
    }
    return ERR_OK;
}

/* A write whose rows may be refused after it was done (too many, not the one that
 * was expected) must be undone then: it has a transaction around it. SQLite undoes a
 * statement by itself when its rows are not taken. */
static bool answer_may_fail(const struct req *r)
{
    const struct plan *p = r->bound.plan;
    if (p->kind == PLAN_TEXT) {
        return p->effect == TEXT_WRITES && (p->returns || r->msg.expect != MODE_ALL);
    }
    if (p->kind == PLAN_READ || p->dialect == &dialect_sqlite || r->bound.run_count == 0 ||
        p->role != STEP_ROWS) {
        return false;
    }
    bool one_row = p->single_row ||
                   (p->kind == PLAN_INSERT && !p->many_rows && r->bound.runs[0].sets == 1);
    return !one_row || r->msg.expect == MODE_ONE;
}

static enum err plan_query(struct req *r, struct catalog *catalog)
{
    struct compile_request in = req_compile_request(r, catalog);
    enum err e = compiler_bind(r->worker->compiler, &in, &r->arena, &r->bound, &r->fail);
    if (e == ERR_OK) {
        e = check_stream(r);
    }
    if (e == ERR_OK) {
        e = charge(r); /* the bound data is the larger part */
    }
    if (e == ERR_OK) {
        /* Inside a transaction an error fails the whole: there is no need of one of its own. */
        r->bound.needs_tx = (r->bound.needs_tx || answer_may_fail(r)) && r->tx == NULL;
    }
    return e;
}

static enum err plan_op(struct req *r, struct catalog *catalog)
{
    if (r->msg.op == OP_PREPARE) {
        return plan_prepared(r, catalog);
    }
    if (r->msg.op == OP_COMPILE) {
        return op_compile(r, catalog);
    }
    if (r->msg.op == OP_SCHEMA_RELOAD) {
        op_reloaded(r, catalog);
        return ERR_OK;
    }
    if (r->msg.op == OP_INVALIDATE) {
        return op_invalidate(r, catalog);
    }
    return plan_query(r, catalog);
}

static bool is_unknown_name(enum err e)
{
    return e == ERR_UNKNOWN_TABLE || e == ERR_UNKNOWN_COLUMN;
}

/* In a transaction that changed the schema only text can be trusted to be what it was. */
static bool is_outdated(const struct req *r, enum err e)
{
    bool stale = r->tx != NULL && r->tx->stale;
    return stale && (e != ERR_OK || r->bound.plan == NULL || r->bound.plan->kind != PLAN_TEXT);
}

/* Perhaps the name is new. */
static int plan_again(struct req *r)
{
    fail_init(&r->fail);
    buf_clear(&r->answer);
    plan_unref(r->bound.plan);
    r->bound = (struct bound){0};
    return r->tx != NULL ? REQ_TX_CATALOG : REQ_REFRESH;
}

int step_plan(struct req *r)
{
    struct catalog *catalog = req_catalog(r);
    if (catalog == NULL) {
        return req_fail_to(r, fail_set(&r->fail, ERR_INTERNAL, "the catalog is gone"),
                           REQ_REPLY);
    }
    enum err e = plan_op(r, catalog);
    r->planned_ns = r->worker->read_ns = clock_now_ns();
    if (!r->refreshed && (is_unknown_name(e) || is_outdated(r, e))) {
        return plan_again(r);
    }
    if (e != ERR_OK) {
        forget_prepared(r);
        return req_fail_to(r, e, REQ_REPLY);
    }
    return r->bound.plan == NULL || r->bound.run_count == 0 ? REQ_REPLY : REQ_ORDER;
}
