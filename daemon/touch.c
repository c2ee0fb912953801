/* SPDX-License-Identifier: MIT
 *
 * daemon/touch.c: from plans to slots, and their raising and lowering.
 *
 * What is not known is taken for the worst: a write of which nobody knows what it changes
 * raises all of its database, and so does one that changes more than a set has room for.
 */
#include "daemon/touch.h"

#include "base/fault.h"
#include "daemon/request.h"
#include "daemon/touch_held.h"
#include "daemon/touch_slots.h"

#include <stdlib.h>

static struct versions *versions_of(const struct worker *w)
{
    return w->shared->versions;
}

void touch_all(const struct database *db, struct slot_set *out)
{
    const struct touch_scope s = {db->conf, NULL};
    *out = (struct slot_set){.count = 1, .slots = {slot_of_database(&s)}};
}

void touch_replaced(struct versions *v, const struct database *db)
{
    struct slot_set all;
    if (v != NULL) {
        touch_all(db, &all);
        versions_bump(v, &all);
    }
}

void touch_changed(const struct backend *b)
{
    touch_replaced(versions_of(b->worker), b->db);
}

/* Where the value of the key is among the runs of a bound plan; NULL: nowhere, or it is
 * null. */
static const struct bound_run *key_run(const struct bound *b)
{
    const struct touch_key *k = &b->plan->touch.key;
    for (uint32_t i = 0; i < b->run_count && k->key != NULL; i++) {
        if (b->runs[i].step == &b->plan->steps[k->step]) {
            return &b->runs[i];
        }
    }
    return NULL;
}

/* ---- what may write ---- */

static bool calls_writer(const struct plan *p)
{
    bool any = false;
    for (uint32_t i = 0; i < p->touch.function_count; i++) {
        const struct touch_function *f = &p->touch.functions[i];
        any = any || (f->volatility == VOLATILITY_VOLATILE && !f->harmless);
    }
    return any;
}

/* A view that calls what may write. */
static bool is_written(const struct plan_table *t)
{
    return t->written || (t->table->kind == TABLE_VIEW && t->table->fires);
}

static bool may_write(const struct plan *p)
{
    bool views = false;
    for (uint32_t i = 0; i < p->table_count; i++) {
        views = views || is_written(&p->tables[i]);
    }
    return p->kind == PLAN_TEXT ? p->touch.anything
                                : p->kind != PLAN_READ || views || calls_writer(p);
}

/* ---- reads ---- */

/* What it was planned by is not what the database is by now: a trigger may be there that it
 * knows nothing of. */
static bool is_old(const struct req *r)
{
    return catalog_version(r->bound.plan->catalog) !=
           atomic_load(&r->backend->db->catalog_version);
}

/* Adds the tables that conf says `name` reads. */
static bool add_told(const struct touch_scope *s, const struct conf_touch *told,
                     struct slot_set *out, unsigned depth);

static bool add_table(const struct touch_scope *s, const struct table *t, struct slot_set *out,
                      unsigned depth)
{
    bool others = t->shows == SHOWS_OTHERS || table_head(t)->shows == SHOWS_OTHERS;
    return slot_set_add(out, slot_of_table(s, t)) &&
           (!others || add_told(s, touch_told_table(s, t), out, depth));
}

static bool add_told(const struct touch_scope *s, const struct conf_touch *told,
                     struct slot_set *out, unsigned depth)
{
    bool ok = told != NULL && depth < TOUCH_DEPTH;
    for (uint32_t i = 0; ok && i < told->table_count; i++) {
        const struct table *t = touch_find_table(s, told->tables[i]);
        ok = t != NULL && add_table(s, t, out, depth + 1);
    }
    return ok;
}

static const char *add_functions(const struct touch_scope *s, const struct plan_touch *p,
                                 struct slot_set *out)
{
    for (uint32_t i = 0; i < p->function_count; i++) {
        const struct touch_function *f = &p->functions[i];
        if (f->volatility == VOLATILITY_VOLATILE) {
            return "it calls a function that is volatile";
        }
        if (!add_told(s, touch_told(s, f->name), out, 0)) {
            return "it calls a function that `touches` does not tell of";
        }
    }
    return NULL;
}

