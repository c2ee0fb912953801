/* SPDX-License-Identifier: MIT
 *
 * backend/maria.c: the MariaDB driver; it opens nothing yet.
 */
#include "backend/driver.h"

static enum err maria_open(const struct db_target *t, struct db_conn **out, struct fail *f)
{
    (void)t;
    (void)out;
    return fail_set(f, ERR_UNSUPPORTED_FEATURE, "MariaDB is not there yet");
}

const struct driver driver_maria = {
    .name = "mariadb", .kind = DB_MARIA, .default_port = 3306, .open = maria_open};
