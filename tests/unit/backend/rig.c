/* SPDX-License-Identifier: MIT
 *
 * rig.c: the loop thread of driver tests, and runs that collect their rows.
 */
#include "rig.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* -- the loop -------------------------------------------------------------- */

struct call {
    struct task task;
    void (*fn)(void *arg);
    void *arg;
    sem_t done;
};

static void on_call(struct task *t)
{
    struct call *c = (struct call *)t;
    c->fn(c->arg);
    sem_post(&c->done);
}

static void wait_sem(sem_t *s)
{
    while (sem_wait(s) != 0) {
    }
}

void rig_call(struct rig *r, void (*fn)(void *arg), void *arg)
{
    struct call c = {.task = {.run = on_call}, .fn = fn, .arg = arg};
    sem_init(&c.done, 0, 0);
    loop_post(&r->loop, &c.task);
    wait_sem(&c.done);
    sem_destroy(&c.done);
}

static void *turn(void *arg)
{
    loop_run(arg);
    return NULL;
}

void rig_init(struct rig *r)
{
    ck_assert_int_eq(loop_init(&r->loop), ERR_OK);
    r->connector = connector_create(2);
    ck_assert_ptr_nonnull(r->connector);
    ck_assert_int_eq(pthread_create(&r->thread, NULL, turn, &r->loop), 0);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

void rig_fini(struct rig *r)
{
    rig_call(r, stop, &r->loop);
    pthread_join(r->thread, NULL);
    connector_destroy(r->connector);
    loop_fini(&r->loop);
}

/* -- opening --------------------------------------------------------------- */

struct opening {
    struct connector_job job;
    const struct driver *driver;
    const struct db_target *target;
    struct db_conn *conn;
    struct connector *connector;
    enum err err;
    struct fail *fail;
    sem_t done;
};

static void open_work(struct connector_job *j)
{
    struct opening *o = (struct opening *)j;
    o->err = o->driver->open(o->target, &o->conn, o->fail);
}

static void open_done(struct connector_job *j)
{
    struct opening *o = (struct opening *)j;
    if (o->err == ERR_OK) {
        o->err = o->driver->attach(o->conn, j->loop, o->connector, o->fail);
        ck_assert_int_eq(o->err, ERR_OK);
    }
    sem_post(&o->done);
}

struct db_conn *rig_open(struct rig *r, const struct driver *d, const struct db_target *t,
                         struct fail *f)
{
    struct opening o = {.job = {.work = open_work, .done = open_done, .loop = &r->loop},
                        .driver = d,
                        .target = t,
                        .connector = r->connector,
                        .fail = f};
    fail_init(f);
    sem_init(&o.done, 0, 0);
    connector_submit(r->connector, &o.job);
    wait_sem(&o.done);
    sem_destroy(&o.done);
    ck_assert_int_eq(o.err, f->code);
    return o.err == ERR_OK ? o.conn : NULL;
}

struct closing {
    struct db_conn *conn;
    sem_t done;
};

static void on_closed(struct db_conn *c, void *arg)
{
    (void)c;
    sem_post(&((struct closing *)arg)->done);
}

static void start_close(void *arg)
{
    struct closing *c = arg;
    c->conn->driver->close(c->conn, on_closed, c);
}

void rig_close(struct rig *r, struct db_conn *c)
{
    struct closing k = {.conn = c};
    sem_init(&k.done, 0, 0);
    rig_call(r, start_close, &k);
    wait_sem(&k.done);
    sem_destroy(&k.done);
}

/* -- values ---------------------------------------------------------------- */

struct value v_null(void)
{
    return (struct value){.kind = VALUE_NULL};
}

struct value v_int(int64_t v)
{
    return (struct value){.kind = VALUE_INT, .num = v};
}

struct value v_bool(bool v)
{
    return (struct value){.kind = VALUE_BOOL, .boolean = v};
}

struct value v_double(double v)
{
    return (struct value){.kind = VALUE_DOUBLE, .real = v};
}

struct value v_text(const char *s)
{
    return (struct value){.kind = VALUE_TEXT, .text = str_of(s)};
}

struct value v_bytes(const void *p, size_t n)
{
    return (struct value){.kind = VALUE_BYTES, .text = {p, n}};
}

static void print_cell(struct buf *b, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NULL:
        BUF_LIT(b, "null");
        return;
    case VALUE_BOOL:
        buf_printf(b, "%s", v->boolean ? "true" : "false");
        return;
    case VALUE_INT:
        buf_i64(b, v->num);
        return;
    case VALUE_DOUBLE:
        buf_printf(b, "%.17gd", v->real);
        return;
    case VALUE_TEXT:
        buf_char(b, '\'');
        buf_str_add(b, v->text);
        buf_char(b, '\'');
        return;
    case VALUE_BYTES:
        BUF_LIT(b, "x'");
        for (size_t i = 0; i < v->text.len; i++) {
            buf_printf(b, "%02x", (unsigned char)v->text.ptr[i]);
        }
        BUF_LIT(b, "'");
        return;
    case VALUE_LIST:
        break;
    }
    ck_abort_msg("a list in a row");
}

