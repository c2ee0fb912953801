/* SPDX-License-Identifier: MIT
 *
 * sqlite_case.h: what the tests of the SQLite driver share: a file in a folder of
 * its own and one connection for each test.
 */
#ifndef TESTS_SQLITE_CASE_H
#define TESTS_SQLITE_CASE_H

#include "backend/sqlite.h"
#include "rig.h"

#include <check.h>

extern struct rig rig;
extern char dir[64];
extern char path[128];
extern struct db_target file_target, memory_target;
extern struct db_conn *conn; /* of the test, to the file */

void must_eq(const char *got, const char *want);
/* What a query gives, as text. */
void rows_are(struct db_conn *c, const char *sql, uint32_t columns, const char *want);
struct db_conn *open_conn(const struct db_target *t);
/* Runs it on conn, or fails the test. */
void must(const char *sql);

/* main of a test program: `add` fills its case. */
int sqlite_case_main(const char *name, void (*add)(TCase *tc));

#endif
