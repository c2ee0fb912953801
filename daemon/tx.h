/* SPDX-License-Identifier: MIT
 *
 * daemon/tx.h: the transactions of one client's connection.
 *
 * A transaction is named by a handle of the client's and found by it from the line
 * of its `begin` to that of its `commit` or `rollback`. It keeps a database connection
 * from the one's effect to the other's, and its requests run strictly one after the
 * other: they stand in its queue in order of arrival, and only the first may do
 * anything. Belongs to the connection and its worker's thread. States:
 * docs/ARCHITECTURE.md "Transactions".
 */
#ifndef DAEMON_TX_H
#define DAEMON_TX_H

#include "backend/loop.h"
#include "base/err.h"
#include "compiler/tx_words.h"
#include "daemon/touch.h"
#include "daemon/worker.h"
#include "pool/pool.h"
#include "protocol/message.h"

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct catalog;
struct req;
struct savepoint;

/* With this begin the handles that batches make up: an id of a client cannot. */
#define BATCH_HANDLE '['

enum tx_state {
    TX_BEGINS, /* its `begin` has no effect yet */
    TX_OPEN,   /* takes statements */
    TX_FAILED, /* a request of it failed: back to a savepoint, or to its end */
    TX_GONE,   /* nothing of it is left in the database; the handle says so until it is freed */
    TX_OVER,   /* ended; waits for the last of its requests */
};

struct tx {
    struct conn *conn;
    struct tx *next;          /* of the connection */
    struct tx *older, *newer; /* of the worker, those that have begun */
    struct request_id handle; /* its own copy; not present once it names another, or none */
    enum tx_state state;
    enum err why; /* FAILED, GONE, OVER: what a use is answered with */
    struct tx_options options;
    struct catalog *catalog;  /* of its own, or NULL: its database's */
    bool stale;               /* the schema changed since that was read */
    bool defines;             /* it may have changed the schema: its commit tells others */
    struct backend *backend;  /* held; NULL if there is none of the name */
    struct pool *pool;        /* whose connection it has */
    struct db_conn *lease;    /* or NULL: before, and after */
    struct req *first, *last; /* its requests that are not through, in order */
    bool last_failed; /* one that left the queue unheard: whoever comes next finds it failed */
    bool timed_out;   /* its time was over while a request was under way */
    bool silent;      /* of a batch: no client knows its handle */
    bool push_due;    /* the client is still to be told of that */
    bool unfit;       /* its connection is not to be used again */
    bool committed;
    bool traces;            /* its connection's settings may be other ones */
    struct touched touched; /* what it wrote, for the result cache; the set is its own */
    uint32_t last_mark;
    struct savepoint *marks; /* the latest first */
    uint32_t mark_count;
    struct timer idle;  /* until the next request must be there */
    struct timer total; /* until it must be over */
    uint64_t begun_ns;
};

/* The connection's transaction of this handle, or NULL. */
struct tx *tx_find(const struct conn *c, const struct request_id *handle);
/* A transaction under m's handle, which must not be one's, in the place of what is
 * left of an earlier one. ERR_TX_EXISTS, ERR_OVERLOAD, ERR_OUT_OF_MEMORY. */
enum err tx_create(struct conn *c, const struct message *m, struct tx **out,
                   struct fail *f) MUST_CHECK;
/* Its handle is free for another one from now on. */
void tx_unname(struct tx *t);

/* Whether it is commit or rollback. */
bool op_ends_tx(enum op op);

/* ---- its queue ---- */

void tx_join(struct tx *t, struct req *r);
/* Whether r is the first in it. */
bool tx_is_turn(const struct req *r);
/* r goes without having been heard: it was stopped. Who is behind it finds the
 * transaction failed. */
void tx_skip(struct req *r);
/* r is through. The transaction may be gone afterwards. */
void tx_leave(struct req *r);

/* ---- what becomes of it ---- */

/* It has begun on this connection, which is its own now. */
enum err tx_begun(struct tx *t, struct pool *p, struct db_conn *lease) MUST_CHECK;
/* A request failed. The first reason stays. */
void tx_fail(struct tx *t, enum err why);
/* What it is planned by from now on; takes the reference. NULL: its database's. */
void tx_take_catalog(struct tx *t, struct catalog *c);
/* It is as it was at a savepoint. */
void tx_recover(struct tx *t);
/* Nothing of it is left: its connection goes back (`why` as for tx_fail). */
void tx_gone(struct tx *t, enum err why);
/* As tx_gone, and its handle is free. */
void tx_over(struct tx *t);
/* The client can use none of the connection's transactions any more: all are rolled
 * back, those with a request under way when that is through. */
void tx_end_all(struct conn *c);
/* Whether one of them can still be committed, or has requests. */
bool tx_any_open(const struct conn *c);
/* Writes the pushes that are due; no line may be open. */
void tx_push(struct conn *c);

/* ---- savepoints ---- */

/* A new one on top; its number. 0: out of memory, or there are too many. */
uint32_t tx_mark_add(struct tx *t, struct str name);
/* The number of the latest of this name, 0 if there is none. */
uint32_t tx_mark_find(const struct tx *t, struct str name);
/* Forgets those above `number`, and with TX_RELEASE itself too. */
void tx_mark_drop(struct tx *t, uint32_t number, enum tx_mark how);

#endif
