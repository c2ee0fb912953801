/* SPDX-License-Identifier: MIT
 *
 * Tests of the PostgreSQL driver against a real server: values, streams, prepared
 * statements, errors, cancelling, loss.
 */
#include "backend/driver.h"
#include "base/buf.h"
#include "base/clock.h"
#include "servers.h"

#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct server server;

/* -- a connection and its surroundings ------------------------------------- */

struct rig {
    struct loop loop;
    struct connector *connector;
    struct db_target target;
    struct db_conn *conn;
    bool closed;
};

static struct db_target target_of(const struct server *s)
{
    return (struct db_target){.kind = DB_PG,
                              .host = str_of(s->socket),
                              .port = s->port,
                              .user = STR(SERVER_USER),
                              .database = STR(SERVER_DATABASE),
                              .connect_timeout_ms = 10000,
                              .statement_cache = 16};
}

static struct db_conn *open_conn(struct rig *g)
{
    struct fail f;
    struct db_conn *c = NULL;
    fail_init(&f);
    ck_assert_msg(driver_pg.open(&g->target, &c, &f) == ERR_OK, "%s", f.message);
    ck_assert_msg(driver_pg.attach(c, &g->loop, g->connector, &f) == ERR_OK, "%s", f.message);
    return c;
}

static void rig_on(struct rig *g, const struct server *s)
{
    *g = (struct rig){.target = target_of(s)};
    ck_assert_int_eq(loop_init(&g->loop), ERR_OK);
    g->connector = connector_create(2);
    ck_assert_ptr_nonnull(g->connector);
    g->conn = open_conn(g);
}

static void rig_init(struct rig *g)
{
    rig_on(g, &server);
}

static void on_closed(struct db_conn *c, void *arg)
{
    (void)c;
    *(bool *)arg = true;
}

static void close_conn(struct rig *g, struct db_conn *c)
{
    bool closed = false;
    driver_pg.close(c, on_closed, &closed);
    ck_assert(!closed);
    while (!closed) {
        loop_turn(&g->loop);
    }
}

static void rig_fini(struct rig *g)
{
    if (g->conn != NULL) {
        close_conn(g, g->conn);
    }
    connector_destroy(g->connector);
    loop_stop(&g->loop);
    loop_run(&g->loop);
    loop_fini(&g->loop);
}

/* -- a run that keeps its rows as text ------------------------------------- */

struct job {
    struct row_sink sink;
    struct run run;
    struct statement stmt;
    struct fail fail;
    struct buf text; /* cells joined by ',', rows by ';' */
    uint64_t rows;
    uint64_t full_every; /* SINK_FULL at each such row; 0: never */
    uint64_t enough_at, fail_at;
    bool pause; /* what flush answers, negated */
    bool paused;
    bool silent; /* count rows only */
    int done;
    struct column_info columns[16];
    struct type types[64];
};

static void put_cell(struct buf *b, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NULL:
        BUF_LIT(b, "null");
        break;
    case VALUE_BOOL:
        buf_str_add(b, v->boolean ? STR("true") : STR("false"));
        break;
    case VALUE_INT:
        buf_i64(b, v->num);
        break;
    case VALUE_DOUBLE:
        buf_json_double(b, v->real);
        break;
    case VALUE_TEXT:
        buf_str_add(b, v->text);
        break;
    case VALUE_BYTES:
        BUF_LIT(b, "bytes:");
        for (size_t i = 0; i < v->text.len; i++) {
            buf_printf(b, "%02x", (unsigned char)v->text.ptr[i]);
        }
        break;
    case VALUE_LIST:
        ck_abort();
    }
}

static enum sink_verdict on_row(struct row_sink *s, const struct value *cells, struct fail *f)
{
    struct job *j = (struct job *)(void *)s;
    ck_assert(!j->paused);
    ck_assert_int_eq(j->done, 0);
    j->rows++;
    for (uint32_t i = 0; i < j->stmt.column_count && !j->silent; i++) {
        if (i > 0) {
            buf_char(&j->text, ',');
        } else if (j->rows > 1) {
            buf_char(&j->text, ';');
        }
        put_cell(&j->text, &cells[i]);
    }
    if (j->fail_at != 0 && j->rows == j->fail_at) {
        fail_set(f, ERR_TOO_MANY_ROWS, "enough of it");
        return SINK_FAILED;
    }
    if (j->enough_at != 0 && j->rows == j->enough_at) {
        return SINK_ENOUGH;
    }
    return j->full_every != 0 && j->rows % j->full_every == 0 ? SINK_FULL : SINK_MORE;
}

static struct job *of_run(struct run *r)
{
    return (struct job *)(void *)((char *)r - offsetof(struct job, run));
}

static bool on_flush(struct run *r)
{
    struct job *j = of_run(r);
    j->paused = j->pause;
    return !j->pause;
}

static void on_done(struct run *r)
{
    of_run(r)->done++;
}

static void job_init(struct job *j, const char *sql, uint32_t columns)
{
    *j = (struct job){.sink.row = on_row};
    buf_init(&j->text);
    j->stmt = (struct statement){.sql = str_of(sql),
                                 .param_types = j->types,
                                 .columns = j->columns,
                                 .column_count = columns};
    j->run = (struct run){.stmt = &j->stmt,
                          .sets = 1,
                          .sink = &j->sink,
                          .flush = on_flush,
                          .done = on_done,
                          .fail = &j->fail};
    fail_init(&j->fail);
}

