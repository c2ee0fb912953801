/* SPDX-License-Identifier: MIT
 *
 * schema/catalog_parts.h: the inside of a catalog, for catalog.c (looking up) and
 * catalog_builder.c (making it). Nobody else includes it.
 */
#ifndef SCHEMA_CATALOG_PARTS_H
#define SCHEMA_CATALOG_PARTS_H

#include "base/arena.h"
#include "base/hash.h"
#include "schema/catalog.h"

#include <stdatomic.h>

/* Tables of one name in different schemas form a chain. */
struct table_node {
    struct table *table;
    struct str shown; /* `name`, or `schema.name` when the bare name does not find it */
    uint32_t letters; /* letters_of(name) */
    struct table_node *next;
};

struct function_node {
    struct function_info info;
};

struct catalog {
    _Atomic uint32_t refs;
    uint64_t version;
    uint64_t read_ns;
    uint64_t digest;
    struct arena arena;
    struct map tables;    /* name → first struct table_node of its chain */
    struct map functions; /* name → struct function_node */
    struct table_node **list;
    uint32_t count, cap;
};

/* Whatever its references are. */
void catalog_free(struct catalog *c);
/* As catalog_table, to be written to while it is built. */
struct table *catalog_find_table(const struct catalog *c, struct str schema, struct str name);
/* Which characters a name has, case ignored: a set of 32 classes. One edit of the name
 * changes at most two members, so most of ten thousand names are ruled out by it without
 * counting edits. */
uint32_t letters_of(struct str name);

#endif
