/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_inner_writes.c: writes in `with`, which PostgreSQL alone
 * has. In the requests ' stands for a quotation mark.
 */
#include "rig.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define GONE "'with':{'a':{'delete':'users','where':true,'returning':['id']}}"

enum { PG = 0 };

static const struct {
    const char *query;
    enum err code;
    const char *path;
    const char *hint; /* part of it; NULL: any */
} cases[] = {
    {"{'with':{'a':{'delete':'users','where':true}},'select':['id'],'from':'a'}", ERR_BAD_QUERY,
     "/query/from", "returning"},
    {"{'with':{'a':{'delete':'users'}},'select':[1]}", ERR_MISSING_WHERE, "/query/with/a",
     NULL},
    {"{'select':[1],'where':['exists',{'with':{'a':{'delete':'users','where':true}},"
     "'select':[1]}]}",
     ERR_UNSUPPORTED_FEATURE, "/query/where/1/with/a", "whole statement"},
    {"{'with':{'a':{'with':{'b':{'delete':'users','where':true}},'select':[1]}},'select':[1]}",
     ERR_UNSUPPORTED_FEATURE, "/query/with/a/with/b", "whole statement"},
    {"{'with':{'a':{'insert':'users','rows':[{'name':'x'}]}},'select':[1]}",
     ERR_UNSUPPORTED_FEATURE, "/query/with/a/rows", "`values`"},
    {"{'with':{'a':{'update':'users','data':{'age':1},'where':true}},'select':[1]}",
     ERR_UNSUPPORTED_FEATURE, "/query/with/a/data", "`set`"},
    {"{'with':{'a':{'insert':'users','set':{'age':1},'conflict':{'on':['id'],'do':'update',"
     "'data':{'age':2}}}},'select':[1]}",
     ERR_UNSUPPORTED_FEATURE, "/query/with/a/conflict/data", "`set`"},
    {"{'with':{'a':{'update':'users','set':{'agee':1},'where':true}},'select':[1]}",
     ERR_UNKNOWN_COLUMN, "/query/with/a/set/agee", "`age`"},
    {"{'with':{'a':{'update':'users','set':{},'where':true}},'select':[1]}", ERR_EMPTY_LIST,
     "/query/with/a/set", NULL},
    {"{'with':{'a':{'delete':'users','where':true}},'update':'users','set':{'age':1},"
     "'where':true}",
     ERR_UNSUPPORTED_FEATURE, "/query/update", "two statements"},
    {"{'with':{'a':{'delete':'orders','where':true}},'insert':'users','rows':[{'name':'x'}]}",
     ERR_UNSUPPORTED_FEATURE, "/query/rows", "`values`"},
    {"{'with':{'a':{'delete':'users','where':['in','id',{'select':['id'],'from':'a'}],"
     "'returning':['id']}},'recursive':true,'select':['id'],'from':'a'}",
     ERR_BAD_QUERY, "/query/with/a/where/2/from", NULL},
};

static enum err bind(struct rig *r, unsigned dialect, const char *text)
{
    char request[2048];
    snprintf(request, sizeof request, "%s", text);
    for (char *p = strchr(request, '\''); p != NULL; p = strchr(p, '\'')) {
        *p = '"';
    }
    return rig_bind(r, dialect, request);
}

START_TEST(request_is_refused_at_the_spot)
{
    struct rig r;
    char request[2048];
    rig_init(&r, 1 << 16);
    snprintf(request, sizeof request, "{'query':%s}", cases[_i].query);
    enum err e = bind(&r, PG, request);
    ck_assert_msg(e == cases[_i].code, "%s: %s (%s)", request, err_wire(e), r.fail.message);
    ck_assert_msg(strcmp(r.fail.path, cases[_i].path) == 0, "%s: at %s", request, r.fail.path);
    ck_assert_msg(cases[_i].hint == NULL || strstr(r.fail.hint, cases[_i].hint) != NULL,
                  "%s: hint %s", request, r.fail.hint);
    rig_fini(&r);
}
END_TEST

START_TEST(other_databases_have_none)
{
    struct rig r;
    rig_init(&r, 1 << 16);
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        enum err e = bind(&r, d, "{'query':{" GONE ",'select':['id'],'from':'a'}}");
        ck_assert_int_eq(e, d == PG ? ERR_OK : ERR_UNSUPPORTED_FEATURE);
        ck_assert(d == PG || strcmp(r.fail.path, "/query/with/a") == 0);
    }
    rig_fini(&r);
}
END_TEST

START_TEST(it_is_not_only_counted)
{
    struct rig r;
    rig_init(&r, 1 << 16);
    ck_assert_int_eq(
        bind(&r, PG, "{'query':{" GONE ",'select':['id'],'from':'a'},'expect':'count'}"),
        ERR_BAD_REQUEST);
    ck_assert_int_eq(
        bind(&r, PG, "{'query':{" GONE ",'select':['id'],'from':'a'},'expect':'exists'}"),
        ERR_BAD_REQUEST);
    rig_fini(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("inner_writes");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, request_is_refused_at_the_spot, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(tc, other_databases_have_none);
    tcase_add_test(tc, it_is_not_only_counted);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
