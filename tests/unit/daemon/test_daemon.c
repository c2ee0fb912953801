/* SPDX-License-Identifier: MIT
 *
 * Tests of daemon/daemon.c: what a start that fails leaves behind, and its exit code.
 */
#include "base/buf.h"
#include "daemon/daemon.h"

#include <check.h>
#include <stdlib.h>

static enum daemon_exit run_with(const char *yaml)
{
    struct buf errors;
    buf_init(&errors);
    struct conf *c = conf_parse("test", str_of(yaml), &errors);
    ck_assert_msg(c != NULL, "%.*s", (int)errors.len, errors.ptr);
    buf_fini(&errors);
    return daemon_run(&(struct daemon_opts){.conf = c});
}

START_TEST(a_url_that_the_driver_refuses_is_a_bad_conf)
{
    ck_assert_int_eq(run_with("listen: [{tcp: \"127.0.0.1:7432\"}]\n"
                              "databases: {main: {url: \"sqlite:///x.db?nonsense=1\"}}\n"),
                     EXIT_BAD_CONF);
}
END_TEST

START_TEST(an_address_that_cannot_be_had_is_a_failed_start)
{
    ck_assert_int_eq(run_with("listen: [{unix: /nowhere/at/all.sock}]\nworkers: 2\n"
                              "http: off\ndatabases: {main: {url: \"sqlite://\"}}\n"),
                     EXIT_FAILED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("daemon");
    TCase *t = tcase_create("daemon");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_url_that_the_driver_refuses_is_a_bad_conf);
    tcase_add_test(t, an_address_that_cannot_be_had_is_a_failed_start);
    suite_add_tcase(s, t);
    SRunner *run = srunner_create(s);
    srunner_run_all(run, CK_ENV);
    int failed = srunner_ntests_failed(run);
    srunner_free(run);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
