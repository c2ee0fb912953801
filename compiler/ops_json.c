/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_json.c: JSON.
 *
 * A key is never an index and an index never a key: what is not there, also because
 * it is of the other kind, is null. On SQLite all of it is done by the driver's
 * functions (backend/sqlite_json.c).
 */
#include "compiler/emit_json.h"
#include "compiler/json_path.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/parse.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

static const struct path_sql paths[DIALECT_COUNT] = {
    [COLUMN_PG] = {.step = "($1 -> $2)",
                   .last_as_text = "($1 ->> $2)",
                   .get = "jsonb_path_query_first($1::jsonb, $2::jsonpath, '{}', true)",
                   .text = "(jsonb_path_query_first($1::jsonb, $2::jsonpath, '{}', true) #>> "
                           "'{}')",
                   .form = BIND_PATH_PG},
    [COLUMN_MARIA] = {.get = "json_extract($1, $2)",
                      .text = "CASE WHEN json_type(json_extract($1, $2)) = 'NULL' THEN NULL "
                              "ELSE json_unquote(json_extract($1, $2)) END",
                      .guard = "json_type(json_extract($1, $2)) = 'ARRAY'",
                      .form = BIND_PATH_MARIA},
    [COLUMN_SQLITE] = {.get = "tb_json_get($1, $2)",
                       .text = "tb_json_text($1, $2)",
                       .form = BIND_PATH_JSON},
};

enum err need_json(struct context *c, struct expr *e, const char *what)
{
    struct type json = type_of(TYPE_JSON);
    if (!is_family(e, FAMILY_JSON)) {
        return type_mismatch(c, e, what, "json");
    }
    return settle(c, e, &json, SETTLE_COMPARE);
}

/* ---- -> and ->> ---- */

static enum err need_path(struct context *c, struct expr *p, const char *what)
{
    if (p->kind != EXPR_PARAM) {
        return ERR_OK; /* the parser took it for a path */
    }
    const struct json *value = p->param.value;
    if (value != NULL && value->kind != JSON_ARRAY) {
        return ctx_fail(c, value, ERR_TYPE_MISMATCH, "`%s` takes a path, and this is %s", what,
                        json_kind_name(value));
    }
    p->form = paths[c->d->column].form;
    p->type = type_of(TYPE_TEXT);
    return ERR_OK;
}

static enum err rule_get(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = need_json(c, e->call.args[0], call_name(e));
    e->type = type_of(call_name(e)[2] == '>' ? TYPE_TEXT : TYPE_JSON);
    return err != ERR_OK ? err : need_path(c, e->call.args[1], call_name(e));
}

/* A node that is a part of the path: step `column`, or as many first steps. */
static const struct expr *path_part(struct emitter *em, const struct expr *path,
                                    enum bind_form form, uint32_t column)
{
    struct expr *e = ARENA_NEW(em->c->a, struct expr);
    const struct json *step = path->kind == EXPR_PATH ? path->literal.node->first : NULL;
    if (e == NULL) {
        return NULL;
    }
    *e = *path;
    e->form = form;
    e->path_part = column;
    for (uint32_t i = 0; i < column && step != NULL; i++) {
        step = step->next;
    }
    bool index = form == BIND_PATH_STEP && step != NULL && step->kind == JSON_INTEGER;
    e->type = type_of(index ? TYPE_INTEGER : TYPE_TEXT);
    e->kind = path->kind == EXPR_PATH ? EXPR_LITERAL : path->kind;
    return e;
}

static enum err emit_steps(struct emitter *em, const struct path_sql *sql,
                           const struct expr *call, const struct expr *document)
{
    const struct expr *path = call->call.args[1], *at = document;
    uint32_t count = path->literal.node->len;
    bool as_text = call->type.kind == TYPE_TEXT;
    for (uint32_t i = 0; i < count; i++) {
        const struct expr **pair = ARENA_ARRAY(em->c->a, 2, const struct expr *);
        if (pair == NULL) {
            return ctx_full(em->c);
        }
        pair[0] = at;
        pair[1] = path_part(em, path, BIND_PATH_STEP, i);
        bool last = i + 1 == count;
        at = pair[1] == NULL
                 ? NULL
                 : dress_parts(em, last && as_text ? sql->last_as_text : sql->step, pair, 2);
        if (at == NULL) {
            return ctx_full(em->c);
        }
    }
    return emit_expr(em, at);
}

/* Where [0] of what is no array is the value itself, each parent of an index must be
 * an array. */
