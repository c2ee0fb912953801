/* SPDX-License-Identifier: MIT
 *
 * daemon/outside.c: a session that listens, its setting up, and its pulse. Worker thread.
 */
#include "daemon/outside.h"

#include "backend/remote.h"
#include "backend/sessions.h"
#include "base/clock.h"
#include "daemon/touch.h"
#include "daemon/worker.h"
#include "pool/pool_gate.h"

#include <stdlib.h>

#define NS_PER_MS UINT64_C(1000000)
#define PULSE_NS (300 * NS_PER_MS)      /* between two looks whether the server lives */
#define ANSWER_NS (500 * NS_PER_MS)     /* for which it has so long */
#define SETUP_NS (30000 * NS_PER_MS)    /* triggers wait for writers of their tables */
#define AGAIN_MIN_NS (100 * NS_PER_MS)  /* after a failure … */
#define AGAIN_MAX_NS (5000 * NS_PER_MS) /* … and after many */
#define PAYLOAD_BYTES 65536
#define PARTY (UINT64_MAX - 1) /* in the pool's queue: a client of its own */

enum outside_state {
    OUTSIDE_RESTS,
    OUTSIDE_WAITS, /* for a connection */
    OUTSIDE_SETS_UP,
    OUTSIDE_LISTENS,
    OUTSIDE_ASKS,     /* listens, and awaits an answer */
    OUTSIDE_GIVEN_UP, /* its session is being ended */
    OUTSIDE_OVER,
};

struct outside {
    struct backend *backend; /* held */
    uint32_t server;         /* that it listens at */
    enum outside_state state;
    bool stopping;
    bool deaf; /* what others write is not heard: the database's slot is raised */
    bool told; /* the log knows why */
    uint32_t failures;
    uint32_t at; /* of `setup` */
    struct slot_set all;
    uint64_t installed; /* the catalog for which the triggers were made */
    struct buf triggers;
    struct statement setup[2];
    uint32_t setup_count;
    struct timer timer;
    struct pool_wait wait;
    struct db_conn *conn;
    struct run run;
    struct fail fail;
};

static struct outside *of_timer(struct timer *t)
{
    return (struct outside *)((char *)t - offsetof(struct outside, timer));
}

static struct outside *of_run(struct run *r)
{
    return (struct outside *)((char *)r - offsetof(struct outside, run));
}

static struct loop *loop_of(struct outside *o)
{
    return &o->backend->worker->loop;
}

static struct server *server_of(const struct outside *o)
{
    return &o->backend->db->servers[o->server];
}

static struct pool *pool_of(const struct outside *o)
{
    return o->backend->pools[o->server];
}

static struct versions *versions_of(const struct outside *o)
{
    return o->backend->worker->shared->versions;
}

static uint32_t primary_of(const struct outside *o)
{
    return atomic_load(&o->backend->db->roles.primary);
}

/* ---- what follows for the cache ---- */

static void set_deaf(struct outside *o, bool deaf)
{
    if (o->deaf == deaf) {
        return;
    }
    o->deaf = deaf;
    atomic_store(&o->backend->db->outside.listens, !deaf);
    if (deaf) {
        versions_raise(versions_of(o), &o->all);
    } else {
        versions_lower(versions_of(o), &o->all);
        LOG(o->backend->worker->shared->log, LOG_POOL, LOG_INFO,
            "writes of others to watched tables are heard of",
            LOG_S("db", o->backend->db->conf->name), LOG_S("server", server_of(o)->name),
            LOG_END);
        o->told = false;
    }
}

/* ["schema","table"], as a trigger says it; NULL: it is another text, or no such table is
 * known yet. */
static const struct table *find_table(struct outside *o, struct str payload)
{
    struct arena a = {.limit_bytes = PAYLOAD_BYTES};
    struct fail f;
    struct json *names = NULL;
    const struct table *t = NULL;
    struct catalog *catalog = backend_catalog(o->backend);
    if (json_parse(&a, payload, 2, &names, &f) == ERR_OK && names->kind == JSON_ARRAY &&
        names->len == 2 && catalog != NULL) {
        t = catalog_table(catalog, json_text(names->first), json_text(names->first->next));
    }
    arena_fini(&a);
    return t;
}

static void on_notify(struct db_conn *c, struct str payload, uint64_t from, void *arg)
{
    struct outside *o = arg;
    (void)c;
    if (sessions_have(&server_of(o)->sessions, from)) {
        return;
    }
    struct slot_set set = {0};
    const struct table *t = find_table(o, payload);
    bool known = t != NULL && touch_table(o->backend->db, t, &set);
    versions_bump(versions_of(o), known ? &set : &o->all);
    count_add(&o->backend->db->outside.heard, 1);
}

/* ---- setting up ---- */

/* A name as the conf has it, for regclass: a literal. */
static void add_literal(struct buf *b, struct str s)
{
    buf_char(b, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'') {
            buf_char(b, '\'');
        }
        buf_char(b, s.ptr[i]);
    }
    buf_char(b, '\'');
}

