/* SPDX-License-Identifier: MIT
 *
 * compiler/text.h: {"text": SQL}: raw SQL as one statement of the database's own.
 */
#ifndef COMPILER_TEXT_H
#define COMPILER_TEXT_H

#include "compiler/emit.h"
#include "compiler/plan.h"

struct text_column {
    struct str name;
    struct type type;
};

struct text_statement {
    const struct json *at; /* the text */
    const struct json *types;
    enum text_effect effect;
    bool clean;    /* leaves nothing behind in the session */
    bool may_call; /* what the database calls for it may write */
    bool returns;  /* RETURNING stands in it */
    struct text_column *columns;
    uint32_t column_count;
};

/* text = { "text": SQL, "types": {param: T}, "columns": {name: T} }. Writes SQL and
 * binds into em. */
enum err text_compile(struct emitter *em, struct text_statement **out) MUST_CHECK;

#endif
