/* SPDX-License-Identifier: MIT
 *
 * backend/pg_run.c: one run on a PostgreSQL session: what is sent, and what is
 * made of each result until the last Sync.
 *
 * Borrows the run. Loop thread. The order of messages is told in pg.h.
 */
#include "backend/pg.h"
#include "base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    WINDOW_SETS = 256,        /* sent and not yet answered */
    FLUSH_SETS = 64,          /* after so many the server shall answer */
    DEALLOCATE_MAX = 8,       /* for each attempt */
    DRAIN_BYTES = 256 * 1024, /* unwanted rows beyond this: cancel */
    FEW_ROWS = 2,             /* proven to be no more: read as one result */
};

static struct pg_conn *conn_of(struct db_conn *c)
{
    return (struct pg_conn *)(void *)c;
}

/* -- sending --------------------------------------------------------------- */

void pg_name_text(uint64_t name, char out[PG_NAME_BYTES])
{
    char *at = out + PG_NAME_BYTES - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + name % 10);
        name /= 10;
    } while (name > 0);
    *--at = 't';
    memmove(out, at, (size_t)(out + PG_NAME_BYTES - at));
}

bool pg_is_many(const struct run *r)
{
    return r->sets > 1 && !r->apart && r->stmt->sql_many.len > 0;
}

const char *pg_sql_of(const struct run *r)
{
    return pg_is_many(r) ? r->stmt->sql_many.ptr : r->stmt->sql.ptr;
}

static bool send_set(struct pg_conn *c)
{
    const struct pg_params *p = &c->params;
    char name[PG_NAME_BYTES];
    int ok;
    if (c->name != 0) {
        pg_name_text(c->name, name);
        ok = PQsendQueryPrepared(c->pg, name, (int)p->count, p->values, p->lengths, p->formats,
                                 FORMAT_TEXT);
    } else {
        ok = PQsendQueryParams(c->pg, pg_sql_of(c->base.running), (int)p->count, p->types,
                               p->values, p->lengths, p->formats, FORMAT_TEXT);
    }
    if (ok == 0) {
        return false;
    }
    c->sets_sent++;
    return c->sets_sent % FLUSH_SETS != 0 || PQsendFlushRequest(c->pg) == 1;
}

static bool may_send_set(const struct pg_conn *c)
{
    return c->err == ERR_OK && c->attempt != PG_TRY_STALE && c->sets_sent < c->sets_total &&
           c->sets_sent - c->sets_done < WINDOW_SETS;
}

/* Sends sets while the window has room, and the Sync behind the last. An error
 * ends the sending: what was sent is rolled back by the server. */
static bool send_sets(struct pg_conn *c)
{
    const struct run *r = c->base.running;
    while (may_send_set(c)) {
        if (c->sets_sent > 0) {
            const struct value *set = r->params + (size_t)c->sets_sent * r->stmt->param_count;
            if (pg_params_set(&c->params, r->stmt, set, r->fail) != ERR_OK) {
                return false;
            }
        }
        if (!send_set(c)) {
            return false;
        }
    }
    bool last = c->sets_sent == c->sets_total || c->err != ERR_OK || c->attempt == PG_TRY_STALE;
    if (last && c->sync == PG_SYNC_OWED) {
        c->sync = PG_SYNC_SENT;
        return PQpipelineSync(c->pg) == 1;
    }
    return true;
}

static bool send_deallocates(struct pg_conn *c)
{
    uint64_t name;
    c->deallocating = 0;
    /* In a transaction a failure would end that. */
    while (c->tx_before == DB_TX_NONE && c->deallocating < DEALLOCATE_MAX &&
           (name = pg_cache_take_dropped(&c->cache)) != 0) {
        char text[PG_NAME_BYTES], sql[64];
        pg_name_text(name, text);
        snprintf(sql, sizeof sql, "deallocate %s", text);
        if (PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, FORMAT_TEXT) == 0) {
            return false;
        }
        c->deallocating++;
    }
    return c->deallocating == 0 || PQpipelineSync(c->pg) == 1;
}

