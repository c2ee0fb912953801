/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_native.c: what a database has beyond the language: its functions, by
 * name and where the conf allows them, and operators of a fixed list.
 *
 *   ["fn.name", E…]   ["fn.schema.name", E…]   ["op", k, E, E]
 *   {"aggregate": ["fn.name", E…], "within_group": [O…]}
 *
 * Only names that the conf lists are written, so no text of a client becomes SQL.
 */
#include "compiler/ops_native.h"

#include "compiler/emit_window.h"
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

/* For plan_touch; a builtin writes no table, but these run SQL that they are given. */
static enum err note_call(struct context *c, const struct expr *e)
{
    static const char *const odd[] = {"query_to_", "cursor_to_", "ts_stat", "ts_rewrite"};
    const struct function_info *info = e->call.function;
    bool harmless = info != NULL && info->builtin;
    if (e->call.op->volatility == VOLATILITY_IMMUTABLE) {
        return ERR_OK;
    }
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        harmless = harmless && !str_starts(info->name, str_of(odd[i]));
    }
    if (!ctx_grow(c, &c->functions, c->function_count, &c->function_cap,
                  sizeof *c->functions)) {
        return ctx_full(c);
    }
    c->functions[c->function_count++] =
        (struct touch_function){e->call.native, e->call.op->volatility, harmless};
    return ERR_OK;
}

static enum err rule_native(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = note_call(c, e);
    const struct function_info *info = e->call.function;
    c->calls_volatile = c->calls_volatile || e->call.op->volatility == VOLATILITY_VOLATILE;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        err = settle(c, e->call.args[i], NULL, SETTLE_COMPARE);
    }
    e->type = info == NULL ? type_of(TYPE_OPAQUE) : info->result;
    if (e->type.kind == TYPE_UNKNOWN) {
        e->type = type_of(TYPE_OPAQUE);
    }
    return err;
}

static void emit_function(struct emitter *em, const struct expr *call)
{
    struct str schema, name;
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
}

static enum err emit_native(struct emitter *em, const struct expr *call,
                            const struct expr *const *args, enum emit_place place)
{
    (void)place;
    emit_function(em, call);
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

/* ---- aggregates ---- */

/* `rank` and its kin may take their own arguments' types from the order. */
static enum err check_within(struct context *c, const struct expr *e)
{
    const struct aggregate *a = e->call.aggregate;
    bool within = a != NULL && a->within_count > 0;
    bool ordered_set = e->call.function->kind == FUNCTION_ORDERED_SET;
    if (ordered_set && !within) {
        enum err err =
            ctx_fail(c, e->src, ERR_BAD_QUERY, "`fn.%.*s` takes its rows in an order",
                     STR_ARG(e->call.native));
        fail_hint(c->f, "write {\"aggregate\":[\"fn.%.*s\",…],\"within_group\":[…]}",
                  STR_ARG(e->call.native));
        return err;
    }
    if (ordered_set && (e->distinct || a->order_count > 0)) {
        return ctx_fail(c, e->src, ERR_BAD_QUERY,
                        "`within_group` cannot stand beside `distinct` and `order_by`");
    }
    return ERR_OK;
}

/* An array of t. */
static enum err array_of(struct context *c, const struct expr *e, struct type *t)
{
    uint32_t native = c->d->array_native(t);
    enum type_kind element = t->kind;
    *t = type_of(native == 0 ? TYPE_OPAQUE : TYPE_ARRAY);
    t->element = element;
    t->native = native;
    return native != 0 ? ERR_OK
                       : ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                                  "%s has no arrays of this type", c->d->words.name);
}

/* The overloads of percentile_cont, percentile_disc and mode follow what the rows are
 * ordered by, and give arrays for an array of fractions. */
