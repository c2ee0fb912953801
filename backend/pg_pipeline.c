/* SPDX-License-Identifier: MIT
 *
 * backend/pg_pipeline.c: many runs at a time on one PostgreSQL session.
 *
 * What is sent is a row of groups, each an implicit transaction of its own:
 *
 *     [Parse] Execute  [Parse] Execute  …  Sync
 *
 * The server does not send the answers of a group before its Sync. When one of a group
 * fails, those behind it are aborted; reads are sent again, each with a Sync of its own, and
 * so is one whose prepared statement the server no longer takes. Writes never are: `whole`
 * tells what became of the group, and a Flush before their Sync that all of them were run
 * and only the commit is left.
 * Owns the tickets; borrows the runs. Loop thread.
 */
#include "backend/pg_pipeline.h"

#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEALLOCATES_MAX = 8, TICKETS_MIN = 16 };

/* What became of a ticket so far. */
enum fate { FATE_GOOD, FATE_ABORTED, FATE_STALE, FATE_FAILED };

/* One statement that was sent. */
struct ticket {
    struct run *run; /* NULL: its answer is not wanted */
    uint64_t key;    /* in the cache; 0: not prepared */
    uint64_t name;
    bool prepares; /* its Parse is sent with it */
    bool syncs;    /* a Sync is behind it */
    bool again;    /* it was sent before */
    bool writes;
    enum fate fate;
    enum err err;
};

struct pg_pipe {
    struct ticket *tickets; /* a ring */
    uint32_t cap, first, count;
    uint32_t unsynced; /* of count, at its end: no Sync is behind them yet */
    enum { AT_PREPARE, AT_EXECUTE, AT_SYNC } at; /* of the first ticket */
    enum { PIPE_OPEN, PIPE_LEAVING } state;
    uint64_t now_ns; /* of the present look at the socket */
    uint32_t nulls;  /* that came where a result was due */
    bool pumping;
};

static struct pg_conn *conn_of(struct db_conn *c)
{
    return (struct pg_conn *)(void *)c;
}

/* -- the ring -------------------------------------------------------------- */

static struct ticket *ticket_at(const struct pg_pipe *p, uint32_t i)
{
    return &p->tickets[(p->first + i) & (p->cap - 1)];
}

static bool has_room(struct pg_pipe *p)
{
    if (p->count < p->cap) {
        return true;
    }
    uint32_t cap = p->cap == 0 ? TICKETS_MIN : p->cap * 2;
    struct ticket *tickets = malloc(cap * sizeof *tickets);
    if (tickets == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        tickets[i] = *ticket_at(p, i);
    }
    free(p->tickets);
    p->tickets = tickets;
    p->cap = cap;
    p->first = 0;
    return true;
}

static struct ticket *push(struct pg_pipe *p, struct ticket t)
{
    struct ticket *at = ticket_at(p, p->count++);
    *at = t;
    p->unsynced++;
    return at;
}

/* What the next result of libpq belongs to. */
static void expect_first(struct pg_pipe *p)
{
    if (p->count > 0) {
        p->at = ticket_at(p, 0)->prepares ? AT_PREPARE : AT_EXECUTE;
    }
}

static void pop(struct pg_pipe *p)
{
    p->nulls = 0;
    p->first = (p->first + 1) & (p->cap - 1);
    p->count--;
    expect_first(p);
}

void pg_pipe_free(struct pg_pipe *p)
{
    if (p != NULL) {
        free(p->tickets);
        free(p);
    }
}

/* -- the end --------------------------------------------------------------- */

static void end_run(struct pg_conn *c, struct run *r, enum err e)
{
    r->err = e;
    r->ended_ns = c->pipe->now_ns;
    r->done(r);
}

