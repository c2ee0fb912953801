/* SPDX-License-Identifier: MIT
 *
 * daemon/worker.c: a worker's thread, what other threads send it, and its view of
 * the databases.
 */
#include "daemon/worker.h"

#include "base/clock.h"
#include "daemon/catalogs.h"
#include "daemon/conn.h"
#include "daemon/far.h"
#include "daemon/monitor.h"
#include "daemon/outside.h"
#include "daemon/regions.h"
#include "daemon/request.h"
#include "daemon/touch_held.h"
#include "pool/pool_gate.h"
#include "pool/pool_status.h"

#include <assert.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BEAT_NS UINT64_C(1000000000)
#define BURST_FREED 256 /* requests and clients: less is not worth the time */
#define UNTOLD_BYTES UINT64_C(65536)
#define LAST_WORDS_NS UINT64_C(3000000000) /* to read the error of a request cut short */

/* ---- what other threads send ---- */

enum mail_kind { MAIL_SOCKET, MAIL_SETTINGS, MAIL_DRAIN };

struct mail {
    struct task task;
    struct worker *worker;
    enum mail_kind kind;
    int fd;
    uint64_t drain_ms;
    struct settings *settings;
};

static void adopt_settings(struct worker *w, struct settings *s);
static void start_drain(struct worker *w, uint64_t drain_ms);
static void look_if_empty(struct worker *w);

static void take_socket(struct worker *w, int fd)
{
    if (w->state != WORKER_RUNNING) {
        close(fd);
        atomic_fetch_sub(&w->assigned, 1);
        return;
    }
    enum err e = conn_create(w, fd);
    if (e != ERR_OK) {
        atomic_fetch_sub(&w->assigned, 1);
        LOG(w->shared->log, LOG_CLIENT, LOG_WARN, "a client was dropped",
            LOG_S("error", str_of(err_wire(e))), LOG_END);
    }
}

static void open_mail(struct task *t)
{
    struct mail *m = (struct mail *)((char *)t - offsetof(struct mail, task));
    switch (m->kind) {
    case MAIL_SOCKET:
        take_socket(m->worker, m->fd);
        break;
    case MAIL_SETTINGS:
        adopt_settings(m->worker, m->settings);
        break;
    case MAIL_DRAIN:
        start_drain(m->worker, m->drain_ms);
        break;
    }
    free(m);
}

static enum err send_mail(struct worker *w, struct mail mail)
{
    struct mail *m = malloc(sizeof *m);
    if (m == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    *m = mail;
    m->worker = w;
    m->task = (struct task){.run = open_mail};
    loop_post(&w->loop, &m->task);
    return ERR_OK;
}

enum err worker_give(struct worker *w, int fd)
{
    atomic_fetch_add(&w->assigned, 1);
    enum err e = send_mail(w, (struct mail){.kind = MAIL_SOCKET, .fd = fd});
    if (e != ERR_OK) {
        atomic_fetch_sub(&w->assigned, 1);
        close(fd);
    }
    return e;
}

enum err worker_reload(struct worker *w, struct settings *s)
{
    enum err e =
        send_mail(w, (struct mail){.kind = MAIL_SETTINGS, .settings = settings_ref(s)});
    if (e != ERR_OK) {
        settings_unref(s);
    }
    return e;
}

enum err worker_drain(struct worker *w, uint64_t drain_ms)
{
    return send_mail(w, (struct mail){.kind = MAIL_DRAIN, .drain_ms = drain_ms});
}

bool worker_post(struct worker *w, struct task *t)
{
    pthread_mutex_lock(&w->post_lock);
    bool open = !w->post_closed;
    if (open) {
        loop_post(&w->loop, t);
    }
    pthread_mutex_unlock(&w->post_lock);
    return open;
}

/* ---- databases ---- */

static void unlink_backend(struct backend *b)
{
    struct backend **at = &b->worker->backends;
    while (*at != b) {
        at = &(*at)->next;
    }
    *at = b->next;
}

static void pool_gone(void *arg)
{
    struct backend *b = arg;
    struct worker *w = b->worker;
    if (--b->pools_open > 0) {
        return;
    }
    unlink_backend(b);
    catalog_unref(b->catalog);
    database_unref(b->db);
    free(b);
    look_if_empty(w);
}

/* A retired backend closes when its last user has gone. */
static void close_if_unused(struct backend *b)
{
    if (b->state == BACKEND_RETIRED && b->users == 0) {
        b->state = BACKEND_CLOSING;
        for (uint32_t i = 0; i < b->db->server_count; i++) {
            pool_close(b->pools[i], pool_gone, b);
        }
    }
}

static void retire(struct backend *b)
{
    if (b->state == BACKEND_OPEN) {
        b->state = BACKEND_RETIRED;
        monitor_stop(b);
        outside_stop(b);
        close_if_unused(b);
    }
}

struct backend *backend_hold(struct backend *b)
{
    b->users++;
    return b;
}

void backend_release(struct backend *b)
{
    assert(b->users > 0);
    b->users--;
    close_if_unused(b);
}

/* A backend that could not be made whole: closes what there is of it. */
static void abandon(struct backend *b)
{
    b->state = BACKEND_CLOSING;
    uint32_t made = b->pools_open++;
    for (uint32_t i = 0; i < made; i++) {
        pool_close(b->pools[i], pool_gone, b);
    }
    pool_gone(b);
}

/* What a client does with a connection that it keeps for long. */
static const char *lease_state(void *arg, uint64_t client, const struct db_conn *lease)
{
    const struct worker *w = arg;
    const struct conn *c = w->conns;
    while (c != NULL && c->number != client) {
        c = c->next;
    }
    for (const struct req *r = c != NULL ? c->first : NULL; r != NULL; r = r->next) {
        if (r->lease == lease) {
            return req_state_name(r->state);
        }
    }
    return c != NULL ? "between requests" : "";
}

static void each_pool(struct worker *w, void (*f)(struct pool *p))
{
    for (struct backend *b = w->backends; b != NULL; b = b->next) {
        for (uint32_t i = 0; b->state != BACKEND_CLOSING && i < b->pools_open; i++) {
            f(b->pools[i]);
        }
    }
}

static struct backend *open_backend(struct worker *w, struct database *db)
{
    struct backend *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return NULL;
    }
    b->worker = w;
    b->db = database_ref(db);
    b->next = w->backends;
    w->backends = b;
    for (uint32_t i = 0; i < db->server_count; i++) {
        struct server *s = &db->servers[i];
        b->pools[i] =
            pool_create(&s->share, s->target, &w->loop, w->shared->connector, w->shared->log);
        if (b->pools[i] == NULL) {
            abandon(b);
            return NULL;
        }
        pool_ask_doing(b->pools[i], lease_state, w);
        b->pools_open++;
    }
    return b;
}

