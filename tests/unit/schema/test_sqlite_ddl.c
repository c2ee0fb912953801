/* SPDX-License-Identifier: MIT
 *
 * test_sqlite_ddl.c: declared types and the collations of CREATE TABLE.
 */
#include "schema/sqlite_ddl.h"
#include "value/declared.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *declared;
    enum type_kind kind;
    int length, precision, scale;
} types[] = {
    {"INTEGER", TYPE_INTEGER, -1, 19, -1},
    {"int", TYPE_INTEGER, -1, 19, -1},
    {"INT(11)", TYPE_INTEGER, -1, 19, -1},
    {"BigInt", TYPE_BIGINT, -1, -1, -1},
    {"UNSIGNED BIG INT", TYPE_BIGINT, -1, -1, -1},
    {"int(10) unsigned", TYPE_BIGINT, -1, -1, -1},
    {"SMALLINT", TYPE_SMALLINT, -1, -1, -1},
    {"tinyint(1)", TYPE_BOOLEAN, -1, -1, -1},
    {"tinyint", TYPE_SMALLINT, -1, -1, -1},
    {"BOOLEAN", TYPE_BOOLEAN, -1, -1, -1},
    {"NUMERIC", TYPE_NUMERIC, -1, -1, -1},
    {"NUMERIC(10, 2)", TYPE_NUMERIC, -1, 10, 2},
    {"decimal(8)", TYPE_NUMERIC, -1, 8, 0},
    {"decimal(99999999999)", TYPE_NUMERIC, -1, -1, -1},
    {"FLOAT", TYPE_DOUBLE, -1, -1, -1},
    {"REAL", TYPE_DOUBLE, -1, -1, -1},
    {"double  precision", TYPE_DOUBLE, -1, -1, -1},
    {"VARCHAR(50)", TYPE_VARCHAR, 50, -1, -1},
    {"varchar", TYPE_VARCHAR, -1, -1, -1},
    {"varchar(0)", TYPE_VARCHAR, -1, -1, -1},
    {"varchar(", TYPE_VARCHAR, -1, -1, -1},
    {"varchar(-5)", TYPE_VARCHAR, 5, -1, -1},
    {"VARYING CHARACTER (70)", TYPE_VARCHAR, 70, -1, -1},
    {"CHAR(2)", TYPE_CHAR, 2, -1, -1},
    {"TEXT", TYPE_TEXT, -1, -1, -1},
    {"LONGTEXT", TYPE_TEXT, -1, -1, -1},
    {"text(100)", TYPE_TEXT, -1, -1, -1},
    {"BLOB", TYPE_BYTES, -1, -1, -1},
    {"tinyblob", TYPE_BYTES, -1, -1, -1},
    {"DATE", TYPE_DATE, -1, -1, -1},
    {"time", TYPE_TIME, -1, -1, -1},
    {"DATETIME", TYPE_TIMESTAMP, -1, -1, -1},
    {"TIMESTAMP", TYPE_TIMESTAMP, -1, -1, -1},
    {"timestamp with time zone", TYPE_TIMESTAMPTZ, -1, -1, -1},
    {"timestamp(6) with time zone", TYPE_TIMESTAMPTZ, -1, -1, -1},
    {"UUID", TYPE_UUID, -1, -1, -1},
    {"JSON", TYPE_JSON, -1, -1, -1},
    {"", TYPE_OPAQUE, -1, -1, -1},
    {"ANY", TYPE_OPAQUE, -1, -1, -1},
    {"POINT", TYPE_OPAQUE, -1, -1, -1},
    {"STRING", TYPE_OPAQUE, -1, -1, -1},
    {"((((", TYPE_OPAQUE, -1, -1, -1},
    {"\xff\xfe)", TYPE_OPAQUE, -1, -1, -1},
};

START_TEST(declared_types_are_read)
{
    struct type t = sqlite_declared_type(str_of(types[_i].declared));
    ck_assert_msg(t.kind == types[_i].kind, "%s", types[_i].declared);
    ck_assert_int_eq(t.length, types[_i].length);
    ck_assert_int_eq(t.precision, types[_i].precision);
    ck_assert_int_eq(t.scale, types[_i].scale);
}
END_TEST

START_TEST(a_type_of_any_length_is_survived)
{
    static char big[5000];
    memset(big, 'x', sizeof big);
    ck_assert_int_eq(sqlite_declared_type((struct str){big, sizeof big}).kind, TYPE_OPAQUE);
    memset(big, '(', sizeof big);
    ck_assert_int_eq(sqlite_declared_type((struct str){big, sizeof big}).kind, TYPE_OPAQUE);
    memset(big, ' ', sizeof big);
    ck_assert_int_eq(sqlite_declared_type((struct str){big, sizeof big}).kind, TYPE_OPAQUE);
    ck_assert_int_eq(sqlite_declared_type((struct str){NULL, 0}).kind, TYPE_OPAQUE);
}
END_TEST

