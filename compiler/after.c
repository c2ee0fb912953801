/* SPDX-License-Identifier: MIT
 *
 * compiler/after.c: keyset paging, the rows behind the last one of the page before.
 *
 *   "after": {name: value, …} | null      a value for each name of order_by
 *
 * Rows behind (x, y): o1 > x, or o1 = x and o2 > y. Written as o1 >= x AND (…) where
 * o1 is never null, so that an index finds the beginning.
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/parse.h"
#include "compiler/resolve_select.h"
#include "compiler/types.h"
#include "compiler/walk.h"

#include <stdio.h>

/* ---- parsing ---- */

static bool is_value(const struct expr *e)
{
    return e->kind == EXPR_NULL || e->kind == EXPR_BOOL || e->kind == EXPR_LITERAL ||
           e->kind == EXPR_PARAM;
}

static enum err parse_value(struct context *c, const struct json *j, struct after_key *out)
{
    out->src = j;
    out->name = json_key(j);
    enum err e = parse_expr(c, j, &out->value);
    if (e == ERR_OK && !is_value(out->value)) {
        e = ctx_fail(c, j, ERR_BAD_QUERY, "`after` takes values, not expressions");
        fail_hint(c->f, "a text is written {\"value\":\"…\"} or \":param\"");
    }
    if (e == ERR_OK && out->value->kind == EXPR_PARAM && out->value->param.value != NULL &&
        out->value->param.value->kind == JSON_NULL) {
        out->value->kind = EXPR_NULL;
    }
    return e;
}

enum err parse_after(struct context *c, const struct json *j, struct after *out)
{
    out->src = j;
    if (j->kind == JSON_NULL) {
        return ERR_OK;
    }
    if (j->kind != JSON_OBJECT || j->len == 0) {
        return ctx_fail(c, j, j->kind == JSON_OBJECT ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                        "`after` takes {name: value, …} or null");
    }
    if (j->len > MAX_ENTRIES) {
        return ctx_fail(c, j, ERR_QUERY_TOO_LARGE, "`after` has more than %d members",
                        MAX_ENTRIES);
    }
    out->keys = ARENA_ARRAY(c->a, j->len, struct after_key);
    if (out->keys == NULL) {
        return ctx_full(c);
    }
    enum err e = ERR_OK;
    for (const struct json *m = j->first; m != NULL && e == ERR_OK; m = m->next) {
        e = parse_value(c, m, &out->keys[out->count++]);
    }
    return e;
}

/* ---- names ---- */

/* What an entry of order_by is called: the name as it was written. */
enum err after_name(struct context *c, const struct order *o, struct str *out)
{
    const struct json *j = o->src;
    if (j->kind == JSON_OBJECT && json_get(j, "asc") != NULL) {
        j = json_get(j, "asc");
    } else if (j->kind == JSON_OBJECT && json_get(j, "desc") != NULL) {
        j = json_get(j, "desc");
    }
    if (j->kind == JSON_STRING) {
        *out = json_text(j);
        return ERR_OK;
    }
    const struct json *list = j->kind == JSON_OBJECT ? json_get(j, "name") : NULL;
    if (list != NULL && list->len == 1) {
        *out = json_text(list->first);
        return ERR_OK;
    }
    enum err e = ctx_fail(c, o->src, ERR_BAD_QUERY, "with `after`, `order_by` takes names");
    fail_hint(c->f, "select it with an alias, and order by that");
    return e;
}

static enum err find_key(struct context *c, struct query *q, uint32_t i, struct expr **out)
{
    struct str name;
    enum err e = after_name(c, &q->order[i], &name);
    for (uint32_t k = 0; k < q->after.count && e == ERR_OK; k++) {
        if (str_eq(q->after.keys[k].name, name)) {
            *out = q->after.keys[k].value;
            return ERR_OK;
        }
    }
    return e != ERR_OK ? e
                       : ctx_fail(c, q->after.src, ERR_BAD_QUERY,
                                  "`after` has no value for `%.*s`", STR_ARG(name));
}

static enum err check_keys_known(struct context *c, const struct query *q)
{
    for (uint32_t k = 0; k < q->after.count; k++) {
        bool found = false;
        for (uint32_t i = 0; i < q->order_count && !found; i++) {
            struct str name;
            enum err e = after_name(c, &q->order[i], &name);
            if (e != ERR_OK) {
                return e;
            }
            found = str_eq(name, q->after.keys[k].name);
        }
        if (!found) {
            return ctx_fail(c, q->after.keys[k].src, ERR_BAD_QUERY, "`order_by` has no `%.*s`",
                            STR_ARG(q->after.keys[k].name));
        }
    }
    return ERR_OK;
}

/* ---- the condition ---- */

