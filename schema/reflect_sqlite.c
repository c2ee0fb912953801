/* SPDX-License-Identifier: MIT
 *
 * schema/reflect_sqlite.c: the catalog of an SQLite file, from the table-valued
 * forms of PRAGMA (3.37 and later) and sqlite_schema.
 *
 * Virtual tables, their shadows, and everything called sqlite_… are left out, and so
 * are other schemas than main: attaching is off. No state but r->views. Thread: as
 * schema/reflect.c.
 */
#include "schema/reflect_impl.h"
#include "schema/sqlite_ddl.h"
#include "value/declared.h"

#include <string.h>

#define MAIN STR("main")

/* ncol is 0 for a view that cannot be read, and, since SQLite stops at the first such,
 * perhaps for others: they are asked for one by one. lower(), since the driver may
 * have made LIKE mind the case. */
#define LISTED                                                                                 \
    " l.schema = 'main' AND l.type IN ('table', 'view')"                                       \
    " AND lower(substr(l.name, 1, 7)) <> 'sqlite_' "

/* ---- tables ---- */

#define TABLES "SELECT l.name, l.type, l.ncol FROM pragma_table_list l WHERE" LISTED

static const struct column_info table_columns[] = {REFLECT_T, REFLECT_T, REFLECT_I};

static enum err ask_later(struct reflect *r, struct str name)
{
    if (!reflect_name(r, name)) {
        return ERR_OK;
    }
    struct str *slot = reflect_push(&r->views, sizeof *slot);
    if (slot == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    *slot = arena_str(&r->scratch, name);
    return slot->ptr == NULL ? ERR_OUT_OF_MEMORY : ERR_OK;
}

static enum err add_table(struct reflect *r, struct str name, enum table_kind kind)
{
    struct table t = {.schema = MAIN,
                      .name = name,
                      .kind = kind,
                      .in_path = true,
                      .writable = kind == TABLE_BASE,
                      .shows = kind == TABLE_BASE ? SHOWS_ROWS : SHOWS_OTHERS};
    return reflect_add_table(r, &t);
}

static enum err table_row(struct reflect *r, const struct value *cells)
{
    bool view = str_is(cell_text(&cells[1]), "view");
    if (view && cell_int(&cells[2]) == 0) {
        return ask_later(r, cell_text(&cells[0]));
    }
    return add_table(r, cell_text(&cells[0]), view ? TABLE_VIEW : TABLE_BASE);
}

/* ---- collations ---- */

#define COLLATIONS                                                                             \
    "SELECT name, sql FROM sqlite_schema WHERE type = 'table'"                                 \
    " AND instr(upper(sql), 'COLLATE') > 0"

static const struct column_info text_columns[] = {REFLECT_T, REFLECT_T};

static enum err collation_row(struct reflect *r, const struct value *cells)
{
    struct str table = cell_text(&cells[0]), column, collation;
    struct sqlite_ddl d = {.sql = cell_text(&cells[1])};
    while (table.ptr != NULL && sqlite_ddl_next(&d, &column, &collation)) {
        struct str *kept = ARENA_NEW(&r->scratch, struct str);
        if (kept == NULL) {
            return ERR_OUT_OF_MEMORY;
        }
        *kept = arena_str(&r->scratch, collation);
        if (kept->ptr == NULL ||
            reflect_fact_put(r, FACT_COLLATION, table, column, kept) != ERR_OK) {
            return ERR_OUT_OF_MEMORY;
        }
    }
    return ERR_OK;
}

/* ---- columns ---- */

/* A rowid alias is a lone INTEGER primary key that needs no index of its own
 * ("INTEGER PRIMARY KEY DESC" does). */
#define COLUMN_CELLS                                                                           \
    "x.name, x.type, x.\"notnull\" OR (x.pk > 0 AND (l.wr OR l.strict)),"                      \
    " x.dflt_value IS NOT NULL, x.hidden IN (2, 3),"                                           \
    " CASE WHEN x.pk = 1 AND NOT l.wr AND l.type = 'table' AND upper(x.type) = 'INTEGER'"      \
    " THEN NOT EXISTS (SELECT 1 FROM pragma_index_list(l.name, 'main') i"                      \
    " WHERE i.origin = 'pk') ELSE 0 END"
#define COLUMNS                                                                                \
    "SELECT l.name, l.type, " COLUMN_CELLS " FROM pragma_table_list l"                         \
    " CROSS JOIN pragma_table_xinfo(l.name, 'main') x"                                         \
    " WHERE l.ncol > 0 AND" LISTED "AND x.hidden <> 1"

static const struct column_info column_columns[] = {REFLECT_T, REFLECT_T, REFLECT_T, REFLECT_T,
                                                    REFLECT_I, REFLECT_I, REFLECT_I, REFLECT_I};

/* The collation of a view's column cannot be known, so it is not told as binary. */
static void set_collation(struct reflect *r, struct column *c, bool view, struct str table)
{
    if (type_family(c->type.kind) != FAMILY_TEXT || view) {
        return;
    }
    const struct str *told = reflect_fact(r, FACT_COLLATION, table, c->name);
    c->collation = told == NULL ? STR("") : *told;
    c->binary_collation = told == NULL || str_ieq(*told, STR("binary"));
    c->equal_bytewise = c->binary_collation;
}

static enum err column_row(struct reflect *r, const struct value *cells)
{
    struct str table = cell_text(&cells[0]);
    enum err e = reflect_use(r, MAIN, table);
    if (e != ERR_OK) {
        return e;
    }
    bool alias = cell_true(&cells[7]);
    struct column c = {.name = cell_text(&cells[2]),
                       .type = sqlite_declared_type(cell_text(&cells[3])),
                       .nullable = !cell_true(&cells[4]) && !alias,
                       .has_default = cell_true(&cells[5]) || alias,
                       .generated = cell_true(&cells[6]),
                       .auto_key = alias};
    set_collation(r, &c, str_is(cell_text(&cells[1]), "view"), table);
    return reflect_add_column(r, &c);
}

/* ---- views that had to wait ---- */

static enum err view_column_row(struct reflect *r, const struct value *cells)
{
    struct str name = cell_text(&cells[0]);
    enum err e = ERR_OK;
    if (name.ptr != NULL && catalog_builder_find(r->builder, MAIN, name) == NULL) {
        e = add_table(r, name, TABLE_VIEW);
    }
    return e == ERR_OK ? column_row(r, cells) : e;
}

/* A single view, its name as a literal: a broken one fails alone. */
static struct str view_sql(struct arena *a, struct str name)
{
    char *quoted = arena_alloc(a, name.len * 2 + 1);
    if (quoted == NULL) {
        return (struct str){NULL, 0};
    }
    size_t n = 0;
    for (size_t i = 0; i < name.len; i++) {
        quoted[n++] = name.ptr[i];
        if (name.ptr[i] == '\'') {
            quoted[n++] = '\'';
        }
    }
    return arena_printf(a,
                        "SELECT '%.*s', 'view', x.name, x.type, x.\"notnull\","
                        " x.dflt_value IS NOT NULL, 0, 0"
                        " FROM pragma_table_xinfo('%.*s', 'main') x",
                        (int)n, quoted, (int)n, quoted);
}

static const struct statement *next_view(struct reflect *r)
{
    if (r->views_asked == r->views.count) {
        return NULL;
    }
    const struct str *names = r->views.items;
    r->view_stmt =
        (struct statement){.columns = column_columns, .column_count = 8, .read_only = true};
    r->view_stmt.sql = view_sql(&r->scratch, names[r->views_asked++]);
    if (r->view_stmt.sql.ptr == NULL) {
        r->err = ERR_OUT_OF_MEMORY;
        return NULL;
    }
    return &r->view_stmt;
}

/* ---- keys and indexes ---- */

#define PRIMARY_KEYS                                                                           \
    "SELECT l.name, x.name FROM pragma_table_list l"                                           \
    " CROSS JOIN pragma_table_xinfo(l.name, 'main') x"                                         \
    " WHERE l.ncol > 0 AND l.type = 'table' AND" LISTED "AND x.pk > 0 ORDER BY l.name, x.pk"

static enum err primary_row(struct reflect *r, const struct value *cells)
{
    enum err e = reflect_use(r, MAIN, cell_text(&cells[0]));
    if (e != ERR_OK) {
        return e;
    }
    struct key_part p = {.group = STR("pk"),
                         .name = STR(""),
                         .primary = true,
                         .unique = true,
                         .column = cell_text(&cells[1])};
    return reflect_add_key_part(r, &p);
}

#define KEYS                                                                                   \
    "SELECT l.name, i.name, i.\"unique\", i.partial, x.name, x.coll"                           \
    " FROM pragma_table_list l CROSS JOIN pragma_index_list(l.name, 'main') i"                 \
    " CROSS JOIN pragma_index_xinfo(i.name, 'main') x"                                         \
    " WHERE l.type = 'table' AND" LISTED "AND i.origin <> 'pk' AND x.key"

static const struct column_info key_columns[] = {REFLECT_T, REFLECT_T, REFLECT_I,
                                                 REFLECT_I, REFLECT_T, REFLECT_T};

/* A key that tells more apart than = does on the column ("a" and "A" under NOCASE)
 * leaves several rows for one value: it is no unique key of that column. */
static bool finer_than_column(struct reflect *r, struct str column, struct str collation)
{
    const struct column *c =
        r->table == NULL || column.ptr == NULL ? NULL : table_column(r->table, column);
    struct str own = c == NULL || c->collation.len == 0 ? STR("BINARY") : c->collation;
    return !str_ieq(own, STR("BINARY")) && !str_ieq(own, collation);
}

static enum err key_row(struct reflect *r, const struct value *cells)
{
    enum err e = reflect_use(r, MAIN, cell_text(&cells[0]));
    if (e != ERR_OK) {
        return e;
    }
    struct str name = cell_text(&cells[1]), column = cell_text(&cells[4]);
    bool nameless = name.ptr == NULL || str_starts(name, STR("sqlite_"));
    struct key_part p = {.group = name,
                         .name = nameless ? STR("") : name,
                         .unique = cell_true(&cells[2]),
                         .partial = cell_true(&cells[3]),
                         .odd = finer_than_column(r, column, cell_text(&cells[5])),
                         .column = column};
    return reflect_add_key_part(r, &p);
}

/* ---- foreign keys ---- */

#define FOREIGN_KEYS                                                                           \
    "SELECT l.name, f.id, f.\"from\", f.\"table\", f.\"to\", f.on_delete, f.on_update"         \
    " FROM pragma_table_list l CROSS JOIN pragma_foreign_key_list(l.name, 'main') f"           \
    " WHERE l.type = 'table' AND" LISTED "ORDER BY l.name, f.id, f.seq"

static const struct column_info fk_columns[] = {REFLECT_T, REFLECT_I, REFLECT_T, REFLECT_T,
                                                REFLECT_T, REFLECT_T, REFLECT_T};

static enum err fk_row(struct reflect *r, const struct value *cells)
{
    enum err e = reflect_use(r, MAIN, cell_text(&cells[0]));
    struct str target = cell_text(&cells[3]);
    if (e != ERR_OK || target.ptr == NULL) {
        return e;
    }
    int64_t id = cell_int(&cells[1]);
    struct fk_part p = {.group = {(const char *)&id, sizeof id},
                        .name = STR(""),
                        .column = cell_text(&cells[2]),
                        .target_schema = MAIN,
                        .target = target,
                        .target_column = cell_text(&cells[4]),
                        .on_delete = cell_action(&cells[5]),
                        .on_update = cell_action(&cells[6])};
    return reflect_add_fk_part(r, &p);
}

/* ---- triggers ---- */

#define TRIGGERS "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger'"

static const struct column_info name_columns[] = {REFLECT_T};

/* A trigger of a view is INSTEAD OF, so the view can be written. */
static enum err trigger_row(struct reflect *r, const struct value *cells)
{
    struct str name = cell_text(&cells[0]);
    enum err e = name.ptr == NULL ? ERR_OK : reflect_use(r, MAIN, name);
    if (e == ERR_OK && name.ptr != NULL && r->table != NULL) {
        r->table->has_triggers = true;
        r->table->writable = true;
    }
    return e;
}

/* ---- rows that give way ---- */

/* "… on conflict replace" of a key, with whatever between the words. */
#define REPLACES                                                                               \
    "SELECT name FROM sqlite_schema WHERE type = 'table'"                                      \
    " AND instr(upper(sql), 'CONFLICT') > 0 AND instr(upper(sql), 'REPLACE') > 0"

static enum err replaces_row(struct reflect *r, const struct value *cells)
{
    struct str name = cell_text(&cells[0]);
    enum err e = name.ptr == NULL ? ERR_OK : reflect_use(r, MAIN, name);
    if (e == ERR_OK && name.ptr != NULL && r->table != NULL) {
        r->table->replaces = true;
    }
    return e;
}

/* ---- functions ---- */

/* SQLITE_DETERMINISTIC is 0x800. date() and its kin have it although they know 'now';
 * they are stable, and so is whatever else reads the clock or the connection. */
#define FUNCTIONS                                                                              \
    "SELECT name, max(CASE WHEN name IN ('date', 'time', 'datetime', 'julianday',"             \
    " 'unixepoch', 'strftime', 'current_date', 'current_time', 'current_timestamp',"           \
    " 'sqlite_version', 'sqlite_source_id') THEN 1"                                            \
    " WHEN flags & 2048 OR type <> 's' THEN 0 ELSE 2 END), max(type <> 's')"                   \
    " FROM pragma_function_list GROUP BY name"

static const struct column_info function_columns[] = {REFLECT_T, REFLECT_I, REFLECT_I};

static enum err function_row(struct reflect *r, const struct value *cells)
{
    int64_t n = cell_int(&cells[1]);
    struct function_info f = {.schema = STR(""),
                              .name = cell_text(&cells[0]),
                              .volatility = n == 0   ? VOLATILITY_IMMUTABLE
                                            : n == 1 ? VOLATILITY_STABLE
                                                     : VOLATILITY_VOLATILE,
                              .kind =
                                  cell_true(&cells[2]) ? FUNCTION_AGGREGATE : FUNCTION_PLAIN,
                              .result = type_of(TYPE_OPAQUE),
                              .builtin = true};
    return reflect_add_function(r, &f);
}

/* Collations come first: columns need them, and keys need the columns'. */
static const struct reflect_step steps[] = {
    {.stmt = REFLECT_STMT(TABLES, table_columns), .row = table_row},
    {.stmt = REFLECT_STMT(COLLATIONS, text_columns), .row = collation_row, .bearable = true},
    {.stmt = REFLECT_STMT(COLUMNS, column_columns), .row = column_row},
    {.row = view_column_row, .more = next_view},
    {.stmt = REFLECT_STMT(PRIMARY_KEYS, text_columns), .row = primary_row},
    {.stmt = REFLECT_STMT(KEYS, key_columns), .row = key_row},
    {.stmt = REFLECT_STMT(FOREIGN_KEYS, fk_columns), .row = fk_row},
    {.stmt = REFLECT_STMT(TRIGGERS, name_columns), .row = trigger_row},
    {.stmt = REFLECT_STMT(REPLACES, name_columns), .row = replaces_row},
    {.stmt = REFLECT_STMT(FUNCTIONS, function_columns), .row = function_row, .bearable = true},
};

const struct reflect_steps reflect_sqlite = {steps, sizeof steps / sizeof steps[0], true};
