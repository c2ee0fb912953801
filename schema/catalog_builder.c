/* SPDX-License-Identifier: MIT
 *
 * schema/catalog_builder.c: tables and functions into a catalog, what one table has to do
 * with another, and the digest that tells two catalogs apart.
 *
 * Everything lies in the catalog's arena, except the maps' slots and the list of tables.
 */
#include "schema/catalog_builder.h"

#include "base/clock.h"
#include "schema/catalog_parts.h"

#include <stdlib.h>
#include <string.h>

struct catalog_builder {
    struct catalog *catalog;
    uint64_t seed;
};

/* ---- building ---- */

struct catalog_builder *catalog_builder_create(uint64_t seed)
{
    struct catalog_builder *b = calloc(1, sizeof *b);
    struct catalog *c = calloc(1, sizeof *c);
    if (b == NULL || c == NULL) {
        free(b);
        free(c);
        return NULL;
    }
    arena_init(&c->arena, 0);
    map_init(&c->tables, seed);
    map_init(&c->functions, seed);
    b->catalog = c;
    b->seed = seed;
    return b;
}

void catalog_builder_destroy(struct catalog_builder *b)
{
    if (b != NULL) {
        catalog_free(b->catalog);
        free(b);
    }
}

struct arena *catalog_builder_arena(struct catalog_builder *b)
{
    return &b->catalog->arena;
}

struct table *catalog_builder_find(struct catalog_builder *b, struct str schema,
                                   struct str name)
{
    return catalog_find_table(b->catalog, schema, name);
}

static enum err list_room(struct catalog *c)
{
    if (c->count < c->cap) {
        return ERR_OK;
    }
    if (c->cap > UINT32_MAX / 4) {
        return ERR_OUT_OF_MEMORY;
    }
    uint32_t cap = c->cap == 0 ? 64 : c->cap * 2;
    struct table_node **list = realloc(c->list, cap * sizeof(*list));
    if (list == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    c->list = list;
    c->cap = cap;
    return ERR_OK;
}

static struct table_node *make_node(struct arena *a, struct table *t)
{
    struct table_node *n = ARENA_NEW(a, struct table_node);
    if (n == NULL) {
        return NULL;
    }
    n->table = t;
    n->letters = letters_of(t->name);
    n->shown = t->in_path ? t->name
                          : arena_printf(a, "%.*s.%.*s", STR_ARG(t->schema), STR_ARG(t->name));
    return n->shown.ptr == NULL ? NULL : n;
}

static bool chain_has(const struct table_node *n, struct str schema)
{
    while (n != NULL && !str_eq(n->table->schema, schema)) {
        n = n->next;
    }
    return n != NULL;
}

enum err catalog_builder_table(struct catalog_builder *b, struct table *t)
{
    struct catalog *c = b->catalog;
    struct table_node *first = map_get(&c->tables, t->name);
    if (chain_has(first, t->schema)) {
        return ERR_DUPLICATE_NAME;
    }
    struct table_node *n = make_node(&c->arena, t);
    if (n == NULL || list_room(c) != ERR_OK) {
        return ERR_OUT_OF_MEMORY;
    }
    if (first != NULL) {
        n->next = first->next;
        first->next = n;
    } else if (map_put(&c->tables, t->name, n) != ERR_OK) {
        return ERR_OUT_OF_MEMORY;
    }
    c->list[c->count++] = n;
    return ERR_OK;
}

/* One entry stands for all overloads, in whatever schema: which one a call will
 * reach is the database's choice, so only the worst may be promised. */
static void merge_overload(struct function_info *into, const struct function_info *f)
{
    if (f->volatility > into->volatility) {
        into->volatility = f->volatility;
    }
    const struct type *a = &into->result, *b = &f->result;
    if (a->kind != b->kind || a->element != b->element || a->native != b->native) {
        into->result = type_of(TYPE_OPAQUE);
    }
    into->builtin = into->builtin && f->builtin;
    into->kind = into->kind == f->kind ? into->kind : FUNCTION_MIXED;
    into->result_of = into->result_of == f->result_of ? into->result_of : RESULT_OWN;
}

enum err catalog_builder_function(struct catalog_builder *b, const struct function_info *f)
{
    struct catalog *c = b->catalog;
    struct function_node *n = map_get(&c->functions, f->name);
    if (n != NULL) {
        merge_overload(&n->info, f);
        return ERR_OK;
    }
    n = ARENA_NEW(&c->arena, struct function_node);
    if (n == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    n->info = *f;
    return map_put(&c->functions, f->name, n);
}

/* Two snapshots of a process differ in their time or, if built in the same
 * nanosecond, in their address. */
static uint64_t make_version(const struct catalog *c, uint64_t seed)
{
    const uint64_t what[2] = {c->read_ns, (uint64_t)(uintptr_t)c};
    uint64_t v = hash_bytes((struct str){(const char *)what, sizeof what}, seed);
    return v == 0 ? 1 : v;
}

/* ---- what one table has to do with another ---- */

static struct table *mutable_table(const struct table *t)
{
    struct table *m; /* still the builder's own */
    memcpy(&m, &t, sizeof m);
    return m;
}

/* Until the end, `family` leads from one to the next, up to one that has none. */
static struct table *family_top(const struct table *t)
{
    while (t->family != NULL && t->family != t) {
        t = t->family;
    }
    return mutable_table(t);
}

void catalog_builder_relate(struct table *child, const struct table *parent)
{
    struct table *below = family_top(child), *above = family_top(parent);
    if (below != above) {
        below->family = above;
    }
    above->family = above;
}

/* All of a family names the same one, which has the worst of all. */
static void settle_families(const struct catalog *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct table *t = c->list[i]->table;
        t->fires = t->fires || t->has_triggers;
        if (t->family != NULL) {
            struct table *top = family_top(t);
            t->family = top;
            top->fires = top->fires || t->fires;
            top->shows = t->shows > top->shows ? t->shows : top->shows;
        }
    }
}

static struct table *referred(const struct foreign_key *k)
{
    return k->target == NULL           ? NULL
           : k->target->family != NULL ? mutable_table(k->target->family)
                                       : mutable_table(k->target);
}

static void count_referrers(const struct catalog *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const struct table *t = c->list[i]->table;
        for (uint32_t k = 0; k < t->foreign_key_count; k++) {
            struct table *to = referred(&t->foreign_keys[k]);
            if (to != NULL) {
                to->referrer_count++;
            }
        }
    }
}

