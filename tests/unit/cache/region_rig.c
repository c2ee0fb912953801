/* SPDX-License-Identifier: MIT
 *
 * region_rig.c: see region_rig.h.
 */
#include "region_rig.h"

#include "base/hash.h"

#include <check.h>
#include <stdio.h>

void rig_init(struct rig *g, size_t max_bytes, unsigned readers)
{
    *g = (struct rig){.versions = versions_create(),
                      .epoch = epoch_create(readers),
                      .now_ns = 1000,
                      .expires_ns = UINT64_MAX,
                      .soft_ns = UINT64_MAX};
    struct region_opts opts = {
        .name = STR("main"),
        .max_bytes = max_bytes,
        .max_entry_bytes = max_bytes / 4,
        .seed = RIG_SEED,
        .versions = g->versions,
        .epoch = g->epoch,
    };
    g->region = region_create(&opts);
    ck_assert_ptr_nonnull(g->region);
}

void rig_fini(struct rig *g)
{
    region_destroy(g->region);
    epoch_destroy(g->epoch);
    versions_destroy(g->versions);
}

void rig_key_of(struct rig_key *k, uint64_t n)
{
    int len = snprintf(k->text, sizeof k->text, "select * from things where id = %llu",
                       (unsigned long long)n);
    k->key.bytes = (struct str){k->text, (size_t)len};
    k->key.hash = hash_bytes(k->key.bytes, RIG_SEED);
}

struct slot_set rig_table(uint64_t n)
{
    return (struct slot_set){.count = 1, .slots = {(uint32_t)(n % RIG_TABLES)}};
}

bool rig_put_line(struct rig *g, uint64_t n, struct str body, struct str line)
{
    struct rig_key k;
    struct slot_set depends = rig_table(n);
    rig_key_of(&k, n);
    struct region_fill fill = {
        .key = k.key,
        .line = line,
        .body = body,
        .read_ns = g->now_ns,
        .expires_ns = g->expires_ns,
        .soft_ns = g->soft_ns,
    };
    return versions_stamp(g->versions, &depends, &fill.stamp) &&
           region_put(g->region, &fill, g->now_ns);
}

bool rig_put(struct rig *g, uint64_t n, struct str body)
{
    return rig_put_line(g, n, body, STR(""));
}

enum region_verdict rig_find(struct rig *g, uint64_t n)
{
    struct rig_key k;
    rig_key_of(&k, n);
    region_enter(g->region, 0);
    struct region_found found = region_find(g->region, 0, k.key, g->now_ns);
    region_leave(g->region, 0);
    return found.verdict;
}

bool rig_has(struct rig *g, uint64_t n, struct str body)
{
    struct rig_key k;
    rig_key_of(&k, n);
    region_enter(g->region, 0);
    struct region_found found = region_find(g->region, 0, k.key, g->now_ns);
    bool same = found.verdict >= REGION_STALE && str_eq(found.body, body);
    region_leave(g->region, 0);
    return same;
}

enum region_verdict rig_find_line(struct rig *g, struct str line)
{
    region_enter(g->region, 0);
    struct region_found found = region_find_line(g->region, 0, line, g->now_ns);
    region_leave(g->region, 0);
    return found.verdict;
}