static const struct {
    const char *sql, *want; /* want: "column:collation " for each */
} tables[] = {
    {"CREATE TABLE t(a, b TEXT COLLATE NOCASE, c text collate binary)", "b:NOCASE c:binary "},
    {"CREATE TABLE t(a TEXT)", ""},
    {"CREATE TABLE \"a(b\"(x COLLATE rtrim)", "x:rtrim "},
    {"CREATE TABLE t(\"a\"\"b\" COLLATE nocase, [c d] COLLATE [my coll], `e``f` COLLATE 'x')",
     "a\"b:nocase c d:my coll e`f:x "},
    {"CREATE TABLE t(a DEFAULT ('x' COLLATE nocase), b CHECK (b COLLATE nocase <> ','))", ""},
    {"CREATE TABLE t(a numeric(10, 2) COLLATE nocase, b)", "a:nocase "},
    {"CREATE TABLE t -- a(b COLLATE x\n (a /* COLLATE y, */ TEXT COLLATE nocase)", "a:nocase "},
    {"CREATE TABLE t(a COLLATE x COLLATE y)", "a:y "},
    {"CREATE TABLE t(a TEXT, PRIMARY KEY(a COLLATE nocase), UNIQUE (a COLLATE rtrim))", ""},
    {"CREATE TABLE t(\"primary\" COLLATE nocase, a)", "primary:nocase "},
    {"CREATE TABLE t(collate_it TEXT DEFAULT 'COLLATE', b COLLATE nocase) WITHOUT ROWID",
     "b:nocase "},
    {"CREATE TABLE t(Größe TEXT COLLATE nocase)", "Größe:nocase "},
    {"CREATE TABLE t(a COLLATE", ""},
    {"CREATE TABLE t(a COLLATE nocase", "a:nocase "},
    {"CREATE TABLE t(\"a COLLATE nocase", ""},
    {"CREATE TABLE t(a /* COLLATE nocase", ""},
    {"CREATE TABLE t(,,,a COLLATE x)", ""},
    {"CREATE TABLE t(a COLLATE x))) COLLATE y, b COLLATE z)", "a:x "},
    {"CREATE TABLE t", ""},
    {"", ""},
    {"(", ""},
    {"('", ""},
    {"(a\"", ""},
};

START_TEST(collations_are_read)
{
    struct sqlite_ddl d = {.sql = str_of(tables[_i].sql)};
    struct str column, collation;
    char got[256] = "";
    size_t n = 0;
    while (sqlite_ddl_next(&d, &column, &collation)) {
        n += (size_t)snprintf(got + n, sizeof got - n, "%.*s:%.*s ", STR_ARG(column),
                              STR_ARG(collation));
    }
    ck_assert_str_eq(got, tables[_i].want);
}
END_TEST

START_TEST(a_name_too_long_is_passed_over)
{
    char sql[1000] = "CREATE TABLE t(";
    memset(sql + 15, 'n', 300);
    strcpy(sql + 315, " COLLATE nocase, b COLLATE rtrim)");
    struct sqlite_ddl d = {.sql = str_of(sql)};
    struct str column, collation;
    ck_assert(sqlite_ddl_next(&d, &column, &collation));
    ck_assert(str_is(column, "b"));
    ck_assert(!sqlite_ddl_next(&d, &column, &collation));
}
END_TEST

/* Every prefix of a good text, in memory of just that size. */
START_TEST(truncated_text_is_never_read_beyond_its_end)
{
    const char *whole =
        "CREATE TABLE \"t\"(a COLLATE \"x\"\"\", [b] /* c */ COLLATE 'y' -- d\n)";
    for (size_t len = 0; len <= strlen(whole); len++) {
        char *copy = malloc(len + 1);
        memcpy(copy, whole, len);
        char *exact = realloc(copy, len == 0 ? 1 : len);
        struct sqlite_ddl d = {.sql = {exact, len}};
        struct str column, collation;
        while (sqlite_ddl_next(&d, &column, &collation)) {
            ck_assert_uint_gt(column.len, 0);
        }
        (void)sqlite_declared_type(d.sql);
        free(exact);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sqlite_ddl");
    TCase *t = tcase_create("all");
    tcase_add_loop_test(t, declared_types_are_read, 0, sizeof types / sizeof types[0]);
    tcase_add_test(t, a_type_of_any_length_is_survived);
    tcase_add_loop_test(t, collations_are_read, 0, sizeof tables / sizeof tables[0]);
    tcase_add_test(t, a_name_too_long_is_passed_over);
    tcase_add_test(t, truncated_text_is_never_read_beyond_its_end);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
