/* SPDX-License-Identifier: MIT
 *
 * schema/sqlite_ddl.c: a scanner for the little of SQLite's DDL that no PRAGMA
 * tells. No memory, no state.
 */
#include "schema/sqlite_ddl.h"

#include <string.h>

static bool is_word(char c)
{
    unsigned char u = (unsigned char)c;
    return (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') || (u >= '0' && u <= '9') ||
           u == '_' || u == '$' || u >= 0x80;
}

/* ---- CREATE TABLE ---- */

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_NAME, TOKEN_SIGN };

struct token {
    enum token_kind kind; /* NAME: quoted in any of the four ways */
    struct str text;      /* without the quotes, doubled ones still doubled */
    char quote;           /* the closing one, of a NAME */
    char sign;
};

/* blank := white space | "--" … end of line | "/" "*" … "*" "/" */
static size_t skip_blank(struct str s, size_t i)
{
    while (i < s.len) {
        if (i + 1 < s.len && s.ptr[i] == '-' && s.ptr[i + 1] == '-') {
            ptrdiff_t end = str_find(s, '\n', i);
            i = end < 0 ? s.len : (size_t)end + 1;
        } else if (i + 1 < s.len && s.ptr[i] == '/' && s.ptr[i + 1] == '*') {
            const char *end = memmem(s.ptr + i + 2, s.len - i - 2, "*/", 2);
            i = end == NULL ? s.len : (size_t)(end - s.ptr) + 2;
        } else if (strchr(" \t\n\r\f", s.ptr[i]) != NULL && s.ptr[i] != '\0') {
            i++;
        } else {
            break;
        }
    }
    return i;
}

/* name := quote {any | quote quote} quote; "[" ends with "]" and doubles nothing. */
static struct token quoted(struct str s, size_t *at, char quote)
{
    size_t start = ++*at;
    while (*at < s.len) {
        if (s.ptr[*at] == quote) {
            if (quote == ']' || *at + 1 >= s.len || s.ptr[*at + 1] != quote) {
                break;
            }
            ++*at;
        }
        ++*at;
    }
    struct token t = {TOKEN_NAME, {s.ptr + start, 0}, quote, 0};
    size_t end = *at < s.len ? *at : s.len;
    t.text.len = end - start;
    *at = end < s.len ? end + 1 : s.len;
    return t;
}

static struct token next_token(struct str s, size_t *at)
{
    *at = skip_blank(s, *at);
    if (*at >= s.len) {
        return (struct token){.kind = TOKEN_END};
    }
    char c = s.ptr[*at];
    if (c == '"' || c == '`' || c == '\'' || c == '[') {
        return quoted(s, at, c == '[' ? ']' : c);
    }
    size_t start = *at;
    while (*at < s.len && is_word(s.ptr[*at])) {
        ++*at;
    }
    if (*at > start) {
        return (struct token){TOKEN_WORD, {s.ptr + start, *at - start}, 0, 0};
    }
    ++*at;
    return (struct token){TOKEN_SIGN, {s.ptr + start, 1}, 0, c};
}

/* The name a token stands for, doubled quotes undone; empty if it is too long. */
static struct str unquote(const struct token *t, char out[SQLITE_NAME_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < t->text.len; i++) {
        if (n == SQLITE_NAME_MAX) {
            return STR("");
        }
        out[n++] = t->text.ptr[i];
        i += t->kind == TOKEN_NAME && t->quote != ']' && t->text.ptr[i] == t->quote;
    }
    return (struct str){out, n};
}

static bool word_is(const struct token *t, const char *word)
{
    return t->kind == TOKEN_WORD && str_ieq(t->text, str_of(word));
}

/* An item that begins so is a constraint of the table, and only such follow. */
static bool starts_constraint(const struct token *t)
{
    return word_is(t, "CONSTRAINT") || word_is(t, "PRIMARY") || word_is(t, "UNIQUE") ||
           word_is(t, "CHECK") || word_is(t, "FOREIGN");
}

/* item := name {token}, up to "," or ")" outside brackets. Sets *collation if it has a
 * COLLATE; *more tells whether another item follows. */
static void read_item(struct sqlite_ddl *d, struct str *collation, bool *more)
{
    int depth = 0;
    *collation = STR("");
    for (;;) {
        struct token t = next_token(d->sql, &d->at);
        bool closing = t.kind == TOKEN_SIGN && t.sign == ')' && depth == 0;
        *more = t.kind == TOKEN_SIGN && t.sign == ',' && depth == 0;
        if (t.kind == TOKEN_END || closing || *more) {
            return;
        }
        if (t.kind == TOKEN_SIGN) {
            depth += (t.sign == '(') - (t.sign == ')');
        } else if (depth == 0 && word_is(&t, "COLLATE")) {
            t = next_token(d->sql, &d->at);
            *collation = unquote(&t, d->collation);
        }
    }
}

static bool find_columns(struct sqlite_ddl *d)
{
    while (!d->inside) {
        struct token t = next_token(d->sql, &d->at);
        if (t.kind == TOKEN_END) {
            return false;
        }
        d->inside = t.kind == TOKEN_SIGN && t.sign == '(';
    }
    return true;
}

bool sqlite_ddl_next(struct sqlite_ddl *d, struct str *column, struct str *collation)
{
    bool more = find_columns(d);
    while (more && d->at < d->sql.len) {
        struct token first = next_token(d->sql, &d->at);
        bool named = first.kind == TOKEN_NAME || first.kind == TOKEN_WORD;
        if (!named || starts_constraint(&first)) {
            break;
        }
        *column = unquote(&first, d->name);
        read_item(d, collation, &more);
        if (!more) {
            d->at = d->sql.len;
        }
        if (collation->len > 0 && column->len > 0) {
            return true;
        }
    }
    d->at = d->sql.len;
    return false;
}
