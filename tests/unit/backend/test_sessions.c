/* SPDX-License-Identifier: MIT
 *
 * Tests of backend/sessions.h: which sessions are ours.
 */
#include "backend/sessions.h"

#include <check.h>
#include <stddef.h>
#include <stdlib.h>

static struct sessions list;

static void up(void)
{
    list = (struct sessions){0};
}

START_TEST(ours_are_those_that_were_added)
{
    ck_assert(!sessions_have(&list, 7));
    sessions_add(&list, 7);
    sessions_add(&list, 8);
    ck_assert(sessions_have(&list, 7));
    ck_assert(sessions_have(&list, 8));
    sessions_remove(&list, 7);
    ck_assert(!sessions_have(&list, 7));
    ck_assert(sessions_have(&list, 8));
    sessions_remove(&list, 9); /* never was */
    ck_assert(sessions_have(&list, 8));
}
END_TEST

/* A server may give the number of a session that is over to the next one, before we have
 * heard of the end of the first. */
START_TEST(one_number_may_stand_twice)
{
    sessions_add(&list, 7);
    sessions_add(&list, 7);
    sessions_remove(&list, 7);
    ck_assert(sessions_have(&list, 7));
    sessions_remove(&list, 7);
    ck_assert(!sessions_have(&list, 7));
}
END_TEST

START_TEST(too_many_are_strangers)
{
    for (uint64_t id = 1; id <= SESSIONS_MAX + 5; id++) {
        sessions_add(&list, id);
    }
    ck_assert(sessions_have(&list, SESSIONS_MAX));
    ck_assert(!sessions_have(&list, SESSIONS_MAX + 1));
    sessions_remove(&list, 3);
    sessions_add(&list, SESSIONS_MAX + 1);
    ck_assert(sessions_have(&list, SESSIONS_MAX + 1));
}
END_TEST

START_TEST(no_number_and_no_list_are_borne)
{
    sessions_add(&list, 0);
    ck_assert(!sessions_have(&list, 0));
    sessions_add(NULL, 7);
    sessions_remove(NULL, 7);
    ck_assert(!sessions_have(NULL, 7));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sessions");
    TCase *t = tcase_create("sessions");
    tcase_add_checked_fixture(t, up, NULL);
    tcase_add_test(t, ours_are_those_that_were_added);
    tcase_add_test(t, one_number_may_stand_twice);
    tcase_add_test(t, too_many_are_strangers);
    tcase_add_test(t, no_number_and_no_list_are_borne);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
