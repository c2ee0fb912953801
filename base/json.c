/* SPDX-License-Identifier: MIT
 *
 * base/json.c: the strict reader of base/json.h, without recursion.
 *
 * Owns nothing: nodes and unescaped texts go to the caller's arena. While a
 * container is open its `next` is its parent and its `first` is its last member,
 * whose `next` is the first one; so a line of any depth needs no stack. Any thread.
 */
#include "base/json.h"

#include "base/hash.h"
#include "base/json_scan.h"

#include <stdalign.h>
#include <string.h>

#define PAIRWISE_MAX 32 /* members up to which keys are compared with each other */
#define FIRST_BATCH 16
#define LARGEST_BATCH 512
/* Longer objects are not looked for among those that are known. */
#define KNOWN_BYTES_MAX 16384

struct parser {
    const char *at;
    const char *end;
    const char *start;
    struct json *open; /* innermost open container, NULL at the root */
    struct json *spare;
    struct json *spare_end;
    unsigned depth;
    unsigned max_depth;
    uint32_t batch;
    uint32_t slot_cap; /* power of two, or 0 */
    struct json **slots;
    uint64_t seed; /* drawn with the first slots */
    struct arena *arena;
    struct fail *fail;
    struct json_known *known;
};

/* ---- errors ---- */

static enum err fail_byte(struct parser *p, enum err code, const char *at, const char *what)
{
    if (p->fail != NULL && p->fail->code == ERR_OK) {
        fail_set(p->fail, code, "%s", what);
        p->fail->offset = at - p->start;
    }
    return code;
}

static enum err bad_json(struct parser *p, const char *at, const char *what)
{
    return fail_byte(p, ERR_BAD_JSON, at, at == p->end ? "the JSON text ends too early" : what);
}

static enum err too_large(struct parser *p)
{
    return fail_byte(p, ERR_REQUEST_TOO_LARGE, p->at,
                     "the JSON text needs more memory than one request may have");
}

/* ---- nodes ---- */

/* Nodes are taken in batches: an arena aligns each allocation to 16 bytes, which
 * would cost a fifth of the memory of a line of small values. */
static struct json *new_node(struct parser *p)
{
    if (p->spare == p->spare_end) {
        size_t bytes = p->batch * sizeof *p->spare;
        p->spare = arena_alloc(p->arena, bytes);
        if (p->spare == NULL && p->batch > 1) {
            p->batch = 1; /* near the limit */
            p->spare = arena_alloc(p->arena, bytes = sizeof *p->spare);
        }
        if (p->spare == NULL) {
            p->spare_end = NULL;
            return NULL;
        }
        p->spare_end = p->spare + p->batch;
        if (p->batch > 1 && p->batch < LARGEST_BATCH) {
            p->batch *= 2;
        }
    }
    return p->spare++;
}

/* Gives the rest of the last batch back where nothing was allocated behind it. */
static void return_spare(struct parser *p)
{
    const size_t align = alignof(max_align_t);
    uintptr_t used = ((uintptr_t)p->spare + align - 1) & ~(uintptr_t)(align - 1);
    uintptr_t end = ((uintptr_t)p->spare_end + align - 1) & ~(uintptr_t)(align - 1);
    if (p->spare != NULL && end == (uintptr_t)p->arena->next) {
        p->arena->next -= end - used;
    }
}

/* ---- texts ---- */

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* Undoes the escape at `at`, which is behind its `\u`; NULL if it means nothing. */
static const char *unescape_unicode(const char *at, const char *end, char **out)
{
    uint32_t c;
    at = json_unicode_escape(at, end, &c);
    if (at != NULL) {
        *out = put_utf8(*out, c);
    }
    return at;
}

/* The character that an escape of one letter means, or NUL. */
static char unescape_letter(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return '\0';
    }
}

