/* SPDX-License-Identifier: MIT
 *
 * daemon/sharing.c: joins, tells, hears, leaves.
 *
 * Keys in Redis, of group G: `tribikos:1:{G}:log`, a hash with the run_id of the process
 * that it is of, the epoch and the latest position; `tribikos:1:{G}:members`, the set of ids;
 * and the channel `tribikos:1:{G}`. The 1 is the version of messages and slots.
 */
#include "daemon/sharing.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "cache/ledger.h"
#include "cache/members.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TELL_TIMEOUT_NS UINT64_C(1000000000)
#define LEAVE_NS UINT64_C(3000000000)
#define REFUSED_NS UINT64_C(1000000000) /* before we ask again to join */
#define LOOK_NS UINT64_C(100000000)
#define BEATS_PER_ROLL 8 /* beats between two looks at the register */
#define EARLY_MAX (1u << 20)
#define NAME_MAX_LEN 128

/* A log of a process that is no more is not gone on with: it may have been restored from
 * an older state. The reply: epoch, position, ids of all members. */
#define JOIN_SCRIPT                                                                            \
    "local h = redis.call('HMGET', KEYS[1], 'run', 'epoch', 'n') "                             \
    "if h[1] ~= ARGV[1] or not h[2] or not h[3] then "                                         \
    "redis.call('DEL', KEYS[1]) "                                                              \
    "redis.call('HMSET', KEYS[1], 'run', ARGV[1], 'epoch', ARGV[2], 'n', 0) "                  \
    "h[2] = ARGV[2] h[3] = '0' end "                                                           \
    "redis.call('SADD', KEYS[2], ARGV[3]) "                                                    \
    "return {h[2], tonumber(h[3]), redis.call('SMEMBERS', KEYS[2])}"

/* The reply: the position; 0 if it is the log of another process. */
#define TELL_SCRIPT                                                                            \
    "local h = redis.call('HMGET', KEYS[1], 'run', 'epoch') "                                  \
    "if h[1] ~= ARGV[1] or h[2] ~= ARGV[2] then return 0 end "                                 \
    "local n = redis.call('HINCRBY', KEYS[1], 'n', 1) "                                        \
    "redis.call('PUBLISH', ARGV[4], h[2] .. ' ' .. string.format('%.0f', n) .. ' ' .. "        \
    "ARGV[5]) "                                                                                \
    "if ARGV[6] == 'leave' then redis.call('SREM', KEYS[2], ARGV[3]) "                         \
    "else redis.call('SADD', KEYS[2], ARGV[3]) "                                               \
    "redis.call('PEXPIRE', KEYS[1], 86400000) redis.call('PEXPIRE', KEYS[2], 86400000) end "   \
    "return n"

enum sharing_state {
    SHARING_APART,   /* a connection is missing, or Redis refused us */
    SHARING_JOINING, /* the place in the log is asked for */
    SHARING_MEMBER,
    SHARING_LEAVING, /* the last message is to be sent, or is on its way */
    SHARING_CLOSING,
};

/* A command of ours; one of each kind at a time. */
struct order {
    struct redis_command command;
    struct sharing *share;
    bool out;
};

