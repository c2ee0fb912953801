/* SPDX-License-Identifier: MIT
 *
 * compiler/dialect.h: how one database writes SQL. The emitter reads these
 * facts and never asks which database it is.
 *
 * Constants; any thread.
 */
#ifndef COMPILER_DIALECT_H
#define COMPILER_DIALECT_H

#include "compiler/clauses.h"
#include "compiler/compiler.h"
#include "value/type.h"

#include <stdbool.h>
#include <stdint.h>

struct cast_table;
struct text_rules; /* compiler/text_scan.h */

enum dialect_column { COLUMN_PG, COLUMN_MARIA, COLUMN_SQLITE };
#define DIALECT_COUNT 3

enum any_query { ANY_COUNTED, ANY_NATIVE, ANY_EXISTS };
/* What full joins a database does: all, of two tables, by equality, none. */
enum full_join { FULL_NATIVE, FULL_OF_TWO, FULL_EQUALITY, FULL_NONE };

struct dialect {
    struct dialect_words words;
    enum dialect_column column;
    const struct text_rules *text;
    char quote;             /* around identifiers, doubled inside them */
    bool quotes_functions;  /* all functions are in the catalog, and their names quoted */
    bool numbered;          /* placeholders are $1 $2 …, else ? */
    bool arrays;            /* a list can be one parameter: = ANY($1), unnest($1) */
    bool nulls_order;       /* ORDER BY … NULLS FIRST */
    bool native_aggregates; /* the catalog knows which functions are, and of what kind */
    bool aggregate_filter;  /* count(*) FILTER (WHERE …) */
    bool aggregate_in;      /* max(x) IN (SELECT …) is right */
    bool window_filter;     /* FILTER is right over windows: SQLite forgets it in min and max */
    bool frame_groups;      /* frames by GROUPS, and EXCLUDE */
    bool exact_ranges;      /* RANGE n PRECEDING of exact numerics is exact */
    bool update_returning;
    bool delete_strict;                 /* what a condition fails at is an error, and no null */
    bool on_conflict;                   /* INSERT … ON CONFLICT */
    bool expression_keys, partial_keys; /* … (expression); … (column) WHERE condition */
    bool update_snapshot; /* UPDATE reads its own table as it was before, in subqueries too */
    enum full_join full_join;
    bool turns_right_joins;     /* a RIGHT JOIN is not trusted */
    bool function_columns;      /* f(…) WITH ORDINALITY AS t (c1, c2) */
    bool lateral;               /* LATERAL (SELECT …) */
    bool lateral_functions;     /* arguments of a function in FROM may be columns before it */
    bool nested_sees_out;       /* … outside the parentheses of a nested join */
    bool samples;               /* TABLESAMPLE */
    bool limit_in_subquery;     /* x IN (SELECT … LIMIT n) */
    const uint32_t *fused_keys; /* sizes of fused reads, ascending, then 0; NULL: of arrays */
    int most_scale;             /* digits behind the point of a numeric; 0: enough */
    const struct moment_sql *moments;    /* compiler/moments.h */
    enum any_query any_query;            /* x < ANY (SELECT …) */
    bool exists_offset, exists_distinct; /* EXISTS heeds an OFFSET; of distinct rows */
    bool distinct_offset;                /* DISTINCT constants do */
    bool rows_apart;      /* (a, b) = (1, 2) is a = 1 AND b = 2: rows misjudge nulls */
    bool rows_are_values; /* (a, b) IN (VALUES (1, 2), …), else IN ((1, 2), …) */
    uint32_t max_nesting; /* of the parser's stack, in symbols; 0: deep enough */
    const char *true_text, *false_text;
    bool values_rows;        /* FROM (VALUES (…), (…)) has columns column1, column2 … */
    bool all_of_sets;        /* INTERSECT ALL, EXCEPT ALL */
    bool grouping_sets;      /* GROUP BY GROUPING SETS (…), GROUPING(…) */
    bool distinct_on;        /* SELECT DISTINCT ON (…) */
    bool with_ties;          /* FETCH FIRST n ROWS WITH TIES */
    bool order_by_outer;     /* ORDER BY takes columns of an outer query */
    bool having_outer;       /* HAVING does, whatever the outer query selects */
    bool derived_sees_outer; /* a subquery in FROM does, of a query around its own */
    bool parts_in_parentheses;
    bool row_order;                       /* (a, b) > (x, y), with an index */
    bool nulls_largest;                   /* in an order that does not say */
    bool lock_of;                         /* FOR UPDATE OF t */
    bool keeps_ctes;                      /* AS [NOT] MATERIALIZED */
    bool writes_in_with;                  /* WITH x AS (DELETE … RETURNING …) */
    bool with_before_writes;              /* WITH … INSERT, UPDATE, DELETE */
    const char *lock[LOCK_KEY_SHARE + 1]; /* by enum lock_kind; NULL: none is needed */
    const char *no_limit;   /* LIMIT that lets all rows pass where OFFSET needs one;
                             * NULL: OFFSET can stand alone */
    const char *cross_join; /* between two tables */
    const char *window_tag; /* with a number behind it: a key that is the same in every
                             * row and no constant, by which windows are told apart
                             * where they share sorts wrongly; NULL: they do not */
    const char *window_key, *window_enum_key; /* templates of keys of ORDER BY beside groups
                                               * and windows; NULL: the key itself */
    const char *window_order;    /* of OVER for functions that need one; NULL: they need none */
    const char *proposed_column; /* template: a column of the row that clashes; NULL: it is
                                  * excluded.column */
    const char *default_row;     /* behind INSERT INTO t: a row of defaults */
    const char *scalar_guard;    /* template: a scalar subquery of column c1 that must fail
                                  * on a second row; NULL: the database sees to it */
    /* Rows behind a SELECT that has none: around the columns of the first, of one more,
     * and at the end. */
    const char *rows_first, *rows_next, *rows_end;
    const char *fit_text;    /* function of a text and its greatest length, … */
    const char *fit_integer; /* … of an integer and its bounds: the value or an error;
                              * NULL: the database sees to it */

