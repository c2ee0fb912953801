/* SPDX-License-Identifier: MIT
 *
 * Tests of backend/loop.c: order of tasks, posts from threads, timers, the end.
 */
#include "backend/loop.h"
#include "base/clock.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define MS 1000000u

static struct loop loop;

static void setup(void)
{
    ck_assert_int_eq(loop_init(&loop), ERR_OK);
}

static void teardown(void)
{
    loop_fini(&loop);
}

/* -- tasks ----------------------------------------------------------------- */

struct note {
    struct task task;
    int number;
    int times; /* defers itself again so often */
};

static int order[64];
static int order_count;

static void on_note(struct task *t)
{
    struct note *n = (struct note *)(void *)t;
    ck_assert(!t->queued);
    order[order_count++] = n->number;
    if (n->times-- > 0) {
        loop_defer(&loop, t);
        ck_assert(t->queued);
    }
}

static void on_stop(struct task *t)
{
    (void)t;
    loop_stop(&loop);
}

START_TEST(deferred_tasks_run_in_order_of_deferral)
{
    struct note n[3];
    order_count = 0;
    for (int i = 0; i < 3; i++) {
        n[i] = (struct note){.task.run = on_note, .number = i};
        loop_defer(&loop, &n[i].task);
    }
    ck_assert_int_eq(order_count, 0);
    loop_stop(&loop);
    loop_run(&loop);
    ck_assert_int_eq(order_count, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(order[i], i);
    }
}
END_TEST

static void on_note_in_a_hurry(struct task *t)
{
    struct note *n = (struct note *)(void *)t;
    order[order_count++] = n->number;
    if (n->times-- > 0) {
        loop_hurry(&loop, t);
    }
}

/* Also one that comes up while deferred ones run: ahead of those that came up there. */
START_TEST(hurried_tasks_run_ahead_of_deferred_ones)
{
    static const int expected[] = {1, 2, 0, 1, 0};
    struct note slow = {.task.run = on_note, .number = 0, .times = 1};
    struct note fast = {.task.run = on_note_in_a_hurry, .number = 1, .times = 1};
    struct note other = {.task.run = on_note_in_a_hurry, .number = 2};
    order_count = 0;
    loop_defer(&loop, &slow.task);
    loop_hurry(&loop, &fast.task);
    loop_hurry(&loop, &other.task);
    ck_assert_int_eq(order_count, 0);
    loop_stop(&loop);
    loop_run(&loop);
    ck_assert_int_eq(order_count, 5);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(order[i], expected[i]);
    }
}
END_TEST

START_TEST(a_task_that_defers_itself_runs_after_the_others)
{
    struct note a = {.task.run = on_note, .number = 1, .times = 20};
    struct note b = {.task.run = on_note, .number = 2, .times = 20};
    order_count = 0;
    loop_defer(&loop, &a.task);
    loop_defer(&loop, &b.task);
    loop_stop(&loop);
    loop_run(&loop);
    ck_assert_int_eq(order_count, 42);
    for (int i = 0; i < 42; i++) {
        ck_assert_int_eq(order[i], 1 + i % 2);
    }
}
END_TEST

static int pipe_fds[2];
static int pipe_reads;
static bool endless;

static void on_pipe(uv_poll_t *h, int status, int events)
{
    (void)status;
    (void)events;
    pipe_reads++;
    endless = false;
    uv_close((uv_handle_t *)h, NULL);
    loop_stop(&loop);
}

static void on_endless(struct task *t)
{
    if (endless) {
        loop_defer(&loop, t);
    }
}

START_TEST(a_task_that_defers_itself_for_ever_does_not_starve_io)
{
    uv_poll_t poll_handle;
    struct task t = {.run = on_endless};
    ck_assert_int_eq(pipe(pipe_fds), 0);
    ck_assert_int_eq(write(pipe_fds[1], "x", 1), 1);
    ck_assert_int_eq(uv_poll_init(&loop.uv, &poll_handle, pipe_fds[0]), 0);
    ck_assert_int_eq(uv_poll_start(&poll_handle, UV_READABLE, on_pipe), 0);
    pipe_reads = 0;
    endless = true;
    loop_defer(&loop, &t);
    loop_run(&loop);
    ck_assert_int_eq(pipe_reads, 1);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}
END_TEST

/* -- posts ----------------------------------------------------------------- */

enum { POSTERS = 4, POSTS = 2000 };

struct posted {
    struct task task;
    int poster, number;
    char payload[32]; /* written by the poster, read by the loop */
};

static int seen[POSTERS];
static int seen_total;

