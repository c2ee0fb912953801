/* SPDX-License-Identifier: MIT
 *
 * compiler/parse_from.c: FROM and joins.
 *
 *   F := "t" | "schema.t" | {"name":["schema","odd.t"]} | {alias: "t" | {"name":[…]} | Q | X,
 * …} X := {"function": [op, arg…], "columns": [{name: T}…], "ordinality": bool} | {"table":
 * "t", "sample": {"method": k, "percent": E, "seed": E}} J :=
 * {"inner"|"left"|"right"|"full"|"cross": F, "join":[J…], "on": E | "using":[…],
 *          "lateral": true}
 */
#include "compiler/names.h"
#include "compiler/parse.h"

#define KEYS(list) (list), sizeof(list) / sizeof((list)[0])

/* Adds a source to q; its names are filled in when it is resolved. */
static enum err add_source(struct context *c, struct query *q, struct source source,
                           struct source **out)
{
    if (q->source_count >= MAX_SOURCES) {
        return ctx_fail(c, source.src, ERR_QUERY_TOO_LARGE,
                        "a statement can join at most %d tables", MAX_SOURCES);
    }
    struct source *s = ARENA_NEW(c->a, struct source);
    if (s == NULL) {
        return ctx_full(c);
    }
    *s = source;
    s->bit = q->source_count;
    q->sources[q->source_count++] = s;
    *out = s;
    return ERR_OK;
}

static enum err start_sources(struct context *c, struct query *q)
{
    q->sources = ARENA_ARRAY(c->a, MAX_SOURCES, struct source *);
    return q->sources == NULL ? ctx_full(c) : ERR_OK;
}

static bool is_name_form(const struct json *j)
{
    const struct json *list = j->kind == JSON_OBJECT ? json_get(j, "name") : NULL;
    return list != NULL && list->kind == JSON_ARRAY && j->len == 1;
}

static enum err parse_table(struct context *c, const struct json *j, struct str alias,
                            struct query *q, struct source **out)
{
    struct str part[3];
    if (j->kind == JSON_STRING && is_param(json_text(j))) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "a table cannot be a param");
    }
    enum err e = parse_name(c, j, 2, part);
    if (e != ERR_OK) {
        return e;
    }
    struct source s = {
        .src = j, .schema = part[1], .name = part[2], .aliased = alias.ptr != NULL};
    /* The table's own name is kept in sql_name until it is resolved. */
    s.sql_name = part[2];
    if (s.aliased) {
        s.name = alias;
    }
    return add_source(c, q, s, out);
}

static enum err parse_derived(struct context *c, const struct json *j, struct str alias,
                              struct query *q, struct source **out)
{
    struct source s = {.src = j, .name = alias, .aliased = true};
    enum err e = parse_query(c, j, &s.query);
    return e != ERR_OK ? e : add_source(c, q, s, out);
}

static enum err parse_sampled(struct context *c, const struct json *j, struct str alias,
                              struct query *q, struct source **out)
{
    const struct json *table = json_get(j, "table");
    struct table_form *form;
    enum err e = parse_sample(c, j, &form);
    if (e == ERR_OK && table->kind != JSON_STRING && !is_name_form(table)) {
        e = ctx_fail(c, table, ERR_BAD_QUERY, "`table` is the name of a table, not %s",
                     json_kind_name(table));
    }
    e = e != ERR_OK ? e : parse_table(c, table, alias, q, out);
    if (e == ERR_OK) {
        (*out)->form = form;
    }
    return e;
}

/* {alias: …}: one of its members. */
static enum err parse_aliased(struct context *c, const struct json *m, struct query *q,
                              struct source **out)
{
    struct str alias = json_key(m);
    if (alias.len == 0) {
        return ctx_fail(c, m, ERR_BAD_QUERY, "an alias must not be empty");
    }
    if (m->kind == JSON_STRING || is_name_form(m)) {
        return parse_table(c, m, alias, q, out);
    }
    if (is_query_form(m)) {
        return parse_derived(c, m, alias, q, out);
    }
    if (m->kind == JSON_OBJECT && json_get(m, "function") != NULL) {
        struct source s = {.src = m, .name = alias, .aliased = true};
        enum err e = parse_table_function(c, m, alias, &s.form);
        return e != ERR_OK ? e : add_source(c, q, s, out);
    }
    if (m->kind == JSON_OBJECT && json_get(m, "table") != NULL) {
        return parse_sampled(c, m, alias, q, out);
    }
    return ctx_fail(c, m, ERR_BAD_QUERY, "an alias stands for a table or a select, not %s",
                    json_kind_name(m));
}

