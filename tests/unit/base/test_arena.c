/* SPDX-License-Identifier: MIT
 *
 * test_arena.c: blocks, limits, alignment, and memory that runs out.
 */
#include "base/arena.h"
#include "tests/unit/fail_alloc.h"

#include <check.h>
#include <stdint.h>
#include <string.h>

START_TEST(memory_is_aligned_and_does_not_overlap)
{
    struct arena a;
    arena_init(&a, 0);
    unsigned char *at[200];
    for (size_t i = 0; i < 200; i++) {
        at[i] = arena_alloc(&a, i);
        ck_assert_ptr_nonnull(at[i]);
        ck_assert_uint_eq((uintptr_t)at[i] % _Alignof(max_align_t), 0);
        memset(at[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t k = 0; k < i; k++) {
            ck_assert_uint_eq(at[i][k], i);
        }
    }
    arena_fini(&a);
    ck_assert_uint_eq(a.used_bytes, 0);
}
END_TEST

START_TEST(large_allocations_have_blocks_of_their_own)
{
    struct arena a;
    arena_init(&a, 0);
    char *p = arena_alloc(&a, 5u << 20);
    ck_assert_ptr_nonnull(p);
    memset(p, 1, 5u << 20);
    ck_assert_ptr_nonnull(arena_alloc(&a, 10));
    arena_fini(&a);
}
END_TEST

START_TEST(a_limit_is_never_passed)
{
    for (size_t limit = 1; limit < 100000; limit += limit / 3 + 1) {
        struct arena a;
        arena_init(&a, limit);
        size_t got = 0;
        for (size_t size = 1; size < 5000; size = size * 2 + 1) {
            char *p = arena_alloc(&a, size);
            if (p != NULL) {
                memset(p, 0, size);
                got += size;
            }
            ck_assert_uint_le(a.used_bytes, limit);
        }
        ck_assert_uint_le(got, limit);
        if (limit > 20000) {
            ck_assert_uint_gt(got, 5000); /* near the limit it still gives what there is */
        }
        arena_fini(&a);
    }
}
END_TEST

START_TEST(absurd_sizes_are_refused)
{
    struct arena a;
    arena_init(&a, 0);
    size_t huge = SIZE_MAX;
    ck_assert_ptr_null(arena_alloc(&a, huge));
    ck_assert_ptr_null(arena_alloc(&a, huge - 100));
    ck_assert_ptr_null(arena_alloc(&a, huge / 2 + 1));
    ck_assert_ptr_null(arena_zalloc(&a, huge / 2, 3));
    ck_assert_ptr_null(arena_zalloc(&a, huge / 8, 9));
    ck_assert_ptr_nonnull(arena_alloc(&a, 0));
    arena_fini(&a);
}
END_TEST

START_TEST(reset_keeps_a_small_block_and_can_be_repeated)
{
    struct arena a;
    arena_init(&a, 0);
    arena_reset(&a); /* nothing yet */
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 1000; k++) {
            char *p = arena_alloc(&a, 100);
            ck_assert_ptr_nonnull(p);
            memset(p, k, 100);
        }
        arena_reset(&a);
        ck_assert_uint_le(a.used_bytes, 4096);
    }
    arena_fini(&a);
}
END_TEST

START_TEST(reset_after_a_large_first_block)
{
    struct arena a;
    arena_init(&a, 0);
    ck_assert_ptr_nonnull(arena_alloc(&a, 100000));
    ck_assert_ptr_nonnull(arena_alloc(&a, 200000));
    ck_assert_ptr_nonnull(arena_alloc(&a, 10));
    arena_reset(&a);
    ck_assert_ptr_nonnull(arena_alloc(&a, 10));
    arena_reset(&a);
    arena_fini(&a);
    arena_fini(&a);
}
END_TEST

START_TEST(zeroed_memory_is_zero_after_reuse)
{
    struct arena a;
    arena_init(&a, 0);
    char *dirty = arena_alloc(&a, 2000);
    ck_assert_ptr_nonnull(dirty);
    memset(dirty, 0xff, 2000);
    arena_reset(&a);
    char *clean = arena_zalloc(&a, 200, 10);
    ck_assert_ptr_nonnull(clean);
    for (size_t i = 0; i < 2000; i++) {
        ck_assert_int_eq(clean[i], 0);
    }
    arena_fini(&a);
}
END_TEST

START_TEST(texts_are_copied_with_a_nul)
{
    struct arena a;
    arena_init(&a, 0);
    struct str s = arena_str(&a, STR("abc"));
    ck_assert_str_eq(s.ptr, "abc");
    ck_assert_uint_eq(s.len, 3);
    s = arena_str(&a, (struct str){NULL, 0});
    ck_assert_str_eq(s.ptr, "");
    s = arena_printf(&a, "%d-%s", 42, "x");
    ck_assert_str_eq(s.ptr, "42-x");
    ck_assert_uint_eq(s.len, 4);
    s = arena_printf(&a, "%0*d", 10000, 7);
    ck_assert_uint_eq(s.len, 10000);
    arena_fini(&a);
}
END_TEST

START_TEST(memory_that_runs_out_gives_null)
{
    struct arena a;
    arena_init(&a, 0);
    fail_alloc_at(1);
    ck_assert_ptr_null(arena_alloc(&a, 10));
    fail_alloc_at(1);
    ck_assert_ptr_null(arena_str(&a, STR("x")).ptr);
    fail_alloc_at(1);
    ck_assert_ptr_null(arena_printf(&a, "x").ptr);
    fail_alloc_at(0);
    ck_assert_ptr_nonnull(arena_alloc(&a, 10)); /* and goes on when there is some */
    arena_fini(&a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/arena");
    TCase *t = tcase_create("arena");
    tcase_add_test(t, memory_is_aligned_and_does_not_overlap);
    tcase_add_test(t, large_allocations_have_blocks_of_their_own);
    tcase_add_test(t, a_limit_is_never_passed);
    tcase_add_test(t, absurd_sizes_are_refused);
    tcase_add_test(t, reset_keeps_a_small_block_and_can_be_repeated);
    tcase_add_test(t, reset_after_a_large_first_block);
    tcase_add_test(t, zeroed_memory_is_zero_after_reuse);
    tcase_add_test(t, texts_are_copied_with_a_nul);
    tcase_add_test(t, memory_that_runs_out_gives_null);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
