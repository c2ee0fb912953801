/* SPDX-License-Identifier: MIT
 *
 * daemon/report_servers.c: the servers of a database with replicas, and what is heard of
 * others' writes, in both reports.
 */
#include "daemon/report.h"

static uint64_t gauge(const _Atomic int64_t *g)
{
    int64_t v = atomic_load_explicit(g, memory_order_relaxed);
    return v > 0 ? (uint64_t)v : 0;
}

static void add_server(struct buf *b, const struct report_db *db, uint32_t n)
{
    const struct server *s = &db->servers[n];
    const struct pool_counts *c = &s->share.counts;
    struct position p = server_position(db->roles, s);
    char position[POSITION_TEXT_BYTES];
    uint64_t lag_ns = atomic_load(&s->lag_ns);
    position_write(&p, position);
    BUF_LIT(b, "{\"server\":");
    buf_json_str(b, s->name);
    buf_printf(b, ",\"state\":\"%s\",\"role\":\"%s\",\"primary\":%s,\"weight\":%u,\"lag_ms\":",
               server_health_name(s), server_role_name((enum server_role)atomic_load(&s->role)),
               n == atomic_load(&db->roles->primary) ? "true" : "false", s->weight);
    if (lag_ns == UINT64_MAX) {
        BUF_LIT(b, "null");
    } else {
        buf_u64(b, lag_ns / 1000000);
    }
    buf_printf(b,
               ",\"position\":\"%s\",\"epoch\":%llu,\"idle\":%llu,\"busy\":%llu,"
               "\"waiting\":%llu,\"opened\":%llu,\"lent\":%llu}",
               position, (unsigned long long)atomic_load(&s->epoch),
               (unsigned long long)gauge(&c->idle), (unsigned long long)gauge(&c->busy),
               (unsigned long long)gauge(&c->waiting),
               (unsigned long long)count_get(&c->opened),
               (unsigned long long)count_get(&c->lent));
}

static void add_outside(struct buf *b, const struct outside_counts *o)
{
    buf_printf(b, ",\"watch\":{\"listens\":%s,\"heard\":%llu}",
               atomic_load(&o->listens) ? "true" : "false",
               (unsigned long long)count_get(&o->heard));
}

void report_servers_json(struct buf *b, const struct report_db *db)
{
    if (db->outside != NULL) {
        add_outside(b, db->outside);
    }
    if (db->server_count < 2) {
        return;
    }
    buf_printf(b, ",\"writes\":\"%s\",\"servers\":[", writes_go_name(db->roles));
    for (uint32_t i = 0; i < db->server_count; i++) {
        if (i > 0) {
            buf_char(b, ',');
        }
        add_server(b, db, i);
    }
    buf_char(b, ']');
}

/* ---- metrics ---- */

typedef uint64_t server_value(const struct report_db *db, uint32_t n);

static uint64_t is_up(const struct report_db *db, uint32_t n)
{
    return atomic_load(&db->servers[n].health) == SERVER_UP;
}

/* 1 only where writes go: of two primaries neither. */
static uint64_t takes_writes(const struct report_db *db, uint32_t n)
{
    return atomic_load(&db->roles->primary) == n &&
           atomic_load(&db->roles->writes) == WRITES_TO_PRIMARY;
}

static uint64_t lag_ms(const struct report_db *db, uint32_t n)
{
    uint64_t ns = atomic_load(&db->servers[n].lag_ns);
    return ns == UINT64_MAX ? UINT64_MAX : ns / 1000000;
}

static uint64_t is_busy(const struct report_db *db, uint32_t n)
{
    return gauge(&db->servers[n].share.counts.busy);
}

static const struct {
    const char *name, *help;
    server_value *value; /* UINT64_MAX: not known, left out */
} metrics[] = {
    {"server_up", "Whether a server of a database with replicas answers.", is_up},
    {"server_primary", "1 for the server that writes go to.", takes_writes},
    {"server_lag_milliseconds", "How far a replica is behind.", lag_ms},
    {"server_busy", "Connections of a server that are lent now.", is_busy},
};

static void add_outside_metric(struct buf *b, struct buf *set, const struct report_in *in,
                               bool counter)
{
    bool headed = false;
    for (uint32_t i = 0; i < in->db_count; i++) {
        const struct outside_counts *o = in->dbs[i].outside;
        const char *name = counter ? "watch_heard_total" : "watch_listens";
        if (o != NULL && !headed) {
            metric_head(b, name, counter ? METRIC_COUNTER : METRIC_GAUGE,
                        counter ? "Writes of others to watched tables."
                                : "Whether writes of others to watched tables are heard of.");
            headed = true;
        }
        if (o != NULL) {
            metric_u64(b, name, report_db_label(b, set, &in->dbs[i]),
                       counter ? count_get(&o->heard) : atomic_load(&o->listens));
        }
    }
}

void report_servers_metrics(struct buf *b, struct buf *set, const struct report_in *in)
{
    add_outside_metric(b, set, in, false);
    add_outside_metric(b, set, in, true);
    bool any = false;
    for (uint32_t i = 0; i < in->db_count; i++) {
        any = any || in->dbs[i].server_count > 1;
    }
    for (size_t m = 0; any && m < sizeof metrics / sizeof metrics[0]; m++) {
        metric_head(b, metrics[m].name, METRIC_GAUGE, metrics[m].help);
        for (uint32_t i = 0; i < in->db_count; i++) {
            const struct report_db *db = &in->dbs[i];
            for (uint32_t n = 0; db->server_count > 1 && n < db->server_count; n++) {
                uint64_t value = metrics[m].value(db, n);
                if (value != UINT64_MAX) {
                    (void)report_db_label(b, set, db);
                    metric_label(set, "server", db->servers[n].name);
                    b->failed = b->failed || set->failed;
                    metric_u64(b, metrics[m].name, set->ptr, value);
                }
            }
        }
    }
}
