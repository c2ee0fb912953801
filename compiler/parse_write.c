/* SPDX-License-Identifier: MIT
 *
 * compiler/parse_write.c: insert, update, delete.
 *
 *   {"insert": T, "rows": [{…}] | ":p", "set": {col: E}, "columns": […], "values": [[E…]…],
 *    "from_query": Q, "conflict": {…}, "returning": [item…]}
 *   {"update": T, "data": {col: value} | ":p", "set": {col: E}, "from": F, "join": [J…],
 *    "where": E | true, "returning": […]}
 *   {"delete": T, "using": F, "where": E | true, "returning": […]}
 *
 * each with "with" and "recursive" of compiler/parse_query.c.
 *
 * What `rows` and `data` hold is data: the shape has found its sets of keys.
 */
#include "compiler/names.h"
#include "compiler/parse.h"

#define KEYS(list) (list), sizeof(list) / sizeof((list)[0])

static const struct form_key insert_keys[] = {
    {"insert", true}, {"rows", true},       {"set", true},       {"columns", true},
    {"values", true}, {"from_query", true}, {"returning", true}, {"conflict", true},
    {"with", true},   {"recursive", true}};
static const struct form_key update_keys[] = {
    {"update", true}, {"data", true},      {"set", true},  {"from", true},     {"join", true},
    {"where", true},  {"returning", true}, {"with", true}, {"recursive", true}};
static const struct form_key delete_keys[] = {{"delete", true}, {"using", true},
                                              {"where", true},  {"returning", true},
                                              {"with", true},   {"recursive", true}};

/* {col: E, …} behind what is already in *out. */
static enum err parse_set(struct context *c, const struct json *j, struct write_set *out)
{
    if (out->assigns == NULL) {
        return ctx_full(c);
    }
    if (j->kind != JSON_OBJECT) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`set` takes an object {column: expression}");
    }
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        struct assign *a = &out->assigns[out->count++];
        *a = (struct assign){.key = json_key(m), .src = m};
        enum err e = parse_expr(c, m, &a->value);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* The keys of one kind of row, then those of `set`. */
static enum err make_set(struct context *c, const struct json *row, const struct json *set,
                         struct write_set *out)
{
    uint32_t n = (row == NULL ? 0 : row->len) + (set == NULL ? 0 : set->len);
    out->assigns = ARENA_ARRAY(c->a, n, struct assign);
    if (out->assigns == NULL) {
        return ctx_full(c);
    }
    const struct json *first = row == NULL ? NULL : row->first;
    for (const struct json *m = first; m != NULL; m = m->next) {
        out->assigns[out->count++] = (struct assign){.key = json_key(m), .src = m};
    }
    return ERR_OK;
}

enum err parse_assigns(struct context *c, const struct json *data, const struct json *set,
                       struct write_set *out)
{
    enum err e = make_set(c, data, set, out);
    return e == ERR_OK && set != NULL ? parse_set(c, set, out) : e;
}

/* Every set of keys gets the expressions of `set`; they are parsed once. */
static enum err make_sets(struct context *c, const struct json *set, struct write *w)
{
    struct shape *s = c->shape;
    bool rows = s->rows != NULL && !w->inner;
    w->set_count = rows ? s->set_count : 1;
    w->sets = ARENA_ARRAY(c->a, w->set_count, struct write_set);
    struct write_set parsed = {NULL, 0};
    enum err e = w->sets == NULL ? ctx_full(c) : parse_assigns(c, NULL, set, &parsed);
    for (uint32_t i = 0; i < w->set_count && e == ERR_OK; i++) {
        struct write_set *out = &w->sets[i];
        e = make_set(c, rows ? s->sets[i] : NULL, set, out);
        for (uint32_t k = 0; k < parsed.count && e == ERR_OK; k++) {
            out->assigns[out->count++] = parsed.assigns[k];
        }
    }
    return e;
}

