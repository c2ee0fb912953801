/* SPDX-License-Identifier: MIT
 *
 * compiler/types.c: see compiler/types.h.
 */
#include "compiler/types.h"

#include "compiler/operators.h"

const char *type_word(const struct type *t)
{
    return t->kind == TYPE_UNKNOWN ? "a value of no type" : type_kind_name(t->kind);
}

enum err type_mismatch(struct context *c, const struct expr *e, const char *what,
                       const char *wanted)
{
    return ctx_fail(c, e->src, ERR_TYPE_MISMATCH, "`%s` takes %s, not %s", what, wanted,
                    type_word(&e->type));
}

/* ---- promotion ---- */

static unsigned number_rank(enum type_kind k)
{
    return k == TYPE_SMALLINT  ? 1
           : k == TYPE_INTEGER ? 2
           : k == TYPE_BIGINT  ? 3
           : k == TYPE_NUMERIC ? 4
           : k == TYPE_REAL    ? 5
                               : 6;
}

static int16_t scale_of(const struct type *t)
{
    return type_is_integer(t->kind) ? 0 : t->scale;
}

static struct type promote_numbers(const struct type *a, const struct type *b)
{
    const struct type *wide = number_rank(a->kind) >= number_rank(b->kind) ? a : b;
    if (wide->kind == TYPE_REAL) {
        return a->kind == b->kind ? *a : type_of(TYPE_DOUBLE);
    }
    struct type t = type_of(wide->kind);
    if (wide->kind != TYPE_NUMERIC) {
        /* SQLite's integers hold 64 bits, and say so */
        t.precision =
            wide->kind == TYPE_INTEGER && (type_holds_64_bits(a) || type_holds_64_bits(b))
                ? (int16_t)19
                : (int16_t)-1;
        return t;
    }
    int16_t x = scale_of(a), y = scale_of(b);
    t.scale = x < 0 || y < 0 ? (int16_t)-1 : x > y ? x : y;
    return t;
}

static unsigned date_rank(enum type_kind k)
{
    return k == TYPE_DATE ? 1 : k == TYPE_TIMESTAMP ? 2 : 3;
}

static bool same_type(const struct type *a, const struct type *b)
{
    return a->kind == b->kind && a->native == b->native && a->length == b->length &&
           a->precision == b->precision && a->scale == b->scale && str_eq(a->name, b->name);
}

struct type type_promote(const struct type *a, const struct type *b)
{
    if (same_type(a, b) || b->kind == TYPE_UNKNOWN) {
        return *a;
    }
    if (a->kind == TYPE_UNKNOWN) {
        return *b;
    }
    enum type_family family = type_family(a->kind);
    if (family == FAMILY_NUMBER) {
        return promote_numbers(a, b);
    }
    if (family == FAMILY_TEXT) {
        return type_of(TYPE_TEXT);
    }
    if (family == FAMILY_DATE) {
        return date_rank(a->kind) >= date_rank(b->kind) ? *a : *b;
    }
    return *a;
}

static bool goes_together(const struct type *a, const struct type *b)
{
    if (a->kind == TYPE_UNKNOWN || b->kind == TYPE_UNKNOWN) {
        return true;
    }
    if (type_family(a->kind) != type_family(b->kind)) {
        return false;
    }
    if (a->kind == TYPE_OPAQUE) {
        return a->native == b->native && str_eq(a->name, b->name);
    }
    return a->kind != TYPE_ARRAY || a->element == b->element;
}

bool type_assignable(const struct type *from, const struct type *to)
{
    if (!goes_together(from, to) || to->kind == TYPE_OPAQUE) {
        return false;
    }
    if (type_is_integer(to->kind)) {
        return from->kind == TYPE_UNKNOWN || type_is_integer(from->kind);
    }
    if (to->kind == TYPE_NUMERIC) {
        return from->kind != TYPE_REAL && from->kind != TYPE_DOUBLE;
    }
    /* a date and a timestamp look different where they are stored as text */
    return type_family(to->kind) != FAMILY_DATE || from->kind == TYPE_UNKNOWN ||
           (from->kind == TYPE_DATE) == (to->kind == TYPE_DATE);
}

/* ---- literals and params ---- */

