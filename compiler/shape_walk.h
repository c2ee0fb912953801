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
/* All of j, as it is. */
void shape_put_verbatim(struct walk *w, const struct json *j);

typedef enum err shape_walk_fn(struct walk *w, const struct json *j);
/* Every member of an object with its key before it, or of an array; anything else as
 * it is. */
enum err shape_walk_members(struct walk *w, const struct json *j,
                            shape_walk_fn *walk) MUST_CHECK;
enum err shape_walk_elements(struct walk *w, const struct json *j,
                             shape_walk_fn *walk) MUST_CHECK;
/* A map whose keys are names or keys of a form, whose values are expressions. */
enum err shape_walk_map(struct walk *w, const struct json *j) MUST_CHECK;
enum err shape_walk_expr(struct walk *w, const struct json *j) MUST_CHECK;
/* The items of a select, or a list of expressions. */
enum err shape_walk_items(struct walk *w, const struct json *j) MUST_CHECK;
/* shape_statement.c */
enum err shape_walk_statement(struct walk *w, const struct json *j) MUST_CHECK;
/* The members of {"over": …}, and named windows. */
enum err shape_walk_named_window(struct walk *w, const struct json *m) MUST_CHECK;
/* shape_rows.c: the data of an insert or update: their sets of keys are the shape. */
enum err shape_walk_rows(struct walk *w, const struct json *j) MUST_CHECK;

#endif
