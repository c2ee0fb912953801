/* SPDX-License-Identifier: MIT
 *
 * daemon/daemon.c: starts everything in order, waits for signals, and takes it
 * down in reverse order.
 */
#include "daemon/daemon.h"

#include "base/clock.h"
#include "base/hash.h"
#include "cache/flight.h"
#include "daemon/cache_plans.h"
#include "daemon/http.h"
#include "daemon/listener.h"
#include "daemon/regions.h"
#include "daemon/report.h"
#include "daemon/settings.h"
#include "daemon/sharing.h"
#include "daemon/touch.h"
#include "daemon/touch_held.h"
#include "daemon/version.h"
#include "daemon/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define WORKERS_MAX 64
#define CONNECTOR_THREADS 4
#define RESERVED_FDS 64
#define FDS_PER_SESSION 3 /* SQLite: the file, its WAL and shared memory */
#define POOL_LARGE 100
#define DEAF_NS UINT64_C(5000000000)
#define LAST_CALL_NS UINT64_C(1000000000)
#define SESSIONS_GRACE_NS UINT64_C(3000000000)
#define DRAIN_GRACE_NS UINT64_C(10000000000)

enum daemon_state { DAEMON_RUNNING, DAEMON_STOPPING };

struct daemon {
    const struct daemon_opts *opts;
    enum daemon_state state;
    enum daemon_exit code;
    struct log log;
    int log_fd; /* opened by us, or -1 */
    struct loop loop;
    uv_signal_t signals[3];
    struct worker_shared shared;
    struct epoch *epoch; /* of the result cache; its readers are the workers */
    struct worker *workers;
    unsigned worker_count, workers_left;
    struct timer last_call; /* once a second of the drain */
    uint64_t last_call_ns;  /* it must be over by then */
    uint64_t clients_gone_ns;
    struct settings *first; /* listeners borrow its texts */
    pthread_mutex_t lock;   /* guards settings: the stats thread reads it */
    struct settings *settings;
    struct listener *listener;
    struct http *http;
    uint64_t clients_max;
    _Atomic uint64_t refused;
    _Atomic int ready;
};

/* ---- log ---- */

