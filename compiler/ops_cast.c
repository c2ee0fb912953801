/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_cast.c: casts.
 */
#include "compiler/cast.h"
#include "compiler/collation.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

static enum cast_mode mode_of(const struct expr *call)
{
    return call_name(call)[0] == 't' ? CAST_TRY : CAST_STRICT;
}

/* A value that can be read as the type needs no SQL. */
static bool is_read(const struct expr *call)
{
    const struct expr *x = call->call.args[0];
    if (!is_untyped_value(x) || mode_of(call) == CAST_TRY) {
        return false;
    }
    const struct json *value = x->kind == EXPR_LITERAL ? x->literal.node : x->param.value;
    return type_reads(value == NULL ? FORM_NONE : json_form_of(value), &call->type);
}

static enum err rule_cast(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    char text[CAST_SQL_BYTES];
    e->nullable = x->nullable || mode_of(e) == CAST_TRY;
    if (x->kind == EXPR_NULL) {
        x->type = e->type;
        return ERR_OK;
    }
    if (is_read(e)) {
        return settle(c, x, &e->type, SETTLE_ASSIGN);
    }
    enum err err = settle(c, x, NULL, SETTLE_COMPARE);
    if (err != ERR_OK || cast_sql(c->d, &x->type, &e->type, mode_of(e), text, sizeof text)) {
        return err;
    }
    err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE, "%s has no exact cast from %s to %s",
                   c->d->words.name, type_word(&x->type), type_word(&e->type));
    fail_hint(c->f, "values can be given as the type: {\"value\":…,\"type\":…}");
    return err;
}

static enum err emit_cast(struct emitter *em, const struct expr *call,
                          const struct expr *const *args, enum emit_place place)
{
    (void)args;
    (void)place;
    char text[CAST_SQL_BYTES];
    const struct expr *x = call->call.args[0];
    bool same = x->type.kind == call->type.kind && mode_of(call) == CAST_STRICT &&
                (x->kind == EXPR_LITERAL || x->kind == EXPR_PARAM || x->kind == EXPR_NULL);
    if (x->kind == EXPR_NULL || same ||
        !cast_sql(em->d, &x->type, &call->type, mode_of(call), text, sizeof text)) {
        return emit_expr(em, x);
    }
    return emit_template(em, text, &x, 1);
}

/* Only how the answer is read. */
static enum err rule_as_type(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    e->nullable = x->nullable;
    return settle(c, x, x->kind == EXPR_NULL ? &e->type : NULL, SETTLE_COMPARE);
}

static enum err emit_as_type(struct emitter *em, const struct expr *call,
                             const struct expr *const *args, enum emit_place place)
{
    (void)call;
    return place == EMIT_ROOT ? emit_root(em, args[0]) : emit_expr(em, args[0]);
}

static enum err rule_collate(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    const struct expr *name = e->call.args[1];
    const char *text;
    enum err err = need_text(c, e->call.args[0], "collate");
    e->type = type_of(TYPE_TEXT);
    e->nullable = e->call.args[0]->nullable;
    return err != ERR_OK ? err : collation_template(c, name->src, name->keyword, &text);
}

/* A column that compares bytewise stays as it is, so that its index is used. */
static bool is_binary_column(const struct expr *x)
{
    const struct source *s = x->kind == EXPR_NAME ? x->name.source : NULL;
    return s != NULL && s->table != NULL && x->type.kind != TYPE_ENUM &&
           s->table->columns[x->name.column].binary_collation;
}

static enum err emit_collate(struct emitter *em, const struct expr *call,
                             const struct expr *const *args, enum emit_place place)
{
    const struct expr *name = call->call.args[1], *of = call->call.args[0];
    const char *text = NULL;
    if (str_is(name->keyword, "binary") && is_binary_column(of)) {
        return emit_expr(em, of);
    }
    enum err e = collation_template(em->c, name->src, name->keyword, &text);
    (void)place;
    return e != ERR_OK ? e : emit_template(em, text, args, 1);
}

static const struct op_info list[] = {
    {.name = "as_type",
     .min_args = 2,
     .max_args = 2,
     .kinds = "et",
     .rule = rule_as_type,
     .emit = emit_as_type},
    {.name = "cast",
     .min_args = 2,
     .max_args = 2,
     .rule = rule_cast,
     .emit = emit_cast,
     .kinds = "et"},
    {.name = "collate",
     .min_args = 2,
     .max_args = 2,
     .kinds = "ek",
     .rule = rule_collate,
     .dress = DRESS_TEXT,
     .emit = emit_collate},
    WORD("ref", OP_ELSEWHERE,
         "it is for the steps of a batch; send what an earlier reply said as a param"),
    {.name = "try_cast",
     .min_args = 2,
     .max_args = 2,
     .flags = OP_KEEPS_NULL,
     .kinds = "et",
     .rule = rule_cast,
     .emit = emit_cast},
};

const struct op_table ops_cast = OP_TABLE_OF(list);