static enum err emit_guards(struct emitter *em, const struct path_sql *sql,
                            const struct expr *path, const struct expr *document, bool *any)
{
    enum err e = ERR_OK;
    uint32_t i = 0;
    *any = false;
    const struct json *m = path->kind == EXPR_PATH ? path->literal.node->first : NULL;
    for (; m != NULL && e == ERR_OK; m = m->next, i++) {
        if (m->kind != JSON_INTEGER) {
            continue;
        }
        static const char *const root = "json_type($1) = 'ARRAY'";
        const struct expr *pair[] = {document, path_part(em, path, sql->form, i)};
        if (pair[1] == NULL) {
            return ctx_full(em->c);
        }
        emit_text(em, *any ? " AND " : "CASE WHEN ");
        e = emit_template(em, i == 0 ? root : sql->guard, pair, 2);
        *any = true;
    }
    emit_text(em, *any ? " THEN " : "");
    return e;
}

/* PostgreSQL takes [0] of a scalar for the scalar where steps are written one by one. */
static bool has_index(const struct expr *path)
{
    const struct json *m = path->literal.node->first;
    while (m != NULL && m->kind == JSON_STRING) {
        m = m->next;
    }
    return m != NULL;
}

static enum err emit_get(struct emitter *em, const struct expr *call,
                         const struct expr *const *args, enum emit_place place)
{
    (void)place;
    const struct path_sql *sql = &paths[em->d->column];
    const struct expr *path = call->call.args[1];
    if (path->kind == EXPR_PATH && sql->step != NULL && !has_index(path)) {
        return emit_steps(em, sql, call, args[0]);
    }
    bool guarded = false;
    const struct expr *pair[] = {args[0], path_part(em, path, sql->form, 0)};
    if (pair[1] == NULL) {
        return ctx_full(em->c);
    }
    enum err e = sql->guard == NULL ? ERR_OK : emit_guards(em, sql, path, args[0], &guarded);
    const char *text = call->type.kind == TYPE_TEXT ? sql->text : sql->get;
    e = e != ERR_OK ? e : emit_template(em, text, pair, 2);
    emit_text(em, guarded ? " END" : "");
    return e;
}

/* ---- questions to a document ---- */

/* [op, document, path] is asked of what is at the path. */
static enum err take_path(struct context *c, struct query *q, struct expr *e)
{
    if (e->call.count == 1) {
        return need_json(c, e->call.args[0], call_name(e));
    }
    struct expr *get = expr_new(c, EXPR_CALL, e->src);
    struct expr **args = ARENA_ARRAY(c->a, 2, struct expr *);
    if (get == NULL || args == NULL) {
        return ctx_full(c);
    }
    args[0] = e->call.args[0];
    args[1] = e->call.args[1];
    get->call.op = operator_find(STR("->"));
    get->call.args = args;
    get->call.count = 2;
    get->resolved = true;
    e->call.args[0] = get;
    e->call.count = 1;
    return rule_get(c, q, get);
}

static enum err rule_length(struct context *c, struct query *q, struct expr *e)
{
    e->type = type_of(TYPE_BIGINT);
    return take_path(c, q, e);
}

static enum err rule_type(struct context *c, struct query *q, struct expr *e)
{
    e->type = type_of(TYPE_TEXT);
    return take_path(c, q, e);
}

static enum err rule_keys(struct context *c, struct query *q, struct expr *e)
{
    e->type = type_of(TYPE_JSON);
    return take_path(c, q, e);
}

static enum err rule_contains(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = need_json(c, e->call.args[0], call_name(e));
    e->type = type_of(TYPE_BOOLEAN);
    e->nullable = any_nullable(e);
    return err != ERR_OK ? err : need_json(c, e->call.args[1], call_name(e));
}

static enum err emit_contains(struct emitter *em, const struct expr *call,
                              const struct expr *const *args, enum emit_place place)
{
    enum err e = emit_operator(em, call, args, place);
    if (e == ERR_UNSUPPORTED_FEATURE) {
        fail_hint(em->c->f, "compare its members, by `->>` and `json_type`");
    }
    return e;
}

/* ---- making ---- */

/* That no key before argument i is the same: which of two stays is the database's. */
static enum err check_unused(struct context *c, const struct expr *e, uint32_t i)
{
    struct str key = json_text(e->call.args[i]->literal.node);
    for (uint32_t k = 0; k < i; k += 2) {
        if (str_eq(json_text(e->call.args[k]->literal.node), key)) {
            return ctx_fail(c, e->call.args[i]->src, ERR_DUPLICATE_NAME, "two keys `%.*s`",
                            (int)key.len, key.ptr);
        }
    }
    return ERR_OK;
}

