/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_table.c: functions that give tables, with columns c1 and, for their
 * place, c2; and the forms of group_by.
 *
 * MariaDB counts with a table of its SEQUENCE engine, which is a range of its key;
 * SQLite with tb_series (backend/sqlite_series.c). Where there are no arrays, a list
 * is a SELECT for each member, and the number of members decides how many are seen:
 * params of near lengths share a plan.
 */
#include "compiler/emit_json.h"
#include "compiler/moments.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"
#include "compiler/walk.h"

/* ---- generate_series ---- */

static enum err check_step(struct context *c, struct expr *x)
{
    if (x->kind != EXPR_LITERAL && x->kind != EXPR_PARAM) {
        enum err e = ctx_fail(c, x->src, ERR_BAD_QUERY,
                              "the step of `generate_series` is a number or a param");
        return e;
    }
    x->form = BIND_STEP;
    return ERR_OK;
}

/* A step of 1, as text: there is no value that could be bound. */
static enum err add_step(struct context *c, struct expr *e)
{
    struct expr *one = ARENA_NEW(c->a, struct expr);
    struct expr **args = ARENA_ARRAY(c->a, 3, struct expr *);
    if (one == NULL || args == NULL) {
        return ctx_full(c);
    }
    *one = (struct expr){.kind = EXPR_DRESSED, .src = e->src, .resolved = true};
    one->type = type_of(TYPE_BIGINT);
    one->dressed.text = "1";
    args[0] = e->call.args[0];
    args[1] = e->call.args[1];
    args[2] = one;
    e->call.args = args;
    e->call.count = 3;
    return ERR_OK;
}

/* A series of moments. MariaDB adds microseconds to the first one; SQLite counts those
 * since 1970. */
#define SQLITE_MICROS(moment) "tb_date_diff('microsecond', '1970-01-01', " moment ")"
static const char *const moment_series[DIALECT_COUNT] = {
    [COLUMN_PG] = "generate_series($1, $2, $3::interval)",
    [COLUMN_MARIA] = "(SELECT CAST($1 AS DATETIME(6)) + INTERVAL CAST(seq AS SIGNED) * $3 "
                     "MICROSECOND AS c1, CAST(seq + 1 AS SIGNED) AS c2 "
                     "FROM seq_0_to_9223372036854775807 WHERE "
                     "seq <= timestampdiff(MICROSECOND, $1, $2) DIV $3 AND "
                     "IF($3 > 0, timestampdiff(MICROSECOND, $1, $2) >= 0, "
                     "timestampdiff(MICROSECOND, $1, $2) <= 0))",
    [COLUMN_SQLITE] = "tb_series(" SQLITE_MICROS("$1") ", " SQLITE_MICROS("$2") ", $3)",
};
static const char *const moment_read[DIALECT_COUNT] = {
    [COLUMN_SQLITE] = "tb_move('1970-01-01 00:00:00.000000', $1, 1)"};

static bool is_moment(const struct expr *x)
{
    return type_family(x->type.kind) == FAMILY_DATE;
}

static enum err rule_stride(struct context *c, struct expr *e)
{
    struct type interval = type_of(TYPE_INTERVAL);
    if (e->call.count < 3) {
        return ctx_fail(c, e->src, ERR_BAD_ARITY,
                        "`generate_series` of dates or timestamps needs a step");
    }
    struct expr *step = e->call.args[2];
    while (step->kind == EXPR_CALL && str_is(str_of(call_name(step)), "cast")) {
        step = step->call.args[0];
    }
    if (step->kind != EXPR_LITERAL && step->kind != EXPR_PARAM) {
        return ctx_fail(c, step->src, ERR_BAD_QUERY,
                        "the step of `generate_series` is an interval or a param");
    }
    e->call.args[2] = step;
    enum err err = settle(c, step, &interval, SETTLE_COMPARE);
    if (err == ERR_OK && step->type.kind != TYPE_INTERVAL) {
        return type_mismatch(c, step, "generate_series", "an interval");
    }
    step->form = c->d->moments->intervals ? BIND_STRIDE_CHECKED : BIND_STRIDE;
    return err;
}

