/* SPDX-License-Identifier: MIT
 *
 * compiler/parse_query.c: statements, and what gives rows besides a select.
 *
 *   Q := select | {set_op: [Q…], tail…}
 *      | {"values": [[E…]…], "columns": [name…], "types": [T…], tail…}
 *   set_op := "union" | "union_all" | "intersect" | "intersect_all" | "except"
 *           | "except_all"
 *   tail   := "with": {name: W | {"columns": […], "query": W, "materialized": bool}},
 *             "recursive": true, "order_by": [O…], "limit": E, "offset": E
 *   W := Q | a write
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/parse.h"

#include <stdio.h>

#define KEYS(list) (list), sizeof(list) / sizeof((list)[0])

/* SQLite's bound of a compound. */
#define MAX_PARTS 500

static const struct {
    const char *key;
    enum set_op op;
} set_ops[] = {
    {"union", SET_UNION},         {"union_all", SET_UNION_ALL},
    {"intersect", SET_INTERSECT}, {"intersect_all", SET_INTERSECT_ALL},
    {"except", SET_EXCEPT},       {"except_all", SET_EXCEPT_ALL},
};
#define SET_OPS (sizeof set_ops / sizeof set_ops[0])

/* The member of a compound that has its parts; NULL: it is none. */
static const struct json *compound_parts(const struct json *j, enum set_op *op)
{
    for (size_t i = 0; i < SET_OPS; i++) {
        const struct json *parts = json_get(j, set_ops[i].key);
        if (parts != NULL) {
            *op = set_ops[i].op;
            return parts;
        }
    }
    return NULL;
}

bool is_query_form(const struct json *j)
{
    enum set_op op;
    if (j->kind != JSON_OBJECT || json_get(j, "insert") != NULL) {
        return false;
    }
    return json_get(j, "select") != NULL || json_get(j, "values") != NULL ||
           compound_parts(j, &op) != NULL;
}

enum plan_kind write_kind(const struct json *j)
{
    static const struct {
        const char *key;
        enum plan_kind kind;
    } verbs[] = {{"insert", PLAN_INSERT}, {"update", PLAN_UPDATE}, {"delete", PLAN_DELETE}};
    for (size_t i = 0; j->kind == JSON_OBJECT && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (json_get(j, verbs[i].key) != NULL) {
            return verbs[i].kind;
        }
    }
    return PLAN_READ;
}

/* ---- with ---- */

/* Names that differ. */
static enum err check_names(struct context *c, const struct json *j)
{
    if (j->kind != JSON_ARRAY || j->len == 0) {
        return ctx_fail(c, j, j->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                        "`columns` takes a list of names");
    }
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        if (m->kind != JSON_STRING || m->len == 0) {
            return ctx_fail(c, m, ERR_BAD_QUERY, "this is not a name");
        }
        for (const struct json *k = j->first; k != m; k = k->next) {
            if (str_eq(json_text(k), json_text(m))) {
                return ctx_fail(c, m, ERR_DUPLICATE_NAME, "two columns `%.*s`",
                                STR_ARG(json_text(m)));
            }
        }
    }
    return ERR_OK;
}

static const struct form_key cte_keys[] = {
    {"columns", true}, {"query", true}, {"materialized", true}};

/* {"columns": […], "query": Q, "materialized": bool} */
static enum err parse_cte_form(struct context *c, const struct json *j, struct cte *out,
                               const struct json **query)
{
    enum err e = check_keys(c, j, KEYS(cte_keys), "a query of `with`");
    const struct json *keep = json_get(j, "materialized"), *columns = json_get(j, "columns");
    *query = json_get(j, "query");
    if (e == ERR_OK && *query == NULL) {
        e = ctx_fail(c, j, ERR_BAD_QUERY, "a query of `with` is a Q or has a `query`");
    }
    if (e == ERR_OK && keep != NULL) {
        out->keep = keep->kind == JSON_TRUE ? KEEP_ROWS : KEEP_NOT;
        if (keep->kind != JSON_TRUE && keep->kind != JSON_FALSE) {
            e = ctx_fail(c, keep, ERR_BAD_QUERY, "`materialized` is true or false");
        }
    }
    out->columns = columns;
    return e == ERR_OK && columns != NULL ? check_names(c, columns) : e;
}

