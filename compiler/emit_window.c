/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_window.c: windows to SQL. Named windows are written out where they
 * are used: the databases put equal ones together.
 */
#include "compiler/emit_window.h"

#include "compiler/operators.h"
#include "compiler/walk.h"

#include <inttypes.h>
#include <string.h>

/* ---- what the windows of a query need ---- */

struct census {
    const struct window *first;
    bool some, others; /* that sort as the first, that do not */
};

static bool count_window(const struct expr *e, void *arg)
{
    struct census *s = arg;
    if (e->kind == EXPR_OVER && !s->some) {
        s->some = true;
        s->first = e->over.window;
    } else if (e->kind == EXPR_OVER) {
        s->others = s->others || !windows_sort_alike(s->first, e->over.window);
    }
    return expr_children(e, count_window, arg);
}

/* Two are three where a call needs its partition besides (the mark !). */
void emit_windows_begin(struct emitter *em, const struct query *q)
{
    struct census s = {0};
    if (em->d->window_tag == NULL) {
        return;
    }
    (void)query_exprs(q, count_window, &s);
    em->windows.tags = s.others;
    em->windows.keys = s.some && q->group_count > 0;
}

/* ---- frames ---- */

static const char *unit_words(enum frame_unit u)
{
    switch (u) {
    case FRAME_NONE:
        break;
    case FRAME_ROWS:
        return " ROWS BETWEEN ";
    case FRAME_RANGE:
        return " RANGE BETWEEN ";
    case FRAME_GROUPS:
        return " GROUPS BETWEEN ";
    }
    return "";
}

static const char *exclude_words(enum frame_exclude x)
{
    switch (x) {
    case EXCLUDE_NOTHING:
        break;
    case EXCLUDE_ROW:
        return " EXCLUDE CURRENT ROW";
    case EXCLUDE_GROUP:
        return " EXCLUDE GROUP";
    case EXCLUDE_TIES:
        return " EXCLUDE TIES";
    }
    return "";
}

/* `side` is where the bound is when it is unbounded. */
static void emit_bound(struct emitter *em, const struct frame_bound *b, const char *side)
{
    if (b->unbounded) {
        buf_printf(&em->sql, "UNBOUNDED %s", side);
    } else if (b->offset == 0) {
        emit_text(em, "CURRENT ROW");
    } else {
        buf_printf(&em->sql, "%" PRId64 " %s", b->offset < 0 ? -b->offset : b->offset,
                   b->offset < 0 ? "PRECEDING" : "FOLLOWING");
    }
}

/* Where nulls must be put in place by a key of its own, RANGE has not one key. */
static bool splits_range(const struct emitter *em, const struct window *w)
{
    bool offset =
        (!w->lo.unbounded && w->lo.offset != 0) || (!w->hi.unbounded && w->hi.offset != 0);
    return w->unit == FRAME_RANGE && offset && w->order[0].nulls != NULLS_DEFAULT &&
           !em->d->nulls_order;
}

static enum err emit_frame(struct emitter *em, const struct window *w)
{
    if (!em->d->frame_groups && (w->unit == FRAME_GROUPS || w->exclude != EXCLUDE_NOTHING)) {
        enum err e =
            ctx_fail(em->c, w->src, ERR_UNSUPPORTED_FEATURE, "%s has no %s", em->d->words.name,
                     w->unit == FRAME_GROUPS ? "frames of groups" : "`exclude`");
        fail_hint(em->c->f, "frames of `rows` and `range` are known everywhere");
        return e;
    }
    if (splits_range(em, w)) {
        enum err e =
            ctx_fail(em->c, w->order[0].src, ERR_UNSUPPORTED_FEATURE,
                     "%s cannot place nulls beside a range with distances", em->d->words.name);
        fail_hint(em->c->f, "leave `nulls` out, or the nulls");
        return e;
    }
    emit_text(em, unit_words(w->unit));
    emit_bound(em, &w->lo, "PRECEDING");
    emit_text(em, " AND ");
    emit_bound(em, &w->hi, "FOLLOWING");
    emit_text(em, exclude_words(w->exclude));
    return ERR_OK;
}

/* ---- windows ---- */

static enum err emit_parts(struct emitter *em, const struct window *w)
{
    enum err e = ERR_OK;
    bool tagged = em->windows.tags > 0;
    if (tagged) {
        buf_printf(&em->sql, "PARTITION BY %s%u", em->d->window_tag, em->windows.tags++);
    }
    for (uint32_t i = 0; i < w->partition_count && e == ERR_OK; i++) {
        emit_text(em, i == 0 && !tagged ? "PARTITION BY " : ", ");
        e = emit_root(em, w->partition[i]);
    }
    return e;
}

/* The blank in front of ORDER BY is cut where nothing is before it. */
static void trim_blank(struct emitter *em, size_t at)
{
    if (em->sql.len > at && em->sql.ptr[at] == ' ') {
        memmove(em->sql.ptr + at, em->sql.ptr + at + 1, em->sql.len - at - 1);
        em->sql.len--;
    }
}

enum err emit_window(struct emitter *em, const struct window *w, const struct op_info *op)
{
    bool frameless = (op->flags & OP_FRAMELESS) != 0;
    emit_text(em, " OVER (");
    size_t at = em->sql.len;
    enum err e = emit_nest(em, NEST_CALL, w->src);
    e = e != ERR_OK ? e : emit_parts(em, w);
    e = e != ERR_OK ? e : emit_orders(em, w->order, w->order_count);
    if (frameless && w->order_count == 0 && em->d->window_order != NULL) {
        emit_text(em, em->d->window_order);
    }
    if (e == ERR_OK && w->unit != FRAME_NONE && !frameless) {
        e = emit_frame(em, w);
    }
    em->nesting -= NEST_CALL;
    trim_blank(em, at);
    buf_char(&em->sql, ')');
    return e;
}

enum err emit_partition(struct emitter *em, const struct window *w)
{
    emit_text(em, " OVER (");
    enum err e = emit_parts(em, w);
    buf_char(&em->sql, ')');
    return e;
}

enum err emit_over(struct emitter *em, const struct expr *x)
{
    em->over = x->over.window;
    return emit_expr(em, x->over.call);
}
