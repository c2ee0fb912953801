/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_call.c: operators and functions to SQL.
 */
#include "compiler/emit.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"

/* ---- operands ---- */

/* What an operand needs before its operator is exact in this dialect: a template
 * around it, or NULL. */
static const char *operand_template(const struct emitter *em, const struct expr *call,
                                    const struct expr *x)
{
    const struct op_info *op = call->call.op;
    enum type_kind k = x->type.kind, result = call->type.kind;
    switch (op->rule) {
    case RULE_ARITH:
    case RULE_NEGATE_OR_MINUS:
    case RULE_INTEGER:
        if (result == TYPE_BIGINT) {
            return k == TYPE_BIGINT ? NULL : em->d->widen_integer;
        }
        return k == TYPE_REAL ? em->d->as_double : NULL;
    case RULE_DIVIDE:
    case RULE_AVG:
        return result == TYPE_DOUBLE && k != TYPE_DOUBLE ? em->d->as_double : NULL;
    case RULE_SUM:
        return k == TYPE_REAL ? em->d->as_double : NULL;
    case RULE_CONCAT:
        if (type_is_integer(k)) {
            return em->d->enum_as_text; /* the same cast: to text */
        }
        return k == TYPE_ENUM ? em->d->enum_as_text : NULL;
    case RULE_LIKE:
    case RULE_AFFIX:
    case RULE_TEXT:
    case RULE_LENGTH:
    case RULE_SUBSTR:
    case RULE_EXTREME:
        return k == TYPE_ENUM ? em->d->enum_as_text : NULL;
    case RULE_PLANNED:
    case RULE_COMPARE:
    case RULE_ORDER:
    case RULE_DISTINCT:
    case RULE_LOGIC:
    case RULE_BETWEEN:
    case RULE_IN:
    case RULE_EXISTS:
    case RULE_COMMON:
    case RULE_NULLIF:
    case RULE_CAST:
    case RULE_NUMBER:
    case RULE_ROUND:
    case RULE_NOW:
    case RULE_DATE:
    case RULE_RANDOM:
    case RULE_COUNT:
        return NULL;
    }
    return NULL;
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
    if (x->type.kind == TYPE_ENUM && type_family(other->kind) == FAMILY_TEXT &&
        (other->kind != TYPE_ENUM || other->native != x->type.native)) {
        return em->d->enum_as_text;
    }
    return NULL;
}

enum err emit_beside(struct emitter *em, const struct expr *x, const struct type *other)
{
    const char *text = beside_template(em, x, other);
    return text == NULL ? emit_expr(em, x) : emit_template(em, text, &x, 1);
}

static const char *common_template(const struct emitter *em, const struct expr *call,
                                   const struct expr *x)
{
    enum op_rule r = call->call.op->rule;
    const char *text = operand_template(em, call, x);
    bool beside = r == RULE_COMPARE || r == RULE_ORDER || r == RULE_DISTINCT ||
                  r == RULE_BETWEEN || r == RULE_COMMON || r == RULE_NULLIF;
    for (uint32_t i = 0; beside && text == NULL && i < call->call.count; i++) {
        text = beside_template(em, x, &call->call.args[i]->type);
    }
    return text;
}

/* A call whose operands are dressed: each becomes a one-argument cast node. */
static const struct expr **dress_args(struct emitter *em, const struct expr *call)
{
    const struct expr **args = ARENA_ARRAY(em->c->a, call->call.count, const struct expr *);
    for (uint32_t i = 0; args != NULL && i < call->call.count; i++) {
        const struct expr *x = call->call.args[i];
        const char *text = common_template(em, call, x);
        args[i] = x;
        if (text == NULL) {
            continue;
        }
        struct expr *dressed = ARENA_NEW(em->c->a, struct expr);
        if (dressed == NULL) {
            return NULL;
        }
        *dressed = *x;
        dressed->kind = EXPR_DRESSED;
        dressed->dressed.text = text;
        dressed->dressed.of = x;
        args[i] = dressed;
    }
    return args;
}

/* ---- operators with a form of their own ---- */

