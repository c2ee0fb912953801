/* SPDX-License-Identifier: MIT
 *
 * daemon/reply.c: rows into the connection's buffer. Worker thread, except
 * stream_chunk, which runs wherever the rows are encoded.
 */
#include "daemon/reply.h"

#include "base/clock.h"
#include "compiler/plan_after.h"
#include "protocol/encode.h"

#include <assert.h>

#define FULL_BYTES (64u * 1024)
#define RECHECK_NS UINT64_C(250000000)
#define OUT_BYTES 1000 /* the largest that malloc keeps in each thread's own list */

static const struct conf_limits *limits(const struct req *r)
{
    return &settings_conf(r->worker->settings)->limits;
}

static struct req *of_rows(struct rows *rows)
{
    return (struct req *)((char *)rows - offsetof(struct req, rows));
}

static struct req *of_run(struct run *run)
{
    return (struct req *)((char *)run - offsetof(struct req, run));
}

static struct str db_name(const struct req *r)
{
    return r->backend == NULL ? (struct str){"", 0} : r->backend->db->conf->name;
}

/* Where its line goes: to its client, into the answer of the batch it is a step of, or
 * into what the result cache keeps. */
static struct buf *out_of(struct req *r)
{
    return r->building ? &r->answer : r->parent != NULL ? &r->parent->answer : &r->conn->out;
}

/* ---- preparing ---- */

static void stream_chunk(struct rows *rows, enum rows_edge edge)
{
    if (edge == CHUNK_BEGINS) {
        encode_chunk_head(&rows->out, &of_rows(rows)->msg.id, rows->chunks);
    } else {
        encode_chunk_tail(&rows->out);
    }
}

static enum rows_form form_of(const struct message *m)
{
    switch (m->expect) {
    case MODE_SCALAR:
    case MODE_SCALARS:
    case MODE_COUNT:
    case MODE_EXISTS:
        return ROWS_VALUES;
    case MODE_ALL:
    case MODE_FIRST:
    case MODE_ONE:
    case MODE_ONE_OR_NONE:
        break;
    }
    return m->as;
}

/* Raw SQL cannot be wrapped in a count: its rows are counted here. */
static bool counts_rows(const struct req *r)
{
    return r->bound.plan->kind == PLAN_TEXT &&
           (r->msg.expect == MODE_COUNT || r->msg.expect == MODE_EXISTS);
}

static void as_count(struct req *r, struct rows_opts *o)
{
    o->form = ROWS_COUNTED;
    o->expect = r->msg.expect == MODE_COUNT ? EXPECT_ALL : EXPECT_FIRST;
    o->max_rows = 0;
}

static enum rows_expect expect_of(enum expect_mode mode)
{
    switch (mode) {
    case MODE_FIRST:
    case MODE_SCALAR:
    case MODE_COUNT:
    case MODE_EXISTS:
        return EXPECT_FIRST;
    case MODE_ONE:
        return EXPECT_ONE;
    case MODE_ONE_OR_NONE:
        return EXPECT_ONE_OR_NONE;
    case MODE_ALL:
    case MODE_SCALARS:
        break;
    }
    return EXPECT_ALL;
}

static void as_stream(struct req *r, struct rows_opts *o)
{
    o->form = r->msg.as;
    o->expect = EXPECT_ALL;
    o->max_rows = 0;
    o->max_bytes = 0;
    o->full_bytes = FULL_BYTES;
    o->chunk_rows = r->msg.chunk_rows;
    o->chunk = stream_chunk;
}

/* `expect` is checked before the first byte. */
static bool may_begin_early(const struct req *r)
{
    return expect_of(r->msg.expect) == EXPECT_ALL && r->parent == NULL;
}

static bool reads(const struct plan *p)
{
    return p->kind == PLAN_READ || p->effect == TEXT_READS;
}

