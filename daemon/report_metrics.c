/* SPDX-License-Identifier: MIT
 *
 * daemon/report_metrics.c: the Prometheus text of /metrics.
 *
 * `promtool check metrics` accepts it (tested). Labels are few and bounded: kind,
 * class, stage, worker, db.
 */
#include "base/clock.h"
#include "daemon/report.h"
#include "pool/pool_status.h"

#include <stddef.h>

#define WORKER(field) offsetof(struct worker_counts, field)

static const struct {
    const char *name;
    const char *help;
    size_t offset;
    enum metric_type type;
} worker_metrics[] = {
    {"clients", "Clients connected now.", WORKER(clients), METRIC_GAUGE},
    {"clients_accepted_total", "Clients accepted.", WORKER(clients_accepted), METRIC_COUNTER},
    {"clients_foreign_total", "Clients closed at their first byte: not our protocol.",
     WORKER(clients_foreign), METRIC_COUNTER},
    {"requests_in_flight", "Requests being worked on now.", WORKER(in_flight), METRIC_GAUGE},
    {"malformed_lines_total", "Lines that were no request.", WORKER(malformed), METRIC_COUNTER},
    {"received_bytes_total", "Bytes read from clients.", WORKER(bytes_in), METRIC_COUNTER},
    {"sent_bytes_total", "Bytes written for clients.", WORKER(bytes_out), METRIC_COUNTER},
    {"sent_rows_total", "Rows written for clients.", WORKER(rows_out), METRIC_COUNTER},
    {"replies_paused_total", "Replies that had to wait for their reader.", WORKER(paused),
     METRIC_COUNTER},
    {"replies_slow_ended_total", "Replies ended because of a slow reader.", WORKER(slow_ended),
     METRIC_COUNTER},
    {"plan_cache_hits_total", "Plans found in the cache.", WORKER(plan_hits), METRIC_COUNTER},
    {"plan_cache_known_total", "Queries known by their bytes, without reading them.",
     WORKER(plan_known), METRIC_COUNTER},
    {"plan_cache_misses_total", "Plans that had to be compiled.", WORKER(plan_misses),
     METRIC_COUNTER},
    {"plan_cache_evicted_total", "Plans dropped from the cache.", WORKER(plan_evicted),
     METRIC_COUNTER},
    {"tx_open", "Transactions open now.", WORKER(tx_open), METRIC_GAUGE},
    {"tx_begun_total", "Transactions begun.", WORKER(tx_begun), METRIC_COUNTER},
    {"tx_committed_total", "Transactions committed.", WORKER(tx_committed), METRIC_COUNTER},
    {"tx_rolled_back_total", "Transactions rolled back.", WORKER(tx_rolled_back),
     METRIC_COUNTER},
    {"tx_aborted_total", "Transactions in which a request failed.", WORKER(tx_aborted),
     METRIC_COUNTER},
    {"tx_timeouts_total", "Transactions ended by a time limit.", WORKER(tx_timeouts),
     METRIC_COUNTER},
    {"plan_cache_plans", "Plans in the cache now.", WORKER(plans), METRIC_GAUGE},
    {"plan_cache_bytes", "Memory of the plan cache.", WORKER(plan_bytes), METRIC_GAUGE},
};

static void add_sums(struct buf *b, const struct report_in *in)
{
    for (size_t i = 0; i < sizeof worker_metrics / sizeof worker_metrics[0]; i++) {
        metric_head(b, worker_metrics[i].name, worker_metrics[i].type, worker_metrics[i].help);
        metric_u64(b, worker_metrics[i].name, NULL, report_sum(in, worker_metrics[i].offset));
    }
}

static void one(struct buf *b, const char *name, enum metric_type type, const char *help,
                uint64_t value)
{
    metric_head(b, name, type, help);
    metric_u64(b, name, NULL, value);
}

static void seconds(struct buf *b, const char *name, const char *labels, uint64_t ns)
{
    metric_double(b, name, labels, (double)ns / 1e9);
}

/* A label set of one pair; b fails with it. */
static const char *label(struct buf *b, struct buf *set, const char *key, struct str value)
{
    buf_clear(set);
    metric_label(set, key, value);
    if (set->failed) {
        b->failed = true;
        return NULL;
    }
    return set->ptr;
}

