/* SPDX-License-Identifier: MIT
 *
 * backend/maria_walk.c: goes through the steps of a run as the socket allows, and
 * ends it. Loop thread only, except kill_work.
 */
#include "backend/maria_conn.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>

#define NS_PER_MS 1000000u

/* A kill that came before the server had begun did nothing; it is sent again. */
enum { KILL_AGAIN_MS = 100 };

static void end_walk(struct maria_conn *c);

/* -- the socket ------------------------------------------------------------ */

static void on_poll(uv_poll_t *h, int status, int events);

void maria_watch(struct maria_conn *c, int events)
{
    if (c->events == events) {
        return;
    }
    c->events = events;
    if (events == 0) {
        (void)uv_poll_stop(&c->poll);
    } else {
        (void)uv_poll_start(&c->poll, events, on_poll);
    }
}

static void wait_for(struct maria_conn *c, int wait)
{
    int events = ((wait & MYSQL_WAIT_READ) != 0 ? UV_READABLE : 0) |
                 ((wait & MYSQL_WAIT_WRITE) != 0 ? UV_WRITABLE : 0);
    maria_watch(c, events != 0 ? events : UV_READABLE);
}

/* Two traps of the library over TLS: it puts its socket back to blocking mode, and
 * it takes an error that another connection left in OpenSSL's queue of this thread
 * for its own. */
static void ready_tls(struct maria_conn *c)
{
    if (c->tls) {
        ERR_clear_error();
        int flags = fcntl(c->fd, F_GETFL);
        if (flags >= 0 && (flags & O_NONBLOCK) == 0) {
            (void)fcntl(c->fd, F_SETFL, flags | O_NONBLOCK);
        }
    }
}

/* A server says nothing on an idle session but that it ends. */
bool maria_spoke(const struct maria_conn *c)
{
    char byte;
    ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || (errno != EAGAIN && errno != EINTR);
}

static void idle_readable(struct maria_conn *c, int status)
{
    if (status == 0 && !maria_spoke(c)) {
        return;
    }
    maria_watch(c, 0);
    c->conn.broken = true;
    c->conn.idle_broke = true;
    if (c->conn.on_idle_broke != NULL) {
        c->conn.on_idle_broke(&c->conn, c->conn.pool_arg);
    }
}

static bool is_call(enum maria_step s)
{
    return maria_steps[s].start != NULL;
}

/* Goes on with what a step left to wait for (wait != 0) or said. */
static void go(struct maria_conn *c, int wait)
{
    while (wait == 0) {
        enum maria_step next = maria_steps[c->step].then(c);
        c->step = next;
        if (!is_call(next)) {
            break;
        }
        ready_tls(c);
        wait = maria_steps[next].start(c);
    }
    if (wait != 0) {
        wait_for(c, wait);
    } else if (c->step == STEP_END) {
        end_walk(c);
    }
}

void maria_walk(struct maria_conn *c, enum maria_step next)
{
    c->step = next;
    if (next == STEP_END) {
        end_walk(c);
        return;
    }
    ready_tls(c);
    go(c, maria_steps[next].start(c));
}

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct maria_conn *c = h->data;
    if (status < 0) {
        c->events = 0; /* libuv has stopped polling */
    }
    if (!is_call(c->step)) {
        if (c->step == STEP_IDLE) {
            idle_readable(c, status);
        } else {
            maria_watch(c, 0);
        }
        return;
    }
    int ready = ((events & UV_READABLE) != 0 ? MYSQL_WAIT_READ : 0) |
                ((events & UV_WRITABLE) != 0 ? MYSQL_WAIT_WRITE : 0);
    if (status < 0) {
        ready = MYSQL_WAIT_READ | MYSQL_WAIT_WRITE; /* the call finds the error itself */
    }
    c->turn_rows = 0;
    ready_tls(c);
    go(c, maria_steps[c->step].cont(c, ready));
}

/* -- the end of a run ------------------------------------------------------ */

/* Whether the server has said that it ends the session. */
static bool is_ended(const struct maria_conn *c)
{
    return c->kill_count > 0 && c->killed == KILLED_YES &&
           strcmp(c->kill_what, "CONNECTION") == 0;
}

