/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_expr.c: expressions to SQL.
 */
#include "compiler/bind.h"
#include "compiler/emit_select.h"
#include "compiler/emit_window.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/walk.h"

#include <stdio.h>
#include <string.h>

void emit_init(struct emitter *em, struct context *c)
{
    *em = (struct emitter){.c = c, .d = c->d};
    buf_init(&em->sql);
}

void emit_fini(struct emitter *em)
{
    buf_fini(&em->sql);
}

void emit_text(struct emitter *em, const char *text)
{
    buf_add(&em->sql, text, strlen(text));
}

/* An identifier of the catalog, or of ours; the quote inside is doubled. */
void emit_name(struct emitter *em, struct str name)
{
    buf_char(&em->sql, em->d->quote);
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == em->d->quote) {
            buf_char(&em->sql, em->d->quote);
        }
        buf_char(&em->sql, name.ptr[i]);
    }
    buf_char(&em->sql, em->d->quote);
}

/* ---- binds ---- */

static bool same_bind(const struct plan_bind *a, const struct plan_bind *b)
{
    return a->source == b->source && a->form == b->form && a->index == b->index &&
           a->at_most == b->at_most && a->column == b->column && str_eq(a->name, b->name) &&
           a->type.kind == b->type.kind && a->type.native == b->type.native &&
           a->type.element == b->type.element && a->type.length == b->type.length &&
           a->type.scale == b->type.scale && a->type.precision == b->type.precision;
}

static enum err add_bind(struct emitter *em, const struct plan_bind *b, const struct json *at)
{
    struct context *c = em->c;
    if (em->bind_count >= MAX_BINDS) {
        enum err e = ctx_fail(c, at, ERR_TOO_MANY_PARAMS,
                              "the statement has more than %d values", MAX_BINDS);
        fail_hint(c->f, "give rows as `rows`, and long lists in parts");
        return e;
    }
    if (!ctx_grow(c, &em->binds, em->bind_count, &em->bind_cap, sizeof *em->binds)) {
        return ctx_full(c);
    }
    em->binds[em->bind_count++] = *b;
    return ERR_OK;
}

static void put_placeholder(struct emitter *em, const struct plan_bind *b, uint32_t number)
{
    bool wrap =
        b->type.kind == TYPE_NUMERIC && em->d->numeric_bind != NULL && b->source != BIND_CELL;
    const char *text = wrap ? em->d->numeric_bind : "$1";
    const char *hole = strstr(text, "$1");
    em->placeholders++;
    buf_add(&em->sql, text, (size_t)(hole - text));
    if (em->from_unnest) {
        buf_printf(&em->sql, "u.c%u", number);
    } else if (em->d->numbered) {
        buf_printf(&em->sql, "$%u", number);
    } else {
        buf_char(&em->sql, '?');
    }
    emit_text(em, hole + 2);
}

/* Numbered placeholders share equal binds: then the database sees that an
 * expression of GROUP BY is the one that is selected. */
enum err emit_bind(struct emitter *em, const struct plan_bind *b, const struct json *at)
{
    uint32_t i = em->bind_count;
    if (em->d->numbered) {
        uint32_t window = 256; /* so that long lists stay linear */
        uint32_t first =
            em->bind_count > window && !em->from_unnest ? em->bind_count - window : 0;
        for (i = first; i < em->bind_count && !same_bind(&em->binds[i], b); i++) {
        }
    }
    if (i == em->bind_count) {
        enum err e = add_bind(em, b, at);
        if (e != ERR_OK) {
            return e;
        }
    }
    put_placeholder(em, b, i + 1);
    return ERR_OK;
}

struct type bind_type(const struct emitter *em, const struct type *t)
{
    struct type out = *t;
    out.native = em->d->type_native(t);
    return out;
}

/* The type as which a literal or param is sent. */
static struct type value_type(const struct emitter *em, const struct expr *x)
{
    struct type bigint = type_of(TYPE_BIGINT);
    return bind_type(em, is_interval_form(x->form) ? &bigint : &x->type);
}

