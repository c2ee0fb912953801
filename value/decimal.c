/* SPDX-License-Identifier: MIT
 *
 * value/decimal.c: exact decimal numbers as text.
 */
#include "value/decimal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct str take_digits(struct str s, size_t *at)
{
    size_t from = *at;
    while (*at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9') {
        (*at)++;
    }
    return (struct str){s.ptr + from, *at - from};
}

static bool read_exponent(struct str s, size_t *at, int32_t *out)
{
    if (*at == s.len || (s.ptr[*at] != 'e' && s.ptr[*at] != 'E')) {
        return true;
    }
    (*at)++;
    bool negative = *at < s.len && s.ptr[*at] == '-';
    *at += *at < s.len && (s.ptr[*at] == '-' || s.ptr[*at] == '+');
    struct str digits = take_digits(s, at);
    int64_t v;
    if (digits.len > 3 || !str_to_i64(digits, &v)) {
        return false;
    }
    *out = (int32_t)(negative ? -v : v);
    return true;
}

bool decimal_read(struct str s, struct decimal *out)
{
    size_t at = 0;
    *out = (struct decimal){.fraction = {"", 0}};
    out->negative = s.len > 0 && s.ptr[0] == '-';
    at += out->negative;
    out->whole = take_digits(s, &at);
    if (out->whole.len == 0) {
        return false;
    }
    if (at < s.len && s.ptr[at] == '.') {
        at++;
        out->fraction = take_digits(s, &at);
        if (out->fraction.len == 0) {
            return false;
        }
    }
    out->written = (uint32_t)out->fraction.len;
    while (out->whole.len > 0 && out->whole.ptr[0] == '0') {
        out->whole.ptr++;
        out->whole.len--;
    }
    while (out->fraction.len > 0 && out->fraction.ptr[out->fraction.len - 1] == '0') {
        out->fraction.len--;
    }
    return read_exponent(s, &at, &out->exponent) && at == s.len;
}

/* Writes the digits `all` with the point before index `point` (any integer). */
static char *place_point(char *out, struct str all, ptrdiff_t point)
{
    if (point <= 0) {
        *out++ = '0';
    }
    for (ptrdiff_t i = 0; i < point; i++) {
        *out++ = i < (ptrdiff_t)all.len ? all.ptr[i] : '0';
    }
    if (point >= (ptrdiff_t)all.len) {
        return out;
    }
    *out++ = '.';
    for (ptrdiff_t i = point; i < (ptrdiff_t)all.len; i++) {
        *out++ = i < 0 ? '0' : all.ptr[i];
    }
    return out;
}

struct str decimal_plain(struct str s, const struct decimal *d, struct arena *a)
{
    if (d->exponent == 0) {
        return s;
    }
    size_t n = d->whole.len + d->fraction.len;
    char *digits = arena_alloc(a, n + 1);
    char *text = arena_alloc(a, n + 1010);
    if (digits == NULL || text == NULL) {
        return (struct str){NULL, 0};
    }
    memcpy(digits, d->whole.ptr, d->whole.len);
    memcpy(digits + d->whole.len, d->fraction.ptr, d->fraction.len);
    char *at = text;
    if (d->negative) {
        *at++ = '-';
    }
    ptrdiff_t point = (ptrdiff_t)d->whole.len + d->exponent;
    size_t zeros = 0; /* in front of the first digit, once the point has moved */
    while (zeros < n && digits[zeros] == '0' && point > 1) {
        zeros++;
        point--;
    }
    at = n == zeros ? place_point(at, STR("0"), 1)
                    : place_point(at, (struct str){digits + zeros, n - zeros}, point);
    return (struct str){text, (size_t)(at - text)};
}

static void add_zeros(struct buf *b, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        buf_char(b, '0');
    }
}

void decimal_write_int(struct buf *b, int64_t v, int32_t scale)
{
    buf_i64(b, v);
    if (scale > 0) {
        buf_char(b, '.');
        add_zeros(b, scale);
    }
}

void decimal_write_double(struct buf *b, double v, int32_t scale)
{
    char text[400];
    int whole = v == 0 ? 1 : (int)floor(log10(fabs(v))) + 1;
    int sure = 15 - whole; /* digits behind the point that a double holds */
    sure = sure < 0 ? 0 : sure > 30 ? 30 : sure;
    if (scale >= 0) {
        int shown = scale < sure ? scale : sure;
        int n = snprintf(text, sizeof text, "%.*f", shown, v);
        buf_add(b, text, (size_t)n);
        if (scale > shown) {
            buf_str_add(b, shown == 0 ? STR(".") : STR(""));
            add_zeros(b, scale - shown);
        }
        return;
    }
    int n = snprintf(text, sizeof text, "%.*f", sure, v);
    if (memchr(text, '.', (size_t)n) != NULL) {
        while (text[n - 1] == '0') {
            n--;
        }
        n -= text[n - 1] == '.';
    }
    buf_add(b, text, (size_t)n);
}
