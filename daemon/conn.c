/* SPDX-License-Identifier: MIT
 *
 * daemon/conn.c: a client's socket: bytes in, lines to requests, bytes out.
 *
 * Nothing here calls back into a request from inside a request: what others may
 * wait for is looked at in `tend`, a deferred call at the end of the turn.
 */
#include "daemon/conn.h"

#include "base/clock.h"
#include "daemon/ahead.h"
#include "daemon/peer.h"
#include "daemon/quick.h"
#include "daemon/request.h"
#include "daemon/route.h"
#include "daemon/tx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_NS UINT64_C(2000000000)
#define UNCOUNTED_BYTES 16384
#define LINE_BYTES_A_MS 66 /* 64 KiB a second: so slow a line may grow for ever */

static const struct conf_limits *limits(const struct conn *c)
{
    return &settings_conf(c->worker->settings)->limits;
}

/* ---- the end of a connection ---- */

/* Counts what its buffers hold; small change is not worth an atomic. False if
 * limits.memory is passed. */
static bool charge(struct conn *c)
{
    _Atomic uint64_t *all = &c->worker->shared->request_bytes;
    size_t now = c->frame.rest.cap + c->held.cap + c->out.cap + c->sending.cap;
    size_t was = c->charged_bytes;
    now = now < UNCOUNTED_BYTES ? 0 : now;
    if (now == was) {
        return true;
    }
    c->charged_bytes = now;
    uint64_t change = (uint64_t)now - was; /* wraps round when it shrinks */
    uint64_t sum = atomic_fetch_add_explicit(all, change, memory_order_relaxed) + change;
    return now < was || sum <= limits(c)->memory_bytes;
}

static void free_if_over(struct conn *c)
{
    if (c->state != CONN_CLOSED || c->first != NULL || c->txs != NULL || c->flush.queued) {
        return;
    }
    struct worker *w = c->worker;
    *(c->prev != NULL ? &c->prev->next : &w->conns) = c->next;
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    uint32_t at = 0;
    struct str name;
    void *p;
    while (map_each(&c->prepared, &at, &name, &p)) {
        prepared_unref(p);
    }
    map_fini(&c->prepared);
    frame_fini(&c->frame);
    buf_fini(&c->held);
    buf_fini(&c->out);
    buf_fini(&c->sending);
    (void)charge(c);
    free((void *)(uintptr_t)c->db.ptr);
    route_forget(c);
    free(c);
    w->freed++;
    atomic_fetch_sub_explicit(&w->counts.clients, 1, memory_order_relaxed);
    worker_conn_gone(w);
}

static void on_closed(uv_handle_t *h)
{
    struct conn *c = h->data;
    c->state = CONN_CLOSED;
    free_if_over(c);
}

void conn_close(struct conn *c)
{
    if (c->state >= CONN_CLOSING) {
        return;
    }
    c->state = CONN_CLOSING;
    loop_timer_stop(&c->worker->loop, &c->linger);
    struct req *next;
    for (struct req *r = c->first; r != NULL; r = next) {
        next = r->next;
        req_stop(r, ERR_CANCELLED);
    }
    conn_wake(c); /* those who wait for their turn need not wait any more */
    uv_close(&c->io.handle, on_closed);
}

static void stop_reading(struct conn *c)
{
    if (c->reading) {
        uv_read_stop(&c->io.stream);
        c->reading = false;
    }
}

void conn_end(struct conn *c)
{
    if (c->state <= CONN_HALF) {
        stop_reading(c);
        buf_fini(&c->held);
        c->looked = 0;
        c->state = CONN_ENDED;
        conn_wake(c);
    }
}

void conn_drain(struct conn *c)
{
    if (!tx_any_open(c)) {
        conn_end(c);
    }
}

static void linger_over(struct timer *t)
{
    conn_close((struct conn *)((char *)t - offsetof(struct conn, linger)));
}

static void start_reading(struct conn *c);

/* Everything is said: the client gets the end of the stream, and what it still
 * sends is dropped, so that no reset overtakes our last line. */