static enum err rule_make(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    bool object = str_is(str_of(call_name(e)), "json_object");
    enum err err = ERR_OK;
    if (object && e->call.count % 2 != 0) {
        return ctx_fail(c, e->src, ERR_BAD_ARITY, "`json_object` takes pairs: key, value, …");
    }
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        struct expr *x = e->call.args[i];
        bool key = object && i % 2 == 0;
        err = key ? need_text(c, x, call_name(e)) : need_json_member(c, x, call_name(e));
        if (err == ERR_OK && key && (x->kind != EXPR_LITERAL || x->nullable)) {
            err = ctx_fail(c, x->src, ERR_UNSUPPORTED_FEATURE,
                           "a key of `json_object` is written out");
            fail_hint(c->f, "write {\"value\":\"key\"}; `json_object_agg` takes others");
        }
        err = err == ERR_OK && key ? check_unused(c, e, i) : err;
    }
    e->type = type_of(TYPE_JSON);
    e->nullable = false;
    return err;
}

/* How a document is written: a function of its members, or their texts joined. */
static const struct {
    const char *open[2]; /* of an array, of an object */
    const char *joiner;  /* NULL: the function takes the members */
    const char *close[2];
} makes[DIALECT_COUNT] = {
    [COLUMN_PG] = {.open = {"jsonb_build_array(", "jsonb_build_object("}, .close = {")", ")"}},
    [COLUMN_MARIA] = {.open = {"concat('['", "concat('{'"},
                      .joiner = ", ",
                      .close = {", ']')", ", '}')"}},
    [COLUMN_SQLITE] = {.open = {"('['", "('{'"},
                       .joiner = " || ",
                       .close = {" || ']')", " || '}')"}},
};

static enum err emit_member(struct emitter *em, const struct expr *x)
{
    const struct expr *member = json_document(em, x);
    return member == NULL ? ctx_full(em->c) : emit_expr(em, member);
}

static enum err emit_make(struct emitter *em, const struct expr *call,
                          const struct expr *const *args, enum emit_place place)
{
    (void)args;
    (void)place;
    unsigned object = str_is(str_of(call_name(call)), "json_object") ? 1 : 0;
    const char *joiner = makes[em->d->column].joiner;
    enum err e = ERR_OK;
    emit_text(em, makes[em->d->column].open[object]);
    for (uint32_t i = 0; i < call->call.count && e == ERR_OK; i++) {
        if (joiner == NULL) {
            emit_text(em, i > 0 ? ", " : "");
        } else {
            emit_text(em, i == 0 ? "" : joiner);
            emit_text(em, i == 0 ? "" : object == 1 && i % 2 != 0 ? "':'" : "','");
            emit_text(em, joiner);
        }
        e = emit_member(em, call->call.args[i]);
    }
    emit_text(em, makes[em->d->column].close[object]);
    return e;
}

/* ---- changing ---- */

/* $1 document, $2 the new member, $3 path, $4 what is around it, $5 its last step */
static const struct {
    const char *set_key, *set_index, *remove;
    enum bind_form spot, holder;
} edits[DIALECT_COUNT] = {
    [COLUMN_PG] = {.set_key =
                       "CASE WHEN jsonb_path_exists($1::jsonb, $4::jsonpath, '{}', true) "
                       "THEN jsonb_set($1::jsonb, $3::text[], coalesce(to_jsonb($2), "
                       "'null')) ELSE $1::jsonb END",
                   .remove = "CASE WHEN jsonb_path_exists($1::jsonb, $4::jsonpath, '{}', true) "
                             "THEN ($1::jsonb #- $3::text[]) ELSE $1::jsonb END",
                   .spot = BIND_SPOT_PG,
                   .holder = BIND_HOLDER_PG},
    [COLUMN_MARIA] = {.set_key = "CASE WHEN json_type(json_extract($1, $4)) = 'OBJECT' THEN "
                                 "json_set($1, $3, json_compact($2)) ELSE $1 END",
                      .set_index = "CASE WHEN $5 >= 0 OR json_exists($1, $3) THEN "
                                   "json_set($1, $3, json_compact($2)) ELSE $1 END",
                      .remove = "json_remove($1, $3)",
                      .spot = BIND_SPOT_MARIA,
                      .holder = BIND_HOLDER_MARIA},
    [COLUMN_SQLITE] = {.set_key = "tb_json_set($1, $3, $2)",
                       .remove = "tb_json_remove($1, $3)",
                       .spot = BIND_SPOT_JSON,
                       .holder = BIND_SPOT_JSON},
};

static enum err rule_edit(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr **args = e->call.args;
    enum err err = need_json(c, args[0], call_name(e));
    err = err != ERR_OK ? err : need_path(c, args[1], call_name(e));
    e->type = type_of(TYPE_JSON);
    e->nullable = args[0]->nullable;
    return err != ERR_OK || e->call.count < 3 ? err
                                              : need_json_member(c, args[2], call_name(e));
}

