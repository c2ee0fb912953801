/* SPDX-License-Identifier: MIT
 *
 * compiler/resolve_upsert.c: which unique key `conflict` means, what its expressions
 * mean, and how a write is done where the database has no words for it.
 */
#include "compiler/names.h"
#include "compiler/resolve.h"
#include "compiler/walk.h"

static const struct table *target(const struct write *w)
{
    return w->scope.sources[0]->table;
}

/* ---- the key ---- */

static bool key_has(const struct key *k, uint32_t column)
{
    for (uint32_t i = 0; i < k->count; i++) {
        if (k->columns[i] == column) {
            return true;
        }
    }
    return false;
}

/* Key `i` of a table: the primary key, then the others; NULL behind the last. */
static const struct key *nth_key(const struct table *t, uint32_t i)
{
    if (t->primary_key.count > 0 && i == 0) {
        return &t->primary_key;
    }
    i -= t->primary_key.count > 0 ? 1 : 0;
    return i < t->unique_count ? &t->uniques[i] : NULL;
}

static void hint_keys(struct context *c, const struct table *t)
{
    struct buf b;
    buf_init(&b);
    const struct key *k;
    for (uint32_t i = 0; (k = nth_key(t, i)) != NULL; i++) {
        buf_printf(&b, i > 0 ? ", [" : "[");
        for (uint32_t n = 0; n < k->count; n++) {
            struct str name = t->columns[k->columns[n]].name;
            buf_printf(&b, "%s\"%.*s\"", n > 0 ? "," : "", STR_ARG(name));
        }
        buf_char(&b, ']');
    }
    if (b.len > 0 && !b.failed) {
        fail_hint(c->f, "its unique keys are %.*s", STR_ARG(buf_str(&b)));
    }
    buf_fini(&b);
}

/* The key with exactly the columns of `on`. */
static enum err find_key(struct context *c, const struct write *w, struct upsert *u)
{
    const struct table *t = target(w);
    const struct key *k;
    for (uint32_t i = 0; (k = nth_key(t, i)) != NULL; i++) {
        bool same = k->count == u->on_count;
        for (uint32_t n = 0; n < u->on_count && same; n++) {
            same = key_has(k, u->on[n]->name.column);
        }
        if (same) {
            u->key = k;
            return ERR_OK;
        }
    }
    enum err e =
        ctx_fail(c, json_get(u->src, "on"), ERR_BAD_QUERY,
                 "no unique key of `%.*s` has exactly these columns", STR_ARG(t->name));
    hint_keys(c, t);
    return e;
}

static enum err find_constraint(struct context *c, const struct write *w, struct upsert *u)
{
    const struct table *t = target(w);
    struct str name = json_text(u->constraint);
    struct nearest n;
    nearest_init(&n, name);
    const struct key *k;
    for (uint32_t i = 0; (k = nth_key(t, i)) != NULL; i++) {
        if (k->name.len > 0 && str_eq(k->name, name)) {
            u->key = k;
            return ERR_OK;
        }
        nearest_try(&n, k->name);
    }
    enum err e = ctx_fail(c, u->constraint, ERR_BAD_QUERY, "`%.*s` has no unique key `%.*s`",
                          STR_ARG(t->name), STR_ARG(name));
    nearest_hint(&n, c->f);
    return e;
}

static bool has_no_value(const struct expr *e, void *arg)
{
    bool value = e->kind == EXPR_LITERAL || e->kind == EXPR_PARAM || e->kind == EXPR_LIST ||
                 e->kind == EXPR_PARAM_LIST || e->kind == EXPR_QUERY;
    return !value && expr_children(e, has_no_value, arg);
}

/* An index on expressions or with a condition is known to the database alone. */
static enum err check_index_part(struct context *c, const struct expr *e, bool has_such,
                                 const char *what)
{
    if (!has_such) {
        enum err err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE, "%s has no %s in `on`",
                                c->d->words.name, what);
        fail_hint(c->f, "name the columns of a plain unique key");
        return err;
    }
    if (!has_no_value(e, NULL)) {
        enum err err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                                "a value cannot be compared with that of an index");
        fail_hint(c->f, "true, false, null and columns can stand here");
        return err;
    }
    return ERR_OK;
}

