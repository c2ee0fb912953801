/* SPDX-License-Identifier: MIT
 *
 * tests/unit/daemon/rig.c: see rig.h. The worker has its own thread; the test plays
 * the main thread and the clients.
 */
#include "rig.h"

#include "base/hash.h"
#include "conf/conf.h"
#include "schema/catalog.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *const tables =
    "    on_connect:\n"
    "      - create table if not exists t (id integer primary key, name text not null)\n"
    "      - create table if not exists w (id integer primary key, name text)\n"
    "      - insert or ignore into t with recursive n(i) as (select 1 union all select i + 1 "
    "from n where i < 2000) select i, 'a name that makes the row somewhat longer ' || i from "
    "n\n";

static struct conf *make_conf(const struct rig *r, const char *limits, const char *pool)
{
    struct buf yaml, errors;
    buf_init(&yaml);
    buf_init(&errors);
    buf_printf(&yaml,
               "listen: [{tcp: \"127.0.0.1:7432\"}]\n"
               "limits: %s\n"
               "log: {level: debug}\n"
               "default_database: main\n"
               "databases:\n"
               "  main:\n    url: \"sqlite:///%s/main.db?synchronous=off\"\n    slow: 1ms\n    "
               "pool: %s\n%s"
               "  fake:\n    url: \"sqlite:///never-opened.db\"\n    pool: %s\n",
               limits == NULL ? "{}" : limits, r->folder, pool == NULL ? "{}" : pool, tables,
               pool == NULL ? "{}" : pool);
    struct conf *c = conf_parse("test", buf_str(&yaml), &errors);
    ck_assert_msg(c != NULL, "%.*s", (int)errors.len, errors.ptr);
    buf_fini(&yaml);
    buf_fini(&errors);
    return c;
}

/* A reload reads the catalog of the fake database as well, and finds nothing of use.
 * It is given that of the real one, once that was read. */
static void lend_catalog(const struct settings *s, struct settings *from)
{
    struct database *real = settings_database(from, STR("main"));
    struct database *fake = settings_database(s, STR("fake"));
    pthread_mutex_lock(&real->lock);
    struct catalog *c = real->catalog == NULL ? NULL : catalog_ref(real->catalog);
    pthread_mutex_unlock(&real->lock);
    pthread_mutex_lock(&fake->lock);
    if (c != NULL && c != fake->catalog) {
        struct catalog *old = fake->catalog;
        fake->catalog = c;
        c = old;
        atomic_store(&fake->catalog_version, catalog_version(fake->catalog));
    }
    pthread_mutex_unlock(&fake->lock);
    catalog_unref(c);
}

void rig_mend(struct rig *r)
{
    lend_catalog(r->settings, r->settings);
}

static void make_settings(struct rig *r, const char *limits, const char *pool)
{
    struct fail f;
    fail_init(&f);
    struct settings *old = r->settings, *s;
    ck_assert_msg(settings_create(make_conf(r, limits, pool), old, &s, &f) == ERR_OK, "%s",
                  f.message);
    struct database *fake = settings_database(s, STR("fake"));
    if (fake->servers[0].target == &r->fake.target) { /* carried over: workers read it */
        settings_unref(old);
        r->settings = s;
        return;
    }
    fake->servers[0].target = &r->fake.target;
    fake->driver = &driver_fake;
    if (old != NULL) {
        lend_catalog(s, old);
    }
    settings_unref(old);
    r->settings = s;
}

static void on_ended(struct task *t)
{
    struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, ended));
    *(bool *)w->shared->arg = true;
}

static void write_stats(void *arg, struct buf *out)
{
    (void)arg;
    BUF_LIT(out, "{}\n");
}

static void read_catalog(struct rig *r)
{
    struct client c;
    client_open(r, &c);
    client_send(&c, "{\"op\":\"schema.reload\"}\n");
    client_expect(&c, "{\"ok\":true,\"tables\":2}");
    client_close(&c);
    rig_mend(r);
}

