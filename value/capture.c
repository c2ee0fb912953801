/* SPDX-License-Identifier: MIT
 *
 * value/capture.c: see value/capture.h.
 */
#include "value/capture.h"

#include <string.h>

static enum sink_verdict full(struct fail *f)
{
    (void)fail_set(f, ERR_REQUEST_TOO_LARGE,
                   "the rows need more memory than one request may have");
    return SINK_FAILED;
}

static bool grow(struct capture *c)
{
    uint32_t cap = c->cap == 0 ? 16 : c->cap * 2;
    struct value *cells = ARENA_ARRAY(c->a, (size_t)cap * c->width, struct value);
    if (cells == NULL) {
        return false;
    }
    if (c->count > 0) {
        memcpy(cells, c->cells, (size_t)c->count * c->width * sizeof *cells);
    }
    c->cells = cells;
    c->cap = cap;
    return true;
}

static enum sink_verdict take_row(struct row_sink *s, const struct value *cells, struct fail *f)
{
    struct capture *c = (struct capture *)s;
    if (c->count == c->cap && !grow(c)) {
        return full(f);
    }
    struct value *out = c->cells + (size_t)c->count * c->width;
    for (uint32_t i = 0; i < c->width; i++) {
        out[i] = cells[i];
        bool text = cells[i].kind == VALUE_TEXT || cells[i].kind == VALUE_BYTES;
        if (text && cells[i].text.len > 0) { /* the driver's memory is used again */
            out[i].text = arena_str(c->a, cells[i].text);
            if (out[i].text.ptr == NULL) {
                return full(f);
            }
        }
    }
    c->count++;
    return SINK_MORE;
}

void capture_init(struct capture *c, struct arena *a, uint32_t width)
{
    *c = (struct capture){.sink = {.row = take_row}, .a = a, .width = width};
}

const struct value *capture_row(const struct capture *c, uint32_t i)
{
    return c->cells + (size_t)i * c->width;
}
