/* SPDX-License-Identifier: MIT
 *
 * test_sqlite_documents.c: the registered functions of dates and of JSON, on values
 * that no column should hold.
 */
#include "backend/sqlite_session.h"
#include "base/str.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sqlite3 *db;
static locale_t utf8;

static void open_db(void)
{
    utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
    ck_assert_int_eq(sqlite_functions_register(db, utf8), SQLITE_OK);
}

static void close_db(void)
{
    sqlite3_close(db);
    freelocale(utf8);
}

/* want: the value as text; "null"; or the words of the error behind a "!". */
static const struct {
    const char *sql, *want;
} cases[] = {
    {"tb_extract('year', '2024-02-29')", "2024"},
    {"tb_extract('week', '2021-01-03 00:00:00.000000')", "53"},
    {"tb_extract('week', '0001-01-01')", "1"},
    {"tb_extract('dow', '2024-02-25')", "0"},
    {"tb_extract('minute', '12:34')", "34"},
    {"tb_extract('epoch', '1969-12-31 23:59:59.5')", "-0.5"},
    {"tb_extract('year', null)", "null"},
    {"tb_extract('century', '2024-02-29')", "!no such unit"},
    {"tb_extract(null, '2024-02-29')", "!no such unit"},
    {"tb_extract('year', '2024-02-30')", "!not a date"},
    {"tb_extract('year', '0000-01-01')", "!not a date"},
    {"tb_extract('year', '2024-02-29T00:00:00Z')", "!not a date"},
    {"tb_extract('year', '')", "!not a date"},
    {"tb_extract('year', 20240229)", "!not a date"},
    {"tb_extract('year', x'00ff')", "!not a date"},
    {"tb_trunc('week', '0001-01-03')", "0001-01-01"},
    {"tb_trunc('quarter', '2024-06-30 23:59:59.999999')", "2024-04-01 00:00:00.000000"},
    {"tb_trunc('second', '2024-06-30 23:59:59.999999')", "2024-06-30 23:59:59.000000"},
    {"tb_date_add('month', 1, '2024-01-31')", "2024-02-29"},
    {"tb_date_add('year', 9223372036854775807, '2024-01-31')", "!out of range"},
    {"tb_date_add('day', -9223372036854775807, '2024-01-31')", "!out of range"},
    {"tb_date_add('day', null, '2024-01-31')", "null"},
    {"tb_move('2024-01-31', 'P1MT1S', -1)", "2023-12-30 23:59:59.000000"},
    {"tb_move('2024-01-31', 86400000000, 1)", "2024-02-01 00:00:00.000000"},
    {"tb_move('2024-01-31', 9223372036854775807, 1)", "!out of range"},
    {"tb_move('2024-01-31', 'one day', 1)", "!not a duration"},
    {"tb_date_diff('month', '2024-01-31', '2024-02-29')", "1"},
    {"tb_date_diff('week', '2024-01-08', '2024-01-01 00:00:00.000001')", "0"},
    {"tb_date_diff('dow', '2024-01-08', '2024-01-01')", "0"},
    {"tb_make_date(2024, 2, 30)", "!out of range"},
    {"tb_make_date(9223372036854775807, 1, 1)", "!out of range"},
    {"tb_make_date(1, 1, 1)", "0001-01-01"},
    {"tb_to_timestamp(-62135596800)", "0001-01-01 00:00:00.000000"},
    {"tb_to_timestamp(1e999)", "!out of range"},
    {"tb_format_date('2024-02-29', '%%%Y%j%')", "%2024060%"},
    {"tb_format_date('2024-02-29', '')", ""},
    {"length(tb_clock())", "26"},
    {"tb_json_get('{\"a\":[1,{\"b\":2.50}]}', '[\"a\",-1,\"b\"]')", "2.50"},
    {"tb_json_get('[1]', '[1]')", "null"},
    {"tb_json_get('[1]', '[-2]')", "null"},
    {"tb_json_get('5', '[0]')", "null"},
    {"tb_json_get('{\"0\":1}', '[0]')", "null"},
    {"tb_json_get('{\"q\\\"k\":1}', '[\"q\\\"k\"]')", "1"},
    {"tb_json_get('{\"\\u00e9\":1}', '[\"é\"]')", "1"},
    {"tb_json_get('{', '[0]')", "!malformed JSON"},
    {"tb_json_get('[1]', '[')", "!malformed JSON"},
    {"tb_json_get(x'ff', '[0]')", "!malformed JSON"},
    {"tb_json_get(null, '[0]')", "null"},
    {"tb_json_get('[1]', null)", "null"},
    {"tb_json_get('[1]', '[]')", "[1]"},
    {"tb_json_text('[\"a\\nb\"]', '[0]')", "a\nb"},
    {"tb_json_text('[true]', '[0]')", "true"},
    {"tb_json_text('[null]', '[0]')", "null"},
    {"tb_json_get('[null]', '[0]')", "null"},
    {"tb_json_length('{\"a\":1}') || tb_json_length('[]') || tb_json_length('\"x\"')", "101"},
    {"tb_json_type('1e5')", "number"},
    {"tb_json_keys('{\"b\":1,\"a\\\"\":2}')", "[\"b\",\"a\\\"\"]"},
    {"tb_json_keys('[]')", "null"},
    {"tb_json_contains('[1,[2,3]]', '[[3]]')", "1"},
    {"tb_json_contains('[1,[2,3]]', '[3]')", "0"},
    {"tb_json_contains('[1,2]', '2.0')", "1"},
    {"tb_json_contains('{\"a\":{\"b\":1,\"c\":2}}', '{\"a\":{\"c\":2}}')", "1"},
    {"tb_json_contains('{\"a\":1}', '[]')", "0"},
    {"tb_json_contains('9007199254740993', '9007199254740992')", "0"},
    {"tb_json_contains(null, '1')", "null"},
    {"tb_json_set('{\"a\":{\"b\":1.50}}', '[\"a\",\"c\"]', '[2.0]')",
     "{\"a\":{\"b\":1.50,\"c\":[2.0]}}"},
    {"tb_json_set('{\"a\" : 1 }', '[\"a\"]', 'null')", "{\"a\":null}"},
    {"tb_json_set('{}', '[\"q\\\"k\"]', '1')", "{\"q\\\"k\":1}"},
    {"tb_json_set('[1,2]', '[2]', '3') || tb_json_set('[]', '[9]', '3')", "[1,2,3][3]"},
    {"tb_json_set('[1,2]', '[-3]', '3') || tb_json_set('[1,2]', '[-2]', '3')", "[1,2][3,2]"},
    {"tb_json_set('[[1]]', '[0,0]', '2') || tb_json_set('[[1]]', '[1,0]', '2')", "[[2]][[1]]"},
    {"tb_json_set('1', '[0]', '2') || tb_json_set('\"x\"', '[\"k\"]', '2')", "1\"x\""},
    {"tb_json_set('{}', '[0]', '2') || tb_json_set('[]', '[\"0\"]', '2')", "{}[]"},
    {"tb_json_set('{}', '[]', '2')", "null"},
    {"tb_json_set(null, '[0]', '2')", "null"},
    {"tb_json_set('[]', '[0]', null)", "null"},
    {"tb_json_set('[]', '[0]', '{')", "!malformed JSON"},
    {"tb_json_set('[', '[0]', '1')", "!malformed JSON"},
    {"tb_json_remove('{\"a\":1,\"b\":2,\"c\":3}', '[\"b\"]')", "{\"a\":1,\"c\":3}"},
    {"tb_json_remove('{\"a\":1}', '[\"a\"]') || tb_json_remove('[1]', '[-1]')", "{}[]"},
    {"tb_json_remove('[1,2]', '[2]') || tb_json_remove('[1,2]', '[-3]')", "[1,2][1,2]"},
    {"tb_json_remove('[1,{\"k\":2}]', '[1,\"k\"]')", "[1,{}]"},
    {"tb_json_remove('\"x\"', '[0]')", "\"x\""},
    {"tb_json_remove('[1]', null)", "null"},
    {"tb_json_member('d2', 1.5)", "1.50"},
    {"tb_json_member('b', 1)", "true"},
    {"tb_json_member('t', 'a\"')", "\"a\\\"\""},
    {"tb_json_member('t', null)", "null"},
};
#define CASE_COUNT (int)(sizeof cases / sizeof cases[0])

START_TEST(function_gives)
{
    const char *want = cases[_i].want;
    char sql[300];
    sqlite3_stmt *stmt = NULL;
    snprintf(sql, sizeof sql, "select %s", cases[_i].sql);
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK, "%s", sql);
    int rc = sqlite3_step(stmt);
    if (want[0] == '!') {
        ck_assert_int_eq(rc, SQLITE_ERROR);
        ck_assert_msg(strstr(sqlite3_errmsg(db), want + 1) != NULL, "%s: %s", sql,
                      sqlite3_errmsg(db));
    } else {
        ck_assert_msg(rc == SQLITE_ROW, "%s: %s", sql, sqlite3_errmsg(db));
        const char *got = (const char *)sqlite3_column_text(stmt, 0);
        ck_assert_msg(strcmp(got == NULL ? "null" : got, want) == 0, "%s: %s", sql, got);
    }
    sqlite3_finalize(stmt);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sqlite_documents");
    TCase *tc = tcase_create("functions");
    tcase_add_checked_fixture(tc, open_db, close_db);
    tcase_add_loop_test(tc, function_gives, 0, CASE_COUNT);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
