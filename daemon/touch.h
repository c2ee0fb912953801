/* SPDX-License-Identifier: MIT
 *
 * daemon/touch.h: what a request's statement reads and writes, as slots of
 * cache/versions.h, and when they are raised and lowered. Worker thread.
 *
 * A write's slots are raised before it is sent where it commits by itself, else before
 * COMMIT is, and lowered when its outcome is certain, before its client hears of it. While
 * the outcome is unknown they stay raised until the database must have settled it.
 */
#ifndef DAEMON_TOUCH_H
#define DAEMON_TOUCH_H

#include "cache/versions.h"

#include <stdbool.h>

struct req;
struct tx;
struct worker;

/* What r's bound read depends on. false: its result must not be kept; *why says why, for
 * people ("it calls now", "it reads a view that `touches` does not tell of"). */
bool touch_reads(const struct req *r, struct slot_set *out, const char **why);

/* r's statement, which may write, is about to be sent and commits by itself: no more than
 * once until touch_settle. Nothing happens if it only reads. */
void touch_raise(struct req *r);
/* Its outcome is certain: r->err says which; ERR_COMMIT_UNKNOWN: it is not. Nothing
 * happens if nothing is raised. */
void touch_settle(struct req *r);

/* The same for a transaction: what r's statement may have written is noted … */
void touch_note(struct tx *t, const struct req *r);
/* … raised before COMMIT is sent … */
void touch_raise_tx(struct tx *t);
/* … and lowered when its outcome is certain, or its end is `e` = ERR_COMMIT_UNKNOWN. */
void touch_settle_tx(struct tx *t, enum err e);

#endif
