/* SPDX-License-Identifier: MIT
 *
 * fuzz_frame.c: the lines of a stream do not depend on how it was cut. The first
 * two bytes say how, and what the limit is.
 */
#include "protocol/frame.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

/* Feeds the bytes in pieces of 1 to `largest` bytes; writes the lines and the end. */
static void feed(struct buf *out, struct str bytes, size_t max, size_t largest)
{
    struct frame f;
    enum frame_result got = FRAME_MORE;
    size_t turn = 0;
    frame_init(&f, max);
    while (bytes.len > 0 && got == FRAME_MORE) {
        size_t n = 1 + turn++ * 7 % largest;
        n = n < bytes.len ? n : bytes.len;
        char *piece = malloc(n);
        check(piece != NULL);
        memcpy(piece, bytes.ptr, n);
        struct str input = {piece, n}, line;
        while ((got = frame_next(&f, &input, &line)) == FRAME_LINE) {
            check(line.len <= max);
            buf_str_add(out, line);
            buf_char(out, '\n');
        }
        check(frame_held(&f) <= max + 1);
        free(piece);
        bytes.ptr += n;
        bytes.len -= n;
    }
    buf_char(out, (char)('0' + (int)got));
    frame_fini(&f);
}

/* A foreign line that is also too long is the one or the other as the cuts fall: it
 * may be known as foreign before it is whole. */
static bool same_lines(struct str a, struct str b)
{
    const char ends[] = {'0' + FRAME_FOREIGN, '0' + FRAME_TOO_LONG};
    check(a.len >= 1 && b.len >= 1);
    return str_eq(a, b) || (a.len == b.len && memcmp(a.ptr, b.ptr, a.len - 1) == 0 &&
                            memchr(ends, a.ptr[a.len - 1], sizeof ends) != NULL &&
                            memchr(ends, b.ptr[b.len - 1], sizeof ends) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct str bytes = {(const char *)data + 2, size - 2};
    struct buf whole, pieces;
    buf_init(&whole);
    buf_init(&pieces);
    feed(&whole, bytes, data[1], size);
    feed(&pieces, bytes, data[1], 1 + (size_t)data[0] % 40);
    check(same_lines(buf_str(&whole), buf_str(&pieces)));
    buf_fini(&whole);
    buf_fini(&pieces);
    return 0;
}
