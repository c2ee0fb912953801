/* SPDX-License-Identifier: MIT
 *
 * compiler/shape_walk.h: what the files of the shape share.
 */
#ifndef COMPILER_SHAPE_WALK_H
#define COMPILER_SHAPE_WALK_H

#include "compiler/context.h"
#include "compiler/shape.h"

struct walk {
    struct context c; /* only a, in, f are used */
    struct buf *key;
    struct shape *s;
};

void shape_put_count(struct walk *w, uint64_t n);
/* A tag, then the text with its length before it. */
void shape_put_text(struct walk *w, char tag, struct str s);
/* The names of an object's members, not their values. */
void shape_put_keys(struct walk *w, const struct json *row);
/* The data of an insert or update: their sets of keys are the shape. */
enum err shape_walk_rows(struct walk *w, const struct json *j) MUST_CHECK;

#endif
