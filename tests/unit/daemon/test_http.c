/* SPDX-License-Identifier: MIT
 *
 * Tests of daemon/http.c over real sockets.
 */
#include "daemon/http.h"

#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct http *http;
static struct log lg;
static bool ready;
static uint16_t port;

static void on_stats(void *arg, struct buf *out)
{
    ck_assert_ptr_eq(arg, &ready);
    BUF_LIT(out, "{\"version\":\"1\"}");
}

static void on_metrics(void *arg, struct buf *out)
{
    (void)arg;
    BUF_LIT(out, "# HELP a b\n# TYPE a gauge\na 1\n");
}

static bool on_ready(void *arg, struct buf *out)
{
    if (!*(bool *)arg) {
        BUF_LIT(out, "database main is down\n");
    }
    return *(bool *)arg;
}

static struct http_opts opts(const char *host, uint16_t p)
{
    return (struct http_opts){
        .host = str_of(host),
        .port = p,
        .log = &lg,
        .stats = on_stats,
        .metrics = on_metrics,
        .ready = on_ready,
        .arg = &ready,
    };
}

static void up_at(const char *host)
{
    struct fail f;
    fail_init(&f);
    struct http_opts o = opts(host, 0);
    enum err e = http_start(&o, &http, &f);
    ck_assert_msg(e == ERR_OK, "%s", f.message);
    port = http_port(http);
    ck_assert_uint_gt(port, 0);
}

static void up(void)
{
    log_init(&lg, -1, LOG_TEXT);
    ready = true;
    up_at("127.0.0.1");
}

static void down(void)
{
    http_stop(http);
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* Sends `request` as it stands and reads until the server closes. */
static const char *talk(const char *request)
{
    static char answer[8192];
    int fd = dial();
    ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL),
                     (ssize_t)strlen(request));
    size_t got = 0;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ck_assert_msg(poll(&p, 1, 10000) == 1, "no end of the answer to: %s", request);
        ssize_t n = recv(fd, answer + got, sizeof answer - 1 - got, 0);
        if (n <= 0) {
            break;
        }
        got += (size_t)n;
    }
    answer[got] = '\0';
    close(fd);
    return answer;
}

static const char *ask(const char *method, const char *path, const char *host)
{
    static char request[1024];
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
             method, path, host);
    return talk(request);
}

static int status(const char *answer)
{
    int code = 0;
    ck_assert_msg(sscanf(answer, "HTTP/1.%*d %d", &code) == 1, "no status: %s", answer);
    return code;
}

static const char *body(const char *answer)
{
    const char *b = strstr(answer, "\r\n\r\n");
    ck_assert_ptr_nonnull(b);
    return b + 4;
}

START_TEST(pages_have_their_content_and_type)
{
    static const struct {
        const char *path, *type, *body;
    } cases[] = {
        {"/", "text/plain; charset=utf-8", "tribikosd: /stats /metrics /healthz /readyz\n"},
        {"/stats", "application/json", "{\"version\":\"1\"}\n"},
        {"/stats?pretty=1", "application/json", "{\"version\":\"1\"}\n"},
        {"/metrics", "text/plain; version=0.0.4; charset=utf-8",
         "# HELP a b\n# TYPE a gauge\na 1\n"},
        {"/healthz", "text/plain; charset=utf-8", "ok\n"},
        {"/readyz", "text/plain; charset=utf-8", "ready\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *a = ask("GET", cases[i].path, "127.0.0.1:7433");
        char type[128];
        snprintf(type, sizeof type, "Content-Type: %s\r\n", cases[i].type);
        ck_assert_int_eq(status(a), 200);
        ck_assert_msg(strstr(a, type) != NULL, "%s: %s", cases[i].path, a);
        ck_assert_ptr_nonnull(strstr(a, "Cache-Control: no-store\r\n"));
        ck_assert_str_eq(body(a), cases[i].body);
    }
}
END_TEST

START_TEST(readyz_says_why_not)
{
    ready = false;
    const char *a = ask("GET", "/readyz", "localhost");
    ck_assert_int_eq(status(a), 503);
    ck_assert_str_eq(body(a), "database main is down\n");
    ck_assert_int_eq(status(ask("GET", "/healthz", "localhost")), 200);
}
END_TEST

START_TEST(head_has_no_body)
{
    const char *a = ask("HEAD", "/stats", "localhost");
    ck_assert_int_eq(status(a), 200);
    ck_assert_ptr_nonnull(strstr(a, "Content-Length: 16\r\n"));
    ck_assert_str_eq(body(a), "");
}
END_TEST

START_TEST(other_paths_are_not_found)
{
    static const char *const paths[] = {"/stat",          "/stats/",   "//stats",
                                        "/../etc/passwd", "/%2e%2e/x", "/STATS"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        ck_assert_msg(status(ask("GET", paths[i], "localhost")) == 404, "%s", paths[i]);
    }
}
END_TEST

START_TEST(other_methods_are_refused_with_allow)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const char *a = ask(methods[i], "/stats", "localhost");
        ck_assert_msg(status(a) == 405, "%s: %s", methods[i], a);
        ck_assert_ptr_nonnull(strstr(a, "Allow: GET, HEAD\r\n"));
    }
    const char *a = talk("POST /stats HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                         "Connection: close\r\n\r\nhello");
    ck_assert_int_eq(status(a), 405);
}
END_TEST

