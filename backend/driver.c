/* SPDX-License-Identifier: MIT
 *
 * backend/driver.c: which drivers there are, and what all connections share.
 */
#include "backend/driver.h"

#include "backend/fake.h"

bool db_conn_clean(const struct db_conn *c)
{
    return c->running == NULL && !c->broken && c->tx == DB_TX_NONE;
}

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
