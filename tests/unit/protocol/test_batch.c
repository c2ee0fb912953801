/* SPDX-License-Identifier: MIT
 *
 * test_batch.c: the steps of a batch, their conditions, and what they refer to.
 */
#include "protocol/batch.h"
#include "tests/unit/fail_alloc.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct arena arena;
static struct fail fail;
static struct batch_step *steps;

static void setup(void)
{
    arena_init(&arena, 0);
    fail_init(&fail);
}

static void teardown(void)
{
    arena_fini(&arena);
}

static enum err read_most(const char *text, uint32_t most)
{
    struct json *root;
    fail_init(&fail);
    enum err e = json_parse(&arena, str_of(text), 64, &root, &fail);
    return e != ERR_OK ? e : batch_read(root, str_of(text), most, &arena, &steps, &fail);
}

static enum err read_steps(const char *text)
{
    return read_most(text, 100);
}

#define ASSERT_OK(text)                                                                        \
    ck_assert_msg(read_steps(text) == ERR_OK, "%s: %s", fail.path, fail.message)

START_TEST(steps_are_queries_with_names)
{
    ASSERT_OK("[{\"as\":\"a\",\"query\":{}},{\"run\":\"p\",\"params\":{\"x\":1},"
              "\"expect\":\"one\",\"keys\":true}]");
    ck_assert(str_is(steps[0].name, "a"));
    ck_assert_ptr_nonnull(steps[0].m.query);
    ck_assert_int_eq(steps[0].m.op, OP_QUERY);
    ck_assert_int_eq(steps[0].outcome, OUTCOME_NONE);
    ck_assert(steps[1].name.len == 0 && str_is(steps[1].m.run, "p"));
    ck_assert_int_eq(steps[1].m.expect, MODE_ONE);
    ck_assert_int_eq(steps[1].m.keys, WANT_YES);
    ck_assert(batch_is_due(steps, 0) && batch_is_due(steps, 1));
}
END_TEST

static const struct {
    const char *text;
    enum err err;
    const char *path;
} bad[] = {
    {"[7]", ERR_BAD_REQUEST, "/steps/0"},
    {"[{\"query\":{}},{}]", ERR_BAD_REQUEST, "/steps/1/query"},
    {"[{\"query\":{},\"run\":\"p\"}]", ERR_BAD_REQUEST, "/steps/0/run"},
    {"[{\"query\":{},\"id\":1}]", ERR_UNKNOWN_KEY, "/steps/0/id"},
    {"[{\"query\":{},\"as\":\"\"}]", ERR_BAD_REQUEST, "/steps/0/as"},
    {"[{\"query\":{},\"as\":\"a\"},{\"query\":{},\"as\":\"a\"}]", ERR_DUPLICATE_NAME,
     "/steps/1/as"},
    {"[{\"query\":{},\"if\":[\"ok\",\"a\"]}]", ERR_BAD_REQUEST, "/steps/0/if"},
    {"[{\"query\":{},\"as\":\"a\"},{\"query\":{},\"if\":[\"ok\",\"a\",\"a\"]}]",
     ERR_BAD_REQUEST, "/steps/1/if"},
    {"[{\"query\":{},\"as\":\"a\"},{\"query\":{},\"if\":[\"not\",[\"ok\",\"a\"],"
     "[\"ok\",\"a\"]]}]",
     ERR_BAD_REQUEST, "/steps/1/if"},
    {"[{\"query\":{},\"as\":\"a\"},{\"query\":{},\"if\":[\"and\",[\"ok\",\"a\"],true]}]",
     ERR_BAD_REQUEST, "/steps/1/if"},
    {"[{\"query\":{},\"if\":[\"ok\",7]}]", ERR_BAD_REQUEST, "/steps/0/if"},
    {"[{\"query\":{},\"if\":{}}]", ERR_BAD_REQUEST, "/steps/0/if"},
    {"[{\"query\":{}},{\"query\":{}},{\"query\":{}},{\"query\":{}}]", ERR_REQUEST_TOO_LARGE,
     "/steps"},
};

START_TEST(anything_else_is_refused_at_its_place)
{
    ck_assert_int_eq(read_most(bad[_i].text, 3), bad[_i].err);
    ck_assert_str_eq(fail.path, bad[_i].path);
}
END_TEST

/* Of steps a and b, by their outcomes. */
static const struct {
    const char *condition;
    enum step_outcome a, b;
    bool due;
} conditions[] = {
    {"[\"ok\",\"a\"]", OUTCOME_ROWS, OUTCOME_NONE, true},
    {"[\"ok\",\"a\"]", OUTCOME_EMPTY, OUTCOME_NONE, true},
    {"[\"ok\",\"a\"]", OUTCOME_FAILED, OUTCOME_ROWS, false},
    {"[\"ok\",\"a\"]", OUTCOME_SKIPPED, OUTCOME_ROWS, false},
    {"[\"empty\",\"a\"]", OUTCOME_EMPTY, OUTCOME_ROWS, true},
    {"[\"empty\",\"a\"]", OUTCOME_ROWS, OUTCOME_EMPTY, false},
    {"[\"empty\",\"a\"]", OUTCOME_FAILED, OUTCOME_EMPTY, false},
    {"[\"empty\",\"a\"]", OUTCOME_SKIPPED, OUTCOME_EMPTY, false},
    {"[\"not\",[\"ok\",\"b\"]]", OUTCOME_ROWS, OUTCOME_FAILED, true},
    {"[\"not\",[\"not\",[\"ok\",\"b\"]]]", OUTCOME_ROWS, OUTCOME_FAILED, false},
    {"[\"and\",[\"ok\",\"a\"],[\"ok\",\"b\"]]", OUTCOME_ROWS, OUTCOME_ROWS, true},
    {"[\"and\",[\"ok\",\"a\"],[\"ok\",\"b\"]]", OUTCOME_ROWS, OUTCOME_FAILED, false},
    {"[\"or\",[\"ok\",\"a\"],[\"ok\",\"b\"]]", OUTCOME_FAILED, OUTCOME_ROWS, true},
    {"[\"or\",[\"ok\",\"a\"],[\"ok\",\"b\"]]", OUTCOME_FAILED, OUTCOME_SKIPPED, false},
    {"[\"or\",[\"and\",[\"ok\",\"a\"],[\"empty\",\"a\"]],[\"not\",[\"empty\",\"b\"]]]",
     OUTCOME_ROWS, OUTCOME_EMPTY, false},
};

