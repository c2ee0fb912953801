/* SPDX-License-Identifier: MIT
 *
 * value/calendar.c: see value/calendar.h. Proleptic Gregorian calendar.
 */
#include "value/calendar.h"

#define DAYS_TO_1970 719162 /* from 0001-01-01 */
#define FIRST_DAY (-DAYS_TO_1970)
#define LAST_DAY 2932896 /* 9999-12-31 */

static bool is_leap(int32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int32_t month_days(int32_t year, int32_t month)
{
    static const int8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 0001-01-01 to the first of January. */
static int32_t days_before_year(int32_t year)
{
    int32_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400;
}

int32_t moment_day_of_year(const struct moment *m)
{
    int32_t days = m->day;
    for (int32_t month = 1; month < m->month; month++) {
        days += month_days(m->year, month);
    }
    return days;
}

int64_t moment_day(const struct moment *m)
{
    return days_before_year(m->year) + moment_day_of_year(m) - 1 - DAYS_TO_1970;
}

int64_t moment_micros(const struct moment *m)
{
    int64_t seconds = m->hour * INT64_C(3600) + m->minute * 60 + m->second;
    return moment_day(m) * MICROS_PER_DAY + seconds * MICROS_PER_SECOND + m->micro;
}

static void set_day(struct moment *m, int64_t day)
{
    int32_t left = (int32_t)(day + DAYS_TO_1970);
    m->year = left / 366 + 1; /* not beyond the year that is looked for */
    while (days_before_year(m->year + 1) <= left) {
        m->year++;
    }
    left -= days_before_year(m->year);
    for (m->month = 1; left >= month_days(m->year, m->month); m->month++) {
        left -= month_days(m->year, m->month);
    }
    m->day = left + 1;
}

/* Toward minus infinity. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

bool moment_from_micros(int64_t micros, struct moment *out)
{
    int64_t day = floor_div(micros, MICROS_PER_DAY);
    int64_t rest = micros - day * MICROS_PER_DAY;
    *out = (struct moment){0};
    if (day < FIRST_DAY || day > LAST_DAY) {
        return false;
    }
    set_day(out, day);
    out->micro = (int32_t)(rest % MICROS_PER_SECOND);
    rest /= MICROS_PER_SECOND;
    out->hour = (int32_t)(rest / 3600);
    out->minute = (int32_t)(rest / 60 % 60);
    out->second = (int32_t)(rest % 60);
    return true;
}

int32_t moment_weekday(const struct moment *m)
{
    int64_t since_monday = (moment_day(m) + DAYS_TO_1970) % 7; /* 0001-01-01 was one */
    return (int32_t)since_monday + 1;
}

static int32_t weeks_in_year(int32_t year)
{
    struct moment first = {.year = year, .month = 1, .day = 1};
    int32_t weekday = moment_weekday(&first);
    return weekday == 4 || (weekday == 3 && is_leap(year)) ? 53 : 52;
}

/* The week that has the year's first Thursday is the first. */
int32_t moment_week(const struct moment *m)
{
    int32_t week = (moment_day_of_year(m) - moment_weekday(m) + 10) / 7;
    if (week == 0) { /* 0001-01-01 is a Monday, so there is a year before */
        return weeks_in_year(m->year - 1);
    }
    return week > weeks_in_year(m->year) ? 1 : week;
}

/* ---- durations ---- */

/* [ "-" ] 1*10DIGIT [ "." 1*6DIGIT ] in millionths: duration_valid has looked. */
static int64_t read_millionths(struct str s, size_t *at)
{
    bool minus = s.ptr[*at] == '-';
    int64_t v = 0;
    int after = -1;
    *at += minus ? 1 : 0;
    for (; (s.ptr[*at] >= '0' && s.ptr[*at] <= '9') || s.ptr[*at] == '.'; (*at)++) {
        if (s.ptr[*at] == '.') {
            after = 0;
            continue;
        }
        v = v * 10 + (s.ptr[*at] - '0');
        after += after >= 0 ? 1 : 0;
    }
    for (int i = after < 0 ? 0 : after; i < 6; i++) {
        v *= 10;
    }
    return minus ? -v : v;
}

/* At most 10^10 × 10^6 × 3600 in one part: within 64 bits only for seconds. */
static bool add_part(struct duration *d, char unit, bool time, int64_t millionths)
{
    int64_t n = millionths / 1000000, micros;
    switch (unit) {
    case 'Y':
        d->months += n * 12;
        return true;
    case 'W':
        d->days += n * 7;
        return true;
    case 'D':
        d->days += n;
        return true;
    case 'M':
        if (!time) {
            d->months += n;
            return true;
        }
        micros = millionths;
        return !__builtin_mul_overflow(micros, 60, &micros) &&
               !__builtin_add_overflow(d->micros, micros, &d->micros);
    case 'H':
        micros = millionths;
        return !__builtin_mul_overflow(micros, 3600, &micros) &&
               !__builtin_add_overflow(d->micros, micros, &d->micros);
    default:
        return !__builtin_add_overflow(d->micros, millionths, &d->micros);
    }
}

bool duration_read(struct str s, struct duration *out)
{
    bool time = false, fits = true;
    *out = (struct duration){0};
    if (!duration_valid(s)) {
        return false;
    }
    for (size_t at = 1; at < s.len && fits;) {
        if (s.ptr[at] == 'T') {
            time = true;
            at++;
            continue;
        }
        int64_t millionths = read_millionths(s, &at);
        fits = add_part(out, s.ptr[at++], time, millionths);
    }
    return fits && out->months >= INT32_MIN && out->months <= INT32_MAX &&
           out->days >= INT32_MIN && out->days <= INT32_MAX;
}

bool duration_span(const struct duration *d, int64_t *micros)
{
    int64_t days = d->months * 30 + d->days;
    return !__builtin_mul_overflow(days, MICROS_PER_DAY, micros) &&
           !__builtin_add_overflow(*micros, d->micros, micros);
}

static void write_part(struct buf *b, int64_t n, char unit)
{
    if (n != 0) {
        buf_printf(b, "%lld%c", (long long)n, unit);
    }
}

static void write_seconds(struct buf *b, int64_t micros)
{
    int64_t whole = micros / MICROS_PER_SECOND, rest = micros % MICROS_PER_SECOND;
    char digits[8];
    int n = 6;
    if (micros == 0) {
        return;
    }
    buf_printf(b, "%s%lld", micros < 0 ? "-" : "", (long long)(whole < 0 ? -whole : whole));
    rest = rest < 0 ? -rest : rest;
    for (int i = 5; i >= 0; i--) {
        digits[i] = (char)('0' + rest % 10);
        rest /= 10;
    }
    while (n > 0 && digits[n - 1] == '0') {
        n--;
    }
    if (n > 0) {
        buf_char(b, '.');
        buf_add(b, digits, (size_t)n);
    }
    buf_char(b, 'S');
}

void duration_write(struct buf *b, const struct duration *d)
{
    const int64_t hour = 3600 * MICROS_PER_SECOND, minute = 60 * MICROS_PER_SECOND;
    if (d->months == 0 && d->days == 0 && d->micros == 0) {
        BUF_LIT(b, "PT0S");
        return;
    }
    buf_char(b, 'P');
    write_part(b, d->months / 12, 'Y');
    write_part(b, d->months % 12, 'M');
    write_part(b, d->days, 'D');
    if (d->micros != 0) {
        buf_char(b, 'T');
        write_part(b, d->micros / hour, 'H');
        write_part(b, d->micros % hour / minute, 'M');
        write_seconds(b, d->micros % minute);
    }
}

void duration_write_micros(struct buf *b, int64_t micros)
{
    struct duration d = {.days = micros / MICROS_PER_DAY, .micros = micros % MICROS_PER_DAY};
    duration_write(b, &d);
}

/* ---- moving ---- */

static bool add_months(struct moment *m, int64_t n)
{
    int64_t month;
    if (__builtin_add_overflow(n, (int64_t)m->year * 12 + m->month - 1, &month)) {
        return false;
    }
    if (month < 12 || month >= 10000 * 12) {
        return false;
    }
    m->year = (int32_t)(month / 12);
    m->month = (int32_t)(month % 12) + 1;
    int32_t last = month_days(m->year, m->month);
    m->day = m->day > last ? last : m->day;
    return true;
}

bool moment_move(struct moment *m, const struct duration *d, int64_t times)
{
    int64_t months, days, micros;
    if (__builtin_mul_overflow(d->months, times, &months) ||
        __builtin_mul_overflow(d->days, times, &days) ||
        __builtin_mul_overflow(d->micros, times, &micros) || !add_months(m, months) ||
        __builtin_mul_overflow(days, MICROS_PER_DAY, &days)) {
        return false;
    }
    int64_t at = moment_micros(m);
    return !__builtin_add_overflow(at, days, &at) && moment_from_micros(at, m) &&
           !__builtin_add_overflow(at, micros, &at) && moment_from_micros(at, m);
}

int64_t moment_months_between(const struct moment *a, const struct moment *b)
{
    int64_t n = (b->year - a->year) * INT64_C(12) + b->month - a->month;
    int64_t from = moment_micros(a), to = moment_micros(b);
    struct moment there = *a;
    if (!add_months(&there, n)) {
        return n; /* both are moments, so the month is one of the calendar */
    }
    int64_t at = moment_micros(&there);
    if (from <= to) {
        return at > to ? n - 1 : n;
    }
    return at < to ? n + 1 : n;
}
