/* SPDX-License-Identifier: MIT
 *
 * bench/cache_hits.c: which part of a trace a cache finds: a region of the result cache,
 * and exact LRU and LFU with room for as many entries, on the same trace.
 *
 *   cache_hits KEYS ENTRIES REQUESTS SHIFTS
 *
 * Keys are drawn by Zipf's law with exponent 0.99. SHIFTS times in the trace the keys
 * trade places: what was popular is so no longer. One JSON line.
 */
#include "base/hash.h"
#include "cache/epoch.h"
#include "cache/region.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT 0.99
#define BODY_BYTES 120
#define SEED 42

struct trace {
    uint32_t *keys;
    size_t count;
    uint32_t key_count;
};

static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void *must(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return p;
}

/* ---- the trace ---- */

static double *zipf_sums(uint32_t keys)
{
    double *sums = must(calloc(keys, sizeof *sums)), sum = 0;
    for (uint32_t i = 0; i < keys; i++) {
        sum += pow(i + 1.0, -EXPONENT);
        sums[i] = sum;
    }
    return sums;
}

static uint32_t rank_of(const double *sums, uint32_t keys, double at)
{
    uint32_t low = 0, high = keys - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sums[middle] < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void shuffle(uint32_t *names, uint32_t count, uint64_t *random)
{
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t other = (uint32_t)(next_random(random) % (i + 1)), kept = names[i];
        names[i] = names[other];
        names[other] = kept;
    }
}

static struct trace make_trace(uint32_t keys, size_t count, unsigned shifts)
{
    struct trace t = {must(calloc(count, sizeof *t.keys)), count, keys};
    double *sums = zipf_sums(keys);
    uint32_t *names = must(calloc(keys, sizeof *names));
    uint64_t random = SEED;
    for (uint32_t i = 0; i < keys; i++) {
        names[i] = i;
    }
    shuffle(names, keys, &random);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && i % (count / (shifts + 1)) == 0) {
            shuffle(names, keys, &random);
        }
        double at = (double)(next_random(&random) >> 11) / (double)(UINT64_C(1) << 53);
        t.keys[i] = names[rank_of(sums, keys, at * sums[keys - 1])];
    }
    free(names);
    free(sums);
    return t;
}

/* ---- LRU and LFU, exact: a heap of keys, the worst on top ---- */

struct heap {
    uint32_t *keys;  /* [0]: the one to go */
    uint32_t *place; /* of a key: its index in keys + 1, or 0 */
    uint64_t *used;  /* of a key: when, or how often, with when behind it */
    uint32_t count;
};

static void heap_set(struct heap *h, uint32_t at, uint32_t key)
{
    h->keys[at] = key;
    h->place[key] = at + 1;
}

static void sink(struct heap *h, uint32_t at)
{
    uint32_t key = h->keys[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= h->count) {
            break;
        }
        if (child + 1 < h->count && h->used[h->keys[child + 1]] < h->used[h->keys[child]]) {
            child++;
        }
        if (h->used[h->keys[child]] >= h->used[key]) {
            break;
        }
        heap_set(h, at, h->keys[child]);
        at = child;
    }
    heap_set(h, at, key);
}

