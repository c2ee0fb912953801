/* SPDX-License-Identifier: MIT
 *
 * daemon/report.h: what the daemon counts, as the JSON of /stats and the `stats`
 * operation and as the Prometheus text of /metrics.
 *
 * Reads atomics that others write at the same time; any thread, no state. The
 * keys are stable and described in docs/STATS.md.
 */
#ifndef DAEMON_REPORT_H
#define DAEMON_REPORT_H

#include "base/buf.h"
#include "base/str.h"
#include "daemon/counts.h"
#include "daemon/outside.h"
#include "daemon/regions.h"
#include "daemon/servers.h"
#include "daemon/sharing.h"
#include "pool/pool.h"

#include <stdint.h>

struct report_db {
    struct str name;
    const char *dialect;
    struct pool_share *share;
    const struct server *servers; /* told one by one where there are several */
    uint32_t server_count;
    struct roles *roles;
    const struct outside_counts *outside; /* NULL: its tables are not watched */
};

/* Borrowed for the call. */
struct report_in {
    const struct worker_counts *const *workers;
    uint32_t worker_count;
    const struct report_db *dbs;
    uint32_t db_count;
    const char *version;
    uint64_t started_ns; /* clock_now_ns at the start */
    uint64_t clients_refused;
    uint64_t request_bytes; /* memory of all requests now */
    uint64_t log_lines;
    struct shared_region *const *regions; /* of the result cache */
    uint32_t region_count;
    uint64_t cache_waiting;              /* reads that wait for what another one reads */
    const struct sharing_figures *group; /* NULL: nothing is shared */
};

/* One JSON object without a line feed. On want of memory out->failed is set. */
void report_json(struct buf *out, const struct report_in *in);
/* Prometheus text format 0.0.4. */
void report_metrics(struct buf *out, const struct report_in *in);

/* -- shared by report.c and report_metrics.c -------------------------------- */

/* A counter of a struct worker_counts or pool_counts, by its place. */
struct report_field {
    const char *json;   /* key in /stats */
    const char *metric; /* name in /metrics, without prefix */
    const char *help;
    size_t offset;
};

/* The counters of a pool that only grow, in order; ends with a NULL key. */
extern const struct report_field report_pool_totals[];
/* Sum over all workers of the counter at this offset. */
uint64_t report_sum(const struct report_in *in, size_t offset);
uint64_t report_value(const void *counts, size_t offset);
/* Age of the oldest transaction that is open; 0 if there is none. */
uint64_t report_tx_oldest_ns(const struct report_in *in);
/* Merges a stage's histograms of all workers into `into`, which is zeroed first. */
void report_stage(const struct report_in *in, enum stage s, struct histogram *into);

/* Labels `db` into set. */
const char *report_db_label(struct buf *b, struct buf *set, const struct report_db *db);
/* report_servers.c: the servers of a database, behind its pool; and of all of them. */
void report_servers_json(struct buf *b, const struct report_db *db);
void report_servers_metrics(struct buf *b, struct buf *set, const struct report_in *in);

/* report_cache.c: a figure of a region; the table ends with a NULL key. */
struct report_figure {
    const char *json, *metric, *help;
};
#define REPORT_FIGURES 16
extern const struct report_figure report_figures[];
/* All figures of a region, in the order of the table: REPORT_FIGURES of them. */
void report_region(struct shared_region *r, uint64_t *out);
void report_cache_json(struct buf *b, const struct report_in *in);
void report_cache_metrics(struct buf *b, struct buf *set, const struct report_in *in);

/* report_group.c: the figures of struct sharing_figures; ends with a NULL key. */
extern const struct report_field report_group_figures[];
/* Behind the regions; nothing if nothing is shared. */
void report_group_json(struct buf *b, const struct report_in *in);
void report_group_metrics(struct buf *b, const struct report_in *in);

struct report_process {
    uint64_t rss_bytes;
    uint64_t fds_open, fds_limit;
};
/* Of this process, from /proc; 0 where it cannot be read. */
struct report_process report_process(void);

#endif