static bool add_key(const struct touch_scope *s, const struct bound *b, struct touch_reads *out)
{
    const struct bound_run *run = key_run(b);
    const struct table *t = b->plan->table_count == 1 ? b->plan->tables[0].table : NULL;
    uint32_t slot;
    if (run == NULL || t == NULL || t->shows != SHOWS_ROWS || run->sets != 1 ||
        !slot_of_key(s, t, &b->plan->touch.key, run->params, &slot)) {
        return false;
    }
    out->by_key = true;
    out->absent = slot_of_table(s, t);
    (void)slot_set_add(&out->always, slot_of_keys(s, t, b->plan->touch.key.key));
    (void)slot_set_add(&out->always, slot);
    return true;
}

static const char *add_tables(const struct touch_scope *s, const struct plan *p,
                              struct slot_set *out)
{
    for (uint32_t i = 0; i < p->table_count; i++) {
        if (!add_table(s, p->tables[i].table, out, 0)) {
            return p->tables[i].table->kind == TABLE_VIEW
                       ? "it reads a view that `touches` does not tell of"
                       : "it reads a table of which `touches` should tell, or too many tables";
        }
    }
    return out->count > STAMP_MAX ? "it reads too many tables" : NULL;
}

bool touch_reads(const struct req *r, struct touch_reads *out)
{
    const struct bound *b = &r->bound;
    const struct touch_scope s = {r->backend->db->conf, b->plan->catalog};
    out->always.count = 0;
    out->by_key = false;
    out->why = r->tx != NULL ? "it is in a transaction"
               : is_old(r)   ? "the schema is being changed"
                             : b->plan->touch.varies;
    if (out->why == NULL) {
        (void)slot_set_add(&out->always, slot_of_database(&s));
        out->why = add_functions(&s, &b->plan->touch, &out->always);
    }
    if (out->why == NULL && !add_key(&s, b, out)) {
        out->why = add_tables(&s, b->plan, &out->always);
    }
    if (out->why == NULL && may_write(b->plan)) {
        out->why = "it reads a view that may write";
    }
    return out->why == NULL;
}

/* ---- writes ---- */

static bool told_effects(const struct touch_scope *s, const struct conf_touch *told,
                         struct effects *e)
{
    bool ok = told != NULL;
    for (uint32_t i = 0; ok && i < told->table_count; i++) {
        const struct table *t = touch_find_table(s, told->tables[i]);
        ok = t != NULL && effects_add(e, t, ROWS_ANY, NULL, 0);
    }
    return ok;
}

/* What the statement names. */
static bool direct_effects(const struct touch_scope *s, const struct plan *p, struct effects *e)
{
    const struct plan_touch *t = &p->touch;
    bool ok = true;
    if (t->target != NULL) {
        ok = effects_add(e, t->target, t->rows, t->set, t->set_count);
        bool puts = (t->rows & (ROWS_ADDED | ROWS_CHANGED)) != 0;
        ok = ok && (!puts || !t->target->replaces ||
                    effects_add(e, t->target, ROWS_ANY, NULL, 0)); /* of other keys, too */
    }
    for (uint32_t i = 0; i < p->table_count && ok; i++) {
        const struct plan_table *at = &p->tables[i];
        ok = !is_written(at) || at->table == t->target ||
             effects_add(e, at->table, ROWS_ANY, NULL, 0);
    }
    for (uint32_t i = 0; i < t->function_count && ok; i++) {
        const struct touch_function *f = &t->functions[i];
        bool writes = f->volatility == VOLATILITY_VOLATILE && !f->harmless;
        ok = !writes || told_effects(s, touch_told(s, f->name), e);
    }
    return ok;
}

/* All that it changes, over foreign keys and what triggers are said to write. */
static bool find_effects(const struct touch_scope *s, const struct plan *p, struct effects *e)
{
    bool ok = p->kind != PLAN_TEXT && direct_effects(s, p, e);
    for (uint32_t i = 0; i < e->count && ok; i++) {
        const struct table *t = e->list[i].table;
        if (t->fires || t->kind == TABLE_VIEW) {
            ok = told_effects(s, touch_told_table(s, t), e);
        }
    }
    return ok;
}

/* Rows of t by any of its keys; those of `but` are told one by one. */
static bool add_keys(const struct touch_scope *s, const struct table *t, const struct key *but,
                     struct slot_set *out)
{
    bool ok = t->primary_key.count == 0 || &t->primary_key == but ||
              slot_set_add(out, slot_of_keys(s, t, &t->primary_key));
    for (uint32_t i = 0; i < t->unique_count && ok; i++) {
        ok = &t->uniques[i] == but || slot_set_add(out, slot_of_keys(s, t, &t->uniques[i]));
    }
    return ok;
}

