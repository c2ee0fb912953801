/* SPDX-License-Identifier: MIT
 *
 * compiler/resolve_select.h: what the clauses of a query share while they are resolved.
 */
#ifndef COMPILER_RESOLVE_SELECT_H
#define COMPILER_RESOLVE_SELECT_H

#include "compiler/resolve.h"

/* resolve_select.c */
enum err resolve_select(struct context *c, struct query *q) MUST_CHECK;
enum err resolve_order(struct context *c, struct query *q) MUST_CHECK;
/* A key of `clause`: resolved, no constant, and of a type that has an order. */
enum err resolve_sort_key(struct context *c, struct query *q, struct expr *e,
                          const char *clause) MUST_CHECK;
/* Columns of an outer query, where they are as good as a constant. */
enum err refuse_outer(struct context *c, const struct query *q, const struct expr *e,
                      const char *clause) MUST_CHECK;

/* after.c */
/* Adds the condition of `after`, and the outputs that its reply needs. After
 * order_by. */
enum err resolve_after(struct context *c, struct query *q) MUST_CHECK;

/* resolve_choice.c */
/* `distinct` on expressions and `for`. After order_by. */
enum err resolve_choice(struct context *c, struct query *q) MUST_CHECK;

#endif
