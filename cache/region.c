/* SPDX-License-Identifier: MIT
 *
 * cache/region.c: the life of a region, and looking up in it. Changes: region_keep.c.
 */
#include "cache/region.h"

#include "base/hash.h"
#include "cache/region_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Chains and ghosts are as many as small entries of a full region could be: then a chain
 * has one or two, and both take three or four parts in a hundred of the whole. */
#define BYTES_PER_CHAIN 256
#define CHAINS_MIN 64
#define LINE_SALT UINT64_C(0x6c696e65)
#define PAGE 4096
#define MALLOC_BYTES (EPOCH_LINE + 16) /* what malloc takes to align it */

static size_t chains_for(size_t max_bytes)
{
    size_t chains = CHAINS_MIN;
    while (chains * 2 <= max_bytes / BYTES_PER_CHAIN) {
        chains *= 2;
    }
    return chains;
}

/* Of the region itself, before its range. */
static size_t own_bytes(const struct region_opts *opts)
{
    size_t bytes = sizeof(struct region) + opts->epoch->count * sizeof(struct reader_counts) +
                   opts->name.len;
    return (bytes + EPOCH_LINE - 1) / EPOCH_LINE * EPOCH_LINE;
}

/* Pages that nobody touches cost nothing; huge ones, where the system gives them on
 * demand, save a lookup among the tables of pages for nearly each line that is read. */
static enum err map_range(struct region *r, size_t bytes)
{
    size_t chains = chains_for(r->max_bytes), ghosts = chains / 2;
    size_t fixed = table_bytes(chains) + ghost_bytes(ghosts);
    size_t rest = bytes > fixed ? (bytes - fixed) / PAGE * PAGE : 0;
    bytes = fixed + rest;
    void *range = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) {
        return ERR_OUT_OF_MEMORY;
    }
    (void)madvise(range, bytes, MADV_HUGEPAGE);
    char *at = range;
    r->range = range;
    r->range_bytes = bytes;
    r->own_bytes += fixed;
    table_init(&r->table, at, chains);
    ghost_init(&r->ghost, at + table_bytes(chains), ghosts);
    heap_init(&r->heap, at + fixed, rest);
    return ERR_OK;
}

