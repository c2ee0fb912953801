/* SPDX-License-Identifier: MIT
 *
 * test_reflect_pg.c: a schema of odd things on a real PostgreSQL.
 */
#include "../backend/servers.h"
#include "base/clock.h"
#include "feed.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct server server;

static PGconn *connect_to(const char *database)
{
    char info[256];
    snprintf(info, sizeof info, "host=%s port=%d user=%s dbname=%s client_encoding=UTF8",
             server.socket, server.port, SERVER_USER, database);
    PGconn *c = PQconnectdb(info);
    ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s", PQerrorMessage(c));
    exec_pg(c, "SET client_min_messages = error");
    return c;
}

static const char *const schema[] = {
    "CREATE SCHEMA shop",
    "CREATE SCHEMA \"Odd \"\"schema\"",
    "CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2', deterministic ="
    " false)",
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE TYPE shop.pair AS (a int, b text)",
    "CREATE DOMAIN posint AS integer CHECK (value > 0)",
    "CREATE DOMAIN price AS numeric(8,2) NOT NULL DEFAULT 0",
    "CREATE DOMAIN price2 AS price",
    "CREATE TABLE types (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ident int GENERATED"
    " BY DEFAULT AS IDENTITY, s2 smallserial, s4 serial, s8 bigserial, b boolean, si smallint,"
    " i integer NOT NULL DEFAULT 5, bi bigint, n numeric, nps numeric(10,2), nneg "
    "numeric(5,-2),"
    " nbig numeric(3,10), r real, d double precision, t text, vc varchar(50), vcu varchar,"
    " c char(3), ch1 \"char\", nm name, e mood, u uuid, by bytea, da date, ti time, tz timetz,"
    " ts timestamp(3), tstz timestamptz, iv interval, j json, jb jsonb, o oid, m money, ip "
    "inet,"
    " bt bit(3), x xml, tv tsvector, ir int4range, co shop.pair, po point, dom posint,"
    " dp2 price2, ia int[], iaa int[][], ta text[], ea mood[], da2 posint[], na numeric(6,1)[],"
    " pa point[], iv2 int2vector, ov oidvector,"
    " gen int GENERATED ALWAYS AS (i + 1) STORED,"
    " cc text COLLATE \"C\", cu text COLLATE ucs_basic, cx text COLLATE \"POSIX\","
    " cde text COLLATE \"und-x-icu\", cnd text COLLATE folding, \"Über Name\" text, \"select\" "
    "int, \"a.b\" int)",
    "ALTER TABLE types DROP COLUMN bi",
    "CREATE TABLE shop.users (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, \"group\" int,"
    " a int, b int, CONSTRAINT users_ab UNIQUE (b, a), CONSTRAINT late UNIQUE (a) DEFERRABLE)",
    "CREATE TABLE shop.orders (id int PRIMARY KEY, user_id bigint REFERENCES shop.users"
    " ON DELETE CASCADE ON UPDATE SET NULL, x int, y int, parent int DEFAULT 1"
    " REFERENCES shop.orders ON DELETE SET DEFAULT ON UPDATE RESTRICT,"
    " CONSTRAINT xy FOREIGN KEY (x, y) REFERENCES shop.users (a, b) ON DELETE NO ACTION)",
    "CREATE INDEX plain ON shop.orders (y DESC, x) INCLUDE (parent)",
    "CREATE UNIQUE INDEX part ON shop.orders (x) WHERE y > 0",
    "CREATE UNIQUE INDEX expr ON shop.orders ((x + 1), y)",
    "CREATE UNIQUE INDEX whole ON shop.orders (user_id, x)",
    "CREATE TABLE orders (only_public int)",
    "CREATE TABLE \"Odd \"\"schema\".\"Odd \"\"table'\" (\"Ix\"\"'\" int PRIMARY KEY)",
    "CREATE TABLE \"Odd \"\"schema\".elsewhere (x int)",
    "CREATE TABLE parts (k int NOT NULL, v text, PRIMARY KEY (k)) PARTITION BY RANGE (k)",
    "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE to_parts (k int REFERENCES parts)",
    "CREATE TABLE nothing ()",
    "CREATE VIEW simple AS SELECT id, email FROM shop.users",
    "CREATE VIEW grouped AS SELECT a, count(*) AS n FROM shop.users GROUP BY a",
    "CREATE VIEW helped AS SELECT a, count(*) AS n FROM shop.users GROUP BY a",
    "CREATE MATERIALIZED VIEW mat AS SELECT id FROM shop.users",
    "CREATE UNIQUE INDEX mat_id ON mat (id)",
    "CREATE VIEW sys AS SELECT relname FROM pg_class",
    "CREATE FUNCTION nop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE TRIGGER helper INSTEAD OF INSERT ON helped FOR EACH ROW EXECUTE FUNCTION nop()",
    "CREATE TRIGGER watch AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION nop()",
    "CREATE FUNCTION own(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'",
    "CREATE TABLE late (id int PRIMARY KEY DEFERRABLE)",
    "CREATE TABLE deferred (k int REFERENCES parts DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TABLE coded (id int DEFAULT own(1))",
    "CREATE TABLE made (id int, twice int GENERATED ALWAYS AS (own(id)) STORED)",
    "CREATE TABLE checked (id int CHECK (own(id) > 0))",
    "CREATE TABLE indexed (id int)",
    "CREATE INDEX indexed_own ON indexed (own(id))",
    "CREATE TABLE ruled (id int)",
    "CREATE RULE none AS ON INSERT TO ruled WHERE NEW.id < 0 DO INSTEAD NOTHING",
    "CREATE TABLE guarded (id int)",
    "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY",
    "CREATE TABLE usual (id bigserial PRIMARY KEY, uid uuid UNIQUE DEFAULT gen_random_uuid(),"
    " at timestamptz DEFAULT now(), n int CHECK (n > 0), t text DEFAULT upper('x'),"
    " twice int GENERATED ALWAYS AS (n * 2) STORED)",
    "CREATE INDEX usual_lower ON usual (lower(t))",
    "CREATE FOREIGN DATA WRAPPER dummy",
    "CREATE SERVER nowhere FOREIGN DATA WRAPPER dummy",
    "CREATE FOREIGN TABLE far (id int NOT NULL, t text) SERVER nowhere",
    "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2'",
    "CREATE FUNCTION mixed(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'",
    "CREATE FUNCTION mixed(text) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT $1'",
    "CREATE FUNCTION shop.far_away() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 1::bigint'",
    "CREATE FUNCTION many() RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT 1'",
    "CREATE AGGREGATE mysum(int) (sfunc = int4pl, stype = int, initcond = '0')",
    "CREATE TEMP TABLE hidden (x int)",
};

