/* SPDX-License-Identifier: MIT
 *
 * pool/fuse.h: several reads of one plan by unique key as one statement, whose rows are
 * dealt out again by their last column, the key.
 */
#ifndef POOL_FUSE_H
#define POOL_FUSE_H

#include "base/buf.h"
#include "pool/shared.h"

enum { FUSE_MAX = 256 }; /* reads in one statement */

struct fuse {
    struct row_sink sink;        /* first: the driver sees this */
    struct shared_run **members; /* NULL: it left */
    struct buf texts;            /* of the keys: a member may leave with its own */
    struct value
        *keys; /* by member; behind them copies of the last, up to the statement's number */
    uint32_t *buckets; /* member + 1 */
    uint32_t *chain;   /* by member: the next one of its bucket, + 1 */
    uint32_t count, cap, mask, key_column;
    bool has_rows; /* the first one came */
    uint64_t seed;
};

/* Whether reads of s can be fused. */
static inline bool fuse_may(const struct statement *s)
{
    return s->fusion_count > 0;
}
/* How many of them, at most. */
uint32_t fuse_most(const struct statement *s);
/* Makes the run of `count` (2 … FUSE_MAX) reads, linked by next, of one plan: sets stmt,
 * params, sets and sink of *out. ERR_OUT_OF_MEMORY. */
enum err fuse_begin(struct fuse *f, struct shared_run *first, uint32_t count,
                    struct run *out) MUST_CHECK;
/* Rows of m are dropped from now on; nothing of it is used any more. */
void fuse_leave(struct fuse *f, const struct shared_run *m);
void fuse_fini(struct fuse *f);

#endif
