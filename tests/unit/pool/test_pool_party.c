/* SPDX-License-Identifier: MIT
 *
 * Tests of pool/pool_party.c: turns between clients, and how many connections one may
 * have.
 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 1000 };

static struct rig rig;
static struct ask many[MANY];

static void up(void)
{
    struct pool_opts o = rig_opts();
    o.size = 1;
    rig_up(&rig, &o, 1);
}

static void down(void)
{
    rig_down(&rig);
}

static void again(const struct pool_opts *o)
{
    rig_down(&rig);
    rig_up(&rig, o, 1);
}

static void serve(struct ask *a)
{
    ask_get(&rig, a);
    ask_return(a, POOL_CLEAN);
}

START_TEST(long_line_of_one_client_delays_another_by_one_loan)
{
    struct ask held, other;
    ask_now(&rig, 0, &held);
    for (int i = 0; i < MANY; i++) {
        ask_for(&rig, 0, &many[i], 7);
    }
    ask_for(&rig, 0, &other, 8);
    ask_return(&held, POOL_CLEAN);
    serve(&many[0]);
    serve(&other);
    for (int i = 1; i < MANY; i++) {
        ck_assert_int_eq(many[i].calls, 0);
        serve(&many[i]);
    }
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
}
END_TEST

START_TEST(clients_take_turns_and_each_is_served_in_order)
{
    enum { CLIENTS = 50, EACH = 4 };
    struct ask held;
    int last = 0;
    ask_now(&rig, 0, &held);
    for (int i = 0; i < CLIENTS * EACH; i++) {
        ask_for(&rig, 0, &many[i], (uint64_t)(i / EACH) + 1); /* client by client */
    }
    ask_return(&held, POOL_CLEAN);
    for (int n = 0; n < EACH; n++) {
        for (int c = 0; c < CLIENTS; c++) {
            struct ask *a = &many[c * EACH + n];
            serve(a);
            ck_assert_int_gt(a->order, last);
            last = a->order;
        }
    }
}
END_TEST

START_TEST(client_that_asks_again_and_again_does_not_pass_those_who_wait)
{
    struct ask held, patient;
    ask_now(&rig, 0, &held);
    ask_for(&rig, 0, &many[0], 1);
    ask_for(&rig, 0, &patient, 2);
    ask_for(&rig, 0, &many[1], 1);
    ask_return(&held, POOL_CLEAN);
    ask_get(&rig, &many[0]);
    ask_for(&rig, 0, &many[2], 1);
    ask_return(&many[0], POOL_CLEAN);
    serve(&patient);
    serve(&many[1]);
    serve(&many[2]);
}
END_TEST

START_TEST(waiters_that_leave_take_their_turn_with_them)
{
    struct ask held;
    ask_now(&rig, 0, &held);
    for (int i = 0; i < 30; i++) {
        ask_for(&rig, 0, &many[i], (uint64_t)i % 3 + 1);
    }
    for (int i = 0; i < 30; i++) {
        if (i % 3 == 1 || i == 0 || i == 29) { /* a whole client, a first and a last one */
            pool_cancel(rig.pool[0], &many[i].w);
        }
    }
    ask_return(&held, POOL_CLEAN);
    for (int i = 3; i < 28; i += 3) {
        serve(&many[i]);
        serve(&many[i - 1]);
    }
    ck_assert_int_eq(many[1].err, ERR_CANCELLED);
}
END_TEST

START_TEST(broken_loan_gives_the_turn_back)
{
    struct ask held, a, b;
    ask_now(&rig, 0, &held);
    struct db_conn *c = held.conn;
    ask_for(&rig, 0, &a, 1);
    ask_for(&rig, 0, &b, 2);
    ask_return(&held, POOL_CLEAN); /* granted to a, who is not told yet */
    fake_break_idle(c);
    serve(&a);
    serve(&b);
    ck_assert_int_lt(a.order, b.order);
}
END_TEST

