/* SPDX-License-Identifier: MIT
 *
 * daemon/monitor.c: a probe for each server of a database, and what follows from its
 * answers. Worker thread, but for monitor_ask.
 *
 * How far a replica is behind is measured by our own clock: the primary's positions of
 * late are kept, and a replica is as old as the first of them that it lacks. What the
 * databases say themselves stands still when a replica has lost its primary.
 */
#include "daemon/monitor.h"

#include "base/clock.h"
#include "daemon/touch.h"
#include "pool/pool_gate.h"

#include <stdlib.h>

#define NS_PER_MS UINT64_C(1000000)
#define ANSWER_MIN_NS (2000 * NS_PER_MS)
#define AGAIN_NS (20 * NS_PER_MS) /* between two looks at a server at the least */
#define MARKS 64                  /* positions of the primary that are remembered */
#define PARTY UINT64_MAX          /* in the pools' queues: a client of its own */

enum probe_state {
    PROBE_RESTS,
    PROBE_WAITS, /* for a connection */
    PROBE_RUNS,
    PROBE_GIVEN_UP, /* no answer came in time: its session is being ended */
    PROBE_OVER,     /* the monitor stops, and this one has stopped */
};

struct probe {
    struct monitor *monitor;
    uint32_t n; /* of the server */
    enum probe_state state;
    bool again; /* asked for while it was under way */
    struct timer timer;
    struct pool_wait wait;
    struct db_conn *conn;
    struct run run;
    struct answer answer;
    struct fail fail;
    uint64_t began_ns;
    uint64_t lent_before; /* loans of the server's pools */
    uint64_t fresh_ns;    /* when the primary was where the replica is now, or later */
};

/* Where the primary was at a time. */
struct mark {
    uint64_t at_ns;
    struct position position;
};

struct monitor {
    struct backend *backend; /* held */
    const struct replication *words;
    struct mark marks[MARKS];
    uint64_t mark_count; /* ever; the last is at (mark_count - 1) % MARKS */
    uint32_t probes_left;
    bool stopping;
    struct probe probes[SERVERS_MAX];
};

static struct server *server_of(const struct probe *p)
{
    return &p->monitor->backend->db->servers[p->n];
}

static struct pool *pool_of(const struct probe *p)
{
    return p->monitor->backend->pools[p->n];
}

static uint64_t check_ns(const struct monitor *m)
{
    return m->backend->db->conf->check_ms * NS_PER_MS;
}

/* How long a server may take to answer. */
static uint64_t patience_ns(const struct monitor *m)
{
    uint64_t ns = 2 * check_ns(m);
    return ns < ANSWER_MIN_NS ? ANSWER_MIN_NS : ns;
}

/* ---- lag ---- */

static void add_mark(struct monitor *m, uint64_t at_ns, const struct position *p)
{
    struct mark *last = &m->marks[(m->mark_count - 1) % MARKS];
    if (m->mark_count > 0 && position_covers(&last->position, p) &&
        position_covers(p, &last->position)) {
        last->at_ns = at_ns; /* nothing was written in between */
        return;
    }
    m->marks[m->mark_count++ % MARKS] = (struct mark){at_ns, *p};
}

/* How far the replica of p, which is at `position` now, is behind. */
static uint64_t measure_lag(struct probe *p, const struct position *position, uint64_t now_ns)
{
    const struct monitor *m = p->monitor;
    uint64_t kept = m->mark_count < MARKS ? m->mark_count : MARKS;
    for (uint64_t i = 0; i < kept; i++) {
        const struct mark *mark = &m->marks[(m->mark_count - 1 - i) % MARKS];
        if (position_covers(position, &mark->position)) {
            p->fresh_ns = mark->at_ns > p->fresh_ns ? mark->at_ns : p->fresh_ns;
            if (i == 0) {
                return 0;
            }
            break;
        }
    }
    return p->fresh_ns == 0 ? UINT64_MAX : now_ns - p->fresh_ns;
}

/* ---- what was found out ---- */

static void tell_server(struct probe *p, enum server_health health, enum server_role role)
{
    const struct server *s = server_of(p);
    struct backend *b = p->monitor->backend;
    if (atomic_load(&s->health) == (int)health && atomic_load(&s->role) == (int)role) {
        return;
    }
    LOG(b->worker->shared->log, LOG_POOL, health == SERVER_UP ? LOG_INFO : LOG_WARN,
        health == SERVER_UP ? "a server answers" : "a server does not answer",
        LOG_S("db", b->db->conf->name), LOG_S("server", s->name),
        LOG_S("role", str_of(server_role_name(role))),
        LOG_S("error", str_of(health == SERVER_UP ? "" : p->fail.message)), LOG_END);
}

static void tell_primary(const struct backend *b)
{
    const struct roles *r = &b->db->roles;
    static const char *const words[] = {
        [WRITES_TO_PRIMARY] = "writes go to",
        [WRITES_NOWHERE] = "no server takes writes; the last that did was",
        [WRITES_REFUSED] = "several servers take writes, so none gets any; the last alone was",
    };
    int writes = atomic_load(&r->writes);
    LOG(b->worker->shared->log, LOG_POOL, writes == WRITES_TO_PRIMARY ? LOG_INFO : LOG_ERROR,
        words[writes], LOG_S("db", b->db->conf->name),
        LOG_S("server", b->db->servers[atomic_load(&r->primary)].name), LOG_END);
}

