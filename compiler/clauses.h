/* SPDX-License-Identifier: MIT
 *
 * compiler/clauses.h: what stands beside expressions in the AST: orders, the extras
 * of an aggregate, windows.
 */
#ifndef COMPILER_CLAUSES_H
#define COMPILER_CLAUSES_H

#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct expr;

enum order_nulls { NULLS_DEFAULT, NULLS_FIRST, NULLS_LAST };

struct order {
    struct expr *expr;
    bool descending;
    enum order_nulls nulls;
    const struct json *src;
};

/* Keyset paging: a value for each name of order_by. */
struct after_key {
    const struct json *src;
    struct str name;
    struct expr *value;
};

struct after {
    const struct json *src; /* NULL: not asked for */
    struct after_key *keys;
    uint32_t count;  /* 0: the first page */
    uint32_t hidden; /* outputs behind the others that are for the reply's `after` */
    bool replies;
};

/* `for`: rows that a transaction keeps for itself. */
enum lock_kind { LOCK_NONE, LOCK_UPDATE, LOCK_NO_KEY_UPDATE, LOCK_SHARE, LOCK_KEY_SHARE };
enum lock_wait { LOCK_WAITS, LOCK_NOWAIT, LOCK_SKIPS };

struct lock {
    const struct json *src;
    enum lock_kind kind;
    enum lock_wait wait;
    const struct json *of; /* names of sources; NULL: all */
    uint64_t bits;         /* these sources */
};

/* What {"aggregate": …} puts beside the arguments of an aggregate. */
struct aggregate {
    struct expr *filter;  /* NULL: none */
    struct order *order;  /* of the rows that it takes */
    struct order *within; /* WITHIN GROUP */
    uint32_t order_count, within_count;
};

enum frame_unit { FRAME_NONE, FRAME_ROWS, FRAME_RANGE, FRAME_GROUPS };
enum frame_exclude { EXCLUDE_NOTHING, EXCLUDE_ROW, EXCLUDE_GROUP, EXCLUDE_TIES };

/* One end of a frame: 0 is the current row, -n n preceding, n n following. */
struct frame_bound {
    bool unbounded;
    int64_t offset;
};

struct window {
    const struct json *src;
    struct str base; /* the named window that it extends; empty: none */
    struct expr **partition;
    struct order *order;
    uint32_t partition_count, order_count;
    enum frame_unit unit;
    enum frame_exclude exclude;
    struct frame_bound lo, hi;
};

/* Of a select: what {"over": …, "window": name} extends. */
struct named_window {
    struct str name;
    struct window window;
};

#endif
