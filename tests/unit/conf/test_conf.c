/* SPDX-License-Identifier: MIT
 *
 * test_conf.c: whole conf files: values, defaults, faults, includes, reloads.
 */
#include "conf_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MINIMAL "databases: {main: {url: 'sqlite:///a.db'}}\n"

START_TEST(the_smallest_conf_has_the_documented_defaults)
{
    struct conf *c = rig_must_parse(MINIMAL);
    ck_assert_uint_eq(c->listen_count, 1);
    ck_assert(str_is(c->listen[0].tcp_host, "127.0.0.1"));
    ck_assert_uint_eq(c->listen[0].tcp_port, 7432);
    ck_assert_uint_eq(c->listen[0].unix_path.len, 0);
    ck_assert(c->http_on);
    ck_assert_uint_eq(c->http_port, 7433);
    ck_assert_int_eq(c->workers, 0);
    ck_assert_uint_eq(c->limits.frame_bytes, 16 << 20);
    ck_assert_uint_eq(c->limits.login_frame_bytes, 8 << 10);
    ck_assert_int_eq(c->limits.depth, 32);
    ck_assert_int_eq(c->limits.params, 1000);
    ck_assert_int_eq(c->limits.rows, 10000);
    ck_assert_uint_eq(c->limits.reply_bytes, 16 << 20);
    ck_assert_int_eq(c->limits.clients, 10000);
    ck_assert_uint_eq(c->limits.output_buffer_bytes, 1 << 20);
    ck_assert_uint_eq(c->limits.memory_bytes, 1 << 30);
    ck_assert_int_eq(c->log_level[LOG_SQL], LOG_INFO);
    ck_assert_uint_eq(c->log_file.len, 0);
    ck_assert(str_is(c->default_database, "main"));
    const struct conf_pool *p = &c->databases[0].pool;
    ck_assert_int_eq(p->size, 5);
    ck_assert_int_eq(p->max_overflow, 10);
    ck_assert_uint_eq(p->timeout_ms, 30000);
    ck_assert_uint_eq(p->recycle_ms, 0);
    ck_assert_uint_eq(p->max_lifetime_ms, 3600000);
    ck_assert_uint_eq(p->statement_timeout_ms, 30000);
    ck_assert(!p->pre_ping);
    ck_assert(!p->kind_set);
    ck_assert_int_eq(p->kind, CONF_POOL_QUEUE);
    ck_assert(c->databases[0].text);
    ck_assert_uint_eq(c->databases[0].slow_ms, 200);
    conf_free(c);
}
END_TEST

START_TEST(every_kind_of_value_is_read)
{
    setenv("TRIBIKOS_SIZE", "7", 1);
    struct conf *c = rig_must_parse(
        "listen:\n  - {unix: /tmp/s, mode: \"0660\"}\n  - tcp: \"[::1]:99\"\n"
        "http: off\nworkers: 3\nlog: {sql: debug, level: warn, format: json, file: x.log}\n"
        "limits: {frame: 1MiB, depth: 8}\ndefault_database: two\n"
        "databases:\n"
        "  one:\n    url: 'sqlite://'\n    pool: {size: '${env:TRIBIKOS_SIZE}', recycle: 1h,"
        " pre_ping: true, class: static, max_overflow: -1}\n    text: false\n    slow: off\n"
        "    functions: [a, b]\n    on_connect: ['set x', '${env:TRIBIKOS_SIZE}']\n"
        "  two: {url: 'mysql://u@h/d'}\n");
    ck_assert(str_is(c->listen[0].unix_path, "/tmp/s"));
    ck_assert_uint_eq(c->listen[0].unix_mode, 0660);
    ck_assert_uint_eq(c->listen[0].tcp_host.len, 0);
    ck_assert(str_is(c->listen[1].tcp_host, "::1"));
    ck_assert(!c->http_on);
    ck_assert_int_eq(c->workers, 3);
    ck_assert_int_eq(c->log_level[LOG_SQL], LOG_DEBUG); /* though `level` comes after it */
    ck_assert_int_eq(c->log_level[LOG_POOL], LOG_WARN);
    ck_assert_int_eq(c->log_format, LOG_JSON);
    ck_assert(str_is(c->log_file, "x.log"));
    ck_assert(str_is(c->default_database, "two"));
    const struct conf_database *d = &c->databases[0];
    ck_assert_int_eq(d->pool.size, 7);
    ck_assert_int_eq(d->pool.max_overflow, -1);
    ck_assert_uint_eq(d->pool.recycle_ms, 3600000);
    ck_assert(d->pool.pre_ping);
    ck_assert(d->pool.kind_set);
    ck_assert_int_eq(d->pool.kind, CONF_POOL_STATIC);
    ck_assert(!d->text);
    ck_assert_uint_eq(d->slow_ms, 0);
    ck_assert_uint_eq(d->function_count, 2);
    ck_assert(str_is(d->functions[1], "b"));
    ck_assert(str_is(d->on_connect[1], "7"));
    ck_assert_int_eq(c->databases[1].url.scheme, SCHEME_MARIADB);
    conf_free(c);
}
END_TEST

