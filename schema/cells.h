/* SPDX-License-Identifier: MIT
 *
 * schema/cells.h: cells of reflected rows as C values, whatever form a driver gives
 * them. What has no sense gives an empty one. Pure functions, any thread.
 */
#ifndef SCHEMA_CELLS_H
#define SCHEMA_CELLS_H

#include "schema/catalog.h"
#include "value/value.h"

#include <stdbool.h>
#include <stdint.h>

/* The text of a cell, borrowed; ptr NULL for null and for what is not text. */
struct str cell_text(const struct value *v);
/* A number, a boolean, or digits; 0 for null. */
int64_t cell_int(const struct value *v);
bool cell_true(const struct value *v);
/* PostgreSQL's letters and the standard's words. */
enum fk_action cell_action(const struct value *v);

#endif
