/* SPDX-License-Identifier: MIT
 *
 * cache/blob.c: "TRB1", four numbers of 8 bytes, the lengths of key and body and the number
 * of slots of 4, the slots of 4 each, key, body, and a hash of all that. Little-endian.
 */
#include "cache/blob.h"

#include "base/hash.h"

#include <string.h>

#define MAGIC STR("TRB1")
#define SUM_SEED UINT64_C(0x626c6f62)
#define SUM_BYTES 8

static void add(struct buf *b, uint64_t n, unsigned bytes)
{
    unsigned char text[8];
    for (unsigned i = 0; i < bytes; i++) {
        text[i] = (unsigned char)(n >> 8 * i);
    }
    buf_add(b, text, bytes);
}

void blob_write(struct buf *out, const struct blob *b)
{
    size_t from = out->len;
    buf_str_add(out, MAGIC);
    add(out, b->place.epoch, 8);
    add(out, b->place.position, 8);
    add(out, b->keep_ms, 8);
    add(out, b->soft_ms, 8);
    add(out, b->key.len, 4);
    add(out, b->body.len, 4);
    add(out, b->slots.count, 4);
    for (uint32_t i = 0; i < b->slots.count; i++) {
        add(out, b->slots.slots[i], 4);
    }
    buf_str_add(out, b->key);
    buf_str_add(out, b->body);
    if (!out->failed) {
        add(out, hash_bytes((struct str){out->ptr + from, out->len - from}, SUM_SEED), 8);
    }
}

/* Cuts off the first bytes; false if there are not so many. */
static bool cut(struct str *s, size_t len, struct str *out)
{
    if (s->len < len) {
        return false;
    }
    *out = (struct str){s->ptr, len};
    *s = (struct str){s->ptr + len, s->len - len};
    return true;
}

static bool cut_number(struct str *s, unsigned bytes, uint64_t *out)
{
    struct str text;
    if (!cut(s, bytes, &text)) {
        return false;
    }
    *out = 0;
    for (unsigned i = 0; i < bytes; i++) {
        *out |= (uint64_t)(unsigned char)text.ptr[i] << 8 * i;
    }
    return true;
}

static bool read_slots(struct str *s, uint64_t count, struct slot_set *out)
{
    *out = (struct slot_set){0};
    if (count > SLOT_SET_MAX) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t slot;
        if (!cut_number(s, 4, &slot) || slot >= SLOT_COUNT) {
            return false;
        }
        out->slots[out->count++] = (uint32_t)slot;
    }
    return true;
}

static bool sum_is_right(struct str bytes)
{
    uint64_t sum;
    struct str all = {bytes.ptr, bytes.len - SUM_BYTES};
    struct str rest = {bytes.ptr + all.len, SUM_BYTES};
    return cut_number(&rest, SUM_BYTES, &sum) && sum == hash_bytes(all, SUM_SEED);
}

/* A body is one line: one that is not would be several to its client. */
static bool is_line(struct str body)
{
    ptrdiff_t end = str_find(body, '\n', 0);
    return body.len > 0 && (end < 0 || (size_t)end == body.len - 1);
}

bool blob_read(struct str bytes, struct str key, struct blob *out)
{
    struct str s = bytes, magic;
    uint64_t key_len, body_len, slots;
    if (bytes.len < SUM_BYTES || !sum_is_right(bytes)) {
        return false;
    }
    s.len -= SUM_BYTES;
    return cut(&s, MAGIC.len, &magic) && str_eq(magic, MAGIC) &&
           cut_number(&s, 8, &out->place.epoch) && cut_number(&s, 8, &out->place.position) &&
           cut_number(&s, 8, &out->keep_ms) && cut_number(&s, 8, &out->soft_ms) &&
           cut_number(&s, 4, &key_len) && cut_number(&s, 4, &body_len) &&
           cut_number(&s, 4, &slots) && read_slots(&s, slots, &out->slots) &&
           cut(&s, key_len, &out->key) && cut(&s, body_len, &out->body) && s.len == 0 &&
           str_eq(out->key, key) && is_line(out->body);
}
