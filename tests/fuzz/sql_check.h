/* SPDX-License-Identifier: MIT
 *
 * tests/fuzz/sql_check.h: whether SQL that the compiler wrote is one statement whose
 * literals and names are the compiler's own or the catalog's: nothing of a request may
 * ever be in it. For the fuzz target and for the test over the golden requests.
 */
#ifndef TESTS_FUZZ_SQL_CHECK_H
#define TESTS_FUZZ_SQL_CHECK_H

#include "base/buf.h"
#include "compiler/compiler.h"
#include "compiler/plan.h"

/* false: `why` says what is wrong. `request` is what it was compiled from. */
bool sql_check(const struct plan *p, struct str sql, struct str request, struct buf *why);

#endif