#define KEYS_TOLD 8 /* more values of a key are not told one by one */

/* Adds the values of the key that is written; false: they are not known. */
static bool add_key_values(const struct touch_scope *s, const struct bound *b,
                           struct slot_set *out)
{
    const struct plan_touch *t = &b->plan->touch;
    const struct bound_run *run = key_run(b);
    struct slot_set found = {0};
    bool ok = run != NULL && t->target != NULL && run->sets <= KEYS_TOLD;
    for (uint32_t i = 0; ok && i < run->sets; i++) {
        const struct value *params = run->params + (size_t)i * run->step->stmt.param_count;
        uint32_t slot = 0;
        ok = slot_of_key(s, t->target, &t->key, params, &slot) && slot_set_add(&found, slot);
    }
    for (uint32_t i = 0; ok && i < found.count; i++) {
        ok = slot_set_add(out, found.slots[i]);
    }
    return ok;
}

static bool sets_key(const struct plan_touch *t)
{
    bool any = false;
    for (uint32_t i = 0; i < t->set_count; i++) {
        for (uint32_t k = 0; k < t->key.key->count; k++) {
            any = any || t->set[i] == t->key.key->columns[k];
        }
    }
    return any;
}

static bool add_effect(const struct touch_scope *s, const struct bound *b,
                       const struct effect *e, struct slot_set *out)
{
    const struct plan_touch *t = &b->plan->touch;
    const struct key *but = NULL;
    if (!slot_set_add(out, slot_of_table(s, e->table))) {
        return false;
    }
    if ((e->rows & (ROWS_CHANGED | ROWS_REMOVED)) == 0 || e->table->family != NULL) {
        return true; /* rows of families are read by no key */
    }
    if (e->table == t->target && !e->again && t->key.key != NULL && !sets_key(t) &&
        add_key_values(s, b, out)) {
        but = t->key.key;
    }
    return add_keys(s, e->table, but, out);
}

/* false: all of the database. */
static bool collect(const struct req *r, struct slot_set *out)
{
    const struct bound *b = &r->bound;
    const struct touch_scope s = {r->backend->db->conf, b->plan->catalog};
    struct effects e;
    e.count = 0;
    bool ok = !is_old(r) && find_effects(&s, b->plan, &e);
    for (uint32_t i = 0; i < e.count && ok; i++) {
        ok = add_effect(&s, b, &e.list[i], out);
    }
    return ok;
}

static void move(const struct worker *w, const struct database *db, const struct touched *t,
                 void (*how)(struct versions *v, const struct slot_set *s))
{
    struct slot_set all;
    touch_all(db, &all);
    how(versions_of(w), t->set != NULL ? t->set : &all);
}

void touch_raise(struct req *r)
{
    if (versions_of(r->worker) == NULL || r->touched.state != TOUCHED_NOTHING ||
        !may_write(r->bound.plan)) {
        return;
    }
    struct slot_set *set = ARENA_NEW(&r->arena, struct slot_set);
    bool known = set != NULL && collect(r, set);
    r->touched = (struct touched){TOUCHED_RAISED, known ? set : NULL};
    move(r->worker, r->backend->db, &r->touched, versions_raise);
    FAULT(raise);
}

static void settle(const struct worker *w, struct database *db, struct touched *t, enum err e)
{
    if (t->state == TOUCHED_RAISED && e != ERR_COMMIT_UNKNOWN) {
        FAULT(lower);
        move(w, db, t, versions_lower);
    } else if (t->state == TOUCHED_RAISED && w->shared->held != NULL) {
        struct slot_set all;
        touch_all(db, &all);
        touch_held_add(w->shared->held, db, t->set != NULL ? t->set : &all, w->loop.now_ns);
    }
    t->state = TOUCHED_NOTHING;
}

void touch_take(struct req *r, struct tx *t)
{
    r->touched = (struct touched){TOUCHED_RAISED, NULL};
    move(r->worker, r->backend->db, &r->touched, versions_raise);
    touch_settle_tx(t, ERR_OK);
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
    if (!all && (n->set == NULL || !collect(r, n->set))) {
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
    const struct touch_scope s = {db->conf, NULL};
    return slot_set_add(out, slot_of_table(&s, t)) && add_keys(&s, t, NULL, out);
}
