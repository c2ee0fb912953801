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

/* emit_upsert.c: what stands behind the rows of an insert with `conflict`. */
enum err emit_clash(struct emitter *em, const struct write *w) MUST_CHECK;

/* Its assignments, without SET. */
enum err emit_changes(struct emitter *em, const struct upsert *u) MUST_CHECK;

/* emit_steps.c: a part of a write that takes several statements. */
enum err emit_part(struct emitter *em, const struct write *w, uint32_t set,
                   enum write_part part) MUST_CHECK;

/* emit_write.c */
/* The condition of an update or delete, with what stands beside its target. */
enum err emit_write_where(struct emitter *em, const struct write *w) MUST_CHECK;
/* " SET a = …, b = …" of an update. */
enum err emit_write_set(struct emitter *em, const struct write *w) MUST_CHECK;
/* "t"."column" */
void emit_target_column(struct emitter *em, const struct write *w, struct str column);

#endif