enum err reply_prepare(struct req *r)
{
    const struct plan_step *step = r->bound.runs[r->at].step;
    bool rows = step->role == STEP_ROWS || step->role == STEP_KEYS || step->role == STEP_TOLD;
    if (!rows || r->rows_ready) {
        return ERR_OK;
    }
    struct rows_opts o = {
        .columns = step->stmt.columns,
        .column_count = step->stmt.column_count,
        .form = step->role == STEP_KEYS ? ROWS_ARRAYS : form_of(&r->msg),
        .expect = step->role == STEP_KEYS ? EXPECT_ALL : expect_of(r->msg.expect),
        .int64 = r->conn->int64,
        .max_rows = (uint64_t)limits(r)->rows,
        .max_bytes = limits(r)->reply_bytes,
        /* What was written is told only when it is certain: no row of a write
         * leaves before its end. */
        .full_bytes =
            reads(r->bound.plan) && may_begin_early(r) && !cache_keeps(r) ? FULL_BYTES : 0,
        .told = step->stmt.told,
    };
    if (r->bound.plan->after != NULL) {
        o.marks = r->bound.plan->after->marks;
        o.mark_count = r->bound.plan->after->count;
        o.column_count -= r->bound.plan->after->hidden;
    }
    if (counts_rows(r)) {
        as_count(r, &o);
    }
    if (step->role == STEP_KEYS) {
        o.max_rows = 0;
    }
    if (r->msg.stream) {
        as_stream(r, &o);
    }
    r->rows_ready = true; /* rows_fini is owed after either outcome */
    enum err e = rows_init(&r->rows, &o, &r->fail);
    buf_swap(&r->rows.out, &r->text);
    r->rows.credit = r->msg.stream ? r->msg.credit : UINT32_MAX;
    return e;
}

/* ---- rows on their way ---- */

/* `{"id":7,`, what the cache did if it was asked, and, after a write where there are
 * replicas, how far it has come. */
static void open_result(struct req *r)
{
    struct buf *out = out_of(r);
    const char *word = cache_word_name(r);
    char position[POSITION_TEXT_BYTES];
    if (r->building) {
        return; /* that is written for each who is given it */
    }
    encode_open(out, &r->msg.id);
    if (word != NULL) {
        buf_printf(out, "\"cache\":\"%s\",", word);
    }
    if (r->route.at.kind != POSITION_NONE) {
        position_write(&r->route.at, position);
        buf_printf(out, "\"position\":\"%s\",", position);
    }
}

static void begin_line(struct req *r)
{
    struct buf *out = out_of(r);
    if (r->phase != REPLY_NONE) {
        return;
    }
    r->phase = REPLY_BEGUN;
    if (r->msg.stream) {
        open_result(r);
        encode_stream_head(out, r->rows.opts.columns, r->rows.opts.column_count);
        return;
    }
    open_result(r);
    const struct rows_opts *o = &r->rows.opts;
    const struct plan *p = r->bound.plan;
    if (p->columns_text.len > 0 && o->columns == p->columns &&
        o->column_count == p->column_count) {
        encode_rows_head_made(out, p->columns_text, o->form);
    } else { /* the database said what they are, or there are keys of a write */
        encode_rows_head(out, o->columns, o->column_count, o->form);
    }
}

/* Moves what is encoded so far to the connection, and keeps the line open unless
 * the text ends one (between two chunks of a stream). */
static void move_rows(struct req *r)
{
    struct conn *c = r->conn;
    begin_line(r);
    struct str text = buf_str(&r->rows.out);
    bool line_ended =
        r->msg.stream && (text.len == 0 ? c->writer != r : text.ptr[text.len - 1] == '\n');
    buf_str_add(&c->out, text);
    buf_clear(&r->rows.out);
    c->writer = line_ended ? NULL : r;
    conn_flush_later(c);
    if (line_ended) {
        conn_wake(c);
    }
}

static bool has_credit(struct req *r)
{
    if (r->credit_added > 0 && r->rows.credit != UINT32_MAX) {
        uint32_t most = UINT32_MAX - 1 - r->rows.credit; /* UINT32_MAX: no counting */
        r->rows.credit += r->credit_added < most ? r->credit_added : most;
        r->credit_added = 0;
    }
    return r->rows.credit > 0;
}

