/* SPDX-License-Identifier: MIT
 *
 * value/isolation.c: the names of the isolation levels.
 */
#include "value/isolation.h"

#include <stddef.h>

static const char *const names[ISOLATION_COUNT] = {
    [ISOLATION_READ_UNCOMMITTED] = "read uncommitted",
    [ISOLATION_READ_COMMITTED] = "read committed",
    [ISOLATION_REPEATABLE_READ] = "repeatable read",
    [ISOLATION_SERIALIZABLE] = "serializable",
};

const char *isolation_name(enum isolation i)
{
    return names[i];
}

bool isolation_parse(struct str text, enum isolation *out)
{
    for (int i = ISOLATION_READ_UNCOMMITTED; i < ISOLATION_COUNT; i++) {
        if (str_is(text, names[i])) {
            *out = (enum isolation)i;
            return true;
        }
    }
    return false;
}
