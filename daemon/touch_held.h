/* SPDX-License-Identifier: MIT
 *
 * daemon/touch_held.h: slots of writes whose outcome nobody knows: they stay raised, and
 * so nothing is cached of what those writes may have changed, until the database must have
 * settled it. Survives the request and its client. Any thread.
 *
 * A session that was lost at work is on its server's list of orphans (backend/orphans.h),
 * and is killed by whoever connects next. So an outcome is settled once that list is empty
 * again, some time after the session was lost.
 */
#ifndef DAEMON_TOUCH_HELD_H
#define DAEMON_TOUCH_HELD_H

#include "cache/versions.h"

#include <stdint.h>

struct database;
struct touch_held;

/* NULL when out of memory. v outlives it. */
struct touch_held *touch_held_create(struct versions *v);
/* NULL is accepted. */
void touch_held_destroy(struct touch_held *h);
/* s is raised, and stays so. Without memory it stays so for ever. */
void touch_held_add(struct touch_held *h, struct database *db, const struct slot_set *s,
                    uint64_t now_ns);
/* Lowers what is settled by now; once a second, one thread. How many still wait. */
uint32_t touch_held_look(struct touch_held *h, uint64_t now_ns);

#endif
