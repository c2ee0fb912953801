/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_query_errors.c: compounds, values and `with` that are
 * refused, at which spot. In the requests ' stands for a quotation mark.
 */
#include "refusal.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *query;
    enum err code;
    const char *path;
    const char *hint; /* part of it; NULL: any */
} cases[] = {
    /* compounds */
    {"{'union':[]}", ERR_EMPTY_LIST, "/query/union", NULL},
    {"{'union':[{'select':[1]}]}", ERR_BAD_ARITY, "/query/union", NULL},
    {"{'union':5}", ERR_BAD_QUERY, "/query/union", NULL},
    {"{'union':[{'select':[1]},5]}", ERR_BAD_QUERY, "/query/union/1", NULL},
    {"{'union':[{'select':[1]},{'insert':'users','rows':[{}]}]}", ERR_BAD_QUERY,
     "/query/union/1", NULL},
    {"{'union':[{'select':[1]},{'select':[2]}],'except':[]}", ERR_BAD_QUERY, "/query/except",
     "inside"},
    {"{'union':[{'select':[1]},{'select':[2]}],'where':true}", ERR_UNKNOWN_KEY, "/query/where",
     NULL},
    {"{'union':[{'select':[1]},{'select':[1,2]}]}", ERR_BAD_QUERY, "/query/union/1", NULL},
    {"{'union':[{'select':['id'],'from':'users'},{'select':['name'],'from':'users'}]}",
     ERR_TYPE_MISMATCH, "/query/union/1/select/0", "cast"},
    {"{'union':[{'select':['doc'],'from':'things'},{'select':['doc'],'from':'things'}]}",
     ERR_TYPE_MISMATCH, "/query/union/0/select/0", "union_all"},
    {"{'union':[{'select':['id'],'from':'users'},{'select':[1]}],'order_by':['age']}",
     ERR_UNKNOWN_COLUMN, "/query/order_by/0", NULL},
    {"{'union':[{'select':['id'],'from':'users'},{'select':[1]}],'order_by':['users.id']}",
     ERR_CARTESIAN_PRODUCT, "/query/order_by/0", NULL},
    {"{'union':[{'select':[1]},{'select':[1]}],'order_by':[1]}", ERR_BAD_QUERY,
     "/query/order_by/0", NULL},
    {"{'select':[1],'from':'users','where':['in','id',{'union':[{'select':[1,2]},"
     "{'select':[3,4]}]}]}",
     ERR_BAD_QUERY, "/query/where/2", NULL},
    /* values */
    {"{'values':[]}", ERR_EMPTY_LIST, "/query/values", NULL},
    {"{'values':5}", ERR_BAD_QUERY, "/query/values", NULL},
    {"{'values':[[]]}", ERR_EMPTY_LIST, "/query/values/0", NULL},
    {"{'values':[1]}", ERR_BAD_QUERY, "/query/values/0", NULL},
    {"{'values':[[1,2],[3]]}", ERR_BAD_ARITY, "/query/values/1", NULL},
    {"{'values':[[1],[{'value':'a'}]]}", ERR_TYPE_MISMATCH, "/query/values/1/0", NULL},
    {"{'values':[['id']]}", ERR_UNKNOWN_COLUMN, "/query/values/0/0", NULL},
    {"{'values':[[['count','*']]]}", ERR_BAD_QUERY, "/query/values/0", NULL},
    /* with */
    {"{'with':{},'select':[1]}", ERR_EMPTY_LIST, "/query/with", NULL},
    {"{'with':5,'select':[1]}", ERR_BAD_QUERY, "/query/with", NULL},
    {"{'with':{'':{'select':[1]}},'select':[1]}", ERR_BAD_QUERY, "/query/with/", NULL},
    {"{'with':{'a':5},'select':[1]}", ERR_BAD_QUERY, "/query/with/a", NULL},
    {"{'with':{},'delete':'users','where':true}", ERR_EMPTY_LIST, "/query/with", NULL},
    {"{'recursive':true,'delete':'users','where':true}", ERR_BAD_QUERY, "/query/recursive",
     NULL},
    {"{'with':{'a':{'select':['nam'],'from':'users'}},'delete':'users','where':true}",
     ERR_UNKNOWN_COLUMN, "/query/with/a/select/0", "name"},
    {"{'with':{'a':{'select':['users.age']}},'update':'users','set':{'age':1},'where':true}",
     ERR_CARTESIAN_PRODUCT, "/query/with/a/select/0", NULL},
    {"{'with':{'a':{'select':[1]}},'delete':'a','where':true}", ERR_UNKNOWN_TABLE,
     "/query/delete", NULL},
    {"{'with':{'a':{'select':['id'],'from':'users'}},'insert':'users',"
     "'columns':['name'],'from_query':{'select':['name'],'from':'a'}}",
     ERR_UNKNOWN_COLUMN, "/query/from_query/select/0", NULL},
    {"{'with':{'a':{'columns':['x']}},'select':[1]}", ERR_BAD_QUERY, "/query/with/a", NULL},
    {"{'with':{'a':{'columns':[],'query':{'select':[1]}}},'select':[1]}", ERR_EMPTY_LIST,
     "/query/with/a/columns", NULL},
    {"{'with':{'a':{'columns':[5],'query':{'select':[1]}}},'select':[1]}", ERR_BAD_QUERY,
     "/query/with/a/columns/0", NULL},
    {"{'with':{'a':{'columns':['x','x'],'query':{'select':[1,2]}}},'select':[1]}",
     ERR_DUPLICATE_NAME, "/query/with/a/columns/1", NULL},
    {"{'with':{'a':{'columns':['x','y'],'query':{'select':[1]}}},'select':[1]}", ERR_BAD_ARITY,
     "/query/with/a/columns", NULL},
    {"{'with':{'a':{'query':{'select':[1]},'materialized':1}},'select':[1]}", ERR_BAD_QUERY,
     "/query/with/a/materialized", NULL},
    {"{'with':{'a':{'query':{'select':[1]},'cached':true}},'select':[1]}", ERR_UNKNOWN_KEY,
     "/query/with/a/cached", NULL},
    {"{'with':{'a':{'select':['id','id'],'from':'users'}},'select':[1]}", ERR_DUPLICATE_NAME,
     "/query/with/a", NULL},
    {"{'with':{'a':{'select':['x'],'from':'b'},'b':{'select':[{'x':1}]}},'select':[1]}",
     ERR_UNKNOWN_TABLE, "/query/with/a/from", NULL},
    {"{'recursive':true,'select':[1]}", ERR_BAD_QUERY, "/query/recursive", NULL},
    {"{'recursive':1,'with':{'a':{'select':[1]}},'select':[1]}", ERR_BAD_QUERY,
     "/query/recursive", NULL},
    {"{'with':{'a':{'select':[{'x':1}]}},'select':['y'],'from':'a'}", ERR_UNKNOWN_COLUMN,
     "/query/select/0", NULL},
    /* the first of each, ties */
    {"{'select':[1],'distinct':[1]}", ERR_BAD_QUERY, "/query/distinct/0", NULL},
    {"{'select':[1],'distinct':[]}", ERR_EMPTY_LIST, "/query/distinct", NULL},
    {"{'select':[1],'distinct':['nmae'],'from':'users'}", ERR_UNKNOWN_COLUMN,
     "/query/distinct/0", "`name`"},
    {"{'select':[1],'distinct':['doc'],'from':'things'}", ERR_TYPE_MISMATCH,
     "/query/distinct/0", NULL},
    {"{'select':['id'],'distinct':['city'],'from':'users','order_by':['id']}", ERR_BAD_QUERY,
     "/query/order_by/0", NULL},
    {"{'select':['id'],'distinct':['city','age'],'from':'users','order_by':['age','id']}",
     ERR_BAD_QUERY, "/query/order_by/1", NULL},
    {"{'select':[['count','*']],'distinct':['city'],'from':'users','group_by':['age']}",
     ERR_BAD_QUERY, "/query/distinct/0", "group_by"},
    {"{'select':['id'],'from':'users','with_ties':true}", ERR_BAD_QUERY, "/query/with_ties",
     NULL},
    {"{'select':['id'],'from':'users','limit':1,'with_ties':true}", ERR_BAD_QUERY,
     "/query/with_ties", NULL},
    {"{'select':['id'],'from':'users','limit':1,'with_ties':1}", ERR_BAD_QUERY,
     "/query/with_ties", NULL},
    {"{'select':['id'],'from':'users','where':['in','id',{'select':['user_id'],'from':'orders',"
     "'group_by':['users.age']}]}",
     ERR_UNSUPPORTED_FEATURE, "/query/where/2/group_by/0", "outside"},
    /* for */
    {"{'select':[1],'for':{}}", ERR_BAD_QUERY, "/query/for", NULL},
    {"{'select':[1],'for':true}", ERR_BAD_QUERY, "/query/for", NULL},
    {"{'select':[1],'for':{'update':1}}", ERR_BAD_QUERY, "/query/for/update", NULL},
    {"{'select':[1],'for':{'update':true,'share':true}}", ERR_BAD_QUERY, "/query/for/share",
     NULL},
    {"{'select':[1],'for':{'update':true,'nowait':true,'skip_locked':true}}", ERR_BAD_QUERY,
     "/query/for/skip_locked", NULL},
    {"{'select':[1],'for':{'update':true,'wait':5}}", ERR_UNKNOWN_KEY, "/query/for/wait", NULL},
    {"{'select':[1],'for':{'update':true}}", ERR_BAD_QUERY, "/query/for", NULL},
    {"{'select':['id'],'from':'users','for':{'update':true,'of':[]}}", ERR_EMPTY_LIST,
     "/query/for/of", NULL},
    {"{'select':['id'],'from':'users','for':{'update':true,'of':['user']}}", ERR_UNKNOWN_TABLE,
     "/query/for/of/0", "`users`"},
    {"{'select':['d.id'],'from':{'d':{'select':['id'],'from':'users'}},'for':{'update':true,"
     "'of':['d']}}",
     ERR_BAD_QUERY, "/query/for/of/0", NULL},
    {"{'select':['d.id'],'from':{'d':{'select':['id'],'from':'users'}},'for':{'update':true}}",
     ERR_BAD_QUERY, "/query/for", NULL},
    {"{'select':['u.id'],'from':{'u':'users'},'join':[{'left':'orders'}],'for':{'update':"
     "true}}",
     ERR_BAD_QUERY, "/query/for", "`of`"},
    {"{'select':['city'],'distinct':true,'from':'users','for':{'update':true}}", ERR_BAD_QUERY,
     "/query/for", NULL},
    {"{'select':['city'],'from':'users','group_by':['city'],'for':{'update':true}}",
     ERR_BAD_QUERY, "/query/for", NULL},
    {"{'select':[{'n':{'over':['row_number']}}],'from':'users','for':{'update':true}}",
     ERR_BAD_QUERY, "/query/for", NULL},
    {"{'union':[{'select':['id'],'from':'users','for':{'update':true}},{'select':[1]}]}",
     ERR_BAD_QUERY, "/query/union/0/for", NULL},
/* after */
#define PAGE(order, after)                                                                     \
    "{'select':['id'],'from':'users','order_by':[" order "],'limit':2,'after':" after "}"
    {PAGE("'id'", "{}"), ERR_EMPTY_LIST, "/query/after", NULL},
    {PAGE("'id'", "5"), ERR_BAD_QUERY, "/query/after", NULL},
    {PAGE("'id'", "{'age':5}"), ERR_BAD_QUERY, "/query/after/age", NULL},
    {PAGE("'age','id'", "{'age':5}"), ERR_BAD_QUERY, "/query/after", NULL},
    {PAGE("'id'", "{'id':'age'}"), ERR_BAD_QUERY, "/query/after/id", "value"},
    {PAGE("'id'", "{'id':['+',1,2]}"), ERR_BAD_QUERY, "/query/after/id", NULL},
    {PAGE("'id'", "{'id':{'value':'x'}}"), ERR_TYPE_MISMATCH, "/query/after/id", NULL},
    {PAGE("'age'", "{'age':5}"), ERR_BAD_QUERY, "/query/after", "primary key"},
    {PAGE("['+','id',1]", "{'id':5}"), ERR_BAD_QUERY, "/query/after", "primary key"},
    {PAGE("'id',['+','age',1]", "{'id':5}"), ERR_BAD_QUERY, "/query/order_by/1", "alias"},
    {PAGE("'id',['random']", "null"), ERR_BAD_QUERY, "/query/order_by/1", NULL},
    {"{'select':['id'],'from':'users','after':{'id':1}}", ERR_BAD_QUERY, "/query/after", NULL},
    {"{'select':['id'],'distinct':['id'],'from':'users','order_by':['id'],'after':{'id':1}}",
     ERR_UNSUPPORTED_FEATURE, "/query/after", "subquery"},
    {"{'select':['id'],'from':'things','order_by':['single','id'],'after':{'single':1,'id':1}}",
     ERR_TYPE_MISMATCH, "/query/order_by/0", "double"},
    {"{'union':[{'select':[1]},{'select':[2]}],'after':null}", ERR_UNSUPPORTED_FEATURE,
     "/query/after", NULL},
/* grouping sets */
#define GROUPED(items, group) "{'select':[" items "],'from':'users','group_by':[" group "]}"
    {GROUPED("'city'", "{'rollup':[]}"), ERR_EMPTY_LIST, "/query/group_by/0/rollup", NULL},
    {GROUPED("'city'", "{'cube':'city'}"), ERR_BAD_QUERY, "/query/group_by/0/cube", NULL},
    {GROUPED("'city'", "{'grouping_sets':[]}"), ERR_EMPTY_LIST,
     "/query/group_by/0/grouping_sets", NULL},
    {GROUPED("'city'", "{'grouping_sets':['city']}"), ERR_BAD_QUERY,
     "/query/group_by/0/grouping_sets/0", NULL},
    {GROUPED("'city'", "{'rollup':['city'],'cube':['age']}"), ERR_BAD_QUERY,
     "/query/group_by/0", NULL},
    {GROUPED("'city'", "{'cube':['id','name','email','age','city','bio','salary','born',"
                       "'is_active']}"),
     ERR_QUERY_TOO_LARGE, "/query/group_by/0/cube", NULL},
    {GROUPED("'city'", "{'cube':['id','name','email','age','city','bio','salary','born']},"
                       "{'cube':['id','name']}"),
     ERR_QUERY_TOO_LARGE, "/query/group_by/1", NULL},
    {GROUPED("'name'", "{'rollup':['id']}"), ERR_BAD_QUERY, "/query/select/0", "group_by"},
    {GROUPED("['grouping','age']", "{'rollup':['id']}"), ERR_BAD_QUERY, "/query/select/0/1",
     NULL},
    {GROUPED("['sum',['grouping','id']]", "{'rollup':['id']}"), ERR_BAD_QUERY,
     "/query/select/0/1/1", NULL},
    {GROUPED("'city'", "{'rollup':[1]}"), ERR_BAD_QUERY, "/query/group_by/0/rollup/0", NULL},
    {GROUPED("'city'", "{'rollup':['nmae']}"), ERR_UNKNOWN_COLUMN, "/query/group_by/0/rollup/0",
     "`name`"},
/* recursion */
#define RECURSIVE(body) "{'with':{'t':" body "},'recursive':true,'select':'*','from':'t'}"
#define FIRST "{'select':['id'],'from':'users'}"
    {RECURSIVE("{'select':['id'],'from':'t'}"), ERR_BAD_QUERY, "/query/with/t/from", "last"},
    {RECURSIVE("{'union':[{'select':['id'],'from':'t'}," FIRST "]}"), ERR_BAD_QUERY,
     "/query/with/t/union/0/from", "last"},
    {RECURSIVE("{'except':[" FIRST ",{'select':['id'],'from':'t'}]}"), ERR_BAD_QUERY,
     "/query/with/t/except/1/from", "last"},
    {RECURSIVE("{'union':[" FIRST ",{'select':[['count','*']],'from':'t'}]}"), ERR_BAD_QUERY,
     "/query/with/t/union/1", "grouping"},
    {RECURSIVE("{'union':[" FIRST ",{'select':['id'],'from':'t','limit':1}]}"), ERR_BAD_QUERY,
     "/query/with/t/union/1", "limit"},
    {RECURSIVE("{'union':[" FIRST ",{'select':['id'],'distinct':true,'from':'t'}]}"),
     ERR_BAD_QUERY, "/query/with/t/union/1", "distinct"},
    {RECURSIVE("{'union':[" FIRST ",{'select':['id'],'from':'t'}],'limit':1}"), ERR_BAD_QUERY,
     "/query/with/t", "limit"},
    {RECURSIVE("{'union':[" FIRST ",{'select':['a.id'],'from':{'a':'t'},'join':[{'inner':"
               "{'b':'t'},'on':['=','a.id','b.id']}]}]}"),
     ERR_BAD_QUERY, "/query/with/t/union/1/join/0/inner/b", "once"},
    {RECURSIVE("{'union':[" FIRST ",{'select':['u.id'],'from':{'u':'users'},'join':[{'left':"
               "'t','on':['=','u.id','t.id']}]}]}"),
     ERR_BAD_QUERY, "/query/with/t/union/1/join/0/left", NULL},
    {RECURSIVE("{'union':[" FIRST ",{'select':['u.id'],'from':{'u':'users'},'where':['in',"
               "'u.id',{'select':['id'],'from':'t'}]}]}"),
     ERR_BAD_QUERY, "/query/with/t/union/1/where/2/from", NULL},
    {RECURSIVE("{'union':[" FIRST ",{'select':[['*','id',1.5]],'from':'t'}]}"),
     ERR_TYPE_MISMATCH, "/query/with/t/union/1/select/0", "cast"},
};

START_TEST(request_is_refused_at_the_spot)
{
    rig_refuse(&(struct rig_refusal){cases[_i].query, cases[_i].code, cases[_i].path,
                                     cases[_i].hint, ALL});
}
END_TEST

/* SQLite takes no more parts. */
START_TEST(a_compound_has_a_bound)
{
    struct rig r;
    static char request[32768];
    size_t n = (size_t)snprintf(request, sizeof request, "{\"query\":{\"union_all\":[");
    for (int i = 0; i < 501; i++) {
        n += (size_t)snprintf(request + n, sizeof request - n, "%s{\"select\":[%d]}",
                              i > 0 ? "," : "", i);
    }
    snprintf(request + n, sizeof request - n, "]}}");
    rig_init(&r, 1 << 16);
    ck_assert_int_eq(rig_bind(&r, 2, request), ERR_QUERY_TOO_LARGE);
    rig_fini(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("query_errors");
    TCase *tc = tcase_create("refused");
    tcase_add_loop_test(tc, request_is_refused_at_the_spot, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(tc, a_compound_has_a_bound);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