static void job_fini(struct job *j)
{
    buf_fini(&j->text);
}

static void job_start(struct rig *g, struct job *j)
{
    j->done = 0;
    driver_pg.run(g->conn, &j->run);
    ck_assert_int_eq(j->done, 0);
}

static void job_wait(struct rig *g, struct job *j)
{
    while (j->done == 0) {
        loop_turn(&g->loop);
    }
    ck_assert_int_eq(j->done, 1);
    ck_assert_ptr_null(g->conn->running);
    ck_assert_int_eq(j->run.err, j->fail.code);
}

static void job_run(struct rig *g, struct job *j)
{
    job_start(g, j);
    job_wait(g, j);
}

static const char *text_of(struct job *j)
{
    buf_char(&j->text, '\0');
    return j->text.ptr;
}

/* Runs sql and expects these rows. */
static void expect_rows(struct rig *g, const char *sql, uint32_t columns, const char *rows)
{
    struct job j;
    job_init(&j, sql, columns);
    job_run(g, &j);
    ck_assert_msg(j.run.err == ERR_OK, "%s: %s", sql, j.fail.message);
    ck_assert_str_eq(text_of(&j), rows);
    job_fini(&j);
}

static void exec(struct rig *g, const char *sql)
{
    struct job j;
    job_init(&j, sql, 0);
    j.run.sink = NULL;
    job_run(g, &j);
    ck_assert_msg(j.run.err == ERR_OK, "%s: %s", sql, j.fail.message);
    job_fini(&j);
}

static void expect_error(struct rig *g, const char *sql, enum err err)
{
    struct job j;
    job_init(&j, sql, 0);
    j.run.sink = NULL;
    job_run(g, &j);
    ck_assert_msg(j.run.err == err, "%s: %s, not %s: %s", sql, err_wire(j.run.err),
                  err_wire(err), j.fail.message);
    job_fini(&j);
}

/* -- opening --------------------------------------------------------------- */

START_TEST(a_session_opens_with_its_settings_pinned)
{
    struct rig g;
    rig_init(&g);
    ck_assert_uint_ge(g.conn->server_version, 130000);
    ck_assert_uint_ne(g.conn->backend_id, 0);
    ck_assert(db_conn_clean(g.conn));
    expect_rows(&g,
                "select current_setting('TimeZone'),current_setting('DateStyle'),"
                "current_setting('IntervalStyle'),current_setting('client_encoding'),"
                "current_setting('application_name'),pg_backend_pid()=0",
                6, "UTC,ISO, YMD,iso_8601,UTF8,tribikos,false");
    rig_fini(&g);
}
END_TEST

static enum err try_open(const struct db_target *t, struct fail *f)
{
    struct db_conn *c = NULL;
    fail_init(f);
    enum err err = driver_pg.open(t, &c, f);
    ck_assert_ptr_null(c);
    return err;
}

START_TEST(a_wrong_password_and_an_absent_server_are_connection_failures)
{
    struct fail f;
    struct db_target t = target_of(&server);
    t.host = STR("127.0.0.1");
    t.password = STR("not-the-secret-word");
    ck_assert_int_eq(try_open(&t, &f), ERR_CONNECTION_FAILED);
    ck_assert_ptr_nonnull(strstr(f.message, "password authentication failed"));
    ck_assert_ptr_null(strstr(f.message, "not-the-secret-word"));
    t.database = STR("nowhere");
    t.password = STR(SERVER_PASSWORD);
    ck_assert_int_eq(try_open(&t, &f), ERR_CONNECTION_FAILED);
    ck_assert_ptr_nonnull(strstr(f.message, "nowhere"));
    t.port = server_free_port();
    ck_assert_int_eq(try_open(&t, &f), ERR_CONNECTION_FAILED);
    ck_assert_ptr_null(strchr(f.message, '\n'));
    t.host = STR("/nonexistent");
    ck_assert_int_eq(try_open(&t, &f), ERR_CONNECTION_FAILED);
}
END_TEST

START_TEST(a_password_opens_over_the_port)
{
    struct rig g = {.target = target_of(&server)};
    g.target.host = STR("127.0.0.1");
    g.target.password = STR(SERVER_PASSWORD);
    ck_assert_int_eq(loop_init(&g.loop), ERR_OK);
    g.connector = connector_create(2);
    g.conn = open_conn(&g);
    expect_rows(&g, "select 1", 1, "1");
    rig_fini(&g);
}
END_TEST

