/* SPDX-License-Identifier: MIT
 *
 * compiler/bind.h: the values of one request for a plan.
 */
#ifndef COMPILER_BIND_H
#define COMPILER_BIND_H

#include "compiler/compiler.h"
#include "compiler/context.h"
#include "compiler/shape.h"

/* Fills out->runs, run_count and needs_tx for out->plan. Values live in `a` and
 * borrow from the request's tree. Errors point at the value. */
enum err bind_runs(const struct compile_request *in, const struct shape *s, struct arena *a,
                   struct bound *out, struct fail *f) MUST_CHECK;

/* ---- bind_date.c: what becomes of a value for a form of its bind ---- */

/* BIND_MONTHS, BIND_DAYS, BIND_MICROS, BIND_SPAN: read as an interval, sent as a
 * bigint. */
bool is_interval_form(enum bind_form form);
enum err bind_interval(struct context *c, const struct json *at, enum bind_form form,
                       struct value *v) MUST_CHECK;
/* BIND_FORMAT_…: errors point at the value. */
enum err bind_date_format(struct context *c, const struct json *at, enum bind_form form,
                          struct value *v) MUST_CHECK;

#endif
