/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_window.h: calls of aggregates, and windows, to SQL.
 */
#ifndef COMPILER_EMIT_WINDOW_H
#define COMPILER_EMIT_WINDOW_H

#include "compiler/emit.h"

struct op_info;

/* emit_aggregate.c */
/* A call of an aggregate, by a template with the marks that are listed there. */
enum err emit_aggregate_text(struct emitter *em, const struct expr *call,
                             const struct expr *const *args, const char *text) MUST_CHECK;

/* emit_window.c */
/* Before the expressions of q are written: what its windows need. */
void emit_windows_begin(struct emitter *em, const struct query *q);
enum err emit_over(struct emitter *em, const struct expr *x) MUST_CHECK;
/* " OVER (…)" behind a call. */
enum err emit_window(struct emitter *em, const struct window *w,
                     const struct op_info *op) MUST_CHECK;
/* " OVER (…)" of the partition alone. */
enum err emit_partition(struct emitter *em, const struct window *w) MUST_CHECK;

#endif
