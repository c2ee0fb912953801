/* SPDX-License-Identifier: MIT
 *
 * cache/entry.c: making entries and lines, each in one piece of memory.
 */
#include "cache/entry.h"

#include <malloc.h>
#include <stdlib.h>

/* What malloc of glibc takes for itself: a word in front of a piece, which it makes a
 * multiple of 16 bytes; two words and whole pages for what it maps alone. */
#define PIECE_HEAD 8
#define PIECE_ALIGN 16
#define MAPPED_FROM (128 * 1024)
#define PAGE 4096

size_t memory_bound(size_t size)
{
    size_t bytes = size + PIECE_HEAD + PIECE_ALIGN;
    return size < MAPPED_FROM ? bytes : bytes + PAGE;
}

size_t memory_of(void *p)
{
    return p == NULL ? 0 : malloc_usable_size(p) + PIECE_HEAD;
}

size_t entry_size(const struct region_fill *fill)
{
    return sizeof(struct entry) + fill->stamp.count * (sizeof(uint64_t) + sizeof(uint32_t)) +
           fill->key.bytes.len + fill->body.len;
}

struct entry *entry_create(const struct region_fill *fill)
{
    struct entry *e = malloc(entry_size(fill));
    if (e == NULL) {
        return NULL;
    }
    *e = (struct entry){
        .item = {.node = {.hash = fill->key.hash}, .kind = ITEM_ENTRY, .bytes = memory_of(e)},
        .stamp_count = fill->stamp.count,
        .key_len = fill->key.bytes.len,
        .body_len = fill->body.len,
        .read_ns = fill->read_ns,
        .soft_ns = fill->soft_ns,
        .expires_ns = fill->expires_ns,
    };
    char *at = (char *)e->data;
    at = mempcpy(at, fill->stamp.words, e->stamp_count * sizeof(uint64_t));
    at = mempcpy(at, fill->stamp.slots, e->stamp_count * sizeof(uint32_t));
    at = mempcpy(at, fill->key.bytes.ptr, e->key_len);
    memcpy(at, fill->body.ptr, e->body_len);
    return e;
}

size_t line_size(struct str text)
{
    return sizeof(struct line) + text.len;
}

struct line *line_create(struct str text, uint64_t hash, struct entry *entry)
{
    struct line *l = malloc(line_size(text));
    if (l == NULL) {
        return NULL;
    }
    *l = (struct line){
        .item = {.node = {.hash = hash}, .kind = ITEM_LINE, .bytes = memory_of(l)},
        .entry = entry,
        .len = text.len,
    };
    memcpy(l->text, text.ptr, text.len);
    return l;
}
