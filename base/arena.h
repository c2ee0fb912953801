/* SPDX-License-Identifier: MIT
 *
 * base/arena.h: memory of one request, freed all at once.
 *
 * Owns its blocks. Nothing from an arena may enter a pool, a cache or the
 * catalog: copy it. One thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

struct arena_block;

struct arena {
    char *next; /* free bytes of the current block */
    char *end;
    struct arena_block *blocks; /* newest first */
    size_t used_bytes;          /* of all blocks, headers included */
    size_t limit_bytes;         /* 0: none */
};

/* Starts empty; the first allocation takes a block. limit_bytes bounds the sum
 * of the blocks (0: no limit); beyond it allocations return NULL. */
void arena_init(struct arena *a, size_t limit_bytes);
/* Frees every block; a can be used again. */
void arena_fini(struct arena *a);
/* Forgets all allocations, keeps one block of the usual size for reuse. */
void arena_reset(struct arena *a);

/* Uninitialised memory aligned for any type, or NULL. size 0 gives a non-NULL
 * pointer that must not be read. Lives until arena_reset or arena_fini. */
void *arena_alloc(struct arena *a, size_t size_bytes) MUST_CHECK;
/* Zeroed memory for count objects; NULL when out of memory or on overflow. */
void *arena_zalloc(struct arena *a, size_t count, size_t size_bytes) MUST_CHECK;
/* A copy of s (with a NUL behind it for library edges); ptr NULL when out of
 * memory. */
struct str arena_str(struct arena *a, struct str s) MUST_CHECK;
/* printf into the arena; ptr NULL when out of memory. */
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, count, type) ((type *)arena_zalloc((a), (count), sizeof(type)))

#endif
