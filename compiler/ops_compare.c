/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_compare.c: comparisons and patterns: from types to SQL.
 */
#include "compiler/collation.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/ops_row.h"
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

static bool has_rows(const struct expr *call)
{
    bool takes = (call->call.op->flags & OP_ROWS) != 0;
    return takes && (is_row(call->call.args[0]) || is_row(call->call.args[1]));
}

static enum err compare_rows(struct context *c, struct expr *e)
{
    struct expr *const *args = e->call.args;
    return is_row(args[0]) || args[0]->kind == EXPR_QUERY ? unify_rows(c, e, args, 2)
                                                          : not_a_row(c, args[1], args[0]);
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
    if (has_rows(e)) {
        return compare_rows(c, e);
    }
    if (e->call.args[0]->kind == EXPR_NULL || e->call.args[1]->kind == EXPR_NULL) {
        return null_test(c, e);
    }
    return compare_args(c, e);
}

static enum err rule_order(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_BOOLEAN);
    return has_rows(e) ? compare_rows(c, e) : compare_args(c, e);
}

static enum err rule_distinct(struct context *c, struct query *q, struct expr *e)
{
    enum err err = rule_compare(c, q, e);
    e->nullable = false;
    return err;
}

/* Where the database would take the first row of several and be silent, a subquery
 * beside a tuple must be one row for certain. */
static enum err check_row_query(struct emitter *em, const struct expr *call,
                                const struct expr *x)
{
    if (x->kind != EXPR_QUERY || em->d->scalar_guard == NULL || query_single_row(x->query)) {
        return ERR_OK;
    }
    enum err err = ctx_fail(em->c, x->src, ERR_UNSUPPORTED_FEATURE,
                            "%s does not see a second row of a subquery beside a tuple",
                            em->d->words.name);
    fail_hint(em->c->f, "use `%s`, or a subquery of one row: by a key, or an aggregate",
              call->call.op->name[0] == '!' ? "not_in" : "in");
    return err;
}

static enum err emit_rows(struct emitter *em, const struct expr *call, enum emit_place place)
{
    struct expr *const *args = call->call.args;
    enum err e = check_row_query(em, call, args[0]);
    e = e != ERR_OK ? e : check_row_query(em, call, args[1]);
    const struct expr *rows[] = {dress_row(em, args[0], args[1]),
                                 dress_row(em, args[1], args[0])};
    if (e != ERR_OK || rows[0] == NULL || rows[1] == NULL) {
        return e != ERR_OK ? e : ctx_full(em->c);
    }
    return em->d->rows_apart && is_row(args[0]) && is_row(args[1])
               ? emit_rows_apart(em, call, rows[0], rows[1])
               : emit_operator(em, call, rows, place);
}

static enum err emit_order(struct emitter *em, const struct expr *call,
                           const struct expr *const *args, enum emit_place place)
{
    return has_rows(call) ? emit_rows(em, call, place) : emit_operator(em, call, args, place);
}

/* `=`, `is` and their opposites; of a null test one argument is left. */
static enum err emit_equal(struct emitter *em, const struct expr *call,
                           const struct expr *const *args, enum emit_place place)
{
    const char *name = call->call.op->name;
    bool negated = name[0] == '!' || str_is(str_of(name), "is_not");
    if (call->call.count == 2) {
        return emit_order(em, call, args, place);
    }
    return emit_template(em, negated ? "($1 IS NOT NULL)" : "($1 IS NULL)", args, 1);
}

