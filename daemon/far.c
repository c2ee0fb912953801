/* SPDX-License-Identifier: MIT
 *
 * daemon/far.c: connections of workers to regions in Redis, lookups and stores.
 *
 * How old a blob is, its name's remaining life says: no clock is compared between machines.
 */
#include "daemon/far.h"

#include "base/clock.h"
#include "base/hash.h"
#include "cache/blob.h"
#include "daemon/regions.h"
#include "daemon/sharing.h"
#include "daemon/worker.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_NS UINT64_C(50000000)
#define NS_PER_MS UINT64_C(1000000)
/* Two halves of a name: the same in every process. */
#define SEED_A UINT64_C(0x7472696269)
#define SEED_B UINT64_C(0x6b6f73)

struct far {
    struct far *next;
    struct worker *worker;
    struct shared_region *region; /* one reference: its place is ours */
    struct redis *redis;
    bool closing;
};

/* ---- places ---- */

static struct str copy(char **at, struct str s)
{
    struct str to = {*at, s.len};
    if (s.len > 0) {
        memcpy(*at, s.ptr, s.len);
    }
    *at += s.len;
    return to;
}

struct far_place *far_place_create(const struct conf_cache *conf, const struct conf_region *g)
{
    struct redis_target t = redis_target_of(&g->url);
    char prefix[FAR_NAME_MAX];
    snprintf(prefix, sizeof prefix, "tribikos:1:{%.*s}:%.*s:", STR_ARG(conf->group),
             STR_ARG(g->name));
    size_t texts = t.host.len + t.user.len + t.password.len + strlen(prefix);
    struct far_place *p = malloc(sizeof *p + texts);
    if (p == NULL) {
        return NULL;
    }
    char *at = p->texts;
    p->target = t;
    p->target.host = copy(&at, t.host);
    p->target.user = copy(&at, t.user);
    p->target.password = copy(&at, t.password);
    p->prefix = copy(&at, str_of(prefix));
    return p;
}

static bool same_server(const struct redis_target *a, const struct redis_target *b)
{
    return str_eq(a->host, b->host) && a->port == b->port && a->db == b->db &&
           str_eq(a->user, b->user) && str_eq(a->password, b->password);
}

bool far_place_same(const struct far_place *a, const struct far_place *b)
{
    return same_server(&a->target, &b->target) && str_eq(a->prefix, b->prefix);
}

/* ---- connections ---- */

static void on_up(void *arg)
{
    struct far *f = arg;
    LOG(f->worker->shared->log, LOG_DAEMON, LOG_DEBUG, "connected to a region in Redis",
        LOG_I("worker", f->worker->index), LOG_END);
}

/* That Redis is away, the daemon has said already, if it is that of the group. */
static void on_down(void *arg, const char *why)
{
    struct far *f = arg;
    LOG(f->worker->shared->log, LOG_DAEMON, LOG_DEBUG, "a region in Redis is away",
        LOG_I("worker", f->worker->index), LOG_S("error", str_of(why)), LOG_END);
}

static void on_closed(void *arg)
{
    struct far *f = arg;
    struct worker *w = f->worker;
    struct far **at = &w->fars;
    while (*at != f) {
        at = &(*at)->next;
    }
    *at = f->next;
    region_unref(f->region);
    free(f);
    worker_far_gone(w);
}

static struct far *open_far(struct worker *w, struct shared_region *region)
{
    struct far *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return NULL;
    }
    f->worker = w;
    f->redis = redis_create(&(struct redis_opts){
        .target = region->far->target,
        .loop = &w->loop,
        .connector = w->shared->connector,
        .timeout_ns = TIMEOUT_NS,
        .up = on_up,
        .down = on_down,
        .arg = f,
    });
    if (f->redis == NULL) {
        free(f);
        return NULL;
    }
    f->region = region_ref(region);
    f->next = w->fars;
    w->fars = f;
    return f;
}

/* NULL: there is none, and none can be opened. */
static struct redis *connection(struct worker *w, struct shared_region *region)
{
    struct far *f = w->fars;
    while (f != NULL &&
           (f->closing || !same_server(&f->region->far->target, &region->far->target))) {
        f = f->next;
    }
    if (f == NULL && w->state == WORKER_RUNNING) {
        f = open_far(w, region);
    }
    return f == NULL ? NULL : f->redis;
}

static void close_far(struct far *f)
{
    if (!f->closing) {
        f->closing = true;
        redis_close(f->redis, on_closed);
    }
}

void far_review(struct worker *w)
{
    const struct settings *s = w->settings;
    struct far *next;
    for (struct far *f = w->fars; f != NULL; f = next) {
        bool named = false;
        next = f->next;
        for (uint32_t i = 0; i < s->region_count && !named; i++) {
            const struct far_place *p = s->regions[i]->far;
            named = p != NULL && same_server(&p->target, &f->region->far->target);
        }
        if (!named) {
            close_far(f);
        }
    }
}

void far_close_all(struct worker *w)
{
    struct far *next;
    for (struct far *f = w->fars; f != NULL; f = next) {
        next = f->next;
        close_far(f);
    }
}

/* ---- names ---- */

static void write_name(const struct shared_region *region, struct cache_key key, char *out)
{
    snprintf(out, FAR_NAME_MAX, "%.*s%016" PRIx64 "%016" PRIx64, STR_ARG(region->far->prefix),
             hash_bytes(key.bytes, SEED_A), hash_bytes(key.bytes, SEED_B));
}

/* ---- looking ---- */

static void finish(struct far_ask *a)
{
    if (a->verdict == REGION_MISS || a->verdict == REGION_INVALID) {
        buf_clear(a->out);
    }
    region_count(a->region->region, a->worker->index, a->verdict, a->age_ns);
    a->done(a);
}

