/* SPDX-License-Identifier: MIT
 *
 * backend/pg_cancel.c: cancel requests of the PostgreSQL driver.
 *
 * PQcancel blocks for as long as the server likes. So a request owns its PGcancel
 * and may be left behind on its connector thread: a connection that closes does not
 * wait for it, and what comes late finds the session's number and key gone. Loop
 * thread, but for what says otherwise.
 */
#include "backend/pg_pipeline.h"
#include "base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#define CANCEL_WAIT_NS 20000000u

struct pg_cancel {
    struct connector_job job;
    PGcancel *canceler;
    struct pg_conn *conn; /* NULL: closed meanwhile */
};

static struct pg_cancel *of_job(struct connector_job *j)
{
    return (struct pg_cancel *)(void *)((char *)j - offsetof(struct pg_cancel, job));
}

static void free_cancel(struct pg_cancel *k)
{
    PQfreeCancel(k->canceler);
    free(k);
}

/* Connector thread. */
static void on_left(struct connector_job *j)
{
    free_cancel(of_job(j));
}

/* Connector thread. Returns once the server has closed the second connection, that
 * is, after the signal was sent: nothing arrives later than this. */
static void on_work(struct connector_job *j)
{
    char words[256];
    (void)PQcancel(of_job(j)->canceler, words, sizeof words);
}

static void on_done(struct connector_job *j)
{
    struct pg_cancel *k = of_job(j);
    struct pg_conn *c = k->conn;
    if (c == NULL) {
        free_cancel(k);
        return;
    }
    c->cancelling = PG_CANCEL_OVER;
    if (c->state == PG_SETTLED) {
        pg_settle(c);
    } else if (c->state != PG_CLOSING) {
        /* Out of memory: then it was asked once. */
        (void)!loop_timer_start(c->base.loop, &c->cancel_again,
                                clock_now_ns() + c->cancel_wait_ns);
        c->cancel_wait_ns *= 2;
    }
}

static void submit(struct pg_conn *c)
{
    c->cancelling = PG_CANCEL_SENT;
    c->cancel->conn = c;
    c->cancel->job = (struct connector_job){.work = on_work,
                                            .done = on_done,
                                            .left = on_left,
                                            .loop = c->base.loop,
                                            .target = c->base.target,
                                            .kind = CONNECTOR_CANCEL};
    connector_submit(c->base.connector, &c->cancel->job);
}

static void on_again(struct timer *t)
{
    struct pg_conn *c =
        (struct pg_conn *)(void *)((char *)t - offsetof(struct pg_conn, cancel_again));
    /* A commit that waits for a standby would be told as done, and is not there yet. */
    if (c->link == PG_LINK_UP && !pg_pipe_commits(c)) {
        submit(c);
    }
}

enum err pg_cancel_prepare(struct pg_conn *c)
{
    struct pg_cancel *k = calloc(1, sizeof *k);
    if (k == NULL || (k->canceler = PQgetCancel(c->pg)) == NULL) {
        free(k);
        return ERR_OUT_OF_MEMORY;
    }
    c->cancel = k;
    return ERR_OK;
}

void pg_send_cancel(struct pg_conn *c)
{
    if (c->cancelling == PG_CANCEL_NONE && c->link == PG_LINK_UP) {
        c->cancel_wait_ns = CANCEL_WAIT_NS;
        c->cancel_again.fire = on_again;
        submit(c);
    }
}

bool pg_cancel_pends(struct pg_conn *c)
{
    if (c->cancelling == PG_CANCEL_SENT &&
        connector_take_back(c->base.connector, &c->cancel->job)) {
        c->cancelling = PG_CANCEL_OVER;
    }
    return c->cancelling == PG_CANCEL_SENT;
}

void pg_cancel_forget(struct pg_conn *c)
{
    struct pg_cancel *k = c->cancel;
    c->cancel = NULL;
    if (k == NULL) {
        return;
    }
    if (c->cancelling != PG_CANCEL_SENT) {
        free_cancel(k);
        return;
    }
    switch (connector_leave(c->base.connector, &k->job)) {
    case CONNECTOR_TAKEN_BACK:
        free_cancel(k);
        return;
    case CONNECTOR_LEFT:
        return; /* on_left frees it; k is not ours any more */
    case CONNECTOR_POSTED:
        k->conn = NULL;
        return;
    }
}
