/* SPDX-License-Identifier: MIT
 *
 * test_message.c: envelopes that are taken, and those that are not, with their place.
 */
#include "protocol/message.h"
#include "tests/unit/fail_alloc.h"

#include <check.h>
#include <string.h>

static struct arena arena;
static struct message m;
static struct fail fail;

static void setup(void)
{
    arena_init(&arena, 0);
    fail_init(&fail);
}

static void teardown(void)
{
    arena_fini(&arena);
}

static enum err parse(const char *line)
{
    fail_init(&fail);
    return message_parse(str_of(line), &arena, &(struct json_opts){.max_depth = 32}, &m, &fail);
}

#define ASSERT_OK(line) ck_assert_msg(parse(line) == ERR_OK, "%s: %s", fail.path, fail.message)

START_TEST(a_query_has_defaults)
{
    ASSERT_OK("{\"query\":{\"select\":\"*\"}}");
    ck_assert_int_eq(m.op, OP_QUERY);
    ck_assert(!m.id.present && !m.stream && !m.of.present);
    ck_assert_ptr_nonnull(m.query);
    ck_assert_ptr_null(m.params);
    ck_assert_int_eq(m.as, ROWS_ARRAYS);
    ck_assert_int_eq(m.expect, MODE_ALL);
    ck_assert_uint_eq(m.timeout_ms, 0);
    ck_assert_uint_eq(m.db.len + m.run.len + m.name.len, 0);
    ck_assert_int_eq(m.keys, WANT_DEFAULT);
}
END_TEST

START_TEST(every_key_of_a_query_is_read)
{
    ASSERT_OK(
        "{\"id\":\"a\\u0041\",\"op\":\"query\",\"query\":{},\"params\":{\"x\":1},\"db\":\"d\","
        "\"as\":\"objects\",\"expect\":\"one_or_none\",\"timeout\":\"5s\",\"keys\":false}");
    ck_assert(str_is(m.id.text, "\"a\\u0041\""));
    ck_assert(str_is(m.db, "d"));
    ck_assert_ptr_nonnull(json_get(m.params, "x"));
    ck_assert_int_eq(m.as, ROWS_OBJECTS);
    ck_assert_int_eq(m.expect, MODE_ONE_OR_NONE);
    ck_assert_uint_eq(m.timeout_ms, 5000);
    ck_assert_int_eq(m.keys, WANT_NO);
    ASSERT_OK("{\"run\":\"by id\",\"keys\":true}");
    ck_assert(str_is(m.run, "by id"));
    ck_assert_int_eq(m.keys, WANT_YES);
}
END_TEST

START_TEST(words_are_read)
{
    static const struct {
        const char *word;
        enum expect_mode mode;
    } modes[] = {
        {"all", MODE_ALL},       {"first", MODE_FIRST},
        {"one", MODE_ONE},       {"one_or_none", MODE_ONE_OR_NONE},
        {"scalar", MODE_SCALAR}, {"scalars", MODE_SCALARS},
        {"count", MODE_COUNT},   {"exists", MODE_EXISTS},
    };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct buf b;
        buf_init(&b);
        buf_printf(&b, "{\"query\":{},\"expect\":\"%s\"}", modes[i].word);
        buf_char(&b, '\0');
        ASSERT_OK(b.ptr);
        ck_assert_int_eq(m.expect, modes[i].mode);
        buf_fini(&b);
    }
    ASSERT_OK("{\"query\":{},\"as\":\"arrays\"}");
    ck_assert_int_eq(m.as, ROWS_ARRAYS);
    ASSERT_OK("{\"query\":{},\"as\":\"columns\"}");
    ck_assert_int_eq(m.as, ROWS_COLUMNS);
}
END_TEST

START_TEST(streams_have_chunks_and_credit)
{
    ASSERT_OK("{\"query\":{},\"stream\":{}}");
    ck_assert(m.stream);
    ck_assert_uint_eq(m.chunk_rows, 500);
    ck_assert_uint_eq(m.credit, UINT32_MAX);
    ASSERT_OK("{\"id\":1,\"query\":{},\"stream\":{\"chunk\":7,\"credit\":4}}");
    ck_assert_uint_eq(m.chunk_rows, 7);
    ck_assert_uint_eq(m.credit, 4);
}
END_TEST

