/* SPDX-License-Identifier: MIT
 *
 * Tests of backend/connector.c: every job is worked off the loop and done on it.
 */
#include "backend/connector.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { JOBS = 500 };

struct job {
    struct connector_job job;
    pthread_t worker;
    int worked, done;
};

static struct loop loop;
static struct job jobs[JOBS];
static int done_count;
static _Atomic int busy, busy_max;

static void on_work(struct connector_job *j)
{
    struct job *job = (struct job *)(void *)j;
    int now = atomic_fetch_add(&busy, 1) + 1;
    int max = atomic_load(&busy_max);
    while (now > max && !atomic_compare_exchange_weak(&busy_max, &max, now)) {
    }
    struct timespec wait = {.tv_nsec = 100000};
    nanosleep(&wait, NULL);
    job->worker = pthread_self();
    job->worked++;
    atomic_fetch_sub(&busy, 1);
}

static void on_done(struct connector_job *j)
{
    struct job *job = (struct job *)(void *)j;
    ck_assert_int_eq(job->worked, 1);
    ck_assert(!pthread_equal(job->worker, pthread_self()));
    job->done++;
    if (++done_count == JOBS) {
        loop_stop(&loop);
    }
}

static void submit_all(struct connector *c)
{
    done_count = 0;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.job = {.work = on_work, .done = on_done, .loop = &loop}};
        connector_submit(c, &jobs[i].job);
    }
}

static void check_all(void)
{
    for (int i = 0; i < JOBS; i++) {
        ck_assert_int_eq(jobs[i].done, 1);
    }
}

START_TEST(every_job_is_worked_once_and_done_on_the_loop)
{
    struct connector *c = connector_create(4);
    ck_assert_ptr_nonnull(c);
    ck_assert_int_eq(loop_init(&loop), ERR_OK);
    submit_all(c);
    loop_run(&loop);
    connector_destroy(c);
    check_all();
    ck_assert_int_le(atomic_load(&busy_max), 4);
    loop_fini(&loop);
}
END_TEST

START_TEST(destroy_works_what_is_queued)
{
    struct connector *c = connector_create(2);
    ck_assert_ptr_nonnull(c);
    ck_assert_int_eq(loop_init(&loop), ERR_OK);
    submit_all(c);
    connector_destroy(c);
    loop_run(&loop);
    check_all();
    loop_fini(&loop);
}
END_TEST

static _Atomic bool gate_open;

static void wait_at_gate(struct connector_job *j)
{
    (void)j;
    struct timespec wait = {.tv_nsec = 1000000};
    while (!atomic_load(&gate_open)) {
        nanosleep(&wait, NULL);
    }
}

static void count_done(struct connector_job *j)
{
    (void)j;
    done_count++;
}

static void turn_until(int count)
{
    while (done_count < count) {
        (void)loop_turn(&loop);
    }
}

START_TEST(dead_targets_do_not_keep_the_jobs_of_others_waiting)
{
    static const char targets[9];
    struct connector_job dead[8 * 4];
    struct connector *c = connector_create(2);
    ck_assert_ptr_nonnull(c);
    ck_assert_int_eq(loop_init(&loop), ERR_OK);
    atomic_store(&gate_open, false);
    done_count = 0;
    for (int i = 0; i < 8 * 4; i++) { /* 8 dead servers, with more jobs than may run */
        dead[i] = (struct connector_job){
            .work = wait_at_gate, .done = count_done, .loop = &loop, .target = &targets[i % 8]};
        connector_submit(c, &dead[i]);
    }
    atomic_store(&busy_max, 0);
    struct job work[20];
    for (int i = 0; i < 20; i++) {
        work[i] = (struct job){
            .job = {.work = on_work, .done = count_done, .loop = &loop, .target = &targets[8]}};
        connector_submit(c, &work[i].job);
    }
    turn_until(20);
    ck_assert_int_le(atomic_load(&busy_max), 2);
    atomic_store(&gate_open, true);
    turn_until(20 + 8 * 4);
    connector_destroy(c);
    loop_stop(&loop);
    loop_run(&loop);
    loop_fini(&loop);
}
END_TEST

START_TEST(destroy_accepts_nothing)
{
    connector_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("connector");
    TCase *tc = tcase_create("connector");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_job_is_worked_once_and_done_on_the_loop);
    tcase_add_test(tc, destroy_works_what_is_queued);
    tcase_add_test(tc, dead_targets_do_not_keep_the_jobs_of_others_waiting);
    tcase_add_test(tc, destroy_accepts_nothing);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
