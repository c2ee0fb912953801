/* SPDX-License-Identifier: MIT
 *
 * backend/sqlite_regexp.c: regular expressions of PCRE2, the library that MariaDB uses
 * too. A pattern that takes too many steps is an error: it comes from a client, and the
 * thread must not hang on it.
 *
 * Pure functions of their arguments, called on the connection's thread. SQLite keeps the
 * compiled pattern beside the call as long as it is a constant there.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "backend/sqlite_args.h"
#include "backend/sqlite_session.h"
#include "base/buf.h"

#include <pcre2.h>

/* PCRE2's own limit is ten times that; a second's work at most. */
#define MOST_STEPS 1000000
#define MOST_HEAP_KIB 8192

enum fold { FOLD_NO, FOLD_YES };

struct regexp {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
};

static void regexp_free(void *arg)
{
    struct regexp *r = arg;
    pcre2_match_context_free(r->limits);
    pcre2_match_data_free(r->match);
    pcre2_code_free(r->code);
    sqlite3_free(r);
}

static void bad_pattern(sqlite3_context *ctx)
{
    sqlite3_result_error(ctx, "bad value: this is no regular expression of PCRE2", -1);
}

/* NULL: the error is given. */
static struct regexp *regexp_new(sqlite3_context *ctx, struct str pattern, enum fold fold)
{
    int error = 0;
    PCRE2_SIZE where = 0;
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
                       (fold == FOLD_YES ? PCRE2_CASELESS : 0);
    struct regexp *r = sqlite3_malloc64(sizeof *r);
    if (r == NULL) {
        sqlite3_result_error_nomem(ctx);
        return NULL;
    }
    *r = (struct regexp){NULL, NULL, NULL};
    r->code =
        pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, options, &error, &where, NULL);
    if (r->code == NULL) {
        bad_pattern(ctx);
        regexp_free(r);
        return NULL;
    }
    r->match = pcre2_match_data_create_from_pattern(r->code, NULL);
    r->limits = pcre2_match_context_create(NULL);
    if (r->match == NULL || r->limits == NULL) {
        sqlite3_result_error_nomem(ctx);
        regexp_free(r);
        return NULL;
    }
    pcre2_set_match_limit(r->limits, MOST_STEPS);
    pcre2_set_heap_limit(r->limits, MOST_HEAP_KIB);
    return r;
}

/* The pattern in argument `at`, compiled now or before. */
static struct regexp *regexp_of(sqlite3_context *ctx, sqlite3_value **argv, int at,
                                enum fold fold)
{
    struct regexp *r = sqlite3_get_auxdata(ctx, at);
    if (r != NULL) {
        return r;
    }
    r = regexp_new(ctx, sqlite_text_arg(argv[at]), fold);
    if (r != NULL) {
        sqlite3_set_auxdata(ctx, at, r, regexp_free);
        r = sqlite3_get_auxdata(ctx, at); /* NULL: no memory, and it is freed */
        if (r == NULL) {
            sqlite3_result_error_nomem(ctx);
        }
    }
    return r;
}

/* 0 found, 1 not found, -1 the error is given. */
static int find(sqlite3_context *ctx, const struct regexp *r, struct str s, size_t from,
                uint32_t options)
{
    int n = pcre2_match(r->code, (PCRE2_SPTR)s.ptr, s.len, from, options, r->match, r->limits);
    if (n == PCRE2_ERROR_NOMATCH) {
        return 1;
    }
    if (n == PCRE2_ERROR_NOMEMORY) {
        sqlite3_result_error_nomem(ctx);
    } else if (n < 0) {
        sqlite3_result_error(ctx, "bad value: the regular expression takes too many steps", -1);
    }
    return n < 0 ? -1 : 0;
}

static void matches(sqlite3_context *ctx, int argc, sqlite3_value **argv, enum fold fold)
{
    if (sqlite_any_null(argc, argv)) {
        return;
    }
    struct regexp *r = regexp_of(ctx, argv, 1, fold);
    int found = r == NULL ? -1 : find(ctx, r, sqlite_text_arg(argv[0]), 0, 0);
    if (found >= 0) {
        sqlite3_result_int(ctx, found == 0);
    }
}

