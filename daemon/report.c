/* SPDX-License-Identifier: MIT
 *
 * daemon/report.c: the /stats object, and the sums that both reports share.
 */
#include "daemon/report.h"

#include "backend/driver.h"
#include "backend/redis.h"
#include "base/clock.h"
#include "daemon/http.h"
#include "pool/pool_gate.h"
#include "pool/pool_status.h"

#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- sums ------------------------------------------------------------------ */

#define POOL_TOTAL(field, metric, help)                                                        \
    {                                                                                          \
#field, metric, help, offsetof(struct pool_counts, field)                              \
    }

const struct report_field report_pool_totals[] = {
    POOL_TOTAL(opened, "pool_opened_total", "Connections opened."),
    POOL_TOTAL(closed, "pool_closed_total", "Connections closed."),
    POOL_TOTAL(open_failed, "pool_open_failures_total", "Connects that failed."),
    POOL_TOTAL(lent, "pool_lent_total", "Loans of a connection to a request."),
    POOL_TOTAL(timeouts, "pool_timeouts_total", "Waits for a connection that timed out."),
    POOL_TOTAL(refused, "pool_refused_total",
               "Requests refused at once: too many waiting, or the database is down."),
    POOL_TOTAL(recycled, "pool_recycled_total", "Connections closed for their age."),
    POOL_TOTAL(invalidated, "pool_invalidated_total",
               "Connections closed because they or their like were dead."),
    POOL_TOTAL(ping_failed, "pool_ping_failures_total", "Pings before a loan that failed."),
    POOL_TOTAL(rolled_back, "pool_rollbacks_total", "Open transactions ended after a loan."),
    POOL_TOTAL(leaks, "pool_leaks_total", "Loans that lasted longer than leak_warning."),
    POOL_TOTAL(reset, "pool_resets_total", "Connections reset after a loan."),
    POOL_TOTAL(borrowed, "pool_borrowed_total",
               "Loans of a connection that another worker owns."),
    POOL_TOTAL(moved, "pool_moved_total",
               "Connections closed so that another worker may open one."),
    POOL_TOTAL(shared, "pool_shared_total", "Reads that shared a connection with others."),
    POOL_TOTAL(fused, "pool_fused_total", "Reads that were one statement with others."),
    POOL_TOTAL(fusions, "pool_fusions_total", "Statements that reads were fused into."),
    POOL_TOTAL(sent_again, "pool_sent_again_total",
               "Reads taken off a shared connection that did not answer."),
    POOL_TOTAL(grouped, "pool_grouped_total", "Writes sent in one transaction with others."),
    POOL_TOTAL(groups, "pool_groups_total", "Transactions of writes of several requests."),
    POOL_TOTAL(grouped_again, "pool_grouped_again_total",
               "Writes of such a transaction that failed, run once more, alone."),
    POOL_TOTAL(stalled, "pool_stalled_total",
               "Such transactions that were ended because they waited for a lock."),
    {NULL, NULL, NULL, 0},
};

uint64_t report_value(const void *counts, size_t offset)
{
    return count_get((const _Atomic uint64_t *)(const void *)((const char *)counts + offset));
}

uint64_t report_sum(const struct report_in *in, size_t offset)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < in->worker_count; i++) {
        n += report_value(in->workers[i], offset);
    }
    return n;
}

uint64_t report_tx_oldest_ns(const struct report_in *in)
{
    uint64_t first_ns = UINT64_MAX, now_ns = clock_now_ns();
    for (uint32_t i = 0; i < in->worker_count; i++) {
        uint64_t ns = count_get(&in->workers[i]->tx_oldest_ns);
        first_ns = ns != 0 && ns < first_ns ? ns : first_ns;
    }
    return first_ns < now_ns ? now_ns - first_ns : 0;
}

void report_stage(const struct report_in *in, enum stage s, struct histogram *into)
{
    memset(into, 0, sizeof *into);
    for (uint32_t i = 0; i < in->worker_count; i++) {
        histogram_merge(into, &in->workers[i]->stages[s]);
    }
}

/* -- the process ----------------------------------------------------------- */

static uint64_t rss_bytes(void)
{
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *second = strchr(text, ' '); /* total, resident, … in pages */
    uint64_t pages = second == NULL ? 0 : strtoull(second, NULL, 10);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Since Linux 6.2 the folder's size is the number of entries; before, it is 0. */
static uint64_t fds_open(void)
{
    struct stat st;
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0) {
        return (uint64_t)st.st_size;
    }
    DIR *d = opendir("/proc/self/fd");
    if (d == NULL) {
        return 0;
    }
    uint64_t n = 0;
    const struct dirent *e;
    while ((e = readdir(d)) != NULL) {
        n += e->d_name[0] != '.';
    }
    closedir(d);
    return n > 0 ? n - 1 : 0; /* not the folder's own */
}

