/* SPDX-License-Identifier: MIT
 *
 * test_url.c: database URLs, as SQLAlchemy reads them, and their masked form.
 */
#include "conf/url.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct wanted {
    const char *url;
    enum conf_scheme scheme;
    const char *user, *password, *host;
    uint16_t port;
    const char *database, *masked; /* masked NULL: as url */
};

static const struct wanted good[] = {
    {"postgresql://app:pw@db1:5433/shop", SCHEME_POSTGRESQL, "app", "pw", "db1", 5433, "shop",
     "postgresql://app:***@db1:5433/shop"},
    {"postgres://db1/shop", SCHEME_POSTGRESQL, "", "", "db1", 5432, "shop", NULL},
    {"postgresql+psycopg2://app@db1/shop", SCHEME_POSTGRESQL, "app", "", "db1", 5432, "shop",
     NULL},
    {"POSTGRESQL+asyncpg://h/d", SCHEME_POSTGRESQL, "", "", "h", 5432, "d", NULL},
    {"mysql://u:p@h/d", SCHEME_MARIADB, "u", "p", "h", 3306, "d", "mysql://u:***@h/d"},
    {"mariadb+pymysql://h", SCHEME_MARIADB, "", "", "h", 3306, "", NULL},
    {"postgresql://u:p%40%3A%2F%3f%23%25@h/d", SCHEME_POSTGRESQL, "u", "p@:/?#%", "h", 5432,
     "d", "postgresql://u:***@h/d"},
    {"postgresql://u%20x:p+q@h/d%C3%A9", SCHEME_POSTGRESQL, "u x", "p+q", "h", 5432, "dé",
     "postgresql://u%20x:***@h/d%C3%A9"},
    {"postgresql://u:a:b/c@h/d", SCHEME_POSTGRESQL, "u", "a:b/c", "h", 5432, "d",
     "postgresql://u:***@h/d"},
    {"postgresql://u:@h/d", SCHEME_POSTGRESQL, "u", "", "h", 5432, "d",
     "postgresql://u:***@h/d"},
    {"postgresql://[::1]:5444/d", SCHEME_POSTGRESQL, "", "", "::1", 5444, "d", NULL},
    {"postgresql://u:p@[fe80::1%25eth0]/d", SCHEME_POSTGRESQL, "u", "p", "fe80::1%eth0", 5432,
     "d", "postgresql://u:***@[fe80::1%25eth0]/d"},
    {"postgresql://%2Frun%2Fpg/d", SCHEME_POSTGRESQL, "", "", "/run/pg", 5432, "d", NULL},
    {"postgresql:///d?host=/run/pg&port=5555", SCHEME_POSTGRESQL, "", "", "/run/pg", 5555, "d",
     NULL},
    {"postgresql://h/my@db", SCHEME_POSTGRESQL, "", "", "h", 5432, "my@db", NULL},
    {"postgresql://h", SCHEME_POSTGRESQL, "", "", "h", 5432, "", NULL},
    {"postgresql://", SCHEME_POSTGRESQL, "", "", "", 5432, "", NULL},
    {"sqlite://", SCHEME_SQLITE, "", "", "", 0, "", NULL},
    {"sqlite:///:memory:", SCHEME_SQLITE, "", "", "", 0, "", NULL},
    {"sqlite:///rel/a%20b.db", SCHEME_SQLITE, "", "", "", 0, "rel/a b.db", NULL},
    {"sqlite:////abs/x@y:z.db", SCHEME_SQLITE, "", "", "", 0, "/abs/x@y:z.db", NULL},
    {"sqlite+pysqlite:///C:/path", SCHEME_SQLITE, "", "", "", 0, "C:/path", NULL},
    {"${env:TRIBIKOS_URL}", SCHEME_MARIADB, "who", "${x", "h", 99, "d",
     "mysql://who:***@h:99/d"},
    {"postgresql://${env:TRIBIKOS_USER}:${env:TRIBIKOS_PW}@h/d", SCHEME_POSTGRESQL, "a@b:c/d?e",
     "%41@:/?#&", "h", 5432, "d", "postgresql://${env:TRIBIKOS_USER}:***@h/d"},
    {"postgresql://x${env:TRIBIKOS_PW}@h/d", SCHEME_POSTGRESQL, "x%41@:/?#&", "", "h", 5432,
     "d", "postgresql://x${env:TRIBIKOS_PW}@h/d"},
    {"postgresql://u:a${env:TRIBIKOS_PW}b%42@h/d", SCHEME_POSTGRESQL, "u", "a%41@:/?#&bB", "h",
     5432, "d", "postgresql://u:***@h/d"},
    {"postgresql://u:$${no@h/d", SCHEME_POSTGRESQL, "u", "${no", "h", 5432, "d",
     "postgresql://u:***@h/d"},
};