static void linger(struct conn *c)
{
    int fd;
    c->state = CONN_LINGER;
    c->linger.fire = linger_over;
    if (uv_fileno(&c->io.handle, &fd) != 0 || shutdown(fd, SHUT_WR) != 0 ||
        loop_timer_start(&c->worker->loop, &c->linger, clock_now_ns() + LINGER_NS) != ERR_OK) {
        conn_close(c);
        return;
    }
    start_reading(c);
}

/* ---- bytes out ---- */

bool conn_full(const struct conn *c)
{
    return c->out.len + c->sending.len > limits(c)->output_buffer_bytes;
}

static void on_written(uv_write_t *w, int status)
{
    struct conn *c = w->handle->data;
    c->writing = false;
    buf_fini(&c->sending);
    if (status < 0) {
        conn_close(c);
    }
    conn_wake(c);
}

static void flush(struct conn *c)
{
    if (c->writing) {
        return;
    }
    if (c->out.failed) { /* a reply is not whole, or not there at all */
        conn_close(c);
        return;
    }
    if (c->out.len == 0) {
        return;
    }
    uv_buf_t b = uv_buf_init(c->out.ptr, (unsigned)c->out.len);
    int n = uv_try_write(&c->io.stream, &b, 1);
    if (n < 0 && n != UV_EAGAIN) {
        conn_close(c);
        return;
    }
    c->owed = true;
    size_t sent = n < 0 ? 0 : (size_t)n;
    count_own(&c->worker->counts.bytes_out, c->out.len);
    c->bytes_out += c->out.len;
    if (sent == c->out.len) {
        buf_fini(&c->out);
        return;
    }
    buf_swap(&c->out, &c->sending);
    b = uv_buf_init(c->sending.ptr + sent, (unsigned)(c->sending.len - sent));
    if (uv_write(&c->write, &c->io.stream, &b, 1, on_written) != 0) {
        conn_close(c);
        return;
    }
    c->writing = true;
}

void conn_flush_later(struct conn *c)
{
    if (!c->flush.queued) {
        loop_defer(&c->worker->loop, &c->flush);
    }
}

/* ---- bytes in ---- */

/* Requests that can only go on when the client sends `more`. Each has a database
 * connection, so the pool bounds how many there are. */
static uint32_t count_stalled(const struct conn *c)
{
    uint32_t n = 0;
    for (const struct req *r = c->first; r != NULL; r = r->next) {
        n += r->pause == PAUSE_CREDIT;
    }
    return n;
}

static bool has_room(const struct conn *c)
{
    if (c->state > CONN_HALF || conn_full(c)) {
        return false;
    }
    uint32_t most = (uint32_t)limits(c)->in_flight;
    return c->req_count < most || c->req_count - count_stalled(c) < most;
}

/* Beyond limits.in_flight input is held, and looked through for cancels. */
static bool may_read(const struct conn *c)
{
    return c->state == CONN_OPEN && !conn_full(c) && c->held.len < AHEAD_BYTES;
}

/* The answer to a line that cannot be read, in its turn; then we part. */
static void refuse_line(struct conn *c, enum err e)
{
    char words[80];
    size_t most = c->frame.max_bytes;
    switch ((int)e) {
    case ERR_LINE_TOO_LONG:
        snprintf(words, sizeof words, "the line is longer than %zu bytes", most);
        break;
    case ERR_LINE_TIMEOUT:
        snprintf(words, sizeof words, "the line has not ended within %u seconds",
                 c->line_seconds);
        break;
    default:
        snprintf(words, sizeof words, "no memory for a line (of at most %zu bytes)", most);
    }
    frame_fini(&c->frame);
    req_refuse(c, e, words);
    conn_end(c);
}

static void part_from_foreigner(struct conn *c)
{
    count_add(&c->worker->counts.clients_foreign, 1);
    LOG(c->worker->shared->log, LOG_CLIENT, LOG_INFO, "closed: does not speak our protocol",
        LOG_I("client", c->number), LOG_END);
    conn_close(c);
}

static void look_ahead(struct conn *c)
{
    char line[AHEAD_LINE_BYTES];
    size_t n = 1;
    while (c->held.len > 0 && n > 0 && c->state <= CONN_HALF && !conn_full(c) &&
           c->req_count < (uint32_t)limits(c)->in_flight + AHEAD_REQS) {
        n = ahead_take(c, line);
        if (n > 0) {
            req_start(c, (struct str){line, n});
        }
    }
}

