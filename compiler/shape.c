/* SPDX-License-Identifier: MIT
 *
 * compiler/shape.c: see compiler/shape.h. Key bytes are tags followed by
 * length-prefixed texts, so no two different shapes give the same bytes.
 */
#include "compiler/shape.h"

#include "base/hash.h"
#include "compiler/compiler.h"
#include "compiler/context.h"

#include <string.h>

/* Equal literals are looked for among so many before: enough for what a person
 * writes, and linear for what a program does. */
#define SHARE_WINDOW 48
/* Each set of keys of an insert's rows costs a statement. */
#define MAX_KEY_SETS 256

struct walk {
    struct context c; /* only a, in, f are used */
    struct buf *key;
    struct shape *s;
};

static enum err walk_expr(struct walk *w, const struct json *j);
static enum err walk_statement(struct walk *w, const struct json *j);

/* ---- key bytes ---- */

static void put_count(struct walk *w, uint64_t n)
{
    while (n >= 0x80) {
        buf_char(w->key, (char)(n | 0x80));
        n >>= 7;
    }
    buf_char(w->key, (char)n);
}

static void put_text(struct walk *w, char tag, struct str s)
{
    buf_char(w->key, tag);
    put_count(w, s.len);
    buf_str_add(w->key, s);
}

static void put_verbatim(struct walk *w, const struct json *j)
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
        put_text(w, '#', json_text(j));
        return;
    case JSON_STRING:
        put_text(w, 's', json_text(j));
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    bool object = j->kind == JSON_OBJECT;
    buf_char(w->key, object ? '{' : '[');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        if (object) {
            put_text(w, 'k', json_key(m));
        }
        put_verbatim(w, m);
    }
    buf_char(w->key, object ? '}' : ']');
}

/* ---- forms ---- */

static enum json_form integer_form(struct str digits)
{
    int64_t n;
    if (!str_to_i64(digits, &n)) {
        return FORM_HUGE;
    }
    return n >= INT32_MIN && n <= INT32_MAX ? FORM_INT : FORM_LONG;
}

enum json_form json_form_of(const struct json *j)
{
    switch ((enum json_kind)j->kind) {
    case JSON_NULL:
        return FORM_NULL;
    case JSON_FALSE:
    case JSON_TRUE:
        return FORM_BOOL;
    case JSON_INTEGER:
        return integer_form(json_text(j));
    case JSON_DECIMAL:
        return FORM_DECIMAL;
    case JSON_STRING:
        return FORM_STRING;
    case JSON_ARRAY:
        return FORM_ARRAY;
    case JSON_OBJECT:
        return FORM_OBJECT;
    }
    return FORM_MIXED;
}

static unsigned number_rank(enum json_form f)
{
    return f == FORM_INT       ? 1
           : f == FORM_LONG    ? 2
           : f == FORM_HUGE    ? 3
           : f == FORM_DECIMAL ? 4
                               : 0;
}

static enum json_form join_forms(enum json_form a, enum json_form b)
{
    if (a == FORM_NULL || a == b) {
        return b;
    }
    if (b == FORM_NULL) {
        return a;
    }
    if (number_rank(a) > 0 && number_rank(b) > 0) {
        return number_rank(a) > number_rank(b) ? a : b;
    }
    return FORM_MIXED;
}

enum json_form json_form_of_list(const struct json *array)
{
    enum json_form all = FORM_NULL;
    for (const struct json *m = array->first; m != NULL; m = m->next) {
        all = join_forms(all, json_form_of(m));
    }
    return all;
}

uint32_t shape_padded(uint32_t count)
{
    uint32_t n = count == 0 ? 0 : 1;
    while (n < count) {
        n *= 2;
    }
    return n;
}

/* Digits behind the point of a JSON number; -1 beyond reason. */
int json_scale(const struct json *number)
{
    struct str s = json_text(number);
    ptrdiff_t point = str_find(s, '.', 0);
    int64_t exponent = 0;
    size_t end = 0;
    while (end < s.len && s.ptr[end] != 'e' && s.ptr[end] != 'E') {
        end++;
    }
    if (end < s.len) {
        size_t from = end + (end + 1 < s.len && s.ptr[end + 1] == '+' ? 2 : 1);
        if (!str_to_i64((struct str){s.ptr + from, s.len - from}, &exponent)) {
            return -1;
        }
    }
    int64_t digits = point < 0 ? 0 : (int64_t)end - point - 1;
    if (exponent < -1000 || exponent > 1000 || digits - exponent > 1000) {
        return -1;
    }
    return digits > exponent ? (int)(digits - exponent) : 0;
}

