/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_share.c: which statements may share a connection, how many rows
 * are proven, and which reads by key become one. In the requests ' stands for a quotation
 * mark.
 */
#include "rig.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define PG 0
#define MARIA 1
#define SQLITE 2

static void must_bind(struct rig *r, unsigned d, const char *query)
{
    static char text[4096];
    bool whole = strncmp(query, "{'query'", 8) == 0;
    snprintf(text, sizeof text, whole ? "%s" : "{\"query\":%s}", query);
    for (char *p = strchr(text, '\''); p != NULL; p = strchr(p, '\'')) {
        *p = '"';
    }
    enum err e = rig_bind(r, d, text);
    ck_assert_msg(e == ERR_OK, "%s: %s (%s)", text, err_wire(e), r->fail.message);
}

static const struct statement *statement_of(const struct rig *r)
{
    return &r->bound.plan->steps[0].stmt;
}

/* ---- sharing ---- */

#define BY_ID "'where':['=','id',7]"
#define USERS(rest) "{'select':['name'],'from':'users'" rest "}"
#define EXPECT(query, what) "{'query':" query ",'expect':'" what "'}"

static const struct {
    const char *query;
    enum share share;
    uint32_t bound, limit;
} shares[] = {
    /* reads */
    {USERS(), SHARE_READ, 0, 0},
    {USERS("," BY_ID), SHARE_READ, 1, 0},
    {USERS(",'where':['and',['=','id',7],['=','age',3]]"), SHARE_READ, 1, 0},
    {USERS(",'limit':5"), SHARE_READ, 0, 1},
    {USERS(",'where':['=','age',3],'limit':5"), SHARE_READ, 0, 2},
    {"{'query':" USERS(",'where':['=','age',3],'limit':':n'") ",'params':{'n':4}}", SHARE_READ,
     0, 2},
    {EXPECT(USERS(",'order_by':['age'],'limit':5"), "first"), SHARE_READ, 1, 0},
    {EXPECT(USERS(), "first"), SHARE_READ, 1, 0},
    {EXPECT(USERS(), "one"), SHARE_READ, 2, 0},
    {EXPECT(USERS(",'limit':5"), "one"), SHARE_READ, 2, 1},
    {EXPECT(USERS(), "count"), SHARE_READ, 1, 0},
    {EXPECT(USERS(), "exists"), SHARE_READ, 1, 0},
    {"{'select':[['count','*']],'from':'users'}", SHARE_READ, 1, 0},
    {"{'select':[['now']]}", SHARE_READ, 1, 0},
    {"{'select':['name'],'from':'users','order_by':['age'],'limit':2,'with_ties':true}",
     SHARE_READ, 0, 0},
    {"{'union':[{'select':['id'],'from':'users'},{'select':['id'],'from':'orders'}]}",
     SHARE_READ, 0, 0},
    {"{'with':{'t':{'select':['id'],'from':'users'}},'select':['id'],'from':'t'}", SHARE_READ,
     0, 0},
    {"{'select':[['random']]}", SHARE_NO, 1, 0},
    {USERS("," BY_ID ",'for':{'update':true}"), SHARE_NO, 0, 0},
    {"{'select':['name'],'from':'adults'}", SHARE_NO, 0, 0},
    {"{'select':[['count','*']],'from':{'x':{'select':['name'],'from':'adults'}}}", SHARE_NO, 1,
     0},
    {"{'text':'SELECT 1'}", SHARE_NO, 0, 0},
    {"{'text':'SELECT 1','columns':{'a':'integer'}}", SHARE_NO, 0, 0},
    {"{'select':[['fn.pause',1]],'from':'users'}", SHARE_NO, 0, 0},
    {"{'select':[['fn.today']],'from':'users'}", SHARE_READ, 0, 0},
    {"{'select':['id'],'from':'users','where':['in','id',{'select':['id'],'from':'adults'}]}",
     SHARE_NO, 0, 0},
    /* writes */
    {"{'update':'users','set':{'age':['fn.pause',1]}," BY_ID "}", SHARE_NO, 0, 0},
    {"{'update':'users','set':{'age':3},'where':['=','id',7],'returning':['id']}", SHARE_WRITE,
     1, 0},
    {"{'update':'users','set':{'age':3},'where':['>','id',7],'returning':['id']}", SHARE_NO, 0,
     0},
    {"{'delete':'users'," BY_ID "}", SHARE_WRITE, 1, 0},
    {"{'with':{'t':{'delete':'orders','where':true,'returning':['id']}},'select':['id'],'from':"
     "'t'}",
     SHARE_NO, 0, 0},
    {"{'with':{'t':{'select':['id'],'from':'adults'}},'delete':'users','where':['in','id',"
     "{'select':['id'],'from':'t'}]}",
     SHARE_NO, 0, 0},
    {"{'insert':'users','rows':[{'id':1}]}", SHARE_WRITE, 1, 0},
    {"{'insert':'users','rows':[{'id':1}],'returning':['id']}", SHARE_WRITE, 1, 0},
    {"{'insert':'users','columns':['id'],'values':[[1],[2]]}", SHARE_WRITE, 0, 0},
    {"{'insert':'users','columns':['id'],'values':[[1],[2]],'returning':['id']}", SHARE_NO, 0,
     0},
    {"{'insert':'users','columns':['id'],'from_query':{'select':['id'],'from':'orders'}}",
     SHARE_WRITE, 0, 0},
    {"{'insert':'things','rows':[{'small':1}]}", SHARE_WRITE, 1, 0},
    {"{'update':'users','set':{'age':3}," BY_ID "}", SHARE_WRITE, 1, 0},
    {"{'update':'users','set':{'age':3},'where':['>','age',7]}", SHARE_WRITE, 0, 0},
    {"{'insert':'users','rows':[{'id':1}],'conflict':{'on':['id'],'do':'update','set':"
     "{'name':'new.name'}}}",
     SHARE_WRITE, 1, 0},
};