static void set_log(struct daemon *d, const struct conf *c)
{
    if (c->log_file.len > 0) {
        int fd = open(c->log_file.ptr, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (fd < 0) {
            LOG(&d->log, LOG_DAEMON, LOG_ERROR, "cannot open the log file",
                LOG_S("file", c->log_file), LOG_S("error", str_of(strerror(errno))), LOG_END);
        } else if (d->log_fd < 0) {
            d->log_fd = fd;
            d->log.fd = fd;
        } else {
            dup2(fd, d->log_fd); /* others are writing to it: the number stays */
            close(fd);
        }
    }
    atomic_store(&d->log.format, (int)c->log_format);
    for (int i = 0; i < LOG_CATEGORY_COUNT; i++) {
        log_set_level(&d->log, (enum log_category)i, c->log_level[i]);
    }
}

static void log_fail(struct daemon *d, const char *what, const struct fail *f)
{
    if (f->hint[0] == '\0') {
        LOG(&d->log, LOG_DAEMON, LOG_ERROR, what, LOG_S("error", str_of(f->message)), LOG_END);
        return;
    }
    LOG(&d->log, LOG_DAEMON, LOG_ERROR, what, LOG_S("error", str_of(f->message)),
        LOG_S("hint", str_of(f->hint)), LOG_END);
}

/* One log line for each line of `text`. */
static void log_lines(struct daemon *d, enum log_level level, struct str text)
{
    while (text.len > 0) {
        ptrdiff_t end = str_find(text, '\n', 0);
        struct str line = {text.ptr, end < 0 ? text.len : (size_t)end};
        if (line.len > 0) {
            log_write(&d->log, LOG_CONF, level, NULL, "%.*s", STR_ARG(line));
        }
        size_t used = line.len + (end >= 0);
        text = (struct str){text.ptr + used, text.len - used};
    }
}

/* ---- stats ---- */

static struct settings *current_settings(struct daemon *d)
{
    pthread_mutex_lock(&d->lock);
    struct settings *s = settings_ref(d->settings);
    pthread_mutex_unlock(&d->lock);
    return s;
}

static void report(struct daemon *d, void (*write)(struct buf *, const struct report_in *),
                   struct buf *out)
{
    struct settings *s = current_settings(d);
    const struct worker_counts *counts[WORKERS_MAX];
    for (unsigned i = 0; i < d->worker_count; i++) {
        counts[i] = &d->workers[i].counts;
    }
    struct report_db *dbs = calloc(s->database_count + 1, sizeof *dbs);
    if (dbs == NULL) {
        out->failed = true;
        settings_unref(s);
        return;
    }
    for (uint32_t i = 0; i < s->database_count; i++) {
        struct database *db = s->databases[i];
        dbs[i] = (struct report_db){.name = db->conf->name,
                                    .dialect = db->driver->name,
                                    .share = &db->servers[0].share,
                                    .servers = db->servers,
                                    .server_count = db->server_count,
                                    .roles = &db->roles,
                                    .outside = db->conf->watch_count > 0 ? &db->outside : NULL};
    }
    struct report_in in = {
        .workers = counts,
        .worker_count = d->worker_count,
        .dbs = dbs,
        .db_count = s->database_count,
        .version = TRIBIKOS_VERSION,
        .started_ns = d->shared.started_ns,
        .clients_refused = atomic_load(&d->refused),
        .request_bytes = atomic_load(&d->shared.request_bytes),
        .log_lines = atomic_load(&d->log.lines),
        .regions = s->regions,
        .region_count = s->region_count,
        .cache_waiting = flights_waiting(d->shared.flights),
        .group = d->shared.sharing == NULL ? NULL : sharing_figures(d->shared.sharing),
    };
    write(out, &in);
    free(dbs);
    settings_unref(s);
}

static void write_stats(void *arg, struct buf *out)
{
    report(arg, report_json, out);
}

static void write_metrics(void *arg, struct buf *out)
{
    report(arg, report_metrics, out);
}

/* Ready: clients are accepted and no database is known to be down. */
static bool is_ready(void *arg, struct buf *out)
{
    struct daemon *d = arg;
    bool ready = atomic_load(&d->ready) != 0;
    if (!ready) {
        BUF_LIT(out, "not accepting clients\n");
    }
    struct settings *s = current_settings(d);
    for (uint32_t i = 0; i < s->database_count; i++) {
        const struct database *db = s->databases[i];
        uint32_t primary = atomic_load(&db->roles.primary);
        if (atomic_load(&db->servers[primary].share.down) != 0) {
            ready = false;
            buf_printf(out, "database %.*s is down\n", STR_ARG(db->conf->name));
        }
    }
    settings_unref(s);
    return ready;
}

/* ---- clients ---- */

static void on_accepted(void *arg, int fd)
{
    struct daemon *d = arg;
    struct worker *best = &d->workers[0];
    for (unsigned i = 1; i < d->worker_count; i++) {
        if (atomic_load(&d->workers[i].assigned) < atomic_load(&best->assigned)) {
            best = &d->workers[i];
        }
    }
    if (worker_give(best, fd) != ERR_OK) {
        LOG(&d->log, LOG_CLIENT, LOG_ERROR, "a client was dropped: out of memory", LOG_END);
    }
}

static uint64_t count_clients(struct daemon *d)
{
    uint64_t clients = 0;
    for (unsigned i = 0; i < d->worker_count; i++) {
        clients += atomic_load(&d->workers[i].assigned);
    }
    return clients;
}

static bool has_room(void *arg)
{
    struct daemon *d = arg;
    return count_clients(d) < d->clients_max;
}

/* What the pools may come to need; one without a limit is reckoned as a large one. */
static uint64_t pool_fds(const struct conf *c)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < c->database_count; i++) {
        const struct conf_pool *p = &c->databases[i].pool;
        bool limited = p->size > 0 && p->max_overflow >= 0;
        uint64_t sessions = limited ? (uint64_t)(p->size + p->max_overflow) : POOL_LARGE;
        n += FDS_PER_SESSION * sessions * (1 + c->databases[i].replica_count);
    }
    return n;
}

/* Descriptors for server connections, files and the log are kept back, so that
 * clients alone can never use them all up. */
