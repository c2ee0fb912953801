/* SPDX-License-Identifier: MIT
 *
 * compiler/moments.h: arithmetic with dates, timestamps and intervals.
 *
 * Where a database has no type for them, an interval is microseconds: what lies
 * between two moments is that, and a literal or param is bound as that where it is
 * compared, and as months, days and microseconds where it is added.
 */
#ifndef COMPILER_MOMENTS_H
#define COMPILER_MOMENTS_H

#include "compiler/ast.h"
#include "compiler/context.h"
#include "compiler/emit.h"

/* PostgreSQL's timestamps go on to the year 294276, and back to 4714 BC: moved there
 * and back, what is beyond the years 1 to 9999 is out of its range too. */
#define PG_BOUNDED(x)                                                                          \
    "(" x " + interval '103830043 days' - interval '105551469 days' + interval '1721426 "      \
    "days')"

/* How a database writes it. */
struct moment_sql {
    bool intervals;        /* has a type for them; else they are microseconds */
    bool in_parts;         /* months, days and microseconds are added one by one */
    enum bind_form format; /* of a format for dates */
    /* Templates: moment $1 plus and minus interval $2, or months $2, days $3 and
     * microseconds $4; the interval from moment $2 to $1; a timestamp as its date. */
    const char *move[2], *move_parts[2], *between, *date;
};

/* Whether a `+` or `-` has a date, timestamp or interval among its operands. */
bool has_moments(const struct expr *call);
/* timestamp ± interval, timestamp − timestamp */
enum err rule_moments(struct context *c, struct expr *call) MUST_CHECK;
enum err emit_moved(struct emitter *em, const struct expr *call) MUST_CHECK;

/* Intervals that are compared: makes their binds what the database compares. */
enum err compare_intervals(struct context *c, const struct expr *call) MUST_CHECK;

/* ERR_UNSUPPORTED_FEATURE where x is an interval and this database has none: of those,
 * only what lies between timestamps has an order and is told apart. */
enum err need_spans(struct context *c, const struct expr *x) MUST_CHECK;
/* The same where some of the list, of which one is taken, lie between timestamps and
 * others do not. */
enum err same_intervals(struct context *c, struct expr *const *list, uint32_t count) MUST_CHECK;

/* A date as the timestamp of its midnight; all else as it is. NULL: memory is full. */
const struct expr *as_timestamp(struct emitter *em, const struct expr *x);

#endif
