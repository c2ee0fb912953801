/* SPDX-License-Identifier: MIT
 *
 * compiler/plan.h: a compiled statement, ready to be bound to data and run.
 *
 * Immutable after compiling; owns everything in it (one arena), shares nothing
 * with the request it was made from. Belongs to one worker: references are
 * counted without atomics.
 */
#ifndef COMPILER_PLAN_H
#define COMPILER_PLAN_H

#include "base/arena.h"
#include "schema/catalog.h"
#include "value/run.h"

#include <stdbool.h>
#include <stdint.h>

enum plan_kind { PLAN_READ, PLAN_INSERT, PLAN_UPDATE, PLAN_DELETE, PLAN_TEXT };

/* What raw SQL does, as far as its first words say. */
enum text_effect {
    TEXT_NONE, /* it is no raw SQL */
    TEXT_READS,
    TEXT_WRITES,
    TEXT_DEFINES, /* the schema may be another one afterwards */
};

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

/* What becomes of a step's rows and count. */
enum step_role {
    STEP_ROWS,    /* rows and rowcount are the reply's */
    STEP_COUNT,   /* rowcount is the reply's */
    STEP_KEYS,    /* rows are generated keys; rowcount is the reply's */
    STEP_TOLD,    /* the database tells whether it has rows, and of which columns */
    STEP_QUIET,   /* nothing of it is the reply's */
    STEP_CAPTURE, /* its rows are kept as values for the steps behind it */
};

/* Whether a step runs at all, by what the steps before it met. */
enum step_when {
    WHEN_ALWAYS,
    WHEN_MISSING, /* the last capture took no row */
    WHEN_CHANGED, /* the last step that writes did write a row */
};

/* What becomes of a row whose unique key is there already. */
enum step_clash {
    CLASH_FAILS,
    CLASH_SKIPS, /* it is not written, and that is no error */
};

struct plan_step {
    enum step_role role;
    enum step_when when;
    enum step_clash clash;
    bool each; /* once for each captured row; else once */
    struct statement stmt;
    const struct plan_bind *binds; /* stmt.param_count */
};

/* Which rows a statement may touch, for routing and caching later. */
struct plan_table {
    const struct table *table; /* of the catalog the plan was made with */
    bool written;
};

struct plan_after; /* compiler/plan_after.h */

struct plan {
    struct arena arena;
    uint32_t refs;
    struct catalog *catalog; /* keeps tables alive */
    const struct dialect *dialect;
    enum plan_kind kind;
    enum step_role role;           /* of the reply: ROWS, COUNT or KEYS */
    const struct plan_step *steps; /* set_steps for a read, update or delete; for an
                                    * insert that many for each set of keys of its rows */
    uint32_t step_count, set_steps;
    const struct column_info *columns; /* of the reply; 0: a count */
    uint32_t column_count;
    const struct plan_table *tables;
    uint32_t table_count;
    enum volatility volatility;     /* the worst function in it */
    bool single_row;                /* provably at most one row */
    bool many_rows;                 /* an insert whose step may write several rows */
    bool sorted;                    /* has an order_by */
    uint32_t notes;                 /* bits of compiler/notes.h */
    enum text_effect effect;        /* of PLAN_TEXT */
    bool leaves_traces;             /* the session may be another one afterwards */
    bool returns;                   /* PLAN_TEXT: a write that returns rows */
    const struct plan_after *after; /* NULL: none is asked for */
    bool needs_tx;                  /* a transaction that writes gives it what it asks for */
    size_t bytes;                   /* what it costs the cache */
};

struct plan *plan_ref(struct plan *p);
/* NULL is accepted. */
void plan_unref(struct plan *p);

#endif