static enum err emit_literal(struct emitter *em, const struct expr *x)
{
    struct plan_bind b = {.source = BIND_LITERAL,
                          .form = x->form,
                          .index = x->literal.index,
                          .column = x->path_part,
                          .type = value_type(em, x)};
    return emit_bind(em, &b, x->src);
}

static enum err emit_param(struct emitter *em, const struct expr *x)
{
    bool ref = x->param.ref > 0;
    struct plan_bind b = {.source = ref ? BIND_REF : BIND_PARAM,
                          .form = x->form,
                          .index = ref ? x->param.ref - 1 : 0,
                          .name = x->param.name,
                          .column = x->path_part,
                          .type = value_type(em, x)};
    return emit_bind(em, &b, x->src);
}

/* Params and literals were checked when they were bound. */
bool emit_needs_fit(const struct emitter *em, const struct expr *x, const struct type *t)
{
    if (em->d->fit_text == NULL || x->kind == EXPR_LITERAL || x->kind == EXPR_PARAM ||
        x->kind == EXPR_NULL) {
        return false;
    }
    if (x->kind == EXPR_NAME && x->type.kind == t->kind && x->type.length <= t->length) {
        return x->type.length < 0 && t->length >= 0;
    }
    return t->kind == TYPE_SMALLINT || t->length >= 0;
}

enum err emit_computed(struct emitter *em, const struct expr *x, const struct column *column)
{
    const struct type *t = &column->type;
    if (!emit_needs_fit(em, x, t)) {
        return emit_root(em, x);
    }
    emit_text(em, t->kind == TYPE_SMALLINT ? em->d->fit_integer : em->d->fit_text);
    buf_char(&em->sql, '(');
    enum err e = emit_root(em, x);
    if (t->kind == TYPE_SMALLINT) {
        buf_printf(&em->sql, ", %d, %d)", INT16_MIN, INT16_MAX);
    } else {
        buf_printf(&em->sql, ", %d)", t->length);
    }
    return e;
}

enum err emit_value(struct emitter *em, const struct assign *a)
{
    if (a->value != NULL) {
        return emit_computed(em, a->value, a->column);
    }
    struct plan_bind b = {.source = a->of_clash ? BIND_CLASH_CELL : BIND_CELL,
                          .name = a->key,
                          .type = bind_type(em, &a->column->type)};
    return emit_bind(em, &b, a->src);
}

/* ---- names and constants ---- */

static void emit_null(struct emitter *em, const struct expr *x)
{
    const char *name = x->type.kind == TYPE_UNKNOWN ? NULL : em->d->type_name(&x->type);
    if (em->d->typed_null == NULL || name == NULL) {
        emit_text(em, "NULL");
        return;
    }
    const char *hole = strstr(em->d->typed_null, "$1");
    buf_add(&em->sql, em->d->typed_null, (size_t)(hole - em->d->typed_null));
    emit_text(em, name);
    emit_text(em, hole + 2);
}

/* ---- templates ---- */

static bool is_wrapped(const char *text)
{
    size_t n = strlen(text);
    return n > 2 && text[0] == '(' && text[n - 1] == ')';
}

static enum err emit_joined(struct emitter *em, const char *separator,
                            const struct expr *const *args, uint32_t count)
{
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < count && e == ERR_OK; i++) {
        if (i > 0) {
            emit_text(em, separator);
        }
        e = emit_expr(em, args[i]);
    }
    return e;
}

/* a AND b AND … is a tree that leans to the left, and SQLite takes a depth of
 * 1000: long ones are joined in parts. */
