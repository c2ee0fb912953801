/* SPDX-License-Identifier: MIT
 *
 * value/rows.h: rows to JSON text: the sink behind every reply.
 *
 * Cells are encoded straight from the driver's memory into `out`; no row is
 * kept. `row` may be called on a driver's thread; everything else belongs to the
 * thread that owns the run, and touches it only while the driver does not.
 */
#ifndef VALUE_ROWS_H
#define VALUE_ROWS_H

#include "base/buf.h"
#include "base/err.h"
#include "value/run.h"

#include <stdint.h>

enum rows_form {
    ROWS_ARRAYS,  /* [1,"a"],[2,"b"] */
    ROWS_OBJECTS, /* {"id":1,"name":"a"},… */
    ROWS_COLUMNS, /* one array for each column, joined by rows_finish */
    ROWS_VALUES,  /* the first cell of each row: 1,2 */
    ROWS_COUNTED, /* nothing is written, rows are counted */
};

enum rows_expect {
    EXPECT_ALL,
    EXPECT_FIRST,       /* at most one row is taken, the rest is not wanted */
    EXPECT_ONE,         /* a second row fails with ERR_MULTIPLE_RESULTS; none: rows_finish
                         * fails with ERR_NO_RESULT */
    EXPECT_ONE_OR_NONE, /* a second row fails with ERR_MULTIPLE_RESULTS */
};

struct rows;
enum rows_edge { CHUNK_BEGINS, CHUNK_ENDS };
/* A stream: called before the first row of each chunk and after its last, to write
 * the head and the end of its line into r->out. Same thread as `row`. */
typedef void rows_chunk_fn(struct rows *r, enum rows_edge edge);

/* A column whose value in the last row is kept. */
struct rows_mark {
    struct str name;
    uint32_t column; /* may be behind column_count: then it is not shown */
};

struct rows_opts {
    const struct column_info *columns; /* borrowed for the life of the rows */
    uint32_t column_count;
    enum rows_form form;
    enum rows_expect expect;
    enum int64_form int64;
    uint64_t max_rows;             /* 0: none; more is ERR_TOO_MANY_ROWS */
    uint64_t max_bytes;            /* of all that was encoded; 0: none; ERR_REPLY_TOO_LARGE */
    uint32_t full_bytes;           /* SINK_FULL once out holds this much; 0: never */
    uint32_t chunk_rows;           /* > 0: a stream with chunks of so many rows */
    rows_chunk_fn *chunk;          /* with chunk_rows */
    const struct rows_mark *marks; /* borrowed for the life of the rows */
    uint32_t mark_count;
    bool told; /* the columns come from the database; those given here are
                * what was declared: their number and names must be right */
};

struct rows {
    struct row_sink sink; /* first: the driver sees only this */
    struct rows_opts opts;
    struct buf out;           /* owned; the owner may swap it out while the driver waits */
    struct buf *by_column;    /* ROWS_COLUMNS: one for each column */
    struct str *keys;         /* ROWS_OBJECTS: `"name":` ready to copy */
    struct buf mark;          /* {"name":value,…} of the last row; empty before */
    uint64_t count;           /* rows taken */
    uint64_t bytes;           /* encoded so far */
    bool heard;               /* the database told its columns */
    struct column_info *told; /* owned copy of what the database told */
    uint32_t in_chunk;        /* rows of the open chunk; 0: none is open */
    uint64_t chunks;          /* chunks begun */
    uint32_t credit;          /* chunks that may still be begun; UINT32_MAX: any number.
                               * At 0 the row that fills a chunk returns SINK_FULL */
};

/* Starts empty. ERR_OUT_OF_MEMORY; ERR_DUPLICATE_NAME if ROWS_OBJECTS or
 * ROWS_COLUMNS and two columns share a name. rows_fini after either outcome. */
enum err rows_init(struct rows *r, const struct rows_opts *opts, struct fail *f) MUST_CHECK;
void rows_fini(struct rows *r);
/* After the last row, when the run succeeded: checks `expect`, joins ROWS_COLUMNS
 * as `"a":[1,2],"b":[…]` into out, ends a stream's last chunk. */
enum err rows_finish(struct rows *r, struct fail *f) MUST_CHECK;
/* `"columns":[…],"types":[…]` */
void rows_write_columns(struct buf *b, const struct column_info *columns, uint32_t count);

#endif
