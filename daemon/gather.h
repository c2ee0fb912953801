/* SPDX-License-Identifier: MIT
 *
 * daemon/gather.h: asking every worker something, each on its own thread.
 */
#ifndef DAEMON_GATHER_H
#define DAEMON_GATHER_H

#include "base/buf.h"
#include "daemon/worker.h"

struct gather;

/* One worker's part. */
struct gather_part {
    struct task task;
    struct gather *of;
    struct worker *worker;
    struct buf rows;
    uint64_t count; /* of rows */
};

struct gather {
    void (*ask)(struct gather_part *part); /* on the worker's thread; fills `rows` */
    void (*done)(struct gather *g);        /* on that of `from`; once, never before the
                                            * start has returned */
    struct worker *from;
    struct task back;
    _Atomic uint32_t pending;
    uint32_t count;
    struct gather_part *parts; /* of the caller's: gather_count of them */
};

/* How many workers there are. */
uint32_t gather_count(const struct worker *from);
/* ask, done, from and parts are set. `from` must not end before done. A worker that is about
 * to end has no rows. */
void gather_start(struct gather *g);
/* Frees the rows. */
void gather_fini(struct gather *g);

#endif
