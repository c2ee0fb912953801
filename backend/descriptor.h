/* SPDX-License-Identifier: MIT
 *
 * backend/descriptor.h: a descriptor of our own for a client library's socket.
 *
 * libpq and Connector/C close their sockets when they meet an error; libuv aborts
 * when a number that it watches is closed, or becomes another's, behind its back. So
 * libuv watches a duplicate. Two functions apart, because ThreadSanitizer does not
 * see libuv's own closing (tests/tsan.supp names them).
 */
#ifndef BACKEND_DESCRIPTOR_H
#define BACKEND_DESCRIPTOR_H

#include <stdint.h>

/* A duplicate, closed on exec; -1 and errno. */
int descriptor_copy(int fd);
/* Closes a duplicate; -1 is accepted. */
void descriptor_drop(int fd);
/* The TCP port of our end; 0: it has none. */
uint16_t descriptor_port(int fd);

#endif