static struct expr *call(struct context *c, const struct json *src, const char *op,
                         struct expr *a, struct expr *b)
{
    struct expr *e = expr_new(c, EXPR_CALL, src);
    struct expr **args = ARENA_ARRAY(c->a, 2, struct expr *);
    if (a == NULL || e == NULL || args == NULL) {
        return NULL;
    }
    args[0] = a;
    args[1] = b;
    e->call.op = operator_find(str_of(op));
    e->call.args = args;
    e->call.count = b == NULL ? 1 : 2;
    return e;
}

/* NULL stands for false in what follows, so memory that is full is told apart by c->f. */
static struct expr *either(struct context *c, const struct json *src, const char *op,
                           struct expr *a, struct expr *b)
{
    return a == NULL ? b : b == NULL ? a : call(c, src, op, a, b);
}

static struct expr *is_null(struct context *c, struct expr *key, const char *op)
{
    return call(c, key->src, op, key, expr_new(c, EXPR_NULL, key->src));
}

static bool nulls_first(const struct context *c, const struct order *o)
{
    if (o->nulls != NULLS_DEFAULT) {
        return o->nulls == NULLS_FIRST;
    }
    return c->d->nulls_largest == o->descending;
}

/* Rows whose key alone puts them behind; NULL: there is none. */
static struct expr *behind(struct context *c, const struct order *o, struct expr *value)
{
    bool first = nulls_first(c, o);
    if (value->kind == EXPR_NULL) {
        return first ? is_null(c, o->expr, "!=") : NULL;
    }
    struct expr *e = call(c, value->src, o->descending ? "<" : ">", o->expr, value);
    return !first && o->expr->nullable
               ? either(c, value->src, "or", e, is_null(c, o->expr, "="))
               : e;
}

static struct expr *level_with(struct context *c, const struct order *o, struct expr *value)
{
    return value->kind == EXPR_NULL ? is_null(c, o->expr, "=")
                                    : call(c, value->src, "=", o->expr, value);
}

static struct expr *behind_all(struct context *c, const struct query *q, struct expr **values)
{
    struct expr *all = NULL;
    for (uint32_t i = q->order_count; i > 0; i--) {
        const struct order *o = &q->order[i - 1];
        struct expr *level = all == NULL ? NULL : level_with(c, o, values[i - 1]);
        struct expr *rest = all == NULL ? NULL : call(c, q->after.src, "and", level, all);
        all = either(c, q->after.src, "or", behind(c, o, values[i - 1]), rest);
    }
    const struct order *o = &q->order[0];
    if (all == NULL) { /* nothing is behind nulls that are last */
        all = expr_new(c, EXPR_BOOL, q->after.src);
        if (all != NULL) {
            all->type = type_of(TYPE_BOOLEAN);
            all->nullable = false;
        }
    } else if (q->order_count > 1 && !o->expr->nullable && values[0]->kind != EXPR_NULL) {
        struct expr *bound =
            call(c, q->after.src, o->descending ? "<=" : ">=", o->expr, values[0]);
        all = call(c, q->after.src, "and", bound, all);
    }
    return all;
}

/* (a, b) > (x, y): what an index over (a, b) can look for at once. */
static bool compares_rows(const struct context *c, const struct query *q, struct expr **values)
{
    bool same = c->d->row_order && q->order_count > 1 && q->order_count <= 4;
    for (uint32_t i = 0; i < q->order_count && same; i++) {
        same = !q->order[i].expr->nullable && values[i]->kind != EXPR_NULL &&
               q->order[i].descending == q->order[0].descending;
    }
    return same;
}

static enum err settle_rows(struct context *c, struct query *q, struct expr **values)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < q->order_count && e == ERR_OK; i++) {
        struct expr *x = call(c, values[i]->src, "=", q->order[i].expr, values[i]);
        e = x == NULL ? ctx_full(c) : resolve_expr(c, q, x);
    }
    return e;
}

static struct expr *row_comparison(struct context *c, const struct query *q,
                                   struct expr **values)
{
    uint32_t n = q->order_count;
    const struct expr **parts = ARENA_ARRAY(c->a, n * 2, const struct expr *);
    struct expr *e = expr_new(c, EXPR_DRESSED, q->after.src);
    struct str text =
        arena_printf(c->a, "((%.*s) %s (%.*s))", (int)(n * 4 - 2), "$1, $2, $3, $4",
                     q->order[0].descending ? "<" : ">", (int)(n * 4 - 2),
                     n == 2   ? "$3, $4"
                     : n == 3 ? "$4, $5, $6"
                              : "$5, $6, $7, $8");
    if (parts == NULL || e == NULL || text.ptr == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        parts[i] = q->order[i].expr;
        parts[n + i] = values[i];
    }
    e->dressed.text = text.ptr;
    e->dressed.parts = parts;
    e->dressed.count = n * 2;
    e->type = type_of(TYPE_BOOLEAN);
    e->resolved = true;
    e->nullable = false;
    return e;
}

