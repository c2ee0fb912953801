/* SPDX-License-Identifier: MIT
 *
 * tests/unit/compiler/test_text.c: raw SQL: where each database sees literals,
 * comments and params, what a text may begin with, what it leaves behind.
 */
#include "rig.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define PG 1u
#define MARIA 2u
#define SQLITE 4u
#define ALL 7u

static struct rig rig;

static void setup(void)
{
    rig_init(&rig, 1 << 20);
}

static void teardown(void)
{
    rig_fini(&rig);
}

static enum err compile(unsigned d, const char *text, struct plan **out)
{
    struct buf b;
    static char request[4096];
    buf_init(&b);
    BUF_LIT(&b, "{\"query\":{\"text\":");
    buf_json_str(&b, str_of(text));
    BUF_LIT(&b, "}}");
    ck_assert(!b.failed && b.len < sizeof request);
    memcpy(request, b.ptr, b.len);
    request[b.len] = '\0';
    buf_fini(&b);
    return rig_plan(&rig, d, request, out);
}

/* `sql` with ? for each placeholder; `names` of the params, each with a blank. */
static const struct {
    unsigned dialects;
    const char *text, *sql, *names;
} good[] = {
    {ALL, "select 1", "select 1", ""},
    {ALL, "  SELECT :a", "  SELECT ?", "a "},
    {ALL, "select :a,:b_2+:_c", "select ?,?+?", "a b_2 _c "},
    {ALL, "select ':a' , ':b'':c'", "select ':a' , ':b'':c'", ""},
    {ALL, "select '\\', :a", "select '\\', ?", "a "},
    {ALL, "select -- :a\n :b", "select -- :a\n ?", "b "},
    {ALL, "select /* :a ' */ :b", "select /* :a ' */ ?", "b "},
    {ALL, "select \":a\" , \"\"\":b\"", "select \":a\" , \"\"\":b\"", ""},
    {ALL, "select 1;", "select 1", ""},
    {ALL, "select 1 ; -- end\n;/* x */", "select 1 ", ""},
    {ALL, "select 1\\:2", "select 1:2", ""},
    {ALL, "select é.ü, '😀' , :a", "select é.ü, '😀' , ?", "a "},
    {ALL, "select a:b", "select a ?", "b "},
    {ALL, "select 1:b", "select 1 ?", "b "},
    {ALL, "select x from t where a>:a and b<:b", "select x from t where a>? and b<?", "a b "},
    {ALL, "(select 1)", "(select 1)", ""},
    {PG, "select :a::int4", "select ?::int4", "a "},
    {PG, "select E'\\':a' , :b", "select E'\\':a' , ?", "b "},
    {PG, "select e'x'\n '\\':a' , :b", "select e'x'\n '\\':a' , ?", "b "},
    {PG, "select e'x' '\\', :b", "select e'x' '\\', ?", "b "},
    {PG, "select 1e'\\':a' , :b", "select 1e'\\':a' , ?", "b "},
    {PG, "select u&'\\00e9' , :b", "select u&'\\00e9' , ?", "b "},
    {PG, "select $$ :a ; ' $$ , :b", "select $$ :a ; ' $$ , ?", "b "},
    {PG, "select $q$ $$ :a $x$ $q$ , :b", "select $q$ $$ :a $x$ $q$ , ?", "b "},
    {PG, "select /* /* :a */ ' */ :b", "select /* /* :a */ ' */ ?", "b "},
    {PG, "select f(a := :b)", "select f(a := ?)", "b "},
    {PG, "select j ? 'k', j ?| :a", "select j ? 'k', j ?| ?", "a "},
    {PG, "select a$1, :b", "select a$1, ?", "b "},
    {PG, "select a[1\\:2]", "select a[1:2]", ""},
    {PG, "select '`', :a, '`'", "select '`', ?, '`'", "a "},
    {MARIA, "select `:a``:b`, :c", "select `:a``:b`, ?", "c "},
    {MARIA, "select 1 # :a\n, :b", "select 1 # :a\n, ?", "b "},
    {MARIA, "select 5--:a", "select 5--?", "a "},
    {MARIA, "select /*+ hint :a */ :b", "select /*+ hint :a */ ?", "b "},
    {MARIA, "select /* /* */ :b", "select /* /* */ ?", "b "},
    {MARIA, "select \"it's :a\", :b", "select \"it's :a\", ?", "b "},
    {SQLITE, "select [:a ' ] , :b", "select [:a ' ] , ?", "b "},
    {SQLITE, "select `:a` , :b", "select `:a` , ?", "b "},
    {SQLITE | MARIA, "create trigger t begin select 1; select 2; end",
     "create trigger t begin select 1; select 2; end", ""},
    {SQLITE, "select 1--:a", "select 1--:a", ""},
};

