/* SPDX-License-Identifier: MIT
 *
 * schema/reflect_pg.c: the catalog of PostgreSQL 12 and later, from pg_catalog.
 *
 * Not information_schema: it hides what the user does not own and joins slowly.
 * Everything is qualified with pg_catalog, so that no table in the search path
 * can stand in for a system table. No state. Thread: as schema/reflect.c.
 */
#include "schema/reflect_impl.h"
#include "value/declared.h"

#define USER_SCHEMAS "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

/* ---- tables ---- */

static const struct column_info table_columns[] = {REFLECT_T, REFLECT_T, REFLECT_T, REFLECT_I,
                                                   REFLECT_I, REFLECT_I, REFLECT_I};
/* pg_trigger, not relhastriggers: foreign keys are triggers too; those of daemon/watch.c write
 * nothing. `coded` are the defaults, constraints, columns and indexes that call a function in
 * another language than the server's own; of the server's own functions nothing is noted in
 * pg_depend. */
#define TABLES                                                                                 \
    "WITH coded AS MATERIALIZED (SELECT d.classid, d.objid FROM pg_catalog.pg_depend d"        \
    " JOIN pg_catalog.pg_proc f ON f.oid = d.refobjid"                                         \
    " JOIN pg_catalog.pg_language g ON g.oid = f.prolang"                                      \
    " WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass"                          \
    " AND d.classid IN ('pg_catalog.pg_attrdef'::pg_catalog.regclass,"                         \
    " 'pg_catalog.pg_constraint'::pg_catalog.regclass,"                                        \
    " 'pg_catalog.pg_class'::pg_catalog.regclass)"                                             \
    " AND g.lanname NOT IN ('internal', 'c')),"                                                \
    " odd(oid) AS MATERIALIZED (SELECT a.adrelid FROM pg_catalog.pg_attrdef a"                 \
    " JOIN coded ON objid = a.oid AND classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass"  \
    " UNION SELECT k.conrelid FROM pg_catalog.pg_constraint k"                                 \
    " LEFT JOIN coded ON objid = k.oid"                                                        \
    " AND classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass"                           \
    " WHERE k.condeferrable OR objid IS NOT NULL"                                              \
    " UNION SELECT i.indrelid FROM pg_catalog.pg_index i"                                      \
    " JOIN coded ON objid = i.indexrelid"                                                      \
    " AND classid = 'pg_catalog.pg_class'::pg_catalog.regclass) "                              \
    "SELECT n.nspname::text, c.relname::text, c.relkind::text,"                                \
    " pg_catalog.pg_table_is_visible(c.oid)::int::int8,"                                       \
    " (EXISTS (SELECT 1 FROM pg_catalog.pg_trigger g"                                          \
    " WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgname <> 'tribikos_notify'))"      \
    "::int::int8, c.relrowsecurity::int::int8,"                                                \
    " (c.relkind = 'r' AND NOT c.relhasrules AND NOT c.relrowsecurity"                         \
    " AND NOT EXISTS (SELECT 1 FROM odd WHERE odd.oid = c.oid))::int::int8"                    \
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"     \
    " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND " USER_SCHEMAS " ORDER BY c.oid"

static enum err table_row(struct reflect *r, const struct value *cells)
{
    struct str kind = cell_text(&cells[2]);
    bool view = str_is(kind, "v") || str_is(kind, "m");
    bool others = str_is(kind, "v") || cell_true(&cells[5]); /* policies may read anything */
    struct table t = {.schema = cell_text(&cells[0]),
                      .name = cell_text(&cells[1]),
                      .kind = view ? TABLE_VIEW : TABLE_BASE,
                      .in_path = cell_true(&cells[3]),
                      .has_triggers = cell_true(&cells[4]),
                      .plain = cell_true(&cells[6]) && !cell_true(&cells[4]),
                      .writable = !view,
                      .shows = str_is(kind, "f") ? SHOWS_AWAY
                               : others          ? SHOWS_OTHERS
                                                 : SHOWS_ROWS};
    return reflect_add_table(r, &t);
}

