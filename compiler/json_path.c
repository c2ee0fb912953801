/* SPDX-License-Identifier: MIT
 *
 * compiler/json_path.c: see compiler/json_path.h.
 *
 *   p := [step…] | ":param"     step := "key" | whole number, from the end if negative
 */
#include "compiler/json_path.h"

#include "compiler/context.h"

#include <string.h>

bool is_json_path(const struct json *j)
{
    if (j->kind != JSON_ARRAY || j->len == 0) {
        return false;
    }
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        if (m->kind != JSON_STRING && m->kind != JSON_INTEGER) {
            return false;
        }
    }
    return true;
}

uint32_t takes_json_path(const struct json *op)
{
    static const char *const ops[] = {"->",        "->>",      "json_length", "json_type",
                                      "json_keys", "json_set", "json_remove"};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (json_is(op, ops[i])) {
            return 2;
        }
    }
    return 0;
}

bool is_path_form(enum bind_form form)
{
    return form >= BIND_PATH_STEP && form <= BIND_SPOT_JSON;
}

/* ---- one step ---- */

static enum err bad_step(struct context *c, const struct json *at)
{
    enum err e = ctx_fail(c, at, ERR_BAD_VALUE, "a path is a list of keys and whole numbers");
    fail_hint(c->f, "[\"a\",0] is the first member of what is under the key a");
    return e;
}

/* An index; PostgreSQL's have 32 bits. */
static enum err read_index(struct context *c, const struct json *m, int64_t *out)
{
    if (!json_i64(m, out) || *out < INT32_MIN || *out > INT32_MAX) {
        return ctx_fail(c, m, ERR_OUT_OF_RANGE, "no array has so many members");
    }
    return ERR_OK;
}

/* No key of PostgreSQL has it. */
static enum err check_key(struct context *c, const struct json *m)
{
    struct str key = json_text(m);
    return key.len == 0 || memchr(key.ptr, '\0', key.len) == NULL
               ? ERR_OK
               : ctx_fail(c, m, ERR_BAD_VALUE, "a key may not hold the character U+0000");
}

static enum err bind_step(struct context *c, const struct json *at, uint32_t step,
                          struct value *v)
{
    const struct json *m = at->first;
    for (; m != NULL && step > 0; step--) {
        m = m->next;
    }
    if (m != NULL && m->kind == JSON_STRING) {
        enum err e = check_key(c, m);
        *v = (struct value){.kind = VALUE_TEXT, .text = json_text(m)};
        return e;
    }
    *v = (struct value){.kind = VALUE_INT};
    return m == NULL ? bad_step(c, at) : read_index(c, m, &v->num);
}

/* ---- a whole path ---- */

/* PostgreSQL and MariaDB count from the end by `last`. */
static void write_index(struct buf *b, int64_t i)
{
    if (i >= 0) {
        buf_printf(b, "[%lld]", (long long)i);
    } else if (i == -1) {
        BUF_LIT(b, "[last]");
    } else {
        buf_printf(b, "[last-%lld]", (long long)(-1 - i));
    }
}

static bool is_maria(enum bind_form form)
{
    return form == BIND_PATH_MARIA || form == BIND_SPOT_MARIA || form == BIND_HOLDER_MARIA;
}

static enum err write_step(struct context *c, struct buf *b, const struct plan_bind *pb,
                           const struct json *m)
{
    int64_t i = 0;
    if (m->kind == JSON_STRING) { /* both read the escapes of JSON inside quotes */
        buf_char(b, '.');
        buf_json_str(b, json_text(m));
        return ERR_OK;
    }
    if (m->kind != JSON_INTEGER) {
        return bad_step(c, m);
    }
    /* one that is written out is guarded, and a guard's own steps come before it */
    if (is_maria(pb->form) && pb->source == BIND_PARAM) {
        enum err e = ctx_fail(c, m, ERR_UNSUPPORTED_FEATURE,
                              "mariadb takes [0] of what is no array for the value itself");
        fail_hint(c->f, "write the path out instead of giving it as a param");
        return e;
    }
    enum err e = read_index(c, m, &i);
    write_index(b, i);
    return e;
}

