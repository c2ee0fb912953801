/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_window.c: functions of windows. Their templates have the marks of
 * compiler/emit_aggregate.c.
 */
#include "compiler/emit_window.h"
#include "compiler/moments.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

/* ---- rules ---- */

static enum err rule_rank(struct context *c, struct query *q, struct expr *e)
{
    (void)c;
    (void)q;
    e->type = type_of(TYPE_BIGINT);
    e->nullable = false;
    return ERR_OK;
}

static enum err rule_share(struct context *c, struct query *q, struct expr *e)
{
    (void)c;
    (void)q;
    e->type = type_of(TYPE_DOUBLE);
    e->nullable = false;
    return ERR_OK;
}

/* A distance or number of parts: the databases answer bad ones differently, so it is
 * checked when it is bound. */
static enum err need_count(struct context *c, struct expr *e, enum bind_form form)
{
    struct type integer = type_of(TYPE_INTEGER);
    if (!is_untyped_value(e)) {
        return not_computed(
            c, e->src, "the number of a function of windows",
            "number the rows by `row_number` in a subquery of `from`, and compute with that");
    }
    e->form = form;
    return settle(c, e, &integer, SETTLE_ASSIGN);
}

static enum err rule_ntile(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_BIGINT);
    return need_count(c, e->call.args[0], BIND_START);
}

/* PostgreSQL's function must know the type of a null. */
static enum err rule_value(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    struct type text = type_of(TYPE_TEXT);
    enum err err = settle(c, x, x->kind == EXPR_NULL ? &text : NULL, SETTLE_COMPARE);
    e->type = x->type;
    return err == ERR_OK && e->call.count > 1 ? need_count(c, e->call.args[1], BIND_START)
                                              : err;
}

static enum err rule_neighbour(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *pair[] = {e->call.args[0], e->call.count > 2 ? e->call.args[2] : NULL};
    struct type text = type_of(TYPE_TEXT);
    enum err err = unify(c, pair, pair[1] == NULL ? 1 : 2, call_name(e), &e->type);
    if (err == ERR_OK && e->type.kind == TYPE_UNKNOWN && pair[0]->kind == EXPR_NULL) {
        err = settle(c, pair[0], &text, SETTLE_COMPARE);
    }
    err = err == ERR_OK && pair[1] != NULL ? same_intervals(c, pair, 2) : err;
    return err == ERR_OK && e->call.count > 1 ? need_count(c, e->call.args[1], BIND_COUNT)
                                              : err;
}

/* ---- emitting ---- */

static enum err emit_windowed(struct emitter *em, const struct expr *call,
                              const struct expr *const *args, enum emit_place place)
{
    (void)place;
    return emit_aggregate_text(em, call, args, call->call.op->sql[em->d->column]);
}

/* MariaDB's lag and lead have no default: whether there is such a row is asked for. */
static enum err emit_neighbour(struct emitter *em, const struct expr *call,
                               const struct expr *const *args, enum emit_place place)
{
    static const char *const with_default[2][DIALECT_COUNT] = {
        {"lag($1, $2, $3)^", "CASE WHEN row_number()^ > $2 THEN lag($1, $2)^ ELSE $3 END",
         "lag($1, $2, $3)^"},
        {"lead($1, $2, $3)^",
         "CASE WHEN count(*)! - row_number()^ >= $2 THEN lead($1, $2)^ ELSE $3 END",
         "lead($1, $2, $3)^"}};
    static const char *const plain[2][2] = {{"lag($1)^", "lag($1, $2)^"},
                                            {"lead($1)^", "lead($1, $2)^"}};
    unsigned ahead = str_is(str_of(call_name(call)), "lead");
    (void)place;
    if (call->call.count == 3) {
        return emit_aggregate_text(em, call, args, with_default[ahead][em->d->column]);
    }
    return emit_aggregate_text(em, call, args, plain[ahead][call->call.count - 1]);
}

#define RANK(op, of, ...)                                                                      \
    {                                                                                          \
        .name = (op), .flags = OP_WINDOW | OP_FRAMELESS, .rule = (of), .emit = emit_windowed,  \
        .sql = __VA_ARGS__                                                                     \
    }
/* MariaDB keeps ten digits of its own ones where rows are sorted afterwards. */
#define SHARE(op, maria) RANK(op, rule_share, {op "()^", maria, op "()^"})
#define NEIGHBOUR(op)                                                                          \
    {                                                                                          \
        .name = (op), .min_args = 1, .max_args = 3, .flags = OP_WINDOW | OP_FRAMELESS,         \
        .rule = rule_neighbour, .emit = emit_neighbour, .dress = DRESS_BESIDE                  \
    }
#define VALUE(op, args, text)                                                                  \
    {                                                                                          \
        .name = (op), .min_args = (args), .max_args = (args), .flags = OP_WINDOW,              \
        .rule = rule_value, .emit = emit_windowed, .sql = ALL(text)                            \
    }

static const struct op_info list[] = {
    SHARE("cume_dist", "(CAST(count(*)^ AS DOUBLE) / count(*)!)"),
    RANK("dense_rank", rule_rank, ALL("dense_rank()^")),
    VALUE("first_value", 1, "first_value($1)^"),
    NEIGHBOUR("lag"),
    VALUE("last_value", 1, "last_value($1)^"),
    NEIGHBOUR("lead"),
    VALUE("nth_value", 2, "nth_value($1, $2)^"),
    {.name = "ntile",
     .min_args = 1,
     .max_args = 1,
     .flags = OP_WINDOW | OP_FRAMELESS,
     .rule = rule_ntile,
     .emit = emit_windowed,
     .sql = {"(ntile($1)^)::int8", "ntile($1)^", "ntile($1)^"}},
    SHARE("percent_rank", "(CAST(rank()^ - 1 AS DOUBLE) / greatest(count(*)! - 1, 1))"),
    RANK("rank", rule_rank, ALL("rank()^")),
    RANK("row_number", rule_rank, ALL("row_number()^")),
};

const struct op_table ops_window = OP_TABLE_OF(list);
