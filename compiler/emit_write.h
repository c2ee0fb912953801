/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_write.h: what the files that emit writes share. Nobody else includes
 * it.
 */
#ifndef COMPILER_EMIT_WRITE_H
#define COMPILER_EMIT_WRITE_H

#include "compiler/emit.h"

/* emit_write.c */
/* The table that is written, with its schema. */
void emit_target(struct emitter *em, const struct write *w);
enum err emit_returning(struct emitter *em, const struct write *w) MUST_CHECK;

/* emit_insert.c */
enum err emit_insert(struct emitter *em, const struct write *w, uint32_t set,
                     struct buf *many) MUST_CHECK;

#endif
