/* SPDX-License-Identifier: MIT
 *
 * test_value.c: JSON to values: every type, its extremes, and what it refuses.
 */
#include "tests/unit/fail_alloc.h"
#include "value/value.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a value is as text: null, true, i:7, d:0.5, t:text, b:hex. */
static void show(struct buf *b, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NULL:
        BUF_LIT(b, "null");
        return;
    case VALUE_BOOL:
        buf_str_add(b, v->boolean ? STR("true") : STR("false"));
        return;
    case VALUE_INT:
        BUF_LIT(b, "i:");
        buf_i64(b, v->num);
        return;
    case VALUE_DOUBLE:
        BUF_LIT(b, "d:");
        buf_json_double(b, v->real);
        return;
    case VALUE_TEXT:
        BUF_LIT(b, "t:");
        buf_str_add(b, v->text);
        return;
    case VALUE_BYTES:
        BUF_LIT(b, "b:");
        for (size_t i = 0; i < v->text.len; i++) {
            buf_printf(b, "%02x", (unsigned)(unsigned char)v->text.ptr[i]);
        }
        return;
    case VALUE_LIST:
        BUF_LIT(b, "list");
        return;
    }
}

/* type (of the language, or "unknown", "enum", "opaque", "integer[]" …) */
static struct type type_named(const char *name)
{
    struct type t;
    size_t n = strlen(name);
    if (n > 2 && name[n - 1] == ']') {
        ck_assert(type_parse((struct str){name, n - 2}, &t));
        enum type_kind element = t.kind;
        t = type_of(TYPE_ARRAY);
        t.element = element;
        return t;
    }
    for (int k = 0; k < TYPE_COUNT; k++) {
        if (strcmp(name, type_kind_name((enum type_kind)k)) == 0) {
            return type_of((enum type_kind)k);
        }
    }
    ck_assert_msg(type_parse(str_of(name), &t), "%s", name);
    return t;
}

struct read_case {
    const char *type;
    const char *json;
    const char *want; /* as show() writes it, or "!code" */
};

