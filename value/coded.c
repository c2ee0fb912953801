/* SPDX-License-Identifier: MIT
 *
 * value/coded.c: UUIDs, base64 and hexadecimal digits.
 */
#include "value/coded.h"

#include <stdint.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_dash_place(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

/* UUID = 8HEXDIG "-" 4HEXDIG "-" 4HEXDIG "-" 4HEXDIG "-" 12HEXDIG (RFC 9562 §4) */
bool uuid_read(struct str s, char out[UUID_TEXT_BYTES])
{
    bool dashes = s.len == UUID_TEXT_BYTES;
    if (!dashes && s.len != 32) {
        return false;
    }
    const char *at = s.ptr;
    for (size_t i = 0; i < UUID_TEXT_BYTES; i++) {
        if (is_dash_place(i)) {
            if (dashes && *at++ != '-') {
                return false;
            }
            out[i] = '-';
        } else {
            int digit = hex_digit(*at++);
            if (digit < 0) {
                return false;
            }
            out[i] = "0123456789abcdef"[digit];
        }
    }
    return true;
}

void uuid_of_bytes(const char bytes[16], char out[UUID_TEXT_BYTES])
{
    size_t digit = 0;
    for (size_t i = 0; i < UUID_TEXT_BYTES; i++) {
        if (is_dash_place(i)) {
            out[i] = '-';
            continue;
        }
        unsigned byte = (unsigned char)bytes[digit / 2];
        out[i] = "0123456789abcdef"[digit % 2 == 0 ? byte >> 4 : byte & 15];
        digit++;
    }
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct str s, char *out, size_t *n)
{
    size_t pad = 0;
    while (pad < 2 && pad < s.len && s.ptr[s.len - 1 - pad] == '=') {
        pad++;
    }
    *n = 0;
    if (s.len % 4 != 0) {
        return false;
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < s.len; i++) {
        bool padding = i >= s.len - pad;
        int d = padding ? 0 : base64_digit(s.ptr[i]);
        if (d < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)d;
        if (i % 4 == 3) {
            out[(*n)++] = (char)(bits >> 16);
            out[(*n)++] = (char)(bits >> 8);
            out[(*n)++] = (char)bits;
        }
    }
    uint32_t stray = pad == 1 ? bits & 0xff : pad == 2 ? bits & 0xffff : 0;
    *n -= pad;
    return stray == 0;
}

bool hex_decode(struct str s, char *out, size_t *n)
{
    *n = 0;
    if (s.len % 2 != 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i += 2) {
        int high = hex_digit(s.ptr[i]), low = hex_digit(s.ptr[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[(*n)++] = (char)(high << 4 | low);
    }
    return true;
}
