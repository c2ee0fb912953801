/* SPDX-License-Identifier: MIT
 *
 * daemon/route.h: which server of its database a request goes to, and what its client
 * has written so far. Worker thread.
 */
#ifndef DAEMON_ROUTE_H
#define DAEMON_ROUTE_H

#include "base/err.h"
#include "protocol/position.h"

#include <stdint.h>

struct conn;
struct database;
struct req;

/* The way of one request. */
struct route {
    uint32_t server;      /* number of */
    bool primary_only;    /* a replica was tried in vain */
    bool waits;           /* for the server to come to `want` */
    bool again;           /* its read failed on a replica: to the primary with it */
    struct position want; /* what the server must have; POSITION_NONE: nothing */
    struct position at;   /* of its own write, when it was done */
};

/* Sets r->route and r->pool. ERR_TWO_PRIMARIES, ERR_READ_ONLY, ERR_CONNECTION_FAILED:
 * there is no server for it; ERR_BAD_REQUEST: `read_after` is of another kind. */
enum err route_choose(struct req *r) MUST_CHECK;
/* Whether r, which could not be served where it went because of e, may go to the
 * primary instead. */
bool route_again(struct req *r, enum err e);
/* r's read failed with r->err for a reason that the primary need not share, and nothing
 * of it was told: notes that it goes there next, and returns true. */
bool route_turn_back(struct req *r);
/* Whether the position of r's effect is to be asked for, and told. */
bool route_tells_position(const struct req *r);
/* What r's end says about the server: it may be time to ask all of them again. true if
 * its connection should not be used any more. */
bool route_heed(struct req *r, enum err e);
/* Which server of db is best asked for its schema. */
uint32_t route_any(const struct database *db);

/* Notes that r's client wrote: at r->route.at, or nobody knows where. */
void route_wrote(struct req *r);
/* Forgets what c wrote. */
void route_forget(struct conn *c);

#endif
