/* SPDX-License-Identifier: MIT
 *
 * daemon/cache_terms.c: whether a read is cached, where, and for how long: by what its
 * request says, else by the first rule of the conf that fits.
 */
#include "daemon/caching.h"
#include "daemon/request.h"

#define NS_PER_MS UINT64_C(1000000)

static const struct conf_cache *conf_of(const struct req *r)
{
    return &settings_conf(r->worker->settings)->cache;
}

static bool has_name(const struct str *names, uint32_t count, struct str name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (str_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

/* "t" as a query that names no schema means it, or "schema.t". */
static bool names_table(struct str text, const struct table *t)
{
    if (str_is(text, "*") || (t->in_path && str_eq(text, t->name))) {
        return true;
    }
    return text.len == t->schema.len + 1 + t->name.len && str_starts(text, t->schema) &&
           text.ptr[t->schema.len] == '.' &&
           str_eq((struct str){text.ptr + t->schema.len + 1, t->name.len}, t->name);
}

static bool has_table(const struct conf_rule *rule, const struct table *t)
{
    for (uint32_t i = 0; i < rule->table_count; i++) {
        if (names_table(rule->tables[i], t)) {
            return true;
        }
    }
    return false;
}

static bool has_tables(const struct conf_rule *rule, const struct plan *p)
{
    for (uint32_t i = 0; i < p->table_count; i++) {
        if (!has_table(rule, p->tables[i].table)) {
            return false;
        }
    }
    return p->table_count > 0;
}

static bool is_by_key(const struct req *r)
{
    struct touch_reads reads;
    return touch_reads(r, &reads) && reads.by_key;
}

static bool fits(const struct conf_rule *rule, const struct req *r)
{
    if (rule->database_count > 0 &&
        !has_name(rule->databases, rule->database_count, r->backend->db->conf->name)) {
        return false;
    }
    if (rule->run_count > 0 && !has_name(rule->runs, rule->run_count, r->msg.run)) {
        return false;
    }
    return (rule->table_count == 0 || has_tables(rule, r->bound.plan)) &&
           (rule->shape == CONF_SHAPE_ANY || is_by_key(r));
}

static const struct conf_rule *find_rule(const struct req *r)
{
    const struct conf_cache *c = conf_of(r);
    for (uint32_t i = 0; i < c->rule_count && r->bound.plan->kind == PLAN_READ; i++) {
        if (fits(&c->rules[i], r)) {
            return &c->rules[i];
        }
    }
    return NULL;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A rule also holds for who asks without naming a region. */
bool cache_find_terms(const struct req *r, struct cache_terms *out)
{
    const struct cache_ask *ask = &r->msg.cache;
    const struct conf_rule *rule = ask->region.len > 0 ? NULL : find_rule(r);
    if (ask->mode == CACHE_BYPASS || (ask->mode == CACHE_DEFAULT && rule == NULL)) {
        return false;
    }
    const struct settings *s = r->worker->settings;
    int n = region_number(s, rule == NULL ? ask->region : rule->region);
    if (n < 0) {
        return false;
    }
    const struct conf_region *g = &conf_of(r)->regions[n];
    uint64_t keep_ms =
        rule != NULL && rule->ttl_ms > 0 ? least(g->ttl_ms, rule->ttl_ms) : g->ttl_ms;
    uint64_t ttl_ms = ask->has_ttl ? least(keep_ms, ask->ttl_ms) : keep_ms;
    *out = (struct cache_terms){
        .region = s->regions[n],
        .ttl_ns = ttl_ms * NS_PER_MS,
        .keep_ns = keep_ms * NS_PER_MS,
        .soft_ns = g->soft_ttl_ms < keep_ms ? g->soft_ttl_ms * NS_PER_MS : 0,
        .negative_ns = g->negative ? least(g->negative_ttl_ms, keep_ms) * NS_PER_MS : 0,
        .lease_ns = g->lease_ms * NS_PER_MS,
        .rule_ttl_ms = rule != NULL ? rule->ttl_ms : 0,
    };
    return true;
}

enum err cache_check_region(struct req *r)
{
    struct str name = r->msg.cache.region;
    const struct conf_cache *c = conf_of(r);
    if (name.len == 0 || region_number(r->worker->settings, name) >= 0) {
        return ERR_OK;
    }
    const char *path = r->msg.op == OP_INVALIDATE ? "/region" : "/cache/region";
    fail_at(&r->fail, ERR_BAD_REQUEST, str_of(path), "the cache has no region %.*s",
            (int)utf8_cut(name, 80), name.ptr);
    for (uint32_t i = 0; i < c->region_count; i++) {
        if (str_distance(name, c->regions[i].name, 2) <= 2) {
            fail_hint(&r->fail, "did you mean \"%.*s\"?", STR_ARG(c->regions[i].name));
        }
    }
    if (c->region_count > 0) {
        fail_hint(&r->fail, "there is \"%.*s\"", STR_ARG(c->regions[0].name));
    }
    return ERR_BAD_REQUEST;
}
