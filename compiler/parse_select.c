/* SPDX-License-Identifier: MIT
 *
 * compiler/parse_select.c: select, its items and its order.
 *
 *   {"select": [item…] | "*", "distinct": true | [E…], "from": F, "join": [J…],
 *    "where": E, "group_by": [E…], "having": E, "order_by": [O…], "limit": E,
 *    "offset": E, "with_ties": true, "for": {…}}
 *   item := name | "*" | "t.*" | number | true | false | null | [op…] | {alias: E, …}
 *   O    := E | {"asc": E, "nulls": "first"|"last"} | {"desc": E, …}
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/parse.h"

#define KEYS(list) (list), sizeof(list) / sizeof((list)[0])

/* ---- items ---- */

static enum err add_item(struct context *c, struct query *q, struct item item, uint32_t *cap)
{
    if (!ctx_grow(c, &q->items, q->item_count, cap, sizeof *q->items)) {
        return ctx_full(c);
    }
    q->items[q->item_count++] = item;
    return ERR_OK;
}

/* {alias: E, …} */
static enum err parse_alias_map(struct context *c, const struct json *j, struct query *q,
                                uint32_t *cap)
{
    if (j->len == 0) {
        return ctx_fail(c, j, ERR_EMPTY_LIST, "a map of aliases must not be empty");
    }
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        struct item item = {.kind = ITEM_EXPR, .alias = json_key(m), .src = m};
        if (item.alias.len == 0) {
            return ctx_fail(c, m, ERR_BAD_QUERY, "an alias must not be empty");
        }
        enum err e = parse_expr(c, m, &item.expr);
        if (e == ERR_OK) {
            e = add_item(c, q, item, cap);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static bool ends_with_star(struct str s)
{
    return s.len > 2 && s.ptr[s.len - 1] == '*' && s.ptr[s.len - 2] == '.';
}

static enum err parse_item(struct context *c, const struct json *j, struct query *q,
                           uint32_t *cap)
{
    if (j->kind == JSON_OBJECT) {
        return parse_alias_map(c, j, q, cap);
    }
    struct item item = {.kind = ITEM_EXPR, .src = j};
    struct str text = json_text(j);
    if (json_is(j, "*")) {
        item.kind = ITEM_ALL;
        return add_item(c, q, item, cap);
    }
    if (j->kind == JSON_STRING && ends_with_star(text)) {
        item.kind = ITEM_ALL_OF;
        item.alias = (struct str){text.ptr, text.len - 2};
        return add_item(c, q, item, cap);
    }
    enum err e = parse_expr(c, j, &item.expr);
    return e != ERR_OK ? e : add_item(c, q, item, cap);
}

enum err parse_items(struct context *c, const struct json *j, struct query *q)
{
    uint32_t cap = 0;
    if (json_is(j, "*")) {
        return parse_item(c, j, q, &cap);
    }
    if (j->kind == JSON_OBJECT) {
        return parse_alias_map(c, j, q, &cap);
    }
    if (j->kind != JSON_ARRAY) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "this takes a list of items or \"*\", not %s",
                        json_kind_name(j));
    }
    if (j->len == 0) {
        return ctx_fail(c, j, ERR_EMPTY_LIST, "the list of items is empty");
    }
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        enum err e = parse_item(c, m, q, &cap);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* ---- order ---- */

static const struct form_key order_keys[] = {
    {"asc", true}, {"desc", true}, {"nulls", true}, {"collate", true}};

/* {…, "collate": k} is {["collate", …, k]}. */
static enum err collate_key(struct context *c, const struct json *j, struct order *o)
{
    struct expr *call = expr_new(c, EXPR_CALL, j), *word = expr_new(c, EXPR_KEYWORD, j);
    struct expr **args = ARENA_ARRAY(c->a, 2, struct expr *);
    if (call == NULL || word == NULL || args == NULL) {
        return ctx_full(c);
    }
    if (j->kind != JSON_STRING) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`collate` takes the name of a collation, not %s",
                        json_kind_name(j));
    }
    word->keyword = json_text(j);
    word->nullable = false;
    args[0] = o->expr;
    args[1] = word;
    call->call.op = operator_find(STR("collate"));
    call->call.args = args;
    call->call.count = 2;
    o->expr = call;
    return ERR_OK;
}