static enum err resolve_on(struct context *c, struct write *w, struct upsert *u)
{
    bool plain = u->index_where == NULL;
    for (uint32_t i = 0; i < u->on_count; i++) {
        struct expr *e = u->on[i];
        enum err err = resolve_expr(c, &w->scope, e);
        if (err == ERR_OK && e->kind != EXPR_NAME) {
            plain = false;
            err = check_index_part(c, e, c->d->expression_keys, "expressions");
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    if (u->index_where != NULL) {
        enum err err = resolve_condition(c, &w->scope, u->index_where, "index_where");
        return err != ERR_OK
                   ? err
                   : check_index_part(c, u->index_where, c->d->partial_keys, "partial indexes");
    }
    return plain && u->on_count > 0 ? find_key(c, w, u) : ERR_OK;
}

/* ---- what is updated ---- */

/* The stored row by its name, the proposed one as `new`. */
static enum err make_scope(struct context *c, struct write *w, struct upsert *u)
{
    struct source *proposed = ARENA_NEW(c->a, struct source);
    struct source **sources = ARENA_ARRAY(c->a, 2, struct source *);
    if (proposed == NULL || sources == NULL) {
        return ctx_full(c);
    }
    *proposed = (struct source){.src = u->src,
                                .name = STR("new"),
                                .table = target(w),
                                .sql_name = STR("excluded"),
                                .bit = 1,
                                .aliased = true,
                                .proposed = true,
                                .owner = &u->scope};
    sources[0] = w->scope.sources[0];
    sources[1] = proposed;
    u->scope.sources = sources;
    u->scope.source_count = 2;
    u->scope.visible = ~(uint64_t)0;
    u->scope.no_aggregates = true;
    u->scope.holder = &w->scope;
    return ERR_OK;
}

/* ---- the way ---- */

/* The columns that an insert gives, in whichever form. */
static bool gives(const struct write *w, uint32_t set, const struct column *column)
{
    bool listed = w->columns != NULL;
    const struct assign *list = listed ? w->columns : w->sets[set].assigns;
    uint32_t n = listed ? w->column_count : w->sets[set].count;
    for (uint32_t i = 0; i < n; i++) {
        if (list[i].column == column) {
            return true;
        }
    }
    return false;
}

/* A key with a column that is null, or numbers itself, clashes with no row. */
static bool may_clash(const struct write *w, const struct key *k)
{
    uint32_t sets = w->columns != NULL ? 1 : w->set_count;
    for (uint32_t set = 0; set < sets; set++) {
        bool may = true;
        for (uint32_t i = 0; i < k->count && may; i++) {
            const struct column *col = &target(w)->columns[k->columns[i]];
            bool fresh = col->auto_key || (col->nullable && !col->has_default);
            may = gives(w, set, col) || !fresh;
        }
        if (may) {
            return true;
        }
    }
    return false;
}

/* Whether no key but `key` can be the one that clashes. */
static bool is_only_key(const struct write *w, const struct key *key)
{
    const struct table *t = target(w);
    const struct key *k;
    for (uint32_t i = 0; (k = nth_key(t, i)) != NULL; i++) {
        bool wider = true; /* a row that clashes there clashes in `key` too */
        for (uint32_t n = 0; n < key->count && wider; n++) {
            wider = key_has(k, key->columns[n]);
        }
        if (!wider && may_clash(w, k)) {
            return false;
        }
    }
    return !t->has_triggers;
}

static bool is_assigned(const struct write_set *s, const struct column *column)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->assigns[i].column == column) {
            return true;
        }
    }
    return false;
}

/* A key that names one row before and after it is changed. */
static bool find_row_key(const struct write *w, const struct write_set *changes,
                         struct key *out)
{
    const struct table *t = target(w);
    const struct key *k;
    for (uint32_t i = 0; (k = nth_key(t, i)) != NULL; i++) {
        bool fits = true;
        for (uint32_t n = 0; n < k->count && fits; n++) {
            const struct column *col = &t->columns[k->columns[n]];
            fits = !(col->nullable && k != &t->primary_key) && !is_assigned(changes, col);
        }
        if (fits) {
            *out = *k;
            return true;
        }
    }
    return false;
}