/* Writes the text between two quotes with its escapes undone. */
static enum err unescape(struct parser *p, const char *from, const char *to, struct str *out)
{
    char *text = arena_alloc(p->arena, (size_t)(to - from));
    if (text == NULL) {
        return too_large(p);
    }
    char *next = text;
    for (const char *at = from; at < to;) {
        const char *slash = memchr(at, '\\', (size_t)(to - at));
        size_t plain = (size_t)((slash == NULL ? to : slash) - at);
        memcpy(next, at, plain);
        next += plain;
        at += plain;
        if (slash == NULL) {
            break;
        }
        char letter = unescape_letter(slash[1]);
        if (letter != '\0') {
            *next++ = letter;
            at = slash + 2;
            continue;
        }
        at = slash[1] == 'u' ? unescape_unicode(slash + 2, to, &next) : NULL;
        if (at == NULL) {
            return fail_byte(p, ERR_BAD_JSON, slash,
                             slash[1] == 'u' ? "not a \\u escape of a Unicode character"
                                             : "JSON has no such escape");
        }
    }
    *out = (struct str){text, (size_t)(next - text)};
    return ERR_OK;
}

/* A string with escapes, other characters than ASCII, or a fault. `to` is the first
 * quote, backslash or control character of it. */
static enum err read_odd_string(struct parser *p, const char *to, struct str *out)
{
    const char *from = p->at + 1;
    bool escaped = false;
    uint64_t high = 0;
    while (to < p->end && *to == '\\') {
        escaped = true;
        /* What is behind the backslash is looked at when it is unescaped. */
        to = json_plain_end(p->end - to < 2 ? p->end : to + 2, p->end, &high);
    }
    struct str raw = {from, (size_t)(to - from)};
    size_t bad;
    if (!utf8_valid(raw, &bad)) {
        return fail_byte(p, ERR_BAD_UTF8, from + bad, "not well-formed UTF-8");
    }
    if (to == p->end || *to != '"') {
        return bad_json(p, to, "a control character in a string must be escaped");
    }
    p->at = to + 1;
    *out = raw;
    return escaped ? unescape(p, from, to, out) : ERR_OK;
}

/* string = quotation-mark *char quotation-mark (RFC 8259 §7). p->at is the first
 * quotation mark. */
static enum err read_string(struct parser *p, struct str *out)
{
    uint64_t high = 0;
    const char *from = p->at + 1, *to = json_plain_end(from, p->end, &high);
    if (high == 0 && to < p->end && *to == '"') {
        *out = (struct str){from, (size_t)(to - from)};
        p->at = to + 1;
        return ERR_OK;
    }
    return read_odd_string(p, to, out);
}

/* ---- scalars ---- */

/* number = [ "-" ] int [ frac ] [ exp ] (RFC 8259 §6) */
static enum err read_number(struct parser *p, struct json *j)
{
    bool whole, ok;
    const char *to = json_number_end(p->at, p->end, &whole, &ok);
    if (!ok) {
        return bad_json(p, to, "a digit is missing in a number");
    }
    j->kind = whole ? JSON_INTEGER : JSON_DECIMAL;
    j->text = p->at;
    j->len = (uint32_t)(to - p->at);
    p->at = to;
    return ERR_OK;
}

static enum err read_literal(struct parser *p, struct json *j, struct str word,
                             enum json_kind kind)
{
    j->kind = (uint8_t)kind;
    j->len = 0;
    j->text = NULL;
    size_t left = (size_t)(p->end - p->at);
    for (size_t i = 0; i < word.len; i++) {
        if (i >= left || p->at[i] != word.ptr[i]) {
            return bad_json(p, p->at + i, "not a JSON value");
        }
    }
    p->at += word.len;
    return ERR_OK;
}

/* ---- duplicate keys ---- */

