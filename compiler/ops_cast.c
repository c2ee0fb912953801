/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_cast.c: casts.
 */
#include "compiler/collation.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

/* A cast of a value is no SQL: the value is read as the type. */
static enum err rule_cast(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    char text[160];
    e->nullable = x->nullable;
    if (x->kind == EXPR_NULL) {
        x->type = e->type;
        return ERR_OK;
    }
    if (is_untyped_value(x)) {
        const struct json *value = x->kind == EXPR_LITERAL ? x->literal.node : x->param.value;
        enum json_form form = value == NULL ? FORM_NONE : json_form_of(value);
        bool text_of_number =
            type_family(e->type.kind) == FAMILY_TEXT && (form == FORM_INT || form == FORM_LONG);
        if (!text_of_number) {
            return settle(c, x, &e->type, SETTLE_ASSIGN);
        }
    }
    enum err err = settle(c, x, NULL, SETTLE_COMPARE);
    if (err != ERR_OK || c->d->cast(&x->type, &e->type, text, sizeof text)) {
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
    char text[160];
    const struct expr *x = call->call.args[0];
    bool same = x->type.kind == call->type.kind &&
                (x->kind == EXPR_LITERAL || x->kind == EXPR_PARAM || x->kind == EXPR_NULL);
    if (same || !em->d->cast(&x->type, &call->type, text, sizeof text)) {
        return emit_expr(em, x);
    }
    return emit_template(em, text, &x, 1);
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
    PLANNED("as_type"),
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
    PLANNED("op"),
    PLANNED("ref"),
    PLANNED("try_cast"),
};

const struct op_table ops_cast = OP_TABLE_OF(list);
