/* SPDX-License-Identifier: MIT
 *
 * compiler/parse_expr.c: expressions.
 *
 *   E := null | true | false | number | "name" | ":param"
 *      | {"value": any, "type": T} | {"name": [text…]} | [op, arg…] | Q
 *      | {"case":[[E,E]…], "else":E, "of":E}
 *      | {"aggregate": …} | {"over": …}         parse_window.c
 *      | ["ref", step, column]                  refs.c
 */
#include "compiler/json_path.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/ops_native.h"
#include "compiler/parse.h"
#include "compiler/refs.h"

#include <stdio.h>
#include <string.h>

#define KEYS(list) (list), sizeof(list) / sizeof((list)[0])

struct expr *expr_new(struct context *c, enum expr_kind kind, const struct json *src)
{
    if (++c->exprs > MAX_EXPRS) {
        (void)ctx_fail(c, src, ERR_QUERY_TOO_LARGE,
                       "the statement has more than %d expressions", MAX_EXPRS);
        return NULL;
    }
    struct expr *e = ARENA_NEW(c->a, struct expr);
    if (e != NULL) {
        e->kind = kind;
        e->src = src;
        e->nullable = true;
        e->type = type_of(TYPE_UNKNOWN);
    }
    return e;
}

/* ---- literals and params ---- */

enum err parse_type(struct context *c, const struct json *j, struct type *out)
{
    if (j->kind != JSON_STRING) {
        return ctx_fail(c, j, ERR_UNKNOWN_TYPE, "a type is a string, not %s",
                        json_kind_name(j));
    }
    if (type_parse(json_text(j), out)) {
        return ERR_OK;
    }
    struct nearest n;
    nearest_init(&n, json_text(j));
    for (unsigned k = TYPE_UNKNOWN + 1; k < TYPE_ARRAY; k++) {
        nearest_try(&n, str_of(type_kind_name((enum type_kind)k)));
    }
    enum err e =
        ctx_fail(c, j, ERR_UNKNOWN_TYPE, "there is no type `%.*s`", STR_ARG(json_text(j)));
    nearest_hint(&n, c->f);
    return e;
}

static enum err parse_literal(struct context *c, const struct json *node,
                              const struct json *data, struct expr **out)
{
    struct expr *e = expr_new(c, EXPR_LITERAL, node);
    if (e == NULL) {
        return ctx_full(c);
    }
    e->literal.node = data;
    e->nullable = data->kind == JSON_NULL;
    if (!shape_claim(c->shape, node, &e->literal.index)) {
        return ctx_fail(c, node, ERR_BAD_QUERY, "a value cannot stand here");
    }
    *out = e;
    return ERR_OK;
}

static const struct form_key value_keys[] = {{"value", true}, {"type", true}};

/* {"value": any, "type": T} */
static enum err parse_value_form(struct context *c, const struct json *j, struct expr **out)
{
    enum err e = check_keys(c, j, KEYS(value_keys), "a literal");
    const struct json *data = json_get(j, "value"), *type = json_get(j, "type");
    if (e != ERR_OK) {
        return e;
    }
    e = parse_literal(c, j, data, out);
    if (e == ERR_OK && type != NULL) {
        e = parse_type(c, type, &(*out)->type);
    }
    if (e != ERR_OK) {
        return e;
    }
    if (data->kind == JSON_NULL && (*out)->type.kind != TYPE_JSON) {
        (*out)->kind = EXPR_NULL;
    }
    return ERR_OK;
}

bool is_param(struct str text)
{
    return text.len > 0 && text.ptr[0] == ':';
}

static enum err missing_param(struct context *c, const struct json *at, struct str name)
{
    struct nearest n;
    nearest_init(&n, name);
    for (const struct json *m = c->in->params->first; m != NULL; m = m->next) {
        nearest_try(&n, json_key(m));
    }
    enum err e = ctx_fail(c, at, ERR_MISSING_PARAM, "param `%.*s` is not given", STR_ARG(name));
    nearest_hint(&n, c->f);
    return e;
}