static void set_environment(void)
{
    setenv("TRIBIKOS_URL", "mysql://who:${x@h:99/d", 1);
    setenv("TRIBIKOS_USER", "a@b:c/d?e", 1);
    setenv("TRIBIKOS_PW", "%41@:/?#&", 1);
}

START_TEST(urls_are_taken_apart)
{
    const struct wanted *w = &good[_i];
    struct arena a;
    struct conf_url u;
    struct fail f;
    set_environment();
    arena_init(&a, 0);
    fail_init(&f);
    enum err e = conf_url_parse(str_of(w->url), &a, &u, &f);
    ck_assert_msg(e == ERR_OK, "%s: %s", w->url, f.message);
    ck_assert_int_eq(u.scheme, w->scheme);
    ck_assert_str_eq(u.user.ptr, w->user);
    ck_assert_str_eq(u.password.ptr, w->password);
    ck_assert_str_eq(u.host.ptr, w->host);
    ck_assert_uint_eq(u.port, w->port);
    ck_assert_str_eq(u.database.ptr, w->database);
    ck_assert_str_eq(u.masked.ptr, w->masked != NULL ? w->masked : w->url);
    arena_fini(&a);
}
END_TEST

START_TEST(options_are_decoded_and_secret_ones_masked)
{
    struct arena a;
    struct conf_url u;
    arena_init(&a, 0);
    enum err e = conf_url_parse(STR("postgresql://h/d?driver=ODBC+Driver+17&sslmode=verify-full"
                                    "&sslPassword=zz%26z&e=&x=a@b=c"),
                                &a, &u, NULL);
    ck_assert_int_eq(e, ERR_OK);
    ck_assert_uint_eq(u.option_count, 5);
    ck_assert(str_is(u.options[0].name, "driver"));
    ck_assert(str_is(u.options[0].value, "ODBC Driver 17"));
    ck_assert(str_is(u.options[2].value, "zz&z"));
    ck_assert(str_is(u.options[3].value, ""));
    ck_assert(str_is(u.options[4].value, "a@b=c"));
    ck_assert_ptr_null(strstr(u.masked.ptr, "zz"));
    ck_assert_ptr_nonnull(strstr(u.masked.ptr, "&sslPassword=***&e=&x=a@b=c"));
    arena_fini(&a);
}
END_TEST

