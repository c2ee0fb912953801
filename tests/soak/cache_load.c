/* SPDX-License-Identifier: MIT
 *
 * tests/soak/cache_load.c: readers and writers of a few hot rows, and the history of
 * what they saw.
 *
 *   cache_load PLAN HISTORY
 *
 * One thread and so one clock: a read begins before its bytes are given to the kernel,
 * a write ends when its reply was taken from there. Each register has one writer
 * connection, whose versions grow by one; readers ask at random; followers read at once
 * what was just acknowledged; aborters write what they then take back. Connections may be
 * dropped, and are made again.
 *
 * HISTORY gets records as cache_check.py reads them; one JSON object of counts is printed.
 */
#include "base/clock.h"
#include "tests/soak/cache_plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 128
#define CODES 32
#define MS UINT64_C(1000000)
#define PATIENCE_NS (60000 * MS)
#define RECONNECT_MS 20
#define ROLLBACK_ID 99
#define FOLLOWERS_OF_A_WRITE 2

enum role { READER, FOLLOWER, WRITER, ABORTER };
enum record_kind { RECORD_READ, RECORD_WRITE };
enum outcome { OUTCOME_OK, OUTCOME_FAIL, OUTCOME_INFO };

struct record {
    uint64_t begin, end;
    int64_t value;
    uint32_t session;
    uint16_t reg;
    uint8_t kind, outcome, form, verdict, instance;
};

struct slot {
    const struct script *script; /* NULL: free */
    uint64_t begin;
};

struct conn {
    enum role role;
    uint32_t index, instance;
    uint16_t reg; /* of a writer */
    int fd;       /* -1: none */
    uint64_t due_ns;
    struct buf in, out;
    size_t out_at;
    struct slot *slots; /* those who write use the first one */
    uint32_t slot_count, busy;
    int64_t version;
    uint32_t step, answered; /* of the script in slots[0] */
    bool refused, unknown;
};

struct code {
    char text[40];
    uint64_t count;
};

struct load {
    struct plan plan;
    FILE *history;
    int epoll;
    struct conn *conns;
    uint32_t conn_count;
    uint64_t random, now_ns, begin_ns;
    bool over;
    uint64_t reads, writes, aborts, lost;
    struct code codes[CODES];
};

