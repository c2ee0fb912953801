/* SPDX-License-Identifier: MIT
 *
 * base/json_scan.h: the tokens of JSON, for base/ alone. Inline, because a
 * request is read in some 150 ns. Pure functions.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))
#define JSON_HIGH_BITS JSON_EACH_BYTE(0x80)

/* Bytes of w that are below n (n <= 0x80) have their high bit set, exact up to and
 * including the first one. */
static inline uint64_t json_bytes_below(uint64_t w, uint64_t n)
{
    return (w - JSON_EACH_BYTE(n)) & ~w & JSON_HIGH_BITS;
}

/* Not 0 if w holds a quote, a backslash or a control character; the lowest mark is
 * that of the first one. */
static inline uint64_t json_special_bytes(uint64_t w)
{
    return json_bytes_below(w, 0x20) | json_bytes_below(w ^ JSON_EACH_BYTE('"'), 1) |
           json_bytes_below(w ^ JSON_EACH_BYTE('\\'), 1);
}

/* The first quote, backslash or control character at or after `at`, or end.
 * *high collects the high bits of what was passed: 0 means ASCII. */
static inline const char *json_plain_end(const char *at, const char *end, uint64_t *high)
{
    while (end - at >= (ptrdiff_t)sizeof(uint64_t)) {
        uint64_t w;
        memcpy(&w, at, sizeof w);
        uint64_t marks = json_special_bytes(w);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        if (marks != 0) {
            unsigned bits = (unsigned)__builtin_ctzll(marks) - 7; /* of the bytes before */
            *high |= w & JSON_HIGH_BITS & ((UINT64_C(1) << bits) - 1);
            return at + bits / 8;
        }
#else
        if (marks != 0) {
            break;
        }
#endif
        *high |= w & JSON_HIGH_BITS;
        at += sizeof w;
    }
    for (; at < end; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < 0x20 || c == '"' || c == '\\') {
            break;
        }
        *high |= c & 0x80u;
    }
    return at;
}

/* Behind the white space at `at`: ws = *( %x20 / %x09 / %x0A / %x0D ) (RFC 8259 §2) */
static inline const char *json_space_end(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

static inline const char *json_digits_end(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

/* Behind the number that begins at `at` (at < end), or with !*ok where a digit is
 * missing: number = [ "-" ] int [ frac ] [ exp ] (RFC 8259 §6). */
static inline const char *json_number_end(const char *at, const char *end, bool *whole,
                                          bool *ok)
{
    *whole = true;
    at += *at == '-';
    const char *from = at;
    at = at < end && *at == '0' ? at + 1 : json_digits_end(at, end);
    *ok = at > from;
    if (*ok && at < end && *at == '.') {
        *whole = false;
        from = ++at;
        at = json_digits_end(at, end);
        *ok = at > from;
    }
    if (*ok && at < end && (*at == 'e' || *at == 'E')) {
        *whole = false;
        at++;
        at += at < end && (*at == '+' || *at == '-');
        from = at;
        at = json_digits_end(at, end);
        *ok = at > from;
    }
    return at;
}

/* Four hexadecimal digits, or -1. */
static inline int32_t json_hex4(const char *at, const char *end)
{
    int32_t v = end - at < 4 ? -1 : 0;
    for (int i = 0; i < 4 && v >= 0; i++) {
        char c = at[i], lower = (char)(c | 0x20);
        if (c >= '0' && c <= '9') {
            v = v * 16 + (c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            v = v * 16 + (lower - 'a' + 10);
        } else {
            v = -1;
        }
    }
    return v;
}

/* RFC 8259 §7: %x75 4HEXDIG; a character beyond U+FFFF is a pair of surrogates, and
 * a surrogate alone is no character. `at` is behind the `u`; the result is behind
 * the escape, or NULL. */
static inline const char *json_unicode_escape(const char *at, const char *end, uint32_t *out)
{
    int32_t c = json_hex4(at, end);
    if (c < 0 || (c >= 0xdc00 && c <= 0xdfff)) {
        return NULL;
    }
    at += 4;
    if (c >= 0xd800 && c <= 0xdbff) {
        bool pair = end - at >= 6 && at[0] == '\\' && at[1] == 'u';
        int32_t low = pair ? json_hex4(at + 2, end) : -1;
        if (low < 0xdc00 || low > 0xdfff) {
            return NULL;
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    }
    *out = (uint32_t)c;
    return at;
}

#endif