static enum err settle_referrers(struct catalog *c)
{
    count_referrers(c);
    for (uint32_t i = 0; i < c->count; i++) {
        struct table *t = c->list[i]->table;
        t->referrers = ARENA_ARRAY(&c->arena, t->referrer_count, struct referrer);
        if (t->referrers == NULL) {
            return ERR_OUT_OF_MEMORY;
        }
        t->referrer_count = 0;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        const struct table *t = c->list[i]->table;
        for (uint32_t k = 0; k < t->foreign_key_count; k++) {
            struct table *to = referred(&t->foreign_keys[k]);
            if (to != NULL) {
                struct referrer *list; /* made above */
                memcpy(&list, &to->referrers, sizeof list);
                list[to->referrer_count++] = (struct referrer){t, &t->foreign_keys[k]};
            }
        }
    }
    return ERR_OK;
}

/* ---- what tells one from another ---- */

static uint64_t mix(uint64_t h, const void *bytes, size_t len)
{
    return hash_bytes((struct str){bytes, len}, h);
}

static uint64_t mix_key(uint64_t h, const struct key *k)
{
    return k->count == 0 ? mix(h, "-", 1) : mix(h, k->columns, k->count * sizeof *k->columns);
}

static uint64_t mix_columns(uint64_t h, const struct table *t)
{
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        const unsigned facts[] = {c->type.kind, c->type.native,    c->nullable,
                                  c->generated, c->equal_bytewise, c->has_default};
        h = mix(mix(h, c->name.ptr, c->name.len), facts, sizeof facts);
    }
    return h;
}

static uint64_t mix_foreign_keys(uint64_t h, const struct table *t)
{
    for (uint32_t i = 0; i < t->foreign_key_count; i++) {
        const struct foreign_key *k = &t->foreign_keys[i];
        const unsigned actions[] = {k->on_delete, k->on_update, k->target != NULL};
        h = mix(mix(h, actions, sizeof actions), k->columns, k->count * sizeof *k->columns);
        if (k->target != NULL) {
            h = mix(mix(h, k->target->schema.ptr, k->target->schema.len), k->target->name.ptr,
                    k->target->name.len);
        }
    }
    return h;
}

static uint64_t mix_table(uint64_t h, const struct table *t)
{
    const unsigned facts[] = {t->kind,  t->in_path,        t->fires,
                              t->shows, t->family != NULL, t->replaces};
    h = mix(mix(h, t->schema.ptr, t->schema.len), t->name.ptr, t->name.len);
    h = mix_key(mix(h, facts, sizeof facts), &t->primary_key);
    for (uint32_t i = 0; i < t->unique_count; i++) {
        h = mix_key(h, &t->uniques[i]);
    }
    return mix_foreign_keys(mix_columns(h, t), t);
}

static uint64_t make_digest(const struct catalog *c)
{
    uint64_t h = c->count;
    for (uint32_t i = 0; i < c->count; i++) {
        h = mix_table(h, c->list[i]->table);
    }
    return h;
}

enum err catalog_builder_finish(struct catalog_builder *b, struct catalog **out)
{
    struct catalog *c = b->catalog;
    settle_families(c);
    if (settle_referrers(c) != ERR_OK) {
        catalog_builder_destroy(b);
        return ERR_OUT_OF_MEMORY;
    }
    atomic_init(&c->refs, 1);
    c->read_ns = clock_now_ns();
    c->version = make_version(c, b->seed);
    c->digest = make_digest(c);
    free(b);
    *out = c;
    return ERR_OK;
}
