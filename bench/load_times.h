/* SPDX-License-Identifier: MIT
 *
 * bench/load_times.h: latencies in a histogram: 64 steps for each power of two of
 * nanoseconds, so within 1.6 %.
 */
#ifndef BENCH_LOAD_TIMES_H
#define BENCH_LOAD_TIMES_H

#include <stdint.h>

#define LOAD_STEPS 64
#define LOAD_BUCKETS (LOAD_STEPS * 59)

struct load_times {
    uint64_t count, sum_ns, max_ns;
    uint64_t buckets[LOAD_BUCKETS];
};

void load_times_add(struct load_times *t, uint64_t ns);
double load_times_mean_us(const struct load_times *t);
double load_times_quantile_us(const struct load_times *t, double q);

#endif
