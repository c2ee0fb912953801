/* SPDX-License-Identifier: MIT
 *
 * compiler/using.c: joins by columns of one name, which become one column.
 *
 * The SQL always has ON: the databases differ in what USING makes of `*` and of names
 * with a table before them.
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/parse.h"
#include "compiler/resolve.h"

static struct expr *column_expr(struct context *c, const struct json *src,
                                const struct source *s, uint32_t column)
{
    struct expr *e = ARENA_NEW(c->a, struct expr);
    if (e != NULL) {
        e->src = src;
        name_column(e, s, column);
    }
    return e;
}

static struct expr *pair_call(struct context *c, const char *op, const struct merged *m,
                              const struct json *src)
{
    struct expr *e = ARENA_NEW(c->a, struct expr);
    struct expr **args = ARENA_ARRAY(c->a, 2, struct expr *);
    if (e == NULL || args == NULL) {
        return NULL;
    }
    args[0] = m->left;
    args[1] = m->right;
    *e = (struct expr){.kind = EXPR_CALL, .src = src, .resolved = true, .nullable = true};
    e->call.op = operator_find(str_of(op));
    e->call.args = args;
    e->call.count = 2;
    return e;
}

static bool means_merged(const struct merged *m, struct str name, uint64_t visible)
{
    return !m->hidden && (m->bits & ~visible) == 0 && str_eq(m->name, name);
}

struct merged *find_merged(const struct query *q, struct str name, uint64_t *hidden)
{
    struct merged *found = NULL;
    for (struct merged *m = q->merged; m != NULL; m = m->next) {
        if (means_merged(m, name, q->visible)) {
            /* Two of them: all but one stay in sight, so the name is ambiguous. */
            *hidden |= found == NULL ? m->bits : 0;
            found = m;
        }
    }
    return found;
}

/* ---- the column of one side ---- */

/* What a name of `using` means on one side: a merged column or one of a source. */
struct side {
    struct expr *expr;
    struct merged *merged; /* NULL: a source's own */
    uint64_t bits;
    uint32_t count; /* all that have the name */
};

static enum err add_source_column(struct context *c, const struct query *q, uint32_t at,
                                  const struct json *src, struct str name, struct side *out)
{
    const struct source *s = q->sources[at];
    uint32_t n = source_columns(s);
    for (uint32_t i = 0; i < n; i++) {
        if (str_eq(source_column_name(s, i), name)) {
            out->count++;
            out->bits = (uint64_t)1 << at;
            out->expr = column_expr(c, src, s, i);
            if (out->expr == NULL) {
                return ctx_full(c);
            }
        }
    }
    return ERR_OK;
}

static enum err find_side(struct context *c, const struct query *q, uint64_t bits,
                          const struct json *src, struct str name, struct side *out)
{
    uint64_t merged = 0;
    *out = (struct side){0};
    for (struct merged *m = q->merged; m != NULL; m = m->next) {
        if (means_merged(m, name, bits)) {
            *out = (struct side){m->expr, m, m->bits, out->count + 1};
            merged |= m->bits;
        }
    }
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < q->source_count && e == ERR_OK; i++) {
        if (((bits & ~merged) >> i & 1) != 0) {
            e = add_source_column(c, q, i, src, name, out);
        }
    }
    return e;
}

static void hint_side(struct context *c, const struct query *q, uint64_t bits, struct str name)
{
    struct nearest n;
    nearest_init(&n, name);
    for (uint32_t i = 0; i < q->source_count; i++) {
        uint32_t count = (bits >> i & 1) != 0 ? source_columns(q->sources[i]) : 0;
        for (uint32_t k = 0; k < count; k++) {
            nearest_try(&n, source_column_name(q->sources[i], k));
        }
    }
    nearest_hint(&n, c->f);
}

static enum err check_side(struct context *c, const struct query *q, uint64_t bits,
                           const struct json *src, struct str name, const struct side *s,
                           const char *which)
{
    if (s->count == 1) {
        return ERR_OK;
    }
    if (s->count > 1) {
        enum err e = ctx_fail(c, src, ERR_AMBIGUOUS_COLUMN,
                              "column `%.*s` is there %u times on the %s side of the join",
                              STR_ARG(name), s->count, which);
        fail_hint(c->f, "write `on` with the table's name before the column's");
        return e;
    }
    enum err e = ctx_fail(c, src, ERR_UNKNOWN_COLUMN,
                          "the %s side of the join has no column `%.*s`", which, STR_ARG(name));
    hint_side(c, q, bits, name);
    return e;
}

