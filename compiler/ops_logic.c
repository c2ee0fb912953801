/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_logic.c: and, or, not, and what chooses among values.
 */
#include "compiler/moments.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

static enum err rule_logic(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    e->type = type_of(TYPE_BOOLEAN);
    e->nullable = any_nullable(e);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        err = need_boolean(c, e->call.args[i], call_name(e));
    }
    return err;
}

static enum err rule_common(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = unify(c, e->call.args, e->call.count, call_name(e), &common);
    e->type = common;
    e->nullable = true;
    for (uint32_t i = 0; i < e->call.count; i++) {
        e->nullable = e->nullable && e->call.args[i]->nullable;
    }
    if (err == ERR_OK && call_name(e)[0] != 'c') {
        enum type_family f = type_family(common.kind);
        e->nullable = any_nullable(e);
        if (f != FAMILY_NUMBER && f != FAMILY_TEXT && f != FAMILY_DATE && f != FAMILY_TIME) {
            return type_mismatch(c, e->call.args[0], call_name(e), "numbers, texts or dates");
        }
    }
    return err != ERR_OK ? err : same_intervals(c, e->call.args, e->call.count);
}

static enum err rule_nullif(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = unify(c, e->call.args, 2, call_name(e), &common);
    e->type = e->call.args[0]->type;
    err = err != ERR_OK ? err : need_spans(c, e->call.args[0]);
    return err != ERR_OK ? err : check_comparable(c, e, &common);
}

/* Of one argument nothing is left to choose. */
static enum err emit_common(struct emitter *em, const struct expr *call,
                            const struct expr *const *args, enum emit_place place)
{
    return call->call.count == 1 ? emit_expr(em, args[0])
                                 : emit_operator(em, call, args, place);
}

#define CHOICE(op, least, bits, ...)                                                           \
    {                                                                                          \
        .name = (op), .min_args = (least), .max_args = MOST_ARGS, .flags = (bits),             \
        .rule = rule_common, .emit = emit_common, .dress = DRESS_BESIDE, .sql = __VA_ARGS__    \
    }
/* Where MariaDB's are cast to a decimal, each argument is, although one may be too large. */
#define LEAST_FLOATING(op, sqlite)                                                             \
    .floating = {"(CASE WHEN num_nulls($*) > 0 THEN NULL ELSE " op "($*) END)",                \
                 "(" op "($*) + 0e0)", sqlite "($*)"}

static const struct op_info list[] = {
    {.name = "and",
     .min_args = 1,
     .max_args = ARGS_ANY,
     .flags = OP_KEEPS_NULL,
     .rule = rule_logic,
     .sql = ALL("@ AND ")},
    CHOICE("coalesce", 1, OP_KEEPS_NULL, ALL("coalesce($*)")),
    CHOICE("greatest", 2, 0,
           {"(CASE WHEN num_nulls($*) > 0 THEN NULL ELSE greatest($*) END)", "greatest($*)",
            "max($*)"},
           LEAST_FLOATING("greatest", "max")),
    CHOICE(
        "least", 2, 0,
        {"(CASE WHEN num_nulls($*) > 0 THEN NULL ELSE least($*) END)", "least($*)", "min($*)"},
        LEAST_FLOATING("least", "min")),
    {.name = "not", .min_args = 1, .max_args = 1, .rule = rule_logic, .sql = ALL("(NOT $1)")},
    {.name = "nullif",
     .min_args = 2,
     .max_args = 2,
     .flags = OP_KEEPS_NULL,
     .rule = rule_nullif,
     .dress = DRESS_BESIDE,
     .sql = ALL("nullif($1, $2)")},
    {.name = "or",
     .min_args = 1,
     .max_args = ARGS_ANY,
     .flags = OP_KEEPS_NULL,
     .rule = rule_logic,
     .sql = ALL("@ OR ")},
};

const struct op_table ops_logic = OP_TABLE_OF(list);
