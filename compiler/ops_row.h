/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_row.h: rows beside each other: tuples, and statements where a tuple
 * stands on the other side.
 */
#ifndef COMPILER_OPS_ROW_H
#define COMPILER_OPS_ROW_H

#include "compiler/ast.h"
#include "compiler/context.h"
#include "compiler/emit.h"

bool is_row(const struct expr *e);
/* Members of a tuple, columns of a statement, or 1. */
uint32_t row_width(const struct expr *x);
struct expr *row_member(const struct expr *x, uint32_t i);
/* Rows of one width, one of the first two a tuple: types them member by member. */
enum err unify_rows(struct context *c, struct expr *call, struct expr *const *rows,
                    uint32_t count) MUST_CHECK;
enum err not_a_row(struct context *c, const struct expr *row, const struct expr *e);
/* A row as it stands beside another; NULL: memory is full. */
const struct expr *dress_row(struct emitter *em, const struct expr *row,
                             const struct expr *other);
/* Where the dialect's rows are apart: two dressed rows, compared as `call` says. */
enum err emit_rows_apart(struct emitter *em, const struct expr *call, const struct expr *left,
                         const struct expr *right) MUST_CHECK;
/* … and each member with the one across, by a template. */
enum err emit_rows_equal(struct emitter *em, const char *text, const struct expr *left,
                         const struct expr *right) MUST_CHECK;

#endif
