/* SPDX-License-Identifier: MIT
 *
 * test_sqlite_scalars.c: the registered functions of numbers, texts and casts, on
 * values that hurt, and with every allocation of SQLite's failing in turn.
 */
#include "backend/sqlite_session.h"
#include "base/buf.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static sqlite3 *db;
static locale_t utf8;

/* ---- memory that fails ---- */

static sqlite3_mem_methods plain;
static long fail_in; /* allocations until one fails; 0: none does */

static bool fails(void)
{
    return fail_in > 0 && --fail_in == 0;
}

static void *failing_malloc(int n)
{
    return fails() ? NULL : plain.xMalloc(n);
}

static void *failing_realloc(void *p, int n)
{
    return fails() ? NULL : plain.xRealloc(p, n);
}

static void open_db(void)
{
    ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain), SQLITE_OK);
    sqlite3_mem_methods mine = plain;
    mine.xMalloc = failing_malloc;
    mine.xRealloc = failing_realloc;
    ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_MALLOC, &mine), SQLITE_OK);
    utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
    ck_assert_int_eq(sqlite_functions_register(db, utf8), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db,
                                  "create table t(a, b); insert into t values ('ab', 'a'), "
                                  "('xy', '[z'), ('ab', 'b'), ('q', 'q')",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
}

static void close_db(void)
{
    sqlite3_close(db);
    freelocale(utf8);
}

/* ---- values ---- */

