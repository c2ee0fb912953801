/* SPDX-License-Identifier: MIT
 *
 * test_reflect_maria.c: a schema of odd things on a real MariaDB.
 */
#include "../backend/servers.h"
#include "base/clock.h"
#include "feed.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct server server;

static MYSQL *connect_to(const char *database)
{
    MYSQL *m = mysql_init(NULL);
    mysql_options(m, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    ck_assert_msg(mysql_real_connect(m, NULL, SERVER_USER, SERVER_PASSWORD, database, 0,
                                     server.socket, 0) != NULL,
                  "%s", mysql_error(m));
    return m;
}

static const char *const schema[] = {
    "ALTER DATABASE test CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    "CREATE TABLE users (id bigint AUTO_INCREMENT PRIMARY KEY, email varchar(100) NOT NULL,"
    " a int, b int, UNIQUE KEY ab (b, a), UNIQUE KEY head (email(10)))",
    "CREATE TABLE types (id int unsigned AUTO_INCREMENT PRIMARY KEY, flag boolean NOT NULL"
    " DEFAULT true, uflag tinyint(1) unsigned, ti tinyint, tiu tinyint unsigned, si smallint,"
    " siu smallint unsigned, mi mediumint, miu mediumint unsigned, i int, iu int unsigned"
    " zerofill, bi bigint, biu bigint unsigned, de decimal(12,3), deu decimal(5) unsigned,"
    " f float, d double, c char(3), vc varchar(50), tt tinytext, t text, lt longtext,"
    " e enum('a b','it''s unsigned'), s set('x','y'), u uuid, b1 bit, b9 bit(9), y year,"
    " da date, ti6 time(6), dt datetime(3), ts timestamp NOT NULL DEFAULT current_timestamp ON"
    " UPDATE current_timestamp, bin binary(4), vb varbinary(9), bl blob, lb longblob, j json,"
    " ip4 inet4, ip6 inet6, g geometry, po point, g1 int GENERATED ALWAYS AS (i + 1) VIRTUAL,"
    " g2 int AS (i + 2) STORED, n int DEFAULT NULL, txt text DEFAULT 'NULL', inv int INVISIBLE,"
    " ex varchar(40) DEFAULT (uuid()), cb varchar(9) COLLATE utf8mb4_bin,"
    " cnb varchar(9) COLLATE utf8mb4_nopad_bin, cnl varchar(9) COLLATE latin1_nopad_bin, cci "
    "varchar(9), `odd ``name` json,"
    " `Größe` int, jj longtext CHECK (json_valid(jj) AND jj <> '1'), `select` int)",
    "CREATE TABLE orders (id int PRIMARY KEY, user_id bigint, x int, y int, parent int,"
    " FOREIGN KEY fu (USER_ID) REFERENCES users (ID) ON DELETE CASCADE ON UPDATE SET NULL,"
    " CONSTRAINT xy FOREIGN KEY (x, y) REFERENCES users (b, a) ON DELETE NO ACTION,"
    " CONSTRAINT up FOREIGN KEY (parent) REFERENCES orders (id) ON DELETE RESTRICT,"
    " FULLTEXT KEY ft (note), UNIQUE KEY whole (user_id, x), note text)",
    "CREATE TABLE versions (id int PRIMARY KEY, v int) WITH SYSTEM VERSIONING",
    "CREATE TABLE `odd ``table` (a int, `b.c` int, PRIMARY KEY (`b.c`, a))",
    "CREATE TABLE Users2 (id int)",
    "CREATE SEQUENCE seq",
    "CREATE VIEW simple AS SELECT id, email FROM users",
    "CREATE VIEW grouped AS SELECT a, count(*) AS n FROM users GROUP BY a",
    "CREATE TABLE gone (x int)",
    "CREATE VIEW broken AS SELECT x FROM gone",
    "DROP TABLE gone",
    "CREATE TRIGGER watch BEFORE INSERT ON orders FOR EACH ROW SET NEW.x = 1",
    "CREATE FUNCTION pure(a int) RETURNS int DETERMINISTIC NO SQL RETURN a + 1",
    "CREATE FUNCTION reads_(a int) RETURNS decimal(10,2) DETERMINISTIC READS SQL DATA"
    " RETURN (SELECT count(*) FROM users)",
    "CREATE FUNCTION silent(a int) RETURNS int DETERMINISTIC RETURN a",
    "CREATE FUNCTION wild(a int) RETURNS bigint unsigned NOT DETERMINISTIC NO SQL RETURN a",
    "CREATE PROCEDURE proc() SELECT 1",
    "CREATE DATABASE other",
    "CREATE TABLE other.foreign_one (id int PRIMARY KEY)",
    "CREATE TABLE out_there (x int, FOREIGN KEY (x) REFERENCES other.foreign_one (id))",
};

static struct catalog *catalog;
static uint32_t skipped;

static void setup(void)
{
    MYSQL *m = connect_to(SERVER_DATABASE);
    for (size_t i = 0; i < sizeof schema / sizeof schema[0]; i++) {
        exec_maria(m, schema[i]);
    }
    catalog = feed_maria(m, &skipped);
    mysql_close(m);
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
        {"id", "bigint"},
        {"flag", "boolean"},
        {"uflag", "smallint"},
        {"ti", "smallint"},
        {"tiu", "smallint"},
        {"si", "smallint"},
        {"siu", "integer"},
        {"mi", "integer"},
        {"miu", "integer"},
        {"i", "integer"},
        {"iu", "bigint"},
        {"bi", "bigint"},
        {"biu", "numeric(20,0)"},
        {"de", "numeric(12,3)"},
        {"deu", "numeric(5,0)"},
        {"f", "real"},
        {"d", "double"},
        {"c", "char(3)"},
        {"vc", "varchar(50)"},
        {"tt", "text"},
        {"t", "text"},
        {"lt", "text"},
        {"e", "enum"},
        {"s", "text"},
        {"u", "uuid"},
        {"b1", "bytes"},
        {"b9", "bytes"},
        {"y", "smallint"},
        {"da", "date"},
        {"ti6", "time"},
        {"dt", "timestamp"},
        {"ts", "timestamptz"},
        {"bin", "bytes"},
        {"vb", "bytes"},
        {"bl", "bytes"},
        {"lb", "bytes"},
        {"j", "json"},
        {"ip4", "opaque"},
        {"ip6", "opaque"},
        {"g", "bytes"},
        {"po", "bytes"},
        {"odd `name", "json"},
        {"jj", "text"},
        {"Größe", "integer"},
    };
    const struct table *t = need_table(catalog, "", "types");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_type(t, cases[i].column, cases[i].type);
    }
}
END_TEST