static void judge(const struct backend *b)
{
    struct database *db = b->db;
    uint32_t was = atomic_load(&db->roles.primary);
    bool known = true;
    if (roles_judge(&db->roles, db->servers, db->server_count)) {
        tell_primary(b);
    }
    if (atomic_load(&db->roles.primary) != was) {
        touch_changed(b); /* it may lack what the old one had */
    }
    for (uint32_t i = 0; i < db->server_count; i++) {
        known = known && atomic_load(&db->servers[i].health) != SERVER_UNKNOWN;
    }
    if (known) {
        atomic_store(&db->roles.known, true);
    }
}

static void found_down(struct probe *p)
{
    struct server *s = server_of(p);
    tell_server(p, SERVER_DOWN, (enum server_role)atomic_load(&s->role));
    atomic_store(&s->health, SERVER_DOWN);
    judge(p->monitor->backend);
}

static void found_up(struct probe *p)
{
    struct server *s = server_of(p);
    struct monitor *m = p->monitor;
    struct roles *roles = &m->backend->db->roles;
    uint64_t now_ns = clock_now_ns();
    enum server_role role = replication_role(str_of(p->answer.cells[0]));
    struct position position;
    (void)position_read(m->words->kind, str_of(p->answer.cells[1]), &position);
    tell_server(p, SERVER_UP, role);
    pthread_mutex_lock(&roles->lock);
    s->position = position;
    pthread_mutex_unlock(&roles->lock);
    atomic_store(&s->epoch, strtoull(p->answer.cells[2], NULL, 10));
    atomic_store(&s->asked_ns, now_ns);
    if (atomic_load(&s->health) != SERVER_UP) {
        atomic_store(&s->up_since_ns, now_ns);
    }
    atomic_store(&s->role, (int)role);
    atomic_store(&s->health, SERVER_UP);
    judge(m->backend);
    bool is_primary = role == ROLE_PRIMARY && atomic_load(&roles->primary) == p->n;
    if (is_primary && position.kind != POSITION_NONE) {
        add_mark(m, p->began_ns, &position);
    }
    atomic_store(&s->lag_ns, is_primary ? 0 : measure_lag(p, &position, now_ns));
}

/* ---- a probe's way ---- */

static void rest(struct probe *p, uint64_t due_ns);

static void leave(struct monitor *m)
{
    struct backend *b = m->backend;
    if (--m->probes_left == 0) {
        free(m);
        backend_release(b);
    }
}

static void next(struct probe *p)
{
    if (p->monitor->stopping) {
        p->state = PROBE_OVER;
        leave(p->monitor);
        return;
    }
    uint64_t soon_ns = clock_now_ns() + AGAIN_NS;
    uint64_t due_ns = p->began_ns + check_ns(p->monitor);
    rest(p, p->again || due_ns < soon_ns ? soon_ns : due_ns);
}

static void on_answer(struct run *run)
{
    struct probe *p = (struct probe *)((char *)run - offsetof(struct probe, run));
    struct db_conn *c = p->conn;
    bool in_time = p->state == PROBE_RUNS;
    loop_timer_stop(&p->monitor->backend->worker->loop, &p->timer);
    p->conn = NULL;
    if (c != NULL) {
        pool_release(pool_of(p), c, c->broken ? POOL_BROKEN : POOL_CLEAN);
    }
    if (!p->monitor->stopping) {
        if (in_time && run->err == ERR_OK && p->answer.there) {
            found_up(p);
        } else {
            found_down(p);
        }
    }
    next(p);
}

/* Nothing came. A server whose connections are all at work is not to blame for that as
 * long as some of them come back, nor is one that is paused or drained. */
static void on_no_connection(struct probe *p, enum err e)
{
    const struct pool_counts *n = &server_of(p)->share.counts;
    bool held = pool_gate_of(&server_of(p)->share) != GATE_OPEN;
    bool busy =
        (e == ERR_POOL_TIMEOUT || e == ERR_OVERLOAD) && count_get(&n->lent) != p->lent_before;
    if (!p->monitor->stopping && !busy && !held) {
        found_down(p);
    }
    next(p);
}

static void on_late(struct timer *t)
{
    struct probe *p = (struct probe *)((char *)t - offsetof(struct probe, timer));
    struct db_conn *c = p->conn;
    p->state = PROBE_GIVEN_UP;
    p->conn = NULL;
    fail_set(&p->fail, ERR_TIMEOUT, "no answer in time");
    pool_abort(pool_of(p), c);
}

