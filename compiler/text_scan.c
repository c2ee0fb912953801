/* SPDX-License-Identifier: MIT
 *
 * compiler/text_scan.c: see compiler/text_scan.h.
 */
#include "compiler/text_scan.h"

#include <string.h>

struct scan {
    const struct text_rules *rules;
    struct str sql;
    size_t at;
    const char *bad;
};

static char peek(const struct scan *s, size_t ahead)
{
    return s->at + ahead < s->sql.len ? s->sql.ptr[s->at + ahead] : '\0';
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Characters beyond ASCII are letters to all three. */
static bool begins_word(char c)
{
    return is_letter(c) || (unsigned char)c >= 0x80;
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static void to_line_end(struct scan *s)
{
    while (s->at < s->sql.len && s->sql.ptr[s->at] != '\n') {
        s->at++;
    }
}

/* ---- comments ---- */

/* comment = "/" "*" { any | comment } "*" "/"; only PostgreSQL nests them. */
static void block_comment(struct scan *s)
{
    bool executable = peek(s, 2) == '!' || (peek(s, 2) == 'M' && peek(s, 3) == '!');
    if (executable && s->rules->executable_comments) {
        s->bad = "a comment that is executed, /*! … */, cannot be sent";
        return;
    }
    unsigned depth = 0;
    while (s->at < s->sql.len) {
        bool opens = peek(s, 0) == '/' && peek(s, 1) == '*';
        if (peek(s, 0) == '*' && peek(s, 1) == '/') {
            s->at += 2;
            if (--depth == 0) {
                return;
            }
        } else if (opens && (depth == 0 || s->rules->nested_comments)) {
            s->at += 2;
            depth++;
        } else {
            s->at++;
        }
    }
    s->bad = "a comment is not closed";
}

/* blank = white space | "--" … end of line | "#" … end of line | comment */
static bool blank(struct scan *s)
{
    size_t from = s->at;
    bool dashes = peek(s, 0) == '-' && peek(s, 1) == '-';
    if (dashes && s->rules->spaced_dashes) {
        char next = peek(s, 2);
        dashes = next == '\0' || (unsigned char)next <= ' ';
    }
    if (is_space(peek(s, 0))) {
        while (is_space(peek(s, 0))) {
            s->at++;
        }
    } else if (dashes || (s->rules->hash_comments && peek(s, 0) == '#')) {
        to_line_end(s);
    } else if (peek(s, 0) == '/' && peek(s, 1) == '*') {
        block_comment(s);
    }
    return s->at > from || s->bad != NULL;
}

/* ---- literals and quoted names ---- */

/* quoted = q { any | q q } q; `escapes`: a backslash takes the next character along */
static void quoted(struct scan *s, bool escapes)
{
    char open = peek(s, 0), close = open == '[' ? ']' : open;
    for (s->at++; s->at < s->sql.len; s->at++) {
        if (escapes && peek(s, 0) == '\\') {
            s->at++;
        } else if (peek(s, 0) == close) {
            if (open == '[' || peek(s, 1) != close) {
                s->at++;
                return;
            }
            s->at++;
        }
    }
    s->at = s->sql.len;
    s->bad = "a literal or a quoted name is not closed";
}

/* PostgreSQL goes on with a literal behind a line break, under the same rules. */
static void escape_string(struct scan *s)
{
    s->at++; /* the E */
    for (;;) {
        quoted(s, true);
        size_t end = s->at;
        bool line = false;
        while (s->bad == NULL && is_space(peek(s, 0))) {
            line = line || peek(s, 0) == '\n' || peek(s, 0) == '\r';
            s->at++;
        }
        if (!line || peek(s, 0) != '\'') {
            s->at = end;
            return;
        }
    }
}

/* dollar = "$" [ tag ] "$" … the same again; false: it is none */
static bool dollar_quoted(struct scan *s)
{
    size_t n = 1;
    while (begins_word(peek(s, n)) || (n > 1 && is_digit(peek(s, n)))) {
        n++;
    }
    if (peek(s, n) != '$') {
        return false;
    }
    struct str tag = {s->sql.ptr + s->at, n + 1};
    const char *from = tag.ptr + tag.len;
    size_t left = s->sql.len - s->at - tag.len;
    const char *end = memmem(from, left, tag.ptr, tag.len);
    if (end == NULL) {
        s->at = s->sql.len;
        s->bad = "a dollar quote is not closed";
        return true;
    }
    s->at = (size_t)(end - s->sql.ptr) + tag.len;
    return true;
}

/* ---- the rest ---- */

static enum text_kind word(struct scan *s)
{
    bool e = peek(s, 0) == 'e' || peek(s, 0) == 'E';
    if (e && s->rules->escape_strings && peek(s, 1) == '\'') {
        escape_string(s);
        return TEXT_QUOTED;
    }
    while (begins_word(peek(s, 0)) || is_digit(peek(s, 0)) || peek(s, 0) == '$') {
        s->at++;
    }
    return TEXT_WORD;
}

/* Exponents with a sign come as three tokens, which is as good here. */
static enum text_kind number(struct scan *s)
{
    for (;;) {
        char c = peek(s, 0);
        bool string = (c == 'e' || c == 'E') && peek(s, 1) == '\'';
        if ((string && s->rules->escape_strings) ||
            !(is_letter(c) || is_digit(c) || c == '.')) {
            return TEXT_NUMBER;
        }
        s->at++;
    }
}

static enum text_kind colon(struct scan *s)
{
    if (peek(s, 1) == ':' || peek(s, 1) == '=') {
        s->at += 2;
        return TEXT_SIGN;
    }
    s->at++;
    if (!is_letter(peek(s, 0))) {
        bool named = begins_word(peek(s, 0)) || is_digit(peek(s, 0));
        if (named && is_one_of(':', s->rules->foreign_params)) {
            s->bad = "a param is written :name, in ASCII letters";
        }
        return TEXT_SIGN;
    }
    while (is_letter(peek(s, 0)) || is_digit(peek(s, 0))) {
        s->at++;
    }
    return TEXT_PARAM;
}

static enum text_kind sign(struct scan *s)
{
    char c = peek(s, 0);
    bool positional = s->rules->dollar_quotes && c == '$' && is_digit(peek(s, 1));
    if (c == '\\' && peek(s, 1) == ':') {
        s->at += 2;
        return TEXT_COLON;
    }
    if (c == '\0' || positional || is_one_of(c, s->rules->foreign_params)) {
        s->bad = c == '\0' ? "SQL text cannot hold the character U+0000"
                           : "a param is written :name";
        return TEXT_BAD;
    }
    s->at++;
    return c == ';' ? TEXT_SEMICOLON : TEXT_SIGN;
}

static enum text_kind next(struct scan *s)
{
    char c = peek(s, 0);
    if (blank(s)) {
        return TEXT_BLANK;
    }
    if (is_one_of(c, s->rules->quotes)) {
        quoted(s, false);
        return TEXT_QUOTED;
    }
    if (c == '$' && s->rules->dollar_quotes && dollar_quoted(s)) {
        return TEXT_QUOTED;
    }
    return begins_word(c) ? word(s) : is_digit(c) ? number(s) : c == ':' ? colon(s) : sign(s);
}

struct text_token text_next(const struct text_rules *rules, struct str sql, size_t *at)
{
    struct scan s = {.rules = rules, .sql = sql, .at = *at};
    if (s.at >= sql.len) {
        return (struct text_token){.kind = TEXT_END, .text = {"", 0}};
    }
    enum text_kind kind = next(&s);
    struct text_token t = {kind, {sql.ptr + *at, s.at - *at}, s.bad};
    if (s.bad != NULL) {
        t.kind = TEXT_BAD;
        return t;
    }
    if (kind == TEXT_PARAM) {
        t.text = (struct str){t.text.ptr + 1, t.text.len - 1};
    }
    *at = s.at;
    return t;
}
