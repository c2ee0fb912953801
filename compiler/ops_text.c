/* SPDX-License-Identifier: MIT
 *
 * compiler/ops_text.c: texts.
 */
#include "compiler/collation.h"
#include "compiler/names.h"
#include "compiler/operators.h"
#include "compiler/resolve.h"
#include "compiler/types.h"

static enum err need_bytes(struct context *c, struct expr *e, const char *what)
{
    struct type bytes = type_of(TYPE_BYTES);
    if (!is_family(e, FAMILY_BYTES)) {
        return type_mismatch(c, e, what, "bytes beside bytes");
    }
    return settle(c, e, &bytes, SETTLE_COMPARE);
}

/* A text, or a whole number, which every database writes alike. */
static enum err need_written(struct context *c, struct expr *x, const char *what)
{
    struct type text = type_of(TYPE_TEXT);
    if (is_untyped_value(x) || x->kind == EXPR_NULL) {
        return settle(c, x, &text, SETTLE_COMPARE);
    }
    if (is_family(x, FAMILY_TEXT) || type_is_integer(x->type.kind)) {
        return ERR_OK;
    }
    enum err err = type_mismatch(c, x, what, "texts and whole numbers");
    fail_hint(c->f, "cast it to text");
    return err;
}

/* What is joined: bytes, arrays or json as soon as one of the operands is that. */
static enum type_family joined_family(const struct expr *e)
{
    for (uint32_t i = 0; i < e->call.count; i++) {
        enum type_family f = type_family(e->call.args[i]->type.kind);
        if (f == FAMILY_BYTES || f == FAMILY_ARRAY || f == FAMILY_JSON) {
            return f;
        }
    }
    return FAMILY_TEXT;
}

/* Arrays end to end; objects of json with the members of the last one that has them,
 * lists end to end, as PostgreSQL does. */
static enum err join_members(struct context *c, struct expr *e, enum type_family family)
{
    struct type json = type_of(TYPE_JSON);
    if (!c->d->arrays) {
        enum err err =
            ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                     "%s has no exact `%s` of arrays or json", c->d->words.name, call_name(e));
        fail_hint(c->f, "`json_array` makes a list of members; `json_set` adds to json");
        return err;
    }
    if (family == FAMILY_ARRAY) {
        return unify(c, e->call.args, e->call.count, call_name(e), &e->type);
    }
    enum err err = ERR_OK;
    e->type = json;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        struct expr *x = e->call.args[i];
        err = is_family(x, FAMILY_JSON) ? settle(c, x, &json, SETTLE_COMPARE)
                                        : type_mismatch(c, x, call_name(e), "json beside json");
    }
    return err;
}

static enum err rule_concat(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = ERR_OK;
    enum type_family family = joined_family(e);
    e->nullable = any_nullable(e);
    if (family == FAMILY_ARRAY || family == FAMILY_JSON) {
        return join_members(c, e, family);
    }
    bool bytes = family == FAMILY_BYTES;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        err = bytes ? need_bytes(c, e->call.args[i], call_name(e))
                    : need_written(c, e->call.args[i], call_name(e));
    }
    e->type = type_of(bytes ? TYPE_BYTES : TYPE_TEXT);
    return err;
}

/* PostgreSQL's || takes a null array for an empty one. */
static enum err emit_joined_arrays(struct emitter *em, const struct expr *const *args,
                                   uint32_t count)
{
    const struct expr *parts[] = {dress_parts(em, "num_nulls($*)", args, count),
                                  dress_parts(em, "@ || ", args, count)};
    if (parts[0] == NULL || parts[1] == NULL) {
        return ctx_full(em->c);
    }
    return emit_template(em, "(CASE WHEN $1 > 0 THEN NULL ELSE $2 END)", parts, 2);
}

static enum err emit_joined_json(struct emitter *em, const struct expr *const *args,
                                 uint32_t count)
{
    const struct expr **dressed = ARENA_ARRAY(em->c->a, count, const struct expr *);
    for (uint32_t i = 0; dressed != NULL && i < count; i++) {
        dressed[i] = dress(em, "$1::jsonb", args[i]);
        if (dressed[i] == NULL) {
            return ctx_full(em->c);
        }
    }
    return dressed == NULL ? ctx_full(em->c) : emit_template(em, "@ || ", dressed, count);
}

