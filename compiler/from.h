/* SPDX-License-Identifier: MIT
 *
 * compiler/from.h: how the sources of a FROM are joined.
 */
#ifndef COMPILER_FROM_H
#define COMPILER_FROM_H

#include "compiler/ast.h"

enum join_kind {
    JOIN_COMMA, /* two keys of FROM: something must connect them */
    JOIN_INNER,
    JOIN_LEFT,
    JOIN_RIGHT,
    JOIN_FULL,
    JOIN_CROSS,
};

/* A column of `using`: what its name without a table means after the join. */
struct merged {
    struct str name;
    struct expr *left, *right;
    struct expr *expr; /* one of them, or the coalesce of both */
    uint64_t bits;     /* of the sources whose columns it stands for */
    bool hidden;       /* a later `using` merged it again */
    struct merged *next;
};

struct form_column {
    struct str name;
    struct type type; /* TYPE_UNKNOWN: what the function gives */
    bool nullable;
    const char *read; /* template of the column where it is used; NULL: the column */
};

/* {"function": …} or {"table": …, "sample": …} */
struct table_form {
    struct expr *call;           /* NULL: a sample */
    struct form_column *columns; /* of a function; with `ordinality` the last one is that */
    uint32_t column_count;
    bool ordinality;
    const char *method; /* of a sample, as SQL */
    struct expr *percent, *seed;
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
    const struct json *using; /* NULL: none; else it becomes `on` and `merged` */
    struct merged *merged;    /* those of `using`, in its order */
    uint32_t merged_count;
    uint64_t bits;       /* of its sources, both sides, when it is resolved */
    bool split;          /* a full join in two halves, as a derived table */
    struct str sql_name; /* of that derived table */
    struct join *full;   /* the next full join in halves around it */
};

#endif
