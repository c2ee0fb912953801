/* SPDX-License-Identifier: MIT
 *
 * test_cache_ask.c: what a query says about the cache, and what is invalidated.
 */
#include "protocol/message.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct arena arena;
static struct message m;
static struct fail fail;

static void setup(void)
{
    arena_init(&arena, 0);
}

static void teardown(void)
{
    arena_fini(&arena);
}

static enum err parse(struct str line)
{
    fail_init(&fail);
    return message_parse(arena_str(&arena, line), &arena, &(struct json_opts){.max_depth = 32},
                         &m, &fail);
}

/* `{"query":{},"cache":…}` */
static enum err parse_cache(const char *value)
{
    return parse(arena_printf(&arena, "{\"query\":{},\"cache\":%s}", value));
}

START_TEST(the_short_forms)
{
    ck_assert_int_eq(parse(STR("{\"query\":{}}")), ERR_OK);
    ck_assert_int_eq(m.cache.mode, CACHE_DEFAULT);
    ck_assert_int_eq(parse_cache("true"), ERR_OK);
    ck_assert_int_eq(m.cache.mode, CACHE_USE);
    ck_assert_int_eq(parse_cache("false"), ERR_OK);
    ck_assert_int_eq(m.cache.mode, CACHE_BYPASS);
    ck_assert_int_eq(parse_cache("{}"), ERR_OK);
    ck_assert_int_eq(m.cache.mode, CACHE_USE);
}
END_TEST

START_TEST(every_member_is_read)
{
    ck_assert_int_eq(parse_cache("{\"region\":\"r\",\"ttl\":\"90s\",\"tags\":[\"b\",\"a\"],"
                                 "\"key\":\"k\",\"mode\":\"refresh\"}"),
                     ERR_OK);
    ck_assert_int_eq(m.cache.mode, CACHE_REFRESH);
    ck_assert(str_is(m.cache.region, "r"));
    ck_assert(str_is(m.cache.key, "k"));
    ck_assert(m.cache.has_ttl);
    ck_assert_uint_eq(m.cache.ttl_ms, 90000);
    ck_assert_uint_eq(m.cache.tag_count, 2);
    ck_assert(str_is(m.cache.tags[0], "a")); /* sorted */
    ck_assert(str_is(m.cache.tags[1], "b"));
}
END_TEST

static const struct {
    const char *value;
    enum err err;
    const char *path, *hint;
} bad[] = {
    {"1", ERR_BAD_REQUEST, "/cache", ""},
    {"null", ERR_BAD_REQUEST, "/cache", ""},
    {"[]", ERR_BAD_REQUEST, "/cache", ""},
    {"{\"regoin\":\"r\"}", ERR_UNKNOWN_KEY, "/cache/regoin", "did you mean \"region\"?"},
    {"{\"x/y\":1}", ERR_UNKNOWN_KEY, "/cache/x~1y", "region, ttl, tags, key and mode"},
    {"{\"region\":\"\"}", ERR_BAD_REQUEST, "/cache/region", ""},
    {"{\"region\":7}", ERR_BAD_REQUEST, "/cache/region", ""},
    {"{\"key\":[]}", ERR_BAD_REQUEST, "/cache/key", ""},
    {"{\"ttl\":\"0s\"}", ERR_BAD_REQUEST, "/cache/ttl", ""},
    {"{\"ttl\":60}", ERR_BAD_REQUEST, "/cache/ttl", ""},
    {"{\"ttl\":\"721h\"}", ERR_BAD_REQUEST, "/cache/ttl", ""},
    {"{\"mode\":\"always\"}", ERR_BAD_REQUEST, "/cache/mode", ""},
    {"{\"mode\":true}", ERR_BAD_REQUEST, "/cache/mode", ""},
    {"{\"tags\":\"a\"}", ERR_BAD_REQUEST, "/cache/tags", ""},
    {"{\"tags\":[]}", ERR_BAD_REQUEST, "/cache/tags", ""},
    {"{\"tags\":[\"\"]}", ERR_BAD_REQUEST, "/cache/tags", ""},
    {"{\"tags\":[1]}", ERR_BAD_REQUEST, "/cache/tags", ""},
    {"{\"tags\":[\"a\",\"b\",\"a\"]}", ERR_BAD_REQUEST, "/cache/tags", ""},
    {"{\"tags\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}", ERR_BAD_REQUEST,
     "/cache/tags", ""},
};

