/* SPDX-License-Identifier: MIT
 *
 * daemon/catalogs.c: drives schema/reflect over a pooled connection. A reflection
 * lives on the worker that began it; waiters on any worker are woken by post.
 */
#include "daemon/catalogs.h"

#include "base/clock.h"
#include "daemon/route.h"
#include "daemon/touch.h"
#include "daemon/trace.h"

#include <assert.h>
#include <stdlib.h>

/* A reading begins no earlier than so many times the length of the last one after
 * it, so that misspelt names take at most a twentieth of a connection. */
#define REST_FACTOR 20
#define REST_MIN_NS UINT64_C(50000000)
#define REST_MAX_NS UINT64_C(5000000000)
#define ROLES_LOOK_NS UINT64_C(3000000)
#define LONGEST_NS UINT64_C(60000000000)

/* One reading of a catalog, from timer to snapshot. */
struct reflection {
    struct backend *backend; /* held */
    struct reflect *reflect;
    uint32_t server; /* that it is read from */
    struct pool_wait wait;
    struct db_conn *conn;
    struct run run;
    struct fail fail;
    struct timer timer; /* until it may begin; then until it has taken too long */
    enum { REFLECT_RESTS, REFLECT_WAITS, REFLECT_READS, REFLECT_STOPS } state;
    uint64_t began_ns;
};

static void begin(struct backend *b);

static struct reflection *of_run(struct run *r)
{
    return (struct reflection *)((char *)r - offsetof(struct reflection, run));
}

static struct reflection *of_wait(struct pool_wait *w)
{
    return (struct reflection *)((char *)w - offsetof(struct reflection, wait));
}

static struct reflection *of_timer(struct timer *t)
{
    return (struct reflection *)((char *)t - offsetof(struct reflection, timer));
}

static void wake(struct task *t)
{
    struct catalog_wait *w =
        (struct catalog_wait *)((char *)t - offsetof(struct catalog_wait, task));
    w->cb(w);
}

/* Takes those out of db->waits who are served by a reading begun at began_ns.
 * Under db->lock. */
static struct catalog_wait *take_served(struct database *db, uint64_t began_ns, bool all)
{
    struct catalog_wait *served = NULL;
    struct catalog_wait **at = &db->waits;
    while (*at != NULL) {
        struct catalog_wait *w = *at;
        if (all || w->any || w->since_ns <= began_ns) {
            *at = w->next;
            w->next = served;
            served = w;
        } else {
            at = &w->next;
        }
    }
    return served;
}

/* Puts the new catalog (or the failure) in place and wakes the waiters; begins
 * again if some came too late for this reading. */
static void publish(struct backend *b, uint64_t began_ns, struct catalog *c,
                    const struct fail *fail)
{
    struct database *db = b->db;
    struct catalog *old = NULL;
    pthread_mutex_lock(&db->lock);
    if (c != NULL) {
        old = db->catalog;
        db->catalog = c;
        db->reflect_took_ns = clock_now_ns() - began_ns;
        atomic_store(&db->catalog_version, catalog_version(c));
    }
    /* A failure is everybody's: who asks again begins again. */
    struct catalog_wait *served = take_served(db, began_ns, c == NULL);
    bool again = db->waits != NULL;
    db->reflecting = again;
    pthread_mutex_unlock(&db->lock);

    if (old != NULL && catalog_digest(old) != catalog_digest(c)) {
        touch_changed(b);
    }
    catalog_unref(old);
    while (served != NULL) {
        struct catalog_wait *w = served;
        served = w->next;
        w->err = c == NULL ? fail->code : ERR_OK;
        if (c == NULL && w->fail != NULL) {
            *w->fail = *fail;
        }
        w->task.run = wake;
        loop_post(w->loop, &w->task);
    }
    if (again) {
        begin(b);
    }
}

