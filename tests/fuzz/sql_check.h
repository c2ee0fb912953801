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

struct sql_check {
    struct buf program; /* this one, with all constants of the compiler */
    struct buf known;   /* literals that were found there */
    struct str request; /* what the SQL was compiled from: set by the caller */
};

/* Reads the program's own file; false if it cannot. */
bool sql_check_init(struct sql_check *c);
void sql_check_fini(struct sql_check *c);
/* false: `why` says what is wrong. */
bool sql_check(struct sql_check *c, const struct plan *p, struct str sql, struct buf *why);

#endif
