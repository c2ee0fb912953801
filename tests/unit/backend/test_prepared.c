/* SPDX-License-Identifier: MIT
 *
 * test_prepared.c: the LRU of prepared statements.
 */
#include "backend/prepared.h"

#include <check.h>
#include <stdlib.h>

/* Handles are numbers in disguise. */
static int handles[4096];

static struct prepared make(uint32_t cap)
{
    struct prepared p;
    ck_assert_int_eq(prepared_init(&p, cap), ERR_OK);
    return p;
}

static void empty(struct prepared *p)
{
    while (prepared_pop(p) != NULL) {
    }
    prepared_fini(p);
}

START_TEST(the_least_recently_used_goes_first)
{
    struct prepared p = make(3);
    ck_assert_ptr_null(prepared_put(&p, 1, &handles[1]));
    ck_assert_ptr_null(prepared_put(&p, 2, &handles[2]));
    ck_assert_ptr_null(prepared_put(&p, 3, &handles[3]));
    ck_assert_ptr_eq(prepared_get(&p, 1), &handles[1]);
    ck_assert_ptr_eq(prepared_put(&p, 4, &handles[4]), &handles[2]);
    ck_assert_ptr_null(prepared_get(&p, 2));
    ck_assert_ptr_eq(prepared_pop(&p), &handles[3]);
    ck_assert_ptr_eq(prepared_pop(&p), &handles[1]);
    ck_assert_ptr_eq(prepared_pop(&p), &handles[4]);
    ck_assert_ptr_null(prepared_pop(&p));
    prepared_fini(&p);
}
END_TEST

START_TEST(nothing_is_kept_without_room)
{
    struct prepared p = make(0);
    ck_assert_ptr_eq(prepared_put(&p, 1, &handles[1]), &handles[1]);
    ck_assert_ptr_null(prepared_get(&p, 1));
    ck_assert_ptr_null(prepared_take(&p, 1));
    ck_assert_ptr_null(prepared_pop(&p));
    prepared_fini(&p);
}
END_TEST

START_TEST(one_place_is_enough_to_work)
{
    struct prepared p = make(1);
    ck_assert_ptr_null(prepared_put(&p, 7, &handles[7]));
    ck_assert_ptr_eq(prepared_put(&p, 8, &handles[8]), &handles[7]);
    ck_assert_ptr_eq(prepared_take(&p, 8), &handles[8]);
    ck_assert_ptr_null(prepared_take(&p, 8));
    prepared_fini(&p);
}
END_TEST

/* Against the plainest model: an array of ids in order of use. */
START_TEST(it_agrees_with_a_plain_list_through_a_long_walk)
{
    enum { CAP = 37, IDS = 90, STEPS = 20000 };
    uint64_t order[CAP];
    uint32_t count = 0;
    struct prepared p = make(CAP);
    srand(7);
    for (int i = 0; i < STEPS; i++) {
        uint64_t id = 1 + (uint64_t)rand() % IDS;
        uint32_t at = 0;
        while (at < count && order[at] != id) {
            at++;
        }
        void *got = rand() % 8 == 0 ? prepared_take(&p, id) : prepared_get(&p, id);
        ck_assert_ptr_eq(got, at < count ? &handles[id] : NULL);
        if (at < count) {
            for (; at + 1 < count; at++) {
                order[at] = order[at + 1];
            }
            count--;
            if (prepared_take(&p, id) != NULL) {
                ck_assert_ptr_null(prepared_put(&p, id, &handles[id]));
                order[count++] = id;
            }
            continue;
        }
        void *out = prepared_put(&p, id, &handles[id]);
        ck_assert_ptr_eq(out, count == CAP ? &handles[order[0]] : NULL);
        if (out != NULL) {
            for (uint32_t k = 0; k + 1 < count; k++) {
                order[k] = order[k + 1];
            }
            count--;
        }
        order[count++] = id;
    }
    ck_assert_uint_eq(p.count, count);
    empty(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("prepared");
    TCase *tc = tcase_create("prepared");
    tcase_add_test(tc, the_least_recently_used_goes_first);
    tcase_add_test(tc, nothing_is_kept_without_room);
    tcase_add_test(tc, one_place_is_enough_to_work);
    tcase_add_test(tc, it_agrees_with_a_plain_list_through_a_long_walk);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