static enum err emit_concat(struct emitter *em, const struct expr *call,
                            const struct expr *const *args, enum emit_place place)
{
    if (call->type.kind == TYPE_ARRAY) {
        return emit_joined_arrays(em, args, call->call.count);
    }
    if (call->type.kind == TYPE_JSON) {
        return emit_joined_json(em, args, call->call.count);
    }
    const char *around = call->type.kind == TYPE_BYTES ? em->d->joined_bytes : NULL;
    if (around == NULL) {
        return emit_operator(em, call, args, place);
    }
    const struct expr *joined = dress_parts(em, operator_sql(em, call), args, call->call.count);
    return joined == NULL ? ctx_full(em->c) : emit_template(em, around, &joined, 1);
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

/* Texts and, from `first` on, a whole number of this form. */
static enum err texts_and_number(struct context *c, struct expr *e, uint32_t at,
                                 enum bind_form form)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < e->call.count && err == ERR_OK; i++) {
        struct expr *x = e->call.args[i];
        err = i == at ? need_bounded(c, x, form, call_name(e)) : need_text(c, x, call_name(e));
    }
    e->type = type_of(TYPE_TEXT);
    e->nullable = any_nullable(e);
    return err;
}

/* A start below 1 means different things everywhere and is an error here. */
static enum err rule_substr(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = need_text(c, e->call.args[0], "substr");
    err = err != ERR_OK ? err : need_bounded(c, e->call.args[1], BIND_START, "substr");
    e->type = type_of(TYPE_TEXT);
    e->nullable = any_nullable(e);
    return err == ERR_OK && e->call.count == 3
               ? need_bounded(c, e->call.args[2], BIND_LENGTH, "substr")
               : err;
}

static enum err rule_pad(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    return texts_and_number(c, e, 1, BIND_LENGTH);
}

static enum err rule_split(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    return texts_and_number(c, e, 2, BIND_START);
}

static enum err rule_position(struct context *c, struct query *q, struct expr *e)
{
    enum err err = rule_text(c, q, e);
    e->type = type_of(TYPE_BIGINT);
    return err;
}

static enum err rule_regexp(struct context *c, struct query *q, struct expr *e)
{
    enum err err = rule_text(c, q, e);
    e->type = type_of(TYPE_BOOLEAN);
    return err;
}

/* The fourth argument is a keyword. */
static enum err rule_regexp_replace(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < 3 && err == ERR_OK; i++) {
        err = need_text(c, e->call.args[i], "regexp_replace");
    }
    e->type = type_of(TYPE_TEXT);
    e->nullable = any_nullable(e);
    if (err == ERR_OK && e->call.count == 4 && !str_is(e->call.args[3]->keyword, "i")) {
        err = ctx_fail(c, e->call.args[3]->src, ERR_BAD_QUERY,
                       "the fourth argument of `regexp_replace` can be \"i\"");
        fail_hint(c->f, "\"i\" ignores case; every place is replaced anyway");
    }
    return err;
}

/* Of a text: of the bytes of its UTF-8. */
static enum err rule_digest(struct context *c, struct query *q, struct expr *e)
{
    (void)q;
    struct expr *x = e->call.args[0];
    e->type = type_of(TYPE_TEXT);
    e->nullable = x->nullable;
    return x->type.kind == TYPE_BYTES ? ERR_OK : need_text(c, x, call_name(e));
}

static enum err rule_uuid(struct context *c, struct query *q, struct expr *e)
{
    (void)c;
    (void)q;
    e->type = type_of(TYPE_UUID);
    e->nullable = false;
    return ERR_OK;
}

/* The case of a letter goes by the alphabet, whatever order the text was given; the
 * result keeps that order. */
static enum err emit_case(struct emitter *em, const struct expr *call,
                          const struct expr *const *args, enum emit_place place)
{
    const struct expr *collate = collation_of(call->call.args[0]);
    if (em->d->folds == NULL || collate == NULL) {
        return emit_operator(em, call, args, place);
    }
    const struct expr *name = collate->call.args[1];
    const struct expr *of = dress(em, em->d->folds, args[0]);
    const char *text = NULL;
    of = of == NULL ? NULL : dress(em, operator_sql(em, call), of);
    if (of == NULL) {
        return ctx_full(em->c);
    }
    enum err e = collation_template(em->c, name->src, name->keyword, &text);
    return e != ERR_OK ? e : emit_template(em, text, &of, 1);
}

static enum err emit_regexp(struct emitter *em, const struct expr *call,
                            const struct expr *const *args, enum emit_place place)
{
    const struct expr *pair[] = {args[0], args[1]};
    bool folded =
        (call->call.op->flags & OP_FOLDED) != 0 && em->d->folds != NULL &&
        (collation_of(call->call.args[0]) != NULL || collation_of(call->call.args[1]) != NULL);
    for (uint32_t i = 0; folded && i < 2; i++) {
        pair[i] = dress(em, em->d->folds, args[i]);
        if (pair[i] == NULL) {
            return ctx_full(em->c);
        }
    }
    return emit_operator(em, call, pair, place);
}

