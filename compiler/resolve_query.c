/* SPDX-License-Identifier: MIT
 *
 * compiler/resolve_query.c: what gives rows besides a select: compounds, values, and
 * the queries of `with`.
 *
 * The columns of a compound are names of a source of its own, `rows`, with the type
 * that all parts agree on; each part is told to give that type (struct output, `as`).
 */
#include "compiler/moments.h"
#include "compiler/operators.h"
#include "compiler/parse.h"
#include "compiler/resolve_select.h"
#include "compiler/types.h"
#include "compiler/write.h"

/* Of a numeric that MariaDB has. */
#define MOST_DIGITS 65

static const char *set_name(const struct query *q)
{
    static const char *const names[] = {"union",         "union_all", "intersect",
                                        "intersect_all", "except",    "except_all"};
    return q->kind == QUERY_VALUES ? "values" : names[q->set_op];
}

/* ---- columns ---- */

static enum err check_width(struct context *c, const struct query *q)
{
    for (uint32_t i = 1; i < q->part_count; i++) {
        const struct query *part = q->parts[i];
        if (part->output_count != q->parts[0]->output_count) {
            return ctx_fail(c, part->src, ERR_BAD_QUERY,
                            "the first part of `%s` has %u columns, this one %u", set_name(q),
                            q->parts[0]->output_count, part->output_count);
        }
    }
    return ERR_OK;
}

/* Rows that are compared whole cannot hold what has no equality. */
static enum err check_distinct(struct context *c, const struct query *q, const struct expr *e)
{
    if (q->set_op == SET_UNION_ALL || type_family(e->type.kind) != FAMILY_JSON) {
        return q->set_op == SET_UNION_ALL ? ERR_OK : need_spans(c, e);
    }
    enum err err =
        ctx_fail(c, e->src, ERR_TYPE_MISMATCH, "`%s` does not compare json", set_name(q));
    fail_hint(c->f, "use union_all, or cast it to text");
    return err;
}

/* Tells the part, and the parts of the part, what its column becomes. */
static void give_as(struct query *part, uint32_t column, const struct type *t, bool cast)
{
    struct output *o = &part->outputs[column];
    o->as = *t;
    o->as_cast = cast;
    for (uint32_t i = 0; i < part->part_count; i++) {
        give_as(part->parts[i], column, t, cast);
    }
}

/* Values inside something else get their type from there, if one of them has none of
 * its own: compiler/types.c. */
static bool waits_for_type(const struct query *q, struct expr *const *all, uint32_t count)
{
    bool untyped = q->is_part || q->outer != NULL;
    for (uint32_t i = 0; i < count && untyped; i++) {
        untyped = all[i]->type.kind == TYPE_UNKNOWN;
    }
    return untyped;
}

static enum err unify_column(struct context *c, struct query *q, uint32_t parts,
                             uint32_t column)
{
    struct expr *out = q->outputs[column].expr;
    struct expr **all = ARENA_ARRAY(c->a, parts, struct expr *);
    if (all == NULL) {
        return ctx_full(c);
    }
    out->nullable = false;
    for (uint32_t i = 0; i < parts; i++) {
        all[i] = q->parts[i]->outputs[column].expr;
        bool takes = i == 0 || (q->set_op != SET_EXCEPT && q->set_op != SET_EXCEPT_ALL);
        out->nullable = out->nullable || (takes && all[i]->nullable);
    }
    if (waits_for_type(q, all, parts)) {
        return ERR_OK;
    }
    enum err err = unify(c, all, parts, set_name(q), &out->type);
    err = err != ERR_OK ? err : same_intervals(c, all, parts);
    err = err != ERR_OK ? err : check_distinct(c, q, all[0]);
    for (uint32_t i = 0; i < parts && err == ERR_OK; i++) {
        give_as(q->parts[i], column, &out->type, false);
    }
    return err;
}