static enum err parse_columns(struct context *c, const struct json *j, struct write *w)
{
    if (j->kind != JSON_ARRAY || j->len == 0) {
        return ctx_fail(c, j, j->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                        "`columns` takes a list of column names");
    }
    w->columns = ARENA_ARRAY(c->a, j->len, struct assign);
    if (w->columns == NULL) {
        return ctx_full(c);
    }
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        struct str part[3];
        enum err e = m->kind == JSON_STRING ? ERR_OK : parse_name(c, m, 1, part);
        if (e != ERR_OK) {
            return e;
        }
        w->columns[w->column_count++] =
            (struct assign){.key = m->kind == JSON_STRING ? json_text(m) : part[2], .src = m};
    }
    return ERR_OK;
}

static enum err parse_value_row(struct context *c, const struct json *row, struct write *w)
{
    if (row->kind != JSON_ARRAY || row->len != w->column_count) {
        return ctx_fail(
            c, row, ERR_BAD_QUERY,
            "each member of `values` is a list of %u expressions, one for each column",
            w->column_count);
    }
    struct expr **out = w->values + (size_t)w->value_rows * w->column_count;
    for (const struct json *m = row->first; m != NULL; m = m->next) {
        enum err e = parse_expr(c, m, out++);
        if (e != ERR_OK) {
            return e;
        }
    }
    w->value_rows++;
    return ERR_OK;
}

static enum err parse_values(struct context *c, const struct json *columns,
                             const struct json *values, struct write *w)
{
    if (columns == NULL || values == NULL) {
        return ctx_fail(c, columns == NULL ? values : columns, ERR_BAD_QUERY,
                        "`columns` stands beside `values` or `from_query`, and `values` "
                        "beside `columns`");
    }
    enum err e = parse_columns(c, columns, w);
    if (e == ERR_OK && (values->kind != JSON_ARRAY || values->len == 0)) {
        e = ctx_fail(c, values, values->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                     "`values` takes a list of rows");
    }
    if (e != ERR_OK) {
        return e;
    }
    w->values = ARENA_ARRAY(c->a, (size_t)values->len * w->column_count, struct expr *);
    if (w->values == NULL) {
        return ctx_full(c);
    }
    for (const struct json *m = values->first; m != NULL && e == ERR_OK; m = m->next) {
        e = parse_value_row(c, m, w);
    }
    return e;
}

/* from_query, with or without columns */
static enum err parse_from_query(struct context *c, const struct json *query, struct write *w)
{
    static const char *const others[] = {"rows", "set", "values"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const struct json *other = json_get(w->src, others[i]);
        if (other != NULL) {
            return ctx_fail(c, other, ERR_BAD_QUERY, "`%s` cannot stand beside `from_query`",
                            others[i]);
        }
    }
    const struct json *columns = json_get(w->src, "columns");
    enum err e = columns == NULL ? ERR_OK : parse_columns(c, columns, w);
    if (e == ERR_OK && !is_query_form(query)) {
        e = ctx_fail(c, query, ERR_BAD_QUERY, "`from_query` takes a select");
    }
    return e != ERR_OK ? e : parse_query(c, query, &w->query);
}

/* The data of a request are those of its outermost statement. */
static enum err refuse_data(struct context *c, const struct json *data)
{
    enum err e = ctx_fail(c, data, ERR_UNSUPPORTED_FEATURE, "a write in `with` takes no `%.*s`",
                          STR_ARG(json_key(data)));
    fail_hint(c->f, "say it by `set`, `values` or `from_query`");
    return e;
}

static enum err parse_insert(struct context *c, struct write *w)
{
    const struct json *j = w->src, *rows = json_get(j, "rows"), *set = json_get(j, "set");
    const struct json *columns = json_get(j, "columns"), *values = json_get(j, "values");
    const struct json *query = json_get(j, "from_query");
    enum err e = check_keys(c, j, KEYS(insert_keys), "an insert");
    if (e == ERR_OK && w->inner && rows != NULL) {
        return refuse_data(c, rows);
    }
    if (e != ERR_OK || query != NULL) {
        return e != ERR_OK ? e : parse_from_query(c, query, w);
    }
    if (columns != NULL || values != NULL) {
        if (rows != NULL || set != NULL) {
            return ctx_fail(c, rows != NULL ? rows : set, ERR_BAD_QUERY,
                            "`values` cannot stand beside `rows` or `set`");
        }
        return parse_values(c, columns, values, w);
    }
    if (rows == NULL && set == NULL) {
        e = ctx_fail(c, j, ERR_BAD_QUERY,
                     "an insert needs `rows`, `set`, `values` or `from_query`");
        fail_hint(c->f, "a row of defaults is \"rows\":[{}]");
        return e;
    }
    if (!w->inner && c->shape->rows != NULL && c->shape->rows->kind != JSON_ARRAY) {
        return ctx_fail(c, c->shape->rows, ERR_BAD_QUERY, "`rows` takes a list of objects");
    }
    return make_sets(c, set, w);
}