static const char *edit_sql(struct emitter *em, const struct expr *call)
{
    const struct expr *path = call->call.args[1];
    if (call->call.count < 3) {
        return edits[em->d->column].remove;
    }
    const struct json *last = path->kind == EXPR_PATH ? path->literal.node->first : NULL;
    while (last != NULL && last->next != NULL) {
        last = last->next;
    }
    bool index = last != NULL && last->kind == JSON_INTEGER;
    return index && edits[em->d->column].set_index != NULL ? edits[em->d->column].set_index
                                                           : edits[em->d->column].set_key;
}

static enum err emit_edit(struct emitter *em, const struct expr *call,
                          const struct expr *const *args, enum emit_place place)
{
    (void)place;
    const struct path_sql *sql = &paths[em->d->column];
    const struct expr *path = call->call.args[1];
    uint32_t last = path->kind == EXPR_PATH ? path->literal.node->len - 1 : 0;
    bool sets = call->call.count == 3, guarded = false;
    enum bind_form around = sets ? edits[em->d->column].holder : sql->form;
    const struct expr *parts[] = {args[0], sets ? json_document(em, args[2]) : args[0],
                                  path_part(em, path, edits[em->d->column].spot, 0),
                                  path_part(em, path, around, 0),
                                  path_part(em, path, BIND_PATH_STEP, last)};
    if (parts[1] == NULL || parts[2] == NULL || parts[3] == NULL || parts[4] == NULL) {
        return ctx_full(em->c);
    }
    enum err e = sql->guard == NULL ? ERR_OK : emit_guards(em, sql, path, args[0], &guarded);
    e = e != ERR_OK ? e : emit_template(em, edit_sql(em, call), parts, 5);
    if (guarded && e == ERR_OK) {
        emit_text(em, " ELSE ");
        e = emit_expr(em, args[0]);
        emit_text(em, " END");
    }
    return e;
}

#define GET(op)                                                                                \
    {                                                                                          \
        .name = (op), .min_args = 2, .max_args = 2, .kinds = "ep", .rule = rule_get,           \
        .emit = emit_get                                                                       \
    }
#define ASK(op, of, ...)                                                                       \
    {                                                                                          \
        .name = (op), .min_args = 1, .max_args = 2, .kinds = "ep", .rule = (of),               \
        .sql = __VA_ARGS__                                                                     \
    }
#define MAKE(op)                                                                               \
    {                                                                                          \
        .name = (op), .max_args = MOST_ARGS, .flags = OP_KEEPS_NULL, .rule = rule_make,        \
        .emit = emit_make                                                                      \
    }

static const struct op_info list[] = {
    GET("->"),
    GET("->>"),
    MAKE("json_array"),
    /* MariaDB finds a member in an array at any depth, and a value in an array of it. */
    {.name = "json_contains",
     .min_args = 2,
     .max_args = 2,
     .rule = rule_contains,
     .emit = emit_contains,
     .sql = {"($1::jsonb @> $2::jsonb)", NULL, "tb_json_contains($1, $2)"}},
    ASK("json_keys", rule_keys,
        {"CASE jsonb_typeof($1::jsonb) WHEN 'object' THEN (SELECT coalesce(jsonb_agg(k.k), "
         "'[]') FROM jsonb_object_keys($1::jsonb) AS k (k)) END",
         "json_keys($1)", "tb_json_keys($1)"}),
    ASK("json_length", rule_length,
        {"CASE jsonb_typeof($1::jsonb) WHEN 'array' THEN jsonb_array_length($1::jsonb) WHEN "
         "'object' THEN (SELECT count(*) FROM jsonb_object_keys($1::jsonb)) ELSE 1 + 0 * "
         "length(jsonb_typeof($1::jsonb)) END",
         "json_length($1)", "tb_json_length($1)"}),
    MAKE("json_object"),
    {.name = "json_remove",
     .min_args = 2,
     .max_args = 2,
     .kinds = "ep",
     .rule = rule_edit,
     .emit = emit_edit},
    {.name = "json_set",
     .min_args = 3,
     .max_args = 3,
     .kinds = "epe",
     .flags = OP_KEEPS_NULL,
     .rule = rule_edit,
     .emit = emit_edit},
    ASK("json_type", rule_type,
        {"jsonb_typeof($1::jsonb)",
         "replace(replace(lower(json_type($1)), 'integer', 'number'), 'double', 'number')",
         "tb_json_type($1)"}),
};

const struct op_table ops_json = OP_TABLE_OF(list);
