/* SPDX-License-Identifier: MIT
 *
 * compiler/compiler.c: shape → cache, or parse → resolve → emit → plan → cache;
 * then bind.
 */
#include "compiler/compiler.h"

#include "compiler/bind.h"
#include "compiler/build.h"
#include "compiler/cache.h"
#include "compiler/context.h"
#include "compiler/notes.h"
#include "compiler/param_sets.h"
#include "compiler/parse.h"
#include "compiler/resolve.h"
#include "compiler/seen.h"
#include "compiler/text.h"

#include <stdlib.h>

/* A key that grew beyond this is given back. */
#define KEY_KEEP_BYTES 65536

struct compiler {
    struct plan_cache cache;
    struct seen_cache seen;
    struct buf key; /* of the request in hand */
    _Atomic uint64_t *next_statement;
    uint64_t hits, misses;
};

struct compiler *compiler_create(const struct compiler_opts *opts)
{
    struct compiler *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    plan_cache_init(&c->cache, opts->cache_bytes, opts->seed);
    seen_init(&c->seen, opts->cache_bytes / 4, opts->seed);
    buf_init(&c->key);
    c->next_statement = opts->next_statement;
    return c;
}

void compiler_destroy(struct compiler *c)
{
    if (c == NULL) {
        return;
    }
    plan_cache_fini(&c->cache);
    seen_fini(&c->seen);
    buf_fini(&c->key);
    free(c);
}

struct compiler_counts compiler_counts(const struct compiler *c)
{
    return (struct compiler_counts){.hits = c->hits,
                                    .misses = c->misses,
                                    .evicted = c->cache.evicted,
                                    .plans = c->cache.count,
                                    .seen = c->seen.hits,
                                    .bytes = c->cache.bytes + c->seen.bytes};
}

void compiler_forget(struct compiler *c, uint64_t catalog_version)
{
    plan_cache_forget(&c->cache, catalog_version);
}

const struct dialect_words *dialect_words(const struct dialect *d)
{
    return &d->words;
}

/* ---- compiling ---- */

static enum err check_used(struct context *c)
{
    uint32_t i = 0;
    const struct json *m = c->in->params == NULL ? NULL : c->in->params->first;
    for (; m != NULL; m = m->next, i++) {
        if ((c->params_used[i / 64] >> (i % 64) & 1) == 0 && m != c->shape->data_param) {
            struct str name = json_key(m);
            return ctx_fail(c, m, ERR_UNUSED_PARAM, "the statement never uses param `%.*s`",
                            STR_ARG(name));
        }
    }
    if (c->shape->claims != c->shape->claimable) {
        return ctx_fail(c, NULL, ERR_INTERNAL, "a literal of the statement was not read");
    }
    return ERR_OK;
}

/* Writes in `with` are done once, whatever the statement around them does. */
static enum err check_mixed(struct context *c, const struct parsed *p)
{
    c->volatility = VOLATILITY_VOLATILE;
    if (p->write == NULL || p->write->kind != PLAN_INSERT || c->shape->rows == NULL) {
        return ERR_OK;
    }
    enum err e = ctx_fail(c, c->shape->rows, ERR_UNSUPPORTED_FEATURE,
                          "rows of data cannot stand beside a write in `with`");
    fail_hint(c->f, "say them by `values`");
    return e;
}

static enum err parse_and_resolve(struct context *c, struct parsed *p)
{
    enum err e = parse_statement(c, p);
    e = e != ERR_OK ? e : check_used(c);
    if (e == ERR_OK && (p->write != NULL || c->mixed) && c->in->expect != QUERY_ALL &&
        c->in->expect != QUERY_ONE && c->in->expect != QUERY_FIRST) {
        e = ctx_fail(c, c->in->query, ERR_BAD_REQUEST, "a write cannot be counted by `expect`");
    }
    e = e == ERR_OK && c->mixed ? check_mixed(c, p) : e;
    if (e != ERR_OK) {
        return e;
    }
    return p->query != NULL ? resolve_query(c, p->query) : resolve_write(c, p->write);
}

static enum err emit_step(struct context *c, const struct parsed *p, uint32_t set,
                          const struct part *part, struct plan *plan)
{
    struct emitter em;
    struct buf many;
    emit_init(&em, c);
    buf_init(&many);
    enum err e = p->query != NULL ? emit_read(&em, p->query)
                                  : emit_write(&em, p->write, set, part->what, &many);
    if (e == ERR_OK && many.failed) {
        e = ctx_fail(c, NULL, ERR_OUT_OF_MEMORY, "no memory for a plan");
    }
    if (e == ERR_OK && p->query != NULL) {
        build_limit(plan, p->query, &em);
    }
    e = e != ERR_OK ? e : build_step(c, plan, &em, buf_str(&many), p->write, part);
    buf_fini(&many);
    emit_fini(&em);
    return e;
}

