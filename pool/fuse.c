/* SPDX-License-Identifier: MIT
 *
 * pool/fuse.c: fused reads: keys in, rows dealt out.
 *
 * Owns its arrays, which are used again. A row whose key belongs to nobody is an error:
 * then the key came back in other words than it was asked for, and the reads have to be
 * sent singly.
 */
#include "pool/fuse.h"

#include "base/hash.h"
#include "pool/pool_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* -- keys ------------------------------------------------------------------ */

/* A cell may tell an integer by its digits. */
static bool as_integer(const struct value *v, int64_t *out)
{
    if (v->kind == VALUE_INT) {
        *out = v->num;
        return true;
    }
    return v->kind == VALUE_TEXT && str_to_i64(v->text, out);
}

static uint64_t mix(int64_t n)
{
    uint64_t x = (uint64_t)n * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 32;
}

/* `like` is a key that was asked for: it says what the keys are. */
static bool hash_key(const struct fuse *f, const struct value *v, enum value_kind like,
                     uint64_t *out)
{
    int64_t n;
    if (like == VALUE_INT) {
        bool is_integer = as_integer(v, &n);
        *out = is_integer ? mix(n) : 0;
        return is_integer;
    }
    *out = v->kind == VALUE_TEXT ? hash_bytes(v->text, f->seed) : 0;
    return v->kind == VALUE_TEXT;
}

static bool same_key(const struct value *asked, const struct value *cell)
{
    int64_t n;
    if (asked->kind == VALUE_INT) {
        return as_integer(cell, &n) && n == asked->num;
    }
    return cell->kind == VALUE_TEXT && str_eq(asked->text, cell->text);
}

/* -- rows ------------------------------------------------------------------ */

static void deal(struct shared_run *m, const struct value *cells)
{
    struct run *r = m->run;
    if (r->err != ERR_OK || m->sated) {
        return;
    }
    r->rowcount++;
    switch (r->sink->row(r->sink, cells, r->fail)) {
    case SINK_MORE:
    case SINK_FULL:
        break;
    case SINK_ENOUGH:
        m->sated = true;
        break;
    case SINK_FAILED:
        r->err = r->fail->code != ERR_OK ? r->fail->code : ERR_INTERNAL;
        break;
    }
}

/* Rows come in the order of keys, so each of them would wait for the memory of its own read,
 * which nobody touched since it was sent; asked for at once, all of it is there soon. */
static void warm(const struct fuse *f)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->members[i] != NULL) {
            __builtin_prefetch(f->members[i]->run, 1);
        }
    }
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->members[i] != NULL) {
            __builtin_prefetch(f->members[i]->run->sink, 1);
        }
    }
}

static enum sink_verdict on_row(struct row_sink *s, const struct value *cells,
                                struct fail *fail)
{
    struct fuse *f = CONTAINER(s, struct fuse, sink);
    const struct value *key = &cells[f->key_column];
    uint64_t hash;
    bool known = false;
    if (!f->has_rows) {
        f->has_rows = true;
        warm(f);
    }
    if (hash_key(f, key, f->keys[0].kind, &hash)) {
        for (uint32_t i = f->buckets[hash & f->mask]; i != 0; i = f->chain[i - 1]) {
            if (same_key(&f->keys[i - 1], key)) {
                known = true;
                if (f->members[i - 1] != NULL) {
                    deal(f->members[i - 1], cells);
                }
            }
        }
    }
    if (!known) {
        fail_set(fail, ERR_INTERNAL, "a row has a key that nobody asked for");
        return SINK_FAILED;
    }
    return SINK_MORE;
}

/* -- beginning ------------------------------------------------------------- */

