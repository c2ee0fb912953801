/* SPDX-License-Identifier: MIT
 *
 * conf/check_cache.c: what regions and rules of the result cache must be to each
 * other, and which region is meant by those who name none.
 */
#include "conf/read.h"

static const struct conf_region *region_of(const struct conf_cache *c, struct str name)
{
    for (uint32_t i = 0; i < c->region_count; i++) {
        if (str_eq(c->regions[i].name, name)) {
            return &c->regions[i];
        }
    }
    return NULL;
}

static const struct conf_region *nearest_region(const struct conf_cache *c, struct str name)
{
    for (uint32_t i = 0; i < c->region_count; i++) {
        if (str_distance(c->regions[i].name, name, 2) <= 2) {
            return &c->regions[i];
        }
    }
    return NULL;
}

static void check_region(struct reading *r, const struct yaml *regions, struct conf_region *g)
{
    struct str name = g->name;
    const struct yaml *given = yaml_get(yaml_get(regions, name.ptr), "max_entry");
    if (g->soft_ttl_ms >= g->ttl_ms) {
        fault_at(r->report, check_place(r, regions, name.ptr, "soft_ttl"),
                 "`cache.regions.%.*s.soft_ttl` must be less than its ttl", STR_ARG(name));
    }
    if (given == NULL && g->max_entry_bytes > g->max_bytes / 2) {
        g->max_entry_bytes = g->max_bytes / 2;
    }
    if (g->max_entry_bytes > g->max_bytes / 2) {
        fault_at(r->report, check_place(r, regions, name.ptr, "max_entry"),
                 "`cache.regions.%.*s.max_entry` must be at most half of max_bytes",
                 STR_ARG(name));
    }
}

static void check_rule_region(struct reading *r, const struct yaml *y,
                              const struct conf_rule *rule)
{
    const struct conf_cache *c = &r->conf->cache;
    const struct yaml *at = yaml_get(y, "region");
    if (rule->region.len == 0) {
        if (c->by_default == NULL) {
            fault_at(
                r->report, y->at,
                "there is no region called default: say which one is meant, with `region`");
        }
        return;
    }
    if (region_of(c, rule->region) == NULL) {
        const struct conf_region *near = nearest_region(c, rule->region);
        fault_at(r->report, at != NULL ? at->at : y->at,
                 "`cache.rules.region` names no region%s%.*s%s",
                 near != NULL ? "; did you mean `" : "", near != NULL ? (int)near->name.len : 0,
                 near != NULL ? near->name.ptr : "", near != NULL ? "`?" : "");
    }
}

static void check_rule_databases(struct reading *r, const struct yaml *y,
                                 const struct conf_rule *rule)
{
    for (uint32_t i = 0; i < rule->database_count; i++) {
        struct str name = rule->databases[i];
        if (check_database_of(r->conf, name) == NULL) {
            const struct conf_database *near = check_nearest_database(r->conf, name);
            const struct yaml *at = yaml_get(y, "databases");
            fault_at(r->report, at != NULL ? at->at : y->at,
                     "`cache.rules.databases`: there is no database %.*s%s%.*s%s",
                     STR_ARG(name), near != NULL ? "; did you mean `" : "",
                     near != NULL ? (int)near->name.len : 0, near != NULL ? near->name.ptr : "",
                     near != NULL ? "`?" : "");
        }
    }
}

static void check_rule(struct reading *r, const struct yaml *y, const struct conf_rule *rule)
{
    if (rule->table_count == 0 && rule->run_count == 0) {
        fault_at(r->report, y->at,
                 "a rule says what it is for: `tables` (\"*\" for any) or `runs`, or both");
    }
    check_rule_region(r, y, rule);
    check_rule_databases(r, y, rule);
}

bool conf_same_server(const struct conf_url *a, const struct conf_url *b)
{
    return str_eq(a->host, b->host) && a->port == b->port && str_eq(a->database, b->database) &&
           str_eq(a->user, b->user) && str_eq(a->password, b->password);
}

/* Regions in Redis are shared, so there must be a place to share by. */
static void check_share(struct reading *r, const struct yaml *cache)
{
    struct conf_cache *c = &r->conf->cache;
    const struct yaml *regions = yaml_get(cache, "regions");
    if (!read_is_name(c->group)) {
        const struct yaml *group = yaml_get(cache, "group");
        fault_at(r->report, group != NULL ? group->at : cache->at,
                 "`cache.group` has letters, digits, _ and -, and at most 63");
    }
    bool given = c->share.host.len > 0;
    for (uint32_t i = 0; i < c->region_count && !given; i++) {
        const struct conf_region *g = &c->regions[i];
        if (g->backend == CONF_BACKEND_REDIS && c->share.host.len == 0) {
            c->share = g->url;
        } else if (g->backend == CONF_BACKEND_REDIS && !conf_same_server(&g->url, &c->share)) {
            fault_at(r->report, check_place(r, regions, g->name.ptr, "backend"),
                     "the regions are at several Redis servers: say by which of them daemons "
                     "share what they wrote, with `cache.share`");
        }
    }
}

/* A write of a daemon that fell silent may take effect for as long as it may run. */
static void check_forget(struct reading *r, const struct yaml *root)
{
    const struct conf_cache *c = &r->conf->cache;
    if (c->share.host.len == 0) {
        return;
    }
    for (uint32_t i = 0; i < r->conf->database_count; i++) {
        const struct conf_database *d = &r->conf->databases[i];
        uint64_t longest = d->pool.statement_timeout_ms;
        if (longest == 0 || longest >= c->forget_ms) {
            fault_at(
                r->report, check_place(r, root, "cache", "forget"),
                "`cache.forget` must be more than `databases.%.*s.pool.statement_timeout`%s",
                STR_ARG(d->name), longest == 0 ? ", which is off" : "");
        }
    }
}

void check_cache(struct reading *r, const struct yaml *root)
{
    struct conf_cache *c = &r->conf->cache;
    const struct yaml *cache = yaml_get(root, "cache");
    const struct yaml *regions = yaml_get(cache, "regions");
    const struct yaml *rules = yaml_get(cache, "rules");
    c->by_default = c->region_count == 1 ? &c->regions[0] : region_of(c, STR("default"));
    /* Nobody else has seen the conf yet: still ours to complete. */
    struct conf_region *all = (struct conf_region *)(uintptr_t)c->regions;
    for (uint32_t i = 0; i < c->region_count; i++) {
        check_region(r, regions, &all[i]);
    }
    check_share(r, cache);
    check_forget(r, root);
    const struct yaml *y = rules == NULL ? NULL : rules->first;
    for (uint32_t i = 0; i < c->rule_count && y != NULL; i++, y = y->next) {
        check_rule(r, y, &c->rules[i]);
    }
}
