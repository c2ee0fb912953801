/* SPDX-License-Identifier: MIT
 *
 * backend/pg_prepare.c: which statements a PostgreSQL session has prepared, and
 * which of them it no longer needs.
 *
 * Owns its arrays. What is kept are names, not pointers: numbers in the place of
 * prepared.h's handles. Loop thread.
 */
#include "backend/pg_parts.h"

#include <stdlib.h>

enum { CACHE_CAP_MAX = 65536 };

static void *handle_of(uint64_t name)
{
    return (void *)(uintptr_t)name;
}

static uint64_t name_of(const void *handle)
{
    return (uint64_t)(uintptr_t)handle;
}

enum err pg_cache_init(struct pg_cache *k, uint32_t cap)
{
    *k = (struct pg_cache){.cap = cap > CACHE_CAP_MAX ? CACHE_CAP_MAX : cap};
    return prepared_init(&k->table, k->cap);
}

void pg_cache_fini(struct pg_cache *k)
{
    pg_cache_clear(k);
    prepared_fini(&k->table);
    free(k->dropped);
    *k = (struct pg_cache){0};
}

uint64_t pg_cache_find(struct pg_cache *k, uint64_t key)
{
    return name_of(prepared_get(&k->table, key));
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
    const void *old = prepared_put(&k->table, key, handle_of(name));
    if (old != NULL) {
        drop_name(k, name_of(old));
    }
}

void pg_cache_forget(struct pg_cache *k, uint64_t key)
{
    const void *old = prepared_take(&k->table, key);
    if (old != NULL) {
        drop_name(k, name_of(old));
    }
}

void pg_cache_clear(struct pg_cache *k)
{
    while (prepared_pop(&k->table) != NULL) {
    }
    k->dropped_count = 0;
}

uint64_t pg_cache_take_dropped(struct pg_cache *k)
{
    return k->dropped_count == 0 ? 0 : k->dropped[--k->dropped_count];
}
