/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_select.h: the parts of a select, for what is built around one.
 */
#ifndef COMPILER_EMIT_SELECT_H
#define COMPILER_EMIT_SELECT_H

#include "compiler/emit.h"

/* emit_select.c */
enum err emit_select(struct emitter *em, const struct query *q, enum query_place place,
                     uint32_t at_most) MUST_CHECK;
enum err emit_items(struct emitter *em, const struct query *q,
                    enum query_place place) MUST_CHECK;
enum err emit_order_by(struct emitter *em, const struct query *q) MUST_CHECK;
enum err emit_limit(struct emitter *em, const struct query *q, uint32_t at_most) MUST_CHECK;
/* A limit or an offset. at_most: what is sent at most; 0: no bound. */
enum err emit_count(struct emitter *em, const struct expr *x, uint32_t at_most) MUST_CHECK;
/* FROM, WHERE, GROUP BY and HAVING: all of them, or one or two alone. */
enum err emit_table(struct emitter *em, const struct query *q) MUST_CHECK;
enum err emit_from_where(struct emitter *em, const struct query *q) MUST_CHECK;
enum err emit_group_by(struct emitter *em, const struct query *q) MUST_CHECK;
enum err emit_having(struct emitter *em, const struct query *q) MUST_CHECK;

/* A query as one of its grouping sets sees it. */
struct set_view {
    const struct query *q;
    uint64_t mask;
};

/* emit_sets.c */
enum set_member {
    SET_OTHER,   /* no expression of group_by */
    SET_INSIDE,  /* the set groups by it */
    SET_OUTSIDE, /* only others do: it is null */
};
enum set_member set_member(const struct emitter *em, const struct expr *x);
/* As an operator's emitter. */
enum err emit_grouping(struct emitter *em, const struct expr *call,
                       const struct expr *const *args, enum emit_place place) MUST_CHECK;
enum err emit_grouping_sets(struct emitter *em, const struct query *q) MUST_CHECK;
/* A select for each grouping set, with c1, … and the keys of order_by. */
enum err emit_each_set(struct emitter *em, const struct query *q) MUST_CHECK;
bool has_empty_set(const struct query *q);

/* emit_ranked.c */
/* Whether the database has no words for q's choice of rows. */
bool is_ranked(const struct emitter *em, const struct query *q);
/* The keys of order_by as columns o1, o2 … behind the others. */
enum err emit_keys(struct emitter *em, const struct query *q) MUST_CHECK;
enum err emit_ranked(struct emitter *em, const struct query *q, enum query_place place,
                     uint32_t at_most) MUST_CHECK;

#endif
