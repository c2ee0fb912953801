/* SPDX-License-Identifier: MIT
 *
 * daemon/ops_show.c: `show` of pools, servers, clients and databases: each worker
 * writes the rows of what belongs to it, on its own thread. What belongs to all is
 * written by the worker that was asked.
 */
#include "daemon/ops_show.h"

#include "base/clock.h"
#include "daemon/cache_plans.h"
#include "daemon/gather.h"
#include "daemon/report.h"
#include "daemon/sharing.h"
#include "daemon/steps.h"
#include "pool/pool_gate.h"
#include "pool/pool_status.h"

#include <stdio.h>
#include <stdlib.h>

#define NS_PER_MS UINT64_C(1000000)

struct show {
    struct req *req;
    const struct show_kind *kind;
    struct gather gather;
};

/* ---- rows ---- */

static void row_begin(struct gather_part *part)
{
    buf_str_add(&part->rows, part->count++ > 0 ? STR(",[") : STR("["));
}

static void comma(struct gather_part *part)
{
    if (part->rows.len > 0 && part->rows.ptr[part->rows.len - 1] != '[') {
        buf_char(&part->rows, ',');
    }
}

static void cell_text(struct gather_part *part, struct str text)
{
    comma(part);
    buf_json_str(&part->rows, text);
}

static void cell_num(struct gather_part *part, uint64_t n)
{
    comma(part);
    buf_u64(&part->rows, n);
}

static void cell_int(struct gather_part *part, int64_t n)
{
    comma(part);
    buf_i64(&part->rows, n);
}

/* A time that is not known is UINT64_MAX. */
static void cell_ms(struct gather_part *part, uint64_t ns)
{
    comma(part);
    if (ns == UINT64_MAX) {
        BUF_LIT(&part->rows, "null");
    } else {
        buf_u64(&part->rows, ns / NS_PER_MS);
    }
}

static void cell_bool(struct gather_part *part, bool yes)
{
    comma(part);
    buf_str_add(&part->rows, yes ? STR("true") : STR("false"));
}

static void row_end(struct gather_part *part)
{
    buf_char(&part->rows, ']');
}

/* Rows of what belongs to no worker are those of the one that was asked. */
static const struct settings *common(const struct gather_part *part)
{
    return part->worker == part->of->from ? part->worker->settings : NULL;
}

static uint64_t ms_since(uint64_t then_ns)
{
    uint64_t now_ns = clock_now_ns();
    return then_ns == 0 || now_ns < then_ns ? 0 : (now_ns - then_ns) / NS_PER_MS;
}

/* ---- pools ---- */

static void pool_row(struct gather_part *part, struct str db, uint32_t number,
                     struct pool_share *s)
{
    const struct pool_counts *n = &s->counts;
    const _Atomic int64_t *const now[] = {&n->idle, &n->busy, &n->opening, &n->waiting};
    const _Atomic uint64_t *const totals[] = {
        &n->lent,        &n->timeouts,    &n->refused,     &n->opened, &n->closed, &n->recycled,
        &n->invalidated, &n->ping_failed, &n->rolled_back, &n->reset,  &n->leaks};
    struct pool_state_now is;
    pool_now(s, &is);
    row_begin(part);
    cell_text(part, db);
    cell_num(part, number);
    cell_text(part, str_of(pool_gate_name(is.gate)));
    cell_bool(part, atomic_load(&s->down) != 0);
    cell_int(part, s->opts.size);
    cell_int(part, s->opts.max_overflow);
    int64_t open = 0;
    for (size_t i = 0; i < sizeof now / sizeof now[0]; i++) {
        int64_t v = atomic_load(now[i]);
        open += now[i] != &n->waiting ? v : 0;
        cell_int(part, v > 0 ? v : 0);
    }
    cell_int(part, s->opts.size > 0 && open > s->opts.size ? open - s->opts.size : 0);
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
        cell_num(part, count_get(totals[i]));
    }
    cell_ms(part, is.oldest_wait_ns);
    cell_ms(part, is.longest_loan_ns);
    cell_num(part, histogram_quantile(&is.waited, 0.99) / 1000);
    row_end(part);
}

