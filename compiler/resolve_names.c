/* SPDX-License-Identifier: MIT
 *
 * compiler/resolve_names.c: tables and columns.
 *
 * A name means the nearest query around it that has it; a column that two
 * sources of that query have is an error. SQL gets our own names for aliases,
 * so no text of a client becomes an identifier.
 */
#include "compiler/names.h"
#include "compiler/resolve.h"

#include <assert.h>

/* All sources of a statement with its subqueries; their names are compared
 * pairwise. */
#define MAX_ALL_SOURCES 1000

uint32_t source_columns(const struct source *s)
{
    if (s->table != NULL) {
        return s->table->column_count;
    }
    return s->form != NULL ? s->form->column_count : s->query->output_count;
}

struct str source_column_name(const struct source *s, uint32_t i)
{
    if (s->table != NULL) {
        return s->table->columns[i].name;
    }
    return s->form != NULL ? s->form->columns[i].name : s->query->outputs[i].name;
}

void name_column(struct expr *e, const struct source *s, uint32_t index)
{
    e->kind = EXPR_NAME;
    e->resolved = true;
    e->name.source = s;
    e->name.column = index;
    if (s->table != NULL) {
        e->type = s->table->columns[index].type;
        e->nullable = s->nullable || s->table->columns[index].nullable;
    } else if (s->form != NULL) {
        e->type = s->form->columns[index].type;
        e->nullable = s->nullable || s->form->columns[index].nullable;
    } else {
        e->type = s->query->outputs[index].expr->type;
        e->nullable = s->nullable || s->query->outputs[index].expr->nullable;
    }
}

/* Where its source is on an outer side by now, a column has become nullable. */
void name_merged(struct expr *e, const struct merged *m)
{
    const struct json *src = e->src;
    *e = *m->expr;
    e->src = src;
    if (e->kind == EXPR_NAME) {
        name_column(e, e->name.source, e->name.column);
    } else {
        e->nullable = true;
    }
}

/* ---- tables ---- */

static enum err unknown_table(struct context *c, const struct json *at, struct str schema,
                              struct str name)
{
    struct str near[3];
    enum err e;
    if (schema.len > 0) {
        e = ctx_fail(c, at, ERR_UNKNOWN_TABLE, "there is no table `%.*s.%.*s`", STR_ARG(schema),
                     STR_ARG(name));
    } else {
        e = ctx_fail(c, at, ERR_UNKNOWN_TABLE, "there is no table `%.*s`", STR_ARG(name));
    }
    uint32_t n = catalog_near_tables(c->in->catalog, name, near, 3);
    if (n > 0) {
        fail_hint(c->f, "did you mean `%.*s`?", STR_ARG(near[0]));
    }
    return e;
}

static bool name_taken(const struct context *c, struct str name)
{
    for (uint32_t i = 0; i < c->all_count; i++) {
        if (str_ieq(c->all_sources[i]->sql_name, name)) {
            return true;
        }
    }
    return false;
}

static enum err give_name(struct context *c, struct source *s)
{
    if (c->all_count >= MAX_ALL_SOURCES) {
        return ctx_fail(c, s->src, ERR_QUERY_TOO_LARGE, "the statement has more than %d tables",
                        MAX_ALL_SOURCES);
    }
    bool plain = s->table != NULL && (!s->aliased || s->written);
    struct str name = plain ? s->table->name : (struct str){NULL, 0};
    /* what is written has no other name; queries of its `with` see nothing of it */
    while (name.len == 0 || (!s->written && name_taken(c, name))) {
        name = arena_printf(c->a, "t%u", ++c->sources_made);
        if (name.ptr == NULL) {
            return ctx_full(c);
        }
    }
    s->sql_name = name;
    if (!ctx_grow(c, &c->all_sources, c->all_count, &c->all_cap, sizeof(struct source *))) {
        return ctx_full(c);
    }
    c->all_sources[c->all_count++] = s;
    return ERR_OK;
}