/* What there was no room for; `used`: so much of what was held is requests by now. */
static void hold(struct conn *c, struct str input, size_t used)
{
    buf_str_add(&c->held, input);
    c->looked -= c->looked < used ? c->looked : used;
    if (c->held.failed) {
        conn_close(c);
        return;
    }
    look_ahead(c);
    if (!may_read(c)) {
        stop_reading(c);
    }
}

/* Lines to requests, as far as there is room; the rest is held. */
static void feed(struct conn *c, struct str input)
{
    enum frame_result got = FRAME_MORE;
    size_t given = input.len;
    c->worker->read_ns = clock_now_ns();
    while (has_room(c)) {
        struct str line;
        got = frame_next(&c->frame, &input, &line);
        if (got != FRAME_LINE) {
            break;
        }
        c->line_seconds = 0;
        if (!quick_answer(c, line)) {
            req_start(c, line);
        }
    }
    quick_count(c->worker);
    if (c->state > CONN_HALF) {
        return;
    }
    switch (got) {
    case FRAME_LINE:
    case FRAME_MORE:
        break;
    case FRAME_TOO_LONG:
        refuse_line(c, ERR_LINE_TOO_LONG);
        return;
    case FRAME_NO_MEMORY:
        refuse_line(c, ERR_OUT_OF_MEMORY);
        return;
    case FRAME_FOREIGN:
        part_from_foreigner(c);
        return;
    }
    hold(c, input, given - input.len);
    if (!charge(c) && c->frame.rest.cap + c->held.cap > UNCOUNTED_BYTES) {
        refuse_line(c, ERR_OUT_OF_MEMORY);
    }
}

/* The client will send no more. A last line without LF counts as a line. */
static void end_input(struct conn *c)
{
    if (frame_held(&c->frame) > 0) {
        feed(c, STR("\n"));
    }
    if (c->held.len == 0) {
        conn_end(c);
    }
}

static void feed_held(struct conn *c)
{
    struct buf held = c->held;
    buf_init(&c->held);
    feed(c, buf_str(&held));
    buf_fini(&held);
    if (c->held.len == 0 && c->state == CONN_HALF) {
        end_input(c);
    } else if (may_read(c)) {
        start_reading(c);
    }
}

static void take_in(struct conn *c, struct str input)
{
    if (c->held.len == 0) {
        feed(c, input);
        return;
    }
    buf_str_add(&c->held, input);
    if (has_room(c)) {
        feed_held(c);
    } else {
        feed(c, STR(""));
    }
}

/* A socket that was reset, or whose peer is silent, is over; one whose client will only send
 * no more is not. */
static bool is_gone(struct conn *c)
{
    int fd;
    if (uv_fileno(&c->io.handle, &fd) != 0) {
        return false;
    }
    enum peer_state s = peer_state(fd, limits(c)->client_keepalive_ms);
    c->owed = c->owed && s != PEER_THERE;
    return s == PEER_GONE || s == PEER_SILENT;
}

/* Whoever sends a byte now and then holds memory and a descriptor for as long as he
 * likes. Seconds are counted, not read from a clock: time in which we read nothing, since
 * his input is paused or this thread stood still, is none of his. */
static void check_line(struct conn *c)
{
    size_t held = frame_held(&c->frame);
    if (c->state != CONN_OPEN || !c->reading || held == 0 || c->held.len > 0) {
        c->line_seconds = 0;
        return;
    }
    uint64_t most_ms = limits(c)->frame_time_ms + held / LINE_BYTES_A_MS;
    if (++c->line_seconds * UINT64_C(1000) > most_ms) {
        LOG(c->worker->shared->log, LOG_CLIENT, LOG_DEBUG, "closed: a line does not end",
            LOG_I("client", c->number), LOG_I("bytes", held), LOG_END);
        refuse_line(c, ERR_LINE_TIMEOUT);
    }
}

