/* SPDX-License-Identifier: MIT
 *
 * test_encode.c: stored values to JSON: what each database hands over, and what does
 * not fit its type.
 */
#include "tests/unit/fail_alloc.h"
#include "value/value.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <string.h>

#define T(s)                                                                                   \
    {                                                                                          \
        .kind = VALUE_TEXT, .text = { s, sizeof(s) - 1 }                                       \
    }
#define B(s)                                                                                   \
    {                                                                                          \
        .kind = VALUE_BYTES, .text = { s, sizeof(s) - 1 }                                      \
    }
#define I(n)                                                                                   \
    {                                                                                          \
        .kind = VALUE_INT, .num = n                                                            \
    }
#define D(x)                                                                                   \
    {                                                                                          \
        .kind = VALUE_DOUBLE, .real = x                                                        \
    }
#define BOOL(x)                                                                                \
    {                                                                                          \
        .kind = VALUE_BOOL, .boolean = x                                                       \
    }
#define MISFIT NULL

struct write_case {
    enum type_kind kind;
    struct value v;
    const char *want; /* MISFIT: bad_stored_value */
    int16_t scale;    /* numeric: + 1, 0 is none */
};

static const struct write_case cases[] = {
    {TYPE_UNKNOWN, {.kind = VALUE_NULL}, "null", 0},
    {TYPE_INTEGER, {.kind = VALUE_NULL}, "null", 0},
    {TYPE_UNKNOWN, I(5), "5", 0},
    {TYPE_UNKNOWN, BOOL(true), "true", 0},
    {TYPE_UNKNOWN, D(0.5), "0.5", 0},
    {TYPE_UNKNOWN, T("x"), "\"x\"", 0},
    {TYPE_UNKNOWN, B("\xff"), "\"/w==\"", 0},
    /* boolean: all three databases */
    {TYPE_BOOLEAN, BOOL(false), "false", 0},
    {TYPE_BOOLEAN, I(1), "true", 0},
    {TYPE_BOOLEAN, I(0), "false", 0},
    {TYPE_BOOLEAN, T("t"), "true", 0},
    {TYPE_BOOLEAN, T("f"), "false", 0},
    {TYPE_BOOLEAN, I(7), MISFIT, 0},
    {TYPE_BOOLEAN, I(-1), MISFIT, 0},
    {TYPE_BOOLEAN, T("yes"), MISFIT, 0},
    {TYPE_BOOLEAN, T(""), MISFIT, 0},
    {TYPE_BOOLEAN, D(1), MISFIT, 0},
    {TYPE_BOOLEAN, B("\x01"), MISFIT, 0},
    /* whole numbers */
    {TYPE_SMALLINT, I(-32768), "-32768", 0},
    {TYPE_SMALLINT, I(32768), MISFIT, 0},
    {TYPE_SMALLINT, T("32767"), "32767", 0},
    {TYPE_SMALLINT, T("32768"), MISFIT, 0},
    {TYPE_INTEGER, I(2147483647), "2147483647", 0},
    {TYPE_INTEGER, I(2147483648), MISFIT, 0},
    {TYPE_INTEGER, T("-2147483648"), "-2147483648", 0},
    {TYPE_INTEGER, T("-2147483649"), MISFIT, 0},
    {TYPE_INTEGER, T("0"), "0", 0},
    {TYPE_INTEGER, T("-0"), "0", 0},
    {TYPE_INTEGER, T("007"), "7", 0},
    {TYPE_INTEGER, T(""), MISFIT, 0},
    {TYPE_INTEGER, T("-"), MISFIT, 0},
    {TYPE_INTEGER, T("abc"), MISFIT, 0},
    {TYPE_INTEGER, T("1.5"), MISFIT, 0},
    {TYPE_INTEGER, T("1 "), MISFIT, 0},
    {TYPE_INTEGER, D(3), "3", 0},
    {TYPE_INTEGER, D(3.5), MISFIT, 0},
    {TYPE_INTEGER, D((double)NAN), MISFIT, 0},
    {TYPE_INTEGER, D(HUGE_VAL), MISFIT, 0},
    {TYPE_INTEGER, B("1"), MISFIT, 0},
    {TYPE_BIGINT, I(INT64_MIN), "-9223372036854775808", 0},
    {TYPE_BIGINT, T("9223372036854775807"), "9223372036854775807", 0},
    {TYPE_BIGINT, T("123456789012345"), "123456789012345", 0},
    {TYPE_BIGINT, T("9223372036854775808"), MISFIT, 0},
    {TYPE_BIGINT, D(1e19), MISFIT, 0},
    /* numeric */
    {TYPE_NUMERIC, T("50000.00"), "\"50000.00\"", 2 + 1},
    {TYPE_NUMERIC, I(50000), "\"50000.00\"", 2 + 1},
    {TYPE_NUMERIC, D(50000), "\"50000.00\"", 2 + 1},
    {TYPE_NUMERIC, D(0.1 + 0.2), "\"0.30\"", 2 + 1},
    {TYPE_NUMERIC, D(0.1 + 0.2), "\"0.3\"", 0},
    {TYPE_NUMERIC, D(-1.5), "\"-1.500\"", 3 + 1},
    {TYPE_NUMERIC, D(1.005), "\"1.01\"", 2 + 1},
    {TYPE_NUMERIC, D(-1.005), "\"-1.01\"", 2 + 1},
    {TYPE_NUMERIC, D(99.995), "\"100.00\"", 2 + 1},
    {TYPE_NUMERIC, D(-0.001), "\"0.00\"", 2 + 1},
    {TYPE_NUMERIC, D(-0.0), "\"0\"", 0},
    {TYPE_NUMERIC, D(1e15), "\"1000000000000000\"", 0},
    {TYPE_NUMERIC, D(1e22), "\"10000000000000000000000\"", 0},
    {TYPE_NUMERIC, D(1e-7), "\"0.0000001\"", 0},
    {TYPE_NUMERIC, D(999999999999.999), "\"999999999999.999\"", 3 + 1},
    {TYPE_NUMERIC, D(123456789012345.0), "\"123456789012345.00\"", 2 + 1},
    {TYPE_NUMERIC, D((double)NAN), MISFIT, 0},
    {TYPE_NUMERIC, D(HUGE_VAL), MISFIT, 0},
    {TYPE_NUMERIC, I(INT64_MIN), "\"-9223372036854775808.0\"", 1 + 1},
    {TYPE_NUMERIC, I(-1), "\"-1\"", 0 + 1},
    {TYPE_NUMERIC, T("1234567890123456789012345678.0123456789"),
     "\"1234567890123456789012345678.0123456789\"", 10 + 1},
    {TYPE_NUMERIC, T("0.33333333333333333333"), "\"0.333333\"", 6 + 1},
    {TYPE_NUMERIC, T("0.66666666666666666667"), "\"0.666667\"", 6 + 1},
    {TYPE_NUMERIC, T("-999.9999999"), "\"-1000.000000\"", 6 + 1},
    {TYPE_NUMERIC, T("2.5"), "\"3\"", 0 + 1},
    {TYPE_NUMERIC, T("-2.5"), "\"-3\"", 0 + 1},
    {TYPE_NUMERIC, T("1"), "\"1.00\"", 2 + 1},
    {TYPE_NUMERIC, T("1.500"), "\"1.500\"", 0},
    {TYPE_NUMERIC, T("-0.00"), "\"0.00\"", 0},
    {TYPE_NUMERIC, T("007.5"), "\"7.5\"", 0},
    {TYPE_NUMERIC, T("NaN"), MISFIT, 0},
    {TYPE_NUMERIC, T("Infinity"), MISFIT, 0},
    {TYPE_NUMERIC, T("abc"), MISFIT, 0},
    {TYPE_NUMERIC, T(""), MISFIT, 0},
    {TYPE_NUMERIC, T("1e5"), MISFIT, 0},
    {TYPE_NUMERIC, B("1"), MISFIT, 0},
    /* real, double */
    {TYPE_DOUBLE, D(0.1), "0.1", 0},
    {TYPE_DOUBLE, D(5e-324), "5e-324", 0},
    {TYPE_DOUBLE, D(DBL_MAX), "1.7976931348623157e+308", 0},
    {TYPE_DOUBLE, D((double)NAN), "\"NaN\"", 0},
    {TYPE_DOUBLE, D(-HUGE_VAL), "\"-Infinity\"", 0},
    {TYPE_DOUBLE, I(3), "3", 0},
    {TYPE_DOUBLE, T("1e+20"), "1e+20", 0},
    {TYPE_DOUBLE, T("-0"), "-0", 0},
    {TYPE_DOUBLE, T("0.30000000000000004"), "0.30000000000000004", 0},
    {TYPE_DOUBLE, T("NaN"), "\"NaN\"", 0},
    {TYPE_DOUBLE, T("-Infinity"), "\"-Infinity\"", 0},
    {TYPE_DOUBLE, T("inf"), MISFIT, 0},
    {TYPE_DOUBLE, T("0x1p3"), MISFIT, 0},
    {TYPE_DOUBLE, T(" 1"), MISFIT, 0},
    {TYPE_DOUBLE, T("1."), MISFIT, 0},
    {TYPE_DOUBLE, T(""), MISFIT, 0},
    {TYPE_REAL, D((double)0.1f), "0.1", 0},
    {TYPE_REAL, T("0.1"), "0.1", 0},
    {TYPE_REAL, D(1e300), "1e+300", 0},
    /* texts */
    {TYPE_TEXT, T(""), "\"\"", 0},
    {TYPE_TEXT, T("a\"\\\n\x01\xc3\xa4 and more"), "\"a\\\"\\\\\\n\\u0001\xc3\xa4 and more\"",
     0},
    {TYPE_TEXT, T("\0"), "\"\\u0000\"", 0},
    {TYPE_TEXT, T("\xff"), MISFIT, 0},
    {TYPE_TEXT, T("latin1 \xe4 text"), MISFIT, 0},
    {TYPE_TEXT, B("ab"), MISFIT, 0},
    {TYPE_TEXT, I(12), "\"12\"", 0},
    {TYPE_TEXT, D(0.5), "\"0.5\"", 0},
    {TYPE_TEXT, D((double)NAN), MISFIT, 0},
    {TYPE_VARCHAR, T("ab  "), "\"ab  \"", 0},
    {TYPE_CHAR, T("ab  "), "\"ab\"", 0},
    {TYPE_CHAR, T("   "), "\"\"", 0},
    {TYPE_ENUM, T("it's"), "\"it's\"", 0},
    {TYPE_UUID, T("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
     "\"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"", 0},
    {TYPE_UUID, T("F81D4FAE7DEC11D0A76500A0C91E6BF6"),
     "\"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"", 0},
    {TYPE_UUID, B("\xf8\x1d\x4f\xae\x7d\xec\x11\xd0\xa7\x65\x00\xa0\xc9\x1e\x6b\xf6"),
     "\"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"", 0},
    {TYPE_UUID, T("not one"), MISFIT, 0},
    {TYPE_UUID, I(1), MISFIT, 0},
    {TYPE_BYTES, B(""), "\"\"", 0},
    {TYPE_BYTES, B("\xff\xfe\xfd\x00"), "\"//79AA==\"", 0},
    {TYPE_BYTES, I(1), MISFIT, 0},
    /* times */
    {TYPE_DATE, T("2024-02-29"), "\"2024-02-29\"", 0},
    {TYPE_DATE, T("0000-00-00"), MISFIT, 0},
    {TYPE_DATE, T("2024-00-10"), MISFIT, 0},
    {TYPE_DATE, T("2023-02-29"), MISFIT, 0},
    {TYPE_DATE, T("infinity"), MISFIT, 0},
    {TYPE_DATE, T("-infinity"), MISFIT, 0},
    {TYPE_DATE, T("10000-01-01"), MISFIT, 0},
    {TYPE_DATE, T("0044-03-15 BC"), MISFIT, 0},
    {TYPE_DATE, T("soon"), MISFIT, 0},
    {TYPE_DATE, T("2024-02-29 12:00:00"), MISFIT, 0},
    {TYPE_DATE, I(20240101), MISFIT, 0},
    {TYPE_TIME, T("23:59:59.999999"), "\"23:59:59.999999\"", 0},
    {TYPE_TIME, T("12:00:00.5"), "\"12:00:00.500000\"", 0},
    {TYPE_TIME, T("12:00:00.000000"), "\"12:00:00\"", 0},
    {TYPE_TIME, T("12:00"), "\"12:00:00\"", 0},
    {TYPE_TIME, T("-12:00:00"), MISFIT, 0},
    {TYPE_TIME, T("838:59:59"), MISFIT, 0},
    {TYPE_TIME, T("24:00:00"), MISFIT, 0},
    {TYPE_TIMESTAMP, T("2024-02-29 12:34:56"), "\"2024-02-29T12:34:56\"", 0},
    {TYPE_TIMESTAMP, T("2024-02-29 12:34:56.789"), "\"2024-02-29T12:34:56.789000\"", 0},
    {TYPE_TIMESTAMP, T("2024-02-29T12:34:56.000000"), "\"2024-02-29T12:34:56\"", 0},
    {TYPE_TIMESTAMP, T("2024-02-29"), "\"2024-02-29T00:00:00\"", 0},
    {TYPE_TIMESTAMP, T("0000-00-00 00:00:00"), MISFIT, 0},
    {TYPE_TIMESTAMP, T("infinity"), MISFIT, 0},
    {TYPE_TIMESTAMP, T("2024-02-29 12:34:56+00"), MISFIT, 0},
    {TYPE_TIMESTAMP, T("2024-02-29 12:34:56.1234567"), MISFIT, 0},
    {TYPE_TIMESTAMP, D(1.7e9), MISFIT, 0},
    {TYPE_TIMESTAMP, T("2024-02-29 12:34:56 BC"), MISFIT, 0},
    {TYPE_TIMESTAMPTZ, T("2024-02-29 12:34:56"), "\"2024-02-29T12:34:56Z\"", 0},
    {TYPE_TIMESTAMPTZ, T("2024-02-29 12:34:56.5+00"), "\"2024-02-29T12:34:56.500000Z\"", 0},
    {TYPE_TIMESTAMPTZ, T("2024-02-29T12:34:56Z"), "\"2024-02-29T12:34:56Z\"", 0},
    {TYPE_TIMESTAMPTZ, T("2024-03-01 00:00:00+00:30"), "\"2024-02-29T23:30:00Z\"", 0},
    {TYPE_TIMESTAMPTZ, T("-infinity"), MISFIT, 0},
    {TYPE_INTERVAL, T("P1Y-2M3DT-4H5.5S"), "\"P1Y-2M3DT-4H5.5S\"", 0},
    {TYPE_INTERVAL, T("PT0S"), "\"PT0S\"", 0},
    {TYPE_INTERVAL, T("1 day"), MISFIT, 0},
    /* json */
    {TYPE_JSON, T("{\"a\": [1, 2.50],\n \"b\": null}"), "{\"a\":[1,2.50],\"b\":null}", 0},
    {TYPE_JSON, T("null"), "null", 0},
    {TYPE_JSON, T(" \"x\" "), "\"x\"", 0},
    {TYPE_JSON, I(-3), "-3", 0},
    {TYPE_JSON, D(1.5), "1.5", 0},
    {TYPE_JSON, D((double)NAN), MISFIT, 0},
    {TYPE_JSON, T(""), MISFIT, 0},
    {TYPE_JSON, T("{a:1}"), MISFIT, 0},
    {TYPE_JSON, T("{} {}"), MISFIT, 0},
    {TYPE_JSON, T("\"\xff\""), MISFIT, 0},
    {TYPE_JSON, T("\"a\nb\""), MISFIT, 0},
    {TYPE_JSON, B("{}"), MISFIT, 0},
    /* what we do not know */
    {TYPE_OPAQUE, T("10.0.0.1/8"), "\"10.0.0.1/8\"", 0},
    {TYPE_OPAQUE, I(5), "\"5\"", 0},
    {TYPE_OPAQUE, B("\xff"), "\"/w==\"", 0},
};

START_TEST(a_stored_value_is_written_or_refused)
{
    const struct write_case *c = &cases[_i];
    struct type type = type_of(c->kind);
    if (c->scale > 0) {
        type.precision = 38;
        type.scale = (int16_t)(c->scale - 1);
    }
    struct buf b;
    struct fail f;
    buf_init(&b);
    fail_init(&f);
    enum err e = value_to_json(&b, &type, &c->v, INT64_NUMBER, &f);
    if (c->want == MISFIT) {
        ck_assert_msg(e == ERR_BAD_STORED_VALUE, "case %d, %s: %s, %.*s", _i,
                      type_kind_name(c->kind), err_wire(e), STR_ARG(buf_str(&b)));
        ck_assert_int_eq(f.code, e);
    } else {
        ck_assert_msg(e == ERR_OK && str_is(buf_str(&b), c->want),
                      "case %d, %s: %s, %.*s is not %s", _i, type_kind_name(c->kind),
                      err_wire(e), STR_ARG(buf_str(&b)), c->want);
    }
    buf_fini(&b);
}
END_TEST

START_TEST(int64_forms)
{
    static const struct {
        enum type_kind kind;
        int64_t n;
        enum int64_form form;
        const char *want;
    } forms[] = {
        {TYPE_BIGINT, 5, INT64_STRING, "\"5\""},
        {TYPE_BIGINT, INT64_MIN, INT64_STRING, "\"-9223372036854775808\""},
        {TYPE_INTEGER, 5, INT64_STRING, "5"},
        {TYPE_BIGINT, 9007199254740991, INT64_GUARD, "9007199254740991"},
        {TYPE_BIGINT, -9007199254740991, INT64_GUARD, "-9007199254740991"},
        {TYPE_BIGINT, 9007199254740992, INT64_GUARD, NULL},
        {TYPE_BIGINT, INT64_MIN, INT64_GUARD, NULL},
        {TYPE_BIGINT, 9007199254740992, INT64_NUMBER, "9007199254740992"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct type type = type_of(forms[i].kind);
        for (int as_text = 0; as_text < 2; as_text++) {
            struct buf b, digits;
            buf_init(&b);
            buf_init(&digits);
            buf_i64(&digits, forms[i].n);
            struct value v = {.kind = VALUE_INT, .num = forms[i].n};
            if (as_text == 1) {
                v = (struct value){.kind = VALUE_TEXT, .text = buf_str(&digits)};
            }
            enum err e = value_to_json(&b, &type, &v, forms[i].form, NULL);
            if (forms[i].want == NULL) {
                ck_assert_int_eq(e, ERR_OUT_OF_RANGE);
            } else {
                ck_assert_int_eq(e, ERR_OK);
                ck_assert_msg(str_is(buf_str(&b), forms[i].want), "%s", forms[i].want);
            }
            buf_fini(&b);
            buf_fini(&digits);
        }
    }
}
END_TEST

START_TEST(a_wide_integer_of_sqlite_is_guarded_too)
{
    struct type type = type_of(TYPE_INTEGER);
    type.precision = 19;
    struct buf b;
    struct value v = {.kind = VALUE_INT, .num = INT64_MAX};
    buf_init(&b);
    ck_assert_int_eq(value_to_json(&b, &type, &v, INT64_NUMBER, NULL), ERR_OK);
    ck_assert(str_is(buf_str(&b), "9223372036854775807"));
    ck_assert_int_eq(value_to_json(&b, &type, &v, INT64_GUARD, NULL), ERR_OUT_OF_RANGE);
    buf_fini(&b);
}
END_TEST

START_TEST(the_message_does_not_show_the_value)
{
    struct type type = type_of(TYPE_INTEGER);
    struct value v = T("secret");
    struct buf b;
    struct fail f;
    buf_init(&b);
    fail_init(&f);
    ck_assert_int_eq(value_to_json(&b, &type, &v, INT64_NUMBER, &f), ERR_BAD_STORED_VALUE);
    ck_assert_ptr_null(strstr(f.message, "secret"));
    buf_fini(&b);
}
END_TEST

/* ---- arrays ---- */

static const struct {
    enum type_kind element;
    const char *text;
    const char *want;
} arrays[] = {
    {TYPE_INTEGER, "{}", "[]"},
    {TYPE_INTEGER, "{1,NULL,-3}", "[1,null,-3]"},
    {TYPE_INTEGER, "{{1,2},{3,4}}", "[[1,2],[3,4]]"},
    {TYPE_INTEGER, "[0:1]={5,6}", "[5,6]"},
    {TYPE_INTEGER, "[-1:0][2:3]={{1,2},{3,4}}", "[[1,2],[3,4]]"},
    {TYPE_TEXT, "{a,\"b c\",\"\",\"NULL\",null,\"{\\\"}\\\\\"}",
     "[\"a\",\"b c\",\"\",\"NULL\",null,\"{\\\"}\\\\\"]"},
    {TYPE_BOOLEAN, "{t,f}", "[true,false]"},
    {TYPE_NUMERIC, "{1.50,-2}", "[\"1.50\",\"-2\"]"},
    {TYPE_DOUBLE, "{NaN,1e+20}", "[\"NaN\",1e+20]"},
    {TYPE_BYTES, "{\"\\\\xfffe\",\"\\\\x\"}", "[\"//4=\",\"\"]"},
    {TYPE_TIMESTAMP, "{\"2024-01-01 00:00:00\"}", "[\"2024-01-01T00:00:00\"]"},
    {TYPE_TIMESTAMPTZ, "{\"2024-01-01 00:00:00+00\"}", "[\"2024-01-01T00:00:00Z\"]"},
    {TYPE_JSON, "{\"{\\\"a\\\": 1}\",null}", "[{\"a\":1},null]"},
    {TYPE_UUID, "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}",
     "[\"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"]"},
    {TYPE_INTEGER, "", MISFIT},
    {TYPE_INTEGER, "1,2", MISFIT},
    {TYPE_INTEGER, "{1,2", MISFIT},
    {TYPE_INTEGER, "{1,2}}", MISFIT},
    {TYPE_INTEGER, "{1,}", MISFIT},
    {TYPE_INTEGER, "{x}", MISFIT},
    {TYPE_INTEGER, "{\"1", MISFIT},
    {TYPE_INTEGER, "{\"1\\", MISFIT},
    {TYPE_INTEGER, "[1:2]", MISFIT},
    {TYPE_INTEGER, "{{{{{{{1}}}}}}}", MISFIT},
    {TYPE_TEXT, "{\xff}", MISFIT},
    {TYPE_BYTES, "{abc}", MISFIT},
    {TYPE_BYTES, "{\"\\\\xf\"}", MISFIT},
};

START_TEST(array_text_becomes_a_json_array)
{
    struct type type = type_of(TYPE_ARRAY);
    type.element = arrays[_i].element;
    struct value v = {.kind = VALUE_TEXT, .text = str_of(arrays[_i].text)};
    struct buf b;
    buf_init(&b);
    enum err e = value_to_json(&b, &type, &v, INT64_NUMBER, NULL);
    if (arrays[_i].want == MISFIT) {
        ck_assert_msg(e == ERR_BAD_STORED_VALUE, "%s: %s", arrays[_i].text, err_wire(e));
    } else {
        ck_assert_int_eq(e, ERR_OK);
        ck_assert_msg(str_is(buf_str(&b), arrays[_i].want), "%.*s is not %s",
                      STR_ARG(buf_str(&b)), arrays[_i].want);
    }
    buf_fini(&b);
}
END_TEST

START_TEST(arrays_survive_no_memory)
{
    struct type type = type_of(TYPE_ARRAY);
    type.element = TYPE_TEXT;
    struct value v = T("{abc,\"d e f\",NULL}");
    for (long n = 1; n < 10; n++) {
        struct buf b;
        struct fail f;
        buf_init(&b);
        fail_init(&f);
        fail_alloc_at(n);
        enum err e = value_to_json(&b, &type, &v, INT64_NUMBER, &f);
        bool reached = fail_alloc_reached();
        fail_alloc_at(0);
        ck_assert(e == ERR_OUT_OF_MEMORY || (e == ERR_OK && b.failed == reached));
        buf_fini(&b);
    }
}
END_TEST

/* ---- both ways ---- */

START_TEST(what_goes_in_comes_out)
{
    static const struct {
        const char *type;
        const char *json;
    } values[] = {
        {"boolean", "true"},
        {"smallint", "-32768"},
        {"bigint", "9223372036854775807"},
        {"numeric(15,3)", "\"999999999999.999\""},
        {"numeric(38,10)", "\"-1234567890123456789012345678.0123456789\""},
        {"double", "1.7976931348623157e+308"},
        {"double", "5e-324"},
        {"double", "\"NaN\""},
        {"real", "3.4028235e+38"},
        {"text", "\"\\u0001\\t\xf0\x9f\x98\x80'--\""},
        {"uuid", "\"00000000-0000-0000-0000-000000000000\""},
        {"bytes", "\"AAECAwQF/v8=\""},
        {"date", "\"9999-12-31\""},
        {"time", "\"23:59:59.999999\""},
        {"timestamp", "\"0001-01-01T00:00:00.000001\""},
        {"timestamptz", "\"2038-01-19T03:14:08Z\""},
        {"interval", "\"P1Y2M3DT4H5M6.789S\""},
        {"json", "{\"a\":[1,2.50,null,{}],\"b\":\"\\n\"}"},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct type type;
        struct arena a;
        struct json *j;
        struct value v;
        struct buf b;
        arena_init(&a, 0);
        buf_init(&b);
        ck_assert(type_parse(str_of(values[i].type), &type));
        ck_assert_int_eq(json_parse(&a, str_of(values[i].json), 32, &j, NULL), ERR_OK);
        ck_assert_msg(value_from_json(j, &type, &a, NULL, &v, NULL) == ERR_OK, "%s of %s",
                      values[i].type, values[i].json);
        ck_assert_int_eq(value_to_json(&b, &type, &v, INT64_NUMBER, NULL), ERR_OK);
        ck_assert_msg(str_is(buf_str(&b), values[i].json), "%s: %.*s is not %s", values[i].type,
                      STR_ARG(buf_str(&b)), values[i].json);
        buf_fini(&b);
        arena_fini(&a);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("value/encode");
    TCase *t = tcase_create("encode");
    tcase_add_loop_test(t, a_stored_value_is_written_or_refused, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(t, int64_forms);
    tcase_add_test(t, a_wide_integer_of_sqlite_is_guarded_too);
    tcase_add_test(t, the_message_does_not_show_the_value);
    tcase_add_loop_test(t, array_text_becomes_a_json_array, 0,
                        (int)(sizeof arrays / sizeof arrays[0]));
    tcase_add_test(t, arrays_survive_no_memory);
    tcase_add_test(t, what_goes_in_comes_out);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
