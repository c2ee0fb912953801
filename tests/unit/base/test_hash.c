/* SPDX-License-Identifier: MIT
 *
 * test_hash.c: the map against a plain list.
 */
#include "base/hash.h"
#include "tests/unit/fail_alloc.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define KEYS 500

static char names[KEYS][8];
static int values[KEYS];

static void setup(void)
{
    for (int i = 0; i < KEYS; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
    }
}

START_TEST(an_empty_map_holds_nothing)
{
    struct map m;
    map_init(&m, 1);
    uint32_t at = 0;
    struct str key;
    void *v;
    ck_assert_ptr_null(map_get(&m, STR("")));
    ck_assert_ptr_null(map_remove(&m, STR("a")));
    ck_assert(!map_each(&m, &at, &key, &v));
    map_fini(&m);
}
END_TEST

START_TEST(a_map_agrees_with_a_list_under_random_changes)
{
    struct map m;
    bool there[KEYS] = {false};
    uint64_t state = 7;
    uint32_t count = 0;
    map_init(&m, hash_seed());
    for (int step = 0; step < 50000; step++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        int i = (int)(state >> 40) % KEYS;
        struct str key = str_of(names[i]);
        if ((state >> 33) % 2 == 0) {
            ck_assert_int_eq(map_put(&m, key, &values[i]), ERR_OK);
            count += !there[i];
            there[i] = true;
        } else {
            ck_assert_ptr_eq(map_remove(&m, key), there[i] ? &values[i] : NULL);
            count -= there[i];
            there[i] = false;
        }
        ck_assert_uint_eq(m.count, count);
        if (step % 1000 == 0) {
            for (int k = 0; k < KEYS; k++) {
                ck_assert_ptr_eq(map_get(&m, str_of(names[k])), there[k] ? &values[k] : NULL);
            }
        }
    }
    map_fini(&m);
}
END_TEST

START_TEST(each_entry_is_walked_once)
{
    struct map m;
    int seen[KEYS] = {0};
    map_init(&m, 3);
    for (int i = 0; i < KEYS; i++) {
        ck_assert_int_eq(map_put(&m, str_of(names[i]), &values[i]), ERR_OK);
        ck_assert_int_eq(map_put(&m, str_of(names[i]), &values[i]), ERR_OK);
    }
    uint32_t at = 0;
    struct str key;
    void *v;
    while (map_each(&m, &at, &key, &v)) {
        seen[(int *)v - values]++;
        ck_assert(str_is(key, names[(int *)v - values]));
    }
    for (int i = 0; i < KEYS; i++) {
        ck_assert_int_eq(seen[i], 1);
    }
    map_fini(&m);
}
END_TEST

START_TEST(no_memory_leaves_the_map_as_it_was)
{
    struct map m;
    map_init(&m, 3);
    fail_alloc_at(1);
    enum err first = map_put(&m, STR("a"), &values[0]);
    fail_alloc_at(0);
    ck_assert_int_eq(first, ERR_OUT_OF_MEMORY);
    int put = 0, failed = 0;
    for (int i = 0; i < KEYS; i++) {
        fail_alloc_at(1);
        enum err e = map_put(&m, str_of(names[i]), &values[i]);
        bool reached = fail_alloc_reached();
        fail_alloc_at(0);
        ck_assert_int_eq(e, reached ? ERR_OUT_OF_MEMORY : ERR_OK);
        if (reached) { /* the second time there is memory */
            failed++;
            ck_assert_uint_eq(m.count, (uint32_t)put);
            ck_assert_int_eq(map_put(&m, str_of(names[i]), &values[i]), ERR_OK);
        }
        put++;
    }
    ck_assert_int_gt(failed, 3);
    for (int i = 0; i < KEYS; i++) {
        ck_assert_ptr_eq(map_get(&m, str_of(names[i])), &values[i]);
    }
    map_fini(&m);
}
END_TEST

START_TEST(hashes_depend_on_text_and_seed)
{
    ck_assert_uint_eq(hash_bytes(STR("abc"), 1), hash_bytes(STR("abc"), 1));
    ck_assert_uint_ne(hash_bytes(STR("abc"), 1), hash_bytes(STR("abc"), 2));
    ck_assert_uint_ne(hash_bytes(STR("abc"), 1), hash_bytes(STR("abd"), 1));
    ck_assert_uint_eq(hash_bytes(STR(""), 1), hash_bytes((struct str){NULL, 0}, 1));
    ck_assert_uint_ne(hash_seed(), hash_seed());
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/hash");
    TCase *t = tcase_create("hash");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, an_empty_map_holds_nothing);
    tcase_add_test(t, a_map_agrees_with_a_list_under_random_changes);
    tcase_add_test(t, each_entry_is_walked_once);
    tcase_add_test(t, no_memory_leaves_the_map_as_it_was);
    tcase_add_test(t, hashes_depend_on_text_and_seed);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
