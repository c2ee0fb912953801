/* SPDX-License-Identifier: MIT
 *
 * backend/fake.c: a scripted driver that keeps the contract of driver.h to the
 * letter, for tests of those who use drivers.
 *
 * A fake_conn belongs to its loop thread after attach; the script of its fake_db
 * is shared and locked. Every answer comes from a timer or a deferred task.
 */
#include "backend/fake.h"

#include "base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_MS 1000000u

/* Where the running run is. */
enum fake_phase {
    PHASE_IDLE,   /* nothing runs */
    PHASE_DELAY,  /* the timer runs */
    PHASE_HANG,   /* only cancel (unless deaf) or close end it */
    PHASE_ROWS,   /* the step task is queued; it delivers rows, then ends the run */
    PHASE_PAUSED, /* the sink is full; resume goes on */
    PHASE_ENDING, /* the step task is queued; it ends the run with `outcome` */
};

struct fake_conn {
    struct db_conn conn; /* first */
    struct fake_db *db;
    uint64_t killed; /* db->killed at open; differs: the session is dead */
    bool no_attach;
    bool spoke;
    enum fake_call call;
    enum fake_phase phase;
    struct fake_reply reply;
    enum err outcome;
    uint64_t row;
    struct timer timer;
    struct task step;
    struct task idle_task;
    struct task close_task;
    db_conn_cb *close_cb;
    void *close_arg;
};

static void raise_max(_Atomic int64_t *max, int64_t now)
{
    int64_t was = atomic_load(max);
    while (now > was && !atomic_compare_exchange_weak(max, &was, now)) {
    }
}

static void enter(_Atomic int64_t *n, _Atomic int64_t *max)
{
    raise_max(max, atomic_fetch_add(n, 1) + 1);
}

/* -- the script ------------------------------------------------------------ */

void fake_init(struct fake_db *db)
{
    *db = (struct fake_db){0};
    db->target.kind = DB_FAKE;
    db->target.host = STR("fake");
    db->target.database = STR("fake");
    db->target.connect_timeout_ms = 5000;
    pthread_mutex_init(&db->lock, NULL);
    pthread_cond_init(&db->gate, NULL);
}

void fake_fini(struct fake_db *db)
{
    assert(atomic_load(&db->sessions) == 0);
    pthread_cond_destroy(&db->gate);
    pthread_mutex_destroy(&db->lock);
}

void fake_always(struct fake_db *db, enum fake_call call, struct fake_reply reply)
{
    pthread_mutex_lock(&db->lock);
    db->always[call] = reply;
    pthread_mutex_unlock(&db->lock);
}

void fake_once(struct fake_db *db, enum fake_call call, struct fake_reply reply)
{
    pthread_mutex_lock(&db->lock);
    assert(db->once_count[call] < FAKE_QUEUE);
    uint32_t at = (db->once_first[call] + db->once_count[call]++) % FAKE_QUEUE;
    db->once[call][at] = reply;
    pthread_mutex_unlock(&db->lock);
}

static struct fake_reply next_reply(struct fake_db *db, enum fake_call call)
{
    atomic_fetch_add(&db->calls[call], 1);
    pthread_mutex_lock(&db->lock);
    struct fake_reply r = db->always[call];
    if (db->once_count[call] > 0) {
        r = db->once[call][db->once_first[call]];
        db->once_first[call] = (db->once_first[call] + 1) % FAKE_QUEUE;
        db->once_count[call]--;
    }
    pthread_mutex_unlock(&db->lock);
    return r;
}

void fake_let_go(struct fake_db *db)
{
    pthread_mutex_lock(&db->lock);
    db->let_go++;
    pthread_cond_broadcast(&db->gate);
    pthread_mutex_unlock(&db->lock);
}

void fake_kill_all(struct fake_db *db)
{
    atomic_fetch_add(&db->killed, 1);
}

/* -- opening --------------------------------------------------------------- */

static enum err fake_check(const struct db_target *t, struct fail *f)
{
    (void)t;
    (void)f;
    return ERR_OK;
}

static const char *fake_version(void)
{
    return "fake 1";
}

