/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_operators.c: the tables of operators are in order and
 * whole, and the page of the language names each of them.
 */
#include "compiler/operators.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_page(void)
{
    FILE *f = fopen(PAGE, "rb");
    ck_assert_ptr_nonnull(f);
    fseek(f, 0, SEEK_END);
    size_t size = (size_t)ftell(f);
    char *text = calloc(1, size + 1);
    ck_assert_ptr_nonnull(text);
    rewind(f);
    ck_assert_uint_eq(fread(text, 1, size, f), size);
    fclose(f);
    return text;
}

START_TEST(every_operator_is_found_by_its_name)
{
    for (uint32_t i = 0; i < operator_count(); i++) {
        const struct op_info *op = operator_at(i);
        ck_assert_msg(operator_find(str_of(op->name)) == op,
                      "%s is out of order, or there twice", op->name);
    }
    ck_assert_ptr_null(operator_find(STR("")));
    ck_assert_ptr_null(operator_find(STR("nonesuch")));
}
END_TEST

START_TEST(every_operator_that_is_built_can_be_typed_and_written)
{
    for (uint32_t i = 0; i < operator_count(); i++) {
        const struct op_info *op = operator_at(i);
        bool planned = (op->flags & (OP_PLANNED | OP_ELSEWHERE)) != 0,
             table = (op->flags & OP_TABLE) != 0;
        if (planned || table) {
            continue;
        }
        ck_assert_msg(op->rule != NULL, "%s has no rule", op->name);
        ck_assert_msg(op->min_args <= op->max_args, "%s takes no number", op->name);
        bool written = op->emit != NULL;
        for (unsigned d = 0; d < DIALECT_COUNT; d++) {
            written = written || op->sql[d] != NULL; /* NULL: refused there */
        }
        ck_assert_msg(written, "%s has no SQL", op->name);
    }
}
END_TEST

/* A template that asks for an argument beyond those that must be there would end in
 * an internal error. */
START_TEST(no_template_asks_for_an_argument_that_may_be_missing)
{
    for (uint32_t i = 0; i < operator_count(); i++) {
        const struct op_info *op = operator_at(i);
        bool plain = op->emit == NULL && (op->flags & OP_TABLE) == 0;
        for (unsigned d = 0; d < DIALECT_COUNT && plain; d++) {
            const char *p = op->sql[d] == NULL ? "" : op->sql[d];
            for (; *p != '\0'; p++) {
                if (p[0] == '$' && p[1] >= '1' && p[1] <= '9') {
                    ck_assert_msg(p[1] - '0' <= op->min_args, "%s: %s", op->name, op->sql[d]);
                }
            }
        }
    }
}
END_TEST

/* As `name`, or as [\"name\" in an example; | is written otherwise in tables. */
START_TEST(the_page_names_every_operator)
{
    char *page = read_page();
    for (uint32_t i = 0; i < operator_count(); i++) {
        const struct op_info *op = operator_at(i);
        char code[80], html[80] = "", *pipe = strchr(op->name, '|');
        snprintf(code, sizeof code, "`%s`", op->name);
        if (pipe != NULL) {
            snprintf(html, sizeof html, "<code>%s</code>",
                     op->name[1] == '|' ? "&#124;&#124;" : "&#124;");
        }
        bool found = strstr(page, code) != NULL || (html[0] != '\0' && strstr(page, html));
        ck_assert_msg((op->flags & OP_PLANNED) != 0 || found, "docs/SQL.md has no %s", code);
    }
    free(page);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("operators");
    TCase *t = tcase_create("all");
    tcase_add_test(t, every_operator_is_found_by_its_name);
    tcase_add_test(t, every_operator_that_is_built_can_be_typed_and_written);
    tcase_add_test(t, no_template_asks_for_an_argument_that_may_be_missing);
    tcase_add_test(t, the_page_names_every_operator);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
