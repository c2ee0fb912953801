/* SPDX-License-Identifier: MIT
 *
 * daemon/servers.c: from the conf of a database to the targets and pool options of
 * its servers.
 */
#include "daemon/servers.h"

static enum db_kind kind_of(enum conf_scheme scheme)
{
    switch (scheme) {
    case SCHEME_POSTGRESQL:
        return DB_PG;
    case SCHEME_MARIADB:
        return DB_MARIA;
    case SCHEME_SQLITE:
    case SCHEME_REDIS:
        return DB_SQLITE;
    }
    return DB_SQLITE;
}

static enum pool_class class_of(enum conf_pool_class c)
{
    switch (c) {
    case CONF_POOL_QUEUE:
        return POOL_QUEUE;
    case CONF_POOL_NULL:
        return POOL_NULL;
    case CONF_POOL_STATIC:
        return POOL_STATIC;
    }
    return POOL_QUEUE;
}

static struct pool_opts pool_opts_of(const struct conf_database *c)
{
    const struct conf_pool *p = &c->pool;
    return (struct pool_opts){
        .name = c->name,
        .kind = class_of(p->kind),
        .size = (int32_t)p->size,
        .max_overflow = (int32_t)p->max_overflow,
        .timeout_ms = p->timeout_ms,
        .recycle_ms = p->recycle_ms,
        .max_lifetime_ms = p->max_lifetime_ms,
        .min_idle = (uint32_t)p->min_idle,
        .leak_warning_ms = p->leak_warning_ms,
        .max_waiting = (uint32_t)p->max_waiting,
        .max_per_client = (uint32_t)p->max_per_client,
        .pre_ping = p->pre_ping,
        .pipelining = p->pipelining == CONF_AUTO,
        .fusion = p->fusion == CONF_AUTO,
        .backoff_min_ms = 100,
        .backoff_max_ms = 5000,
    };
}

/* What each new session is told: the isolation level, then the conf's own statements,
 * which may say otherwise. SQLite has one level. */
static enum err set_on_connect(struct db_target *t, const struct conf_database *conf,
                               struct arena *a)
{
    static const char *const words[] = {
        [DB_PG] = "set session characteristics as transaction isolation level ",
        [DB_MARIA] = "set session transaction isolation level ",
        [DB_SQLITE] = NULL,
        [DB_FAKE] = NULL,
    };
    const char *level = isolation_name(conf->isolation);
    t->on_connect = conf->on_connect;
    t->on_connect_count = conf->on_connect_count;
    if (level == NULL || words[t->kind] == NULL) {
        return ERR_OK;
    }
    struct str *all = ARENA_ARRAY(a, conf->on_connect_count + 1, struct str);
    if (all == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    all[0] = arena_printf(a, "%s%s", words[t->kind], level);
    for (uint32_t i = 0; i < conf->on_connect_count; i++) {
        all[i + 1] = conf->on_connect[i];
    }
    t->on_connect = all;
    t->on_connect_count++;
    return all[0].ptr != NULL ? ERR_OK : ERR_OUT_OF_MEMORY;
}

/* The options of a URL have the same shape on both sides; they are copied because
 * the modules do not know each other. */
static enum err set_target(struct server *s, const struct conf_database *conf, struct arena *a)
{
    const struct conf_url *u = s->url;
    struct db_option *options = ARENA_ARRAY(a, u->option_count, struct db_option);
    if (options == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < u->option_count; i++) {
        options[i] = (struct db_option){u->options[i].name, u->options[i].value};
    }
    s->target = &s->own_target;
    s->own_target = (struct db_target){
        .kind = kind_of(u->scheme),
        .host = u->host,
        .port = u->port,
        .user = u->user,
        .password = u->password,
        .database = u->database,
        .options = options,
        .option_count = u->option_count,
        .connect_timeout_ms = (uint32_t)conf->pool.connect_timeout_ms,
        .statement_cache = (uint32_t)conf->pool.statement_cache,
        .memory_name = conf->name,
        .orphans = &s->orphans,
        .sessions = &s->sessions,
    };
    return set_on_connect(&s->own_target, conf, a);
}

/* "db2:5432"; a socket or a file by its path. */
static struct str name_of(const struct conf_url *u, struct arena *a)
{
    if (u->host.len == 0) {
        return u->database;
    }
    return u->port == 0 ? u->host : arena_printf(a, "%.*s:%u", STR_ARG(u->host), u->port);
}

static enum err server_init(struct server *s, const struct conf_database *conf, uint32_t n,
                            struct arena *a)
{
    const struct conf_replica *r = n == 0 ? NULL : &conf->replicas[n - 1];
    s->url = r == NULL ? &conf->url : &r->url;
    s->wanted = r == NULL ? conf->role : r->role;
    s->weight = r == NULL ? 1 : (uint32_t)r->weight;
    s->name = name_of(s->url, a);
    enum err e = s->name.ptr == NULL ? ERR_OUT_OF_MEMORY : set_target(s, conf, a);
    if (e == ERR_OK) {
        struct pool_opts opts = pool_opts_of(conf);
        if (conf->replica_count > 0 && conf->check_ms < opts.backoff_max_ms) {
            opts.backoff_max_ms = conf->check_ms; /* it is looked at so often anyway */
        }
        opts.name = n == 0
                        ? conf->name
                        : arena_printf(a, "%.*s@%.*s", STR_ARG(conf->name), STR_ARG(s->name));
        atomic_init(&s->lag_ns, UINT64_MAX);
        pool_share_init(&s->share, &opts);
        e = opts.name.ptr == NULL ? ERR_OUT_OF_MEMORY : ERR_OK;
    }
    return e;
}

enum err servers_create(const struct conf_database *conf, struct arena *a, struct server **out,
                        uint32_t *count)
{
    uint32_t wanted = 1 + conf->replica_count;
    struct server *s = ARENA_ARRAY(a, wanted, struct server);
    enum err e = s == NULL ? ERR_OUT_OF_MEMORY : ERR_OK;
    *out = s;
    for (uint32_t i = 0; e == ERR_OK && i < wanted; i++) {
        e = server_init(&s[i], conf, i, a);
        *count += e == ERR_OK;
    }
    return e;
}

const char *server_health_name(const struct server *s)
{
    static const char *const names[] = {
        [SERVER_UNKNOWN] = "unknown", [SERVER_UP] = "up", [SERVER_DOWN] = "down"};
    return names[atomic_load(&s->health)];
}

const char *writes_go_name(const struct roles *r)
{
    static const char *const names[] = {[WRITES_TO_PRIMARY] = "primary",
                                        [WRITES_NOWHERE] = "nowhere",
                                        [WRITES_REFUSED] = "two_primaries"};
    return names[atomic_load(&r->writes)];
}

void servers_fini(struct server *servers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        pool_share_fini(&servers[i].share);
    }
}