/* ---- the join ---- */

static enum err merged_value(struct context *c, struct query *q, const struct join *j,
                             struct merged *m, const struct json *src)
{
    if (j->kind == JOIN_RIGHT) {
        m->expr = m->right;
        return ERR_OK;
    }
    if (j->kind != JOIN_FULL) {
        m->expr = m->left;
        return ERR_OK;
    }
    /* A column of an outer side may be null; where the row is, one of both is there. */
    m->expr = pair_call(c, "coalesce", m, src);
    return m->expr == NULL ? ctx_full(c) : m->expr->call.op->rule(c, q, m->expr);
}

static enum err merge_column(struct context *c, struct query *q, struct join *j, uint64_t left,
                             const struct json *src, struct merged *m, struct expr **equal)
{
    struct str part[3];
    struct side a, b;
    uint64_t right = j->bits & ~left;
    enum err e = parse_name(c, src, 1, part);
    m->name = part[2];
    e = e != ERR_OK ? e : find_side(c, q, left, src, m->name, &a);
    e = e != ERR_OK ? e : check_side(c, q, left, src, m->name, &a, "left");
    e = e != ERR_OK ? e : find_side(c, q, right, src, m->name, &b);
    e = e != ERR_OK ? e : check_side(c, q, right, src, m->name, &b, "right");
    if (e != ERR_OK) {
        return e;
    }
    m->left = a.expr;
    m->right = b.expr;
    m->bits = a.bits | b.bits;
    if (a.merged != NULL) {
        a.merged->hidden = true;
    }
    if (b.merged != NULL) {
        b.merged->hidden = true;
    }
    *equal = pair_call(c, "=", m, src);
    return *equal == NULL ? ctx_full(c) : (*equal)->call.op->rule(c, q, *equal);
}

static enum err check_twice(struct context *c, const struct join *j, uint32_t i,
                            const struct json *src)
{
    for (uint32_t k = 0; k < i; k++) {
        if (str_eq(j->merged[k].name, j->merged[i].name)) {
            return ctx_fail(c, src, ERR_DUPLICATE_NAME, "`using` has the column `%.*s` twice",
                            STR_ARG(j->merged[i].name));
        }
    }
    return ERR_OK;
}

static struct expr *all_of(struct context *c, const struct join *j, struct expr **equals)
{
    struct expr *e = ARENA_NEW(c->a, struct expr);
    if (e == NULL || j->merged_count == 1) {
        return e == NULL ? NULL : equals[0];
    }
    *e = (struct expr){.kind = EXPR_CALL, .src = j->using, .resolved = true, .nullable = true};
    e->type = type_of(TYPE_BOOLEAN);
    e->call.op = operator_find(STR("and"));
    e->call.args = equals;
    e->call.count = j->merged_count;
    return e;
}

enum err join_using(struct context *c, struct query *q, struct join *j, uint64_t left)
{
    struct expr **equals = ARENA_ARRAY(c->a, j->using->len, struct expr *);
    j->merged = ARENA_ARRAY(c->a, j->using->len, struct merged);
    if (equals == NULL || j->merged == NULL) {
        return ctx_full(c);
    }
    enum err e = ERR_OK;
    for (const struct json *m = j->using->first; m != NULL && e == ERR_OK; m = m->next) {
        uint32_t i = j->merged_count;
        e = merge_column(c, q, j, left, m, &j->merged[i], &equals[i]);
        e = e != ERR_OK ? e : check_twice(c, j, i, m);
        j->merged_count++;
    }
    j->on = e == ERR_OK ? all_of(c, j, equals) : NULL;
    return e == ERR_OK && j->on == NULL ? ctx_full(c) : e;
}

enum err join_merged(struct context *c, struct query *q, struct join *j)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < j->merged_count && e == ERR_OK; i++) {
        e = merged_value(c, q, j, &j->merged[i], j->using);
        j->merged[i].next = q->merged;
        q->merged = &j->merged[i];
    }
    return e;
}