static enum err rule_moment_series(struct context *c, struct expr *e)
{
    struct type common = e->type;
    enum err err = unify(c, e->call.args, 2, "generate_series", &common);
    for (uint32_t i = 0; i < 2 && err == ERR_OK; i++) {
        struct expr *x = e->call.args[i];
        if (x->type.kind != common.kind) {
            err = ctx_fail(c, x->src, ERR_TYPE_MISMATCH,
                           "the bounds of `generate_series` are of one type");
            fail_hint(c->f, "cast one of them");
        } else if (expr_is_volatile(x)) {
            err = ctx_fail(c, x->src, ERR_UNSUPPORTED_FEATURE,
                           "a bound of `generate_series` must not change");
        }
    }
    e->type = type_of(common.kind == TYPE_DATE ? TYPE_TIMESTAMP : common.kind);
    e->nullable = false;
    e->call.form->columns[0].read = moment_read[c->d->column];
    return err != ERR_OK ? err : rule_stride(c, e);
}

static enum err emit_series(struct emitter *em, const struct expr *call,
                            const struct expr *const *args, enum emit_place place)
{
    if (call->type.kind == TYPE_BIGINT) {
        return emit_operator(em, call, args, place);
    }
    const struct expr *moments[] = {as_timestamp(em, call->call.args[0]),
                                    as_timestamp(em, call->call.args[1]), call->call.args[2]};
    if (moments[0] == NULL || moments[1] == NULL) {
        return ctx_full(em->c);
    }
    return emit_template(em, moment_series[em->d->column], moments, 3);
}

static enum err rule_series(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = ERR_OK;
    if (is_moment(e->call.args[0]) || is_moment(e->call.args[1])) {
        return rule_moment_series(c, e);
    }
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        struct expr *x = e->call.args[i];
        err = need_integer(c, x, "generate_series");
        if (err == ERR_OK && expr_is_volatile(x)) {
            err = ctx_fail(c, x->src, ERR_UNSUPPORTED_FEATURE,
                           "a bound of `generate_series` must not change");
        }
    }
    if (err == ERR_OK) {
        err = e->call.count == 3 ? check_step(c, e->call.args[2]) : add_step(c, e);
    }
    e->type = type_of(TYPE_BIGINT);
    e->nullable = false;
    return err;
}

#define MARIA_SERIES                                                                           \
    "(SELECT $1 + CAST(seq AS SIGNED) * $3 AS c1, CAST(seq + 1 AS SIGNED) AS c2 "              \
    "FROM seq_0_to_9223372036854775807 WHERE seq <= ($2 - $1) DIV $3 AND "                     \
    "IF($3 > 0, $1 <= $2, $1 >= $2))"

/* ---- unnest ---- */

static enum err settle_items(struct context *c, struct expr *list, const struct type *want)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < list->list.count && err == ERR_OK; i++) {
        struct expr *x = list->list.items[i];
        err = want == NULL ? ERR_OK : settle(c, x, want, SETTLE_ASSIGN);
    }
    return err != ERR_OK ? err
                         : unify(c, list->list.items, list->list.count, "unnest", &list->type);
}

static enum err check_list(struct context *c, const struct expr *list)
{
    const struct json *value = list->kind == EXPR_PARAM_LIST ? list->param.value : NULL;
    if (list->kind == EXPR_QUERY) {
        return ctx_fail(c, list->src, ERR_BAD_QUERY,
                        "`unnest` takes a list; a statement stands in `from` itself");
    }
    if (list->kind == EXPR_LIST && list->list.count == 0) {
        return ctx_fail(c, list->src, ERR_EMPTY_LIST, "`unnest` of an empty list");
    }
    if (value != NULL && value->kind != JSON_ARRAY) {
        return ctx_fail(c, value, ERR_TYPE_MISMATCH,
                        "`unnest` takes a list, and param "
                        "`%.*s` is %s",
                        STR_ARG(list->param.name), json_kind_name(value));
    }
    return ERR_OK;
}

