/* SPDX-License-Identifier: MIT
 *
 * compiler/parse_group.c: group_by.
 *
 *   [G…]   G := E | {"rollup": [E…]} | {"cube": [E…]} | {"grouping_sets": [[E…]…]}
 *
 * What several G make is every combination of theirs, as in SQL: each grouping set is
 * a set of bits over all expressions.
 */
#include "compiler/names.h"
#include "compiler/parse.h"

/* Bits of a grouping set, less one. */
#define MAX_GROUPED 63
#define MAX_SETS 256
#define MAX_CUBE 8

struct sets {
    uint64_t masks[MAX_SETS];
    uint32_t count;
};

static enum err too_many(struct context *c, const struct json *at)
{
    return ctx_fail(c, at, ERR_QUERY_TOO_LARGE, "more than %d grouping sets", MAX_SETS);
}

static enum err add_set(struct context *c, const struct json *at, struct sets *s, uint64_t mask)
{
    if (s->count == MAX_SETS) {
        return too_many(c, at);
    }
    s->masks[s->count++] = mask;
    return ERR_OK;
}

static enum err add_expr(struct context *c, const struct json *j, struct query *q)
{
    if (q->group_count > MAX_ENTRIES) {
        return ctx_fail(c, j, ERR_QUERY_TOO_LARGE, "`group_by` has more than %d members",
                        MAX_ENTRIES);
    }
    if (!ctx_grow(c, &q->group, q->group_count, &q->group_cap, sizeof *q->group)) {
        return ctx_full(c);
    }
    return parse_expr(c, j, &q->group[q->group_count++]);
}

/* [E…]: *mask gets their bits; `least` of them. */
static enum err add_list(struct context *c, const struct json *j, struct query *q,
                         uint32_t least, uint64_t *mask)
{
    *mask = 0;
    if (j->kind != JSON_ARRAY) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "a list of expressions stands here, not %s",
                        json_kind_name(j));
    }
    if (j->len < least) {
        return ctx_fail(c, j, ERR_EMPTY_LIST, "the list is empty");
    }
    enum err e = ERR_OK;
    for (const struct json *m = j->first; m != NULL && e == ERR_OK; m = m->next) {
        e = add_expr(c, m, q);
        if (e == ERR_OK && q->group_count > MAX_GROUPED) {
            e = ctx_fail(c, m, ERR_QUERY_TOO_LARGE, "grouping sets take at most %d expressions",
                         MAX_GROUPED);
        }
        *mask |= e == ERR_OK ? (uint64_t)1 << (q->group_count - 1) : 0;
    }
    return e;
}

/* The whole list, and all of it but the last, the last two … */
static enum err add_rollup(struct context *c, const struct json *j, struct query *q,
                           struct sets *out)
{
    uint64_t mask;
    uint32_t first = q->group_count;
    enum err e = add_list(c, j, q, 1, &mask);
    for (uint32_t n = q->group_count; e == ERR_OK && n + 1 > first; n--) {
        e = add_set(c, j, out, (((uint64_t)1 << n) - 1) & mask);
        if (n == 0) {
            break;
        }
    }
    return e;
}

static enum err add_cube(struct context *c, const struct json *j, struct query *q,
                         struct sets *out)
{
    uint64_t mask;
    uint32_t first = q->group_count;
    enum err e = add_list(c, j, q, 1, &mask);
    uint32_t n = q->group_count - first;
    if (e == ERR_OK && n > MAX_CUBE) {
        e = ctx_fail(c, j, ERR_QUERY_TOO_LARGE, "`cube` takes at most %d expressions",
                     MAX_CUBE);
    }
    for (uint64_t bits = (uint64_t)1 << (n & 63); e == ERR_OK && bits > 0; bits--) {
        e = add_set(c, j, out, (bits - 1) << first);
    }
    return e;
}

static enum err add_sets(struct context *c, const struct json *j, struct query *q,
                         struct sets *out)
{
    if (j->kind != JSON_ARRAY || j->len == 0) {
        return ctx_fail(c, j, j->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                        "`grouping_sets` takes [[E…]…]");
    }
    enum err e = ERR_OK;
    for (const struct json *m = j->first; m != NULL && e == ERR_OK; m = m->next) {
        uint64_t mask;
        e = add_list(c, m, q, 0, &mask);
        e = e != ERR_OK ? e : add_set(c, m, out, mask);
    }
    return e;
}

static bool is_form(const struct json *j)
{
    return j->kind == JSON_OBJECT &&
           (json_get(j, "rollup") != NULL || json_get(j, "cube") != NULL ||
            json_get(j, "grouping_sets") != NULL);
}

/* A G: the sets that it makes alone. */
static enum err add_member(struct context *c, const struct json *j, struct query *q,
                           struct sets *out)
{
    out->count = 0;
    if (!is_form(j)) {
        enum err e = add_expr(c, j, q);
        return e != ERR_OK ? e : add_set(c, j, out, (uint64_t)1 << ((q->group_count - 1) & 63));
    }
    if (j->len != 1) {
        return ctx_fail(c, j, ERR_BAD_QUERY,
                        "this takes one of `rollup`, `cube` and `grouping_sets`");
    }
    const struct json *rollup = json_get(j, "rollup"), *cube = json_get(j, "cube");
    return rollup != NULL ? add_rollup(c, rollup, q, out)
           : cube != NULL ? add_cube(c, cube, q, out)
                          : add_sets(c, json_get(j, "grouping_sets"), q, out);
}

/* Every set of `all` with every one of `more`. */
static enum err combine(struct context *c, const struct json *at, struct sets *all,
                        const struct sets *more)
{
    struct sets old = *all;
    if ((uint64_t)all->count * more->count > MAX_SETS) {
        return too_many(c, at);
    }
    all->count = 0;
    for (uint32_t i = 0; i < old.count; i++) {
        for (uint32_t k = 0; k < more->count; k++) {
            all->masks[all->count++] = old.masks[i] | more->masks[k];
        }
    }
    return ERR_OK;
}

static enum err keep_sets(struct context *c, const struct json *j, struct query *q,
                          const struct sets *all)
{
    if (q->group_count > MAX_GROUPED) {
        return ctx_fail(c, j, ERR_QUERY_TOO_LARGE, "grouping sets take at most %d expressions",
                        MAX_GROUPED);
    }
    q->sets = ARENA_ARRAY(c->a, all->count, uint64_t);
    for (uint32_t i = 0; q->sets != NULL && i < all->count; i++) {
        q->sets[q->set_count++] = all->masks[i];
    }
    return q->sets == NULL ? ctx_full(c) : ERR_OK;
}

enum err parse_group_by(struct context *c, const struct json *j, struct query *q)
{
    struct sets *all = ARENA_NEW(c->a, struct sets), *more = ARENA_NEW(c->a, struct sets);
    bool forms = false;
    if (all == NULL || more == NULL) {
        return ctx_full(c);
    }
    if (j->kind != JSON_ARRAY || j->len == 0) {
        return ctx_fail(c, j, j->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                        "`group_by` takes a list with at least one member");
    }
    all->count = 1;
    enum err e = ERR_OK;
    for (const struct json *m = j->first; m != NULL && e == ERR_OK; m = m->next) {
        forms = forms || is_form(m);
        e = add_member(c, m, q, more);
        e = e != ERR_OK ? e : combine(c, m, all, more);
    }
    return e == ERR_OK && forms ? keep_sets(c, j, q, all) : e;
}