void pg_pipe_lost(struct pg_conn *c)
{
    struct pg_pipe *p = c->pipe;
    if (p == NULL) {
        return;
    }
    char words[sizeof((struct fail *)NULL)->message];
    p->now_ns = clock_now_ns();
    pg_one_line(PQerrorMessage(c->pg), words, sizeof words);
    while (p->count > 0) {
        struct run *r = ticket_at(p, 0)->run;
        pop(p);
        if (r != NULL) {
            end_run(c, r,
                    fail_set(r->fail, ERR_CONNECTION_LOST,
                             "the connection to PostgreSQL was lost: %.400s", words));
        }
    }
    p->unsynced = 0;
}

/* Must be the last thing that its callers do. */
static void settle_if_over(struct pg_conn *c)
{
    struct pg_pipe *p = c->pipe;
    if (c->state != PG_PIPED || p->pumping) {
        return;
    }
    if (p->state == PIPE_LEAVING && p->count == 0) {
        pg_settle(c); /* all is answered, whatever came of the session since */
    } else if (c->link == PG_LINK_LOST) {
        pg_pipe_lost(c);
        pg_fail_lost(c, PQerrorMessage(c->pg));
        pg_settle(c);
    } else {
        pg_wait(c);
    }
}

/* -- sending --------------------------------------------------------------- */

/* In a group of its own: a failure hits nobody. */
static bool send_deallocates(struct pg_conn *c)
{
    uint64_t name;
    uint32_t n = 0;
    while (n < DEALLOCATES_MAX && (name = pg_cache_take_dropped(&c->cache)) != 0) {
        char text[PG_NAME_BYTES], sql[64];
        pg_name_text(name, text);
        snprintf(sql, sizeof sql, "deallocate %s", text);
        if (!has_room(c->pipe) ||
            PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, FORMAT_TEXT) == 0) {
            return false;
        }
        struct ticket *t = push(c->pipe, (struct ticket){.run = NULL});
        if (PQpipelineSync(c->pg) == 0) {
            return false;
        }
        t->syncs = true;
        c->pipe->unsynced = 0;
        n++;
    }
    return true;
}

/* Finds its prepared statement, or has it prepared: the name is kept at once, for those
 * behind it. */
static bool send_prepare(struct pg_conn *c, struct ticket *t)
{
    const struct run *r = t->run;
    t->key = c->cache.cap == 0 || r->stmt->id == 0 ? 0 : r->stmt->id << 1 | pg_is_many(r);
    t->name = t->key == 0 ? 0 : pg_cache_find(&c->cache, t->key);
    if (t->key == 0 || t->name != 0) {
        return true;
    }
    char name[PG_NAME_BYTES];
    t->name = ++c->cache.last_name;
    t->prepares = true;
    pg_name_text(t->name, name);
    if (PQsendPrepare(c->pg, name, pg_sql_of(r), (int)c->params.count, c->params.types) == 0) {
        return false;
    }
    pg_cache_add(&c->cache, t->key, t->name);
    return true;
}

static bool send_execute(struct pg_conn *c, const struct ticket *t)
{
    const struct pg_params *p = &c->params;
    if (t->name == 0) {
        return PQsendQueryParams(c->pg, pg_sql_of(t->run), (int)p->count, p->types, p->values,
                                 p->lengths, p->formats, FORMAT_TEXT) == 1;
    }
    char name[PG_NAME_BYTES];
    pg_name_text(t->name, name);
    return PQsendQueryPrepared(c->pg, name, (int)p->count, p->values, p->lengths, p->formats,
                               FORMAT_TEXT) == 1;
}

/* The params are set. False: the session can only be closed. */
static bool send_ticket(struct pg_conn *c, struct ticket t)
{
    if (!send_prepare(c, &t) || !send_execute(c, &t)) {
        pg_lost(c);
        return false;
    }
    push(c->pipe, t);
    if (c->pipe->count == 1) {
        expect_first(c->pipe);
    }
    return true;
}