static enum err parse_source(struct context *c, const struct json *j, struct query *q,
                             struct source **out)
{
    if (j->kind == JSON_STRING || is_name_form(j)) {
        return parse_table(c, j, (struct str){NULL, 0}, q, out);
    }
    if (j->kind != JSON_OBJECT || j->first == NULL) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "this takes a table or {alias: table}, not %s",
                        json_kind_name(j));
    }
    if (j->len > 1) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "only one table can stand here");
    }
    return parse_aliased(c, j->first, q, out);
}

/* ---- joins ---- */

static const struct form_key join_keys[] = {
    {"inner", true}, {"left", true}, {"right", true}, {"full", true},   {"cross", true},
    {"join", true},  {"on", true},   {"using", true}, {"lateral", true}};

static const struct {
    const char *key;
    enum join_kind kind;
} join_sides[] = {{"inner", JOIN_INNER},
                  {"left", JOIN_LEFT},
                  {"right", JOIN_RIGHT},
                  {"full", JOIN_FULL},
                  {"cross", JOIN_CROSS}};

static enum err find_side(struct context *c, const struct json *j, struct join *out,
                          const struct json **side)
{
    *side = NULL;
    for (size_t i = 0; i < sizeof join_sides / sizeof join_sides[0]; i++) {
        const struct json *m = json_get(j, join_sides[i].key);
        if (m == NULL) {
            continue;
        }
        if (*side != NULL) {
            return ctx_fail(c, m, ERR_BAD_QUERY, "a join has one side, not several");
        }
        *side = m;
        out->kind = join_sides[i].kind;
    }
    if (*side == NULL) {
        return ctx_fail(c, j, ERR_BAD_QUERY,
                        "a join needs `inner`, `left`, `right`, `full` or `cross`");
    }
    return ERR_OK;
}

/* "using": ["column" | {"name": ["odd.column"]}, …] */
static enum err check_using(struct context *c, const struct json *j)
{
    if (j->kind != JSON_ARRAY || j->len == 0) {
        return ctx_fail(c, j, j->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                        "`using` takes a list of columns");
    }
    enum err e = ERR_OK;
    for (const struct json *m = j->first; m != NULL && e == ERR_OK; m = m->next) {
        struct str part[3];
        if (m->kind != JSON_STRING && !is_name_form(m)) {
            return ctx_fail(c, m, ERR_BAD_QUERY, "`using` takes names of columns, not %s",
                            json_kind_name(m));
        }
        e = parse_name(c, m, 1, part);
    }
    return e;
}

static enum err parse_join_condition(struct context *c, const struct json *j, struct join *join)
{
    const struct json *on = json_get(j, "on"), *using = json_get(j, "using");
    const struct json *any = on != NULL ? on : using;
    if (any != NULL && join->kind == JOIN_CROSS) {
        return ctx_fail(c, any, ERR_BAD_QUERY, "a cross join has no `%s`",
                        on != NULL ? "on" : "using");
    }
    if (on != NULL && using != NULL) {
        return ctx_fail(c, using, ERR_BAD_QUERY, "a join has either `on` or `using`");
    }
    join->using = using;
    if (using != NULL) {
        return check_using(c, using);
    }
    return on != NULL ? parse_expr(c, on, &join->on) : ERR_OK;
}

static enum err parse_lateral(struct context *c, const struct json *j, struct join *join)
{
    struct source *s = join->right->source;
    if (j == NULL) {
        return ERR_OK;
    }
    if (j->kind != JSON_TRUE) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`lateral` is true");
    }
    if (s->query == NULL && (s->form == NULL || s->form->call == NULL)) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`lateral` is for subqueries and functions");
    }
    if (join->kind == JOIN_RIGHT || join->kind == JOIN_FULL) {
        return ctx_fail(c, j, ERR_BAD_QUERY,
                        "what is `lateral` is joined by `inner`, `left` or `cross`");
    }
    s->lateral = s->query != NULL; /* a function is anyway */
    return ERR_OK;
}

static enum err parse_joins(struct context *c, const struct json *j, struct query *q,
                            struct join **tail);

