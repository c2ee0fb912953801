/* SPDX-License-Identifier: MIT
 *
 * compiler/seen.c: see compiler/seen.h.
 */
#include "compiler/seen.h"

#include <stdlib.h>

/* Deeper than any line may be; what was read once is not deeper than its limit then. */
#define ANY_DEPTH 100000
#define GUESSES 12

void seen_init(struct seen_cache *c, size_t max_bytes, uint64_t seed)
{
    *c = (struct seen_cache){.max_bytes = max_bytes};
    map_init(&c->map, seed);
}

static size_t cost(const struct seen *s)
{
    return sizeof *s + s->arena.used_bytes;
}

static void unlink_seen(struct seen_cache *c, struct seen *s)
{
    *(s->newer != NULL ? &s->newer->older : &c->newest) = s->older;
    *(s->older != NULL ? &s->older->newer : &c->oldest) = s->newer;
}

static void link_newest(struct seen_cache *c, struct seen *s)
{
    s->newer = NULL;
    s->older = c->newest;
    *(c->newest != NULL ? &c->newest->newer : &c->oldest) = s;
    c->newest = s;
}

void seen_unref(struct seen *s)
{
    if (s != NULL && --s->refs == 0) {
        arena_fini(&s->arena);
        free(s);
    }
}

static void drop(struct seen_cache *c, struct seen *s)
{
    map_remove(&c->map, s->text);
    unlink_seen(c, s);
    c->bytes -= cost(s);
    seen_unref(s);
}

void seen_fini(struct seen_cache *c)
{
    while (c->oldest != NULL) {
        drop(c, c->oldest);
    }
    map_fini(&c->map);
}

static struct seen *take(struct seen_cache *c, struct seen *s, unsigned max_depth)
{
    if (s == NULL || s->depth > max_depth) {
        return NULL;
    }
    if (c->newest != s) {
        unlink_seen(c, s);
        link_newest(c, s);
    }
    c->hits++;
    s->refs++;
    return s;
}

struct seen *seen_find(struct seen_cache *c, struct str text, unsigned max_depth)
{
    return take(c, map_get(&c->map, text), max_depth);
}

/* An object ends where its brackets say: what begins with all bytes of one is that
 * one and something behind it. */
struct seen *seen_guess(struct seen_cache *c, struct str rest, unsigned max_depth)
{
    struct seen *s = c->newest;
    for (int i = 0; i < GUESSES && s != NULL; i++, s = s->older) {
        if (str_starts(rest, s->text)) {
            return take(c, s, max_depth);
        }
    }
    return NULL;
}

bool seen_again(struct seen_cache *c, struct str text)
{
    uint64_t hash = hash_bytes(text, c->map.seed);
    uint64_t *slot = &c->recent[hash % SEEN_RECENT];
    bool again = *slot == hash;
    *slot = hash;
    return again && c->max_bytes > 0;
}

static unsigned depth_of(const struct json *j)
{
    unsigned deepest = 0;
    if (j->kind < JSON_ARRAY) {
        return 0;
    }
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        unsigned d = depth_of(m);
        deepest = d > deepest ? d : deepest;
    }
    return deepest + 1;
}

struct seen *seen_create(struct str text)
{
    struct seen *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->refs = 1;
    arena_init(&s->arena, 0);
    s->text = arena_str(&s->arena, text);
    struct json *tree = NULL;
    if (s->text.ptr == NULL ||
        json_parse(&s->arena, s->text, ANY_DEPTH, &tree, NULL) != ERR_OK) {
        seen_unref(s);
        return NULL;
    }
    s->tree = tree;
    s->depth = depth_of(tree);
    return s;
}

void seen_keep(struct seen_cache *c, struct seen *s)
{
    size_t bytes = cost(s);
    if (bytes > c->max_bytes || map_get(&c->map, s->text) != NULL) {
        seen_unref(s);
        return;
    }
    while (c->oldest != NULL && c->bytes + bytes > c->max_bytes) {
        drop(c, c->oldest);
    }
    if (map_put(&c->map, s->text, s) != ERR_OK) {
        seen_unref(s);
        return;
    }
    link_newest(c, s);
    c->bytes += bytes;
}