static struct str column_name(const struct query *q, uint32_t column)
{
    const struct json *given = q->cte == NULL ? NULL : q->cte->columns;
    if (given == NULL) {
        return q->parts[0]->outputs[column].name;
    }
    const struct json *m = given->first;
    for (uint32_t i = 0; i < column && m != NULL; i++) {
        m = m->next;
    }
    return m == NULL ? q->parts[0]->outputs[column].name : json_text(m);
}

/* The outputs of q, from its first parts. */
static enum err make_outputs(struct context *c, struct query *q, uint32_t parts)
{
    enum err err = check_width(
        c, &(struct query){
               .kind = q->kind, .set_op = q->set_op, .parts = q->parts, .part_count = parts});
    uint32_t width = q->parts[0]->output_count;
    q->outputs = ARENA_ARRAY(c->a, width, struct output);
    if (err != ERR_OK || q->outputs == NULL) {
        return err != ERR_OK ? err : ctx_full(c);
    }
    q->output_count = width;
    for (uint32_t i = 0; i < width && err == ERR_OK; i++) {
        struct expr *e = ARENA_NEW(c->a, struct expr);
        if (e == NULL) {
            return ctx_full(c);
        }
        *e = (struct expr){
            .kind = EXPR_NAME, .src = q->parts[0]->outputs[i].expr->src, .resolved = true};
        e->name.source = q->rows;
        e->name.column = i;
        q->outputs[i] = (struct output){.name = column_name(q, i), .expr = e, .aliased = true};
        err = unify_column(c, q, parts, i);
    }
    return err;
}

/* ---- a part that reads the rows before it ---- */

static enum err cannot_recur(struct context *c, const struct json *at, const char *why)
{
    enum err e = ctx_fail(c, at, ERR_BAD_QUERY, "%s", why);
    fail_hint(c->f, "the part that reads itself is the last one of a `union` or `union_all`: a "
                    "select with the name once in its own `from`, without grouping, distinct, "
                    "order and limit");
    return e;
}

static enum err check_tip(struct context *c, const struct query *q, const struct query *tip)
{
    if (q->order_count > 0 || q->limit != NULL || q->offset != NULL) {
        return cannot_recur(c, q->src,
                            "a recursive query has no order and no limit of its own");
    }
    if (tip->kind != QUERY_SELECT || tip->aggregated || tip->distinct ||
        tip->distinct_count > 0 || tip->order_count > 0 || tip->limit != NULL ||
        tip->offset != NULL) {
        return cannot_recur(c, tip->src, "this cannot be said of the rows before it");
    }
    for (uint32_t i = 0; i < tip->source_count; i++) {
        if (tip->sources[i]->cte == q->cte && tip->sources[i]->nullable) {
            return cannot_recur(c, tip->sources[i]->src,
                                "a recursive query cannot be on the outer side of a join");
        }
    }
    return ERR_OK;
}

/* The column keeps its first part's type from step to step, so that must hold what a
 * step gives. */
static enum err fit_step(struct context *c, struct query *q, uint32_t column)
{
    struct expr *out = q->outputs[column].expr;
    struct expr *step = q->parts[q->part_count - 1]->outputs[column].expr;
    struct expr *pair[] = {out, step};
    struct type first = out->type, t;
    enum err err = unify(c, pair, 2, set_name(q), &t);
    err = err != ERR_OK ? err : same_intervals(c, pair, 2);
    if (err == ERR_OK && t.kind == TYPE_NUMERIC &&
        (first.kind != TYPE_NUMERIC || first.scale != t.scale || step->type.scale < 0)) {
        err = type_mismatch(c, step, set_name(q), "in each step the type of the first");
        fail_hint(c->f, "cast both parts to one numeric(p,s)");
    }
    if (t.kind == TYPE_NUMERIC) {
        t.precision = MOST_DIGITS;
    }
    out->type = t;
    out->nullable = out->nullable || step->nullable;
    for (uint32_t i = 0; i < q->part_count && err == ERR_OK; i++) {
        give_as(q->parts[i], column, &t, true);
    }
    return err;
}

