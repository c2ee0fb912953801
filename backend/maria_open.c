/* SPDX-License-Identifier: MIT
 *
 * backend/maria_open.c: reads the options of a MariaDB URL, opens a session and
 * pins its settings.
 *
 * Blocks (name resolution, TLS, authentication): connector threads only.
 *
 * Options:
 *   ssl_mode     disabled, preferred, required, verify_ca, verify_identity; by
 *                default disabled on a socket or loopback, else verify_identity
 *   ssl_ca, ssl_cert, ssl_key   files
 *   unix_socket  path of the server's socket
 *   charset      utf8mb4 and nothing else
 */
#include "backend/maria.h"
#include "backend/orphans.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { TIMEOUT_MIN_S = 1, TIMEOUT_MAX_S = 300, KILL_TIMEOUT_S = 2 };

enum tls_mode { TLS_DEFAULT, TLS_DISABLED, TLS_PREFERRED, TLS_REQUIRED, TLS_VERIFY };

static const struct {
    const char *name;
    enum tls_mode mode;
} tls_modes[] = {
    {"disabled", TLS_DISABLED}, {"preferred", TLS_PREFERRED},    {"required", TLS_REQUIRED},
    {"verify_ca", TLS_VERIFY},  {"verify_identity", TLS_VERIFY},
};

/* div_precision_increment is what the compiler reckons with; group_concat must not
 * cut, nor a recursive query end early; SHOW WARNINGS is read, so some must be kept.
 * The cache of subqueries (10.11) gives every group of a query the answer of one. */
static const char pin_sql[] =
    "SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES,"
    "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
    "NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES,SIMULTANEOUS_ASSIGNMENT', autocommit = 1, "
    "group_concat_max_len = 4294967295, div_precision_increment = 4, "
    "optimizer_switch = 'subquery_cache=off', "
    "sql_safe_updates = 0, sql_auto_is_null = 0, foreign_key_checks = 1, "
    "unique_checks = 1, max_error_count = 64, max_recursive_iterations = 4294967295";

const char *maria_reset_sql(const struct db_target *t, uint32_t i)
{
    if (i == 0) {
        return pin_sql;
    }
    return i - 1 < t->on_connect_count ? t->on_connect[i - 1].ptr : NULL;
}

/* -- options --------------------------------------------------------------- */

static struct str option(const struct db_target *t, const char *name)
{
    for (uint32_t i = 0; i < t->option_count; i++) {
        if (str_is(t->options[i].name, name)) {
            return t->options[i].value;
        }
    }
    return (struct str){0};
}

static enum tls_mode tls_mode_of(struct str s)
{
    for (size_t i = 0; i < sizeof tls_modes / sizeof tls_modes[0]; i++) {
        if (str_ieq(s, str_of(tls_modes[i].name))) {
            return tls_modes[i].mode;
        }
    }
    return TLS_DEFAULT;
}

enum err maria_check(const struct db_target *t, struct fail *f)
{
    static const char *const names[] = {"ssl_mode", "ssl_ca",      "ssl_cert",
                                        "ssl_key",  "unix_socket", "charset"};
    for (uint32_t i = 0; i < t->option_count; i++) {
        const struct db_option *o = &t->options[i];
        size_t n = 0;
        while (n < sizeof names / sizeof names[0] && !str_is(o->name, names[n])) {
            n++;
        }
        if (n == sizeof names / sizeof names[0]) {
            fail_set(f, ERR_UNKNOWN_KEY, "MariaDB has no option \"%.*s\" that a URL may set",
                     STR_ARG(o->name));
            fail_hint(f, "there are ssl_mode, ssl_ca, ssl_cert, ssl_key, unix_socket, charset");
            return ERR_UNKNOWN_KEY;
        }
        if (str_is(o->name, "ssl_mode") && tls_mode_of(o->value) == TLS_DEFAULT) {
            return fail_set(f, ERR_BAD_VALUE, "ssl_mode cannot be \"%.*s\"", STR_ARG(o->value));
        }
        if (str_is(o->name, "charset") && !str_ieq(o->value, STR("utf8mb4"))) {
            return fail_set(f, ERR_BAD_VALUE, "charset can only be utf8mb4");
        }
    }
    return ERR_OK;
}

/* -- where ----------------------------------------------------------------- */

struct place {
    const char *host; /* NULL: a socket */
    char socket[256]; /* empty: the library's default */
};

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static struct place place_of(const struct db_target *t)
{
    struct place p = {0};
    struct str path = option(t, "unix_socket");
    if (path.len == 0 && str_starts(t->host, STR("/"))) {
        path = t->host;
    }
    if (path.len > 0) {
        const char *end = is_folder(path.ptr) ? "/mysqld.sock" : "";
        snprintf(p.socket, sizeof p.socket, "%.*s%s", STR_ARG(path), end);
    } else if (t->host.len > 0) {
        p.host = t->host.ptr;
    }
    return p;
}

