/* SPDX-License-Identifier: MIT
 *
 * pool/pool_party.c: whose turn it is. Waiters stand in line by party, first come,
 * first served; parties take turns, one loan each. So a client with a thousand
 * waiters delays another's by one loan, however long its line is.
 *
 * Loop thread. A party is in the ring while one of its waiters may be served, and in
 * the table while it waits or has loans that are counted. Everything is O(1); spare
 * parties are kept, so that waiting allocates nothing as a rule.
 */
#include "pool/pool_parts.h"

#include <assert.h>
#include <stdlib.h>

enum { SPARES_MAX = 64 };

/* -- the table ------------------------------------------------------------- */

void party_init(struct pool *p)
{
    p->parties.buckets = p->parties.few;
    p->parties.cap = PARTY_FEW;
}

void party_fini(struct pool *p)
{
    assert(p->parties.count == 0);
    struct party *t;
    while ((t = p->parties.spare) != NULL) {
        p->parties.spare = t->chain;
        free(t);
    }
    if (p->parties.buckets != p->parties.few) {
        free(p->parties.buckets);
    }
}

/* Numbers are given out one after the other: their lowest bits spread best. */
static struct party **bucket(const struct parties *all, uint64_t number)
{
    return &all->buckets[number & (all->cap - 1)];
}

/* Longer chains are all that comes of having no memory. */
static void grow(struct parties *all)
{
    uint32_t cap = all->cap * 2;
    struct party **old = all->buckets, **new = calloc(cap, sizeof(struct party *));
    if (new == NULL) {
        return;
    }
    uint32_t old_cap = all->cap;
    all->buckets = new;
    all->cap = cap;
    for (uint32_t i = 0; i < old_cap; i++) {
        struct party *next;
        for (struct party *t = old[i]; t != NULL; t = next) {
            next = t->chain;
            t->chain = *bucket(all, t->number);
            *bucket(all, t->number) = t;
        }
    }
    if (old != all->few) {
        free(old);
    }
}

static struct party *find(const struct parties *all, uint64_t number)
{
    struct party *t = *bucket(all, number);
    while (t != NULL && t->number != number) {
        t = t->chain;
    }
    return t;
}

/* NULL when out of memory. */
static struct party *find_or_make(struct parties *all, uint64_t number)
{
    struct party *t = find(all, number);
    if (t != NULL) {
        return t;
    }
    if (all->count >= all->cap) {
        grow(all);
    }
    t = all->spare;
    if (t != NULL) {
        all->spare = t->chain;
        all->spares--;
    } else if ((t = malloc(sizeof *t)) == NULL) {
        return NULL;
    }
    struct party **at = bucket(all, number);
    *t = (struct party){.number = number, .chain = *at};
    *at = t;
    all->count++;
    return t;
}

static void drop(struct parties *all, struct party *t)
{
    struct party **at = bucket(all, t->number);
    while (*at != t) {
        at = &(*at)->chain;
    }
    *at = t->chain;
    all->count--;
    if (all->spares >= SPARES_MAX) {
        free(t);
        return;
    }
    t->chain = all->spare;
    all->spare = t;
    all->spares++;
}

/* -- the ring -------------------------------------------------------------- */

static void ring_append(struct parties *all, struct party *t)
{
    t->turning = true;
    t->turn_next = NULL;
    t->turn_prev = all->turn_last;
    *(t->turn_prev != NULL ? &t->turn_prev->turn_next : &all->turn_first) = t;
    all->turn_last = t;
}

static void ring_prepend(struct parties *all, struct party *t)
{
    t->turning = true;
    t->turn_prev = NULL;
    t->turn_next = all->turn_first;
    *(t->turn_next != NULL ? &t->turn_next->turn_prev : &all->turn_last) = t;
    all->turn_first = t;
}

static void ring_remove(struct parties *all, struct party *t)
{
    *(t->turn_prev != NULL ? &t->turn_prev->turn_next : &all->turn_first) = t->turn_next;
    *(t->turn_next != NULL ? &t->turn_next->turn_prev : &all->turn_last) = t->turn_prev;
    t->turn_next = t->turn_prev = NULL;
    t->turning = false;
}