static enum err resolve_step(struct context *c, struct query *q)
{
    struct query *tip = q->parts[q->part_count - 1];
    tip->outer = q->outer;
    tip->holder = q;
    q->cte->tip = tip;
    q->cte->recursive = false;
    enum err err = resolve_query(c, tip);
    q->cte->tip = NULL;
    if (err != ERR_OK || !q->cte->recursive) {
        return err;
    }
    err = check_tip(c, q, tip);
    return err != ERR_OK ? err : check_width(c, q);
}

/* Fits all columns; *same: none of them became wider by that. */
static enum err fit_steps(struct context *c, struct query *q, bool *same)
{
    enum err err = ERR_OK;
    *same = true;
    for (uint32_t i = 0; i < q->output_count && err == ERR_OK; i++) {
        struct expr before = *q->outputs[i].expr, *after = q->outputs[i].expr;
        err = fit_step(c, q, i);
        *same = *same && before.type.kind == after->type.kind &&
                before.type.length == after->type.length && before.nullable == after->nullable;
    }
    return err;
}

/* The part again, as if nothing were known of it. */
static enum err parse_again(struct context *c, struct query **part)
{
    uint32_t claims = c->shape->claims;
    enum err err = parse_query(c, (*part)->src, part);
    c->shape->claims = claims;
    if (err == ERR_OK) {
        (*part)->is_part = true;
    }
    return err;
}

/* A step that makes a column wider may make others wider that are computed from it, so
 * it is read anew until nothing changes. */
static enum err resolve_tip(struct context *c, struct query *q)
{
    struct query **tip = &q->parts[q->part_count - 1];
    bool same = false;
    enum err err = make_outputs(c, q, q->part_count - 1);
    err = err != ERR_OK ? err : check_names_differ(c, q, q->cte->src);
    err = err != ERR_OK ? err : resolve_step(c, q);
    if (err == ERR_OK && !q->cte->recursive) {
        return make_outputs(c, q, q->part_count);
    }
    err = err != ERR_OK ? err : fit_steps(c, q, &same);
    while (err == ERR_OK && !same) {
        err = parse_again(c, tip);
        err = err != ERR_OK ? err : resolve_step(c, q);
        err = err != ERR_OK ? err : fit_steps(c, q, &same);
    }
    return err;
}

/* ---- compounds ---- */

static enum err resolve_parts(struct context *c, struct query *q)
{
    bool recursive = q->cte != NULL && q->holder->with.recursive &&
                     (q->set_op == SET_UNION || q->set_op == SET_UNION_ALL) &&
                     q->kind == QUERY_COMPOUND;
    uint32_t count = q->part_count - (recursive ? 1 : 0);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < q->part_count; i++) {
        q->parts[i]->outer = q->outer;
        q->parts[i]->holder = q;
    }
    for (uint32_t i = 0; i < count && err == ERR_OK; i++) {
        err = resolve_query(c, q->parts[i]);
        if (err == ERR_OK && q->kind == QUERY_VALUES && q->parts[i]->aggregated) {
            err = ctx_fail(c, q->parts[i]->src, ERR_BAD_QUERY, "an aggregate in `values`");
        }
    }
    if (err != ERR_OK) {
        return err;
    }
    return recursive ? resolve_tip(c, q) : make_outputs(c, q, q->part_count);
}

static enum err resolve_compound(struct context *c, struct query *q)
{
    q->rows = ARENA_NEW(c->a, struct source);
    if (q->rows == NULL) {
        return ctx_full(c);
    }
    *q->rows = (struct source){.src = q->src, .query = q, .aliased = true};
    enum err err = name_source(c, q, q->rows);
    err = err != ERR_OK ? err : resolve_parts(c, q);
    err = err != ERR_OK ? err : resolve_order(c, q);
    for (uint32_t i = 0; i < q->order_count && err == ERR_OK; i++) {
        err = refuse_outer(c, q, q->order[i].expr, "order_by");
    }
    return err;
}