struct sharing {
    struct sharing_opts opts;
    enum sharing_state state;
    struct members members;
    struct redis *mouth, *ear;
    struct order join, tell, roll, strike;
    struct task wake;
    _Atomic bool woken; /* wake is on its way */
    struct timer pulse;
    uint64_t retry_ns, leave_by_ns;
    uint32_t beats;   /* since the register was read */
    bool whole, away; /* as was last logged */
    bool left;        /* our last message was sent */
    unsigned open;    /* connections */
    char log_key[NAME_MAX_LEN], members_key[NAME_MAX_LEN], channel[NAME_MAX_LEN];
    char id[17], epoch[17];
    struct buf early; /* heard while we joined: lines */
    struct buf text;  /* the message in hand */
    struct sharing_figures figures;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

static void look(struct sharing *s);

struct redis_target redis_target_of(const struct conf_url *url)
{
    int64_t db = 0;
    (void)str_to_i64(url->database, &db); /* nothing is 0; the conf was checked */
    return (struct redis_target){
        .host = url->host,
        .port = url->port,
        .user = url->user,
        .password = url->password,
        .db = (uint32_t)db,
    };
}

const struct sharing_figures *sharing_figures(const struct sharing *s)
{
    return &s->figures;
}

static void publish_figures(struct sharing *s)
{
    const struct members *m = &s->members;
    const struct members_counts *c = &m->counts;
    struct sharing_figures *f = &s->figures;
    atomic_store(&f->joined, s->state == SHARING_MEMBER);
    atomic_store(&f->whole, s->whole);
    atomic_store(&f->members, m->count + 1);
    atomic_store(&f->silent, members_silent(m, clock_now_ns()));
    atomic_store(&f->told, c->told);
    atomic_store(&f->heard, c->heard);
    atomic_store(&f->slots_told, c->slots_told);
    atomic_store(&f->slots_heard, c->slots_heard);
    atomic_store(&f->missed, c->missed);
    atomic_store(&f->forgotten, c->forgotten);
}

/* ---- apart ---- */

static void part(struct sharing *s)
{
    if (s->state == SHARING_MEMBER || s->state == SHARING_JOINING) {
        s->state = SHARING_APART;
    }
    members_part(&s->members);
    buf_clear(&s->early);
}

static void lose(struct sharing *s, const char *why)
{
    if (!s->away && s->state != SHARING_LEAVING) {
        s->away = true;
        atomic_fetch_add(&s->figures.lost, 1);
        LOG(s->opts.log, LOG_DAEMON, LOG_WARN,
            "the Redis of the cache is away: of what is cached, nothing is served that is "
            "older than a second",
            LOG_S("server", s->opts.conf->share.masked), LOG_S("error", str_of(why)), LOG_END);
    }
    part(s);
}

static void start_again(struct sharing *s, const char *why)
{
    lose(s, why);
    s->retry_ns = clock_now_ns() + REFUSED_NS;
    redis_reopen(s->mouth, why);
    redis_reopen(s->ear, why);
}

static void refuse(struct sharing *s, const struct redis_command *c)
{
    char why[160];
    struct str words = c->end == REDIS_ANSWERED ? redis_text(c->reply) : STR("no answer");
    snprintf(why, sizeof why, "%.*s", (int)(words.len < 150 ? words.len : 150), words.ptr);
    start_again(s, words.len > 0 ? why : "its log began anew");
}

/* ---- orders ---- */

static bool give(struct sharing *s, struct order *o, void (*done)(struct redis_command *c),
                 const struct str *args, uint32_t count)
{
    o->share = s;
    o->command = (struct redis_command){.done = done};
    o->out = redis_send(s->mouth, &o->command, args, count);
    return o->out;
}

static struct sharing *order_over(struct redis_command *c)
{
    struct order *o = (struct order *)(void *)c;
    o->out = false;
    return o->share;
}

/* ---- joining ---- */

static void hear_line(struct sharing *s, struct str line)
{
    if (members_hear(&s->members, line, clock_now_ns()) == HEARD_ANEW) {
        start_again(s, "its log began anew");
    }
}

/* What there was no room or no memory for is missing, also the end of a line: then the next
 * message has a position too high, and members_hear says that some were missed. */
static void hear_early(struct sharing *s)
{
    struct str rest = buf_str(&s->early);
    ptrdiff_t end;
    while (s->state == SHARING_MEMBER && (end = str_find(rest, '\n', 0)) >= 0) {
        hear_line(s, (struct str){rest.ptr, (size_t)end});
        rest = (struct str){rest.ptr + end + 1, rest.len - (size_t)end - 1};
    }
    buf_clear(&s->early);
}

static bool read_id(struct str text, uint64_t *out)
{
    char copy[17] = "";
    if (text.len == 16) {
        memcpy(copy, text.ptr, 16);
    }
    char *end;
    *out = strtoull(copy, &end, 16);
    return end == copy + 16 && *out != 0;
}

static void read_register(struct sharing *s, const struct redisReply *ids)
{
    for (uint32_t i = 0; i < redis_count(ids); i++) {
        uint64_t id;
        if (read_id(redis_text(redis_at(ids, i)), &id)) {
            members_register(&s->members, id, clock_now_ns());
        }
    }
}

static void on_joined(struct redis_command *c)
{
    struct sharing *s = order_over(c);
    struct ledger_place at = {0};
    if (s->state != SHARING_JOINING) {
        return;
    }
    const struct redisReply *r = c->end == REDIS_ANSWERED ? c->reply : NULL;
    if (!read_id(redis_text(redis_at(r, 0)), &at.epoch) || redis_number(redis_at(r, 1)) < 0) {
        refuse(s, c);
        return;
    }
    at.position = (uint64_t)redis_number(redis_at(r, 1));
    snprintf(s->epoch, sizeof s->epoch, "%016" PRIx64, at.epoch);
    s->state = SHARING_MEMBER;
    s->away = false;
    s->beats = 0;
    members_join(&s->members, at, clock_now_ns());
    read_register(s, redis_at(r, 2));
    LOG(s->opts.log, LOG_DAEMON, LOG_INFO, "sharing what is written with other daemons",
        LOG_S("server", s->opts.conf->share.masked), LOG_S("group", s->opts.conf->group),
        LOG_S("id", str_of(s->id)), LOG_I("others", s->members.count), LOG_END);
    hear_early(s);
    look(s);
}

static void join(struct sharing *s)
{
    char epoch[17];
    uint64_t proposal = hash_seed() | 1;
    snprintf(epoch, sizeof epoch, "%016" PRIx64, proposal);
    if (!str_eq(redis_run_id(s->mouth), redis_run_id(s->ear))) {
        start_again(s, "it is two servers");
        return;
    }
    const struct str args[] = {
        STR("EVAL"),        STR(JOIN_SCRIPT),       STR("2"),
        str_of(s->log_key), str_of(s->members_key), redis_run_id(s->mouth),
        str_of(epoch),      str_of(s->id)};
    buf_clear(&s->early);
    if (give(s, &s->join, on_joined, args, 8)) {
        s->state = SHARING_JOINING;
    }
}

/* ---- telling ---- */

static void on_told(struct redis_command *c)
{
    struct sharing *s = order_over(c);
    if (s->state == SHARING_LEAVING) {
        s->left = true;
        look(s);
        return;
    }
    if (s->state == SHARING_MEMBER &&
        (c->end != REDIS_ANSWERED || redis_number(c->reply) <= 0)) {
        refuse(s, c);
    }
    look(s);
}

/* Sends the message in s->text. */
static bool tell(struct sharing *s, struct str kind)
{
    const struct str args[] = {STR("EVAL"),
                               STR(TELL_SCRIPT),
                               STR("2"),
                               str_of(s->log_key),
                               str_of(s->members_key),
                               redis_run_id(s->mouth),
                               str_of(s->epoch),
                               str_of(s->id),
                               str_of(s->channel),
                               buf_str(&s->text),
                               kind};
    return give(s, &s->tell, on_told, args, 11);
}

static void tell_what_is_due(struct sharing *s, uint64_t now_ns)
{
    buf_clear(&s->text);
    if (s->tell.out || !members_tell(&s->members, now_ns, &s->text)) {
        return;
    }
    if (!tell(s, STR("stay"))) {
        lose(s, "no answer");
        return;
    }
    s->beats += s->members.beat_ns == now_ns;
}

/* ---- the register ---- */

static void on_roll(struct redis_command *c)
{
    struct sharing *s = order_over(c);
    if (s->state == SHARING_MEMBER && c->end == REDIS_ANSWERED) {
        read_register(s, c->reply);
    }
}

static void on_struck(struct redis_command *c)
{
    (void)order_over(c); /* if it was in vain, it is silent again, and forgotten again */
}

static void keep_register(struct sharing *s, uint64_t now_ns)
{
    uint64_t id;
    if (s->beats >= BEATS_PER_ROLL && !s->roll.out) {
        const struct str args[] = {STR("SMEMBERS"), str_of(s->members_key)};
        s->beats = 0;
        (void)give(s, &s->roll, on_roll, args, 2);
    }
    if (!s->strike.out && members_forget(&s->members, now_ns, &id)) {
        char text[17];
        snprintf(text, sizeof text, "%016" PRIx64, id);
        const struct str args[] = {STR("SREM"), str_of(s->members_key), str_of(text)};
        LOG(s->opts.log, LOG_DAEMON, LOG_WARN,
            "a daemon of the group was silent for too long and is forgotten",
            LOG_S("id", str_of(text)), LOG_END);
        (void)give(s, &s->strike, on_struck, args, 3);
    }
}

/* ---- leaving ---- */

static void on_closed(void *arg)
{
    struct sharing *s = arg;
    if (--s->open == 0) {
        loop_timer_stop(s->opts.loop, &s->pulse);
        s->stopped(s->stopped_arg);
    }
}

static void close_all(struct sharing *s)
{
    s->state = SHARING_CLOSING;
    redis_close(s->mouth, on_closed);
    redis_close(s->ear, on_closed);
}

static void leave(struct sharing *s, uint64_t now_ns)
{
    buf_clear(&s->text);
    bool hopeless = !s->members.joined || now_ns > s->leave_by_ns || s->left;
    if (!hopeless && !s->tell.out && s->members.out_number == 0) {
        hopeless = !members_leave(&s->members, &s->text) || !tell(s, STR("leave"));
    }
    if (hopeless) {
        close_all(s);
    }
}

void sharing_stop(struct sharing *s, void (*stopped)(void *arg), void *arg)
{
    s->stopped = stopped;
    s->stopped_arg = arg;
    s->leave_by_ns = clock_now_ns() + LEAVE_NS;
    s->state = SHARING_LEAVING;
    look(s);
    ledger_stop(s->opts.versions);
}

/* ---- the pulse ---- */

static void log_whole(struct sharing *s, uint64_t now_ns)
{
    bool whole = ledger_whole(s->opts.versions, now_ns);
    if (whole == s->whole) {
        return;
    }
    s->whole = whole;
    uint32_t silent = members_silent(&s->members, now_ns);
    if (whole) {
        LOG(s->opts.log, LOG_DAEMON, LOG_INFO, "all daemons of the group are heard",
            LOG_I("others", s->members.count), LOG_END);
    } else if (!s->away) {
        LOG(s->opts.log, LOG_DAEMON, LOG_WARN,
            "not all daemons of the group are heard: of what is cached, nothing is served that "
            "is older than a second",
            LOG_I("silent", silent), LOG_I("others", s->members.count), LOG_END);
    }
}

static void set_pulse(struct sharing *s, uint64_t now_ns)
{
    uint64_t due_ns = members_due(&s->members);
    due_ns = due_ns < now_ns + LOOK_NS ? due_ns : now_ns + LOOK_NS;
    if (loop_timer_start(s->opts.loop, &s->pulse, due_ns) != ERR_OK) {
        lose(s, "out of memory");
    }
}

/* Does what is due; at any time. */
static void look(struct sharing *s)
{
    uint64_t now_ns = clock_now_ns();
    if (s->state == SHARING_CLOSING) {
        return;
    }
    if (s->state == SHARING_LEAVING) {
        leave(s, now_ns);
    } else if (members_stuck(&s->members, now_ns)) {
        start_again(s, "what was published is not heard");
    } else if (s->state == SHARING_APART && redis_is_up(s->mouth) && redis_is_up(s->ear) &&
               now_ns >= s->retry_ns && !s->join.out && !s->tell.out) {
        join(s);
    } else if (s->state == SHARING_MEMBER) {
        tell_what_is_due(s, now_ns);
        keep_register(s, now_ns);
    }
    if (s->state != SHARING_CLOSING) {
        log_whole(s, now_ns);
        publish_figures(s);
        set_pulse(s, now_ns);
    }
}

static void on_pulse(struct timer *t)
{
    look((struct sharing *)(void *)((char *)t - offsetof(struct sharing, pulse)));
}

static void on_wake(struct task *t)
{
    struct sharing *s = (struct sharing *)(void *)((char *)t - offsetof(struct sharing, wake));
    atomic_store(&s->woken, false);
    look(s);
}

/* Any thread. */
static void wake(void *arg)
{
    struct sharing *s = arg;
    if (!atomic_exchange(&s->woken, true)) {
        loop_post(s->opts.loop, &s->wake);
    }
}

/* ---- Redis ---- */

static void on_up(void *arg)
{
    look(arg);
}

static void on_down(void *arg, const char *why)
{
    struct sharing *s = arg;
    lose(s, why);
}

static void on_heard(void *arg, struct str message)
{
    struct sharing *s = arg;
    if (s->state == SHARING_JOINING && s->early.len + message.len < EARLY_MAX) {
        buf_str_add(&s->early, message);
        buf_char(&s->early, '\n');
    } else if (s->state == SHARING_MEMBER || s->state == SHARING_LEAVING) {
        hear_line(s, message);
        look(s);
    }
}

static struct redis *open_redis(struct sharing *s, struct str channel)
{
    return redis_create(&(struct redis_opts){
        .target = redis_target_of(&s->opts.conf->share),
        .loop = s->opts.loop,
        .connector = s->opts.connector,
        .timeout_ns = TELL_TIMEOUT_NS,
        .channel = channel,
        .up = on_up,
        .down = on_down,
        .heard = on_heard,
        .arg = s,
    });
}

static void name_keys(struct sharing *s)
{
    struct str group = s->opts.conf->group;
    snprintf(s->channel, sizeof s->channel, "tribikos:1:{%.*s}", STR_ARG(group));
    snprintf(s->log_key, sizeof s->log_key, "tribikos:1:{%.*s}:log", STR_ARG(group));
    snprintf(s->members_key, sizeof s->members_key, "tribikos:1:{%.*s}:members",
             STR_ARG(group));
}

static void on_unmade(void *arg)
{
    sharing_destroy(arg);
}

struct sharing *sharing_start(const struct sharing_opts *opts)
{
    struct sharing *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->opts = *opts;
    uint64_t id = hash_seed() | 1;
    snprintf(s->id, sizeof s->id, "%016" PRIx64, id);
    members_init(&s->members, opts->versions, id, opts->conf->forget_ms * 1000000);
    buf_init(&s->early);
    buf_init(&s->text);
    name_keys(s);
    s->wake.run = on_wake;
    s->pulse.fire = on_pulse;
    s->ear = open_redis(s, str_of(s->channel));
    s->mouth = s->ear == NULL ? NULL : open_redis(s, STR(""));
    s->open = 2;
    if (s->ear == NULL) {
        sharing_destroy(s);
        return NULL;
    }
    if (s->mouth == NULL) {
        s->state = SHARING_CLOSING;
        redis_close(s->ear, on_unmade);
        return NULL;
    }
    ledger_start(opts->versions, wake, s);
    set_pulse(s, clock_now_ns());
    return s;
}

void sharing_destroy(struct sharing *s)
{
    if (s != NULL) {
        buf_fini(&s->early);
        buf_fini(&s->text);
        free(s);
    }
}