/* -- limits ---------------------------------------------------------------- */

static bool is_limited(const struct pool *p, uint64_t number)
{
    return p->share->opts.max_per_client > 0 && number != 0;
}

/* How many of its waiters may be served now. */
static uint32_t due_of(const struct pool *p, const struct party *t)
{
    uint32_t most = is_limited(p, t->number) ? p->share->opts.max_per_client : UINT32_MAX;
    uint32_t room = most > t->loans ? most - t->loans : 0;
    return t->waits < room ? t->waits : room;
}

/* After a change of t, which was due so often before. */
static void settle(struct pool *p, struct party *t, uint32_t was_due)
{
    uint32_t due = due_of(p, t);
    p->due += due - was_due; /* wraps round when it shrinks, which is what is meant */
    if (due > 0 && !t->turning) {
        ring_append(&p->parties, t);
    } else if (due == 0 && t->turning) {
        ring_remove(&p->parties, t);
    }
    if (t->waits == 0 && t->loans == 0) {
        drop(&p->parties, t);
    }
}

/* -- the lines ------------------------------------------------------------- */

/* Behind a waiter of its party, or NULL: first. */
static void line_put(struct party *t, struct pool_wait *w, struct pool_wait *behind)
{
    w->of = t;
    w->line_prev = behind;
    w->line_next = behind != NULL ? behind->line_next : t->first;
    *(w->line_prev != NULL ? &w->line_prev->line_next : &t->first) = w;
    *(w->line_next != NULL ? &w->line_next->line_prev : &t->last) = w;
    t->waits++;
}

enum err party_enter(struct pool *p, struct pool_wait *w)
{
    struct party *t = find_or_make(&p->parties, w->party);
    if (t == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    uint32_t was_due = due_of(p, t);
    line_put(t, w, t->last);
    settle(p, t, was_due);
    return ERR_OK;
}

enum err party_reenter(struct pool *p, struct pool_wait *w)
{
    struct party *t = find_or_make(&p->parties, w->party);
    if (t == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    uint32_t was_due = due_of(p, t);
    line_put(t, w, NULL);
    if (t->turning) {
        ring_remove(&p->parties, t);
    }
    ring_prepend(&p->parties, t);
    settle(p, t, was_due);
    return ERR_OK;
}

static void line_remove(struct party *t, struct pool_wait *w)
{
    *(w->line_prev != NULL ? &w->line_prev->line_next : &t->first) = w->line_next;
    *(w->line_next != NULL ? &w->line_next->line_prev : &t->last) = w->line_prev;
    w->line_next = w->line_prev = NULL;
    w->of = NULL;
    t->waits--;
}

void party_leave(struct pool *p, struct pool_wait *w)
{
    struct party *t = w->of;
    uint32_t was_due = due_of(p, t);
    line_remove(t, w);
    settle(p, t, was_due);
}

struct pool_wait *party_turn(struct pool *p, struct party **loan)
{
    struct party *t = p->parties.turn_first;
    struct pool_wait *w = t->first;
    uint32_t was_due = due_of(p, t);
    line_remove(t, w);
    ring_remove(&p->parties, t);
    if (loan != NULL && is_limited(p, t->number)) {
        *loan = t;
        t->loans++;
    }
    settle(p, t, was_due);
    return w;
}

/* -- loans ----------------------------------------------------------------- */

bool party_has_room(const struct pool *p, uint64_t number)
{
    const struct party *t = is_limited(p, number) ? find(&p->parties, number) : NULL;
    return t == NULL || t->loans < p->share->opts.max_per_client;
}

void party_lend(struct pool *p, uint64_t number, struct party **loan)
{
    *loan = is_limited(p, number) ? find_or_make(&p->parties, number) : NULL;
    if (*loan != NULL) { /* else without memory it is not counted */
        (*loan)->loans++;
    }
}

void party_back(struct pool *p, struct party **loan)
{
    struct party *t = *loan;
    if (t != NULL) {
        uint32_t was_due = due_of(p, t);
        *loan = NULL;
        t->loans--;
        settle(p, t, was_due);
    }
}
