/* SPDX-License-Identifier: MIT
 *
 * servers.c: starts, kills and removes PostgreSQL and MariaDB for tests.
 */
#include "servers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <mysql.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGS_MAX = 32, CHILDREN_MAX = 128, WAIT_MS = 90000, STEP_MS = 20 };

__attribute__((format(printf, 2, 3), noreturn)) static void die(const struct server *s,
                                                                const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "test server: ");
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, " (log: %s/log)\n", s->dir);
    exit(2);
}

static void wait_step(void)
{
    struct timespec t = {.tv_nsec = STEP_MS * 1000000};
    nanosleep(&t, NULL);
}

/* -- processes ------------------------------------------------------------- */

/* In the child: the servers refuse to be root. */
static void become_nobody(void)
{
    if (geteuid() == 0) {
        const struct passwd *pw = getpwnam("nobody");
        if (pw == NULL || setgroups(0, NULL) != 0 || setgid(pw->pw_gid) != 0 ||
            setuid(pw->pw_uid) != 0) {
            _exit(126);
        }
    }
    /* After setuid, which clears it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void child_exec(const struct server *s, char *const *argv)
{
    char log[96];
    snprintf(log, sizeof log, "%s/log", s->dir);
    become_nobody();
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (out < 0 || in < 0 || chdir(s->dir) != 0) {
        _exit(125);
    }
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    setenv("HOME", s->dir, 1);
    setenv("TMPDIR", s->dir, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    /* A sanitizer's preload must not get into the server. */
    unsetenv("LD_PRELOAD");
    execvp(argv[0], argv);
    _exit(127);
}

static pid_t spawn(const struct server *s, const char *const *args)
{
    char *argv[ARGS_MAX] = {0};
    for (int i = 0; args[i] != NULL && i < ARGS_MAX - 1; i++) {
        argv[i] = strdup(args[i]);
    }
    pid_t pid = fork();
    if (pid == 0) {
        child_exec(s, argv);
    }
    for (int i = 0; i < ARGS_MAX; i++) {
        free(argv[i]);
    }
    if (pid < 0) {
        die(s, "fork: %s", strerror(errno));
    }
    return pid;
}

static void run_to_end(const struct server *s, const char *const *args)
{
    pid_t pid = spawn(s, args);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        die(s, "%s failed", args[0]);
    }
}

static int children_of(pid_t pid, pid_t *out)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = fopen(path, "re");
    int n = 0;
    int kid;
    while (f != NULL && n < CHILDREN_MAX && fscanf(f, "%d", &kid) == 1) {
        out[n++] = kid;
    }
    if (f != NULL) {
        fclose(f);
    }
    return n;
}

/* The server may be the parent's child and not ours (Check forks), so waitpid
 * alone does not tell. A zombie is dead enough. */
static bool is_dead(pid_t pid)
{
    char path[64];
    char state = 'X';
    (void)waitpid(pid, NULL, WNOHANG);
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return true;
    }
    int n = fscanf(f, "%*d (%*[^)]) %c", &state);
    fclose(f);
    return n != 1 || state == 'Z' || state == 'X';
}

static void wait_dead(const struct server *s, pid_t pid)
{
    for (int ms = 0; !is_dead(pid); ms += STEP_MS) {
        if (ms > WAIT_MS) {
            die(s, "process %d does not end", (int)pid);
        }
        wait_step();
    }
}

/* -- the two kinds --------------------------------------------------------- */

/* The programs of PostgreSQL are not in PATH on Debian. */
static void pg_program(const struct server *s, const char *name, char *out, size_t size)
{
    char pattern[96];
    glob_t g = {0};
    snprintf(pattern, sizeof pattern, "/usr/lib/postgresql/*/bin/%s", name);
    if (glob(pattern, 0, NULL, &g) != 0 || g.gl_pathc == 0) {
        die(s, "no %s: is postgresql installed?", name);
    }
    snprintf(out, size, "%s", g.gl_pathv[g.gl_pathc - 1]);
    globfree(&g);
}

static void write_file(const struct server *s, const char *name, const char *text)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    FILE *f = fopen(path, "we");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path, 0644) != 0) {
        die(s, "cannot write %s", path);
    }
}

