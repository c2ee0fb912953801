/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_query.c: what gives rows besides a select: compounds, values;
 * and what `expect` puts around a read.
 *
 * Parts are written one after the other without parentheses, which SQLite does not
 * take: a part that has an order, a limit, a WITH or parts of its own is a subquery,
 * so INTERSECT binds nowhere tighter than it looks.
 */
#include "compiler/emit_select.h"
#include "compiler/emit_with.h"
#include "compiler/walk.h"

/* ---- parts ---- */

/* What stands in FROM sees nothing around the statement it is in. */
static enum err refuse_correlated(struct emitter *em, const struct query *q, const char *what)
{
    enum err e =
        ctx_fail(em->c, q->src, ERR_UNSUPPORTED_FEATURE,
                 "%s cannot read %s in a correlated subquery", em->d->words.name, what);
    fail_hint(em->c->f, "use a join");
    return e;
}

static bool is_plain_part(const struct query *q)
{
    return q->kind == QUERY_SELECT && q->limit == NULL && q->offset == NULL &&
           q->distinct_count == 0 && q->with.count == 0;
}

static enum err emit_part(struct emitter *em, const struct query *part, enum query_place place)
{
    if (is_plain_part(part)) { /* an order without a limit says nothing about a set */
        struct query copy = *part;
        copy.order_count = 0;
        return emit_select(em, &copy, place, 0);
    }
    bool bare = em->d->parts_in_parentheses && part->with.count == 0;
    for (uint32_t i = 1; !bare && i <= part->output_count; i++) {
        /* not *: MariaDB counts it as one */
        buf_printf(&em->sql, "%sq.c%u", i == 1 ? "SELECT " : ", ", i);
    }
    emit_text(em, bare ? "(" : " FROM (");
    enum err e = emit_query(em, part, PLACE_DERIVED);
    emit_text(em, bare ? ")" : ") AS q");
    bool hidden = !bare || part->kind != QUERY_SELECT;
    if (e == ERR_OK && hidden && !em->d->derived_sees_outer && !query_is_closed(part)) {
        e = refuse_correlated(em, part, "a compound or a `with` that is part of a compound");
    }
    return e;
}

static enum err emit_chain_of(struct emitter *em, const struct query *q, uint32_t first,
                              const char *words, enum query_place place)
{
    enum err e = ERR_OK;
    for (uint32_t i = first; i < q->part_count && e == ERR_OK; i++) {
        emit_text(em, i > first ? words : "");
        e = emit_part(em, q->parts[i], place);
    }
    return e;
}

/* The rows of parts [first, last) with the number of each among its equals. */
static enum err emit_numbered(struct emitter *em, const struct query *q, uint32_t first,
                              uint32_t last)
{
    struct query some = *q;
    some.part_count = last;
    emit_text(em, "SELECT *, row_number() OVER (PARTITION BY ");
    for (uint32_t i = 0; i < q->output_count; i++) {
        buf_printf(&em->sql, i > 0 ? ", c%u" : "c%u", i + 1);
    }
    emit_text(em, ") FROM (");
    enum err e = emit_chain_of(em, &some, first, " UNION ALL ", PLACE_DERIVED);
    emit_text(em, ") AS q");
    return e;
}

/* INTERSECT ALL and EXCEPT ALL where the database has none: equal rows are told apart
 * by their numbers. What is taken away is taken away all at once. */
static enum err emit_numbered_sets(struct emitter *em, const struct query *q)
{
    bool except = q->set_op == SET_EXCEPT_ALL;
    emit_text(em, "SELECT ");
    for (uint32_t i = 0; i < q->output_count; i++) {
        buf_printf(&em->sql, i > 0 ? ", c%u" : "c%u", i + 1);
    }
    emit_text(em, " FROM (");
    enum err e = emit_numbered(em, q, 0, 1);
    for (uint32_t i = 1; i < q->part_count && e == ERR_OK; i++) {
        emit_text(em, except ? " EXCEPT " : " INTERSECT ");
        e = emit_numbered(em, q, i, except ? q->part_count : i + 1);
        i = except ? q->part_count : i;
    }
    emit_text(em, ") AS q");
    return e;
}

static const char *set_words(enum set_op op)
{
    static const char *const words[] = {" UNION ",         " UNION ALL ", " INTERSECT ",
                                        " INTERSECT ALL ", " EXCEPT ",    " EXCEPT ALL "};
    return words[op];
}

/* ---- values ---- */

static enum err emit_value_rows(struct emitter *em, const struct query *q)
{
    enum err e = ERR_OK;
    emit_text(em, "SELECT ");
    for (uint32_t i = 0; i < q->output_count; i++) {
        buf_printf(&em->sql, "%scolumn%u AS c%u", i > 0 ? ", " : "", i + 1, i + 1);
    }
    emit_text(em, " FROM (VALUES ");
    for (uint32_t i = 0; i < q->part_count && e == ERR_OK; i++) {
        emit_text(em, i > 0 ? ", (" : "(");
        e = emit_items(em, q->parts[i], PLACE_TOP);
        buf_char(&em->sql, ')');
    }
    emit_text(em, ") AS q");
    return e;
}