static const char *form_word(enum json_form form)
{
    switch (form) {
    case FORM_NONE:
    case FORM_NULL:
        return "null";
    case FORM_BOOL:
        return "a boolean";
    case FORM_INT:
    case FORM_LONG:
    case FORM_HUGE:
    case FORM_DECIMAL:
        return "a number";
    case FORM_STRING:
        return "a string";
    case FORM_ARRAY:
        return "an array";
    case FORM_OBJECT:
        return "an object";
    case FORM_MIXED:
        return "a mixed list";
    }
    return "a value";
}

static enum err form_mismatch(struct context *c, const struct json *at, enum json_form form,
                              const struct type *want)
{
    if (want == NULL) {
        enum err e = ctx_fail(c, at, ERR_TYPE_MISMATCH, "%s has no type here", form_word(form));
        fail_hint(c->f, "write {\"value\":…,\"type\":\"json\"} or use it beside a column");
        return e;
    }
    enum err e = ctx_fail(c, at, ERR_TYPE_MISMATCH, "%s does not go with %s", form_word(form),
                          type_word(want));
    if (form == FORM_STRING && type_is_integer(want->kind)) {
        fail_hint(c->f, "write the number without quotes");
    } else if (want->kind == TYPE_BOOLEAN) {
        fail_hint(c->f, "write true or false");
    } else if (type_family(want->kind) == FAMILY_TEXT) {
        fail_hint(c->f, "write it as a string, or cast the other side");
    }
    return e;
}

static int16_t literal_scale(const struct json *value)
{
    bool number = value != NULL && (value->kind == JSON_INTEGER || value->kind == JSON_DECIMAL);
    return number ? (int16_t)json_scale(value) : (int16_t)-1;
}

static struct type natural_type(enum json_form form, const struct json *value)
{
    struct type t;
    switch (form) {
    case FORM_NONE:
    case FORM_STRING:
    case FORM_NULL:
        return type_of(TYPE_TEXT);
    case FORM_BOOL:
        return type_of(TYPE_BOOLEAN);
    case FORM_INT:
    case FORM_LONG:
        return type_of(TYPE_BIGINT);
    case FORM_HUGE:
    case FORM_DECIMAL:
        t = type_of(TYPE_NUMERIC);
        t.scale = literal_scale(value);
        return t;
    case FORM_ARRAY:
    case FORM_OBJECT:
    case FORM_MIXED:
        break;
    }
    return type_of(TYPE_UNKNOWN);
}

/* A number beside a number: exact where it does not fit the column's type, so
 * that `id < 3000000000` is a comparison and not an error. */
static struct type number_type(enum json_form form, const struct json *value,
                               const struct type *want)
{
    struct type t = *want;
    if (want->kind == TYPE_NUMERIC) {
        t.precision = -1;
        t.scale = form == FORM_STRING ? (int16_t)-1 : literal_scale(value);
        return t;
    }
    if (!type_is_integer(want->kind) || form == FORM_NONE || form == FORM_NULL) {
        return t;
    }
    if (form == FORM_HUGE || form == FORM_DECIMAL) {
        return natural_type(form, value);
    }
    if (form == FORM_LONG) {
        return type_holds_64_bits(want) ? t : type_of(TYPE_BIGINT);
    }
    return want->kind == TYPE_SMALLINT ? type_of(TYPE_INTEGER) : t;
}

static bool form_fits(enum json_form form, const struct type *want)
{
    bool number =
        form == FORM_INT || form == FORM_LONG || form == FORM_HUGE || form == FORM_DECIMAL;
    if (form == FORM_NONE || form == FORM_NULL) {
        return true;
    }
    switch (type_family(want->kind)) {
    case FAMILY_NUMBER:
        return number || (form == FORM_STRING && !type_is_integer(want->kind));
    case FAMILY_BOOLEAN:
        return form == FORM_BOOL;
    case FAMILY_TEXT:
    case FAMILY_UUID:
    case FAMILY_BYTES:
    case FAMILY_DATE:
    case FAMILY_TIME:
    case FAMILY_INTERVAL:
        return form == FORM_STRING;
    case FAMILY_JSON:
        return true;
    case FAMILY_ARRAY:
        return form == FORM_ARRAY;
    case FAMILY_OPAQUE:
    case FAMILY_UNKNOWN:
        return false;
    }
    return false;
}

