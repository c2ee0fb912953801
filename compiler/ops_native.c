/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_native.c: what a database has beyond the language: its functions, by
 * name and where the conf allows them, and operators of a fixed list.
 *
 *   ["fn.name", E…]   ["fn.schema.name", E…]   ["op", k, E, E]
 *
 * Only names that the conf lists are written, so no text of a client becomes SQL.
 */
#include "compiler/ops_native.h"

#include "compiler/names.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

/* ---- functions ---- */

static bool is_allowed(const struct context *c, struct str name)
{
    for (uint32_t i = 0; i < c->in->function_count; i++) {
        if (str_eq(c->in->functions[i], name)) {
            return true;
        }
    }
    return false;
}

/* name = letter *( letter / digit ); letter = A-Z / a-z / "_" */
static bool is_plain(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char ch = name.ptr[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
        if (!letter && (i == 0 || ch < '0' || ch > '9')) {
            return false;
        }
    }
    return name.len > 0;
}

static void split(struct str whole, struct str *schema, struct str *name)
{
    ptrdiff_t dot = str_find(whole, '.', 0);
    *schema = (struct str){whole.ptr, dot < 0 ? 0 : (size_t)dot};
    *name = dot < 0 ? whole : (struct str){whole.ptr + dot + 1, whole.len - (size_t)dot - 1};
}

static const struct function_info *find_function(const struct context *c, struct str whole)
{
    struct str schema, name;
    split(whole, &schema, &name);
    const struct function_info *info = catalog_function(c->in->catalog, name);
    return info != NULL && (schema.len == 0 || str_eq(schema, info->schema)) ? info : NULL;
}

static enum err not_allowed(struct context *c, const struct json *at, struct str name)
{
    enum err e =
        ctx_fail(c, at, ERR_FORBIDDEN, "function `%.*s` is not allowed here", STR_ARG(name));
    fail_hint(c->f, "the conf key `functions` of the database lists those that are");
    return e;
}

static enum err rule_native(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = ERR_OK;
    const struct function_info *info = e->call.function;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        err = settle(c, e->call.args[i], NULL, SETTLE_COMPARE);
    }
    e->type = info == NULL ? type_of(TYPE_OPAQUE) : info->result;
    if (e->type.kind == TYPE_UNKNOWN) {
        e->type = type_of(TYPE_OPAQUE);
    }
    return err;
}

static enum err emit_native(struct emitter *em, const struct expr *call,
                            const struct expr *const *args, enum emit_place place)
{
    struct str schema, name;
    (void)place;
    split(call->call.native, &schema, &name);
    if (schema.len > 0) {
        emit_name(em, schema);
        buf_char(&em->sql, '.');
    }
    if (call->call.function != NULL && em->d->quotes_functions) {
        emit_name(em, name);
    } else {
        buf_str_add(&em->sql, name); /* plain letters: a built-in may not be quoted */
    }
    return emit_template(em, "($*)", args, call->call.count);
}

#define NATIVE(how)                                                                            \
    {                                                                                          \
        .name = "fn", .max_args = MOST_ARGS, .flags = OP_KEEPS_NULL, .volatility = (how),      \
        .rule = rule_native, .emit = emit_native                                               \
    }

static const struct op_info natives[] = {
    [VOLATILITY_IMMUTABLE] = NATIVE(VOLATILITY_IMMUTABLE),
    [VOLATILITY_STABLE] = NATIVE(VOLATILITY_STABLE),
    [VOLATILITY_VOLATILE] = NATIVE(VOLATILITY_VOLATILE),
};

bool is_native(struct str name)
{
    return str_starts(name, STR("fn."));
}