struct report_process report_process(void)
{
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return (struct report_process){
        .rss_bytes = rss_bytes(),
        .fds_open = fds_open(),
        .fds_limit = (uint64_t)limit.rlim_cur,
    };
}

/* -- JSON ------------------------------------------------------------------ */

/* `"key":` with a comma unless it is the first of its object. */
static void key(struct buf *b, const char *name)
{
    if (b->len > 0 && b->ptr[b->len - 1] != '{') {
        buf_char(b, ',');
    }
    buf_json_str(b, str_of(name));
    buf_char(b, ':');
}

static void num(struct buf *b, const char *name, uint64_t value)
{
    key(b, name);
    buf_u64(b, value);
}

static void text(struct buf *b, const char *name, const char *value)
{
    key(b, name);
    buf_json_str(b, str_of(value));
}

static void begin(struct buf *b, const char *name)
{
    key(b, name);
    buf_char(b, '{');
}

static void end(struct buf *b)
{
    buf_char(b, '}');
}

#define SUM(in, field) report_sum((in), offsetof(struct worker_counts, field))

static void add_process(struct buf *b, const struct report_in *in)
{
    struct report_process p = report_process();
    text(b, "version", in->version);
    num(b, "protocol", 1);
    num(b, "uptime_ms", (clock_now_ns() - in->started_ns) / 1000000);
    num(b, "workers", in->worker_count);
    begin(b, "libraries");
    static const enum db_kind kinds[] = {DB_PG, DB_MARIA, DB_SQLITE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct driver *d = driver_for(kinds[i]);
        if (d != NULL && d->library_version != NULL) {
            text(b, d->name, d->library_version());
        }
    }
    text(b, "hiredis", redis_library_version());
    text(b, "libuv", uv_version_string());
    text(b, "libmicrohttpd", http_library_version());
    end(b);
    begin(b, "memory");
    num(b, "rss_bytes", p.rss_bytes);
    num(b, "request_bytes", in->request_bytes);
    end(b);
    begin(b, "fds");
    num(b, "open", p.fds_open);
    num(b, "limit", p.fds_limit);
    end(b);
    num(b, "log_lines", in->log_lines);
}

static void add_clients(struct buf *b, const struct report_in *in)
{
    begin(b, "clients");
    num(b, "now", SUM(in, clients));
    num(b, "accepted", SUM(in, clients_accepted));
    num(b, "refused", in->clients_refused);
    num(b, "foreign", SUM(in, clients_foreign));
    end(b);
    begin(b, "traffic");
    num(b, "bytes_in", SUM(in, bytes_in));
    num(b, "bytes_out", SUM(in, bytes_out));
    num(b, "rows_out", SUM(in, rows_out));
    end(b);
}

static void add_requests(struct buf *b, const struct report_in *in)
{
    uint64_t total = 0;
    begin(b, "requests");
    num(b, "in_flight", SUM(in, in_flight));
    begin(b, "by_kind");
    for (int op = 0; op < OP_COUNT; op++) {
        uint64_t n = report_sum(in, offsetof(struct worker_counts, requests) +
                                        (size_t)op * sizeof(_Atomic uint64_t));
        num(b, op_name((enum op)op), n);
        total += n;
    }
    end(b);
    num(b, "total", total);
    num(b, "malformed", SUM(in, malformed));
    num(b, "paused", SUM(in, paused));
    num(b, "slow_ended", SUM(in, slow_ended));
    end(b);
}

static void add_errors(struct buf *b, const struct report_in *in)
{
    begin(b, "errors");
    uint64_t total = 0;
    begin(b, "by_class");
    for (int c = CLASS_NONE + 1; c < CLASS_COUNT; c++) {
        uint64_t n = report_sum(in, offsetof(struct worker_counts, errors) +
                                        (size_t)c * sizeof(_Atomic uint64_t));
        num(b, err_class_wire((enum err_class)c), n);
        total += n;
    }
    end(b);
    num(b, "total", total);
    end(b);
}

static void add_latency(struct buf *b, const struct report_in *in)
{
    begin(b, "latency");
    for (int s = 0; s < STAGE_COUNT; s++) {
        struct histogram sum;
        report_stage(in, (enum stage)s, &sum);
        key(b, stage_name((enum stage)s));
        histogram_json(b, &sum);
    }
    end(b);
}

