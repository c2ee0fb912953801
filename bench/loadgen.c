/* SPDX-License-Identifier: MIT
 *
 * bench/loadgen.c: a load generator: N connections, each with M requests in flight,
 * one thread over epoll, so that it takes as little of the machine as can be: for
 * what arrived on a connection one recv and one send, with a shared receive buffer.
 *
 *   loadgen PROTOCOL PORT [key=value …]
 *   keys: work host connections in_flight rate warmup_ms duration_ms rows user database
 *         hello pid
 *
 * Without a rate each answer starts the next request. With one, requests fall due at
 * even distances, whichever connection is free takes the oldest, and its latency
 * counts from when it was due: a server that stalls is not spared what it held up.
 *
 * Prints one JSON object: requests, errors, rate, latencies of the short statements, and
 * for each request its own CPU and that of process `pid`, all in microseconds.
 */
#include "base/clock.h"
#include "bench/load.h"
#include "bench/load_times.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256
#define SECOND_NS UINT64_C(1000000000)

struct load {
    struct load_opts opts;
    struct load_work work;
    const struct load_protocol *protocol;
    struct load_conn *conns;
    struct load_conn *free; /* with a rate: those that wait for a request */
    int epoll;
    uint32_t ready;
    uint64_t now_ns;
    uint64_t due_ns, gap_ns; /* with a rate: when the next request is due */
    bool counting;           /* replies before and after are not counted */
    bool told;               /* the first wrong reply was shown */
    uint64_t requests, errors;
    struct load_times times;
    struct load_head heads[LOAD_STATEMENTS]; /* what right replies begin with */
    char received[1 << 18];
};

