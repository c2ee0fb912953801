/* SPDX-License-Identifier: MIT
 *
 * schema/effects.h: which tables a write changes: its own, and those that foreign keys
 * make it change, over any number of steps.
 */
#ifndef SCHEMA_EFFECTS_H
#define SCHEMA_EFFECTS_H

#include "schema/catalog.h"

#include <stdbool.h>
#include <stdint.h>

/* What happens to rows, as bits. */
enum rows_effect {
    ROWS_ADDED = 1,
    ROWS_CHANGED = 2,
    ROWS_REMOVED = 4,
    ROWS_REKEYED = 8, /* changed in columns to which foreign keys may refer */
    ROWS_ANY = 15,
};

struct effect {
    const struct table *table; /* of a family: the one that stands for it */
    unsigned rows;
    bool again; /* it was reached on more ways than one */
};

#define EFFECTS_MAX 48

struct effects {
    uint32_t count;
    struct effect list[EFFECTS_MAX];
};

/* Adds what a write does to t, and what follows from that. `rows` without ROWS_REKEYED may
 * say in `set` which `set_count` columns are changed. false: there are too many tables. */
bool effects_add(struct effects *e, const struct table *t, unsigned rows, const uint32_t *set,
                 uint32_t set_count);
/* The table whose slots stand for t. */
const struct table *table_head(const struct table *t);

#endif
