/* SPDX-License-Identifier: MIT
 *
 * test_scalar.c: durations, sizes, addresses.
 */
#include "conf/scalar.h"

#include <check.h>

START_TEST(durations_need_a_unit)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t ms;
    } cases[] = {
        {"500ms", true, 500},
        {"30s", true, 30000},
        {"5m", true, 300000},
        {"1h", true, 3600000},
        {"2d", true, 172800000},
        {"0s", true, 0},
        {"30", false, 0},
        {"s", false, 0},
        {"", false, 0},
        {"-1s", false, 0},
        {"1.5s", false, 0},
        {"1 s", false, 0},
        {"1S", false, 0},
        {"1min", false, 0},
        {"9223372036854775807d", false, 0},
        {"1h30m", false, 0},
        {"99999999999999999999s", false, 0},
    };
    uint64_t ms = 77;
    ck_assert_int_eq(scalar_duration(str_of(cases[_i].text), &ms), cases[_i].ok);
    if (cases[_i].ok) {
        ck_assert_uint_eq(ms, cases[_i].ms);
    }
}
END_TEST

START_TEST(sizes_are_binary_and_need_a_unit)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t bytes;
    } cases[] = {
        {"512B", true, 512},       {"64KiB", true, 65536},
        {"16MiB", true, 16777216}, {"1GiB", true, 1U << 30},
        {"64", false, 0},          {"64KB", false, 0},
        {"64K", false, 0},         {"16777216TiB", false, 0},
        {"KiB", false, 0},         {"8388607TiB", true, UINT64_C(8388607) << 40},
    };
    uint64_t bytes = 77;
    ck_assert_int_eq(scalar_size(str_of(cases[_i].text), &bytes), cases[_i].ok);
    if (cases[_i].ok) {
        ck_assert_uint_eq(bytes, cases[_i].bytes);
    }
}
END_TEST

START_TEST(addresses_have_a_host_and_a_port)
{
    static const struct {
        const char *text, *host; /* NULL: no address */
        uint16_t port;
    } cases[] = {
        {"127.0.0.1:7432", "127.0.0.1", 7432},
        {"[::1]:1", "::1", 1},
        {"localhost:65535", "localhost", 65535},
        {":7432", NULL, 0},
        {"127.0.0.1", NULL, 0},
        {"127.0.0.1:", NULL, 0},
        {"127.0.0.1:0", NULL, 0},
        {"127.0.0.1:65536", NULL, 0},
        {"::1:7432", NULL, 0},
        {"[]:7432", NULL, 0},
        {"h:-5", NULL, 0},
        {"h:5x", NULL, 0},
    };
    struct str host = {0};
    uint16_t port = 0;
    bool ok = scalar_address(str_of(cases[_i].text), &host, &port);
    ck_assert_int_eq(ok, cases[_i].host != NULL);
    if (ok) {
        ck_assert(str_is(host, cases[_i].host));
        ck_assert_uint_eq(port, cases[_i].port);
    }
}
END_TEST

START_TEST(loopback_is_what_nobody_else_reaches)
{
    static const struct {
        const char *host;
        bool loopback;
    } cases[] = {
        {"127.0.0.1", true},
        {"127.255.3.4", true},
        {"::1", true},
        {"localhost", true},
        {"0.0.0.0", false},
        {"::", false},
        {"10.0.0.1", false},
        {"128.0.0.1", false},
        {"127.0.0.1.example.org", false},
        {"localhost.example.org", false},
        {"127.1", false},
    };
    ck_assert_int_eq(scalar_is_loopback(str_of(cases[_i].host)), cases[_i].loopback);
}
END_TEST

START_TEST(modes_are_octal)
{
    uint32_t mode = 0;
    ck_assert(scalar_mode(STR("0600"), &mode));
    ck_assert_uint_eq(mode, 0600);
    ck_assert(scalar_mode(STR("777"), &mode));
    ck_assert_uint_eq(mode, 0777);
    ck_assert(!scalar_mode(STR("0680"), &mode));
    ck_assert(!scalar_mode(STR("4755"), &mode));
    ck_assert(!scalar_mode(STR("60"), &mode));
    ck_assert(!scalar_mode(STR("00600"), &mode));
}
END_TEST

START_TEST(switches_have_two_spellings)
{
    bool on = false;
    ck_assert(scalar_bool(STR("on"), &on) && on);
    ck_assert(scalar_bool(STR("True"), &on) && on);
    ck_assert(scalar_bool(STR("off"), &on) && !on);
    ck_assert(scalar_bool(STR("false"), &on) && !on);
    ck_assert(!scalar_bool(STR("yes"), &on));
    ck_assert(!scalar_bool(STR("1"), &on));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scalar");
    TCase *t = tcase_create("texts");
    tcase_add_loop_test(t, durations_need_a_unit, 0, 17);
    tcase_add_loop_test(t, sizes_are_binary_and_need_a_unit, 0, 10);
    tcase_add_loop_test(t, addresses_have_a_host_and_a_port, 0, 12);
    tcase_add_loop_test(t, loopback_is_what_nobody_else_reaches, 0, 11);
    tcase_add_test(t, modes_are_octal);
    tcase_add_test(t, switches_have_two_spellings);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
