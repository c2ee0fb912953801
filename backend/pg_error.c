/* SPDX-License-Identifier: MIT
 *
 * backend/pg_error.c: what SQLSTATEs mean (PostgreSQL manual, appendix A), and
 * error results to struct fail. No state.
 */
#include "backend/pg_parts.h"

#include <string.h>

struct pg_code {
    const char *sqlstate; /* five characters, or two for a class */
    enum err err;
};

static const struct pg_code codes[] = {
    {"21000", ERR_MULTIPLE_RESULTS}, /* a subquery with a second row */
    {"22001", ERR_TOO_LONG},
    {"22003", ERR_OUT_OF_RANGE},
    {"22007", ERR_BAD_VALUE},
    {"22008", ERR_OUT_OF_RANGE},
    {"22011", ERR_OUT_OF_RANGE}, /* a negative length */
    {"22012", ERR_DIVISION_BY_ZERO},
    {"22015", ERR_OUT_OF_RANGE},
    {"22021", ERR_BAD_VALUE},
    {"22023", ERR_BAD_VALUE},
    {"2201B", ERR_BAD_VALUE},    /* a regular expression */
    {"2201E", ERR_OUT_OF_RANGE}, /* outside the domain of ln, log10, … */
    {"2201F", ERR_OUT_OF_RANGE}, /* … of power, sqrt */
    {"22P02", ERR_BAD_VALUE},
    {"22P03", ERR_BAD_VALUE},
    {"22P05", ERR_BAD_VALUE},
    {"23502", ERR_NOT_NULL_VIOLATION},
    {"23503", ERR_FOREIGN_KEY_VIOLATION},
    {"23001", ERR_FOREIGN_KEY_VIOLATION},
    {"23505", ERR_UNIQUE_VIOLATION},
    {"23514", ERR_CHECK_VIOLATION},
    {"23P01", ERR_EXCLUSION_VIOLATION},
    {"25006", ERR_READ_ONLY},       /* of a standby, too */
    {"26000", ERR_CATALOG_CHANGED}, /* the prepared statement is gone */
    {"40000", ERR_SERIALIZATION_FAILURE},
    {"40001", ERR_SERIALIZATION_FAILURE},
    {"40002", ERR_INTEGRITY_VIOLATION},
    {"40003", ERR_COMMIT_UNKNOWN},
    {"40P01", ERR_DEADLOCK},
    {"42702", ERR_AMBIGUOUS_COLUMN},
    {"42703", ERR_UNKNOWN_COLUMN},
    {"42704", ERR_UNKNOWN_TYPE},
    {"42804", ERR_TYPE_MISMATCH},
    {"42846", ERR_TYPE_MISMATCH},
    {"42883", ERR_UNKNOWN_OPERATOR},
    {"42P01", ERR_UNKNOWN_TABLE},
    {"42P18", ERR_TYPE_MISMATCH},
    {"44000", ERR_CHECK_VIOLATION},
    {"53200", ERR_OUT_OF_MEMORY},
    {"53300", ERR_CONNECTION_FAILED},
    {"54000", ERR_TOO_LONG}, /* a text of more than 1 GiB */
    {"54000", ERR_TOO_LONG}, /* a text of more than 1 GiB */
    {"54023", ERR_TOO_MANY_PARAMS},
    {"55P03", ERR_LOCK_TIMEOUT},
    {"57014", ERR_TIMEOUT}, /* not asked for by us: statement_timeout */
    {"57P01", ERR_CONNECTION_LOST},
    {"57P02", ERR_CONNECTION_LOST},
    {"57P03", ERR_CONNECTION_FAILED},
    {"57P04", ERR_CONNECTION_LOST},
    {"57P05", ERR_CONNECTION_LOST},
    {"72000", ERR_SERIALIZATION_FAILURE},
};

