/* SPDX-License-Identifier: MIT
 *
 * backend/pipeline.h: many runs at a time on one connection: what a driver may be able to
 * do beside backend/driver.h.
 */
#ifndef BACKEND_PIPELINE_H
#define BACKEND_PIPELINE_H

#include "backend/driver.h"

/* Many runs at a time on one connection, each sent before the answers to those ahead of
 * it are in: either proven reads (SHARE_READ), or writes that may share a commit
 * (statement.groups), from `enter` to `leave` only one sort. Loop thread.
 *
 * Writes: one group, then `leave`. What becomes of them all is `whole`'s outcome: ERR_OK:
 * committed; ERR_CONNECTION_LOST: not, unless maybe_executed is set; any other error: they
 * were rolled back. Their own dones come before that, as soon as each was run, and say nothing
 * of the commit; with `whole` committed an error of theirs is about their rows alone. Nothing
 * is sent again. */
struct pipeline {
    /* An idle connection takes runs from now on. `whole` (needs done and fail) ends once
     * nothing is under way after `leave`, or when the session is lost; until then the
     * connection counts as running. */
    void (*enter)(struct db_conn *c, struct run *whole);
    /* Puts r behind those under way; it is sent by the next `flush`. Its sink must take
     * whatever comes without FULL. r->done is called in the order of queueing, from the
     * callback of the socket. On error r was not queued; ERR_CONNECTION_LOST: nor will
     * any be. */
    enum err (*queue)(struct db_conn *c, struct run *r) MUST_CHECK;
    /* Sends what was queued since the last flush, as one implicit transaction: reads
     * behind one that fails are sent again by the driver, singly. */
    void (*flush)(struct db_conn *c);
    /* The answer to r is not wanted any more: its done does not come. */
    void (*drop)(struct db_conn *c, struct run *r);
    void (*leave)(struct db_conn *c);
};

#endif