START_TEST(one_client_has_only_so_many_connections)
{
    struct pool_opts o = rig_opts();
    o.size = 4;
    o.max_per_client = 2;
    again(&o);
    for (int i = 0; i < 5; i++) {
        ask_for(&rig, 0, &many[i], 1);
    }
    struct ask other;
    ask_get(&rig, &many[0]);
    ask_get(&rig, &many[1]);
    ask_for(&rig, 0, &other, 2);
    ask_get(&rig, &other);
    FOR_MS(&rig, 70);
    ck_assert_int_eq(many[2].calls, 0);
    ck_assert_int_eq(GET(rig.share.counts.busy), 3);
    ck_assert_int_eq(GET(rig.share.starving), 0);
    ck_assert(!pool_contended(rig.pool[0])); /* nobody could use what came back … */
    ask_return(&other, POOL_CLEAN);
    FOR_MS(&rig, 5);
    ck_assert_int_eq(many[2].calls, 0);
    ask_return(&many[0], POOL_CLEAN); /* … but of his own */
    ask_get(&rig, &many[2]);
    ask_return(&many[1], POOL_BROKEN);
    ask_get(&rig, &many[3]);
    pool_abort(rig.pool[0], many[2].conn);
    serve(&many[4]);
    ask_return(&many[3], POOL_CLEAN);
}
END_TEST

START_TEST(limit_holds_for_loans_without_waiting_and_not_for_number_zero)
{
    struct pool_opts o = rig_opts();
    o.size = 3;
    o.max_per_client = 1;
    again(&o);
    struct ask a[3], b, c;
    for (int i = 0; i < 3; i++) {
        ask_now(&rig, 0, &a[i]); /* nobody's */
    }
    for (int i = 0; i < 3; i++) {
        ask_return(&a[i], POOL_CLEAN);
    }
    ask_for(&rig, 0, &b, 1);
    ask_get(&rig, &b);
    ask_for(&rig, 0, &c, 1);
    FOR_MS(&rig, 5);
    ck_assert_int_eq(c.calls, 0);
    pool_cancel(rig.pool[0], &c.w);
    ask_return(&b, POOL_CLEAN);
    ask_for(&rig, 0, &b, 1);
    serve(&b);
    ck_assert_int_eq(c.err, ERR_CANCELLED);
}
END_TEST

START_TEST(wait_counts_from_the_arrival_of_the_request)
{
    struct ask held, late;
    ask_now(&rig, 0, &held);
    rig.share.opts.timeout_ms = 200;
    memset(&late, 0, sizeof late);
    late.w.arrived_ns = clock_now_ns() - 190 * MS;
    uint64_t from_ns = late.w.arrived_ns;
    ask_again(&rig, 0, &late);
    UNTIL(&rig, late.calls > 0);
    ck_assert_int_eq(late.err, ERR_POOL_TIMEOUT);
    ck_assert_uint_ge(clock_now_ns() - from_ns, 200 * MS);
    ask_return(&held, POOL_CLEAN);
    late.w.arrived_ns = 1; /* long past; but nobody has to wait */
    ask_again(&rig, 0, &late);
    serve(&late);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool/party");
    TCase *t = tcase_create("party");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, long_line_of_one_client_delays_another_by_one_loan);
    tcase_add_test(t, clients_take_turns_and_each_is_served_in_order);
    tcase_add_test(t, client_that_asks_again_and_again_does_not_pass_those_who_wait);
    tcase_add_test(t, waiters_that_leave_take_their_turn_with_them);
    tcase_add_test(t, broken_loan_gives_the_turn_back);
    tcase_add_test(t, one_client_has_only_so_many_connections);
    tcase_add_test(t, limit_holds_for_loans_without_waiting_and_not_for_number_zero);
    tcase_add_test(t, wait_counts_from_the_arrival_of_the_request);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