START_TEST(large_rows_come_over_verified_tls)
{
    struct rig g = {.target = target_of(&server)};
    char root[96];
    snprintf(root, sizeof root, "%s/tls.crt", server.dir);
    struct db_option options[] = {{STR("sslmode"), STR("verify-full")},
                                  {STR("sslrootcert"), str_of(root)}};
    g.target.host = STR("localhost");
    g.target.password = STR(SERVER_PASSWORD);
    g.target.options = options;
    g.target.option_count = 2;
    ck_assert_int_eq(loop_init(&g.loop), ERR_OK);
    g.connector = connector_create(2);
    g.conn = open_conn(&g);
    expect_rows(&g, "select ssl from pg_stat_ssl where pid = pg_backend_pid()", 1, "true");
    struct job j;
    job_init(&j, "select repeat('x', (n * 7919) % 100000) from generate_series(1,500) n", 1);
    j.full_every = 3;
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
    size_t total = 0;
    for (size_t n = 1; n <= 500; n++) {
        total += n * 7919 % 100000;
    }
    ck_assert_uint_eq(j.text.len, total + 499);
    job_fini(&j);
    job_init(&j, "select 1 from pg_sleep(30)", 1);
    job_start(&g, &j);
    driver_pg.cancel(g.conn);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CANCELLED);
    job_fini(&j);

    struct fail f;
    g.target.host = STR("127.0.0.1"); /* not the certificate's name */
    ck_assert_int_eq(try_open(&g.target, &f), ERR_CONNECTION_FAILED);
    rig_fini(&g);
}
END_TEST

START_TEST(options_of_the_url_are_checked)
{
    static const struct {
        const char *name, *value;
        enum err err;
    } cases[] = {
        {"sslmode", "require", ERR_OK},
        {"sslmode", "off", ERR_BAD_VALUE},
        {"connect_timeout", "5", ERR_OK},
        {"options", "-c search_path=x", ERR_OK},
        {"host", "/run/postgresql", ERR_OK},
        {"host", "db.example.org", ERR_UNKNOWN_KEY},
        {"hostaddr", "10.0.0.1", ERR_UNKNOWN_KEY},
        {"service", "x", ERR_UNKNOWN_KEY},
        {"client_encoding", "latin1", ERR_UNKNOWN_KEY},
        {"charset", "utf8", ERR_UNKNOWN_KEY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct db_option o = {str_of(cases[i].name), str_of(cases[i].value)};
        struct db_target t = {.kind = DB_PG, .options = &o, .option_count = 1};
        struct fail f;
        fail_init(&f);
        ck_assert_msg(driver_pg.check(&t, &f) == cases[i].err, "%s", cases[i].name);
        ck_assert_int_eq(f.code, cases[i].err);
    }
}
END_TEST

START_TEST(another_machine_is_not_spoken_to_in_plain_text)
{
    struct fail f;
    struct db_target t = target_of(&server);
    /* Not a loopback name, though it may well resolve to this machine. */
    char name[128];
    ck_assert_int_eq(gethostname(name, sizeof name), 0);
    t.host = str_of(name);
    t.port = server.port;
    t.connect_timeout_ms = 2000;
    ck_assert_int_eq(try_open(&t, &f), ERR_CONNECTION_FAILED);
    ck_assert_ptr_nonnull(strstr(f.hint, "sslmode"));
}
END_TEST

START_TEST(statements_run_on_connecting_and_again_after_a_reset)
{
    struct rig g = {.target = target_of(&server)};
    struct str on_connect[] = {STR("set search_path to pg_catalog"), STR("set work_mem='5MB'")};
    g.target.on_connect = on_connect;
    g.target.on_connect_count = 2;
    ck_assert_int_eq(loop_init(&g.loop), ERR_OK);
    g.connector = connector_create(2);
    g.conn = open_conn(&g);
    exec(&g, "set work_mem='6MB'");
    exec(&g, "set TimeZone='Asia/Tokyo'");
    exec(&g, "create temp table gone (a int)");
    exec(&g, "begin");
    expect_error(&g, "select 1/0", ERR_DIVISION_BY_ZERO);
    ck_assert_int_eq(g.conn->tx, DB_TX_FAILED);
    struct job j;
    job_init(&j, "", 0);
    driver_pg.reset(g.conn, &j.run);
    job_wait(&g, &j);
    ck_assert_msg(j.run.err == ERR_OK, "%s", j.fail.message);
    ck_assert(db_conn_clean(g.conn));
    expect_rows(&g,
                "select current_setting('work_mem'),current_setting('search_path'),"
                "current_setting('TimeZone'),to_regclass('gone') is null",
                4, "5MB,pg_catalog,UTC,true");
    job_fini(&j);
    rig_fini(&g);

    struct fail f;
    g.target.on_connect = (struct str[]){STR("set nonsense to 5")};
    g.target.on_connect_count = 1;
    ck_assert_int_eq(try_open(&g.target, &f), ERR_CONNECTION_FAILED);
    g.target.on_connect = (struct str[]){STR("begin")};
    ck_assert_int_eq(try_open(&g.target, &f), ERR_CONNECTION_FAILED);
    g.target.on_connect = (struct str[]){STR("copy (select 1) to stdout")};
    ck_assert_int_eq(try_open(&g.target, &f), ERR_CONNECTION_FAILED);
}
END_TEST

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

#define TEXT(s)                                                                                \
    {                                                                                          \
        .kind = VALUE_TEXT, .text = {(s), sizeof(s) - 1 }                                      \
    }

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

/* -- streams --------------------------------------------------------------- */

/* The sanitizers keep freed memory in quarantine. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { GROWTH_KIB = 400 * 1024 };
#else
enum { GROWTH_KIB = 2 * 1024 };
#endif

static long max_rss_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

START_TEST(a_million_rows_flow_with_pauses_in_flat_memory)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    expect_rows(&g, "select 1", 1, "1");
    long before_kib = max_rss_kib();
    job_init(&j, "select n, 'row number ' || n from generate_series(1,1000000) n", 2);
    j.silent = true;
    j.full_every = 5000;
    j.pause = true;
    job_start(&g, &j);
    int pauses = 0;
    while (j.done == 0) {
        if (j.paused) {
            /* Nothing may come while it is paused. */
            uint64_t rows = j.rows;
            for (int i = 0; i < 3; i++) {
                uv_run(&g.loop.uv, UV_RUN_NOWAIT);
            }
            ck_assert_uint_eq(rows, j.rows);
            pauses++;
            j.paused = false;
            driver_pg.resume(g.conn);
            driver_pg.resume(g.conn);
        }
        loop_turn(&g.loop);
    }
    ck_assert_int_eq(j.run.err, ERR_OK);
    ck_assert_uint_eq(j.rows, 1000000);
    ck_assert_uint_eq(j.run.rowcount, 1000000);
    ck_assert_int_eq(pauses, 200);
    ck_assert_int_lt(max_rss_kib() - before_kib, GROWTH_KIB);
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(a_sink_that_has_enough_ends_the_statement_as_a_success)
{
    static const struct {
        const char *sql;
        bool read_only;
    } cases[] = {
        {"select n from generate_series(1,5) n", true},
        {"select generate_series(1,1000000000) n", true}, /* only a cancel ends it */
        {"select n from generate_series(1,100000) n", false},
        {"select 1/(2-n) from generate_series(1,5) n", true},
    };
    struct rig g;
    rig_init(&g);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job j;
        job_init(&j, cases[i].sql, 1);
        j.stmt.read_only = cases[i].read_only;
        j.enough_at = 1;
        job_run(&g, &j);
        ck_assert_msg(j.run.err == ERR_OK, "%s: %s", cases[i].sql, j.fail.message);
        ck_assert_str_eq(text_of(&j), "1");
        ck_assert_uint_eq(j.run.rowcount, 1);
        ck_assert(db_conn_clean(g.conn));
        job_fini(&j);
        expect_rows(&g, "select 'next'", 1, "next");
    }
    exec(&g, "begin");
    struct job j;
    job_init(&j, "select n from generate_series(1,100000) n", 1);
    j.stmt.read_only = true;
    j.enough_at = 1;
    job_run(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_OK);
    ck_assert_int_eq(g.conn->tx, DB_TX_OPEN); /* a cancel would have failed it */
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(a_sink_that_fails_ends_the_statement_with_its_error)
{
    static const char *const cases[] = {"select n from generate_series(1,5) n",
                                        "select generate_series(1,1000000000) n"};
    struct rig g;
    rig_init(&g);
    for (size_t i = 0; i < 2; i++) {
        struct job j;
        job_init(&j, cases[i], 1);
        j.fail_at = 3;
        job_run(&g, &j);
        ck_assert_int_eq(j.run.err, ERR_TOO_MANY_ROWS);
        ck_assert_str_eq(j.fail.message, "enough of it");
        ck_assert_uint_eq(j.rows, 3);
        ck_assert(db_conn_clean(g.conn));
        job_fini(&j);
        expect_rows(&g, "select 'next'", 1, "next");
    }
    rig_fini(&g);
}
END_TEST

