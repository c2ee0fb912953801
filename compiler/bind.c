/* SPDX-License-Identifier: MIT
 *
 * compiler/bind.c: see compiler/bind.h. This runs for every request, also when
 * the plan comes from the cache.
 */
#include "compiler/bind.h"

#include "compiler/context.h"
#include "compiler/distinct.h"
#include "compiler/json_path.h"
#include "compiler/refs.h"

#include <string.h>

struct binder {
    struct context c; /* only in, a, f are used */
    const struct shape *s;
    const struct json *list; /* the list param that was used last, */
    const struct json *item; /* and its member number list_at */
    uint32_t list_at;
};

static const struct json *find_member(const struct json *object, struct str key)
{
    const struct json *m = object == NULL ? NULL : object->first;
    while (m != NULL && !str_eq(json_key(m), key)) {
        m = m->next;
    }
    return m;
}

/* Every error of a value points at the value, wherever it is in the request. */
static enum err point(struct binder *b, const struct json *at, enum err e)
{
    if (e != ERR_OK) {
        ctx_point(b->c.in, b->c.f, at);
    }
    return e;
}

/* ---- forms ---- */

static enum err check_count(struct binder *b, const struct json *at, const struct plan_bind *pb,
                            struct value *v)
{
    if (at->kind != JSON_INTEGER || v->kind != VALUE_INT || v->num < 0) {
        return ctx_fail(&b->c, at, ERR_BAD_VALUE, "this takes a whole number from 0");
    }
    if (pb->at_most > 0 && v->num > pb->at_most) {
        v->num = pb->at_most;
    }
    return ERR_OK;
}

static enum err check_within(struct binder *b, const struct json *at, const struct value *v,
                             int least, int most)
{
    if (v->kind == VALUE_NULL || (v->kind == VALUE_INT && v->num >= least && v->num <= most)) {
        return ERR_OK;
    }
    return most == INT32_MAX ? ctx_fail(&b->c, at, ERR_OUT_OF_RANGE,
                                        "this takes a whole number from %d", least)
                             : ctx_fail(&b->c, at, ERR_OUT_OF_RANGE,
                                        "this takes a whole number from %d to %d", least, most);
}

static enum err check_escape(struct binder *b, const struct json *at, const struct value *v)
{
    if (v->kind == VALUE_TEXT && utf8_count(v->text) == 1) {
        return ERR_OK;
    }
    return ctx_fail(&b->c, at, ERR_BAD_VALUE, "the escape of `like` is one character");
}

/* A text as a LIKE pattern that matches itself; ! is the escape character. */
static enum err make_pattern(struct binder *b, enum bind_form form, struct value *v)
{
    if (v->kind != VALUE_TEXT) {
        return ERR_OK;
    }
    char *out = arena_alloc(b->c.a, v->text.len * 2 + 2);
    size_t n = 0;
    if (out == NULL) {
        return ctx_full(&b->c);
    }
    if (form != BIND_PREFIX) {
        out[n++] = '%';
    }
    for (size_t i = 0; i < v->text.len; i++) {
        char ch = v->text.ptr[i];
        if (ch == '!' || ch == '%' || ch == '_') {
            out[n++] = '!';
        }
        out[n++] = ch;
    }
    if (form != BIND_SUFFIX) {
        out[n++] = '%';
    }
    v->text = (struct str){out, n};
    return ERR_OK;
}

static enum err apply_form(struct binder *b, const struct json *at, const struct plan_bind *pb,
                           struct value *v)
{
    switch (pb->form) {
    case BIND_PLAIN:
        return ERR_OK;
    case BIND_STEP:
        return v->kind == VALUE_INT && v->num == 0
                   ? ctx_fail(&b->c, at, ERR_BAD_VALUE, "a step of 0 leads nowhere")
                   : ERR_OK;
    case BIND_COUNT:
        return check_count(b, at, pb, v);
    case BIND_START:
        return check_within(b, at, v, 1, INT32_MAX);
    case BIND_LENGTH:
        return check_within(b, at, v, 0, INT32_MAX);
    case BIND_SHIFT:
        return check_within(b, at, v, 0, 63);
    case BIND_DIGITS:
        return check_within(b, at, v, -15, 30);
    case BIND_ESCAPE:
        return check_escape(b, at, v);
    case BIND_PREFIX:
    case BIND_SUFFIX:
    case BIND_INFIX:
        return make_pattern(b, pb->form, v);
    case BIND_MONTHS:
    case BIND_DAYS:
    case BIND_MICROS:
    case BIND_SPAN:
    case BIND_STRIDE_CHECKED:
    case BIND_STRIDE:
        return bind_interval(&b->c, at, pb->form, v);
    case BIND_FORMAT_CHECKED:
    case BIND_FORMAT_MARIA:
    case BIND_FORMAT_PG:
        return bind_date_format(&b->c, at, pb->form, v);
    case BIND_PATH_STEP:
    case BIND_PATH_PG:
    case BIND_PATH_MARIA:
    case BIND_PATH_JSON:
    case BIND_SPOT_PG:
    case BIND_HOLDER_PG:
    case BIND_SPOT_MARIA:
    case BIND_HOLDER_MARIA:
    case BIND_SPOT_JSON:
        break;
    }
    return ERR_OK;
}

