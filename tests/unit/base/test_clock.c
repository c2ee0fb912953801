/* SPDX-License-Identifier: MIT
 *
 * test_clock.c: clocks that go forward, and a moment as text.
 */
#include "base/clock.h"

#include <check.h>

START_TEST(the_monotonic_clock_never_goes_back)
{
    uint64_t last = clock_now_ns();
    for (int i = 0; i < 100000; i++) {
        uint64_t now = clock_now_ns();
        ck_assert_uint_ge(now, last);
        last = now;
    }
}
END_TEST

START_TEST(a_moment_is_written_in_utc)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {999, "1970-01-01T00:00:00.000Z"},
        {1709210096789012, "2024-02-29T12:34:56.789Z"},
        {INT64_C(4102444799999999), "2099-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[25];
        clock_format(cases[i].us, out);
        ck_assert_str_eq(out, cases[i].text);
    }
    ck_assert_int_gt(clock_wall_us(), INT64_C(1600000000000000));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/clock");
    TCase *t = tcase_create("clock");
    tcase_add_test(t, the_monotonic_clock_never_goes_back);
    tcase_add_test(t, a_moment_is_written_in_utc);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