START_TEST(host_must_name_this_machine)
{
    static const struct {
        const char *host;
        int status;
    } cases[] = {
        {"localhost", 200},
        {"LOCALHOST:7433", 200},
        {"localhost.", 200},
        {"127.0.0.1", 200},
        {"127.8.9.1:80", 200},
        {"[::1]:7433", 200},
        {"[::1]", 200},
        {"evil.example", 403},
        {"evil.example:7433", 403},
        {"localhost.evil", 403},
        {"127.0.0.1.evil.example", 403},
        {"10.0.0.1", 403},
        {"[::2]", 403},
        {"[::1", 403},
        {"localhost:80x", 403},
        {"localhost:80:80", 403},
        {"::1", 403},
        {":7433", 403},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *a = ask("GET", "/stats", cases[i].host);
        ck_assert_msg(status(a) == cases[i].status, "%s: %s", cases[i].host, a);
        ck_assert((strstr(a, "version\":") != NULL) == (cases[i].status == 200));
    }
    ck_assert_int_eq(status(talk("GET /stats HTTP/1.0\r\n\r\n")), 403);
}
END_TEST

START_TEST(any_address_may_be_named_when_bound_to_all)
{
    http_stop(http);
    up_at("0.0.0.0");
    ck_assert_int_eq(status(ask("GET", "/stats", "10.1.2.3:7433")), 200);
    ck_assert_int_eq(status(ask("GET", "/stats", "evil.example")), 403);
}
END_TEST

START_TEST(configured_name_may_be_named)
{
    http_stop(http);
    up_at("localhost");
    ck_assert_int_eq(status(ask("GET", "/stats", "localhost:1")), 200);
}
END_TEST

START_TEST(address_in_use_is_said_plainly)
{
    struct http *second = NULL;
    struct fail f;
    fail_init(&f);
    struct http_opts o = opts("127.0.0.1", port);
    ck_assert_int_eq(http_start(&o, &second, &f), ERR_CONNECTION_FAILED);
    ck_assert_ptr_null(second);
    char want[128];
    snprintf(want, sizeof want,
             "http: cannot listen on 127.0.0.1 port %u: in use by another program", port);
    ck_assert_str_eq(f.message, want);
}
END_TEST

START_TEST(foreign_address_and_unknown_host_are_errors)
{
    struct http *h = NULL;
    struct fail f;
    fail_init(&f);
    struct http_opts o = opts("192.0.2.1", 0);
    ck_assert_int_eq(http_start(&o, &h, &f), ERR_CONNECTION_FAILED);
    ck_assert_ptr_nonnull(strstr(f.message, "192.0.2.1"));
    fail_init(&f);
    o = opts("no such host", 0);
    ck_assert_int_eq(http_start(&o, &h, &f), ERR_CONNECTION_FAILED);
    ck_assert_ptr_nonnull(strstr(f.message, "unknown host"));
}
END_TEST

START_TEST(port_can_be_bound_again_at_once)
{
    ck_assert_int_eq(status(ask("GET", "/", "localhost")), 200);
    http_stop(http);
    struct fail f;
    fail_init(&f);
    struct http_opts o = opts("127.0.0.1", port);
    ck_assert_int_eq(http_start(&o, &http, &f), ERR_OK);
    ck_assert_int_eq(status(ask("GET", "/", "localhost")), 200);
}
END_TEST

START_TEST(garbage_and_huge_headers_do_no_harm)
{
    static const char *const lines[] = {"\x16\x03\x01\x02", "GET\r\n\r\n",
                                        "{\"op\":\"ping\"}\n\n", "GET / HTTP/9.9\r\n\r\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        int fd = dial();
        ck_assert_int_gt(send(fd, lines[i], strlen(lines[i]), MSG_NOSIGNAL), 0);
        shutdown(fd, SHUT_WR);
        close(fd);
    }
    static char big[40000];
    memset(big, 'a', sizeof big - 1);
    memcpy(big, "GET / HTTP/1.1\r\nX: ", 19);
    int fd = dial();
    (void)send(fd, big, sizeof big - 1, MSG_NOSIGNAL);
    close(fd);
    ck_assert_int_eq(status(ask("GET", "/healthz", "localhost")), 200);
}
END_TEST

START_TEST(silent_connections_are_bounded_and_dropped)
{
    int fds[80];
    for (size_t i = 0; i < 80; i++) {
        fds[i] = dial();
    }
    /* full of silent ones; they are dropped after a while and we are served */
    ck_assert_int_eq(status(ask("GET", "/healthz", "localhost")), 200);
    for (size_t i = 0; i < 80; i++) {
        close(fds[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("daemon/http");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, up, down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, pages_have_their_content_and_type);
    tcase_add_test(t, readyz_says_why_not);
    tcase_add_test(t, head_has_no_body);
    tcase_add_test(t, other_paths_are_not_found);
    tcase_add_test(t, other_methods_are_refused_with_allow);
    tcase_add_test(t, host_must_name_this_machine);
    tcase_add_test(t, any_address_may_be_named_when_bound_to_all);
    tcase_add_test(t, configured_name_may_be_named);
    tcase_add_test(t, address_in_use_is_said_plainly);
    tcase_add_test(t, foreign_address_and_unknown_host_are_errors);
    tcase_add_test(t, port_can_be_bound_again_at_once);
    tcase_add_test(t, garbage_and_huge_headers_do_no_harm);
    tcase_add_test(t, silent_connections_are_bounded_and_dropped);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
