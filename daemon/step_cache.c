/* SPDX-License-Identifier: MIT
 *
 * daemon/step_cache.c: a read's way through the result cache. It is looked up; who does
 * not find it reads it, keeps it and gives it to all who came meanwhile. Worker thread.
 *
 * What is kept is the reply behind its `id`, so that who finds it has nothing to write but
 * that.
 */
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "compiler/plan_after.h"
#include "daemon/cache_plans.h"
#include "daemon/caching.h"
#include "daemon/quick.h"
#include "daemon/reply.h"
#include "daemon/steps.h"

#include <string.h>

static struct worker_shared *shared_of(const struct req *r)
{
    return r->worker->shared;
}

const char *cache_word_name(const struct req *r)
{
    static const char *const names[] = {
        [CACHE_WORD_NONE] = NULL,       [CACHE_WORD_HIT] = "hit",
        [CACHE_WORD_MISS] = "miss",     [CACHE_WORD_STALE] = "stale",
        [CACHE_WORD_BYPASS] = "bypass",
    };
    return names[r->cache_word];
}

/* Plans are counted by their number, which they get when they first come by here. */
static uint16_t number_of(const struct req *r)
{
    struct plan *p = r->bound.plan;
    if (p->cache_number == 0) {
        p->cache_number =
            1 + cache_plans_number(shared_of(r)->cache_plans, r->backend->db->conf->name,
                                   r->bound.runs[0].step->stmt.sql);
    }
    return p->cache_number - 1;
}

static void count_plan(const struct req *r, enum cache_count what)
{
    cache_plans_count(shared_of(r)->cache_plans, r->worker->index, number_of(r), what);
}

/* Only those who asked are told. */
static void set_word(struct req *r, enum cache_word word)
{
    if (r->msg.cache.mode != CACHE_DEFAULT) {
        r->cache_word = word;
    }
}

/* ---- who goes by the cache ---- */

/* Whether its text says that it only reads; what it reads its tags say. What may write must be
 * run for each who asks for it. */
static bool is_tagged_text(const struct req *r)
{
    const struct plan *p = r->bound.plan;
    return p->kind == PLAN_TEXT && !p->touch.anything && r->msg.cache.tag_count > 0;
}

static bool may_be_cached(const struct req *r)
{
    const struct bound *b = &r->bound;
    bool plain = r->tx == NULL && r->parent == NULL && !r->msg.stream && !b->needs_tx &&
                 b->run_count == 1 && b->runs[0].sets == 1 && !b->plan->locks &&
                 r->msg.read_after.kind == POSITION_NONE;
    return plain && (b->plan->kind == PLAN_READ || is_tagged_text(r));
}

static void count_bypass(struct req *r)
{
    int n = region_number(r->worker->settings, r->msg.cache.region);
    if (n >= 0) {
        count_add(&r->worker->settings->regions[n]->asks.bypasses, 1);
    }
}

bool cache_wants(struct req *r)
{
    bool asks = r->msg.cache.mode != CACHE_DEFAULT;
    const struct settings *s = r->worker->settings;
    if ((!asks && settings_conf(s)->cache.rule_count == 0) || r->bound.plan == NULL) {
        return false;
    }
    if (s->region_count > 0 && may_be_cached(r) && r->msg.cache.mode != CACHE_BYPASS) {
        return true;
    }
    if (asks) {
        r->cache_word = CACHE_WORD_BYPASS;
        count_bypass(r);
    }
    return false;
}

bool cache_keeps(const struct req *r)
{
    const struct caching *c = r->caching;
    return c != NULL && (c->state == CACHING_FLIES || c->state == CACHING_APART);
}

/* ---- the key ---- */

static void add_num(struct buf *b, uint64_t n)
{
    buf_add(b, &n, sizeof n);
}

static void add_text(struct buf *b, struct str s)
{
    add_num(b, s.len);
    buf_str_add(b, s);
}

