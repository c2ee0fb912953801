/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_touch.c: what plans say of what they read and write. In the
 * requests ' stands for a quotation mark.
 */
#include "rig.h"
#include "schema/effects.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static const struct plan_touch *touch_of(struct rig *r, unsigned d, const char *query)
{
    static char text[4096];
    bool whole = strncmp(query, "{'query'", 8) == 0;
    snprintf(text, sizeof text, whole ? "%s" : "{\"query\":%s}", query);
    for (char *p = strchr(text, '\''); p != NULL; p = strchr(p, '\'')) {
        *p = '"';
    }
    enum err e = rig_bind(r, d, text);
    ck_assert_msg(e == ERR_OK, "%s: %s (%s)", text, err_wire(e), r->fail.message);
    return &r->bound.plan->touch;
}

/* ---- what varies ---- */

#define USERS(rest) "{'select':['name'],'from':'users'" rest "}"
#define BY_ID "'where':['=','id',7]"

static const struct {
    const char *query;
    bool varies;
} verdicts[] = {
    {USERS(), false},
    {USERS("," BY_ID), false},
    {USERS(",'order_by':['age'],'limit':5,'offset':3"), false},
    {"{'select':[['count','*'],['max','age']],'from':'users','group_by':['city']}", false},
    {"{'select':[['upper','name']],'from':'users'}", false},
    {"{'select':['name'],'from':'users','where':['in','id',{'select':['user_id'],'from':"
     "'orders'}]}",
     false},
    {"{'with':{'w':{'select':['id'],'from':'users'}},'select':['id'],'from':'w'}", false},
    {"{'select':[['now']],'from':'users'}", true},
    {"{'select':[['current_date']]}", true},
    {"{'select':[['clock']]}", true},
    {"{'select':[['random']]}", true},
    {"{'select':[['uuid4']]}", true},
    {USERS(",'where':['<','created_at',['now']]"), true},
    {USERS(",'order_by':[['random']],'limit':1"), true},
    {USERS(",'where':['in','id',{'select':['user_id'],'from':'orders','where':['>',['random'],"
           "0.5]}]"),
     true},
    {"{'with':{'w':{'select':['id',{'t':['now']}],'from':'users'}},'select':['id'],'from':"
     "'w'}",
     true},
    {"{'union':[{'select':['id'],'from':'users'},{'select':['id'],'from':'orders',"
     "'where':['>',['random'],0.5]}]}",
     true},
    {USERS("," BY_ID ",'for':{'update':true}"), true},
    {"{'text':'select 1'}", true},
    {"{'insert':'departments','rows':[{'id':1,'name':'x'}]}", true},
    {"{'update':'users','set':{'age':1}," BY_ID "}", true},
    {"{'delete':'users'," BY_ID "}", true},
};

START_TEST(what_gives_another_result_the_next_time)
{
    struct rig r;
    rig_init(&r, 1 << 20);
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        const struct plan_touch *t = touch_of(&r, d, verdicts[_i].query);
        ck_assert_msg((t->varies != NULL) == verdicts[_i].varies, "%u %s: %s", d,
                      verdicts[_i].query, t->varies == NULL ? "-" : t->varies);
    }
    rig_fini(&r);
}
END_TEST

/* ---- keys ---- */

#define PARAMS(query, values) "{'query':" query ",'params':" values "}"
#define EXPECT(query, what) "{'query':" query ",'expect':'" what "'}"

