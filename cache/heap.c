/* SPDX-License-Identifier: MIT
 *
 * cache/heap.c: pieces with their size in front, free ones with links to their like, and
 * their size once more at their end, where the neighbour behind finds it.
 */
#include "cache/heap.h"

#include <assert.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#endif

#define PAGE 4096
#define ALIGN 16
#define HEAD sizeof(size_t)
#define LOOK 8
#define BYTES_MIN (sizeof(struct piece) + sizeof(size_t))

/* In the low bits of the size, which is a multiple of ALIGN. */
#define FREE ((size_t)1)
#define BEHIND_FREE ((size_t)2) /* the piece in front of it is free */
#define FLAGS (FREE | BEHIND_FREE)

struct piece {
    size_t head;
    struct piece *next, *prev; /* of a free one: those of its size */
};

static size_t bytes_of(const struct piece *p)
{
    return p->head & ~FLAGS;
}

static struct piece *behind(const struct piece *p)
{
    return (struct piece *)((uintptr_t)p + bytes_of(p));
}

/* Its last word. */
static size_t *tail_of(const struct piece *p)
{
    return (size_t *)behind(p) - 1;
}

/* ---- free pieces by size ---- */

struct place {
    unsigned row, column;
};

/* Row 0 has the small sizes one by one; each further one is a power of two. */
static struct place place_of(size_t bytes)
{
    size_t units = bytes / ALIGN;
    if (units < HEAP_COLUMNS) {
        return (struct place){0, (unsigned)units};
    }
    unsigned top = 63 - (unsigned)__builtin_clzll(units);
    return (struct place){top - 3, (unsigned)(units >> (top - 4)) & (HEAP_COLUMNS - 1)};
}

/* From where on every free piece has so many bytes. */
static struct place place_for(size_t bytes)
{
    size_t units = bytes / ALIGN;
    if (units >= HEAP_COLUMNS) {
        unsigned top = 63 - (unsigned)__builtin_clzll(units);
        bytes += (((size_t)1 << (top - 4)) - 1) * ALIGN;
    }
    return place_of(bytes);
}

static void list_add(struct heap *h, struct piece *p)
{
    struct place at = place_of(bytes_of(p));
    struct piece **list = &h->free[at.row][at.column];
    p->next = *list;
    p->prev = NULL;
    if (*list != NULL) {
        (*list)->prev = p;
    }
    *list = p;
    h->rows |= UINT64_C(1) << at.row;
    h->columns[at.row] |= (uint16_t)(1u << at.column);
}

static void list_remove(struct heap *h, struct piece *p)
{
    struct place at = place_of(bytes_of(p));
    if (p->next != NULL) {
        p->next->prev = p->prev;
    }
    if (p->prev != NULL) {
        p->prev->next = p->next;
        return;
    }
    h->free[at.row][at.column] = p->next;
    if (p->next == NULL) {
        h->columns[at.row] &= (uint16_t) ~(1u << at.column);
        if (h->columns[at.row] == 0) {
            h->rows &= ~(UINT64_C(1) << at.row);
        }
    }
}

/* One of nearly that size, if there is one among the first few of its list. */
static struct piece *find_close(const struct heap *h, size_t bytes)
{
    struct place at = place_of(bytes);
    struct piece *p = h->free[at.row][at.column];
    for (int i = 0; p != NULL && i < LOOK; i++, p = p->next) {
        if (bytes_of(p) >= bytes) {
            return p;
        }
    }
    return NULL;
}

/* The first that is surely large enough, or NULL. */
static struct piece *find_larger(const struct heap *h, size_t bytes)
{
    struct place at = place_for(bytes);
    unsigned columns = h->columns[at.row] & (0xffffu << at.column);
    if (columns == 0) {
        uint64_t rows = h->rows & (~UINT64_C(0) << at.row << 1);
        if (rows == 0) {
            return NULL;
        }
        at.row = (unsigned)__builtin_ctzll(rows);
        columns = h->columns[at.row];
    }
    return h->free[at.row][__builtin_ctz(columns)];
}

/* ---- pieces ---- */

/* Nothing in front of it is free, since neighbours that are become one. */
static void make_free(struct heap *h, struct piece *p, size_t bytes)
{
    ASAN_UNPOISON_MEMORY_REGION(p, sizeof *p);
    p->head = bytes | FREE;
    ASAN_UNPOISON_MEMORY_REGION(tail_of(p), sizeof(size_t));
    *tail_of(p) = bytes;
    behind(p)->head |= BEHIND_FREE;
    list_add(h, p);
}

/* The range ends with the head of a piece that is never free; payloads are aligned. */
void heap_init(struct heap *h, void *base, size_t size)
{
    *h = (struct heap){.base = base, .size = size / ALIGN * ALIGN};
    if (h->size < 2 * HEAD + BYTES_MIN) {
        return;
    }
    size_t bytes = h->size - 2 * HEAD;
    struct piece *first = (struct piece *)(h->base + HEAD);
    struct piece *last = (struct piece *)(h->base + HEAD + bytes);
    ASAN_POISON_MEMORY_REGION(h->base, h->size);
    ASAN_UNPOISON_MEMORY_REGION(last, HEAD);
    last->head = 0;
    make_free(h, first, bytes);
}

void heap_release(struct heap *h)
{
    char *base = h->base;
    size_t size = h->size, skip = (PAGE - (uintptr_t)base % PAGE) % PAGE;
    assert(h->used == 0);
    if (size > skip + PAGE) {
        (void)madvise(base + skip, (size - skip) / PAGE * PAGE, MADV_DONTNEED);
        heap_init(h, base, size);
    }
}

void heap_fini(struct heap *h)
{
    ASAN_UNPOISON_MEMORY_REGION(h->base, h->size);
    *h = (struct heap){0};
}

size_t heap_need(size_t size)
{
    size_t bytes = (size + HEAD + ALIGN - 1) / ALIGN * ALIGN;
    return bytes < BYTES_MIN ? BYTES_MIN : bytes;
}

void *heap_take(struct heap *h, size_t size)
{
    size_t bytes = heap_need(size);
    if (size > h->size) {
        return NULL;
    }
    struct piece *p = find_close(h, bytes);
    p = p != NULL ? p : find_larger(h, bytes);
    if (p == NULL) {
        return NULL;
    }
    size_t all = bytes_of(p);
    assert(all >= bytes);
    list_remove(h, p);
    if (all - bytes < BYTES_MIN) {
        bytes = all;
        behind(p)->head &= ~BEHIND_FREE;
    }
    p->head = bytes; /* what is in front of a free one is not free */
    if (all > bytes) {
        make_free(h, behind(p), all - bytes);
    }
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    h->used += bytes;
    return (char *)p + HEAD;
}

void heap_give(struct heap *h, void *ptr)
{
    struct piece *p = (struct piece *)((char *)ptr - HEAD), *next = behind(p);
    size_t bytes = bytes_of(p);
    h->used -= bytes;
    ASAN_POISON_MEMORY_REGION(ptr, bytes - HEAD);
    if ((next->head & FREE) != 0) {
        list_remove(h, next);
        bytes += bytes_of(next);
    }
    if ((p->head & BEHIND_FREE) != 0) {
        size_t before = ((size_t *)p)[-1];
        p = (struct piece *)((uintptr_t)p - before);
        list_remove(h, p);
        bytes += before;
    }
    make_free(h, p, bytes);
}

size_t heap_bytes(const void *p)
{
    return *(const size_t *)((const char *)p - HEAD) & ~FLAGS;
}
