/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_query_plans.c: which compounds, pages, locks … share a plan,
 * what is known of them, and memory that is full. In the requests ' stands for a
 * quotation mark.
 */
#include "rig.h"
#include "tests/unit/fail_alloc.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static void set_text(char *out, size_t bytes, const char *query)
{
    bool whole = strncmp(query, "{'query'", 8) == 0;
    snprintf(out, bytes, whole ? "%s" : "{\"query\":%s}", query);
    for (char *p = strchr(out, '\''); p != NULL; p = strchr(p, '\'')) {
        *p = '"';
    }
}

static void must_bind(struct rig *r, unsigned d, const char *query)
{
    static char text[4096];
    set_text(text, sizeof text, query);
    enum err e = rig_bind(r, d, text);
    ck_assert_msg(e == ERR_OK, "%s: %s (%s)", text, err_wire(e), r->fail.message);
}

#define PAGE(id) "{'select':['name'],'from':'users','order_by':['id'],'limit':2,'after':" id "}"
#define MEDIAN(fraction, of)                                                                   \
    "{'select':[{'m':{'aggregate':['fn.percentile_disc'," fraction "],'within_group':[" of     \
    "]}}],'from':'users'}"
#define LOCK(rest) "{'select':['name'],'from':'users','for':{" rest "}}"
#define COUNTED(n, to)                                                                         \
    "{'with':{'t':{'union_all':[{'select':[{'n':" n "}]},{'select':[['+','n',1]],'from':'t',"  \
    "'where':['<','n'," to "]}]}},'recursive':true,'select':['n'],'from':'t'}"

static const struct {
    const char *a, *b;
    bool shared;
} pairs[] = {
    {"{'union':[{'select':[1]},{'select':[2]}]}", "{'union':[{'select':[5]},{'select':[7]}]}",
     true},
    {"{'union':[{'select':[1]},{'select':[2]}]}", "{'except':[{'select':[1]},{'select':[2]}]}",
     false},
    {"{'values':[[1,2],[3,4]]}", "{'values':[[9,8],[7,6]]}", true},
    {"{'values':[[1,2],[3,4]]}", "{'values':[[1,2],[3,4],[5,6]]}", false},
    {"{'values':[[1,2],[3,4]]}", "{'values':[[1,2],[3,null]]}", false},
    {COUNTED("3", "5"), COUNTED("4", "9"), true},
    {"{'with':{'a':{'query':{'select':[{'x':1}]}}},'select':['x'],'from':'a'}",
     "{'with':{'a':{'query':{'select':[{'x':2}]}}},'select':['x'],'from':'a'}", true},
    {"{'with':{'a':{'query':{'select':[{'x':1}]},'materialized':true}},'select':['x'],'from':"
     "'a'}",
     "{'with':{'a':{'query':{'select':[{'x':1}]},'materialized':false}},'select':['x'],'from':"
     "'a'}",
     false},
    {"{'select':[['json_set','doc',['a',1],1]],'from':'things'}",
     "{'select':[['json_set','doc',['z',-8],7]],'from':'things'}", true},
    {"{'select':[['json_set','doc',['a',1],1]],'from':'things'}",
     "{'select':[['json_set','doc',['a','1'],1]],'from':'things'}", false},
    {"{'select':[['json_object',{'value':'a'},1,{'value':'b'},2]]}",
     "{'select':[['json_object',{'value':'a'},3,{'value':'b'},4]]}", true},
    {"{'select':[['json_object',{'value':'a'},1,{'value':'b'},2]]}",
     "{'select':[['json_object',{'value':'a'},1,{'value':'c'},2]]}", false},
    {PAGE("{'id':1}"), PAGE("{'id':8}"), true},
    {PAGE("{'id':1}"), PAGE("null"), false},
    {"{'query':" PAGE("{'id':':p'}") ",'params':{'p':1}}",
     "{'query':" PAGE("{'id':':p'}") ",'params':{'p':5}}", true},
    {"{'query':" PAGE("{'id':':p'}") ",'params':{'p':1}}",
     "{'query':" PAGE("{'id':':p'}") ",'params':{'p':null}}", false},
    {LOCK("'update':true"), LOCK("'share':true"), false},
    {LOCK("'update':true"), LOCK("'update':true,'nowait':true"), false},
    {"{'select':['id'],'distinct':[['+','age',1]],'from':'users'}",
     "{'select':['id'],'distinct':[['+','age',2]],'from':'users'}", true},
    {"{'select':['id'],'distinct':['age'],'from':'users'}",
     "{'select':['id'],'distinct':['city'],'from':'users'}", false},
    {"{'select':['id'],'from':'users','order_by':['age'],'limit':1,'with_ties':true}",
     "{'select':['id'],'from':'users','order_by':['age'],'limit':1,'with_ties':false}", false},
    {"{'select':[['count','*']],'from':'users','group_by':[{'rollup':[['+','age',1]]}]}",
     "{'select':[['count','*']],'from':'users','group_by':[{'rollup':[['+','age',2]]}]}", true},
    {"{'select':[['count','*']],'from':'users','group_by':[{'rollup':['age']}]}",
     "{'select':[['count','*']],'from':'users','group_by':[{'cube':['age']}]}", false},
};

