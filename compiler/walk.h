/* SPDX-License-Identifier: MIT
 *
 * compiler/walk.h: the one place that knows what is inside an expression or a
 * query, and the questions that are asked by walking there.
 *
 * A new kind of expression or clause is added to expr_children or query_exprs, and
 * every question below sees it.
 */
#ifndef COMPILER_WALK_H
#define COMPILER_WALK_H

#include "compiler/query.h"

#include <stdbool.h>
#include <stdint.h>

/* false ends the walk. */
typedef bool expr_visit(const struct expr *e, void *arg);
typedef bool query_visit(const struct query *q, void *arg);

/* Every expression directly inside e: arguments, branches, members of a list, what
 * stands beside an aggregate, the window. Not what is inside a subquery. false: a
 * visit was. */
bool expr_children(const struct expr *e, expr_visit *visit, void *arg);
/* Every expression of q's own clauses, conditions of joins and outputs included. */
bool query_exprs(const struct query *q, expr_visit *visit, void *arg);
/* Every query that is a part of q itself: of its FROM, of a compound, of `with`. Not
 * subqueries in expressions. */
bool query_parts(const struct query *q, query_visit *visit, void *arg);

/* ---- questions ---- */

/* The same value in every row: literals, params and columns are the same ones. */
bool expr_equal(const struct expr *a, const struct expr *b);
/* Equal partitions and orders, whatever the frames are. */
bool windows_sort_alike(const struct window *a, const struct window *b);
/* Bits of q's own sources in e, with its subqueries; OUTER_BIT for sources of
 * queries around q. */
#define OUTER_BIT ((uint64_t)1 << 63)
uint64_t expr_sources(const struct query *q, const struct expr *e);
/* The output that is e; q->output_count: none. */
uint32_t output_of(const struct query *q, const struct expr *e);
/* Whether there is a subquery anywhere inside e. */
bool expr_has_query(const struct expr *e);
/* Whether e may give another value when it is evaluated again. */
bool expr_is_volatile(const struct expr *e);
/* Whether e or q computes anything over windows. */
bool expr_has_window(const struct expr *e);
bool query_has_windows(const struct query *q);
/* Whether q reads nothing of the queries around it. */
bool query_is_closed(const struct query *q);
/* Whether they give the same when they are run again in the same statement. */
bool expr_repeats(const struct expr *e);
bool query_repeats(const struct query *q);
/* Whether q reads a query of w. */
bool query_reads_with(const struct query *q, const struct with *w);
/* Whether q gives at most one row whatever the data are. */
bool query_single_row(const struct query *q);

#endif
