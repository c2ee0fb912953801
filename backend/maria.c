/* SPDX-License-Identifier: MIT
 *
 * backend/maria.c: the MariaDB driver: opens, starts, cancels and closes.
 *
 * A connection belongs to its loop thread from attach to close; opening and closing
 * happen on connector threads, while nobody else touches it. How a run goes:
 * backend/maria_conn.h.
 */
#include "backend/descriptor.h"
#include "backend/maria_conn.h"
#include "backend/orphans.h"
#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Bit of the extended capabilities. */
#define CAN_BULK (MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32)

/* -- starting -------------------------------------------------------------- */

static void begin(struct maria_conn *c, struct run *r, enum maria_call call)
{
    assert(c->conn.running == NULL && c->conn.loop != NULL && c->ending == ENDING_NO);
    c->conn.running = r;
    r->err = ERR_OK;
    r->rowcount = 0;
    r->maybe_executed = false;
    r->started_ns = clock_now_ns();
    c->call = call;
    c->outcome = ERR_OK;
    c->cancelled = c->discard = c->missed = c->bulk = false;
    c->set = c->turn_rows = 0;
    c->kill = KILL_NONE;
    c->kill_count = 0;
    c->stmt = NULL;
}

static void maria_run(struct db_conn *conn, struct run *r)
{
    struct maria_conn *c = (struct maria_conn *)conn;
    assert(r->sets > 0 && r->fail != NULL);
    begin(c, r, CALL_RUN);
    maria_walk(c, maria_first_step(c));
}

static void maria_ping(struct db_conn *conn, struct run *r)
{
    struct maria_conn *c = (struct maria_conn *)conn;
    begin(c, r, CALL_PING);
    maria_walk(c, STEP_PING);
}

static void maria_rollback(struct db_conn *conn, struct run *r)
{
    struct maria_conn *c = (struct maria_conn *)conn;
    begin(c, r, CALL_ROLLBACK);
    maria_walk(c, maria_rollback_step(c));
}

static void maria_reset(struct db_conn *conn, struct run *r)
{
    struct maria_conn *c = (struct maria_conn *)conn;
    begin(c, r, CALL_RESET);
    maria_walk(c, STEP_RESET);
}

static void maria_resume(struct db_conn *conn)
{
    struct maria_conn *c = (struct maria_conn *)conn;
    if (c->step == STEP_PAUSED) {
        c->turn_rows = 0;
        maria_walk(c, STEP_FETCH);
    }
}

static void maria_cancel(struct db_conn *conn)
{
    struct maria_conn *c = (struct maria_conn *)conn;
    bool over = conn->running == NULL || c->step == STEP_END || c->step == STEP_SOAK;
    if (over || c->call != CALL_RUN || c->cancelled) {
        return;
    }
    c->cancelled = true;
    maria_send_kill(c, "QUERY");
    if (c->step == STEP_PAUSED) {
        maria_walk(c, STEP_FETCH); /* reads up to the error that the kill brings */
    }
}

/* -- opening and closing --------------------------------------------------- */

static void close_session(struct maria_conn *c)
{
    MYSQL_STMT *st;
    ERR_clear_error();
    mysql_close(c->my); /* cuts the statements off: closing them sends nothing */
    while ((st = prepared_pop(&c->cache)) != NULL) {
        (void)mysql_stmt_close(st);
    }
    if (c->orphan != NULL) {
        (void)mysql_stmt_close(c->orphan);
    }
    prepared_fini(&c->cache);
}

/* 10.11.6 is 101106. */
static uint32_t version_of(MYSQL *my)
{
    return (uint32_t)mysql_get_server_version(my);
}

