/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_compare.c: comparisons, lists and patterns: from types to SQL.
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"
#include "compiler/walk.h"

static enum err compare_args(struct context *c, struct expr *e)
{
    struct type common;
    enum err err = unify(c, e->call.args, e->call.count, call_name(e), &common);
    e->nullable = any_nullable(e);
    return err != ERR_OK ? err : check_comparable(c, e, &common);
}

/* A literal null on either side asks whether the other one is null; the call
 * keeps one argument then. */
static enum err null_test(struct context *c, struct expr *e)
{
    unsigned other = e->call.args[0]->kind == EXPR_NULL ? 1 : 0;
    e->call.args[0] = e->call.args[other];
    e->call.count = 1;
    e->nullable = false;
    return settle(c, e->call.args[0], NULL, SETTLE_COMPARE);
}

static enum err rule_compare(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_BOOLEAN);
    if (e->call.args[0]->kind == EXPR_NULL || e->call.args[1]->kind == EXPR_NULL) {
        return null_test(c, e);
    }
    return compare_args(c, e);
}

static enum err rule_order(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_BOOLEAN);
    return compare_args(c, e);
}

static enum err rule_distinct(struct context *c, struct query *q, struct expr *e)
{
    enum err err = rule_compare(c, q, e);
    e->nullable = false;
    return err;
}

/* `=`, `is` and their opposites; of a null test one argument is left. */
static enum err emit_equal(struct emitter *em, const struct expr *call,
                           const struct expr *const *args, enum emit_place place)
{
    const char *name = call->call.op->name;
    bool negated = name[0] == '!' || str_is(str_of(name), "is_not");
    if (call->call.count == 2) {
        return emit_operator(em, call, args, place);
    }
    return emit_template(em, negated ? "($1 IS NOT NULL)" : "($1 IS NULL)", args, 1);
}

static enum err in_query(struct context *c, struct expr *e)
{
    struct query *q = e->call.args[1]->query;
    struct type common;
    if (q->output_count != 1) {
        return ctx_fail(c, e->call.args[1]->src, ERR_BAD_QUERY,
                        "the subquery of `%s` must have one column, not %u", call_name(e),
                        q->output_count);
    }
    struct expr *pair[] = {e->call.args[0], q->outputs[0].expr};
    enum err err = unify(c, pair, 2, call_name(e), &common);
    e->call.args[1]->type = pair[1]->type;
    if (err == ERR_OK && pair[1]->type.kind == TYPE_DATE && pair[0]->type.kind != TYPE_DATE &&
        type_family(pair[0]->type.kind) ==
            FAMILY_DATE) { /* only the left side can be dressed */
        err = type_mismatch(c, pair[1], call_name(e), type_word(&pair[0]->type));
        fail_hint(c->f, "cast it: [\"cast\", …, \"%s\"]", type_word(&pair[0]->type));
    }
    return err != ERR_OK ? err : check_comparable(c, e, &common);
}

static enum err in_items(struct context *c, struct expr *e)
{
    struct expr *list = e->call.args[1];
    struct type common;
    struct expr **all = ARENA_ARRAY(c->a, list->list.count + 1, struct expr *);
    if (all == NULL) {
        return ctx_full(c);
    }
    all[0] = e->call.args[0];
    for (uint32_t i = 0; i < list->list.count; i++) {
        all[i + 1] = list->list.items[i];
    }
    enum err err = unify(c, all, list->list.count + 1, call_name(e), &common);
    list->type = common;
    return err != ERR_OK ? err : check_comparable(c, e, &common);
}

static enum err in_literals(struct context *c, struct expr *e)
{
    struct expr *list = e->call.args[1];
    enum err err =
        settle_list(c, list, (enum json_form)list->list.form, &e->call.args[0]->type);
    return err != ERR_OK ? err : settle(c, e->call.args[0], &list->type, SETTLE_COMPARE);
}

