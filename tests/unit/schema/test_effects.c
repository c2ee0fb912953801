/* SPDX-License-Identifier: MIT
 *
 * tests/unit/schema/test_effects.c: which tables a write changes, over foreign keys and
 * within families.
 */
#include "schema/catalog_builder.h"
#include "schema/effects.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tables of two columns, id and up. */
struct world {
    struct catalog_builder *builder;
    struct catalog *catalog;
};

static struct table *add_table(struct world *w, const char *name)
{
    struct arena *a = catalog_builder_arena(w->builder);
    struct table *t = ARENA_NEW(a, struct table);
    struct column *columns = ARENA_ARRAY(a, 2, struct column);
    uint32_t *key = ARENA_ARRAY(a, 1, uint32_t);
    ck_assert(t != NULL && columns != NULL && key != NULL);
    columns[0] = (struct column){.name = STR("id"), .index = 0};
    columns[1] = (struct column){.name = STR("up"), .index = 1};
    t->schema = STR("public");
    t->name = arena_str(a, str_of(name));
    t->in_path = true;
    t->columns = columns;
    t->column_count = 2;
    t->primary_key = (struct key){.columns = key, .count = 1};
    ck_assert_int_eq(catalog_builder_table(w->builder, t), ERR_OK);
    return t;
}

static struct table *find(struct world *w, const char *name)
{
    struct table *t = catalog_builder_find(w->builder, STR(""), str_of(name));
    return t != NULL ? t : add_table(w, name);
}

/* from.up refers to to.id. */
static void refer(struct world *w, const char *from, const char *to, enum fk_action on_delete,
                  enum fk_action on_update)
{
    struct arena *a = catalog_builder_arena(w->builder);
    struct table *t = find(w, from), *target = find(w, to);
    struct foreign_key *keys = ARENA_ARRAY(a, t->foreign_key_count + 1, struct foreign_key);
    uint32_t *ours = ARENA_ARRAY(a, 1, uint32_t), *theirs = ARENA_ARRAY(a, 1, uint32_t);
    ck_assert(keys != NULL && ours != NULL && theirs != NULL);
    ours[0] = 1;
    if (t->foreign_key_count > 0) {
        memcpy(keys, t->foreign_keys, t->foreign_key_count * sizeof *keys);
    }
    keys[t->foreign_key_count++] = (struct foreign_key){.columns = ours,
                                                        .target = target,
                                                        .target_columns = theirs,
                                                        .count = 1,
                                                        .on_delete = on_delete,
                                                        .on_update = on_update};
    t->foreign_keys = keys;
}

static void relate(struct world *w, const char *child, const char *parent)
{
    catalog_builder_relate(find(w, child), find(w, parent));
}

static struct world make_world(void)
{
    struct world w = {.builder = catalog_builder_create(1)};
    ck_assert_ptr_nonnull(w.builder);
    refer(&w, "kid", "parent", FK_CASCADE, FK_CASCADE);
    refer(&w, "toy", "kid", FK_SET_NULL, FK_NO_ACTION);
    refer(&w, "part", "toy", FK_CASCADE, FK_CASCADE);
    refer(&w, "guest", "parent", FK_SET_DEFAULT, FK_SET_NULL);
    refer(&w, "bill", "parent", FK_RESTRICT, FK_NO_ACTION);
    refer(&w, "node", "node", FK_CASCADE, FK_RESTRICT);
    refer(&w, "hen", "egg", FK_CASCADE, FK_CASCADE);
    refer(&w, "egg", "hen", FK_CASCADE, FK_CASCADE);
    relate(&w, "p1", "p");
    relate(&w, "p2", "p");
    relate(&w, "p2a", "p2");
    refer(&w, "of_p", "p", FK_CASCADE, FK_NO_ACTION);
    refer(&w, "of_p1", "p1", FK_CASCADE, FK_NO_ACTION);
    find(&w, "p2a")->has_triggers = true;
    find(&w, "p1")->shows = SHOWS_AWAY;
    ck_assert_int_eq(catalog_builder_finish(w.builder, &w.catalog), ERR_OK);
    return w;
}

static const struct table *need(const struct world *w, const char *name)
{
    const struct table *t = catalog_table(w->catalog, STR(""), str_of(name));
    ck_assert_msg(t != NULL, "%s", name);
    return t;
}

static const uint32_t id_column[] = {0}, up_column[] = {1};

static const struct {
    const char *table;
    unsigned rows;
    const uint32_t *set;
    const char *changed; /* " name… " of all, itself too; + is reached again */
} cases[] = {
    {"parent", ROWS_ADDED, NULL, " parent "},
    {"parent", ROWS_CHANGED, up_column, " parent "},
    {"parent", ROWS_CHANGED, id_column, " parent kid guest "},
    /* of a row that is set to null it is not looked at which columns others refer to */
    {"parent", ROWS_REMOVED, NULL, " parent kid toy part guest "},
    {"parent", ROWS_ANY, NULL, " parent kid toy part guest "},
    {"kid", ROWS_REMOVED, NULL, " kid toy part "},
    {"kid", ROWS_CHANGED, id_column, " kid "},
    {"toy", ROWS_REMOVED, NULL, " toy part "},
    {"toy", ROWS_CHANGED, id_column, " toy part "},
    {"bill", ROWS_ANY, NULL, " bill "},
    {"node", ROWS_REMOVED, NULL, " node+ "},
    {"node", ROWS_CHANGED, id_column, " node "},
    {"hen", ROWS_REMOVED, NULL, " hen+ egg "},
    {"egg", ROWS_CHANGED, id_column, " egg+ hen+ "},
    {"p1", ROWS_REMOVED, NULL, " p of_p of_p1 "},
    {"p2a", ROWS_REMOVED, NULL, " p of_p of_p1 "},
    {"p", ROWS_CHANGED, up_column, " p "},
};