/* ---- partitions and inheritance ---- */

#define FAMILIES                                                                               \
    "SELECT n.nspname::text, c.relname::text, m.nspname::text, p.relname::text"                \
    " FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid"          \
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"                                \
    " JOIN pg_catalog.pg_class p ON p.oid = i.inhparent"                                       \
    " JOIN pg_catalog.pg_namespace m ON m.oid = p.relnamespace"                                \
    " WHERE c.relkind IN ('r', 'p', 'f') AND " USER_SCHEMAS                                    \
    " ORDER BY m.nspname, p.relname, n.nspname, c.relname"

static const struct column_info family_columns[] = {REFLECT_T, REFLECT_T, REFLECT_T, REFLECT_T};

static enum err family_row(struct reflect *r, const struct value *cells)
{
    struct table *child =
        catalog_builder_find(r->builder, cell_text(&cells[0]), cell_text(&cells[1]));
    struct table *parent =
        catalog_builder_find(r->builder, cell_text(&cells[2]), cell_text(&cells[3]));
    if (child != NULL && parent != NULL) {
        catalog_builder_relate(child, parent);
    }
    return ERR_OK;
}

/* ---- what a write sets off ---- */

/* Besides triggers: rules, and functions that a default, a check or a view calls. Those of
 * the system are not recorded, since nobody can drop them. */
#define FIRES                                                                                  \
    "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c"                       \
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE " USER_SCHEMAS            \
    " AND c.oid IN (SELECT w.ev_class FROM pg_catalog.pg_rewrite w WHERE w.ev_type <> '1'"     \
    " UNION ALL SELECT coalesce(x.adrelid, k.conrelid, v.ev_class)"                            \
    " FROM pg_catalog.pg_depend d"                                                             \
    " JOIN pg_catalog.pg_proc f ON f.oid = d.refobjid AND f.provolatile = 'v'"                 \
    " LEFT JOIN pg_catalog.pg_attrdef x ON d.classid = 'pg_catalog.pg_attrdef'::regclass"      \
    " AND x.oid = d.objid"                                                                     \
    " LEFT JOIN pg_catalog.pg_constraint k ON d.classid ="                                     \
    " 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid"                                \
    " LEFT JOIN pg_catalog.pg_rewrite v ON d.classid = 'pg_catalog.pg_rewrite'::regclass"      \
    " AND v.oid = d.objid"                                                                     \
    " WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass) ORDER BY c.oid"

static const struct column_info fires_columns[] = {REFLECT_T, REFLECT_T};

static enum err fires_row(struct reflect *r, const struct value *cells)
{
    enum err e = reflect_use(r, cell_text(&cells[0]), cell_text(&cells[1]));
    if (e == ERR_OK && r->table != NULL) {
        r->table->fires = true;
    }
    return e;
}

/* ---- columns ---- */

/* `flat` takes domains, also domains over domains, down to what they are made of;
 * the innermost has the modifier. A real array type is its element's typarray:
 * int2vector and its like look similar and are written otherwise. to_jsonb, since
 * datlocprovider is younger than PostgreSQL 14. */
