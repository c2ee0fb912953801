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
#include "compiler/plan_bind.h"
#include "compiler/plan_touch.h"
#include "schema/catalog.h"
#include "value/run.h"

#include <stdbool.h>
#include <stdint.h>

enum plan_kind {
    PLAN_READ,
    PLAN_INSERT,
    PLAN_UPDATE,
    PLAN_DELETE,
    PLAN_TEXT,
    PLAN_MIXED, /* a query with writes in its `with` */
};

/* What raw SQL does, as far as its first words say. */
enum text_effect {
    TEXT_NONE, /* it is no raw SQL */
    TEXT_READS,
    TEXT_WRITES,
    TEXT_DEFINES, /* the schema may be another one afterwards */
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
    bool each; /* for each captured row */
    struct statement stmt;
    const struct plan_bind *binds; /* stmt.param_count */
    const uint32_t *apart;         /* binds of a key that sets of one stmt.sql_many differ in */
    uint32_t apart_count;
};

/* Which rows a statement may touch, for routing and caching. */
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
    struct str columns_text; /* as every reply shows them (rows_write_columns), or empty */
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
    bool locks;                     /* has a `for`: no read that a replica could serve */
    bool needs_tx;                  /* a transaction that writes gives it what it asks for */
    struct plan_touch touch;
    size_t bytes; /* what it costs the cache */
    /* The number under which the result cache counts it, plus one, or 0: the only thing in here
     * that its worker writes to behind compiling. */
    uint16_t cache_number;
};

struct plan *plan_ref(struct plan *p);
/* NULL is accepted. */
void plan_unref(struct plan *p);

#endif
