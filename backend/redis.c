/* SPDX-License-Identifier: MIT
 *
 * backend/redis.c: what is under way on a connection to Redis, in order.
 *
 * Owns the context and its poll; borrows commands. A callback may send, reopen or close:
 * the context is freed only when libuv has closed the poll, in a later turn.
 */
#include "backend/redis.h"

#include "backend/redis_open.h"
#include "base/clock.h"
#include "base/hash.h"

#include <hiredis/hiredis.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_MAX 16
#define UNDER_WAY_MAX 4096
#define REPLY_MAX (UINT64_C(128) << 20)
#define DEAF_NS UINT64_C(1000000000) /* so much later it is not waited for any more */
#define BACKOFF_MIN_NS UINT64_C(50000000)
#define BACKOFF_MAX_NS UINT64_C(2000000000)

enum state {
    STATE_WAITING,  /* a moment, before it is opened again */
    STATE_STRANDED, /* there was no memory for that: who wants to send tries again */
    STATE_OPENING,
    STATE_UP,
    STATE_DROPPING, /* libuv closes the poll */
};

/* One whose answer is awaited. */
struct place {
    struct redis_command *command; /* NULL: its answer is late, and nobody's */
    uint64_t sent_ns;
};

struct redis {
    struct redis_opts opts;
    enum state state;
    bool closing;
    void (*closed)(void *arg);
    struct redis_open *open;
    redisContext *context;
    uv_poll_t poll;
    struct task flush, end;
    struct timer timer; /* up: an answer is late; waiting: open again */
    uint64_t backoff_ns;
    struct place *ring; /* under way, in order; UNDER_WAY_MAX places */
    uint32_t first, count;
    char run_id[REDIS_RUN_ID_MAX];
};

static void drop(struct redis *r, const char *why);

/* ---- replies ---- */

enum redis_kind redis_kind(const struct redisReply *r)
{
    switch (r == NULL ? REDIS_REPLY_NIL : r->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return REDIS_TEXT;
    case REDIS_REPLY_INTEGER:
        return REDIS_NUMBER;
    case REDIS_REPLY_ARRAY:
        return REDIS_LIST;
    case REDIS_REPLY_ERROR:
        return REDIS_ERROR;
    default:
        return REDIS_NIL;
    }
}

struct str redis_text(const struct redisReply *r)
{
    enum redis_kind kind = redis_kind(r);
    return kind == REDIS_TEXT || kind == REDIS_ERROR ? (struct str){r->str, r->len}
                                                     : (struct str){"", 0};
}

int64_t redis_number(const struct redisReply *r)
{
    return redis_kind(r) == REDIS_NUMBER ? r->integer : 0;
}

uint32_t redis_count(const struct redisReply *r)
{
    return redis_kind(r) == REDIS_LIST ? (uint32_t)r->elements : 0;
}

const struct redisReply *redis_at(const struct redisReply *r, uint32_t i)
{
    return i < redis_count(r) ? r->element[i] : NULL;
}

/* ---- what is under way ---- */

static struct place *place_at(struct redis *r, uint32_t i)
{
    return &r->ring[(r->first + i) % UNDER_WAY_MAX];
}

static void finish(struct redis_command *c, enum redis_end end, const struct redisReply *reply)
{
    c->end = end;
    c->reply = reply;
    c->done(c);
}

/* Whether the first answer is late: then the server is not well, and nothing is sent. */
static bool is_late(const struct redis *r)
{
    return r->count > 0 && r->ring[r->first].command == NULL;
}

/* The timer waits for the first answer: to be late, and then to be very late. */
static void watch(struct redis *r)
{
    if (r->count == 0) {
        loop_timer_stop(r->opts.loop, &r->timer);
        return;
    }
    uint64_t wait_ns = is_late(r) ? r->opts.timeout_ns + DEAF_NS : r->opts.timeout_ns;
    uint64_t due_ns = place_at(r, 0)->sent_ns + wait_ns;
    if (loop_timer_start(r->opts.loop, &r->timer, due_ns) != ERR_OK) {
        drop(r, "out of memory");
    }
}

/* Ends those that have waited too long; their places stay. */
static void end_late(struct redis *r, uint64_t now_ns)
{
    for (uint32_t i = 0; r->state == STATE_UP && i < r->count; i++) {
        struct place *p = place_at(r, i);
        struct redis_command *c = p->command;
        if (c != NULL && now_ns >= p->sent_ns + r->opts.timeout_ns) {
            p->command = NULL;
            finish(c, REDIS_LATE, NULL);
        }
    }
}

