/* SPDX-License-Identifier: MIT
 *
 * daemon/settings.c: from struct conf to targets, pool options and databases.
 */
#include "daemon/settings.h"

#include <stdlib.h>

static struct shared_conf *conf_hold(struct shared_conf *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

static void conf_drop(struct shared_conf *c)
{
    if (c != NULL && atomic_fetch_sub(&c->refs, 1) == 1) {
        conf_free(c->conf);
        free(c);
    }
}

static enum db_kind kind_of(enum conf_scheme scheme)
{
    switch (scheme) {
    case SCHEME_POSTGRESQL:
        return DB_PG;
    case SCHEME_MARIADB:
        return DB_MARIA;
    case SCHEME_SQLITE:
        return DB_SQLITE;
    }
    return DB_SQLITE;
}

static void set_language(struct database *d, enum conf_scheme scheme)
{
    switch (scheme) {
    case SCHEME_POSTGRESQL:
        d->dialect = &dialect_pg;
        d->source = REFLECT_PG;
        return;
    case SCHEME_MARIADB:
        d->dialect = &dialect_maria;
        d->source = REFLECT_MARIA;
        return;
    case SCHEME_SQLITE:
        d->dialect = &dialect_sqlite;
        d->source = REFLECT_SQLITE;
        return;
    }
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
        .max_waiting = (uint32_t)p->max_waiting,
        .pre_ping = p->pre_ping,
        .backoff_min_ms = 100,
        .backoff_max_ms = 5000,
    };
}

/* The options of a URL have the same shape on both sides; they are copied because
 * the modules do not know each other. */
static enum err set_target(struct database *d, struct arena *a)
{
    const struct conf_url *u = &d->conf->url;
    struct db_option *options = ARENA_ARRAY(a, u->option_count, struct db_option);
    if (options == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < u->option_count; i++) {
        options[i] = (struct db_option){u->options[i].name, u->options[i].value};
    }
    d->target = &d->own_target;
    d->own_target = (struct db_target){
        .kind = kind_of(u->scheme),
        .host = u->host,
        .port = u->port,
        .user = u->user,
        .password = u->password,
        .database = u->database,
        .options = options,
        .option_count = u->option_count,
        .on_connect = d->conf->on_connect,
        .on_connect_count = d->conf->on_connect_count,
        .connect_timeout_ms = (uint32_t)d->conf->pool.connect_timeout_ms,
        .statement_cache = (uint32_t)d->conf->pool.statement_cache,
        .memory_name = d->conf->name,
    };
    return ERR_OK;
}

static enum err database_create(struct shared_conf *owner, const struct conf_database *conf,
                                struct database **out, struct fail *f)
{
    struct database *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    atomic_init(&d->refs, 1);
    pthread_mutex_init(&d->lock, NULL);
    d->owner = conf_hold(owner);
    d->conf = conf;
    set_language(d, conf->url.scheme);
    struct pool_opts opts = pool_opts_of(conf);
    pool_share_init(&d->share, &opts);
    enum err e = set_target(d, &owner->conf->arena);
    if (e == ERR_OK) {
        d->driver = driver_for(d->target->kind);
        e = d->driver == NULL ? fail_set(f, ERR_UNSUPPORTED_FEATURE,
                                         "database %.*s: this build has no driver for its URL",
                                         STR_ARG(conf->name))
                              : d->driver->check(d->target, f);
    }
    if (e == ERR_OK) {
        e = sqlite_keeper_open(d->target, &d->keeper, f);
    }
    if (e != ERR_OK) {
        database_unref(d);
        return e;
    }
    *out = d;
    return ERR_OK;
}

struct database *database_ref(struct database *d)
{
    atomic_fetch_add(&d->refs, 1);
    return d;
}

void database_unref(struct database *d)
{
    if (d == NULL || atomic_fetch_sub(&d->refs, 1) != 1) {
        return;
    }
    catalog_unref(d->catalog);
    sqlite_keeper_close(d->keeper);
    pool_share_fini(&d->share);
    pthread_mutex_destroy(&d->lock);
    conf_drop(d->owner);
    free(d);
}

/* The database of the old snapshot that can stay as it is, or NULL. */
static struct database *unchanged(struct settings *old, const struct conf_database *conf)
{
    struct database *d = old == NULL ? NULL : settings_database(old, conf->name);
    return d != NULL && str_eq(d->conf->digest, conf->digest) ? d : NULL;
}

static enum err fill(struct settings *s, struct settings *old, struct fail *f)
{
    const struct conf *c = s->conf->conf;
    s->databases = calloc(c->database_count + 1, sizeof(struct database *));
    if (s->databases == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    for (uint32_t i = 0; i < c->database_count; i++) {
        struct database *d = unchanged(old, &c->databases[i]);
        if (d != NULL) {
            database_ref(d);
        } else {
            enum err e = database_create(s->conf, &c->databases[i], &d, f);
            if (e != ERR_OK) {
                return e;
            }
        }
        s->databases[s->database_count++] = d;
    }
    return ERR_OK;
}

enum err settings_create(struct conf *c, struct settings *old, struct settings **out,
                         struct fail *f)
{
    struct settings *s = calloc(1, sizeof *s);
    struct shared_conf *shared = calloc(1, sizeof *shared);
    if (s == NULL || shared == NULL) {
        free(s);
        free(shared);
        conf_free(c);
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    atomic_init(&shared->refs, 1);
    shared->conf = c;
    atomic_init(&s->refs, 1);
    s->conf = shared;
    enum err e = fill(s, old, f);
    if (e != ERR_OK) {
        settings_unref(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

struct settings *settings_ref(struct settings *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void settings_unref(struct settings *s)
{
    if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1) {
        return;
    }
    for (uint32_t i = 0; i < s->database_count; i++) {
        database_unref(s->databases[i]);
    }
    free(s->databases);
    conf_drop(s->conf);
    free(s);
}

const struct conf *settings_conf(const struct settings *s)
{
    return s->conf->conf;
}

struct database *settings_database(const struct settings *s, struct str name)
{
    for (uint32_t i = 0; i < s->database_count; i++) {
        if (str_eq(s->databases[i]->conf->name, name)) {
            return s->databases[i];
        }
    }
    return NULL;
}