/* The value of users.id that is read or written; 0: it is not told. */
static const struct {
    const char *query;
    int64_t id;
} keys[] = {
    {USERS("," BY_ID), 7},
    {USERS(",'where':['=',7,'id']"), 7},
    {USERS(",'where':['and',['=','id',7],['>','age',3]]"), 7},
    {USERS(",'where':['and',['>','age',7],['and',['=','city',{'value':'x'}],['=','id',8]]]"),
     8},
    {PARAMS(USERS(",'where':['=','id',':id']"), "{'id':9}"), 9},
    {PARAMS(USERS(",'where':['and',['=','age',':n'],['=','id',':id']]"), "{'id':9,'n':3}"), 9},
    {USERS("," BY_ID ",'order_by':['age'],'limit':1"), 7},
    {"{'select':'*','from':'users'," BY_ID "}", 7},
    {"{'select':[['upper','u.name']],'from':{'u':'users'},'where':['=','u.id',7]}", 7},
    {EXPECT(USERS("," BY_ID), "first"), 7},
    {EXPECT(USERS("," BY_ID), "one"), 7},
    {"{'update':'users','set':{'age':1}," BY_ID "}", 7},
    {"{'update':'users','set':{'age':['+','age',7]}," BY_ID "}", 7},
    {"{'delete':'users'," BY_ID "}", 7},
    {"{'delete':'users','where':['and'," /* */ "['=','id',7],['<','age',3]]}", 7},

    {USERS(), 0},
    {EXPECT(USERS("," BY_ID), "count"), 0},
    {EXPECT(USERS("," BY_ID), "exists"), 0},
    {USERS(",'where':['or',['=','id',7],['=','id',8]]"), 0},
    {USERS(",'where':['not',['=','id',7]]"), 0},
    {USERS(",'where':['!=','id',7]"), 0},
    {USERS(",'where':['<=','id',7]"), 0},
    {USERS(",'where':['in','id',[7]]"), 0},
    {USERS(",'where':['=','id',7.5]"), 0},
    {USERS(",'where':['=',['+','id',0],7]"), 0},
    {USERS(",'where':['=','id','age']"), 0},
    {USERS(",'where':['=','age',7]"), 0},
    {USERS(",'where':['=','id',['+',3,4]]"), 0},
    {USERS(",'where':['and',['=','id',7],['in','age',{'select':['id'],'from':'orders'}]]"), 0},
    {USERS(",'where':['and',['=','id',7],['in','age',{'select':['age'],'from':'users'}]]"), 0},
    {"{'select':['name',{'m':{'select':[['max','id']],'from':'orders'}}],'from':'users'," BY_ID
     "}",
     0},
    {"{'select':[['count','*']],'from':'users'," BY_ID "}", 0},
    {"{'select':['age'],'from':'users'," BY_ID ",'group_by':['age']}", 0},
    {"{'select':['users.name'],'from':'users','join':[{'inner':'orders'}],'where':['=','users."
     "id',7]}",
     0},
    {"{'select':['name'],'from':{'u':{'select':['id','name'],'from':'users'}},'where':['=','id'"
     ","
     "7]}",
     0},
    {"{'union':[" USERS("," BY_ID) ",{'select':['name'],'from':'departments'}]}", 0},
    {"{'with':{'w':{'select':['id','name'],'from':'users'}},'select':['name'],'from':'w'," BY_ID
     "}",
     0},
    {"{'update':'users','set':{'age':1},'where':['>','id',7]}", 0},
    {"{'update':'users','set':{'age':1},'where':true}", 0},
    {"{'update':'users','set':{'age':1},'where':['or',['=','id',7],['=','age',2]]}", 0},
};

static int64_t told_id(const struct rig *r)
{
    const struct touch_key *k = &r->bound.plan->touch.key;
    for (uint32_t i = 0; k->key != NULL && i < r->bound.run_count; i++) {
        const struct bound_run *run = &r->bound.runs[i];
        if (run->step == &r->bound.plan->steps[k->step]) {
            const struct value *v = &run->params[k->params[0]];
            return k->key->count == 1 && v->kind == VALUE_INT ? v->num : -1;
        }
    }
    return k->key == NULL ? 0 : -2;
}

START_TEST(one_value_of_a_key)
{
    struct rig r;
    rig_init(&r, 1 << 20);
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        (void)touch_of(&r, d, keys[_i].query);
        ck_assert_msg(told_id(&r) == keys[_i].id, "%u %s: %lld", d, keys[_i].query,
                      (long long)told_id(&r));
    }
    rig_fini(&r);
}
END_TEST

/* A plan is made once and bound to other values. */
START_TEST(the_value_is_that_of_the_request)
{
    struct rig r;
    rig_init(&r, 1 << 20);
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        for (unsigned n = 1; n < 4; n++) {
            char text[128];
            snprintf(text, sizeof text,
                     "{'select':['name'],'from':'users','where':['=','id',%u]}", n * 11);
            (void)touch_of(&r, d, text);
            ck_assert_int_eq(told_id(&r), n * 11);
            ck_assert(r.bound.hit == (n > 1));
        }
    }
    rig_fini(&r);
}
END_TEST

