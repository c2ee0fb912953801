/* SPDX-License-Identifier: MIT
 *
 * value/array.c: PostgreSQL's array text.
 *
 *   array   = "{" [ element *( "," element ) ] "}"
 *   element = array / quoted / bare;   NULL unquoted is null
 */
#include "value/array.h"

#include "value/coded.h"

#include <string.h>

#define ARRAY_DEPTH 6 /* PostgreSQL's MAXDIM */

struct scan {
    struct str s;
    size_t at;
    struct buf *out;
    struct buf item; /* an unquoted element */
    const struct type *element;
    enum int64_form int64;
    struct fail *fail;
};

static enum err broken(struct scan *c)
{
    return fail_set(c->fail, ERR_BAD_STORED_VALUE, "a stored array has a form we do not know");
}

static bool take(struct scan *c, char ch)
{
    if (c->at < c->s.len && c->s.ptr[c->at] == ch) {
        c->at++;
        return true;
    }
    return false;
}

/* quoted = DQUOTE *( "\" any / any ) DQUOTE */
static bool read_quoted(struct scan *c)
{
    while (c->at < c->s.len && c->s.ptr[c->at] != '"') {
        c->at += c->s.ptr[c->at] == '\\';
        if (c->at >= c->s.len) {
            return false;
        }
        buf_char(&c->item, c->s.ptr[c->at++]);
    }
    return take(c, '"');
}

static void read_bare(struct scan *c)
{
    while (c->at < c->s.len && strchr(",{}", c->s.ptr[c->at]) == NULL) {
        buf_char(&c->item, c->s.ptr[c->at++]);
    }
}

/* `\x` and pairs of digits, decoded in place. */
static bool take_hex(struct buf *item, struct value *v)
{
    struct str text = buf_str(item);
    size_t n;
    if (!str_starts(text, STR("\\x")) ||
        !hex_decode((struct str){text.ptr + 2, text.len - 2}, item->ptr, &n)) {
        return false;
    }
    *v = (struct value){.kind = VALUE_BYTES, .text = {item->ptr, n}};
    return true;
}

static enum err element_to_json(struct scan *c)
{
    buf_clear(&c->item);
    bool quoted = take(c, '"');
    if (quoted) {
        if (!read_quoted(c)) {
            return broken(c);
        }
    } else {
        read_bare(c);
    }
    if (c->item.failed) {
        return fail_set(c->fail, ERR_OUT_OF_MEMORY, "out of memory");
    }
    struct str text = buf_str(&c->item);
    struct value v = {.kind = VALUE_TEXT, .text = text};
    if (!quoted && str_ieq(text, STR("NULL"))) {
        v.kind = VALUE_NULL;
    } else if (c->element->kind == TYPE_BYTES && !take_hex(&c->item, &v)) {
        return broken(c);
    }
    return value_to_json(c->out, c->element, &v, c->int64, c->fail);
}

static enum err list_to_json(struct scan *c, unsigned depth)
{
    if (depth > ARRAY_DEPTH || !take(c, '{')) {
        return broken(c);
    }
    buf_char(c->out, '[');
    if (take(c, '}')) {
        buf_char(c->out, ']');
        return ERR_OK;
    }
    do {
        bool nested = c->at < c->s.len && c->s.ptr[c->at] == '{';
        enum err e = nested ? list_to_json(c, depth + 1) : element_to_json(c);
        if (e != ERR_OK) {
            return e;
        }
        if (c->at < c->s.len && c->s.ptr[c->at] == ',') {
            buf_char(c->out, ',');
        }
    } while (take(c, ','));
    buf_char(c->out, ']');
    return take(c, '}') ? ERR_OK : broken(c);
}

enum err array_to_json(struct buf *b, struct str text, const struct type *element,
                       enum int64_form int64, struct fail *f)
{
    struct scan c = {.s = text, .out = b, .element = element, .int64 = int64, .fail = f};
    if (text.len > 0 && text.ptr[0] == '[') { /* "[2:3]={…}": bounds that are not 1 */
        ptrdiff_t eq = str_find(text, '=', 0);
        c.at = eq < 0 ? 0 : (size_t)eq + 1;
    }
    enum err e = list_to_json(&c, 1);
    if (e == ERR_OK && c.at != text.len) {
        e = broken(&c);
    }
    buf_fini(&c.item);
    return e;
}

/* ---- to the database ---- */

struct writer {
    struct buf out;
    const struct type *element;
    struct arena *arena;
    struct fail *fail;
};

static void write_text(struct buf *b, struct str s)
{
    buf_char(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\') {
            buf_char(b, '\\');
        }
        buf_char(b, s.ptr[i]);
    }
    buf_char(b, '"');
}

static void write_bytes(struct buf *b, struct str s)
{
    BUF_LIT(b, "\"\\\\x");
    for (size_t i = 0; i < s.len; i++) {
        buf_printf(b, "%02x", (unsigned)(unsigned char)s.ptr[i]);
    }
    buf_char(b, '"');
}

static void write_element(struct buf *b, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NULL:
    case VALUE_LIST:
        BUF_LIT(b, "NULL");
        return;
    case VALUE_BOOL:
        buf_char(b, v->boolean ? 't' : 'f');
        return;
    case VALUE_INT:
        buf_i64(b, v->num);
        return;
    case VALUE_DOUBLE:
        buf_json_double(b, v->real);
        return;
    case VALUE_TEXT:
        write_text(b, v->text);
        return;
    case VALUE_BYTES:
        write_bytes(b, v->text);
        return;
    }
}

static enum err list_from_json(struct writer *w, const struct json *j,
                               const struct json_path *up, unsigned depth)
{
    struct json_path path = {.up = up};
    buf_char(&w->out, '{');
    for (const struct json *m = j->first; m != NULL; m = m->next, path.index++) {
        if (path.index > 0) {
            buf_char(&w->out, ',');
        }
        enum err e;
        if (m->kind == JSON_ARRAY && depth < ARRAY_DEPTH) {
            e = list_from_json(w, m, &path, depth + 1);
        } else {
            struct value v;
            e = value_from_json(m, w->element, w->arena, &path, &v, w->fail);
            if (e == ERR_OK) {
                write_element(&w->out, &v);
            }
        }
        if (e != ERR_OK) {
            return e;
        }
    }
    buf_char(&w->out, '}');
    return ERR_OK;
}

enum err array_from_json(const struct json *j, const struct type *element, struct arena *a,
                         const struct json_path *path, struct value *out, struct fail *f)
{
    struct writer w = {.element = element, .arena = a, .fail = f};
    enum err e = list_from_json(&w, j, path, 1);
    if (e == ERR_OK) {
        *out = (struct value){.kind = VALUE_TEXT, .text = arena_str(a, buf_str(&w.out))};
        if (w.out.failed || out->text.ptr == NULL) {
            e = fail_set(f, ERR_OUT_OF_MEMORY, "out of memory");
        }
    }
    buf_fini(&w.out);
    return e;
}
