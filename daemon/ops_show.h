/* SPDX-License-Identifier: MIT
 *
 * daemon/ops_show.h: `show`: what there is now, as rows.
 */
#ifndef DAEMON_OPS_SHOW_H
#define DAEMON_OPS_SHOW_H

#include "daemon/request.h"

/* The next state, or REQ_WAIT until all workers have told. */
int op_show(struct req *r);

#endif