START_TEST(other_operations_are_read)
{
    static const char *const lines[] = {
        "{\"op\":\"ping\"}",
        "{\"op\":\"hello\",\"version\":1,\"db\":\"x\",\"int64\":\"guard\"}",
        "{\"op\":\"prepare\",\"name\":\"p\",\"query\":{}}",
        "{\"op\":\"deallocate\",\"name\":\"p\"}",
        "{\"op\":\"more\",\"of\":\"s\",\"credit\":2}",
        "{\"op\":\"cancel\",\"of\":7}",
        "{\"op\":\"compile\",\"query\":{},\"dialects\":[\"sqlite\",\"mariadb\"]}",
        "{\"op\":\"stats\",\"id\":1}",
        "{\"op\":\"schema.reload\",\"db\":\"x\"}",
    };
    static const enum op ops[] = {OP_PING,   OP_HELLO,   OP_PREPARE, OP_DEALLOCATE,   OP_MORE,
                                  OP_CANCEL, OP_COMPILE, OP_STATS,   OP_SCHEMA_RELOAD};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        ASSERT_OK(lines[i]);
        ck_assert_int_eq(m.op, ops[i]);
        ck_assert_ptr_nonnull(strstr(lines[i], op_name(ops[i])));
    }
    ASSERT_OK(lines[1]);
    ck_assert(m.version == 1 && m.has_int64 && m.int64 == INT64_GUARD);
    ASSERT_OK(lines[4]);
    ck_assert(m.of.present && str_is(m.of.text, "\"s\"") && m.credit == 2);
    ASSERT_OK(lines[6]);
    ck_assert(m.dialect_count == 2 && str_is(m.dialects[1], "mariadb"));
}
END_TEST

START_TEST(ids_are_texts_and_64_bit_integers)
{
    static const char *const good[] = {
        "\"\"",           "\"x\"", "0", "-1", "9223372036854775807", "-9223372036854775808",
        "\"\\u2028\\\"\""};
    static const char *const bad[] = {"null",
                                      "true",
                                      "1.5",
                                      "1e3",
                                      "[]",
                                      "{}",
                                      "9223372036854775808",
                                      "-9223372036854775809"};
    struct buf b;
    buf_init(&b);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        buf_clear(&b);
        buf_printf(&b, "{\"op\":\"ping\",\"id\":%s }", good[i]);
        buf_char(&b, '\0');
        ASSERT_OK(b.ptr);
        ck_assert(m.id.present);
        ck_assert_msg(str_is(m.id.text, good[i]), "%.*s", STR_ARG(m.id.text));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        buf_clear(&b);
        buf_printf(&b, "{\"op\":\"ping\",\"id\":%s}", bad[i]);
        buf_char(&b, '\0');
        ck_assert_int_eq(parse(b.ptr), ERR_BAD_REQUEST);
        ck_assert_str_eq(fail.path, "/id");
        ck_assert(!m.id.present);
    }
    buf_fini(&b);
}
END_TEST

