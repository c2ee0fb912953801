/* SPDX-License-Identifier: MIT
 *
 * test_encode.c: the lines of replies, byte by byte, and that each is JSON.
 */
#include "protocol/encode.h"

#include <check.h>
#include <string.h>

static struct buf b;
static struct fail fail;
static const struct request_id seven = {true, {"7", 1}};
static const struct request_id none = {false, {"", 0}};
static struct column_info columns[2];

static void setup(void)
{
    buf_init(&b);
    fail_init(&fail);
    columns[0] = (struct column_info){.name = STR("id"), .type = type_of(TYPE_INTEGER)};
    columns[1] = (struct column_info){.name = STR("a\"\n"), .type = type_of(TYPE_TIMESTAMPTZ)};
}

static void teardown(void)
{
    buf_fini(&b);
}

/* Each line of b is one JSON object, and b is `want`. */
static void assert_lines(const char *want)
{
    ck_assert_msg(str_is(buf_str(&b), want), "%.*s is not %s", STR_ARG(buf_str(&b)), want);
    struct str rest = buf_str(&b);
    while (rest.len > 0) {
        ptrdiff_t lf = str_find(rest, '\n', 0);
        ck_assert_int_ge(lf, 0);
        struct arena a;
        struct json *root;
        arena_init(&a, 0);
        ck_assert_int_eq(json_parse(&a, (struct str){rest.ptr, (size_t)lf}, 32, &root, NULL),
                         ERR_OK);
        ck_assert_int_eq(root->kind, JSON_OBJECT);
        arena_fini(&a);
        rest = (struct str){rest.ptr + lf + 1, rest.len - (size_t)lf - 1};
    }
    buf_clear(&b);
}

START_TEST(rows_in_each_form)
{
    encode_open(&b, &seven);
    encode_rows_head(&b, columns, 2, ROWS_ARRAYS);
    BUF_LIT(&b, "[1,null]");
    encode_rows_tail(&b, ROWS_ARRAYS, 1, STR(""));
    assert_lines("{\"id\":7,\"columns\":[\"id\",\"a\\\"\\n\"],\"types\":[\"integer\","
                 "\"timestamptz\"],\"rows\":[[1,null]],\"rowcount\":1}\n");
    encode_open(&b, &none);
    encode_rows_head(&b, columns, 1, ROWS_COLUMNS);
    BUF_LIT(&b, "\"id\":[]");
    encode_rows_tail(&b, ROWS_COLUMNS, 0, STR(""));
    assert_lines("{\"columns\":[\"id\"],\"types\":[\"integer\"],\"data\":{\"id\":[]},"
                 "\"rowcount\":0}\n");
    encode_open(&b, &none);
    encode_rows_head(&b, columns, 1, ROWS_VALUES);
    BUF_LIT(&b, "1,2");
    encode_rows_tail(&b, ROWS_VALUES, UINT64_MAX, STR(""));
    assert_lines("{\"values\":[1,2],\"rowcount\":18446744073709551615}\n");
    encode_open(&b, &none);
    encode_rows_head(&b, columns, 0, ROWS_OBJECTS);
    encode_rows_tail(&b, ROWS_OBJECTS, 0, STR(""));
    assert_lines("{\"columns\":[],\"types\":[],\"rows\":[],\"rowcount\":0}\n");
}
END_TEST

START_TEST(small_answers)
{
    encode_open(&b, &seven);
    encode_ok(&b);
    assert_lines("{\"id\":7,\"ok\":true}\n");
    encode_open(&b, &none);
    encode_value(&b, STR("\"x\""));
    assert_lines("{\"value\":\"x\"}\n");
    encode_open(&b, &none);
    encode_value(&b, STR(""));
    assert_lines("{\"value\":null}\n");
    encode_open(&b, &seven);
    encode_count(&b, 3, (struct str){NULL, 0});
    assert_lines("{\"id\":7,\"rowcount\":3}\n");
    encode_open(&b, &seven);
    encode_count(&b, 1, STR("[8]"));
    assert_lines("{\"id\":7,\"rowcount\":1,\"keys\":[[8]]}\n");
    encode_open(&b, &seven);
    encode_count(&b, 0, STR(""));
    assert_lines("{\"id\":7,\"rowcount\":0,\"keys\":[]}\n");
}
END_TEST

START_TEST(a_stream_is_lines)
{
    encode_open(&b, &seven);
    encode_stream_head(&b, columns, 1);
    encode_chunk_head(&b, &seven, 0);
    BUF_LIT(&b, "[1],[2]");
    encode_chunk_tail(&b);
    encode_stream_done(&b, &seven, 2, STR(""));
    assert_lines("{\"id\":7,\"columns\":[\"id\"],\"types\":[\"integer\"]}\n"
                 "{\"id\":7,\"seq\":0,\"rows\":[[1],[2]]}\n"
                 "{\"id\":7,\"done\":true,\"rowcount\":2}\n");
}
END_TEST