static enum err parse_order_form(struct context *c, const struct json *j, struct order *o)
{
    enum err e = check_keys(c, j, KEYS(order_keys), "an order");
    const struct json *asc = json_get(j, "asc"), *desc = json_get(j, "desc");
    const struct json *nulls = json_get(j, "nulls");
    if (e == ERR_OK && (asc == NULL) == (desc == NULL)) {
        e = ctx_fail(c, j, ERR_BAD_QUERY, "an order has either `asc` or `desc`");
    }
    if (e == ERR_OK && nulls != NULL && !json_is(nulls, "first") && !json_is(nulls, "last")) {
        e = ctx_fail(c, nulls, ERR_BAD_QUERY, "`nulls` is \"first\" or \"last\"");
    }
    if (e != ERR_OK) {
        return e;
    }
    o->descending = desc != NULL;
    if (nulls != NULL) {
        o->nulls = json_is(nulls, "first") ? NULLS_FIRST : NULLS_LAST;
    }
    e = parse_expr(c, asc != NULL ? asc : desc, &o->expr);
    const struct json *collate = json_get(j, "collate");
    return e == ERR_OK && collate != NULL ? collate_key(c, collate, o) : e;
}

static enum err parse_order(struct context *c, const struct json *j, struct order *o)
{
    o->src = j;
    bool form =
        j->kind == JSON_OBJECT && (json_get(j, "asc") != NULL || json_get(j, "desc") != NULL ||
                                   json_get(j, "nulls") != NULL);
    return form ? parse_order_form(c, j, o) : parse_expr(c, j, &o->expr);
}

static enum err check_list(struct context *c, const struct json *j, const char *name)
{
    if (j->kind != JSON_ARRAY) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`%s` takes a list, not %s", name,
                        json_kind_name(j));
    }
    if (j->len > MAX_ENTRIES) {
        return ctx_fail(c, j, ERR_QUERY_TOO_LARGE, "`%s` has more than %d members", name,
                        MAX_ENTRIES);
    }
    return j->len > 0 ? ERR_OK : ctx_fail(c, j, ERR_EMPTY_LIST, "`%s` must not be empty", name);
}

enum err parse_orders(struct context *c, const struct json *j, const char *key,
                      struct order **out, uint32_t *count)
{
    enum err e = check_list(c, j, key);
    if (e != ERR_OK) {
        return e;
    }
    *out = ARENA_ARRAY(c->a, j->len, struct order);
    if (*out == NULL) {
        return ctx_full(c);
    }
    for (const struct json *m = j->first; m != NULL && e == ERR_OK; m = m->next) {
        e = parse_order(c, m, &(*out)[(*count)++]);
    }
    return e;
}

/* ---- select ---- */

/* limit and offset: a whole number, a param, or null for none. */
static enum err parse_bound(struct context *c, const struct json *j, const char *what,
                            struct expr **out)
{
    if (j->kind == JSON_NULL) {
        return ERR_OK;
    }
    bool param = j->kind == JSON_STRING && is_param(json_text(j));
    bool value = j->kind == JSON_OBJECT && json_get(j, "value") != NULL;
    if (!param && !value && j->kind != JSON_INTEGER) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`%s` takes a whole number, a param or null",
                        what);
    }
    enum err e = parse_expr(c, j, out);
    if (e != ERR_OK) {
        return e;
    }
    struct expr *x = *out;
    if (x->kind == EXPR_NULL || (x->kind == EXPR_PARAM && x->param.value != NULL &&
                                 x->param.value->kind == JSON_NULL)) {
        *out = NULL;
        return ERR_OK;
    }
    x->type = type_of(TYPE_BIGINT);
    x->form = BIND_COUNT;
    return ERR_OK;
}

static const struct form_key select_keys[] = {
    {"select", true}, {"distinct", true}, {"from", true},      {"join", true},
    {"where", true},  {"group_by", true}, {"having", true},    {"order_by", true},
    {"limit", true},  {"offset", true},   {"window", true},    {"after", true},
    {"for", true},    {"with", true},     {"recursive", true}, {"with_ties", true},
};

