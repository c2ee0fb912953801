/* SPDX-License-Identifier: MIT
 *
 * conf/check.c: what keys must be to each other, and what follows from them.
 */
#include "base/hash.h"
#include "conf/read.h"
#include "conf/scalar.h"

#include <string.h>

struct place check_place(const struct reading *r, const struct yaml *root, const char *section,
                         const char *key)
{
    const struct yaml *outer = yaml_get(root, section);
    const struct yaml *inner = key == NULL ? outer : yaml_get(outer, key);
    const struct yaml *y = inner != NULL ? inner : outer;
    return y != NULL ? y->at : (struct place){r->conf->path.ptr, 0, 0};
}

static bool same_listen(const struct conf_listen *a, const struct conf_listen *b)
{
    return str_eq(a->tcp_host, b->tcp_host) && a->tcp_port == b->tcp_port &&
           str_eq(a->unix_path, b->unix_path);
}

static void check_exposed(struct reading *r, struct place at, struct str host)
{
    if (!r->conf->listen_unprotected && !scalar_is_loopback(host)) {
        fault_at(r->report, at,
                 "%.*s is beyond loopback, and nobody has to log in yet; to listen there all "
                 "the same, write `listen_unprotected: true`",
                 STR_ARG(host));
    }
}

static void check_listen(struct reading *r, const struct yaml *root)
{
    const struct yaml *list = yaml_get(root, "listen");
    const struct yaml *y = list == NULL ? NULL : list->first;
    for (uint32_t i = 0; i < r->conf->listen_count; i++) {
        const struct conf_listen *l = &r->conf->listen[i];
        struct place at = y != NULL ? y->at : (struct place){r->conf->path.ptr, 0, 0};
        if (l->tcp_host.len > 0) {
            check_exposed(r, at, l->tcp_host);
        }
        for (uint32_t j = 0; j < i; j++) {
            if (same_listen(l, &r->conf->listen[j])) {
                fault_at(r->report, at, "the same address is given twice in `listen`");
            }
        }
        y = y == NULL ? NULL : y->next;
    }
    if (r->conf->http_on) {
        check_exposed(r, check_place(r, root, "http", NULL), r->conf->http_host);
    }
}

const struct conf_database *check_database_of(const struct conf *c, struct str name)
{
    for (uint32_t i = 0; i < c->database_count; i++) {
        if (str_eq(c->databases[i].name, name)) {
            return &c->databases[i];
        }
    }
    return NULL;
}

const struct conf_database *check_nearest_database(const struct conf *c, struct str name)
{
    for (uint32_t i = 0; i < c->database_count; i++) {
        if (str_distance(c->databases[i].name, name, 2) <= 2) {
            return &c->databases[i];
        }
    }
    return NULL;
}

static void choose_default(struct reading *r, const struct yaml *root)
{
    struct conf *c = r->conf;
    if (c->database_count == 1) {
        c->default_database = c->databases[0].name;
    } else if (check_database_of(c, STR("main")) != NULL) {
        c->default_database = STR("main");
    } else {
        fault_at(r->report, check_place(r, root, "databases", NULL),
                 "there are several databases and none is called `main`: say which one is "
                 "meant without a name, with `default_database`");
    }
}

static void check_default(struct reading *r, const struct yaml *root)
{
    struct conf *c = r->conf;
    if (c->database_count == 0) {
        fault_at(r->report, check_place(r, root, "databases", NULL),
                 "`databases` must hold at least one database");
    } else if (c->default_database.len == 0) {
        choose_default(r, root);
    } else if (check_database_of(c, c->default_database) == NULL) {
        const struct conf_database *near = check_nearest_database(c, c->default_database);
        fault_at(r->report, check_place(r, root, "default_database", NULL),
                 "`default_database` names no database%s%.*s%s",
                 near != NULL ? "; did you mean `" : "", near != NULL ? (int)near->name.len : 0,
                 near != NULL ? near->name.ptr : "", near != NULL ? "`?" : "");
    }
}

static void add_sized(struct buf *b, struct str s)
{
    uint64_t len = s.len;
    buf_add(b, &len, sizeof len);
    buf_str_add(b, s);
}