START_TEST(defaults_and_generated_columns_are_told)
{
    static const struct {
        const char *column;
        bool nullable, has_default, auto_key, generated;
    } cases[] = {
        {"id", false, true, true, false},   {"flag", false, true, false, false},
        {"g1", true, false, false, true},   {"g2", true, false, false, true},
        {"n", true, false, false, false},   {"txt", true, true, false, false},
        {"ts", false, true, false, false},  {"ex", true, true, false, false},
        {"inv", true, false, false, false},
    };
    const struct table *t = need_table(catalog, "", "types");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct column *c = need_column(t, cases[i].column);
        ck_assert_msg(c->nullable == cases[i].nullable, "%s", cases[i].column);
        ck_assert_msg(c->has_default == cases[i].has_default, "%s", cases[i].column);
        ck_assert_msg(c->auto_key == cases[i].auto_key, "%s", cases[i].column);
        ck_assert_msg(c->generated == cases[i].generated, "%s", cases[i].column);
    }
}
END_TEST

START_TEST(only_collations_that_do_not_pad_are_bytewise)
{
    const struct table *t = need_table(catalog, "", "types");
    ck_assert(need_column(t, "cnb")->binary_collation && need_column(t, "cnb")->equal_bytewise);
    ck_assert(need_column(t, "cnl")->binary_collation);
    ck_assert(!need_column(t, "cnl")->equal_bytewise);
    ck_assert(!need_column(t, "cb")->binary_collation);
    ck_assert(!need_column(t, "cci")->binary_collation);
    ck_assert(str_is(need_column(t, "cci")->collation, "utf8mb4_general_ci"));
}
END_TEST

START_TEST(keys_and_indexes_are_told_in_order)
{
    const struct table *u = need_table(catalog, "test", "users");
    check_columns(u, u->primary_key.columns, u->primary_key.count, "id");
    ck_assert_uint_eq(u->unique_count, 1);
    check_columns(u, u->uniques[0].columns, u->uniques[0].count, "b,a");
    const struct index_info *head = need_index(u, "head"); /* of a prefix */
    ck_assert(head->unique && head->has_expressions);
    const struct table *odd = need_table(catalog, "", "odd `table");
    check_columns(odd, odd->primary_key.columns, odd->primary_key.count, "b.c,a");
    const struct table *o = need_table(catalog, "", "orders");
    ck_assert(need_index(o, "ft")->has_expressions);
    ck_assert_uint_eq(o->unique_count, 1);
}
END_TEST

