/* SPDX-License-Identifier: MIT
 *
 * Tests of pool/groups.c: the scripted database runs what is sent alone; what is sent
 * together goes to a pipeline of ours, which answers when the test says so.
 */
#include "pool/groups.h"
#include "rig.h"

#include <string.h>

enum { MANY = 100, CONNS = 2 };

/* An insert. */
struct writer {
    struct row_sink sink; /* first */
    struct run run;
    struct grouped_run grouped;
    struct fail fail;
    int agains, done;
};

/* What is under way on a connection that takes groups. */
struct piped {
    struct db_conn *conn;
    struct run *whole; /* NULL: nothing */
    struct run *runs[GROUP_WRITES];
    int count, cancels;
};

static struct rig rig;
static struct writer writers[MANY];
static struct statement insert;
static struct driver driver;
static struct piped pipes[CONNS];
static enum err queue_says;

static struct piped *pipe_of(const struct db_conn *c)
{
    for (int i = 0; i < CONNS; i++) {
        if (pipes[i].conn == c) {
            return &pipes[i];
        }
    }
    ck_abort_msg("a connection of nobody's");
    return NULL;
}

static void enter(struct db_conn *c, struct run *whole)
{
    struct piped *p = pipe_of(c);
    ck_assert_ptr_null(p->whole);
    p->whole = c->running = whole;
    p->count = p->cancels = 0;
}

static enum err queue(struct db_conn *c, struct run *r)
{
    struct piped *p = pipe_of(c);
    if (queue_says != ERR_OK && p->count > 0) {
        return queue_says;
    }
    p->runs[p->count++] = r;
    return ERR_OK;
}

static void ignore(struct db_conn *c)
{
    (void)c;
}

static void drop(struct db_conn *c, struct run *r)
{
    struct piped *p = pipe_of(c);
    for (int i = 0; i < p->count; i++) {
        p->runs[i] = p->runs[i] == r ? NULL : p->runs[i];
    }
}

static void cancel(struct db_conn *c)
{
    if (pipe_of(c)->whole != NULL) {
        pipe_of(c)->cancels++;
    } else {
        driver_fake.cancel(c);
    }
}

static const struct pipeline pipeline = {enter, queue, ignore, drop, ignore};

/* The members from..to were run. */
static void answer(struct piped *p, int from, int to, enum err e)
{
    for (int i = from; i < to; i++) {
        if (p->runs[i] != NULL) {
            p->runs[i]->err = e;
            p->runs[i]->rowcount = 1;
            p->runs[i]->done(p->runs[i]);
        }
    }
}

static void end_whole(struct piped *p, enum err e, bool maybe)
{
    struct run *whole = p->whole;
    p->whole = p->conn->running = NULL;
    whole->err = e == ERR_OK ? ERR_OK : fail_set(whole->fail, e, "the whole");
    whole->maybe_executed = maybe;
    whole->done(whole);
}

static void on_again(struct row_sink *s)
{
    ((struct writer *)s)->agains++;
}

static void on_done(struct run *run)
{
    struct writer *w = (struct writer *)(void *)((char *)run - offsetof(struct writer, run));
    w->done++;
    ck_assert_int_eq(w->done, 1);
    ck_assert_int_eq(run->err, w->fail.code);
}

static void up(void)
{
    struct pool_opts o = rig_opts();
    o.pipelining = true;
    rig_up(&rig, &o, 1);
    queue_says = ERR_OK;
    insert = (struct statement){.id = 1, .share = SHARE_WRITE, .groups = true};
    driver = driver_fake;
    driver.pipeline = &pipeline;
    driver.cancel = cancel;
    memset(pipes, 0, sizeof pipes);
    struct ask held[CONNS];
    for (int i = 0; i < CONNS; i++) {
        ask_now(&rig, 0, &held[i]);
        pipes[i].conn = held[i].conn;
        held[i].conn->driver = &driver;
    }
    for (int i = 0; i < CONNS; i++) {
        ask_return(&held[i], POOL_CLEAN);
    }
    rig.pool[0]->driver = &driver;
}

