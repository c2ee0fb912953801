/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_row.c: `tuple`: a row of values as the operand of a comparison or of
 * `in`. It has no type of its own: its members are typed with those across.
 */
#include "compiler/ops_row.h"

#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

bool is_row(const struct expr *e)
{
    return e->kind == EXPR_CALL && (e->call.op->flags & OP_ROW) != 0;
}

enum err not_a_row(struct context *c, const struct expr *row, const struct expr *e)
{
    enum err err = ctx_fail(c, e->src, ERR_BAD_QUERY,
                            "a `tuple` of %u members stands beside another one of %u",
                            row->call.count, row->call.count);
    fail_hint(c->f, "write [\"tuple\",…], or a select with as many columns");
    return err;
}

/* Where operators that take rows find one, they resolve its members themselves. */
static enum err rule_tuple(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    return ctx_fail(c, e->src, ERR_BAD_QUERY,
                    "`tuple` stands only as an operand of a comparison or of `in`");
}

static enum err emit_tuple(struct emitter *em, const struct expr *call,
                           const struct expr *const *args, enum emit_place place)
{
    (void)call;
    (void)place;
    return emit_template(em, "($*)", args, call->call.count);
}

struct expr *row_member(const struct expr *x, uint32_t i)
{
    return x->kind == EXPR_QUERY ? x->query->outputs[i].expr : x->call.args[i];
}

uint32_t row_width(const struct expr *x)
{
    return x->kind == EXPR_QUERY ? x->query->output_count : is_row(x) ? x->call.count : 1;
}

/* Member i of all rows gets one type. */
static enum err unify_column(struct context *c, struct expr *call, struct expr *const *rows,
                             uint32_t count, uint32_t i)
{
    struct type common;
    struct expr **column = ARENA_ARRAY(c->a, count, struct expr *);
    if (column == NULL) {
        return ctx_full(c);
    }
    for (uint32_t r = 0; r < count; r++) {
        column[r] = row_member(rows[r], i);
        call->nullable = call->nullable || column[r]->nullable;
    }
    enum err err = unify(c, column, count, call_name(call), &common);
    return err != ERR_OK ? err : check_comparable(c, call, &common);
}

enum err unify_rows(struct context *c, struct expr *call, struct expr *const *rows,
                    uint32_t count)
{
    const struct expr *row = is_row(rows[0]) ? rows[0] : rows[1];
    enum err err = ERR_OK;
    call->nullable = false;
    for (uint32_t r = 0; r < count; r++) {
        if (row_width(rows[r]) != row->call.count ||
            (!is_row(rows[r]) && rows[r]->kind != EXPR_QUERY)) {
            return not_a_row(c, row, rows[r]);
        }
    }
    for (uint32_t i = 0; i < row->call.count && err == ERR_OK; i++) {
        err = unify_column(c, call, rows, count, i);
    }
    return err;
}

const struct expr *dress_row(struct emitter *em, const struct expr *row,
                             const struct expr *other)
{
    if (row->kind == EXPR_QUERY) {
        return row;
    }
    const struct expr **parts = ARENA_ARRAY(em->c->a, row->call.count, const struct expr *);
    for (uint32_t i = 0; parts != NULL && i < row->call.count; i++) {
        parts[i] = dress_beside(em, row->call.args[i], &row_member(other, i)->type);
        if (parts[i] == NULL) {
            return NULL;
        }
    }
    return parts == NULL ? NULL : dress_parts(em, "($*)", parts, row->call.count);
}

static const struct op_info list[] = {
    {.name = "tuple",
     .min_args = 2,
     .max_args = MOST_ARGS,
     .flags = OP_ROW,
     .rule = rule_tuple,
     .emit = emit_tuple},
};

const struct op_table ops_row = OP_TABLE_OF(list);
