/* SPDX-License-Identifier: MIT
 *
 * base/str.c: borrowed runs of bytes, UTF-8, edit distance. No state.
 */
#include "base/str.h"

#include <string.h>

struct str str_of(const char *cstr)
{
    return cstr == NULL ? (struct str){"", 0} : (struct str){cstr, strlen(cstr)};
}

bool str_is(struct str a, const char *cstr)
{
    return str_eq(a, str_of(cstr));
}

static unsigned char lower_ascii(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

bool str_ieq(struct str a, struct str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower_ascii(a.ptr[i]) != lower_ascii(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int d = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    if (d != 0) {
        return d;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

bool str_starts(struct str a, struct str prefix)
{
    return a.len >= prefix.len && str_eq((struct str){a.ptr, prefix.len}, prefix);
}

bool str_is_identifier(struct str a)
{
    for (size_t i = 0; i < a.len; i++) {
        char ch = a.ptr[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
        if (!letter && (i == 0 || ch < '0' || ch > '9')) {
            return false;
        }
    }
    return a.len > 0;
}

#define SAFE_DIGITS 18 /* so many always fit 64 bits */

ptrdiff_t str_find(struct str a, char c, size_t from)
{
    if (from >= a.len) {
        return -1;
    }
    const char *p = memchr(a.ptr + from, c, a.len - from);
    return p == NULL ? -1 : p - a.ptr;
}

bool str_to_i64(struct str a, int64_t *out)
{
    bool negative = a.len > 0 && a.ptr[0] == '-';
    size_t i = negative, safe = i + SAFE_DIGITS;
    if (i == a.len) {
        return false;
    }
    uint64_t v = 0;
    uint64_t max = (uint64_t)INT64_MAX + negative;
    for (; i < a.len; i++) {
        unsigned digit = (unsigned)(unsigned char)a.ptr[i] - '0';
        if (digit > 9 || (i >= safe && v > (max - digit) / 10)) {
            return false;
        }
        v = v * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* Length of the well-formed sequence at p, or 0 (Unicode 15, table 3-7). */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    unsigned char c = p[0];
    if (c < 0x80) {
        return 1;
    }
    if (c < 0xc2 || c > 0xf4) {
        return 0;
    }
    size_t n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (left < n) {
        return 0;
    }
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

bool utf8_valid(struct str s, size_t *bad)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = 0;
    while (i < s.len) {
        uint64_t word;
        if (s.len - i >= sizeof word) {
            memcpy(&word, p + i, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof word;
                continue;
            }
        }
        size_t n = utf8_sequence(p + i, s.len - i);
        if (n == 0) {
            if (bad != NULL) {
                *bad = i;
            }
            return false;
        }
        i += n;
    }
    return true;
}

size_t utf8_count(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    }
    return n;
}

size_t utf8_cut(struct str s, size_t max)
{
    if (s.len <= max) {
        /* A cut text may itself end inside a character. */
        max = s.len;
    }
    size_t n = max;
    while (n > 0 && max - n < 4) {
        size_t left = s.len - (n - 1);
        unsigned char c = (unsigned char)s.ptr[n - 1];
        if ((c & 0xc0) != 0x80) {
            size_t need = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
            size_t have = max - (n - 1);
            return need <= have && need <= left ? max : n - 1;
        }
        n--;
    }
    return max;
}

#define DISTANCE_MAX 64

static unsigned min2(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned str_distance(struct str a, struct str b, unsigned max)
{
    size_t gap = a.len > b.len ? a.len - b.len : b.len - a.len;
    if (a.len > DISTANCE_MAX || b.len > DISTANCE_MAX || gap > max) {
        return max + 1;
    }
    unsigned rows[3][DISTANCE_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (unsigned j = 0; j <= b.len; j++) {
        last[j] = j;
        before[j] = 0;
    }
    for (unsigned i = 1; i <= a.len; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned char x = lower_ascii(a.ptr[i - 1]), y = lower_ascii(b.ptr[j - 1]);
            unsigned d = min2(last[j - 1] + (x != y), min2(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == lower_ascii(b.ptr[j - 2]) &&
                lower_ascii(a.ptr[i - 2]) == y) {
                d = min2(d, before[j - 2] + 1);
            }
            row[j] = d;
        }
        unsigned *t = before;
        before = last;
        last = row;
        row = t;
    }
    return last[b.len] > max ? max + 1 : last[b.len];
}