START_TEST(what_is_wrong_has_its_code_and_place)
{
    enum err e = parse_cache(bad[_i].value);
    ck_assert_msg(e == bad[_i].err, "%s: %s", bad[_i].value, err_wire(e));
    ck_assert_str_eq(fail.path, bad[_i].path);
    ck_assert_msg(strstr(fail.hint, bad[_i].hint) != NULL, "%s", fail.hint);
}
END_TEST

START_TEST(names_are_bounded)
{
    char value[600];
    snprintf(value, sizeof value, "{\"key\":\"%0256d\"}", 0);
    ck_assert_int_eq(parse_cache(value), ERR_OK);
    snprintf(value, sizeof value, "{\"key\":\"%0257d\"}", 0);
    ck_assert_int_eq(parse_cache(value), ERR_BAD_REQUEST);
    snprintf(value, sizeof value, "{\"tags\":[\"%0257d\"]}", 0);
    ck_assert_int_eq(parse_cache(value), ERR_BAD_REQUEST);
}
END_TEST

START_TEST(only_queries_are_cached)
{
    ck_assert_int_eq(
        parse(STR("{\"op\":\"prepare\",\"name\":\"n\",\"query\":{},\"cache\":true}")),
        ERR_UNKNOWN_KEY);
    ck_assert_str_eq(fail.path, "/cache");
}
END_TEST

static const struct {
    const char *rest;
    enum err err;
    const char *path;
} invalidations[] = {
    {",\"tables\":[\"a\",\"s.b\"]", ERR_OK, ""},
    {",\"tables\":[\"a\"],\"db\":\"d\"", ERR_OK, ""},
    {",\"tables\":[\"a\"],\"tags\":[\"t\"]", ERR_OK, ""},
    {",\"tags\":[\"t\"]", ERR_OK, ""},
    {",\"region\":\"r\"", ERR_OK, ""},
    {",\"region\":\"r\",\"key\":\"k\"", ERR_OK, ""},
    {",\"key\":\"k\"", ERR_OK, ""},
    {"", ERR_BAD_REQUEST, "/tables"},
    {",\"db\":\"d\"", ERR_BAD_REQUEST, "/tables"},
    {",\"tables\":[]", ERR_BAD_REQUEST, "/tables"},
    {",\"tables\":\"a\"", ERR_BAD_REQUEST, "/tables"},
    {",\"tables\":[{}]", ERR_BAD_REQUEST, "/tables"},
    {",\"tags\":[\"t\",\"t\"]", ERR_BAD_REQUEST, "/tags"},
    {",\"tags\":[\"t\"],\"db\":\"d\"", ERR_BAD_REQUEST, "/db"},
    {",\"region\":\"r\",\"db\":\"d\"", ERR_BAD_REQUEST, "/db"},
    {",\"region\":\"r\",\"tags\":[\"t\"]", ERR_BAD_REQUEST, "/region"},
    {",\"key\":\"k\",\"tables\":[\"t\"]", ERR_BAD_REQUEST, "/key"},
    {",\"key\":\"\"", ERR_BAD_REQUEST, "/key"},
    {",\"ttl\":\"5s\"", ERR_UNKNOWN_KEY, "/ttl"},
};

START_TEST(an_invalidation_names_what_it_means)
{
    enum err e =
        parse(arena_printf(&arena, "{\"op\":\"invalidate\"%s}", invalidations[_i].rest));
    ck_assert_msg(e == invalidations[_i].err, "%s: %s", invalidations[_i].rest, fail.message);
    ck_assert_str_eq(fail.path, invalidations[_i].path);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cache_ask");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_short_forms);
    tcase_add_test(t, every_member_is_read);
    tcase_add_loop_test(t, what_is_wrong_has_its_code_and_place, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(t, names_are_bounded);
    tcase_add_test(t, only_queries_are_cached);
    tcase_add_loop_test(t, an_invalidation_names_what_it_means, 0,
                        sizeof invalidations / sizeof invalidations[0]);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
