/* SPDX-License-Identifier: MIT
 *
 * daemon/step_tx_catalog.c: what a transaction knows of its database. One that changed
 * the schema, or met a name that is not known, reads a catalog of its own over its own
 * connection, and has it until it ends: nobody else sees what it sees. Worker thread.
 */
#include "daemon/steps.h"
#include "schema/reflect.h"

struct catalog *req_catalog(const struct req *r)
{
    return r->tx != NULL && r->tx->catalog != NULL ? r->tx->catalog
                                                   : backend_catalog(r->backend);
}

static int read_next(struct req *r);

static int end(struct req *r, enum err e)
{
    struct catalog *c = NULL;
    if (e == ERR_OK) {
        e = reflect_finish(r->reflect, &c, &r->fail);
    }
    reflect_destroy(r->reflect);
    r->reflect = NULL;
    if (e != ERR_OK) {
        return req_fail_to(r, e, REQ_REPLY);
    }
    tx_take_catalog(r->tx, c);
    r->tx->defines = true; /* whether it made it or not: others do not know it yet */
    r->lease = NULL;
    r->pool = NULL;
    return REQ_PLAN;
}

static void on_read(struct run *run)
{
    struct req *r = (struct req *)((char *)run - offsetof(struct req, run));
    bool bearable = run->err != ERR_OK && run->err != ERR_CONNECTION_LOST &&
                    run->err != ERR_CANCELLED && r->lease != NULL && r->lease->tx == DB_TX_OPEN;
    if (bearable && reflect_failed(r->reflect)) {
        run->err = ERR_OK;
        fail_init(&r->fail);
    }
    req_note_run(r);
    if (r->err == ERR_OK && r->stop != ERR_OK) {
        req_replace_err(r, r->stop);
    }
    int next = r->err == ERR_OK ? read_next(r) : end(r, r->err);
    req_go(r, next);
}

static int read_next(struct req *r)
{
    const struct statement *s = reflect_next(r->reflect);
    if (s == NULL) {
        return end(r, ERR_OK);
    }
    req_run(r, (struct run){
                   .stmt = s, .sets = 1, .sink = reflect_sink(r->reflect), .done = on_read});
    return REQ_WAIT;
}

int step_tx_catalog(struct req *r)
{
    r->refreshed = true;
    r->lease = r->tx->lease;
    r->pool = r->tx->pool;
    r->reflect = reflect_create(r->backend->db->source, r->worker->shared->seed);
    if (r->reflect == NULL) {
        return req_fail_to(r, ERR_OUT_OF_MEMORY, REQ_REPLY);
    }
    return read_next(r);
}