START_TEST(statements_say_whether_they_share)
{
    struct rig r;
    rig_init(&r, 1 << 20);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        const char *query = shares[i].query;
        must_bind(&r, PG, query);
        const struct statement *s = statement_of(&r);
        ck_assert_msg(s->share == shares[i].share, "%s: shares %d", query, (int)s->share);
        if (s->share == SHARE_NO) {
            continue;
        }
        ck_assert_msg(s->row_bound == shares[i].bound, "%s: bound %u", query, s->row_bound);
        ck_assert_msg(s->limit_param == shares[i].limit, "%s: limit %u", query, s->limit_param);
    }
    rig_fini(&r);
}
END_TEST

/* Inserts of one row into a plain table alone share a commit. */
START_TEST(inserts_say_whether_they_group)
{
    static const struct {
        const char *query;
        bool groups;
    } cases[] = {
        {"{'insert':'users','rows':[{'id':1}]}", true},
        {"{'insert':'users','set':{'id':1,'name':['upper',{'value':'x'}]}}", true},
        {"{'insert':'users','rows':[{'id':1}],'returning':['id','name']}", true},
        {"{'insert':'users','columns':['id'],'values':[[1]]}", true},
        {"{'insert':'users','columns':['id'],'values':[[1],[2]]}", false},
        {"{'insert':'users','columns':['id'],'from_query':{'select':['id'],'from':'orders'}}",
         false},
        {"{'insert':'users','set':{'id':{'select':[['max','id']],'from':'orders'}}}", false},
        {"{'insert':'users','set':{'id':1,'age':['fn.pause',1]}}", false},
        {"{'insert':'users','rows':[{'id':1}],'conflict':{'on':['id'],'do':'nothing'}}", false},
        {"{'update':'users','set':{'age':3}," BY_ID "}", false},
        {"{'delete':'users'," BY_ID "}", false},
        {USERS("," BY_ID), false},
    };
    struct rig r;
    rig_init(&r, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        must_bind(&r, PG, cases[i].query);
        ck_assert_msg(statement_of(&r)->groups == cases[i].groups, "%s", cases[i].query);
    }
    rig_fini(&r);
}
END_TEST

static void check_alone(struct rig *r, unsigned d, const char *query)
{
    must_bind(r, d, query);
    for (uint32_t i = 0; i < r->bound.plan->step_count; i++) {
        enum share share = r->bound.plan->steps[i].stmt.share;
        ck_assert_msg(share == SHARE_NO, "%s: shares %d", query, (int)share);
    }
}

