/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_array.c: arrays of PostgreSQL: the first member is 1.
 */
#include "compiler/operators.h"
#include "compiler/types.h"

static enum err need_arrays(struct context *c, const struct expr *e, const struct type *element)
{
    if (c->d->array_native(element) != 0) {
        return ERR_OK;
    }
    enum err err = ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE, "%s has no arrays of %s",
                            c->d->words.name, type_word(element));
    fail_hint(c->f, "json_array and `->` are there on every database");
    return err;
}

static enum err rule_array(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type common;
    enum err err = unify(c, e->call.args, e->call.count, call_name(e), &common);
    err = err != ERR_OK ? err : need_arrays(c, e, &common);
    e->type = type_of(TYPE_ARRAY);
    e->type.element = common.kind;
    e->type.native = err == ERR_OK ? c->d->array_native(&common) : 0;
    e->nullable = false;
    return err;
}

/* Of an array and whole numbers. */
static enum err need_places(struct context *c, struct expr *e)
{
    struct expr *x = e->call.args[0];
    struct type element = type_of(x->type.element);
    enum err err = ERR_OK;
    if (x->type.kind != TYPE_ARRAY) {
        return type_mismatch(c, x, call_name(e), "an array");
    }
    for (uint32_t i = 1; i < e->call.count && err == ERR_OK; i++) {
        err = need_integer(c, e->call.args[i], call_name(e));
    }
    return err != ERR_OK ? err : need_arrays(c, e, &element);
}

static enum err rule_index(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = need_places(c, e);
    e->type = type_of(e->call.args[0]->type.element);
    return err;
}

static enum err rule_slice(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = need_places(c, e);
    e->type = e->call.args[0]->type;
    return err;
}

static const struct op_info list[] = {
    {.name = "array",
     .min_args = 1,
     .max_args = MOST_ARGS,
     .flags = OP_KEEPS_NULL,
     .rule = rule_array,
     .sql = {"ARRAY[$*]"}},
    {.name = "index",
     .min_args = 2,
     .max_args = 2,
     .rule = rule_index,
     .sql = {"($1)[$2::int4]"}},
    {.name = "slice",
     .min_args = 3,
     .max_args = 3,
     .rule = rule_slice,
     .sql = {"($1)[$2::int4:$3::int4]"}},
};

const struct op_table ops_array = OP_TABLE_OF(list);