static void send_sync(struct pg_conn *c)
{
    struct pg_pipe *p = c->pipe;
    if (p->unsynced == 0 || c->link == PG_LINK_LOST) {
        return;
    }
    struct ticket *last = ticket_at(p, p->count - 1);
    last->syncs = true;
    p->unsynced = 0;
    if (last->writes && PQsendFlushRequest(c->pg) == 0) {
        pg_lost(c);
        return;
    }
    c->sets_sent++; /* from here on it may be committed */
    if (PQpipelineSync(c->pg) == 0) {
        pg_lost(c);
    }
}

static enum err queue(struct db_conn *conn, struct run *r)
{
    struct pg_conn *c = conn_of(conn);
    if (c->link == PG_LINK_LOST || c->state != PG_PIPED) {
        return fail_set(r->fail, ERR_CONNECTION_LOST, "the connection to PostgreSQL was lost");
    }
    enum err e = pg_set_params(c, r);
    if (e != ERR_OK) {
        return e;
    }
    bool fresh = c->pipe->unsynced == 0;
    if (!has_room(c->pipe) || (fresh && !send_deallocates(c))) {
        return fail_set(r->fail, ERR_OUT_OF_MEMORY, "no memory for sending the statement");
    }
    r->err = ERR_OK;
    r->rowcount = 0;
    r->maybe_executed = false;
    r->started_ns = clock_now_ns();
    struct ticket t = {.run = r, .writes = !r->stmt->read_only};
    if (!has_room(c->pipe) || !send_ticket(c, t)) {
        return fail_set(r->fail, ERR_CONNECTION_LOST, "the connection to PostgreSQL was lost");
    }
    return ERR_OK;
}

static void flush(struct db_conn *conn)
{
    struct pg_conn *c = conn_of(conn);
    if (c->state == PG_PIPED) {
        send_sync(c);
        settle_if_over(c);
    }
}

/* -- results --------------------------------------------------------------- */

static void fail_ticket(struct ticket *t, enum err e)
{
    if (t->fate == FATE_GOOD) {
        t->fate = FATE_FAILED;
        t->err = e;
    }
}

static void take_rows(struct pg_conn *c, struct ticket *t, const PGresult *res)
{
    struct run *r = t->run;
    if ((uint32_t)PQnfields(res) != r->stmt->column_count) {
        fail_ticket(t, fail_set(r->fail, ERR_CATALOG_CHANGED,
                                "the result has other columns than planned"));
        return;
    }
    if (r->sink == NULL) {
        return;
    }
    if (pg_cells_shape(&c->cells, res) != ERR_OK) {
        fail_ticket(t, fail_set(r->fail, ERR_OUT_OF_MEMORY, "no memory for a row"));
        return;
    }
    int rows = PQntuples(res);
    for (int i = 0; i < rows; i++) {
        const struct value *cells = pg_cells_read(&c->cells, res, i);
        if (cells == NULL) {
            fail_ticket(t, fail_set(r->fail, ERR_OUT_OF_MEMORY, "no memory for a row"));
            return;
        }
        r->rowcount++;
        enum sink_verdict verdict = r->sink->row(r->sink, cells, r->fail);
        if (verdict == SINK_FAILED) {
            fail_ticket(t, r->fail->code != ERR_OK ? r->fail->code : ERR_INTERNAL);
        }
        if (verdict == SINK_FAILED || verdict == SINK_ENOUGH) {
            return;
        }
    }
}

static enum err error_of(const struct pg_conn *c, struct fail *f, const PGresult *res)
{
    if (pg_is_stale(res)) {
        return pg_fail_as(f, ERR_CATALOG_CHANGED, res);
    }
    if (c->asked == PG_ASKED_CANCEL && pg_is_state(res, "57014")) {
        return pg_fail_as(f, ERR_CANCELLED, res);
    }
    return pg_fail(f, res);
}

/* Nothing of its group will be there, wherever in it the error came, its commit included.
 * What has no SQLSTATE is libpq's own (it has no memory): what the server said is lost. */
