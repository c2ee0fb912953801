/* SPDX-License-Identifier: MIT
 *
 * conf/conf.h: the conf file as a struct.
 *
 * Read through one schema table (conf/keys.c: name, type, unit, default, check,
 * help) that also prints --help-conf, docs/CONFIGURATION.md and the commented
 * sample. A struct conf is immutable after loading and owns all its texts. Only
 * daemon/ reads it; other modules take their own opts.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "conf/conf_cache.h"
#include "conf/conf_url.h"
#include "value/isolation.h"

#include <stdint.h>
#include <stdio.h>

struct conf_listen {
    struct str tcp_host; /* empty: a Unix socket */
    uint16_t tcp_port;
    struct str unix_path;
    uint32_t unix_mode;
};

enum conf_pool_class { CONF_POOL_QUEUE, CONF_POOL_NULL, CONF_POOL_STATIC };

/* What the daemon does by itself wherever it can, or never. */
enum conf_auto { CONF_AUTO, CONF_OFF };

struct conf_pool {
    enum conf_pool_class kind;
    bool kind_set;
    int64_t size, max_overflow, min_idle, max_waiting, max_per_client;
    uint64_t timeout_ms, recycle_ms, max_lifetime_ms, statement_timeout_ms;
    uint64_t connect_timeout_ms, leak_warning_ms;
    int64_t statement_cache;
    enum conf_auto pipelining, fusion;
    bool pre_ping;
};

/* Whether a server of a database may be the one that is written to. */
enum conf_role {
    CONF_ROLE_AUTO,    /* it is asked */
    CONF_ROLE_PRIMARY, /* no other is */
    CONF_ROLE_REPLICA, /* never */
};

#define CONF_REPLICAS_MAX 15 /* of one database */

struct conf_replica {
    struct conf_url url;
    int64_t weight;
    enum conf_role role;
};

/* What a function, a view or a table's triggers read and write besides what one sees. */
struct conf_touch {
    struct str name;
    const struct str *tables;
    uint32_t table_count;
};

struct conf_database {
    struct str name;
    struct str place; /* the name of the first database with the same data */
    struct conf_url url;
    enum conf_role role; /* of the server at `url` */
    const struct conf_replica *replicas;
    uint32_t replica_count;
    uint64_t lag_ms; /* longest that a replica may be behind to serve `eventual` reads */
    uint64_t position_wait_ms, check_ms;
    struct conf_pool pool;
    enum isolation isolation;
    const struct str *on_connect;
    uint32_t on_connect_count;
    const struct str *functions; /* allowed through fn.name */
    uint32_t function_count;
    const struct conf_touch *touches;
    uint32_t touch_count;
    bool text;
    const struct str *watch; /* tables whose other writers are heard of */
    uint32_t watch_count;
    bool watch_install; /* the triggers that tell are made */
    uint64_t slow_ms;
    struct str digest; /* equal for equal settings: a reload keeps such a database's pools */
};

struct conf_limits {
    uint64_t frame_bytes, login_frame_bytes, reply_bytes, output_buffer_bytes, memory_bytes;
    uint64_t request_bytes; /* memory of one request's tree, plan and data */
    uint64_t frame_time_ms, client_keepalive_ms;
    int64_t depth, batch, params, rows, clients, in_flight, sql_bytes;
    uint64_t paused_ms;   /* longest time a paused reply keeps a connection others wait for */
    uint64_t drain_ms;    /* SIGTERM: longest wait for requests under way */
    int64_t transactions; /* of one client, open at a time */
    uint64_t tx_idle_ms, tx_total_ms;
};

struct conf {
    struct arena arena;
    struct str path;
    const struct conf_listen *listen;
    uint32_t listen_count;
    bool listen_unprotected; /* override: beyond loopback without authentication */
    bool http_on;
    struct str http_host;
    uint16_t http_port;
    int64_t workers; /* 0: auto */
    enum log_level log_level[LOG_CATEGORY_COUNT];
    enum log_format log_format;
    struct str log_file; /* empty: standard error */
    struct conf_limits limits;
    uint64_t plan_cache_bytes; /* of one worker */
    struct str default_database;
    const struct conf_database *databases;
    uint32_t database_count;
    struct conf_cache cache;
};

/* Reads a file. On error NULL, and lines `file:line:column: message` in `errors`
 * (all that were found, one a line, with the nearest right name where one is
 * near). Secrets are resolved here (${env:…}, ${file:…}) and never shown. */
struct conf *conf_load(const char *path, struct buf *errors);
/* As conf_load from memory; `name` stands for the file. */
struct conf *conf_parse(const char *name, struct str text, struct buf *errors);
/* The conf of `--try URL`: default ports, that one database, called main. */
struct conf *conf_try(const char *url, struct buf *errors);
/* NULL is accepted. */
void conf_free(struct conf *c);

/* Takes a URL apart. Errors name the part: "port", "scheme". */
enum err conf_url_parse(struct str url, struct arena *a, struct conf_url *out,
                        struct fail *f) MUST_CHECK;

/* The three printings of the schema table: for people (--help-conf), as
 * docs/CONFIGURATION.md's reference, and as conf/tribikos.yaml. */
void conf_print_help(FILE *out);
void conf_print_markdown(FILE *out);
void conf_print_sample(FILE *out);

#endif