/* All that decides how the reply is written, and how long it holds besides time. */
static void write_form(const struct req *r, const struct cache_terms *t, struct buf *b)
{
    const struct message *m = &r->msg;
    const struct conf_limits *l = &req_conf(r)->limits;
    const struct plan_after *after = r->bound.plan->after;
    const uint64_t nums[] = {
        m->as,          m->expect,      r->conn->int64,    (uint64_t)l->rows,
        l->reply_bytes, t->rule_ttl_ms, m->cache.tag_count};
    buf_add(b, nums, sizeof nums);
    for (uint32_t i = 0; i < m->cache.tag_count; i++) {
        add_text(b, m->cache.tags[i]);
    }
    add_text(b, m->cache.key);
    for (uint32_t i = 0; after != NULL && i < after->count; i++) {
        add_text(b, after->marks[i].name);
    }
}

static struct str columns_of(struct req *r, struct buf *b)
{
    const struct statement *s = &r->bound.runs[0].step->stmt;
    if (r->bound.plan->columns_text.len > 0) {
        return r->bound.plan->columns_text;
    }
    rows_write_columns(b, s->columns, s->column_count);
    return (struct str){"", 0};
}

/* Written into memory that the reply will use, then copied to the arena. */
static bool make_key(struct req *r, const struct cache_terms *t, struct cache_key *out)
{
    struct buf *form = &r->answer, *key = &r->text;
    const struct database *db = r->backend->db;
    write_form(r, t, form);
    struct str columns = columns_of(r, form);
    cache_key_write(key, &(struct cache_key_parts){
                             .database = db->conf->name,
                             .catalog = hash_bytes(db->conf->digest, 0),
                             .principal = STR(""),
                             .form = buf_str(form),
                             .columns = columns,
                             .stmt = &r->bound.runs[0].step->stmt,
                             .params = r->bound.runs[0].params,
                         });
    bool whole = !form->failed && !key->failed;
    out->bytes = whole ? arena_str(&r->arena, buf_str(key)) : (struct str){NULL, 0};
    buf_clear(form);
    buf_clear(key);
    out->hash = out->bytes.ptr == NULL ? 0 : hash_bytes(out->bytes, shared_of(r)->seed);
    return out->bytes.ptr != NULL;
}

/* ---- what it depends on ---- */

static bool add_slot(struct slot_set *s, enum slot_kind kind, struct str a, struct str b)
{
    struct str names[] = {a, b};
    return slot_set_add(s, slot_of(kind, names, b.ptr == NULL ? 1 : 2));
}

/* … by what the client called it. */
static bool add_named(const struct req *r, struct slot_set *out)
{
    const struct cache_ask *ask = &r->msg.cache;
    struct str region = region_name(r->caching->terms.region->region);
    const struct str none = {NULL, 0};
    bool fits = add_slot(out, SLOT_REGION, region, none);
    for (uint32_t i = 0; i < ask->tag_count && fits; i++) {
        fits = add_slot(out, SLOT_TAG, ask->tags[i], none);
    }
    if (ask->key.len > 0) {
        fits = fits && add_slot(out, SLOT_LABEL, region, ask->key);
    }
    return fits && out->count <= STAMP_MAX;
}

/* false: its result cannot be kept. */
static bool find_depends(const struct req *r, struct touch_reads *out)
{
    bool known;
    *out = (struct touch_reads){0};
    if (r->bound.plan->kind == PLAN_TEXT) {
        touch_all(r->backend->db, &out->always);
        known = true;
    } else {
        known = touch_reads(r, out);
    }
    return known && add_named(r, &out->always);
}

/* ---- looking ---- */

/* The time left of it is the least of what the region, its rule and the request say. */
static bool is_fresh(const struct caching *c, const struct region_found *found, uint64_t now_ns)
{
    return now_ns < found->read_ns || now_ns - found->read_ns < c->terms.ttl_ns;
}

/* By which the entry can be found without reading the request, if it is as old as any of
 * its region may get. */
static struct str line_of(struct req *r)
{
    const struct cache_terms *t = &r->caching->terms;
    return t->ttl_ns == t->keep_ns ? quick_name(r, &r->worker->name) : (struct str){"", 0};
}

