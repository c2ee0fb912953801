/* SPDX-License-Identifier: MIT
 *
 * bench/load_times.c: latencies in a histogram.
 */
#include "bench/load_times.h"

#include <stddef.h>

static size_t bucket_of(uint64_t ns)
{
    if (ns < LOAD_STEPS) {
        return (size_t)ns;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - 6;
    return (size_t)(shift + 1) * LOAD_STEPS + (size_t)((ns >> shift) - LOAD_STEPS);
}

static uint64_t bucket_start(size_t i)
{
    return i < LOAD_STEPS ? i : (i % LOAD_STEPS + LOAD_STEPS) << (i / LOAD_STEPS - 1);
}

void load_times_add(struct load_times *t, uint64_t ns)
{
    t->count++;
    t->sum_ns += ns;
    t->max_ns = ns > t->max_ns ? ns : t->max_ns;
    t->buckets[bucket_of(ns)]++;
}

double load_times_mean_us(const struct load_times *t)
{
    return t->count == 0 ? 0.0 : (double)t->sum_ns / (double)t->count / 1000;
}

double load_times_quantile_us(const struct load_times *t, double q)
{
    uint64_t rank = (uint64_t)(q * (double)t->count), seen = 0;
    for (size_t i = 0; i < LOAD_BUCKETS; i++) {
        seen += t->buckets[i];
        if (seen > rank) {
            return (double)bucket_start(i) / 1000;
        }
    }
    return (double)t->max_ns / 1000;
}