static const struct read_case cases[] = {
    /* no type known */
    {"unknown", "null", "null"},
    {"unknown", "true", "true"},
    {"unknown", "7", "i:7"},
    {"unknown", "-9223372036854775808", "i:-9223372036854775808"},
    {"unknown", "9223372036854775808", "t:9223372036854775808"},
    {"unknown", "1.50", "t:1.50"},
    {"unknown", "1e3", "t:1000"},
    {"unknown", "\"x\"", "t:x"},
    {"unknown", "[]", "!type_mismatch"},
    {"unknown", "{\"value\":1}", "!type_mismatch"},
    {"unknown", "1e999999999999", "!bad_value"},
    /* boolean */
    {"boolean", "null", "null"},
    {"boolean", "true", "true"},
    {"boolean", "false", "false"},
    {"boolean", "1", "!type_mismatch"},
    {"boolean", "\"true\"", "!type_mismatch"},
    /* whole numbers */
    {"smallint", "32767", "i:32767"},
    {"smallint", "-32768", "i:-32768"},
    {"smallint", "32768", "!out_of_range"},
    {"smallint", "-32769", "!out_of_range"},
    {"integer", "2147483647", "i:2147483647"},
    {"integer", "-2147483648", "i:-2147483648"},
    {"integer", "2147483648", "!out_of_range"},
    {"integer", "-2147483649", "!out_of_range"},
    {"integer", "1.0", "!type_mismatch"},
    {"integer", "1e2", "!type_mismatch"},
    {"integer", "\"1\"", "!type_mismatch"},
    {"integer", "true", "!type_mismatch"},
    {"bigint", "9223372036854775807", "i:9223372036854775807"},
    {"bigint", "-9223372036854775808", "i:-9223372036854775808"},
    {"bigint", "9223372036854775808", "!out_of_range"},
    {"bigint", "-9223372036854775809", "!out_of_range"},
    {"bigint", "11111111111111111111111111111111", "!out_of_range"},
    {"bigint", "\"9007199254740993\"", "i:9007199254740993"},
    {"bigint", "\"9223372036854775808\"", "!out_of_range"},
    {"bigint", "\"1.5\"", "!bad_value"},
    {"bigint", "\"\"", "!bad_value"},
    {"bigint", "\" 1\"", "!bad_value"},
    /* numeric */
    {"numeric", "\"1.50\"", "t:1.50"},
    {"numeric", "1.50", "t:1.50"},
    {"numeric", "-0.001", "t:-0.001"},
    {"numeric", "1e2", "t:100"},
    {"numeric", "1.25e1", "t:12.5"},
    {"numeric", "125e-3", "t:0.125"},
    {"numeric", "-1.5E+3", "t:-1500"},
    {"numeric", "0e5", "t:0"},
    {"numeric", "0.0e-5", "t:0"},
    {"numeric", "\"1e-10\"", "t:0.0000000001"},
    {"numeric", "12345678901234567890123456789012345678.9",
     "t:12345678901234567890123456789012345678.9"},
    {"numeric", "\"abc\"", "!bad_value"},
    {"numeric", "\"\"", "!bad_value"},
    {"numeric", "\"1,5\"", "!bad_value"},
    {"numeric", "\"NaN\"", "!bad_value"},
    {"numeric", "\"0x10\"", "!bad_value"},
    {"numeric", "\" 1\"", "!bad_value"},
    {"numeric", "\"1.\"", "!bad_value"},
    {"numeric", "\".5\"", "!bad_value"},
    {"numeric", "\"+1\"", "!bad_value"},
    {"numeric", "\"1e\"", "!bad_value"},
    {"numeric", "1e999999999999", "!bad_value"},
    {"numeric", "true", "!type_mismatch"},
    {"numeric", "[1]", "!type_mismatch"},
    {"numeric(5,2)", "\"999.99\"", "t:999.99"},
    {"numeric(5,2)", "\"-999.99\"", "t:-999.99"},
    {"numeric(5,2)", "\"000999.99000\"", "t:000999.99000"},
    {"numeric(5,2)", "1000", "!out_of_range"},
    {"numeric(5,2)", "1e3", "!out_of_range"},
    {"numeric(5,2)", "9.99e2", "t:999"},
    {"numeric(5,2)", "1.005", "!bad_value"},
    {"numeric(5,2)", "1e-3", "!bad_value"},
    {"numeric(2,2)", "0.99", "t:0.99"},
    {"numeric(2,2)", "1", "!out_of_range"},
    /* real, double */
    {"double", "0.1", "d:0.1"},
    {"double", "1", "d:1"},
    {"double", "-0.0", "d:-0"},
    {"double", "1.7976931348623157e308", "d:1.7976931348623157e+308"},
    {"double", "5e-324", "d:5e-324"},
    {"double", "1e309", "!out_of_range"},
    {"double", "-1e309", "!out_of_range"},
    {"double", "1e-400", "!out_of_range"},
    {"double", "0e-400", "d:0"},
    {"double", "\"NaN\"", "d:\"NaN\""},
    {"double", "\"Infinity\"", "d:\"Infinity\""},
    {"double", "\"-Infinity\"", "d:\"-Infinity\""},
    {"double", "\"nan\"", "!type_mismatch"},
    {"double", "\"1\"", "!type_mismatch"},
    {"double", "true", "!type_mismatch"},
    {"real", "3.4028234e38", "d:3.4028234e+38"},
    {"real", "3.5e38", "!out_of_range"},
    {"real", "1e-50", "!out_of_range"},
    {"real", "3.4028235e38", "d:3.4028235e+38"},
    {"real", "\"Infinity\"", "d:\"Infinity\""},
    /* texts */
    {"text", "\"\"", "t:"},
    {"text", "\"a\\u00e4\\n\"", "t:a\xc3\xa4\n"},
    {"text", "\"a\\u0000\"", "!bad_value"},
    {"json", "{\"a\":[1,\"b\\u0000\"]}", "!bad_value"},
    {"json", "{\"a\\u0000\":1}", "!bad_value"},
    {"text", "1", "!type_mismatch"},
    {"text", "{\"a\":1}", "!type_mismatch"},
    {"enum", "\"x\"", "t:x"},
    {"varchar(3)", "\"abc\"", "t:abc"},
    {"varchar(3)", "\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"",
     "t:\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80"},
    {"varchar(3)", "\"abcd\"", "!too_long"},
    {"char(1)", "\"\xc3\xa4\xc3\xa4\"", "!too_long"},
    {"char(1)", "\"\"", "t:"},
    /* uuid */
    {"uuid", "\"F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6\"",
     "t:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
    {"uuid", "\"f81d4fae7dec11d0a76500a0c91e6bf6\"", "t:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
    {"uuid", "\"f81d4fae-7dec11d0-a765-00a0c91e6bf6\"", "!bad_value"},
    {"uuid", "\"f81d4fae-7dec-11d0-a765-00a0c91e6bfg\"", "!bad_value"},
    {"uuid", "\"{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}\"", "!bad_value"},
    {"uuid", "\"\"", "!bad_value"},
    {"uuid", "1", "!type_mismatch"},
    /* bytes */
    {"bytes", "\"\"", "b:"},
    {"bytes", "\"AA==\"", "b:00"},
    {"bytes", "\"//79\"", "b:fffefd"},
    {"bytes", "\"Zm9vYg==\"", "b:666f6f62"},
    {"bytes", "\"A\"", "!bad_value"},
    {"bytes", "\"AA\"", "!bad_value"},
    {"bytes", "\"AA=\"", "!bad_value"},
    {"bytes", "\"A===\"", "!bad_value"},
    {"bytes", "\"====\"", "!bad_value"},
    {"bytes", "\"AB==\"", "!bad_value"},
    {"bytes", "\"AAB=\"", "!bad_value"},
    {"bytes", "\"AA==AA==\"", "!bad_value"},
    {"bytes", "\"A-_A\"", "!bad_value"},
    {"bytes", "\"AA==\\n\"", "!bad_value"},
    {"bytes", "1", "!type_mismatch"},
    /* times */
    {"date", "\"0001-01-01\"", "t:0001-01-01"},
    {"date", "\"9999-12-31\"", "t:9999-12-31"},
    {"date", "\"2024-02-29\"", "t:2024-02-29"},
    {"date", "\"2000-02-29\"", "t:2000-02-29"},
    {"date", "\"2023-02-29\"", "!bad_value"},
    {"date", "\"1900-02-29\"", "!bad_value"},
    {"date", "\"2024-04-31\"", "!bad_value"},
    {"date", "\"2024-13-01\"", "!bad_value"},
    {"date", "\"2024-00-01\"", "!bad_value"},
    {"date", "\"2024-01-00\"", "!bad_value"},
    {"date", "\"0000-01-01\"", "!bad_value"},
    {"date", "\"2024-1-1\"", "!bad_value"},
    {"date", "\"20240101\"", "!bad_value"},
    {"date", "\"2024-01-01T00:00:00\"", "!bad_value"},
    {"date", "\"2024-01-01 \"", "!bad_value"},
    {"date", "\"-2024-01-01\"", "!bad_value"},
    {"date", "\"now\"", "!bad_value"},
    {"date", "\"infinity\"", "!bad_value"},
    {"date", "\"\"", "!bad_value"},
    {"date", "0", "!type_mismatch"},
    {"time", "\"00:00:00\"", "t:00:00:00"},
    {"time", "\"23:59:59.999999\"", "t:23:59:59.999999"},
    {"time", "\"12:30:00.5\"", "t:12:30:00.500000"},
    {"time", "\"12:30:00.000\"", "t:12:30:00"},
    {"time", "\"24:00:00\"", "!bad_value"},
    {"time", "\"12:60:00\"", "!bad_value"},
    {"time", "\"12:00:60\"", "!bad_value"},
    {"time", "\"12:00:00.\"", "!bad_value"},
    {"time", "\"12:00:00.1234567\"", "!bad_value"},
    {"time", "\"12:00:00Z\"", "!bad_value"},
    {"time", "\"1:00:00\"", "!bad_value"},
    {"timestamp", "\"2024-02-29T12:34:56.789012\"", "t:2024-02-29 12:34:56.789012"},
    {"timestamp", "\"2024-02-29 12:34:56\"", "t:2024-02-29 12:34:56"},
    {"timestamp", "\"2024-01-01T00:00:00Z\"", "!bad_value"},
    {"timestamp", "\"2024-01-01T00:00:00+02:00\"", "!bad_value"},
    {"timestamp", "\"2024-01-01t00:00:00\"", "!bad_value"},
    {"timestamp", "\"2024-01-01T00:00:00 \"", "!bad_value"},
    {"timestamp", "\"2024-01-01T25:00:00\"", "!bad_value"},
    {"timestamptz", "\"2024-01-01T00:00:00Z\"", "t:2024-01-01 00:00:00"},
    {"timestamptz", "\"2024-01-01T05:30:00+05:30\"", "t:2024-01-01 00:00:00"},
    {"timestamptz", "\"2023-12-31T19:00:00.25-05\"", "t:2024-01-01 00:00:00.250000"},
    {"timestamptz", "\"2024-03-01T00:30:00+0100\"", "t:2024-02-29 23:30:00"},
    {"timestamptz", "\"2024-12-31T23:30:00-01:00\"", "t:2025-01-01 00:30:00"},
    {"timestamptz", "\"2024-01-01T00:00:00\"", "!bad_value"},
    {"timestamptz", "\"2024-01-01T00:00:00+25:00\"", "!bad_value"},
    {"timestamptz", "\"2024-01-01T00:00:00+01:60\"", "!bad_value"},
    {"timestamptz", "\"2024-01-01T00:00:00+1\"", "!bad_value"},
    {"timestamptz", "\"0001-01-01T00:00:00+01:00\"", "!bad_value"},
    {"timestamptz", "\"9999-12-31T23:59:59-01:00\"", "!bad_value"},
    {"interval", "\"P1Y2M3DT4H5M6.5S\"", "t:P1Y2M3DT4H5M6.5S"},
    {"interval", "\"PT0S\"", "t:PT0S"},
    {"interval", "\"P2W\"", "t:P14D"},
    {"interval", "\"P-1DT-2H\"", "t:P-1DT-2H"},
    {"interval", "\"P\"", "!bad_value"},
    {"interval", "\"PT\"", "!bad_value"},
    {"interval", "\"P1\"", "!bad_value"},
    {"interval", "\"P1H\"", "!bad_value"},
    {"interval", "\"P1D1Y\"", "!bad_value"},
    {"interval", "\"P1.5D\"", "!bad_value"},
    {"interval", "\"1 day\"", "!bad_value"},
    {"interval", "\"P1D; drop\"", "!bad_value"},
    {"interval", "\"\"", "!bad_value"},
    {"interval", "1", "!type_mismatch"},
    /* json, arrays, what we do not know */
    {"json", "null", "null"},
    {"json", "{ \"a\" : [ 1.50 , null, \"\\u00e4\\n\" ] }",
     "t:{\"a\":[1.50,null,\"\xc3\xa4\\n\"]}"},
    {"json", "\"x\"", "t:\"x\""},
    {"json", "0", "t:0"},
    {"json", "[]", "t:[]"},
    {"integer[]", "[1,null,-3]", "t:{1,NULL,-3}"},
    {"integer[]", "[]", "t:{}"},
    {"integer[]", "[[1,2],[3,4]]", "t:{{1,2},{3,4}}"},
    {"text[]", "[\"\",\"a,b\",\"{\\\"}\\\\\",null,\"NULL\"]",
     "t:{\"\",\"a,b\",\"{\\\"}\\\\\",NULL,\"NULL\"}"},
    {"bytes[]", "[\"//4=\"]", "t:{\"\\\\xfffe\"}"},
    {"boolean[]", "[true,false]", "t:{t,f}"},
    {"double[]", "[0.5,\"NaN\"]", "t:{0.5,\"NaN\"}"},
    {"integer[]", "[\"x\"]", "!type_mismatch"},
    {"integer[]", "1", "!type_mismatch"},
    {"integer[]", "[[[[[[[1]]]]]]]", "!type_mismatch"},
    {"opaque", "null", "null"},
    {"opaque", "\"x\"", "!type_mismatch"},
};

START_TEST(json_is_read_as_its_type)
{
    const struct read_case *c = &cases[_i];
    struct type type = type_named(c->type);
    struct arena a;
    struct json *j;
    struct fail f;
    struct value v;
    struct buf b;
    arena_init(&a, 0);
    buf_init(&b);
    fail_init(&f);
    ck_assert_int_eq(json_parse(&a, str_of(c->json), 32, &j, NULL), ERR_OK);
    struct json_path root = {NULL, STR("params"), 0}, path = {&root, STR("x"), 0};
    enum err e = value_from_json(j, &type, &a, &path, &v, &f);
    if (e == ERR_OK) {
        show(&b, &v);
    } else {
        buf_printf(&b, "!%s", err_wire(e));
        ck_assert_int_eq(f.code, e);
        ck_assert_msg(str_starts(str_of(f.path), STR("/params/x")), "%s", f.path);
        ck_assert_str_ne(f.message, "");
    }
    ck_assert_msg(str_is(buf_str(&b), c->want), "%s of %s: %.*s is not %s", c->type, c->json,
                  STR_ARG(buf_str(&b)), c->want);
    buf_fini(&b);
    arena_fini(&a);
}
END_TEST

START_TEST(an_element_of_an_array_is_pointed_at)
{
    struct type type = type_named("integer[]");
    struct arena a;
    struct json *j;
    struct fail f;
    struct value v;
    arena_init(&a, 0);
    fail_init(&f);
    ck_assert_int_eq(json_parse(&a, STR("[[1],[2,true]]"), 32, &j, NULL), ERR_OK);
    struct json_path path = {NULL, STR("p"), 0};
    ck_assert_int_eq(value_from_json(j, &type, &a, &path, &v, &f), ERR_TYPE_MISMATCH);
    ck_assert_str_eq(f.path, "/p/1/1");
    arena_fini(&a);
}
END_TEST

START_TEST(sqlite_integers_hold_64_bits)
{
    struct type type = type_of(TYPE_INTEGER);
    type.precision = 19;
    struct arena a;
    struct json *j;
    struct value v;
    arena_init(&a, 0);
    ck_assert_int_eq(json_parse(&a, STR("9223372036854775807"), 32, &j, NULL), ERR_OK);
    ck_assert_int_eq(value_from_json(j, &type, &a, NULL, &v, NULL), ERR_OK);
    ck_assert_int_eq(v.num, INT64_MAX);
    arena_fini(&a);
}
END_TEST

START_TEST(texts_without_escapes_are_not_copied)
{
    static const char line[] = "\"as it is\"";
    struct type type = type_of(TYPE_TEXT);
    struct arena a;
    struct json *j;
    struct value v;
    arena_init(&a, 0);
    ck_assert_int_eq(json_parse(&a, STR(line), 32, &j, NULL), ERR_OK);
    ck_assert_int_eq(value_from_json(j, &type, &a, NULL, &v, NULL), ERR_OK);
    ck_assert_ptr_eq(v.text.ptr, line + 1);
    arena_fini(&a);
}
END_TEST

START_TEST(monstrous_numbers_cost_little)
{
    enum { DIGITS = 4 << 20 };
    char *text = malloc(DIGITS + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, '9', DIGITS);
    text[DIGITS] = '\0';
    static const char *const types[] = {"unknown", "integer", "bigint", "numeric(10,2)",
                                        "double"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct type type = type_named(types[i]);
        struct arena a;
        struct json *j;
        struct value v;
        arena_init(&a, 0);
        ck_assert_int_eq(json_parse(&a, (struct str){text, DIGITS}, 32, &j, NULL), ERR_OK);
        enum err e = value_from_json(j, &type, &a, NULL, &v, NULL);
        ck_assert_int_eq(e, i == 0 ? ERR_OK : ERR_OUT_OF_RANGE);
        arena_fini(&a);
    }
    free(text);
}
END_TEST

START_TEST(no_memory_is_an_error_of_every_type)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct type type = type_named(cases[i].type);
        struct arena tree;
        struct json *j;
        arena_init(&tree, 0);
        ck_assert_int_eq(json_parse(&tree, str_of(cases[i].json), 32, &j, NULL), ERR_OK);
        for (long n = 1; n < 20; n++) {
            struct arena a;
            struct value v;
            struct fail f;
            fail_init(&f);
            arena_init(&a, 0);
            fail_alloc_at(n);
            enum err e = value_from_json(j, &type, &a, NULL, &v, &f);
            bool reached = fail_alloc_reached();
            fail_alloc_at(0);
            if (reached && cases[i].want[0] != '!') {
                ck_assert_msg(e == ERR_OUT_OF_MEMORY, "%s of %s: %s", cases[i].type,
                              cases[i].json, err_wire(e));
            }
            arena_fini(&a);
            if (!reached) {
                break;
            }
        }
        arena_fini(&tree);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("value/value");
    TCase *t = tcase_create("value");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, json_is_read_as_its_type, 0, (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(t, an_element_of_an_array_is_pointed_at);
    tcase_add_test(t, sqlite_integers_hold_64_bits);
    tcase_add_test(t, texts_without_escapes_are_not_copied);
    tcase_add_test(t, monstrous_numbers_cost_little);
    tcase_add_test(t, no_memory_is_an_error_of_every_type);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
