/* SPDX-License-Identifier: MIT
 *
 * protocol/message.c: the envelope of a request, read through one table of keys.
 */
#include "protocol/message_keys.h"

#include <string.h>

static const struct {
    const char *name;
    enum op_way way;
} ops[OP_COUNT] = {
#define X(name, wire, way) [OP_##name] = {wire, WAY_##way},
    OP_MAP(X)
#undef X
};

const char *op_name(enum op op)
{
    return ops[op].name;
}

enum op_way op_way(enum op op)
{
    return ops[op].way;
}

/* ---- the whole ---- */

/* Operations of the contract that this server does not have yet. */
static bool is_later_op(struct str name)
{
    static const char *const later[] = {
        "get",
        "save",
        "open",
        "find",
        "add",
        "set",
        "delete",
        "link",
        "unlink",
        "flush",
        "refresh",
        "expire",
        "expunge",
        "merge",
        "status",
        "close",
        "reload",
        "kill",
        "explain",
        "schema.create_all",
        "schema.drop_all",
        "schema.create",
        "schema.drop",
        "schema.reflect",
        "schema.diff",
    };
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (str_is(name, later[i])) {
            return true;
        }
    }
    return false;
}

static enum err find_op(struct message *m, const struct json *root, struct fail *f)
{
    const struct json *j = json_get(root, "op");
    if (j == NULL || j->kind != JSON_STRING) {
        return ERR_OK; /* query, or a fault that its own key will tell */
    }
    struct str name = json_text(j);
    for (int i = 0; i < OP_COUNT; i++) {
        if (str_is(name, ops[i].name)) {
            m->op = (enum op)i;
            return ERR_OK;
        }
    }
    unsigned best = 3;
    const char *nearest = NULL;
    for (int i = 0; i < OP_COUNT; i++) {
        unsigned d = str_distance(name, str_of(ops[i].name), 2);
        if (d < best) {
            best = d;
            nearest = ops[i].name;
        }
    }
    if (is_later_op(name)) {
        return fail_at(f, ERR_UNSUPPORTED_FEATURE, STR("/op"),
                       "this server does not have this operation yet");
    }
    fail_at(f, ERR_UNKNOWN_OP, STR("/op"), "no operation \"%.*s\"", (int)utf8_cut(name, 80),
            name.ptr);
    if (nearest != NULL) {
        fail_hint(f, "did you mean \"%s\"?", nearest);
    }
    return ERR_UNKNOWN_OP;
}

static enum err need(bool there, const char *path, const char *why, struct fail *f)
{
    return there ? ERR_OK : fail_at(f, ERR_BAD_REQUEST, str_of(path), "%s", why);
}

static enum err check_statement(const struct message *m, struct fail *f)
{
    if (m->query != NULL && m->run.len > 0) {
        return fail_at(f, ERR_BAD_REQUEST, STR("/run"), "give query or run, not both");
    }
    return need(m->query != NULL || m->run.len > 0, "/query", "there is no query", f);
}

static enum err check_stream(const struct message *m, struct fail *f)
{
    if (!m->stream) {
        return ERR_OK;
    }
    if (m->expect != MODE_ALL || m->as == ROWS_COLUMNS) {
        return fail_at(f, ERR_BAD_REQUEST, STR("/stream"),
                       "a stream sends all rows, as arrays or objects");
    }
    return need(m->id.present || m->credit == UINT32_MAX, "/stream/credit",
                "credit is added by the id of a request, and this one has none", f);
}

/* Tables and tags are of all regions, a key is of one; all of them at once is what nobody
 * means. */
static enum err check_invalidate(const struct message *m, struct fail *f)
{
    const struct cache_ask *c = &m->cache;
    bool names = m->tables != NULL || c->tag_count > 0;
    enum err e = need(names || c->region.len > 0 || c->key.len > 0, "/tables",
                      "what? give tables, tags, a region, or a region's key", f);
    if (e == ERR_OK && c->key.len > 0) {
        e = need(!names, "/key", "a key is invalidated by itself, with its region", f);
    }
    if (e == ERR_OK && c->region.len > 0) {
        e = need(!names, "/region", "tables and tags are of all regions; leave region out", f);
    }
    return e == ERR_OK && m->db.len > 0
               ? need(m->tables != NULL, "/db", "only tables are of a database", f)
               : e;
}

/* What an operation cannot do without. */
static enum err check_whole(const struct message *m, struct fail *f)
{
    enum err e;
    switch (m->op) {
    case OP_QUERY:
        e = check_statement(m, f);
        return e == ERR_OK ? check_stream(m, f) : e;
    case OP_COMPILE:
        return check_statement(m, f);
    case OP_PREPARE:
        e = need(m->name.len > 0, "/name", "prepare needs a name", f);
        return e == ERR_OK ? need(m->query != NULL, "/query", "prepare needs a query", f) : e;
    case OP_DEALLOCATE:
        return need(m->name.len > 0, "/name", "deallocate needs a name", f);
    case OP_MORE:
    case OP_CANCEL:
        return need(m->of.present, "/of", "which request? give its id as `of`", f);
    case OP_INVALIDATE:
        return check_invalidate(m, f);
    case OP_BATCH:
        return need(m->steps != NULL, "/steps", "there are no steps", f);
    case OP_BEGIN:
    case OP_COMMIT:
    case OP_ROLLBACK:
        return need(m->tx.present, "/tx", "which transaction? give its handle as `tx`", f);
    case OP_SAVEPOINT:
    case OP_RELEASE:
    case OP_ROLLBACK_TO:
        e = need(m->tx.present, "/tx", "which transaction? give its handle as `tx`", f);
        return e == ERR_OK ? need(m->name.len > 0, "/name", "a savepoint has a name", f) : e;
    case OP_HELLO:
    case OP_PING:
    case OP_STATS:
    case OP_SHOW:
    case OP_PAUSE:
    case OP_RESUME:
    case OP_DRAIN:
    case OP_SCHEMA_RELOAD:
        break;
    }
    return ERR_OK;
}

enum err message_parse(struct str source, struct arena *a, const struct json_opts *opts,
                       struct message *m, struct fail *f)
{
    *m = (struct message){
        .op = OP_QUERY, .as = ROWS_ARRAYS, .chunk_rows = 500, .credit = UINT32_MAX};
    struct json *root;
    enum err e = json_parse_with(a, source, opts, &root, f);
    if (e != ERR_OK) {
        return e;
    }
    if (root->kind != JSON_OBJECT) {
        f->offset = 0;
        return fail_set(f, ERR_BAD_JSON, "a line is one JSON object, not %s",
                        json_kind_name(root));
    }
    struct read r = {.source = source, .m = m, .fail = f};
    const struct json *id = json_get(root, "id");
    e = id == NULL ? ERR_OK : message_read_id(&r, id);
    const struct json *tx = json_get(root, "tx");
    if (tx != NULL) {
        enum err of_tx = message_read_tx(&r, tx);
        e = e != ERR_OK ? e : of_tx;
    }
    if (e == ERR_OK) {
        e = find_op(m, root, f);
    }
    for (const struct json *j = root->first; e == ERR_OK && j != NULL; j = j->next) {
        e = message_read_member(&r, j);
    }
    if (m->query != NULL && opts->known != NULL) {
        m->query_text = opts->known->text;
        m->query = opts->known->found != NULL ? opts->known->found : m->query;
    }
    return e == ERR_OK ? check_whole(m, f) : e;
}