static void die(const char *what)
{
    fprintf(stderr, "loadgen: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- what protocols use ---- */

void load_skip(struct load_conn *c, size_t n)
{
    c->in = (struct str){c->in.ptr + n, c->in.len - n};
}

const struct load_statement *load_statement_of(const struct load_conn *c, uint32_t slot)
{
    return &c->opts->work->statements[c->slots[slot].statement];
}

uint32_t load_first_cell(const struct load_conn *c, uint32_t slot)
{
    uint32_t first = load_statement_of(c, slot)->first;
    return first == 0 ? c->slots[slot].key : first;
}

size_t load_put_number(char *out, uint32_t v)
{
    char digits[10];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    for (size_t i = 0; i < n; i++) {
        out[i] = digits[n - 1 - i];
    }
    return n;
}

/* ---- one connection ---- */

/* xorshift64: keys need to be spread, not unpredictable. */
static uint64_t next_random(struct load_conn *c)
{
    uint64_t x = c->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    c->random = x;
    return x;
}

static void send_request(struct load *l, struct load_conn *c, uint32_t slot, uint64_t due_ns)
{
    uint64_t x = next_random(c);
    uint8_t statement = l->work.dice[(x >> 40) % sizeof l->work.dice];
    uint32_t keys = l->work.statements[statement].keys;
    keys = keys < l->opts.rows ? keys : l->opts.rows;
    c->slots[slot] = (struct load_slot){.due_ns = due_ns,
                                        .key = (uint32_t)((x & UINT32_MAX) % keys) + 1,
                                        .statement = statement,
                                        .owed = 1};
    c->waiting++;
    l->protocol->request(c, slot);
}

static void watch_for(struct load *l, struct load_conn *c, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

static void flush_out(struct load *l, struct load_conn *c)
{
    while (c->out_at < c->out.len) {
        ssize_t n = send(c->fd, c->out.ptr + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch_for(l, c, EPOLLIN | EPOLLOUT);
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

static void release(struct load *l, struct load_conn *c)
{
    c->next_free = l->free;
    l->free = c;
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

static void count_reply(struct load *l, struct load_conn *c, uint32_t slot, bool good)
{
    if (!l->counting) {
        return;
    }
    l->requests++;
    l->errors += !good;
    if (load_statement_of(c, slot)->kind == LOAD_SHORT) {
        load_times_add(&l->times, l->now_ns - c->slots[slot].due_ns);
    }
}

/* Shows the first wrong reply. */
static void tell(struct load *l, const char *what, struct str text)
{
    if (!l->told) {
        fprintf(stderr, "loadgen: %s: %.*s\n", what, (int)(text.len < 400 ? text.len : 400),
                text.ptr);
    }
    l->told = true;
}

static void read_replies(struct load *l, struct load_conn *c)
{
    enum load_scan s;
    uint32_t slot;
    struct str before = c->in;
    while (c->waiting > 0 && (s = l->protocol->reply(c, &slot)) != SCAN_MORE) {
        if (s == SCAN_LOST) {
            tell(l, "not a reply", before);
            exit(1);
        }
        if (s == SCAN_ERROR) {
            tell(l, "wrong reply", before);
        }
        before = c->in;
        if (s == SCAN_PART) {
            continue;
        }
        count_reply(l, c, slot, s == SCAN_REPLY);
        c->slots[slot].owed = 0;
        c->waiting--;
        c->oldest = (c->oldest + 1) % l->opts.in_flight;
        if (l->opts.rate > 0) {
            release(l, c);
        } else {
            send_request(l, c, slot, l->now_ns);
        }
    }
}

static void read_in(struct load *l, struct load_conn *c)
{
    ssize_t n = recv(c->fd, l->received, sizeof l->received, 0);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0) {
        errno = n == 0 ? ECONNRESET : errno;
        die("recv");
    }
    l->now_ns = clock_now_ns();
    bool joined = c->kept.len > 0;
    if (joined) {
        buf_add(&c->kept, l->received, (size_t)n);
    }
    c->in = joined ? buf_str(&c->kept) : (struct str){l->received, (size_t)n};
    if (c->ready) {
        read_replies(l, c);
    } else {
        read_greeting(l, c);
    }
    if (joined) {
        buf_consume(&c->kept, c->kept.len - c->in.len);
    } else {
        buf_str_add(&c->kept, c->in);
    }
    if (c->kept.failed) {
        die("memory");
    }
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
    c->heads = l->heads;
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

/* Requests that have fallen due go to connections that are free. */
static void start_due(struct load *l)
{
    while (l->free != NULL && l->due_ns <= l->now_ns) {
        struct load_conn *c = l->free;
        l->free = c->next_free;
        send_request(l, c, 0, l->due_ns);
        flush_out(l, c);
        l->due_ns += l->gap_ns;
    }
}

/* Waits for something to read, but not beyond the time of the next request. */
static int wait_for_events(struct load *l, struct epoll_event *events)
{
    uint64_t wait_ns = SECOND_NS / 10;
    if (l->free != NULL) {
        wait_ns = l->due_ns > l->now_ns ? l->due_ns - l->now_ns : 0;
    }
    struct timespec t = {.tv_sec = (time_t)(wait_ns / SECOND_NS),
                         .tv_nsec = (long)(wait_ns % SECOND_NS)};
    int n = epoll_pwait2(l->epoll, events, EVENTS, &t, NULL);
    if (n < 0 && errno != EINTR) {
        die("epoll_pwait2");
    }
    return n;
}

static void turn(struct load *l)
{
    struct epoll_event events[EVENTS];
    int n = wait_for_events(l, events);
    l->now_ns = clock_now_ns();
    for (int i = 0; i < n; i++) {
        struct load_conn *c = events[i].data.ptr;
        if ((events[i].events & EPOLLOUT) != 0) {
            watch_for(l, c, EPOLLIN);
        }
        if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
            read_in(l, c);
        }
        flush_out(l, c);
    }
    start_due(l);
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
        if (l->protocol->greet != NULL && l->protocol->greet(c)) {
            flush_out(l, c);
        } else {
            c->ready = true;
            l->ready++;
        }
    }
    uint64_t patience_ns = clock_now_ns() + 20 * SECOND_NS;
    while (l->ready < l->opts.connections) {
        turn(l);
        if (l->now_ns > patience_ns) {
            errno = ETIMEDOUT;
            die("login");
        }
    }
}

static void run_until(struct load *l, uint64_t end_ns)
{
    while (l->now_ns < end_ns) {
        turn(l);
    }
}

static void start(struct load *l)
{
    l->now_ns = clock_now_ns();
    if (l->opts.rate > 0) {
        l->due_ns = l->now_ns;
        l->gap_ns = SECOND_NS / l->opts.rate;
    }
    for (uint32_t i = 0; i < l->opts.connections; i++) {
        struct load_conn *c = &l->conns[i];
        if (l->opts.rate > 0) {
            release(l, c);
            continue;
        }
        for (uint32_t slot = 0; slot < l->opts.in_flight; slot++) {
            send_request(l, c, slot, l->now_ns);
        }
        flush_out(l, c);
    }
}

/* CPU that a process had so far; 0: we. */
static double cpu_us(uint32_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid((pid_t)pid, &clock) != 0 || clock_gettime(clock, &t) != 0) {
        die("clock of the process");
    }
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void run(struct load *l)
{
    start(l);
    run_until(l, l->now_ns + l->opts.warmup_ms * UINT64_C(1000000));
    uint64_t from_ns = l->now_ns;
    double own_us = cpu_us(0), server_us = cpu_us(l->opts.pid);
    l->counting = true;
    run_until(l, from_ns + l->opts.duration_ms * UINT64_C(1000000));
    own_us = cpu_us(0) - own_us;
    server_us = cpu_us(l->opts.pid) - server_us;
    double seconds = (double)(l->now_ns - from_ns) / (double)SECOND_NS;
    double answers = l->requests == 0 ? 1 : (double)l->requests;
    printf("{\"protocol\":\"%s\",\"work\":\"%s\",\"connections\":%u,\"in_flight\":%u,"
           "\"seconds\":%.3f,\"requests\":%llu,\"errors\":%llu,\"per_second\":%.0f,",
           l->protocol->name, l->work.name, l->opts.connections, l->opts.in_flight, seconds,
           (unsigned long long)l->requests, (unsigned long long)l->errors,
           (double)l->requests / seconds);
    printf("\"latency_us\":{\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
           "\"p999\":%.1f,\"max\":%.1f},\"generator_us\":%.2f,\"server_us\":%.2f}\n",
           load_times_mean_us(&l->times), load_times_quantile_us(&l->times, 0.5),
           load_times_quantile_us(&l->times, 0.9), load_times_quantile_us(&l->times, 0.99),
           load_times_quantile_us(&l->times, 0.999), (double)l->times.max_ns / 1000,
           own_us / answers, l->opts.pid == 0 ? 0.0 : server_us / answers);
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
    fprintf(stderr, "\nworks:");
    for (unsigned i = 0; load_work_name(i) != NULL; i++) {
        fprintf(stderr, " %s", load_work_name(i));
    }
    fprintf(stderr, "\nkeys: work host connections in_flight rate warmup_ms duration_ms rows"
                    " user database hello pid\n");
    exit(2);
}

static bool set_number(struct load_opts *o, const char *key, const char *value)
{
    const struct {
        const char *name;
        uint32_t *at;
        uint32_t least;
    } numbers[] = {{"connections", &o->connections, 1},
                   {"in_flight", &o->in_flight, 1},
                   {"rate", &o->rate, 0},
                   {"warmup_ms", &o->warmup_ms, 0},
                   {"duration_ms", &o->duration_ms, 1},
                   {"rows", &o->rows, 1},
                   {"pid", &o->pid, 0}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(key, numbers[i].name) == 0) {
            *numbers[i].at = (uint32_t)strtoul(value, NULL, 10);
            return *numbers[i].at >= numbers[i].least;
        }
    }
    return false;
}

static bool set_text(struct load_opts *o, const char *key, const char *value)
{
    const struct {
        const char *name;
        const char **at;
    } texts[] = {{"host", &o->host},
                 {"user", &o->user},
                 {"database", &o->database},
                 {"hello", &o->hello}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(key, texts[i].name) == 0) {
            *texts[i].at = value;
            return true;
        }
    }
    return false;
}

static void set_option(struct load *l, char *arg)
{
    char *value = strchr(arg, '=');
    if (value == NULL) {
        usage();
        return;
    }
    *value++ = '\0';
    bool known = strcmp(arg, "work") == 0
                     ? load_work_find(value, &l->work)
                     : set_text(&l->opts, arg, value) || set_number(&l->opts, arg, value);
    if (!known) {
        usage();
    }
}

static void read_arguments(struct load *l, int argc, char **argv)
{
    l->opts = (struct load_opts){.host = "127.0.0.1",
                                 .connections = 1,
                                 .in_flight = 1,
                                 .warmup_ms = 300,
                                 .duration_ms = 2000,
                                 .rows = 100000,
                                 .user = "bench",
                                 .database = "bench",
                                 .work = &l->work};
    if (argc < 3 || !load_work_find("read", &l->work)) {
        usage();
    }
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (strcmp(argv[1], protocols[i]->name) == 0) {
            l->protocol = protocols[i];
        }
    }
    l->opts.port = (uint16_t)strtoul(argv[2], NULL, 10);
    for (int i = 3; i < argc; i++) {
        set_option(l, argv[i]);
    }
    if (l->protocol == NULL || l->opts.port == 0 ||
        (l->opts.rate > 0 && l->opts.in_flight > 1)) {
        usage();
    }
}

int main(int argc, char **argv)
{
    struct load *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return 2;
    }
    prctl(PR_SET_TIMERSLACK, 1UL); /* requests are started when they are due */
    read_arguments(l, argc, argv);
    log_in(l);
    run(l);
    return l->errors == 0 && l->requests > 0 ? 0 : 1;
}