START_TEST(params_are_found_where_they_are)
{
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        struct plan *p;
        if ((good[_i].dialects >> d & 1) == 0) {
            continue;
        }
        enum err e = compile(d, good[_i].text, &p);
        ck_assert_msg(e == ERR_OK, "%u: %s: %s", d, good[_i].text, rig.fail.message);
        struct buf names, sql;
        buf_init(&names);
        buf_init(&sql);
        for (uint32_t i = 0; i < p->steps[0].stmt.param_count; i++) {
            buf_str_add(&names, p->steps[0].binds[i].name);
            buf_char(&names, ' ');
        }
        struct str text = p->steps[0].stmt.sql;
        uint32_t n = 1;
        char mark[8];
        for (size_t i = 0; i < text.len; i++) { /* $1 in turn becomes ? */
            snprintf(mark, sizeof mark, "$%u", n);
            bool here = d == 0 && n <= p->steps[0].stmt.param_count &&
                        str_starts((struct str){text.ptr + i, text.len - i}, str_of(mark)) &&
                        (i == 0 || text.ptr[i - 1] != 'a');
            buf_char(&sql, here ? '?' : text.ptr[i]);
            i += here ? strlen(mark) - 1 : 0;
            n += here;
        }
        ck_assert_msg(str_is(buf_str(&sql), good[_i].sql), "%u: %s: %.*s", d, good[_i].text,
                      (int)text.len, text.ptr);
        ck_assert_msg(str_is(buf_str(&names), good[_i].names), "%u: %s", d, good[_i].text);
        buf_fini(&names);
        buf_fini(&sql);
        plan_unref(p);
    }
}
END_TEST

