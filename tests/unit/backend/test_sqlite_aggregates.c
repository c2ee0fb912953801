/* SPDX-License-Identifier: MIT
 *
 * test_sqlite_aggregates.c: the aggregates that the driver registers.
 */
#include "sqlite_case.h"

#include <stdio.h>
#include <string.h>

#define VALUES(list) " from (select column1 as x, column2 as k from (values " list "))"

static const struct {
    const char *sql, *want; /* want NULL: fails with err */
    enum err err;
} cases[] = {
    /* exact sums */
    {"tb_sum(x)" VALUES("(0.1,0),(0.2,0),(null,0)"), "0.29999999999999999d\n", ERR_OK},
    {"tb_sum(x) = 0.3" VALUES("(0.1,0),(0.2,0)"), "1\n", ERR_OK},
    {"tb_sum(x)" VALUES("(null,0)"), "null\n", ERR_OK},
    {"tb_sum(x)" VALUES("(1,0)") " where k > 0", "null\n", ERR_OK},
    {"tb_sum(x)" VALUES("(9223372036854775807,0),(-1,0),(1,0)"), "9223372036854775807\n",
     ERR_OK},
    {"tb_sum(x)" VALUES("(9223372036854775807,0),(9223372036854775807,0),"
                        "(-9223372036854775807,0)"),
     "9223372036854775807\n", ERR_OK},
    {"tb_sum(x)" VALUES("(-9223372036854775807 - 1,0)"), "-9223372036854775808\n", ERR_OK},
    {"tb_sum(x)" VALUES("(9223372036854775807,0),(1,0)"), NULL, ERR_OUT_OF_RANGE},
    {"tb_sum(x)" VALUES("(999999999999999,0),(0.5,0)"), NULL, ERR_OUT_OF_RANGE},
    {"tb_sum(x)" VALUES("(1e300,0)"), NULL, ERR_OUT_OF_RANGE},
    {"tb_sum(x)" VALUES("(1e20,0),(1e20,0)"), "2e+20d\n", ERR_OK},
    {"tb_sum(x)" VALUES("(1e-20,0),(0,0)"), "9.9999999999999995e-21d\n", ERR_OK},
    {"tb_sum(x)" VALUES("(1e-300,0)"), NULL, ERR_OUT_OF_RANGE},
    {"tb_sum(x)" VALUES("('x',0)"), NULL, ERR_BAD_VALUE},
    {"tb_sum(x)" VALUES("('1.25',0),(1,0)"), "2.25d\n", ERR_OK},
    /* means */
    {"tb_mean(2, 3, 6)", "0.66666700000000001d\n", ERR_OK},
    {"tb_mean(-2, 3, 6)", "-0.66666700000000001d\n", ERR_OK},
    {"tb_mean(1, 2, 0)", "1\n", ERR_OK},
    {"tb_mean(-1, 2, 0)", "-1\n", ERR_OK},
    {"tb_mean(1, 3, 0)", "0\n", ERR_OK},
    {"tb_mean(null, 0, 2)", "null\n", ERR_OK},
    {"tb_mean(1000000000, 3, 8)", NULL, ERR_OUT_OF_RANGE},
    /* doubles */
    {"tb_sum_double(x)" VALUES("(0.1,0),(0.2,0)"), "0.30000000000000004d\n", ERR_OK},
    {"tb_sum_double(x)" VALUES("(1e308,0),(1e308,0)"), NULL, ERR_OUT_OF_RANGE},
    {"tb_avg_double(x)" VALUES("(1,0),(2,0),(null,0)"), "1.5d\n", ERR_OK},
    {"tb_avg_double(x)" VALUES("(null,0)"), "null\n", ERR_OK},
    /* variances */
    {"tb_var_pop(x)" VALUES("(1,0),(2,0),(null,0)"), "0.25d\n", ERR_OK},
    {"tb_var_samp(x)" VALUES("(1,0),(2,0)"), "0.5d\n", ERR_OK},
    {"tb_stddev_pop(x)" VALUES("(1,0),(3,0)"), "1d\n", ERR_OK},
    {"tb_stddev_samp(x)" VALUES("(1,0)"), "null\n", ERR_OK},
    {"tb_stddev_pop(x)" VALUES("(1,0)"), "0d\n", ERR_OK},
    {"tb_var_pop(x)" VALUES("(null,0)"), "null\n", ERR_OK},
    {"tb_var_pop(x)" VALUES("(1e308,0),(-1e308,0)"), NULL, ERR_OUT_OF_RANGE},
    {"tb_var_pop(x)" VALUES("(1000000000000000,0),(1000000000000001,0)"), "0.25d\n", ERR_OK},
    /* texts */
    {"tb_string_agg('-ta', ', ', x, k)" VALUES("('b',2),('a',1),(null,0)"), "'a, b'\n", ERR_OK},
    {"tb_string_agg('-td', null, x, k)" VALUES("('b',2),('a',null),('c',3)"), "'acb'\n",
     ERR_OK},
    {"tb_string_agg('-tA', '-', x, k)" VALUES("('b',2),('a',null),('c',1)"), "'c-b-a'\n",
     ERR_OK},
    {"tb_string_agg('-ta', '-', x, k)" VALUES("('b',2),('a',null),('c',1.5)"), "'a-c-b'\n",
     ERR_OK},
    {"tb_string_agg('-td', '-', x, k)" VALUES("('b','x'),('a',null),('c','é')"), "'a-c-b'\n",
     ERR_OK},
    {"tb_string_agg('-tD', '-', x, k)" VALUES("('b','x'),('a',null),('c','xy')"), "'c-b-a'\n",
     ERR_OK},
    {"tb_string_agg('ut', ',', x)" VALUES("('b',2),('a',1),('b',0),('',0),('',0)"), "',a,b'\n",
     ERR_OK},
    {"tb_string_agg('-t', ',', x)" VALUES("(null,2)"), "null\n", ERR_OK},
    {"tb_string_agg('-t', ',', x)" VALUES("('',2)"), "''\n", ERR_OK},
    {"tb_string_agg('-t', ',', x)" VALUES("(cast(x'ff' as text),2)"), NULL, ERR_BAD_VALUE},
    /* json */
    {"tb_json_agg('-ta', x, k)" VALUES("('é\"\\',2),(null,1)"), "'[null,\"é\\\"\\\\\"]'\n",
     ERR_OK},
    {"tb_json_agg('-n', x)" VALUES("(1,0),(0.1,0),(-0.0,0),(1e100,0)"), "'[1,0.1,0,1e+100]'\n",
     ERR_OK},
    {"tb_json_agg('-d2', x)" VALUES("(1,0),(0.1,0),(null,0)"), "'[1.00,0.10,null]'\n", ERR_OK},
    {"tb_json_agg('-b', x)" VALUES("(1,0),(0,0),(null,0)"), "'[true,false,null]'\n", ERR_OK},
    {"tb_json_agg('-j', json(x))" VALUES("('[1, 2]',0)"), "'[[1,2]]'\n", ERR_OK},
    {"tb_json_agg('ut', x)" VALUES("('a',0),(null,0),('a',0),(null,0)"), "'[null,\"a\"]'\n",
     ERR_OK},
    {"tb_json_object_agg('-na', x, k, k)" VALUES("('bb',2),('a',3),('a',1)"),
     "'{\"a\":3,\"bb\":2}'\n", ERR_OK},
    {"tb_json_object_agg('-n', x, k)" VALUES("(null,2)"), NULL, ERR_BAD_VALUE},
};

