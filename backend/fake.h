/* SPDX-License-Identifier: MIT
 *
 * backend/fake.h: a database that does what a test tells it: waits, fails,
 * breaks, hangs, and counts what it was asked.
 *
 * One `fake_db` stands for one database. It carries the target to connect to, so
 * that the driver finds it again. Tests script it from any thread (a lock inside);
 * counters are atomics. It must outlive its connections.
 */
#ifndef BACKEND_FAKE_H
#define BACKEND_FAKE_H

#include "backend/driver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

extern const struct driver driver_fake;

/* What is asked of the database. */
enum fake_call { FAKE_OPEN, FAKE_RUN, FAKE_PING, FAKE_ROLLBACK, FAKE_RESET };
#define FAKE_CALL_COUNT ((int)FAKE_RESET + 1)

/* What it does, after delay_ms. */
enum fake_act {
    FAKE_OK,         /* gives `rows` rows, then succeeds */
    FAKE_FAIL,       /* fails with `err` and `message`; the session lives */
    FAKE_BREAK,      /* the session breaks: ERR_CONNECTION_LOST (open: as FAKE_FAIL) */
    FAKE_HANG,       /* until cancelled or closed; an open until fake_let_go */
    FAKE_DEAF,       /* a cancel does nothing: FAKE_OK if there is a delay, else until
                      * closed (open: as FAKE_HANG) */
    FAKE_BREAK_IDLE, /* succeeds, and the session breaks right after, while idle */
    FAKE_NO_ATTACH,  /* open: succeeds, and attach fails */
};

struct fake_reply {
    enum fake_act act;
    uint32_t delay_ms;
    uint32_t rows; /* every cell of row n is the integer n, from 0 */
    enum err err;
    const char *message; /* static text; NULL: a default */
    enum db_tx tx_after; /* what db_conn.tx says after a run or rollback */
};

#define FAKE_QUEUE 64

struct fake_db {
    struct db_target target; /* first: hand &db->target to whoever connects */

    pthread_mutex_t lock; /* guards the script */
    pthread_cond_t gate;
    struct fake_reply always[FAKE_CALL_COUNT];
    struct fake_reply once[FAKE_CALL_COUNT][FAKE_QUEUE];
    uint32_t once_first[FAKE_CALL_COUNT], once_count[FAKE_CALL_COUNT];
    uint64_t let_go; /* times fake_let_go was called */

    _Atomic uint64_t killed;  /* times fake_kill_all was called */
    _Atomic uint64_t next_id; /* of sessions, in backend_id */

    /* what it saw */
    _Atomic uint64_t calls[FAKE_CALL_COUNT], open_failed, closes, cancels, attaches;
    _Atomic int64_t opening, opening_max;   /* opens that block at the same time */
    _Atomic int64_t sessions, sessions_max; /* from a successful open to the end of close */
    _Atomic int64_t running, running_max;   /* runs, pings … under way */
};

/* Everything succeeds at once until told otherwise. */
void fake_init(struct fake_db *db);
/* After the last connection is gone. */
void fake_fini(struct fake_db *db);

/* What `call` does from now on, unless there is a reply of fake_once. */
void fake_always(struct fake_db *db, enum fake_call call, struct fake_reply reply);
/* What the next call of this kind does; up to FAKE_QUEUE wait in order. */
void fake_once(struct fake_db *db, enum fake_call call, struct fake_reply reply);
/* Ends the opens that hang now. */
void fake_let_go(struct fake_db *db);
/* Every session of now is dead, and whoever uses it next will find out. */
void fake_kill_all(struct fake_db *db);
/* The session of c breaks now, and its owner is told. Loop thread, c idle. */
void fake_break_idle(struct db_conn *c);

/* The session of c, idle, says something that nobody asked for. */
void fake_speak(struct db_conn *c);

#endif
