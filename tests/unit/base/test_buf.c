/* SPDX-License-Identifier: MIT
 *
 * test_buf.c: growth, failure, and the JSON scalars.
 */
#include "base/buf.h"
#include "tests/unit/fail_alloc.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct buf b;

static void setup(void)
{
    buf_init(&b);
}

static void teardown(void)
{
    buf_fini(&b);
}

#define ASSERT_TEXT(want)                                                                      \
    ck_assert_msg(str_is(buf_str(&b), want), "%.*s is not %s", STR_ARG(buf_str(&b)), want)

START_TEST(what_is_added_comes_out)
{
    ck_assert_uint_eq(buf_str(&b).len, 0);
    ck_assert_ptr_nonnull(buf_str(&b).ptr);
    BUF_LIT(&b, "ab");
    buf_char(&b, 'c');
    buf_str_add(&b, STR("de"));
    buf_printf(&b, "%d", 12);
    buf_add(&b, NULL, 0);
    ASSERT_TEXT("abcde12");
    buf_consume(&b, 3);
    ASSERT_TEXT("de12");
    buf_consume(&b, 4);
    ASSERT_TEXT("");
}
END_TEST

START_TEST(long_printf_is_whole)
{
    buf_printf(&b, "%0*d", 255, 1);
    buf_printf(&b, "%0*d", 256, 1);
    buf_printf(&b, "%0*d", 100000, 1);
    ck_assert_uint_eq(b.len, 255 + 256 + 100000);
    ck_assert_int_eq(b.ptr[b.len - 1], '1');
}
END_TEST

START_TEST(growth_keeps_what_was_there)
{
    for (int i = 0; i < 100000; i++) {
        buf_char(&b, (char)('a' + i % 26));
    }
    for (int i = 0; i < 100000; i++) {
        ck_assert_int_eq(b.ptr[i], 'a' + i % 26);
    }
    buf_shrink(&b, 1 << 20);
    ck_assert_uint_gt(b.cap, 0);
    ck_assert_uint_eq(b.len, 0);
    buf_shrink(&b, 100);
    ck_assert_uint_eq(b.cap, 0);
}
END_TEST

START_TEST(a_failed_growth_is_remembered_until_cleared)
{
    BUF_LIT(&b, "x");
    fail_alloc_at(1);
    ck_assert(!buf_reserve(&b, 100000));
    ck_assert(b.failed);
    for (int i = 0; i < 1000; i++) {
        BUF_LIT(&b, "dropped");
    }
    ck_assert(!buf_reserve(&b, 100000));
    buf_clear(&b);
    ck_assert(!b.failed);
    BUF_LIT(&b, "y");
    ASSERT_TEXT("y");
}
END_TEST

START_TEST(absurd_sizes_fail)
{
    BUF_LIT(&b, "x");
    ck_assert(!buf_reserve(&b, SIZE_MAX));
    ck_assert(b.failed);
}
END_TEST

START_TEST(swapping_swaps_all)
{
    struct buf other;
    buf_init(&other);
    BUF_LIT(&b, "one");
    BUF_LIT(&other, "two");
    buf_swap(&b, &other);
    ASSERT_TEXT("two");
    ck_assert(str_is(buf_str(&other), "one"));
    buf_fini(&other);
}
END_TEST

START_TEST(integers_are_written_in_full)
{
    buf_i64(&b, 0);
    buf_char(&b, ' ');
    buf_i64(&b, INT64_MIN);
    buf_char(&b, ' ');
    buf_i64(&b, INT64_MAX);
    buf_char(&b, ' ');
    buf_u64(&b, UINT64_MAX);
    ASSERT_TEXT("0 -9223372036854775808 9223372036854775807 18446744073709551615");
}
END_TEST

