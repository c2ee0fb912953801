/* SPDX-License-Identifier: MIT
 *
 * pool/pool_gate.c: see pool_gate.h.
 *
 * The share's gate is what is wanted; each pool follows it in its next look, on its own
 * thread, and says so. A share is still when all pools have followed and nothing is
 * lent (or open) any more: a pool that has followed lends nothing, so the counters
 * cannot grow again. Any thread, but for gate_follow.
 */
#include "pool/pool_gate.h"

#include "pool/pool_parts.h"

static void tell(struct pool_share *s, enum err e)
{
    while (s->stills != NULL) {
        struct pool_still *w = s->stills;
        s->stills = w->next;
        w->err = e;
        loop_post(w->loop, &w->task);
    }
}

static bool is_still(const struct pool_share *s)
{
    for (const struct pool *p = s->pools; p != NULL; p = p->next) {
        if (p->gate_seen != atomic_load(&s->gate_turn)) {
            return false;
        }
    }
    switch (s->gate) {
    case GATE_OPEN:
        return true;
    case GATE_PAUSED:
        return atomic_load(&s->counts.busy) == 0;
    case GATE_DRAINED:
        return atomic_load(&s->slots_free) == s->cap;
    }
    return true;
}

void gate_check(struct pool_share *s)
{
    if (s->stills != NULL && is_still(s)) {
        tell(s, ERR_OK);
    }
}

void gate_follow(struct pool *p)
{
    struct pool_share *s = p->share;
    if (p->gate == GATE_OPEN && p->gate_seen == atomic_load(&s->gate_turn)) {
        return; /* as nearly always */
    }
    pthread_mutex_lock(&s->lock);
    p->gate = s->gate;
    p->gate_seen = atomic_load(&s->gate_turn);
    gate_check(s);
    pthread_mutex_unlock(&s->lock);
}

void pool_refuse_held(struct pool *p)
{
    if (p->gate != GATE_OPEN) {
        wait_refuse_all(p, ERR_SHUTTING_DOWN, NULL);
    }
}

enum pool_gate pool_gate_of(struct pool_share *s)
{
    pthread_mutex_lock(&s->lock);
    enum pool_gate g = s->gate;
    pthread_mutex_unlock(&s->lock);
    return g;
}

const char *pool_gate_name(enum pool_gate g)
{
    static const char *const names[] = {
        [GATE_OPEN] = "open",
        [GATE_PAUSED] = "paused",
        [GATE_DRAINED] = "drained",
    };
    return names[g];
}

/* Under the lock. */
static void set(struct pool_share *s, enum pool_gate g)
{
    if (s->gate == g) {
        return;
    }
    tell(s, ERR_CANCELLED);
    s->gate = g;
    atomic_fetch_add(&s->gate_turn, 1);
    for (struct pool *p = s->pools; p != NULL; p = p->next) {
        slot_wake(p);
    }
}

enum pool_gate pool_gate_set(struct pool_share *s, enum pool_gate g, uint64_t *turn)
{
    pthread_mutex_lock(&s->lock);
    enum pool_gate was = s->gate;
    set(s, g);
    *turn = atomic_load(&s->gate_turn);
    pthread_mutex_unlock(&s->lock);
    return was;
}

void pool_gate_undo(struct pool_share *s, enum pool_gate was, uint64_t turn)
{
    pthread_mutex_lock(&s->lock);
    if (atomic_load(&s->gate_turn) == turn) {
        set(s, was);
    }
    pthread_mutex_unlock(&s->lock);
}

static void on_still(struct task *t)
{
    struct pool_still *w = CONTAINER(t, struct pool_still, task);
    w->cb(w);
}

void pool_still_wait(struct pool_share *s, struct pool_still *w)
{
    w->task.run = on_still;
    pthread_mutex_lock(&s->lock);
    w->next = s->stills;
    s->stills = w;
    gate_check(s);
    pthread_mutex_unlock(&s->lock);
}

bool pool_still_cancel(struct pool_share *s, struct pool_still *w)
{
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (struct pool_still **at = &s->stills; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            found = true;
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}
