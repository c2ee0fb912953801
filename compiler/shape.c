/* SPDX-License-Identifier: MIT
 *
 * compiler/shape.c: see compiler/shape.h. Key bytes are tags followed by
 * length-prefixed texts, so no two different shapes give the same bytes.
 */
#include "compiler/shape.h"

#include "compiler/compiler.h"
#include "compiler/context.h"
#include "compiler/json_path.h"
#include "compiler/parse.h"
#include "compiler/refs.h"
#include "compiler/seen.h"
#include "compiler/shape_walk.h"

#include <string.h>

/* Equal literals are looked for among so many before: enough for what a person
 * writes, and linear for what a program does. */
#define SHARE_WINDOW 48

/* ---- key bytes ---- */

void shape_put_count(struct walk *w, uint64_t n)
{
    while (n >= 0x80) {
        buf_char(w->key, (char)(n | 0x80));
        n >>= 7;
    }
    buf_char(w->key, (char)n);
}

void shape_put_text(struct walk *w, char tag, struct str s)
{
    buf_char(w->key, tag);
    shape_put_count(w, s.len);
    buf_str_add(w->key, s);
}

void shape_put_verbatim(struct walk *w, const struct json *j)
{
    switch ((enum json_kind)j->kind) {
    case JSON_NULL:
        buf_char(w->key, 'N');
        return;
    case JSON_FALSE:
        buf_char(w->key, 'F');
        return;
    case JSON_TRUE:
        buf_char(w->key, 'T');
        return;
    case JSON_INTEGER:
    case JSON_DECIMAL:
        shape_put_text(w, '#', json_text(j));
        return;
    case JSON_STRING:
        shape_put_text(w, 's', json_text(j));
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    bool object = j->kind == JSON_OBJECT;
    buf_char(w->key, object ? '{' : '[');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        if (object) {
            shape_put_text(w, 'k', json_key(m));
        }
        shape_put_verbatim(w, m);
    }
    buf_char(w->key, object ? '}' : ']');
}

static void put_form(struct walk *w, const struct json *data)
{
    enum json_form form = json_form_of(data);
    buf_char(w->key, (char)form);
    if (form == FORM_DECIMAL) { /* the scale of products and quotients depends on it */
        int scale = json_scale(data);
        shape_put_count(w, scale < 0 ? 0 : (uint64_t)scale + 1);
    }
}

/* ---- literals ---- */

static bool is_number(const struct json *j)
{
    return j->kind == JSON_INTEGER || j->kind == JSON_DECIMAL;
}

/* {"value": any} or {"value": any, "type": T} */
static bool is_literal_form(const struct json *j)
{
    return j->kind == JSON_OBJECT && json_get(j, "value") != NULL &&
           j->len == (json_get(j, "type") != NULL ? 2u : 1u);
}

/* Paths into JSON: short, and texts and numbers alone. */
static bool same_paths(const struct json *a, const struct json *b)
{
    const struct json *x = a->first, *y = b->first;
    bool same = a->len == b->len && a->len <= 32;
    while (same && x != NULL && y != NULL) {
        same = x->kind == y->kind && (x->kind == JSON_STRING || x->kind == JSON_INTEGER) &&
               str_eq(json_text(x), json_text(y));
        x = x->next;
        y = y->next;
    }
    return same;
}

static bool same_data(const struct json *a, const struct json *b)
{
    if (a->kind == JSON_ARRAY && b->kind == JSON_ARRAY) {
        return same_paths(a, b);
    }
    if (a->kind != b->kind || a->kind >= JSON_ARRAY) {
        return false;
    }
    return a->kind < JSON_INTEGER || str_eq(json_text(a), json_text(b));
}

static bool grow_literals(struct walk *w, uint32_t more)
{
    struct shape *s = w->s;
    if (more <= s->cap - s->count) {
        return true;
    }
    uint32_t cap = (s->count + more) * 2 + 16;
    const struct json **literals = ARENA_ARRAY(w->c.a, cap, const struct json *);
    const struct json **nodes = ARENA_ARRAY(w->c.a, cap, const struct json *);
    uint32_t *shared = ARENA_ARRAY(w->c.a, cap, uint32_t);
    if (literals == NULL || nodes == NULL || shared == NULL) {
        return false;
    }
    if (s->count > 0) {
        memcpy(literals, s->literals, s->count * sizeof *literals);
        memcpy(nodes, s->nodes, s->count * sizeof *nodes);
        memcpy(shared, s->shared, s->count * sizeof *shared);
    }
    s->literals = literals;
    s->nodes = nodes;
    s->shared = shared;
    s->cap = cap;
    return true;
}