START_TEST(foreign_keys_have_targets_and_actions)
{
    const struct table *o = need_table(catalog, "", "orders");
    const struct table *u = need_table(catalog, "", "users");
    ck_assert_uint_eq(o->foreign_key_count, 3);
    const struct foreign_key *k = need_foreign_key(o, "user_id");
    ck_assert_ptr_eq(k->target, u);
    check_columns(u, k->target_columns, k->count, "id");
    ck_assert_int_eq(k->on_delete, FK_CASCADE);
    ck_assert_int_eq(k->on_update, FK_SET_NULL);
    k = need_foreign_key(o, "x,y");
    check_columns(u, k->target_columns, k->count, "b,a");
    ck_assert_int_eq(k->on_delete, FK_NO_ACTION);
    k = need_foreign_key(o, "parent");
    ck_assert_ptr_eq(k->target, o);
    ck_assert_int_eq(k->on_delete, FK_RESTRICT);
    k = need_foreign_key(need_table(catalog, "", "out_there"), "x");
    ck_assert_ptr_null(k->target);
    ck_assert_ptr_nonnull(k->target_columns);
}
END_TEST

START_TEST(views_sequences_and_triggers_are_told)
{
    ck_assert(need_table(catalog, "", "simple")->writable);
    ck_assert_int_eq(need_table(catalog, "", "simple")->kind, TABLE_VIEW);
    ck_assert(!need_table(catalog, "", "grouped")->writable);
    ck_assert_uint_eq(need_table(catalog, "", "grouped")->column_count, 2);
    need_table(catalog, "", "broken");
    ck_assert_ptr_null(catalog_table(catalog, STR(""), STR("seq")));
    ck_assert_int_eq(need_table(catalog, "", "versions")->kind, TABLE_BASE);
    ck_assert(need_table(catalog, "", "orders")->has_triggers);
    ck_assert(!need_table(catalog, "", "users")->has_triggers);
    ck_assert_ptr_null(catalog_table(catalog, STR("other"), STR("foreign_one")));
    ck_assert_ptr_null(catalog_table(catalog, STR(""), STR("USERS2")));
    ck_assert_uint_eq(skipped, 0);
}
END_TEST

START_TEST(functions_are_trusted_only_as_declared)
{
    static const struct {
        const char *name;
        enum volatility volatility;
        enum type_kind result;
    } cases[] = {
        {"pure", VOLATILITY_IMMUTABLE, TYPE_INTEGER},
        {"reads_", VOLATILITY_STABLE, TYPE_NUMERIC},
        {"silent", VOLATILITY_VOLATILE, TYPE_INTEGER},
        {"wild", VOLATILITY_VOLATILE, TYPE_NUMERIC},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct function_info *f = catalog_function(catalog, str_of(cases[i].name));
        ck_assert_ptr_nonnull(f);
        ck_assert_int_eq(f->volatility, cases[i].volatility);
        ck_assert_int_eq(f->result.kind, cases[i].result);
    }
    ck_assert_ptr_null(catalog_function(catalog, STR("proc")));
}
END_TEST

START_TEST(a_thousand_tables_take_no_statement_each)
{
    MYSQL *m = connect_to(SERVER_DATABASE);
    exec_maria(m, "CREATE DATABASE many");
    exec_maria(m, "USE many");
    for (int i = 0; i < 1000; i++) {
        char sql[128];
        snprintf(sql, sizeof sql,
                 "CREATE TABLE t%d (id int PRIMARY KEY, a int, b text, c json) ENGINE=Aria", i);
        exec_maria(m, sql);
    }
    uint64_t from = clock_now_ns();
    struct catalog *k = feed_maria(m, NULL);
    printf("1,000 tables of MariaDB: %.0f ms\n", (double)(clock_now_ns() - from) / 1e6);
    mysql_close(m);
    ck_assert_uint_eq(catalog_table_count(k), 1000);
    check_type(need_table(k, "", "t999"), "c", "json");
    catalog_unref(k);
}
END_TEST

START_TEST(without_a_database_the_catalog_is_empty)
{
    MYSQL *m = connect_to(NULL);
    struct catalog *k = feed_maria(m, NULL);
    mysql_close(m);
    ck_assert_uint_eq(catalog_table_count(k), 0);
    catalog_unref(k);
}
END_TEST

int main(void)
{
    server_init(&server, SERVER_MARIA);
    Suite *s = suite_create("reflect_maria");
    TCase *t = tcase_create("catalog");
    tcase_set_timeout(t, 90);
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_add_test(t, every_type_is_told_or_opaque);
    tcase_add_test(t, defaults_and_generated_columns_are_told);
    tcase_add_test(t, only_collations_that_do_not_pad_are_bytewise);
    tcase_add_test(t, keys_and_indexes_are_told_in_order);
    tcase_add_test(t, foreign_keys_have_targets_and_actions);
    tcase_add_test(t, views_sequences_and_triggers_are_told);
    tcase_add_test(t, functions_are_trusted_only_as_declared);
    tcase_add_test(t, a_thousand_tables_take_no_statement_each);
    tcase_add_test(t, without_a_database_the_catalog_is_empty);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    server_fini(&server);
    return failed == 0 ? 0 : 1;
}