static enum err no_row_key(struct context *c, const struct write *w, const char *clause)
{
    enum err e = ctx_fail(c, json_get(w->src, clause), ERR_UNSUPPORTED_FEATURE,
                          "%s does this by a key of `%.*s` that stays as it is, and there "
                          "is none",
                          c->d->words.name, STR_ARG(target(w)->name));
    fail_hint(c->f, "leave the primary key as it is, or give the table one");
    return e;
}

static enum err look_first(struct context *c, struct write *w)
{
    bool rows = w->value_rows == 0 && w->query == NULL;
    w->way = WAY_LOOK;
    if (!rows) {
        enum err e = ctx_fail(c, w->upsert->src, ERR_UNSUPPORTED_FEATURE,
                              "%s does this row by row", c->d->words.name);
        fail_hint(c->f, "give the rows as `rows` or `set`");
        return e;
    }
    return find_row_key(w, &w->upsert->set, &w->row_key) ? ERR_OK
                                                         : no_row_key(c, w, "conflict");
}

static enum err choose_way(struct context *c, struct write *w)
{
    const struct upsert *u = w->upsert;
    if (c->d->on_conflict) {
        return ERR_OK;
    }
    bool only = u->key == NULL || is_only_key(w, u->key);
    if (u->updates && only && u->where == NULL) {
        w->way = WAY_DUPLICATE;
        return ERR_OK;
    }
    if (u->updates || !only) {
        return look_first(c, w);
    }
    w->way = WAY_SKIP;
    if (w->value_rows > 1 || w->query != NULL) {
        enum err e = ctx_fail(c, u->src, ERR_UNSUPPORTED_FEATURE, "%s does this row by row",
                              c->d->words.name);
        fail_hint(c->f, "give the rows as `rows`");
        return e;
    }
    return ERR_OK;
}

enum err resolve_upsert(struct context *c, struct write *w)
{
    struct upsert *u = w->upsert;
    if (u->updates && w->value_rows > 1) {
        enum err e = ctx_fail(c, u->src, ERR_UNSUPPORTED_FEATURE,
                              "databases disagree on `values` that clash with each other");
        fail_hint(c->f, "give the rows as `rows`: they are taken one after the other");
        return e;
    }
    for (uint32_t i = 0; i < w->set_count && !c->shape->rows_unknown; i++) {
        if (w->value_rows == 0 && w->query == NULL && w->sets[i].count == 0) {
            enum err e = ctx_fail(c, u->src, ERR_UNSUPPORTED_FEATURE,
                                  "a row of defaults cannot have a `conflict`");
            fail_hint(c->f, "give one of its columns");
            return e;
        }
    }
    enum err err = u->constraint != NULL ? find_constraint(c, w, u) : resolve_on(c, w, u);
    err = err != ERR_OK ? err : make_scope(c, w, u);
    err = err != ERR_OK ? err : resolve_assigns(c, w, &u->set, &u->scope);
    if (err == ERR_OK && u->where != NULL) {
        err = resolve_condition(c, &u->scope, u->where, "where");
    }
    return err != ERR_OK ? err : choose_way(c, w);
}

/* ---- update … returning ---- */

enum err resolve_returned_update(struct context *c, struct write *w)
{
    if (c->d->update_returning) {
        return ERR_OK;
    }
    w->way = WAY_KEYS;
    if (reads_target_again(c, w)) {
        enum err e = ctx_fail(c, json_get(w->src, "returning"), ERR_UNSUPPORTED_FEATURE,
                              "%s has no UPDATE … RETURNING for an update that reads its "
                              "own table",
                              c->d->words.name);
        fail_hint(c->f, "select the rows afterwards by their key");
        return e;
    }
    return find_row_key(w, &w->sets[0], &w->row_key) ? ERR_OK : no_row_key(c, w, "returning");
}