static void add_literal(struct walk *w, const struct json *node, const struct json *data,
                        bool share)
{
    struct shape *s = w->s;
    uint32_t at = s->count, same = s->count;
    uint32_t first = at > SHARE_WINDOW ? at - SHARE_WINDOW : 0;
    for (uint32_t i = first; share && i < at; i++) {
        if (s->shared[i] == i && s->nodes[i] != NULL && same_data(s->literals[i], data)) {
            same = i;
            break;
        }
    }
    s->literals[at] = data;
    s->nodes[at] = share ? node : NULL;
    s->shared[at] = same;
    s->count++;
}

static enum err walk_literal(struct walk *w, const struct json *node, const struct json *data)
{
    if (!grow_literals(w, 1)) {
        return ctx_full(&w->c);
    }
    add_literal(w, node, data, true);
    w->s->claimable++;
    buf_char(w->key, 'v');
    put_form(w, data);
    shape_put_count(w, w->s->shared[w->s->count - 1]);
    if (node != data) {
        buf_char(w->key, 'V');
        const struct json *type = json_get(node, "type");
        if (type != NULL) {
            shape_put_verbatim(w, type);
        }
        buf_char(w->key, ';');
    }
    return ERR_OK;
}

static const struct json *plain_literal(const struct json *j)
{
    if (is_number(j)) {
        return j;
    }
    return is_literal_form(j) && j->len == 1 ? json_get(j, "value") : NULL;
}

/* A list may share one plan with lists of near lengths only if its members are
 * literals of one form. */
static bool pure_list(const struct json *j, enum json_form *form)
{
    *form = FORM_NULL;
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        const struct json *data = plain_literal(m);
        if (data == NULL || data->kind == JSON_NULL || data->kind >= JSON_ARRAY) {
            return false;
        }
        *form = json_form_join(*form, json_form_of(data));
    }
    return *form != FORM_MIXED && j->len > 0;
}

static enum err walk_list(struct walk *w, const struct json *j, enum json_form form)
{
    struct shape *s = w->s;
    uint32_t padded = shape_padded(j->len);
    if (!grow_literals(w, padded) ||
        !ctx_grow(&w->c, &s->lists, s->list_count, &s->list_cap, sizeof *s->lists)) {
        return ctx_full(&w->c);
    }
    s->lists[s->list_count++] = (struct shape_list){
        .node = j, .first = s->count, .count = j->len, .padded = padded, .form = form};
    const struct json *last = NULL;
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        last = plain_literal(m);
        add_literal(w, NULL, last, false);
    }
    for (uint32_t i = j->len; i < padded; i++) {
        add_literal(w, NULL, last, false);
    }
    s->claimable++;
    buf_char(w->key, 'L');
    buf_char(w->key, (char)form);
    shape_put_count(w, padded);
    return ERR_OK;
}

/* ---- expressions ---- */

/* A path into JSON is one literal; its steps' kinds are code. */
static enum err walk_path(struct walk *w, const struct json *path)
{
    if (!grow_literals(w, 1)) {
        return ctx_full(&w->c);
    }
    add_literal(w, path, path, true);
    w->s->claimable++;
    buf_char(w->key, 'J');
    shape_put_count(w, w->s->shared[w->s->count - 1]);
    for (const struct json *m = path->first; m != NULL; m = m->next) {
        buf_char(w->key, m->kind == JSON_STRING ? 's' : 'i');
    }
    buf_char(w->key, ';');
    return ERR_OK;
}

/* Which argument of the operator is a list; 0: none. */
static uint32_t takes_list(const struct json *op)
{
    if (json_is(op, "in") || json_is(op, "not_in")) {
        return 2;
    }
    return json_is(op, "any") || json_is(op, "all") ? 3 : 0;
}