/* ---- sources ---- */

static enum err read_value(struct binder *b, const struct json *at, const struct plan_bind *pb,
                           struct value *out)
{
    if (is_path_form(pb->form)) {
        return bind_path(&b->c, at, pb, out);
    }
    if (at->kind == JSON_NULL && pb->type.kind == TYPE_JSON && pb->source == BIND_LITERAL) {
        /* {"value":null,"type":"json"} is JSON's null, not SQL's */
        *out = (struct value){.kind = VALUE_TEXT, .text = STR("null")};
        return ERR_OK;
    }
    struct type interval = type_of(TYPE_INTERVAL);
    const struct type *type = is_interval_form(pb->form) ? &interval : &pb->type;
    enum err e = value_from_json(at, type, b->c.a, NULL, out, b->c.f);
    if (e != ERR_OK || pb->form == BIND_PLAIN) {
        return e == ERR_OK ? e : point(b, at, e);
    }
    return apply_form(b, at, pb, out);
}

/* An error of the value points at its first ref: the value is in no request. */
static enum err read_ref(struct binder *b, const struct plan_bind *pb, struct value *out)
{
    const struct compile_refs *refs = b->c.in->refs;
    if (refs == NULL || pb->index >= refs->count || refs->list[pb->index].value == NULL) {
        return ctx_fail(&b->c, NULL, ERR_INTERNAL, "a ref of the plan is not in the request");
    }
    const struct compile_ref *ref = &refs->list[pb->index];
    return point(b, ref->at, read_value(b, ref->value, pb, out));
}

static enum err read_array(struct binder *b, const struct json *list,
                           const struct plan_bind *pb, struct value *out)
{
    struct value_list *all = ARENA_NEW(b->c.a, struct value_list);
    struct value *items = ARENA_ARRAY(b->c.a, list->len, struct value);
    struct type element = type_of(pb->type.element);
    if (all == NULL || items == NULL) {
        return ctx_full(&b->c);
    }
    element.name = pb->type.name;
    uint32_t n = 0;
    for (const struct json *m = list->first; m != NULL; m = m->next) {
        enum err e = value_from_json(m, &element, b->c.a, NULL, &items[n++], b->c.f);
        if (e != ERR_OK) {
            return point(b, m, e);
        }
    }
    *all = (struct value_list){.items = items, .count = n};
    *out = (struct value){.kind = VALUE_LIST, .list = all};
    return ERR_OK;
}

/* Members are asked for in order, so the walk goes on where it was. */
static const struct json *list_member(struct binder *b, const struct json *list, uint32_t index)
{
    if (b->list != list || b->list_at > index) {
        b->list = list;
        b->item = list->first;
        b->list_at = 0;
    }
    while (b->list_at < index && b->item != NULL && b->item->next != NULL) {
        b->item = b->item->next;
        b->list_at++;
    }
    return b->item;
}

static const struct json *row_cell(const struct json *row, uint32_t column)
{
    const struct json *m = row == NULL || row->kind != JSON_ARRAY ? NULL : row->first;
    for (; m != NULL && column > 0; column--) {
        m = m->next;
    }
    return m;
}

