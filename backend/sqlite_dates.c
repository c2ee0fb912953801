/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_dates.c: dates and timestamps, which SQLite holds as texts: the
 * functions that its own date() and julianday() are too lax and too coarse for.
 *
 * A date is ten characters, a timestamp has a time behind it; what comes out is a
 * timestamp with six digits, as the columns compare as texts. What is no moment of
 * the years 1 to 9999 is an error. Pure functions, but for tb_clock.
 */
#include "backend/sqlite_args.h"
#include "backend/sqlite_session.h"
#include "value/calendar.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* sqlite_error.c knows these words. */
static void bad_moment(sqlite3_context *ctx)
{
    sqlite3_result_error(ctx, "bad value: not a date or timestamp", -1);
}

static void out_of_range(sqlite3_context *ctx)
{
    sqlite3_result_error(ctx, "a date is out of range", -1);
}

/* false: the error is set. */
static bool moment_arg(sqlite3_context *ctx, sqlite3_value *v, struct moment *m, bool *date)
{
    struct str s = sqlite_text_arg(v);
    *date = s.len == 10;
    bool ok = s.ptr != NULL && (moment_read(s, m) || moment_read_time(s, m)) && !m->has_offset;
    if (!ok) {
        bad_moment(ctx);
    }
    return ok;
}

static void give_moment(sqlite3_context *ctx, const struct moment *m, bool date)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%04d-%02d-%02d", m->year, m->month, m->day);
    if (!date) {
        n += snprintf(text + n, sizeof text - (size_t)n, " %02d:%02d:%02d.%06d", m->hour,
                      m->minute, m->second, m->micro);
    }
    sqlite3_result_text(ctx, text, n, SQLITE_TRANSIENT);
}

/* ---- units ---- */

enum unit {
    UNIT_YEAR,
    UNIT_QUARTER,
    UNIT_MONTH,
    UNIT_WEEK,
    UNIT_DAY,
    UNIT_HOUR,
    UNIT_MINUTE,
    UNIT_SECOND,
    UNIT_MICROSECOND,
    UNIT_DOW,
    UNIT_ISODOW,
    UNIT_DOY,
    UNIT_EPOCH,
    UNIT_COUNT
};

static const struct {
    const char *word;
    struct duration one;
} units[UNIT_COUNT] = {
    [UNIT_YEAR] = {"year", {12, 0, 0}},
    [UNIT_QUARTER] = {"quarter", {3, 0, 0}},
    [UNIT_MONTH] = {"month", {1, 0, 0}},
    [UNIT_WEEK] = {"week", {0, 7, 0}},
    [UNIT_DAY] = {"day", {0, 1, 0}},
    [UNIT_HOUR] = {"hour", {0, 0, 3600 * MICROS_PER_SECOND}},
    [UNIT_MINUTE] = {"minute", {0, 0, 60 * MICROS_PER_SECOND}},
    [UNIT_SECOND] = {"second", {0, 0, MICROS_PER_SECOND}},
    [UNIT_MICROSECOND] = {"microsecond", {0, 0, 1}},
    [UNIT_DOW] = {"dow", {0, 0, 0}},
    [UNIT_ISODOW] = {"isodow", {0, 0, 0}},
    [UNIT_DOY] = {"doy", {0, 0, 0}},
    [UNIT_EPOCH] = {"epoch", {0, 0, 0}},
};

/* UNIT_COUNT: the compiler writes none of the name. */
static enum unit unit_arg(sqlite3_context *ctx, sqlite3_value *v)
{
    struct str word = sqlite_text_arg(v);
    for (int i = 0; i < UNIT_COUNT; i++) {
        if (str_is(word, units[i].word)) {
            return (enum unit)i;
        }
    }
    sqlite3_result_error(ctx, "bad value: no such unit", -1);
    return UNIT_COUNT;
}

/* ---- parts ---- */

static int64_t part_of(const struct moment *m, enum unit unit)
{
    switch (unit) {
    case UNIT_YEAR:
        return m->year;
    case UNIT_QUARTER:
        return (m->month + 2) / 3;
    case UNIT_MONTH:
        return m->month;
    case UNIT_WEEK:
        return moment_week(m);
    case UNIT_DAY:
        return m->day;
    case UNIT_HOUR:
        return m->hour;
    case UNIT_MINUTE:
        return m->minute;
    case UNIT_SECOND:
        return m->second;
    case UNIT_MICROSECOND:
        return m->micro;
    case UNIT_DOW:
        return moment_weekday(m) % 7;
    case UNIT_ISODOW:
        return moment_weekday(m);
    case UNIT_DOY:
        return moment_day_of_year(m);
    case UNIT_EPOCH:
    case UNIT_COUNT:
        break;
    }
    return 0;
}