static void on_posted(struct task *t)
{
    struct posted *p = (struct posted *)(void *)t;
    ck_assert_int_eq(p->number, seen[p->poster]++);
    ck_assert_int_eq(p->payload[0], 'p');
    free(p);
    if (++seen_total == POSTERS * POSTS) {
        loop_stop(&loop);
    }
}

static void *poster_main(void *arg)
{
    int poster = (int)(intptr_t)arg;
    for (int i = 0; i < POSTS; i++) {
        struct posted *p = calloc(1, sizeof *p);
        *p = (struct posted){.task.run = on_posted, .poster = poster, .number = i};
        p->payload[0] = 'p';
        loop_post(&loop, &p->task);
    }
    return NULL;
}

START_TEST(posts_of_many_threads_arrive_once_and_in_order)
{
    pthread_t threads[POSTERS];
    for (int i = 0; i < POSTERS; i++) {
        seen[i] = 0;
    }
    seen_total = 0;
    for (int i = 0; i < POSTERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, poster_main, (void *)(intptr_t)i),
                         0);
    }
    loop_run(&loop);
    /* The last poster may still be inside loop_post: the loop's memory must not
     * be needed by it any more. Joined only after the loop is gone. */
    loop_fini(&loop);
    ck_assert_int_eq(seen_total, POSTERS * POSTS);
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    setup();
}
END_TEST

static void *one_post_main(void *arg)
{
    loop_post(&loop, arg);
    return NULL;
}

START_TEST(a_loop_may_be_freed_by_the_last_post)
{
    for (int i = 0; i < 200; i++) {
        struct task t = {.run = on_stop};
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, one_post_main, &t), 0);
        loop_run(&loop);
        loop_fini(&loop);
        pthread_join(thread, NULL);
        setup();
    }
}
END_TEST

/* -- timers ---------------------------------------------------------------- */

enum { TIMERS = 300 };

struct alarm_clock {
    struct timer timer;
    uint64_t wanted_ns;
    int fired;
};

static struct alarm_clock alarms[TIMERS];
static int fired_total, fired_stop;
static uint64_t last_due_ns;

static void on_alarm(struct timer *t)
{
    struct alarm_clock *a = (struct alarm_clock *)(void *)t;
    ck_assert_uint_eq(t->slot, 0);
    ck_assert_uint_ge(clock_now_ns(), a->wanted_ns);
    ck_assert_uint_ge(a->wanted_ns, last_due_ns);
    last_due_ns = a->wanted_ns;
    a->fired++;
    if (++fired_total == fired_stop) {
        loop_stop(&loop);
    }
}

static void start(struct alarm_clock *a, uint64_t due_ns)
{
    a->timer.fire = on_alarm;
    a->wanted_ns = due_ns;
    ck_assert_int_eq(loop_timer_start(&loop, &a->timer, due_ns), ERR_OK);
}

static void clear_alarms(void)
{
    for (int i = 0; i < TIMERS; i++) {
        alarms[i] = (struct alarm_clock){0};
    }
    fired_total = 0;
    last_due_ns = 0;
}

START_TEST(timers_fire_once_in_order_of_time_and_stopped_ones_never)
{
    clear_alarms();
    uint64_t now = clock_now_ns();
    uint64_t x = 12345;
    int stopped = 0;
    for (int i = 0; i < TIMERS; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        start(&alarms[i], now + (x >> 33) % (30 * MS));
    }
    for (int i = 0; i < TIMERS; i += 3) {
        loop_timer_stop(&loop, &alarms[i].timer);
        loop_timer_stop(&loop, &alarms[i].timer);
        stopped++;
    }
    for (int i = 1; i < TIMERS; i += 3) {
        start(&alarms[i], alarms[i].wanted_ns + 5 * MS); /* restarted for later */
    }
    fired_stop = TIMERS - stopped;
    loop_run(&loop);
    for (int i = 0; i < TIMERS; i++) {
        ck_assert_int_eq(alarms[i].fired, i % 3 == 0 ? 0 : 1);
    }
}
END_TEST

/* As requests do it: equal timeouts in order of time, ended in any order, beside a few
 * timers that are due much later and others that are due much sooner. */
