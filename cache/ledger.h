/* SPDX-License-Identifier: MIT
 *
 * cache/ledger.h: which changes of versions other daemons know of, and which of theirs
 * are known here.
 *
 * The daemons of a group write one log, in Redis: a message with the slots that moved on
 * gets the next position of it, and all hear all messages in that order. A position is so
 * a clock that all have in common, and no other is compared between machines. A result
 * that was read when a daemon had heard the log up to position p has seen every write that
 * was told at p or before: it may be served by whoever knows of no later word about its
 * slots. A log that began anew (Redis was started again, or emptied) has another epoch.
 *
 * What moves is marked in a set of bits, so that a write costs two atomic operations and
 * what waits to be told is bounded. One thread, the teller, empties it, sends, and notes
 * what others sent. Everything before the line is any thread's; nothing is done where
 * daemons do not share.
 */
#ifndef CACHE_LEDGER_H
#define CACHE_LEDGER_H

#include "cache/versions.h"

#include <stdbool.h>
#include <stdint.h>

/* While it is not sure that everything was heard, nothing older is served. */
#define LEDGER_APART_NS UINT64_C(1000000000)

/* Where a result stands in the log. */
struct ledger_place {
    uint64_t epoch, position;
};

bool ledger_on(const struct versions *v);
/* Whether everything that others wrote until a moment ago is known here. */
bool ledger_whole(const struct versions *v, uint64_t now_ns);
/* The place of a result that was read behind *s. false: something that it depends on was
 * written here and is not told yet, so nobody could use it. */
bool ledger_place(const struct versions *v, const struct stamp *s, struct ledger_place *out);
/* Whether what a daemon read at `place`, and which depends on `slots`, may be served. */
bool ledger_holds(const struct versions *v, struct ledger_place place,
                  const struct slot_set *slots, uint64_t now_ns);

/* ---- the teller ---- */

#define LEDGER_BATCH 4096

/* What is to be told in one message. */
struct ledger_batch {
    enum { BATCH_NONE, BATCH_SLOTS, BATCH_ALL } kind; /* ALL: too many to name them */
    uint32_t count;
    uint32_t slots[LEDGER_BATCH];
};

/* Shares from now on. `wake` is called on any thread when there is something to tell, and
 * not again until ledger_collect. */
void ledger_start(struct versions *v, void (*wake)(void *arg), void *arg);
/* Shares no more. */
void ledger_stop(struct versions *v);
bool ledger_has_untold(const struct versions *v);
/* Whether a write is under way whose outcome others will have to hear. */
bool ledger_has_raised(const struct versions *v);
/* What was told as under way and still is, is to be told again: others may have read it
 * meanwhile, before it was visible. */
void ledger_remind(struct versions *v);
/* Takes what is untold; of it one batch may be out at a time. Borrowed until the next. */
const struct ledger_batch *ledger_collect(struct versions *v);
/* The batch that is out has this position; or it is not known whether it was sent. */
void ledger_confirm(struct versions *v, uint64_t position);
void ledger_retract(struct versions *v);
/* Another daemon moved a slot; or so many that everything counts as moved. */
void ledger_hear(struct versions *v, uint32_t slot, uint64_t position);
void ledger_hear_all(struct versions *v, uint64_t position, uint64_t now_ns);
/* All up to `position` was heard. */
void ledger_advance(struct versions *v, uint64_t position);
/* What was told up to `at` may not have been heard: nothing that was kept before is used. */
void ledger_missed(struct versions *v, struct ledger_place at, uint64_t now_ns);
/* Everything is known until then, at least; a time in the past takes nothing back. */
void ledger_promise(struct versions *v, uint64_t until_ns);
/* What was read at `position` or behind it was read after `ns`. */
void ledger_recent(struct versions *v, uint64_t position, uint64_t ns);

#endif