/* Each text is put behind MINIMAL, which is line 1. */
START_TEST(faults_are_told_with_their_place)
{
    static const struct {
        const char *text, *errors;
    } cases[] = {
        {"wrokers: 3\n", "f:2:1: unknown key `wrokers`; did you mean `workers`?\n"},
        {"zzz: 3\n", "f:2:1: unknown key `zzz`\n"},
        {"workers: 0\n", "f:2:10: `workers` must be from 1 to 256\n"},
        {"workers: many\n", "f:2:10: `workers` must be a whole number or auto\n"},
        {"workers: [1]\n", "f:2:10: `workers` must be a whole number or auto, not a list\n"},
        {"workers:\n", "f:2:9: `workers` must be a whole number or auto, not nothing\n"},
        {"workers: 1\nworkers: 2\n", "f:3:1: `workers` is given twice, first in line 2\n"},
        {"limits: {frame: 16MB}\n",
         "f:2:17: `limits.frame` must be a size with its unit (B, KiB, "
         "MiB, GiB, TiB), such as 64KiB\n"},
        {"limits: {frame: 1B}\n",
         "f:2:17: `limits.frame` must be from 1024 to 1073741824 bytes\n"},
        {"limits: 5\n", "f:2:9: `limits` must be a map, not a number\n"},
        {"limits: {depth: '5'}\n",
         "f:2:17: `limits.depth` must be a whole number, not a text\n"},
        {"limits: {depth: 5.5}\n",
         "f:2:17: `limits.depth` must be a whole number, not a number with a fraction\n"},
        {"limits: {login_frame: 1MiB, frame: 1KiB}\n",
         "f:2:23: `limits.login_frame` is more than `limits.frame`\n"},
        {"limits: {drain: 5}\n",
         "f:2:17: `limits.drain` must be a duration with its unit (ms, s, "
         "m, h, d), such as 500ms, not a number\n"},
        {"log: {format: jsno}\n",
         "f:2:15: `log.format` must be one of text, json; did you mean `json`?\n"},
        {"log: {sql: loud}\n",
         "f:2:12: `log.sql` must be a level: debug, info, warn, error or off\n"},
        {"log: {fromat: json}\n",
         "f:2:7: unknown key `log.fromat`; did you mean `log.format`?\n"},
        {"default_database: mian\n",
         "f:2:19: `default_database` names no database; did you mean `main`?\n"},
        {"default_database: 5\n",
         "f:2:19: `default_database` must be a text, not a number; put it "
         "in quotes\n"},
        {"listen: []\n",
         "f:2:9: `listen` must be a list of addresses: - tcp: 127.0.0.1:7432, not "
         "a list\n"},
        {"listen: [{}]\n", "f:2:10: an item of `listen` has either `tcp` or `unix`\n"},
        {"listen: [{tcp: '127.0.0.1:1', unix: /x}]\n",
         "f:2:10: an item of `listen` has either `tcp` or `unix`\n"},
        {"listen: [{tcp: '127.0.0.1:1', mode: '0600'}]\n",
         "f:2:31: `mode` belongs to a `unix` socket\n"},
        {"listen: [{tcp: '127.0.0.1:1'}, {tcp: '127.0.0.1:1'}]\n",
         "f:2:32: the same address is given twice in `listen`\n"},
        {"listen: [{tcp: '0.0.0.0:1'}]\n", "f:2:10: 0.0.0.0 is beyond loopback, and nobody has "
                                           "to log in yet; to listen there all "
                                           "the same, write `listen_unprotected: true`\n"},
        {"http: '[::]:80'\n",
         "f:2:7: :: is beyond loopback, and nobody has to log in yet; to listen there all the "
         "same, write `listen_unprotected: true`\n"},
        {"roles: {}\n", "f:2:1: `roles` is not part of this version yet\n"},
        {"queries: {}\nmodels: []\n", "f:2:1: `queries` is not part of this version yet\n"
                                      "f:3:1: `models` is not part of this version yet\n"},
        {"log: {file: '${env:TRIBIKOS_UNSET}'}\n",
         "f:2:13: the environment variable TRIBIKOS_UNSET is not set\n"},
        {"include: none.yaml\n", "f:2:10: there is no file none.yaml\n"},
    };
    char text[1024];
    snprintf(text, sizeof text, "%s%s", MINIMAL, cases[_i].text);
    unsetenv("TRIBIKOS_UNSET");
    struct conf *c;
    char *errors = rig_parse(text, &c);
    ck_assert_ptr_null(c);
    ck_assert_str_eq(errors, cases[_i].errors);
    free(errors);
}
END_TEST

