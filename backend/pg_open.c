/* SPDX-License-Identifier: MIT
 *
 * backend/pg_open.c: opens a PostgreSQL session and pins its settings.
 *
 * Blocks; connector threads only (libpq computes SCRAM inside the handshake, as
 * many rounds as the server likes). Owns the session until it is handed out.
 */
#include "backend/orphans.h"
#include "backend/pg.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEYWORDS_MAX = 48 };

/* What a URL may pass on to libpq. Not: hosts and services, which would go round
 * the rule about encryption; what libpq must be told by us alone. */
static const char *const allowed[] = {
    "application_name",
    "channel_binding",
    "connect_timeout",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "options",
    "passfile",
    "requirepeer",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
};

static const char *const ssl_modes[] = {"disable", "allow",     "prefer",
                                        "require", "verify-ca", "verify-full"};

/* One round trip; also what DISCARD ALL must be followed by. */
static const char pin_sql[] = "select set_config('client_encoding','UTF8',false),"
                              "set_config('TimeZone','UTC',false),"
                              "set_config('DateStyle','ISO, YMD',false),"
                              "set_config('IntervalStyle','iso_8601',false),"
                              "set_config('standard_conforming_strings','on',false),"
                              "set_config('extra_float_digits','1',false),"
                              "set_config('bytea_output','hex',false),"
                              "current_setting('max_connections')";

const char *pg_reset_sql(const struct db_target *t, uint32_t i)
{
    switch (i) {
    case 0:
        return "discard all";
    case 1:
        return pin_sql;
    default:
        return i - 2 < t->on_connect_count ? t->on_connect[i - 2].ptr : NULL;
    }
}

/* -- the URL --------------------------------------------------------------- */

static bool is_one_of(struct str s, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is(s, names[i])) {
            return true;
        }
    }
    return false;
}

static const struct db_option *option(const struct db_target *t, const char *name)
{
    for (uint32_t i = 0; i < t->option_count; i++) {
        if (str_is(t->options[i].name, name)) {
            return &t->options[i];
        }
    }
    return NULL;
}

/* `postgresql://user@/db?host=/run/postgresql&port=5433` is how a socket's folder
 * is written in URLs; any other host belongs before the path. */
static const struct db_option *socket_option(const struct db_target *t)
{
    const struct db_option *o = option(t, "host");
    return o != NULL && t->host.len == 0 && str_starts(o->value, STR("/")) ? o : NULL;
}

static struct str host_of(const struct db_target *t)
{
    const struct db_option *o = socket_option(t);
    return o != NULL ? o->value : t->host;
}

static enum err check_option(const struct db_target *t, const struct db_option *o,
                             struct fail *f)
{
    bool is_socket = socket_option(t) != NULL &&
                     (str_is(o->name, "host") || (str_is(o->name, "port") && t->port == 0));
    if (is_socket) {
        return ERR_OK;
    }
    if (!is_one_of(o->name, allowed, sizeof allowed / sizeof allowed[0])) {
        fail_set(f, ERR_UNKNOWN_KEY, "PostgreSQL has no option \"%.*s\" that a URL may set",
                 STR_ARG(o->name));
        fail_hint(f, "options are those of libpq, such as sslmode, sslrootcert, options");
        return ERR_UNKNOWN_KEY;
    }
    if (str_is(o->name, "sslmode") &&
        !is_one_of(o->value, ssl_modes, sizeof ssl_modes / sizeof ssl_modes[0])) {
        return fail_set(f, ERR_BAD_VALUE, "sslmode cannot be \"%.*s\"", STR_ARG(o->value));
    }
    return ERR_OK;
}