/* -- prepared statements --------------------------------------------------- */

static void run_prepared(struct rig *g, uint64_t id, const char *sql, const char *rows)
{
    struct job j;
    job_init(&j, sql, 1);
    j.stmt.id = id;
    job_run(g, &j);
    ck_assert_msg(j.run.err == ERR_OK, "%s", j.fail.message);
    ck_assert_str_eq(text_of(&j), rows);
    job_fini(&j);
}

START_TEST(prepared_statements_are_kept_up_to_the_limit)
{
    struct rig g;
    rig_init(&g);
    const char *count = "select count(*) <= 17, count(*) >= 15 from pg_prepared_statements";
    for (int round = 0; round < 3; round++) {
        for (uint64_t id = 1; id <= 100; id++) {
            char sql[64], rows[32];
            snprintf(sql, sizeof sql, "select %d", (int)id);
            snprintf(rows, sizeof rows, "%d", (int)id);
            run_prepared(&g, id, sql, rows);
            run_prepared(&g, 1, "select 1", "1"); /* always the newest: never dropped */
        }
        expect_rows(&g, count, 2, "true,true");
    }
    expect_rows(&g,
                "select generic_plans + custom_plans > 290 from pg_prepared_statements "
                "where statement = 'select 1'",
                1, "true");
    rig_fini(&g);
}
END_TEST

START_TEST(statements_dropped_in_a_transaction_are_deallocated_after_it)
{
    struct rig g;
    rig_init(&g);
    exec(&g, "begin");
    for (uint64_t id = 1; id <= 100; id++) {
        run_prepared(&g, id, "select 7", "7");
    }
    expect_rows(&g, "select count(*) from pg_prepared_statements", 1, "100");
    exec(&g, "commit");
    for (int i = 0; i < 20; i++) {
        run_prepared(&g, 100, "select 7", "7");
    }
    expect_rows(&g, "select count(*) from pg_prepared_statements", 1, "16");
    rig_fini(&g);
}
END_TEST