#define COLUMNS                                                                                \
    "WITH RECURSIVE d(oid, base, typmod, not_null, has_default) AS ("                          \
    "SELECT t.oid, t.typbasetype, t.typtypmod, t.typnotnull, t.typdefault IS NOT NULL"         \
    " FROM pg_catalog.pg_type t WHERE t.typtype = 'd'"                                         \
    " UNION ALL "                                                                              \
    "SELECT d.oid, t.typbasetype, t.typtypmod, d.not_null OR t.typnotnull,"                    \
    " d.has_default OR t.typdefault IS NOT NULL"                                               \
    " FROM d JOIN pg_catalog.pg_type t ON t.oid = d.base AND t.typtype = 'd'),"                \
    " flat AS MATERIALIZED (SELECT d.* FROM d JOIN pg_catalog.pg_type t"                       \
    " ON t.oid = d.base AND t.typtype <> 'd'),"                                                \
    " db AS MATERIALIZED (SELECT b.datcollate IN ('C', 'POSIX')"                               \
    " AND coalesce(to_jsonb(b) ->> 'datlocprovider', 'c') = 'c' AS bytewise"                   \
    " FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database()) "         \
    "SELECT n.nspname::text, c.relname::text, a.attname::text,"                                \
    " t.oid::int8, pg_catalog.format_type(t.oid, NULL)::text, t.typtype::text,"                \
    " coalesce(f.typmod, a.atttypmod)::int8,"                                                  \
    " coalesce(e.oid, 0)::int8, coalesce(e.typtype, '')::text,"                                \
    " (NOT a.attnotnull AND NOT coalesce(f.not_null, false))::int::int8,"                      \
    " (a.atthasdef OR a.attidentity <> '' OR coalesce(f.has_default, false))::int::int8,"      \
    " (a.attidentity <> '' OR CASE WHEN a.atthasdef AND a.attgenerated = ''"                   \
    " AND t.oid IN (20, 21, 23) THEN coalesce((SELECT pg_catalog.pg_get_expr(x.adbin,"         \
    " x.adrelid) LIKE 'nextval(%' FROM pg_catalog.pg_attrdef x"                                \
    " WHERE x.adrelid = a.attrelid AND x.adnum = a.attnum), false)"                            \
    " ELSE false END)::int::int8,"                                                             \
    " (a.attgenerated <> '')::int::int8,"                                                      \
    " CASE WHEN a.attcollation IN (0, 100) THEN '' ELSE coalesce(k.collname, '') END::text,"   \
    " (a.attcollation <> 0 AND coalesce(CASE WHEN a.attcollation = 100"                        \
    " THEN (SELECT db.bytewise FROM db) ELSE k.collprovider = 'b' OR"                          \
    " (k.collprovider = 'c' AND k.collcollate IN ('C', 'POSIX')) END, false))::int::int8,"     \
    " (a.attcollation <> 0 AND k.collisdeterministic)::int::int8"                              \
    " FROM pg_catalog.pg_attribute a"                                                          \
    " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"                                        \
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"                                \
    " LEFT JOIN flat f ON f.oid = a.atttypid"                                                  \
    " JOIN pg_catalog.pg_type t ON t.oid = coalesce(f.base, a.atttypid)"                       \
    " LEFT JOIN pg_catalog.pg_type y ON y.oid = t.typelem AND y.typarray = t.oid"              \
    " LEFT JOIN flat g ON g.oid = y.oid"                                                       \
    " LEFT JOIN pg_catalog.pg_type e ON e.oid = coalesce(g.base, y.oid)"                       \
    " LEFT JOIN pg_catalog.pg_collation k ON k.oid = a.attcollation"                           \
    " WHERE a.attnum > 0 AND NOT a.attisdropped"                                               \
    " AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND " USER_SCHEMAS                            \
    " ORDER BY a.attrelid, a.attnum"

static const struct column_info column_columns[] = {
    REFLECT_T, REFLECT_T, REFLECT_T, REFLECT_I, REFLECT_T, REFLECT_T, REFLECT_I, REFLECT_I,
    REFLECT_T, REFLECT_I, REFLECT_I, REFLECT_I, REFLECT_I, REFLECT_T, REFLECT_I, REFLECT_I};

#define OID_INT8 20
#define OID_OID 26

static enum type_kind kind_of(uint32_t oid, struct str typtype, struct str name)
{
    enum type_kind known = pg_type_kind(oid);
    if (known != TYPE_OPAQUE) {
        return known;
    }
    if (str_is(typtype, "e")) {
        return TYPE_ENUM;
    }
    /* An extension's type, so without a fixed OID, but text in every respect. */
    bool citext = str_is(name, "citext") ||
                  (name.len > 7 && str_is((struct str){name.ptr + name.len - 7, 7}, ".citext"));
    return citext ? TYPE_TEXT : TYPE_OPAQUE;
}

