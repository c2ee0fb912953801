/* SPDX-License-Identifier: MIT
 *
 * compiler/cast_sqlite.c: casts of SQLite: functions of ours, which take the value as it
 * is stored, because SQLite's own never fail.
 */
#include "compiler/cast.h"

#define TRUTH "CASE $1 <> 0 WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
#define INTEGER "tb_cast_int($1, #l, #h, #y)"
#define NUMERIC "tb_cast_numeric($1, #p, #s, #y)"

static const struct cast_row rows[] = {
    {CAST_BOOLEAN, CAST_TEXT, NULL, TRUTH, NULL},
    {CAST_INTEGER, CAST_BOOLEAN, NULL, "($1 <> 0)", NULL},
    {CAST_INTEGER, CAST_INTEGER, NULL, INTEGER, NULL},
    {CAST_INTEGER, CAST_NUMERIC, NULL, NUMERIC, NULL},
    {CAST_INTEGER, CAST_FLOAT, NULL, "CAST($1 AS REAL)", NULL},
    {CAST_INTEGER, CAST_TEXT, NULL, "CAST($1 AS TEXT)", NULL},
    {CAST_NUMERIC, CAST_INTEGER, NULL, INTEGER, NULL},
    {CAST_NUMERIC, CAST_NUMERIC, NULL, NUMERIC, NULL},
    {CAST_NUMERIC, CAST_FLOAT, NULL, "CAST($1 AS REAL)", NULL},
    {CAST_NUMERIC, CAST_TEXT, NULL, "tb_numeric_text($1, #f)", NULL},
    {CAST_FLOAT, CAST_INTEGER, NULL, INTEGER, NULL},
    {CAST_FLOAT, CAST_NUMERIC, NULL, NUMERIC, NULL},
    {CAST_FLOAT, CAST_TEXT, NULL, "CAST($1 AS TEXT)", NULL},
    {CAST_TEXT, CAST_BOOLEAN, NULL, "tb_cast_bool($1, #y)", NULL},
    {CAST_TEXT, CAST_INTEGER, NULL, INTEGER, NULL},
    {CAST_TEXT, CAST_NUMERIC, NULL, NUMERIC, NULL},
    {CAST_TEXT, CAST_FLOAT, NULL, "tb_cast_double($1, #y)", NULL},
    {CAST_TEXT, CAST_UUID, NULL, "tb_cast_uuid($1, #y)", NULL},
    {CAST_TEXT, CAST_DATE, NULL, "tb_cast_date($1, #y)", NULL},
    {CAST_TEXT, CAST_STAMP, NULL, "tb_cast_timestamp($1, #y)", NULL},
    /* a column alone would be compared as a number */
    {CAST_TEXT, CAST_STAMPTZ, NULL, "tb_cast_timestamptz($1, #y)", NULL},
    {CAST_TEXT, CAST_JSON, NULL, "json($1)", NULL},
    {CAST_UUID, CAST_TEXT, NULL, "CAST($1 AS TEXT)", NULL},
    {CAST_DATE, CAST_TEXT, NULL, "CAST($1 AS TEXT)", NULL},
    {CAST_DATE, CAST_STAMP, NULL, "($1 || ' 00:00:00.000000')", NULL},
    {CAST_DATE, CAST_STAMPTZ, NULL, "($1 || ' 00:00:00.000000')", NULL},
    {CAST_STAMP, CAST_TEXT, NULL, "tb_timestamp_text($1, '')", NULL},
    {CAST_STAMP, CAST_DATE, NULL, "substr($1, 1, 10)", NULL},
    {CAST_STAMPTZ, CAST_TEXT, NULL, "tb_timestamp_text($1, 'Z')", NULL},
    {CAST_STAMPTZ, CAST_DATE, NULL, "substr($1, 1, 10)", NULL},
};

const struct cast_table casts_sqlite = {
    .rows = rows,
    .count = sizeof rows / sizeof rows[0],
    .bad = "",
    .fit = "tb_fit($1, #n)",
    .fits_text = "CASE WHEN length($1) <= #n THEN $1 END",
    .loose = true,
};