/* Whether a member may be put under `last` of what is there, for PostgreSQL: an index
 * from the end must be that of a member. */
static enum err write_holder(struct context *c, struct buf *b, const struct plan_bind *pb,
                             const struct json *last)
{
    int64_t i = 0;
    if (last->kind == JSON_INTEGER && json_i64(last, &i) && i < 0) {
        return write_step(c, b, pb, last);
    }
    buf_printf(b, " ? (@.type() == \"%s\")", last->kind == JSON_STRING ? "object" : "array");
    return ERR_OK;
}

static enum err write_path(struct context *c, struct buf *b, const struct plan_bind *pb,
                           const struct json *at)
{
    enum err e = ERR_OK;
    uint32_t n = 0;
    buf_str_add(b, is_maria(pb->form) ? STR("$") : STR("strict $"));
    for (const struct json *m = at->first; m != NULL && e == ERR_OK; m = m->next) {
        if (pb->column > 0 && n++ == pb->column) {
            break;
        }
        if (m->next != NULL || (pb->form != BIND_HOLDER_PG && pb->form != BIND_HOLDER_MARIA)) {
            e = write_step(c, b, pb, m);
        } else if (pb->form == BIND_HOLDER_PG) {
            e = write_holder(c, b, pb, m);
        }
    }
    return e;
}

/* {"key","0"}: quotes and backslashes are escaped, nothing else is. */
static void write_array(struct buf *b, const struct json *at)
{
    for (const struct json *m = at->first; m != NULL; m = m->next) {
        struct str text = json_text(m);
        buf_str_add(b, m == at->first ? STR("{\"") : STR(",\""));
        for (size_t i = 0; i < text.len; i++) {
            if (text.ptr[i] == '"' || text.ptr[i] == '\\') {
                buf_char(b, '\\');
            }
            buf_char(b, text.ptr[i]);
        }
        buf_char(b, '"');
    }
    buf_char(b, '}');
}

static enum err write_form(struct context *c, struct buf *b, const struct plan_bind *pb,
                           const struct json *at)
{
    if (pb->form == BIND_PATH_JSON || pb->form == BIND_SPOT_JSON) {
        json_write(b, at);
        return ERR_OK;
    }
    if (pb->form == BIND_SPOT_PG) {
        write_array(b, at);
        return ERR_OK;
    }
    return write_path(c, b, pb, at);
}

static enum err check_path(struct context *c, const struct json *at, enum bind_form form)
{
    int64_t i;
    enum err e = at->len == 0 && form >= BIND_SPOT_PG ? bad_step(c, at) : ERR_OK;
    for (const struct json *m = at->first; m != NULL && e == ERR_OK; m = m->next) {
        if (m->kind == JSON_STRING) {
            e = check_key(c, m);
        } else {
            e = m->kind == JSON_INTEGER ? read_index(c, m, &i) : bad_step(c, m);
        }
    }
    return e;
}

enum err bind_path(struct context *c, const struct json *at, const struct plan_bind *pb,
                   struct value *v)
{
    struct buf b;
    if (at->kind != JSON_ARRAY) {
        return bad_step(c, at);
    }
    if (pb->form == BIND_PATH_STEP) {
        return bind_step(c, at, pb->column, v);
    }
    buf_init(&b);
    enum err e = check_path(c, at, pb->form);
    e = e == ERR_OK ? write_form(c, &b, pb, at) : e;
    struct str text =
        b.failed || e != ERR_OK ? (struct str){0} : arena_str(c->a, (struct str){b.ptr, b.len});
    buf_fini(&b);
    *v = (struct value){.kind = VALUE_TEXT, .text = text};
    return e == ERR_OK && text.ptr == NULL ? ctx_full(c) : e;
}
