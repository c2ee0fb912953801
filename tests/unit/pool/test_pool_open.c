/* SPDX-License-Identifier: MIT
 *
 * Tests of pool/pool_open.c: how many connects there are, and a database that is
 * down.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rig rig;

static void up(void)
{
    struct pool_opts o = rig_opts();
    o.max_overflow = 14;
    rig_up(&rig, &o, 1);
}

static void down(void)
{
    rig_down(&rig);
}

static const struct fake_reply refused = {.act = FAKE_FAIL, .message = "nobody listens"};

START_TEST(there_are_no_more_opens_than_waiters)
{
    struct ask a[3];
    fake_always(&rig.db, FAKE_OPEN, (struct fake_reply){.delay_ms = 10});
    for (int i = 0; i < 3; i++) {
        ask_on(&rig, 0, &a[i]);
    }
    for (int i = 0; i < 3; i++) {
        ask_get(&rig, &a[i]);
    }
    FOR_MS(&rig, 20);
    ck_assert_int_eq(GET(rig.db.calls[FAKE_OPEN]), 3);
    for (int i = 0; i < 3; i++) {
        ask_return(&a[i], POOL_CLEAN);
    }
}
END_TEST

START_TEST(opens_at_a_time_are_bounded)
{
    struct ask a[12];
    fake_always(&rig.db, FAKE_OPEN, (struct fake_reply){.delay_ms = 5});
    for (int i = 0; i < 12; i++) {
        ask_on(&rig, 0, &a[i]);
    }
    ck_assert_int_eq(GET(rig.share.counts.opening), 4);
    for (int i = 0; i < 12; i++) {
        ask_get(&rig, &a[i]);
    }
    ck_assert_int_le(GET(rig.db.opening_max), 4);
    for (int i = 0; i < 12; i++) {
        ask_return(&a[i], POOL_CLEAN);
    }
}
END_TEST

START_TEST(connection_opened_for_one_who_left_goes_idle)
{
    struct ask a, b;
    fake_once(&rig.db, FAKE_OPEN, (struct fake_reply){.act = FAKE_HANG});
    ask_until(&rig, 0, &a, clock_now_ns() + 20 * MS);
    UNTIL(&rig, a.calls > 0);
    ck_assert_int_eq(a.err, ERR_POOL_TIMEOUT);
    fake_let_go(&rig.db);
    UNTIL(&rig, GET(rig.share.counts.idle) == 1);
    ask_now(&rig, 0, &b);
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(failed_connect_fails_all_waiters_in_the_databases_words)
{
    struct ask a[6];
    fake_once(&rig.db, FAKE_OPEN, refused);
    fake_always(&rig.db, FAKE_OPEN, (struct fake_reply){.act = FAKE_FAIL, .delay_ms = 600});
    for (int i = 0; i < 6; i++) {
        ask_on(&rig, 0, &a[i]);
    }
    uint64_t from_ns = clock_now_ns();
    for (int i = 0; i < 6; i++) {
        UNTIL(&rig, a[i].calls > 0);
        ck_assert_int_eq(a[i].err, ERR_CONNECTION_FAILED);
        ck_assert_int_eq(a[i].fail.code, ERR_CONNECTION_FAILED);
        ck_assert_str_eq(a[i].fail.message, "nobody listens");
    }
    ck_assert_uint_lt(clock_now_ns() - from_ns, 500 * MS);
    ck_assert_int_eq(GET(rig.share.down), 1);
}
END_TEST

START_TEST(acquire_is_refused_at_once_while_down)
{
    struct ask a;
    fake_always(&rig.db, FAKE_OPEN, refused);
    ask_on(&rig, 0, &a);
    UNTIL(&rig, a.calls > 0);
    int64_t opens = GET(rig.db.calls[FAKE_OPEN]);
    for (int i = 0; i < 50; i++) {
        ask_on(&rig, 0, &a);
        rig_turn(&rig);
        rig_turn(&rig);
        ck_assert_int_eq(a.calls, 1);
        ck_assert_int_eq(a.err, ERR_CONNECTION_FAILED);
        ck_assert_str_eq(a.fail.message, "nobody listens");
    }
    ck_assert_int_le(GET(rig.db.calls[FAKE_OPEN]) - opens, 3);
    ck_assert_int_eq(GET(rig.share.counts.refused), 51);
}
END_TEST

START_TEST(prober_tries_ever_less_often)
{
    struct ask a;
    fake_always(&rig.db, FAKE_OPEN, refused);
    uint64_t from_ns = clock_now_ns();
    ask_on(&rig, 0, &a);
    UNTIL(&rig, GET(rig.share.counts.open_failed) >= 5);
    /* 20 + 40 + 80 + 80 ms */
    ck_assert_uint_ge(clock_now_ns() - from_ns, 220 * MS);
    ck_assert_int_eq(GET(rig.db.opening_max), 1);
}
END_TEST