enum err parse_param(struct context *c, const struct json *at, struct str text,
                     struct str *name, const struct json **value)
{
    *name = (struct str){text.ptr + 1, text.len - 1};
    *value = NULL;
    if (!str_is_identifier(*name)) {
        enum err e =
            ctx_fail(c, at, ERR_BAD_QUERY, "`:` begins a param, and this is no name of one");
        fail_hint(c->f, "a text is written {\"value\":\"…\"}, an odd name {\"name\":[\"…\"]}");
        return e;
    }
    if (c->in->params == NULL) {
        return ERR_OK;
    }
    uint32_t i = 0;
    for (const struct json *m = c->in->params->first; m != NULL; m = m->next, i++) {
        if (str_eq(json_key(m), *name)) {
            c->params_used[i / 64] |= (uint64_t)1 << (i % 64);
            *value = m;
            return ERR_OK;
        }
    }
    return missing_param(c, at, *name);
}

/* ---- names ---- */

static enum err bad_name(struct context *c, const struct json *j)
{
    enum err e = ctx_fail(c, j, ERR_BAD_QUERY, "this is not a name");
    fail_hint(c->f,
              "names are \"column\", \"table.column\" or {\"name\":[\"table\",\"column\"]}");
    return e;
}

static enum err name_from_list(struct context *c, const struct json *j, uint32_t max,
                               struct str part[3])
{
    static const struct form_key name_keys[] = {{"name", true}};
    enum err e = check_keys(c, j, KEYS(name_keys), "a name");
    if (e != ERR_OK) {
        return e;
    }
    const struct json *list = json_get(j, "name");
    if (list == NULL || list->kind != JSON_ARRAY || list->len == 0 || list->len > max) {
        return bad_name(c, j);
    }
    uint32_t at = 3 - list->len;
    for (const struct json *m = list->first; m != NULL; m = m->next) {
        if (m->kind != JSON_STRING || m->len == 0) {
            return bad_name(c, m);
        }
        part[at++] = json_text(m);
    }
    return ERR_OK;
}

enum err parse_name(struct context *c, const struct json *j, uint32_t max, struct str part[3])
{
    memset(part, 0, 3 * sizeof *part);
    if (j->kind == JSON_OBJECT) {
        return name_from_list(c, j, max, part);
    }
    struct str rest = json_text(j);
    if (j->kind != JSON_STRING || rest.len == 0) {
        return bad_name(c, j);
    }
    for (uint32_t i = 0; i < max; i++) {
        size_t dot = rest.len;
        while (dot > 0 && rest.ptr[dot - 1] != '.') {
            dot--;
        }
        part[2 - i] = (struct str){rest.ptr + dot, rest.len - dot};
        if (part[2 - i].len == 0) {
            return bad_name(c, j);
        }
        if (dot == 0) {
            return ERR_OK;
        }
        rest.len = dot - 1;
    }
    return bad_name(c, j);
}

static enum err parse_string(struct context *c, const struct json *j, struct expr **out)
{
    struct str text = json_text(j);
    bool param = is_param(text);
    struct expr *e = expr_new(c, param ? EXPR_PARAM : EXPR_NAME, j);
    if (e == NULL) {
        return ctx_full(c);
    }
    *out = e;
    if (param) {
        return parse_param(c, j, text, &e->param.name, &e->param.value);
    }
    if (text.len > 0 && text.ptr[text.len - 1] == '*') {
        return ctx_fail(c, j, ERR_BAD_QUERY,
                        "`*` can stand only in a select list and in count");
    }
    return parse_name(c, j, 3, e->name.part);
}

/* ---- calls ---- */

static enum err unknown_operator(struct context *c, const struct json *j)
{
    struct str name = json_text(j);
    struct nearest n;
    nearest_init(&n, name);
    for (uint32_t i = 0; i < operator_count(); i++) {
        nearest_try(&n, str_of(operator_at(i)->name));
    }
    enum err e = ctx_fail(c, j, ERR_UNKNOWN_OPERATOR, "there is no operator or function `%.*s`",
                          STR_ARG(name));
    nearest_hint(&n, c->f);
    fail_hint(c->f, "an array is an operation [op, arg…]; a list of values stands in [[…]] "
                    "or in a param");
    return e;
}

static enum err check_arity(struct context *c, const struct json *j, const struct op_info *op)
{
    uint32_t n = j->len - 1;
    if (n >= op->min_args && (op->max_args == ARGS_ANY || n <= op->max_args)) {
        return ERR_OK;
    }
    if (n == 0 && op->max_args == ARGS_ANY) {
        return ctx_fail(c, j, ERR_EMPTY_LIST, "`%s` needs at least one argument", op->name);
    }
    if (op->min_args == op->max_args) {
        return ctx_fail(c, j, ERR_BAD_ARITY, "`%s` takes %u argument%s, not %u", op->name,
                        op->min_args, op->min_args == 1 ? "" : "s", n);
    }
    if (op->max_args == ARGS_ANY) {
        return ctx_fail(c, j, ERR_BAD_ARITY, "`%s` takes %u or more arguments, not %u",
                        op->name, op->min_args, n);
    }
    return ctx_fail(c, j, ERR_BAD_ARITY, "`%s` takes %u to %u arguments, not %u", op->name,
                    op->min_args, op->max_args, n);
}

