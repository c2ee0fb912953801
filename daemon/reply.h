/* SPDX-License-Identifier: MIT
 *
 * daemon/reply.h: the reply of one request: rows as they come, turns on the
 * connection, pauses for slow readers, and the final line.
 */
#ifndef DAEMON_REPLY_H
#define DAEMON_REPLY_H

#include "daemon/request.h"

/* Prepares r->rows for the statement that is about to run. */
enum err reply_prepare(struct req *r) MUST_CHECK;
/* The run's sink is full: moves rows to the connection. false: r is paused. */
bool reply_flush(struct run *run);
/* Looks again whether a paused r can go on, and resumes its driver. */
void reply_unpause(struct req *r);
/* After the last run succeeded: what only the whole result can tell (`expect`). */
enum err reply_check(struct req *r) MUST_CHECK;
/* Writes the final line into the connection; r must have its turn. */
void reply_write(struct req *r);

/* Writes the result of r, of which nothing was told, into r->answer: all of the line behind
 * its id. */
void reply_build(struct req *r);

#endif
