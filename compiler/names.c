/* SPDX-License-Identifier: MIT
 *
 * compiler/names.c: see compiler/names.h.
 */
#include "compiler/names.h"

#include <stdio.h>

void nearest_init(struct nearest *n, struct str wanted)
{
    /* One slip for each three letters, and at least one. */
    unsigned slips = (unsigned)(wanted.len / 3);
    *n = (struct nearest){.wanted = wanted,
                          .distance = (slips < 1   ? 1
                                       : slips > 3 ? 3
                                                   : slips) +
                                      1};
}

void nearest_try(struct nearest *n, struct str candidate)
{
    unsigned d = str_distance(n->wanted, candidate, n->distance);
    if (d < n->distance) {
        n->distance = d;
        n->best = candidate;
    }
}

void nearest_hint(const struct nearest *n, struct fail *f)
{
    if (n->best.len > 0) {
        fail_hint(f, "did you mean `%.*s`?", STR_ARG(n->best));
    }
}

void hint_form(struct context *c, const struct json *object, const char *const *keys,
               size_t count)
{
    struct nearest n = {.distance = 0};
    const struct json *m = object->kind == JSON_OBJECT ? object->first : NULL;
    for (; m != NULL && n.best.len == 0; m = m->next) {
        nearest_init(&n, json_key(m));
        for (size_t i = 0; i < count; i++) {
            nearest_try(&n, str_of(keys[i]));
        }
    }
    nearest_hint(&n, c->f);
}

enum err not_built(struct context *c, const struct json *at, const char *what)
{
    return ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE,
                    "%s is part of the language but not built yet on any database", what);
}

enum err not_computed(struct context *c, const struct json *at, const char *what,
                      const char *hint)
{
    enum err e = ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE,
                          "%s is a literal or a param, on every database", what);
    fail_hint(c->f, "%s", hint);
    return e;
}

static enum err unknown_key(struct context *c, const struct json *m,
                            const struct form_key *keys, size_t count, const char *form)
{
    struct str key = json_key(m);
    struct nearest n;
    nearest_init(&n, key);
    for (size_t i = 0; i < count; i++) {
        nearest_try(&n, str_of(keys[i].name));
    }
    enum err e = ctx_fail(c, m, ERR_UNKNOWN_KEY, "%s has no key `%.*s`", form, STR_ARG(key));
    nearest_hint(&n, c->f);
    return e;
}

enum err check_keys(struct context *c, const struct json *object, const struct form_key *keys,
                    size_t count, const char *form)
{
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        size_t i = 0;
        while (i < count && !str_is(json_key(m), keys[i].name)) {
            i++;
        }
        if (i == count) {
            return unknown_key(c, m, keys, count, form);
        }
        if (!keys[i].built) {
            char what[96];
            int n = snprintf(what, sizeof what, "`%s` in %s", keys[i].name, form);
            (void)n; /* our own words, they fit */
            return not_built(c, m, what);
        }
    }
    return ERR_OK;
}
