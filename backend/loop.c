/* SPDX-License-Identifier: MIT
 *
 * backend/loop.c: the turns of one event loop, its queues and its timers.
 *
 * Owns its libuv handles and the heap's array; borrows tasks and timers. Loop
 * thread only, except loop_post.
 */
#include "backend/loop.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>

/* Tasks deferred by tasks run in the same turn so many times, then I/O is asked
 * again: a task that defers itself for ever must not starve the sockets. */
enum { ROUNDS_MAX = 8 };

/* So many later timers may stand at the end of the row (those of pools, of the beat)
 * before one that is started goes to the heap instead. */
enum { ROW_STEPS_MAX = 8 };

#define NS_PER_MS 1000000u

/* -- timers ---------------------------------------------------------------- */

static void heap_put(struct loop *l, uint32_t i, struct timer *t)
{
    l->heap[i] = t;
    t->slot = i + 1;
}

static void heap_up(struct loop *l, uint32_t i)
{
    struct timer *t = l->heap[i];
    while (i > 0) {
        uint32_t up = (i - 1) / 2;
        if (l->heap[up]->due_ns <= t->due_ns) {
            break;
        }
        heap_put(l, i, l->heap[up]);
        i = up;
    }
    heap_put(l, i, t);
}

static void heap_down(struct loop *l, uint32_t i)
{
    struct timer *t = l->heap[i];
    for (;;) {
        uint32_t kid = 2 * i + 1;
        if (kid >= l->heap_count) {
            break;
        }
        if (kid + 1 < l->heap_count && l->heap[kid + 1]->due_ns < l->heap[kid]->due_ns) {
            kid++;
        }
        if (t->due_ns <= l->heap[kid]->due_ns) {
            break;
        }
        heap_put(l, i, l->heap[kid]);
        i = kid;
    }
    heap_put(l, i, t);
}

static bool heap_room(struct loop *l)
{
    if (l->heap_count < l->heap_cap) {
        return true;
    }
    uint32_t cap = l->heap_cap == 0 ? 64 : l->heap_cap * 2;
    struct timer **heap = realloc(l->heap, cap * sizeof(struct timer *));
    if (heap == NULL) {
        return false;
    }
    l->heap = heap;
    l->heap_cap = cap;
    return true;
}

/* false: too far from the end of the row. */
static bool row_put(struct loop *l, struct timer *t)
{
    struct timer *before = l->row_last;
    for (int steps = 0; before != NULL && before->due_ns > t->due_ns; steps++) {
        if (steps == ROW_STEPS_MAX) {
            return false;
        }
        before = before->prev;
    }
    t->prev = before;
    t->next = before == NULL ? l->row_first : before->next;
    *(t->prev != NULL ? &t->prev->next : &l->row_first) = t;
    *(t->next != NULL ? &t->next->prev : &l->row_last) = t;
    t->slot = TIMER_IN_ROW;
    return true;
}

static void row_take(struct loop *l, struct timer *t)
{
    *(t->prev != NULL ? &t->prev->next : &l->row_first) = t->next;
    *(t->next != NULL ? &t->next->prev : &l->row_last) = t->prev;
    t->prev = t->next = NULL;
    t->slot = 0;
}

static struct timer *earliest(const struct loop *l)
{
    struct timer *top = l->heap_count == 0 ? NULL : l->heap[0];
    if (top == NULL || (l->row_first != NULL && l->row_first->due_ns <= top->due_ns)) {
        return l->row_first;
    }
    return top;
}

/* The uv timer only ends the wait; due timers fire after it. */
static void on_tick(uv_timer_t *h)
{
    struct loop *l = h->data;
    l->armed_ns = 0;
}

static void on_not_idle(uv_idle_t *h)
{
    (void)h;
}

/* Makes the coming wait end no later than the earliest timer. An earlier end is
 * left alone: it finds nothing due. */
static void arm_tick(struct loop *l)
{
    const struct timer *t = earliest(l);
    if (t == NULL) {
        return;
    }
    uint64_t due_ns = t->due_ns;
    if (l->armed_ns != 0 && l->armed_ns <= due_ns) {
        return;
    }
    uint64_t wait_ns = due_ns > l->now_ns ? due_ns - l->now_ns : 0;
    l->armed_ns = due_ns;
    (void)uv_timer_start(&l->tick, on_tick, (wait_ns + NS_PER_MS - 1) / NS_PER_MS, 0);
}