START_TEST(plans_are_shared_where_only_values_differ)
{
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        struct rig r;
        rig_init(&r, 1 << 20);
        must_bind(&r, d, pairs[_i].a);
        must_bind(&r, d, pairs[_i].b);
        ck_assert_msg(r.bound.hit == pairs[_i].shared, "%s\n%s", pairs[_i].a, pairs[_i].b);
        rig_fini(&r);
    }
}
END_TEST

START_TEST(plans_of_ordered_sets_are_shared_too)
{
    static const struct {
        const char *query;
        bool shared; /* with the first */
    } medians[] = {
        {MEDIAN("0.5", "['+','age',1]"), false},
        {MEDIAN("0.9", "['+','age',7]"), true},
        {MEDIAN("0.5", "{'desc':['+','age',1]}"), false},
        {MEDIAN("0.5", "['+','id',1]"), false},
        {MEDIAN("null", "['+','age',1]"), false},
    };
    struct rig r;
    rig_init(&r, 1 << 20);
    for (size_t i = 0; i < sizeof medians / sizeof medians[0]; i++) {
        must_bind(&r, 0, medians[i].query);
        ck_assert_msg(r.bound.hit == medians[i].shared, "%s", medians[i].query);
    }
    rig_fini(&r);
}
END_TEST

START_TEST(a_lock_is_no_read)
{
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        struct rig r;
        rig_init(&r, 1 << 20);
        must_bind(&r, d, LOCK("'share':true"));
        ck_assert(!r.bound.plan->steps[0].stmt.read_only);
        ck_assert_int_eq(r.bound.plan->volatility, VOLATILITY_VOLATILE);
        ck_assert(r.bound.needs_tx == (d == 2)); /* SQLite's only lock is that of a write */
        rig_fini(&r);
    }
}
END_TEST

START_TEST(keys_of_a_page_are_behind_the_columns)
{
    struct rig r;
    rig_init(&r, 1 << 20);
    must_bind(&r, 0, PAGE("{'id':1}"));
    ck_assert_uint_eq(r.bound.plan->column_count, 1);
    ck_assert_uint_eq(r.bound.plan->steps[0].stmt.column_count, 2);
    rig_fini(&r);
}
END_TEST

static const char *const hungry[] = {
    "{'union':[{'select':['id','name'],'from':'users','limit':1},{'intersect_all':[{'select':["
    "'id','name'],'from':'users'},{'values':[[1,{'value':'a'}],[2,null]]}]}],'order_by':[["
    "'lower','name']]}",
    "{'with':{'t':{'columns':['n','s','p'],'query':{'union':[{'select':['id','name',null],"
    "'from':'users'},{'select':[['+','n',1],['||','s',{'value':'x'}],'n'],'from':'t','where':["
    "'<','n',4]}]}}},'recursive':true,'select':'*','from':'t'}",
    "{'select':['id'],'distinct':['city'],'from':'users','order_by':['city',{'desc':'age',"
    "'nulls':'last'}],'limit':2}",
    "{'select':['name'],'from':'users','order_by':[{'desc':'age'},'id'],'limit':2,'after':{"
    "'age':5,'id':7},'for':{'update':true,'of':['users']}}",
    "{'select':['tag_id'],'from':'post_tags','order_by':['post_id','tag_id'],'after':{"
    "'post_id':5,'tag_id':7}}",
    "{'select':['city',['grouping','city']],'from':'users','group_by':[{'cube':['city','age']}]"
    ",'order_by':[{'asc':['upper','city'],'nulls':'first'}]}",
};

START_TEST(every_allocation_may_fail)
{
    static char text[4096];
    set_text(text, sizeof text, hungry[_i]);
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        bool failed = true;
        for (long n = 1; failed && n < 1000; n++) {
            struct rig r;
            rig_init(&r, 1 << 20);
            fail_alloc_at(n);
            enum err e = rig_bind(&r, d, text);
            failed = fail_alloc_reached();
            fail_alloc_at(0);
            ck_assert_msg(e == ERR_OK || e == ERR_OUT_OF_MEMORY || e == ERR_REQUEST_TOO_LARGE,
                          "%s: allocation %ld: %s", text, n, err_wire(e));
            rig_fini(&r);
        }
        ck_assert(!failed);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("query_plans");
    TCase *tc = tcase_create("plans");
    tcase_add_loop_test(tc, plans_are_shared_where_only_values_differ, 0,
                        (int)(sizeof pairs / sizeof pairs[0]));
    tcase_add_test(tc, plans_of_ordered_sets_are_shared_too);
    tcase_add_test(tc, a_lock_is_no_read);
    tcase_add_test(tc, keys_of_a_page_are_behind_the_columns);
    tcase_add_loop_test(tc, every_allocation_may_fail, 0,
                        (int)(sizeof hungry / sizeof hungry[0]));
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