static void set_client_limit(struct daemon *d, const struct conf *c)
{
    struct rlimit r;
    d->clients_max = (uint64_t)c->limits.clients;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0) {
        return;
    }
    if (r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
        getrlimit(RLIMIT_NOFILE, &r);
    }
    uint64_t kept = RESERVED_FDS + pool_fds(c);
    kept = kept < r.rlim_cur / 2 ? kept : r.rlim_cur / 2;
    uint64_t room = r.rlim_cur > kept + 16 ? r.rlim_cur - kept : 16;
    if (d->clients_max > room) {
        LOG(&d->log, LOG_DAEMON, LOG_WARN, "fewer clients than limits.clients can come",
            LOG_I("clients", room), LOG_I("nofile", r.rlim_cur), LOG_END);
        d->clients_max = room;
    }
}

/* ---- reload and stop ---- */

/* The last reference of the settings frees those that were made. */
static enum err open_regions(struct daemon *d, struct settings *s, const struct settings *old,
                             struct fail *f)
{
    const struct regions_with with = {
        .versions = d->shared.versions, .epoch = d->epoch, .seed = d->shared.seed};
    return regions_open(s, old, &with, f);
}

/* A database that was made anew may be another one by the same name. */
static void flush_replaced(struct daemon *d, const struct settings *s,
                           const struct settings *old)
{
    for (uint32_t i = 0; i < s->database_count; i++) {
        const struct database *db = s->databases[i];
        if (settings_database(old, db->conf->name) != db) {
            touch_replaced(d->shared.versions, db);
        }
    }
}

static struct settings *load_settings(struct daemon *d, struct settings *old)
{
    struct buf errors;
    buf_init(&errors);
    struct conf *c = conf_load(d->opts->conf_path, &errors);
    log_lines(d, c == NULL ? LOG_ERROR : LOG_WARN, buf_str(&errors));
    buf_fini(&errors);
    if (c == NULL) {
        return NULL;
    }
    struct fail f;
    fail_init(&f);
    struct settings *s = NULL;
    enum err e = settings_create(c, old, &s, &f);
    e = e != ERR_OK ? e : open_regions(d, s, old, &f);
    if (e == ERR_OK) {
        flush_replaced(d, s, old);
    }
    if (e != ERR_OK) {
        log_fail(d, "the new conf cannot be used", &f);
        settings_unref(s);
        return NULL;
    }
    return s;
}

static void note_what_stays(struct daemon *d, const struct conf *was, const struct conf *now)
{
    bool listen_changed = was->listen_count != now->listen_count;
    for (uint32_t i = 0; !listen_changed && i < was->listen_count; i++) {
        const struct conf_listen *a = &was->listen[i], *b = &now->listen[i];
        listen_changed = !str_eq(a->tcp_host, b->tcp_host) || a->tcp_port != b->tcp_port ||
                         !str_eq(a->unix_path, b->unix_path);
    }
    if (listen_changed || was->workers != now->workers || was->http_port != now->http_port ||
        was->http_on != now->http_on || !str_eq(was->http_host, now->http_host)) {
        LOG(&d->log, LOG_CONF, LOG_WARN,
            "changes of listen, http and workers take effect after a restart", LOG_END);
    }
    const struct conf_cache *a = &was->cache, *b = &now->cache;
    if (!conf_same_server(&a->share, &b->share) || !str_eq(a->group, b->group) ||
        a->forget_ms != b->forget_ms) {
        LOG(&d->log, LOG_CONF, LOG_WARN,
            "changes of how the cache is shared take effect after a restart", LOG_END);
    }
}

static void reload(struct daemon *d)
{
    if (d->opts->conf_path == NULL || d->state != DAEMON_RUNNING) {
        return;
    }
    struct settings *s = load_settings(d, d->settings);
    if (s == NULL) {
        LOG(&d->log, LOG_CONF, LOG_ERROR, "reload failed; the old conf stays in force",
            LOG_END);
        return;
    }
    note_what_stays(d, settings_conf(d->first), settings_conf(s));
    set_log(d, settings_conf(s));
    set_client_limit(d, settings_conf(s));
    for (unsigned i = 0; i < d->worker_count; i++) {
        if (worker_reload(&d->workers[i], s) != ERR_OK) {
            LOG(&d->log, LOG_CONF, LOG_ERROR, "a worker keeps the old conf: out of memory",
                LOG_I("worker", i), LOG_END);
        }
    }
    pthread_mutex_lock(&d->lock);
    struct settings *old = d->settings;
    d->settings = s;
    pthread_mutex_unlock(&d->lock);
    settings_unref(old);
    LOG(&d->log, LOG_CONF, LOG_INFO, "conf reloaded", LOG_I("databases", s->database_count),
        LOG_END);
}

