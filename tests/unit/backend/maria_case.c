/* SPDX-License-Identifier: MIT
 *
 * maria_case.c: the server and the connection of the MariaDB driver's tests.
 */
#include "maria_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct server server;
struct rig rig;
struct db_target target;
struct db_conn *conn;
char ca_path[96];

void target_of(const struct server *s, struct db_target *t)
{
    *t = (struct db_target){.kind = DB_MARIA,
                            .host = STR("127.0.0.1"),
                            .port = s->port,
                            .user = STR(SERVER_USER),
                            .password = STR(SERVER_PASSWORD),
                            .database = STR(SERVER_DATABASE),
                            .connect_timeout_ms = 10000,
                            .statement_cache = 16};
}

struct db_conn *open_conn(const struct db_target *t)
{
    struct fail f;
    struct db_conn *c = rig_open(&rig, &driver_maria, t, &f);
    ck_assert_msg(c != NULL, "%s", f.message);
    return c;
}

void must(const char *sql)
{
    rig_must(&rig, conn, sql);
}

/* Each test has tables of its own: t is dropped before. */
static void setup_rig(void)
{
    rig_init(&rig);
    conn = open_conn(&target);
    must("drop table if exists k, t");
}

static void setup(void)
{
    target_of(&server, &target);
    setup_rig();
}

static void setup_tls(void)
{
    static struct db_option options[1];
    options[0] = (struct db_option){STR("ssl_ca"), str_of(ca_path)};
    target_of(&server, &target);
    target.host = STR("localhost");
    target.options = options;
    target.option_count = 1;
    setup_rig();
}

static void teardown(void)
{
    if (conn != NULL) {
        rig_close(&rig, conn);
    }
    rig_fini(&rig);
}

void rows_are(struct db_conn *c, const char *sql, uint32_t columns, const char *want)
{
    char *got = rig_rows(&rig, c, sql, columns);
    ck_assert_str_eq(got, want);
    free(got);
}

void text_is(struct exec *e, const char *want)
{
    buf_char(&e->text, '\0');
    ck_assert_str_eq(e->text.ptr, want);
}

void runs(struct db_conn *c, struct exec *e)
{
    enum err rc = exec_run(&rig, c, e);
    ck_assert_msg(rc == ERR_OK, "%s: %s: %s", e->stmt.sql.ptr, err_wire(rc), e->fail.message);
}

int maria_case_main(const char *name, void (*both)(TCase *tc), void (*once)(TCase *tc))
{
    server_init(&server, SERVER_MARIA);
    snprintf(ca_path, sizeof ca_path, "%s/tls.crt", server.dir);
    Suite *s = suite_create(name);
    TCase *plain = tcase_create("plain"), *tls = tcase_create("tls");
    tcase_add_checked_fixture(plain, setup, teardown);
    tcase_add_checked_fixture(tls, setup_tls, teardown);
    tcase_set_timeout(plain, 120);
    tcase_set_timeout(tls, 120);
    both(plain);
    both(tls);
    if (once != NULL) {
        once(plain);
    }
    suite_add_tcase(s, plain);
    suite_add_tcase(s, tls);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    server_fini(&server);
    return failed == 0 ? 0 : 1;
}
