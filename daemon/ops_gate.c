/* SPDX-License-Identifier: MIT
 *
 * daemon/ops_gate.c: pause, resume and drain of a database, which has one gate for
 * each of its servers (pool/pool_gate.h). Worker thread.
 *
 * An operation that is given up (cancel, timeout, its client gone) leaves the
 * database as it found it, unless somebody else has changed that meanwhile.
 */
#include "daemon/ops_gate.h"

#include "daemon/steps.h"
#include "pool/pool_gate.h"

/* One server's part; in the request's arena. */
struct gate_part {
    struct pool_still still;
    struct pool_share *share;
    struct gate_op *op;
    enum pool_gate was;
    uint64_t turn;
};

struct gate_op {
    struct req *req;
    uint32_t count, pending;
    bool given_up; /* a part will not become still */
    bool moved;    /* … because somebody changed the gate */
    struct gate_part parts[];
};

static enum pool_gate wanted(enum op op)
{
    return op == OP_PAUSE ? GATE_PAUSED : op == OP_DRAIN ? GATE_DRAINED : GATE_OPEN;
}

static void write_answer(struct req *r)
{
    const struct database *db = r->backend->db;
    struct buf *b = &r->answer;
    int64_t idle = 0, busy = 0, waiting = 0;
    for (uint32_t i = 0; i < db->server_count; i++) {
        const struct pool_counts *n = &db->servers[i].share.counts;
        idle += atomic_load(&n->idle);
        busy += atomic_load(&n->busy);
        waiting += atomic_load(&n->waiting);
    }
    BUF_LIT(b, "\"ok\":true,\"db\":");
    buf_json_str(b, db->conf->name);
    buf_printf(b, ",\"state\":\"%s\",\"idle\":%lld,\"busy\":%lld,\"waiting\":%lld}\n",
               pool_gate_name(wanted(r->msg.op)), (long long)idle, (long long)busy,
               (long long)waiting);
    if (b->failed) {
        req_set_err(r, ERR_OUT_OF_MEMORY);
    }
}

static void finish(struct gate_op *op)
{
    struct req *r = op->req;
    for (uint32_t i = 0; op->given_up && i < op->count; i++) {
        pool_gate_undo(op->parts[i].share, op->parts[i].was, op->parts[i].turn);
    }
    if (op->moved) {
        fail_set(&r->fail, ERR_CANCELLED,
                 "another request paused, drained or resumed the database meanwhile");
        req_set_err(r, r->fail.code);
    } else if (op->given_up) {
        req_set_err(r, r->stop);
        fail_hint(&r->fail, "connections were still in use; the database is as it was");
    } else {
        write_answer(r);
    }
    req_go(r, REQ_REPLY);
}

static void on_still(struct pool_still *w)
{
    struct gate_part *part = (struct gate_part *)(void *)w;
    struct gate_op *op = part->op;
    if (w->err != ERR_OK) {
        op->given_up = op->moved = true;
    }
    if (--op->pending == 0) {
        finish(op);
    }
}

void op_gate_stop(struct req *r)
{
    struct gate_op *op = r->gate;
    for (uint32_t i = 0; i < op->count; i++) {
        if (pool_still_cancel(op->parts[i].share, &op->parts[i].still)) {
            op->given_up = true;
            op->pending--;
        }
    }
    if (op->pending == 0) {
        finish(op);
    }
}

static struct gate_op *shut(struct req *r)
{
    struct database *db = r->backend->db;
    struct gate_op *op =
        arena_alloc(&r->arena, sizeof *op + db->server_count * sizeof *op->parts);
    if (op == NULL) {
        return NULL;
    }
    *op = (struct gate_op){.req = r, .count = db->server_count, .pending = db->server_count};
    for (uint32_t i = 0; i < op->count; i++) {
        struct gate_part *part = &op->parts[i];
        *part = (struct gate_part){.share = &db->servers[i].share, .op = op};
        part->still = (struct pool_still){.cb = on_still, .loop = &r->worker->loop};
        part->was = pool_gate_set(part->share, wanted(r->msg.op), &part->turn);
    }
    LOG(r->worker->shared->log, LOG_POOL, LOG_INFO, "a client changes the state of a database",
        LOG_S("db", db->conf->name), LOG_S("state", str_of(pool_gate_name(wanted(r->msg.op)))),
        LOG_I("client", r->conn->number), LOG_END);
    return op;
}

int op_gate(struct req *r)
{
    enum err e = req_find_backend(r);
    if (e == ERR_OK && r->msg.timeout_ms > 0) {
        e = req_start_timer(r, r->msg.timeout_ms);
    }
    if (e != ERR_OK) {
        return req_fail_to(r, e, REQ_REPLY);
    }
    r->gate = shut(r);
    if (r->gate == NULL) {
        return req_fail_to(r, ERR_OUT_OF_MEMORY, REQ_REPLY);
    }
    if (r->msg.op == OP_RESUME) {
        write_answer(r);
        return REQ_REPLY;
    }
    for (uint32_t i = 0; i < r->gate->count; i++) {
        pool_still_wait(r->gate->parts[i].share, &r->gate->parts[i].still);
    }
    return REQ_WAIT;
}