#define CASE(op, ...)                                                                          \
    {                                                                                          \
        .name = (op), .min_args = 1, .max_args = 1, .rule = rule_text, .emit = emit_case,      \
        .dress = DRESS_TEXT, .sql = __VA_ARGS__                                                \
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
        .emit = emit_concat, .dress = DRESS_WRITTEN, .sql = {                                  \
            "@ || ",                                                                           \
            "concat($*)",                                                                      \
            "@ || "                                                                            \
        }                                                                                      \
    }
#define BOUNDED(op, least, most, of, ...)                                                      \
    {                                                                                          \
        .name = (op), .min_args = (least), .max_args = (most), .rule = (of),                   \
        .emit = emit_bounded, .dress = DRESS_TEXT, .sql = __VA_ARGS__                          \
    }
#define DIGEST(op, ...)                                                                        \
    {                                                                                          \
        .name = (op), .min_args = 1, .max_args = 1, .rule = rule_digest, .dress = DRESS_BYTES, \
        .sql = __VA_ARGS__                                                                     \
    }
#define UUID(op, ...)                                                                          \
    {                                                                                          \
        .name = (op), .volatility = VOLATILITY_VOLATILE, .flags = OP_KEEPS_NULL,               \
        .rule = rule_uuid, .sql = __VA_ARGS__                                                  \
    }

#define REGEXP(op, bits, ...)                                                                  \
    {                                                                                          \
        .name = (op), .min_args = 2, .max_args = 2, .flags = (bits), .rule = rule_regexp,      \
        .emit = emit_regexp, .dress = DRESS_TEXT, .sql = __VA_ARGS__                           \
    }

/* MariaDB compares by the collation; these compare characters. */
#define EXACTLY(x) "CONVERT(" x " USING utf8mb4) COLLATE utf8mb4_bin"
/* A class of regular expressions with the characters of $2: \E inside ends the quoting. */
#define CLASS "[\\Q', replace($2, '\\', '\\E\\\\\\Q'), '\\E]+"
/* MariaDB's trim takes one text off, not a set of characters. (?-i): whatever the
 * collation, which stays that of $1. */
#define TRIM_MARIA(pattern)                                                                    \
    "CASE WHEN char_length($2) = 0 THEN $1 ELSE regexp_replace($1, concat('(?-i)" pattern      \
    "'), '') END"
#define TRIM(op, pg, pattern)                                                                  \
    {                                                                                          \
        .name = (op), .min_args = 1, .max_args = 2, .rule = rule_text, .dress = DRESS_TEXT,    \
        .sql = {pg "($1)", op "($1)", op "($1)"}, .full = {                                    \
            pg "($1, $2)",                                                                     \
            TRIM_MARIA(pattern),                                                               \
            op "($1, $2)"                                                                      \
        }                                                                                      \
    }
/* MariaDB pads with nothing to null. */
#define PAD(op)                                                                                \
    {                                                                                          \
        .name = (op), .min_args = 2, .max_args = 3, .rule = rule_pad, .emit = emit_bounded,    \
        .dress = DRESS_TEXT, .sql = {op "($1, $2::int4)", op "($1, $2)", "tb_" op "($1, $2)"}, \
        .full = {                                                                              \
            op "($1, $2::int4, $3)",                                                           \
            "CASE WHEN char_length($3) = 0 THEN left($1, $2) ELSE " op "($1, $2, $3) END",     \
            "tb_" op "($1, $2, $3)"                                                            \
        }                                                                                      \
    }
/* The part begins behind the n - 1 first ones: counted from the end, separators that
 * overlap would be other ones. */
#define SPLIT_MARIA                                                                            \
    "CASE WHEN char_length($2) = 0 THEN CASE WHEN $3 = 1 THEN $1 ELSE left($1, 0) END ELSE "   \
    "substring_index(CASE WHEN $3 = 1 THEN $1 ELSE substr($1, char_length("                    \
    "substring_index($1, $2, $3 - 1)) + char_length($2) + 1) END, $2, 1) END"
/* MariaDB's uuid() is of version 1. */
#define UUID_TAIL_MARIA                                                                        \
    "substr(hex(random_bytes(2)), 2), '-', substr('89ab', 1 + (ord(random_bytes(1)) & 3), "    \
    "1), substr(hex(random_bytes(2)), 2), '-', hex(random_bytes(6))))"
#define UUID4_MARIA                                                                            \
    "lower(concat(hex(random_bytes(4)), '-', hex(random_bytes(2)), '-4', " UUID_TAIL_MARIA
