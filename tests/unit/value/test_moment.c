/* SPDX-License-Identifier: MIT
 *
 * test_moment.c: the calendar against the C library's, offsets, durations.
 */
#include "value/moment.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Every day of 400 years is a date, and no other day of its months. */
START_TEST(the_calendar_is_the_gregorian_one)
{
    int days = 0;
    for (int year = 1900; year < 2300; year++) {
        for (int month = 0; month <= 13; month++) {
            for (int day = 0; day <= 32; day++) {
                char text[32];
                struct moment m;
                snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
                days += moment_read_date(str_of(text), &m);
            }
        }
    }
    ck_assert_int_eq(days, 146097);
}
END_TEST

START_TEST(offsets_agree_with_the_c_library)
{
    uint64_t state = 5;
    for (int i = 0; i < 20000; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        time_t local = (time_t)(state >> 31) % 8000000000 - 2000000000;
        int offset = (int)((state >> 7) % (2 * 1439 + 1)) - 1439;
        struct tm tm;
        gmtime_r(&local, &tm);
        char date[32], text[64], want[64];
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
        int minutes = offset < 0 ? -offset : offset;
        snprintf(text, sizeof text, "%s%c%02d:%02d", date, offset < 0 ? '-' : '+', minutes / 60,
                 minutes % 60);
        time_t utc = local - offset * 60;
        gmtime_r(&utc, &tm);
        strftime(want, sizeof want, "%Y-%m-%d%H:%M:%S", &tm);
        struct moment m;
        struct buf b;
        buf_init(&b);
        ck_assert_msg(moment_read(str_of(text), &m) && moment_to_utc(&m), "%s", text);
        moment_write_date(&b, &m);
        moment_write_time(&b, &m);
        ck_assert_msg(str_is(buf_str(&b), want), "%s: %.*s", text, STR_ARG(buf_str(&b)));
        buf_fini(&b);
    }
}
END_TEST

START_TEST(every_byte_of_a_moment_matters)
{
    static const char whole[] = "2024-02-29T12:34:56.789012+05:30";
    struct moment m;
    ck_assert(moment_read(STR(whole), &m));
    ck_assert_int_eq(m.micro, 789012);
    ck_assert_int_eq(m.offset_minutes, 330);
    static const char odd[] = {'\0', ' ', 'x', '/', ':', '-', '\xff', '.'};
    for (size_t i = 0; i < sizeof whole - 1; i++) {
        for (size_t k = 0; k < sizeof odd; k++) {
            char text[sizeof whole];
            memcpy(text, whole, sizeof whole);
            if (text[i] == odd[k] || (i == 10 && odd[k] == ' ') || (i == 26 && odd[k] == '-')) {
                continue;
            }
            text[i] = odd[k];
            ck_assert_msg(!moment_read((struct str){text, sizeof whole - 1}, &m), "%s", text);
        }
    }
}
END_TEST

START_TEST(no_prefix_is_read_behind_its_end)
{
    static const char whole[] = "2024-02-29T12:34:56.789012+05:30";
    static const size_t valid[] = {10, 16, 19, 21, 22, 23, 24, 25, 26, 29, 32};
    for (size_t n = 0; n < sizeof whole; n++) {
        bool want = false;
        for (size_t k = 0; k < sizeof valid / sizeof valid[0]; k++) {
            want |= valid[k] == n;
        }
        struct moment m;
        ck_assert_msg(moment_read((struct str){whole, n}, &m) == want, "%zu bytes", n);
    }
}
END_TEST

START_TEST(durations)
{
    static const char *const good[] = {
        "P1Y",     "P1M",         "P1W",    "P1D",          "PT1H",
        "PT1M",    "PT1S",        "PT1.5S", "PT-0.000001S", "P1Y2M3W4DT5H6M7S",
        "P-1Y-2M", "P9999999999D"};
    static const char *const bad[] = {
        "",       "P",    "PT",     "1D",    "P1",    "PD",    "P1DT",
        "P1S",    "PT1D", "PT1S1M", "P1D1D", "PT1.S", "PT.5S", "PT1.1234567S",
        "PT1.5H", "P1D ", " P1D",   "p1d",   "P--1D", "P+1D",  "P99999999999D",
        "P1DT1",  "P1D\n"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(duration_valid(str_of(good[i])), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!duration_valid(str_of(bad[i])), "%s", bad[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("value/moment");
    TCase *t = tcase_create("moment");
    tcase_add_test(t, the_calendar_is_the_gregorian_one);
    tcase_add_test(t, offsets_agree_with_the_c_library);
    tcase_add_test(t, every_byte_of_a_moment_matters);
    tcase_add_test(t, no_prefix_is_read_behind_its_end);
    tcase_add_test(t, durations);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
