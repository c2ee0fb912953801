/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_array.c: arrays of PostgreSQL.
 */
#include "compiler/operators.h"

static const struct op_info list[] = {
    PLANNED("array"),
    PLANNED("index"),
    PLANNED("slice"),
};

const struct op_table ops_array = OP_TABLE_OF(list);
