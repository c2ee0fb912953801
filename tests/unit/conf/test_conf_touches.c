/* SPDX-License-Identifier: MIT
 *
 * test_conf_touches.c: what functions, views and triggers touch, and which databases share
 * their data.
 */
#include "conf_rig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WITH(touches) "databases: {main: {url: 'sqlite:///a.db', touches: " touches "}}\n"

START_TEST(names_and_their_tables_are_read)
{
    struct conf *c = rig_must_parse(WITH("{f: [a, s.b], v: [], 's.t': [c]}"));
    const struct conf_database *d = &c->databases[0];
    ck_assert_uint_eq(d->touch_count, 3);
    ck_assert(str_is(d->touches[0].name, "f") && d->touches[0].table_count == 2);
    ck_assert(str_is(d->touches[0].tables[0], "a") && str_is(d->touches[0].tables[1], "s.b"));
    ck_assert_uint_eq(d->touches[1].table_count, 0);
    ck_assert(str_is(d->touches[2].name, "s.t") && str_is(d->touches[2].tables[0], "c"));
    conf_free(c);
    c = rig_must_parse("databases: {main: {url: 'sqlite:///a.db'}}\n");
    ck_assert_uint_eq(c->databases[0].touch_count, 0);
    conf_free(c);
}
END_TEST

START_TEST(what_is_no_map_of_lists_is_refused)
{
    static const char *const bad[] = {
        WITH("[a]"),       WITH("a"),           WITH("{f: a}"),     WITH("{f: [1]}"),
        WITH("{f: ['']}"), WITH("{f: {a: b}}"), WITH("{f: [[a]]}"), WITH("{f: }"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct conf *c;
        char *errors = rig_parse(bad[i], &c);
        ck_assert_msg(c == NULL && strstr(errors, "touches") != NULL, "%s: %s", bad[i], errors);
        free(errors);
    }
}
END_TEST

static bool same_digest(const char *a, const char *b)
{
    struct conf *one = rig_must_parse(a), *two = rig_must_parse(b);
    bool same = str_eq(one->databases[0].digest, two->databases[0].digest);
    conf_free(one);
    conf_free(two);
    return same;
}

START_TEST(another_word_makes_another_database)
{
    ck_assert(same_digest(WITH("{f: [a]}"), WITH("{f: [a]}")));
    ck_assert(!same_digest(WITH("{f: [a]}"), WITH("{f: [b]}")));
    ck_assert(!same_digest(WITH("{f: [a]}"), WITH("{g: [a]}")));
    ck_assert(!same_digest(WITH("{f: [a, b]}"), WITH("{f: [a], b: []}")));
}
END_TEST

static const struct {
    const char *first, *second;
    bool same;
} places[] = {
    {"postgresql://a@h/d", "postgresql://b:p@h/d", true},
    {"postgresql://a@h/d", "postgresql://a@h:5432/d", true},
    {"postgresql://a@h/d", "postgresql://a@h:5433/d", false},
    {"postgresql://a@h/d", "postgresql://a@h/e", false},
    {"postgresql://a@h/d", "postgresql://a@i/d", false},
    {"postgresql://a@h/d", "mariadb://a@h:5432/d", false},
    {"mariadb://a@h/d", "mariadb://b@h:3306/e", true},
    {"mariadb://a@h/d", "mariadb://a@i/d", false},
    {"sqlite:///a.db", "sqlite:///a.db", true},
    {"sqlite:///a.db", "sqlite:///b.db", false},
    {"sqlite://", "sqlite://", false},
};

START_TEST(databases_with_the_same_data_have_one_place)
{
    char text[512];
    snprintf(text, sizeof text, "databases: {main: {url: '%s'}, two: {url: '%s'}}\n",
             places[_i].first, places[_i].second);
    struct conf *c = rig_must_parse(text);
    ck_assert(str_is(c->databases[0].place, "main"));
    ck_assert_msg(str_is(c->databases[1].place, places[_i].same ? "main" : "two"), "%s", text);
    conf_free(c);
}
END_TEST

START_TEST(every_failing_allocation_is_an_error)
{
    rig_fail_each_allocation(STR(WITH("{f: [a, b], g: []}")));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("conf_touches");
    TCase *t = tcase_create("touches");
    tcase_add_test(t, names_and_their_tables_are_read);
    tcase_add_test(t, what_is_no_map_of_lists_is_refused);
    tcase_add_test(t, another_word_makes_another_database);
    tcase_add_loop_test(t, databases_with_the_same_data_have_one_place, 0,
                        (int)(sizeof places / sizeof places[0]));
    tcase_add_test(t, every_failing_allocation_is_an_error);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
