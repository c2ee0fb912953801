/* SPDX-License-Identifier: MIT
 *
 * Tests of backend/pg_open.c: URLs, refusals, pinned settings, TLS, reset.
 */
#include "base/clock.h"
#include "pg_rig.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static void connect_rig(struct rig *g, struct str *on_connect, uint32_t count)
{
    *g = (struct rig){.target = target_of(&server)};
    g->target.on_connect = on_connect;
    g->target.on_connect_count = count;
    ck_assert_int_eq(loop_init(&g->loop), ERR_OK);
    g->connector = connector_create(2);
    g->conn = open_conn(g);
}

static bool has_run(struct rig *g, uint64_t backend_id, const char *sql)
{
    char ask[256];
    snprintf(ask, sizeof ask,
             "select query from pg_stat_activity where pid=%d and state='idle' and query='%s'",
             (int)backend_id, sql);
    struct job j;
    job_init(&j, ask, 1);
    driver_pg.run(g->conn, &j.run);
    job_wait(g, &j);
    ck_assert_msg(j.run.err == ERR_OK, "%s", j.fail.message);
    bool found = j.run.rowcount == 1;
    job_fini(&j);
    return found;
}

/* The loop of the connection that is reset stands still, so nothing that comes back makes
 * it send more. */
START_TEST(a_reset_is_one_round_trip)
{
    struct rig g, watcher;
    struct str on_connect[] = {STR("set work_mem to 5000"),
                               STR("set search_path to pg_catalog")};
    connect_rig(&g, on_connect, 2);
    connect_rig(&watcher, NULL, 0);
    exec(&g, "begin");
    exec(&g, "set TimeZone to \"Asia/Tokyo\"");
    struct job j;
    job_init(&j, "", 0);
    driver_pg.reset(g.conn, &j.run);
    uint64_t end_ns = clock_now_ns() + UINT64_C(60000000000);
    while (!has_run(&watcher, g.conn->backend_id, on_connect[1].ptr)) {
        ck_assert_msg(clock_now_ns() < end_ns, "it waits for an answer");
    }
    job_wait(&g, &j);
    ck_assert_msg(j.run.err == ERR_OK, "%s", j.fail.message);
    ck_assert(db_conn_clean(g.conn));
    expect_rows(&g, "select current_setting('work_mem'),current_setting('TimeZone')", 2,
                "5000kB,UTC");
    job_fini(&j);
    rig_fini(&g);
    rig_fini(&watcher);
}
END_TEST

/* Whatever those behind the one that failed did, nobody may have the session. */
START_TEST(a_reset_that_fails_halfway_ends_the_session)
{
    struct rig g;
    struct str on_connect[] = {STR("set work_mem to 5000"), STR("set work_mem to 6000")};
    connect_rig(&g, on_connect, 2);
    on_connect[0] = STR("select 1/0"); /* as if the database were another one by now */
    struct job j;
    job_init(&j, "", 0);
    driver_pg.reset(g.conn, &j.run);
    job_wait(&g, &j);
    ck_assert_int_eq(j.run.err, ERR_DIVISION_BY_ZERO);
    ck_assert(g.conn->broken);
    ck_assert(!db_conn_clean(g.conn));
    job_fini(&j);
    rig_fini(&g);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("pg_open");
    tcase_add_test(tc, a_session_opens_with_its_settings_pinned);
    tcase_add_test(tc, a_wrong_password_and_an_absent_server_are_connection_failures);
    tcase_add_test(tc, a_password_opens_over_the_port);
    tcase_add_test(tc, large_rows_come_over_verified_tls);
    tcase_add_test(tc, options_of_the_url_are_checked);
    tcase_add_test(tc, another_machine_is_not_spoken_to_in_plain_text);
    tcase_add_test(tc, statements_run_on_connecting_and_again_after_a_reset);
    tcase_add_test(tc, a_reset_is_one_round_trip);
    tcase_add_test(tc, a_reset_that_fails_halfway_ends_the_session);
    return pg_rig_main(tc);
}
