/* SPDX-License-Identifier: MIT
 *
 * pool/flight.c: reads that are under way together: as one statement, in one group.
 *
 * Owns flights; borrows the reads. Loop thread.
 */
#include "pool/flight.h"

#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>

/* -- flights --------------------------------------------------------------- */

static struct flight *flight_take(struct lane *a)
{
    struct flight *f = a->lanes->spare;
    if (f != NULL) {
        a->lanes->spare = f->next;
    } else {
        f = calloc(1, sizeof *f);
    }
    if (f != NULL) {
        f->lane = a;
        f->next = f->prev = NULL;
        f->first = NULL;
        f->count = 0;
        f->is_fused = f->ends_group = false;
    }
    return f;
}

static void flight_link(struct flight *f)
{
    struct lane *a = f->lane;
    f->next = NULL;
    f->prev = a->last;
    *(a->last != NULL ? &a->last->next : &a->first) = f;
    a->last = f;
}

/* Off its lane; its reads are somebody else's. */
void flight_free(struct flight *f)
{
    struct lane *a = f->lane;
    *(f->prev != NULL ? &f->prev->next : &a->first) = f->next;
    *(f->next != NULL ? &f->next->prev : &a->last) = f->prev;
    a->groups -= f->ends_group;
    f->first = NULL;
    f->next = a->lanes->spare;
    a->lanes->spare = f;
}

/* As if no row had come yet. */
static void forget_rows(struct shared_run *s)
{
    struct run *r = s->run;
    if (r->sink->again != NULL) {
        r->sink->again(r->sink);
    }
    r->err = ERR_OK;
    r->rowcount = 0;
    fail_init(r->fail);
    s->sated = false;
}

/* Its reads wait again, ahead of all others; not those that were stopped, since nobody would
 * stop them once more. */
void flight_send_again(struct flight *f, enum shared_how how)
{
    struct lanes *l = f->lane->lanes;
    struct shared_run *next;
    for (struct shared_run *s = f->first; s != NULL; s = next) {
        next = s->next;
        s->how = how;
        forget_rows(s);
        if (s->stopped) {
            lanes_refuse(l, s, ERR_CANCELLED, "cancelled");
        } else {
            lanes_queue_first(l, s);
        }
    }
    f->first = NULL;
    lanes_send_soon(l);
}

void flight_part(struct shared_run *s)
{
    struct flight *f = s->flight;
    struct shared_run **at = &f->first;
    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
    f->count--;
    fuse_leave(&f->fuse, s);
    lanes_refuse(f->lane->lanes, s, ERR_CANCELLED, "cancelled");
}

/* Each read of a fused one may have failed for itself. */
static void end_reads(struct flight *f, enum err e)
{
    struct run *whole = &f->run;
    struct shared_run *s = f->first;
    f->first = NULL;
    while (s != NULL) {
        struct shared_run *next = s->next;
        struct run *r = s->run;
        r->started_ns = whole->started_ns;
        r->ended_ns = whole->ended_ns;
        r->maybe_executed = whole->maybe_executed;
        s->next = NULL;
        if (f->is_fused && e != ERR_OK) {
            *r->fail = f->fail;
        } else if (!f->is_fused) {
            r->rowcount = whole->rowcount;
        }
        enum err own = f->is_fused && e == ERR_OK ? r->err : e;
        if (s->stopped && own == ERR_OK) {
            own = fail_set(r->fail, ERR_CANCELLED, "cancelled");
        }
        lanes_end_read(s, own);
        s = next;
    }
}

static void note_time(struct lane *a, const struct flight *f)
{
    const struct run *r = &f->run;
    uint64_t from_ns = r->started_ns > a->heard_ns ? r->started_ns : a->heard_ns;
    uint64_t ns = r->ended_ns > from_ns ? r->ended_ns - from_ns : 1;
    a->heard_ns = r->ended_ns;
    lanes_learn_ns(a->lanes, f->stmt, ns / f->count + 1);
}

/* An error of one that was fused with others: who is to blame is found out by sending
 * them singly; so is one that had to be cancelled for another's sake. */
static bool is_sent_again(const struct flight *f, enum err e)
{
    if (e == ERR_OK || e == ERR_CONNECTION_LOST || e == ERR_OUT_OF_MEMORY) {
        return false;
    }
    return f->is_fused;
}

static void on_flight(struct run *run)
{
    struct flight *f = CONTAINER(run, struct flight, run);
    struct lane *a = f->lane;
    enum err e = run->err;
    if (e == ERR_OK) {
        note_time(a, f);
    }
    if (is_sent_again(f, e)) {
        flight_send_again(f, SHARED_UNFUSED);
    } else {
        end_reads(f, e);
    }
    flight_free(f);
    a->apart = a->apart && a->first != NULL;
    if (a->lanes->first != NULL) {
        lanes_send_soon(a->lanes);
    }
    lane_look(a);
}