/* Made once for all cases: they only read. */
static struct catalog *catalog;
static uint32_t skipped;

static void setup(void)
{
    PGconn *c = connect_to(SERVER_DATABASE);
    for (size_t i = 0; i < sizeof schema / sizeof schema[0]; i++) {
        exec_pg(c, schema[i]);
    }
    catalog = feed_pg(c, &skipped);
    PQfinish(c);
}

static void teardown(void)
{
    catalog_unref(catalog);
}

START_TEST(every_type_is_told_or_opaque)
{
    static const struct {
        const char *column, *type;
    } cases[] = {
        {"id", "integer"},     {"s2", "smallint"},
        {"s8", "bigint"},      {"b", "boolean"},
        {"si", "smallint"},    {"i", "integer"},
        {"n", "numeric"},      {"nps", "numeric(10,2)"},
        {"nneg", "numeric"},   {"nbig", "numeric(3,10)"},
        {"r", "real"},         {"d", "double"},
        {"t", "text"},         {"vc", "varchar(50)"},
        {"vcu", "varchar"},    {"c", "char(3)"},
        {"ch1", "opaque"},     {"nm", "opaque"},
        {"e", "enum"},         {"u", "uuid"},
        {"by", "bytes"},       {"da", "date"},
        {"ti", "time"},        {"tz", "opaque"},
        {"ts", "timestamp"},   {"tstz", "timestamptz"},
        {"iv", "interval"},    {"j", "json"},
        {"jb", "json"},        {"o", "bigint"},
        {"m", "opaque"},       {"ip", "opaque"},
        {"bt", "opaque"},      {"x", "opaque"},
        {"tv", "opaque"},      {"ir", "opaque"},
        {"co", "opaque"},      {"po", "opaque"},
        {"dom", "integer"},    {"dp2", "numeric(8,2)"},
        {"ia", "integer[]"},   {"iaa", "integer[]"},
        {"ta", "text[]"},      {"ea", "enum[]"},
        {"da2", "integer[]"},  {"na", "numeric(6,1)[]"},
        {"pa", "opaque"},      {"iv2", "opaque"},
        {"ov", "opaque"},      {"gen", "integer"},
        {"Über Name", "text"}, {"select", "integer"},
        {"a.b", "integer"},
    };
    const struct table *t = need_table(catalog, "", "types");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_type(t, cases[i].column, cases[i].type);
    }
    ck_assert_ptr_null(table_column(t, STR("bi"))); /* dropped */
}
END_TEST

