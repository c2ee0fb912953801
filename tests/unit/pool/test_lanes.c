/* SPDX-License-Identifier: MIT
 *
 * Tests of pool/lanes.c and pool/flight.c over the scripted database, which takes one
 * statement at a time: so reads gather and are fused.
 */
#include "pool/lanes.h"
#include "pool/pool_impl.h"
#include "pool/shared.h"
#include "rig.h"

#include <string.h>

enum { MANY = 40 };

/* A read by key: the database gives a row for each number, its cells are that number. */
struct reader {
    struct row_sink sink; /* first */
    struct run run;
    struct shared_run shared;
    struct fail fail;
    struct value key;
    uint64_t rows, agains;
    int done;
};

static struct rig rig;
static struct reader readers[MANY];
static struct statement plain, any;
static const struct fusion fusions[] = {{.stmt = &any, .key_column = 1}};

static enum sink_verdict on_row(struct row_sink *s, const struct value *cells, struct fail *f)
{
    struct reader *r = (struct reader *)s;
    (void)cells;
    (void)f;
    ck_assert_int_eq(r->done, 0);
    r->rows++;
    return SINK_MORE;
}

static void on_again(struct row_sink *s)
{
    struct reader *r = (struct reader *)s;
    r->rows = 0;
    r->agains++;
}

static void on_done(struct run *run)
{
    struct reader *r = (struct reader *)(void *)((char *)run - offsetof(struct reader, run));
    r->done++;
    ck_assert_int_eq(r->done, 1);
    ck_assert_int_eq(run->err, r->fail.code);
}

static void up_with(struct pool_opts o)
{
    o.fusion = true;
    rig_up(&rig, &o, 1);
    plain = (struct statement){.id = 1,
                               .param_count = 1,
                               .column_count = 1,
                               .read_only = true,
                               .share = SHARE_READ,
                               .row_bound = 1,
                               .fusions = fusions,
                               .fusion_count = 1};
    any = plain;
    any.column_count = 2;
}

static void up(void)
{
    struct pool_opts o = rig_opts();
    o.size = 1;
    up_with(o);
}

static void down(void)
{
    rig_down(&rig);
}

static void answers(struct fake_reply reply)
{
    fake_always(&rig.db, FAKE_RUN, reply);
}

static void ask_key(int i, int64_t key)
{
    struct reader *r = &readers[i];
    *r = (struct reader){.sink = {.row = on_row, .again = on_again},
                         .key = {.kind = VALUE_INT, .num = key}};
    fail_init(&r->fail);
    r->run = (struct run){.stmt = &plain,
                          .params = &r->key,
                          .sets = 1,
                          .sink = &r->sink,
                          .done = on_done,
                          .fail = &r->fail};
    r->shared.since_ns = clock_now_ns();
    shared_start(rig.pool[0], &r->shared, &r->run);
    ck_assert_int_eq(r->done, 0);
}

static void ask_keys(int from, int to)
{
    for (int i = from; i < to; i++) {
        ask_key(i, i);
    }
}

static void wait_for(int i)
{
    struct rig *r = &rig;
    UNTIL(r, readers[i].done > 0);
}

static void expect_rows(int from, int to, uint64_t rows)
{
    for (int i = from; i < to; i++) {
        wait_for(i);
        ck_assert_msg(readers[i].run.err == ERR_OK, "%d: %s", i, readers[i].fail.message);
        ck_assert_uint_eq(readers[i].rows, rows);
        ck_assert_uint_eq(readers[i].run.rowcount, rows);
    }
}

static void expect_errors(int from, int to, enum err e)
{
    for (int i = from; i < to; i++) {
        wait_for(i);
        ck_assert_int_eq(readers[i].run.err, e);
    }
}

static void expect_free(void)
{
    struct rig *r = &rig;
    UNTIL(r, GET(rig.share.counts.lanes) == 0 && GET(rig.share.counts.busy) == 0);
}

START_TEST(what_is_short_and_proven_shares)
{
    struct value key = {.kind = VALUE_INT, .num = 1};
    struct pool *p = rig.pool[0];
    ck_assert(!shared_takes(p, &plain, &key));
    shared_learn(p, &plain, MS, 100);
    ck_assert(!shared_takes(p, &plain, &key)); /* once is no habit */
    shared_learn(p, &plain, MS, 100);
    ck_assert(shared_takes(p, &plain, &key));
    struct statement other = plain;
    other.share = SHARE_WRITE;
    ck_assert(!shared_takes(p, &other, &key));
    other = plain;
    other.row_bound = 0;
    ck_assert(!shared_takes(p, &other, &key));
    other.limit_param = 1;
    ck_assert(shared_takes(p, &other, &key));
    key.num = 1000000;
    ck_assert(!shared_takes(p, &other, &key));
    other = plain;
    other.fusion_count = 0;
    ck_assert(!shared_takes(p, &other, &key)); /* nothing to gain without a pipeline */
    for (int i = 0; i < 100; i++) {
        shared_learn(p, &plain, 100 * MS, 100);
    }
    ck_assert(!shared_takes(p, &plain, &key));
    shared_learn(p, &plain, MS, 100);
    ck_assert(shared_takes(p, &plain, &key));
    shared_learn(p, &plain, MS, 1000000);
    ck_assert(!shared_takes(p, &plain, &key));
}
END_TEST