/* line, code, pointer, and a word of the hint */
static const struct {
    const char *line;
    enum err err;
    const char *path;
    const char *hint;
} bad[] = {
    {"[]", ERR_BAD_JSON, "", ""},
    {"1", ERR_BAD_JSON, "", ""},
    {"", ERR_BAD_JSON, "", ""},
    {"{\"op\":\"\xff\"}", ERR_BAD_UTF8, "", ""},
    {"{\"op\":\"ping\",\"op\":\"ping\"}", ERR_DUPLICATE_KEY, "/op", ""},
    {"{\"id\":1}", ERR_BAD_REQUEST, "/query", ""},
    {"{\"id\":1,\"quary\":{}}", ERR_UNKNOWN_KEY, "/quary", "query"},
    {"{\"id\":1,\"Query\":{}}", ERR_UNKNOWN_KEY, "/Query", "query"},
    {"{\"id\":1,\"select\":[1]}", ERR_UNKNOWN_KEY, "/select", "{\"query\":{\"select\""},
    {"{\"id\":1,\"text\":\"select 1\"}", ERR_UNKNOWN_KEY, "/text", "in \"query\""},
    {"{\"id\":1,\"op\":\"ping\",\"select\":[1]}", ERR_UNKNOWN_KEY, "/select", ""},
    {"{\"id\":1,\"query\":{},\"parms\":{}}", ERR_UNKNOWN_KEY, "/parms", "params"},
    {"{\"id\":1,\"query\":{},\"a/b~\":{}}", ERR_UNKNOWN_KEY, "/a~1b~0", ""},
    {"{\"id\":1,\"query\":{},\"completely_else\":{}}", ERR_UNKNOWN_KEY, "/completely_else", ""},
    {"{\"id\":1,\"op\":\"ping\",\"x\":1}", ERR_UNKNOWN_KEY, "/x", ""},
    {"{\"id\":1,\"op\":\"pong\"}", ERR_UNKNOWN_OP, "/op", "ping"},
    {"{\"id\":1,\"op\":\"\"}", ERR_UNKNOWN_OP, "/op", ""},
    {"{\"id\":1,\"op\":1}", ERR_BAD_REQUEST, "/op", ""},
    {"{\"id\":1,\"op\":\"begin\"}", ERR_BAD_REQUEST, "/tx", ""},
    {"{\"id\":1,\"op\":\"ping\",\"query\":{}}", ERR_UNKNOWN_KEY, "/query", ""},
    {"{\"id\":1,\"op\":\"ping\",\"params\":{}}", ERR_UNKNOWN_KEY, "/params", ""},
    {"{\"id\":1,\"op\":\"hello\",\"query\":{}}", ERR_UNKNOWN_KEY, "/query", ""},
    {"{\"id\":1,\"query\":{},\"name\":\"x\"}", ERR_UNKNOWN_KEY, "/name", ""},
    {"{\"id\":1,\"query\":[]}", ERR_BAD_REQUEST, "/query", ""},
    {"{\"id\":1,\"query\":\"select 1\"}", ERR_BAD_REQUEST, "/query", ""},
    {"{\"id\":1,\"query\":null}", ERR_BAD_REQUEST, "/query", ""},
    {"{\"id\":1,\"query\":{},\"run\":\"x\"}", ERR_BAD_REQUEST, "/run", ""},
    {"{\"id\":1,\"run\":\"\"}", ERR_BAD_REQUEST, "/run", ""},
    {"{\"id\":1,\"run\":1}", ERR_BAD_REQUEST, "/run", ""},
    {"{\"id\":1,\"query\":{},\"params\":3}", ERR_BAD_REQUEST, "/params", ""},
    {"{\"id\":1,\"query\":{},\"params\":null}", ERR_BAD_REQUEST, "/params", ""},
    {"{\"id\":1,\"query\":{},\"params\":[]}", ERR_BAD_REQUEST, "/params", ""},
    {"{\"id\":1,\"query\":{},\"db\":3}", ERR_BAD_REQUEST, "/db", ""},
    {"{\"id\":1,\"query\":{},\"db\":\"\"}", ERR_BAD_REQUEST, "/db", ""},
    {"{\"id\":1,\"query\":{},\"as\":\"csv\"}", ERR_BAD_REQUEST, "/as", ""},
    {"{\"id\":1,\"query\":{},\"as\":1}", ERR_BAD_REQUEST, "/as", ""},
    {"{\"id\":1,\"query\":{},\"expect\":\"two\"}", ERR_BAD_REQUEST, "/expect", ""},
    {"{\"id\":1,\"query\":{},\"expect\":true}", ERR_BAD_REQUEST, "/expect", ""},
    {"{\"id\":1,\"query\":{},\"keys\":\"yes\"}", ERR_BAD_REQUEST, "/keys", ""},
    {"{\"id\":1,\"query\":{},\"timeout\":5}", ERR_BAD_REQUEST, "/timeout", ""},
    {"{\"id\":1,\"query\":{},\"timeout\":\"5\"}", ERR_BAD_REQUEST, "/timeout", ""},
    {"{\"id\":1,\"query\":{},\"timeout\":\"0s\"}", ERR_BAD_REQUEST, "/timeout", ""},
    {"{\"id\":1,\"query\":{},\"timeout\":\"-1s\"}", ERR_BAD_REQUEST, "/timeout", ""},
    {"{\"id\":1,\"query\":{},\"timeout\":\"999999999999h\"}", ERR_BAD_REQUEST, "/timeout", ""},
    {"{\"id\":1,\"query\":{},\"stream\":1}", ERR_BAD_REQUEST, "/stream", ""},
    {"{\"id\":1,\"query\":{},\"stream\":{\"chunk\":0}}", ERR_BAD_REQUEST, "/stream/chunk", ""},
    {"{\"id\":1,\"query\":{},\"stream\":{\"chunk\":\"5\"}}", ERR_BAD_REQUEST, "/stream/chunk",
     ""},
    {"{\"id\":1,\"query\":{},\"stream\":{\"chunk\":1e3}}", ERR_BAD_REQUEST, "/stream/chunk",
     ""},
    {"{\"id\":1,\"query\":{},\"stream\":{\"chunk\":99999999999}}", ERR_BAD_REQUEST,
     "/stream/chunk", ""},
    {"{\"id\":1,\"query\":{},\"stream\":{\"credit\":-1}}", ERR_BAD_REQUEST, "/stream/credit",
     ""},
    {"{\"id\":1,\"query\":{},\"stream\":{\"credit\":4294967295}}", ERR_BAD_REQUEST,
     "/stream/credit", ""},
    {"{\"id\":1,\"query\":{},\"stream\":{\"chunks\":5}}", ERR_UNKNOWN_KEY, "/stream/chunks",
     "chunk"},
    {"{\"id\":1,\"query\":{},\"stream\":{},\"expect\":\"one\"}", ERR_BAD_REQUEST, "/stream",
     ""},
    {"{\"id\":1,\"query\":{},\"stream\":{},\"as\":\"columns\"}", ERR_BAD_REQUEST, "/stream",
     ""},
    {"{\"query\":{},\"stream\":{\"credit\":1}}", ERR_BAD_REQUEST, "/stream/credit", ""},
    {"{\"id\":1,\"op\":\"prepare\",\"query\":{}}", ERR_BAD_REQUEST, "/name", ""},
    {"{\"id\":1,\"op\":\"prepare\",\"name\":\"p\"}", ERR_BAD_REQUEST, "/query", ""},
    {"{\"id\":1,\"op\":\"deallocate\"}", ERR_BAD_REQUEST, "/name", ""},
    {"{\"id\":1,\"op\":\"cancel\"}", ERR_BAD_REQUEST, "/of", ""},
    {"{\"id\":1,\"op\":\"cancel\",\"of\":null}", ERR_BAD_REQUEST, "/of", ""},
    {"{\"id\":1,\"op\":\"more\",\"of\":1,\"credit\":0}", ERR_BAD_REQUEST, "/credit", ""},
    {"{\"id\":1,\"op\":\"hello\",\"int64\":\"float\"}", ERR_BAD_REQUEST, "/int64", ""},
    {"{\"id\":1,\"op\":\"hello\",\"version\":\"1\"}", ERR_BAD_REQUEST, "/version", ""},
    {"{\"id\":1,\"op\":\"hello\",\"version\":0}", ERR_BAD_REQUEST, "/version", ""},
    {"{\"id\":1,\"op\":\"hello\",\"auth\":{}}", ERR_UNSUPPORTED_FEATURE, "/auth", ""},
    {"{\"id\":1,\"op\":\"compile\"}", ERR_BAD_REQUEST, "/query", ""},
    {"{\"id\":1,\"op\":\"compile\",\"query\":{},\"dialects\":[]}", ERR_BAD_REQUEST, "/dialects",
     ""},
    {"{\"id\":1,\"op\":\"compile\",\"query\":{},\"dialects\":[1]}", ERR_BAD_REQUEST,
     "/dialects", ""},
    {"{\"id\":1,\"op\":\"compile\",\"query\":{},\"dialects\":[\"a\",\"a\"]}", ERR_BAD_REQUEST,
     "/dialects", ""},
    {"{\"id\":1,\"op\":\"compile\",\"query\":{},\"dialects\":[\"a\",\"b\",\"c\",\"d\"]}",
     ERR_BAD_REQUEST, "/dialects", ""},
    {"{\"id\":1,\"query\":{},\"tx\":null}", ERR_BAD_REQUEST, "/tx", ""},
    {"{\"id\":1,\"query\":{},\"session\":\"s\"}", ERR_UNSUPPORTED_FEATURE, "/session", ""},
    {"{\"id\":1,\"query\":{},\"shard\":\"s1\"}", ERR_UNSUPPORTED_FEATURE, "/shard", ""},
    {"{\"id\":1,\"query\":{},\"reads\":\"near\"}", ERR_BAD_REQUEST, "/reads", ""},
    {"{\"id\":1,\"query\":{},\"read_after\":\"x\"}", ERR_BAD_REQUEST, "/read_after", ""},
    {"{\"id\":1,\"query\":{},\"why\":true}", ERR_UNSUPPORTED_FEATURE, "/why", ""},
};