/* ---- what it can stand beside ---- */

static enum err check_clauses(struct context *c, const struct query *q)
{
    if (q->order_count == 0) {
        return ctx_fail(c, q->after.src, ERR_BAD_QUERY, "`after` needs `order_by`");
    }
    if (q->distinct_count > 0 || q->set_count > 0 || query_has_windows(q)) {
        enum err e =
            ctx_fail(c, q->after.src, ERR_UNSUPPORTED_FEATURE,
                     "`after` beside windows, grouping sets or `distinct` on expressions");
        fail_hint(c->f, "put them into a subquery in `from`");
        return e;
    }
    for (uint32_t i = 0; i < q->order_count; i++) {
        if (q->order[i].expr->type.kind == TYPE_REAL) { /* MariaDB compares it as a double */
            enum err e = type_mismatch(c, q->order[i].expr, "after", "an exact order");
            fail_hint(c->f, "cast it to double under an alias");
            return e;
        }
        if (expr_is_volatile(q->order[i].expr)) {
            return ctx_fail(c, q->order[i].src, ERR_BAD_QUERY,
                            "with `after`, the order must be the same in every page");
        }
    }
    return ERR_OK;
}

/* Of a single table: whether the order tells all rows apart. Of a join only the client
 * can know. */
static enum err check_total(struct context *c, const struct query *q)
{
    const struct table *t = q->source_count == 1 ? q->sources[0]->table : NULL;
    uint32_t *columns = ARENA_ARRAY(c->a, q->order_count, uint32_t), count = 0;
    if (columns == NULL) {
        return ctx_full(c);
    }
    for (uint32_t i = 0; i < q->order_count; i++) {
        const struct expr *e = q->order[i].expr;
        if (e->kind == EXPR_NAME && e->name.source == q->sources[0] && !e->nullable) {
            columns[count++] = e->name.column;
        }
    }
    if (t == NULL || q->aggregated || q->distinct || table_has_unique(t, columns, count)) {
        return ERR_OK;
    }
    enum err e = ctx_fail(c, q->after.src, ERR_BAD_QUERY,
                          "rows that are equal in order would be lost between two pages");
    fail_hint(c->f, "add the primary key to `order_by`");
    return e;
}

/* Order keys that are not selected are selected behind all others, for the reply. */
static enum err add_hidden(struct context *c, struct query *q)
{
    uint32_t cap = 0;
    struct output *all = NULL;
    if (q->outer != NULL || q->holder != NULL || c->in->expect != QUERY_ALL) {
        return ERR_OK;
    }
    q->after.replies = true;
    for (uint32_t i = 0; i < q->output_count; i++) {
        if (!ctx_grow(c, &all, i, &cap, sizeof *all)) {
            return ctx_full(c);
        }
        all[i] = q->outputs[i];
    }
    for (uint32_t i = 0; i < q->order_count; i++) {
        struct output o = {.expr = q->order[i].expr};
        if (output_of(q, o.expr) < q->output_count) {
            continue;
        }
        enum err e = after_name(c, &q->order[i], &o.name);
        if (e != ERR_OK) {
            return e;
        }
        if (!ctx_grow(c, &all, q->output_count, &cap, sizeof *all)) {
            return ctx_full(c);
        }
        all[q->output_count++] = o;
        q->outputs = all;
        q->after.hidden++;
    }
    return ERR_OK;
}

static enum err add_condition(struct context *c, struct query *q, struct expr **values)
{
    struct expr *e, **where = q->aggregated ? &q->having : &q->where;
    bool rows = compares_rows(c, q, values);
    enum err err = rows ? settle_rows(c, q, values) : ERR_OK;
    if (err != ERR_OK) {
        return err;
    }
    e = rows ? row_comparison(c, q, values) : behind_all(c, q, values);
    e = either(c, q->after.src, "and", *where, e);
    if (e == NULL || c->f->code != ERR_OK) {
        return ctx_full(c);
    }
    *where = e;
    return resolve_condition(c, q, e, "after");
}

enum err resolve_after(struct context *c, struct query *q)
{
    if (q->after.src == NULL) {
        return ERR_OK;
    }
    struct expr **values = ARENA_ARRAY(c->a, q->order_count + 1, struct expr *);
    enum err e = values == NULL ? ctx_full(c) : check_clauses(c, q);
    e = e != ERR_OK ? e : check_total(c, q);
    e = e != ERR_OK ? e : check_keys_known(c, q);
    for (uint32_t i = 0; i < q->order_count && e == ERR_OK && q->after.count > 0; i++) {
        e = find_key(c, q, i, &values[i]);
    }
    if (e == ERR_OK && q->after.count > 0) {
        e = add_condition(c, q, values);
    }
    return e != ERR_OK ? e : add_hidden(c, q);
}