/* Rows joined by ; and cells by |, or the error's text. */
static int ask(const char *sql, struct buf *out)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    out->len = 0;
    while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(s); i++) {
            const char *text = (const char *)sqlite3_column_text(s, i);
            buf_printf(out, "%s%s",
                       i > 0          ? "|"
                       : out->len > 0 ? ";"
                                      : "",
                       text == NULL ? "null" : text);
        }
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE && rc != SQLITE_OK) {
        buf_printf(out, "%s", sqlite3_errmsg(db));
    }
    buf_char(out, '\0');
    sqlite3_finalize(s);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static const struct {
    const char *sql, *want; /* want: all of the answer, or a part of the error */
} cases[] = {
    /* decimals */
    {"select tb_dec_add(0.1, 0.2) = 0.3, tb_dec_sub(0.3, 0.1) = 0.2", "1|1"},
    {"select tb_dec_mul(1.1, 1.1), tb_dec_mul(-0.5, 2), tb_dec_mul(null, 2)", "1.21|-1|null"},
    {"select tb_dec_add(9223372036854775807, 0), tb_dec_add(1e300, 0)",
     "9223372036854775807|1.0e+300"},
    {"select tb_dec_add(9223372036854775807, 0.5)", "out of range"},
    {"select tb_dec_add(1e300, 1)", "out of range"},
    {"select tb_dec_mul(1e300, 1e300)", "out of range"},
    {"select tb_dec_add(9e999, 1)", "out of range"},
    {"select tb_dec_div(1, 3, 6), tb_dec_div(2, 3, 6), tb_dec_div(-2, 3, 6)",
     "0.333333|0.666667|-0.666667"},
    {"select tb_dec_div(1, 3, 20)", "out of range"},
    {"select tb_dec_div(1e-300, 1e300, 6), tb_dec_div(0, 7, 6)", "0|0"},
    {"select tb_dec_div(1e300, 1e-300, 6)", "out of range"},
    {"select tb_dec_div(1, 0, 6)", "division by zero"},
    {"select tb_dec_idiv(0.3, 0.1), tb_dec_idiv(-7.5, 2), tb_dec_idiv(1e-300, 1)", "3|-3|0"},
    {"select tb_dec_idiv(1e300, 1)", "integer overflow"},
    {"select tb_dec_mod(-0.3, 0.2), tb_dec_mod(1e300, 7), tb_dec_mod(1e-300, 7)",
     "-0.1|1|1.0e-300"},
    {"select tb_dec_mod(1, 0)", "division by zero"},
    {"select tb_round(2.5, 0), tb_round(-2.5, 0), tb_round(1.005, 2), tb_round(0.04, 1)",
     "3|-3|1.01|0"},
    {"select tb_round(15, -1), tb_round(-15, -1), tb_round(4, -1), tb_round(null, 1)",
     "20|-20|0|null"},
    {"select tb_round(9223372036854775807, -1)", "integer overflow"},
    {"select tb_round_double(0.49999999999999994, 0), tb_round_double(1.005, 2)", "0.0|1.01"},
    {"select tb_round_double(1e300, 2), tb_round_double(-1e-300, 30)", "1.0e+300|0.0"},
    {"select tb_ceil(-0.5), tb_floor(-0.5), tb_ceil(7), tb_sign(-3.5), tb_sign(null)",
     "0.0|-1.0|7|-1|null"},
    /* mathematics and bits */
    {"select tb_sqrt(4), tb_power(2, 10), tb_ln(1), tb_atan2(0, 1)", "2.0|1024.0|0.0|0.0"},
    {"select tb_sqrt(-1)", "outside the domain"},
    {"select tb_ln(0)", "out of range"},
    {"select tb_exp(1000)", "out of range"},
    {"select tb_power(-8, 0.5)", "outside the domain"},
    {"select tb_shl(1, 63), tb_shr(-1, 63), tb_shr(-9, 1), tb_shl(null, 99)",
     "-9223372036854775808|-1|-5|null"},
    {"select tb_shl(1, 64)", "out of range"},
    {"select tb_shr(1, -1)", "out of range"},
    {"select tb_xor(-5, 3), tb_xor(1, null)", "-8|null"},
    /* texts */
    {"select tb_reverse('aé😀'), tb_reverse(''), hex(tb_reverse(cast(x'41ff42' as text)))",
     "😀éa||42FF41"},
    {"select tb_lpad('é', 3, '😀x'), tb_rpad('abc', 2), tb_lpad('abc', 5, ''), tb_rpad('a', 0)",
     "😀xé|ab|abc|"},
    {"select tb_lpad('x', 9223372036854775807, 'yz')", "too long"},
    {"select tb_repeat('ab', 3), tb_repeat('', 99), tb_repeat('a', 0)", "ababab||"},
    {"select tb_repeat('ab', 9223372036854775807)", "too long"},
    {"select tb_split_part('xaaay', 'aa', 2), tb_split_part('a,b', ',', 9), "
     "tb_split_part('a,b', '', 1), tb_split_part('', ',', 1), tb_split_part(',', ',', 2)",
     "ay||a,b||"},
    {"select tb_split_part('a', ',', 9223372036854775807)", ""},
    {"select tb_md5(''), tb_md5(x''), length(tb_sha256('é')), tb_md5(null)",
     "d41d8cd98f00b204e9800998ecf8427e|d41d8cd98f00b204e9800998ecf8427e|64|null"},
    {"select length(tb_uuid4()), substr(tb_uuid4(), 15, 1), substr(tb_uuid7(), 15, 1), "
     "substr(tb_uuid7(), 20, 1) in ('8', '9', 'a', 'b'), tb_uuid4() = tb_uuid4()",
     "36|4|7|1|0"},
    /* regular expressions */
    {"select tb_regexp('aÉ', 'é'), tb_iregexp('aÉ', 'é'), tb_regexp(null, 'a')", "0|1|null"},
    {"select a from t where b <> '[z' and tb_regexp(a, b)", "ab;ab;q"},
    {"select tb_regexp(a, b) from t", "bad value"},
    {"select tb_regexp(cast(x'41ff42' as text), 'B')", "1"},
    {"select tb_regexp('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', '^(a+)+$')",
     "too many steps"},
    {"select tb_regexp_replace('a1b22', '([0-9]+)', '<\\1\\\\\\9>'), "
     "tb_regexp_replace('abc', 'x*', '-'), tb_iregexp_replace('aXx', 'x', ''), "
     "tb_regexp_replace('', '^', 'y'), tb_regexp_replace('é😀', '', '.')",
     "a<1\\>b<22\\>|-a-b-c-|a|y|.é.😀."},
    /* casts */
    {"select tb_cast_int('+007', 0, 9, 0), tb_cast_int(2.5, 0, 9, 0), tb_cast_int(-2.5, -9, 9, "
     "0)",
     "7|3|-3"},
    {"select tb_cast_int(' 7', 0, 9, 0)", "bad value"},
    {"select tb_cast_int('7.0', 0, 9, 0)", "bad value"},
    {"select tb_cast_int('', 0, 9, 0)", "bad value"},
    {"select tb_cast_int('-', 0, 9, 0)", "bad value"},
    {"select tb_cast_int(x'ff', 0, 9, 0)", "bad value"},
    {"select tb_cast_int('10', 0, 9, 0)", "out of range"},
    {"select tb_cast_int(1e300, 0, 9, 0)", "out of range"},
    {"select tb_cast_int(9e999, 0, 9, 0)", "out of range"},
    {"select tb_cast_int('99999999999999999999999999999999999999999999', 0, 9, 0)",
     "out of range"},
    {"select tb_cast_int('x', 0, 9, 1), tb_cast_int(10, 0, 9, 1), tb_cast_int(null, 0, 9, 0)",
     "null|null|null"},
    {"select tb_cast_numeric('12.345', 5, 2, 0), tb_cast_numeric(2.675, 5, 2, 0), "
     "tb_cast_numeric('0.00499999999999999999999999999999999999999999999', 5, 2, 0)",
     "12.35|2.68|0"},
    {"select tb_cast_numeric('999.995', 5, 2, 0)", "out of range"},
    {"select tb_cast_numeric('999.995', 5, 2, 1)", "null"},
    {"select tb_cast_numeric('1.2345678901234567', 30, 20, 1)", "15 digits"},
    {"select tb_cast_numeric('1e2', 5, 2, 0)", "bad value"},
    {"select tb_cast_double('1.5e-3', 0), tb_cast_double('1e400', 1)", "0.0015|null"},
    {"select tb_cast_double('inf', 0)", "bad value"},
    {"select tb_cast_bool('true', 0), tb_cast_bool('t', 1)", "1|null"},
    {"select tb_cast_date('2024-02-29', 0), tb_cast_date('2023-02-29', 1)", "2024-02-29|null"},
    {"select tb_cast_date('2024-2-9', 0)", "bad value"},
    {"select tb_cast_timestamp('2024-02-29T12:34', 0), tb_cast_timestamp('2024-02-29', 1)",
     "2024-02-29 12:34:00.000000|null"},
    {"select tb_timestamp_text('2024-02-29 12:34:00.000100', 'Z'), tb_timestamp_text(null, '')",
     "2024-02-29T12:34:00.000100Z|null"},
    {"select tb_numeric_text(1.5, 3), tb_numeric_text(-0.001, 2), tb_numeric_text(7, 2)",
     "1.500|0.00|7.00"},
};
#define CASE_COUNT ((int)(sizeof cases / sizeof cases[0]))