START_TEST(native_types_are_those_of_the_base)
{
    const struct table *t = need_table(catalog, "", "types");
    ck_assert_uint_eq(need_column(t, "dom")->type.native, 23);
    ck_assert_uint_eq(need_column(t, "dp2")->type.native, 1700);
    ck_assert_uint_eq(need_column(t, "jb")->type.native, 3802);
    ck_assert_uint_eq(need_column(t, "ia")->type.native, 1007);
    const struct column *e = need_column(t, "e");
    ck_assert_uint_ge(e->type.native, 16384);
    ck_assert(str_is(e->type.name, "mood"));
    ck_assert(str_is(need_column(t, "co")->type.name, "shop.pair"));
}
END_TEST

START_TEST(defaults_identities_and_generated_columns_are_told)
{
    static const struct {
        const char *column;
        bool nullable, has_default, auto_key, generated;
    } cases[] = {
        {"id", false, true, true, false}, {"ident", false, true, true, false},
        {"s2", false, true, true, false}, {"s4", false, true, true, false},
        {"s8", false, true, true, false}, {"i", false, true, false, false},
        {"b", true, false, false, false}, {"dp2", false, true, false, false},
        {"gen", true, true, false, true}, {"dom", true, false, false, false},
    };
    const struct table *t = need_table(catalog, "", "types");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct column *c = need_column(t, cases[i].column);
        ck_assert_msg(c->nullable == cases[i].nullable, "%s", cases[i].column);
        ck_assert_msg(c->has_default == cases[i].has_default, "%s", cases[i].column);
        ck_assert_msg(c->auto_key == cases[i].auto_key, "%s", cases[i].column);
        ck_assert_msg(c->generated == cases[i].generated, "%s", cases[i].column);
    }
    check_columns(t, t->primary_key.columns, t->primary_key.count, "id");
}
END_TEST

START_TEST(bytewise_collations_are_told)
{
    const struct table *t = need_table(catalog, "", "types");
    ck_assert(need_column(t, "cc")->binary_collation);
    ck_assert(need_column(t, "cu")->binary_collation);
    ck_assert(need_column(t, "cx")->binary_collation);
    ck_assert(!need_column(t, "cde")->binary_collation);
    ck_assert(str_is(need_column(t, "cde")->collation, "und-x-icu"));
    ck_assert(str_is(need_column(t, "t")->collation, ""));
    ck_assert(!need_column(t, "i")->binary_collation);
    ck_assert(need_column(t, "cde")->equal_bytewise && need_column(t, "t")->equal_bytewise);
    ck_assert(!need_column(t, "cnd")->equal_bytewise && !need_column(t, "i")->equal_bytewise);
}
END_TEST

