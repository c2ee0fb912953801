/* SPDX-License-Identifier: MIT
 *
 * test_catalog.c: lookups, near names, references between threads, memory.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "schema/catalog_builder.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A table with columns a, b, c in the builder's arena. */
static struct table *make_table(struct catalog_builder *b, const char *schema, const char *name,
                                bool in_path)
{
    struct arena *a = catalog_builder_arena(b);
    struct table *t = ARENA_NEW(a, struct table);
    struct column *columns = ARENA_ARRAY(a, 3, struct column);
    if (t == NULL || columns == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < 3; i++) {
        static const char *const names[] = {"amount", "born", "city"};
        columns[i] = (struct column){
            .name = str_of(names[i]), .index = i, .type = type_of(TYPE_INTEGER)};
    }
    t->schema = arena_str(a, str_of(schema));
    t->name = arena_str(a, str_of(name));
    t->in_path = in_path;
    t->columns = columns;
    t->column_count = 3;
    return t->schema.ptr == NULL || t->name.ptr == NULL ? NULL : t;
}

static void add(struct catalog_builder *b, const char *schema, const char *name, bool in_path)
{
    struct table *t = make_table(b, schema, name, in_path);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(catalog_builder_table(b, t), ERR_OK);
}

static struct catalog *finish(struct catalog_builder *b)
{
    struct catalog *c = NULL;
    ck_assert_int_eq(catalog_builder_finish(b, &c), ERR_OK);
    return c;
}

START_TEST(a_bare_name_is_found_along_the_path_only)
{
    struct catalog_builder *b = catalog_builder_create(1);
    add(b, "old", "users", false);
    add(b, "public", "users", true);
    add(b, "new", "users", false);
    add(b, "new", "hidden", false);
    struct catalog *c = finish(b);
    ck_assert(str_is(catalog_table(c, STR(""), STR("users"))->schema, "public"));
    ck_assert(str_is(catalog_table(c, STR("old"), STR("users"))->schema, "old"));
    ck_assert(str_is(catalog_table(c, STR("new"), STR("users"))->schema, "new"));
    ck_assert_ptr_null(catalog_table(c, STR(""), STR("hidden")));
    ck_assert_ptr_null(catalog_table(c, STR("none"), STR("users")));
    ck_assert_ptr_null(catalog_table(c, STR(""), STR("Users")));
    ck_assert_ptr_null(catalog_table(c, STR(""), STR("")));
    ck_assert_uint_eq(catalog_table_count(c), 4);
    ck_assert_ptr_null(catalog_table_at(c, 4));
    catalog_unref(c);
}
END_TEST

/* The digest of a catalog of one table, after `change` of it. */
static uint64_t digest_of(void (*change)(struct table *t, struct column *c))
{
    struct catalog_builder *b = catalog_builder_create(1);
    struct table *t = make_table(b, "public", "users", true);
    ck_assert_ptr_nonnull(t);
    change(t, (struct column *)(uintptr_t)t->columns);
    ck_assert_int_eq(catalog_builder_table(b, t), ERR_OK);
    struct catalog *c = finish(b);
    uint64_t digest = catalog_digest(c);
    catalog_unref(c);
    return digest;
}

static void nothing(struct table *t, struct column *c)
{
    (void)t;
    (void)c;
}

static void another_name(struct table *t, struct column *c)
{
    (void)c;
    t->name = STR("people");
}

static void one_column_less(struct table *t, struct column *c)
{
    (void)c;
    t->column_count--;
}

static void another_type(struct table *t, struct column *c)
{
    (void)t;
    c[1].type = type_of(TYPE_TEXT);
}

static void a_key(struct table *t, struct column *c)
{
    static const uint32_t first[] = {0};
    (void)c;
    t->primary_key = (struct key){.columns = first, .count = 1};
}

START_TEST(catalogs_that_differ_have_other_digests)
{
    void (*const changes[])(struct table * t, struct column * c) = {
        another_name, one_column_less, another_type, a_key};
    uint64_t same = digest_of(nothing);
    ck_assert_uint_eq(digest_of(nothing), same);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        ck_assert_uint_ne(digest_of(changes[i]), same);
    }
}
END_TEST

START_TEST(a_name_twice_in_a_schema_is_refused)
{
    struct catalog_builder *b = catalog_builder_create(1);
    add(b, "public", "users", true);
    struct table *again = make_table(b, "public", "users", true);
    ck_assert_int_eq(catalog_builder_table(b, again), ERR_DUPLICATE_NAME);
    ck_assert_ptr_nonnull(catalog_builder_find(b, STR("public"), STR("users")));
    catalog_builder_destroy(b);
    catalog_builder_destroy(NULL);
}
END_TEST

