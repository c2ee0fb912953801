/* SPDX-License-Identifier: MIT
 *
 * daemon/batch.c: see daemon/batch.h. Worker thread.
 */
#include "daemon/batch.h"

#include "daemon/reply.h"
#include "daemon/steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct batch *of_task(struct task *t)
{
    return (struct batch *)((char *)t - offsetof(struct batch, next));
}

static void go_on(struct task *t)
{
    struct batch *b = of_task(t);
    req_go(b->req, step_batch(b->req));
}

/* ---- reading ---- */

static enum err check_keys(struct req *r)
{
    bool apart = r->msg.not_atomic || r->msg.tx.present;
    return r->msg.isolation != ISOLATION_DEFAULT && apart
               ? fail_at(&r->fail, ERR_BAD_REQUEST, STR("/isolation"),
                         "this batch begins no transaction")
               : ERR_OK;
}

enum err batch_start(struct req *r)
{
    struct batch *b = ARENA_NEW(&r->arena, struct batch);
    if (b == NULL) {
        return fail_set(&r->fail, ERR_OUT_OF_MEMORY, "out of memory");
    }
    r->batch = b;
    b->req = r;
    b->next.run = go_on;
    b->count = r->msg.steps->len;
    b->own_tx = !r->msg.not_atomic && !r->msg.tx.present;
    b->stops = !r->msg.not_atomic;
    b->phase = b->own_tx ? BATCH_BEGIN : BATCH_STEPS;
    snprintf(b->handle, sizeof b->handle, "%c%" PRIu64 "]", BATCH_HANDLE,
             (uint64_t)(uintptr_t)r);
    enum err e = check_keys(r);
    if (e != ERR_OK) {
        return e;
    }
    b->results = ARENA_ARRAY(&r->arena, b->count, struct step_result);
    if (b->results == NULL) {
        return fail_set(&r->fail, ERR_OUT_OF_MEMORY, "out of memory");
    }
    uint32_t most = (uint32_t)req_conf(r)->limits.batch;
    return batch_read(r->msg.steps, r->line, most, &r->arena, &b->steps, &r->fail);
}

/* ---- children ---- */

static void start_child(struct batch *b, struct message m, const struct compile_refs *refs)
{
    struct req *r = b->req;
    if (b->own_tx) {
        m.tx = (struct request_id){.present = true, .text = str_of(b->handle)};
    } else {
        m.tx = r->msg.tx;
    }
    if (!m.tx.present || m.op == OP_BEGIN) {
        m.db = r->msg.db;
    }
    b->child = req_child(r, &m);
    if (b->child == NULL) {
        req_set_err(r, ERR_OUT_OF_MEMORY);
        return;
    }
    b->child->refs = refs;
    b->starting = true;
    req_go(b->child, REQ_READ);
    b->starting = false;
}

static void start_own(struct batch *b, enum op op)
{
    start_child(b, (struct message){.op = op, .isolation = b->req->msg.isolation}, NULL);
}

/* Something of a transaction of its own went wrong, or its time is over. */
static void fail_batch(struct batch *b, const struct req *child)
{
    struct req *r = b->req;
    if (r->err == ERR_OK) {
        r->err = child->err;
        r->fail = child->fail;
    }
}

static void separate(struct batch *b)
{
    if (b->at > 0) {
        buf_char(&b->req->answer, ',');
    }
}

static enum step_outcome outcome_of(const struct req *child)
{
    return child->err != ERR_OK                           ? OUTCOME_FAILED
           : child->rowcount > 0 || child->rows.count > 0 ? OUTCOME_ROWS
                                                          : OUTCOME_EMPTY;
}

static void take_step(struct batch *b, struct req *child)
{
    struct req *r = b->req;
    if (child->err != ERR_OK) {
        batch_point(&child->fail, b->at);
    }
    b->steps[b->at].outcome = outcome_of(child);
    if (child->err != ERR_OK && (b->stops || r->stop != ERR_OK)) {
        child->fail.step = (int32_t)b->at;
        fail_batch(b, child);
        return;
    }
    if (child->err == ERR_OK) {
        req_set_err(r, batch_keep(b, child, &r->fail));
    }
    separate(b);
    reply_write(child);
    r->answer.len--; /* the end of its line */
    b->at++;
    r->spilled_bytes = r->answer.len;
    if (r->answer.failed || !req_charge(r)) {
        req_set_err(r, fail_set(&r->fail, ERR_OUT_OF_MEMORY, "limits.memory is reached"));
    } else if (r->answer.len > req_conf(r)->limits.reply_bytes) {
        req_set_err(r, fail_set(&r->fail, ERR_REPLY_TOO_LARGE,
                                "the batch's answer is larger than limits.reply"));
    }
}

void batch_take(struct req *child)
{
    struct batch *b = child->parent->batch;
    if (child->msg.op == OP_QUERY) {
        take_step(b, child);
        return;
    }
    b->open = child->msg.op == OP_BEGIN && child->err == ERR_OK;
    b->phase = child->msg.op == OP_BEGIN ? BATCH_STEPS : BATCH_OVER;
    if (child->err != ERR_OK && child->msg.op != OP_ROLLBACK) {
        fail_batch(b, child);
    }
}

void batch_child_done(struct req *child)
{
    struct batch *b = child->parent->batch;
    b->child = NULL;
    if (!b->starting) {
        loop_defer(&child->worker->loop, &b->next);
    }
}

void batch_stop(struct req *r, enum err why)
{
    r->stop = why;
    if (r->batch->child != NULL) {
        req_stop(r->batch->child, why);
    }
}

/* ---- one after the other ---- */

/* Those whose condition does not hold are answered at once. */
static void skip_steps(struct batch *b)
{
    while (b->at < b->count && !batch_is_due(b->steps, b->at)) {
        b->steps[b->at].outcome = OUTCOME_SKIPPED;
        separate(b);
        BUF_LIT(&b->req->answer, "{\"skipped\":true}");
        b->at++;
    }
}

static void run_step(struct batch *b)
{
    skip_steps(b);
    if (b->at == b->count) {
        b->phase = BATCH_END;
        return;
    }
    const struct compile_refs *refs = batch_refs(b);
    if (refs == NULL) {
        req_set_err(b->req, ERR_REQUEST_TOO_LARGE);
        return;
    }
    start_child(b, b->steps[b->at].m, refs);
}

static void advance(struct batch *b)
{
    struct req *r = b->req;
    bool undone = b->own_tx ? b->phase != BATCH_OVER : b->at < b->count;
    if (r->stop != ERR_OK && undone) {
        req_set_err(r, r->stop);
    }
    if (r->err != ERR_OK && b->phase != BATCH_OVER) {
        b->phase = BATCH_END;
    }
    switch (b->phase) {
    case BATCH_BEGIN:
        start_own(b, OP_BEGIN);
        return;
    case BATCH_STEPS:
        run_step(b);
        return;
    case BATCH_END:
        b->phase = BATCH_OVER;
        if (b->open) {
            start_own(b, r->err == ERR_OK ? OP_COMMIT : OP_ROLLBACK);
        }
        return;
    case BATCH_OVER:
        return;
    }
}

int step_batch(struct req *r)
{
    struct batch *b = r->batch;
    if (r->answer.len == 0) {
        BUF_LIT(&r->answer, "\"results\":[");
    }
    while (b->child == NULL && b->phase != BATCH_OVER) {
        advance(b);
    }
    if (b->child != NULL) {
        return REQ_WAIT;
    }
    BUF_LIT(&r->answer, "]}\n");
    return REQ_REPLY;
}
