/* SPDX-License-Identifier: MIT
 *
 * daemon/step_route.c: where a request goes, and what it does for the sake of replicas: waits
 * on one until it has the write that is asked for, and asks how far its own write has come.
 * Worker thread.
 */
#include "base/clock.h"
#include "daemon/monitor.h"
#include "daemon/steps.h"

#define NS_PER_MS UINT64_C(1000000)

/* One question about replication, in the request's arena. */
struct question {
    struct answer answer;
    struct fail fail;
    struct value params[2];
    char position[POSITION_TEXT_BYTES];
};

static struct req *of_run(struct run *run)
{
    return (struct req *)((char *)run - offsetof(struct req, run));
}

static const struct answer *answer_of(const struct req *r)
{
    return (const struct answer *)(const void *)r->run.sink;
}

static const struct replication *words_of(const struct req *r)
{
    return replication_of(r->backend->db->driver->kind);
}

/* ---- where it goes ---- */

/* There is no primary to be read from; a replica may do for who is content with one, but
 * what it says is not kept. */
static enum err choose_uncached(struct req *r)
{
    cache_abandon(r);
    fail_init(&r->fail);
    r->route.primary_only = false;
    return route_choose(r);
}

int step_route(struct req *r)
{
    r->ordered_ns = clock_now_ns();
    if (cache_keeps(r)) {
        r->route.primary_only = true;
    }
    enum err e = route_choose(r);
    if (e != ERR_OK && cache_keeps(r)) {
        e = choose_uncached(r);
    }
    if (e != ERR_OK) {
        return req_fail_to(r, e, REQ_REPLY);
    }
    return req_may_share(r) ? REQ_SHARED : req_may_group(r) ? REQ_GROUPED : REQ_LEND;
}

/* ---- a replica that has to catch up ---- */

/* It did not come so far in time: the primary has it. */
static void go_to_primary(struct req *r)
{
    struct db_conn *c = r->lease;
    r->lease = NULL;
    if (c != NULL) {
        pool_release(r->pool, c, c->broken ? POOL_BROKEN : POOL_CLEAN);
    }
    r->route.primary_only = true;
    req_go(r, REQ_ROUTE);
}

static void on_caught_up(struct run *run)
{
    struct req *r = of_run(run);
    struct database *db = r->backend->db;
    const struct answer *a = answer_of(r);
    bool there = run->err == ERR_OK && a->there && a->cells[0][0] == '1';
    r->database_ns += run->ended_ns - run->started_ns;
    r->returned_ns = run->ended_ns;
    if (r->stop != ERR_OK) {
        req_replace_err(r, r->stop);
        req_go(r, REQ_RETURN);
    } else if (there && r->lease != NULL) {
        server_reached(&db->roles, &db->servers[r->route.server], &r->route.want);
        req_go(r, req_first_use(r));
    } else {
        go_to_primary(r);
    }
}

/* Bounded by the conf and by what is left of the request's time. */
static int64_t wait_ms(const struct req *r)
{
    uint64_t ms = r->backend->db->conf->position_wait_ms, now_ns = clock_now_ns();
    uint64_t left_ms = r->due_ns > now_ns ? (r->due_ns - now_ns) / NS_PER_MS : 0;
    return (int64_t)(left_ms / 2 < ms ? left_ms / 2 : ms);
}

int step_catch_up(struct req *r)
{
    struct question *q = ARENA_NEW(&r->arena, struct question);
    if (q == NULL) {
        return req_fail_to(r, ERR_OUT_OF_MEMORY, REQ_RETURN);
    }
    answer_init(&q->answer, 1);
    fail_init(&q->fail);
    position_write(&r->route.want, q->position);
    q->params[0] = (struct value){.kind = VALUE_TEXT, .text = position_native(q->position)};
    q->params[1] = (struct value){.kind = VALUE_INT, .num = wait_ms(r)};
    r->run = (struct run){.stmt = &words_of(r)->wait,
                          .params = q->params,
                          .sets = 1,
                          .sink = &q->answer.sink,
                          .done = on_caught_up,
                          .fail = &q->fail};
    r->lease->driver->run(r->lease, &r->run);
    return REQ_WAIT;
}

/* ---- where a write stands ---- */

/* The write is done, whatever comes of the question. */
static void on_position(struct run *run)
{
    struct req *r = of_run(run);
    const struct answer *a = answer_of(r);
    r->database_ns += run->ended_ns - run->started_ns;
    r->returned_ns = run->ended_ns;
    if (run->err == ERR_OK && a->there) {
        (void)position_read(words_of(r)->kind, str_of(a->cells[0]), &r->route.at);
    }
    route_wrote(r);
    req_go(r, REQ_RETURN);
}

int step_position(struct req *r)
{
    struct question *q = ARENA_NEW(&r->arena, struct question);
    if (q == NULL) {
        route_wrote(r);
        return REQ_RETURN;
    }
    answer_init(&q->answer, 1);
    fail_init(&q->fail);
    r->run = (struct run){.stmt = &words_of(r)->position,
                          .sets = 1,
                          .sink = &q->answer.sink,
                          .done = on_position,
                          .fail = &q->fail};
    r->lease->driver->run(r->lease, &r->run);
    return REQ_WAIT;
}