struct backend *worker_backend(struct worker *w, struct str name)
{
    const struct conf *conf = settings_conf(w->settings);
    struct database *db =
        settings_database(w->settings, name.len > 0 ? name : conf->default_database);
    if (db == NULL) {
        return NULL;
    }
    for (struct backend *b = w->backends; b != NULL; b = b->next) {
        if (b->db == db && b->state == BACKEND_OPEN) {
            return backend_hold(b);
        }
    }
    struct backend *b = open_backend(w, db);
    return b == NULL ? NULL : backend_hold(b);
}

struct catalog *backend_catalog(struct backend *b)
{
    struct database *db = b->db;
    uint64_t version = atomic_load(&db->catalog_version);
    if (version == 0) {
        return NULL;
    }
    if (b->catalog == NULL || catalog_version(b->catalog) != version) {
        struct catalog *old = b->catalog;
        pthread_mutex_lock(&db->lock);
        b->catalog = catalog_ref(db->catalog);
        pthread_mutex_unlock(&db->lock);
        if (old != NULL) {
            compiler_forget(b->worker->compiler, catalog_version(old));
        }
        catalog_unref(old);
    }
    return b->catalog;
}

/* Opens the pools of databases that keep connections ready (min_idle). The first
 * worker watches those that have replicas, or that others write to. */
static void warm_up(struct worker *w)
{
    for (uint32_t i = 0; i < w->settings->database_count; i++) {
        const struct database *db = w->settings->databases[i];
        bool watched = w->index == 0 && (db->server_count > 1 || db->conf->watch_count > 0);
        if (db->conf->pool.min_idle > 0 || watched) {
            struct backend *b = worker_backend(w, db->conf->name);
            if (b != NULL) {
                if (watched) {
                    monitor_start(b);
                    outside_start(b);
                }
                backend_release(b);
            }
        }
    }
}

struct renewal {
    struct catalog_wait wait;
    struct backend *backend; /* held */
};

static void renewed(struct catalog_wait *w)
{
    struct renewal *n = (struct renewal *)w;
    backend_release(n->backend);
    free(n);
}

