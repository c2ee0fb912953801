/* SPDX-License-Identifier: MIT
 *
 * daemon/route.c: see route.h. Reads atomics that the monitor writes; a server that is
 * chosen on old news answers with an error that says so.
 */
#include "daemon/route.h"

#include "base/clock.h"
#include "daemon/monitor.h"
#include "daemon/request.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)
/* A server that came back gets a part of its share first: its caches are cold. */
#define SLOW_START_NS (5000 * NS_PER_MS)
#define SLOW_START_FACTOR 4

/* What a client wrote to one database. */
struct written {
    struct written *next;
    struct position position; /* POSITION_NONE: not known */
    size_t name_len;
    char name[]; /* of the database: it may be another struct after a reload */
};

/* ---- what a client wrote ---- */

static struct written *written_find(const struct conn *c, struct str db)
{
    for (struct written *w = c->written; w != NULL; w = w->next) {
        if (str_eq((struct str){w->name, w->name_len}, db)) {
            return w;
        }
    }
    return NULL;
}

void route_wrote(struct req *r)
{
    struct conn *c = r->conn;
    struct str db = r->backend->db->conf->name;
    struct written *w = written_find(c, db);
    if (w == NULL) {
        w = calloc(1, sizeof *w + db.len);
        if (w == NULL) {
            c->wrote_unknown = true;
            return;
        }
        memcpy(w->name, db.ptr, db.len);
        w->name_len = db.len;
        w->next = c->written;
        c->written = w;
    }
    w->position = r->route.at;
}

void route_forget(struct conn *c)
{
    while (c->written != NULL) {
        struct written *w = c->written;
        c->written = w->next;
        free(w);
    }
}

/* ---- who may go where ---- */

static bool is_read(const struct req *r)
{
    if (op_way(r->msg.op) == WAY_TX) {
        return r->msg.op == OP_BEGIN && r->msg.read_only;
    }
    return req_is_read(r) && (r->bound.plan == NULL || !r->bound.plan->locks);
}

static enum reads reads_of(const struct req *r)
{
    enum reads reads = r->msg.reads != READS_DEFAULT ? r->msg.reads : r->conn->reads;
    if (r->msg.read_after.kind != POSITION_NONE && reads < READS_SESSION) {
        return READS_SESSION;
    }
    return reads == READS_DEFAULT ? READS_PRIMARY : reads;
}

/* What a replica must have to serve r; false: nobody knows. */
static bool find_want(struct req *r, enum reads reads)
{
    struct position *want = &r->route.want;
    *want = r->msg.read_after;
    if (reads != READS_SESSION) {
        return true;
    }
    const struct written *w = written_find(r->conn, r->backend->db->conf->name);
    if (r->conn->wrote_unknown || (w != NULL && w->position.kind == POSITION_NONE)) {
        return false;
    }
    if (w != NULL) {
        position_raise(want, &w->position);
    }
    return true;
}

static bool serves_reads(const struct database *db, const struct server *s)
{
    (void)db;
    return atomic_load(&s->health) == SERVER_UP && atomic_load(&s->role) == ROLE_REPLICA;
}

/* How busy a server is beside its share: the least is asked. */
static uint64_t load_of(const struct server *s, uint64_t now_ns)
{
    const struct pool_counts *n = &s->share.counts;
    int64_t busy = atomic_load_explicit(&n->busy, memory_order_relaxed) +
                   atomic_load_explicit(&n->waiting, memory_order_relaxed);
    uint64_t load = (uint64_t)(busy > 0 ? busy + 1 : 1) * 1000 / s->weight;
    bool fresh = now_ns - atomic_load(&s->up_since_ns) < SLOW_START_NS;
    return fresh ? load * SLOW_START_FACTOR : load;
}

/* Whether replica s may serve a read that asks for `want` without waiting. */
static bool has(struct database *db, const struct server *s, const struct position *want)
{
    if (want->kind == POSITION_NONE) {
        return atomic_load(&s->lag_ns) <= db->conf->lag_ms * NS_PER_MS;
    }
    struct position p = server_position(&db->roles, s);
    return position_covers(&p, want);
}

/* The least active replica that has `want`; else the one that is least behind, for
 * which a read has to wait. False: there is none. */
static bool pick_replica(struct req *r)
{
    struct database *db = r->backend->db;
    uint64_t now_ns = clock_now_ns(), best_load = UINT64_MAX, least_lag_ns = UINT64_MAX;
    bool found = false;
    for (uint32_t i = 0; i < db->server_count; i++) {
        uint32_t n = (i + r->backend->turn) % db->server_count;
        const struct server *s = &db->servers[n];
        if (!serves_reads(db, s)) {
            continue;
        }
        if (has(db, s, &r->route.want)) {
            uint64_t load = load_of(s, now_ns);
            if (load < best_load) {
                best_load = load;
                r->route.server = n;
                r->route.waits = false;
                found = true;
            }
        } else if (best_load == UINT64_MAX && r->route.want.kind != POSITION_NONE &&
                   atomic_load(&s->lag_ns) <= least_lag_ns) {
            least_lag_ns = atomic_load(&s->lag_ns);
            r->route.server = n;
            r->route.waits = true;
            found = true;
        }
    }
    r->backend->turn++;
    return found;
}

static bool has_replicas(const struct database *db)
{
    return db->server_count > 1;
}

