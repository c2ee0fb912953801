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
#include "compiler/clauses.h"
#include "compiler/plan.h"
#include "schema/catalog.h"
#include "value/type.h"

#include <stdbool.h>
#include <stdint.h>

struct join;
struct table_form;
struct op_info;
struct query;
struct cte;

/* A table or subquery of FROM, or the target of a write. */
struct source {
    const struct json *src;
    struct str name;           /* how the statement calls it */
    struct str schema;         /* of a table without an alias: "schema.t.c" works too */
    const struct table *table; /* NULL: a subquery */
    struct query *query;       /* NULL: a table */
    struct table_form *form;   /* a function's rows or a sample of `table`; NULL: neither */
    struct cte *cte;           /* whose query it is; NULL: a query written here */
    struct str sql_name;       /* how the SQL calls it; a catalog name or made by us */
    uint32_t bit;              /* position among the sources of its query */
    bool aliased;              /* the client gave `name` */
    bool written;              /* the target of a write: never renamed in SQL */
    bool proposed;             /* the row that an insert with `conflict` would write */
    bool nullable;             /* on the outer side of an outer join */
    bool lateral;              /* a subquery that sees the sources before it */
    bool inlined;              /* each of its columns is a scalar subquery in the SQL */
    struct query *written_as;  /* what the SQL has for `query`; NULL: the same */
    bool in_full;              /* somewhere in a full join */
    struct join *full;         /* the innermost full join in halves around it */
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
    EXPR_PATH,    /* of JSON: a literal list, or a param that holds one */
    EXPR_OVER,    /* a call over a window */
    EXPR_KEYWORD, /* a word of a fixed set, for the rule of its operator */
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
    uint32_t path_part;  /* of a path that is bound: plan_bind.column */
    const struct json *src;
    struct type type; /* kind TYPE_UNKNOWN until something gives it one */
    union {
        struct {
            uint32_t index;          /* of shape.literals */
            const struct json *node; /* its data; EXPR_PATH: NULL when a param holds it */
        } literal;
        struct {
            struct str name;
            const struct json *value; /* NULL: planned without params */
            struct expr **columns;    /* EXPR_PARAM_LIST of rows: a node for each */
            uint32_t ref;             /* 1 + its place in the refs; 0: it has a name */
        } param;
        struct {
            struct str part[3]; /* schema, table, column: empty in front if absent */
            const struct source *source;
            uint32_t column; /* of the source's table or outputs */
        } name;
        struct {
            const struct op_info *op;
            struct str native;                    /* of "fn.…": the name, */
            const struct function_info *function; /* and what the catalog knows of it */
            struct expr **args;
            uint32_t count;
            struct aggregate *aggregate; /* NULL: nothing stands beside the arguments */
            struct table_form *form;     /* of a function in FROM: its columns */
        } call;
        struct {
            struct expr *call;
            struct window *window;
        } over;
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
        struct str keyword;
        struct {
            const char *text;
            const struct expr *of; /* NULL: parts */
            uint32_t count;
            const struct expr *const *parts;
        } dressed;
    };
};

#endif
