/* SPDX-License-Identifier: MIT
 *
 * value/decimal.h: exact decimal numbers as text. Pure functions.
 */
#ifndef VALUE_DECIMAL_H
#define VALUE_DECIMAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* What a decimal text consists of; borrowed from it. */
struct decimal {
    bool negative;
    struct str whole;    /* without leading zeros; may be empty */
    struct str fraction; /* as written, without trailing zeros; may be empty */
    uint32_t written;    /* digits behind the point as written */
    int32_t exponent;
};

/* decimal = [ "-" ] 1*DIGIT [ "." 1*DIGIT ] [ ( "e" / "E" ) [ "+" / "-" ] 1*3DIGIT ] */
bool decimal_read(struct str s, struct decimal *out);
/* The same number without an exponent; borrowed from s where it has none. ptr NULL
 * when out of memory. */
struct str decimal_plain(struct str s, const struct decimal *d, struct arena *a);

/* Writes d, which has no exponent, with `scale` digits behind the point, rounded half
 * away from zero (-1: as many as were written). */
void decimal_write(struct buf *b, const struct decimal *d, int32_t scale);
/* Writes v likewise, from at most 15 significant digits, which is what a double holds
 * for certain (-1: as many as are not zero). v is finite and below 1e300. */
void decimal_write_double(struct buf *b, double v, int32_t scale);
/* Writes v and, for a scale > 0, a point and zeros. */
void decimal_write_int(struct buf *b, int64_t v, int32_t scale);

#endif