static enum err emit_in_list(struct emitter *em, const struct expr *call)
{
    const struct expr *list = call->call.args[1];
    bool negated = (call->call.op->flags & OP_NEGATED) != 0;
    enum err e = emit_beside(em, call->call.args[0], &list->type);
    emit_text(em, negated ? " NOT IN (" : " IN (");
    for (uint32_t i = 0; i < list->list.count && e == ERR_OK; i++) {
        if (i > 0) {
            emit_text(em, ", ");
        }
        if (list->list.items != NULL) {
            e = emit_beside(em, list->list.items[i], &call->call.args[0]->type);
            continue;
        }
        struct plan_bind b = {.source = BIND_LITERAL,
                              .index = list->list.first + i,
                              .type = bind_type(em, &list->type)};
        e = emit_bind(em, &b, list->src);
    }
    buf_char(&em->sql, ')');
    return e;
}

static enum err emit_in_array(struct emitter *em, const struct expr *call, uint32_t native)
{
    const struct expr *list = call->call.args[1];
    bool negated = (call->call.op->flags & OP_NEGATED) != 0;
    struct plan_bind b = {
        .source = BIND_PARAM_ARRAY, .name = list->param.name, .type = type_of(TYPE_ARRAY)};
    b.type.element = list->type.kind;
    b.type.native = native;
    b.type.name = list->type.name;
    enum err e = emit_expr(em, call->call.args[0]);
    emit_text(em, negated ? " <> ALL(" : " = ANY(");
    e = e != ERR_OK ? e : emit_bind(em, &b, list->src);
    buf_char(&em->sql, ')');
    return e;
}

static enum err emit_in_param(struct emitter *em, const struct expr *call)
{
    const struct expr *list = call->call.args[1];
    bool negated = (call->call.op->flags & OP_NEGATED) != 0;
    uint32_t native = em->d->arrays ? em->d->array_native(&list->type) : 0;
    if (native != 0) {
        return emit_in_array(em, call, native);
    }
    uint32_t count = list->param.value == NULL ? 1 : shape_padded(list->param.value->len);
    enum err e = emit_expr(em, call->call.args[0]);
    emit_text(em, negated ? " NOT IN (" : " IN (");
    for (uint32_t i = 0; i < count && e == ERR_OK; i++) {
        struct plan_bind b = {.source = BIND_PARAM_ITEM,
                              .index = i,
                              .name = list->param.name,
                              .type = bind_type(em, &list->type)};
        if (i > 0) {
            emit_text(em, ", ");
        }
        e = emit_bind(em, &b, list->src);
    }
    buf_char(&em->sql, ')');
    return e;
}

/* Some databases take no LIMIT here; a subquery around it hides it, but then it
 * must not look outside. */
static enum err emit_in_query(struct emitter *em, const struct expr *call)
{
    const struct expr *x = call->call.args[1];
    bool hide =
        !em->d->limit_in_subquery && (x->query->limit != NULL || x->query->offset != NULL);
    if (hide && (expr_sources(x->query->outer, x)) != 0) {
        enum err err = ctx_fail(em->c, x->src, ERR_UNSUPPORTED_FEATURE,
                                "%s has no `limit` in a correlated subquery of `%s`",
                                em->d->words.name, call->call.op->name);
        fail_hint(em->c->f, "use a join");
        return err;
    }
    enum err e = emit_beside(em, call->call.args[0], &x->type);
    emit_text(em, (call->call.op->flags & OP_NEGATED) != 0 ? " NOT IN (" : " IN (");
    emit_text(em, hide ? "SELECT q.c1 FROM (" : "");
    e = e != ERR_OK ? e : emit_query(em, x->query, PLACE_DERIVED);
    emit_text(em, hide ? ") AS q)" : ")");
    return e;
}

static bool empty_list(const struct expr *list)
{
    if (list->kind == EXPR_LIST) {
        return list->list.real_count == 0;
    }
    return list->kind == EXPR_PARAM_LIST && list->param.value != NULL &&
           list->param.value->len == 0;
}

static enum err emit_in(struct emitter *em, const struct expr *call)
{
    const struct expr *list = call->call.args[1];
    bool negated = (call->call.op->flags & OP_NEGATED) != 0;
    if (empty_list(list)) {
        emit_text(em, negated ? em->d->true_text : em->d->false_text);
        return ERR_OK;
    }
    return list->kind == EXPR_QUERY        ? emit_in_query(em, call)
           : list->kind == EXPR_PARAM_LIST ? emit_in_param(em, call)
                                           : emit_in_list(em, call);
}

