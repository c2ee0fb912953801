/* SPDX-License-Identifier: MIT
 *
 * Tests of backend/pg_value.c: values of every type, both ways, and sets of them.
 */
#include "pg_rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* -- values ---------------------------------------------------------------- */

START_TEST(cells_of_every_type_have_their_form)
{
    struct rig g;
    rig_init(&g);
    static const char *const cases[][2] = {
        {"true, false, null::bool", "true,false,null"},
        {"1::int2, '-2147483648'::int4, 9223372036854775807::int8",
         "1,-2147483648,9223372036854775807"},
        {"12.50::numeric(10,2), 'NaN'::numeric, 1e-20::numeric",
         "12.50,NaN,0.00000000000000000001"},
        {"0.1::float8, 1e300::float8, '-Infinity'::float4", "0.1,1e+300,-Infinity"},
        {"'x'::text, ''::text, null::text", "x,,null"},
        {"'\\x00ff10'::bytea, ''::bytea, null::bytea", "bytes:00ff10,bytes:,null"},
        {"date '2026-02-28', time '23:59:59.5', interval '1 month -2 days'",
         "2026-02-28,23:59:59.5,P1M-2D"},
        {"timestamp '2026-01-02 03:04:05', timestamptz '2026-01-02 03:04:05.25+05:00', "
         "'infinity'::date",
         "2026-01-02 03:04:05,2026-01-01 22:04:05.25+00,infinity"},
        {"'{\"a\": 1}'::jsonb, '[1]'::json, 'null'::jsonb", "{\"a\": 1},[1],null"},
        {"array[1,null,3], array['a\"b','c,d'], '{}'::int[]",
         "{1,NULL,3},{\"a\\\"b\",\"c,d\"},{}"},
        {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, 'c'::char(3), int4range(1,5)",
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,c  ,[1,5)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "select %s", cases[i][0]);
        expect_rows(&g, sql, 3, cases[i][1]);
    }
    expect_rows(
        &g,
        "select repeat('x',3)::bytea, 'y'::bytea, '\\xdead'::bytea from generate_series(1,2)",
        3, "bytes:787878,bytes:79,bytes:dead;bytes:787878,bytes:79,bytes:dead");
    rig_fini(&g);
}
END_TEST

START_TEST(params_of_every_kind_arrive_whole)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    struct value params[] = {
        {.kind = VALUE_BOOL, .boolean = true},
        {.kind = VALUE_INT, .num = INT64_MIN},
        {.kind = VALUE_DOUBLE, .real = 0.1},
        {.kind = VALUE_DOUBLE, .real = -(double)INFINITY},
        TEXT("it's \\ \"q\" \xf0\x9f\x98\x80"),
        {.kind = VALUE_BYTES, .text = {"\0\xff'\\", 4}},
        {.kind = VALUE_BYTES, .text = {"\0\xff'\\", 4}},
        TEXT("12345678901234567890.123456789"),
        TEXT("2026-02-28"),
        {.kind = VALUE_NULL},
    };
    job_init(&j,
             "select $1::bool, $2::int8, $3::float8, $4::float8, $5::text, $6, $7::bytea,"
             " $8::numeric, $9::date + 1, $10::int4",
             10);
    j.stmt.param_count = 10;
    j.types[5].native = 17;
    j.run.params = params;
    job_run(&g, &j);
    ck_assert_msg(j.run.err == ERR_OK, "%s", j.fail.message);
    ck_assert_str_eq(text_of(&j),
                     "true,-9223372036854775808,0.1,-Infinity,"
                     "it's \\ \"q\" \xf0\x9f\x98\x80,bytes:00ff275c,bytes:00ff275c,"
                     "12345678901234567890.123456789,2026-03-01,null");
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(lists_of_hostile_texts_arrive_as_one_array)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    struct value items[] = {
        TEXT(""),       TEXT("null"), TEXT("NULL"),         {.kind = VALUE_NULL},
        TEXT("{a,b}"),  TEXT("\""),   TEXT("\\"),           TEXT("\\\""),
        TEXT(" lead "), TEXT("a,b"),  TEXT("'; drop --"),   TEXT("\n\t\r"),
        TEXT("\\x41"),  TEXT("}{"),   TEXT("\xe2\x82\xac"),
    };
    uint32_t count = sizeof items / sizeof items[0];
    struct value_list list = {items, count};
    struct value params[] = {{.kind = VALUE_LIST, .list = &list}};
    job_init(&j,
             "select coalesce(x, '<null>') from unnest($1::text[]) with ordinality t(x, n) "
             "order by n",
             1);
    j.stmt.param_count = 1;
    j.types[0].native = 25; /* the element's type must not be taken for the array's */
    j.run.params = params;
    job_run(&g, &j);
    ck_assert_msg(j.run.err == ERR_OK, "%s", j.fail.message);
    ck_assert_uint_eq(j.rows, count);
    ck_assert_str_eq(text_of(&j),
                     ";null;NULL;<null>;{a,b};\";\\;\\\"; lead ;a,b;'; drop --;\n\t\r;"
                     "\\x41;}{;\xe2\x82\xac");
    job_fini(&j);

    struct value mixed[] = {{.kind = VALUE_INT, .num = -1},
                            {.kind = VALUE_DOUBLE, .real = (double)NAN}};
    struct value bytes[] = {{.kind = VALUE_BYTES, .text = {"\0\"\\", 3}}, {.kind = VALUE_NULL}};
    struct value bools[] = {{.kind = VALUE_BOOL, .boolean = true}, {.kind = VALUE_BOOL}};
    struct value_list lists[] = {{mixed, 2}, {bytes, 2}, {bools, 2}, {items, 0}};
    struct value four[4];
    for (int i = 0; i < 4; i++) {
        four[i] = (struct value){.kind = VALUE_LIST, .list = &lists[i]};
    }
    job_init(&j,
             "select $1::float8[], ($2::bytea[])[1], ($2::bytea[])[2] is null, $3::bool[], "
             "$4::text[]",
             5);
    j.stmt.param_count = 4;
    j.run.params = four;
    job_run(&g, &j);
    ck_assert_msg(j.run.err == ERR_OK, "%s", j.fail.message);
    ck_assert_str_eq(text_of(&j), "{-1,NaN},bytes:00225c,true,{t,f},{}");
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(a_nul_in_a_text_is_refused_before_the_database)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    struct value item = TEXT("a\0b");
    struct value_list list = {&item, 1};
    struct value params[] = {TEXT("a\0b")};
    for (int i = 0; i < 2; i++) {
        job_init(&j, "select $1::text", 1);
        j.stmt.param_count = 1;
        j.run.params = params;
        job_run(&g, &j);
        ck_assert_int_eq(j.run.err, ERR_BAD_VALUE);
        ck_assert(db_conn_clean(g.conn));
        params[0] = (struct value){.kind = VALUE_LIST, .list = &list};
    }
    rig_fini(&g);
}
END_TEST

