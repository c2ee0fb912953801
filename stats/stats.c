/* SPDX-License-Identifier: MIT
 *
 * stats/stats.c: log-linear histograms, and the texts that show them.
 *
 * Owns nothing. A histogram has one writer; readers sum into a private one.
 */
#include "stats/stats.h"

#include <stdbool.h>

/* Bucket i < 8 holds [i*128, (i+1)*128) ns, all below 1,024 ns. Then each power
 * of two p from 10 to 36 has 8 buckets of 2^(p-3) ns. */
enum { STEPS = 8, STEP_BITS = 3, FIRST_POWER = 10, LAST_POWER = 36 };

_Static_assert(HISTOGRAM_BUCKETS == STEPS + STEPS * (LAST_POWER - FIRST_POWER + 1),
               "buckets cover 1 µs to 137 s");

static unsigned bucket_of(uint64_t ns)
{
    if (ns < (1u << FIRST_POWER)) {
        return (unsigned)(ns >> (FIRST_POWER - STEP_BITS));
    }
    unsigned power = 63u - (unsigned)__builtin_clzll(ns);
    if (power > LAST_POWER) {
        return HISTOGRAM_BUCKETS - 1;
    }
    unsigned step = (unsigned)(ns >> (power - STEP_BITS)) & (STEPS - 1);
    return STEPS + (power - FIRST_POWER) * STEPS + step;
}

/* The smallest value of bucket i; of bucket i + 1: the end of bucket i. */
static uint64_t bucket_low(unsigned i)
{
    if (i < STEPS) {
        return (uint64_t)i << (FIRST_POWER - STEP_BITS);
    }
    unsigned power = FIRST_POWER + (i - STEPS) / STEPS;
    return (uint64_t)(STEPS + (i - STEPS) % STEPS) << (power - STEP_BITS);
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    histogram_add_many(h, ns, 1);
}

void histogram_add_many(struct histogram *h, uint64_t ns, uint64_t times)
{
    count_own(&h->bucket[bucket_of(ns)], times);
    count_own(&h->sum_ns, ns * times);
    count_own(&h->count, times);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        count_own(&into->bucket[i], count_get(&from->bucket[i]));
    }
    count_own(&into->sum_ns, count_get(&from->sum_ns));
    count_own(&into->count, count_get(&from->count));
}

/* What the buckets hold. `count` may be ahead or behind while the writer works,
 * and a rank beyond the last bucket must not happen. */
static uint64_t total(const struct histogram *h)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        n += count_get(&h->bucket[i]);
    }
    return n;
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
    uint64_t n = total(h);
    if (n == 0) {
        return 0;
    }
    q = q < 0 ? 0 : q > 1 ? 1 : q;
    double rank = q * (double)n;
    uint64_t below = 0;
    unsigned last = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t here = count_get(&h->bucket[i]);
        if (here == 0) {
            continue;
        }
        last = i;
        if ((double)(below + here) >= rank) {
            uint64_t low = bucket_low(i);
            double part = (rank - (double)below) / (double)here;
            return low + (uint64_t)(part * (double)(bucket_low(i + 1) - low));
        }
        below += here;
    }
    return bucket_low(last + 1);
}

static uint64_t histogram_max(const struct histogram *h)
{
    for (unsigned i = HISTOGRAM_BUCKETS; i > 0; i--) {
        if (count_get(&h->bucket[i - 1]) > 0) {
            return bucket_low(i);
        }
    }
    return 0;
}

void histogram_json(struct buf *b, const struct histogram *h)
{
    uint64_t n = count_get(&h->count);
    BUF_LIT(b, "{\"count\":");
    buf_u64(b, n);
    BUF_LIT(b, ",\"mean_us\":");
    buf_u64(b, n == 0 ? 0 : count_get(&h->sum_ns) / n / 1000);
    BUF_LIT(b, ",\"p50_us\":");
    buf_u64(b, histogram_quantile(h, 0.50) / 1000);
    BUF_LIT(b, ",\"p90_us\":");
    buf_u64(b, histogram_quantile(h, 0.90) / 1000);
    BUF_LIT(b, ",\"p99_us\":");
    buf_u64(b, histogram_quantile(h, 0.99) / 1000);
    BUF_LIT(b, ",\"max_us\":");
    buf_u64(b, histogram_max(h) / 1000);
    buf_char(b, '}');
}

