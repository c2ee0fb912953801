/* SPDX-License-Identifier: MIT
 *
 * compiler/seen.h: queries by their bytes: the tree of a query that came before, and
 * its part of the plan's key, so that neither is made again.
 *
 * A query is kept when it comes the second time; before, only its hash is. Bytes are
 * compared whole. Nothing here depends on a catalog: the key that leads to a plan
 * still begins with the catalog's version and ends with the forms of the params.
 * Owns its copies; least recently used goes first, bounded in bytes. One thread.
 */
#ifndef COMPILER_SEEN_H
#define COMPILER_SEEN_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "compiler/shape.h"

#include <stdint.h>

#define SEEN_RECENT 1024

struct seen {
    uint32_t refs; /* one of the cache, one of each request that borrows */
    struct arena arena;
    struct str text;
    const struct json *tree;
    unsigned depth; /* open brackets at most */
    struct str key; /* what shape_walk writes of it; empty: its params decide as well */
    struct shape shape;
    struct seen *newer, *older;
};

struct seen_cache {
    struct map map;
    struct seen *newest, *oldest;
    size_t bytes, max_bytes;
    uint64_t hits;
    uint64_t recent[SEEN_RECENT]; /* hashes of what came once */
};

void seen_init(struct seen_cache *c, size_t max_bytes, uint64_t seed);
void seen_fini(struct seen_cache *c);
/* What is known of these bytes, with one more reference; NULL if nothing is, or if it
 * is deeper than that. */
struct seen *seen_find(struct seen_cache *c, struct str text, unsigned max_depth);
/* As seen_find for one of those that came last, if `rest` begins with it. */
struct seen *seen_guess(struct seen_cache *c, struct str rest, unsigned max_depth);
/* Says that a query with these bytes was read and is good; true if it has come before
 * and should be kept. */
bool seen_again(struct seen_cache *c, struct str text);
/* An entry with its tree, not kept yet; NULL when out of memory. */
struct seen *seen_create(struct str text);
/* Keeps s, whose reference it takes; a failure to keep it is no error. */
void seen_keep(struct seen_cache *c, struct seen *s);
/* NULL is accepted. */
void seen_unref(struct seen *s);

#endif