START_TEST(keys_and_indexes_are_told_in_order)
{
    const struct table *u = need_table(catalog, "shop", "users");
    check_columns(u, u->primary_key.columns, u->primary_key.count, "id");
    ck_assert(str_is(u->primary_key.name, "users_pkey"));
    ck_assert_uint_eq(u->unique_count, 2); /* not the deferrable one */
    const struct index_info *ab = need_index(u, "users_ab");
    check_columns(u, ab->key.columns, ab->key.count, "b,a");
    ck_assert(!need_index(u, "late")->unique);

    const struct table *o = need_table(catalog, "shop", "orders");
    const struct index_info *x = need_index(o, "plain");
    check_columns(o, x->key.columns, x->key.count, "y,x");
    ck_assert(!x->unique && !x->partial && !x->has_expressions);
    ck_assert(need_index(o, "part")->partial && need_index(o, "part")->unique);
    ck_assert(need_index(o, "expr")->has_expressions);
    ck_assert_uint_eq(o->unique_count, 1);
    const uint32_t both[] = {2, 0, 1}, one[] = {1};
    ck_assert(table_has_unique(o, both, 3));
    ck_assert(!table_has_unique(o, one, 1));
}
END_TEST

START_TEST(foreign_keys_have_targets_and_actions)
{
    const struct table *o = need_table(catalog, "shop", "orders");
    const struct table *u = need_table(catalog, "shop", "users");
    ck_assert_uint_eq(o->foreign_key_count, 3);
    const struct foreign_key *k = need_foreign_key(o, "user_id");
    ck_assert_ptr_eq(k->target, u);
    check_columns(u, k->target_columns, k->count, "id");
    ck_assert_int_eq(k->on_delete, FK_CASCADE);
    ck_assert_int_eq(k->on_update, FK_SET_NULL);
    k = need_foreign_key(o, "x,y");
    ck_assert(str_is(k->name, "xy"));
    check_columns(u, k->target_columns, k->count, "a,b");
    ck_assert_int_eq(k->on_delete, FK_NO_ACTION);
    k = need_foreign_key(o, "parent");
    ck_assert_ptr_eq(k->target, o);
    ck_assert_int_eq(k->on_delete, FK_SET_DEFAULT);
    ck_assert_int_eq(k->on_update, FK_RESTRICT);
    const struct table *p = need_table(catalog, "", "to_parts");
    ck_assert_uint_eq(p->foreign_key_count, 1); /* none for each partition */
    ck_assert_ptr_eq(p->foreign_keys[0].target, need_table(catalog, "", "parts"));
}
END_TEST

