/* SPDX-License-Identifier: MIT
 *
 * daemon/listener.c: bind, listen, accept; spare descriptors for the day when
 * there are none left.
 */
#include "daemon/listener.h"

#include "base/buf.h"
#include "base/clock.h"
#include "protocol/encode.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define SPARES 8
#define REST_NS UINT64_C(50000000)
#define ACCEPTS_A_TURN 64
#define TELL_NS UINT64_C(1000000000)

struct door {
    uv_poll_t poll;
    struct listener *listener;
    int fd;
    struct str unix_path; /* empty: TCP */
    dev_t device;         /* of the socket file: it is removed only if still ours */
    ino_t inode;
};

struct listener {
    struct listener_opts opts;
    struct door *doors;
    uint32_t open;         /* doors with a listening fd */
    uint32_t polls;        /* handles that uv has not closed yet */
    int spare_fds[SPARES]; /* -1: taken by another thread in the moment it was free */
    struct timer rest;     /* runs while nobody is accepted for want of a descriptor */
    uint64_t told_ns;      /* when the log was last told of refused clients */
};

/* ---- opening ---- */

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)a;
        return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    }
    if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)a;
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    }
    return true;
}

static enum err check_address(const struct listener *l, const struct conf_listen *c,
                              const struct addrinfo *a, struct fail *f)
{
    if (is_loopback(a->ai_addr) || l->opts.unprotected) {
        return ERR_OK;
    }
    fail_set(f, ERR_UNSUPPORTED_FEATURE,
             "refusing to listen on %.*s:%u: beyond loopback there is no authentication yet",
             STR_ARG(c->tcp_host), c->tcp_port);
    fail_hint(f, "set `listen_unprotected: true` if the network around it is trusted");
    return f->code;
}

static enum err listen_failed(struct fail *f, const char *host, const char *port, int why)
{
    fail_set(f, ERR_CONNECTION_FAILED, "cannot listen on %s:%s: %s", host, port, strerror(why));
    if (why == EADDRINUSE) {
        fail_hint(f, "another program has this port, perhaps another tribikosd; end it, or set "
                     "another `listen` in a conf file");
    }
    return f->code;
}

static enum err open_tcp(struct listener *l, const struct conf_listen *c, int *out,
                         struct fail *f)
{
    char host[256], port[8];
    snprintf(host, sizeof host, "%.*s", STR_ARG(c->tcp_host));
    snprintf(port, sizeof port, "%u", c->tcp_port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    int e = getaddrinfo(host, port, &hints, &found);
    if (e != 0) {
        return fail_set(f, ERR_CONNECTION_FAILED, "cannot listen on %s: %s", host,
                        gai_strerror(e));
    }
    enum err result = check_address(l, c, found, f);
    int fd = -1, on = 1;
    if (result == ERR_OK) {
        fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
            bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
            result = listen_failed(f, host, port, errno);
        }
    }
    freeaddrinfo(found);
    if (result != ERR_OK && fd >= 0) {
        close(fd);
    }
    *out = fd;
    return result;
}

/* A socket file that nobody listens on is left over from a crash. */
static void remove_stale(const struct sockaddr_un *a)
{
    struct stat st;
    if (lstat(a->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        return;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        if (connect(fd, (const struct sockaddr *)a, sizeof *a) != 0 && errno == ECONNREFUSED) {
            unlink(a->sun_path);
        }
        close(fd);
    }
}

/* The file exists with its final mode from the first moment (umask), so nobody can
 * slip in before a chmod. */
static int bind_unix(int fd, const struct sockaddr_un *a, uint32_t mode)
{
    mode_t old = umask((mode_t)(0777 & ~mode));
    int e = bind(fd, (const struct sockaddr *)a, sizeof *a);
    int saved = errno;
    umask(old);
    errno = saved;
    return e;
}

static enum err open_unix(struct door *d, const struct conf_listen *c, struct fail *f)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (c->unix_path.len >= sizeof a.sun_path) {
        return fail_set(f, ERR_CONNECTION_FAILED, "the path of a Unix socket is too long: %.*s",
                        STR_ARG(c->unix_path));
    }
    memcpy(a.sun_path, c->unix_path.ptr, c->unix_path.len);
    remove_stale(&a);
    struct stat st;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind_unix(fd, &a, c->unix_mode) != 0 || listen(fd, BACKLOG) != 0 ||
        stat(a.sun_path, &st) != 0) {
        fail_set(f, ERR_CONNECTION_FAILED, "cannot listen on %s: %s", a.sun_path,
                 strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return f->code;
    }
    d->unix_path = c->unix_path;
    d->device = st.st_dev;
    d->inode = st.st_ino;
    d->fd = fd;
    return ERR_OK;
}

/* ---- accepting ---- */

/* Tells a client that it cannot come in, without ever blocking. */
static void turn_away(struct listener *l, int fd, enum err why, const char *words)
{
    struct buf b;
    struct fail f;
    buf_init(&b);
    fail_init(&f);
    fail_set(&f, why, "%s", words);
    encode_open_malformed(&b);
    encode_error(&b, &f, (struct str){"", 0});
    if (!b.failed) {
        ssize_t n = send(fd, b.ptr, b.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)n; /* it is turned away in any case */
    }
    buf_fini(&b);
    /* A close with bytes unread would send a reset, which overtakes our words. */
    char unread[4096];
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 16 && recv(fd, unread, sizeof unread, MSG_DONTWAIT) > 0; i++) {
    }
    close(fd);
    atomic_fetch_add(l->opts.refused, 1);
}

