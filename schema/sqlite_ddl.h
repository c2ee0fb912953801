/* SPDX-License-Identifier: MIT
 *
 * schema/sqlite_ddl.h: what SQLite tells only in words: the collations of
 * columns in the text of CREATE TABLE. Pure functions, any thread.
 */
#ifndef SCHEMA_SQLITE_DDL_H
#define SCHEMA_SQLITE_DDL_H

#include "base/str.h"

#include <stdbool.h>

/* Bytes of a name that sqlite_ddl_next can tell; longer ones are passed over. */
#define SQLITE_NAME_MAX 256

/* A walk over the columns of one CREATE TABLE; zeroed but for `sql` at the start. */
struct sqlite_ddl {
    struct str sql; /* borrowed */
    size_t at;
    bool inside; /* past the opening bracket of the columns */
    char name[SQLITE_NAME_MAX], collation[SQLITE_NAME_MAX];
};

/* The next column with a COLLATE of its own; the texts live in d until the next
 * call. false at the end, also where the text is not understood. */
bool sqlite_ddl_next(struct sqlite_ddl *d, struct str *column, struct str *collation);

#endif