static enum err in_param(struct context *c, struct expr *e)
{
    struct expr *list = e->call.args[1];
    const struct json *value = list->param.value;
    if (value != NULL && value->kind != JSON_ARRAY) {
        return ctx_fail(c, value, ERR_TYPE_MISMATCH,
                        "`%s` takes a list, and param `%.*s` is %s", call_name(e),
                        STR_ARG(list->param.name), json_kind_name(value));
    }
    enum json_form form = value == NULL ? FORM_NONE : json_form_of_list(value);
    enum err err = settle_list(c, list, form, &e->call.args[0]->type);
    return err != ERR_OK ? err : settle(c, e->call.args[0], &list->type, SETTLE_COMPARE);
}

static enum err rule_in(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *list = e->call.args[1];
    struct type common = e->call.args[0]->type;
    e->type = type_of(TYPE_BOOLEAN);
    enum err err = check_comparable(c, e, &common);
    if (err != ERR_OK) {
        return err;
    }
    if (list->kind == EXPR_QUERY) {
        return in_query(c, e);
    }
    if (list->kind == EXPR_PARAM_LIST) {
        return in_param(c, e);
    }
    return list->list.items != NULL ? in_items(c, e) : in_literals(c, e);
}

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

static enum err emit_in_inside(struct emitter *em, const struct expr *call)
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

static enum err need_escape(struct context *c, struct expr *e)
{
    enum err err = need_text(c, e, "the escape of like");
    if (err != ERR_OK) {
        return err;
    }
    if (e->kind != EXPR_LITERAL && e->kind != EXPR_PARAM) {
        return not_built(c, e->src, "an escape that is not a literal or a param");
    }
    e->form = BIND_ESCAPE;
    return ERR_OK;
}

static enum err rule_like(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_BOOLEAN);
    e->nullable = any_nullable(e);
    enum err err = need_text(c, e->call.args[0], call_name(e));
    err = err != ERR_OK ? err : need_text(c, e->call.args[1], call_name(e));
    return err == ERR_OK && e->call.count == 3 ? need_escape(c, e->call.args[2]) : err;
}

/* startswith, endswith, contains: a value is escaped where it is bound. */
static enum err rule_affix(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[1];
    e->type = type_of(TYPE_BOOLEAN);
    e->nullable = any_nullable(e);
    enum err err = need_text(c, e->call.args[0], call_name(e));
    err = err != ERR_OK ? err : need_text(c, x, call_name(e));
    if (err != ERR_OK || (x->kind != EXPR_LITERAL && x->kind != EXPR_PARAM)) {
        return err;
    }
    const char *name = call_name(e) + ((e->call.op->flags & OP_FOLDED) != 0 ? 1 : 0);
    x->form = name[0] == 's' ? BIND_PREFIX : name[0] == 'e' ? BIND_SUFFIX : BIND_INFIX;
    x->type = type_of(TYPE_TEXT);
    return ERR_OK;
}

static const char *like_template(const struct emitter *em, const struct expr *call)
{
    unsigned folded = (call->call.op->flags & OP_FOLDED) != 0 ? 1 : 0;
    unsigned negated = (call->call.op->flags & OP_NEGATED) != 0 ? 1 : 0;
    bool escape = call->call.op->rule == rule_affix || call->call.count == 3;
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
                          const struct expr *const *args, enum emit_place place)
{
    (void)place;
    const struct expr *three[3] = {args[0], args[1], call->call.count == 3 ? args[2] : NULL};
    enum err e = ERR_OK;
    if (call->call.op->rule == rule_affix) {
        e = affix_args(em, call, args, three);
    }
    return e != ERR_OK ? e : emit_template(em, like_template(em, call), three, 3);
}

static enum err rule_exists(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct query *inner = e->call.args[0]->query;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < inner->output_count && err == ERR_OK; i++) {
        err = settle(c, inner->outputs[i].expr, NULL, SETTLE_COMPARE);
    }
    e->type = type_of(TYPE_BOOLEAN);
    e->nullable = false;
    return err;
}

static enum err emit_in(struct emitter *em, const struct expr *call,
                        const struct expr *const *args, enum emit_place place)
{
    (void)args;
    emit_text(em, place == EMIT_INSIDE ? "(" : "");
    enum err e = emit_in_inside(em, call);
    emit_text(em, place == EMIT_INSIDE ? ")" : "");
    return e;
}