static void report(struct maria_conn *c)
{
    struct run *r = c->conn.running;
    enum err e = c->outcome;
    if (e == ERR_OK && c->missed) {
        e = fail_set(r->fail, ERR_CANCELLED, "the statement was cancelled");
    }
    if (c->ending != ENDING_NO && e == ERR_CANCELLED) { /* it was close that cancelled */
        fail_init(r->fail);
        e = fail_set(r->fail, ERR_CONNECTION_LOST, "the connection was closed");
    }
    r->err = e;
    r->ended_ns = clock_now_ns();
    c->conn.running = NULL;
    c->kill = KILL_NONE;
    c->step = STEP_IDLE;
    c->forsaken = e == ERR_CONNECTION_LOST && !is_ended(c);
    bool in_trans = (c->my->server_status & SERVER_STATUS_IN_TRANS) != 0;
    c->conn.tx = c->conn.broken ? DB_TX_UNKNOWN : in_trans ? DB_TX_OPEN : DB_TX_NONE;
    r->done(r);
}

static void on_done(struct task *t)
{
    struct maria_conn *c = MARIA_OWNER(t, done_task);
    report(c);
    if (c->ending == ENDING_ASKED) {
        maria_start_closing(c);
    }
}

/* A kill that no thread has begun with (those before it may hang), unless it is to
 * end a session that else would work on. */
static bool take_back_kill(struct maria_conn *c)
{
    bool needed = c->kill_count == 1 && strcmp(c->kill_what, "CONNECTION") == 0;
    if (needed || !connector_take_back(c->conn.connector, &c->kill_job)) {
        return false;
    }
    c->kill_count--;
    c->kill = c->kill_count > 0 ? KILL_WAITS : KILL_NONE;
    return true;
}

/* The walk is over; done waits for a kill that is under way. */
static void end_walk(struct maria_conn *c)
{
    loop_timer_stop(c->conn.loop, &c->kill_timer);
    if (c->kill == KILL_SENT && !take_back_kill(c)) {
        return; /* kill_done comes back here */
    }
    c->conn.broken = c->conn.broken || c->stray_kill;
    /* what the server says has a number */
    bool said = c->outcome == ERR_CANCELLED && c->conn.running->fail->native != 0;
    bool hit = said && c->kill_count == 1;
    if (c->kill == KILL_WAITS && !hit && !c->conn.broken) {
        c->kill = KILL_SOAKED;
        maria_walk(c, STEP_SOAK);
        return;
    }
    maria_watch(c, c->conn.broken ? 0 : UV_READABLE);
    loop_defer(c->conn.loop, &c->done_task);
}

/* -- kills ----------------------------------------------------------------- */

static void kill_work(struct connector_job *j)
{
    struct maria_conn *c = MARIA_OWNER(j, kill_job);
    c->killed = maria_kill(c->conn.target, c->kill_what, c->conn.backend_id);
}

static void kill_done(struct connector_job *j)
{
    struct maria_conn *c = MARIA_OWNER(j, kill_job);
    c->kill = KILL_WAITS;
    c->stray_kill = c->stray_kill || c->killed == KILLED_LATER;
    if (c->step == STEP_END) {
        end_walk(c);
        return;
    }
    uint64_t due_ns = clock_now_ns() + (uint64_t)KILL_AGAIN_MS * NS_PER_MS;
    if (loop_timer_start(c->conn.loop, &c->kill_timer, due_ns) != ERR_OK) {
        maria_send_kill(c, "QUERY");
    }
}

void maria_send_kill(struct maria_conn *c, const char *what)
{
    if (c->kill == KILL_SENT) {
        return;
    }
    loop_timer_stop(c->conn.loop, &c->kill_timer);
    c->kill = KILL_SENT;
    c->kill_count++;
    c->kill_what = what;
    c->kill_job = (struct connector_job){.work = kill_work,
                                         .done = kill_done,
                                         .loop = c->conn.loop,
                                         .target = c->conn.target,
                                         .kind = CONNECTOR_CANCEL};
    connector_submit(c->conn.connector, &c->kill_job);
}

static void on_kill_timer(struct timer *t)
{
    struct maria_conn *c = MARIA_OWNER(t, kill_timer);
    if (c->conn.running != NULL && c->step != STEP_END && !c->conn.broken) {
        maria_send_kill(c, "QUERY");
    }
}

static void on_yield(struct task *t)
{
    struct maria_conn *c = MARIA_OWNER(t, yield_task);
    if (c->step == STEP_YIELD) {
        maria_walk(c, STEP_FETCH);
    }
}

void maria_walk_init(struct maria_conn *c)
{
    c->done_task.run = on_done;
    c->yield_task.run = on_yield;
    c->kill_timer.fire = on_kill_timer;
}
