/* SPDX-License-Identifier: MIT
 *
 * base/json_write.c: JSON text without white space, from a tree or from other JSON
 * text. Owns nothing. Any thread.
 */
#include "base/json.h"
#include "base/json_scan.h"

#define COMPACT_DEPTH_MAX 1024

/* ---- a tree ---- */

static void write_container(struct buf *b, const struct json *j)
{
    bool object = j->kind == JSON_OBJECT;
    buf_char(b, object ? '{' : '[');
    for (const struct json *m = j->first; m != NULL; m = m->next) {
        if (object) {
            buf_json_str(b, json_key(m));
            buf_char(b, ':');
        }
        json_write(b, m); /* as deep as the reader allowed */
        if (m->next != NULL) {
            buf_char(b, ',');
        }
    }
    buf_char(b, object ? '}' : ']');
}

void json_write(struct buf *b, const struct json *j)
{
    switch ((enum json_kind)j->kind) {
    case JSON_NULL:
        BUF_LIT(b, "null");
        return;
    case JSON_FALSE:
        BUF_LIT(b, "false");
        return;
    case JSON_TRUE:
        BUF_LIT(b, "true");
        return;
    case JSON_INTEGER:
    case JSON_DECIMAL:
        buf_str_add(b, json_text(j));
        return;
    case JSON_STRING:
        buf_json_str(b, json_text(j));
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        write_container(b, j);
        return;
    }
}

/* ---- a text ---- */

bool json_is_number(struct str text)
{
    bool whole, ok;
    if (text.len == 0) {
        return false;
    }
    const char *end = text.ptr + text.len;
    return json_number_end(text.ptr, end, &whole, &ok) == end && ok;
}

struct compact {
    struct buf *out;
    const char *at;
    const char *end;
    unsigned depth;
    uint64_t objects[COMPACT_DEPTH_MAX / 64]; /* bit set: that level is an object */
};

static void copy_to(struct compact *c, const char *to)
{
    buf_add(c->out, c->at, (size_t)(to - c->at));
    c->at = to;
}

static char next_char(struct compact *c)
{
    c->at = json_space_end(c->at, c->end);
    return c->at < c->end ? *c->at : '\0';
}

static bool in_object(const struct compact *c)
{
    unsigned level = c->depth - 1;
    return (c->objects[level / 64] >> (level % 64) & 1) != 0;
}

static bool push(struct compact *c, bool object)
{
    if (c->depth == COMPACT_DEPTH_MAX) {
        return false;
    }
    uint64_t bit = UINT64_C(1) << (c->depth % 64), *word = &c->objects[c->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    c->depth++;
    return true;
}

/* Behind the escape whose backslash is at `at`, or NULL. */
static const char *escape_end(const char *at, const char *end)
{
    uint32_t ignored;
    if (end - at < 2) {
        return NULL;
    }
    if (at[1] == 'u') {
        return json_unicode_escape(at + 2, end, &ignored);
    }
    return at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) != NULL ? at + 2 : NULL;
}

static bool copy_string(struct compact *c)
{
    uint64_t high = 0;
    const char *to = c->at + 1;
    for (;;) {
        to = json_plain_end(to, c->end, &high);
        if (to == c->end || *to != '\\') {
            break;
        }
        to = escape_end(to, c->end);
        if (to == NULL) {
            return false;
        }
    }
    if (to == c->end || *to != '"' ||
        (high != 0 && !utf8_valid((struct str){c->at, (size_t)(to - c->at)}, NULL))) {
        return false;
    }
    copy_to(c, to + 1);
    return true;
}

static bool copy_number(struct compact *c)
{
    bool whole, ok;
    const char *to = json_number_end(c->at, c->end, &whole, &ok);
    copy_to(c, to);
    return ok;
}

static bool copy_word(struct compact *c, struct str word)
{
    if (!str_starts((struct str){c->at, (size_t)(c->end - c->at)}, word)) {
        return false;
    }
    copy_to(c, c->at + word.len);
    return true;
}

static bool copy_scalar(struct compact *c, char first)
{
    switch (first) {
    case '"':
        return copy_string(c);
    case 't':
        return copy_word(c, STR("true"));
    case 'f':
        return copy_word(c, STR("false"));
    case 'n':
        return copy_word(c, STR("null"));
    default:
        return (first == '-' || (first >= '0' && first <= '9')) && copy_number(c);
    }
}

/* member = string name-separator value: up to the value. */
static bool copy_key(struct compact *c)
{
    if (next_char(c) != '"' || !copy_string(c) || next_char(c) != ':') {
        return false;
    }
    copy_to(c, c->at + 1);
    return true;
}

/* A value, of a container with members only the bracket and the first key. *open
 * says that a value must follow. */
static bool copy_value(struct compact *c, bool *open)
{
    char first = next_char(c);
    *open = false;
    if (first != '{' && first != '[') {
        return copy_scalar(c, first);
    }
    copy_to(c, c->at + 1);
    if (next_char(c) == (first == '{' ? '}' : ']')) {
        copy_to(c, c->at + 1);
        return true;
    }
    *open = true;
    return push(c, first == '{') && (first == '[' || copy_key(c));
}

/* What stands between values; *more says that another value follows. */
static bool copy_between(struct compact *c, bool *more)
{
    *more = false;
    while (c->depth > 0) {
        char ch = next_char(c);
        bool object = in_object(c);
        if (ch == ',') {
            copy_to(c, c->at + 1);
            *more = true;
            return !object || copy_key(c);
        }
        if (ch != (object ? '}' : ']')) {
            return false;
        }
        copy_to(c, c->at + 1);
        c->depth--;
    }
    return true;
}

bool json_compact(struct buf *b, struct str text)
{
    if (text.len == 0) {
        return false;
    }
    size_t before = b->len;
    struct compact c = {.out = b, .at = text.ptr, .end = text.ptr + text.len};
    bool more = true, ok = true;
    while (ok && more) {
        bool open;
        ok = copy_value(&c, &open);
        if (ok && !open) {
            ok = copy_between(&c, &more);
        }
    }
    if (!ok || json_space_end(c.at, c.end) != c.end) {
        b->len = b->failed ? b->len : before;
        return false;
    }
    return true;
}