enum err loop_timer_start(struct loop *l, struct timer *t, uint64_t due_ns)
{
    loop_timer_stop(l, t);
    /* Never due in this turn: a timer that restarts itself for the past would
     * keep fire_due busy for ever. */
    t->due_ns = due_ns > l->now_ns ? due_ns : l->now_ns + 1;
    if (row_put(l, t)) {
        return ERR_OK; /* armed before the next wait */
    }
    if (!heap_room(l)) {
        return ERR_OUT_OF_MEMORY;
    }
    uint32_t i = l->heap_count++;
    heap_put(l, i, t);
    heap_up(l, i);
    return ERR_OK;
}

void loop_timer_stop(struct loop *l, struct timer *t)
{
    if (t->slot == 0) {
        return;
    }
    if (t->slot == TIMER_IN_ROW) {
        row_take(l, t);
        return;
    }
    uint32_t i = t->slot - 1;
    assert(i < l->heap_count && l->heap[i] == t);
    t->slot = 0;
    struct timer *last = l->heap[--l->heap_count];
    if (last == t) {
        return;
    }
    heap_put(l, i, last);
    heap_up(l, i);
    heap_down(l, last->slot - 1);
}

static void fire_due(struct loop *l)
{
    struct timer *t;
    while ((t = earliest(l)) != NULL && t->due_ns <= l->now_ns) {
        loop_timer_stop(l, t);
        t->fire(t);
    }
}

/* -- tasks ----------------------------------------------------------------- */

static void append(struct task **first, struct task **last, struct task *t)
{
    assert(!t->queued);
    t->queued = true;
    t->next = NULL;
    if (*first == NULL) {
        *first = t;
    } else {
        (*last)->next = t;
    }
    *last = t;
}

static bool has_tasks(const struct loop *l)
{
    return l->hurried != NULL || l->deferred != NULL;
}

/* The coming wait is none. */
static void stay_awake(struct loop *l)
{
    assert(l->state != LOOP_CLOSED);
    if (!has_tasks(l)) {
        (void)uv_idle_start(&l->not_idle, on_not_idle);
    }
}

void loop_defer(struct loop *l, struct task *t)
{
    stay_awake(l);
    append(&l->deferred, &l->deferred_last, t);
}

void loop_hurry(struct loop *l, struct task *t)
{
    stay_awake(l);
    append(&l->hurried, &l->hurried_last, t);
}

void loop_post(struct loop *l, struct task *t)
{
    uv_mutex_lock(&l->lock);
    bool first = l->posted == NULL;
    append(&l->posted, &l->posted_last, t);
    if (first) {
        /* Under the lock: once it is free the task may run, end the loop and free
         * it, so nothing of the loop may be touched after. */
        (void)uv_async_send(&l->wake);
    }
    uv_mutex_unlock(&l->lock);
}

static void take_posted(struct loop *l)
{
    uv_mutex_lock(&l->lock);
    struct task *first = l->posted;
    struct task *last = l->posted_last;
    l->posted = l->posted_last = NULL;
    uv_mutex_unlock(&l->lock);
    if (first == NULL) {
        return;
    }
    if (l->deferred == NULL) {
        l->deferred = first;
    } else {
        l->deferred_last->next = first;
    }
    l->deferred_last = last;
}

/* Those that stand in the queue now. */
static void run_queue(struct task **first, struct task **last)
{
    struct task *t = *first;
    *first = *last = NULL;
    while (t != NULL) {
        struct task *next = t->next;
        t->next = NULL;
        t->queued = false;
        t->run(t);
        t = next;
    }
}

static void run_tasks(struct loop *l)
{
    for (int round = 0; round < ROUNDS_MAX && has_tasks(l); round++) {
        run_queue(&l->hurried, &l->hurried_last);
        run_queue(&l->deferred, &l->deferred_last);
    }
}

/* -- turns ----------------------------------------------------------------- */

