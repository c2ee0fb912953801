/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_native.h: functions of the database that the language does not have.
 */
#ifndef COMPILER_OPS_NATIVE_H
#define COMPILER_OPS_NATIVE_H

#include "compiler/context.h"
#include "compiler/operators.h"

struct native {
    const struct op_info *op;
    struct str name;                      /* behind "fn." */
    const struct function_info *function; /* NULL: the catalog does not have it */
};

/* Whether an operator's name is one of a function: "fn.…". */
bool is_native(struct str name);
/* The function that `at` names. ERR_FORBIDDEN unless the conf allows it;
 * ERR_UNKNOWN_OPERATOR, ERR_UNSUPPORTED_FEATURE. */
enum err native_function(struct context *c, const struct json *at,
                         struct native *out) MUST_CHECK;

#endif
