/* SPDX-License-Identifier: MIT
 *
 * compiler/resolve_table.c: functions and samples in FROM. compiler/ops_table.c has
 * the functions themselves.
 */
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"
#include "compiler/walk.h"

#include <stdio.h>

static enum err refuse_lateral(struct context *c, const struct expr *call)
{
    enum err e = ctx_fail(c, call->src, ERR_UNSUPPORTED_FEATURE,
                          "%s takes no columns as arguments of `%s` in `from`",
                          c->d->words.name, call->call.op->name);
    fail_hint(c->f, "join rows with bounds that hold for all, and compare in `on`");
    return e;
}

static enum err resolve_sample(struct context *c, struct query *q, struct source *s)
{
    if (!c->d->samples) {
        enum err e =
            ctx_fail(c, s->src, ERR_UNSUPPORTED_FEATURE, "%s has no samples", c->d->words.name);
        fail_hint(c->f, "[\"<\", [\"random\"], 0.01] in `where` keeps one row of a hundred");
        return e;
    }
    if (s->form->seed == NULL) {
        ctx_varies(c, VOLATILITY_VOLATILE);
    }
    return resolve_table(c, q, s);
}

/* The type that `columns` asks for must be the one that the function gives. */
static enum err check_column(struct context *c, const struct source *s,
                             struct form_column *column, const struct type *gives)
{
    if (column->type.kind == TYPE_UNKNOWN || column->type.kind == gives->kind) {
        column->type = *gives;
        return ERR_OK;
    }
    enum err e = ctx_fail(c, json_get(s->src, "columns"), ERR_TYPE_MISMATCH,
                          "column `%.*s` is %s, not %s", STR_ARG(column->name),
                          type_word(gives), type_word(&column->type));
    fail_hint(c->f, "cast it where it is used");
    return e;
}

/* A list is a subquery where there are no arrays, and that sees nothing around it. */
static bool takes_columns(const struct context *c, const struct expr *call)
{
    return c->d->arrays || (call->call.op->flags & OP_LATERAL) != 0 ||
           (c->d->lateral_functions && argument_kind(call->call.op, 0) != 'l');
}

/* Its own columns: a value, and before it perhaps its name. */
static enum err check_columns(struct context *c, const struct source *s)
{
    struct table_form *f = s->form;
    struct type bigint = type_of(TYPE_BIGINT), text = type_of(TYPE_TEXT);
    uint32_t own = f->column_count - (f->ordinality ? 1 : 0);
    f->columns[own - 1].nullable = f->call->nullable;
    enum err e = check_column(c, s, &f->columns[own - 1], &f->call->type);
    if (e == ERR_OK && own > 1) {
        e = check_column(c, s, &f->columns[0], &text);
    }
    return e != ERR_OK || !f->ordinality ? e : check_column(c, s, &f->columns[own], &bigint);
}

/* ---- functions of the database ---- */

static enum err no_functions(struct context *c, const struct expr *call)
{
    enum err e = ctx_fail(c, call->src, ERR_UNSUPPORTED_FEATURE,
                          "%s calls no functions of its own in `from`", c->d->words.name);
    fail_hint(c->f, "{alias: {\"select\": [[\"fn.…\", …]]}} is a row of what one gives");
    return e;
}

/* A column is cast to the type that it shall have: the catalog knows nothing of rows. */
static enum err native_column(struct context *c, const struct source *s,
                              struct form_column *column)
{
    const struct function_info *info = s->form->call->call.function;
    const struct json *at = json_get(s->src, "columns");
    bool plain = column->type.kind == TYPE_UNKNOWN && s->form->column_count == 1 &&
                 info != NULL && info->result.kind != TYPE_UNKNOWN &&
                 info->result.kind != TYPE_OPAQUE;
    column->nullable = true;
    column->type = plain ? info->result : column->type;
    if (plain) {
        return ERR_OK;
    }
    if (column->type.kind == TYPE_UNKNOWN) {
        enum err e =
            ctx_fail(c, at == NULL ? s->src : at, ERR_BAD_QUERY,
                     "column `%.*s` of a function needs a type", STR_ARG(column->name));
        fail_hint(c->f, "\"columns\": [{name: type}]");
        return e;
    }
    const char *type = c->d->type_name(&column->type);
    char read[128];
    int len = type == NULL ? 0 : snprintf(read, sizeof read, "CAST($1 AS %s)", type);
    if (len <= 0 || (size_t)len >= sizeof read) {
        return ctx_fail(c, at, ERR_UNSUPPORTED_FEATURE, "a function gives no column of %s",
                        type_word(&column->type));
    }
    column->read = arena_str(c->a, (struct str){read, (size_t)len + 1}).ptr;
    return column->read == NULL ? ctx_full(c) : ERR_OK;
}

static enum err check_native(struct context *c, const struct source *s)
{
    struct table_form *f = s->form;
    enum err e = ERR_OK;
    if (!c->d->function_columns) {
        return no_functions(c, f->call);
    }
    if ((f->call->call.op->flags & OP_AGGREGATE) != 0) {
        return ctx_fail(c, f->call->src, ERR_BAD_QUERY, "an aggregate gives no rows");
    }
    if (f->ordinality) {
        e = ctx_fail(c, json_get(s->src, "ordinality"), ERR_UNSUPPORTED_FEATURE,
                     "how many columns are before `ordinality` is not known");
        fail_hint(c->f, "[\"row_number\"] over a window numbers rows");
    }
    for (uint32_t i = 0; i < f->column_count && e == ERR_OK; i++) {
        e = native_column(c, s, &f->columns[i]);
    }
    return e;
}

enum err resolve_form(struct context *c, struct query *q, struct source *s, uint64_t left)
{
    struct table_form *f = s->form;
    if (f->call == NULL) {
        return resolve_sample(c, q, s);
    }
    bool native = f->call->call.native.len > 0;
    enum err e = native ? check_native(c, s) : ERR_OK;
    q->visible = left;
    f->call->type = f->columns[f->column_count - (f->ordinality ? 2 : 1)].type;
    e = e != ERR_OK ? e : resolve_expr(c, q, f->call);
    if (e == ERR_OK && !takes_columns(c, f->call) && expr_sources(q, f->call) != 0) {
        e = refuse_lateral(c, f->call);
    }
    e = e != ERR_OK || native ? e : check_columns(c, s);
    return e != ERR_OK ? e : name_source(c, q, s);
}