/* Where a write takes several statements, none of them may share. */
START_TEST(several_statements_share_nothing)
{
    struct rig r;
    rig_init(&r, 1 << 20);
    check_alone(&r, MARIA,
                "{'update':'users','set':{'age':3},'where':['=','id',7],'returning':['id']}");
    check_alone(&r, MARIA,
                "{'insert':'users','rows':[{'id':1}],'conflict':{'on':['id'],'do':"
                "'nothing'}}");
    check_alone(&r, PG, "{'insert':'users','rows':[{'id':1},{'name':'x'}]}");
    check_alone(&r, SQLITE, "{'select':['id'],'from':'users','for':{'update':true}}");
    rig_fini(&r);
}
END_TEST

/* ---- fusions ---- */

#define TOKENS(rest) "{'select':['a'],'from':'tokens','where':" rest "}"
#define SQL(items, type) "SELECT " items " FROM \"public\".\"tokens\" WHERE " type

static const struct {
    const char *query;
    const char *sql; /* of many keys, on PostgreSQL */
} fused[] = {
    {TOKENS("['=','id',7]"),
     SQL("\"tokens\".\"a\", \"tokens\".\"id\"", "\"tokens\".\"id\" = ANY($1::int8[])")},
    {"{'query':" TOKENS("['=',':p','id']") ",'params':{'p':7}}",
     SQL("\"tokens\".\"a\", \"tokens\".\"id\"", "\"tokens\".\"id\" = ANY($1::int8[])")},
    {TOKENS("['=','small',70000]"),
     SQL("\"tokens\".\"a\", \"tokens\".\"small\"", "\"tokens\".\"small\" = ANY($1::int4[])")},
    {TOKENS("['=','uid',{'value':'00000000-0000-4000-8000-000000000001'}]"),
     SQL("\"tokens\".\"a\", \"tokens\".\"uid\"", "\"tokens\".\"uid\" = ANY($1::uuid[])")},
    {TOKENS("['=','code',{'value':'x'}]"),
     SQL("\"tokens\".\"a\", \"tokens\".\"code\"", "\"tokens\".\"code\" = ANY($1::varchar[])")},
};

static void check_columns(const struct statement *plain, const struct statement *s)
{
    ck_assert_uint_eq(s->column_count, plain->column_count + 1);
    ck_assert(str_eq(s->columns[s->column_count - 1].table, STR("tokens")));
    for (uint32_t i = 0; i < plain->column_count; i++) {
        ck_assert(str_eq(s->columns[i].name, plain->columns[i].name));
    }
    ck_assert(s->read_only && s->share == SHARE_READ && s->fusion_count == 0);
}

START_TEST(reads_by_key_are_fused_by_an_array)
{
    struct rig r;
    rig_init(&r, 1 << 20);
    for (size_t i = 0; i < sizeof fused / sizeof fused[0]; i++) {
        must_bind(&r, PG, fused[i].query);
        const struct statement *plain = statement_of(&r);
        ck_assert_msg(plain->fusion_count == 1, "%s is not fused", fused[i].query);
        const struct fusion *f = plain->fusions;
        ck_assert_uint_eq(f->keys, 0);
        ck_assert_str_eq(f->stmt->sql_many.ptr, fused[i].sql);
        ck_assert_uint_eq(f->stmt->param_count, 1);
        ck_assert(f->stmt->param_types[0].native == plain->param_types[0].native);
        ck_assert(f->stmt->id != 0 && f->stmt->id != plain->id);
        check_columns(plain, f->stmt);
    }
    rig_fini(&r);
}
END_TEST

START_TEST(reads_by_key_are_fused_by_lists)
{
    static const uint32_t keys[] = {4, 16, 64, 256};
    struct rig r;
    rig_init(&r, 1 << 20);
    for (size_t i = 0; i < sizeof fused / sizeof fused[0]; i++) {
        must_bind(&r, MARIA, fused[i].query);
        const struct statement *plain = statement_of(&r);
        ck_assert_msg(plain->fusion_count == 4, "%s is not fused", fused[i].query);
        for (uint32_t k = 0; k < 4; k++) {
            const struct fusion *f = &plain->fusions[k];
            uint32_t holes = 0;
            for (const char *p = strchr(f->stmt->sql.ptr, '?'); p != NULL; p = strchr(p, '?')) {
                p++;
                holes++;
            }
            ck_assert_uint_eq(f->keys, keys[k]);
            ck_assert_uint_eq(f->stmt->param_count, keys[k]);
            ck_assert_uint_eq(holes, keys[k]);
            ck_assert_uint_eq(strlen(f->stmt->sql.ptr), f->stmt->sql.len);
            check_columns(plain, f->stmt);
            for (uint32_t p = 0; p < keys[k]; p++) {
                ck_assert_int_eq(type_family(f->stmt->param_types[p].kind),
                                 type_family(plain->param_types[0].kind));
            }
        }
    }
    must_bind(&r, MARIA, TOKENS("['=','id',7]"));
    ck_assert_str_eq(statement_of(&r)->fusions[0].stmt->sql.ptr,
                     "SELECT `tokens`.`a`, `tokens`.`id` FROM `app`.`tokens` WHERE "
                     "`tokens`.`id` IN (?, ?, ?, ?)");
    rig_fini(&r);
}
END_TEST

