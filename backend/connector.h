/* SPDX-License-Identifier: MIT
 *
 * backend/connector.h: a few threads for calls that block: connecting (libpq
 * computes SCRAM inline, Connector/C's TLS handshake blocks), name resolution,
 * cancel requests.
 *
 * Not libuv's thread pool, which file and DNS calls share. A job touches only
 * its own memory while it runs.
 */
#ifndef BACKEND_CONNECTOR_H
#define BACKEND_CONNECTOR_H

#include "backend/loop.h"
#include "base/err.h"

#include <stdbool.h>

struct connector;

/* Jobs of one kind and one target share its places. */
enum connector_kind {
    CONNECTOR_CALL,
    CONNECTOR_CANCEL, /* a request to stop something: may hang where calls do not */
};

/* Caller-owned; must stay put until done (or taken back, or left). */
struct connector_job {
    void (*work)(struct connector_job *j); /* on a connector thread; may block */
    void (*done)(struct connector_job *j); /* on `loop`'s thread, exactly once */
    void (*left)(struct connector_job *j); /* instead of done: see connector_leave */
    struct loop *loop;
    const void *target; /* the server it waits for: a dead one keeps only its own
                         * jobs waiting. NULL is one target of its own */
    enum connector_kind kind;
    enum { JOB_QUEUED, JOB_WORKS, JOB_LEFT, JOB_DONE } state; /* the connector's, as below */
    struct task task;                                         /* the connector's */
    struct connector_job *next;
};

/* per_target: 2 to 16, how many jobs of one target run at a time. So many threads
 * are started at once, more (up to 64) when jobs of other targets would wait. NULL
 * when out of memory or threads. */
struct connector *connector_create(unsigned per_target);
/* Waits for running jobs, but for those that were left; queued ones are still worked.
 * NULL is accepted. */
void connector_destroy(struct connector *c);
/* Any thread. */
void connector_submit(struct connector *c, struct connector_job *j);
/* Takes j back if no thread has begun with it: true, and no callback comes. */
bool connector_take_back(struct connector *c, struct connector_job *j);

enum connector_leave {
    CONNECTOR_TAKEN_BACK, /* no callback comes */
    CONNECTOR_LEFT,       /* `left` comes, on the connector's thread, when work is over,
                           * however long that takes; nobody waits for it */
    CONNECTOR_POSTED,     /* work was over: `done` is on its way */
};
/* Gives up waiting for j, which has `left`. */
enum connector_leave connector_leave(struct connector *c, struct connector_job *j);

#endif
