/* SPDX-License-Identifier: MIT
 *
 * schema/reflect.h: reads a catalog out of a live database, sans-I/O.
 *
 * The caller runs the statements one after the other on one connection and
 * gives their rows to the sink; this module knows what they mean. One odd column
 * or table never hides the rest: what is not understood becomes opaque.
 */
#ifndef SCHEMA_REFLECT_H
#define SCHEMA_REFLECT_H

#include "base/err.h"
#include "schema/catalog.h"
#include "value/run.h"

#include <stdbool.h>
#include <stdint.h>

enum reflect_source { REFLECT_PG, REFLECT_MARIA, REFLECT_SQLITE };

struct reflect;

/* NULL when out of memory. `seed` for the catalog's maps. */
struct reflect *reflect_create(enum reflect_source source, uint64_t seed);
/* NULL is accepted. */
void reflect_destroy(struct reflect *r);
/* The next statement to run, or NULL when all are done. Borrowed, constant. */
const struct statement *reflect_next(struct reflect *r);
/* Tells that the statement last returned by reflect_next failed. True: the loss is
 * bearable (the columns of one broken view, the list of functions): go on with
 * reflect_next. False: give up. */
bool reflect_failed(struct reflect *r);
/* Where the rows of the statement last returned by reflect_next go. Its `row` may
 * be called on a driver's thread. */
struct row_sink *reflect_sink(struct reflect *r);
/* Tables, columns, keys and functions left out so far: names that are not UTF-8,
 * views that the database itself cannot read. */
uint32_t reflect_skipped(const struct reflect *r);
/* After the last statement: the catalog with one reference. r can only be
 * destroyed after this. */
enum err reflect_finish(struct reflect *r, struct catalog **out, struct fail *f) MUST_CHECK;

#endif
