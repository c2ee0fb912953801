/* SPDX-License-Identifier: MIT
 *
 * value/moment.c: reading, checking and writing of dates and times.
 */
#include "value/moment.h"

/* Exactly n digits at s[*at]. */
static bool digits(struct str s, size_t *at, size_t n, int32_t *out)
{
    int32_t v = 0;
    if (s.len - *at < n || *at > s.len) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)(unsigned char)s.ptr[*at + i] - '0';
        if (d > 9) {
            return false;
        }
        v = v * 10 + (int32_t)d;
    }
    *at += n;
    *out = v;
    return true;
}

static bool take(struct str s, size_t *at, char c)
{
    if (*at < s.len && s.ptr[*at] == c) {
        (*at)++;
        return true;
    }
    return false;
}

static int32_t days_in_month(int32_t year, int32_t month)
{
    static const int8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool date_at(struct str s, size_t *at, struct moment *m)
{
    return digits(s, at, 4, &m->year) && take(s, at, '-') && digits(s, at, 2, &m->month) &&
           take(s, at, '-') && digits(s, at, 2, &m->day) && m->year >= 1 && m->month >= 1 &&
           m->month <= 12 && m->day >= 1 && m->day <= days_in_month(m->year, m->month);
}

/* "." 1*6DIGIT */
static bool fraction_at(struct str s, size_t *at, int32_t *micro)
{
    int32_t v = 0;
    size_t n = 0;
    for (; *at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9'; (*at)++, n++) {
        if (n >= 6) {
            return false;
        }
        v = v * 10 + (s.ptr[*at] - '0');
    }
    for (size_t i = n; i < 6; i++) {
        v *= 10;
    }
    *micro = v;
    return n > 0;
}

static bool time_at(struct str s, size_t *at, struct moment *m)
{
    if (!digits(s, at, 2, &m->hour) || !take(s, at, ':') || !digits(s, at, 2, &m->minute) ||
        m->hour > 23 || m->minute > 59) {
        return false;
    }
    if (!take(s, at, ':')) {
        return true;
    }
    if (!digits(s, at, 2, &m->second) || m->second > 59) {
        return false;
    }
    return !take(s, at, '.') || fraction_at(s, at, &m->micro);
}

static bool offset_at(struct str s, size_t *at, struct moment *m)
{
    if (*at == s.len) {
        return true;
    }
    m->has_offset = true;
    if (take(s, at, 'Z')) {
        return true;
    }
    int32_t sign = take(s, at, '-') ? -1 : 1;
    int32_t hours, minutes = 0;
    if (sign > 0 && !take(s, at, '+')) {
        return false;
    }
    if (!digits(s, at, 2, &hours)) {
        return false;
    }
    bool colon = take(s, at, ':');
    if ((colon || *at < s.len) && !digits(s, at, 2, &minutes)) {
        return false;
    }
    m->offset_minutes = sign * (hours * 60 + minutes);
    return hours <= 23 && minutes <= 59;
}

bool moment_read_date(struct str s, struct moment *out)
{
    size_t at = 0;
    *out = (struct moment){0};
    return date_at(s, &at, out) && at == s.len;
}

bool moment_read_time(struct str s, struct moment *out)
{
    size_t at = 0;
    *out = (struct moment){0};
    return time_at(s, &at, out) && at == s.len;
}

bool moment_read(struct str s, struct moment *out)
{
    size_t at = 0;
    *out = (struct moment){0};
    if (!date_at(s, &at, out)) {
        return false;
    }
    if (at == s.len) {
        return true;
    }
    if (!take(s, &at, 'T') && !take(s, &at, ' ')) {
        return false;
    }
    return time_at(s, &at, out) && offset_at(s, &at, out) && at == s.len;
}

static void add_day(struct moment *m, int32_t step)
{
    m->day += step;
    if (m->day < 1) {
        m->month--;
        if (m->month < 1) {
            m->month = 12;
            m->year--;
        }
        m->day = m->year < 1 ? 31 : days_in_month(m->year, m->month);
    } else if (m->day > days_in_month(m->year, m->month)) {
        m->day = 1;
        m->month++;
        if (m->month > 12) {
            m->month = 1;
            m->year++;
        }
    }
}

bool moment_to_utc(struct moment *m)
{
    int32_t minutes = m->hour * 60 + m->minute - m->offset_minutes;
    if (minutes < 0) {
        minutes += 24 * 60;
        add_day(m, -1);
    } else if (minutes >= 24 * 60) {
        minutes -= 24 * 60;
        add_day(m, 1);
    }
    m->hour = minutes / 60;
    m->minute = minutes % 60;
    m->has_offset = false;
    m->offset_minutes = 0;
    return m->year >= 1 && m->year <= 9999;
}

/* n digits with leading zeros. */
static char *put(char *out, int32_t v, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        out[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return out + n;
}

void moment_write_date(struct buf *b, const struct moment *m)
{
    char text[10];
    char *at = put(text, m->year, 4);
    *at++ = '-';
    at = put(at, m->month, 2);
    *at++ = '-';
    put(at, m->day, 2);
    buf_add(b, text, sizeof text);
}

void moment_write_time(struct buf *b, const struct moment *m)
{
    char text[15];
    char *at = put(text, m->hour, 2);
    *at++ = ':';
    at = put(at, m->minute, 2);
    *at++ = ':';
    at = put(at, m->second, 2);
    if (m->micro != 0) {
        *at++ = '.';
        at = put(at, m->micro, 6);
    }
    buf_add(b, text, (size_t)(at - text));
}

/* [ "-" ] 1*DIGIT [ "." 1*DIGIT ] */
static bool skip_number(struct str s, size_t *at, bool *fraction)
{
    take(s, at, '-');
    size_t from = *at;
    while (*at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9') {
        (*at)++;
    }
    size_t whole = *at - from;
    *fraction = take(s, at, '.');
    from = *at;
    while (*fraction && *at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9') {
        (*at)++;
    }
    return whole > 0 && whole <= 10 && (!*fraction || (*at > from && *at - from <= 6));
}

/* The units of one half, each at most once and in order. */
static bool skip_units(struct str s, size_t *at, const char *units, uint32_t *count)
{
    bool fraction = false;
    while (*at < s.len && s.ptr[*at] != 'T') {
        if (fraction || !skip_number(s, at, &fraction) || *at == s.len) {
            return false;
        }
        char c = s.ptr[(*at)++];
        while (*units != '\0' && *units != c) {
            units++;
        }
        if (*units == '\0' || (fraction && c != 'S')) {
            return false;
        }
        units++;
        (*count)++;
    }
    return true;
}

bool duration_valid(struct str s)
{
    size_t at = 0;
    uint32_t days = 0, times = 0;
    if (!take(s, &at, 'P') || !skip_units(s, &at, "YMWD", &days)) {
        return false;
    }
    if (take(s, &at, 'T')) {
        return skip_units(s, &at, "HMS", &times) && times > 0 && at == s.len;
    }
    return days > 0;
}
