/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_session.h: one open SQLite handle and what belongs to it: the
 * part of the driver that knows neither loops nor threads.
 *
 * A session is opened on a connector thread and then belongs to its connection's
 * thread; only `stop` is shared. For backend/sqlite*.c alone.
 */
#ifndef BACKEND_SQLITE_SESSION_H
#define BACKEND_SQLITE_SESSION_H

#include "backend/driver.h"
#include "backend/prepared.h"
#include "base/err.h"

#include <locale.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Why the running statement is to end. */
enum sqlite_stop { STOP_NO, STOP_CANCEL, STOP_CLOSE };

enum sqlite_journal { JOURNAL_WAL, JOURNAL_DELETE, JOURNAL_TRUNCATE, JOURNAL_PERSIST };

struct sqlite_options {
    uint32_t busy_timeout_ms;
    int open_flags;
    const char *journal_mode;
    const char *synchronous;
    const char *foreign_keys;
};

struct sqlite_session {
    const struct db_target *target;
    sqlite3 *db;
    char *path; /* absolute path, or the name in memory */
    bool in_memory;
    struct sqlite_options options;
    locale_t locale; /* C.UTF-8 */
    struct prepared cache;
    _Atomic int stop;       /* enum sqlite_stop; set by the loop's thread */
    uint64_t busy_since_ns; /* first refusal of the lock being waited for */
    struct value *cells;
    uint32_t cell_cap;
};

/* What a run needs of the thread it runs on. */
struct sqlite_host {
    /* Hands a full sink over and waits; returns when rows may go on, or when
     * `stop` is set. */
    void (*flush)(struct sqlite_host *h, struct run *r);
};

/* -- sqlite_open.c --------------------------------------------------------- */

enum err sqlite_options_read(const struct db_target *t, struct sqlite_options *out,
                             struct fail *f) MUST_CHECK;
/* Opens and pins. On failure nothing is left open. */
enum err sqlite_session_open(struct sqlite_session *s, const struct db_target *t,
                             struct fail *f) MUST_CHECK;
/* Closes the handle and opens it anew: nothing of the old session remains. */
enum err sqlite_session_reopen(struct sqlite_session *s, struct fail *f) MUST_CHECK;
void sqlite_session_close(struct sqlite_session *s);

/* -- sqlite_run.c ---------------------------------------------------------- */

/* Runs r to its end; fills rowcount and fail, returns its outcome. */
enum err sqlite_session_run(struct sqlite_session *s, struct run *r,
                            struct sqlite_host *h) MUST_CHECK;
/* Ends the open transaction, if there is one. */
enum err sqlite_session_rollback(struct sqlite_session *s, struct fail *f) MUST_CHECK;

/* -- sqlite_error.c -------------------------------------------------------- */

/* The handle's last error in our words. */
enum err sqlite_error(const struct sqlite_session *s, int rc, struct fail *f);
/* Whether rc says that the handle is of no more use. */
bool sqlite_error_breaks(int rc);

/* -- sqlite_functions.c ---------------------------------------------------- */

/* Registers the functions that the compiler's dialect relies on, of all areas. The
 * locale must outlive db. Returns an SQLite result code. */
int sqlite_functions_register(sqlite3 *db, locale_t locale);

/* The functions of one area; pure unless `impure`. */
struct sqlite_function {
    const char *name;
    int arg_count;
    void (*fn)(sqlite3_context *, int, sqlite3_value **);
    bool impure;
};
struct sqlite_function_table {
    const struct sqlite_function *functions;
    size_t count;
};
#define SQLITE_TABLE_OF(list)                                                                  \
    {                                                                                          \
        (list), sizeof(list) / sizeof((list)[0])                                               \
    }
extern const struct sqlite_function_table sqlite_arith, sqlite_decimal, sqlite_math,
    sqlite_text, sqlite_cast, sqlite_regexp;

/* -- sqlite_aggregates.c, sqlite_collect.c --------------------------------- */

/* The same for sums, means and variances, and for what collects rows. */
int sqlite_aggregates_register(sqlite3 *db);
int sqlite_collect_register(sqlite3 *db);
int sqlite_dates_register(sqlite3 *db);
int sqlite_json_register(sqlite3 *db);

/* -- sqlite_series.c ------------------------------------------------------- */

/* The same for tb_series, a table. */
int sqlite_series_register(sqlite3 *db);
int sqlite_json_each_register(sqlite3 *db);

#endif
