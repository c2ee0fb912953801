/* SPDX-License-Identifier: MIT
 *
 * daemon/step_shared.c: reads that need no connection of their own. Worker thread.
 */
#include "base/clock.h"
#include "daemon/blame.h"
#include "daemon/reply.h"
#include "daemon/steps.h"
#include "daemon/trace.h"

void req_note_time(struct req *r)
{
    r->returned_ns = r->run.ended_ns;
    r->database_ns += r->run.ended_ns - r->run.started_ns;
}

/* A read of few rows that was short so far. */
bool req_may_share(const struct req *r)
{
    const struct bound *b = &r->bound;
    return r->tx == NULL && b->run_count == 1 && b->runs[0].sets == 1 && !b->needs_tx &&
           !r->msg.stream && !r->route.waits &&
           shared_takes(r->pool, &b->runs[0].step->stmt, b->runs[0].params);
}

static bool goes_elsewhere(struct req *r, enum err e)
{
    if (e == ERR_OK || !route_again(r, e)) {
        return false;
    }
    fail_init(&r->fail);
    r->rows.sink.again(&r->rows.sink); /* some may have come */
    return true;
}

static void on_shared(struct run *run)
{
    struct req *r = (struct req *)((char *)run - offsetof(struct req, run));
    req_note_time(r);
    if (goes_elsewhere(r, run->err)) {
        req_go(r, REQ_ROUTE);
        return;
    }
    r->rowcount += run->rowcount;
    bool ended = run->err == ERR_CANCELLED || run->err == ERR_CONNECTION_LOST;
    if (ended && r->stop != ERR_OK) {
        req_replace_err(r, r->stop);
    } else {
        req_set_err(r, run->err);
    }
    if (r->err == ERR_OK) {
        shared_learn(r->pool, run->stmt, 0, r->rows.bytes);
    } else {
        (void)route_heed(r, r->err);
        blame(r->bound.plan, &r->fail);
    }
    trace_run(r);
    req_go(r, REQ_RETURN);
}

int step_shared(struct req *r)
{
    enum err e = reply_prepare(r);
    if (e != ERR_OK) {
        return req_fail_to(r, e, REQ_RETURN);
    }
    const struct bound_run *b = &r->bound.runs[0];
    r->rows.opts.full_bytes = 0; /* its rows are few, and nobody waits for its reader */
    r->lent_ns = r->ordered_ns;
    r->run = (struct run){.stmt = &b->step->stmt,
                          .params = b->params,
                          .sets = 1,
                          .sink = &r->rows.sink,
                          .done = on_shared,
                          .fail = &r->fail};
    r->shared.since_ns = r->ordered_ns;
    touch_raise(r);
    shared_start(r->pool, &r->shared, &r->run);
    return REQ_WAIT;
}