START_TEST(timers_of_equal_length_keep_their_order_among_others)
{
    clear_alarms();
    uint64_t now = clock_now_ns();
    int stopped = 0;
    start(&alarms[0], now + 3600u * 1000u * (uint64_t)MS);
    start(&alarms[1], now + 7200u * 1000u * (uint64_t)MS);
    for (int i = 2; i < TIMERS; i++) {
        uint64_t sooner = i % 5 == 0 ? 15 * MS : 0;
        start(&alarms[i], now + 20 * MS + (uint64_t)i * 1000 - sooner);
        if (i % 3 == 0) {
            loop_timer_stop(&loop, &alarms[i / 2 + 2].timer);
        }
    }
    for (int i = 0; i < TIMERS; i++) {
        stopped += alarms[i].timer.slot == 0;
    }
    fired_stop = TIMERS - stopped - 2;
    loop_run(&loop);
    ck_assert_int_eq(fired_total, fired_stop);
    loop_timer_stop(&loop, &alarms[0].timer);
    loop_timer_stop(&loop, &alarms[1].timer);
    ck_assert_ptr_null(loop.row_first);
    ck_assert_ptr_null(loop.row_last);
    ck_assert_uint_eq(loop.heap_count, 0);
}
END_TEST

static int again_left;
static uint64_t again_turns[16];

static void on_again(struct timer *t)
{
    again_turns[again_left] = atomic_load(&loop.turns);
    if (--again_left == 0) {
        loop_stop(&loop);
        return;
    }
    ck_assert_int_eq(loop_timer_start(&loop, t, 0), ERR_OK);
}

START_TEST(a_time_in_the_past_fires_in_the_next_turn)
{
    struct timer t = {.fire = on_again};
    again_left = 10;
    ck_assert_int_eq(loop_timer_start(&loop, &t, 1), ERR_OK);
    uint64_t before = clock_now_ns();
    loop_run(&loop);
    ck_assert_uint_lt(clock_now_ns() - before, 1000 * MS);
    for (int i = 10; i > 1; i--) {
        ck_assert_uint_eq(again_turns[i] + 1, again_turns[i - 1]);
    }
}
END_TEST

START_TEST(a_stopped_loop_returns_though_timers_run)
{
    clear_alarms();
    fired_stop = -1;
    start(&alarms[0], clock_now_ns() + 3600u * 1000u * (uint64_t)MS);
    loop_stop(&loop);
    loop_run(&loop);
    ck_assert_int_eq(fired_total, 0);
    loop_timer_stop(&loop, &alarms[0].timer);
}
END_TEST

static uint64_t posted_at_ns;

static void on_late(struct task *t)
{
    (void)t;
    ck_assert_uint_ge(loop.now_ns, posted_at_ns);
    loop_stop(&loop);
}

static void *late_main(void *arg)
{
    struct timespec wait = {.tv_nsec = 30 * MS};
    nanosleep(&wait, NULL);
    posted_at_ns = clock_now_ns();
    loop_post(&loop, arg);
    return NULL;
}

START_TEST(the_time_is_taken_after_a_long_wait)
{
    struct task t = {.run = on_late};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, late_main, &t), 0);
    loop_run(&loop);
    pthread_join(thread, NULL);
}
END_TEST

static void on_slow(struct task *t)
{
    struct timespec wait = {.tv_nsec = 20 * MS};
    nanosleep(&wait, NULL);
    on_stop(t);
}

START_TEST(the_longest_turn_is_kept)
{
    struct task t = {.run = on_slow};
    loop_defer(&loop, &t);
    loop_run(&loop);
    ck_assert_uint_ge(atomic_load(&loop.lag_max_ns), 20 * MS);
    ck_assert_uint_ge(atomic_load(&loop.turns), 1);
}
END_TEST

START_TEST(a_loop_that_never_ran_can_be_freed)
{
    loop_fini(&loop);
    setup();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("loop");
    TCase *tc = tcase_create("loop");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, deferred_tasks_run_in_order_of_deferral);
    tcase_add_test(tc, hurried_tasks_run_ahead_of_deferred_ones);
    tcase_add_test(tc, a_task_that_defers_itself_runs_after_the_others);
    tcase_add_test(tc, a_task_that_defers_itself_for_ever_does_not_starve_io);
    tcase_add_test(tc, posts_of_many_threads_arrive_once_and_in_order);
    tcase_add_test(tc, a_loop_may_be_freed_by_the_last_post);
    tcase_add_test(tc, timers_fire_once_in_order_of_time_and_stopped_ones_never);
    tcase_add_test(tc, timers_of_equal_length_keep_their_order_among_others);
    tcase_add_test(tc, a_time_in_the_past_fires_in_the_next_turn);
    tcase_add_test(tc, a_stopped_loop_returns_though_timers_run);
    tcase_add_test(tc, the_time_is_taken_after_a_long_wait);
    tcase_add_test(tc, the_longest_turn_is_kept);
    tcase_add_test(tc, a_loop_that_never_ran_can_be_freed);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
