/* SPDX-License-Identifier: MIT
 *
 * protocol/frame.c: lines out of whatever pieces the socket gives.
 *
 *   line = *byte [CR] LF        (docs/PROTOCOL.md "Lines")
 */
#include "protocol/frame.h"

#include <string.h>

void frame_init(struct frame *f, size_t max_bytes)
{
    *f = (struct frame){.max_bytes = max_bytes};
}

void frame_fini(struct frame *f)
{
    buf_fini(&f->rest);
}

size_t frame_held(const struct frame *f)
{
    return f->scanned; /* 0: what is there was lent, and is a line of the past */
}

/* A line that is an HTTP request line (RFC 9112 §3): a method and a blank. */
static bool is_http(struct str line)
{
    static const struct str methods[] = {
        {"GET ", 4},    {"POST ", 5},    {"PUT ", 4},   {"HEAD ", 5},  {"OPTIONS ", 8},
        {"DELETE ", 7}, {"CONNECT ", 8}, {"TRACE ", 6}, {"PATCH ", 6}, {"PRI * ", 6},
    };
    if (line.len == 0 || line.ptr[0] < 'A' || line.ptr[0] > 'Z') {
        return false; /* nearly all lines */
    }
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (str_starts(line, methods[i])) {
            return true;
        }
    }
    return false;
}

static enum frame_result finish_line(const struct frame *f, struct str *line)
{
    if (line->len > 0 && line->ptr[line->len - 1] == '\r') {
        line->len--;
    }
    if (line->len > f->max_bytes) {
        return FRAME_TOO_LONG;
    }
    return is_http(*line) ? FRAME_FOREIGN : FRAME_LINE;
}

/* No LF in what is left: keep it. One byte more than the limit is allowed for the
 * CR that is not counted. */
static enum frame_result keep(struct frame *f, struct str *input)
{
    buf_str_add(&f->rest, *input);
    input->ptr += input->len;
    input->len = 0;
    if (f->rest.failed) {
        return FRAME_NO_MEMORY;
    }
    f->scanned = f->rest.len;
    if (is_http(buf_str(&f->rest))) {
        return FRAME_FOREIGN;
    }
    return f->rest.len > f->max_bytes + 1 ? FRAME_TOO_LONG : FRAME_MORE;
}

/* The previous line was lent out of `rest`; it is not needed any more. */
static void drop_lent(struct frame *f)
{
    if (f->scanned == 0 && f->rest.len > 0) {
        buf_fini(&f->rest);
    }
}

enum frame_result frame_next(struct frame *f, struct str *input, struct str *line)
{
    drop_lent(f);
    if (input->len == 0) {
        return FRAME_MORE;
    }
    if (!f->started) {
        f->started = true;
        if (input->ptr[0] != '{') {
            return FRAME_FOREIGN;
        }
    }
    const char *lf = memchr(input->ptr, '\n', input->len);
    size_t piece = lf == NULL ? input->len : (size_t)(lf - input->ptr);
    if (f->rest.len + piece > f->max_bytes + 1) {
        return FRAME_TOO_LONG;
    }
    if (lf == NULL) {
        return keep(f, input);
    }
    *line = (struct str){input->ptr, piece};
    if (f->rest.len > 0) {
        buf_add(&f->rest, input->ptr, piece);
        if (f->rest.failed) {
            return FRAME_NO_MEMORY;
        }
        *line = buf_str(&f->rest);
        f->scanned = 0; /* lent: dropped at the next call */
    }
    input->ptr += piece + 1;
    input->len -= piece + 1;
    return finish_line(f, line);
}
