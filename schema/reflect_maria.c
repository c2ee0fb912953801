/* SPDX-License-Identifier: MIT
 *
 * schema/reflect_maria.c: the catalog of MariaDB and MySQL: the current database,
 * from information_schema.
 *
 * One plain statement for each view of information_schema, without joins between
 * them: a join there opens every table once for each row of the other side. No
 * state. Thread: as schema/reflect.c.
 */
#include "schema/reflect_impl.h"

#include <string.h>

/* ---- tables ---- */

/* TABLE_TYPE and ENGINE need the table's definition only; anything about sizes would open
 * it. */
#define TABLES                                                                                 \
    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES"       \
    " WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME"

static const struct column_info table_columns[] = {REFLECT_T, REFLECT_T, REFLECT_T, REFLECT_T};

/* With these a write is seen when its transaction commits; with others at once (Aria,
 * MyISAM, MEMORY), or it may be somewhere else (FEDERATED, CONNECT, MERGE). */
static bool is_transactional(struct str engine)
{
    return str_ieq(engine, STR("InnoDB")) || str_ieq(engine, STR("ROCKSDB")) ||
           str_ieq(engine, STR("TokuDB"));
}

static enum err table_row(struct reflect *r, const struct value *cells)
{
    struct str kind = cell_text(&cells[2]);
    bool base = str_is(kind, "BASE TABLE") || str_is(kind, "SYSTEM VERSIONED");
    if (!base && !str_is(kind, "VIEW")) {
        return ERR_OK; /* SEQUENCE, TEMPORARY */
    }
    struct table t = {.schema = cell_text(&cells[0]),
                      .name = cell_text(&cells[1]),
                      .kind = base ? TABLE_BASE : TABLE_VIEW,
                      .in_path = true,
                      .writable = base,
                      .shows = !base                                    ? SHOWS_OTHERS
                               : is_transactional(cell_text(&cells[3])) ? SHOWS_ROWS
                                                                        : SHOWS_AWAY};
    return reflect_add_table(r, &t);
}

/* ---- JSON ---- */

/* JSON is longtext with a check, and the check is all that tells it. */
#define JSON_CHECKS                                                                            \
    "SELECT TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS"                \
    " WHERE CONSTRAINT_SCHEMA = DATABASE() AND CHECK_CLAUSE LIKE 'json_valid(`%`)'"

static const struct column_info check_columns[] = {REFLECT_T, REFLECT_T};

/* clause := "json_valid(`" name "`)", where a backtick in the name is doubled.
 * Writes the name, at most max bytes; 0 if the clause is another. */
static size_t checked_name(struct str clause, char *out, size_t max)
{
    struct str head = STR("json_valid(`");
    if (!str_starts(clause, head) || clause.len < head.len + 3) {
        return 0;
    }
    size_t n = 0;
    size_t end = clause.len - 2; /* the closing "`)" */
    for (size_t i = head.len; i < end; i++) {
        bool tick = clause.ptr[i] == '`';
        if (n == max || (tick && (i + 1 >= end || clause.ptr[i + 1] != '`'))) {
            return 0;
        }
        i += tick;
        out[n++] = clause.ptr[i];
    }
    return n;
}

static enum err check_row(struct reflect *r, const struct value *cells)
{
    char name[256]; /* 64 characters of up to 4 bytes */
    size_t len = checked_name(cell_text(&cells[1]), name, sizeof name);
    struct str table = cell_text(&cells[0]);
    if (len == 0 || table.len == 0) {
        return ERR_OK;
    }
    return reflect_fact_put(r, FACT_JSON, table, (struct str){name, len}, "json");
}

/* ---- columns ---- */

#define COLUMNS                                                                                \
    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, IS_NULLABLE, COLUMN_DEFAULT, EXTRA,"        \
    " COLLATION_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION,"    \
    " NUMERIC_SCALE FROM information_schema.COLUMNS"                                           \
    " WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION"

static const struct column_info column_columns[] = {REFLECT_T, REFLECT_T, REFLECT_T, REFLECT_T,
                                                    REFLECT_T, REFLECT_T, REFLECT_T, REFLECT_T,
                                                    REFLECT_T, REFLECT_I, REFLECT_I, REFLECT_I};

/* `wider` holds what the unsigned form can. set is text that the database checks.
 * bit and geometry are bytes: they are no text, so opaque could not be read. inet4,
 * inet6 and what else may come are opaque. */
