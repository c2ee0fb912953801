/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_json.c: JSON.
 */
#include "compiler/operators.h"

static const struct op_info list[] = {
    PLANNED("->"),          PLANNED("->>"),
    PLANNED("json_array"),  PLANNED("json_contains"),
    PLANNED("json_keys"),   PLANNED("json_length"),
    PLANNED("json_object"), PLANNED("json_remove"),
    PLANNED("json_set"),    PLANNED("json_type"),
};

const struct op_table ops_json = OP_TABLE_OF(list);
