/* SPDX-License-Identifier: MIT
 *
 * daemon/ahead.c: see ahead.h.
 *
 * A line is read twice if it is taken: here, to know what it is, and as the request that it
 * becomes. Lines without the word are not read at all.
 */
#include "daemon/ahead.h"

#include <string.h>

#define READ_BYTES 65536 /* for one short line */
#define DEPTH 4

static bool is_cancel(const struct conn *c, struct str line, size_t at)
{
    static const struct str word = {"\"cancel\"", 8};
    if (line.len > AHEAD_LINE_BYTES || memmem(line.ptr, line.len, word.ptr, word.len) == NULL) {
        return false;
    }
    struct json_opts opts = {.max_depth = DEPTH};
    struct message m;
    struct arena a;
    struct fail f;
    fail_init(&f);
    arena_init(&a, READ_BYTES);
    bool is = message_parse(line, &a, &opts, &m, &f) == ERR_OK && m.op == OP_CANCEL &&
              (at == 0 || m.id.present) && conn_find(c, &m.of) != NULL;
    arena_fini(&a);
    return is;
}

/* The line of `held` that begins at `at`, without its LF; false: it has not ended. */
static bool line_at(const struct buf *held, size_t at, struct str *line)
{
    const char *begin = held->ptr + at;
    const char *lf = held->len > at ? memchr(begin, '\n', held->len - at) : NULL;
    *line = (struct str){begin, lf != NULL ? (size_t)(lf - begin) : 0};
    return lf != NULL;
}

static void cut(struct buf *b, size_t at, size_t n)
{
    memmove(b->ptr + at, b->ptr + at + n, b->len - at - n);
    b->len -= n;
}

size_t ahead_take(struct conn *c, char line[AHEAD_LINE_BYTES])
{
    struct str found;
    size_t at = c->looked;
    if (at == 0 && frame_held(&c->frame) > 0) { /* the rest of a line that frame began */
        if (!line_at(&c->held, 0, &found)) {
            return 0;
        }
        at = found.len + 1;
    }
    for (; line_at(&c->held, at, &found); at += found.len + 1) {
        if (is_cancel(c, found, at)) {
            memcpy(line, found.ptr, found.len);
            cut(&c->held, at, found.len + 1);
            c->looked = at;
            return found.len;
        }
    }
    c->looked = at;
    return 0;
}
