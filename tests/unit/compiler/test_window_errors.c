/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_window_errors.c: aggregates and windows that are refused,
 * at which spot. In the requests ' stands for a quotation mark.
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
    {"{'select':[{'a':{'over':'id'}}],'from':'users'}", ERR_BAD_QUERY, "/query/select/0/a/over",
     NULL},
    {"{'select':[{'a':{'over':['lower','name']}}],'from':'users'}", ERR_BAD_QUERY,
     "/query/select/0/a/over", NULL},
    {"{'select':[['row_number']],'from':'users'}", ERR_BAD_QUERY, "/query/select/0",
     "write {\"over\":[\"row_number\",…],\"order_by\":[…]}"},
    {"{'select':['id'],'from':'users','where':['=',{'over':['row_number'],'order_by':['id']},1]"
     "}",
     ERR_BAD_QUERY, "/query/where/1",
     "only in the select list and order_by; to use it elsewhere, select it in a subquery of "
     "`from`"},
    {"{'select':['city'],'from':'users','group_by':['city'],'having':['=',{'over':['row_number'"
     "],'order_by':['city']},1]}",
     ERR_BAD_QUERY, "/query/having/1",
     "only in the select list and order_by; to use it elsewhere, select it in a subquery of "
     "`from`"},
    {"{'select':[['count','*']],'from':'users','group_by':[{'over':['row_number'],'order_by':['"
     "id']}]}",
     ERR_BAD_QUERY, "/query/group_by/0",
     "only in the select list and order_by; to use it elsewhere, select it in a subquery of "
     "`from`"},
    {"{'select':[['sum',{'over':['row_number'],'order_by':['id']}]],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/1",
     "only in the select list and order_by; to use it elsewhere, select it in a subquery of "
     "`from`"},
    {"{'select':[{'a':{'over':['sum',{'over':['row_number'],'order_by':['id']}],'order_by':['"
     "id']}}],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/a/over/1",
     "only in the select list and order_by; to use it elsewhere, select it in a subquery of "
     "`from`"},
    {"{'select':[{'a':{'over':['count','*'],'partition_by':[{'over':['row_number'],'order_by':["
     "'id']}]}}],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/a/partition_by/0",
     "only in the select list and order_by; to use it elsewhere, select it in a subquery of "
     "`from`"},
    {"{'update':'users','set':{'age':{'over':['row_number'],'order_by':['id']}},'where':['=','"
     "id',-1]}",
     ERR_BAD_QUERY, "/query/set/age",
     "only in the select list and order_by; to use it elsewhere, select it in a subquery of "
     "`from`"},
    {"{'select':[['string_agg','name','city']],'from':'users'}", ERR_UNSUPPORTED_FEATURE,
     "/query/select/0/2", "`concat`"},
    {"{'select':[{'x':{'over':['ntile','age'],'order_by':['id']}}],'from':'users'}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/0/x/over/1", "`row_number`"},
    {"{'select':[['like','name','name','city']],'from':'users'}", ERR_UNSUPPORTED_FEATURE,
     "/query/select/0/3", "MariaDB"},
    {"{'select':[['distinct','city']],'from':'users'}", ERR_BAD_QUERY, "/query/select/0/0",
     "[\"distinct\",E]"},
    {"{'select':['city'],'from':'users','group_by':[['rollup','city']]}", ERR_BAD_QUERY,
     "/query/group_by/0/0", "{\"rollup\":[E…]}"},
    {"{'select':['city'],'from':'users','group_by':[['cube','city']]}", ERR_BAD_QUERY,
     "/query/group_by/0/0", "{\"cube\":[E…]}"},
    {"{'select':['city'],'from':'users','group_by':[['grouping_sets',['city']]]}",
     ERR_BAD_QUERY, "/query/group_by/0/0", "{\"grouping_sets\":[[E…]…]}"},
    {"{'select':[['every','is_active']],'from':'users'}", ERR_UNSUPPORTED_FEATURE,
     "/query/select/0/0", "bool_and"},
    {"{'select':['id'],'from':'users','where':['has','orders',true]}", ERR_UNSUPPORTED_FEATURE,
     "/query/where/0", "[\"exists\",{\"select\":…}]"},
    {"{'select':['id'],'from':'users','where':['none','orders',true]}", ERR_UNSUPPORTED_FEATURE,
     "/query/where/0", "[\"not\",[\"exists\""},
    {"{'select':['id'],'from':'users','where':['=','id',['ref','a','id']]}", ERR_BAD_QUERY,
     "/query/where/2/0", "param"},
    {"{'find':'User'}", ERR_UNSUPPORTED_FEATURE, "/query/find", "`select`"},
    {"{'select':['id',{'s':{'select':[['sum','u.age']],'from':'things'}}],'from':{'u':'users'}"
     "}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/1/s/select/0", "[\"count\",\"*\"]"},
    {"{'select':['id',{'s':{'select':[{'x':{'aggregate':['count','*'],'filter':'u.is_active'}}]"
     ","
     "'from':'things'}}],'from':{'u':'users'}}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/1/s/select/0/x/aggregate", "outer query"},
    {"{'select':[{'a':{'over':['count',['distinct','city']]}}],'from':'users'}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/0/a/over", NULL},
    {"{'select':[{'a':{'over':{'aggregate':['string_agg','name',{'value':','}],'order_by':['id'"
     "]}}}],'from':'users'}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/0/a/over/order_by/0", "order the window"},
    {"{'select':[{'a':{'over':['sum','id'],'order_by':['id'],'rows':[1,-1]}}],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/a/rows", NULL},
    {"{'select':[{'a':{'over':['sum','id'],'order_by':['id'],'rows':[1]}}],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/a/rows", NULL},
    {"{'select':[{'a':{'over':['sum','id'],'order_by':['id'],'rows':[-1.5,0]}}],'from':'users'"
     "}",
     ERR_BAD_QUERY, "/query/select/0/a/rows/0",
     "0 is the current row, null unbounded, -n n before it, n n behind it"},
    {"{'select':[{'a':{'over':['sum','id'],'order_by':['id'],'rows':[-9223372036854775808,0]}}]"
     ",'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/a/rows/0",
     "0 is the current row, null unbounded, -n n before it, n n behind it"},
    {"{'select':[{'a':{'over':['sum','id'],'order_by':['id'],'rows':[-1,0],'range':[-1,0]}}],'"
     "from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/a/range", NULL},
    {"{'select':[{'a':{'over':['sum','id'],'order_by':['id'],'exclude':'ties'}}],'from':'users'"
     "}",
     ERR_BAD_QUERY, "/query/select/0/a/exclude", NULL},
    {"{'select':[{'a':{'over':['sum','id'],'order_by':['id'],'rows':[-1,0],'exclude':'me'}}],'"
     "from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/a/exclude", NULL},
    {"{'select':[{'a':{'over':['sum','id'],'order_by':['id','age'],'range':[-1,0]}}],'from':'"
     "users'}",
     ERR_BAD_QUERY, "/query/select/0/a/range", NULL},
    {"{'select':[{'a':{'over':['sum','id'],'range':[-1,0]}}],'from':'users'}", ERR_BAD_QUERY,
     "/query/select/0/a/range", NULL},
    {"{'select':[{'a':{'over':['sum','id'],'groups':[-1,0]}}],'from':'users'}", ERR_BAD_QUERY,
     "/query/select/0/a", NULL},
    {"{'select':[{'a':{'over':['sum','id'],'window':'v'}}],'from':'users','window':{'w':{'"
     "order_by':['id']}}}",
     ERR_BAD_QUERY, "/query/select/0/a/window", "did you mean `w`?"},
    {"{'select':['id'],'from':'users','window':{'v':{'window':'w'},'w':{'order_by':['id']}}}",
     ERR_BAD_QUERY, "/query/window/v/window", NULL},
    {"{'select':[{'a':{'over':['sum','id'],'window':'w','partition_by':['id']}}],'from':'users'"
     ",'window':{'w':{'partition_by':['city']}}}",
     ERR_BAD_QUERY, "/query/select/0/a/partition_by", NULL},
    {"{'select':[{'a':{'over':['sum','id'],'window':'w','order_by':['id']}}],'from':'users','"
     "window':{'w':{'order_by':['id']}}}",
     ERR_BAD_QUERY, "/query/select/0/a/order_by", NULL},
    {"{'select':[{'a':{'over':['sum','id'],'window':'w','order_by':['id']}}],'from':'users','"
     "window':{'w':{'rows':[-1,0]}}}",
     ERR_BAD_QUERY, "/query/select/0/a/window", NULL},
    {"{'select':['id'],'from':'users','window':{'w':{'order_by':['idd']}}}", ERR_UNKNOWN_COLUMN,
     "/query/window/w/order_by/0", "did you mean `id`?"},
    {"{'select':[{'a':{'over':['row_number'],'order_by':[1]}}],'from':'users'}", ERR_BAD_QUERY,
     "/query/select/0/a/order_by/0", "databases would take it for a position; name a column"},
    {"{'select':[{'a':{'over':['row_number'],'orderby':['id']}}],'from':'users'}",
     ERR_UNKNOWN_KEY, "/query/select/0/a/orderby", "did you mean `order_by`?"},
    {"{'select':[{'a':{'over':['ntile',0],'order_by':['id']}}],'from':'users'}",
     ERR_OUT_OF_RANGE, "/query/select/0/a/over/1", NULL},
    {"{'select':[{'a':{'over':['lag','id',-1],'order_by':['id']}}],'from':'users'}",
     ERR_BAD_VALUE, "/query/select/0/a/over/2", NULL},
    {"{'select':[{'a':{'over':['lag','id','age'],'order_by':['id']}}],'from':'users'}",
     ERR_UNSUPPORTED_FEATURE, "/query/select/0/a/over/2", NULL},
    {"{'select':['city',{'a':{'over':['sum','age']}}],'from':'users','group_by':['city']}",
     ERR_BAD_QUERY, "/query/select/1/a/over/1", "add it to group_by"},
    {"{'select':['city',{'a':{'over':['rank'],'order_by':['age']}}],'from':'users','group_by':["
     "'city']}",
     ERR_BAD_QUERY, "/query/select/1/a/order_by/0", "add it to group_by"},
    {"{'select':[{'x':'age'},{'a':{'over':['rank'],'order_by':['x']}}],'from':'users'}",
     ERR_UNKNOWN_COLUMN, "/query/select/1/a/order_by/0",
     "a string in a query is a name; a text is written {\"value\":\"…\"}"},
    {"{'select':[['min','is_active']],'from':'users'}", ERR_TYPE_MISMATCH, "/query/select/0/1",
     "bool_and and bool_or are the aggregates of conditions"},
    {"{'select':[['var_pop',['distinct','age']]],'from':'users'}", ERR_UNSUPPORTED_FEATURE,
     "/query/select/0", "take it over a subquery with `distinct`"},
    {"{'select':[{'n':{'aggregate':['sum','age'],'order_by':['age']}}],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/n/order_by/0", NULL},
    {"{'select':[{'n':{'aggregate':['lower','name']}}],'from':'users'}", ERR_BAD_QUERY,
     "/query/select/0/n/aggregate", "such as [\"count\",\"*\"] or [\"sum\",\"total\"]"},
    {"{'select':[{'n':{'aggregate':'name'}}],'from':'users'}", ERR_BAD_QUERY,
     "/query/select/0/n/aggregate", "such as [\"count\",\"*\"] or [\"sum\",\"total\"]"},
    {"{'select':[{'n':{'aggregate':{'aggregate':['count','*']}}}],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/n/aggregate", NULL},
    {"{'select':[{'n':{'aggregate':['count','*'],'filter':['>',['count','*'],1]}}],'from':'"
     "users'}",
     ERR_BAD_QUERY, "/query/select/0/n/filter/1", NULL},
    {"{'select':[{'n':{'aggregate':['string_agg','name',{'value':','}],'order_by':[['count','*'"
     "]]}}],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/n/order_by/0", NULL},
    {"{'select':[{'n':{'aggregate':['count','*'],'filter':'age'}}],'from':'users'}",
     ERR_TYPE_MISMATCH, "/query/select/0/n/filter", NULL},
    {"{'select':[{'n':{'aggregate':['string_agg','name',{'value':','}],'order_by':[1]}}],'from'"
     ":'users'}",
     ERR_BAD_QUERY, "/query/select/0/n/order_by/0",
     "databases would take it for a position; name a column"},
    {"{'select':[{'n':{'aggregate':['string_agg','name',{'value':','}],'order_by':[]}}],'from':"
     "'users'}",
     ERR_EMPTY_LIST, "/query/select/0/n/order_by", NULL},
    {"{'select':[{'n':{'aggregate':['string_agg',['distinct','name'],{'value':','}],'order_by':"
     "['id']}}],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/n/order_by/0", NULL},
    {"{'select':[['string_agg','name','city']],'from':'users'}", ERR_UNSUPPORTED_FEATURE,
     "/query/select/0/2", NULL},
    {"{'select':[{'n':{'aggregate':['count','*'],'filtre':true}}],'from':'users'}",
     ERR_UNKNOWN_KEY, "/query/select/0/n/filtre", "did you mean `filter`?"},
    {"{'select':['id'],'from':'users','where':['>',{'aggregate':['count','*'],'filter':true},1]"
     "}",
     ERR_BAD_QUERY, "/query/where/1/aggregate",
     "a condition on an aggregate belongs in `having`"},
    {"{'select':[['json_object_agg','id','name']],'from':'users'}", ERR_TYPE_MISMATCH,
     "/query/select/0/1", NULL},
};

