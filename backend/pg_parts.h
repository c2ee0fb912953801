/* SPDX-License-Identifier: MIT
 *
 * backend/pg_parts.h: what the PostgreSQL driver is made of, and what knows no
 * connection: names of prepared statements, values, errors.
 *
 * Each belongs to one connection. One thread at a time.
 */
#ifndef BACKEND_PG_PARTS_H
#define BACKEND_PG_PARTS_H

#include "backend/prepared.h"
#include "base/buf.h"
#include "value/run.h"

#include <libpq-fe.h>

/* -- pg_prepare.c: which statements the session has prepared ---------------- */

/* Least recently used first out. Names are numbers that are never used twice in
 * a session, so a name to be dropped is not one that was made again. */
struct pg_cache {
    struct prepared table; /* names in the place of handles */
    uint32_t cap;
    uint32_t dropped_count, dropped_cap;
    uint64_t *dropped; /* names to be deallocated on the server */
    uint64_t last_name;
};

/* cap 0: nothing is ever prepared. */
enum err pg_cache_init(struct pg_cache *k, uint32_t cap) MUST_CHECK;
void pg_cache_fini(struct pg_cache *k);
/* The name of a prepared statement, which becomes the newest; 0 if there is none. */
uint64_t pg_cache_find(struct pg_cache *k, uint64_t key);
/* After the server prepared it. May drop the oldest. */
void pg_cache_add(struct pg_cache *k, uint64_t key, uint64_t name);
/* Drops one that the server no longer takes. */
void pg_cache_forget(struct pg_cache *k, uint64_t key);
/* After DISCARD ALL: the server has none. */
void pg_cache_clear(struct pg_cache *k);
/* The next name to deallocate, or 0. */
uint64_t pg_cache_take_dropped(struct pg_cache *k);

/* -- pg_value.c: values to texts and back ----------------------------------- */

enum { FORMAT_TEXT = 0, FORMAT_BINARY = 1 };

struct pg_params {
    struct buf text; /* every text, each with its NUL */
    struct pg_param *params;
    const char **values;
    int *lengths;
    int *formats;
    Oid *types;
    uint32_t count, cap;
};

void pg_params_fini(struct pg_params *p);
/* Gives back the memory of an unusually large statement. */
void pg_params_trim(struct pg_params *p);
/* One set, for statement.sql. ERR_BAD_VALUE, ERR_TOO_MANY_PARAMS, ERR_OUT_OF_MEMORY. */
enum err pg_params_set(struct pg_params *p, const struct statement *s,
                       const struct value *values, struct fail *f) MUST_CHECK;
/* Whether every value of all sets can be sent. */
enum err pg_params_check(const struct statement *s, const struct value *values, uint32_t sets,
                         struct fail *f) MUST_CHECK;
/* All sets, for statement.sql_many: one array literal for each param. */
enum err pg_params_set_many(struct pg_params *p, const struct statement *s,
                            const struct value *values, uint32_t sets,
                            struct fail *f) MUST_CHECK;

struct pg_cells {
    struct value *cells;
    uint8_t *forms; /* enum pg_cell_form */
    uint32_t count, cap;
    uint32_t decoded; /* columns that need scratch */
    struct buf scratch;
};

void pg_cells_fini(struct pg_cells *c);
void pg_cells_trim(struct pg_cells *c);
/* Learns the columns of a result before its first row. */
enum err pg_cells_shape(struct pg_cells *c, const PGresult *res) MUST_CHECK;
/* Tells the sink which columns res has. */
enum err pg_tell_columns(const PGresult *res, struct row_sink *sink, struct fail *f) MUST_CHECK;
/* A row of res, borrowed until the next call or PQclear; NULL: out of memory. */
const struct value *pg_cells_read(struct pg_cells *c, const PGresult *res, int row);

/* -- pg_error.c ------------------------------------------------------------- */

/* What an SQLSTATE means. 57014 is ERR_TIMEOUT. */
enum err pg_err(const char *sqlstate);
/* Fills f from an error result and returns its code. */
enum err pg_fail(struct fail *f, const PGresult *res);
/* As pg_fail, with another code. */
enum err pg_fail_as(struct fail *f, enum err code, const PGresult *res);
/* Whether res says that a prepared statement is gone or no longer fits. */
bool pg_is_stale(const PGresult *res);
bool pg_is_state(const PGresult *res, const char *sqlstate);
/* One line of libpq's own words (PQerrorMessage); out is NUL-terminated. */
void pg_one_line(const char *text, char *out, size_t out_bytes);

#endif