static bool has_room(struct fuse *f, uint32_t count)
{
    if (count <= f->cap) {
        return true;
    }
    uint32_t cap = count <= 16 ? 16 : FUSE_MAX;
    fuse_fini(f);
    f->members = malloc(cap * sizeof(struct shared_run *));
    f->keys = malloc(cap * sizeof *f->keys);
    f->chain = malloc(cap * sizeof *f->chain);
    f->buckets = malloc(2 * (size_t)cap * sizeof *f->buckets);
    if (f->members == NULL || f->keys == NULL || f->chain == NULL || f->buckets == NULL) {
        fuse_fini(f);
        return false;
    }
    f->cap = cap;
    f->seed = (uint64_t)(uintptr_t)f; /* an index of one flight: no seed of its own is needed */
    return true;
}

/* Room for all texts at once, since keys point into it. */
static bool has_text_room(struct fuse *f, const struct shared_run *first)
{
    size_t bytes = 0;
    for (const struct shared_run *m = first; m != NULL; m = m->next) {
        const struct value *key = &m->run->params[0];
        bytes += key->kind == VALUE_TEXT ? key->text.len + 1 : 0;
    }
    buf_clear(&f->texts);
    return bytes == 0 || buf_reserve(&f->texts, bytes);
}

/* With a NUL behind it, as the texts of values have. */
static struct value own_key(struct fuse *f, const struct value *key)
{
    struct value own = *key;
    if (key->kind == VALUE_TEXT) {
        size_t at = f->texts.len;
        buf_str_add(&f->texts, key->text);
        buf_char(&f->texts, '\0');
        own.text.ptr = f->texts.ptr + at;
    }
    return own;
}

static void add(struct fuse *f, struct shared_run *m)
{
    uint32_t i = f->count++;
    uint64_t hash;
    f->members[i] = m;
    f->keys[i] = own_key(f, &m->run->params[0]);
    (void)hash_key(f, &f->keys[i], f->keys[0].kind, &hash);
    f->chain[i] = f->buckets[hash & f->mask];
    f->buckets[hash & f->mask] = i + 1;
    m->sated = false;
    m->run->rowcount = 0;
    m->run->err = ERR_OK;
}

/* The smallest statement that takes so many keys, or any number. */
static const struct fusion *fitting(const struct statement *s, uint32_t count)
{
    for (uint32_t i = 0; i < s->fusion_count; i++) {
        if (s->fusions[i].keys == 0 || s->fusions[i].keys >= count) {
            return &s->fusions[i];
        }
    }
    return NULL;
}

uint32_t fuse_most(const struct statement *s)
{
    uint32_t most = s->fusion_count == 0 ? 1 : s->fusions[s->fusion_count - 1].keys;
    return most == 0 || most > FUSE_MAX ? FUSE_MAX : most;
}

enum err fuse_begin(struct fuse *f, struct shared_run *first, uint32_t count, struct run *out)
{
    const struct statement *plain = first->run->stmt;
    const struct fusion *way = fitting(plain, count);
    assert(count >= 2 && way != NULL && plain->param_count == 1);
    uint32_t least = way->keys == 0 ? way->least : way->keys;
    uint32_t keys = count < least ? least : count;
    if (!has_room(f, keys) || !has_text_room(f, first)) {
        return ERR_OUT_OF_MEMORY;
    }
    f->mask = 1;
    while (f->mask < count) {
        f->mask = f->mask << 1 | 1;
    }
    memset(f->buckets, 0, (f->mask + 1) * sizeof *f->buckets);
    f->count = 0;
    f->key_column = way->key_column;
    f->has_rows = false;
    f->sink.row = on_row;
    for (struct shared_run *m = first; m != NULL; m = m->next) {
        add(f, m);
    }
    for (uint32_t i = count; i < keys; i++) {
        f->keys[i] = f->keys[count - 1];
    }
    out->stmt = way->stmt;
    out->params = f->keys;
    out->sets = way->keys == 0 ? keys : 1;
    out->sink = &f->sink;
    return ERR_OK;
}

void fuse_leave(struct fuse *f, const struct shared_run *m)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->members[i] == m) {
            f->members[i] = NULL;
        }
    }
}

void fuse_fini(struct fuse *f)
{
    buf_fini(&f->texts);
    free(f->members);
    free(f->keys);
    free(f->chain);
    free(f->buckets);
    *f = (struct fuse){0};
}
