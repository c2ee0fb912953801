/* SPDX-License-Identifier: MIT
 *
 * test_sqlite_json_each.c: tb_json_each, the table of the members of a JSON text.
 */
#include "sqlite_case.h"

#include <stdio.h>

static const struct {
    const char *args, *want;
} cases[] = {
    {"'[1.50, \"a\\n\", null, {\"k\":[1, 2]}]', 'array'",
     "'1.50'|1\n'\"a\\n\"'|2\n'null'|3\n'{\"k\":[1, 2]}'|4\n"},
    {"'[12345678901234567890123, true, \"a\\u00e9\", \"\"]', 'array text'",
     "'12345678901234567890123'|1\n'true'|2\n'a\xc3\xa9'|3\n''|4\n"},
    {"'{\"a\\\"b\":1,\"\":\"x\"}', 'object'", "'a\"b'|'1'\n''|'\"x\"'\n"},
    {"'{\"a\":\"x\"}', 'object text'", "'a'|'x'\n"},
    {"'[]', 'array'", ""},
    {"'{\"a\":1}', 'array'", ""},
    {"'[1]', 'object'", ""},
    {"'null', 'array'", ""},
    {"'\"[1]\"', 'array'", ""},
    {"null, 'array'", ""},
    {"'[1]', null", ""},
};

START_TEST(members_are_as_they_are_written)
{
    char sql[200];
    snprintf(sql, sizeof sql, "select c1, c2 from tb_json_each(%s)", cases[_i].args);
    rows_are(conn, sql, 2, cases[_i].want);
}
END_TEST

START_TEST(documents_may_be_columns)
{
    must("create temp table t(id, doc)");
    must("insert into t values (1, '[1,[2,3]]'), (2, null), (3, '[]'), (4, '[\"x\"]')");
    rows_are(conn,
             "select id, j.c1 from t left join tb_json_each(doc, 'array text') j on j.c2 = 1 "
             "order by id",
             2, "1|'1'\n2|null\n3|null\n4|'x'\n");
    rows_are(conn,
             "select id, b.c1 from t join tb_json_each(doc, 'array') a "
             "join tb_json_each(a.c1, 'array') b order by b.c1 desc",
             2, "1|'3'\n1|'2'\n");
    rows_are(conn, "select id, (select count(*) from tb_json_each(doc, 'array')) from t", 2,
             "1|2\n2|0\n3|0\n4|1\n");
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_loop_test(tc, members_are_as_they_are_written, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tc, documents_may_be_columns);
}

int main(void)
{
    return sqlite_case_main("sqlite_json_each", add);
}
