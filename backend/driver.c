/* SPDX-License-Identifier: MIT
 *
 * backend/driver.c: what the connections of all drivers share. No state.
 */
#include "backend/driver.h"

bool db_conn_clean(const struct db_conn *c)
{
    return c->running == NULL && !c->broken && c->tx == DB_TX_NONE;
}
