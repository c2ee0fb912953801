/* SPDX-License-Identifier: MIT
 *
 * backend/driver.h: what a database connection can do, and the table of
 * functions that each database implements: pg, maria, sqlite, fake.
 *
 * A db_conn is one server session. It belongs to one loop thread and runs one
 * `struct run` at a time. Opened on a connector thread (everything that blocks is
 * there), then attached to its loop. Session settings are pinned when it opens:
 *   PostgreSQL  client_encoding UTF8, TimeZone UTC, DateStyle ISO, IntervalStyle
 *               iso_8601, standard_conforming_strings on, extra_float_digits 1,
 *               bytea_output hex
 *   MariaDB     utf8mb4, time_zone +00:00, sql_mode strict with ANSI_QUOTES off,
 *               NO_BACKSLASH_ESCAPES, no LOCAL INFILE, no multi-statements,
 *               FOUND_ROWS
 *   SQLite      WAL, busy timeout, foreign_keys on, DQS off, ATTACH 0,
 *               extensions off, case_sensitive_like on, trusted_schema off
 * States and threads: docs/ARCHITECTURE.md "Backends".
 */
#ifndef BACKEND_DRIVER_H
#define BACKEND_DRIVER_H

#include "backend/connector.h"
#include "backend/loop.h"
#include "base/err.h"
#include "base/str.h"
#include "value/run.h"

#include <stdbool.h>
#include <stdint.h>

enum db_kind { DB_PG, DB_MARIA, DB_SQLITE, DB_FAKE };

/* A name = value pair of a URL's query. */
struct db_option {
    struct str name, value;
};

/* Where and how to connect. Immutable; must outlive the connections. Texts are
 * NUL-terminated. The password never reaches a log or an error text. */
struct db_target {
    enum db_kind kind;
    struct str host; /* empty: the driver's default; a leading '/' is a socket folder */
    uint16_t port;   /* 0: default */
    struct str user, password, database; /* SQLite: database is the path, empty for memory */
    const struct db_option *options;     /* of the URL's query, passed to the driver */
    uint32_t option_count;
    const struct str *on_connect; /* statements run after connecting */
    uint32_t on_connect_count;
    uint32_t connect_timeout_ms;
    uint32_t statement_cache;  /* prepared statements kept by one connection */
    struct str memory_name;    /* SQLite in memory: the name its connections share */
    struct orphans *orphans;   /* NULL: sessions that were given up are forgotten */
    struct sessions *sessions; /* NULL: nobody asks which are ours */
};

struct db_conn;
typedef void db_conn_cb(struct db_conn *c, void *arg);

struct orphans;  /* backend/orphans.h */
struct sessions; /* backend/sessions.h */
struct pipeline; /* backend/pipeline.h */

struct driver {
    const char *name; /* "postgresql", "mariadb", "sqlite", "fake" */
    enum db_kind kind;
    uint16_t default_port;

    /* Checks what can be checked without connecting (known options, values).
     * Any thread. */
    enum err (*check)(const struct db_target *t, struct fail *f);
    /* Opens a session and pins its settings. Blocks: connector thread only.
     * ERR_CONNECTION_FAILED with the database's words (never the password). */
    enum err (*open)(const struct db_target *t, struct db_conn **out, struct fail *f);
    /* Version of the client library; static. */
    const char *(*library_version)(void);

    /* From here on: the loop thread of the connection. */

    /* Takes an opened connection to its loop. */
    enum err (*attach)(struct db_conn *c, struct loop *l, struct connector *k, struct fail *f);
    /* Starts r; the connection must be idle. r->done is called once, later. */
    void (*run)(struct db_conn *c, struct run *r);
    /* After r->flush returned false: reads rows again. */
    void (*resume)(struct db_conn *c);
    /* Asks the database to stop the running statement (cancel request on a
     * connector thread; KILL QUERY; sqlite3_interrupt). The run still ends by its
     * done, with ERR_CANCELLED or with success if that was faster. done waits
     * until the cancel request itself is over, so it never hits a later run. Does
     * nothing on an idle connection or when called twice. */
    void (*cancel)(struct db_conn *c);
    /* Starts r as a check that the session lives (r needs only done and fail). */
    void (*ping)(struct db_conn *c, struct run *r);
    /* Starts r as the end of an open transaction, failed or not, without effect;
     * prepared statements and settings stay (r as for ping). */
    void (*rollback)(struct db_conn *c, struct run *r);
    /* Starts r as a full reset to the state after open: no transaction, settings,
     * temporary tables or prepared statements remain (r as for ping). */
    void (*reset)(struct db_conn *c, struct run *r);
    /* Whether an idle session has bytes that nobody asked for, or its end, unread: it is
     * out of step and must not be used. One look at the socket. NULL: the loop's own polls
     * and the next run find that out early enough. */
    bool (*spoke)(const struct db_conn *c);
    /* Ends the session whatever it does; a running run gets its done first
     * (ERR_CONNECTION_LOST). cb once, later; then the connection is gone. */
    void (*close)(struct db_conn *c, db_conn_cb *cb, void *arg);

    const struct pipeline *pipeline; /* NULL: one run at a time */
};

enum db_tx { DB_TX_NONE, DB_TX_OPEN, DB_TX_FAILED, DB_TX_UNKNOWN };

/* The part that all drivers share; each embeds it first. */
struct db_conn {
    const struct driver *driver;
    const struct db_target *target;
    struct loop *loop;
    struct connector *connector;
    struct run *running;     /* NULL: idle */
    enum db_tx tx;           /* as the database last told */
    bool broken;             /* the session is over; only close is left */
    bool idle_broke;         /* it broke while idle (noticed before the next use) */
    uint32_t server_version; /* e.g. 150020, 101119, 3040001 */
    uint32_t sessions_max;   /* the server's max_connections; 0: has none, or does not tell */
    uint64_t opened_ns;
    uint64_t lent_ns;
    uint64_t backend_id;                /* PostgreSQL pid, MariaDB thread id; 0 */
    const _Atomic uint32_t *statements; /* how many it has prepared, or NULL; any thread */
    void (*on_idle_broke)(struct db_conn *c, void *arg); /* set by the pool, or NULL */
    void *pool_arg;
    /* Set by who listens, or NULL: what other sessions say (PostgreSQL's NOTIFY), and the
     * backend_id of the session that said it. Borrowed until it returns; it must not close
     * the connection. */
    void (*on_notify)(struct db_conn *c, struct str payload, uint64_t from, void *arg);
    void *notify_arg;
    struct db_conn *next, *prev; /* the pool's lists */
};

/* Whether the connection may be lent: idle, whole, no open transaction. */
bool db_conn_clean(const struct db_conn *c);

/* NULL if this build has no such driver. */
const struct driver *driver_for(enum db_kind kind);

extern const struct driver driver_pg;
extern const struct driver driver_maria;
extern const struct driver driver_sqlite;

#endif
