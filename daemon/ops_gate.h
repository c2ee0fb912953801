/* SPDX-License-Identifier: MIT
 *
 * daemon/ops_gate.h: pause, resume and drain of a database.
 */
#ifndef DAEMON_OPS_GATE_H
#define DAEMON_OPS_GATE_H

#include "daemon/request.h"

/* Shuts or opens all servers of r's database; the next state, or REQ_WAIT until no
 * connection is lent (or open) any more. */
int op_gate(struct req *r);
/* r, which waits, is to stop: the database becomes what it was. */
void op_gate_stop(struct req *r);

#endif