/* Once a second is enough: a flood must not fill the log. */
static void tell_refused(struct listener *l, const char *why)
{
    uint64_t now_ns = clock_now_ns();
    if (l->told_ns == 0 || now_ns - l->told_ns >= TELL_NS) {
        l->told_ns = now_ns;
        LOG(l->opts.log, LOG_CLIENT, LOG_ERROR, "clients are refused",
            LOG_S("error", str_of(why)), LOG_I("so_far", atomic_load(l->opts.refused)),
            LOG_END);
    }
}

static void open_spares(struct listener *l)
{
    for (int i = 0; i < SPARES; i++) {
        if (l->spare_fds[i] < 0) {
            l->spare_fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        }
    }
}

/* Closes one and says so. */
static bool give_spare(struct listener *l)
{
    for (int i = 0; i < SPARES; i++) {
        if (l->spare_fds[i] >= 0) {
            close(l->spare_fds[i]);
            l->spare_fds[i] = -1;
            return true;
        }
    }
    return false;
}

static void on_knock(uv_poll_t *p, int status, int events);

static void on_rested(struct timer *t)
{
    struct listener *l = (struct listener *)((char *)t - offsetof(struct listener, rest));
    open_spares(l);
    for (uint32_t i = 0; i < l->polls; i++) {
        (void)uv_poll_start(&l->doors[i].poll, UV_READABLE, on_knock);
    }
}

/* Who knocks stays in the backlog, and would wake us without end: look again in a
 * moment. */
static void rest(struct listener *l)
{
    l->rest.fire = on_rested;
    if (loop_timer_start(l->opts.loop, &l->rest, clock_now_ns() + REST_NS) != ERR_OK) {
        return; /* then it is busy waiting, until there is memory */
    }
    for (uint32_t i = 0; i < l->polls; i++) {
        (void)uv_poll_stop(&l->doors[i].poll);
    }
}

/* No descriptor is left: the spare one lets the client be taken and told. Without
 * that it would stay in the backlog and wake us for ever. */
static bool turn_away_with_spare(struct listener *l, int listen_fd)
{
    int fd = -1;
    if (give_spare(l)) {
        fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    if (fd >= 0) {
        turn_away(l, fd, ERR_TOO_MANY_CLIENTS, "no file descriptor is left");
    } else {
        rest(l);
    }
    open_spares(l);
    return fd >= 0;
}

static bool accept_one(struct door *d)
{
    struct listener *l = d->listener;
    int fd = accept4(d->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        if (l->opts.has_room(l->opts.arg)) {
            l->opts.accepted(l->opts.arg, fd);
        } else {
            turn_away(l, fd, ERR_TOO_MANY_CLIENTS, "limits.clients is reached");
            tell_refused(l, "limits.clients is reached");
        }
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        tell_refused(l, strerror(errno));
        return turn_away_with_spare(l, d->fd);
    }
    return errno == EINTR || errno == ECONNABORTED;
}

static void on_knock(uv_poll_t *p, int status, int events)
{
    struct door *d = p->data;
    (void)events;
    for (int i = 0; status == 0 && i < ACCEPTS_A_TURN && accept_one(d); i++) {
    }
}

/* ---- life ---- */

static enum err open_door(struct listener *l, struct door *d, const struct conf_listen *c,
                          struct fail *f)
{
    d->listener = l;
    d->fd = -1;
    enum err e = c->unix_path.len > 0 ? open_unix(d, c, f) : open_tcp(l, c, &d->fd, f);
    if (e != ERR_OK) {
        return e;
    }
    l->open++;
    d->poll.data = d;
    if (uv_poll_init(&l->opts.loop->uv, &d->poll, d->fd) != 0) {
        return fail_set(f, ERR_INTERNAL, "cannot watch a listening socket");
    }
    l->polls++;
    if (uv_poll_start(&d->poll, UV_READABLE, on_knock) != 0) {
        return fail_set(f, ERR_INTERNAL, "cannot watch a listening socket");
    }
    return ERR_OK;
}

enum err listener_open(const struct listener_opts *opts, struct listener **out, struct fail *f)
{
    struct listener *l = calloc(1, sizeof *l);
    struct door *doors = calloc(opts->count + 1, sizeof *doors);
    if (l == NULL || doors == NULL) {
        free(l);
        free(doors);
        return fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
    }
    l->opts = *opts;
    l->doors = doors;
    memset(l->spare_fds, -1, sizeof l->spare_fds);
    open_spares(l);
    for (uint32_t i = 0; i < opts->count; i++) {
        enum err e = open_door(l, &l->doors[i], &opts->listen[i], f);
        if (e != ERR_OK) {
            listener_close(l);
            return e;
        }
    }
    *out = l;
    return ERR_OK;
}

static void free_listener(struct listener *l)
{
    free(l->doors);
    free(l);
}

static void on_poll_closed(uv_handle_t *h)
{
    struct listener *l = ((struct door *)h->data)->listener;
    if (--l->polls == 0) {
        free_listener(l);
    }
}

static void remove_socket_file(const struct door *d)
{
    char path[sizeof((struct sockaddr_un *)0)->sun_path + 1];
    struct stat st;
    snprintf(path, sizeof path, "%.*s", STR_ARG(d->unix_path));
    if (stat(path, &st) == 0 && st.st_dev == d->device && st.st_ino == d->inode) {
        unlink(path);
    }
}

void listener_close(struct listener *l)
{
    if (l == NULL) {
        return;
    }
    loop_timer_stop(l->opts.loop, &l->rest);
    while (give_spare(l)) {
    }
    uint32_t polls = l->polls;
    for (uint32_t i = 0; i < l->open; i++) {
        struct door *d = &l->doors[i];
        if (i < polls) {
            uv_close((uv_handle_t *)&d->poll, on_poll_closed);
        }
        if (d->unix_path.len > 0) {
            remove_socket_file(d);
        }
        close(d->fd);
    }
    if (polls == 0) {
        free_listener(l);
    }
}