START_TEST(what_is_wrong_has_its_code_and_place)
{
    enum err e = parse(bad[_i].line);
    ck_assert_msg(e == bad[_i].err && fail.code == e, "%s: %s", bad[_i].line, err_wire(e));
    ck_assert_msg(strcmp(fail.path, bad[_i].path) == 0, "%s: at %s", bad[_i].line, fail.path);
    ck_assert_msg(strstr(fail.hint, bad[_i].hint) != NULL, "%s: %s", bad[_i].line, fail.hint);
    ck_assert_str_ne(fail.message, "");
    bool whole = bad[_i].line[0] == '{' && strstr(bad[_i].line, "\"id\":1") != NULL;
    ck_assert_msg(m.id.present == whole, "%s", bad[_i].line); /* the answer carries it */
    bool of_json = e == ERR_BAD_JSON || e == ERR_BAD_UTF8 || e == ERR_DUPLICATE_KEY;
    ck_assert_int_eq(fail.offset >= 0, of_json);
}
END_TEST

START_TEST(long_keys_do_no_harm)
{
    struct buf b;
    buf_init(&b);
    BUF_LIT(&b, "{\"op\":\"ping\",\"");
    for (int i = 0; i < 5000; i++) {
        BUF_LIT(&b, "/\xe2\x82\xac");
    }
    BUF_LIT(&b, "\":1}");
    ck_assert_int_eq(
        message_parse(buf_str(&b), &arena, &(struct json_opts){.max_depth = 32}, &m, &fail),
        ERR_UNKNOWN_KEY);
    ck_assert(utf8_valid(str_of(fail.path), NULL));
    ck_assert(utf8_valid(str_of(fail.message), NULL));
    buf_clear(&b);
    fail_init(&fail);
    BUF_LIT(&b, "{\"query\":{},\"stream\":{\"");
    for (int i = 0; i < 5000; i++) {
        BUF_LIT(&b, "~\xe2\x82\xac");
    }
    BUF_LIT(&b, "\":1}}");
    ck_assert_int_eq(
        message_parse(buf_str(&b), &arena, &(struct json_opts){.max_depth = 32}, &m, &fail),
        ERR_UNKNOWN_KEY);
    ck_assert(utf8_valid(str_of(fail.path), NULL));
    buf_clear(&b);
    fail_init(&fail);
    BUF_LIT(&b, "{\"op\":\"");
    for (int i = 0; i < 5000; i++) {
        BUF_LIT(&b, "\xe2\x82\xac");
    }
    BUF_LIT(&b, "\"}");
    ck_assert_int_eq(
        message_parse(buf_str(&b), &arena, &(struct json_opts){.max_depth = 32}, &m, &fail),
        ERR_UNKNOWN_OP);
    ck_assert(utf8_valid(str_of(fail.message), NULL));
    buf_fini(&b);
}
END_TEST

