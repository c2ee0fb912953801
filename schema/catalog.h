/* SPDX-License-Identifier: MIT
 *
 * schema/catalog.h: what a database has: tables, views, columns, keys, indexes,
 * functions. An immutable snapshot, shared by all workers.
 *
 * A catalog owns all its texts and arrays (one arena). References are counted
 * with atomics; a holder may read it from any thread. Built by schema/reflect.h.
 */
#ifndef SCHEMA_CATALOG_H
#define SCHEMA_CATALOG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "schema/function_info.h"
#include "value/type.h"

#include <stdbool.h>
#include <stdint.h>

enum table_kind { TABLE_BASE, TABLE_VIEW };

/* What a read of a table shows besides the rows that were written to it. */
enum table_shows {
    SHOWS_ROWS,   /* nothing */
    SHOWS_OTHERS, /* what the catalog does not tell: a view, or a table whose rows others guard
                   */
    SHOWS_CLOCK,  /* columns that are computed when they are read, of the time or by chance */
    SHOWS_AWAY,   /* rows that are somewhere else, or change before a transaction ends */
};

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

/* A foreign key, and whose it is. */
struct referrer {
    const struct table *table;
    const struct foreign_key *key;
};

struct table {
    struct str schema; /* PostgreSQL schema, MariaDB database, SQLite "main" */
    struct str name;
    enum table_kind kind;
    bool in_path; /* found by its bare name (search_path, current database) */
    bool has_triggers;
    bool fires;    /* a write to it, or to one of its family, may write elsewhere: by a trigger,
                    * a rule, a default that calls something */
    bool replaces; /* a row that is written to it may remove others of it (SQLite's ON CONFLICT
                    * REPLACE) */
    enum table_shows shows;
    const struct table *family; /* stands for all that partition or inherit from each other
                                 * with it; NULL: there are none */
    const struct referrer *referrers; /* to it, or to any of its family, then told of
                                       * `family` alone */
    uint32_t referrer_count;
    bool plain;    /* nothing deferred, no code of users (triggers, rules …) in an insert */
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

struct catalog;

/* Takes one more reference. NULL is accepted. Returns c. */
struct catalog *catalog_ref(struct catalog *c);
/* Gives one back; the last frees. NULL is accepted. */
void catalog_unref(struct catalog *c);
/* Differs for every snapshot of the process; part of plan keys. */
uint64_t catalog_version(const struct catalog *c);
/* clock_now_ns when it was read. */
uint64_t catalog_read_ns(const struct catalog *c);
/* Of its tables, views, columns and keys: equal for equal ones, in every process. */
uint64_t catalog_digest(const struct catalog *c);
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

#endif
