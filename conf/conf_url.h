/* SPDX-License-Identifier: MIT
 *
 * conf/conf_url.h: a URL of the conf file, taken apart. Borrows from the conf's arena.
 */
#ifndef CONF_CONF_URL_H
#define CONF_CONF_URL_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* SCHEME_REDIS is of regions of the result cache alone, never of a database. */
enum conf_scheme { SCHEME_POSTGRESQL, SCHEME_MARIADB, SCHEME_SQLITE, SCHEME_REDIS };

struct conf_option {
    struct str name, value;
};

/* A database URL taken apart (features 15–20); everything percent-decoded. */
struct conf_url {
    enum conf_scheme scheme;
    struct str user, password, host, database; /* SQLite: database is the path */
    uint16_t port;
    const struct conf_option *options;
    uint32_t option_count;
    struct str masked; /* the URL for logs, the password as *** */
};

/* Whether two URLs of Redis mean the same. */
bool conf_same_server(const struct conf_url *a, const struct conf_url *b);

#endif
