/* SPDX-License-Identifier: MIT
 *
 * value/capture.h: rows kept as values, for statements that follow: a row_sink.
 *
 * Lives in an arena, and so do the rows: what they may cost is the arena's bound.
 */
#ifndef VALUE_CAPTURE_H
#define VALUE_CAPTURE_H

#include "base/arena.h"
#include "value/run.h"

struct capture {
    struct row_sink sink; /* first: the driver sees only this */
    struct arena *a;
    uint32_t width; /* cells of a row */
    uint32_t count, cap;
    struct value *cells; /* count × width */
};

/* Empty, for rows of so many cells. */
void capture_init(struct capture *c, struct arena *a, uint32_t width);
/* The cells of row i. */
const struct value *capture_row(const struct capture *c, uint32_t i);

#endif
