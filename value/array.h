/* SPDX-License-Identifier: MIT
 *
 * value/array.h: PostgreSQL's array text (PostgreSQL 15 manual, 8.15.6), to and
 * from JSON arrays.
 */
#ifndef VALUE_ARRAY_H
#define VALUE_ARRAY_H

#include "value/value.h"

/* `{1,2,NULL,"a b"}` to a JSON array of the element type; nested arrays nest. */
enum err array_to_json(struct buf *b, struct str text, const struct type *element,
                       enum int64_form int64, struct fail *f) MUST_CHECK;
/* A JSON array to array text, each member read as the element type. */
enum err array_from_json(const struct json *j, const struct type *element, struct arena *a,
                         const struct json_path *path, struct value *out,
                         struct fail *f) MUST_CHECK;

#endif
