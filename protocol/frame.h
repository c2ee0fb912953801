/* SPDX-License-Identifier: MIT
 *
 * protocol/frame.h: bytes of a socket to lines. Sans-I/O.
 *
 * A line ends with LF; a CR before it is dropped. Lengths count bytes without the
 * LF. The first byte of a connection must be `{`, and a line must not begin with
 * an HTTP method, so that no web page can command a loopback daemon.
 */
#ifndef PROTOCOL_FRAME_H
#define PROTOCOL_FRAME_H

#include "base/buf.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct frame {
    struct buf rest;  /* a line that has not ended yet; no memory while empty */
    size_t scanned;   /* bytes of rest that hold no LF */
    size_t max_bytes; /* limits.frame; may be changed between calls */
    bool started;     /* a byte was seen */
};

enum frame_result {
    FRAME_LINE,     /* *line is set */
    FRAME_MORE,     /* input is used up */
    FRAME_TOO_LONG, /* the line passes max_bytes: answer, then close */
    FRAME_FOREIGN,  /* first byte is not `{`, or an HTTP request line: close at once */
    FRAME_NO_MEMORY,
};

void frame_init(struct frame *f, size_t max_bytes);
void frame_fini(struct frame *f);
/* Takes the next line out of *input, which is shortened by what was read. The
 * line is borrowed: from the input when whole in it, else from f, in both cases
 * until the next call. Call until it does not return FRAME_LINE. */
enum frame_result frame_next(struct frame *f, struct str *input, struct str *line);
/* Bytes held for an unfinished line. */
size_t frame_held(const struct frame *f);

#endif
