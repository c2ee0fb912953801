/* SPDX-License-Identifier: MIT
 *
 * daemon/blame.c: the table and columns of a broken constraint, from the catalog.
 */
#include "daemon/blame.h"

#include <stdio.h>
#include <string.h>

/* The one table that the plan writes, or NULL. */
static const struct table *written_table(const struct plan *p)
{
    const struct table *found = NULL;
    for (uint32_t i = 0; i < p->table_count; i++) {
        if (p->tables[i].written) {
            if (found != NULL) {
                return NULL;
            }
            found = p->tables[i].table;
        }
    }
    return found;
}

/* "a,b" into f->columns, unless it does not fit. */
static void set_columns(struct fail *f, const struct table *t, const struct key *k)
{
    size_t used = 0;
    for (uint32_t i = 0; i < k->count; i++) {
        struct str name = t->columns[k->columns[i]].name;
        int n = snprintf(f->columns + used, sizeof f->columns - used, "%s%.*s",
                         i > 0 ? "," : "", STR_ARG(name));
        if (n < 0 || (size_t)n >= sizeof f->columns - used) {
            f->columns[0] = '\0';
            return;
        }
        used += (size_t)n;
    }
}

static const struct key *key_named(const struct table *t, struct str name)
{
    if (str_is(name, "PRIMARY") || str_eq(name, t->primary_key.name)) {
        return &t->primary_key;
    }
    for (uint32_t i = 0; i < t->unique_count; i++) {
        if (str_eq(name, t->uniques[i].name)) {
            return &t->uniques[i];
        }
    }
    return NULL;
}

void blame(const struct plan *p, struct fail *f)
{
    bool own = f->code == ERR_UNIQUE_VIOLATION || f->code == ERR_NOT_NULL_VIOLATION ||
               f->code == ERR_CHECK_VIOLATION;
    const struct table *t = own && p != NULL ? written_table(p) : NULL;
    if (t == NULL) {
        return;
    }
    if (f->table[0] == '\0') {
        size_t n = utf8_cut(t->name, sizeof f->table - 1);
        memcpy(f->table, t->name.ptr, n);
        f->table[n] = '\0';
    }
    const struct key *k = f->constraint[0] == '\0' || !str_is(t->name, f->table)
                              ? NULL
                              : key_named(t, str_of(f->constraint));
    if (k != NULL && f->columns[0] == '\0') {
        set_columns(f, t, k);
    }
}