/* ---- roles ---- */

void roles_init(struct roles *r, const struct server *servers, uint32_t count)
{
    pthread_mutex_init(&r->lock, NULL);
    atomic_init(&r->known, count < 2);
    for (uint32_t i = 0; i < count; i++) {
        if (servers[i].wanted == CONF_ROLE_PRIMARY) {
            atomic_init(&r->primary, i);
        }
    }
    if (count == 1 && servers[0].wanted == CONF_ROLE_REPLICA) {
        atomic_init(&r->writes, WRITES_NOWHERE);
    }
}

void roles_fini(struct roles *r)
{
    pthread_mutex_destroy(&r->lock);
}

static bool claims(const struct server *s, enum server_role role)
{
    return s->wanted != CONF_ROLE_REPLICA && atomic_load(&s->health) == SERVER_UP &&
           atomic_load(&s->role) == (int)role;
}

static uint32_t count_claims(const struct server *servers, uint32_t count,
                             enum server_role role, uint32_t *last)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (claims(&servers[i], role)) {
            *last = i;
            n++;
        }
    }
    return n;
}

/* The conf forbids writing to any other than the one it calls the primary. */
static bool is_foreign(const struct server *servers, uint32_t count, uint32_t n)
{
    for (uint32_t i = 0; i < count; i++) {
        if (servers[i].wanted == CONF_ROLE_PRIMARY) {
            return i != n;
        }
    }
    return false;
}

bool roles_judge(struct roles *r, const struct server *servers, uint32_t count)
{
    uint32_t was = atomic_load(&r->primary), primary = was;
    enum writes_go writes = WRITES_TO_PRIMARY;
    uint32_t takers = count_claims(servers, count, ROLE_PRIMARY, &primary);
    if (takers > 1) {
        primary = was;
        writes = WRITES_REFUSED;
    } else if (takers == 1 && is_foreign(servers, count, primary)) {
        primary = was;
        writes = WRITES_NOWHERE;
    } else if (takers == 0 && atomic_load(&servers[was].health) == SERVER_UP) {
        /* It is there and does not take them. Were it away, its pool would say that. */
        writes = WRITES_NOWHERE;
        (void)count_claims(servers, count, ROLE_READ_ONLY, &primary);
    }
    int old = atomic_exchange(&r->writes, (int)writes);
    atomic_store(&r->primary, primary);
    return primary != was || old != (int)writes;
}

struct position server_position(struct roles *r, const struct server *s)
{
    pthread_mutex_lock(&r->lock);
    struct position p = s->position;
    pthread_mutex_unlock(&r->lock);
    return p;
}

void server_reached(struct roles *r, struct server *s, const struct position *p)
{
    pthread_mutex_lock(&r->lock);
    position_raise(&s->position, p);
    pthread_mutex_unlock(&r->lock);
}
