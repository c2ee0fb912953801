/* SPDX-License-Identifier: MIT
 *
 * schema/reflect_impl.h: what the three sources of a catalog share: the list of
 * their statements, and how rows become tables.
 *
 * Rows come sorted by table (and, for keys, by key), so only the table in hand is
 * held open; it is closed when a row of another one arrives. Internal to schema/.
 */
#ifndef SCHEMA_REFLECT_IMPL_H
#define SCHEMA_REFLECT_IMPL_H

#include "base/hash.h"
#include "schema/catalog_builder.h"
#include "schema/cells.h"
#include "schema/reflect.h"

typedef enum err reflect_row_fn(struct reflect *r, const struct value *cells);

/* One statement and the meaning of its rows. */
struct reflect_step {
    struct statement stmt;
    reflect_row_fn *row;
    bool bearable; /* the catalog is still of use without its rows */
    /* Statements that depend on what was read before: called until NULL, each run
     * bearable. stmt is unused then. May be NULL. */
    const struct statement *(*more)(struct reflect *r);
};

struct reflect_steps {
    const struct reflect_step *steps;
    uint32_t count;
    bool folds_case; /* SQL finds names whatever their case */
};
extern const struct reflect_steps reflect_pg, reflect_maria, reflect_sqlite;

/* A growing array of the table in hand. */
struct reflect_list {
    void *items;
    uint32_t count, cap;
};

/* A column of an index or key. Rows of one key are neighbours. */
struct key_part {
    struct str group; /* tells the keys of a table apart */
    struct str name;
    bool primary, unique, partial;
    bool odd; /* not a plain column: an expression, a prefix, another collation */
    struct str column;
};

/* A column of a foreign key. Rows of one key are neighbours. */
struct fk_part {
    struct str group, name;
    struct str column;
    struct str target_schema, target;
    struct str target_column; /* ptr NULL: the target's primary key is meant */
    enum fk_action on_delete, on_update;
};

struct reflect {
    struct row_sink sink; /* first */
    const struct reflect_steps *steps;
    uint32_t at;  /* the step that runs; count: done */
    bool started; /* reflect_next was called */
    bool dynamic; /* the statement came from `more` */
    enum err err; /* the first that ends it all */
    uint32_t skipped;

    struct catalog_builder *builder;
    struct arena *arena;  /* the catalog's */
    struct arena scratch; /* of the reading alone */
    struct map texts;     /* each text once: names repeat a lot */
    struct map facts;     /* joined names → what an earlier statement told */
    struct map folded;    /* lower-case table name → struct table, where case is folded */

    /* the table in hand, and what it has got so far */
    struct table *table;
    struct reflect_list columns;      /* struct column */
    struct reflect_list uniques;      /* struct key */
    struct reflect_list indexes;      /* struct index_info */
    struct reflect_list foreign_keys; /* struct foreign_key */

    /* the key in hand; its columns */
    bool key_open, fk_open;
    struct key_part key;
    struct fk_part fk;
    bool fk_odd;        /* a column of ours is not in the catalog */
    bool fk_target_odd; /* one of the target's is not */
    struct table *fk_target;
    struct reflect_list ours;   /* uint32_t */
    struct reflect_list theirs; /* uint32_t */

    /* SQLite: views whose columns must be asked for one by one */
    struct reflect_list views; /* struct str */
    uint32_t views_asked;
    struct statement view_stmt;
};

/* ---- names and facts ---- */

/* s with the life of the catalog, one copy of each; ptr NULL when out of memory. */
struct str reflect_text(struct reflect *r, struct str s) MUST_CHECK;
/* Whether a name can be told to a client (UTF-8, not empty); counts it if not. */
bool reflect_name(struct reflect *r, struct str name);
/* What a statement tells for a later one, by kind and a table's and another name. */
enum fact_kind { FACT_JSON, FACT_ACTIONS, FACT_COLLATION };
/* value: not NULL, with the life of the reading. */
enum err reflect_fact_put(struct reflect *r, enum fact_kind k, struct str table,
                          struct str name, const void *value) MUST_CHECK;
/* NULL if nothing was told. */
const void *reflect_fact(struct reflect *r, enum fact_kind k, struct str table,
                         struct str name);

/* ---- rows to tables ---- */

/* Adds *t (copied; its texts too). A name that is no UTF-8 is skipped. */
enum err reflect_add_table(struct reflect *r, const struct table *t) MUST_CHECK;
/* Makes schema.name the table in hand; r->table is NULL if there is none. */
enum err reflect_use(struct reflect *r, struct str schema, struct str name) MUST_CHECK;
/* To the table in hand, if there is one. Texts are copied. */
enum err reflect_add_column(struct reflect *r, const struct column *c) MUST_CHECK;
enum err reflect_add_key_part(struct reflect *r, const struct key_part *p) MUST_CHECK;
enum err reflect_add_fk_part(struct reflect *r, const struct fk_part *p) MUST_CHECK;
enum err reflect_add_function(struct reflect *r, const struct function_info *f) MUST_CHECK;
/* Ends the table in hand. */
enum err reflect_close(struct reflect *r) MUST_CHECK;
/* Room for one more item; NULL when out of memory. */
void *reflect_push(struct reflect_list *l, size_t item_bytes) MUST_CHECK;

/* ---- columns of the reading statements ---- */

#define REFLECT_TYPE(k, oid)                                                                   \
    {                                                                                          \
        .kind = (k), .length = -1, .precision = -1, .scale = -1, .native = (oid)               \
    }
#define REFLECT_T                                                                              \
    {                                                                                          \
        .name = {"t", 1}, .type = REFLECT_TYPE(TYPE_TEXT, 25)                                  \
    }
#define REFLECT_I                                                                              \
    {                                                                                          \
        .name = {"i", 1}, .type = REFLECT_TYPE(TYPE_BIGINT, 20)                                \
    }
#define REFLECT_STMT(text, cols)                                                               \
    {                                                                                          \
        .sql = {(text), sizeof(text) - 1}, .columns = (cols),                                  \
        .column_count = sizeof(cols) / sizeof((cols)[0]), .read_only = true                    \
    }

#endif
