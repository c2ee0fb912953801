/* SPDX-License-Identifier: MIT
 *
 * compiler/cache.c: see compiler/cache.h.
 */
#include "compiler/cache.h"

#include <stdlib.h>
#include <string.h>

struct cache_entry {
    struct plan *plan;
    struct cache_entry *newer, *older;
    size_t bytes; /* with the key and this struct */
    size_t key_len;
    char key[];
};

/* What the map costs for each entry, its free slots included. */
#define MAP_BYTES 48

void plan_cache_init(struct plan_cache *c, size_t max_bytes, uint64_t seed)
{
    *c = (struct plan_cache){.max_bytes = max_bytes};
    map_init(&c->map, seed);
}

static void unlink_entry(struct plan_cache *c, struct cache_entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
}

static void link_newest(struct plan_cache *c, struct cache_entry *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest != NULL ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void drop(struct plan_cache *c, struct cache_entry *e)
{
    map_remove(&c->map, (struct str){e->key, e->key_len});
    unlink_entry(c, e);
    c->bytes -= e->bytes;
    c->count--;
    plan_unref(e->plan);
    free(e);
}

void plan_cache_fini(struct plan_cache *c)
{
    while (c->oldest != NULL) {
        drop(c, c->oldest);
    }
    map_fini(&c->map);
}

struct plan *plan_cache_get(struct plan_cache *c, struct str key)
{
    struct cache_entry *e = map_get(&c->map, key);
    if (e == NULL) {
        return NULL;
    }
    if (c->newest != e) {
        unlink_entry(c, e);
        link_newest(c, e);
    }
    return plan_ref(e->plan);
}

void plan_cache_put(struct plan_cache *c, struct str key, struct plan *p)
{
    size_t bytes = sizeof(struct cache_entry) + key.len + p->bytes + MAP_BYTES;
    if (bytes > c->max_bytes || map_get(&c->map, key) != NULL) {
        return;
    }
    struct cache_entry *e = malloc(sizeof *e + key.len);
    if (e == NULL) {
        return;
    }
    *e = (struct cache_entry){.plan = p, .bytes = bytes, .key_len = key.len};
    memcpy(e->key, key.ptr, key.len);
    while (c->oldest != NULL && c->bytes + bytes > c->max_bytes) {
        drop(c, c->oldest);
        c->evicted++;
    }
    if (map_put(&c->map, (struct str){e->key, e->key_len}, e) != ERR_OK) {
        free(e);
        return;
    }
    plan_ref(p);
    link_newest(c, e);
    c->bytes += bytes;
    c->count++;
}

void plan_cache_forget(struct plan_cache *c, uint64_t version)
{
    struct cache_entry *e = c->oldest;
    while (e != NULL) {
        struct cache_entry *newer = e->newer;
        if (catalog_version(e->plan->catalog) == version) {
            drop(c, e);
        }
        e = newer;
    }
}