START_TEST(connects_that_fail_together_count_once_for_the_back_off)
{
    struct ask a[4];
    fake_always(&rig.db, FAKE_OPEN, (struct fake_reply){.act = FAKE_FAIL, .delay_ms = 5});
    for (int i = 0; i < 4; i++) {
        ask_on(&rig, 0, &a[i]);
    }
    UNTIL(&rig, GET(rig.share.counts.open_failed) == 4);
    ck_assert_uint_eq(rig.share.backoff_ms, 20);
    UNTIL(&rig, GET(rig.share.counts.open_failed) == 5);
    ck_assert_uint_eq(rig.share.backoff_ms, 40);
}
END_TEST

START_TEST(database_heals_by_itself_and_is_used_again)
{
    struct ask a, b;
    fake_always(&rig.db, FAKE_OPEN, refused);
    ask_on(&rig, 0, &a);
    UNTIL(&rig, a.calls > 0);
    fake_always(&rig.db, FAKE_OPEN, (struct fake_reply){0});
    UNTIL(&rig, GET(rig.share.down) == 0); /* nobody asks meanwhile */
    ck_assert_int_eq(GET(rig.share.counts.idle), 1);
    ask_now(&rig, 0, &b);
    ask_return(&b, POOL_CLEAN);
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
}
END_TEST

START_TEST(connects_start_slowly_after_a_failure)
{
    struct ask a[8];
    fake_once(&rig.db, FAKE_OPEN, refused);
    ask_on(&rig, 0, &a[0]);
    UNTIL(&rig, a[0].calls > 0);
    UNTIL(&rig, GET(rig.share.down) == 0);
    fake_always(&rig.db, FAKE_OPEN, (struct fake_reply){.delay_ms = 5});
    for (int i = 0; i < 8; i++) {
        ask_on(&rig, 0, &a[i]);
    }
    /* one came idle from the probe; of the rest not four at once */
    ck_assert_int_eq(GET(rig.share.counts.opening), 2);
    for (int i = 0; i < 8; i++) {
        ask_get(&rig, &a[i]);
        ask_return(&a[i], POOL_CLEAN);
    }
}
END_TEST

START_TEST(idle_connections_are_lent_even_while_down)
{
    struct ask a, b, c;
    ask_now(&rig, 0, &a);
    ask_return(&a, POOL_CLEAN);
    fake_always(&rig.db, FAKE_OPEN, refused);
    ask_now(&rig, 0, &a);
    ask_on(&rig, 0, &b);
    UNTIL(&rig, GET(rig.share.down) == 1);
    ask_return(&a, POOL_CLEAN);
    FOR_MS(&rig, 5);
    if (b.calls == 0 || b.err == ERR_OK) {
        ask_get(&rig, &b);
        ask_return(&b, POOL_CLEAN);
    }
    ask_now(&rig, 0, &c);
    ask_return(&c, POOL_CLEAN);
}
END_TEST

