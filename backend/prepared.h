/* SPDX-License-Identifier: MIT
 *
 * backend/prepared.h: the prepared statements of one connection, by statement
 * id, least recently used first out.
 *
 * Borrows the handles: whoever puts one in frees it when it comes out again. No
 * memory is taken after prepared_init. One thread at a time.
 */
#ifndef BACKEND_PREPARED_H
#define BACKEND_PREPARED_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>

struct prepared_slot;

struct prepared {
    struct prepared_slot *slots;
    uint32_t *buckets; /* first slot + 1 of each chain; 0: empty */
    uint32_t cap, bucket_mask;
    _Atomic uint32_t count;  /* read by any thread */
    uint32_t newest, oldest; /* slot + 1; 0: none */
    uint32_t spare;          /* first unused slot + 1 */
};

/* cap 0 keeps nothing. ERR_OUT_OF_MEMORY; prepared_fini after either outcome. */
enum err prepared_init(struct prepared *p, uint32_t cap) MUST_CHECK;
/* The handles must have been taken out. */
void prepared_fini(struct prepared *p);
/* NULL if there is none; else it becomes the newest. */
void *prepared_get(struct prepared *p, uint64_t id);
/* Keeps handle under id, which must not be there. Returns what the caller has to
 * free: the oldest handle, or `handle` itself if the cap is 0, or NULL. */
void *prepared_put(struct prepared *p, uint64_t id, void *handle) MUST_CHECK;
/* Takes id's handle out; NULL if there is none. */
void *prepared_take(struct prepared *p, uint64_t id);
/* Takes the oldest handle out; NULL when empty. */
void *prepared_pop(struct prepared *p);

#endif
