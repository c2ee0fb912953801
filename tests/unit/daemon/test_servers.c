/* SPDX-License-Identifier: MIT
 *
 * Tests of daemon/servers.c: who is the primary, by what is known of the servers.
 */
#include "daemon/servers.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 3

static struct server servers[COUNT];
static struct roles roles;

static void up(void)
{
    memset(servers, 0, sizeof servers);
    memset(&roles, 0, sizeof roles);
    roles_init(&roles, servers, COUNT);
}

static void down(void)
{
    roles_fini(&roles);
}

static void is(uint32_t n, enum server_health health, enum server_role role)
{
    atomic_store(&servers[n].health, health);
    atomic_store(&servers[n].role, role);
}

static void expect(bool changed, uint32_t primary, enum writes_go writes)
{
    ck_assert_int_eq(roles_judge(&roles, servers, COUNT), changed);
    ck_assert_uint_eq(atomic_load(&roles.primary), primary);
    ck_assert_int_eq(atomic_load(&roles.writes), writes);
}

START_TEST(whoever_alone_takes_writes_is_the_primary)
{
    is(0, SERVER_UP, ROLE_REPLICA);
    is(1, SERVER_UP, ROLE_PRIMARY);
    is(2, SERVER_UP, ROLE_REPLICA);
    expect(true, 1, WRITES_TO_PRIMARY);
    expect(false, 1, WRITES_TO_PRIMARY);
}
END_TEST

START_TEST(two_that_take_writes_get_none)
{
    is(0, SERVER_UP, ROLE_PRIMARY);
    is(1, SERVER_UP, ROLE_REPLICA);
    expect(false, 0, WRITES_TO_PRIMARY);
    is(1, SERVER_UP, ROLE_PRIMARY);
    expect(true, 0, WRITES_REFUSED);
    is(0, SERVER_UP, ROLE_REPLICA);
    expect(true, 1, WRITES_TO_PRIMARY);
}
END_TEST

START_TEST(a_server_that_is_down_claims_nothing)
{
    is(0, SERVER_UP, ROLE_PRIMARY);
    is(1, SERVER_UP, ROLE_PRIMARY);
    expect(true, 0, WRITES_REFUSED);
    is(0, SERVER_DOWN, ROLE_PRIMARY);
    expect(true, 1, WRITES_TO_PRIMARY);
}
END_TEST

START_TEST(a_primary_that_is_away_keeps_its_place_while_nobody_takes_it)
{
    is(0, SERVER_UP, ROLE_PRIMARY);
    is(1, SERVER_UP, ROLE_REPLICA);
    expect(false, 0, WRITES_TO_PRIMARY);
    is(0, SERVER_DOWN, ROLE_PRIMARY);
    expect(false, 0, WRITES_TO_PRIMARY); /* its pool says why it cannot be had */
    is(0, SERVER_UP, ROLE_REPLICA);
    expect(true, 0, WRITES_NOWHERE);
    is(1, SERVER_UP, ROLE_PRIMARY);
    expect(true, 1, WRITES_TO_PRIMARY);
}
END_TEST

START_TEST(the_conf_keeps_writes_from_replicas)
{
    servers[1].wanted = CONF_ROLE_REPLICA;
    is(0, SERVER_UP, ROLE_PRIMARY);
    is(1, SERVER_UP, ROLE_PRIMARY);
    expect(false, 0, WRITES_TO_PRIMARY);
    is(0, SERVER_DOWN, ROLE_PRIMARY);
    expect(false, 0, WRITES_TO_PRIMARY);
}
END_TEST

START_TEST(the_primary_of_the_conf_is_the_only_one)
{
    servers[2].wanted = CONF_ROLE_PRIMARY;
    roles_fini(&roles);
    memset(&roles, 0, sizeof roles);
    roles_init(&roles, servers, COUNT);
    ck_assert_uint_eq(atomic_load(&roles.primary), 2);
    is(2, SERVER_DOWN, ROLE_UNKNOWN);
    is(0, SERVER_UP, ROLE_PRIMARY);
    expect(true, 2, WRITES_NOWHERE);
    is(2, SERVER_UP, ROLE_PRIMARY);
    expect(true, 2, WRITES_REFUSED);
    is(0, SERVER_UP, ROLE_REPLICA);
    expect(true, 2, WRITES_TO_PRIMARY);
}
END_TEST

START_TEST(who_takes_no_writes_and_follows_nobody_serves_reads_as_the_primary)
{
    is(0, SERVER_UP, ROLE_REPLICA);
    is(1, SERVER_UP, ROLE_READ_ONLY);
    expect(true, 1, WRITES_NOWHERE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("daemon/servers");
    TCase *t = tcase_create("roles");
    tcase_add_checked_fixture(t, up, down);
    tcase_add_test(t, whoever_alone_takes_writes_is_the_primary);
    tcase_add_test(t, two_that_take_writes_get_none);
    tcase_add_test(t, a_server_that_is_down_claims_nothing);
    tcase_add_test(t, a_primary_that_is_away_keeps_its_place_while_nobody_takes_it);
    tcase_add_test(t, the_conf_keeps_writes_from_replicas);
    tcase_add_test(t, the_primary_of_the_conf_is_the_only_one);
    tcase_add_test(t, who_takes_no_writes_and_follows_nobody_serves_reads_as_the_primary);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
