/* SPDX-License-Identifier: MIT
 *
 * daemon/touch.h: what a request's statement reads and writes, as slots of
 * cache/versions.h, and when they are raised and lowered. Worker thread.
 *
 * A write's slots are raised before it is sent where it commits by itself, else before
 * COMMIT is, and lowered when its outcome is certain, before its client hears of it. While
 * the outcome is unknown they stay raised until the database must have settled it.
 *
 * Slots are raised whether or not anything is cached here (docs/decisions.md 59). Without
 * worker_shared.versions, which only tests lack, nothing is done.
 */
#ifndef DAEMON_TOUCH_H
#define DAEMON_TOUCH_H

#include "base/err.h"
#include "cache/versions.h"

#include <stdbool.h>

struct backend;
struct database;
struct req;
struct table;
struct tx;

enum touched_state {
    TOUCHED_NOTHING,
    TOUCHED_NOTED,  /* not visible yet */
    TOUCHED_RAISED, /* on its way to be */
};

/* What a request or a transaction writes. */
struct touched {
    enum touched_state state;
    struct slot_set *set; /* NULL: all of the database, or nothing */
};

/* What a bound read depends on. */
struct touch_reads {
    struct slot_set always;
    /* … and if it found no row, on this one too: of a read by unique key, which plain
     * inserts of other rows do not make older. */
    uint32_t absent;
    bool by_key;     /* it is such a read */
    const char *why; /* not NULL: its result must not be kept, for this reason, in words */
};

/* What r's read depends on, once it is bound. false: its result must not be kept; out->why
 * says why ("it calls `now`"). */
bool touch_reads(const struct req *r, struct touch_reads *out);

/* b's database has another schema or another primary by now: nothing that is kept of it holds
 * any more. */
void touch_changed(const struct backend *b);
/* The settings name another database so. Any thread; v may be NULL. */
void touch_replaced(struct versions *v, const struct database *db);
/* All of db. */
void touch_all(const struct database *db, struct slot_set *out);

/* r's statement, which may write, is about to be sent and commits by itself (or with the
 * COMMIT that is about to be sent). Nothing happens if it only reads, or was raised. */
void touch_raise(struct req *r);
/* Its outcome is certain: r->err says which; ERR_COMMIT_UNKNOWN: it is not. Nothing
 * happens if nothing is raised. */
void touch_settle(struct req *r);

/* The same for a transaction: what r's statement may write is noted before it is sent … */
void touch_note(struct tx *t, const struct req *r);
/* … raised before COMMIT is … */
void touch_raise_tx(struct tx *t);
/* … and lowered when the outcome `e` is certain; ERR_COMMIT_UNKNOWN: it is not. */
void touch_settle_tx(struct tx *t, enum err e);
/* It changed the schema, and did commit: all of its database stays raised until r, which
 * waits for a new catalog, is settled. */
void touch_take(struct req *r, struct tx *t);
/* Any rows of t, by whatever key; false: there is no room. */
bool touch_table(const struct database *db, const struct table *t, struct slot_set *out);
/* t is about to be freed. */
void touch_forget_tx(struct tx *t);

#endif
