/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_sql_text.c: the SQL of every golden request, for all three
 * databases: one statement, no literal or name but the compiler's own and the
 * catalog's, and PostgreSQL's own parser takes it (where libpg-query is there).
 */
#include "compiler/dialect.h"
#include "rig.h"
#include "tests/fuzz/sql_check.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_file(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, name);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    char *text = calloc(1, 1 << 20);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, f), 0);
    fclose(f);
    return text;
}

/* The member `request` of a golden file. */
static char *request_of(char *text)
{
    struct arena a;
    struct json *root;
    arena_init(&a, 0);
    ck_assert_int_eq(json_parse(&a, str_of(text), 64, &root, NULL), ERR_OK);
    struct str source = json_source(json_get(root, "request"), str_of(text));
    char *request = strndup(source.ptr, source.len);
    arena_fini(&a);
    ck_assert_ptr_nonnull(request);
    return request;
}

static void check_plan(struct sql_check *c, const char *name, const struct plan *p,
                       const char *request)
{
    c->request = str_of(request);
    for (uint32_t i = 0; i < p->step_count; i++) {
        struct buf why;
        buf_init(&why);
        bool fine = sql_check(c, p, p->steps[i].stmt.sql, &why);
        buf_char(&why, '\0');
        ck_assert_msg(fine, "%s, %s: %s\n%s", name, p->dialect->words.name, why.ptr,
                      p->steps[i].stmt.sql.ptr);
        buf_fini(&why);
    }
}

START_TEST(golden_sql_has_nothing_of_its_request)
{
    struct rig rig;
    struct sql_check check;
    uint32_t seen = 0;
    ck_assert(sql_check_init(&check));
    DIR *dir = opendir(GOLDEN_DIR);
    ck_assert_ptr_nonnull(dir);
    rig_init(&rig, 1 << 20);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (strstr(e->d_name, ".json") == NULL) {
            continue;
        }
        char *text = read_file(e->d_name), *request = request_of(text);
        for (unsigned d = 0; d < RIG_DIALECTS; d++) {
            if (rig_bind(&rig, d, request) == ERR_OK) {
                check_plan(&check, e->d_name, rig.bound.plan, request);
                seen++;
            }
        }
        free(request);
        free(text);
    }
    rig_fini(&rig);
    sql_check_fini(&check);
    closedir(dir);
    ck_assert_uint_gt(seen, 250);
}
END_TEST

START_TEST(what_does_not_belong_there_is_found)
{
    static const char *const bad[] = {
        "SELECT '~x~y'",      "SELECT ~1~~7",       "SELECT 1.~7~",
        "SELECT \"nobody~\"", "SELECT 1; SELECT 2", "SELECT 1 -- x",
        "SELECT :a",          "SELECT 1 /* x */",   "SELECT 'x",
#ifdef HAVE_PG_QUERY
        "SELECT FROM WHERE",
#endif
    };
    struct rig rig;
    struct sql_check check;
    ck_assert(sql_check_init(&check));
    check.request = STR("{}");
    rig_init(&rig, 1 << 20);
    ck_assert_int_eq(rig_bind(&rig, 0, "{\"query\":{\"select\":[1]}}"), ERR_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf why;
        char sql[64]; /* what stands in the program is taken for the compiler's */
        buf_init(&why);
        strcpy(sql, bad[i]);
        for (char *at = sql; (at = strchr(at, '~')) != NULL;) {
            *at = '3';
        }
        ck_assert_msg(!sql_check(&check, rig.bound.plan, str_of(sql), &why), "%s", sql);
        buf_fini(&why);
    }
    sql_check_fini(&check);
    rig_fini(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sql text");
    TCase *tc = tcase_create("own");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, golden_sql_has_nothing_of_its_request);
    tcase_add_test(tc, what_does_not_belong_there_is_found);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
