/* SPDX-License-Identifier: MIT
 *
 * daemon/report_cache.c: the regions of the result cache, in both reports and in
 * `show`. One table says what there is to tell of a region.
 */
#include "daemon/report.h"

#include <stdio.h>
#include <string.h>

enum figure {
    HITS,
    STALE,
    MISSES,
    BYPASSES,
    JOINED,
    ALONE,
    REFRESHES,
    FAILED,
    FILLS,
    REFUSED,
    EVICTED,
    EXPIRED,
    INVALID,
    ENTRIES,
    BYTES,
    MAX_BYTES,
};
#define FIGURES ((int)MAX_BYTES + 1)

const struct report_figure report_figures[] = {
    [HITS] = {"hits", "cache_hits_total", "Reads answered from the cache."},
    [STALE] = {"stale", "cache_stale_total", "Reads answered from the cache behind soft_ttl."},
    [MISSES] = {"misses", "cache_misses_total",
                "Reads that found nothing there, or nothing that may be served."},
    [BYPASSES] = {"bypasses", "cache_bypasses_total",
                  "Reads that asked for the cache and could not be cached."},
    [JOINED] = {"joined", "cache_joined_total", "Reads that waited for what another one read."},
    [ALONE] = {"alone", "cache_alone_total",
               "Reads that kept nothing, since a write was under way."},
    [REFRESHES] = {"refreshes", "cache_refreshes_total",
                   "Readings that were asked for, or due behind soft_ttl."},
    [FAILED] = {"failed", "cache_failed_total", "Readings that ended with an error."},
    [FILLS] = {"fills", "cache_fills_total", "Results that were kept."},
    [REFUSED] = {"refused", "cache_refused_total",
                 "Results that were not kept: too large, or written meanwhile."},
    [EVICTED] = {"evicted", "cache_evicted_total", "Results that gave way to others."},
    [EXPIRED] = {"expired", "cache_expired_total", "Results dropped for their age."},
    [INVALID] = {"invalid", "cache_invalid_total",
                 "Lookups that found a result older than a write to what it depends on."},
    [ENTRIES] = {"entries", "cache_entries", "Results kept now."},
    [BYTES] = {"bytes", "cache_bytes", "Memory of the region."},
    [MAX_BYTES] = {"max_bytes", "cache_max_bytes", "Memory that the region may take."},
    {NULL, NULL, NULL},
};

void report_region(struct shared_region *r, uint64_t *out)
{
    struct region_counts n = region_counts(r->region);
    const struct region_asks *a = &r->asks;
    const uint64_t all[] = {
        [HITS] = n.found[REGION_HIT],
        [STALE] = n.found[REGION_STALE],
        [MISSES] = count_get(&a->misses),
        [BYPASSES] = count_get(&a->bypasses),
        [JOINED] = count_get(&a->joined),
        [ALONE] = count_get(&a->alone),
        [REFRESHES] = count_get(&a->refreshes),
        [FAILED] = count_get(&a->failed),
        [FILLS] = n.fills + count_get(&a->stored),
        [REFUSED] = n.refused,
        [EVICTED] = n.evicted,
        [EXPIRED] = n.dropped_old,
        [INVALID] = n.found[REGION_INVALID],
        [ENTRIES] = n.entries,
        [BYTES] = r->far != NULL ? 0 : n.bytes,
        [MAX_BYTES] = r->far != NULL ? 0 : n.max_bytes,
    };
    memcpy(out, all, sizeof all);
}

/* How old what was served was: [[below this age in ms, or null, how many], …]. */
static void add_ages(struct buf *b, struct shared_region *r)
{
    struct region_counts n = region_counts(r->region);
    BUF_LIT(b, ",\"ages\":[");
    for (unsigned i = 0; i < REGION_AGES; i++) {
        uint64_t below_ms = region_age_ms(i);
        buf_str_add(b, i > 0 ? STR(",[") : STR("["));
        if (below_ms == UINT64_MAX) {
            BUF_LIT(b, "null");
        } else {
            buf_u64(b, below_ms);
        }
        buf_printf(b, ",%llu]", (unsigned long long)n.ages[i]);
    }
    buf_char(b, ']');
}

