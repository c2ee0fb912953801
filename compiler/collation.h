/* SPDX-License-Identifier: MIT
 *
 * compiler/collation.h: collations by name, for ["collate", …] and order_by.
 */
#ifndef COMPILER_COLLATION_H
#define COMPILER_COLLATION_H

#include "compiler/ast.h"
#include "compiler/context.h"

/* The template of collation `name` around a text $1: `binary`, one that the database
 * always has, or one that the catalog has seen at a column. ERR_UNSUPPORTED_FEATURE
 * at `at`. */
enum err collation_template(struct context *c, const struct json *at, struct str name,
                            const char **out) MUST_CHECK;

/* The ["collate", …] that says how text x is compared, or NULL. */
const struct expr *collation_of(const struct expr *x);

#endif