static enum err emit_infix(struct emitter *em, const char *separator,
                           const struct expr *const *args, uint32_t count)
{
    const uint32_t part = 400;
    enum err e = ERR_OK;
    if (count <= part) {
        return emit_joined(em, separator, args, count);
    }
    for (uint32_t i = 0; i < count && e == ERR_OK; i += part) {
        emit_text(em, i > 0 ? separator : "");
        buf_char(&em->sql, '(');
        e = emit_joined(em, separator, args + i, count - i < part ? count - i : part);
        buf_char(&em->sql, ')');
    }
    return e;
}

/* What a template writes twice is evaluated twice. */
static enum err check_steady(struct emitter *em, const struct expr *x)
{
    if (!expr_is_volatile(x)) {
        return ERR_OK;
    }
    enum err e =
        ctx_fail(em->c, x->src, ERR_UNSUPPORTED_FEATURE,
                 "%s would have to evaluate this volatile expression twice", em->d->words.name);
    fail_hint(em->c->f, "compute it in a subquery of `from`");
    return e;
}

static enum err emit_pieces(struct emitter *em, const char *text, size_t len,
                            const struct expr *const *args, uint32_t count)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '$' || i + 1 >= len) {
            buf_char(&em->sql, text[i]);
            continue;
        }
        char which = text[++i];
        enum err e = ERR_OK;
        if (which == '*') {
            e = emit_joined(em, ", ", args, count);
        } else if (which >= '1' && (uint32_t)(which - '1') < count) {
            uint32_t bit = 1u << (which - '1');
            e = (seen & bit) != 0 ? check_steady(em, args[which - '1']) : ERR_OK;
            seen |= bit;
            if (e != ERR_OK) {
                return e;
            }
            /* what stands first in a call costs the parser less than what follows */
            em->nesting -= which == '1' ? NEST_CALL - NEST_FIRST : 0;
            e = emit_expr(em, args[which - '1']);
            em->nesting += which == '1' ? NEST_CALL - NEST_FIRST : 0;
        } else {
            return ctx_fail(em->c, NULL, ERR_INTERNAL, "a template without its argument");
        }
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

enum err emit_template(struct emitter *em, const char *text, const struct expr *const *args,
                       uint32_t count)
{
    if (text[0] != '@') {
        return emit_pieces(em, text, strlen(text), args, count);
    }
    if (count == 1) {
        return emit_expr(em, args[0]);
    }
    buf_char(&em->sql, '(');
    enum err e = emit_infix(em, text + 1, args, count);
    buf_char(&em->sql, ')');
    return e;
}

enum err emit_root_template(struct emitter *em, const char *text,
                            const struct expr *const *args, uint32_t count)
{
    if (text[0] == '@' && count > 1) {
        return emit_infix(em, text + 1, args, count);
    }
    return is_wrapped(text) ? emit_pieces(em, text + 1, strlen(text) - 2, args, count)
                            : emit_template(em, text, args, count);
}

/* ---- subqueries, case ---- */

static enum err emit_subquery(struct emitter *em, const struct expr *x)
{
    const char *guard = query_single_row(x->query) ? NULL : em->d->scalar_guard;
    const char *hole = guard == NULL ? NULL : strstr(guard, "$1");
    uint32_t cost = hole == NULL ? 0 : NEST_QUERY;
    enum err e = emit_nest(em, cost, x->src);
    if (hole != NULL) {
        buf_add(&em->sql, guard, (size_t)(hole - guard));
    }
    buf_char(&em->sql, '(');
    e = e != ERR_OK ? e : emit_query(em, x->query, PLACE_DERIVED);
    buf_char(&em->sql, ')');
    emit_text(em, hole != NULL ? hole + 2 : "");
    em->nesting -= cost;
    return e;
}

