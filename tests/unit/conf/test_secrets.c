/* SPDX-License-Identifier: MIT
 *
 * test_secrets.c: placeholders for the environment and for files.
 */
#include "conf/secrets.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
    struct arena arena;
    char folder[64];
    struct secrets secrets;
    struct str out;
    bool replaced;
    struct fail fail;
};

static void begin(struct world *w)
{
    memset(w, 0, sizeof *w);
    arena_init(&w->arena, 0);
    strcpy(w->folder, "/tmp/tribikos-secrets-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(w->folder));
    w->secrets = (struct secrets){&w->arena, str_of(w->folder)};
}

static void end(struct world *w, const char *const *files)
{
    char path[128];
    for (; files != NULL && *files != NULL; files++) {
        snprintf(path, sizeof path, "%s/%s", w->folder, *files);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(w->folder), 0);
    arena_fini(&w->arena);
}

static void put(struct world *w, const char *name, struct str content, mode_t mode)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", w->folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content.ptr, content.len), (ssize_t)content.len);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

static enum err expand(struct world *w, const char *text)
{
    fail_init(&w->fail);
    return secrets_expand(&w->secrets, str_of(text), &w->out, &w->replaced, &w->fail);
}

START_TEST(texts_without_placeholders_stay)
{
    static const struct {
        const char *text, *out;
    } cases[] = {
        {"", ""},       {"plain", "plain"},        {"a$b", "a$b"},     {"$", "$"}, {"$$", "$$"},
        {"{x}", "{x}"}, {"$${env:X}", "${env:X}"}, {"$${$${", "${${"},
    };
    struct world w;
    begin(&w);
    ck_assert_int_eq(expand(&w, cases[_i].text), ERR_OK);
    ck_assert(str_is(w.out, cases[_i].out));
    ck_assert(!w.replaced);
    end(&w, NULL);
}
END_TEST

START_TEST(variables_are_put_in_and_not_looked_through_again)
{
    struct world w;
    begin(&w);
    setenv("TRIBIKOS_A", "one", 1);
    setenv("TRIBIKOS_B", "${env:TRIBIKOS_A}", 1);
    ck_assert_int_eq(expand(&w, "<${env:TRIBIKOS_A}|${env:TRIBIKOS_B}>"), ERR_OK);
    ck_assert(str_is(w.out, "<one|${env:TRIBIKOS_A}>"));
    ck_assert(w.replaced);
    end(&w, NULL);
}
END_TEST

START_TEST(a_file_loses_one_newline)
{
    static const char *const files[] = {"s", NULL};
    static const struct {
        const char *content, *out;
    } cases[] = {{"pw", "pw"}, {"pw\n", "pw"}, {"pw\n\n", "pw\n"}, {"pw\r\n", "pw"},
                 {"", ""},     {"\n", ""},     {" p ", " p "}};
    struct world w;
    begin(&w);
    put(&w, "s", str_of(cases[_i].content), 0600);
    ck_assert_int_eq(expand(&w, "${file:s}"), ERR_OK);
    ck_assert(str_is(w.out, cases[_i].out));
    end(&w, files);
}
END_TEST

START_TEST(a_file_that_everybody_may_read_is_refused)
{
    static const char *const files[] = {"s", NULL};
    struct world w;
    begin(&w);
    put(&w, "s", STR("topsecret"), 0644);
    ck_assert_int_eq(expand(&w, "${file:s}"), ERR_BAD_VALUE);
    ck_assert_ptr_nonnull(strstr(w.fail.message, "can be read by everybody (mode 0644)"));
    ck_assert_ptr_null(strstr(w.fail.message, "topsecret"));
    put(&w, "s", STR("topsecret"), 0640);
    ck_assert_int_eq(expand(&w, "${file:s}"), ERR_OK);
    end(&w, files);
}
END_TEST

START_TEST(what_is_no_text_file_is_refused)
{
    static const char *const files[] = {"nul", "latin1", "large", "pipe", NULL};
    struct world w;
    char path[128];
    begin(&w);
    put(&w, "nul", (struct str){"a\0b", 3}, 0600);
    put(&w, "latin1", STR("\xe4"), 0600);
    char *large = calloc(1, 70000);
    ck_assert_ptr_nonnull(large);
    memset(large, 'x', 70000);
    put(&w, "large", (struct str){large, 70000}, 0600);
    free(large);
    snprintf(path, sizeof path, "%s/pipe", w.folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    for (size_t i = 0; files[i] != NULL; i++) {
        char text[64];
        snprintf(text, sizeof text, "${file:%s}", files[i]);
        ck_assert_int_eq(expand(&w, text), ERR_BAD_VALUE);
    }
    ck_assert_int_eq(expand(&w, "${file:.}"), ERR_BAD_VALUE);
    ck_assert_int_eq(expand(&w, "${file:none}"), ERR_BAD_VALUE);
    ck_assert_ptr_nonnull(strstr(w.fail.message, "No such file"));
    end(&w, files);
}
END_TEST

START_TEST(placeholders_of_another_form_are_errors)
{
    static const char *const texts[] = {
        "${",     "${env:X", "${HOME}", "${env}", "${ENV:X}", "${}", "a${env:TRIBIKOS_UNSET}b",
        "${env:}"};
    struct world w;
    begin(&w);
    unsetenv("TRIBIKOS_UNSET");
    ck_assert_int_eq(expand(&w, texts[_i]), ERR_BAD_VALUE);
    end(&w, NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("secrets");
    TCase *t = tcase_create("placeholders");
    tcase_add_loop_test(t, texts_without_placeholders_stay, 0, 8);
    tcase_add_test(t, variables_are_put_in_and_not_looked_through_again);
    tcase_add_loop_test(t, a_file_loses_one_newline, 0, 7);
    tcase_add_test(t, a_file_that_everybody_may_read_is_refused);
    tcase_add_test(t, what_is_no_text_file_is_refused);
    tcase_add_loop_test(t, placeholders_of_another_form_are_errors, 0, 8);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
