/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_inner_writes.c: writes in `with` that are refused;
 * PostgreSQL alone has any.
 */
#include "refusal.h"

#include <check.h>

#define GONE "{'query':{'with':{'a':{'delete':'users','where':true,'returning':['id']}},"

static const struct rig_refusal cases[] = {
    {"{'with':{'a':{'delete':'users','where':true}},'select':['id'],'from':'a'}", ERR_BAD_QUERY,
     "/query/from", "returning", PG},
    {"{'with':{'a':{'delete':'users'}},'select':[1]}", ERR_MISSING_WHERE, "/query/with/a", NULL,
     PG},
    {"{'select':[1],'where':['exists',{'with':{'a':{'delete':'users','where':true}},"
     "'select':[1]}]}",
     ERR_UNSUPPORTED_FEATURE, "/query/where/1/with/a", "whole statement", PG},
    {"{'with':{'a':{'with':{'b':{'delete':'users','where':true}},'select':[1]}},'select':[1]}",
     ERR_UNSUPPORTED_FEATURE, "/query/with/a/with/b", "whole statement", PG},
    {"{'with':{'a':{'insert':'users','rows':[{'name':'x'}]}},'select':[1]}",
     ERR_UNSUPPORTED_FEATURE, "/query/with/a/rows", "`values`", PG},
    {"{'with':{'a':{'update':'users','data':{'age':1},'where':true}},'select':[1]}",
     ERR_UNSUPPORTED_FEATURE, "/query/with/a/data", "`set`", PG},
    {"{'with':{'a':{'insert':'users','set':{'age':1},'conflict':{'on':['id'],'do':'update',"
     "'data':{'age':2}}}},'select':[1]}",
     ERR_UNSUPPORTED_FEATURE, "/query/with/a/conflict/data", "`set`", PG},
    {"{'with':{'a':{'update':'users','set':{'agee':1},'where':true}},'select':[1]}",
     ERR_UNKNOWN_COLUMN, "/query/with/a/set/agee", "`age`", PG},
    {"{'with':{'a':{'update':'users','set':{},'where':true}},'select':[1]}", ERR_EMPTY_LIST,
     "/query/with/a/set", NULL, PG},
    {"{'with':{'a':{'delete':'users','where':true}},'update':'users','set':{'age':1},"
     "'where':true}",
     ERR_UNSUPPORTED_FEATURE, "/query/update", "two statements", PG},
    {"{'with':{'a':{'delete':'orders','where':true}},'insert':'users','rows':[{'name':'x'}]}",
     ERR_UNSUPPORTED_FEATURE, "/query/rows", "`values`", PG},
    {"{'with':{'a':{'delete':'users','where':['in','id',{'select':['id'],'from':'a'}],"
     "'returning':['id']}},'recursive':true,'select':['id'],'from':'a'}",
     ERR_BAD_QUERY, "/query/with/a/where/2/from", NULL, PG},
    /* all of it is done or nothing */
    {GONE "'select':['id'],'from':'a'},'expect':'count'}", ERR_BAD_REQUEST, "/query", NULL, PG},
    {GONE "'select':['id'],'from':'a'},'expect':'exists'}", ERR_BAD_REQUEST, "/query", NULL,
     PG},
    /* elsewhere */
    {GONE "'select':['id'],'from':'a'}}", ERR_UNSUPPORTED_FEATURE, "/query/with/a", "before",
     MARIA | SQLITE},
};

START_TEST(write_is_refused_at_the_spot)
{
    rig_refuse(&cases[_i]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("inner_writes");
    TCase *tc = tcase_create("refused");
    tcase_add_loop_test(tc, write_is_refused_at_the_spot, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
