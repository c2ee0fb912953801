/* SPDX-License-Identifier: MIT
 *
 * value/declared.h: the databases' own names and numbers of types, as types of the
 * language. Pure functions, any thread.
 */
#ifndef VALUE_DECLARED_H
#define VALUE_DECLARED_H

#include "base/str.h"
#include "value/type.h"

/* SQLite: the type that a declared type ("VARCHAR(50)", "unsigned big int", "") stands
 * for. Its name is empty. */
struct type sqlite_declared_type(struct str declared);

/* PostgreSQL: the kind behind a type's OID; TYPE_OPAQUE if we do not know it. */
enum type_kind pg_type_kind(uint32_t oid);
/* Sets the bounds that a typmod tells (-1: none) of this kind. */
void pg_type_bounds(struct type *t, enum type_kind kind, int64_t typmod);
/* The type of a result's column, arrays among them. Its name is empty. */
struct type pg_result_type(uint32_t oid, int64_t typmod);

#endif