/* PostgreSQL takes it there, and only in the outermost `with`. */
static enum err parse_written(struct context *c, const struct json *j, struct cte *out)
{
    const struct json *outermost = json_get(c->in->query, "with");
    bool outer = false;
    for (const struct json *m = outermost == NULL ? NULL : outermost->first; m != NULL;
         m = m->next) {
        outer = outer || m == out->src;
    }
    if (!outer || !c->d->writes_in_with) {
        enum err e = ctx_fail(c, j, ERR_UNSUPPORTED_FEATURE,
                              outer ? "%s has no writes in `with`"
                                    : "%s takes writes in the outermost `with` alone",
                              c->d->words.name);
        fail_hint(c->f, outer ? "send it before, in one transaction"
                              : "move it to the `with` of the whole statement");
        return e;
    }
    enum err e = parse_write(c, j, &out->write);
    c->mixed = true;
    out->query = e == ERR_OK ? &out->write->scope : NULL;
    return e;
}

static enum err parse_cte(struct context *c, const struct json *j, struct cte *out)
{
    const struct json *query = j;
    out->src = j;
    out->name = json_key(j);
    if (out->name.len == 0) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "a name must not be empty");
    }
    bool form = j->kind == JSON_OBJECT && !is_query_form(j) && write_kind(j) == PLAN_READ &&
                (json_get(j, "query") != NULL || json_get(j, "columns") != NULL ||
                 json_get(j, "materialized") != NULL);
    enum err e = form ? parse_cte_form(c, j, out, &query) : ERR_OK;
    if (e != ERR_OK) {
        return e;
    }
    if (write_kind(query) != PLAN_READ) {
        return parse_written(c, query, out);
    }
    if (!is_query_form(query)) {
        return ctx_fail(c, query, ERR_BAD_QUERY, "this takes a query, not %s",
                        json_kind_name(query));
    }
    return parse_query(c, query, &out->query);
}

static enum err parse_recursive(struct context *c, const struct json *j,
                                const struct json *list, struct with *out)
{
    if (j == NULL) {
        return ERR_OK;
    }
    out->recursive = j->kind == JSON_TRUE;
    if (j->kind != JSON_TRUE && j->kind != JSON_FALSE) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`recursive` is true or false");
    }
    return list != NULL ? ERR_OK
                        : ctx_fail(c, j, ERR_BAD_QUERY, "`recursive` stands beside `with`");
}

enum err parse_with(struct context *c, const struct json *j, struct with *out)
{
    const struct json *list = json_get(j, "with");
    enum err e = parse_recursive(c, json_get(j, "recursive"), list, out);
    if (e != ERR_OK || list == NULL) {
        return e;
    }
    if (list->kind != JSON_OBJECT || list->len == 0) {
        return ctx_fail(c, list, list->kind == JSON_OBJECT ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                        "`with` takes {name: query, …}");
    }
    if (list->len > MAX_SOURCES) {
        return ctx_fail(c, list, ERR_QUERY_TOO_LARGE, "`with` has more than %d queries",
                        MAX_SOURCES);
    }
    out->ctes = ARENA_ARRAY(c->a, list->len, struct cte);
    if (out->ctes == NULL) {
        return ctx_full(c);
    }
    for (const struct json *m = list->first; m != NULL && e == ERR_OK; m = m->next) {
        e = parse_cte(c, m, &out->ctes[out->count++]);
    }
    return e;
}

/* ---- compounds ---- */

static const struct form_key compound_keys[] = {
    {"union", true},      {"union_all", true}, {"intersect", true}, {"intersect_all", true},
    {"except", true},     {"order_by", true},  {"limit", true},     {"offset", true},
    {"except_all", true}, {"with", true},      {"recursive", true}, {"with_ties", false},
    {"after", false},     {"for", false}};

static enum err parse_part(struct context *c, const struct json *j, struct query **out)
{
    if (!is_query_form(j)) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "a part of a compound is a query, not %s",
                        json_kind_name(j));
    }
    enum err e = parse_query(c, j, out);
    if (e == ERR_OK) {
        (*out)->is_part = true;
    }
    return e;
}