static void die(const char *what)
{
    fprintf(stderr, "cache_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t draw(struct load *l, uint64_t below)
{
    uint64_t x = l->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    l->random = x;
    return below == 0 ? 0 : (x >> 11) % below;
}

static const struct script *draw_script(struct load *l, enum script_kind kind, int64_t reg)
{
    const struct scripts *all = &l->plan.scripts[kind];
    uint32_t at = (uint32_t)draw(l, all->count);
    for (uint32_t i = 0; i < all->count; i++) {
        const struct script *s = &all->items[(at + i) % all->count];
        if (reg < 0 || s->reg == reg) {
            return s;
        }
    }
    return NULL;
}

static void keep(struct load *l, const struct conn *c, struct record r)
{
    r.end = l->now_ns;
    r.session = c->index;
    r.instance = (uint8_t)c->instance;
    if (fwrite(&r, sizeof r, 1, l->history) != 1) {
        die("history");
    }
}

static void count_code(struct load *l, struct str code)
{
    for (int i = 0; i < CODES; i++) {
        struct code *c = &l->codes[i];
        if (c->count == 0) {
            snprintf(c->text, sizeof c->text, "%.*s", STR_ARG(code));
        }
        if (str_is(code, c->text)) {
            c->count++;
            return;
        }
    }
}

/* ---- what is sent ---- */

static void send_line(struct load *l, struct conn *c, uint32_t id, const char *line)
{
    request_write(&c->out, id, line, c->version);
    if (draw(l, 1000) < l->plan.cancels) {
        char cancel[64];
        int n =
            snprintf(cancel, sizeof cancel, "{\"id\":\"c\",\"op\":\"cancel\",\"of\":%u}\n", id);
        buf_add(&c->out, cancel, (size_t)n);
    }
}

static void start_read(struct load *l, struct conn *c, const struct script *s)
{
    for (uint32_t i = 0; i < c->slot_count; i++) {
        if (c->slots[i].script == NULL) {
            c->slots[i] = (struct slot){s, clock_now_ns()}; /* later than what it follows */
            c->busy++;
            send_line(l, c, i, s->lines[0]);
            return;
        }
    }
}

static void fill_with_reads(struct load *l, struct conn *c)
{
    while (!l->over && c->fd >= 0 && c->busy < c->slot_count) {
        start_read(l, c, draw_script(l, SCRIPT_READ, -1));
    }
}

static void drop(struct load *l, struct conn *c);

/* The next step, or all; the word `drop` ends the connection in the place of a step. */
static void send_steps(struct load *l, struct conn *c)
{
    const struct script *s = c->slots[0].script;
    do {
        const char *line = s->lines[c->step];
        if (strcmp(line, "drop") == 0) {
            drop(l, c);
            return;
        }
        send_line(l, c, c->step, line);
        c->step++;
    } while (s->at_once && c->step < s->steps);
}

static void start_script(struct load *l, struct conn *c)
{
    const struct script *s = c->role == WRITER ? draw_script(l, SCRIPT_WRITE, c->reg)
                                               : draw_script(l, SCRIPT_ABORT, -1);
    if (s == NULL) {
        return;
    }
    c->version += c->role == WRITER;
    c->slots[0] = (struct slot){s, l->now_ns};
    c->busy = 1;
    c->step = c->answered = 0;
    c->refused = c->unknown = false;
    send_steps(l, c);
}

/* Idle followers read what was written a moment ago. */
static void follow(struct load *l, uint16_t reg)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < l->conn_count && found < FOLLOWERS_OF_A_WRITE; i++) {
        struct conn *c = &l->conns[i];
        if (c->role == FOLLOWER && c->fd >= 0 && c->busy == 0) {
            const struct script *s = draw_script(l, SCRIPT_READ, draw(l, 4) > 0 ? reg : -1);
            found++;
            if (s != NULL) {
                start_read(l, c, s);
            }
        }
    }
}

/* ---- what is answered ---- */

static void read_answered(struct load *l, struct conn *c, const struct answer *a)
{
    if (a->id >= c->slot_count || c->slots[a->id].script == NULL) {
        fprintf(stderr, "cache_load: a reply that nobody waits for: %u\n", a->id);
        exit(3);
    }
    struct slot *slot = &c->slots[a->id];
    if (a->error.len > 0) {
        count_code(l, a->error);
    } else {
        keep(l, c,
             (struct record){.begin = slot->begin,
                             .value = a->value,
                             .reg = slot->script->reg,
                             .kind = RECORD_READ,
                             .form = slot->script->form,
                             .verdict = (uint8_t)a->verdict});
        l->reads++;
    }
    slot->script = NULL;
    c->busy--;
}

static void script_over(struct load *l, struct conn *c)
{
    const struct script *s = c->slots[0].script;
    enum outcome o = c->unknown ? OUTCOME_INFO : c->refused ? OUTCOME_FAIL : OUTCOME_OK;
    if (c->role == WRITER) {
        keep(l, c,
             (struct record){.begin = c->slots[0].begin,
                             .value = c->version,
                             .reg = c->reg,
                             .kind = RECORD_WRITE,
                             .outcome = (uint8_t)o,
                             .form = s->form});
        l->writes += o == OUTCOME_OK;
    } else {
        l->aborts++;
    }
    c->slots[0].script = NULL;
    c->busy = 0;
    c->due_ns = l->now_ns + draw(l, (uint64_t)l->plan.pause_us * 1000);
    if (c->role == WRITER && o == OUTCOME_OK) {
        follow(l, c->reg);
    }
}

