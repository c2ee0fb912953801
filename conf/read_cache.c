/* SPDX-License-Identifier: MIT
 *
 * conf/read_cache.c: the regions and rules of the result cache.
 */
#include "conf/read.h"
#include "conf/url.h"

/* The number of a database, or none: 0. */
static bool is_db_number(struct str s)
{
    int64_t n;
    return s.len == 0 || (str_to_i64(s, &n) && n >= 0 && n < 1000000);
}

static enum err parse_redis(struct reading *r, const struct yaml *y, struct conf_url *out,
                            struct fail *f)
{
    struct secrets s = {&r->conf->arena, read_folder(y->at.file)};
    if (str_starts(y->text, STR("rediss:"))) {
        return fail_set(f, ERR_UNSUPPORTED_FEATURE,
                        "TLS to Redis is not part of this version: let a tunnel do it");
    }
    if (!str_starts(y->text, STR("redis:")) && !str_starts(y->text, STR("${"))) {
        return fail_set(f, ERR_BAD_VALUE,
                        "scheme: it must be redis, as in redis://host:6379/0");
    }
    enum err e = url_parse(&s, y->text, out, f);
    if (e != ERR_OK) {
        return e;
    }
    if (out->scheme != SCHEME_REDIS) {
        return fail_set(f, ERR_BAD_VALUE, "scheme: it must be redis");
    }
    if (out->host.len == 0) {
        return fail_set(f, ERR_BAD_VALUE, "host: it is missing");
    }
    if (!is_db_number(out->database)) {
        return fail_set(f, ERR_BAD_VALUE, "database: it is a number such as /0");
    }
    if (out->user.len > 0 && out->password.len == 0) {
        return fail_set(f, ERR_BAD_VALUE, "password: it is missing");
    }
    return out->option_count > 0 ? fail_set(f, ERR_BAD_VALUE, "options: there are none") : e;
}

static void read_redis_url(struct reading *r, struct str where, const char *key,
                           const struct yaml *y, struct conf_url *out)
{
    struct fail f;
    fail_init(&f);
    if (parse_redis(r, y, out, &f) != ERR_OK) {
        fault_at(r->report, y->at, "`%.*s%s`: %s", STR_ARG(where), key, f.message);
    }
}

static void read_redis(struct reading *r, struct str where, const struct key *k,
                       const struct yaml *y, void *base)
{
    if (y->kind != YAML_TEXT) {
        fault_at(r->report, y->at, "`%.*s%s` must be %s", STR_ARG(where), k->path,
                 key_type_form(KEY_REDIS));
        return;
    }
    read_redis_url(r, where, k->path, y, (struct conf_url *)(void *)((char *)base + k->offset));
}

static void read_backend(struct reading *r, struct str where, const struct yaml *y,
                         struct conf_region *out)
{
    bool url = str_starts(y->text, STR("redis://")) || str_starts(y->text, STR("rediss://")) ||
               str_starts(y->text, STR("${"));
    out->backend = url ? CONF_BACKEND_REDIS : CONF_BACKEND_MEMORY;
    if (y->kind != YAML_TEXT || (!url && !str_is(y->text, "memory"))) {
        fault_at(r->report, y->at, "`%.*sbackend` must be %s", STR_ARG(where),
                 key_type_form(KEY_BACKEND));
    } else if (url) {
        read_redis_url(r, where, "backend", y, &out->url);
    }
}

static void read_region(struct reading *r, const struct yaml *y, struct conf_region *out)
{
    out->name = y->key;
    if (!read_is_name(y->key)) {
        fault_at(r->report, y->key_at,
                 "the name of a region has letters, digits, _ and -, and at most 63");
        return;
    }
    struct str where = arena_printf(&r->conf->arena, "cache.regions.%.*s.", STR_ARG(y->key));
    if (where.ptr == NULL) {
        fault_memory(r->report);
    } else if (y->kind == YAML_MAP || y->kind == YAML_NULL) {
        read_item(r, SCOPE_REGION, where, y, out);
    } else {
        fault_at(r->report, y->at, "`cache.regions.%.*s` must be a map such as {ttl: 60s}",
                 STR_ARG(y->key));
    }
}

static void read_regions(struct reading *r, const struct yaml *y)
{
    uint32_t count = read_length(y);
    struct conf_cache *c = &r->conf->cache;
    if (y->kind != YAML_MAP) {
        fault_at(r->report, y->at, "`cache.regions` must be %s, not %s",
                 key_type_form(KEY_REGIONS), yaml_kind_name(y->kind));
        return;
    }
    if (count > CONF_REGIONS_MAX) {
        fault_at(r->report, y->at, "there are at most %d regions", CONF_REGIONS_MAX);
        return;
    }
    struct conf_region *items = ARENA_ARRAY(&r->conf->arena, count + 1, struct conf_region);
    if (items == NULL) {
        fault_memory(r->report);
        return;
    }
    c->regions = items;
    c->region_count = 0;
    for (const struct yaml *m = y->first; m != NULL; m = m->next) {
        read_region(r, m, &items[c->region_count++]);
    }
}

static void read_rule(struct reading *r, const struct yaml *y, struct conf_rule *out)
{
    if (y->kind != YAML_MAP) {
        fault_at(r->report, y->at,
                 "an item of `cache.rules` is a map such as {tables: [countries]}");
        return;
    }
    read_item(r, SCOPE_RULE, STR("cache.rules."), y, out);
}

static void read_rules(struct reading *r, const struct yaml *y)
{
    uint32_t count = read_length(y);
    struct conf_cache *c = &r->conf->cache;
    if (y->kind != YAML_LIST) {
        fault_at(r->report, y->at, "`cache.rules` must be %s, not %s", key_type_form(KEY_RULES),
                 yaml_kind_name(y->kind));
        return;
    }
    if (count > CONF_RULES_MAX) {
        fault_at(r->report, y->at, "there are at most %d rules", CONF_RULES_MAX);
        return;
    }
    struct conf_rule *items = ARENA_ARRAY(&r->conf->arena, count + 1, struct conf_rule);
    if (items == NULL) {
        fault_memory(r->report);
        return;
    }
    c->rules = items;
    c->rule_count = 0;
    for (const struct yaml *m = y->first; m != NULL; m = m->next) {
        read_rule(r, m, &items[c->rule_count++]);
    }
}

void read_cache(struct reading *r, struct str where, const struct key *k, const struct yaml *y,
                void *base)
{
    if (k->type == KEY_REDIS) {
        read_redis(r, where, k, y, base);
    } else if (k->type == KEY_BACKEND) {
        read_backend(r, where, y, base);
    } else if (k->type == KEY_REGIONS) {
        read_regions(r, y);
    } else {
        read_rules(r, y);
    }
}