START_TEST(a_statement_whose_result_type_changed_is_prepared_again)
{
    struct rig g;
    rig_init(&g);
    exec(&g, "create temp table shape (a int)");
    exec(&g, "insert into shape values (1)");
    run_prepared(&g, 1, "select * from shape", "1");
    exec(&g, "alter table shape alter a type text using 'x' || a");
    run_prepared(&g, 1, "select * from shape", "x1");
    exec(&g, "alter table shape add b int");
    struct job j;
    job_init(&j, "select * from shape", 1);
    j.stmt.id = 1;
    job_run(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CATALOG_CHANGED);
    job_fini(&j);
    exec(&g, "alter table shape drop b");
    run_prepared(&g, 1, "select * from shape", "x1");

    /* In a transaction the server's word is final. */
    exec(&g, "begin");
    exec(&g, "alter table shape alter a type varchar(5)");
    job_init(&j, "select * from shape", 1);
    j.stmt.id = 1;
    job_run(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CATALOG_CHANGED);
    ck_assert_int_eq(g.conn->tx, DB_TX_FAILED);
    job_fini(&j);
    exec(&g, "rollback");
    run_prepared(&g, 1, "select * from shape", "x1");
    rig_fini(&g);
}
END_TEST

START_TEST(a_statement_that_the_session_lost_is_prepared_again)
{
    struct rig g;
    rig_init(&g);
    run_prepared(&g, 1, "select 5", "5");
    exec(&g, "deallocate all");
    run_prepared(&g, 1, "select 5", "5");
    run_prepared(&g, 1, "select 5", "5");
    for (uint64_t id = 2; id < 40; id++) {
        run_prepared(&g, id, "select 6", "6");
    }
    expect_rows(&g, "select count(*) <= 17 from pg_prepared_statements", 1, "true");
    rig_fini(&g);
}
END_TEST

START_TEST(without_a_cache_nothing_is_prepared)
{
    struct rig g = {.target = target_of(&server)};
    g.target.statement_cache = 0;
    ck_assert_int_eq(loop_init(&g.loop), ERR_OK);
    g.connector = connector_create(2);
    g.conn = open_conn(&g);
    for (uint64_t id = 1; id < 5; id++) {
        run_prepared(&g, id, "select 6", "6");
    }
    expect_rows(&g, "select count(*) from pg_prepared_statements", 1, "0");
    rig_fini(&g);
}
END_TEST

/* -- errors ---------------------------------------------------------------- */

START_TEST(errors_have_their_codes)
{
    static const struct {
        const char *sql;
        enum err err;
        const char *sqlstate, *table, *constraint, *columns;
    } cases[] = {
        {"insert into kid values (1,1,1)", ERR_UNIQUE_VIOLATION, "23505", "kid", "kid_pkey",
         "id,n"},
        {"insert into kid values (2,99,1)", ERR_FOREIGN_KEY_VIOLATION, "23503", "kid",
         "kid_parent_fkey", "parent"},
        {"delete from dad", ERR_FOREIGN_KEY_VIOLATION, "23503", "kid", "kid_parent_fkey", "id"},
        {"insert into kid values (null,1,1)", ERR_NOT_NULL_VIOLATION, "23502", "kid", "", "id"},
        {"insert into kid values (3,1,-1)", ERR_CHECK_VIOLATION, "23514", "kid", "kid_n_check",
         ""},
        {"insert into kid(id,parent,n,name) values (5,1,1,'too long')", ERR_TOO_LONG, "22001",
         "", "", ""},
        {"select 1/0", ERR_DIVISION_BY_ZERO, "22012", "", "", ""},
        {"select 'x'::int", ERR_BAD_VALUE, "22P02", "", "", ""},
        {"select 99999999999::int", ERR_OUT_OF_RANGE, "22003", "", "", ""},
        {"select '2026-13-01'::date", ERR_OUT_OF_RANGE, "22008", "", "", ""},
        {"select sqrt(-1)", ERR_DATA_ERROR, "2201F", "", "", ""},
        {"select (select n from generate_series(1,2) n)", ERR_MULTIPLE_RESULTS, "21000", "", "",
         ""},
        {"select * from absent", ERR_UNKNOWN_TABLE, "42P01", "", "", ""},
        {"select absent from dad", ERR_UNKNOWN_COLUMN, "42703", "", "", ""},
        {"select absent(1)", ERR_UNKNOWN_OPERATOR, "42883", "", "", ""},
        {"selec 1", ERR_DATABASE_ERROR, "42601", "", "", ""},
        {"select 1; select 2", ERR_DATABASE_ERROR, "42601", "", "", ""},
        {"", ERR_BAD_QUERY, "", "", "", ""},
        {"do $$ begin raise exception using errcode = '40001'; end $$",
         ERR_SERIALIZATION_FAILURE, "40001", "", "", ""},
        {"do $$ begin raise exception using errcode = '40P01'; end $$", ERR_DEADLOCK, "40P01",
         "", "", ""},
        {"do $$ begin raise exception using errcode = '57014'; end $$", ERR_TIMEOUT, "57014",
         "", "", ""},
        {"do $$ begin raise exception using errcode = '55P03'; end $$", ERR_LOCK_TIMEOUT,
         "55P03", "", "", ""},
        {"do $$ begin raise exception 'mine'; end $$", ERR_DATABASE_ERROR, "P0001", "", "", ""},
    };
    struct rig g;
    rig_init(&g);
    exec(&g, "create temp table dad (id int primary key)");
    exec(&g,
         "create temp table kid (id int, parent int constraint kid_parent_fkey references dad, "
         "n int check (n > 0), name varchar(3), primary key (id, n))");
    exec(&g, "insert into dad values (1)");
    exec(&g, "insert into kid values (1,1,1)");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job j;
        job_init(&j, cases[i].sql, 1);
        j.stmt.id = i % 2 == 0 ? i + 1 : 0;
        job_run(&g, &j);
        ck_assert_msg(j.run.err == cases[i].err, "%s: %s", cases[i].sql, err_wire(j.run.err));
        ck_assert_str_eq(j.fail.sqlstate, cases[i].sqlstate);
        ck_assert_str_eq(j.fail.table, cases[i].table);
        ck_assert_str_eq(j.fail.constraint, cases[i].constraint);
        ck_assert_str_eq(j.fail.columns, cases[i].columns);
        ck_assert_str_ne(j.fail.message, "");
        ck_assert(!j.run.maybe_executed);
        ck_assert(db_conn_clean(g.conn));
        job_fini(&j);
    }
    rig_fini(&g);
}
END_TEST

