/* SPDX-License-Identifier: MIT
 *
 * compiler/full.c: full joins: which database can do one itself, and which must be
 * written in two halves.
 *
 * The halves are a left join and the rows of the right side that match nothing, so
 * both sides and the condition stand twice in the SQL: they must give the same rows
 * both times.
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/walk.h"

/* PostgreSQL wants an equality of one side with the other. */
static bool has_equality(const struct query *q, const struct expr *on, uint64_t left,
                         uint64_t right)
{
    if (on->kind != EXPR_CALL) {
        return false;
    }
    if (str_is(str_of(on->call.op->name), "and")) {
        for (uint32_t i = 0; i < on->call.count; i++) {
            if (has_equality(q, on->call.args[i], left, right)) {
                return true;
            }
        }
        return false;
    }
    if (!str_is(str_of(on->call.op->name), "=") || on->call.count != 2) {
        return false;
    }
    uint64_t a = expr_sources(q, on->call.args[0]), b = expr_sources(q, on->call.args[1]);
    bool straight = (a & ~left) == 0 && (b & ~right) == 0;
    bool crossed = (a & ~right) == 0 && (b & ~left) == 0;
    return a != 0 && b != 0 && (straight || crossed);
}

/* ---- halves ---- */

static bool is_steady_source(const struct source *s)
{
    const struct table_form *f = s->form;
    if (f != NULL) {
        return f->call != NULL ? expr_repeats(f->call) : f->seed != NULL;
    }
    return s->query == NULL || query_repeats(s->query);
}

static enum err refuse_halves(struct context *c, const struct json *at, const char *why)
{
    enum err e = ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE, "%s has no such full join, and %s",
                          c->d->words.name, why);
    fail_hint(c->f, "join left, and add the other side's rows without a match by `union_all`");
    return e;
}

static enum err check_halves(struct context *c, const struct query *q, const struct join *j)
{
    if (!expr_repeats(j->on)) {
        return refuse_halves(c, j->src, "its condition may differ from one run to the next");
    }
    if ((expr_sources(q, j->on) & OUTER_BIT) != 0) {
        return refuse_halves(c, j->src, "its condition has columns of an outer query");
    }
    for (uint32_t i = 0; i < q->source_count; i++) {
        const struct source *s = q->sources[i];
        if ((j->bits >> i & 1) != 0 && !is_steady_source(s)) {
            return refuse_halves(c, s->src,
                                 "a subquery with a limit, a window or a volatile function "
                                 "may give other rows the second time");
        }
    }
    return ERR_OK;
}

/* Each one doubles the SQL of those inside it. */
#define MAX_SPLIT_DEPTH 4

static enum err check_depth(struct context *c, const struct query *q, const struct join *j)
{
    for (uint32_t i = 0; i < q->source_count; i++) {
        uint32_t depth = 0;
        for (const struct join *f = q->sources[i]->full; f != NULL; f = f->full) {
            depth++;
        }
        if (depth > MAX_SPLIT_DEPTH) {
            enum err e = ctx_fail(c, j->src, ERR_QUERY_TOO_LARGE,
                                  "more than %d full joins inside each other", MAX_SPLIT_DEPTH);
            fail_hint(c->f, "%s needs each of them written twice", c->d->words.name);
            return e;
        }
    }
    return ERR_OK;
}

/* Columns of these sources are columns of the derived table from now on. */
static void enclose(struct query *q, struct join *j)
{
    for (uint32_t i = 0; i < q->source_count; i++) {
        if ((j->bits >> i & 1) == 0) {
            continue;
        }
        struct join **at = &q->sources[i]->full;
        while (*at != NULL && *at != j) {
            at = &(*at)->full;
        }
        *at = j;
    }
}

static bool one_source(uint64_t bits)
{
    return (bits & (bits - 1)) == 0;
}

static bool is_native(const struct context *c, const struct query *q, const struct join *j,
                      uint64_t left)
{
    uint64_t right = j->bits & ~left;
    switch (c->d->full_join) {
    case FULL_NATIVE:
        return true;
    case FULL_OF_TWO:
        return one_source(left) && one_source(right);
    case FULL_EQUALITY:
        return has_equality(q, j->on, left, right);
    case FULL_NONE:
        break;
    }
    return false;
}

enum err resolve_full(struct context *c, struct query *q, struct join *j, uint64_t left)
{
    for (uint32_t i = 0; i < q->source_count; i++) {
        q->sources[i]->in_full = q->sources[i]->in_full || (j->bits >> i & 1) != 0;
    }
    if (is_native(c, q, j, left)) {
        return ERR_OK;
    }
    enum err e = check_halves(c, q, j);
    j->split = true;
    enclose(q, j);
    e = e != ERR_OK ? e : check_depth(c, q, j);
    return e != ERR_OK ? e : name_derived(c, j->src, &j->sql_name);
}