struct region *region_create(const struct region_opts *opts)
{
    size_t own = own_bytes(opts);
    struct region *r = aligned_alloc(EPOCH_LINE, own);
    if (r == NULL) {
        return NULL;
    }
    memset(r, 0, own);
    r->versions = opts->versions;
    r->epoch = opts->epoch;
    r->line_seed = opts->seed ^ LINE_SALT;
    r->max_bytes = opts->max_bytes;
    r->max_entry_bytes = opts->max_entry_bytes;
    r->own_bytes = own + MALLOC_BYTES;
    char *name = (char *)&r->readers[opts->epoch->count];
    memcpy(name, opts->name.ptr, opts->name.len);
    r->name = (struct str){name, opts->name.len};
    if (map_range(r, r->own_bytes < r->max_bytes ? r->max_bytes - r->own_bytes : 0) != ERR_OK) {
        free(r);
        return NULL;
    }
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void region_destroy(struct region *r)
{
    if (r == NULL) {
        return;
    }
    heap_fini(&r->heap);
    munmap(r->range, r->range_bytes);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

struct str region_name(const struct region *r)
{
    return r->name;
}

void region_enter(struct region *r, unsigned reader)
{
    epoch_enter(r->epoch, reader);
}

void region_leave(struct region *r, unsigned reader)
{
    epoch_leave(r->epoch, reader);
}

/* ---- looking up ---- */

static void count_one(_Atomic uint64_t *c)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* [0]: below 1 ms; [i]: below 4^i ms. */
static unsigned age_index(uint64_t age_ns)
{
    uint64_t ms = age_ns / 1000000;
    unsigned i = ms == 0 ? 0 : (unsigned)(63 - __builtin_clzll(ms)) / 2 + 1;
    return i < REGION_AGES ? i : REGION_AGES - 1;
}

uint64_t region_age_ms(unsigned i)
{
    return i + 1 < REGION_AGES ? UINT64_C(1) << 2 * i : UINT64_MAX;
}

/* So that what is hot stays as it is in the caches of all processors. */
static void use(struct entry *e)
{
    uint8_t uses = atomic_load_explicit(&e->uses, memory_order_relaxed);
    if (uses < USES_MAX) {
        atomic_store_explicit(&e->uses, (uint8_t)(uses + 1), memory_order_relaxed);
    }
}

static enum region_verdict judge(const struct region *r, const struct entry *e, uint64_t now_ns)
{
    if (e == NULL || now_ns >= e->expires_ns) {
        return REGION_MISS;
    }
    if (!entry_holds(e, r->versions) || e->read_ns < versions_oldest(r->versions, now_ns)) {
        return REGION_INVALID;
    }
    return now_ns >= e->soft_ns ? REGION_STALE : REGION_HIT;
}

static struct region_found tell(struct region *r, struct entry *e, uint64_t now_ns)
{
    struct region_found found = {.verdict = judge(r, e, now_ns)};
    if (found.verdict == REGION_HIT || found.verdict == REGION_STALE) {
        use(e);
        found.body = entry_body(e);
        found.read_ns = e->read_ns;
        found.owner = e->owner;
    }
    return found;
}

static void count_found(struct region *r, unsigned reader, const struct region_found *found,
                        uint64_t now_ns)
{
    struct reader_counts *counts = &r->readers[reader];
    uint64_t read_ns = found->read_ns;
    count_one(&counts->found[found->verdict]);
    if (found->verdict == REGION_HIT || found->verdict == REGION_STALE) {
        /* The clock of this thread may have been read before that of the filler. */
        count_one(&counts->ages[age_index(now_ns > read_ns ? now_ns - read_ns : 0)]);
    }
}

struct region_found region_find(struct region *r, unsigned reader, struct cache_key key,
                                uint64_t now_ns)
{
    struct region_found found = tell(r, find_entry(&r->table, key), now_ns);
    count_found(r, reader, &found, now_ns);
    return found;
}

struct region_found region_find_line(struct region *r, unsigned reader, struct str line,
                                     uint64_t now_ns)
{
    struct line *l = find_line(&r->table, line, hash_bytes(line, r->line_seed));
    struct region_found found = tell(r, l == NULL ? NULL : atomic_load(&l->entry), now_ns);
    if (found.verdict == REGION_HIT) {
        count_found(r, reader, &found, now_ns);
    }
    return found;
}

/* ---- counts ---- */

void region_count(struct region *r, unsigned reader, enum region_verdict v, uint64_t age_ns)
{
    struct reader_counts *counts = &r->readers[reader];
    count_one(&counts->found[v]);
    if (v == REGION_HIT || v == REGION_STALE) {
        count_one(&counts->ages[age_index(age_ns)]);
    }
}

static void add_readers(const struct region *r, struct region_counts *sum)
{
    for (unsigned i = 0; i < r->epoch->count; i++) {
        const struct reader_counts *c = &r->readers[i];
        for (int k = 0; k < REGION_VERDICTS; k++) {
            sum->found[k] += atomic_load_explicit(&c->found[k], memory_order_relaxed);
        }
        for (int k = 0; k < REGION_AGES; k++) {
            sum->ages[k] += atomic_load_explicit(&c->ages[k], memory_order_relaxed);
        }
    }
}

struct region_counts region_counts(struct region *r)
{
    struct region_counts c = {.max_bytes = r->max_bytes};
    add_readers(r, &c);
    pthread_mutex_lock(&r->lock);
    c.entries = r->queues[QUEUE_SMALL].count + r->queues[QUEUE_MAIN].count;
    c.bytes = r->own_bytes + r->heap.used;
    c.fills = r->fills;
    c.evicted = r->evicted;
    c.dropped_old = r->dropped_old;
    c.dropped_invalid = r->dropped_invalid;
    c.refused = r->refused;
    pthread_mutex_unlock(&r->lock);
    return c;
}
