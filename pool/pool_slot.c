/* SPDX-License-Identifier: MIT
 *
 * pool/pool_slot.c: the cap over all workers, and the list of those that need a
 * slot or a connection of another one.
 *
 * Slots change hands under the share's lock, which is taken when connections are
 * opened and closed or workers starve, never for a plain loan. Invariant: while
 * somebody is on the want list no slot is free, because slot_give serves the list
 * first and slot_want looks for a free slot before it joins: no wake-up is lost.
 * What comes of the list otherwise: pool_loan.c. Any thread.
 */
#include "base/clock.h"
#include "pool/pool_parts.h"

#include <assert.h>

static void lock(struct pool_share *s)
{
    pthread_mutex_lock(&s->lock);
}

static void unlock(struct pool_share *s)
{
    pthread_mutex_unlock(&s->lock);
}

/* size 0 and max_overflow -1 mean no limit. */
static int32_t cap_of(const struct pool_opts *o)
{
    if (o->kind == POOL_STATIC) {
        return 1;
    }
    if (o->size <= 0 || o->max_overflow < 0 || o->size > INT32_MAX / 2 - o->max_overflow) {
        return INT32_MAX / 2;
    }
    return o->size + o->max_overflow;
}

void pool_share_init(struct pool_share *s, const struct pool_opts *opts)
{
    *s = (struct pool_share){.opts = *opts, .cap = cap_of(opts)};
    if (opts->size > 0 && s->opts.min_idle > (uint32_t)opts->size) {
        s->opts.min_idle = (uint32_t)opts->size;
    }
    if (opts->kind != POOL_QUEUE) {
        s->opts.min_idle = 0;
    }
    atomic_init(&s->slots_free, s->cap);
    pthread_mutex_init(&s->lock, NULL);
}

void pool_share_fini(struct pool_share *s)
{
    assert(s->pools == NULL && atomic_load(&s->slots_free) == s->cap);
    pthread_mutex_destroy(&s->lock);
}

void slot_wake(struct pool *p)
{
    if (!atomic_exchange(&p->look_posted, true)) {
        loop_post(p->loop, &p->look);
    }
}

static void wake_others(struct pool_share *s, const struct pool *except)
{
    for (struct pool *p = s->pools; p != NULL; p = p->next) {
        if (p != except) {
            slot_wake(p);
        }
    }
}

void slot_wake_others(struct pool *p)
{
    lock(p->share);
    wake_others(p->share, p);
    unlock(p->share);
}

/* -- the want list (all under the lock) ------------------------------------ */

static void count_wants(struct pool_share *s)
{
    int32_t n = 0;
    for (const struct pool *p = s->want_list; p != NULL; p = p->want_next) {
        n++;
    }
    atomic_store(&s->starving, n);
}

void slot_unlist(struct pool *p)
{
    struct pool **at = &p->share->want_list;
    while (*at != p) {
        at = &(*at)->want_next;
    }
    *at = p->want_next;
    p->want_next = NULL;
    p->wanting = false;
    count_wants(p->share);
}

static void want_insert(struct pool *p)
{
    struct pool **at = &p->share->want_list;
    while (*at != NULL && (*at)->want_since_ns <= p->want_since_ns) {
        at = &(*at)->want_next;
    }
    p->want_next = *at;
    *at = p;
    p->wanting = true;
    count_wants(p->share);
}

/* -- slots ----------------------------------------------------------------- */

static bool take_gift(struct pool *p)
{
    uint32_t n = atomic_load(&p->gifts);
    while (n > 0) {
        if (atomic_compare_exchange_weak(&p->gifts, &n, n - 1)) {
            return true;
        }
    }
    return false;
}

static bool take_free(struct pool_share *s)
{
    if (atomic_load(&s->slots_free) <= 0) {
        return false;
    }
    atomic_fetch_sub(&s->slots_free, 1);
    return true;
}

bool slot_take(struct pool *p)
{
    if (take_gift(p)) {
        return true;
    }
    if (atomic_load(&p->share->slots_free) <= 0) {
        return false;
    }
    lock(p->share);
    bool got = take_free(p->share);
    unlock(p->share);
    return got;
}

void slot_give(struct pool_share *s, enum close_why why)
{
    lock(s);
    if (why == CLOSE_MOVED) {
        s->promised--;
    }
    struct pool *to = s->want_list;
    if (to != NULL) {
        slot_unlist(to);
        atomic_fetch_add(&to->gifts, 1);
        slot_wake(to);
    } else {
        atomic_fetch_add(&s->slots_free, 1);
        if (atomic_load(&s->counts.waiting) > 0) {
            wake_others(s, NULL);
        }
    }
    gate_check(s);
    unlock(s);
}

void slot_return_gifts(struct pool *p)
{
    while (take_gift(p)) {
        slot_give(p->share, CLOSE_SURPLUS);
    }
}

bool slot_want(struct pool *p)
{
    struct pool_share *s = p->share;
    uint32_t has = pool_own(p);
    uint64_t since_ns = wait_since(p);
    lock(s);
    bool got = take_free(s);
    bool joins = !p->wanting;
    if (p->wanting && (got || has != p->want_has || since_ns != p->want_since_ns)) {
        slot_unlist(p);
    }
    if (!got && !p->wanting) {
        p->want_has = has;
        p->want_since_ns = since_ns;
        want_insert(p);
    }
    /* Whoever keeps one idle looks at the list after that, so none is overlooked. */
    if (!got && joins && atomic_load(&s->counts.idle) > 0) {
        wake_others(s, p);
    }
    unlock(s);
    return got;
}

void slot_unwant(struct pool *p)
{
    if (atomic_load(&p->share->starving) == 0) {
        return;
    }
    lock(p->share);
    if (p->wanting) {
        slot_unlist(p);
    }
    unlock(p->share);
}

/* -- membership ------------------------------------------------------------ */

void slot_join(struct pool *p)
{
    lock(p->share);
    p->next = p->share->pools;
    p->share->pools = p;
    p->gate = p->share->gate;
    p->gate_seen = atomic_load(&p->share->gate_turn);
    unlock(p->share);
}

void slot_leave(struct pool *p)
{
    struct pool_share *s = p->share;
    lock(s);
    struct pool **at = &s->pools;
    while (*at != p) {
        at = &(*at)->next;
    }
    *at = p->next;
    histogram_merge(&s->waited, &p->waited);
    if (p->wanting) {
        slot_unlist(p);
    }
    if (s->prober == p) {
        s->prober = NULL; /* the next one to look takes it over */
        wake_others(s, p);
    }
    gate_check(s);
    unlock(s);
    /* gifts go back in the look that came with them */
}
