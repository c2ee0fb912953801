/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_with.h: WITH before a query or write, or inside one.
 */
#ifndef COMPILER_EMIT_WITH_H
#define COMPILER_EMIT_WITH_H

#include "compiler/emit.h"

/* WITH …, or nothing. */
enum err emit_with(struct emitter *em, const struct with *w) MUST_CHECK;
/* The same in a subquery of a write whose own WITH cannot stand before it: that is
 * written here, if q reads it (NULL: anyway). The caller puts em->held back behind the
 * subquery. */
enum err emit_with_held(struct emitter *em, const struct query *q) MUST_CHECK;

#endif