/* e->type is what `columns` asks for. */
static enum err rule_unnest(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *list = e->call.args[0];
    const struct type *want = e->type.kind == TYPE_UNKNOWN ? NULL : &e->type;
    enum err err = check_list(c, list);
    if (err != ERR_OK) {
        return err;
    }
    if (list->kind == EXPR_PARAM_LIST) {
        const struct json *value = list->param.value;
        err = settle_list(c, list, value == NULL ? FORM_NONE : json_form_of_list(value), want);
    } else {
        err = settle_items(c, list, want);
    }
    if (want != NULL && list->type.kind == want->kind) {
        list->type = *want; /* with its digits, in which the column is shown */
    }
    e->type = list->type;
    e->nullable = true;
    return err;
}

static uint32_t item_count(const struct expr *list)
{
    if (list->kind == EXPR_LIST) {
        return list->list.count;
    }
    return list->param.value == NULL ? 1 : shape_padded(list->param.value->len);
}

static enum err emit_item(struct emitter *em, const struct expr *list, uint32_t i)
{
    if (list->kind == EXPR_LIST) {
        return emit_beside(em, list->list.items[i], &list->type);
    }
    struct plan_bind b = {.source = BIND_PARAM_ITEM,
                          .name = list->param.name,
                          .index = i,
                          .type = bind_type(em, &list->type)};
    return emit_bind(em, &b, list->src);
}

/* All members, or as many as the param has. */
static enum err emit_rows(struct emitter *em, const struct expr *list)
{
    struct type bigint = type_of(TYPE_BIGINT);
    struct plan_bind count = {
        .source = BIND_PARAM_COUNT, .name = list->param.name, .type = bind_type(em, &bigint)};
    enum err e = ERR_OK;
    emit_text(em, "(SELECT q.c1, q.c2 FROM (SELECT NULL AS c1, 0 AS c2 WHERE 1 = 0");
    for (uint32_t i = 0; i < item_count(list) && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? em->d->rows_first : em->d->rows_next);
        e = emit_item(em, list, i);
        buf_printf(&em->sql, ", %u", i + 1);
    }
    emit_text(em, item_count(list) > 0 ? em->d->rows_end : "");
    emit_text(em, ") AS q");
    if (list->kind == EXPR_PARAM_LIST && e == ERR_OK) {
        emit_text(em, " WHERE q.c2 <= ");
        e = emit_bind(em, &count, list->src);
    }
    buf_char(&em->sql, ')');
    return e;
}

static enum err emit_array(struct emitter *em, const struct expr *list, const char *name)
{
    struct plan_bind b = {
        .source = BIND_PARAM_ARRAY, .name = list->param.name, .type = type_of(TYPE_ARRAY)};
    enum err e = ERR_OK;
    emit_text(em, "unnest(");
    if (list->kind == EXPR_PARAM_LIST) {
        b.type.element = list->type.kind;
        b.type.native = em->d->array_native(&list->type);
        b.type.name = list->type.name;
        e = emit_bind(em, &b, list->src);
    } else {
        emit_text(em, "ARRAY[");
        for (uint32_t i = 0; i < list->list.count && e == ERR_OK; i++) {
            emit_text(em, i > 0 ? ", " : "");
            e = emit_item(em, list, i);
        }
        buf_char(&em->sql, ']');
    }
    buf_printf(&em->sql, "::%s[])", name);
    return e;
}

static enum err emit_unnest(struct emitter *em, const struct expr *call,
                            const struct expr *const *args, enum emit_place place)
{
    (void)args;
    (void)place;
    const struct expr *list = call->call.args[0];
    const char *name = em->d->arrays ? em->d->type_name(&list->type) : NULL;
    return name != NULL ? emit_array(em, list, name) : emit_rows(em, list);
}

/* ---- json_each ---- */

/* A document of the other kind has no members. */
#define PG_MEMBERS(function, kind)                                                             \
    function "(CASE WHEN jsonb_typeof($1::jsonb) = '" kind "' THEN $1::jsonb END)"
#define MARIA_MEMBERS "JSON_TABLE(IF(json_type($1) = 'ARRAY', $1, '[]')"