static void answer(struct redis *r, const struct redisReply *reply)
{
    struct redis_command *c = place_at(r, 0)->command;
    r->first = (r->first + 1) % UNDER_WAY_MAX;
    r->count--;
    if (c != NULL) {
        finish(c, REDIS_ANSWERED, reply);
    }
}

/* ---- opening and dropping ---- */

static void open_again(struct redis *r);

static void on_opened(struct redis_open *o, void *arg);

static void set_off(struct redis *r)
{
    r->open = redis_open_create(&r->opts, on_opened, r);
    if (r->open == NULL) {
        open_again(r);
        return;
    }
    r->state = STATE_OPENING;
    connector_submit(r->opts.connector, &r->open->job);
}

static void on_timer(struct timer *t)
{
    struct redis *r = (struct redis *)(void *)((char *)t - offsetof(struct redis, timer));
    uint64_t now_ns = clock_now_ns();
    if (r->state == STATE_WAITING) {
        set_off(r);
    } else if (r->state == STATE_UP && r->count > 0) {
        if (now_ns >= place_at(r, 0)->sent_ns + r->opts.timeout_ns + DEAF_NS) {
            drop(r, "no answer");
            return;
        }
        end_late(r, now_ns);
        if (r->state == STATE_UP) {
            watch(r);
        }
    }
}

/* After a while that doubles, and is not the same for all who lost it at once. */
static void open_again(struct redis *r)
{
    r->state = STATE_WAITING;
    uint64_t wait_ns = r->backoff_ns + hash_seed() % (r->backoff_ns / 2);
    r->backoff_ns = r->backoff_ns * 2 < BACKOFF_MAX_NS ? r->backoff_ns * 2 : BACKOFF_MAX_NS;
    if (loop_timer_start(r->opts.loop, &r->timer, clock_now_ns() + wait_ns) != ERR_OK) {
        r->state = STATE_STRANDED;
    }
}

static void on_end(struct task *t)
{
    struct redis *r = (struct redis *)(void *)((char *)t - offsetof(struct redis, end));
    void (*closed)(void *) = r->closed;
    void *arg = r->opts.arg;
    free(r->ring);
    free(r);
    closed(arg);
}

static void end(struct redis *r)
{
    loop_timer_stop(r->opts.loop, &r->timer);
    r->end.run = on_end;
    loop_defer(r->opts.loop, &r->end);
}

static void on_poll_closed(uv_handle_t *h)
{
    struct redis *r = h->data;
    redisFree(r->context);
    r->context = NULL;
    if (r->closing) {
        end(r);
    } else {
        open_again(r);
    }
}

static void lose_all(struct redis *r)
{
    while (r->count > 0) {
        struct redis_command *c = place_at(r, 0)->command;
        r->first = (r->first + 1) % UNDER_WAY_MAX;
        r->count--;
        if (c != NULL) {
            finish(c, REDIS_LOST, NULL);
        }
    }
}

static void drop(struct redis *r, const char *why)
{
    if (r->state != STATE_UP) {
        return;
    }
    char words[REDIS_WHY_MAX]; /* it may stand in the context */
    snprintf(words, sizeof words, "%s", why);
    r->state = STATE_DROPPING;
    r->run_id[0] = '\0';
    loop_timer_stop(r->opts.loop, &r->timer);
    (void)uv_poll_stop(&r->poll);
    uv_close((uv_handle_t *)&r->poll, on_poll_closed);
    lose_all(r);
    if (!r->closing) {
        r->opts.down(r->opts.arg, words);
    }
}

/* ---- reading and writing ---- */

static void on_poll(uv_poll_t *h, int status, int events);

static void poll_for(struct redis *r, int events)
{
    (void)uv_poll_start(&r->poll, events, on_poll);
}

static void write_out(struct redis *r)
{
    int done = 0;
    if (redisBufferWrite(r->context, &done) != REDIS_OK) {
        drop(r, r->context->errstr);
        return;
    }
    poll_for(r, done != 0 ? UV_READABLE : UV_READABLE | UV_WRITABLE);
}

static void hear(struct redis *r, const struct redisReply *reply)
{
    if (redis_count(reply) == 3 && str_is(redis_text(redis_at(reply, 0)), "message")) {
        r->opts.heard(r->opts.arg, redis_text(redis_at(reply, 2)));
    }
}

static void take_reply(struct redis *r, const struct redisReply *reply)
{
    if (r->opts.channel.len > 0) {
        hear(r, reply);
    } else if (r->count == 0) {
        drop(r, "an answer to no command");
    } else {
        answer(r, reply);
    }
}

