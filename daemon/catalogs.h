/* SPDX-License-Identifier: MIT
 *
 * daemon/catalogs.h: reading a database's catalog, one reader at a time over all
 * workers.
 */
#ifndef DAEMON_CATALOGS_H
#define DAEMON_CATALOGS_H

#include "backend/loop.h"
#include "base/err.h"
#include "daemon/worker.h"

struct catalog_wait;
typedef void catalog_wait_cb(struct catalog_wait *w);

/* A place among those who wait for a catalog. Caller-owned, zeroed before first
 * use, stays put until the callback. */
struct catalog_wait {
    catalog_wait_cb *cb; /* on the thread of `loop`, once, never before the call returned */
    struct loop *loop;
    enum err err;      /* how it went */
    struct fail *fail; /* filled before cb on error */
    bool urgent;       /* the schema did change: no rest before the reading */
    bool any;          /* the first catalog there is will do, whenever it was begun */
    uint64_t since_ns; /* a reading that began earlier does not count */
    struct task task;
    struct catalog_wait *next;
};

/* Waits for a catalog of b's database that was read after this call. Readings
 * rest in between, so that misspelt names cost the database little. */
void catalog_refresh(struct backend *b, struct catalog_wait *w);
/* Ends a reading that goes on over b within a second or so, whether the database
 * answers or not; who waits for it is told. */
void catalog_stop(struct backend *b);
/* Gives the place up: true if the callback will not come. */
bool catalog_wait_cancel(struct backend *b, struct catalog_wait *w);

#endif
