/* SPDX-License-Identifier: MIT
 *
 * compiler/collation.c: which collations may be asked for, and their SQL.
 */
#include "compiler/collation.h"

#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/walk.h"

#include <stdio.h>
#include <string.h>

/* Built into the database, or of some column that the catalog knows. */
static bool is_known(const struct context *c, struct str name)
{
    const struct catalog *catalog = c->in->catalog;
    for (const char *const *known = c->d->collations; *known != NULL; known++) {
        if (str_is(name, *known)) {
            return true;
        }
    }
    for (uint32_t t = 0; t < catalog_table_count(catalog); t++) {
        const struct table *table = catalog_table_at(catalog, t);
        for (uint32_t i = 0; i < table->column_count; i++) {
            if (name.len > 0 && str_eq(table->columns[i].collation, name)) {
                return true;
            }
        }
    }
    return false;
}

static enum err unknown_collation(struct context *c, const struct json *at, struct str name)
{
    struct nearest n;
    nearest_init(&n, name);
    nearest_try(&n, STR("binary"));
    for (const char *const *known = c->d->collations; *known != NULL; known++) {
        nearest_try(&n, str_of(*known));
    }
    enum err e =
        ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE, "%s is not known to have collation `%.*s`",
                 c->d->words.name, STR_ARG(name));
    nearest_hint(&n, c->f);
    fail_hint(c->f, "`binary` compares bytewise on every database");
    return e;
}

/* The name is one of ours or of the catalog, and quoted like any other. */
enum err collation_template(struct context *c, const struct json *at, struct str name,
                            const char **out)
{
    bool binary = str_is(name, "binary");
    struct str used = binary ? str_of(c->d->binary_collation) : name;
    const char *form = c->d->collate;
    if (!binary && !is_known(c, name)) {
        return unknown_collation(c, at, name);
    }
    if (str_find(used, '$', 0) >= 0 || !str_starts(used, str_of(c->d->collation_prefix))) {
        return ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE,
                        "collation `%.*s` is not one of the character set %.*s", STR_ARG(name),
                        (int)strlen(c->d->collation_prefix) - 1, c->d->collation_prefix);
    }
    size_t size = strlen(form) + used.len * 2 + 4, n = 0;
    char *text = arena_alloc(c->a, size);
    if (text == NULL) {
        return ctx_full(c);
    }
    const char *hole = strstr(form, "$2");
    memcpy(text, form, (size_t)(hole - form));
    n = (size_t)(hole - form);
    text[n++] = c->d->quote;
    for (size_t i = 0; i < used.len; i++) {
        text[n++] = used.ptr[i];
        if (used.ptr[i] == c->d->quote) {
            text[n++] = used.ptr[i];
        }
    }
    text[n++] = c->d->quote;
    memcpy(text + n, hole + 2, strlen(hole + 2) + 1);
    *out = text;
    return ERR_OK;
}

static bool find_collation(const struct expr *e, void *arg)
{
    const struct expr **found = arg;
    if (e->kind == EXPR_CALL && str_is(str_of(e->call.op->name), "collate")) {
        *found = e;
        return false;
    }
    return expr_children(e, find_collation, arg);
}

const struct expr *collation_of(const struct expr *x)
{
    const struct expr *found = NULL;
    (void)find_collation(x, &found);
    return found;
}
