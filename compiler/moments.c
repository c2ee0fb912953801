/* SPDX-License-Identifier: MIT
 *
 * compiler/moments.c: see compiler/moments.h.
 */
#include "compiler/moments.h"

#include "compiler/operators.h"
#include "compiler/types.h"

static bool is_moment(const struct expr *e)
{
    return type_family(e->type.kind) == FAMILY_DATE;
}

static bool is_interval(const struct expr *e)
{
    return e->type.kind == TYPE_INTERVAL;
}

bool has_moments(const struct expr *call)
{
    for (uint32_t i = 0; i < call->call.count; i++) {
        if (is_moment(call->call.args[i]) || is_interval(call->call.args[i])) {
            return true;
        }
    }
    return false;
}

/* The literal or param that x is, a cast looked through; NULL: it is neither. */
static const struct expr *value_of(const struct expr *x)
{
    while (x->kind == EXPR_CALL && str_is(str_of(call_name(x)), "cast")) {
        x = x->call.args[0];
    }
    return x->kind == EXPR_LITERAL || x->kind == EXPR_PARAM ? x : NULL;
}

/* What a column of a subquery is; all parts of a compound are alike. */
static const struct expr *output_of(const struct query *q, uint32_t column)
{
    while (q != NULL && q->part_count > 0) {
        q = q->parts[0];
    }
    return q != NULL && column < q->output_count ? q->outputs[column].expr : NULL;
}

static bool is_span(const struct expr *x);

/* Nulls have no type of their own. */
static bool is_span_or_null(const struct expr *x, void *any)
{
    bool null = x->kind == EXPR_NULL;
    *(bool *)any = *(bool *)any || !null;
    return null || is_span(x);
}

static bool spans_of_case(const struct expr *x)
{
    bool any = false, all = true;
    for (uint32_t i = 0; i < x->cas.count; i++) {
        all = all && is_span_or_null(x->cas.whens[i].then, &any);
    }
    return all && (x->cas.otherwise == NULL || is_span_or_null(x->cas.otherwise, &any)) && any;
}

static bool spans_of_call(const struct expr *x)
{
    bool any = false, all = true;
    if (str_is(str_of(call_name(x)), "-")) {
        return true;
    }
    for (uint32_t i = 0; i < x->call.count; i++) {
        const struct expr *arg = x->call.args[i]; /* a literal behind nullif's is one, too */
        all = all && (!is_interval(arg) || is_span_or_null(arg, &any));
    }
    return all && any;
}

/* Whether x is microseconds in a database that has no intervals: made of what lies
 * between timestamps. */
static bool is_span(const struct expr *x)
{
    const struct expr *of = NULL, *value = value_of(x);
    if (value != NULL || !is_interval(x)) {
        return value != NULL && value->form == BIND_SPAN;
    }
    if (x->kind == EXPR_CALL) {
        return spans_of_call(x);
    }
    if (x->kind == EXPR_CASE) {
        return spans_of_case(x);
    }
    if (x->kind == EXPR_OVER) {
        of = x->over.call;
    } else if (x->kind == EXPR_QUERY) {
        of = output_of(x->query, 0);
    } else if (x->kind == EXPR_NAME && x->name.source != NULL) {
        of = output_of(x->name.source->query, x->name.column);
    }
    return of != NULL && is_span(of);
}

static enum err odd_interval(struct context *c, const struct expr *x)
{
    enum err err = ctx_fail(c, x->src, ERR_UNSUPPORTED_FEATURE,
                            "%s has no intervals, other than literals, params and what lies "
                            "between two timestamps",
                            c->d->words.name);
    fail_hint(c->f, "use `date_add` and `date_diff`");
    return err;
}

static enum err wrong_operands(struct context *c, const struct expr *call)
{
    struct expr *const *args = call->call.args;
    bool dates = args[0]->type.kind == TYPE_DATE && args[1]->type.kind == TYPE_DATE;
    enum err err =
        ctx_fail(c, call->src, ERR_TYPE_MISMATCH, "`%s` has no %s and %s", call_name(call),
                 type_word(&args[0]->type), type_word(&args[1]->type));
    fail_hint(c->f, dates
                        ? "use [\"date_diff\",\"day\",…], or cast them to timestamps"
                        : "there are timestamp ± interval and timestamp − timestamp; a literal "
                          "is {\"value\":\"P1D\",\"type\":\"interval\"}; see also `date_add`");
    return err;
}

static struct type moved_type(const struct expr *moment)
{
    return type_of(moment->type.kind == TYPE_DATE ? TYPE_TIMESTAMP : moment->type.kind);
}