#define UUID7_MARIA                                                                            \
    "lower(concat(insert(lpad(hex(floor(unix_timestamp(sysdate(3)) * 1000)), 12, '0'), 9, 0, " \
    "'-'), '-7', " UUID_TAIL_MARIA
#define UUID7_PG                                                                               \
    "(lpad(to_hex(floor(extract(epoch FROM clock_timestamp()) * 1000)::int8), 12, '0') || "    \
    "'7' || substr(gen_random_uuid()::text, 1, 3) || substr(gen_random_uuid()::text, "         \
    "19))::uuid"

static const struct op_info list[] = {
    CONCAT("concat", 1),
    DIGEST("hex", {"upper(encode($1, 'hex'))", "hex($1)",
                   "CASE WHEN $1 IS NOT NULL THEN hex($1) END"}),
    REGEXP(
        "iregexp", OP_FOLDED,
        {"($1 ~* $2)", "(" EXACTLY("$1") " REGEXP concat('(?i)', $2))", "tb_iregexp($1, $2)"}),
    LENGTH("length", {"length($1)::int8", "char_length($1)", "length($1)"}),
    CASE("lower", {"lower($1)", "lower($1)", "tb_lower($1)"}),
    PAD("lpad"),
    TRIM("ltrim", "ltrim", "\\A" CLASS),
    DIGEST("md5", {"md5($1)", "md5($1)", "tb_md5($1)"}),
    LENGTH("octet_length",
           {"octet_length($1)::int8", "octet_length($1)", "length(CAST($1 AS BLOB))"}),
    {.name = "position",
     .min_args = 2,
     .max_args = 2,
     .rule = rule_position,
     .dress = DRESS_TEXT,
     .sql = {"strpos($2, $1)::int8", "locate($1, " EXACTLY("$2") ")", "instr($2, $1)"}},
    REGEXP("regexp", 0, {"($1 ~ $2)", "(" EXACTLY("$1") " REGEXP $2)", "tb_regexp($1, $2)"}),
    {.name = "regexp_replace",
     .min_args = 3,
     .max_args = 4,
     .kinds = "eeek",
     .rule = rule_regexp_replace,
     .dress = DRESS_TEXT,
     .sql = {"regexp_replace($1, $2, $3, 'g')", "regexp_replace($1, concat('(?-i)', $2), $3)",
             "tb_regexp_replace($1, $2, $3)"},
     .full = {"regexp_replace($1, $2, $3, 'gi')", "regexp_replace($1, concat('(?i)', $2), $3)",
              "tb_iregexp_replace($1, $2, $3)"}},
    BOUNDED("repeat", 2, 2, rule_pad,
            {"repeat($1, $2::int4)", "repeat($1, $2)", "tb_repeat($1, $2)"}),
    /* where there is nothing to replace, these do not look whether $3 is null */
    TEXT("replace", 3,
         {"replace($1, $2, $3)", "CASE WHEN $3 IS NOT NULL THEN replace($1, $2, $3) END",
          "CASE WHEN $3 IS NOT NULL THEN replace($1, $2, $3) END"}),
    TEXT("reverse", 1, {"reverse($1)", "reverse($1)", "tb_reverse($1)"}),
    PAD("rpad"),
    TRIM("rtrim", "rtrim", CLASS "\\z"),
    DIGEST("sha256", {"encode(sha256($1), 'hex')", "sha2($1, 256)", "tb_sha256($1)"}),
    BOUNDED("split_part", 3, 3, rule_split,
            {"split_part($1, $2, $3::int4)", SPLIT_MARIA, "tb_split_part($1, $2, $3)"}),
    {.name = "substr",
     .min_args = 2,
     .max_args = 3,
     .rule = rule_substr,
     .emit = emit_bounded,
     .dress = DRESS_TEXT,
     .sql = {"substr($1, $2::int4)", "substr($1, $2)", "substr($1, $2)"},
     .full = {"substr($1, $2::int4, $3::int4)", "substr($1, $2, $3)", "substr($1, $2, $3)"}},
    TRIM("trim", "btrim", "\\A" CLASS "|" CLASS "\\z"),
    CASE("upper", {"upper($1)", "upper($1)", "tb_upper($1)"}),
    UUID("uuid4", {"gen_random_uuid()", UUID4_MARIA, "tb_uuid4()"}),
    UUID("uuid7", {UUID7_PG, UUID7_MARIA, "tb_uuid7()"}),
    CONCAT("||", 2),
};

const struct op_table ops_text = OP_TABLE_OF(list);