/* Takes the entry's text if there is one that may be served. */
static bool look_up(struct req *r)
{
    struct caching *c = r->caching;
    struct region *region = c->terms.region->region;
    uint64_t now_ns = clock_now_ns();
    region_enter(region, r->worker->index);
    struct region_found found = region_find(region, r->worker->index, c->key, now_ns);
    bool there = (found.verdict == REGION_HIT || found.verdict == REGION_STALE) &&
                 is_fresh(c, &found, now_ns);
    bool mine = there && found.verdict == REGION_STALE &&
                region_take_lease(region, c->key, now_ns, now_ns + c->terms.lease_ns);
    if (there && !mine) {
        bool stale = found.verdict == REGION_STALE;
        buf_str_add(&r->answer, found.body);
        set_word(r, stale ? CACHE_WORD_STALE : CACHE_WORD_HIT);
        count_plan(r, stale ? CACHE_STALE : CACHE_HITS);
    }
    region_leave(region, r->worker->index);
    if (there && found.verdict == REGION_HIT) {
        region_add_line(region, c->key, line_of(r));
    }
    if (mine) {
        c->state = CACHING_APART;
        count_add(&c->terms.region->asks.refreshes, 1);
    }
    return there && !mine;
}

static void count_answer(struct req *r)
{
    r->spilled_bytes = r->answer.len;
    if (r->answer.failed || !req_charge(r)) {
        buf_clear(&r->answer);
        req_set_err(r, ERR_OUT_OF_MEMORY);
    }
}

static void on_far(struct far_ask *a)
{
    struct caching *c = (struct caching *)(void *)((char *)a - offsetof(struct caching, far));
    struct req *r = c->req;
    int next = REQ_REPLY;
    c->state = CACHING_ALONE;
    if (r->stop != ERR_OK) {
        req_set_err(r, r->stop);
    } else if (a->verdict == REGION_HIT || a->verdict == REGION_STALE) {
        bool stale = a->verdict == REGION_STALE;
        set_word(r, stale ? CACHE_WORD_STALE : CACHE_WORD_HIT);
        count_plan(r, stale ? CACHE_STALE : CACHE_HITS);
        count_answer(r);
    } else {
        c->state = a->due ? CACHING_APART : CACHING_LACKS;
        count_add(&c->terms.region->asks.refreshes, a->due);
        next = REQ_CACHE;
    }
    req_go(r, next);
}

static bool look_far(struct req *r)
{
    struct caching *c = r->caching;
    c->far = (struct far_ask){
        .done = on_far,
        .region = c->terms.region,
        .key = c->key,
        .out = &r->answer,
        .ttl_ns = c->terms.ttl_ns,
        .lease_ns = c->terms.lease_ns,
    };
    bool looks = far_find(r->worker, &c->far);
    c->state = looks ? CACHING_FAR : CACHING_LACKS;
    return looks;
}

/* ---- waiting ---- */

static void take_failure(struct req *r, struct shared_bytes *words, enum err e)
{
    if (words->len == sizeof r->fail) {
        memcpy(&r->fail, words->bytes, sizeof r->fail);
    }
    req_set_err(r, e);
}

static void on_woken(struct task *t)
{
    struct caching *c = (struct caching *)(void *)((char *)t - offsetof(struct caching, woken));
    struct req *r = c->req;
    int next = REQ_REPLY;
    c->state = CACHING_ALONE;
    if (r->stop != ERR_OK) {
        req_set_err(r, r->stop);
    } else if (c->wait.end == FLIGHT_LANDED) {
        buf_add(&r->answer, c->wait.body->bytes, c->wait.body->len);
        count_answer(r);
    } else if (c->wait.end == FLIGHT_FAILED) {
        take_failure(r, c->wait.words, c->wait.err);
    } else {
        c->state = CACHING_LOOKS;
        next = REQ_CACHE;
    }
    shared_bytes_unref(c->wait.body);
    shared_bytes_unref(c->wait.words);
    c->wait.body = c->wait.words = NULL;
    req_go(r, next);
}

/* On the thread of who flew. */
static void on_flight_over(struct flight_wait *w)
{
    struct caching *c = (struct caching *)(void *)((char *)w - offsetof(struct caching, wait));
    loop_post(&c->req->worker->loop, &c->woken);
}