START_TEST(refused_connect_leaves_those_who_wait_for_a_working_one)
{
    /* a server that is at its own limit of connections, not down */
    struct ask a, b;
    ask_now(&rig, 0, &a);
    fake_always(&rig.db, FAKE_OPEN, refused);
    ask_on(&rig, 0, &b);
    UNTIL(&rig, GET(rig.share.down) == 1);
    FOR_MS(&rig, 50);
    ck_assert_int_eq(b.calls, 0);
    ask_return(&a, POOL_CLEAN);
    ask_get(&rig, &b);
    ask_return(&b, POOL_CLEAN);
}
END_TEST

START_TEST(waiters_fail_when_the_last_working_connection_breaks_while_down)
{
    struct ask a, b;
    ask_now(&rig, 0, &a);
    fake_always(&rig.db, FAKE_OPEN, refused);
    ask_on(&rig, 0, &b);
    UNTIL(&rig, GET(rig.share.down) == 1);
    ask_return(&a, POOL_BROKEN);
    UNTIL(&rig, b.calls > 0);
    ck_assert_int_eq(b.err, ERR_CONNECTION_FAILED);
    ck_assert_str_eq(b.fail.message, "nobody listens");
}
END_TEST

START_TEST(waiters_fail_when_lent_connections_show_no_life_while_down)
{
    struct ask a, b;
    ask_now(&rig, 0, &a);
    FOR_MS(&rig, 1050);
    fake_always(&rig.db, FAKE_OPEN, refused);
    ask_on(&rig, 0, &b);
    UNTIL(&rig, b.calls > 0);
    ck_assert_int_eq(b.err, ERR_CONNECTION_FAILED);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(failed_attach_counts_as_a_failed_connect)
{
    struct ask a;
    fake_once(&rig.db, FAKE_OPEN, (struct fake_reply){.act = FAKE_NO_ATTACH});
    ask_on(&rig, 0, &a);
    UNTIL(&rig, a.calls > 0);
    ck_assert_int_eq(a.err, ERR_CONNECTION_FAILED);
    UNTIL(&rig, GET(rig.share.down) == 0);
    ck_assert_int_eq(GET(rig.share.counts.open_failed), 1);
    ck_assert_int_eq(GET(rig.share.counts.opened), 1);
}
END_TEST

START_TEST(no_memory_for_a_connect_does_not_mean_down)
{
    struct ask a;
    fake_once(&rig.db, FAKE_OPEN,
              (struct fake_reply){.act = FAKE_FAIL, .err = ERR_OUT_OF_MEMORY});
    ask_on(&rig, 0, &a);
    UNTIL(&rig, a.calls > 0);
    ck_assert_int_eq(a.err, ERR_OUT_OF_MEMORY);
    ck_assert_int_eq(GET(rig.share.down), 0);
    ask_now(&rig, 0, &a);
    ask_return(&a, POOL_CLEAN);
}
END_TEST

START_TEST(password_and_failure_lines)
{
    char path[] = "/tmp/pool-log-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    unlink(path);
    rig.log.fd = fd;
    log_set_level(&rig.log, LOG_POOL, LOG_DEBUG);
    struct ask a;
    fake_once(&rig.db, FAKE_OPEN, refused);
    ask_on(&rig, 0, &a);
    UNTIL(&rig, a.calls > 0);
    UNTIL(&rig, GET(rig.share.down) == 0);
    ask_now(&rig, 0, &a);
    ask_return(&a, POOL_BROKEN);
    rig.log.fd = -1;
    char text[8192] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    ck_assert_int_gt(n, 0);
    ck_assert_ptr_nonnull(strstr(text, "connect failed db=test error=\"nobody listens\""));
    ck_assert_ptr_nonnull(strstr(text, "the database is back"));
    ck_assert_ptr_nonnull(strstr(text, "connected db=test"));
    ck_assert_ptr_nonnull(strstr(text, "lent db=test"));
    ck_assert_ptr_nonnull(strstr(text, "closed: broken"));
    ck_assert_ptr_null(strstr(text, "s3cret"));
    close(fd);
}
END_TEST

START_TEST(min_idle_is_opened_at_once_and_kept)
{
    rig_down(&rig);
    struct pool_opts o = rig_opts();
    o.min_idle = 5; /* more than size: size counts */
    o.max_overflow = 3;
    rig_up(&rig, &o, 2);
    UNTIL(&rig, GET(rig.share.counts.idle) == 2);
    FOR_MS(&rig, 20);
    ck_assert_int_eq(GET(rig.db.calls[FAKE_OPEN]), 2);
    struct ask a;
    ask_now(&rig, 1, &a);
    ask_return(&a, POOL_BROKEN);
    UNTIL(&rig, GET(rig.share.counts.idle) == 2);
}
END_TEST

START_TEST(min_idle_replaces_connections_that_break_while_idle)
{
    rig_down(&rig);
    struct pool_opts o = rig_opts();
    o.min_idle = 1;
    rig_up(&rig, &o, 1);
    fake_once(&rig.db, FAKE_RUN, (struct fake_reply){0});
    UNTIL(&rig, GET(rig.share.counts.idle) == 1);
    struct ask a;
    ask_now(&rig, 0, &a);
    struct db_conn *c = a.conn;
    ask_return(&a, POOL_CLEAN);
    fake_break_idle(c);
    UNTIL(&rig, GET(rig.share.counts.invalidated) == 1 && GET(rig.share.counts.idle) == 1);
}
END_TEST

START_TEST(min_idle_does_not_hammer_a_database_that_is_down)
{
    rig_down(&rig);
    struct pool_opts o = rig_opts();
    o.min_idle = 2;
    rig_up(&rig, &o, 1);
    rig_close_pool(&rig, 0);
    fake_always(&rig.db, FAKE_OPEN, refused);
    rig.pool[0] =
        pool_create(&rig.share, &rig.db.target, &rig.loop[0], rig.connector, &rig.log);
    int64_t before = GET(rig.db.open_failed);
    FOR_MS(&rig, 200);
    ck_assert_int_le(GET(rig.db.open_failed) - before, 6);
    UNTIL(&rig, GET(rig.db.open_failed) - before >= 2);
    fake_always(&rig.db, FAKE_OPEN, (struct fake_reply){0});
    UNTIL(&rig, GET(rig.share.counts.idle) == 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool/open");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, there_are_no_more_opens_than_waiters);
    tcase_add_test(t, opens_at_a_time_are_bounded);
    tcase_add_test(t, connection_opened_for_one_who_left_goes_idle);
    tcase_add_test(t, failed_connect_fails_all_waiters_in_the_databases_words);
    tcase_add_test(t, acquire_is_refused_at_once_while_down);
    tcase_add_test(t, prober_tries_ever_less_often);
    tcase_add_test(t, connects_that_fail_together_count_once_for_the_back_off);
    tcase_add_test(t, database_heals_by_itself_and_is_used_again);
    tcase_add_test(t, connects_start_slowly_after_a_failure);
    tcase_add_test(t, idle_connections_are_lent_even_while_down);
    tcase_add_test(t, refused_connect_leaves_those_who_wait_for_a_working_one);
    tcase_add_test(t, waiters_fail_when_the_last_working_connection_breaks_while_down);
    tcase_add_test(t, waiters_fail_when_lent_connections_show_no_life_while_down);
    tcase_add_test(t, failed_attach_counts_as_a_failed_connect);
    tcase_add_test(t, no_memory_for_a_connect_does_not_mean_down);
    tcase_add_test(t, password_and_failure_lines);
    tcase_add_test(t, min_idle_is_opened_at_once_and_kept);
    tcase_add_test(t, min_idle_replaces_connections_that_break_while_idle);
    tcase_add_test(t, min_idle_does_not_hammer_a_database_that_is_down);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