/* A reload reads again every catalog that was read before. One worker does it. */
static void renew_catalogs(struct worker *w)
{
    for (uint32_t i = 0; i < w->settings->database_count && w->index == 0; i++) {
        struct database *db = w->settings->databases[i];
        struct renewal *n = NULL;
        if (atomic_load(&db->catalog_version) != 0) {
            n = calloc(1, sizeof *n);
        }
        if (n != NULL) {
            n->backend = worker_backend(w, db->conf->name);
        }
        if (n == NULL || n->backend == NULL) {
            free(n);
            continue;
        }
        n->wait.cb = renewed;
        catalog_refresh(n->backend, &n->wait);
    }
}

static void adopt_settings(struct worker *w, struct settings *s)
{
    if (w->state != WORKER_RUNNING) {
        settings_unref(s);
        return;
    }
    struct settings *old = w->settings;
    w->settings = s;
    struct backend *next;
    for (struct backend *b = w->backends; b != NULL; b = next) {
        next = b->next;
        if (settings_database(s, b->db->conf->name) != b->db) {
            retire(b);
        }
    }
    settings_unref(old);
    far_review(w);
    warm_up(w);
    renew_catalogs(w);
}

/* ---- the end ---- */

static void close_everything(struct worker *w)
{
    w->state = WORKER_CLOSING;
    loop_timer_stop(&w->loop, &w->drain_timer);
    struct backend *next;
    for (struct backend *b = w->backends; b != NULL; b = next) {
        next = b->next;
        catalog_stop(b);
        retire(b);
    }
    far_close_all(w);
    look_if_empty(w);
}

/* Draining goes on to closing when the last client is gone, closing to the end when
 * the last pool is. */
static void look_if_empty(struct worker *w)
{
    if (w->state == WORKER_DRAINING && w->conns == NULL) {
        close_everything(w);
    } else if (w->state == WORKER_CLOSING && w->backends == NULL && w->fars == NULL) {
        loop_timer_stop(&w->loop, &w->beat);
        pthread_mutex_lock(&w->post_lock);
        w->post_closed = true; /* what was posted before is still run */
        pthread_mutex_unlock(&w->post_lock);
        loop_stop(&w->loop);
    }
}

/* Those who do not even read their last line. */
static void leave_them(struct timer *t)
{
    struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, drain_timer));
    struct conn *next;
    for (struct conn *c = w->conns; c != NULL; c = next) {
        next = c->next;
        conn_close(c);
    }
}

/* What is still under way is stopped, and told so. */
static void drain_is_over(struct timer *t)
{
    struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, drain_timer));
    for (struct conn *c = w->conns; c != NULL; c = c->next) {
        struct req *next;
        for (struct req *r = c->first; r != NULL; r = next) {
            next = r->next;
            req_stop(r, ERR_SHUTTING_DOWN);
        }
        conn_end(c);
    }
    for (struct backend *b = w->backends; b != NULL; b = b->next) {
        catalog_stop(b);
    }
    w->drain_timer.fire = leave_them;
    uint64_t due = clock_now_ns() + LAST_WORDS_NS;
    if (loop_timer_start(&w->loop, &w->drain_timer, due) != ERR_OK) {
        leave_them(t);
    }
}

static void start_drain(struct worker *w, uint64_t drain_ms)
{
    if (w->state != WORKER_RUNNING) {
        return;
    }
    w->state = WORKER_DRAINING;
    w->drain_timer.fire = drain_is_over;
    uint64_t due = clock_now_ns() + drain_ms * 1000000;
    if (loop_timer_start(&w->loop, &w->drain_timer, due) != ERR_OK) {
        drain_is_over(&w->drain_timer);
    }
    struct conn *next;
    for (struct conn *c = w->conns; c != NULL; c = next) {
        next = c->next;
        conn_drain(c);
    }
    each_pool(w, pool_refuse_held);
    look_if_empty(w);
}

uint64_t worker_charge(struct worker *w, uint64_t change_bytes)
{
    _Atomic uint64_t *all = &w->shared->request_bytes;
    uint64_t untold = w->untold_bytes + change_bytes;
    bool small = untold + UNTOLD_BYTES < 2 * UNTOLD_BYTES; /* either way from 0 */
    if (small && count_get(&w->counts.in_flight) > 0) {
        w->untold_bytes = untold;
        return count_get(all) + untold;
    }
    w->untold_bytes = 0;
    return atomic_fetch_add_explicit(all, untold, memory_order_relaxed) + untold;
}

void worker_far_gone(struct worker *w)
{
    look_if_empty(w);
}

void worker_conn_gone(struct worker *w)
{
    atomic_fetch_sub(&w->assigned, 1);
    look_if_empty(w);
}

/* ---- the thread ---- */

/* malloc keeps whole pages in the middle of its heaps for ever unless it is told. That
 * takes milliseconds, so it is done once, behind a burst and not in it. */