static enum err parse_list_items(struct context *c, const struct json *j, struct expr *list)
{
    list->list.items = ARENA_ARRAY(c->a, j->len, struct expr *);
    if (list->list.items == NULL) {
        return ctx_full(c);
    }
    list->list.count = list->list.real_count = j->len;
    uint32_t i = 0;
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        enum err e = parse_expr(c, m, &list->list.items[i++]);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* An IN list that is written out. */
static enum err parse_list(struct context *c, const struct json *j, struct expr **out)
{
    struct expr *e = expr_new(c, EXPR_LIST, j);
    if (e == NULL) {
        return ctx_full(c);
    }
    *out = e;
    const struct shape_list *pure = shape_claim_list(c->shape, j);
    if (pure == NULL) {
        return parse_list_items(c, j, e);
    }
    e->list.first = pure->first;
    e->list.count = pure->padded;
    e->list.real_count = pure->count;
    e->list.form = (int)pure->form;
    return ERR_OK;
}

/* l := [E…] | ":param" | Q */
static enum err parse_in_list(struct context *c, const struct json *j, struct expr **out)
{
    if (j->kind == JSON_ARRAY) {
        return parse_list(c, j, out);
    }
    if (j->kind == JSON_STRING && is_param(json_text(j))) {
        enum err e = parse_string(c, j, out);
        if (e == ERR_OK) {
            (*out)->kind = EXPR_PARAM_LIST;
        }
        return e;
    }
    if (is_query_form(j)) {
        return parse_expr(c, j, out);
    }
    enum err e =
        ctx_fail(c, j, ERR_BAD_QUERY, "a list is [E…], \":param\" or a subquery, not %s",
                 json_kind_name(j));
    fail_hint(c->f, "write [%s]", j->kind == JSON_STRING ? "{\"value\":…}" : "…");
    return e;
}

/* a := e | ["distinct", e] */
static enum err parse_aggregate_arg(struct context *c, const struct json *j, struct expr *call,
                                    struct expr **out)
{
    if (j->kind == JSON_ARRAY && json_is(j->first, "distinct")) {
        if (j->len != 2) {
            return ctx_fail(c, j, ERR_BAD_ARITY, "`distinct` takes 1 argument, not %u",
                            j->len - 1);
        }
        call->distinct = true;
        j = j->first->next;
    }
    return parse_expr(c, j, out);
}

static enum err parse_star_or_arg(struct context *c, const struct json *j, struct expr *call,
                                  struct expr **out)
{
    if (!json_is(j, "*")) {
        return parse_aggregate_arg(c, j, call, out);
    }
    *out = expr_new(c, EXPR_STAR, j);
    return *out == NULL ? ctx_full(c) : ERR_OK;
}

/* k := a word of a fixed set, which the operator's rule checks */
static enum err parse_keyword(struct context *c, const struct json *j, struct expr **out)
{
    if (j->kind != JSON_STRING || is_param(json_text(j))) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "a keyword stands here, not %s",
                        json_kind_name(j));
    }
    *out = expr_new(c, EXPR_KEYWORD, j);
    if (*out == NULL) {
        return ctx_full(c);
    }
    (*out)->keyword = json_text(j);
    (*out)->nullable = false;
    return ERR_OK;
}

static enum err parse_statement_arg(struct context *c, const struct json *j, struct expr *call,
                                    struct expr **out)
{
    if (!is_query_form(j)) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`%s` takes a select, not %s", call->call.op->name,
                        json_kind_name(j));
    }
    return parse_expr(c, j, out);
}

/* A type is no argument of the call any more. */
static enum err parse_type_arg(struct context *c, const struct json *j, struct expr *call)
{
    call->call.count--;
    return parse_type(c, j, &call->type);
}

