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
#include "backend/orphans.h"
#include "backend/sessions.h"
#include "base/err.h"
#include "conf/conf.h"
#include "daemon/replication.h"
#include "pool/pool.h"

#include <stdint.h>

#define SERVERS_MAX 16 /* of one database */

/* Whether the last look found a server. */
enum server_health { SERVER_UNKNOWN, SERVER_UP, SERVER_DOWN };

/* One server, over all workers. Number 0 is that of the database's own URL. */
struct server {
    struct str name; /* host:port, for the log and the stats */
    enum conf_role wanted;
    uint32_t weight;
    const struct conf_url *url;
    struct db_target own_target;
    struct orphans orphans;         /* own_target's … */
    struct sessions sessions;       /* … as these are */
    const struct db_target *target; /* own_target; a test may put another in its place */
    struct pool_share share;

    /* What was found out; written by the monitor's worker. */
    _Atomic int health;      /* enum server_health */
    _Atomic int role;        /* enum server_role */
    _Atomic uint64_t lag_ns; /* of a replica; UINT64_MAX: not known */
    _Atomic uint64_t up_since_ns, asked_ns;
    _Atomic uint64_t epoch;   /* PostgreSQL: timeline; MariaDB: server id. To be shown only */
    struct position position; /* guarded by `lock` of struct roles */
};

/* Where the writes of a database go. */
enum writes_go {
    WRITES_TO_PRIMARY,
    WRITES_NOWHERE, /* no server says that it takes them */
    WRITES_REFUSED, /* several say so: with either, one half would be lost */
};

/* Which server of a database is what; any thread. */
struct roles {
    _Atomic uint32_t primary; /* the last that was alone in taking writes */
    _Atomic int writes;       /* enum writes_go */
    _Atomic bool known;       /* each server was asked once */
    pthread_mutex_t lock;     /* guards positions, and what follows */
    struct monitor *monitor;  /* who asks, or NULL */
    struct task ask;          /* to be asked again now … */
    _Atomic bool asked;       /* … is on its way */
};

/* Makes the servers of a database in `a`, which must live as long as they do. */
enum err servers_create(const struct conf_database *conf, struct arena *a, struct server **out,
                        uint32_t *count) MUST_CHECK;
/* Before anything is known: from the conf alone. */
void roles_init(struct roles *r, const struct server *servers, uint32_t count);
void roles_fini(struct roles *r);
/* Finds the primary among what is known by now; true if that changed. */
bool roles_judge(struct roles *r, const struct server *servers, uint32_t count);
/* A copy of what is known of how far a server has come. */
struct position server_position(struct roles *r, const struct server *s);
/* What the last look found, and where writes go, for those who look. */
const char *server_health_name(const struct server *s);
const char *writes_go_name(const struct roles *r);
/* It has come so far, at least. */
void server_reached(struct roles *r, struct server *s, const struct position *p);
/* After the last pool of any of them is closed. */
void servers_fini(struct server *servers, uint32_t count);

#endif