static void give_memory_back(struct worker *w)
{
    uint32_t lately = w->freed - w->freed_seen;
    w->freed_seen = w->freed;
    if (w->freed >= BURST_FREED && lately < BURST_FREED / 8) {
        w->freed = w->freed_seen = 0;
        (void)malloc_trim(0);
    }
}

static void check_conns(struct worker *w)
{
    struct conn *next;
    for (struct conn *c = w->conns; c != NULL; c = next) {
        next = c->next;
        conn_check(c);
    }
}

/* One worker does it for all. */
static void tend_regions(struct worker *w)
{
    for (uint32_t i = 0; i < w->settings->region_count && w->index == 0; i++) {
        region_tend(w->settings->regions[i]->region, w->loop.now_ns);
    }
}

/* Writes whose outcome is settled by now. One worker does it for all. */
static void look_at_held(struct worker *w)
{
    if (w->index == 0 && w->shared->held != NULL) {
        uint32_t held = touch_held_look(w->shared->held, w->loop.now_ns);
        atomic_store_explicit(&w->counts.writes_held, held, memory_order_relaxed);
    }
}

/* Copies what other modules count into the worker's atomics. */
static void on_beat(struct timer *t)
{
    struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, beat));
    struct compiler_counts c = compiler_counts(w->compiler);
    req_trim(w);
    check_conns(w);
    give_memory_back(w);
    each_pool(w, pool_tell);
    tend_regions(w);
    look_at_held(w);
    if (w->state == WORKER_DRAINING) {
        each_pool(w, pool_refuse_held); /* who has come so far since the last look */
    }
    atomic_store_explicit(&w->counts.plan_hits, c.hits, memory_order_relaxed);
    atomic_store_explicit(&w->counts.plan_known, c.seen, memory_order_relaxed);
    atomic_store_explicit(&w->counts.plan_misses, c.misses, memory_order_relaxed);
    atomic_store_explicit(&w->counts.plan_evicted, c.evicted, memory_order_relaxed);
    atomic_store_explicit(&w->counts.plans, c.plans, memory_order_relaxed);
    atomic_store_explicit(&w->counts.plan_bytes, c.bytes, memory_order_relaxed);
    atomic_store_explicit(&w->counts.loop_turns, count_get(&w->loop.turns),
                          memory_order_relaxed);
    atomic_store_explicit(&w->counts.loop_lag_max_ns, atomic_exchange(&w->loop.lag_max_ns, 0),
                          memory_order_relaxed);
    if (loop_timer_start(&w->loop, &w->beat, w->loop.now_ns + BEAT_NS) != ERR_OK) {
        LOG(w->shared->log, LOG_DAEMON, LOG_WARN, "out of memory: counters stand still",
            LOG_I("worker", w->index), LOG_END);
    }
}

static void *run_worker(void *arg)
{
    struct worker *w = arg;
    warm_up(w);
    loop_run(&w->loop);
    loop_post(w->main_loop, &w->ended);
    return NULL;
}

enum err worker_start(struct worker *w, struct worker_shared *shared, unsigned index,
                      struct settings *settings, struct fail *f)
{
    w->shared = shared;
    w->index = index;
    pthread_mutex_init(&w->post_lock, NULL);
    enum err e = loop_init(&w->loop);
    if (e != ERR_OK) {
        return fail_set(f, e, "cannot make an event loop for worker %u", index);
    }
    w->compiler = compiler_create(&(struct compiler_opts){
        .cache_bytes = settings_conf(settings)->plan_cache_bytes,
        .seed = shared->seed,
        .next_statement = &shared->next_statement,
    });
    w->settings = settings_ref(settings);
    w->beat.fire = on_beat;
    if (w->compiler == NULL ||
        loop_timer_start(&w->loop, &w->beat, clock_now_ns() + BEAT_NS) != ERR_OK ||
        pthread_create(&w->thread, NULL, run_worker, w) != 0) {
        compiler_destroy(w->compiler);
        buf_fini(&w->name);
        settings_unref(w->settings);
        return fail_set(f, ERR_OUT_OF_MEMORY, "cannot start worker %u", index);
    }
    return ERR_OK;
}

void worker_join(struct worker *w)
{
    pthread_join(w->thread, NULL);
    loop_fini(&w->loop);
    pthread_mutex_destroy(&w->post_lock);
    while (w->free_reqs != NULL) {
        struct req *r = w->free_reqs;
        w->free_reqs = r->next;
        req_destroy(r);
    }
    compiler_destroy(w->compiler);
    buf_fini(&w->name);
    settings_unref(w->settings);
}
