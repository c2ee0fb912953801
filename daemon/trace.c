/* SPDX-License-Identifier: MIT
 *
 * daemon/trace.c: log lines of requests and statements. Worker thread.
 */
#include "daemon/trace.h"

#include "base/clock.h"

#define TELL_MAX 100 /* lines a second of one worker */
#define ID_BYTES 64
#define NS_PER_US 1000
#define NS_PER_MS 1000000

bool trace_may_tell(struct worker *w)
{
    uint64_t now_ns = clock_now_ns();
    if (now_ns - w->told_ns >= UINT64_C(1000000000)) {
        if (w->told > TELL_MAX) {
            LOG(w->shared->log, LOG_CLIENT, LOG_WARN, "lines like the last were left out",
                LOG_I("lines", w->told - TELL_MAX), LOG_END);
        }
        w->told_ns = now_ns;
        w->told = 0;
    }
    return w->told++ < TELL_MAX;
}

static struct str id_of(const struct req *r)
{
    struct str id = r->msg.id.present ? r->msg.id.text : (struct str){"", 0};
    return (struct str){id.ptr, utf8_cut(id, ID_BYTES)};
}

static struct str db_of(const struct req *r)
{
    return r->backend == NULL ? (struct str){"", 0} : r->backend->db->conf->name;
}

static struct str sql_of(const struct req *r)
{
    return r->bound.run_count > 0 ? r->bound.runs[0].step->stmt.sql : (struct str){"", 0};
}

static uint64_t between(uint64_t from_ns, uint64_t to_ns)
{
    return from_ns == 0 || to_ns < from_ns ? 0 : (to_ns - from_ns) / NS_PER_US;
}

/* Where the time went, stage by stage. */
static void tell(const struct req *r, enum log_category c, enum log_level level,
                 const char *what, struct str sql)
{
    uint64_t now_ns = clock_now_ns();
    LOG(r->worker->shared->log, c, level, what, LOG_I("client", r->conn->number),
        LOG_S("id", id_of(r)), LOG_S("op", str_of(op_name(r->msg.op))), LOG_S("db", db_of(r)),
        LOG_S("result", str_of(err_wire(r->err))), LOG_I("rows", r->rows.count),
        LOG_I("us", between(r->arrived_ns, now_ns)),
        LOG_I("plan_us", between(r->arrived_ns, r->planned_ns)),
        LOG_I("queue_us", between(r->planned_ns, r->ordered_ns)),
        LOG_I("pool_us", between(r->ordered_ns, r->lent_ns)),
        LOG_I("database_us", r->database_ns / NS_PER_US),
        LOG_I("reply_us", between(r->returned_ns, now_ns)), LOG_S("sql", sql), LOG_END);
}

static bool is_slow(const struct req *r, uint64_t now_ns)
{
    uint64_t slow_ms = r->backend == NULL ? 0 : r->backend->db->conf->slow_ms;
    /* a stream takes as long as its reader likes */
    return slow_ms > 0 && r->bound.run_count > 0 && !r->msg.stream &&
           now_ns - r->arrived_ns >= slow_ms * NS_PER_MS;
}

/* The words of a database may quote a value; its codes do not. */
static void tell_failure(const struct req *r)
{
    bool own_words = r->err != ERR_DATABASE_ERROR;
    LOG(r->worker->shared->log, LOG_CLIENT, LOG_WARN, "a request failed",
        LOG_I("client", r->conn->number), LOG_S("id", id_of(r)),
        LOG_S("op", str_of(op_name(r->msg.op))), LOG_S("db", db_of(r)),
        LOG_S("error", str_of(err_wire(r->err))),
        LOG_S("message", str_of(own_words ? r->fail.message : "")),
        LOG_S("sqlstate", str_of(r->fail.sqlstate)), LOG_I("native", r->fail.native),
        LOG_S("sql", sql_of(r)), LOG_END);
}

void trace_request(struct req *r, uint64_t now_ns)
{
    struct log *log = r->worker->shared->log;
    enum err_class class = err_class(r->err);
    if ((class == CLASS_INTERNAL || class == CLASS_CONNECTION) &&
        log_on(log, LOG_CLIENT, LOG_WARN) && trace_may_tell(r->worker)) {
        tell_failure(r);
    }
    if (log_on(log, LOG_SQL, LOG_WARN) && is_slow(r, now_ns) && trace_may_tell(r->worker)) {
        tell(r, LOG_SQL, LOG_WARN, "slow", sql_of(r));
    }
    if (log_on(log, LOG_CLIENT, LOG_DEBUG)) {
        tell(r, LOG_CLIENT, LOG_DEBUG, "request", (struct str){"", 0});
    }
}

void trace_run(struct req *r)
{
    LOG(r->worker->shared->log, LOG_SQL, LOG_DEBUG, "ran", LOG_I("client", r->conn->number),
        LOG_S("id", id_of(r)), LOG_S("db", db_of(r)),
        LOG_S("result", str_of(err_wire(r->run.err))), LOG_I("rows", r->run.rowcount),
        LOG_I("us", between(r->run.started_ns, r->run.ended_ns)), LOG_I("sets", r->run.sets),
        LOG_S("sql", r->run.stmt->sql), LOG_END);
}
