/* SPDX-License-Identifier: MIT
 *
 * tests/unit/daemon/test_touch_held.c: writes with an unknown outcome, over years of a
 * clock that the test moves.
 */
#include "daemon/settings.h"
#include "daemon/touch_held.h"

#include <check.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000000)

struct world {
    struct versions *versions;
    struct touch_held *held;
    struct database db;
    struct server servers[2];
    struct slot_set set;
};

static struct world *make_world(void)
{
    struct world *w = calloc(1, sizeof *w);
    ck_assert_ptr_nonnull(w);
    w->versions = versions_create();
    w->held = touch_held_create(w->versions);
    ck_assert(w->versions != NULL && w->held != NULL);
    atomic_init(&w->db.refs, 1);
    w->db.servers = w->servers;
    w->db.server_count = 2;
    (void)slot_set_add(&w->set, 17);
    (void)slot_set_add(&w->set, 4);
    return w;
}

static void end_world(struct world *w)
{
    touch_held_destroy(w->held);
    ck_assert_uint_eq(atomic_load(&w->db.refs), 1);
    versions_destroy(w->versions);
    free(w);
}

static void lose(struct world *w, uint64_t now_ns)
{
    versions_raise(w->versions, &w->set);
    touch_held_add(w->held, &w->db, &w->set, now_ns);
}

static bool is_raised(const struct world *w)
{
    struct stamp s;
    return !versions_stamp(w->versions, &w->set, &s);
}

START_TEST(it_is_settled_when_nobody_is_left_to_be_killed)
{
    struct world *w = make_world();
    lose(w, 100 * SECOND);
    ck_assert_uint_eq(touch_held_look(w->held, 101 * SECOND), 1);
    ck_assert(is_raised(w));
    orphans_add(&w->servers[1].orphans, (struct orphan){.id = 9});
    ck_assert_uint_eq(touch_held_look(w->held, 200 * SECOND), 1);
    ck_assert(is_raised(w));
    struct orphan o;
    ck_assert(orphans_take(&w->servers[1].orphans, &o));
    ck_assert_uint_eq(touch_held_look(w->held, 201 * SECOND), 0);
    ck_assert(!is_raised(w));
    end_world(w);
}
END_TEST

START_TEST(it_does_not_last_for_ever)
{
    struct world *w = make_world();
    orphans_add(&w->servers[0].orphans, (struct orphan){.id = 9});
    lose(w, SECOND);
    ck_assert_uint_eq(touch_held_look(w->held, 3600 * SECOND), 1);
    ck_assert_uint_eq(touch_held_look(w->held, 3602 * SECOND), 0);
    ck_assert(!is_raised(w));
    end_world(w);
}
END_TEST

START_TEST(each_is_settled_by_itself)
{
    struct world *w = make_world();
    lose(w, 10 * SECOND);
    lose(w, 30 * SECOND);
    lose(w, 20 * SECOND);
    ck_assert_uint_eq(touch_held_look(w->held, 45 * SECOND), 2);
    ck_assert_uint_eq(touch_held_look(w->held, 55 * SECOND), 1);
    ck_assert(is_raised(w));
    ck_assert_uint_eq(touch_held_look(w->held, 65 * SECOND), 0);
    ck_assert(!is_raised(w));
    lose(w, 70 * SECOND); /* and one that is left at the end */
    end_world(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("touch_held");
    TCase *t = tcase_create("held");
    tcase_add_test(t, it_is_settled_when_nobody_is_left_to_be_killed);
    tcase_add_test(t, it_does_not_last_for_ever);
    tcase_add_test(t, each_is_settled_by_itself);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