START_TEST(a_small_arena_is_request_too_large)
{
    struct arena small;
    arena_init(&small, 100);
    ck_assert_int_eq(message_parse(STR("{\"op\":\"ping\",\"id\":1}"), &small,
                                   &(struct json_opts){.max_depth = 32}, &m, &fail),
                     ERR_REQUEST_TOO_LARGE);
    arena_fini(&small);
}
END_TEST

START_TEST(durations_have_a_unit)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t ms;
    } cases[] = {
        {"500ms", true, 500},
        {"5s", true, 5000},
        {"2m", true, 120000},
        {"1h", true, 3600000},
        {"0s", true, 0},
        {"007s", true, 7000},
        {"", false, 0},
        {"5", false, 0},
        {"s", false, 0},
        {"ms", false, 0},
        {"5 s", false, 0},
        {"5S", false, 0},
        {"1.5s", false, 0},
        {"-5s", false, 0},
        {"5d", false, 0},
        {"5sx", false, 0},
        {"9999999999999999999999s", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t ms = 0;
        ck_assert_msg(duration_parse(str_of(cases[i].text), &ms) == cases[i].ok, "%s",
                      cases[i].text);
        ck_assert_uint_eq(ms, cases[i].ms);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("protocol/message");
    TCase *t = tcase_create("message");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_query_has_defaults);
    tcase_add_test(t, every_key_of_a_query_is_read);
    tcase_add_test(t, words_are_read);
    tcase_add_test(t, streams_have_chunks_and_credit);
    tcase_add_test(t, other_operations_are_read);
    tcase_add_test(t, ids_are_texts_and_64_bit_integers);
    tcase_add_loop_test(t, what_is_wrong_has_its_code_and_place, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(t, long_keys_do_no_harm);
    tcase_add_test(t, a_small_arena_is_request_too_large);
    tcase_add_test(t, durations_have_a_unit);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
