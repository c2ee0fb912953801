/* SPDX-License-Identifier: MIT
 *
 * stats/stats.h: counters and latency histograms that one thread writes and any
 * thread reads, and their exposition as JSON and Prometheus text.
 *
 * Relaxed atomics throughout: a reader sees each number whole, not all numbers
 * of one instant.
 */
#ifndef STATS_STATS_H
#define STATS_STATS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>

/* Log-linear buckets (HdrHistogram's idea): 8 steps for each power of two from
 * 1 µs to 137 s; relative error at most 1/8. */
#define HISTOGRAM_BUCKETS 224

struct histogram {
    _Atomic uint64_t bucket[HISTOGRAM_BUCKETS];
    _Atomic uint64_t sum_ns;
    _Atomic uint64_t count;
};

/* One writer thread, which is also the only one that may merge into h. */
void histogram_add(struct histogram *h, uint64_t ns);
/* The same value so many times. */
void histogram_add_many(struct histogram *h, uint64_t ns, uint64_t times);
/* Adds what `from` holds now to `into` (a private sum of the reader). */
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The value below which the fraction q (0…1) lies, in ns; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, double q);

static inline void count_add(_Atomic uint64_t *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

/* … of a counter that one thread alone writes: without a locked addition, which waits for
 * all that this thread wrote before. */
static inline void count_own(_Atomic uint64_t *c, uint64_t n)
{
    uint64_t was = atomic_load_explicit(c, memory_order_relaxed);
    atomic_store_explicit(c, was + n, memory_order_relaxed);
}

static inline uint64_t count_get(const _Atomic uint64_t *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

/* Writers of the Prometheus text format (version 0.0.4). metric_head once for
 * each name, then its samples; labels as `name="value"` pairs ready-made by
 * metric_label or NULL. Names get the prefix tribikos_. */
void metric_head(struct buf *b, const char *name, enum metric_type type, const char *help);
void metric_u64(struct buf *b, const char *name, const char *labels, uint64_t value);
void metric_double(struct buf *b, const char *name, const char *labels, double value);
/* A whole histogram in seconds, with cumulative buckets from 100 µs to 60 s. */
void metric_histogram_head(struct buf *b, const char *name, const char *help);
void metric_histogram(struct buf *b, const char *name, const char *labels,
                      const struct histogram *h);
/* Appends key="value" with the escapes of the format; a comma first if out is
 * not empty. A NUL stands behind the text (not counted), so that out->ptr serves
 * as `labels`; check out->failed. */
void metric_label(struct buf *out, const char *key, struct str value);

/* {"count":n,"mean_us":…,"p50_us":…,"p90_us":…,"p99_us":…,"max_us":…} */
void histogram_json(struct buf *b, const struct histogram *h);

#endif
