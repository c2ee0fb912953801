/* SPDX-License-Identifier: MIT
 *
 * value/decimal.c: exact decimal numbers as text.
 */
#include "value/decimal.h"

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

/* Adds one in the last place of the digits and the point that b holds from `from` on. */
static void round_up(struct buf *b, size_t from)
{
    for (size_t i = b->len; i > from;) {
        char *c = &b->ptr[--i];
        if (*c == '.') {
            continue;
        }
        if (*c != '9') {
            ++*c;
            return;
        }
        *c = '0';
    }
    buf_char(b, '0'); /* 99.9 became 00.0: room for the 1 in front */
    if (!b->failed) {
        memmove(b->ptr + from + 1, b->ptr + from, b->len - from - 1);
        b->ptr[from] = '1';
    }
}

static bool is_zero(struct str digits)
{
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] >= '1' && digits.ptr[i] <= '9') {
            return false;
        }
    }
    return true;
}

void decimal_write(struct buf *b, const struct decimal *d, int32_t scale)
{
    size_t places = scale < 0 ? d->written : (size_t)scale;
    size_t shown = d->fraction.len < places ? d->fraction.len : places;
    if (d->negative) {
        buf_char(b, '-');
    }
    size_t from = b->len;
    buf_str_add(b, d->whole.len > 0 ? d->whole : STR("0"));
    if (places > 0) {
        buf_char(b, '.');
        buf_add(b, d->fraction.ptr, shown);
        add_zeros(b, (int32_t)(places - shown));
    }
    if (b->failed) {
        return;
    }
    if (shown < d->fraction.len && d->fraction.ptr[shown] >= '5') {
        round_up(b, from);
    }
    if (d->negative && is_zero((struct str){b->ptr + from, b->len - from})) {
        memmove(b->ptr + from - 1, b->ptr + from, b->len - from); /* there is no -0 */
        b->len--;
    }
}

/* How many digits behind the point of v are certain: 15 significant ones in all.
 * Printed, not computed: a logarithm is wrong near powers of ten. */
static int32_t sure_digits(double v)
{
    char text[32];
    int32_t exponent = 0;
    snprintf(text, sizeof text, "%.14e", v);
    const char *e = strchr(text, 'e');
    bool negative = e[1] == '-';
    for (e += 2; *e != '\0'; e++) {
        exponent = exponent * 10 + (*e - '0');
    }
    int32_t sure = 14 - (negative ? -exponent : exponent);
    return sure < 0 ? 0 : sure > 30 ? 30 : sure;
}

void decimal_write_double(struct buf *b, double v, int32_t scale)
{
    char text[400];
    int n = snprintf(text, sizeof text, "%.*f", (int)sure_digits(v), v);
    struct decimal d;
    /* Rounded as a decimal number: 1.005 is 1.01 although the double is below it. */
    if (n > 0 && decimal_read((struct str){text, (size_t)n}, &d)) {
        decimal_write(b, &d, scale < 0 ? (int32_t)d.fraction.len : scale);
    }
}
