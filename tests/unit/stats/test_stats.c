/* SPDX-License-Identifier: MIT
 *
 * Tests of stats/stats.c: how exact histograms are, and the texts they become.
 */
#include "stats/stats.h"

#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct histogram h;
static struct buf b;

static void up(void)
{
    memset(&h, 0, sizeof h);
    buf_init(&b);
}

static void down(void)
{
    buf_fini(&b);
}

static const char *text(void)
{
    buf_char(&b, '\0');
    ck_assert(!b.failed);
    return b.ptr;
}

START_TEST(many_alike_count_as_so_many)
{
    static struct histogram one, many;
    for (int i = 0; i < 5; i++) {
        histogram_add(&one, 3000);
    }
    histogram_add_many(&many, 3000, 5);
    histogram_add_many(&many, 9, 0);
    ck_assert_mem_eq(&one, &many, sizeof one);
}
END_TEST

START_TEST(one_value_is_found_within_an_eighth)
{
    for (uint64_t ns = 1100; ns < (1ull << 37); ns += ns / 7 + 1) {
        memset(&h, 0, sizeof h);
        histogram_add(&h, ns);
        double error = fabs((double)histogram_quantile(&h, 0.5) - (double)ns) / (double)ns;
        ck_assert_msg(error <= 0.125, "%llu: %f", (unsigned long long)ns, error);
        ck_assert_uint_ge(histogram_quantile(&h, 1), ns);
        ck_assert_uint_le(histogram_quantile(&h, 0), ns);
    }
}
END_TEST

START_TEST(values_at_the_ends_are_kept)
{
    static const uint64_t values[] = {
        0, 1, 127, 128, 1023, 1024, (1ull << 37) - 1, 1ull << 37, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        histogram_add(&h, values[i]);
    }
    uint64_t n = 0;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        n += count_get(&h.bucket[i]);
    }
    ck_assert_uint_eq(n, 9);
    ck_assert_uint_eq(count_get(&h.count), 9);
    ck_assert_uint_eq(count_get(&h.bucket[0]), 3);                     /* 0, 1, 127 */
    ck_assert_uint_eq(count_get(&h.bucket[HISTOGRAM_BUCKETS - 1]), 3); /* the last three */
    ck_assert_uint_eq(histogram_quantile(&h, 1), 1ull << 37);
}
END_TEST

START_TEST(quantiles_of_a_uniform_spread_are_right)
{
    for (uint64_t us = 1; us <= 10000; us++) {
        histogram_add(&h, us * 1000);
    }
    static const double qs[] = {0.01, 0.1, 0.5, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < sizeof qs / sizeof qs[0]; i++) {
        double got = (double)histogram_quantile(&h, qs[i]);
        ck_assert_double_eq_tol(got / (qs[i] * 1e7), 1, 0.06); /* the last bucket is not full */
    }
}
END_TEST

START_TEST(quantile_bounds_and_the_empty_histogram)
{
    ck_assert_uint_eq(histogram_quantile(&h, 0.5), 0);
    histogram_add(&h, 5000);
    ck_assert_uint_eq(histogram_quantile(&h, -1), histogram_quantile(&h, 0));
    ck_assert_uint_eq(histogram_quantile(&h, 7), histogram_quantile(&h, 1));
}
END_TEST

START_TEST(merge_adds_everything)
{
    struct histogram sum;
    memset(&sum, 0, sizeof sum);
    histogram_add(&h, 1000000);
    histogram_add(&h, 3000000);
    histogram_merge(&sum, &h);
    histogram_merge(&sum, &h);
    ck_assert_uint_eq(count_get(&sum.count), 4);
    ck_assert_uint_eq(count_get(&sum.sum_ns), 8000000);
    ck_assert_uint_eq(histogram_quantile(&sum, 1), histogram_quantile(&h, 1));
}
END_TEST

START_TEST(json_has_its_keys)
{
    histogram_json(&b, &h);
    ck_assert_str_eq(text(), "{\"count\":0,\"mean_us\":0,\"p50_us\":0,\"p90_us\":0,"
                             "\"p99_us\":0,\"max_us\":0}");
    buf_clear(&b);
    histogram_add(&h, 2000000);
    histogram_json(&b, &h);
    ck_assert_ptr_nonnull(strstr(text(), "{\"count\":1,\"mean_us\":2000,"));
}
END_TEST