static void read_in(struct redis *r)
{
    if (redisBufferRead(r->context) != REDIS_OK) {
        drop(r, r->context->errstr);
        return;
    }
    while (r->state == STATE_UP) {
        void *reply = NULL;
        if (redisGetReplyFromReader(r->context, &reply) != REDIS_OK) {
            drop(r, r->context->errstr);
            return;
        }
        if (reply == NULL) {
            break;
        }
        take_reply(r, reply);
        freeReplyObject(reply);
    }
    if (r->state == STATE_UP && r->context->reader->len > REPLY_MAX) {
        drop(r, "an answer is too long");
    }
    if (r->state == STATE_UP) {
        watch(r);
    }
}

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct redis *r = h->data;
    if (status < 0) {
        drop(r, uv_strerror(status));
        return;
    }
    if ((events & UV_WRITABLE) != 0) {
        write_out(r);
    }
    if ((events & UV_READABLE) != 0 && r->state == STATE_UP) {
        read_in(r);
    }
}

static void on_flush(struct task *t)
{
    struct redis *r = (struct redis *)(void *)((char *)t - offsetof(struct redis, flush));
    if (r->state == STATE_UP) {
        write_out(r);
    }
    if (r->state == STATE_UP) {
        watch(r);
    }
}

static void come_up(struct redis *r)
{
    if (uv_poll_init(&r->opts.loop->uv, &r->poll, r->context->fd) != 0) {
        redisFree(r->context);
        r->context = NULL;
        open_again(r);
        r->opts.down(r->opts.arg, "cannot watch the socket");
        return;
    }
    r->poll.data = r;
    r->state = STATE_UP;
    r->backoff_ns = BACKOFF_MIN_NS;
    poll_for(r, UV_READABLE);
    r->opts.up(r->opts.arg);
}

static void on_opened(struct redis_open *o, void *arg)
{
    struct redis *r = arg;
    r->open = NULL;
    if (r->closing) {
        redis_open_free(o);
        end(r);
        return;
    }
    r->context = o->context;
    o->context = NULL;
    memcpy(r->run_id, o->run_id, sizeof r->run_id);
    if (r->context != NULL) {
        come_up(r);
    } else {
        open_again(r);
        r->opts.down(r->opts.arg, o->why);
    }
    redis_open_free(o);
}

/* ---- the interface ---- */

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *redis_library_version(void)
{
    return TEXT(HIREDIS_MAJOR) "." TEXT(HIREDIS_MINOR) "." TEXT(HIREDIS_PATCH);
}

struct redis *redis_create(const struct redis_opts *opts)
{
    struct redis *r = calloc(1, sizeof *r);
    struct place *ring = calloc(UNDER_WAY_MAX, sizeof *ring);
    if (r == NULL || ring == NULL) {
        free(r);
        free(ring);
        return NULL;
    }
    r->opts = *opts;
    r->ring = ring;
    r->backoff_ns = BACKOFF_MIN_NS;
    r->timer.fire = on_timer;
    r->flush.run = on_flush;
    set_off(r);
    return r;
}

bool redis_send(struct redis *r, struct redis_command *c, const struct str *args,
                uint32_t count)
{
    const char *texts[ARGS_MAX];
    size_t lengths[ARGS_MAX];
    if (r->state == STATE_STRANDED && !r->closing) {
        open_again(r);
    }
    if (r->state != STATE_UP || r->closing || is_late(r) || r->count == UNDER_WAY_MAX ||
        r->opts.channel.len > 0 || count > ARGS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        texts[i] = args[i].ptr;
        lengths[i] = args[i].len;
    }
    if (redisAppendCommandArgv(r->context, (int)count, texts, lengths) != REDIS_OK) {
        return false; /* nothing of it was appended */
    }
    *place_at(r, r->count++) = (struct place){c, clock_now_ns()};
    if (!r->flush.queued) {
        loop_hurry(r->opts.loop, &r->flush);
    }
    return true;
}

void redis_reopen(struct redis *r, const char *why)
{
    drop(r, why);
}

bool redis_is_up(const struct redis *r)
{
    return r->state == STATE_UP;
}

struct str redis_run_id(const struct redis *r)
{
    return str_of(r->run_id);
}

void redis_close(struct redis *r, void (*closed)(void *arg))
{
    r->closing = true;
    r->closed = closed;
    switch (r->state) {
    case STATE_WAITING:
    case STATE_STRANDED:
        end(r);
        break;
    case STATE_OPENING:
        if (redis_open_leave(r->open, r->opts.connector)) {
            r->open = NULL;
            end(r);
        }
        break;
    case STATE_UP:
        drop(r, "closed");
        break;
    case STATE_DROPPING:
        break;
    }
}
