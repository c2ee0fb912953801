/* SPDX-License-Identifier: MIT
 *
 * schema/catalog.c: references, lookups, and near names. catalog_builder.c makes it.
 *
 * Nothing is written after catalog_builder_finish but the count of references, so readers
 * need no lock.
 */
#include "schema/catalog_parts.h"

#include <stdlib.h>

/* ---- references ---- */

struct catalog *catalog_ref(struct catalog *c)
{
    if (c != NULL) {
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    }
    return c;
}

void catalog_free(struct catalog *c)
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

struct table *catalog_find_table(const struct catalog *c, struct str schema, struct str name)
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
    return catalog_find_table(c, schema, name);
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

uint32_t letters_of(struct str name)
{
    uint32_t set = 0;
    for (size_t i = 0; i < name.len; i++) {
        set |= UINT32_C(1) << ((unsigned char)name.ptr[i] & 31);
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