/* A key and a certificate for localhost, in tls.key and tls.crt. */
static void make_certificate(const struct server *s)
{
    char key[96], crt[96];
    snprintf(key, sizeof key, "%s/tls.key", s->dir);
    snprintf(crt, sizeof crt, "%s/tls.crt", s->dir);
    const char *args[] = {"openssl",
                          "req",
                          "-new",
                          "-x509",
                          "-days",
                          "2",
                          "-nodes",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:prime256v1",
                          "-subj",
                          "/CN=localhost",
                          "-addext",
                          "subjectAltName=DNS:localhost",
                          "-keyout",
                          key,
                          "-out",
                          crt,
                          NULL};
    run_to_end(s, args);
    if (chmod(crt, 0644) != 0) {
        die(s, "chmod: %s", strerror(errno));
    }
}

static void pg_make(struct server *s)
{
    char initdb[128], pwfile[96], data[96];
    pg_program(s, "initdb", initdb, sizeof initdb);
    write_file(s, "pw", SERVER_PASSWORD "\n");
    snprintf(pwfile, sizeof pwfile, "--pwfile=%s/pw", s->dir);
    snprintf(data, sizeof data, "%s/data", s->dir);
    snprintf(s->socket, sizeof s->socket, "%s", s->dir);
    const char *args[] = {initdb,
                          "-D",
                          data,
                          "-U",
                          SERVER_USER,
                          pwfile,
                          "--no-sync",
                          "--encoding=UTF8",
                          "--locale=C.UTF-8",
                          "--auth-local=trust",
                          "--auth-host=scram-sha-256",
                          NULL};
    run_to_end(s, args);
    make_certificate(s);
}

static void pg_spawn(struct server *s)
{
    char postgres[128], data[96], socket_dir[128], port[32], crt[96], key[96];
    snprintf(crt, sizeof crt, "ssl_cert_file=%s/tls.crt", s->dir);
    snprintf(key, sizeof key, "ssl_key_file=%s/tls.key", s->dir);
    pg_program(s, "postgres", postgres, sizeof postgres);
    snprintf(data, sizeof data, "%s/data", s->dir);
    snprintf(socket_dir, sizeof socket_dir, "unix_socket_directories=%s", s->socket);
    snprintf(port, sizeof port, "port=%u", s->port);
    const char *args[] = {postgres,
                          "-D",
                          data,
                          "-c",
                          socket_dir,
                          "-c",
                          port,
                          "-c",
                          "listen_addresses=127.0.0.1",
                          "-c",
                          "fsync=off",
                          "-c",
                          "shared_buffers=32MB",
                          "-c",
                          "max_connections=60",
                          "-c",
                          "max_prepared_transactions=8",
                          "-c",
                          "ssl=on",
                          "-c",
                          crt,
                          "-c",
                          key,
                          NULL};
    s->pid = spawn(s, args);
}

static bool pg_answers(const struct server *s, const char *database)
{
    char port[8];
    snprintf(port, sizeof port, "%u", s->port);
    const char *keys[] = {"host", "port", "user", "dbname", "connect_timeout", NULL};
    const char *values[] = {s->socket, port, SERVER_USER, database, "5", NULL};
    PGconn *c = PQconnectdbParams(keys, values, 0);
    bool ok = PQstatus(c) == CONNECTION_OK;
    if (ok && strcmp(database, "postgres") == 0) {
        PQclear(PQexec(c, "create database " SERVER_DATABASE));
    }
    PQfinish(c);
    return ok;
}

static void maria_make(struct server *s)
{
    char data[96];
    snprintf(data, sizeof data, "--datadir=%s/data", s->dir);
    snprintf(s->socket, sizeof s->socket, "%s/s.sock", s->dir);
    write_file(s, "init.sql",
               "create database if not exists " SERVER_DATABASE " character set utf8mb4;\n"
               "create user if not exists " SERVER_USER "@'%' identified by '" SERVER_PASSWORD
               "';\n"
               "create user if not exists " SERVER_USER
               "@'localhost' identified by '" SERVER_PASSWORD "';\n"
               "grant all on *.* to " SERVER_USER "@'%';\n"
               "grant all on *.* to " SERVER_USER "@'localhost';\n");
    const char *args[] = {"mariadb-install-db",
                          "--no-defaults",
                          data,
                          "--skip-test-db",
                          "--auth-root-authentication-method=normal",
                          "--skip-name-resolve",
                          "--innodb-flush-log-at-trx-commit=0",
                          NULL};
    run_to_end(s, args);
    make_certificate(s);
}

