/* SPDX-License-Identifier: MIT
 *
 * cache/table.c: changing the chains, one pointer at a time.
 */
#include "cache/table.h"

#include <assert.h>

size_t table_bytes(size_t chains)
{
    return chains * sizeof(_Atomic(struct node *));
}

void table_init(struct table *t, void *memory, size_t chains)
{
    assert(chains > 0 && (chains & (chains - 1)) == 0);
    *t = (struct table){.chains = memory, .mask = chains - 1};
}

void table_add(struct table *t, struct node *n)
{
    _Atomic(struct node *) *chain = &t->chains[n->hash & t->mask];
    atomic_store(&n->next, atomic_load(chain));
    atomic_store(chain, n);
}

void table_remove(struct table *t, struct node *n)
{
    _Atomic(struct node *) *at = &t->chains[n->hash & t->mask];
    while (atomic_load(at) != n) {
        at = &atomic_load(at)->next;
    }
    atomic_store(at, atomic_load(&n->next));
}
