/* SPDX-License-Identifier: MIT
 *
 * base/hash.c: XXH3 and an open-addressing map with backward-shift deletion.
 */
#include "base/hash.h"

#include "base/clock.h"

#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

struct map_slot {
    struct str key;
    uint64_t hash;
    void *value; /* NULL: free */
};

uint64_t hash_bytes(struct str s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s.ptr, s.len, seed);
}

uint64_t hash_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        seed = clock_now_ns() * UINT64_C(0x9e3779b97f4a7c15);
    }
    return seed;
}

void map_init(struct map *m, uint64_t seed)
{
    *m = (struct map){.seed = seed};
}

void map_fini(struct map *m)
{
    free(m->slots);
    map_init(m, m->seed);
}

/* The slot that holds key, or the free one where it belongs. cap > count. */
static uint32_t find_slot(const struct map *m, struct str key, uint64_t hash)
{
    uint32_t i = (uint32_t)hash & (m->cap - 1);
    while (m->slots[i].value != NULL &&
           !(m->slots[i].hash == hash && str_eq(m->slots[i].key, key))) {
        i = (i + 1) & (m->cap - 1);
    }
    return i;
}

void *map_get(const struct map *m, struct str key)
{
    if (m->count == 0) {
        return NULL;
    }
    return m->slots[find_slot(m, key, hash_bytes(key, m->seed))].value;
}

static enum err grow(struct map *m)
{
    struct map bigger = {.cap = m->cap == 0 ? 16 : m->cap * 2, .seed = m->seed};
    if (bigger.cap == 0) {
        return ERR_OUT_OF_MEMORY;
    }
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (bigger.slots == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < m->cap; i++) {
        const struct map_slot *s = &m->slots[i];
        if (s->value != NULL) {
            bigger.slots[find_slot(&bigger, s->key, s->hash)] = *s;
            bigger.count++;
        }
    }
    free(m->slots);
    *m = bigger;
    return ERR_OK;
}

enum err map_put(struct map *m, struct str key, void *value)
{
    if ((uint64_t)m->count * 4 >= (uint64_t)m->cap * 3) {
        enum err e = grow(m);
        if (e != ERR_OK) {
            return e;
        }
    }
    uint64_t hash = hash_bytes(key, m->seed);
    struct map_slot *s = &m->slots[find_slot(m, key, hash)];
    m->count += s->value == NULL;
    *s = (struct map_slot){key, hash, value};
    return ERR_OK;
}

void *map_remove(struct map *m, struct str key)
{
    if (m->count == 0) {
        return NULL;
    }
    uint32_t mask = m->cap - 1;
    uint32_t hole = find_slot(m, key, hash_bytes(key, m->seed));
    void *value = m->slots[hole].value;
    if (value == NULL) {
        return NULL;
    }
    m->count--;
    /* Move back what was pushed past the hole, so that lookups need no tombstones. */
    for (uint32_t i = (hole + 1) & mask; m->slots[i].value != NULL; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){0};
    return value;
}

bool map_each(const struct map *m, uint32_t *at, struct str *key, void **value)
{
    while (*at < m->cap) {
        const struct map_slot *s = &m->slots[(*at)++];
        if (s->value != NULL) {
            *key = s->key;
            *value = s->value;
            return true;
        }
    }
    return false;
}
