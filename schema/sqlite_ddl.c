/* SPDX-License-Identifier: MIT
 *
 * schema/sqlite_ddl.c: a scanner for the little of SQLite's DDL that no PRAGMA
 * tells. No memory, no state.
 */
#include "schema/sqlite_ddl.h"

#include <string.h>

/* ---- declared types ---- */

#define WORDS_MAX 64

/* type-name := word {word} [ "(" number [ "," number ] ")" ] {word} */
struct declared {
    char words[WORDS_MAX]; /* upper case, one blank between, bounds left out */
    size_t len;
    int32_t bounds[2]; /* -1: none */
};

static bool is_word(char c)
{
    unsigned char u = (unsigned char)c;
    return (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') || (u >= '0' && u <= '9') ||
           u == '_' || u == '$' || u >= 0x80;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* bounds := "(" number [ "," number ] ")"; returns the index behind it. */
static size_t read_bounds(struct str s, size_t i, int32_t bounds[2])
{
    int which = 0;
    for (i++; i < s.len && s.ptr[i] != ')'; i++) {
        char c = s.ptr[i];
        if (c == ',') {
            which = 1;
        } else if (c >= '0' && c <= '9' && bounds[which] < 100000000) {
            bounds[which] = (bounds[which] < 0 ? 0 : bounds[which]) * 10 + (c - '0');
        }
    }
    return i + 1;
}

static struct declared read_declared(struct str s)
{
    struct declared d = {.bounds = {-1, -1}};
    bool gap = false;
    for (size_t i = 0; i < s.len && d.len + 2 < sizeof d.words;) {
        if (s.ptr[i] == '(') {
            i = read_bounds(s, i, d.bounds);
            gap = true;
            continue;
        }
        if (is_word(s.ptr[i])) {
            if (gap && d.len > 0) {
                d.words[d.len++] = ' ';
            }
            d.words[d.len++] = upper(s.ptr[i]);
        }
        gap = !is_word(s.ptr[i]);
        i++;
    }
    return d;
}

/* SQLite's REAL and FLOAT are 8 bytes wide, so none is TYPE_REAL. INTEGER is told as
 * integer, as on other databases, since sums and quotients take their type from it;
 * that it holds 64 bits is told by precision 19 (see sqlite_declared_type). */
static const struct {
    const char *words;
    enum type_kind kind;
} known_types[] = {
    {"INTEGER", TYPE_INTEGER},
    {"INT", TYPE_INTEGER},
    {"BIGINT", TYPE_BIGINT},
    {"INT8", TYPE_BIGINT},
    {"UNSIGNED BIG INT", TYPE_BIGINT},
    {"BIGINT UNSIGNED", TYPE_BIGINT},
    {"INT UNSIGNED", TYPE_BIGINT},
    {"UNSIGNED INT", TYPE_BIGINT},
    {"INTEGER UNSIGNED", TYPE_BIGINT},
    {"MEDIUMINT", TYPE_INTEGER},
    {"INT4", TYPE_INTEGER},
    {"SMALLINT", TYPE_SMALLINT},
    {"INT2", TYPE_SMALLINT},
    {"TINYINT", TYPE_SMALLINT},
    {"BOOLEAN", TYPE_BOOLEAN},
    {"BOOL", TYPE_BOOLEAN},
    {"NUMERIC", TYPE_NUMERIC},
    {"DECIMAL", TYPE_NUMERIC},
    {"DEC", TYPE_NUMERIC},
    {"NUMBER", TYPE_NUMERIC},
    {"REAL", TYPE_DOUBLE},
    {"FLOAT", TYPE_DOUBLE},
    {"DOUBLE", TYPE_DOUBLE},
    {"DOUBLE PRECISION", TYPE_DOUBLE},
    {"TEXT", TYPE_TEXT},
    {"CLOB", TYPE_TEXT},
    {"VARCHAR", TYPE_VARCHAR},
    {"NVARCHAR", TYPE_VARCHAR},
    {"CHARACTER VARYING", TYPE_VARCHAR},
    {"VARYING CHARACTER", TYPE_VARCHAR},
    {"CHAR", TYPE_CHAR},
    {"CHARACTER", TYPE_CHAR},
    {"NCHAR", TYPE_CHAR},
    {"NATIVE CHARACTER", TYPE_CHAR},
    {"BLOB", TYPE_BYTES},
    {"BYTEA", TYPE_BYTES},
    {"BINARY", TYPE_BYTES},
    {"VARBINARY", TYPE_BYTES},
    {"DATE", TYPE_DATE},
    {"TIME", TYPE_TIME},
    {"DATETIME", TYPE_TIMESTAMP},
    {"TIMESTAMP", TYPE_TIMESTAMP},
    {"TIMESTAMP WITHOUT TIME ZONE", TYPE_TIMESTAMP},
    {"TIMESTAMPTZ", TYPE_TIMESTAMPTZ},
    {"TIMESTAMP WITH TIME ZONE", TYPE_TIMESTAMPTZ},
    {"INTERVAL", TYPE_INTERVAL},
    {"UUID", TYPE_UUID},
    {"GUID", TYPE_UUID},
    {"JSON", TYPE_JSON},
    {"JSONB", TYPE_JSON},
};

static bool has(const struct declared *d, const char *part)
{
    return memmem(d->words, d->len, part, strlen(part)) != NULL;
}

/* What the words do not say, SQLite's own rules of affinity may (datatype3.html
 * §3.1). An integer affinity by accident ("POINT") and the numeric one that is left
 * for all the rest stay opaque: such columns hold anything. */
static enum type_kind by_affinity(const struct declared *d)
{
    if (has(d, "INT")) {
        return TYPE_OPAQUE;
    }
    if (has(d, "CHAR") || has(d, "CLOB") || has(d, "TEXT")) {
        return TYPE_TEXT;
    }
    if (has(d, "BLOB")) {
        return TYPE_BYTES;
    }
    return has(d, "REAL") || has(d, "FLOA") || has(d, "DOUB") ? TYPE_DOUBLE : TYPE_OPAQUE;
}

static enum type_kind kind_of(const struct declared *d)
{
    struct str words = {d->words, d->len};
    if (str_is(words, "TINYINT") && d->bounds[0] == 1) {
        return TYPE_BOOLEAN;
    }
    for (size_t i = 0; i < sizeof known_types / sizeof known_types[0]; i++) {
        if (str_is(words, known_types[i].words)) {
            return known_types[i].kind;
        }
    }
    return by_affinity(d);
}

struct type sqlite_declared_type(struct str declared)
{
    struct declared d = read_declared(declared);
    struct type t = {.kind = kind_of(&d), .length = -1, .precision = -1, .scale = -1};
    if (t.kind == TYPE_VARCHAR || t.kind == TYPE_CHAR) {
        t.length = d.bounds[0] > 0 ? d.bounds[0] : -1;
    } else if (t.kind == TYPE_NUMERIC && d.bounds[0] > 0 && d.bounds[0] <= 1000) {
        t.precision = (int16_t)d.bounds[0];
        t.scale = (int16_t)(d.bounds[1] > 0 && d.bounds[1] <= 1000 ? d.bounds[1] : 0);
    } else if (t.kind == TYPE_INTEGER) {
        t.precision = 19; /* any 64-bit value may be stored, and row ids are */
    }
    return t;
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
