/* SPDX-License-Identifier: MIT
 *
 * test_json_write.c: JSON text made compact, without trusting it.
 */
#include "base/json.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct compact_case {
    const char *text;
    const char *want; /* NULL: refused */
};

static const struct compact_case cases[] = {
    {"{}", "{}"},
    {" [ ] ", "[]"},
    {"{\"a\": 1, \"b\": [true, null]}", "{\"a\":1,\"b\":[true,null]}"},
    {"\n{\n\t\"a\" :\r\n 1 }\n", "{\"a\":1}"},
    {"\" a  b \"", "\" a  b \""},
    {"\"\\u00e4\\/\\ud83d\\ude00\"", "\"\\u00e4\\/\\ud83d\\ude00\""},
    {"\"\xc3\xa4\"", "\"\xc3\xa4\""},
    {"-1.50E+3", "-1.50E+3"},
    {"[[[[]]],{\"a\":{}}]", "[[[[]]],{\"a\":{}}]"},
    {"{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"},
    {"", NULL},
    {" ", NULL},
    {"{", NULL},
    {"[", NULL},
    {"[1", NULL},
    {"[1,]", NULL},
    {"[,]", NULL},
    {"{\"a\"}", NULL},
    {"{\"a\":}", NULL},
    {"{\"a\":1,}", NULL},
    {"{1:2}", NULL},
    {"[1}", NULL},
    {"{\"a\":1]", NULL},
    {"[]]", NULL},
    {"1 2", NULL},
    {"01", NULL},
    {"1.", NULL},
    {"nul", NULL},
    {"NaN", NULL},
    {"\"a\nb\"", NULL},
    {"\"\\x\"", NULL},
    {"\"\\ud800\"", NULL},
    {"\"\\u12\"", NULL},
    {"\"\\", NULL},
    {"\"\xff\"", NULL},
    {"\"\xed\xa0\x80\"", NULL},
    {"\xef\xbb\xbf{}", NULL},
};

START_TEST(text_is_made_compact_or_refused)
{
    const struct compact_case *c = &cases[_i];
    size_t n = strlen(c->text);
    char *text = malloc(n > 0 ? n : 1); /* of just its size */
    ck_assert_ptr_nonnull(text);
    memcpy(text, c->text, n);
    struct buf b;
    buf_init(&b);
    BUF_LIT(&b, "before");
    bool taken = json_compact(&b, (struct str){text, n});
    ck_assert_msg(taken == (c->want != NULL), "%s", c->text);
    ck_assert(str_starts(buf_str(&b), STR("before")));
    if (taken) {
        struct str rest = {b.ptr + 6, b.len - 6};
        ck_assert_msg(str_is(rest, c->want), "%.*s is not %s", STR_ARG(rest), c->want);
    } else {
        ck_assert_uint_eq(b.len, 6);
    }
    buf_fini(&b);
    free(text);
}
END_TEST

START_TEST(compact_depth_is_bounded)
{
    for (int depth = 1020; depth < 1030; depth++) {
        struct buf text, out;
        buf_init(&text);
        buf_init(&out);
        for (int i = 0; i < depth; i++) {
            buf_str_add(&text, i % 2 ? STR("[") : STR("{\"a\":"));
        }
        buf_char(&text, '1');
        for (int i = depth - 1; i >= 0; i--) {
            buf_char(&text, i % 2 ? ']' : '}');
        }
        ck_assert_int_eq(json_compact(&out, buf_str(&text)), depth <= 1024);
        if (depth <= 1024) {
            ck_assert(str_eq(buf_str(&out), buf_str(&text)));
        }
        buf_fini(&text);
        buf_fini(&out);
    }
}
END_TEST

START_TEST(numbers_are_told_from_other_texts)
{
    static const char *const numbers[] = {"0", "-0", "1", "-12.5", "1e5", "1E-05", "0.1e+9"};
    static const char *const others[] = {"",   "-",   "01",  "1.",  ".5",  "1e",    " 1",
                                         "1 ", "NaN", "0x1", "1,5", "--1", "1e1.5", "inf"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        ck_assert_msg(json_is_number(str_of(numbers[i])), "%s", numbers[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ck_assert_msg(!json_is_number(str_of(others[i])), "%s", others[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/json_write");
    TCase *t = tcase_create("json_write");
    tcase_add_loop_test(t, text_is_made_compact_or_refused, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(t, compact_depth_is_bounded);
    tcase_add_test(t, numbers_are_told_from_other_texts);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
