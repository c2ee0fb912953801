/* SPDX-License-Identifier: MIT
 *
 * compiler/ops.c: the list of all operators, and what the areas share.
 */
#include "compiler/moments.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

/* ---- the list ---- */

static const struct op_table *const tables[] = {
    &ops_compare, &ops_logic,     &ops_number, &ops_text,  &ops_date, &ops_json, &ops_array,
    &ops_cast,    &ops_aggregate, &ops_window, &ops_table, &ops_list, &ops_row,  &ops_native,
};
#define TABLE_COUNT (sizeof tables / sizeof tables[0])

static const struct op_info *find_in(const struct op_table *t, struct str name)
{
    uint32_t lo = 0, hi = t->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int order = str_cmp(name, str_of(t->ops[mid].name));
        if (order == 0) {
            return &t->ops[mid];
        }
        if (order < 0) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return NULL;
}

const struct op_info *operator_find(struct str name)
{
    const struct op_info *op = NULL;
    for (size_t i = 0; i < TABLE_COUNT && op == NULL; i++) {
        op = find_in(tables[i], name);
    }
    return op;
}

const struct op_info *operator_at(uint32_t i)
{
    size_t t = 0;
    while (i >= tables[t]->count) {
        i -= tables[t++]->count;
    }
    return &tables[t]->ops[i];
}

uint32_t operator_count(void)
{
    uint32_t n = 0;
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        n += tables[i]->count;
    }
    return n;
}

char argument_kind(const struct op_info *op, uint32_t i)
{
    const char *k = op->kinds == NULL ? "e" : op->kinds;
    while (i > 0 && k[1] != '\0') {
        k++;
        i--;
    }
    return *k;
}

/* ---- rules ---- */

bool is_family(const struct expr *e, enum type_family f)
{
    return e->type.kind == TYPE_UNKNOWN || type_family(e->type.kind) == f;
}

bool is_untyped_value(const struct expr *e)
{
    return e->type.kind == TYPE_UNKNOWN && (e->kind == EXPR_LITERAL || e->kind == EXPR_PARAM);
}

bool any_nullable(const struct expr *call)
{
    for (uint32_t i = 0; i < call->call.count; i++) {
        if (call->call.args[i]->nullable) {
            return true;
        }
    }
    return false;
}

const char *call_name(const struct expr *e)
{
    return e->call.op->name;
}

/* A text, settled; the bind of a literal is a text. */
enum err need_text(struct context *c, struct expr *e, const char *what)
{
    struct type text = type_of(TYPE_TEXT);
    if (!is_family(e, FAMILY_TEXT)) {
        return type_mismatch(c, e, what, "text");
    }
    return settle(c, e, &text, SETTLE_COMPARE);
}

enum err need_boolean(struct context *c, struct expr *e, const char *what)
{
    struct type boolean = type_of(TYPE_BOOLEAN);
    if (!is_family(e, FAMILY_BOOLEAN)) {
        return type_mismatch(c, e, what, "a condition");
    }
    return settle(c, e, &boolean, SETTLE_COMPARE);
}

enum err need_number(struct context *c, struct expr *e, const char *what)
{
    struct type bigint = type_of(TYPE_BIGINT);
    if (!is_family(e, FAMILY_NUMBER)) {
        return type_mismatch(c, e, what, "numbers");
    }
    return settle(c, e, &bigint, SETTLE_COMPARE);
}

/* Unifies all arguments as numbers; integers become 64-bit. */
enum err unify_numbers(struct context *c, struct expr *e, struct type *common)
{
    for (uint32_t i = 0; i < e->call.count; i++) {
        const struct expr *x = e->call.args[i];
        if (!is_family(x, FAMILY_NUMBER)) {
            return type_mismatch(c, x, call_name(e), "numbers");
        }
    }
    enum err err = unify(c, e->call.args, e->call.count, call_name(e), common);
    if (err == ERR_OK && type_family(common->kind) != FAMILY_NUMBER &&
        common->kind != TYPE_UNKNOWN) {
        return type_mismatch(c, e->call.args[0], call_name(e), "numbers");
    }
    if (err == ERR_OK && (type_is_integer(common->kind) || common->kind == TYPE_UNKNOWN)) {
        *common = type_of(TYPE_BIGINT);
    }
    if (common->kind == TYPE_REAL) {
        *common = type_of(TYPE_DOUBLE);
    }
    e->nullable = any_nullable(e);
    return err;
}

enum err check_comparable(struct context *c, const struct expr *e, const struct type *common)
{
    enum type_family family = type_family(common->kind);
    if (family == FAMILY_INTERVAL) {
        return compare_intervals(c, e);
    }
    if (family == FAMILY_JSON) {
        return ctx_fail(c, e->src, ERR_TYPE_MISMATCH, "`%s` does not compare json",
                        call_name(e));
    }
    return ERR_OK;
}

