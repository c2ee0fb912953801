/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_json_each.c: tb_json_each(document, what), a table of the members of a
 * JSON text. SQLite's own json_each gives numbers and texts without their JSON.
 *
 *   'array'   'array text'     c1 a value, c2 its place from 1
 *   'object'  'object text'    c1 a name, c2 its value
 *
 * A value is its JSON as it is written or, as text, what ->> gives. No row if the
 * document is null or of the other kind; an error if it is no JSON. The arguments may
 * be columns of tables before it.
 */
#include "backend/sqlite_session.h"
#include "base/arena.h"
#include "base/json.h"

#include <stdlib.h>

enum column { COLUMN_FIRST, COLUMN_SECOND, COLUMN_DOCUMENT, COLUMN_WHAT };
#define ARGUMENTS 2
#define MAX_DEPTH 1000

struct members {
    sqlite3_vtab_cursor base; /* first: SQLite casts */
    struct arena arena;       /* of the document */
    struct str text;
    const struct json *at; /* NULL: ended */
    int64_t place;
    bool of_object, as_text;
};

static struct members *members_of(sqlite3_vtab_cursor *cursor)
{
    return (struct members *)cursor;
}

static int members_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                           sqlite3_vtab **out, char **message)
{
    (void)aux;
    (void)argc;
    (void)argv;
    (void)message;
    int rc =
        sqlite3_declare_vtab(db, "CREATE TABLE x(c1, c2, document HIDDEN, what TEXT HIDDEN)");
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

static int members_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

/* Takes both arguments, in their order; a plan without them cannot run. */
static int members_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    int found = 0;
    (void)table;
    for (int i = 0; i < info->nConstraint; i++) {
        int at = info->aConstraint[i].iColumn - COLUMN_DOCUMENT;
        if (at < 0 || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) {
            continue;
        }
        if (!info->aConstraint[i].usable) {
            return SQLITE_CONSTRAINT;
        }
        info->aConstraintUsage[i].argvIndex = at + 1;
        info->aConstraintUsage[i].omit = 1;
        found++;
    }
    info->estimatedCost = 100;
    info->estimatedRows = 100;
    return found == ARGUMENTS ? SQLITE_OK : SQLITE_CONSTRAINT;
}

static int members_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    struct members *m = calloc(1, sizeof *m);
    (void)table;
    *out = m == NULL ? NULL : &m->base;
    if (m != NULL) {
        arena_init(&m->arena, 0);
    }
    return m == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

static int members_close(sqlite3_vtab_cursor *cursor)
{
    arena_fini(&members_of(cursor)->arena);
    free(members_of(cursor));
    return SQLITE_OK;
}

/* The document's own bytes are gone after the call: a copy is read. */
static int read_document(struct members *m, sqlite3_value *v, struct json **out)
{
    const char *p = (const char *)sqlite3_value_text(v);
    struct fail f = {0};
    *out = NULL;
    if (p == NULL) {
        return sqlite3_value_type(v) == SQLITE_NULL ? SQLITE_OK : SQLITE_NOMEM;
    }
    m->text = arena_str(&m->arena, (struct str){p, (size_t)sqlite3_value_bytes(v)});
    if (m->text.ptr == NULL) {
        return SQLITE_NOMEM;
    }
    enum err e = json_parse(&m->arena, m->text, MAX_DEPTH, out, &f);
    if (e == ERR_OK || e == ERR_OUT_OF_MEMORY) {
        return e == ERR_OK ? SQLITE_OK : SQLITE_NOMEM;
    }
    sqlite3_free(m->base.pVtab->zErrMsg);
    m->base.pVtab->zErrMsg = sqlite3_mprintf("bad value: malformed JSON");
    return SQLITE_ERROR;
}

static int members_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int argc,
                          sqlite3_value **argv)
{
    struct members *m = members_of(cursor);
    struct json *j = NULL;
    (void)number;
    (void)text;
    m->at = NULL;
    m->place = 1;
    arena_fini(&m->arena);
    arena_init(&m->arena, 0);
    const char *what = argc == ARGUMENTS ? (const char *)sqlite3_value_text(argv[1]) : NULL;
    if (what == NULL) {
        return SQLITE_OK;
    }
    struct str kind = str_of(what);
    m->of_object = str_starts(kind, STR("object"));
    m->as_text = str_find(kind, ' ', 0) >= 0;
    int rc = read_document(m, argv[0], &j);
    if (rc == SQLITE_OK && j != NULL && j->kind == (m->of_object ? JSON_OBJECT : JSON_ARRAY)) {
        m->at = j->first;
    }
    return rc;
}

static int members_next(sqlite3_vtab_cursor *cursor)
{
    struct members *m = members_of(cursor);
    m->at = m->at->next;
    m->place++;
    return SQLITE_OK;
}

static int members_eof(sqlite3_vtab_cursor *cursor)
{
    return members_of(cursor)->at == NULL;
}

static void give_text(sqlite3_context *ctx, struct str s)
{
    sqlite3_result_text64(ctx, s.ptr, s.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void give_value(sqlite3_context *ctx, const struct members *m)
{
    if (!m->as_text) {
        give_text(ctx, json_source(m->at, m->text));
    } else if (m->at->kind == JSON_STRING) {
        give_text(ctx, json_text(m->at));
    } else if (m->at->kind != JSON_NULL) {
        give_text(ctx, json_source(m->at, m->text));
    }
}

static int members_column(sqlite3_vtab_cursor *cursor, sqlite3_context *ctx, int column)
{
    const struct members *m = members_of(cursor);
    if (column == COLUMN_FIRST && m->of_object) {
        give_text(ctx, json_key(m->at));
    } else if (column == COLUMN_FIRST || (column == COLUMN_SECOND && m->of_object)) {
        give_value(ctx, m);
    } else if (column == COLUMN_SECOND) {
        sqlite3_result_int64(ctx, m->place);
    }
    return SQLITE_OK;
}

static int members_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    *out = members_of(cursor)->place;
    return SQLITE_OK;
}

static const sqlite3_module members_module = {
    .xConnect = members_connect,
    .xBestIndex = members_best_index,
    .xDisconnect = members_disconnect,
    .xOpen = members_open,
    .xClose = members_close,
    .xFilter = members_filter,
    .xNext = members_next,
    .xEof = members_eof,
    .xColumn = members_column,
    .xRowid = members_rowid,
};

int sqlite_json_each_register(sqlite3 *db)
{
    return sqlite3_create_module(db, "tb_json_each", &members_module, NULL);
}