static enum err check_parts(struct context *c, const struct json *parts, const struct json *j)
{
    struct str name = json_key(parts);
    for (size_t i = 0; i < SET_OPS; i++) {
        const struct json *other = json_get(j, set_ops[i].key);
        if (other != NULL && other != parts) {
            enum err e = ctx_fail(c, other, ERR_BAD_QUERY, "`%.*s` beside `%s`", STR_ARG(name),
                                  set_ops[i].key);
            fail_hint(c->f, "put one inside the other");
            return e;
        }
    }
    if (parts->kind != JSON_ARRAY) {
        return ctx_fail(c, parts, ERR_BAD_QUERY, "`%.*s` takes a list of queries, not %s",
                        STR_ARG(name), json_kind_name(parts));
    }
    if (parts->len < 2) {
        return ctx_fail(c, parts, parts->len == 0 ? ERR_EMPTY_LIST : ERR_BAD_ARITY,
                        "`%.*s` takes at least two queries", STR_ARG(name));
    }
    if (parts->len > MAX_PARTS) {
        return ctx_fail(c, parts, ERR_QUERY_TOO_LARGE, "`%.*s` takes at most %d queries",
                        STR_ARG(name), MAX_PARTS);
    }
    return ERR_OK;
}

static enum err parse_compound(struct context *c, const struct json *j, struct query *q)
{
    const struct json *parts = compound_parts(j, &q->set_op);
    enum err e = check_keys(c, j, KEYS(compound_keys), "a compound");
    e = e != ERR_OK ? e : check_parts(c, parts, j);
    if (e != ERR_OK) {
        return e;
    }
    q->kind = QUERY_COMPOUND;
    q->parts = ARENA_ARRAY(c->a, parts->len, struct query *);
    if (q->parts == NULL) {
        return ctx_full(c);
    }
    for (const struct json *m = parts->first; m != NULL && e == ERR_OK; m = m->next) {
        e = parse_part(c, m, &q->parts[q->part_count++]);
    }
    return e;
}

/* ---- values ---- */

static const struct form_key values_keys[] = {
    {"values", true}, {"order_by", true},  {"limit", true},   {"offset", true},
    {"with", true},   {"recursive", true}, {"columns", true}, {"types", true}};

/* What `values` are called and read as; NULL: column1, column2 …, and as they are. */
struct value_heads {
    const struct json *columns, *types;
    uint32_t width;
};

static enum err check_heads(struct context *c, const struct json *list, uint32_t width)
{
    if (list == NULL) {
        return ERR_OK;
    }
    struct str key = json_key(list);
    if (list->kind != JSON_ARRAY) {
        return ctx_fail(c, list, ERR_BAD_QUERY, "`%.*s` takes a list", STR_ARG(key));
    }
    if (list->len != width) {
        return ctx_fail(c, list, ERR_BAD_ARITY, "a row has %u values, `%.*s` %u members", width,
                        STR_ARG(key), list->len);
    }
    return ERR_OK;
}

/* ["cast", E, T], so that a value is read as T. */
static enum err read_as(struct context *c, const struct json *type, struct expr **value)
{
    struct expr *call = expr_new(c, EXPR_CALL, (*value)->src);
    struct expr **args = ARENA_ARRAY(c->a, 1, struct expr *);
    if (call == NULL || args == NULL) {
        return ctx_full(c);
    }
    args[0] = *value;
    call->call.op = operator_find(STR("cast"));
    call->call.args = args;
    call->call.count = 1;
    *value = call;
    return parse_type(c, type, &call->type);
}

static enum err parse_cell(struct context *c, const struct json *j, const struct json *name,
                           const struct json *type, struct query *row)
{
    struct item *item = &row->items[row->item_count++];
    *item = (struct item){.kind = ITEM_EXPR, .src = j};
    item->alias =
        name != NULL ? json_text(name) : arena_printf(c->a, "column%u", row->item_count);
    if (item->alias.ptr == NULL) {
        return ctx_full(c);
    }
    enum err e = parse_expr(c, j, &item->expr);
    return e != ERR_OK || type == NULL ? e : read_as(c, type, &item->expr);
}