enum err rule_text(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        err = need_text(c, e->call.args[i], call_name(e));
    }
    e->type = type_of(TYPE_TEXT);
    e->nullable = any_nullable(e);
    return err;
}

enum err need_integer(struct context *c, struct expr *e, const char *what)
{
    struct type bigint = type_of(TYPE_BIGINT);
    if (e->type.kind != TYPE_UNKNOWN && !type_is_integer(e->type.kind)) {
        return type_mismatch(c, e, what, "whole numbers");
    }
    return settle(c, e, &bigint, SETTLE_ASSIGN);
}

enum err need_bounded(struct context *c, struct expr *e, enum bind_form form, const char *what)
{
    struct type integer = type_of(TYPE_INTEGER);
    e->form = form;
    return is_untyped_value(e) || e->kind == EXPR_NULL ? settle(c, e, &integer, SETTLE_ASSIGN)
                                                       : need_integer(c, e, what);
}

enum err rule_integers(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        err = need_integer(c, e->call.args[i], call_name(e));
    }
    e->type = type_of(TYPE_BIGINT);
    e->nullable = any_nullable(e);
    return err;
}

enum err rule_double(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = unify_numbers(c, e, &common);
    e->type = type_of(TYPE_DOUBLE);
    return err;
}

enum err rule_number(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = unify_numbers(c, e, &common);
    e->type = e->call.args[0]->type;
    if (e->type.kind == TYPE_NUMERIC && call_name(e)[0] != 'a') {
        e->type.scale = 0;
        e->type.precision = -1;
    }
    return err;
}

/* ---- emitting ---- */

const struct expr *dress(struct emitter *em, const char *text, const struct expr *of)
{
    struct expr *e = ARENA_NEW(em->c->a, struct expr);
    if (e != NULL) {
        *e = *of;
        e->kind = EXPR_DRESSED;
        e->dressed.text = text;
        e->dressed.of = of;
        e->dressed.count = 0;
        e->dressed.parts = NULL;
    }
    return e;
}

const struct expr *dress_parts(struct emitter *em, const char *text,
                               const struct expr *const *parts, uint32_t count)
{
    struct expr *e = ARENA_NEW(em->c->a, struct expr);
    if (e != NULL) {
        *e = (struct expr){.kind = EXPR_DRESSED, .dressed = {text, NULL, count, parts}};
    }
    return e;
}

static const char *lower_bound(enum bind_form form)
{
    return form == BIND_START ? "1" : form == BIND_DIGITS ? "-15" : "0";
}

static const char *upper_bound(enum bind_form form)
{
    return form == BIND_SHIFT ? "63" : form == BIND_DIGITS ? "30" : "2147483647";
}

/* x between the bounds that its form says, or an error. */
static const struct expr *bounded(struct emitter *em, const struct expr *x)
{
    const struct expr **parts = ARENA_ARRAY(em->c->a, 3, const struct expr *);
    if (parts == NULL) {
        return NULL;
    }
    parts[0] = x;
    parts[1] = dress_parts(em, lower_bound(x->form), NULL, 0);
    parts[2] = dress_parts(em, upper_bound(x->form), NULL, 0);
    return parts[1] == NULL || parts[2] == NULL ? NULL
                                                : dress_parts(em, em->d->within, parts, 3);
}

enum err emit_bounded(struct emitter *em, const struct expr *call,
                      const struct expr *const *args, enum emit_place place)
{
    const struct expr **all = ARENA_ARRAY(em->c->a, call->call.count, const struct expr *);
    for (uint32_t i = 0; all != NULL && i < call->call.count; i++) {
        const struct expr *x = call->call.args[i];
        bool checked =
            x->kind == EXPR_LITERAL || x->kind == EXPR_PARAM || x->form == BIND_PLAIN;
        all[i] = checked || x->kind == EXPR_NULL ? args[i] : bounded(em, args[i]);
        if (all[i] == NULL) {
            return ctx_full(em->c);
        }
    }
    return all == NULL ? ctx_full(em->c) : emit_operator(em, call, all, place);
}

enum err emit_chain(struct emitter *em, const char *text, const struct expr *const *args,
                    uint32_t count)
{
    const struct expr *left = args[0];
    for (uint32_t i = 1; i + 1 < count; i++) {
        const struct expr **pair = ARENA_ARRAY(em->c->a, 2, const struct expr *);
        if (pair == NULL) {
            return ctx_full(em->c);
        }
        pair[0] = left;
        pair[1] = args[i];
        left = dress_parts(em, text, pair, 2);
        if (left == NULL) {
            return ctx_full(em->c);
        }
    }
    const struct expr *last[] = {left, args[count - 1]};
    return emit_template(em, text, last, 2);
}
