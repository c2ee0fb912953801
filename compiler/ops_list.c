/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_list.c: `in`, `any` and `all`: a value, or a row, and a list, a param
 * that holds one, or a statement.
 *
 *   ["in", e, l]   ["any", e, k, l]   ["all", e, k, l]   k := = != < <= > >=
 *
 * The list is the last argument. Where a database has arrays, a param is one bind;
 * elsewhere it is padded to a power of two with its last member, which changes no
 * answer of these operators.
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/ops_row.h"
#include "compiler/parse.h"
#include "compiler/resolve.h"
#include "compiler/types.h"
#include "compiler/walk.h"

static struct expr *list_of(const struct expr *call)
{
    return call->call.args[call->call.count - 1];
}

static bool has_rows(const struct expr *call)
{
    return is_row(call->call.args[0]);
}

/* ---- types ---- */

/* Only the left side can be dressed, so a date column cannot be brought to a
 * timestamp on it. */
static enum err check_output(struct context *c, struct expr *e, const struct expr *left,
                             const struct expr *right)
{
    if (right->type.kind != TYPE_DATE || left->type.kind == TYPE_DATE ||
        type_family(left->type.kind) != FAMILY_DATE) {
        return ERR_OK;
    }
    enum err err = type_mismatch(c, right, call_name(e), type_word(&left->type));
    fail_hint(c->f, "cast it: [\"cast\", …, \"%s\"]", type_word(&left->type));
    return err;
}

static enum err query_rows(struct context *c, struct expr *e)
{
    struct expr *rows[] = {e->call.args[0], list_of(e)};
    enum err err = unify_rows(c, e, rows, 2);
    for (uint32_t i = 0; err == ERR_OK && i < rows[0]->call.count; i++) {
        err = check_output(c, e, rows[0]->call.args[i], row_member(rows[1], i));
    }
    return err;
}

static enum err list_query(struct context *c, struct expr *e)
{
    struct expr *x = list_of(e);
    struct type common;
    if (has_rows(e)) {
        return query_rows(c, e);
    }
    if (x->query->output_count != 1) {
        return ctx_fail(c, x->src, ERR_BAD_QUERY,
                        "the subquery of `%s` must have one column, not %u", call_name(e),
                        x->query->output_count);
    }
    struct expr *pair[] = {e->call.args[0], x->query->outputs[0].expr};
    enum err err = unify(c, pair, 2, call_name(e), &common);
    x->type = pair[1]->type;
    err = err != ERR_OK ? err : check_output(c, e, pair[0], pair[1]);
    return err != ERR_OK ? err : check_comparable(c, e, &common);
}

static enum err list_items(struct context *c, struct expr *e)
{
    struct expr *list = list_of(e);
    struct type common;
    struct expr **all = ARENA_ARRAY(c->a, list->list.count + 1, struct expr *);
    if (all == NULL) {
        return ctx_full(c);
    }
    all[0] = e->call.args[0];
    for (uint32_t i = 0; i < list->list.count; i++) {
        all[i + 1] = list->list.items[i];
    }
    if (has_rows(e)) {
        return unify_rows(c, e, all, list->list.count + 1);
    }
    enum err err = unify(c, all, list->list.count + 1, call_name(e), &common);
    list->type = common;
    return err != ERR_OK ? err : check_comparable(c, e, &common);
}

static enum err list_literals(struct context *c, struct expr *e)
{
    struct expr *list = list_of(e);
    if (has_rows(e)) {
        return not_a_row(c, e->call.args[0], list);
    }
    enum err err =
        settle_list(c, list, (enum json_form)list->list.form, &e->call.args[0]->type);
    return err != ERR_OK ? err : settle(c, e->call.args[0], &list->type, SETTLE_COMPARE);
}

/* A param that holds rows: each is as wide as the tuple; a node for each column has
 * its type. */
