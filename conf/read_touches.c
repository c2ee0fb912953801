/* SPDX-License-Identifier: MIT
 *
 * conf/read_touches.c: what functions, views and triggers read and write.
 */
#include "conf/read.h"

static bool is_list_of_names(const struct yaml *y)
{
    const struct yaml *m = y->first;
    while (m != NULL && m->kind == YAML_TEXT && m->text.len > 0) {
        m = m->next;
    }
    return y->kind == YAML_LIST && m == NULL;
}

static void read_touch(struct reading *r, struct str where, const struct yaml *y,
                       struct conf_touch *out)
{
    struct str *tables = ARENA_ARRAY(&r->conf->arena, read_length(y) + 1, struct str);
    if (tables == NULL) {
        fault_memory(r->report);
        return;
    }
    if (!is_list_of_names(y)) {
        fault_at(r->report, y->at, "`%.*stouches.%.*s` must be a list of tables, perhaps empty",
                 STR_ARG(where), STR_ARG(y->key));
        return;
    }
    *out = (struct conf_touch){.name = y->key, .tables = tables};
    for (const struct yaml *m = y->first; m != NULL; m = m->next) {
        tables[out->table_count++] = m->text;
    }
}

void read_touches(struct reading *r, struct str where, const struct yaml *y,
                  struct conf_database *d)
{
    if (y->kind != YAML_MAP) {
        fault_at(r->report, y->at, "`%.*stouches` must be %s, not %s", STR_ARG(where),
                 key_type_form(KEY_TOUCHES), yaml_kind_name(y->kind));
        return;
    }
    struct conf_touch *items =
        ARENA_ARRAY(&r->conf->arena, read_length(y) + 1, struct conf_touch);
    if (items == NULL) {
        fault_memory(r->report);
        return;
    }
    d->touches = items;
    d->touch_count = 0;
    for (const struct yaml *m = y->first; m != NULL; m = m->next) {
        read_touch(r, where, m, &items[d->touch_count++]);
    }
}
