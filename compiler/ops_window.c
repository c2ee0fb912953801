/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_window.c: functions of windows.
 */
#include "compiler/operators.h"

static const struct op_info list[] = {
    PLANNED("cume_dist"),    PLANNED("dense_rank"), PLANNED("first_value"), PLANNED("lag"),
    PLANNED("last_value"),   PLANNED("lead"),       PLANNED("nth_value"),   PLANNED("ntile"),
    PLANNED("percent_rank"), PLANNED("rank"),       PLANNED("row_number"),
};

const struct op_table ops_window = OP_TABLE_OF(list);