START_TEST(an_error_of_the_commit_is_an_error_of_the_write)
{
    struct rig g;
    rig_init(&g);
    exec(&g, "create temp table late (id int unique deferrable initially deferred)");
    exec(&g, "insert into late values (1)");
    for (uint64_t id = 0; id < 2; id++) {
        struct job j;
        job_init(&j, "insert into late values (1)", 0);
        j.stmt.id = id;
        job_run(&g, &j);
        ck_assert_int_eq(j.run.err, ERR_UNIQUE_VIOLATION);
        ck_assert(db_conn_clean(g.conn));
        job_fini(&j);
    }
    expect_rows(&g, "select count(*) from late", 1, "1");
    rig_fini(&g);
}
END_TEST

START_TEST(a_commit_that_rolled_back_is_an_error)
{
    struct rig g;
    rig_init(&g);
    static const char *const ends[] = {"COMMIT", " end", "prepare transaction 'x'"};
    for (size_t i = 0; i < 3; i++) {
        exec(&g, "begin");
        ck_assert_int_eq(g.conn->tx, DB_TX_OPEN);
        ck_assert(!db_conn_clean(g.conn));
        expect_error(&g, "select 1/0", ERR_DIVISION_BY_ZERO);
        ck_assert_int_eq(g.conn->tx, DB_TX_FAILED);
        expect_error(&g, "select 1", ERR_DATABASE_ERROR);
        expect_error(&g, ends[i], ERR_DATABASE_ERROR);
        ck_assert_int_eq(g.conn->tx, DB_TX_NONE);
    }
    exec(&g, "begin");
    expect_error(&g, "select 1/0", ERR_DIVISION_BY_ZERO);
    exec(&g, "rollback");
    exec(&g, "begin");
    exec(&g, "savepoint s");
    exec(&g, "rollback to s");
    exec(&g, "commit");
    ck_assert(db_conn_clean(g.conn));
    rig_fini(&g);
}
END_TEST

START_TEST(rows_written_are_counted)
{
    static const struct {
        const char *sql;
        uint64_t rowcount;
        uint32_t columns;
    } cases[] = {
        {"insert into counted select n from generate_series(1,7) n", 7, 0},
        {"update counted set a = a where a < 4", 3, 0},
        {"update counted set a = a where a < 3 returning a", 2, 1},
        {"delete from counted where a > 100", 0, 0},
        {"delete from counted where a > 5 returning a", 2, 1},
        {"select a from counted", 5, 1},
        {"with d as (delete from counted returning a) select a from d", 5, 1},
        {"create temp table other (a int)", 0, 0},
    };
    struct rig g;
    rig_init(&g);
    exec(&g, "create temp table counted (a int)");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job j;
        job_init(&j, cases[i].sql, cases[i].columns);
        job_run(&g, &j);
        ck_assert_msg(j.run.err == ERR_OK, "%s: %s", cases[i].sql, j.fail.message);
        ck_assert_uint_eq(j.run.rowcount, cases[i].rowcount);
        ck_assert_uint_ge(j.run.ended_ns, j.run.started_ns);
        job_fini(&j);
    }
    rig_fini(&g);
}
END_TEST

START_TEST(copy_is_refused_and_closes_the_connection)
{
    static const char *const cases[] = {
        "copy (select 1) to stdout", "copy pg_class from stdin",
        "copy (select * from generate_series(1,1000000)) to stdout"};
    for (size_t i = 0; i < 3; i++) {
        struct rig g;
        rig_init(&g);
        expect_error(&g, cases[i], ERR_UNSUPPORTED_FEATURE);
        ck_assert(g.conn->broken);
        ck_assert(!db_conn_clean(g.conn));
        rig_fini(&g);
    }
}
END_TEST

