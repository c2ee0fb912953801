/* SPDX-License-Identifier: MIT
 *
 * compiler/param_sets.h: several sets of params for one statement.
 */
#ifndef COMPILER_PARAM_SETS_H
#define COMPILER_PARAM_SETS_H

#include "compiler/context.h"

/* Puts one object into in->params that stands for all of in->param_sets: for each name
 * the value that the others fit beside, so that one plan is right for all. Every set
 * must have the names of the first. ERR_BAD_REQUEST, ERR_MISSING_PARAM,
 * ERR_UNUSED_PARAM, ERR_TYPE_MISMATCH. Does nothing without sets. */
enum err param_sets_join(struct compile_request *in, struct arena *a,
                         struct fail *f) MUST_CHECK;
/* What cannot run once for each set: reads, raw SQL, rows of data. */
enum err param_sets_check(struct context *c, const struct plan *p) MUST_CHECK;

#endif