static const struct {
    const char *name;
    enum type_kind kind, wider;
} known_types[] = {
    {"int", TYPE_INTEGER, TYPE_BIGINT},
    {"bigint", TYPE_BIGINT, TYPE_NUMERIC},
    {"mediumint", TYPE_INTEGER, TYPE_INTEGER},
    {"smallint", TYPE_SMALLINT, TYPE_INTEGER},
    {"tinyint", TYPE_SMALLINT, TYPE_SMALLINT},
    {"year", TYPE_SMALLINT, TYPE_SMALLINT},
    {"decimal", TYPE_NUMERIC, TYPE_NUMERIC},
    {"float", TYPE_REAL, TYPE_REAL},
    {"double", TYPE_DOUBLE, TYPE_DOUBLE},
    {"char", TYPE_CHAR, TYPE_CHAR},
    {"varchar", TYPE_VARCHAR, TYPE_VARCHAR},
    {"text", TYPE_TEXT, TYPE_TEXT},
    {"tinytext", TYPE_TEXT, TYPE_TEXT},
    {"mediumtext", TYPE_TEXT, TYPE_TEXT},
    {"longtext", TYPE_TEXT, TYPE_TEXT},
    {"set", TYPE_TEXT, TYPE_TEXT},
    {"enum", TYPE_ENUM, TYPE_ENUM},
    {"json", TYPE_JSON, TYPE_JSON},
    {"uuid", TYPE_UUID, TYPE_UUID},
    {"date", TYPE_DATE, TYPE_DATE},
    {"time", TYPE_TIME, TYPE_TIME},
    {"datetime", TYPE_TIMESTAMP, TYPE_TIMESTAMP},
    {"timestamp", TYPE_TIMESTAMPTZ, TYPE_TIMESTAMPTZ},
    {"binary", TYPE_BYTES, TYPE_BYTES},
    {"varbinary", TYPE_BYTES, TYPE_BYTES},
    {"blob", TYPE_BYTES, TYPE_BYTES},
    {"tinyblob", TYPE_BYTES, TYPE_BYTES},
    {"mediumblob", TYPE_BYTES, TYPE_BYTES},
    {"longblob", TYPE_BYTES, TYPE_BYTES},
    {"bit", TYPE_BYTES, TYPE_BYTES},
    {"geometry", TYPE_BYTES, TYPE_BYTES},
    {"point", TYPE_BYTES, TYPE_BYTES},
    {"linestring", TYPE_BYTES, TYPE_BYTES},
    {"polygon", TYPE_BYTES, TYPE_BYTES},
    {"multipoint", TYPE_BYTES, TYPE_BYTES},
    {"multilinestring", TYPE_BYTES, TYPE_BYTES},
    {"multipolygon", TYPE_BYTES, TYPE_BYTES},
    {"geometrycollection", TYPE_BYTES, TYPE_BYTES},
    {"vector", TYPE_BYTES, TYPE_BYTES},
};

static bool ends_with(struct str s, struct str tail)
{
    return s.len >= tail.len && str_eq((struct str){s.ptr + s.len - tail.len, tail.len}, tail);
}

static bool contains(struct str s, struct str part)
{
    return s.ptr != NULL && memmem(s.ptr, s.len, part.ptr, part.len) != NULL;
}

/* `full` is COLUMN_TYPE: "int(10) unsigned zerofill". The words of an enum cannot
 * mislead, since only numbers have a wider kind. */
static enum type_kind kind_of(struct str name, struct str full)
{
    if (str_is(full, "tinyint(1)")) {
        return TYPE_BOOLEAN;
    }
    for (size_t i = 0; i < sizeof known_types / sizeof known_types[0]; i++) {
        if (str_ieq(name, str_of(known_types[i].name))) {
            return contains(full, STR(" unsigned")) ? known_types[i].wider
                                                    : known_types[i].kind;
        }
    }
    return TYPE_OPAQUE;
}

/* cells: name, full form, length in characters, precision, scale. */
static struct type make_type(const struct value *cells)
{
    struct type t = {.length = -1, .precision = -1, .scale = -1};
    t.name = cell_text(&cells[0]);
    t.kind = kind_of(t.name, cell_text(&cells[1]));
    if (t.kind == TYPE_CHAR || t.kind == TYPE_VARCHAR) {
        t.length = (int32_t)cell_int(&cells[2]);
    }
    if (t.kind == TYPE_NUMERIC) { /* of bigint unsigned: 20 and 0 */
        t.precision = (int16_t)cell_int(&cells[3]);
        t.scale = (int16_t)cell_int(&cells[4]);
    }
    return t;
}

/* Bytewise are the binary collations that do not pad: under utf8mb4_bin 'a' and 'a '
 * are equal. */
static bool bytewise(struct str collation)
{
    return ends_with(collation, STR("_nopad_bin"));
}

