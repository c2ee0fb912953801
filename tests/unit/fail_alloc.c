/* SPDX-License-Identifier: MIT
 *
 * fail_alloc.c: wrappers around the allocator, for single-threaded tests.
 */
#include "fail_alloc.h"

#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static long left;
static bool reached;

void fail_alloc_at(long n)
{
    left = n;
    reached = false;
}

bool fail_alloc_reached(void)
{
    return reached;
}

static bool fails_now(void)
{
    if (left > 0 && --left == 0) {
        reached = true;
        return true;
    }
    return false;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails_now() ? NULL : __real_realloc(old, size);
}