START_TEST(function_gives)
{
    struct buf out;
    buf_init(&out);
    int rc = ask(cases[_i].sql, &out);
    bool same = rc == SQLITE_OK ? strcmp(out.ptr, cases[_i].want) == 0
                                : strstr(out.ptr, cases[_i].want) != NULL;
    ck_assert_msg(same, "%s: %s, not %s", cases[_i].sql, out.ptr, cases[_i].want);
    buf_fini(&out);
}
END_TEST

/* No crash, no leak, and no answer but the right one. */
START_TEST(memory_may_fail_anywhere)
{
    struct buf want, out;
    buf_init(&want);
    buf_init(&out);
    int expected = ask(cases[_i].sql, &want);
    bool random = strstr(cases[_i].sql, "uuid") != NULL;
    for (long n = 1; n < 2000; n++) {
        fail_in = n;
        int rc = ask(cases[_i].sql, &out);
        bool reached = fail_in == 0;
        fail_in = 0;
        if (rc == expected && !random && rc == SQLITE_OK) {
            ck_assert_str_eq(out.ptr, want.ptr);
        } else if (rc != expected) {
            ck_assert_int_eq(rc & 0xff, SQLITE_NOMEM);
        }
        if (!reached) {
            break;
        }
    }
    buf_fini(&want);
    buf_fini(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sqlite_scalars");
    TCase *tc = tcase_create("functions");
    tcase_add_checked_fixture(tc, open_db, close_db);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, function_gives, 0, CASE_COUNT);
    tcase_add_loop_test(tc, memory_may_fail_anywhere, 0, CASE_COUNT);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
