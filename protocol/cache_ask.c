/* SPDX-License-Identifier: MIT
 *
 * protocol/cache_ask.c: the key `cache` of a query, and what an invalidation names.
 */
#include "protocol/message_keys.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES 256 /* of a tag, a key, a table */
#define TTL_MAX_MS UINT64_C(2592000000)

static bool is_name(const struct json *j)
{
    return j->kind == JSON_STRING && j->len > 0 && json_text(j).len <= NAME_BYTES;
}

/* A list of at most `most` names, none of them twice. */
static enum err read_names(struct read *r, const struct json *list, const char *sub,
                           uint32_t most)
{
    char why[96];
    bool good = list->kind == JSON_ARRAY && list->len > 0 && list->len <= most;
    for (const struct json *j = good ? list->first : NULL; j != NULL && good; j = j->next) {
        good = is_name(j);
        for (const struct json *o = list->first; o != j && good; o = o->next) {
            good = !str_eq(json_text(o), json_text(j));
        }
    }
    snprintf(why, sizeof why,
             "it is a list of 1 to %u names, each once and of at most %d bytes", most,
             NAME_BYTES);
    return good ? ERR_OK : message_bad_key(r, ERR_BAD_REQUEST, sub, why);
}

/* Their order does not matter, so they are kept sorted: equal sets are equal lists. */
static enum err take_tags(struct read *r, const struct json *list, const char *sub)
{
    struct cache_ask *c = &r->m->cache;
    enum err e = read_names(r, list, sub, CACHE_TAGS_MAX);
    for (const struct json *j = e == ERR_OK ? list->first : NULL; j != NULL; j = j->next) {
        uint32_t at = c->tag_count++;
        for (; at > 0 && str_cmp(c->tags[at - 1], json_text(j)) > 0; at--) {
            c->tags[at] = c->tags[at - 1];
        }
        c->tags[at] = json_text(j);
    }
    return e;
}

enum err message_read_tags(struct read *r)
{
    return take_tags(r, r->value, "");
}

enum err message_read_tables(struct read *r)
{
    enum err e = read_names(r, r->value, "", CACHE_TABLES_MAX);
    r->m->tables = r->value;
    return e;
}

/* ---- the members of `cache` ---- */

static enum err take_name(struct read *r, const struct json *j, const char *sub,
                          struct str *out)
{
    if (!is_name(j)) {
        return message_bad_key(r, ERR_BAD_REQUEST, sub, "it is a text of 1 to 256 bytes");
    }
    *out = json_text(j);
    return ERR_OK;
}

static enum err take_region(struct read *r, const struct json *j)
{
    return take_name(r, j, "/region", &r->m->cache.region);
}

static enum err take_key(struct read *r, const struct json *j)
{
    return take_name(r, j, "/key", &r->m->cache.key);
}

static enum err take_tag_list(struct read *r, const struct json *j)
{
    return take_tags(r, j, "/tags");
}

static enum err take_ttl(struct read *r, const struct json *j)
{
    struct cache_ask *c = &r->m->cache;
    if (j->kind != JSON_STRING || !duration_parse(json_text(j), &c->ttl_ms) || c->ttl_ms == 0 ||
        c->ttl_ms > TTL_MAX_MS) {
        return message_bad_key(r, ERR_BAD_REQUEST, "/ttl",
                               "ttl is a text like \"500ms\", \"30s\" or \"5m\"");
    }
    c->has_ttl = true;
    return ERR_OK;
}

static enum err take_mode(struct read *r, const struct json *j)
{
    static const struct {
        const char *word;
        enum cache_mode mode;
    } words[] = {{"use", CACHE_USE}, {"refresh", CACHE_REFRESH}, {"bypass", CACHE_BYPASS}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (json_is(j, words[i].word)) {
            r->m->cache.mode = words[i].mode;
            return ERR_OK;
        }
    }
    return message_bad_key(r, ERR_BAD_REQUEST, "/mode", "mode is one of use, refresh, bypass");
}

static const struct {
    const char *key;
    enum err (*take)(struct read *r, const struct json *j);
} members[] = {
    {"region", take_region}, {"ttl", take_ttl},   {"tags", take_tag_list},
    {"key", take_key},       {"mode", take_mode},
};
#define MEMBER_COUNT (sizeof members / sizeof members[0])

static enum err unknown_member(struct read *r, struct str key)
{
    char sub[300];
    const char *near = NULL;
    unsigned best = key.len > 3 ? 3 : 2; /* every short key is near to every other */
    json_path_write(&(struct json_path){.key = key}, sub, sizeof sub);
    enum err e = message_bad_key(r, ERR_UNKNOWN_KEY, sub, "`cache` has no such key");
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        unsigned d = str_distance(key, str_of(members[i].key), best);
        if (d < best) {
            best = d;
            near = members[i].key;
        }
    }
    if (near != NULL) {
        fail_hint(r->fail, "did you mean \"%s\"?", near);
    } else {
        fail_hint(r->fail, "its keys are region, ttl, tags, key and mode");
    }
    return e;
}

static enum err take_member(struct read *r, const struct json *j)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (str_is(json_key(j), members[i].key)) {
            return members[i].take(r, j);
        }
    }
    return unknown_member(r, json_key(j));
}

enum err message_read_cache(struct read *r)
{
    struct cache_ask *c = &r->m->cache;
    if (r->value->kind == JSON_TRUE || r->value->kind == JSON_FALSE) {
        c->mode = r->value->kind == JSON_TRUE ? CACHE_USE : CACHE_BYPASS;
        return ERR_OK;
    }
    if (r->value->kind != JSON_OBJECT) {
        return message_bad_key(r, ERR_BAD_REQUEST, "",
                               "cache is true, false, or an object with region, ttl, tags, "
                               "key, mode");
    }
    c->mode = CACHE_USE;
    enum err e = ERR_OK;
    for (const struct json *j = r->value->first; j != NULL && e == ERR_OK; j = j->next) {
        e = take_member(r, j);
    }
    return e;
}