static bool send_prepare(struct pg_conn *c)
{
    const struct run *r = c->base.running;
    c->key = c->cache.cap == 0 || r->stmt->id == 0 ? 0 : r->stmt->id << 1 | pg_is_many(r);
    c->name = c->key == 0 ? 0 : pg_cache_find(&c->cache, c->key);
    c->preparing = PG_PREPARE_NOT;
    if (c->key == 0 || c->name != 0) {
        return true;
    }
    char name[PG_NAME_BYTES];
    c->name = ++c->cache.last_name;
    c->preparing = PG_PREPARE_NEW;
    pg_name_text(c->name, name);
    return PQsendPrepare(c->pg, name, pg_sql_of(r), (int)c->params.count, c->params.types) == 1;
}

/* The rows come row by row: a result, and its copies, for each. Not worth it for a row
 * or two. */
static bool has_few_rows(const struct pg_conn *c)
{
    uint32_t bound = c->job == PG_JOB_STATEMENT ? c->base.running->stmt->row_bound : 0;
    return bound > 0 && bound <= FEW_ROWS;
}

/* The next results are those of a statement. Must be said before anything of them is
 * read. */
static void expect_execute(struct pg_conn *c)
{
    c->step = PG_STEP_EXECUTE;
    c->shape = PG_SHAPE_NEW;
    if (!has_few_rows(c)) {
        (void)PQsetSingleRowMode(c->pg);
    }
}

/* … of one statement of our own. */
static void expect_own(struct pg_conn *c)
{
    c->sets_sent = 1;
    c->sets_done = 0;
    c->sync = PG_SYNC_SENT;
    c->step = PG_STEP_EXECUTE;
}

static void expect_statement(struct pg_conn *c)
{
    if (c->preparing == PG_PREPARE_NEW) {
        c->step = PG_STEP_PREPARE;
    } else {
        expect_execute(c);
    }
}

/* Sends an attempt whose first params are set. */
static bool send_attempt(struct pg_conn *c)
{
    const struct run *r = c->base.running;
    c->sets_total = pg_is_many(r) ? 1 : r->sets;
    c->sets_sent = c->sets_done = 0;
    c->sync = PG_SYNC_OWED;
    c->written = 0;
    c->counting = PG_COUNT_ROWS;
    if (!send_deallocates(c) || !send_prepare(c) || !send_sets(c)) {
        return false;
    }
    if (c->deallocating > 0) {
        c->step = PG_STEP_DEALLOCATE;
    } else {
        expect_statement(c);
    }
    return true;
}

enum err pg_set_params(struct pg_conn *c, const struct run *r)
{
    if (pg_is_many(r)) {
        return pg_params_set_many(&c->params, r->stmt, r->params, r->sets, r->fail);
    }
    /* All are checked before the first is sent: once some are under way, a bad one
     * could be taken back only by closing the connection. */
    enum err err = pg_params_check(r->stmt, r->params, r->sets, r->fail);
    return err == ERR_OK ? pg_params_set(&c->params, r->stmt, r->params, r->fail) : err;
}

/* -- the outcome ----------------------------------------------------------- */

void pg_fail_lost(struct pg_conn *c, const char *words)
{
    struct run *r = c->base.running;
    const struct statement *s = c->job == PG_JOB_STATEMENT ? r->stmt : NULL;
    if (c->err == ERR_OK && c->ending == PG_END_ENOUGH && s != NULL && s->read_only) {
        return; /* what was wanted is there */
    }
    if (c->err == ERR_OK) {
        char line[sizeof r->fail->message];
        pg_one_line(words, line, sizeof line);
        c->err = fail_set(r->fail, ERR_CONNECTION_LOST,
                          "the connection to PostgreSQL was lost: %.400s", line);
    }
    r->maybe_executed = c->err == ERR_CONNECTION_LOST && c->sets_sent > 0;
}

/* A message could not be sent: libpq is out of memory, or the session is over.
 * Half an attempt may be under way, so only closing is left either way. */
static void send_failed(struct pg_conn *c)
{
    bool is_lost = c->link == PG_LINK_LOST || PQstatus(c->pg) != CONNECTION_OK;
    pg_lost(c);
    if (is_lost) {
        const char *words = PQerrorMessage(c->pg);
        pg_fail_lost(c, words[0] != '\0' ? words : "it ended while nothing was asked of it");
    } else if (c->err == ERR_OK) {
        c->err = fail_set(c->base.running->fail, ERR_OUT_OF_MEMORY,
                          "no memory for sending the statement");
    }
}