struct pg_type {
    uint32_t oid, element_oid;
    struct str name, typtype, element_typtype;
    int64_t typmod;
};

static struct type make_type(const struct pg_type *p)
{
    struct type t = {.kind = kind_of(p->oid, p->typtype, p->name),
                     .length = -1,
                     .precision = -1,
                     .scale = -1,
                     .native = p->oid == OID_OID ? OID_INT8 : p->oid,
                     .name = p->name};
    if (p->element_oid != 0) {
        t.element = kind_of(p->element_oid, p->element_typtype, STR(""));
        /* An array is only as readable as its elements; else it is text to us. */
        t.kind = t.element == TYPE_OPAQUE ? TYPE_OPAQUE : TYPE_ARRAY;
        t.element = t.kind == TYPE_ARRAY ? t.element : TYPE_UNKNOWN;
    }
    pg_type_bounds(&t, t.kind == TYPE_ARRAY ? t.element : t.kind, p->typmod);
    return t;
}

static enum err column_row(struct reflect *r, const struct value *cells)
{
    enum err e = reflect_use(r, cell_text(&cells[0]), cell_text(&cells[1]));
    if (e != ERR_OK) {
        return e;
    }
    struct pg_type p = {.oid = (uint32_t)cell_int(&cells[3]),
                        .name = cell_text(&cells[4]),
                        .typtype = cell_text(&cells[5]),
                        .typmod = cell_int(&cells[6]),
                        .element_oid = (uint32_t)cell_int(&cells[7]),
                        .element_typtype = cell_text(&cells[8])};
    struct column c = {.name = cell_text(&cells[2]),
                       .type = make_type(&p),
                       .nullable = cell_true(&cells[9]),
                       .has_default = cell_true(&cells[10]),
                       .auto_key = cell_true(&cells[11]),
                       .generated = cell_true(&cells[12]),
                       .collation = cell_text(&cells[13]),
                       .binary_collation = cell_true(&cells[14]),
                       .equal_bytewise = cell_true(&cells[15])};
    return reflect_add_column(r, &c);
}

/* ---- keys and indexes ---- */

/* A deferrable constraint is not unique while a transaction runs, so it is not told
 * as unique. */
#define KEYS                                                                                   \
    "SELECT n.nspname::text, c.relname::text, i.relname::text, x.indisprimary::int::int8,"     \
    " (x.indisunique AND x.indimmediate)::int::int8,"                                          \
    " (x.indpred IS NOT NULL)::int::int8, a.attname::text"                                     \
    " FROM pg_catalog.pg_index x"                                                              \
    " JOIN pg_catalog.pg_class c ON c.oid = x.indrelid"                                        \
    " JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid"                                      \
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"                                \
    " CROSS JOIN LATERAL pg_catalog.unnest(x.indkey) WITH ORDINALITY AS u(attnum, place)"      \
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum"       \
    " AND u.attnum > 0"                                                                        \
    " WHERE x.indisvalid AND u.place <= x.indnkeyatts AND c.relkind IN ('r', 'p', 'm')"        \
    " AND " USER_SCHEMAS " ORDER BY c.oid, i.oid, u.place"

static const struct column_info key_columns[] = {REFLECT_T, REFLECT_T, REFLECT_T, REFLECT_I,
                                                 REFLECT_I, REFLECT_I, REFLECT_T};

static enum err key_row(struct reflect *r, const struct value *cells)
{
    enum err e = reflect_use(r, cell_text(&cells[0]), cell_text(&cells[1]));
    if (e != ERR_OK) {
        return e;
    }
    struct key_part p = {.group = cell_text(&cells[2]),
                         .name = cell_text(&cells[2]),
                         .primary = cell_true(&cells[3]),
                         .unique = cell_true(&cells[4]),
                         .partial = cell_true(&cells[5]),
                         .column = cell_text(&cells[6])};
    return reflect_add_key_part(r, &p);
}