static void put_form(struct walk *w, const struct json *data)
{
    enum json_form form = json_form_of(data);
    buf_char(w->key, (char)form);
    if (form == FORM_DECIMAL) { /* the scale of products and quotients depends on it */
        put_count(w, (uint64_t)(json_scale(data) + 1));
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

static bool same_data(const struct json *a, const struct json *b)
{
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
    put_count(w, w->s->shared[w->s->count - 1]);
    if (node != data) {
        buf_char(w->key, 'V');
        const struct json *type = json_get(node, "type");
        if (type != NULL) {
            put_verbatim(w, type);
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
        *form = join_forms(*form, json_form_of(data));
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
    put_count(w, padded);
    return ERR_OK;
}

/* ---- expressions ---- */

static enum err walk_array(struct walk *w, const struct json *j)
{
    bool in = json_is(j->first, "in") || json_is(j->first, "not_in");
    uint32_t i = 0;
    buf_char(w->key, '[');
    for (const struct json *m = j->first; m != NULL; m = m->next, i++) {
        enum json_form form;
        bool list = in && i == 2 && m->kind == JSON_ARRAY && pure_list(m, &form);
        enum err e = list ? walk_list(w, m, form) : walk_expr(w, m);
        if (e != ERR_OK) {
            return e;
        }
    }
    buf_char(w->key, ']');
    return ERR_OK;
}

/* A map whose keys are names or keys of a form, whose values are expressions. */
static enum err walk_map(struct walk *w, const struct json *j)
{
    buf_char(w->key, '{');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        put_text(w, 'k', json_key(m));
        enum err e = walk_expr(w, m);
        if (e != ERR_OK) {
            return e;
        }
    }
    buf_char(w->key, '}');
    return ERR_OK;
}

static enum err walk_expr(struct walk *w, const struct json *j)
{
    if (is_number(j)) {
        return walk_literal(w, j, j);
    }
    if (j->kind == JSON_ARRAY) {
        return walk_array(w, j);
    }
    if (j->kind != JSON_OBJECT) {
        put_verbatim(w, j);
        return ERR_OK;
    }
    if (is_literal_form(j)) {
        return walk_literal(w, j, json_get(j, "value"));
    }
    if (json_get(j, "name") != NULL || json_get(j, "value") != NULL) {
        put_verbatim(w, j);
        return ERR_OK;
    }
    return json_get(j, "select") != NULL ? walk_statement(w, j) : walk_map(w, j);
}

/* item: an object is always a map of aliases, whatever its keys are. */
static enum err walk_items(struct walk *w, const struct json *j)
{
    if (j->kind == JSON_OBJECT) {
        return walk_map(w, j);
    }
    if (j->kind != JSON_ARRAY) {
        put_verbatim(w, j);
        return ERR_OK;
    }
    buf_char(w->key, '[');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        enum err e = m->kind == JSON_OBJECT ? walk_map(w, m) : walk_expr(w, m);
        if (e != ERR_OK) {
            return e;
        }
    }
    buf_char(w->key, ']');
    return ERR_OK;
}

/* F: names are code; only the subqueries under an alias hold data. */
static enum err walk_from(struct walk *w, const struct json *j)
{
    if (j->kind != JSON_OBJECT) {
        put_verbatim(w, j);
        return ERR_OK;
    }
    buf_char(w->key, '{');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        put_text(w, 'k', json_key(m));
        bool query = m->kind == JSON_OBJECT && json_get(m, "select") != NULL;
        if (!query) {
            put_verbatim(w, m);
            continue;
        }
        enum err e = walk_statement(w, m);
        if (e != ERR_OK) {
            return e;
        }
    }
    buf_char(w->key, '}');
    return ERR_OK;
}

static bool is_join_side(struct str key)
{
    return str_is(key, "inner") || str_is(key, "left") || str_is(key, "right") ||
           str_is(key, "full") || str_is(key, "cross");
}

static enum err walk_joins(struct walk *w, const struct json *j);

static enum err walk_join(struct walk *w, const struct json *j)
{
    if (j->kind != JSON_OBJECT) {
        put_verbatim(w, j);
        return ERR_OK;
    }
    buf_char(w->key, '{');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        struct str key = json_key(m);
        put_text(w, 'k', key);
        enum err e = ERR_OK;
        if (is_join_side(key)) {
            e = walk_from(w, m);
        } else if (str_is(key, "join")) {
            e = walk_joins(w, m);
        } else if (str_is(key, "on")) {
            e = walk_expr(w, m);
        } else {
            put_verbatim(w, m);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
    buf_char(w->key, '}');
    return ERR_OK;
}

static enum err walk_joins(struct walk *w, const struct json *j)
{
    if (j->kind != JSON_ARRAY) {
        put_verbatim(w, j);
        return ERR_OK;
    }
    buf_char(w->key, '[');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        enum err e = walk_join(w, m);
        if (e != ERR_OK) {
            return e;
        }
    }
    buf_char(w->key, ']');
    return ERR_OK;
}

/* ---- rows ---- */

static uint64_t hash_keys(const struct json *row)
{
    uint64_t sum = 0; /* the order of keys does not matter */
    for (const struct json *m = row->first; m != NULL; m = m->next) {
        sum += hash_bytes(json_key(m), 0x9e3779b97f4a7c15u);
    }
    return sum;
}

static bool same_keys_in_order(const struct json *a, const struct json *b)
{
    if (a->len != b->len) {
        return false;
    }
    const struct json *y = b->first;
    for (const struct json *x = a->first; x != NULL; x = x->next, y = y->next) {
        if (!str_eq(json_key(x), json_key(y))) {
            return false;
        }
    }
    return true;
}

static bool has_key(const struct json *row, struct str key)
{
    for (const struct json *m = row->first; m != NULL; m = m->next) {
        if (str_eq(json_key(m), key)) {
            return true;
        }
    }
    return false;
}

static bool same_keys(const struct json *a, const struct json *b)
{
    for (const struct json *m = a->first; m != NULL; m = m->next) {
        if (!has_key(b, json_key(m))) {
            return false;
        }
    }
    return a->len == b->len;
}

static enum err find_set(struct walk *w, const struct json *row, uint32_t *out)
{
    struct shape *s = w->s;
    uint64_t hash = hash_keys(row);
    for (uint32_t i = 0; i < s->set_count; i++) {
        if (s->set_hashes[i] == hash && same_keys(s->sets[i], row)) {
            *out = i;
            return ERR_OK;
        }
    }
    if (s->set_count >= MAX_KEY_SETS) {
        return ctx_fail(&w->c, row, ERR_QUERY_TOO_LARGE,
                        "the rows have more than %d different sets of keys", MAX_KEY_SETS);
    }
    uint32_t cap = s->set_cap;
    if (!ctx_grow(&w->c, &s->sets, s->set_count, &cap, sizeof *s->sets) ||
        !ctx_grow(&w->c, &s->set_hashes, s->set_count, &s->set_cap, sizeof *s->set_hashes)) {
        return ctx_full(&w->c);
    }
    s->sets[s->set_count] = row;
    s->set_hashes[s->set_count] = hash;
    *out = s->set_count++;
    return ERR_OK;
}

static enum err add_row(struct walk *w, const struct json *row)
{
    struct shape *s = w->s;
    if (row->kind != JSON_OBJECT) {
        return ctx_fail(&w->c, row, ERR_BAD_QUERY, "a row must be an object, not %s",
                        json_kind_name(row));
    }
    struct shape_run *last = s->run_count > 0 ? &s->runs[s->run_count - 1] : NULL;
    s->row_count++;
    if (last != NULL && same_keys_in_order(s->sets[last->set], row)) {
        last->rows++;
        return ERR_OK;
    }
    uint32_t set = 0;
    enum err e = find_set(w, row, &set);
    if (e != ERR_OK) {
        return e;
    }
    if (last != NULL && last->set == set) {
        last->rows++;
        return ERR_OK;
    }
    if (!ctx_grow(&w->c, &s->runs, s->run_count, &s->run_cap, sizeof *s->runs)) {
        return ctx_full(&w->c);
    }
    s->runs[s->run_count++] = (struct shape_run){.set = set, .rows = 1, .first = row};
    return ERR_OK;
}

static const struct json *find_param(const struct json *params, struct str name)
{
    if (params == NULL) {
        return NULL;
    }
    for (const struct json *m = params->first; m != NULL; m = m->next) {
        if (str_eq(json_key(m), name)) {
            return m;
        }
    }
    return NULL;
}

/* ":rows" stands for data in params; anything else is the data itself. */
static enum err data_node(struct walk *w, const struct json *j, const struct json **out)
{
    *out = j;
    struct str text = json_text(j);
    if (j->kind != JSON_STRING || text.len < 2 || text.ptr[0] != ':') {
        return ERR_OK;
    }
    put_text(w, 's', text);
    if (w->c.in->params == NULL) {
        w->s->rows_unknown = true;
        *out = NULL;
        return ERR_OK;
    }
    struct str name = {text.ptr + 1, text.len - 1};
    *out = find_param(w->c.in->params, name);
    if (*out == NULL) {
        return ctx_fail(&w->c, j, ERR_MISSING_PARAM, "param `%.*s` is not given",
                        STR_ARG(name));
    }
    w->s->data_param = *out;
    return ERR_OK;
}

static void put_keys(struct walk *w, const struct json *row)
{
    buf_char(w->key, '{');
    for (const struct json *m = row->first; m != NULL; m = m->next) {
        put_text(w, 'k', json_key(m));
    }
    buf_char(w->key, '}');
}

/* What the reply and the transaction depend on: none, one or several rows. */
static char row_class(const struct shape *s)
{
    return s->row_count > 1 ? '2' : s->row_count == 1 ? '1' : '0';
}

static enum err walk_rows(struct walk *w, const struct json *j)
{
    const struct json *rows;
    enum err e = data_node(w, j, &rows);
    if (e != ERR_OK || rows == NULL) {
        return e;
    }
    w->s->rows = rows;
    buf_char(w->key, rows->kind == JSON_OBJECT ? '1' : '*');
    if (rows->kind == JSON_OBJECT) {
        e = add_row(w, rows);
    } else if (rows->kind != JSON_ARRAY) {
        return ctx_fail(&w->c, rows, ERR_BAD_QUERY, "rows must be a list of objects, not %s",
                        json_kind_name(rows));
    } else {
        for (const struct json *m = rows->first; m != NULL && e == ERR_OK; m = m->next) {
            e = add_row(w, m);
        }
    }
    buf_char(w->key, 'R');
    buf_char(w->key, row_class(w->s));
    for (uint32_t i = 0; i < w->s->set_count; i++) {
        put_keys(w, w->s->sets[i]);
    }
    buf_char(w->key, ';');
    return e;
}

/* ---- statements ---- */

enum place { PLACE_EXPR, PLACE_ITEMS, PLACE_FROM, PLACE_JOINS, PLACE_ROWS, PLACE_MAP };

static const struct {
    const char *key;
    enum place place;
} places[] = {
    {"select", PLACE_ITEMS}, {"from", PLACE_FROM},       {"where", PLACE_EXPR},
    {"join", PLACE_JOINS},   {"order_by", PLACE_EXPR},   {"limit", PLACE_EXPR},
    {"offset", PLACE_EXPR},  {"group_by", PLACE_EXPR},   {"having", PLACE_EXPR},
    {"rows", PLACE_ROWS},    {"data", PLACE_ROWS},       {"set", PLACE_MAP},
    {"values", PLACE_EXPR},  {"returning", PLACE_ITEMS},
};

static enum err walk_place(struct walk *w, const struct json *m, enum place place)
{
    switch (place) {
    case PLACE_EXPR:
        return walk_expr(w, m);
    case PLACE_ITEMS:
        return walk_items(w, m);
    case PLACE_FROM:
        return walk_from(w, m);
    case PLACE_JOINS:
        return walk_joins(w, m);
    case PLACE_ROWS:
        return walk_rows(w, m);
    case PLACE_MAP:
        if (m->kind == JSON_OBJECT) {
            return walk_map(w, m);
        }
        break;
    }
    put_verbatim(w, m);
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
    put_verbatim(w, m); /* names, or a form that we do not know */
    return ERR_OK;
}

static enum err walk_statement(struct walk *w, const struct json *j)
{
    if (j->kind != JSON_OBJECT) {
        put_verbatim(w, j);
        return ERR_OK;
    }
    /* Data has its place in a statement that writes, and there once. */
    bool write = j == w->c.in->query &&
                 ((json_get(j, "insert") != NULL && json_get(j, "data") == NULL) ||
                  (json_get(j, "update") != NULL && json_get(j, "rows") == NULL));
    buf_char(w->key, '{');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        put_text(w, 'k', json_key(m));
        enum err e = walk_member(w, m, write);
        if (e != ERR_OK) {
            return e;
        }
    }
    buf_char(w->key, '}');
    return ERR_OK;
}

static void walk_params(struct walk *w)
{
    const struct json *params = w->c.in->params;
    if (params == NULL || params->kind != JSON_OBJECT) {
        return;
    }
    for (const struct json *m = params->first; m != NULL; m = m->next) {
        put_text(w, 'p', json_key(m));
        if (m == w->s->data_param) {
            continue;
        }
        put_form(w, m);
        if (m->kind == JSON_ARRAY) {
            uint32_t padded = shape_padded(m->len);
            buf_char(w->key, (char)json_form_of_list(m));
            put_count(w, w->c.in->dialect->arrays && padded > 1 ? 1 : padded);
        }
    }
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
    buf_char(key, in->params != NULL ? 'P' : '-');
    buf_add(key, &version, sizeof version);
    enum err e = walk_statement(&w, in->query);
    if (e != ERR_OK) {
        return e;
    }
    walk_params(&w);
    return key->failed ? fail_set(f, ERR_OUT_OF_MEMORY, "no memory for the plan's key")
                       : ERR_OK;
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
        if (at == hi) {
            hi = mid;
        } else if (s->nodes[at] == node) {
            *index = s->shared[at];
            s->claims++;
            return true;
        } else if (s->nodes[at]->offset < node->offset) {
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
