/* SPDX-License-Identifier: MIT
 *
 * test_sqlite_functions.c: the SQL functions that the driver registers.
 */
#include "sqlite_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- functions ------------------------------------------------------------- */

START_TEST(case_is_unicodes)
{
    rows_are(conn, "select tb_lower('ÀÉÎ ΣΩ ЖЯ I'), tb_upper('àéî ßσω жя i'), tb_lower(null)",
             3, "'àéî σω жя i'|'ÀÉÎ ßΣΩ ЖЯ I'|null\n");
    rows_are(conn, "select tb_lower(cast(x'41ff42c3' as text)), tb_upper('')", 2,
             "'a\xff"
             "b\xc3'|''\n");
}
END_TEST

START_TEST(ilike_folds_case_and_counts_characters)
{
    static const struct {
        const char *pattern, *text, *escape, *want;
    } cases[] = {
        {"%É_", "xxéü", NULL, "1\n"},
        {"_", "\xf0\x9f\x90\x98", NULL, "1\n"},
        {"__", "é", NULL, "0\n"},
        {"ΣΑΣ", "σας", NULL, "1\n"},
        {"ſ", "S", NULL, "1\n"},
        {"K", "\xe2\x84\xaa", NULL, "1\n"},
        {"i", "ı", NULL, "0\n"},
        {"", "", NULL, "1\n"},
        {"%", "", NULL, "1\n"},
        {"_", "", NULL, "0\n"},
        {"a!%", "A%", "!", "1\n"},
        {"a!%", "Ax", "!", "0\n"},
        {"a\\%", "a\\x", NULL, "1\n"},
        {"%a%b%c", "xxAyyBzzc", NULL, "1\n"},
        {"%a%b%c", "xxAyyBzz", NULL, "0\n"},
        {"%%%_%%", "", NULL, "0\n"},
        {"!!", "!", "!", "1\n"},
        {"ab", "abc", NULL, "0\n"},
        {"%aab", "aaaaab", NULL, "1\n"},
        {"é%é%é", "ÉÉxÉ", NULL, "1\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct exec e;
        exec_init(&e, "select tb_ilike(?1, ?2, ?3)", 1);
        exec_param(&e, TYPE_TEXT, v_text(cases[i].pattern));
        exec_param(&e, TYPE_TEXT, v_text(cases[i].text));
        exec_param(&e, TYPE_TEXT, cases[i].escape == NULL ? v_null() : v_text(cases[i].escape));
        ck_assert_int_eq(exec_run(&rig, conn, &e), ERR_OK);
        buf_char(&e.text, '\0');
        ck_assert_msg(strcmp(e.text.ptr, cases[i].want) == 0, "%s ilike %s: %s", cases[i].text,
                      cases[i].pattern, e.text.ptr);
        exec_fini(&e);
    }
    rows_are(conn, "select tb_ilike(null, 'a'), tb_ilike('a', null)", 2, "null|null\n");
    ck_assert_int_eq(rig_do(&rig, conn, "select tb_ilike('a!', 'a', '!')"), ERR_BAD_VALUE);
    ck_assert_int_eq(rig_do(&rig, conn, "select tb_ilike('a', 'a', 'xy')"), ERR_BAD_VALUE);
    ck_assert_int_eq(rig_do(&rig, conn, "select tb_ilike('a', 'a', '')"), ERR_BAD_VALUE);
}
END_TEST

static const struct {
    const char *sql, *want; /* want NULL: fails with err */
    enum err err;
} sums[] = {
    {"tb_add(1, 2), tb_sub(1, 2), tb_mul(3, 4)", "3|-1|12\n", ERR_OK},
    {"tb_add(1, 0.5), tb_mul(0.5, 4), tb_sub('3', 1)", "1.5d|2d|2\n", ERR_OK},
    {"tb_div(7, 2), tb_div(6, 2), tb_div(1, 4.0)", "3.5d|3d|0.25d\n", ERR_OK},
    {"tb_idiv(-7, 2), tb_idiv(7, -2), tb_idiv(7.9, 2)", "-3|-3|3\n", ERR_OK},
    {"tb_mod(-7, 2), tb_mod(7, -2), tb_mod(7.5, 2)", "-1|1|1.5d\n", ERR_OK},
    {"tb_mod(-9223372036854775807 - 1, -1), tb_add(null, 1), tb_div(1, null)", "0|null|null\n",
     ERR_OK},
    {"tb_idiv(-9223372036854775807 - 1, 1), 1, 1", "-9223372036854775808|1|1\n", ERR_OK},
    {"tb_idiv(-9223372036854775807 - 1, -1), 1, 1", NULL, ERR_OUT_OF_RANGE},
    {"tb_add(9223372036854775807, 1), 1, 1", NULL, ERR_OUT_OF_RANGE},
    {"tb_sub(-9223372036854775807, 2), 1, 1", NULL, ERR_OUT_OF_RANGE},
    {"tb_mul(4611686018427387904, 2), 1, 1", NULL, ERR_OUT_OF_RANGE},
    {"tb_mul(1e200, 1e200), 1, 1", NULL, ERR_OUT_OF_RANGE},
    {"tb_idiv(1e19, 1), 1, 1", NULL, ERR_OUT_OF_RANGE},
    {"tb_one(1, 'x'), tb_one(0, null), tb_one(null, 1)", "'x'|null|null\n", ERR_OK},
    {"tb_one(2, 'x'), 1, 1", NULL, ERR_MULTIPLE_RESULTS},
    {"tb_div(1, 0), 1, 1", NULL, ERR_DIVISION_BY_ZERO},
    {"tb_idiv(1, 0), 1, 1", NULL, ERR_DIVISION_BY_ZERO},
    {"tb_mod(1.5, 0), 1, 1", NULL, ERR_DIVISION_BY_ZERO},
};

START_TEST(arithmetic_is_checked)
{
    char sql[200];
    struct exec e;
    snprintf(sql, sizeof sql, "select %s", sums[_i].sql);
    exec_init(&e, sql, 3);
    ck_assert_int_eq(exec_run(&rig, conn, &e), sums[_i].err);
    if (sums[_i].want != NULL) {
        buf_char(&e.text, '\0');
        must_eq(e.text.ptr, sums[_i].want);
    }
    exec_fini(&e);
}
END_TEST

static void add(TCase *tc)
{
    tcase_add_test(tc, case_is_unicodes);
    tcase_add_test(tc, ilike_folds_case_and_counts_characters);
    tcase_add_loop_test(tc, arithmetic_is_checked, 0, sizeof sums / sizeof sums[0]);
}

int main(void)
{
    return sqlite_case_main("sqlite_functions", add);
}
