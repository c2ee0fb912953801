/* SPDX-License-Identifier: MIT
 *
 * daemon/settings.c: from struct conf to databases.
 */
#include "daemon/settings.h"

#include "daemon/regions.h"
#include "pool/pool_gate.h"

#include <assert.h>
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
    case SCHEME_REDIS:
        return; /* conf/ accepts none */
    }
}

/* Drivers know their options, not where in the conf these stand. */
static enum err say_where(const struct database *d, uint32_t server, struct fail *f)
{
    struct fail why = *f;
    fail_init(f);
    fail_set(f, why.code, "`databases.%.*s.%s`: %s", STR_ARG(d->conf->name),
             server == 0 ? "url" : "replicas", why.message);
    fail_hint(f, "%s", why.hint);
    return why.code;
}

static enum err check_targets(struct database *d, struct fail *f)
{
    d->driver = driver_for(d->servers[0].target->kind);
    if (d->driver == NULL) {
        return fail_set(f, ERR_UNSUPPORTED_FEATURE,
                        "database %.*s: this build has no driver for its URL",
                        STR_ARG(d->conf->name));
    }
    for (uint32_t i = 0; i < d->server_count; i++) {
        if (d->driver->check(d->servers[i].target, f) != ERR_OK) {
            return say_where(d, i, f);
        }
    }
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
    enum err e = servers_create(conf, &owner->conf->arena, &d->servers, &d->server_count);
    roles_init(&d->roles, d->servers, d->server_count);
    if (e == ERR_OK) {
        e = check_targets(d, f);
    }
    if (e == ERR_OK) {
        e = sqlite_keeper_open(d->servers[0].target, &d->keeper, f);
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
    servers_fini(d->servers, d->server_count);
    roles_fini(&d->roles);
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

/* A database that an administrator has paused or drained stays so, whatever else
 * changes. */
static void carry_gate(struct database *to, struct settings *old)
{
    struct database *from = old == NULL ? NULL : settings_database(old, to->conf->name);
    uint64_t turn;
    for (uint32_t i = 0; from != NULL && i < to->server_count; i++) {
        (void)pool_gate_set(&to->servers[i].share, pool_gate_of(&from->servers[0].share),
                            &turn);
    }
}

static bool is_same_server(const struct server *a, const struct server *b)
{
    return a->url->scheme == b->url->scheme && a->url->port == b->url->port &&
           str_eq(a->url->host, b->url->host);
}

/* How many sessions of the server of `of` all pools together may open. */
static int32_t count_alike(const struct settings *s, const struct server *of)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < s->database_count; i++) {
        const struct database *d = s->databases[i];
        for (uint32_t k = 0; k < d->server_count; k++) {
            sum += is_same_server(of, &d->servers[k]) ? d->servers[k].share.cap : 0;
        }
    }
    return sum < INT32_MAX / 2 ? (int32_t)sum : 0;
}

static void tell_alike(struct settings *s)
{
    for (uint32_t i = 0; i < s->database_count; i++) {
        const struct database *d = s->databases[i];
        assert(d != NULL); /* fill made as many as it counted */
        for (uint32_t k = 0; k < d->server_count; k++) {
            atomic_store(&d->servers[k].share.alike, count_alike(s, &d->servers[k]));
        }
    }
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
            carry_gate(d, old);
        }
        s->databases[s->database_count++] = d;
    }
    tell_alike(s);
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
    s->number = old != NULL ? old->number + 1 : 1;
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
    for (uint32_t i = 0; i < s->region_count; i++) {
        region_unref(s->regions[i]);
    }
    free(s->regions);
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