/* Once all clients are gone, only sessions are left to close. A database that does
 * not answer may keep that waiting for ever, and nothing hangs on it. */
static void on_last_call(struct timer *t)
{
    struct daemon *d = (struct daemon *)((char *)t - offsetof(struct daemon, last_call));
    uint64_t now_ns = clock_now_ns();
    if (count_clients(d) > 0) {
        d->clients_gone_ns = 0;
    } else if (d->clients_gone_ns == 0) {
        d->clients_gone_ns = now_ns;
    } else if (now_ns - d->clients_gone_ns >= SESSIONS_GRACE_NS) {
        LOG(&d->log, LOG_DAEMON, LOG_WARN, "leaving sessions of databases that do not answer",
            LOG_END);
        _exit((int)d->code);
    }
    if (now_ns >= d->last_call_ns ||
        loop_timer_start(&d->loop, t, now_ns + LAST_CALL_NS) != ERR_OK) {
        LOG(&d->log, LOG_DAEMON, LOG_ERROR, "requests did not end in time; leaving them",
            LOG_END);
        _exit(EXIT_FAILED);
    }
}

static void stop(struct daemon *d)
{
    if (d->state == DAEMON_STOPPING) {
        LOG(&d->log, LOG_DAEMON, LOG_WARN, "told to stop twice: leaving now", LOG_END);
        _exit(EXIT_FAILED);
    }
    d->state = DAEMON_STOPPING;
    atomic_store(&d->ready, 0);
    uint64_t drain_ms = settings_conf(d->settings)->limits.drain_ms;
    LOG(&d->log, LOG_DAEMON, LOG_INFO, "stopping", LOG_I("drain_ms", drain_ms), LOG_END);
    listener_close(d->listener);
    d->listener = NULL;
    d->last_call.fire = on_last_call;
    uint64_t now_ns = clock_now_ns();
    d->last_call_ns = now_ns + drain_ms * 1000000 + DRAIN_GRACE_NS;
    if (loop_timer_start(&d->loop, &d->last_call, now_ns + LAST_CALL_NS) != ERR_OK) {
        LOG(&d->log, LOG_DAEMON, LOG_WARN, "out of memory: the drain has no limit", LOG_END);
    }
    for (unsigned i = 0; i < d->worker_count; i++) {
        if (worker_drain(&d->workers[i], drain_ms) != ERR_OK) {
            _exit(EXIT_FAILED);
        }
    }
}

static void close_main_loop(void *arg)
{
    struct daemon *d = arg;
    loop_timer_stop(&d->loop, &d->last_call);
    for (int i = 0; i < 3; i++) {
        if (d->signals[i].loop != NULL) { /* else the start did not come so far */
            uv_close((uv_handle_t *)&d->signals[i], NULL);
        }
    }
    /* The end is near: an impatient second signal must not turn it into a failure. */
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    loop_stop(&d->loop);
}

/* No worker is left. */
static void end_main_loop(struct daemon *d)
{
    if (d->shared.sharing != NULL) {
        sharing_stop(d->shared.sharing, close_main_loop, d);
    } else {
        close_main_loop(d);
    }
}

static void on_worker_ended(struct task *t)
{
    struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, ended));
    struct daemon *d = w->shared->arg;
    worker_join(w);
    if (--d->workers_left == 0) {
        end_main_loop(d);
    }
}

static void on_signal(uv_signal_t *s, int number)
{
    struct daemon *d = s->data;
    if (number == SIGHUP) {
        reload(d);
    } else {
        stop(d);
    }
}

/* ---- start ---- */

