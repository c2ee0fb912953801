/* SPDX-License-Identifier: MIT
 *
 * cache/entry.c: entries and lines, each in one piece of memory.
 */
#include "cache/entry.h"

size_t entry_size(const struct region_fill *fill)
{
    return sizeof(struct entry) + fill->stamp.count * (sizeof(uint64_t) + sizeof(uint32_t)) +
           fill->key.bytes.len + fill->body.len;
}

void entry_init(struct entry *e, const struct region_fill *fill)
{
    *e = (struct entry){
        .item = {.node = {.hash = fill->key.hash}, .kind = ITEM_ENTRY},
        .owner = fill->owner,
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
}

size_t line_size(struct str text)
{
    return sizeof(struct line) + text.len;
}

void line_init(struct line *l, struct str text, uint64_t hash, struct entry *entry)
{
    *l = (struct line){
        .item = {.node = {.hash = hash}, .kind = ITEM_LINE},
        .entry = entry,
        .len = text.len,
    };
    memcpy(l->text, text.ptr, text.len);
}
