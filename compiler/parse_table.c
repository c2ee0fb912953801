/* SPDX-License-Identifier: MIT
 *
 * compiler/parse_table.c: functions and samples in FROM.
 *
 *   {"function": [op, arg…], "columns": [{name: T}…], "ordinality": bool}
 *   {"table": "t", "sample": {"method": "bernoulli" | "system", "percent": E, "seed": E}}
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/parse.h"

#define KEYS(list) (list), sizeof(list) / sizeof((list)[0])

/* ---- functions ---- */

#define MOST_NATIVE_COLUMNS 64

static uint32_t most_columns(const struct expr *call, const struct table_form *f)
{
    if (call->call.native.len > 0) {
        return MOST_NATIVE_COLUMNS;
    }
    return f->ordinality || (call->call.op->flags & OP_PAIRS) != 0 ? 2 : 1;
}

static enum err parse_column(struct context *c, const struct json *j, struct form_column *out)
{
    if (j->kind == JSON_STRING && j->len > 0) {
        out->name = json_text(j);
        return ERR_OK;
    }
    if (j->kind != JSON_OBJECT || j->len != 1 || json_key(j->first).len == 0) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "a column is {name: type}, not %s",
                        json_kind_name(j));
    }
    out->name = json_key(j->first);
    return parse_type(c, j->first, &out->type);
}

static enum err parse_columns(struct context *c, const struct json *j, struct table_form *f)
{
    uint32_t most = most_columns(f->call, f);
    if (j->kind != JSON_ARRAY || j->len == 0) {
        return ctx_fail(c, j, j->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                        "`columns` takes a list of {name: type}");
    }
    if (j->len > most) {
        return ctx_fail(c, j, ERR_BAD_ARITY, "the function has %u column%s, not %u", most,
                        most == 1 ? "" : "s", j->len);
    }
    uint32_t i = 0;
    enum err e = ERR_OK;
    for (const struct json *m = j->first; m != NULL && e == ERR_OK; m = m->next) {
        e = parse_column(c, m, &f->columns[i]);
        for (uint32_t k = 0; k < i && e == ERR_OK; k++) {
            if (str_eq(f->columns[k].name, f->columns[i].name)) {
                e = ctx_fail(c, m, ERR_DUPLICATE_NAME, "two columns `%.*s`",
                             STR_ARG(f->columns[i].name));
            }
        }
        i++;
    }
    f->column_count = i > f->column_count ? i : f->column_count;
    return e;
}

static enum err parse_function(struct context *c, const struct json *j, struct expr **out)
{
    bool call = j->kind == JSON_ARRAY && j->first != NULL && j->first->kind == JSON_STRING;
    const struct op_info *op = call ? operator_find(json_text(j->first)) : NULL;
    if (op != NULL && (op->flags & OP_TABLE) != 0) {
        return parse_operation(c, j, op, out);
    }
    if (!call || (op != NULL && (op->flags & OP_PLANNED) == 0)) {
        enum err e = ctx_fail(c, j, ERR_BAD_QUERY,
                              "`function` takes [name, arg…] of one that "
                              "gives rows");
        fail_hint(c->f, "`generate_series`, `json_each` and `unnest` do");
        return e;
    }
    return parse_expr(c, j, out); /* its error: unknown, or not built yet */
}

static const struct form_key function_keys[] = {
    {"function", true}, {"columns", true}, {"ordinality", true}};

enum err parse_table_function(struct context *c, const struct json *j, struct str alias,
                              struct table_form **out)
{
    enum err e = check_keys(c, j, KEYS(function_keys), "a function in `from`");
    struct table_form *f = ARENA_NEW(c->a, struct table_form);
    if (e != ERR_OK || f == NULL) {
        return e != ERR_OK ? e : ctx_full(c);
    }
    *out = f;
    const struct json *columns = json_get(j, "columns"), *with = json_get(j, "ordinality");
    if (with != NULL && with->kind != JSON_TRUE && with->kind != JSON_FALSE) {
        return ctx_fail(c, with, ERR_BAD_QUERY, "`ordinality` is true or false");
    }
    f->ordinality = with != NULL && with->kind == JSON_TRUE;
    f->column_count = f->ordinality ? 2 : 1;
    f->columns = ARENA_ARRAY(c->a, MOST_NATIVE_COLUMNS, struct form_column);
    if (f->columns == NULL) {
        return ctx_full(c);
    }
    f->columns[0] = (struct form_column){.name = alias, .type = type_of(TYPE_UNKNOWN)};
    f->columns[1] = (struct form_column){
        .name = STR("ordinality"), .type = type_of(f->ordinality ? TYPE_BIGINT : TYPE_UNKNOWN)};
    e = parse_function(c, json_get(j, "function"), &f->call);
    if (e == ERR_OK) {
        f->call->call.form = f;
    }
    return e != ERR_OK || columns == NULL ? e : parse_columns(c, columns, f);
}

/* ---- samples ---- */

static enum err parse_amount(struct context *c, const struct json *j, enum type_kind kind,
                             struct expr **out)
{
    enum err e = parse_expr(c, j, out);
    if (e != ERR_OK) {
        return e;
    }
    struct expr *x = *out;
    if (x->kind != EXPR_LITERAL && x->kind != EXPR_PARAM) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "this takes a number or a param");
    }
    x->type = type_of(kind);
    return ERR_OK;
}

static enum err parse_method(struct context *c, const struct json *j, struct table_form *f)
{
    if (j != NULL && json_is(j, "bernoulli")) {
        f->method = "BERNOULLI";
        return ERR_OK;
    }
    f->method = "SYSTEM";
    return j != NULL && json_is(j, "system")
               ? ERR_OK
               : ctx_fail(c, j, ERR_BAD_QUERY, "`method` is \"bernoulli\" or \"system\"");
}

static const struct form_key sampled_keys[] = {{"table", true}, {"sample", true}};
static const struct form_key sample_keys[] = {
    {"method", true}, {"percent", true}, {"seed", true}};

enum err parse_sample(struct context *c, const struct json *j, struct table_form **out)
{
    const struct json *sample = json_get(j, "sample");
    enum err e = check_keys(c, j, KEYS(sampled_keys), "a sample");
    if (e == ERR_OK && (sample == NULL || sample->kind != JSON_OBJECT)) {
        e = ctx_fail(c, sample == NULL ? j : sample, ERR_BAD_QUERY,
                     "`sample` beside `table` is {\"method\", \"percent\"}");
    }
    e = e != ERR_OK ? e : check_keys(c, sample, KEYS(sample_keys), "`sample`");
    struct table_form *f = ARENA_NEW(c->a, struct table_form);
    if (e != ERR_OK || f == NULL) {
        return e != ERR_OK ? e : ctx_full(c);
    }
    *out = f;
    const struct json *percent = json_get(sample, "percent"), *seed = json_get(sample, "seed");
    const struct json *method = json_get(sample, "method");
    if (percent == NULL || method == NULL) {
        return ctx_fail(c, sample, ERR_BAD_QUERY, "`sample` needs `method` and `percent`");
    }
    e = parse_method(c, method, f);
    e = e != ERR_OK ? e : parse_amount(c, percent, TYPE_REAL, &f->percent);
    return e != ERR_OK || seed == NULL ? e : parse_amount(c, seed, TYPE_DOUBLE, &f->seed);
}