static enum err param_rows(struct context *c, struct expr *e)
{
    struct expr *row = e->call.args[0], *list = list_of(e);
    const struct json *value = list->param.value;
    enum err err = ERR_OK;
    list->param.columns = ARENA_ARRAY(c->a, row->call.count, struct expr *);
    for (const struct json *m = value == NULL ? NULL : value->first; m != NULL; m = m->next) {
        if (m->kind != JSON_ARRAY || m->len != row->call.count) {
            return ctx_fail(c, m, ERR_BAD_VALUE, "`%s` takes lists of %u values here",
                            call_name(e), row->call.count);
        }
    }
    for (uint32_t i = 0; err == ERR_OK && list->param.columns != NULL && i < row->call.count;
         i++) {
        struct expr *column = expr_new(c, EXPR_PARAM_LIST, list->src);
        if (column == NULL) {
            return ctx_full(c);
        }
        list->param.columns[i] = column;
        enum json_form form = value == NULL ? FORM_NONE : json_form_of_column(value, i);
        err = settle_list(c, column, form, &row->call.args[i]->type);
        err = err != ERR_OK ? err : settle(c, row->call.args[i], &column->type, SETTLE_COMPARE);
        err = err != ERR_OK ? err : check_comparable(c, e, &column->type);
    }
    return err == ERR_OK && list->param.columns == NULL ? ctx_full(c) : err;
}

static enum err list_param(struct context *c, struct expr *e)
{
    struct expr *list = list_of(e);
    const struct json *value = list->param.value;
    if (value != NULL && value->kind != JSON_ARRAY) {
        return ctx_fail(c, value, ERR_TYPE_MISMATCH,
                        "`%s` takes a list, and param `%.*s` is %s", call_name(e),
                        STR_ARG(list->param.name), json_kind_name(value));
    }
    if (has_rows(e)) {
        return param_rows(c, e);
    }
    enum json_form form = value == NULL ? FORM_NONE : json_form_of_list(value);
    enum err err = settle_list(c, list, form, &e->call.args[0]->type);
    return err != ERR_OK ? err : settle(c, e->call.args[0], &list->type, SETTLE_COMPARE);
}

static enum err rule_in(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *list = list_of(e);
    struct type common = e->call.args[0]->type;
    e->type = type_of(TYPE_BOOLEAN);
    enum err err = check_comparable(c, e, &common);
    if (err != ERR_OK) {
        return err;
    }
    if (list->kind == EXPR_QUERY) {
        return list_query(c, e);
    }
    if (list->kind == EXPR_PARAM_LIST) {
        return list_param(c, e);
    }
    return list->list.items != NULL ? list_items(c, e) : list_literals(c, e);
}

static const struct {
    const char *word, *sql;
} comparisons[] = {
    {"=", " = "}, {"!=", " <> "}, {"<", " < "}, {"<=", " <= "}, {">", " > "}, {">=", " >= "},
};
#define COMPARISONS (sizeof comparisons / sizeof comparisons[0])

static const char *comparison(struct str word)
{
    for (size_t i = 0; i < COMPARISONS; i++) {
        if (str_is(word, comparisons[i].word)) {
            return comparisons[i].sql;
        }
    }
    return NULL;
}

static enum err rule_any(struct context *c, struct query *q, struct expr *e)
{
    const struct expr *k = e->call.args[1];
    if (comparison(k->keyword) == NULL) {
        enum err err = ctx_fail(c, k->src, ERR_BAD_QUERY, "`%s` has no comparison `%.*s`",
                                call_name(e), STR_ARG(k->keyword));
        fail_hint(c->f, "there are = != < <= > >=");
        return err;
    }
    return rule_in(c, q, e);
}

/* ---- SQL: what all forms share ---- */

/* What is written: x [NOT] IN list, or x compared with any or all of it. */
struct member {
    const struct expr *call, *x, *list;
    bool all;            /* NOT IN, or all */
    const char *compare; /* NULL: in */
};

static struct member member_of(const struct expr *call)
{
    return (struct member){.call = call,
                           .x = call->call.args[0],
                           .list = list_of(call),
                           .all = (call->call.op->flags & OP_NEGATED) != 0};
}

static bool empty_list(const struct expr *list)
{
    if (list->kind == EXPR_LIST) {
        return list->list.real_count == 0;
    }
    return list->kind == EXPR_PARAM_LIST && list->param.value != NULL &&
           list->param.value->len == 0;
}

static uint32_t member_count(const struct expr *list)
{
    if (list->kind == EXPR_LIST) {
        return list->list.count;
    }
    return list->param.value == NULL ? 1 : shape_padded(list->param.value->len);
}

