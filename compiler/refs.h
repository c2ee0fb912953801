/* SPDX-License-Identifier: MIT
 *
 * compiler/refs.h: ["ref", step, column]: what an earlier step of a batch gave, as a
 * value of that column's type.
 *
 * Who runs the batch finds all that may be such an operation (protocol/batch.h) and says
 * what is known of each. An array that only looks like one is never asked for. What is
 * known, but for the values, is part of the plan's key. Borrowed while a statement is
 * compiled and bound.
 */
#ifndef COMPILER_REFS_H
#define COMPILER_REFS_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "value/type.h"

#include <stdint.h>

struct context;
struct expr;
struct walk;

enum ref_state {
    REF_VALUE,
    REF_NO_STEP,   /* there is none of this name before it */
    REF_NO_RESULT, /* it failed, was skipped, or gave no row */
    REF_NO_COLUMN, /* it gave rows without such a column, or a count */
};

struct compile_ref {
    struct str step, column;
    enum ref_state state;
    const struct json *at;    /* in the query: where the first of them is */
    const struct json *value; /* REF_VALUE */
    struct type type;         /* … and what it is read as */
};

struct compile_refs {
    const struct compile_ref *list; /* each pair of names once, in order of appearance */
    uint32_t count;
};

/* ["ref", step, column], as a param that has its type. */
enum err parse_ref(struct context *c, const struct json *j, struct expr **out) MUST_CHECK;
/* What a plan depends on. */
void shape_put_refs(struct walk *w, const struct compile_refs *refs);

#endif
