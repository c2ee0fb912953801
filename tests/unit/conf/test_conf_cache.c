/* SPDX-License-Identifier: MIT
 *
 * test_conf_cache.c: the regions and rules of the result cache.
 */
#include "conf_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MINIMAL "databases: {main: {url: 'sqlite:///a.db'}}\n"
#define MIB (UINT64_C(1) << 20)

START_TEST(without_a_word_there_is_one_region_and_no_rule)
{
    struct conf *c = rig_must_parse(MINIMAL);
    ck_assert_uint_eq(c->cache.region_count, 1);
    ck_assert_uint_eq(c->cache.rule_count, 0);
    const struct conf_region *g = &c->cache.regions[0];
    ck_assert_ptr_eq(c->cache.by_default, g);
    ck_assert(str_is(g->name, "default"));
    ck_assert_int_eq(g->backend, CONF_BACKEND_MEMORY);
    ck_assert_uint_eq(g->max_bytes, 256 * MIB);
    ck_assert_uint_eq(g->max_entry_bytes, MIB);
    ck_assert_uint_eq(g->ttl_ms, 60000);
    ck_assert_uint_eq(g->soft_ttl_ms, 0);
    ck_assert_uint_eq(g->lease_ms, 5000);
    ck_assert(g->negative);
    ck_assert_uint_eq(g->negative_ttl_ms, 10000);
    conf_free(c);
}
END_TEST

START_TEST(every_key_of_a_region_and_a_rule_is_read)
{
    struct conf *c = rig_must_parse(
        MINIMAL
        "cache:\n"
        "  regions:\n"
        "    a:\n"
        "    b: {backend: memory, max_bytes: 2MiB, max_entry: 64KiB, ttl: 5m, soft_ttl: 1m,\n"
        "        lease: 2s, negative: false, negative_ttl: 1s}\n"
        "  rules:\n"
        "    - {tables: [x, s.y], databases: [main], runs: [top], shape: key, region: b,\n"
        "       ttl: 3s}\n"
        "    - {tables: ['*'], region: a}\n");
    ck_assert_uint_eq(c->cache.region_count, 2);
    ck_assert_ptr_null(c->cache.by_default);
    const struct conf_region *b = &c->cache.regions[1];
    ck_assert_uint_eq(b->max_bytes, 2 * MIB);
    ck_assert_uint_eq(b->max_entry_bytes, 65536);
    ck_assert_uint_eq(b->ttl_ms, 300000);
    ck_assert_uint_eq(b->soft_ttl_ms, 60000);
    ck_assert_uint_eq(b->lease_ms, 2000);
    ck_assert(!b->negative);
    ck_assert_uint_eq(b->negative_ttl_ms, 1000);
    const struct conf_rule *r = &c->cache.rules[0];
    ck_assert_uint_eq(r->table_count, 2);
    ck_assert(str_is(r->tables[1], "s.y"));
    ck_assert_uint_eq(r->database_count, 1);
    ck_assert(str_is(r->runs[0], "top"));
    ck_assert_int_eq(r->shape, CONF_SHAPE_KEY);
    ck_assert(str_is(r->region, "b"));
    ck_assert_uint_eq(r->ttl_ms, 3000);
    ck_assert_uint_eq(c->cache.rules[1].ttl_ms, 0);
    ck_assert_int_eq(c->cache.rules[1].shape, CONF_SHAPE_ANY);
    conf_free(c);
}
END_TEST

START_TEST(the_default_region_is_the_one_called_so_or_the_only_one)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"cache: {regions: {r: {}}}\n", "r"},
        {"cache: {regions: {r: {}, default: {}}}\n", "default"},
        {"cache: {regions: {r: {}, s: {}}}\n", NULL},
        {"cache: {regions: {}}\n", NULL},
        {"cache: {}\n", "default"},
    };
    char text[256];
    snprintf(text, sizeof text, "%s%s", MINIMAL, cases[_i].text);
    struct conf *c = rig_must_parse(text);
    const struct conf_region *g = c->cache.by_default;
    if (cases[_i].name == NULL) {
        ck_assert_ptr_null(g);
    } else {
        ck_assert(str_is(g->name, cases[_i].name));
    }
    conf_free(c);
}
END_TEST