START_TEST(reads_that_wait_become_one)
{
    answers((struct fake_reply){.rows = MANY, .delay_ms = 5});
    ask_keys(0, MANY);
    expect_rows(0, MANY, 1);
    ck_assert_int_eq(GET(rig.share.counts.shared), MANY);
    ck_assert_int_eq(GET(rig.share.counts.fused), MANY);
    ck_assert_int_eq(GET(rig.share.counts.fusions), 1);
    ck_assert_int_eq(GET(rig.db.calls[FAKE_RUN]), 1);
    expect_free();
}
END_TEST

START_TEST(an_error_of_a_fused_one_is_found_singly)
{
    fake_once(&rig.db, FAKE_RUN, (struct fake_reply){.act = FAKE_FAIL});
    fake_once(&rig.db, FAKE_RUN, (struct fake_reply){.rows = 1});
    fake_once(&rig.db, FAKE_RUN, (struct fake_reply){.act = FAKE_FAIL});
    fake_once(&rig.db, FAKE_RUN, (struct fake_reply){.rows = 1});
    ask_keys(0, 3);
    expect_errors(1, 2, ERR_DATABASE_ERROR);
    expect_rows(0, 1, 1);
    expect_rows(2, 3, 1);
    ck_assert_int_eq(GET(rig.db.calls[FAKE_RUN]), 4);
    expect_free();
}
END_TEST

START_TEST(rows_dealt_before_an_error_are_forgotten)
{
    fake_once(&rig.db, FAKE_RUN, (struct fake_reply){.rows = 4}); /* 3 is nobody's key */
    fake_always(&rig.db, FAKE_RUN, (struct fake_reply){.rows = 1});
    ask_keys(0, 3);
    expect_rows(0, 3, 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(readers[i].agains, 1);
    }
    expect_free();
}
END_TEST

START_TEST(one_of_several_leaves)
{
    answers((struct fake_reply){.rows = 10, .delay_ms = 300});
    ask_keys(0, 10);
    struct rig *r = &rig;
    UNTIL(r, GET(rig.db.running) == 1);
    shared_cancel(rig.pool[0], &readers[4].shared);
    ck_assert_int_eq(readers[4].done, 0);
    expect_errors(4, 5, ERR_CANCELLED);
    ck_assert_int_eq(readers[5].done, 0);
    expect_rows(0, 4, 1);
    expect_rows(5, 10, 1);
    ck_assert_uint_eq(readers[4].rows, 0);
    ck_assert_int_eq(GET(rig.db.cancels), 0);
    expect_free();
}
END_TEST

START_TEST(what_nobody_wants_is_cancelled)
{
    answers((struct fake_reply){.act = FAKE_HANG});
    ask_keys(0, 5);
    struct rig *r = &rig;
    UNTIL(r, GET(rig.db.running) == 1);
    for (int i = 0; i < 5; i++) {
        shared_cancel(rig.pool[0], &readers[i].shared);
    }
    expect_errors(0, 5, ERR_CANCELLED);
    ck_assert_int_eq(GET(rig.db.cancels), 1);
    answers((struct fake_reply){.rows = 1});
    ask_keys(5, 6);
    expect_rows(5, 6, 1);
    expect_free();
}
END_TEST

START_TEST(one_that_waits_is_cancelled_there)
{
    struct ask held;
    ask_now(&rig, 0, &held);
    ask_keys(0, 3);
    rig_turn(&rig);
    shared_cancel(rig.pool[0], &readers[2].shared);
    expect_errors(2, 3, ERR_CANCELLED);
    ask_return(&held, POOL_CLEAN);
    answers((struct fake_reply){.rows = 2});
    expect_rows(0, 2, 1);
    expect_free();
}
END_TEST

START_TEST(an_abort_gives_the_session_up)
{
    answers((struct fake_reply){.act = FAKE_DEAF});
    ask_keys(0, 3);
    struct rig *r = &rig;
    UNTIL(r, GET(rig.db.running) == 1);
    shared_abort(rig.pool[0], &readers[0].shared);
    expect_errors(0, 3, ERR_CONNECTION_LOST);
    answers((struct fake_reply){.rows = 3});
    ask_keys(0, 3);
    expect_rows(0, 3, 1);
    expect_free();
}
END_TEST

