/* SPDX-License-Identifier: MIT
 *
 * Tests of cache/key.h: the bytes are equal if and only if all parts are.
 */
#include "cache/key.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS 2

/* What a test says of a key: few choices each, so that random ones are equal now and
 * then, and such that glued together they look alike. */
struct choice {
    unsigned database, catalog, principal, shard, form, columns, sql;
    unsigned types[PARAMS], values[PARAMS];
};
#define CHOICE_COUNT (sizeof(struct choice) / sizeof(unsigned))

static const struct str texts[] = {{"", 0}, {"a", 1}, {"ab", 2}, {"b", 1}};
static const struct type types[] = {{.kind = TYPE_TEXT}, {.kind = TYPE_BIGINT}};
static const struct value members[] = {
    {.kind = VALUE_INT, .num = 1}, {.kind = VALUE_INT, .num = 2}, {.kind = VALUE_NULL}};
static const struct value_list lists[] = {{members, 1}, {members, 3}, {NULL, 0}};
static const struct value values[] = {
    {.kind = VALUE_NULL},
    {.kind = VALUE_BOOL, .boolean = false},
    {.kind = VALUE_BOOL, .boolean = true},
    {.kind = VALUE_INT, .num = 0},
    {.kind = VALUE_INT, .num = 1},
    {.kind = VALUE_INT, .num = INT64_MIN},
    {.kind = VALUE_DOUBLE, .real = 0.0},
    {.kind = VALUE_DOUBLE, .real = -0.0},
    {.kind = VALUE_DOUBLE, .real = 1.0},
    {.kind = VALUE_TEXT, .text = {"", 0}},
    {.kind = VALUE_TEXT, .text = {"1", 1}},
    {.kind = VALUE_TEXT, .text = {"null", 4}},
    {.kind = VALUE_TEXT, .text = {"\0\0", 2}},
    {.kind = VALUE_BYTES, .text = {"", 0}},
    {.kind = VALUE_BYTES, .text = {"1", 1}},
    {.kind = VALUE_LIST, .list = &lists[0]},
    {.kind = VALUE_LIST, .list = &lists[1]},
    {.kind = VALUE_LIST, .list = &lists[2]},
};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const unsigned most[CHOICE_COUNT] = {
    COUNT(texts),  2,
    COUNT(texts),  2,
    COUNT(texts),  COUNT(texts),
    COUNT(texts),  COUNT(types),
    COUNT(types),  COUNT(values),
    COUNT(values),
};

static void write_key(struct buf *out, const struct choice *c)
{
    struct type param_types[PARAMS] = {types[c->types[0]], types[c->types[1]]};
    struct value params[PARAMS] = {values[c->values[0]], values[c->values[1]]};
    struct statement stmt = {
        .sql = texts[c->sql], .param_types = param_types, .param_count = PARAMS};
    struct cache_key_parts parts = {
        .database = texts[c->database],
        .catalog = c->catalog,
        .principal = texts[c->principal],
        .shard_epoch = c->shard,
        .form = texts[c->form],
        .columns = texts[c->columns],
        .stmt = &stmt,
        .params = params,
    };
    buf_init(out);
    cache_key_write(out, &parts);
    ck_assert(!out->failed);
}

static unsigned *at(struct choice *c, size_t i)
{
    return (unsigned *)c + i;
}

static bool same_bytes(const struct choice *a, const struct choice *b)
{
    struct buf one, other;
    write_key(&one, a);
    write_key(&other, b);
    bool same = str_eq(buf_str(&one), buf_str(&other));
    buf_fini(&one);
    buf_fini(&other);
    return same;
}

static unsigned next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(*state >> 40);
}

START_TEST(equal_if_and_only_if_all_parts_are)
{
    uint64_t random = 1;
    unsigned equal = 0;
    for (int round = 0; round < 10000; round++) {
        struct choice a, b;
        for (size_t i = 0; i < CHOICE_COUNT; i++) {
            *at(&a, i) = next_random(&random) % most[i];
        }
        b = a;
        for (unsigned changes = next_random(&random) % 4; changes > 0; changes--) {
            size_t i = next_random(&random) % CHOICE_COUNT;
            *at(&b, i) = next_random(&random) % most[i];
        }
        bool same = memcmp(&a, &b, sizeof a) == 0;
        equal += same;
        ck_assert(same_bytes(&a, &b) == same);
    }
    ck_assert_uint_gt(equal, 1000);
}
END_TEST

START_TEST(every_value_differs_from_every_other)
{
    for (unsigned i = 0; i < COUNT(values); i++) {
        for (unsigned k = 0; k < COUNT(values); k++) {
            struct choice a = {.values = {i, 0}}, b = {.values = {k, 0}};
            ck_assert(same_bytes(&a, &b) == (i == k));
        }
    }
}
END_TEST

START_TEST(what_stands_in_a_list_is_not_what_stands_beside_it)
{
    struct type param_types[] = {types[1], types[1]};
    struct value one[] = {{.kind = VALUE_LIST, .list = &lists[0]}, members[1]};
    struct value two[] = {{.kind = VALUE_LIST, .list = &(struct value_list){members, 2}},
                          members[2]};
    struct statement stmt = {.param_types = param_types, .param_count = 2};
    struct cache_key_parts a = {.stmt = &stmt, .params = one}, b = a;
    struct buf x, y;
    b.params = two;
    buf_init(&x);
    buf_init(&y);
    cache_key_write(&x, &a);
    cache_key_write(&y, &b);
    ck_assert(!str_eq(buf_str(&x), buf_str(&y)));
    buf_fini(&x);
    buf_fini(&y);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("key");
    TCase *t = tcase_create("key");
    tcase_add_test(t, equal_if_and_only_if_all_parts_are);
    tcase_add_test(t, every_value_differs_from_every_other);
    tcase_add_test(t, what_stands_in_a_list_is_not_what_stands_beside_it);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