/* Writes if r may, and says why it cannot go on. */
static enum pause advance(struct req *r)
{
    if (r->conn->state >= CONN_CLOSING || r->void_rows) {
        buf_clear(&r->rows.out); /* nobody will read it */
        return PAUSE_NONE;
    }
    if (!conn_may_write(r->conn, r)) {
        return PAUSE_TURN;
    }
    if (r->rows.out.len > 0 || r->phase == REPLY_NONE) {
        move_rows(r);
    }
    if (conn_full(r->conn)) {
        return PAUSE_READER;
    }
    /* a chunk that was begun is paid for */
    return r->rows.in_chunk > 0 || has_credit(r) ? PAUSE_NONE : PAUSE_CREDIT;
}

/* A reply that waits for the lines of others is not its reader's fault: it is read
 * to its end, within its limits, so that its connection comes free. */
static bool spill(struct req *r)
{
    if (r->pause != PAUSE_TURN || r->msg.stream || r->stop != ERR_OK) {
        return false;
    }
    r->spilled_bytes = limits(r)->reply_bytes;
    if (!req_charge(r)) {
        r->spilled_bytes = 0;
        (void)req_charge(r);
        return false;
    }
    r->rows.opts.full_bytes = 0; /* the driver waits: nobody reads this now */
    r->pause = PAUSE_NONE;
    r->lease->driver->resume(r->lease);
    return true;
}

static void on_paused_long(struct timer *t)
{
    struct req *r = (struct req *)((char *)t - offsetof(struct req, pause_timer));
    if (r->pause == PAUSE_NONE) {
        return;
    }
    bool contended = pool_contended(r->pool);
    if (contended && spill(r)) {
        return;
    }
    if (contended) {
        count_add(&r->worker->counts.slow_ended, 1);
        req_stop(r, ERR_SLOW_READER);
        return;
    }
    if (loop_timer_start(&r->worker->loop, t, r->worker->loop.now_ns + RECHECK_NS) != ERR_OK) {
        req_stop(r, ERR_OUT_OF_MEMORY);
    }
}

static void start_pause(struct req *r, enum pause why)
{
    r->pause = why;
    r->conn->unsettled = true;
    r->paused_ns = clock_now_ns();
    count_add(&r->worker->counts.paused, 1);
    r->pause_timer.fire = on_paused_long;
    uint64_t due = r->paused_ns + limits(r)->paused_ms * 1000000;
    if (loop_timer_start(&r->worker->loop, &r->pause_timer, due) != ERR_OK) {
        req_stop(r, ERR_OUT_OF_MEMORY);
    }
    if (why == PAUSE_CREDIT && r->conn->state >= CONN_ENDED) {
        conn_wake(r->conn); /* no `more` can come: reply_unpause will end it */
    }
}

bool reply_flush(struct run *run)
{
    struct req *r = of_run(run);
    enum pause why = advance(r);
    if (why != PAUSE_NONE && r->stop != ERR_OK) {
        /* It is being stopped and nobody would wake it: the rows are void, and the
         * end of the run says why. */
        r->void_rows = true;
        buf_clear(&r->rows.out);
        return true;
    }
    if (why != PAUSE_NONE) {
        start_pause(r, why);
    }
    return why == PAUSE_NONE;
}

void reply_unpause(struct req *r)
{
    if (r->pause == PAUSE_NONE) {
        return;
    }
    if (r->stop == ERR_OK) {
        r->pause = advance(r);
        if (r->pause == PAUSE_CREDIT && r->conn->state >= CONN_ENDED) {
            req_stop(r, r->worker->state == WORKER_RUNNING ? ERR_CANCELLED : ERR_SHUTTING_DOWN);
            return;
        }
        if (r->pause != PAUSE_NONE) {
            return;
        }
    }
    r->pause = PAUSE_NONE;
    loop_timer_stop(&r->worker->loop, &r->pause_timer);
    if (r->lease != NULL) {
        r->lease->driver->resume(r->lease);
    }
}

/* ---- the end ---- */

enum err reply_check(struct req *r)
{
    return r->rows_ready ? rows_finish(&r->rows, &r->fail) : ERR_OK;
}