static bool same_key(const struct json *a, const struct json *b)
{
    return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

static uint64_t key_bit(const struct json *m)
{
    if (m->key_len == 0) {
        return 1;
    }
    unsigned first = (unsigned char)m->key[0], last = (unsigned char)m->key[m->key_len - 1];
    return UINT64_C(1) << ((first * 7 + last * 3 + m->key_len) & 63);
}

/* The first member whose key was seen before, or NULL. Few members: most pairs
 * are told apart by one bit made of length, first and last byte. */
static struct json *pairwise_duplicate(struct json *first)
{
    uint64_t seen = 0;
    for (struct json *m = first; m != NULL; m = m->next) {
        uint64_t bit = key_bit(m);
        if ((seen & bit) != 0) {
            for (const struct json *o = first; o != m; o = o->next) {
                if (same_key(o, m)) {
                    return m;
                }
            }
        }
        seen |= bit;
    }
    return NULL;
}

static bool reserve_slots(struct parser *p, uint32_t count)
{
    uint32_t need = 1;
    while (need < (uint64_t)count * 2) {
        need *= 2;
        if (need == 0) {
            return false;
        }
    }
    if (need > p->slot_cap) {
        if (p->slot_cap == 0) {
            p->seed = hash_seed();
        }
        p->slots = arena_alloc(p->arena, need * sizeof(struct json *));
        p->slot_cap = p->slots == NULL ? 0 : need;
    }
    return p->slots != NULL;
}

/* Many members: a table of their keys, with a seed that nobody can guess. */
static enum err hashed_duplicate(struct parser *p, const struct json *object,
                                 struct json **twice)
{
    if (!reserve_slots(p, object->len)) {
        return too_large(p);
    }
    uint32_t mask = 1;
    while (mask < object->len * UINT64_C(2)) {
        mask *= 2;
    }
    memset(p->slots, 0, mask * sizeof(struct json *));
    mask--;
    for (struct json *m = object->first; m != NULL; m = m->next) {
        uint32_t i = (uint32_t)hash_bytes(json_key(m), p->seed) & mask;
        while (p->slots[i] != NULL) {
            if (same_key(p->slots[i], m)) {
                *twice = m;
                return ERR_OK;
            }
            i = (i + 1) & mask;
        }
        p->slots[i] = m;
    }
    return ERR_OK;
}

/* The offset of the quote before m's key: backwards from the value over `"key":`.
 * Quotes inside a text have an odd number of backslashes before them. */
static ptrdiff_t key_start(const struct json *m, const char *input)
{
    ptrdiff_t at = (ptrdiff_t)m->offset - 1;
    while (input[at] != ':') {
        at--;
    }
    while (input[at] != '"') {
        at--;
    }
    for (;;) {
        do {
            at--;
        } while (input[at] != '"');
        ptrdiff_t slash = at;
        while (slash > 0 && input[slash - 1] == '\\') {
            slash--;
        }
        if ((at - slash) % 2 == 0) {
            return at;
        }
    }
}

/* The open containers as a path, outermost first, then the key of m. They are few
 * (the depth is bounded), so walking up for each is well enough. */
static enum err refuse_key(struct parser *p, const struct json *m)
{
    struct str path = {NULL, 0};
    char text[sizeof p->fail->path];
    for (unsigned level = 1; level < p->depth && path.len < sizeof text - 1; level++) {
        const struct json *child = p->open;
        for (unsigned i = p->depth; i > level + 1; i--) {
            child = child->next;
        }
        /* A member that is open does not count yet. */
        struct json_path step = {NULL, json_key(child), child->next->len};
        path.len += json_path_write(&step, text + path.len, sizeof text - path.len);
    }
    struct json_path last = {NULL, json_key(m), 0};
    path.len += json_path_write(&last, text + path.len, sizeof text - path.len);
    path.ptr = text;
    if (p->fail != NULL && p->fail->code == ERR_OK) {
        fail_at(p->fail, ERR_DUPLICATE_KEY, path, "an object has this key twice");
        p->fail->offset = key_start(m, p->start);
    }
    return ERR_DUPLICATE_KEY;
}

/* ---- containers ---- */

static enum err open_container(struct parser *p, struct json *j, enum json_kind kind)
{
    if (++p->depth > p->max_depth) {
        return fail_byte(p, ERR_TOO_DEEP, p->at, "more open brackets than allowed");
    }
    j->kind = (uint8_t)kind;
    j->len = 0;
    j->first = NULL;
    j->next = p->open;
    p->open = j;
    p->at++;
    return ERR_OK;
}

/* j is complete: makes it the last member of the open container. */
static void attach(struct parser *p, struct json *j)
{
    struct json *parent = p->open;
    if (parent == NULL) {
        j->next = NULL;
        return;
    }
    struct json *last = parent->first;
    if (last == NULL) {
        j->next = j;
    } else {
        j->next = last->next;
        last->next = j;
    }
    parent->first = j;
    parent->len++;
}

static enum err close_container(struct parser *p)
{
    struct json *j = p->open, *last = j->first, *twice = NULL;
    if (last != NULL) {
        j->first = last->next;
        last->next = NULL;
    }
    if (j->kind == JSON_OBJECT && j->len > 1) {
        if (j->len <= PAIRWISE_MAX) {
            twice = pairwise_duplicate(j->first);
        } else {
            enum err e = hashed_duplicate(p, j, &twice);
            if (e != ERR_OK) {
                return e;
            }
        }
        if (twice != NULL) {
            return refuse_key(p, twice);
        }
    }
    p->at++;
    p->depth--;
    p->open = j->next;
    attach(p, j);
    return ERR_OK;
}

/* ---- the grammar ---- */

static void skip_space(struct parser *p)
{
    p->at = json_space_end(p->at, p->end);
}

/* member = string name-separator value (RFC 8259 §4): up to the value. */
static enum err read_key(struct parser *p, struct json *j)
{
    if (p->at == p->end || *p->at != '"') {
        return bad_json(p, p->at, "a key must be a string");
    }
    struct str key;
    enum err e = read_string(p, &key);
    if (e != ERR_OK) {
        return e;
    }
    j->key = key.ptr;
    j->key_len = (uint32_t)key.len;
    skip_space(p);
    if (p->at == p->end || *p->at != ':') {
        return bad_json(p, p->at, "a colon must follow a key");
    }
    p->at++;
    skip_space(p);
    return ERR_OK;
}

/* value = false / null / true / object / array / number / string (RFC 8259 §3); of
 * an object or array the opening bracket. */
static enum err read_value(struct parser *p, struct json *j)
{
    char c = p->at < p->end ? *p->at : '\0';
    if (c == '"') {
        struct str text;
        enum err e = read_string(p, &text);
        j->kind = JSON_STRING;
        j->text = text.ptr;
        j->len = (uint32_t)text.len;
        return e;
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return read_number(p, j);
    }
    switch (c) {
    case '{':
        return open_container(p, j, JSON_OBJECT);
    case '[':
        return open_container(p, j, JSON_ARRAY);
    case 't':
        return read_literal(p, j, STR("true"), JSON_TRUE);
    case 'f':
        return read_literal(p, j, STR("false"), JSON_FALSE);
    case 'n':
        return read_literal(p, j, STR("null"), JSON_NULL);
    default:
        return bad_json(p, p->at, "not a JSON value");
    }
}

size_t json_object_bytes(struct str text)
{
    const char *at = text.ptr, *end = at + text.len;
    unsigned depth = 0;
    uint64_t high = 0;
    for (; at < end; at++) {
        char c = (char)(*at | 0x20); /* brackets and braces differ in this bit */
        if (*at == '"') {
            at = json_plain_end(at + 1, end, &high);
            while (at < end && *at != '"') { /* an escape, or a fault for others to find */
                at = json_plain_end(end - at < 2 ? end : at + 2, end, &high);
            }
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            return (size_t)(at + 1 - text.ptr);
        }
    }
    return 0;
}

/* Asks for the object at p->at: first whether it is one of those that are likely,
 * which needs no search for its end. */
static void ask_known(struct parser *p, struct json_known *k)
{
    struct str rest = {p->at, (size_t)(p->end - p->at)};
    rest.len = rest.len < KNOWN_BYTES_MAX ? rest.len : KNOWN_BYTES_MAX;
    size_t bytes = 0;
    if (k->guess != NULL) {
        k->found = k->guess(k, rest, p->max_depth - 1, &bytes);
    }
    if (k->found == NULL) {
        bytes = json_object_bytes(rest);
    }
    if (bytes > 0) {
        k->text = (struct str){p->at, bytes};
    }
    if (bytes > 0 && k->found == NULL) {
        k->found = k->find(k, k->text, p->max_depth - 1);
    }
}

/* The object at p->at, if its bytes are known: then it is not read, but passed. */
static bool take_known(struct parser *p, struct json *j)
{
    struct json_known *k = p->known;
    if (k == NULL || p->depth != 1 || p->at == p->end || *p->at != '{' || k->text.ptr != NULL ||
        j->key == NULL || !str_eq(json_key(j), k->key)) {
        return false;
    }
    ask_known(p, k);
    if (k->found == NULL) {
        return false;
    }
    j->kind = JSON_OBJECT;
    j->len = k->found->len;
    j->first = k->found->first;
    p->at += k->text.len;
    return true;
}

/* One member of the open container (or the root): its key, and its value, of which
 * a container is only opened. */
static enum err read_member(struct parser *p, struct json **out)
{
    struct json *j = new_node(p);
    if (j == NULL) {
        return too_large(p);
    }
    skip_space(p);
    j->key = NULL;
    j->key_len = 0;
    if (p->open != NULL && p->open->kind == JSON_OBJECT) {
        enum err e = read_key(p, j);
        if (e != ERR_OK) {
            return e;
        }
    }
    j->offset = (uint32_t)(p->at - p->start);
    enum err e = take_known(p, j) ? ERR_OK : read_value(p, j);
    if (e == ERR_OK && p->open != j) {
        attach(p, j);
    }
    *out = j;
    return e;
}

/* What stands between members: closes what is closed here; *more says that
 * another member follows. */
static enum err read_between(struct parser *p, bool *more)
{
    while (p->open != NULL) {
        skip_space(p);
        char c = p->at < p->end ? *p->at : '\0';
        bool object = p->open->kind == JSON_OBJECT;
        if (c == (object ? '}' : ']')) {
            enum err e = close_container(p);
            if (e != ERR_OK) {
                return e;
            }
            continue;
        }
        *more = true;
        if (p->open->first == NULL) {
            return ERR_OK; /* just opened */
        }
        if (c != ',') {
            return bad_json(p, p->at,
                            object ? "a comma or } is missing" : "a comma or ] is missing");
        }
        p->at++;
        return ERR_OK;
    }
    *more = false;
    return ERR_OK;
}

/* JSON-text = ws value ws (RFC 8259 §2) */
static enum err read_text(struct parser *p, struct json **root)
{
    enum err e = read_member(p, root);
    bool more = true;
    while (e == ERR_OK && (e = read_between(p, &more)) == ERR_OK && more) {
        struct json *j;
        e = read_member(p, &j);
    }
    if (e != ERR_OK) {
        return e;
    }
    skip_space(p);
    return p->at == p->end ? ERR_OK : bad_json(p, p->at, "something follows the JSON value");
}

enum err json_parse_with(struct arena *a, struct str input, const struct json_opts *opts,
                         struct json **out, struct fail *f)
{
    *out = NULL;
    const char *start = input.len == 0 ? "" : input.ptr;
    struct parser p = {
        .at = start,
        .end = start + input.len,
        .start = start,
        .max_depth = opts->max_depth,
        .known = opts->known,
        .batch = FIRST_BATCH,
        .arena = a,
        .fail = f,
    };
    if (input.len >= UINT32_MAX) {
        return too_large(&p);
    }
    struct json *root;
    enum err e = read_text(&p, &root);
    return_spare(&p);
    if (e == ERR_OK) {
        *out = root;
    }
    return e;
}

enum err json_parse(struct arena *a, struct str input, unsigned max_depth, struct json **out,
                    struct fail *f)
{
    return json_parse_with(a, input, &(struct json_opts){.max_depth = max_depth}, out, f);
}
