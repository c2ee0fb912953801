/* SPDX-License-Identifier: MIT
 *
 * daemon/outside.h: hears of what others write to a database beside us (conf
 * `watch`), so that the result cache does not outlive it. PostgreSQL alone can tell.
 *
 * Triggers that say NOTIFY stand on the watched tables, and one session of the pool
 * listens. What our own sessions write is told by daemon/touch.h, more exactly, and
 * passed over here. As long as nobody listens, or no answer has come for half a second,
 * nothing of the database is served from the cache: so a write outside is seen within a
 * second. One for each database, on the first worker.
 */
#ifndef DAEMON_OUTSIDE_H
#define DAEMON_OUTSIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct backend;

/* Of one database; any thread. */
struct outside_counts {
    _Atomic bool listens; /* what others write is heard now */
    _Atomic uint64_t heard;
};

/* Begins to listen, if the database is to be watched and it was not begun. */
void outside_start(struct backend *b);
/* Stops, within a second or so; b is released then. */
void outside_stop(struct backend *b);

#endif