static const struct pg_code classes[] = {
    {"08", ERR_CONNECTION_LOST},     {"0A", ERR_UNSUPPORTED_FEATURE},   {"22", ERR_DATA_ERROR},
    {"23", ERR_INTEGRITY_VIOLATION}, {"40", ERR_SERIALIZATION_FAILURE},
};

enum err pg_err(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(codes[i].sqlstate, sqlstate) == 0) {
            return codes[i].err;
        }
    }
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strncmp(classes[i].sqlstate, sqlstate, 2) == 0) {
            return classes[i].err;
        }
    }
    return ERR_DATABASE_ERROR;
}

void pg_one_line(const char *text, char *out, size_t out_bytes)
{
    size_t n = 0;
    bool gap = false;
    for (; *text != '\0' && n + 2 < out_bytes; text++) {
        if ((unsigned char)*text <= ' ') {
            gap = n > 0;
            continue;
        }
        if (gap) {
            out[n++] = ' ';
            gap = false;
        }
        out[n++] = *text;
    }
    out[n] = '\0';
    out[utf8_cut((struct str){out, n}, n)] = '\0';
}

static void copy_field(const PGresult *res, int field, char *out, size_t out_bytes)
{
    const char *text = PQresultErrorField(res, field);
    if (text != NULL) {
        pg_one_line(text, out, out_bytes);
    }
}

/* The columns of a key are told only in the detail: `Key (a, b)=(1, 2) already
 * exists.` The words are translated, the brackets are not. */
static void copy_columns(const PGresult *res, struct fail *f)
{
    copy_field(res, PG_DIAG_COLUMN_NAME, f->columns, sizeof f->columns);
    const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
    if (f->columns[0] != '\0' || detail == NULL || err_class(f->code) != CLASS_INTEGRITY) {
        return;
    }
    const char *from = strchr(detail, '(');
    const char *to = strstr(detail, ")=(");
    if (from == NULL || to == NULL || from >= to) {
        return;
    }
    size_t n = 0;
    for (from++; from < to && n + 1 < sizeof f->columns; from++) {
        if (!(*from == ' ' && from[-1] == ',')) {
            f->columns[n++] = *from;
        }
    }
    f->columns[utf8_cut((struct str){f->columns, n}, n)] = '\0';
}

enum err pg_fail_as(struct fail *f, enum err code, const PGresult *res)
{
    char message[sizeof f->message] = "";
    char hint[sizeof f->hint] = "";
    copy_field(res, PG_DIAG_MESSAGE_PRIMARY, message, sizeof message);
    if (message[0] == '\0') {
        pg_one_line(PQresultErrorMessage(res), message, sizeof message);
    }
    bool first = f->code == ERR_OK;
    fail_set(f, code, "%s", message);
    if (first) {
        copy_field(res, PG_DIAG_MESSAGE_HINT, hint, sizeof hint);
        if (hint[0] != '\0') {
            fail_hint(f, "%s", hint);
        }
        const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
        if (state != NULL && strlen(state) < sizeof f->sqlstate) {
            strcpy(f->sqlstate, state);
        }
        copy_field(res, PG_DIAG_TABLE_NAME, f->table, sizeof f->table);
        copy_field(res, PG_DIAG_CONSTRAINT_NAME, f->constraint, sizeof f->constraint);
        copy_columns(res, f);
    }
    return code;
}

enum err pg_fail(struct fail *f, const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    return pg_fail_as(f, state == NULL ? ERR_CONNECTION_LOST : pg_err(state), res);
}

bool pg_is_state(const PGresult *res, const char *sqlstate)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    return state != NULL && strcmp(state, sqlstate) == 0;
}

/* 0A000 has many meanings and its text is translated; the function that raises
 * it is the sign that other drivers use as well. */
bool pg_is_stale(const PGresult *res)
{
    const char *function = PQresultErrorField(res, PG_DIAG_SOURCE_FUNCTION);
    return pg_is_state(res, "26000") || (pg_is_state(res, "0A000") && function != NULL &&
                                         strcmp(function, "RevalidateCachedQuery") == 0);
}
