/* SPDX-License-Identifier: MIT
 *
 * backend/loop.h: one event-loop thread: deferred calls, calls from other
 * threads, and timers, over a libuv loop.
 *
 * Owns the uv_loop_t. Everything is loop thread only except loop_post. Timers
 * are a sorted row and a heap over one uv_timer_t, because they are started and
 * stopped for every request; tasks and timers are caller-owned and need no closing.
 *
 * A turn: wait, then call what is ready: descriptors, due timers, deferred and
 * posted tasks.
 */
#ifndef BACKEND_LOOP_H
#define BACKEND_LOOP_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct task;
typedef void task_fn(struct task *t);

/* A call that is to be made once. Caller-owned; must stay put until called. */
struct task {
    task_fn *run;
    struct task *next;
    bool queued; /* read-only for the owner */
};

struct timer;
typedef void timer_fn(struct timer *t);

/* Caller-owned; zeroed before first use. */
struct timer {
    timer_fn *fire;
    uint64_t due_ns;
    uint32_t slot;             /* place in the heap + 1, or TIMER_IN_ROW; 0: not running */
    struct timer *prev, *next; /* in the row */
};

#define TIMER_IN_ROW UINT32_MAX

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t before_io;
    uv_check_t after_io;
    uv_idle_t not_idle;
    uv_timer_t tick;
    uv_mutex_t lock; /* guards posted */
    struct task *posted, *posted_last;
    struct task *deferred, *deferred_last;
    struct task *hurried, *hurried_last;
    /* Timers that were started in the order in which they are due, which nearly all
     * are because they have the same timeout: starting and stopping costs no search. */
    struct timer *row_first, *row_last;
    struct timer **heap; /* the others: binary heap by due_ns */
    uint32_t heap_count, heap_cap;
    uint64_t armed_ns; /* what tick waits for; 0: nothing */
    /* clock_now_ns when this turn's timers and tasks began. In the callback of a
     * descriptor it is that of the turn before, which may be long ago: ask the
     * clock there. */
    uint64_t now_ns;
    uint64_t turn_began_ns; /* to the millisecond */
    enum { LOOP_OPEN, LOOP_STOPPING, LOOP_CLOSED } state;
    _Atomic uint64_t turns;
    _Atomic uint64_t lag_max_ns; /* longest turn since the stats took it */
};

enum err loop_init(struct loop *l) MUST_CHECK;
/* After loop_run returned (or was never called); nothing may be queued. */
void loop_fini(struct loop *l);
/* Runs until loop_stop and until no handle is active. */
void loop_run(struct loop *l);
/* One turn: waits until there is something to do, and does it. For tests that wait
 * for a condition. Returns whether anything is still active. */
bool loop_turn(struct loop *l);
/* Makes loop_run return once the handles of others are closed and no task is
 * queued; timers still running then never fire. The loop's own handles are closed
 * last, so tasks may be deferred and posted until loop_run returns. */
void loop_stop(struct loop *l);

/* Calls t->run in this turn or the next, after the present callback returned,
 * in order of deferral. t must not be queued. */
void loop_defer(struct loop *l, struct task *t);
/* As loop_defer, but ahead of what is deferred: for what gives a server work, with which
 * it then goes on beside us. */
void loop_hurry(struct loop *l, struct task *t);
/* As loop_defer, from any thread. What was written before is visible in run. */
void loop_post(struct loop *l, struct task *t);

/* (Re)starts t; it fires once, at or after due_ns. ERR_OUT_OF_MEMORY leaves it
 * stopped. A time in the past fires in the next turn. */
enum err loop_timer_start(struct loop *l, struct timer *t, uint64_t due_ns) MUST_CHECK;
/* Does nothing if t is not running. It will not fire after this. */
void loop_timer_stop(struct loop *l, struct timer *t);

#endif
