/* SPDX-License-Identifier: MIT
 *
 * compiler/shape_statement.c: where in a statement data may stand: the clauses and what
 * is in them. What is not known here goes into the key as it is.
 */
#include "compiler/parse.h"
#include "compiler/shape_walk.h"

/* {"function": […], …} or {"table": …, "sample": {…}}: arguments may be data. */
static enum err walk_table_member(struct walk *w, const struct json *m)
{
    struct str key = json_key(m);
    if (str_is(key, "function") || (str_is(key, "sample") && m->kind == JSON_OBJECT)) {
        return shape_walk_expr(w, m);
    }
    shape_put_verbatim(w, m);
    return ERR_OK;
}

static enum err walk_source(struct walk *w, const struct json *m)
{
    bool form = m->kind == JSON_OBJECT &&
                (json_get(m, "function") != NULL || json_get(m, "table") != NULL);
    if (is_query_form(m)) {
        return shape_walk_statement(w, m);
    }
    if (form) {
        return shape_walk_members(w, m, walk_table_member);
    }
    shape_put_verbatim(w, m);
    return ERR_OK;
}

/* F: names are code; only the subqueries under an alias hold data. */
static enum err walk_from(struct walk *w, const struct json *j)
{
    return shape_walk_members(w, j, walk_source);
}

static bool is_join_side(struct str key)
{
    return str_is(key, "inner") || str_is(key, "left") || str_is(key, "right") ||
           str_is(key, "full") || str_is(key, "cross");
}

static enum err walk_joins(struct walk *w, const struct json *j);

static enum err walk_join_member(struct walk *w, const struct json *m)
{
    struct str key = json_key(m);
    if (is_join_side(key)) {
        return walk_from(w, m);
    }
    if (str_is(key, "join")) {
        return walk_joins(w, m);
    }
    if (str_is(key, "on")) {
        return shape_walk_expr(w, m);
    }
    shape_put_verbatim(w, m);
    return ERR_OK;
}

static enum err walk_join(struct walk *w, const struct json *j)
{
    return shape_walk_members(w, j, walk_join_member);
}

static enum err walk_joins(struct walk *w, const struct json *j)
{
    return shape_walk_elements(w, j, walk_join);
}

/* ---- statements ---- */

enum place {
    PLACE_EXPR,
    PLACE_ITEMS,
    PLACE_FROM,
    PLACE_JOINS,
    PLACE_ROWS,
    PLACE_MAP,
    PLACE_WITH,
    PLACE_WINDOWS,
    PLACE_CLASH,
};

static const struct {
    const char *key;
    enum place place;
} places[] = {
    {"select", PLACE_ITEMS},    {"from", PLACE_FROM},       {"where", PLACE_EXPR},
    {"join", PLACE_JOINS},      {"order_by", PLACE_EXPR},   {"limit", PLACE_EXPR},
    {"offset", PLACE_EXPR},     {"group_by", PLACE_EXPR},   {"having", PLACE_EXPR},
    {"rows", PLACE_ROWS},       {"data", PLACE_ROWS},       {"set", PLACE_MAP},
    {"values", PLACE_EXPR},     {"returning", PLACE_ITEMS}, {"using", PLACE_FROM},
    {"from_query", PLACE_EXPR}, {"with", PLACE_WITH},       {"union", PLACE_EXPR},
    {"union_all", PLACE_EXPR},  {"intersect", PLACE_EXPR},  {"intersect_all", PLACE_EXPR},
    {"except", PLACE_EXPR},     {"except_all", PLACE_EXPR}, {"window", PLACE_WINDOWS},
    {"distinct", PLACE_EXPR},   {"after", PLACE_MAP},       {"conflict", PLACE_CLASH},
};

static bool is_statement(const struct json *j)
{
    return is_query_form(j) || write_kind(j) != PLAN_READ;
}

static enum err walk_cte_member(struct walk *w, const struct json *m)
{
    if (is_statement(m)) {
        return shape_walk_statement(w, m);
    }
    shape_put_verbatim(w, m);
    return ERR_OK;
}

/* A query of `with`, or a form around it. */
static enum err walk_cte(struct walk *w, const struct json *j)
{
    return is_statement(j) ? shape_walk_statement(w, j)
                           : shape_walk_members(w, j, walk_cte_member);
}

/* {"conflict": …}: `data` of the outermost one is data, `on` a list of expressions. */
static enum err walk_clash_member(struct walk *w, const struct json *m)
{
    struct str key = json_key(m);
    const struct json *clash = json_get(w->c.in->query, "conflict");
    bool outermost =
        clash != NULL && clash->kind == JSON_OBJECT && json_get(clash, "data") == m;
    if (str_is(key, "data") && m->kind == JSON_OBJECT && outermost) {
        w->s->clash_data = m;
        shape_put_keys(w, m);
        return ERR_OK;
    }
    if (str_is(key, "on") && m->kind == JSON_ARRAY) {
        return shape_walk_items(w, m);
    }
    return str_is(key, "set") && m->kind == JSON_OBJECT ? shape_walk_map(w, m)
                                                        : shape_walk_expr(w, m);
}

static enum err walk_place(struct walk *w, const struct json *m, enum place place)
{
    switch (place) {
    case PLACE_EXPR:
        return shape_walk_expr(w, m);
    case PLACE_ITEMS:
        return shape_walk_items(w, m);
    case PLACE_FROM:
        return walk_from(w, m);
    case PLACE_JOINS:
        return walk_joins(w, m);
    case PLACE_ROWS:
        return shape_walk_rows(w, m);
    case PLACE_CLASH:
        return shape_walk_members(w, m, walk_clash_member);
    case PLACE_MAP:
        return shape_walk_map(w, m);
    case PLACE_WITH:
        return shape_walk_members(w, m, walk_cte);
    case PLACE_WINDOWS:
        return shape_walk_members(w, m, shape_walk_named_window);
    }
    return ERR_OK;
}

static enum err walk_member(struct walk *w, const struct json *m, bool write)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        bool data = places[i].place == PLACE_ROWS;
        if (str_is(json_key(m), places[i].key) && (write || !data)) {
            return walk_place(w, m, places[i].place);
        }
    }
    shape_put_verbatim(w, m); /* names, or a form that we do not know */
    return ERR_OK;
}

enum err shape_walk_statement(struct walk *w, const struct json *j)
{
    if (j->kind != JSON_OBJECT) {
        shape_put_verbatim(w, j);
        return ERR_OK;
    }
    /* Data has its place in a statement that writes, and there once. */
    bool write = j == w->c.in->query &&
                 ((json_get(j, "insert") != NULL && json_get(j, "data") == NULL) ||
                  (json_get(j, "update") != NULL && json_get(j, "rows") == NULL));
    buf_char(w->key, '{');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        shape_put_text(w, 'k', json_key(m));
        enum err e = walk_member(w, m, write);
        if (e != ERR_OK) {
            return e;
        }
    }
    buf_char(w->key, '}');
    return ERR_OK;
}