START_TEST(a_session_that_breaks)
{
    fake_once(&rig.db, FAKE_RUN, (struct fake_reply){.act = FAKE_BREAK});
    ask_keys(0, 5);
    expect_errors(0, 5, ERR_CONNECTION_LOST);
    answers((struct fake_reply){.rows = 5});
    ask_keys(0, 5);
    expect_rows(0, 5, 1);
    expect_free();
}
END_TEST

START_TEST(no_connection_in_time)
{
    struct pool_opts o = rig_opts();
    struct ask held;
    down();
    o.size = 1;
    o.timeout_ms = 50;
    up_with(o);
    ask_now(&rig, 0, &held);
    ask_keys(0, 5);
    expect_errors(0, 5, ERR_POOL_TIMEOUT);
    ask_return(&held, POOL_CLEAN);
    answers((struct fake_reply){.rows = 5});
    ask_keys(0, 5);
    expect_rows(0, 5, 1);
    expect_free();
}
END_TEST

static void no_tick(struct timer *t)
{
    (void)t;
}

/* A second lane is asked for because reads wait long, and the database takes no more
 * connections. */
START_TEST(a_lane_that_is_not_had_leaves_reads_to_another)
{
    struct rig *r = &rig;
    struct pool_opts o = rig_opts();
    down();
    up_with(o);
    answers((struct fake_reply){.rows = 6});
    ask_keys(0, 1);
    expect_rows(0, 1, 6);
    r->pool[0]->good_ns = 0;                /* the first lane's answers prove nothing by now */
    r->pool[0]->lanes->tick.fire = no_tick; /* and it is never too slow */
    fake_always(&r->db, FAKE_OPEN, (struct fake_reply){.act = FAKE_FAIL});
    answers((struct fake_reply){.rows = 6, .delay_ms = 200});
    ask_keys(0, 1);
    rig_turn(r);
    ask_keys(1, 5);
    FOR_MS(r, LATE_NS / MS + 1);
    ask_keys(5, 6);
    UNTIL(r, GET(r->share.counts.open_failed) > 0);
    answers((struct fake_reply){.rows = 6});
    expect_errors(0, 6, ERR_OK);
    ck_assert_int_lt(GET(r->share.counts.refused), 20); /* nor asked for in every turn */
}
END_TEST

START_TEST(too_many_that_wait_are_refused)
{
    struct pool_opts o = rig_opts();
    struct ask held;
    down();
    o.size = 1;
    o.max_waiting = 4;
    up_with(o);
    ask_now(&rig, 0, &held);
    answers((struct fake_reply){.rows = 4});
    ask_keys(0, 6);
    expect_errors(4, 6, ERR_OVERLOAD);
    ask_return(&held, POOL_CLEAN);
    expect_rows(0, 4, 1);
    expect_free();
}
END_TEST

START_TEST(a_lane_goes_back_to_those_who_wait)
{
    struct ask other;
    answers((struct fake_reply){.rows = 1});
    ask_keys(0, 1);
    expect_rows(0, 1, 1);
    ck_assert_int_eq(GET(rig.share.counts.lanes), 1); /* it lingers */
    ask_now(&rig, 0, &other);
    ask_return(&other, POOL_CLEAN);
    expect_free();
}
END_TEST

START_TEST(closing_ends_all)
{
    struct ask held;
    ask_now(&rig, 0, &held);
    ask_keys(0, 3);
    int before = rig.closed;
    struct rig *r = &rig;
    rig_turn(r);
    ask_return(&held, POOL_CLEAN);
    answers((struct fake_reply){.rows = 3});
    rig_close_pool(r, 0);
    ck_assert_int_eq(rig.closed, before + 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(readers[i].done, 1);
        ck_assert(readers[i].run.err == ERR_OK || readers[i].run.err == ERR_SHUTTING_DOWN);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool/lanes");
    TCase *tc = tcase_create("lanes");
    tcase_add_checked_fixture(tc, up, down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, what_is_short_and_proven_shares);
    tcase_add_test(tc, reads_that_wait_become_one);
    tcase_add_test(tc, an_error_of_a_fused_one_is_found_singly);
    tcase_add_test(tc, rows_dealt_before_an_error_are_forgotten);
    tcase_add_test(tc, one_of_several_leaves);
    tcase_add_test(tc, what_nobody_wants_is_cancelled);
    tcase_add_test(tc, one_that_waits_is_cancelled_there);
    tcase_add_test(tc, an_abort_gives_the_session_up);
    tcase_add_test(tc, a_session_that_breaks);
    tcase_add_test(tc, no_connection_in_time);
    tcase_add_test(tc, a_lane_that_is_not_had_leaves_reads_to_another);
    tcase_add_test(tc, too_many_that_wait_are_refused);
    tcase_add_test(tc, a_lane_goes_back_to_those_who_wait);
    tcase_add_test(tc, closing_ends_all);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
