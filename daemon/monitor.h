/* SPDX-License-Identifier: MIT
 *
 * daemon/monitor.h: who asks the servers of one database, each `check`, what they are
 * and how far they have come.
 *
 * One for each database with replicas, on the first worker; it asks over pooled
 * connections and holds its backend until it has stopped.
 */
#ifndef DAEMON_MONITOR_H
#define DAEMON_MONITOR_H

#include "daemon/worker.h"

/* Begins to ask b's servers, unless there is nobody to tell apart or it was begun. */
void monitor_start(struct backend *b);
/* Stops, within a second or so; b is released then. */
void monitor_stop(struct backend *b);
/* Something says that roles have changed: asks again now. Any thread. */
void monitor_ask(struct database *db);

#endif
