/* SPDX-License-Identifier: MIT
 *
 * Tests of cache/heap.h: pieces never overlap, neighbours become one again, and the range
 * is all there is.
 */
#include "cache/heap.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define RANGE (1024 * 1024)
#define PIECES 2000
#define ROUNDS 30000

static struct heap h;
static void *range;

static void up(void)
{
    range = aligned_alloc(4096, RANGE);
    ck_assert_ptr_nonnull(range);
    heap_init(&h, range, RANGE);
}

static void down(void)
{
    heap_fini(&h);
    free(range);
}

struct held {
    unsigned char *p;
    size_t size;
    unsigned char fill;
};

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *state >> 33;
}

static void hold(struct held *x, size_t size, unsigned char fill)
{
    *x = (struct held){heap_take(&h, size), size, fill};
    if (x->p != NULL) {
        ck_assert_uint_eq((uintptr_t)x->p % 16, 0);
        ck_assert(x->p >= (unsigned char *)range &&
                  x->p + size <= (unsigned char *)range + RANGE);
        ck_assert_uint_ge(heap_bytes(x->p), heap_need(size));
        memset(x->p, fill, size);
    }
}

static void let_go(struct held *x)
{
    size_t same = 0;
    while (same < x->size && x->p[same] == x->fill) {
        same++;
    }
    ck_assert_uint_eq(same, x->size);
    heap_give(&h, x->p);
    x->p = NULL;
}

START_TEST(pieces_do_not_overlap)
{
    static struct held held[PIECES];
    uint64_t random = 1;
    unsigned failed = 0;
    size_t used = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct held *x = &held[next_random(&random) % PIECES];
        if (x->p != NULL) {
            used -= heap_bytes(x->p);
            let_go(x);
        } else {
            size_t most = next_random(&random) % 20 == 0 ? 20000 : 1000;
            hold(x, next_random(&random) % most, (unsigned char)i);
            failed += x->p == NULL;
            used += x->p == NULL ? 0 : heap_bytes(x->p);
        }
        ck_assert_uint_eq(h.used, used);
    }
    ck_assert_uint_gt(failed, 0);
    for (int i = 0; i < PIECES; i++) {
        if (held[i].p != NULL) {
            let_go(&held[i]);
        }
    }
    ck_assert_uint_eq(h.used, 0);
    ck_assert_ptr_nonnull(heap_take(&h, RANGE / 16 * 15));
}
END_TEST

START_TEST(all_of_it_can_be_taken_in_small_pieces)
{
    size_t taken = 0;
    void *p, *last = NULL;
    while ((p = heap_take(&h, 100)) != NULL) {
        taken += 100;
        last = p;
    }
    ck_assert_uint_gt(taken, RANGE / 112 * 100 - 200);
    heap_give(&h, last);
    ck_assert_ptr_eq(heap_take(&h, 100), last);
}
END_TEST

START_TEST(neighbours_become_one_whoever_goes_first)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t k = 0; k < sizeof orders / sizeof orders[0]; k++) {
        void *p[] = {heap_take(&h, 1000), heap_take(&h, 1000), heap_take(&h, 1000)};
        void *guard = heap_take(&h, 16);
        for (int i = 0; i < 3; i++) {
            heap_give(&h, p[orders[k][i]]);
        }
        ck_assert_ptr_eq(heap_take(&h, 2800), p[0]);
        heap_give(&h, p[0]);
        heap_give(&h, guard);
    }
    ck_assert_uint_eq(h.used, 0);
}
END_TEST

START_TEST(too_much_is_refused)
{
    ck_assert_ptr_null(heap_take(&h, RANGE));
    ck_assert_ptr_null(heap_take(&h, SIZE_MAX));
    ck_assert_ptr_null(heap_take(&h, SIZE_MAX - 32));
    ck_assert_ptr_nonnull(heap_take(&h, 0));
    struct heap none;
    heap_init(&none, range, 0);
    ck_assert_ptr_null(heap_take(&none, 0));
}
END_TEST

START_TEST(released_pages_can_be_used_again)
{
    struct held x;
    hold(&x, RANGE / 2, 7);
    let_go(&x);
    heap_release(&h);
    hold(&x, RANGE / 2, 8);
    ck_assert_ptr_nonnull(x.p);
    let_go(&x);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("heap");
    TCase *t = tcase_create("heap");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, pieces_do_not_overlap);
    tcase_add_test(t, all_of_it_can_be_taken_in_small_pieces);
    tcase_add_test(t, neighbours_become_one_whoever_goes_first);
    tcase_add_test(t, too_much_is_refused);
    tcase_add_test(t, released_pages_can_be_used_again);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
