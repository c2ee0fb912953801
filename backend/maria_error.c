/* SPDX-License-Identifier: MIT
 *
 * backend/maria_error.c: what error numbers of MariaDB, MySQL and Connector/C
 * mean, and what their texts tell about tables, columns and constraints. No state.
 *
 * Several texts quote the offending value; those are replaced by our own.
 */
#include "backend/maria.h"

#include <stdio.h>
#include <string.h>

struct code {
    unsigned number;
    enum err err;
    const char *text; /* instead of the server's, which would show a value */
};

static const struct code codes[] = {
    {1020, ERR_SERIALIZATION_FAILURE, NULL},
    {1022, ERR_UNIQUE_VIOLATION, "a row with this key exists"},
    {1037, ERR_OUT_OF_MEMORY, NULL},
    {1038, ERR_OUT_OF_MEMORY, NULL},
    {1040, ERR_CONNECTION_FAILED, NULL},
    {1041, ERR_OUT_OF_MEMORY, NULL},
    {1045, ERR_CONNECTION_FAILED, NULL},
    {1048, ERR_NOT_NULL_VIOLATION, NULL},
    {1049, ERR_CONNECTION_FAILED, NULL},
    {1052, ERR_AMBIGUOUS_COLUMN, NULL},
    {1053, ERR_CONNECTION_LOST, NULL},
    {1054, ERR_UNKNOWN_COLUMN, NULL},
    {1062, ERR_UNIQUE_VIOLATION, "a row with this key exists"},
    {1079, ERR_CONNECTION_LOST, NULL},
    {1080, ERR_CONNECTION_LOST, NULL},
    {1129, ERR_CONNECTION_FAILED, NULL},
    {1130, ERR_CONNECTION_FAILED, NULL},
    {1136, ERR_CATALOG_CHANGED, NULL},
    {1139, ERR_BAD_VALUE, "this is no regular expression, or it takes too many steps"},
    {1146, ERR_UNKNOWN_TABLE, NULL},
    {1152, ERR_CONNECTION_LOST, NULL},
    {1153, ERR_REQUEST_TOO_LARGE, NULL},
    {1158, ERR_CONNECTION_LOST, NULL},
    {1159, ERR_CONNECTION_LOST, NULL},
    {1160, ERR_CONNECTION_LOST, NULL},
    {1161, ERR_CONNECTION_LOST, NULL},
    {1169, ERR_UNIQUE_VIOLATION, "a row with this key exists"},
    {1184, ERR_CONNECTION_LOST, NULL},
    {1203, ERR_CONNECTION_FAILED, NULL},
    {1205, ERR_LOCK_TIMEOUT, NULL},
    {1206, ERR_LOCK_TIMEOUT, NULL},
    {1213, ERR_DEADLOCK, NULL},
    {1216, ERR_FOREIGN_KEY_VIOLATION, NULL},
    {1217, ERR_FOREIGN_KEY_VIOLATION, NULL},
    {1226, ERR_CONNECTION_FAILED, NULL},
    {1242, ERR_MULTIPLE_RESULTS, NULL},
    {1243, ERR_CATALOG_CHANGED, NULL},
    {1260, ERR_DATA_ERROR, "a result of group_concat was cut"},
    {1263, ERR_NOT_NULL_VIOLATION, NULL},
    {1264, ERR_OUT_OF_RANGE, NULL},
    {1265, ERR_BAD_VALUE, NULL},
    {1290, ERR_READ_ONLY, NULL}, /* --read-only, among others: see maria_fail */
    {1292, ERR_BAD_VALUE, "a value that its type cannot hold"},
    {1301, ERR_TOO_LONG, NULL},
    {1305, ERR_UNKNOWN_OPERATOR, NULL},
    {1317, ERR_CANCELLED, NULL},
    {1364, ERR_NOT_NULL_VIOLATION, NULL},
    {1365, ERR_DIVISION_BY_ZERO, "division by zero"},
    {1366, ERR_BAD_VALUE, "a value that its type cannot hold"},
    {1367, ERR_BAD_VALUE, "a value that its type cannot hold"},
    {1390, ERR_TOO_MANY_PARAMS, NULL},
    {1406, ERR_TOO_LONG, NULL},
    {1411, ERR_BAD_VALUE, "a value that its function cannot take"},
    {1412, ERR_CATALOG_CHANGED, NULL},
    {1416, ERR_BAD_VALUE, NULL},
    {1426, ERR_OUT_OF_RANGE, NULL},
    {1441, ERR_OUT_OF_RANGE, NULL},
    {1451, ERR_FOREIGN_KEY_VIOLATION, NULL},
    {1452, ERR_FOREIGN_KEY_VIOLATION, NULL},
    {1461, ERR_OVERLOAD, NULL},
    {1525, ERR_BAD_VALUE, "a value that its type cannot hold"},
    {1557, ERR_FOREIGN_KEY_VIOLATION, "a foreign key would lead to a duplicate key"},
    {1586, ERR_UNIQUE_VIOLATION, "a row with this key exists"},
    {1615, ERR_CATALOG_CHANGED, NULL},
    {1690, ERR_OUT_OF_RANGE, "a number beyond the range of its type"},
    {1761, ERR_FOREIGN_KEY_VIOLATION, "a foreign key would lead to a duplicate key"},
    {1762, ERR_FOREIGN_KEY_VIOLATION, "a foreign key would lead to a duplicate key"},
    {1792, ERR_READ_ONLY, NULL},
    {1836, ERR_READ_ONLY, NULL},
    {1916, ERR_OUT_OF_RANGE, "a number beyond the range of its type"},
    {1927, ERR_CONNECTION_LOST, NULL},
    {1969, ERR_TIMEOUT, NULL},
    {2000, ERR_DATABASE_ERROR, NULL},
    {2002, ERR_CONNECTION_FAILED, NULL},
    {2003, ERR_CONNECTION_FAILED, NULL},
    {2005, ERR_CONNECTION_FAILED, NULL},
    {2006, ERR_CONNECTION_LOST, NULL},
    {2008, ERR_OUT_OF_MEMORY, NULL},
    {2012, ERR_CONNECTION_LOST, NULL},
    {2013, ERR_CONNECTION_LOST, NULL},
    {2014, ERR_CONNECTION_LOST, NULL},
    {2020, ERR_REQUEST_TOO_LARGE, NULL},
    {2026, ERR_CONNECTION_LOST, NULL},
    {2027, ERR_CONNECTION_LOST, NULL},
    {2055, ERR_CONNECTION_LOST, NULL},
    {2057, ERR_CATALOG_CHANGED, NULL},
    {3024, ERR_TIMEOUT, NULL},
    {3572, ERR_LOCK_TIMEOUT, NULL},
    {3819, ERR_CHECK_VIOLATION, NULL},
    {3948, ERR_DATABASE_ERROR, NULL},
    {4025, ERR_CHECK_VIOLATION, NULL},
    {4031, ERR_CONNECTION_LOST, NULL},
    {4038, ERR_BAD_VALUE, NULL},
    {5014, ERR_CONNECTION_LOST, NULL},
};

