/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/refusal.h: requests that must be refused, with which code, at
 * which spot, and with which hint.
 */
#ifndef TESTS_COMPILER_REFUSAL_H
#define TESTS_COMPILER_REFUSAL_H

#include "rig.h"

/* A request that must be refused. In a text without quotation marks ' stands for
 * them. */
struct rig_refusal {
    const char *query; /* or {"query":…} with params */
    enum err code;
    const char *path;
    const char *hint;  /* part of it; NULL: any */
    unsigned dialects; /* bits; 0: all */
};
enum { PG = 1, MARIA = 2, SQLITE = 4, ALL = 7 };
/* Asserts that each of its dialects refuses it so, and keeps no plan of it. */
void rig_refuse(const struct rig_refusal *c);

#endif
