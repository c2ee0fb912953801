/* SPDX-License-Identifier: MIT
 *
 * test_yaml.c: the tree, its positions, and what it refuses.
 */
#include "conf/yaml.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
    struct arena arena;
    struct buf out;
    struct report report;
    struct yaml *root;
};

static struct world read_text(struct str text)
{
    struct world w = {0};
    arena_init(&w.arena, 0);
    buf_init(&w.out);
    w.report.out = &w.out;
    w.root = yaml_read(&w.arena, "f", text, &w.report);
    buf_char(&w.out, '\0');
    w.report.out = NULL;
    return w;
}

static void end(struct world *w)
{
    arena_fini(&w->arena);
    buf_fini(&w->out);
}

START_TEST(scalars_are_typed_as_the_core_schema_says)
{
    static const struct {
        const char *text;
        enum yaml_kind kind;
    } cases[] = {
        {"null", YAML_NULL},   {"~", YAML_NULL},     {"Null", YAML_NULL},
        {"''", YAML_TEXT},     {"true", YAML_BOOL},  {"False", YAML_BOOL},
        {"'true'", YAML_TEXT}, {"yes", YAML_TEXT},   {"off", YAML_TEXT},
        {"12", YAML_INT},      {"-12", YAML_INT},    {"+3", YAML_INT},
        {"0600", YAML_INT},    {"0o17", YAML_INT},   {"0o18", YAML_TEXT},
        {"0xfF", YAML_INT},    {"\"5\"", YAML_TEXT}, {"1.5", YAML_FLOAT},
        {".5", YAML_FLOAT},    {"1e9", YAML_FLOAT},  {"1.", YAML_FLOAT},
        {".", YAML_TEXT},      {"1e", YAML_TEXT},    {".inf", YAML_FLOAT},
        {"-.INF", YAML_FLOAT}, {".nan", YAML_FLOAT}, {"16MiB", YAML_TEXT},
        {"1_000", YAML_TEXT},  {"-", YAML_TEXT},     {"127.0.0.1", YAML_TEXT},
        {"10:30", YAML_TEXT},
    };
    char text[64];
    snprintf(text, sizeof text, "a: %s\n", cases[_i].text);
    struct world w = read_text(str_of(text));
    /* A lone "-" is a list's mark, not a scalar. */
    if (strcmp(cases[_i].text, "-") == 0) {
        ck_assert_uint_gt(w.report.count, 0);
    } else {
        ck_assert_uint_eq(w.report.count, 0);
        ck_assert_int_eq(yaml_get(w.root, "a")->kind, cases[_i].kind);
    }
    end(&w);
}
END_TEST

START_TEST(nodes_know_where_they_stand)
{
    struct world w = read_text(STR("a:\n  b: [1,\n    zwei]\nö: x\n"));
    ck_assert_uint_eq(w.report.count, 0);
    const struct yaml *list = yaml_get(yaml_get(w.root, "a"), "b");
    ck_assert_uint_eq(list->key_at.line, 2);
    ck_assert_uint_eq(list->key_at.column, 3);
    ck_assert_uint_eq(list->first->next->at.line, 3);
    ck_assert_uint_eq(list->first->next->at.column, 5);
    ck_assert(str_is(list->first->next->text, "zwei"));
    ck_assert_uint_eq(yaml_get(w.root, "ö")->at.column, 4);
    end(&w);
}
END_TEST

START_TEST(what_is_refused_is_reported_at_its_place)
{
    static const struct {
        const char *text, *report;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", "f:3:1: `a` is given twice, first in line 1\n"},
        {"a: &x 1\n", "f:1:4: anchors (&name) are not supported in conf files\n"},
        {"a: *x\n", "f:1:4: aliases (*name) are not supported in conf files\n"},
        {"a: !!str 1\n", "f:1:4: tags (!name) are not supported in conf files\n"},
        {"a: 1\n---\nb: 2\n", "f:2:1: a conf file is one YAML document\n"},
        {"? [a]\n: 1\n", "f:1:3: a key must be a plain text\n"},
        {"a: \"x\\0y\"\n", "f:1:4: a text must not hold a NUL character\n"},
        {"a: [1\n", "f:2:1: did not find expected ',' or ']'\n"},
        {"\xff", "f: byte 0 is not UTF-8\n"},
    };
    struct world w = read_text(str_of(cases[_i].text));
    ck_assert_str_eq(w.out.ptr, cases[_i].report);
    ck_assert_uint_eq(w.report.count, 1);
    end(&w);
}
END_TEST

START_TEST(nothing_at_all_is_an_empty_map)
{
    static const char *const texts[] = {"", "\n\n", "# only a comment\n", "---\n", "~\n"};
    struct world w = read_text(str_of(texts[_i]));
    ck_assert_uint_eq(w.report.count, 0);
    ck_assert_ptr_nonnull(w.root);
    ck_assert_int_eq(w.root->kind, YAML_MAP);
    ck_assert_ptr_null(w.root->first);
    end(&w);
}
END_TEST

START_TEST(depth_and_size_are_bounded)
{
    char deep[20001];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    struct world w = read_text(str_of(deep));
    ck_assert_ptr_null(w.root);
    ck_assert_str_eq(w.out.ptr, "f:1:25: lists and maps are too deep inside each other\n");
    end(&w);

    size_t len = 300000;
    char *many = malloc(len);
    ck_assert_ptr_nonnull(many);
    for (size_t i = 0; i < len; i += 2) {
        memcpy(many + i, i == 0 ? "[1" : ",1", 2);
    }
    w = read_text((struct str){many, len});
    free(many);
    ck_assert_ptr_null(w.root);
    ck_assert_ptr_nonnull(strstr(w.out.ptr, "the file is too large"));
    end(&w);
}
END_TEST

START_TEST(a_nul_byte_in_the_file_is_an_error)
{
    struct world w = read_text((struct str){"a: b\0c\n", 7});
    ck_assert_ptr_null(w.root);
    ck_assert_uint_eq(w.report.count, 1);
    end(&w);
}
END_TEST

START_TEST(truncated_files_never_crash)
{
    static const char text[] =
        "listen:\n  - {tcp: \"127.0.0.1:1\", x: [a, 'b', \"c\\u00e9\"]}\n"
        "s: |\n  block\n  text\nf: >-\n  folded\n\"q\": {}\n";
    for (size_t n = 0; n < sizeof text; n++) {
        char *cut = malloc(n + 1); /* so that the sanitizer sees its end */
        ck_assert_ptr_nonnull(cut);
        memcpy(cut, text, n);
        struct world w = read_text((struct str){cut, n});
        ck_assert(w.root != NULL || w.report.count > 0);
        end(&w);
        free(cut);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("yaml");
    TCase *t = tcase_create("tree");
    tcase_add_loop_test(t, scalars_are_typed_as_the_core_schema_says, 0, 31);
    tcase_add_test(t, nodes_know_where_they_stand);
    tcase_add_loop_test(t, what_is_refused_is_reported_at_its_place, 0, 9);
    tcase_add_loop_test(t, nothing_at_all_is_an_empty_map, 0, 5);
    tcase_add_test(t, depth_and_size_are_bounded);
    tcase_add_test(t, a_nul_byte_in_the_file_is_an_error);
    tcase_add_test(t, truncated_files_never_crash);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
