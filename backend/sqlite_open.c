/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_open.c: finds, opens and pins a database file or a database in
 * memory.
 *
 * Blocks: connector threads and the connections' own.
 */
#include "backend/sqlite.h"
#include "backend/sqlite_session.h"
#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000u

/* A lock is asked for again after 0.1 ms, then ever later up to 10 ms. */
enum { BUSY_WAIT_MIN_US = 100, BUSY_WAIT_MAX_US = 10000, BUSY_DOUBLINGS = 7 };
/* How many steps of SQLite's machine pass between two looks at `stop`. */
enum { PROGRESS_STEPS = 4000 };
enum { BUSY_TIMEOUT_DEFAULT_MS = 5000, BUSY_TIMEOUT_MAX_S = 3600 };

/* -- options --------------------------------------------------------------- */

static bool read_timeout(struct sqlite_options *o, struct str v)
{
    char text[32];
    if (v.len == 0 || v.len >= sizeof text) {
        return false;
    }
    memcpy(text, v.ptr, v.len);
    text[v.len] = '\0';
    char *end = NULL;
    double seconds = strtod(text, &end);
    if (*end != '\0' || !isfinite(seconds) || seconds < 0 || seconds > BUSY_TIMEOUT_MAX_S) {
        return false;
    }
    o->busy_timeout_ms = (uint32_t)(seconds * 1000);
    return true;
}

/* One of words (NULL at the end), as it stands there. */
static const char *read_word(struct str v, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (str_ieq(v, str_of(*words))) {
            return *words;
        }
    }
    return NULL;
}

static bool read_mode(struct sqlite_options *o, struct str v)
{
    if (str_is(v, "ro")) {
        o->open_flags = SQLITE_OPEN_READONLY;
    } else if (str_is(v, "rw")) {
        o->open_flags = SQLITE_OPEN_READWRITE;
    } else if (str_is(v, "rwc")) {
        o->open_flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    } else {
        return false;
    }
    return true;
}

static const char *const journal_words[] = {"wal", "delete", "truncate", "persist", NULL};
static const char *const synchronous_words[] = {"off", "normal", "full", NULL};
static const char *const switch_words[] = {"on", "off", NULL};

enum option_verdict { OPTION_OK, OPTION_UNKNOWN, OPTION_BAD };

static enum option_verdict read_option(struct sqlite_options *o, const struct db_option *in)
{
    bool ok;
    if (str_is(in->name, "timeout")) {
        ok = read_timeout(o, in->value);
    } else if (str_is(in->name, "mode")) {
        ok = read_mode(o, in->value);
    } else if (str_is(in->name, "journal_mode")) {
        ok = (o->journal_mode = read_word(in->value, journal_words)) != NULL;
    } else if (str_is(in->name, "synchronous")) {
        ok = (o->synchronous = read_word(in->value, synchronous_words)) != NULL;
    } else if (str_is(in->name, "foreign_keys")) {
        ok = (o->foreign_keys = read_word(in->value, switch_words)) != NULL;
    } else {
        return OPTION_UNKNOWN;
    }
    return ok ? OPTION_OK : OPTION_BAD;
}

enum err sqlite_options_read(const struct db_target *t, struct sqlite_options *out,
                             struct fail *f)
{
    *out = (struct sqlite_options){
        .busy_timeout_ms = BUSY_TIMEOUT_DEFAULT_MS,
        .open_flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
        .journal_mode = "wal",
        .synchronous = "full",
        .foreign_keys = "on",
    };
    for (uint32_t i = 0; i < t->option_count; i++) {
        const struct db_option *o = &t->options[i];
        switch (read_option(out, o)) {
        case OPTION_OK:
            break;
        case OPTION_UNKNOWN:
            return fail_set(f, ERR_UNKNOWN_KEY,
                            "SQLite has no option \"%.*s\" (there are timeout, mode, "
                            "journal_mode, synchronous, foreign_keys)",
                            STR_ARG(o->name));
        case OPTION_BAD:
            return fail_set(f, ERR_BAD_VALUE, "\"%.*s\" is no value for the option \"%.*s\"",
                            STR_ARG(o->value), STR_ARG(o->name));
        }
    }
    return ERR_OK;
}

/* -- names ----------------------------------------------------------------- */

static bool target_in_memory(const struct db_target *t)
{
    return t->database.len == 0 || str_is(t->database, ":memory:");
}

/* The path that goes to SQLite: absolute, so that it stays the same file, error
 * texts say which, and nothing in it can be taken for a URI. */
static char *absolute_path(struct str path)
{
    char cwd[4096] = "";
    bool relative = path.ptr[0] != '/';
    if (relative && getcwd(cwd, sizeof cwd) == NULL) {
        return NULL;
    }
    char *out = NULL;
    if (asprintf(&out, "%s%s%.*s", cwd, relative ? "/" : "", STR_ARG(path)) < 0) {
        return NULL;
    }
    return out;
}

