/* SPDX-License-Identifier: MIT
 *
 * compiler/parse_lock.c: `for` of a select.
 *
 *   {"update" | "no_key_update" | "share" | "key_share": true, "of": [name…],
 *    "nowait" | "skip_locked": true}
 */
#include "compiler/names.h"
#include "compiler/parse.h"

#define KEYS(list) (list), sizeof(list) / sizeof((list)[0])

static const struct form_key lock_keys[] = {
    {"update", true}, {"no_key_update", true}, {"share", true},      {"key_share", true},
    {"of", true},     {"nowait", true},        {"skip_locked", true}};

static const struct {
    const char *key;
    enum lock_kind kind;
} locks[] = {{"update", LOCK_UPDATE},
             {"no_key_update", LOCK_NO_KEY_UPDATE},
             {"share", LOCK_SHARE},
             {"key_share", LOCK_KEY_SHARE}};

static enum err parse_flag(struct context *c, const struct json *j, const char *key, bool *out)
{
    const struct json *m = json_get(j, key);
    *out = m != NULL && m->kind == JSON_TRUE;
    return m == NULL || m->kind == JSON_TRUE || m->kind == JSON_FALSE
               ? ERR_OK
               : ctx_fail(c, m, ERR_BAD_QUERY, "`%s` is true or false", key);
}

static enum err parse_kind(struct context *c, const struct json *j, struct lock *out)
{
    for (size_t i = 0; i < sizeof locks / sizeof locks[0]; i++) {
        bool on;
        enum err e = parse_flag(c, j, locks[i].key, &on);
        if (e == ERR_OK && on && out->kind != LOCK_NONE) {
            e = ctx_fail(c, json_get(j, locks[i].key), ERR_BAD_QUERY,
                         "`for` has one strength, not several");
        }
        if (e != ERR_OK) {
            return e;
        }
        out->kind = on ? locks[i].kind : out->kind;
    }
    return out->kind != LOCK_NONE
               ? ERR_OK
               : ctx_fail(c, j, ERR_BAD_QUERY,
                          "`for` needs `update`, `no_key_update`, `share` or `key_share`");
}

static enum err parse_wait(struct context *c, const struct json *j, struct lock *out)
{
    bool nowait, skip = false;
    enum err e = parse_flag(c, j, "nowait", &nowait);
    e = e != ERR_OK ? e : parse_flag(c, j, "skip_locked", &skip);
    if (e == ERR_OK && nowait && skip) {
        e = ctx_fail(c, json_get(j, "skip_locked"), ERR_BAD_QUERY,
                     "`skip_locked` beside `nowait`");
    }
    out->wait = nowait ? LOCK_NOWAIT : skip ? LOCK_SKIPS : LOCK_WAITS;
    return e;
}

enum err parse_lock(struct context *c, const struct json *j, struct lock *out)
{
    if (j->kind != JSON_OBJECT) {
        return ctx_fail(c, j, ERR_BAD_QUERY, "`for` takes {\"update\": true}, not %s",
                        json_kind_name(j));
    }
    enum err e = check_keys(c, j, KEYS(lock_keys), "`for`");
    e = e != ERR_OK ? e : parse_kind(c, j, out);
    e = e != ERR_OK ? e : parse_wait(c, j, out);
    const struct json *of = json_get(j, "of");
    if (e == ERR_OK && of != NULL && (of->kind != JSON_ARRAY || of->len == 0)) {
        e = ctx_fail(c, of, of->kind == JSON_ARRAY ? ERR_EMPTY_LIST : ERR_BAD_QUERY,
                     "`of` takes a list of names");
    }
    out->src = j;
    out->of = of;
    return e;
}