static void on_lease(struct redis_command *c)
{
    struct far_ask *a = (struct far_ask *)(void *)((char *)c - offsetof(struct far_ask, lease));
    if (c->end == REDIS_ANSWERED && redis_kind(c->reply) == REDIS_TEXT) {
        a->due = true; /* nobody had it */
        a->verdict = REGION_MISS;
    }
    finish(a);
}

static bool take_lease(struct far_ask *a)
{
    char ms[24], name[FAR_NAME_MAX + 8];
    struct redis *redis = connection(a->worker, a->region);
    snprintf(ms, sizeof ms, "%" PRIu64, a->lease_ns / NS_PER_MS + 1);
    snprintf(name, sizeof name, "%s:lease", a->name);
    const struct str args[] = {STR("SET"), str_of(name), STR("1"),
                               STR("NX"),  STR("PX"),    str_of(ms)};
    a->lease = (struct redis_command){.done = on_lease};
    return redis != NULL && redis_send(redis, &a->lease, args, 6);
}

static enum region_verdict judge(struct far_ask *a, const struct redisReply *reply)
{
    struct blob b;
    if (a->left_ms <= 0 || !blob_read(redis_text(reply), a->key.bytes, &b)) {
        return REGION_MISS;
    }
    uint64_t left_ms = (uint64_t)a->left_ms;
    a->age_ns = b.keep_ms > left_ms ? (b.keep_ms - left_ms) * NS_PER_MS : 0;
    if (a->age_ns >= a->ttl_ns) {
        return REGION_MISS;
    }
    if (!ledger_holds(a->worker->shared->versions, b.place, &b.slots, clock_now_ns())) {
        return REGION_INVALID;
    }
    buf_str_add(a->out, b.body);
    return b.soft_ms > 0 && a->age_ns >= b.soft_ms * NS_PER_MS ? REGION_STALE : REGION_HIT;
}

static void answered(struct far_ask *a)
{
    if (--a->waits == 0 && (a->verdict != REGION_STALE || !take_lease(a))) {
        finish(a);
    }
}

static void on_life(struct redis_command *c)
{
    struct far_ask *a = (struct far_ask *)(void *)((char *)c - offsetof(struct far_ask, life));
    a->left_ms = c->end == REDIS_ANSWERED ? redis_number(c->reply) : 0;
    answered(a);
}

static void on_get(struct redis_command *c)
{
    struct far_ask *a = (struct far_ask *)(void *)((char *)c - offsetof(struct far_ask, get));
    if (c->end == REDIS_ANSWERED && redis_kind(c->reply) == REDIS_TEXT) {
        a->verdict = judge(a, c->reply);
    }
    answered(a);
}

/* Its life first: if another takes its place in between, it looks older than it is. */
bool far_find(struct worker *w, struct far_ask *a)
{
    struct redis *redis = connection(w, a->region);
    a->worker = w;
    a->verdict = REGION_MISS;
    a->due = false;
    a->age_ns = 0;
    a->left_ms = 0;
    a->life = (struct redis_command){.done = on_life};
    a->get = (struct redis_command){.done = on_get};
    write_name(a->region, a->key, a->name);
    const struct str life[] = {STR("PTTL"), str_of(a->name)};
    const struct str get[] = {STR("GET"), str_of(a->name)};
    a->waits = redis != NULL && redis_send(redis, &a->life, life, 2);
    if (a->waits == 1) {
        a->waits += redis_send(redis, &a->get, get, 2);
    } else {
        region_count(a->region->region, w->index, REGION_MISS, 0);
    }
    return a->waits > 0;
}

/* ---- keeping ---- */

static void on_kept(struct redis_command *c)
{
    free(c);
}

static struct slot_set slots_of(const struct stamp *s)
{
    struct slot_set out = {.count = s->count};
    memcpy(out.slots, s->slots, s->count * sizeof s->slots[0]);
    return out;
}

static void store(struct worker *w, struct shared_region *region, struct str blob,
                  const char *name, uint64_t left_ms)
{
    char ms[24];
    struct redis *redis = connection(w, region);
    struct redis_command *c = malloc(sizeof *c);
    snprintf(ms, sizeof ms, "%" PRIu64, left_ms);
    const struct str args[] = {STR("SET"), str_of(name), blob, STR("PX"), str_of(ms)};
    if (c == NULL || redis == NULL) {
        free(c);
        return;
    }
    *c = (struct redis_command){.done = on_kept};
    if (!redis_send(redis, c, args, 5)) {
        free(c);
        return;
    }
    count_add(&region->asks.stored, 1);
}

void far_keep(struct worker *w, struct shared_region *region, const struct region_fill *fill)
{
    uint64_t now_ns = clock_now_ns();
    struct blob b = {
        .slots = slots_of(&fill->stamp),
        .keep_ms = (fill->expires_ns - fill->read_ns) / NS_PER_MS,
        .key = fill->key.bytes,
        .body = fill->body,
    };
    if (fill->soft_ns != UINT64_MAX) {
        b.soft_ms = (fill->soft_ns - fill->read_ns) / NS_PER_MS;
    }
    if (fill->body.len > region->max_entry_bytes || now_ns + NS_PER_MS > fill->expires_ns ||
        !ledger_place(w->shared->versions, &fill->stamp, &b.place) ||
        !versions_hold(w->shared->versions, &fill->stamp)) {
        return;
    }
    struct buf blob;
    char name[FAR_NAME_MAX];
    buf_init(&blob);
    blob_write(&blob, &b);
    write_name(region, fill->key, name);
    if (!blob.failed) {
        store(w, region, buf_str(&blob), name, (fill->expires_ns - now_ns) / NS_PER_MS);
    }
    buf_fini(&blob);
}
