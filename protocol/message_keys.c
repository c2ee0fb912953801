/* SPDX-License-Identifier: MIT
 *
 * protocol/message_keys.c: what each key of a request may be, and for which
 * operations it is one.
 */
#include "protocol/message_keys.h"

#include <string.h>

/* ---- the reading of one key ---- */

typedef enum err read_fn(struct read *r);

enum err message_bad_key(struct read *r, enum err e, const char *sub, const char *why)
{
    char path[128] = "/";
    strncat(path, r->key, sizeof path - 2);
    strncat(path, sub, sizeof path - strlen(path) - 1);
    return fail_at(r->fail, e, str_of(path), "%s", why);
}

static enum err bad(struct read *r, const char *why)
{
    return message_bad_key(r, ERR_BAD_REQUEST, "", why);
}

static enum err read_request_id(struct read *r, struct request_id *out)
{
    int64_t n;
    bool number = json_i64(r->value, &n);
    if (!number && r->value->kind != JSON_STRING) {
        return bad(r, "an id is a string or a whole number of 64 bits");
    }
    out->present = true;
    out->text = json_source(r->value, r->source);
    if (out->text.len > 256) {
        out->present = false;
        return bad(r, "an id has at most 256 bytes");
    }
    return ERR_OK;
}

static enum err read_id(struct read *r)
{
    /* message_parse reads it ahead of all other keys */
    return r->m->id.present ? ERR_OK : read_request_id(r, &r->m->id);
}

enum err message_read_id(struct read *r, const struct json *id)
{
    r->key = "id";
    r->value = id;
    return read_id(r);
}

static enum err read_tx(struct read *r)
{
    return read_request_id(r, &r->m->tx);
}

enum err message_read_tx(struct read *r, const struct json *tx)
{
    r->key = "tx";
    r->value = tx;
    return read_tx(r);
}

static enum err read_of(struct read *r)
{
    return read_request_id(r, &r->m->of);
}

/* A string that is not empty. */
static enum err read_name(struct read *r, struct str *out)
{
    if (r->value->kind != JSON_STRING || r->value->len == 0) {
        return bad(r, "a name is a string that is not empty");
    }
    *out = json_text(r->value);
    return ERR_OK;
}

static enum err read_db(struct read *r)
{
    return read_name(r, &r->m->db);
}

static enum err read_run(struct read *r)
{
    return read_name(r, &r->m->run);
}

static enum err read_statement_name(struct read *r)
{
    return read_name(r, &r->m->name);
}

static enum err read_op(struct read *r)
{
    return r->value->kind == JSON_STRING ? ERR_OK : bad(r, "op is a string");
}

static enum err read_query(struct read *r)
{
    if (r->value->kind != JSON_OBJECT) {
        return bad(r, "a query is an object");
    }
    r->m->query = r->value;
    return ERR_OK;
}

static enum err read_params(struct read *r)
{
    if (r->value->kind == JSON_ARRAY && r->value->len > 0) {
        r->m->param_sets = r->value;
        return ERR_OK;
    }
    if (r->value->kind != JSON_OBJECT) {
        return bad(r, "params is an object of names and values, or a list of such objects");
    }
    r->m->params = r->value;
    return ERR_OK;
}

/* One of a list of words; its index, or -1. */
static int word_index(const struct json *j, const char *const *words, int count)
{
    for (int i = 0; i < count; i++) {
        if (json_is(j, words[i])) {
            return i;
        }
    }
    return -1;
}

static enum err read_as(struct read *r)
{
    static const char *const words[] = {"arrays", "objects", "columns"};
    static const enum rows_form forms[] = {ROWS_ARRAYS, ROWS_OBJECTS, ROWS_COLUMNS};
    int i = word_index(r->value, words, 3);
    if (i < 0) {
        return bad(r, "as is one of arrays, objects, columns");
    }
    r->m->as = forms[i];
    return ERR_OK;
}

static enum err read_expect(struct read *r)
{
    static const char *const words[] = {
        [MODE_ALL] = "all",       [MODE_FIRST] = "first",
        [MODE_ONE] = "one",       [MODE_ONE_OR_NONE] = "one_or_none",
        [MODE_SCALAR] = "scalar", [MODE_SCALARS] = "scalars",
        [MODE_COUNT] = "count",   [MODE_EXISTS] = "exists",
    };
    int i = word_index(r->value, words, (int)(sizeof words / sizeof words[0]));
    if (i < 0) {
        return bad(r, "expect is one of all, first, one, one_or_none, scalar, scalars, count, "
                      "exists");
    }
    r->m->expect = (enum expect_mode)i;
    return ERR_OK;
}