/* Each set of keys of an insert's rows has steps of its own. */
static uint32_t count_sets(const struct parsed *p)
{
    bool sets = p->write != NULL && p->write->kind == PLAN_INSERT &&
                p->write->value_rows == 0 && p->write->query == NULL;
    return sets ? p->write->set_count : 1;
}

static void describe(struct plan *plan, const struct write *w, uint32_t set_steps)
{
    bool keys = w != NULL && w->wants_keys;
    plan->set_steps = set_steps;
    plan->role = keys ? STEP_KEYS : plan->column_count > 0 ? STEP_ROWS : STEP_COUNT;
    plan->many_rows = w != NULL && (w->value_rows > 1 || w->query != NULL);
}

static bool is_text(const struct json *query)
{
    return query->kind == JSON_OBJECT && json_get(query, "text") != NULL &&
           !is_query_form(query) && json_get(query, "insert") == NULL &&
           json_get(query, "update") == NULL && json_get(query, "delete") == NULL;
}

static enum err fill_text_plan(struct context *c, struct emitter *em, struct plan **out)
{
    struct text_statement *t;
    enum err e = text_compile(em, &t);
    e = e != ERR_OK ? e : check_used(c);
    if (e != ERR_OK) {
        return e;
    }
    c->volatility = VOLATILITY_VOLATILE;
    *out = build_start(c, PLAN_TEXT, 1);
    if (*out == NULL) {
        return ctx_fail(c, NULL, ERR_OUT_OF_MEMORY, "no memory for a plan");
    }
    e = build_text(c, *out, t);
    (*out)->set_steps = 1;
    (*out)->role = STEP_TOLD;
    e = e != ERR_OK ? e : build_step(c, *out, em, STR(""), NULL, NULL);
    return e != ERR_OK ? e : build_touch(c, *out, NULL, NULL);
}

/* Raw SQL: nothing is resolved, the database says what it returns. */
static enum err make_text_plan(struct compiler *comp, struct context *c, struct plan **out)
{
    struct emitter em;
    struct plan *plan = NULL;
    emit_init(&em, c);
    enum err e = fill_text_plan(c, &em, &plan);
    emit_fini(&em);
    if (e != ERR_OK) {
        plan_unref(plan);
        return e;
    }
    build_finish(plan, comp->next_statement);
    *out = plan;
    return ERR_OK;
}

static enum plan_kind kind_of(const struct context *c, const struct parsed *p)
{
    return p->write != NULL ? p->write->kind : c->mixed ? PLAN_MIXED : PLAN_READ;
}

static enum err make_plan(struct compiler *comp, struct context *c, struct plan **out)
{
    if (is_text(c->in->query)) {
        return make_text_plan(comp, c, out);
    }
    struct parsed p;
    enum err e = parse_and_resolve(c, &p);
    if (e != ERR_OK) {
        return e;
    }
    struct parts parts = write_parts(p.write);
    uint32_t steps = count_sets(&p) * parts.count;
    struct plan *plan = build_start(c, kind_of(c, &p), steps);
    if (plan == NULL) {
        return ctx_fail(c, NULL, ERR_OUT_OF_MEMORY, "no memory for a plan");
    }
    plan->notes = notes_of(c->d, p.query, p.write);
    e = build_columns(c, plan, p.query != NULL ? p.query : &p.write->scope);
    describe(plan, p.write, parts.count);
    for (uint32_t i = 0; i < steps && e == ERR_OK; i++) {
        e = emit_step(c, &p, i / parts.count, &parts.list[i % parts.count], plan);
    }
    if (e == ERR_OK) {
        build_share(c, plan, p.query, p.write);
        e = build_touch(c, plan, p.query, p.write);
    }
    if (e == ERR_OK && p.query != NULL) {
        e = build_fusions(c, plan, p.query, comp->next_statement);
    }
    if (e != ERR_OK) {
        plan_unref(plan);
        return e;
    }
    build_finish(plan, comp->next_statement);
    *out = plan;
    return ERR_OK;
}

