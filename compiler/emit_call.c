/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_call.c: operators and functions to SQL: their operands are dressed,
 * then their own emitter (compiler/ops_….c) or their template writes them.
 */
#include "compiler/cast.h"
#include "compiler/emit.h"
#include "compiler/operators.h"

/* ---- operands ---- */

static const char *dress_integer(const struct emitter *em, const struct expr *call,
                                 enum type_kind k)
{
    if (number_class(call) == NUMBERS_WHOLE) {
        return k == TYPE_BIGINT ? NULL : em->d->widen_integer;
    }
    return k == TYPE_REAL ? em->d->as_double : NULL;
}

/* Operands that stand beside each other must be of one type where families hold
 * several: dates beside timestamps, enums beside texts. */
static const char *beside_template(const struct emitter *em, const struct expr *x,
                                   const struct type *other)
{
    if (x->type.kind == TYPE_DATE && type_family(other->kind) == FAMILY_DATE &&
        other->kind != TYPE_DATE) {
        return em->d->date_as_timestamp;
    }
    bool floats = other->kind == TYPE_DOUBLE || other->kind == TYPE_REAL;
    if (floats && (type_is_integer(x->type.kind) || x->type.kind == TYPE_NUMERIC)) {
        return em->d->number_beside_double;
    }
    if (x->type.kind == TYPE_ENUM && type_family(other->kind) == FAMILY_TEXT &&
        (other->kind != TYPE_ENUM || other->native != x->type.native)) {
        return em->d->enum_as_text;
    }
    return NULL;
}

static const char *call_beside(const struct emitter *em, const struct expr *call,
                               const struct expr *x)
{
    const char *text = NULL;
    bool offset = (call->call.op->flags & OP_WINDOW) != 0 && call->call.count > 1 &&
                  x == call->call.args[1];
    for (uint32_t i = 0; text == NULL && !offset && i < call->call.count; i++) {
        text = beside_template(em, x, &call->call.args[i]->type);
    }
    return text;
}

/* The template around an operand; NULL: it is right as it is. */
static const char *operand_template(const struct emitter *em, const struct expr *call,
                                    const struct expr *x)
{
    enum type_kind k = x->type.kind, result = call->type.kind;
    switch (call->call.op->dress) {
    case DRESS_NONE:
        return NULL;
    case DRESS_BESIDE:
        return call_beside(em, call, x);
    case DRESS_INTEGER:
        return dress_integer(em, call, k);
    case DRESS_DOUBLE:
        return result == TYPE_DOUBLE && k != TYPE_DOUBLE ? em->d->as_double : NULL;
    case DRESS_SUM:
        return k == TYPE_REAL ? em->d->as_double : NULL;
    case DRESS_WRITTEN:
        if (type_is_integer(k)) {
            return em->d->enum_as_text; /* the same cast: to text */
        }
        return k == TYPE_ENUM ? em->d->enum_as_text : NULL;
    case DRESS_BYTES:
        return k == TYPE_BYTES ? NULL : em->d->text_as_bytes;
    case DRESS_TEXT:
        return k == TYPE_ENUM ? em->d->enum_as_text : NULL;
    }
    return NULL;
}

enum err emit_beside(struct emitter *em, const struct expr *x, const struct type *other)
{
    const char *text = beside_template(em, x, other);
    return text == NULL ? emit_expr(em, x) : emit_template(em, text, &x, 1);
}

const struct expr *dress_beside(struct emitter *em, const struct expr *x,
                                const struct type *other)
{
    const char *text = beside_template(em, x, other);
    return text == NULL ? x : dress(em, text, x);
}

/* The template around an output of a part; NULL: it is right as it is. */
static const char *as_template(const struct emitter *em, const struct output *o, char *out,
                               size_t out_bytes)
{
    const struct expr *x = o->expr;
    const char *text = beside_template(em, x, &o->as);
    if (text == NULL && o->as.kind == TYPE_DOUBLE && x->type.kind != TYPE_DOUBLE) {
        return em->d->as_double;
    }
    bool same = x->type.kind == o->as.kind && x->type.length == o->as.length &&
                x->type.precision == o->as.precision && x->type.scale == o->as.scale;
    if (text == NULL && o->as_cast && !same) {
        return cast_sql(em->d, &x->type, &o->as, CAST_STRICT, out, out_bytes) ? out : NULL;
    }
    return text;
}

