/* SPDX-License-Identifier: MIT
 *
 * base/buf.h: a growing run of bytes, and the JSON scalars written into it.
 *
 * Owns its memory. A failed growth sets `failed` and drops what follows, so a
 * writer checks once at the end. One thread at a time.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    bool failed; /* out of memory: the content is not whole */
};

void buf_init(struct buf *b);
void buf_fini(struct buf *b);
/* Empties b and keeps its memory. */
void buf_clear(struct buf *b);
/* Empties b and gives memory above keep_bytes back. */
void buf_shrink(struct buf *b, size_t keep_bytes);
/* buf_reserve where there is not room enough yet. */
bool buf_grow(struct buf *b, size_t extra);
/* Room for at least extra bytes behind len; false (and failed) if there is none. */
static inline bool buf_reserve(struct buf *b, size_t extra)
{
    return b->cap - b->len >= extra ? !b->failed : buf_grow(b, extra);
}
/* What is in b; borrowed until the next change. */
struct str buf_str(const struct buf *b);
/* Swaps the content of two buffers. */
void buf_swap(struct buf *a, struct buf *b);
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);

/* Inline, because a reply is some forty of these. */
static inline void buf_add(struct buf *b, const void *ptr, size_t len)
{
    if (len > 0 && buf_reserve(b, len)) {
        memcpy(b->ptr + b->len, ptr, len);
        b->len += len;
    }
}

static inline void buf_str_add(struct buf *b, struct str s)
{
    buf_add(b, s.ptr, s.len);
}

static inline void buf_char(struct buf *b, char c)
{
    if (buf_reserve(b, 1)) {
        b->ptr[b->len++] = c;
    }
}

void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_i64(struct buf *b, int64_t v);
void buf_u64(struct buf *b, uint64_t v);

#define BUF_LIT(b, lit) buf_add((b), (lit), sizeof(lit) - 1)

/* s as a JSON string with quotes (RFC 8259 §7): escapes only what must be, so
 * UTF-8 stays as it is. s must be well-formed UTF-8. */
void buf_json_str(struct buf *b, struct str s);
/* As buf_json_str for a text that may not be UTF-8: false then, and nothing is added. */
bool buf_json_text(struct buf *b, struct str s);
/* v as a JSON number, the shortest text that reads back the same; NaN and the
 * infinities as the strings "NaN", "Infinity", "-Infinity". */
void buf_json_double(struct buf *b, double v);
/* As buf_json_double for a value that was stored with 24 bits of precision. */
void buf_json_float(struct buf *b, float v);
/* s in base64 with padding (RFC 4648 §4) as a JSON string. */
void buf_json_base64(struct buf *b, struct str s);

#endif
