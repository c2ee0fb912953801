/* SPDX-License-Identifier: MIT
 *
 * backend/maria_steps.c: what each step of a run does on a MariaDB connection, in
 * the order in which they follow each other. Loop thread only.
 */
#include "backend/maria_conn.h"
#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000u

/* Rows read in one turn before others get theirs. */
enum { ROWS_PER_TURN = 2000 };
/* Rows nobody wants are read to the end so long, then the statement is killed. */
enum { DRAIN_MS = 50 };

/* -- outcomes -------------------------------------------------------------- */

enum { ER_PACKET_TOO_LARGE = 1153 };

static void lost(struct maria_conn *c)
{
    c->conn.broken = true;
    c->conn.running->maybe_executed = true;
}

/* Records the first error; the run ends with it. */
static void fail_with(struct maria_conn *c, enum err e)
{
    if (c->outcome == ERR_OK) {
        c->outcome = e;
    }
    if (e == ERR_CONNECTION_LOST) {
        lost(c);
    }
    if (e == ERR_DEADLOCK) {
        /* The server has rolled back the whole transaction, and errors do not tell: what
         * is sent next would commit by itself. */
        c->my->server_status &= ~(unsigned)SERVER_STATUS_IN_TRANS;
    }
    if (c->conn.running->fail->native == ER_PACKET_TOO_LARGE) {
        c->conn.broken = true; /* the server hangs up after saying so */
    }
}

/* Frees what the cache does not keep, with the session if that is over. */
static enum maria_step leave_stmt(struct maria_conn *c)
{
    if (!c->conn.broken) {
        return c->stmt != NULL ? STEP_CLOSE_STMT : STEP_END;
    }
    const struct statement *s = c->conn.running->stmt;
    if (c->stmt != NULL && (s->id == 0 || prepared_get(&c->cache, s->id) != c->stmt)) {
        c->orphan = c->stmt;
    }
    c->stmt = NULL;
    return STEP_END;
}

static enum maria_step stmt_failed(struct maria_conn *c)
{
    fail_with(c, maria_fail_stmt(c->conn.running->fail, c->stmt));
    return leave_stmt(c);
}

static enum maria_step conn_failed(struct maria_conn *c)
{
    fail_with(c, maria_fail_conn(c->conn.running->fail, c->my));
    return leave_stmt(c);
}

/* -- text statements ------------------------------------------------------- */

static void set_sql(struct maria_conn *c, const char *sql, size_t len)
{
    c->sql = sql;
    c->sql_len = len;
}

static int query_start(struct maria_conn *c)
{
    return mysql_real_query_start(&c->ret.rc, c->my, c->sql, (unsigned long)c->sql_len);
}

static int query_cont(struct maria_conn *c, int ready)
{
    return mysql_real_query_cont(&c->ret.rc, c->my, ready);
}

static enum maria_step next_reset_query(struct maria_conn *c)
{
    const char *sql = maria_reset_sql(c->conn.target, c->reset_index++);
    if (sql == NULL) {
        return STEP_END;
    }
    set_sql(c, sql, strlen(sql));
    return STEP_QUERY;
}

static enum maria_step query_over(struct maria_conn *c)
{
    return c->call == CALL_RESET ? next_reset_query(c) : STEP_END;
}

static enum maria_step query_then(struct maria_conn *c)
{
    if (c->ret.rc != 0) {
        return conn_failed(c);
    }
    if (mysql_field_count(c->my) > 0) {
        return STEP_QUERY_RESULT;
    }
    c->conn.running->rowcount += mysql_affected_rows(c->my);
    return query_over(c);
}

static int query_result_start(struct maria_conn *c)
{
    c->ret.result = mysql_use_result(c->my); /* reads nothing yet */
    return 0;
}

static enum maria_step query_result_then(struct maria_conn *c)
{
    return c->ret.result == NULL ? conn_failed(c) : STEP_QUERY_FREE;
}

static int query_free_start(struct maria_conn *c)
{
    return mysql_free_result_start(c->ret.result);
}

static int query_free_cont(struct maria_conn *c, int ready)
{
    return mysql_free_result_cont(c->ret.result, ready);
}

static enum maria_step query_free_then(struct maria_conn *c)
{
    return mysql_errno(c->my) != 0 ? conn_failed(c) : query_over(c);
}