START_TEST(faults_are_told_with_their_place)
{
    static const struct {
        const char *text, *errors;
    } cases[] = {
        {"cache: {regions: {r: {backend: disk}}}\n",
         "f:2:32: `cache.regions.r.backend` must be memory, or a URL such as "
         "redis://127.0.0.1:6379/0\n"},
        {"cache: {regions: {r: {backend: 'redis://:pw@'}}}\n",
         "f:2:32: `cache.regions.r.backend`: host: it is missing\n"},
        {"cache: {regions: {r: 5}}\n",
         "f:2:22: `cache.regions.r` must be a map such as {ttl: 60s}\n"},
        {"cache: {regions: []}\n",
         "f:2:18: `cache.regions` must be a map of names to regions, not a list\n"},
        {"cache: {regions: {9: {}}}\n",
         "f:2:19: the name of a region has letters, digits, _ and -, and at most 63\n"},
        {"cache: {regions: {r: {tll: 5s}}}\n",
         "f:2:23: unknown key `cache.regions.r.tll`; did you mean `cache.regions.r.ttl`?\n"},
        {"cache: {regions: {r: {ttl: 5s, soft_ttl: 5s}}}\n",
         "f:2:42: `cache.regions.r.soft_ttl` must be less than its ttl\n"},
        {"cache: {regions: {r: {max_bytes: 1MiB, max_entry: 1MiB}}}\n",
         "f:2:51: `cache.regions.r.max_entry` must be at most half of max_bytes\n"},
        {"cache: {share: 5s}\n", "f:2:16: `cache.share`: scheme: it must be redis, as in "
                                 "redis://host:6379/0\n"},
        {"cache: {share: []}\n",
         "f:2:16: `cache.share` must be a URL such as redis://127.0.0.1:6379/0\n"},
        {"cache: {share: 'postgresql://h/x'}\n",
         "f:2:16: `cache.share`: scheme: it must be redis, as in redis://host:6379/0\n"},
        {"cache: {share: 'redis://h', forget: 30s}\n",
         "f:2:37: `cache.forget` must be more than "
         "`databases.main.pool.statement_timeout`\n"},
        {"cache: {share: 'redis://h/x'}\n",
         "f:2:16: `cache.share`: database: it is a number such as /0\n"},
        {"cache: {share: 'redis://me@h'}\n",
         "f:2:16: `cache.share`: password: it is missing\n"},
        {"cache: {share: 'redis://h/0?x=1'}\n",
         "f:2:16: `cache.share`: options: there are none\n"},
        {"cache: {share: 'rediss://h/0'}\n",
         "f:2:16: `cache.share`: TLS to Redis is not part of this version: let a tunnel do "
         "it\n"},
        {"cache: {group: 'a b'}\n",
         "f:2:16: `cache.group` has letters, digits, _ and -, and at "
         "most 63\n"},
        {"cache: {rules: {}}\n",
         "f:2:16: `cache.rules` must be a list of rules: - {tables: [countries]}, not a map\n"},
        {"cache: {rules: [x]}\n",
         "f:2:17: an item of `cache.rules` is a map such as {tables: [countries]}\n"},
        {"cache: {rules: [{region: default}]}\n",
         "f:2:17: a rule says what it is for: `tables` (\"*\" for any) or `runs`, or both\n"},
        {"cache: {rules: [{tables: [a], region: defalt}]}\n",
         "f:2:39: `cache.rules.region` names no region; did you mean `default`?\n"},
        {"cache: {rules: [{tables: [a], databases: [mian]}]}\n",
         "f:2:42: `cache.rules.databases`: there is no database mian; did you mean `main`?\n"},
        {"cache: {regions: {}, rules: [{tables: [a]}]}\n",
         "f:2:30: there is no region called default: say which one is meant, with `region`\n"},
        {"cache: {rules: [{tables: [a], shape: kye}]}\n",
         "f:2:38: `cache.rules.shape` must be one of any, key; did you mean `key`?\n"},
    };
    char text[512];
    snprintf(text, sizeof text, "%s%s", MINIMAL, cases[_i].text);
    struct conf *c;
    char *errors = rig_parse(text, &c);
    ck_assert_ptr_null(c);
    ck_assert_str_eq(errors, cases[_i].errors);
    free(errors);
}
END_TEST

START_TEST(daemons_share_by_redis)
{
    struct conf *c =
        rig_must_parse(MINIMAL "cache: {share: 'redis://me:p%40w@h:7000/3', group: g,\n"
                               "  forget: 90s}\n");
    ck_assert(str_is(c->cache.share.host, "h"));
    ck_assert_uint_eq(c->cache.share.port, 7000);
    ck_assert(str_is(c->cache.share.user, "me"));
    ck_assert(str_is(c->cache.share.password, "p@w"));
    ck_assert(str_is(c->cache.share.database, "3"));
    ck_assert(str_is(c->cache.group, "g"));
    ck_assert_uint_eq(c->cache.forget_ms, 90000);
    conf_free(c);
    c = rig_must_parse(MINIMAL);
    ck_assert_uint_eq(c->cache.share.host.len, 0);
    ck_assert(str_is(c->cache.group, "tribikos"));
    conf_free(c);
}
END_TEST

START_TEST(a_database_is_not_in_redis)
{
    struct conf *c;
    char *errors = rig_parse("databases: {main: {url: 'redis://u:secret@h/0'}}\n", &c);
    ck_assert_ptr_null(c);
    ck_assert_str_eq(errors,
                     "f:1:25: `databases.main.url`: scheme: it must be postgresql, mariadb, "
                     "mysql or sqlite; redis is for a region of the cache\n");
    free(errors);
}
END_TEST

START_TEST(every_failing_allocation_is_an_error)
{
    rig_fail_each_allocation(STR(MINIMAL
                                 "cache: {regions: {a: {ttl: 1s}, b: {}},\n"
                                 "        rules: [{tables: [x], runs: [y], region: b}]}\n"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("conf_cache");
    TCase *t = tcase_create("all");
    tcase_add_test(t, without_a_word_there_is_one_region_and_no_rule);
    tcase_add_test(t, every_key_of_a_region_and_a_rule_is_read);
    tcase_add_loop_test(t, the_default_region_is_the_one_called_so_or_the_only_one, 0, 5);
    tcase_add_loop_test(t, faults_are_told_with_their_place, 0, 24);
    tcase_add_test(t, daemons_share_by_redis);
    tcase_add_test(t, a_database_is_not_in_redis);
    tcase_add_test(t, every_failing_allocation_is_an_error);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
