/* SPDX-License-Identifier: MIT
 *
 * test_keys.c: the schema table agrees with itself, and finds what was meant.
 */
#include "conf/keys.h"

#include <check.h>
#include <string.h>

#define NO_PREFIX ((struct str){"", 0})

START_TEST(every_key_says_what_it_is)
{
    for (const struct key *k = conf_keys; k->path != NULL; k++) {
        if (k->type == KEY_LATER) {
            continue;
        }
        ck_assert_msg(k->help != NULL && strlen(k->help) > 10, "%s has no help", k->path);
        bool shown = k->def != NULL || k->example != NULL || k->type == KEY_SECTION ||
                     k->type == KEY_DATABASES;
        ck_assert_msg(shown, "%s has neither default nor example", k->path);
        bool number = k->type == KEY_COUNT || k->type == KEY_SIZE || k->type == KEY_DURATION ||
                      k->type == KEY_DURATION_OFF;
        ck_assert_msg(!number || k->max > k->min, "%s has no range", k->path);
        bool word = k->type == KEY_WORD || k->type == KEY_POOL_CLASS;
        ck_assert_msg(word == (k->words != NULL), "%s: words", k->path);
    }
}
END_TEST

START_TEST(no_key_stands_twice_and_every_section_is_there)
{
    for (const struct key *k = conf_keys; k->path != NULL; k++) {
        for (const struct key *o = conf_keys; o < k; o++) {
            ck_assert_msg(o->scope != k->scope || strcmp(o->path, k->path) != 0, "%s twice",
                          k->path);
        }
        const char *dot = strchr(k->path, '.');
        if (dot != NULL) {
            struct str section = {k->path, (size_t)(dot - k->path)};
            const struct key *s = key_find(k->scope, NO_PREFIX, section);
            ck_assert_msg(s != NULL && s->type == KEY_SECTION, "%s has no section", k->path);
        }
    }
}
END_TEST

START_TEST(keys_are_found_in_their_scope_alone)
{
    const struct key *size = key_find(SCOPE_DATABASE, STR("pool."), STR("size"));
    ck_assert_ptr_nonnull(size);
    ck_assert_str_eq(size->path, "pool.size");
    ck_assert_ptr_null(key_find(SCOPE_CONF, STR("pool."), STR("size")));
    ck_assert_ptr_null(key_find(SCOPE_DATABASE, NO_PREFIX, STR("size")));
    ck_assert_ptr_null(key_find(SCOPE_DATABASE, STR("pool."), STR("")));
    ck_assert_ptr_null(
        key_find(SCOPE_CONF, STR("a-prefix-longer-than-any-key-there-is."), STR("x")));
}
END_TEST

START_TEST(the_nearest_key_is_named)
{
    static const struct {
        enum key_scope scope;
        const char *prefix, *name, *near;
    } cases[] = {
        {SCOPE_CONF, "", "wrokers", "workers"},
        {SCOPE_CONF, "", "database", "databases"},
        {SCOPE_CONF, "limits.", "fraem", "limits.frame"},
        {SCOPE_DATABASE, "pool.", "pre-ping", "pool.pre_ping"},
        {SCOPE_DATABASE, "", "pool_size", "pool.size"},
        {SCOPE_DATABASE, "", "pool_recycle", "pool.recycle"},
        {SCOPE_CONF, "", "quux", NULL},
        {SCOPE_CONF, "", "", NULL},
        {SCOPE_CONF, "", "querie", NULL}, /* never one of a later version */
    };
    const struct key *near =
        key_nearest(cases[_i].scope, str_of(cases[_i].prefix), str_of(cases[_i].name));
    if (cases[_i].near == NULL) {
        ck_assert_ptr_null(near);
    } else {
        ck_assert_ptr_nonnull(near);
        ck_assert_str_eq(near->path, cases[_i].near);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("keys");
    TCase *t = tcase_create("table");
    tcase_add_test(t, every_key_says_what_it_is);
    tcase_add_test(t, no_key_stands_twice_and_every_section_is_there);
    tcase_add_test(t, keys_are_found_in_their_scope_alone);
    tcase_add_loop_test(t, the_nearest_key_is_named, 0, 9);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
