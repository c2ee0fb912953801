/* SPDX-License-Identifier: MIT
 *
 * backend/prepared.c: a bounded map from statement id to handle with an LRU list.
 *
 * Owns its arrays, borrows the handles. One thread at a time. Slots are named by
 * their number + 1, so that zeroed memory is empty.
 */
#include "backend/prepared.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

struct prepared_slot {
    uint64_t id;
    void *handle;
    uint32_t next_in_bucket; /* also chains the spare slots */
    uint32_t newer, older;
};

enum { CAP_MAX = 1 << 20 };

enum err prepared_init(struct prepared *p, uint32_t cap)
{
    *p = (struct prepared){0};
    if (cap == 0) {
        return ERR_OK;
    }
    cap = cap > CAP_MAX ? CAP_MAX : cap;
    uint32_t buckets = 1;
    while (buckets < cap) {
        buckets *= 2;
    }
    p->slots = calloc(cap, sizeof *p->slots);
    p->buckets = calloc(buckets, sizeof *p->buckets);
    if (p->slots == NULL || p->buckets == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    p->cap = cap;
    p->bucket_mask = buckets - 1;
    for (uint32_t i = 0; i + 1 < cap; i++) {
        p->slots[i].next_in_bucket = i + 2;
    }
    p->spare = 1;
    return ERR_OK;
}

void prepared_fini(struct prepared *p)
{
    assert(p->count == 0);
    free(p->slots);
    free(p->buckets);
    *p = (struct prepared){0};
}

/* Ids come from a counter: a multiplication spreads them well enough. */
static uint32_t *bucket_of(const struct prepared *p, uint64_t id)
{
    return &p->buckets[(uint32_t)((id * 0x9E3779B97F4A7C15u) >> 32) & p->bucket_mask];
}

static uint32_t find(const struct prepared *p, uint64_t id)
{
    if (p->cap == 0) {
        return 0;
    }
    uint32_t at = *bucket_of(p, id);
    while (at != 0 && p->slots[at - 1].id != id) {
        at = p->slots[at - 1].next_in_bucket;
    }
    return at;
}

static void list_remove(struct prepared *p, uint32_t at)
{
    struct prepared_slot *s = &p->slots[at - 1];
    *(s->newer == 0 ? &p->newest : &p->slots[s->newer - 1].older) = s->older;
    *(s->older == 0 ? &p->oldest : &p->slots[s->older - 1].newer) = s->newer;
}

static void list_add(struct prepared *p, uint32_t at)
{
    struct prepared_slot *s = &p->slots[at - 1];
    s->newer = 0;
    s->older = p->newest;
    *(p->newest == 0 ? &p->oldest : &p->slots[p->newest - 1].newer) = at;
    p->newest = at;
}

static void *take_slot(struct prepared *p, uint32_t at)
{
    struct prepared_slot *s = &p->slots[at - 1];
    uint32_t *link = bucket_of(p, s->id);
    while (*link != at) {
        link = &p->slots[*link - 1].next_in_bucket;
    }
    *link = s->next_in_bucket;
    list_remove(p, at);
    s->next_in_bucket = p->spare;
    p->spare = at;
    p->count--;
    return s->handle;
}

void *prepared_get(struct prepared *p, uint64_t id)
{
    uint32_t at = find(p, id);
    if (at == 0) {
        return NULL;
    }
    if (p->newest != at) {
        list_remove(p, at);
        list_add(p, at);
    }
    return p->slots[at - 1].handle;
}

void *prepared_put(struct prepared *p, uint64_t id, void *handle)
{
    if (p->cap == 0) {
        return handle;
    }
    assert(find(p, id) == 0);
    void *out = p->count == p->cap ? take_slot(p, p->oldest) : NULL;
    uint32_t at = p->spare;
    assert(at != 0);
    struct prepared_slot *s = &p->slots[at - 1];
    p->spare = s->next_in_bucket;
    uint32_t *bucket = bucket_of(p, id);
    s->id = id;
    s->handle = handle;
    s->next_in_bucket = *bucket;
    *bucket = at;
    list_add(p, at);
    p->count++;
    return out;
}

void *prepared_take(struct prepared *p, uint64_t id)
{
    uint32_t at = find(p, id);
    return at == 0 ? NULL : take_slot(p, at);
}

void *prepared_pop(struct prepared *p)
{
    return p->oldest == 0 ? NULL : take_slot(p, p->oldest);
}
