/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_text.c: texts.
 */
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

/* Texts, and whole numbers, which every database writes alike. */
static enum err rule_concat(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct type text = type_of(TYPE_TEXT);
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        struct expr *x = e->call.args[i];
        enum type_family family = type_family(x->type.kind);
        if (family == FAMILY_BYTES || family == FAMILY_ARRAY || family == FAMILY_JSON) {
            return not_built(c, x->src, "joining bytes, arrays or json");
        }
        if (is_untyped_value(x) || x->kind == EXPR_NULL) {
            err = settle(c, x, &text, SETTLE_COMPARE);
        } else if (!is_family(x, FAMILY_TEXT) && !type_is_integer(x->type.kind)) {
            err = type_mismatch(c, x, call_name(e), "texts and whole numbers");
            fail_hint(c->f, "cast it to text");
        }
    }
    e->type = text;
    e->nullable = any_nullable(e);
    return err;
}

static enum err rule_length(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    e->type = type_of(TYPE_BIGINT);
    e->nullable = x->nullable;
    if (call_name(e)[0] == 'o' && type_family(x->type.kind) == FAMILY_BYTES) {
        return ERR_OK;
    }
    return need_text(c, x, call_name(e));
}

/* A negative start means different things everywhere and is an error here, so
 * it must be known when it is bound. */
static enum err need_position(struct context *c, struct expr *e, enum bind_form form)
{
    struct type integer = type_of(TYPE_INTEGER);
    if (!is_untyped_value(e)) {
        return not_built(c, e->src, "a start or length that is not a literal or a param");
    }
    e->form = form;
    return settle(c, e, &integer, SETTLE_ASSIGN);
}

static enum err rule_substr(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = need_text(c, e->call.args[0], "substr");
    err = err != ERR_OK ? err : need_position(c, e->call.args[1], BIND_START);
    e->type = type_of(TYPE_TEXT);
    e->nullable = any_nullable(e);
    return err == ERR_OK && e->call.count == 3 ? need_position(c, e->call.args[2], BIND_COUNT)
                                               : err;
}

#define TEXT(op, args, ...)                                                                    \
    {                                                                                          \
        .name = (op), .min_args = (args), .max_args = (args), .rule = rule_text,               \
        .dress = DRESS_TEXT, .sql = __VA_ARGS__                                                \
    }
#define LENGTH(op, ...)                                                                        \
    {                                                                                          \
        .name = (op), .min_args = 1, .max_args = 1, .rule = rule_length, .dress = DRESS_TEXT,  \
        .sql = __VA_ARGS__                                                                     \
    }
#define CONCAT(op, least)                                                                      \
    {                                                                                          \
        .name = (op), .min_args = (least), .max_args = ARGS_ANY, .rule = rule_concat,          \
        .dress = DRESS_WRITTEN, .sql = {                                                       \
            "@ || ",                                                                           \
            "concat($*)",                                                                      \
            "@ || "                                                                            \
        }                                                                                      \
    }

static const struct op_info list[] = {
    CONCAT("concat", 1),
    PLANNED("hex"),
    PLANNED("iregexp"),
    LENGTH("length", {"length($1)::int8", "char_length($1)", "length($1)"}),
    TEXT("lower", 1, {"lower($1)", "lower($1)", "tb_lower($1)"}),
    PLANNED("lpad"),
    TEXT("ltrim", 1, ALL("ltrim($1)")),
    PLANNED("md5"),
    LENGTH("octet_length",
           {"octet_length($1)::int8", "octet_length($1)", "length(CAST($1 AS BLOB))"}),
    PLANNED("position"),
    PLANNED("regexp"),
    PLANNED("regexp_replace"),
    PLANNED("repeat"),
    TEXT("replace", 3, ALL("replace($1, $2, $3)")),
    PLANNED("reverse"),
    PLANNED("rpad"),
    TEXT("rtrim", 1, ALL("rtrim($1)")),
    PLANNED("sha256"),
    PLANNED("split_part"),
    {.name = "substr",
     .min_args = 2,
     .max_args = 3,
     .rule = rule_substr,
     .dress = DRESS_TEXT,
     .sql = ALL("substr($*)")},
    TEXT("trim", 1, {"btrim($1)", "trim($1)", "trim($1)"}),
    TEXT("upper", 1, {"upper($1)", "upper($1)", "tb_upper($1)"}),
    PLANNED("uuid4"),
    PLANNED("uuid7"),
    CONCAT("||", 2),
};

const struct op_table ops_text = OP_TABLE_OF(list);