static void ask_pools(struct gather_part *part)
{
    const struct settings *all = common(part);
    for (uint32_t i = 0; all != NULL && i < all->database_count; i++) {
        struct database *db = all->databases[i];
        for (uint32_t k = 0; k < db->server_count; k++) {
            pool_row(part, db->conf->name, k, &db->servers[k].share);
        }
    }
}

/* ---- databases ---- */

/* Replicas, or what is one now, that answered when they were last asked. */
static uint32_t count_up(const struct database *db)
{
    uint32_t n = 0;
    for (uint32_t i = 0; db->server_count > 1 && i < db->server_count; i++) {
        n += i != atomic_load(&db->roles.primary) &&
             atomic_load(&db->servers[i].health) == SERVER_UP;
    }
    return n;
}

static void ask_databases(struct gather_part *part)
{
    const struct settings *all = common(part);
    for (uint32_t i = 0; all != NULL && i < all->database_count; i++) {
        struct database *db = all->databases[i];
        row_begin(part);
        cell_text(part, db->conf->name);
        cell_text(part, str_of(db->driver->name));
        cell_text(part, db->conf->url.masked);
        cell_num(part, db->server_count);
        cell_text(part, str_of(pool_gate_name(pool_gate_of(&db->servers[0].share))));
        cell_bool(part, atomic_load(&db->servers[0].share.down) != 0);
        cell_num(part, db->server_count - 1);
        cell_num(part, count_up(db));
        cell_text(part, db->servers[atomic_load(&db->roles.primary)].name);
        cell_text(part, str_of(writes_go_name(&db->roles)));
        row_end(part);
    }
}

/* ---- servers ---- */

struct server_rows {
    struct gather_part *part;
    const struct database *db;
    uint32_t number;
};

static void server_row(void *arg, const struct pool_server_state *s)
{
    const struct server_rows *of = arg;
    const struct server *server = &of->db->servers[of->number];
    bool watched = of->db->server_count > 1;
    row_begin(of->part);
    cell_text(of->part, of->db->conf->name);
    cell_num(of->part, of->number);
    cell_num(of->part, of->part->worker->index);
    cell_num(of->part, s->backend_id);
    cell_text(of->part, str_of(s->state));
    cell_num(of->part, ms_since(s->since_ns));
    cell_num(of->part, ms_since(s->opened_ns));
    cell_num(of->part, s->client);
    cell_text(of->part, server->name);
    cell_text(of->part, str_of(watched ? server_health_name(server) : ""));
    cell_text(
        of->part,
        str_of(watched ? server_role_name((enum server_role)atomic_load(&server->role)) : ""));
    cell_ms(of->part, watched ? atomic_load(&server->lag_ns) : UINT64_MAX);
    cell_num(of->part, s->statements);
    row_end(of->part);
}

static void ask_servers(struct gather_part *part)
{
    for (const struct backend *b = part->worker->backends; b != NULL; b = b->next) {
        for (uint32_t k = 0; b->state != BACKEND_CLOSING && k < b->pools_open; k++) {
            struct server_rows rows = {.part = part, .db = b->db, .number = k};
            pool_each_server(b->pools[k], server_row, &rows);
        }
    }
}

/* ---- clients ---- */

/* host:port, or `unix`. */
static void address(const struct conn *c, char *out, size_t out_bytes)
{
    struct sockaddr_storage a;
    int len = sizeof a;
    char host[64];
    snprintf(out, out_bytes, "unix");
    if (c->io.handle.type != UV_TCP ||
        uv_tcp_getpeername(&c->io.tcp, (struct sockaddr *)&a, &len) != 0) {
        return;
    }
    if (a.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&a;
        (void)uv_ip4_name(in, host, sizeof host);
        snprintf(out, out_bytes, "%s:%u", host, ntohs(in->sin_port));
    } else if (a.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)&a;
        (void)uv_ip6_name(in, host, sizeof host);
        snprintf(out, out_bytes, "[%s]:%u", host, ntohs(in->sin6_port));
    }
}