bool duration_parse(struct str text, uint64_t *ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    size_t n = 0;
    while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9') {
        n++;
    }
    int64_t v;
    if (n > 12 || !str_to_i64((struct str){text.ptr, n}, &v)) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (str_is((struct str){text.ptr + n, text.len - n}, units[i].unit)) {
            *ms = (uint64_t)v * units[i].ms;
            return true;
        }
    }
    return false;
}

static enum err read_timeout(struct read *r)
{
    if (r->value->kind != JSON_STRING ||
        !duration_parse(json_text(r->value), &r->m->timeout_ms) || r->m->timeout_ms == 0 ||
        r->m->timeout_ms > UINT64_C(86400000)) {
        return bad(r, "a timeout is a text like \"500ms\", \"5s\" or \"2m\", at most 24h");
    }
    return ERR_OK;
}

static bool positive(const struct json *j, int64_t max, uint32_t *out)
{
    int64_t n;
    if (!json_i64(j, &n) || n < 1 || n > max) {
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

static enum err read_stream(struct read *r)
{
    if (r->value->kind == JSON_TRUE || r->value->kind == JSON_FALSE) {
        r->m->stream = r->value->kind == JSON_TRUE;
        return ERR_OK;
    }
    if (r->value->kind != JSON_OBJECT) {
        return bad(r, "stream is true or {\"chunk\": rows, \"credit\": chunks}");
    }
    r->m->stream = true;
    for (const struct json *j = r->value->first; j != NULL; j = j->next) {
        if (str_is(json_key(j), "chunk")) {
            if (!positive(j, 100000, &r->m->chunk_rows)) {
                return message_bad_key(r, ERR_BAD_REQUEST, "/chunk",
                                       "chunk is 1 to 100000 rows");
            }
        } else if (str_is(json_key(j), "credit")) {
            if (!positive(j, 1000000, &r->m->credit)) {
                return message_bad_key(r, ERR_BAD_REQUEST, "/credit",
                                       "credit is 1 to 1000000 chunks");
            }
        } else {
            char sub[64];
            json_path_write(&(struct json_path){.key = json_key(j)}, sub, sizeof sub);
            enum err e = message_bad_key(r, ERR_UNKNOWN_KEY, sub, "a stream has no such key");
            fail_hint(r->fail, "its keys are chunk and credit");
            return e;
        }
    }
    return ERR_OK;
}

static enum err read_credit(struct read *r)
{
    return positive(r->value, 1000000, &r->m->credit) ? ERR_OK
                                                      : bad(r, "credit is 1 to 1000000 chunks");
}

static enum err read_keys(struct read *r)
{
    if (r->value->kind != JSON_TRUE && r->value->kind != JSON_FALSE) {
        return bad(r, "keys is true or false");
    }
    r->m->keys = r->value->kind == JSON_TRUE ? WANT_YES : WANT_NO;
    return ERR_OK;
}

static enum err read_version(struct read *r)
{
    return json_i64(r->value, &r->m->version) && r->m->version > 0
               ? ERR_OK
               : bad(r, "version is a whole number");
}

static enum err read_int64(struct read *r)
{
    static const char *const words[] = {
        [INT64_NUMBER] = "number", [INT64_STRING] = "string", [INT64_GUARD] = "guard"};
    int i = word_index(r->value, words, 3);
    if (i < 0) {
        return bad(r, "int64 is one of number, string, guard");
    }
    r->m->int64 = (enum int64_form)i;
    r->m->has_int64 = true;
    return ERR_OK;
}

static enum err read_dialects(struct read *r)
{
    if (r->value->kind != JSON_ARRAY || r->value->len == 0 || r->value->len > 3) {
        return bad(r, "dialects is a list of one to three names");
    }
    for (const struct json *j = r->value->first; j != NULL; j = j->next) {
        if (j->kind != JSON_STRING) {
            return bad(r, "a dialect is one of postgresql, mariadb, sqlite");
        }
        for (uint32_t i = 0; i < r->m->dialect_count; i++) {
            if (json_is(j, "") || str_eq(r->m->dialects[i], json_text(j))) {
                return bad(r, "a dialect is named twice");
            }
        }
        r->m->dialects[r->m->dialect_count++] = json_text(j);
    }
    return ERR_OK;
}

/* One of two words of JSON. */
static enum err read_switch(struct read *r, bool *out)
{
    if (r->value->kind != JSON_TRUE && r->value->kind != JSON_FALSE) {
        return bad(r, "it is true or false");
    }
    *out = r->value->kind == JSON_TRUE;
    return ERR_OK;
}

static enum err read_isolation(struct read *r)
{
    if (r->value->kind != JSON_STRING ||
        !isolation_parse(json_text(r->value), &r->m->isolation)) {
        return bad(r, "isolation is one of \"read uncommitted\", \"read committed\", "
                      "\"repeatable read\", \"serializable\"");
    }
    return ERR_OK;
}

static enum err read_read_only(struct read *r)
{
    return read_switch(r, &r->m->read_only);
}

static enum err read_deferrable(struct read *r)
{
    return read_switch(r, &r->m->deferrable);
}

static enum err read_atomic(struct read *r)
{
    bool atomic = true;
    enum err e = read_switch(r, &atomic);
    r->m->not_atomic = e == ERR_OK && !atomic;
    return e;
}

static enum err read_steps(struct read *r)
{
    if (r->value->kind != JSON_ARRAY || r->value->len == 0) {
        return bad(r, "steps is a list of statements that is not empty");
    }
    r->m->steps = r->value;
    return ERR_OK;
}

static enum err read_reads(struct read *r)
{
    static const char *const words[] = {"primary", "session", "eventual"};
    int i = word_index(r->value, words, 3);
    if (i < 0) {
        return bad(r, "reads is one of primary, session, eventual");
    }
    r->m->reads = (enum reads)(READS_PRIMARY + i);
    return ERR_OK;
}

static enum err read_read_after(struct read *r)
{
    bool text = r->value->kind == JSON_STRING;
    return text && position_parse(json_text(r->value), &r->m->read_after)
               ? ERR_OK
               : bad(r, "read_after is the position of another reply");
}

static enum err read_what(struct read *r)
{
    return read_name(r, &r->m->what);
}

static enum err read_region(struct read *r)
{
    return read_name(r, &r->m->cache.region);
}

static enum err read_label(struct read *r)
{
    return read_name(r, &r->m->cache.key);
}

/* ---- steps ---- */

static enum err read_step_name(struct read *r)
{
    return read_name(r, &r->step->name);
}

static enum err read_condition(struct read *r)
{
    r->step->condition = r->value;
    return ERR_OK;
}

/* Part of the contract, not of this server yet. */
static enum err read_later(struct read *r)
{
    return message_bad_key(r, ERR_UNSUPPORTED_FEATURE, "",
                           "this server does not have this yet");
}

/* ---- the table of keys ---- */

#define FOR(op) (1u << OP_##op)
#define STATEMENT (FOR(QUERY) | FOR(COMPILE) | FOR(PREPARE))
#define OF_SAVEPOINTS (FOR(SAVEPOINT) | FOR(RELEASE) | FOR(ROLLBACK_TO))
#define OF_TX (FOR(BEGIN) | FOR(COMMIT) | FOR(ROLLBACK) | OF_SAVEPOINTS)
#define OF_DATABASES (FOR(SHOW) | FOR(PAUSE) | FOR(RESUME) | FOR(DRAIN))
#define OF_STEP (1u << OP_COUNT)
#define ANY_OP ((1u << OP_COUNT) - 1)

#define KEY(lit)                                                                               \
    {                                                                                          \
        (lit), sizeof(lit) - 1                                                                 \
    }

static const struct {
    struct str key;
    unsigned ops;
    read_fn *read;
} keys[] = {
    {KEY("id"), ANY_OP, read_id},
    {KEY("op"), ANY_OP, read_op},
    {KEY("query"), STATEMENT | OF_STEP, read_query},
    {KEY("params"), FOR(QUERY) | FOR(COMPILE) | OF_STEP, read_params},
    {KEY("run"), FOR(QUERY) | FOR(COMPILE) | OF_STEP, read_run},
    {KEY("name"), FOR(PREPARE) | FOR(DEALLOCATE) | OF_SAVEPOINTS, read_statement_name},
    {KEY("db"),
     STATEMENT | FOR(HELLO) | FOR(SCHEMA_RELOAD) | FOR(BEGIN) | FOR(BATCH) | FOR(INVALIDATE) |
         OF_DATABASES,
     read_db},
    {KEY("as"), FOR(QUERY), read_as},
    {KEY("as"), OF_STEP, read_step_name},
    {KEY("if"), OF_STEP, read_condition},
    {KEY("expect"), FOR(QUERY) | FOR(COMPILE) | OF_STEP, read_expect},
    {KEY("stream"), FOR(QUERY), read_stream},
    {KEY("timeout"),
     STATEMENT | FOR(SCHEMA_RELOAD) | FOR(BATCH) | OF_TX | FOR(PAUSE) | FOR(DRAIN),
     read_timeout},
    {KEY("keys"), FOR(QUERY) | FOR(COMPILE) | OF_STEP, read_keys},
    {KEY("of"), FOR(MORE) | FOR(CANCEL), read_of},
    {KEY("credit"), FOR(MORE), read_credit},
    {KEY("version"), FOR(HELLO), read_version},
    {KEY("int64"), FOR(HELLO), read_int64},
    {KEY("dialects"), FOR(COMPILE), read_dialects},
    {KEY("auth"), FOR(HELLO), read_later},
    {KEY("tx"), FOR(QUERY) | FOR(BATCH) | OF_TX, read_tx},
    {KEY("isolation"), FOR(BEGIN) | FOR(BATCH), read_isolation},
    {KEY("read_only"), FOR(BEGIN), read_read_only},
    {KEY("deferrable"), FOR(BEGIN), read_deferrable},
    {KEY("steps"), FOR(BATCH), read_steps},
    {KEY("atomic"), FOR(BATCH), read_atomic},
    {KEY("what"), FOR(SHOW), read_what},
    {KEY("session"), ANY_OP, read_later},
    {KEY("cache"), FOR(QUERY), message_read_cache},
    {KEY("tables"), FOR(INVALIDATE), message_read_tables},
    {KEY("tags"), FOR(INVALIDATE), message_read_tags},
    {KEY("region"), FOR(INVALIDATE), read_region},
    {KEY("key"), FOR(INVALIDATE), read_label},
    {KEY("shard"), FOR(QUERY), read_later},
    {KEY("reads"), FOR(QUERY) | FOR(HELLO), read_reads},
    {KEY("read_after"), FOR(QUERY), read_read_after},
    {KEY("why"), FOR(QUERY), read_later},
};
#define KEY_COUNT (sizeof keys / sizeof keys[0])

static unsigned use_of(const struct read *r)
{
    return r->step != NULL ? OF_STEP : 1u << r->m->op;
}

/* A statement that stands where the request should. */
static bool begins_statement(struct str key)
{
    static const char *const verbs[] = {"select", "insert", "update", "delete", "text", "with"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (str_is(key, verbs[i])) {
            return true;
        }
    }
    return false;
}

static enum err unknown_key(const struct read *r, const struct json *j)
{
    struct str key = json_key(j);
    char path[320] = "/";
    struct json_path p = {.key = key};
    json_path_write(&p, path, sizeof path);
    const char *op = op_name(r->m->op);
    fail_at(r->fail, ERR_UNKNOWN_KEY, str_of(path), "%s %s %s has no key \"%.*s\"",
            strchr("aeiou", op[0]) != NULL ? "an" : "a", op,
            r->step != NULL ? "step" : "request", (int)utf8_cut(key, 80), key.ptr);
    unsigned best = key.len > 3 ? 3 : 2; /* every short key is near to every other */
    const char *nearest = NULL;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        unsigned d = str_distance(key, keys[i].key, best);
        if ((keys[i].ops & use_of(r)) != 0 && d < best) {
            best = d;
            nearest = keys[i].key.ptr;
        }
    }
    if ((use_of(r) & (STATEMENT | OF_STEP)) != 0 && begins_statement(key)) {
        fail_hint(r->fail, "a statement stands in \"query\": {\"query\":{\"%.*s\":…}}",
                  STR_ARG(key));
    } else if (nearest != NULL) {
        fail_hint(r->fail, "did you mean \"%s\"?", nearest);
    }
    return ERR_UNKNOWN_KEY;
}

enum err message_read_member(struct read *r, const struct json *j)
{
    struct str key = json_key(j);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (key.len == keys[i].key.len && memcmp(key.ptr, keys[i].key.ptr, key.len) == 0 &&
            (keys[i].ops & use_of(r)) != 0) {
            r->key = keys[i].key.ptr;
            r->value = j;
            return keys[i].read(r);
        }
    }
    return unknown_key(r, j);
}
