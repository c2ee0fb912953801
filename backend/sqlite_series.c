/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_series.c: tb_series(start, stop, step), a table of whole numbers:
 * c1 counts from start as far as stop, c2 is the place from 1.
 *
 * No row if an argument is null or the step leads away from stop. The arguments may be
 * columns of tables before it. Its rows are computed one by one and never overflow.
 */
#include "backend/sqlite_session.h"

#include <stdlib.h>

enum column { COLUMN_VALUE, COLUMN_PLACE, COLUMN_START, COLUMN_STOP, COLUMN_STEP };
#define ARGUMENTS 3

struct series {
    sqlite3_vtab_cursor base; /* first: SQLite casts */
    int64_t value, stop, step;
    int64_t place;
    bool ended;
};

static struct series *series_of(sqlite3_vtab_cursor *cursor)
{
    return (struct series *)cursor;
}

static int series_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                          sqlite3_vtab **out, char **message)
{
    (void)aux;
    (void)argc;
    (void)argv;
    (void)message;
    int rc = sqlite3_declare_vtab(
        db, "CREATE TABLE x(c1 INTEGER, c2 INTEGER, start HIDDEN, stop HIDDEN, step HIDDEN)");
    if (rc == SQLITE_OK) {
        *out = sqlite3_malloc(sizeof **out);
        rc = *out == NULL ? SQLITE_NOMEM : SQLITE_OK;
    }
    if (rc == SQLITE_OK) {
        **out = (sqlite3_vtab){0};
        sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    }
    return rc;
}

static int series_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

/* Takes the three arguments, in their order; a plan without all of them cannot run. */
static int series_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    int found[ARGUMENTS] = {-1, -1, -1};
    (void)table;
    for (int i = 0; i < info->nConstraint; i++) {
        int at = info->aConstraint[i].iColumn - COLUMN_START;
        if (at < 0 || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) {
            continue;
        }
        if (!info->aConstraint[i].usable) {
            return SQLITE_CONSTRAINT;
        }
        found[at] = i;
    }
    for (int i = 0; i < ARGUMENTS; i++) {
        if (found[i] < 0) {
            return SQLITE_CONSTRAINT;
        }
        info->aConstraintUsage[found[i]].argvIndex = i + 1;
        info->aConstraintUsage[found[i]].omit = 1;
    }
    info->estimatedCost = 1000;
    info->estimatedRows = 1000;
    return SQLITE_OK;
}

static int series_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    struct series *s = calloc(1, sizeof *s);
    (void)table;
    *out = s == NULL ? NULL : &s->base;
    return s == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

static int series_close(sqlite3_vtab_cursor *cursor)
{
    free(series_of(cursor));
    return SQLITE_OK;
}

static int series_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc,
                         sqlite3_value **argv)
{
    struct series *s = series_of(cursor);
    (void)number;
    (void)text;
    s->ended = argc != ARGUMENTS;
    for (int i = 0; i < argc; i++) {
        s->ended = s->ended || sqlite3_value_type(argv[i]) != SQLITE_INTEGER;
    }
    if (s->ended) {
        return SQLITE_OK;
    }
    s->value = sqlite3_value_int64(argv[0]);
    s->stop = sqlite3_value_int64(argv[1]);
    s->step = sqlite3_value_int64(argv[2]);
    s->place = 1;
    s->ended = s->step == 0 || (s->step > 0 ? s->value > s->stop : s->value < s->stop);
    return SQLITE_OK;
}

static int series_next(sqlite3_vtab_cursor *cursor)
{
    struct series *s = series_of(cursor);
    int64_t next;
    bool past = __builtin_add_overflow(s->value, s->step, &next);
    s->ended = past || (s->step > 0 ? next > s->stop : next < s->stop);
    s->value = past ? s->value : next;
    s->place++;
    return SQLITE_OK;
}

static int series_eof(sqlite3_vtab_cursor *cursor)
{
    return series_of(cursor)->ended;
}

static int series_column(sqlite3_vtab_cursor *cursor, sqlite3_context *ctx, int column)
{
    const struct series *s = series_of(cursor);
    switch ((enum column)column) {
    case COLUMN_VALUE:
        sqlite3_result_int64(ctx, s->value);
        break;
    case COLUMN_PLACE:
        sqlite3_result_int64(ctx, s->place);
        break;
    case COLUMN_START:
    case COLUMN_STOP:
    case COLUMN_STEP:
        break;
    }
    return SQLITE_OK;
}

static int series_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    *out = series_of(cursor)->place;
    return SQLITE_OK;
}

static const sqlite3_module series_module = {
    .xConnect = series_connect,
    .xBestIndex = series_best_index,
    .xDisconnect = series_disconnect,
    .xOpen = series_open,
    .xClose = series_close,
    .xFilter = series_filter,
    .xNext = series_next,
    .xEof = series_eof,
    .xColumn = series_column,
    .xRowid = series_rowid,
};

int sqlite_series_register(sqlite3 *db)
{
    return sqlite3_create_module(db, "tb_series", &series_module, NULL);
}
