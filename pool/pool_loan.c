/* SPDX-License-Identifier: MIT
 *
 * pool/pool_loan.c: connections lent to the pools of other workers.
 *
 * Work moves, not connections: a worker without a connection gets the use of one
 * that another worker owns (backend/remote.h), instead of a slot and a connect of
 * its own. The worker on the want list whose waiter waits longest comes first, by
 * the same clock as the owner's waiters. Only a worker that borrows all the time is
 * given a slot for good.
 *
 * The owner makes the offer under the share's lock and wakes the borrower; for the
 * owner the connection is lent until the borrower's message that it is back.
 */
#include "pool/pool_parts.h"

#include <assert.h>
#include <stdlib.h>

static struct loan *loan_of(struct remote *m)
{
    return (struct loan *)(void *)m; /* its first member */
}

/* -- the owner ------------------------------------------------------------- */

static void on_returned(struct remote *m)
{
    struct loan *l = loan_of(m);
    struct member *owner = l->member;
    owner->loan = l;
    pool_release(owner->pool, owner->conn, l->how);
}

/* The loan stays with the borrower, who may still wait for the end of a run. */
static void on_aborted(struct remote *m)
{
    struct member *owner = loan_of(m)->member;
    pool_abort(owner->pool, owner->conn);
}

static void on_ended(struct remote *m)
{
    struct loan *l = loan_of(m);
    struct pool *p = l->to;
    free(l);
    p->borrowed--;
    pool_look(p);
}

/* Who has a better right to a connection of p that is free now, or NULL. Workers
 * whose waiters wait about as long keep their own: work that stays is cheaper.
 * Under the lock, as what follows. */
static struct pool *heir(const struct pool *p)
{
    struct pool *to = p->share->want_list;
    if (to == p) {
        to = to->want_next;
    }
    if (to == NULL || p->due == 0) {
        return to;
    }
    uint64_t margin_ns = to->want_has == 0 ? 0 : PATIENCE_MS * NS_PER_MS;
    return to->want_since_ns + margin_ns < wait_since(p) ? to : NULL;
}

/* Whether `to` is better served with a slot; p has one more connection than it
 * counts. A balance of one is left alone, or slots would go to and fro. */
static bool moves_to(const struct pool *p, const struct pool *to)
{
    return to->loans >= LOANS_A_MOVE && to->want_has < pool_own(p) && p->share->promised == 0;
}

static void offer(struct member *m, struct pool *to)
{
    struct loan *l = m->loan;
    m->loan = NULL;
    member_lend(m);
    remote_init(&l->remote, m->conn, to->loop);
    l->remote.returned = on_returned;
    l->remote.aborted = on_aborted;
    l->remote.ended = on_ended;
    l->member = m;
    l->to = to;
    l->party = NULL;
    l->next = to->offers;
    to->offers = l;
    to->loans++;
    atomic_fetch_add(&to->offered, 1);
    slot_unlist(to); /* it comes back with its next waiter's age */
    slot_wake(to);
}

bool loan_give(struct member *m)
{
    struct pool *p = m->pool;
    struct pool_share *s = p->share;
    if (atomic_load(&s->starving) == 0 || s->opts.kind == POOL_NULL) {
        return false;
    }
    pthread_mutex_lock(&s->lock);
    struct pool *to = heir(p);
    bool moves = to != NULL && moves_to(p, to);
    if (moves) {
        to->loans = 0;
        s->promised++;
    } else if (to != NULL) {
        offer(m, to);
    }
    pthread_mutex_unlock(&s->lock);
    if (moves) {
        member_close(m, CLOSE_MOVED);
    }
    return to != NULL;
}

void loan_give_idle(struct pool *p, uint64_t now_ns)
{
    struct pool_share *s = p->share;
    struct member *m;
    while (p->due == 0 && atomic_load(&s->starving) > (int32_t)p->testing &&
           (m = member_take_idle(p, now_ns)) != NULL) {
        if (s->opts.pre_ping) {
            member_test(m, TEST_PING); /* then it is ready, and given */
        } else if (!loan_give(m)) {
            member_ready(m, now_ns);
            return;
        }
    }
}

/* -- the borrower ---------------------------------------------------------- */

static struct loan *next_offer(struct pool *p)
{
    pthread_mutex_lock(&p->share->lock);
    struct loan *l = p->offers;
    p->offers = l->next;
    atomic_fetch_sub(&p->offered, 1);
    pthread_mutex_unlock(&p->share->lock);
    p->borrowed++;
    return l;
}

void loan_take(struct pool *p)
{
    while (atomic_load(&p->offered) > 0) {
        struct db_conn *c = &next_offer(p)->remote.base;
        if (p->due == 0 || p->gate != GATE_OPEN) {
            loan_return(p, c, POOL_CLEAN);
        } else {
            count_add(&p->share->counts.borrowed, 1);
            wait_grant(p, c);
        }
    }
}

void loan_return(struct pool *p, struct db_conn *c, enum pool_return how)
{
    struct loan *l = loan_of(remote_of(c));
    assert(l->to == p);
    l->how = c->broken ? POOL_BROKEN : how;
    p->borrowed--;
    party_back(p, &l->party);
    remote_return(&l->remote);
    if (p->state != POOL_RUNS) {
        slot_wake(p); /* it may have waited for this */
    } else if (p->due > 0 && p->gate == GATE_OPEN) {
        pool_look(p);
    }
}

void loan_abort(struct pool *p, struct db_conn *c)
{
    party_back(p, loan_party(c));
    remote_abort(remote_of(c)); /* it counts as borrowed until its end */
    if (p->due > 0) {
        pool_look(p);
    }
}

struct party **loan_party(struct db_conn *c)
{
    struct remote *m = remote_of(c);
    return m != NULL ? &loan_of(m)->party : &member_of(c)->party;
}
