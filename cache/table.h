/* SPDX-License-Identifier: MIT
 *
 * cache/table.h: a hash table that is read without a lock.
 *
 * A fixed number of chains; the nodes are the caller's. One thread at a time changes it.
 * Readers walk from table_first by node_next: a node that is taken out keeps its `next`,
 * so whoever stands on it walks on; it may be freed when no reader can be on it any more
 * (cache/epoch.h).
 */
#ifndef CACHE_TABLE_H
#define CACHE_TABLE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct node {
    _Atomic(struct node *) next;
    uint64_t hash;
};

struct table {
    _Atomic(struct node *) *chains;
    size_t mask; /* chains - 1 */
};

/* `chains` of them (a power of two) in zeroed memory of table_bytes(chains), the caller's. */
void table_init(struct table *t, void *memory, size_t chains);
size_t table_bytes(size_t chains);
/* n->hash is set. Of several nodes that are equal, readers see the newest first. */
void table_add(struct table *t, struct node *n);
/* n is in it. */
void table_remove(struct table *t, struct node *n);

static inline struct node *table_first(const struct table *t, uint64_t hash)
{
    return atomic_load(&t->chains[hash & t->mask]);
}

static inline struct node *node_next(const struct node *n)
{
    return atomic_load(&n->next);
}

#endif
