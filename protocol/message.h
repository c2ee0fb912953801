/* SPDX-License-Identifier: MIT
 *
 * protocol/message.h: one request line to a struct. Sans-I/O.
 *
 * Checks the envelope only: keys, kinds, keyword values, durations. What `query`
 * means is the compiler's business. docs/PROTOCOL.md "Requests".
 */
#ifndef PROTOCOL_MESSAGE_H
#define PROTOCOL_MESSAGE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "protocol/cache_ask.h"
#include "protocol/position.h"
#include "value/isolation.h"
#include "value/rows.h"

#include <stdint.h>

/* X(enum, wire name, way) */
#define OP_MAP(X)                                                                              \
    X(QUERY, "query", CATALOG)                                                                 \
    X(HELLO, "hello", HERE)                                                                    \
    X(PING, "ping", HERE)                                                                      \
    X(PREPARE, "prepare", CATALOG)                                                             \
    X(DEALLOCATE, "deallocate", HERE)                                                          \
    X(MORE, "more", HERE)                                                                      \
    X(CANCEL, "cancel", HERE)                                                                  \
    X(COMPILE, "compile", CATALOG)                                                             \
    X(STATS, "stats", HERE)                                                                    \
    X(SHOW, "show", WORKERS)                                                                   \
    X(PAUSE, "pause", WORKERS)                                                                 \
    X(INVALIDATE, "invalidate", HERE)                                                          \
    X(RESUME, "resume", WORKERS)                                                               \
    X(DRAIN, "drain", WORKERS)                                                                 \
    X(SCHEMA_RELOAD, "schema.reload", CATALOG)                                                 \
    X(BATCH, "batch", BATCH)                                                                   \
    X(BEGIN, "begin", TX)                                                                      \
    X(COMMIT, "commit", TX)                                                                    \
    X(ROLLBACK, "rollback", TX)                                                                \
    X(SAVEPOINT, "savepoint", TX)                                                              \
    X(RELEASE, "release", TX)                                                                  \
    X(ROLLBACK_TO, "rollback_to", TX)

enum op {
#define X(name, wire, way) OP_##name,
    OP_MAP(X)
#undef X
};
#define OP_COUNT ((int)OP_ROLLBACK_TO + 1)

const char *op_name(enum op op);

/* Which way an operation takes through the daemon. */
enum op_way {
    WAY_HERE,    /* answered at once, without a database connection */
    WAY_WORKERS, /* all workers take part; without a database connection */
    WAY_CATALOG, /* needs a database and its catalog */
    WAY_TX,      /* begins, ends or marks a transaction */
    WAY_BATCH,   /* several statements, one after the other */
};
enum op_way op_way(enum op op);

/* `id` as sent; what identifies it is its JSON text ("7" and 7 differ). */
struct request_id {
    bool present;
    struct str text; /* JSON source, quotes included; borrowed from the line */
};

enum expect_mode {
    MODE_ALL,
    MODE_FIRST,
    MODE_ONE,
    MODE_ONE_OR_NONE,
    MODE_SCALAR,
    MODE_SCALARS,
    MODE_COUNT,
    MODE_EXISTS,
};

/* Where a read may go (language §2). */
enum reads {
    READS_DEFAULT, /* the connection's, else the primary */
    READS_PRIMARY,
    READS_SESSION,  /* a replica that has this connection's last write */
    READS_EVENTUAL, /* any replica */
};

struct message {
    struct request_id id;
    struct request_id tx; /* the transaction's handle; compared as an id is */
    enum op op;
    struct str db;                 /* empty: the connection's */
    const struct json *query;      /* query, prepare, compile */
    struct str query_text;         /* its bytes; empty if it is longer than is looked for */
    struct str run;                /* name of a prepared statement, or empty */
    const struct json *params;     /* object or NULL */
    const struct json *param_sets; /* a list of objects in their place, or NULL */
    struct str name;               /* prepare, deallocate; of a savepoint */
    enum rows_form as;             /* ROWS_ARRAYS, ROWS_OBJECTS, ROWS_COLUMNS */
    enum expect_mode expect;
    bool stream;
    uint32_t chunk_rows;  /* stream.chunk, 500 */
    uint32_t credit;      /* stream.credit or more.credit; UINT32_MAX: none given */
    struct request_id of; /* more, cancel */
    uint64_t timeout_ms;  /* 0: none given */
    enum { WANT_DEFAULT, WANT_NO, WANT_YES } keys;
    int64_t version;       /* hello; 0: none given */
    enum int64_form int64; /* hello */
    bool has_int64;
    struct str dialects[3]; /* compile: names asked for */
    uint32_t dialect_count;
    enum reads reads;           /* query, hello */
    struct position read_after; /* from another reply; POSITION_NONE: none */
    enum isolation isolation;   /* begin, batch */
    bool read_only;             /* begin */
    bool deferrable;
    struct cache_ask cache;    /* query; its region, key and tags: invalidate too */
    const struct json *tables; /* invalidate: a list of texts */
    const struct json *steps;  /* batch: a list */
    bool not_atomic;
    struct str what; /* show: empty is everything */
};

/* Reads a line. `source` must outlive m, and so must what opts->known gives: its key
 * is `query`. On error m->id and m->tx are set if the line
 * had usable ones, and f says where (path, or offset for bad JSON). Errors: those of
 * json_parse, ERR_BAD_REQUEST, ERR_UNKNOWN_KEY (with the nearest right key as a
 * hint), ERR_UNKNOWN_OP, ERR_TOO_MANY_PARAMS. Keys of features that this server
 * does not have yet (session, shard, …) are ERR_UNSUPPORTED_FEATURE. */
enum err message_parse(struct str source, struct arena *a, const struct json_opts *opts,
                       struct message *m, struct fail *f) MUST_CHECK;

/* Reads "500ms", "5s", "2m", "1h" (a whole number and a unit). */
bool duration_parse(struct str text, uint64_t *ms);

#endif