static bool watches_all(const struct conf_database *conf)
{
    return conf->watch_count == 1 && str_is(conf->watch[0], "*");
}

/* One that makes what is not there: a function, and a trigger on each table. A lock keeps
 * others who do the same at this moment waiting. */
static void write_triggers(const struct conf_database *conf, struct buf *b)
{
    BUF_LIT(b, "DO $tribikos$ DECLARE t record; BEGIN"
               " PERFORM pg_advisory_xact_lock(7432, 7432);"
               " IF to_regproc('tribikos_notify') IS NULL THEN"
               " CREATE FUNCTION tribikos_notify() RETURNS trigger LANGUAGE plpgsql AS"
               " $f$ BEGIN PERFORM pg_notify('tribikos',"
               " json_build_array(TG_TABLE_SCHEMA, TG_TABLE_NAME)::text);"
               " RETURN NULL; END $f$;"
               " END IF;"
               " FOR t IN SELECT c.oid::regclass AS name FROM pg_catalog.pg_class c"
               " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
               " WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
               " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
               " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger g"
               " WHERE g.tgrelid = c.oid AND g.tgname = 'tribikos_notify')");
    if (!watches_all(conf)) {
        BUF_LIT(b, " AND c.oid = ANY (ARRAY[");
        for (uint32_t i = 0; i < conf->watch_count; i++) {
            if (i > 0) {
                buf_char(b, ',');
            }
            add_literal(b, conf->watch[i]);
        }
        BUF_LIT(b, "]::regclass[])");
    }
    BUF_LIT(b, " LOOP EXECUTE format('CREATE TRIGGER tribikos_notify AFTER INSERT OR UPDATE"
               " OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT"
               " EXECUTE FUNCTION tribikos_notify()', t.name); END LOOP; END $tribikos$");
    buf_char(b, '\0');
}

/* Listening comes first: what is written from then on is heard, by triggers that were
 * there, or none was promised yet. */
static bool prepare(struct outside *o, const struct conf_database *conf)
{
    o->setup[o->setup_count++] = (struct statement){.sql = STR("LISTEN tribikos")};
    if (conf->watch_install) {
        write_triggers(conf, &o->triggers);
        o->setup[o->setup_count++] =
            (struct statement){.sql = {o->triggers.ptr, o->triggers.len - 1}};
    }
    return !o->triggers.failed;
}

/* ---- a session's way ---- */

static void rest(struct outside *o, uint64_t ns, void (*fire)(struct timer *t));
static void on_due(struct timer *t);
static void on_pulse(struct timer *t);

static void end(struct outside *o)
{
    struct backend *b = o->backend;
    o->state = OUTSIDE_OVER;
    set_deaf(o, true); /* and then what was kept while we listened is over */
    versions_lower(versions_of(o), &o->all);
    buf_fini(&o->triggers);
    free(o);
    backend_release(b);
}

static void tell(struct outside *o)
{
    if (o->told || o->stopping) {
        return;
    }
    o->told = true;
    LOG(o->backend->worker->shared->log, LOG_POOL, LOG_WARN,
        "writes of others to watched tables are not heard of: nothing is served from the cache",
        LOG_S("db", o->backend->db->conf->name), LOG_S("server", server_of(o)->name),
        LOG_S("error", str_of(o->fail.message)), LOG_END);
}

/* There is no session any more: another one later. */
static void again(struct outside *o)
{
    set_deaf(o, true);
    if (o->stopping) {
        end(o);
        return;
    }
    tell(o);
    uint64_t ns = AGAIN_MIN_NS << (o->failures < 6 ? o->failures : 6);
    o->failures++;
    o->state = OUTSIDE_RESTS;
    rest(o, ns < AGAIN_MAX_NS ? ns : AGAIN_MAX_NS, on_due);
}

static void give_back(struct outside *o)
{
    struct db_conn *c = o->conn;
    o->conn = NULL;
    c->on_notify = NULL;
    pool_release(pool_of(o), c, c->broken ? POOL_BROKEN : POOL_DIRTY);
}

static void give_up(struct outside *o)
{
    struct db_conn *c = o->conn;
    o->state = OUTSIDE_GIVEN_UP;
    set_deaf(o, true);
    fail_set(&o->fail, ERR_TIMEOUT, "no answer in time");
    o->conn = NULL;
    c->on_notify = NULL;
    pool_abort(pool_of(o), c);
}

static void on_late(struct timer *t)
{
    give_up(of_timer(t));
}

static void next_setup(struct outside *o);

static void on_set_up(struct run *run)
{
    struct outside *o = of_run(run);
    loop_timer_stop(loop_of(o), &o->timer);
    if (o->conn == NULL) {
        again(o);
    } else if (run->err != ERR_OK || o->stopping) {
        give_back(o);
        again(o);
    } else {
        o->at++;
        next_setup(o);
    }
}