static void maria_spawn(struct server *s)
{
    char data[96], sock[128], port[32], pidfile[96], init[96], cert[96], key[96];
    snprintf(cert, sizeof cert, "--ssl-cert=%s/tls.crt", s->dir);
    snprintf(key, sizeof key, "--ssl-key=%s/tls.key", s->dir);
    snprintf(data, sizeof data, "--datadir=%s/data", s->dir);
    snprintf(sock, sizeof sock, "--socket=%s", s->socket);
    snprintf(port, sizeof port, "--port=%u", s->port);
    snprintf(pidfile, sizeof pidfile, "--pid-file=%s/pid", s->dir);
    snprintf(init, sizeof init, "--init-file=%s/init.sql", s->dir);
    const char *program =
        access("/usr/sbin/mariadbd", X_OK) == 0 ? "/usr/sbin/mariadbd" : "mariadbd";
    const char *args[] = {program,
                          "--no-defaults",
                          data,
                          sock,
                          port,
                          pidfile,
                          init,
                          cert,
                          key,
                          "--bind-address=127.0.0.1",
                          "--skip-name-resolve",
                          "--skip-log-bin",
                          "--innodb-flush-log-at-trx-commit=0",
                          "--innodb-buffer-pool-size=32M",
                          "--innodb-log-file-size=16M",
                          "--performance-schema=off",
                          "--max-allowed-packet=64M",
                          NULL};
    s->pid = spawn(s, args);
}

static bool maria_answers(const struct server *s)
{
    MYSQL *m = mysql_init(NULL);
    bool ok = m != NULL && mysql_real_connect(m, NULL, SERVER_USER, SERVER_PASSWORD,
                                              SERVER_DATABASE, 0, s->socket, 0) != NULL;
    mysql_close(m);
    return ok;
}

/* -- what tests call ------------------------------------------------------- */

uint16_t server_free_port(void)
{
    for (;;) {
        uint16_t n;
        if (getrandom(&n, sizeof n, 0) != sizeof n) {
            continue;
        }
        uint16_t port = (uint16_t)(10000 + n % 20000);
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_free = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
        if (fd >= 0) {
            close(fd);
        }
        if (is_free) {
            return port;
        }
    }
}

static bool answers(const struct server *s)
{
    switch (s->kind) {
    case SERVER_PG:
        return pg_answers(s, SERVER_DATABASE) ||
               (pg_answers(s, "postgres") && pg_answers(s, SERVER_DATABASE));
    case SERVER_MARIA:
        return maria_answers(s);
    }
    return false;
}

void server_start(struct server *s)
{
    switch (s->kind) {
    case SERVER_PG:
        pg_spawn(s);
        break;
    case SERVER_MARIA:
        maria_spawn(s);
        break;
    }
    for (int ms = 0; !answers(s); ms += STEP_MS) {
        if (is_dead(s->pid)) {
            die(s, "ended at once");
        }
        if (ms > WAIT_MS) {
            die(s, "does not answer");
        }
        wait_step();
    }
}

void server_init(struct server *s, enum server_kind kind)
{
    *s = (struct server){.kind = kind, .port = server_free_port()};
    snprintf(s->dir, sizeof s->dir, "/tmp/tribikos-test-XXXXXX");
    if (mkdtemp(s->dir) == NULL || chmod(s->dir, 0755) != 0) {
        die(s, "mkdtemp: %s", strerror(errno));
    }
    const struct passwd *pw = getpwnam("nobody");
    if (geteuid() == 0 && (pw == NULL || chown(s->dir, pw->pw_uid, pw->pw_gid) != 0)) {
        die(s, "chown: %s", strerror(errno));
    }
    switch (kind) {
    case SERVER_PG:
        pg_make(s);
        break;
    case SERVER_MARIA:
        maria_make(s);
        break;
    }
    server_start(s);
}

void server_kill(struct server *s)
{
    pid_t kids[CHILDREN_MAX];
    if (s->pid == 0) {
        return;
    }
    /* The children after their parent: it would start others. */
    int n = children_of(s->pid, kids);
    kill(s->pid, SIGKILL);
    for (int i = 0; i < n; i++) {
        kill(kids[i], SIGKILL);
    }
    for (int i = 0; i < n; i++) {
        wait_dead(s, kids[i]);
    }
    wait_dead(s, s->pid);
    s->pid = 0;
}

void server_stop(struct server *s)
{
    if (s->pid != 0) {
        kill(s->pid, s->kind == SERVER_PG ? SIGINT : SIGTERM);
        wait_dead(s, s->pid);
        s->pid = 0;
    }
}

void server_fini(struct server *s)
{
    server_kill(s);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", s->dir, (char *)NULL);
        _exit(127);
    }
    if (pid > 0) {
        (void)waitpid(pid, NULL, 0);
    }
}
