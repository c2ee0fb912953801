/* SPDX-License-Identifier: MIT
 *
 * compiler/shape_rows.c: rows of data: which sets of keys they have. Their values
 * are no part of the shape.
 */
#include "base/hash.h"
#include "compiler/shape_walk.h"

/* Each set of keys of an insert's rows costs a statement. */
#define MAX_KEY_SETS 256

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
    shape_put_text(w, 's', text);
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

void shape_put_keys(struct walk *w, const struct json *row)
{
    buf_char(w->key, '{');
    for (const struct json *m = row->first; m != NULL; m = m->next) {
        shape_put_text(w, 'k', json_key(m));
    }
    buf_char(w->key, '}');
}

/* What the reply and the transaction depend on: none, one or several rows. */
static char row_class(const struct shape *s)
{
    return s->row_count > 1 ? '2' : s->row_count == 1 ? '1' : '0';
}

enum err shape_walk_rows(struct walk *w, const struct json *j)
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
        shape_put_keys(w, w->s->sets[i]);
    }
    buf_char(w->key, ';');
    return e;
}