/* -- runs ------------------------------------------------------------------ */

static enum sink_verdict on_row(struct row_sink *s, const struct value *cells, struct fail *f)
{
    struct exec *e = (struct exec *)(void *)((char *)s - offsetof(struct exec, sink));
    e->rows++;
    if (e->rows == 1) {
        sem_post(&e->first_row);
    }
    for (uint32_t i = 0; e->manner == EXEC_COLLECT && i < e->stmt.column_count; i++) {
        if (i > 0) {
            buf_char(&e->text, '|');
        }
        print_cell(&e->text, &cells[i]);
    }
    if (e->manner == EXEC_COLLECT) {
        buf_char(&e->text, '\n');
    }
    if (e->fail_after != 0 && e->rows == e->fail_after) {
        (void)fail_set(f, ERR_TOO_MANY_ROWS, "the sink wants no more");
        return SINK_FAILED;
    }
    if (e->enough_after != 0 && e->rows == e->enough_after) {
        return SINK_ENOUGH;
    }
    return e->full_every != 0 && e->rows % e->full_every == 0 ? SINK_FULL : SINK_MORE;
}

static bool on_flush(struct run *r)
{
    struct exec *e = (struct exec *)r;
    atomic_fetch_add(&e->flushes, 1);
    if (e->pause) {
        sem_post(&e->paused);
        return false;
    }
    return true;
}

static void on_done(struct run *r)
{
    struct exec *e = (struct exec *)r;
    atomic_fetch_add(&e->done_count, 1);
    sem_post(&e->done);
}

void exec_init(struct exec *e, const char *sql, uint32_t columns)
{
    *e = (struct exec){0};
    e->stmt.sql = str_of(sql);
    e->stmt.param_types = e->types;
    ck_assert_uint_le(columns, EXEC_PARAMS_MAX);
    e->stmt.column_count = columns;
    e->stmt.columns = e->columns;
    e->sink.row = on_row;
    e->run = (struct run){.stmt = &e->stmt,
                          .params = e->one_set,
                          .sets = 1,
                          .sink = &e->sink,
                          .flush = on_flush,
                          .done = on_done,
                          .fail = &e->fail};
    fail_init(&e->fail);
    buf_init(&e->text);
    sem_init(&e->done, 0, 0);
    sem_init(&e->paused, 0, 0);
    sem_init(&e->first_row, 0, 0);
}

void exec_fini(struct exec *e)
{
    buf_fini(&e->text);
    sem_destroy(&e->done);
    sem_destroy(&e->paused);
    sem_destroy(&e->first_row);
}

void exec_param(struct exec *e, enum type_kind k, struct value v)
{
    ck_assert_uint_lt(e->stmt.param_count, EXEC_PARAMS_MAX);
    e->types[e->stmt.param_count] =
        (struct type){.kind = k, .length = -1, .precision = -1, .scale = -1};
    e->one_set[e->stmt.param_count++] = v;
}