START_TEST(faults_of_databases_are_told_with_their_name)
{
    static const struct {
        const char *text, *errors;
    } cases[] = {
        {"", "f: `databases` must hold at least one database\n"},
        {"databases: {}\n", "f:1:12: `databases` must hold at least one database\n"},
        {"databases: 5\n",
         "f:1:12: `databases` must be a map of names to databases, not a number\n"},
        {"databases: {a: {}}\n", "f:1:13: `databases.a.url` is missing\n"},
        {"databases: {a: x}\n", "f:1:16: `databases.a` must be a map with a `url`\n"},
        {"databases: {9a: {url: 'sqlite://'}}\n",
         "f:1:13: the name of a database has letters, digits, _ and -, and at most 63\n"},
        {"databases: {a: {url: 'sqlite://'}, b: {url: 'sqlite://'}}\n",
         "f:1:12: there are several databases and none is called `main`: say which one is "
         "meant "
         "without a name, with `default_database`\n"},
        {"databases: {a: {url: 'oracle://h/d'}}\n",
         "f:1:22: `databases.a.url`: scheme: there is no backend for oracle in this build; it "
         "has "
         "postgresql, mariadb and sqlite\n"},
        {"databases: {a: {url: 'sqlite://', pool_size: 3}}\n",
         "f:1:35: unknown key `databases.a.pool_size`; did you mean "
         "`databases.a.pool.size`?\n"},
        {"databases: {a: {url: 'sqlite://', pool: {class: que}}}\n",
         "f:1:49: `databases.a.pool.class` must be one of queue, null, static; did you mean "
         "`queue`?\n"},
        {"databases: {a: {url: 'sqlite://', pool: {min_idle: 16}}}\n",
         "f:1:41: `databases.a.pool.min_idle` is more than size and max_overflow allow\n"},
        {"databases: {a: {url: 'sqlite:///a', replicas: [{url: 'sqlite:///b'}]}}\n",
         "f:1:47: a SQLite database is a file and has no replicas\n"},
        {"databases: {a: {url: 'mariadb://h/d', replicas: [{url: 'postgresql://h/d'}]}}\n",
         "f:1:49: a replica is of another kind than the database's `url`\n"},
        {"databases: {a: {url: 'mariadb://h/d', replicas: [{url: 'mariadb://h/d'}]}}\n",
         "f:1:49: the same server is given twice\n"},
        {"databases: {a: {url: 'mariadb://h/d', replicas: [{url: 'mariadb://g/d'}], lag: "
         "1s}}\n",
         "f:1:49: `lag` is measured in steps of `check`: it must be at least twice that\n"},
        {"databases: {a: {url: 'mariadb://h/d', role: primary, replicas: [{url: "
         "'mariadb://g/d', role: primary}]}}\n",
         "f:1:64: only one server of a database has the role primary\n"},
        {"databases: {a: {url: 'mariadb://h/d', replicas: [{weight: 2}]}}\n",
         "f:1:50: an item of `databases.a.replicas` is a map with a `url`\n"},
        {"databases: {a: {url: 'mariadb://h/d', replicas: [{url: 'mariadb://g/d', weight: "
         "0}]}}\n",
         "f:1:82: `databases.a.replicas.weight` must be from 1 to 1000\n"},
        {"databases: {a: {url: 'mariadb://h/d', replicas: {url: 'mariadb://g/d'}}}\n",
         "f:1:49: `databases.a.replicas` must be a list of servers: - url: "
         "postgresql://user@host/name, not a map\n"},
        {"databases: {a: {shards: {}}}\n", "f:1:17: `databases.a.shards` is not part of this "
                                           "version yet\n"},
        {"databases: {a: {url: 'sqlite://', pool: {fusion: on}}}\n",
         "f:1:50: `databases.a.pool.fusion` must be one of auto, off; did you mean `off`?\n"},
        {"databases: {a: {url: 'sqlite://', functions: [1]}}\n",
         "f:1:47: `databases.a.functions` must be a list of texts, not a number\n"},
        {"databases: {a: {url: 'sqlite://'}, a: {url: 'sqlite://'}}\n",
         "f:1:36: `a` is given twice, first in line 1\n"},
        {"- a\n", "f:1:1: a conf file is a map of keys, not a list\n"},
    };
    struct conf *c;
    char *errors = rig_parse(cases[_i].text, &c);
    ck_assert_ptr_null(c);
    ck_assert_str_eq(errors, cases[_i].errors);
    free(errors);
}
END_TEST

