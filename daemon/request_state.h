/* SPDX-License-Identifier: MIT
 *
 * daemon/request_state.h: the states of a request. What leads from one to the next is
 * the table at the top of request.c. Constants only.
 */
#ifndef DAEMON_REQUEST_STATE_H
#define DAEMON_REQUEST_STATE_H

enum req_state {
    REQ_NEW,
    REQ_READ,       /* the line is being read */
    REQ_ADMIN,      /* an operation that needs no database */
    REQ_WORKERS,    /* an operation in which all workers take part */
    REQ_TX_TURN,    /* waits for those before it in its transaction */
    REQ_CATALOG,    /* waits for the first catalog of its database */
    REQ_REFRESH,    /* waits for a newer catalog, because a name was not found */
    REQ_PLAN,       /* compiled and bound */
    REQ_ORDER,      /* waits until it may take effect */
    REQ_BATCH,      /* its steps are under way, one after the other */
    REQ_CACHE,      /* looked for in the result cache, or waits for who reads it */
    REQ_ROUTE,      /* a server of its database is chosen */
    REQ_SHARED,     /* its statement shares a connection with others' */
    REQ_GROUPED,    /* its insert shares a commit with others' */
    REQ_LEND,       /* waits for a connection */
    REQ_CATCH_UP,   /* waits on a replica for a write that it is to see */
    REQ_BEGIN,      /* opens the internal transaction */
    REQ_RUN,        /* one statement is in the database */
    REQ_COMMIT,     /* ends the internal transaction */
    REQ_ROLLBACK,   /* undoes it */
    REQ_POSITION,   /* asks how far its write has come */
    REQ_RETURN,     /* the connection goes back */
    REQ_TX_CATALOG, /* reads a catalog over its transaction's connection */
    REQ_TX_USE,     /* takes its transaction's connection */
    REQ_TX_SQL,     /* begins, marks or ends its transaction */
    REQ_TX_LEAVE,   /* its transaction hears how it went */
    REQ_TX_UNDO,    /* what is left of its transaction is rolled back */
    REQ_REPLY,      /* waits for its turn on the socket, then is written */
    REQ_DONE,
};
#define REQ_STATE_COUNT ((int)REQ_DONE + 1)
#define REQ_WAIT REQ_STATE_COUNT /* a step's answer: an operation was started */

#endif
