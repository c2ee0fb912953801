/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_ranked.c: choices of rows that a database has no words for, made
 * outside of a subquery that numbers its rows:
 *
 *   SELECT q.c1, … FROM (SELECT … AS c1, …, key AS o1, …, row_number() OVER (…) AS n
 *   FROM …) AS q WHERE q.n = 1 ORDER BY q.o1, …
 */
#include "compiler/emit_select.h"
#include "compiler/operators.h"
#include "compiler/walk.h"

enum ranking {
    RANK_NONE,
    RANK_KEYS,  /* only ordered by what may not stand in ORDER BY */
    RANK_FIRST, /* one row of each */
    RANK_TIES,
    RANK_SETS, /* grouping sets, one after the other */
};

static bool has_outer_key(const struct query *q)
{
    for (uint32_t i = 0; i < q->order_count; i++) {
        if ((expr_sources(q, q->order[i].expr) & OUTER_BIT) != 0) {
            return true;
        }
    }
    return false;
}

static enum ranking ranking_of(const struct emitter *em, const struct query *q)
{
    if (q->set_count > 0 && !em->d->grouping_sets) {
        return RANK_SETS;
    }
    if (q->distinct_count > 0 && !em->d->distinct_on) {
        return RANK_FIRST;
    }
    if (q->with_ties && q->limit != NULL && !em->d->with_ties) {
        return RANK_TIES;
    }
    bool outer = q->outer != NULL && !q->distinct && !em->d->order_by_outer;
    return outer && has_outer_key(q) ? RANK_KEYS : RANK_NONE;
}

bool is_ranked(const struct emitter *em, const struct query *q)
{
    return ranking_of(em, q) != RANK_NONE;
}

static enum err refuse(struct emitter *em, const struct query *q, const char *what,
                       const char *hint)
{
    enum err e = ctx_fail(em->c, q->src, ERR_UNSUPPORTED_FEATURE, "%s has no exact %s",
                          em->d->words.name, what);
    fail_hint(em->c->f, "%s", hint);
    return e;
}

/* Each set is a query of its own there, over the same rows. */
static enum err check_sets(struct emitter *em, const struct query *q)
{
    static const char hint[] = "put the grouping into a subquery in `from`";
    if (q->distinct_count > 0 || (q->with_ties && q->limit != NULL && !em->d->with_ties) ||
        query_has_windows(q)) {
        return refuse(em, q, "grouping sets beside windows, ties or `distinct` of some", hint);
    }
    if (em->c->volatility == VOLATILITY_VOLATILE) {
        return refuse(em, q, "grouping sets beside functions that are not the same each time",
                      hint);
    }
    if (!em->d->derived_sees_outer && !query_is_closed(q)) {
        return refuse(em, q, "grouping sets in a correlated subquery",
                      "join a subquery that gives the rows of all");
    }
    return ERR_OK;
}

/* A window cannot be a key of the window that numbers the rows. */
static bool order_has_window(const struct query *q)
{
    for (uint32_t i = 0; i < q->order_count; i++) {
        if (expr_has_window(q->order[i].expr)) {
            return true;
        }
    }
    return false;
}

static enum err check_ranked(struct emitter *em, const struct query *q)
{
    if (q->set_count > 0 && !em->d->grouping_sets) {
        return check_sets(em, q);
    }
    bool both = q->distinct || q->distinct_count > 0;
    if (both && q->with_ties && q->limit != NULL && !em->d->with_ties) {
        return refuse(em, q, "`with_ties` beside `distinct`",
                      "put one of them into a subquery in `from`");
    }
    if (order_has_window(q)) {
        return refuse(em, q, "`with_ties` or `distinct` on expressions ordered by a window",
                      "select the window in a subquery of `from`, order by its column");
    }
    /* the number would be one window more than its workaround counts */
    if (em->d->window_tag != NULL && query_has_windows(q)) {
        return refuse(em, q, "`distinct` on expressions beside windows",
                      "put one of them into a subquery in `from`");
    }
    if (!em->d->derived_sees_outer && !query_is_closed(q)) {
        return refuse(em, q, "`distinct` on expressions in a correlated subquery",
                      "join a subquery that gives the rows of all");
    }
    return ERR_OK;
}

enum err emit_keys(struct emitter *em, const struct query *q)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < q->order_count && e == ERR_OK; i++) {
        emit_text(em, ", ");
        e = emit_root(em, q->order[i].expr);
        buf_printf(&em->sql, " AS o%u", i + 1);
    }
    return e;
}