void cache_stop(struct req *r, enum err why)
{
    r->stop = why;
    if (flight_leave(shared_of(r)->flights, &r->caching->wait)) {
        req_set_err(r, why);
        req_go(r, REQ_REPLY);
    }
}

/* ---- reading ---- */

/* What no row was found for may depend on more than what one was. */
static void stamp_absent(struct caching *c, const struct touch_reads *reads,
                         const struct versions *v)
{
    struct slot_set absent = {.count = reads->by_key ? 1 : 0, .slots = {reads->absent}};
    c->absent_known = versions_stamp(v, &absent, &c->absent);
}

static int read_apart(struct req *r, const struct touch_reads *reads)
{
    struct caching *c = r->caching;
    const struct versions *v = shared_of(r)->versions;
    c->state = versions_stamp(v, &reads->always, &c->stamp) ? CACHING_APART : CACHING_ALONE;
    stamp_absent(c, reads, v);
    return REQ_ROUTE;
}

/* Between our look and our take-off another flight may have landed: what it kept is there,
 * also for those who have joined us. */
static bool look_again(struct req *r)
{
    struct caching *c = r->caching;
    if (!look_up(r)) {
        return false;
    }
    count_answer(r);
    flight_end(shared_of(r)->flights, c->flight, r->err == ERR_OK ? FLIGHT_LANDED : FLIGHT_GONE,
               ERR_OK, buf_str(&r->answer));
    c->flight = NULL;
    c->state = CACHING_ALONE;
    return true;
}

static int join(struct req *r, const struct touch_reads *reads)
{
    struct caching *c = r->caching;
    struct region_asks *asks = &c->terms.region->asks;
    c->wait.wake = on_flight_over;
    c->woken.run = on_woken;
    switch (flight_join(shared_of(r)->flights, region_name(c->terms.region->region), c->key,
                        &reads->always, &c->wait, &c->flight, &c->stamp)) {
    case FLIGHT_FLY:
        c->state = CACHING_FLIES;
        stamp_absent(c, reads, shared_of(r)->versions);
        return look_again(r) ? REQ_REPLY : REQ_ROUTE;
    case FLIGHT_WAIT:
        c->state = CACHING_WAITS;
        count_add(&asks->joined, 1);
        return REQ_WAIT;
    case FLIGHT_ALONE:
        break;
    }
    c->state = CACHING_ALONE;
    count_add(&asks->alone, 1);
    return REQ_ROUTE;
}

static int read_it(struct req *r)
{
    struct caching *c = r->caching;
    struct touch_reads reads;
    if (!find_depends(r, &reads)) {
        c->state = CACHING_ALONE;
        set_word(r, CACHE_WORD_BYPASS);
        count_plan(r, CACHE_BYPASSES);
        count_add(&c->terms.region->asks.bypasses, 1);
        return REQ_ROUTE;
    }
    set_word(r, CACHE_WORD_MISS);
    count_plan(r, CACHE_MISSES);
    count_add(&c->terms.region->asks.misses, 1);
    c->read_ns = clock_now_ns();
    return c->state == CACHING_APART ? read_apart(r, &reads) : join(r, &reads);
}

/* NULL: it goes by the cache no more. */
static struct caching *prepare(struct req *r)
{
    struct cache_terms terms;
    if (!cache_find_terms(r, &terms)) {
        set_word(r, CACHE_WORD_BYPASS);
        return NULL;
    }
    struct caching *c = ARENA_NEW(&r->arena, struct caching);
    if (c == NULL || !make_key(r, &terms, &c->key)) {
        return NULL;
    }
    c->req = r;
    c->terms = terms;
    region_ref(terms.region);
    return c;
}