/* The double nearest to the decimal number, as the other databases give it. */
static double epoch_of(const struct moment *m)
{
    char text[48];
    int64_t micros = moment_micros(m);
    int64_t whole = micros / MICROS_PER_SECOND, rest = micros % MICROS_PER_SECOND;
    snprintf(text, sizeof text, "%s%lld.%06lld", micros < 0 ? "-" : "",
             (long long)(whole < 0 ? -whole : whole), (long long)(rest < 0 ? -rest : rest));
    return strtod(text, NULL);
}

/* tb_extract(unit, moment) */
static void tb_extract(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct moment m;
    bool date;
    enum unit unit = unit_arg(ctx, argv[0]);
    if (unit == UNIT_COUNT || sqlite_any_null(argc, argv) ||
        !moment_arg(ctx, argv[1], &m, &date)) {
        return;
    }
    if (unit == UNIT_EPOCH) {
        sqlite3_result_double(ctx, epoch_of(&m));
    } else {
        sqlite3_result_int64(ctx, part_of(&m, unit));
    }
}

static void cut_to_date(struct moment *m, enum unit unit)
{
    if (unit == UNIT_WEEK) { /* 0001-01-01 is a Monday: never before it */
        int64_t monday = moment_day(m) - (moment_weekday(m) - 1);
        if (!moment_from_micros(monday * MICROS_PER_DAY, m)) {
            return;
        }
    }
    m->day = unit <= UNIT_MONTH ? 1 : m->day;
    if (unit == UNIT_QUARTER) {
        m->month -= (m->month - 1) % 3;
    } else if (unit == UNIT_YEAR) {
        m->month = 1;
    }
    m->hour = 0;
}

/* tb_trunc(unit, moment) */
static void tb_trunc(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct moment m;
    bool date;
    enum unit unit = unit_arg(ctx, argv[0]);
    if (unit == UNIT_COUNT || sqlite_any_null(argc, argv) ||
        !moment_arg(ctx, argv[1], &m, &date)) {
        return;
    }
    if (unit <= UNIT_DAY) {
        cut_to_date(&m, unit);
    }
    m.minute = unit <= UNIT_HOUR ? 0 : m.minute;
    m.second = unit <= UNIT_MINUTE ? 0 : m.second;
    m.micro = unit <= UNIT_SECOND ? 0 : m.micro;
    give_moment(ctx, &m, date);
}

/* ---- reckoning ---- */

/* tb_date_add(unit, amount, moment) */
static void tb_date_add(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct moment m;
    bool date;
    enum unit unit = unit_arg(ctx, argv[0]);
    if (unit == UNIT_COUNT || sqlite_any_null(argc, argv) ||
        !moment_arg(ctx, argv[2], &m, &date)) {
        return;
    }
    if (moment_move(&m, &units[unit].one, sqlite3_value_int64(argv[1]))) {
        give_moment(ctx, &m, date);
    } else {
        out_of_range(ctx);
    }
}

/* tb_move(moment, duration, times): a duration is a text, or microseconds. */
static void tb_move(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct moment m;
    struct duration d = {0};
    bool date;
    if (sqlite_any_null(argc, argv) || !moment_arg(ctx, argv[0], &m, &date)) {
        return;
    }
    if (sqlite3_value_type(argv[1]) == SQLITE_INTEGER) {
        d.micros = sqlite3_value_int64(argv[1]);
    } else if (!duration_read(sqlite_text_arg(argv[1]), &d)) {
        sqlite3_result_error(ctx, "bad value: not a duration", -1);
        return;
    }
    if (moment_move(&m, &d, sqlite3_value_int64(argv[2]))) {
        give_moment(ctx, &m, false);
    } else {
        out_of_range(ctx);
    }
}

/* tb_date_diff(unit, a, b): whole units from a to b */
static void tb_date_diff(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct moment a, b;
    bool date;
    enum unit unit = unit_arg(ctx, argv[0]);
    if (unit == UNIT_COUNT || sqlite_any_null(argc, argv) ||
        !moment_arg(ctx, argv[1], &a, &date) || !moment_arg(ctx, argv[2], &b, &date)) {
        return;
    }
    const struct duration *one = &units[unit].one;
    if (one->months > 0) {
        sqlite3_result_int64(ctx, moment_months_between(&a, &b) / one->months);
        return;
    }
    int64_t unit_micros = one->days * MICROS_PER_DAY + one->micros;
    int64_t micros = moment_micros(&b) - moment_micros(&a);
    sqlite3_result_int64(ctx, unit_micros == 0 ? 0 : micros / unit_micros);
}

