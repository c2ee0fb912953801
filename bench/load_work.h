/* SPDX-License-Identifier: MIT
 *
 * bench/load_work.h: what is asked of the servers, in each of their languages, and
 * how a right answer is known.
 */
#ifndef BENCH_LOAD_WORK_H
#define BENCH_LOAD_WORK_H

#include <stdbool.h>
#include <stdint.h>

#define LOAD_STATEMENTS 16 /* of one work, at most */

/* How it is sent and counted. */
enum load_kind {
    LOAD_SHORT, /* latencies are measured of these */
    LOAD_TX,    /* between begin and commit */
    LOAD_SLOW,
};

/* One statement with one value, its key, which is a number from 1 on. */
struct load_statement {
    enum load_kind kind;
    const char *json;          /* members of the line up to the key … */
    const char *json_end;      /* … and behind it */
    const char *sql, *sql_end; /* the same around the key in SQL */
    uint32_t rows;             /* of its answer; 0: a write of one row */
    uint32_t first;            /* the first cell; 0: the key */
    uint32_t keys;             /* greatest key */
};

struct load_share {
    uint32_t percent;
    uint32_t statement; /* index into `statements` */
};

struct load_work {
    const char *name;
    const struct load_statement *statements;
    uint32_t statement_count;
    uint8_t dice[100]; /* which statement a throw gives */
};

/* Fills *w; false if there is no work of this name. */
bool load_work_find(const char *name, struct load_work *w);
/* The names, one after the other, ended by NULL. */
const char *load_work_name(unsigned i);

#endif
