/* SPDX-License-Identifier: MIT
 *
 * protocol/batch.c: see protocol/batch.h.
 */
#include "protocol/batch.h"

#include "protocol/message_keys.h"

#include <stdio.h>
#include <string.h>

struct conditions {
    struct batch_step *steps;
    uint32_t before; /* those that may be spoken of */
    struct fail *fail;
};

void batch_point(struct fail *f, uint32_t at)
{
    char path[sizeof f->path];
    int n = snprintf(path, sizeof path, "/steps/%u", at);
    size_t rest = strlen(f->path);
    size_t room = sizeof path - (size_t)n - 1;
    rest = rest < room ? rest : room;
    memcpy(path + n, f->path, rest);
    path[(size_t)n + rest] = '\0';
    memcpy(f->path, path, sizeof path);
}

/* ---- conditions ---- */

static struct batch_step *find_step(const struct conditions *c, const struct json *name)
{
    for (uint32_t i = 0; name->kind == JSON_STRING && i < c->before; i++) {
        if (c->steps[i].name.len > 0 && str_eq(c->steps[i].name, json_text(name))) {
            return &c->steps[i];
        }
    }
    return NULL;
}

static enum err bad_condition(struct conditions *c, const char *why)
{
    return fail_at(c->fail, ERR_BAD_REQUEST, STR("/if"), "%s", why);
}

static enum err check_condition(struct conditions *c, const struct json *j)
{
    const struct json *word = j->kind == JSON_ARRAY ? j->first : NULL;
    if (word == NULL || word->next == NULL) {
        return bad_condition(c, "a condition is one of [\"ok\",step], [\"empty\",step], "
                                "[\"not\",C], [\"and\",C…], [\"or\",C…]");
    }
    if (json_is(word, "ok") || json_is(word, "empty")) {
        bool found = j->len == 2 && find_step(c, word->next) != NULL;
        return found ? ERR_OK : bad_condition(c, "there is no step of this name before it");
    }
    bool negates = json_is(word, "not") && j->len == 2;
    if (!negates && !json_is(word, "and") && !json_is(word, "or")) {
        return bad_condition(c, "a condition begins with ok, empty, not, and, or");
    }
    enum err e = ERR_OK;
    for (const struct json *x = word->next; x != NULL && e == ERR_OK; x = x->next) {
        e = check_condition(c, x);
    }
    return e;
}

static bool holds(const struct conditions *c, const struct json *j)
{
    const struct json *word = j->first;
    if (json_is(word, "ok") || json_is(word, "empty")) {
        const struct batch_step *s = find_step(c, word->next);
        enum step_outcome o = s == NULL ? OUTCOME_SKIPPED : s->outcome; /* it was checked */
        return o == OUTCOME_EMPTY || (o == OUTCOME_ROWS && json_is(word, "ok"));
    }
    if (json_is(word, "not")) {
        return !holds(c, word->next);
    }
    bool all = json_is(word, "and");
    for (const struct json *x = word->next; x != NULL; x = x->next) {
        if (holds(c, x) != all) {
            return !all;
        }
    }
    return all;
}

bool batch_is_due(struct batch_step *steps, uint32_t at)
{
    struct conditions c = {.steps = steps, .before = at};
    return steps[at].condition == NULL || holds(&c, steps[at].condition);
}

/* ---- refs ---- */

struct refs_walk {
    struct conditions c;
    struct batch_step *step;
    struct arena *arena;
};

static bool is_ref(const struct json *j)
{
    return j->kind == JSON_ARRAY && j->len == 3 && json_is(j->first, "ref") &&
           j->first->next->kind == JSON_STRING && j->first->next->next->kind == JSON_STRING;
}

static bool is_noted(const struct batch_step *s, const struct batch_ref *ref)
{
    for (uint32_t i = 0; i < s->ref_count; i++) {
        if (str_eq(s->refs[i].step, ref->step) && str_eq(s->refs[i].column, ref->column)) {
            return true;
        }
    }
    return false;
}