/* A transaction that had an error is rolled back, whatever is left of it. */
static void step_answered(struct load *l, struct conn *c, const struct answer *a)
{
    const struct script *s = c->slots[0].script;
    if (s == NULL) {
        return; /* of what was given up */
    }
    if (a->id == ROLLBACK_ID) {
        script_over(l, c);
        return;
    }
    c->answered++;
    if (a->error.len > 0) {
        count_code(l, a->error);
        c->refused = true;
        c->unknown = c->unknown || str_is(a->error, "commit_unknown");
    }
    if (c->answered < c->step) {
        return;
    }
    if (c->refused && s->steps > 1) {
        request_write(&c->out, ROLLBACK_ID, "\"op\":\"rollback\",\"tx\":\"t\"}", 0);
    } else if (c->step < s->steps) {
        send_steps(l, c);
    } else {
        script_over(l, c);
    }
}

static void take_lines(struct load *l, struct conn *c)
{
    size_t at = 0;
    const char *end;
    while (c->fd >= 0 && (end = memchr(c->in.ptr + at, '\n', c->in.len - at)) != NULL) {
        struct answer a =
            answer_read((struct str){c->in.ptr + at, (size_t)(end - c->in.ptr) - at});
        at = (size_t)(end - c->in.ptr) + 1;
        if (!a.has_id) {
            continue; /* of a cancel, or a push */
        }
        if (c->role == READER || c->role == FOLLOWER) {
            read_answered(l, c, &a);
        } else {
            step_answered(l, c, &a);
        }
    }
    buf_consume(&c->in, at < c->in.len ? at : c->in.len);
}

/* ---- connections ---- */

static void watch(struct load *l, struct conn *c, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &e);
}

/* What was under way is unknown, unless it cannot have happened without its last step. */
static void drop(struct load *l, struct conn *c)
{
    close(c->fd);
    c->fd = -1;
    buf_clear(&c->in);
    buf_clear(&c->out);
    c->out_at = 0;
    l->lost++;
    const struct script *s = c->slots[0].script;
    if ((c->role == WRITER || c->role == ABORTER) && s != NULL) {
        c->refused = true;
        c->unknown = c->step == s->steps;
        script_over(l, c);
    }
    memset(c->slots, 0, c->slot_count * sizeof *c->slots);
    c->busy = 0;
    c->due_ns = l->now_ns + RECONNECT_MS * MS;
}

static void flush_out(struct load *l, struct conn *c)
{
    if (c->out.failed) {
        die("memory");
    }
    while (c->fd >= 0 && c->out_at < c->out.len) {
        ssize_t n = send(c->fd, c->out.ptr + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(l, c, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n < 0) {
            drop(l, c);
            return;
        }
        c->out_at += (size_t)n;
    }
    bool some = c->out.len > 0;
    buf_clear(&c->out);
    c->out_at = 0;
    if (some && c->fd >= 0 && !l->over && draw(l, 1000) < l->plan.drops) {
        drop(l, c);
    }
}

static void open_conn(struct load *l, struct conn *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(l->plan.ports[c->instance]),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        die("socket");
    }
    int on = 1;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (connect(c->fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(c->fd);
        c->fd = -1;
        c->due_ns = l->now_ns + RECONNECT_MS * MS;
        return;
    }
    if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0) {
        die("socket");
    }
    c->due_ns = 0;
}

static void read_in(struct load *l, struct conn *c)
{
    if (!buf_reserve(&c->in, 1 << 16)) {
        die("memory");
    }
    ssize_t n = recv(c->fd, c->in.ptr + c->in.len, 1 << 16, 0);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    l->now_ns = clock_now_ns();
    if (n <= 0) {
        drop(l, c);
        return;
    }
    c->in.len += (size_t)n;
    take_lines(l, c);
}

/* ---- all ---- */

static struct conn *add_conns(struct load *l, struct conn *c, enum role role, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, c++) {
        *c = (struct conn){.role = role, .fd = -1, .index = l->conn_count++};
        c->instance = role != READER && role != FOLLOWER && l->plan.one_instance
                          ? 0
                          : i % l->plan.instances;
        c->reg = (uint16_t)i;
        c->slot_count = role == READER ? l->plan.in_flight : 1;
        c->slots = calloc(c->slot_count, sizeof *c->slots);
        if (c->slots == NULL) {
            die("memory");
        }
        open_conn(l, c);
    }
    return c;
}

