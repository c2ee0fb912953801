/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite.c: the SQLite driver: a thread for each connection, and the
 * handing over between it and the connection's loop.
 *
 * The session belongs to the thread from open to close; the loop's thread hands
 * it one job at a time. What both touch is under `lock`. A run passes through
 *   JOB_NONE → JOB_RUN (thread steps, rows to the sink; a full sink asks the loop
 *   to flush and waits) → posted `done` → JOB_NONE.
 */
#include "backend/sqlite.h"

#include "backend/sqlite_session.h"
#include "base/clock.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

/* What the thread works on. */
enum job { JOB_NONE, JOB_RUN, JOB_PING, JOB_ROLLBACK, JOB_RESET };

/* Where a full sink is. */
enum flow {
    FLOW_GO,     /* rows may be read */
    FLOW_ASKED,  /* flush_task is on its way to the loop, the thread waits */
    FLOW_PAUSED, /* flush said no: the thread waits for resume */
};

struct sqlite_conn {
    struct db_conn conn;           /* first */
    struct sqlite_session session; /* the thread's; `stop` is shared */
    struct sqlite_host host;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* the thread waits here */

    /* under lock */
    enum job job;
    enum flow flow;
    bool ending;

    /* the thread's until done_task is posted, then the loop's */
    struct run *run;
    enum db_tx tx;
    bool broke;

    struct task done_task, flush_task, close_task;
    db_conn_cb *close_cb;
    void *close_arg;
};

#define OWNER(ptr, member)                                                                     \
    ((struct sqlite_conn *)(void *)((char *)(ptr)-offsetof(struct sqlite_conn, member)))

/* -- the connection's thread ----------------------------------------------- */

static void ask_for_flush(struct sqlite_host *h, struct run *r)
{
    struct sqlite_conn *c = OWNER(h, host);
    if (r->flush == NULL) {
        return;
    }
    pthread_mutex_lock(&c->lock);
    if (atomic_load(&c->session.stop) == STOP_NO) {
        c->flow = FLOW_ASKED;
        loop_post(c->conn.loop, &c->flush_task);
    }
    while (c->flow != FLOW_GO && atomic_load(&c->session.stop) == STOP_NO) {
        pthread_cond_wait(&c->wake, &c->lock);
    }
    c->flow = FLOW_GO;
    pthread_mutex_unlock(&c->lock);
}

static enum err work(struct sqlite_conn *c, enum job job)
{
    switch (job) {
    case JOB_RUN:
        if (c->session.db == NULL) {
            return fail_set(c->run->fail, ERR_CONNECTION_LOST, "the database is closed");
        }
        return sqlite_session_run(&c->session, c->run, &c->host);
    case JOB_ROLLBACK:
        return sqlite_session_rollback(&c->session, c->run->fail);
    case JOB_RESET:
        return sqlite_session_reopen(&c->session, c->run->fail);
    case JOB_PING:
    case JOB_NONE:
        break;
    }
    return ERR_OK;
}

static void finish_job(struct sqlite_conn *c, enum err e)
{
    struct run *r = c->run;
    sqlite3 *db = c->session.db;
    r->err = e;
    r->ended_ns = clock_now_ns();
    c->tx = db != NULL && sqlite3_get_autocommit(db) == 0 ? DB_TX_OPEN : DB_TX_NONE;
    c->broke = db == NULL || e == ERR_CONNECTION_LOST ||
               (e != ERR_OK && sqlite_error_breaks(r->fail->native));
    pthread_mutex_lock(&c->lock);
    c->job = JOB_NONE; /* from here on a cancel does nothing */
    pthread_mutex_unlock(&c->lock);
    loop_post(c->conn.loop, &c->done_task);
}

/* The next job; JOB_NONE: the thread is to end. */
static enum job wait_for_job(struct sqlite_conn *c)
{
    pthread_mutex_lock(&c->lock);
    while (c->job == JOB_NONE && !c->ending) {
        pthread_cond_wait(&c->wake, &c->lock);
    }
    enum job job = c->job;
    pthread_mutex_unlock(&c->lock);
    return job;
}

static void *thread_main(void *arg)
{
    struct sqlite_conn *c = arg;
    enum job job;
    while ((job = wait_for_job(c)) != JOB_NONE) {
        finish_job(c, work(c, job));
    }
    sqlite_session_close(&c->session);
    loop_post(c->conn.loop, &c->close_task);
    return NULL;
}

/* -- the loop's thread ----------------------------------------------------- */

static void on_done(struct task *t)
{
    struct sqlite_conn *c = OWNER(t, done_task);
    struct run *r = c->run;
    c->conn.tx = c->tx;
    c->conn.broken = c->conn.broken || c->broke;
    c->conn.running = NULL;
    c->run = NULL;
    r->done(r);
}

static void on_flush(struct task *t)
{
    struct sqlite_conn *c = OWNER(t, flush_task);
    pthread_mutex_lock(&c->lock);
    /* Not if a cancel was faster: then the thread goes on, and may be at the sink. */
    bool asked = c->flow == FLOW_ASKED && atomic_load(&c->session.stop) == STOP_NO;
    pthread_mutex_unlock(&c->lock);
    if (!asked) {
        return;
    }
    bool go_on = c->conn.running->flush(c->conn.running);
    pthread_mutex_lock(&c->lock);
    if (c->flow == FLOW_ASKED) {
        c->flow = go_on ? FLOW_GO : FLOW_PAUSED;
        pthread_cond_signal(&c->wake);
    }
    pthread_mutex_unlock(&c->lock);
}