START_TEST(aggregates_are_exact)
{
    char sql[400];
    struct exec e;
    snprintf(sql, sizeof sql, "select %s", cases[_i].sql);
    exec_init(&e, sql, 1);
    ck_assert_msg(exec_run(&rig, conn, &e) == cases[_i].err, "%s", sql);
    if (cases[_i].want != NULL) {
        buf_char(&e.text, '\0');
        ck_assert_msg(strcmp(e.text.ptr, cases[_i].want) == 0, "%s: %s", sql, e.text.ptr);
    }
    exec_fini(&e);
}
END_TEST

#define MOVING(call) "select " call " over (order by k rows 1 preceding) from t order by k"

START_TEST(frames_take_rows_out_again)
{
    must("create temp table t(x, k)");
    must("insert into t values (1e20, 1), (1, 2), (2.5, 3), (null, 4), (null, 5), (7, 6)");
    rows_are(conn, MOVING("tb_moving_sum_double(x)"), 1,
             "1e+20d\n1e+20d\n3.5d\n2.5d\nnull\n7d\n");
    rows_are(conn, MOVING("tb_moving_avg_double(x)"), 1,
             "1e+20d\n5e+19d\n1.75d\n2.5d\nnull\n7d\n");
    rows_are(conn, MOVING("tb_moving_var_samp(x)"), 1,
             "null\n5.0000000000000002e+39d\n1.125d\nnull\nnull\nnull\n");
    must("update t set x = 0.1 where k = 1");
    rows_are(conn, MOVING("tb_sum(x)"), 1,
             "0.10000000000000001d\n1.1000000000000001d\n3.5d\n2.5d\nnull\n7\n");
}
END_TEST

START_TEST(groups_do_not_share_a_state)
{
    must("create temp table g(a, x)");
    must("insert into g values (1, 'a'), (2, 'b'), (1, 'c'), (2, null)");
    rows_are(conn, "select a, tb_string_agg('-td', ',', x, x) from g group by a order by a", 2,
             "1|'c,a'\n2|'b'\n");
    rows_are(conn, "select a, tb_sum(a) from g group by a order by a desc", 2, "2|4\n1|2\n");
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_loop_test(tc, aggregates_are_exact, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tc, frames_take_rows_out_again);
    tcase_add_test(tc, groups_do_not_share_a_state);
}

int main(void)
{
    return sqlite_case_main("sqlite_aggregates", add);
}