static const struct {
    const char *sql[2][2]; /* values, names and values; as json, as text; NULL: not exact */
    const char *rest;      /* behind it, and no template; NULL: nothing */
    const char *read_text; /* template of a value that is wanted as text; NULL: it is */
} members[DIALECT_COUNT] = {
    [COLUMN_PG] = {.sql = {{PG_MEMBERS("jsonb_array_elements", "array"),
                            PG_MEMBERS("jsonb_array_elements_text", "array")},
                           {PG_MEMBERS("jsonb_each", "object"),
                            PG_MEMBERS("jsonb_each_text", "object")}}},
    [COLUMN_MARIA] = {.sql = {{MARIA_MEMBERS, MARIA_MEMBERS}},
                      .rest = ", '$[*]' COLUMNS (c1 JSON PATH '$', c2 FOR ORDINALITY))",
                      .read_text = "CASE WHEN json_type($1) = 'NULL' THEN NULL "
                                   "ELSE json_unquote($1) END"},
    [COLUMN_SQLITE] = {.sql = {{"tb_json_each($1, 'array')", "tb_json_each($1, 'array text')"},
                               {"tb_json_each($1, 'object')",
                                "tb_json_each($1, 'object text')"}}},
};

static const char *members_sql(const struct dialect *d, const struct expr *e)
{
    unsigned pairs = !e->call.form->ordinality && e->call.form->column_count == 2 ? 1 : 0;
    return members[d->column].sql[pairs][e->type.kind == TYPE_TEXT ? 1 : 0];
}

/* e->type is what `columns` asks of the value. */
static enum err rule_members(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *document = e->call.args[0];
    struct table_form *f = e->call.form;
    enum err err = need_json(c, document, "json_each");
    if (err == ERR_OK && expr_is_volatile(document)) {
        return ctx_fail(c, document->src, ERR_UNSUPPORTED_FEATURE,
                        "the document of `json_each` must not change");
    }
    if (e->type.kind == TYPE_TEXT) {
        f->columns[f->column_count == 2 && !f->ordinality ? 1 : 0].read =
            members[c->d->column].read_text;
    } else {
        e->type = type_of(TYPE_JSON);
    }
    e->nullable = e->type.kind == TYPE_TEXT;
    if (err == ERR_OK && members_sql(c->d, e) == NULL) {
        err =
            ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                     "%s has no exact names of members beside their values", c->d->words.name);
        fail_hint(c->f, "`json_each` of [\"json_keys\", …] gives the names");
    }
    return err;
}

static enum err emit_members(struct emitter *em, const struct expr *call,
                             const struct expr *const *args, enum emit_place place)
{
    (void)place;
    const char *rest = members[em->d->column].rest;
    enum err e = emit_template(em, members_sql(em->d, call), args, 1);
    emit_text(em, rest != NULL ? rest : "");
    return e;
}

static const struct op_info list[] = {
    WORD("cube", OP_ELSEWHERE, "a member of `group_by` is {\"cube\":[E…]}"),
    {.name = "generate_series",
     .min_args = 2,
     .max_args = 3,
     .flags = OP_TABLE,
     .dress = DRESS_INTEGER,
     .rule = rule_series,
     .emit = emit_series,
     .sql = {"generate_series($1, $2, $3)", MARIA_SERIES, "tb_series($1, $2, $3)"}},
    WORD("grouping_sets", OP_ELSEWHERE,
         "a member of `group_by` is {\"grouping_sets\":[[E…]…]}"),
    {.name = "json_each",
     .min_args = 1,
     .max_args = 1,
     .flags = OP_TABLE | OP_LATERAL | OP_PAIRS,
     .rule = rule_members,
     .emit = emit_members},
    WORD("rollup", OP_ELSEWHERE, "a member of `group_by` is {\"rollup\":[E…]}"),
    {.name = "unnest",
     .min_args = 1,
     .max_args = 1,
     .flags = OP_TABLE,
     .kinds = "l",
     .rule = rule_unnest,
     .emit = emit_unnest},
};

const struct op_table ops_table = OP_TABLE_OF(list);
