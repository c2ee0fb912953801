/* SPDX-License-Identifier: MIT
 *
 * compiler/share.c: what a plan says about sharing a connection with the statements of
 * others (enum share), and how many rows are proven.
 *
 * Only what is proven may share. A view may call anything inside, and a function that
 * the catalog tells as volatile may wait, lock, or change the session.
 */
#include "compiler/build.h"
#include "compiler/walk.h"

#include <string.h>

static bool reads_view(const struct plan *p)
{
    for (uint32_t i = 0; i < p->table_count; i++) {
        if (p->tables[i].table->kind == TABLE_VIEW) {
            return true;
        }
    }
    return false;
}

/* One statement, which is there for its own sake. */
static bool is_alone(const struct plan *p)
{
    return p->step_count == 1 && p->set_steps == 1 && !p->needs_tx && !p->leaves_traces &&
           p->steps[0].clash == CLASH_FAILS && p->after == NULL;
}

/* ---- reads ---- */

static void share_read(struct context *c, const struct plan *p, const struct query *q,
                       struct statement *s)
{
    bool one = p->single_row, ties = q->with_ties;
    s->share = p->volatility == VOLATILITY_VOLATILE || reads_view(p) ? SHARE_NO : SHARE_READ;
    s->row_bound = one ? 1 : c->in->expect == QUERY_ONE && !ties ? 2 : 0;
    s->limit_param = one || ties ? 0 : build_limit_param(q, p->steps[0].binds, s->param_count);
}

/* ---- writes ---- */

static bool writes_one_row(const struct plan *p, const struct write *w)
{
    return w->kind == PLAN_INSERT ? !p->many_rows : query_single_row(&w->scope);
}

/* Of values that are there: it reads nothing, and waits for nobody but whoever has a lock
 * on its keys, or on a row that a foreign key names. */
static bool is_plain_insert(const struct plan *p, const struct write *w)
{
    return w->kind == PLAN_INSERT && w->query == NULL && w->upsert == NULL &&
           p->volatility != VOLATILITY_VOLATILE && p->table_count == 1 &&
           p->tables[0].table->plain;
}

static void share_write(struct context *c, const struct plan *p, const struct write *w,
                        struct statement *s)
{
    bool one = writes_one_row(p, w), rows = p->column_count > 0 || w->wants_keys;
    s->share = c->calls_volatile || reads_view(p) || (rows && !one) ? SHARE_NO : SHARE_WRITE;
    s->row_bound = one ? 1 : 0;
    s->groups = s->share == SHARE_WRITE && one && is_plain_insert(p, w);
}

void build_share(struct context *c, struct plan *p, const struct query *q,
                 const struct write *w)
{
    bool read = p->kind == PLAN_READ, mixed = p->kind == PLAN_MIXED || c->mixed;
    if (mixed || !is_alone(p)) {
        return;
    }
    /* the array was made by build_start */
    struct plan_step *list;
    memcpy(&list, &p->steps, sizeof list);
    if (read) {
        share_read(c, p, q, &list[0].stmt);
    } else {
        share_write(c, p, w, &list[0].stmt);
    }
}