/* -- a group --------------------------------------------------------------- */

struct group {
    struct lane *lane;
    struct flight *flights[GROUP_FLIGHTS];
    uint32_t count, most;
};

static bool takes_one_more(const struct pool *p, const struct flight *f,
                           const struct shared_run *s)
{
    const struct statement *stmt = s->run->stmt;
    if (f->stmt != stmt || s->how == SHARED_UNFUSED || s->how != f->first->how ||
        !lanes_may_fuse(p, stmt) || f->count >= fuse_most(stmt)) {
        return false;
    }
    const struct value *key = &s->run->params[0], *other = &f->first->run->params[0];
    return key->kind == other->kind && (key->kind == VALUE_INT || key->kind == VALUE_TEXT);
}

static struct flight *flight_for(struct group *g, const struct shared_run *s)
{
    for (uint32_t i = 0; i < g->count; i++) {
        if (takes_one_more(g->lane->lanes->pool, g->flights[i], s)) {
            return g->flights[i];
        }
    }
    if (g->count == g->most) {
        return NULL;
    }
    struct flight *f = flight_take(g->lane);
    if (f != NULL) {
        g->flights[g->count++] = f;
        f->stmt = s->run->stmt;
    }
    return f;
}

/* The reads that wait, as far as there is room. One that is to be apart has a group, and
 * a lane, to itself, with those that it is fused with. */
static void gather(struct group *g)
{
    struct lanes *l = g->lane->lanes;
    struct shared_run *next;
    for (struct shared_run *s = l->first; s != NULL; s = next) {
        next = s->next;
        bool apart = s->how == SHARED_APART;
        bool fits = g->count > 0 ? apart == g->lane->apart : !apart || g->lane->first == NULL;
        g->most = apart ? 1 : g->most;
        struct flight *f = fits ? flight_for(g, s) : NULL;
        if (f == NULL) {
            return;
        }
        g->lane->apart = apart;
        lanes_unqueue(l, s);
        s->next = f->first;
        f->first = s;
        f->count++;
        s->flight = f;
    }
}

static enum err prepare(struct flight *f)
{
    struct run *r = &f->run;
    const struct run *single = f->first->run;
    *r = (struct run){.stmt = f->stmt,
                      .params = single->params,
                      .sets = 1,
                      .sink = single->sink,
                      .done = on_flight,
                      .fail = single->fail};
    f->is_fused = f->count > 1;
    if (!f->is_fused) {
        return ERR_OK;
    }
    fail_init(&f->fail);
    r->fail = &f->fail;
    count_add(&f->lane->lanes->pool->share->counts.fusions, 1);
    count_add(&f->lane->lanes->pool->share->counts.fused, f->count);
    return fuse_begin(&f->fuse, f->first, f->count, r);
}

/* It was never sent. */
static void fail_flight(struct flight *f, enum err e)
{
    f->run.started_ns = f->run.ended_ns = clock_now_ns();
    if (e == ERR_CONNECTION_LOST) {
        flight_send_again(f, SHARED_ANYHOW); /* the lane's end is on its way */
    } else {
        if (f->run.fail->code == ERR_OK) {
            fail_set(f->run.fail, e, "out of memory");
        }
        end_reads(f, e);
    }
    flight_free(f);
}

/* Statements of one turn, with a Sync behind them. */
static void send_group(const struct group *g)
{
    struct lane *a = g->lane;
    const struct pipeline *pipe = lane_pipeline(a);
    struct flight *last = NULL;
    uint64_t now_ns = clock_now_ns();
    a->heard_ns = a->first == NULL ? now_ns : a->heard_ns;
    for (uint32_t i = 0; i < g->count; i++) {
        struct flight *f = g->flights[i];
        flight_link(f);
        enum err e = prepare(f);
        if (e == ERR_OK && pipe == NULL) {
            a->conn->driver->run(a->conn, &f->run);
        } else if (e == ERR_OK) {
            e = pipe->queue(a->conn, &f->run);
        }
        if (e == ERR_OK) {
            last = f;
        } else {
            fail_flight(f, e);
        }
    }
    if (last != NULL) {
        last->ends_group = true;
        a->groups++;
    }
    if (pipe != NULL) {
        pipe->flush(a->conn);
    }
}

bool flight_send_group(struct lane *a)
{
    struct group g = {.lane = a, .most = lane_pipeline(a) != NULL ? GROUP_FLIGHTS : 1};
    gather(&g);
    if (g.count > 0) {
        send_group(&g);
    }
    return g.count > 0;
}