static void end(struct reflection *r, enum pool_return how)
{
    struct backend *b = r->backend;
    struct catalog *c = NULL;
    loop_timer_stop(&b->worker->loop, &r->timer);
    if (r->conn != NULL) {
        pool_release(b->pools[r->server], r->conn, how);
    }
    if (r->fail.code == ERR_OK && reflect_finish(r->reflect, &c, &r->fail) != ERR_OK) {
        c = NULL;
        fail_set(&r->fail, ERR_OUT_OF_MEMORY, "out of memory while reading the catalog");
    }
    struct log *log = b->worker->shared->log;
    if (c == NULL && trace_may_tell(b->worker)) {
        LOG(log, LOG_CATALOG, LOG_WARN, "reading the catalog failed",
            LOG_S("db", b->db->conf->name), LOG_S("error", str_of(r->fail.message)), LOG_END);
    } else if (c != NULL) {
        LOG(log, LOG_CATALOG, LOG_INFO, "catalog read", LOG_S("db", b->db->conf->name),
            LOG_I("tables", catalog_table_count(c)),
            LOG_I("ms", (clock_now_ns() - r->began_ns) / 1000000), LOG_END);
    }
    b->reflection = NULL;
    publish(b, r->began_ns, c, &r->fail);
    reflect_destroy(r->reflect);
    free(r);
    backend_release(b);
}

static void step(struct reflection *r);

static void on_run(struct run *run)
{
    struct reflection *r = of_run(run);
    bool lost = run->err == ERR_CONNECTION_LOST || run->err == ERR_CANCELLED ||
                r->state == REFLECT_STOPS;
    if (run->err != ERR_OK && !lost && reflect_failed(r->reflect)) {
        fail_init(&r->fail); /* the rest is of use without its rows */
    } else if (lost || run->err != ERR_OK) {
        fail_set(&r->fail, run->err != ERR_OK ? run->err : ERR_CANCELLED,
                 lost ? "reading the catalog was stopped"
                      : "the database refused a catalog query");
        end(r, run->err == ERR_CONNECTION_LOST ? POOL_BROKEN : POOL_CLEAN);
        return;
    }
    step(r);
}

static void step(struct reflection *r)
{
    const struct statement *s = reflect_next(r->reflect);
    if (s == NULL) {
        end(r, POOL_CLEAN);
        return;
    }
    r->run = (struct run){
        .stmt = s,
        .sets = 1,
        .sink = reflect_sink(r->reflect),
        .done = on_run,
        .fail = &r->fail,
    };
    r->conn->driver->run(r->conn, &r->run);
}

/* Not even the cancel was answered: the session is given up. */
static void on_deaf(struct timer *t)
{
    struct reflection *r = of_timer(t);
    struct db_conn *c = r->conn;
    r->conn = NULL;
    pool_abort(r->backend->pools[r->server], c);
}

static void on_too_long(struct timer *t)
{
    struct reflection *r = of_timer(t);
    struct backend *b = r->backend;
    struct loop *l = &b->worker->loop;
    r->state = REFLECT_STOPS;
    r->timer.fire = on_deaf;
    if (loop_timer_start(l, &r->timer, clock_now_ns() + b->worker->shared->deaf_ns / 4) !=
        ERR_OK) {
        on_deaf(t);
        return;
    }
    r->conn->driver->cancel(r->conn);
}

static void on_conn(struct pool_wait *w, struct db_conn *conn, enum err e)
{
    struct reflection *r = of_wait(w);
    r->conn = conn;
    if (e == ERR_OK && r->state == REFLECT_STOPS) {
        e = ERR_CANCELLED;
    }
    if (e != ERR_OK) {
        fail_set(&r->fail, e, "no connection to the database");
        end(r, POOL_CLEAN);
        return;
    }
    struct loop *l = &r->backend->worker->loop;
    r->state = REFLECT_READS;
    r->timer.fire = on_too_long;
    r->began_ns = clock_now_ns();
    if (loop_timer_start(l, &r->timer, r->began_ns + LONGEST_NS) != ERR_OK) {
        fail_set(&r->fail, ERR_OUT_OF_MEMORY, "out of memory");
        end(r, POOL_CLEAN);
        return;
    }
    step(r);
}

