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
        .max_waiting = (uint32_t)p->max_waiting,
        .max_per_client = (uint32_t)p->max_per_client,
        .pre_ping = p->pre_ping,
        .backoff_min_ms = 100,
        .backoff_max_ms = 5000,
    };
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
        .on_connect = conf->on_connect,
        .on_connect_count = conf->on_connect_count,
        .connect_timeout_ms = (uint32_t)conf->pool.connect_timeout_ms,
        .statement_cache = (uint32_t)conf->pool.statement_cache,
        .memory_name = conf->name,
    };
    return ERR_OK;
}

enum err servers_create(const struct conf_database *conf, struct arena *a, struct server **out,
                        uint32_t *count)
{
    struct server *s = ARENA_NEW(a, struct server);
    if (s == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    s->url = &conf->url;
    enum err e = set_target(s, conf, a);
    if (e == ERR_OK) {
        struct pool_opts opts = pool_opts_of(conf);
        pool_share_init(&s->share, &opts);
        *out = s;
        *count = 1;
    }
    return e;
}

void servers_fini(struct server *servers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        pool_share_fini(&servers[i].share);
    }
}
