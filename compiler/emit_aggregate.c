/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_aggregate.c: calls of aggregates, with what stands beside their
 * arguments.
 *
 * Their templates have marks besides $1…$9, because one call can become several:
 *   #  DISTINCT, where it is asked for
 *   ^  behind a call: FILTER and OVER
 *   |  behind a call that no window takes: FILTER
 *   !  behind a call: OVER the partition, whatever its order is
 *   %  ORDER BY inside a call, or inside its WITHIN GROUP (…)
 *   <  moving_, in the name of a function over a frame whose start moves
 *   ~  the order as the functions of backend/sqlite_collect.c take it: one text,
 *      then the keys behind the other arguments, where & stands
 */
#include "compiler/emit_json.h"
#include "compiler/emit_window.h"
#include "compiler/operators.h"

#include <string.h>

struct marks {
    const struct expr *call;
    const struct expr *const *args;
    const struct window *over; /* NULL: a plain aggregate */
};

static const struct aggregate no_extras;

static const struct aggregate *extras_of(const struct expr *call)
{
    return call->call.aggregate != NULL ? call->call.aggregate : &no_extras;
}

/* Whether rows are left out by their argument and not by FILTER. */
static bool filters_inside(const struct emitter *em, const struct window *over)
{
    return !em->d->aggregate_filter || (over != NULL && !em->d->window_filter);
}

static enum err emit_filter(struct emitter *em, const struct marks *m)
{
    const struct expr *filter = extras_of(m->call)->filter;
    enum err e = ERR_OK;
    if (filter != NULL && !filters_inside(em, m->over)) {
        emit_text(em, " FILTER (WHERE ");
        e = emit_root(em, filter);
        buf_char(&em->sql, ')');
    }
    return e;
}

static enum err emit_suffix(struct emitter *em, const struct marks *m)
{
    enum err e = emit_filter(em, m);
    return e == ERR_OK && m->over != NULL ? emit_window(em, m->over, m->call->call.op) : e;
}

/* The order of backend/sqlite_collect.c. */
static void emit_order_spec(struct emitter *em, const struct expr *call)
{
    const struct aggregate *a = extras_of(call);
    bool json = call->type.kind == TYPE_JSON;
    buf_printf(&em->sql, "'%c", call->distinct ? 'u' : '-');
    emit_json_kind(em, call->call.args[json ? call->call.count - 1 : 0]);
    for (uint32_t i = 0; i < a->order_count; i++) {
        bool down = a->order[i].descending;
        bool last =
            a->order[i].nulls == NULLS_LAST || (a->order[i].nulls == NULLS_DEFAULT && down);
        buf_char(&em->sql, last ? (down ? 'D' : 'A') : (down ? 'd' : 'a'));
    }
    buf_char(&em->sql, '\'');
}

/* The functions of ours sort texts by their bytes. */
static enum err check_bytewise(struct emitter *em, const struct expr *x)
{
    bool collated = x->kind == EXPR_CALL && str_is(str_of(x->call.op->name), "collate");
    if (!collated || str_is(x->call.args[1]->keyword, "binary")) {
        return ERR_OK;
    }
    enum err e = ctx_fail(em->c, x->call.args[1]->src, ERR_UNSUPPORTED_FEATURE,
                          "%s orders inside an aggregate by bytes only", em->d->words.name);
    fail_hint(em->c->f, "say `binary`, or order in a subquery of `from`");
    return e;
}

static enum err emit_order_keys(struct emitter *em, const struct expr *call)
{
    const struct aggregate *a = extras_of(call);
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < a->order_count && e == ERR_OK; i++) {
        emit_text(em, ", ");
        e = check_bytewise(em, a->order[i].expr);
        e = e != ERR_OK ? e : emit_root(em, a->order[i].expr);
    }
    return e;
}

static bool moves(const struct window *w)
{
    return w->unit != FRAME_NONE && !w->lo.unbounded;
}

static enum err emit_mark(struct emitter *em, const struct marks *m, char mark)
{
    const struct aggregate *a = extras_of(m->call);
    switch (mark) {
    case '#':
        emit_text(em, m->call->distinct ? "DISTINCT " : "");
        return ERR_OK;
    case '%':
        return a->within_count > 0 ? emit_orders(em, a->within, a->within_count)
                                   : emit_orders(em, a->order, a->order_count);
    case '~':
        emit_order_spec(em, m->call);
        return ERR_OK;
    case '<':
        emit_text(em, m->over != NULL && moves(m->over) ? "moving_" : "");
        return ERR_OK;
    case '|':
        return emit_filter(em, m);
    case '!':
        return emit_partition(em, m->over);
    case '&':
        return emit_order_keys(em, m->call);
    default:
        return emit_suffix(em, m);
    }
}

/* The arguments as the template takes them: without FILTER, rows that it leaves out
 * give null, which aggregates pass over. */
static const struct expr *const *filtered(struct emitter *em, const struct expr *call,
                                          const struct expr *const *args)
{
    const struct expr *filter = extras_of(call)->filter;
    if (filter == NULL || !filters_inside(em, em->over)) {
        return args;
    }
    bool star = args[0]->kind == EXPR_STAR;
    const struct expr **out = ARENA_ARRAY(em->c->a, call->call.count, const struct expr *);
    const struct expr **parts = ARENA_ARRAY(em->c->a, 2, const struct expr *);
    if (out == NULL || parts == NULL) {
        return NULL;
    }
    memcpy(out, args, call->call.count * sizeof *out);
    parts[0] = filter;
    parts[1] = args[0];
    out[0] = star ? dress_parts(em, "CASE WHEN $1 THEN 1 END", parts, 1)
                  : dress_parts(em, "CASE WHEN $1 THEN $2 END", parts, 2);
    return out[0] == NULL ? NULL : out;
}

enum err emit_aggregate_text(struct emitter *em, const struct expr *call,
                             const struct expr *const *args, const char *text)
{
    if (text == NULL) {
        return ctx_fail(em->c, call->src, ERR_UNSUPPORTED_FEATURE, "%s has no exact `%s`",
                        em->d->words.name, call->call.op->name);
    }
    struct marks m = {call, filtered(em, call, args), em->over};
    em->over = NULL; /* not of what is inside */
    if (m.args == NULL) {
        return ctx_full(em->c);
    }
    if (m.over != NULL && strchr(text, '^') == NULL) {
        return ctx_fail(em->c, call->src, ERR_UNSUPPORTED_FEATURE,
                        "%s has no `%s` over windows", em->d->words.name, call->call.op->name);
    }
    enum err e = ERR_OK;
    while (*text != '\0' && e == ERR_OK) {
        size_t n = strcspn(text, "#^|!%~&<");
        char *piece = arena_alloc(em->c->a, n + 1);
        if (piece == NULL) {
            return ctx_full(em->c);
        }
        memcpy(piece, text, n);
        piece[n] = '\0';
        e = n == 0 ? ERR_OK : emit_template(em, piece, m.args, call->call.count);
        text += n;
        if (e == ERR_OK && *text != '\0') {
            e = emit_mark(em, &m, *text++);
        }
    }
    return e;
}
