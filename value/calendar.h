/* SPDX-License-Identifier: MIT
 *
 * value/calendar.h: reckoning with moments: days and microseconds since 1970-01-01,
 * months that end at the month's last day, durations.
 *
 * Offsets of moments are not looked at: everything is UTC. Pure functions.
 */
#ifndef VALUE_CALENDAR_H
#define VALUE_CALENDAR_H

#include "base/buf.h"
#include "base/str.h"
#include "value/moment.h"

#include <stdbool.h>
#include <stdint.h>

#define MICROS_PER_SECOND INT64_C(1000000)
#define MICROS_PER_DAY (86400 * MICROS_PER_SECOND)

/* Days since 1970-01-01. */
int64_t moment_day(const struct moment *m);
/* Microseconds since 1970-01-01 00:00. */
int64_t moment_micros(const struct moment *m);
/* The moment so many microseconds after 1970-01-01; false beyond years 1 to 9999. */
bool moment_from_micros(int64_t micros, struct moment *out) MUST_CHECK;
/* Monday is 1, Sunday is 7. */
int32_t moment_weekday(const struct moment *m);
/* 1 to 366. */
int32_t moment_day_of_year(const struct moment *m);
/* Week of ISO 8601, 1 to 53. */
int32_t moment_week(const struct moment *m);

/* As an interval of PostgreSQL: months are added first, then days, then time. */
struct duration {
    int64_t months, days, micros;
};

/* An ISO 8601 duration as duration_valid takes it; false also when a part does not
 * fit (months and days: 32 bits). */
bool duration_read(struct str s, struct duration *out) MUST_CHECK;
/* What durations are compared by: a month is 30 days, a day 24 hours. */
bool duration_span(const struct duration *d, int64_t *micros) MUST_CHECK;
/* As PostgreSQL writes an interval: P1Y2M3DT4H5M6.5S, zero is PT0S. */
void duration_write(struct buf *b, const struct duration *d);
/* The span between two moments as PostgreSQL writes it: days, then time. */
void duration_write_micros(struct buf *b, int64_t micros);

/* Moves m by `times` d; a day beyond the month's end becomes its last one. false
 * beyond years 1 to 9999. */
bool moment_move(struct moment *m, const struct duration *d, int64_t times) MUST_CHECK;
/* Whole months from a to b, toward zero: the last n for which a moved by n months
 * is not beyond b. */
int64_t moment_months_between(const struct moment *a, const struct moment *b);

#endif