static void conclude(struct pg_conn *c)
{
    struct run *r = c->base.running;
    if (c->err == ERR_OK && c->ending == PG_END_FAILED) {
        c->err = fail_set(r->fail, ERR_INTERNAL, "a row was refused without a reason");
        c->err = r->fail->code;
    } else if (c->err == ERR_OK && c->ending == PG_END_CANCELLED) {
        c->err = fail_set(r->fail, ERR_CANCELLED, "cancelled");
    }
    r->rowcount = c->counting == PG_COUNT_ROWS ? c->rows : c->written;
    pg_settle(c);
}

/* -- results of a statement ------------------------------------------------ */

static void end_rows(struct pg_conn *c, enum pg_ending why)
{
    c->ending = why;
    c->dropped_bytes = 0;
}

static void fail_run(struct pg_conn *c, enum err err, const char *message)
{
    if (c->err == ERR_OK) {
        c->err = fail_set(c->base.running->fail, err, "%s", message);
    }
    end_rows(c, PG_END_FAILED);
}

/* Little is read and thrown away, much is cancelled; but a cancel ends a write,
 * and a transaction, that were to go on. */
static void drop_row(struct pg_conn *c, const PGresult *res)
{
    const struct run *r = c->base.running;
    bool may_cancel =
        c->ending == PG_END_FAILED ||
        (c->ending == PG_END_ENOUGH && r->stmt->read_only && c->tx_before == DB_TX_NONE);
    c->dropped_bytes += PQresultMemorySize(res);
    if (may_cancel && c->dropped_bytes > DRAIN_BYTES) {
        pg_send_cancel(c);
    }
}

static bool check_shape(struct pg_conn *c, const PGresult *res)
{
    const struct run *r = c->base.running;
    c->shape = PG_SHAPE_KNOWN;
    if (r->sink == NULL) {
        return true;
    }
    if (r->stmt->told) {
        enum err e = pg_tell_columns(res, r->sink, r->fail);
        if (e != ERR_OK) {
            fail_run(c, e, "the columns were refused");
            return false;
        }
    } else if ((uint32_t)PQnfields(res) != r->stmt->column_count) {
        fail_run(c, ERR_CATALOG_CHANGED, "the result has other columns than planned");
        return false;
    }
    if (pg_cells_shape(&c->cells, res) != ERR_OK) {
        fail_run(c, ERR_OUT_OF_MEMORY, "no memory for a row");
        return false;
    }
    return true;
}

static void sink_full(struct pg_conn *c)
{
    struct run *r = c->base.running;
    if (r->flush == NULL) {
        return;
    }
    if (c->asked == PG_ASKED_CANCEL) {
        end_rows(c, PG_END_CANCELLED);
        return;
    }
    c->state = PG_PAUSED;
    if (r->flush(r) && c->state == PG_PAUSED) {
        c->state = PG_ACTIVE;
    }
}

/* Row i; the last that is in memory is the one after which the sink may be full. */
static void take_row(struct pg_conn *c, const PGresult *res, int i)
{
    struct run *r = c->base.running;
    if (c->ending != PG_END_NONE) {
        drop_row(c, res);
        return;
    }
    if (c->shape == PG_SHAPE_NEW && !check_shape(c, res)) {
        return;
    }
    c->rows++;
    if (r->sink == NULL) {
        return;
    }
    const struct value *cells = pg_cells_read(&c->cells, res, i);
    if (cells == NULL) {
        fail_run(c, ERR_OUT_OF_MEMORY, "no memory for a row");
        return;
    }
    enum sink_verdict verdict = r->sink->row(r->sink, cells, r->fail);
    if (c->state != PG_ACTIVE) {
        return; /* the sink closed the connection */
    }
    switch (verdict) {
    case SINK_MORE:
        break;
    case SINK_FULL:
        if (i + 1 == PQntuples(res)) {
            sink_full(c);
        }
        break;
    case SINK_ENOUGH:
        end_rows(c, PG_END_ENOUGH);
        break;
    case SINK_FAILED:
        end_rows(c, PG_END_FAILED);
        break;
    }
}

static bool starts_word(const char *text, const char *word)
{
    text += strspn(text, " \t\r\n\f\v(");
    return strncasecmp(text, word, strlen(word)) == 0;
}

