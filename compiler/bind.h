/* SPDX-License-Identifier: MIT
 *
 * compiler/bind.h: the values of one request for a plan.
 */
#ifndef COMPILER_BIND_H
#define COMPILER_BIND_H

#include "compiler/compiler.h"
#include "compiler/shape.h"

/* Fills out->runs, run_count and needs_tx for out->plan. Values live in `a` and
 * borrow from the request's tree. Errors point at the value. */
enum err bind_runs(const struct compile_request *in, const struct shape *s, struct arena *a,
                   struct bound *out, struct fail *f) MUST_CHECK;

#endif
