/* SPDX-License-Identifier: MIT
 *
 * compiler/param_sets.c: see compiler/param_sets.h.
 */
#include "compiler/param_sets.h"

static const struct json *member(const struct json *object, struct str key)
{
    const struct json *m = object->first;
    while (m != NULL && !str_eq(json_key(m), key)) {
        m = m->next;
    }
    return m;
}

static enum err check_set(struct context *c, const struct json *set, const struct json *first)
{
    if (set->kind != JSON_OBJECT) {
        return ctx_fail(c, set, ERR_BAD_REQUEST, "a set of params is an object, not %s",
                        json_kind_name(set));
    }
    for (const struct json *m = first->first; m != NULL; m = m->next) {
        struct str name = json_key(m);
        if (member(set, name) == NULL) {
            return ctx_fail(c, set, ERR_MISSING_PARAM, "param `%.*s` is not given",
                            STR_ARG(name));
        }
    }
    for (const struct json *m = set->first; set->len != first->len && m != NULL; m = m->next) {
        struct str name = json_key(m);
        if (member(first, name) == NULL) {
            return ctx_fail(c, m, ERR_UNUSED_PARAM,
                            "param `%.*s` is not in the first set of params", STR_ARG(name));
        }
    }
    return ERR_OK;
}

/* The one of two values beside which the other fits. */
static enum err wider(struct context *c, const struct json *a, const struct json *b,
                      const struct json **out)
{
    enum json_form fa = json_form_of(a), fb = json_form_of(b), both = json_form_join(fa, fb);
    if (both == FORM_MIXED) {
        struct str name = json_key(b);
        return ctx_fail(c, b, ERR_TYPE_MISMATCH, "param `%.*s` is of another kind before",
                        STR_ARG(name));
    }
    bool more_digits = both == FORM_DECIMAL && fa == fb && json_scale(b) > json_scale(a);
    *out = fa == both && !more_digits ? a : b;
    return ERR_OK;
}

static enum err join_one(struct context *c, const struct json *sets, const struct json *first,
                         struct json *out)
{
    struct str name = json_key(first);
    const struct json *widest = first;
    enum err e = ERR_OK;
    for (const struct json *s = sets->first->next; s != NULL && e == ERR_OK; s = s->next) {
        e = wider(c, widest, member(s, name), &widest);
    }
    if (e == ERR_OK && widest->kind == JSON_ARRAY) {
        e = ctx_fail(c, widest, ERR_UNSUPPORTED_FEATURE,
                     "a list cannot stand in one of several sets of params");
    }
    struct json *next = out->next;
    *out = *widest;
    out->next = next;
    return e;
}

static enum err join_sets(struct context *c, const struct json *sets, struct json *all)
{
    const struct json *first = sets->first;
    struct json *members = ARENA_ARRAY(c->a, first->len, struct json);
    if (members == NULL) {
        return ctx_full(c);
    }
    *all = *first;
    all->next = NULL;
    all->first = first->len > 0 ? members : NULL;
    enum err e = ERR_OK;
    uint32_t i = 0;
    for (const struct json *m = first->first; m != NULL && e == ERR_OK; m = m->next, i++) {
        members[i].next = m->next != NULL ? &members[i + 1] : NULL;
        e = join_one(c, sets, m, &members[i]);
    }
    return e;
}

enum err param_sets_join(struct compile_request *in, struct arena *a, struct fail *f)
{
    struct context c = {.in = in, .a = a, .f = f};
    const struct json *sets = in->param_sets;
    if (sets == NULL) {
        return ERR_OK;
    }
    enum err e = ERR_OK;
    for (const struct json *s = sets->first; s != NULL && e == ERR_OK; s = s->next) {
        e = check_set(&c, s, s == sets->first ? s : sets->first);
    }
    struct json *all = ARENA_NEW(a, struct json);
    if (e == ERR_OK && all == NULL) {
        e = ctx_full(&c);
    }
    e = e != ERR_OK ? e : join_sets(&c, sets, all);
    in->params = e == ERR_OK ? all : NULL;
    return e;
}

enum err param_sets_check(struct context *c, const struct plan *p)
{
    enum err e = ERR_OK;
    if (c->in->param_sets == NULL) {
        return ERR_OK;
    }
    if (p->kind == PLAN_READ) {
        e = ctx_fail(c, NULL, ERR_BAD_REQUEST, "a list of params is for writes");
        fail_hint(c->f, "send a read for each, or use `in`");
    } else if (p->kind == PLAN_TEXT || p->kind == PLAN_MIXED) {
        e = ctx_fail(c, NULL, ERR_UNSUPPORTED_FEATURE, "%s takes one set of params",
                     p->kind == PLAN_TEXT ? "raw SQL" : "a query");
        fail_hint(c->f, "write it as an insert, update or delete");
    } else if (c->shape->data_param != NULL ||
               (c->shape->rows != NULL && p->kind == PLAN_INSERT)) {
        e = ctx_fail(c, c->shape->rows, ERR_UNSUPPORTED_FEATURE,
                     "rows of data cannot stand beside a list of params");
        fail_hint(c->f, "write {column: \":param\"} in `set`");
    }
    return e;
}
