/* SPDX-License-Identifier: MIT
 *
 * daemon/counts.c: the names of what is counted.
 */
#include "daemon/counts.h"

static const char *const stage_names[] = {
    [STAGE_QUEUE] = "queue",       [STAGE_PLAN] = "plan",   [STAGE_POOL] = "pool",
    [STAGE_DATABASE] = "database", [STAGE_REPLY] = "reply", [STAGE_TOTAL] = "total",
};
_Static_assert(sizeof stage_names / sizeof stage_names[0] == STAGE_COUNT, "one name each");

const char *stage_name(enum stage s)
{
    return stage_names[s];
}
