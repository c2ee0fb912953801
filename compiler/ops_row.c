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

/* ---- member by member ---- */

static enum err emit_pair(struct emitter *em, const char *text, const struct expr *left,
                          const struct expr *right, uint32_t i)
{
    const struct expr *pair[] = {left->dressed.parts[i], right->dressed.parts[i]};
    return emit_template(em, text, pair, 2);
}

enum err emit_rows_equal(struct emitter *em, const char *text, const struct expr *left,
                         const struct expr *right)
{
    enum err e = ERR_OK;
    emit_text(em, "(");
    for (uint32_t i = 0; i < left->dressed.count && e == ERR_OK; i++) {
        emit_text(em, i > 0 ? " AND " : "");
        e = emit_pair(em, text, left, right, i);
    }
    emit_text(em, ")");
    return e;
}

/* a < x OR (a = x AND (b < y OR …)) */
static enum err emit_rows_order(struct emitter *em, const char *name, const struct expr *left,
                                const struct expr *right)
{
    static const char *const strict[] = {"($1 < $2)", "($1 > $2)"};
    static const char *const loose[] = {"($1 <= $2)", "($1 >= $2)"};
    unsigned way = name[0] == '<' ? 0 : 1;
    uint32_t last = left->dressed.count - 1;
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < last && e == ERR_OK; i++) {
        emit_text(em, "(");
        e = emit_pair(em, strict[way], left, right, i);
        emit_text(em, " OR (");
        e = e != ERR_OK ? e : emit_pair(em, "($1 = $2)", left, right, i);
        emit_text(em, " AND ");
    }
    e = e != ERR_OK
            ? e
            : emit_pair(em, name[1] == '=' ? loose[way] : strict[way], left, right, last);
    for (uint32_t i = 0; i < last; i++) {
        emit_text(em, "))");
    }
    return e;
}

enum err emit_rows_apart(struct emitter *em, const struct expr *call, const struct expr *left,
                         const struct expr *right)
{
    const char *name = call_name(call);
    if (name[0] == '<' || name[0] == '>') {
        return emit_rows_order(em, name, left, right);
    }
    bool negated = name[0] == '!' || str_is(str_of(name), "is_not");
    emit_text(em, negated ? "(NOT " : "");
    enum err e = emit_rows_equal(em, name[0] == 'i' ? "($1 <=> $2)" : "($1 = $2)", left, right);
    emit_text(em, negated ? ")" : "");
    return e;
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
