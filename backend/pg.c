/* SPDX-License-Identifier: MIT
 *
 * backend/pg.c: the PostgreSQL driver: a session's life on its loop, from attach
 * to close, waiting, loss and cancelling. What a run does is in pg_run.c.
 *
 * Owns the libpq connection. Loop thread.
 */
#include "backend/descriptor.h"
#include "backend/orphans.h"
#include "backend/pg_pipeline.h"
#include "backend/sessions.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A TLS record may be larger than what one read takes, and what the TLS library
 * keeps makes no socket readable. */
enum { TLS_READS = 3 };

#define CANCEL_WAIT_NS 20000000u
#define UNASKED_BYTES 4096 /* more than what comes unasked in peace */
#define PG_HEAD_BYTES 5    /* kind and length of a message */

static struct pg_conn *conn_of(struct db_conn *c)
{
    return (struct pg_conn *)(void *)c;
}

/* -- waiting --------------------------------------------------------------- */

static void on_poll(uv_poll_t *h, int status, int events);

static void set_poll(struct pg_conn *c, int events)
{
    if (c->poll_state != PG_POLL_OPEN || events == c->poll_events) {
        return;
    }
    c->poll_events = events;
    if (events == 0) {
        (void)uv_poll_stop(&c->poll);
    } else {
        (void)uv_poll_start(&c->poll, events, on_poll);
    }
}

