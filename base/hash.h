/* SPDX-License-Identifier: MIT
 *
 * base/hash.h: hashing of bytes that peers choose, and a map from bytes to
 * pointers.
 *
 * The hash is XXH3 with a seed that the process draws once from the kernel and
 * passes down, so that nobody outside can build collisions. One thread at a
 * time for a map; hash_bytes anywhere.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* 64 bits over s; equal inputs and seeds give equal results in one process. */
uint64_t hash_bytes(struct str s, uint64_t seed);
/* A random seed from getrandom(2). */
uint64_t hash_seed(void);

/* Open addressing with linear probing. Borrows keys: each must live as long as
 * its entry. Values are the caller's. */
struct map {
    struct map_slot *slots;
    uint32_t count;
    uint32_t cap; /* power of two, or 0 */
    uint64_t seed;
};

void map_init(struct map *m, uint64_t seed);
void map_fini(struct map *m);
/* NULL if there is none. */
void *map_get(const struct map *m, struct str key);
/* Adds or replaces; value must not be NULL. ERR_OUT_OF_MEMORY leaves m as it was. */
enum err map_put(struct map *m, struct str key, void *value) MUST_CHECK;
/* Removes and returns the value, or NULL. */
void *map_remove(struct map *m, struct str key);
/* Walks: start with *at = 0; false at the end. m must not change meanwhile. */
bool map_each(const struct map *m, uint32_t *at, struct str *key, void **value);

#endif
