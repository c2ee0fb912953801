/* SPDX-License-Identifier: MIT
 *
 * daemon/request.h: one request from its line to its reply.
 *
 * A request belongs to its connection's worker and is recycled by it. Its life is
 * the table at the top of request.c. Everything it needs on the way is in its
 * arena or embedded here, so nothing is allocated for an operation.
 */
#ifndef DAEMON_REQUEST_H
#define DAEMON_REQUEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "compiler/compiler.h"
#include "daemon/caching.h"
#include "daemon/catalogs.h"
#include "daemon/conn.h"
#include "daemon/request_state.h"
#include "daemon/route.h"
#include "daemon/touch.h"
#include "daemon/tx.h"
#include "daemon/worker.h"
#include "pool/grouped.h"
#include "pool/shared.h"
#include "protocol/message.h"
#include "value/rows.h"
#include "value/run.h"

/* How much of the reply the client has. */
enum reply_phase {
    REPLY_NONE,  /* nothing written */
    REPLY_BEGUN, /* the head is written, rows follow */
};

/* Why no rows are read from the database at the moment. */
enum pause {
    PAUSE_NONE,
    PAUSE_TURN,   /* another line is being written */
    PAUSE_READER, /* the client reads too slowly */
    PAUSE_CREDIT, /* the client has to ask for `more` */
};

struct reflect;

struct req {
    struct conn *conn;
    struct worker *worker;
    struct req *next, *prev;         /* of the connection, or of the free list */
    uint64_t id_tag;                 /* of its id: other tags are other ids; 0: it has none */
    struct req *parent;              /* the batch that it is a step of, or NULL */
    struct batch *batch;             /* its steps, or NULL */
    const struct compile_refs *refs; /* of a step, in its batch's arena; or NULL */
    enum req_state state;
    struct arena arena;
    struct str line; /* the request's own copy, in the arena */
    struct message msg;
    enum err err;         /* the outcome; ERR_OK so far */
    enum err stop;        /* why it is to be stopped (cancel, timeout, …) or ERR_OK */
    size_t charged_bytes; /* counted in worker_shared.request_bytes */
    size_t spilled_bytes; /* … of these: what a reply that waits for its turn may hold */
    struct backend *backend;
    struct pool *pool; /* which its connection is from: the primary's or a replica's */
    struct route route;
    struct tx *tx; /* whose queue it is in, or NULL: on its own */
    struct req *tx_next;
    bool tx_behind_failure;   /* one before it in the queue went away unheard */
    bool tx_ends;             /* it has freed the handle: the last of its transaction */
    bool tx_undone;           /* a rollback was tried for it */
    uint32_t tx_mark;         /* the savepoint's number */
    struct statement *tx_sql; /* what it has to say in its transaction, in the arena */
    uint32_t tx_sql_count;
    struct prepared *prepared;
    struct seen *seen; /* its query is known by its bytes */
    struct catalog_wait catalog_wait;
    struct reflect *reflect; /* while it reads its transaction's catalog */
    bool refreshed;          /* the catalog was read again for this request */
    bool defined;  /* it may have changed the schema: its reply waits for a new catalog */
    bool executed; /* its effect is over (for the order of requests without id) */
    struct bound bound;
    struct caching *caching; /* its way through the result cache, or NULL */
    enum cache_word cache_word;
    bool building; /* its reply is being written into `answer` */
    uint32_t at;   /* index of the run that is next or under way */
    struct pool_wait pool_wait;
    struct grouped_run grouped;
    struct db_conn *lease;    /* NULL again after pool_abort, though the run is not done yet */
    struct shared_run shared; /* this and the next two side by side: a row touches them all */
    struct run run;
    struct rows rows;
    struct buf text;        /* memory that rows.out had in an earlier life */
    struct capture capture; /* rows that later statements of the request bind */
    uint64_t changed;       /* rows that its last statement wrote */
    bool rows_ready;        /* rows_init was called */
    uint64_t rowcount;
    struct touched touched; /* what it writes, for the result cache; the set is in the arena */
    enum reply_phase phase;
    enum pause pause;
    bool void_rows; /* rows were dropped while it was being stopped: it cannot succeed */
    uint32_t credit_added;
    struct gate_op *gate;     /* pause, drain: in the arena */
    struct buf answer;        /* the whole line of an operation without rows */
    struct timer timer;       /* timeout */
    struct timer watch;       /* the database's time to answer after it was asked to stop */
    struct timer pause_timer; /* how long a paused reply may keep its connection */
    uint64_t paused_ns;
    uint64_t due_ns; /* deadline, or UINT64_MAX */
    uint64_t arrived_ns, planned_ns, ordered_ns, lent_ns, returned_ns;
    uint64_t database_ns; /* spent in the database so far */
    struct fail fail;     /* last: it is large, and most of it is never touched */
};

/* A step of the batch `parent`, to be moved on from REQ_NEW; NULL: out of memory. */
struct req *req_child(struct req *parent, const struct message *m);
/* Begins a request with its line (copied). Runs until it has to wait. */
void req_start(struct conn *c, struct str line);
/* Answers a line that cannot be read, in its turn; the connection is to end. */
void req_refuse(struct conn *c, enum err e, const char *words);
/* Counts the memory that it has by now; false if it passes limits.memory. */
bool req_charge(struct req *r);
/* Ends it with `why` as soon as can be, unless it is past that; its final line comes. */
void req_stop(struct req *r, enum err why);
/* It waits for its turn (of effect or of writing) and should look again. */
void req_poke(struct req *r);
/* `more`: adds chunks. */
void req_add_credit(struct req *r, uint32_t credit);
/* Whether it is a proven read (or has no effect at all). */
bool req_is_read(const struct req *r);
/* What the compiler is asked for r, against this catalog of its database. */
struct compile_request req_compile_request(const struct req *r, struct catalog *catalog);
/* Once a second: gives back half of the free requests that nobody needed since. */
void req_trim(struct worker *w);
/* Frees a request that is on no list. */
void req_destroy(struct req *r);
const char *req_state_name(enum req_state s);

#endif