static enum err emit_exists(struct emitter *em, const struct expr *call)
{
    emit_text(em, "EXISTS (");
    enum err e = emit_query(em, call->call.args[0]->query, PLACE_EXISTS);
    buf_char(&em->sql, ')');
    return e;
}

static const char *like_template(const struct emitter *em, const struct expr *call)
{
    unsigned folded = (call->call.op->flags & OP_FOLDED) != 0 ? 1 : 0;
    unsigned negated = (call->call.op->flags & OP_NEGATED) != 0 ? 1 : 0;
    bool escape = call->call.op->rule == RULE_AFFIX || call->call.count == 3;
    return escape ? em->d->like_escape[folded][negated] : em->d->like[folded][negated];
}

/* startswith and the like: ! is the escape; a pattern that is no bind is made
 * where it runs. */
static enum err affix_args(struct emitter *em, const struct expr *call,
                           const struct expr *const *dressed, const struct expr **out)
{
    static const char *const made[] = {
        "replace(replace(replace($1, '!', '!!'), '%', '!%'), '_', '!_')"};
    const char *name = call->call.op->name + ((call->call.op->flags & OP_FOLDED) != 0 ? 1 : 0);
    struct expr *node = ARENA_ARRAY(em->c->a, 5, struct expr);
    const struct expr **parts = ARENA_ARRAY(em->c->a, 3, const struct expr *);
    if (node == NULL || parts == NULL) {
        return ctx_full(em->c);
    }
    for (unsigned i = 0; i < 3; i++) {
        node[i] = (struct expr){.kind = EXPR_DRESSED,
                                .dressed = {i == 0 ? "'!'" : "'%'", NULL, 0, NULL}};
    }
    out[0] = dressed[0];
    out[1] = dressed[1];
    out[2] = &node[0];
    if (call->call.args[1]->form != BIND_PLAIN) {
        return ERR_OK;
    }
    uint32_t n = 0;
    node[3] = (struct expr){.kind = EXPR_DRESSED, .dressed = {made[0], dressed[1], 0, NULL}};
    if (name[0] != 's') {
        parts[n++] = &node[1];
    }
    parts[n++] = &node[3];
    if (name[0] != 'e') {
        parts[n++] = &node[2];
    }
    node[4] = (struct expr){.kind = EXPR_DRESSED, .dressed = {em->d->concat, NULL, n, NULL}};
    node[4].dressed.parts = parts;
    out[1] = &node[4];
    return ERR_OK;
}

static enum err emit_like(struct emitter *em, const struct expr *call,
                          const struct expr *const *args)
{
    const struct expr *three[3] = {args[0], args[1], call->call.count == 3 ? args[2] : NULL};
    enum err e = ERR_OK;
    if (call->call.op->rule == RULE_AFFIX) {
        e = affix_args(em, call, args, three);
    }
    return e != ERR_OK ? e : emit_template(em, like_template(em, call), three, 3);
}

static enum err emit_cast(struct emitter *em, const struct expr *call)
{
    char text[160];
    const struct expr *x = call->call.args[0];
    bool same = x->type.kind == call->type.kind &&
                (x->kind == EXPR_LITERAL || x->kind == EXPR_PARAM || x->kind == EXPR_NULL);
    if (same || !em->d->cast(&x->type, &call->type, text, sizeof text)) {
        return emit_expr(em, x);
    }
    return emit_template(em, text, &x, 1);
}

static enum err emit_aggregate(struct emitter *em, const struct expr *call,
                               const struct expr *const *args)
{
    char text[256];
    const struct expr *x = args[0];
    if (x->kind == EXPR_STAR) {
        emit_text(em, "count(*)");
        return ERR_OK;
    }
    if (call->call.op->rule == RULE_AVG && call->type.kind == TYPE_NUMERIC) {
        if (call->distinct) {
            return not_built(em->c, call->src, "`avg` of distinct exact numbers");
        }
        em->d->numeric_avg(call->type.scale, text, sizeof text);
        return emit_template(em, text, &x, 1);
    }
    emit_text(em, call->call.op->name);
    emit_text(em, call->distinct ? "(DISTINCT " : "(");
    enum err e = emit_expr(em, x);
    buf_char(&em->sql, ')');
    return e;
}