/* memdb shares what has a name that begins with a slash. */
static char *memory_path(const struct db_target *t)
{
    char *out = NULL;
    if (asprintf(&out, "/tribikos-%.*s", STR_ARG(t->memory_name)) < 0) {
        return NULL;
    }
    return out;
}

/* -- waiting for locks ----------------------------------------------------- */

/* SQLite's own handler sleeps up to 0.1 s and cannot be cancelled. */
static int on_busy(void *arg, int count)
{
    struct sqlite_session *s = arg;
    uint64_t now_ns = clock_now_ns();
    if (count == 0) {
        s->busy_since_ns = now_ns;
    }
    uint64_t limit_ns = (uint64_t)s->options.busy_timeout_ms * NS_PER_MS;
    if (atomic_load(&s->stop) != STOP_NO || now_ns - s->busy_since_ns >= limit_ns) {
        return 0;
    }
    long us = count >= BUSY_DOUBLINGS ? BUSY_WAIT_MAX_US : BUSY_WAIT_MIN_US << count;
    struct timespec wait = {.tv_nsec = us * 1000};
    (void)nanosleep(&wait, NULL);
    return 1;
}

/* sqlite3_interrupt is forgotten if it comes before the first step of a run;
 * this is not. */
static int on_progress(void *arg)
{
    const struct sqlite_session *s = arg;
    return atomic_load_explicit(&s->stop, memory_order_relaxed) != STOP_NO;
}

/* -- pinning --------------------------------------------------------------- */

static int exec(struct sqlite_session *s, const char *sql)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

static int configure(struct sqlite_session *s)
{
    static const struct {
        int op, value;
    } switches[] = {
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };
    int rc = sqlite3_extended_result_codes(s->db, 1);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof switches / sizeof switches[0]; i++) {
        rc = sqlite3_db_config(s->db, switches[i].op, switches[i].value, (int *)NULL);
    }
    if (rc != SQLITE_OK) {
        return rc;
    }
    (void)sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_progress_handler(s->db, PROGRESS_STEPS, on_progress, s);
    return sqlite3_busy_handler(s->db, on_busy, s);
}

/* The mode that the database is in now, or SQLite's error. */
static int journal_mode(struct sqlite_session *s, const char *sql, char out[16])
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
    out[0] = '\0';
    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *mode = (const char *)sqlite3_column_text(st, 0);
        snprintf(out, 16, "%s", mode != NULL ? mode : "");
        rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(st);
    return rc;
}

static enum err set_journal_mode(struct sqlite_session *s, struct fail *f)
{
    char sql[64], mode[16];
    /* A file opened to be read only stays in the mode it is in. */
    bool ro = (s->options.open_flags & SQLITE_OPEN_READONLY) != 0;
    snprintf(sql, sizeof sql, "pragma journal_mode%s%s", ro ? "" : " = ",
             ro ? "" : s->options.journal_mode);
    int rc;
    /* Two that open a new file at once refuse each other without asking on_busy. */
    int count = 0;
    do {
        rc = journal_mode(s, sql, mode);
    } while ((rc & 0xff) == SQLITE_BUSY && on_busy(s, count++) != 0);
    if (rc != SQLITE_OK) {
        return sqlite_error(s, rc, f);
    }
    if (!ro && strcmp(mode, s->options.journal_mode) != 0) {
        fail_set(f, ERR_CONNECTION_FAILED,
                 "the journal mode of %s is \"%s\" and cannot be \"%s\"", s->path, mode,
                 s->options.journal_mode);
        fail_hint(f, "set the option journal_mode, as in sqlite:///file.db?journal_mode=%s",
                  mode);
        return ERR_CONNECTION_FAILED;
    }
    return ERR_OK;
}

static enum err pin(struct sqlite_session *s, struct fail *f)
{
    int rc = configure(s);
    if (rc == SQLITE_OK) {
        rc = sqlite_functions_register(s->db, s->locale);
    }
    if (rc != SQLITE_OK) {
        return sqlite_error(s, rc, f);
    }
    char sql[160];
    snprintf(sql, sizeof sql,
             "pragma foreign_keys = %s; pragma synchronous = %s; "
             "pragma case_sensitive_like = on; select count(*) from sqlite_schema",
             s->options.foreign_keys, s->options.synchronous);
    enum err e = s->in_memory ? ERR_OK : set_journal_mode(s, f);
    if (e == ERR_OK && (rc = exec(s, sql)) != SQLITE_OK) {
        e = sqlite_error(s, rc, f);
    }
    for (uint32_t i = 0; e == ERR_OK && i < s->target->on_connect_count; i++) {
        if ((rc = exec(s, s->target->on_connect[i].ptr)) != SQLITE_OK) {
            e = sqlite_error(s, rc, f);
        }
    }
    return e;
}

