/* SPDX-License-Identifier: MIT
 *
 * daemon/http.c: a handful of pages over libmicrohttpd.
 *
 * Owns the listening socket and libmicrohttpd's thread, on which all but
 * http_start and http_stop runs. The socket is opened here rather than by the
 * library, which does not say why it could not.
 */
#include "daemon/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 64,
    IDLE_S = 5,
    CONNECTION_BYTES = 16384,
    HOST_BYTES = 256,
};

struct http {
    struct http_opts opts;
    char host[HOST_BYTES];
    struct MHD_Daemon *daemon;
    int fd;
    uint16_t port;
    enum { BOUND_TO_ONE, BOUND_TO_ALL } bound;
};

/* -- who is asked for ------------------------------------------------------ */

static bool is_address(const char *host)
{
    unsigned char any[16];
    return inet_pton(AF_INET, host, any) == 1 || inet_pton(AF_INET6, host, any) == 1;
}

static bool is_loopback(const char *host)
{
    unsigned char v4[4], v6[16];
    if (inet_pton(AF_INET, host, v4) == 1) {
        return v4[0] == 127;
    }
    if (inet_pton(AF_INET6, host, v6) == 1) {
        return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)(const void *)v6);
    }
    return strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0;
}

/* Host = uri-host [ ":" port ] (RFC 9110 §7.2); the host without brackets into out.
 * false: not of that form. */
static bool host_part(const char *value, char out[HOST_BYTES])
{
    const char *from = value;
    size_t len = strcspn(value, ":");
    const char *rest = value + len;
    if (value[0] == '[') {
        from = value + 1;
        len = strcspn(from, "]");
        if (from[len] != ']') {
            return false;
        }
        rest = from + len + 1;
    }
    bool port_ok = rest[0] == '\0' ||
                   (rest[0] == ':' && strspn(rest + 1, "0123456789") == strlen(rest + 1));
    if (len == 0 || len >= HOST_BYTES || !port_ok) {
        return false;
    }
    memcpy(out, from, len);
    out[len] = '\0';
    return true;
}

/* A page of another site reaches us only under a name, its own. */
static bool host_allowed(const struct http *h, const char *value)
{
    char host[HOST_BYTES];
    if (value == NULL || !host_part(value, host)) {
        return false;
    }
    return is_loopback(host) || strcasecmp(host, h->host) == 0 ||
           (h->bound == BOUND_TO_ALL && is_address(host));
}

/* -- pages ----------------------------------------------------------------- */

#define TEXT "text/plain; charset=utf-8"

static enum MHD_Result send_page(struct MHD_Connection *c, unsigned status, const char *type,
                                 struct buf *body)
{
    if (body->failed) {
        buf_fini(body);
        status = MHD_HTTP_SERVICE_UNAVAILABLE;
    }
    struct MHD_Response *r =
        MHD_create_response_from_buffer(body->len, body->ptr, MHD_RESPMEM_MUST_FREE);
    if (r == NULL) {
        buf_fini(body);
        return MHD_NO;
    }
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    enum MHD_Result sent = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return sent;
}

static enum MHD_Result send_text(struct MHD_Connection *c, unsigned status, const char *text)
{
    struct buf b;
    buf_init(&b);
    buf_str_add(&b, str_of(text));
    return send_page(c, status, TEXT, &b);
}

static enum MHD_Result page_index(const struct http *h, struct MHD_Connection *c)
{
    (void)h;
    return send_text(c, MHD_HTTP_OK, "tribikosd: /stats /metrics /healthz /readyz\n");
}

static enum MHD_Result page_stats(const struct http *h, struct MHD_Connection *c)
{
    struct buf b;
    buf_init(&b);
    h->opts.stats(h->opts.arg, &b);
    buf_char(&b, '\n');
    return send_page(c, MHD_HTTP_OK, "application/json", &b);
}

static enum MHD_Result page_metrics(const struct http *h, struct MHD_Connection *c)
{
    struct buf b;
    buf_init(&b);
    h->opts.metrics(h->opts.arg, &b);
    return send_page(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &b);
}

/* The process is alive if this thread can say so. */
static enum MHD_Result page_health(const struct http *h, struct MHD_Connection *c)
{
    (void)h;
    return send_text(c, MHD_HTTP_OK, "ok\n");
}

static enum MHD_Result page_ready(const struct http *h, struct MHD_Connection *c)
{
    struct buf b;
    buf_init(&b);
    bool ready = h->opts.ready(h->opts.arg, &b);
    if (b.len == 0) {
        buf_str_add(&b, ready ? STR("ready\n") : STR("not ready\n"));
    }
    return send_page(c, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, TEXT, &b);
}

static const struct {
    const char *path;
    enum MHD_Result (*page)(const struct http *h, struct MHD_Connection *c);
} pages[] = {
    {"/", page_index},         {"/stats", page_stats},  {"/metrics", page_metrics},
    {"/healthz", page_health}, {"/readyz", page_ready},
};