/* -- prepared statements --------------------------------------------------- */

static int drop_start(struct maria_conn *c)
{
    return mysql_stmt_close_start(&c->ret.bad, c->dropped);
}

static int drop_cont(struct maria_conn *c, int ready)
{
    return mysql_stmt_close_cont(&c->ret.bad, c->dropped, ready);
}

static enum maria_step drop_then(struct maria_conn *c)
{
    c->dropped = NULL;
    return STEP_PREPARE;
}

static int prepare_start(struct maria_conn *c)
{
    const struct statement *s = c->conn.running->stmt;
    c->stmt = mysql_stmt_init(c->my);
    c->ret.rc = 1;
    if (c->stmt == NULL) {
        return 0;
    }
    return mysql_stmt_prepare_start(&c->ret.rc, c->stmt, s->sql.ptr, (unsigned long)s->sql.len);
}

static int prepare_cont(struct maria_conn *c, int ready)
{
    return mysql_stmt_prepare_cont(&c->ret.rc, c->stmt, ready);
}

/* How many statements all sessions together may prepare is a setting of the
 * server: at its limit ours make room. */
enum { ER_MAX_PREPARED = 1461 };

static enum maria_step prepare_then(struct maria_conn *c)
{
    struct run *r = c->conn.running;
    if (c->stmt == NULL) {
        fail_with(c, fail_set(r->fail, ERR_OUT_OF_MEMORY, "out of memory"));
        return STEP_END;
    }
    if (c->ret.rc != 0) {
        bool full = mysql_stmt_errno(c->stmt) == ER_MAX_PREPARED;
        if (full && (c->dropped = prepared_pop(&c->cache)) != NULL) {
            (void)mysql_stmt_close(c->stmt); /* unknown to the server: nothing is sent */
            c->stmt = NULL;
            return STEP_DROP;
        }
        return stmt_failed(c);
    }
    if (mysql_stmt_param_count(c->stmt) != r->stmt->param_count) {
        fail_with(c, fail_set(r->fail, r->stmt->told ? ERR_BAD_QUERY : ERR_INTERNAL,
                              "the statement has %lu placeholders, %u are bound",
                              mysql_stmt_param_count(c->stmt), r->stmt->param_count));
        return STEP_CLOSE_STMT;
    }
    if (r->stmt->id != 0 && c->cache.cap > 0) {
        void *out = prepared_put(&c->cache, r->stmt->id, c->stmt);
        assert(out == NULL); /* room was made before */
        (void)out;
    }
    return STEP_EXECUTE;
}

static int execute_start(struct maria_conn *c)
{
    struct run *r = c->conn.running;
    enum err e;
    c->sets_taken = 1;
    if (c->bulk) {
        e = maria_bind_bulk(&c->binds, c->stmt, r, c->set, &c->sets_taken);
    } else {
        e = maria_bind_set(&c->binds, c->stmt, r, c->set);
    }
    c->ret.rc = 1;
    if (e != ERR_OK) {
        fail_with(c, e);
        return 0;
    }
    return mysql_stmt_execute_start(&c->ret.rc, c->stmt);
}

static int execute_cont(struct maria_conn *c, int ready)
{
    return mysql_stmt_execute_cont(&c->ret.rc, c->stmt, ready);
}

/* The next set, or the end of the run's own statements. */
static enum maria_step next_set(struct maria_conn *c)
{
    struct run *r = c->conn.running;
    c->set += c->sets_taken;
    if (c->set >= r->sets || c->outcome != ERR_OK) {
        return STEP_CLOSE_STMT;
    }
    if (c->cancelled) {
        fail_with(c, fail_set(r->fail, ERR_CANCELLED, "the statement was cancelled"));
        return STEP_CLOSE_STMT;
    }
    return STEP_EXECUTE;
}

static enum maria_step shape_changed(struct maria_conn *c, unsigned got)
{
    fail_with(c, fail_set(c->conn.running->fail, ERR_CATALOG_CHANGED,
                          "the statement gives %u columns, %u were expected", got,
                          c->conn.running->stmt->column_count));
    return STEP_DRAIN;
}