static void down(void)
{
    if (rig.pool[0] != NULL) {
        rig.pool[0]->driver = &driver_fake;
    }
    rig_down(&rig);
}

static void write_one(int i)
{
    struct writer *w = &writers[i];
    *w = (struct writer){.sink = {.again = on_again}};
    fail_init(&w->fail);
    w->run = (struct run){
        .stmt = &insert, .sets = 1, .sink = &w->sink, .done = on_done, .fail = &w->fail};
    grouped_start(rig.pool[0], &w->grouped, &w->run);
    ck_assert_int_eq(w->done, 0);
}

static void write_many(int from, int to)
{
    for (int i = from; i < to; i++) {
        write_one(i);
    }
}

static struct piped *wait_for_group(int count)
{
    struct rig *r = &rig;
    struct piped *p = NULL;
    UNTIL(r, (p = pipes[0].whole != NULL ? &pipes[0] : &pipes[1])->whole != NULL);
    ck_assert_int_eq(p->count, count);
    return p;
}

static void expect_done(int from, int to, enum err e)
{
    struct rig *r = &rig;
    for (int i = from; i < to; i++) {
        UNTIL(r, writers[i].done > 0);
        ck_assert_int_eq(writers[i].run.err, e);
        ck_assert(!writers[i].grouped.alone);
    }
}

static void expect_alone(int from, int to)
{
    struct rig *r = &rig;
    for (int i = from; i < to; i++) {
        UNTIL(r, writers[i].done > 0);
        ck_assert_int_eq(writers[i].run.err, ERR_OK);
        ck_assert(writers[i].grouped.alone);
        ck_assert_int_eq(writers[i].agains, 1);
        ck_assert_uint_eq(writers[i].run.rowcount, 0);
    }
}

static void expect_waiting(int from, int to)
{
    for (int i = 0; i < 20; i++) {
        rig_turn(&rig);
    }
    for (int i = from; i < to; i++) {
        ck_assert_int_eq(writers[i].done, 0);
    }
}

/* However slow this machine is. */
static void forget_stalls(void)
{
    loop_timer_stop(&rig.loop[0], &rig.pool[0]->groups->tick);
}

/* For how long it goes alone. */
static uint64_t sour_ns(void)
{
    const struct sour *s = &rig.pool[0]->groups->sour[insert.id % SOURS];
    return s->id == insert.id ? s->ns : 0;
}

static void expect_free(void)
{
    struct rig *r = &rig;
    UNTIL(r, GET(rig.share.counts.busy) == 0);
}

START_TEST(what_is_proven_is_taken)
{
    struct pool *p = rig.pool[0];
    ck_assert(grouped_takes(p, &insert));
    struct statement other = insert;
    other.groups = false;
    ck_assert(!grouped_takes(p, &other));
    other = insert;
    other.id = 0;
    ck_assert(!grouped_takes(p, &other));
    p->driver = &driver_fake;
    ck_assert(!grouped_takes(p, &insert));
    p->driver = &driver;
    rig.share.opts.pipelining = false;
    ck_assert(!grouped_takes(p, &insert));
    rig.share.opts.pipelining = true;
}
END_TEST

START_TEST(one_is_sent_alone_at_once)
{
    for (int i = 0; i < 5; i++) {
        write_one(0);
        expect_done(0, 1, ERR_OK);
    }
    ck_assert_int_eq(GET(rig.db.calls[FAKE_RUN]), 5);
    ck_assert_int_eq(GET(rig.share.counts.groups), 0);
    fake_once(&rig.db, FAKE_RUN, (struct fake_reply){.act = FAKE_FAIL});
    write_one(0);
    expect_done(0, 1, ERR_DATABASE_ERROR);
    ck_assert_uint_eq(sour_ns(), SOUR_MIN_NS);
    struct rig *r = &rig;
    UNTIL(r, grouped_takes(rig.pool[0], &insert));
    fake_once(&rig.db, FAKE_RUN, (struct fake_reply){.act = FAKE_BREAK});
    write_one(0);
    expect_done(0, 1, ERR_CONNECTION_LOST);
}
END_TEST

