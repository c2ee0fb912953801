/* SPDX-License-Identifier: MIT
 *
 * compiler/notes.c: see compiler/notes.h. One walk over the resolved statement, so
 * that nobody who compiles a clause has to think of it.
 */
#include "compiler/notes.h"

#include "compiler/operators.h"
#include "compiler/walk.h"

static const struct {
    const char *code, *text;
} notes[] = {
#define X(name, code, text) [NOTE_##name] = {code, text},
    NOTE_MAP(X)
#undef X
};
#define NOTE_COUNT ((uint32_t)(sizeof notes / sizeof notes[0]))

bool notes_next(uint32_t set, uint32_t *at, const char **code, const char **text)
{
    while (*at < NOTE_COUNT && (set >> *at & 1) == 0) {
        ++*at;
    }
    if (*at == NOTE_COUNT) {
        return false;
    }
    *code = notes[*at].code;
    *text = notes[(*at)++].text;
    return true;
}

struct taking {
    const struct dialect *d;
    uint32_t notes;
};

static void take(struct taking *t, enum note n)
{
    t->notes |= UINT32_C(1) << n;
}

/* What operators do with operands of these families. */
enum sense { EQUALITY, ORDER, PATTERN, FLOATS, SUMS, FLOAT_TEXTS, JSON_TEXTS, REGEX };

static const struct {
    const char *op;
    enum sense sense;
} senses[] = {
    {"=", EQUALITY},
    {"<>", EQUALITY},
    {"!=", EQUALITY},
    {"in", EQUALITY},
    {"not_in", EQUALITY},
    {"is", EQUALITY},
    {"is_not", EQUALITY},
    {"nullif", EQUALITY},
    {"any", EQUALITY},
    {"all", EQUALITY},
    {"<", ORDER},
    {"<=", ORDER},
    {">", ORDER},
    {">=", ORDER},
    {"between", ORDER},
    {"not_between", ORDER},
    {"min", ORDER},
    {"max", ORDER},
    {"greatest", ORDER},
    {"least", ORDER},
    {"like", PATTERN},
    {"not_like", PATTERN},
    {"startswith", PATTERN},
    {"endswith", PATTERN},
    {"contains", PATTERN},
    {"*", FLOATS},
    {"/", FLOATS},
    {"power", FLOATS},
    {"^", FLOATS},
    {"exp", FLOATS},
    {"sum", SUMS},
    {"avg", SUMS},
    {"cast", FLOAT_TEXTS},
    {"try_cast", FLOAT_TEXTS},
    {"->>", JSON_TEXTS},
    {"json_keys", JSON_TEXTS},
    {"regexp", REGEX},
    {"iregexp", REGEX},
    {"regexp_replace", REGEX},
};

/* A column that happens to be bytewise here is not so on the next database. */
static bool has_collation(const struct expr *e)
{
    return e->kind == EXPR_CALL && str_is(str_of(e->call.op->name), "collate");
}

static void take_texts(struct taking *t, struct expr *const *list, uint32_t count)
{
    bool text = false, said = false;
    for (uint32_t i = 0; i < count; i++) {
        text = text || type_family(list[i]->type.kind) == FAMILY_TEXT;
        said = said || has_collation(list[i]);
    }
    if (text && !said) {
        take(t, NOTE_TEXT_COLLATION);
    }
}

static bool any_of(const struct expr *call, enum type_family family)
{
    bool any = false;
    for (uint32_t i = 0; i < call->call.count; i++) {
        any = any || type_family(call->call.args[i]->type.kind) == family;
    }
    return any;
}

static bool is_float(const struct expr *e)
{
    return e->type.kind == TYPE_DOUBLE || e->type.kind == TYPE_REAL;
}