static enum err bind_one(struct binder *b, const struct plan_bind *pb, const struct json *row,
                         const struct json **next_cell, struct value *out)
{
    const struct json *at = NULL;
    switch (pb->source) {
    case BIND_LITERAL:
        at = pb->index < b->s->count ? b->s->literals[pb->index] : NULL;
        break;
    case BIND_PARAM:
        at = find_member(b->c.in->params, pb->name);
        break;
    case BIND_PARAM_ITEM:
        at = find_member(b->c.in->params, pb->name);
        at = at == NULL ? NULL : list_member(b, at, pb->index);
        break;
    case BIND_PARAM_CELL:
        at = find_member(b->c.in->params, pb->name);
        at = at == NULL ? NULL : row_cell(list_member(b, at, pb->index), pb->column);
        break;
    case BIND_PARAM_COUNT:
        at = find_member(b->c.in->params, pb->name);
        if (at != NULL && at->kind == JSON_ARRAY) {
            *out = (struct value){.kind = VALUE_INT, .num = at->len};
            return ERR_OK;
        }
        at = NULL;
        break;
    case BIND_PARAM_ARRAY:
        at = find_member(b->c.in->params, pb->name);
        if (at != NULL && at->kind == JSON_ARRAY) {
            return read_array(b, at, pb, out);
        }
        at = NULL;
        break;
    case BIND_CELL: /* rows mostly have their keys in one order */
        at = *next_cell != NULL && str_eq(json_key(*next_cell), pb->name)
                 ? *next_cell
                 : find_member(row, pb->name);
        *next_cell = at == NULL ? NULL : at->next;
        break;
    case BIND_CLASH_CELL:
        at = find_member(b->s->clash_data, pb->name);
        break;
    case BIND_REF:
        return read_ref(b, pb, out);
    case BIND_CAPTURED: /* put there when the row is known */
        *out = (struct value){.kind = VALUE_NULL};
        return ERR_OK;
    }
    if (at == NULL) {
        return ctx_fail(&b->c, NULL, ERR_INTERNAL, "a value of the plan is not in the request");
    }
    return read_value(b, at, pb, out);
}

static enum err bind_set(struct binder *b, const struct plan_step *step, const struct json *row,
                         struct value *out)
{
    const struct json *next_cell = row == NULL ? NULL : row->first;
    for (uint32_t i = 0; i < step->stmt.param_count; i++) {
        enum err e = bind_one(b, &step->binds[i], row, &next_cell, &out[i]);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* ---- runs ---- */

static enum err bind_run(struct binder *b, const struct plan_step *step, const struct json *row,
                         uint32_t sets, struct bound_run *out)
{
    struct value *values =
        ARENA_ARRAY(b->c.a, (size_t)sets * step->stmt.param_count, struct value);
    if (values == NULL) {
        return ctx_full(&b->c);
    }
    *out = (struct bound_run){.step = step, .params = values, .sets = sets};
    for (uint32_t i = 0; i < sets; i++) {
        enum err e = bind_set(b, step, row, values + (size_t)i * step->stmt.param_count);
        if (e != ERR_OK) {
            return e;
        }
        row = row == NULL ? NULL : row->next;
    }
    return ERR_OK;
}

/* All steps for one row, or for what is no row of data. */
static enum err bind_steps(struct binder *b, const struct plan_step *steps,
                           const struct json *row, struct bound *out, struct bound_run *runs)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < out->plan->set_steps && e == ERR_OK; i++) {
        e = bind_run(b, &steps[i], row, 1, &runs[out->run_count++]);
    }
    return e;
}

/* Several sets are one statement, or need a transaction around theirs. */
static enum err join_sets(struct binder *b, struct bound_run *run, struct bound *out)
{
    const struct plan_step *step = run->step;
    run->apart = run->sets > 1 && step->apart_count > 0 && !sets_are_distinct(run, b->c.a);
    if (run->sets > 1 && (run->apart || step->stmt.sql_many.len == 0)) {
        out->needs_tx = true;
    }
    return ERR_OK;
}

/* Rows that share a statement, which takes them all at once or one after the other. */
static enum err bind_together(struct binder *b, const struct shape_run *r,
                              const struct plan_step *step, struct bound *out,
                              struct bound_run *runs)
{
    struct bound_run *run = &runs[out->run_count++];
    enum err e = bind_run(b, step, r->first, r->rows, run);
    return e != ERR_OK ? e : join_sets(b, run, out);
}

/* A row whose steps depend on what is there has runs of its own. */
static bool goes_alone(const struct plan *p)
{
    return p->set_steps > 1 || p->steps[0].clash == CLASH_SKIPS;
}