static enum err maria_open(const struct db_target *t, struct db_conn **out, struct fail *f)
{
    struct maria_facts facts;
    struct maria_conn *c = calloc(1, sizeof *c);
    if (c == NULL || prepared_init(&c->cache, t->statement_cache) != ERR_OK) {
        if (c != NULL) {
            prepared_fini(&c->cache);
        }
        free(c);
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    c->my = maria_connect(t, &facts, f);
    if (c->my == NULL) {
        prepared_fini(&c->cache);
        free(c);
        return f->code;
    }
    c->binds.max_bytes = facts.max_packet_bytes;
    c->conn.sessions_max = facts.sessions_max;
    c->tls = mysql_get_ssl_cipher(c->my) != NULL;
    c->conn.driver = &driver_maria;
    c->conn.target = t;
    c->conn.server_version = version_of(c->my);
    c->conn.backend_id = mysql_thread_id(c->my);
    c->conn.opened_ns = clock_now_ns();
    c->conn.statements = &c->cache.count;
    maria_walk_init(c);
    unsigned long caps = 0;
    (void)mariadb_get_infov(c->my, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &caps);
    c->can_bulk = (caps & CAN_BULK) != 0;
    *out = &c->conn;
    return ERR_OK;
}

static enum err maria_attach(struct db_conn *conn, struct loop *l, struct connector *k,
                             struct fail *f)
{
    struct maria_conn *c = (struct maria_conn *)conn;
    conn->loop = l;
    conn->connector = k;
    c->fd = descriptor_copy((int)mysql_get_socket(c->my));
    int rc = c->fd < 0 ? uv_translate_sys_error(errno)
                       : uv_poll_init_socket(&l->uv, &c->poll, c->fd);
    if (rc != 0) {
        descriptor_drop(c->fd);
        conn->broken = true;
        return fail_set(f, ERR_CONNECTION_FAILED, "the loop refuses the socket: %s",
                        uv_strerror(rc));
    }
    c->port = descriptor_port(c->fd);
    c->poll.data = c;
    c->polls = true;
    vigil_start(&c->vigil, l, c->fd);
    maria_watch(c, UV_READABLE);
    return ERR_OK;
}

static void close_work(struct connector_job *j)
{
    struct maria_conn *c = MARIA_OWNER(j, close_job);
    close_session(c);
}

static void close_done(struct connector_job *j)
{
    struct maria_conn *c = MARIA_OWNER(j, close_job);
    if (c->forsaken) {
        orphans_add(c->conn.target->orphans, (struct orphan){.id = c->conn.backend_id,
                                                             .since_ns = clock_now_ns(),
                                                             .port = c->port});
    }
    maria_binds_fini(&c->binds);
    maria_cells_fini(&c->cells);
    c->close_cb(&c->conn, c->close_arg);
    free(c);
}

static void submit_close(struct maria_conn *c)
{
    c->ending = ENDING_JOB;
    c->close_job = (struct connector_job){
        .work = close_work, .done = close_done, .loop = c->conn.loop, .target = c->conn.target};
    connector_submit(c->conn.connector, &c->close_job);
}

static void on_poll_closed(uv_handle_t *h)
{
    struct maria_conn *c = h->data;
    descriptor_drop(c->fd);
    submit_close(c);
}

void maria_start_closing(struct maria_conn *c)
{
    c->ending = ENDING_POLL;
    vigil_stop(&c->vigil);
    if (c->polls) {
        uv_close((uv_handle_t *)&c->poll, on_poll_closed);
    } else {
        submit_close(c);
    }
}

static void maria_close(struct db_conn *conn, db_conn_cb *cb, void *arg)
{
    struct maria_conn *c = (struct maria_conn *)conn;
    assert(c->ending == ENDING_NO && conn->loop != NULL);
    c->close_cb = cb;
    c->close_arg = arg;
    c->ending = ENDING_ASKED;
    conn->broken = true;
    if (conn->running == NULL) {
        maria_start_closing(c);
        return;
    }
    if (c->step == STEP_END) {
        return; /* done is on its way, or waits for a kill */
    }
    /* The call under way must end before the session can: its socket is shut, and
     * the server is told not to work on. */
    maria_send_kill(c, "CONNECTION");
    (void)shutdown(c->fd, SHUT_RDWR);
    if (c->step == STEP_PAUSED) {
        maria_walk(c, STEP_FETCH);
    }
}

/* The library reads whatever stands in the socket as the answer to the next statement. */
static bool spoke(const struct db_conn *conn)
{
    return maria_spoke((const struct maria_conn *)conn);
}

static const char *maria_version(void)
{
    return mysql_get_client_info();
}

const struct driver driver_maria = {
    .name = "mariadb",
    .kind = DB_MARIA,
    .default_port = 3306,
    .check = maria_check,
    .open = maria_open,
    .library_version = maria_version,
    .attach = maria_attach,
    .run = maria_run,
    .resume = maria_resume,
    .cancel = maria_cancel,
    .ping = maria_ping,
    .rollback = maria_rollback,
    .reset = maria_reset,
    .spoke = spoke,
    .close = maria_close,
};