START_TEST(nobody_hears_before_the_commit)
{
    write_many(0, 10);
    struct piped *p = wait_for_group(10);
    answer(p, 0, 10, ERR_OK);
    expect_waiting(0, 10);
    end_whole(p, ERR_OK, false);
    expect_done(0, 10, ERR_OK);
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_eq(writers[i].run.rowcount, 1);
        ck_assert_int_eq(writers[i].agains, 0);
    }
    ck_assert_int_eq(GET(rig.share.counts.grouped), 10);
    ck_assert_int_eq(GET(rig.share.counts.groups), 1);
    ck_assert_int_eq(GET(rig.db.calls[FAKE_RUN]), 0);
    expect_free();
}
END_TEST

START_TEST(more_than_a_group_takes)
{
    write_many(0, GROUP_WRITES + 1);
    struct piped *p = wait_for_group(GROUP_WRITES);
    expect_done(GROUP_WRITES, GROUP_WRITES + 1, ERR_OK); /* alone, on the other connection */
    answer(p, 0, GROUP_WRITES, ERR_OK);
    end_whole(p, ERR_OK, false);
    expect_done(0, GROUP_WRITES, ERR_OK);
    expect_free();
}
END_TEST

START_TEST(what_failed_is_undone_for_all)
{
    write_many(0, 5);
    struct piped *p = wait_for_group(5);
    answer(p, 0, 2, ERR_OK);
    answer(p, 2, 3, ERR_UNIQUE_VIOLATION);
    answer(p, 3, 5, ERR_CANCELLED);
    expect_waiting(0, 5);
    end_whole(p, ERR_UNIQUE_VIOLATION, false);
    expect_alone(0, 5);
    ck_assert_int_eq(GET(rig.share.counts.grouped_again), 5);
    ck_assert_uint_ge(sour_ns(), SOUR_MIN_NS);
    expect_free();
}
END_TEST

START_TEST(a_commit_that_fails_is_undone_for_all)
{
    write_many(0, 5);
    struct piped *p = wait_for_group(5);
    answer(p, 0, 5, ERR_OK);
    end_whole(p, ERR_FOREIGN_KEY_VIOLATION, false);
    expect_alone(0, 5);
    expect_free();
}
END_TEST

/* Of its rows: they are there, but it cannot be told. */
START_TEST(an_error_of_one_s_own_undoes_nothing)
{
    write_many(0, 5);
    struct piped *p = wait_for_group(5);
    answer(p, 0, 4, ERR_OK);
    fail_set(&writers[4].fail, ERR_OUT_OF_MEMORY, "no memory");
    answer(p, 4, 5, ERR_OUT_OF_MEMORY);
    end_whole(p, ERR_OK, false);
    expect_done(0, 4, ERR_OK);
    expect_done(4, 5, ERR_OUT_OF_MEMORY);
    expect_free();
}
END_TEST

START_TEST(what_is_lost_may_be_there)
{
    write_many(0, 5);
    struct piped *p = wait_for_group(5);
    answer(p, 0, 5, ERR_OK);
    end_whole(p, ERR_CONNECTION_LOST, true);
    expect_done(0, 5, ERR_CONNECTION_LOST);
    for (int i = 0; i < 5; i++) {
        ck_assert(writers[i].run.maybe_executed);
    }
    write_many(0, 5);
    p = wait_for_group(5);
    end_whole(p, ERR_CONNECTION_LOST, false); /* no Sync was sent */
    expect_alone(0, 5);
    expect_free();
}
END_TEST

START_TEST(what_cannot_be_sent_is_none_of_the_group)
{
    queue_says = ERR_OUT_OF_MEMORY;
    write_many(0, 5);
    struct piped *p = wait_for_group(1);
    expect_alone(1, 5);
    answer(p, 0, 1, ERR_OK);
    end_whole(p, ERR_OK, false);
    expect_done(0, 1, ERR_OK);
    expect_free();
}
END_TEST