static enum err check_request(const struct compile_request *in, struct fail *f)
{
    if (in->params != NULL && in->params->kind != JSON_OBJECT) {
        return fail_at(f, ERR_BAD_REQUEST, STR("/params"), "params must be an object, not %s",
                       json_kind_name(in->params));
    }
    if (in->params != NULL && in->max_params > 0 && in->params->len > in->max_params) {
        return fail_at(f, ERR_TOO_MANY_PARAMS, STR("/params"), "more than %u params",
                       in->max_params);
    }
    return ERR_OK;
}

static enum err plan_request(struct compiler *comp, struct context *c, struct bound *out)
{
    const struct compile_request *in = c->in;
    enum err e = check_request(in, c->f);
    e = e != ERR_OK ? e : shape_walk(in, c->a, &comp->key, c->shape, c->f);
    if (e != ERR_OK) {
        return e;
    }
    out->plan = plan_cache_get(&comp->cache, buf_str(&comp->key));
    out->hit = out->plan != NULL;
    if (out->hit && out->plan->kind == PLAN_TEXT && in->text != TEXT_ALLOWED) {
        plan_unref(out->plan);
        out->plan = NULL;
        return ctx_fail(c, in->query, ERR_FORBIDDEN, "raw SQL is off for this database");
    }
    if (out->hit) {
        comp->hits++;
        return ERR_OK;
    }
    comp->misses++;
    uint32_t params = in->params == NULL ? 0 : in->params->len;
    c->params_used = ARENA_ARRAY(c->a, params / 64 + 1, uint64_t);
    if (c->params_used == NULL) {
        return ctx_full(c);
    }
    e = make_plan(comp, c, &out->plan);
    if (e == ERR_OK) {
        plan_cache_put(&comp->cache, buf_str(&comp->key), out->plan);
    }
    return e;
}

/* ---- queries that come again ---- */

struct seen *compiler_seen(struct compiler *c, struct str query_text, unsigned max_depth)
{
    return seen_find(&c->seen, query_text, max_depth);
}

struct seen *compiler_guess(struct compiler *c, struct str rest, unsigned max_depth)
{
    return seen_guess(&c->seen, rest, max_depth);
}

size_t compiler_seen_bytes(const struct seen *s)
{
    return s->text.len;
}

const struct json *compiler_seen_tree(const struct seen *s)
{
    return s->tree;
}

void compiler_seen_done(struct seen *s)
{
    seen_unref(s);
}

/* The second time that a good query comes, its tree and its part of the key are kept
 * for the third. */
static void note_seen(struct compiler *comp, const struct compile_request *in)
{
    if (in->seen != NULL || in->query_text.len == 0 ||
        !seen_again(&comp->seen, in->query_text)) {
        return;
    }
    struct seen *s = seen_create(in->query_text);
    if (s != NULL) {
        shape_remember(in, &comp->key, s);
        seen_keep(&comp->seen, s);
    }
}

static enum err start(struct compiler *comp, struct context *c, struct bound *out)
{
    *out = (struct bound){.plan = NULL};
    enum err e = plan_request(comp, c, out);
    if (e == ERR_OK && (e = param_sets_check(c, out->plan)) != ERR_OK) {
        plan_unref(out->plan);
        out->plan = NULL;
    }
    if (e == ERR_OK) {
        note_seen(comp, c->in);
    }
    buf_shrink(&comp->key, KEY_KEEP_BYTES);
    return e;
}

enum err compiler_bind(struct compiler *c, const struct compile_request *in, struct arena *a,
                       struct bound *out, struct fail *f)
{
    /* To bind is to have params: none given is an empty object. */
    static const struct json no_params = {.kind = JSON_OBJECT};
    struct compile_request with = *in;
    struct shape s;
    if (with.params == NULL) {
        with.params = &no_params;
    }
    struct context ctx = {.in = &with, .d = in->dialect, .a = a, .f = f, .shape = &s};
    *out = (struct bound){.plan = NULL};
    enum err e = param_sets_join(&with, a, f);
    e = e != ERR_OK ? e : start(c, &ctx, out);
    e = e != ERR_OK ? e : bind_runs(&with, &s, a, out, f);
    if (e != ERR_OK) {
        plan_unref(out->plan);
        out->plan = NULL;
    }
    return e;
}

enum err compiler_plan(struct compiler *c, const struct compile_request *in, struct arena *a,
                       struct plan **out, bool *hit, struct fail *f)
{
    struct bound b = {.plan = NULL};
    struct shape s;
    struct compile_request with = *in;
    struct context ctx = {.in = &with, .d = in->dialect, .a = a, .f = f, .shape = &s};
    enum err e = param_sets_join(&with, a, f);
    e = e != ERR_OK ? e : start(c, &ctx, &b);
    *out = b.plan;
    *hit = b.hit;
    return e;
}