static enum err emit_exists(struct emitter *em, const struct expr *call,
                            const struct expr *const *args, enum emit_place place)
{
    (void)args;
    (void)place;
    emit_text(em, "EXISTS (");
    enum err e = emit_query(em, call->call.args[0]->query, PLACE_EXISTS);
    buf_char(&em->sql, ')');
    return e;
}

#define CMP(op, text)                                                                          \
    {                                                                                          \
        .name = (op), .min_args = 2, .max_args = 2, .rule = rule_order, .dress = DRESS_BESIDE, \
        .sql = ALL(text)                                                                       \
    }
#define AFFIX(op, bits)                                                                        \
    {                                                                                          \
        .name = (op), .min_args = 2, .max_args = 2, .flags = (bits), .rule = rule_affix,       \
        .emit = emit_like, .dress = DRESS_TEXT                                                 \
    }
#define LIKE(op, bits)                                                                         \
    {                                                                                          \
        .name = (op), .min_args = 2, .max_args = 3, .flags = (bits), .rule = rule_like,        \
        .emit = emit_like, .dress = DRESS_TEXT                                                 \
    }
#define EQUAL(op, bits, of, ...)                                                               \
    {                                                                                          \
        .name = (op), .min_args = 2, .max_args = 2, .flags = (bits), .rule = (of),             \
        .emit = emit_equal, .dress = DRESS_BESIDE, .sql = __VA_ARGS__                          \
    }
#define BETWEEN(op, text)                                                                      \
    {                                                                                          \
        .name = (op), .min_args = 3, .max_args = 3, .rule = rule_order, .dress = DRESS_BESIDE, \
        .sql = ALL(text)                                                                       \
    }
#define IN(op, bits)                                                                           \
    {                                                                                          \
        .name = (op), .min_args = 2, .max_args = 2, .flags = (bits), .rule = rule_in,          \
        .emit = emit_in, .kinds = "el"                                                         \
    }

static const struct op_info list[] = {
    EQUAL("!=", 0, rule_compare, ALL("($1 <> $2)")),
    CMP("<", "($1 < $2)"),
    CMP("<=", "($1 <= $2)"),
    EQUAL("=", 0, rule_compare, ALL("($1 = $2)")),
    CMP(">", "($1 > $2)"),
    CMP(">=", "($1 >= $2)"),
    PLANNED("all"),
    PLANNED("any"),
    BETWEEN("between", "($1 BETWEEN $2 AND $3)"),
    AFFIX("contains", 0),
    AFFIX("endswith", 0),
    PLANNED("every"),
    {.name = "exists",
     .min_args = 1,
     .max_args = 1,
     .flags = OP_KEEPS_NULL,
     .rule = rule_exists,
     .emit = emit_exists,
     .kinds = "q"},
    PLANNED("has"),
    AFFIX("icontains", OP_FOLDED),
    AFFIX("iendswith", OP_FOLDED),
    LIKE("ilike", OP_FOLDED),
    IN("in", 0),
    EQUAL("is", OP_KEEPS_NULL, rule_distinct,
          {"($1 IS NOT DISTINCT FROM $2)", "($1 <=> $2)", "($1 IS $2)"}),
    EQUAL("is_not", OP_KEEPS_NULL, rule_distinct,
          {"($1 IS DISTINCT FROM $2)", "(NOT ($1 <=> $2))", "($1 IS NOT $2)"}),
    AFFIX("istartswith", OP_FOLDED),
    LIKE("like", 0),
    PLANNED("none"),
    BETWEEN("not_between", "($1 NOT BETWEEN $2 AND $3)"),
    LIKE("not_ilike", OP_FOLDED | OP_NEGATED),
    IN("not_in", OP_NEGATED),
    LIKE("not_like", OP_NEGATED),
    AFFIX("startswith", 0),
    PLANNED("tuple"),
};

const struct op_table ops_compare = OP_TABLE_OF(list);