static enum err emit_cell(struct emitter *em, const struct expr *list, uint32_t row,
                          uint32_t column)
{
    struct plan_bind b = {.source = BIND_PARAM_CELL,
                          .index = row,
                          .column = column,
                          .name = list->param.name,
                          .type = bind_type(em, &list->param.columns[column]->type)};
    return emit_bind(em, &b, list->src);
}

static enum err param_row(struct emitter *em, const struct expr *list, uint32_t i,
                          uint32_t width)
{
    enum err e = ERR_OK;
    for (uint32_t j = 0; j < width && e == ERR_OK; j++) {
        emit_text(em, j == 0 ? "(" : ", ");
        e = emit_cell(em, list, i, j);
    }
    buf_char(&em->sql, ')');
    return e;
}

static enum err emit_member_row(struct emitter *em, const struct member *m, uint32_t i)
{
    if (m->list->kind == EXPR_PARAM_LIST) {
        return param_row(em, m->list, i, m->x->call.count);
    }
    const struct expr *row = dress_row(em, m->list->list.items[i], m->x);
    return row == NULL ? ctx_full(em->c) : emit_expr(em, row);
}

static enum err emit_member(struct emitter *em, const struct member *m, uint32_t i)
{
    const struct expr *list = m->list;
    if (is_row(m->x)) {
        return emit_member_row(em, m, i);
    }
    if (list->kind == EXPR_LIST && list->list.items != NULL) {
        return emit_beside(em, list->list.items[i], &m->x->type);
    }
    struct plan_bind b = {.source = BIND_LITERAL, .type = bind_type(em, &list->type)};
    if (list->kind == EXPR_PARAM_LIST) {
        b.source = BIND_PARAM_ITEM;
        b.name = list->param.name;
        b.index = i;
    } else {
        b.index = list->list.first + i;
    }
    return emit_bind(em, &b, list->src);
}

static enum err emit_members(struct emitter *em, const struct member *m)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < member_count(m->list) && e == ERR_OK; i++) {
        emit_text(em, i > 0 ? ", " : "");
        e = emit_member(em, m, i);
    }
    return e;
}

/* The left side, as it stands beside the members. */
static bool is_aggregate(const struct expr *e)
{
    return e->kind == EXPR_CALL && (e->call.op->flags & OP_AGGREGATE) != 0;
}

static bool is_of_row(const struct expr *e, void *arg)
{
    return e->kind != EXPR_OVER && !is_aggregate(e) && expr_children(e, is_of_row, arg);
}

/* Inside a subquery an aggregate or a window would be the subquery's; MariaDB puts it
 * there itself and answers wrongly. */
static enum err takes_inside(struct emitter *em, const struct member *m)
{
    if (is_of_row(m->x, NULL)) {
        return ERR_OK;
    }
    enum err err = ctx_fail(em->c, m->x->src, ERR_UNSUPPORTED_FEATURE,
                            "%s has no `%s` of an aggregate or window and a subquery",
                            em->d->words.name, call_name(m->call));
    fail_hint(em->c->f, "select it in a subquery of `from` and compare its column");
    return err;
}

static enum err emit_left(struct emitter *em, const struct member *m)
{
    if (!is_row(m->x)) {
        return emit_beside(em, m->x, &m->list->type);
    }
    const struct expr *other = m->list->kind == EXPR_QUERY  ? m->list
                               : m->list->kind == EXPR_LIST ? m->list->list.items[0]
                                                            : m->x;
    const struct expr *row = dress_row(em, m->x, other);
    return row == NULL ? ctx_full(em->c) : emit_expr(em, row);
}

/* The statement as a list. Some databases take no LIMIT here; a subquery around it
 * hides it, but then it must not look outside. */