static enum err parse_join(struct context *c, const struct json *j, struct query *q,
                           struct join **out)
{
    if (j->kind != JSON_OBJECT) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "a join is an object, not %s", json_kind_name(j));
    }
    enum err e = check_keys(c, j, KEYS(join_keys), "a join");
    struct join *join = ARENA_NEW(c->a, struct join);
    struct from_node *right = ARENA_NEW(c->a, struct from_node);
    if (e != ERR_OK || join == NULL || right == NULL) {
        return e != ERR_OK ? e : ctx_full(c);
    }
    *out = join;
    join->src = j;
    join->right = right;
    const struct json *side, *nested = json_get(j, "join");
    e = find_side(c, j, join, &side);
    if (e == ERR_OK) {
        e = parse_source(c, side, q, &right->source);
    }
    e = e != ERR_OK ? e : parse_lateral(c, json_get(j, "lateral"), join);
    if (e == ERR_OK && nested != NULL) {
        e = parse_joins(c, nested, q, &right->joins);
    }
    return e != ERR_OK ? e : parse_join_condition(c, j, join);
}

static enum err parse_joins(struct context *c, const struct json *j, struct query *q,
                            struct join **tail)
{
    if (j->kind != JSON_ARRAY || j->len == 0) {
        return ctx_fail(c, j, j->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                        "`join` takes a list of joins");
    }
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        enum err e = parse_join(c, m, q, tail);
        if (e != ERR_OK) {
            return e;
        }
        tail = &(*tail)->next;
    }
    return ERR_OK;
}

/* {alias: …, alias: …}: the second and later ones, as joins that something in
 * `where` must connect. */
static enum err parse_commas(struct context *c, const struct json *m, struct query *q,
                             struct join ***tail)
{
    for (; m != NULL; m = m->next) {
        struct join *join = ARENA_NEW(c->a, struct join);
        struct from_node *right = ARENA_NEW(c->a, struct from_node);
        if (join == NULL || right == NULL) {
            return ctx_full(c);
        }
        *join = (struct join){.kind = JOIN_COMMA, .right = right, .src = m};
        enum err e = parse_aliased(c, m, q, &right->source);
        if (e != ERR_OK) {
            return e;
        }
        **tail = join;
        *tail = &join->next;
    }
    return ERR_OK;
}

/* F and the joins behind it, as the chain of one node. */
static enum err parse_chain(struct context *c, const struct json *from,
                            const struct json *joins, struct query *q, struct from_node *n)
{
    struct join **tail = &n->joins;
    const struct json *first = from->kind == JSON_OBJECT ? from->first : NULL;
    enum err e;
    if (first != NULL && from->len > 1 && !is_name_form(from)) {
        e = parse_aliased(c, first, q, &n->source);
        if (e == ERR_OK) {
            e = parse_commas(c, first->next, q, &tail);
        }
    } else {
        e = parse_source(c, from, q, &n->source);
    }
    return e == ERR_OK && joins != NULL ? parse_joins(c, joins, q, tail) : e;
}

enum err parse_from(struct context *c, const struct json *from, const struct json *joins,
                    struct query *q)
{
    enum err e = start_sources(c, q);
    q->from = ARENA_NEW(c->a, struct from_node);
    if (e != ERR_OK || q->from == NULL) {
        return e != ERR_OK ? e : ctx_full(c);
    }
    return parse_chain(c, from, joins, q, q->from);
}

enum err parse_beside(struct context *c, const struct json *from, const struct json *joins,
                      struct query *q)
{
    if (from == NULL) {
        return joins == NULL ? ERR_OK : parse_joins(c, joins, q, &q->from->joins);
    }
    struct join *join = ARENA_NEW(c->a, struct join);
    struct from_node *right = ARENA_NEW(c->a, struct from_node);
    if (join == NULL || right == NULL) {
        return ctx_full(c);
    }
    *join = (struct join){.kind = JOIN_COMMA, .right = right, .src = from};
    q->from->joins = join;
    return parse_chain(c, from, joins, q, right);
}

enum err parse_target(struct context *c, const struct json *j, struct query *q)
{
    enum err e = start_sources(c, q);
    q->from = ARENA_NEW(c->a, struct from_node);
    if (e != ERR_OK || q->from == NULL) {
        return e != ERR_OK ? e : ctx_full(c);
    }
    const struct json *aliased = j->kind == JSON_OBJECT ? j->first : NULL;
    if (aliased != NULL && aliased->kind == JSON_OBJECT && !is_name_form(aliased)) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "only a table can be written to");
    }
    e = parse_source(c, j, q, &q->from->source);
    if (e == ERR_OK) {
        q->from->source->written = true;
    }
    return e;
}