/* p := [step…] | ":param" */
static enum err parse_path(struct context *c, const struct json *j, struct expr **out)
{
    if (j->kind == JSON_STRING && is_param(json_text(j))) {
        return parse_string(c, j, out);
    }
    if (!is_json_path(j)) {
        bool empty = j->kind == JSON_ARRAY && j->len == 0;
        enum err e = ctx_fail(c, j, empty ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                              "a path is a list of keys and whole numbers, or a param");
        fail_hint(c->f, "[\"a\",0] is the first member of what is under the key a");
        return e;
    }
    *out = expr_new(c, EXPR_PATH, j);
    if (*out == NULL) {
        return ctx_full(c);
    }
    (*out)->literal.node = j;
    (*out)->nullable = false;
    return shape_claim(c->shape, j, &(*out)->literal.index)
               ? ERR_OK
               : ctx_fail(c, j, ERR_BAD_QUERY, "a path cannot stand here");
}

static enum err parse_argument(struct context *c, const struct json *j, struct expr *call,
                               uint32_t i)
{
    struct expr **out = &call->call.args[i];
    switch (argument_kind(call->call.op, i)) {
    case 'a':
        return parse_aggregate_arg(c, j, call, out);
    case 's':
        return parse_star_or_arg(c, j, call, out);
    case 'k':
        return parse_keyword(c, j, out);
    case 't':
        return parse_type_arg(c, j, call);
    case 'l':
    case 'm':
        return parse_in_list(c, j, out);
    case 'p':
        return parse_path(c, j, out);
    case 'q':
        return parse_statement_arg(c, j, call, out);
    default:
        return parse_expr(c, j, out);
    }
}

/* ["fn.name", E…] */
static enum err parse_native(struct context *c, const struct json *j, struct expr **out)
{
    struct native native;
    enum err e = native_function(c, j->first, &native);
    e = e != ERR_OK ? e : parse_operation(c, j, native.op, out);
    if (e == ERR_OK) {
        (*out)->call.native = native.name;
        (*out)->call.function = native.function;
    }
    return e;
}

/* A word of the language that calls nothing. */
static enum err refuse_word(struct context *c, const struct json *at, const struct op_info *op)
{
    char what[64];
    enum err e;
    if ((op->flags & OP_PLANNED) != 0) {
        snprintf(what, sizeof what, "`%s`", op->name);
        e = not_built(c, at, what);
    } else {
        e = ctx_fail(c, at, ERR_BAD_QUERY, "`%s` cannot stand here", op->name);
    }
    if (op->hint != NULL) {
        fail_hint(c->f, "%s", op->hint);
    }
    return e;
}

/* [op, arg…] */
static enum err parse_call(struct context *c, const struct json *j, struct expr **out)
{
    if (j->len == 0 || j->first->kind != JSON_STRING) {
        enum err e = ctx_fail(c, j, ERR_BAD_QUERY, "an array is an operation [op, arg…]");
        fail_hint(c->f,
                  "a list of values is a param, or stands where the operator takes a list");
        return e;
    }
    const struct op_info *op = operator_find(json_text(j->first));
    if (op == NULL && is_native(json_text(j->first))) {
        return parse_native(c, j, out);
    }
    if (op == NULL) {
        return unknown_operator(c, j->first);
    }
    if (c->in->refs != NULL && json_is(j->first, "ref")) {
        return parse_ref(c, j, out);
    }
    if ((op->flags & (OP_PLANNED | OP_ELSEWHERE)) != 0) {
        return refuse_word(c, j->first, op);
    }
    if ((op->flags & OP_TABLE) != 0) {
        enum err e =
            ctx_fail(c, j, ERR_BAD_QUERY, "`%s` gives a table and stands in `from`", op->name);
        fail_hint(c->f, "{alias: {\"function\": [\"%s\", …]}}", op->name);
        return e;
    }
    return parse_operation(c, j, op, out);
}

enum err parse_operation(struct context *c, const struct json *j, const struct op_info *op,
                         struct expr **out)
{
    enum err e = check_arity(c, j, op);
    struct expr *call = expr_new(c, EXPR_CALL, j);
    if (e != ERR_OK || call == NULL) {
        return e != ERR_OK ? e : ctx_full(c);
    }
    call->call.op = op;
    call->call.count = j->len - 1;
    call->call.args = ARENA_ARRAY(c->a, j->len, struct expr *);
    if (call->call.args == NULL) {
        return ctx_full(c);
    }
    uint32_t i = 0;
    for (const struct json *m = j->first->next; m != NULL && e == ERR_OK; m = m->next) {
        e = parse_argument(c, m, call, i++);
    }
    *out = call;
    return e;
}