    /* Templates with $1; NULL: the plain form is right. */
    const char *numeric_bind;         /* a placeholder of exact numerics */
    const char *date_as_timestamp;    /* a date beside a timestamp */
    const char *number_beside_double; /* an integer or numeric compared as a double */
    const char *enum_as_text;
    const char *widen_integer; /* an operand of 64-bit arithmetic */
    const char *as_double;     /* never NULL */
    const char *text_as_bytes; /* the bytes of its UTF-8 */
    const char *joined_bytes;  /* around bytes that were joined */
    const char *within;        /* never NULL: $1, or an error unless it is from $2 to $3 */
    const char *typed_null;    /* $1 is the type's name */

    /* LIKE by [folded][negated]: without and with an escape character ($3). */
    const char *like[2][2];
    const char *like_escape[2][2];
    const char *concat; /* template that joins its arguments: "@ || " */

    /* COLLATE around $1 with the name in the place of $2, and the names that are always
     * there; others must begin with the prefix. And aggregates that no catalog has. */
    const char *collate, *binary_collation, *collation_prefix;
    const char *const *collations, *const *aggregates; /* end with NULL */
    const char *folds; /* template: $1 collated to fold all letters; NULL: it is anyway */

    const struct cast_table *casts;
    /* The template that makes a column of a recursive query so wide that it holds every
     * step, and a null of that type; NULL: PostgreSQL's and SQLite's are. */
    bool (*step_type)(const struct type *t, char *out, size_t out_bytes);
    /* PostgreSQL's OID for a bind of this type or an array of it; 0: not known. */
    uint32_t (*type_native)(const struct type *t);
    uint32_t (*array_native)(const struct type *t);
    /* The SQL name of the type, for arrays and nulls; NULL: has none. */
    const char *(*type_name)(const struct type *t);
    /* Templates for quotients ($1, $2) and means ($1, with the marks of
     * compiler/emit_aggregate.c) of exact numerics with `scale` digits behind the
     * point. */
    void (*numeric_divide)(int scale, char *out, size_t out_bytes);
    void (*numeric_avg)(int scale, char *out, size_t out_bytes);
};

/* An overflow where $1 is out of bounds. It depends on $1: a constant would be computed
 * while the statement is planned. */
#define WITHIN_BOUNDS                                                                          \
    "CASE WHEN $1 BETWEEN $2 AND $3 THEN $1 ELSE 9223372036854775807 + (1 + 0 * $1) END"

/* Shared by the dialects whose types have no numbers. */
uint32_t dialect_no_native(const struct type *t);

#endif