enum err pg_check(const struct db_target *t, struct fail *f)
{
    for (uint32_t i = 0; i < t->option_count; i++) {
        enum err err = check_option(t, &t->options[i], f);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

/* Whether nobody but this machine can see the bytes. A list of hosts, or a name
 * that may resolve to anything, is not. */
static bool is_local(struct str host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (host.len == 0 || host.ptr[0] == '/' || host.ptr[0] == '@' ||
        str_is(host, "localhost")) {
        return true;
    }
    if (inet_pton(AF_INET, host.ptr, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, host.ptr, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* -- connecting ------------------------------------------------------------ */

struct keywords {
    const char *names[KEYWORDS_MAX + 1];
    const char *values[KEYWORDS_MAX + 1];
    int count;
    char port[8];
    char timeout_s[12];
};

static void put(struct keywords *k, const char *name, const char *value)
{
    if (k->count < KEYWORDS_MAX) {
        k->names[k->count] = name;
        k->values[k->count++] = value;
    }
}

/* Debian's bundle of public authorities; libpq 15 has no word for the system's. */
static const char *system_roots(void)
{
    const char *roots = "/etc/ssl/certs/ca-certificates.crt";
    char own[512];
    const char *home = getenv("HOME");
    int n = snprintf(own, sizeof own, "%s/.postgresql/root.crt", home != NULL ? home : "");
    bool has_own = n > 0 && (size_t)n < sizeof own && access(own, R_OK) == 0;
    return !has_own && access(roots, R_OK) == 0 ? roots : NULL;
}

/* libpq's own default, prefer, does not verify and falls back to plain text. */
static void put_security(struct keywords *k, const struct db_target *t)
{
    put(k, "gssencmode", "disable");
    if (is_local(host_of(t))) {
        put(k, "sslmode", "prefer");
        return;
    }
    put(k, "sslmode", "verify-full");
    if (system_roots() != NULL) {
        put(k, "sslrootcert", system_roots());
    }
}

/* A peer that fell silent is noticed within five seconds while we wait for its answer;
 * backend/vigil.h looks after what is not acknowledged. */
static void put_liveness(struct keywords *k, const struct db_target *t)
{
    uint32_t seconds = (t->connect_timeout_ms + 999) / 1000;
    snprintf(k->timeout_s, sizeof k->timeout_s, "%u", seconds < 2 ? 2 : seconds);
    put(k, "connect_timeout", k->timeout_s);
    put(k, "keepalives", "1");
    put(k, "keepalives_idle", "2");
    put(k, "keepalives_interval", "1");
    put(k, "keepalives_count", "2");
}

/* Of a keyword given twice libpq takes the last, so the URL wins over our
 * defaults, and what must be ours comes behind it. */
static void fill(struct keywords *k, const struct db_target *t)
{
    *k = (struct keywords){0};
    put(k, "application_name", "tribikos");
    put_security(k, t);
    put_liveness(k, t);
    for (uint32_t i = 0; i < t->option_count; i++) {
        put(k, t->options[i].name.ptr, t->options[i].value.ptr);
    }
    put(k, "client_encoding", "UTF8");
    if (t->host.len > 0) {
        put(k, "host", t->host.ptr);
    }
    if (t->port != 0) {
        snprintf(k->port, sizeof k->port, "%u", t->port);
        put(k, "port", k->port);
    }
    if (t->user.len > 0) {
        put(k, "user", t->user.ptr);
    }
    if (t->password.len > 0) {
        put(k, "password", t->password.ptr);
    }
    if (t->database.len > 0) {
        put(k, "dbname", t->database.ptr);
    }
}

static enum err fail_connect(struct fail *f, const PGconn *pg)
{
    char words[sizeof f->message];
    pg_one_line(pg == NULL ? "out of memory" : PQerrorMessage(pg), words, sizeof words);
    return fail_set(f, ERR_CONNECTION_FAILED, "%s",
                    words[0] == '\0' ? "PostgreSQL refused the connection" : words);
}

static bool wait_fd(PGconn *pg, uint64_t until_ns)
{
    uint64_t now = clock_now_ns();
    struct pollfd p = {.fd = PQsocket(pg), .events = POLLIN};
    int ms = until_ns > now ? (int)((until_ns - now) / 1000000) + 1 : 0;
    return ms > 0 && poll(&p, 1, ms) >= 0;
}

/* Runs one statement, not longer than until: PQexec would wait for ever for a
 * server that has stopped. *told, if not NULL: the last value of the row, a number. */
static enum err exec_until(PGconn *pg, const char *sql, uint64_t until_ns, struct fail *f,
                           uint32_t *told)
{
    enum err err = ERR_OK;
    PGresult *res;
    /* As on a reset, where pipeline mode takes one statement at a time. */
    if (!PQsendQueryParams(pg, sql, 0, NULL, NULL, NULL, NULL, FORMAT_TEXT)) {
        return fail_connect(f, pg);
    }
    for (;;) {
        while (PQisBusy(pg)) {
            if (!wait_fd(pg, until_ns)) {
                return fail_set(f, ERR_CONNECTION_FAILED, "PostgreSQL did not answer in time");
            }
            if (!PQconsumeInput(pg)) {
                return fail_connect(f, pg);
            }
        }
        if ((res = PQgetResult(pg)) == NULL) {
            return err;
        }
        ExecStatusType status = PQresultStatus(res);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && err == ERR_OK) {
            err = pg_fail_as(f, ERR_CONNECTION_FAILED, res);
        }
        if (told != NULL && status == PGRES_TUPLES_OK && PQntuples(res) == 1) {
            *told = (uint32_t)strtoul(PQgetvalue(res, 0, PQnfields(res) - 1), NULL, 10);
        }
        PQclear(res);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            return fail_set(f, ERR_CONNECTION_FAILED, "COPY cannot be run on connecting");
        }
    }
}

/* A number may be somebody else's by now, at a server that was started again or took
 * its place; but not with our port, and begun before. What it is at does not matter: a
 * server that stood still may not have read its statement yet. */
static void bury_orphans(PGconn *pg, const struct db_target *t, uint64_t until_ns)
{
    struct orphan o;
    char sql[320];
    while (orphans_take(t->orphans, &o)) {
        struct fail f;
        fail_init(&f);
        snprintf(sql, sizeof sql,
                 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %d AND "
                 "client_port = %d AND backend_start <= "
                 "clock_timestamp() - %llu * interval '1 millisecond'",
                 (int)o.id, o.port == 0 ? -1 : (int)o.port,
                 (unsigned long long)((clock_now_ns() - o.since_ns) / 1000000));
        if (exec_until(pg, sql, until_ns, &f, NULL) != ERR_OK &&
            PQtransactionStatus(pg) != PQTRANS_IDLE) {
            orphans_add(t->orphans, o); /* no answer in time: the next one's */
            return;
        }
    }
}

static enum err prepare_session(PGconn *pg, const struct db_target *t, uint32_t *sessions_max,
                                struct fail *f)
{
    uint64_t until_ns = clock_now_ns() + (uint64_t)t->connect_timeout_ms * 1000000u;
    const char *sql;
    /* From 1: there is nothing yet to discard. */
    for (uint32_t i = 1; (sql = pg_reset_sql(t, i)) != NULL; i++) {
        enum err err = exec_until(pg, sql, until_ns, f, sql == pin_sql ? sessions_max : NULL);
        if (err != ERR_OK) {
            return err;
        }
    }
    bury_orphans(pg, t, until_ns);
    if (PQtransactionStatus(pg) != PQTRANS_IDLE) {
        return fail_set(f, ERR_CONNECTION_FAILED, "on_connect left a transaction open");
    }
    if (!PQenterPipelineMode(pg)) {
        return fail_connect(f, pg);
    }
    return ERR_OK;
}

static void ignore_notice(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}

static enum err connect_pg(const struct db_target *t, PGconn **out, uint32_t *sessions_max,
                           struct fail *f)
{
    struct keywords k;
    fill(&k, t);
    PGconn *pg = PQconnectdbParams(k.names, k.values, 0);
    *out = pg;
    if (PQstatus(pg) != CONNECTION_OK) {
        fail_connect(f, pg);
        if (!is_local(host_of(t)) && option(t, "sslmode") == NULL) {
            fail_hint(f, "connections that leave this machine use sslmode=verify-full; the "
                         "URL may give another sslmode, or an sslrootcert");
        }
        return ERR_CONNECTION_FAILED;
    }
    (void)PQsetNoticeReceiver(pg, ignore_notice, NULL);
    return prepare_session(pg, t, sessions_max, f);
}

enum err pg_open(const struct db_target *t, struct db_conn **out, struct fail *f)
{
    uint32_t sessions_max = 0;
    struct pg_conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "no memory for a connection");
    }
    enum err err = pg_check(t, f);
    if (err == ERR_OK) {
        err = connect_pg(t, &c->pg, &sessions_max, f);
    }
    if (err == ERR_OK && pg_cache_init(&c->cache, t->statement_cache) != ERR_OK) {
        err = fail_set(f, ERR_OUT_OF_MEMORY, "no memory for a connection");
    }
    if (err == ERR_OK && pg_cancel_prepare(c) != ERR_OK) {
        err = fail_connect(f, c->pg);
    }
    if (err != ERR_OK) {
        pg_cache_fini(&c->cache);
        PQfinish(c->pg);
        free(c);
        return err;
    }
    c->base = (struct db_conn){.driver = &driver_pg,
                               .target = t,
                               .server_version = (uint32_t)PQserverVersion(c->pg),
                               .sessions_max = sessions_max,
                               .opened_ns = clock_now_ns(),
                               .statements = &c->cache.table.count,
                               .backend_id = (uint64_t)PQbackendPID(c->pg)};
    *out = &c->base;
    return ERR_OK;
}