/* -- Prometheus text format, version 0.0.4 --------------------------------- */

#define PREFIX "tribikos_"

/* In label values `\`, `"` and line feeds are escaped, in help `\` and line feeds. */
static void add_escaped(struct buf *b, struct str s, bool quoted)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\n') {
            BUF_LIT(b, "\\n");
        } else if (c == '\\' || (quoted && c == '"')) {
            buf_char(b, '\\');
            buf_char(b, c);
        } else {
            buf_char(b, c);
        }
    }
}

static void add_head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP " PREFIX "%s ", name);
    add_escaped(b, str_of(help), false);
    buf_printf(b, "\n# TYPE " PREFIX "%s %s\n", name, type);
}

void metric_head(struct buf *b, const char *name, enum metric_type type, const char *help)
{
    add_head(b, name, type == METRIC_COUNTER ? "counter" : "gauge", help);
}

/* name_suffix{labels,le="bound"} and the space before the value. */
static void add_sample(struct buf *b, const char *name, const char *suffix, const char *labels,
                       const char *bound)
{
    bool any = labels != NULL && labels[0] != '\0';
    buf_printf(b, PREFIX "%s%s", name, suffix);
    if (any || bound != NULL) {
        buf_char(b, '{');
        if (any) {
            buf_str_add(b, str_of(labels));
        }
        if (bound != NULL) {
            buf_printf(b, "%sle=\"%s\"", any ? "," : "", bound);
        }
        buf_char(b, '}');
    }
    buf_char(b, ' ');
}

void metric_u64(struct buf *b, const char *name, const char *labels, uint64_t value)
{
    add_sample(b, name, "", labels, NULL);
    buf_u64(b, value);
    buf_char(b, '\n');
}

void metric_double(struct buf *b, const char *name, const char *labels, double value)
{
    add_sample(b, name, "", labels, NULL);
    buf_printf(b, "%.9g\n", value);
}

void metric_histogram_head(struct buf *b, const char *name, const char *help)
{
    add_head(b, name, "histogram", help);
}

static const struct {
    const char *text; /* seconds */
    uint64_t ns;
} bounds[] = {
    {"0.0001", 100000},   {"0.00025", 250000},  {"0.0005", 500000},  {"0.001", 1000000},
    {"0.0025", 2500000},  {"0.005", 5000000},   {"0.01", 10000000},  {"0.025", 25000000},
    {"0.05", 50000000},   {"0.1", 100000000},   {"0.25", 250000000}, {"0.5", 500000000},
    {"1", 1000000000},    {"2.5", 2500000000},  {"5", 5000000000},   {"10", 10000000000},
    {"30", 30000000000u}, {"60", 60000000000u},
};

void metric_histogram(struct buf *b, const char *name, const char *labels,
                      const struct histogram *h)
{
    uint64_t below = 0;
    unsigned at = 0;
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        /* A bucket that a bound cuts counts to the side of its middle. */
        while (at < HISTOGRAM_BUCKETS &&
               (bucket_low(at) + bucket_low(at + 1)) / 2 <= bounds[i].ns) {
            below += count_get(&h->bucket[at++]);
        }
        add_sample(b, name, "_bucket", labels, bounds[i].text);
        buf_u64(b, below);
        buf_char(b, '\n');
    }
    while (at < HISTOGRAM_BUCKETS) {
        below += count_get(&h->bucket[at++]);
    }
    add_sample(b, name, "_bucket", labels, "+Inf");
    buf_u64(b, below);
    buf_char(b, '\n');
    add_sample(b, name, "_sum", labels, NULL);
    buf_printf(b, "%.9g\n", (double)count_get(&h->sum_ns) / 1e9);
    /* must equal the last bucket, whatever the writer does meanwhile */
    add_sample(b, name, "_count", labels, NULL);
    buf_u64(b, below);
    buf_char(b, '\n');
}

void metric_label(struct buf *out, const char *key, struct str value)
{
    if (out->len > 0) {
        buf_char(out, ',');
    }
    buf_printf(out, "%s=\"", key);
    add_escaped(out, value, true);
    buf_char(out, '"');
    if (buf_reserve(out, 1)) {
        out->ptr[out->len] = '\0';
    }
}
