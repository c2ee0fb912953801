/* SPDX-License-Identifier: MIT
 *
 * compiler/types.h: which types go together, and what type a literal or a param
 * takes from its neighbours.
 */
#ifndef COMPILER_TYPES_H
#define COMPILER_TYPES_H

#include "compiler/context.h"

/* How strictly a literal follows the type it is given. */
enum settle_mode {
    SETTLE_COMPARE, /* 2.5 beside an integer column stays exact numeric */
    SETTLE_ASSIGN,  /* the column's own type with its bounds */
};

/* Gives an untyped literal, param or null (or an expression made only of such)
 * the type `want`; NULL: the type of its JSON form. Does nothing to what has a
 * type. ERR_TYPE_MISMATCH at the literal. */
enum err settle(struct context *c, struct expr *e, const struct type *want,
                enum settle_mode mode) MUST_CHECK;
/* As settle for the members of an IN list that has none of its own expressions. */
enum err settle_list(struct context *c, struct expr *list, enum json_form form,
                     const struct type *want) MUST_CHECK;

/* The common type of all; settles the untyped ones. ERR_TYPE_MISMATCH at the
 * first that belongs to another family. `what` names the operator. */
enum err unify(struct context *c, struct expr **exprs, uint32_t count, const char *what,
               struct type *out) MUST_CHECK;
/* The type that holds values of both; families must be equal. */
struct type type_promote(const struct type *a, const struct type *b);
/* Whether a literal or param of this form is read as `t` without a conversion. */
bool type_reads(enum json_form form, const struct type *t);
/* Whether a value of type `from` may be stored in a column of type `to`. */
bool type_assignable(const struct type *from, const struct type *to);
/* A word for error texts; numeric(10,2) is "numeric". */
const char *type_word(const struct type *t);
/* ERR_TYPE_MISMATCH: `e` is not what `what` takes. */
enum err type_mismatch(struct context *c, const struct expr *e, const char *what,
                       const char *wanted);

/* Whether `column = value` is true for the same bytes only: of integers, uuids, and texts
 * whose collation says so. */
bool types_compare_bytes(const struct column *c, enum type_kind value);

#endif