START_TEST(request_is_refused_at_the_spot)
{
    rig_refuse(&(struct rig_refusal){cases[_i].query, cases[_i].code, cases[_i].path,
                                     cases[_i].hint, ALL});
}
END_TEST

/* What one database refuses. */
static const struct {
    const char *query;
    bool refused[RIG_DIALECTS]; /* postgresql, mariadb, sqlite */
} partial[] = {
    {"{'select':[['array_agg','age']],'from':'users'}", {false, true, true}},
    {"{'select':[['json_object_agg','name','age']],'from':'users'}", {false, true, false}},
    {"{'select':[{'a':{'over':['json_agg','name']}}],'from':'users'}", {false, true, true}},
    {"{'select':[{'a':{'over':['string_agg','name',{'value':','}]}}],'from':'users'}",
     {false, true, false}},
    {"{'select':[{'a':{'over':['sum','age'],'order_by':['id'],'groups':[-1,0]}}],"
     "'from':'users'}",
     {false, true, false}},
    {"{'select':[{'a':{'over':['sum','age'],'rows':[null,0],'exclude':'ties'}}],"
     "'from':'users'}",
     {false, true, false}},
    {"{'select':[{'a':{'over':['sum','age'],'rows':[null,0],'exclude':'no_others'}}],"
     "'from':'users'}",
     {false, false, false}},
    {"{'select':[{'a':{'over':['sum','age'],'order_by':['salary'],'range':[-1,0]}}],"
     "'from':'users'}",
     {false, false, true}},
    {"{'select':[{'a':{'over':['sum','age'],'order_by':[{'asc':'id','nulls':'last'}],"
     "'range':[-1,0]}}],'from':'users'}",
     {false, true, false}},
    {"{'select':[{'a':{'aggregate':['fn.mode'],'within_group':['name']}}],'from':'users'}",
     {false, true, true}},
    {"{'select':[['fn.bit_and','age']],'from':'users'}", {false, true, true}},
    {"{'select':[{'a':{'over':['fn.bit_and','age'],'order_by':['id']}}],'from':'users'}",
     {false, true, true}},
    {"{'select':[{'a':{'over':{'aggregate':['fn.mode'],'within_group':['name']}}}],"
     "'from':'users'}",
     {true, true, true}},
    {"{'select':[['fn.both','age']],'from':'users'}", {true, true, true}},
};

