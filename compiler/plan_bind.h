/* SPDX-License-Identifier: MIT
 *
 * compiler/plan_bind.h: one placeholder of a plan: where its value comes from, and
 * what is done to it before it is sent.
 */
#ifndef COMPILER_PLAN_BIND_H
#define COMPILER_PLAN_BIND_H

#include "base/str.h"
#include "value/type.h"

#include <stdint.h>

/* Where the value of one placeholder comes from. */
enum bind_source {
    BIND_LITERAL,     /* number `index` of the request's literals (shape order) */
    BIND_PARAM,       /* the param called `name` */
    BIND_PARAM_ITEM,  /* member `index` of the list param `name`; beyond its end the last
                       * member again, so that lists of near lengths share a plan */
    BIND_PARAM_ARRAY, /* the list param `name` as one array (PostgreSQL) */
    BIND_PARAM_CELL,  /* member `column` of member `index` of a param that holds rows */
    BIND_PARAM_COUNT, /* how many members the list param `name` has */
    BIND_CELL,        /* key `name` of the row of data being written */
    BIND_CLASH_CELL,  /* key `name` of `data` in `conflict` */
    BIND_REF,         /* number `index` of the request's refs (compiler/refs.h) */
    BIND_CAPTURED,    /* column `index` of a row that STEP_CAPTURE took */
};

/* What is done to a value before it is sent. */
enum bind_form {
    BIND_PLAIN,
    BIND_COUNT,  /* a whole number that is not negative; at most `at_most` is sent */
    BIND_STEP,   /* a whole number that is not 0 */
    BIND_START,  /* a whole number from 1, or null */
    BIND_LENGTH, /* a whole number from 0, or null */
    BIND_SHIFT,  /* a whole number from 0 to 63, or null */
    BIND_DIGITS, /* a whole number from -15 to 30, or null */
    BIND_ESCAPE, /* a text of one character */
    BIND_PREFIX, /* a text, made a LIKE pattern with ! as escape: text% */
    BIND_SUFFIX, /* %text */
    BIND_INFIX,  /* %text% */

    /* Of an interval: its months, its days, the microseconds beside them; or all of it
     * in microseconds, as intervals are compared. */
    BIND_MONTHS,
    BIND_DAYS,
    BIND_MICROS,
    BIND_SPAN,
    /* The step of a series of moments, without months and not 0: checked, or all of it in
     * microseconds. */
    BIND_STRIDE_CHECKED,
    BIND_STRIDE,
    /* A format of dates: checked, as MariaDB writes it, as to_char does. */
    BIND_FORMAT_CHECKED,
    BIND_FORMAT_MARIA,
    BIND_FORMAT_PG,
    /* A path into JSON: step `column` of it; as a jsonpath, as MariaDB writes it (the
     * first `column` steps; 0: all), as JSON. */
    BIND_PATH_STEP,
    BIND_PATH_PG,
    BIND_PATH_MARIA,
    BIND_PATH_JSON,
    /* The same of a path that names a member: not empty. As an array of PostgreSQL; a
     * jsonpath that finds what can have the member; as MariaDB writes it, and what is
     * around it; as JSON. */
    BIND_SPOT_PG,
    BIND_HOLDER_PG,
    BIND_SPOT_MARIA,
    BIND_HOLDER_MARIA,
    BIND_SPOT_JSON,
};

struct plan_bind {
    enum bind_source source;
    enum bind_form form;
    uint32_t index;
    uint32_t column;  /* BIND_PARAM_CELL, BIND_PATH_… */
    uint32_t at_most; /* BIND_COUNT: 0 is no bound */
    struct str name;
    struct type type; /* as which the value is read and sent */
};

#endif