static void wait_at_gate(struct fake_db *db)
{
    pthread_mutex_lock(&db->lock);
    uint64_t seen = db->let_go;
    while (db->let_go == seen) {
        pthread_cond_wait(&db->gate, &db->lock);
    }
    pthread_mutex_unlock(&db->lock);
}

static void sleep_ms(uint32_t ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&ts, &ts) != 0) {
    }
}

static enum err fake_fail(const struct fake_reply *r, enum err usual, struct fail *f)
{
    const char *text = r->message != NULL ? r->message : "the fake database was told to fail";
    return fail_set(f, r->err != ERR_OK ? r->err : usual, "%s", text);
}

static void run_step(struct task *t);
static void run_close(struct task *t);
static void run_idle_broke(struct task *t);
static void on_delay(struct timer *t);

/* db is the fake_db whose first member is *t; a test made it and may write to it. */
static struct fake_db *db_of(const struct db_target *t)
{
    return (struct fake_db *)(uintptr_t)t;
}

static enum err new_conn(struct fake_db *db, const struct fake_reply *r, struct db_conn **out)
{
    struct fake_conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    c->db = db;
    c->killed = atomic_load(&db->killed);
    c->no_attach = r->act == FAKE_NO_ATTACH;
    c->conn.driver = &driver_fake;
    c->conn.target = &db->target;
    c->conn.server_version = 10000;
    c->conn.opened_ns = clock_now_ns();
    c->conn.backend_id = atomic_fetch_add(&db->next_id, 1) + 1;
    c->step.run = run_step;
    c->idle_task.run = run_idle_broke;
    c->close_task.run = run_close;
    c->timer.fire = on_delay;
    enter(&db->sessions, &db->sessions_max);
    *out = &c->conn;
    return ERR_OK;
}

static enum err fake_open(const struct db_target *t, struct db_conn **out, struct fail *f)
{
    struct fake_db *db = db_of(t);
    struct fake_reply r = next_reply(db, FAKE_OPEN);
    enter(&db->opening, &db->opening_max);
    sleep_ms(r.delay_ms);
    if (r.act == FAKE_HANG || r.act == FAKE_DEAF) {
        wait_at_gate(db);
    }
    atomic_fetch_sub(&db->opening, 1);
    bool fails =
        r.act == FAKE_FAIL || r.act == FAKE_BREAK || (r.act == FAKE_HANG && r.err != ERR_OK);
    if (fails) {
        atomic_fetch_add(&db->open_failed, 1);
        return fake_fail(&r, ERR_CONNECTION_FAILED, f);
    }
    enum err e = new_conn(db, &r, out);
    return e == ERR_OK ? e : fail_set(f, e, "out of memory");
}

static enum err fake_attach(struct db_conn *conn, struct loop *l, struct connector *k,
                            struct fail *f)
{
    struct fake_conn *c = (struct fake_conn *)conn;
    conn->loop = l;
    conn->connector = k;
    atomic_fetch_add(&c->db->attaches, 1);
    if (c->no_attach) {
        return fail_set(f, ERR_CONNECTION_FAILED, "the fake database refuses the loop");
    }
    return ERR_OK;
}

/* -- running --------------------------------------------------------------- */

static void queue_step(struct fake_conn *c, enum fake_phase phase)
{
    c->phase = phase;
    if (!c->step.queued) {
        loop_defer(c->conn.loop, &c->step);
    }
}

/* Ends the run: its owner may start another, or close, from done. */
static void finish(struct fake_conn *c, enum err e)
{
    struct run *r = c->conn.running;
    assert(r != NULL);
    r->err = e;
    r->rowcount = c->row;
    r->ended_ns = clock_now_ns();
    if (e == ERR_CONNECTION_LOST) {
        c->conn.broken = true;
        r->maybe_executed = true;
    }
    if ((c->call == FAKE_RUN || c->call == FAKE_ROLLBACK) && e == ERR_OK) {
        c->conn.tx = c->reply.tx_after;
    } else if (c->call == FAKE_RESET && e == ERR_OK) {
        c->conn.tx = DB_TX_NONE;
    }
    if (e == ERR_OK && c->reply.act == FAKE_BREAK_IDLE) {
        loop_defer(c->conn.loop, &c->idle_task);
    }
    c->phase = PHASE_IDLE;
    c->conn.running = NULL;
    atomic_fetch_sub(&c->db->running, 1);
    r->done(r);
}