static bool is_loopback(const char *host)
{
    struct in_addr a;
    if (inet_pton(AF_INET, host, &a) == 1) {
        return (ntohl(a.s_addr) >> 24) == 127;
    }
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0;
}

/* -- connecting ------------------------------------------------------------ */

static enum tls_mode effective_mode(const struct db_target *t, const struct place *p)
{
    enum tls_mode mode = tls_mode_of(option(t, "ssl_mode"));
    if (mode != TLS_DEFAULT) {
        return mode;
    }
    bool near = p->host == NULL || is_loopback(p->host);
    return near && option(t, "ssl_ca").len == 0 ? TLS_DISABLED : TLS_VERIFY;
}

static void set_tls(MYSQL *my, const struct db_target *t, enum tls_mode mode)
{
    static const struct {
        const char *name;
        enum mysql_option option;
    } files[] = {{"ssl_ca", MYSQL_OPT_SSL_CA},
                 {"ssl_cert", MYSQL_OPT_SSL_CERT},
                 {"ssl_key", MYSQL_OPT_SSL_KEY}};
    my_bool use = mode != TLS_DISABLED;
    /* Enforcing alone falls back to plain text without a word; only a verified
     * server cannot be impersonated. */
    my_bool verify = mode == TLS_VERIFY;
    (void)mysql_optionsv(my, MYSQL_OPT_SSL_ENFORCE, &use);
    (void)mysql_optionsv(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    for (size_t i = 0; mode != TLS_DISABLED && i < sizeof files / sizeof files[0]; i++) {
        struct str file = option(t, files[i].name);
        if (file.len > 0) {
            (void)mysql_optionsv(my, files[i].option, file.ptr);
        }
    }
}

static unsigned timeout_s(uint32_t ms)
{
    unsigned s = ms / 1000 + (ms % 1000 != 0);
    return s < TIMEOUT_MIN_S ? TIMEOUT_MIN_S : s > TIMEOUT_MAX_S ? TIMEOUT_MAX_S : s;
}

static void set_options(MYSQL *my, unsigned seconds)
{
    unsigned off = 0;
    my_bool no = 0;
    (void)mysql_optionsv(my, MYSQL_OPT_LOCAL_INFILE, &off);
    (void)mysql_optionsv(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    (void)mysql_optionsv(my, MYSQL_OPT_RECONNECT, &no);
    (void)mysql_optionsv(my, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    (void)mysql_optionsv(my, MYSQL_OPT_READ_TIMEOUT, &seconds);
    (void)mysql_optionsv(my, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
    (void)mysql_optionsv(my, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "tribikos");
}

static enum err connect_failed(struct fail *f, const char *text)
{
    return fail_set(f, ERR_CONNECTION_FAILED, "%s", text);
}

/* Connects my, which the caller closes on any outcome. */
static enum err link_up(MYSQL *my, const struct db_target *t, unsigned seconds, struct fail *f)
{
    struct place p = place_of(t);
    enum tls_mode mode = effective_mode(t, &p);
    ERR_clear_error(); /* what an earlier connection of this thread left */
    set_options(my, seconds);
    set_tls(my, t, mode);
    if (p.host != NULL) {
        unsigned tcp = MYSQL_PROTOCOL_TCP; /* or "localhost" would be the socket */
        (void)mysql_optionsv(my, MYSQL_OPT_PROTOCOL, &tcp);
    }
    const char *database = t->database.len > 0 ? t->database.ptr : NULL;
    const char *socket = p.socket[0] != '\0' ? p.socket : NULL;
    if (mysql_real_connect(my, p.host, t->user.len > 0 ? t->user.ptr : NULL,
                           t->password.len > 0 ? t->password.ptr : "", database, t->port,
                           socket, CLIENT_FOUND_ROWS) == NULL) {
        f->native = (int32_t)mysql_errno(my);
        snprintf(f->sqlstate, sizeof f->sqlstate, "%.5s", mysql_sqlstate(my));
        return connect_failed(f, mysql_error(my));
    }
    if (mode == TLS_REQUIRED && mysql_get_ssl_cipher(my) == NULL) {
        return connect_failed(f, "the server offers no TLS, which ssl_mode asks for");
    }
    return ERR_OK;
}

/* Runs one statement and drops what it returns. */
static enum err query(MYSQL *my, const char *sql, struct fail *f)
{
    if (mysql_query(my, sql) != 0) {
        f->native = (int32_t)mysql_errno(my);
        return connect_failed(f, mysql_error(my));
    }
    mysql_free_result(mysql_store_result(my));
    return ERR_OK;
}

static enum err pin(MYSQL *my, const struct db_target *t, struct fail *f)
{
    enum err e = ERR_OK;
    const char *sql;
    for (uint32_t i = 0; e == ERR_OK && (sql = maria_reset_sql(t, i)) != NULL; i++) {
        e = query(my, sql, f);
    }
    return e;
}

/* A larger packet is not answered with an error in peace: the server hangs up while
 * it is still being sent. */
static enum err ask_facts(MYSQL *my, struct maria_facts *out, struct fail *f)
{
    static const char sql[] = "SELECT @@max_allowed_packet, @@max_connections";
    MYSQL_RES *res = mysql_query(my, sql) == 0 ? mysql_store_result(my) : NULL;
    MYSQL_ROW row = res == NULL ? NULL : mysql_fetch_row(res);
    *out = (struct maria_facts){0};
    if (row != NULL && row[0] != NULL && row[1] != NULL) {
        out->max_packet_bytes = strtoull(row[0], NULL, 10);
        out->sessions_max = (uint32_t)strtoul(row[1], NULL, 10);
    }
    mysql_free_result(res);
    return out->max_packet_bytes == 0
               ? connect_failed(f, "the server does not tell max_allowed_packet")
               : ERR_OK;
}

/* A peer that fell silent is noticed within five seconds while we wait for its answer;
 * Connector/C leaves that to the kernel, which takes two hours. */
static void set_keepalive(MYSQL *my)
{
    static const struct {
        int option, value;
    } settings[] = {{TCP_KEEPIDLE, 2}, {TCP_KEEPINTVL, 1}, {TCP_KEEPCNT, 2}};
    int fd = (int)mysql_get_socket(my), on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        /* a Unix socket has none of these, and needs none */
        (void)setsockopt(fd, IPPROTO_TCP, settings[i].option, &settings[i].value,
                         sizeof settings[i].value);
    }
}

/* Whether the session o is still there. A number may be somebody else's by now, at a
 * server that was started again, which its uptime tells, or took its place: then not with
 * our port. What it is at does not matter: a server that stood still may not have read
 * its statement yet. */
static bool still_runs(MYSQL *my, const struct orphan *o)
{
    char sql[320], host[16] = "localhost";
    if (o->port != 0) {
        snprintf(host, sizeof host, "%%:%u", (unsigned)o->port);
    }
    snprintf(sql, sizeof sql,
             "SELECT 1 FROM information_schema.processlist WHERE id = %llu AND "
             "host LIKE '%s' AND %llu <= (SELECT CAST(variable_value AS UNSIGNED) FROM "
             "information_schema.global_status WHERE variable_name = 'UPTIME')",
             (unsigned long long)o->id, host,
             (unsigned long long)((clock_now_ns() - o->since_ns) / 1000000000));
    MYSQL_RES *res = mysql_query(my, sql) == 0 ? mysql_store_result(my) : NULL;
    bool found = res != NULL && mysql_num_rows(res) == 1;
    mysql_free_result(res);
    return found;
}

static void bury_orphans(MYSQL *my, const struct db_target *t)
{
    struct orphan o;
    char sql[64];
    while (orphans_take(t->orphans, &o)) {
        if (still_runs(my, &o)) {
            snprintf(sql, sizeof sql, "KILL CONNECTION %llu", (unsigned long long)o.id);
            (void)mysql_query(my, sql); /* if it is gone meanwhile, so much the better */
        }
    }
}

MYSQL *maria_connect(const struct db_target *t, struct maria_facts *facts, struct fail *f)
{
    MYSQL *my = mysql_init(NULL);
    if (my == NULL) {
        (void)fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
        return NULL;
    }
    /* Asked for before connecting; the calls themselves may still block. */
    enum err e = mysql_optionsv(my, MYSQL_OPT_NONBLOCK, (void *)NULL) == 0
                     ? link_up(my, t, timeout_s(t->connect_timeout_ms), f)
                     : fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    if (e == ERR_OK) {
        set_keepalive(my);
        e = pin(my, t, f);
    }
    if (e == ERR_OK) {
        e = ask_facts(my, facts, f);
    }
    if (e == ERR_OK) {
        bury_orphans(my, t);
    }
    if (e != ERR_OK) {
        mysql_close(my);
        return NULL;
    }
    return my;
}

enum maria_killed maria_kill(const struct db_target *t, const char *what, uint64_t id)
{
    char sql[64];
    struct fail f;
    enum maria_killed how = KILLED_NOT;
    fail_init(&f);
    MYSQL *my = mysql_init(NULL);
    if (my == NULL) {
        return how;
    }
    snprintf(sql, sizeof sql, "KILL %s %llu", what, (unsigned long long)id);
    if (link_up(my, t, KILL_TIMEOUT_S, &f) == ERR_OK) {
        how = mysql_query(my, sql) != 0 && maria_lost(mysql_errno(my)) ? KILLED_LATER
                                                                       : KILLED_YES;
    }
    mysql_close(my);
    return how;
}
