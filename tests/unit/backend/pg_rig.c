/* SPDX-License-Identifier: MIT
 *
 * pg_rig.c: what the tests of the PostgreSQL driver share.
 */
#include "pg_rig.h"

#include <stddef.h>
#include <stdlib.h>

struct server server;

struct db_target target_of(const struct server *s)
{
    return (struct db_target){.kind = DB_PG,
                              .host = str_of(s->socket),
                              .port = s->port,
                              .user = STR(SERVER_USER),
                              .database = STR(SERVER_DATABASE),
                              .connect_timeout_ms = 10000,
                              .statement_cache = 16};
}

struct db_conn *open_conn(struct rig *g)
{
    struct fail f;
    struct db_conn *c = NULL;
    fail_init(&f);
    ck_assert_msg(driver_pg.open(&g->target, &c, &f) == ERR_OK, "%s", f.message);
    ck_assert_msg(driver_pg.attach(c, &g->loop, g->connector, &f) == ERR_OK, "%s", f.message);
    return c;
}

void rig_on(struct rig *g, const struct server *s)
{
    *g = (struct rig){.target = target_of(s)};
    ck_assert_int_eq(loop_init(&g->loop), ERR_OK);
    g->connector = connector_create(2);
    ck_assert_ptr_nonnull(g->connector);
    g->conn = open_conn(g);
}

void rig_init(struct rig *g)
{
    rig_on(g, &server);
}

void on_closed(struct db_conn *c, void *arg)
{
    (void)c;
    *(bool *)arg = true;
}

void close_conn(struct rig *g, struct db_conn *c)
{
    bool closed = false;
    driver_pg.close(c, on_closed, &closed);
    ck_assert(!closed);
    while (!closed) {
        loop_turn(&g->loop);
    }
}

void rig_fini(struct rig *g)
{
    if (g->conn != NULL) {
        close_conn(g, g->conn);
    }
    connector_destroy(g->connector);
    loop_stop(&g->loop);
    loop_run(&g->loop);
    loop_fini(&g->loop);
}

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

void job_init(struct job *j, const char *sql, uint32_t columns)
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

void job_fini(struct job *j)
{
    buf_fini(&j->text);
}

void job_start(struct rig *g, struct job *j)
{
    j->done = 0;
    driver_pg.run(g->conn, &j->run);
    ck_assert_int_eq(j->done, 0);
}

void job_wait(struct rig *g, struct job *j)
{
    while (j->done == 0) {
        loop_turn(&g->loop);
    }
    ck_assert_int_eq(j->done, 1);
    ck_assert_ptr_null(g->conn->running);
    ck_assert_int_eq(j->run.err, j->fail.code);
}

void job_run(struct rig *g, struct job *j)
{
    job_start(g, j);
    job_wait(g, j);
}

const char *text_of(struct job *j)
{
    buf_char(&j->text, '\0');
    return j->text.ptr;
}

void expect_rows(struct rig *g, const char *sql, uint32_t columns, const char *rows)
{
    struct job j;
    job_init(&j, sql, columns);
    job_run(g, &j);
    ck_assert_msg(j.run.err == ERR_OK, "%s: %s", sql, j.fail.message);
    ck_assert_str_eq(text_of(&j), rows);
    job_fini(&j);
}

void exec(struct rig *g, const char *sql)
{
    struct job j;
    job_init(&j, sql, 0);
    j.run.sink = NULL;
    job_run(g, &j);
    ck_assert_msg(j.run.err == ERR_OK, "%s: %s", sql, j.fail.message);
    job_fini(&j);
}

void expect_error(struct rig *g, const char *sql, enum err err)
{
    struct job j;
    job_init(&j, sql, 0);
    j.run.sink = NULL;
    job_run(g, &j);
    ck_assert_msg(j.run.err == err, "%s: %s, not %s: %s", sql, err_wire(j.run.err),
                  err_wire(err), j.fail.message);
    job_fini(&j);
}

enum err try_open(const struct db_target *t, struct fail *f)
{
    struct db_conn *c = NULL;
    fail_init(f);
    enum err err = driver_pg.open(t, &c, f);
    ck_assert_ptr_null(c);
    return err;
}

int pg_rig_main(TCase *tc)
{
    server_init(&server, SERVER_PG);
    Suite *s = suite_create("pg");
    tcase_set_timeout(tc, 120);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    server_fini(&server);
    return failed == 0 ? 0 : 1;
}
