/* SPDX-License-Identifier: MIT
 *
 * compiler/query.h: selects while they are compiled; their expressions
 * are in compiler/ast.h.
 */
#ifndef COMPILER_QUERY_H
#define COMPILER_QUERY_H

#include "compiler/ast.h"
#include "compiler/from.h"

enum query_kind { QUERY_SELECT, QUERY_COMPOUND, QUERY_VALUES };
enum set_op {
    SET_UNION,
    SET_UNION_ALL,
    SET_INTERSECT,
    SET_INTERSECT_ALL,
    SET_EXCEPT,
    SET_EXCEPT_ALL
};
enum cte_keep { KEEP_DEFAULT, KEEP_NOT, KEEP_ROWS }; /* materialized or not */

enum item_kind { ITEM_EXPR, ITEM_ALL, ITEM_ALL_OF };

struct write;

struct item {
    enum item_kind kind;
    struct str alias; /* ptr NULL: none. ITEM_ALL_OF: the source's name */
    struct expr *expr;
    const struct json *src;
};

/* A column of a query's result. */
struct output {
    struct str name;
    struct expr *expr;
    struct type as; /* what a compound makes of it; TYPE_UNKNOWN: what it is */
    bool as_cast;   /* and the database must be told so: it looks at the first part only */
    bool aliased;
};

/* A query of `with`, called by its name in any FROM that sees it. */
struct cte {
    const struct json *src;
    struct str name;
    struct str sql_name; /* made by us */
    struct query *query;
    struct write *write;        /* whose `returning` the query is; NULL: it only reads */
    const struct json *columns; /* names of its outputs; NULL: its own */
    enum cte_keep keep;
    bool resolved;
    bool recursive;          /* it reads itself */
    const struct query *tip; /* while the part that may read it is resolved; else NULL */
};

struct with {
    struct cte *ctes;
    uint32_t count;
    uint32_t visible; /* the first ones, that a name may mean just now */
    bool recursive;
};

struct query {
    const struct json *src;
    enum query_kind kind;
    struct query *outer;  /* what a correlated name may reach; NULL at the top */
    struct query *holder; /* whose `with` it sees where it has no outer */
    struct with with;
    enum set_op set_op;
    struct query **parts; /* of a compound; of values: a row each */
    uint32_t part_count;
    bool is_part;
    struct source *rows;       /* a compound's own, what its order_by names */
    struct cte *cte;           /* whose query it is; NULL: none */
    const struct write *write; /* whose scope it is; NULL: none */
    struct item *items;
    uint32_t item_count;
    bool distinct;
    struct expr **distinct_on; /* the first row of each; NULL: none */
    uint32_t distinct_count;
    struct from_node *from; /* NULL: none */
    struct source **sources;
    uint32_t source_count;
    struct merged *merged; /* by `using`, the latest first */
    uint64_t visible;      /* bits of the sources that a name may mean just now */
    struct expr *where;    /* NULL: none */
    struct expr **group;
    uint32_t group_count, group_cap;
    uint64_t *sets; /* grouping sets, as bits of `group`; NULL: one of all */
    uint32_t set_count;
    struct expr *having;
    struct order *order;
    uint32_t order_count;
    struct named_window *windows;
    uint32_t window_count;
    struct expr *limit, *offset; /* NULL: none */
    bool with_ties;
    struct after after;
    struct lock lock;
    struct output *outputs;
    uint32_t output_count;
    bool aggregated;    /* has group_by, having or an aggregate */
    bool aliases_seen;  /* while order_by is resolved: select aliases are names */
    bool in_aggregate;  /* while an aggregate's argument is resolved */
    bool takes_windows; /* while the items and order_by are resolved */
    bool no_aggregates; /* while where, on, group_by, returning are resolved */
};

#endif