/* -- cancelling ------------------------------------------------------------ */

START_TEST(a_cancelled_statement_ends_at_once)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    driver_pg.cancel(g.conn); /* nothing to cancel */
    job_init(&j, "select 1 from pg_sleep(30)", 1);
    uint64_t before = clock_now_ns();
    job_start(&g, &j);
    driver_pg.cancel(g.conn);
    driver_pg.cancel(g.conn);
    job_wait(&g, &j);
    /* The first request often comes before the server has begun. */
    ck_assert_int_eq(j.run.err, ERR_CANCELLED);
    ck_assert_uint_lt(clock_now_ns() - before, 20000000000u);
    ck_assert(db_conn_clean(g.conn));
    job_fini(&j);
    expect_rows(&g, "select 1", 1, "1");
    rig_fini(&g);
}
END_TEST

START_TEST(a_late_cancel_never_hits_the_next_run)
{
    struct rig g;
    rig_init(&g);
    int cancelled = 0, won = 0;
    for (int i = 0; i < 400; i++) {
        struct job j;
        char sql[96];
        snprintf(sql, sizeof sql, "select count(*) from generate_series(1,%d)", i * 60);
        job_init(&j, sql, 1);
        job_start(&g, &j);
        for (int turn = 0; turn < i % 3; turn++) {
            uv_run(&g.loop.uv, UV_RUN_NOWAIT);
        }
        driver_pg.cancel(g.conn);
        job_wait(&g, &j);
        ck_assert(j.run.err == ERR_OK || j.run.err == ERR_CANCELLED);
        cancelled += j.run.err == ERR_CANCELLED;
        won += j.run.err == ERR_OK;
        ck_assert(db_conn_clean(g.conn));
        job_fini(&j);
        expect_rows(&g, "select 1 from pg_sleep(0.0002)", 1, "1");
    }
    ck_assert_int_eq(cancelled + won, 400);
    rig_fini(&g);
}
END_TEST

START_TEST(a_paused_run_can_be_cancelled)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    job_init(&j, "select generate_series(1,10000000) n", 1);
    j.silent = true;
    j.full_every = 100;
    j.pause = true;
    job_start(&g, &j);
    while (!j.paused) {
        loop_turn(&g.loop);
    }
    driver_pg.cancel(g.conn);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CANCELLED);
    ck_assert_uint_eq(j.rows, 100);
    ck_assert(db_conn_clean(g.conn));
    job_fini(&j);

    /* Everything is in the socket already: the rows are lost all the same. */
    job_init(&j, "select n from generate_series(1,200) n", 1);
    j.full_every = 100;
    j.pause = true;
    job_start(&g, &j);
    while (!j.paused) {
        loop_turn(&g.loop);
    }
    driver_pg.cancel(g.conn);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CANCELLED);
    job_fini(&j);
    expect_rows(&g, "select 1", 1, "1");
    rig_fini(&g);
}
END_TEST

/* -- loss ------------------------------------------------------------------ */

static void kill_backend(const struct db_conn *victim)
{
    struct rig g;
    char sql[64];
    rig_init(&g);
    snprintf(sql, sizeof sql, "select pg_terminate_backend(%d)", (int)victim->backend_id);
    expect_rows(&g, sql, 1, "true");
    rig_fini(&g);
}

static void note_idle_broke(struct db_conn *c, void *arg)
{
    ck_assert(c->broken && c->idle_broke);
    *(bool *)arg = true;
}