/* COMMIT and PREPARE TRANSACTION in a failed transaction are answered as if all
 * was well; only the tag tells. */
static bool was_rolled_back(const struct pg_conn *c, const PGresult *res)
{
    const char *sql = c->job == PG_JOB_STATEMENT ? pg_sql_of(c->base.running) : "rollback";
    return strcmp(PQcmdStatus((PGresult *)(uintptr_t)res), "ROLLBACK") == 0 &&
           !starts_word(sql, "rollback") && !starts_word(sql, "abort");
}

static void take_command(struct pg_conn *c, const PGresult *res)
{
    if (c->step == PG_STEP_PREPARE) {
        pg_cache_add(&c->cache, c->key, c->name);
        return;
    }
    if (c->step != PG_STEP_EXECUTE) {
        return;
    }
    if (was_rolled_back(c, res) && c->err == ERR_OK) {
        struct fail *f = c->base.running->fail;
        c->err = fail_set(f, ERR_DATABASE_ERROR,
                          "the transaction had failed and was rolled back, not committed");
        snprintf(f->sqlstate, sizeof f->sqlstate, "25P02");
    }
    c->counting = PG_COUNT_WRITTEN;
    c->written += strtoull(PQcmdTuples((PGresult *)(uintptr_t)res), NULL, 10);
}

/* The end of rows, with the few that did not come one by one. A select counts those that
 * were delivered. */
static void take_tuples(struct pg_conn *c, const PGresult *res)
{
    if (c->step != PG_STEP_EXECUTE || c->job != PG_JOB_STATEMENT) {
        return;
    }
    int rows = PQntuples(res);
    for (int i = 0; i < rows && c->state == PG_ACTIVE && c->ending == PG_END_NONE; i++) {
        take_row(c, res, i);
    }
    if (c->shape == PG_SHAPE_NEW && c->ending == PG_END_NONE) {
        (void)check_shape(c, res);
    }
    const char *tag = PQcmdStatus((PGresult *)(uintptr_t)res);
    if (starts_word(tag, "INSERT") || starts_word(tag, "UPDATE") ||
        starts_word(tag, "DELETE") || starts_word(tag, "MERGE")) {
        c->counting = PG_COUNT_WRITTEN;
        c->written += strtoull(PQcmdTuples((PGresult *)(uintptr_t)res), NULL, 10);
    }
}

static bool may_try_again(const struct pg_conn *c)
{
    return c->job == PG_JOB_STATEMENT && c->attempt == PG_TRY_FIRST && c->key != 0 &&
           c->tx_before == DB_TX_NONE && c->rows == 0 && c->err == ERR_OK &&
           c->asked == PG_ASKED_NOTHING;
}

static void take_error(struct pg_conn *c, const PGresult *res)
{
    struct run *r = c->base.running;
    if (c->step == PG_STEP_DEALLOCATE || c->err != ERR_OK) {
        return;
    }
    if (c->ending == PG_END_ENOUGH && r->stmt->read_only && c->tx_before == DB_TX_NONE) {
        return; /* our cancel, or a fault in rows that nobody wanted */
    }
    if (c->ending == PG_END_FAILED && pg_is_state(res, "57014")) {
        return;
    }
    if (pg_is_stale(res)) {
        if (may_try_again(c)) {
            c->attempt = PG_TRY_STALE;
            return;
        }
        pg_cache_forget(&c->cache, c->key);
        c->err = pg_fail_as(r->fail, ERR_CATALOG_CHANGED, res);
    } else if (c->asked == PG_ASKED_CANCEL && pg_is_state(res, "57014")) {
        c->err = pg_fail_as(r->fail, ERR_CANCELLED, res);
    } else {
        c->err = pg_fail(r->fail, res);
    }
    /* A primary that became a standby serves nobody well: let the pool replace it. */
    if (c->tx_before == DB_TX_NONE && pg_is_state(res, "25006")) {
        c->base.broken = true;
    }
}

/* COPY would wait for data, or send some, without end. */
static void refuse_copy(struct pg_conn *c)
{
    fail_run(c, ERR_UNSUPPORTED_FEATURE, "COPY cannot be sent as a statement");
    pg_lost(c);
    conclude(c);
}