/* ---- with ---- */

enum err check_names_differ(struct context *c, const struct query *q, const struct json *at)
{
    for (uint32_t i = 0; i < q->output_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (str_eq(q->outputs[i].name, q->outputs[k].name)) {
                return ctx_fail(c, at, ERR_DUPLICATE_NAME,
                                "the subquery has two columns `%.*s`",
                                STR_ARG(q->outputs[i].name));
            }
        }
    }
    return ERR_OK;
}

static enum err rename_outputs(struct context *c, struct cte *cte)
{
    struct query *q = cte->query;
    if (cte->columns == NULL) {
        return ERR_OK;
    }
    if (cte->columns->len != q->output_count) {
        return ctx_fail(c, cte->columns, ERR_BAD_ARITY, "the query has %u columns, not %u",
                        q->output_count, cte->columns->len);
    }
    uint32_t i = 0;
    for (const struct json *m = cte->columns->first; m != NULL; m = m->next) {
        q->outputs[i].name = json_text(m);
        q->outputs[i++].aliased = true;
    }
    return ERR_OK;
}

static enum err resolve_one(struct context *c, struct query *q, struct cte *cte)
{
    struct source name = {.src = cte->src, .query = cte->query, .aliased = true};
    enum err err = name_source(c, q, &name);
    c->all_count -= err == ERR_OK ? 1 : 0; /* only the name was wanted */
    cte->sql_name = name.sql_name;
    cte->query->holder = q;
    cte->query->cte = cte;
    if (err == ERR_OK) {
        err = cte->write != NULL ? resolve_write(c, cte->write) : resolve_query(c, cte->query);
    }
    err = err != ERR_OK ? err : rename_outputs(c, cte);
    cte->resolved = true;
    return err != ERR_OK ? err : check_names_differ(c, cte->query, cte->src);
}

enum err resolve_with(struct context *c, struct query *q)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < q->with.count && err == ERR_OK; i++) {
        q->with.visible = q->with.recursive ? i + 1 : i;
        err = resolve_one(c, q, &q->with.ctes[i]);
        q->with.visible = i + 1;
    }
    return err;
}

static struct cte *find_cte(struct query *q, struct str name)
{
    for (; q != NULL; q = q->holder != NULL ? q->holder : q->outer) {
        for (uint32_t i = 0; i < q->with.visible; i++) {
            if (str_eq(q->with.ctes[i].name, name)) {
                return &q->with.ctes[i];
            }
        }
    }
    return NULL;
}

static enum err check_self(struct context *c, const struct query *q, const struct source *s,
                           struct cte *cte)
{
    if (cte->resolved) {
        return ERR_OK;
    }
    if (cte->tip != q || cte->recursive) {
        return cannot_recur(c, s->src,
                            cte->recursive ? "the query reads itself twice"
                                           : "the query cannot read itself here");
    }
    cte->recursive = true;
    return ERR_OK;
}

enum err resolve_cte(struct context *c, struct query *q, struct source *s, bool *found)
{
    struct cte *cte = s->schema.len > 0 ? NULL : find_cte(q, s->sql_name);
    *found = cte != NULL;
    if (cte == NULL) {
        return ERR_OK;
    }
    enum err err = check_self(c, q, s, cte);
    if (err == ERR_OK && cte->write != NULL && !cte->write->has_returning) {
        err = ctx_fail(c, s->src, ERR_BAD_QUERY, "`%.*s` has no rows", STR_ARG(cte->name));
        fail_hint(c->f, "give it `returning`");
    }
    s->cte = cte;
    s->query = cte->query;
    return err != ERR_OK ? err : name_source(c, q, s);
}

/* ---- queries ---- */

enum err resolve_query(struct context *c, struct query *q)
{
    enum err err = resolve_with(c, q);
    if (err != ERR_OK) {
        return err;
    }
    return q->kind == QUERY_SELECT ? resolve_select(c, q) : resolve_compound(c, q);
}
