/* SPDX-License-Identifier: MIT
 *
 * daemon/touch_slots.c: see daemon/touch_slots.h.
 *
 * Keys are named by their columns, not by their place among the keys of a table: another
 * daemon may have read another catalog.
 */
#include "daemon/touch_slots.h"

/* database, schema, table, the columns of a key, and its values */
#define NAMES_MAX (3 + 2 * 16)

uint32_t slot_of_database(const struct touch_scope *s)
{
    return slot_of(SLOT_DATABASE, &s->conf->place, 1);
}

static uint32_t name_table(const struct touch_scope *s, const struct table *t,
                           struct str *names)
{
    names[0] = s->conf->place;
    names[1] = t->schema;
    names[2] = t->name;
    return 3;
}

uint32_t slot_of_table(const struct touch_scope *s, const struct table *t)
{
    struct str names[3];
    return slot_of(SLOT_TABLE, names, name_table(s, table_head(t), names));
}

static uint32_t name_key(const struct touch_scope *s, const struct table *t,
                         const struct key *k, struct str *names)
{
    uint32_t n = name_table(s, t, names);
    for (uint32_t i = 0; i < k->count && i < 16; i++) {
        names[n++] = t->columns[k->columns[i]].name;
    }
    return n;
}

uint32_t slot_of_keys(const struct touch_scope *s, const struct table *t, const struct key *k)
{
    struct str names[NAMES_MAX];
    return slot_of(SLOT_KEY_SET, names, name_key(s, t, k, names));
}

bool slot_of_key(const struct touch_scope *s, const struct table *t, const struct touch_key *k,
                 const struct value *params, uint32_t *out)
{
    struct str names[NAMES_MAX];
    uint32_t n = name_key(s, t, k->key, names);
    for (uint32_t i = 0; i < k->key->count; i++) {
        const struct value *v = &params[k->params[i]];
        bool integer = type_is_integer(t->columns[k->key->columns[i]].type.kind);
        if (v->kind != (integer ? VALUE_INT : VALUE_TEXT)) {
            return false;
        }
        names[n++] = integer ? (struct str){(const char *)&v->num, sizeof v->num} : v->text;
    }
    *out = slot_of(SLOT_KEY, names, n);
    return true;
}

static struct str behind_dot(struct str whole)
{
    ptrdiff_t dot = str_find(whole, '.', 0);
    return dot < 0 ? whole : (struct str){whole.ptr + dot + 1, whole.len - (size_t)dot - 1};
}

static const struct conf_touch *find_told(const struct touch_scope *s, struct str name)
{
    for (uint32_t i = 0; i < s->conf->touch_count; i++) {
        if (str_eq(s->conf->touches[i].name, name)) {
            return &s->conf->touches[i];
        }
    }
    return NULL;
}

const struct conf_touch *touch_told(const struct touch_scope *s, struct str name)
{
    const struct conf_touch *found = find_told(s, name);
    return found != NULL ? found : find_told(s, behind_dot(name));
}

static bool is_whole_name(struct str told, const struct table *t)
{
    return told.len == t->schema.len + 1 + t->name.len && str_starts(told, t->schema) &&
           told.ptr[t->schema.len] == '.' && str_eq(behind_dot(told), t->name);
}

const struct conf_touch *touch_told_table(const struct touch_scope *s, const struct table *t)
{
    for (uint32_t i = 0; i < s->conf->touch_count; i++) {
        if (is_whole_name(s->conf->touches[i].name, t)) {
            return &s->conf->touches[i];
        }
    }
    return t->in_path ? find_told(s, t->name) : NULL;
}

const struct table *touch_find_table(const struct touch_scope *s, struct str name)
{
    const struct table *t = catalog_table(s->catalog, STR(""), name);
    if (t != NULL) {
        return t;
    }
    struct str bare = behind_dot(name);
    struct str schema = {name.ptr, name.len > bare.len ? name.len - bare.len - 1 : 0};
    return schema.len == 0 ? NULL : catalog_table(s->catalog, schema, bare);
}