static void sqlite_resume(struct db_conn *conn)
{
    struct sqlite_conn *c = (struct sqlite_conn *)conn;
    pthread_mutex_lock(&c->lock);
    if (c->flow == FLOW_PAUSED) {
        c->flow = FLOW_GO;
        pthread_cond_signal(&c->wake);
    }
    pthread_mutex_unlock(&c->lock);
}

static void start(struct db_conn *conn, struct run *r, enum job job)
{
    struct sqlite_conn *c = (struct sqlite_conn *)conn;
    assert(conn->running == NULL && conn->loop != NULL && c->close_cb == NULL);
    r->err = ERR_OK;
    r->rowcount = 0;
    r->maybe_executed = false; /* what was interrupted is undone */
    r->started_ns = clock_now_ns();
    conn->running = r;
    pthread_mutex_lock(&c->lock);
    c->run = r;
    c->job = job;
    c->flow = FLOW_GO;
    atomic_store(&c->session.stop, STOP_NO);
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

static void sqlite_run(struct db_conn *conn, struct run *r)
{
    assert(r->sets > 0 && r->fail != NULL);
    start(conn, r, JOB_RUN);
}

static void sqlite_ping(struct db_conn *conn, struct run *r)
{
    start(conn, r, JOB_PING);
}

static void sqlite_rollback(struct db_conn *conn, struct run *r)
{
    start(conn, r, JOB_ROLLBACK);
}

static void sqlite_reset(struct db_conn *conn, struct run *r)
{
    start(conn, r, JOB_RESET);
}

/* Under lock. The handle is touched from here only while the thread runs a
 * statement on it: a reset exchanges it. */
static void stop_running(struct sqlite_conn *c, enum sqlite_stop why)
{
    atomic_store(&c->session.stop, (int)why);
    if (c->job == JOB_RUN && c->session.db != NULL) {
        sqlite3_interrupt(c->session.db);
    }
    pthread_cond_signal(&c->wake);
}

static void sqlite_cancel(struct db_conn *conn)
{
    struct sqlite_conn *c = (struct sqlite_conn *)conn;
    pthread_mutex_lock(&c->lock);
    if (c->job == JOB_RUN && atomic_load(&c->session.stop) == STOP_NO) {
        stop_running(c, STOP_CANCEL);
    }
    pthread_mutex_unlock(&c->lock);
}

/* -- opening and closing --------------------------------------------------- */

static enum err sqlite_check(const struct db_target *t, struct fail *f)
{
    struct sqlite_options o;
    return sqlite_options_read(t, &o, f);
}

static const char *sqlite_version(void)
{
    return sqlite3_libversion();
}

/* Signals are for the main thread. */
static bool start_thread(struct sqlite_conn *c)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return false;
    }
    bool ok = pthread_create(&c->thread, NULL, thread_main, c) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

static enum err begin(struct sqlite_conn *c, const struct db_target *t, struct fail *f)
{
    if (pthread_mutex_init(&c->lock, NULL) != 0) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    if (pthread_cond_init(&c->wake, NULL) != 0) {
        pthread_mutex_destroy(&c->lock);
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    enum err e = sqlite_session_open(&c->session, t, f);
    if (e == ERR_OK && !start_thread(c)) {
        sqlite_session_close(&c->session);
        e = fail_set(f, ERR_OUT_OF_MEMORY, "no thread for a connection");
    }
    if (e != ERR_OK) {
        pthread_cond_destroy(&c->wake);
        pthread_mutex_destroy(&c->lock);
    }
    return e;
}

static enum err sqlite_open(const struct db_target *t, struct db_conn **out, struct fail *f)
{
    struct sqlite_conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    c->conn.driver = &driver_sqlite;
    c->conn.statements = &c->session.cache.count;
    c->conn.target = t;
    c->conn.server_version = (uint32_t)sqlite3_libversion_number();
    c->conn.opened_ns = clock_now_ns();
    c->host.flush = ask_for_flush;
    c->done_task.run = on_done;
    c->flush_task.run = on_flush;
    enum err e = begin(c, t, f);
    if (e != ERR_OK) {
        free(c);
        return e;
    }
    *out = &c->conn;
    return ERR_OK;
}

static enum err sqlite_attach(struct db_conn *conn, struct loop *l, struct connector *k,
                              struct fail *f)
{
    (void)f;
    conn->loop = l;
    conn->connector = k;
    return ERR_OK;
}

static void on_closed(struct task *t)
{
    struct sqlite_conn *c = OWNER(t, close_task);
    (void)pthread_join(c->thread, NULL); /* it has nothing left to do */
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    c->close_cb(&c->conn, c->close_arg);
    free(c);
}

static void sqlite_close(struct db_conn *conn, db_conn_cb *cb, void *arg)
{
    struct sqlite_conn *c = (struct sqlite_conn *)conn;
    assert(c->close_cb == NULL && conn->loop != NULL);
    c->close_cb = cb;
    c->close_arg = arg;
    c->close_task.run = on_closed;
    conn->broken = true;
    pthread_mutex_lock(&c->lock);
    c->ending = true;
    stop_running(c, STOP_CLOSE);
    pthread_mutex_unlock(&c->lock);
}

const struct driver driver_sqlite = {
    .name = "sqlite",
    .kind = DB_SQLITE,
    .check = sqlite_check,
    .open = sqlite_open,
    .library_version = sqlite_version,
    .attach = sqlite_attach,
    .run = sqlite_run,
    .resume = sqlite_resume,
    .cancel = sqlite_cancel,
    .ping = sqlite_ping,
    .rollback = sqlite_rollback,
    .reset = sqlite_reset,
    .close = sqlite_close,
};
