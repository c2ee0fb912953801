/* SPDX-License-Identifier: MIT
 *
 * compiler/json_path.h: paths into JSON. A path that is written out is one literal;
 * which of its steps are keys and which indexes is part of the shape.
 */
#ifndef COMPILER_JSON_PATH_H
#define COMPILER_JSON_PATH_H

#include "compiler/bind.h"
#include "compiler/emit.h"

/* A list of nothing but keys and whole numbers, one at least. */
bool is_json_path(const struct json *j);
/* Which argument of an operator is a path; 0: none. */
uint32_t takes_json_path(const struct json *op);

/* How a database is asked for a member. */
struct path_sql {
    const char *step, *last_as_text; /* template of one step ($2), where steps are written
                                      * one by one; NULL: the path is one bind */
    /* Templates: $1 at path $2, as json and as text. */
    const char *get, *text;
    const char *guard;   /* that $1 at path $2 is an array, where an index would take
                          * another value for one; NULL: it does not */
    enum bind_form form; /* of a whole path */
};

/* The value of a path's bind: a step (BIND_PATH_STEP, its number in `column`), the
 * first `column` steps (0: all) as the text that the form says. */
enum err bind_path(struct context *c, const struct json *at, const struct plan_bind *b,
                   struct value *v) MUST_CHECK;
bool is_path_form(enum bind_form form);

#endif
