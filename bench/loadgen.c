/* SPDX-License-Identifier: MIT
 *
 * bench/loadgen.c: a load generator: N connections, each with M requests in flight,
 * one thread over epoll, so that it takes as little of the machine as can be.
 *
 *   loadgen PROTOCOL PORT [key=value …]
 *   keys: host connections in_flight warmup_ms duration_ms rows user database writes
 *
 * Prints one JSON object: requests, errors, rate, and latencies in microseconds.
 */
#include "base/clock.h"
#include "bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Latencies in ns: 64 steps for each power of two, so within 1.6 %. */
#define STEPS 64
#define BUCKETS (STEPS * 59)

struct load {
    struct load_opts opts;
    const struct load_protocol *protocol;
    struct load_conn *conns;
    int epoll;
    uint32_t ready;
    uint64_t now_ns;
    uint64_t count_from_ns, count_to_ns; /* replies outside are not counted */
    uint64_t requests, errors, sum_ns, max_ns;
    uint64_t buckets[BUCKETS];
};

static void die(const char *what)
{
    fprintf(stderr, "loadgen: %s: %s\n", what, strerror(errno));
    exit(1);
}

struct str load_unread(const struct load_conn *c)
{
    return (struct str){c->in.ptr + c->in_at, c->in.len - c->in_at};
}

/* ---- latencies ---- */

static size_t bucket_of(uint64_t ns)
{
    if (ns < STEPS) {
        return (size_t)ns;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - 6;
    return (size_t)(shift + 1) * STEPS + (size_t)((ns >> shift) - STEPS);
}

static uint64_t bucket_start(size_t i)
{
    return i < STEPS ? i : (i % STEPS + STEPS) << (i / STEPS - 1);
}

static double quantile_us(const struct load *l, double q)
{
    uint64_t rank = (uint64_t)(q * (double)l->requests), seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += l->buckets[i];
        if (seen > rank) {
            return (double)bucket_start(i) / 1000;
        }
    }
    return (double)l->max_ns / 1000;
}

static void count_reply(struct load *l, const struct load_slot *s, bool good)
{
    if (l->now_ns < l->count_from_ns || l->now_ns >= l->count_to_ns) {
        return;
    }
    uint64_t ns = l->now_ns - s->sent_ns;
    l->errors += !good;
    l->requests++;
    l->sum_ns += ns;
    l->max_ns = ns > l->max_ns ? ns : l->max_ns;
    l->buckets[bucket_of(ns)]++;
}

/* ---- one connection ---- */

/* xorshift64: keys need to be spread, not unpredictable. */
static uint32_t next_key(struct load_conn *c)
{
    uint64_t x = c->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    c->random = x;
    return (uint32_t)(x % c->opts->rows) + 1;
}

static void send_request(struct load *l, struct load_conn *c, uint32_t slot)
{
    c->slots[slot] = (struct load_slot){l->now_ns, next_key(c), true};
    c->waiting++;
    l->protocol->request(c, slot);
}

static void flush_out(struct load *l, struct load_conn *c)
{
    while (c->out_at < c->out.len) {
        ssize_t n = send(c->fd, c->out.ptr + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
            epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &e);
            return;
        }
        if (n < 0) {
            die("send");
        }
        c->out_at += (size_t)n;
    }
    if (c->out.failed) {
        die("memory");
    }
    buf_clear(&c->out);
    c->out_at = 0;
}

static void start_requests(struct load *l, struct load_conn *c)
{
    for (uint32_t slot = 0; slot < l->opts.in_flight; slot++) {
        send_request(l, c, slot);
    }
}

static void read_greeting(struct load *l, struct load_conn *c)
{
    enum load_scan s = l->protocol->greeting(c);
    if (s == SCAN_LOST) {
        fprintf(stderr, "loadgen: login failed\n");
        exit(1);
    }
    if (s == SCAN_READY) {
        c->ready = true;
        l->ready++;
    }
}

static void read_replies(struct load *l, struct load_conn *c)
{
    enum load_scan s;
    uint32_t slot;
    while (c->waiting > 0 && (s = l->protocol->reply(c, &slot)) != SCAN_MORE) {
        if (s == SCAN_LOST) {
            fprintf(stderr, "loadgen: not a reply: %.*s\n", 200, c->in.ptr);
            exit(1);
        }
        if (s == SCAN_ERROR && l->errors == 0 && l->now_ns >= l->count_from_ns) {
            struct str in = buf_str(&c->in);
            fprintf(stderr, "loadgen: wrong reply: %.*s\n", (int)(in.len < 400 ? in.len : 400),
                    in.ptr);
        }
        count_reply(l, &c->slots[slot], s == SCAN_REPLY);
        c->waiting--;
        c->oldest = (c->oldest + 1) % l->opts.in_flight;
        send_request(l, c, slot);
    }
}

static void read_in(struct load *l, struct load_conn *c)
{
    if (!buf_reserve(&c->in, 65536)) {
        die("memory");
    }
    ssize_t n = recv(c->fd, c->in.ptr + c->in.len, 65536, 0);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0) {
        errno = n == 0 ? ECONNRESET : errno;
        die("recv");
    }
    c->in.len += (size_t)n;
    if (c->ready) {
        read_replies(l, c);
    } else {
        read_greeting(l, c);
    }
    buf_consume(&c->in, c->in_at);
    c->in_at = 0;
}

/* ---- all connections ---- */

static void open_conn(struct load *l, struct load_conn *c, uint32_t i)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(l->opts.port)};
    if (inet_pton(AF_INET, l->opts.host, &a.sin_addr) != 1) {
        errno = EINVAL;
        die("host");
    }
    c->opts = &l->opts;
    c->random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    c->slots = calloc(l->opts.in_flight, sizeof *c->slots);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->slots == NULL || c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) != 0) {
        die("connect");
    }
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0) {
        die("fcntl");
    }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0) {
        die("epoll_ctl");
    }
}