static void ask_clients(struct gather_part *part)
{
    char text[96];
    for (const struct conn *c = part->worker->conns; c != NULL; c = c->next) {
        if (c->state >= CONN_CLOSING) {
            continue;
        }
        address(c, text, sizeof text);
        row_begin(part);
        cell_num(part, c->number);
        cell_num(part, part->worker->index);
        cell_text(part, str_of(text));
        cell_text(part, c->db);
        cell_num(part, c->req_count);
        cell_num(part, ms_since(c->since_ns));
        cell_num(part, c->bytes_in);
        cell_num(part, c->bytes_out);
        row_end(part);
    }
}

/* ---- cache ---- */

static void ask_cache(struct gather_part *part)
{
    const struct settings *all = common(part);
    for (uint32_t i = 0; all != NULL && i < all->region_count; i++) {
        uint64_t figures[REPORT_FIGURES];
        const struct conf_region *g = &settings_conf(all)->cache.regions[i];
        report_region(all->regions[i], figures);
        row_begin(part);
        cell_text(part, g->name);
        cell_text(part, g->backend == CONF_BACKEND_REDIS ? g->url.masked : STR("memory"));
        for (int k = 0; k < REPORT_FIGURES; k++) {
            cell_num(part, figures[k]);
        }
        row_end(part);
    }
}

static void ask_group(struct gather_part *part)
{
    const struct sharing *s = part->worker->shared->sharing;
    if (s == NULL || common(part) == NULL) {
        return;
    }
    row_begin(part);
    for (const struct report_field *f = report_group_figures; f->json != NULL; f++) {
        cell_num(part, report_value(sharing_figures(s), f->offset));
    }
    row_end(part);
}

/* ---- plans ---- */

static int by_number(const void *a, const void *b)
{
    const struct cache_plan *x = a, *y = b;
    uint64_t n = x->counts[CACHE_HITS], m = y->counts[CACHE_HITS];
    return n != m ? (n < m ? 1 : -1) : str_cmp(x->sql, y->sql);
}

static void plan_row(struct gather_part *part, const struct cache_plan *p)
{
    row_begin(part);
    cell_text(part, p->db);
    cell_text(part, p->sql);
    for (int k = 0; k < CACHE_COUNTS; k++) {
        cell_num(part, p->counts[k]);
    }
    row_end(part);
}

/* Those with the most hits first. */
static void ask_plans(struct gather_part *part)
{
    struct cache_plans *plans = part->worker->shared->cache_plans;
    uint32_t total = plans == NULL || common(part) == NULL ? 0 : cache_plans_total(plans);
    struct cache_plan *all = calloc(total + 1, sizeof *all);
    part->rows.failed = part->rows.failed || all == NULL;
    for (uint32_t i = 0; i < total && all != NULL; i++) {
        all[i] = cache_plans_get(plans, (uint16_t)i);
    }
    if (total > 1 && all != NULL) {
        qsort(all + 1, total - 1, sizeof *all, by_number);
    }
    for (uint32_t i = 1; i < total && all != NULL; i++) {
        plan_row(part, &all[i]);
    }
    if (total == CACHE_PLANS_MAX && all != NULL) {
        plan_row(part, &all[CACHE_PLAN_OTHERS]);
    }
    free(all);
}

/* ---- the operation ---- */

#define T "\"text\""
#define N "\"bigint\""
#define B "\"boolean\""
#define N4 N "," N "," N "," N