enum err name_source(struct context *c, struct query *q, struct source *s)
{
    s->owner = q;
    return give_name(c, s);
}

enum err name_derived(struct context *c, const struct json *src, struct str *out)
{
    struct source *s = ARENA_NEW(c->a, struct source);
    if (s == NULL) {
        return ctx_full(c);
    }
    s->src = src;
    enum err e = give_name(c, s);
    *out = s->sql_name;
    return e;
}

enum err resolve_table(struct context *c, struct query *q, struct source *s)
{
    s->table = catalog_table(c->in->catalog, s->schema, s->sql_name);
    if (s->table == NULL) {
        return unknown_table(c, s->src, s->schema, s->sql_name);
    }
    enum err e = ctx_table(c, s->table, false);
    return e != ERR_OK ? e : name_source(c, q, s);
}

/* ---- columns ---- */

struct found {
    const struct merged *merged;         /* by `using`, else: */
    const struct source *source, *other; /* other: a second one that has it too */
    uint32_t column;
    bool seen;    /* a source of the right name was there */
    bool doubled; /* the source itself has it twice */
};

static bool source_matches(const struct source *s, const struct str part[3])
{
    if (part[1].len == 0) {
        return true;
    }
    if (!str_eq(s->name, part[1])) {
        return false;
    }
    return part[0].len == 0 ||
           (!s->aliased && s->table != NULL && str_eq(s->table->schema, part[0]));
}

static void find_in_source(const struct source *s, struct str column, struct found *f)
{
    uint32_t n = source_columns(s);
    for (uint32_t i = 0; i < n; i++) {
        if (!str_eq(source_column_name(s, i), column)) {
            continue;
        }
        if (f->source == s) {
            f->doubled = true;
        } else if (f->source != NULL) {
            f->other = s;
        } else {
            f->source = s;
            f->column = i;
        }
    }
}

static struct found find_in_query(const struct query *q, const struct str part[3])
{
    struct found f = {0};
    uint64_t hidden = 0;
    if (part[1].len == 0) {
        f.merged = find_merged(q, part[2], &hidden);
    }
    for (uint32_t i = 0; i < q->source_count; i++) {
        const struct source *s = q->sources[i];
        if (((q->visible & ~hidden) >> i & 1) != 0 && source_matches(s, part)) {
            f.seen = true;
            find_in_source(s, part[2], &f);
        }
    }
    return f;
}

static void hint_columns(struct context *c, const struct query *q, const struct str part[3])
{
    struct nearest n;
    nearest_init(&n, part[2]);
    for (; q != NULL; q = q->outer) {
        for (uint32_t i = 0; i < q->source_count; i++) {
            const struct source *s = q->sources[i];
            bool known = s->table != NULL || s->query != NULL || s->form != NULL;
            known = known && (q->visible >> i & 1) != 0;
            uint32_t count = known && source_matches(s, part) ? source_columns(s) : 0;
            for (uint32_t k = 0; k < count; k++) {
                nearest_try(&n, source_column_name(s, k));
            }
        }
    }
    nearest_hint(&n, c->f);
}

static enum err unknown_column(struct context *c, const struct query *q, const struct expr *e)
{
    const struct str *part = e->name.part;
    enum err err;
    if (part[1].len > 0) {
        err = ctx_fail(c, e->src, ERR_UNKNOWN_COLUMN, "`%.*s` has no column `%.*s`",
                       STR_ARG(part[1]), STR_ARG(part[2]));
    } else {
        err = ctx_fail(c, e->src, ERR_UNKNOWN_COLUMN, "there is no column `%.*s` in sight",
                       STR_ARG(part[2]));
    }
    hint_columns(c, q, part);
    fail_hint(c->f, "a string in a query is a name; a text is written {\"value\":\"…\"}");
    return err;
}