static void add_url(struct buf *b, const struct conf_url *u)
{
    buf_i64(b, (int64_t)u->scheme);
    buf_char(b, ' ');
    buf_u64(b, u->port);
    const struct str parts[] = {u->user, u->password, u->host, u->database};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        add_sized(b, parts[i]);
    }
    for (uint32_t i = 0; i < u->option_count; i++) {
        add_sized(b, u->options[i].name);
        add_sized(b, u->options[i].value);
    }
}

static void add_texts(struct buf *b, const struct key *k, const char *base)
{
    const struct str *texts;
    uint32_t count;
    memcpy(&texts, base + k->offset, sizeof texts);
    memcpy(&count, base + k->count_offset, sizeof count);
    buf_u64(b, count);
    for (uint32_t i = 0; i < count; i++) {
        add_sized(b, texts[i]);
    }
}

static void add_replicas(struct buf *b, const struct conf_database *d)
{
    buf_u64(b, d->replica_count);
    for (uint32_t i = 0; i < d->replica_count; i++) {
        const struct conf_replica *r = &d->replicas[i];
        add_url(b, &r->url);
        buf_add(b, &r->weight, sizeof r->weight);
        buf_add(b, &r->role, sizeof r->role);
    }
}

static void add_touches(struct buf *b, const struct conf_database *d)
{
    buf_u64(b, d->touch_count);
    for (uint32_t i = 0; i < d->touch_count; i++) {
        const struct conf_touch *t = &d->touches[i];
        add_sized(b, t->name);
        buf_u64(b, t->table_count);
        for (uint32_t k = 0; k < t->table_count; k++) {
            add_sized(b, t->tables[k]);
        }
    }
}

/* Adds the value of one key; types that no database has add nothing. */
static void add_key(struct buf *b, const struct key *k, const struct conf_database *d)
{
    const char *base = (const char *)d;
    buf_str_add(b, str_of(k->path));
    if (k->type == KEY_URL) {
        add_url(b, &d->url);
    } else if (k->type == KEY_TEXTS) {
        add_texts(b, k, base);
    } else if (k->type == KEY_SWITCH) {
        buf_add(b, base + k->offset, sizeof(bool));
    } else if (k->type == KEY_REPLICAS) {
        add_replicas(b, d);
    } else if (k->type == KEY_TOUCHES) {
        add_touches(b, d);
    } else if (k->type == KEY_WORD) {
        buf_add(b, base + k->offset, sizeof(unsigned));
    } else if (k->type == KEY_POOL_CLASS) {
        buf_add(b, base + k->offset, sizeof d->pool.kind);
    } else if (k->type != KEY_SECTION && k->type != KEY_LATER) {
        buf_add(b, base + k->offset, sizeof(int64_t));
    }
}

/* Two hashes of all settings: the text itself would keep the password in one more
 * place, and the digest might be shown one day. */
static bool set_digest(struct conf *c, struct conf_database *d)
{
    struct buf b;
    buf_init(&b);
    add_sized(&b, d->place);
    for (const struct key *k = conf_keys; k->path != NULL; k++) {
        if (k->scope == SCOPE_DATABASE) {
            add_key(&b, k, d);
        }
    }
    d->digest = arena_printf(&c->arena, "%016llx%016llx",
                             (unsigned long long)hash_bytes(buf_str(&b), 1),
                             (unsigned long long)hash_bytes(buf_str(&b), 2));
    bool ok = !b.failed && d->digest.ptr != NULL;
    if (b.ptr != NULL) {
        explicit_bzero(b.ptr, b.cap);
    }
    buf_fini(&b);
    return ok;
}

static bool same_server(const struct conf_url *a, const struct conf_url *b)
{
    return a->port == b->port && str_eq(a->host, b->host) && str_eq(a->database, b->database);
}

static unsigned port_of(const struct conf_url *u)
{
    unsigned usual = u->scheme == SCHEME_POSTGRESQL ? 5432 : 3306;
    return u->port != 0 ? u->port : usual;
}

/* Whether both have the same tables, under whatever users. On MariaDB a statement may reach
 * all databases of a server. */
static bool same_data(const struct conf_url *a, const struct conf_url *b)
{
    bool database = a->scheme == SCHEME_MARIADB || str_eq(a->database, b->database);
    bool memory = a->scheme == SCHEME_SQLITE && a->database.len == 0;
    return a->scheme == b->scheme && port_of(a) == port_of(b) && str_eq(a->host, b->host) &&
           database && !memory;
}

/* Before digests are made: who shares its data with another one than before is another
 * database. */