START_TEST(heads_and_samples_have_the_format)
{
    metric_head(&b, "a_total", METRIC_COUNTER, "One\\two\nthree.");
    metric_u64(&b, "a_total", NULL, UINT64_MAX);
    metric_u64(&b, "a_total", "", 1);
    metric_head(&b, "g", METRIC_GAUGE, "G.");
    metric_double(&b, "g", "x=\"1\"", 0.25);
    ck_assert_str_eq(text(), "# HELP tribikos_a_total One\\\\two\\nthree.\n"
                             "# TYPE tribikos_a_total counter\n"
                             "tribikos_a_total 18446744073709551615\n"
                             "tribikos_a_total 1\n"
                             "# HELP tribikos_g G.\n"
                             "# TYPE tribikos_g gauge\n"
                             "tribikos_g{x=\"1\"} 0.25\n");
}
END_TEST

START_TEST(labels_are_escaped_and_joined)
{
    metric_label(&b, "db", STR("a\"b\\c\nd"));
    ck_assert_str_eq(b.ptr, "db=\"a\\\"b\\\\c\\nd\"");
    metric_label(&b, "state", STR(""));
    ck_assert_str_eq(b.ptr, "db=\"a\\\"b\\\\c\\nd\",state=\"\"");
    buf_clear(&b);
    metric_label(&b, "x", STR("y"));
    ck_assert_str_eq(b.ptr, "x=\"y\"");
}
END_TEST

START_TEST(histogram_text_is_cumulative_and_ends_in_the_count)
{
    histogram_add(&h, 50000);           /* 50 µs */
    histogram_add(&h, 700000);          /* 0.7 ms */
    histogram_add(&h, 20000000000ull);  /* 20 s */
    histogram_add(&h, 100000000000ull); /* 100 s */
    metric_histogram_head(&b, "t_seconds", "T.");
    metric_histogram(&b, "t_seconds", "s=\"q\"", &h);
    const char *t = text();
    static const char *const lines[] = {
        "# TYPE tribikos_t_seconds histogram\n",
        "tribikos_t_seconds_bucket{s=\"q\",le=\"0.0001\"} 1\n",
        "tribikos_t_seconds_bucket{s=\"q\",le=\"0.0005\"} 1\n",
        "tribikos_t_seconds_bucket{s=\"q\",le=\"0.001\"} 2\n",
        "tribikos_t_seconds_bucket{s=\"q\",le=\"10\"} 2\n",
        "tribikos_t_seconds_bucket{s=\"q\",le=\"30\"} 3\n",
        "tribikos_t_seconds_bucket{s=\"q\",le=\"60\"} 3\n",
        "tribikos_t_seconds_bucket{s=\"q\",le=\"+Inf\"} 4\n",
        "tribikos_t_seconds_sum{s=\"q\"} 120.00075\n",
        "tribikos_t_seconds_count{s=\"q\"} 4\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        ck_assert_msg(strstr(t, lines[i]) != NULL, "no %s in\n%s", lines[i], t);
    }
}
END_TEST

START_TEST(histogram_without_labels_has_only_le)
{
    metric_histogram(&b, "t_seconds", NULL, &h);
    const char *t = text();
    ck_assert_ptr_nonnull(strstr(t, "tribikos_t_seconds_bucket{le=\"+Inf\"} 0\n"));
    ck_assert_ptr_nonnull(strstr(t, "tribikos_t_seconds_count 0\n"));
}
END_TEST

static void *write_many(void *arg)
{
    (void)arg;
    for (uint64_t i = 0; i < 200000; i++) {
        histogram_add(&h, i * 37);
    }
    return NULL;
}

START_TEST(reader_beside_the_writer_sees_consistent_text)
{
    pthread_t t;
    ck_assert_int_eq(pthread_create(&t, NULL, write_many, NULL), 0);
    for (int i = 0; i < 50; i++) {
        buf_clear(&b);
        metric_histogram(&b, "t_seconds", NULL, &h);
        const char *inf = strstr(text(), "+Inf\"} ");
        const char *count = strstr(b.ptr, "_count ");
        ck_assert_uint_eq(strtoull(inf + 7, NULL, 10), strtoull(count + 7, NULL, 10));
        (void)histogram_quantile(&h, 0.99);
    }
    pthread_join(t, NULL);
    ck_assert_uint_eq(count_get(&h.count), 200000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stats");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, many_alike_count_as_so_many);
    tcase_add_test(t, one_value_is_found_within_an_eighth);
    tcase_add_test(t, values_at_the_ends_are_kept);
    tcase_add_test(t, quantiles_of_a_uniform_spread_are_right);
    tcase_add_test(t, quantile_bounds_and_the_empty_histogram);
    tcase_add_test(t, merge_adds_everything);
    tcase_add_test(t, json_has_its_keys);
    tcase_add_test(t, heads_and_samples_have_the_format);
    tcase_add_test(t, labels_are_escaped_and_joined);
    tcase_add_test(t, histogram_text_is_cumulative_and_ends_in_the_count);
    tcase_add_test(t, histogram_without_labels_has_only_le);
    tcase_add_test(t, reader_beside_the_writer_sees_consistent_text);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
