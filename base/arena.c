/* SPDX-License-Identifier: MIT
 *
 * base/arena.c: bump allocation in blocks that double up to 1 MiB.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK 4096
#define LARGEST_BLOCK ((size_t)1 << 20)

struct arena_block {
    struct arena_block *older;
    size_t size; /* with this header */
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t limit_bytes)
{
    *a = (struct arena){.limit_bytes = limit_bytes};
}

static void free_blocks(struct arena_block *b)
{
    while (b != NULL) {
        struct arena_block *older = b->older;
        free(b);
        b = older;
    }
}

void arena_fini(struct arena *a)
{
    free_blocks(a->blocks);
    arena_init(a, a->limit_bytes);
}

void arena_reset(struct arena *a)
{
    struct arena_block *keep = a->blocks;
    if (keep == NULL) {
        return;
    }
    while (keep->older != NULL) { /* the oldest is the smallest */
        struct arena_block *older = keep->older;
        free(keep);
        keep = older;
    }
    a->blocks = keep;
    if (keep->size > FIRST_BLOCK) {
        arena_fini(a);
        return;
    }
    a->used_bytes = keep->size;
    a->next = keep->data;
    a->end = (char *)keep + keep->size;
}

static size_t next_size(const struct arena *a, size_t need)
{
    size_t size = a->blocks == NULL ? FIRST_BLOCK : a->blocks->size * 2;
    if (size > LARGEST_BLOCK) {
        size = LARGEST_BLOCK;
    }
    return size < need ? need : size;
}

static bool add_block(struct arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX / 2) {
        return false;
    }
    size_t need = bytes + sizeof(struct arena_block);
    size_t size = next_size(a, need);
    if (a->limit_bytes > 0 && size > a->limit_bytes - a->used_bytes) {
        size = need; /* near the limit: just what is asked for */
        if (a->used_bytes > a->limit_bytes || size > a->limit_bytes - a->used_bytes) {
            return false;
        }
    }
    struct arena_block *b = malloc(size);
    if (b == NULL) {
        return false;
    }
    b->size = size;
    b->older = a->blocks;
    a->blocks = b;
    a->used_bytes += size;
    a->next = b->data;
    a->end = (char *)b + size;
    return true;
}

void *arena_alloc(struct arena *a, size_t size_bytes)
{
    const size_t align = alignof(max_align_t);
    if (size_bytes > SIZE_MAX - align) {
        return NULL;
    }
    size_t size = (size_bytes + align - 1) & ~(align - 1);
    if (a->next == NULL || size > (size_t)(a->end - a->next)) {
        if (!add_block(a, size)) {
            return NULL;
        }
    }
    void *p = a->next;
    a->next += size;
    return p;
}

void *arena_zalloc(struct arena *a, size_t count, size_t size_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size_bytes, &bytes)) {
        return NULL;
    }
    void *p = arena_alloc(a, bytes);
    if (p != NULL && bytes > 0) {
        memset(p, 0, bytes);
    }
    return p;
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.len + 1);
    if (p == NULL) {
        return (struct str){NULL, 0};
    }
    if (s.len > 0) {
        memcpy(p, s.ptr, s.len);
    }
    p[s.len] = '\0';
    return (struct str){p, s.len};
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p == NULL) {
        return (struct str){NULL, 0};
    }
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct str){p, (size_t)n};
}
