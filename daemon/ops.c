/* SPDX-License-Identifier: MIT
 *
 * daemon/ops.c: hello, ping, prepare, deallocate, more, cancel, compile, stats,
 * schema.reload. Worker thread.
 */
#include "daemon/ops.h"

#include "compiler/notes.h"
#include "daemon/version.h"
#include "protocol/encode.h"

#include <stdlib.h>
#include <string.h>

#define PREPARED_MAX 1000

static const struct conf *conf_of(const struct req *r)
{
    return settings_conf(r->worker->settings);
}

static enum err finish(struct req *r)
{
    return r->answer.failed ? fail_set(&r->fail, ERR_OUT_OF_MEMORY, "out of memory") : ERR_OK;
}

/* ---- hello ---- */

static void hello_limits(struct buf *b, const struct conf_limits *l)
{
    buf_printf(b,
               "\"limits\":{\"frame\":%llu,\"depth\":%lld,\"params\":%lld,\"rows\":%lld,"
               "\"reply\":%llu,\"in_flight\":%lld}",
               (unsigned long long)l->frame_bytes, (long long)l->depth, (long long)l->params,
               (long long)l->rows, (unsigned long long)l->reply_bytes, (long long)l->in_flight);
}

static void hello_answer(struct req *r)
{
    struct buf *b = &r->answer;
    const struct conf *conf = conf_of(r);
    BUF_LIT(b, "\"ok\":true,\"server\":\"tribikos\",\"server_version\":\"" TRIBIKOS_VERSION
               "\",\"version\":1,\"db\":");
    struct str db = r->conn->db.len > 0 ? r->conn->db : conf->default_database;
    buf_json_str(b, db);
    BUF_LIT(b, ",\"databases\":{");
    for (uint32_t i = 0; i < r->worker->settings->database_count; i++) {
        const struct database *d = r->worker->settings->databases[i];
        if (i > 0) {
            buf_char(b, ',');
        }
        buf_json_str(b, d->conf->name);
        buf_printf(b, ":\"%s\"", d->driver->name);
    }
    BUF_LIT(b, "},\"ops\":[");
    for (int op = 0; op < OP_COUNT; op++) {
        buf_printf(b, "%s\"%s\"", op > 0 ? "," : "", op_name((enum op)op));
    }
    BUF_LIT(b, "],");
    hello_limits(b, &conf->limits);
    BUF_LIT(b, "}\n");
}

static enum err set_default_db(struct req *r, struct str db)
{
    if (settings_database(r->worker->settings, db) == NULL) {
        fail_at(&r->fail, ERR_UNKNOWN_DATABASE, STR("/db"), "no database of this name");
        return ERR_UNKNOWN_DATABASE;
    }
    char *copy = malloc(db.len + 1);
    if (copy == NULL) {
        return fail_set(&r->fail, ERR_OUT_OF_MEMORY, "out of memory");
    }
    memcpy(copy, db.ptr, db.len);
    free((void *)(uintptr_t)r->conn->db.ptr);
    r->conn->db = (struct str){copy, db.len};
    return ERR_OK;
}

static enum err op_hello(struct req *r)
{
    const struct message *m = &r->msg;
    if (m->version != 0 && m->version != 1) {
        fail_at(&r->fail, ERR_BAD_VERSION, STR("/version"), "this server speaks version 1");
        return ERR_BAD_VERSION;
    }
    if (m->db.len > 0) {
        enum err e = set_default_db(r, m->db);
        if (e != ERR_OK) {
            return e;
        }
    }
    if (m->reads != READS_DEFAULT) {
        r->conn->reads = m->reads;
    }
    if (m->has_int64) {
        r->conn->int64 = m->int64;
    }
    hello_answer(r);
    return finish(r);
}

/* ---- the small ones ---- */

static enum err op_ping(struct req *r)
{
    encode_ok(&r->answer);
    return finish(r);
}

static enum err op_deallocate(struct req *r)
{
    if (!conn_deallocate(r->conn, r->msg.name)) {
        return fail_at(&r->fail, ERR_UNKNOWN_STATEMENT, STR("/name"),
                       "no statement is prepared under this name");
    }
    encode_ok(&r->answer);
    return finish(r);
}

static struct req *target(struct req *r)
{
    struct req *of = conn_find(r->conn, &r->msg.of);
    if (of == NULL || of == r) {
        fail_at(&r->fail, ERR_UNKNOWN_REQUEST, STR("/of"),
                "no request of this connection with this id is in flight");
        return NULL;
    }
    return of;
}

static enum err op_cancel(struct req *r)
{
    struct req *of = target(r);
    if (of == NULL) {
        return r->fail.code;
    }
    encode_ok(&r->answer);
    req_stop(of, ERR_CANCELLED);
    return finish(r);
}