static void turn(struct load *l)
{
    struct epoll_event events[256];
    int n = epoll_wait(l->epoll, events, 256, 100);
    if (n < 0 && errno != EINTR) {
        die("epoll_wait");
    }
    l->now_ns = clock_now_ns();
    for (int i = 0; i < n; i++) {
        struct load_conn *c = events[i].data.ptr;
        if ((events[i].events & EPOLLOUT) != 0) {
            struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
            epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &e);
        }
        if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
            read_in(l, c);
        }
        flush_out(l, c);
    }
}

static void log_in(struct load *l)
{
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->conns = calloc(l->opts.connections, sizeof *l->conns);
    if (l->epoll < 0 || l->conns == NULL) {
        die("epoll_create1");
    }
    for (uint32_t i = 0; i < l->opts.connections; i++) {
        struct load_conn *c = &l->conns[i];
        open_conn(l, c, i);
        if (l->protocol->greet != NULL) {
            l->protocol->greet(c);
            flush_out(l, c);
        } else {
            c->ready = true;
            l->ready++;
        }
    }
    uint64_t patience_ns = clock_now_ns() + UINT64_C(20000000000);
    while (l->ready < l->opts.connections) {
        turn(l);
        if (l->now_ns > patience_ns) {
            errno = ETIMEDOUT;
            die("login");
        }
    }
}

static void run(struct load *l)
{
    l->now_ns = clock_now_ns();
    l->count_from_ns = l->now_ns + l->opts.warmup_ms * UINT64_C(1000000);
    l->count_to_ns = l->count_from_ns + l->opts.duration_ms * UINT64_C(1000000);
    for (uint32_t i = 0; i < l->opts.connections; i++) {
        start_requests(l, &l->conns[i]);
        flush_out(l, &l->conns[i]);
    }
    while (l->now_ns < l->count_to_ns) {
        turn(l);
    }
}

static void print_result(const struct load *l)
{
    double seconds = l->opts.duration_ms / 1000.0;
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("{\"protocol\":\"%s\",\"connections\":%u,\"in_flight\":%u,\"seconds\":%.3f,"
           "\"requests\":%llu,\"errors\":%llu,\"per_second\":%.0f,",
           l->protocol->name, l->opts.connections, l->opts.in_flight, seconds,
           (unsigned long long)l->requests, (unsigned long long)l->errors,
           (double)l->requests / seconds);
    printf("\"latency_us\":{\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
           "\"p999\":%.1f,\"max\":%.1f},\"own_cpu_seconds\":%.2f}\n",
           l->requests == 0 ? 0.0 : (double)l->sum_ns / (double)l->requests / 1000,
           quantile_us(l, 0.5), quantile_us(l, 0.9), quantile_us(l, 0.99),
           quantile_us(l, 0.999), (double)l->max_ns / 1000,
           (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
}

/* ---- arguments ---- */

static const struct load_protocol *const protocols[] = {
    &load_lines,     &load_lines_id,   &load_redis,
    &load_pg_simple, &load_pg_unnamed, &load_pg_prepared,
};

static void usage(void)
{
    fprintf(stderr, "usage: loadgen PROTOCOL PORT [key=value …]\nprotocols:");
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        fprintf(stderr, " %s", protocols[i]->name);
    }
    fprintf(stderr, "\nkeys: host connections in_flight warmup_ms duration_ms rows user"
                    " database writes\n");
    exit(2);
}

static bool set_number(struct load_opts *o, const char *key, uint32_t n)
{
    const struct {
        const char *name;
        uint32_t *at;
    } numbers[] = {{"connections", &o->connections},
                   {"in_flight", &o->in_flight},
                   {"warmup_ms", &o->warmup_ms},
                   {"duration_ms", &o->duration_ms},
                   {"rows", &o->rows}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(key, numbers[i].name) == 0 && (n > 0 || numbers[i].at == &o->warmup_ms)) {
            *numbers[i].at = n;
            return true;
        }
    }
    return false;
}

static void set_option(struct load_opts *o, char *arg)
{
    char *value = strchr(arg, '=');
    if (value == NULL) {
        usage();
        return;
    }
    *value++ = '\0';
    if (strcmp(arg, "host") == 0) {
        o->host = value;
    } else if (strcmp(arg, "user") == 0) {
        o->user = value;
    } else if (strcmp(arg, "database") == 0) {
        o->database = value;
    } else if (strcmp(arg, "writes") == 0) {
        o->writes = strcmp(value, "1") == 0;
    } else if (!set_number(o, arg, (uint32_t)strtoul(value, NULL, 10))) {
        usage();
    }
}

int main(int argc, char **argv)
{
    struct load *l = calloc(1, sizeof *l);
    if (argc < 3 || l == NULL) {
        usage();
        return 2;
    }
    l->opts = (struct load_opts){.host = "127.0.0.1",
                                 .connections = 1,
                                 .in_flight = 1,
                                 .warmup_ms = 300,
                                 .duration_ms = 2000,
                                 .rows = 100000,
                                 .user = "bench",
                                 .database = "bench"};
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (strcmp(argv[1], protocols[i]->name) == 0) {
            l->protocol = protocols[i];
        }
    }
    l->opts.port = (uint16_t)strtoul(argv[2], NULL, 10);
    for (int i = 3; i < argc; i++) {
        set_option(&l->opts, argv[i]);
    }
    if (l->protocol == NULL || l->opts.port == 0) {
        usage();
    }
    log_in(l);
    run(l);
    print_result(l);
    return l->errors == 0 && l->requests > 0 ? 0 : 1;
}