/* ---- compounds ---- */

static enum err emit_rows(struct emitter *em, const struct query *q, enum query_place place)
{
    bool all = q->set_op == SET_INTERSECT_ALL || q->set_op == SET_EXCEPT_ALL;
    if (q->kind == QUERY_VALUES && em->d->values_rows) {
        return emit_value_rows(em, q);
    }
    if (all && !em->d->all_of_sets) {
        return emit_numbered_sets(em, q);
    }
    return emit_chain_of(em, q, 0, set_words(q->set_op), place);
}

/* Behind a compound every database takes positions, and not all take more. */
static bool orders_by_position(const struct emitter *em, const struct query *q)
{
    for (uint32_t i = 0; i < q->order_count; i++) {
        const struct order *o = &q->order[i];
        if (o->expr->kind != EXPR_NAME || o->expr->name.source != q->rows ||
            (o->nulls != NULLS_DEFAULT && !em->d->nulls_order)) {
            return false;
        }
    }
    return true;
}

static void emit_positions(struct emitter *em, const struct query *q)
{
    static const char *const nulls[] = {"", " NULLS FIRST", " NULLS LAST"};
    for (uint32_t i = 0; i < q->order_count; i++) {
        const struct order *o = &q->order[i];
        buf_printf(&em->sql, "%s%u%s%s", i == 0 ? " ORDER BY " : ", ", o->expr->name.column + 1,
                   o->descending ? " DESC" : "", nulls[o->nulls]);
    }
}

static enum err emit_compound(struct emitter *em, const struct query *q, enum query_place place,
                              uint32_t at_most)
{
    enum err e;
    if (orders_by_position(em, q)) {
        e = emit_rows(em, q, place == PLACE_TOP ? PLACE_TOP : PLACE_DERIVED);
        emit_positions(em, q);
    } else {
        emit_text(em, "SELECT ");
        e = emit_items(em, q, place);
        if (e == ERR_OK && !em->d->derived_sees_outer && !query_is_closed(q)) {
            e = refuse_correlated(em, q, "a compound that is ordered by an expression");
        }
        emit_text(em, " FROM (");
        e = e != ERR_OK ? e : emit_nest(em, NEST_QUERY, q->src);
        e = e != ERR_OK ? e : emit_rows(em, q, PLACE_DERIVED);
        em->nesting -= NEST_QUERY;
        emit_text(em, ") AS ");
        emit_name(em, q->rows->sql_name);
        e = e != ERR_OK ? e : emit_order_by(em, q);
    }
    return e != ERR_OK ? e : emit_limit(em, q, at_most);
}

/* ---- queries ---- */

enum err emit_body(struct emitter *em, const struct query *q, enum query_place place,
                   uint32_t at_most)
{
    const struct with *held = em->held;
    enum err e = emit_with_held(em, q);
    if (e != ERR_OK) {
        return e;
    }
    e = q->kind == QUERY_SELECT ? emit_select(em, q, place, at_most)
                                : emit_compound(em, q, place, at_most);
    em->held = held;
    return e;
}

enum err emit_query(struct emitter *em, const struct query *q, enum query_place place)
{
    enum err e = emit_nest(em, NEST_QUERY, q->src);
    e = e != ERR_OK ? e : emit_body(em, q, place, 0);
    em->nesting -= NEST_QUERY;
    return e;
}

enum err emit_exists(struct emitter *em, const struct query *q)
{
    /* and 10.11 falls over some that are grouped, with subqueries in the select list */
    bool grouped = q->outer == NULL && (q->aggregated || q->group_count > 0);
    bool hide = !em->d->exists_offset && (q->offset != NULL || q->with_ties || grouped);
    hide = hide || (!em->d->exists_distinct && q->distinct && q->offset != NULL);
    emit_text(em, hide ? "EXISTS (SELECT 1 FROM (" : "EXISTS (");
    enum err e = emit_query(em, q, hide ? PLACE_DERIVED : PLACE_EXISTS);
    emit_text(em, hide ? ") AS q)" : ")");
    return e;
}

/* The order of rows that are only counted does not matter, unless it chooses
 * which ones a limit leaves. */
static struct query without_order(const struct query *q)
{
    struct query copy = *q;
    if (q->limit == NULL && q->offset == NULL) {
        copy.order_count = 0;
    }
    return copy;
}

enum err emit_read(struct emitter *em, const struct query *q)
{
    struct query copy;
    enum err e = ERR_OK;
    switch (em->c->in->expect) {
    case QUERY_ALL:
        return emit_body(em, q, PLACE_TOP, 0);
    case QUERY_FIRST:
        return emit_body(em, q, PLACE_TOP, 1);
    case QUERY_ONE:
        return emit_body(em, q, PLACE_TOP, 2);
    case QUERY_COUNT:
        copy = without_order(q);
        emit_text(em, "SELECT count(*) FROM (");
        e = emit_query(em, &copy, PLACE_DERIVED);
        emit_text(em, ") AS q");
        return e;
    case QUERY_EXISTS:
        copy = without_order(q);
        emit_text(em, "SELECT ");
        return emit_exists(em, &copy);
    }
    return e;
}