static enum err type_ordered_set(struct context *c, struct expr *e)
{
    const struct expr *key = e->call.aggregate->within[0].expr;
    enum result_of of = e->call.function->result_of;
    if (e->call.function->kind != FUNCTION_ORDERED_SET || of == RESULT_OWN) {
        return ERR_OK;
    }
    bool number = type_family(key->type.kind) == FAMILY_NUMBER;
    if (of == RESULT_OF_REAL && !number && key->type.kind != TYPE_INTERVAL) {
        return type_mismatch(c, key, "within_group", "numbers or intervals");
    }
    e->type = of == RESULT_OF_REAL && number ? type_of(TYPE_DOUBLE) : key->type;
    bool arrays = e->call.count > 0 && e->call.args[0]->type.kind == TYPE_ARRAY;
    return arrays ? array_of(c, e, &e->type) : ERR_OK;
}

static enum err rule_aggregate(struct context *c, struct query *q, struct expr *e)
{
    const struct type fraction = type_of(TYPE_DOUBLE);
    enum err err = check_within(c, e);
    if (err == ERR_OK && e->call.count > 0 && e->call.function->result_of != RESULT_OWN) {
        err = settle(c, e->call.args[0], &fraction, SETTLE_COMPARE);
    }
    err = err != ERR_OK ? err : rule_native(c, q, e);
    bool ordered_set = e->call.function->kind == FUNCTION_ORDERED_SET;
    return err == ERR_OK && ordered_set ? type_ordered_set(c, e) : err;
}

static enum err emit_native_aggregate(struct emitter *em, const struct expr *call,
                                      const struct expr *const *args, enum emit_place place)
{
    bool ordered_set = call->call.function->kind == FUNCTION_ORDERED_SET;
    (void)place;
    emit_function(em, call);
    return emit_aggregate_text(em, call, args,
                               ordered_set ? "($*) WITHIN GROUP (%)^" : "(#$*%)^");
}

#define NATIVE_AGGREGATE(how)                                                                  \
    {                                                                                          \
        .name = "fn", .max_args = MOST_ARGS,                                                   \
        .flags = OP_KEEPS_NULL | OP_AGGREGATE | OP_ORDERED, .volatility = (how),               \
        .rule = rule_aggregate, .emit = emit_native_aggregate, .kinds = "ae"                   \
    }

static const struct op_info native_aggregates[] = {
    [VOLATILITY_IMMUTABLE] = NATIVE_AGGREGATE(VOLATILITY_IMMUTABLE),
    [VOLATILITY_STABLE] = NATIVE_AGGREGATE(VOLATILITY_STABLE),
    [VOLATILITY_VOLATILE] = NATIVE_AGGREGATE(VOLATILITY_VOLATILE),
};

static enum function_kind kind_of(const struct context *c, const struct native *n)
{
    const char *const *names = c->d->aggregates;
    if (n->function != NULL) {
        return n->function->kind;
    }
    while (names != NULL && *names != NULL && !str_ieq(n->name, str_of(*names))) {
        names++;
    }
    return names != NULL && *names != NULL ? FUNCTION_AGGREGATE : FUNCTION_PLAIN;
}

static enum err refuse_aggregate(struct context *c, const struct json *at,
                                 enum function_kind kind)
{
    if (kind == FUNCTION_MIXED) {
        return ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE,
                        "the database has an aggregate of this name and another function");
    }
    enum err err = ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE, "`fn.…` calls no aggregates of %s",
                            c->d->words.name);
    fail_hint(c->f, "docs/SQL.md lists the aggregates of the language; raw SQL has them all");
    return err;
}

/* ---- by name ---- */

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
    if (!str_is_identifier(name) || (schema.len > 0 && !str_is_identifier(schema))) {
        return ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE,
                        "functions are called by plain names, of letters and digits");
    }
    if (out->function == NULL && (c->d->quotes_functions || schema.len > 0)) {
        return ctx_fail(c, at, ERR_UNKNOWN_OPERATOR, "the database has no function `%.*s`",
                        STR_ARG(whole));
    }
    enum function_kind kind = kind_of(c, out);
    if (kind == FUNCTION_MIXED || (kind != FUNCTION_PLAIN && !c->d->native_aggregates)) {
        return refuse_aggregate(c, at, kind);
    }
    const struct op_info *by_volatility = kind == FUNCTION_PLAIN ? natives : native_aggregates;
    out->op =
        &by_volatility[out->function == NULL ? VOLATILITY_VOLATILE : out->function->volatility];
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