enum err native_function(struct context *c, const struct json *at, struct native *out)
{
    struct str whole = json_text(at), schema, name;
    whole = (struct str){whole.ptr + 3, whole.len - 3};
    split(whole, &schema, &name);
    *out = (struct native){.name = whole, .function = find_function(c, whole)};
    if (!is_allowed(c, whole)) {
        return not_allowed(c, at, whole);
    }
    if (!is_plain(name) || (schema.len > 0 && !is_plain(schema))) {
        return ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE,
                        "functions are called by plain names, of letters and digits");
    }
    if (out->function == NULL && (c->d->quotes_functions || schema.len > 0)) {
        return ctx_fail(c, at, ERR_UNKNOWN_OPERATOR, "the database has no function `%.*s`",
                        STR_ARG(whole));
    }
    if (out->function != NULL && out->function->aggregate) {
        return ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE, "`fn.…` calls no aggregates");
    }
    out->op = &natives[out->function == NULL ? VOLATILITY_VOLATILE : out->function->volatility];
    return ERR_OK;
}

/* ---- operators ---- */

enum operand { OPERAND_SAME, OPERAND_TEXT };

static const struct {
    const char *word;
    enum operand right;
    const char *sql[DIALECT_COUNT]; /* NULL: the database has none; all are conditions */
} allowed[] = {
    {"@>", OPERAND_SAME, {"($1 @> $2)"}},
    {"<@", OPERAND_SAME, {"($1 <@ $2)"}},
    {"&&", OPERAND_SAME, {"($1 && $2)"}},
    {"?", OPERAND_TEXT, {"($1 ? $2)"}},
    {"~", OPERAND_TEXT, {"($1 ~ $2)"}},
    {"~*", OPERAND_TEXT, {"($1 ~* $2)"}},
    {"!~", OPERAND_TEXT, {"($1 !~ $2)"}},
    {"!~*", OPERAND_TEXT, {"($1 !~* $2)"}},
    {"^@", OPERAND_TEXT, {"($1 ^@ $2)"}},
    {"RLIKE", OPERAND_TEXT, {NULL, "($1 RLIKE $2)"}},
    {"SOUNDS LIKE", OPERAND_TEXT, {NULL, "($1 SOUNDS LIKE $2)"}},
    {"GLOB", OPERAND_TEXT, {NULL, NULL, "($1 GLOB $2)"}},
};
#define ALLOWED (sizeof allowed / sizeof allowed[0])

static size_t find_operator(const struct context *c, struct str word)
{
    size_t i = 0;
    while (i < ALLOWED &&
           (!str_is(word, allowed[i].word) || allowed[i].sql[c->d->column] == NULL)) {
        i++;
    }
    return i;
}

static enum err rule_op(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *k = e->call.args[0], **pair = &e->call.args[1];
    size_t i = find_operator(c, k->keyword);
    struct type text = type_of(TYPE_TEXT), common;
    e->type = type_of(TYPE_BOOLEAN);
    e->nullable = any_nullable(e);
    if (i == ALLOWED) {
        enum err err =
            ctx_fail(c, k->src, ERR_UNSUPPORTED_FEATURE, "%s has no operator `%.*s` for `op`",
                     c->d->words.name, STR_ARG(k->keyword));
        fail_hint(c->f, "docs/SQL.md lists those of each database");
        return err;
    }
    if (allowed[i].right == OPERAND_SAME) {
        return unify(c, pair, 2, k->keyword.ptr == NULL ? "op" : allowed[i].word, &common);
    }
    enum err err = settle(c, pair[0], NULL, SETTLE_COMPARE);
    return err != ERR_OK ? err : settle(c, pair[1], &text, SETTLE_COMPARE);
}

static enum err emit_op(struct emitter *em, const struct expr *call,
                        const struct expr *const *args, enum emit_place place)
{
    size_t i = find_operator(em->c, call->call.args[0]->keyword);
    if (i == ALLOWED) {
        return ctx_fail(em->c, call->src, ERR_INTERNAL, "an operator that was not checked");
    }
    const char *sql = allowed[i].sql[em->d->column];
    return place == EMIT_ROOT ? emit_root_template(em, sql, args + 1, 2)
                              : emit_template(em, sql, args + 1, 2);
}

static const struct op_info list[] = {
    {.name = "op",
     .min_args = 3,
     .max_args = 3,
     .flags = OP_KEEPS_NULL,
     .rule = rule_op,
     .emit = emit_op,
     .kinds = "kee"},
};

const struct op_table ops_native = OP_TABLE_OF(list);