static enum err watch_signals(struct daemon *d, struct fail *f)
{
    static const int numbers[3] = {SIGTERM, SIGINT, SIGHUP};
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 3; i++) {
        uv_signal_init(&d->loop.uv, &d->signals[i]);
        d->signals[i].data = d;
        if (uv_signal_start(&d->signals[i], on_signal, numbers[i]) != 0) {
            return fail_set(f, ERR_INTERNAL, "cannot watch signals");
        }
    }
    return ERR_OK;
}

static unsigned count_workers(const struct conf *c)
{
    long n = c->workers > 0 ? (long)c->workers : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

static enum err start_workers(struct daemon *d, struct fail *f)
{
    unsigned n = count_workers(settings_conf(d->settings));
    d->workers = calloc(n, sizeof *d->workers);
    if (d->workers == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    d->shared.workers = d->workers;
    d->shared.worker_count = n;
    for (unsigned i = 0; i < n; i++) {
        struct worker *w = &d->workers[i];
        w->main_loop = &d->loop;
        w->ended.run = on_worker_ended;
        enum err e = worker_start(w, &d->shared, i, d->settings, f);
        if (e != ERR_OK) {
            return e;
        }
        d->worker_count++;
        d->workers_left++;
    }
    return ERR_OK;
}

static enum err start_shared(struct daemon *d, struct fail *f)
{
    d->shared.log = &d->log;
    d->shared.seed = hash_seed();
    d->shared.started_ns = clock_now_ns();
    d->shared.deaf_ns = DEAF_NS;
    atomic_init(&d->shared.next_statement, 1);
    d->shared.write_stats = write_stats;
    d->shared.arg = d;
    d->shared.connector = connector_create(CONNECTOR_THREADS);
    d->shared.versions = versions_create();
    d->shared.flights = flights_create(d->shared.seed, d->shared.versions);
    d->epoch = epoch_create(count_workers(settings_conf(d->settings)));
    d->shared.held = touch_held_create(d->shared.versions);
    d->shared.cache_plans =
        cache_plans_create(count_workers(settings_conf(d->settings)), d->shared.seed);
    if (d->shared.versions == NULL || d->shared.held == NULL || d->shared.flights == NULL ||
        d->epoch == NULL || d->shared.cache_plans == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "no memory for the result cache");
    }
    return d->shared.connector == NULL
               ? fail_set(f, ERR_OUT_OF_MEMORY, "cannot start the connector threads")
               : ERR_OK;
}

/* Before there are workers, so that nothing is written of which others do not hear. */
static enum err start_share(struct daemon *d, struct fail *f)
{
    const struct conf_cache *c = &settings_conf(d->first)->cache;
    if (c->share.host.len == 0) {
        return ERR_OK;
    }
    d->shared.sharing = sharing_start(&(struct sharing_opts){.conf = c,
                                                             .versions = d->shared.versions,
                                                             .loop = &d->loop,
                                                             .connector = d->shared.connector,
                                                             .log = &d->log});
    return d->shared.sharing == NULL ? fail_set(f, ERR_OUT_OF_MEMORY, "out of memory") : ERR_OK;
}

static enum err open_doors(struct daemon *d, struct fail *f)
{
    const struct conf *c = settings_conf(d->settings);
    struct listener_opts lo = {
        .listen = c->listen,
        .count = c->listen_count,
        .unprotected = c->listen_unprotected,
        .loop = &d->loop,
        .log = &d->log,
        .accepted = on_accepted,
        .has_room = has_room,
        .arg = d,
        .refused = &d->refused,
    };
    enum err e = listener_open(&lo, &d->listener, f);
    if (e != ERR_OK || !c->http_on) {
        return e;
    }
    struct http_opts ho = {
        .host = c->http_host,
        .port = c->http_port,
        .log = &d->log,
        .stats = write_stats,
        .metrics = write_metrics,
        .ready = is_ready,
        .arg = d,
    };
    return http_start(&ho, &d->http, f);
}

static void announce_listen(const struct conf_listen *l)
{
    if (l->unix_path.len > 0) {
        printf("listening on %.*s\n", STR_ARG(l->unix_path));
    } else {
        printf("listening on %.*s:%u\n", STR_ARG(l->tcp_host), l->tcp_port);
    }
}

static void announce(struct daemon *d)
{
    const struct conf *c = settings_conf(d->settings);
    for (uint32_t i = 0; i < c->listen_count; i++) {
        const struct conf_listen *l = &c->listen[i];
        LOG(&d->log, LOG_DAEMON, LOG_INFO, "listening",
            LOG_S("address", l->unix_path.len > 0 ? l->unix_path : l->tcp_host),
            LOG_I("port", l->tcp_port), LOG_END);
    }
    if (!d->opts->announce || c->listen_count == 0) {
        return;
    }
    const struct conf_listen *l = &c->listen[0];
    announce_listen(l);
    static const char *const lines[3] = {
        "{\"op\":\"ping\"}",
        "{\"op\":\"hello\"}",
        "{\"query\":{\"select\":[{\"one\":1}]}}",
    };
    for (int i = 0; i < 3; i++) {
        printf("  printf '%%s\\n' '%s' | nc -N %.*s %u\n", lines[i], STR_ARG(l->tcp_host),
               l->tcp_port);
    }
    fflush(stdout);
}

/* ---- the whole ---- */

static enum err start(struct daemon *d, struct fail *f)
{
    enum err e = settings_create(d->opts->conf, NULL, &d->settings, f);
    if (e != ERR_OK) {
        d->code = EXIT_BAD_CONF;
        return e;
    }
    d->first = settings_ref(d->settings);
    const struct conf *c = settings_conf(d->settings);
    set_log(d, c);
    set_client_limit(d, c);
    LOG(&d->log, LOG_DAEMON, LOG_INFO, "tribikosd " TRIBIKOS_VERSION " starts",
        LOG_I("pid", getpid()), LOG_I("workers", count_workers(c)), LOG_END);
    for (uint32_t i = 0; i < c->database_count; i++) {
        LOG(&d->log, LOG_DAEMON, LOG_INFO, "database", LOG_S("name", c->databases[i].name),
            LOG_S("url", c->databases[i].url.masked), LOG_END);
    }
    e = watch_signals(d, f);
    if (e == ERR_OK) {
        e = start_shared(d, f);
    }
    if (e == ERR_OK) {
        e = open_regions(d, d->settings, NULL, f);
    }
    if (e == ERR_OK) {
        e = start_share(d, f);
    }
    if (e == ERR_OK) {
        e = start_workers(d, f);
    }
    return e == ERR_OK ? open_doors(d, f) : e;
}

static void take_down(struct daemon *d)
{
    http_stop(d->http);
    sharing_destroy(d->shared.sharing);
    connector_destroy(d->shared.connector);
    loop_fini(&d->loop);
    free(d->workers);
    settings_unref(d->settings);
    settings_unref(d->first);
    cache_plans_destroy(d->shared.cache_plans);
    flights_destroy(d->shared.flights);
    epoch_destroy(d->epoch);
    touch_held_destroy(d->shared.held);
    versions_destroy(d->shared.versions);
    pthread_mutex_destroy(&d->lock);
    LOG(&d->log, LOG_DAEMON, LOG_INFO, "stopped", LOG_END);
    if (d->log_fd >= 0) {
        close(d->log_fd);
    }
}

enum daemon_exit daemon_run(const struct daemon_opts *opts)
{
    struct fail f;
    struct daemon d = {.opts = opts, .log_fd = -1, .code = EXIT_FAILED};
    fail_init(&f);
    log_init(&d.log, STDERR_FILENO, opts->conf->log_format);
    pthread_mutex_init(&d.lock, NULL);
    if (loop_init(&d.loop) != ERR_OK) {
        fputs("tribikosd: cannot make an event loop\n", stderr);
        conf_free(opts->conf);
        return EXIT_FAILED;
    }
    if (start(&d, &f) == ERR_OK) {
        d.code = EXIT_AS_ASKED;
        atomic_store(&d.ready, 1);
        announce(&d);
    } else {
        log_fail(&d, "cannot start", &f);
        if (d.workers_left == 0) {
            d.state = DAEMON_STOPPING;
            end_main_loop(&d);
        } else {
            stop(&d);
        }
    }
    loop_run(&d.loop);
    take_down(&d);
    return d.code;
}