/* -- steps ----------------------------------------------------------------- */

static void restart(struct pg_conn *c)
{
    pg_cache_forget(&c->cache, c->key);
    c->attempt = PG_TRY_AGAIN;
    enum err err = pg_set_params(c, c->base.running);
    if (err != ERR_OK) {
        c->err = err;
        conclude(c);
    } else if (!send_attempt(c)) {
        send_failed(c);
        conclude(c);
    }
}

static void take_sync(struct pg_conn *c)
{
    if (c->step == PG_STEP_DEALLOCATE_SYNC) {
        expect_statement(c);
        return;
    }
    if (c->attempt == PG_TRY_STALE) {
        restart(c);
        return;
    }
    if (c->job == PG_JOB_RESET && --c->resets > 0) {
        expect_own(c);
        return;
    }
    if (c->job == PG_JOB_RESET && c->err != ERR_OK) {
        c->base.broken = true;
    }
    conclude(c);
}

static void after_execute(struct pg_conn *c)
{
    c->sets_done++;
    if (c->sync == PG_SYNC_OWED && !send_sets(c)) {
        send_failed(c);
        conclude(c);
        return;
    }
    if (c->sets_done < c->sets_sent) {
        expect_execute(c);
    } else {
        c->step = PG_STEP_SYNC;
    }
}

static void end_step(struct pg_conn *c)
{
    switch (c->step) {
    case PG_STEP_DEALLOCATE:
        if (--c->deallocating == 0) {
            c->step = PG_STEP_DEALLOCATE_SYNC;
        }
        break;
    case PG_STEP_PREPARE:
        expect_execute(c);
        break;
    case PG_STEP_EXECUTE:
        after_execute(c);
        break;
    case PG_STEP_DEALLOCATE_SYNC:
    case PG_STEP_SYNC:
        break;
    }
}

static void take(struct pg_conn *c, const PGresult *res)
{
    switch (PQresultStatus(res)) {
    case PGRES_SINGLE_TUPLE:
        take_row(c, res, 0);
        break;
    case PGRES_TUPLES_OK:
        take_tuples(c, res);
        break;
    case PGRES_COMMAND_OK:
        take_command(c, res);
        break;
    case PGRES_PIPELINE_SYNC:
        take_sync(c);
        break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        refuse_copy(c);
        break;
    case PGRES_EMPTY_QUERY:
        fail_run(c, ERR_BAD_QUERY, "the statement is empty");
        break;
    case PGRES_BAD_RESPONSE:
    case PGRES_FATAL_ERROR:
        take_error(c, res);
        break;
    case PGRES_NONFATAL_ERROR:
    case PGRES_PIPELINE_ABORTED:
        break;
    }
}

/* Two ends without a result between them: libpq waits for nothing more, and we do. The
 * server has sent what does not belong to our statements. */
static void out_of_step(struct pg_conn *c)
{
    pg_lost(c);
    pg_fail_lost(c, "the server's answers do not fit what it was asked");
    conclude(c);
}

static void pump_whole(struct pg_conn *c)
{
    int nulls = 0;
    while (c->state == PG_ACTIVE && c->link == PG_LINK_UP && !PQisBusy(c->pg)) {
        PGresult *res = PQgetResult(c->pg);
        if (res != NULL) {
            nulls = 0;
            take(c, res);
            PQclear(res);
        } else if (++nulls < 2) {
            end_step(c);
        } else {
            out_of_step(c);
        }
    }
}

/* The session is over, but what it said before counts: the answer may be whole.
 * libpq ends it with an error of its own, which has no SQLSTATE. */
static void pump_rest(struct pg_conn *c)
{
    int nulls = 0;
    while (c->state == PG_ACTIVE && nulls < 2) {
        PGresult *res = PQgetResult(c->pg);
        bool is_end = res != NULL && PQresultStatus(res) == PGRES_FATAL_ERROR &&
                      PQresultErrorField(res, PG_DIAG_SQLSTATE) == NULL;
        if (res == NULL) {
            nulls++;
            end_step(c);
        } else if (!is_end) {
            nulls = 0;
            take(c, res);
        }
        PQclear(res);
        if (is_end) {
            break;
        }
    }
    if (c->state == PG_ACTIVE) {
        pg_fail_lost(c, PQerrorMessage(c->pg));
        conclude(c);
    }
}