struct start {
    struct db_conn *conn;
    struct exec *exec;
    enum rig_start how;
};

static void start_exec(void *arg)
{
    struct start *s = arg;
    switch (s->how) {
    case RIG_RUN:
        s->conn->driver->run(s->conn, &s->exec->run);
        break;
    case RIG_PING:
        s->conn->driver->ping(s->conn, &s->exec->run);
        break;
    case RIG_ROLLBACK:
        s->conn->driver->rollback(s->conn, &s->exec->run);
        break;
    case RIG_RESET:
        s->conn->driver->reset(s->conn, &s->exec->run);
        break;
    }
    ck_assert_int_eq(atomic_load(&s->exec->done_count),
                     0); /* never before the start returned */
}

void exec_start(struct rig *r, struct db_conn *c, struct exec *e, enum rig_start how)
{
    struct start s = {c, e, how};
    e->conn = c;
    e->rig = r;
    rig_call(r, start_exec, &s);
}

enum err exec_wait(struct exec *e)
{
    wait_sem(&e->done);
    ck_assert_int_eq(atomic_load(&e->done_count), 1);
    ck_assert_int_eq(e->run.err, e->fail.code);
    return e->run.err;
}

void exec_wait_for(struct exec *e, sem_t *s)
{
    struct timespec due;
    for (;;) {
        clock_gettime(CLOCK_REALTIME, &due);
        due.tv_sec++;
        if (sem_timedwait(s, &due) == 0) {
            return;
        }
        bool done = atomic_load(&e->done_count) > 0;
        ck_assert_msg(!done || sem_trywait(s) == 0, "done too early: %s", e->fail.message);
        if (done) {
            return;
        }
    }
}

enum err exec_run(struct rig *r, struct db_conn *c, struct exec *e)
{
    exec_start(r, c, e, RIG_RUN);
    return exec_wait(e);
}

static void do_cancel(void *arg)
{
    struct exec *e = arg;
    e->conn->driver->cancel(e->conn);
}

void exec_cancel(struct exec *e)
{
    rig_call(e->rig, do_cancel, e);
}

static void do_resume(void *arg)
{
    struct exec *e = arg;
    e->conn->driver->resume(e->conn);
}

void exec_resume(struct exec *e)
{
    rig_call(e->rig, do_resume, e);
}

enum err rig_rollback(struct rig *r, struct db_conn *c)
{
    struct exec e;
    exec_init(&e, "", 0);
    exec_start(r, c, &e, RIG_ROLLBACK);
    enum err err = exec_wait(&e);
    exec_fini(&e);
    return err;
}

enum err rig_do(struct rig *r, struct db_conn *c, const char *sql)
{
    struct exec e;
    exec_init(&e, sql, 0);
    enum err rc = exec_run(r, c, &e);
    exec_fini(&e);
    return rc;
}

void rig_must(struct rig *r, struct db_conn *c, const char *sql)
{
    struct exec e;
    exec_init(&e, sql, 0);
    enum err rc = exec_run(r, c, &e);
    ck_assert_msg(rc == ERR_OK, "%s: %s: %s", sql, err_wire(rc), e.fail.message);
    exec_fini(&e);
}

char *rig_rows(struct rig *r, struct db_conn *c, const char *sql, uint32_t columns)
{
    struct exec e;
    exec_init(&e, sql, columns);
    enum err rc = exec_run(r, c, &e);
    ck_assert_msg(rc == ERR_OK, "%s: %s: %s", sql, err_wire(rc), e.fail.message);
    buf_char(&e.text, '\0');
    char *out = strdup(e.text.ptr);
    exec_fini(&e);
    return out;
}

bool rig_memory_tells(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false; /* freed memory stays with the sanitizer */
#else
    return true;
#endif
}

uint64_t rig_rss_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    uint64_t size = 0, rss = 0;
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%" SCNu64 " %" SCNu64, &size, &rss), 2);
    fclose(f);
    return rss * (uint64_t)sysconf(_SC_PAGESIZE);
}
