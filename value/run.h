/* SPDX-License-Identifier: MIT
 *
 * value/run.h: the port between what wants rows and what has them: one
 * statement, its parameters, and a sink for its rows.
 *
 * compiler/ makes statements, backend/ runs them, daemon/ stands between, with
 * cache/ beside it. Nothing here knows libuv or a database.
 */
#ifndef VALUE_RUN_H
#define VALUE_RUN_H

#include "base/err.h"
#include "base/str.h"
#include "value/type.h"
#include "value/value.h"

#include <stdbool.h>
#include <stdint.h>

/* A column of a result. Borrowed from the plan. */
struct column_info {
    struct str name; /* as the client sees it */
    struct type type;
    struct str table; /* where it comes from, if from a plain column */
    struct str column;
};

/* Whether a statement may share a connection with those of others: sent before the
 * answers to statements ahead of it are in. */
enum share {
    SHARE_NO,    /* it has a connection to itself */
    SHARE_READ,  /* proven without effect, of immutable and stable functions alone: it may be
                  * sent again, and share its Sync (its implicit transaction) with others */
    SHARE_WRITE, /* one statement that is a whole transaction: a Sync of its own */
};

struct statement;

/* One statement in the place of several runs of a read by unique key, which differ in
 * that key alone (their only param). Its rows have the columns of the plain statement and,
 * unless it is among these, behind them the key, by which they are dealt out again; in no
 * order. */
struct fusion {
    const struct statement *stmt; /* keys > 0: takes so many keys as params; keys == 0: takes
                                   * any number as sets, through sql_many */
    uint32_t keys;
    uint32_t key_column; /* of its rows */
    uint32_t least;      /* of the keys as sets: fewer are filled up with copies of the last */
};

/* SQL text of one database, ready to be sent. Immutable, belongs to a plan (or
 * is a constant); must outlive every run of it. */
struct statement {
    uint64_t id;         /* unique in the process: the name under which a connection
                          * keeps it prepared; 0: not worth preparing */
    struct str sql;      /* NUL-terminated */
    struct str sql_many; /* for sets > 1, where the database has a form of its own for
                          * that (PostgreSQL: unnest of one array for each param);
                          * empty: run `sql` for each set */
    const struct type *param_types;
    uint32_t param_count; /* placeholders in sql; params of one set */
    const struct column_info *columns;
    uint32_t column_count; /* 0: the statement returns no rows */
    bool told;             /* raw SQL: what it returns is what the database tells, to
                            * sink->columns; `columns` are not looked at */
    bool read_only;        /* proven: no effect, so a loss is no commit_unknown */
    bool sets_apart;       /* each set must see what those before it wrote */
    bool heeds_warnings;   /* its expressions' errors may be warnings of the database */
    enum share share;
    bool groups; /* SHARE_WRITE: an insert that may share its Sync, and so its commit, with
                  * others: what it does is known whole, and nothing of it waits for the
                  * commit */
    uint32_t row_bound;   /* at most so many rows are proven; 0: not known */
    uint32_t limit_param; /* … or as many as param limit_param - 1 says; 0: none does */
    const struct fusion *fusions; /* by their number of keys, ascending */
    uint32_t fusion_count;        /* 0: it cannot be fused */
};

enum sink_verdict {
    SINK_MORE,   /* go on */
    SINK_FULL,   /* row taken; call run->flush before the next one */
    SINK_ENOUGH, /* row taken; no more are wanted: end the statement as a success */
    SINK_FAILED, /* *f is set: end the statement with that error */
};

/* Takes rows. `row` is called on whatever thread runs the statement (SQLite: the
 * connection's own), never twice at a time, always before `flush` or `done` of
 * that run. cells has statement.column_count members, borrowed until return. */
struct row_sink {
    enum sink_verdict (*row)(struct row_sink *s, const struct value *cells, struct fail *f);
    /* Of a statement whose columns are told: once before the first row, or instead of
     * it, if it returns rows at all; then cells has `count` members. Same thread as
     * `row`. Borrowed until return. On error the run ends with it. */
    enum err (*columns)(struct row_sink *s, const struct column_info *columns, uint32_t count,
                        struct fail *f);
    /* The rows come once more, from the first: those taken so far are to be forgotten. Only
     * for reads that share; NULL: the sink bears rows twice. Between two runs. */
    void (*again)(struct row_sink *s);
};

struct run;
/* Loop thread. After SINK_FULL: take what the sink holds. true: go on; false: the
 * driver stops reading rows until driver->resume. */
typedef bool run_flush_cb(struct run *r);
/* Loop thread, exactly once, never before the starting call has returned. The run
 * is the caller's again. */
typedef void run_done_cb(struct run *r);

/* One execution. Caller-owned; must stay put from start to done. */
struct run {
    /* set by the caller */
    const struct statement *stmt;
    const struct value *params; /* sets × stmt->param_count, set by set; borrowed */
    uint32_t sets;              /* 1, or more for a bulk write; 0 is not allowed */
    bool apart;                 /* each set by stmt->sql, also where there is sql_many */
    struct row_sink *sink;      /* NULL: rows are dropped */
    run_flush_cb *flush;        /* may be NULL if the sink never says FULL */
    run_done_cb *done;
    struct fail *fail; /* filled on error; not NULL */

    /* set by the driver before done */
    enum err err;
    uint64_t rowcount;   /* rows matched or written; for selects rows delivered */
    uint64_t started_ns; /* handed to the database (clock_now_ns) */
    uint64_t ended_ns;
    bool maybe_executed; /* with ERR_CONNECTION_LOST: it may have reached the database */

    /* the driver's own while it runs */
    void *driver_data;
    struct run *next;
};

#endif
