/* SPDX-License-Identifier: MIT
 *
 * value/isolation.h: how far transactions are kept from each other (SQL:1992 4.28).
 * Constants only.
 */
#ifndef VALUE_ISOLATION_H
#define VALUE_ISOLATION_H

#include "base/str.h"

#include <stdbool.h>

/* From the weakest to the strongest. */
enum isolation {
    ISOLATION_DEFAULT, /* the database's own */
    ISOLATION_READ_UNCOMMITTED,
    ISOLATION_READ_COMMITTED,
    ISOLATION_REPEATABLE_READ,
    ISOLATION_SERIALIZABLE,
};
#define ISOLATION_COUNT ((int)ISOLATION_SERIALIZABLE + 1)

/* The SQL name in lower case; NULL for the default. */
const char *isolation_name(enum isolation i);
/* Reads the SQL name; false if it is none of them. */
bool isolation_parse(struct str text, enum isolation *out);

#endif