static enum err emit_statement(struct emitter *em, const struct member *m)
{
    const struct query *q = m->list->query;
    bool hide = !em->d->limit_in_subquery && (q->limit != NULL || q->offset != NULL);
    if (hide && expr_sources(q->outer, m->list) != 0) {
        enum err err = ctx_fail(em->c, m->list->src, ERR_UNSUPPORTED_FEATURE,
                                "%s has no `limit` in a correlated subquery of `%s`",
                                em->d->words.name, call_name(m->call));
        fail_hint(em->c->f, "use a join");
        return err;
    }
    for (uint32_t i = 1; hide && i <= q->output_count; i++) {
        buf_printf(&em->sql, "%sq.c%u", i == 1 ? "SELECT " : ", ", i);
    }
    emit_text(em, hide ? " FROM (" : "");
    enum err e = emit_query(em, q, PLACE_DERIVED);
    emit_text(em, hide ? ") AS q" : "");
    return e;
}

/* ---- in ---- */

/* PostgreSQL reads an array as one of the type beside it, unless that is said: 1.5 or
 * 3000000000 beside an integer is a number like others. */
static enum err emit_array(struct emitter *em, const struct member *m, uint32_t native)
{
    const struct type *of = &m->list->type;
    bool apart = of->kind != m->x->type.kind && type_family(of->kind) == FAMILY_NUMBER;
    struct plan_bind b = {
        .source = BIND_PARAM_ARRAY, .name = m->list->param.name, .type = type_of(TYPE_ARRAY)};
    b.type.element = m->list->type.kind;
    b.type.native = native;
    b.type.name = m->list->type.name;
    enum err e = emit_bind(em, &b, m->list->src);
    if (apart) {
        buf_printf(&em->sql, "::%s[]", em->d->type_name(of));
    }
    return e;
}

/* The array type of the list's members; 0: the database has none. */
static uint32_t array_of(const struct emitter *em, const struct member *m)
{
    return em->d->arrays && !is_row(m->x) ? em->d->array_native(&m->list->type) : 0;
}

/* x beside row i of the list, member by member. */
static enum err emit_row_equal(struct emitter *em, const struct member *m, uint32_t i)
{
    enum err e = ERR_OK;
    if (m->list->kind == EXPR_LIST) {
        const struct expr *row = m->list->list.items[i];
        const struct expr *left = dress_row(em, m->x, row), *right = dress_row(em, row, m->x);
        return left == NULL || right == NULL ? ctx_full(em->c)
                                             : emit_rows_equal(em, "($1 = $2)", left, right);
    }
    for (uint32_t j = 0; j < m->x->call.count && e == ERR_OK; j++) {
        emit_text(em, j == 0 ? "(" : " AND ");
        e = emit_beside(em, m->x->call.args[j], &m->list->param.columns[j]->type);
        emit_text(em, " = ");
        e = e != ERR_OK ? e : emit_cell(em, m->list, i, j);
    }
    buf_char(&em->sql, ')');
    return e;
}

/* Rows where they are apart: one of the equalities, or none. */
static enum err emit_in_rows(struct emitter *em, const struct member *m)
{
    enum err e = ERR_OK;
    emit_text(em, m->all ? "NOT (" : "");
    for (uint32_t i = 0; i < member_count(m->list) && e == ERR_OK; i++) {
        emit_text(em, i > 0 ? " OR " : "");
        e = emit_row_equal(em, m, i);
    }
    emit_text(em, m->all ? ")" : "");
    return e;
}

/* An aggregate of all rows is one row, whatever it reads. MariaDB takes one of no rows
 * for no row, inside IN. */
static bool is_one_aggregate(const struct member *m)
{
    const struct query *q = m->list->kind == EXPR_QUERY ? m->list->query : NULL;
    return q != NULL && !is_row(m->x) && q->kind == QUERY_SELECT && q->aggregated &&
           q->group_count == 0 && q->having == NULL && q->limit == NULL && q->offset == NULL;
}

static enum err emit_in_one(struct emitter *em, const struct member *m)
{
    enum err e = emit_left(em, m);
    emit_text(em, m->all ? " <> (" : " = (");
    e = e != ERR_OK ? e : emit_query(em, m->list->query, PLACE_DERIVED);
    buf_char(&em->sql, ')');
    return e;
}