static void end_in_words(struct fake_conn *c, enum err e, const char *text)
{
    finish(c, fail_set(c->conn.running->fail, e, "%s", text));
}

/* The delay is over: what now. */
static void answer(struct fake_conn *c)
{
    switch (c->reply.act) {
    case FAKE_OK:
    case FAKE_BREAK_IDLE:
    case FAKE_NO_ATTACH:
        queue_step(c, PHASE_ROWS);
        return;
    case FAKE_FAIL:
        c->outcome = ERR_DATABASE_ERROR;
        queue_step(c, PHASE_ENDING);
        return;
    case FAKE_BREAK:
        c->outcome = ERR_CONNECTION_LOST;
        queue_step(c, PHASE_ENDING);
        return;
    case FAKE_DEAF:
        if (c->reply.delay_ms > 0) {
            queue_step(c, PHASE_ROWS);
            return;
        }
        c->phase = PHASE_HANG;
        return;
    case FAKE_HANG:
        c->phase = PHASE_HANG;
        return;
    }
}

static void on_delay(struct timer *t)
{
    struct fake_conn *c =
        (struct fake_conn *)(void *)((char *)t - offsetof(struct fake_conn, timer));
    answer(c);
}

static void start(struct db_conn *conn, struct run *r, enum fake_call call)
{
    struct fake_conn *c = (struct fake_conn *)conn;
    assert(conn->running == NULL && conn->loop != NULL && c->close_cb == NULL);
    conn->running = r;
    r->err = ERR_OK;
    r->rowcount = 0;
    r->maybe_executed = false;
    r->started_ns = clock_now_ns();
    enter(&c->db->running, &c->db->running_max);
    c->call = call;
    c->row = 0;
    c->reply = next_reply(c->db, call);
    if (conn->broken || c->killed != atomic_load(&c->db->killed)) {
        c->reply = (struct fake_reply){.act = FAKE_BREAK};
    }
    c->phase = PHASE_DELAY;
    if (c->reply.delay_ms == 0) {
        answer(c);
        return;
    }
    uint64_t due_ns = clock_now_ns() + (uint64_t)c->reply.delay_ms * NS_PER_MS;
    if (loop_timer_start(conn->loop, &c->timer, due_ns) != ERR_OK) {
        answer(c);
    }
}

static void fake_run(struct db_conn *conn, struct run *r)
{
    assert(r->sets > 0 && r->fail != NULL);
    start(conn, r, FAKE_RUN);
}

static void fake_ping(struct db_conn *conn, struct run *r)
{
    start(conn, r, FAKE_PING);
}

static void fake_rollback(struct db_conn *conn, struct run *r)
{
    start(conn, r, FAKE_ROLLBACK);
}

static void fake_reset(struct db_conn *conn, struct run *r)
{
    start(conn, r, FAKE_RESET);
}

enum { CELLS_MAX = 64 };

static enum sink_verdict give_row(struct run *r, uint64_t n)
{
    struct value cells[CELLS_MAX];
    assert(r->stmt->column_count <= CELLS_MAX);
    for (uint32_t i = 0; i < r->stmt->column_count; i++) {
        cells[i] = (struct value){.kind = VALUE_INT, .num = (int64_t)n};
    }
    return r->sink->row(r->sink, cells, r->fail);
}

/* The sink is full: true if it has room again. */
static bool flushed(struct fake_conn *c)
{
    if (c->conn.running->flush(c->conn.running)) {
        return true;
    }
    /* cancel or close may have been called from flush */
    if (c->phase == PHASE_ROWS) {
        c->phase = PHASE_PAUSED;
    }
    return false;
}

static void deliver(struct fake_conn *c)
{
    struct run *r = c->conn.running;
    while (c->call == FAKE_RUN && c->row < c->reply.rows) {
        enum sink_verdict v = r->sink == NULL ? SINK_MORE : give_row(r, c->row);
        if (v == SINK_FAILED) {
            finish(c, r->fail->code);
            return;
        }
        c->row++;
        if (v == SINK_ENOUGH) {
            break;
        }
        if (v == SINK_FULL && (!flushed(c) || c->phase != PHASE_ROWS)) {
            return;
        }
    }
    finish(c, ERR_OK);
}

