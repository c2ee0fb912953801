/* SPDX-License-Identifier: MIT
 *
 * daemon/main.c: the command line of tribikosd.
 */
#include "backend/redis.h"
#include "base/buf.h"
#include "base/err_print.h"
#include "conf/conf.h"
#include "daemon/daemon.h"
#include "daemon/http.h"
#include "daemon/settings.h"
#include "daemon/version.h"

#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static const char usage[] =
    "usage: tribikosd [-c FILE]       serve (without -c: /etc/tribikos/tribikos.yaml,\n"
    "                                 else conf/tribikos.yaml)\n"
    "       tribikosd --try URL       serve one database with default settings\n"
    "       tribikosd --check FILE    check a conf file and stop\n"
    "       tribikosd --version       versions of the server and its libraries\n"
    "       tribikosd --help-conf     every key of the conf file\n"
    "       tribikosd --help-errors   every error code (Markdown)\n"
    "       tribikosd --sample-conf   a conf file with every key and its default\n"
    "       tribikosd --markdown-conf the reference of docs/CONFIGURATION.md\n"
    "\n"
    "exit codes: 0 stopped as asked, 1 failed while running, 2 bad conf or arguments\n";

enum { OPT_TRY = 256, OPT_CHECK, OPT_VERSION, OPT_CONF, OPT_ERRORS, OPT_SAMPLE, OPT_MARKDOWN };

static const struct option options[] = {
    {"conf", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {"try", required_argument, NULL, OPT_TRY},
    {"check", required_argument, NULL, OPT_CHECK},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help-conf", no_argument, NULL, OPT_CONF},
    {"help-errors", no_argument, NULL, OPT_ERRORS},
    {"sample-conf", no_argument, NULL, OPT_SAMPLE},
    {"markdown-conf", no_argument, NULL, OPT_MARKDOWN},
    {0},
};

/* What conf_load or conf_try makes of `what`; its complaints go to standard error. */
static struct conf *load(struct conf *(*loader)(const char *, struct buf *), const char *what)
{
    struct buf errors;
    buf_init(&errors);
    struct conf *c = loader(what, &errors);
    struct str text = buf_str(&errors);
    fwrite(text.ptr, 1, text.len, stderr);
    buf_fini(&errors);
    return c;
}

static int serve(const char *path)
{
    static const char *const places[] = {"/etc/tribikos/tribikos.yaml", "conf/tribikos.yaml"};
    for (size_t i = 0; path == NULL && i < 2; i++) {
        path = access(places[i], R_OK) == 0 ? places[i] : NULL;
    }
    if (path == NULL) {
        fputs("tribikosd: no conf file; give one with -c, or try --try URL\n", stderr);
        return EXIT_BAD_CONF;
    }
    struct conf *c = load(conf_load, path);
    return c == NULL ? EXIT_BAD_CONF
                     : (int)daemon_run(&(struct daemon_opts){.conf = c, .conf_path = path});
}

static int try_url(const char *url)
{
    struct conf *c = load(conf_try, url);
    return c == NULL ? EXIT_BAD_CONF
                     : (int)daemon_run(&(struct daemon_opts){.conf = c, .announce = true});
}

static int check(const char *path)
{
    struct conf *c = load(conf_load, path);
    if (c == NULL) {
        return EXIT_BAD_CONF;
    }
    struct fail f;
    fail_init(&f);
    struct settings *s;
    if (settings_create(c, NULL, &s, &f) != ERR_OK) {
        fprintf(stderr, "%s: %s%s%s\n", path, f.message, f.hint[0] != '\0' ? "; " : "", f.hint);
        return EXIT_BAD_CONF;
    }
    printf("%s: ok, %u database%s\n", path, s->database_count,
           s->database_count == 1 ? "" : "s");
    settings_unref(s);
    return EXIT_AS_ASKED;
}

static int print_version(void)
{
    printf("tribikosd " TRIBIKOS_VERSION " (protocol 1)\n");
    static const enum db_kind kinds[] = {DB_PG, DB_MARIA, DB_SQLITE};
    for (size_t i = 0; i < 3; i++) {
        const struct driver *d = driver_for(kinds[i]);
        if (d != NULL) {
            printf("  %-12s %s\n", d->name, d->library_version());
        }
    }
    printf("  %-12s %s\n", "hiredis", redis_library_version());
    printf("  %-12s %s\n", "libuv", uv_version_string());
    printf("  %-12s %s\n", "libmicrohttpd", http_library_version());
    return EXIT_AS_ASKED;
}

static int bad_usage(void)
{
    fputs(usage, stderr);
    return EXIT_BAD_CONF;
}

static int run_option(int opt, const char *arg)
{
    switch (opt) {
    case OPT_TRY:
        return try_url(arg);
    case OPT_CHECK:
        return check(arg);
    case OPT_VERSION:
        return print_version();
    case OPT_CONF:
        conf_print_help(stdout);
        return EXIT_AS_ASKED;
    case OPT_ERRORS:
        err_print_markdown(stdout);
        return EXIT_AS_ASKED;
    case OPT_SAMPLE:
        conf_print_sample(stdout);
        return EXIT_AS_ASKED;
    case OPT_MARKDOWN:
        conf_print_markdown(stdout);
        return EXIT_AS_ASKED;
    case 'h':
        fputs(usage, stdout);
        return EXIT_AS_ASKED;
    default:
        return bad_usage();
    }
}

/* Large buffers (a line of megabytes, a long reply) are mapped and given back. glibc
 * would raise the threshold with the first of them and keep the rest for ever. */
static void tame_malloc(void)
{
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    mallopt(M_TRIM_THRESHOLD, 512 * 1024);
}

int main(int argc, char **argv)
{
    tame_malloc();
    const char *path = NULL;
    int mode = 0, opt;
    const char *arg = NULL;
    while ((opt = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (opt == 'c') {
            path = optarg;
        } else if (mode != 0) {
            return bad_usage();
        } else {
            mode = opt;
            arg = optarg;
        }
    }
    if (optind < argc || (mode != 0 && path != NULL)) {
        return bad_usage();
    }
    return mode == 0 ? serve(path) : run_option(mode, arg);
}
