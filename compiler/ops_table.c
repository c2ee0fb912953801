/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_table.c: functions that give tables, and the forms of group_by.
 */
#include "compiler/operators.h"

static const struct op_info list[] = {
    PLANNED("cube"),      PLANNED("generate_series"), PLANNED("grouping_sets"),
    PLANNED("json_each"), PLANNED("rollup"),          PLANNED("unnest"),
};

const struct op_table ops_table = OP_TABLE_OF(list);