static void add_process(struct buf *b, struct buf *set, const struct report_in *in)
{
    struct report_process p = report_process();
    metric_head(b, "build_info", METRIC_GAUGE, "The version of this server; always 1.");
    metric_u64(b, "build_info", label(b, set, "version", str_of(in->version)), 1);
    metric_head(b, "uptime_seconds", METRIC_GAUGE, "Time since the start.");
    seconds(b, "uptime_seconds", NULL, clock_now_ns() - in->started_ns);
    one(b, "workers", METRIC_GAUGE, "Event-loop threads.", in->worker_count);
    one(b, "resident_memory_bytes", METRIC_GAUGE, "Memory of the process.", p.rss_bytes);
    one(b, "request_memory_bytes", METRIC_GAUGE, "Memory of all requests now.",
        in->request_bytes);
    one(b, "open_fds", METRIC_GAUGE, "File descriptors open now.", p.fds_open);
    one(b, "max_fds", METRIC_GAUGE, "File descriptors that may be open.", p.fds_limit);
    one(b, "log_lines_total", METRIC_COUNTER, "Lines logged.", in->log_lines);
    one(b, "clients_refused_total", METRIC_COUNTER, "Clients turned away: limit or no memory.",
        in->clients_refused);
}

static void add_oldest(struct buf *b, const struct report_in *in)
{
    metric_head(b, "tx_oldest_seconds", METRIC_GAUGE, "Age of the oldest open transaction.");
    seconds(b, "tx_oldest_seconds", NULL, report_tx_oldest_ns(in));
}

static void add_requests(struct buf *b, struct buf *set, const struct report_in *in)
{
    metric_head(b, "requests_total", METRIC_COUNTER, "Requests by kind.");
    for (int op = 0; op < OP_COUNT; op++) {
        size_t at = WORKER(requests) + (size_t)op * sizeof(_Atomic uint64_t);
        metric_u64(b, "requests_total", label(b, set, "kind", str_of(op_name((enum op)op))),
                   report_sum(in, at));
    }
    metric_head(b, "errors_total", METRIC_COUNTER, "Requests that failed, by class.");
    for (int c = CLASS_NONE + 1; c < CLASS_COUNT; c++) {
        size_t at = WORKER(errors) + (size_t)c * sizeof(_Atomic uint64_t);
        const char *name = err_class_wire((enum err_class)c);
        metric_u64(b, "errors_total", label(b, set, "class", str_of(name)), report_sum(in, at));
    }
}

static void add_latency(struct buf *b, struct buf *set, const struct report_in *in)
{
    metric_histogram_head(b, "request_duration_seconds", "Time of requests by stage.");
    for (int s = 0; s < STAGE_COUNT; s++) {
        struct histogram sum;
        report_stage(in, (enum stage)s, &sum);
        metric_histogram(b, "request_duration_seconds",
                         label(b, set, "stage", str_of(stage_name((enum stage)s))), &sum);
    }
}

static const char *worker_label(struct buf *b, struct buf *set, uint32_t i)
{
    char digits[10];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + i % 10);
        i /= 10;
    } while (i > 0);
    return label(b, set, "worker", (struct str){digits + at, sizeof digits - at});
}

static void add_loops(struct buf *b, struct buf *set, const struct report_in *in)
{
    metric_head(b, "loop_turns_total", METRIC_COUNTER, "Turns of each event loop.");
    for (uint32_t i = 0; i < in->worker_count; i++) {
        metric_u64(b, "loop_turns_total", worker_label(b, set, i),
                   count_get(&in->workers[i]->loop_turns));
    }
    metric_head(b, "loop_lag_max_seconds", METRIC_GAUGE,
                "Longest turn of each event loop in the last second.");
    for (uint32_t i = 0; i < in->worker_count; i++) {
        seconds(b, "loop_lag_max_seconds", worker_label(b, set, i),
                count_get(&in->workers[i]->loop_lag_max_ns));
    }
}

/* -- pools ----------------------------------------------------------------- */

const char *report_db_label(struct buf *b, struct buf *set, const struct report_db *db)
{
    return label(b, set, "db", db->name);
}

static uint64_t positive(int64_t v)
{
    return v > 0 ? (uint64_t)v : 0;
}

static void add_up(struct buf *b, struct buf *set, const struct report_in *in)
{
    metric_head(b, "database_up", METRIC_GAUGE, "0 while the last connect failed.");
    for (uint32_t i = 0; i < in->db_count; i++) {
        const struct report_db *db = &in->dbs[i];
        (void)report_db_label(b, set, db);
        metric_label(set, "dialect", str_of(db->dialect));
        b->failed = b->failed || set->failed;
        metric_u64(b, "database_up", set->ptr, atomic_load(&db->share->down) == 0);
    }
}

static void add_states(struct buf *b, struct buf *set, const struct report_in *in)
{
    metric_head(b, "pool_connections", METRIC_GAUGE, "Connections by state.");
    for (uint32_t i = 0; i < in->db_count; i++) {
        const struct pool_counts *n = &in->dbs[i].share->counts;
        const struct {
            const char *name;
            const _Atomic int64_t *value;
        } states[] = {{"idle", &n->idle}, {"busy", &n->busy}, {"opening", &n->opening}};
        for (size_t s = 0; s < 3; s++) {
            (void)report_db_label(b, set, &in->dbs[i]);
            metric_label(set, "state", str_of(states[s].name));
            b->failed = b->failed || set->failed;
            metric_u64(b, "pool_connections", set->ptr, positive(atomic_load(states[s].value)));
        }
    }
}

