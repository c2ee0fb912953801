/* SPDX-License-Identifier: MIT
 *
 * backend/remote.h: a connection that another thread's loop owns, as its borrower
 * sees it.
 *
 * `base` lives on the borrower's loop and behaves as any db_conn. What is asked of
 * it is posted to the owner's loop, where the session itself runs; rows go to the
 * borrower's sink from there, as SQLite's go from its thread, and the outcome is
 * posted back. The owner makes a remote, hands it over, and gets it back by
 * `returned`; or `aborted`, and then `ended` is called at the borrower. Two posts
 * for each run, and no lock.
 */
#ifndef BACKEND_REMOTE_H
#define BACKEND_REMOTE_H

#include "backend/driver.h"

#include <stdatomic.h>

struct remote;
typedef void remote_cb(struct remote *m);

enum remote_job { REMOTE_RUN, REMOTE_PING, REMOTE_RESET };

struct remote {
    struct db_conn base; /* first; the borrower's */
    struct driver face;  /* base.driver: named as the real one */
    struct db_conn *real;
    struct loop *owner;
    remote_cb *returned; /* owner's loop; the remote is the owner's again */
    remote_cb *aborted;  /* owner's loop: end the session; the remote is not its own yet */
    remote_cb *ended;    /* borrower's loop, after `aborted` and the done of a run: the last
                          * call, the remote is the borrower's to free */

    _Atomic unsigned to_owner, to_borrower; /* what is asked or told and not yet seen */
    struct task owner_task, borrower_task;

    /* the borrower's */
    enum { REMOTE_FLOWS, REMOTE_PAUSED, REMOTE_CANCELLED } flow;

    /* handed over with each message */
    enum remote_job job;
    struct run inner; /* what the session runs */
    enum db_tx tx;
    bool broke;

    /* the owner's */
    enum { REMOTE_LENT, REMOTE_ENDING } life;
};

/* Owner's loop: `real` is idle. The three callbacks are to be set, and nothing of
 * `real` is to be touched until one of them. */
void remote_init(struct remote *m, struct db_conn *real, struct loop *borrower);
/* NULL if c is no remote. */
struct remote *remote_of(struct db_conn *c);
/* Borrower's loop; it has no run. m must not be touched any more. */
void remote_return(struct remote *m);
/* Borrower's loop: a run gets its done (ERR_CONNECTION_LOST, unless its outcome is
 * known already), then `ended` is called. */
void remote_abort(struct remote *m);

#endif
