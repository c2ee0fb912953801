/* SPDX-License-Identifier: MIT
 *
 * cache/blob.h: a result as bytes for a store that daemons share. No I/O.
 *
 * Whatever stands there is read with distrust: anything but a whole blob of this version
 * with the very key that was asked for is no result.
 */
#ifndef CACHE_BLOB_H
#define CACHE_BLOB_H

#include "base/buf.h"
#include "base/str.h"
#include "cache/ledger.h"

#include <stdbool.h>
#include <stdint.h>

struct blob {
    struct ledger_place place; /* where the log stood when it was read */
    struct slot_set slots;     /* what it depends on */
    uint64_t keep_ms;          /* how long it is kept, from its reading on */
    uint64_t soft_ms;          /* age from which it is to be read again; 0: none */
    struct str key, body;      /* borrowed */
};

/* Appends it. Check out->failed. */
void blob_write(struct buf *out, const struct blob *b);
/* false: it is none, or of another key. */
bool blob_read(struct str bytes, struct str key, struct blob *out);

#endif