static enum MHD_Result route(const struct http *h, struct MHD_Connection *c, const char *url)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (strcmp(url, pages[i].path) == 0) {
            return pages[i].page(h, c);
        }
    }
    return send_text(c, MHD_HTTP_NOT_FOUND, "not found; try /\n");
}

/* libmicrohttpd calls this once with the headers and again when the request is
 * whole. What is refused is refused at the first call, before any body is read. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_bytes, void **seen)
{
    (void)version;
    (void)data;
    const struct http *h = arg;
    if (*seen == NULL) {
        *seen = arg;
        const char *host =
            MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
        if (!host_allowed(h, host)) {
            return send_text(c, MHD_HTTP_FORBIDDEN,
                             "the Host header does not name this server\n");
        }
        if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
            return send_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
        }
        return MHD_YES;
    }
    if (*data_bytes > 0) {
        *data_bytes = 0; /* a GET with a body: not ours to read */
        return MHD_YES;
    }
    return route(h, c, url);
}

/* -- start and stop -------------------------------------------------------- */

__attribute__((format(printf, 2, 0))) static void on_library_log(void *arg, const char *fmt,
                                                                 va_list ap)
{
    const struct http *h = arg;
    char text[512];
    if (log_on(h->opts.log, LOG_HTTP, LOG_DEBUG)) {
        vsnprintf(text, sizeof text, fmt, ap);
        log_write(h->opts.log, LOG_HTTP, LOG_DEBUG, NULL, "%s", text);
    }
}

static enum err listen_failed(const struct http *h, struct fail *f, int why)
{
    fail_set(f, ERR_CONNECTION_FAILED, "http: cannot listen on %s port %u: %s", h->host,
             (unsigned)h->opts.port,
             why == EADDRINUSE ? "in use by another program" : strerror(why));
    if (why == EADDRINUSE) {
        fail_hint(f, "set another `http` in the conf file, or `http: off`");
    }
    return f->code;
}

static bool is_wildcard(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) {
        return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr == INADDR_ANY;
    }
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static int open_socket(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, CONNECTIONS_MAX) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a;
    memset(&a, 0, sizeof a);
    socklen_t len = sizeof a;
    if (getsockname(fd, &a.any, &len) != 0) {
        return 0;
    }
    return ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
}

static enum err listen_on(struct http *h, struct fail *f)
{
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)h->opts.port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(h->host, port, &hints, &found);
    if (rc != 0) {
        return fail_set(f, ERR_CONNECTION_FAILED, "http: unknown host %s: %s", h->host,
                        gai_strerror(rc));
    }
    int why = 0;
    for (const struct addrinfo *a = found; a != NULL && h->fd < 0; a = a->ai_next) {
        h->fd = open_socket(a);
        if (h->fd < 0) {
            why = why == 0 ? errno : why;
        } else {
            h->bound = is_wildcard(a->ai_addr) ? BOUND_TO_ALL : BOUND_TO_ONE;
        }
    }
    freeaddrinfo(found);
    if (h->fd < 0) {
        return listen_failed(h, f, why);
    }
    h->port = port_of(h->fd);
    return ERR_OK;
}

/* Signals are for the main thread. */
static struct MHD_Daemon *start_thread(struct http *h)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return NULL;
    }
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, h, MHD_OPTION_LISTEN_SOCKET,
        h->fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_END);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return d;
}

enum err http_start(const struct http_opts *opts, struct http **out, struct fail *f)
{
    *out = NULL;
    struct str host = opts->host.len > 0 ? opts->host : STR("127.0.0.1");
    if (host.len >= HOST_BYTES) {
        return fail_set(f, ERR_CONNECTION_FAILED, "http: the host name is too long");
    }
    struct http *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return fail_set(f, ERR_OUT_OF_MEMORY, "http: out of memory");
    }
    h->opts = *opts;
    h->fd = -1;
    memcpy(h->host, host.ptr, host.len);
    enum err e = listen_on(h, f);
    if (e == ERR_OK) {
        h->daemon = start_thread(h);
        if (h->daemon == NULL) {
            e = fail_set(f, ERR_OUT_OF_MEMORY, "http: the thread does not start");
        }
    }
    if (e != ERR_OK) {
        http_stop(h);
        return e;
    }
    *out = h;
    return ERR_OK;
}

void http_stop(struct http *h)
{
    if (h == NULL) {
        return;
    }
    if (h->daemon != NULL) {
        (void)MHD_quiesce_daemon(h->daemon); /* takes the socket back */
        MHD_stop_daemon(h->daemon);
    }
    if (h->fd >= 0) {
        close(h->fd);
    }
    free(h);
}

uint16_t http_port(const struct http *h)
{
    return h->port;
}

const char *http_library_version(void)
{
    return MHD_get_version();
}