static void add_region(struct buf *b, struct shared_region *r)
{
    uint64_t figures[REPORT_FIGURES];
    report_region(r, figures);
    buf_json_str(b, region_name(r->region));
    buf_str_add(b, STR(":{"));
    for (int i = 0; i < FIGURES; i++) {
        buf_printf(b, "%s\"%s\":%llu", i > 0 ? "," : "", report_figures[i].json,
                   (unsigned long long)figures[i]);
    }
    add_ages(b, r);
    buf_char(b, '}');
}

static uint64_t unknown_writes(const struct report_in *in)
{
    return report_sum(in, offsetof(struct worker_counts, writes_held));
}

void report_cache_json(struct buf *b, const struct report_in *in)
{
    buf_printf(b, ",\"cache\":{\"waiting\":%llu,\"unknown_writes\":%llu,\"regions\":{",
               (unsigned long long)in->cache_waiting, (unsigned long long)unknown_writes(in));
    for (uint32_t i = 0; i < in->region_count; i++) {
        buf_str_add(b, i > 0 ? STR(",") : STR(""));
        add_region(b, in->regions[i]);
    }
    buf_char(b, '}');
    report_group_json(b, in);
    buf_char(b, '}');
}

/* ---- metrics ---- */

static const char *label(struct buf *b, struct buf *set, const struct shared_region *r)
{
    buf_clear(set);
    metric_label(set, "region", region_name(r->region));
    b->failed = b->failed || set->failed;
    return set->failed ? NULL : set->ptr;
}

static void add_ages_metric(struct buf *b, struct buf *set, const struct report_in *in)
{
    metric_head(b, "cache_served_by_age_total", METRIC_COUNTER,
                "Reads answered from the cache, by how old the answer was.");
    for (uint32_t i = 0; i < in->region_count; i++) {
        struct region_counts n = region_counts(in->regions[i]->region);
        for (unsigned k = 0; k < REGION_AGES; k++) {
            char below[32] = "+Inf";
            uint64_t below_ms = region_age_ms(k);
            if (below_ms != UINT64_MAX) {
                snprintf(below, sizeof below, "%g", (double)below_ms / 1e3);
            }
            (void)label(b, set, in->regions[i]);
            metric_label(set, "below", str_of(below));
            b->failed = b->failed || set->failed;
            metric_u64(b, "cache_served_by_age_total", set->ptr, n.ages[k]);
        }
    }
}

void report_cache_metrics(struct buf *b, struct buf *set, const struct report_in *in)
{
    uint64_t figures[REPORT_FIGURES];
    metric_head(b, "cache_waiting", METRIC_GAUGE,
                "Reads that wait now for what another one reads.");
    metric_u64(b, "cache_waiting", NULL, in->cache_waiting);
    metric_head(b, "cache_unknown_writes", METRIC_GAUGE,
                "Writes whose outcome is not known yet: nothing is kept of what they touch.");
    metric_u64(b, "cache_unknown_writes", NULL, unknown_writes(in));
    for (int k = 0; k < FIGURES && in->region_count > 0; k++) {
        bool now = k == ENTRIES || k == BYTES || k == MAX_BYTES;
        metric_head(b, report_figures[k].metric, now ? METRIC_GAUGE : METRIC_COUNTER,
                    report_figures[k].help);
        for (uint32_t i = 0; i < in->region_count; i++) {
            report_region(in->regions[i], figures);
            metric_u64(b, report_figures[k].metric, label(b, set, in->regions[i]), figures[k]);
        }
    }
    if (in->region_count > 0) {
        add_ages_metric(b, set, in);
    }
}
