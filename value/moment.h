/* SPDX-License-Identifier: MIT
 *
 * value/moment.h: dates and times as text, in the forms of ISO 8601 and of the
 * databases. Proleptic Gregorian calendar, years 0001 to 9999, microseconds.
 * Pure functions.
 */
#ifndef VALUE_MOMENT_H
#define VALUE_MOMENT_H

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct moment {
    int32_t year, month, day;
    int32_t hour, minute, second, micro;
    bool has_offset;
    int32_t offset_minutes; /* east of UTC */
};

/* date = YYYY "-" MM "-" DD */
bool moment_read_date(struct str s, struct moment *out);
/* time = HH ":" MM [ ":" SS [ "." 1*6DIGIT ] ] */
bool moment_read_time(struct str s, struct moment *out);
/* date [ ( "T" / " " ) time [ offset ] ]; offset = "Z" / ( "+" / "-" ) HH [ ":" ] [ MM ].
 * More than six digits of a fraction are refused. */
bool moment_read(struct str s, struct moment *out);
/* Moves to UTC and drops the offset; false beyond year 1 or 9999. */
bool moment_to_utc(struct moment *m);

void moment_write_date(struct buf *b, const struct moment *m);
/* HH:MM:SS, and .ffffff when not zero. */
void moment_write_time(struct buf *b, const struct moment *m);

/* Whether s is an ISO 8601 duration: P with at least one number and its unit (Y M W
 * D, after T: H M S); numbers may be negative, seconds may have a fraction. */
bool duration_valid(struct str s);

#endif
