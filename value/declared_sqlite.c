/* SPDX-License-Identifier: MIT
 *
 * value/declared_sqlite.c: SQLite's declared types.
 */
#include "value/declared.h"

#include <string.h>

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