void pg_wait(struct pg_conn *c)
{
    if (c->link == PG_LINK_LOST || c->state == PG_PAUSED || c->state == PG_CLOSING) {
        set_poll(c, 0);
        return;
    }
    int rc = PQflush(c->pg);
    /* rc < 0 shows up when reading, behind what the server said before it went. */
    set_poll(c, rc == 1 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static bool consume(struct pg_conn *c)
{
    int reads = PQsslInUse(c->pg) ? TLS_READS : 1;
    for (int i = 0; i < reads; i++) {
        if (!PQconsumeInput(c->pg)) {
            return false;
        }
        if (!PQisBusy(c->pg)) {
            break;
        }
    }
    return true;
}

static void take_notifies(struct pg_conn *c)
{
    PGnotify *n;
    while ((n = PQnotifies(c->pg)) != NULL) {
        if (c->base.on_notify != NULL) {
            c->base.on_notify(&c->base, str_of(n->extra), (uint64_t)n->be_pid,
                              c->base.notify_arg);
        }
        PQfreemem(n);
    }
}

void pg_lost(struct pg_conn *c)
{
    if (c->link == PG_LINK_LOST) {
        return;
    }
    c->link = PG_LINK_LOST;
    c->base.broken = true;
    c->base.tx = DB_TX_UNKNOWN;
    set_poll(c, 0);
}

/* NoticeResponse, NotificationResponse, ParameterStatus. */
static bool is_unasked(unsigned char kind)
{
    return kind == 'N' || kind == 'A' || kind == 'S';
}

/* Unasked, a server may send notices, notifications and settings that changed. Anything
 * else is an answer that comes too late, and half a message would hide in libpq's
 * buffer until the next answer is glued to it. Under TLS only whole messages are told
 * apart, by on_notice. */
static bool may_come_unasked(const struct pg_conn *c)
{
    unsigned char b[UNASKED_BYTES];
    ssize_t n = PQsslInUse(c->pg) ? 0 : recv(c->poll_fd, b, sizeof b, MSG_PEEK | MSG_DONTWAIT);
    size_t left = n > 0 ? (size_t)n : 0;
    for (const unsigned char *m = b; left > 0;) {
        uint32_t size = 0;
        if (left < PG_HEAD_BYTES || !is_unasked(m[0])) {
            return false;
        }
        memcpy(&size, m + 1, sizeof size);
        size = 1 + ntohl(size);
        if (size < PG_HEAD_BYTES || size > left) {
            return false;
        }
        m += size;
        left -= size;
    }
    return true;
}

/* A notice without SQLSTATE is libpq's own: a message came that nobody asked for. */
static void on_notice(void *arg, const PGresult *res)
{
    struct pg_conn *c = arg;
    if (PQresultErrorField(res, PG_DIAG_SQLSTATE) == NULL) {
        c->base.broken = true;
    }
}

/* With an error of the socket libuv has stopped polling: whatever was said before it,
 * nobody would hear of the end. */
/* Takes what comes while no answer is due; false: the session is over, or out of step. */
static bool take_unasked(struct pg_conn *c, int status)
{
    bool listens = c->base.on_notify != NULL; /* then much may come at a time */
    if (status != 0 || (!listens && !may_come_unasked(c)) || !consume(c) ||
        PQstatus(c->pg) != CONNECTION_OK) {
        return false;
    }
    take_notifies(c);
    return !c->base.broken;
}

static void idle_readable(struct pg_conn *c, int status)
{
    if (take_unasked(c, status)) {
        return;
    }
    pg_lost(c);
    c->base.idle_broke = true;
    if (c->base.on_idle_broke != NULL) {
        c->base.on_idle_broke(&c->base, c->base.pool_arg);
    }
}

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct pg_conn *c = h->data;
    (void)events;
    switch (c->state) {
    case PG_IDLE:
        idle_readable(c, status);
        break;
    case PG_ACTIVE:
        if (status != 0 || !consume(c)) {
            pg_lost(c);
        }
        pg_pump(c);
        break;
    case PG_PIPED:
        if (pg_pipe_is_idle(c) ? !take_unasked(c, status) : status != 0 || !consume(c)) {
            pg_lost(c);
        }
        pg_pipe_pump(c);
        break;
    case PG_SETTLED:
        if (status != 0 || !PQconsumeInput(c->pg)) {
            pg_lost(c);
        }
        break;
    case PG_PAUSED:
    case PG_CLOSING:
        break;
    }
}

static void pg_on_resume(struct task *t)
{
    struct pg_conn *c =
        (struct pg_conn *)(void *)((char *)t - offsetof(struct pg_conn, resume_task));
    if (c->state == PG_ACTIVE) {
        on_poll(&c->poll, 0, UV_READABLE);
    }
}

static void pg_resume(struct db_conn *conn)
{
    struct pg_conn *c = conn_of(conn);
    if (c->state != PG_PAUSED) {
        return;
    }
    c->state = PG_ACTIVE;
    if (!c->resume_task.queued) {
        loop_defer(conn->loop, &c->resume_task);
    }
}

/* -- the end of a run ------------------------------------------------------ */

static enum db_tx tx_of(const struct pg_conn *c)
{
    if (c->link == PG_LINK_LOST) {
        return DB_TX_UNKNOWN;
    }
    switch (PQtransactionStatus(c->pg)) {
    case PQTRANS_IDLE:
        return DB_TX_NONE;
    case PQTRANS_INTRANS:
        return DB_TX_OPEN;
    case PQTRANS_INERROR:
        return DB_TX_FAILED;
    case PQTRANS_ACTIVE:
    case PQTRANS_UNKNOWN:
        break;
    }
    return DB_TX_UNKNOWN;
}

/* Must be the last thing that its callers do: done may start the next run. */
static void finish(struct pg_conn *c)
{
    struct run *r = c->base.running;
    c->base.running = NULL;
    if (c->err == ERR_CONNECTION_LOST) {
        pg_lost(c); /* the server said so, and is about to hang up; or fell silent */
        c->forsaken = true;
    }
    (void)PQisBusy(c->pg); /* looks at what stands behind the last answer: see on_notice */
    c->base.tx = tx_of(c);
    if (c->state == PG_SETTLED) {
        c->state = PG_IDLE;
    }
    pg_params_trim(&c->params);
    pg_cells_trim(&c->cells);
    if (c->base.on_notify != NULL) {
        take_notifies(c);
    }
    r->err = c->err;
    r->ended_ns = clock_now_ns();
    r->done(r);
}

void pg_settle(struct pg_conn *c)
{
    c->state = PG_SETTLED;
    loop_timer_stop(c->base.loop, &c->cancel_again);
    if (!pg_cancel_pends(c)) {
        pg_wait(c);
        finish(c);
    }
}

/* -- cancelling ------------------------------------------------------------ */

static void pg_cancel(struct db_conn *conn)
{
    struct pg_conn *c = conn_of(conn);
    if (conn->running == NULL || c->state == PG_SETTLED || c->state == PG_CLOSING ||
        c->asked == PG_ASKED_CANCEL) {
        return;
    }
    c->asked = PG_ASKED_CANCEL;
    pg_send_cancel(c);
    if (c->state == PG_PAUSED) {
        /* Nobody takes rows any more, but the answer must be read to its end. */
        c->ending = PG_END_CANCELLED;
        pg_resume(conn);
    }
}

/* -- closing --------------------------------------------------------------- */

static void free_conn(struct pg_conn *c)
{
    if (c->forsaken) {
        orphans_add(c->base.target->orphans, (struct orphan){.id = c->base.backend_id,
                                                             .since_ns = clock_now_ns(),
                                                             .port = c->port});
    }
    sessions_remove(c->base.target->sessions, c->base.backend_id);
    c->close_cb(&c->base, c->close_arg);
    pg_cancel_forget(c);
    PQfinish(c->pg);
    pg_pipe_free(c->pipe);
    pg_cache_fini(&c->cache);
    pg_params_fini(&c->params);
    pg_cells_fini(&c->cells);
    free(c);
}

static void on_poll_closed(uv_handle_t *h)
{
    struct pg_conn *c = h->data;
    descriptor_drop(c->poll_fd);
    free_conn(c);
}

static void close_step(struct pg_conn *c)
{
    if (c->poll_state == PG_POLL_OPEN) {
        c->poll_state = PG_POLL_NONE;
        uv_close((uv_handle_t *)&c->poll, on_poll_closed);
    } else {
        free_conn(c);
    }
}

static void on_close_task(struct task *t)
{
    struct pg_conn *c =
        (struct pg_conn *)(void *)((char *)t - offsetof(struct pg_conn, close_task));
    pg_pipe_lost(c);
    if (c->base.running != NULL) {
        finish(c);
    }
    close_step(c);
}

static void pg_close(struct db_conn *conn, db_conn_cb *cb, void *arg)
{
    struct pg_conn *c = conn_of(conn);
    assert(c->state != PG_CLOSING);
    if (c->base.running != NULL && c->state != PG_SETTLED) {
        pg_fail_lost(c, "the connection was closed");
        c->forsaken = true;
    }
    c->state = PG_CLOSING;
    c->base.broken = true;
    c->close_cb = cb;
    c->close_arg = arg;
    set_poll(c, 0);
    vigil_stop(&c->vigil);
    loop_timer_stop(c->base.loop, &c->cancel_again);
    c->close_task.run = on_close_task;
    loop_defer(c->base.loop, &c->close_task);
}

/* -- attaching ------------------------------------------------------------- */

static enum err pg_attach(struct db_conn *conn, struct loop *l, struct connector *k,
                          struct fail *f)
{
    struct pg_conn *c = conn_of(conn);
    conn->loop = l;
    conn->connector = k;
    c->start_task.run = pg_on_start_failed;
    c->resume_task.run = pg_on_resume;
    c->poll.data = c;
    (void)PQsetNoticeReceiver(c->pg, on_notice, c);
    c->poll_fd = descriptor_copy(PQsocket(c->pg));
    if (c->poll_fd < 0 || PQsetnonblocking(c->pg, 1) != 0 ||
        uv_poll_init(&l->uv, &c->poll, c->poll_fd) != 0) {
        descriptor_drop(c->poll_fd);
        conn->broken = true;
        c->link = PG_LINK_LOST;
        return fail_set(f, ERR_CONNECTION_FAILED, "the connection cannot be polled");
    }
    sessions_add(conn->target->sessions, conn->backend_id);
    c->poll_state = PG_POLL_OPEN;
    c->port = descriptor_port(c->poll_fd);
    set_poll(c, UV_READABLE);
    vigil_start(&c->vigil, l, c->poll_fd);
    return ERR_OK;
}

static const char *pg_library_version(void)
{
    /* PQlibVersion is a number; the build's text is the same library on Debian. */
    return "libpq " LIBPQ_VERSION;
}

const struct driver driver_pg = {
    .name = "postgresql",
    .kind = DB_PG,
    .default_port = 5432,
    .check = pg_check,
    .open = pg_open,
    .library_version = pg_library_version,
    .attach = pg_attach,
    .run = pg_run,
    .resume = pg_resume,
    .cancel = pg_cancel,
    .ping = pg_ping,
    .rollback = pg_rollback,
    .reset = pg_reset,
    .close = pg_close,
    .pipeline = &pg_pipeline,
};