/* ---- making ---- */

/* tb_make_date(year, month, day) */
static void tb_make_date(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    char text[16];
    struct moment m;
    if (sqlite_any_null(argc, argv)) {
        return;
    }
    int64_t y = sqlite3_value_int64(argv[0]), mon = sqlite3_value_int64(argv[1]);
    int64_t d = sqlite3_value_int64(argv[2]);
    bool ok = y >= 1 && y <= 9999 && mon >= 1 && mon <= 12 && d >= 1 && d <= 31;
    int n = ok ? snprintf(text, sizeof text, "%04d-%02d-%02d", (int)y, (int)mon, (int)d) : 0;
    if (!ok || !moment_read_date((struct str){text, (size_t)n}, &m)) {
        out_of_range(ctx);
        return;
    }
    give_moment(ctx, &m, true);
}

/* tb_to_timestamp(seconds since 1970): reckoned from 2000 on, as PostgreSQL does,
 * so that far moments are rounded alike. */
static void tb_to_timestamp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const int64_t to_2000 = INT64_C(946684800);
    struct moment m;
    if (sqlite_any_null(argc, argv)) {
        return;
    }
    double micros = rint((sqlite3_value_double(argv[0]) - (double)to_2000) * 1e6);
    bool ok = micros > -1e18 && micros < 1e18;
    if (!ok || !moment_from_micros((int64_t)micros + to_2000 * MICROS_PER_SECOND, &m)) {
        out_of_range(ctx);
        return;
    }
    give_moment(ctx, &m, false);
}

static int format_part(char *out, size_t size, char which, const struct moment *m)
{
    switch (which) {
    case 'Y':
        return snprintf(out, size, "%04d", m->year);
    case 'm':
        return snprintf(out, size, "%02d", m->month);
    case 'd':
        return snprintf(out, size, "%02d", m->day);
    case 'H':
        return snprintf(out, size, "%02d", m->hour);
    case 'M':
        return snprintf(out, size, "%02d", m->minute);
    case 'S':
        return snprintf(out, size, "%02d", m->second);
    case 'j':
        return snprintf(out, size, "%03d", moment_day_of_year(m));
    default:
        out[0] = which;
        return 1;
    }
}

/* tb_format_date(moment, format): %Y %m %d %H %M %S %j %% */
static void tb_format_date(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct moment m;
    bool date;
    if (sqlite_any_null(argc, argv) || !moment_arg(ctx, argv[0], &m, &date)) {
        return;
    }
    struct str format = sqlite_text_arg(argv[1]);
    size_t room = format.len * 4 + 8, n = 0;
    char *out = sqlite3_malloc64(room);
    if (out == NULL) {
        sqlite3_result_error_nomem(ctx);
        return;
    }
    for (size_t i = 0; i < format.len; i++) {
        if (format.ptr[i] == '%' && i + 1 < format.len) {
            n += (size_t)format_part(out + n, room - n, format.ptr[++i], &m);
        } else {
            out[n++] = format.ptr[i];
        }
    }
    sqlite3_result_text64(ctx, out, n, sqlite3_free, SQLITE_UTF8);
}

/* tb_clock(): now, anew in every call */
static void tb_clock(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    struct timespec now;
    struct moment m;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0 ||
        !moment_from_micros(now.tv_sec * MICROS_PER_SECOND + now.tv_nsec / 1000, &m)) {
        out_of_range(ctx);
        return;
    }
    give_moment(ctx, &m, false);
}

/* ---- the table ---- */

static const struct {
    const char *name;
    int arg_count;
    void (*fn)(sqlite3_context *, int, sqlite3_value **);
} functions[] = {
    {"tb_extract", 2, tb_extract},           {"tb_trunc", 2, tb_trunc},
    {"tb_date_add", 3, tb_date_add},         {"tb_move", 3, tb_move},
    {"tb_date_diff", 3, tb_date_diff},       {"tb_make_date", 3, tb_make_date},
    {"tb_to_timestamp", 1, tb_to_timestamp}, {"tb_format_date", 2, tb_format_date},
};

int sqlite_dates_register(sqlite3 *db)
{
    const int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS;
    int rc =
        sqlite3_create_function_v2(db, "tb_clock", 0, flags, NULL, tb_clock, NULL, NULL, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof functions / sizeof functions[0]; i++) {
        rc = sqlite3_create_function_v2(db, functions[i].name, functions[i].arg_count,
                                        flags | SQLITE_DETERMINISTIC, NULL, functions[i].fn,
                                        NULL, NULL, NULL);
    }
    return rc;
}