static void run_step(struct task *t)
{
    struct fake_conn *c =
        (struct fake_conn *)(void *)((char *)t - offsetof(struct fake_conn, step));
    if (c->phase == PHASE_ROWS) {
        deliver(c);
        return;
    }
    assert(c->phase == PHASE_ENDING);
    switch ((int)c->outcome) {
    case ERR_CANCELLED:
        end_in_words(c, ERR_CANCELLED, "cancelled");
        return;
    case ERR_CONNECTION_LOST:
        end_in_words(c, ERR_CONNECTION_LOST, "the fake session broke");
        return;
    default:
        finish(c, fake_fail(&c->reply, ERR_DATABASE_ERROR, c->conn.running->fail));
        return;
    }
}

static void fake_resume(struct db_conn *conn)
{
    struct fake_conn *c = (struct fake_conn *)conn;
    if (c->phase == PHASE_PAUSED) {
        queue_step(c, PHASE_ROWS);
    }
}

/* -- ending ---------------------------------------------------------------- */

static void end_early(struct fake_conn *c, enum err e)
{
    loop_timer_stop(c->conn.loop, &c->timer);
    c->outcome = e;
    queue_step(c, PHASE_ENDING);
}

static void fake_cancel(struct db_conn *conn)
{
    struct fake_conn *c = (struct fake_conn *)conn;
    if (conn->running != NULL && c->phase != PHASE_ENDING) {
        atomic_fetch_add(&c->db->cancels, 1);
        if (c->reply.act != FAKE_DEAF) {
            end_early(c, ERR_CANCELLED);
        }
    }
}

static void run_close(struct task *t)
{
    struct fake_conn *c =
        (struct fake_conn *)(void *)((char *)t - offsetof(struct fake_conn, close_task));
    assert(c->conn.running == NULL);
    if (c->idle_task.queued) {
        loop_defer(c->conn.loop, &c->close_task); /* behind it */
        return;
    }
    atomic_fetch_add(&c->db->closes, 1);
    atomic_fetch_sub(&c->db->sessions, 1);
    c->close_cb(&c->conn, c->close_arg);
    free(c);
}

static void fake_close(struct db_conn *conn, db_conn_cb *cb, void *arg)
{
    struct fake_conn *c = (struct fake_conn *)conn;
    assert(c->close_cb == NULL && conn->loop != NULL);
    c->close_cb = cb;
    c->close_arg = arg;
    conn->broken = true;
    if (conn->running != NULL) {
        end_early(c, ERR_CONNECTION_LOST);
    }
    loop_defer(conn->loop, &c->close_task);
}

static void run_idle_broke(struct task *t)
{
    struct fake_conn *c =
        (struct fake_conn *)(void *)((char *)t - offsetof(struct fake_conn, idle_task));
    if (c->conn.running == NULL && c->close_cb == NULL) {
        fake_break_idle(&c->conn);
    } else {
        c->killed = UINT64_MAX; /* lent meanwhile: the next run finds out */
    }
}

void fake_break_idle(struct db_conn *conn)
{
    assert(conn->running == NULL);
    conn->broken = true;
    conn->idle_broke = true;
    if (conn->on_idle_broke != NULL) {
        conn->on_idle_broke(conn, conn->pool_arg);
    }
}

void fake_speak(struct db_conn *conn)
{
    ((struct fake_conn *)conn)->spoke = true;
}

static bool fake_spoke(const struct db_conn *conn)
{
    return ((const struct fake_conn *)conn)->spoke;
}

const struct driver driver_fake = {
    .name = "fake",
    .kind = DB_FAKE,
    .check = fake_check,
    .open = fake_open,
    .library_version = fake_version,
    .attach = fake_attach,
    .run = fake_run,
    .resume = fake_resume,
    .cancel = fake_cancel,
    .ping = fake_ping,
    .rollback = fake_rollback,
    .reset = fake_reset,
    .spoke = fake_spoke,
    .close = fake_close,
};