START_TEST(a_group_that_waits_is_cancelled)
{
    write_many(0, 5);
    struct piped *p = wait_for_group(5);
    answer(p, 0, 2, ERR_OK);
    struct rig *r = &rig;
    UNTIL(r, p->cancels > 0);
    ck_assert_int_eq(GET(rig.share.counts.stalled), 1);
    ck_assert_uint_eq(sour_ns(), SOUR_MAX_NS);
    answer(p, 2, 5, ERR_CANCELLED);
    end_whole(p, ERR_CANCELLED, false);
    expect_alone(0, 5);
    ck_assert_int_eq(p->cancels, 1);
    expect_free();
}
END_TEST

/* A late commit is none of a lock's. */
START_TEST(a_commit_is_left_to_its_end)
{
    write_many(0, 5);
    struct piped *p = wait_for_group(5);
    answer(p, 0, 5, ERR_OK);
    FOR_MS(&rig, 300);
    for (int i = 0; i < 5; i++) {
        grouped_cancel(rig.pool[0], &writers[i].grouped);
    }
    expect_waiting(0, 5);
    ck_assert_int_eq(p->cancels, 0);
    end_whole(p, ERR_OK, false);
    expect_done(0, 5, ERR_OK);
    expect_free();
}
END_TEST

START_TEST(one_that_stops_does_not_stop_others)
{
    write_many(0, 3);
    struct piped *p = wait_for_group(3);
    forget_stalls();
    grouped_cancel(rig.pool[0], &writers[1].grouped);
    expect_waiting(0, 3);
    ck_assert_int_eq(p->cancels, 0);
    answer(p, 0, 3, ERR_CANCELLED);
    end_whole(p, ERR_UNIQUE_VIOLATION, false);
    expect_alone(0, 1);
    expect_alone(2, 3);
    expect_done(1, 2, ERR_CANCELLED);
    write_many(0, 3);
    p = wait_for_group(3);
    forget_stalls();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(p->cancels, 0);
        grouped_cancel(rig.pool[0], &writers[i].grouped);
    }
    ck_assert_int_eq(p->cancels, 1);
    answer(p, 0, 3, ERR_CANCELLED);
    end_whole(p, ERR_CANCELLED, false);
    expect_done(0, 3, ERR_CANCELLED);
    expect_free();
}
END_TEST

START_TEST(one_that_waits_is_dropped)
{
    struct ask held[CONNS];
    ask_now(&rig, 0, &held[0]);
    ask_now(&rig, 0, &held[1]);
    write_many(0, 3);
    rig_turn(&rig);
    grouped_cancel(rig.pool[0], &writers[1].grouped);
    expect_done(1, 2, ERR_CANCELLED);
    ask_return(&held[0], POOL_CLEAN);
    struct piped *p = wait_for_group(2);
    answer(p, 0, 2, ERR_OK);
    end_whole(p, ERR_OK, false);
    expect_done(0, 1, ERR_OK);
    expect_done(2, 3, ERR_OK);
    ask_return(&held[1], POOL_CLEAN);
    expect_free();
}
END_TEST

START_TEST(one_alone_is_cancelled_and_given_up)
{
    fake_always(&rig.db, FAKE_RUN, (struct fake_reply){.act = FAKE_HANG});
    write_one(0);
    struct rig *r = &rig;
    UNTIL(r, GET(rig.db.running) == 1);
    grouped_cancel(rig.pool[0], &writers[0].grouped);
    expect_done(0, 1, ERR_CANCELLED);
    fake_always(&rig.db, FAKE_RUN, (struct fake_reply){.act = FAKE_DEAF});
    write_one(0);
    UNTIL(r, GET(rig.db.running) == 1);
    grouped_abort(rig.pool[0], &writers[0].grouped);
    expect_done(0, 1, ERR_CONNECTION_LOST);
    expect_free();
}
END_TEST