static enum err column_row(struct reflect *r, const struct value *cells)
{
    struct str table = cell_text(&cells[1]), name = cell_text(&cells[2]);
    enum err e = reflect_use(r, cell_text(&cells[0]), table);
    if (e != ERR_OK || name.ptr == NULL) {
        return e;
    }
    struct str fallback = cell_text(&cells[4]), extra = cell_text(&cells[5]);
    struct column c = {.name = name,
                       .type = make_type(&cells[7]),
                       .nullable = str_is(cell_text(&cells[3]), "YES"),
                       .auto_key = contains(extra, STR("auto_increment")),
                       .generated = contains(extra, STR(" GENERATED")),
                       .collation = cell_text(&cells[6]),
                       .binary_collation = bytewise(cell_text(&cells[6]))};
    /* A nullable column without a default shows the word NULL. */
    /* Beside another character set the column would be converted. */
    c.equal_bytewise = c.binary_collation && str_starts(c.collation, STR("utf8mb4_"));
    c.has_default = c.auto_key || (fallback.ptr != NULL && !str_is(fallback, "NULL"));
    if (c.type.kind == TYPE_TEXT && reflect_fact(r, FACT_JSON, table, name) != NULL) {
        c.type.kind = TYPE_JSON;
    }
    return reflect_add_column(r, &c);
}

/* ---- views that can be written ---- */

#define VIEWS                                                                                  \
    "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.VIEWS"                            \
    " WHERE TABLE_SCHEMA = DATABASE() AND IS_UPDATABLE = 'YES'"

static const struct column_info name_columns[] = {REFLECT_T, REFLECT_T};

static enum err view_row(struct reflect *r, const struct value *cells)
{
    enum err e = reflect_use(r, cell_text(&cells[0]), cell_text(&cells[1]));
    if (e == ERR_OK && r->table != NULL) {
        r->table->writable = true;
    }
    return e;
}

/* ---- columns that are computed when they are read ---- */

#define CLOCKS                                                                                 \
    "SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME FROM information_schema.COLUMNS"                 \
    " WHERE TABLE_SCHEMA = DATABASE() AND EXTRA LIKE 'VIRTUAL%' AND GENERATION_EXPRESSION"     \
    " RLIKE 'cur(rent_|date|time)|now[(]|sysdate|utc_|unix_timestamp[(][)]|rand|uuid|user|'"   \
    " 'version|database|schema|connection_id|last_insert_id|row_count|sleep|_lock|nextval'"

static enum err clock_row(struct reflect *r, const struct value *cells)
{
    enum err e = reflect_use(r, cell_text(&cells[0]), cell_text(&cells[1]));
    if (e == ERR_OK && r->table != NULL && r->table->shows == SHOWS_ROWS) {
        r->table->shows = SHOWS_CLOCK;
    }
    return e;
}

/* ---- keys and indexes ---- */

#define KEYS                                                                                   \
    "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, NON_UNIQUE, SUB_PART, INDEX_TYPE,"           \
    " COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()"          \
    " ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"

static const struct column_info key_columns[] = {REFLECT_T, REFLECT_T, REFLECT_T, REFLECT_I,
                                                 REFLECT_I, REFLECT_T, REFLECT_T};

static enum err key_row(struct reflect *r, const struct value *cells)
{
    enum err e = reflect_use(r, cell_text(&cells[0]), cell_text(&cells[1]));
    if (e != ERR_OK) {
        return e;
    }
    struct str kind = cell_text(&cells[5]);
    bool primary = str_is(cell_text(&cells[2]), "PRIMARY");
    bool prefix = cells[4].kind != VALUE_NULL && !primary;
    struct key_part p = {.group = cell_text(&cells[2]),
                         .name = cell_text(&cells[2]),
                         .primary = primary,
                         .unique = !cell_true(&cells[3]),
                         .odd = prefix || str_is(kind, "FULLTEXT") || str_is(kind, "SPATIAL"),
                         .column = cell_text(&cells[6])};
    return reflect_add_key_part(r, &p);
}

/* ---- foreign keys ---- */

#define ACTIONS                                                                                \
    "SELECT TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE"                             \
    " FROM information_schema.REFERENTIAL_CONSTRAINTS"                                         \
    " WHERE CONSTRAINT_SCHEMA = DATABASE()"

static const struct column_info action_columns[] = {REFLECT_T, REFLECT_T, REFLECT_T, REFLECT_T};

struct actions {
    enum fk_action on_delete, on_update;
};

