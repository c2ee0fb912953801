/* SPDX-License-Identifier: MIT
 *
 * value/value.h: one typed scalar on its way to or from a database.
 *
 * A value is a small tagged union; texts and lists are borrowed. What its bytes
 * mean is said by the struct type beside it. The forms, both ways:
 *
 *   boolean                VALUE_BOOL (from a database also VALUE_INT 0/1 or
 *                          VALUE_TEXT t f true false 1 0)
 *   smallint … bigint      VALUE_INT (from a database also VALUE_TEXT digits)
 *   numeric                VALUE_TEXT, plain decimal text (from SQLite also
 *                          VALUE_INT, VALUE_DOUBLE)
 *   real, double           VALUE_DOUBLE (from a database also VALUE_TEXT, VALUE_INT)
 *   text varchar char enum uuid json array opaque    VALUE_TEXT
 *   bytes                  VALUE_BYTES
 *   date                   VALUE_TEXT YYYY-MM-DD
 *   time                   VALUE_TEXT HH:MM:SS[.f…]
 *   timestamp              VALUE_TEXT YYYY-MM-DD HH:MM:SS[.f…]
 *   timestamptz            VALUE_TEXT as timestamp, in UTC, without a suffix
 *                          (from a database a suffix Z, +00 or +00:00 is taken)
 *   interval               VALUE_TEXT ISO 8601 duration (from MariaDB and SQLite also
 *                          VALUE_INT, microseconds)
 *
 * To a database, times carry six digits behind the point or none at all: SQLite
 * gets them always (its columns compare as text), others where not zero.
 */
#ifndef VALUE_VALUE_H
#define VALUE_VALUE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "value/type.h"

#include <stdbool.h>
#include <stdint.h>

enum value_kind {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_DOUBLE,
    VALUE_TEXT,
    VALUE_BYTES,
    VALUE_LIST, /* the members of an IN list, bound as one array */
};

struct value_list;

struct value {
    enum value_kind kind;
    union {
        bool boolean;
        int64_t num;
        double real;
        struct str text; /* VALUE_TEXT, VALUE_BYTES */
        const struct value_list *list;
    };
};

struct value_list {
    const struct value *items;
    uint32_t count;
};

/* How bigint is written for a client (hello "int64"). */
enum int64_form { INT64_NUMBER, INT64_STRING, INT64_GUARD };

/* Reads a JSON value as `type` ("Types on the wire"): ranges, lengths, calendar
 * dates, base64, exact digits of numerics are checked here, before a database is
 * asked. null gives VALUE_NULL for every type. TYPE_UNKNOWN takes the JSON form:
 * boolean, bigint (or numeric beyond 64 bits), numeric, text; arrays and objects
 * are ERR_TYPE_MISMATCH. A bigint may also be a string of digits, as `int64:
 * "string"` gave it out. Digits that a numeric has no room for, behind the point too,
 * are errors, never rounded. Texts are copied to `a` only when they change. Errors:
 * ERR_TYPE_MISMATCH (wrong JSON kind), ERR_BAD_VALUE, ERR_OUT_OF_RANGE,
 * ERR_TOO_LONG, ERR_OUT_OF_MEMORY; at `path`. */
enum err value_from_json(const struct json *j, const struct type *type, struct arena *a,
                         const struct json_path *path, struct value *out,
                         struct fail *f) MUST_CHECK;

/* Writes v as the JSON of `type`. ERR_BAD_STORED_VALUE when v does not fit its
 * type, ERR_OUT_OF_RANGE for a bigint that INT64_GUARD forbids (nothing useful is
 * in b then). The message does not show the value. */
enum err value_to_json(struct buf *b, const struct type *type, const struct value *v,
                       enum int64_form int64, struct fail *f) MUST_CHECK;

#endif