static enum err emit_in_list(struct emitter *em, const struct member *m)
{
    if (em->d->any_query == ANY_EXISTS && is_one_aggregate(m)) {
        return emit_in_one(em, m);
    }
    if (em->d->rows_apart && is_row(m->x) && m->list->kind != EXPR_QUERY) {
        return emit_in_rows(em, m);
    }
    uint32_t native = m->list->kind == EXPR_PARAM_LIST ? array_of(em, m) : 0;
    bool inside = m->list->kind == EXPR_QUERY && !em->d->aggregate_in;
    enum err e = inside ? takes_inside(em, m) : ERR_OK;
    e = e != ERR_OK ? e : emit_left(em, m);
    if (e != ERR_OK) {
        return e;
    }
    if (native != 0) {
        emit_text(em, m->all ? " <> ALL(" : " = ANY(");
        e = emit_array(em, m, native);
    } else {
        emit_text(em, m->all ? " NOT IN (" : " IN (");
        if (m->list->kind == EXPR_QUERY) {
            e = emit_statement(em, m);
        } else {
            emit_text(em, is_row(m->x) && em->d->rows_are_values ? "VALUES " : "");
            e = emit_members(em, m);
        }
    }
    buf_char(&em->sql, ')');
    return e;
}

static enum err wrapped(struct emitter *em, const struct member *m, enum emit_place place,
                        enum err (*emit)(struct emitter *em, const struct member *m))
{
    if (empty_list(m->list)) {
        emit_text(em, m->all ? em->d->true_text : em->d->false_text);
        return ERR_OK;
    }
    emit_text(em, place == EMIT_INSIDE ? "(" : "");
    enum err e = emit(em, m);
    emit_text(em, place == EMIT_INSIDE ? ")" : "");
    return e;
}

static enum err emit_in(struct emitter *em, const struct expr *call,
                        const struct expr *const *args, enum emit_place place)
{
    (void)args;
    struct member m = member_of(call);
    return wrapped(em, &m, place, emit_in_list);
}

/* ---- any, all ---- */

static enum err emit_any_array(struct emitter *em, const struct member *m)
{
    enum err e = emit_left(em, m);
    emit_text(em, m->compare);
    emit_text(em, m->all ? "ALL(" : "ANY(");
    if (m->list->kind == EXPR_PARAM_LIST) {
        e = e != ERR_OK ? e : emit_array(em, m, array_of(em, m));
    } else {
        emit_text(em, "ARRAY[");
        e = e != ERR_OK ? e : emit_members(em, m);
        buf_char(&em->sql, ']');
    }
    buf_char(&em->sql, ')');
    return e;
}

/* x < a OR x < b …; long chains in parts, for the depth that SQLite takes. */
static enum err emit_any_chain(struct emitter *em, const struct member *m)
{
    const uint32_t part = 400;
    uint32_t count = member_count(m->list);
    enum err e = ERR_OK;
    if (count > 1 && expr_is_volatile(m->x)) {
        e = ctx_fail(em->c, m->x->src, ERR_UNSUPPORTED_FEATURE,
                     "%s would compute this anew for every member of `%s`", em->d->words.name,
                     call_name(m->call));
        fail_hint(em->c->f, "compute it in a subquery of `from`");
    }
    for (uint32_t i = 0; i < count && e == ERR_OK; i++) {
        bool opens = count > part && i % part == 0;
        emit_text(em, i > 0 && opens ? ")" : "");
        emit_text(em, i == 0 ? "" : m->all ? " AND " : " OR ");
        emit_text(em, opens ? "((" : "(");
        e = emit_left(em, m);
        emit_text(em, m->compare);
        e = e != ERR_OK ? e : emit_member(em, m, i);
        buf_char(&em->sql, ')');
    }
    emit_text(em, count > part ? ")" : "");
    return e;
}

static enum err emit_any_native(struct emitter *em, const struct member *m)
{
    enum err e = emit_left(em, m);
    emit_text(em, m->compare);
    emit_text(em, m->all ? "ALL (" : "ANY (");
    e = e != ERR_OK ? e : emit_statement(em, m);
    buf_char(&em->sql, ')');
    return e;
}

static enum err not_correlated(struct emitter *em, const struct member *m)
{
    if (expr_sources(m->list->query->outer, m->list) == 0) {
        return ERR_OK;
    }
    enum err err = ctx_fail(em->c, m->list->src, ERR_UNSUPPORTED_FEATURE,
                            "%s has no `%s` over a correlated subquery", em->d->words.name,
                            call_name(m->call));
    fail_hint(em->c->f, "use `exists`");
    return err;
}

