/* SPDX-License-Identifier: MIT
 *
 * base/buf.c: growing bytes and the JSON scalars written into them.
 */
#include "base/buf.h"

#include "base/json_scan.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b)
{
    *b = (struct buf){0};
}

void buf_fini(struct buf *b)
{
    free(b->ptr);
    buf_init(b);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

void buf_shrink(struct buf *b, size_t keep_bytes)
{
    buf_clear(b);
    if (b->cap > keep_bytes) {
        buf_fini(b);
    }
}

bool buf_grow(struct buf *b, size_t extra)
{
    if (b->failed || extra > SIZE_MAX / 2 - b->len) {
        b->failed = true;
        return false;
    }
    size_t cap = b->cap < 128 ? 128 : b->cap < 65536 ? b->cap * 2 : b->cap + b->cap / 2;
    if (cap < b->len + extra) {
        cap = b->len + extra;
    }
    char *p = realloc(b->ptr, cap);
    if (p == NULL) {
        b->failed = true;
        return false;
    }
    b->ptr = p;
    b->cap = cap;
    return true;
}

struct str buf_str(const struct buf *b)
{
    return (struct str){b->ptr == NULL ? "" : b->ptr, b->len};
}

void buf_swap(struct buf *a, struct buf *b)
{
    struct buf t = *a;
    *a = *b;
    *b = t;
}

void buf_consume(struct buf *b, size_t n)
{
    b->len -= n;
    if (n > 0 && b->len > 0) {
        memmove(b->ptr, b->ptr + n, b->len);
    }
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char small[256];
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n < sizeof small) {
        buf_add(b, small, (size_t)n);
    } else if (buf_reserve(b, (size_t)n + 1)) {
        va_start(ap, fmt);
        vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap);
        va_end(ap);
        b->len += (size_t)n;
    }
}

void buf_u64(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    buf_add(b, digits + at, sizeof digits - at);
}

void buf_i64(struct buf *b, int64_t v)
{
    if (v < 0) {
        buf_char(b, '-');
        buf_u64(b, 0 - (uint64_t)v);
    } else {
        buf_u64(b, (uint64_t)v);
    }
}

/* What stands behind the backslash; 'u' asks for \u00XX, 0 for no escape. */
static char json_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return c < 0x20 ? 'u' : '\0';
    }
}

/* The first byte at or after `at` that must be escaped, or end. */
static const char *plain_end(const char *at, const char *end)
{
    while (end - at >= (ptrdiff_t)sizeof(uint64_t)) {
        uint64_t w;
        memcpy(&w, at, sizeof w);
        if (json_special_bytes(w) != 0) {
            break;
        }
        at += sizeof w;
    }
    while (at < end && (unsigned char)*at >= 0x20 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

void buf_json_str(struct buf *b, struct str s)
{
    /* six bytes for the worst character, two quotes */
    if (s.len > (SIZE_MAX / 8) || !buf_reserve(b, s.len + 2)) {
        b->failed = true;
        return;
    }
    buf_char(b, '"');
    const char *at = s.len == 0 ? "" : s.ptr, *end = at + s.len;
    while (at < end) {
        const char *to = plain_end(at, end);
        buf_add(b, at, (size_t)(to - at));
        if (to == end) {
            break;
        }
        char e = json_escape((unsigned char)*to);
        if (e == 'u') {
            buf_printf(b, "\\u%04x", (unsigned)(unsigned char)*to);
        } else {
            buf_char(b, '\\');
            buf_char(b, e);
        }
        at = to + 1;
    }
    buf_char(b, '"');
}

/* Whether the text is ASCII without quotes, backslashes and control characters. */
static bool is_plain(const char *at, size_t len)
{
    uint64_t marks = 0, w = JSON_EACH_BYTE(' ');
    if (len < sizeof w) {
        memcpy(&w, at, len); /* the other bytes are plain */
        return ((json_special_bytes(w) | w) & JSON_HIGH_BITS) == 0;
    }
    for (size_t i = 0; i + sizeof w <= len; i += sizeof w) {
        memcpy(&w, at + i, sizeof w);
        marks |= json_special_bytes(w) | w;
    }
    memcpy(&w, at + len - sizeof w, sizeof w); /* the rest, and some of it again */
    return ((marks | json_special_bytes(w) | w) & JSON_HIGH_BITS) == 0;
}

bool buf_json_text(struct buf *b, struct str s)
{
    const char *at = s.len == 0 ? "" : s.ptr;
    if (!is_plain(at, s.len)) {
        bool valid = utf8_valid(s, NULL);
        if (valid) {
            buf_json_str(b, s);
        }
        return valid;
    }
    if (buf_reserve(b, s.len + 2)) {
        char *to = b->ptr + b->len;
        *to = '"';
        memcpy(to + 1, at, s.len);
        to[1 + s.len] = '"';
        b->len += s.len + 2;
    }
    return true;
}

/* true: v was not finite and has been written. */
static bool not_finite(struct buf *b, double v)
{
    if (isnan(v)) {
        BUF_LIT(b, "\"NaN\"");
        return true;
    }
    if (isinf(v)) {
        buf_str_add(b, v > 0 ? STR("\"Infinity\"") : STR("\"-Infinity\""));
        return true;
    }
    return false;
}

void buf_json_double(struct buf *b, double v)
{
    if (not_finite(b, v)) {
        return;
    }
    if (v > -1e15 && v < 1e15 && v == (double)(int64_t)v && !(v == 0 && signbit(v))) {
        buf_i64(b, (int64_t)v);
        return;
    }
    char text[32];
    /* 15 digits are safe, but more than a subnormal number has */
    for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) {
            break;
        }
    }
    buf_str_add(b, str_of(text));
}

void buf_json_float(struct buf *b, float v)
{
    if (not_finite(b, (double)v)) {
        return;
    }
    char text[32];
    for (int digits = fabsf(v) < FLT_MIN ? 1 : 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v) {
            break;
        }
    }
    buf_str_add(b, str_of(text));
}

void buf_json_base64(struct buf *b, struct str s)
{
    static const char digit[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (s.len > SIZE_MAX / 4 || !buf_reserve(b, (s.len + 2) / 3 * 4 + 2)) {
        b->failed = true;
        return;
    }
    buf_char(b, '"');
    for (size_t i = 0; i < s.len; i += 3) {
        size_t left = s.len - i;
        uint32_t v = (uint32_t)(unsigned char)s.ptr[i] << 16;
        v |= left > 1 ? (uint32_t)(unsigned char)s.ptr[i + 1] << 8 : 0;
        v |= left > 2 ? (uint32_t)(unsigned char)s.ptr[i + 2] : 0;
        buf_char(b, digit[v >> 18]);
        buf_char(b, digit[(v >> 12) & 63]);
        buf_char(b, left > 1 ? digit[(v >> 6) & 63] : '=');
        buf_char(b, left > 2 ? digit[v & 63] : '=');
    }
    buf_char(b, '"');
}
