/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_select.c: selects to SQL.
 */
#include "compiler/emit.h"
#include "compiler/emit_window.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/walk.h"

/* ---- items and order ---- */

enum err emit_items(struct emitter *em, const struct query *q, enum query_place place)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < q->output_count && e == ERR_OK; i++) {
        emit_text(em, i > 0 ? ", " : "");
        e = emit_output(em, &q->outputs[i]);
        if (place == PLACE_DERIVED) {
            buf_printf(&em->sql, " AS c%u", i + 1);
        }
    }
    return e;
}

/* The position of an output that is the same expression; 0: none. Plain columns
 * are written by name. */
static uint32_t output_position(const struct query *q, const struct expr *x)
{
    for (uint32_t i = 0; x->kind != EXPR_NAME && i < q->output_count; i++) {
        const struct output *o = &q->outputs[i];
        bool dressed = o->as.kind != TYPE_UNKNOWN && o->as.kind != o->expr->type.kind;
        if (!dressed && expr_equal(x, o->expr)) {
            return i + 1;
        }
    }
    return 0;
}

/* By position where the expression is an output: then it is the same one also
 * where placeholders have no numbers. */
static enum err emit_position(struct emitter *em, const struct query *q, const struct expr *x)
{
    uint32_t position = output_position(q, x);
    if (position == 0) {
        return emit_root(em, x);
    }
    buf_printf(&em->sql, "%u", position);
    return ERR_OK;
}

static enum err emit_key(struct emitter *em, const struct query *q, const struct expr *x)
{
    if (q != NULL && em->windows.keys) {
        return emit_template(em, em->d->window_key, &x, 1);
    }
    return q == NULL ? emit_root(em, x) : emit_position(em, q, x);
}

/* q: whose outputs a key may be; NULL: none. */
static enum err emit_order(struct emitter *em, const struct query *q, const struct order *o)
{
    const char *direction = o->descending ? " DESC" : "";
    enum err e;
    if (o->nulls == NULLS_DEFAULT || em->d->nulls_order) {
        e = emit_key(em, q, o->expr);
        emit_text(em, direction);
        if (o->nulls != NULLS_DEFAULT) {
            emit_text(em, o->nulls == NULLS_FIRST ? " NULLS FIRST" : " NULLS LAST");
        }
        return e;
    }
    buf_char(&em->sql, '(');
    e = emit_expr(em, o->expr);
    emit_text(em, o->nulls == NULLS_FIRST ? " IS NULL) DESC, " : " IS NULL), ");
    e = e != ERR_OK ? e : emit_key(em, q, o->expr);
    emit_text(em, direction);
    return e;
}

enum err emit_orders(struct emitter *em, const struct order *list, uint32_t count)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? " ORDER BY " : ", ");
        e = emit_order(em, NULL, &list[i]);
    }
    return e;
}

enum err emit_order_by(struct emitter *em, const struct query *q)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < q->order_count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? " ORDER BY " : ", ");
        e = emit_order(em, q, &q->order[i]);
    }
    return e;
}

static enum err emit_tail(struct emitter *em, const struct query *q)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < q->group_count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? " GROUP BY " : ", ");
        e = emit_position(em, q, q->group[i]);
    }
    if (e == ERR_OK && q->having != NULL) {
        emit_text(em, " HAVING ");
        e = emit_root(em, q->having);
    }
    return e != ERR_OK ? e : emit_order_by(em, q);
}

/* ---- limit ---- */

static enum err emit_bound(struct emitter *em, const struct expr *x, uint32_t at_most)
{
    struct plan_bind b = {.source = x->kind == EXPR_PARAM ? BIND_PARAM : BIND_LITERAL,
                          .form = BIND_COUNT,
                          .at_most = at_most,
                          .type = bind_type(em, &x->type)};
    if (x->kind == EXPR_PARAM) {
        b.name = x->param.name;
    } else {
        b.index = x->literal.index;
    }
    return emit_bind(em, &b, x->src);
}

/* at_most: what `expect` needs at the top; 0: all. */
enum err emit_limit(struct emitter *em, const struct query *q, uint32_t at_most)
{
    enum err e = ERR_OK;
    if (q->limit != NULL) {
        emit_text(em, " LIMIT ");
        e = emit_bound(em, q->limit, at_most);
    } else if (at_most > 0) {
        buf_printf(&em->sql, " LIMIT %u", at_most);
    } else if (q->offset != NULL && em->d->no_limit != NULL) {
        emit_text(em, " LIMIT ");
        emit_text(em, em->d->no_limit);
    }
    if (e == ERR_OK && q->offset != NULL) {
        emit_text(em, " OFFSET ");
        e = emit_bound(em, q->offset, 0);
    }
    return e;
}

/* ---- select ---- */

enum err emit_select(struct emitter *em, const struct query *q, enum query_place place,
                     uint32_t at_most)
{
    enum err e = ERR_OK;
    struct window_needs outer = em->windows;
    bool plain = !q->aggregated && !q->distinct && q->order_count == 0;
    emit_windows_begin(em, q);
    emit_text(em, q->distinct ? "SELECT DISTINCT " : "SELECT ");
    if (place == PLACE_EXISTS && plain) {
        buf_char(&em->sql, '1');
    } else {
        e = emit_items(em, q, place);
    }
    if (e == ERR_OK && q->from != NULL) {
        emit_text(em, " FROM ");
        e = emit_sources(em, q->from);
    }
    if (e == ERR_OK && q->where != NULL) {
        emit_text(em, " WHERE ");
        e = emit_root(em, q->where);
    }
    e = e != ERR_OK ? e : emit_tail(em, q);
    e = e != ERR_OK ? e : emit_limit(em, q, at_most);
    em->windows = outer;
    return e;
}
