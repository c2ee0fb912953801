/* SPDX-License-Identifier: MIT
 *
 * schema/function_info.h: what is known of a function of a database.
 */
#ifndef SCHEMA_FUNCTION_INFO_H
#define SCHEMA_FUNCTION_INFO_H

#include "base/str.h"
#include "value/type.h"

#include <stdbool.h>

enum volatility { VOLATILITY_IMMUTABLE, VOLATILITY_STABLE, VOLATILITY_VOLATILE };

/* An ordered-set aggregate takes its rows by WITHIN GROUP (ORDER BY …). */
enum function_kind { FUNCTION_PLAIN, FUNCTION_AGGREGATE, FUNCTION_ORDERED_SET, FUNCTION_MIXED };

/* Of an ordered-set aggregate whose overloads differ: what its result has the type of. */
enum result_of {
    RESULT_OWN,     /* not of what it is ordered by */
    RESULT_OF_ANY,  /* of that, or an array of it where the first argument is an array */
    RESULT_OF_REAL, /* the same as double or interval, the two that it takes */
};

struct function_info {
    struct str schema, name;
    enum volatility volatility; /* the worst of its overloads */
    struct type result;         /* kind TYPE_OPAQUE when overloads differ */
    enum function_kind kind;    /* FUNCTION_MIXED when overloads differ */
    enum result_of result_of;
    bool builtin; /* every overload is the system's own */
};

#endif
