/* SPDX-License-Identifier: MIT
 *
 * compiler/notes.h: where a statement touches what is left to the database, for the
 * `notes` of op compile. docs/SQL.md "Left to the database" has a row for each.
 */
#ifndef COMPILER_NOTES_H
#define COMPILER_NOTES_H

#include "compiler/context.h"
#include "compiler/write.h"

/* X(enum, code, sentence) */
#define NOTE_MAP(X)                                                                            \
    X(TEXT_COLLATION, "text_collation",                                                        \
      "texts are compared or ordered by the collation of their column")                        \
    X(NULL_ORDER, "null_order", "where nulls sort is not said: PostgreSQL puts them last")     \
    X(UUID_ORDER, "uuid_order", "MariaDB orders uuids by their parts")                         \
    X(SMALL_FLOATS, "small_floats",                                                            \
      "a result too small for a double is an error on PostgreSQL and 0 elsewhere")             \
    X(FLOAT_SUMS, "float_sums", "the last digits of floating point sums depend on the order")  \
    X(FLOAT_TEXT, "float_text", "the text of a floating point number is the database's own")   \
    X(JSON_TEXT, "json_text",                                                                  \
      "blanks and the order of keys in the text of json are the database's own")               \
    X(REGULAR_EXPRESSIONS, "regular_expressions",                                              \
      "regular expressions are of the database's own flavour")                                 \
    X(MATERIALIZED, "materialized", "this database takes no hint whether a query is kept")     \
    X(LOCKS_ALL, "locks_all",                                                                  \
      "this database locks more rows than those of the tables in `of`")                        \
    X(UPSERT_ORDER, "upsert_order",                                                            \
      "PostgreSQL refuses rows of one query that meet each other in `conflict`")               \
    X(RAW_SQL, "raw_sql", "raw SQL means what the database makes of it")

enum note {
#define X(name, code, text) NOTE_##name,
    NOTE_MAP(X)
#undef X
};

/* Bits of the notes of a resolved statement; one of q and w is NULL. */
uint32_t notes_of(const struct dialect *d, const struct query *q, const struct write *w);

/* The notes behind the bits: *at counts from 0; false at the end. */
bool notes_next(uint32_t notes, uint32_t *at, const char **code, const char **text);

#endif
