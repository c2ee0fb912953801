/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_functions.c: the SQL functions that the compiler's SQLite
 * dialect relies on where SQLite itself knows ASCII alone.
 *
 * Pure functions of their arguments, called on the connection's thread. SQLite
 * does not check that stored text is UTF-8: a byte that is none stands for itself.
 */
#include "backend/sqlite_args.h"
#include "backend/sqlite_session.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

/* -- characters ------------------------------------------------------------ */

/* A byte that begins no character, kept apart from every code point. */
#define NOT_UTF8 0x80000000u

/* Reads the character at *at, or one byte | NOT_UTF8, and moves on. */
static uint32_t next_char(struct str s, size_t *at)
{
    const unsigned char *p = (const unsigned char *)s.ptr + *at;
    size_t left = s.len - *at;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (n == 1) {
        *at += 1;
        return p[0];
    }
    if (n > left || !utf8_valid((struct str){s.ptr + *at, n}, NULL)) {
        *at += 1;
        return p[0] | NOT_UTF8;
    }
    uint32_t c = p[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        c = c << 6 | (p[i] & 0x3Fu);
    }
    *at += n;
    return c;
}

/* Writes c as next_char read it; 4 bytes must be free. */
static size_t put_char(char *out, uint32_t c)
{
    if (c < 0x80 || (c & NOT_UTF8) != 0) {
        out[0] = (char)(c & 0xFF);
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    out[0] = (char)((0xF00u >> n & 0xF0u) | c);
    return n;
}

static uint32_t lower_char(uint32_t c, locale_t l)
{
    return (c & NOT_UTF8) != 0 ? c : (uint32_t)towlower_l((wint_t)c, l);
}

static uint32_t upper_char(uint32_t c, locale_t l)
{
    return (c & NOT_UTF8) != 0 ? c : (uint32_t)towupper_l((wint_t)c, l);
}

/* Simple case folding (Unicode, CaseFolding.txt C and S): upper, then lower, so
 * that ſ and s, ς and σ meet. Dotted and dotless i fold to themselves there. */
static uint32_t fold_char(uint32_t c, locale_t l)
{
    if (c < 0x80) {
        return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
    }
    return c == 0x130 || c == 0x131 ? c : lower_char(upper_char(c, l), l);
}

/* -- lower, upper ---------------------------------------------------------- */

typedef uint32_t map_fn(uint32_t c, locale_t l);

/* A mapped character takes at most 3 bytes where it had 2, and never 4 for 3:
 * twice the length is enough for all. */
static void map_text(sqlite3_context *ctx, sqlite3_value *v, map_fn *map)
{
    struct str in = sqlite_text_arg(v);
    if (in.ptr == NULL) {
        return;
    }
    char *out = sqlite3_malloc64(in.len * 2 + 4);
    if (out == NULL) {
        sqlite3_result_error_nomem(ctx);
        return;
    }
    locale_t l = sqlite3_user_data(ctx);
    size_t n = 0;
    for (size_t at = 0; at < in.len;) {
        n += put_char(out + n, map(next_char(in, &at), l));
    }
    sqlite3_result_text64(ctx, out, n, sqlite3_free, SQLITE_UTF8);
}

static void tb_lower(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    map_text(ctx, argv[0], lower_char);
}

static void tb_upper(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    map_text(ctx, argv[0], upper_char);
}

/* -- ilike ----------------------------------------------------------------- */

struct matcher {
    struct str pattern, text;
    uint32_t escape; /* NOT_UTF8: none */
    locale_t locale;
};

enum pattern_part { PART_END, PART_CHAR, PART_ANY_CHAR, PART_ANY_TEXT, PART_BAD };

static enum pattern_part next_part(const struct matcher *m, size_t *at, uint32_t *c)
{
    if (*at == m->pattern.len) {
        return PART_END;
    }
    *c = next_char(m->pattern, at);
    if (*c == m->escape) {
        if (*at == m->pattern.len) {
            return PART_BAD;
        }
        *c = next_char(m->pattern, at);
        return PART_CHAR;
    }
    return *c == '%' ? PART_ANY_TEXT : *c == '_' ? PART_ANY_CHAR : PART_CHAR;
}

enum match { MATCH_NO, MATCH_YES, MATCH_BAD_PATTERN };

/* Whether the part takes the next character of the text; moves *at behind it. */
static bool part_takes(const struct matcher *m, enum pattern_part part, uint32_t c, size_t *at)
{
    bool wants = part == PART_CHAR || part == PART_ANY_CHAR;
    if (!wants || *at == m->text.len) {
        return false;
    }
    uint32_t t = next_char(m->text, at);
    return part == PART_ANY_CHAR || fold_char(t, m->locale) == fold_char(c, m->locale);
}

/* Only the last % is ever gone back to: what is before it matched the shortest
 * text, so a longer one there cannot help. At worst pattern × text steps. */
static enum match match(const struct matcher *m)
{
    size_t p = 0, t = 0, retry_p = 0, retry_t = 0;
    bool has_retry = false;
    for (;;) {
        uint32_t c = 0;
        enum pattern_part part = next_part(m, &p, &c);
        if (part == PART_BAD) {
            return MATCH_BAD_PATTERN;
        }
        if (part == PART_ANY_TEXT) {
            has_retry = true;
            retry_p = p;
            retry_t = t;
            continue;
        }
        if (part == PART_END && t == m->text.len) {
            return MATCH_YES;
        }
        if (part_takes(m, part, c, &t)) {
            continue;
        }
        if (!has_retry || retry_t == m->text.len) {
            return MATCH_NO;
        }
        (void)next_char(m->text, &retry_t);
        p = retry_p;
        t = retry_t;
    }
}

/* tb_ilike(pattern, text, escape or null) */
static void tb_ilike(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct matcher m = {.pattern = sqlite_text_arg(argv[0]),
                        .text = sqlite_text_arg(argv[1]),
                        .escape = NOT_UTF8,
                        .locale = sqlite3_user_data(ctx)};
    struct str escape = argc > 2 ? sqlite_text_arg(argv[2]) : (struct str){0};
    if (m.pattern.ptr == NULL || m.text.ptr == NULL) {
        return;
    }
    if (escape.ptr != NULL) {
        size_t at = 0;
        m.escape = escape.len == 0 ? NOT_UTF8 : next_char(escape, &at);
        if (escape.len == 0 || at != escape.len) {
            sqlite3_result_error(ctx, "bad value: the escape must be one character", -1);
            return;
        }
    }
    switch (match(&m)) {
    case MATCH_NO:
        sqlite3_result_int(ctx, 0);
        return;
    case MATCH_YES:
        sqlite3_result_int(ctx, 1);
        return;
    case MATCH_BAD_PATTERN:
        sqlite3_result_error(ctx, "bad value: the pattern ends in the escape character", -1);
        return;
    }
}

/* tb_one(count, value): the value of a scalar subquery. */
static void tb_one(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return;
    }
    if (sqlite3_value_int64(argv[0]) > 1) {
        sqlite3_result_error(ctx, "a subquery gives more than one row", -1);
        return;
    }
    sqlite3_result_value(ctx, argv[1]);
}

