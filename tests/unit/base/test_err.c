/* SPDX-License-Identifier: MIT
 *
 * test_err.c: the table of errors, and texts that do not fit.
 */
#include "base/err.h"

#include <check.h>
#include <string.h>

START_TEST(every_error_has_its_own_code_a_class_and_a_meaning)
{
    for (int e = 0; e < ERR_COUNT; e++) {
        const char *code = err_wire((enum err)e);
        ck_assert_uint_gt(strlen(code), 1);
        ck_assert_uint_eq(strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(code));
        ck_assert_uint_gt(strlen(err_doc((enum err)e)), 5);
        ck_assert_int_eq(err_class((enum err)e) == CLASS_NONE, e == ERR_OK);
        for (int o = 0; o < e; o++) {
            ck_assert_str_ne(code, err_wire((enum err)o));
        }
    }
}
END_TEST

START_TEST(classes_are_those_of_the_protocol)
{
    static const char *const names[] = {
        "protocol",   "auth",        "permission", "compile", "integrity",
        "data",       "conflict",    "cancelled",  "timeout", "overload",
        "connection", "unsupported", "internal",
    };
    for (int c = 1; c < CLASS_COUNT; c++) {
        ck_assert_str_eq(err_class_wire((enum err_class)c), names[c - 1]);
    }
    ck_assert_str_eq(err_class_wire(err_class(ERR_POOL_TIMEOUT)), "timeout");
    ck_assert_str_eq(err_class_wire(err_class(ERR_OVERLOAD)), "overload");
    ck_assert(err_retry(ERR_DEADLOCK));
    ck_assert(!err_retry(ERR_COMMIT_UNKNOWN));
}
END_TEST

START_TEST(the_first_error_wins)
{
    struct fail f;
    fail_init(&f);
    ck_assert_int_eq(f.offset, -1);
    ck_assert_int_eq(fail_set(&f, ERR_BAD_JSON, "first %d", 1), ERR_BAD_JSON);
    ck_assert_int_eq(fail_at(&f, ERR_TIMEOUT, STR("/x"), "second"), ERR_TIMEOUT);
    ck_assert_int_eq(f.code, ERR_BAD_JSON);
    ck_assert_str_eq(f.message, "first 1");
    ck_assert_str_eq(f.path, "");
    fail_hint(&f, "hint");
    fail_hint(&f, "later");
    ck_assert_str_eq(f.hint, "hint");
}
END_TEST

START_TEST(nobody_has_to_listen)
{
    ck_assert_int_eq(fail_set(NULL, ERR_TIMEOUT, "x"), ERR_TIMEOUT);
    ck_assert_int_eq(fail_at(NULL, ERR_TIMEOUT, STR("/"), "x"), ERR_TIMEOUT);
    fail_hint(NULL, "x");
    struct fail f;
    fail_init(&f);
    fail_hint(&f, "of no error");
    ck_assert_str_eq(f.hint, "");
}
END_TEST

START_TEST(long_texts_are_cut_between_characters)
{
    char text[2000];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4) {
            memcpy(text + i, "\xf0\x9f\x98\x80", 5);
        }
        struct fail f;
        fail_init(&f);
        fail_at(&f, ERR_TIMEOUT, str_of(text), "%s", text);
        fail_hint(&f, "%s", text);
        ck_assert(utf8_valid(str_of(f.message), NULL) && strlen(f.message) > 500);
        ck_assert(utf8_valid(str_of(f.path), NULL) && strlen(f.path) > 310);
        ck_assert(utf8_valid(str_of(f.hint), NULL) && strlen(f.hint) > 310);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/err");
    TCase *t = tcase_create("err");
    tcase_add_test(t, every_error_has_its_own_code_a_class_and_a_meaning);
    tcase_add_test(t, classes_are_those_of_the_protocol);
    tcase_add_test(t, the_first_error_wins);
    tcase_add_test(t, nobody_has_to_listen);
    tcase_add_test(t, long_texts_are_cut_between_characters);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