static enum err note_ref(struct refs_walk *w, const struct json *j)
{
    struct batch_step *s = w->step, *of = find_step(&w->c, j->first->next);
    struct batch_ref ref = {.step = json_text(j->first->next),
                            .column = json_text(j->first->next->next),
                            .of = of == NULL ? UINT32_MAX : (uint32_t)(of - w->c.steps),
                            .at = j};
    if (s->ref_count == BATCH_REFS || is_noted(s, &ref)) {
        return ERR_OK;
    }
    if (s->refs == NULL) {
        s->refs = ARENA_ARRAY(w->arena, BATCH_REFS, struct batch_ref);
    }
    if (s->refs == NULL) {
        return fail_set(w->c.fail, ERR_REQUEST_TOO_LARGE, "%s", err_doc(ERR_REQUEST_TOO_LARGE));
    }
    if (of != NULL) {
        of->is_referred = true;
    }
    s->refs[s->ref_count++] = ref;
    return ERR_OK;
}

/* As deep as the request is. */
static enum err find_refs(struct refs_walk *w, const struct json *j)
{
    enum err e = ERR_OK;
    if (is_ref(j)) {
        return note_ref(w, j);
    }
    if (j->kind != JSON_ARRAY && j->kind != JSON_OBJECT) {
        return ERR_OK;
    }
    for (const struct json *m = j->first; m != NULL && e == ERR_OK; m = m->next) {
        e = find_refs(w, m);
    }
    return e;
}

/* Rows of data are no code. */
static enum err read_refs(struct refs_walk *w)
{
    const struct json *query = w->step->m.query;
    enum err e = ERR_OK;
    for (const struct json *m = query == NULL ? NULL : query->first; m != NULL && e == ERR_OK;
         m = m->next) {
        bool data = str_is(json_key(m), "rows") || str_is(json_key(m), "data");
        e = data ? ERR_OK : find_refs(w, m);
    }
    return e;
}

/* ---- reading ---- */

static enum err check_step(struct batch_step *steps, uint32_t at, struct fail *f)
{
    struct batch_step *s = &steps[at];
    struct conditions c = {.steps = steps, .before = at, .fail = f};
    for (uint32_t i = 0; i < at && s->name.len > 0; i++) {
        if (str_eq(steps[i].name, s->name)) {
            return fail_at(f, ERR_DUPLICATE_NAME, STR("/as"), "two steps have this name");
        }
    }
    if (s->m.query == NULL && s->m.run.len == 0) {
        return fail_at(f, ERR_BAD_REQUEST, STR("/query"), "there is no query");
    }
    if (s->m.query != NULL && s->m.run.len > 0) {
        return fail_at(f, ERR_BAD_REQUEST, STR("/run"), "give query or run, not both");
    }
    return s->condition == NULL ? ERR_OK : check_condition(&c, s->condition);
}

static enum err read_step(const struct json *j, struct str source, struct batch_step *steps,
                          uint32_t at, struct fail *f)
{
    struct batch_step *s = &steps[at];
    struct read r = {.source = source, .m = &s->m, .step = s, .fail = f};
    enum err e = ERR_OK;
    s->m = (struct message){.op = OP_QUERY, .as = ROWS_ARRAYS, .credit = UINT32_MAX};
    if (j->kind != JSON_OBJECT) {
        return fail_set(f, ERR_BAD_REQUEST, "a step is an object");
    }
    for (const struct json *x = j->first; x != NULL && e == ERR_OK; x = x->next) {
        e = message_read_member(&r, x);
    }
    return e != ERR_OK ? e : check_step(steps, at, f);
}

enum err batch_read(const struct json *steps, struct str source, uint32_t most, struct arena *a,
                    struct batch_step **out, struct fail *f)
{
    uint32_t at = 0;
    if (steps->len > most) {
        return fail_at(f, ERR_REQUEST_TOO_LARGE, STR("/steps"), "a batch has at most %u steps",
                       most);
    }
    *out = ARENA_ARRAY(a, steps->len, struct batch_step);
    if (*out == NULL) {
        return fail_set(f, ERR_REQUEST_TOO_LARGE, "%s", err_doc(ERR_REQUEST_TOO_LARGE));
    }
    for (const struct json *j = steps->first; j != NULL; j = j->next, at++) {
        enum err e = read_step(j, source, *out, at, f);
        struct refs_walk w = {{*out, at, f}, &(*out)[at], a};
        e = e != ERR_OK ? e : read_refs(&w);
        if (e != ERR_OK) {
            batch_point(f, at);
            return e;
        }
    }
    return ERR_OK;
}
