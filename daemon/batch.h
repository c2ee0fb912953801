/* SPDX-License-Identifier: MIT
 *
 * daemon/batch.h: several statements in one request, one after the other.
 *
 * Each step is a request of its own (its parent is the batch), made when its turn
 * comes: it takes the way of any statement, is on no list of the connection, and writes
 * its reply into the batch's. An atomic batch puts a `begin` before its steps and a
 * `commit` or `rollback` behind them, in a transaction whose handle no client can send.
 * Inside a transaction of the client's the steps stand in its queue before the batch.
 */
#ifndef DAEMON_BATCH_H
#define DAEMON_BATCH_H

#include "daemon/batch_refs.h"
#include "daemon/request.h"
#include "protocol/batch.h"

enum batch_phase {
    BATCH_BEGIN, /* its transaction is to begin */
    BATCH_STEPS,
    BATCH_END, /* its transaction is to end */
    BATCH_OVER,
};

struct batch {
    struct req *req;
    struct req *child; /* under way, or NULL */
    struct task next;  /* goes on behind a child */
    struct batch_step *steps;
    struct step_result *results; /* of each: what others may refer to */
    uint32_t count, at;
    enum batch_phase phase;
    bool own_tx;   /* it has a transaction of its own */
    bool open;     /* … which has begun and not ended */
    bool stops;    /* at the first error */
    bool starting; /* a child runs from its reading on: it may be through at once */
    char handle[32];
};

/* Reads the steps of r, which is a batch. */
enum err batch_start(struct req *r) MUST_CHECK;
/* A child's reply is due: it goes into the batch's. */
void batch_take(struct req *child);
/* A child is about to go. */
void batch_child_done(struct req *child);
/* It is to be stopped: so is the step under way. */
void batch_stop(struct req *r, enum err why);

#endif