/* where: E | true */
static enum err parse_where(struct context *c, struct write *w)
{
    const struct json *where = json_get(w->src, "where");
    if (where == NULL) {
        enum err e =
            ctx_fail(c, w->src, ERR_MISSING_WHERE, "an update or delete needs `where`");
        fail_hint(c->f, "\"where\": true says every row");
        return e;
    }
    if (where->kind == JSON_TRUE) {
        w->all_rows = true;
        return ERR_OK;
    }
    return parse_expr(c, where, &w->scope.where);
}

static enum err parse_update(struct context *c, struct write *w)
{
    const struct json *j = w->src, *data = json_get(j, "data"), *set = json_get(j, "set");
    enum err e = check_keys(c, j, KEYS(update_keys), "an update");
    if (e != ERR_OK) {
        return e;
    }
    if (w->inner && data != NULL) {
        return refuse_data(c, data);
    }
    if (data == NULL && set == NULL) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "an update needs `data` or `set`");
    }
    if (!w->inner && c->shape->rows != NULL && c->shape->rows->kind != JSON_OBJECT) {
        return ctx_fail(c, c->shape->rows, ERR_BAD_QUERY,
                        "`data` takes an object {column: value}");
    }
    e = make_sets(c, set, w);
    if (e == ERR_OK && w->sets[0].count == 0 && (w->inner || !c->shape->rows_unknown)) {
        e = ctx_fail(c, data != NULL ? data : set, ERR_EMPTY_LIST, "there is nothing to set");
    }
    e = e != ERR_OK ? e : parse_beside(c, json_get(j, "from"), json_get(j, "join"), &w->scope);
    return e != ERR_OK ? e : parse_where(c, w);
}

static enum err parse_delete(struct context *c, struct write *w)
{
    enum err e = check_keys(c, w->src, KEYS(delete_keys), "a delete");
    e = e != ERR_OK ? e : parse_beside(c, json_get(w->src, "using"), NULL, &w->scope);
    return e != ERR_OK ? e : parse_where(c, w);
}

enum err parse_write(struct context *c, const struct json *j, struct write **out)
{
    static const char *const verbs[] = {"", "insert", "update", "delete"};
    struct write *w = ARENA_NEW(c->a, struct write);
    if (w == NULL) {
        return ctx_full(c);
    }
    enum plan_kind kind = write_kind(j);
    *out = w;
    w->kind = kind;
    w->src = w->scope.src = j;
    w->scope.write = w;
    w->inner = j != c->in->query;
    enum err e = parse_target(c, json_get(w->src, verbs[kind]), &w->scope);
    if (e == ERR_OK && kind == PLAN_INSERT) {
        const struct json *clash = json_get(w->src, "conflict");
        const struct json *data = clash == NULL ? NULL : json_get(clash, "data");
        e = w->inner && data != NULL ? refuse_data(c, data) : parse_insert(c, w);
        e = e == ERR_OK && clash != NULL ? parse_upsert(c, clash, w) : e;
    } else if (e == ERR_OK && kind == PLAN_UPDATE) {
        e = parse_update(c, w);
    } else if (e == ERR_OK) {
        e = parse_delete(c, w);
    }
    const struct json *returning = json_get(w->src, "returning");
    if (e == ERR_OK && returning != NULL) {
        w->has_returning = true;
        e = parse_items(c, returning, &w->scope);
    }
    return e != ERR_OK ? e : parse_with(c, w->src, &w->scope.with);
}