/* Whether a server is meant to take writes at all. */
static bool is_writable(const struct database *db)
{
    for (uint32_t i = 0; i < db->server_count; i++) {
        if (db->servers[i].wanted != CONF_ROLE_REPLICA) {
            return true;
        }
    }
    return false;
}

static enum err check_primary(struct req *r, enum writes_go writes)
{
    const struct database *db = r->backend->db;
    const struct server *s = &db->servers[r->route.server];
    switch (writes) {
    case WRITES_TO_PRIMARY:
        return ERR_OK;
    case WRITES_REFUSED:
        return is_read(r) ? ERR_OK
                          : fail_set(&r->fail, ERR_TWO_PRIMARIES,
                                     "several servers of database "
                                     "%.*s take writes; none is sent until one is left",
                                     STR_ARG(db->conf->name));
    case WRITES_NOWHERE:
        break;
    }
    if (!is_writable(db)) {
        return is_read(r) ? ERR_OK
                          : fail_set(&r->fail, ERR_READ_ONLY,
                                     "the conf gives database %.*s no server for writes",
                                     STR_ARG(db->conf->name));
    }
    if (is_read(r) && atomic_load(&s->role) == ROLE_READ_ONLY) {
        return ERR_OK;
    }
    return fail_set(&r->fail, ERR_CONNECTION_FAILED,
                    "no server of database %.*s takes writes at present",
                    STR_ARG(db->conf->name));
}

static enum err check_position(struct req *r)
{
    const struct replication *words = replication_of(r->backend->db->driver->kind);
    const struct position *p = &r->msg.read_after;
    return p->kind == POSITION_NONE || (words != NULL && words->kind == p->kind)
               ? ERR_OK
               : fail_at(&r->fail, ERR_BAD_REQUEST, STR("/read_after"),
                         "this is a position of another kind of database");
}

enum err route_choose(struct req *r)
{
    struct database *db = r->backend->db;
    enum err e = check_position(r);
    r->route.server = atomic_load(&db->roles.primary);
    r->route.waits = false;
    if (e == ERR_OK && has_replicas(db) && !r->route.primary_only && r->msg.op == OP_QUERY &&
        is_read(r)) {
        enum reads reads = is_writable(db) ? reads_of(r) : READS_EVENTUAL;
        bool gone = reads != READS_PRIMARY && find_want(r, reads) && pick_replica(r);
        if (gone) {
            r->pool = r->backend->pools[r->route.server];
            return ERR_OK;
        }
    }
    if (e == ERR_OK) {
        e = check_primary(r, (enum writes_go)atomic_load(&db->roles.writes));
    }
    r->pool = r->backend->pools[r->route.server];
    return e;
}

bool route_again(struct req *r, enum err e)
{
    struct database *db = r->backend->db;
    bool elsewhere = r->route.server != atomic_load(&db->roles.primary);
    if (e == ERR_CONNECTION_FAILED) {
        monitor_ask(db);
    }
    if (!elsewhere || r->route.primary_only || r->stop != ERR_OK ||
        (e != ERR_CONNECTION_FAILED && e != ERR_OVERLOAD)) {
        return false;
    }
    r->route.primary_only = true;
    return true;
}

/* What a replica fails with and a primary does not: it was lost, its replay takes away
 * rows or locks that the read needs, or it has not yet what the catalog has. */
static bool is_of_replica(enum err e)
{
    static const enum err codes[] = {
        ERR_CONNECTION_LOST, ERR_SERIALIZATION_FAILURE, ERR_DEADLOCK,         ERR_LOCK_TIMEOUT,
        ERR_CATALOG_CHANGED, ERR_UNKNOWN_TABLE,         ERR_UNKNOWN_COLUMN,   ERR_UNKNOWN_TYPE,
        ERR_READ_ONLY,       ERR_UNKNOWN_OPERATOR,      ERR_CONNECTION_FAILED};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] == e) {
            return true;
        }
    }
    return false;
}

bool route_turn_back(struct req *r)
{
    bool elsewhere = has_replicas(r->backend->db) &&
                     r->route.server != atomic_load(&r->backend->db->roles.primary);
    if (r->tx != NULL || !elsewhere || r->route.primary_only || r->stop != ERR_OK ||
        r->phase != REPLY_NONE || !is_read(r) || !is_of_replica(r->err)) {
        return false;
    }
    r->route.primary_only = true;
    r->route.again = true;
    return true;
}

bool route_tells_position(const struct req *r)
{
    return has_replicas(r->backend->db) && r->err == ERR_OK && r->lease != NULL &&
           !r->lease->broken && !is_read(r) && (r->tx == NULL || r->msg.op == OP_COMMIT);
}

bool route_heed(struct req *r, enum err e)
{
    if (e == ERR_READ_ONLY || e == ERR_CONNECTION_LOST || e == ERR_COMMIT_UNKNOWN) {
        monitor_ask(r->backend->db);
    }
    return e == ERR_READ_ONLY;
}

uint32_t route_any(const struct database *db)
{
    uint32_t primary = atomic_load(&db->roles.primary);
    if (atomic_load(&db->servers[primary].health) != SERVER_DOWN) {
        return primary;
    }
    for (uint32_t i = 0; i < db->server_count; i++) {
        if (atomic_load(&db->servers[i].health) == SERVER_UP) {
            return i;
        }
    }
    return primary;
}