static void write_effects(const struct effects *e, char *out, size_t size)
{
    size_t used = 1;
    snprintf(out, size, " ");
    for (uint32_t i = 0; i < e->count; i++) {
        used += (size_t)snprintf(out + used, size - used, "%.*s%s ",
                                 STR_ARG(e->list[i].table->name), e->list[i].again ? "+" : "");
    }
}

/* Whether both have the same words. */
static bool same_words(const char *a, const char *b)
{
    char word[32];
    for (const char *p = a; *p != '\0'; p++) {
        const char *end = strchr(p + 1, ' ');
        if (*p == ' ' && end != NULL) {
            snprintf(word, sizeof word, "%.*s", (int)(end - p + 1), p);
            if (strstr(b, word) == NULL) {
                return false;
            }
        }
    }
    return strlen(a) == strlen(b);
}

START_TEST(what_follows_from_a_write)
{
    struct world w = make_world();
    struct effects e = {0};
    char text[256];
    uint32_t count = cases[_i].set == NULL ? 0 : 1;
    ck_assert(effects_add(&e, need(&w, cases[_i].table), cases[_i].rows, cases[_i].set, count));
    write_effects(&e, text, sizeof text);
    ck_assert_msg(same_words(text, cases[_i].changed), "%s %u:%s, not%s", cases[_i].table,
                  cases[_i].rows, text, cases[_i].changed);
    catalog_unref(w.catalog);
}
END_TEST

START_TEST(a_family_is_one)
{
    struct world w = make_world();
    const struct table *p = need(&w, "p");
    ck_assert_ptr_eq(table_head(need(&w, "p2a")), p);
    ck_assert_ptr_eq(table_head(need(&w, "p1")), p);
    ck_assert_ptr_eq(table_head(p), p);
    ck_assert(p->fires && !need(&w, "p1")->has_triggers);
    ck_assert_int_eq(p->shows, SHOWS_AWAY);
    ck_assert_ptr_eq(table_head(need(&w, "kid")), need(&w, "kid"));
    catalog_unref(w.catalog);
}
END_TEST

/* More tables than there is room for, one below the other. */
START_TEST(too_many_are_told)
{
    struct world w = {.builder = catalog_builder_create(1)};
    char child[16], parent[16];
    for (unsigned i = 1; i < EFFECTS_MAX + 5; i++) {
        snprintf(child, sizeof child, "t%u", i);
        snprintf(parent, sizeof parent, "t%u", i - 1);
        refer(&w, child, parent, FK_CASCADE, FK_CASCADE);
    }
    ck_assert_int_eq(catalog_builder_finish(w.builder, &w.catalog), ERR_OK);
    struct effects e = {0};
    ck_assert(!effects_add(&e, need(&w, "t0"), ROWS_REMOVED, NULL, 0));
    e.count = 0;
    ck_assert(effects_add(&e, need(&w, "t10"), ROWS_REMOVED, NULL, 0));
    catalog_unref(w.catalog);
}
END_TEST

/* The digest tells catalogs apart that a plan would tell apart, and no others. */
START_TEST(the_digest_is_of_what_is_in_it)
{
    struct world a = make_world(), b = make_world();
    ck_assert(catalog_digest(a.catalog) == catalog_digest(b.catalog));
    ck_assert(catalog_version(a.catalog) != catalog_version(b.catalog));
    struct world c = {.builder = catalog_builder_create(1)};
    refer(&c, "kid", "parent", FK_CASCADE, FK_CASCADE);
    ck_assert_int_eq(catalog_builder_finish(c.builder, &c.catalog), ERR_OK);
    struct world d = {.builder = catalog_builder_create(1)};
    refer(&d, "kid", "parent", FK_CASCADE, FK_SET_NULL);
    ck_assert_int_eq(catalog_builder_finish(d.builder, &d.catalog), ERR_OK);
    ck_assert(catalog_digest(c.catalog) != catalog_digest(a.catalog));
    ck_assert(catalog_digest(c.catalog) != catalog_digest(d.catalog));
    catalog_unref(a.catalog);
    catalog_unref(b.catalog);
    catalog_unref(c.catalog);
    catalog_unref(d.catalog);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("effects");
    TCase *t = tcase_create("effects");
    tcase_add_loop_test(t, what_follows_from_a_write, 0, (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(t, a_family_is_one);
    tcase_add_test(t, too_many_are_told);
    tcase_add_test(t, the_digest_is_of_what_is_in_it);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
