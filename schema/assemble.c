/* SPDX-License-Identifier: MIT
 *
 * schema/assemble.c: rows to tables, columns, keys and foreign keys.
 *
 * Lists grow in malloc'ed memory while a table is in hand and are copied into the
 * catalog's arena, exactly as long as they are, when it is closed. Thread: as
 * schema/reflect.c.
 */
#include "schema/reflect_impl.h"

#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

void *reflect_push(struct reflect_list *l, size_t item_bytes)
{
    if (l->count == l->cap) {
        if (l->cap > UINT32_MAX / 4) {
            return NULL;
        }
        uint32_t cap = l->cap == 0 ? 16 : l->cap * 2;
        void *items = realloc(l->items, cap * item_bytes);
        if (items == NULL) {
            return NULL;
        }
        l->items = items;
        l->cap = cap;
    }
    return (char *)l->items + item_bytes * l->count++;
}

/* Moves the list behind the *count items at *items (arena memory). Rows of a table
 * that come in two runs are rare; the first run's array is lost to the arena then. */
static enum err settle(struct reflect *r, struct reflect_list *l, size_t item_bytes,
                       const void **items, uint32_t *count)
{
    if (l->count == 0) {
        return ERR_OK;
    }
    char *all = arena_alloc(r->arena, ((size_t)*count + l->count) * item_bytes);
    if (all == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    if (*count > 0) {
        memcpy(all, *items, *count * item_bytes);
    }
    memcpy(all + *count * item_bytes, l->items, l->count * item_bytes);
    *items = all;
    *count += l->count;
    l->count = 0;
    return ERR_OK;
}

static enum err settle_columns(struct reflect *r, struct table *t)
{
    const void *items = t->columns;
    enum err e = settle(r, &r->columns, sizeof(struct column), &items, &t->column_count);
    t->columns = items;
    return e;
}

static enum err settle_keys(struct reflect *r, struct table *t)
{
    const void *items = t->uniques;
    enum err e = settle(r, &r->uniques, sizeof(struct key), &items, &t->unique_count);
    t->uniques = items;
    items = t->indexes;
    if (e == ERR_OK) {
        e = settle(r, &r->indexes, sizeof(struct index_info), &items, &t->index_count);
        t->indexes = items;
    }
    items = t->foreign_keys;
    if (e == ERR_OK) {
        e = settle(r, &r->foreign_keys, sizeof(struct foreign_key), &items,
                   &t->foreign_key_count);
        t->foreign_keys = items;
    }
    return e;
}

/* ---- tables ---- */

static struct str lower(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.len);
    for (size_t i = 0; p != NULL && i < s.len; i++) {
        char c = s.ptr[i];
        p[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return (struct str){p, p == NULL ? 0 : s.len};
}

/* The first of several names that differ in case alone wins: there is no second
 * on SQLite, and MariaDB tells the exact spelling. */
static enum err fold_table(struct reflect *r, struct table *t)
{
    struct str key = lower(&r->scratch, t->name);
    if (key.ptr == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    return map_get(&r->folded, key) != NULL ? ERR_OK : map_put(&r->folded, key, t);
}

/* Tables are named by foreign keys and triggers as somebody once typed them. */
static enum err find_table(struct reflect *r, struct str schema, struct str name,
                           struct table **out)
{
    *out = catalog_builder_find(r->builder, schema, name);
    if (*out != NULL || !r->steps->folds_case) {
        return ERR_OK;
    }
    struct str key = lower(&r->scratch, name);
    if (key.ptr == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    struct table *t = map_get(&r->folded, key);
    *out = t != NULL && str_eq(t->schema, schema) ? t : NULL;
    return ERR_OK;
}

enum err reflect_add_table(struct reflect *r, const struct table *t)
{
    if (!reflect_name(r, t->name) || !reflect_name(r, t->schema)) {
        return ERR_OK;
    }
    struct table *copy = arena_alloc(r->arena, sizeof *copy);
    if (copy == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    *copy = *t;
    copy->schema = reflect_text(r, t->schema);
    copy->name = reflect_text(r, t->name);
    if (copy->schema.ptr == NULL || copy->name.ptr == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    enum err e = catalog_builder_table(r->builder, copy);
    if (e == ERR_DUPLICATE_NAME) {
        r->skipped++;
        return ERR_OK;
    }
    if (e == ERR_OK && r->steps->folds_case) {
        e = fold_table(r, copy);
    }
    return e;
}

enum err reflect_use(struct reflect *r, struct str schema, struct str name)
{
    const struct table *t = r->table;
    if (t != NULL && str_eq(t->name, name) && str_eq(t->schema, schema)) {
        return ERR_OK;
    }
    enum err e = reflect_close(r);
    return e == ERR_OK ? find_table(r, schema, name, &r->table) : e;
}

enum err reflect_add_column(struct reflect *r, const struct column *c)
{
    struct table *t = r->table;
    if (t == NULL || !reflect_name(r, c->name)) {
        return ERR_OK;
    }
    struct column *copy = reflect_push(&r->columns, sizeof *copy);
    if (copy == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    *copy = *c;
    copy->index = t->column_count + r->columns.count - 1;
    copy->name = reflect_text(r, c->name);
    copy->collation = reflect_text(r, c->collation);
    copy->type.name = reflect_text(r, c->type.name);
    bool whole =
        copy->name.ptr != NULL && copy->collation.ptr != NULL && copy->type.name.ptr != NULL;
    return whole ? ERR_OK : ERR_OUT_OF_MEMORY;
}

/* false if t has no such column. Names in keys may differ in case where the
 * database does not mind. */
static bool column_index(const struct reflect *r, const struct table *t, struct str name,
                         uint32_t *out)
{
    const struct column *c = name.ptr == NULL ? NULL : table_column(t, name);
    for (uint32_t i = 0; c == NULL && r->steps->folds_case && i < t->column_count; i++) {
        c = str_ieq(t->columns[i].name, name) ? &t->columns[i] : NULL;
    }
    *out = c == NULL ? 0 : c->index;
    return c != NULL;
}

static enum err push_index(struct reflect_list *l, uint32_t index)
{
    uint32_t *slot = reflect_push(l, sizeof *slot);
    if (slot == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    *slot = index;
    return ERR_OK;
}

/* The collected indexes with the life of the catalog; empties the list. */
static const uint32_t *take_indexes(struct reflect *r, struct reflect_list *l)
{
    uint32_t *copy = arena_alloc(r->arena, l->count * sizeof *copy);
    if (copy != NULL && l->count > 0) {
        memcpy(copy, l->items, l->count * sizeof *copy);
    }
    l->count = 0;
    return copy;
}

/* ---- keys ---- */

/* Texts of an open key are kept until its last row: rows are borrowed. */
static bool keep(struct reflect *r, struct str *s)
{
    if (s->ptr != NULL) {
        *s = reflect_text(r, *s);
        return s->ptr != NULL;
    }
    return true;
}

static enum err push_key(struct reflect *r, const struct key *k)
{
    const struct key_part *p = &r->key;
    if (p->primary) {
        r->table->primary_key = *k;
        return ERR_OK;
    }
    struct index_info *x = reflect_push(&r->indexes, sizeof *x);
    if (x == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    *x = (struct index_info){
        .key = *k, .unique = p->unique, .partial = p->partial, .has_expressions = p->odd};
    if (!p->unique || p->partial || p->odd) {
        return ERR_OK;
    }
    struct key *u = reflect_push(&r->uniques, sizeof *u);
    if (u == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    *u = *k;
    return ERR_OK;
}

static enum err close_key(struct reflect *r)
{
    if (!r->key_open) {
        return ERR_OK;
    }
    r->key_open = false;
    struct key k = {.name = r->key.name, .count = r->ours.count};
    k.columns = take_indexes(r, &r->ours);
    if (k.columns == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    if (r->key.primary && r->key.odd) { /* a part of a primary key identifies nothing */
        r->skipped++;
        return ERR_OK;
    }
    return push_key(r, &k);
}

static enum err open_key(struct reflect *r, const struct key_part *p)
{
    r->key = *p;
    r->key.odd = false;
    r->ours.count = 0;
    if (!keep(r, &r->key.group) || !keep(r, &r->key.name)) {
        return ERR_OUT_OF_MEMORY;
    }
    r->key_open = true;
    return ERR_OK;
}

enum err reflect_add_key_part(struct reflect *r, const struct key_part *p)
{
    if (r->table == NULL) {
        return ERR_OK;
    }
    enum err e = ERR_OK;
    if (!r->key_open || !str_eq(r->key.group, p->group)) {
        e = close_key(r);
        e = e == ERR_OK ? open_key(r, p) : e;
    }
    uint32_t index;
    if (e != ERR_OK) {
        return e;
    }
    if (!column_index(r, r->table, p->column, &index)) {
        r->key.odd = true;
        return ERR_OK;
    }
    r->key.odd = r->key.odd || p->odd;
    return push_index(&r->ours, index);
}

/* ---- foreign keys ---- */

/* Without target columns the target's primary key is meant, if it is as long. */
static bool point_at_primary_key(struct reflect *r, struct foreign_key *k)
{
    const struct key *pk = &r->fk_target->primary_key;
    k->target_columns = pk->columns;
    return r->fk.target_column.ptr == NULL && pk->count == k->count;
}

static enum err set_target(struct reflect *r, struct foreign_key *k)
{
    bool whole = r->fk_target != NULL && !r->fk_target_odd && r->theirs.count == k->count;
    if (whole || r->fk_target == NULL || !point_at_primary_key(r, k)) {
        k->target = whole ? r->fk_target : NULL;
        /* never NULL, so that nobody who forgets to look at target reads wild memory */
        k->target_columns =
            whole ? take_indexes(r, &r->theirs) : ARENA_ARRAY(r->arena, k->count, uint32_t);
        return k->target_columns == NULL ? ERR_OUT_OF_MEMORY : ERR_OK;
    }
    k->target = r->fk_target;
    return ERR_OK;
}

static enum err close_fk(struct reflect *r)
{
    if (!r->fk_open) {
        return ERR_OK;
    }
    r->fk_open = false;
    if (r->fk_odd) {
        r->skipped++;
        return ERR_OK;
    }
    struct foreign_key k = {.name = r->fk.name,
                            .count = r->ours.count,
                            .on_delete = r->fk.on_delete,
                            .on_update = r->fk.on_update};
    k.columns = take_indexes(r, &r->ours);
    if (k.columns == NULL || set_target(r, &k) != ERR_OK) {
        return ERR_OUT_OF_MEMORY;
    }
    struct foreign_key *slot = reflect_push(&r->foreign_keys, sizeof *slot);
    if (slot == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    *slot = k;
    return ERR_OK;
}

static enum err open_fk(struct reflect *r, const struct fk_part *p)
{
    r->fk = *p;
    r->fk_odd = r->fk_target_odd = false;
    r->ours.count = r->theirs.count = 0;
    r->fk.target_column.ptr = p->target_column.ptr == NULL ? NULL : "";
    if (!keep(r, &r->fk.group) || !keep(r, &r->fk.name)) {
        return ERR_OUT_OF_MEMORY;
    }
    r->fk_open = true;
    return find_table(r, p->target_schema, p->target, &r->fk_target);
}

enum err reflect_add_fk_part(struct reflect *r, const struct fk_part *p)
{
    if (r->table == NULL) {
        return ERR_OK;
    }
    enum err e = ERR_OK;
    if (!r->fk_open || !str_eq(r->fk.group, p->group)) {
        e = close_fk(r);
        e = e == ERR_OK ? open_fk(r, p) : e;
    }
    uint32_t index;
    if (e != ERR_OK) {
        return e;
    }
    r->fk_odd = r->fk_odd || !column_index(r, r->table, p->column, &index);
    e = r->fk_odd ? ERR_OK : push_index(&r->ours, index);
    if (e != ERR_OK || r->fk_target == NULL) {
        return e;
    }
    if (!column_index(r, r->fk_target, p->target_column, &index)) {
        r->fk_target_odd = true;
        return ERR_OK;
    }
    return push_index(&r->theirs, index);
}

/* ---- functions, and the end of a table ---- */

enum err reflect_add_function(struct reflect *r, const struct function_info *f)
{
    if (!reflect_name(r, f->name)) {
        return ERR_OK;
    }
    struct function_info copy = *f;
    copy.schema = reflect_text(r, f->schema);
    copy.name = reflect_text(r, f->name);
    copy.result.name = reflect_text(r, f->result.name);
    bool whole =
        copy.schema.ptr != NULL && copy.name.ptr != NULL && copy.result.name.ptr != NULL;
    return whole ? catalog_builder_function(r->builder, &copy) : ERR_OUT_OF_MEMORY;
}

enum err reflect_close(struct reflect *r)
{
    struct table *t = r->table;
    if (t == NULL) {
        return ERR_OK;
    }
    enum err e = close_key(r);
    if (e == ERR_OK) {
        e = close_fk(r);
    }
    if (e == ERR_OK) {
        e = settle_columns(r, t);
    }
    if (e == ERR_OK) {
        e = settle_keys(r, t);
    }
    r->table = NULL;
    return e;
}
