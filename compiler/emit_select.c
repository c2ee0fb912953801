/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_select.c: selects to SQL.
 */
#include "compiler/emit_select.h"

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

/* The position of an output that is the same expression; 0: none. Plain columns of
 * q itself are written by name; SQLite knows no other ones here. */
static uint32_t output_position(const struct query *q, const struct expr *x)
{
    bool own = x->kind == EXPR_NAME && (expr_sources(q, x) & OUTER_BIT) == 0;
    for (uint32_t i = 0; !own && i < q->output_count; i++) {
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
        bool is_enum = x->type.kind == TYPE_ENUM;
        return emit_template(em, is_enum ? em->d->window_enum_key : em->d->window_key, &x, 1);
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

enum err emit_from_where(struct emitter *em, const struct query *q)
{
    enum err e = ERR_OK;
    if (q->from != NULL) {
        emit_text(em, " FROM ");
        e = emit_sources(em, q->from);
    }
    if (e == ERR_OK && q->where != NULL) {
        emit_text(em, " WHERE ");
        e = emit_root(em, q->where);
    }
    return e;
}

enum err emit_group_by(struct emitter *em, const struct query *q)
{
    enum err e = ERR_OK;
    if (q->set_count > 0) {
        return emit_grouping_sets(em, q);
    }
    for (uint32_t i = 0; i < q->group_count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? " GROUP BY " : ", ");
        e = emit_position(em, q, q->group[i]);
    }
    return e;
}

enum err emit_having(struct emitter *em, const struct query *q)
{
    if (q->having == NULL) {
        return ERR_OK;
    }
    emit_text(em, " HAVING ");
    em->having = q;
    enum err e = emit_root(em, q->having);
    em->having = NULL;
    return e;
}

enum err emit_table(struct emitter *em, const struct query *q)
{
    enum err e = emit_from_where(em, q);
    e = e != ERR_OK ? e : emit_group_by(em, q);
    return e != ERR_OK ? e : emit_having(em, q);
}

/* ---- limit ---- */

enum err emit_count(struct emitter *em, const struct expr *x, uint32_t at_most)
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

static enum err emit_ties(struct emitter *em, const struct query *q)
{
    enum err e = ERR_OK;
    if (q->offset != NULL) {
        emit_text(em, " OFFSET ");
        e = emit_count(em, q->offset, 0);
        emit_text(em, " ROWS");
    }
    emit_text(em, " FETCH FIRST ");
    e = e != ERR_OK ? e : emit_count(em, q->limit, 0);
    emit_text(em, " ROWS WITH TIES");
    return e;
}

/* at_most: what `expect` needs at the top; 0: all. Ties do not matter to who wants one
 * row, and who wants no second one must see them. */
enum err emit_limit(struct emitter *em, const struct query *q, uint32_t at_most)
{
    enum err e = ERR_OK;
    if (q->with_ties && q->limit != NULL && at_most != 1) {
        return emit_ties(em, q);
    }
    if (q->limit != NULL) {
        emit_text(em, " LIMIT ");
        e = emit_count(em, q->limit, at_most);
    } else if (at_most > 0) {
        buf_printf(&em->sql, " LIMIT %u", at_most);
    } else if (q->offset != NULL && em->d->no_limit != NULL) {
        emit_text(em, " LIMIT ");
        emit_text(em, em->d->no_limit);
    }
    if (e == ERR_OK && q->offset != NULL) {
        emit_text(em, " OFFSET ");
        e = emit_count(em, q->offset, 0);
    }
    return e;
}

/* ---- select ---- */

static void emit_lock(struct emitter *em, const struct query *q)
{
    const char *words = em->d->lock[q->lock.kind];
    bool first = true, all = q->lock.of == NULL;
    if (words == NULL) {
        return;
    }
    emit_text(em, words);
    for (uint32_t i = 0; i < q->source_count; i++) {
        all = all && (q->lock.bits >> i & 1) != 0;
    }
    for (uint32_t i = 0; em->d->lock_of && !all && i < q->source_count; i++) {
        if ((q->lock.bits >> i & 1) != 0) {
            emit_text(em, first ? " OF " : ", ");
            emit_name(em, q->sources[i]->sql_name);
            first = false;
        }
    }
    emit_text(em, q->lock.wait == LOCK_NOWAIT  ? " NOWAIT"
                  : q->lock.wait == LOCK_SKIPS ? " SKIP LOCKED"
                                               : "");
}

static enum err emit_distinct(struct emitter *em, const struct query *q)
{
    enum err e = ERR_OK;
    emit_text(em, q->distinct ? "SELECT DISTINCT " : "SELECT ");
    for (uint32_t i = 0; i < q->distinct_count && e == ERR_OK; i++) {
        emit_text(em, i == 0 ? "DISTINCT ON (" : ", ");
        e = emit_root(em, q->distinct_on[i]);
    }
    emit_text(em, q->distinct_count > 0 ? ") " : "");
    return e;
}

static enum err emit_plain(struct emitter *em, const struct query *q, enum query_place place,
                           uint32_t at_most)
{
    bool plain =
        !q->aggregated && !q->distinct && q->distinct_count == 0 && q->order_count == 0;
    enum err e = emit_distinct(em, q);
    if (e == ERR_OK && place == PLACE_EXISTS && plain) {
        buf_char(&em->sql, '1');
    } else if (e == ERR_OK) {
        e = emit_items(em, q, place);
    }
    e = e != ERR_OK ? e : emit_table(em, q);
    e = e != ERR_OK ? e : emit_order_by(em, q);
    e = e != ERR_OK ? e : emit_limit(em, q, at_most);
    emit_lock(em, q);
    return e;
}

/* MariaDB takes DISTINCT constants for one row and passes over OFFSET, or for many where
 * it looks for ties. */
static bool loses_offset(const struct emitter *em, const struct query *q)
{
    bool chosen = q->offset != NULL || q->with_ties;
    bool own = em->d->distinct_offset || !q->distinct || !chosen;
    uint64_t tables = 0; /* a subquery in FROM may give constants, too */
    for (uint32_t i = 0; i < q->source_count; i++) {
        tables |= q->sources[i]->table != NULL ? (uint64_t)1 << i : 0;
    }
    for (uint32_t i = 0; !own && i < q->output_count; i++) {
        own = (expr_sources(q, q->outputs[i].expr) & tables) != 0;
    }
    return !own;
}

static enum err emit_constants(struct emitter *em, const struct query *q, uint32_t at_most)
{
    struct query rows = *q, one = *q; /* of which there are no ties */
    one.with_ties = false;
    rows.with_ties = false;
    rows.offset = NULL;
    rows.limit = NULL;
    rows.order_count = 0;
    if (!em->d->derived_sees_outer && !query_is_closed(q)) {
        enum err e = ctx_fail(em->c, q->src, ERR_UNSUPPORTED_FEATURE,
                              "%s has no offset behind `distinct` of what is the same in "
                              "all rows of a correlated subquery",
                              em->d->words.name);
        fail_hint(em->c->f, "leave `distinct` out and limit by 1");
        return e;
    }
    for (uint32_t i = 1; i <= q->output_count; i++) {
        buf_printf(&em->sql, "%sq.c%u", i == 1 ? "SELECT " : ", ", i);
    }
    emit_text(em, " FROM (");
    enum err e = emit_plain(em, &rows, PLACE_DERIVED, 0);
    emit_text(em, ") AS q");
    return e != ERR_OK ? e : emit_limit(em, &one, at_most);
}

enum err emit_select(struct emitter *em, const struct query *q, enum query_place place,
                     uint32_t at_most)
{
    struct window_needs outer = em->windows;
    const struct query *having = em->having;
    em->having = NULL;
    emit_windows_begin(em, q);
    enum err e = is_ranked(em, q)      ? emit_ranked(em, q, place, at_most)
                 : loses_offset(em, q) ? emit_constants(em, q, at_most)
                                       : emit_plain(em, q, place, at_most);
    em->windows = outer;
    em->having = having;
    return e;
}
