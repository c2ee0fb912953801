/* SPDX-License-Identifier: MIT
 *
 * backend/pg_prepare.c: the least-recently-used table of a session's prepared
 * statements.
 *
 * Owns its arrays, which are made once; only the list of dropped names grows
 * (while a transaction is open nothing is deallocated). Loop thread.
 */
#include "backend/pg.h"

#include <stdlib.h>

enum { CACHE_CAP_MAX = 65536 };

struct pg_prepared {
    uint64_t key;
    uint64_t name;
    uint32_t newer, older; /* slot + 1 */
    uint32_t chain;        /* slot + 1 of the next in the bucket */
};

enum err pg_cache_init(struct pg_cache *k, uint32_t cap)
{
    *k = (struct pg_cache){0};
    if (cap == 0) {
        return ERR_OK;
    }
    k->cap = cap > CACHE_CAP_MAX ? CACHE_CAP_MAX : cap;
    uint32_t buckets = 16;
    while (buckets < k->cap) {
        buckets *= 2;
    }
    k->bucket_mask = buckets - 1;
    k->slots = calloc(k->cap, sizeof *k->slots);
    k->buckets = calloc(buckets, sizeof *k->buckets);
    if (k->slots == NULL || k->buckets == NULL) {
        pg_cache_fini(k);
        return ERR_OUT_OF_MEMORY;
    }
    return ERR_OK;
}

void pg_cache_fini(struct pg_cache *k)
{
    free(k->slots);
    free(k->buckets);
    free(k->dropped);
    *k = (struct pg_cache){0};
}

static uint32_t *bucket_of(struct pg_cache *k, uint64_t key)
{
    /* Keys are our own counters: a multiplication spreads them well enough. */
    return &k->buckets[(uint32_t)((key * 0x9E3779B97F4A7C15u) >> 32) & k->bucket_mask];
}

static void lru_unlink(struct pg_cache *k, struct pg_prepared *p)
{
    if (p->newer != 0) {
        k->slots[p->newer - 1].older = p->older;
    } else {
        k->newest = p->older;
    }
    if (p->older != 0) {
        k->slots[p->older - 1].newer = p->newer;
    } else {
        k->oldest = p->newer;
    }
}

static void lru_push(struct pg_cache *k, struct pg_prepared *p)
{
    uint32_t at = (uint32_t)(p - k->slots) + 1;
    p->newer = 0;
    p->older = k->newest;
    if (k->newest != 0) {
        k->slots[k->newest - 1].newer = at;
    } else {
        k->oldest = at;
    }
    k->newest = at;
}

static struct pg_prepared *look_up(struct pg_cache *k, uint64_t key)
{
    if (k->count == 0) {
        return NULL;
    }
    for (uint32_t at = *bucket_of(k, key); at != 0; at = k->slots[at - 1].chain) {
        if (k->slots[at - 1].key == key) {
            return &k->slots[at - 1];
        }
    }
    return NULL;
}

uint64_t pg_cache_find(struct pg_cache *k, uint64_t key)
{
    struct pg_prepared *p = look_up(k, key);
    if (p == NULL) {
        return 0;
    }
    if (p->newer != 0) {
        lru_unlink(k, p);
        lru_push(k, p);
    }
    return p->name;
}

static void chain_remove(struct pg_cache *k, const struct pg_prepared *p)
{
    uint32_t *at = bucket_of(k, p->key);
    while (&k->slots[*at - 1] != p) {
        at = &k->slots[*at - 1].chain;
    }
    *at = p->chain;
}

/* Without memory for the list the server keeps the statement until the session
 * ends: a leak there, but a bounded one and no fault here. */
static void drop_name(struct pg_cache *k, uint64_t name)
{
    if (k->dropped_count == k->dropped_cap) {
        uint32_t cap = k->dropped_cap == 0 ? 16 : k->dropped_cap * 2;
        uint64_t *names = realloc(k->dropped, cap * sizeof *names);
        if (names == NULL) {
            return;
        }
        k->dropped = names;
        k->dropped_cap = cap;
    }
    k->dropped[k->dropped_count++] = name;
}

void pg_cache_add(struct pg_cache *k, uint64_t key, uint64_t name)
{
    struct pg_prepared *p;
    if (k->count < k->cap) {
        p = &k->slots[k->count++];
    } else {
        p = &k->slots[k->oldest - 1];
        drop_name(k, p->name);
        lru_unlink(k, p);
        chain_remove(k, p);
    }
    uint32_t *bucket = bucket_of(k, key);
    *p = (struct pg_prepared){.key = key, .name = name, .chain = *bucket};
    *bucket = (uint32_t)(p - k->slots) + 1;
    lru_push(k, p);
}

/* The slot stays, as the oldest, under a key that is nobody's: slots are not
 * moved, and the next statement takes it. */
void pg_cache_forget(struct pg_cache *k, uint64_t key)
{
    struct pg_prepared *p = look_up(k, key);
    if (p == NULL) {
        return;
    }
    chain_remove(k, p);
    p->key = 0;
    uint32_t *bucket = bucket_of(k, 0);
    p->chain = *bucket;
    uint32_t at = (uint32_t)(p - k->slots) + 1;
    *bucket = at;
    lru_unlink(k, p);
    p->older = 0;
    p->newer = k->oldest;
    if (k->oldest != 0) {
        k->slots[k->oldest - 1].older = at;
    } else {
        k->newest = at;
    }
    k->oldest = at;
}

void pg_cache_clear(struct pg_cache *k)
{
    if (k->cap > 0) {
        for (uint32_t i = 0; i <= k->bucket_mask; i++) {
            k->buckets[i] = 0;
        }
    }
    k->count = k->newest = k->oldest = k->dropped_count = 0;
}

uint64_t pg_cache_take_dropped(struct pg_cache *k)
{
    return k->dropped_count == 0 ? 0 : k->dropped[--k->dropped_count];
}