START_TEST(conditions_hold_by_outcomes)
{
    char text[512];
    snprintf(text, sizeof text,
             "[{\"as\":\"a\",\"query\":{}},{\"as\":\"b\",\"query\":{}},"
             "{\"query\":{},\"if\":%s}]",
             conditions[_i].condition);
    ASSERT_OK(text);
    steps[0].outcome = conditions[_i].a;
    steps[1].outcome = conditions[_i].b;
    ck_assert(batch_is_due(steps, 2) == conditions[_i].due);
}
END_TEST

START_TEST(refs_are_found_once_in_code)
{
    ASSERT_OK("[{\"as\":\"a\",\"query\":{}},{\"as\":\"b\",\"query\":{\"where\":[\"and\","
              "[\"=\",\"x\",[\"ref\",\"a\",\"id\"]],[\"=\",\"y\",[\"ref\",\"a\",\"id\"]]],"
              "\"set\":{\"c\":[\"ref\",\"a\",\"name\"],\"data\":[\"ref\",\"b\",\"id\"]}}},"
              "{\"query\":{\"select\":[{\"x\":[\"ref\",\"later\",\"id\"]}]}},"
              "{\"as\":\"later\",\"query\":{}}]");
    ck_assert_uint_eq(steps[0].ref_count, 0);
    ck_assert_uint_eq(steps[1].ref_count, 3);
    ck_assert(str_is(steps[1].refs[0].column, "id") && steps[1].refs[0].of == 0);
    ck_assert(str_is(steps[1].refs[1].column, "name") && steps[1].refs[1].of == 0);
    ck_assert_uint_eq(steps[1].refs[2].of, UINT32_MAX);
    ck_assert_uint_eq(steps[2].refs[0].of, UINT32_MAX);
    ck_assert(steps[0].is_referred && !steps[1].is_referred && !steps[3].is_referred);
}
END_TEST

START_TEST(what_is_no_ref_is_none)
{
    ASSERT_OK(
        "[{\"as\":\"a\",\"query\":{}},{\"query\":{\"rows\":[{\"x\":[\"ref\",\"a\",\"b\"]}],"
        "\"data\":{\"x\":[\"ref\",\"a\",\"b\"]},\"where\":[[\"ref\",\"a\"],"
        "[\"ref\",\"a\",1],[\"ref\",\"a\",\"b\",\"c\"],[\"Ref\",\"a\",\"b\"],"
        "{\"ref\":\"a\"},\"ref\"]}},{\"run\":\"p\",\"params\":{\"x\":[\"ref\",\"a\","
        "\"b\"]}}]");
    ck_assert_uint_eq(steps[1].ref_count + steps[2].ref_count, 0);
    ck_assert(!steps[0].is_referred);
}
END_TEST

START_TEST(more_refs_are_not_looked_for)
{
    static char text[16384];
    int n =
        snprintf(text, sizeof text, "[{\"as\":\"a\",\"query\":{}},{\"query\":{\"where\":[1");
    for (int i = 0; i < BATCH_REFS + 5; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n, ",[\"ref\",\"a\",\"c%d\"]", i);
    }
    snprintf(text + n, sizeof text - (size_t)n, "]}}]");
    ASSERT_OK(text);
    ck_assert_uint_eq(steps[1].ref_count, BATCH_REFS);
}
END_TEST

START_TEST(memory_may_fail_anywhere)
{
    bool reached = true;
    for (long n = 1; reached; n++) {
        arena_fini(&arena);
        arena_init(&arena, 0);
        fail_alloc_at(n);
        enum err e = read_steps("[{\"as\":\"a\",\"query\":{}},{\"query\":"
                                "{\"where\":[\"ref\",\"a\",\"id\"]},\"if\":[\"ok\",\"a\"]}]");
        reached = fail_alloc_reached();
        fail_alloc_at(0);
        ck_assert(e == ERR_OK || e == ERR_REQUEST_TOO_LARGE || e == ERR_OUT_OF_MEMORY);
    }
}
END_TEST

START_TEST(a_path_is_cut_to_fit)
{
    memset(fail.path, 'x', sizeof fail.path - 1);
    fail.path[0] = '/';
    fail.path[sizeof fail.path - 1] = '\0';
    batch_point(&fail, 12);
    ck_assert(strncmp(fail.path, "/steps/12/xxx", 13) == 0);
    ck_assert_uint_eq(strlen(fail.path), sizeof fail.path - 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("protocol/batch");
    TCase *t = tcase_create("batch");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, steps_are_queries_with_names);
    tcase_add_loop_test(t, anything_else_is_refused_at_its_place, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_loop_test(t, conditions_hold_by_outcomes, 0,
                        (int)(sizeof conditions / sizeof conditions[0]));
    tcase_add_test(t, refs_are_found_once_in_code);
    tcase_add_test(t, what_is_no_ref_is_none);
    tcase_add_test(t, more_refs_are_not_looked_for);
    tcase_add_test(t, memory_may_fail_anywhere);
    tcase_add_test(t, a_path_is_cut_to_fit);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
