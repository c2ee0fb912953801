/* SPDX-License-Identifier: MIT
 *
 * compiler/ast.h: a statement while it is being compiled.
 *
 * Parsing builds it, resolving fills in sources, types and operators, emitting
 * reads it. Lives in the request's arena and borrows from the request's tree.
 */
#ifndef COMPILER_AST_H
#define COMPILER_AST_H

#include "base/json.h"
#include "base/str.h"
#include "compiler/plan.h"
#include "schema/catalog.h"
#include "value/type.h"

#include <stdbool.h>
#include <stdint.h>

struct operator;
struct query;

/* A table or subquery of FROM, or the target of a write. */
struct source {
    const struct json *src;
    struct str name;           /* how the statement calls it */
    struct str schema;         /* of a table without an alias: "schema.t.c" works too */
    const struct table *table; /* NULL: a subquery */
    struct query *query;       /* NULL: a table */
    struct str sql_name;       /* how the SQL calls it; a catalog name or made by us */
    uint32_t bit;              /* position among the sources of its query */
    bool aliased;              /* the client gave `name` */
    bool nullable;             /* on the outer side of an outer join */
    struct query *owner;       /* whose FROM it is in */
};

enum expr_kind {
    EXPR_NULL,
    EXPR_BOOL,
    EXPR_LITERAL,
    EXPR_PARAM,
    EXPR_NAME,
    EXPR_STAR, /* "*" as the argument of count */
    EXPR_CALL,
    EXPR_CASE,
    EXPR_LIST,       /* members of an IN list */
    EXPR_PARAM_LIST, /* an IN list that a param holds */
    EXPR_QUERY,
    EXPR_DRESSED, /* made while emitting: a template around expressions */
};

struct when {
    struct expr *cond, *then;
};

struct expr {
    enum expr_kind kind;
    bool nullable;
    bool resolved;       /* names and types are filled in; never done twice */
    bool boolean;        /* EXPR_BOOL */
    bool distinct;       /* EXPR_CALL of an aggregate */
    enum bind_form form; /* EXPR_LITERAL, EXPR_PARAM: how the value is bound */
    const struct json *src;
    struct type type; /* kind TYPE_UNKNOWN until something gives it one */
    union {
        struct {
            uint32_t index;          /* of shape.literals */
            const struct json *node; /* its data */
        } literal;
        struct {
            struct str name;
            const struct json *value; /* NULL: planned without params */
        } param;
        struct {
            struct str part[3]; /* schema, table, column: empty in front if absent */
            const struct source *source;
            uint32_t column; /* of the source's table or outputs */
        } name;
        struct {
            const struct operator* op;
            struct expr **args;
            uint32_t count;
        } call;
        struct {
            struct expr *of, *otherwise;
            struct when *whens;
            uint32_t count;
        } cas;
        struct {
            struct expr **items; /* NULL: literals [first, first + count) of the shape */
            uint32_t first, count;
            uint32_t real_count; /* without the padding; 0: the list is empty */
            int form;            /* enum json_form of such literals */
        } list;
        struct query *query;
        struct {
            const char *text;
            const struct expr *of; /* NULL: parts */
            uint32_t count;
            const struct expr *const *parts;
        } dressed;
    };
};

enum join_kind {
    JOIN_COMMA, /* two keys of FROM: something must connect them */
    JOIN_INNER,
    JOIN_LEFT,
    JOIN_RIGHT,
    JOIN_CROSS,
};

/* A source and what is joined to it, left to right. */
struct from_node {
    struct source *source;
    struct join *joins;
};

struct join {
    enum join_kind kind;
    struct from_node *right;
    struct expr *on; /* NULL: cross, comma, or left out */
    const struct json *src;
    struct join *next;
};

enum item_kind { ITEM_EXPR, ITEM_ALL, ITEM_ALL_OF };

struct item {
    enum item_kind kind;
    struct str alias; /* ptr NULL: none. ITEM_ALL_OF: the source's name */
    struct expr *expr;
    const struct json *src;
};

enum order_nulls { NULLS_DEFAULT, NULLS_FIRST, NULLS_LAST };

struct order {
    struct expr *expr;
    bool descending;
    enum order_nulls nulls;
    const struct json *src;
};

/* A column of a query's result. */
struct output {
    struct str name;
    struct expr *expr;
    bool aliased;
};

struct query {
    const struct json *src;
    struct query *outer; /* what a correlated name may reach; NULL at the top */
    struct item *items;
    uint32_t item_count;
    bool distinct;
    struct from_node *from; /* NULL: none */
    struct source **sources;
    uint32_t source_count;
    uint64_t visible;   /* bits of the sources that a name may mean just now */
    struct expr *where; /* NULL: none */
    struct expr **group;
    uint32_t group_count;
    struct expr *having;
    struct order *order;
    uint32_t order_count;
    struct expr *limit, *offset; /* NULL: none */
    struct output *outputs;
    uint32_t output_count;
    bool aggregated;    /* has group_by, having or an aggregate */
    bool aliases_seen;  /* while order_by is resolved: select aliases are names */
    bool in_aggregate;  /* while an aggregate's argument is resolved */
    bool no_aggregates; /* while where, on, group_by, returning are resolved */
};

/* A column and what it is set to. */
struct assign {
    struct str key;
    const struct json *src;
    const struct column *column;
    struct expr *value; /* NULL: the cell of the row of data */
};

/* An insert's rows that share a set of keys, or the only row of `set`. */
struct write_set {
    struct assign *assigns;
    uint32_t count;
};

struct write {
    enum plan_kind kind;
    const struct json *src;
    struct query scope; /* one source: the target; where; items: returning */
    bool has_returning;
    bool all_rows; /* "where": true */
    struct write_set *sets;
    uint32_t set_count;
    struct assign *columns; /* insert with columns and values */
    uint32_t column_count;
    struct expr **values; /* row by row */
    uint32_t value_rows;
    bool wants_keys;
};

#endif