/* DELETE … RETURNING whose condition can never hold is answered without columns. */
static enum maria_step no_rows(struct maria_conn *c)
{
    struct run *r = c->conn.running;
    uint64_t affected = mysql_stmt_affected_rows(c->stmt);
    bool expected =
        r->stmt->column_count == 0 || r->stmt->told || (!r->stmt->read_only && affected == 0);
    r->rowcount += affected;
    return expected ? next_set(c) : shape_changed(c, 0);
}

static enum maria_step execute_then(struct maria_conn *c)
{
    struct run *r = c->conn.running;
    if (c->ret.rc != 0) {
        if (c->outcome != ERR_OK) {
            return STEP_CLOSE_STMT; /* a value could not be bound */
        }
        if (r->fail->code != ERR_OK) { /* … of a bulk packet */
            fail_with(c, r->fail->code);
            return STEP_CLOSE_STMT;
        }
        return stmt_failed(c);
    }
    unsigned columns = mysql_stmt_field_count(c->stmt);
    if (columns == 0) {
        return no_rows(c);
    }
    if (r->stmt->told && r->sink != NULL) {
        enum err e = maria_cells_tell(&c->cells, c->stmt, r);
        if (e != ERR_OK) {
            fail_with(c, e);
        }
        return e != ERR_OK ? STEP_DRAIN : STEP_FETCH;
    }
    if (r->stmt->column_count == 0) {
        return STEP_DRAIN;
    }
    if (columns != r->stmt->column_count) {
        return shape_changed(c, columns);
    }
    if (maria_cells_attach(&c->cells, c->stmt, r->stmt) != ERR_OK) {
        fail_with(c, fail_set(r->fail, ERR_OUT_OF_MEMORY, "out of memory"));
        return STEP_DRAIN;
    }
    return STEP_FETCH;
}

/* -- rows ------------------------------------------------------------------ */

static int fetch_start(struct maria_conn *c)
{
    return mysql_stmt_fetch_start(&c->ret.rc, c->stmt);
}

static int fetch_cont(struct maria_conn *c, int ready)
{
    return mysql_stmt_fetch_cont(&c->ret.rc, c->stmt, ready);
}

/* The packet that ends the rows: 0xFE, warnings (2), status (2). Connector/C does
 * not look into it, but it is where the transaction's state is told. */
static unsigned read_eof(struct maria_conn *c)
{
    const unsigned char *p = c->my->net.read_pos;
    if (p == NULL || p[0] != 0xFE) {
        return 0;
    }
    c->my->server_status = (unsigned)p[3] | (unsigned)p[4] << 8;
    return (unsigned)p[1] | (unsigned)p[2] << 8;
}

static enum maria_step rows_over(struct maria_conn *c)
{
    unsigned warnings = read_eof(c);
    const struct statement *s = c->conn.running->stmt;
    bool heeds = (s->read_only || s->heeds_warnings) && c->outcome == ERR_OK && !c->cancelled;
    return warnings > 0 && heeds ? STEP_WARN : next_set(c);
}

/* After a flush that said no. */
static enum maria_step pause_rows(struct maria_conn *c)
{
    maria_watch(c, 0);
    return STEP_PAUSED;
}

static enum maria_step row_taken(struct maria_conn *c, enum sink_verdict v)
{
    struct run *r = c->conn.running;
    switch (v) {
    case SINK_MORE:
        break;
    case SINK_FULL:
        /* flush may have cancelled or closed */
        if (r->flush != NULL && !r->flush(r) && !c->cancelled && c->ending == ENDING_NO) {
            return pause_rows(c);
        }
        break;
    case SINK_ENOUGH:
        c->discard = true;
        return r->stmt->read_only ? STEP_DRAIN : STEP_FETCH; /* a write counts its rows */
    case SINK_FAILED:
        fail_with(c, r->fail->code);
        return STEP_DRAIN;
    }
    if (++c->turn_rows >= ROWS_PER_TURN) {
        c->turn_rows = 0;
        loop_defer(c->conn.loop, &c->yield_task);
        return STEP_YIELD;
    }
    return STEP_FETCH;
}