static enum err parse_distinct(struct context *c, const struct json *j, struct query *q)
{
    if (j->kind == JSON_TRUE) {
        q->distinct = true;
        return ERR_OK;
    }
    if (j->kind != JSON_ARRAY) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`distinct` takes true or a list");
    }
    enum err e = check_list(c, j, "distinct");
    q->distinct_on = e == ERR_OK ? ARENA_ARRAY(c->a, j->len, struct expr *) : NULL;
    if (e == ERR_OK && q->distinct_on == NULL) {
        e = ctx_full(c);
    }
    for (const struct json *m = j->first; m != NULL && e == ERR_OK; m = m->next) {
        e = parse_expr(c, m, &q->distinct_on[q->distinct_count++]);
    }
    return e;
}

static enum err parse_ties(struct context *c, const struct json *j, const struct json *m,
                           struct query *q)
{
    q->with_ties = m->kind == JSON_TRUE;
    if (m->kind != JSON_TRUE && m->kind != JSON_FALSE) {
        return ctx_fail(c, m, ERR_BAD_QUERY, "`with_ties` is true or false");
    }
    if (q->with_ties && (json_get(j, "limit") == NULL || json_get(j, "order_by") == NULL)) {
        return ctx_fail(c, m, ERR_BAD_QUERY,
                        "`with_ties` stands beside `order_by` and `limit`");
    }
    return ERR_OK;
}

static enum err parse_optional(struct context *c, const struct json *j, struct expr **out)
{
    return j == NULL ? ERR_OK : parse_expr(c, j, out);
}

enum err parse_tail(struct context *c, const struct json *j, struct query *q)
{
    const struct json *limit = json_get(j, "limit"), *offset = json_get(j, "offset");
    const struct json *order = json_get(j, "order_by");
    enum err e =
        order == NULL ? ERR_OK : parse_orders(c, order, "order_by", &q->order, &q->order_count);
    if (e == ERR_OK && limit != NULL) {
        e = parse_bound(c, limit, "limit", &q->limit);
    }
    if (e == ERR_OK && offset != NULL) {
        e = parse_bound(c, offset, "offset", &q->offset);
    }
    return e;
}

static enum err parse_grouping(struct context *c, const struct json *j, struct query *q)
{
    const struct json *group = json_get(j, "group_by");
    enum err e = parse_optional(c, json_get(j, "where"), &q->where);
    if (e == ERR_OK && group != NULL) {
        e = parse_group_by(c, group, q);
    }
    e = e != ERR_OK ? e : parse_optional(c, json_get(j, "having"), &q->having);
    const struct json *windows = json_get(j, "window");
    return e == ERR_OK && windows != NULL ? parse_windows(c, windows, q) : e;
}

enum err parse_select(struct context *c, const struct json *j, struct query *q)
{
    enum err e = check_keys(c, j, KEYS(select_keys), "a select");
    e = e != ERR_OK ? e : parse_items(c, json_get(j, "select"), q);
    const struct json *distinct = json_get(j, "distinct"), *from = json_get(j, "from");
    const struct json *joins = json_get(j, "join");
    if (e == ERR_OK && distinct != NULL) {
        e = parse_distinct(c, distinct, q);
    }
    if (e == ERR_OK && from == NULL && joins != NULL) {
        e = ctx_fail(c, joins, ERR_BAD_QUERY, "`join` needs `from`");
    }
    if (e == ERR_OK && from != NULL) {
        e = parse_from(c, from, joins, q);
    }
    const struct json *ties = json_get(j, "with_ties"), *lock = json_get(j, "for");
    const struct json *after = json_get(j, "after");
    if (e == ERR_OK && after != NULL) {
        e = parse_after(c, after, &q->after);
    }
    if (e == ERR_OK && ties != NULL) {
        e = parse_ties(c, j, ties, q);
    }
    if (e == ERR_OK && lock != NULL) {
        e = parse_lock(c, lock, &q->lock);
    }
    return e != ERR_OK ? e : parse_grouping(c, j, q);
}
