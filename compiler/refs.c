/* SPDX-License-Identifier: MIT
 *
 * compiler/refs.c: see compiler/refs.h.
 */
#include "compiler/refs.h"

#include "compiler/context.h"
#include "compiler/parse.h"
#include "compiler/shape_walk.h"

/* The place of ["ref", step, column] in the list, or its length. */
static uint32_t find_ref(const struct compile_refs *refs, const struct json *j)
{
    struct str step = json_text(j->first->next);
    struct str column = json_text(j->first->next->next);
    uint32_t i = 0;
    while (i < refs->count &&
           !(str_eq(refs->list[i].step, step) && str_eq(refs->list[i].column, column))) {
        i++;
    }
    return i;
}

static enum err check_names(struct context *c, const struct json *j)
{
    if (j->len != 3) {
        return ctx_fail(c, j, ERR_BAD_ARITY, "`ref` takes a step and a column of it");
    }
    for (const struct json *m = j->first->next; m != NULL; m = m->next) {
        if (m->kind != JSON_STRING) {
            return ctx_fail(c, m, ERR_BAD_QUERY, "`ref` takes names, not %s",
                            json_kind_name(m));
        }
    }
    return ERR_OK;
}

static enum err check_state(struct context *c, const struct json *j,
                            const struct compile_ref *ref)
{
    const struct json *step = j->first->next;
    enum err e = ERR_OK;
    switch (ref->state) {
    case REF_VALUE:
        break;
    case REF_NO_STEP:
        return ctx_fail(c, step, ERR_BAD_QUERY, "there is no step `%.*s` before this one",
                        STR_ARG(ref->step));
    case REF_NO_RESULT:
        return ctx_fail(c, step, ERR_NO_RESULT, "step `%.*s` gave no row", STR_ARG(ref->step));
    case REF_NO_COLUMN:
        e = ctx_fail(c, step->next, ERR_UNKNOWN_COLUMN, "step `%.*s` gave no column `%.*s`",
                     STR_ARG(ref->step), STR_ARG(ref->column));
        fail_hint(c->f, "a write gives the keys that were generated, or its `returning`");
        return e;
    }
    if (ref->type.kind == TYPE_OPAQUE) {
        return ctx_fail(c, j, ERR_TYPE_MISMATCH,
                        "type %.*s of the database can be read but not written or compared",
                        STR_ARG(ref->type.name));
    }
    return ERR_OK;
}

enum err parse_ref(struct context *c, const struct json *j, struct expr **out)
{
    const struct compile_refs *refs = c->in->refs;
    enum err e = check_names(c, j);
    if (e != ERR_OK) {
        return e;
    }
    uint32_t i = find_ref(refs, j);
    if (i == refs->count) {
        return ctx_fail(c, j, ERR_QUERY_TOO_LARGE, "a step has at most %u different refs",
                        refs->count);
    }
    e = check_state(c, j, &refs->list[i]);
    struct expr *x = e == ERR_OK ? expr_new(c, EXPR_PARAM, j) : NULL;
    if (x == NULL) {
        return e != ERR_OK ? e : ctx_full(c);
    }
    x->param.ref = i + 1;
    x->param.value = refs->list[i].value;
    x->type = refs->list[i].type;
    *out = x;
    return ERR_OK;
}

void shape_put_refs(struct walk *w, const struct compile_refs *refs)
{
    for (uint32_t i = 0; refs != NULL && i < refs->count; i++) {
        const struct compile_ref *ref = &refs->list[i];
        const struct type *t = &ref->type;
        buf_char(w->key, 'r');
        buf_char(w->key, (char)ref->state);
        if (ref->state != REF_VALUE) {
            continue;
        }
        buf_char(w->key, (char)json_form_of(ref->value));
        buf_char(w->key, (char)t->kind);
        buf_char(w->key, (char)t->element);
        shape_put_count(w, (uint32_t)t->length);
        shape_put_count(w, (uint16_t)t->precision);
        shape_put_count(w, (uint16_t)t->scale);
        shape_put_count(w, t->native);
        shape_put_text(w, 'n', t->name);
    }
}
