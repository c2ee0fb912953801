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

struct connector;

/* Caller-owned; must stay put until done. */
struct connector_job {
    void (*work)(struct connector_job *j); /* on a connector thread; may block */
    void (*done)(struct connector_job *j); /* on `loop`'s thread, exactly once */
    struct loop *loop;
    const void *target; /* the server it waits for: a dead one keeps only its own
                         * jobs waiting. NULL is one target of its own */
    struct task task;   /* the connector's */
    struct connector_job *next;
};

/* per_target: 2 to 16, how many jobs of one target run at a time. So many threads
 * are started at once, more (up to 64) when jobs of other targets would wait. NULL
 * when out of memory or threads. */
struct connector *connector_create(unsigned per_target);
/* Waits for running jobs; queued ones are still worked. NULL is accepted. */
void connector_destroy(struct connector *c);
/* Any thread. */
void connector_submit(struct connector *c, struct connector_job *j);

#endif
