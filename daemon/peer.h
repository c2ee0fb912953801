/* SPDX-License-Identifier: MIT
 *
 * daemon/peer.h: what the kernel knows of the machine at the other end of a client's socket.
 *
 * Any thread. Of sockets that are not TCP nothing is ever known.
 */
#ifndef DAEMON_PEER_H
#define DAEMON_PEER_H

#include <stdbool.h>
#include <stdint.h>

/* The kernel asks a machine that is silent, and resets the socket when it has been for
 * keepalive_ms, but not while bytes of ours are on the way: then peer_state tells. */
void peer_watch(int fd, uint64_t keepalive_ms);

enum peer_state {
    PEER_THERE,  /* has acknowledged all that it was sent, or nobody knows better */
    PEER_OWES,   /* not all of it, but acknowledged something of late */
    PEER_SILENT, /* nothing for keepalive_ms, though it was asked more than once */
    PEER_GONE,   /* the socket was reset */
};
enum peer_state peer_state(int fd, uint64_t keepalive_ms);

#endif
