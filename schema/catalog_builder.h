/* SPDX-License-Identifier: MIT
 *
 * schema/catalog_builder.h: making a catalog: schema/reflect.c, and tests.
 */
#ifndef SCHEMA_CATALOG_BUILDER_H
#define SCHEMA_CATALOG_BUILDER_H

#include "schema/catalog.h"

struct catalog_builder;
/* Empty; `seed` for its maps. NULL when out of memory. */
struct catalog_builder *catalog_builder_create(uint64_t seed);
/* NULL is accepted. */
void catalog_builder_destroy(struct catalog_builder *b);
/* Memory that lives as long as the catalog. */
struct arena *catalog_builder_arena(struct catalog_builder *b);
/* Adds a table whose arrays live in the builder's arena. Foreign keys may name
 * tables that come later: set target afterwards by catalog_builder_find. */
enum err catalog_builder_table(struct catalog_builder *b, struct table *t) MUST_CHECK;
enum err catalog_builder_function(struct catalog_builder *b,
                                  const struct function_info *f) MUST_CHECK;
struct table *catalog_builder_find(struct catalog_builder *b, struct str schema,
                                   struct str name);
/* child partitions or inherits from parent: a write to the one may change what a read of
 * the other shows. */
void catalog_builder_relate(struct table *child, const struct table *parent);
/* Makes the snapshot with one reference; the builder is gone either way.
 * ERR_OUT_OF_MEMORY. */
enum err catalog_builder_finish(struct catalog_builder *b, struct catalog **out) MUST_CHECK;

#endif
