/* SPDX-License-Identifier: MIT
 *
 * tests/unit/value/test_calendar.c: reckoning with moments and durations.
 */
#include "value/calendar.h"

#include <check.h>
#include <string.h>

static struct moment moment(const char *text)
{
    struct moment m;
    ck_assert_msg(moment_read(str_of(text), &m), "%s", text);
    return m;
}

static void check_text(const struct moment *m, const char *want)
{
    struct buf b;
    buf_init(&b);
    moment_write_date(&b, m);
    buf_char(&b, ' ');
    moment_write_time(&b, m);
    ck_assert_uint_eq(b.len, strlen(want));
    ck_assert_msg(memcmp(b.ptr, want, b.len) == 0, "%.*s is not %s", (int)b.len, b.ptr, want);
    buf_fini(&b);
}

START_TEST(every_day_is_found_again)
{
    struct moment m, first = moment("0001-01-01"), last = moment("9999-12-31");
    int64_t weekday = 0;
    ck_assert_int_eq(moment_day(&first), -719162);
    for (int64_t day = -719162; day <= 2932896; day++) {
        ck_assert(moment_from_micros(day * MICROS_PER_DAY + 1, &m));
        ck_assert_int_eq(moment_day(&m), day);
        ck_assert_int_eq(moment_weekday(&m), weekday % 7 + 1);
        weekday++;
    }
    ck_assert_int_eq(moment_day(&last), 2932896);
    ck_assert(!moment_from_micros(2932897 * MICROS_PER_DAY, &m));
    ck_assert(!moment_from_micros(-719162 * MICROS_PER_DAY - 1, &m));
}
END_TEST

static const struct {
    const char *from, *by;
    int64_t times;
    const char *to; /* NULL: beyond the calendar */
} moves[] = {
    {"2024-01-31", "P1M", 1, "2024-02-29 00:00:00"},
    {"2024-01-31", "P1M", -2, "2023-11-30 00:00:00"},
    {"2024-01-31", "P1M1D", 1, "2024-03-01 00:00:00"},
    {"2024-02-29", "P1Y", 1, "2025-02-28 00:00:00"},
    {"2024-02-29 23:59:59.999999", "PT0.000001S", 1, "2024-03-01 00:00:00"},
    {"0001-01-01", "PT0.000001S", -1, NULL},
    {"0001-01-01", "P1M", -1, NULL},
    {"9999-12-31", "P1D", 1, NULL},
    {"9999-12-31", "P1M", INT64_MAX, NULL},
    {"9999-12-31", "P2D", INT64_MAX, NULL},
};

START_TEST(moves_end_at_the_months_end)
{
    struct moment m = moment(moves[_i].from);
    struct duration d;
    ck_assert(duration_read(str_of(moves[_i].by), &d));
    ck_assert_int_eq(moment_move(&m, &d, moves[_i].times), moves[_i].to != NULL);
    if (moves[_i].to != NULL) {
        check_text(&m, moves[_i].to);
    }
}
END_TEST

static const struct {
    const char *text, *written; /* NULL: refused */
} durations[] = {
    {"P1Y14M1W3DT36H90M61.5S", "P2Y2M10DT37H31M1.5S"},
    {"P0D", "PT0S"},
    {"PT-0.000001S", "PT-0.000001S"},
    {"P-1Y1M", "P-11M"},
    {"PT90S", "PT1M30S"},
    {"P9999999999Y", NULL},
    {"PT9999999999H", NULL},
    {"P1.5D", NULL},
    {"P", NULL},
    {"", NULL},
};

START_TEST(durations_have_one_spelling)
{
    struct duration d;
    struct buf b;
    ck_assert_int_eq(duration_read(str_of(durations[_i].text), &d),
                     durations[_i].written != NULL);
    if (durations[_i].written == NULL) {
        return;
    }
    buf_init(&b);
    duration_write(&b, &d);
    buf_char(&b, '\0');
    ck_assert_str_eq(b.ptr, durations[_i].written);
    buf_fini(&b);
}
END_TEST

START_TEST(months_between_are_full)
{
    struct moment a = moment("2024-01-31"), b = moment("2024-02-29"), c = moment("2024-02-28");
    ck_assert_int_eq(moment_months_between(&a, &b), 1);
    ck_assert_int_eq(moment_months_between(&a, &c), 0);
    ck_assert_int_eq(moment_months_between(&b, &a), 0);
    ck_assert_int_eq(moment_months_between(&a, &a), 0);
}
END_TEST

START_TEST(spans_count_30_days_a_month)
{
    struct duration d;
    int64_t micros;
    ck_assert(duration_read(STR("P1M1DT1S"), &d) && duration_span(&d, &micros));
    ck_assert_int_eq(micros, 31 * MICROS_PER_DAY + MICROS_PER_SECOND);
    ck_assert(duration_read(STR("P178956970Y"), &d) && !duration_span(&d, &micros));
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof(list)[0])

int main(void)
{
    Suite *s = suite_create("calendar");
    TCase *tc = tcase_create("calendar");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_day_is_found_again);
    tcase_add_loop_test(tc, moves_end_at_the_months_end, 0, COUNT(moves));
    tcase_add_loop_test(tc, durations_have_one_spelling, 0, COUNT(durations));
    tcase_add_test(tc, months_between_are_full);
    tcase_add_test(tc, spans_count_30_days_a_month);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
