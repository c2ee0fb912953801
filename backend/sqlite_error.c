/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_error.c: SQLite's result codes and texts as enum err, with the
 * table and columns that its texts name.
 *
 * Pure functions over a session that its thread owns. SQLite's texts name parts
 * of the schema, never values, so they are passed on.
 */
#include "backend/sqlite_session.h"

#include <stdio.h>
#include <string.h>

/* -- constraints ----------------------------------------------------------- */

static void copy(char *out, size_t size, struct str s)
{
    size_t n = utf8_cut(s, size - 1);
    if (n > 0) {
        memcpy(out, s.ptr, n);
    }
    out[n] = '\0';
}

/* text = "t.a, t.b": the table once, the columns joined. A name with a dot or a
 * comma in it cannot be told apart; then the split is at the first dot. */
static void read_columns(struct str text, struct fail *f)
{
    size_t used = 0;
    while (text.len > 0) {
        ptrdiff_t comma = str_find(text, ',', 0);
        struct str part = {text.ptr, comma < 0 ? text.len : (size_t)comma};
        ptrdiff_t dot = str_find(part, '.', 0);
        if (dot > 0 && used == 0) {
            copy(f->table, sizeof f->table, (struct str){part.ptr, (size_t)dot});
        }
        struct str column = {part.ptr + dot + 1, part.len - (size_t)(dot + 1)};
        int n = snprintf(f->columns + used, sizeof f->columns - used, "%s%.*s",
                         used == 0 ? "" : ",", STR_ARG(column));
        used += n < 0 ? 0 : (size_t)n;
        if (used >= sizeof f->columns) {
            return;
        }
        size_t skip = part.len + (comma < 0 ? 0 : 1);
        while (skip < text.len && text.ptr[skip] == ' ') {
            skip++;
        }
        text = (struct str){text.ptr + skip, text.len - skip};
    }
}

/* What stands behind "X constraint failed: ". */
static struct str constraint_detail(const char *message)
{
    const char *at = strstr(message, "failed: ");
    return str_of(at == NULL ? NULL : at + sizeof "failed: " - 1);
}

static void name_unique(const char *message, struct fail *f)
{
    struct str detail = constraint_detail(message);
    if (str_starts(detail, STR("index '")) && detail.len > sizeof "index '" - 1) {
        size_t head = sizeof "index '" - 1;
        copy(f->constraint, sizeof f->constraint,
             (struct str){detail.ptr + head, detail.len - head - 1});
    } else {
        read_columns(detail, f);
    }
}

static enum err constraint_error(int rc, const char *message, struct fail *f)
{
    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        name_unique(message, f);
        return ERR_UNIQUE_VIOLATION;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return ERR_FOREIGN_KEY_VIOLATION;
    case SQLITE_CONSTRAINT_NOTNULL:
        read_columns(constraint_detail(message), f);
        return ERR_NOT_NULL_VIOLATION;
    case SQLITE_CONSTRAINT_CHECK:
        copy(f->constraint, sizeof f->constraint, constraint_detail(message));
        return ERR_CHECK_VIOLATION;
    case SQLITE_CONSTRAINT_DATATYPE:
        return ERR_BAD_VALUE;
    case SQLITE_CONSTRAINT_TRIGGER: /* a trigger's own RAISE */
        return ERR_DATABASE_ERROR;
    default:
        return ERR_INTEGRITY_VIOLATION;
    }
}

static const char *constraint_sqlstate(enum err e)
{
    switch ((int)e) {
    case ERR_UNIQUE_VIOLATION:
        return "23505";
    case ERR_FOREIGN_KEY_VIOLATION:
        return "23503";
    case ERR_NOT_NULL_VIOLATION:
        return "23502";
    case ERR_CHECK_VIOLATION:
        return "23514";
    default:
        return "23000";
    }
}

/* -- the rest -------------------------------------------------------------- */