START_TEST(views_and_other_kinds_of_tables_are_told)
{
    static const struct {
        const char *name;
        enum table_kind kind;
        bool writable, has_triggers, plain;
    } cases[] = {
        {"orders", TABLE_BASE, true, true, false},
        {"parts", TABLE_BASE, true, false, false},
        {"parts_1", TABLE_BASE, true, false, true},
        {"far", TABLE_BASE, true, false, false},
        {"simple", TABLE_VIEW, true, false, false},
        {"grouped", TABLE_VIEW, false, false, false},
        {"helped", TABLE_VIEW, true, true, false},
        {"mat", TABLE_VIEW, false, false, false},
        {"nothing", TABLE_BASE, true, false, true},
        {"sys", TABLE_VIEW, true, false, false},
        {"to_parts", TABLE_BASE, true, false, true},
        {"late", TABLE_BASE, true, false, false},
        {"deferred", TABLE_BASE, true, false, false},
        {"coded", TABLE_BASE, true, false, false},
        {"made", TABLE_BASE, true, false, false},
        {"checked", TABLE_BASE, true, false, false},
        {"indexed", TABLE_BASE, true, false, false},
        {"ruled", TABLE_BASE, true, false, false},
        {"guarded", TABLE_BASE, true, false, false},
        {"usual", TABLE_BASE, true, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct table *t = need_table(catalog, "", cases[i].name);
        ck_assert_msg(t->kind == cases[i].kind, "%s", cases[i].name);
        ck_assert_msg(t->writable == cases[i].writable, "%s", cases[i].name);
        ck_assert_msg(t->has_triggers == cases[i].has_triggers, "%s", cases[i].name);
        ck_assert_msg(t->plain == cases[i].plain, "%s", cases[i].name);
    }
    ck_assert_uint_eq(need_table(catalog, "", "nothing")->column_count, 0);
    const struct table *mat = need_table(catalog, "", "mat");
    ck_assert_uint_eq(mat->unique_count, 1);
    const struct table *part = need_table(catalog, "", "parts_1");
    check_columns(part, part->primary_key.columns, part->primary_key.count, "k");
    ck_assert_uint_eq(skipped, 0);
}
END_TEST

START_TEST(bare_names_follow_the_search_path)
{
    ck_assert_ptr_eq(need_table(catalog, "", "orders"),
                     need_table(catalog, "public", "orders"));
    ck_assert_ptr_null(catalog_table(catalog, STR(""), STR("users")));
    ck_assert(!need_table(catalog, "shop", "users")->in_path);
    need_table(catalog, "Odd \"schema", "Odd \"table'");
    ck_assert_ptr_null(catalog_table(catalog, STR(""), STR("hidden")));
    ck_assert_ptr_null(catalog_table(catalog, STR("pg_catalog"), STR("pg_class")));
    struct str near[3];
    ck_assert_uint_ge(catalog_near_tables(catalog, STR("user"), near, 3), 1);
    ck_assert(str_is(near[0], "shop.users"));
}
END_TEST

START_TEST(functions_promise_the_worst_of_their_overloads)
{
    const struct function_info *f = catalog_function(catalog, STR("twice"));
    ck_assert_int_eq(f->volatility, VOLATILITY_IMMUTABLE);
    ck_assert_int_eq(f->result.kind, TYPE_INTEGER);
    f = catalog_function(catalog, STR("mixed"));
    ck_assert_int_eq(f->volatility, VOLATILITY_VOLATILE);
    ck_assert_int_eq(f->result.kind, TYPE_OPAQUE);
    f = catalog_function(catalog, STR("far_away"));
    ck_assert_int_eq(f->volatility, VOLATILITY_STABLE);
    ck_assert(str_is(f->schema, "shop"));
    ck_assert_int_eq(f->result.kind, TYPE_BIGINT);
    ck_assert_int_eq(catalog_function(catalog, STR("many"))->result.kind, TYPE_OPAQUE);
    ck_assert_int_eq(catalog_function(catalog, STR("mysum"))->kind, FUNCTION_AGGREGATE);
    static const struct {
        const char *name;
        enum function_kind kind;
        enum result_of result_of;
        enum type_kind result;
    } aggregates[] = {
        {"percentile_cont", FUNCTION_ORDERED_SET, RESULT_OF_REAL, TYPE_OPAQUE},
        {"percentile_disc", FUNCTION_ORDERED_SET, RESULT_OF_ANY, TYPE_OPAQUE},
        {"mode", FUNCTION_ORDERED_SET, RESULT_OF_ANY, TYPE_OPAQUE},
        {"rank", FUNCTION_ORDERED_SET, RESULT_OWN, TYPE_BIGINT},
        {"bit_and", FUNCTION_AGGREGATE, RESULT_OWN, TYPE_OPAQUE},
        {"regr_slope", FUNCTION_AGGREGATE, RESULT_OWN, TYPE_DOUBLE},
        {"row_number", FUNCTION_PLAIN, RESULT_OWN, TYPE_BIGINT},
        {"sqrt", FUNCTION_PLAIN, RESULT_OWN, TYPE_OPAQUE},
    };
    for (size_t i = 0; i < sizeof aggregates / sizeof aggregates[0]; i++) {
        f = catalog_function(catalog, str_of(aggregates[i].name));
        ck_assert_msg(f != NULL, "%s", aggregates[i].name);
        ck_assert_msg(f->kind == aggregates[i].kind, "%s", f->name.ptr);
        ck_assert_msg(f->result_of == aggregates[i].result_of, "%s", f->name.ptr);
        ck_assert_msg(f->result.kind == aggregates[i].result, "%s", f->name.ptr);
    }
    ck_assert_int_eq(catalog_function(catalog, STR("random"))->volatility, VOLATILITY_VOLATILE);
    ck_assert_int_eq(catalog_function(catalog, STR("now"))->volatility, VOLATILITY_STABLE);
    ck_assert_int_eq(catalog_function(catalog, STR("md5"))->volatility, VOLATILITY_IMMUTABLE);
    ck_assert_ptr_null(catalog_function(catalog, STR("nop")));
    ck_assert_ptr_null(catalog_function(catalog, STR("int4in")));
}
END_TEST

/* A view over a foreign table whose wrapper has no code makes PostgreSQL refuse the
 * question which views can be written. */
START_TEST(a_broken_wrapper_hides_no_table)
{
    PGconn *c = connect_to(SERVER_DATABASE);
    exec_pg(c, "CREATE VIEW over_far AS SELECT * FROM far");
    uint32_t bad = 0;
    struct catalog *k = feed_pg(c, &bad);
    exec_pg(c, "DROP VIEW over_far");
    PQfinish(c);
    ck_assert_uint_eq(bad, 1);
    ck_assert_uint_eq(need_table(k, "", "over_far")->column_count, 2);
    ck_assert_ptr_nonnull(catalog_function(k, STR("md5")));
    catalog_unref(k);
}
END_TEST

START_TEST(a_database_in_the_c_locale_is_bytewise)
{
    PGconn *c = connect_to(SERVER_DATABASE);
    exec_pg(c, "CREATE DATABASE cdb TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
    PQfinish(c);
    c = connect_to("cdb");
    exec_pg(c, "CREATE TABLE t (a text, b text COLLATE \"und-x-icu\")");
    struct catalog *k = feed_pg(c, NULL);
    PQfinish(c);
    ck_assert(need_column(need_table(k, "", "t"), "a")->binary_collation);
    ck_assert(!need_column(need_table(k, "", "t"), "b")->binary_collation);
    catalog_unref(k);
}
END_TEST

START_TEST(two_thousand_tables_take_no_statement_each)
{
    PGconn *c = connect_to("template1");
    exec_pg(c, "CREATE DATABASE many");
    PQfinish(c);
    c = connect_to("many");
    exec_pg(c, "SET synchronous_commit = off");
    exec_pg(c, "DO $$BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE TABLE t%s (id int"
               " PRIMARY KEY, a int, b text, c numeric(10,2), d timestamptz)', i);"
               " IF i % 500 = 0 THEN COMMIT; END IF; END LOOP; END$$");
    uint64_t from = clock_now_ns();
    struct catalog *k = feed_pg(c, NULL);
    printf("2,000 tables of PostgreSQL: %.0f ms\n", (double)(clock_now_ns() - from) / 1e6);
    PQfinish(c);
    ck_assert_uint_eq(catalog_table_count(k), 2000);
    catalog_unref(k);
}
END_TEST

int main(void)
{
    server_init(&server, SERVER_PG);
    Suite *s = suite_create("reflect_pg");
    TCase *t = tcase_create("catalog");
    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_add_test(t, every_type_is_told_or_opaque);
    tcase_add_test(t, native_types_are_those_of_the_base);
    tcase_add_test(t, defaults_identities_and_generated_columns_are_told);
    tcase_add_test(t, bytewise_collations_are_told);
    tcase_add_test(t, keys_and_indexes_are_told_in_order);
    tcase_add_test(t, foreign_keys_have_targets_and_actions);
    tcase_add_test(t, views_and_other_kinds_of_tables_are_told);
    tcase_add_test(t, bare_names_follow_the_search_path);
    tcase_add_test(t, functions_promise_the_worst_of_their_overloads);
    tcase_add_test(t, a_broken_wrapper_hides_no_table);
    suite_add_tcase(s, t);
    TCase *own = tcase_create("databases");
    tcase_set_timeout(own, 60);
    tcase_add_test(own, a_database_in_the_c_locale_is_bytewise);
    tcase_add_test(own, two_thousand_tables_take_no_statement_each);
    suite_add_tcase(s, own);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    server_fini(&server);
    return failed == 0 ? 0 : 1;
}
