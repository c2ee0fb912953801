/* SPDX-License-Identifier: MIT
 *
 * daemon/ops_invalidate.c: what clients know to have changed: nothing that is kept of it
 * is served any more. Worker thread.
 */
#include "daemon/caching.h"
#include "daemon/ops.h"
#include "daemon/touch.h"
#include "daemon/touch_slots.h"

#include <stdio.h>

#define TABLE_SLOTS (SLOT_SET_MAX - CACHE_TAGS_MAX - 1) /* more: all of the database */

/* There is room: add_tables leaves enough for a request's tags and its region. */
static void add(struct slot_set *s, enum slot_kind kind, struct str a, struct str b)
{
    struct str names[] = {a, b};
    (void)slot_set_add(s, slot_of(kind, names, b.ptr == NULL ? 1 : 2));
}

static void write_names(struct buf *b, const char *what, const struct json *list)
{
    buf_printf(b, ",\"%s\":[", what);
    for (const struct json *j = list->first; j != NULL; j = j->next) {
        buf_json_str(b, json_text(j));
        buf_str_add(b, j->next != NULL ? STR(",") : STR(""));
    }
    buf_char(b, ']');
}

static void write_tags(struct buf *b, const struct cache_ask *ask)
{
    BUF_LIT(b, ",\"tags\":[");
    for (uint32_t i = 0; i < ask->tag_count; i++) {
        buf_str_add(b, i > 0 ? STR(",") : STR(""));
        buf_json_str(b, ask->tags[i]);
    }
    buf_char(b, ']');
}

static void write_answer(struct req *r)
{
    struct buf *b = &r->answer;
    const struct cache_ask *ask = &r->msg.cache;
    BUF_LIT(b, "\"ok\":true");
    if (r->msg.tables != NULL) {
        BUF_LIT(b, ",\"db\":");
        buf_json_str(b, r->backend->db->conf->name);
        write_names(b, "tables", r->msg.tables);
    }
    if (ask->tag_count > 0) {
        write_tags(b, ask);
    }
    if (ask->region.len > 0) {
        BUF_LIT(b, ",\"region\":");
        buf_json_str(b, ask->region);
    }
    if (ask->key.len > 0) {
        BUF_LIT(b, ",\"key\":");
        buf_json_str(b, ask->key);
    }
    BUF_LIT(b, "}\n");
}

static enum err unknown_table(struct req *r, const struct catalog *c, struct str name,
                              uint32_t at)
{
    char path[32];
    struct str near;
    snprintf(path, sizeof path, "/tables/%u", at);
    fail_at(&r->fail, ERR_UNKNOWN_TABLE, str_of(path), "no table %.*s", (int)utf8_cut(name, 80),
            name.ptr);
    if (catalog_near_tables(c, name, &near, 1) > 0) {
        fail_hint(&r->fail, "did you mean \"%.*s\"?", STR_ARG(near));
    }
    return ERR_UNKNOWN_TABLE;
}

static enum err add_tables(struct req *r, const struct catalog *c, struct slot_set *out)
{
    const struct touch_scope s = {r->backend->db->conf, c};
    uint32_t at = 0;
    bool fits = true;
    for (const struct json *j = r->msg.tables->first; j != NULL; j = j->next, at++) {
        const struct table *t = touch_find_table(&s, json_text(j));
        if (t == NULL && str_is(json_text(j), "*")) {
            fits = false;
            continue;
        }
        if (t == NULL) {
            return unknown_table(r, c, json_text(j), at);
        }
        fits = fits && touch_table(r->backend->db, t, out) && out->count <= TABLE_SLOTS;
    }
    if (!fits) {
        touch_all(r->backend->db, out);
    }
    return ERR_OK;
}

static void add_tags(const struct cache_ask *ask, struct slot_set *out)
{
    const struct str none = {NULL, 0};
    for (uint32_t i = 0; i < ask->tag_count; i++) {
        add(out, SLOT_TAG, ask->tags[i], none);
    }
}

/* A region as a whole, or what clients called so in it. */
static enum err add_region(struct req *r, struct slot_set *out)
{
    const struct cache_ask *ask = &r->msg.cache;
    const struct settings *s = r->worker->settings;
    const struct str none = {NULL, 0};
    if (ask->region.len == 0 && ask->key.len == 0) {
        return ERR_OK;
    }
    int n = region_number(s, ask->region);
    if (n < 0) {
        return fail_at(&r->fail, ERR_BAD_REQUEST, STR("/region"),
                       "there is no region called default: say which one is meant");
    }
    struct str name = settings_conf(s)->cache.regions[n].name;
    if (ask->key.len > 0) {
        add(out, SLOT_LABEL, name, ask->key);
    } else {
        add(out, SLOT_REGION, name, none);
        region_clear(s->regions[n]->region); /* its memory is wanted, too */
    }
    return ERR_OK;
}

enum err op_invalidate(struct req *r, const struct catalog *catalog)
{
    struct slot_set slots = {0};
    enum err e = r->msg.tables != NULL ? add_tables(r, catalog, &slots) : ERR_OK;
    if (e == ERR_OK) {
        e = add_region(r, &slots);
    }
    if (e == ERR_OK) {
        add_tags(&r->msg.cache, &slots);
        versions_bump(r->worker->shared->versions, &slots);
        write_answer(r);
        e = r->answer.failed ? fail_set(&r->fail, ERR_OUT_OF_MEMORY, "out of memory") : ERR_OK;
    }
    return e;
}