START_TEST(columns_are_found_by_exact_name)
{
    struct catalog_builder *b = catalog_builder_create(1);
    add(b, "s", "t", true);
    struct catalog *c = finish(b);
    const struct table *t = catalog_table_at(c, 0);
    ck_assert_uint_eq(table_column(t, STR("born"))->index, 1);
    ck_assert_ptr_null(table_column(t, STR("Born")));
    ck_assert_ptr_null(table_column(t, STR("")));
    catalog_unref(c);
}
END_TEST

START_TEST(unique_keys_must_be_held_whole)
{
    const uint32_t pk[] = {0, 2}, u[] = {1}, none[1] = {0};
    const struct key unique = {.columns = u, .count = 1};
    const struct table t = {
        .primary_key = {.columns = pk, .count = 2}, .uniques = &unique, .unique_count = 1};
    const struct table bare = {.column_count = 3};
    static const struct {
        uint32_t columns[3], count;
        bool want;
    } cases[] = {
        {{0, 2}, 2, true}, {{2, 0}, 2, true},  {{0}, 1, false}, {{1}, 1, true},
        {{2, 1}, 2, true}, {{0, 0}, 2, false}, {{0}, 0, false}, {{2, 1, 0}, 3, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(table_has_unique(&t, cases[i].columns, cases[i].count), cases[i].want);
    }
    ck_assert(!table_has_unique(&bare, none, 1));
}
END_TEST

START_TEST(near_names_come_best_first)
{
    struct catalog_builder *b = catalog_builder_create(1);
    add(b, "public", "customer_orders", true);
    add(b, "public", "customer_order", true);
    add(b, "public", "costumer_order", true);
    add(b, "public", "unlike", true);
    add(b, "shop", "customer_order", false);
    struct catalog *c = finish(b);
    struct str out[8];
    uint32_t n = catalog_near_tables(c, STR("customer_ordre"), out, 8);
    ck_assert_uint_eq(n, 4);
    ck_assert(str_is(out[0], "customer_order"));
    ck_assert(str_is(out[1], "shop.customer_order"));
    ck_assert_uint_eq(catalog_near_tables(c, STR("customer_ordre"), out, 1), 1);
    ck_assert(str_is(out[0], "customer_order"));
    ck_assert_uint_eq(catalog_near_tables(c, STR("customer_ordre"), out, 0), 0);
    ck_assert_uint_eq(catalog_near_tables(c, STR("zzzzzz"), out, 8), 0);
    ck_assert_uint_eq(catalog_near_tables(c, STR(""), out, 8), 0);
    ck_assert_uint_eq(catalog_near_tables(c, STR("shop.customer_ordr"), out, 8), 1);
    n = table_near_columns(catalog_table_at(c, 0), STR("ctiy"), out, 3);
    ck_assert_uint_eq(n, 1);
    ck_assert(str_is(out[0], "city"));
    catalog_unref(c);
}
END_TEST

START_TEST(overloads_of_a_function_become_the_worst)
{
    struct catalog_builder *b = catalog_builder_create(1);
    struct function_info f = {.schema = STR("s"),
                              .name = STR("f"),
                              .volatility = VOLATILITY_STABLE,
                              .result = type_of(TYPE_TEXT)};
    ck_assert_int_eq(catalog_builder_function(b, &f), ERR_OK);
    f.volatility = VOLATILITY_IMMUTABLE;
    ck_assert_int_eq(catalog_builder_function(b, &f), ERR_OK);
    struct catalog *c = finish(b);
    ck_assert_int_eq(catalog_function(c, STR("f"))->volatility, VOLATILITY_STABLE);
    ck_assert_int_eq(catalog_function(c, STR("f"))->result.kind, TYPE_TEXT);
    ck_assert_ptr_null(catalog_function(c, STR("g")));
    catalog_unref(c);

    b = catalog_builder_create(1);
    f.result = type_of(TYPE_TEXT);
    ck_assert_int_eq(catalog_builder_function(b, &f), ERR_OK);
    f.result = type_of(TYPE_BIGINT);
    f.volatility = VOLATILITY_VOLATILE;
    ck_assert_int_eq(catalog_builder_function(b, &f), ERR_OK);
    c = finish(b);
    ck_assert_int_eq(catalog_function(c, STR("f"))->volatility, VOLATILITY_VOLATILE);
    ck_assert_int_eq(catalog_function(c, STR("f"))->result.kind, TYPE_OPAQUE);
    catalog_unref(c);
}
END_TEST

START_TEST(versions_of_snapshots_differ)
{
    uint64_t seen[64];
    for (int i = 0; i < 64; i++) {
        struct catalog *c = finish(catalog_builder_create(7));
        seen[i] = catalog_version(c);
        ck_assert_uint_ne(seen[i], 0);
        ck_assert_uint_gt(catalog_read_ns(c), 0);
        for (int k = 0; k < i; k++) {
            ck_assert_uint_ne(seen[i], seen[k]);
        }
        catalog_unref(c); /* its memory may be the next one's */
    }
}
END_TEST

enum { THREADS = 4, ROUNDS = 20000 };

static void *reader(void *arg)
{
    struct catalog *c = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct catalog *mine = catalog_ref(c);
        const struct table *t = catalog_table(mine, STR(""), STR("t"));
        if (t == NULL || t->column_count != 3) {
            abort();
        }
        catalog_unref(mine);
    }
    catalog_unref(c);
    return NULL;
}