START_TEST(no_fault_shows_a_password)
{
    setenv("TRIBIKOS_PW", "hunter2", 1);
    static const char *const texts[] = {
        "databases: {a: {url: 'postgresql://u:hunter2@h:x/d'}}",
        "databases: {a: {url: 'postgresql://u:${env:TRIBIKOS_PW}@h:x/d'}}",
        "databases: {a: {url: '${env:TRIBIKOS_PW}'}}",
        "databases: {a: {url: 'sqlite://', pool: {class: '${env:TRIBIKOS_PW}'}}}",
        "databases: {a: {url: 'sqlite://', pool: {size: '${env:TRIBIKOS_PW}'}}}",
        "databases: {a: {url: 'sqlite://', slow: '${env:TRIBIKOS_PW}'}}",
        "default_database: '${env:TRIBIKOS_PW}'\ndatabases: {a: {url: 'sqlite://'}}",
        "listen: [{tcp: '${env:TRIBIKOS_PW}'}]",
    };
    struct conf *c;
    char *errors = rig_parse(texts[_i], &c);
    ck_assert_ptr_null(c);
    ck_assert_ptr_nonnull(strstr(errors, "f:1:"));
    ck_assert_ptr_null(strstr(errors, "hunter2"));
    free(errors);
}
END_TEST

