/* SPDX-License-Identifier: MIT
 *
 * backend/maria.h: the parts of the MariaDB driver, for its own files alone.
 *
 * Connector/C's non-blocking calls run on a stack of their own inside the MYSQL;
 * a call that has to wait returns the events it waits for, and is gone on with
 * when they come. Opening and closing block and happen on connector threads.
 */
#ifndef BACKEND_MARIA_H
#define BACKEND_MARIA_H

#include "backend/driver.h"
#include "backend/prepared.h"
#include "base/buf.h"

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

/* -- maria_bind.c: values to parameters ------------------------------------ */

union maria_scalar {
    int64_t num;
    double real;
    signed char tiny;
    MYSQL_TIME time;
};

struct maria_binds {
    MYSQL_BIND *binds;
    union maria_scalar *scalars;
    unsigned long *lengths;
    uint32_t cap;
    uint64_t max_bytes;    /* of a packet, as the server told */
    const struct run *run; /* of the bulk execution under way */
    uint32_t first_set;
};

void maria_binds_fini(struct maria_binds *b);
/* Binds one set. ERR_BAD_VALUE, ERR_REQUEST_TOO_LARGE, ERR_OUT_OF_MEMORY. */
enum err maria_bind_set(struct maria_binds *b, MYSQL_STMT *st, const struct run *r,
                        uint32_t set) MUST_CHECK;
/* Whether all sets can be sent at once: values of one kind in each column. */
bool maria_bulk_fits(const struct run *r);
/* Binds sets from `first` on, as many as make a packet of a sane size; *count gets
 * how many. b must stay put until st was executed. */
enum err maria_bind_bulk(struct maria_binds *b, MYSQL_STMT *st, const struct run *r,
                         uint32_t first, uint32_t *count) MUST_CHECK;
/* Ends the bulk mode of st. */
void maria_bind_single(MYSQL_STMT *st);

/* -- maria_cells.c: rows to values ----------------------------------------- */

enum { MARIA_TIME_TEXT = 40 };

struct maria_cells {
    struct value *cells;
    char (*texts)[MARIA_TIME_TEXT]; /* of dates and times, one for each column */
    uint32_t cap;
    const MYSQL_FIELD *fields; /* of the statement being fetched, borrowed */
    const struct column_info *columns;
    uint32_t count;
    struct column_info *told; /* owned: of a statement whose columns the server tells */
};

void maria_cells_fini(struct maria_cells *c);
/* Makes st deliver its rows into c (STMT_ATTR_CB_RESULT): cells are lent from
 * Connector/C's packet buffer until the next call on the connection. */
enum err maria_cells_attach(struct maria_cells *c, MYSQL_STMT *st,
                            const struct statement *s) MUST_CHECK;

/* As that for a statement whose columns are told: the sink hears of them first. */
enum err maria_cells_tell(struct maria_cells *c, MYSQL_STMT *st, struct run *r) MUST_CHECK;

/* -- maria_error.c --------------------------------------------------------- */

/* What an error number means while a statement runs. */
enum err maria_err(unsigned number);
/* Fills f; message is the server's. */
enum err maria_fail(struct fail *f, unsigned number, const char *sqlstate, const char *message);
enum err maria_fail_conn(struct fail *f, MYSQL *my);
enum err maria_fail_stmt(struct fail *f, MYSQL_STMT *st);
/* Whether the number says that the session is over. */
bool maria_lost(unsigned number);
/* An error for a warning that the language does not bear in an answer, or ERR_OK. */
enum err maria_warning(unsigned number);

/* -- maria_open.c ---------------------------------------------------------- */

enum err maria_check(const struct db_target *t, struct fail *f) MUST_CHECK;
/* What a server says of its limits. */
struct maria_facts {
    uint64_t max_packet_bytes;
    uint32_t sessions_max;
};
/* Connects and pins; NULL with *f set. Blocks. */
MYSQL *maria_connect(const struct db_target *t, struct maria_facts *facts, struct fail *f);
/* Statement i of those that make a session new: NULL behind the last. */
const char *maria_reset_sql(const struct db_target *t, uint32_t i);
enum maria_killed {
    KILLED_NOT,   /* it was not sent */
    KILLED_YES,   /* it was answered: what was to be hit is hit, or was not there */
    KILLED_LATER, /* it was sent and not answered: it may still hit */
};
/* Opens a short session that kills a query or a whole connection. Blocks. */
enum maria_killed maria_kill(const struct db_target *t, const char *what, uint64_t id);

#endif