/* -- sessions -------------------------------------------------------------- */

static enum err open_handle(struct sqlite_session *s, struct fail *f)
{
    int flags = s->options.open_flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (s->in_memory) {
        flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    }
    int rc = sqlite3_open_v2(s->path, &s->db, flags, s->in_memory ? "memdb" : NULL);
    enum err e = rc == SQLITE_OK ? pin(s, f) : sqlite_error(s, rc, f);
    if (e == ERR_OK) {
        return ERR_OK;
    }
    (void)sqlite3_close(s->db);
    s->db = NULL;
    /* Whatever it was, the database cannot be used: one code for that. */
    if (f != NULL && e != ERR_OUT_OF_MEMORY) {
        f->code = ERR_CONNECTION_FAILED;
    }
    return e == ERR_OUT_OF_MEMORY ? e : ERR_CONNECTION_FAILED;
}

static enum err open_locale(locale_t *out, struct fail *f)
{
    *out = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return *out != (locale_t)0
               ? ERR_OK
               : fail_set(f, ERR_CONNECTION_FAILED,
                          "the system has no C.UTF-8 locale, which lower and upper need");
}

static void close_handle(struct sqlite_session *s)
{
    sqlite3_stmt *st;
    while ((st = prepared_pop(&s->cache)) != NULL) {
        (void)sqlite3_finalize(st);
    }
    int rc = sqlite3_close_v2(s->db);
    (void)rc;
    s->db = NULL;
}

enum err sqlite_session_open(struct sqlite_session *s, const struct db_target *t,
                             struct fail *f)
{
    *s = (struct sqlite_session){.target = t, .in_memory = target_in_memory(t)};
    enum err e = sqlite_options_read(t, &s->options, f);
    if (e != ERR_OK) {
        return e;
    }
    e = open_locale(&s->locale, f);
    if (e != ERR_OK) {
        return e;
    }
    s->path = s->in_memory ? memory_path(t) : absolute_path(t->database);
    if (s->path == NULL || prepared_init(&s->cache, t->statement_cache) != ERR_OK) {
        e = fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    } else {
        e = open_handle(s, f);
    }
    if (e != ERR_OK) {
        sqlite_session_close(s);
    }
    return e;
}

enum err sqlite_session_reopen(struct sqlite_session *s, struct fail *f)
{
    /* A database in memory must not be without a handle for a moment. */
    sqlite3 *old = s->db;
    sqlite3_stmt *st;
    while ((st = prepared_pop(&s->cache)) != NULL) {
        (void)sqlite3_finalize(st);
    }
    if (sqlite3_get_autocommit(old) == 0) {
        (void)sqlite3_exec(old, "rollback", NULL, NULL, NULL);
    }
    s->db = NULL;
    enum err e = open_handle(s, f);
    (void)sqlite3_close_v2(old);
    return e;
}

void sqlite_session_close(struct sqlite_session *s)
{
    close_handle(s);
    prepared_fini(&s->cache);
    free(s->cells);
    free(s->path);
    if (s->locale != (locale_t)0) {
        freelocale(s->locale);
    }
    *s = (struct sqlite_session){0};
}

/* -- keepers --------------------------------------------------------------- */

struct sqlite_keeper {
    sqlite3 *db;     /* of a database in memory, or NULL */
    locale_t locale; /* keeps glibc's copy: see sqlite.h */
};

static enum err keep_in_memory(const struct db_target *t, struct sqlite_keeper *k,
                               struct fail *f)
{
    char *path = memory_path(t);
    if (path == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    enum err e = ERR_OK;
    if (sqlite3_open_v2(path, &k->db, flags, "memdb") != SQLITE_OK) {
        e = fail_set(f, ERR_CONNECTION_FAILED, "no database in memory: %s",
                     sqlite3_errmsg(k->db));
    }
    free(path);
    return e;
}

enum err sqlite_keeper_open(const struct db_target *t, struct sqlite_keeper **out,
                            struct fail *f)
{
    *out = NULL;
    if (t->kind != DB_SQLITE) {
        return ERR_OK;
    }
    struct sqlite_keeper *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    enum err e = open_locale(&k->locale, f);
    if (e == ERR_OK && target_in_memory(t)) {
        e = keep_in_memory(t, k, f);
    }
    if (e != ERR_OK) {
        sqlite_keeper_close(k);
        return e;
    }
    *out = k;
    return ERR_OK;
}

void sqlite_keeper_close(struct sqlite_keeper *k)
{
    if (k != NULL) {
        (void)sqlite3_close(k->db);
        if (k->locale != (locale_t)0) {
            freelocale(k->locale);
        }
        free(k);
    }
}