static void begin(struct load *l)
{
    const struct plan *p = &l->plan;
    uint32_t readers = p->readers * p->instances;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->conns = calloc(readers + p->followers + p->writers + p->aborters, sizeof *l->conns);
    if (l->epoll < 0 || l->conns == NULL) {
        die("memory");
    }
    l->begin_ns = l->now_ns = clock_now_ns();
    struct conn *c = add_conns(l, l->conns, READER, readers);
    c = add_conns(l, c, FOLLOWER, p->followers);
    c = add_conns(l, c, WRITER, p->writers);
    add_conns(l, c, ABORTER, p->aborters);
}

/* Whatever is due: connections, scripts, reads. */
static void start_due(struct load *l)
{
    for (uint32_t i = 0; i < l->conn_count; i++) {
        struct conn *c = &l->conns[i];
        if (c->fd < 0 && !l->over && c->due_ns <= l->now_ns) {
            open_conn(l, c);
        }
        if (c->fd < 0 || l->over) {
            flush_out(l, c);
            continue;
        }
        l->now_ns = clock_now_ns();
        if (c->role == READER) {
            fill_with_reads(l, c);
        } else if (c->role != FOLLOWER && c->busy == 0 && c->due_ns <= l->now_ns) {
            start_script(l, c);
        }
        flush_out(l, c);
    }
}

static void turn(struct load *l)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(l->epoll, events, EVENTS, 1);
    if (n < 0 && errno != EINTR) {
        die("epoll_wait");
    }
    l->now_ns = clock_now_ns();
    for (int i = 0; i < n; i++) {
        struct conn *c = events[i].data.ptr;
        if (c->fd >= 0 && (events[i].events & EPOLLOUT) != 0) {
            watch(l, c, EPOLLIN);
        }
        if (c->fd >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
            read_in(l, c);
        }
    }
    start_due(l);
}

static uint32_t under_way(const struct load *l)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->conn_count; i++) {
        n += l->conns[i].busy;
    }
    return n;
}

static void print_counts(const struct load *l, uint32_t left)
{
    double seconds = (double)(l->now_ns - l->begin_ns) / 1e9;
    printf("{\"seconds\":%.3f,\"reads\":%llu,\"writes\":%llu,\"aborts\":%llu,\"lost\":%llu,"
           "\"unanswered\":%u,\"errors\":{",
           seconds, (unsigned long long)l->reads, (unsigned long long)l->writes,
           (unsigned long long)l->aborts, (unsigned long long)l->lost, left);
    for (int i = 0; i < CODES && l->codes[i].count > 0; i++) {
        printf("%s\"%s\":%llu", i > 0 ? "," : "", l->codes[i].text,
               (unsigned long long)l->codes[i].count);
    }
    printf("}}\n");
}

int main(int argc, char **argv)
{
    struct load *l = calloc(1, sizeof *l);
    if (argc != 3 || l == NULL) {
        fprintf(stderr, "usage: cache_load PLAN HISTORY\n");
        return 2;
    }
    plan_read(&l->plan, argv[1]);
    l->random = (l->plan.seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    l->history = fopen(argv[2], "we");
    if (l->history == NULL) {
        die(argv[2]);
    }
    begin(l);
    uint64_t end_ns = l->begin_ns + l->plan.seconds * 1000 * MS;
    while (l->now_ns < end_ns &&
           (l->plan.reads_wanted == 0 || l->reads < l->plan.reads_wanted)) {
        turn(l);
    }
    l->over = true;
    uint64_t patience_ns = l->now_ns + PATIENCE_NS;
    while (under_way(l) > 0 && l->now_ns < patience_ns) {
        turn(l);
    }
    print_counts(l, under_way(l));
    return fclose(l->history) == 0 ? 0 : 1;
}
