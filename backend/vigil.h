/* SPDX-License-Identifier: MIT
 *
 * backend/vigil.h: notices that nobody acknowledges what was sent to a database.
 *
 * Keepalives tell that a peer is gone while we wait for its answer, but they rest
 * while bytes of ours are under way; then the kernel would try for a quarter of an
 * hour. TCP_USER_TIMEOUT is no help: it also ends a connection whose peer is well and
 * merely reads nothing, as a server does that works on the first of many statements.
 */
#ifndef BACKEND_VIGIL_H
#define BACKEND_VIGIL_H

#include "backend/loop.h"

struct vigil {
    struct timer timer;
    struct loop *loop;
    int fd;
};

/* Looks at fd once a second, and shuts it down when its peer has fallen silent: whoever
 * polls it then reads its end. A socket that is not TCP is left alone. Zeroed before
 * first use; fd must stay open until vigil_stop. Loop thread. */
void vigil_start(struct vigil *v, struct loop *l, int fd);
void vigil_stop(struct vigil *v);

#endif
