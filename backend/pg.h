/* SPDX-License-Identifier: MIT
 *
 * backend/pg.h: a PostgreSQL connection, for the driver's own files alone.
 *
 * A connection is always in libpq's pipeline mode, so that preparing and running
 * a new statement is one round trip and a bulk write of many sets is one implicit
 * transaction. An attempt at a run sends
 *
 *     [DEALLOCATE… Sync] [Parse] Execute… Sync
 *
 * and libpq answers each message with results up to a NULL, a Sync with one
 * result. Whatever happens, the answer is read up to the last Sync.
 */
#ifndef BACKEND_PG_H
#define BACKEND_PG_H

#include "backend/driver.h"
#include "backend/pg_parts.h"
#include "backend/vigil.h"

/* -- pg_open.c -------------------------------------------------------------- */

enum err pg_check(const struct db_target *t, struct fail *f) MUST_CHECK;
enum err pg_open(const struct db_target *t, struct db_conn **out, struct fail *f) MUST_CHECK;
/* Statement i of those that make a session new: NULL behind the last. */
const char *pg_reset_sql(const struct db_target *t, uint32_t i);

/* -- the connection --------------------------------------------------------- */

enum pg_state {
    PG_IDLE,    /* no run; readable means notices, or the end */
    PG_ACTIVE,  /* a run's answer is being read */
    PG_PIPED,   /* takes many runs: pg_pipeline.c */
    PG_PAUSED,  /* the sink is full: not reading */
    PG_SETTLED, /* the outcome is known; waits for a cancel request to be over */
    PG_CLOSING, /* close was called */
};

enum pg_job { PG_JOB_STATEMENT, PG_JOB_PING, PG_JOB_ROLLBACK, PG_JOB_RESET, PG_JOB_PIPE };

/* What the next result of libpq belongs to. */
enum pg_step {
    PG_STEP_DEALLOCATE,
    PG_STEP_DEALLOCATE_SYNC,
    PG_STEP_PREPARE,
    PG_STEP_EXECUTE,
    PG_STEP_SYNC,
};

/* Why rows are dropped from now on. */
enum pg_ending { PG_END_NONE, PG_END_ENOUGH, PG_END_FAILED, PG_END_CANCELLED };

/* Whether the run's owner wants it to end, which our own cancels are not. */
enum pg_asked { PG_ASKED_NOTHING, PG_ASKED_CANCEL };

enum pg_cancelling { PG_CANCEL_NONE, PG_CANCEL_SENT, PG_CANCEL_OVER };

enum pg_link { PG_LINK_UP, PG_LINK_LOST };

struct pg_conn {
    struct db_conn base;
    PGconn *pg;
    struct pg_cancel *cancel;
    enum pg_cancelling cancelling;
    struct timer cancel_again;
    uint64_t cancel_wait_ns; /* before the next request */
    enum pg_state state;
    enum pg_link link;
    uv_poll_t poll;
    uint16_t port; /* of our end; 0: no TCP */
    bool forsaken; /* its session may be at work without us */
    struct vigil vigil;
    int poll_fd, poll_events; /* a duplicate of libpq's socket; 0: stopped */
    enum { PG_POLL_NONE, PG_POLL_OPEN } poll_state;
    struct task start_task, resume_task, close_task;
    db_conn_cb *close_cb;
    void *close_arg;

    struct pg_cache cache;
    struct pg_params params;
    struct pg_cells cells;

    /* of the run */
    enum pg_job job;
    enum pg_step step;
    enum pg_ending ending;
    enum pg_asked asked;
    enum { PG_TRY_FIRST, PG_TRY_STALE, PG_TRY_AGAIN } attempt;
    enum err err;          /* the first error */
    enum db_tx tx_before;  /* when the run started */
    uint64_t key;          /* in the cache; 0: not prepared */
    uint64_t name;         /* prepared statement that is used */
    uint32_t deallocating; /* DEALLOCATEs whose answers are to come */
    uint32_t sets_total, sets_sent, sets_done;
    enum { PG_PREPARE_NOT, PG_PREPARE_NEW } preparing;
    enum { PG_COUNT_ROWS, PG_COUNT_WRITTEN } counting; /* what rowcount is */
    enum { PG_SYNC_OWED, PG_SYNC_SENT } sync;
    enum { PG_SHAPE_NEW, PG_SHAPE_KNOWN } shape;
    uint64_t rows;          /* given to the sink */
    uint64_t written;       /* by the command tags */
    uint64_t dropped_bytes; /* read after the ending */
    uint32_t resets;        /* PG_JOB_RESET: statements whose answers are to come */

    struct pg_pipe *pipe; /* PG_PIPED: what is under way; kept for the next time */
};

/* pg.c: what other files need of the connection. */

/* The outcome (c->err) is known: ends the run now, or once its cancel is over. */
void pg_settle(struct pg_conn *c);
/* Sends what libpq holds and waits for what comes next. */
void pg_wait(struct pg_conn *c);
/* Takes note that the session is over. */
void pg_lost(struct pg_conn *c);

/* pg_cancel.c */

/* Makes what a cancel request needs, once. */
enum err pg_cancel_prepare(struct pg_conn *c) MUST_CHECK;
/* Sends a cancel request, and again until the run ends: one that comes before the
 * server has begun with the statement does nothing. */
void pg_send_cancel(struct pg_conn *c);
/* Whether a request is under way (one that no thread has begun with is taken back):
 * then pg_settle is called once more when it is over. */
bool pg_cancel_pends(struct pg_conn *c);
/* The connection is going: frees what it has, now or when a request that hangs ends. */
void pg_cancel_forget(struct pg_conn *c);

/* pg_run.c */

enum { PG_NAME_BYTES = 24 };
/* What prepared statement `name` is called. */
void pg_name_text(uint64_t name, char out[PG_NAME_BYTES]);
/* Whether all sets of r go out as one statement, by sql_many. */
bool pg_is_many(const struct run *r);
const char *pg_sql_of(const struct run *r);
/* The values of r to texts. */
enum err pg_set_params(struct pg_conn *c, const struct run *r) MUST_CHECK;

void pg_run(struct db_conn *conn, struct run *r);
void pg_ping(struct db_conn *conn, struct run *r);
void pg_rollback(struct db_conn *conn, struct run *r);
void pg_reset(struct db_conn *conn, struct run *r);
/* The outcome of a run whose session is over. */
void pg_fail_lost(struct pg_conn *c, const char *words);
void pg_on_start_failed(struct task *t);
/* Takes every result that is whole. */
void pg_pump(struct pg_conn *c);

#endif
