/* SPDX-License-Identifier: MIT
 *
 * base/str.h: a borrowed run of bytes, {ptr, len}, not NUL-terminated.
 *
 * A str never owns. Who lends the bytes, and until when, is said where a str
 * is handed over. Pure functions, any thread.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr;
    size_t len;
};

/* A literal as a str: STR("select"). */
#define STR(lit)                                                                               \
    (struct str)                                                                               \
    {                                                                                          \
        (lit), sizeof(lit) - 1                                                                 \
    }
/* For printf: "%.*s", STR_ARG(s). */
#define STR_ARG(s) (int)(s).len, (s).ptr

/* Borrows a C string; NULL gives an empty str. */
struct str str_of(const char *cstr);
static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
/* Compares with a C string. */
bool str_is(struct str a, const char *cstr);
/* ASCII case is ignored; other bytes must be equal. */
bool str_ieq(struct str a, struct str b);
/* Bytewise order as memcmp, shorter first: <0, 0, >0. */
int str_cmp(struct str a, struct str b);
bool str_starts(struct str a, struct str prefix);
/* letter *( letter / digit ), where letter = A-Z / a-z / "_". */
bool str_is_identifier(struct str a);
/* First index of byte c at or after `from`, or -1. */
ptrdiff_t str_find(struct str a, char c, size_t from);
/* Reads a whole decimal integer (optional '-', digits, nothing else). */
bool str_to_i64(struct str a, int64_t *out);

/* Whether s is well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, no
 * surrogates, nothing above U+10FFFF). *bad gets the offset of the first wrong
 * byte; may be NULL. */
bool utf8_valid(struct str s, size_t *bad);
/* Characters (code points) of well-formed UTF-8. */
size_t utf8_count(struct str s);
/* The longest prefix of s of at most max bytes that ends between characters. */
size_t utf8_cut(struct str s, size_t max);

/* Edit distance with transpositions (optimal string alignment), ASCII case
 * ignored; stops counting above max and returns max + 1. Strings over 64 bytes
 * return max + 1. For "did you mean". */
unsigned str_distance(struct str a, struct str b, unsigned max);

#endif