void conn_check(struct conn *c)
{
    check_line(c);
    bool unheard = c->first != NULL && !c->reading;
    if ((unheard || c->owed) && c->state <= CONN_ENDED && is_gone(c)) {
        conn_close(c);
    }
}

static void on_eof(struct conn *c)
{
    stop_reading(c);
    if (c->state == CONN_LINGER || is_gone(c)) {
        conn_close(c);
        return;
    }
    c->state = CONN_HALF;
    if (c->held.len == 0) {
        end_input(c);
    }
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct conn *c = h->data;
    *out = uv_buf_init(c->worker->scratch, sizeof c->worker->scratch);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct conn *c = s->data;
    if (n == UV_EOF) {
        on_eof(c);
    } else if (n < 0) {
        conn_close(c);
    } else if (n > 0 && c->state == CONN_OPEN) {
        count_own(&c->worker->counts.bytes_in, (uint64_t)n);
        c->bytes_in += (uint64_t)n;
        take_in(c, (struct str){b->base, (size_t)n});
        conn_flush_later(c);
    }
}

static void start_reading(struct conn *c)
{
    if (!c->reading && (c->state == CONN_OPEN || c->state == CONN_LINGER)) {
        c->reading = uv_read_start(&c->io.stream, on_alloc, on_read) == 0;
        if (!c->reading) {
            conn_close(c);
        }
    }
}

/* ---- what is looked at once a turn ---- */

static void poke_waiting(struct conn *c)
{
    struct req *next;
    if (!c->unsettled) {
        return;
    }
    c->unsettled = false;
    for (struct req *r = c->first; r != NULL; r = next) {
        next = r->next;
        req_poke(r);
    }
}

static void tend(struct task *t)
{
    struct conn *c = (struct conn *)((char *)t - offsetof(struct conn, flush));
    if (c->state <= CONN_ENDED && c->writer == NULL) {
        tx_push(c);
    }
    if (c->state < CONN_CLOSING) {
        flush(c);
    }
    if (c->worker->state != WORKER_RUNNING) {
        conn_drain(c);
    }
    if (c->state >= CONN_ENDED) {
        tx_end_all(c);
    }
    poke_waiting(c); /* behind the flush: when that makes room, nobody else tells */
    if (has_room(c) && (c->held.len > 0 || !c->reading)) {
        feed_held(c);
    } else if (may_read(c)) {
        start_reading(c);
    }
    if (c->state < CONN_CLOSING) {
        (void)charge(c);
    }
    if (c->state == CONN_ENDED && c->first == NULL && c->txs == NULL && !c->writing &&
        c->out.len == 0) {
        linger(c);
    }
    free_if_over(c);
}

void conn_wake(struct conn *c)
{
    conn_flush_later(c);
}

bool conn_may_write(const struct conn *c, const struct req *r)
{
    if (c->writer != NULL) {
        return c->writer == r;
    }
    if (r->msg.id.present) {
        return true;
    }
    for (const struct req *o = c->first; o != r; o = o->next) {
        if (!o->msg.id.present) {
            return false;
        }
    }
    return true;
}

void conn_request_done(struct conn *c, struct req *r)
{
    *(r->prev != NULL ? &r->prev->next : &c->first) = r->next;
    *(r->next != NULL ? &r->next->prev : &c->last) = r->prev;
    r->next = r->prev = NULL;
    c->req_count--;
    if (c->writer == r) {
        c->writer = NULL;
    }
    conn_wake(c);
}

/* Length, first and last bytes: of up to eight bytes it is the whole id. */
uint64_t conn_id_tag(const struct request_id *id)
{
    if (!id->present) {
        return 0;
    }
    uint64_t first = 0, last = 0;
    size_t len = id->text.len, n = len < sizeof first ? len : sizeof first;
    memcpy(&first, id->text.ptr, n);
    memcpy(&last, id->text.ptr + len - n, n);
    uint64_t tag = (first * UINT64_C(0x9e3779b97f4a7c15)) ^ last ^ ((uint64_t)len << 56);
    return tag == 0 ? 1 : tag;
}

