/* SPDX-License-Identifier: MIT
 *
 * cache/key.h: the name of a cached result: all that decides what a reply says.
 *
 * Compared in full at every lookup; the hash only finds the place. Two requests that
 * mean the same have the same key: it is made of the SQL and the values that are sent, not
 * of the request's text.
 */
#ifndef CACHE_KEY_H
#define CACHE_KEY_H

#include "base/buf.h"
#include "base/str.h"
#include "value/run.h"

#include <stdint.h>

struct cache_key {
    struct str bytes; /* borrowed */
    uint64_t hash;    /* hash_bytes(bytes, seed of the region) */
};

/* What a key is made of besides the statement. */
struct cache_key_parts {
    struct str database; /* its name … */
    uint64_t catalog; /* … and the number of what it is: another one after its conf changed */
    struct str principal; /* row filters and who is under them; empty: there are no roles yet */
    uint64_t shard_epoch; /* of the shard map; 0: there is none yet */
    struct str form;      /* as, expect, int64 …: how the reply is written */
    struct str columns;   /* the text of its columns */
    const struct statement *stmt;
    const struct value *params;
};

/* Appends the key's bytes: every part with its length before it. Check out->failed. */
void cache_key_write(struct buf *out, const struct cache_key_parts *p);

#endif