/* ---- foreign keys ---- */

/* A key to a partitioned table has a shadow for each partition, told by a parent
 * constraint on the same table; a key inherited by a partition is one of its own. */
#define FOREIGN_KEYS                                                                           \
    "SELECT n.nspname::text, c.relname::text, k.conname::text, a.attname::text,"               \
    " m.nspname::text, f.relname::text, b.attname::text,"                                      \
    " k.confdeltype::text, k.confupdtype::text"                                                \
    " FROM pg_catalog.pg_constraint k"                                                         \
    " JOIN pg_catalog.pg_class c ON c.oid = k.conrelid"                                        \
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"                                \
    " JOIN pg_catalog.pg_class f ON f.oid = k.confrelid"                                       \
    " JOIN pg_catalog.pg_namespace m ON m.oid = f.relnamespace"                                \
    " CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(k.conkey),"                              \
    " pg_catalog.unnest(k.confkey)) WITH ORDINALITY AS u(ours, theirs, place)"                 \
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.ours"              \
    " JOIN pg_catalog.pg_attribute b ON b.attrelid = f.oid AND b.attnum = u.theirs"            \
    " WHERE k.contype = 'f' AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint p"          \
    " WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)"                                \
    " AND " USER_SCHEMAS " ORDER BY c.oid, k.oid, u.place"

static const struct column_info fk_columns[] = {REFLECT_T, REFLECT_T, REFLECT_T,
                                                REFLECT_T, REFLECT_T, REFLECT_T,
                                                REFLECT_T, REFLECT_T, REFLECT_T};

static enum err fk_row(struct reflect *r, const struct value *cells)
{
    enum err e = reflect_use(r, cell_text(&cells[0]), cell_text(&cells[1]));
    if (e != ERR_OK) {
        return e;
    }
    struct fk_part p = {.group = cell_text(&cells[2]),
                        .name = cell_text(&cells[2]),
                        .column = cell_text(&cells[3]),
                        .target_schema = cell_text(&cells[4]),
                        .target = cell_text(&cells[5]),
                        .target_column = cell_text(&cells[6]),
                        .on_delete = cell_action(&cells[7]),
                        .on_update = cell_action(&cells[8])};
    return reflect_add_fk_part(r, &p);
}

/* ---- views that can be written ---- */

/* Bits 2, 3, 4 are update, insert, delete. A statement of its own, and bearable: it
 * calls the handlers of foreign data wrappers, which may fail. */
#define VIEWS                                                                                  \
    "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c"                       \
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"                                \
    " WHERE c.relkind = 'v' AND " USER_SCHEMAS                                                 \
    " AND pg_catalog.pg_relation_is_updatable(c.oid, true) & 28 <> 0"

static const struct column_info view_columns[] = {REFLECT_T, REFLECT_T};

static enum err view_row(struct reflect *r, const struct value *cells)
{
    enum err e = reflect_use(r, cell_text(&cells[0]), cell_text(&cells[1]));
    if (e == ERR_OK && r->table != NULL) {
        r->table->writable = true;
    }
    return e;
}

/* ---- functions ---- */

/* Of the system's 3,200 functions those that nobody calls by name are left out: the
 * code behind operators and index methods, and what takes or gives internal types
 * (2281 internal, 2275 cstring, 2279 trigger, 2280 language_handler, 3115
 * fdw_handler, 325 index_am_handler, 3838 event_trigger, 3310 tsm_handler, 269
 * table_am_handler). Functions of windows count only where the name has no others;
 * what an ordered-set aggregate is ordered by is the last of its arguments (2283
 * anyelement, 701 float8, 1186 interval; results also as arrays). */
