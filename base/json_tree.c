/* SPDX-License-Identifier: MIT
 *
 * base/json_tree.c: looking into a tree that base/json.c has read, and pointers
 * into it. Owns nothing. Any thread.
 */
#include "base/json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct str json_text(const struct json *j)
{
    bool has_text =
        j->kind == JSON_STRING || j->kind == JSON_INTEGER || j->kind == JSON_DECIMAL;
    return has_text ? (struct str){j->text, j->len} : (struct str){"", 0};
}

struct str json_key(const struct json *j)
{
    return (struct str){j->key, j->key_len};
}

const struct json *json_get(const struct json *object, const char *key)
{
    if (object == NULL || object->kind != JSON_OBJECT) {
        return NULL;
    }
    struct str want = str_of(key);
    for (const struct json *m = object->first; m != NULL; m = m->next) {
        if (str_eq(json_key(m), want)) {
            return m;
        }
    }
    return NULL;
}

bool json_is(const struct json *j, const char *text)
{
    return j != NULL && j->kind == JSON_STRING && str_is(json_text(j), text);
}

bool json_i64(const struct json *j, int64_t *out)
{
    return j != NULL && j->kind == JSON_INTEGER && str_to_i64(json_text(j), out);
}

const char *json_kind_name(const struct json *j)
{
    switch ((enum json_kind)j->kind) {
    case JSON_NULL:
        return "null";
    case JSON_FALSE:
    case JSON_TRUE:
        return "a boolean";
    case JSON_INTEGER:
    case JSON_DECIMAL:
        return "a number";
    case JSON_STRING:
        return "a string";
    case JSON_ARRAY:
        return "an array";
    case JSON_OBJECT:
        return "an object";
    }
    return "nothing";
}

/* ---- source ---- */

/* Behind the quote that ends the string whose opening quote is at `at`. */
static size_t string_source_end(struct str input, size_t at)
{
    for (at++; at < input.len && input.ptr[at] != '"'; at++) {
        at += input.ptr[at] == '\\';
    }
    return at + 1;
}

static size_t container_source_end(struct str input, size_t at)
{
    unsigned depth = 0;
    while (at < input.len) {
        switch (input.ptr[at]) {
        case '"':
            at = string_source_end(input, at);
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0) {
                return at + 1;
            }
            break;
        default:
            break;
        }
        at++;
    }
    return at;
}

struct str json_source(const struct json *j, struct str input)
{
    size_t from = j->offset, end = from;
    switch ((enum json_kind)j->kind) {
    case JSON_NULL:
    case JSON_TRUE:
        end = from + 4;
        break;
    case JSON_FALSE:
        end = from + 5;
        break;
    case JSON_INTEGER:
    case JSON_DECIMAL:
        end = from + j->len;
        break;
    case JSON_STRING:
        end = string_source_end(input, from);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        end = container_source_end(input, from);
        break;
    }
    assert(end <= input.len); /* the tree was read from another input */
    return (struct str){input.ptr + from, end - from};
}

/* ---- pointers ---- */

/* A growing pointer text; what does not fit is dropped. */
struct pointer {
    char *out;
    size_t len;
    size_t max;
};

static void put(struct pointer *w, const char *text, size_t len)
{
    size_t room = w->max - w->len;
    size_t n = len < room ? len : room;
    memcpy(w->out + w->len, text, n);
    w->len += n;
}

/* reference-token = *( unescaped / escaped ), escaped = "~" ( "0" / "1" ) (RFC 6901 §3) */
static void put_key(struct pointer *w, struct str key)
{
    for (size_t i = 0; i < key.len && w->len < w->max; i++) {
        if (key.ptr[i] == '~') {
            put(w, "~0", 2);
        } else if (key.ptr[i] == '/') {
            put(w, "~1", 2);
        } else {
            put(w, key.ptr + i, 1);
        }
    }
}

static void put_step(struct pointer *w, const struct json_path *step)
{
    put(w, "/", 1);
    if (step->key.ptr != NULL) {
        put_key(w, step->key);
        return;
    }
    char digits[16];
    int n = snprintf(digits, sizeof digits, "%u", step->index);
    put(w, digits, (size_t)n);
}

size_t json_path_write(const struct json_path *p, char *out, size_t out_bytes)
{
    if (out_bytes == 0) {
        return 0;
    }
    struct pointer w = {out, 0, out_bytes - 1};
    unsigned depth = 0;
    for (const struct json_path *step = p; step != NULL; step = step->up) {
        depth++;
    }
    /* From the root down; each step is found from the leaf, for only errors come here. */
    for (; depth > 0 && w.len < w.max; depth--) {
        const struct json_path *step = p;
        for (unsigned i = 1; i < depth; i++) {
            step = step->up;
        }
        put_step(&w, step);
    }
    w.len = utf8_cut((struct str){out, w.len}, w.len);
    out[w.len] = '\0';
    return w.len;
}