static enum err emit_case(struct emitter *em, const struct expr *x)
{
    enum err e = ERR_OK;
    emit_text(em, "CASE");
    if (x->cas.of != NULL) {
        buf_char(&em->sql, ' ');
        e = emit_expr(em, x->cas.of);
    }
    for (uint32_t i = 0; i < x->cas.count && e == ERR_OK; i++) {
        emit_text(em, " WHEN ");
        e = x->cas.of != NULL ? emit_beside(em, x->cas.whens[i].cond, &x->cas.of->type)
                              : emit_root(em, x->cas.whens[i].cond);
        emit_text(em, " THEN ");
        e = e != ERR_OK ? e : emit_beside(em, x->cas.whens[i].then, &x->type);
    }
    if (e == ERR_OK && x->cas.otherwise != NULL) {
        emit_text(em, " ELSE ");
        e = emit_beside(em, x->cas.otherwise, &x->type);
    }
    emit_text(em, " END");
    return e;
}

static enum err emit_node(struct emitter *em, const struct expr *x, enum emit_place place)
{
    switch (x->kind) {
    case EXPR_NULL:
        emit_null(em, x);
        return ERR_OK;
    case EXPR_BOOL:
        emit_text(em, x->boolean ? em->d->true_text : em->d->false_text);
        return ERR_OK;
    case EXPR_LITERAL:
        return emit_literal(em, x);
    case EXPR_PARAM:
        return emit_param(em, x);
    case EXPR_NAME:
        if (x->name.source->proposed) {
            return emit_proposed(em, &x->name.source->table->columns[x->name.column]);
        }
        return emit_column(em, x);
    case EXPR_CALL:
        return emit_call(em, x, place);
    case EXPR_OVER:
        return emit_over(em, x);
    case EXPR_CASE:
        return emit_case(em, x);
    case EXPR_QUERY:
        return emit_subquery(em, x);
    case EXPR_DRESSED:
        return x->dressed.of != NULL
                   ? emit_template(em, x->dressed.text, &x->dressed.of, 1)
                   : emit_template(em, x->dressed.text, x->dressed.parts, x->dressed.count);
    case EXPR_STAR:
        buf_char(&em->sql, '*');
        return ERR_OK;
    case EXPR_LIST:
    case EXPR_PARAM_LIST:
    case EXPR_PATH:
    case EXPR_KEYWORD:
        break;
    }
    return ctx_fail(em->c, x->src, ERR_INTERNAL, "an expression that has no SQL of its own");
}

enum err emit_nest(struct emitter *em, uint32_t cost, const struct json *at)
{
    uint32_t max_bytes = em->c->in->max_sql_bytes;
    em->nesting += cost;
    if (max_bytes > 0 && em->sql.len > max_bytes) {
        return ctx_fail(em->c, at, ERR_QUERY_TOO_LARGE, "the SQL text is longer than %u bytes",
                        max_bytes);
    }
    if (em->d->max_nesting > 0 && em->nesting > em->d->max_nesting) {
        return ctx_fail(em->c, at, ERR_QUERY_TOO_LARGE,
                        "%s cannot read expressions inside each other to this depth",
                        em->d->words.name);
    }
    return ERR_OK;
}

static enum err emit_nested(struct emitter *em, const struct expr *x, enum emit_place place)
{
    bool holds = x->kind == EXPR_CALL || x->kind == EXPR_CASE || x->kind == EXPR_DRESSED;
    uint32_t cost = holds ? NEST_CALL : 0;
    const struct set_view *set = em->set;
    enum set_member member = set_member(em, x);
    bool aggregate = x->kind == EXPR_CALL && (x->call.op->flags & OP_AGGREGATE) != 0;
    enum err e = emit_nest(em, cost, x->src);
    if (member == SET_INSIDE || aggregate) {
        em->set = NULL; /* what is inside is of the rows, not of the group */
    }
    if (member == SET_OUTSIDE) {
        emit_null(em, x);
    } else {
        e = e != ERR_OK ? e : emit_node(em, x, place);
    }
    em->set = set;
    em->nesting -= cost;
    return e;
}

enum err emit_expr(struct emitter *em, const struct expr *x)
{
    return emit_nested(em, x, EMIT_INSIDE);
}

enum err emit_root(struct emitter *em, const struct expr *x)
{
    return emit_nested(em, x, EMIT_ROOT);
}
