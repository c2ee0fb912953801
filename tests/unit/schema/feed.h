/* SPDX-License-Identifier: MIT
 *
 * feed.h: runs a reflection through the databases' own client libraries, and
 * checks of what came of it. Any failure ends the test.
 */
#ifndef TESTS_SCHEMA_FEED_H
#define TESTS_SCHEMA_FEED_H

#include "schema/reflect.h"

#include <libpq-fe.h>
#include <mysql.h>
#include <sqlite3.h>

/* Read the whole catalog; *skipped may be NULL. */
struct catalog *feed_pg(PGconn *c, uint32_t *skipped);
struct catalog *feed_maria(MYSQL *m, uint32_t *skipped);
struct catalog *feed_sqlite(sqlite3 *db, uint32_t *skipped);
/* Run statements whose results do not matter. */
void exec_pg(PGconn *c, const char *sql);
void exec_maria(MYSQL *m, const char *sql);
void exec_sqlite(sqlite3 *db, const char *sql);

/* schema may be "". */
const struct table *need_table(const struct catalog *c, const char *schema, const char *name);
const struct column *need_column(const struct table *t, const char *name);
/* "a,b" */
void check_columns(const struct table *t, const uint32_t *columns, uint32_t count,
                   const char *want);
const struct index_info *need_index(const struct table *t, const char *name);
/* By its columns in order. */
const struct foreign_key *need_foreign_key(const struct table *t, const char *columns);
/* A column's type as text: "numeric(10,2)", "integer[]", "opaque". */
void check_type(const struct table *t, const char *column, const char *want);

#endif