/* Which of its outputs the key is by itself; if none, it is one more behind them. */
static const struct {
    const char *query;
    uint32_t column_count, key_column;
} key_outputs[] = {
    {"{'select':['id','a'],'from':'tokens','where':['=','id',7]}", 2, 0},
    {"{'select':['a',{'n':'t.id'}],'from':{'t':'tokens'},'where':['=','id',7]}", 2, 1},
    {"{'select':['id','small','id'],'from':'tokens','where':['=','small',7]}", 3, 1},
    {"{'select':['a','small'],'from':'tokens','where':['=','id',7]}", 3, 2},
    {"{'select':['a',{'id':['-','id']}],'from':'tokens','where':['=','id',7]}", 3, 2},
    {"{'select':[{'id':['cast','id','text']}],'from':'tokens','where':['=','id',7]}", 2, 1},
};

START_TEST(a_key_that_is_an_output_is_not_asked_for_twice)
{
    struct rig r;
    rig_init(&r, 1 << 20);
    for (size_t i = 0; i < 2 * sizeof key_outputs / sizeof key_outputs[0]; i++) {
        must_bind(&r, i % 2 == 0 ? PG : MARIA, key_outputs[i / 2].query);
        const struct statement *plain = statement_of(&r);
        ck_assert_msg(plain->fusion_count > 0, "%s", key_outputs[i / 2].query);
        for (uint32_t k = 0; k < plain->fusion_count; k++) {
            const struct fusion *f = &plain->fusions[k];
            ck_assert_uint_eq(f->key_column, key_outputs[i / 2].key_column);
            ck_assert_uint_eq(f->stmt->column_count, key_outputs[i / 2].column_count);
            ck_assert_uint_lt(f->key_column, f->stmt->column_count);
        }
    }
    must_bind(&r, PG, key_outputs[0].query);
    ck_assert_str_eq(
        statement_of(&r)->fusions[0].stmt->sql_many.ptr,
        SQL("\"tokens\".\"id\", \"tokens\".\"a\"", "\"tokens\".\"id\" = ANY($1::int8[])"));
    rig_fini(&r);
}
END_TEST

/* With an alias, items that are computed, `*`, and each `expect`. */
static const char *const fused_too[] = {
    "{'select':['*'],'from':{'t':'tokens'},'where':['=','t.id',7]}",
    "{'select':[{'x':['+','a','b']},['upper','nick']],'from':'tokens','where':['=','id',7]}",
    EXPECT(TOKENS("['=','id',7]"), "first"),
    EXPECT(TOKENS("['=','id',7]"), "one"),
    "{'query':" TOKENS("['=','id',':p']") ",'params':{'p':null}}",
};

