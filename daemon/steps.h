/* SPDX-License-Identifier: MIT
 *
 * daemon/steps.h: what the files of a request's life share: the steps of the table
 * in request.c and the few functions they use. Nobody else includes it.
 */
#ifndef DAEMON_STEPS_H
#define DAEMON_STEPS_H

#include "daemon/request.h"

/* A step returns the next enum req_state, or REQ_WAIT once it has started an
 * operation whose callback calls req_go. */
typedef int step_fn(struct req *r);

/* step_plan.c: from the line to bound statements. */
step_fn step_read, step_admin, step_workers, step_catalog, step_refresh, step_plan;
/* batch.c: the steps of a batch. */
step_fn step_batch;
/* step_run.c: from the turn to the reply. */
step_fn step_order, step_lend, step_begin, step_run, step_commit, step_rollback, step_return,
    step_reply;

/* step_cache.c: the result cache. */
step_fn step_cache;
/* step_route.c: which server it goes to, and what it does for the sake of replicas. */
step_fn step_route, step_catch_up, step_position;
/* step_tx.c: the transaction that a request belongs to. */
step_fn step_tx_turn, step_tx_use, step_tx_sql, step_tx_leave, step_tx_undo;
/* step_tx_catalog.c: the catalog of its transaction's own. */
step_fn step_tx_catalog;
/* The one that r is planned by; NULL: none was read yet. Borrowed. */
struct catalog *req_catalog(const struct req *r);

/* Finds the transaction that r names and queues r there; `e` is how its reading went.
 * The state that comes next. */
int tx_read(struct req *r, enum err e);
/* A line that is no request: what it seems to name is not trusted any more. */
void tx_misread(struct req *r);
/* step_plan.c: starts the time of a request that is for its database. */
enum err req_start_statement_timer(struct req *r) MUST_CHECK;
/* step_run.c: the state in which a connection that was lent is first used. */
int req_first_use(const struct req *r);
/* Starts one statement on r->lease; and notes what its end says. */
void req_run(struct req *r, struct run run);
void req_note_run(struct req *r);

/* step_shared.c: a connection that is others' too. */
step_fn step_shared;
bool req_may_share(const struct req *r);
/* step_grouped.c: … and their transaction. */
step_fn step_grouped;
bool req_may_group(const struct req *r);

/* Counts the time of the run that is done. */
void req_note_time(struct req *r);
/* Moves on; r may be gone afterwards. */
void req_go(struct req *r, int next);
/* Holds the database that r names, or the connection's, as r->backend. */
enum err req_find_backend(struct req *r) MUST_CHECK;
/* Stops r with ERR_TIMEOUT so long after its arrival. */
enum err req_start_timer(struct req *r, uint64_t ms) MUST_CHECK;
/* The first error wins; its words are in r->fail already or are set here. */
void req_set_err(struct req *r, enum err e);
/* The error is `e`, whatever r->fail says of the database's own words. */
void req_replace_err(struct req *r, enum err e);
/* req_set_err, then `next`. */
int req_fail_to(struct req *r, enum err e, enum req_state next);
const struct conf *req_conf(const struct req *r);
/* Whether r's effect may happen now (language §2, order). */
bool req_may_take_effect(const struct req *r);

#endif
