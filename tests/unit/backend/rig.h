/* SPDX-License-Identifier: MIT
 *
 * rig.h: runs a driver as the daemon does, for tests: one thread turns a loop, a
 * connector opens, the test's thread says what is to be done and waits.
 */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "backend/driver.h"
#include "base/buf.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rig {
    struct loop loop;
    pthread_t thread;
    struct connector *connector;
};

void rig_init(struct rig *r);
void rig_fini(struct rig *r);
/* Calls fn(arg) on the loop's thread and waits for it. */
void rig_call(struct rig *r, void (*fn)(void *arg), void *arg);

/* Opens and attaches; NULL with *f set if that fails. */
struct db_conn *rig_open(struct rig *r, const struct driver *d, const struct db_target *t,
                         struct fail *f);
/* Closes and waits. */
void rig_close(struct rig *r, struct db_conn *c);

enum { EXEC_PARAMS_MAX = 40 };

/* How the sink of an exec behaves. */
enum exec_manner {
    EXEC_COLLECT, /* rows as text into `text` */
    EXEC_COUNT,   /* rows are counted only */
};

/* One run and all it needs. Zeroed by exec_init, freed by exec_fini. */
struct exec {
    struct run run;
    struct statement stmt;
    struct row_sink sink;
    struct fail fail;
    struct type types[EXEC_PARAMS_MAX];
    struct column_info columns[EXEC_PARAMS_MAX]; /* of unknown type; a test may say more */
    struct value one_set[EXEC_PARAMS_MAX];
    enum exec_manner manner;
    struct buf text; /* `1|'a'|null` for each row, with a line end */
    uint64_t rows;
    uint64_t full_every;   /* SINK_FULL after each so many rows; 0 never */
    bool pause;            /* flush says no; the test must resume */
    uint64_t enough_after; /* SINK_ENOUGH at this row; 0 never */
    uint64_t fail_after;   /* SINK_FAILED at this row; 0 never */
    _Atomic uint64_t flushes;
    _Atomic int done_count;
    struct db_conn *conn;
    struct rig *rig;
    sem_t done;
    sem_t paused;
    sem_t first_row;
};

/* sql is copied nowhere: a literal. columns: cells of each row. */
void exec_init(struct exec *e, const char *sql, uint32_t columns);
void exec_fini(struct exec *e);
void exec_param(struct exec *e, enum type_kind k, struct value v);
struct value v_null(void);
struct value v_int(int64_t v);
struct value v_bool(bool v);
struct value v_double(double v);
struct value v_text(const char *s);
struct value v_bytes(const void *p, size_t n);

enum rig_start { RIG_RUN, RIG_PING, RIG_ROLLBACK, RIG_RESET };
/* Starts and returns; exec_wait waits for done. */
void exec_start(struct rig *r, struct db_conn *c, struct exec *e, enum rig_start how);
enum err exec_wait(struct exec *e);
/* Waits for one of e's semaphores; fails the test if e is done before. */
void exec_wait_for(struct exec *e, sem_t *s);
enum err exec_run(struct rig *r, struct db_conn *c, struct exec *e);
void exec_cancel(struct exec *e);
void exec_resume(struct exec *e);

/* Runs a statement without params; its outcome. */
enum err rig_do(struct rig *r, struct db_conn *c, const char *sql);
/* Rolls back as the pool does; its outcome. */
enum err rig_rollback(struct rig *r, struct db_conn *c);
/* As rig_do, and fails the test with the words of the error. */
void rig_must(struct rig *r, struct db_conn *c, const char *sql);
/* The rows of a query as exec.text; a NUL-terminated text that the caller frees. */
char *rig_rows(struct rig *r, struct db_conn *c, const char *sql, uint32_t columns);
/* Resident memory of this process, and whether it says something: not under a
 * sanitizer. */
uint64_t rig_rss_bytes(void);
bool rig_memory_tells(void);

#endif
