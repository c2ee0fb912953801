/* SPDX-License-Identifier: MIT
 *
 * daemon/trace.h: what the log tells of requests. No values of clients' data: SQL
 * has placeholders, and of a database's own words only the code is told.
 *
 * Worker thread.
 */
#ifndef DAEMON_TRACE_H
#define DAEMON_TRACE_H

#include "daemon/request.h"

/* The end of a request: at debug every one (client), at warn the slow ones (sql) and
 * those that failed for a reason that is ours or the database's (client). */
void trace_request(struct req *r, uint64_t now_ns);
/* The end of a statement: at debug its text (sql). */
void trace_run(struct req *r);
/* Whether one more line may be told in this second: what goes wrong for everybody at
 * once must not fill a disk. */
bool trace_may_tell(struct worker *w);

#endif