bool type_reads(enum json_form form, const struct type *t)
{
    bool fraction = form == FORM_DECIMAL && type_is_integer(t->kind);
    return form_fits(form, t) && !fraction;
}

/* A value whose type is looked for. */
struct datum {
    const struct json *at; /* where an error points */
    enum json_form form;
    const struct json *value; /* NULL: not known, or many */
};

static enum err choose_type(struct context *c, const struct datum *d, const struct type *want,
                            enum settle_mode mode, struct type *out)
{
    bool free = want == NULL || want->kind == TYPE_UNKNOWN;
    if (free) {
        *out = natural_type(d->form, d->value);
        return out->kind == TYPE_UNKNOWN ? form_mismatch(c, d->at, d->form, NULL) : ERR_OK;
    }
    if (want->kind == TYPE_OPAQUE && d->form != FORM_NULL) {
        return ctx_fail(c, d->at, ERR_TYPE_MISMATCH,
                        "type %.*s of the database can be read but not written or compared",
                        STR_ARG(want->name));
    }
    if (!form_fits(d->form, want)) {
        return form_mismatch(c, d->at, d->form, want);
    }
    *out = *want;
    if (mode == SETTLE_ASSIGN) {
        return ERR_OK;
    }
    out->length = -1;
    if (type_family(want->kind) == FAMILY_NUMBER) {
        *out = number_type(d->form, d->value, want);
    }
    return ERR_OK;
}

static enum err settle_query(struct context *c, struct expr *e, const struct type *want,
                             enum settle_mode mode)
{
    struct query *q = e->query;
    if (q->output_count != 1) {
        return ERR_OK;
    }
    enum err err = settle(c, q->outputs[0].expr, want, mode);
    e->type = q->outputs[0].expr->type;
    return err;
}

static enum err settle_case(struct context *c, struct expr *e, const struct type *want,
                            enum settle_mode mode)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < e->cas.count && err == ERR_OK; i++) {
        err = settle(c, e->cas.whens[i].then, want, mode);
        e->type = type_promote(&e->type, &e->cas.whens[i].then->type);
    }
    if (err == ERR_OK && e->cas.otherwise != NULL) {
        err = settle(c, e->cas.otherwise, want, mode);
        e->type = type_promote(&e->type, &e->cas.otherwise->type);
    }
    return err;
}

static enum err settle_call(struct context *c, struct expr *e, const struct type *want,
                            enum settle_mode mode)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        err = settle(c, e->call.args[i], want, mode);
        e->type = type_promote(&e->type, &e->call.args[i]->type);
    }
    return err;
}

/* A column of a compound whose parts have no type yet. */
static enum err settle_rows(struct context *c, struct expr *e, const struct type *want,
                            enum settle_mode mode)
{
    struct query *q = e->name.source->query;
    uint32_t column = e->name.column;
    enum err err = ERR_OK;
    if (q == NULL || q->rows != e->name.source) {
        return ERR_OK;
    }
    for (uint32_t i = 0; i < q->part_count && err == ERR_OK; i++) {
        struct expr *x = q->parts[i]->outputs[column].expr;
        err = settle(c, x, want, mode);
        e->type = type_promote(&e->type, &x->type);
    }
    for (uint32_t i = 0; i < q->part_count && err == ERR_OK; i++) {
        q->parts[i]->outputs[column].as = e->type;
    }
    return err;
}

enum err settle(struct context *c, struct expr *e, const struct type *want,
                enum settle_mode mode)
{
    const struct json *value;
    enum json_form form;
    if (e->type.kind != TYPE_UNKNOWN) {
        return ERR_OK;
    }
    switch (e->kind) {
    case EXPR_LITERAL:
    case EXPR_PARAM:
        value = e->kind == EXPR_LITERAL ? e->literal.node : e->param.value;
        form = value == NULL ? FORM_NONE : json_form_of(value);
        return choose_type(c, &(struct datum){e->src, form, value}, want, mode, &e->type);
    case EXPR_NULL:
        if (want != NULL) {
            e->type = *want;
        }
        return ERR_OK;
    case EXPR_CASE:
        return settle_case(c, e, want, mode);
    case EXPR_CALL:
        return settle_call(c, e, want, mode);
    case EXPR_QUERY:
        return settle_query(c, e, want, mode);
    case EXPR_NAME:
        return settle_rows(c, e, want, mode);
    case EXPR_BOOL:
    case EXPR_STAR:
    case EXPR_LIST:
    case EXPR_PARAM_LIST:
    case EXPR_PATH:
    case EXPR_OVER:
    case EXPR_KEYWORD:
    case EXPR_DRESSED:
        return ERR_OK;
    }
    return ERR_OK;
}