/* What only looks like a read by key. */
static const char *const apart[] = {
    TOKENS("['=','id','id']"),
    TOKENS("['=','id','small']"),
    TOKENS("['=','id',null]"),
    TOKENS("['=','id',7.5]"),
    TOKENS("['is','id',7]"),
    TOKENS("['!=','id',7]"),
    TOKENS("['or',['=','id',7],['=','id',8]]"),
    TOKENS("['and',['=','id',7],['=','a',8]]"),
    TOKENS("['not',['=','id',7]]"),
    TOKENS("['in','id',[7,8]]"),
    TOKENS("['=',['+','id',1],7]"),
    TOKENS("['=','id',['+',7,1]]"),
    TOKENS("['=',['cast','id','integer'],7]"),
    TOKENS("['=','id',['cast',7,'bigint']]"),
    TOKENS("['=',['collate','code','binary'],{'value':'x'}]"),
    TOKENS("['=','id',{'select':['id'],'from':'users','limit':1}]"),
    TOKENS("['=',{'case':[[['=','id',7],1]],'else':0},1]"),
    TOKENS("['=',['tuple','a','b'],['tuple',1,2]]"),
    TOKENS("['=','maybe',7]"),
    TOKENS("['=','exact',7]"),
    TOKENS("['=','nick',{'value':'x'}]"),
    TOKENS("['=','word',{'value':'x'}]"),
    TOKENS("['=','a',7]"),
    TOKENS("true"),
    TOKENS("['=','id',7],'limit':1"),
    TOKENS("['=','id',7],'offset':0"),
    TOKENS("['=','id',7],'order_by':['a']"),
    TOKENS("['=','id',7],'distinct':true"),
    TOKENS("['=','id',7],'group_by':['a']"),
    TOKENS("['=','id',7],'for':{'update':true}"),
    TOKENS("['=','id',7],'order_by':['id'],'limit':1,'after':null"),
    TOKENS("['=','id',7],'with':{'x':{'select':['id'],'from':'users'}}"),
    TOKENS("['=','tokens.id',7],'join':[{'left':'users','on':['=','users.id','a']}]"),
    "{'select':['a',1],'from':'tokens','where':['=','id',7]}",
    "{'select':['a',{'x':7}],'from':'tokens','where':['=','id',7]}",
    "{'query':{'select':['a',{'x':':p'}],'from':'tokens','where':['=','id',':p']},'params':"
    "{'p':7}}",
    "{'select':[['max','a']],'from':'tokens','where':['=','id',7]}",
    "{'select':['a',{'n':{'over':['row_number']}}],'from':'tokens','where':['=','id',7]}",
    "{'select':['a',{'n':{'select':[['count','*']],'from':'users'}}],'from':'tokens','where':"
    "['=','id',7]}",
    "{'select':['a',{'n':['now']}],'from':'tokens','where':['=','id',7]}",
    "{'select':['a',{'n':['random']}],'from':'tokens','where':['=','id',7]}",
    "{'select':['name'],'from':'adults','where':['=','id',7]}",
    "{'select':['x.a'],'from':{'x':{'select':['id','a'],'from':'tokens'}},'where':['=','x.id',"
    "7]}",
    "{'union_all':[" TOKENS("['=','id',7]") "," TOKENS("['=','id',7]") "]}",
    EXPECT(TOKENS("['=','id',7]"), "count"),
    EXPECT(TOKENS("['=','id',7]"), "exists"),
};

START_TEST(shapes_that_can_be_fused)
{
    struct rig r;
    rig_init(&r, 1 << 20);
    for (size_t i = 0; i < sizeof fused_too / sizeof fused_too[0]; i++) {
        must_bind(&r, PG, fused_too[i]);
        ck_assert_msg(statement_of(&r)->fusion_count == 1, "%s", fused_too[i]);
        must_bind(&r, MARIA, fused_too[i]);
        ck_assert_msg(statement_of(&r)->fusion_count == 4, "%s", fused_too[i]);
        must_bind(&r, SQLITE, fused_too[i]);
        ck_assert_msg(statement_of(&r)->fusion_count == 0, "%s", fused_too[i]);
    }
    rig_fini(&r);
}
END_TEST

START_TEST(shapes_that_cannot_be_fused)
{
    struct rig r;
    rig_init(&r, 1 << 20);
    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++) {
        for (unsigned d = 0; d < RIG_DIALECTS; d++) {
            must_bind(&r, d, apart[i]);
            ck_assert_msg(statement_of(&r)->fusion_count == 0, "%s is fused on %u", apart[i],
                          d);
        }
    }
    rig_fini(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("share");
    TCase *t = tcase_create("share");
    tcase_add_test(t, statements_say_whether_they_share);
    tcase_add_test(t, inserts_say_whether_they_group);
    tcase_add_test(t, several_statements_share_nothing);
    tcase_add_test(t, reads_by_key_are_fused_by_an_array);
    tcase_add_test(t, reads_by_key_are_fused_by_lists);
    tcase_add_test(t, a_key_that_is_an_output_is_not_asked_for_twice);
    tcase_add_test(t, shapes_that_can_be_fused);
    tcase_add_test(t, shapes_that_cannot_be_fused);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