/* [E…]: a row, as a select without a FROM. */
static enum err parse_row(struct context *c, const struct json *j,
                          const struct value_heads *heads, struct query **out)
{
    uint32_t width = heads->width;
    struct query *row = ARENA_NEW(c->a, struct query);
    *out = row;
    if (row == NULL) {
        return ctx_full(c);
    }
    if (j->kind != JSON_ARRAY || j->len == 0) {
        return ctx_fail(c, j, j->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                        "a row of `values` is a list of expressions");
    }
    if (j->len != width) {
        return ctx_fail(c, j, ERR_BAD_ARITY, "the first row has %u values, this one %u", width,
                        j->len);
    }
    row->src = j;
    row->is_part = true;
    row->items = ARENA_ARRAY(c->a, j->len, struct item);
    enum err e = row->items == NULL ? ctx_full(c) : ERR_OK;
    const struct json *name = heads->columns == NULL ? NULL : heads->columns->first;
    const struct json *type = heads->types == NULL ? NULL : heads->types->first;
    for (const struct json *m = j->first; m != NULL && e == ERR_OK; m = m->next) {
        e = parse_cell(c, m, name, type, row);
        name = name == NULL ? NULL : name->next;
        type = type == NULL ? NULL : type->next;
    }
    return e;
}

static enum err parse_values(struct context *c, const struct json *j, struct query *q)
{
    const struct json *rows = json_get(j, "values");
    enum err e = check_keys(c, j, KEYS(values_keys), "values");
    if (e == ERR_OK && (rows->kind != JSON_ARRAY || rows->len == 0)) {
        e = ctx_fail(c, rows, rows->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                     "`values` takes a list of rows");
    }
    if (e != ERR_OK) {
        return e;
    }
    q->kind = QUERY_VALUES;
    q->set_op = SET_UNION_ALL;
    q->parts = ARENA_ARRAY(c->a, rows->len, struct query *);
    if (q->parts == NULL) {
        return ctx_full(c);
    }
    struct value_heads heads = {.columns = json_get(j, "columns"),
                                .types = json_get(j, "types"),
                                .width =
                                    rows->first->kind == JSON_ARRAY ? rows->first->len : 0};
    e = heads.columns == NULL ? ERR_OK : check_names(c, heads.columns);
    e = e != ERR_OK ? e : check_heads(c, heads.columns, heads.width);
    e = e != ERR_OK ? e : check_heads(c, heads.types, heads.width);
    for (const struct json *m = rows->first; m != NULL && e == ERR_OK; m = m->next) {
        e = parse_row(c, m, &heads, &q->parts[q->part_count++]);
    }
    return e;
}

/* ---- queries ---- */

enum err parse_query(struct context *c, const struct json *j, struct query **out)
{
    struct query *q = ARENA_NEW(c->a, struct query);
    *out = q;
    if (q == NULL) {
        return ctx_full(c);
    }
    q->src = j;
    enum err e;
    if (json_get(j, "select") != NULL) {
        e = parse_select(c, j, q);
    } else if (json_get(j, "values") != NULL) {
        e = parse_values(c, j, q);
    } else {
        e = parse_compound(c, j, q);
    }
    e = e != ERR_OK ? e : parse_with(c, j, &q->with);
    return e != ERR_OK ? e : parse_tail(c, j, q);
}

/* ---- statement ---- */

static enum err unknown_statement(struct context *c, const struct json *j)
{
    static const char *const planned[] = {"find"};
    for (size_t i = 0; j->kind == JSON_OBJECT && i < sizeof planned / sizeof planned[0]; i++) {
        if (json_get(j, planned[i]) != NULL) {
            char what[64];
            snprintf(what, sizeof what, "a statement with `%s`", planned[i]);
            enum err e = not_built(c, json_get(j, planned[i]), what);
            fail_hint(c->f, "it reads models; a `select` reads tables");
            return e;
        }
    }
    static const char *const words[] = {"select", "values", "union",  "union_all", "intersect",
                                        "except", "insert", "update", "delete",    "text"};
    enum err e = ctx_fail(c, j, ERR_BAD_QUERY, "this is no statement");
    hint_form(c, j, words, sizeof words / sizeof words[0]);
    fail_hint(c->f, "a statement is an object with `select`, `union`, `values`, `insert`, "
                    "`update` or `delete`");
    return e;
}

enum err parse_statement(struct context *c, struct parsed *out)
{
    const struct json *j = c->in->query;
    *out = (struct parsed){NULL, NULL};
    if (is_query_form(j)) {
        return parse_query(c, j, &out->query);
    }
    if (write_kind(j) != PLAN_READ) {
        return parse_write(c, j, &out->write);
    }
    return unknown_statement(c, j);
}