static void rise(struct heap *h, uint32_t at)
{
    uint32_t key = h->keys[at];
    while (at > 0 && h->used[h->keys[(at - 1) / 2]] > h->used[key]) {
        heap_set(h, at, h->keys[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(h, at, key);
}

enum policy { LRU, LFU, LFU_ALL };

/* LFU counts uses while a key is kept; LFU_ALL never forgets a count, so it is what could
 * be had at best if popularity never changed, for the price of a counter for every key. */
static uint64_t used_now(enum policy p, uint64_t before, int kept, uint64_t now)
{
    uint64_t often = before >> 40;
    if (p == LRU) {
        return now;
    }
    return (p == LFU && !kept ? 1 : often + 1) << 40 | now;
}

static double hit_rate(const struct trace *t, uint32_t entries, enum policy p)
{
    struct heap h = {must(calloc(entries, sizeof *h.keys)),
                     must(calloc(t->key_count, sizeof *h.place)),
                     must(calloc(t->key_count, sizeof *h.used)), 0};
    size_t hits = 0;
    for (size_t i = 0; i < t->count; i++) {
        uint32_t key = t->keys[i];
        int kept = h.place[key] != 0;
        hits += (size_t)kept;
        h.used[key] = used_now(p, h.used[key], kept, i);
        if (kept) {
            sink(&h, h.place[key] - 1);
        } else if (h.count < entries) {
            heap_set(&h, h.count, key);
            rise(&h, h.count++);
        } else if (p != LFU_ALL || h.used[key] > h.used[h.keys[0]]) {
            h.place[h.keys[0]] = 0;
            heap_set(&h, 0, key);
            sink(&h, 0);
        }
    }
    free(h.keys);
    free(h.place);
    free(h.used);
    return (double)hits / (double)t->count;
}

/* ---- the region ---- */

/* Of the process, in memory, by the system's account. */
static size_t resident_bytes(void)
{
    char line[256];
    unsigned long kib = 0;
    FILE *f = must(fopen("/proc/self/smaps_rollup", "r")); /* others are off by some pages */
    while (fgets(line, sizeof line, f) != NULL && sscanf(line, "Rss: %lu kB", &kib) != 1) {
    }
    fclose(f);
    return kib * 1024;
}

struct cached {
    struct versions *versions;
    struct epoch *epoch;
    struct region *region;
    size_t resident_before; /* the region was made */
};

static struct cached cached_create(size_t max_bytes)
{
    struct cached c = {.versions = must(versions_create()), .epoch = must(epoch_create(1))};
    c.resident_before = resident_bytes();
    struct region_opts opts = {.name = STR("bench"),
                               .max_bytes = max_bytes,
                               .max_entry_bytes = max_bytes,
                               .seed = SEED,
                               .versions = c.versions,
                               .epoch = c.epoch};
    c.region = must(region_create(&opts));
    return c;
}

static void cached_destroy(struct cached *c)
{
    region_destroy(c->region);
    epoch_destroy(c->epoch);
    versions_destroy(c->versions);
}

static struct cache_key key_of(uint32_t n, char text[64])
{
    struct str bytes = {text,
                        (size_t)snprintf(text, 64, "select this from that where id %07u", n)};
    return (struct cache_key){bytes, hash_bytes(bytes, SEED)};
}

static int ask(struct cached *c, uint32_t n, uint64_t now)
{
    char text[64], body[BODY_BYTES] = {0};
    struct cache_key key = key_of(n, text);
    region_enter(c->region, 0);
    int hit = region_find(c->region, 0, key, now).verdict == REGION_HIT;
    region_leave(c->region, 0);
    if (!hit) {
        struct region_fill fill = {.key = key,
                                   .body = {body, sizeof body},
                                   .read_ns = now,
                                   .expires_ns = UINT64_MAX,
                                   .soft_ns = UINT64_MAX};
        if (!region_put(c->region, &fill, now)) {
            fprintf(stderr, "a fill was refused\n");
        }
    }
    return hit;
}

/* Bytes for a region that holds so many entries and no more. */
static size_t bytes_for(uint32_t entries)
{
    size_t low = 0, high = (size_t)entries * 1024;
    while (high - low > 256) {
        size_t middle = low + (high - low) / 2;
        struct cached c = cached_create(middle);
        for (uint32_t i = 0; i < entries + entries / 2; i++) {
            ask(&c, i, i + 1);
        }
        *(region_counts(c.region).entries > entries ? &high : &low) = middle;
        cached_destroy(&c);
    }
    return low;
}

/* *most: entries at a time; *most_memory: what it took, in parts of what it may. */
static double hit_rate_here(const struct trace *t, uint32_t entries, uint64_t *most,
                            double *most_memory)
{
    size_t max_bytes = bytes_for(entries), hits = 0;
    struct cached c = cached_create(max_bytes);
    *most = 0;
    *most_memory = 0;
    for (size_t i = 0; i < t->count; i++) {
        hits += (size_t)ask(&c, t->keys[i], i + 1);
        if (i % 100000 == 99999) {
            uint64_t now = region_counts(c.region).entries;
            double taken = (double)(resident_bytes() - c.resident_before) / (double)max_bytes;
            *most = now > *most ? now : *most;
            *most_memory = taken > *most_memory ? taken : *most_memory;
        }
    }
    cached_destroy(&c);
    return (double)hits / (double)t->count;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: cache_hits KEYS ENTRIES REQUESTS SHIFTS\n");
        return 2;
    }
    uint32_t keys = (uint32_t)strtoul(argv[1], NULL, 10);
    uint32_t entries = (uint32_t)strtoul(argv[2], NULL, 10);
    struct trace t =
        make_trace(keys, strtoul(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10));
    uint64_t most;
    double most_memory, here = hit_rate_here(&t, entries, &most, &most_memory);
    printf("{\"here\":%.5f,\"lru\":%.5f,\"lfu\":%.5f,\"lfu_all\":%.5f,\"most_entries\":%llu,"
           "\"most_memory\":%.4f}\n",
           here, hit_rate(&t, entries, LRU), hit_rate(&t, entries, LFU),
           hit_rate(&t, entries, LFU_ALL), (unsigned long long)most, most_memory);
    free(t.keys);
    return 0;
}
