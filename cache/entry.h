/* SPDX-License-Identifier: MIT
 *
 * cache/entry.h: what a region is made of: entries, and the lines that lead to them.
 *
 * Both are items of one table and one list of the dead. What readers look at never
 * changes behind its publication, but for the atomic fields; the rest is under the
 * region's lock.
 */
#ifndef CACHE_ENTRY_H
#define CACHE_ENTRY_H

#include "base/str.h"
#include "cache/region.h"
#include "cache/table.h"
#include "cache/versions.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum item_kind { ITEM_ENTRY, ITEM_LINE };

struct item {
    struct node node; /* first */
    enum item_kind kind;
    union {
        struct { /* an entry: its neighbours in its queue */
            struct entry *newer, *older;
        };
        struct line *next; /* a line: the next of the same entry */
        struct {           /* out of reach */
            struct item *next_dead;
            uint64_t epoch;
        };
    };
};

enum queue_kind { QUEUE_SMALL, QUEUE_MAIN };
#define QUEUE_COUNT ((int)QUEUE_MAIN + 1)

#define USES_MAX 3

struct entry {
    struct item item;
    _Atomic uint8_t uses; /* readers raise it up to USES_MAX and then leave it alone */
    uint16_t owner;
    enum queue_kind queue;
    uint32_t stamp_count;
    uint32_t line_count;
    size_t key_len;
    size_t body_len;
    uint64_t read_ns;
    uint64_t soft_ns;
    uint64_t expires_ns;
    uint64_t lease_ns; /* somebody reads it again, and has time until then */
    struct line *lines;
    uint64_t data[]; /* words of the stamp, its slots, key, body */
};

struct line {
    struct item item;
    _Atomic(struct entry *) entry;
    size_t len;
    char text[];
};

/* The memory that they need, and making them in it. */
size_t entry_size(const struct region_fill *fill);
size_t line_size(struct str text);
void entry_init(struct entry *e, const struct region_fill *fill);
void line_init(struct line *l, struct str text, uint64_t hash, struct entry *entry);

static inline struct str entry_key(const struct entry *e)
{
    const char *behind = (const char *)(e->data + e->stamp_count);
    return (struct str){behind + e->stamp_count * sizeof(uint32_t), e->key_len};
}

static inline struct str entry_body(const struct entry *e)
{
    struct str key = entry_key(e);
    return (struct str){key.ptr + key.len, e->body_len};
}

static inline bool entry_holds(const struct entry *e, const struct versions *v)
{
    const uint64_t *words = e->data;
    return versions_hold_words(v, (const uint32_t *)(words + e->stamp_count), words,
                               e->stamp_count);
}

/* The entry of that key, or NULL. */
static inline struct entry *find_entry(const struct table *t, struct cache_key key)
{
    for (struct node *n = table_first(t, key.hash); n != NULL; n = node_next(n)) {
        struct entry *e = (struct entry *)n;
        if (n->hash == key.hash && e->item.kind == ITEM_ENTRY &&
            str_eq(entry_key(e), key.bytes)) {
            return e;
        }
    }
    return NULL;
}

static inline struct line *find_line(const struct table *t, struct str text, uint64_t hash)
{
    for (struct node *n = table_first(t, hash); n != NULL; n = node_next(n)) {
        struct line *l = (struct line *)n;
        if (n->hash == hash && l->item.kind == ITEM_LINE && l->len == text.len &&
            memcmp(l->text, text.ptr, text.len) == 0) {
            return l;
        }
    }
    return NULL;
}

#endif