/* tb_fit(text, n): a computed value for a column of n characters, which SQLite would
 * store at any length. */
static void tb_fit(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_TEXT) {
        const char *ptr = (const char *)sqlite3_value_text(argv[0]);
        struct str s = {ptr, (size_t)sqlite3_value_bytes(argv[0])};
        if (ptr != NULL && utf8_count(s) > (size_t)sqlite3_value_int64(argv[1])) {
            sqlite3_result_error(ctx, "too long: a computed text does not fit its column", -1);
            return;
        }
    }
    sqlite3_result_value(ctx, argv[0]);
}

/* tb_range(i, low, high): the same for an integer. */
static void tb_range(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_INTEGER) {
        int64_t n = sqlite3_value_int64(argv[0]);
        if (n < sqlite3_value_int64(argv[1]) || n > sqlite3_value_int64(argv[2])) {
            sqlite3_result_error(ctx, "integer overflow", -1);
            return;
        }
    }
    sqlite3_result_value(ctx, argv[0]);
}

/* -- the table ------------------------------------------------------------- */

static const struct sqlite_function functions[] = {
    {"tb_lower", 1, tb_lower, false}, {"tb_upper", 1, tb_upper, false},
    {"tb_ilike", 2, tb_ilike, false}, {"tb_ilike", 3, tb_ilike, false},
    {"tb_one", 2, tb_one, false},     {"tb_fit", 2, tb_fit, false},
    {"tb_range", 3, tb_range, false},
};
static const struct sqlite_function_table own = SQLITE_TABLE_OF(functions);

static int register_table(sqlite3 *db, const struct sqlite_function_table *t, locale_t locale)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < t->count; i++) {
        const struct sqlite_function *f = &t->functions[i];
        int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS | (f->impure ? 0 : SQLITE_DETERMINISTIC);
        rc = sqlite3_create_function_v2(db, f->name, f->arg_count, flags, locale, f->fn, NULL,
                                        NULL, NULL);
    }
    return rc;
}

int sqlite_functions_register(sqlite3 *db, locale_t locale)
{
    static const struct sqlite_function_table *const areas[] = {
        &own,         &sqlite_arith, &sqlite_decimal, &sqlite_math,
        &sqlite_text, &sqlite_cast,  &sqlite_regexp};
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof areas / sizeof areas[0]; i++) {
        rc = register_table(db, areas[i], locale);
    }
    rc = rc != SQLITE_OK ? rc : sqlite_aggregates_register(db);
    rc = rc != SQLITE_OK ? rc : sqlite_collect_register(db);
    rc = rc != SQLITE_OK ? rc : sqlite_series_register(db);
    rc = rc != SQLITE_OK ? rc : sqlite_json_each_register(db);
    rc = rc != SQLITE_OK ? rc : sqlite_dates_register(db);
    rc = rc != SQLITE_OK ? rc : sqlite_json_register(db);
    return rc;
}