static const struct {
    unsigned dialects;
    const char *text;
    enum err err;
} bad[] = {
    {ALL, "", ERR_BAD_QUERY},
    {ALL, " -- x", ERR_BAD_QUERY},
    {ALL, ";", ERR_BAD_QUERY},
    {ALL, "'select'", ERR_BAD_QUERY},
    {ALL, ":a", ERR_BAD_QUERY},
    {ALL, "select 1; select 2", ERR_BAD_QUERY},
    {ALL, "select 1;;x", ERR_BAD_QUERY},
    {ALL, "select 1; /* ", ERR_BAD_QUERY},
    {ALL, "select '", ERR_BAD_QUERY},
    {ALL, "select \"a", ERR_BAD_QUERY},
    {ALL, "select /* */ /* ", ERR_BAD_QUERY},
    {PG, "select /* /* */", ERR_BAD_QUERY},
    {PG, "select $1", ERR_BAD_QUERY},
    {PG, "select $x$ $y$", ERR_BAD_QUERY},
    {PG, "select e'\\'", ERR_BAD_QUERY},
    {MARIA, "select ?", ERR_BAD_QUERY},
    {MARIA, "select /*! 1 */", ERR_BAD_QUERY},
    {MARIA, "select /*M!100 1 */", ERR_BAD_QUERY},
    {MARIA, "/*!50000 set x = 1 */", ERR_BAD_QUERY},
    {MARIA, "select `a", ERR_BAD_QUERY},
    {SQLITE, "select ?1", ERR_BAD_QUERY},
    {SQLITE, "select @a", ERR_BAD_QUERY},
    {SQLITE, "select $a", ERR_BAD_QUERY},
    {SQLITE, "select [a", ERR_BAD_QUERY},
    {SQLITE, "select #a", ERR_BAD_QUERY},
    {SQLITE, "select :1", ERR_BAD_QUERY},
    {SQLITE, "select :é", ERR_BAD_QUERY},
    {ALL, "BEGIN", ERR_UNSUPPORTED_FEATURE},
    {ALL, "/* */ commit", ERR_UNSUPPORTED_FEATURE},
    {ALL, "(set x = 1)", ERR_UNSUPPORTED_FEATURE},
    {ALL, "Set x = 1", ERR_UNSUPPORTED_FEATURE},
    {ALL, "copy t from stdin", ERR_UNSUPPORTED_FEATURE},
    {ALL, "pragma x", ERR_UNSUPPORTED_FEATURE},
    {ALL, "attach 'x' as y", ERR_UNSUPPORTED_FEATURE},
    {ALL, "prepare x as select 1", ERR_UNSUPPORTED_FEATURE},
    {ALL, "xa start 'x'", ERR_UNSUPPORTED_FEATURE},
    {ALL, "selectx 1", ERR_UNSUPPORTED_FEATURE},
    {MARIA | SQLITE, "call p()", ERR_UNSUPPORTED_FEATURE},
    {MARIA, "load data infile 'x' into table t", ERR_UNSUPPORTED_FEATURE},
};

START_TEST(what_is_not_one_statement_of_ours_is_refused)
{
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        struct plan *p;
        if ((bad[_i].dialects >> d & 1) != 0) {
            enum err e = compile(d, bad[_i].text, &p);
            ck_assert_msg(e == bad[_i].err, "%u: %s: %s", d, bad[_i].text, err_wire(e));
            ck_assert_str_eq(rig.fail.path, "/query/text");
        }
    }
}
END_TEST

static const struct {
    unsigned dialects;
    const char *text;
    enum text_effect effect;
    bool leaves;
} effects[] = {
    {ALL, "select id from users where id in (1, 2)", TEXT_READS, false},
    {ALL, "select count(*), max(age) from users", TEXT_READS, false},
    {ALL, "select anything(1)", TEXT_READS, true},
    {ALL, "insert into users (id) values (1)", TEXT_WRITES, false},
    {ALL, "insert into users (id) values (f(1))", TEXT_WRITES, true},
    {ALL, "update users set age = 1", TEXT_WRITES, false},
    {ALL, "delete from users", TEXT_WRITES, false},
    {PG, "with x as (delete from users returning id) select id from x", TEXT_WRITES, false},
    {PG, "select id into temp t from users", TEXT_DEFINES, true},
    {MARIA, "select @v", TEXT_READS, true},
    {ALL, "create table t (a integer)", TEXT_DEFINES, true},
    {ALL, "drop table t", TEXT_DEFINES, true},
    {ALL, "explain select 1", TEXT_READS, false},
};

START_TEST(effects_are_told_by_words)
{
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        struct plan *p;
        if ((effects[_i].dialects >> d & 1) != 0) {
            ck_assert_int_eq(compile(d, effects[_i].text, &p), ERR_OK);
            ck_assert_int_eq(p->kind, PLAN_TEXT);
            ck_assert_msg(p->effect == effects[_i].effect, "%s", effects[_i].text);
            ck_assert_msg(p->leaves_traces == effects[_i].leaves, "%s", effects[_i].text);
            ck_assert(!p->steps[0].stmt.read_only && p->steps[0].stmt.told);
            plan_unref(p);
        }
    }
}
END_TEST

#define T(rest) "{\"query\":{\"text\":\"select :a\"" rest "}"