/* Rows of the statement for which the comparison is as `test` says. */
static enum err emit_any_rows(struct emitter *em, const struct member *m, const char *test)
{
    emit_text(em, " WHEN EXISTS (SELECT 1 FROM (");
    enum err e = emit_query(em, m->list->query, PLACE_DERIVED);
    emit_text(em, ") AS q WHERE (");
    e = e != ERR_OK ? e : emit_left(em, m);
    emit_text(em, m->compare);
    emit_text(em, "q.c1)");
    emit_text(em, test);
    buf_char(&em->sql, ')');
    return e;
}

/* Where the database turns the statement into its smallest or largest row, whatever
 * the collation and the nulls. */
static enum err emit_any_exists(struct emitter *em, const struct member *m)
{
    const char *on = em->d->true_text, *off = em->d->false_text;
    enum err e = not_correlated(em, m);
    e = e != ERR_OK ? e : takes_inside(em, m);
    e = e != ERR_OK ? e : emit_nest(em, NEST_QUERY * 2, m->call->src);
    emit_text(em, "CASE");
    e = e != ERR_OK ? e : emit_any_rows(em, m, m->all ? " IS FALSE" : " IS TRUE");
    buf_printf(&em->sql, " THEN %s", m->all ? off : on);
    e = e != ERR_OK ? e : emit_any_rows(em, m, " IS NULL");
    buf_printf(&em->sql, " THEN NULL ELSE %s END", m->all ? on : off);
    em->nesting -= NEST_QUERY * 2;
    return e;
}

/* One comparison for each row: any is true if one is true, else null if one is null,
 * else false; all the other way round. */
static enum err emit_any_counted(struct emitter *em, const struct member *m)
{
    const char *on = em->d->true_text, *off = em->d->false_text;
    enum err e = takes_inside(em, m);
    e = e != ERR_OK ? e : emit_nest(em, NEST_QUERY * 2, m->call->src);
    buf_printf(&em->sql,
               "(SELECT CASE %s(r.m) WHEN %s THEN %s ELSE CASE WHEN "
               "count(*) > count(r.m) THEN NULL ELSE %s END END FROM (SELECT ",
               m->all ? "min" : "max", m->all ? off : on, m->all ? off : on, m->all ? on : off);
    e = e != ERR_OK ? e : emit_left(em, m);
    emit_text(em, m->compare);
    emit_text(em, "q.c1 AS m FROM (");
    e = e != ERR_OK ? e : emit_query(em, m->list->query, PLACE_DERIVED);
    emit_text(em, ") AS q) AS r)");
    em->nesting -= NEST_QUERY * 2;
    return e;
}

static enum err emit_any(struct emitter *em, const struct expr *call,
                         const struct expr *const *args, enum emit_place place)
{
    (void)args;
    struct member m = member_of(call);
    struct str word = call->call.args[1]->keyword;
    m.compare = comparison(word);
    if (str_is(word, m.all ? "!=" : "=")) {
        return wrapped(em, &m, place, emit_in_list);
    }
    if (m.list->kind == EXPR_QUERY) {
        switch (em->d->any_query) {
        case ANY_NATIVE:
            return wrapped(em, &m, place, emit_any_native);
        case ANY_EXISTS:
            return emit_any_exists(em, &m);
        case ANY_COUNTED:
            return emit_any_counted(em, &m);
        }
    }
    return wrapped(em, &m, place, array_of(em, &m) != 0 ? emit_any_array : emit_any_chain);
}

#define IN(op, bits)                                                                           \
    {                                                                                          \
        .name = (op), .min_args = 2, .max_args = 2, .flags = (bits) | OP_ROWS,                 \
        .rule = rule_in, .emit = emit_in, .kinds = "el"                                        \
    }
#define ANY(op, bits)                                                                          \
    {                                                                                          \
        .name = (op), .min_args = 3, .max_args = 3, .flags = (bits), .rule = rule_any,         \
        .emit = emit_any, .kinds = "ekm"                                                       \
    }

static const struct op_info list[] = {
    ANY("all", OP_NEGATED),
    ANY("any", 0),
    IN("in", 0),
    IN("not_in", OP_NEGATED),
};

const struct op_table ops_list = OP_TABLE_OF(list);