static enum maria_step fetch_then(struct maria_conn *c)
{
    struct run *r = c->conn.running;
    if (c->ret.rc == MYSQL_NO_DATA) {
        return rows_over(c);
    }
    if (c->ret.rc != 0) {
        return stmt_failed(c);
    }
    r->rowcount++;
    enum sink_verdict v = SINK_MORE;
    /* What a write returns is read in any case: it has won against the cancel. */
    if (!c->discard && r->stmt->read_only && (c->cancelled || c->ending != ENDING_NO)) {
        c->discard = c->missed = true;
    }
    if (!c->discard && r->sink != NULL) {
        v = r->sink->row(r->sink, c->cells.cells, r->fail);
    }
    return row_taken(c, v);
}

static int drain_start(struct maria_conn *c)
{
    /* A result that is long in coming is not waited for. A write is never killed
     * for that, unless it fails anyway. */
    if (c->kill == KILL_NONE && (c->conn.running->stmt->read_only || c->outcome != ERR_OK)) {
        uint64_t due_ns = clock_now_ns() + (uint64_t)DRAIN_MS * NS_PER_MS;
        if (loop_timer_start(c->conn.loop, &c->kill_timer, due_ns) != ERR_OK) {
            maria_send_kill(c, "QUERY");
        }
    }
    return mysql_stmt_free_result_start(&c->ret.bad, c->stmt);
}

static int drain_cont(struct maria_conn *c, int ready)
{
    return mysql_stmt_free_result_cont(&c->ret.bad, c->stmt, ready);
}

static enum maria_step drain_then(struct maria_conn *c)
{
    unsigned number = mysql_errno(c->my);
    if (number != 0 && maria_lost(number)) {
        return stmt_failed(c);
    }
    return number == 0 ? rows_over(c) : next_set(c);
}

/* -- warnings -------------------------------------------------------------- */

static int warn_start(struct maria_conn *c)
{
    set_sql(c, "SHOW WARNINGS", sizeof "SHOW WARNINGS" - 1);
    return query_start(c);
}

static enum maria_step warn_then(struct maria_conn *c)
{
    return c->ret.rc != 0 ? conn_failed(c) : STEP_WARN_READ;
}

static int warn_read_start(struct maria_conn *c)
{
    return mysql_store_result_start(&c->ret.result, c->my);
}

static int warn_read_cont(struct maria_conn *c, int ready)
{
    return mysql_store_result_cont(&c->ret.result, c->my, ready);
}

/* level, code, message */
static enum maria_step warn_read_then(struct maria_conn *c)
{
    MYSQL_RES *res = c->ret.result;
    MYSQL_ROW row;
    if (res == NULL) {
        return conn_failed(c);
    }
    while (c->outcome == ERR_OK && (row = mysql_fetch_row(res)) != NULL) {
        unsigned number = row[1] == NULL ? 0 : (unsigned)strtoul(row[1], NULL, 10);
        if (maria_warning(number) != ERR_OK) {
            fail_with(c, maria_fail(c->conn.running->fail, number, "22000",
                                    row[2] == NULL ? "" : row[2]));
        }
    }
    mysql_free_result(res);
    return next_set(c);
}

/* -- the end of a walk ----------------------------------------------------- */

/* A statement stays prepared unless it has no id or no longer fits. */
static bool is_kept(struct maria_conn *c)
{
    uint64_t id = c->conn.running->stmt->id;
    if (c->outcome == ERR_CATALOG_CHANGED) {
        (void)prepared_take(&c->cache, id);
    }
    return id != 0 && prepared_get(&c->cache, id) == c->stmt;
}

static int close_stmt_start(struct maria_conn *c)
{
    c->ret.bad = 0;
    if (c->bulk) {
        maria_bind_single(c->stmt);
    }
    if (is_kept(c)) {
        return 0;
    }
    MYSQL_STMT *st = c->stmt;
    c->dropped = st;
    return mysql_stmt_close_start(&c->ret.bad, st);
}

static enum maria_step close_stmt_then(struct maria_conn *c)
{
    c->dropped = NULL;
    c->stmt = NULL;
    return STEP_END;
}

static int ping_start(struct maria_conn *c)
{
    return mysql_ping_start(&c->ret.rc, c->my);
}

static int ping_cont(struct maria_conn *c, int ready)
{
    return mysql_ping_cont(&c->ret.rc, c->my, ready);
}

static enum maria_step ping_then(struct maria_conn *c)
{
    return c->ret.rc != 0 ? conn_failed(c) : STEP_END;
}

