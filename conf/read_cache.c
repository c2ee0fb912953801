/* SPDX-License-Identifier: MIT
 *
 * conf/read_cache.c: the regions and rules of the result cache.
 */
#include "conf/read.h"
#include "conf/url.h"

static void read_redis(struct reading *r, struct str where, const struct yaml *y,
                       struct conf_region *out)
{
    struct secrets s = {&r->conf->arena, read_folder(y->at.file)};
    struct fail f;
    fail_init(&f);
    enum err e = url_parse(&s, y->text, &out->url, &f);
    if (e == ERR_OK && out->url.scheme != SCHEME_REDIS) {
        e = fail_set(&f, ERR_BAD_VALUE, "scheme: it must be redis");
    }
    if (e == ERR_OK && out->url.host.len == 0) {
        e = fail_set(&f, ERR_BAD_VALUE, "host: it is missing");
    }
    if (e != ERR_OK) {
        fault_at(r->report, y->at, "`%.*sbackend`: %s", STR_ARG(where), f.message);
    }
}

void read_backend(struct reading *r, struct str where, const struct yaml *y,
                  struct conf_region *out)
{
    bool url = str_starts(y->text, STR("redis://")) || str_starts(y->text, STR("${"));
    out->backend = url ? CONF_BACKEND_REDIS : CONF_BACKEND_MEMORY;
    if (y->kind != YAML_TEXT || (!url && !str_is(y->text, "memory"))) {
        fault_at(r->report, y->at, "`%.*sbackend` must be %s", STR_ARG(where),
                 key_type_form(KEY_BACKEND));
    } else if (url) {
        read_redis(r, where, y, out);
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

void read_regions(struct reading *r, const struct yaml *y)
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

void read_rules(struct reading *r, const struct yaml *y)
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