static const struct show_kind {
    const char *name;
    void (*ask)(struct gather_part *part);
    const char *columns, *types;
} kinds[] = {
    {"pools", ask_pools,
     "\"db\",\"server\",\"state\",\"down\",\"size\",\"max_overflow\",\"idle\",\"busy\","
     "\"opening\",\"waiting\",\"overflow\",\"lent\",\"timeouts\",\"refused\",\"opened\","
     "\"closed\",\"recycled\",\"invalidated\",\"ping_failed\",\"rolled_back\",\"reset\","
     "\"leaks\",\"oldest_wait_ms\",\"longest_loan_ms\",\"wait_p99_us\"",
     T "," N "," T "," B "," N4 "," N4 "," N4 "," N4 "," N4 "," N},
    {"servers", ask_servers,
     "\"db\",\"server\",\"worker\",\"backend\",\"state\",\"state_ms\",\"age_ms\",\"client\","
     "\"address\",\"health\",\"role\",\"lag_ms\",\"statements\"",
     T "," N "," N "," N "," T "," N "," N "," N "," T "," T "," T "," N "," N},
    {"clients", ask_clients,
     "\"client\",\"worker\",\"address\",\"db\",\"in_flight\",\"age_ms\",\"bytes_in\","
     "\"bytes_out\"",
     N "," N "," T "," T "," N4},
    {"cache", ask_cache,
     "\"region\",\"backend\",\"hits\",\"stale\",\"misses\",\"bypasses\",\"joined\",\"alone\","
     "\"refreshes\",\"failed\",\"fills\",\"refused\",\"evicted\",\"expired\",\"invalid\","
     "\"entries\",\"bytes\",\"max_bytes\"",
     T "," T "," N4 "," N4 "," N4 "," N4},
    {"group", ask_group,
     "\"joined\",\"whole\",\"members\",\"silent\",\"told\",\"heard\",\"slots_told\","
     "\"slots_heard\",\"missed\",\"forgotten\",\"lost\"",
     N4 "," N4 "," N "," N "," N},
    {"plans", ask_plans,
     "\"db\",\"sql\",\"cache_hits\",\"cache_stale\",\"cache_misses\",\"cache_bypasses\"",
     T "," T "," N4},
    {"databases", ask_databases,
     "\"db\",\"dialect\",\"url\",\"servers\",\"state\",\"down\",\"replicas\",\"replicas_up\","
     "\"primary\",\"writes\"",
     T "," T "," T "," N "," T "," B "," N "," N "," T "," T},
};

static const struct show_kind *find_kind(struct req *r)
{
    struct str what = r->msg.what.len > 0 ? r->msg.what : STR("pools");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (str_is(what, kinds[i].name)) {
            return &kinds[i];
        }
    }
    fail_at(&r->fail, ERR_UNSUPPORTED_FEATURE, STR("/what"),
            "there is nothing of this name to show");
    fail_hint(&r->fail, "pools, servers, clients, databases, cache, plans, group");
    return NULL;
}

static void on_gathered(struct gather *g)
{
    struct show *show = (struct show *)(void *)((char *)g - offsetof(struct show, gather));
    struct req *r = show->req;
    struct buf *b = &r->answer;
    uint64_t count = 0;
    buf_printf(b, "\"columns\":[%s],\"types\":[%s],\"rows\":[", show->kind->columns,
               show->kind->types);
    for (uint32_t i = 0; i < g->count; i++) {
        const struct gather_part *part = &g->parts[i];
        if (part->count > 0 && count > 0) {
            buf_char(b, ',');
        }
        buf_str_add(b, buf_str(&part->rows));
        b->failed = b->failed || part->rows.failed;
        count += part->count;
    }
    buf_printf(b, "],\"rowcount\":%llu}\n", (unsigned long long)count);
    gather_fini(g);
    req_go(r, b->failed ? req_fail_to(r, ERR_OUT_OF_MEMORY, REQ_REPLY) : REQ_REPLY);
}

int op_show(struct req *r)
{
    const struct show_kind *kind = find_kind(r);
    if (kind == NULL) {
        return req_fail_to(r, r->fail.code, REQ_REPLY);
    }
    struct show *show = arena_alloc(&r->arena, sizeof *show);
    struct gather_part *parts =
        ARENA_ARRAY(&r->arena, gather_count(r->worker), struct gather_part);
    if (show == NULL || parts == NULL) {
        return req_fail_to(r, ERR_OUT_OF_MEMORY, REQ_REPLY);
    }
    show->req = r;
    show->kind = kind;
    show->gather.ask = kind->ask;
    show->gather.done = on_gathered;
    show->gather.from = r->worker;
    show->gather.parts = parts;
    gather_start(&show->gather);
    return REQ_WAIT;
}
