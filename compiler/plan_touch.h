/* SPDX-License-Identifier: MIT
 *
 * compiler/plan_touch.h: what a plan says about the rows that it reads and writes, so
 * that a cache knows what a result depends on, and when it is out of date.
 */
#ifndef COMPILER_PLAN_TOUCH_H
#define COMPILER_PLAN_TOUCH_H

#include "schema/catalog.h"

#include <stdbool.h>
#include <stdint.h>

/* A function of the database's own that is called, and is not immutable. */
struct touch_function {
    struct str name; /* as the client wrote it behind `fn.`, perhaps with a schema */
    enum volatility volatility;
    bool harmless; /* it writes no table, whatever it gives */
};

#define TOUCH_KEY_MAX 4

/* One value of a unique key: all rows that are read or written have it. Only of types
 * whose equal values have equal bytes. */
struct touch_key {
    const struct key *key;          /* NULL: there is none */
    uint32_t step;                  /* of the plan … */
    uint32_t params[TOUCH_KEY_MAX]; /* … whose params are the values of key->columns */
};

struct plan_touch {
    const char *varies; /* why the result of this read is not the same the next time, in
                         * words; NULL: but for its tables and functions it is */
    bool anything;      /* raw SQL that may write, nobody knows where */
    const struct touch_function *functions;
    uint32_t function_count;
    struct touch_key key;       /* of the only table that is read, or of `target` */
    const struct table *target; /* the only table that is written; NULL: tables[].written */
    unsigned rows;              /* what happens to its rows: enum rows_effect */
    const uint32_t *set;        /* the columns that an update gives another value */
    uint32_t set_count;
};

#endif
