/* SPDX-License-Identifier: MIT
 *
 * compiler/cast_pg.c: casts of PostgreSQL. Its own read more forms of texts than the
 * others do, and round floating point numbers to even.
 */
#include "compiler/cast.h"

#define WHOLE "$1 ~ '\\A[+-]?[0-9]{1,255}\\Z'"
#define DECIMAL "$1 ~ '\\A[+-]?[0-9]{1,255}(\\.[0-9]{1,255})?\\Z'"
#define FLOATING "$1 ~ '\\A[+-]?[0-9]{1,200}(\\.[0-9]{1,100})?([eE][+-]?[0-9]{1,2})?\\Z'"
#define UUID "$1 ~ '\\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\Z'"
#define DATE "'\\A(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\\Z'"
#define TIME "'\\A[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?\\Z'"
#define ZONED "'\\A[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?Z\\Z'"
/* The month has such a day. */
#define DAY                                                                                    \
    "substr($1, 9, 2)::int4 <= extract(day FROM make_date(substr($1, 1, 4)::int4, "            \
    "substr($1, 6, 2)::int4, 1) + interval '1 month' - interval '1 day')"
/* Shortest, and so what one reads. */
#define SHORTEST "$1::text::numeric"

static const struct cast_row rows[] = {
    {CAST_BOOLEAN, CAST_INTEGER, NULL, "$1::int4::#t", NULL},
    {CAST_BOOLEAN, CAST_TEXT, NULL, "$1::text", NULL},
    {CAST_INTEGER, CAST_BOOLEAN, NULL, "($1 <> 0)", NULL},
    {CAST_INTEGER, CAST_INTEGER, NULL, "$1::#t", "$1 BETWEEN #l AND #h"},
    {CAST_INTEGER, CAST_NUMERIC, NULL, "$1::#t", "abs($1::numeric) < #m"},
    {CAST_INTEGER, CAST_FLOAT, NULL, "$1::#t", NULL},
    {CAST_INTEGER, CAST_TEXT, NULL, "$1::text", NULL},
    {CAST_NUMERIC, CAST_INTEGER, NULL, "$1::#t", "round($1) BETWEEN #l AND #h"},
    {CAST_NUMERIC, CAST_NUMERIC, NULL, "$1::#t", "abs(round($1, #s)) < #m"},
    {CAST_NUMERIC, CAST_FLOAT, NULL, "$1::#t", NULL},
    {CAST_NUMERIC, CAST_TEXT, NULL, "round($1, #f)::text", NULL},
    {CAST_FLOAT, CAST_INTEGER, NULL, "round(" SHORTEST ")::#t",
     "round(" SHORTEST ") BETWEEN #l AND #h"},
    {CAST_FLOAT, CAST_NUMERIC, NULL, SHORTEST "::#t", "abs(round(" SHORTEST ", #s)) < #m"},
    {CAST_FLOAT, CAST_FLOAT, NULL, "$1::#t", NULL},
    {CAST_FLOAT, CAST_TEXT, NULL, "$1::text", NULL},
    {CAST_TEXT, CAST_BOOLEAN, "$1 IN ('true', 'false')", "($1 = 'true')", NULL},
    {CAST_TEXT, CAST_INTEGER, WHOLE, "$1::#t", "$1::numeric BETWEEN #l AND #h"},
    {CAST_TEXT, CAST_NUMERIC, DECIMAL, "$1::#t", "abs(round($1::numeric, #s)) < #m"},
    {CAST_TEXT, CAST_FLOAT, FLOATING, "$1::#t", NULL},
    {CAST_TEXT, CAST_TEXT, NULL, "$1::#t", NULL},
    {CAST_TEXT, CAST_UUID, UUID, "$1::uuid", NULL},
    {CAST_TEXT, CAST_DATE, "CASE WHEN $1 ~ " DATE " THEN " DAY " ELSE FALSE END", "$1::date",
     NULL},
    {CAST_TEXT, CAST_STAMP,
     "CASE WHEN substr($1, 1, 10) ~ " DATE " AND substr($1, 11) ~ " TIME " THEN " DAY
     " ELSE FALSE END",
     "$1::timestamp", NULL},
    {CAST_TEXT, CAST_STAMPTZ,
     "CASE WHEN substr($1, 1, 10) ~ " DATE " AND substr($1, 11) ~ " ZONED " THEN " DAY
     " ELSE FALSE END",
     "$1::timestamptz", NULL},
    {CAST_TEXT, CAST_JSON, NULL, "$1::jsonb", NULL},
    {CAST_UUID, CAST_TEXT, NULL, "$1::text", NULL},
    {CAST_DATE, CAST_TEXT, NULL, "to_char($1, 'YYYY-MM-DD')", NULL},
    {CAST_DATE, CAST_STAMP, NULL, "$1::#t", NULL},
    {CAST_DATE, CAST_STAMPTZ, NULL, "$1::#t", NULL},
    {CAST_STAMP, CAST_TEXT, NULL,
     "replace(to_char($1, 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '.000000', '')", NULL},
    {CAST_STAMP, CAST_DATE, NULL, "$1::#t", NULL},
    {CAST_STAMP, CAST_STAMPTZ, NULL, "$1::#t", NULL},
    {CAST_STAMPTZ, CAST_TEXT, NULL,
     "replace(to_char($1, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '.000000', '')", NULL},
    {CAST_STAMPTZ, CAST_DATE, NULL, "$1::#t", NULL},
    {CAST_STAMPTZ, CAST_STAMP, NULL, "$1::#t", NULL},
};

const struct cast_table casts_pg = {
    .rows = rows,
    .count = sizeof rows / sizeof rows[0],
    .bad = "('x!' || $1)::#t",
    /* the type's own cast cuts; its function does not */
    .fit = "CASE WHEN length($1) <= #n THEN $1 ELSE pg_catalog.\"varchar\"(repeat('x', 1 + #n "
           "+ 0 * length($1)), 4 + #n, false) END",
    .fits_text = "CASE WHEN length($1) <= #n THEN $1 END",
};