/* Answered only by what it lets through. */
static enum err op_more(struct req *r)
{
    struct req *of = target(r);
    if (of == NULL) {
        return r->fail.code;
    }
    if (!of->msg.stream || of->msg.credit == UINT32_MAX) {
        return fail_at(&r->fail, ERR_BAD_REQUEST, STR("/of"),
                       "that request is not a stream with credit");
    }
    req_add_credit(of, r->msg.credit == UINT32_MAX ? 1 : r->msg.credit);
    return ERR_OK;
}

static enum err op_stats(struct req *r)
{
    struct worker_shared *s = r->worker->shared;
    BUF_LIT(&r->answer, "\"stats\":");
    s->write_stats(s->arg, &r->answer);
    while (r->answer.len > 0 && r->answer.ptr[r->answer.len - 1] == '\n') {
        r->answer.len--;
    }
    BUF_LIT(&r->answer, "}\n");
    return finish(r);
}

static enum err op_invalidate_named(struct req *r)
{
    return op_invalidate(r, NULL);
}

enum err op_admin(struct req *r)
{
    static enum err (*const table[OP_COUNT])(struct req *) = {
        [OP_HELLO] = op_hello,
        [OP_PING] = op_ping,
        [OP_DEALLOCATE] = op_deallocate,
        [OP_MORE] = op_more,
        [OP_CANCEL] = op_cancel,
        [OP_STATS] = op_stats,
        [OP_INVALIDATE] = op_invalidate_named,
    };
    if (table[r->msg.op] == NULL) {
        return fail_at(&r->fail, ERR_UNSUPPORTED_FEATURE, STR("/op"),
                       "this server does not have this operation yet");
    }
    return table[r->msg.op](r);
}

/* ---- prepare ---- */

enum err op_prepare(struct req *r)
{
    struct conn *c = r->conn;
    if (c->prepared.count >= PREPARED_MAX && conn_prepared(c, r->msg.name) == NULL) {
        return fail_at(&r->fail, ERR_OVERLOAD, STR("/name"),
                       "this connection keeps %d prepared statements already", PREPARED_MAX);
    }
    struct str text = r->msg.query_text;
    if (text.len == 0) { /* too long to be known: its tree is of this line */
        text = json_source(r->msg.query, r->line);
    }
    enum err e = conn_prepare(c, r->msg.name, text, r->msg.db,
                              (unsigned)conf_of(r)->limits.depth, &r->prepared);
    if (e != ERR_OK) {
        r->prepared = NULL;
        return fail_set(&r->fail, e, "the statement could not be kept");
    }
    r->prepared->refs++;
    r->msg.query = r->prepared->query;
    r->msg.query_text = (struct str){NULL, 0};
    compiler_seen_done(r->seen);
    r->seen = NULL;
    return ERR_OK;
}

void op_prepared(struct req *r, const struct plan *plan)
{
    BUF_LIT(&r->answer, "\"ok\":true,");
    rows_write_columns(&r->answer, plan->columns, plan->column_count);
    BUF_LIT(&r->answer, "}\n");
}

void op_reloaded(struct req *r, const struct catalog *catalog)
{
    buf_printf(&r->answer, "\"ok\":true,\"tables\":%u}\n", catalog_table_count(catalog));
}

/* ---- compile ---- */

static const struct {
    const char *name;
    const struct dialect *dialect;
} dialects[] = {
    {"postgresql", &dialect_pg},
    {"mariadb", &dialect_maria},
    {"mysql", &dialect_maria},
    {"sqlite", &dialect_sqlite},
};

static const struct dialect *dialect_named(struct str name)
{
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
        if (str_is(name, dialects[i].name)) {
            return dialects[i].dialect;
        }
    }
    return NULL;
}

static void write_bind(struct buf *b, const struct plan_bind *p)
{
    switch (p->source) {
    case BIND_LITERAL:
        buf_printf(b, "{\"literal\":%u", p->index);
        break;
    case BIND_PARAM:
    case BIND_PARAM_ARRAY:
        BUF_LIT(b, "{\"param\":");
        buf_json_str(b, p->name);
        break;
    case BIND_PARAM_COUNT:
        BUF_LIT(b, "{\"count\":");
        buf_json_str(b, p->name);
        break;
    case BIND_PARAM_ITEM:
        BUF_LIT(b, "{\"param\":");
        buf_json_str(b, p->name);
        buf_printf(b, ",\"item\":%u", p->index);
        break;
    case BIND_PARAM_CELL:
        BUF_LIT(b, "{\"param\":");
        buf_json_str(b, p->name);
        buf_printf(b, ",\"item\":%u,\"cell\":%u", p->index, p->column);
        break;
    case BIND_CELL:
        BUF_LIT(b, "{\"row\":");
        buf_json_str(b, p->name);
        break;
    case BIND_CLASH_CELL:
        BUF_LIT(b, "{\"data\":");
        buf_json_str(b, p->name);
        break;
    case BIND_REF:
        buf_printf(b, "{\"ref\":%u", p->index);
        break;
    case BIND_CAPTURED:
        buf_printf(b, "{\"key\":%u", p->index);
        break;
    }
    buf_printf(b, ",\"type\":\"%s\"}", type_kind_name(p->type.kind));
}