START_TEST(references_may_be_taken_and_given_by_any_thread)
{
    struct catalog_builder *b = catalog_builder_create(1);
    add(b, "s", "t", true);
    struct catalog *c = finish(b);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, reader, catalog_ref(c)), 0);
    }
    catalog_unref(c); /* the last reader frees */
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    catalog_unref(NULL);
    ck_assert_ptr_null(catalog_ref(NULL));
}
END_TEST

/* Adds tables until the memory given is used up: nothing is left half added. */
START_TEST(no_memory_is_an_error_and_loses_nothing)
{
    for (size_t limit = 0; limit < 40000; limit += 997) {
        struct catalog_builder *b = catalog_builder_create(1);
        catalog_builder_arena(b)->limit_bytes = limit + 1;
        uint32_t added = 0;
        enum err e = ERR_OK;
        for (int i = 0; i < 1000 && e == ERR_OK; i++) {
            char name[16];
            snprintf(name, sizeof name, "t%d", i);
            struct table *t = make_table(b, "s", name, false);
            e = t == NULL ? ERR_OUT_OF_MEMORY : catalog_builder_table(b, t);
            added += e == ERR_OK;
        }
        ck_assert_int_eq(e, ERR_OUT_OF_MEMORY);
        const struct function_info f = {.name = STR("f")};
        ck_assert_int_ne(catalog_builder_function(b, &f), ERR_DUPLICATE_NAME);
        struct catalog *c = finish(b);
        ck_assert_uint_eq(catalog_table_count(c), added);
        for (uint32_t i = 0; i < added; i++) {
            const struct table *t = catalog_table_at(c, i);
            ck_assert_ptr_eq(catalog_table(c, STR("s"), t->name), t);
        }
        catalog_unref(c);
    }
}
END_TEST

START_TEST(ten_thousand_tables_are_built_and_found)
{
    uint64_t from = clock_now_ns();
    struct catalog_builder *b = catalog_builder_create(hash_seed());
    for (int i = 0; i < 10000; i++) {
        char name[32];
        snprintf(name, sizeof name, "table_number_%d", i);
        add(b, "public", name, true);
    }
    size_t bytes = catalog_builder_arena(b)->used_bytes;
    struct catalog *c = finish(b);
    uint64_t built = clock_now_ns();
    struct str out[3];
    uint32_t n = catalog_near_tables(c, STR("table_nubmer_77"), out, 3);
    uint64_t near = clock_now_ns();
    printf("10,000 tables of 3 columns: built in %.1f ms, %.1f MiB; near names in %.2f ms\n",
           (double)(built - from) / 1e6, (double)bytes / 1048576, (double)(near - built) / 1e6);
    ck_assert_uint_eq(n, 3);
    ck_assert(str_is(out[0], "table_number_77"));
    ck_assert_ptr_nonnull(catalog_table(c, STR("public"), STR("table_number_9999")));
    catalog_unref(c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("catalog");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, a_bare_name_is_found_along_the_path_only);
    tcase_add_test(t, catalogs_that_differ_have_other_digests);
    tcase_add_test(t, a_name_twice_in_a_schema_is_refused);
    tcase_add_test(t, columns_are_found_by_exact_name);
    tcase_add_test(t, unique_keys_must_be_held_whole);
    tcase_add_test(t, near_names_come_best_first);
    tcase_add_test(t, overloads_of_a_function_become_the_worst);
    tcase_add_test(t, versions_of_snapshots_differ);
    tcase_add_test(t, references_may_be_taken_and_given_by_any_thread);
    tcase_add_test(t, no_memory_is_an_error_and_loses_nothing);
    tcase_add_test(t, ten_thousand_tables_are_built_and_found);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
