/* SPDX-License-Identifier: MIT
 *
 * pool/pool_loan.h: connections lent to the pools of other workers; for the pool's
 * own files. What the borrower holds is a `struct remote`.
 */
#ifndef POOL_POOL_LOAN_H
#define POOL_POOL_LOAN_H

#include "backend/remote.h"
#include "pool/pool_impl.h"

/* A connection in the hands of another worker's pool. Made with its member, so that
 * lending cannot fail. */
struct loan {
    struct remote remote; /* first: what the borrower sees */
    struct member *member;
    struct pool *to;
    struct party *party; /* of `to`, as a member's */
    enum pool_return how;
    struct loan *next; /* of to->offers */
};

/* Lends m, which is loose, to another worker whose turn comes before p's own waiters
 * (or gives its slot up to it, once that pays); true if so: m is not p's any more. */
bool loan_give(struct member *m);
/* Lends what is idle to the workers that wait. */
void loan_give_idle(struct pool *p, uint64_t now_ns);
/* Takes what others lent to p: for its waiters, or back it goes. */
void loan_take(struct pool *p);
/* c, borrowed from another worker, goes back to it. */
void loan_return(struct pool *p, struct db_conn *c, enum pool_return how);
/* … and its session is to end. */
void loan_abort(struct pool *p, struct db_conn *c);
/* Where it says whose loan c is, lent or borrowed. */
struct party **loan_party(struct db_conn *c);

#endif