static enum err type_moved(struct context *c, struct expr *call, struct expr **args)
{
    bool minus = call_name(call)[0] == '-';
    if (is_interval(args[0]) && is_moment(args[1]) && !minus) {
        struct expr *moment = args[1]; /* the moment first */
        args[1] = args[0];
        args[0] = moment;
    }
    if (is_moment(args[0]) && is_interval(args[1])) {
        call->type = moved_type(args[0]);
        bool known = c->d->moments->intervals || value_of(args[1]) != NULL || is_span(args[1]);
        return known ? ERR_OK : odd_interval(c, args[1]);
    }
    bool dates = args[0]->type.kind == TYPE_DATE && args[1]->type.kind == TYPE_DATE;
    if (minus && is_moment(args[0]) && is_moment(args[1]) && !dates) {
        call->type = type_of(TYPE_INTERVAL);
        return ERR_OK;
    }
    return wrong_operands(c, call);
}

enum err rule_moments(struct context *c, struct expr *call)
{
    enum err err = ERR_OK;
    if (call->call.count != 2 || call_name(call)[0] == '*') {
        err = ctx_fail(c, call->src, ERR_TYPE_MISMATCH,
                       "`%s` takes two operands where one is a timestamp or an interval",
                       call_name(call));
        fail_hint(c->f, "there are timestamp ± interval and timestamp − timestamp");
        return err;
    }
    for (uint32_t i = 0; i < 2 && err == ERR_OK; i++) {
        err = settle(c, call->call.args[i], NULL, SETTLE_COMPARE);
    }
    call->nullable = any_nullable(call);
    return err != ERR_OK ? err : type_moved(c, call, call->call.args);
}

/* ---- SQL ---- */

static const struct expr *with_form(struct emitter *em, const struct expr *x,
                                    enum bind_form form)
{
    struct expr *e = ARENA_NEW(em->c->a, struct expr);
    if (e != NULL) {
        *e = *x;
        e->form = form;
    }
    return e;
}

static enum err emit_move(struct emitter *em, const struct expr *call,
                          const struct expr *moment)
{
    const struct expr *by = call->call.args[1], *value = value_of(by);
    unsigned minus = call_name(call)[0] == '-' ? 1 : 0;
    if (value == NULL || !em->d->moments->in_parts) {
        const struct expr *args[] = {moment, by};
        return emit_template(em, em->d->moments->move[minus], args, 2);
    }
    const struct expr *parts[] = {moment, with_form(em, value, BIND_MONTHS),
                                  with_form(em, value, BIND_DAYS),
                                  with_form(em, value, BIND_MICROS)};
    if (parts[1] == NULL || parts[2] == NULL || parts[3] == NULL) {
        return ctx_full(em->c);
    }
    return emit_template(em, em->d->moments->move_parts[minus], parts, 4);
}

enum err emit_moved(struct emitter *em, const struct expr *call)
{
    struct expr *const *args = call->call.args;
    const struct expr *a = as_timestamp(em, args[0]);
    const struct expr *b = is_moment(args[1]) ? as_timestamp(em, args[1]) : args[1];
    if (a == NULL || b == NULL) {
        return ctx_full(em->c);
    }
    if (call->type.kind != TYPE_INTERVAL) {
        return emit_move(em, call, a);
    }
    const struct expr *pair[] = {a, b};
    return emit_template(em, em->d->moments->between, pair, 2);
}

/* ---- comparing ---- */

enum err need_spans(struct context *c, const struct expr *x)
{
    return c->d->moments->intervals || !is_interval(x) || is_span(x) ? ERR_OK
                                                                     : odd_interval(c, x);
}

enum err same_intervals(struct context *c, struct expr *const *list, uint32_t count)
{
    const struct expr *span = NULL, *other = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_interval(list[i]) || list[i]->kind == EXPR_NULL) {
            continue;
        }
        *(is_span(list[i]) ? &span : &other) = list[i];
    }
    if (c->d->moments->intervals || span == NULL || other == NULL) {
        return ERR_OK;
    }
    enum err err = ctx_fail(c, other->src, ERR_UNSUPPORTED_FEATURE,
                            "%s has no intervals: a literal or param does not stand for what "
                            "lies between two timestamps",
                            c->d->words.name);
    fail_hint(c->f, "use `date_diff`, and numbers beside it");
    return err;
}

enum err compare_intervals(struct context *c, const struct expr *call)
{
    for (uint32_t i = 0; !c->d->moments->intervals && i < call->call.count; i++) {
        struct expr *x = call->call.args[i];
        while (x->kind == EXPR_CALL && str_is(str_of(call_name(x)), "cast")) {
            x = x->call.args[0];
        }
        if (x->kind == EXPR_LITERAL || x->kind == EXPR_PARAM) {
            x->form = BIND_SPAN;
        } else if (!is_span(x) && x->kind != EXPR_NULL && x->kind != EXPR_KEYWORD) {
            return odd_interval(c, x);
        }
    }
    return ERR_OK;
}
