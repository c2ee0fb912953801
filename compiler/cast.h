/* SPDX-License-Identifier: MIT
 *
 * compiler/cast.h: casts from type to type, as each database writes them.
 *
 * A cast is exact: a value that the type does not have is an error (`cast`) or null
 * (`try_cast`), on every database the same. Constants; any thread.
 */
#ifndef COMPILER_CAST_H
#define COMPILER_CAST_H

#include "compiler/dialect.h"
#include "value/type.h"

#include <stdbool.h>
#include <stdint.h>

/* Types whose casts are alike. */
enum cast_class {
    CAST_BOOLEAN,
    CAST_INTEGER,
    CAST_NUMERIC,
    CAST_FLOAT,
    CAST_TEXT,
    CAST_UUID,
    CAST_DATE,
    CAST_STAMP,
    CAST_STAMPTZ,
    CAST_JSON,
    CAST_OTHER, /* only to itself */
};

/* Templates around $1. In them stand for the type that is cast to:
 *   #t its name   #l #h bounds of an integer   #p #s digits of a numeric, #w those before
 *   the point, #m ten to that   #c what MariaDB casts like it   #n characters   #y 1 for
 * try_cast, else 0 and #f for the digits behind the point of what is cast. */
struct cast_row {
    enum cast_class from, to;
    const char *form; /* whether it may be cast at all, else it is a bad value; NULL: it may */
    const char *cast;
    const char *fits; /* whether the cast finds it in range; NULL: there is no range, or
                       * the cast itself sees to #y */
};

struct cast_table {
    const struct cast_row *rows;
    uint32_t count;
    const char *bad; /* fails for any $1 that is not null */
    const char *fit; /* $1 of at most #n characters; try_cast asks `fits_text` */
    const char *fits_text;
    bool loose; /* a value has the type as which it is read */
};

extern const struct cast_table casts_pg, casts_maria, casts_sqlite;

enum cast_mode { CAST_STRICT, CAST_TRY };

#define CAST_SQL_BYTES 2400
/* Where widening an integer or keeping a value needs no more than the value. */
bool cast_is_free(const struct type *from, const struct type *to);
/* Writes the template of a cast; false if there is no exact one. */
bool cast_sql(const struct dialect *d, const struct type *from, const struct type *to,
              enum cast_mode mode, char *out, size_t out_bytes) MUST_CHECK;

#endif