/* The table is not in FROM: a missing join, an alias not used, or a slip. */
static enum err unknown_qualifier(struct context *c, const struct query *q,
                                  const struct expr *e)
{
    struct str table = e->name.part[1];
    enum err err;
    assert(q != NULL);
    for (const struct query *up = q; up != NULL; up = up->outer) {
        for (uint32_t i = 0; i < up->source_count; i++) {
            const struct source *s = up->sources[i];
            if (s->aliased && s->table != NULL && str_eq(s->table->name, table)) {
                err = ctx_fail(c, e->src, ERR_UNKNOWN_TABLE, "there is no `%.*s` in sight",
                               STR_ARG(table));
                fail_hint(c->f, "it is called `%.*s` here", STR_ARG(s->name));
                return err;
            }
        }
    }
    if (catalog_table(c->in->catalog, e->name.part[0], table) != NULL) {
        err = ctx_fail(c, e->src, ERR_CARTESIAN_PRODUCT, "table `%.*s` is not part of `from`",
                       STR_ARG(table));
        fail_hint(c->f, "join it");
        return err;
    }
    err = ctx_fail(c, e->src, ERR_UNKNOWN_TABLE, "there is no table or alias `%.*s` in sight",
                   STR_ARG(table));
    struct nearest n;
    nearest_init(&n, table);
    for (uint32_t i = 0; i < q->source_count; i++) {
        nearest_try(&n, q->sources[i]->name);
    }
    nearest_hint(&n, c->f);
    return err;
}

static enum err ambiguous(struct context *c, const struct expr *e, const struct found *f)
{
    struct str column = e->name.part[2];
    enum err err = ctx_fail(c, e->src, ERR_AMBIGUOUS_COLUMN, "column `%.*s` is ambiguous",
                            STR_ARG(column));
    if (f->merged != NULL) {
        fail_hint(c->f, "it can be the one of `using` or `%.*s.%.*s`", STR_ARG(f->source->name),
                  STR_ARG(column));
    } else if (f->other != NULL) {
        fail_hint(c->f, "it can be `%.*s.%.*s` or `%.*s.%.*s`", STR_ARG(f->source->name),
                  STR_ARG(column), STR_ARG(f->other->name), STR_ARG(column));
    }
    return err;
}

/* order_by sees select aliases first: the name becomes the item's expression. */
static enum err find_alias(struct context *c, const struct query *q, struct expr *e,
                           bool *found)
{
    const struct output *hit = NULL;
    for (uint32_t i = 0; q->aliases_seen && i < q->output_count; i++) {
        const struct output *o = &q->outputs[i];
        if (o->aliased && e->name.part[1].len == 0 && str_eq(o->name, e->name.part[2])) {
            if (hit != NULL) {
                return ctx_fail(c, e->src, ERR_AMBIGUOUS_COLUMN, "alias `%.*s` is given twice",
                                STR_ARG(o->name));
            }
            hit = o;
        }
    }
    *found = hit != NULL;
    if (hit != NULL) {
        *e = *hit->expr;
    }
    return ERR_OK;
}

enum err resolve_name(struct context *c, struct query *q, struct expr *e)
{
    bool alias = false, qualifier_seen = e->name.part[1].len == 0;
    enum err err = find_alias(c, q, e, &alias);
    if (err != ERR_OK || alias) {
        return err;
    }
    for (const struct query *up = q; up != NULL; up = up->outer) {
        struct found f = find_in_query(up, e->name.part);
        if (f.other != NULL || f.doubled || (f.merged != NULL && f.source != NULL)) {
            return ambiguous(c, e, &f);
        }
        if (f.merged != NULL) {
            name_merged(e, f.merged);
            return ERR_OK;
        }
        if (f.source != NULL) {
            name_column(e, f.source, f.column);
            return ERR_OK;
        }
        qualifier_seen = qualifier_seen || f.seen;
    }
    return qualifier_seen ? unknown_column(c, q, e) : unknown_qualifier(c, q, e);
}