static enum err need_escape(struct context *c, struct expr *e)
{
    enum err err = need_text(c, e, "the escape of like");
    if (err != ERR_OK) {
        return err;
    }
    if (e->kind != EXPR_LITERAL && e->kind != EXPR_PARAM) {
        err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                       "`like` takes its escape as a literal or a param");
        fail_hint(c->f, "MariaDB takes a constant; write a case with a branch for each");
        return err;
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
    bool folded =
        em->d->folds != NULL && (call->call.op->flags & OP_FOLDED) != 0 &&
        (collation_of(call->call.args[0]) != NULL || collation_of(call->call.args[1]) != NULL);
    for (uint32_t i = 0; folded && e == ERR_OK && i < 2; i++) {
        three[i] = dress(em, em->d->folds, three[i]);
        e = three[i] == NULL ? ctx_full(em->c) : ERR_OK;
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

static enum err emit_exists_call(struct emitter *em, const struct expr *call,
                                 const struct expr *const *args, enum emit_place place)
{
    const struct query *q = call->call.args[0]->query;
    (void)args;
    (void)place;
    if (!em->d->exists_offset && (q->offset != NULL || q->with_ties) &&
        expr_sources(q->outer, call->call.args[0]) != 0) {
        enum err err = ctx_fail(em->c, call->src, ERR_UNSUPPORTED_FEATURE,
                                "%s has no `%s` in a correlated subquery of `exists`",
                                em->d->words.name, q->with_ties ? "with_ties" : "offset");
        fail_hint(em->c->f, "count the rows: [\">\", {\"select\":[[\"count\",…]],…}, n]");
        return err;
    }
    return emit_exists(em, q);
}

#define CMP(op, text)                                                                          \
    {                                                                                          \
        .name = (op), .min_args = 2, .max_args = 2, .flags = OP_ROWS, .rule = rule_order,      \
        .emit = emit_order, .dress = DRESS_BESIDE, .sql = ALL(text)                            \
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
        .name = (op), .min_args = 2, .max_args = 2, .flags = (bits) | OP_ROWS, .rule = (of),   \
        .emit = emit_equal, .dress = DRESS_BESIDE, .sql = __VA_ARGS__                          \
    }
#define BETWEEN(op, text)                                                                      \
    {                                                                                          \
        .name = (op), .min_args = 3, .max_args = 3, .rule = rule_order, .dress = DRESS_BESIDE, \
        .sql = ALL(text)                                                                       \
    }
static const struct op_info list[] = {
    EQUAL("!=", 0, rule_compare, ALL("($1 <> $2)")),
    CMP("<", "($1 < $2)"),
    CMP("<=", "($1 <= $2)"),
    EQUAL("=", 0, rule_compare, ALL("($1 = $2)")),
    CMP(">", "($1 > $2)"),
    CMP(">=", "($1 >= $2)"),
    BETWEEN("between", "($1 BETWEEN $2 AND $3)"),
    AFFIX("contains", 0),
    AFFIX("endswith", 0),
    WORD("every", OP_PLANNED,
         "it asks along relationships of models; write [\"not\",[\"exists\",…]] of "
         "the opposite; the aggregate is bool_and"),
    {.name = "exists",
     .min_args = 1,
     .max_args = 1,
     .flags = OP_KEEPS_NULL,
     .rule = rule_exists,
     .emit = emit_exists_call,
     .kinds = "q"},
    WORD("has", OP_PLANNED,
         "it asks along relationships of models; write [\"exists\",{\"select\":…}]"),
    AFFIX("icontains", OP_FOLDED),
    AFFIX("iendswith", OP_FOLDED),
    LIKE("ilike", OP_FOLDED),
    EQUAL("is", OP_KEEPS_NULL, rule_distinct,
          {"($1 IS NOT DISTINCT FROM $2)", "($1 <=> $2)", "($1 IS $2)"}),
    EQUAL("is_not", OP_KEEPS_NULL, rule_distinct,
          {"($1 IS DISTINCT FROM $2)", "(NOT ($1 <=> $2))", "($1 IS NOT $2)"}),
    AFFIX("istartswith", OP_FOLDED),
    LIKE("like", 0),
    WORD("none", OP_PLANNED,
         "it asks along relationships of models; write "
         "[\"not\",[\"exists\",{\"select\":…}]]"),
    BETWEEN("not_between", "($1 NOT BETWEEN $2 AND $3)"),
    LIKE("not_ilike", OP_FOLDED | OP_NEGATED),
    LIKE("not_like", OP_NEGATED),
    AFFIX("startswith", 0),
};

const struct op_table ops_compare = OP_TABLE_OF(list);