/* A value that says what the result looks like: how many digits, which keys. */
static bool is_code(const struct json *op, const struct json *arg, uint32_t i)
{
    return (i == 2 && arg->kind == JSON_INTEGER && json_is(op, "round")) ||
           (i % 2 == 1 && is_literal_form(arg) && json_is(op, "json_object"));
}

static enum err walk_array(struct walk *w, const struct json *j)
{
    uint32_t list_at = takes_list(j->first), path_at = takes_json_path(j->first);
    uint32_t i = 0;
    buf_char(w->key, '[');
    for (const struct json *m = j->first; m != NULL; m = m->next, i++) {
        enum json_form form;
        bool said = is_code(j->first, m, i);
        bool list = i > 0 && i == list_at && m->kind == JSON_ARRAY && pure_list(m, &form);
        bool path = i > 0 && i == path_at && is_json_path(m);
        enum err e = path   ? walk_path(w, m)
                     : list ? walk_list(w, m, form)
                            : shape_walk_expr(w, m);
        if (e != ERR_OK) {
            return e;
        }
        if (said) {
            shape_put_verbatim(w, m);
        }
    }
    buf_char(w->key, ']');
    return ERR_OK;
}

/* Every member of an object, with its key before it. */
enum err shape_walk_members(struct walk *w, const struct json *j, shape_walk_fn *walk)
{
    if (j->kind != JSON_OBJECT) {
        shape_put_verbatim(w, j);
        return ERR_OK;
    }
    buf_char(w->key, '{');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        shape_put_text(w, 'k', json_key(m));
        enum err e = walk(w, m);
        if (e != ERR_OK) {
            return e;
        }
    }
    buf_char(w->key, '}');
    return ERR_OK;
}

enum err shape_walk_elements(struct walk *w, const struct json *j, shape_walk_fn *walk)
{
    if (j->kind != JSON_ARRAY) {
        shape_put_verbatim(w, j);
        return ERR_OK;
    }
    buf_char(w->key, '[');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        enum err e = walk(w, m);
        if (e != ERR_OK) {
            return e;
        }
    }
    buf_char(w->key, ']');
    return ERR_OK;
}

/* A map whose keys are names or keys of a form, whose values are expressions. */
enum err shape_walk_map(struct walk *w, const struct json *j)
{
    return shape_walk_members(w, j, shape_walk_expr);
}

/* The bounds of a frame are part of the SQL. */
static bool is_frame(struct str key)
{
    return str_is(key, "rows") || str_is(key, "range") || str_is(key, "groups");
}

/* {"over": …}, and a window that a select names. */
static enum err walk_window_member(struct walk *w, const struct json *m)
{
    if (!is_frame(json_key(m))) {
        return shape_walk_expr(w, m);
    }
    shape_put_verbatim(w, m);
    return ERR_OK;
}

enum err shape_walk_named_window(struct walk *w, const struct json *m)
{
    return shape_walk_members(w, m, walk_window_member);
}

enum err shape_walk_expr(struct walk *w, const struct json *j)
{
    if (is_number(j)) {
        return walk_literal(w, j, j);
    }
    if (j->kind == JSON_ARRAY) {
        return walk_array(w, j);
    }
    if (j->kind != JSON_OBJECT) {
        shape_put_verbatim(w, j);
        return ERR_OK;
    }
    if (is_literal_form(j)) {
        return walk_literal(w, j, json_get(j, "value"));
    }
    if (json_get(j, "name") != NULL || json_get(j, "value") != NULL) {
        shape_put_verbatim(w, j);
        return ERR_OK;
    }
    if (json_get(j, "over") != NULL) {
        return shape_walk_members(w, j, walk_window_member);
    }
    return is_query_form(j) ? shape_walk_statement(w, j) : shape_walk_map(w, j);
}

/* item: an object is always a map of aliases, whatever its keys are. */
static enum err walk_item(struct walk *w, const struct json *m)
{
    return m->kind == JSON_OBJECT ? shape_walk_map(w, m) : shape_walk_expr(w, m);
}

enum err shape_walk_items(struct walk *w, const struct json *j)
{
    return j->kind == JSON_OBJECT ? shape_walk_map(w, j) : shape_walk_elements(w, j, walk_item);
}

/* ---- params, and the whole ---- */

/* Widest tuple that a list of rows is compared with. */
#define MAX_ROW_WIDTH 100