static void write_error(struct req *r)
{
    struct buf *out = out_of(r);
    bool open_line = r->conn->writer == r;
    if (r->phase == REPLY_BEGUN && !r->msg.stream) {
        encode_rows_error(out, r->rows.opts.form, &r->fail, db_name(r));
        return;
    }
    if (open_line) {
        encode_chunk_tail(out);
    }
    bool unread = r->line.ptr == NULL; /* nobody knows its id */
    bool malformed = unread || (err_class(r->err) == CLASS_PROTOCOL && r->fail.offset >= 0);
    if (malformed && !r->msg.id.present) {
        encode_open_malformed(out);
    } else {
        encode_open(out, &r->msg.id);
    }
    encode_error(out, &r->fail, db_name(r));
}

static void write_value(struct req *r)
{
    open_result(r);
    if (counts_rows(r)) {
        buf_clear(&r->rows.out);
        if (r->msg.expect == MODE_COUNT) {
            buf_printf(&r->rows.out, "%llu", (unsigned long long)r->rows.count);
        } else {
            buf_str_add(&r->rows.out, r->rows.count > 0 ? STR("true") : STR("false"));
        }
    }
    encode_value(out_of(r), buf_str(&r->rows.out));
}

static bool wants_value(const struct message *m)
{
    return m->expect == MODE_SCALAR || m->expect == MODE_COUNT || m->expect == MODE_EXISTS;
}

/* Where the page after this one begins: behind its last row, or nowhere if it is not
 * full. */
static struct str next_page(const struct req *r)
{
    const struct plan_after *after = r->bound.plan->after;
    if (after == NULL) {
        return STR("");
    }
    bool full = after->limit != UINT32_MAX && r->rows.count > 0 &&
                r->rows.count >= (uint64_t)r->bound.runs[0].params[after->limit].num;
    return full ? buf_str(&r->rows.mark) : STR("null");
}

static void write_rows(struct req *r)
{
    struct buf *out = out_of(r);
    begin_line(r);
    buf_str_add(out, buf_str(&r->rows.out));
    if (r->msg.stream) {
        encode_stream_done(out, &r->msg.id, r->rowcount, next_page(r));
    } else {
        encode_rows_tail(out, r->rows.opts.form, r->rowcount, next_page(r));
    }
}

static void write_count(struct req *r)
{
    struct str keys = {NULL, 0};
    if (r->bound.plan->role == STEP_KEYS) {
        keys = buf_str(&r->rows.out);
    }
    open_result(r);
    encode_count(out_of(r), r->rowcount, keys);
}

/* An insert of no rows runs nothing: its rows are an empty list. */
static void write_nothing(struct req *r)
{
    struct buf *out = out_of(r);
    const struct plan *p = r->bound.plan;
    encode_open(out, &r->msg.id);
    if (p->column_count == 0) {
        encode_count(out, 0, (struct str){NULL, 0});
        return;
    }
    encode_rows_head(out, p->columns, p->column_count, r->msg.as);
    encode_rows_tail(out, r->msg.as, 0, STR(""));
}

static bool has_rows(const struct req *r)
{
    switch (r->bound.plan->role) {
    case STEP_ROWS:
        return true;
    case STEP_COUNT:
    case STEP_KEYS:
    case STEP_QUIET:
    case STEP_CAPTURE:
        return false;
    case STEP_TOLD:
        break;
    }
    return r->rows.opts.column_count > 0 || r->msg.stream;
}

static void write_result(struct req *r)
{
    if (r->answer.len > 0) {
        open_result(r);
        buf_str_add(out_of(r), buf_str(&r->answer));
    } else if (r->bound.plan == NULL) {
        return; /* `more` is answered by what it lets through */
    } else if (r->bound.run_count == 0) {
        write_nothing(r);
    } else if (!has_rows(r)) {
        write_count(r);
    } else if (wants_value(&r->msg)) {
        write_value(r);
    } else {
        write_rows(r);
    }
}

void reply_build(struct req *r)
{
    r->building = true;
    write_result(r);
    r->building = false;
    r->phase = REPLY_NONE;
}

void reply_write(struct req *r)
{
    struct conn *c = r->conn;
    assert(c->writer == NULL || c->writer == r || r->parent != NULL);
    if (c->out.cap == 0) {
        (void)buf_reserve(&c->out, OUT_BYTES); /* else it would grow in steps */
    }
    if (r->err != ERR_OK) {
        write_error(r);
    } else {
        write_result(r);
    }
    if (r->parent == NULL) {
        c->writer = NULL;
        conn_flush_later(c);
    }
}
