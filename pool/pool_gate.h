/* SPDX-License-Identifier: MIT
 *
 * pool/pool_gate.h: pausing and draining a server, for all workers. Any thread.
 *
 * Paused: what is lent goes on, nothing more is lent, who asks waits. Drained: what
 * is lent goes on, who asks is refused, and what comes back is closed.
 */
#ifndef POOL_POOL_GATE_H
#define POOL_POOL_GATE_H

#include "backend/loop.h"
#include "pool/pool_share.h"

enum pool_gate pool_gate_of(struct pool_share *s);
const char *pool_gate_name(enum pool_gate g);
/* Shuts or opens it. Whoever waits for another gate's stillness is told that it will
 * not come. Returns what it was, and in *turn the number of the change. */
enum pool_gate pool_gate_set(struct pool_share *s, enum pool_gate g, uint64_t *turn);
/* Sets it to `was`, unless it was changed after `turn`. */
void pool_gate_undo(struct pool_share *s, enum pool_gate was, uint64_t turn);

/* Refuses those who wait behind a shut gate with ERR_SHUTTING_DOWN: nobody will open it
 * any more. p's own thread. */
void pool_refuse_held(struct pool *p);

struct pool_still;
typedef void pool_still_cb(struct pool_still *w);

/* A wait until a share is as its gate wants it: nothing lent if paused, nothing open
 * if drained. Caller-owned; must stay put until the callback. */
struct pool_still {
    pool_still_cb *cb; /* on the thread of `loop`, once, never before the call returned */
    struct loop *loop;
    enum err err; /* ERR_CANCELLED: the gate was changed meanwhile */
    /* the pool's */
    struct task task;
    struct pool_still *next;
};

void pool_still_wait(struct pool_share *s, struct pool_still *w);
/* Gives up: true if the callback will not come. */
bool pool_still_cancel(struct pool_share *s, struct pool_still *w);

#endif