static int reset_start(struct maria_conn *c)
{
    return mysql_reset_connection_start(&c->ret.rc, c->my);
}

static int reset_cont(struct maria_conn *c, int ready)
{
    return mysql_reset_connection_cont(&c->ret.rc, c->my, ready);
}

/* The server forgot the prepared statements, and Connector/C has cut them off from
 * the connection: closing them sends nothing. */
static enum maria_step reset_then(struct maria_conn *c)
{
    MYSQL_STMT *st;
    if (c->ret.rc != 0) {
        return conn_failed(c);
    }
    while ((st = prepared_pop(&c->cache)) != NULL) {
        (void)mysql_stmt_close(st);
    }
    c->reset_index = 0;
    return next_reset_query(c);
}

static int soak_start(struct maria_conn *c)
{
    set_sql(c, "DO 0", sizeof "DO 0" - 1);
    return query_start(c);
}

/* Whether the kill hit it or not; the run's outcome is known already. */
static enum maria_step soak_then(struct maria_conn *c)
{
    if (c->ret.rc != 0 && maria_lost(mysql_errno(c->my))) {
        c->conn.broken = true;
    }
    return STEP_END;
}

const struct maria_step_calls maria_steps[MARIA_STEP_COUNT] = {
    [STEP_QUERY] = {query_start, query_cont, query_then},
    [STEP_QUERY_RESULT] = {query_result_start, NULL, query_result_then},
    [STEP_QUERY_FREE] = {query_free_start, query_free_cont, query_free_then},
    [STEP_DROP] = {drop_start, drop_cont, drop_then},
    [STEP_PREPARE] = {prepare_start, prepare_cont, prepare_then},
    [STEP_EXECUTE] = {execute_start, execute_cont, execute_then},
    [STEP_FETCH] = {fetch_start, fetch_cont, fetch_then},
    [STEP_DRAIN] = {drain_start, drain_cont, drain_then},
    [STEP_WARN] = {warn_start, query_cont, warn_then},
    [STEP_WARN_READ] = {warn_read_start, warn_read_cont, warn_read_then},
    [STEP_CLOSE_STMT] = {close_stmt_start, drop_cont, close_stmt_then},
    [STEP_PING] = {ping_start, ping_cont, ping_then},
    [STEP_RESET] = {reset_start, reset_cont, reset_then},
    [STEP_SOAK] = {soak_start, query_cont, soak_then},
};

/* -- where a run begins ---------------------------------------------------- */

/* Makes room in the cache for the statement that is about to be prepared. */
static enum maria_step make_room(struct maria_conn *c)
{
    if (c->conn.running->stmt->id != 0 && c->cache.count > 0 &&
        c->cache.count == c->cache.cap) {
        c->dropped = prepared_pop(&c->cache);
        return STEP_DROP;
    }
    return STEP_PREPARE;
}

enum maria_step maria_first_step(struct maria_conn *c)
{
    struct run *r = c->conn.running;
    const struct statement *s = r->stmt;
    if (c->conn.broken) {
        fail_with(c, fail_set(r->fail, ERR_CONNECTION_LOST, "the session is over"));
        r->maybe_executed = false;
        return STEP_END;
    }
    if (s->sql.len + 1 > c->binds.max_bytes) {
        fail_with(c, fail_set(r->fail, ERR_QUERY_TOO_LARGE,
                              "the SQL is larger than the server's max_allowed_packet"));
        return STEP_END;
    }
    if (s->param_count == 0 && s->column_count == 0 && !s->told && r->sets == 1) {
        set_sql(c, s->sql.ptr, s->sql.len);
        return STEP_QUERY;
    }
    /* in bulk a subquery is run once, for all sets */
    c->bulk = c->can_bulk && r->sets > 1 && s->column_count == 0 && !s->sets_apart &&
              maria_bulk_fits(r);
    c->stmt = s->id == 0 ? NULL : prepared_get(&c->cache, s->id);
    return c->stmt != NULL ? STEP_EXECUTE : make_room(c);
}

enum maria_step maria_rollback_step(struct maria_conn *c)
{
    set_sql(c, "ROLLBACK", sizeof "ROLLBACK" - 1);
    return STEP_QUERY;
}
