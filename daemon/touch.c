/* SPDX-License-Identifier: MIT
 *
 * daemon/touch.c: from plans to slots, and their raising and lowering.
 *
 * What is not known is taken for the worst: a write of which nobody knows what it changes
 * raises all of its database, and so does one that changes more than a set has room for.
 */
#include "daemon/touch.h"

#include "daemon/request.h"

#include <stdlib.h>

static struct versions *versions_of(const struct worker *w)
{
    return w->shared->versions;
}

/* ---- slots ---- */

static uint32_t database_slot(const struct database *db)
{
    return slot_of(SLOT_DATABASE, &db->conf->name, 1);
}

void touch_all(const struct database *db, struct slot_set *out)
{
    out->count = 1;
    out->slots[0] = database_slot(db);
}

static uint32_t table_slot(const struct database *db, const struct table *t)
{
    struct str names[] = {db->conf->name, t->schema, t->name};
    return slot_of(SLOT_TABLE, names, 3);
}

/* ---- reads ---- */

static const char *why_not(const struct plan *p)
{
    if (p->kind == PLAN_TEXT) {
        return "it is raw SQL";
    }
    if (p->kind != PLAN_READ || p->locks) {
        return "it is no plain read";
    }
    if (p->volatility != VOLATILITY_IMMUTABLE) {
        return "it calls a function that may give another value the next time";
    }
    for (uint32_t i = 0; i < p->table_count; i++) {
        if (p->tables[i].table->kind == TABLE_VIEW) {
            return "it reads a view";
        }
    }
    return NULL;
}

bool touch_reads(const struct req *r, struct touch_reads *out)
{
    const struct plan *p = r->bound.plan;
    const struct database *db = r->backend->db;
    out->always.count = 0;
    out->by_key = false;
    out->why = r->tx != NULL ? "it is in a transaction" : why_not(p);
    if (out->why != NULL) {
        return false;
    }
    bool fits = slot_set_add(&out->always, database_slot(db));
    for (uint32_t i = 0; i < p->table_count && fits; i++) {
        fits = slot_set_add(&out->always, table_slot(db, p->tables[i].table));
    }
    if (!fits || out->always.count > STAMP_MAX) {
        out->why = "it reads too many tables";
    }
    return out->why == NULL;
}

/* ---- writes ---- */

/* Raw SQL that calls what might write anywhere leaves traces too. */
static bool may_write(const struct plan *p)
{
    if (p->kind == PLAN_TEXT) {
        return p->effect != TEXT_READS || p->leaves_traces;
    }
    return p->kind != PLAN_READ || false;
}

/* false: all of the database. */
static bool collect(const struct database *db, const struct plan *p, struct slot_set *out)
{
    bool known = p->kind != PLAN_TEXT && !false;
    for (uint32_t i = 0; i < p->table_count && known; i++) {
        const struct plan_table *t = &p->tables[i];
        known = !t->written || (t->table->kind == TABLE_BASE && !t->table->has_triggers &&
                                slot_set_add(out, table_slot(db, t->table)));
    }
    return known;
}

static void move(const struct worker *w, const struct database *db, const struct touched *t,
                 void (*how)(struct versions *v, const struct slot_set *s))
{
    struct slot_set all = {.count = 1, .slots = {database_slot(db)}};
    how(versions_of(w), t->set != NULL ? t->set : &all);
}

void touch_raise(struct req *r)
{
    if (versions_of(r->worker) == NULL || r->touched.state != TOUCHED_NOTHING ||
        !may_write(r->bound.plan)) {
        return;
    }
    struct slot_set *set = ARENA_NEW(&r->arena, struct slot_set);
    bool known = set != NULL && collect(r->backend->db, r->bound.plan, set);
    r->touched = (struct touched){TOUCHED_RAISED, known ? set : NULL};
    move(r->worker, r->backend->db, &r->touched, versions_raise);
}

static void settle(const struct worker *w, const struct database *db, struct touched *t,
                   enum err e)
{
    if (t->state == TOUCHED_RAISED && e != ERR_COMMIT_UNKNOWN) {
        move(w, db, t, versions_lower);
    }
    t->state = TOUCHED_NOTHING;
}

void touch_settle(struct req *r)
{
    if (r->touched.state != TOUCHED_NOTHING) {
        settle(r->worker, r->backend->db, &r->touched, r->err);
    }
}

/* ---- transactions ---- */

void touch_note(struct tx *t, const struct req *r)
{
    struct touched *n = &t->touched;
    if (versions_of(r->worker) == NULL || !may_write(r->bound.plan)) {
        return;
    }
    bool all = n->state == TOUCHED_NOTED && n->set == NULL;
    if (n->state == TOUCHED_NOTHING) {
        n->state = TOUCHED_NOTED;
        n->set = calloc(1, sizeof *n->set);
    }
    if (!all && (n->set == NULL || !collect(r->backend->db, r->bound.plan, n->set))) {
        free(n->set);
        n->set = NULL;
    }
}

void touch_raise_tx(struct tx *t)
{
    if (t->touched.state == TOUCHED_NOTED) {
        t->touched.state = TOUCHED_RAISED;
        move(t->conn->worker, t->backend->db, &t->touched, versions_raise);
    }
}

void touch_settle_tx(struct tx *t, enum err e)
{
    if (t->touched.state == TOUCHED_RAISED) {
        settle(t->conn->worker, t->backend->db, &t->touched, e);
    }
}

void touch_forget_tx(struct tx *t)
{
    free(t->touched.set);
    t->touched = (struct touched){TOUCHED_NOTHING, NULL};
}

bool touch_table(const struct database *db, const struct table *t, struct slot_set *out)
{
    return slot_set_add(out, table_slot(db, t));
}
