/* SPDX-License-Identifier: MIT
 *
 * compiler/build.h: making plans (compiler/plan.h) out of what was emitted.
 */
#ifndef COMPILER_BUILD_H
#define COMPILER_BUILD_H

#include "compiler/emit.h"
#include "compiler/parts.h"
#include "compiler/plan.h"

#include <stdatomic.h>

/* A plan with one reference and room for `steps` steps; NULL: out of memory. */
struct plan *build_start(struct context *c, enum plan_kind kind, uint32_t steps);
/* What the reply shows: q's outputs, or what `expect` makes of them. */
enum err build_columns(struct context *c, struct plan *p, const struct query *q) MUST_CHECK;
/* The same for raw SQL: the columns that were declared, perhaps none. */
struct text_statement;
enum err build_text(struct context *c, struct plan *p,
                    const struct text_statement *t) MUST_CHECK;
/* 1 + the bind that is q's limit; 0: there is none. */
uint32_t build_limit_param(const struct query *q, const struct plan_bind *binds,
                           uint32_t count);
/* Finds the bind that says how many rows a page of `after` has. */
void build_limit(struct plan *p, const struct query *q, const struct emitter *em);
/* Adds a step with the SQL and binds of em: `part` of w (NULL: of a read). Without a
 * part it is as the reply is. */
enum err build_step(struct context *c, struct plan *p, const struct emitter *em,
                    struct str many, const struct write *w, const struct part *part) MUST_CHECK;
/* share.c: whether the plan's statement may share a connection; after all steps. q or w
 * is set. */
void build_share(struct context *c, struct plan *p, const struct query *q,
                 const struct write *w);
/* fuse.c: how runs of a read by unique key become one, where they can; after
 * build_share. */
enum err build_fusions(struct context *c, struct plan *p, const struct query *q,
                       _Atomic uint64_t *next_statement) MUST_CHECK;
/* touch.c: what it reads and writes; after all steps. q, w or neither (raw SQL) is set. */
enum err build_touch(struct context *c, struct plan *p, const struct query *q,
                     const struct write *w) MUST_CHECK;
/* A number for a statement; 0: there are none. */
uint64_t build_id(_Atomic uint64_t *next_statement);
/* Numbers the statements and counts the bytes. */
void build_finish(struct plan *p, _Atomic uint64_t *next_statement);

#endif