static void fail_group(struct pg_conn *c, const PGresult *res)
{
    if (PQresultErrorField(res, PG_DIAG_SQLSTATE) == NULL) {
        pg_lost(c);
    } else if (c->err == ERR_OK) {
        c->err = error_of(c, c->base.running->fail, res);
    }
}

static void take_error(struct pg_conn *c, struct ticket *t, const PGresult *res)
{
    struct fail words;
    fail_init(&words);
    if (pg_fail(&words, res) == ERR_CONNECTION_LOST) {
        pg_lost(c); /* the server said so, and is about to hang up */
        return;
    }
    if (t->writes) {
        fail_group(c, res);
    }
    if (t->run != NULL && t->fate == FATE_GOOD) {
        t->fate = pg_is_stale(res) ? FATE_STALE : FATE_FAILED;
        t->err = error_of(c, t->run->fail, res);
    }
}

/* As its command tag says. */
static void count_written(const struct ticket *t, PGresult *res)
{
    if (t->writes && t->run != NULL) {
        t->run->rowcount = strtoull(PQcmdTuples(res), NULL, 10);
    }
}

/* The one at the head is answered. One that has to be sent again takes a new ticket. */
static void answered(struct pg_conn *c, struct ticket t)
{
    if (t.fate != FATE_GOOD && t.prepares && pg_cache_find(&c->cache, t.key) == t.name) {
        pg_cache_forget(&c->cache, t.key);
    }
    if (t.fate == FATE_STALE && t.key != 0 && pg_cache_find(&c->cache, t.key) == t.name) {
        pg_cache_forget(&c->cache, t.key);
    }
    struct run *r = t.run;
    if (r == NULL) {
        return;
    }
    bool again = t.fate == FATE_ABORTED || (t.fate == FATE_STALE && !t.again);
    if (t.writes) {
        end_run(c, r, t.fate == FATE_ABORTED ? ERR_CANCELLED : t.err);
        return;
    }
    if (!again || c->link == PG_LINK_LOST) {
        end_run(c, r, t.fate == FATE_ABORTED ? ERR_CONNECTION_LOST : t.err);
        return;
    }
    fail_init(r->fail);
    r->rowcount = 0;
    send_sync(c); /* a group of its own */
    enum err e = pg_set_params(c, r);
    if (e == ERR_OK &&
        (!has_room(c->pipe) || !send_ticket(c, (struct ticket){.run = r, .again = true}))) {
        e = fail_set(r->fail, ERR_OUT_OF_MEMORY, "no memory for sending the statement");
    }
    if (e != ERR_OK) {
        end_run(c, r, e);
        return;
    }
    send_sync(c);
}

/* libpq's NULL behind the results of one message. */
static void end_message(struct pg_conn *c)
{
    struct pg_pipe *p = c->pipe;
    struct ticket *t = ticket_at(p, 0);
    if (p->at == AT_PREPARE) {
        p->at = AT_EXECUTE;
        t->prepares = t->fate != FATE_GOOD; /* else the server has it, come what may */
        return;
    }
    if (p->at == AT_SYNC) {
        if (++p->nulls > 1) {
            pg_lost(c); /* only a result is due: the answers are out of step */
        }
        return;
    }
    struct ticket copy = *t;
    t->run = NULL;
    if (t->syncs) {
        p->at = AT_SYNC;
    } else {
        pop(p);
    }
    answered(c, copy);
}