START_TEST(a_connection_that_breaks_while_idle_is_noticed)
{
    struct rig g;
    rig_init(&g);
    bool noticed = false;
    g.conn->on_idle_broke = note_idle_broke;
    g.conn->pool_arg = &noticed;
    kill_backend(g.conn);
    while (!noticed) {
        loop_turn(&g.loop);
    }
    ck_assert(!db_conn_clean(g.conn));
    struct job j;
    job_init(&j, "select 1", 1);
    job_run(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    ck_assert(!j.run.maybe_executed);
    job_fini(&j);
    job_init(&j, "", 0);
    driver_pg.ping(g.conn, &j.run);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(a_loss_under_way_says_that_it_may_have_been_executed)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    job_init(&j, "select 1 from pg_sleep(60)", 1);
    j.stmt.id = 3;
    job_start(&g, &j);
    kill_backend(g.conn);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    ck_assert(j.run.maybe_executed);
    ck_assert(g.conn->broken);
    ck_assert_int_eq(g.conn->tx, DB_TX_UNKNOWN);
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(a_ping_tells_whether_the_session_lives)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    exec(&g, "begin");
    for (int i = 0; i < 3; i++) {
        job_init(&j, "", 0);
        driver_pg.ping(g.conn, &j.run);
        job_wait(&g, &j);
        ck_assert_int_eq(j.run.err, ERR_OK);
        ck_assert_int_eq(g.conn->tx, DB_TX_OPEN);
        job_fini(&j);
    }
    kill_backend(g.conn);
    job_init(&j, "", 0);
    driver_pg.ping(g.conn, &j.run);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    ck_assert(!j.run.maybe_executed);
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

START_TEST(closing_ends_a_run_first)
{
    struct rig g;
    struct job j;
    rig_init(&g);
    job_init(&j, "select 1 from pg_sleep(60)", 1);
    job_start(&g, &j);
    bool closed = false;
    driver_pg.close(g.conn, on_closed, &closed);
    ck_assert(!closed);
    ck_assert_int_eq(j.done, 0);
    while (!closed) {
        loop_turn(&g.loop);
        ck_assert(j.done == 1 || !closed);
    }
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    ck_assert(j.run.maybe_executed);
    job_fini(&j);
    /* While a cancel is on its way, and while paused. */
    for (int round = 0; round < 2; round++) {
        g.conn = open_conn(&g);
        job_init(&j, "select generate_series(1,100000000) n", 1);
        j.silent = true;
        j.full_every = 10;
        j.pause = round == 1;
        job_start(&g, &j);
        while (j.rows < 10) {
            loop_turn(&g.loop);
        }
        if (round == 0) {
            driver_pg.cancel(g.conn);
        }
        close_conn(&g, g.conn);
        ck_assert_int_eq(j.done, 1);
        job_fini(&j);
    }
    g.conn = NULL;
    rig_fini(&g);
}
END_TEST

START_TEST(a_server_that_is_killed_and_started_again)
{
    struct server own;
    struct rig g;
    struct job j;
    struct fail f;
    server_init(&own, SERVER_PG);
    rig_on(&g, &own);
    exec(&g, "create table kept (a int)");
    job_init(&j, "insert into kept select 1 from pg_sleep(60)", 0);
    job_start(&g, &j);
    struct db_conn *busy = g.conn;
    struct db_conn *idle = open_conn(&g);
    server_kill(&own);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_CONNECTION_LOST);
    ck_assert(j.run.maybe_executed);
    while (!idle->idle_broke) {
        loop_turn(&g.loop);
    }
    ck_assert_int_eq(try_open(&g.target, &f), ERR_CONNECTION_FAILED);
    server_start(&own);
    close_conn(&g, busy);
    close_conn(&g, idle);
    g.conn = open_conn(&g);
    expect_rows(&g, "select count(*) from kept", 1, "0");
    job_fini(&j);
    rig_fini(&g);
    server_fini(&own);
}
END_TEST

int main(void)
{
    server_init(&server, SERVER_PG);
    Suite *s = suite_create("pg");
    TCase *tc = tcase_create("pg");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_session_opens_with_its_settings_pinned);
    tcase_add_test(tc, a_wrong_password_and_an_absent_server_are_connection_failures);
    tcase_add_test(tc, a_password_opens_over_the_port);
    tcase_add_test(tc, large_rows_come_over_verified_tls);
    tcase_add_test(tc, options_of_the_url_are_checked);
    tcase_add_test(tc, another_machine_is_not_spoken_to_in_plain_text);
    tcase_add_test(tc, statements_run_on_connecting_and_again_after_a_reset);
    tcase_add_test(tc, cells_of_every_type_have_their_form);
    tcase_add_test(tc, params_of_every_kind_arrive_whole);
    tcase_add_test(tc, lists_of_hostile_texts_arrive_as_one_array);
    tcase_add_test(tc, a_nul_in_a_text_is_refused_before_the_database);
    tcase_add_test(tc, many_sets_are_written_at_once_or_one_by_one);
    tcase_add_test(tc, many_sets_give_their_rows_in_order);
    tcase_add_test(tc, a_million_rows_flow_with_pauses_in_flat_memory);
    tcase_add_test(tc, a_sink_that_has_enough_ends_the_statement_as_a_success);
    tcase_add_test(tc, a_sink_that_fails_ends_the_statement_with_its_error);
    tcase_add_test(tc, prepared_statements_are_kept_up_to_the_limit);
    tcase_add_test(tc, statements_dropped_in_a_transaction_are_deallocated_after_it);
    tcase_add_test(tc, a_statement_whose_result_type_changed_is_prepared_again);
    tcase_add_test(tc, a_statement_that_the_session_lost_is_prepared_again);
    tcase_add_test(tc, without_a_cache_nothing_is_prepared);
    tcase_add_test(tc, errors_have_their_codes);
    tcase_add_test(tc, an_error_of_the_commit_is_an_error_of_the_write);
    tcase_add_test(tc, a_commit_that_rolled_back_is_an_error);
    tcase_add_test(tc, rows_written_are_counted);
    tcase_add_test(tc, copy_is_refused_and_closes_the_connection);
    tcase_add_test(tc, a_cancelled_statement_ends_at_once);
    tcase_add_test(tc, a_late_cancel_never_hits_the_next_run);
    tcase_add_test(tc, a_paused_run_can_be_cancelled);
    tcase_add_test(tc, a_connection_that_breaks_while_idle_is_noticed);
    tcase_add_test(tc, a_loss_under_way_says_that_it_may_have_been_executed);
    tcase_add_test(tc, a_ping_tells_whether_the_session_lives);
    tcase_add_test(tc, closing_ends_a_run_first);
    tcase_add_test(tc, a_server_that_is_killed_and_started_again);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    server_fini(&server);
    return failed == 0 ? 0 : 1;
}
