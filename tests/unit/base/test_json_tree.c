/* SPDX-License-Identifier: MIT
 *
 * test_json_tree.c: looking into a tree, sources, pointers.
 */
#include "base/json.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;

static void setup(void)
{
    arena_init(&arena, 0);
}

static void teardown(void)
{
    arena_fini(&arena);
}

static struct json *read_json(struct str text)
{
    struct json *root;
    ck_assert_int_eq(json_parse(&arena, text, 64, &root, NULL), ERR_OK);
    return root;
}

START_TEST(members_are_found_by_key)
{
    const struct json *root = read_json(STR("{\"a\":1,\"\":\"x\",\"ab\":null,\"n\\u0000\":2}"));
    ck_assert_ptr_eq(json_get(root, "a"), root->first);
    ck_assert(json_is(json_get(root, ""), "x"));
    ck_assert_int_eq(json_get(root, "ab")->kind, JSON_NULL);
    ck_assert_ptr_null(json_get(root, "n"));
    ck_assert_ptr_null(json_get(root, "b"));
    ck_assert_ptr_null(json_get(root->first, "a"));
    ck_assert_ptr_null(json_get(NULL, "a"));
}
END_TEST

START_TEST(members_keep_their_order)
{
    const struct json *root = read_json(STR("[10,11,12,13]"));
    ck_assert_uint_eq(root->len, 4);
    int64_t want = 10, v;
    for (const struct json *m = root->first; m != NULL; m = m->next) {
        ck_assert(json_i64(m, &v) && v == want++);
    }
    ck_assert_int_eq(want, 14);
}
END_TEST

START_TEST(integers_are_read_where_they_fit)
{
    static const struct {
        const char *text;
        bool fits;
        int64_t v;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"1.0", false, 0},
        {"1e2", false, 0},
        {"\"1\"", false, 0},
        {"null", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t v = 0;
        ck_assert_msg(json_i64(read_json(str_of(cases[i].text)), &v) == cases[i].fits, "%s",
                      cases[i].text);
        ck_assert_int_eq(v, cases[i].v);
    }
    int64_t v;
    ck_assert(!json_i64(NULL, &v));
}
END_TEST

START_TEST(texts_are_of_strings_and_numbers_alone)
{
    ck_assert(str_is(json_text(read_json(STR("\"a\\nb\""))), "a\nb"));
    ck_assert(str_is(json_text(read_json(STR("-1.50e+03"))), "-1.50e+03"));
    ck_assert_uint_eq(json_text(read_json(STR("true"))).len, 0);
    ck_assert_uint_eq(json_text(read_json(STR("[1]"))).len, 0);
    ck_assert(!json_is(read_json(STR("1")), "1"));
    ck_assert(!json_is(NULL, ""));
}
END_TEST

START_TEST(kinds_have_names)
{
    static const char *const cases[][2] = {
        {"null", "null"},    {"true", "a boolean"}, {"false", "a boolean"}, {"1", "a number"},
        {"1.5", "a number"}, {"\"\"", "a string"},  {"[]", "an array"},     {"{}", "an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_str_eq(json_kind_name(read_json(str_of(cases[i][0]))), cases[i][1]);
    }
}
END_TEST

START_TEST(a_source_is_what_was_written)
{
    static const char *const values[] = {
        "null", "true",         "false",           "-1.5e3",
        "\"\"", "\"\\\"\\\\\"", "\"]}\\u005d\"",   "[]",
        "{}",   "[[1],[2,3]]",  "{\"]\":[\"}\"]}", "{ \"a\" : [ 1 , 2 ] }",
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char line[128];
        snprintf(line, sizeof line, " { \"k\" : %s , \"z\":0}", values[i]);
        struct str input = str_of(line);
        const struct json *root = read_json(input);
        struct str source = json_source(json_get(root, "k"), input);
        ck_assert_msg(str_is(source, values[i]), "%.*s is not %s", STR_ARG(source), values[i]);
        ck_assert(str_is(json_source(root, input), line + 1));
    }
}
END_TEST

START_TEST(a_pointer_is_written_from_the_root)
{
    struct json_path a = {NULL, STR("query"), 0};
    struct json_path b = {&a, STR("a/b~c"), 0};
    struct json_path c = {&b, {NULL, 0}, 4294967295u};
    struct json_path d = {&c, STR(""), 0};
    char out[64];
    ck_assert_uint_eq(json_path_write(&d, out, sizeof out), strlen(out));
    ck_assert_str_eq(out, "/query/a~1b~0c/4294967295/");
    ck_assert_uint_eq(json_path_write(NULL, out, sizeof out), 0);
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(a_pointer_is_cut_between_characters)
{
    struct json_path a = {NULL,
                          STR("ab\xe2\x82\xac"
                              "cd"),
                          0};
    struct json_path b = {&a, STR("more"), 0};
    for (size_t size = 1; size < 20; size++) {
        char *out = malloc(size);
        ck_assert_ptr_nonnull(out);
        size_t n = json_path_write(&b, out, size);
        ck_assert_uint_lt(n, size);
        ck_assert_uint_eq(n, strlen(out));
        ck_assert(utf8_valid(str_of(out), NULL));
        ck_assert(str_starts(STR("/ab\xe2\x82\xac"
                                 "cd/more"),
                             str_of(out)));
        free(out);
    }
    ck_assert_uint_eq(json_path_write(&b, NULL, 0), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/json_tree");
    TCase *t = tcase_create("json_tree");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, members_are_found_by_key);
    tcase_add_test(t, members_keep_their_order);
    tcase_add_test(t, integers_are_read_where_they_fit);
    tcase_add_test(t, texts_are_of_strings_and_numbers_alone);
    tcase_add_test(t, kinds_have_names);
    tcase_add_test(t, a_source_is_what_was_written);
    tcase_add_test(t, a_pointer_is_written_from_the_root);
    tcase_add_test(t, a_pointer_is_cut_between_characters);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
