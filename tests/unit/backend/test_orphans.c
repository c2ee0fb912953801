/* SPDX-License-Identifier: MIT
 *
 * Tests of backend/orphans.c: each is taken once, by whoever comes.
 */
#include "backend/orphans.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

static struct orphans all;
static _Atomic uint64_t sum;

START_TEST(each_is_taken_once_and_a_full_list_forgets)
{
    struct orphan o;
    ck_assert(!orphans_take(&all, &o));
    for (uint64_t id = 1; id <= ORPHANS_MAX + 5; id++) {
        orphans_add(&all, (struct orphan){.id = id, .since_ns = id * 2, .port = 7});
    }
    uint64_t seen = 0;
    for (int i = 0; i < ORPHANS_MAX; i++) {
        ck_assert(orphans_take(&all, &o));
        ck_assert_uint_eq(o.since_ns, o.id * 2);
        ck_assert_uint_eq(o.port, 7);
        seen += o.id;
    }
    ck_assert_uint_eq(seen, ORPHANS_MAX * (ORPHANS_MAX + 1) / 2);
    ck_assert(!orphans_take(&all, &o));
    orphans_add(NULL, o);
    ck_assert(!orphans_take(NULL, &o));
}
END_TEST

static void *put(void *arg)
{
    for (uint64_t id = 1; id <= 100; id++) {
        orphans_add(&all, (struct orphan){.id = id, .since_ns = id});
    }
    return arg;
}

static void *take(void *arg)
{
    struct orphan o;
    for (int i = 0; i < 20000; i++) {
        if (orphans_take(&all, &o)) {
            ck_assert_uint_eq(o.id, o.since_ns);
            atomic_fetch_add(&sum, o.id);
        }
    }
    return arg;
}

START_TEST(threads_neither_lose_nor_double_any)
{
    pthread_t t[4];
    struct orphan o;
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&t[i], NULL, i % 2 == 0 ? put : take, NULL), 0);
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(t[i], NULL), 0);
    }
    while (orphans_take(&all, &o)) {
        atomic_fetch_add(&sum, o.id);
    }
    ck_assert_uint_eq(atomic_load(&sum), 2 * 5050);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("orphans");
    TCase *t = tcase_create("orphans");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, each_is_taken_once_and_a_full_list_forgets);
    tcase_add_test(t, threads_neither_lose_nor_double_any);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