static void ask(struct outside *o, uint64_t ns, run_done_cb *done, const struct statement *s)
{
    o->run = (struct run){.stmt = s, .sets = 1, .done = done, .fail = &o->fail};
    o->timer.fire = on_late;
    if (loop_timer_start(loop_of(o), &o->timer, clock_now_ns() + ns) != ERR_OK) {
        give_back(o);
        again(o);
        return;
    }
    if (s != NULL) {
        o->conn->driver->run(o->conn, &o->run);
    } else {
        o->conn->driver->ping(o->conn, &o->run);
    }
}

static void next_setup(struct outside *o)
{
    if (o->at < o->setup_count) {
        o->state = OUTSIDE_SETS_UP;
        ask(o, SETUP_NS, on_set_up, &o->setup[o->at]);
        return;
    }
    o->state = OUTSIDE_LISTENS;
    o->failures = 0;
    set_deaf(o, false);
    versions_bump(versions_of(o), &o->all); /* from before the triggers */
    rest(o, PULSE_NS, on_pulse);
}

static void on_answer(struct run *run)
{
    struct outside *o = of_run(run);
    loop_timer_stop(loop_of(o), &o->timer);
    if (o->conn == NULL) {
        again(o);
        return;
    }
    bool held = pool_gate_of(&server_of(o)->share) != GATE_OPEN;
    if (run->err != ERR_OK || o->stopping || held || o->server != primary_of(o)) {
        give_back(o);
        again(o);
        return;
    }
    uint64_t catalog = atomic_load(&o->backend->db->catalog_version);
    if (catalog != o->installed && o->setup_count > 1) { /* there may be new tables */
        o->installed = catalog;
        o->at = 1;
        next_setup(o);
        return;
    }
    o->state = OUTSIDE_LISTENS;
    rest(o, PULSE_NS, on_pulse);
}

static void on_pulse(struct timer *t)
{
    struct outside *o = of_timer(t);
    o->state = OUTSIDE_ASKS;
    ask(o, ANSWER_NS, on_answer, NULL);
}

static void on_connection(struct pool_wait *w, struct db_conn *conn, enum err e)
{
    struct outside *o = (struct outside *)((char *)w - offsetof(struct outside, wait));
    if (e != ERR_OK) {
        again(o);
        return;
    }
    o->conn = conn;
    if (o->stopping || remote_of(conn) != NULL) { /* another worker's, which hears nothing */
        pool_release(pool_of(o), conn, POOL_CLEAN);
        o->conn = NULL;
        again(o);
        return;
    }
    conn->on_notify = on_notify;
    conn->notify_arg = o;
    o->at = 0;
    o->installed = atomic_load(&o->backend->db->catalog_version);
    next_setup(o);
}

static void on_due(struct timer *t)
{
    struct outside *o = of_timer(t);
    o->state = OUTSIDE_WAITS;
    o->server = primary_of(o);
    fail_init(&o->fail);
    o->wait.cb = on_connection;
    o->wait.party = PARTY;
    o->wait.fail = &o->fail;
    pool_acquire(pool_of(o), &o->wait, clock_now_ns() + AGAIN_MAX_NS);
}

static void rest(struct outside *o, uint64_t ns, void (*fire)(struct timer *t))
{
    o->timer.fire = fire;
    if (loop_timer_start(loop_of(o), &o->timer, clock_now_ns() + ns) != ERR_OK) {
        fire(&o->timer); /* no memory for a timer: then without a rest */
    }
}

/* ---- from outside ---- */

void outside_start(struct backend *b)
{
    const struct conf_database *conf = b->db->conf;
    if (conf->watch_count == 0 || b->outside != NULL) {
        return;
    }
    struct outside *o = calloc(1, sizeof *o);
    struct str name = conf->name;
    if (o == NULL || !prepare(o, conf)) {
        LOG(b->worker->shared->log, LOG_POOL, LOG_ERROR,
            "out of memory: what others write is not heard of", LOG_S("db", name), LOG_END);
        if (o != NULL) {
            buf_fini(&o->triggers);
        }
        free(o);
        return;
    }
    o->backend = backend_hold(b);
    b->outside = o;
    touch_all(b->db, &o->all);
    set_deaf(o, true);
    rest(o, 0, on_due);
}

void outside_stop(struct backend *b)
{
    struct outside *o = b->outside;
    if (o == NULL) {
        return;
    }
    b->outside = NULL;
    o->stopping = true;
    switch (o->state) {
    case OUTSIDE_LISTENS:
        give_back(o);
        loop_timer_stop(loop_of(o), &o->timer);
        end(o);
        return;
    case OUTSIDE_RESTS:
        loop_timer_stop(loop_of(o), &o->timer);
        end(o);
        return;
    case OUTSIDE_WAITS:
        pool_cancel(pool_of(o), &o->wait);
        return;
    case OUTSIDE_SETS_UP:
    case OUTSIDE_ASKS:
        loop_timer_stop(loop_of(o), &o->timer);
        give_up(o);
        return;
    case OUTSIDE_GIVEN_UP:
    case OUTSIDE_OVER:
        return;
    }
}