/* ---- writes ---- */

static const struct {
    const char *query;
    unsigned rows; /* 0: there is no single target */
    uint32_t set;
} writes[] = {
    {"{'insert':'departments','rows':[{'id':1,'name':'x'}]}", ROWS_ADDED, 0},
    {"{'insert':'departments','rows':[{'id':1,'name':'x'},{'id':2,'name':'y'}]}", ROWS_ADDED,
     0},
    {"{'insert':'departments','columns':['id','name'],'from_query':{'select':['id','name'],'"
     "from':"
     "'users'}}",
     ROWS_ADDED, 0},
    {"{'insert':'departments','rows':[{'id':1,'name':'x'}],'conflict':{'do':'nothing'}}",
     ROWS_ADDED, 0},
    {"{'insert':'departments','rows':[{'id':1,'name':'x'}],'conflict':{'on':['id'],'do':'"
     "update',"
     "'data':{'name':'y'}}}",
     ROWS_ADDED | ROWS_CHANGED, 1},
    {"{'update':'users','set':{'age':1,'name':'city'}," BY_ID "}", ROWS_CHANGED, 2},
    {"{'delete':'users','where':true}", ROWS_REMOVED, 0},
    {"{'text':'update users set age = 1'}", 0, 0},
};

START_TEST(what_a_write_does)
{
    struct rig r;
    rig_init(&r, 1 << 20);
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        const struct plan_touch *t = touch_of(&r, d, writes[_i].query);
        ck_assert_msg(t->rows == writes[_i].rows && t->set_count == writes[_i].set,
                      "%u %s: %u %u", d, writes[_i].query, t->rows, t->set_count);
        ck_assert((t->target != NULL) == (writes[_i].rows != 0));
    }
    rig_fini(&r);
}
END_TEST

/* ---- raw SQL ---- */

static const struct {
    const char *text;
    bool anything;
} texts[] = {
    {"select name from users where id = 1", false},
    {"select count(*), max(age) from users", false},
    {"with w as (select 1 as x) select x from w", false},
    {"values (1), (2)", false},
    {"explain select 1", false},
    {"explain update users set age = 1", false},
    {"select 'insert into users' as x", false},
    {"select 1 -- f(2)", false},

    {"select f(1)", true},
    {"select f (1)", true},
    {"select F/* */(1)", true},
    {"select x.f(1) from users", true},
    {"select * from users where f(age) > 1", true},
    {"insert into departments (id) values (1)", true},
    {"update users set age = 1", true},
    {"delete from users", true},
    {"create table x (id int)", true},
    {"drop table users", true},
    {"with w as (delete from users returning id) select id from w", true},
    {"explain analyze delete from users", true},
    {"EXPLAIN ANALYZE UPDATE users SET age = 1", true},
    {"explain (analyze, verbose) insert into departments (id) values (1)", true},
};

START_TEST(raw_sql_that_may_write)
{
    struct rig r;
    rig_init(&r, 1 << 20);
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        char text[256];
        snprintf(text, sizeof text, "{\"query\":{\"text\":\"%s\"}}", texts[_i].text);
        enum err e = rig_bind(&r, d, text);
        ck_assert_msg(e == ERR_OK, "%s: %s", text, r.fail.message);
        ck_assert_msg(r.bound.plan->touch.anything == texts[_i].anything, "%u %s", d, text);
    }
    rig_fini(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("touch");
    TCase *t = tcase_create("plans");
    tcase_add_loop_test(t, what_gives_another_result_the_next_time, 0,
                        (int)(sizeof verdicts / sizeof verdicts[0]));
    tcase_add_loop_test(t, one_value_of_a_key, 0, (int)(sizeof keys / sizeof keys[0]));
    tcase_add_test(t, the_value_is_that_of_the_request);
    tcase_add_loop_test(t, what_a_write_does, 0, (int)(sizeof writes / sizeof writes[0]));
    tcase_add_loop_test(t, raw_sql_that_may_write, 0, (int)(sizeof texts / sizeof texts[0]));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