static void add_plans(struct buf *b, const struct report_in *in)
{
    begin(b, "plan_cache");
    num(b, "hits", SUM(in, plan_hits));
    num(b, "known", SUM(in, plan_known));
    num(b, "misses", SUM(in, plan_misses));
    num(b, "evicted", SUM(in, plan_evicted));
    num(b, "plans", SUM(in, plans));
    num(b, "bytes", SUM(in, plan_bytes));
    end(b);
}

static void add_transactions(struct buf *b, const struct report_in *in)
{
    begin(b, "transactions");
    num(b, "open", SUM(in, tx_open));
    num(b, "oldest_ms", report_tx_oldest_ns(in) / 1000000);
    num(b, "begun", SUM(in, tx_begun));
    num(b, "committed", SUM(in, tx_committed));
    num(b, "rolled_back", SUM(in, tx_rolled_back));
    num(b, "aborted", SUM(in, tx_aborted));
    num(b, "timeouts", SUM(in, tx_timeouts));
    end(b);
}

static void add_worker(struct buf *b, const struct worker_counts *w)
{
    buf_char(b, '{');
    num(b, "clients", count_get(&w->clients));
    num(b, "in_flight", count_get(&w->in_flight));
    num(b, "loop_turns", count_get(&w->loop_turns));
    num(b, "loop_lag_max_us", count_get(&w->loop_lag_max_ns) / 1000);
    end(b);
}

static void add_workers(struct buf *b, const struct report_in *in)
{
    key(b, "per_worker");
    buf_char(b, '[');
    for (uint32_t i = 0; i < in->worker_count; i++) {
        if (i > 0) {
            buf_char(b, ',');
        }
        add_worker(b, in->workers[i]);
    }
    buf_char(b, ']');
}

static const char *class_name(enum pool_class c)
{
    switch (c) {
    case POOL_QUEUE:
        return "queue";
    case POOL_NULL:
        return "null";
    case POOL_STATIC:
        return "static";
    }
    return "";
}

static uint64_t gauge(const _Atomic int64_t *g)
{
    int64_t v = atomic_load_explicit(g, memory_order_relaxed);
    return v > 0 ? (uint64_t)v : 0;
}

static void add_pool_now(struct buf *b, struct pool_share *s)
{
    struct pool_state_now now;
    pool_now(s, &now);
    text(b, "state", pool_gate_name(now.gate));
    num(b, "oldest_wait_ms", now.oldest_wait_ns / 1000000);
    num(b, "longest_loan_ms", now.longest_loan_ns / 1000000);
    key(b, "waits");
    histogram_json(b, &now.waited);
}

static void add_pool(struct buf *b, struct pool_share *s)
{
    const struct pool_counts *n = &s->counts;
    begin(b, "pool");
    text(b, "class", class_name(s->opts.kind));
    key(b, "size");
    buf_i64(b, s->opts.size);
    key(b, "max_overflow");
    buf_i64(b, s->opts.max_overflow);
    uint64_t idle = gauge(&n->idle), busy = gauge(&n->busy), opening = gauge(&n->opening);
    uint64_t all = idle + busy + opening;
    uint64_t size = s->opts.size > 0 ? (uint64_t)s->opts.size : 0;
    num(b, "idle", idle);
    num(b, "busy", busy);
    num(b, "opening", opening);
    num(b, "overflow", size > 0 && all > size ? all - size : 0);
    num(b, "waiting", gauge(&n->waiting));
    num(b, "starving", (uint64_t)atomic_load(&s->starving));
    for (const struct report_field *f = report_pool_totals; f->json != NULL; f++) {
        num(b, f->json, report_value(n, f->offset));
    }
    num(b, "wait_max_us", count_get(&n->wait_max_ns) / 1000);
    add_pool_now(b, s);
    end(b);
}

static void add_databases(struct buf *b, const struct report_in *in)
{
    begin(b, "databases");
    for (uint32_t i = 0; i < in->db_count; i++) {
        const struct report_db *db = &in->dbs[i];
        if (i > 0) {
            buf_char(b, ',');
        }
        buf_json_str(b, db->name);
        BUF_LIT(b, ":{");
        text(b, "dialect", db->dialect);
        key(b, "down");
        buf_str_add(b, atomic_load(&db->share->down) != 0 ? STR("true") : STR("false"));
        add_pool(b, db->share);
        report_servers_json(b, db);
        end(b);
    }
    end(b);
}

void report_json(struct buf *out, const struct report_in *in)
{
    buf_char(out, '{');
    add_process(out, in);
    add_clients(out, in);
    add_requests(out, in);
    add_errors(out, in);
    add_latency(out, in);
    add_plans(out, in);
    add_transactions(out, in);
    report_cache_json(out, in);
    add_workers(out, in);
    add_databases(out, in);
    end(out);
}
