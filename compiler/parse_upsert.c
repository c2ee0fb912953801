/* SPDX-License-Identifier: MIT
 *
 * compiler/parse_upsert.c: what an insert does about rows that are there.
 *
 *   "conflict": {"on": [col | E…], "index_where": E | "constraint": name,
 *                "do": "nothing" | "update", "set": {col: E}, "data": {col: value},
 *                "where": E}
 */
#include "compiler/names.h"
#include "compiler/parse.h"

static const struct form_key clash_keys[] = {
    {"on", true},  {"index_where", true}, {"constraint", true}, {"do", true},
    {"set", true}, {"data", true},        {"where", true}};

static enum err parse_on(struct context *c, const struct json *on, struct upsert *u)
{
    if (on->kind != JSON_ARRAY || on->len == 0) {
        return ctx_fail(c, on, on->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                        "`on` takes a list of columns");
    }
    u->on = ARENA_ARRAY(c->a, on->len, struct expr *);
    if (u->on == NULL) {
        return ctx_full(c);
    }
    for (const struct json *m = on->first; m != NULL; m = m->next) {
        enum err e = parse_expr(c, m, &u->on[u->on_count++]);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err parse_do(struct context *c, struct upsert *u)
{
    const struct json *j = json_get(u->src, "do");
    bool nothing = j != NULL && json_is(j, "nothing");
    u->updates = j != NULL && json_is(j, "update");
    if (!nothing && !u->updates) {
        return ctx_fail(c, j != NULL ? j : u->src, ERR_BAD_QUERY,
                        "`conflict` needs `do`: \"nothing\" or \"update\"");
    }
    static const char *const others[] = {"set", "data", "where"};
    for (size_t i = 0; nothing && i < sizeof others / sizeof others[0]; i++) {
        const struct json *other = json_get(u->src, others[i]);
        if (other != NULL) {
            return ctx_fail(c, other, ERR_BAD_QUERY, "`%s` has no meaning with `do: nothing`",
                            others[i]);
        }
    }
    return ERR_OK;
}

/* data and set; one of them says what is updated. */
static enum err parse_changes(struct context *c, struct upsert *u)
{
    const struct json *data = json_get(u->src, "data"), *set = json_get(u->src, "set");
    if (data != NULL && data->kind != JSON_OBJECT) {
        return ctx_fail(c, data, ERR_BAD_QUERY, "`data` takes an object {column: value}");
    }
    if (set != NULL && set->kind != JSON_OBJECT) {
        return ctx_fail(c, set, ERR_BAD_QUERY, "`set` takes an object {column: expression}");
    }
    uint32_t n = (data == NULL ? 0 : data->len) + (set == NULL ? 0 : set->len);
    if (n == 0) {
        return ctx_fail(c, u->src, ERR_EMPTY_LIST, "`do: update` needs `set` or `data`");
    }
    enum err e = parse_assigns(c, data, set, &u->set);
    for (uint32_t i = 0; i < u->set.count; i++) {
        u->set.assigns[i].of_clash = u->set.assigns[i].value == NULL;
    }
    return e;
}

static enum err parse_target_key(struct context *c, struct upsert *u)
{
    const struct json *on = json_get(u->src, "on"), *where = json_get(u->src, "index_where");
    u->constraint = json_get(u->src, "constraint");
    if (u->constraint != NULL && (on != NULL || where != NULL)) {
        return ctx_fail(c, u->constraint, ERR_BAD_QUERY,
                        "`constraint` stands in the place of `on` and `index_where`");
    }
    if (u->constraint != NULL && u->constraint->kind != JSON_STRING) {
        return ctx_fail(c, u->constraint, ERR_BAD_QUERY, "`constraint` takes a name");
    }
    if (where != NULL && on == NULL) {
        return ctx_fail(c, where, ERR_BAD_QUERY, "`index_where` belongs to `on`");
    }
    if (on == NULL && u->constraint == NULL && u->updates) {
        enum err e = ctx_fail(c, u->src, ERR_BAD_QUERY, "`do: update` needs `on`");
        fail_hint(c->f, "it says by which unique key the row is found");
        return e;
    }
    enum err e = on == NULL ? ERR_OK : parse_on(c, on, u);
    return e == ERR_OK && where != NULL ? parse_expr(c, where, &u->index_where) : e;
}

enum err parse_upsert(struct context *c, const struct json *j, struct write *w)
{
    struct upsert *u = ARENA_NEW(c->a, struct upsert);
    if (u == NULL) {
        return ctx_full(c);
    }
    w->upsert = u;
    u->src = u->scope.src = j;
    if (j->kind != JSON_OBJECT) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`conflict` takes an object, not %s",
                        json_kind_name(j));
    }
    const struct json *where = json_get(j, "where");
    enum err e =
        check_keys(c, j, clash_keys, sizeof clash_keys / sizeof clash_keys[0], "`conflict`");
    e = e != ERR_OK ? e : parse_do(c, u);
    e = e != ERR_OK ? e : parse_target_key(c, u);
    e = e == ERR_OK && u->updates ? parse_changes(c, u) : e;
    return e == ERR_OK && where != NULL ? parse_expr(c, where, &u->where) : e;
}
