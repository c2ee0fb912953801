/* SPDX-License-Identifier: MIT
 *
 * compiler/plan_after.h: what a plan says about the pages of a read.
 */
#ifndef COMPILER_PLAN_AFTER_H
#define COMPILER_PLAN_AFTER_H

#include "value/rows.h"

#include <stdint.h>

/* Keyset paging: the reply's `after`. */
struct plan_after {
    const struct rows_mark *marks;
    uint32_t count;
    uint32_t hidden; /* columns behind the others, not for the client */
    uint32_t limit;  /* the bind that is the limit; UINT32_MAX: there is none */
};

#endif
