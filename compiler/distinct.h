/* SPDX-License-Identifier: MIT
 *
 * compiler/distinct.h: whether sets of values differ in a key.
 */
#ifndef COMPILER_DISTINCT_H
#define COMPILER_DISTINCT_H

#include "base/arena.h"
#include "compiler/compiler.h"

/* Whether no two sets of the run have the same values in step->apart. false also where
 * equal values may have different bytes, and when there is no memory to look. A null is
 * like no other value. */
bool sets_are_distinct(const struct bound_run *run, struct arena *a);

#endif