START_TEST(bad_urls_name_the_part_and_show_no_secret)
{
    static const struct {
        const char *url, *message;
        enum err code;
    } cases[] = {
        {"", "scheme: a URL begins with", ERR_BAD_VALUE},
        {"shop", "scheme: a URL begins with", ERR_BAD_VALUE},
        {"postgresql:/h/d", "scheme: a URL begins with", ERR_BAD_VALUE},
        {"://h/d", "scheme: a URL begins with", ERR_BAD_VALUE},
        {"postgre://u:hunter2@h/d", "scheme: unknown; did you mean postgres", ERR_BAD_VALUE},
        {"sqlit:///x", "scheme: unknown; did you mean sqlite?", ERR_BAD_VALUE},
        {"http://u:hunter2@h/d", "scheme: unknown; it must be", ERR_BAD_VALUE},
        {"oracle+cx_oracle://u:hunter2@h/d", "scheme: there is no backend for oracle",
         ERR_UNSUPPORTED_FEATURE},
        {"mssql+pyodbc://u:hunter2@h/d?driver=x", "scheme: there is no backend for mssql",
         ERR_UNSUPPORTED_FEATURE},
        {"postgresql://u:hunter2@h:x/d", "port: must be a number", ERR_BAD_VALUE},
        {"postgresql://u:hunter2@h:0/d", "port: must be a number", ERR_BAD_VALUE},
        {"postgresql://u:hunter2@h:65536/d", "port: must be a number", ERR_BAD_VALUE},
        {"postgresql://u:hunter2?x@h/d", "port: must be a number", ERR_BAD_VALUE},
        {"postgresql://u:hunter2%zz@h/d", "password: % must be followed", ERR_BAD_VALUE},
        {"postgresql://u:hunter2%4@h/d", "password: % must be followed", ERR_BAD_VALUE},
        {"postgresql://u%00:hunter2@h/d", "user: % must be followed", ERR_BAD_VALUE},
        {"postgresql://u:hunter2%ff@h/d", "password: the decoded text is not UTF-8",
         ERR_BAD_VALUE},
        {"postgresql://u:hunter2@[::1/d", "host: an IPv6 address", ERR_BAD_VALUE},
        {"postgresql://[::1]x/d", "host: an IPv6 address", ERR_BAD_VALUE},
        {"postgresql://::1/d", "port: must be a number", ERR_BAD_VALUE},
        {"postgresql://h/d?x", "options: options are written", ERR_BAD_VALUE},
        {"postgresql://h/d?=x", "options: options are written", ERR_BAD_VALUE},
        {"postgresql://h/d?a=1&a=2", "options: the option a is given twice", ERR_BAD_VALUE},
        {"sqlite://data.db", "host: a SQLite URL has three slashes", ERR_BAD_VALUE},
        {"postgresql://u:hun\nter2@h/d", "a URL must not hold control characters",
         ERR_BAD_VALUE},
        {"postgresql://u:${env:TRIBIKOS_UNSET}@h/d", "password: the environment variable",
         ERR_BAD_VALUE},
        {"postgresql://u:${nonsense}@h/d", "${…} must be", ERR_BAD_VALUE},
        {"${env:TRIBIKOS_UNSET}", "the environment variable TRIBIKOS_UNSET", ERR_BAD_VALUE},
    };
    struct arena a;
    struct conf_url u;
    struct fail f;
    arena_init(&a, 0);
    fail_init(&f);
    unsetenv("TRIBIKOS_UNSET");
    ck_assert_int_eq(conf_url_parse(str_of(cases[_i].url), &a, &u, &f), cases[_i].code);
    ck_assert_msg(strncmp(f.message, cases[_i].message, strlen(cases[_i].message)) == 0,
                  "%s: %s", cases[_i].url, f.message);
    ck_assert_ptr_null(strstr(f.message, "hunter2"));
    ck_assert_uint_eq(u.masked.len, 0);
    arena_fini(&a);
}
END_TEST

START_TEST(every_prefix_of_a_url_is_survived)
{
    static const char url[] =
        "postgresql+x://u%41:p${env:TRIBIKOS_PW}$${q@[::1]:5432/d%20b?a=b+c&password=%41";
    struct arena a;
    struct conf_url u;
    set_environment();
    arena_init(&a, 0);
    for (size_t n = 0; n < sizeof url; n++) {
        char *cut = malloc(n + 1);
        ck_assert_ptr_nonnull(cut);
        memcpy(cut, url, n);
        struct fail f;
        fail_init(&f);
        enum err e = conf_url_parse((struct str){cut, n}, &a, &u, &f);
        ck_assert(e == ERR_OK || f.message[0] != '\0');
        free(cut);
    }
    arena_fini(&a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("url");
    TCase *t = tcase_create("urls");
    tcase_add_loop_test(t, urls_are_taken_apart, 0, (int)(sizeof good / sizeof good[0]));
    tcase_add_test(t, options_are_decoded_and_secret_ones_masked);
    tcase_add_loop_test(t, bad_urls_name_the_part_and_show_no_secret, 0, 28);
    tcase_add_test(t, every_prefix_of_a_url_is_survived);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
