/* SPDX-License-Identifier: MIT
 *
 * test_sqlite_series.c: tb_series, the table of whole numbers.
 */
#include "sqlite_case.h"

#include <stdio.h>

static const struct {
    const char *args, *want;
} cases[] = {
    {"1, 3, 1", "1|1\n2|2\n3|3\n"},
    {"3, 1, -2", "3|1\n1|2\n"},
    {"1, 4, 2", "1|1\n3|2\n"},
    {"5, 5, 7", "5|1\n"},
    {"5, 4, 1", ""},
    {"4, 5, -1", ""},
    {"null, 5, 1", ""},
    {"1, null, 1", ""},
    {"1, 5, null", ""},
    {"1, 5, 0", ""},
    {"1, 'x', 1", ""},
    {"9223372036854775806, 9223372036854775807, 1",
     "9223372036854775806|1\n9223372036854775807|2\n"},
    {"-9223372036854775807 - 1, -9223372036854775807, 9223372036854775807",
     "-9223372036854775808|1\n"},
    {"9223372036854775807, -9223372036854775807 - 1, -9223372036854775807 - 1",
     "9223372036854775807|1\n-1|2\n"},
};

START_TEST(series_counts_as_far_as_its_end)
{
    char sql[200];
    snprintf(sql, sizeof sql, "select c1, c2 from tb_series(%s)", cases[_i].args);
    rows_are(conn, sql, 2, cases[_i].want);
}
END_TEST

START_TEST(bounds_may_be_columns)
{
    must("create temp table t(a, b)");
    must("insert into t values (1, 2), (5, 4), (7, 7)");
    rows_are(conn, "select a, s.c1 from t join tb_series(a, b, 1) as s order by a, s.c1", 2,
             "1|1\n1|2\n7|7\n");
    rows_are(conn, "select a, (select count(*) from tb_series(1, a, 1)) from t order by a", 2,
             "1|1\n5|5\n7|7\n");
    rows_are(conn, "select s.c1 from tb_series(1, 9, 1) as s where s.c1 > 7 order by s.c1 desc",
             1, "9\n8\n");
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_loop_test(tc, series_counts_as_far_as_its_end, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tc, bounds_may_be_columns);
}

int main(void)
{
    return sqlite_case_main("sqlite_series", add);
}
