/* SPDX-License-Identifier: MIT
 *
 * compiler/resolve_choice.c: which of a select's rows are meant: the first of each
 * (`distinct` on expressions), all that tie with the last (`with_ties`), and those
 * that are locked (`for`).
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve_select.h"
#include "compiler/types.h"
#include "compiler/walk.h"

/* ---- distinct on expressions ---- */

static bool is_chosen_by(const struct query *q, const struct expr *e)
{
    for (uint32_t i = 0; i < q->distinct_count; i++) {
        if (expr_equal(q->distinct_on[i], e)) {
            return true;
        }
    }
    return false;
}

static bool orders(const struct query *q, uint32_t count, const struct expr *e)
{
    for (uint32_t i = 0; i < count; i++) {
        if (expr_equal(q->order[i].expr, e)) {
            return true;
        }
    }
    return false;
}

/* PostgreSQL's rule: the first of each is the first in the order, so the order must
 * keep equal ones together. */
static enum err check_leading(struct context *c, const struct query *q)
{
    uint32_t leading = 0;
    while (leading < q->order_count && is_chosen_by(q, q->order[leading].expr)) {
        leading++;
    }
    for (uint32_t i = 0; leading < q->order_count && i < q->distinct_count; i++) {
        if (!orders(q, leading, q->distinct_on[i])) {
            return ctx_fail(c, q->order[leading].src, ERR_BAD_QUERY,
                            "`order_by` must begin with what `distinct` has");
        }
    }
    return ERR_OK;
}

static enum err resolve_distinct_on(struct context *c, struct query *q)
{
    enum err err = ERR_OK;
    q->aliases_seen = true;
    q->no_aggregates = !q->aggregated;
    for (uint32_t i = 0; i < q->distinct_count && err == ERR_OK; i++) {
        err = resolve_sort_key(c, q, q->distinct_on[i], "distinct");
        err = err != ERR_OK ? err : refuse_outer(c, q, q->distinct_on[i], "distinct");
    }
    q->aliases_seen = false;
    q->no_aggregates = false;
    return err != ERR_OK ? err : check_leading(c, q);
}

/* ---- for ---- */

static enum err unknown_source(struct context *c, const struct query *q, const struct json *at)
{
    struct nearest n;
    nearest_init(&n, json_text(at));
    for (uint32_t i = 0; i < q->source_count; i++) {
        nearest_try(&n, q->sources[i]->name);
    }
    enum err err = ctx_fail(c, at, ERR_UNKNOWN_TABLE, "there is no such table in `from`");
    nearest_hint(&n, c->f);
    return err;
}

/* The sources that `of` names. */
static enum err resolve_of(struct context *c, struct query *q)
{
    for (const struct json *m = q->lock.of->first; m != NULL; m = m->next) {
        uint32_t i = 0;
        while (i < q->source_count &&
               (m->kind != JSON_STRING || !str_eq(q->sources[i]->name, json_text(m)))) {
            i++;
        }
        if (m->kind != JSON_STRING) {
            return ctx_fail(c, m, ERR_BAD_QUERY, "this is not a name");
        }
        if (i == q->source_count) {
            return unknown_source(c, q, m);
        }
        if (q->sources[i]->table == NULL) {
            return ctx_fail(c, m, ERR_BAD_QUERY, "only rows of a table can be locked");
        }
        q->lock.bits |= (uint64_t)1 << i;
    }
    return ERR_OK;
}

static enum err lock_tables(struct context *c, struct query *q)
{
    for (uint32_t i = 0; i < q->source_count; i++) {
        q->lock.bits |= q->sources[i]->table != NULL ? (uint64_t)1 << i : 0;
    }
    return q->lock.bits != 0
               ? ERR_OK
               : ctx_fail(c, q->lock.src, ERR_BAD_QUERY, "there is no table to be locked");
}

static enum err check_lockable(struct context *c, const struct query *q)
{
    const struct json *at = q->lock.src;
    bool windows = query_has_windows(q);
    if (q->aggregated || q->distinct || q->distinct_count > 0 || q->is_part || windows) {
        return ctx_fail(c, at, ERR_BAD_QUERY,
                        "rows that are made of several rows cannot be locked");
    }
    if (q->with_ties && q->lock.wait == LOCK_SKIPS) {
        return ctx_fail(c, at, ERR_BAD_QUERY, "`skip_locked` beside `with_ties`");
    }
    for (uint32_t i = 0; i < q->source_count; i++) {
        if ((q->lock.bits >> i & 1) != 0 && q->sources[i]->nullable) {
            enum err err = ctx_fail(c, at, ERR_BAD_QUERY,
                                    "`%.*s` is on the outer side of a join: it may have no row",
                                    STR_ARG(q->sources[i]->name));
            fail_hint(c->f, "name the tables that are to be locked in `of`");
            return err;
        }
    }
    return ERR_OK;
}

static enum err resolve_lock(struct context *c, struct query *q)
{
    if (q->lock.kind == LOCK_NONE) {
        return ERR_OK;
    }
    enum err err = q->lock.of != NULL ? resolve_of(c, q) : lock_tables(c, q);
    err = err != ERR_OK ? err : check_lockable(c, q);
    if (err == ERR_OK && c->d->lock[LOCK_UPDATE] == NULL && q->lock.wait == LOCK_SKIPS) {
        err =
            ctx_fail(c, q->lock.src, ERR_UNSUPPORTED_FEATURE,
                     "%s locks the whole database: there is no row to skip", c->d->words.name);
        fail_hint(c->f, "leave `skip_locked` out: the statement waits for its turn");
    }
    c->volatility = VOLATILITY_VOLATILE; /* a lock is an effect */
    c->locks = true;
    return err;
}

enum err resolve_choice(struct context *c, struct query *q)
{
    enum err err = q->distinct_count == 0 ? ERR_OK : resolve_distinct_on(c, q);
    return err != ERR_OK ? err : resolve_lock(c, q);
}