START_TEST(json_strings_escape_what_they_must)
{
    buf_json_str(&b, STR(""));
    ASSERT_TEXT("\"\"");
    buf_clear(&b);
    buf_json_str(&b, (struct str){"a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\0z", 16});
    ASSERT_TEXT("\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000z\"");
    buf_clear(&b);
    buf_json_str(&b, STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 long enough for words"));
    ASSERT_TEXT("\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 long enough for words\"");
}
END_TEST

START_TEST(json_strings_escape_at_every_place)
{
    for (size_t n = 1; n < 40; n++) {
        for (size_t at = 0; at < n; at++) {
            char text[40];
            memset(text, 'x', n);
            text[at] = '"';
            buf_clear(&b);
            buf_json_str(&b, (struct str){text, n});
            ck_assert_uint_eq(b.len, n + 3);
            ck_assert_int_eq(b.ptr[1 + at], '\\');
            ck_assert_int_eq(b.ptr[2 + at], '"');
        }
    }
}
END_TEST

static const double doubles[] = {
    0.0,     -0.0,     1.0,
    -1.0,    0.1,      1.0 / 3,
    1e15,    1e16,     123456789012345678.0,
    1e21,    1e22,     1e300,
    1e-7,    5e-324,   DBL_MAX,
    DBL_MIN, -1.5e9,   9007199254740993.0,
    2.5,     100,      1e14,
    1e-5,    0.000123, 9.2233720368547758e18,
    -9.3e18,
};

/* Against the two steps it makes one of, with every byte at every place. */
START_TEST(texts_that_may_not_be_utf8_are_written_or_left)
{
    struct buf want;
    buf_init(&want);
    for (size_t len = 0; len < 20; len++) {
        for (size_t at = 0; at < len + 1; at++) {
            for (int byte = 0; byte < 256; byte++) {
                char text[24] = "abcdefghijklmnopqrs";
                text[at] = (char)byte;
                struct str s = {text, len};
                buf_clear(&b);
                buf_clear(&want);
                bool valid = utf8_valid(s, NULL);
                if (valid) {
                    buf_json_str(&want, s);
                }
                ck_assert(buf_json_text(&b, s) == valid);
                ck_assert(str_eq(buf_str(&b), buf_str(&want)));
            }
        }
    }
    buf_fini(&want);
}
END_TEST

START_TEST(doubles_read_back_the_same)
{
    double v = doubles[_i];
    buf_json_double(&b, v);
    buf_char(&b, '\0');
    char *end;
    double back = strtod(b.ptr, &end);
    ck_assert_msg(*end == '\0' && memcmp(&back, &v, sizeof v) == 0, "%s", b.ptr);
    ck_assert_uint_le(b.len, 26);
}
END_TEST

START_TEST(doubles_have_their_shortest_text)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {1e22, "1e+22"},
                 {100, "100"},
                 {-2.5, "-2.5"},
                 {0, "0"},
                 {5e-324, "5e-324"},
                 {1.0 / 3, "0.3333333333333333"},
                 {123456.789, "123456.789"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf_clear(&b);
        buf_json_double(&b, cases[i].v);
        ASSERT_TEXT(cases[i].text);
    }
}
END_TEST

START_TEST(what_is_not_finite_is_a_string)
{
    buf_json_double(&b, (double)NAN);
    buf_json_double(&b, HUGE_VAL);
    buf_json_double(&b, -HUGE_VAL);
    buf_json_float(&b, NAN);
    buf_json_float(&b, -HUGE_VALF);
    ASSERT_TEXT("\"NaN\"\"Infinity\"\"-Infinity\"\"NaN\"\"-Infinity\"");
}
END_TEST

START_TEST(floats_have_their_own_shortest_text)
{
    buf_json_float(&b, 0.1f);
    buf_char(&b, ' ');
    buf_json_float(&b, 16777216.0f);
    buf_char(&b, ' ');
    buf_json_float(&b, 1.5f);
    ASSERT_TEXT("0.1 16777216 1.5");
    buf_clear(&b);
    buf_json_float(&b, FLT_MAX);
    buf_char(&b, '\0');
    ck_assert(strtof(b.ptr, NULL) == FLT_MAX);
}
END_TEST

START_TEST(base64_has_padding)
{
    static const char *const cases[][2] = {
        {"", "\"\""},        {"f", "\"Zg==\""},        {"fo", "\"Zm8=\""},
        {"foo", "\"Zm9v\""}, {"foob", "\"Zm9vYg==\""}, {"\xff\xfe\xfd", "\"//79\""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf_clear(&b);
        buf_json_base64(&b, str_of(cases[i][0]));
        ASSERT_TEXT(cases[i][1]);
    }
}
END_TEST

START_TEST(every_writer_survives_no_memory)
{
    static char long_text[1000];
    memset(long_text, '"', sizeof long_text);
    for (long n = 1; n < 12; n++) {
        buf_fini(&b);
        fail_alloc_at(n);
        buf_json_str(&b, (struct str){long_text, sizeof long_text});
        buf_json_base64(&b, (struct str){long_text, sizeof long_text});
        buf_json_double(&b, 0.1);
        buf_printf(&b, "%0*d", 5000, 1);
        bool reached = fail_alloc_reached();
        fail_alloc_at(0); /* Check allocates too */
        ck_assert_int_eq(b.failed, reached);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/buf");
    TCase *t = tcase_create("buf");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, texts_that_may_not_be_utf8_are_written_or_left);
    tcase_add_test(t, what_is_added_comes_out);
    tcase_add_test(t, long_printf_is_whole);
    tcase_add_test(t, growth_keeps_what_was_there);
    tcase_add_test(t, a_failed_growth_is_remembered_until_cleared);
    tcase_add_test(t, absurd_sizes_fail);
    tcase_add_test(t, swapping_swaps_all);
    tcase_add_test(t, integers_are_written_in_full);
    tcase_add_test(t, json_strings_escape_what_they_must);
    tcase_add_test(t, json_strings_escape_at_every_place);
    tcase_add_loop_test(t, doubles_read_back_the_same, 0,
                        (int)(sizeof doubles / sizeof doubles[0]));
    tcase_add_test(t, doubles_have_their_shortest_text);
    tcase_add_test(t, what_is_not_finite_is_a_string);
    tcase_add_test(t, floats_have_their_own_shortest_text);
    tcase_add_test(t, base64_has_padding);
    tcase_add_test(t, every_writer_survives_no_memory);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