static enum err emit_number(struct emitter *em, const struct query *q, enum ranking ranking)
{
    enum err e = ERR_OK;
    if (ranking == RANK_KEYS) {
        return ERR_OK;
    }
    emit_text(em, ranking == RANK_TIES ? ", rank() OVER (" : ", row_number() OVER (");
    for (uint32_t i = 0; i < q->distinct_count && e == ERR_OK; i++) {
        emit_text(em, i > 0 ? ", " : "PARTITION BY ");
        e = emit_root(em, q->distinct_on[i]);
    }
    e = e != ERR_OK ? e : emit_orders(em, q->order, q->order_count);
    emit_text(em, ") AS n");
    return e;
}

/* The rows of rank n and less tie with the last of limit rows behind offset rows; none
 * does if the limit is 0. */
static enum err emit_ties(struct emitter *em, const struct query *q)
{
    emit_text(em, " WHERE q.n <= CASE WHEN ");
    enum err e = emit_count(em, q->limit, 0);
    emit_text(em, " > 0 THEN ");
    e = e != ERR_OK ? e : emit_count(em, q->limit, 0);
    if (e == ERR_OK && q->offset != NULL) {
        emit_text(em, " + ");
        e = emit_count(em, q->offset, 0);
    }
    emit_text(em, " ELSE 0 END");
    return e;
}

/* The same order, of the columns that hold the keys. */
static enum err emit_outer_order(struct emitter *em, const struct query *q)
{
    struct order *list = ARENA_ARRAY(em->c->a, q->order_count, struct order);
    if (list == NULL) {
        return ctx_full(em->c);
    }
    for (uint32_t i = 0; i < q->order_count; i++) {
        /* with `distinct` a key is an output, and nothing else can be ordered by */
        struct str name =
            q->distinct ? arena_printf(em->c->a, "q.c%u", output_of(q, q->order[i].expr) + 1)
                        : arena_printf(em->c->a, "q.o%u", i + 1);
        const struct expr *key = name.ptr == NULL ? NULL : dress_parts(em, name.ptr, NULL, 0);
        struct expr *copy = ARENA_NEW(em->c->a, struct expr);
        if (key == NULL || copy == NULL) {
            return ctx_full(em->c);
        }
        *copy = *key;
        list[i] = q->order[i];
        list[i].expr = copy;
    }
    return emit_orders(em, list, q->order_count);
}

static void emit_columns(struct emitter *em, const struct query *q, enum query_place place)
{
    for (uint32_t i = 0; i < q->output_count; i++) {
        buf_printf(&em->sql, "%sq.c%u", i > 0 ? ", " : "", i + 1);
        if (place == PLACE_DERIVED) {
            buf_printf(&em->sql, " AS c%u", i + 1);
        }
    }
}

static enum err emit_numbered_rows(struct emitter *em, const struct query *q,
                                   enum ranking ranking)
{
    enum err e = emit_nest(em, NEST_QUERY, q->src);
    if (ranking == RANK_SETS) {
        e = e != ERR_OK ? e : emit_each_set(em, q);
        em->nesting -= NEST_QUERY;
        return e;
    }
    emit_text(em, "SELECT ");
    e = e != ERR_OK ? e : emit_items(em, q, PLACE_DERIVED);
    e = e != ERR_OK ? e : emit_keys(em, q);
    e = e != ERR_OK ? e : emit_number(em, q, ranking);
    e = e != ERR_OK ? e : emit_table(em, q);
    em->nesting -= NEST_QUERY;
    return e;
}

enum err emit_ranked(struct emitter *em, const struct query *q, enum query_place place,
                     uint32_t at_most)
{
    enum ranking ranking = ranking_of(em, q);
    struct query rest = *q;
    enum err e = check_ranked(em, q);
    emit_text(em, q->distinct ? "SELECT DISTINCT " : "SELECT ");
    emit_columns(em, q, place);
    emit_text(em, " FROM (");
    e = e != ERR_OK ? e : emit_numbered_rows(em, q, ranking);
    emit_text(em, ") AS q");
    if (e == ERR_OK && ranking == RANK_FIRST) {
        emit_text(em, " WHERE q.n = 1");
    } else if (e == ERR_OK && ranking == RANK_TIES) {
        e = emit_ties(em, q);
        rest.limit = NULL;
        rest.with_ties = false;
    }
    e = e != ERR_OK ? e : emit_outer_order(em, q);
    return e != ERR_OK ? e : emit_limit(em, &rest, at_most);
}