/* -- many sets ------------------------------------------------------------- */

enum { MANY = 10000 };

static struct value *many_values(void)
{
    struct value *v = calloc(2 * MANY, sizeof *v);
    ck_assert_ptr_nonnull(v);
    for (int i = 0; i < MANY; i++) {
        v[2 * i] = (struct value){.kind = VALUE_INT, .num = i};
        v[2 * i + 1] = i % 10 == 0 ? (struct value){.kind = VALUE_NULL}
                                   : (struct value)TEXT("it's {\"\\,}");
    }
    return v;
}

static void insert_many(struct rig *g, struct job *j, const char *sql_many, struct value *v)
{
    job_init(j, "insert into many values ($1::int4, $2::text)", 0);
    j->stmt.id = 77;
    j->stmt.sql_many = str_of(sql_many);
    j->stmt.param_count = 2;
    j->run.params = v;
    j->run.sets = MANY;
    job_run(g, j);
    job_fini(j);
}

START_TEST(many_sets_are_written_at_once_or_one_by_one)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    struct value *v = many_values();
    exec(&g, "create temp table many (a int primary key, b text)");
    insert_many(&g, &j, "insert into many select * from unnest($1::int4[], $2::text[])", v);
    ck_assert_msg(j.run.err == ERR_OK, "%s", j.fail.message);
    ck_assert_uint_eq(j.run.rowcount, MANY);
    const char *check = "select count(*), sum(a), count(b), min(b) from many";
    expect_rows(&g, check, 4, "10000,49995000,9000,it's {\"\\,}");
    exec(&g, "truncate many");
    insert_many(&g, &j, "", v);
    ck_assert_msg(j.run.err == ERR_OK, "%s", j.fail.message);
    ck_assert_uint_eq(j.run.rowcount, MANY);
    expect_rows(&g, check, 4, "10000,49995000,9000,it's {\"\\,}");

    /* All or nothing. */
    exec(&g, "truncate many");
    v[2 * (MANY - 3)].num = 5;
    insert_many(&g, &j, "", v);
    ck_assert_int_eq(j.run.err, ERR_UNIQUE_VIOLATION);
    expect_rows(&g, check, 4, "0,null,0,null");
    v[2 * (MANY - 3)].num = MANY - 3;
    v[2 * (MANY - 3) + 1] = (struct value)TEXT("a\0b");
    insert_many(&g, &j, "", v);
    ck_assert_int_eq(j.run.err, ERR_BAD_VALUE);
    insert_many(&g, &j, "insert into many select * from unnest($1::int4[], $2::text[])", v);
    ck_assert_int_eq(j.run.err, ERR_BAD_VALUE);
    expect_rows(&g, check, 4, "0,null,0,null");
    ck_assert(db_conn_clean(g.conn));
    free(v);
    rig_fini(&g);
}
END_TEST

START_TEST(many_sets_give_their_rows_in_order)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    struct value v[1000];
    for (int i = 0; i < 1000; i++) {
        v[i] = (struct value){.kind = VALUE_INT, .num = i};
    }
    job_init(&j, "select $1::int4, repeat('x', 2000)", 2);
    j.stmt.param_count = 1;
    j.stmt.id = 5;
    j.run.params = v;
    j.run.sets = 1000;
    j.silent = true;
    j.full_every = 7;
    j.pause = true;
    job_start(&g, &j);
    while (j.done == 0) {
        loop_turn(&g.loop);
        if (j.paused) {
            j.paused = false;
            driver_pg.resume(g.conn);
        }
    }
    ck_assert_int_eq(j.run.err, ERR_OK);
    ck_assert_uint_eq(j.rows, 1000);
    ck_assert_uint_eq(j.run.rowcount, 1000);
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("pg_value");
    tcase_add_test(tc, cells_of_every_type_have_their_form);
    tcase_add_test(tc, params_of_every_kind_arrive_whole);
    tcase_add_test(tc, lists_of_hostile_texts_arrive_as_one_array);
    tcase_add_test(tc, a_nul_in_a_text_is_refused_before_the_database);
    tcase_add_test(tc, many_sets_are_written_at_once_or_one_by_one);
    tcase_add_test(tc, many_sets_give_their_rows_in_order);
    return pg_rig_main(tc);
}
