/* SPDX-License-Identifier: MIT
 *
 * daemon/settings.h: what the conf file asks for, ready to be used by workers:
 * an immutable snapshot that a reload replaces as a whole.
 *
 * References are counted with atomics. A database whose settings did not change
 * is carried over to the next snapshot, with its connections and its catalog.
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include "backend/sqlite.h"
#include "base/err.h"
#include "base/log.h"
#include "compiler/compiler.h"
#include "conf/conf.h"
#include "daemon/outside.h"
#include "daemon/servers.h"
#include "schema/catalog.h"
#include "schema/reflect.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/* A loaded conf; its texts are borrowed by databases that may outlive a reload. */
struct shared_conf {
    _Atomic uint32_t refs;
    struct conf *conf; /* owned */
};

struct catalog_wait;
struct shared_region;

/* One logical database, over all workers. */
struct database {
    _Atomic uint32_t refs;
    struct shared_conf *owner; /* one reference: keeps the texts */
    const struct conf_database *conf;
    const struct driver *driver;
    const struct dialect *dialect;
    enum reflect_source source;
    struct server *servers; /* the first is that of the database's own URL */
    uint32_t server_count;
    struct roles roles;
    struct sqlite_keeper *keeper; /* SQLite: what its connections share; else NULL */

    struct outside_counts outside; /* of who hears what others write, if that is asked for */

    pthread_mutex_t lock; /* guards what follows */
    struct catalog *catalog;
    bool reflecting;
    uint64_t reflect_took_ns; /* how long the last reading of the catalog took */
    struct catalog_wait *waits;
    _Atomic uint64_t catalog_version; /* of `catalog`, 0 before the first */
};

struct settings {
    _Atomic uint32_t refs;
    struct shared_conf *conf;
    uint64_t number;             /* another one after each reload */
    struct database **databases; /* one reference each */
    uint32_t database_count;
    struct shared_region **regions; /* of the result cache, as the conf lists them; one
                                     * reference each. daemon/regions.h opens them */
    uint32_t region_count;
};

/* Makes a snapshot from c (taken over, also on error). Databases of `old` (may be
 * NULL) with the same name and digest are carried over. */
enum err settings_create(struct conf *c, struct settings *old, struct settings **out,
                         struct fail *f) MUST_CHECK;
struct settings *settings_ref(struct settings *s);
/* NULL is accepted. */
void settings_unref(struct settings *s);
/* The conf of s. */
const struct conf *settings_conf(const struct settings *s);
/* NULL if there is none of that name. */
struct database *settings_database(const struct settings *s, struct str name);

struct database *database_ref(struct database *d);
/* NULL is accepted. */
void database_unref(struct database *d);

#endif