void pg_pump(struct pg_conn *c)
{
    pump_whole(c);
    if (c->state == PG_ACTIVE && c->link == PG_LINK_LOST) {
        pump_rest(c);
    }
    pg_wait(c);
}

/* -- starting -------------------------------------------------------------- */

/* False: there is no session any more; the end is on its way. */
static bool begin(struct pg_conn *c, struct run *r, enum pg_job job)
{
    assert(c->base.running == NULL && c->state == PG_IDLE);
    assert(c->cancelling != PG_CANCEL_SENT);
    c->base.running = r;
    c->cancelling = PG_CANCEL_NONE;
    c->job = job;
    c->state = PG_ACTIVE;
    c->err = ERR_OK;
    c->ending = PG_END_NONE;
    c->asked = PG_ASKED_NOTHING;
    c->attempt = PG_TRY_FIRST;
    c->tx_before = c->base.tx;
    c->rows = c->written = 0;
    c->counting = PG_COUNT_ROWS;
    c->sets_sent = c->sets_done = c->sets_total = 0;
    c->resets = 0;
    r->err = ERR_OK;
    r->rowcount = 0;
    r->maybe_executed = false;
    r->started_ns = clock_now_ns();
    return c->link == PG_LINK_UP;
}

/* done is never called before the starting call has returned. */
static void end_later(struct pg_conn *c)
{
    c->state = PG_SETTLED;
    loop_defer(c->base.loop, &c->start_task);
}

void pg_on_start_failed(struct task *t)
{
    struct pg_conn *c =
        (struct pg_conn *)(void *)((char *)t - offsetof(struct pg_conn, start_task));
    if (c->state == PG_SETTLED) {
        pg_settle(c);
    }
}

static void begun(struct pg_conn *c, enum err err, bool sent)
{
    if (err != ERR_OK) {
        c->err = err;
    } else if (!sent) {
        send_failed(c);
    } else {
        pg_wait(c);
        return;
    }
    end_later(c);
}

void pg_run(struct db_conn *conn, struct run *r)
{
    struct pg_conn *c = conn_of(conn);
    assert(r->sets > 0);
    bool up = begin(c, r, PG_JOB_STATEMENT);
    enum err err = up ? pg_set_params(c, c->base.running) : ERR_OK;
    begun(c, err, up && err == ERR_OK && send_attempt(c));
}

/* A Sync alone asks the server for a sign of life, and touches no transaction. */
void pg_ping(struct db_conn *conn, struct run *r)
{
    struct pg_conn *c = conn_of(conn);
    bool up = begin(c, r, PG_JOB_PING);
    c->step = PG_STEP_SYNC;
    begun(c, ERR_OK, up && PQpipelineSync(c->pg) == 1);
}

/* A statement of our own, which nobody wants rows of. */
static bool send_own(struct pg_conn *c, const char *sql)
{
    expect_own(c);
    return PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, FORMAT_TEXT) == 1 &&
           PQpipelineSync(c->pg) == 1;
}

void pg_rollback(struct db_conn *conn, struct run *r)
{
    struct pg_conn *c = conn_of(conn);
    bool up = begin(c, r, PG_JOB_ROLLBACK);
    begun(c, ERR_OK, up && send_own(c, "rollback"));
}

static bool send_one_reset(struct pg_conn *c, const char *sql)
{
    c->resets++;
    return send_own(c, sql);
}

/* All in one round trip, but each with its own Sync: DISCARD ALL must be alone in its
 * transaction. If one fails the session is over, whatever those behind it did. */
static bool send_resets(struct pg_conn *c)
{
    bool sent = c->tx_before == DB_TX_NONE || send_one_reset(c, "rollback");
    const char *sql;
    c->tx_before = DB_TX_NONE;
    for (uint32_t i = 0; sent && (sql = pg_reset_sql(c->base.target, i)) != NULL; i++) {
        sent = send_one_reset(c, sql);
    }
    return sent;
}

void pg_reset(struct db_conn *conn, struct run *r)
{
    struct pg_conn *c = conn_of(conn);
    bool up = begin(c, r, PG_JOB_RESET);
    pg_cache_clear(&c->cache);
    begun(c, ERR_OK, up && send_resets(c));
}