START_TEST(an_error_has_only_what_is_known)
{
    fail_set(&fail, ERR_DEADLOCK, "too late");
    encode_open(&b, &none);
    encode_error(&b, &fail, STR(""));
    assert_lines(
        "{\"error\":{\"code\":\"deadlock\",\"class\":\"conflict\",\"message\":\"too late\","
        "\"retry\":true}}\n");
}
END_TEST

START_TEST(an_error_has_all_that_is_known)
{
    fail_at(&fail, ERR_UNIQUE_VIOLATION, STR("/query/where/2"), "exists \"already\"\n");
    fail_hint(&fail, "use conflict");
    strcpy(fail.sqlstate, "23505");
    strcpy(fail.table, "users");
    strcpy(fail.constraint, "users_email_key");
    strcpy(fail.columns, "email,na\"me");
    fail.native = -1062;
    fail.offset = 5;
    encode_open(&b, &seven);
    encode_error(&b, &fail, STR("main"));
    assert_lines(
        "{\"id\":7,\"error\":{\"code\":\"unique_violation\",\"class\":\"integrity\","
        "\"message\":\"exists \\\"already\\\"\\n\",\"path\":\"/query/where/2\","
        "\"hint\":\"use conflict\",\"offset\":5,\"sqlstate\":\"23505\",\"native\":-1062,"
        "\"db\":\"main\",\"table\":\"users\",\"constraint\":\"users_email_key\","
        "\"columns\":[\"email\",\"na\\\"me\"],\"retry\":false}}\n");
}
END_TEST

START_TEST(rows_before_an_error_are_closed)
{
    fail_set(&fail, ERR_REPLY_TOO_LARGE, "too large");
    encode_open(&b, &seven);
    encode_rows_head(&b, columns, 1, ROWS_ARRAYS);
    BUF_LIT(&b, "[1]");
    encode_rows_error(&b, ROWS_ARRAYS, &fail, STR("main"));
    assert_lines("{\"id\":7,\"columns\":[\"id\"],\"types\":[\"integer\"],\"rows\":[[1]],"
                 "\"error\":{\"code\":\"reply_too_large\",\"class\":\"overload\","
                 "\"message\":\"too large\",\"db\":\"main\",\"retry\":false}}\n");
}
END_TEST

START_TEST(a_malformed_line_is_answered_with_id_null)
{
    fail_set(&fail, ERR_BAD_JSON, "x");
    fail.offset = 0;
    encode_open_malformed(&b);
    encode_error(&b, &fail, STR(""));
    assert_lines("{\"id\":null,\"error\":{\"code\":\"bad_json\",\"class\":\"protocol\","
                 "\"message\":\"x\",\"offset\":0,\"retry\":false}}\n");
}
END_TEST

START_TEST(foreign_bytes_in_messages_do_not_break_the_line)
{
    fail_set(&fail, ERR_DATABASE_ERROR, "bad \xe4 text\n%s", "\xff\xfe");
    strcpy(fail.table, "t\xc3");
    strcpy(fail.columns, "a\xff,b");
    encode_open(&b, &none);
    encode_error(&b, &fail, STR(""));
    assert_lines("{\"error\":{\"code\":\"database_error\",\"class\":\"internal\","
                 "\"message\":\"bad ? text\\n??\",\"table\":\"t?\",\"columns\":[\"a?\",\"b\"],"
                 "\"retry\":false}}\n");
    fail_init(&fail);
    char longest[600];
    memset(longest, '\xff', sizeof longest);
    memcpy(fail.message, longest, sizeof fail.message - 1);
    fail.message[sizeof fail.message - 1] = '\0';
    fail.code = ERR_DATABASE_ERROR;
    encode_error(&b, &fail, STR(""));
    ck_assert(utf8_valid(buf_str(&b), NULL));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("protocol/encode");
    TCase *t = tcase_create("encode");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, rows_in_each_form);
    tcase_add_test(t, small_answers);
    tcase_add_test(t, a_stream_is_lines);
    tcase_add_test(t, an_error_has_only_what_is_known);
    tcase_add_test(t, an_error_has_all_that_is_known);
    tcase_add_test(t, rows_before_an_error_are_closed);
    tcase_add_test(t, a_malformed_line_is_answered_with_id_null);
    tcase_add_test(t, foreign_bytes_in_messages_do_not_break_the_line);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