static void acquire(struct timer *t)
{
    struct reflection *r = of_timer(t);
    r->server = route_any(r->backend->db);
    r->state = REFLECT_WAITS;
    r->wait.cb = on_conn;
    r->wait.fail = &r->fail;
    pool_acquire(r->backend->pools[r->server], &r->wait, UINT64_MAX);
}

/* Before anybody knows which server is which, no request goes to any of them; the
 * first of a database waits here. */
static void on_rested(struct timer *t)
{
    struct reflection *r = of_timer(t);
    struct loop *l = &r->backend->worker->loop;
    if (atomic_load(&r->backend->db->roles.known) ||
        loop_timer_start(l, t, clock_now_ns() + ROLES_LOOK_NS) != ERR_OK) {
        acquire(t);
    }
}

static uint64_t rest_ns(uint64_t took_ns)
{
    uint64_t rest = took_ns * REST_FACTOR;
    return rest < REST_MIN_NS ? REST_MIN_NS : rest > REST_MAX_NS ? REST_MAX_NS : rest;
}

/* When the next reading may begin. */
static uint64_t earliest_ns(struct database *db)
{
    pthread_mutex_lock(&db->lock);
    bool urgent = false;
    for (const struct catalog_wait *w = db->waits; w != NULL; w = w->next) {
        urgent = urgent || w->urgent;
    }
    uint64_t last = db->catalog == NULL || urgent ? 0 : catalog_read_ns(db->catalog);
    uint64_t earliest = last == 0 ? 0 : last + rest_ns(db->reflect_took_ns);
    pthread_mutex_unlock(&db->lock);
    return earliest;
}

/* db->reflecting is set, so nobody else begins. */
static void begin(struct backend *b)
{
    struct fail failed;
    fail_init(&failed);
    struct reflection *r = calloc(1, sizeof *r);
    if (r != NULL) {
        fail_init(&r->fail);
        r->reflect = reflect_create(b->db->source, b->worker->shared->seed);
        r->timer.fire = on_rested;
    }
    if (r == NULL || r->reflect == NULL ||
        loop_timer_start(&b->worker->loop, &r->timer, earliest_ns(b->db)) != ERR_OK) {
        if (r != NULL) {
            reflect_destroy(r->reflect);
        }
        free(r);
        fail_set(&failed, ERR_OUT_OF_MEMORY, "out of memory while reading the catalog");
        publish(b, 0, NULL, &failed);
        return;
    }
    r->backend = backend_hold(b);
    b->reflection = r;
}

void catalog_stop(struct backend *b)
{
    struct reflection *r = b->reflection;
    if (r == NULL) {
        return;
    }
    switch (r->state) {
    case REFLECT_RESTS: /* only the waiters of other workers need it */
        loop_timer_stop(&b->worker->loop, &r->timer);
        acquire(&r->timer);
        r->state = REFLECT_STOPS;
        pool_cancel(b->pools[r->server], &r->wait);
        return;
    case REFLECT_WAITS:
        r->state = REFLECT_STOPS;
        pool_cancel(b->pools[r->server], &r->wait);
        return;
    case REFLECT_READS:
        on_too_long(&r->timer);
        return;
    case REFLECT_STOPS:
        return;
    }
}

void catalog_refresh(struct backend *b, struct catalog_wait *w)
{
    struct database *db = b->db;
    w->loop = &b->worker->loop;
    w->since_ns = clock_now_ns();
    pthread_mutex_lock(&db->lock);
    w->next = db->waits;
    db->waits = w;
    bool first = !db->reflecting;
    db->reflecting = true;
    pthread_mutex_unlock(&db->lock);
    if (first) {
        begin(b);
    }
}

bool catalog_wait_cancel(struct backend *b, struct catalog_wait *w)
{
    struct database *db = b->db;
    bool found = false;
    pthread_mutex_lock(&db->lock);
    for (struct catalog_wait **at = &db->waits; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            found = true;
            break;
        }
    }
    pthread_mutex_unlock(&db->lock);
    return found;
}
