/* SPDX-License-Identifier: MIT
 *
 * compiler/cast_maria.c: casts of MariaDB. Its own warn where they cut or guess, which
 * the driver makes errors; try_cast asks before, so that nothing warns.
 */
#include "compiler/cast.h"

/* Depends on the operand: a constant would be computed while the statement is planned. */
#define OVERFLOW(x) "9223372036854775807 + (1 + 0 * " x ")"
#define RANGE "BETWEEN #l AND #h"
#define SHORTEST "CAST($1 AS DECIMAL(65,30))"
#define WHOLE "CAST($1 AS DECIMAL(65))"
#define SCALED "CAST($1 AS DECIMAL(65,#s))"
#define EXACTLY "CONVERT($1 USING utf8mb4) COLLATE utf8mb4_nopad_bin"
#define DATE "'\\A(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\\z'"
#define TIME "'\\A[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?\\z'"
#define ZONED "'\\A[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?Z\\z'"
/* The month has such a day. */
#define DAY "substr($1, 9, 2) <= day(last_day(concat(left($1, 8), '01')))"
#define TRUTH "CASE $1 <> 0 WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"

static const struct cast_row rows[] = {
    {CAST_BOOLEAN, CAST_TEXT, NULL, TRUTH, NULL},
    {CAST_INTEGER, CAST_BOOLEAN, NULL, "($1 <> 0)", NULL},
    {CAST_INTEGER, CAST_INTEGER, NULL,
     "CASE WHEN $1 " RANGE " THEN $1 ELSE " OVERFLOW("$1") " END", "$1 " RANGE},
    {CAST_INTEGER, CAST_NUMERIC, NULL, "CAST($1 AS DECIMAL(#p,#s))", "abs($1) < #m"},
    {CAST_INTEGER, CAST_FLOAT, NULL, "CAST($1 AS DOUBLE)", NULL},
    {CAST_INTEGER, CAST_TEXT, NULL, "CAST($1 AS CHAR)", NULL},
    {CAST_NUMERIC, CAST_INTEGER, NULL,
     "CASE WHEN round($1) " RANGE " THEN round($1) DIV 1 ELSE " OVERFLOW("sign($1)") " END",
     "round($1) " RANGE},
    {CAST_NUMERIC, CAST_NUMERIC, NULL, "CAST($1 AS DECIMAL(#p,#s))", "abs(round($1, #s)) < #m"},
    {CAST_NUMERIC, CAST_FLOAT, NULL, "CAST($1 AS DOUBLE)", NULL},
    {CAST_NUMERIC, CAST_TEXT, NULL, "CAST(CAST($1 AS DECIMAL(65,#f)) + 0 AS CHAR)", NULL},
    {CAST_FLOAT, CAST_INTEGER, NULL,
     "CASE WHEN abs($1) < 1e19 AND round(" SHORTEST ") " RANGE " THEN round(" SHORTEST
     ") DIV 1 ELSE " OVERFLOW("sign($1)") " END",
     "abs($1) < 1e19 AND round(" SHORTEST ") " RANGE},
    {CAST_FLOAT, CAST_NUMERIC, NULL, "CAST($1 AS DECIMAL(#p,#s))",
     "abs($1) < #m AND abs(" SCALED ") < #m"},
    {CAST_FLOAT, CAST_TEXT, NULL, "CAST($1 AS CHAR)", NULL},
    {CAST_TEXT, CAST_BOOLEAN, EXACTLY " IN ('true', 'false')", "($1 = 'true')", NULL},
    {CAST_TEXT, CAST_INTEGER, "$1 REGEXP '\\A[+-]?[0-9]{1,255}\\z'",
     "CASE WHEN " WHOLE " " RANGE " THEN " WHOLE " DIV 1 ELSE " OVERFLOW("length($1)") " END",
     "$1 REGEXP '\\A[+-]?0*[0-9]{1,19}\\z' AND " WHOLE " " RANGE},
    {CAST_TEXT, CAST_NUMERIC, "$1 REGEXP '\\A[+-]?[0-9]{1,255}(\\.[0-9]{1,255})?\\z'",
     "CAST($1 AS DECIMAL(#p,#s))",
     "$1 REGEXP '\\A[+-]?0*[0-9]{0,#w}(\\.|\\z)' AND abs(" SCALED ") < #m"},
    {CAST_TEXT, CAST_FLOAT,
     "$1 REGEXP '\\A[+-]?[0-9]{1,200}(\\.[0-9]{1,100})?([eE][+-]?[0-9]{1,2})?\\z'",
     "CAST($1 AS DOUBLE)", NULL},
    {CAST_TEXT, CAST_UUID,
     "$1 REGEXP '\\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\z'", "lower($1)", NULL},
    {CAST_TEXT, CAST_DATE, "CASE WHEN $1 REGEXP " DATE " THEN " DAY " ELSE FALSE END",
     "CAST($1 AS DATE)", NULL},
    {CAST_TEXT, CAST_STAMP,
     "CASE WHEN substr($1, 1, 10) REGEXP " DATE " AND substr($1, 11) REGEXP " TIME " THEN " DAY
     " ELSE FALSE END",
     "CAST($1 AS DATETIME(6))", NULL},
    {CAST_TEXT, CAST_STAMPTZ,
     "CASE WHEN substr($1, 1, 10) REGEXP " DATE " AND substr($1, 11) REGEXP " ZONED " THEN " DAY
     " ELSE FALSE END",
     "CAST(left($1, char_length($1) - 1) AS DATETIME(6))", NULL},
    {CAST_TEXT, CAST_JSON, "json_valid($1)", "$1", NULL},
    {CAST_UUID, CAST_TEXT, NULL, "CAST($1 AS CHAR)", NULL},
    {CAST_DATE, CAST_TEXT, NULL, "date_format($1, '%Y-%m-%d')", NULL},
    {CAST_DATE, CAST_STAMP, NULL, "CAST($1 AS DATETIME(6))", NULL},
    {CAST_DATE, CAST_STAMPTZ, NULL, "CAST($1 AS DATETIME(6))", NULL},
    {CAST_STAMP, CAST_TEXT, NULL,
     "replace(date_format($1, '%Y-%m-%dT%H:%i:%s.%f'), '.000000', '')", NULL},
    {CAST_STAMP, CAST_DATE, NULL, "CAST($1 AS DATE)", NULL},
    {CAST_STAMPTZ, CAST_TEXT, NULL,
     "replace(date_format($1, '%Y-%m-%dT%H:%i:%s.%fZ'), '.000000', '')", NULL},
    {CAST_STAMPTZ, CAST_DATE, NULL, "CAST($1 AS DATE)", NULL},
};

const struct cast_table casts_maria = {
    .rows = rows,
    .count = sizeof rows / sizeof rows[0],
    .bad = "CAST(concat('!', $1) AS #c)",
    .fit = "CASE WHEN char_length($1) <= #n THEN $1 ELSE repeat(concat('x', $1), 1073741824) "
           "END",
    .fits_text = "CASE WHEN char_length($1) <= #n THEN $1 END",
    .loose = true,
};
