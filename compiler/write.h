/* SPDX-License-Identifier: MIT
 *
 * compiler/write.h: inserts, updates and deletes while they are compiled.
 */
#ifndef COMPILER_WRITE_H
#define COMPILER_WRITE_H

#include "compiler/query.h"

/* A column and what it is set to. */
struct assign {
    struct str key;
    const struct json *src;
    const struct column *column;
    struct expr *value; /* NULL: the cell of the row of data, */
    bool of_clash;      /* … or of `data` in `conflict` */
};

/* An insert's rows that share a set of keys, or the only row of `set`. */
struct write_set {
    struct assign *assigns;
    uint32_t count;
};

/* What is done about a row whose key is there: {"conflict": …}. */
struct upsert {
    const struct json *src;
    struct expr **on; /* columns, or expressions of an index */
    uint32_t on_count;
    struct expr *index_where;
    const struct json *constraint; /* NULL: none is named */
    const struct key *key;         /* the unique key that was meant; NULL: any, or none that
                                    * the catalog knows whole */
    bool updates;                  /* do: update */
    struct query scope;            /* the stored row, then the proposed one, `new` */
    struct write_set set;
    struct expr *where;
};

/* How a write is done; compiler/parts.c has its steps. */
enum write_way {
    WAY_PLAIN,     /* one statement */
    WAY_KEYS,      /* update … returning: the keys of the rows, then row by row */
    WAY_DUPLICATE, /* ON DUPLICATE KEY UPDATE */
    WAY_SKIP,      /* an insert that may fail for its unique key */
    WAY_TRIED,     /* delete: its condition is tried in a read that sees errors */
    WAY_LOOK,      /* the row is looked for and locked, then updated or inserted */
};

/* One statement of a write. */
enum write_part {
    PART_WHOLE,  /* all of it */
    PART_TRY,    /* SELECT count(*) … FOR UPDATE */
    PART_LOOK,   /* SELECT key … FOR UPDATE */
    PART_CHANGE, /* UPDATE … WHERE key */
    PART_READ,   /* SELECT returning … WHERE key */
};

struct write {
    enum plan_kind kind;
    enum write_way way;
    const struct json *src;
    struct query scope; /* sources: the target, then those of `from`, `join` or `using`;
                         * where; items: returning */
    bool inner;         /* in the `with` of another statement */
    bool has_returning;
    bool all_rows; /* "where": true */
    struct write_set *sets;
    uint32_t set_count;
    struct assign *columns; /* insert with columns and values */
    uint32_t column_count;
    struct expr **values; /* row by row */
    uint32_t value_rows;
    struct query *query;   /* from_query; NULL: none */
    struct upsert *upsert; /* NULL: none */
    struct key row_key; /* WAY_KEYS, WAY_LOOK: columns that name a row and stay as they are */
    bool wants_keys;
};

#endif