int step_cache(struct req *r)
{
    if (r->caching == NULL) {
        r->caching = prepare(r);
    }
    struct caching *c = r->caching;
    if (c == NULL) {
        return REQ_ROUTE;
    }
    if (r->msg.cache.mode == CACHE_REFRESH) {
        c->state = CACHING_APART;
        count_add(&c->terms.region->asks.refreshes, 1);
    } else if (c->state == CACHING_LOOKS && c->terms.region->far != NULL) {
        if (look_far(r)) {
            return REQ_WAIT;
        }
    } else if (c->state == CACHING_LOOKS && look_up(r)) {
        count_answer(r);
        return REQ_REPLY;
    }
    return read_it(r);
}

/* ---- the end ---- */

/* What happened to this request alone: those who wait are to try for themselves. All else
 * would have happened to them too. */
static bool is_own_error(const struct req *r)
{
    return r->stop != ERR_OK || r->err == ERR_OUT_OF_MEMORY ||
           r->err == ERR_REQUEST_TOO_LARGE || r->err == ERR_CATALOG_CHANGED;
}

static void fail_flight(struct req *r)
{
    struct caching *c = r->caching;
    enum flight_end end = is_own_error(r) ? FLIGHT_GONE : FLIGHT_FAILED;
    count_add(&c->terms.region->asks.failed, 1);
    if (c->flight != NULL) {
        flight_end(shared_of(r)->flights, c->flight, end, r->err,
                   (struct str){(const char *)&r->fail, sizeof r->fail});
        c->flight = NULL;
    }
}

/* What it depends on now that its rows are known; false: it must not be kept. */
static bool add_absent(struct caching *c)
{
    if (c->absent.count == 0) {
        return c->absent_known;
    }
    if (!c->absent_known || c->stamp.count == STAMP_MAX) {
        return false;
    }
    c->stamp.slots[c->stamp.count] = c->absent.slots[0];
    c->stamp.words[c->stamp.count++] = c->absent.words[0];
    return true;
}

static void keep(struct req *r, bool empty)
{
    struct caching *c = r->caching;
    const struct cache_terms *t = &c->terms;
    uint64_t keep_ns = empty ? t->negative_ns : t->keep_ns;
    if (keep_ns == 0 || (empty && !add_absent(c))) {
        return;
    }
    const struct region_fill fill = {
        .key = c->key,
        .owner = number_of(r),
        .line = line_of(r),
        .body = buf_str(&r->answer),
        .stamp = c->stamp,
        .read_ns = c->read_ns,
        .expires_ns = c->read_ns + keep_ns,
        .soft_ns = t->soft_ns > 0 ? c->read_ns + t->soft_ns : UINT64_MAX,
    };
    if (t->region->far != NULL) {
        far_keep(r->worker, t->region, &fill);
    } else {
        (void)region_put(t->region->region, &fill, clock_now_ns());
    }
}

/* Who joined behind an insert of this very key must not be told that it is not there. */
static bool holds_for_others(const struct req *r, bool empty)
{
    const struct caching *c = r->caching;
    return !empty || (c->absent_known && versions_hold(shared_of(r)->versions, &c->absent));
}

void cache_land(struct req *r)
{
    struct caching *c = r->caching;
    if (!cache_keeps(r)) {
        return;
    }
    bool empty = r->rows.count == 0;
    FAULT(fill);
    if (r->err == ERR_OK) {
        reply_build(r);
        count_answer(r);
    }
    if (r->err != ERR_OK) {
        fail_flight(r);
    } else {
        keep(r, empty);
    }
    FAULT(flight);
    if (c->flight != NULL) {
        flight_end(shared_of(r)->flights, c->flight,
                   holds_for_others(r, empty) ? FLIGHT_LANDED : FLIGHT_GONE, ERR_OK,
                   buf_str(&r->answer));
        c->flight = NULL;
    }
    c->state = CACHING_ALONE;
}

void cache_yield(struct req *r)
{
    struct caching *c = r->caching;
    if (c != NULL && c->flight != NULL) {
        flight_end(shared_of(r)->flights, c->flight, FLIGHT_GONE, ERR_OK, STR(""));
        c->flight = NULL;
    }
}

void cache_abandon(struct req *r)
{
    cache_yield(r);
    cache_forget(r);
}

void cache_forget(struct req *r)
{
    if (r->caching != NULL) {
        region_unref(r->caching->terms.region);
        r->caching = NULL;
    }
}
