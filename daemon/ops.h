/* SPDX-License-Identifier: MIT
 *
 * daemon/ops.h: the operations that are answered without a database connection.
 */
#ifndef DAEMON_OPS_H
#define DAEMON_OPS_H

#include "daemon/request.h"

/* Runs r->msg.op (hello, ping, deallocate, more, cancel, stats) at the moment of
 * its arrival and writes the rest of its line (after the id) to r->answer. On
 * error r->fail is set. */
enum err op_admin(struct req *r) MUST_CHECK;
/* Keeps the statement of a `prepare` under its name, at the moment of arrival. */
enum err op_prepare(struct req *r) MUST_CHECK;
/* The answer of `prepare` once the statement was planned. */
void op_prepared(struct req *r, const struct plan *plan);
/* The answer of `compile`; catalog is that of r's database. */
enum err op_compile(struct req *r, struct catalog *catalog) MUST_CHECK;
/* ops_invalidate.c; the catalog is that of r's database, if it names tables. */
enum err op_invalidate(struct req *r, const struct catalog *catalog) MUST_CHECK;
/* The answer of `schema.reload`. */
void op_reloaded(struct req *r, const struct catalog *catalog);

#endif