static enum err bind_rows(struct binder *b, struct bound *out)
{
    const struct shape *s = b->s;
    const struct plan *p = out->plan;
    bool alone = s->run_count > 0 && goes_alone(p);
    size_t count = alone ? (size_t)s->row_count * p->set_steps : s->run_count;
    struct bound_run *runs = ARENA_ARRAY(b->c.a, count, struct bound_run);
    enum err e = ERR_OK;
    if (runs == NULL) {
        return ctx_full(&b->c);
    }
    out->runs = runs;
    for (uint32_t i = 0; i < s->run_count && e == ERR_OK; i++) {
        const struct shape_run *r = &s->runs[i];
        const struct plan_step *steps = &p->steps[(size_t)r->set * p->set_steps];
        const struct json *row = r->first;
        e = alone ? ERR_OK : bind_together(b, r, steps, out, runs);
        for (uint32_t n = 0; alone && n < r->rows && e == ERR_OK; n++, row = row->next) {
            e = bind_steps(b, steps, row, out, runs);
        }
    }
    out->needs_tx = out->needs_tx || out->run_count > 1;
    return e;
}

/* ---- several sets of params ---- */

/* All sets for one statement. */
static enum err bind_sets(struct binder *b, const struct plan_step *step, uint32_t count,
                          struct bound_run *out)
{
    uint32_t n = step->stmt.param_count;
    struct value *values = ARENA_ARRAY(b->c.a, (size_t)count * n, struct value);
    struct compile_request in = *b->c.in;
    struct value *at = values;
    if (values == NULL) {
        return ctx_full(&b->c);
    }
    enum err e = ERR_OK;
    b->c.in = &in;
    in.params = in.param_sets->first;
    for (uint32_t i = 0; i < count && e == ERR_OK; i++, at += n) {
        e = bind_set(b, step, b->s->rows, at);
        in.params = in.params->next;
    }
    *out = (struct bound_run){.step = step, .params = values, .sets = count};
    return e;
}

/* Statements of its own for each set. */
static enum err bind_set_steps(struct binder *b, struct bound *out, struct bound_run *runs)
{
    struct compile_request in = *b->c.in;
    enum err e = ERR_OK;
    b->c.in = &in;
    for (in.params = in.param_sets->first; in.params != NULL && e == ERR_OK;
         in.params = in.params->next) {
        e = bind_steps(b, out->plan->steps, b->s->rows, out, runs);
    }
    return e;
}

static enum err bind_param_sets(struct binder *b, struct bound *out)
{
    const struct plan *p = out->plan;
    uint32_t sets = b->c.in->param_sets->len;
    bool alone = goes_alone(p);
    struct bound_run *runs =
        ARENA_ARRAY(b->c.a, alone ? (size_t)sets * p->set_steps : 1, struct bound_run);
    if (runs == NULL) {
        return ctx_full(&b->c);
    }
    out->runs = runs;
    if (alone) {
        out->needs_tx = p->needs_tx || p->set_steps > 1 || sets > 1;
        return bind_set_steps(b, out, runs);
    }
    out->run_count = 1;
    out->needs_tx = p->needs_tx;
    enum err e = bind_sets(b, &p->steps[0], sets, runs);
    return e != ERR_OK ? e : join_sets(b, runs, out);
}

enum err bind_runs(const struct compile_request *in, const struct shape *s, struct arena *a,
                   struct bound *out, struct fail *f)
{
    struct binder b = {.c = {.in = in, .a = a, .f = f}, .s = s};
    out->runs = NULL;
    out->run_count = 0;
    out->needs_tx = false;
    if (in->param_sets != NULL) {
        return bind_param_sets(&b, out);
    }
    if (s->rows != NULL && out->plan->kind == PLAN_INSERT) {
        return bind_rows(&b, out);
    }
    struct bound_run *runs = ARENA_ARRAY(a, out->plan->set_steps, struct bound_run);
    if (runs == NULL) {
        return ctx_full(&b.c);
    }
    out->runs = runs;
    out->needs_tx = out->plan->needs_tx || out->plan->set_steps > 1;
    return bind_steps(&b, out->plan->steps, s->rows, out, runs);
}

enum err compiler_bind_captured(const struct bound_run *run, const struct capture *rows,
                                struct arena *a, const struct value **out, struct fail *f)
{
    const struct plan_step *step = run->step;
    uint32_t n = step->stmt.param_count;
    struct value *values = ARENA_ARRAY(a, (size_t)rows->count * n, struct value);
    if (values == NULL) {
        return fail_set(f, ERR_REQUEST_TOO_LARGE,
                        "the statement needs more memory than one request may have");
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        for (uint32_t k = 0; k < n; k++) {
            const struct plan_bind *b = &step->binds[k];
            values[(size_t)i * n + k] =
                b->source == BIND_CAPTURED ? capture_row(rows, i)[b->index] : run->params[k];
        }
    }
    *out = values;
    return ERR_OK;
}
