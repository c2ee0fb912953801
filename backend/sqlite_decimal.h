/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_decimal.h: decimals as SQLite keeps them, for the functions of
 * backend/sqlite_*.c. Pure functions.
 */
#ifndef BACKEND_SQLITE_DECIMAL_H
#define BACKEND_SQLITE_DECIMAL_H

#include <sqlite3.h>
#include <stdbool.h>

__extension__ typedef __int128 wide;

/* number × 10^exponent, below 10^36 */
struct decimal15 {
    wide number;
    int exponent;
};

enum decimal_reading { READ_OK, READ_NULL, READ_BAD };

/* An integer exactly, a float by its first 15 digits. */
enum decimal_reading decimal_of(sqlite3_value *v, struct decimal15 *out);
/* The shortest decimal that reads back as x, which is finite. */
void decimal_shortest(double x, struct decimal15 *out);
/* false: it would be too large. */
bool decimal_times_ten(wide *n);
/* Half away from zero, to `digits` behind the point. */
void decimal_round(struct decimal15 *d, int digits);
/* d as the result: an integer where it is one, else the float that is nearest to it;
 * an error if it has more than 15 digits. */
void decimal_give(sqlite3_context *ctx, struct decimal15 d);
void decimal_out_of_range(sqlite3_context *ctx);

#endif