static const struct code *find(unsigned number)
{
    size_t lo = 0, hi = sizeof codes / sizeof codes[0];
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (codes[mid].number == number) {
            return &codes[mid];
        }
        if (codes[mid].number < number) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return NULL;
}

enum err maria_err(unsigned number)
{
    const struct code *c = find(number);
    return c == NULL ? ERR_DATABASE_ERROR : c->err;
}

bool maria_lost(unsigned number)
{
    return maria_err(number) == ERR_CONNECTION_LOST;
}

/* What strict mode refuses in a write is only warned of in a select. */
enum err maria_warning(unsigned number)
{
    switch (number) {
    case 1260: /* group_concat was cut */
    case 1264: /* out of range */
    case 1292: /* truncated incorrect value */
    case 1301: /* a text beyond max_allowed_packet */
    case 1365: /* division by zero */
    case 1366:
    case 1411:
    case 1441: /* date out of range */
    case 1916: /* a cast to an integer that is too small */
    case 4038: /* JSON */
        return maria_err(number);
    default:
        return ERR_OK;
    }
}

/* -- names in texts -------------------------------------------------------- */

/* Copies what stands between the quotes that begin at `at`; returns the place
 * behind them, or NULL. A doubled quote belongs to the name. */
static const char *copy_quoted(const char *at, char quote, char *out, size_t size)
{
    size_t n = 0;
    if (at == NULL || *at != quote) {
        return NULL;
    }
    for (at++; *at != '\0'; at++) {
        if (*at == quote && at[1] != quote) {
            out[utf8_cut((struct str){out, n}, size - 1)] = '\0';
            return at + 1;
        }
        at += *at == quote;
        if (n + 1 < size) {
            out[n++] = *at;
        }
    }
    out[0] = '\0';
    return NULL;
}

/* The last place of `words` in text; a value quoted before it may hold them too. */
static const char *after_last(const char *text, const char *words)
{
    const char *found = NULL;
    for (const char *p = text; (p = strstr(p, words)) != NULL; p++) {
        found = p + strlen(words);
    }
    return found;
}

/* "Duplicate entry '…' for key 'name'"; MySQL writes 'table.name'. */
static void name_unique(const char *text, struct fail *f)
{
    const char *at = after_last(text, "for key ");
    if (at == NULL) {
        return;
    }
    /* The name runs to the last quote: it may hold quotes of its own. */
    size_t n = strlen(at);
    if (n < 2 || at[0] != '\'' || at[n - 1] != '\'') {
        return;
    }
    struct str name = {at + 1, n - 2};
    n = utf8_cut(name, sizeof f->constraint - 1);
    memcpy(f->constraint, name.ptr, n);
    f->constraint[n] = '\0';
}