/* Aggregates that PostgreSQL alone has, by name. */
static const struct {
    const char *query;
    enum err code;
    const char *path;
} native[] = {
    {"{'select':[['fn.mode']],'from':'users'}", ERR_BAD_QUERY, "/query/select/0"},
    {"{'select':[{'a':{'aggregate':['fn.mode'],'order_by':['id']}}],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/a/aggregate"},
    {"{'select':[{'a':{'aggregate':['count','*'],'within_group':['id']}}],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/a/within_group/0"},
    {"{'select':[{'a':{'aggregate':['fn.mode'],'within_group':[]}}],'from':'users'}",
     ERR_EMPTY_LIST, "/query/select/0/a/within_group"},
    {"{'select':[{'a':{'aggregate':['fn.mode'],'within_group':[1]}}],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/a/within_group/0"},
    {"{'select':[{'a':{'aggregate':['fn.percentile_disc',['distinct',0.5]],"
     "'within_group':['id']}}],'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/a/aggregate"},
    {"{'select':[{'a':{'aggregate':['fn.percentile_cont','id'],'within_group':['id']}}],"
     "'from':'users'}",
     ERR_BAD_QUERY, "/query/select/0/a/aggregate/1"},
    {"{'select':[{'a':{'aggregate':['fn.percentile_cont',0.5],'within_group':['name']}}],"
     "'from':'users'}",
     ERR_TYPE_MISMATCH, "/query/select/0/a/within_group/0"},
    {"{'select':['id'],'from':'users','where':['=',['fn.bit_and','age'],1]}", ERR_BAD_QUERY,
     "/query/where/1"},
    {"{'select':['id',['fn.regr_slope','age','id']],'from':'users'}", ERR_BAD_QUERY,
     "/query/select/0"},
    {"{'select':[['sum',['fn.regr_slope','age','id']]],'from':'users'}", ERR_BAD_QUERY,
     "/query/select/0/1"},
};