START_TEST(equal_settings_have_equal_digests_and_others_not)
{
    static const char *const others[] = {
        "{url: 'postgresql://u:q@h/d'}",
        "{url: 'postgresql://u:p@h/d?a=b'}",
        "{url: 'mysql://u:p@h:5432/d'}",
        "{url: 'postgresql://u:p@h/d', text: false}",
        "{url: 'postgresql://u:p@h/d', slow: 1s}",
        "{url: 'postgresql://u:p@h/d', pool: {size: 6}}",
        "{url: 'postgresql://u:p@h/d', pool: {pre_ping: on}}",
        "{url: 'postgresql://u:p@h/d', pool: {class: 'null'}}",
        "{url: 'postgresql://u:p@h/d', functions: [a]}",
        "{url: 'postgresql://u:p@h/d', on_connect: [a]}",
    };
    char text[256];
    struct conf *a = rig_must_parse("databases: {a: {url: 'postgresql://u:p@h/d'}}");
    struct conf *b =
        rig_must_parse("workers: 9\ndatabases: {main: {url: 'sqlite://'}, a: {url: "
                       "'postgres://u:p@h:5432/d', pool: {size: 5, timeout: 30000ms}}}");
    ck_assert(str_eq(a->databases[0].digest, b->databases[1].digest));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        snprintf(text, sizeof text, "databases: {a: %s}", others[i]);
        struct conf *c = rig_must_parse(text);
        ck_assert_msg(!str_eq(a->databases[0].digest, c->databases[0].digest), "%s", others[i]);
        conf_free(c);
    }
    ck_assert_ptr_null(strstr(a->databases[0].digest.ptr, "p@h"));
    conf_free(a);
    conf_free(b);
}
END_TEST

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static char *load(const char *path, struct conf **c)
{
    struct buf errors;
    buf_init(&errors);
    *c = conf_load(path, &errors);
    buf_char(&errors, '\0');
    return errors.ptr;
}

