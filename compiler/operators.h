/* SPDX-License-Identifier: MIT
 *
 * compiler/operators.h: the one table of operators and functions.
 *
 * Constants; any thread. docs/SQL.md "Operators" is written from it.
 */
#ifndef COMPILER_OPERATORS_H
#define COMPILER_OPERATORS_H

#include "base/str.h"
#include "compiler/dialect.h"
#include "schema/catalog.h"

#include <stdint.h>

/* How the type of a call follows from its arguments, and what is checked. */
enum op_rule {
    RULE_PLANNED, /* known to the language, not built yet */
    RULE_COMPARE, /* operands of one family → boolean; null literal: IS NULL */
    RULE_ORDER,   /* as RULE_COMPARE without the null literal */
    RULE_DISTINCT,
    RULE_LOGIC,
    RULE_BETWEEN,
    RULE_IN,
    RULE_LIKE,
    RULE_AFFIX,
    RULE_EXISTS,
    RULE_ARITH,
    RULE_NEGATE_OR_MINUS,
    RULE_DIVIDE,
    RULE_INTEGER, /* // and % of integers */
    RULE_CONCAT,
    RULE_COMMON, /* all of one family → their common type */
    RULE_NULLIF,
    RULE_CAST,
    RULE_TEXT,   /* texts → text */
    RULE_LENGTH, /* text → bigint */
    RULE_SUBSTR,
    RULE_NUMBER, /* number → the same */
    RULE_ROUND,
    RULE_NOW,
    RULE_DATE,
    RULE_RANDOM,
    RULE_COUNT,
    RULE_SUM,
    RULE_EXTREME, /* min, max */
    RULE_AVG,
};

enum {
    OP_NEGATED = 1, /* not_in, not_like, … */
    OP_FOLDED = 2,  /* ilike, istartswith, …: case is ignored */
    OP_AGGREGATE = 4,
    OP_KEEPS_NULL = 8, /* null in does not mean null out */
};

#define ARGS_ANY 255

struct op_info {
    const char *name;
    uint8_t min_args, max_args; /* ARGS_ANY: no bound */
    uint8_t flags;
    enum op_rule rule;
    enum volatility volatility;
    /* By dialect_column; NULL: refused there. $1…$4 are arguments, "@ x " joins
     * all of them with what follows the @, $* joins them with commas. One pair of
     * parentheses around the whole is dropped where nothing is beside it. */
    const char *sql[DIALECT_COUNT];
};

/* NULL if the language has no operator of that name. */
const struct op_info *operator_find(struct str name);
/* The table in name order, for hints and documentation. */
const struct op_info *operator_at(uint32_t i);
uint32_t operator_count(void);

#endif