/* "… fails (`db`.`table`, CONSTRAINT `name` FOREIGN KEY (`a`, `b`) REFERENCES …" */
static void name_foreign_key(const char *text, struct fail *f)
{
    char skipped[256];
    const char *at = strstr(text, "(`");
    at = copy_quoted(at == NULL ? NULL : at + 1, '`', skipped, sizeof skipped);
    if (at == NULL || *at != '.' ||
        (at = copy_quoted(at + 1, '`', f->table, sizeof f->table)) == NULL) {
        return;
    }
    const char *name = strstr(at, "CONSTRAINT `");
    if (name != NULL) {
        (void)copy_quoted(name + sizeof "CONSTRAINT " - 1, '`', f->constraint,
                          sizeof f->constraint);
    }
    at = strstr(at, "FOREIGN KEY (");
    at = at == NULL ? NULL : at + sizeof "FOREIGN KEY (" - 1;
    size_t used = 0;
    while (at != NULL && used + 2 < sizeof f->columns) {
        size_t start = used == 0 ? 0 : used + 1;
        at = copy_quoted(at, '`', f->columns + start, sizeof f->columns - start);
        if (at != NULL && used > 0) {
            f->columns[used] = ',';
        }
        used = strlen(f->columns);
        at = at != NULL && strncmp(at, ", ", 2) == 0 ? at + 2 : NULL;
    }
}

/* "Column 'x' cannot be null", "Field 'x' doesn't have a default value", "Out of
 * range value for column 'x' at row 1". */
static void name_column(const char *text, struct fail *f)
{
    const char *at = strchr(text, '\'');
    (void)copy_quoted(at, '\'', f->columns, sizeof f->columns);
}

/* "CONSTRAINT `name` failed for `db`.`table`"; for a check written behind a column
 * the name is `table`.`column`. */
static void name_check(const char *text, struct fail *f)
{
    char skipped[256];
    const char *at = strchr(text, '`');
    at = copy_quoted(at, '`', f->constraint, sizeof f->constraint);
    if (at != NULL && *at == '.') {
        (void)copy_quoted(at + 1, '`', f->constraint, sizeof f->constraint);
    }
    at = strstr(text, "failed for `");
    at = copy_quoted(at == NULL ? NULL : at + sizeof "failed for " - 1, '`', skipped,
                     sizeof skipped);
    if (at != NULL && *at == '.') {
        (void)copy_quoted(at + 1, '`', f->table, sizeof f->table);
    }
}

static void name_parts(enum err e, unsigned number, const char *text, struct fail *f)
{
    switch ((int)e) {
    case ERR_UNIQUE_VIOLATION:
        name_unique(text, f);
        return;
    case ERR_FOREIGN_KEY_VIOLATION:
        name_foreign_key(text, f);
        return;
    case ERR_CHECK_VIOLATION:
        name_check(text, f);
        return;
    case ERR_NOT_NULL_VIOLATION:
    case ERR_TOO_LONG:
        name_column(text, f);
        return;
    case ERR_OUT_OF_RANGE:
        if (number == 1264) {
            name_column(text, f);
        }
        return;
    default:
        return;
    }
}

/* -- failures -------------------------------------------------------------- */

enum err maria_fail(struct fail *f, unsigned number, const char *sqlstate, const char *message)
{
    const struct code *c = find(number);
    enum err e = c == NULL ? ERR_DATABASE_ERROR : c->err;
    if (number == 1290 && strstr(message, "read-only") == NULL) {
        e = ERR_DATABASE_ERROR; /* another option of the server */
    }
    if (f == NULL || f->code != ERR_OK) {
        return e; /* the first error wins */
    }
    if (e == ERR_UNIQUE_VIOLATION) {
        name_parts(e, number, message, f);
        bool named = f->constraint[0] != '\0';
        fail_set(f, e,
                 named ? "a row with this key exists (%s)" : "a row with this key exists%s",
                 f->constraint);
    } else {
        name_parts(e, number, message, f);
        fail_set(f, e, "%s", c != NULL && c->text != NULL ? c->text : message);
    }
    f->native = (int32_t)number;
    snprintf(f->sqlstate, sizeof f->sqlstate, "%.5s", sqlstate);
    return e;
}

enum err maria_fail_conn(struct fail *f, MYSQL *my)
{
    return maria_fail(f, mysql_errno(my), mysql_sqlstate(my), mysql_error(my));
}

/* An error that ends the rows of a statement is left in its connection only. */
enum err maria_fail_stmt(struct fail *f, MYSQL_STMT *st)
{
    if (mysql_stmt_errno(st) == 0 && st->mysql != NULL) {
        return maria_fail_conn(f, st->mysql);
    }
    return maria_fail(f, mysql_stmt_errno(st), mysql_stmt_sqlstate(st), mysql_stmt_error(st));
}
