/* SPDX-License-Identifier: MIT
 *
 * daemon/step_grouped.c: inserts that share a commit with those of others. Worker thread.
 */
#include "daemon/blame.h"
#include "daemon/reply.h"
#include "daemon/steps.h"
#include "daemon/trace.h"

/* A group is one transaction, at the level of its session: only where each statement sees
 * what was committed before it is that no difference. Where there are replicas each write is
 * asked for its own position. */
bool req_may_group(const struct req *r)
{
    const struct bound *b = &r->bound;
    const struct database *db = r->backend->db;
    bool plain_level = db->conf->isolation == ISOLATION_DEFAULT ||
                       db->conf->isolation == ISOLATION_READ_COMMITTED;
    return r->tx == NULL && b->run_count == 1 && b->runs[0].sets == 1 && !b->needs_tx &&
           !r->msg.stream && db->server_count == 1 && plain_level &&
           grouped_takes(r->pool, &b->runs[0].step->stmt);
}

/* What is said of a write on a connection of its own holds here: stopped is what was
 * cancelled, and what was lost may be there. */
static void set_err(struct req *r)
{
    enum err e = r->run.err;
    if (e == ERR_CONNECTION_LOST && r->run.maybe_executed) {
        req_replace_err(r, ERR_COMMIT_UNKNOWN);
    } else if (r->stop != ERR_OK && (e == ERR_CANCELLED || e == ERR_CONNECTION_LOST)) {
        req_replace_err(r, r->stop);
    } else {
        req_set_err(r, e);
    }
}

static void on_grouped(struct run *run)
{
    struct req *r = (struct req *)((char *)run - offsetof(struct req, run));
    req_note_time(r);
    if (r->grouped.alone) {
        req_go(r, REQ_LEND);
        return;
    }
    r->rowcount += run->rowcount;
    set_err(r);
    blame(r->bound.plan, &r->fail);
    if (r->err != ERR_OK) {
        (void)route_heed(r, r->err);
    }
    trace_run(r);
    req_go(r, REQ_RETURN);
}

int step_grouped(struct req *r)
{
    enum err e = reply_prepare(r);
    if (e != ERR_OK) {
        return req_fail_to(r, e, REQ_RETURN);
    }
    const struct bound_run *b = &r->bound.runs[0];
    r->lent_ns = r->ordered_ns;
    r->run = (struct run){.stmt = &b->step->stmt,
                          .params = b->params,
                          .sets = 1,
                          .sink = b->step->role == STEP_COUNT ? NULL : &r->rows.sink,
                          .done = on_grouped,
                          .fail = &r->fail};
    touch_raise(r);
    grouped_start(r->pool, &r->grouped, &r->run);
    return REQ_WAIT;
}