static void take_call(struct taking *t, const struct expr *e)
{
    struct str name = str_of(e->call.op->name);
    for (size_t i = 0; i < sizeof senses / sizeof senses[0]; i++) {
        if (!str_is(name, senses[i].op)) {
            continue;
        }
        switch (senses[i].sense) {
        case ORDER:
            if (any_of(e, FAMILY_UUID)) {
                take(t, NOTE_UUID_ORDER);
            }
            take_texts(t, e->call.args, e->call.count);
            break;
        case EQUALITY:
        case PATTERN:
            take_texts(t, e->call.args, e->call.count);
            break;
        case FLOATS:
            if (is_float(e)) {
                take(t, NOTE_SMALL_FLOATS);
            }
            break;
        case SUMS:
            if (e->call.count > 0 && is_float(e->call.args[0])) {
                take(t, NOTE_FLOAT_SUMS);
            }
            break;
        case FLOAT_TEXTS:
            if (is_float(e->call.args[0]) && type_family(e->type.kind) == FAMILY_TEXT) {
                take(t, NOTE_FLOAT_TEXT);
            }
            break;
        case JSON_TEXTS:
            take(t, NOTE_JSON_TEXT);
            break;
        case REGEX:
            take(t, NOTE_REGULAR_EXPRESSIONS);
            break;
        }
    }
}

static void take_orders(struct taking *t, const struct order *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct expr *e = list[i].expr;
        take_texts(t, &e, 1);
        if (type_family(e->type.kind) == FAMILY_UUID) {
            take(t, NOTE_UUID_ORDER);
        }
        if (list[i].nulls == NULLS_DEFAULT && e->nullable) {
            take(t, NOTE_NULL_ORDER);
        }
    }
}

static bool take_query(const struct query *q, void *arg);

static bool take_expr(const struct expr *e, void *arg)
{
    struct taking *t = arg;
    if (e->kind == EXPR_CALL) {
        const struct aggregate *a = e->call.aggregate;
        take_call(t, e);
        if (a != NULL) {
            take_orders(t, a->order, a->order_count);
            take_orders(t, a->within, a->within_count);
        }
    } else if (e->kind == EXPR_QUERY) {
        return take_query(e->query, t);
    } else if (e->kind == EXPR_OVER) {
        take_orders(t, e->over.window->order, e->over.window->order_count);
        take_texts(t, e->over.window->partition, e->over.window->partition_count);
    } else if (e->kind == EXPR_CASE && e->cas.of != NULL) {
        struct expr *of = e->cas.of;
        take_texts(t, &of, 1);
    }
    return expr_children(e, take_expr, t);
}

/* Rows that are told apart by all their outputs. */
static void take_outputs(struct taking *t, const struct query *q)
{
    bool apart = q->distinct || (q->kind == QUERY_COMPOUND && q->set_op != SET_UNION_ALL);
    for (uint32_t i = 0; apart && i < q->output_count; i++) {
        struct expr *e = q->outputs[i].expr;
        take_texts(t, &e, 1);
    }
}

static bool take_query(const struct query *q, void *arg)
{
    struct taking *t = arg;
    take_orders(t, q->order, q->order_count);
    for (uint32_t i = 0; i < q->group_count; i++) {
        take_texts(t, &q->group[i], 1);
    }
    take_outputs(t, q);
    for (uint32_t i = 0; i < q->with.count; i++) {
        if (q->with.ctes[i].keep != KEEP_DEFAULT && !t->d->keeps_ctes) {
            take(t, NOTE_MATERIALIZED);
        }
    }
    if (q->lock.of != NULL && !t->d->lock_of) {
        take(t, NOTE_LOCKS_ALL);
    }
    const struct write *w = q->write;
    if (w != NULL && w->upsert != NULL && w->query != NULL && w->upsert->updates) {
        take(t, NOTE_UPSERT_ORDER);
    }
    return query_exprs(q, take_expr, t) && query_parts(q, take_query, t);
}

uint32_t notes_of(const struct dialect *d, const struct query *q, const struct write *w)
{
    struct taking t = {.d = d};
    (void)take_query(q != NULL ? q : &w->scope, &t);
    return t.notes;
}