static void on_wake(uv_async_t *h)
{
    take_posted(h->data);
}

static void count_turn(struct loop *l)
{
    uint64_t turn_ns = l->now_ns > l->turn_began_ns ? l->now_ns - l->turn_began_ns : 0;
    uint64_t max_ns = atomic_load_explicit(&l->lag_max_ns, memory_order_relaxed);
    while (turn_ns > max_ns &&
           !atomic_compare_exchange_weak(&l->lag_max_ns, &max_ns, turn_ns)) {
    }
    atomic_fetch_add_explicit(&l->turns, 1, memory_order_relaxed);
}

static void on_before_io(uv_prepare_t *h)
{
    struct loop *l = h->data;
    l->now_ns = clock_now_ns();
    count_turn(l);
    arm_tick(l);
}

/* libuv calls nothing between its wait and the first descriptor, but sets its own
 * time there: to the millisecond, the start of the turn. */
static void on_after_io(uv_check_t *h)
{
    struct loop *l = h->data;
    l->turn_began_ns = uv_now(&l->uv) * NS_PER_MS;
    l->now_ns = clock_now_ns();
    fire_due(l);
    run_tasks(l);
    if (!has_tasks(l)) {
        (void)uv_idle_stop(&l->not_idle);
    }
}

static void close_own(struct loop *l)
{
    l->state = LOOP_CLOSED;
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->before_io, NULL);
    uv_close((uv_handle_t *)&l->after_io, NULL);
    uv_close((uv_handle_t *)&l->not_idle, NULL);
    uv_close((uv_handle_t *)&l->tick, NULL);
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

/* A post may have come after the last look of a loop that has nothing else left. */
static bool is_more(struct loop *l)
{
    take_posted(l);
    return has_tasks(l) && uv_idle_start(&l->not_idle, on_not_idle) == 0;
}

bool loop_turn(struct loop *l)
{
    return uv_run(&l->uv, UV_RUN_ONCE) != 0 || is_more(l);
}

void loop_run(struct loop *l)
{
    do {
        (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    } while (is_more(l));
    l->now_ns = clock_now_ns();
    count_turn(l); /* the last one, which no wait followed */
    close_own(l);
}

void loop_stop(struct loop *l)
{
    if (l->state == LOOP_OPEN) {
        l->state = LOOP_STOPPING;
        uv_unref((uv_handle_t *)&l->wake);
    }
}

enum err loop_init(struct loop *l)
{
    *l = (struct loop){0};
    l->now_ns = l->turn_began_ns = clock_now_ns();
    if (uv_mutex_init(&l->lock) != 0) {
        return ERR_OUT_OF_MEMORY;
    }
    if (uv_loop_init(&l->uv) != 0) {
        goto no_loop;
    }
    if (uv_async_init(&l->uv, &l->wake, on_wake) != 0) {
        goto no_async;
    }
    /* None of these can fail: they only fill the struct. */
    (void)uv_prepare_init(&l->uv, &l->before_io);
    (void)uv_check_init(&l->uv, &l->after_io);
    (void)uv_idle_init(&l->uv, &l->not_idle);
    (void)uv_timer_init(&l->uv, &l->tick);
    l->wake.data = l->before_io.data = l->after_io.data = l;
    l->not_idle.data = l->tick.data = l;
    (void)uv_prepare_start(&l->before_io, on_before_io);
    (void)uv_check_start(&l->after_io, on_after_io);
    uv_unref((uv_handle_t *)&l->before_io);
    uv_unref((uv_handle_t *)&l->after_io);
    uv_unref((uv_handle_t *)&l->tick);
    return ERR_OK;
no_async:
    (void)uv_loop_close(&l->uv);
no_loop:
    uv_mutex_destroy(&l->lock);
    return ERR_OUT_OF_MEMORY;
}

void loop_fini(struct loop *l)
{
    if (l->state != LOOP_CLOSED) {
        close_own(l);
    }
    int rc = uv_loop_close(&l->uv);
    assert(rc == 0);
    (void)rc;
    assert(l->posted == NULL && !has_tasks(l));
    uv_mutex_destroy(&l->lock);
    free(l->heap);
    l->heap = NULL;
}