struct req *conn_find(const struct conn *c, const struct request_id *id)
{
    uint64_t tag = conn_id_tag(id);
    for (struct req *r = c->first; r != NULL; r = r->next) {
        if (r->id_tag == tag && r->msg.id.present && str_eq(r->msg.id.text, id->text)) {
            return r;
        }
    }
    return NULL;
}

/* ---- the beginning ---- */

static int open_stream(struct conn *c, int fd)
{
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    uv_loop_t *uv = &c->worker->loop.uv;
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
        return UV_EINVAL;
    }
    int e;
    if (a.ss_family == AF_UNIX) {
        e = uv_pipe_init(uv, &c->io.pipe, 0);
        return e != 0 ? e : uv_pipe_open(&c->io.pipe, fd);
    }
    e = uv_tcp_init(uv, &c->io.tcp);
    if (e != 0) {
        return e;
    }
    e = uv_tcp_open(&c->io.tcp, fd);
    if (e == 0) {
        uv_tcp_nodelay(&c->io.tcp, 1);
        peer_watch(fd, limits(c)->client_keepalive_ms);
    }
    return e;
}

static void drop_new(uv_handle_t *h)
{
    free(h->data);
}

enum err conn_create(struct worker *w, int fd)
{
    struct conn *c = calloc(1, sizeof *c);
    if (c == NULL) {
        close(fd);
        return ERR_OUT_OF_MEMORY;
    }
    c->worker = w;
    int e = open_stream(c, fd);
    c->io.handle.data = c;
    if (e != 0) {
        close(fd);
        if (c->io.handle.loop != NULL) {
            uv_close(&c->io.handle, drop_new);
        } else {
            free(c);
        }
        return ERR_INTERNAL;
    }
    c->number = atomic_fetch_add(&w->shared->next_client, 1) + 1;
    c->since_ns = clock_now_ns();
    c->flush.run = tend;
    frame_init(&c->frame, limits(c)->frame_bytes);
    map_init(&c->prepared, w->shared->seed);
    c->next = w->conns;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    w->conns = c;
    count_add(&w->counts.clients_accepted, 1);
    count_add(&w->counts.clients, 1);
    start_reading(c);
    return ERR_OK;
}

/* ---- statements kept by name ---- */

void prepared_unref(struct prepared *p)
{
    if (p != NULL && --p->refs == 0) {
        atomic_fetch_sub_explicit(&p->shared->request_bytes, p->arena.used_bytes,
                                  memory_order_relaxed);
        arena_fini(&p->arena);
        free(p);
    }
}

static enum err fill_prepared(struct prepared *p, struct str name, struct str source,
                              struct str db, unsigned depth)
{
    p->name = arena_str(&p->arena, name);
    p->db = arena_str(&p->arena, db);
    struct str text = arena_str(&p->arena, source);
    if (p->name.ptr == NULL || p->db.ptr == NULL || text.ptr == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    struct json *tree;
    enum err e = json_parse(&p->arena, text, depth, &tree, NULL);
    p->query = tree;
    return e;
}

enum err conn_prepare(struct conn *c, struct str name, struct str query_source, struct str db,
                      unsigned depth, struct prepared **out)
{
    struct prepared *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return ERR_OUT_OF_MEMORY;
    }
    p->refs = 1;
    p->shared = c->worker->shared;
    arena_init(&p->arena, limits(c)->request_bytes);
    enum err e = fill_prepared(p, name, query_source, db, depth);
    uint64_t all = atomic_fetch_add_explicit(&p->shared->request_bytes, p->arena.used_bytes,
                                             memory_order_relaxed);
    if (e == ERR_OK && all + p->arena.used_bytes > limits(c)->memory_bytes) {
        e = ERR_OUT_OF_MEMORY;
    }
    if (e == ERR_OK) {
        conn_deallocate(c, name);
        e = map_put(&c->prepared, p->name, p);
    }
    if (e != ERR_OK) {
        prepared_unref(p);
        return e;
    }
    *out = p;
    return ERR_OK;
}

bool conn_deallocate(struct conn *c, struct str name)
{
    struct prepared *p = map_remove(&c->prepared, name);
    prepared_unref(p);
    return p != NULL;
}

struct prepared *conn_prepared(struct conn *c, struct str name)
{
    return map_get(&c->prepared, name);
}
