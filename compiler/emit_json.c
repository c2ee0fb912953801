/* SPDX-License-Identifier: MIT
 *
 * compiler/emit_json.c: values as members of a JSON document. The databases make
 * different JSON of conditions, moments and bytes, so only what they write alike is
 * taken, and MariaDB is given the text of each member.
 */
#include "compiler/emit_json.h"

#include "compiler/operators.h"
#include "compiler/types.h"

enum member { MEMBER_NONE, MEMBER_TEXT, MEMBER_NUMBER, MEMBER_BOOLEAN, MEMBER_JSON };

static enum member member_of(const struct type *t)
{
    switch (type_family(t->kind)) {
    case FAMILY_NUMBER:
        return MEMBER_NUMBER;
    case FAMILY_TEXT:
    case FAMILY_UUID:
        return MEMBER_TEXT;
    case FAMILY_BOOLEAN:
        return MEMBER_BOOLEAN;
    case FAMILY_JSON:
        return MEMBER_JSON;
    case FAMILY_DATE:
        return t->kind == TYPE_DATE ? MEMBER_TEXT : MEMBER_NONE;
    case FAMILY_BYTES:
    case FAMILY_TIME:
    case FAMILY_INTERVAL:
    case FAMILY_ARRAY:
    case FAMILY_OPAQUE:
    case FAMILY_UNKNOWN:
        break;
    }
    return MEMBER_NONE;
}

enum err need_json_member(struct context *c, struct expr *e, const char *what)
{
    struct type text = type_of(TYPE_TEXT); /* of a plain null, for PostgreSQL */
    enum err err = settle(c, e, e->kind == EXPR_NULL ? &text : NULL, SETTLE_COMPARE);
    if (err == ERR_OK && member_of(&e->type) == MEMBER_NONE) {
        err =
            ctx_fail(c, e->src, ERR_UNSUPPORTED_FEATURE,
                     "`%s` of %s is not the same on all databases", what, type_word(&e->type));
        fail_hint(c->f, "make it a text first");
    }
    return err;
}

const struct expr *json_member(struct emitter *em, const struct expr *x)
{
    static const char *const templates[][DIALECT_COUNT] = {
        [MEMBER_NONE] = {NULL, "'null'", NULL},
        [MEMBER_TEXT] = {NULL,
                         "coalesce(json_quote(CAST($1 AS CHAR)) COLLATE utf8mb4_bin, 'null')",
                         NULL},
        [MEMBER_NUMBER] = {NULL, "coalesce(CAST($1 AS CHAR), 'null')", NULL},
        [MEMBER_BOOLEAN] = {NULL, "coalesce(elt(2 - ($1 <> 0), 'true', 'false'), 'null')",
                            NULL},
        [MEMBER_JSON] = {"$1::jsonb", "coalesce($1, 'null')", "json($1)"}};
    const char *text = templates[member_of(&x->type)][em->d->column];
    return text == NULL ? x : dress(em, text, x);
}

static void put_kind(struct buf *b, const struct expr *x)
{
    static const char letters[] = {[MEMBER_NONE] = 't',
                                   [MEMBER_TEXT] = 't',
                                   [MEMBER_NUMBER] = 'n',
                                   [MEMBER_BOOLEAN] = 'b',
                                   [MEMBER_JSON] = 'j'};
    if (x->type.kind == TYPE_NUMERIC && x->type.scale >= 0 && x->type.scale <= 40) {
        buf_printf(b, "d%c", '0' + x->type.scale);
    } else {
        buf_char(b, letters[member_of(&x->type)]);
    }
}

void emit_json_kind(struct emitter *em, const struct expr *x)
{
    put_kind(&em->sql, x);
}

const struct expr *json_document(struct emitter *em, const struct expr *x)
{
    /* The head of a template; NULL: a member is its own document. */
    static const char *const functions[DIALECT_COUNT] = {[COLUMN_SQLITE] = "tb_json_member('"};
    const char *function = functions[em->d->column];
    if (function == NULL) {
        return json_member(em, x);
    }
    struct buf b;
    buf_init(&b);
    buf_str_add(&b, str_of(function));
    put_kind(&b, x);
    BUF_LIT(&b, "', $1)");
    struct str text =
        b.failed ? (struct str){0} : arena_str(em->c->a, (struct str){b.ptr, b.len});
    buf_fini(&b);
    return text.ptr == NULL ? NULL : dress(em, text.ptr, x);
}
