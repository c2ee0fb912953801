/* SPDX-License-Identifier: MIT
 *
 * fail_alloc.h: lets the nth allocation of our own code fail.
 *
 * The program must be linked with
 *   -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 * Calls from shared libraries are not touched.
 */
#ifndef TESTS_FAIL_ALLOC_H
#define TESTS_FAIL_ALLOC_H

#include <stdbool.h>

/* The nth allocation from now on (1 is the next) gives NULL, once; 0: none does. */
void fail_alloc_at(long n);
/* Whether the allocation that was to fail has been reached. */
bool fail_alloc_reached(void);

#endif
