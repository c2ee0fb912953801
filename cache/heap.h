/* SPDX-License-Identifier: MIT
 *
 * cache/heap.h: pieces of memory out of one range, which they never leave.
 *
 * malloc has an arena for each thread, and what one thread has freed another does not
 * get: a bounded cache that all of them fill took up to 1.7 times its bound (measured).
 * Here the bound is the range. Pieces are found in a fixed number of steps (free ones are
 * kept by size, as in TLSF, Masmano et al., ECRTS 2004), and neighbours that are free
 * become one. The caller's lock. AddressSanitizer knows what is free.
 */
#ifndef CACHE_HEAP_H
#define CACHE_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define HEAP_ROWS 40    /* powers of two */
#define HEAP_COLUMNS 16 /* steps between them */

struct piece;

struct heap {
    char *base;
    size_t size;
    size_t used; /* taken, with what each piece needs for itself */
    uint64_t rows;
    uint16_t columns[HEAP_ROWS];
    struct piece *free[HEAP_ROWS][HEAP_COLUMNS];
};

/* All of base[0 … size) is free; the range is the caller's, aligned to 16 bytes. */
void heap_init(struct heap *h, void *base, size_t size);
/* Nothing is taken: gives the pages back to the system, until they are used again. */
void heap_release(struct heap *h);
/* The range is the caller's again. */
void heap_fini(struct heap *h);
/* Aligned to 16 bytes. NULL: no free piece is large enough. */
void *heap_take(struct heap *h, size_t size);
void heap_give(struct heap *h, void *p);
/* What heap_take of so much adds to `used`, at least; and what p did add. */
size_t heap_need(size_t size);
size_t heap_bytes(const void *p);

#endif