static enum err emit_dressed(struct emitter *em, const char *text, const struct expr *x)
{
    const struct expr *dressed = dress(em, text, x);
    return dressed == NULL ? ctx_full(em->c) : emit_root(em, dressed);
}

/* Where the database goes by the first part alone. */
static enum err emit_step(struct emitter *em, const struct output *o)
{
    char buffer[CAST_SQL_BYTES];
    bool column = o->expr->kind == EXPR_NAME && o->expr->name.source->table != NULL &&
                  o->expr->type.kind == o->as.kind && o->expr->type.length == o->as.length;
    if (column || !em->d->step_type(&o->as, buffer, sizeof buffer)) {
        return emit_root(em, o->expr);
    }
    return emit_dressed(em, buffer, o->expr);
}

enum err emit_output(struct emitter *em, const struct output *o)
{
    char buffer[CAST_SQL_BYTES];
    if (o->as.kind == TYPE_UNKNOWN) {
        return emit_root(em, o->expr);
    }
    if (o->as_cast && em->d->step_type != NULL) {
        return emit_step(em, o);
    }
    if (o->expr->kind == EXPR_NULL) {
        struct expr null = *o->expr;
        null.type = o->as;
        return emit_root(em, &null);
    }
    const char *text = as_template(em, o, buffer, sizeof buffer);
    return text == NULL ? emit_root(em, o->expr) : emit_dressed(em, text, o->expr);
}

static const struct expr **dress_args(struct emitter *em, const struct expr *call)
{
    const struct expr **args = ARENA_ARRAY(em->c->a, call->call.count, const struct expr *);
    for (uint32_t i = 0; args != NULL && i < call->call.count; i++) {
        const struct expr *x = call->call.args[i];
        const char *text = operand_template(em, call, x);
        args[i] = text == NULL ? x : dress(em, text, x);
        if (args[i] == NULL) {
            return NULL;
        }
    }
    return args;
}

/* ---- calls ---- */

enum number_class number_class(const struct expr *call)
{
    enum number_class class = NUMBERS_WHOLE;
    for (uint32_t i = 0; i < call->call.count; i++) {
        enum type_kind k = call->call.args[i]->type.kind;
        if (k == TYPE_REAL || k == TYPE_DOUBLE) {
            return NUMBERS_FLOATING;
        }
        class = k == TYPE_NUMERIC ? NUMBERS_EXACT : class;
    }
    return class;
}

const char *operator_sql(const struct emitter *em, const struct expr *call)
{
    const struct op_info *op = call->call.op;
    enum number_class class = number_class(call);
    if (class == NUMBERS_EXACT && op->exact[0] != NULL) {
        return op->exact[em->d->column];
    }
    if (class == NUMBERS_FLOATING && op->floating[0] != NULL) {
        return op->floating[em->d->column];
    }
    bool full = call->call.count == op->max_args && op->full[0] != NULL;
    return full ? op->full[em->d->column] : op->sql[em->d->column];
}

enum err emit_operator(struct emitter *em, const struct expr *call,
                       const struct expr *const *args, enum emit_place place)
{
    const char *text = operator_sql(em, call);
    if (text == NULL) {
        return ctx_fail(em->c, call->src, ERR_UNSUPPORTED_FEATURE, "%s has no exact `%s`",
                        em->d->words.name, call->call.op->name);
    }
    return place == EMIT_ROOT ? emit_root_template(em, text, args, call->call.count)
                              : emit_template(em, text, args, call->call.count);
}

enum err emit_call(struct emitter *em, const struct expr *x, enum emit_place place)
{
    const struct op_info *op = x->call.op;
    const struct expr **args = dress_args(em, x);
    if (args == NULL) {
        return ctx_full(em->c);
    }
    return op->emit != NULL ? op->emit(em, x, args, place) : emit_operator(em, x, args, place);
}