START_TEST(included_files_add_and_never_override)
{
    char folder[] = "/tmp/tribikos-conf-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(mkdir("d", 0700), 0);
    put("a.yaml", "include: d/*.yaml\nlimits: {depth: 9}\n" MINIMAL);
    put("d/1.yaml", "databases: {one: {url: 'postgresql://u:${file:pw}@h/d'}}\n");
    put("d/2.yaml", "limits: {rows: 5}\nworkers: 2\n");
    put("d/pw", "from beside\n");
    ck_assert_int_eq(chmod("d/pw", 0600), 0);
    struct conf *c;
    char *errors = load("a.yaml", &c);
    ck_assert_str_eq(errors, "");
    free(errors);
    ck_assert_uint_eq(c->database_count, 2);
    ck_assert(str_is(c->databases[1].url.password, "from beside"));
    ck_assert_int_eq(c->limits.depth, 9);
    ck_assert_int_eq(c->limits.rows, 5);
    ck_assert_int_eq(c->workers, 2);
    conf_free(c);

    put("d/2.yaml",
        "limits: {depth: 5}\nlog: {level: loud}\ndatabases: {main: {url: 'sqlite://'}}\n");
    errors = load("a.yaml", &c);
    ck_assert_ptr_null(c);
    ck_assert_str_eq(errors,
                     "d/2.yaml:1:10: `depth` is given twice, first at a.yaml:2\n"
                     "d/2.yaml:3:13: `main` is given twice, first at a.yaml:3\n"
                     "d/2.yaml:2:14: `log.level` must be a level: debug, info, warn, error "
                     "or off\n");
    free(errors);

    put("d/2.yaml", "include: ../a.yaml\n");
    errors = load("a.yaml", &c);
    ck_assert_ptr_null(c);
    ck_assert_ptr_nonnull(strstr(errors, "files include each other too often"));
    free(errors);
    ck_assert_int_eq(system("rm -r d a.yaml"), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(files_that_cannot_be_read_are_named)
{
    struct conf *c;
    char *errors = load("/nonexistent/x.yaml", &c);
    ck_assert_ptr_null(c);
    ck_assert_str_eq(errors,
                     "/nonexistent/x.yaml: cannot read /nonexistent/x.yaml: No such file "
                     "or directory\n");
    free(errors);
}
END_TEST

START_TEST(try_makes_a_conf_of_one_database)
{
    struct buf errors;
    buf_init(&errors);
    struct conf *c = conf_try("postgresql://u:p@h/d", &errors);
    ck_assert_ptr_nonnull(c);
    ck_assert_uint_eq(c->database_count, 1);
    ck_assert(str_is(c->databases[0].name, "main"));
    ck_assert(str_is(c->default_database, "main"));
    ck_assert_int_eq(c->databases[0].pool.size, 5);
    ck_assert_uint_eq(c->listen[0].tcp_port, 7432);
    conf_free(c);
    ck_assert_ptr_null(conf_try("postgresql://u:hunter2@h:p/d", &errors));
    buf_char(&errors, '\0');
    ck_assert_ptr_nonnull(strstr(errors.ptr, "--try: port: must be"));
    ck_assert_ptr_null(strstr(errors.ptr, "hunter2"));
    buf_fini(&errors);
}
END_TEST

static char *printed(void (*print)(FILE *))
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    ck_assert_ptr_nonnull(f);
    print(f);
    fclose(f);
    return text;
}

START_TEST(the_sample_is_valid_and_says_the_defaults)
{
    char *sample = printed(conf_print_sample);
    struct conf *c = rig_must_parse(sample);
    struct conf *d = rig_must_parse("databases: {main: {url: 'sqlite:///tribikos.db'}}");
    ck_assert_mem_eq(&c->limits, &d->limits, sizeof c->limits);
    ck_assert(str_eq(c->databases[0].digest, d->databases[0].digest));
    ck_assert_uint_eq(c->plan_cache_bytes, d->plan_cache_bytes);
    ck_assert_mem_eq(c->log_level, d->log_level, sizeof c->log_level);
    conf_free(c);
    conf_free(d);
    /* Uncommented, its examples are valid as well. */
    for (char *at = sample; (at = strstr(at, "# ")) != NULL; at += 2) {
        char *colon = strpbrk(at + 2, " :\n");
        bool key = colon != NULL && *colon == ':' && colon[1] == ' ' &&
                   strncmp(at + 2, "include", 7) != 0 && at[2] != ' ';
        if (key && strspn(at + 2, "abcdefghijklmnopqrstuvwxyz_") == (size_t)(colon - at - 2)) {
            memcpy(at, "  ", 2);
            memmove(at, at + 2, strlen(at + 2) + 1);
        }
    }
    c = rig_must_parse(sample);
    ck_assert_int_eq(c->log_level[LOG_SQL], LOG_DEBUG);
    conf_free(c);
    free(sample);
}
END_TEST

START_TEST(every_failing_allocation_is_an_error)
{
    static const char text[] =
        "listen: [{unix: /tmp/x}]\nlimits: {depth: 9}\ndatabases:\n"
        "  main: {url: 'postgresql://u:${env:TRIBIKOS_PW}@h/d?a=b', on_connect: [x, y]}\n"
        "  b: {url: 'sqlite:///x'}\nlog: {file: '${env:TRIBIKOS_PW}.log'}\n";
    setenv("TRIBIKOS_PW", "hunter2", 1);
    rig_fail_each_allocation(STR(text));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("conf");
    TCase *t = tcase_create("files");
    tcase_add_test(t, the_smallest_conf_has_the_documented_defaults);
    tcase_add_test(t, every_kind_of_value_is_read);
    tcase_add_loop_test(t, faults_are_told_with_their_place, 0, 30);
    tcase_add_loop_test(t, faults_of_databases_are_told_with_their_name, 0, 17);
    tcase_add_loop_test(t, no_fault_shows_a_password, 0, 8);
    tcase_add_test(t, equal_settings_have_equal_digests_and_others_not);
    tcase_add_test(t, included_files_add_and_never_override);
    tcase_add_test(t, files_that_cannot_be_read_are_named);
    tcase_add_test(t, try_makes_a_conf_of_one_database);
    tcase_add_test(t, the_sample_is_valid_and_says_the_defaults);
    tcase_add_test(t, every_failing_allocation_is_an_error);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
