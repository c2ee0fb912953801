/* SPDX-License-Identifier: MIT
 *
 * pg_rig.h: a PostgreSQL connection on a loop in the test's own thread, and runs
 * that keep their rows as text.
 */
#ifndef TESTS_PG_RIG_H
#define TESTS_PG_RIG_H

#include "backend/driver.h"
#include "base/buf.h"
#include "servers.h"

#include <check.h>

/* Started by pg_rig_main; socket, user and database are in target_of. */
extern struct server server;

struct rig {
    struct loop loop;
    struct connector *connector;
    struct db_target target;
    struct db_conn *conn;
    bool closed;
};

struct job {
    struct row_sink sink;
    struct run run;
    struct statement stmt;
    struct fail fail;
    struct buf text; /* cells joined by ',', rows by ';' */
    uint64_t rows;
    uint64_t full_every; /* SINK_FULL at each such row; 0: never */
    uint64_t enough_at, fail_at;
    bool pause; /* what flush answers, negated */
    bool paused;
    bool silent; /* count rows only */
    int done;
    struct column_info columns[16];
    struct type types[64];
};

#define TEXT(s)                                                                                \
    {                                                                                          \
        .kind = VALUE_TEXT, .text = {(s), sizeof(s) - 1 }                                      \
    }

struct db_target target_of(const struct server *s);
/* Opens and attaches, or fails the test. */
struct db_conn *open_conn(struct rig *g);
/* With a connection to s. */
void rig_on(struct rig *g, const struct server *s);
/* With a connection to the program's server. */
void rig_init(struct rig *g);
/* Sets the bool that arg points to. */
void on_closed(struct db_conn *c, void *arg);
void close_conn(struct rig *g, struct db_conn *c);
void rig_fini(struct rig *g);
/* A run of sql, not prepared, whose rows have so many columns. */
void job_init(struct job *j, const char *sql, uint32_t columns);
void job_fini(struct job *j);
void job_start(struct rig *g, struct job *j);
/* Turns the loop until done, and checks what always holds. */
void job_wait(struct rig *g, struct job *j);
void job_run(struct rig *g, struct job *j);
/* Cells joined by ',', rows by ';'. */
const char *text_of(struct job *j);
/* Runs sql and expects these rows. */
void expect_rows(struct rig *g, const char *sql, uint32_t columns, const char *rows);
/* Runs sql, which must succeed; drops rows. */
void exec(struct rig *g, const char *sql);
void expect_error(struct rig *g, const char *sql, enum err err);
/* An open that must fail. */
enum err try_open(const struct db_target *t, struct fail *f);
/* Runs the tests on a server of their own; the exit status. */
int pg_rig_main(TCase *tc);

#endif