static void write_binds(struct buf *b, const struct plan *p)
{
    const char *separator = "";
    buf_char(b, '[');
    for (uint32_t n = 0; n < p->set_steps && n < p->step_count; n++) {
        const struct plan_step *s = &p->steps[n];
        for (uint32_t i = 0; i < s->stmt.param_count; i++) {
            buf_printf(b, "%s", separator);
            write_bind(b, &s->binds[i]);
            separator = ",";
        }
    }
    buf_char(b, ']');
}

static void write_notes(struct buf *b, uint32_t notes)
{
    const char *code, *text, *comma = "";
    for (uint32_t at = 0; notes_next(notes, &at, &code, &text); comma = ",") {
        buf_printf(b, "%s{\"code\":\"%s\",\"message\":\"%s\"}", comma, code, text);
    }
}

/* The statements that one row takes, one behind the other. */
static void write_sql(struct buf *b, const struct plan *p)
{
    struct buf all;
    buf_init(&all);
    for (uint32_t i = 0; i < p->set_steps && i < p->step_count; i++) {
        buf_printf(&all, "%s", i > 0 ? "; " : "");
        buf_str_add(&all, p->steps[i].stmt.sql);
    }
    buf_json_str(b, buf_str(&all));
    b->failed = b->failed || all.failed;
    buf_fini(&all);
}

/* Whether it may share a connection, and how several runs of it become one: the form for
 * any number of keys, or for the fewest. */
static void write_share(struct buf *b, const struct plan *p)
{
    static const char *const words[] = {"no", "read", "write"};
    const struct statement *s = p->step_count == 1 ? &p->steps[0].stmt : NULL;
    buf_printf(b, ",\"shares\":\"%s\"", words[s == NULL ? SHARE_NO : s->share]);
    if (s != NULL && s->fusion_count > 0) {
        const struct statement *fused = s->fusions[0].stmt;
        BUF_LIT(b, ",\"fused\":");
        buf_json_str(b, fused->sql_many.len > 0 ? fused->sql_many : fused->sql);
    }
}

static enum err plan_for(struct req *r, struct catalog *catalog, const struct dialect *d,
                         struct plan **out, bool *hit)
{
    struct compile_request in = req_compile_request(r, catalog);
    in.dialect = d;
    return compiler_plan(r->worker->compiler, &in, &r->arena, out, hit, &r->fail);
}

/* "sql" as a map by dialect, for those that were asked for. */
static enum err compile_all(struct req *r, struct catalog *catalog)
{
    BUF_LIT(&r->answer, "\"sql\":{");
    for (uint32_t i = 0; i < r->msg.dialect_count; i++) {
        const struct dialect *d = dialect_named(r->msg.dialects[i]);
        if (d == NULL) {
            return fail_at(&r->fail, ERR_BAD_REQUEST, STR("/dialects"),
                           "a dialect is one of postgresql, mariadb, sqlite");
        }
        struct plan *p;
        bool hit;
        enum err e = plan_for(r, catalog, d, &p, &hit);
        if (e != ERR_OK) {
            return e;
        }
        if (i > 0) {
            buf_char(&r->answer, ',');
        }
        buf_json_str(&r->answer, r->msg.dialects[i]);
        buf_char(&r->answer, ':');
        write_sql(&r->answer, p);
        plan_unref(p);
    }
    BUF_LIT(&r->answer, "},");
    return ERR_OK;
}

enum err op_compile(struct req *r, struct catalog *catalog)
{
    struct plan *p;
    bool hit;
    struct buf *b = &r->answer;
    enum err e = plan_for(r, catalog, r->backend->db->dialect, &p, &hit);
    if (e != ERR_OK) {
        return e;
    }
    if (r->msg.dialect_count > 0) {
        e = compile_all(r, catalog);
    } else {
        BUF_LIT(b, "\"sql\":");
        write_sql(b, p);
        buf_char(b, ',');
    }
    if (e == ERR_OK) {
        BUF_LIT(b, "\"binds\":");
        write_binds(b, p);
        buf_char(b, ',');
        rows_write_columns(b, p->columns, p->column_count);
        BUF_LIT(b, ",\"route\":");
        buf_json_str(b, r->backend->db->conf->name);
        write_share(b, p);
        buf_printf(b, ",\"plan\":\"%s\",\"notes\":[", hit ? "hit" : "miss");
        write_notes(b, p->notes);
        BUF_LIT(b, "]}\n");
        e = finish(r);
    }
    plan_unref(p);
    return e;
}