/* ---- forms ---- */

static enum err parse_when(struct context *c, const struct json *j, struct when *out)
{
    if (j->kind != JSON_ARRAY || j->len != 2) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "a branch of `case` is [condition, result]");
    }
    enum err e = parse_expr(c, j->first, &out->cond);
    return e != ERR_OK ? e : parse_expr(c, j->first->next, &out->then);
}

static const struct form_key case_keys[] = {{"case", true}, {"else", true}, {"of", true}};

/* {"case":[[E,E]…], "else":E, "of":E} */
static enum err parse_case(struct context *c, const struct json *j, struct expr **out)
{
    enum err e = check_keys(c, j, KEYS(case_keys), "a case");
    const struct json *list = json_get(j, "case");
    if (e == ERR_OK && (list->kind != JSON_ARRAY || list->len == 0)) {
        e = ctx_fail(c, list, list->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                     "`case` needs at least one [condition, result]");
    }
    struct expr *x = expr_new(c, EXPR_CASE, j);
    if (e != ERR_OK || x == NULL) {
        return e != ERR_OK ? e : ctx_full(c);
    }
    *out = x;
    x->cas.whens = ARENA_ARRAY(c->a, list->len, struct when);
    if (x->cas.whens == NULL) {
        return ctx_full(c);
    }
    for (const struct json *m = list->first; m != NULL && e == ERR_OK; m = m->next) {
        e = parse_when(c, m, &x->cas.whens[x->cas.count++]);
    }
    const struct json *of = json_get(j, "of"), *otherwise = json_get(j, "else");
    if (e == ERR_OK && of != NULL) {
        e = parse_expr(c, of, &x->cas.of);
    }
    if (e == ERR_OK && otherwise != NULL) {
        e = parse_expr(c, otherwise, &x->cas.otherwise);
    }
    return e;
}

static enum err parse_query_expr(struct context *c, const struct json *j, struct expr **out)
{
    struct expr *e = expr_new(c, EXPR_QUERY, j);
    *out = e;
    return e == NULL ? ctx_full(c) : parse_query(c, j, &e->query);
}

static enum err parse_object(struct context *c, const struct json *j, struct expr **out)
{
    if (json_get(j, "value") != NULL) {
        return parse_value_form(c, j, out);
    }
    if (json_get(j, "case") != NULL) {
        return parse_case(c, j, out);
    }
    if (json_get(j, "aggregate") != NULL) {
        return parse_aggregate(c, j, out);
    }
    if (json_get(j, "over") != NULL) {
        return parse_over(c, j, out);
    }
    if (is_query_form(j)) {
        return parse_query_expr(c, j, out);
    }
    if (json_get(j, "name") != NULL) {
        *out = expr_new(c, EXPR_NAME, j);
        return *out == NULL ? ctx_full(c) : parse_name(c, j, 3, (*out)->name.part);
    }
    static const char *const words[] = {"value",     "name", "case", "over",
                                        "aggregate", "type", "else", "select"};
    enum err e = ctx_fail(c, j, ERR_BAD_QUERY, "this object is no form of an expression");
    hint_form(c, j, words, sizeof words / sizeof words[0]);
    fail_hint(c->f,
              "the forms have a key `value`, `name`, `case`, `aggregate`, `over` or `select`");
    return e;
}

enum err parse_expr(struct context *c, const struct json *j, struct expr **out)
{
    switch ((enum json_kind)j->kind) {
    case JSON_NULL:
        *out = expr_new(c, EXPR_NULL, j);
        return *out == NULL ? ctx_full(c) : ERR_OK;
    case JSON_FALSE:
    case JSON_TRUE:
        *out = expr_new(c, EXPR_BOOL, j);
        if (*out == NULL) {
            return ctx_full(c);
        }
        (*out)->boolean = j->kind == JSON_TRUE;
        (*out)->nullable = false;
        (*out)->type = type_of(TYPE_BOOLEAN);
        return ERR_OK;
    case JSON_INTEGER:
    case JSON_DECIMAL:
        return parse_literal(c, j, j, out);
    case JSON_STRING:
        return parse_string(c, j, out);
    case JSON_ARRAY:
        return parse_call(c, j, out);
    case JSON_OBJECT:
        return parse_object(c, j, out);
    }
    return ctx_fail(c, j, ERR_BAD_QUERY, "this is no expression");
}
