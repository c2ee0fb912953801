/* SPDX-License-Identifier: MIT
 *
 * daemon/ahead.h: what must be heard of a client that has as many requests under way as it
 * may: a cancel. Who needs it most is the one whose requests do not end.
 *
 * Worker thread.
 */
#ifndef DAEMON_AHEAD_H
#define DAEMON_AHEAD_H

#include "daemon/conn.h"

#include <stddef.h>

enum {
    AHEAD_BYTES = 65536,    /* with so many lines that wait no more is read */
    AHEAD_LINE_BYTES = 512, /* a longer one is no cancel that is looked for */
    AHEAD_REQS = 16,        /* cancels under way beyond limits.in_flight */
};

/* Cuts a cancel of a request under way out of the held input, from c->looked on, and copies
 * it to line; 0: there is none. One without id is taken only from the head, because
 * its answer must not come before those of lines ahead of it. */
size_t ahead_take(struct conn *c, char line[AHEAD_LINE_BYTES]);

#endif