/* A param that may be a list of rows: what `in` makes of it depends on their width
 * and number, and on the form of every column. */
static void put_list_of_rows(struct walk *w, const struct json *m)
{
    uint32_t width;
    if (!json_rows(m, &width) || width > MAX_ROW_WIDTH) {
        return;
    }
    buf_char(w->key, 'R');
    shape_put_count(w, width);
    shape_put_count(w, shape_padded(m->len));
    for (uint32_t i = 0; i < width; i++) {
        buf_char(w->key, (char)json_form_of_column(m, i));
    }
}

static void walk_params(struct walk *w)
{
    const struct json *params = w->c.in->params;
    if (params == NULL || params->kind != JSON_OBJECT) {
        return;
    }
    for (const struct json *m = params->first; m != NULL; m = m->next) {
        shape_put_text(w, 'p', json_key(m));
        if (m == w->s->data_param) {
            continue;
        }
        put_form(w, m);
        if (m->kind == JSON_ARRAY) {
            uint32_t padded = shape_padded(m->len);
            enum json_form form = json_form_of_list(m);
            buf_char(w->key, (char)form);
            if (form == FORM_ARRAY) {
                put_list_of_rows(w, m);
            }
            shape_put_count(w, w->c.in->dialect->arrays && padded > 1 ? 1 : padded);
        }
    }
}

/* What the query itself adds to the key. */
static enum err walk_query(struct walk *w)
{
    const struct seen *seen = w->c.in->seen;
    if (seen != NULL && seen->key.len > 0) {
        *w->s = seen->shape;
        buf_str_add(w->key, seen->key);
        return ERR_OK;
    }
    return shape_walk_statement(w, w->c.in->query);
}

enum err shape_walk(const struct compile_request *in, struct arena *a, struct buf *key,
                    struct shape *s, struct fail *f)
{
    struct walk w = {.c = {.in = in, .a = a, .f = f}, .key = key, .s = s};
    uint64_t version = catalog_version(in->catalog);
    *s = (struct shape){0};
    buf_clear(key);
    buf_char(key, (char)in->dialect->column);
    buf_char(key, (char)in->expect);
    buf_char(key, (char)in->keys);
    buf_char(key, in->param_sets != NULL ? 'S' : in->params != NULL ? 'P' : '-');
    buf_add(key, &version, sizeof version);
    for (uint32_t i = 0; i < in->function_count; i++) { /* the conf may take some back */
        shape_put_text(&w, 'f', in->functions[i]);
    }
    enum err e = walk_query(&w);
    if (e != ERR_OK) {
        return e;
    }
    walk_params(&w);
    shape_put_refs(&w, in->refs);
    return key->failed ? fail_set(f, ERR_OUT_OF_MEMORY, "no memory for the plan's key")
                       : ERR_OK;
}

void shape_remember(const struct compile_request *in, struct buf *key, struct seen *s)
{
    struct compile_request with = *in;
    struct walk w = {.c = {.in = &with, .a = &s->arena}, .key = key, .s = &s->shape};
    with.query = s->tree;
    buf_clear(key);
    bool alike = shape_walk_statement(&w, s->tree) == ERR_OK && !key->failed &&
                 s->shape.data_param == NULL && !s->shape.rows_unknown;
    s->key = alike ? arena_str(&s->arena, buf_str(key)) : (struct str){NULL, 0};
}

/* Nodes are in document order, so their offsets rise; those of lists are NULL. */
bool shape_claim(struct shape *s, const struct json *node, uint32_t *index)
{
    uint32_t lo = 0, hi = s->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2, at = mid;
        while (at < hi && s->nodes[at] == NULL) {
            at++;
        }
        if (at < hi && s->nodes[at] == node) {
            *index = s->shared[at];
            s->claims++;
            return true;
        }
        if (at < hi && s->nodes[at]->offset < node->offset) {
            lo = at + 1;
        } else {
            hi = mid;
        }
    }
    return false;
}

const struct shape_list *shape_claim_list(struct shape *s, const struct json *node)
{
    uint32_t lo = 0, hi = s->list_count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->lists[mid].node == node) {
            s->claims++;
            return &s->lists[mid];
        }
        if (s->lists[mid].node->offset < node->offset) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return NULL;
}