static void on_connection(struct pool_wait *w, struct db_conn *conn, enum err e)
{
    struct probe *p = (struct probe *)((char *)w - offsetof(struct probe, wait));
    struct loop *l = &p->monitor->backend->worker->loop;
    if (e != ERR_OK) {
        on_no_connection(p, e);
        return;
    }
    p->timer.fire = on_late;
    if (p->monitor->stopping ||
        loop_timer_start(l, &p->timer, clock_now_ns() + patience_ns(p->monitor)) != ERR_OK) {
        pool_release(pool_of(p), conn, POOL_CLEAN);
        next(p);
        return;
    }
    p->state = PROBE_RUNS;
    p->conn = conn;
    answer_init(&p->answer, ANSWER_CELLS);
    p->run = (struct run){.stmt = &p->monitor->words->probe,
                          .sets = 1,
                          .sink = &p->answer.sink,
                          .done = on_answer,
                          .fail = &p->fail};
    conn->driver->run(conn, &p->run);
}

static void on_due(struct timer *t)
{
    struct probe *p = (struct probe *)((char *)t - offsetof(struct probe, timer));
    p->state = PROBE_WAITS;
    p->again = false;
    p->began_ns = clock_now_ns();
    p->lent_before = count_get(&server_of(p)->share.counts.lent);
    fail_init(&p->fail);
    p->wait.cb = on_connection;
    p->wait.party = PARTY;
    p->wait.fail = &p->fail;
    pool_acquire(pool_of(p), &p->wait, p->began_ns + patience_ns(p->monitor));
}

static void rest(struct probe *p, uint64_t due_ns)
{
    struct backend *b = p->monitor->backend;
    p->state = PROBE_RESTS;
    p->timer.fire = on_due;
    if (loop_timer_start(&b->worker->loop, &p->timer, due_ns) != ERR_OK) {
        on_due(&p->timer); /* no memory for a timer: then without a rest */
    }
}

/* ---- from outside ---- */

void monitor_start(struct backend *b)
{
    struct database *db = b->db;
    const struct replication *words = replication_of(b->db->driver->kind);
    if (db->server_count < 2 || words == NULL || b->monitor != NULL) {
        return;
    }
    struct monitor *m = calloc(1, sizeof *m);
    if (m == NULL) {
        LOG(b->worker->shared->log, LOG_POOL, LOG_ERROR,
            "out of memory: the servers' roles stay as they are", LOG_S("db", db->conf->name),
            LOG_END);
        atomic_store(&db->roles.known, true);
        return;
    }
    m->backend = backend_hold(b);
    b->monitor = m;
    m->words = words;
    m->probes_left = db->server_count;
    pthread_mutex_lock(&db->roles.lock);
    db->roles.monitor = m;
    pthread_mutex_unlock(&db->roles.lock);
    for (uint32_t i = 0; i < db->server_count; i++) {
        m->probes[i].monitor = m;
        m->probes[i].n = i;
        rest(&m->probes[i], 0);
    }
}

static void stop_probe(struct probe *p)
{
    switch (p->state) {
    case PROBE_RESTS:
        loop_timer_stop(&p->monitor->backend->worker->loop, &p->timer);
        next(p);
        return;
    case PROBE_WAITS:
        pool_cancel(pool_of(p), &p->wait);
        return;
    case PROBE_RUNS:
        loop_timer_stop(&p->monitor->backend->worker->loop, &p->timer);
        on_late(&p->timer);
        return;
    case PROBE_GIVEN_UP:
    case PROBE_OVER:
        return;
    }
}

void monitor_stop(struct backend *b)
{
    struct roles *roles = &b->db->roles;
    struct monitor *m = b->monitor;
    if (m == NULL) {
        return;
    }
    b->monitor = NULL;
    pthread_mutex_lock(&roles->lock);
    roles->monitor = NULL;
    pthread_mutex_unlock(&roles->lock);
    m->stopping = true;
    m->probes_left++; /* for ourselves */
    for (uint32_t i = 0; i < b->db->server_count; i++) {
        stop_probe(&m->probes[i]);
    }
    leave(m);
}

static void on_asked(struct task *t)
{
    struct roles *roles = (struct roles *)((char *)t - offsetof(struct roles, ask));
    struct database *db = (struct database *)((char *)roles - offsetof(struct database, roles));
    struct monitor *m = roles->monitor; /* set and cleared on this thread alone */
    atomic_store(&roles->asked, false);
    for (uint32_t i = 0; m != NULL && i < db->server_count; i++) {
        struct probe *p = &m->probes[i];
        if (p->state == PROBE_RESTS) {
            rest(p, p->began_ns + AGAIN_NS);
        } else {
            p->again = true;
        }
    }
    database_unref(db);
}

void monitor_ask(struct database *db)
{
    struct roles *roles = &db->roles;
    if (db->server_count < 2 || atomic_exchange(&roles->asked, true)) {
        return;
    }
    pthread_mutex_lock(&roles->lock);
    struct monitor *m = roles->monitor;
    if (m != NULL) {
        database_ref(db);
        roles->ask.run = on_asked;
        loop_post(&m->backend->worker->loop, &roles->ask);
    } else {
        atomic_store(&roles->asked, false);
    }
    pthread_mutex_unlock(&roles->lock);
}