static void check_request(struct rig *r, unsigned d, const char *query, enum err want,
                          const char *path)
{
    char request[2048];
    snprintf(request, sizeof request, "{\"query\":%s}", query);
    for (char *p = strchr(request, '\''); p != NULL; p = strchr(p, '\'')) {
        *p = '"';
    }
    enum err e = rig_bind(r, d, request);
    ck_assert_msg(e == want, "%s: %s (%s)", request, err_wire(e), r->fail.message);
    ck_assert_msg(path == NULL || strcmp(r->fail.path, path) == 0, "%s: %s", request,
                  r->fail.path);
}

START_TEST(aggregates_by_name_have_rules)
{
    struct rig r;
    rig_init(&r, 1 << 16);
    check_request(&r, 0, native[_i].query, native[_i].code, native[_i].path);
    rig_fini(&r);
}
END_TEST

START_TEST(some_databases_refuse)
{
    struct rig r;
    rig_init(&r, 1 << 16);
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        enum err want = partial[_i].refused[d] ? ERR_UNSUPPORTED_FEATURE : ERR_OK;
        check_request(&r, d, partial[_i].query, want, NULL);
    }
    rig_fini(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("window_errors");
    TCase *tc = tcase_create("refused");
    tcase_add_loop_test(tc, request_is_refused_at_the_spot, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    tcase_add_loop_test(tc, some_databases_refuse, 0,
                        (int)(sizeof partial / sizeof partial[0]));
    tcase_add_loop_test(tc, aggregates_by_name_have_rules, 0,
                        (int)(sizeof native / sizeof native[0]));
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
