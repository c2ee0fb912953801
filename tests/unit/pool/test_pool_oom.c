/* SPDX-License-Identifier: MIT
 *
 * Tests of the pool when memory runs out: every allocation fails once, and nobody
 * is left without an answer. Linked with --wrap=calloc and --wrap=realloc.
 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

/* Allocations until the one that fails; negative: none does. */
static _Atomic int64_t until = -1;
static _Atomic int64_t failures;

static bool fails_now(void)
{
    int64_t n = atomic_load(&until);
    while (n >= 0) {
        if (atomic_compare_exchange_weak(&until, &n, n - 1)) {
            break;
        }
    }
    if (n == 0) {
        atomic_fetch_add(&failures, 1);
    }
    return n == 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails_now() ? NULL : __real_realloc(p, size);
}

static struct rig rig;

START_TEST(create_without_memory_gives_null)
{
    struct pool_opts o = rig_opts();
    rig_up(&rig, &o, 1);
    atomic_store(&until, 0);
    ck_assert_ptr_null(
        pool_create(&rig.share, &rig.db.target, &rig.loop[0], rig.connector, NULL));
    ck_assert_int_eq(GET(failures), 1);
    ck_assert_ptr_eq(rig.share.pools, rig.pool[0]);
    ck_assert_ptr_null(rig.share.want_list);
    rig_down(&rig);
}
END_TEST

/* Whatever fails, each of them is answered, and the pool works again after. */
static void life(const struct pool_opts *o, int64_t fail_at)
{
    struct ask a[6];
    rig_up(&rig, o, 2);
    atomic_store(&failures, 0);
    atomic_store(&until, fail_at);
    for (int i = 0; i < 6; i++) {
        ask_on(&rig, i % 2, &a[i]);
    }
    int left = 6;
    uint64_t end_ns = clock_now_ns() + 10000 * MS;
    while (left > 0) {
        ck_assert_uint_lt(clock_now_ns(), end_ns);
        rig_turn(&rig);
        for (int i = 0; i < 6; i++) {
            if (a[i].calls == 1 && a[i].pool != NULL) {
                ck_assert(a[i].err == ERR_OK || a[i].err == ERR_OUT_OF_MEMORY);
                if (a[i].err == ERR_OK) {
                    ask_return(&a[i], POOL_DIRTY);
                }
                a[i].pool = NULL;
                left--;
            }
        }
    }
    atomic_store(&until, -1);
    ck_assert_int_eq(GET(rig.share.down), 0);
    ask_now(&rig, 0, &a[0]);
    ask_return(&a[0], POOL_CLEAN);
    ask_now(&rig, 1, &a[1]);
    ask_return(&a[1], POOL_CLEAN);
    rig_down(&rig);
}

START_TEST(every_allocation_may_fail_once)
{
    struct pool_opts o = rig_opts();
    o.pre_ping = true;
    for (int64_t n = 0;; n++) {
        ck_assert_int_lt(n, 100);
        life(&o, n);
        if (GET(failures) == 0) {
            ck_assert_int_gt(n, 5);
            return;
        }
    }
}
END_TEST

START_TEST(every_allocation_may_fail_once_without_idle_ones)
{
    struct pool_opts o = rig_opts();
    o.kind = POOL_NULL;
    o.size = 1;
    for (int64_t n = 0;; n++) {
        ck_assert_int_lt(n, 100);
        life(&o, n);
        if (GET(failures) == 0) {
            ck_assert_int_gt(n, 5);
            return;
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pool/oom");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, create_without_memory_gives_null);
    tcase_add_test(t, every_allocation_may_fail_once);
    tcase_add_test(t, every_allocation_may_fail_once_without_idle_ones);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