static void add_pool_gauges(struct buf *b, struct buf *set, const struct report_in *in)
{
    metric_head(b, "pool_waiting", METRIC_GAUGE, "Requests that wait for a connection now.");
    for (uint32_t i = 0; i < in->db_count; i++) {
        metric_u64(b, "pool_waiting", report_db_label(b, set, &in->dbs[i]),
                   positive(atomic_load(&in->dbs[i].share->counts.waiting)));
    }
    metric_head(b, "pool_capacity", METRIC_GAUGE,
                "Connections that may be open: size + max_overflow; none if unlimited.");
    for (uint32_t i = 0; i < in->db_count; i++) {
        if (in->dbs[i].share->cap == INT32_MAX / 2) {
            continue;
        }
        metric_u64(b, "pool_capacity", report_db_label(b, set, &in->dbs[i]),
                   positive(in->dbs[i].share->cap));
    }
    metric_head(b, "pool_starving_workers", METRIC_GAUGE,
                "Workers that wait for a connection of another one.");
    for (uint32_t i = 0; i < in->db_count; i++) {
        metric_u64(b, "pool_starving_workers", report_db_label(b, set, &in->dbs[i]),
                   positive(atomic_load(&in->dbs[i].share->starving)));
    }
    metric_head(b, "pool_wait_max_seconds", METRIC_GAUGE,
                "Longest wait for a connection ever.");
    for (uint32_t i = 0; i < in->db_count; i++) {
        seconds(b, "pool_wait_max_seconds", report_db_label(b, set, &in->dbs[i]),
                count_get(&in->dbs[i].share->counts.wait_max_ns));
    }
}

static double gate_of(const struct pool_state_now *now)
{
    return now->gate;
}

static double oldest_wait(const struct pool_state_now *now)
{
    return (double)now->oldest_wait_ns / 1e9;
}

static double longest_loan(const struct pool_state_now *now)
{
    return (double)now->longest_loan_ns / 1e9;
}

static const struct {
    const char *name, *help;
    double (*value)(const struct pool_state_now *now);
} now_metrics[] = {
    {"pool_gate", "Whether connections are lent: 0 open, 1 paused, 2 drained.", gate_of},
    {"pool_oldest_wait_seconds", "How long the oldest waiter waits by now.", oldest_wait},
    {"pool_longest_loan_seconds", "How long one client has kept a connection by now.",
     longest_loan},
};

static void add_pools_now(struct buf *b, struct buf *set, const struct report_in *in)
{
    struct pool_state_now now;
    for (size_t m = 0; m < sizeof now_metrics / sizeof now_metrics[0]; m++) {
        metric_head(b, now_metrics[m].name, METRIC_GAUGE, now_metrics[m].help);
        for (uint32_t i = 0; i < in->db_count; i++) {
            pool_now(in->dbs[i].share, &now);
            metric_double(b, now_metrics[m].name, report_db_label(b, set, &in->dbs[i]),
                          now_metrics[m].value(&now));
        }
    }
    metric_histogram_head(b, "pool_wait_seconds",
                          "Waits of those who did not get a connection at once.");
    for (uint32_t i = 0; i < in->db_count; i++) {
        pool_now(in->dbs[i].share, &now);
        metric_histogram(b, "pool_wait_seconds", report_db_label(b, set, &in->dbs[i]),
                         &now.waited);
    }
}

static void add_pool_totals(struct buf *b, struct buf *set, const struct report_in *in)
{
    for (const struct report_field *f = report_pool_totals; f->metric != NULL; f++) {
        metric_head(b, f->metric, METRIC_COUNTER, f->help);
        for (uint32_t i = 0; i < in->db_count; i++) {
            metric_u64(b, f->metric, report_db_label(b, set, &in->dbs[i]),
                       report_value(&in->dbs[i].share->counts, f->offset));
        }
    }
}

void report_metrics(struct buf *out, const struct report_in *in)
{
    struct buf set;
    buf_init(&set);
    add_process(out, &set, in);
    add_sums(out, in);
    add_oldest(out, in);
    add_requests(out, &set, in);
    add_latency(out, &set, in);
    add_loops(out, &set, in);
    report_cache_metrics(out, &set, in);
    report_group_metrics(out, in);
    if (in->db_count > 0) {
        add_up(out, &set, in);
        add_states(out, &set, in);
        add_pool_gauges(out, &set, in);
        add_pools_now(out, &set, in);
        add_pool_totals(out, &set, in);
        report_servers_metrics(out, &set, in);
    }
    buf_fini(&set);
}