START_TEST(params_have_the_types_that_are_given)
{
    static const struct {
        const char *request, *type;
    } cases[] = {
        {T("") ",\"params\":{\"a\":1}}", "integer"},
        {T("") ",\"params\":{\"a\":3000000000}}", "bigint"},
        {T("") ",\"params\":{\"a\":1.5}}", "numeric"},
        {T("") ",\"params\":{\"a\":true}}", "boolean"},
        {T("") ",\"params\":{\"a\":\"x\"}}", "text"},
        {T("") ",\"params\":{\"a\":null}}", "text"},
        {T(",\"types\":{\"a\":\"date\"}") ",\"params\":{\"a\":\"2024-01-01\"}}", "date"},
        {T(",\"types\":{\"a\":\"json\"}") ",\"params\":{\"a\":{\"k\":[1]}}}", "json"},
    };
    for (unsigned d = 0; d < RIG_DIALECTS; d++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            struct buf b;
            buf_init(&b);
            enum err e = rig_bind(&rig, d, cases[i].request);
            ck_assert_msg(e == ERR_OK, "%s: %s", cases[i].request, rig.fail.message);
            rig_type_text(&rig.bound.plan->steps[0].binds[0], &b);
            ck_assert_msg(str_is(buf_str(&b), cases[i].type), "%s", cases[i].request);
            buf_fini(&b);
        }
    }
    ck_assert_int_eq(rig_bind(&rig, 0, T("") ",\"params\":{\"a\":[1,2]}}"), ERR_OK);
    ck_assert_int_eq(rig.bound.runs[0].params[0].kind, VALUE_LIST);
    ck_assert_int_eq(rig_bind(&rig, 1, T("") ",\"params\":{\"a\":[1,2]}}"), ERR_TYPE_MISMATCH);
    ck_assert_int_eq(rig_bind(&rig, 0,
                              T(",\"types\":{\"a\":\"integer[]\"}") ",\"params\":{"
                                                                    "\"a\":[]}}"),
                     ERR_OK);
    ck_assert_int_eq(rig_bind(&rig, 0,
                              T(",\"types\":{\"a\":\"integer[]\"}") ",\"params\":{"
                                                                    "\"a\":1}}"),
                     ERR_TYPE_MISMATCH);
    ck_assert_int_eq(
        rig_bind(&rig, 0, T(",\"types\":{\"a\":\"nope\"}") ",\"params\":{\"a\":1}}"),
        ERR_UNKNOWN_TYPE);
    ck_assert_str_eq(rig.fail.path, "/query/types/a");
}
END_TEST

START_TEST(plans_are_shared_by_equal_texts_and_forms)
{
    ck_assert_int_eq(rig_bind(&rig, 2, T("") ",\"params\":{\"a\":1}}"), ERR_OK);
    ck_assert_int_eq(rig_bind(&rig, 2, T("") ",\"params\":{\"a\":2}}"), ERR_OK);
    ck_assert(rig.bound.hit && rig.bound.runs[0].params[0].num == 2);
    ck_assert_int_eq(rig_bind(&rig, 2, T("") ",\"params\":{\"a\":\"2\"}}"), ERR_OK);
    ck_assert(!rig.bound.hit);
    ck_assert_int_eq(
        rig_bind(&rig, 2, T(",\"columns\":{\"x\":\"text\"}") ",\"params\":{\"a\":2}}"), ERR_OK);
    ck_assert(!rig.bound.hit && rig.bound.plan->column_count == 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("text");
    TCase *tc = tcase_create("raw SQL");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, params_are_found_where_they_are, 0,
                        (int)(sizeof good / sizeof good[0]));
    tcase_add_loop_test(tc, what_is_not_one_statement_of_ours_is_refused, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_loop_test(tc, effects_are_told_by_words, 0,
                        (int)(sizeof effects / sizeof effects[0]));
    tcase_add_test(tc, params_have_the_types_that_are_given);
    tcase_add_test(tc, plans_are_shared_by_equal_texts_and_forms);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