/* The others may wait for longer than he does. */
START_TEST(who_gives_up_leaves_the_others)
{
    write_many(0, 3);
    struct piped *p = wait_for_group(3);
    answer(p, 0, 1, ERR_OK);
    grouped_abort(rig.pool[0], &writers[0].grouped);
    grouped_abort(rig.pool[0], &writers[1].grouped);
    ck_assert_int_eq(writers[0].done + writers[1].done, 0);
    expect_done(0, 2, ERR_CONNECTION_LOST);
    ck_assert(writers[0].run.maybe_executed && writers[1].run.maybe_executed);
    answer(p, 1, 3, ERR_OK);
    end_whole(p, ERR_OK, false);
    expect_done(2, 3, ERR_OK);
    ck_assert_int_eq(writers[0].done + writers[1].done, 2);
    expect_free();
}
END_TEST

/* Whoever holds what all groups wait for may be waiting for one that is not sent yet. */
START_TEST(nobody_waits_behind_those_that_are_late)
{
    struct groups *l = rig.pool[0]->groups;
    for (uint32_t i = CONNS; i < TRACKS; i++) {
        l->track[i].state = TRACK_LATE; /* as if there were connections for them */
    }
    write_many(0, 3);
    struct piped *first = wait_for_group(3);
    write_many(3, 6);
    struct rig *r = &rig;
    UNTIL(r, pipes[0].whole != NULL && pipes[1].whole != NULL);
    write_many(6, 9);
    expect_alone(6, 9);
    ck_assert_int_eq(writers[0].done + writers[3].done, 0);
    for (uint32_t i = CONNS; i < TRACKS; i++) {
        l->track[i].state = TRACK_FREE;
    }
    answer(first, 0, 3, ERR_CANCELLED);
    end_whole(first, ERR_CANCELLED, false);
    struct piped *second = wait_for_group(3);
    answer(second, 0, 3, ERR_CANCELLED);
    end_whole(second, ERR_CANCELLED, false);
    expect_alone(0, 6);
    expect_free();
}
END_TEST

START_TEST(no_connection_in_time)
{
    struct ask held[CONNS];
    rig.share.opts.timeout_ms = 50;
    ask_now(&rig, 0, &held[0]);
    ask_now(&rig, 0, &held[1]);
    write_many(0, 3);
    expect_alone(0, 3); /* each will hear his own */
    ask_return(&held[0], POOL_CLEAN);
    ask_return(&held[1], POOL_CLEAN);
    expect_free();
}
END_TEST

START_TEST(closing_ends_what_waits)
{
    struct rig *r = &rig;
    write_many(0, 3);
    struct piped *p = wait_for_group(3);
    answer(p, 0, 3, ERR_OK);
    end_whole(p, ERR_OK, false);
    write_many(3, 6);
    rig.pool[0]->driver = &driver_fake;
    rig_close_pool(r, 0);
    expect_done(0, 3, ERR_OK);
    expect_alone(3, 6);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool/groups");
    TCase *tc = tcase_create("groups");
    tcase_add_checked_fixture(tc, up, down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, what_is_proven_is_taken);
    tcase_add_test(tc, one_is_sent_alone_at_once);
    tcase_add_test(tc, nobody_hears_before_the_commit);
    tcase_add_test(tc, more_than_a_group_takes);
    tcase_add_test(tc, what_failed_is_undone_for_all);
    tcase_add_test(tc, a_commit_that_fails_is_undone_for_all);
    tcase_add_test(tc, an_error_of_one_s_own_undoes_nothing);
    tcase_add_test(tc, what_is_lost_may_be_there);
    tcase_add_test(tc, what_cannot_be_sent_is_none_of_the_group);
    tcase_add_test(tc, a_group_that_waits_is_cancelled);
    tcase_add_test(tc, a_commit_is_left_to_its_end);
    tcase_add_test(tc, one_that_stops_does_not_stop_others);
    tcase_add_test(tc, one_that_waits_is_dropped);
    tcase_add_test(tc, one_alone_is_cancelled_and_given_up);
    tcase_add_test(tc, who_gives_up_leaves_the_others);
    tcase_add_test(tc, nobody_waits_behind_those_that_are_late);
    tcase_add_test(tc, no_connection_in_time);
    tcase_add_test(tc, closing_ends_what_waits);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