/* tb_regexp(text, pattern) */
static void tb_regexp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    matches(ctx, argc, argv, FOLD_NO);
}

static void tb_iregexp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    matches(ctx, argc, argv, FOLD_YES);
}

/* ---- replacing ---- */

/* \1 … \9 are what the groups found, \\ is a backslash. */
static void add_replacement(struct buf *b, const struct regexp *r, struct str s,
                            struct str with)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->match);
    uint32_t groups = pcre2_get_ovector_count(r->match);
    for (size_t i = 0; i < with.len; i++) {
        char next = i + 1 < with.len ? with.ptr[i + 1] : '\0';
        if (with.ptr[i] != '\\' || (next != '\\' && (next < '0' || next > '9'))) {
            buf_char(b, with.ptr[i]);
            continue;
        }
        i++;
        uint32_t group = (uint32_t)(next - '0');
        if (next == '\\') {
            buf_char(b, '\\');
        } else if (group < groups && at[2 * group] != PCRE2_UNSET) {
            buf_add(b, s.ptr + at[2 * group], at[2 * group + 1] - at[2 * group]);
        }
    }
}

static size_t char_bytes(struct str s, size_t at)
{
    size_t n = 1;
    while (at + n < s.len && ((unsigned char)s.ptr[at + n] & 0xC0) == 0x80) {
        n++;
    }
    return n;
}

/* Every place; false: the error is given. */
static bool replace_all(sqlite3_context *ctx, const struct regexp *r, struct str s,
                        struct str with, struct buf *b)
{
    size_t most =
        (size_t)sqlite3_limit(sqlite3_context_db_handle(ctx), SQLITE_LIMIT_LENGTH, -1);
    size_t at = 0;
    while (at <= s.len) {
        int found = find(ctx, r, s, at, 0);
        if (found < 0) {
            return false;
        }
        if (found > 0) {
            break;
        }
        const PCRE2_SIZE *range = pcre2_get_ovector_pointer(r->match);
        size_t from = range[0] < at ? at : range[0], to = range[1] < from ? from : range[1];
        buf_add(b, s.ptr + at, from - at);
        add_replacement(b, r, s, with);
        if (b->len > most || b->failed) {
            break;
        }
        at = to;
        if (from == to) { /* nothing was taken: go on behind the next character */
            size_t n = to < s.len ? char_bytes(s, to) : 1;
            buf_add(b, s.ptr + to, to < s.len ? n : 0);
            at = to + n;
        }
    }
    buf_add(b, s.ptr + (at < s.len ? at : s.len), at < s.len ? s.len - at : 0);
    if (b->len > most) {
        sqlite3_result_error(ctx, "too long: the text is beyond SQLite's limit", -1);
    }
    return b->len <= most;
}

static void replace(sqlite3_context *ctx, int argc, sqlite3_value **argv, enum fold fold)
{
    struct buf b;
    if (sqlite_any_null(argc, argv)) {
        return;
    }
    struct regexp *r = regexp_of(ctx, argv, 1, fold);
    if (r == NULL) {
        return;
    }
    buf_init(&b);
    if (replace_all(ctx, r, sqlite_text_arg(argv[0]), sqlite_text_arg(argv[2]), &b)) {
        if (b.failed) {
            sqlite3_result_error_nomem(ctx);
        } else {
            sqlite3_result_text64(ctx, b.len == 0 ? "" : b.ptr, b.len, SQLITE_TRANSIENT,
                                  SQLITE_UTF8);
        }
    }
    buf_fini(&b);
}

/* tb_regexp_replace(text, pattern, replacement) */
static void tb_regexp_replace(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    replace(ctx, argc, argv, FOLD_NO);
}

static void tb_iregexp_replace(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    replace(ctx, argc, argv, FOLD_YES);
}

static const struct sqlite_function functions[] = {
    {"tb_iregexp", 2, tb_iregexp, false},
    {"tb_iregexp_replace", 3, tb_iregexp_replace, false},
    {"tb_regexp", 2, tb_regexp, false},
    {"tb_regexp_replace", 3, tb_regexp_replace, false},
};
const struct sqlite_function_table sqlite_regexp = SQLITE_TABLE_OF(functions);