#define FUNCTIONS                                                                              \
    "SELECT n.nspname::text, p.proname::text,"                                                 \
    " max(CASE p.provolatile WHEN 'i' THEN 0 WHEN 's' THEN 1 ELSE 2 END)::int8,"               \
    " CASE WHEN count(DISTINCT coalesce(a.aggkind = 'n', false)::int + (a.aggkind IS "         \
    "NULL)::int * 2)"                                                                          \
    " FILTER (WHERE p.prokind <> 'w') > 1 THEN 3"                                              \
    " ELSE max(CASE a.aggkind WHEN 'n' THEN 1 WHEN 'o' THEN 2 WHEN 'h' THEN 2 ELSE 0 END) "    \
    "END::int8,"                                                                               \
    " CASE WHEN count(DISTINCT p.prorettype) = 1 AND NOT bool_or(p.proretset)"                 \
    " THEN min(p.prorettype::int8) ELSE 0 END,"                                                \
    " CASE WHEN NOT bool_and(a.aggkind = 'o' AND p.prorettype IN (2283, 2277, 701, 1022, "     \
    "1186, 1187))"                                                                             \
    " THEN 0"                                                                                  \
    " WHEN bool_and(p.proargtypes[p.pronargs - 1] = 2283) THEN 1"                              \
    " WHEN bool_and(p.proargtypes[p.pronargs - 1] IN (701, 1186)) THEN 2 ELSE 0 END::int8"     \
    " FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"      \
    " LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid"                               \
    " WHERE p.prokind IN ('f', 'a', 'w') AND n.nspname <> 'information_schema'"                \
    " AND p.prorettype <> ALL ('{2281,2275,2279,2280,3115,325,3838,3310,269}'::oid[])"         \
    " AND NOT ('{2281,2275}'::oid[] && p.proargtypes::oid[])"                                  \
    " AND NOT (n.nspname = 'pg_catalog' AND (EXISTS (SELECT 1 FROM pg_catalog.pg_operator o"   \
    " WHERE o.oprcode = p.oid) OR EXISTS (SELECT 1 FROM pg_catalog.pg_amproc m"                \
    " WHERE m.amproc = p.oid)))"                                                               \
    " GROUP BY n.nspname, p.proname"                                                           \
    " ORDER BY bool_or(pg_catalog.pg_function_is_visible(p.oid)) DESC"

static const struct column_info function_columns[] = {REFLECT_T, REFLECT_T, REFLECT_I,
                                                      REFLECT_I, REFLECT_I, REFLECT_I};

static enum volatility volatility_of(int64_t n)
{
    return n == 0 ? VOLATILITY_IMMUTABLE : n == 1 ? VOLATILITY_STABLE : VOLATILITY_VOLATILE;
}

static enum err function_row(struct reflect *r, const struct value *cells)
{
    uint32_t oid = (uint32_t)cell_int(&cells[4]);
    struct pg_type p = {.oid = oid};
    struct function_info f = {.schema = cell_text(&cells[0]),
                              .name = cell_text(&cells[1]),
                              .volatility = volatility_of(cell_int(&cells[2])),
                              .kind = (enum function_kind)cell_int(&cells[3]),
                              .result_of = (enum result_of)cell_int(&cells[5]),
                              .result = make_type(&p),
                              .builtin = str_is(cell_text(&cells[0]), "pg_catalog")};
    return reflect_add_function(r, &f);
}

static const struct reflect_step steps[] = {
    {.stmt = REFLECT_STMT(TABLES, table_columns), .row = table_row},
    {.stmt = REFLECT_STMT(COLUMNS, column_columns), .row = column_row},
    {.stmt = REFLECT_STMT(KEYS, key_columns), .row = key_row},
    {.stmt = REFLECT_STMT(FOREIGN_KEYS, fk_columns), .row = fk_row},
    {.stmt = REFLECT_STMT(FAMILIES, family_columns), .row = family_row},
    {.stmt = REFLECT_STMT(FIRES, fires_columns), .row = fires_row},
    {.stmt = REFLECT_STMT(VIEWS, view_columns), .row = view_row, .bearable = true},
    {.stmt = REFLECT_STMT(FUNCTIONS, function_columns), .row = function_row, .bearable = true},
};

const struct reflect_steps reflect_pg = {steps, sizeof steps / sizeof steps[0], false};
