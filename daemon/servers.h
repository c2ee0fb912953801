/* SPDX-License-Identifier: MIT
 *
 * daemon/servers.h: the servers of one logical database: the one of its own URL and
 * its replicas, each with a target and a cap of its own.
 *
 * Made with the database, as fixed as its settings; what is found out about a server
 * while the daemon runs are atomics. docs/ARCHITECTURE.md "Primary and replicas".
 */
#ifndef DAEMON_SERVERS_H
#define DAEMON_SERVERS_H

#include "backend/driver.h"
#include "base/err.h"
#include "conf/conf.h"
#include "pool/pool.h"

#include <stdint.h>

#define SERVERS_MAX 16 /* of one database */

/* One server, over all workers. Number 0 is that of the database's own URL. */
struct server {
    const struct conf_url *url;
    struct db_target own_target;
    const struct db_target *target; /* own_target; a test may put another in its place */
    struct pool_share share;
};

/* Makes the servers of a database in `a`, which must live as long as they do. */
enum err servers_create(const struct conf_database *conf, struct arena *a, struct server **out,
                        uint32_t *count) MUST_CHECK;
/* After the last pool of any of them is closed. */
void servers_fini(struct server *servers, uint32_t count);

#endif
