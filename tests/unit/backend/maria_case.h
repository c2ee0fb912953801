/* SPDX-License-Identifier: MIT
 *
 * maria_case.h: what the tests of the MariaDB driver share: one server for the
 * program, one connection for each test, plain and over TLS.
 */
#ifndef TESTS_MARIA_CASE_H
#define TESTS_MARIA_CASE_H

#include "backend/maria.h"
#include "rig.h"
#include "servers.h"

#include <check.h>

extern struct server server;
extern struct rig rig;
extern struct db_target target;
extern struct db_conn *conn; /* of the test; NULL: closed by it */
extern char ca_path[96];

void target_of(const struct server *s, struct db_target *t);
struct db_conn *open_conn(const struct db_target *t);
/* Runs it on conn, or fails the test. */
void must(const char *sql);
void rows_are(struct db_conn *c, const char *sql, uint32_t columns, const char *want);
void text_is(struct exec *e, const char *want);
void runs(struct db_conn *c, struct exec *e);

/* main of a test program: `both` is added to a plain and a TLS case, `once` (may be
 * NULL) to the plain one. */
int maria_case_main(const char *name, void (*both)(TCase *tc), void (*once)(TCase *tc));

#endif
