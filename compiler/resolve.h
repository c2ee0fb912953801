/* SPDX-License-Identifier: MIT
 *
 * compiler/resolve.h: gives names their columns and expressions their types,
 * and refuses what the databases would understand differently.
 */
#ifndef COMPILER_RESOLVE_H
#define COMPILER_RESOLVE_H

#include "compiler/context.h"
#include "compiler/write.h"

/* resolve_query.c */
enum err resolve_query(struct context *c, struct query *q) MUST_CHECK;
/* The queries of q's `with`, one after the other. */
enum err resolve_with(struct context *c, struct query *q) MUST_CHECK;
/* Makes s a reader of the query of `with` that its name means; *found: there is one. */
enum err resolve_cte(struct context *c, struct query *q, struct source *s,
                     bool *found) MUST_CHECK;
/* ERR_DUPLICATE_NAME if two outputs have one name. */
enum err check_names_differ(struct context *c, const struct query *q,
                            const struct json *at) MUST_CHECK;

/* resolve_select.c */
/* Expands stars and names the outputs of a select or a returning. */
enum err resolve_items(struct context *c, struct query *q) MUST_CHECK;
/* A condition: resolved, and boolean. `what` is the clause's name. */
enum err resolve_condition(struct context *c, struct query *q, struct expr *e,
                           const char *what) MUST_CHECK;

/* A constant by which nothing can be ordered or grouped. */
bool is_constant(const struct expr *e);
enum err refuse_constant(struct context *c, const struct expr *e, const char *clause);
/* ERR_TYPE_MISMATCH for what has no order. */
enum err refuse_json(struct context *c, const struct expr *e, const char *clause) MUST_CHECK;

/* resolve_window.c */
/* What stands beside the arguments of an aggregate; when these have types: whether
 * it goes with them. */
enum err resolve_extras(struct context *c, struct query *q, struct expr *e) MUST_CHECK;
enum err check_extras(struct context *c, const struct expr *e) MUST_CHECK;
/* The windows that a select names. */
enum err resolve_windows(struct context *c, struct query *q) MUST_CHECK;
enum err resolve_over(struct context *c, struct query *q, struct expr *e) MUST_CHECK;
/* A function of windows that stands outside of `over`. */
enum err refuse_bare_window(struct context *c, const struct expr *e);

/* resolve_write.c */
enum err resolve_write(struct context *c, struct write *w) MUST_CHECK;

/* Finds the columns and types the values of a set. */
enum err resolve_assigns(struct context *c, struct write *w, struct write_set *s,
                         struct query *scope) MUST_CHECK;
/* Whether the statement reads the table that it writes a second time; a view may. */
bool reads_target_again(const struct context *c, const struct write *w);

/* resolve_upsert.c */
/* `conflict`, after the columns of the insert are known. */
enum err resolve_upsert(struct context *c, struct write *w) MUST_CHECK;
/* The steps of an update whose rows come back. */
enum err resolve_returned_update(struct context *c, struct write *w) MUST_CHECK;

/* resolve_expr.c */
enum err resolve_expr(struct context *c, struct query *q, struct expr *e) MUST_CHECK;
/* The two halves of a call: its arguments with what stands beside them, its type. */
enum err resolve_arguments(struct context *c, struct query *q, struct expr *e) MUST_CHECK;
enum err resolve_type(struct context *c, struct query *q, struct expr *e) MUST_CHECK;

/* ops.c */
/* A condition for the operator `what`: boolean, or untyped and made so. */
enum err need_boolean(struct context *c, struct expr *e, const char *what) MUST_CHECK;

/* names in sight: resolve_names.c */
enum err resolve_name(struct context *c, struct query *q, struct expr *e) MUST_CHECK;
/* Makes e the column at `index` of s. */
void name_column(struct expr *e, const struct source *s, uint32_t index);
/* Makes e what the merged column is. */
void name_merged(struct expr *e, const struct merged *m);
uint32_t source_columns(const struct source *s);
struct str source_column_name(const struct source *s, uint32_t i);
/* Finds the table of a source (its name is in sql_name) and names it in SQL. */
enum err resolve_table(struct context *c, struct query *q, struct source *s) MUST_CHECK;
/* Gives a source a name in SQL that no other of the statement has. */
enum err name_source(struct context *c, struct query *q, struct source *s) MUST_CHECK;

/* As name_source for a derived table that is no source of the statement. */
enum err name_derived(struct context *c, const struct json *src, struct str *out) MUST_CHECK;

/* resolve_table.c */
/* A function or sample of FROM; `left`: the sources before it. */
enum err resolve_form(struct context *c, struct query *q, struct source *s,
                      uint64_t left) MUST_CHECK;

/* lateral.c */
enum err resolve_lateral(struct context *c, struct query *q, struct source *s,
                         uint64_t left) MUST_CHECK;
/* Decides how the lateral side of j is written; after its condition. */
enum err join_lateral(struct context *c, const struct query *q, struct join *j) MUST_CHECK;
/* After all joins. */
enum err check_inlined(struct context *c, const struct query *q) MUST_CHECK;
/* Gives j the condition `true`. */
enum err join_always(struct context *c, struct join *j) MUST_CHECK;
/* The sources that a lateral subquery sees of q. */
uint64_t lateral_bits(const struct query *q, const struct source *s);

/* joins.c */
enum err resolve_from(struct context *c, struct query *q) MUST_CHECK;
/* ERR_CARTESIAN_PRODUCT unless conditions connect all sources. After `where`. */
enum err check_connected(struct context *c, struct query *q) MUST_CHECK;

/* using.c */
/* Makes `using` the condition of j, and after its kind has told which side may lack
 * rows, the merged columns. */
enum err join_using(struct context *c, struct query *q, struct join *j,
                    uint64_t left) MUST_CHECK;
enum err join_merged(struct context *c, struct query *q, struct join *j) MUST_CHECK;
/* The merged column that a name without a table means, and the sources whose own
 * columns of that name it hides. */
struct merged *find_merged(const struct query *q, struct str name, uint64_t *hidden);

/* star.c */
struct star {
    struct output *columns;
    uint32_t count, cap;
};
/* The columns of "*" or "t.*". */
enum err star_columns(struct context *c, const struct query *q, const struct item *item,
                      struct star *out) MUST_CHECK;

/* full.c */
/* Decides how a full join is written, and refuses what would not be exact. */
enum err resolve_full(struct context *c, struct query *q, struct join *j,
                      uint64_t left) MUST_CHECK;

/* group.c */
/* In a query with aggregates every column must be grouped or aggregated. */
enum err check_grouped(struct context *c, const struct query *q) MUST_CHECK;

#endif