static void take(struct pg_conn *c, PGresult *res)
{
    struct ticket *t = ticket_at(c->pipe, 0);
    switch (PQresultStatus(res)) {
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
        if (t->run != NULL && t->fate == FATE_GOOD) {
            take_rows(c, t, res);
        }
        count_written(t, res);
        break;
    case PGRES_COMMAND_OK:
        count_written(t, res);
        break;
    case PGRES_PIPELINE_SYNC:
        if (c->pipe->at != AT_SYNC) {
            pg_lost(c); /* nobody asked for this one: what follows is out of step */
            break;
        }
        pop(c->pipe);
        break;
    case PGRES_PIPELINE_ABORTED:
        if (t->fate == FATE_GOOD) {
            t->fate = FATE_ABORTED;
        }
        break;
    case PGRES_BAD_RESPONSE:
    case PGRES_FATAL_ERROR:
        take_error(c, t, res);
        break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        pg_lost(c); /* no statement that we made does this */
        break;
    case PGRES_EMPTY_QUERY:
    case PGRES_NONFATAL_ERROR:
        break;
    }
}

bool pg_pipe_commits(const struct pg_conn *c)
{
    const struct pg_pipe *p = c->pipe;
    return c->state == PG_PIPED && p->count > 0 && p->at == AT_SYNC && ticket_at(p, 0)->writes;
}

bool pg_pipe_is_idle(const struct pg_conn *c)
{
    return c->pipe->count == c->pipe->unsynced;
}

void pg_pipe_pump(struct pg_conn *c)
{
    struct pg_pipe *p = c->pipe;
    p->now_ns = clock_now_ns();
    p->pumping = true;
    while (c->link == PG_LINK_UP && p->count > p->unsynced && !PQisBusy(c->pg)) {
        PGresult *res = PQgetResult(c->pg);
        if (res == NULL) {
            end_message(c);
        } else {
            take(c, res);
            PQclear(res);
        }
        if (PQstatus(c->pg) != CONNECTION_OK) {
            pg_lost(c);
        }
    }
    p->pumping = false;
    if (pg_pipe_is_idle(c) && c->link == PG_LINK_UP) {
        (void)PQisBusy(c->pg); /* looks at what stands behind the last answer: on_notice */
        if (c->base.broken || PQstatus(c->pg) != CONNECTION_OK) {
            pg_lost(c);
        }
    }
    settle_if_over(c);
}

/* -- the beginning --------------------------------------------------------- */

static void enter(struct db_conn *conn, struct run *whole)
{
    struct pg_conn *c = conn_of(conn);
    assert(conn->running == NULL && c->state == PG_IDLE);
    if (c->pipe == NULL) {
        c->pipe = calloc(1, sizeof *c->pipe);
    }
    conn->running = whole;
    c->cancelling = PG_CANCEL_NONE;
    c->asked = PG_ASKED_NOTHING;
    c->job = PG_JOB_PIPE;
    c->err = ERR_OK;
    c->sets_sent = 0;
    whole->err = ERR_OK;
    whole->maybe_executed = false;
    whole->started_ns = clock_now_ns();
    if (c->pipe == NULL) {
        c->err = fail_set(whole->fail, ERR_OUT_OF_MEMORY, "no memory for a pipeline");
        c->state = PG_SETTLED;
        loop_defer(conn->loop, &c->start_task);
        return;
    }
    c->state = PG_PIPED;
    c->pipe->state = PIPE_OPEN;
}

static void drop(struct db_conn *conn, struct run *r)
{
    struct pg_pipe *p = conn_of(conn)->pipe;
    for (uint32_t i = 0; i < p->count; i++) {
        if (ticket_at(p, i)->run == r) {
            ticket_at(p, i)->run = NULL;
        }
    }
}

/* On a later turn, as every end. */
static void leave(struct db_conn *conn)
{
    struct pg_conn *c = conn_of(conn);
    if (c->state != PG_PIPED) {
        return;
    }
    c->pipe->state = PIPE_LEAVING;
    send_sync(c);
    if (c->pipe->count == 0 && c->link == PG_LINK_UP) {
        c->state = PG_SETTLED;
        loop_defer(conn->loop, &c->start_task);
    }
}

const struct pipeline pg_pipeline = {
    .enter = enter,
    .queue = queue,
    .flush = flush,
    .drop = drop,
    .leave = leave,
};
