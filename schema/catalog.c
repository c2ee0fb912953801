/* SPDX-License-Identifier: MIT
 *
 * schema/catalog.c: the snapshot, its maps, and near names.
 *
 * Everything lies in the catalog's arena, except the maps' slots and the list of
 * tables. Nothing is written after catalog_builder_finish but the count of
 * references, so readers need no lock.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "schema/catalog_builder.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Tables of one name in different schemas form a chain. */
struct table_node {
    struct table *table;
    struct str shown; /* `name`, or `schema.name` when the bare name does not find it */
    uint32_t letters; /* letters_of(name) */
    struct table_node *next;
};

struct function_node {
    struct function_info info;
};

struct catalog {
    _Atomic uint32_t refs;
    uint64_t version;
    uint64_t read_ns;
    uint64_t digest;
    struct arena arena;
    struct map tables;    /* name → first struct table_node of its chain */
    struct map functions; /* name → struct function_node */
    struct table_node **list;
    uint32_t count, cap;
};

struct catalog_builder {
    struct catalog *catalog;
    uint64_t seed;
};

/* ---- references ---- */

struct catalog *catalog_ref(struct catalog *c)
{
    if (c != NULL) {
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    }
    return c;
}

static void catalog_free(struct catalog *c)
{
    map_fini(&c->tables);
    map_fini(&c->functions);
    arena_fini(&c->arena);
    free(c->list);
    free(c);
}

void catalog_unref(struct catalog *c)
{
    /* Release and acquire: whoever frees sees that all others have finished reading. */
    if (c != NULL && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1) {
        catalog_free(c);
    }
}

/* ---- lookups ---- */

uint64_t catalog_version(const struct catalog *c)
{
    return c->version;
}

uint64_t catalog_read_ns(const struct catalog *c)
{
    return c->read_ns;
}

uint64_t catalog_digest(const struct catalog *c)
{
    return c->digest;
}

uint32_t catalog_table_count(const struct catalog *c)
{
    return c->count;
}

const struct table *catalog_table_at(const struct catalog *c, uint32_t i)
{
    return i < c->count ? c->list[i]->table : NULL;
}

static struct table *find_table(const struct catalog *c, struct str schema, struct str name)
{
    const struct table_node *n = map_get(&c->tables, name);
    for (; n != NULL; n = n->next) {
        if (schema.len == 0 ? n->table->in_path : str_eq(n->table->schema, schema)) {
            return n->table;
        }
    }
    return NULL;
}

const struct table *catalog_table(const struct catalog *c, struct str schema, struct str name)
{
    return find_table(c, schema, name);
}

/* Linear: the median table has a dozen columns, and a plan is looked up by its
 * shape long before its names are. */
const struct column *table_column(const struct table *t, struct str name)
{
    for (uint32_t i = 0; i < t->column_count; i++) {
        if (str_eq(t->columns[i].name, name)) {
            return &t->columns[i];
        }
    }
    return NULL;
}

const struct function_info *catalog_function(const struct catalog *c, struct str name)
{
    const struct function_node *n = map_get(&c->functions, name);
    return n == NULL ? NULL : &n->info;
}

static bool key_within(const struct key *k, const uint32_t *columns, uint32_t count)
{
    for (uint32_t i = 0; i < k->count; i++) {
        uint32_t at = 0;
        while (at < count && columns[at] != k->columns[i]) {
            at++;
        }
        if (at == count) {
            return false;
        }
    }
    return k->count > 0;
}

bool table_has_unique(const struct table *t, const uint32_t *columns, uint32_t count)
{
    if (key_within(&t->primary_key, columns, count)) {
        return true;
    }
    for (uint32_t i = 0; i < t->unique_count; i++) {
        if (key_within(&t->uniques[i], columns, count)) {
            return true;
        }
    }
    return false;
}

/* ---- near names ---- */

#define NEAR_MAX 8

/* Which characters a text has, case ignored: a set of 32 classes. One edit of the text
 * changes at most two members, so most of ten thousand names are ruled out by it
 * without counting edits. */
static uint32_t letters_of(struct str s)
{
    uint32_t set = 0;
    for (size_t i = 0; i < s.len; i++) {
        set |= UINT32_C(1) << ((unsigned char)s.ptr[i] & 31);
    }
    return set;
}

/* The best names so far, in order of distance. */
struct near {
    struct str wanted;
    uint32_t letters;
    unsigned limit;
    uint32_t max, count;
    struct str *out;
    unsigned distance[NEAR_MAX];
};

static struct near near_start(struct str wanted, struct str *out, uint32_t max)
{
    unsigned third = (unsigned)(wanted.len > 9 ? 9 : wanted.len) / 3;
    return (struct near){.wanted = wanted,
                         .letters = letters_of(wanted),
                         .limit = third < 1 ? 1 : third,
                         .max = max < NEAR_MAX ? max : NEAR_MAX,
                         .out = out};
}

static bool near_may(const struct near *n, uint32_t letters)
{
    return (unsigned)__builtin_popcount(n->letters ^ letters) <= 2 * n->limit;
}

static bool near_has(const struct near *n, struct str name)
{
    for (uint32_t i = 0; i < n->count; i++) {
        if (str_eq(n->out[i], name)) {
            return true;
        }
    }
    return false;
}

/* Offers `shown`, judged by how near `name` is. */
static void near_offer(struct near *n, struct str name, struct str shown)
{
    unsigned d = str_distance(n->wanted, name, n->limit);
    if (n->max == 0 || d > n->limit || near_has(n, shown)) {
        return;
    }
    uint32_t at = n->count < n->max ? n->count : n->max - 1;
    if (n->count == n->max && n->distance[at] <= d) {
        return;
    }
    for (; at > 0 && n->distance[at - 1] > d; at--) {
        n->distance[at] = n->distance[at - 1];
        n->out[at] = n->out[at - 1];
    }
    n->distance[at] = d;
    n->out[at] = shown;
    n->count += n->count < n->max;
}

uint32_t catalog_near_tables(const struct catalog *c, struct str name, struct str *out,
                             uint32_t max)
{
    struct near n = near_start(name, out, max);
    bool dotted = str_find(name, '.', 0) >= 0;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct table_node *t = c->list[i];
        if (near_may(&n, t->letters)) {
            near_offer(&n, t->table->name, t->shown);
        }
        if (dotted && !t->table->in_path) { /* "shop.ordres" for shop.orders */
            near_offer(&n, t->shown, t->shown);
        }
    }
    return n.count;
}

uint32_t table_near_columns(const struct table *t, struct str name, struct str *out,
                            uint32_t max)
{
    struct near n = near_start(name, out, max);
    for (uint32_t i = 0; i < t->column_count; i++) {
        near_offer(&n, t->columns[i].name, t->columns[i].name);
    }
    return n.count;
}

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
    return find_table(b->catalog, schema, name);
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