/* SQLITE_ERROR tells its reasons apart by words alone. */
static enum err error_by_words(const char *message)
{
    static const struct {
        const char *words;
        enum err err;
    } table[] = {
        {"integer overflow", ERR_OUT_OF_RANGE},
        {"too long: ", ERR_TOO_LONG},
        {"out of range", ERR_OUT_OF_RANGE},
        {"division by zero", ERR_DIVISION_BY_ZERO},
        {"outside the domain", ERR_OUT_OF_RANGE},
        {"bad value", ERR_BAD_VALUE},
        {"malformed JSON", ERR_BAD_VALUE},
        {"more than one row", ERR_MULTIPLE_RESULTS},
        {"no such table", ERR_UNKNOWN_TABLE},
        {"no such column", ERR_UNKNOWN_COLUMN},
        {"has no column named", ERR_UNKNOWN_COLUMN},
        {"no such function", ERR_UNKNOWN_OPERATOR},
        {"values were supplied", ERR_CATALOG_CHANGED},
        {"too many SQL variables", ERR_TOO_MANY_PARAMS},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strstr(message, table[i].words) != NULL) {
            return table[i].err;
        }
    }
    return ERR_DATABASE_ERROR;
}

static enum err stopped(const struct sqlite_session *s)
{
    return atomic_load(&s->stop) == STOP_CLOSE ? ERR_CONNECTION_LOST : ERR_CANCELLED;
}

static enum err error_of(const struct sqlite_session *s, int rc, const char *message,
                         struct fail *f)
{
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return constraint_error(rc, message, f);
    case SQLITE_BUSY:
        if (atomic_load(&s->stop) != STOP_NO) {
            return stopped(s);
        }
        return rc == SQLITE_BUSY_SNAPSHOT ? ERR_SERIALIZATION_FAILURE : ERR_LOCK_TIMEOUT;
    case SQLITE_LOCKED:
        return ERR_LOCK_TIMEOUT;
    case SQLITE_INTERRUPT:
        return stopped(s);
    case SQLITE_NOMEM:
        return ERR_OUT_OF_MEMORY;
    case SQLITE_SCHEMA:
        return ERR_CATALOG_CHANGED;
    case SQLITE_TOOBIG:
        return ERR_DATA_ERROR;
    case SQLITE_MISMATCH:
        return ERR_BAD_VALUE;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_PERM:
        return ERR_CONNECTION_FAILED;
    case SQLITE_ERROR:
        return error_by_words(message);
    default:
        return rc == SQLITE_READONLY_DBMOVED ? ERR_CONNECTION_FAILED : ERR_DATABASE_ERROR;
    }
}

bool sqlite_error_breaks(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return true;
    default:
        return rc == SQLITE_READONLY_DBMOVED;
    }
}

static void say_connection(const struct sqlite_session *s, int rc, const char *message,
                           struct fail *f)
{
    int sys = s->db == NULL ? 0 : sqlite3_system_errno(s->db);
    bool of_system = (rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_IOERR;
    char reason[64] = "";
    if (sys != 0 && of_system) {
        (void)snprintf(reason, sizeof reason, " (%s)", strerrordesc_np(sys));
    }
    fail_set(f, ERR_CONNECTION_FAILED, "%s: %s%s", s->path, message, reason);
}

enum err sqlite_error(const struct sqlite_session *s, int rc, struct fail *f)
{
    const char *message = s->db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(s->db);
    struct fail scratch;
    if (f == NULL || f->code != ERR_OK) {
        fail_init(&scratch); /* the first error wins */
        f = &scratch;
    }
    enum err e = error_of(s, rc, message, f);
    if (e == ERR_CONNECTION_FAILED || (rc & 0xff) == SQLITE_READONLY) {
        if (e == ERR_CONNECTION_FAILED) {
            say_connection(s, rc, message, f);
        } else {
            fail_set(f, e, "%s: %s", s->path, message);
        }
    } else if (e == ERR_CANCELLED) {
        fail_set(f, e, "the statement was cancelled");
    } else if (e == ERR_CONNECTION_LOST) {
        fail_set(f, e, "the connection was closed");
    } else {
        fail_set(f, e, "%s", message);
    }
    if (err_class(e) == CLASS_INTEGRITY) {
        (void)snprintf(f->sqlstate, sizeof f->sqlstate, "%s", constraint_sqlstate(e));
    }
    f->native = rc;
    return e;
}