static enum err action_row(struct reflect *r, const struct value *cells)
{
    struct actions *a = ARENA_NEW(&r->scratch, struct actions);
    if (a == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    a->on_delete = cell_action(&cells[2]);
    a->on_update = cell_action(&cells[3]);
    struct str table = cell_text(&cells[0]), name = cell_text(&cells[1]);
    return table.ptr == NULL || name.ptr == NULL
               ? ERR_OK
               : reflect_fact_put(r, FACT_ACTIONS, table, name, a);
}

#define FOREIGN_KEYS                                                                           \
    "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA,"  \
    " REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE"  \
    " WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL"                   \
    " ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION"

static const struct column_info fk_columns[] = {REFLECT_T, REFLECT_T, REFLECT_T, REFLECT_T,
                                                REFLECT_T, REFLECT_T, REFLECT_T};

static enum err fk_row(struct reflect *r, const struct value *cells)
{
    struct str table = cell_text(&cells[1]), name = cell_text(&cells[2]);
    enum err e = reflect_use(r, cell_text(&cells[0]), table);
    if (e != ERR_OK || name.ptr == NULL) {
        return e;
    }
    struct fk_part p = {.group = name,
                        .name = name,
                        .column = cell_text(&cells[3]),
                        .target_schema = cell_text(&cells[4]),
                        .target = cell_text(&cells[5]),
                        .target_column = cell_text(&cells[6])};
    const struct actions *a = reflect_fact(r, FACT_ACTIONS, table, name);
    if (a != NULL) {
        p.on_delete = a->on_delete;
        p.on_update = a->on_update;
    }
    return reflect_add_fk_part(r, &p);
}

/* ---- triggers ---- */

#define TRIGGERS                                                                               \
    "SELECT DISTINCT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS" \
    " WHERE TRIGGER_SCHEMA = DATABASE()"

static enum err trigger_row(struct reflect *r, const struct value *cells)
{
    enum err e = reflect_use(r, cell_text(&cells[0]), cell_text(&cells[1]));
    if (e == ERR_OK && r->table != NULL) {
        r->table->has_triggers = true;
    }
    return e;
}

/* ---- functions ---- */

#define FUNCTIONS                                                                              \
    "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, IS_DETERMINISTIC, SQL_DATA_ACCESS, DATA_TYPE,"       \
    " DTD_IDENTIFIER, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE"              \
    " FROM information_schema.ROUTINES"                                                        \
    " WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE = 'FUNCTION'"

/* The server believes what is declared and checks nothing: CONTAINS SQL, the
 * default, says nothing about writes, so only a declaration that does is taken. */
static enum volatility volatility_of(struct str deterministic, struct str access)
{
    if (!str_is(deterministic, "YES")) {
        return VOLATILITY_VOLATILE;
    }
    if (str_is(access, "NO SQL")) {
        return VOLATILITY_IMMUTABLE;
    }
    return str_is(access, "READS SQL DATA") ? VOLATILITY_STABLE : VOLATILITY_VOLATILE;
}

static const struct column_info function_columns[] = {REFLECT_T, REFLECT_T, REFLECT_T,
                                                      REFLECT_T, REFLECT_T, REFLECT_T,
                                                      REFLECT_I, REFLECT_I, REFLECT_I};

static enum err function_row(struct reflect *r, const struct value *cells)
{
    struct function_info f = {.schema = cell_text(&cells[0]),
                              .name = cell_text(&cells[1]),
                              .volatility =
                                  volatility_of(cell_text(&cells[2]), cell_text(&cells[3])),
                              .result = make_type(&cells[4])};
    return reflect_add_function(r, &f);
}

static const struct reflect_step steps[] = {
    {.stmt = REFLECT_STMT(TABLES, table_columns), .row = table_row},
    {.stmt = REFLECT_STMT(JSON_CHECKS, check_columns), .row = check_row, .bearable = true},
    {.stmt = REFLECT_STMT(COLUMNS, column_columns), .row = column_row},
    {.stmt = REFLECT_STMT(VIEWS, name_columns), .row = view_row, .bearable = true},
    {.stmt = REFLECT_STMT(CLOCKS, name_columns), .row = clock_row, .bearable = true},
    {.stmt = REFLECT_STMT(KEYS, key_columns), .row = key_row},
    {.stmt = REFLECT_STMT(ACTIONS, action_columns), .row = action_row, .bearable = true},
    {.stmt = REFLECT_STMT(FOREIGN_KEYS, fk_columns), .row = fk_row},
    {.stmt = REFLECT_STMT(TRIGGERS, name_columns), .row = trigger_row, .bearable = true},
    {.stmt = REFLECT_STMT(FUNCTIONS, function_columns), .row = function_row, .bearable = true},
};

const struct reflect_steps reflect_maria = {steps, sizeof steps / sizeof steps[0], true};
