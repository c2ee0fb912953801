/* SPDX-License-Identifier: MIT
 *
 * backend/drivers.c: which drivers this build has. Apart from driver.c, so that a
 * program that names its driver links that one alone.
 */
#include "backend/driver.h"
#include "backend/fake.h"

const struct driver *driver_for(enum db_kind kind)
{
    switch (kind) {
    case DB_PG:
        return &driver_pg;
    case DB_MARIA:
        return &driver_maria;
    case DB_SQLITE:
        return &driver_sqlite;
    case DB_FAKE:
        return &driver_fake; /* no URL leads here; tests of pools do */
    }
    return NULL;
}