static void find_places(const struct conf *c, struct conf_database *databases)
{
    for (uint32_t i = 0; i < c->database_count; i++) {
        uint32_t first = 0;
        while (first < i && !same_data(&databases[first].url, &databases[i].url)) {
            first++;
        }
        databases[i].place = databases[first].name;
    }
}

/* A server given twice would seem to be two primaries one day. */
static void check_replica(struct reading *r, struct place at, const struct conf_database *d,
                          uint32_t n)
{
    const struct conf_url *url = &d->replicas[n].url;
    if (url->scheme != d->url.scheme) {
        fault_at(r->report, at, "a replica is of another kind than the database's `url`");
    }
    bool twice = url->host.len > 0 && same_server(url, &d->url);
    for (uint32_t i = 0; i < n; i++) {
        twice = twice || (url->host.len > 0 && same_server(url, &d->replicas[i].url));
    }
    if (twice) {
        fault_at(r->report, at, "the same server is given twice");
    }
}

static void check_replicas(struct reading *r, const struct yaml *root,
                           const struct conf_database *d)
{
    const struct yaml *databases = yaml_get(root, "databases");
    struct place at = check_place(r, databases, d->name.ptr, "replicas");
    uint32_t primaries = d->role == CONF_ROLE_PRIMARY;
    if (d->replica_count > 0 && d->url.scheme == SCHEME_SQLITE) {
        fault_at(r->report, at, "a SQLite database is a file and has no replicas");
        return;
    }
    for (uint32_t i = 0; i < d->replica_count; i++) {
        primaries += d->replicas[i].role == CONF_ROLE_PRIMARY;
        check_replica(r, at, d, i);
    }
    if (d->replica_count > 0 && d->lag_ms < 2 * d->check_ms) {
        fault_at(r->report, at,
                 "`lag` is measured in steps of `check`: it must be at least "
                 "twice that");
    }
    if (primaries > 1) {
        fault_at(r->report, at, "only one server of a database has the role primary");
    }
}

/* Who listens has a connection of the pool for good. */
static void check_watch(struct reading *r, const struct yaml *root,
                        const struct conf_database *d)
{
    const struct conf_pool *p = &d->pool;
    const struct yaml *databases = yaml_get(root, "databases");
    struct place at = check_place(r, databases, d->name.ptr, "watch");
    const struct yaml *watch = yaml_get(yaml_get(databases, d->name.ptr), "watch");
    if (watch != NULL && yaml_get(watch, "tables") == NULL) {
        fault_at(r->report, at, "`watch` needs `tables`: [orders], or [\"*\"] for all");
    }
    if (d->watch_count > 0 && d->url.scheme != SCHEME_POSTGRESQL) {
        fault_at(r->report, at,
                 "only PostgreSQL tells what others write (docs/CACHE.md says what to do)");
    } else if (d->watch_count > 0 && p->size > 0 && p->max_overflow >= 0 &&
               p->size + p->max_overflow < 2) {
        fault_at(r->report, at, "`watch` keeps a connection of the pool, which has only one");
    }
}

static void check_database(struct reading *r, const struct yaml *root, struct conf_database *d)
{
    const struct conf_pool *p = &d->pool;
    check_replicas(r, root, d);
    check_watch(r, root, d);
    bool limited = p->size > 0 && p->max_overflow >= 0;
    if (limited && p->min_idle > p->size + p->max_overflow) {
        fault_at(r->report, check_place(r, yaml_get(root, "databases"), d->name.ptr, "pool"),
                 "`databases.%.*s.pool.min_idle` is more than size and max_overflow allow",
                 STR_ARG(d->name));
    }
    if (!set_digest(r->conf, d)) {
        fault_memory(r->report);
    }
}

void check_conf(struct reading *r, const struct yaml *root)
{
    struct conf *c = r->conf;
    check_listen(r, root);
    check_default(r, root);
    if (c->limits.login_frame_bytes > c->limits.frame_bytes) {
        fault_at(r->report, check_place(r, root, "limits", "login_frame"),
                 "`limits.login_frame` is more than `limits.frame`");
    }
    /* Nobody else has seen the conf yet: still ours to complete. */
    struct conf_database *databases = (struct conf_database *)(uintptr_t)c->databases;
    find_places(c, databases);
    for (uint32_t i = 0; i < c->database_count; i++) {
        check_database(r, root, &databases[i]);
    }
    check_cache(r, root);
}
