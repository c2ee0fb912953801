/* SPDX-License-Identifier: MIT
 *
 * schema/catalog.h: what a database has: tables, views, columns, keys, indexes,
 * functions. An immutable snapshot, shared by all workers.
 *
 * A catalog owns all its texts and arrays (one arena). References are counted
 * with atomics; a holder may read it from any thread. Built by schema/reflect.h
 * (later also from model files).
 */
#ifndef SCHEMA_CATALOG_H
#define SCHEMA_CATALOG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "value/type.h"

#include <stdbool.h>
#include <stdint.h>

enum table_kind { TABLE_BASE, TABLE_VIEW };

struct column {
    struct str name;
    struct type type;
    struct str collation; /* of text; empty: the database's default */
    uint32_t index;       /* in table.columns */
    bool nullable;
    bool has_default;      /* of any sort, an identity included */
    bool auto_key;         /* serial, identity, AUTO_INCREMENT, SQLite's rowid alias */
    bool generated;        /* GENERATED ALWAYS AS (…): never written */
    bool binary_collation; /* text that compares bytewise */
    bool equal_bytewise;   /* … is equal only to its own bytes, in whatever order */
};

/* A list of columns of one table, by index. */
struct key {
    struct str name; /* of the constraint or index; may be empty */
    const uint32_t *columns;
    uint32_t count; /* 0: there is no such key */
};

enum fk_action { FK_NO_ACTION, FK_RESTRICT, FK_CASCADE, FK_SET_NULL, FK_SET_DEFAULT };

struct foreign_key {
    struct str name;
    const uint32_t *columns;
    const struct table *target; /* NULL when outside the catalog */
    const uint32_t *target_columns;
    uint32_t count;
    enum fk_action on_delete, on_update;
};

struct index_info {
    struct key key; /* its plain columns, in order */
    bool unique;
    bool partial;         /* has a WHERE */
    bool has_expressions; /* key is not the whole of it */
};

struct table {
    struct str schema; /* PostgreSQL schema, MariaDB database, SQLite "main" */
    struct str name;
    enum table_kind kind;
    bool in_path; /* found by its bare name (search_path, current database) */
    bool has_triggers;
    bool writable; /* false: a view that the database cannot write through */
    const struct column *columns;
    uint32_t column_count;
    struct key primary_key;
    const struct key *uniques; /* constraints and unique indexes, without the primary key;
                                * partial ones and those on expressions are left out */
    uint32_t unique_count;
    const struct foreign_key *foreign_keys;
    uint32_t foreign_key_count;
    const struct index_info *indexes;
    uint32_t index_count;
};

enum volatility { VOLATILITY_IMMUTABLE, VOLATILITY_STABLE, VOLATILITY_VOLATILE };

/* An ordered-set aggregate takes its rows by WITHIN GROUP (ORDER BY …). */
enum function_kind { FUNCTION_PLAIN, FUNCTION_AGGREGATE, FUNCTION_ORDERED_SET, FUNCTION_MIXED };

/* Of an ordered-set aggregate whose overloads differ: what its result has the type of. */
enum result_of {
    RESULT_OWN,     /* not of what it is ordered by */
    RESULT_OF_ANY,  /* of that, or an array of it where the first argument is an array */
    RESULT_OF_REAL, /* the same as double or interval, the two that it takes */
};

struct function_info {
    struct str schema, name;
    enum volatility volatility; /* the worst of its overloads */
    struct type result;         /* kind TYPE_OPAQUE when overloads differ */
    enum function_kind kind;    /* FUNCTION_MIXED when overloads differ */
    enum result_of result_of;
};

struct catalog;

/* Takes one more reference. NULL is accepted. Returns c. */
struct catalog *catalog_ref(struct catalog *c);
/* Gives one back; the last frees. NULL is accepted. */
void catalog_unref(struct catalog *c);
/* Differs for every snapshot of the process; part of plan keys. */
uint64_t catalog_version(const struct catalog *c);
/* clock_now_ns when it was read. */
uint64_t catalog_read_ns(const struct catalog *c);
uint32_t catalog_table_count(const struct catalog *c);
const struct table *catalog_table_at(const struct catalog *c, uint32_t i);

/* The table `schema`.`name`; an empty schema looks along the search path. Exact
 * spelling (PostgreSQL, SQLite fold nothing here; MariaDB as the server's file
 * system does). NULL if there is none. */
const struct table *catalog_table(const struct catalog *c, struct str schema, struct str name);
/* NULL if there is none. */
const struct column *table_column(const struct table *t, struct str name);
/* NULL if the catalog has none of that name. */
const struct function_info *catalog_function(const struct catalog *c, struct str name);
/* Whether these columns hold a primary or unique key of t whole (any order). */
bool table_has_unique(const struct table *t, const uint32_t *columns, uint32_t count);

/* The nearest names for a misspelt one, at most `max`, best first; borrowed. */
uint32_t catalog_near_tables(const struct catalog *c, struct str name, struct str *out,
                             uint32_t max);
uint32_t table_near_columns(const struct table *t, struct str name, struct str *out,
                            uint32_t max);

/* ---- building (schema/reflect.c, tests) ---- */

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
/* Makes the snapshot with one reference; the builder is gone either way.
 * ERR_OUT_OF_MEMORY. */
enum err catalog_builder_finish(struct catalog_builder *b, struct catalog **out) MUST_CHECK;

#endif