/* The first member that does not go with those before it. */
static const struct json *odd_member(const struct json *array)
{
    enum json_form all = FORM_NULL;
    const struct json *m = array->first;
    for (; m != NULL; m = m->next) {
        all = json_form_join(all, json_form_of(m));
        if (all == FORM_MIXED) {
            break;
        }
    }
    return m;
}

enum err settle_list(struct context *c, struct expr *list, enum json_form form,
                     const struct type *want)
{
    const struct json *value = list->kind == EXPR_PARAM_LIST ? list->param.value : NULL;
    const struct json *odd = value != NULL && value->kind == JSON_ARRAY && form == FORM_MIXED
                                 ? odd_member(value)
                                 : NULL;
    if (form == FORM_MIXED) {
        return ctx_fail(c, odd != NULL ? odd : list->src, ERR_TYPE_MISMATCH,
                        "the members of the list are not of one type");
    }
    struct datum d = {list->src, form, NULL};
    return choose_type(c, &d, want, SETTLE_COMPARE, &list->type);
}

static enum err families_differ(struct context *c, const struct expr *e, const char *what,
                                const struct type *other)
{
    enum err err = ctx_fail(c, e->src, ERR_TYPE_MISMATCH, "`%s` cannot put %s beside %s", what,
                            type_word(&e->type), type_word(other));
    fail_hint(c->f, "cast one side: [\"cast\", …, \"%s\"]", type_word(other));
    return err;
}

enum err unify(struct context *c, struct expr **exprs, uint32_t count, const char *what,
               struct type *out)
{
    struct type common = type_of(TYPE_UNKNOWN);
    for (uint32_t i = 0; i < count; i++) {
        if (!goes_together(&exprs[i]->type, &common)) {
            return families_differ(c, exprs[i], what, &common);
        }
        common = type_promote(&common, &exprs[i]->type);
    }
    *out = type_of(TYPE_UNKNOWN);
    for (uint32_t i = 0; i < count; i++) {
        enum err e =
            settle(c, exprs[i], common.kind == TYPE_UNKNOWN ? NULL : &common, SETTLE_COMPARE);
        if (e == ERR_OK && !goes_together(&exprs[i]->type, out)) {
            e = families_differ(c, exprs[i], what, out);
        }
        if (e != ERR_OK) {
            return e;
        }
        *out = type_promote(out, &exprs[i]->type);
    }
    for (uint32_t i = 0; i < count; i++) { /* a null takes the type of the others */
        if (exprs[i]->kind == EXPR_NULL && exprs[i]->type.kind == TYPE_UNKNOWN) {
            exprs[i]->type = *out;
        }
    }
    return ERR_OK;
}

/* ---- bytes ---- */

/* Their = is another one than that of integers, or takes 99 for 1999. */
static bool is_odd_integer(const struct column *c)
{
    return str_is(c->type.name, "oid") || str_ieq(c->type.name, STR("year"));
}

static bool is_string(enum type_kind k)
{
    return k == TYPE_TEXT || k == TYPE_VARCHAR;
}

/* citext and a set bring their own =, whatever the collation says. */
static bool is_plain_string(const struct type *t)
{
    size_t dot = t->name.len;
    if (dot == 0) {
        return is_string(t->kind); /* a name may be no text at all */
    }
    while (dot > 0 && t->name.ptr[dot - 1] != '.') {
        dot--;
    }
    struct str last = {t->name.ptr + dot, t->name.len - dot};
    return is_string(t->kind) && !str_ieq(last, STR("citext")) && !str_ieq(last, STR("set"));
}

bool types_compare_bytes(const struct column *c, enum type_kind value)
{
    if (type_is_integer(c->type.kind)) {
        return type_is_integer(value) && !is_odd_integer(c);
    }
    if (c->type.kind == TYPE_UUID) {
        return value == TYPE_UUID;
    }
    return is_plain_string(&c->type) && is_string(value) && c->equal_bytewise;
}