/* Left to right, two at a time: where the operator is a function it has two
 * arguments, and overflow is seen in every step. */
static enum err emit_chain(struct emitter *em, const char *text, const struct expr *const *args,
                           uint32_t count)
{
    const struct expr *left = args[0];
    for (uint32_t i = 1; i + 1 < count; i++) {
        struct expr *node = ARENA_NEW(em->c->a, struct expr);
        const struct expr **pair = ARENA_ARRAY(em->c->a, 2, const struct expr *);
        if (node == NULL || pair == NULL) {
            return ctx_full(em->c);
        }
        pair[0] = left;
        pair[1] = args[i];
        *node = (struct expr){.kind = EXPR_DRESSED, .dressed = {text, NULL, 2, NULL}};
        node->dressed.parts = pair;
        left = node;
    }
    const struct expr *last[] = {left, args[count - 1]};
    return emit_template(em, text, last, 2);
}

static enum err emit_arithmetic(struct emitter *em, const struct expr *call,
                                const struct expr *const *args)
{
    char text[256];
    const char *sql = call->call.op->sql[em->d->column];
    if (call->call.op->rule == RULE_DIVIDE && call->type.kind == TYPE_NUMERIC) {
        em->d->numeric_divide(call->type.scale, text, sizeof text);
        return emit_template(em, text, args, 2);
    }
    if (call->call.count == 1) {
        struct expr zero = {.kind = EXPR_DRESSED, .dressed = {"0", NULL, 0, NULL}};
        const struct expr *pair[] = {&zero, args[0]};
        return emit_template(em, sql, pair, 2);
    }
    return emit_chain(em, sql, args, call->call.count);
}

static enum err emit_null_test(struct emitter *em, const struct expr *call)
{
    const char *name = call->call.op->name;
    bool negated = name[0] == '!' || str_is(str_of(name), "is_not");
    return emit_template(em, negated ? "($1 IS NOT NULL)" : "($1 IS NULL)",
                         (const struct expr *const *)call->call.args, 1);
}

/* ---- calls ---- */

static bool drops_out(const struct expr *call)
{
    enum op_rule r = call->call.op->rule;
    bool rounding = r == RULE_ROUND || (r == RULE_NUMBER && call->call.op->name[0] != 'a');
    return (r == RULE_COMMON && call->call.count == 1) ||
           (rounding && type_is_integer(call->call.args[0]->type.kind));
}

enum err emit_call(struct emitter *em, const struct expr *x, enum emit_place place)
{
    const struct op_info *op = x->call.op;
    if (op->rule == RULE_IN) {
        emit_text(em, place == EMIT_INSIDE ? "(" : "");
        enum err err = emit_in(em, x);
        emit_text(em, place == EMIT_INSIDE ? ")" : "");
        return err;
    }
    if (op->rule == RULE_EXISTS) {
        return emit_exists(em, x);
    }
    if (op->rule == RULE_CAST) {
        return emit_cast(em, x);
    }
    if ((op->rule == RULE_COMPARE || op->rule == RULE_DISTINCT) && x->call.count == 1) {
        return emit_null_test(em, x);
    }
    const struct expr **args = dress_args(em, x);
    if (args == NULL) {
        return ctx_full(em->c);
    }
    if (drops_out(x)) {
        return emit_expr(em, args[0]);
    }
    if (op->rule == RULE_LIKE || op->rule == RULE_AFFIX) {
        return emit_like(em, x, args);
    }
    if ((op->flags & OP_AGGREGATE) != 0) {
        return emit_aggregate(em, x, args);
    }
    if (op->rule == RULE_ARITH || op->rule == RULE_NEGATE_OR_MINUS || op->rule == RULE_DIVIDE ||
        op->rule == RULE_INTEGER) {
        return emit_arithmetic(em, x, args);
    }
    const char *text = op->sql[em->d->column];
    return place == EMIT_ROOT ? emit_root_template(em, text, args, x->call.count)
                              : emit_template(em, text, args, x->call.count);
}