void rig_up(struct rig *r, const char *limits, const char *pool)
{
    struct fail f;
    memset(r, 0, sizeof *r);
    signal(SIGPIPE, SIG_IGN);
    strcpy(r->folder, "/tmp/tribikos-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(r->folder));
    fail_init(&f);
    r->log_fd = memfd_create("log", MFD_CLOEXEC);
    log_init(&r->log, r->log_fd, LOG_TEXT);
    fake_init(&r->fake);
    make_settings(r, limits, pool);
    ck_assert_int_eq(loop_init(&r->main), ERR_OK);
    r->shared = (struct worker_shared){.log = &r->log,
                                       .connector = connector_create(2),
                                       .seed = hash_seed(),
                                       .started_ns = clock_now_ns(),
                                       .deaf_ns = 400 * MS,
                                       .write_stats = write_stats,
                                       .arg = &r->ended};
    atomic_init(&r->shared.next_statement, 1);
    r->worker = calloc(1, sizeof *r->worker);
    r->worker->main_loop = &r->main;
    r->worker->ended.run = on_ended;
    ck_assert_int_eq(worker_start(r->worker, &r->shared, 0, r->settings, &f), ERR_OK);
    read_catalog(r);
}

void rig_down_in(struct rig *r, uint64_t drain_ms)
{
    ck_assert_int_eq(worker_drain(r->worker, drain_ms), ERR_OK);
    uint64_t end_ns = clock_now_ns() + (drain_ms + 20000) * MS;
    while (!r->ended) {
        ck_assert_msg(clock_now_ns() < end_ns, "the worker does not end");
        uv_run(&r->main.uv, UV_RUN_NOWAIT);
        rig_sleep_ms(1);
    }
    worker_join(r->worker);
    ck_assert_int_eq(GET(r->shared.request_bytes), 0);
    ck_assert_int_eq(GET(r->worker->counts.clients), 0);
    ck_assert_int_eq(GET(r->worker->counts.in_flight), 0);
    ck_assert_int_eq(GET(r->worker->assigned), 0);
    free(r->worker);
    connector_destroy(r->shared.connector);
    settings_unref(r->settings);
    loop_fini(&r->main);
    fake_fini(&r->fake);
    close(r->log_fd);
    static const char *const files[] = {"main.db", "main.db-wal", "main.db-shm"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", r->folder, files[i]);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(r->folder), 0);
}

void rig_down(struct rig *r)
{
    rig_down_in(r, 10000);
}

void rig_reload(struct rig *r, const char *limits, const char *pool)
{
    make_settings(r, limits, pool);
    ck_assert_int_eq(worker_reload(r->worker, r->settings), ERR_OK);
}

char *rig_log(struct rig *r)
{
    off_t n = lseek(r->log_fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)n + 1);
    ck_assert_int_eq(pread(r->log_fd, text, (size_t)n, 0), n);
    return text;
}

void rig_sleep_ms(unsigned ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&ts, &ts) != 0) {
    }
}

/* ---- clients ---- */

static void open_pair(struct rig *r, struct client *c, int bytes)
{
    int fd[2];
    *c = (struct client){.fd = -1};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    for (int i = 0; bytes > 0 && i < 2; i++) {
        setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    c->fd = fd[0];
    ck_assert_int_eq(worker_give(r->worker, fd[1]), ERR_OK);
}

void client_open(struct rig *r, struct client *c)
{
    open_pair(r, c, 0);
}

void client_open_narrow(struct rig *r, struct client *c)
{
    open_pair(r, c, 4096);
}

void client_close(struct client *c)
{
    close(c->fd);
    free(c->in);
    *c = (struct client){.fd = -1};
}

void client_send(struct client *c, const char *text)
{
    size_t len = strlen(text), sent = 0;
    while (sent < len) {
        ssize_t n = send(c->fd, text + sent, len - sent, MSG_NOSIGNAL);
        ck_assert_msg(n > 0, "send: %s", strerror(errno));
        sent += (size_t)n;
    }
}

void client_end(struct client *c)
{
    ck_assert_int_eq(shutdown(c->fd, SHUT_WR), 0);
}

/* False at the end of the stream or when nothing came in time. */
static bool read_more(struct client *c, int wait_ms)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (poll(&p, 1, wait_ms) != 1) {
        return false;
    }
    if (c->cap - c->len < 65536) {
        c->cap = c->len + 262144;
        c->in = realloc(c->in, c->cap);
    }
    ssize_t n = recv(c->fd, c->in + c->len, c->cap - c->len, 0);
    c->len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

const char *client_line_in(struct client *c, int wait_ms)
{
    c->len -= c->taken;
    if (c->taken > 0) {
        memmove(c->in, c->in + c->taken, c->len);
    }
    c->taken = 0;
    char *lf;
    size_t seen = 0;
    while (c->len == seen || (lf = memchr(c->in + seen, '\n', c->len - seen)) == NULL) {
        seen = c->len;
        if (!read_more(c, wait_ms)) {
            return NULL;
        }
    }
    *lf = '\0';
    c->taken = (size_t)(lf - c->in) + 1;
    return c->in;
}

const char *client_line(struct client *c)
{
    const char *line = client_line_in(c, 20000);
    ck_assert_msg(line != NULL, "no line came (%zu bytes of one)", c->len);
    return line;
}

void client_expect(struct client *c, const char *line)
{
    ck_assert_str_eq(client_line(c), line);
}

void client_expect_has(struct client *c, const char *part)
{
    const char *line = client_line(c);
    ck_assert_msg(strstr(line, part) != NULL, "no %s in %.400s", part, line);
}

void client_expect_end(struct client *c)
{
    const char *line = client_line_in(c, 10000);
    ck_assert_msg(line == NULL, "one more line: %.400s", line);
    char byte;
    ck_assert_int_le(recv(c->fd, &byte, 1, MSG_DONTWAIT), 0);
    ck_assert_int_ne(errno, EAGAIN);
}
